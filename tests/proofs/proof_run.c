/* proof_run.c -- a real run to prove things about: a local cluster of processes, every endpoint recorded.
 *
 *     proof_run FOLDER [TASKS]
 *
 * NODES nodes of four workers; two driver programs submit TASKS tasks between them (default 6,000), in bursts that do
 * not fit where they are submitted, so that raylets spill them; in each burst one task leaves an object that others
 * read on other nodes. Every sixth burst runs in a placement group of the program, spread over three nodes. When the
 * first program has half of its results it sends long tasks to the last node, and while they run that node's raylet is
 * killed (SIGKILL): they are tried again elsewhere; what reads an object that was only there fails. The recordings lie
 * in FOLDER (made here). Prints one line of figures.
 *
 * Exit status: 0 when every task has ended, 1 otherwise.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/config.h"
#include "lib/load/replay.h"
#include "uv/uv.h"

enum {
  NODES = 5,
  WORKERS = 4,
  BURST = 60,
  READERS = 6,
  IN_FLIGHT = 300,
  LONG_EVERY = 40,
  BURST_LAST = 8,
  ACTORS = 3,
  CALLS = 2,
  BUNDLES = 3
};

#define PERIOD_NS (25 * RS_MS)
#define LONG_NS (120 * RS_MS)
#define LAST_NS (400 * RS_MS) /* of the tasks that the killed node runs */
#define KILL_NS (250 * RS_MS) /* after they were submitted */
#define OBJECT_BYTES 300000

void rs_panic(const char *text)
{
  fprintf(stderr, "%s\n", text);
}

/* A driver program. */
struct load {
  struct rs_app app; /* first */
  uint64_t count, submitted, ended, failed, next_seq, next_ns;
  rs_addr self;
  struct rs_id actors[ACTORS], group;
  struct rs_rng rng;
  int victim; /* process to kill after half time; 0: none */
  uint64_t kill_ns;
};

static struct load *load_of(const struct rs_app *app)
{
  return (struct load *)(uintptr_t)app;
}

static uint64_t draw_duration(struct load *load)
{
  return rs_rng_below(&load->rng, LONG_EVERY) == 0 ? LONG_NS : RS_MS + rs_rng_below(&load->rng, 8 * RS_MS);
}

static struct rs_task *make_task(struct load *load, uint64_t duration_ns, bool makes, struct rs_id reads)
{
  struct rs_replay replay = {
      .mode = RS_REPLAY_SLEEP, .duration_ns = duration_ns, .return_bytes = makes ? OBJECT_BYTES : 0};
  struct rs_task *task = rs_task_new(reads.seq != 0, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->function = rs_replay_function();
  task->id = (struct rs_id){load->self, load->next_seq};
  task->return_count = 1;
  if (reads.seq)
    task->deps[0] = (struct rs_dep){.id = reads};
  load->next_seq += 2;
  load->submitted++;
  return task;
}

/* Two scheduling keys in turn, each task of one CPU or, with the second key, of two. */
static void burst(struct load *load, struct rs_calls *calls)
{
  uint64_t left = load->count - load->submitted, count = left < BURST ? left : BURST;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, (uint32_t)count);
  call->max_retries = 3;
  call->demand.cpu_e4 = load->submitted / BURST % 4 == 3 ? 2 * RS_ONE_E4 : RS_ONE_E4;
  if (load->submitted / BURST % 6 == 2)
    call->demand = (struct rs_demand){
        .cpu_e4 = RS_ONE_E4, .group_owner = load->group.owner, .group_seq = load->group.seq, .group_bundle = -1};
  struct rs_id object = {0, 0};
  for (uint32_t i = 0; i < count; i++) {
    call->tasks[i] =
        make_task(load, draw_duration(load), i == 0, i > 0 && i <= READERS ? object : (struct rs_id){0, 0});
    if (i == 0)
      object = (struct rs_id){load->self, call->tasks[0]->id.seq + 1};
  }
  rs_calls_add(calls, call);
}

