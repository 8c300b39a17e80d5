/* The player of task tables: the exact calls that it makes (a fake owner), then whole tables above the real core. */
#include "lib/load/load.h"

#include "base/alloc.h"
#include "check.h"
#include "core/errors.h"
#include "play.h"

#define SELF rs_addr_make(0, 1, RS_EP_DRIVER)

static const struct rs_load_class ONE_CPU = {.demand = {.cpu_e4 = RS_ONE_E4}, .max_retries = 3};

/* ---- a fake owner ---- */

static struct rs_calls timer(struct rs_app *app, uint64_t now)
{
  struct rs_calls calls = {0};
  app->ops->on_timer(app, now, &calls);
  return calls;
}

static struct rs_calls start(struct rs_app *app, uint64_t now)
{
  struct rs_calls calls = {0};
  app->ops->on_start(app, now, SELF, &calls);
  return calls;
}

static struct rs_calls task_reply(struct rs_app *app, uint64_t now, uint64_t seq, int32_t status, uint64_t run_ns)
{
  struct rs_calls calls = {0};
  struct rs_id id = {SELF, seq};
  struct rs_result *result = status ? rs_result_failed(id, status, "") : rs_result_new(0, 0);
  result->run_ns = run_ns;
  struct rs_reply reply = {.kind = RS_REPLY_TASK, .id = id, .status = status, .node = 77, .result = result};
  app->ops->on_reply(app, now, &reply, &calls);
  rs_result_unref(result);
  return calls;
}

static struct rs_calls object_reply(struct rs_app *app, uint64_t now, uint64_t seq, int32_t status)
{
  struct rs_calls calls = {0};
  struct rs_reply reply = {.kind = RS_REPLY_OBJECT, .id = {SELF, seq}, .status = status};
  app->ops->on_reply(app, now, &reply, &calls);
  return calls;
}

static struct rs_load_end ends[64];
static uint32_t end_count;

static void note(void *user, const struct rs_load_end *end)
{
  CHECK(user == (void *)ends);
  CHECK(end_count < 64);
  ends[end_count++] = *end;
}

