/* From result files to gnuplot's variables and data blocks, one function a figure. A data block has one index a case
 * (two blank lines apart), in the order of NAME; a case without data has one line of NaN, so that numbers stay in step.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/plot_int.h"
#include "sim/results_json.h"
#include "sim/results_out.h"

enum {
  BAR_ROWS_MAX = 80,    /* more rows than this are drawn as a heat map */
  NODE_LABELS_MAX = 20, /* on the Gantt chart's axis */
  RUNGS_MAX = 16,
};

/* ---- Helpers ---- */

void rs_plot_quote(struct rs_text *script, const char *text, uint32_t max)
{
  uint32_t used = 0;
  rs_text_add(script, "'");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    bool begins = (c & 0xC0) != 0x80; /* a UTF-8 character is never cut in two */
    if (begins && used == max) {
      rs_text_add(script, "…");
      break;
    }
    used += begins;
    if (c < 0x20 || c == 0x7F)
      rs_text_add(script, " ");
    else if (c == '\'')
      rs_text_add(script, "’");
    else
      rs_text_append(script, text, 1);
  }
  rs_text_add(script, "'");
}

static const json_t *case_of(const struct rs_plot_result *result, uint32_t which)
{
  return json_array_get(result->cases, which);
}

const char *rs_plot_case_name(const struct rs_plot_result *result, uint32_t which)
{
  const char *name = json_string_value(json_object_get(case_of(result, which), "case"));
  return name ? name : "?";
}

/* The unit of a time axis that ends at end_s. */
static double time_unit(double end_s, const char **name)
{
  static const struct {
    double below_s, unit_s;
    const char *name;
  } units[] = {{2e-3, 1e-6, "µs"}, {2, 1e-3, "ms"},        {900, 1, "s"},
               {2e4, 60, "min"},   {3 * 86400, 3600, "h"}, {INFINITY, 86400, "days"}};
  int i = 0;
  while (end_s >= units[i].below_s)
    i++;
  *name = units[i].name;
  return units[i].unit_s;
}

static double add_time_axis(struct rs_text *script, double end_s)
{
  const char *name;
  double unit = time_unit(end_s, &name);
  rs_text_add(script, "TIME = '%s'\nEND = %.9g\n", name, end_s / unit);
  return unit;
}

static void add_value(struct rs_text *script, double value)
{
  if (isnan(value))
    rs_text_add(script, " NaN");
  else
    rs_text_add(script, " %.9g", value);
}

/* Reads a combined file; step NONE when there is none. */
static enum rs_plot_step read_combined(const struct rs_plot_result *result, const char *name, struct rs_csv *csv)
{
  bool missing;
  if (!rs_csv_read(csv, result->dir, name, &missing, result->err, result->err_size))
    return RS_PLOT_ERROR;
  return csv->rows > 0 ? RS_PLOT_DRAW : RS_PLOT_NONE;
}

static bool row_is_of(const struct rs_csv *csv, uint32_t row, const char *case_name)
{
  return strcmp(rs_csv_text(csv, row, 0), case_name) == 0;
}

/* Writes one block of `columns` (scaled) with one index a case. `last_until` >= 0: a last line at that column's time.
 */
static void add_block(const struct rs_plot_result *result, struct rs_text *script, const char *name,
                      const struct rs_csv *csv, const int *columns, const double *scales, uint32_t count,
                      int until_column)
{
  rs_text_add(script, "$%s << EOD\n", name);
  for (uint32_t i = 0; i < result->case_count; i++) {
    uint32_t rows = 0, last = 0;
    for (uint32_t row = 0; row < csv->rows; row++) {
      if (!row_is_of(csv, row, rs_plot_case_name(result, i)))
        continue;
      for (uint32_t c = 0; c < count; c++)
        add_value(script, rs_csv_number(csv, row, columns[c]) * scales[c]);
      rs_text_add(script, "\n");
      last = row;
      rows++;
    }
    for (uint32_t c = 0; rows > 0 && until_column >= 0 && c < count; c++)
      add_value(script, rs_csv_number(csv, last, c == 0 ? until_column : columns[c]) * scales[c]);
    for (uint32_t c = 0; rows == 0 && c < count; c++)
      rs_text_add(script, " NaN");
    rs_text_add(script, "\n\n\n");
  }
  rs_text_add(script, "EOD\n");
}

