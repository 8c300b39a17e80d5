/* calibrate_program.c -- a driver program on a real cluster, and the CPU time that it took all who served it.
 *
 * First some tasks that start the workers, then, when all of these have ended, the ones that are measured. The workers
 * are the program's own and end with it, so CPU times are read before the program says that it is done. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "sim/calibrate_int.h"
#include "sim/driver_tasks.h"
#include "sim/observe.h"

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

/* ---- the program ---- */

enum { STARTING_MS = 20 };

struct program {
  struct rs_app app; /* first */
  struct rs_sim_tasks starting, measured, *now;
  const struct rs_calibrate_load *load;
  rs_addr self;
  struct rs_calibrate_used begin, end;
  uint64_t pause_ns; /* it took to read what begins */
};

static struct program *program_of(struct rs_app *app)
{
  return (struct program *)(void *)app;
}

static void program_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct program *p = program_of(app);
  p->self = self;
  p->now = &p->starting;
  p->now->app.ops->on_start(&p->now->app, now, self, calls);
}

static void read_begin(struct program *p)
{
  uint64_t clock_ns = rs_calibrate_clock_ns();
  p->begin.worker_ns = cpu_below(p->load->pid);
  p->begin.raylet_ns = cpu_of(p->load->pid);
  p->begin.driver_ns = rs_calibrate_thread_cpu_ns();
  p->pause_ns = rs_calibrate_clock_ns() - clock_ns;
}

static void read_end(struct program *p)
{
  p->end.driver_ns = rs_calibrate_thread_cpu_ns(); /* reading the others takes some too */
  p->end.worker_ns = cpu_below(p->load->pid);
  p->end.raylet_ns = cpu_of(p->load->pid);
}

static void program_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct program *p = program_of(app);
  p->now->app.ops->on_reply(&p->now->app, now, reply, calls);
  if (!p->now->app.ops->done(&p->now->app))
    return;
  if (p->load->pid && p->now == &p->measured)
    read_end(p);
  else if (p->load->pid)
    read_begin(p);
  if (p->now == &p->measured)
    return;
  p->now = &p->measured;
  p->measured.next_seq = p->starting.next_seq;
  p->now->app.ops->on_start(&p->now->app, now, p->self, calls);
}

static void program_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  (void)app, (void)now, (void)calls;
}

static uint64_t program_deadline(const struct rs_app *app)
{
  (void)app;
  return RS_TIME_NEVER;
}

static bool program_done(const struct rs_app *app)
{
  const struct program *p = (const struct program *)(const void *)app;
  return p->now == &p->measured && p->now->app.ops->done(&p->now->app);
}

int rs_calibrate_play(const struct rs_calibrate_load *load, uint64_t count, uint64_t duration_ns,
                      struct rs_calibrate_outcome *out, char *err, size_t err_size)
{
  static const struct rs_app_ops ops = {program_start, program_reply, program_timer, program_deadline, program_done};
  struct program p = {.app.ops = &ops, .load = load};
  struct rs_calibrate_traffic traffic;
  rs_sim_tasks_init(&p.starting);
  p.starting.count = load->workers;
  p.starting.duration_min_ns = p.starting.duration_max_ns = load->workers > 1 ? STARTING_MS * RS_MS : 0;
  rs_sim_tasks_init(&p.measured);
  p.measured.count = count;
  p.measured.duration_min_ns = duration_ns - duration_ns * 3 / 5;
  p.measured.duration_max_ns = duration_ns + duration_ns * 3 / 5;
  /* as programs of scenarios are: watched, which costs their driver some too */
  struct rs_observer *observer = rs_observer_new(&(struct rs_observer_opts){.inner = &p.app, .time_scale = 1});
  int status = load->real->run(load->cluster, rs_observer_app(observer), &traffic, err, err_size);
  rs_observer_free(observer);
  if (status != 0)
    return -1;
  uint64_t failed = p.starting.failed + p.measured.failed;
  if (p.measured.ended != count || failed) {
    snprintf(err, err_size, "calibration: %llu of %llu tasks failed", (unsigned long long)failed,
             (unsigned long long)(count + load->workers));
    return -1;
  }
  double share = (double)count / (double)(count + load->workers); /* of the traffic, which is the whole program's */
  out->inputs = share * (double)traffic.inputs;
  out->messages_out = share * (double)traffic.messages_out;
  out->used = (struct rs_calibrate_used){.driver_ns = p.end.driver_ns - p.begin.driver_ns,
                                         .worker_ns = p.end.worker_ns - p.begin.worker_ns,
                                         .raylet_ns = p.end.raylet_ns - p.begin.raylet_ns};
  out->span_ns = rs_time_since(p.measured.last_ns, p.measured.first_ns + p.pause_ns);
  out->first_ns = rs_time_since(p.starting.last_ns, p.starting.first_ns);
  return 0;
}
