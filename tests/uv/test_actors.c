/* Actors in real processes: calls that run at a time, on threads of one worker. */
#include "local.h"

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * RS_S + (uint64_t)t.tv_nsec;
}

static struct rs_task *replay_task(struct rs_uv_client *client, uint64_t ms, uint16_t flags, uint32_t returns)
{
  struct rs_replay replay = {.duration_ns = ms * RS_MS, .mode = RS_REPLAY_SLEEP};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->id = (struct rs_id){rs_uv_client_self(client), rs_uv_client_take(client, 1 + returns)};
  task->function = rs_replay_function();
  task->return_count = (uint8_t)returns;
  task->flags = flags;
  return task;
}

static struct rs_id create(struct rs_uv_client *client, uint32_t concurrency, uint32_t group_limit)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *task = replay_task(client, 1, RS_TASK_ACTOR_CREATE, 0);
  task->actor = task->id;
  struct rs_id id = task->id;
  call->tasks[0] = task;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->actor = rs_alloc_zero(1, sizeof *call->actor);
  call->actor->group_count = 2;
  call->actor->groups[0].limit = concurrency;
  call->actor->groups[1].name = rs_name_hash("io");
  call->actor->groups[1].limit = group_limit;
  rs_uv_client_call(client, call);
  return id;
}

static uint64_t call_actor(struct rs_uv_client *client, struct rs_id actor, const char *group, uint64_t ms)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  struct rs_task *task = replay_task(client, ms, RS_TASK_ACTOR_CALL | (group ? RS_TASK_GROUP : 0), 1);
  task->actor = actor;
  task->group = group ? rs_name_hash(group) : 0;
  uint64_t seq = task->id.seq;
  call->tasks[0] = task;
  rs_uv_client_call(client, call);
  return seq;
}

static void take(struct rs_uv_client *client, uint64_t seq, int status)
{
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, seq, 30 * RS_S, &result), 0);
  CHECK_EQ(result->status, status);
  rs_result_unref(result);
}

