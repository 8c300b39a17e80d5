/* calibrate_cluster.c -- what a real node tells.
 *
 * Sleeping tasks on eight workers, one or several ahead at each: the same tasks in many messages and in few. With M
 * messages for T tasks, and one result each, the CPU time of the driver program is (T + calls) inputs and M sends, that
 * of the workers M + T inputs (the end of a task is one too) and T sends; least squares tells inputs from sends.
 *
 * A send wakes its receiver, which is most of what it costs while processes sleep between messages; where they are kept
 * busy without a pause a message costs a fraction of this, so a saturated cluster is faster than it is simulated. What
 * is left of a sleeping task beside its duration and that CPU is the task's own. What is left of a round trip of an
 * empty task is twice the latency. One lease a task (no reuse) adds three messages a task at the raylet, whose CPU time
 * is nothing else. The first task of a cluster against the first of a later program gives the start of a worker. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/calibrate_int.h"
#include "sim/driver_tasks.h"

enum { TURNS = 4, SLEEPS = 3, ROWS = 2 * SLEEPS * TURNS, WORKERS = 8 };
enum phase { TRIPS, SLEEPING, AHEAD, LEASES, PHASES };

/* ---- CPU time of processes ---- */

/* Of all threads of a process: nanoseconds, from the scheduler's own count. */
static uint64_t cpu_of(int pid)
{
  char path[320];
  uint64_t sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *threads = opendir(path);
  for (struct dirent *entry; threads && (entry = readdir(threads));) {
    unsigned long long ns;
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%llu", &ns) == 1)
      sum += ns;
    if (file)
      fclose(file);
  }
  if (threads)
    closedir(threads);
  return sum;
}

static int parent_of(int pid)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  const char *name_end = strrchr(text, ')');
  int parent = 0;
  if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
    return 0;
  return parent;
}

/* Of every process below `pid`: the fork server and the workers. */
static uint64_t cpu_below(int pid)
{
  uint64_t sum = 0;
  DIR *all = opendir("/proc");
  for (struct dirent *entry; all && (entry = readdir(all));) {
    int one = (int)strtol(entry->d_name, NULL, 10);
    for (int up = one > 0 ? parent_of(one) : 0; up > 1; up = parent_of(up))
      if (up == pid) {
        sum += cpu_of(one);
        break;
      }
  }
  if (all)
    closedir(all);
  return sum;
}

/* ---- one program on the cluster ---- */

struct load {
  void *cluster;
  int pid;
  const struct rs_calibrate_real *real;
};

struct outcome {
  struct rs_calibrate_traffic traffic;
  uint64_t driver_ns, worker_ns, raylet_ns; /* CPU */
  uint64_t span_ns;                         /* from the first submission to the last end */
};

static int play(const struct load *load, uint64_t count, uint64_t duration_ns, struct outcome *out, char *err,
                size_t err_size)
{
  struct rs_sim_tasks tasks;
  rs_sim_tasks_init(&tasks);
  tasks.count = count;
  tasks.duration_min_ns = tasks.duration_max_ns = duration_ns;
  uint64_t below = cpu_below(load->pid), raylet = cpu_of(load->pid), own = rs_calibrate_thread_cpu_ns();
  if (load->real->run(load->cluster, &tasks.app, &out->traffic, err, err_size) != 0)
    return -1;
  if (tasks.ended != count || tasks.failed) {
    snprintf(err, err_size, "calibration: %llu of %llu tasks failed", (unsigned long long)tasks.failed,
             (unsigned long long)count);
    return -1;
  }
  out->driver_ns = rs_calibrate_thread_cpu_ns() - own;
  out->worker_ns = cpu_below(load->pid) - below;
  out->raylet_ns = cpu_of(load->pid) - raylet;
  out->span_ns = rs_time_since(tasks.last_ns, tasks.first_ns);
  return 0;
}

struct samples {
  double driver_x[2 * ROWS], driver_y[ROWS], worker_x[2 * ROWS], worker_y[ROWS];
  double starts_ns[PHASES], waits_ns[TURNS], sleeps_ns[ROWS], raylet_ns;
  uint32_t rows, start_count, wait_count, sleep_count;
};

/* A cold task, then a warm one, each by a program of its own. */
static int measure_start(const struct load *load, struct samples *s, char *err, size_t err_size)
{
  struct outcome cold, warm;
  if (play(load, 1, 0, &cold, err, err_size) != 0 || play(load, 1, 0, &warm, err, err_size) != 0)
    return -1;
  if (cold.span_ns > warm.span_ns)
    s->starts_ns[s->start_count++] = (double)(cold.span_ns - warm.span_ns);
  return 0;
}

