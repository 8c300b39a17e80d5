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

const json_t *rs_plot_case(const struct rs_plot_result *result, uint32_t which)
{
  return json_array_get(result->cases, which);
}

const char *rs_plot_case_name(const struct rs_plot_result *result, uint32_t which)
{
  const char *name = json_string_value(json_object_get(rs_plot_case(result, which), "case"));
  return name ? name : "?";
}

/* The unit of a time axis that ends at end_s. */
double rs_plot_time_unit(double end_s, const char **name)
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

double rs_plot_time_axis(struct rs_text *script, double end_s)
{
  const char *name;
  double unit = rs_plot_time_unit(end_s, &name);
  rs_text_add(script, "TIME = '%s'\nEND = %.9g\n", name, end_s / unit);
  return unit;
}

void rs_plot_value(struct rs_text *script, double value)
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
        rs_plot_value(script, rs_csv_number(csv, row, columns[c]) * scales[c]);
      rs_text_add(script, "\n");
      last = row;
      rows++;
    }
    for (uint32_t c = 0; rows > 0 && until_column >= 0 && c < count; c++)
      rs_plot_value(script, rs_csv_number(csv, last, c == 0 ? until_column : columns[c]) * scales[c]);
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
  const json_t *first = rs_plot_case(result, 0);
  const char *metric = json_string_value(json_object_get(first, "metric"));
  double unit = rs_plot_time_axis(script, result->end_s);
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
  double unit = rs_plot_time_axis(script, result->end_s);
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
    if (high > 0 && rs_csv_number(&csv, row, 4) >= 1e-3) /* a longer tail than one in 1000 is not worth the room */
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

void rs_plot_tags(const struct rs_plot_result *result, uint32_t which, uint32_t count, struct rs_text *script)
{
  const json_t *tags = json_object_get(rs_plot_case(result, which), "tags");
  bool rungs = json_object_get(json_object_get(rs_plot_case(result, which), "counts"), "trials") != NULL;
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

/* Which cases have no rungs, where others have: SINGLE[case]; and what their one tag is called: WHOLE, or "". */
static void add_single(const struct rs_plot_result *result, uint32_t longest, struct rs_text *script)
{
  const char *whole = "";
  bool many = json_array_size(json_object_get(rs_plot_case(result, longest), "tags")) > 1;
  rs_text_add(script, "array SINGLE[%u]\n", result->case_count);
  for (uint32_t i = 0; i < result->case_count; i++) {
    const json_t *tags = json_object_get(rs_plot_case(result, i), "tags");
    bool single = many && json_array_size(tags) == 1;
    whole = single && json_string_value(json_array_get(tags, 0)) ? json_string_value(json_array_get(tags, 0)) : whole;
    rs_text_add(script, "SINGLE[%u] = %d\n", i + 1, single);
  }
  rs_text_add(script, "WHOLE = ");
  rs_plot_quote(script, whole, 30);
  rs_text_add(script, "\n");
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
  double unit = rs_plot_time_axis(script, result->end_s), most = 0;
  uint32_t rungs = csv.columns - 3, longest = 0;
  rungs = rungs < RS_PLOT_TAGS_MAX ? rungs : RS_PLOT_TAGS_MAX;
  for (uint32_t i = 0; i < result->case_count; i++) /* the case with the most names says what the rungs are */
    if (json_array_size(json_object_get(rs_plot_case(result, i), "tags")) >
        json_array_size(json_object_get(rs_plot_case(result, longest), "tags")))
      longest = i;
  rs_plot_tags(result, longest, rungs, script);
  add_single(result, longest, script);
  rs_text_add(script, "$rungs << EOD\n");
  for (uint32_t i = 0; i < result->case_count; i++) {
    uint32_t rows = 0;
    for (uint32_t row = 0; row < csv.rows; row++) {
      if (!row_is_of(&csv, row, rs_plot_case_name(result, i)))
        continue;
      double low = rs_csv_number(&csv, row, 1), high = rs_csv_number(&csv, row, 2), sum = 0;
      rs_plot_value(script, (low + high) / 2 / unit);
      for (uint32_t r = 0; r < rungs; r++) {
        double value = rs_csv_number(&csv, row, (int)r + 3);
        sum += isnan(value) ? 0 : value;
        rs_plot_value(script, sum);
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
  if (!json_is_true(json_object_get(rs_plot_case(result, which), "autoscaled")))
    return RS_PLOT_NONE;
  enum rs_plot_step step = read_combined(result, "load.csv", &csv);
  if (step != RS_PLOT_DRAW)
    return step;
  const char *name = rs_plot_case_name(result, which);
  int busy = rs_csv_column(&csv, "busy_cpu"), queued = rs_csv_column(&csv, "queued_cpu"),
      cpu = rs_csv_column(&csv, "cpu"), nodes = rs_csv_column(&csv, "nodes"),
      wanted = rs_csv_column(&csv, "nodes_wanted");
  double end_s =
      rs_json_value(json_object_get(json_object_get(rs_plot_case(result, which), "metrics"), "run_s"), "max");
  double unit = rs_plot_time_axis(script, end_s), most = 0, capacity = 0, nodes_most = 1;
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
      rs_plot_value(script, rs_csv_number(&csv, row, end ? 2 : 1) / unit);
      rs_plot_value(script, demand);
      rs_plot_value(script, rs_csv_number(&csv, row, busy));
      rs_plot_value(script, rs_csv_number(&csv, row, cpu));
      rs_plot_value(script, rs_csv_number(&csv, row, nodes));
      rs_plot_value(script, rs_csv_number(&csv, row, wanted));
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

const struct rs_plot_figure rs_plot_figures[] = {
    {"best", false, data_best},      {"rungs", false, data_rungs},
    {"load", false, data_load},      {"latency", false, data_latency},
    {"sweep", false, rs_plot_sweep}, {"gantt", true, rs_plot_gantt},
    {"nodes", true, data_nodes},     {0},
};
