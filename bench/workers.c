/* workers.c -- how fast a worker process is there: from the raylet's request to the worker that says it is ready. One
 * JSON object.
 *
 *   workers [--rounds N] [--burst B]
 *
 *   one_us    a worker at a time: the time between the raylet's WORKER_START and the worker's WORKER_READY, as the
 *             raylet's own recording has it: p50, p90, p99 and the longest of N
 *   burst_us  B at a time (each gets a CPU of the node, so that they all start at once), N / B times
 *   task_us   of those that start alone: from submitting a task that has no worker to its result;
 *   next_task_us  and from there to the result of another one, which finds the worker
 *
 * Every task asks for an environment of its own, so none can use the worker of another; a worker ends as soon as it is
 * idle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "core/record.h"
#include "lib/load/replay.h"
#include "uv/uv.h"

enum { ROUNDS_MAX = 100000, BURST_MAX = 256 };

struct samples {
  double *us;
  uint32_t count;
};

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void fail(const char *what, const char *why)
{
  fprintf(stderr, "bench/workers: %s%s%s\n", what, why ? ": " : "", why ? why : "");
  exit(1);
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print(const char *name, struct samples *s, const char *end)
{
  if (s->count == 0)
    fail(name, "nothing was measured");
  qsort(s->us, s->count, sizeof *s->us, by_value);
  printf("  \"%s\": {\"count\": %u, \"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"max\": %.0f}%s\n", name, s->count,
         s->us[s->count / 2], s->us[s->count * 9 / 10], s->us[s->count * 99 / 100], s->us[s->count - 1], end);
}

static uint64_t submit(struct rs_uv_client *client, uint64_t env)
{
  struct rs_replay replay = {.mode = RS_REPLAY_SLEEP};
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  task->id = (struct rs_id){rs_uv_client_self(client), rs_uv_client_take(client, 1)};
  task->function = rs_replay_function();
  rs_replay_encode(&replay, task->args);
  uint64_t seq = task->id.seq;
  call->tasks[0] = task;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->demand.env = env;
  rs_uv_client_call(client, call);
  return seq;
}

static void finish(struct rs_uv_client *client, uint64_t seq)
{
  struct rs_result *result;
  if (rs_uv_client_wait(client, seq, 60 * RS_S, &result) != 0 || result->status != RS_ERR_OK)
    fail("a task has failed", NULL);
  rs_result_unref(result);
}

/* What the raylet has seen, in its recording. */
static void read_recording(const char *folder, struct samples *out)
{
  char path[256];
  snprintf(path, sizeof path, "%s/raylet-0.1.1.rec", folder);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    fail(path, "cannot be read");
  size_t size = (size_t)ftell(file);
  uint8_t *bytes = rs_alloc(size);
  rewind(file);
  if (fread(bytes, 1, size, file) != size)
    fail(path, "cannot be read");
  fclose(file);
  struct rs_record_reader reader;
  struct rs_record_start *start = rs_alloc_zero(1, sizeof *start);
  if (rs_record_read_start(&reader, bytes, size, start) != 0)
    fail(path, "it is no recording");
  struct rs_map asked = {0};
  uint64_t now = 0;
  for (enum rs_record_kind kind; (kind = rs_record_next(&reader)) != RS_RECORD_END;) {
    struct rs_input input;
    struct rs_effects effects = {0};
    if (kind == RS_RECORD_INPUT && rs_record_read_input(&reader, &now, &input) == 0) {
      const uint64_t *at = input.kind == RS_IN_MESSAGE && input.msg->type == RS_MSG_WORKER_READY
                               ? rs_map_find(&asked, input.peer)
                               : NULL;
      if (at && out->count < ROUNDS_MAX)
        out->us[out->count++] = 1e-3 * (double)(now - *at);
      rs_record_input_free(&input);
    } else if (kind == RS_RECORD_EFFECTS && rs_record_read_effects(&reader, &effects) == 0) {
      for (uint32_t i = 0; i < effects.count; i++)
        if (effects.items[i].kind == RS_OUT_WORKER_START)
          rs_map_put(&asked, effects.items[i].to, now);
      rs_record_effects_free(&effects);
    } else {
      break;
    }
  }
  rs_map_free(&asked);
  rs_record_start_free(start);
  free(start);
  free(bytes);
}