static void create_group(struct load *load, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  load->group = call->object = (struct rs_id){load->self, load->next_seq++};
  call->group_strategy = RS_GROUP_STRICT_SPREAD;
  call->bundle_count = BUNDLES;
  call->bundles = calloc(BUNDLES, sizeof *call->bundles);
  for (int i = 0; i < BUNDLES; i++)
    call->bundles[i].cpu_e4 = RS_ONE_E4;
  rs_calls_add(calls, call);
}

static void create_actors(struct load *load, struct rs_calls *calls)
{
  for (uint32_t i = 0; i < ACTORS; i++) {
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
    struct rs_task *creation = make_task(load, RS_MS, false, (struct rs_id){0, 0});
    load->submitted--; /* it is no task of the workload */
    creation->flags = RS_TASK_ACTOR_CREATE;
    creation->actor = load->actors[i] = creation->id;
    call->tasks[0] = creation;
    call->demand.cpu_e4 = RS_ONE_E4;
    call->max_restarts = 2;
    rs_calls_add(calls, call);
  }
}

static void call_actor(struct load *load, struct rs_id actor, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, CALLS);
  call->max_retries = 3;
  for (uint32_t i = 0; i < CALLS; i++) {
    call->tasks[i] = make_task(load, RS_MS, false, (struct rs_id){0, 0});
    call->tasks[i]->flags = RS_TASK_ACTOR_CALL;
    call->tasks[i]->actor = actor;
  }
  load->count += CALLS;
  rs_calls_add(calls, call);
}

/* Tasks that the victim will run when it is killed. */
static void burst_on_victim(struct load *load, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, BURST_LAST);
  call->max_retries = 3;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->strategy = RS_STRATEGY_NODE_AFFINITY_SOFT;
  call->target = NODES - 1;
  for (uint32_t i = 0; i < BURST_LAST; i++)
    call->tasks[i] = make_task(load, LAST_NS, false, (struct rs_id){0, 0});
  load->count += BURST_LAST;
  rs_calls_add(calls, call);
}

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct load *load = load_of(app);
  load->self = self;
  load->next_ns = now + PERIOD_NS;
  rs_rng_seed(&load->rng, self);
  create_group(load, calls);
  create_actors(load, calls);
  burst(load, calls);
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct load *load = load_of(app);
  if (now >= load->kill_ns) {
    kill(load->victim, SIGKILL);
    load->victim = 0;
    load->kill_ns = RS_TIME_NEVER;
  }
  if (now < load->next_ns)
    return;
  load->next_ns = now + PERIOD_NS;
  if (load->submitted < load->count && load->submitted - load->ended < IN_FLIGHT) {
    burst(load, calls);
    call_actor(load, load->actors[load->submitted / BURST % ACTORS], calls);
  }
}

static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct load *load = load_of(app);
  if (reply->kind != RS_REPLY_TASK)
    return;
  load->ended++;
  if (reply->status != RS_ERR_OK && load->failed++ == 0)
    fprintf(stderr, "proof_run: a task failed: %s\n", rs_error_text(reply->status));
  if (load->victim && load->kill_ns == RS_TIME_NEVER && load->ended >= load->count / 2) {
    load->kill_ns = now + KILL_NS;
    burst_on_victim(load, calls);
  }
}

static uint64_t deadline(const struct rs_app *app)
{
  const struct load *load = load_of(app);
  return rs_time_min(load->submitted < load->count ? load->next_ns : RS_TIME_NEVER, load->kill_ns);
}

static bool done(const struct rs_app *app)
{
  return load_of(app)->ended == load_of(app)->count;
}

static const struct rs_app_ops ops = {on_start, on_reply, on_timer, deadline, done};

struct outcome {
  uint64_t ended, failed;
  int rc;
};

static struct outcome drive(const char *session, uint64_t count, int victim)
{
  char error[RS_UV_ERROR_MAX] = "";
  struct load load = {.app = {.ops = &ops},
                      .count = count,
                      .next_seq = 1,
                      .next_ns = RS_TIME_NEVER,
                      .victim = victim,
                      .kill_ns = RS_TIME_NEVER};
  struct rs_uv_run run = {.session = session, .app = &load.app};
  int rc = rs_uv_run_app(&run, NULL, error);
  if (rc != 0)
    fprintf(stderr, "proof_run: %s\n", error);
  return (struct outcome){load.ended, load.failed, rc};
}