static void bursts_are_one_call(void)
{
  struct rs_load_class classes[2] = {ONE_CPU,
                                     {.strategy = RS_STRATEGY_SPREAD, .max_retries = -1, .retry_errors = true}};
  struct rs_load_task tasks[] = {
      {.arrival_ns = 0, .duration_ns = 10},
      {.arrival_ns = 0, .duration_ns = 11},
      {.arrival_ns = 0, .duration_ns = 12, .class_index = 1, .fails = true, .tag = 9, .mode = RS_REPLAY_SPIN},
      {.arrival_ns = 5, .duration_ns = 13, .arg_bytes = 100},
      {.arrival_ns = 9, .duration_ns = 14, .return_bytes = 1 << 20},
  };
  struct rs_load_table table = {tasks, 5};
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .classes = classes,
                              .class_count = 2,
                              .start_ns = 100,
                              .ended = note,
                              .user = ends};
  struct rs_app *app = rs_load_new(&opts);
  end_count = 0;
  struct rs_calls calls = start(app, 1000);
  CHECK_EQ(calls.count, 0);
  CHECK_EQ(app->ops->deadline(app), 1100);
  calls = timer(app, 1100);
  CHECK_EQ(calls.count, 2);
  CHECK_EQ(calls.items[0]->kind, RS_CALL_SUBMIT);
  CHECK_EQ(calls.items[0]->task_count, 2);
  CHECK_EQ(calls.items[0]->max_retries, 3);
  CHECK_EQ(calls.items[0]->demand.cpu_e4, RS_ONE_E4);
  CHECK_EQ(calls.items[0]->tasks[0]->id.seq, 1);
  CHECK_EQ(calls.items[0]->tasks[1]->id.seq, 3);
  CHECK_EQ(calls.items[0]->tasks[1]->flags, 0);
  CHECK_EQ(calls.items[1]->task_count, 1);
  CHECK_EQ(calls.items[1]->strategy, RS_STRATEGY_SPREAD);
  CHECK_EQ(calls.items[1]->max_retries, -1);
  struct rs_task *third = calls.items[1]->tasks[0];
  CHECK_EQ(third->flags, RS_TASK_RETRY_ERRORS);
  struct rs_replay replay;
  CHECK_EQ(rs_replay_decode(third, &replay), 0);
  CHECK_EQ(replay.duration_ns, 12);
  CHECK_EQ(replay.mode, RS_REPLAY_SPIN);
  CHECK_EQ(replay.tag, 9);
  CHECK(replay.fails);
  rs_calls_free(&calls);
  CHECK_EQ(app->ops->deadline(app), 1105);
  calls = timer(app, 1112); /* late: both that are due, in one call */
  CHECK_EQ(calls.count, 1);
  CHECK_EQ(calls.items[0]->task_count, 2);
  CHECK_EQ(calls.items[0]->tasks[0]->args_bytes, RS_REPLAY_HEADER_BYTES + 100);
  CHECK_EQ(rs_replay_decode(calls.items[0]->tasks[0], &replay), 0);
  CHECK_EQ(replay.return_bytes, 1); /* not its arguments */
  CHECK_EQ(rs_replay_decode(calls.items[0]->tasks[1], &replay), 0);
  CHECK_EQ(replay.return_bytes, 1 << 20);
  rs_calls_free(&calls);
  CHECK(app->ops->deadline(app) == RS_TIME_NEVER);
  for (uint64_t i = 0; i < 5; i++) {
    CHECK(!app->ops->done(app));
    calls = task_reply(app, 2000 + i, 1 + 2 * i, i == 2 ? RS_ERR_TASK_FAILED : RS_ERR_OK, 10 + i);
    CHECK_EQ(calls.count, 0);
    rs_calls_free(&calls);
  }
  CHECK(app->ops->done(app));
  CHECK_EQ(end_count, 5);
  CHECK_EQ(ends[3].index, 3);
  CHECK_EQ(ends[3].submit_ns, 1112);
  CHECK_EQ(ends[3].ready_ns, 1112);
  CHECK_EQ(ends[3].end_ns, 2003);
  CHECK_EQ(ends[3].run_ns, 13);
  CHECK_EQ(ends[3].node, 77);
  CHECK_EQ(ends[2].status, RS_ERR_TASK_FAILED);
  CHECK_EQ(ends[2].class_index, 1);
  struct rs_load_stats stats = rs_load_stats(app);
  CHECK_EQ(stats.base_ns, 1100);
  CHECK_EQ(stats.submitted, 5);
  CHECK_EQ(stats.ended, 5);
  CHECK_EQ(stats.failed, 1);
  CHECK_EQ(stats.calls, 3);
  CHECK_EQ(stats.in_flight_peak, 5);
  CHECK_EQ(stats.last_end_ns, 2004);
  rs_load_free(app);
}

