/* units_forms.c -- the small forms of scenario attributes: lists, distributions, arrivals, graphs, search spaces.
 *
 * All share one parser: NAME or NAME(ARGUMENT, ...), arguments split at the commas outside brackets, and a distribution
 * may be followed by "in [min, max]". Limits are checked so that whoever draws from a form always comes to an end:
 * bounds must meet the distribution, shapes and sigmas stay in a range where draws are finite. O(length).
 */
#include "sim/units_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define TEXT_BYTES_MAX 4096 /* of one attribute; a longer one is refused */
#define LIST_COUNT_MAX 1024

/* ---- Lists and forms --------------------------------------------------------------------------------------------- */

static char *copy_trimmed(const char *begin, const char *end)
{
  while (begin < end && rs_units_blank(*begin))
    begin++;
  while (end > begin && rs_units_blank(end[-1]))
    end--;
  size_t length = (size_t)(end - begin);
  char *copy = rs_alloc(length + 1);
  memcpy(copy, begin, length);
  copy[length] = 0;
  return copy;
}

static void free_list(char **values, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    free(values[i]);
  free(values);
}

int rs_units_list(const char *text, char ***values, uint32_t *count, char *why, size_t why_bytes)
{
  char **out = NULL;
  uint32_t out_count = 0, cap = 0;
  int depth = 0;
  *values = NULL;
  *count = 0;
  if (strlen(text) > TEXT_BYTES_MAX)
    return rs_units_wrong(why, why_bytes, "is longer than %d characters; shorten it", TEXT_BYTES_MAX);
  for (const char *begin = text, *at = text;; at++) {
    if (*at == '(' || *at == '[')
      depth++;
    if ((*at == ')' || *at == ']') && --depth < 0)
      break;
    if (*at && (*at != ',' || depth > 0))
      continue;
    RS_GROW(out, out_count, cap);
    out[out_count++] = copy_trimmed(begin, at);
    if (!*out[out_count - 1] || out_count > LIST_COUNT_MAX) {
      bool empty = !*out[out_count - 1];
      free_list(out, out_count);
      return empty ? rs_units_wrong(why, why_bytes, "has an empty entry; write entries separated by single commas")
                   : rs_units_wrong(why, why_bytes, "has more than %d entries; use fewer", LIST_COUNT_MAX);
    }
    if (!*at)
      break;
    begin = at + 1;
  }
  if (depth != 0) {
    free_list(out, out_count);
    return rs_units_wrong(why, why_bytes, "has unbalanced brackets; close each ( with )");
  }
  *values = out;
  *count = out_count;
  return 0;
}

struct form {
  char *name; /* without arguments the whole text */
  char **arguments;
  uint32_t count;
  char *rest; /* behind the closing bracket, trimmed */
};

static void free_form(struct form *form)
{
  free(form->name);
  free_list(form->arguments, form->count);
  free(form->rest);
}

/* Reads NAME or NAME(ARGUMENTS)REST. */
static int read_form(const char *text, struct form *form, char *why, size_t why_bytes)
{
  *form = (struct form){0};
  if (strlen(text) > TEXT_BYTES_MAX)
    return rs_units_wrong(why, why_bytes, "is longer than %d characters; shorten it", TEXT_BYTES_MAX);
  const char *open = strchr(text, '('), *close = NULL;
  int depth = 0;
  for (const char *at = open; at && *at && !close; at++) {
    depth += *at == '(';
    if (*at == ')' && --depth == 0)
      close = at;
  }
  if (open && !close)
    return rs_units_wrong(why, why_bytes, "has an unclosed bracket; close each ( with )");
  if (!open) {
    form->name = copy_trimmed(text, text + strlen(text));
    form->rest = copy_trimmed("", "");
    return 0;
  }
  char *inside = copy_trimmed(open + 1, close);
  int result = *inside ? rs_units_list(inside, &form->arguments, &form->count, why, why_bytes) : 0;
  free(inside);
  if (result)
    return -1;
  form->name = copy_trimmed(text, open);
  form->rest = copy_trimmed(close + 1, text + strlen(text));
  return 0;
}