/* Both programs, the second one in a process of its own. */
static struct outcome drive_both(const char *session, uint64_t tasks, int victim)
{
  struct outcome second = {.rc = -1};
  int ends[2];
  if (pipe(ends) != 0)
    return second;
  pid_t pid = fork();
  if (pid == 0) {
    second = drive(session, tasks / 2, 0);
    _exit(write(ends[1], &second, sizeof second) == (ssize_t)sizeof second ? 0 : 1);
  }
  close(ends[1]);
  struct outcome first = drive(session, tasks - tasks / 2, victim);
  ssize_t got = read(ends[0], &second, sizeof second);
  close(ends[0]);
  waitpid(pid, NULL, 0);
  first.rc = first.rc == 0 && got == (ssize_t)sizeof second ? second.rc : first.rc;
  first.ended += second.ended;
  first.failed += second.failed;
  return first;
}

static int run(const char *folder, uint64_t tasks)
{
  char error[RS_UV_ERROR_MAX] = "";
  struct rs_config config;
  rs_config_defaults(&config);
  config.seed = 5;
  config.worker_lease_timeout_milliseconds = 50;
  config.autoscaler_update_interval_ms = 500;
  struct rs_res total = {
      .cpu_e4 = WORKERS * RS_ONE_E4, .memory_bytes = INT64_C(1) << 30, .store_bytes = INT64_C(1) << 28};
  struct rs_node_info *info = rs_node_info_new(&total), *infos[NODES];
  for (int i = 0; i < NODES; i++)
    infos[i] = info;
  struct rs_node_info *more = rs_node_info_new(&total);
  more->node_type = 0;
  struct rs_node_type type = {.info = more, .max_count = 1};
  struct rs_uv_cluster_options options = {.config = &config,
                                          .node_count = NODES,
                                          .infos = infos,
                                          .node_types = &type,
                                          .node_type_count = 1,
                                          .record = folder};
  struct rs_uv_cluster *cluster;
  int rc = rs_uv_local_cluster_start(&options, &cluster, error);
  rs_node_info_unref(info);
  rs_node_info_unref(more);
  if (rc != 0) {
    fprintf(stderr, "proof_run: %s\n", error);
    return 1;
  }
  struct rs_uv_status status;
  struct outcome outcome = {.rc = -1};
  rc = rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error);
  if (rc == 0 && status.node_count == NODES && status.nodes[NODES - 1].pid > 1) {
    outcome = drive_both(rs_uv_cluster_session(cluster), tasks, status.nodes[NODES - 1].pid);
    printf("nodes %d workers %d tasks %llu ended %llu failed %llu killed node %d\n", NODES, WORKERS,
           (unsigned long long)tasks, (unsigned long long)outcome.ended, (unsigned long long)outcome.failed, NODES - 1);
  } else {
    fprintf(stderr, "proof_run: %s\n", rc != 0 ? error : "the head does not know its last node's process");
  }
  if (rc == 0)
    rs_uv_status_free(&status);
  rs_uv_local_cluster_stop(cluster);
  return outcome.rc == 0 && outcome.ended >= tasks ? 0 : 1;
}

int main(int argc, char **argv)
{
  char *end = NULL;
  unsigned long tasks = argc > 2 ? strtoul(argv[2], &end, 10) : 6000;
  if (argc < 2 || argc > 3 || tasks < 100 || (end && *end)) {
    fprintf(stderr, "usage: %s FOLDER [TASKS]   (at least 100)\n", argv[0]);
    return 2;
  }
  if (mkdir(argv[1], 0700) != 0 && errno != EEXIST) {
    fprintf(stderr, "proof_run: %s: cannot be made: %s\n", argv[1], strerror(errno));
    return 2;
  }
  return run(argv[1], tasks);
}
