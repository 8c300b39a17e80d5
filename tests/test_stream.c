/* Tasks that yield, in the core alone: order, backpressure, retries, errors, cancelling, what is never read. */
#include "base/alloc.h"
#include "check.h"
#include "lib/load/replay.h"
#include "mini.h"

static struct mini *cluster(uint32_t nodes, uint32_t cpus)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static struct rs_task *stream_task(struct mini *m, uint64_t ms, uint32_t yields, uint64_t bytes, uint32_t backpressure,
                                   bool fails)
{
  struct rs_replay replay = {.duration_ns = ms * RS_MS, .yields = yields, .return_bytes = bytes, .fails = fails};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->function = rs_replay_function();
  task->flags = RS_TASK_STREAM;
  task->backpressure = backpressure;
  task->id = (struct rs_id){mini_driver(m), mini_seq(m, RS_STREAM_MAX)};
  return task;
}

static struct rs_id submit(struct mini *m, struct rs_task *task)
{
  struct rs_id id = task->id;
  mini_submit(m, task, 1, 3);
  return id;
}

static void simple(struct mini *m, enum rs_call_kind kind, struct rs_id object)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = object;
  mini_call(m, call);
}

/* Asks for the next item and runs until the answer is there, at most until `until_ns`. The item's number; 0: the end;
 * -1: none yet; else the error. */
static int64_t next(struct mini *m, struct rs_id stream, uint64_t until_ns)
{
  uint32_t before = mini_reply_count_of(m, RS_REPLY_NEXT);
  simple(m, RS_CALL_STREAM_NEXT, stream);
  uint64_t now = mini_run(m, 0);
  while (mini_reply_count_of(m, RS_REPLY_NEXT) == before && now < until_ns)
    now = mini_run(m, now + 5 * RS_MS < until_ns ? now + 5 * RS_MS : until_ns);
  if (mini_reply_count_of(m, RS_REPLY_NEXT) == before)
    return -1;
  const struct rs_reply *reply = mini_reply_last_of(m, RS_REPLY_NEXT);
  CHECK(rs_id_equal(reply->id, stream));
  return reply->status ? reply->status : reply->id_count ? (int64_t)(reply->ids[0].seq - stream.seq) : 0;
}

static void ended(struct mini *m, struct rs_id stream, int status)
{
  const struct rs_reply *reply = mini_reply_last_of(m, RS_REPLY_TASK);
  CHECK(reply && rs_id_equal(reply->id, stream));
  CHECK_EQ(reply->status, status);
}

static void items_come_in_order(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id s = submit(m, stream_task(m, 1000, 10, 100, 0, false));
  CHECK_EQ(next(m, s, RS_S + 50 * RS_MS), 1);
  CHECK_EQ(next(m, s, RS_S + 60 * RS_MS), -1); /* the second one comes 100 ms after the first */
  mini_run(m, RS_S + 150 * RS_MS);
  CHECK_EQ(mini_reply_last_of(m, RS_REPLY_NEXT)->ids[0].seq, s.seq + 2); /* the waiting NEXT was answered */
  for (int i = 3; i <= 10; i++)
    CHECK_EQ(next(m, s, 3 * RS_S), i);
  CHECK_EQ(next(m, s, 4 * RS_S), 0);
  ended(m, s, RS_ERR_OK);
  CHECK_EQ(next(m, s, 4 * RS_S), 0); /* and stays ended */
  simple(m, RS_CALL_GET, (struct rs_id){s.owner, s.seq + 7});
  const struct rs_reply *got = mini_reply_last_of(m, RS_REPLY_OBJECT);
  CHECK(got && got->status == RS_ERR_OK && got->value && got->value->size_bytes == 100 && got->value->data[0] == 7);
  mini_free(m);
}

/* No more than N items are made before they are read. */
static void backpressure_holds(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id s = submit(m, stream_task(m, 0, 20, 10, 3, false));
  for (uint64_t i = 1; i <= 20; i++) {
    mini_run(m, 2 * RS_S + i * 100 * RS_MS);
    uint64_t made = mini_messages(m, RS_MSG_STREAM_ITEM), most = i + 2 < 20 ? i + 2 : 20;
    CHECK_EQ(made, most);
    CHECK_EQ(next(m, s, 0), (int64_t)i);
  }
  CHECK_EQ(next(m, s, 10 * RS_S), 0);
  mini_free(m);
}

static void a_retry_repeats_nothing(void)
{
  for (uint32_t backpressure = 0; backpressure < 3; backpressure += 2) {
    struct mini *m = cluster(3, 1);
    struct rs_id s = submit(m, stream_task(m, 2000, 20, 1 << 20, backpressure, false));
    int64_t seen = 0;
    for (int kills = 0; kills < 3; kills++) {
      for (int i = 0; i < 4; i++) {
        CHECK_EQ(next(m, s, mini_run(m, 0) + 10 * RS_S), seen + 1);
        seen++;
        simple(m, RS_CALL_RELEASE, (struct rs_id){s.owner, s.seq + (uint64_t)seen});
      }
      if (kills < 2)
        mini_kill_worker_of(m, s);
    }
    while (seen < 20) {
      CHECK_EQ(next(m, s, mini_run(m, 0) + 10 * RS_S), seen + 1);
      seen++;
      simple(m, RS_CALL_RELEASE, (struct rs_id){s.owner, s.seq + (uint64_t)seen});
    }
    CHECK_EQ(next(m, s, mini_run(m, 0) + 10 * RS_S), 0);
    ended(m, s, RS_ERR_OK);
    CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 2);
    mini_run(m, mini_run(m, 0) + 10 * RS_S);
    CHECK_EQ(mini_stored_bytes(m), 0);
    mini_free(m);
  }
}