/* The index of form->name in names, or -1 with a message that offers the nearest or all of them. */
static int form_index(const struct form *form, const char *const *names, const char *what, char *why, size_t why_bytes)
{
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], form->name) == 0)
      return i;
  const char *near = rs_units_nearest(form->name, names);
  if (near)
    return rs_units_wrong(why, why_bytes, "has \"%.*s\", which is no %s; did you mean \"%s\"?",
                          rs_units_shown(form->name), form->name, what, near);
  char all[256] = "";
  for (int i = 0; names[i]; i++) {
    size_t length = strlen(all);
    snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", names[i]);
  }
  return rs_units_wrong(why, why_bytes, "has \"%.*s\", which is no %s; use one of %s", rs_units_shown(form->name),
                        form->name, what, all);
}

/* Checks the number of arguments; `shape` is the right form, for the message. */
static int need_arguments(const struct form *form, uint32_t count, const char *shape, char *why, size_t why_bytes)
{
  if (form->count == count)
    return 0;
  return rs_units_wrong(why, why_bytes, "has %u argument%s in %s(); write %s", form->count, form->count == 1 ? "" : "s",
                        form->name, shape);
}

static int no_rest(const struct form *form, char *why, size_t why_bytes)
{
  if (*form->rest)
    return rs_units_wrong(why, why_bytes, "has \"%.*s\" behind the bracket; remove it", rs_units_shown(form->rest),
                          form->rest);
  return 0;
}

/* Puts the argument in front of a clause about it: `argument "5": needs a unit`. */
static int argument_wrong(const char *argument, const char *clause, char *why, size_t why_bytes)
{
  return rs_units_wrong(why, why_bytes, "has the argument \"%.*s\", which %s", rs_units_shown(argument), argument,
                        clause);
}

/* ---- Distributions ----------------------------------------------------------------------------------------------- */

static const char *const dist_names[] = {"constant",  "uniform", "exponential", "normal",
                                         "lognormal", "pareto",  "weibull",     NULL};
static const char *const dist_shapes[] = {"constant(value)",      "uniform(low, high)",       "exponential(mean)",
                                          "normal(mean, sd)",     "lognormal(median, sigma)", "pareto(scale, shape)",
                                          "weibull(scale, shape)"};

static int read_value(const struct rs_units_quantity *quantity, const char *text, double *out, char *why,
                      size_t why_bytes)
{
  char clause[RS_UNITS_WHY_BYTES / 2];
  uint64_t value;
  if (rs_units_quantity(quantity, text, &value, clause, sizeof clause))
    return argument_wrong(text, clause, why, why_bytes);
  *out = (double)value;
  return 0;
}

static int read_shape(const char *text, double *out, char *why, size_t why_bytes)
{
  char clause[RS_UNITS_WHY_BYTES / 2];
  if (rs_units_number(text, out, clause, sizeof clause))
    return argument_wrong(text, clause, why, why_bytes);
  return 0;
}

/* Reads "in [min, max]" (or nothing) into dist->min and dist->max. */
static int read_bounds(const struct rs_units_quantity *quantity, const char *text, struct rs_dist *dist, char *why,
                       size_t why_bytes)
{
  dist->min = 0;
  dist->max = INFINITY;
  if (!*text)
    return 0;
  size_t length = strlen(text);
  const char *open = strncmp(text, "in", 2) == 0 ? rs_units_skip(text + 2) : "";
  char **parts = NULL;
  uint32_t count = 0;
  int result = -1;
  if (*open != '[' || text[length - 1] != ']')
    return rs_units_wrong(why, why_bytes,
                          "has \"%.*s\" behind the distribution; only \"in [min, max]\" may stand there",
                          rs_units_shown(text), text);
  char *inside = copy_trimmed(open + 1, text + length - 1);
  if (rs_units_list(inside, &parts, &count, why, why_bytes))
    goto out;
  if (count != 2) {
    rs_units_wrong(why, why_bytes, "has bounds that are not two; write \"in [min, max]\"");
    goto out;
  }
  if (read_value(quantity, parts[0], &dist->min, why, why_bytes) ||
      read_value(quantity, parts[1], &dist->max, why, why_bytes))
    goto out;
  if (!(dist->min < dist->max))
    rs_units_wrong(why, why_bytes, "has bounds in the wrong order; write the smaller one first");
  else
    result = 0;
out:
  free_list(parts, count);
  free(inside);
  return result;
}

