/* Comparing result folders: the null model, the ranking, errors and verdicts by hand, and what is refused. The folders
 * are made up and written through sim/results.h. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/time.h"
#include "check.h"
#include "sim/compare.h"
#include "sim/null_model.h"
#include "sim/results.h"
#include "sim/results_out.h"

static char root[64], err[1024];

/* ---- the null model ---- */

static void null_model_by_hand(void)
{
  struct rs_null_task tasks[] = {{.duration_ns = 3, .cpu_e4 = 10000},
                                 {.duration_ns = 2, .cpu_e4 = 10000},
                                 {.duration_ns = 2, .cpu_e4 = 10000},
                                 {.duration_ns = 1, .cpu_e4 = 10000},
                                 {.ready_ns = 9, .duration_ns = 1, .cpu_e4 = 20000}};
  CHECK_EQ(rs_null_model(tasks, 4, 20000, 0), 4);
  CHECK(tasks[0].start_ns == 0 && tasks[1].start_ns == 0 && tasks[2].start_ns == 2 && tasks[3].start_ns == 3);
  CHECK_EQ(rs_null_model(tasks, 5, 20000, 0), 10);
  CHECK_EQ(tasks[4].start_ns, 9);
  CHECK_EQ(rs_null_model(tasks, 5, 10000, 0), RS_TIME_NEVER); /* the last one needs two CPUs */
  CHECK(tasks[3].start_ns == 7 && tasks[4].start_ns == RS_TIME_NEVER);
  CHECK_EQ(rs_null_model(tasks, 0, 10000, 0), 0);
}

/* A task that does not fit is overtaken by one that does; a GPU is a resource of its own. */
static void null_model_with_shapes(void)
{
  struct rs_null_task tasks[] = {{.duration_ns = 10, .cpu_e4 = 10000},
                                 {.duration_ns = 5, .cpu_e4 = 20000},
                                 {.duration_ns = 4, .cpu_e4 = 10000},
                                 {.duration_ns = 4, .gpu_e4 = 5000},
                                 {.duration_ns = 4, .gpu_e4 = 10000}};
  CHECK_EQ(rs_null_model(tasks, 5, 20000, 10000), 15);
  CHECK(tasks[1].start_ns == 10 && tasks[2].start_ns == 0 && tasks[3].start_ns == 0 && tasks[4].start_ns == 4);
}

/* Against the definition for equal tasks: each goes to the slot that is free first. */
static void null_model_agrees_with_slots(void)
{
  enum { COUNT = 400, SLOTS = 7 };
  struct rs_null_task *tasks = rs_alloc_zero(COUNT, sizeof *tasks);
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  uint64_t ready = 0, last = 0, slots[SLOTS] = {0};
  for (int i = 0; i < COUNT; i++)
    tasks[i] = (struct rs_null_task){
        .ready_ns = ready += rs_rng_below(&rng, 20), .duration_ns = rs_rng_below(&rng, 130), .cpu_e4 = 10000};
  uint64_t makespan = rs_null_model(tasks, COUNT, SLOTS * 10000, 0);
  for (int i = 0; i < COUNT; i++) {
    int first = 0;
    for (int s = 1; s < SLOTS; s++)
      first = slots[s] < slots[first] ? s : first;
    uint64_t start = slots[first] > tasks[i].ready_ns ? slots[first] : tasks[i].ready_ns;
    CHECK_EQ(tasks[i].start_ns, start);
    slots[first] = start + tasks[i].duration_ns;
    last = slots[first] > last ? slots[first] : last;
  }
  CHECK_EQ(makespan, last);
  free(tasks);
}