/* `rounds` workers, `burst` at a time. cold, warm: the tasks' times, or NULL. */
static void measure(uint32_t rounds, uint32_t burst, struct samples *ready, struct samples *cold, struct samples *warm)
{
  char folder[] = "/tmp/raysim-bench-XXXXXX", error[RS_UV_ERROR_MAX], command[64];
  if (!mkdtemp(folder))
    fail(folder, "cannot be made");
  struct rs_config config;
  rs_config_defaults(&config);
  config.prestart_worker_first_driver = 0;
  config.num_workers_soft_limit = 0;
  config.idle_worker_killing_time_threshold_ms = 0;
  config.kill_idle_workers_interval_ms = 1;
  struct rs_res total = {.cpu_e4 = (int64_t)burst * RS_ONE_E4};
  struct rs_node_info *info = rs_node_info_new(&total);
  struct rs_uv_cluster *cluster;
  struct rs_uv_client *client;
  info->node_type = UINT32_MAX;
  if (rs_uv_local_cluster_start(
          &(struct rs_uv_cluster_options){.config = &config, .node_count = 1, .infos = &info, .record = folder},
          &cluster, error) != 0 ||
      rs_uv_client_open(rs_uv_cluster_session(cluster), &client, error) != 0)
    fail("cannot start", error);
  for (uint32_t i = 0; i < rounds; i += burst) {
    uint64_t tasks[BURST_MAX];
    double begin = now_us();
    for (uint32_t k = 0; k < burst; k++)
      tasks[k] = submit(client, 1 + i + k);
    for (uint32_t k = 0; k < burst; k++)
      finish(client, tasks[k]);
    double first = now_us();
    if (!cold)
      continue;
    finish(client, submit(client, 1 + i));
    cold->us[cold->count++] = first - begin;
    warm->us[warm->count++] = now_us() - first;
  }
  rs_uv_client_close(client);
  rs_uv_local_cluster_stop(cluster);
  rs_node_info_unref(info);
  read_recording(folder, ready);
  snprintf(command, sizeof command, "rm -r %s", folder);
  if (system(command) != 0)
    fail(folder, "cannot be removed");
}

int main(int argc, char **argv)
{
  long rounds = 300, burst = 16;
  for (int i = 1; i < argc; i += 2) {
    long value = i + 1 < argc ? atol(argv[i + 1]) : 0;
    if (strcmp(argv[i], "--rounds") == 0)
      rounds = value;
    else if (strcmp(argv[i], "--burst") == 0)
      burst = value;
    else
      rounds = 0;
  }
  if (rounds < 1 || rounds > ROUNDS_MAX || burst < 1 || burst > BURST_MAX) {
    fprintf(stderr, "usage: workers [--rounds N] [--burst B]\n");
    return 2;
  }
  struct samples one = {0}, many = {0}, cold = {0}, warm = {0}, *all[] = {&one, &many, &cold, &warm};
  for (int i = 0; i < 4; i++)
    all[i]->us = rs_alloc(ROUNDS_MAX * sizeof(double));
  measure((uint32_t)rounds, 1, &one, &cold, &warm);
  measure((uint32_t)rounds, (uint32_t)burst, &many, NULL, NULL);
  printf("{\"bench\": \"workers\", \"rounds\": %ld, \"burst\": %ld, \"cpus\": %ld,\n", rounds, burst,
         sysconf(_SC_NPROCESSORS_ONLN));
  print("one_us", &one, ",");
  print("burst_us", &many, ",");
  print("task_us", &cold, ",");
  print("next_task_us", &warm, "");
  printf("}\n");
  for (int i = 0; i < 4; i++)
    free(all[i]->us);
  return 0;
}
