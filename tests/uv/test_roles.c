/* What the core asks of the driver beyond tasks, on a real cluster: actors, cancellation, hosts that the autoscaler
 * starts and ends, objects of an application. */
#include "local.h"

static struct rs_task *replay_task(struct rs_uv_client *client, uint64_t seq, uint64_t ms, uint8_t returns)
{
  struct rs_replay replay = {.duration_ns = ms * RS_MS, .mode = RS_REPLAY_SLEEP};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  task->id = (struct rs_id){rs_uv_client_self(client), seq};
  task->function = rs_replay_function();
  task->return_count = returns;
  rs_replay_encode(&replay, task->args);
  return task;
}

static int status_of(struct rs_uv_client *client, uint64_t seq)
{
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, seq, 20 * RS_S, &result), 0);
  int status = result->status;
  rs_result_unref(result);
  return status;
}

static void cancel(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = rs_uv_client_take(client, 2), begin = 0;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 2);
  call->demand.cpu_e4 = RS_ONE_E4;
  for (uint32_t i = 0; i < 2; i++)
    call->tasks[i] = replay_task(client, first + i, 30000, 0);
  rs_uv_client_call(client, call);
  local_pause_ms(200);
  for (uint32_t i = 0; i < 2; i++) { /* the one that runs, then the other */
    call = rs_call_new(RS_CALL_CANCEL, 0);
    call->object = (struct rs_id){rs_uv_client_self(client), first + i};
    call->force = true;
    rs_uv_client_call(client, call);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    begin = (uint64_t)t.tv_sec;
    CHECK_EQ(status_of(client, first + i), RS_ERR_CANCELLED);
    clock_gettime(CLOCK_MONOTONIC, &t);
    CHECK((uint64_t)t.tv_sec - begin < 5);
  }
  local_take(client, local_submit(client, 2, 100, 0), 2, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void actors(void)
{
  enum { ACTORS = 4, CALLS = 50 };
  struct rs_uv_cluster *cluster = local_start(2, 2, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t actor[ACTORS], calls[ACTORS];
  for (int i = 0; i < ACTORS; i++) {
    actor[i] = rs_uv_client_take(client, 1);
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
    call->demand.cpu_e4 = call->hold.cpu_e4 = RS_ONE_E4;
    call->max_restarts = 1;
    call->tasks[0] = replay_task(client, actor[i], 1, 0);
    call->tasks[0]->flags = RS_TASK_ACTOR_CREATE;
    call->tasks[0]->actor = call->tasks[0]->id;
    rs_uv_client_call(client, call);
    calls[i] = rs_uv_client_take(client, CALLS);
    call = rs_call_new(RS_CALL_ACTOR_CALL, CALLS);
    call->max_retries = 3; /* Ray's max_task_retries */
    for (uint32_t j = 0; j < CALLS; j++) {
      call->tasks[j] = replay_task(client, calls[i] + j, 5, 0);
      call->tasks[j]->flags = RS_TASK_ACTOR_CALL;
      call->tasks[j]->actor = (struct rs_id){rs_uv_client_self(client), actor[i]};
    }
    rs_uv_client_call(client, call);
  }
  int pids[32], count = 0; /* once all have begun, one process is killed: its actor restarts and goes on */
  for (int i = 0; i < 200 && count < ACTORS; i++) {
    local_pause_ms(10);
    count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, 32);
  }
  CHECK_EQ(count, ACTORS);
  local_pause_ms(50);
  kill(pids[0], SIGKILL);
  for (int i = 0; i < ACTORS; i++)
    for (uint32_t j = 0; j < CALLS; j++)
      CHECK_EQ(status_of(client, calls[i] + j), 0);
  for (int i = 0; i < ACTORS; i++) {
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_KILL, 0);
    call->object = (struct rs_id){rs_uv_client_self(client), actor[i]};
    call->no_restart = true;
    rs_uv_client_call(client, call);
  }
  local_take(client, local_submit(client, 8, 1000, 0), 8, NULL); /* their CPUs are free again */
  rs_uv_client_close(client);
  local_stop(cluster);
}

static uint32_t nodes_alive(struct rs_uv_cluster *cluster)
{
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  uint32_t alive = 0;
  CHECK_EQ(rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error), 0);
  for (uint32_t i = 0; i < status.node_count; i++)
    alive += status.nodes[i].alive;
  rs_uv_status_free(&status);
  return alive;
}

