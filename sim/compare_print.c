/* compare_print.c -- a comparison as an aligned table, or as JSON. */
#include <stdlib.h>
#include <string.h>

#include "sim/compare_int.h"
#include "sim/results_json.h"

/* Columns: figure, first, second, difference and its interval, error, null model, its error. */
enum { WIDTH = 12 };

static void number(struct rs_text *out, double value)
{
  if (isnan(value))
    rs_text_add(out, " %*s", WIDTH, "-");
  else
    rs_text_add(out, " %*.5g", WIDTH, value);
}

static void percent(struct rs_text *out, double share)
{
  if (isnan(share))
    rs_text_add(out, " %9s", "-");
  else
    rs_text_add(out, " %+8.2f%%", 100 * share);
}

static void print_case(const struct cmp *cmp, const struct cmp_case *c, struct rs_text *out)
{
  rs_text_add(out, "\n%s: %u pair%s%s\n", c->name, c->pairs, c->pairs == 1 ? "" : "s",
              c->from_rows ? "" : "; no task rows on both sides: figures of the summaries, no null model");
  rs_text_add(out, "  %-15s %*s %*s %*s %*s %9s %*s %9s\n", "figure", WIDTH, rs_cmp_folder_mode(cmp->a), WIDTH,
              rs_cmp_folder_mode(cmp->b), WIDTH, "difference", WIDTH, "+-", "error", WIDTH, "null model", "its error");
  for (int f = 0; f < CMP_FIGURES; f++) {
    const struct cmp_cell *cell = &c->cells[f];
    if (cell->a.n == 0 && cell->b.n == 0)
      continue;
    rs_text_add(out, "  %-15s", rs_cmp_figure_names[f]);
    number(out, cell->a.mean);
    number(out, cell->b.mean);
    number(out, cell->difference.mean);
    number(out, (cell->difference.high - cell->difference.low) / 2);
    percent(out, cell->error);
    number(out, cell->null.mean);
    percent(out, cell->null_error);
    if (!isnan(cell->tolerance))
      rs_text_add(out, "  %s %.3g%%", cell->beyond ? "BEYOND" : "within", 100 * cell->tolerance);
    rs_text_add(out, "\n");
  }
  if (!isnan(cmp->opts.null_factor))
    rs_text_add(out, "  makespan: error %s %.3g of the null model's\n", c->null_beyond ? "NOT below" : "below",
                cmp->opts.null_factor);
}

static void print_order(const struct cmp *cmp, const uint32_t *order, const char *mode, struct rs_text *out)
{
  rs_text_add(out, "  %-10s", mode);
  for (uint32_t i = 0; i < cmp->case_count; i++)
    rs_text_add(out, "%s%s", i ? " < " : " ", cmp->cases[order[i]].name);
  rs_text_add(out, "\n");
}

void rs_cmp_print_text(const struct cmp *cmp, struct rs_text *out)
{
  rs_text_add(out, "%s: %s (%s) beside %s (%s), 95 %% intervals over pairs\n",
              json_string_value(json_object_get(cmp->a->summary, "scenario")), cmp->a->dir, rs_cmp_folder_mode(cmp->a),
              cmp->b->dir, rs_cmp_folder_mode(cmp->b));
  for (int k = 0; k < 2; k++) {
    const struct cmp_folder *folder = k ? cmp->b : cmp->a;
    if (strcmp(rs_cmp_folder_mode(folder), "real") == 0 && (folder->time_scale < 1 || folder->time_scale > 1))
      rs_text_add(out, "note: %s ran with time_scale %g\n", folder->dir, folder->time_scale);
    if (!folder->scenario)
      rs_text_add(out, "note: %s has no scenario.xml: that both ran the same one is only known by its name\n",
                  folder->dir);
  }
  for (uint32_t i = 0; i < cmp->case_count; i++)
    print_case(cmp, &cmp->cases[i], out);
  if (cmp->case_count > 1) {
    rs_text_add(out, "\nranking by %s, best first\n", rs_cmp_figure_names[cmp->rank_by]);
    print_order(cmp, cmp->rank_a, rs_cmp_folder_mode(cmp->a), out);
    print_order(cmp, cmp->rank_b, rs_cmp_folder_mode(cmp->b), out);
    if (isnan(cmp->tau))
      rs_text_add(out, "  Kendall's tau: none, all values are equal\n");
    else
      rs_text_add(out, "  Kendall's tau: %.3f\n", cmp->tau);
  }
  rs_text_add(out, "\n%s\n",
              !cmp->judged  ? "nothing was judged: no tolerance is given"
              : cmp->beyond ? "BEYOND the tolerance"
                            : "within the tolerance");
}

