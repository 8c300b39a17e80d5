/* The result writer: statistics, histogram, bins, one run's files, the merge, the transaction on the folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/time.h"
#include "check.h"
#include "sim/progress.h"
#include "sim/results.h"
#include "sim/results_bins.h"
#include "sim/results_csv.h"
#include "sim/results_hist.h"
#include "sim/results_json.h"
#include "sim/results_out.h"
#include "sim/stats.h"

#define SCENARIO "<scenario name=\"t\"/>\n"

static char err[RS_RESULTS_ERR];

/* ---- Statistics ---- */

/* Student's table: t(0.975) for 1, 4 and 9 degrees is 12.706, 2.776, 2.262. */
static void stats_agree_with_the_table(void)
{
  CHECK_NEAR(rs_stats_t(0.95, 1), 12.7062, 1e-4);
  CHECK_NEAR(rs_stats_t(0.95, 4), 2.77645, 1e-5);
  CHECK_NEAR(rs_stats_t(0.95, 9), 2.26216, 1e-5);
  double values[] = {3, NAN, 1, 2, 4, 5};
  struct rs_stats stats = rs_stats_of(values, 6, 0.95);
  CHECK_EQ(stats.n, 5);
  CHECK_NEAR(stats.mean, 3, 0);
  CHECK_NEAR(stats.sd, sqrt(2.5), 1e-15);
  CHECK_NEAR(stats.high - stats.mean, 2.776445 * sqrt(2.5) / sqrt(5), 1e-6);
  CHECK_NEAR(stats.mean - stats.low, stats.high - stats.mean, 1e-12);
  CHECK(stats.min == 1 && stats.max == 5);
  stats = rs_stats_of(values, 2, 0.95);
  CHECK(stats.n == 1 && stats.mean == 3 && isnan(stats.sd) && isnan(stats.low));
  stats = rs_stats_of(values + 1, 1, 0.95);
  CHECK(stats.n == 0 && isnan(stats.mean));
  double before[] = {1, 2, 3}, after[] = {2, 4, NAN};
  stats = rs_stats_paired(before, after, 3, 0.95);
  CHECK(stats.n == 2 && stats.mean == 1.5);
}

static int by_value(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return a < b ? -1 : a > b;
}

/* Against a sorted array, over nine orders of magnitude; and two halves merged are the whole. */
static void histogram_is_within_one_percent(void)
{
  enum { COUNT = 20000 };
  struct rs_hist *whole = rs_alloc(sizeof *whole), *half = rs_alloc(sizeof *half), *other = rs_alloc(sizeof *other);
  uint64_t *values = rs_alloc(COUNT * sizeof *values);
  struct rs_rng rng;
  rs_rng_seed(&rng, 5);
  rs_hist_init(whole);
  rs_hist_init(half);
  rs_hist_init(other);
  CHECK(isnan(rs_hist_quantile(whole, 0.5)));
  for (uint32_t i = 0; i < COUNT; i++) {
    values[i] = (uint64_t)exp(rs_rng_unit(&rng) * 40);
    rs_hist_add(whole, values[i]);
    rs_hist_add(i % 2 ? half : other, values[i]);
  }
  rs_hist_merge(half, other);
  CHECK(memcmp(whole->buckets, half->buckets, sizeof whole->buckets) == 0 && whole->count == half->count);
  qsort(values, COUNT, sizeof *values, by_value);
  static const double qs[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
  for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
    uint32_t rank = (uint32_t)ceil(qs[i] * COUNT);
    double exact = (double)values[rank > 0 ? rank - 1 : 0];
    CHECK_NEAR(rs_hist_quantile(whole, qs[i]), exact, 0.01 * exact);
  }
  for (uint32_t i = 0; i + 1 < RS_HIST_BUCKETS; i++) {
    CHECK_EQ(rs_hist_index(rs_hist_low(i)), i);
    CHECK_EQ(rs_hist_index(rs_hist_high(i)), i);
    CHECK(rs_hist_high(i) + 1 == rs_hist_low(i + 1));
  }
  CHECK_EQ(rs_hist_index(UINT64_MAX), RS_HIST_BUCKETS - 1);
  free(whole);
  free(half);
  free(other);
  free(values);
}