/* a -> b, a -> c (later): a is released with c's submission, b never kept. */
static void returns_are_kept_until_the_last_reader(void)
{
  uint32_t a[] = {0};
  struct rs_load_task tasks[] = {
      {.arrival_ns = 0, .return_bytes = 10},
      {.arrival_ns = 0, .deps = a, .dep_count = 1},
      {.arrival_ns = 7, .deps = a, .dep_count = 1},
      {.arrival_ns = 7},
  };
  rs_load_count_readers(tasks, 4);
  CHECK_EQ(tasks[0].readers, 2);
  CHECK_EQ(tasks[1].readers, 0);
  struct rs_load_table table = {tasks, 4};
  struct rs_load_opts opts = {
      .next = rs_load_table_next, .arg = &table, .classes = &ONE_CPU, .class_count = 1, .ended = note, .user = ends};
  struct rs_app *app = rs_load_new(&opts);
  end_count = 0;
  struct rs_calls calls = start(app, 0);
  CHECK_EQ(calls.count, 1);
  CHECK_EQ(calls.items[0]->task_count, 2);
  CHECK_EQ(calls.items[0]->tasks[0]->flags, RS_TASK_KEEP);
  CHECK_EQ(calls.items[0]->tasks[1]->flags, 0);
  CHECK_EQ(calls.items[0]->tasks[1]->deps[0].id.seq, 2);
  rs_calls_free(&calls);
  calls = task_reply(app, 5, 1, 0, 1);
  rs_calls_free(&calls);
  calls = timer(app, 7);
  CHECK_EQ(calls.count, 2);
  CHECK_EQ(calls.items[0]->kind, RS_CALL_SUBMIT);
  CHECK_EQ(calls.items[0]->task_count, 2);
  CHECK_EQ(calls.items[1]->kind, RS_CALL_RELEASE);
  CHECK_EQ(calls.items[1]->object.seq, 2);
  rs_calls_free(&calls);
  calls = task_reply(app, 9, 3, 0, 1);
  rs_calls_free(&calls);
  calls = task_reply(app, 11, 5, 0, 1);
  rs_calls_free(&calls);
  calls = task_reply(app, 12, 7, 0, 1);
  rs_calls_free(&calls);
  CHECK(app->ops->done(app));
  CHECK_EQ(ends[1].index, 1);
  CHECK_EQ(ends[1].ready_ns, 5); /* when its argument was made */
  CHECK_EQ(ends[2].ready_ns, 7); /* when it was submitted */
  CHECK_EQ(rs_load_stats(app).released, 1);
  rs_load_free(app);
}

static void the_pool_comes_first(void)
{
  uint32_t reads[] = {RS_LOAD_POOL(1), RS_LOAD_POOL(0)};
  struct rs_load_task tasks[] = {{.arrival_ns = 50, .deps = reads, .dep_count = 2}};
  struct rs_load_table table = {tasks, 1};
  struct rs_load_object objects[] = {{1000, 4}, {2000, RS_NODE_NONE}, {3000, 5}};
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .classes = &ONE_CPU,
                              .class_count = 1,
                              .objects = objects,
                              .object_count = 3,
                              .objects_in_flight = 2,
                              .start_ns = 10};
  struct rs_app *app = rs_load_new(&opts);
  struct rs_calls calls = start(app, 0);
  CHECK_EQ(calls.count, 2);
  CHECK_EQ(calls.items[0]->strategy, RS_STRATEGY_NODE_AFFINITY);
  CHECK_EQ(calls.items[0]->target, 4);
  CHECK_EQ(calls.items[0]->tasks[0]->id.seq, 1);
  CHECK_EQ(calls.items[1]->kind, RS_CALL_PUT);
  CHECK_EQ(calls.items[1]->object.seq, 4);
  CHECK_EQ(calls.items[1]->size_bytes, 2000);
  rs_calls_free(&calls);
  CHECK(app->ops->deadline(app) == RS_TIME_NEVER);
  calls = object_reply(app, 20, 4, RS_ERR_OK);
  CHECK_EQ(calls.count, 1);
  CHECK_EQ(calls.items[0]->target, 5);
  CHECK_EQ(calls.items[0]->tasks[0]->id.seq, 5);
  rs_calls_free(&calls);
  calls = task_reply(app, 21, 1, RS_ERR_INFEASIBLE, 0); /* the node is not known yet: again in 100 ms */
  CHECK_EQ(calls.count, 1);
  CHECK_EQ(calls.items[0]->kind, RS_CALL_RELEASE);
  rs_calls_free(&calls);
  calls = task_reply(app, 22, 5, RS_ERR_OK, 0);
  CHECK_EQ(calls.count, 0);
  rs_calls_free(&calls);
  CHECK(!app->ops->done(app));
  CHECK_EQ(app->ops->deadline(app), 21 + 100 * RS_MS);
  calls = timer(app, 21 + 100 * RS_MS);
  CHECK_EQ(calls.count, 1);
  CHECK_EQ(calls.items[0]->tasks[0]->id.seq, 7);
  rs_calls_free(&calls);
  uint64_t ready = 130 * RS_MS;
  calls = task_reply(app, ready, 7, RS_ERR_OK, 0);
  CHECK_EQ(calls.count, 0);
  rs_calls_free(&calls);
  CHECK_EQ(app->ops->deadline(app), ready + 50);
  calls = timer(app, ready + 50);
  CHECK_EQ(calls.count, 4); /* the task, and the pool is released */
  CHECK_EQ(calls.items[0]->tasks[0]->id.seq, 9);
  CHECK_EQ(calls.items[0]->tasks[0]->deps[0].id.seq, 4);
  CHECK_EQ(calls.items[0]->tasks[0]->deps[1].id.seq, 8);
  uint64_t released[] = {8, 4, 6};
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(calls.items[1 + i]->kind, RS_CALL_RELEASE);
    CHECK_EQ(calls.items[1 + i]->object.seq, released[i]);
  }
  rs_calls_free(&calls);
  calls = task_reply(app, ready + 60, 9, RS_ERR_OK, 0);
  rs_calls_free(&calls);
  CHECK(app->ops->done(app));
  CHECK_EQ(rs_load_stats(app).objects_made, 3);
  CHECK_EQ(rs_load_stats(app).objects_lost, 0);
  rs_load_free(app);
}

