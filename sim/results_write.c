/* The files of one run, from what was collected. All bounded: see docs/results.md for each file and its columns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/results_int.h"
#include "sim/results_json.h"

#define PER_S 1e-9

static double ratio(double a, double b)
{
  return b > 0 ? a / b : NAN;
}

/* ---- Figures ---- */

static int by_value(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return a < b ? -1 : a > b;
}

static double rank_s(const uint64_t *sorted, uint32_t count, double q)
{
  uint32_t rank = (uint32_t)ceil(q * count);
  return (double)sorted[rank > 0 ? rank - 1 : 0] * PER_S;
}

/* Response times (first submission to last end) of the jobs that are complete. */
static void job_metrics(const struct rs_results *results, struct rs_figures *metrics)
{
  uint64_t *times = rs_alloc_zero(results->job_count + 1u, sizeof *times);
  uint32_t count = 0;
  double sum = 0;
  for (uint32_t i = 0; i < results->job_count; i++) {
    const struct rs_job *job = &results->jobs[i];
    if (!job->used || job->cut)
      continue;
    times[count++] = job->end_ns - job->submit_ns;
    sum += (double)(job->end_ns - job->submit_ns) * PER_S;
  }
  if (count > 1) {
    qsort(times, count, sizeof *times, by_value);
    rs_figures_set(metrics, "job_mean_s", sum / count, 0);
    rs_figures_set(metrics, "job_p50_s", rank_s(times, count, 0.5), 0);
    rs_figures_set(metrics, "job_p90_s", rank_s(times, count, 0.9), 0);
    rs_figures_set(metrics, "job_p99_s", rank_s(times, count, 0.99), 0);
  }
  free(times);
}

static double capacity_integral(rs_wide now, rs_wide moment, uint64_t end_ns)
{
  return (double)(now * (rs_wide)end_ns - moment);
}

struct rs_figures rs_results_metrics_of(const struct rs_results *results, uint64_t end_ns)
{
  struct rs_figures metrics = {.count = 0};
  const struct rs_trials *trials = &results->trials;
  const struct rs_hist *latency = &results->latency;
  double cpu = capacity_integral(results->cpu_now, results->cpu_moment, end_ns);
  double gpu = capacity_integral(results->gpu_now, results->gpu_moment, end_ns);
  double makespan_s = (double)results->last_end_ns * PER_S;
  if (trials->count > 0) {
    bool complete = trials->first_complete_ns != RS_TIME_NEVER;
    rs_figures_set(&metrics, "best_value", trials->best_value, 0);
    rs_figures_set(&metrics, "best_complete_value", trials->best_complete, 0);
    rs_figures_set(&metrics, "first_complete_s", complete ? (double)trials->first_complete_ns * PER_S : NAN, 0);
  }
  rs_figures_set(&metrics, "run_s", (double)end_ns * PER_S, 0);
  rs_figures_set(&metrics, "makespan_s", rs_results_tasks(results) > 0 ? makespan_s : NAN, 0);
  rs_figures_set(&metrics, "tasks_per_s", ratio((double)rs_results_tasks(results), makespan_s), 0);
  rs_figures_set(&metrics, "utilisation", ratio((double)results->busy_cpu, cpu), 0);
  if (gpu > 0)
    rs_figures_set(&metrics, "utilisation_gpu", ratio((double)results->busy_gpu, gpu), 0);
  if (latency->count > 0) {
    rs_figures_set(&metrics, "latency_mean_s", latency->sum / (double)latency->count * PER_S, 0);
    rs_figures_set(&metrics, "latency_p50_s", rs_hist_quantile(latency, 0.5) * PER_S, 0);
    rs_figures_set(&metrics, "latency_p90_s", rs_hist_quantile(latency, 0.9) * PER_S, 0);
    rs_figures_set(&metrics, "latency_p99_s", rs_hist_quantile(latency, 0.99) * PER_S, 0);
    rs_figures_set(&metrics, "latency_p999_s", rs_hist_quantile(latency, 0.999) * PER_S, 0);
    rs_figures_set(&metrics, "latency_max_s", (double)latency->max * PER_S, 0);
  }
  job_metrics(results, &metrics);
  if (results->opts.autoscaled && end_ns > 0)
    rs_figures_set(&metrics, "cpu_hours", cpu * 1e-4 * PER_S / 3600, 0);
  for (uint32_t i = 0; i < results->metrics.count; i++)
    rs_figures_set(&metrics, results->metrics.list[i].name, results->metrics.list[i].value, 0);
  return metrics;
}