static void threads(void)
{
  enum { AT_A_TIME = 16 };
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  struct rs_id actor = create(client, AT_A_TIME, 1);
  take(client, call_actor(client, actor, NULL, 1), RS_ERR_OK); /* it lives */
  uint64_t calls[3 * AT_A_TIME], io[3], begin = now_ns();
  for (int i = 0; i < 3 * AT_A_TIME; i++)
    calls[i] = call_actor(client, actor, NULL, 200);
  for (int i = 0; i < 3; i++)
    io[i] = call_actor(client, actor, "io", 50);
  for (int i = 0; i < 3; i++)
    take(client, io[i], RS_ERR_OK);
  uint64_t io_ns = now_ns() - begin;
  for (int i = 0; i < 3 * AT_A_TIME; i++)
    take(client, calls[i], RS_ERR_OK);
  uint64_t all_ns = now_ns() - begin;
  CHECK(io_ns >= 150 * RS_MS && io_ns < 590 * RS_MS); /* its own queue, one at a time */
  CHECK(all_ns >= 600 * RS_MS && all_ns < 3 * RS_S);  /* three rounds; one after the other it would be 9.6 s */
  take(client, call_actor(client, actor, "unknown", 1), RS_ERR_UNKNOWN_GROUP);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* Calls that run and calls that wait can be cancelled one by one; those beside them go on. */
static void cancel_one_of_many(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  struct rs_id actor = create(client, 2, 1);
  take(client, call_actor(client, actor, NULL, 1), RS_ERR_OK);
  uint64_t calls[4];
  for (int i = 0; i < 4; i++)
    calls[i] = call_actor(client, actor, NULL, 300);
  struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
  call->object = (struct rs_id){rs_uv_client_self(client), calls[3]};
  rs_uv_client_call(client, call);
  for (int i = 0; i < 3; i++)
    take(client, calls[i], RS_ERR_OK);
  take(client, calls[3], RS_ERR_CANCELLED);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* Gently: a sleeping function ends at once, one that does not ask goes on to its end; by force its process ends. */
static void cancel_gently_and_by_force(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 4, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t tasks[3], begin = 0;
  for (int i = 0; i < 3; i++) {
    struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
    call->tasks[0] = replay_task(client, 20000, 0, 1);
    call->demand.cpu_e4 = RS_ONE_E4;
    call->max_retries = 3;
    tasks[i] = call->tasks[0]->id.seq;
    rs_uv_client_call(client, call);
  }
  local_pause_ms(300);
  begin = now_ns();
  for (int i = 0; i < 3; i++) {
    struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
    call->object = (struct rs_id){rs_uv_client_self(client), tasks[i]};
    call->force = i == 1;
    rs_uv_client_call(client, call);
  }
  for (int i = 0; i < 3; i++)
    take(client, tasks[i], RS_ERR_CANCELLED);
  CHECK(now_ns() - begin < 2 * RS_S);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- streams, through an application of the core ---- */

struct reader {
  struct rs_app app;
  rs_addr self;
  struct rs_id stream;
  uint32_t yields, got, most_ahead, errors;
  uint64_t bytes;
  bool ended;
};

static void ask(struct reader *r, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(RS_CALL_STREAM_NEXT, 0);
  call->object = r->stream;
  rs_calls_add(calls, call);
}

static void reader_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct reader *r = (struct reader *)(void *)app;
  struct rs_replay replay = {.duration_ns = 20 * RS_MS, .yields = r->yields, .return_bytes = r->bytes};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  (void)now;
  rs_replay_encode(&replay, task->args);
  task->function = rs_replay_function();
  task->flags = RS_TASK_STREAM;
  task->backpressure = 4;
  task->id = r->stream = (struct rs_id){self, 1};
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = task;
  call->demand.cpu_e4 = RS_ONE_E4;
  rs_calls_add(calls, call);
  ask(r, calls);
}

static void reader_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct reader *r = (struct reader *)(void *)app;
  (void)now;
  if (reply->kind == RS_REPLY_OBJECT) { /* the item that was got */
    r->errors += reply->status != RS_ERR_OK || reply->size_bytes != r->bytes;
    r->errors += reply->value && reply->value->data[0] != (uint8_t)r->got;
    for (int i = 0; i < 1 + reply->stored; i++) {
      struct rs_call *call = rs_call_new(i ? RS_CALL_UNPIN : RS_CALL_RELEASE, 0);
      call->object = reply->id;
      rs_calls_add(calls, call);
    }
    ask(r, calls);
  }
  if (reply->kind != RS_REPLY_NEXT)
    return;
  r->errors += reply->status != RS_ERR_OK;
  r->ended = r->ended || reply->id_count == 0;
  if (reply->id_count == 0)
    return;
  r->got++;
  r->errors += reply->ids[0].seq != r->stream.seq + r->got;
  struct rs_call *call = rs_call_new(RS_CALL_GET, 0);
  call->object = reply->ids[0];
  rs_calls_add(calls, call);
}

static void reader_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  (void)app, (void)now, (void)calls;
}

static uint64_t reader_deadline(const struct rs_app *app)
{
  (void)app;
  return RS_TIME_NEVER;
}

static bool reader_done(const struct rs_app *app)
{
  return ((const struct reader *)(const void *)app)->ended;
}

static void streams(void)
{
  static const struct rs_app_ops ops = {reader_start, reader_reply, reader_timer, reader_deadline, reader_done};
  static const uint64_t sizes[] = {100, 300000};
  struct rs_uv_cluster *cluster = local_start(2, 2, NULL);
  for (int i = 0; i < 2; i++) {
    struct reader reader = {.app = {&ops}, .yields = 40, .bytes = sizes[i]};
    struct rs_uv_run run = {.session = rs_uv_cluster_session(cluster), .app = &reader.app};
    char error[RS_UV_ERROR_MAX] = "";
    CHECK_EQ(rs_uv_run_app(&run, NULL, error), 0);
    CHECK_EQ(reader.got, 40);
    CHECK_EQ(reader.errors, 0);
  }
  local_stop(cluster);
}

const struct rs_test rs_tests[] = {
    {"actors: calls on threads, groups apart", threads},
    {"actors: one of many calls is cancelled", cancel_one_of_many},
    {"cancel: gently and by force", cancel_gently_and_by_force},
    {"streams: items one by one, small and large", streams},
    {0},
};
