/* real_faults.c -- see real_faults.h.
 *
 * What is to come is a list of events, each a fault at a place or anywhere; the earliest is taken, linear in their
 * number. A rate becomes an event of each place, drawn from the exponential distribution, and a next one after each;
 * that of worker_kill is an event of each CPU, which strikes the worker that has it, if one has.
 */
#include "cli/real_faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sim/dist.h"
#include "uv/session.h"
#include "uv/uv.h"

extern char **environ;

enum { WORKERS_MAX = 1024, RETURNS_BY_RATE = 100, RETURNS_MAX = 1000, ANY = -1 };

struct place {
  const struct rs_scenario_node_type *type;
  uint32_t index; /* among the nodes of its type */
  uint32_t node;  /* its number now */
  bool up;
};

struct event {
  double at_s;  /* scenario time */
  int fault;    /* index; ANY: the place comes back */
  int place;    /* ANY: drawn */
  uint32_t cpu; /* worker_kill by rate: which of the place's */
};

struct cli_faults {
  struct cli_faults_opts opts;
  const struct rs_scenario *scenario;
  gsl_rng *rng;
  struct place *places;
  uint32_t place_count;
  struct event *events;
  uint32_t event_count, event_cap;
  pthread_t thread;
  pthread_mutex_t lock; /* of the two below */
  pthread_cond_t changed;
  bool stop;
  char error[RS_UV_ERROR_MAX];
};

int cli_faults_check(const struct rs_scenario *s, char *err, size_t err_size)
{
  for (uint32_t i = 0; i < s->fault_count; i++) {
    const struct rs_scenario_fault *f = &s->faults[i];
    const char *wrong = NULL;
    if (f->kind == RS_FAULT_NODE_UP)
      wrong = "node_up is not carried out on a real cluster; give node_down a down_time";
    if (f->kind == RS_FAULT_JOB_DROP)
      wrong = "job_drop is not carried out on a real cluster; use worker_kill";
    if (f->kind == RS_FAULT_NODE_DOWN && s->autoscaler.enabled)
      wrong = "node_down goes without an autoscaler on a real cluster; switch one of them off";
    for (uint32_t t = 0; f->comes_back && t < s->cluster.type_count; t++)
      if (s->cluster.types[t].resource_count || s->cluster.types[t].label_count)
        wrong = "a node with labels or resources of its own does not come back on a real cluster";
    if (wrong) {
      char place[RS_SCENARIO_PLACE_BYTES];
      snprintf(err, err_size, "%s: %s", rs_scenario_place(s, f->line, place), wrong);
      return -1;
    }
  }
  return 0;
}

uint32_t cli_faults_returns(const struct rs_scenario *s)
{
  uint64_t count = 0;
  for (uint32_t i = 0; i < s->fault_count; i++)
    if (s->faults[i].kind == RS_FAULT_NODE_DOWN && s->faults[i].comes_back)
      count += s->faults[i].at_ns == RS_SCENARIO_NONE ? RETURNS_BY_RATE : s->faults[i].count;
  return count < RETURNS_MAX ? (uint32_t)count : RETURNS_MAX;
}

static double now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- events ---- */

static void add(struct cli_faults *f, struct event event)
{
  RS_GROW(f->events, f->event_count, f->event_cap);
  f->events[f->event_count++] = event;
}

static bool strikes(const struct cli_faults *f, const struct rs_scenario_fault *fault, uint32_t place)
{
  return !fault->type || strcmp(fault->type, f->places[place].type->name) == 0;
}

/* The next event of a fault by rate at a place after a moment. */
static void add_by_rate(struct cli_faults *f, uint32_t fault, uint32_t place, uint32_t cpu, double after_s)
{
  const struct rs_scenario_fault *of = &f->scenario->faults[fault];
  double from = (double)of->from_ns * 1e-9, begin = after_s > from ? after_s : from;
  double at = begin - log(1 - gsl_rng_uniform(f->rng)) / of->rate_per_s;
  if (of->until_ns == RS_SCENARIO_NONE || at < (double)of->until_ns * 1e-9)
    add(f, (struct event){at, (int)fault, (int)place, cpu});
}

static uint32_t cpus(const struct place *place)
{
  return (uint32_t)(place->type->cpu_e4 / RS_SCENARIO_UNIT);
}

static void add_all_by_rate(struct cli_faults *f, uint32_t fault, uint32_t place, double after_s)
{
  const struct rs_scenario_fault *of = &f->scenario->faults[fault];
  if (of->at_ns != RS_SCENARIO_NONE || !strikes(f, of, place))
    return;
  uint32_t count = of->kind == RS_FAULT_WORKER_KILL ? cpus(&f->places[place]) : 1;
  for (uint32_t cpu = 0; cpu < count; cpu++)
    add_by_rate(f, fault, place, cpu, after_s);
}

