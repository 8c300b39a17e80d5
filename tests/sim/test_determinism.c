/* Determinism: the same seed gives the same run, whoever runs it.
 *
 * Every run below is a process of its own (SimGrid takes one platform a process) and answers with its trace hash (every
 * input and effect of every endpoint, with times) and its decision hash (grants, spillbacks, placements, ...). The runs
 * of `fixed` are compared with tests/proofs/determinism.golden, a committed file: a release and a sanitized build that
 * both agree with it agree with each other. After a wanted change of behaviour:
 *
 *     RAYSIM_UPDATE_GOLDEN=1 build/tests/test_determinism      and commit the file
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "core/config.h"
#include "lib/load/replay.h"
#include "sim/driver.h"
#include "sim/driver_tasks.h"

#define GOLDEN RS_SOURCE_DIR "/tests/proofs/determinism.golden"

enum { PROGRAMS_MAX = 64 };

struct plan {
  uint32_t nodes;
  uint32_t programs;         /* driver programs, on the first nodes */
  uint64_t tasks, in_flight; /* of each */
  uint64_t seed;
  uint64_t latency_ns;  /* added to the network's */
  uint64_t duration_ns; /* of a task: up to three times this */
  bool codec_forced, eager, faults, objects, sanity;
  bool keys;         /* a scheduling key for each task: every one is placed, no lease is used twice */
  bool latency_only; /* handling and bytes take no time: what is compared is decisions, not what views cost */
};

struct outcome {
  struct rs_sim_stats stats;
  uint64_t digest, ended, failed;
  int end;
};

/* The scenario whose hashes are committed: spillback, retries, objects that travel, a node that dies and comes back. */
static const struct plan fixed = {.nodes = 48,
                                  .programs = 1,
                                  .tasks = 4000,
                                  .in_flight = 600,
                                  .seed = 7,
                                  .duration_ns = 20 * RS_MS,
                                  .faults = true,
                                  .objects = true};

/* 200 nodes, 40 of which place tasks, without faults: only the way in which views travel is varied. */
static const struct plan views = {
    .nodes = 200, .programs = 40, .tasks = 250, .in_flight = 8, .seed = 11, .keys = true, .duration_ns = 100 * RS_MS};

static void simulate(const struct plan *plan, struct outcome *out)
{
  static const struct rs_sim_fault faults[] = {
      {.kind = RS_SIM_NODE_DOWN,
       .at_ns = 150 * RS_MS,
       .group = RS_SIM_ANY,
       .node = 5,
       .down_ns = 200 * RS_MS,
       .process = true},
      {.kind = RS_SIM_WORKER_KILL, .at_ns = RS_TIME_NEVER, .rate_per_s = 0.2, .group = RS_SIM_ANY}};
  struct rs_sim_cluster cluster;
  struct rs_sim_group group;
  struct rs_config config;
  struct rs_cost cost;
  static struct rs_sim_tasks tasks[PROGRAMS_MAX];
  char err[256];
  rs_sim_cluster_simple(&cluster, &group, plan->nodes, 4);
  cluster.net.latency_ns += plan->latency_ns;
  if (plan->faults) {
    cluster.faults = faults;
    cluster.fault_count = sizeof faults / sizeof *faults;
  }
  rs_config_defaults(&config);
  config.seed = plan->seed;
  rs_cost_defaults(&cost);
  if (plan->latency_only) {
    rs_cost_zero(&cost);
    cost.local_latency_ns = 10 * RS_US;
    cluster.net.nic_bytes_per_s = UINT64_C(1000000000000000);
  }
  struct rs_sim_opts opts = {.seed = plan->seed,
                             .codec_forced = plan->codec_forced,
                             .eager = plan->eager,
                             .sanity = plan->sanity,
                             .time_limit_ns = 60 * RS_S};
  struct rs_sim *sim = rs_sim_new(&cluster, &config, &cost, &opts, err, sizeof err);
  if (!sim) {
    printf("%s\n", err);
    return;
  }
  for (uint32_t i = 0; i < plan->programs; i++) {
    rs_sim_tasks_init(&tasks[i]);
    tasks[i].count = plan->tasks;
    tasks[i].in_flight_max = plan->in_flight;
    tasks[i].batch = plan->keys ? 10 : 50;
    tasks[i].duration_min_ns = plan->duration_ns;
    tasks[i].duration_max_ns = 3 * plan->duration_ns;
    tasks[i].return_bytes = plan->objects ? 300000 : 0;
    tasks[i].fan_in = plan->objects;
    tasks[i].keys = plan->keys;
    tasks[i].seed = plan->seed + i;
    rs_sim_add_app(sim, i, &tasks[i].app);
  }
  out->end = (int)rs_sim_run(sim);
  out->stats = *rs_sim_stats(sim);
  for (uint32_t i = 0; i < plan->programs; i++) {
    out->digest += (i + 1) * tasks[i].digest;
    out->ended += tasks[i].ended;
    out->failed += tasks[i].failed;
  }
  rs_sim_free(sim);
  rs_node_info_unref(group.info);
}