struct rs_figures rs_results_counts_of(const struct rs_results *results)
{
  struct rs_figures counts = {.count = 0};
  const struct rs_trials *trials = &results->trials;
  rs_figures_set(&counts, "tasks", 0, rs_results_tasks(results));
  rs_figures_set(&counts, "tasks_ok", 0, results->tasks[RS_TASK_OK]);
  rs_figures_set(&counts, "tasks_failed", 0, results->tasks[RS_TASK_FAILED]);
  rs_figures_set(&counts, "tasks_cancelled", 0, results->tasks[RS_TASK_CANCELLED]);
  rs_figures_set(&counts, "tasks_cut", 0, results->tasks[RS_TASK_CUT]);
  rs_figures_set(&counts, "tasks_unstarted", 0, results->unstarted);
  rs_figures_set(&counts, "retries", 0, results->retries);
  if (results->job_count > 0)
    rs_figures_set(&counts, "jobs", 0, results->job_count);
  if (trials->count > 0) {
    rs_figures_set(&counts, "trials", 0, trials->started);
    rs_figures_set(&counts, "trials_complete", 0, trials->completed);
    rs_figures_set(&counts, "trials_stopped", 0, trials->stopped);
    rs_figures_set(&counts, "trial_failures", 0, trials->failures);
    rs_figures_set(&counts, "promotions", 0, trials->promotions);
    rs_figures_set(&counts, "reports", 0, trials->reports);
  }
  rs_figures_set(&counts, "nodes_max", 0, (uint64_t)results->nodes_max);
  rs_figures_set(&counts, "node_downs", 0, results->node_downs);
  for (uint32_t i = 0; i < results->counts.count; i++)
    rs_figures_set(&counts, results->counts.list[i].name, 0, results->counts.list[i].count);
  return counts;
}

/* ---- run.json ---- */

static json_t *values_json(const struct rs_figures *figures, bool counts)
{
  json_t *object = json_object();
  for (uint32_t i = 0; i < figures->count; i++)
    json_object_set_new(object, figures->list[i].name,
                        counts ? rs_json_count(figures->list[i].count) : rs_json_number(figures->list[i].value));
  return object;
}

static json_t *seed_json(uint64_t seed)
{
  char text[24];
  if (seed <= INT64_MAX)
    return json_integer((json_int_t)seed);
  snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
  return json_string(text);
}

static json_t *run_json(const struct rs_results *results, uint64_t end_ns, unsigned flags)
{
  const struct rs_results_opts *opts = &results->opts;
  json_t *run = json_object(), *params = json_object(), *tags = json_array();
  for (uint32_t i = 0; i < opts->param_count; i++)
    json_object_set_new(params, opts->params[i].name, rs_json_text(opts->params[i].value));
  for (uint32_t i = 0; i < opts->tag_count; i++)
    json_array_append_new(tags, rs_json_text(opts->tag_names[i]));
  struct rs_figures metrics = rs_results_metrics_of(results, end_ns), counts = rs_results_counts_of(results);
  json_object_set_new(run, "case", rs_json_text(opts->case_name));
  json_object_set_new(run, "case_index", rs_json_count(opts->case_index));
  json_object_set_new(run, "params", params);
  json_object_set_new(run, "seed", seed_json(opts->seed));
  json_object_set_new(run, "partial", json_boolean(flags & RS_RESULTS_PARTIAL));
  json_object_set_new(run, "nodes", rs_json_count(opts->node_count));
  json_object_set_new(run, "autoscaled", json_boolean(opts->autoscaled));
  json_object_set_new(run, "metric", rs_json_text(opts->metric));
  json_object_set_new(run, "maximise", json_boolean(opts->maximise));
  json_object_set_new(run, "tags", tags);
  json_object_set_new(run, "metrics", values_json(&metrics, false));
  json_object_set_new(run, "counts", values_json(&counts, true));
  json_object_set_new(run, "wall", values_json(&results->walls, false));
  return run;
}