static void first_events(struct cli_faults *f)
{
  for (uint32_t i = 0; i < f->scenario->fault_count; i++) {
    const struct rs_scenario_fault *fault = &f->scenario->faults[i];
    if (fault->at_ns != RS_SCENARIO_NONE)
      add(f, (struct event){(double)fault->at_ns * 1e-9, (int)i, ANY, 0});
    for (uint32_t p = 0; p < f->place_count; p++)
      add_all_by_rate(f, i, p, 0);
  }
}

static bool take_first(struct cli_faults *f, struct event *out)
{
  if (!f->event_count)
    return false;
  uint32_t first = 0;
  for (uint32_t i = 1; i < f->event_count; i++)
    if (f->events[i].at_s < f->events[first].at_s)
      first = i;
  *out = f->events[first];
  f->events[first] = f->events[--f->event_count];
  return true;
}

/* ---- processes ---- */

/* The parent of a process that is not a zombie, and its name; 0 where there is none. */
static int parent_of(int pid, char *name, size_t cap)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  char *open = strchr(text, '('), *close = strrchr(text, ')');
  int parent;
  char state;
  if (!open || !close || sscanf(close + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
    return 0;
  snprintf(name, cap, "%.*s", (int)(close - open - 1), open + 1);
  return parent;
}

/* The workers of a raylet's process: its fork server's children of that name. */
static uint32_t workers_of(int raylet, int *pids)
{
  uint32_t count = 0;
  DIR *dir = opendir("/proc");
  for (struct dirent *entry; dir && count < WORKERS_MAX && (entry = readdir(dir));) {
    char name[64], ignored[64];
    int pid = (int)strtol(entry->d_name, NULL, 10); /* 0: no process */
    int server = pid ? parent_of(pid, name, sizeof name) : 0;
    if (server && strcmp(name, "raysim-worker") == 0 && parent_of(server, ignored, sizeof ignored) == raylet)
      pids[count++] = pid;
  }
  if (dir)
    closedir(dir);
  return count;
}

/* The process of a node that is alive, or 0. */
static int pid_of(struct cli_faults *f, uint32_t node)
{
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  if (rs_uv_status_get(f->opts.session, &status, error) != 0)
    return 0; /* the cluster is ending */
  int pid = node < status.node_count && status.nodes[node].alive ? status.nodes[node].pid : 0;
  rs_uv_status_free(&status);
  return pid;
}

static void told(struct cli_faults *f, uint32_t place, bool up)
{
  f->places[place].up = up;
  if (f->opts.node)
    f->opts.node(f->opts.arg, place, f->places[place].node, up);
}

/* Another node of the same size joins. It takes its place with the number that it was given. */
static bool join(struct cli_faults *f, uint32_t place)
{
  const struct rs_scenario_node_type *type = f->places[place].type;
  char program[RS_UV_PATH_MAX + 16], address[32], token[RS_UV_PATH_MAX], cpu[32], gpu[32], memory[32], text[128];
  rs_uv_find_program(NULL, program, sizeof program);
  rs_session_token_path(f->opts.session, token, sizeof token);
  snprintf(address, sizeof address, "127.0.0.1:%u", f->opts.port);
  snprintf(cpu, sizeof cpu, "%.4f", (double)type->cpu_e4 / RS_SCENARIO_UNIT);
  snprintf(gpu, sizeof gpu, "%u", type->gpus);
  snprintf(memory, sizeof memory, "%llu", (unsigned long long)type->memory_bytes);
  const char *argv[] = {"raysimd",       "--join",     address, "--token-file", token, "--session",
                        f->opts.session, "--num-cpus", cpu,     "--num-gpus",   gpu,   "--memory",
                        memory,          NULL};
  int ready[2];
  pid_t pid;
  if (pipe2(ready, O_CLOEXEC) != 0)
    return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ready[1], 1);
  int rc = posix_spawnp(&pid, program, &actions, NULL, (char **)(uintptr_t)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ready[1]);
  ssize_t got = rc == 0 ? read(ready[0], text, sizeof text - 1) : 0;
  close(ready[0]);
  text[got > 0 ? got : 0] = 0;
  unsigned node;
  if (sscanf(text, "node %u joined", &node) != 1)
    return false;
  f->places[place].node = node;
  told(f, place, true);
  return true;
}

/* ---- carrying out ---- */

static void node_down(struct cli_faults *f, const struct rs_scenario_fault *fault, uint32_t place, double at_s)
{
  int pid = pid_of(f, f->places[place].node);
  if (pid <= 0 || kill(pid, SIGKILL) != 0)
    return;
  told(f, place, false);
  if (fault->comes_back)
    add(f, (struct event){at_s + rs_dist_draw(&fault->down_ns, f->rng) * 1e-9, ANY, (int)place, 0});
}

static void worker_kill(struct cli_faults *f, uint32_t place, bool by_rate, uint32_t cpu)
{
  int pids[WORKERS_MAX], raylet = pid_of(f, f->places[place].node);
  uint32_t count = raylet > 0 ? workers_of(raylet, pids) : 0;
  if (count && !by_rate)
    cpu = (uint32_t)gsl_rng_uniform_int(f->rng, count);
  if (cpu < count)
    kill(pids[cpu], SIGKILL);
}