static void kendall_by_hand(void)
{
  double a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40}, c[] = {40, 30, 20, 10}, d[] = {1, 3, 2, 4}, e[] = {1, 1, 2, 2};
  double flat[] = {1, 1, 1, 1}, gap[] = {1, NAN, 3, 4};
  CHECK_NEAR(rs_kendall_tau(a, b, 4), 1, 0);
  CHECK_NEAR(rs_kendall_tau(a, c, 4), -1, 0);
  CHECK_NEAR(rs_kendall_tau(a, d, 4), 4. / 6, 1e-15);
  CHECK_NEAR(rs_kendall_tau(a, e, 4), 4 / sqrt(24), 1e-15);
  CHECK_NEAR(rs_kendall_tau(a, gap, 4), 1, 0);
  CHECK(isnan(rs_kendall_tau(a, flat, 4)) && isnan(rs_kendall_tau(a, b, 1)));
}

/* ---- made-up folders ---- */

struct made {
  const char *name, *scenario, *xml;
  bool real, no_rows, partial, trials;
  uint32_t seeds, tasks;
  double stretch;           /* all times x this */
  uint64_t late_ns;         /* every task begins so much after it was ready */
  const char *const *cases; /* NULL: one, "all" */
  const double *best;       /* of each case */
};

/* One node of two CPUs; tasks of 1 s at once, two at a time, in waves: the wave k starts at (k + 1) late + k. */
static void make_run(struct rs_folder *folder, const struct made *made, uint32_t index, uint64_t seed)
{
  struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                 .case_name = made->cases ? made->cases[index] : "all",
                                 .case_index = index,
                                 .seed = seed,
                                 .node_count = 1,
                                 .task_rows = !made->no_rows};
  struct rs_results *results = rs_results_open(&opts, err, sizeof err);
  CHECK(results);
  rs_results_node_up(results, 0, 0, 20000, 0);
  double stretch = made->stretch * (1 + 0.001 * (double)seed);
  uint64_t end = 0;
  for (uint32_t i = 0; i < made->tasks; i++) {
    uint64_t wave = i / 2, start = (wave + 1) * made->late_ns + wave * RS_S;
    start = (uint64_t)((double)start * stretch);
    end = start + (uint64_t)((double)RS_S * stretch);
    rs_results_task(
        results,
        &(struct rs_task_row){
            .task = i, .start_ns = start, .end_ns = end, .job = RS_JOB_NONE, .cpu_e4 = 10000, .outcome = RS_TASK_OK});
  }
  if (made->best) {
    rs_results_trial(results, &(struct rs_trial_event){.trial = 0, .kind = RS_TRIAL_START});
    rs_results_trial(
        results, &(struct rs_trial_event){
                     .now_ns = end, .trial = 0, .kind = RS_TRIAL_REPORT, .resource = 1, .value = made->best[index]});
  }
  CHECK_EQ(rs_results_finish(results, end, made->partial ? RS_RESULTS_PARTIAL : 0, err, sizeof err), 0);
}

static const char *make(const struct made *made, uint32_t case_count)
{
  static char dirs[4][128];
  static int turn;
  char *dir = dirs[turn++ % 4];
  snprintf(dir, sizeof dirs[0], "%s/%s", root, made->name);
  const char *xml = made->xml ? made->xml : "<scenario name=\"t\"><compare tolerance=\"5 %\"/></scenario>";
  struct rs_folder_opts opts = {.out_dir = dir,
                                .scenario_name = made->scenario ? made->scenario : "t",
                                .scenario_xml = xml,
                                .scenario_size_bytes = strlen(xml),
                                .version = "0",
                                .real = made->real};
  struct rs_folder *folder = rs_folder_begin(&opts, err, sizeof err);
  CHECK(folder);
  for (uint32_t c = 0; c < case_count; c++)
    for (uint64_t seed = 1; seed <= made->seeds; seed++)
      make_run(folder, made, c, seed);
  CHECK_EQ(rs_folder_commit(folder, false, 1, err, sizeof err), 0);
  return dir;
}

static int compare(const char *a, const char *b, double makespan, double latency, double null, json_t **out)
{
  struct rs_compare_opts opts;
  struct rs_text text = {0};
  rs_compare_defaults(&opts);
  opts.makespan_tolerance = makespan;
  opts.latency_tolerance = latency;
  opts.null_factor = null;
  opts.json = true;
  int result = rs_compare(a, b, &opts, &text, err, sizeof err);
  if (out)
    *out = text.bytes ? json_loads(text.bytes, 0, NULL) : NULL;
  free(text.bytes);
  return result;
}

