/* real.c -- `--real`: a scenario's run on a local cluster of processes and sockets; and `--local`, its simulation.
 *
 * The run is the simulated one with another driver: the same driver programs (sim/run_apps.c) with the same observers,
 * on rs_uv_* instead of rs_sim_*. Node 0 is the head without CPUs, nodes 1..N are the scenario's, as in a simulation.
 * Several driver programs run on threads of this process; one lock keeps their applications and the results to one
 * thread at a time.
 */
#include "cli/real.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/real_faults.h"
#include "lib/tune/train_logistic.h"
#include "sim/scenario_config.h"
#include "uv/uv.h"

const char *const cli_real_functions[] = {RS_LOGISTIC_NAME, NULL};

static atomic_bool stop;

static void on_signal(int number)
{
  (void)number;
  atomic_store(&stop, true);
}

struct locked {
  struct rs_app app;
  struct rs_app *inner;
  pthread_mutex_t *lock;
  pthread_t thread;
  const char *session;
  struct rs_uv_run_stats stats;
  uint64_t retries; /* of the thread, until it has been joined */
  int status;
  char error[RS_UV_ERROR_MAX];
};

static struct locked *of(const struct rs_app *app)
{
  return (struct locked *)(uintptr_t)app;
}

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  pthread_mutex_lock(of(app)->lock);
  of(app)->inner->ops->on_start(of(app)->inner, now, self, calls);
  pthread_mutex_unlock(of(app)->lock);
}

static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  pthread_mutex_lock(of(app)->lock);
  of(app)->inner->ops->on_reply(of(app)->inner, now, reply, calls);
  pthread_mutex_unlock(of(app)->lock);
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  pthread_mutex_lock(of(app)->lock);
  of(app)->inner->ops->on_timer(of(app)->inner, now, calls);
  pthread_mutex_unlock(of(app)->lock);
}

static uint64_t deadline(const struct rs_app *app)
{
  pthread_mutex_lock(of(app)->lock);
  uint64_t at = of(app)->inner->ops->deadline(of(app)->inner);
  pthread_mutex_unlock(of(app)->lock);
  return at;
}

static bool done(const struct rs_app *app)
{
  pthread_mutex_lock(of(app)->lock);
  bool is = of(app)->inner->ops->done(of(app)->inner);
  pthread_mutex_unlock(of(app)->lock);
  return is;
}

static const struct rs_app_ops locked_ops = {on_start, on_reply, on_timer, deadline, done};

static void on_trace(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect)
{
  struct locked *l = ctx;
  (void)now;
  (void)self;
  l->retries += effect->trace == RS_TRACE_TASK_RETRIED;
}

static void *drive(void *arg)
{
  struct locked *l = arg;
  const struct rs_uv_run run = {.session = l->session, .app = &l->app, .trace = on_trace, .ctx = l, .stop = &stop};
  l->status = rs_uv_run_app(&run, &l->stats, l->error);
  return NULL;
}

struct real_run {
  const struct rs_run *run;
  struct rs_node_info **infos; /* of the nodes, head first */
  struct rs_node_type *types;
  uint32_t node_count, rows; /* rows: of nodes, in the results */
  uint64_t cpu_e4;
  struct rs_uv_cluster *cluster;
  struct rs_results *results;
  struct rs_apps *apps;
  struct locked *programs;
  pthread_mutex_t lock; /* of the applications and the results */
  double begin_s;
};

static double now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int check(const struct rs_scenario *s, char *err, size_t err_size)
{
  if (cli_faults_check(s, err, err_size) != 0)
    return -1;
  if (s->cluster.platform) {
    snprintf(err, err_size, "%s:%u: a real cluster has no platform file; describe its nodes in <real>", s->file,
             s->cluster.line);
    return -1;
  }
  uint64_t nodes = 0;
  for (uint32_t t = 0; t < s->cluster.type_count; t++)
    nodes += s->cluster.types[t].count;
  if (nodes >= RS_UV_LOCAL_NODES_MAX) {
    snprintf(err, err_size,
             "%s:%u: a real cluster here has at most %d nodes, one of them the head's, not %llu; make it "
             "smaller in <real>",
             s->file, s->cluster.line, RS_UV_LOCAL_NODES_MAX, (unsigned long long)nodes + 1);
    return -1;
  }
  return 0;
}

