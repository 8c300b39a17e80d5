/* swarm.c -- one experiment from its plan to its verdict, and a seed's two runs in child processes.
 *
 *   1. until the last fault has healed, programs act and faults strike
 *   2. from then on every task must end within a bound: ten minutes and four times all the work there was
 *   3. actors are killed, objects released; then the heap must empty: an idle cluster has nothing to do
 *   4. what is left is compared with what there was before
 *
 * A child, because an assert of the core aborts; it tells its result through a pipe, and its last trace lines if it
 * dies.
 */
#include "sim/swarm.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sim/swarm_int.h"

#ifndef RS_VERSION
#define RS_VERSION "0"
#endif

#define EVENTS_MAX UINT64_C(20000000)
#define REST_NS (UINT64_C(4000) * RS_S) /* autoscaled hosts and their idle timeouts included */

static struct swarm_net *current; /* for the report of an abort */

/* Runs until every task has ended, or the time is over. */
static void settle(struct swarm_net *net, struct rs_checker *c, uint64_t for_ns)
{
  uint64_t from = swarm_net_now(net), part = for_ns / 64 + 1;
  for (uint64_t until = from + part; until <= from + for_ns && c->replied < c->submitted && !c->broken; until += part)
    if (!swarm_net_run(net, until))
      break;
}

/* Once everything is released a small group finds its place within a minute, and goes again. */
static void probe(struct swarm_net *net, struct rs_checker *c, struct swarm_load *load)
{
  uint64_t before = c->groups_created, submitted = c->groups.count;
  swarm_net_run(net, swarm_net_now(net) + 120 * RS_S); /* what was in use is given back and reported */
  swarm_load_probe(load);
  uint64_t wanted = c->groups.count - submitted;
  swarm_net_run(net, swarm_net_now(net) + 60 * RS_S);
  if (c->groups_created < before + wanted)
    rs_check_fail(c, RS_CHECK_GROUP_PLACE, "%" PRIu64 " of %" PRIu64 " small groups find no place on an idle cluster",
                  before + wanted - c->groups_created, wanted);
  swarm_load_ungroup(load);
}

static void finish(struct swarm_net *net, struct rs_checker *c, struct swarm_load *load, const struct swarm_plan *plan)
{
  swarm_net_run(net, plan->heal_ns + 11 * RS_S);
  swarm_load_ungroup(load); /* what they hold others may wait for */
  swarm_load_read(load);
  uint64_t bound = 600 * RS_S + 4 * (swarm_load_work_ns(load) + swarm_refs_work_ns(swarm_net_refs(net)));
  settle(net, c, bound);
  if (plan->light_actors && !plan->tight)
    rs_check_all_replied(c);
  if (c->broken)
    return;
  swarm_load_kill(load); /* those that hold what others wait for */
  if (plan->tight)
    swarm_load_end(load);
  settle(net, c, bound);
  if (plan->tight && rs_check_open(c))
    return;
  rs_check_all_replied(c);
  if (c->broken)
    return;
  swarm_net_stopping(net);
  swarm_load_end(load);
  swarm_refs_end(swarm_net_refs(net));
  probe(net, c, load);
  uint64_t until = swarm_net_now(net) + REST_NS;
  if (swarm_net_run(net, until) && !c->broken)
    rs_check_fail(c, RS_CHECK_SILENCE, "the idle cluster is not silent: %s", swarm_net_dump(net));
  if (!c->broken)
    swarm_net_rest(net, NULL);
}

void rs_swarm_once(uint64_t seed, const struct rs_swarm_opts *opts, struct rs_swarm_result *result)
{
  struct swarm_plan plan;
  struct rs_checker c;
  memset(result, 0, sizeof *result);
  swarm_plan_draw(&plan, seed);
  if (opts->no_faults)
    plan.fault_count = 0;
  rs_checker_init(&c, &plan.config);
  c.disk_fails = plan.disk_fails || plan.config.object_spilling_max_bytes;
  struct swarm_net *net = swarm_net_new(&plan, &c, opts->plant);
  current = net;
  struct swarm_load *load = swarm_load_new(&plan, &c, net);
  swarm_load_start(load);
  finish(net, &c, load, &plan);
  if (c.broken) {
    fprintf(opts->out ? opts->out : stdout, "last steps of seed %" PRIu64 ":\n", seed);
    swarm_net_print(net, opts->out ? opts->out : stdout);
    swarm_net_rest(net, opts->out ? opts->out : stdout);
  }
  result->check = c.broken;
  snprintf(result->what, sizeof result->what, "%s", c.what);
  result->hash = swarm_net_hash(net);
  result->events = swarm_net_events(net);
  result->sim_ns = swarm_net_now(net);
  result->tasks = c.submitted;
  result->failed = c.failed;
  result->retried = c.retried;
  result->runs = c.runs;
  result->faults = plan.fault_count;
  result->groups = c.groups_created;
  current = NULL;
  swarm_net_free(net);
  swarm_load_free(load);
  rs_checker_free(&c);
  swarm_plan_free(&plan);
}