static double figure(const json_t *report, const char *name, const char *what, const char *part)
{
  const json_t *f =
      json_object_get(json_object_get(json_array_get(json_object_get(report, "cases"), 0), "figures"), name);
  f = json_object_get(f, what);
  return json_number_value(part ? json_object_get(f, part) : f);
}

/* ---- verdicts ---- */

/* 10 tasks of 1 s on two CPUs: 5 s are ideal. Simulated with 0.1 s a wave: 5.5 s; real with 0.12 s: 5.6 s. */
static void errors_by_hand(void)
{
  struct made sim = {.name = "sim", .seeds = 3, .tasks = 10, .stretch = 1, .late_ns = RS_S / 10};
  struct made real = {.name = "real", .real = true, .seeds = 3, .tasks = 10, .stretch = 1, .late_ns = 120 * RS_MS};
  const char *a = make(&sim, 1), *b = make(&real, 1);
  json_t *report;
  CHECK_EQ(compare(a, b, NAN, NAN, NAN, &report), RS_COMPARE_GOOD); /* 5 % are in the scenario */
  CHECK(report && json_is_true(json_object_get(report, "judged")));
  double scale = 1.002; /* mean of 1.001, 1.002, 1.003 */
  CHECK_NEAR(figure(report, "makespan_s", "first", "mean"), 5.5 * scale, 1e-6);
  CHECK_NEAR(figure(report, "makespan_s", "second", "mean"), 5.6 * scale, 1e-6);
  CHECK_NEAR(figure(report, "makespan_s", "error", NULL), 5.5 / 5.6 - 1, 1e-6);
  CHECK_NEAR(figure(report, "makespan_s", "difference", "mean"), -0.1 * scale, 1e-6);
  /* the pairs' differences are 0.1 x (1.001, 1.002, 1.003): t(2) = 4.302653 */
  CHECK_NEAR(figure(report, "makespan_s", "difference", "high"), -0.1 * scale + 4.302653 * 1e-4 / sqrt(3), 1e-6);
  CHECK_NEAR(figure(report, "makespan_s", "null", NULL), 5 * scale, 1e-6);
  CHECK_NEAR(figure(report, "makespan_s", "null_error", NULL), 5 / 5.6 - 1, 1e-6);
  CHECK_NEAR(figure(report, "latency_p50_s", "first", "mean"), 2.3 * scale, 1e-6); /* third wave */
  CHECK_NEAR(figure(report, "latency_p99_s", "second", "mean"), 4.6 * scale, 1e-6);
  CHECK_NEAR(figure(report, "latency_mean_s", "null", NULL), 2 * scale, 1e-6);
  json_decref(report);
  CHECK_EQ(compare(a, b, 0.017, NAN, NAN, NULL), RS_COMPARE_BEYOND); /* 1.79 % */
  CHECK_EQ(compare(a, b, 0.018, NAN, NAN, NULL), RS_COMPARE_GOOD);
  CHECK_EQ(compare(a, b, 0.018, 0.01, NAN, NULL), RS_COMPARE_BEYOND);
  CHECK_EQ(compare(a, b, 0.018, 0.2, NAN, NULL), RS_COMPARE_GOOD);
  CHECK_EQ(compare(a, b, 0.018, NAN, 0.5, NULL), RS_COMPARE_GOOD); /* 1.79 % against 10.7 % */
  CHECK_EQ(compare(a, b, 0.018, NAN, 0.1, NULL), RS_COMPARE_BEYOND);
}

