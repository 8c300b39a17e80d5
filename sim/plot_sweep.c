/* The figure of a sweep over a number: cases that differ in that number only are the points of one curve. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/plot_int.h"
#include "sim/results_json.h"

struct sweep_point {
  double x;
  uint32_t which, curve;
};

/* The parameter that is a number in every case and takes most values, at least three: the sweep's axis. NULL: none. */
static const char *sweep_axis(const struct rs_plot_result *result)
{
  const char *best = NULL, *name;
  json_t *ignored;
  uint32_t most = 2;
  json_object_foreach(json_object_get(rs_plot_case(result, 0), "params"), name, ignored)
  {
    uint32_t distinct = 0;
    bool numeric = true;
    for (uint32_t i = 0; i < result->case_count && numeric; i++) {
      const char *value = json_string_value(json_object_get(json_object_get(rs_plot_case(result, i), "params"), name));
      char *end = NULL;
      numeric = value && *value && isfinite(strtod(value, &end)) && !*end;
      bool seen = false;
      for (uint32_t k = 0; k < i && numeric && !seen; k++) {
        const char *other =
            json_string_value(json_object_get(json_object_get(rs_plot_case(result, k), "params"), name));
        seen = strcmp(other, value) == 0;
      }
      distinct += numeric && !seen;
    }
    if (numeric && distinct > most) {
      most = distinct;
      best = name;
    }
  }
  return best;
}

/* The values of a case's other parameters: the name of its curve. The caller frees it. */
static char *curve_name(const struct rs_plot_result *result, uint32_t which, const char *axis)
{
  struct rs_text text = {0};
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(rs_plot_case(result, which), "params"), name, value)
  {
    if (strcmp(name, axis) != 0)
      rs_text_add(&text, "%s%s", text.size ? " " : "", json_string_value(value));
  }
  if (!text.bytes)
    rs_text_add(&text, "%s", "");
  return text.bytes;
}

static int by_curve_and_x(const void *left, const void *right)
{
  const struct sweep_point *a = left, *b = right;
  if (a->curve != b->curve)
    return a->curve < b->curve ? -1 : 1;
  if (a->x < b->x || a->x > b->x)
    return a->x < b->x ? -1 : 1;
  return a->which < b->which ? -1 : a->which > b->which;
}

/* Numbers the curves in order of appearance and names them; returns how many there are. */
static uint32_t name_curves(const struct rs_plot_result *result, const char *axis, struct sweep_point *points,
                            struct rs_text *script)
{
  char **names = rs_alloc_zero(result->case_count, sizeof *names);
  uint32_t curves = 0;
  size_t longest = 0;
  for (uint32_t i = 0; i < result->case_count; i++) {
    const json_t *params = json_object_get(rs_plot_case(result, i), "params");
    char *name = curve_name(result, i, axis);
    uint32_t curve = 0;
    while (curve < curves && strcmp(names[curve], name) != 0)
      curve++;
    points[i] = (struct sweep_point){
        .x = strtod(json_string_value(json_object_get(params, axis)), NULL), .which = i, .curve = curve};
    if (curve == curves)
      names[curves++] = name;
    else
      free(name);
  }
  rs_text_add(script, "CURVES = %u\narray CURVE[%u]\n", curves, curves);
  for (uint32_t i = 0; i < curves; i++) {
    rs_text_add(script, "CURVE[%u] = ", i + 1);
    rs_plot_quote(script, names[i], 30);
    rs_text_add(script, "\n");
    longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    free(names[i]);
  }
  free(names);
  rs_text_add(script, "SIDE = %d\n", (longest + 7) * curves > 130);
  return curves;
}

/* The figure's panels: the first three of these that the cases have. */
static const struct panel {
  const char *key, *label;
  double scale;
} panels[] = {{"best_value", NULL, 1},
              {"first_complete_s", "first trial trained to R [s]", 1},
              {"job_p50_s", "job time, median [s]", 1},
              {"latency_p99_s", "scheduling latency, p99 [ms]", 1e3},
              {"makespan_s", "makespan [s]", 1},
              {"utilisation", "busy CPUs [%]", 100}};