/* ---- Series ---- */

static void row_times(struct rs_out *out, uint32_t bin, uint32_t count, uint64_t width_ns, uint64_t end_ns)
{
  rs_out_seconds(out, bin * width_ns);
  rs_out_char(out, ',');
  rs_out_seconds(out, bin + 1 < count ? (bin + 1) * width_ns : end_ns);
}

static void field(struct rs_out *out, double value, int decimals)
{
  rs_out_char(out, ',');
  rs_out_fixed(out, value, decimals);
}

static void write_load(const struct rs_results *results, const double *means, uint32_t bins, uint64_t width_ns,
                       uint64_t end_ns, struct rs_out *out)
{
  rs_out_text(out, "time_s,until_s,utilisation,running,queued,nodes,busy_cpu,queued_cpu,cpu,busy_gpu,gpu,nodes_wanted,"
                   "store_mib,flows\n");
  for (uint32_t i = 0; i < bins; i++) {
    const double *m = means + (size_t)i * RS_LOAD_COLUMNS, *gauge = m + RS_LOAD_GAUGE;
    row_times(out, i, bins, width_ns, end_ns);
    field(out, ratio(m[RS_LOAD_BUSY_CPU], m[RS_LOAD_CPU]), 5);
    field(out, m[RS_LOAD_RUNNING], 3);
    field(out, m[RS_LOAD_QUEUED], 3);
    field(out, m[RS_LOAD_NODES], 3);
    field(out, m[RS_LOAD_BUSY_CPU] * 1e-4, 3);
    field(out, m[RS_LOAD_QUEUED_CPU] * 1e-4, 3);
    field(out, m[RS_LOAD_CPU] * 1e-4, 3);
    field(out, m[RS_LOAD_BUSY_GPU] * 1e-4, 3);
    field(out, m[RS_LOAD_GPU] * 1e-4, 3);
    field(out, results->gauge_used[RS_GAUGE_NODES_WANTED] ? gauge[RS_GAUGE_NODES_WANTED] : NAN, 3);
    field(out, results->gauge_used[RS_GAUGE_STORE_BYTES] ? gauge[RS_GAUGE_STORE_BYTES] / (1 << 20) : NAN, 3);
    field(out, results->gauge_used[RS_GAUGE_FLOWS] ? gauge[RS_GAUGE_FLOWS] : NAN, 3);
    rs_out_char(out, '\n');
  }
}

static void write_rungs(const struct rs_results *results, uint64_t end_ns, struct rs_out *out)
{
  const struct rs_trials *trials = &results->trials;
  double *means;
  uint64_t width_ns;
  uint32_t bins = rs_bins_means(&trials->occupancy, end_ns, &means, &width_ns);
  rs_out_text(out, "time_s,until_s");
  for (uint32_t r = 0; r < trials->rungs; r++) {
    rs_out_text(out, ",rung_");
    rs_out_u64(out, r);
  }
  rs_out_char(out, '\n');
  for (uint32_t i = 0; i < bins; i++) {
    row_times(out, i, bins, width_ns, end_ns);
    for (uint32_t r = 0; r < trials->rungs; r++)
      field(out, means[(size_t)i * RS_RESULTS_TAGS + r], 3);
    rs_out_char(out, '\n');
  }
  free(means);
}