/* The planted difference: the same folder against itself is exact, against one stretched by 6 % it is beyond 5 %. */
static void a_planted_difference_shows(void)
{
  struct made sim = {.name = "p1", .seeds = 3, .tasks = 10, .stretch = 1, .late_ns = RS_S / 10};
  struct made far = {.name = "p2", .real = true, .seeds = 3, .tasks = 10, .stretch = 1 / 1.06, .late_ns = RS_S / 10};
  const char *a = make(&sim, 1), *b = make(&far, 1);
  CHECK_EQ(compare(a, a, 0, 0, NAN, NULL), RS_COMPARE_GOOD);
  CHECK_EQ(compare(a, b, NAN, NAN, NAN, NULL), RS_COMPARE_BEYOND);
}

static void without_task_rows(void)
{
  struct made sim = {.name = "n1", .no_rows = true, .seeds = 1, .tasks = 10, .stretch = 1, .late_ns = RS_S / 10};
  struct made real = {.name = "n2", .real = true, .seeds = 1, .tasks = 10, .stretch = 1, .late_ns = 120 * RS_MS};
  json_t *report;
  CHECK_EQ(compare(make(&sim, 1), make(&real, 1), NAN, NAN, 0.5, &report), RS_COMPARE_BEYOND); /* no null model */
  CHECK_NEAR(figure(report, "makespan_s", "error", NULL), 5.5 / 5.6 - 1, 1e-6);
  CHECK(figure(report, "makespan_s", "null", NULL) <= 0);
  json_decref(report);
}

static void nothing_is_judged_without_a_tolerance(void)
{
  struct made sim = {.name = "u1", .xml = "<scenario name=\"t\"/>", .seeds = 1, .tasks = 4, .stretch = 1};
  struct made real = {
      .name = "u2", .xml = "<scenario name=\"t\"/>", .seeds = 1, .tasks = 4, .stretch = 2, .real = true};
  struct rs_compare_opts opts;
  struct rs_text text = {0};
  rs_compare_defaults(&opts);
  CHECK_EQ(rs_compare(make(&sim, 1), make(&real, 1), &opts, &text, err, sizeof err), RS_COMPARE_GOOD);
  CHECK(strstr(text.bytes, "nothing was judged") && strstr(text.bytes, "-50.00%"));
  free(text.bytes);
}

static void ranking_of_cases(void)
{
  static const char *const cases[] = {"fifo", "sha", "asha"};
  static const double first[] = {0.3, 0.2, 0.1}, second[] = {0.31, 0.11, 0.12};
  struct made sim = {.name = "r1", .seeds = 1, .tasks = 4, .stretch = 1, .cases = cases, .best = first};
  struct made real = {.name = "r2", .real = true, .seeds = 1, .tasks = 6, .stretch = 1, .cases = cases, .best = second};
  json_t *report; /* a search: how many tasks there are depends on what they found */
  CHECK_EQ(compare(make(&sim, 3), make(&real, 3), 1, NAN, NAN, &report), RS_COMPARE_GOOD);
  const json_t *ranking = json_object_get(report, "ranking");
  CHECK_STR(json_string_value(json_object_get(ranking, "by")), "best_value");
  CHECK_STR(json_string_value(json_array_get(json_object_get(ranking, "first"), 0)), "asha");
  CHECK_STR(json_string_value(json_array_get(json_object_get(ranking, "second"), 0)), "sha");
  CHECK_NEAR(json_number_value(json_object_get(ranking, "kendall_tau")), 1. / 3, 1e-9);
  json_decref(report);
}

/* ---- what is refused ---- */

static void refuse(const struct made *first, const struct made *second, const char *says)
{
  const char *a = make(first, 1), *b = make(second, 1);
  json_t *report;
  CHECK_EQ(compare(a, b, NAN, NAN, NAN, &report), RS_COMPARE_INVALID);
  CHECK(!report);
  if (!strstr(err, says))
    printf("\n    wanted \"%s\" in: %s\n", says, err);
  CHECK(strstr(err, says));
}