/* Places that are up and that the fault may strike. */
static uint32_t candidates(const struct cli_faults *f, const struct rs_scenario_fault *fault, uint32_t *out)
{
  uint32_t count = 0;
  for (uint32_t p = 0; p < f->place_count; p++)
    if (f->places[p].up && strikes(f, fault, p) &&
        (fault->node == RS_SCENARIO_NONE || fault->node == (fault->type ? f->places[p].index : p)))
      out[count++] = p;
  return count;
}

static void carry_out(struct cli_faults *f, const struct event *event)
{
  if (event->fault == ANY) {
    if (!join(f, (uint32_t)event->place)) {
      pthread_mutex_lock(&f->lock);
      if (!f->stop)
        snprintf(f->error, sizeof f->error, "a node that was down could not join again");
      pthread_mutex_unlock(&f->lock);
      return;
    }
    for (uint32_t i = 0; i < f->scenario->fault_count; i++)
      if (f->scenario->faults[i].kind == RS_FAULT_NODE_DOWN)
        add_all_by_rate(f, i, (uint32_t)event->place, event->at_s);
    return;
  }
  const struct rs_scenario_fault *fault = &f->scenario->faults[event->fault];
  if (event->place != ANY) { /* by rate */
    uint32_t place = (uint32_t)event->place;
    bool worker = fault->kind == RS_FAULT_WORKER_KILL;
    if (worker)
      add_by_rate(f, (uint32_t)event->fault, place, event->cpu, event->at_s);
    if (f->places[place].up && worker)
      worker_kill(f, place, true, event->cpu);
    else if (f->places[place].up)
      node_down(f, fault, place, event->at_s);
    return;
  }
  uint32_t *at = rs_alloc((f->place_count + 1) * sizeof *at);
  uint64_t wanted = fault->count;
  uint32_t count = candidates(f, fault, at);
  while (wanted-- && count) {
    uint32_t drawn = (uint32_t)gsl_rng_uniform_int(f->rng, count), place = at[drawn];
    if (fault->kind == RS_FAULT_NODE_DOWN) {
      at[drawn] = at[--count]; /* each only once */
      node_down(f, fault, place, event->at_s);
    } else {
      worker_kill(f, place, false, 0);
    }
  }
  free(at);
}

static void *carry_out_all(void *arg)
{
  struct cli_faults *f = arg;
  struct event event;
  pthread_mutex_lock(&f->lock);
  while (!f->stop && take_first(f, &event)) {
    double at = f->opts.begin_s + event.at_s * f->scenario->real_time_scale;
    struct timespec until = {.tv_sec = (time_t)at, .tv_nsec = (long)((at - floor(at)) * 1e9)};
    while (!f->stop && now_s() < at)
      pthread_cond_timedwait(&f->changed, &f->lock, &until);
    if (f->stop)
      break;
    pthread_mutex_unlock(&f->lock);
    carry_out(f, &event);
    pthread_mutex_lock(&f->lock);
  }
  pthread_mutex_unlock(&f->lock);
  return NULL;
}

struct cli_faults *cli_faults_start(const struct cli_faults_opts *opts)
{
  const struct rs_scenario_cluster *c = &opts->scenario->cluster;
  if (!opts->scenario->fault_count)
    return NULL;
  struct cli_faults *f = rs_alloc_zero(1, sizeof *f);
  f->opts = *opts;
  f->scenario = opts->scenario;
  f->rng = gsl_rng_alloc(rs_dist_rng_type);
  gsl_rng_set(f->rng, (unsigned long)opts->seed);
  for (uint32_t t = 0; t < c->type_count; t++)
    f->place_count += (uint32_t)c->types[t].count;
  f->places = rs_alloc_zero(f->place_count, sizeof *f->places);
  for (uint32_t t = 0, p = 0; t < c->type_count; t++)
    for (uint32_t i = 0; i < c->types[t].count; i++, p++)
      f->places[p] = (struct place){&c->types[t], i, p + 1, true};
  first_events(f);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&f->changed, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&f->lock, NULL);
  if (pthread_create(&f->thread, NULL, carry_out_all, f) != 0)
    snprintf(f->error, sizeof f->error, "cannot start a thread");
  return f;
}

bool cli_faults_failed(struct cli_faults *f, char *err, size_t err_size)
{
  if (!f)
    return false;
  pthread_mutex_lock(&f->lock);
  bool failed = f->error[0] != 0;
  if (failed)
    snprintf(err, err_size, "%s: %s", f->scenario->file, f->error);
  pthread_mutex_unlock(&f->lock);
  return failed;
}

void cli_faults_stop(struct cli_faults *f)
{
  if (!f)
    return;
  pthread_mutex_lock(&f->lock);
  f->stop = true;
  pthread_cond_signal(&f->changed);
  pthread_mutex_unlock(&f->lock);
  if (f->thread)
    pthread_join(f->thread, NULL);
  pthread_mutex_destroy(&f->lock);
  pthread_cond_destroy(&f->changed);
  gsl_rng_free(f->rng);
  free(f->places);
  free(f->events);
  free(f);
}
