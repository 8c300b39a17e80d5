/* Collecting a run: every call updates sums, bins and histograms of fixed size; only task rows are streamed to a file.
 */
#include "sim/results.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/time.h"
#include "sim/results_int.h"

static char *copy_text(const char *text)
{
  return rs_memdup(text, strlen(text) + 1);
}

/* A file name made of the case's name: letters, digits and .=+- stay, anything else becomes '_'. */
static char *run_name(const char *case_name, uint64_t seed)
{
  char name[140];
  size_t size = 0;
  for (; case_name[size] && size < 100; size++) {
    char c = case_name[size];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 (c && strchr("=+-", c)) || (c == '.' && size > 0);
    name[size] = plain ? c : '_';
  }
  if (size == 0)
    name[size++] = '_';
  snprintf(name + size, sizeof name - size, "-%llu", (unsigned long long)seed);
  return copy_text(name);
}

static int make_work_dir(struct rs_results *results, const char *folder, char *err, size_t err_size)
{
  char *name = run_name(results->opts.case_name, results->opts.seed);
  char hidden[160];
  snprintf(hidden, sizeof hidden, ".%s.tmp", name);
  char *runs = rs_out_path(folder, "runs");
  results->final_dir = rs_out_path(runs, name);
  results->work_dir = rs_out_path(runs, hidden);
  free(name);
  int result = rs_out_mkdirs(runs, err, err_size);
  struct stat info;
  if (result == 0 && stat(results->final_dir, &info) == 0)
    result = rs_out_fail(err, err_size, "two runs would have the same folder", results->final_dir, EEXIST);
  if (result == 0 && mkdir(results->work_dir, 0777) != 0)
    result = rs_out_fail(err, err_size, "cannot make the folder", results->work_dir, errno);
  free(runs);
  if (result != 0) {
    free(results->work_dir);
    results->work_dir = NULL; /* not ours to remove */
  }
  return result;
}

static void copy_opts(struct rs_results *results, const struct rs_results_opts *opts)
{
  results->opts = *opts;
  results->opts.folder = NULL;
  results->opts.case_name = copy_text(opts->case_name);
  results->opts.metric = copy_text(opts->metric ? opts->metric : "loss");
  results->params = rs_alloc_zero(opts->param_count + 1u, sizeof *results->params);
  for (uint32_t i = 0; i < opts->param_count; i++)
    results->params[i] = (struct rs_param){copy_text(opts->params[i].name), copy_text(opts->params[i].value)};
  results->opts.params = results->params;
  uint32_t tags = opts->tag_names ? opts->tag_count : 0;
  results->opts.tag_count = tags > RS_RESULTS_TAGS ? RS_RESULTS_TAGS : tags;
  results->tag_names = rs_alloc_zero(RS_RESULTS_TAGS, sizeof *results->tag_names);
  for (uint32_t i = 0; i < results->opts.tag_count; i++)
    results->tag_names[i] = copy_text(opts->tag_names[i]);
  results->opts.tag_names = (const char *const *)results->tag_names;
}

/* How many spans fit when every kept node takes one more event for its name. */
static uint32_t timeline_spans(const struct rs_results_opts *opts)
{
  uint32_t events = opts->timeline_events_max ? opts->timeline_events_max : RS_RESULTS_TIMELINE_MAX;
  uint32_t fixed = 2 * RS_LOAD_BINS + 1;
  uint32_t rest = events > 2 * fixed ? events - fixed : fixed;
  return rest - (opts->node_count < rest / 2 ? opts->node_count : rest / 2);
}

static void results_free(struct rs_results *results)
{
  rs_out_drop(&results->task_rows);
  rs_bins_free(&results->load);
  rs_bins_free(&results->heat);
  rs_timeline_free(&results->timeline);
  rs_timeline_free(&results->gantt);
  rs_trials_free(&results->trials);
  for (uint32_t i = 0; i < results->opts.param_count; i++) {
    free((char *)(uintptr_t)results->params[i].name);
    free((char *)(uintptr_t)results->params[i].value);
  }
  free(results->params);
  for (uint32_t i = 0; i < results->opts.tag_count; i++)
    free(results->tag_names[i]);
  free(results->tag_names);
  free((char *)(uintptr_t)results->opts.case_name);
  free((char *)(uintptr_t)results->opts.metric);
  free(results->jobs);
  free(results->work_dir);
  free(results->final_dir);
  free(results);
}

