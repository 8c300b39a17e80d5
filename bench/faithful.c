/* faithful.c -- the dispatcher beside the faithful variant (every message a SimGrid Comm, every task an exec), and
 * copies by the NIC beside all copies as flows: differences of the makespan and costs in wall time.
 *
 *   build/bench/faithful [NODES ...]          default: 16 64 256
 *
 * Scenarios: `tasks` 20 tasks a slot of 0.5 to 1.5 s; `short` 100 tasks a slot of 5 ms; `saturated` one object of 50 MB
 * that every node reads at once, so that its maker's link is full; `small objects` the same with 900 kB, below the
 * threshold.
 */
#include "driver_bench.h"

enum scenario { TASKS, SHORT, SATURATED, SMALL, SCENARIOS };
static const char *const names[SCENARIOS] = {"tasks", "short", "saturated", "small objects"};

enum variant { DISPATCHER, ALL_FLOWS, FAITHFUL };

static struct bench_run *run_one(enum scenario scenario, uint32_t nodes, enum variant variant)
{
  struct bench_run *run = bench_new(nodes, 2);
  struct rs_sim_tasks *tasks = &run->tasks;
  run->app = true;
  run->opts.faithful = variant == FAITHFUL;
  run->opts.flow_min_bytes = variant == ALL_FLOWS ? 1 : 0;
  run->opts.time_limit_ns = 100000 * RS_S;
  tasks->start_ns = 5 * RS_S;
  tasks->seed = 1;
  switch (scenario) {
  case TASKS:
    tasks->count = 40 * (uint64_t)nodes;
    tasks->duration_min_ns = RS_S / 2;
    tasks->duration_max_ns = 3 * RS_S / 2;
    break;
  case SHORT:
    tasks->count = 200 * (uint64_t)nodes;
    tasks->duration_min_ns = tasks->duration_max_ns = 5 * RS_MS;
    break;
  case SATURATED:
  case SMALL:
    tasks->count = 2 * (uint64_t)nodes;
    tasks->duration_min_ns = RS_S;
    tasks->duration_max_ns = 2 * RS_S;
    tasks->fan_in = true;
    tasks->return_bytes = scenario == SATURATED ? 50000000 : 900000;
    break;
  case SCENARIOS: RS_ASSERT(false);
  }
  bench_do(run);
  RS_ASSERT(run->end == RS_SIM_DONE && tasks->failed == 0);
  return run;
}

static double makespan(const struct bench_run *run)
{
  return (double)(run->tasks.last_ns - run->tasks.first_ns) * 1e-9;
}

int main(int argc, char **argv)
{
  static const uint32_t standard[] = {16, 64, 256};
  int count = argc > 1 ? argc - 1 : 3;
  printf("%-14s %6s %9s %14s %14s %10s %12s %12s %7s\n", "scenario", "nodes", "compared", "dispatcher s", "other s",
         "difference", "wall s", "other wall s", "ratio");
  for (int s = 0; s < SCENARIOS; s++)
    for (int i = 0; i < count; i++) {
      uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[i + 1], NULL, 10) : standard[i];
      if (nodes < 2 || nodes > 1000) {
        fprintf(stderr, "usage: %s [NODES ...] with 2 to 1000 nodes\n", argv[0]);
        return 2;
      }
      struct bench_run *quick = run_one((enum scenario)s, nodes, DISPATCHER);
      enum variant others[2] = {FAITHFUL, ALL_FLOWS};
      for (int o = 0; o < (s == SMALL ? 2 : 1); o++) {
        struct bench_run *other = run_one((enum scenario)s, nodes, others[o]);
        printf("%-14s %6u %9s %14.6f %14.6f %9.4f%% %12.3f %12.3f %7.1f\n", names[s], nodes,
               others[o] == FAITHFUL ? "faithful" : "all flows", makespan(quick), makespan(other),
               100 * (makespan(quick) - makespan(other)) / makespan(other), quick->wall_s, other->wall_s,
               other->wall_s / quick->wall_s);
        fflush(stdout);
        munmap(other, sizeof *other);
      }
      munmap(quick, sizeof *quick);
    }
  return 0;
}
