/* compare.c -- see compare.h: the figures of both folders, their errors, the null model's, the ranking, the verdict. */
#include "sim/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/compare_int.h"
#include "sim/results_json.h"
#include "sim/units.h"

const char *const rs_cmp_figure_names[CMP_FIGURES] = {"makespan_s",    "latency_mean_s", "latency_p50_s",
                                                      "latency_p90_s", "latency_p99_s",  "job_mean_s",
                                                      "job_p99_s",     "utilisation",    "best_value"};

void rs_compare_defaults(struct rs_compare_opts *opts)
{
  *opts = (struct rs_compare_opts){.makespan_tolerance = NAN, .latency_tolerance = NAN, .null_factor = NAN};
}

double rs_kendall_tau(const double *a, const double *b, size_t count)
{
  double agree = 0, pairs_a = 0, pairs_b = 0; /* pairs that are no tie in a, in b */
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < i; k++) {
      if (isnan(a[i]) || isnan(b[i]) || isnan(a[k]) || isnan(b[k]))
        continue;
      int x = (a[i] > a[k]) - (a[i] < a[k]), y = (b[i] > b[k]) - (b[i] < b[k]);
      agree += x * y;
      pairs_a += x != 0;
      pairs_b += y != 0;
    }
  return pairs_a > 0 && pairs_b > 0 ? agree / sqrt(pairs_a * pairs_b) : NAN;
}

/* ---- the figures of one run ---- */

static int by_value(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return a < b ? -1 : a > b;
}

/* Mean, p50, p90 and p99 (nearest rank) of start - ready, in seconds. */
static void latencies(const struct rs_null_task *tasks, uint32_t count, double *values)
{
  uint64_t *waits = rs_alloc_zero(count, sizeof *waits);
  double sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    waits[i] = tasks[i].start_ns - tasks[i].ready_ns;
    sum += (double)waits[i];
  }
  qsort(waits, count, sizeof *waits, by_value);
  static const uint32_t percents[] = {50, 90, 99};
  values[CMP_LATENCY_MEAN] = sum * 1e-9 / count;
  for (int p = 0; p < 3; p++)
    values[CMP_LATENCY_P50 + p] = (double)waits[((uint64_t)percents[p] * count + 99) / 100 - 1] * 1e-9;
  free(waits);
}

static void figures_of(const struct cmp_run *run, bool from_rows, double *values)
{
  const json_t *metrics = json_object_get(run->json, "metrics");
  for (int f = 0; f < CMP_FIGURES; f++)
    values[f] = rs_json_value(metrics, rs_cmp_figure_names[f]);
  if (!from_rows)
    return;
  values[CMP_MAKESPAN] = (double)(run->end_ns - run->submit_ns) * 1e-9;
  latencies(run->tasks, run->task_count, values);
}

/* The null model of the same tasks. False where it has no say: no CPUs known, or a task that fits nowhere. */
static bool null_figures(const struct cmp_run *run, double *values)
{
  for (int f = 0; f < CMP_FIGURES; f++)
    values[f] = NAN;
  if (run->cpu_e4 <= 0 && run->gpu_e4 <= 0)
    return false;
  struct rs_null_task *tasks = rs_memdup(run->tasks, run->task_count * sizeof *tasks);
  for (uint32_t i = 0; i < run->task_count; i++)
    tasks[i].ready_ns = rs_time_since(tasks[i].ready_ns, run->submit_ns);
  uint64_t makespan_ns =
      rs_null_model(tasks, run->task_count, (uint64_t)(run->cpu_e4 + 0.5), (uint64_t)(run->gpu_e4 + 0.5));
  bool fits = makespan_ns != RS_TIME_NEVER;
  if (fits) {
    values[CMP_MAKESPAN] = (double)makespan_ns * 1e-9;
    latencies(tasks, run->task_count, values);
  }
  free(tasks);
  return fits;
}

/* ---- a case ---- */

static double relative(double value, double reference)
{
  return fabs(reference) > 0 ? (value - reference) / fabs(reference) : NAN;
}