static json_t *stats_json(const struct rs_stats *stats)
{
  json_t *object = json_object();
  json_object_set_new(object, "mean", rs_json_number(stats->mean));
  json_object_set_new(object, "low", rs_json_number(stats->low));
  json_object_set_new(object, "high", rs_json_number(stats->high));
  json_object_set_new(object, "n", rs_json_count(stats->n));
  return object;
}

static json_t *case_json(const struct cmp *cmp, const struct cmp_case *c)
{
  json_t *object = json_object(), *figures = json_object();
  for (int f = 0; f < CMP_FIGURES; f++) {
    const struct cmp_cell *cell = &c->cells[f];
    if (cell->a.n == 0 && cell->b.n == 0)
      continue;
    json_t *figure = json_object();
    json_object_set_new(figure, "first", stats_json(&cell->a));
    json_object_set_new(figure, "second", stats_json(&cell->b));
    json_object_set_new(figure, "difference", stats_json(&cell->difference));
    json_object_set_new(figure, "error", rs_json_number(cell->error));
    json_object_set_new(figure, "null", rs_json_number(cell->null.mean));
    json_object_set_new(figure, "null_error", rs_json_number(cell->null_error));
    json_object_set_new(figure, "tolerance", rs_json_number(cell->tolerance));
    json_object_set_new(figure, "beyond", isnan(cell->tolerance) ? json_null() : json_boolean(cell->beyond));
    json_object_set_new(figures, rs_cmp_figure_names[f], figure);
  }
  json_object_set_new(object, "case", rs_json_text(c->name));
  json_object_set_new(object, "pairs", rs_json_count(c->pairs));
  json_object_set_new(object, "from_task_rows", json_boolean(c->from_rows));
  json_object_set_new(object, "figures", figures);
  json_object_set_new(object, "null_beyond", isnan(cmp->opts.null_factor) ? json_null() : json_boolean(c->null_beyond));
  return object;
}

static json_t *order_json(const struct cmp *cmp, const uint32_t *order)
{
  json_t *list = json_array();
  for (uint32_t i = 0; i < cmp->case_count; i++)
    json_array_append_new(list, rs_json_text(cmp->cases[order[i]].name));
  return list;
}

static json_t *folder_json(const struct cmp_folder *folder)
{
  json_t *object = json_object();
  json_object_set_new(object, "folder", rs_json_text(folder->dir));
  json_object_set_new(object, "mode", rs_json_text(rs_cmp_folder_mode(folder)));
  return object;
}

void rs_cmp_print_json(const struct cmp *cmp, struct rs_text *out)
{
  json_t *object = json_object(), *cases = json_array();
  json_object_set(object, "scenario", json_object_get(cmp->a->summary, "scenario"));
  json_object_set_new(object, "first", folder_json(cmp->a));
  json_object_set_new(object, "second", folder_json(cmp->b));
  for (uint32_t i = 0; i < cmp->case_count; i++)
    json_array_append_new(cases, case_json(cmp, &cmp->cases[i]));
  json_object_set_new(object, "cases", cases);
  if (cmp->case_count > 1) {
    json_t *ranking = json_object();
    json_object_set_new(ranking, "by", rs_json_text(rs_cmp_figure_names[cmp->rank_by]));
    json_object_set_new(ranking, "first", order_json(cmp, cmp->rank_a));
    json_object_set_new(ranking, "second", order_json(cmp, cmp->rank_b));
    json_object_set_new(ranking, "kendall_tau", rs_json_number(cmp->tau));
    json_object_set_new(ranking, "null_kendall_tau", rs_json_number(cmp->null_tau));
    json_object_set_new(object, "ranking", ranking);
  }
  json_object_set_new(object, "judged", json_boolean(cmp->judged));
  json_object_set_new(object, "beyond", json_boolean(cmp->beyond));
  char *text = json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
  rs_text_add(out, "%s\n", text);
  free(text);
  json_decref(object);
}