/* Random levels against the integral computed interval by interval, at several lengths, so widths double on the way. */
static void bins_agree_with_brute_force(void)
{
  enum { COUNT = 300 };
  static const uint64_t lengths[] = {900, 40000, 123456789, 5000 * RS_S};
  for (size_t l = 0; l < 4; l++) {
    struct rs_bins bins;
    struct rs_rng rng;
    uint64_t from[COUNT], to[COUNT], end = lengths[l], width;
    rs_rng_seed(&rng, l);
    rs_bins_init(&bins, 3, 64);
    for (uint32_t i = 0; i < COUNT; i++) {
      from[i] = rs_rng_below(&rng, end);
      to[i] = from[i] + rs_rng_below(&rng, end - from[i] + 1);
      rs_bins_add(&bins, from[i], 1, i % 7);
      rs_bins_add(&bins, to[i], 1, -(double)(i % 7));
    }
    double *means;
    uint32_t count = rs_bins_means(&bins, end, &means, &width);
    CHECK(count > 0 && count <= 64 && (count == 64 || count * width >= end));
    for (uint32_t b = 0; b < count; b++) {
      uint64_t low = b * width, high = (b + 1) * width < end ? (b + 1) * width : end;
      double integral = 0;
      for (uint32_t i = 0; i < COUNT; i++) {
        uint64_t a = from[i] > low ? from[i] : low, z = to[i] < high ? to[i] : high;
        integral += z > a ? (i % 7) * (double)(z - a) : 0;
      }
      CHECK_NEAR(means[b * 3 + 1], integral / (double)(high - low), 1e-6);
      CHECK(means[b * 3] == 0 && means[b * 3 + 2] == 0);
    }
    free(means);
    rs_bins_free(&bins);
  }
}

/* ---- Runs ---- */

static char *make_base(void)
{
  const char *tmp = getenv("TMPDIR");
  char path[256];
  snprintf(path, sizeof path, "%s/rs-results-XXXXXX", tmp ? tmp : "/tmp");
  CHECK(mkdtemp(path) != NULL);
  return rs_memdup(path, strlen(path) + 1);
}

static void drop_base(char *base)
{
  CHECK_EQ(rs_out_remove_tree(base), 0);
  free(base);
}

static bool exists(const char *dir, const char *name)
{
  struct stat info;
  char *path = rs_out_path(dir, name);
  bool found = stat(path, &info) == 0;
  free(path);
  return found;
}

/* How many names a folder holds. */
static int names_in(const char *dir)
{
  int count = 0;
  DIR *list = opendir(dir);
  for (struct dirent *entry; list && (entry = readdir(list));)
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  if (list)
    closedir(list);
  return count;
}

/* The file's content; gzip is read through. */
static char *content(const char *dir, const char *name)
{
  char *path = rs_out_path(dir, name), *text = rs_alloc_zero(1 << 22, 1);
  gzFile file = gzopen(path, "rb");
  if (!file)
    printf("\n    %s is missing\n", path);
  CHECK(file != NULL);
  CHECK(gzread(file, text, (1 << 22) - 1) >= 0);
  gzclose(file);
  free(path);
  return text;
}

static struct rs_folder *begin(const char *base)
{
  char *dir = rs_out_path(base, "out/t");
  struct rs_folder_opts opts = {.out_dir = dir,
                                .scenario_name = "t",
                                .scenario_xml = SCENARIO,
                                .scenario_size_bytes = strlen(SCENARIO),
                                .version = "0.1.0"};
  struct rs_folder *folder = rs_folder_begin(&opts, err, sizeof err);
  free(dir);
  return folder;
}