static void autoscaler(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.autoscaler_update_interval_ms = 100;
  struct rs_res small = {.cpu_e4 = RS_ONE_E4}, big = {.cpu_e4 = 2 * RS_ONE_E4};
  struct rs_node_info *head = rs_node_info_new(&small), *typed = rs_node_info_new(&big);
  head->node_type = UINT32_MAX;
  typed->node_type = 0;
  struct rs_node_type type = {.info = typed, .min_count = 0, .max_count = 2, .idle_timeout_ms = 500};
  struct rs_uv_cluster *cluster;
  char error[RS_UV_ERROR_MAX] = "";
  CHECK_EQ(rs_uv_local_cluster_start(
               &(struct rs_uv_cluster_options){
                   .config = &config, .node_count = 1, .infos = &head, .node_types = &type, .node_type_count = 1},
               &cluster, error),
           0);
  rs_node_info_unref(head);
  rs_node_info_unref(typed);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = rs_uv_client_take(client, 8);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 8);
  call->demand.cpu_e4 = 2 * RS_ONE_E4; /* more than the head's node has */
  for (uint32_t i = 0; i < 8; i++)
    call->tasks[i] = replay_task(client, first + i, 300, 0);
  rs_uv_client_call(client, call);
  uint32_t most = 0;
  for (uint32_t i = 0; i < 8; i++) {
    CHECK_EQ(status_of(client, first + i), 0);
    uint32_t alive = nodes_alive(cluster);
    most = alive > most ? alive : most;
  }
  CHECK(most >= 2 && most <= 3);
  for (int i = 0; i < 500 && nodes_alive(cluster) > 1; i++) /* idle ones go */
    local_pause_ms(10);
  CHECK_EQ(nodes_alive(cluster), 1);
  int pids[16];
  for (int i = 0; i < 100 && local_descendants(rs_uv_cluster_pid(cluster), "raysim-node", pids, 16) > 0; i++)
    local_pause_ms(10);
  CHECK_EQ(local_descendants(rs_uv_cluster_pid(cluster), "raysim-node", pids, 16), 0);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- an application that puts objects and reads them in tasks ---- */

struct putter {
  struct rs_app app;
  rs_addr self;
  uint32_t done, failed, stored;
};

enum { OBJECTS = 5, OBJECT_BYTES = 2000000 };

static void put_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct putter *p = (struct putter *)app;
  (void)now;
  p->self = self;
  for (uint32_t i = 0; i < OBJECTS; i++) {
    struct rs_call *put = rs_call_new(RS_CALL_PUT, 0);
    put->object = (struct rs_id){self, 1 + i};
    put->size_bytes = OBJECT_BYTES;
    rs_calls_add(calls, put);
  }
}

static void put_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct putter *p = (struct putter *)app;
  (void)now;
  p->failed += reply->status != 0;
  if (reply->kind == RS_REPLY_TASK)
    p->done++;
  if (reply->kind != RS_REPLY_OBJECT || ++p->stored < OBJECTS)
    return;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, OBJECTS);
  call->demand.cpu_e4 = RS_ONE_E4;
  for (uint32_t i = 0; i < OBJECTS; i++) {
    struct rs_replay replay = {.duration_ns = 100 * RS_MS, .mode = RS_REPLAY_SLEEP};
    struct rs_task *task = rs_task_new(1, rs_replay_args_bytes(0));
    task->id = (struct rs_id){p->self, 100 + i};
    task->function = rs_replay_function();
    task->deps[0] = (struct rs_dep){.id = {p->self, 1 + i}, .size_bytes = OBJECT_BYTES};
    rs_replay_encode(&replay, task->args);
    call->tasks[i] = task;
  }
  rs_calls_add(calls, call);
}

static void put_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  (void)app, (void)now, (void)calls;
}

static uint64_t put_deadline(const struct rs_app *app)
{
  (void)app;
  return RS_TIME_NEVER;
}

static bool put_done(const struct rs_app *app)
{
  return ((const struct putter *)app)->done == OBJECTS;
}

static void application_objects(void)
{
  static const struct rs_app_ops ops = {put_start, put_reply, put_timer, put_deadline, put_done};
  struct rs_uv_cluster *cluster = local_start(2, 1, NULL);
  struct putter p = {.app = {&ops}};
  char error[RS_UV_ERROR_MAX] = "";
  CHECK_EQ(rs_uv_run_app(&(struct rs_uv_run){.session = rs_uv_cluster_session(cluster), .app = &p.app}, NULL, error),
           0);
  CHECK_EQ(p.done, OBJECTS);
  CHECK_EQ(p.failed, 0);
  local_stop(cluster);
}

const struct rs_test rs_tests[] = {{"cancel", cancel},
                                   {"actors", actors},
                                   {"autoscaler", autoscaler},
                                   {"application_objects", application_objects},
                                   {0}};
