/* calibrate_load.c -- what processes cost when many share few cores.
 *
 * CPU times say what processes do. Cores that many share lose more: to switching, waking, interrupts, cold caches, and
 * by standing idle while who could run waits at another core. How much cannot be read from any counter, but a loaded
 * node shows it: its run is simulated with the costs found so far, and all costs of endpoints are scaled by the one
 * factor with which the simulation takes as long as the node did (the geometric mean over the durations; bisection, as
 * the simulated time grows with the factor). Each simulation runs in a process of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/calibrate_int.h"
#include "sim/driver.h"

enum { STEPS = 10 };
static const double FACTOR_MIN = 0.5, FACTOR_MAX = 4;

/* ---- a simulated node in the place of a real one ---- */

struct simulated {
  struct rs_config config;
  struct rs_cost cost;
  uint32_t cpus, cores;
};

static int run(void *cluster, struct rs_app *app, struct rs_calibrate_traffic *traffic, char *err, size_t err_size)
{
  struct simulated *s = cluster;
  struct rs_sim_cluster nodes;
  struct rs_sim_group group;
  struct rs_sim_opts opts = {.seed = 1, .no_hash = true};
  rs_sim_cluster_simple(&nodes, &group, 1, s->cpus);
  nodes.head = group.info; /* the head is the only node */
  nodes.group_count = 0;
  rs_sim_cluster_this_machine(&nodes, s->cores, &s->cost);
  struct rs_sim *sim = rs_sim_new(&nodes, &s->config, &s->cost, &opts, err, err_size);
  if (!sim)
    return -1;
  rs_sim_add_app(sim, 0, app);
  enum rs_sim_end end = rs_sim_run(sim);
  if (end != RS_SIM_DONE)
    snprintf(err, err_size, "calibration: the simulation of a loaded node ended early (%d)", (int)end);
  *traffic = (struct rs_calibrate_traffic){0};
  return end == RS_SIM_DONE ? 0 : -1;
}

uint64_t rs_calibrate_simulate(const struct rs_calibrate_loaded *measured, const struct rs_cost *cost, uint32_t cores)
{
  const struct rs_calibrate_real real = {.run = run};
  struct simulated s = {.config = measured->config, .cost = *cost, .cpus = measured->workers, .cores = cores};
  uint64_t span_ns = 0;
  int ends[2];
  if (pipe(ends) != 0)
    return 0;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    struct rs_calibrate_load load = {.cluster = &s, .workers = measured->workers, .real = &real};
    struct rs_calibrate_outcome o;
    char err[512];
    if (rs_calibrate_play(&load, measured->count, measured->duration_ns, &o, err, sizeof err) != 0)
      _exit(1);
    _exit(write(ends[1], &o.span_ns, sizeof o.span_ns) == (ssize_t)sizeof o.span_ns ? 0 : 1);
  }
  close(ends[1]);
  if (child < 0 || read(ends[0], &span_ns, sizeof span_ns) != (ssize_t)sizeof span_ns)
    span_ns = 0;
  close(ends[0]);
  if (child > 0)
    waitpid(child, NULL, 0);
  return span_ns;
}

/* ---- the factor ---- */

void rs_calibrate_scale(struct rs_cost *cost, double factor)
{
  for (int r = 0; r < RS_COST_ROLES; r++) {
    cost->role[r].input_ps = (uint64_t)((double)cost->role[r].input_ps * factor + 0.5);
    cost->role[r].send_ps = (uint64_t)((double)cost->role[r].send_ps * factor + 0.5);
  }
}

/* Mean of log(simulated / measured); NAN when a simulation fails. */
static double error_of(const struct rs_calibrate_loaded *measured, uint32_t count, const struct rs_cost *cost,
                       uint32_t cores, double factor)
{
  struct rs_cost scaled = *cost;
  double sum = 0;
  rs_calibrate_scale(&scaled, factor);
  for (uint32_t i = 0; i < count; i++) {
    uint64_t span_ns = rs_calibrate_simulate(&measured[i], &scaled, cores);
    if (!span_ns)
      return NAN;
    sum += log((double)span_ns / (double)measured[i].span_ns);
  }
  return sum / count;
}

int rs_calibrate_load(const struct rs_calibrate_loaded *measured, uint32_t count, const struct rs_cost *cost,
                      uint32_t cores, double *factor, char *err, size_t err_size)
{
  double low = FACTOR_MIN, high = FACTOR_MAX;
  for (int step = 0; step < STEPS; step++) {
    double middle = sqrt(low * high), error = error_of(measured, count, cost, cores, middle);
    if (isnan(error)) {
      snprintf(err, err_size, "calibration: the simulation of a loaded node failed");
      return -1;
    }
    if (error < 0)
      low = middle;
    else
      high = middle;
  }
  *factor = sqrt(low * high);
  return 0;
}
