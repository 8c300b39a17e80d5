/* Runs are read from their own files, in the order (case, seed), whatever the order in which they ended: same runs,
 * same bytes. Series of several seeds meet on a common grid; a run counts in a cell of the grid while it lasts. */
#include "sim/results_merge.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/results_csv.h"
#include "sim/results_hist.h"
#include "sim/results_json.h"
#include "sim/results_out.h"
#include "sim/stats.h"

enum { GRID = 300, COLUMNS_MAX = 32 };

struct run {
  json_t *json; /* run.json */
  char *folder; /* "runs/asha-1" */
  uint32_t case_index;
  const char *case_name;
};

struct merge {
  const char *dir;
  struct run *runs;
  uint32_t count, cap;
  char *err;
  size_t err_size;
};

/* ---- Reading ---- */

static double seed_of(const struct run *run)
{
  const json_t *seed = json_object_get(run->json, "seed");
  return json_is_string(seed) ? strtod(json_string_value(seed), NULL) : json_number_value(seed);
}

static int by_case_and_seed(const void *left, const void *right)
{
  const struct run *a = left, *b = right;
  if (a->case_index != b->case_index)
    return a->case_index < b->case_index ? -1 : 1;
  double x = seed_of(a), y = seed_of(b);
  if (x < y || x > y)
    return x < y ? -1 : 1;
  return strcmp(a->folder, b->folder);
}

/* What a run that died has left: ".NAME.tmp". */
static void remove_unfinished(const char *runs, const char *name)
{
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return;
  char *path = rs_out_path(runs, name);
  rs_out_remove_tree(path);
  free(path);
}

static int read_runs(struct merge *merge)
{
  char *path = rs_out_path(merge->dir, "runs");
  DIR *list = opendir(path);
  int result = 0;
  for (struct dirent *entry; list && result == 0 && (entry = readdir(list));) {
    if (entry->d_name[0] == '.') {
      remove_unfinished(path, entry->d_name);
      continue;
    }
    RS_GROW(merge->runs, merge->count, merge->cap);
    struct run *run = &merge->runs[merge->count++];
    *run = (struct run){.folder = rs_out_path("runs", entry->d_name)};
    char *folder = rs_out_path(merge->dir, run->folder);
    run->json = rs_json_read(folder, "run.json", merge->err, merge->err_size);
    free(folder);
    run->case_name = json_string_value(json_object_get(run->json, "case"));
    run->case_index = (uint32_t)json_integer_value(json_object_get(run->json, "case_index"));
    result = run->json && run->case_name ? 0 : -1;
    if (run->json && !run->case_name)
      snprintf(merge->err, merge->err_size, "%s/%s/run.json: not a raysim run: it has no \"case\"", merge->dir,
               run->folder);
  }
  if (list)
    closedir(list);
  if (result == 0 && merge->count == 0) {
    snprintf(merge->err, merge->err_size, "no run has finished: there is no result to keep");
    result = -1;
  }
  if (result == 0)
    qsort(merge->runs, merge->count, sizeof *merge->runs, by_case_and_seed);
  free(path);
  return result;
}

static void merge_free(struct merge *merge)
{
  for (uint32_t i = 0; i < merge->count; i++) {
    json_decref(merge->runs[i].json);
    free(merge->runs[i].folder);
  }
  free(merge->runs);
}

/* The end of the case that begins at run `first`. */
static uint32_t case_end(const struct merge *merge, uint32_t first)
{
  uint32_t end = first + 1;
  while (end < merge->count && merge->runs[end].case_index == merge->runs[first].case_index)
    end++;
  return end;
}

static double run_metric(const struct run *run, const char *section, const char *name)
{
  return rs_json_value(json_object_get(run->json, section), name);
}

static bool read_csv(const struct merge *merge, const struct run *run, const char *name, struct rs_csv *csv)
{
  bool missing;
  char *folder = rs_out_path(merge->dir, run->folder);
  bool good = rs_csv_read(csv, folder, name, &missing, merge->err, merge->err_size);
  free(folder);
  return good;
}

/* ---- summary.json ---- */