static struct rs_results *open_run(const struct rs_folder *folder, const char *name, uint32_t index, uint64_t seed)
{
  static const char *const tags[] = {"rung 0", "rung 1"};
  static const struct rs_param params[] = {{"scheduler", "asha"}};
  struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                 .case_name = name,
                                 .case_index = index,
                                 .params = params,
                                 .param_count = 1,
                                 .seed = seed,
                                 .node_count = 2,
                                 .task_rows = true,
                                 .timeline = true,
                                 .tag_names = tags,
                                 .tag_count = 2};
  return rs_results_open(&opts, err, sizeof err);
}

static void task(struct rs_results *results, uint64_t number, uint64_t submit_ms, uint64_t start_ms, uint64_t end_ms,
                 uint32_t node, int outcome)
{
  struct rs_task_row row = {.task = number,
                            .submit_ns = submit_ms * RS_MS,
                            .ready_ns = submit_ms * RS_MS,
                            .start_ns = start_ms == UINT64_MAX ? RS_TIME_NEVER : start_ms * RS_MS,
                            .end_ns = end_ms * RS_MS,
                            .work_ns = number == 1 ? 750 * RS_MS : 0,
                            .job = RS_JOB_NONE,
                            .node = node,
                            .cpu_e4 = 10000,
                            .outcome = (uint8_t)outcome};
  rs_results_task(results, &row);
}

static void trial(struct rs_results *results, uint64_t ms, uint32_t number, int kind, int rung, double resource,
                  double value)
{
  struct rs_trial_event event = {.now_ns = ms * RS_MS,
                                 .trial = number,
                                 .kind = (uint8_t)kind,
                                 .rung = (uint8_t)rung,
                                 .resource = resource,
                                 .value = value};
  rs_results_trial(results, &event);
}

/* Two nodes of one CPU, two trials: every figure below is worked out by hand. `shift` differs between seeds. */
static void small_run(struct rs_results *results, double shift)
{
  rs_results_node_up(results, 0, 0, 10000, 0);
  rs_results_node_up(results, 0, 1, 10000, 0);
  trial(results, 0, 0, RS_TRIAL_START, 0, 0, 0);
  trial(results, 0, 1, RS_TRIAL_START, 0, 0, 0);
  rs_results_trial_config(results, 0, "lr=0.1, width=\"8\"");
  trial(results, 1000, 0, RS_TRIAL_REPORT, 0, 1, 0.9 + shift);
  trial(results, 1000, 0, RS_TRIAL_PAUSE, 0, 0, 0);
  task(results, 1, 0, 0, 1000, 0, RS_TASK_OK);
  trial(results, 2000, 1, RS_TRIAL_REPORT, 0, 1, 0.5 + shift);
  trial(results, 2000, 1, RS_TRIAL_PAUSE, 0, 0, 0);
  task(results, 2, 0, 0, 2000, 1, RS_TASK_OK);
  trial(results, 2000, 1, RS_TRIAL_RESUME, 1, 0, 0);
  trial(results, 6000, 1, RS_TRIAL_REPORT, 0, 4, 0.25 + shift);
  trial(results, 6000, 1, RS_TRIAL_COMPLETE, 0, 0, 0);
  trial(results, 6000, 0, RS_TRIAL_STOP, 0, 0, 0);
  task(results, 3, 1000, 2000, 6000, 1, RS_TASK_OK);
  task(results, 4, 5000, UINT64_MAX, 8000, 0, RS_TASK_CUT);
  rs_results_count(results, "decisions", 7);
  rs_results_count(results, "messages", 12);
  rs_results_wall(results, "seconds", shift);
}

static double of(const json_t *object, const char *section, const char *key)
{
  return rs_json_value(json_object_get(object, section), key);
}

static void check_row(const char *dir, const char *file, const char *wanted)
{
  char *text = content(dir, file);
  CHECK_STR(text, wanted);
  free(text);
}