static const json_t *metric_of(const struct rs_plot_result *result, uint32_t which, const char *key)
{
  return json_object_get(json_object_get(rs_plot_case(result, which), "metrics"), key);
}

static void add_panel(const struct rs_plot_result *result, const struct panel *panel, const struct sweep_point *points,
                      uint32_t number, struct rs_text *data, struct rs_text *script)
{
  double least = INFINITY, most = -INFINITY;
  const char *metric = json_string_value(json_object_get(rs_plot_case(result, 0), "metric"));
  for (uint32_t i = 0; i < result->case_count; i++) {
    const json_t *stats = metric_of(result, points[i].which, panel->key);
    double mean = rs_json_value(stats, "mean"), low = rs_json_value(stats, "low"), high = rs_json_value(stats, "high");
    if (i > 0 && points[i].curve != points[i - 1].curve)
      rs_text_add(data, "\n\n");
    rs_plot_value(data, points[i].x);
    rs_plot_value(data, mean * panel->scale);
    rs_plot_value(data, (isnan(low) ? mean : low) * panel->scale);
    rs_plot_value(data, (isnan(high) ? mean : high) * panel->scale);
    rs_text_add(data, "\n");
    least = fmin(least, mean);
    most = fmax(most, mean);
  }
  rs_text_add(data, "\n\n");
  rs_text_add(script, "LABEL[%u] = ", number);
  rs_plot_quote(script, panel->label ? panel->label : metric ? metric : "best value", 40);
  rs_text_add(script, "\nLOG[%u] = %d\n", number, least > 0 && most > 30 * least);
}

/* The axis is labelled at the values themselves while they are few. */
static void add_ticks(const struct rs_plot_result *result, const struct sweep_point *points, struct rs_text *script)
{
  double seen[6];
  uint32_t count = 0;
  for (uint32_t i = 0; i < result->case_count && count <= 6; i++) {
    uint32_t k = 0;
    while (k < count && (seen[k] < points[i].x || seen[k] > points[i].x))
      k++;
    if (k == count && count == 6)
      count = 7; /* too many */
    else if (k == count)
      seen[count++] = points[i].x;
  }
  rs_text_add(script, "TICKS = '");
  for (uint32_t k = 0; k < count && count <= 6; k++)
    rs_text_add(script, "%s%.9g", k ? ", " : "", seen[k]);
  rs_text_add(script, "'\n");
}

enum rs_plot_step rs_plot_sweep(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                const char **template_name)
{
  const char *axis = sweep_axis(result);
  (void)which;
  (void)template_name;
  if (!axis)
    return RS_PLOT_NONE;
  struct sweep_point *points = rs_alloc_zero(result->case_count, sizeof *points);
  name_curves(result, axis, points, script);
  qsort(points, result->case_count, sizeof *points, by_curve_and_x);
  double least = INFINITY, most = -INFINITY;
  for (uint32_t i = 0; i < result->case_count; i++) {
    least = fmin(least, points[i].x);
    most = fmax(most, points[i].x);
  }
  add_ticks(result, points, script);
  rs_text_add(script, "AXIS = ");
  rs_plot_quote(script, axis, 40);
  rs_text_add(script, "\nLEFT = %.9g\nRIGHT = %.9g\nLOG_X = %d\narray LABEL[3]\narray LOG[3]\n", least, most,
              least > 0 && most > 30 * least);
  uint32_t number = 0;
  struct rs_text data = {0};
  for (size_t p = 0; p < sizeof panels / sizeof *panels && number < 3; p++) {
    bool any = false;
    for (uint32_t i = 0; i < result->case_count; i++)
      any = any || rs_json_value(metric_of(result, i, panels[p].key), "n") > 0;
    if (any)
      add_panel(result, &panels[p], points, ++number, &data, script);
  }
  rs_text_add(script, "PANELS = %u\n$sweep << EOD\n%sEOD\n", number, data.bytes ? data.bytes : "");
  free(data.bytes);
  free(points);
  return number > 0 ? RS_PLOT_DRAW : RS_PLOT_NONE;
}