/* Is there room between the bounds for a draw? A generator that draws again and again must not do so for ever. */
static int check_support(const struct rs_dist *dist, char *why, size_t why_bytes)
{
  double low = 0, high = INFINITY;
  switch (dist->kind) {
  case RS_DIST_CONSTANT: low = high = dist->a; break;
  case RS_DIST_UNIFORM:
    low = dist->a;
    high = dist->b;
    break;
  case RS_DIST_PARETO: low = dist->a; break;
  case RS_DIST_NORMAL: /* 4 standard deviations: a draw in 15,000 */
    low = dist->a - 4 * dist->b;
    high = dist->a + 4 * dist->b;
    break;
  case RS_DIST_LOGNORMAL:
    low = dist->a * exp(-4 * dist->b);
    high = dist->a * exp(4 * dist->b);
    break;
  case RS_DIST_EXPONENTIAL: high = 10 * dist->a; break;
  case RS_DIST_WEIBULL: high = dist->a * pow(10, 1 / dist->b); break;
  }
  if (low > dist->max || high < dist->min)
    return rs_units_wrong(why, why_bytes, "has bounds that the distribution never or hardly ever meets; widen them");
  return 0;
}

static int read_dist_form(const struct rs_units_quantity *quantity, const struct form *form, struct rs_dist *dist,
                          char *why, size_t why_bytes)
{
  int kind = form_index(form, dist_names, "distribution", why, why_bytes);
  if (kind < 0)
    return -1;
  dist->kind = (enum rs_dist_kind)kind;
  uint32_t count = kind == RS_DIST_CONSTANT || kind == RS_DIST_EXPONENTIAL ? 1 : 2;
  if (need_arguments(form, count, dist_shapes[kind], why, why_bytes) ||
      read_value(quantity, form->arguments[0], &dist->a, why, why_bytes))
    return -1;
  bool same_unit = kind == RS_DIST_UNIFORM || kind == RS_DIST_NORMAL;
  if (count == 2 && (same_unit ? read_value(quantity, form->arguments[1], &dist->b, why, why_bytes)
                               : read_shape(form->arguments[1], &dist->b, why, why_bytes)))
    return -1;
  if (kind == RS_DIST_UNIFORM && dist->a > dist->b)
    return rs_units_wrong(why, why_bytes, "has its limits in the wrong order; write the smaller one first");
  if ((kind == RS_DIST_EXPONENTIAL || kind >= RS_DIST_LOGNORMAL) && !(dist->a > 0))
    return rs_units_wrong(why, why_bytes, "has 0 as the first argument of %s(); it must be positive", dist_names[kind]);
  if (kind == RS_DIST_LOGNORMAL && (dist->b < 0 || dist->b > 10))
    return rs_units_wrong(why, why_bytes, "has a sigma outside 0..10; it has no unit, 0.5 is a common value");
  if ((kind == RS_DIST_PARETO || kind == RS_DIST_WEIBULL) && !(dist->b >= 0.05 && dist->b <= 100))
    return rs_units_wrong(why, why_bytes, "has a shape outside 0.05..100; it has no unit, 1.5 is a common value");
  return read_bounds(quantity, form->rest, dist, why, why_bytes) || check_support(dist, why, why_bytes) ? -1 : 0;
}

static int read_dist(const struct rs_units_quantity *quantity, const char *text, struct rs_dist *dist, char *why,
                     size_t why_bytes)
{
  const char *at = rs_units_skip(text);
  *dist = (struct rs_dist){.kind = RS_DIST_CONSTANT, .max = INFINITY};
  if (!strchr(at, '(')) { /* a plain value, or a word that is neither */
    uint64_t value;
    bool word = (*at >= 'a' && *at <= 'z') && strncasecmp(at, "nan", 3) != 0 && strncasecmp(at, "inf", 3) != 0;
    if (word)
      return rs_units_wrong(why, why_bytes,
                            "is neither %s nor a distribution such as \"uniform(1 %s, 2 %s)\"; write one",
                            rs_units_what(quantity), rs_units_example(quantity), rs_units_example(quantity));
    if (rs_units_quantity(quantity, text, &value, why, why_bytes))
      return -1;
    dist->a = (double)value;
    return 0;
  }
  struct form form;
  if (read_form(text, &form, why, why_bytes))
    return -1;
  int result = read_dist_form(quantity, &form, dist, why, why_bytes);
  free_form(&form);
  return result;
}