static void compare_case(struct cmp *cmp, struct cmp_case *c)
{
  double *values[3]; /* a, b, null: pairs x figures, figure by figure */
  for (int k = 0; k < 3; k++)
    values[k] = rs_alloc_zero((size_t)CMP_FIGURES * cmp->a->run_count, sizeof **values);
  bool tunes = rs_cmp_folder_tunes(cmp->a);
  bool first_simulated = strcmp(rs_cmp_folder_mode(cmp->a), "simulated") == 0;
  bool second_simulated = strcmp(rs_cmp_folder_mode(cmp->b), "simulated") == 0;
  c->from_rows = true;
  for (uint32_t i = 0; i < cmp->a->run_count; i++)
    if (strcmp(cmp->a->runs[i].case_name, c->name) == 0)
      c->from_rows =
          c->from_rows && cmp->a->runs[i].task_count && rs_cmp_run_like(cmp->b, &cmp->a->runs[i])->task_count;
  for (uint32_t i = 0; i < cmp->a->run_count; i++) {
    const struct cmp_run *a = &cmp->a->runs[i], *b;
    if (strcmp(a->case_name, c->name) != 0)
      continue;
    b = rs_cmp_run_like(cmp->b, a);
    double of[3][CMP_FIGURES];
    figures_of(a, c->from_rows, of[0]);
    figures_of(b, c->from_rows, of[1]);
    for (int f = 0; f < CMP_FIGURES; f++)
      of[2][f] = NAN;
    if (c->from_rows && !tunes) /* a simulation's tasks last as long as the scenario says */
      null_figures(first_simulated || !second_simulated ? a : b, of[2]);
    for (int k = 0; k < 3; k++)
      for (int f = 0; f < CMP_FIGURES; f++)
        values[k][(uint32_t)f * cmp->a->run_count + c->pairs] = of[k][f];
    c->pairs++;
  }
  for (int f = 0; f < CMP_FIGURES; f++) {
    struct cmp_cell *cell = &c->cells[f];
    size_t at = (size_t)f * cmp->a->run_count;
    cell->a = rs_stats_of(values[0] + at, c->pairs, 0.95);
    cell->b = rs_stats_of(values[1] + at, c->pairs, 0.95);
    cell->null = rs_stats_of(values[2] + at, c->pairs, 0.95);
    cell->difference = rs_stats_paired(values[1] + at, values[0] + at, c->pairs, 0.95);
    cell->error = relative(cell->a.mean, cell->b.mean);
    cell->null_error = relative(cell->null.mean, cell->b.mean);
    cell->tolerance = f == CMP_MAKESPAN                               ? cmp->opts.makespan_tolerance
                      : f >= CMP_LATENCY_MEAN && f <= CMP_LATENCY_P99 ? cmp->opts.latency_tolerance
                                                                      : NAN;
    if (!isnan(cell->tolerance)) { /* a figure that one side lacks is no agreement */
      cell->beyond = !(fabs(cell->error) <= cell->tolerance);
      cmp->judged = true;
      cmp->beyond = cmp->beyond || cell->beyond;
    }
  }
  if (!isnan(cmp->opts.null_factor)) {
    const struct cmp_cell *cell = &c->cells[CMP_MAKESPAN];
    c->null_beyond = !(fabs(cell->error) < cmp->opts.null_factor * fabs(cell->null_error));
    cmp->judged = true;
    cmp->beyond = cmp->beyond || c->null_beyond;
  }
  for (int k = 0; k < 3; k++)
    free(values[k]);
}

/* ---- the ranking ---- */

static void rank(const struct cmp *cmp, const double *values, uint32_t *order)
{
  for (uint32_t i = 0; i < cmp->case_count; i++) {
    uint32_t at = i;
    for (; at > 0; at--) {
      double before = values[order[at - 1]], here = values[i];
      if (!(cmp->maximise ? here > before : here < before))
        break;
      order[at] = order[at - 1];
    }
    order[at] = i;
  }
}

/* Cases in order of the best value that they found, or of the makespan. */
static void compare_ranking(struct cmp *cmp)
{
  uint32_t n = cmp->case_count;
  double *values[3];
  bool best = n > 0;
  for (uint32_t i = 0; i < n; i++)
    best = best && cmp->cases[i].cells[CMP_BEST].a.n && cmp->cases[i].cells[CMP_BEST].b.n;
  cmp->rank_by = best ? CMP_BEST : CMP_MAKESPAN;
  const json_t *cases = json_object_get(cmp->a->summary, "cases");
  cmp->maximise = best && json_is_true(json_object_get(json_array_get(cases, 0), "maximise"));
  for (int k = 0; k < 3; k++)
    values[k] = rs_alloc_zero(n, sizeof **values);
  for (uint32_t i = 0; i < n; i++) {
    const struct cmp_cell *cell = &cmp->cases[i].cells[cmp->rank_by];
    values[0][i] = cell->a.mean;
    values[1][i] = cell->b.mean;
    values[2][i] = cell->null.mean;
  }
  cmp->rank_a = rs_alloc_zero(n, sizeof *cmp->rank_a);
  cmp->rank_b = rs_alloc_zero(n, sizeof *cmp->rank_b);
  rank(cmp, values[0], cmp->rank_a);
  rank(cmp, values[1], cmp->rank_b);
  cmp->tau = rs_kendall_tau(values[0], values[1], n);
  cmp->null_tau = rs_kendall_tau(values[2], values[1], n);
  for (int k = 0; k < 3; k++)
    free(values[k]);
}