static struct rs_calls next_reply(struct rs_app *app, uint64_t now, uint64_t task, uint64_t item)
{
  struct rs_calls calls = {0};
  struct rs_id id = {SELF, item};
  struct rs_reply reply = {.kind = RS_REPLY_NEXT, .id = {SELF, task}, .ids = &id, .id_count = item != 0};
  app->ops->on_reply(app, now, &reply, &calls);
  return calls;
}

static void check_call(const struct rs_calls *calls, uint32_t at, enum rs_call_kind kind, uint64_t seq)
{
  CHECK(at < calls->count);
  CHECK_EQ(calls->items[at]->kind, kind);
  CHECK_EQ(calls->items[at]->object.seq, seq);
}

/* Each item is asked for, fetched, worked on, given up; then the next one. Two streams side by side. */
static void items_are_read_one_by_one(void)
{
  enum { FIRST = 1, SECOND = 2 + RS_STREAM_MAX };
  struct rs_load_task tasks[] = {{.duration_ns = 10, .return_bytes = 7}, {.duration_ns = 10, .return_bytes = 7}};
  struct rs_load_table table = {tasks, 2};
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .classes = &ONE_CPU,
                              .class_count = 1,
                              .items = 3,
                              .backpressure = 2,
                              .read_ns = 50,
                              .ended = note,
                              .user = ends};
  struct rs_app *app = rs_load_new(&opts);
  struct rs_replay replay;
  end_count = 0;
  struct rs_calls calls = start(app, 0);
  CHECK_EQ(calls.count, 3);
  const struct rs_task *task = calls.items[0]->tasks[1];
  CHECK_EQ(task->id.seq, SECOND);
  CHECK_EQ(task->flags, RS_TASK_STREAM);
  CHECK_EQ(task->return_count, 0);
  CHECK_EQ(task->backpressure, 2);
  CHECK(rs_replay_decode(task, &replay) == 0 && replay.yields == 3 && replay.return_bytes == 7);
  check_call(&calls, 1, RS_CALL_STREAM_NEXT, FIRST);
  check_call(&calls, 2, RS_CALL_STREAM_NEXT, SECOND);
  rs_calls_free(&calls);
  calls = next_reply(app, 10, FIRST, FIRST + 1);
  check_call(&calls, 0, RS_CALL_GET, FIRST + 1);
  rs_calls_free(&calls);
  calls = object_reply(app, 11, SECOND + 1, RS_ERR_OK); /* nobody has asked for it */
  CHECK_EQ(calls.count, 0);
  rs_calls_free(&calls);
  calls = object_reply(app, 12, FIRST + 1, RS_ERR_OK);
  CHECK_EQ(calls.count, 0);
  CHECK_EQ(app->ops->deadline(app), 62);
  rs_calls_free(&calls);
  calls = next_reply(app, 20, SECOND, SECOND + 1);
  rs_calls_free(&calls);
  struct rs_reply stored = {.kind = RS_REPLY_OBJECT, .id = {SELF, SECOND + 1}, .stored = true};
  app->ops->on_reply(app, 30, &stored, &calls);
  CHECK_EQ(calls.count, 0);
  calls = timer(app, 62);
  CHECK_EQ(calls.count, 2);
  check_call(&calls, 0, RS_CALL_RELEASE, FIRST + 1);
  check_call(&calls, 1, RS_CALL_STREAM_NEXT, FIRST);
  rs_calls_free(&calls);
  CHECK_EQ(app->ops->deadline(app), 80);
  calls = timer(app, 80);
  CHECK_EQ(calls.count, 3); /* its bytes were pinned in the node's store */
  check_call(&calls, 0, RS_CALL_UNPIN, SECOND + 1);
  check_call(&calls, 1, RS_CALL_RELEASE, SECOND + 1);
  check_call(&calls, 2, RS_CALL_STREAM_NEXT, SECOND);
  rs_calls_free(&calls);
  calls = next_reply(app, 90, FIRST, FIRST + 2);
  rs_calls_free(&calls);
  calls = object_reply(app, 91, FIRST + 2, RS_ERR_OBJECT_LOST);
  CHECK_EQ(calls.count, 2); /* on with the next one at once */
  check_call(&calls, 0, RS_CALL_RELEASE, FIRST + 2);
  rs_calls_free(&calls);
  calls = task_reply(app, 95, FIRST, RS_ERR_OK, 10);
  rs_calls_free(&calls);
  calls = task_reply(app, 96, SECOND, RS_ERR_TASK_FAILED, 10);
  rs_calls_free(&calls);
  CHECK(ends[0].index == 0 && ends[1].index == 1 && ends[1].status == RS_ERR_TASK_FAILED);
  calls = next_reply(app, 97, FIRST, 0);
  CHECK_EQ(calls.count, 0);
  CHECK(!app->ops->done(app)); /* the other one is still read */
  calls = next_reply(app, 98, SECOND, 0);
  CHECK(app->ops->done(app));
  CHECK(app->ops->deadline(app) == RS_TIME_NEVER);
  CHECK_EQ(rs_load_stats(app).items_read, 2);
  CHECK_EQ(rs_load_stats(app).items_lost, 1);
  rs_load_free(app);
}