struct rs_results *rs_results_open(const struct rs_results_opts *opts, char *err, size_t err_size)
{
  RS_ASSERT(opts->folder && opts->case_name && opts->node_count >= 1);
  struct rs_results *results = rs_alloc_zero(1, sizeof *results);
  copy_opts(results, opts);
  results->nodes_per_row = (opts->node_count + RS_HEAT_ROWS - 1) / RS_HEAT_ROWS;
  results->heat_rows = (opts->node_count + results->nodes_per_row - 1) / results->nodes_per_row;
  rs_bins_init(&results->load, RS_LOAD_COLUMNS, RS_LOAD_BINS);
  rs_bins_init(&results->heat, 3 * results->heat_rows, RS_HEAT_BINS);
  rs_trials_init(&results->trials, opts->maximise);
  rs_timeline_init(&results->timeline, opts->node_count, timeline_spans(opts));
  rs_timeline_init(&results->gantt, 1, RS_GANTT_SPANS_MAX); /* "one node": it never thins, it overflows */
  rs_hist_init(&results->latency);
  if (make_work_dir(results, opts->folder, err, err_size) != 0) {
    results_free(results);
    return NULL;
  }
  if (opts->task_rows) {
    rs_out_open(&results->task_rows, results->work_dir, "tasks.csv", RS_OUT_GZIP);
    rs_out_text(&results->task_rows,
                "task,attempt,job,node,tag,outcome,cpu,gpu,submit_s,ready_s,start_s,end_s,work_s\n");
  }
  return results;
}

/* ---- Tasks ---- */

static void write_amount(struct rs_out *out, uint32_t amount_e4)
{
  rs_out_u64(out, amount_e4 / 10000);
  uint32_t rest = amount_e4 % 10000;
  if (rest == 0)
    return;
  rs_out_char(out, '.');
  for (uint32_t unit = 1000; rest > 0; rest %= unit, unit /= 10)
    rs_out_char(out, (char)('0' + rest / unit));
}

static void write_task(struct rs_out *out, const struct rs_task_row *row)
{
  static const char *const names[] = {",ok,", ",failed,", ",cancelled,", ",cut,"};
  bool started = row->start_ns != RS_TIME_NEVER;
  rs_out_u64(out, row->task);
  rs_out_char(out, ',');
  rs_out_u64(out, row->attempt);
  rs_out_char(out, ',');
  if (row->job != RS_JOB_NONE)
    rs_out_u64(out, row->job);
  rs_out_char(out, ',');
  if (started)
    rs_out_u64(out, row->node);
  rs_out_char(out, ',');
  rs_out_u64(out, row->tag);
  rs_out_text(out, names[row->outcome]);
  write_amount(out, row->cpu_e4);
  rs_out_char(out, ',');
  write_amount(out, row->gpu_e4);
  rs_out_char(out, ',');
  rs_out_seconds(out, row->submit_ns);
  rs_out_char(out, ',');
  rs_out_seconds(out, row->ready_ns);
  rs_out_char(out, ',');
  if (started)
    rs_out_seconds(out, row->start_ns);
  rs_out_char(out, ',');
  rs_out_seconds(out, row->end_ns);
  rs_out_char(out, ',');
  if (row->work_ns)
    rs_out_seconds(out, row->work_ns);
  rs_out_char(out, '\n');
}

static void add_job(struct rs_results *results, const struct rs_task_row *row)
{
  while (results->job_count <= row->job) {
    RS_GROW(results->jobs, results->job_count, results->job_cap);
    results->jobs[results->job_count++] = (struct rs_job){.submit_ns = RS_TIME_NEVER, .start_ns = RS_TIME_NEVER};
  }
  struct rs_job *job = &results->jobs[row->job];
  job->used = 1;
  job->tasks += row->attempt == 0;
  job->failed += row->outcome == RS_TASK_FAILED;
  job->cut += row->outcome == RS_TASK_CUT;
  job->submit_ns = rs_time_min(job->submit_ns, row->submit_ns);
  job->start_ns = rs_time_min(job->start_ns, row->start_ns);
  if (row->end_ns > job->end_ns)
    job->end_ns = row->end_ns;
}