static double column_max(const struct rs_csv *csv, const char *name)
{
  double max = 0;
  int column = rs_csv_column(csv, name);
  for (uint32_t row = 0; row < csv->rows; row++)
    max = fmax(max, rs_csv_number(csv, row, column));
  return max;
}

/* ---- best.gp ---- */

static enum rs_plot_step data_best(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                   const char **template_name)
{
  struct rs_csv csv;
  (void)which;
  (void)template_name;
  enum rs_plot_step step = read_combined(result, "best.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  double begin_s = INFINITY, least = INFINITY, least_low = INFINITY, most = -INFINITY, seeds = 0;
  for (uint32_t row = 0; row < csv.rows; row++) {
    begin_s = fmin(begin_s, rs_csv_number(&csv, row, 1));
    least = fmin(least, rs_csv_number(&csv, row, 2));
    least_low = fmin(least_low, rs_csv_number(&csv, row, 3));
    most = fmax(most, rs_csv_number(&csv, row, 2));
    seeds = fmax(seeds, rs_csv_number(&csv, row, 5));
  }
  const json_t *first = case_of(result, 0);
  const char *metric = json_string_value(json_object_get(first, "metric"));
  double unit = add_time_axis(script, result->end_s);
  bool log_y = least > 0 && most > 5 * least;
  rs_text_add(script, "BEGIN = %.9g\nLOG_X = %d\nLOG_Y = %d\nLEAST = %.9g\nMOST = %.9g\nSEEDS = %.0f\nMETRIC = ",
              begin_s / unit, begin_s > 0 && result->end_s > 20 * begin_s, log_y,
              log_y || least_low > least ? least : fmax(least_low, least - (most - least)), most, seeds);
  rs_plot_quote(script, metric ? metric : "loss", 40);
  rs_text_add(script, "\n");
  int columns[] = {1, 2, 3, 4};
  double scales[] = {1 / unit, 1, 1, 1};
  add_block(result, script, "best", &csv, columns, scales, 4, -1);
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

/* ---- load.gp ---- */

static enum rs_plot_step data_load(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                   const char **template_name)
{
  struct rs_csv csv;
  (void)which;
  (void)template_name;
  enum rs_plot_step step = read_combined(result, "load.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  if (column_max(&csv, "running") == 0 && column_max(&csv, "queued") == 0)
    step = RS_PLOT_NONE;
  double unit = add_time_axis(script, result->end_s);
  rs_text_add(script, "QUEUE_MAX = %.9g\n", column_max(&csv, "queued"));
  int columns[] = {1, rs_csv_column(&csv, "utilisation"), rs_csv_column(&csv, "queued")};
  double scales[] = {1 / unit, 100, 1};
  add_block(result, script, "load", &csv, columns, scales, 3, 2);
  rs_csv_free(&csv);
  return step;
}

/* ---- latency.gp ---- */

static enum rs_plot_step data_latency(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                      const char **template_name)
{
  struct rs_csv csv;
  (void)which;
  (void)template_name;
  enum rs_plot_step step = read_combined(result, "latency.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  double least = INFINITY, most = 0;
  bool zero = false;
  for (uint32_t row = 0; row < csv.rows; row++) {
    double high = rs_csv_number(&csv, row, 2);
    if (high > 0)
      least = fmin(least, high);
    zero = zero || !(high > 0);
    most = fmax(most, high);
  }
  least = isfinite(least) ? least : 1e-6;
  double left = pow(10, floor(log10(least)) - (zero ? 1 : 0)), right = pow(10, ceil(log10(fmax(most, 2 * least))));
  rs_text_add(script, "LEFT = %.9g\nRIGHT = %.9g\nZERO = %d\n$latency << EOD\n", left, right, zero);
  for (uint32_t i = 0; i < result->case_count; i++) {
    bool any = false;
    for (uint32_t row = 0; row < csv.rows; row++) {
      if (!row_is_of(&csv, row, rs_plot_case_name(result, i)))
        continue;
      double at = fmax(left, rs_csv_number(&csv, row, 2));
      if (!any)
        rs_text_add(script, "%.9g 0\n", at);
      rs_text_add(script, "%.9g %.9g\n", at, 100 * rs_csv_number(&csv, row, 4));
      any = true;
    }
    rs_text_add(script, any ? "%.9g 100\n\n\n" : "NaN NaN\n\n\n", right);
  }
  rs_text_add(script, "EOD\n");
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

/* ---- rungs.gp ---- */

static void add_tags(const struct rs_plot_result *result, uint32_t which, uint32_t count, struct rs_text *script)
{
  const json_t *tags = json_object_get(case_of(result, which), "tags");
  bool rungs = json_object_get(json_object_get(case_of(result, which), "counts"), "trials") != NULL;
  uint32_t longest = 0;
  for (uint32_t t = 0; t < count; t++) {
    uint32_t size = (uint32_t)json_string_length(json_array_get(tags, t));
    longest = size > longest ? size : longest;
  }
  bool brief = (longest + 6) * count > 110; /* the legend must fit one line */
  rs_text_add(script, "TAGS = %u\nORDERED = %d\narray TAG[%u]\n", count, rungs, count ? count : 1);
  for (uint32_t t = 0; t < count; t++) {
    char number[32];
    const char *name = json_string_value(json_array_get(tags, t));
    snprintf(number, sizeof number, rungs ? "rung %u" : count > 1 ? "kind %u" : "task", t);
    rs_text_add(script, "TAG[%u] = ", t + 1);
    rs_plot_quote(script, name && !brief ? name : number, 30);
    rs_text_add(script, "\n");
  }
}

static enum rs_plot_step data_rungs(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                    const char **template_name)
{
  struct rs_csv csv;
  (void)which;
  (void)template_name;
  enum rs_plot_step step = read_combined(result, "rungs.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  double unit = add_time_axis(script, result->end_s), most = 0;
  uint32_t rungs = csv.columns - 3, longest = 0;
  rungs = rungs < RUNGS_MAX ? rungs : RUNGS_MAX;
  for (uint32_t i = 0; i < result->case_count; i++) /* the case with the most names says what the rungs are */
    if (json_array_size(json_object_get(case_of(result, i), "tags")) >
        json_array_size(json_object_get(case_of(result, longest), "tags")))
      longest = i;
  add_tags(result, longest, rungs, script);
  rs_text_add(script, "$rungs << EOD\n");
  for (uint32_t i = 0; i < result->case_count; i++) {
    uint32_t rows = 0;
    for (uint32_t row = 0; row < csv.rows; row++) {
      if (!row_is_of(&csv, row, rs_plot_case_name(result, i)))
        continue;
      double low = rs_csv_number(&csv, row, 1), high = rs_csv_number(&csv, row, 2), sum = 0;
      add_value(script, (low + high) / 2 / unit);
      for (uint32_t r = 0; r < rungs; r++) {
        double value = rs_csv_number(&csv, row, (int)r + 3);
        sum += isnan(value) ? 0 : value;
        add_value(script, sum);
      }
      rs_text_add(script, "\n");
      most = fmax(most, sum);
      rows++;
    }
    for (uint32_t c = 0; rows == 0 && c <= rungs; c++)
      rs_text_add(script, " NaN");
    rs_text_add(script, "\n\n");
    if (rows == 0)
      rs_text_add(script, "\n");
  }
  rs_text_add(script, "EOD\nMOST = %.9g\n", most);
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

/* ---- nodes.gp ---- */

static enum rs_plot_step data_nodes(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                    const char **template_name)
{
  struct rs_csv csv;
  (void)template_name;
  if (!json_is_true(json_object_get(case_of(result, which), "autoscaled")))
    return RS_PLOT_NONE;
  enum rs_plot_step step = read_combined(result, "load.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  const char *name = rs_plot_case_name(result, which);
  int busy = rs_csv_column(&csv, "busy_cpu"), queued = rs_csv_column(&csv, "queued_cpu"),
      cpu = rs_csv_column(&csv, "cpu"), nodes = rs_csv_column(&csv, "nodes"),
      wanted = rs_csv_column(&csv, "nodes_wanted");
  double end_s = rs_json_value(json_object_get(json_object_get(case_of(result, which), "metrics"), "run_s"), "max");
  double unit = add_time_axis(script, end_s), most = 0, capacity = 0, nodes_most = 1;
  bool any_wanted = false;
  rs_text_add(script, "CASE = ");
  rs_plot_quote(script, name, 60);
  rs_text_add(script, "\n$nodes << EOD\n");
  for (uint32_t row = 0; row < csv.rows; row++) {
    if (!row_is_of(&csv, row, name))
      continue;
    bool last = row + 1 == csv.rows || !row_is_of(&csv, row + 1, name);
    double demand = rs_csv_number(&csv, row, busy) + rs_csv_number(&csv, row, queued);
    for (int end = 0; end <= (int)last; end++) {
      add_value(script, rs_csv_number(&csv, row, end ? 2 : 1) / unit);
      add_value(script, demand);
      add_value(script, rs_csv_number(&csv, row, busy));
      add_value(script, rs_csv_number(&csv, row, cpu));
      add_value(script, rs_csv_number(&csv, row, nodes));
      add_value(script, rs_csv_number(&csv, row, wanted));
      rs_text_add(script, "\n");
    }
    most = fmax(most, demand);
    capacity = fmax(capacity, rs_csv_number(&csv, row, cpu));
    nodes_most = fmax(nodes_most, fmax(rs_csv_number(&csv, row, nodes), rs_csv_number(&csv, row, wanted)));
    any_wanted = any_wanted || !isnan(rs_csv_number(&csv, row, wanted));
  }
  rs_text_add(script, "EOD\nWANTED = %d\nLOG_Y = %d\nLOW = %.9g\nHIGH = %.9g\nNODES_HIGH = %.9g\n", any_wanted,
              capacity > 0 && most > 20 * capacity, fmin(1, capacity / 10), fmax(1e-3, fmax(most, capacity)),
              nodes_most);
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

/* ---- gantt.gp (bars) and heat.gp ---- */

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
    add_time_axis(script, end_s);
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
  uint32_t nodes = (uint32_t)json_integer_value(json_object_get(case_of(result, which), "nodes")), tags = 1;
  enum rs_plot_step step = RS_PLOT_NONE;
  if (csv.rows > 0 && nodes > 0 && nodes <= BAR_ROWS_MAX) {
    uint32_t *base = bar_rows(&csv, nodes);
    if (base[nodes] <= BAR_ROWS_MAX) {
      for (uint32_t row = 0; row < csv.rows; row++) {
        double tag = rs_csv_number(&csv, row, 4);
        if (tag >= tags && tag < RUNGS_MAX)
          tags = (uint32_t)tag + 1;
      }
      add_tags(result, which, tags, script);
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

static enum rs_plot_step try_heat(const struct rs_plot_result *result, uint32_t which, const char *folder, double unit,
                                  struct rs_text *script)
{
  struct rs_csv csv;
  bool missing, any = false, holes = false;
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
  rs_text_add(script, "NODES = %.0f\nPER_ROW = %u\nGROUPS = %u\nSTEP = %.12g\n$heat << EOD\n",
              rs_json_value(case_of(result, which), "nodes"), last - first + 1, groups,
              rs_csv_number(&csv, 0, 1) / unit);
  for (uint32_t g = 0; g < groups; g++) {
    for (uint32_t row = 0; row < csv.rows; row++)
      add_value(script, 100 * rs_csv_number(&csv, row, (int)g + 2));
    for (uint32_t row = 0; row < csv.rows && !holes; row++)
      holes = isnan(rs_csv_number(&csv, row, (int)g + 2));
    rs_text_add(script, "\n");
  }
  rs_text_add(script, "EOD\nHOLES = %d\n", holes);
  rs_csv_free(&csv);
  return RS_PLOT_DRAW;
}

static enum rs_plot_step data_gantt(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                    const char **template_name)
{
  const char *unit_name;
  const json_t *metrics = json_object_get(case_of(result, which), "metrics");
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
  double unit = time_unit(end_s, &unit_name);
  enum rs_plot_step step = try_bars(result, which, folder, unit, script);
  if (step == RS_PLOT_NONE) {
    *template_name = "heat";
    step = try_heat(result, which, folder, unit, script);
  }
  free(folder);
  return step;
}

const struct rs_plot_figure rs_plot_figures[] = {
    {"best", false, data_best},
    {"rungs", false, data_rungs},
    {"load", false, data_load},
    {"latency", false, data_latency},
    {"gantt", true, data_gantt},
    {"nodes", true, data_nodes},
    {0},
};
