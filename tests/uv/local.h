/* local.h -- for tests with a real local cluster: starting one, submitting replay tasks, finding its processes. */
#ifndef RS_TESTS_UV_LOCAL_H
#define RS_TESTS_UV_LOCAL_H

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "check.h"
#include "lib/load/replay.h"
#include "uv/auth.h"
#include "uv/front.h"
#include "uv/session.h"
#include "uv/uv.h"

static inline void local_pause_ms(int ms)
{
  nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static inline struct rs_uv_cluster *local_start(uint32_t nodes, int cpus, const struct rs_config *config)
{
  struct rs_res total = {.cpu_e4 = (int64_t)cpus * RS_ONE_E4};
  struct rs_node_info *info = rs_node_info_new(&total), *infos[64];
  info->node_type = UINT32_MAX;
  for (uint32_t i = 0; i < nodes; i++)
    infos[i] = info;
  struct rs_uv_cluster *cluster;
  char error[RS_UV_ERROR_MAX] = "";
  int rc = rs_uv_local_cluster_start(
      &(struct rs_uv_cluster_options){.config = config, .node_count = nodes, .infos = infos}, &cluster, error);
  if (rc != 0)
    printf("\n    start: %s\n", error);
  CHECK_EQ(rc, 0);
  rs_node_info_unref(info);
  return cluster;
}

/* Fast failure detection. */
static inline struct rs_config local_fast_health(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.health_check_initial_delay_ms = 100;
  config.health_check_period_ms = 100;
  config.health_check_timeout_ms = 300;
  config.health_check_failure_threshold = 3;
  return config;
}

/* Submits `count` replay tasks of `ms` each that return their number; the first sequence number. */
static inline uint64_t local_submit(struct rs_uv_client *client, uint32_t count, uint64_t us, int max_retries)
{
  uint64_t first = rs_uv_client_take(client, 2 * count);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, count);
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = max_retries;
  for (uint32_t i = 0; i < count; i++) {
    struct rs_replay replay = {
        .duration_ns = us * RS_US, .mode = RS_REPLAY_SLEEP, .result = (const uint8_t *)&i, .result_bytes = sizeof i};
    struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(sizeof i));
    task->id = (struct rs_id){rs_uv_client_self(client), first + 2 * i};
    task->function = rs_replay_function();
    task->return_count = 1;
    rs_replay_encode(&replay, task->args);
    call->tasks[i] = task;
  }
  rs_uv_client_call(client, call);
  return first;
}

/* Takes the results: each must have succeeded with its own number. nodes[n] counts where they ran. */
static inline void local_take(struct rs_uv_client *client, uint64_t first, uint32_t count, uint32_t *nodes)
{
  for (uint32_t i = 0; i < count; i++) {
    struct rs_result *result;
    CHECK_EQ(rs_uv_client_wait(client, first + 2 * i, 60 * RS_S, &result), 0);
    if (result->status != 0)
      printf("\n    task %u: %s: %.*s\n", i, rs_error_name(result->status), (int)result->data_bytes, result->data);
    CHECK_EQ(result->status, 0);
    CHECK_EQ(result->returns[0].inline_bytes, sizeof i);
    CHECK(memcmp(result->data, &i, sizeof i) == 0);
    if (nodes)
      nodes[rs_addr_node(result->node) & 63]++;
    rs_result_unref(result);
  }
}

static inline int local_parent(int pid, char *name, size_t cap)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file)
    fclose(file);
  text[n] = 0;
  char *open = strchr(text, '('), *close = strrchr(text, ')');
  if (!open || !close || close[2] == 'Z')
    return 0;
  snprintf(name, cap, "%.*s", (int)(close - open - 1), open + 1);
  return atoi(close + 4);
}

/* Processes of that name (NULL: any) that descend from `root`; root itself not. At most cap. */
static inline int local_descendants(int root, const char *wanted, int *pids, int cap)
{
  int count = 0;
  DIR *dir = opendir("/proc");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    int pid = atoi(entry->d_name);
    char name[64], ignored[64];
    int up = local_parent(pid, name, sizeof name);
    if (up == 0 || (wanted && strcmp(name, wanted) != 0))
      continue;
    while (up > 1 && up != root)
      up = local_parent(up, ignored, sizeof ignored);
    if (up == root && count < cap)
      pids[count++] = pid;
  }
  if (dir)
    closedir(dir);
  return count;
}

/* Ends the cluster; nothing of it may be left. */
static inline void local_stop(struct rs_uv_cluster *cluster)
{
  int pids[512], count = local_descendants(rs_uv_cluster_pid(cluster), NULL, pids, 512), left = 0;
  uint64_t starts[512];
  char session[RS_UV_PATH_MAX];
  snprintf(session, sizeof session, "%s", rs_uv_cluster_session(cluster));
  for (int i = 0; i < count; i++)
    starts[i] = rs_process_start_time(pids[i]);
  rs_uv_local_cluster_stop(cluster);
  for (int i = 0; i < count; i++)
    if (starts[i] && rs_process_start_time(pids[i]) == starts[i])
      left++;
  CHECK_EQ(left, 0);
  struct stat st;
  CHECK(stat(session, &st) != 0);
}

static inline struct rs_uv_client *local_attach(struct rs_uv_cluster *cluster)
{
  struct rs_uv_client *client;
  char error[RS_UV_ERROR_MAX] = "";
  int rc = rs_uv_client_open(rs_uv_cluster_session(cluster), &client, error);
  if (rc != 0)
    printf("\n    attach: %s\n", error);
  CHECK_EQ(rc, 0);
  return client;
}

/* Brings an object here: a copy of its bytes, to be freed. */
static inline int local_get(struct rs_uv_client *client, struct rs_id id, uint8_t **bytes, size_t *size)
{
  struct rs_front *front = rs_uv_client_front(client);
  struct rs_front_value value;
  int rc = rs_front_get(front, &id, 1, 20 * RS_S, &value);
  *size = value.size_bytes;
  *bytes = rs_memdup(value.bytes, value.size_bytes);
  rs_front_value_free(front, &value);
  return rc;
}

#endif