/* Running and busy from start to end, in the load bins and in the node's row of the heat map. */
static void add_running(struct rs_results *results, const struct rs_task_row *row)
{
  double left, cpu = row->cpu_e4, gpu = row->gpu_e4;
  uint64_t length = row->end_ns - row->start_ns;
  uint32_t heat_row = row->node / results->nodes_per_row;
  if (heat_row >= results->heat_rows)
    heat_row = results->heat_rows - 1;
  results->busy_cpu += (rs_wide)length * row->cpu_e4;
  struct rs_bin_cell *cells = rs_bins_row(&results->load, row->start_ns, &left);
  rs_bin_change(&cells[RS_LOAD_RUNNING], left, 1);
  rs_bin_change(&cells[RS_LOAD_BUSY_CPU], left, cpu);
  if (row->gpu_e4 > 0)
    rs_bin_change(&cells[RS_LOAD_BUSY_GPU], left, gpu);
  cells = rs_bins_row(&results->load, row->end_ns, &left);
  rs_bin_change(&cells[RS_LOAD_RUNNING], left, -1);
  rs_bin_change(&cells[RS_LOAD_BUSY_CPU], left, -cpu);
  if (row->gpu_e4 > 0) {
    rs_bin_change(&cells[RS_LOAD_BUSY_GPU], left, -gpu);
    results->busy_gpu += (rs_wide)length * row->gpu_e4;
  }
  cells = rs_bins_row(&results->heat, row->start_ns, &left) + (size_t)3 * heat_row;
  rs_bin_change(&cells[0], left, cpu);
  rs_bin_change(&cells[2], left, cpu * row->tag);
  cells = rs_bins_row(&results->heat, row->end_ns, &left) + (size_t)3 * heat_row;
  rs_bin_change(&cells[0], left, -cpu);
  rs_bin_change(&cells[2], left, -cpu * row->tag);
}

static void add_queued(struct rs_results *results, uint64_t from_ns, uint64_t to_ns, double cpu)
{
  double left;
  struct rs_bin_cell *cells = rs_bins_row(&results->load, from_ns, &left);
  rs_bin_change(&cells[RS_LOAD_QUEUED], left, 1);
  rs_bin_change(&cells[RS_LOAD_QUEUED_CPU], left, cpu);
  cells = rs_bins_row(&results->load, to_ns, &left);
  rs_bin_change(&cells[RS_LOAD_QUEUED], left, -1);
  rs_bin_change(&cells[RS_LOAD_QUEUED_CPU], left, -cpu);
}

void rs_results_retries(struct rs_results *results, uint64_t count)
{
  results->retries += count;
}

void rs_results_task(struct rs_results *results, const struct rs_task_row *row)
{
  bool started = row->start_ns != RS_TIME_NEVER;
  RS_ASSERT(row->outcome <= RS_TASK_CUT && row->submit_ns <= row->ready_ns);
  RS_ASSERT(row->ready_ns <= row->end_ns && row->end_ns != RS_TIME_NEVER);
  RS_ASSERT(!started || (row->ready_ns <= row->start_ns && row->start_ns <= row->end_ns));
  results->tasks[row->outcome]++;
  results->retries += row->attempt > 0;
  if (row->end_ns > results->latest_ns)
    results->latest_ns = row->end_ns;
  if (row->outcome != RS_TASK_CUT && row->end_ns > results->last_end_ns)
    results->last_end_ns = row->end_ns;
  uint64_t queued_to = started ? row->start_ns : row->end_ns;
  if (queued_to > row->ready_ns)
    add_queued(results, row->ready_ns, queued_to, row->cpu_e4);
  if (started) {
    rs_hist_add(&results->latency, row->start_ns - row->ready_ns);
    add_running(results, row);
    if (results->opts.timeline)
      rs_timeline_add(&results->timeline, row);
    if (results->opts.node_count <= RS_GANTT_NODES_MAX)
      rs_timeline_add(&results->gantt, row);
  } else {
    results->unstarted++;
  }
  if (row->job != RS_JOB_NONE)
    add_job(results, row);
  if (results->opts.task_rows)
    write_task(&results->task_rows, row);
}

/* ---- Nodes and gauges ---- */