static void an_error_comes_after_the_items(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id s = submit(m, stream_task(m, 100, 3, 10, 0, true));
  mini_run(m, 3 * RS_S);
  for (int i = 1; i <= 3; i++)
    CHECK_EQ(next(m, s, 3 * RS_S), i);
  CHECK_EQ(next(m, s, 3 * RS_S), RS_ERR_TASK_FAILED);
  CHECK(mini_reply_last_of(m, RS_REPLY_NEXT)->result->data_bytes > 0);
  CHECK_EQ(next(m, s, 3 * RS_S), 0);
  mini_free(m);
}

static void cancelled_while_it_waits(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id s = submit(m, stream_task(m, 0, 10, 10, 2, false));
  mini_run(m, 2 * RS_S);
  simple(m, RS_CALL_CANCEL, s);
  mini_run(m, 3 * RS_S);
  ended(m, s, RS_ERR_CANCELLED);
  CHECK_EQ(next(m, s, 3 * RS_S), 1);
  CHECK_EQ(next(m, s, 3 * RS_S), 2);
  CHECK_EQ(next(m, s, 3 * RS_S), RS_ERR_CANCELLED);
  mini_free(m);
}

/* What is never read goes, and the function does not wait for a reader that is gone. */
static void a_released_stream_leaves_nothing(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id s = submit(m, stream_task(m, 1000, 10, 1 << 20, 3, false));
  mini_run(m, 2 * RS_S);
  CHECK_EQ(next(m, s, 2 * RS_S), 1);
  CHECK(mini_stored_bytes(m) >= 3 << 20);
  simple(m, RS_CALL_RELEASE, s);
  CHECK_EQ(next(m, s, 2 * RS_S), 0);
  mini_run(m, 10 * RS_S);
  ended(m, s, RS_ERR_OK);
  CHECK_EQ(mini_stored_bytes(m), 1 << 20); /* the one that the application has */
  simple(m, RS_CALL_RELEASE, (struct rs_id){s.owner, s.seq + 1});
  mini_run(m, 11 * RS_S);
  CHECK_EQ(mini_stored_bytes(m), 0);
  mini_free(m);
}

static void actors_yield_too(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  call->tasks[0] = creation;
  call->demand.cpu_e4 = RS_ONE_E4;
  struct rs_id actor = creation->id;
  mini_call(m, call);
  call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  call->tasks[0] = stream_task(m, 300, 3, 10, 1, false);
  call->tasks[0]->flags |= RS_TASK_ACTOR_CALL;
  call->tasks[0]->actor = actor;
  struct rs_id s = call->tasks[0]->id;
  mini_call(m, call);
  for (int i = 1; i <= 3; i++)
    CHECK_EQ(next(m, s, 5 * RS_S), i);
  CHECK_EQ(next(m, s, 5 * RS_S), 0);
  mini_free(m);
}

/* A task that was pushed behind a stream which waits for its reader goes elsewhere. */
static void nothing_waits_behind_a_stream(void)
{
  struct mini *m = cluster(1, 2);
  for (int i = 0; i < 50; i++) /* tasks of this kind are short: they are pushed ahead */
    mini_submit(m, mini_task(m, 10 * RS_US, 0, 0), 1, 3);
  mini_run(m, 2 * RS_S);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 11);
  call->tasks[0] = stream_task(m, 0, 5, 10, 1, false);
  struct rs_id s = call->tasks[0]->id, others[10];
  for (int i = 0; i < 10; i++) {
    call->tasks[1 + i] = mini_task(m, 10 * RS_US, 0, 0);
    others[i] = call->tasks[1 + i]->id;
  }
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = 0;
  mini_call(m, call);
  mini_run(m, 5 * RS_S);
  for (int i = 0; i < 10; i++)
    CHECK(mini_reply(m, others[i]) && mini_reply(m, others[i])->status == RS_ERR_OK);
  for (int i = 1; i <= 5; i++)
    CHECK_EQ(next(m, s, 6 * RS_S), i);
  CHECK_EQ(next(m, s, 6 * RS_S), 0);
  mini_free(m);
}

const struct rs_test rs_tests[] = {
    {"stream: items come in order", items_come_in_order},
    {"stream: backpressure holds", backpressure_holds},
    {"stream: a retry repeats nothing", a_retry_repeats_nothing},
    {"stream: an error comes after the items", an_error_comes_after_the_items},
    {"stream: cancelled while it waits", cancelled_while_it_waits},
    {"stream: a released one leaves nothing", a_released_stream_leaves_nothing},
    {"stream: actors yield too", actors_yield_too},
    {"stream: nothing waits behind one", nothing_waits_behind_a_stream},
    {0},
};
