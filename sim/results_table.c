/* The summary as text. Two tables: what was measured (mean +- half of the interval over seeds) and what was counted. A
 * column without a value in any case is left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/results.h"
#include "sim/results_json.h"
#include "sim/results_text.h"

enum shown { ALWAYS, TUNE, TASKS }; /* TASKS: only where no trial ran */

struct column {
  const char *title; /* "%s" stands for the trials' metric */
  const char *section, *key;
  double scale;
  enum shown shown;
};

static const struct column measured[] = {
    {"best %s", "metrics", "best_value", 1, TUNE},
    {"best trained to R", "metrics", "best_complete_value", 1, TUNE},
    {"first to R [s]", "metrics", "first_complete_s", 1, TUNE},
    {"trials", "counts", "trials", 1, TUNE},
    {"trained to R", "counts", "trials_complete", 1, TUNE},
    {"makespan [s]", "metrics", "makespan_s", 1, TASKS},
    {"tasks/s", "metrics", "tasks_per_s", 1, TASKS},
    {"busy [%]", "metrics", "utilisation", 100, ALWAYS},
    {"GPU busy [%]", "metrics", "utilisation_gpu", 100, ALWAYS},
    {"latency p50 [ms]", "metrics", "latency_p50_s", 1e3, TASKS},
    {"p99 [ms]", "metrics", "latency_p99_s", 1e3, TASKS},
    {"job p50 [s]", "metrics", "job_p50_s", 1, TASKS},
    {"job p99 [s]", "metrics", "job_p99_s", 1, TASKS},
    {"CPU hours", "metrics", "cpu_hours", 1, ALWAYS},
    {0},
};

static const struct column counted[] = {
    {"tasks", "counts", "tasks", 1, ALWAYS},
    {"failed", "counts", "tasks_failed", 1, ALWAYS},
    {"retries", "counts", "retries", 1, ALWAYS},
    {"items", "counts", "items", 1, ALWAYS},
    {"most stored [MB]", "counts", "store_peak_bytes", 1e-6, ALWAYS},
    {"decisions", "counts", "decisions", 1, ALWAYS},
    {"spillbacks", "counts", "spillbacks", 1, ALWAYS},
    {"messages", "counts", "messages", 1, ALWAYS},
    {"events", "counts", "events", 1, ALWAYS},
    {"run [s]", "metrics", "run_s", 1, ALWAYS},
    {0},
};

/* A number with commas between thousands. */
static void group(char *out, size_t out_size, double value, int decimals)
{
  char plain[64];
  snprintf(plain, sizeof plain, "%.*f", decimals, value);
  size_t digits = strcspn(plain, ".") - (plain[0] == '-'), used = 0;
  for (const char *c = plain; *c && used + 2 < out_size; c++) {
    out[used++] = *c;
    size_t left = (size_t)(plain + strcspn(plain, ".") - c);
    if (*c != '-' && left > 1 && left <= digits && left % 3 == 1)
      out[used++] = ',';
  }
  out[used] = '\0';
}

/* How many decimals show `digits` significant digits of a value. */
static int decimals_for(double value, int digits)
{
  value = fabs(value);
  if (!(value > 0))
    return 0;
  int decimals = digits - 1 - (int)floor(log10(value));
  return decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
}

static void cell(char *out, size_t size, const json_t *entry, const struct column *column)
{
  const json_t *stats = json_object_get(json_object_get(entry, column->section), column->key);
  double mean = rs_json_value(stats, "mean") * column->scale;
  double half = (rs_json_value(stats, "high") - rs_json_value(stats, "mean")) * column->scale;
  char first[48], second[48];
  if (isnan(mean)) {
    snprintf(out, size, "-");
    return;
  }
  bool whole = mean == floor(mean) && fabs(mean) < 1e15;
  if (isnan(half) || !(half > 0)) {
    group(out, size, mean, whole ? 0 : decimals_for(mean, 4));
    return;
  }
  int decimals = decimals_for(half, 2), fewest = decimals_for(mean, 5);
  decimals = decimals < fewest ? decimals : fewest;
  group(first, sizeof first, mean, decimals);
  if (half < 0.5 * pow(10, -decimals)) { /* too small to be seen in these digits */
    snprintf(out, size, "%s", first);
    return;
  }
  group(second, sizeof second, half, decimals);
  snprintf(out, size, "%s ± %s", first, second);
}

static uint32_t width_of(const char *text)
{
  uint32_t width = 0;
  for (; *text; text++)
    width += ((unsigned char)*text & 0xC0) != 0x80; /* UTF-8: a character, not a byte */
  return width;
}