static void nothing_to_do_is_done(void)
{
  struct rs_load_table table = {NULL, 0};
  struct rs_load_opts opts = {.next = rs_load_table_next, .arg = &table};
  struct rs_app *app = rs_load_new(&opts);
  CHECK(!app->ops->done(app));
  struct rs_calls calls = start(app, 3);
  CHECK_EQ(calls.count, 0);
  rs_calls_free(&calls);
  CHECK(app->ops->done(app));
  CHECK(app->ops->deadline(app) == RS_TIME_NEVER);
  rs_load_free(app);
}

/* A million tasks of one shape, from a generator. */
static bool same(void *arg, uint64_t index, struct rs_load_task *out)
{
  uint64_t *asked = arg;
  CHECK(index == *asked);
  ++*asked;
  out->duration_ns = 5;
  return true;
}

static void a_large_burst_is_cut(void)
{
  uint64_t asked = 0;
  struct rs_load_opts opts = {.next = same, .arg = &asked, .count_max = 200000, .classes = &ONE_CPU, .class_count = 1};
  struct rs_app *app = rs_load_new(&opts);
  struct rs_calls calls = start(app, 0);
  CHECK_EQ(calls.count, 4);
  CHECK_EQ(calls.items[0]->task_count, RS_LOAD_CALL_MAX);
  CHECK_EQ(calls.items[3]->task_count, 200000 - 3 * RS_LOAD_CALL_MAX);
  CHECK_EQ(calls.items[3]->tasks[0]->id.seq, 1 + 2 * 3 * (int64_t)RS_LOAD_CALL_MAX);
  rs_calls_free(&calls);
  CHECK_EQ(asked, 200000);
  CHECK_EQ(rs_load_stats(app).submitted, 200000);
  rs_load_free(app);
}

