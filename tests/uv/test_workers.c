/* Worker processes on a real cluster: started before they are needed, stopped, ended, bound to cores. */
#include "local.h"

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * RS_S + (uint64_t)t.tv_nsec;
}

/* Waits until that many worker processes of the cluster run; their numbers. */
static int workers(struct rs_uv_cluster *cluster, int wanted, int *pids, int cap)
{
  int count = 0;
  for (int i = 0; i < 500; i++) {
    count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, cap);
    if (count >= wanted)
      break;
    local_pause_ms(10);
  }
  return count;
}

/* A program that only asks starts nothing; the first that works finds a worker a CPU. */
static void they_are_there_before_the_first_task(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 3, NULL);
  struct rs_uv_client *client;
  char error[RS_UV_ERROR_MAX] = "";
  int pids[8];
  CHECK_EQ(rs_uv_client_observe(rs_uv_cluster_session(cluster), &client, error), 0);
  local_pause_ms(100);
  CHECK_EQ(workers(cluster, 0, pids, 8), 0);
  rs_uv_client_close(client);
  client = local_attach(cluster);
  CHECK_EQ(workers(cluster, 3, pids, 8), 3);
  uint64_t tasks = local_submit(client, 6, 20000, 0);
  local_take(client, tasks, 6, NULL);
  int again[8];
  CHECK_EQ(workers(cluster, 3, again, 8), 3);
  for (int i = 0; i < 3; i++) /* the same */
    CHECK(again[i] == pids[0] || again[i] == pids[1] || again[i] == pids[2]);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* The folder of the node's sockets is away: no worker can come up. The task fails, and says why; later ones run. */
static void none_can_be_started(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.prestart_worker_first_driver = 0;
  struct rs_uv_cluster *cluster = local_start(1, 1, &config);
  struct rs_uv_client *client = local_attach(cluster);
  char here[RS_UV_PATH_MAX + 16], away[RS_UV_PATH_MAX + 16];
  snprintf(here, sizeof here, "%s/n0.1", rs_uv_cluster_session(cluster));
  snprintf(away, sizeof away, "%s/away", rs_uv_cluster_session(cluster));
  CHECK_EQ(rename(here, away), 0);
  uint64_t task = local_submit(client, 1, 1000, 3);
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, task, 20 * RS_S, &result), 0);
  CHECK_EQ(result->status, RS_ERR_WORKER_START);
  CHECK_STR((const char *)result->data, "no worker process could be started for it on node 0");
  rs_result_unref(result);
  CHECK_EQ(rename(away, here), 0);
  task = local_submit(client, 1, 1000, 3);
  local_take(client, task, 1, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void cancel(struct rs_uv_client *client, uint64_t seq, bool force)
{
  struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
  call->object = (struct rs_id){rs_uv_client_self(client), seq};
  call->force = force;
  rs_uv_client_call(client, call);
}

/* Tasks of microseconds with strategy SPREAD run on all of four nodes alike, also one by one. */
static void spread_over_nodes(void)
{
  enum { COUNT = 400 };
  struct rs_uv_cluster *cluster = local_start(4, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  for (int at_once = 0; at_once < 2; at_once++) {
    uint32_t nodes[64] = {0};
    uint64_t first = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
      struct rs_replay replay = {.mode = RS_REPLAY_SLEEP};
      struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
      struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
      task->id = (struct rs_id){rs_uv_client_self(client), rs_uv_client_take(client, 1)};
      task->function = rs_replay_function();
      rs_replay_encode(&replay, task->args);
      first = i ? first : task->id.seq;
      call->tasks[0] = task;
      call->strategy = RS_STRATEGY_SPREAD;
      call->target = RS_NODE_NONE;
      call->demand.cpu_e4 = RS_ONE_E4;
      rs_uv_client_call(client, call);
      for (uint32_t k = at_once ? 0 : i; k <= i && (!at_once || i + 1 == COUNT); k++) {
        struct rs_result *result;
        CHECK_EQ(rs_uv_client_wait(client, first + k, 60 * RS_S, &result), 0);
        CHECK_EQ(result->status, 0);
        nodes[rs_addr_node(result->node) & 63]++;
        rs_result_unref(result);
      }
    }
    printf("\n    %s: %u %u %u %u", at_once ? "at once" : "one by one", nodes[0], nodes[1], nodes[2], nodes[3]);
    for (int i = 0; i < 4; i++)
      CHECK(nodes[i] >= COUNT / 8 && nodes[i] <= COUNT / 2);
  }
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* A process that is stopped cannot obey; force ends it all the same, and its CPU is free again. */
static void force_ends_a_stopped_worker(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.cancellation_retry_ms = 300;
  config.prestart_worker_first_driver = 0;
  struct rs_uv_cluster *cluster = local_start(1, 1, &config);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t task = local_submit(client, 1, 60 * 1000 * 1000, 3);
  int pids[8];
  CHECK_EQ(workers(cluster, 1, pids, 8), 1);
  local_pause_ms(200);
  CHECK_EQ(kill(pids[0], SIGSTOP), 0);
  uint64_t begin = now_ns();
  cancel(client, task, true);
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, task, 20 * RS_S, &result), 0);
  CHECK_EQ(result->status, RS_ERR_CANCELLED);
  CHECK(now_ns() - begin >= 290 * RS_MS);
  rs_result_unref(result);
  uint64_t next = local_submit(client, 1, 1000, 0);
  local_take(client, next, 1, NULL);
  for (int i = 0; i < 500 && kill(pids[0], 0) == 0; i++)
    local_pause_ms(10);
  CHECK(kill(pids[0], 0) != 0);
  rs_uv_client_close(client);
  local_stop(cluster);
}

const struct rs_test rs_tests[] = {
    {"workers: they are there before the first task", they_are_there_before_the_first_task},
    {"workers: none can be started", none_can_be_started},
    {"spread: over nodes", spread_over_nodes},
    {"cancel: force ends a stopped worker", force_ends_a_stopped_worker},
    {0}};
