/* run.c -- one simulated run: the scenario's driver programs on the scenario's cluster, and what came of it.
 *
 * The results get tasks and trials from the observers at the owners (sim/observe.h), nodes and levels from the driver's
 * hooks, and the run's counts at the end. Times on their axis are simulated time.
 */
#include "sim/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "sim/dist.h"
#include "sim/scenario_config.h"

struct running {
  const struct rs_run *run;
  const struct rs_scenario *scenario;
  struct rs_run_cluster cluster;
  struct rs_results *results;
  struct rs_apps *apps;
  struct rs_sim *sim;
  rs_addr *owners; /* of the apps, by index */
  gsl_rng *rng;
  uint64_t wanted; /* nodes that the autoscaler aims at */
  double scale;    /* simulated time in a second of the scenario */
};

/* Simulated time on the results' axis: seconds of the scenario. */
static uint64_t axis(const struct running *r, uint64_t t_ns)
{
  return r->scale == 1 ? t_ns : (uint64_t)((double)t_ns / r->scale);
}

static double wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- hooks of the driver ---- */

static void on_node(void *user, uint64_t t_ns, uint32_t node, uint32_t group, bool up)
{
  const struct running *r = user;
  if (node == 0 || group >= r->cluster.cluster.group_count || !r->results)
    return;
  const struct rs_res *total = &r->cluster.groups[group].info->total;
  uint32_t gpu = (uint32_t)total->gpu_count * RS_ONE_E4;
  if (up)
    rs_results_node_up(r->results, axis(r, t_ns), node - 1, (uint32_t)total->cpu_e4, gpu);
  else
    rs_results_node_down(r->results, axis(r, t_ns), node - 1, (uint32_t)total->cpu_e4, gpu);
}

static void on_trace(void *user, uint64_t t_ns, rs_addr self, unsigned trace, uint64_t a, uint64_t b, uint64_t c)
{
  struct running *r = user;
  (void)c;
  if (trace == RS_TRACE_TASK_STARTED) {
    for (uint32_t i = 0; i < rs_apps_count(r->apps); i++)
      if (r->owners[i] == a)
        rs_observer_started(rs_apps_observer(r->apps, i), b, axis(r, t_ns), self);
  } else if ((trace == RS_TRACE_HOST_LAUNCHED || trace == RS_TRACE_HOST_REMOVED) && r->results) {
    r->wanted += trace == RS_TRACE_HOST_LAUNCHED ? 1 : UINT64_MAX;
    rs_results_gauge(r->results, RS_GAUGE_NODES_WANTED, axis(r, t_ns), r->wanted);
  }
}

/* Functions that are trained here, in the simulator. */
static void on_task(void *user, uint64_t t_ns, struct rs_sim_task *task, struct rs_rng *rng)
{
  const struct running *r = user;
  (void)t_ns;
  (void)rng;
  for (uint32_t i = 0; !task->known && i < rs_apps_count(r->apps); i++)
    if (r->owners[i] == task->task->id.owner)
      rs_apps_task(r->apps, i, task);
}

static void on_sample(void *user, uint64_t t_ns, const struct rs_sim_stats *stats)
{
  const struct running *r = user;
  if (r->results)
    rs_results_gauge(r->results, RS_GAUGE_STORE_BYTES, axis(r, t_ns), stats->store_bytes);
}

static void on_progress(void *user, const struct rs_sim_stats *stats)
{
  const struct running *r = user;
  if (r->run->progress)
    rs_progress_set(r->run->progress, r->run->progress_slot, stats->sim_ns, rs_apps_tasks_ended(r->apps), stats->events,
                    rs_apps_progress(r->apps, axis(r, stats->sim_ns)));
}

static uint64_t draw(const struct running *r, const struct rs_dist *dist, struct rs_rng *rng)
{
  gsl_rng_set(r->rng, (unsigned long)rs_rng_next(rng));
  return (uint64_t)rs_dist_draw(dist, r->rng);
}

static uint64_t worker_start_ns(void *user, struct rs_rng *rng)
{
  const struct running *r = user;
  return draw(r, &r->scenario->cluster.worker_start_ns, rng);
}

static uint64_t boot_ns(void *user, uint32_t group, struct rs_rng *rng)
{
  const struct running *r = user;
  return draw(r, &r->scenario->cluster.types[group].boot_ns, rng);
}

static uint64_t down_ns(void *user, uint32_t fault, struct rs_rng *rng)
{
  const struct running *r = user;
  const struct rs_scenario_fault *f = &r->scenario->faults[fault];
  return f->comes_back ? draw(r, &f->down_ns, rng) : 0;
}

/* ---- the results ---- */

static uint32_t node_rows(const struct running *r)
{
  uint64_t rows = r->sim ? rs_sim_node_count(r->sim) - 1 : rs_sim_cluster_span(&r->cluster.cluster) - 1;
  return rows ? (uint32_t)rows : 1;
}