static void a_run_is_written_exactly(void)
{
  char *base = make_base();
  struct rs_folder *folder = begin(base);
  CHECK(folder != NULL);
  for (uint64_t seed = 1; seed <= 2; seed++) {
    struct rs_results *results = open_run(folder, "asha", 0, seed);
    CHECK(results != NULL);
    small_run(results, (double)(seed - 1) * 0.1);
    CHECK_EQ(rs_results_tasks(results), 3);
    CHECK_NEAR(rs_results_best(results), 0.25 + (double)(seed - 1) * 0.1, 1e-12);
    CHECK_EQ(rs_results_finish(results, 8 * RS_S, 0, err, sizeof err), 0);
  }
  CHECK(!exists(base, "out/t"));
  CHECK_EQ(rs_folder_commit(folder, false, 1.5, err, sizeof err), 0);
  char *dir = rs_out_path(base, "out/t"), *run = rs_out_path(dir, "runs/asha-1");
  check_row(dir, "scenario.xml", SCENARIO);
  check_row(run, "best.csv", "time_s,value,trial\n1,0.9,0\n2,0.5,1\n6,0.25,1\n");
  check_row(run, "trials.csv",
            "trial,state,rung,resource,value,best,start_s,last_s,pauses,failures,config\n"
            "0,stopped,0,1,0.9,0.9,0,6,1,0,\"lr=0.1, width=\"\"8\"\"\"\n1,complete,1,4,0.25,0.25,0,6,1,0,\n");
  check_row(
      run, "tasks.csv.gz",
      "task,attempt,job,node,tag,outcome,cpu,gpu,submit_s,ready_s,start_s,end_s,work_s\n"
      "1,0,,0,0,ok,1,0,0,0,0,1,0.75\n2,0,,1,0,ok,1,0,0,0,0,2,\n3,0,,1,0,ok,1,0,1,1,2,6,\n4,0,,,0,cut,1,0,5,5,,8,\n");
  check_row(run, "gantt.csv",
            "node,lane,start_s,end_s,tag,outcome,task\n0,0,0,1,0,ok,1\n1,0,0,2,0,ok,2\n1,0,2,6,0,ok,3\n");
  json_t *summary = rs_json_read(dir, "summary.json", err, sizeof err);
  CHECK(summary != NULL);
  const json_t *first = json_array_get(json_object_get(summary, "runs"), 0);
  CHECK_NEAR(of(first, "metrics", "best_value"), 0.25, 0);
  CHECK_NEAR(of(first, "metrics", "first_complete_s"), 6, 0);
  CHECK_NEAR(of(first, "metrics", "makespan_s"), 6, 0);
  CHECK_NEAR(of(first, "metrics", "utilisation"), 7.0 / 16, 1e-12);
  CHECK_NEAR(of(first, "metrics", "latency_max_s"), 1, 0);
  CHECK_NEAR(of(first, "metrics", "latency_p50_s"), 0, 0);
  CHECK_EQ(of(first, "counts", "tasks"), 3);
  CHECK_EQ(of(first, "counts", "tasks_unstarted"), 1);
  CHECK_EQ(of(first, "counts", "trials"), 2);
  CHECK_EQ(of(first, "counts", "trials_complete"), 1);
  CHECK_EQ(of(first, "counts", "promotions"), 1);
  CHECK_EQ(of(first, "counts", "decisions"), 7);
  CHECK(json_is_false(json_object_get(summary, "partial")));
  const json_t *one = json_array_get(json_object_get(summary, "cases"), 0);
  const json_t *best = json_object_get(json_object_get(one, "metrics"), "best_value");
  CHECK_NEAR(rs_json_value(best, "mean"), 0.3, 1e-12);
  CHECK_NEAR(rs_json_value(best, "high"), 0.3 + 12.7062 * sqrt(0.005) / sqrt(2), 1e-4);
  CHECK_EQ(rs_json_value(best, "n"), 2);
  CHECK_NEAR(of(summary, "wall", "seconds"), 1.5, 0);
  json_decref(summary);
  char *table = rs_results_table(dir, false, err, sizeof err), *quiet = rs_results_table(dir, true, err, sizeof err);
  CHECK(table && strstr(table, "0.30 ± 0.64") && strstr(table, "43.75"));
  CHECK(quiet && strstr(quiet, "case=\"asha\" best_value=0.3 ") && strstr(quiet, " decisions=7 "));
  free(table);
  free(quiet);
  free(run);
  free(dir);
  drop_base(base);
}