static void on_abort(int signal_number)
{
  if (current)
    swarm_net_print(current, stdout);
  fflush(stdout);
  signal(signal_number, SIG_DFL);
}

static void in_child(uint64_t seed, const struct rs_swarm_opts *opts, struct rs_swarm_result *result)
{
  FILE *out = opts->out ? opts->out : stdout;
  int pipe_ends[2];
  memset(result, 0, sizeof *result);
  result->check = RS_CHECK_KINDS;
  snprintf(result->what, sizeof result->what, "the process died");
  fflush(out);
  fflush(stdout);
  if (pipe(pipe_ends) != 0)
    return;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, on_abort);
    close(pipe_ends[0]);
    rs_swarm_once(seed, opts, result);
    fflush(out);
    bool told = write(pipe_ends[1], result, sizeof *result) == (ssize_t)sizeof *result;
    _exit(told ? 0 : 1);
  }
  close(pipe_ends[1]);
  struct rs_swarm_result got;
  if (child > 0 && read(pipe_ends[0], &got, sizeof got) == (ssize_t)sizeof got)
    *result = got;
  close(pipe_ends[0]);
  if (child > 0)
    waitpid(child, NULL, 0);
}

bool rs_swarm_run(uint64_t seed, const struct rs_swarm_opts *opts, struct rs_swarm_result *result)
{
  FILE *out = opts->out ? opts->out : stdout;
  in_child(seed, opts, result);
  if (result->check == RS_CHECK_NONE && !opts->once) {
    struct rs_swarm_result again;
    struct rs_swarm_opts second = *opts;
    in_child(opts->plant == RS_PLANT_CLOCK ? seed + 1 : seed, &second, &again);
    if (again.hash != result->hash) {
      result->check = RS_CHECK_DETERMINISM;
      snprintf(result->what, sizeof result->what, "two runs differ: trace hash %016" PRIx64 " and %016" PRIx64,
               result->hash, again.hash);
    }
  }
  if (result->check != RS_CHECK_NONE)
    fprintf(out,
            "swarm: seed %" PRIu64 " FAILED (%s): %s\n  raysim %s, commit %s; again with: raysim --swarm %" PRIu64 "\n",
            seed, result->check < RS_CHECK_KINDS ? rs_check_name((enum rs_check)result->check) : "abort", result->what,
            RS_VERSION, opts->commit ? opts->commit : "unknown", seed);
  else if (!opts->quiet)
    fprintf(out,
            "swarm: seed %" PRIu64 " passed: %" PRIu64 " tasks (%" PRIu64 " failed, %" PRIu64 " retries, %" PRIu64
            " runs), %" PRIu64 " faults, %" PRIu64 " steps, %.1f s simulated, trace %016" PRIx64 "\n",
            seed, result->tasks, result->failed, result->retried, result->runs, result->faults, result->events,
            (double)result->sim_ns * 1e-9, result->hash);
  return result->check == RS_CHECK_NONE;
}

uint64_t rs_swarm_many(uint64_t first, uint64_t count, const struct rs_swarm_opts *opts)
{
  FILE *out = opts->out ? opts->out : stdout;
  struct rs_swarm_opts quiet = *opts;
  quiet.quiet = true;
  uint64_t failed = 0, steps = 0, tasks = 0, faults = 0, retried = 0;
  for (uint64_t i = 0; i < count; i++) {
    struct rs_swarm_result result;
    failed += !rs_swarm_run(first + i, &quiet, &result);
    steps += result.events;
    tasks += result.tasks;
    faults += result.faults;
    retried += result.retried;
  }
  fprintf(out,
          "swarm: seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " failed; %" PRIu64 " steps checked, %" PRIu64
          " tasks, %" PRIu64 " retries, %" PRIu64 " faults\n",
          first, first + count - 1, failed, steps, tasks, retried, faults);
  return failed;
}