/* The same in a process of its own. */
static struct outcome run(const struct plan *plan)
{
  struct outcome out = {.end = -1};
  int ends[2], status = 0;
  CHECK(pipe(ends) == 0);
  fflush(stdout);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    simulate(plan, &out);
    fflush(stdout);
    _exit(write(ends[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
  }
  close(ends[1]);
  ssize_t got = read(ends[0], &out, sizeof out);
  close(ends[0]);
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  CHECK_EQ(got, sizeof out);
  CHECK_EQ(out.end, RS_SIM_DONE);
  CHECK_EQ(out.ended, plan->tasks * plan->programs);
  return out;
}

static struct outcome of_fixed;

static void print_hash(const char *what, uint64_t value)
{
  printf("%s %016" PRIx64 " ", what, value);
}

static void two_runs(void)
{
  of_fixed = run(&fixed);
  struct outcome again = run(&fixed);
  const struct rs_sim_stats *s = &of_fixed.stats;
  printf("%" PRIu64 " tasks, %" PRIu64 " steps, %" PRIu64 " messages, %" PRIu64 " decisions ", of_fixed.ended, s->steps,
         s->messages, s->decisions);
  print_hash("trace", s->trace_hash);
  print_hash("decisions", s->decision_hash);
  CHECK(s->traces[RS_TRACE_LEASE_SPILLED] > 0 && s->traces[RS_TRACE_TASK_RETRIED] > 0);
  CHECK(s->nodes_lost > 0 && s->copies > 0);
  CHECK(s->trace_hash == again.stats.trace_hash);
  CHECK(s->decision_hash == again.stats.decision_hash);
  CHECK(memcmp(s, &again.stats, sizeof *s) == 0); /* every counter */
  CHECK(of_fixed.digest == again.digest);
}

/* The committed hashes: what ties a release build to a sanitized one. */
static void golden(void)
{
  CHECK(of_fixed.stats.steps > 0);
  char want[256] = "", have[256];
  snprintf(have, sizeof have,
           "trace %016" PRIx64 "\ndecisions %016" PRIx64 "\nsteps %" PRIu64 "\nmessages %" PRIu64 "\n",
           of_fixed.stats.trace_hash, of_fixed.stats.decision_hash, of_fixed.stats.steps, of_fixed.stats.messages);
  if (getenv("RAYSIM_UPDATE_GOLDEN")) {
    FILE *file = fopen(GOLDEN, "w");
    CHECK(file != NULL);
    fputs(have, file);
    CHECK(fclose(file) == 0);
    printf("written ");
  }
  FILE *file = fopen(GOLDEN, "r");
  CHECK(file != NULL);
  size_t size = fread(want, 1, sizeof want - 1, file);
  want[size] = 0;
  fclose(file);
  if (strcmp(want, have) != 0)
    printf("\n    the committed hashes are of another behaviour; if the change is wanted, run with "
           "RAYSIM_UPDATE_GOLDEN=1\n"
           "    committed:\n%s    this build:\n%s",
           want, have);
  CHECK(strcmp(want, have) == 0);
}

static void codec_forced(void)
{
  struct plan plan = fixed;
  plan.codec_forced = true;
  struct outcome out = run(&plan);
  CHECK(out.stats.trace_hash == of_fixed.stats.trace_hash);
  CHECK(out.stats.decision_hash == of_fixed.stats.decision_hash);
  CHECK_EQ(out.stats.bytes, of_fixed.stats.bytes);
}

/* Checking every invariant after every step must not be seen by what is checked. */
static void checked(void)
{
  struct plan plan = fixed;
  plan.tasks = 800;
  struct outcome bare = run(&plan);
  plan.sanity = true;
  struct outcome out = run(&plan);
  CHECK(out.stats.trace_hash == bare.stats.trace_hash);
}

static void eager_views(void)
{
  struct plan plan = views;
  plan.latency_only = true;
  struct outcome coalesced = run(&plan);
  plan.eager = true;
  struct outcome eager = run(&plan);
  printf("%" PRIu64 " views sent, %" PRIu64 " skipped, %" PRIu64 " decisions, %" PRIu64 " spilled ",
         eager.stats.by_type[RS_MSG_VIEW], coalesced.stats.views_skipped, eager.stats.decisions,
         eager.stats.traces[RS_TRACE_LEASE_SPILLED]);
  CHECK(eager.stats.by_type[RS_MSG_VIEW] > 1000 && coalesced.stats.views_skipped > 0); /* they did travel otherwise */
  CHECK(coalesced.stats.traces[RS_TRACE_LEASE_SPILLED] > 0);
  CHECK_EQ(eager.stats.decisions, coalesced.stats.decisions);
  CHECK(eager.digest == coalesced.digest); /* each task ran on the same node */
  CHECK(eager.stats.decision_hash == coalesced.stats.decision_hash);
}

/* ---- planted differences ---- */

static void one_nanosecond(void)
{
  struct plan plan = fixed;
  plan.latency_ns = 1;
  CHECK(run(&plan).stats.trace_hash != of_fixed.stats.trace_hash);
}

static void another_seed(void)
{
  struct plan plan = fixed;
  plan.seed++;
  struct outcome out = run(&plan);
  CHECK(out.stats.trace_hash != of_fixed.stats.trace_hash);
  CHECK(out.stats.decision_hash != of_fixed.stats.decision_hash);
}

static void one_task_more(void)
{
  struct plan plan = fixed;
  plan.tasks++;
  CHECK(run(&plan).stats.decision_hash != of_fixed.stats.decision_hash);
}

const struct rs_test rs_tests[] = {
    {"determinism: two runs are one", two_runs},
    {"determinism: this build is the committed one", golden},
    {"determinism: with the codec forced", codec_forced},
    {"determinism: with every invariant checked", checked},
    {"determinism: eager views decide as coalesced ones", eager_views},
    {"determinism: a nanosecond of latency is seen", one_nanosecond},
    {"determinism: another seed is seen", another_seed},
    {"determinism: one task more is seen", one_task_more},
    {0},
};