/* Over the run's bins, levels must add up to what the tasks were. */
static void levels_add_up(void)
{
  char *base = make_base();
  struct rs_folder *folder = begin(base);
  struct rs_results *results = open_run(folder, "a", 0, 1);
  small_run(results, 0);
  CHECK_EQ(rs_results_finish(results, 8 * RS_S, 0, err, sizeof err), 0);
  char *run = rs_out_path(rs_folder_path(folder), "runs/a-1");
  struct rs_csv csv;
  CHECK(rs_csv_read(&csv, run, "load.csv", NULL, err, sizeof err));
  double running = 0, queued = 0, nodes = 0, last = 0;
  for (uint32_t row = 0; row < csv.rows; row++) {
    double width = rs_csv_number(&csv, row, 1) - rs_csv_number(&csv, row, 0);
    CHECK_NEAR(rs_csv_number(&csv, row, 0), last, 1e-12);
    last = rs_csv_number(&csv, row, 1);
    running += width * rs_csv_number(&csv, row, rs_csv_column(&csv, "running"));
    queued += width * rs_csv_number(&csv, row, rs_csv_column(&csv, "queued"));
    nodes += width * rs_csv_number(&csv, row, rs_csv_column(&csv, "nodes"));
  }
  CHECK_NEAR(last, 8, 0);
  CHECK_NEAR(running, 7, 1e-2);
  CHECK_NEAR(queued, 1 + 3, 1e-2);
  CHECK_NEAR(nodes, 16, 1e-2);
  rs_csv_free(&csv);
  CHECK(rs_csv_read(&csv, run, "rungs.csv", NULL, err, sizeof err));
  double rung[2] = {0, 0};
  for (uint32_t row = 0; row < csv.rows; row++)
    for (int r = 0; r < 2; r++)
      rung[r] += (rs_csv_number(&csv, row, 1) - rs_csv_number(&csv, row, 0)) * rs_csv_number(&csv, row, 2 + r);
  CHECK_NEAR(rung[0], 3, 1e-2);
  CHECK_NEAR(rung[1], 4, 1e-2);
  rs_csv_free(&csv);
  free(run);
  rs_folder_abort(folder);
  drop_base(base);
}

/* Many events: the summary of a run made twice, with runs ending in the other order, differs in "wall" only. */
static char *summary_without_wall(const char *base, bool reverse)
{
  struct rs_folder *folder = begin(base);
  CHECK(folder != NULL);
  for (uint64_t i = 0; i < 6; i++) {
    uint64_t run = reverse ? 5 - i : i;
    struct rs_results *results = open_run(folder, run / 3 ? "second" : "first", (uint32_t)(run / 3), 1 + run % 3);
    small_run(results, (double)run * 0.01);
    rs_results_wall(results, "seconds", reverse ? 3 : 4);
    CHECK_EQ(rs_results_finish(results, 8 * RS_S, 0, err, sizeof err), 0);
  }
  CHECK_EQ(rs_folder_commit(folder, false, reverse ? 2 : 1, err, sizeof err), 0);
  char *dir = rs_out_path(base, "out/t");
  json_t *summary = rs_json_read(dir, "summary.json", err, sizeof err);
  json_object_del(summary, "wall");
  char *text = json_dumps(summary, JSON_INDENT(1)), *series = content(dir, "best.csv"),
       *rows = content(dir, "runs.csv");
  char *all = rs_alloc(strlen(text) + strlen(series) + strlen(rows) + 1);
  sprintf(all, "%s%s%s", text, series, rows);
  free(text);
  free(series);
  free(rows);
  json_decref(summary);
  free(dir);
  return all;
}

static void same_runs_same_bytes(void)
{
  char *base = make_base();
  char *one = summary_without_wall(base, false), *two = summary_without_wall(base, true);
  CHECK_STR(one, two);
  CHECK(strstr(one, "first") && strstr(one, "second"));
  free(one);
  free(two);
  drop_base(base);
}

/* ---- The folder ---- */