static void what_is_not_comparable_is_refused(void)
{
  struct made good = {.name = "i1", .seeds = 2, .tasks = 4, .stretch = 1}, bad = good;
  bad.name = "i2";
  bad.scenario = "other";
  refuse(&good, &bad, "is of scenario \"t\"");
  bad.scenario = NULL;
  bad.tasks = 5;
  refuse(&good, &bad, "ended 4 tasks");
  bad.tasks = 4;
  bad.seeds = 3;
  refuse(&good, &bad, "with seed 3 is in");
  refuse(&bad, &good, "with seed 3 is in");
  bad.seeds = 2;
  bad.partial = true;
  refuse(&good, &bad, "is partial");
  bad.partial = false;
  good.xml = "<scenario name=\"t\"><cluster><nodes count=\"4\"/></cluster><real/></scenario>";
  bad.xml = "<scenario name=\"t\"><cluster><nodes count=\"5\"/></cluster></scenario>";
  refuse(&good, &bad, "nodes/@count is \"4\" in one and \"5\"");
  bad.xml = "<scenario name=\"t\"><cluster/></scenario>";
  refuse(&good, &bad, "<nodes> in <cluster> is in one only");
  bad.xml =
      "<scenario name=\"t\" title=\"x\"><!-- allowed --><cluster><nodes count=\"4\"/></cluster><outputs/></scenario>";
  CHECK_EQ(compare(make(&good, 1), make(&bad, 1), NAN, NAN, NAN, NULL), RS_COMPARE_GOOD);
  CHECK_EQ(compare(root, make(&good, 1), NAN, NAN, NAN, NULL), RS_COMPARE_INVALID);
  CHECK(strstr(err, "summary.json"));
}

/* Task rows cut in the middle of the file. */
static void damaged_rows_are_refused(void)
{
  struct made good = {.name = "d1", .seeds = 1, .tasks = 2000, .stretch = 1, .late_ns = 12345677};
  const char *dir = make(&good, 1);
  char path[256];
  struct stat is;
  snprintf(path, sizeof path, "%s/runs/all-1/tasks.csv.gz", dir);
  CHECK(stat(path, &is) == 0 && truncate(path, is.st_size / 2) == 0);
  CHECK_EQ(compare(dir, dir, NAN, NAN, NAN, NULL), RS_COMPARE_INVALID);
  CHECK(strstr(err, "tasks.csv.gz"));
}

static void command_line(void)
{
  char *none[] = {(char *)(uintptr_t) "compare", NULL};
  char *unit[] = {(char *)(uintptr_t) "compare",    (char *)(uintptr_t) "a",    (char *)(uintptr_t) "b",
                  (char *)(uintptr_t) "--makespan", (char *)(uintptr_t) "wide", NULL};
  int saved = dup(2);
  CHECK(freopen("/dev/null", "w", stderr));
  int first = rs_cmd_compare(1, none), second = rs_cmd_compare(5, unit);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  CHECK_EQ(first, 2);
  CHECK_EQ(second, 2);
}

static void begin(void)
{
  snprintf(root, sizeof root, "/tmp/rs-compare-XXXXXX");
  CHECK(mkdtemp(root));
}

static void end(void)
{
  CHECK_EQ(rs_out_remove_tree(root), 0);
}

const struct rs_test rs_tests[] = {{"null model by hand", null_model_by_hand},
                                   {"null model with shapes", null_model_with_shapes},
                                   {"null model agrees with slots", null_model_agrees_with_slots},
                                   {"Kendall's tau by hand", kendall_by_hand},
                                   {"a folder for results", begin},
                                   {"errors by hand", errors_by_hand},
                                   {"a planted difference shows", a_planted_difference_shows},
                                   {"without task rows", without_task_rows},
                                   {"nothing is judged without a tolerance", nothing_is_judged_without_a_tolerance},
                                   {"ranking of cases", ranking_of_cases},
                                   {"what is not comparable is refused", what_is_not_comparable_is_refused},
                                   {"damaged rows are refused", damaged_rows_are_refused},
                                   {"command line", command_line},
                                   {"clean up", end},
                                   {0}};