#define RUNGS_MAX 8

int rs_run_open_results(const struct rs_run *run, uint32_t node_count, struct rs_results **out, char *err,
                        size_t err_size)
{
  const struct rs_scenario *scenario = run->scenario;
  *out = NULL;
  if (!run->folder)
    return 0;
  const struct rs_scenario_tune *tune = NULL;
  for (uint32_t i = 0; i < scenario->workload_count && !tune; i++)
    if (scenario->workloads[i].kind == RS_WORKLOAD_TUNE)
      tune = &scenario->workloads[i].tune;
  char text[RUNGS_MAX][48];
  const char *tags[RUNGS_MAX];
  uint32_t tag_count = 0;
  bool rungs = tune && !(run->scheduler && strcmp(run->scheduler, "fifo") == 0);
  if (tune && !rungs) { /* a trial of fifo is trained in one go */
    snprintf(text[0], sizeof text[0], "to the end (%llu epoch%s)", (unsigned long long)tune->r_max,
             tune->r_max == 1 ? "" : "s");
    tags[tag_count++] = text[0];
  }
  for (uint64_t epochs = tune ? tune->r_min : 1; rungs && tag_count < RUNGS_MAX; epochs *= tune->eta, tag_count++) {
    uint64_t to = epochs < tune->r_max ? epochs : tune->r_max;
    snprintf(text[tag_count], sizeof text[0], "rung %u (%llu epoch%s)", tag_count, (unsigned long long)to,
             to == 1 ? "" : "s");
    tags[tag_count] = text[tag_count];
    if (epochs >= tune->r_max) {
      tag_count++;
      break;
    }
  }
  struct rs_results_opts opts = {.folder = run->folder,
                                 .case_name = run->case_name,
                                 .case_index = run->case_index,
                                 .params = run->params,
                                 .param_count = run->param_count,
                                 .seed = run->seed,
                                 .node_count = node_count,
                                 .autoscaled = scenario->autoscaler.enabled,
                                 .task_rows = scenario->outputs.tasks_csv,
                                 .timeline = run->timeline && scenario->outputs.timeline_events > 0,
                                 .timeline_events_max = (uint32_t)scenario->outputs.timeline_events,
                                 .metric = tune ? tune->metric : NULL,
                                 .maximise = tune && tune->mode == RS_MODE_MAX,
                                 .tag_names = tune ? tags : NULL,
                                 .tag_count = tag_count};
  *out = rs_results_open(&opts, err, err_size);
  return *out ? 0 : -1;
}

static void count_all(struct running *r, const struct rs_sim_stats *stats, double took_s)
{
  struct rs_results *to = r->results;
  rs_results_count(to, "decisions", stats->decisions);
  rs_results_count(to, "messages", stats->messages);
  rs_results_count(to, "message_bytes", stats->bytes);
  rs_results_count(to, "events", stats->events);
  rs_results_count(to, "lease_requests", stats->traces[RS_TRACE_LEASE_QUEUED]);
  rs_results_count(to, "lease_grants", stats->traces[RS_TRACE_LEASE_GRANTED]);
  rs_results_count(to, "spillbacks", stats->traces[RS_TRACE_LEASE_SPILLED]);
  rs_results_count(to, "lease_rejects", stats->traces[RS_TRACE_LEASE_REJECTED]);
  rs_results_count(to, "lease_recalls", stats->traces[RS_TRACE_LEASE_RECALLED]);
  rs_results_retries(to, stats->traces[RS_TRACE_TASK_RETRIED]);
  rs_results_count(to, "actors_created", stats->traces[RS_TRACE_ACTOR_ALIVE]);
  rs_results_count(to, "nodes_examined", stats->work.nodes);
  rs_results_count(to, "copies", stats->copies);
  rs_results_count(to, "copy_bytes", stats->copy_bytes);
  rs_results_count(to, "workers_started", stats->workers_started);
  uint64_t items;
  if (rs_apps_items(r->apps, &items))
    rs_results_count(to, "items", items);
  if (stats->store_peak_bytes)
    rs_results_count(to, "store_peak_bytes", stats->store_peak_bytes);
  rs_results_count(to, "decision_hash_high", stats->decision_hash >> 32);
  rs_results_count(to, "decision_hash_low", stats->decision_hash & UINT32_MAX);
  rs_results_metric(to, "head_busy_s", (double)stats->head_busy_ns * 1e-9);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  rs_results_wall(to, "seconds", took_s);
  rs_results_wall(to, "events_per_s", took_s > 0 ? (double)stats->events / took_s : (double)NAN);
  rs_results_wall(to, "rss_max_bytes", (double)use.ru_maxrss * 1024);
}