static void finish_one(struct rs_folder *folder, unsigned flags)
{
  struct rs_results *results = open_run(folder, "a", 0, 1);
  CHECK(results != NULL);
  small_run(results, 0);
  CHECK_EQ(rs_results_finish(results, 8 * RS_S, flags, err, sizeof err), 0);
}

static void folder_is_all_or_nothing(void)
{
  char *base = make_base(), *out = rs_out_path(base, "out");
  struct rs_folder *folder = begin(base);
  CHECK(folder && !exists(out, "t"));
  CHECK(begin(base) == NULL && strstr(err, "another raysim is writing")); /* locked */
  CHECK(rs_folder_commit(folder, false, 0, err, sizeof err) == -1 && strstr(err, "no run has finished"));
  CHECK_EQ(names_in(out), 0);
  folder = begin(base);
  struct rs_results *results = open_run(folder, "a", 0, 1);
  CHECK(open_run(folder, "a", 0, 1) == NULL); /* the same run twice */
  rs_results_discard(results);
  rs_folder_abort(folder);
  CHECK_EQ(names_in(out), 0);
  folder = begin(base);
  finish_one(folder, RS_RESULTS_PARTIAL);
  results = open_run(folder, "a", 0, 2); /* never finishes */
  CHECK_EQ(rs_folder_commit(folder, false, 0, err, sizeof err), 0);
  CHECK_EQ(names_in(out), 1);
  char *runs = rs_out_path(out, "t/runs"), *text = content(out, "t/summary.json");
  CHECK_EQ(names_in(runs), 1);
  CHECK(strstr(text, "\"partial\": true") != NULL);
  rs_results_discard(results);
  free(text);
  /* A result is replaced; one with a stranger's file in it is not. */
  folder = begin(base);
  finish_one(folder, 0);
  CHECK_EQ(rs_folder_commit(folder, false, 0, err, sizeof err), 0);
  text = content(out, "t/summary.json");
  CHECK(!strstr(text, "\"partial\": true"));
  free(text);
  char *stranger = rs_out_path(out, "t/notes.txt");
  close(open(stranger, O_CREAT | O_WRONLY, 0666));
  CHECK(begin(base) == NULL && strstr(err, "notes.txt"));
  CHECK(exists(out, "t/notes.txt") && names_in(out) == 1);
  free(stranger);
  free(runs);
  free(out);
  drop_base(base);
}

/* The work folder of a program that was killed is recognised and removed. */
static void leftovers_are_removed(void)
{
  char *base = make_base(), *out = rs_out_path(base, "out");
  pid_t child = fork();
  if (child == 0) {
    struct rs_folder *folder = begin(base);
    struct rs_results *results = open_run(folder, "a", 0, 1);
    small_run(results, 0);
    kill(getpid(), SIGKILL);
  }
  waitpid(child, NULL, 0);
  CHECK(exists(out, ".t.tmp") && !exists(out, "t"));
  struct rs_folder *folder = begin(base);
  CHECK(folder != NULL);
  finish_one(folder, 0);
  CHECK_EQ(rs_folder_commit(folder, false, 0, err, sizeof err), 0);
  CHECK_EQ(names_in(out), 1);
  free(out);
  drop_base(base);
}

/* A disk that fills up at every possible point (a file size limit stands for it): one message, nothing stays. */
static void a_full_disk_leaves_nothing(void)
{
  char *base = make_base(), *out = rs_out_path(base, "out");
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  int failed = 0;
  for (rlim_t limit = 0; limit < 40000; limit += limit < 200 ? 20 : 4000) {
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, old.rlim_max});
    *err = '\0';
    struct rs_folder *folder = begin(base);
    int result = folder ? 0 : -1;
    struct rs_results *results = folder ? open_run(folder, "a", 0, 1) : NULL;
    if (results) {
      small_run(results, 0);
      result = rs_results_finish(results, 8 * RS_S, 0, err, sizeof err);
    }
    if (folder && result != 0)
      rs_folder_abort(folder);
    else if (folder)
      result = rs_folder_commit(folder, false, 0, err, sizeof err);
    setrlimit(RLIMIT_FSIZE, &old);
    if (result == 0) {
      CHECK_EQ(names_in(out), 1);
      char *dir = rs_out_path(out, "t");
      rs_out_remove_tree(dir);
      free(dir);
      continue;
    }
    failed++;
    CHECK(strstr(err, "cannot write") && strstr(err, strerror(EFBIG)));
    CHECK_EQ(names_in(out), 0);
  }
  CHECK(failed >= 11);
  free(out);
  drop_base(base);
}