int rs_units_time_dist(const char *text, struct rs_dist *dist, char *why, size_t why_bytes)
{
  return read_dist(&rs_units_of_time, text, dist, why, why_bytes);
}

int rs_units_size_dist(const char *text, struct rs_dist *dist, char *why, size_t why_bytes)
{
  return read_dist(&rs_units_of_size, text, dist, why, why_bytes);
}

/* ---- Arrivals, graphs, search spaces ----------------------------------------------------------------------------- */

static int form_time(const char *text, uint64_t *out, char *why, size_t why_bytes)
{
  double value;
  if (read_value(&rs_units_of_time, text, &value, why, why_bytes))
    return -1;
  return rs_units_time(text, out, why, why_bytes);
}

static int form_count(const char *text, uint64_t *out, char *why, size_t why_bytes)
{
  char clause[RS_UNITS_WHY_BYTES / 2];
  if (rs_units_count(text, out, clause, sizeof clause))
    return argument_wrong(text, clause, why, why_bytes);
  if (*out == 0)
    return argument_wrong(text, "must be at least 1", why, why_bytes);
  return 0;
}

static int read_arrival(const struct form *form, struct rs_scenario_arrival *arrival, char *why, size_t why_bytes)
{
  static const char *const names[] = {"at_once", "uniform", "poisson", "renewal", "bursts", NULL};
  static const char *const shapes[] = {"at_once", "uniform(span)", "poisson(rate)", "renewal(time distribution)",
                                       "bursts(count, every)"};
  char clause[RS_UNITS_WHY_BYTES / 2];
  int kind = form_index(form, names, "arrival process", why, why_bytes);
  if (kind < 0)
    return -1;
  *arrival = (struct rs_scenario_arrival){.kind = (enum rs_arrival_kind)kind, .burst = 1};
  uint32_t count = kind == RS_ARRIVAL_AT_ONCE ? 0 : kind == RS_ARRIVAL_BURSTS ? 2 : 1;
  if (need_arguments(form, count, shapes[kind], why, why_bytes) || no_rest(form, why, why_bytes))
    return -1;
  switch (arrival->kind) {
  case RS_ARRIVAL_AT_ONCE: return 0;
  case RS_ARRIVAL_UNIFORM: return form_time(form->arguments[0], &arrival->span_ns, why, why_bytes);
  case RS_ARRIVAL_POISSON:
    if (rs_units_rate(form->arguments[0], &arrival->rate_per_s, clause, sizeof clause))
      return argument_wrong(form->arguments[0], clause, why, why_bytes);
    if (!(arrival->rate_per_s > 0))
      return argument_wrong(form->arguments[0], "must be more than 0", why, why_bytes);
    return 0;
  case RS_ARRIVAL_RENEWAL:
    if (rs_units_time_dist(form->arguments[0], &arrival->gap_ns, clause, sizeof clause))
      return argument_wrong(form->arguments[0], clause, why, why_bytes);
    return 0;
  case RS_ARRIVAL_BURSTS:
    return form_count(form->arguments[0], &arrival->burst, why, why_bytes) ||
                   form_time(form->arguments[1], &arrival->span_ns, why, why_bytes)
               ? -1
               : 0;
  }
  return -1;
}

int rs_units_arrival(const char *text, struct rs_scenario_arrival *arrival, char *why, size_t why_bytes)
{
  struct form form;
  if (read_form(text, &form, why, why_bytes))
    return -1;
  int result = read_arrival(&form, arrival, why, why_bytes);
  free_form(&form);
  return result;
}

int rs_units_graph(const char *text, enum rs_graph_kind *kind, uint64_t *width, uint64_t *window, char *why,
                   size_t why_bytes)
{
  static const char *const names[] = {"none", "chain", "fan", "random", NULL};
  static const char *const shapes[] = {"none", "chain(length)", "fan(width)", "random(degree, window)"};
  struct form form;
  *width = *window = 0;
  if (read_form(text, &form, why, why_bytes))
    return -1;
  int index = form_index(&form, names, "dependency graph", why, why_bytes), result = -1;
  if (index >= 0) {
    uint32_t count = index == RS_GRAPH_NONE ? 0 : index == RS_GRAPH_RANDOM ? 2 : 1;
    *kind = (enum rs_graph_kind)index;
    result = need_arguments(&form, count, shapes[index], why, why_bytes) || no_rest(&form, why, why_bytes) ||
                     (count > 0 && form_count(form.arguments[0], width, why, why_bytes)) ||
                     (count > 1 && form_count(form.arguments[1], window, why, why_bytes))
                 ? -1
                 : 0;
    if (result == 0 && index == RS_GRAPH_RANDOM && *width > *window)
      result = rs_units_wrong(why, why_bytes,
                              "has a degree over its window; write random(degree, window), the smaller first");
  }
  free_form(&form);
  return result;
}