/* ---- the whole ---- */

int rs_compare(const char *first_dir, const char *second_dir, const struct rs_compare_opts *opts, struct rs_text *out,
               char *err, size_t err_size)
{
  struct cmp_folder a, b = {0};
  struct cmp cmp = {.a = &a, .b = &b, .opts = *opts};
  int result = RS_COMPARE_INVALID;
  if (rs_cmp_folder_read(&a, first_dir, err, err_size) != 0 || rs_cmp_folder_read(&b, second_dir, err, err_size) != 0 ||
      rs_cmp_folder_match(&a, &b, err, err_size) != 0)
    goto out;
  if (isnan(cmp.opts.makespan_tolerance))
    cmp.opts.makespan_tolerance = isnan(b.tolerance) ? a.tolerance : b.tolerance;
  cmp.cases = rs_alloc_zero(a.run_count, sizeof *cmp.cases);
  for (uint32_t i = 0; i < a.run_count; i++) {
    bool known = false;
    for (uint32_t k = 0; k < cmp.case_count; k++)
      known = known || strcmp(cmp.cases[k].name, a.runs[i].case_name) == 0;
    if (!known)
      cmp.cases[cmp.case_count++].name = a.runs[i].case_name;
  }
  for (uint32_t i = 0; i < cmp.case_count; i++)
    compare_case(&cmp, &cmp.cases[i]);
  compare_ranking(&cmp);
  if (opts->json)
    rs_cmp_print_json(&cmp, out);
  else
    rs_cmp_print_text(&cmp, out);
  result = cmp.beyond ? RS_COMPARE_BEYOND : RS_COMPARE_GOOD;
out:
  free(cmp.cases);
  free(cmp.rank_a);
  free(cmp.rank_b);
  rs_cmp_folder_free(&a);
  rs_cmp_folder_free(&b);
  return result;
}

static int usage(const char *what, const char *argument)
{
  fprintf(stderr,
          "raysim compare: %s%s%s\nusage: raysim compare SIM REAL [--makespan 5%%] [--latency 20%%] [--null 0.5] "
          "[--format text|json]\n",
          what, argument ? ": " : "", argument ? argument : "");
  return RS_COMPARE_INVALID;
}

int rs_cmd_compare(int argc, char **argv)
{
  struct rs_compare_opts opts;
  const char *dirs[2] = {NULL, NULL};
  rs_compare_defaults(&opts);
  for (int i = 1; i < argc; i++) {
    double *share = strcmp(argv[i], "--makespan") == 0  ? &opts.makespan_tolerance
                    : strcmp(argv[i], "--latency") == 0 ? &opts.latency_tolerance
                    : strcmp(argv[i], "--null") == 0    ? &opts.null_factor
                                                        : NULL;
    char why[RS_UNITS_WHY_BYTES];
    if (share || strcmp(argv[i], "--format") == 0) {
      if (i + 1 == argc)
        return usage("a value is missing after", argv[i]);
      const char *value = argv[++i];
      if (share && rs_units_share(value, share, why, sizeof why) != 0)
        return usage(why, value);
      if (!share && strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
        return usage("a format is text or json", value);
      opts.json = share ? opts.json : strcmp(value, "json") == 0;
    } else if (argv[i][0] == '-') {
      return usage("unknown option", argv[i]);
    } else if (dirs[1]) {
      return usage("two result folders are compared, not three", argv[i]);
    } else {
      dirs[dirs[0] != NULL] = argv[i];
    }
  }
  if (!dirs[1])
    return usage("two result folders are wanted", NULL);
  struct rs_text text = {0};
  char err[RS_UNITS_WHY_BYTES + 512];
  int result = rs_compare(dirs[0], dirs[1], &opts, &text, err, sizeof err);
  if (result == RS_COMPARE_INVALID)
    fprintf(stderr, "raysim compare: %s\n", err);
  else
    fputs(text.bytes, stdout);
  free(text.bytes);
  return result;
}