static void bad_folders_are_refused(void)
{
  static const char *const paths[] = {"/", ".", "..", "/dev/null/x", "/proc/raysim/x"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    struct rs_folder_opts opts = {.out_dir = paths[i], .scenario_name = "t", .version = "0"};
    *err = '\0';
    CHECK(rs_folder_begin(&opts, err, sizeof err) == NULL);
    CHECK(strlen(err) > 10 && !strchr(err, '\n'));
  }
  CHECK(rs_results_table("/dev/null", false, err, sizeof err) == NULL && strstr(err, "not a raysim result"));
}

/* ---- Bounds ---- */

/* 300,000 tasks on 1,000 nodes: the timeline keeps its bound, kept nodes are whole, and a call is cheap. */
static void timeline_is_bounded_and_cheap(void)
{
  enum { NODES = 1000, TASKS = 300000 };
  char *base = make_base();
  struct rs_folder *folder = begin(base);
  struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                 .case_name = "many tasks",
                                 .seed = 1,
                                 .node_count = NODES,
                                 .timeline = true,
                                 .timeline_events_max = 20000};
  struct rs_results *results = rs_results_open(&opts, err, sizeof err);
  uint32_t *of_node = rs_alloc_zero(NODES, sizeof *of_node);
  struct rs_rng rng;
  struct timespec before, after;
  rs_rng_seed(&rng, 1);
  for (uint32_t node = 0; node < NODES; node++)
    rs_results_node_up(results, 0, node, 10000, 0);
  struct rs_task_row *rows = rs_alloc(TASKS * sizeof *rows);
  for (uint32_t i = 0; i < TASKS; i++) {
    uint32_t node = (uint32_t)rs_rng_below(&rng, NODES);
    uint64_t start = i * RS_MS + rs_rng_below(&rng, RS_S);
    of_node[node]++;
    rows[i] = (struct rs_task_row){.task = i,
                                   .submit_ns = i * RS_MS,
                                   .ready_ns = i * RS_MS,
                                   .start_ns = start,
                                   .end_ns = start + rs_rng_below(&rng, RS_S),
                                   .job = i / 100,
                                   .node = node,
                                   .cpu_e4 = 10000};
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  for (uint32_t i = 0; i < TASKS; i++)
    rs_results_task(results, &rows[i]);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  double ns = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
  printf("(%.0f ns a task) ", ns / TASKS);
  CHECK(ns / TASKS < 2000); /* a loaded machine or a sanitizer; some 50 ns otherwise */
  CHECK_EQ(rs_results_finish(results, 400 * RS_S, 0, err, sizeof err), 0);
  char *run = rs_out_path(rs_folder_path(folder), "runs/many_tasks-1");
  json_t *trace = rs_json_read(run, "timeline.json", err, sizeof err);
  CHECK(trace != NULL);
  const json_t *events = json_object_get(trace, "traceEvents"), *event;
  size_t i, bars = 0;
  CHECK(json_array_size(events) <= 20000 && json_array_size(events) > 5000);
  uint32_t *kept = rs_alloc_zero(NODES + 1, sizeof *kept);
  json_array_foreach(events, i, event)
  {
    if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0)
      continue;
    bars++;
    kept[json_integer_value(json_object_get(event, "pid"))]++;
  }
  for (uint32_t node = 0; node < NODES; node++)
    CHECK(kept[node + 1] == 0 || kept[node + 1] == of_node[node]);
  const char *note = json_string_value(json_object_get(json_object_get(trace, "otherData"), "left_out"));
  char wanted[64];
  snprintf(wanted, sizeof wanted, "%zu of %d tasks", bars, TASKS);
  CHECK(strstr(note, wanted) != NULL);
  CHECK(!exists(run, "gantt.csv") && exists(run, "heat.csv") && exists(run, "jobs.csv"));
  json_decref(trace);
  free(run);
  free(kept);
  free(rows);
  free(of_node);
  rs_folder_abort(folder);
  drop_base(base);
}