static enum rs_run_end finish(struct running *r, enum rs_sim_end end, double took_s, char *err, size_t err_size)
{
  const struct rs_sim_stats *stats = rs_sim_stats(r->sim);
  if (end == RS_SIM_STALLED) {
    snprintf(
        err, err_size,
        "%s: nothing is left to happen at %.3f s and the workload is not done: what it asks for may be down for good",
        r->scenario->file, (double)stats->sim_ns * 1e-9);
    return RS_RUN_FAILED;
  }
  for (uint32_t i = 0; i < rs_apps_count(r->apps); i++)
    rs_observer_cut(rs_apps_observer(r->apps, i), axis(r, stats->sim_ns));
  if (r->results) {
    count_all(r, stats, took_s);
    struct rs_results *results = r->results;
    r->results = NULL;
    unsigned flags = end == RS_SIM_INTERRUPTED ? RS_RESULTS_PARTIAL : 0;
    if (rs_results_finish(results, axis(r, stats->sim_ns), flags, err, err_size) != 0)
      return RS_RUN_FAILED;
  }
  return end == RS_SIM_INTERRUPTED ? RS_RUN_INTERRUPTED : end == RS_SIM_LIMIT ? RS_RUN_CUT : RS_RUN_DONE;
}

static enum rs_run_end simulate(struct running *r, char *err, size_t err_size)
{
  const struct rs_run *run = r->run;
  const struct rs_scenario *scenario = r->scenario;
  struct rs_config config;
  struct rs_cost cost;
  rs_scenario_config(scenario, run->seed, &config);
  config.policy = rs_run_policy(scenario, err, err_size);
  if (!config.policy)
    return RS_RUN_FAILED;
  rs_cost_defaults(&cost);
  const char *costs = run->costs ? run->costs : scenario->cluster.costs;
  if (costs && rs_cost_load(&cost, costs, err, err_size) != 0)
    return RS_RUN_FAILED;
  if (rs_run_cluster_make(scenario, r->scale, &r->cluster, err, err_size) != 0)
    return RS_RUN_FAILED;
  if (run->local)
    rs_sim_cluster_this_machine(&r->cluster.cluster, run->cores, &cost);
  struct rs_sim_hooks hooks = {.user = r,
                               .trace = on_trace,
                               .task = on_task,
                               .worker_start_ns = scenario->cluster.worker_start_given ? worker_start_ns : NULL,
                               .boot_ns = boot_ns,
                               .down_ns = down_ns,
                               .node = on_node,
                               .progress = on_progress,
                               .sample = on_sample};
  struct rs_sim_opts opts = {.seed = rs_rng_derive(run->seed, 1),
                             .time_limit_ns = scenario->time_limit_ns == RS_SCENARIO_NONE
                                                  ? 0
                                                  : (uint64_t)((double)scenario->time_limit_ns * r->scale),
                             .sample_ns = (uint64_t)((double)scenario->outputs.sample_interval_ns * r->scale),
                             .eager = run->eager,
                             .codec_forced = run->codec_forced,
                             .faithful = run->faithful,
                             .sanity = run->sanity,
                             .catch_signals = true,
                             .hooks = &hooks};
  r->sim = rs_sim_new(&r->cluster.cluster, &config, &cost, &opts, err, err_size);
  if (!r->sim)
    return RS_RUN_FAILED;
  if (rs_run_open_results(run, node_rows(r), &r->results, err, err_size) != 0)
    return RS_RUN_FAILED;
  const struct rs_apps_opts apps_opts = {.scenario = scenario,
                                         .scheduler = run->scheduler,
                                         .config = &config,
                                         .seed = run->seed,
                                         .time_scale = r->scale,
                                         .spin = scenario->real_spin,
                                         .node_count = node_rows(r),
                                         .slots_cpu_e4 = r->cluster.cpu_e4,
                                         .results = r->results};
  r->apps = rs_apps_new(&apps_opts, err, err_size);
  if (!r->apps)
    return RS_RUN_FAILED;
  r->owners = rs_alloc_zero(rs_apps_count(r->apps), sizeof *r->owners);
  for (uint32_t i = 0; i < rs_apps_count(r->apps); i++)
    r->owners[i] = rs_sim_add_app(r->sim, 0, rs_observer_app(rs_apps_observer(r->apps, i)));
  double start = wall_s();
  enum rs_sim_end end = rs_sim_run(r->sim);
  return finish(r, end, wall_s() - start, err, err_size);
}

enum rs_run_end rs_run_simulate(const struct rs_run *run, char *err, size_t err_size)
{
  struct running r = {.run = run,
                      .scenario = run->scenario,
                      .scale = run->scenario->real_time_scale,
                      .rng = gsl_rng_alloc(rs_dist_rng_type)};
  enum rs_run_end end = simulate(&r, err, err_size);
  rs_results_discard(r.results);
  rs_apps_free(r.apps);
  rs_sim_free(r.sim);
  rs_run_cluster_free(&r.cluster);
  gsl_rng_free(r.rng);
  free(r.owners);
  return end;
}