static json_t *stats_json(struct rs_stats stats)
{
  json_t *object = json_object();
  json_object_set_new(object, "mean", rs_json_number(stats.mean));
  json_object_set_new(object, "sd", rs_json_number(stats.sd));
  json_object_set_new(object, "n", rs_json_count(stats.n));
  json_object_set_new(object, "low", rs_json_number(stats.low));
  json_object_set_new(object, "high", rs_json_number(stats.high));
  json_object_set_new(object, "min", rs_json_number(stats.min));
  json_object_set_new(object, "max", rs_json_number(stats.max));
  return object;
}

/* Every name that any run of the case has in `section`, summarised over its runs. */
static json_t *aggregate(const struct merge *merge, uint32_t first, uint32_t end, const char *section)
{
  json_t *object = json_object();
  double *values = rs_alloc_zero(end - first, sizeof *values);
  for (uint32_t i = first; i < end; i++) {
    const char *name;
    json_t *ignored;
    json_object_foreach(json_object_get(merge->runs[i].json, section), name, ignored)
    {
      if (json_object_get(object, name))
        continue;
      for (uint32_t k = first; k < end; k++)
        values[k - first] = run_metric(&merge->runs[k], section, name);
      json_object_set_new(object, name, stats_json(rs_stats_of(values, end - first, 0.95)));
    }
  }
  free(values);
  return object;
}

static json_t *cases_json(const struct merge *merge)
{
  json_t *cases = json_array();
  for (uint32_t first = 0, end; first < merge->count; first = end) {
    end = case_end(merge, first);
    const struct run *run = &merge->runs[first];
    json_t *entry = json_object();
    json_object_set_new(entry, "case", rs_json_text(run->case_name));
    json_object_set(entry, "params", json_object_get(run->json, "params"));
    json_object_set_new(entry, "runs", rs_json_count(end - first));
    json_object_set(entry, "nodes", json_object_get(run->json, "nodes"));
    json_object_set(entry, "autoscaled", json_object_get(run->json, "autoscaled"));
    json_object_set(entry, "metric", json_object_get(run->json, "metric"));
    json_object_set(entry, "maximise", json_object_get(run->json, "maximise"));
    json_object_set(entry, "tags", json_object_get(run->json, "tags"));
    json_object_set_new(entry, "metrics", aggregate(merge, first, end, "metrics"));
    json_object_set_new(entry, "counts", aggregate(merge, first, end, "counts"));
    json_array_append_new(cases, entry);
  }
  return cases;
}

static json_t *runs_json(const struct merge *merge)
{
  static const char *const keys[] = {"case", "seed", "partial", "metrics", "counts"};
  json_t *runs = json_array();
  for (uint32_t i = 0; i < merge->count; i++) {
    json_t *entry = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      json_object_set(entry, keys[k], json_object_get(merge->runs[i].json, keys[k]));
    json_object_set_new(entry, "folder", rs_json_text(merge->runs[i].folder));
    json_array_append_new(runs, entry);
  }
  return runs;
}

static json_t *wall_json(const struct merge *merge, double wall_s)
{
  json_t *wall = json_object(), *runs = json_array();
  json_object_set_new(wall, "seconds", rs_json_number(wall_s));
  for (uint32_t i = 0; i < merge->count; i++) {
    json_t *entry = json_object();
    json_object_set(entry, "case", json_object_get(merge->runs[i].json, "case"));
    json_object_set(entry, "seed", json_object_get(merge->runs[i].json, "seed"));
    json_object_update(entry, json_object_get(merge->runs[i].json, "wall"));
    json_array_append_new(runs, entry);
  }
  json_object_set_new(wall, "runs", runs);
  return wall;
}

static int by_name(const void *left, const void *right)
{
  return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The names in the folder, sorted, with summary.json: what a later run may replace. */
static json_t *files_json(const struct merge *merge)
{
  char **names = NULL;
  uint32_t count = 0, cap = 0;
  DIR *list = opendir(merge->dir);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    RS_GROW(names, count, cap);
    names[count++] = rs_memdup(entry->d_name, strlen(entry->d_name) + 1);
  }
  if (list)
    closedir(list);
  RS_GROW(names, count, cap);
  names[count++] = rs_memdup("summary.json", 13);
  qsort(names, count, sizeof *names, by_name);
  json_t *files = json_array();
  for (uint32_t i = 0; i < count; i++) {
    json_array_append_new(files, rs_json_text(names[i]));
    free(names[i]);
  }
  free(names);
  return files;
}