/* Large tables become gzip; the curve of 10,000 improvements is thinned and never shows a value too early. */
static void rows_and_curves_are_bounded(void)
{
  enum { TRIALS = 30000 };
  char *base = make_base();
  struct rs_folder *folder = begin(base);
  struct rs_results *results = open_run(folder, "a", 0, 1);
  for (uint32_t i = 0; i < TRIALS; i++) {
    trial(results, i, i, RS_TRIAL_START, 0, 0, 0);
    trial(results, i + 1, i, RS_TRIAL_REPORT, 0, 1, 1.0 / (i + 1));
    trial(results, i + 1, i, RS_TRIAL_STOP, 0, 0, 0);
  }
  CHECK_EQ(rs_results_finish(results, 31 * RS_S, 0, err, sizeof err), 0);
  char *run = rs_out_path(rs_folder_path(folder), "runs/a-1");
  CHECK(!exists(run, "trials.csv"));
  char *text = content(run, "trials.csv.gz");
  uint32_t lines = 0;
  for (const char *c = text; *c; c++)
    lines += *c == '\n';
  CHECK_EQ(lines, TRIALS + 1);
  free(text);
  struct rs_csv csv;
  CHECK(rs_csv_read(&csv, run, "best.csv", NULL, err, sizeof err));
  CHECK(csv.rows <= 2000 && csv.rows > 900);
  for (uint32_t row = 0; row < csv.rows; row++)
    CHECK_NEAR(rs_csv_number(&csv, row, 1), 1 / (rs_csv_number(&csv, row, 0) * 1000), 1e-8);
  CHECK_NEAR(rs_csv_number(&csv, csv.rows - 1, 0), TRIALS / 1000.0, 0);
  rs_csv_free(&csv);
  free(run);
  rs_folder_abort(folder);
  drop_base(base);
}

static void progress_says_where_it_is(void)
{
  char text[200];
  struct rs_progress *progress = rs_progress_open("asha", 4, true);
  rs_progress_set(progress, 0, 617 * RS_S, 1000000, 40000000, 1);
  rs_progress_run_end(progress, 0);
  pid_t child = fork(); /* another process reports through the shared mapping */
  if (child == 0) {
    rs_progress_set(progress, 1, 617 * RS_S, 300000, 1200000, 0.5);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  rs_progress_text(progress, 100, text, sizeof text);
  CHECK_STR(text, "asha: 1/4 runs, 1234 s simulated, 1.3 M tasks, 412 k events/s, 2:46 left");
  rs_progress_draw(progress);
  rs_progress_close(progress);
}

const struct rs_test rs_tests[] = {
    {"stats: Student's intervals agree with the table", stats_agree_with_the_table},
    {"hist: quantiles are within 1 %, merging is exact", histogram_is_within_one_percent},
    {"bins: levels agree with brute force while the width doubles", bins_agree_with_brute_force},
    {"results: a run and its summary are written exactly", a_run_is_written_exactly},
    {"results: levels over time add up", levels_add_up},
    {"results: same runs, same bytes", same_runs_same_bytes},
    {"results: a folder is all or nothing", folder_is_all_or_nothing},
    {"results: leftovers of a killed run are removed", leftovers_are_removed},
    {"results: a full disk leaves one message and no files", a_full_disk_leaves_nothing},
    {"results: bad folders are refused", bad_folders_are_refused},
    {"results: the timeline is bounded and a call is cheap", timeline_is_bounded_and_cheap},
    {"results: rows and curves are bounded", rows_and_curves_are_bounded},
    {"progress: the line says where it is", progress_says_where_it_is},
    {0},
};