static void change_node(struct rs_results *results, uint64_t now, uint32_t node, int sign, uint32_t cpu, uint32_t gpu)
{
  double left;
  uint32_t heat_row = node / results->nodes_per_row;
  if (heat_row >= results->heat_rows)
    heat_row = results->heat_rows - 1;
  if (now > results->latest_ns)
    results->latest_ns = now;
  struct rs_bin_cell *cells = rs_bins_row(&results->load, now, &left);
  rs_bin_change(&cells[RS_LOAD_NODES], left, sign);
  rs_bin_change(&cells[RS_LOAD_CPU], left, sign * (double)cpu);
  rs_bin_change(&cells[RS_LOAD_GPU], left, sign * (double)gpu);
  rs_bins_add(&results->heat, now, 3 * heat_row + 1, sign * (double)cpu);
  results->cpu_now += sign * (rs_wide)cpu;
  results->gpu_now += sign * (rs_wide)gpu;
  results->cpu_moment += sign * (rs_wide)cpu * (rs_wide)now;
  results->gpu_moment += sign * (rs_wide)gpu * (rs_wide)now;
  results->nodes_now += sign;
  if (results->nodes_now > results->nodes_max)
    results->nodes_max = results->nodes_now;
}

void rs_results_node_up(struct rs_results *results, uint64_t now_ns, uint32_t node, uint32_t cpu_e4, uint32_t gpu_e4)
{
  change_node(results, now_ns, node, 1, cpu_e4, gpu_e4);
}

void rs_results_node_down(struct rs_results *results, uint64_t now_ns, uint32_t node, uint32_t cpu_e4, uint32_t gpu_e4)
{
  RS_ASSERT(results->nodes_now > 0);
  results->node_downs++;
  change_node(results, now_ns, node, -1, cpu_e4, gpu_e4);
}

void rs_results_gauge(struct rs_results *results, enum rs_gauge gauge, uint64_t now_ns, uint64_t value)
{
  RS_ASSERT(gauge < RS_GAUGE_COUNT);
  if (now_ns > results->latest_ns)
    results->latest_ns = now_ns;
  results->gauge_used[gauge] = true;
  rs_bins_add(&results->load, now_ns, (uint32_t)RS_LOAD_GAUGE + gauge, (double)value - (double)results->gauges[gauge]);
  results->gauges[gauge] = value;
}

/* ---- Trials and figures ---- */

void rs_results_trial(struct rs_results *results, const struct rs_trial_event *event)
{
  if (event->now_ns > results->latest_ns)
    results->latest_ns = event->now_ns;
  rs_trials_event(&results->trials, event);
}

void rs_results_trial_config(struct rs_results *results, uint32_t trial, const char *text)
{
  rs_trials_config(&results->trials, trial, text);
}

void rs_figures_set(struct rs_figures *figures, const char *name, double value, uint64_t count)
{
  size_t size = strlen(name);
  RS_ASSERT(size > 0 && size <= RS_RESULTS_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size);
  uint32_t i = 0;
  while (i < figures->count && strcmp(figures->list[i].name, name) != 0)
    i++;
  if (i == figures->count) {
    RS_ASSERT(figures->count < RS_RESULTS_FIGURES_MAX);
    memcpy(figures->list[i].name, name, size + 1);
    figures->count++;
  }
  figures->list[i].value = value;
  figures->list[i].count = count;
}

void rs_results_count(struct rs_results *results, const char *name, uint64_t value)
{
  rs_figures_set(&results->counts, name, 0, value);
}

void rs_results_metric(struct rs_results *results, const char *name, double value)
{
  rs_figures_set(&results->metrics, name, value, 0);
}

void rs_results_wall(struct rs_results *results, const char *name, double value)
{
  rs_figures_set(&results->walls, name, value, 0);
}

uint64_t rs_results_tasks(const struct rs_results *results)
{
  return results->tasks[RS_TASK_OK] + results->tasks[RS_TASK_FAILED] + results->tasks[RS_TASK_CANCELLED];
}

double rs_results_best(const struct rs_results *results)
{
  return results->trials.best_value;
}

/* ---- The end ---- */

int rs_results_finish(struct rs_results *results, uint64_t end_ns, unsigned flags, char *err, size_t err_size)
{
  if (end_ns < results->latest_ns)
    end_ns = results->latest_ns;
  int result = rs_results_write(results, end_ns, flags, err, err_size);
  if (result == 0 && rename(results->work_dir, results->final_dir) != 0)
    result = rs_out_fail(err, err_size, "cannot rename to", results->final_dir, errno);
  if (result != 0)
    rs_out_remove_tree(results->work_dir);
  results_free(results);
  return result;
}

void rs_results_discard(struct rs_results *results)
{
  if (!results)
    return;
  rs_out_drop(&results->task_rows);
  rs_out_remove_tree(results->work_dir);
  results_free(results);
}
