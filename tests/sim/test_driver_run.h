/* test_driver_run.h -- one simulated run in a child process (SimGrid takes one platform a process), its figures in
 * shared memory. */
#ifndef RS_TESTS_SIM_DRIVER_RUN_H
#define RS_TESTS_SIM_DRIVER_RUN_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sim/driver.h"
#include "sim/driver_tasks.h"

enum { RUN_TRACES_MAX = 100000 };

struct run_trace {
  uint64_t ns, a, b, c;
  rs_addr self;
  unsigned kind;
};

struct run {
  /* what to run; run_defaults() */
  struct rs_sim_cluster cluster;
  struct rs_sim_group group;
  struct rs_config config;
  struct rs_cost cost;
  struct rs_sim_opts opts;
  struct rs_sim_tasks tasks;
  struct rs_sim_fault faults[4];
  bool no_app;
  void (*during)(struct rs_sim *sim, struct run *run); /* instead of rs_sim_run, in the child */
  /* what came of it */
  enum rs_sim_end end;
  struct rs_sim_stats stats;
  uint64_t numbers[32];
  uint32_t trace_count;
  struct run_trace traces[RUN_TRACES_MAX];
};

static inline struct run *run_new(uint32_t nodes, uint32_t cpus)
{
  struct run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(run != MAP_FAILED);
  rs_sim_cluster_simple(&run->cluster, &run->group, nodes, cpus);
  rs_config_defaults(&run->config);
  rs_cost_defaults(&run->cost);
  rs_sim_tasks_init(&run->tasks);
  run->tasks.start_ns = RS_S;
  run->opts.time_limit_ns = 10000 * RS_S;
  run->opts.seed = 7;
  run->config.seed = 7;
  return run;
}

static inline void run_free(struct run *run)
{
  rs_node_info_unref(run->group.info);
  munmap(run, sizeof *run);
}

static inline void run_on_trace(void *user, uint64_t ns, rs_addr self, unsigned kind, uint64_t a, uint64_t b,
                                uint64_t c)
{
  struct run *run = user;
  if (run->trace_count < RUN_TRACES_MAX)
    run->traces[run->trace_count++] = (struct run_trace){ns, a, b, c, self, kind};
}

static inline int run_child(struct run *run)
{
  struct rs_sim_hooks hooks = {.user = run, .trace = run_on_trace};
  char err[512];
  run->cluster.groups = &run->group;
  run->cluster.faults = run->faults;
  run->opts.hooks = &hooks;
  struct rs_sim *sim = rs_sim_new(&run->cluster, &run->config, &run->cost, &run->opts, err, sizeof err);
  if (!sim) {
    fprintf(stderr, "%s\n", err);
    return 3;
  }
  if (run->during) {
    run->during(sim, run);
  } else {
    if (!run->no_app)
      rs_sim_add_app(sim, 0, &run->tasks.app);
    run->end = rs_sim_run(sim);
    run->stats = *rs_sim_stats(sim);
  }
  rs_sim_free(sim);
  return 0;
}

static inline void run_do(struct run *run)
{
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60); /* a run that never ends is a failure */
    int code = run_child(run);
    fflush(NULL);
    _exit(code);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

/* The n-th (from 0) trace of a kind, or NULL. */
static inline const struct run_trace *run_trace_at(const struct run *run, unsigned kind, uint32_t n)
{
  for (uint32_t i = 0; i < run->trace_count; i++)
    if (run->traces[i].kind == kind && n-- == 0)
      return &run->traces[i];
  return NULL;
}

#endif
