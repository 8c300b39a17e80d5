/* calibrate_cluster.c -- what a real node tells.
 *
 * Under load, many workers on two cores whose tasks sleep for 0.1 to 0.4 ms in the mean, one or several ahead at each:
 * the same tasks in many messages and in few. With M messages for T tasks, and one result each, the CPU time of the
 * driver program is (T + calls) inputs and M sends, that of the workers M + T inputs (the end of a task is one too) and
 * T sends; least squares tells inputs from sends. How long the node took is kept for calibrate_load.c.
 *
 * At rest, one worker: a sleeping task's time beside its duration and those costs is the task's own, a round trip of an
 * empty task beside them is twice the latency. One lease a task (no reuse) adds three messages a task at the raylet,
 * whose CPU time is nothing else. The first task of a program, beside such a round trip, gives the start of a worker.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/calibrate_int.h"

enum { TURNS = 4, STARTS = 6, SLEEPS = RS_CALIBRATE_LOADED, CLUSTERS = 4, WORKERS = 16, ALONE_US = 500 };
enum { ROWS = (1 + CLUSTERS) * SLEEPS * TURNS };
enum phase { TRIPS, ALONE, SLEEPING, AHEAD, LEASES, PHASES };

struct samples {
  double driver_x[2 * ROWS], driver_y[ROWS], worker_x[2 * ROWS], worker_y[ROWS];
  double starts_ns[STARTS], trips_ns[TURNS], alone_ns[TURNS], alone_messages[TURNS], raylet_ns;
  struct rs_calibrate_loaded loaded[SLEEPS];
  double spans_ns[SLEEPS][CLUSTERS * TURNS]; /* of what is loaded */
  uint32_t rows, starts, clusters;
};

/* A program's first task: a worker is started for it. */
static int measure_starts(const struct rs_calibrate_load *load, struct samples *s, char *err, size_t err_size)
{
  for (; s->starts < STARTS; s->starts++) {
    struct rs_calibrate_outcome o;
    if (rs_calibrate_play(load, 1, 0, &o, err, err_size) != 0)
      return -1;
    s->starts_ns[s->starts] = (double)o.first_ns;
  }
  return 0;
}

/* Empty tasks on one worker, each after the one before. */
static int measure_trips(const struct rs_calibrate_load *load, uint64_t count, struct samples *s, char *err,
                         size_t err_size)
{
  for (int turn = 0; turn < TURNS; turn++) {
    struct rs_calibrate_outcome o;
    if (rs_calibrate_play(load, count, 0, &o, err, err_size) != 0)
      return -1;
    s->trips_ns[turn] = (double)o.span_ns / (double)count;
  }
  return 0;
}

/* Sleeping tasks on one worker, some ahead, so that it never waits for a message and nobody else wants its CPU. */
static int measure_alone(const struct rs_calibrate_load *load, uint64_t count, struct samples *s, char *err,
                         size_t err_size)
{
  for (int turn = 0; turn < TURNS; turn++) {
    struct rs_calibrate_outcome o;
    if (rs_calibrate_play(load, count, ALONE_US * RS_US, &o, err, err_size) != 0)
      return -1;
    s->alone_ns[turn] = (double)o.span_ns / (double)count - (double)(ALONE_US * RS_US);
    s->alone_messages[turn] = o.messages_out / (double)count;
  }
  return 0;
}

static void add_row(struct samples *s, const struct rs_calibrate_outcome *o, uint64_t count)
{
  const struct rs_calibrate_used *used = &o->used;
  if (!used->driver_ns || !used->worker_ns)
    return;
  s->driver_x[2 * s->rows] = o->inputs;
  s->driver_x[2 * s->rows + 1] = o->messages_out;
  s->driver_y[s->rows] = (double)used->driver_ns;
  s->worker_x[2 * s->rows] = o->messages_out + (double)count;
  s->worker_x[2 * s->rows + 1] = (double)count;
  s->worker_y[s->rows++] = (double)used->worker_ns;
}

/* Sleeping tasks on more workers than the cores can serve. */
static int measure_sleeps(const struct rs_calibrate_load *load, const struct rs_config *config, uint64_t count,
                          struct samples *s, char *err, size_t err_size)
{
  static const uint64_t durations[SLEEPS] = {200 * RS_US, 300 * RS_US, 400 * RS_US};
  for (int turn = 0; turn < TURNS; turn++)
    for (int d = 0; d < SLEEPS; d++) {
      struct rs_calibrate_outcome o;
      if (rs_calibrate_play(load, count, durations[d], &o, err, err_size) != 0)
        return -1;
      add_row(s, &o, count);
      s->spans_ns[d][s->clusters * TURNS + (uint32_t)turn] = (double)o.span_ns;
      s->loaded[d] = (struct rs_calibrate_loaded){
          .config = *config, .workers = load->workers, .count = count, .duration_ns = durations[d]};
    }
  return 0;
}