static void write_best(const struct rs_trials *trials, struct rs_out *out)
{
  rs_out_text(out, "time_s,value,trial\n");
  for (uint32_t i = 0; i < trials->best_count; i++) {
    rs_out_seconds(out, trials->best[i].time_ns);
    rs_out_char(out, ',');
    rs_out_double(out, trials->best[i].value);
    rs_out_char(out, ',');
    rs_out_u64(out, trials->best[i].trial);
    rs_out_char(out, '\n');
  }
}

static void write_latency(const struct rs_hist *hist, struct rs_out *out)
{
  uint64_t below = 0;
  rs_out_text(out, "low_s,high_s,count,fraction\n");
  for (uint32_t i = 0; i < RS_HIST_BUCKETS; i++) {
    if (hist->buckets[i] == 0)
      continue;
    below += hist->buckets[i];
    rs_out_seconds(out, rs_hist_low(i));
    rs_out_char(out, ',');
    rs_out_seconds(out, rs_hist_high(i));
    rs_out_char(out, ',');
    rs_out_u64(out, hist->buckets[i]);
    field(out, (double)below / (double)hist->count, 9);
    rs_out_char(out, '\n');
  }
}

/* A row a moment, a column a group of nodes: the share of the group's CPUs that is busy, empty while none is up; or the
 * mean tag of what runs there, weighted with CPUs, empty while nothing does. */
static void write_heat(const struct rs_results *results, uint64_t end_ns, bool tags, struct rs_out *out)
{
  double *means;
  uint64_t width_ns;
  uint32_t bins = rs_bins_means(&results->heat, end_ns, &means, &width_ns);
  uint32_t per_row = results->nodes_per_row, nodes = results->opts.node_count;
  rs_out_text(out, "time_s,until_s");
  for (uint32_t r = 0; r < results->heat_rows; r++) {
    uint32_t last = (r + 1) * per_row - 1;
    rs_out_text(out, ",nodes_");
    rs_out_u64(out, r * per_row);
    rs_out_char(out, '-');
    rs_out_u64(out, last < nodes ? last : nodes - 1);
  }
  rs_out_char(out, '\n');
  for (uint32_t i = 0; i < bins; i++) {
    row_times(out, i, bins, width_ns, end_ns);
    for (uint32_t r = 0; r < results->heat_rows; r++) {
      const double *cell = means + ((size_t)i * results->heat_rows + r) * 3;
      field(out, tags ? ratio(cell[2], cell[0]) : ratio(cell[0], cell[1]), tags ? 3 : 4);
    }
    rs_out_char(out, '\n');
  }
  free(means);
}

static void write_gantt(const struct rs_timeline *gantt, struct rs_out *out)
{
  static const char *const outcomes[] = {",ok,", ",failed,", ",cancelled,", ",cut,"};
  rs_out_text(out, "node,lane,start_s,end_s,tag,outcome,task\n");
  for (uint32_t i = 0; i < gantt->count; i++) {
    const struct rs_span *span = &gantt->spans[i];
    rs_out_u64(out, span->node);
    rs_out_char(out, ',');
    rs_out_u64(out, span->lane);
    rs_out_char(out, ',');
    rs_out_seconds(out, span->start_ns);
    rs_out_char(out, ',');
    rs_out_seconds(out, span->end_ns);
    rs_out_char(out, ',');
    rs_out_u64(out, span->tag);
    rs_out_text(out, outcomes[span->outcome]);
    rs_out_u64(out, span->task);
    rs_out_char(out, '\n');
  }
}

static void write_jobs(const struct rs_results *results, struct rs_out *out)
{
  rs_out_text(out, "job,tasks,failed,cut,submit_s,start_s,end_s\n");
  for (uint32_t i = 0; i < results->job_count; i++) {
    const struct rs_job *job = &results->jobs[i];
    if (!job->used)
      continue;
    rs_out_u64(out, i);
    rs_out_char(out, ',');
    rs_out_u64(out, job->tasks);
    rs_out_char(out, ',');
    rs_out_u64(out, job->failed);
    rs_out_char(out, ',');
    rs_out_u64(out, job->cut);
    rs_out_char(out, ',');
    rs_out_seconds(out, job->submit_ns);
    rs_out_char(out, ',');
    if (job->start_ns != RS_TIME_NEVER)
      rs_out_seconds(out, job->start_ns);
    rs_out_char(out, ',');
    rs_out_seconds(out, job->end_ns);
    rs_out_char(out, '\n');
  }
}