static void add_row(struct samples *s, const struct outcome *o, uint64_t count)
{
  if (!o->driver_ns || !o->worker_ns)
    return;
  s->driver_x[2 * s->rows] = (double)o->traffic.inputs;
  s->driver_x[2 * s->rows + 1] = (double)o->traffic.messages_out;
  s->driver_y[s->rows] = (double)o->driver_ns;
  s->worker_x[2 * s->rows] = (double)(o->traffic.messages_out + count);
  s->worker_x[2 * s->rows + 1] = (double)count;
  s->worker_y[s->rows++] = (double)o->worker_ns;
}

/* Empty tasks on one worker, each after the one before. */
static int measure_trips(const struct load *load, uint64_t count, struct samples *s, char *err, size_t err_size)
{
  for (int turn = 0; turn < TURNS; turn++) {
    struct outcome o;
    if (play(load, count, 0, &o, err, err_size) != 0)
      return -1;
    double rest_ns = ((double)o.span_ns - (double)o.driver_ns - (double)o.worker_ns) / (double)count / 2;
    s->waits_ns[s->wait_count++] = rest_ns > 0 ? rest_ns : 0;
  }
  return 0;
}

/* Sleeping tasks on all workers, some ahead. */
static int measure_sleeps(const struct load *load, uint64_t count, struct samples *s, char *err, size_t err_size)
{
  static const uint64_t durations[SLEEPS] = {250 * RS_US, 500 * RS_US, RS_MS};
  bool ahead = s->rows > 0; /* the second time */
  for (int d = 0; d < SLEEPS; d++)
    for (int turn = 0; turn < TURNS; turn++) {
      struct outcome o;
      if (play(load, count, durations[d], &o, err, err_size) != 0)
        return -1;
      add_row(s, &o, count);
      double each = ((double)o.span_ns * WORKERS - (double)o.worker_ns) / (double)count - (double)durations[d];
      if (ahead) /* else it waits for the next one's message too */
        s->sleeps_ns[s->sleep_count++] = each > 0 ? each : 0;
    }
  return 0;
}

static int measure_leases(const struct load *load, uint64_t count, struct samples *s, char *err, size_t err_size)
{
  struct outcome o;
  if (play(load, count, 0, &o, err, err_size) != 0)
    return -1;
  s->raylet_ns = (double)o.raylet_ns / (3 * (double)count);
  return 0;
}

static int on_cluster(const struct rs_calibrate_real *real, enum phase phase, bool quick, struct samples *s, char *err,
                      size_t err_size)
{
  struct load load = {.real = real};
  struct rs_config config;
  uint64_t share = quick ? 10 : 1;
  rs_config_defaults(&config);
  config.prestart_worker_first_driver = 0; /* the first task is to wait for its worker */
  if (phase == TRIPS || phase == SLEEPING)
    config.max_tasks_in_flight_per_worker = 1;
  if (phase == LEASES)
    config.worker_lease_timeout_milliseconds = 0; /* a lease a task */
  if (real->start(&config, phase == SLEEPING || phase == AHEAD ? WORKERS : 1, &load.cluster, &load.pid, err,
                  err_size) != 0)
    return -1;
  int result = measure_start(&load, s, err, err_size);
  if (result == 0)
    switch (phase) {
    case TRIPS: result = measure_trips(&load, 3000 / share, s, err, err_size); break;
    case SLEEPING:
    case AHEAD: result = measure_sleeps(&load, 2000 / share, s, err, err_size); break;
    case LEASES: result = measure_leases(&load, 3000 / share, s, err, err_size); break;
    case PHASES: break;
    }
  real->stop(load.cluster);
  return result;
}

int rs_calibrate_cluster(const struct rs_calibrate_real *real, bool quick, struct rs_calibrate_cluster *out, char *err,
                         size_t err_size)
{
  struct samples *s = rs_alloc_zero(1, sizeof *s);
  int result = 0;
  *out = (struct rs_calibrate_cluster){0};
  for (int phase = 0; phase < PHASES && result == 0; phase++)
    result = on_cluster(real, (enum phase)phase, quick, s, err, err_size);
  if (result == 0 && (!rs_fit_costs(s->driver_x, s->driver_y, s->rows, 2, &out->driver) ||
                      !rs_fit_costs(s->worker_x, s->worker_y, s->rows, 2, &out->worker))) {
    snprintf(err, err_size, "calibration: no CPU times to fit (%u samples)", s->rows);
    result = -1;
  }
  if (result == 0) {
    out->raylet_ns = s->raylet_ns;
    out->latency_ns = rs_calibrate_median(s->waits_ns, s->wait_count);
    out->task_ns = rs_calibrate_median(s->sleeps_ns, s->sleep_count);
    out->worker_start_ns = rs_calibrate_median(s->starts_ns, s->start_count);
  }
  free(s);
  return result;
}