static const char *const space_names[] = {"uniform",    "quniform", "loguniform", "qloguniform", "randint",
                                          "lograndint", "randn",    "choice",     "grid_search", NULL};
static const char *const space_shapes[] = {
    "uniform(low, high)",        "quniform(low, high, q)", "loguniform(low, high)",
    "qloguniform(low, high, q)", "randint(low, high)",     "lograndint(low, high)",
    "randn(mean, sd)",           "choice(value, ...)",     "grid_search(value, ...)"};

/* Takes the arguments over as values, and as numbers where they are some. */
static int read_choice(struct form *form, struct rs_scenario_param *param, char *why, size_t why_bytes)
{
  char ignored[RS_UNITS_WHY_BYTES];
  if (form->count == 0)
    return rs_units_wrong(why, why_bytes, "has no values in %s(); write %s", form->name, space_shapes[param->kind]);
  param->values = form->arguments;
  param->value_count = form->count;
  param->numbers = rs_alloc_zero(form->count, sizeof *param->numbers);
  for (uint32_t i = 0; i < form->count; i++)
    if (rs_units_number(param->values[i], &param->numbers[i], ignored, sizeof ignored))
      param->numbers[i] = NAN;
  form->arguments = NULL;
  form->count = 0;
  return 0;
}

static int read_space(struct form *form, struct rs_scenario_param *param, char *why, size_t why_bytes)
{
  int kind = form_index(form, space_names, "search space", why, why_bytes);
  if (kind < 0)
    return -1;
  param->kind = (enum rs_space_kind)kind;
  if (no_rest(form, why, why_bytes))
    return -1;
  if (kind == RS_SPACE_CHOICE || kind == RS_SPACE_GRID)
    return read_choice(form, param, why, why_bytes);
  uint32_t count = kind == RS_SPACE_QUNIFORM || kind == RS_SPACE_QLOGUNIFORM ? 3 : 2;
  double *numbers[3] = {&param->a, &param->b, &param->q};
  if (need_arguments(form, count, space_shapes[kind], why, why_bytes))
    return -1;
  for (uint32_t i = 0; i < count; i++)
    if (read_shape(form->arguments[i], numbers[i], why, why_bytes))
      return -1;
  if (kind == RS_SPACE_RANDN)
    return param->b >= 0 ? 0 : rs_units_wrong(why, why_bytes, "has a negative standard deviation; write 0 or more");
  if (!(param->a < param->b))
    return rs_units_wrong(why, why_bytes, "has its limits in the wrong order; the first must be less than the second");
  bool logarithmic = kind == RS_SPACE_LOGUNIFORM || kind == RS_SPACE_QLOGUNIFORM || kind == RS_SPACE_LOGRANDINT;
  if (logarithmic && !(param->a > 0))
    return rs_units_wrong(why, why_bytes, "has a lower limit of 0 or less on a logarithmic scale; it must be positive");
  if (count == 3 && !(param->q > 0))
    return rs_units_wrong(why, why_bytes, "has a step q of 0 or less; it must be positive");
  bool integers = kind == RS_SPACE_RANDINT || kind == RS_SPACE_LOGRANDINT;
  if (integers &&
      (param->a != floor(param->a) || param->b != floor(param->b) || fabs(param->a) > 9e15 || fabs(param->b) > 9e15))
    return rs_units_wrong(why, why_bytes, "has a limit that is no whole number (of up to 9e15); %s() draws integers",
                          form->name);
  return 0;
}

int rs_units_space(const char *text, struct rs_scenario_param *param, char *why, size_t why_bytes)
{
  struct form form;
  param->values = NULL;
  param->numbers = NULL;
  param->value_count = 0;
  if (read_form(text, &form, why, why_bytes))
    return -1;
  int result = read_space(&form, param, why, why_bytes);
  free_form(&form);
  return result;
}