static int measure_leases(const struct rs_calibrate_load *load, uint64_t count, struct samples *s, char *err,
                          size_t err_size)
{
  struct rs_calibrate_outcome o;
  if (rs_calibrate_play(load, count, 0, &o, err, err_size) != 0)
    return -1;
  s->raylet_ns = (double)o.used.raylet_ns / (3 * (double)count);
  return 0;
}

static int on_cluster(const struct rs_calibrate_real *real, enum phase phase, bool quick, struct samples *s, char *err,
                      size_t err_size)
{
  struct rs_calibrate_load load = {.real = real};
  struct rs_config config;
  uint64_t share = quick ? 10 : 1;
  int result = 0;
  rs_config_defaults(&config);
  config.prestart_worker_first_driver = 0; /* the first task is to wait for its worker */
  if (phase == TRIPS || phase == SLEEPING)
    config.max_tasks_in_flight_per_worker = 1;
  if (phase == LEASES)
    config.worker_lease_timeout_milliseconds = 0; /* a lease a task */
  load.workers = phase == SLEEPING || phase == AHEAD ? WORKERS : 1;
  if (real->start(&config, load.workers, &load.cluster, &load.pid, err, err_size) != 0)
    return -1;
  switch (phase) {
  case TRIPS:
    result = measure_starts(&load, s, err, err_size);
    if (result == 0)
      result = measure_trips(&load, 3000 / share, s, err, err_size);
    break;
  case ALONE: result = measure_alone(&load, 1000 / share, s, err, err_size); break;
  case SLEEPING:
  case AHEAD: result = measure_sleeps(&load, &config, 4000 / share, s, err, err_size); break;
  case LEASES: result = measure_leases(&load, 3000 / share, s, err, err_size); break;
  case PHASES: break;
  }
  real->stop(load.cluster);
  return result;
}

static double positive(double ns)
{
  return ns > 0 ? ns : 0;
}

/* From the samples to costs. False where there is nothing to fit. */
static bool evaluate(struct samples *s, struct rs_calibrate_cluster *out)
{
  if (!rs_fit_costs(s->driver_x, s->driver_y, s->rows, 2, &out->driver) ||
      !rs_fit_costs(s->worker_x, s->worker_y, s->rows, 2, &out->worker))
    return false;
  const double *driver = out->driver.value, *worker = out->worker.value;
  double alone_ns = rs_calibrate_median(s->alone_ns, TURNS);
  double messages = rs_calibrate_median(s->alone_messages, TURNS);
  out->task_ns = positive(alone_ns - (messages + 1) * worker[0] - worker[1]);
  double trip_ns = rs_calibrate_median(s->trips_ns, TURNS);
  out->latency_ns = positive(trip_ns - driver[0] - driver[1] - 2 * worker[0] - worker[1] - out->task_ns) / 2;
  out->worker_start_ns = positive(rs_calibrate_median(s->starts_ns, s->starts) - trip_ns);
  out->raylet_ns = s->raylet_ns;
  for (int d = 0; d < SLEEPS; d++) {
    out->loaded[d] = s->loaded[d];
    out->loaded[d].span_ns = (uint64_t)rs_calibrate_median(s->spans_ns[d], CLUSTERS * TURNS);
  }
  return true;
}

int rs_calibrate_cluster(const struct rs_calibrate_real *real, bool quick, struct rs_calibrate_cluster *out, char *err,
                         size_t err_size)
{
  struct samples *s = rs_alloc_zero(1, sizeof *s);
  int result = 0;
  *out = (struct rs_calibrate_cluster){0};
  out->cores = rs_calibrate_pin();
  for (int phase = 0; phase < PHASES && result == 0; phase++) /* the same command differs from cluster to cluster */
    for (s->clusters = 0; s->clusters < (phase == AHEAD ? CLUSTERS : 1) && result == 0; s->clusters++)
      result = on_cluster(real, (enum phase)phase, quick, s, err, err_size);
  rs_calibrate_release();
  if (result == 0 && !evaluate(s, out)) {
    snprintf(err, err_size, "calibration: no CPU times to fit (%u samples)", s->rows);
    result = -1;
  }
  free(s);
  return result;
}
