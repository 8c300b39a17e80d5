/* The Gantt chart of one run: bars while there are few slots and tasks, a heat map of groups of nodes otherwise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/plot_int.h"
#include "sim/results_json.h"
#include "sim/results_out.h"

enum {
  BAR_ROWS_MAX = 80,    /* more rows than this are drawn as a heat map */
  NODE_LABELS_MAX = 20, /* on the axis */
};

/* The folder of the case's first run. The caller frees it; NULL when there is none. */
static char *first_run(const struct rs_plot_result *result, uint32_t which, struct rs_text *script)
{
  const json_t *runs = json_object_get(result->summary, "runs");
  for (size_t i = 0; i < json_array_size(runs); i++) {
    const json_t *run = json_array_get(runs, i), *seed = json_object_get(run, "seed");
    const char *name = json_string_value(json_object_get(run, "case"));
    const char *folder = json_string_value(json_object_get(run, "folder"));
    if (!name || !folder || strcmp(name, rs_plot_case_name(result, which)) != 0 || strstr(folder, ".."))
      continue;
    double end_s = rs_json_value(json_object_get(run, "metrics"), "run_s");
    rs_plot_time_axis(script, end_s);
    rs_text_add(script, "CASE = ");
    rs_plot_quote(script, name, 60);
    if (json_is_string(seed))
      rs_text_add(script, "\nSEED = '%.20s'\n", json_string_value(seed));
    else
      rs_text_add(script, "\nSEED = '%lld'\n", (long long)json_integer_value(seed));
    return rs_out_path(result->dir, folder);
  }
  return NULL;
}

/* base[n] is the first row of node n; base[nodes] the number of rows. Every node has a row, even an idle one. */
static uint32_t *bar_rows(const struct rs_csv *csv, uint32_t nodes)
{
  uint32_t *lanes = rs_alloc_zero(nodes + 1, sizeof *lanes);
  for (uint32_t row = 0; row < csv->rows; row++) {
    double node = rs_csv_number(csv, row, 0), lane = rs_csv_number(csv, row, 1);
    if (node >= 0 && node < nodes && lane >= 0 && lane < 1e6 && lane + 1 > lanes[(uint32_t)node])
      lanes[(uint32_t)node] = (uint32_t)lane + 1;
  }
  uint32_t sum = 0;
  for (uint32_t node = 0; node <= nodes; node++) {
    uint32_t count = lanes[node] > 0 || node == nodes ? lanes[node] : 1;
    lanes[node] = sum;
    sum += count;
  }
  return lanes;
}

static void add_node_labels(const uint32_t *base, uint32_t nodes, struct rs_text *script)
{
  uint32_t stride = (nodes + NODE_LABELS_MAX - 1) / NODE_LABELS_MAX;
  rs_text_add(script, "set ytics (");
  for (uint32_t node = 0; node < nodes; node += stride)
    rs_text_add(script, "%s'node %u' %.1f", node ? ", " : "", node, (base[node] + base[node + 1] - 1) / 2.0);
  rs_text_add(script, ")\n$lines << EOD\n");
  for (uint32_t node = 1; node < nodes; node++)
    rs_text_add(script, "0 %.1f\n", base[node] - 0.5);
  rs_text_add(script, nodes > 1 ? "EOD\n" : "NaN NaN\nEOD\n");
}

/* An index a tag, and a last one for the attempts that failed. */
static void add_bars(const struct rs_csv *csv, const uint32_t *base, uint32_t nodes, uint32_t tags, double unit,
                     struct rs_text *script)
{
  uint32_t failures = 0;
  rs_text_add(script, "$bars << EOD\n");
  for (uint32_t t = 0; t <= tags; t++) {
    uint32_t rows = 0;
    for (uint32_t row = 0; row < csv->rows; row++) {
      double node = rs_csv_number(csv, row, 0), tag = rs_csv_number(csv, row, 4);
      bool failed = strcmp(rs_csv_text(csv, row, 5), "failed") == 0;
      if (!(node >= 0 && node < nodes) || (t < tags ? failed || tag != t : !failed))
        continue;
      failures += failed;
      rs_text_add(script, "%.9g %.9g %.0f\n", rs_csv_number(csv, row, 2) / unit, rs_csv_number(csv, row, 3) / unit,
                  base[(uint32_t)node] + rs_csv_number(csv, row, 1));
      rows++;
    }
    rs_text_add(script, rows ? "\n\n" : "NaN NaN NaN\n\n\n");
  }
  rs_text_add(script, "EOD\nBARS = %u\nFAILURES = %u\n", csv->rows, failures);
}

static enum rs_plot_step try_bars(const struct rs_plot_result *result, uint32_t which, const char *folder, double unit,
                                  struct rs_text *script)
{
  struct rs_csv csv;
  bool missing;
  if (!rs_csv_read(&csv, folder, "gantt.csv", &missing, result->err, result->err_size))
    return RS_PLOT_ERROR;
  uint32_t nodes = (uint32_t)json_integer_value(json_object_get(rs_plot_case(result, which), "nodes")), tags = 1;
  enum rs_plot_step step = RS_PLOT_NONE;
  if (csv.rows > 0 && nodes > 0 && nodes <= BAR_ROWS_MAX) {
    uint32_t *base = bar_rows(&csv, nodes);
    if (base[nodes] <= BAR_ROWS_MAX) {
      for (uint32_t row = 0; row < csv.rows; row++) {
        double tag = rs_csv_number(&csv, row, 4);
        if (tag >= tags && tag < RS_PLOT_TAGS_MAX)
          tags = (uint32_t)tag + 1;
      }
      rs_plot_tags(result, which, tags, script);
      rs_text_add(script, "ROWS = %u\nNODES = %u\n", base[nodes], nodes);
      add_node_labels(base, nodes, script);
      add_bars(&csv, base, nodes, tags, unit, script);
      step = RS_PLOT_DRAW;
    }
    free(base);
  }
  rs_csv_free(&csv);
  return step;
}