static int write_summary(const struct merge *merge, const struct rs_folder_opts *opts, bool partial, double wall_s)
{
  for (uint32_t i = 0; i < merge->count; i++)
    partial = partial || json_is_true(json_object_get(merge->runs[i].json, "partial"));
  json_t *summary = json_object();
  json_object_set_new(summary, "raysim", rs_json_text(opts->version));
  json_object_set_new(summary, "scenario", rs_json_text(opts->scenario_name));
  json_object_set_new(summary, "mode", json_string(opts->real ? "real" : "simulated"));
  json_object_set_new(summary, "partial", json_boolean(partial));
  json_object_set_new(summary, "interval", json_real(0.95));
  json_object_set_new(summary, "cases", cases_json(merge));
  json_object_set_new(summary, "runs", runs_json(merge));
  json_object_set_new(summary, "files", files_json(merge));
  json_object_set_new(summary, "wall", wall_json(merge, wall_s));
  int result = rs_json_write(merge->dir, "summary.json", summary, merge->err, merge->err_size);
  json_decref(summary);
  return result;
}

/* ---- runs.csv ---- */

static void collect_names(const struct merge *merge, const char *section, json_t *names)
{
  for (uint32_t i = 0; i < merge->count; i++) {
    const char *name;
    json_t *ignored;
    json_object_foreach(json_object_get(merge->runs[i].json, section), name, ignored)
        json_object_set_new(names, name, json_string(section));
  }
}

static int write_runs(const struct merge *merge)
{
  struct rs_out out;
  json_t *names = json_object(), *section;
  const char *name;
  collect_names(merge, "metrics", names);
  collect_names(merge, "counts", names);
  rs_out_open(&out, merge->dir, "runs.csv", RS_OUT_PLAIN);
  rs_out_text(&out, "case,seed,partial");
  json_object_foreach(names, name, section)
  {
    rs_out_char(&out, ',');
    rs_out_text(&out, name);
  }
  for (uint32_t i = 0; i < merge->count; i++) {
    const struct run *run = &merge->runs[i];
    const json_t *seed = json_object_get(run->json, "seed");
    rs_out_char(&out, '\n');
    rs_out_csv(&out, run->case_name);
    rs_out_char(&out, ',');
    if (json_is_string(seed))
      rs_out_text(&out, json_string_value(seed));
    else
      rs_out_u64(&out, (uint64_t)json_integer_value(seed));
    rs_out_text(&out, json_is_true(json_object_get(run->json, "partial")) ? ",1" : ",0");
    json_object_foreach(names, name, section)
    {
      double value = run_metric(run, json_string_value(section), name);
      rs_out_char(&out, ',');
      if (value >= 0 && value < 9e15 && value == floor(value))
        rs_out_u64(&out, (uint64_t)value);
      else
        rs_out_double(&out, value);
    }
  }
  rs_out_char(&out, '\n');
  json_decref(names);
  return rs_out_close(&out, merge->err, merge->err_size);
}

/* ---- best.csv: the mean of the best-so-far over seeds ---- */

/* The value of a step series at a time; NaN before its first step. `from` is where the search goes on. */
static double step_at(const struct rs_csv *csv, double time_s, uint32_t *from)
{
  while (*from < csv->rows && rs_csv_number(csv, *from, 0) <= time_s)
    ++*from;
  return *from > 0 ? rs_csv_number(csv, *from - 1, 1) : NAN;
}

/* A run that ended keeps its best; of an interrupted one nothing is known after its end. */
static bool known_at(const struct run *run, double time_s)
{
  return !json_is_true(json_object_get(run->json, "partial")) || time_s <= run_metric(run, "metrics", "run_s");
}