/* ---- above the core ---- */

static struct rs_load_end last[256];
static void note_last(void *user, const struct rs_load_end *end)
{
  (void)user;
  CHECK(end->index < 256);
  last[end->index] = *end;
}

static void a_diamond_of_large_objects(void)
{
  enum { WIDTH = 6 };
  uint32_t root[] = {0}, leaves[WIDTH];
  struct rs_load_task tasks[WIDTH + 2] = {{.duration_ns = 10 * RS_MS, .return_bytes = 5000000}};
  for (uint32_t i = 0; i < WIDTH; i++) {
    tasks[1 + i] =
        (struct rs_load_task){.duration_ns = 20 * RS_MS, .return_bytes = 1000000, .deps = root, .dep_count = 1};
    leaves[i] = 1 + i;
  }
  tasks[WIDTH + 1] =
      (struct rs_load_task){.duration_ns = RS_MS, .return_bytes = 2000000, .deps = leaves, .dep_count = WIDTH};
  rs_load_count_readers(tasks, WIDTH + 2);
  struct rs_load_table table = {tasks, WIDTH + 2};
  struct rs_load_opts opts = {
      .next = rs_load_table_next, .arg = &table, .classes = &ONE_CPU, .class_count = 1, .ended = note_last};
  uint64_t stored, peak;
  struct rs_load_stats stats = play_load(&opts, &stored, &peak);
  CHECK_EQ(stats.ended, WIDTH + 2);
  CHECK_EQ(stats.failed, 0);
  CHECK_EQ(stats.released, WIDTH + 1);
  CHECK(peak >= 6000000);
  CHECK_EQ(stored, 0);
  for (uint32_t i = 1; i <= WIDTH; i++) {
    CHECK(last[i].ready_ns >= last[0].end_ns);
    CHECK(last[WIDTH + 1].ready_ns >= last[i].end_ns);
    CHECK_EQ(last[i].run_ns, 20 * RS_MS);
  }
}

static void a_pool_on_its_nodes(void)
{
  struct rs_load_object objects[8];
  for (uint32_t i = 0; i < 8; i++)
    objects[i] = (struct rs_load_object){3000000, 1 + i % 4};
  uint32_t reads[40][2];
  struct rs_load_task tasks[40];
  for (uint32_t i = 0; i < 40; i++) {
    reads[i][0] = RS_LOAD_POOL(i % 8);
    reads[i][1] = RS_LOAD_POOL((i + 3) % 8);
    tasks[i] =
        (struct rs_load_task){.arrival_ns = i * RS_MS, .duration_ns = 15 * RS_MS, .deps = reads[i], .dep_count = 2};
  }
  struct rs_load_table table = {tasks, 40};
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .classes = &ONE_CPU,
                              .class_count = 1,
                              .objects = objects,
                              .object_count = 8,
                              .ended = note_last};
  uint64_t stored, peak;
  struct rs_load_stats stats = play_load(&opts, &stored, &peak);
  CHECK_EQ(stats.objects_made, 8);
  CHECK_EQ(stats.objects_lost, 0);
  CHECK_EQ(stats.ended, 40);
  CHECK_EQ(stats.failed, 0);
  CHECK(peak >= 8 * 3000000);
  CHECK_EQ(stored, 0);
}