static void make_nodes(struct real_run *r)
{
  const struct rs_scenario_cluster *c = &r->run->scenario->cluster;
  struct rs_res nothing = {0};
  r->node_count = 1;
  for (uint32_t t = 0; t < c->type_count; t++)
    r->node_count += (uint32_t)c->types[t].count;
  r->infos = rs_alloc_zero(r->node_count, sizeof *r->infos);
  r->types = rs_alloc_zero(c->type_count, sizeof *r->types);
  r->infos[0] = rs_node_info_new(&nothing);
  uint32_t at = 1;
  for (uint32_t t = 0; t < c->type_count; t++) {
    r->types[t] = (struct rs_node_type){.info = rs_run_node_info(&c->types[t], t),
                                        .min_count = (uint32_t)c->types[t].count_min,
                                        .max_count = (uint32_t)c->types[t].count_max};
    for (uint64_t i = 0; i < c->types[t].count; i++)
      r->infos[at++] = rs_node_info_ref(r->types[t].info);
    r->cpu_e4 += c->types[t].count * (uint64_t)c->types[t].cpu_e4;
  }
}

static int start(struct real_run *r, char *err, size_t err_size)
{
  const struct rs_run *run = r->run;
  const struct rs_scenario *s = run->scenario;
  struct rs_config config;
  char error[RS_UV_ERROR_MAX];
  rs_scenario_config(s, run->seed, &config);
  make_nodes(r);
  const struct rs_uv_cluster_options options = {.config = &config,
                                                .node_count = r->node_count,
                                                .infos = r->infos,
                                                .policy = s->policies.placement_library ? s->policies.placement : NULL,
                                                .node_types = s->autoscaler.enabled ? r->types : NULL,
                                                .node_type_count = s->autoscaler.enabled ? s->cluster.type_count : 0};
  if (rs_uv_local_cluster_start(&options, &r->cluster, error) != 0) {
    snprintf(err, err_size, "%s: %s", s->file, error);
    return -1;
  }
  uint32_t nodes = r->node_count > 1 ? r->node_count - 1 : 1;
  uint32_t rows = r->rows = nodes + cli_faults_returns(s);
  if (rs_run_open_results(run, rows, &r->results, err, err_size) != 0)
    return -1;
  for (uint32_t i = 1; i < r->node_count && r->results; i++)
    rs_results_node_up(r->results, 0, i - 1, (uint32_t)r->infos[i]->total.cpu_e4,
                       (uint32_t)r->infos[i]->total.gpu_count * RS_ONE_E4);
  const struct rs_apps_opts apps_opts = {.scenario = s,
                                         .scheduler = run->scheduler,
                                         .config = &config,
                                         .seed = run->seed,
                                         .time_scale = s->real_time_scale,
                                         .spin = s->real_spin,
                                         .node_count = nodes,
                                         .slots_cpu_e4 = r->cpu_e4,
                                         .results = r->results};
  r->apps = rs_apps_new(&apps_opts, err, err_size);
  return r->apps ? 0 : -1;
}

static uint64_t axis_ns(const struct real_run *r)
{
  return (uint64_t)((now_s() - r->begin_s) / r->run->scenario->real_time_scale * 1e9);
}

static void on_fault(void *arg, uint32_t place, uint32_t node, bool up)
{
  struct real_run *r = arg;
  const struct rs_res *total = &r->infos[place + 1]->total;
  pthread_mutex_lock(&r->lock);
  if (r->results && node - 1 < r->rows)
    (up ? rs_results_node_up : rs_results_node_down)(r->results, axis_ns(r), node - 1, (uint32_t)total->cpu_e4,
                                                     (uint32_t)total->gpu_count * RS_ONE_E4);
  pthread_mutex_unlock(&r->lock);
}

/* Waits for a program's thread, at most 0.1 s. */
static bool ended(const struct locked *program)
{
  struct timespec wait;
  clock_gettime(CLOCK_REALTIME, &wait);
  wait.tv_nsec += 100000000;
  wait.tv_sec += wait.tv_nsec / 1000000000;
  wait.tv_nsec %= 1000000000;
  return pthread_timedjoin_np(program->thread, NULL, &wait) == 0;
}

static int start_programs(struct real_run *r, char *err, size_t err_size)
{
  uint32_t count = rs_apps_count(r->apps);
  r->programs = rs_alloc_zero(count, sizeof *r->programs);
  pthread_mutex_init(&r->lock, NULL);
  r->begin_s = now_s();
  for (uint32_t i = 0; i < count; i++) {
    struct locked *l = &r->programs[i];
    l->app.ops = &locked_ops;
    l->inner = rs_observer_app(rs_apps_observer(r->apps, i));
    l->lock = &r->lock;
    l->session = rs_uv_cluster_session(r->cluster);
    if (pthread_create(&l->thread, NULL, drive, l) != 0) {
      snprintf(err, err_size, "cannot start a thread");
      return -1;
    }
  }
  return 0;
}