static void best_of_case(const struct run *runs, const struct rs_csv *csv, uint32_t count, struct rs_out *out)
{
  double begin = -1, end = 0;
  uint32_t *from = rs_alloc_zero(count, sizeof *from);
  double *values = rs_alloc_zero(count, sizeof *values);
  for (uint32_t k = 0; k < count; k++) {
    begin = fmax(begin, csv[k].rows > 0 ? rs_csv_number(&csv[k], 0, 0) : -1);
    end = fmax(end, run_metric(&runs[k], "metrics", "run_s"));
  }
  for (uint32_t i = 0; begin >= 0 && begin <= end && i < GRID; i++) {
    double share = (double)i / (GRID - 1);
    double time_s = begin > 0 ? begin * pow(end / begin, share) : end * share;
    time_s = i == 0 ? begin : i + 1 == GRID ? end : time_s; /* exactly */
    for (uint32_t k = 0; k < count; k++)
      values[k] = known_at(&runs[k], time_s) ? step_at(&csv[k], time_s, &from[k]) : NAN;
    struct rs_stats stats = rs_stats_of(values, count, 0.95);
    rs_out_csv(out, runs->case_name);
    double fields[] = {time_s, stats.mean, stats.n > 1 ? stats.low : stats.mean, stats.n > 1 ? stats.high : stats.mean};
    for (size_t f = 0; f < 4; f++) {
      rs_out_char(out, ',');
      rs_out_double(out, fields[f]);
    }
    rs_out_char(out, ',');
    rs_out_u64(out, stats.n);
    rs_out_char(out, '\n');
  }
  free(from);
  free(values);
}

/* ---- load.csv, rungs.csv: means over seeds in the cells of a grid ---- */

/* The average of a piecewise constant column over [a, b): NaN where less than half of it is covered. */
static double mean_between(const struct rs_csv *csv, int column, double a, double b, uint32_t *from)
{
  double sum = 0, covered = 0;
  while (*from < csv->rows && rs_csv_number(csv, *from, 1) <= a)
    ++*from;
  for (uint32_t row = *from; row < csv->rows; row++) {
    double low = fmax(a, rs_csv_number(csv, row, 0)), high = fmin(b, rs_csv_number(csv, row, 1));
    if (low >= b)
      break;
    double value = rs_csv_number(csv, row, column);
    if (isnan(value) || high <= low)
      continue;
    sum += value * (high - low);
    covered += high - low;
  }
  return covered > 0 && covered >= (b - a) / 2 ? sum / covered : NAN;
}

static void levels_of_case(const struct run *runs, const struct rs_csv *csv, uint32_t count, const char *const *columns,
                           uint32_t column_count, struct rs_out *out)
{
  double end = 0;
  uint32_t cells = 1;
  double *means = rs_alloc_zero((size_t)GRID * column_count, sizeof *means);
  double *values = rs_alloc_zero(count, sizeof *values);
  uint32_t *from = rs_alloc_zero(count, sizeof *from);
  for (uint32_t k = 0; k < count; k++) {
    end = fmax(end, run_metric(&runs[k], "metrics", "run_s"));
    cells = csv[k].rows > cells ? csv[k].rows : cells;
  }
  cells = cells < GRID ? cells : GRID;
  for (uint32_t c = 0; c < column_count; c++) {
    memset(from, 0, count * sizeof *from);
    for (uint32_t i = 0; i < cells; i++) {
      double a = end * i / cells, b = end * (i + 1) / cells;
      for (uint32_t k = 0; k < count; k++)
        values[k] = mean_between(&csv[k], rs_csv_column(&csv[k], columns[c]), a, b, &from[k]);
      means[(size_t)i * column_count + c] = rs_stats_of(values, count, 0.95).mean;
    }
  }
  for (uint32_t i = 0; end > 0 && i < cells; i++) {
    rs_out_csv(out, runs->case_name);
    rs_out_char(out, ',');
    rs_out_double(out, end * i / cells);
    rs_out_char(out, ',');
    rs_out_double(out, end * (i + 1) / cells);
    for (uint32_t c = 0; c < column_count; c++) {
      rs_out_char(out, ',');
      rs_out_double(out, means[(size_t)i * column_count + c]);
    }
    rs_out_char(out, '\n');
  }
  free(means);
  free(values);
  free(from);
}

/* ---- latency.csv: the seeds' histograms added ---- */

static void latency_of_case(const struct run *runs, const struct rs_csv *csv, uint32_t count, struct rs_out *out)
{
  struct rs_hist *hist = rs_alloc(sizeof *hist);
  rs_hist_init(hist);
  for (uint32_t k = 0; k < count; k++)
    for (uint32_t row = 0; row < csv[k].rows; row++) {
      double low_ns = rs_csv_number(&csv[k], row, 0) * 1e9, added = rs_csv_number(&csv[k], row, 2);
      if (!(low_ns >= 0 && low_ns < 1.8e19 && added >= 0))
        continue;
      hist->buckets[rs_hist_index((uint64_t)(low_ns + 0.5))] += (uint64_t)added;
      hist->count += (uint64_t)added;
    }
  uint64_t below = 0;
  for (uint32_t i = 0; i < RS_HIST_BUCKETS; i++) {
    if (hist->buckets[i] == 0)
      continue;
    below += hist->buckets[i];
    rs_out_csv(out, runs->case_name);
    rs_out_char(out, ',');
    rs_out_seconds(out, rs_hist_low(i));
    rs_out_char(out, ',');
    rs_out_seconds(out, rs_hist_high(i));
    rs_out_char(out, ',');
    rs_out_u64(out, hist->buckets[i]);
    rs_out_char(out, ',');
    rs_out_fixed(out, (double)below / (double)hist->count, 9);
    rs_out_char(out, '\n');
  }
  free(hist);
}