static void pad(struct rs_text *text, const char *what, uint32_t width, bool left)
{
  int spaces = (int)(width > width_of(what) ? width - width_of(what) : 0);
  if (left)
    rs_text_add(text, "%s%*s", what, spaces, "");
  else
    rs_text_add(text, "%*s%s", spaces, "", what);
}

static bool any_value(const json_t *cases, const struct column *column)
{
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *stats = json_object_get(json_object_get(json_array_get(cases, i), column->section), column->key);
    double value = rs_json_value(stats, "mean");
    bool dull = strcmp(column->key, "tasks_failed") == 0 || strcmp(column->key, "retries") == 0;
    if (!isnan(value) && !(dull && value == 0))
      return true;
  }
  return false;
}

static void add_table(struct rs_text *text, const json_t *cases, const struct column *columns)
{
  enum { COLUMNS = 16, CELL = 100 };
  size_t rows = json_array_size(cases), used = 0;
  const struct column *shown[COLUMNS];
  bool tune = any_value(cases, &measured[3]);
  for (const struct column *column = columns; column->title; column++)
    if (column->shown != (tune ? TASKS : TUNE) && any_value(cases, column))
      shown[used++] = column;
  char(*cells)[CELL] = rs_alloc_zero((rows + 1) * (used + 1), sizeof *cells);
  snprintf(cells[0], CELL, "case");
  for (size_t c = 0; c < used; c++) {
    const char *metric = json_string_value(json_object_get(json_array_get(cases, 0), "metric"));
    const char *mark = strstr(shown[c]->title, "%s");
    if (mark)
      snprintf(cells[c + 1], CELL, "%.*s%s", (int)(mark - shown[c]->title), shown[c]->title, metric);
    else
      snprintf(cells[c + 1], CELL, "%s", shown[c]->title);
  }
  for (size_t r = 0; r < rows; r++) {
    const json_t *entry = json_array_get(cases, r);
    snprintf(cells[(r + 1) * (used + 1)], CELL, "%s", json_string_value(json_object_get(entry, "case")));
    for (size_t c = 0; c < used; c++)
      cell(cells[(r + 1) * (used + 1) + c + 1], CELL, entry, shown[c]);
  }
  for (size_t r = 0; r <= rows; r++)
    for (size_t c = 0; c <= used; c++) {
      uint32_t width = 0;
      for (size_t k = 0; k <= rows; k++) {
        uint32_t w = width_of(cells[k * (used + 1) + c]);
        width = w > width ? w : width;
      }
      rs_text_add(text, c > 0 ? "  " : "");
      pad(text, cells[r * (used + 1) + c], width, c == 0);
      rs_text_add(text, c == used ? "\n" : "");
    }
  free(cells);
}

static void add_quiet(struct rs_text *text, const json_t *cases)
{
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *entry = json_array_get(cases, i);
    rs_text_add(text, "case=\"%s\"", json_string_value(json_object_get(entry, "case")));
    for (int table = 0; table < 2; table++)
      for (const struct column *column = table ? counted : measured; column->title; column++) {
        double mean = rs_json_value(json_object_get(json_object_get(entry, column->section), column->key), "mean");
        if (!isnan(mean))
          rs_text_add(text, " %s=%.9g", column->key, mean);
      }
    rs_text_add(text, "\n");
  }
}

char *rs_results_table(const char *dir, bool quiet, char *err, size_t err_size)
{
  json_t *summary = rs_json_read(dir, "summary.json", err, err_size);
  if (!summary)
    return NULL;
  struct rs_text text = {0};
  const json_t *cases = json_object_get(summary, "cases"), *first = json_array_get(cases, 0);
  if (!first) {
    snprintf(err, err_size, "%s/summary.json: not a raysim result: it has no cases", dir);
  } else if (quiet) {
    add_quiet(&text, cases);
  } else {
    json_int_t runs = json_integer_value(json_object_get(first, "runs"));
    rs_text_add(&text, "%s (%s, %s): %lld case%s x %lld seed%s%s%s\n\n",
                json_string_value(json_object_get(summary, "scenario")),
                json_string_value(json_object_get(summary, "mode")),
                json_string_value(json_object_get(summary, "raysim")), (long long)json_array_size(cases),
                json_array_size(cases) == 1 ? "" : "s", (long long)runs, runs == 1 ? "" : "s",
                runs > 1 ? ", mean ± half of the 95 % interval" : "",
                json_is_true(json_object_get(summary, "partial")) ? "; PARTIAL: the run was interrupted" : "");
    add_table(&text, cases, measured);
    rs_text_add(&text, "\n");
    add_table(&text, cases, counted);
  }
  json_decref(summary);
  return text.bytes;
}