/* Until every program is done. *cut: the scenario's time limit ended them. */
static int wait_for_programs(struct real_run *r, struct cli_faults *faults, bool *cut, char *err, size_t err_size)
{
  const struct rs_run *run = r->run;
  bool failed = false;
  for (uint32_t i = 0; i < rs_apps_count(r->apps); i++) {
    while (!ended(&r->programs[i])) {
      uint64_t t = axis_ns(r);
      failed = failed || cli_faults_failed(faults, err, err_size);
      *cut = *cut || (t >= run->scenario->time_limit_ns && !atomic_load(&stop));
      if (failed || *cut)
        atomic_store(&stop, true);
      pthread_mutex_lock(&r->lock);
      if (run->progress)
        rs_progress_set(run->progress, run->progress_slot, t, rs_apps_tasks_ended(r->apps), 0,
                        rs_apps_progress(r->apps, t));
      pthread_mutex_unlock(&r->lock);
    }
    if (!failed && r->programs[i].status != 0) {
      snprintf(err, err_size, "%s: %s", run->scenario->file, r->programs[i].error);
      failed = true;
      atomic_store(&stop, true);
    }
  }
  return failed ? -1 : 0;
}

static enum rs_run_end drive_all(struct real_run *r, char *err, size_t err_size)
{
  const struct rs_run *run = r->run;
  bool cut = false;
  if (start_programs(r, err, err_size) != 0)
    return RS_RUN_FAILED;
  const struct cli_faults_opts faults_opts = {.scenario = run->scenario,
                                              .seed = rs_rng_derive(run->seed, 2),
                                              .session = rs_uv_cluster_session(r->cluster),
                                              .port = rs_uv_cluster_port(r->cluster),
                                              .begin_s = r->begin_s,
                                              .node = on_fault,
                                              .arg = r};
  struct cli_faults *faults = cli_faults_start(&faults_opts);
  int failed = wait_for_programs(r, faults, &cut, err, err_size);
  cli_faults_stop(faults);
  if (failed)
    return RS_RUN_FAILED;
  double took = now_s() - r->begin_s;
  uint64_t end_ns = axis_ns(r), messages = 0, bytes = 0, retries = 0;
  for (uint32_t i = 0; i < rs_apps_count(r->apps); i++) {
    const struct rs_uv_run_stats *stats = &r->programs[i].stats;
    messages += stats->messages_in + stats->messages_out;
    bytes += stats->bytes_in + stats->bytes_out;
    retries += r->programs[i].retries;
    rs_observer_cut(rs_apps_observer(r->apps, i), end_ns);
  }
  bool interrupted = atomic_load(&stop) && !cut;
  if (r->results) {
    struct rs_results *results = r->results;
    rs_results_retries(results, retries);
    rs_results_count(results, "driver_messages", messages);
    rs_results_count(results, "driver_bytes", bytes);
    uint64_t items;
    if (rs_apps_items(r->apps, &items))
      rs_results_count(results, "items", items);
    rs_results_wall(results, "seconds", took);
    r->results = NULL;
    if (rs_results_finish(results, end_ns, interrupted ? RS_RESULTS_PARTIAL : 0, err, err_size) != 0)
      return RS_RUN_FAILED;
  }
  return interrupted ? RS_RUN_INTERRUPTED : cut ? RS_RUN_CUT : RS_RUN_DONE;
}

static enum rs_run_end execute(const struct rs_run *run, char *err, size_t err_size)
{
  struct real_run r = {.run = run};
  enum rs_run_end end = RS_RUN_FAILED;
  struct sigaction act = {.sa_handler = on_signal};
  sigaction(SIGINT, &act, NULL);
  sigaction(SIGTERM, &act, NULL);
  if (start(&r, err, err_size) == 0)
    end = drive_all(&r, err, err_size);
  rs_uv_local_cluster_stop(r.cluster);
  rs_results_discard(r.results);
  rs_apps_free(r.apps);
  for (uint32_t i = 0; i < r.node_count; i++)
    rs_node_info_unref(r.infos[i]);
  for (uint32_t t = 0; r.types && t < run->scenario->cluster.type_count; t++)
    rs_node_info_unref(r.types[t].info);
  free(r.infos);
  free(r.types);
  free(r.programs);
  return end;
}

void cli_real_prepare(struct rs_experiment_opts *opts)
{
  opts->real = true;
  opts->suffix = "-real";
  opts->jobs = 1; /* one cluster at a time: they would share the machine */
  opts->check = check;
  opts->execute = execute;
}

int cli_local_prepare(struct rs_experiment_opts *opts)
{
  opts->real = true;
  opts->local = true;
  opts->suffix = "-local";
  if (opts->costs)
    return 0;
  opts->costs = "raysim-costs.json";
  if (access(opts->costs, R_OK) == 0)
    return 0;
  return cli_usage_error(
      "--local simulates this machine and needs its costs: run `raysim calibrate`, or give --costs FILE");
}
