/* A real local cluster: tasks, deaths of workers and nodes, stopped processes, and nothing left behind. */
#include "local.h"

#include <sys/wait.h>

static void many_tasks(void)
{
  struct rs_uv_cluster *cluster = local_start(4, 2, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint32_t nodes[64] = {0};
  local_take(client, local_submit(client, 2000, 1000, 0), 2000, nodes);
  CHECK_EQ(nodes[0] + nodes[1] + nodes[2] + nodes[3], 2000);
  for (int i = 0; i < 4; i++) /* more than half of what fits on one node: all take part */
    CHECK(nodes[i] > 0);
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void worker_killed(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 2, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = local_submit(client, 2, 1000000, 3);
  int pids[16], count = 0;
  for (int i = 0; i < 200 && count < 2; i++) {
    local_pause_ms(10);
    count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, 16);
  }
  CHECK_EQ(count, 2);
  local_pause_ms(200); /* both run */
  kill(pids[0], SIGKILL);
  local_take(client, first, 2, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void worker_killed_without_retries(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = local_submit(client, 1, 1000000, 0);
  int pids[16], count = 0;
  for (int i = 0; i < 200 && count < 1; i++) {
    local_pause_ms(10);
    count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, 16);
  }
  local_pause_ms(100);
  kill(pids[0], SIGKILL);
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, first, 10 * RS_S, &result), 0);
  CHECK_EQ(result->status, RS_ERR_WORKER_CRASHED);
  rs_result_unref(result);
  local_take(client, local_submit(client, 3, 100, 0), 3, NULL); /* the node goes on with a new one */
  rs_uv_client_close(client);
  local_stop(cluster);
}

static int pid_of_node(struct rs_uv_cluster *cluster, uint32_t node, bool *alive)
{
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error), 0);
  CHECK(status.node_count > node);
  int pid = status.nodes[node].pid;
  if (alive)
    *alive = status.nodes[node].alive;
  rs_uv_status_free(&status);
  return pid;
}