/* Classes that differ in the target alone: the same nodes fit, but no lease is shared. */
/* Each gang is a group, then its tasks in one call; the group goes with the last of them. */
static void gangs_have_groups(void)
{
  struct rs_load_task tasks[8];
  for (int i = 0; i < 8; i++)
    tasks[i] = (struct rs_load_task){.arrival_ns = i < 6 ? 0 : 50, .duration_ns = 10};
  struct rs_load_table table = {tasks, 8};
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .count_max = 8,
                              .classes = &ONE_CPU,
                              .class_count = 1,
                              .gang = 3,
                              .gang_strategy = RS_GROUP_SPREAD,
                              .gang_topology = 7,
                              .ended = note,
                              .user = ends};
  struct rs_app *app = rs_load_new(&opts);
  end_count = 0;
  struct rs_calls calls = start(app, 100);
  CHECK_EQ(calls.count, 4);
  for (uint32_t g = 0; g < 2; g++) {
    const struct rs_call *group = calls.items[2 * g], *submit = calls.items[2 * g + 1];
    CHECK(group->kind == RS_CALL_GROUP_CREATE && group->group_strategy == RS_GROUP_SPREAD && group->topology == 7);
    CHECK_EQ(group->object.seq, 1 + 7 * g);
    CHECK_EQ(group->bundle_count, 3);
    CHECK_EQ(group->bundles[2].cpu_e4, RS_ONE_E4);
    CHECK(submit->kind == RS_CALL_SUBMIT && submit->task_count == 3);
    CHECK(submit->demand.group_owner == SELF && submit->demand.group_seq == group->object.seq);
    CHECK(submit->demand.group_bundle == -1 && submit->demand.cpu_e4 == RS_ONE_E4);
    CHECK_EQ(submit->tasks[0]->id.seq, 2 + 7 * g);
    CHECK_EQ(submit->tasks[2]->id.seq, 6 + 7 * g);
  }
  rs_calls_free(&calls);
  calls = timer(app, 150);
  CHECK_EQ(calls.count, 2);
  CHECK_EQ(calls.items[0]->bundle_count, 2); /* the last gang has two tasks */
  CHECK_EQ(calls.items[1]->tasks[1]->id.seq, 18);
  rs_calls_free(&calls);
  static const uint64_t order[] = {2, 9, 4, 6, 18, 11, 16, 13};
  static const uint64_t index[] = {0, 3, 1, 2, 7, 4, 6, 5}, gone[] = {0, 0, 0, 1, 0, 0, 15, 8};
  for (int i = 0; i < 8; i++) {
    calls = task_reply(app, 200, order[i], RS_ERR_OK, 10);
    CHECK_EQ(ends[end_count - 1].index, index[i]);
    CHECK_EQ(calls.count, gone[i] != 0);
    if (gone[i])
      CHECK(calls.items[0]->kind == RS_CALL_GROUP_REMOVE && calls.items[0]->object.seq == gone[i]);
    rs_calls_free(&calls);
  }
  CHECK(app->ops->done(app));
  CHECK(rs_load_stats(app).gangs_made == 3 && rs_load_stats(app).gangs_removed == 3);
  rs_load_free(app);
}

static void keys_apart(void)
{
  struct rs_load_class classes[2] = {ONE_CPU, ONE_CPU};
  classes[1].target = 1;
  struct rs_load_task tasks[64];
  for (uint32_t i = 0; i < 64; i++)
    tasks[i] = (struct rs_load_task){.duration_ns = 5 * RS_MS, .class_index = i / 32};
  struct rs_load_table table = {tasks, 64};
  struct rs_load_opts opts = {
      .next = rs_load_table_next, .arg = &table, .classes = classes, .class_count = 2, .ended = note_last};
  uint64_t stored, peak;
  struct rs_load_stats stats = play_load(&opts, &stored, &peak);
  CHECK_EQ(stats.ended, 64);
  CHECK_EQ(stats.failed, 0);
  bool elsewhere = false;
  for (uint32_t i = 32; i < 64; i++)
    elsewhere = elsewhere || rs_addr_node(last[i].node) != 1;
  CHECK(elsewhere); /* the number binds nothing */
}

const struct rs_test rs_tests[] = {
    {"load: bursts are one call", bursts_are_one_call},
    {"load: returns are kept until the last reader", returns_are_kept_until_the_last_reader},
    {"load: the pool comes first", the_pool_comes_first},
    {"load: nothing to do is done", nothing_to_do_is_done},
    {"load: a large burst is cut", a_large_burst_is_cut},
    {"load: a diamond of large objects", a_diamond_of_large_objects},
    {"load: a pool on its nodes", a_pool_on_its_nodes},
    {"load: keys apart", keys_apart},
    {"load: gangs have groups", gangs_have_groups},
    {"load: items are read one by one", items_are_read_one_by_one},
    {0},
};