static void write_timeline(struct rs_results *results, const double *means, uint32_t bins, uint64_t width_ns,
                           struct rs_out *out)
{
  struct rs_timeline_counter *counters = rs_alloc_zero(bins + 1u, sizeof *counters);
  for (uint32_t i = 0; i < bins; i++) {
    const double *m = means + (size_t)i * RS_LOAD_COLUMNS;
    counters[i] = (struct rs_timeline_counter){
        .time_ns = i * width_ns, .running = m[RS_LOAD_RUNNING], .queued = m[RS_LOAD_QUEUED], .nodes = m[RS_LOAD_NODES]};
  }
  char title[200];
  snprintf(title, sizeof title, "%.150s, seed %llu", results->opts.case_name, (unsigned long long)results->opts.seed);
  rs_timeline_lanes(&results->timeline);
  rs_timeline_write(&results->timeline, out, title, results->opts.tag_names, results->opts.tag_count, counters, bins);
  free(counters);
}

/* ---- All of it ---- */

#define FILE_OF(name, kind, call)                                                                                      \
  do {                                                                                                                 \
    struct rs_out out;                                                                                                 \
    rs_out_open(&out, results->work_dir, (name), (kind));                                                              \
    call;                                                                                                              \
    if (rs_out_close(&out, err, err_size) != 0)                                                                        \
      return -1;                                                                                                       \
  } while (0)

static int write_series(struct rs_results *results, uint64_t end_ns, const double *means, uint32_t bins,
                        uint64_t width_ns, char *err, size_t err_size)
{
  struct rs_trials *trials = &results->trials;
  FILE_OF("load.csv", RS_OUT_PLAIN, write_load(results, means, bins, width_ns, end_ns, &out));
  FILE_OF("heat.csv", RS_OUT_PLAIN, write_heat(results, end_ns, false, &out));
  if (results->opts.tag_count > 1 || trials->rungs > 1)
    FILE_OF("heat_tags.csv", RS_OUT_PLAIN, write_heat(results, end_ns, true, &out));
  if (results->latency.count > 0)
    FILE_OF("latency.csv", RS_OUT_PLAIN, write_latency(&results->latency, &out));
  if (trials->count > 0) {
    FILE_OF("best.csv", RS_OUT_PLAIN, write_best(trials, &out));
    FILE_OF("rungs.csv", RS_OUT_PLAIN, write_rungs(results, end_ns, &out));
    FILE_OF("trials.csv", RS_OUT_ROWS, rs_trials_write(trials, &out));
  }
  if (results->job_count > 0)
    FILE_OF("jobs.csv", RS_OUT_ROWS, write_jobs(results, &out));
  if (results->gantt.count > 0 && results->gantt.dropped == 0) {
    rs_timeline_lanes(&results->gantt);
    FILE_OF("gantt.csv", RS_OUT_PLAIN, write_gantt(&results->gantt, &out));
  }
  if (results->opts.timeline)
    FILE_OF("timeline.json", RS_OUT_PLAIN, write_timeline(results, means, bins, width_ns, &out));
  return 0;
}

int rs_results_write(struct rs_results *results, uint64_t end_ns, unsigned flags, char *err, size_t err_size)
{
  double *means;
  uint64_t width_ns;
  if (results->opts.task_rows && rs_out_close(&results->task_rows, err, err_size) != 0)
    return -1;
  uint32_t bins = rs_bins_means(&results->load, end_ns, &means, &width_ns);
  int result = write_series(results, end_ns, means, bins, width_ns, err, err_size);
  free(means);
  if (result != 0)
    return result;
  json_t *run = run_json(results, end_ns, flags);
  result = rs_json_write(results->work_dir, "run.json", run, err, err_size);
  json_decref(run);
  return result;
}