static void node_hit(int signal_number, const struct rs_config *config)
{
  struct rs_uv_cluster *cluster = local_start(3, 2, config);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = local_submit(client, 150, 100000, 3);
  local_pause_ms(250); /* workers run on all nodes */
  int pid = pid_of_node(cluster, 2, NULL), workers[16];
  int before = local_descendants(pid, "raysim-worker", workers, 16);
  CHECK(before > 0);
  kill(pid, signal_number);
  uint32_t nodes[64] = {0};
  local_take(client, first, 150, nodes);
  CHECK_EQ(nodes[0] + nodes[1] + nodes[2], 150);
  CHECK(nodes[0] > nodes[2]);
  bool alive = true;
  for (int i = 0; i < 300 && alive; i++) {
    pid_of_node(cluster, 2, &alive);
    local_pause_ms(10);
  }
  CHECK(!alive);
  if (signal_number == SIGKILL) /* its workers went with it */
    for (int i = 0; i < before; i++)
      CHECK_EQ(rs_process_start_time(workers[i]), 0);
  else { /* a stopped one that goes on learns that it was declared dead, and ends */
    uint64_t start = rs_process_start_time(pid);
    CHECK(start != 0);
    kill(pid, SIGCONT);
    for (int i = 0; i < 300 && rs_process_start_time(pid) == start; i++)
      local_pause_ms(10);
    CHECK(rs_process_start_time(pid) != start);
  }
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void node_killed(void)
{
  node_hit(SIGKILL, NULL);
}

static void node_stopped(void)
{
  struct rs_config config = local_fast_health();
  node_hit(SIGSTOP, &config);
}

static void stop_with_a_stopped_node(void)
{
  struct rs_uv_cluster *cluster = local_start(2, 1, NULL);
  kill(pid_of_node(cluster, 1, NULL), SIGSTOP);
  local_stop(cluster);
}

/* The starter is killed: the cluster leaves by itself. */
static void starter_killed(void)
{
  int out[2];
  CHECK_EQ(pipe(out), 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct rs_uv_cluster *cluster = local_start(2, 1, NULL);
    struct rs_uv_client *client = local_attach(cluster);
    local_take(client, local_submit(client, 4, 1000, 0), 4, NULL);
    char text[RS_UV_PATH_MAX + 32];
    int n = snprintf(text, sizeof text, "%d %s", rs_uv_cluster_pid(cluster), rs_uv_cluster_session(cluster));
    if (write(out[1], text, (size_t)n) != n)
      _exit(1);
    pause();
  }
  char text[RS_UV_PATH_MAX + 32] = "", session[RS_UV_PATH_MAX];
  int head, pids[64];
  CHECK(read(out[0], text, sizeof text - 1) > 0);
  CHECK_EQ(sscanf(text, "%d %255s", &head, session), 2);
  int count = local_descendants(head, NULL, pids, 64);
  CHECK(count >= 4); /* two fork servers, a node, workers */
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  struct stat st;
  for (int i = 0; i < 500 && stat(session, &st) == 0; i++)
    local_pause_ms(10);
  CHECK(stat(session, &st) != 0);
  int left = 0;
  for (int i = 0; i < count; i++)
    left += rs_process_start_time(pids[i]) != 0;
  CHECK_EQ(left, 0);
  close(out[0]);
  close(out[1]);
}

/* The head, or a process without which it can do nothing, is killed: every process of the cluster ends. */
static void ends_with(const char *killed)
{
  struct rs_uv_cluster *cluster = local_start(3, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  local_submit(client, 12, 1000000, 0);
  local_pause_ms(200);
  int pids[64], head = rs_uv_cluster_pid(cluster), count = local_descendants(head, NULL, pids, 64);
  CHECK(count >= 6);
  int servers[64], server_count = killed ? local_descendants(head, killed, servers, 64) : 0;
  CHECK(!killed || server_count >= 3);
  for (int i = 0; i < server_count; i++)
    kill(servers[i], SIGKILL);
  if (!killed)
    kill(head, SIGKILL);
  struct rs_result *result;
  int rc = rs_uv_client_wait(client, 1, 10 * RS_S, &result); /* its owner may have heard of it first */
  CHECK(rc == RS_ERR_PEER_LOST || (rc == 0 && result->status < 0));
  rs_result_unref(result);
  rs_uv_client_close(client);
  rs_uv_local_cluster_stop(cluster);
  int left = count;
  for (int i = 0; i < 300 && left > 0; i++) {
    left = 0;
    for (int j = 0; j < count; j++)
      left += rs_process_start_time(pids[j]) != 0;
    local_pause_ms(10);
  }
  CHECK_EQ(left, 0);
}

static void head_killed(void)
{
  ends_with(NULL);
}

static void fork_servers_killed(void)
{
  ends_with("raysim-fork");
}

/* The head is stopped, its connections stay open: a node that hears nothing of it ends, after its setting and not
 * before; one that was stopped itself for longer than that does not take its own sleep for the head's. */
static void head_stopped(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.gcs_rpc_server_reconnect_timeout_s = 2;
  config.health_check_period_ms = 3600000; /* the head asks nobody */
  config.health_check_initial_delay_ms = 3600000;
  struct rs_uv_cluster *cluster = local_start(2, 1, &config);
  int head = rs_uv_cluster_pid(cluster), node = pid_of_node(cluster, 1, NULL), others[64];
  uint64_t start = rs_process_start_time(node);
  kill(node, SIGSTOP);
  local_pause_ms(3000);
  kill(node, SIGCONT);
  local_pause_ms(3000); /* idle for longer than the setting: it asks, and the head answers */
  CHECK(rs_process_start_time(node) == start);
  struct rs_uv_client *client = local_attach(cluster);
  uint32_t nodes[64] = {0};
  local_take(client, local_submit(client, 4, 100000, 0), 4, nodes); /* workers on both */
  CHECK(nodes[1] > 0);
  int count = local_descendants(node, NULL, others, 64);
  CHECK(count >= 2); /* its fork server and a worker */
  rs_uv_client_close(client);
  kill(head, SIGSTOP);
  local_pause_ms(1000);
  CHECK(rs_process_start_time(node) == start);
  int waited = 0;
  for (; waited < 300 && rs_process_start_time(node) == start; waited++)
    local_pause_ms(10);
  CHECK(waited < 250);
  for (int i = 0; i < count; i++)
    CHECK_EQ(rs_process_start_time(others[i]), 0);
  kill(head, SIGCONT);
  bool alive = true;
  for (int i = 0; i < 300 && alive; i++) {
    pid_of_node(cluster, 1, &alive);
    local_pause_ms(10);
  }
  CHECK(!alive);
  client = local_attach(cluster); /* the head goes on without it */
  local_take(client, local_submit(client, 2, 1000, 0), 2, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

static void unknown_function(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  uint64_t seq = rs_uv_client_take(client, 2);
  call->tasks[0] = rs_task_new(0, 0);
  call->tasks[0]->id = (struct rs_id){rs_uv_client_self(client), seq};
  call->tasks[0]->function = rs_name_hash("no such function");
  call->tasks[0]->return_count = 1;
  rs_uv_client_call(client, call);
  struct rs_result *result;
  CHECK_EQ(rs_uv_client_wait(client, seq, 10 * RS_S, &result), 0);
  CHECK_EQ(result->status, RS_ERR_UNKNOWN_FUNCTION);
  rs_result_unref(result);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- objects ---- */

static void objects(void)
{
  struct rs_uv_cluster *cluster = local_start(2, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  size_t size = 5 * 1000 * 1000 + 17, got_size;
  uint8_t *bytes = rs_alloc(size), *got;
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * 7 + i / 1000);
  struct rs_id put;
  CHECK_EQ(rs_front_put(rs_uv_client_front(client), bytes, size, NULL, 0, &put), 0);
  CHECK_EQ(local_get(client, put, &got, &got_size), 0);
  CHECK_EQ(got_size, size);
  CHECK(memcmp(got, bytes, size) == 0);
  free(got);
  free(bytes);
  /* large results, made on both nodes at once, brought here */
  enum { TASKS = 6 };
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, TASKS);
  call->demand.cpu_e4 = RS_ONE_E4;
  uint64_t first = rs_uv_client_take(client, 2 * TASKS);
  for (uint32_t i = 0; i < TASKS; i++) {
    struct rs_replay replay = {.duration_ns = 100 * RS_MS, .mode = RS_REPLAY_SLEEP, .return_bytes = 3000001 + i};
    struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
    task->id = (struct rs_id){rs_uv_client_self(client), first + 2 * i};
    task->function = rs_replay_function();
    task->return_count = 1;
    task->flags = RS_TASK_KEEP;
    rs_replay_encode(&replay, task->args);
    call->tasks[i] = task;
  }
  rs_uv_client_call(client, call);
  uint32_t nodes[2] = {0};
  for (uint32_t i = 0; i < TASKS; i++) {
    struct rs_result *result;
    CHECK_EQ(rs_uv_client_wait(client, first + 2 * i, 20 * RS_S, &result), 0);
    CHECK_EQ(result->status, 0);
    CHECK_EQ(result->returns[0].size_bytes, 3000001 + i);
    CHECK_EQ(result->returns[0].inline_bytes, 0);
    nodes[rs_addr_node(result->node)]++;
    rs_result_unref(result);
    struct rs_id id = {rs_uv_client_self(client), first + 2 * i + 1};
    CHECK_EQ(local_get(client, id, &got, &got_size), 0);
    CHECK_EQ(got_size, 3000001 + i);
    for (size_t j = 0; j < got_size; j += 997)
      CHECK_EQ(got[j], 0);
    free(got);
  }
  CHECK(nodes[0] > 0 && nodes[1] > 0); /* so bytes went over TCP */
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- an application ---- */

struct burst {
  struct rs_app app;
  rs_addr self;
  uint32_t todo, sent, done, failed;
  uint64_t alarm;
};

static struct rs_call *burst_call(struct burst *b, uint32_t count)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, count);
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = 3;
  for (uint32_t i = 0; i < count; i++) {
    call->tasks[i] = rs_task_new(0, 0);
    call->tasks[i]->id = (struct rs_id){b->self, 1 + b->sent++};
    call->tasks[i]->function = rs_name_hash("raysim.noop");
  }
  return call;
}

static void burst_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct burst *b = (struct burst *)app;
  b->self = self;
  b->alarm = now + 20 * RS_MS;
  rs_calls_add(calls, burst_call(b, 100));
}

static void burst_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct burst *b = (struct burst *)app;
  (void)now;
  b->done++;
  b->failed += reply->status != 0;
  if (b->sent < b->todo)
    rs_calls_add(calls, burst_call(b, 1));
}

static void burst_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct burst *b = (struct burst *)app;
  (void)calls;
  CHECK(now >= b->alarm);
  b->alarm = RS_TIME_NEVER;
}