static int compare_numbers(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* The scale of a map of busy shares, in percent: from a round number up to 100, such that nine tenths of the cells lie
 * inside it. In a cluster that is never idle the small gaps are what there is to see. */
static double lowest_shade(const struct rs_csv *csv, uint32_t groups)
{
  static const double widths[] = {0.5, 1, 2, 5, 10, 20, 40};
  double *idle = rs_alloc((size_t)csv->rows * groups * sizeof *idle), width = 100;
  uint32_t count = 0;
  for (uint32_t row = 0; row < csv->rows; row++)
    for (uint32_t g = 0; g < groups; g++) {
      double busy = rs_csv_number(csv, row, (int)g + 2);
      if (!isnan(busy))
        idle[count++] = 100 - 100 * busy;
    }
  qsort(idle, count, sizeof *idle, compare_numbers);
  double gap = count > 0 ? idle[(uint32_t)((double)(count - 1) * 0.9)] : 100;
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    if (gap <= widths[i] && widths[i] < width)
      width = widths[i];
  free(idle);
  return 100 - width;
}

/* A cluster that is busy nearly everywhere, in a search with rungs: which rungs it trains says more than how busy it
 * is. False: nothing is taken. */
static bool open_rungs(const struct rs_plot_result *result, uint32_t which, const char *folder, double low,
                       struct rs_csv *csv)
{
  bool missing;
  const json_t *of = rs_plot_case(result, which);
  if (low < 90 || json_array_size(json_object_get(of, "tags")) < 2 ||
      !json_object_get(json_object_get(of, "counts"), "trials"))
    return false;
  if (!rs_csv_read(csv, folder, "heat_tags.csv", &missing, result->err, result->err_size))
    return false;
  if (csv->rows > 0 && csv->columns > 2)
    return true;
  rs_csv_free(csv);
  return false;
}

static void add_heat(const struct rs_csv *csv, uint32_t groups, double scale, struct rs_text *script)
{
  bool holes = false;
  rs_text_add(script, "$heat << EOD\n");
  for (uint32_t g = 0; g < groups; g++) {
    for (uint32_t row = 0; row < csv->rows; row++) {
      double value = rs_csv_number(csv, row, (int)g + 2);
      holes = holes || isnan(value);
      rs_plot_value(script, scale * value);
    }
    rs_text_add(script, "\n");
  }
  rs_text_add(script, "EOD\nHOLES = %d\n", holes);
}

static enum rs_plot_step try_heat(const struct rs_plot_result *result, uint32_t which, const char *folder, double unit,
                                  struct rs_text *script)
{
  struct rs_csv csv, rungs;
  bool missing, any = false;
  if (!rs_csv_read(&csv, folder, "heat.csv", &missing, result->err, result->err_size))
    return RS_PLOT_ERROR;
  uint32_t groups = csv.columns > 2 ? csv.columns - 2 : 0, first = 0, last = 0;
  for (uint32_t row = 0; row < csv.rows && !any; row++)
    for (uint32_t g = 0; g < groups && !any; g++)
      any = !isnan(rs_csv_number(&csv, row, (int)g + 2));
  if (!any || sscanf(csv.name[2], "nodes_%u-%u", &first, &last) != 2) {
    rs_csv_free(&csv);
    return RS_PLOT_NONE;
  }
  double low = lowest_shade(&csv, groups);
  rs_text_add(script, "NODES = %.0f\nPER_ROW = %u\nGROUPS = %u\nSTEP = %.12g\nLOW = %.9g\n",
              rs_json_value(rs_plot_case(result, which), "nodes"), last - first + 1, groups,
              rs_csv_number(&csv, 0, 1) / unit, low);
  if (open_rungs(result, which, folder, low, &rungs)) {
    rs_text_add(script, "RUNGS = %zu\n", json_array_size(json_object_get(rs_plot_case(result, which), "tags")));
    add_heat(&rungs, rungs.columns - 2, 1, script);
    rs_csv_free(&rungs);
  } else {
    rs_text_add(script, "RUNGS = 0\n");
    add_heat(&csv, groups, 100, script);
  }
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

enum rs_plot_step rs_plot_gantt(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                const char **template_name)
{
  const char *unit_name;
  const json_t *metrics = json_object_get(rs_plot_case(result, which), "metrics");
  char *folder = first_run(result, which, script);
  if (!folder || rs_json_value(json_object_get(metrics, "makespan_s"), "n") == 0) {
    free(folder);
    return RS_PLOT_NONE;
  }
  double end_s = 0; /* of this run, as add_time_axis in first_run saw it */
  const json_t *runs = json_object_get(result->summary, "runs");
  for (size_t i = 0; i < json_array_size(runs) && end_s <= 0; i++) {
    const char *name = json_string_value(json_object_get(json_array_get(runs, i), "case"));
    if (name && strcmp(name, rs_plot_case_name(result, which)) == 0)
      end_s = rs_json_value(json_object_get(json_array_get(runs, i), "metrics"), "run_s");
  }
  double unit = rs_plot_time_unit(end_s, &unit_name);
  enum rs_plot_step step = try_bars(result, which, folder, unit, script);
  if (step == RS_PLOT_NONE) {
    *template_name = "heat";
    step = try_heat(result, which, folder, unit, script);
  }
  free(folder);
  return step;
}
