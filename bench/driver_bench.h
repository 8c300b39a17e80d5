/* driver_bench.h -- what the simulator's benchmarks share: a run in a child process, wall time, peak memory. */
#ifndef RS_BENCH_DRIVER_BENCH_H
#define RS_BENCH_DRIVER_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/driver.h"
#include "sim/driver_tasks.h"

void rs_panic(const char *text)
{
  fflush(stdout);
  fprintf(stderr, "%s\n", text);
}

static double wall_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct bench_run {
  uint32_t nodes, cpus;
  bool app;
  struct rs_sim_cluster cluster;
  struct rs_config config;
  struct rs_cost cost;
  struct rs_sim_opts opts;
  struct rs_sim_tasks tasks;
  struct rs_sim_net net;
  /* filled in by bench_do */
  enum rs_sim_end end;
  struct rs_sim_stats stats;
  double build_s, wall_s;
  long rss_kib;
};

static inline struct bench_run *bench_new(uint32_t nodes, uint32_t cpus)
{
  struct bench_run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  RS_ASSERT(run != MAP_FAILED);
  run->nodes = nodes;
  run->cpus = cpus;
  rs_config_defaults(&run->config);
  rs_cost_defaults(&run->cost);
  rs_sim_tasks_init(&run->tasks);
  run->net = (struct rs_sim_net){.nic_bytes_per_s = 1250000000, .latency_ns = 50000};
  return run;
}

/* Runs in a child: SimGrid takes one platform a process. Exits on failure. */
static inline void bench_do(struct bench_run *run)
{
  fflush(NULL);
  pid_t child = fork();
  RS_ASSERT(child >= 0);
  if (child == 0) {
    struct rs_sim_group group;
    rs_sim_cluster_simple(&run->cluster, &group, run->nodes, run->cpus);
    run->cluster.net = run->net;
    char err[512];
    double start = wall_s();
    struct rs_sim *sim = rs_sim_new(&run->cluster, &run->config, &run->cost, &run->opts, err, sizeof err);
    if (!sim) {
      fprintf(stderr, "%s\n", err);
      _exit(2);
    }
    if (run->app)
      rs_sim_add_app(sim, 0, &run->tasks.app);
    run->build_s = wall_s() - start;
    start = wall_s();
    run->end = rs_sim_run(sim);
    run->wall_s = wall_s() - start;
    run->stats = *rs_sim_stats(sim);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    run->rss_kib = use.ru_maxrss;
    fflush(NULL);
    _exit(0);
  }
  int status = -1;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "a run failed\n");
    exit(1);
  }
}

#endif