static uint64_t burst_deadline(const struct rs_app *app)
{
  return ((const struct burst *)app)->alarm;
}

static bool burst_done(const struct rs_app *app)
{
  const struct burst *b = (const struct burst *)app;
  return b->done == b->todo && b->alarm == RS_TIME_NEVER;
}

static const struct rs_app_ops burst_ops = {burst_start, burst_reply, burst_timer, burst_deadline, burst_done};

static void count_ended(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect)
{
  (void)now, (void)self;
  *(uint32_t *)ctx += effect->trace == RS_TRACE_TASK_PUSHED;
}

static void application(void)
{
  struct rs_uv_cluster *cluster = local_start(2, 2, NULL);
  struct burst b = {.app = {&burst_ops}, .todo = 5000, .alarm = RS_TIME_NEVER};
  uint32_t pushed = 0;
  struct rs_uv_run_stats stats;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_run_app(
               &(struct rs_uv_run){
                   .session = rs_uv_cluster_session(cluster), .app = &b.app, .trace = count_ended, .ctx = &pushed},
               &stats, error),
           0);
  CHECK_EQ(b.done, 5000);
  CHECK_EQ(b.failed, 0);
  CHECK_EQ(pushed, 5000);
  CHECK(stats.messages_in >= 5000 && stats.bytes_in > stats.messages_in && !stats.stopped);
  atomic_bool stop = true; /* one that is to stop at once */
  struct burst never = {.app = {&burst_ops}, .todo = UINT32_MAX, .alarm = RS_TIME_NEVER};
  CHECK_EQ(
      rs_uv_run_app(&(struct rs_uv_run){.session = rs_uv_cluster_session(cluster), .app = &never.app, .stop = &stop},
                    &stats, error),
      0);
  CHECK(stats.stopped);
  local_stop(cluster);
}

const struct rs_test rs_tests[] = {{"many_tasks", many_tasks},
                                   {"application", application},
                                   {"objects", objects},
                                   {"unknown_function", unknown_function},
                                   {"worker_killed", worker_killed},
                                   {"worker_killed_without_retries", worker_killed_without_retries},
                                   {"node_killed", node_killed},
                                   {"node_stopped", node_stopped},
                                   {"stop_with_a_stopped_node", stop_with_a_stopped_node},
                                   {"head_killed", head_killed},
                                   {"fork_servers_killed", fork_servers_killed},
                                   {"head_stopped", head_stopped},
                                   {"starter_killed", starter_killed},
                                   {0}};