/* ---- One combined file: the runs' files of that name, a case at a time ---- */

enum series { BEST, LOAD, RUNGS, LATENCY };
static const char *const series_files[] = {"best.csv", "load.csv", "rungs.csv", "latency.csv"};
static const char *const load_columns[] = {"utilisation", "running",      "queued",    "nodes",
                                           "busy_cpu",    "queued_cpu",   "cpu",       "busy_gpu",
                                           "gpu",         "nodes_wanted", "store_mib", "flows"};
static const char *const rung_columns[] = {"rung_0",  "rung_1",  "rung_2",  "rung_3", "rung_4",  "rung_5",
                                           "rung_6",  "rung_7",  "rung_8",  "rung_9", "rung_10", "rung_11",
                                           "rung_12", "rung_13", "rung_14", "rung_15"};

static void write_header(enum series series, const char *const *columns, uint32_t column_count, struct rs_out *out)
{
  static const char *const headers[] = {"case,time_s,mean,low,high,seeds", "case,time_s,until_s", "case,time_s,until_s",
                                        "case,low_s,high_s,count,fraction"};
  rs_out_text(out, headers[series]);
  for (uint32_t c = 0; c < column_count; c++) {
    rs_out_char(out, ',');
    rs_out_text(out, columns[c]);
  }
  rs_out_char(out, '\n');
}

static int write_series(const struct merge *merge, enum series series)
{
  struct rs_out out = {.fd = -1};
  struct rs_csv *csv = rs_alloc_zero(merge->count, sizeof *csv);
  const char *const *columns = series == LOAD ? load_columns : series == RUNGS ? rung_columns : NULL;
  uint32_t column_count = series == LOAD ? sizeof load_columns / sizeof *load_columns : 0, rows = 0, read = 0;
  int result = 0;
  for (; read < merge->count && result == 0; read++) {
    result = read_csv(merge, &merge->runs[read], series_files[series], &csv[read]) ? 0 : -1;
    rows += csv[read].rows;
    if (series == RUNGS && csv[read].columns > column_count + 2)
      column_count = csv[read].columns - 2; /* the widest run names the columns */
  }
  RS_ASSERT(series != RUNGS || column_count <= sizeof rung_columns / sizeof *rung_columns);
  if (result == 0 && rows > 0) {
    rs_out_open(&out, merge->dir, series_files[series], RS_OUT_PLAIN);
    write_header(series, columns, column_count, &out);
    for (uint32_t first = 0, end; first < merge->count; first = end) {
      end = case_end(merge, first);
      const struct run *runs = merge->runs + first;
      if (series == BEST)
        best_of_case(runs, csv + first, end - first, &out);
      else if (series == LATENCY)
        latency_of_case(runs, csv + first, end - first, &out);
      else if (csv[first].rows > 0)
        levels_of_case(runs, csv + first, end - first, columns, column_count, &out);
    }
    result = rs_out_close(&out, merge->err, merge->err_size);
  }
  for (uint32_t i = 0; i < read; i++)
    rs_csv_free(&csv[i]);
  free(csv);
  return result;
}

int rs_results_merge(const char *work_dir, const struct rs_folder_opts *opts, bool partial, double wall_s, char *err,
                     size_t err_size)
{
  struct merge merge = {.dir = work_dir, .err = err, .err_size = err_size};
  int result = read_runs(&merge);
  for (int series = BEST; series <= LATENCY && result == 0; series++)
    result = write_series(&merge, (enum series)series);
  if (result == 0)
    result = write_runs(&merge);
  if (result == 0)
    result = write_summary(&merge, opts, partial, wall_s);
  merge_free(&merge);
  return result;
}
