/* units.c -- numbers with units, and the small forms of scenario attributes.
 *
 * A number is read by our own scanner into a decimal (up to 19 significant digits and a power of ten), multiplied by
 * its unit as an integer of 128 bits and rounded once, half up: no locale, no hexadecimal, no "inf" or "nan", no double
 * on the way. A result that rounds a positive number to 0 is an error, as is anything beyond the type's range. Reals
 * that stay reals (a shape, a share) go through strtod in the "C" locale, which rounds correctly.
 *
 * The forms share one small parser: NAME or NAME(ARGUMENT, ...), arguments split at commas outside brackets. O(length).
 */
#include "sim/units.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

__extension__ typedef unsigned __int128 wide;

#define TEXT_BYTES_MAX 4096 /* of one attribute; a longer one is refused */
#define LIST_COUNT_MAX 1024

__attribute__((format(printf, 3, 4))) static int wrong(char *why, size_t why_bytes, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  if (why_bytes)
    vsnprintf(why, why_bytes, format, list);
  va_end(list);
  return -1;
}

static bool blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
static bool digit(char c)
{
  return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at)
{
  while (blank(*at))
    at++;
  return at;
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

struct decimal { /* digits x 10^exponent */
  uint64_t digits;
  int exponent;
  bool whole; /* neither point nor exponent was written */
};

/* Reads a number without a sign; *end is behind it. `what` names the quantity in messages. */
static int scan_decimal(const char *text, const char *what, struct decimal *out, const char **end, char *why,
                        size_t why_bytes)
{
  const char *at = skip_blanks(text);
  if (!*at)
    return wrong(why, why_bytes, "is empty; write %s", what);
  if (*at == '-' && (digit(at[1]) || at[1] == '.'))
    return wrong(why, why_bytes, "must not be negative; write %s of 0 or more", what);
  if (strncasecmp(at, "nan", 3) == 0 || strncasecmp(at, "inf", 3) == 0 || strncasecmp(at, "-inf", 4) == 0 ||
      strncasecmp(at, "+inf", 4) == 0)
    return wrong(why, why_bytes, "must be finite; write %s", what);
  if (!digit(*at))
    return wrong(why, why_bytes, "does not begin with a number; write %s", what);
  *out = (struct decimal){.whole = true};
  bool point = false;
  for (; digit(*at) || (*at == '.' && !point && digit(at[1])); at++) {
    if (*at == '.') {
      point = true;
      out->whole = false;
      continue;
    }
    uint64_t value = (uint64_t)(*at - '0');
    if (out->digits > (UINT64_MAX - value) / 10) { /* no more room: drop the digit, it is under 1e-19 of the value */
      if (!point && out->exponent < 100000)
        out->exponent++;
      continue;
    }
    out->digits = out->digits * 10 + value;
    if (point && out->exponent > -100000)
      out->exponent--;
  }
  if (*at == 'e' || *at == 'E') {
    const char *power = at + 1;
    bool minus = *power == '-';
    if (*power == '-' || *power == '+')
      power++;
    if (digit(*power)) {
      int exponent = 0;
      for (; digit(*power); power++)
        if (exponent < 100000)
          exponent = exponent * 10 + (*power - '0');
      out->exponent += minus ? -exponent : exponent;
      out->whole = false;
      at = power;
    }
  }
  *end = at;
  return 0;
}

/* digits x 10^exponent x multiplier / divisor, rounded half up. False: over `max`. *exact: nothing was rounded off. */
static bool scale_decimal(struct decimal value, uint64_t multiplier, uint64_t divisor, uint64_t max, uint64_t *out,
                          bool *exact)
{
  *exact = true;
  *out = 0;
  if (value.digits == 0)
    return true;
  wide number = (wide)value.digits * multiplier; /* < 2^128, since both are < 2^64 */
  int exponent = value.exponent;
  for (; exponent > 0; exponent--) {
    if (number > ((wide)max + 1) * divisor) /* larger already: no need to go on */
      return false;
    number *= 10;
  }
  wide by = divisor;
  for (; exponent < 0; exponent++) {
    if (by > number * 2) { /* rounds to 0, whatever follows */
      *exact = false;
      return true;
    }
    if (by > (wide)1 << 120) { /* keep the quotient's digits: shorten the number instead */
      *exact = *exact && number % 10 == 0;
      number /= 10;
      continue;
    }
    by *= 10;
  }
  wide quotient = number / by, rest = number % by;
  if (rest)
    *exact = false;
  if (rest >= by - rest)
    quotient++;
  if (quotient > max)
    return false;
  *out = (uint64_t)quotient;
  return true;
}

struct unit {
  const char *name;
  uint64_t multiplier, divisor;
};

static const struct unit time_units[] = {{"ns", 1, 1},
                                         {"us", 1000, 1},
                                         {"ms", 1000000, 1},
                                         {"s", 1000000000, 1},
                                         {"min", UINT64_C(60000000000), 1},
                                         {"h", UINT64_C(3600000000000), 1},
                                         {"d", UINT64_C(86400000000000), 1},
                                         {0}};
static const struct unit size_units[] = {{"B", 1, 1},
                                         {"KB", 1000, 1},
                                         {"KiB", 1024, 1},
                                         {"MB", 1000000, 1},
                                         {"MiB", 1 << 20, 1},
                                         {"GB", 1000000000, 1},
                                         {"GiB", 1 << 30, 1},
                                         {"TB", UINT64_C(1000000000000), 1},
                                         {"TiB", UINT64_C(1) << 40, 1},
                                         {0}};
static const struct unit bandwidth_units[] = {{"bps", 1, 8},
                                              {"Kbps", 1000, 8},
                                              {"Mbps", 1000000, 8},
                                              {"Gbps", 1000000000, 8},
                                              {"Tbps", UINT64_C(1000000000000), 8},
                                              {"Bps", 1, 1},
                                              {"KBps", 1000, 1},
                                              {"MBps", 1000000, 1},
                                              {"GBps", 1000000000, 1},
                                              {0}};

struct quantity {
  const char *what;    /* "a time" */
  const char *example; /* "5 ms" */
  const char *list;    /* "ns, us, ms, s, min, h, d" */
  const struct unit *units;
  uint64_t max;
  const char *max_text;
};

static const struct quantity time_quantity = {
    "a time such as \"5 ms\"", "ms", "ns, us, ms, s, min, h, d", time_units, RS_UNITS_TIME_NS_MAX, "36500 d"};
static const struct quantity size_quantity = {
    "a size such as \"5 MiB\"", "MiB",        "B, KB, KiB, MB, MiB, GB, GiB, TB, TiB", size_units,
    UINT64_C(1) << 60,          "1048576 TiB"};
static const struct quantity bandwidth_quantity = {
    "a bandwidth such as \"10 Gbps\"",
    "Gbps",
    "bps, Kbps, Mbps, Gbps, Tbps in bits, Bps, KBps, MBps, GBps in bytes",
    bandwidth_units,
    UINT64_C(1) << 60,
    "9223372 Tbps"};

/* A length that a message can show: cuts the text at the first blank or after 24 bytes, never inside a UTF-8 sequence.
 */
static int shown(const char *text)
{
  int length = 0;
  while (text[length] && !blank(text[length]) && length < 24)
    length++;
  while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
    length--;
  return length;
}

static int read_quantity(const struct quantity *quantity, const char *text, uint64_t *out, char *why, size_t why_bytes)
{
  struct decimal value;
  const char *end;
  if (scan_decimal(text, quantity->what, &value, &end, why, why_bytes))
    return -1;
  const char *unit = skip_blanks(end);
  size_t length = strlen(unit);
  while (length && blank(unit[length - 1]))
    length--;
  if (length == 0) {
    const char *begin = skip_blanks(text);
    int digits = (int)(end - begin < 24 ? end - begin : 24);
    return wrong(why, why_bytes, "needs a unit; write for example \"%.*s %s\" (%s)", digits, begin, quantity->example,
                 quantity->list);
  }
  const struct unit *found = quantity->units;
  while (found->name && (strlen(found->name) != length || memcmp(found->name, unit, length) != 0))
    found++;
  if (!found->name)
    return wrong(why, why_bytes, "has the unit \"%.*s\", which is none here; use one of %s", shown(unit), unit,
                 quantity->list);
  bool exact;
  if (!scale_decimal(value, found->multiplier, found->divisor, quantity->max, out, &exact))
    return wrong(why, why_bytes, "is too large; at most %s", quantity->max_text);
  if (*out == 0 && value.digits)
    return wrong(why, why_bytes, "is too small: it rounds to 0; write 0 %s, or at least 1 %s", found->name,
                 quantity->units[0].name);
  return 0;
}

int rs_units_time(const char *text, uint64_t *ns, char *why, size_t why_bytes)
{
  return read_quantity(&time_quantity, text, ns, why, why_bytes);
}

int rs_units_size(const char *text, uint64_t *bytes, char *why, size_t why_bytes)
{
  return read_quantity(&size_quantity, text, bytes, why, why_bytes);
}

int rs_units_bandwidth(const char *text, uint64_t *bytes_per_s, char *why, size_t why_bytes)
{
  return read_quantity(&bandwidth_quantity, text, bytes_per_s, why, why_bytes);
}

/* Reads a real without a sign at `text`; *end is behind it. */
static int read_real(const char *text, const char *what, double *out, const char **end, char *why, size_t why_bytes)
{
  struct decimal value;
  if (scan_decimal(text, what, &value, end, why, why_bytes))
    return -1;
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  *out = strtod_l(skip_blanks(text), NULL, c_locale);
  freelocale(c_locale);
  if (!isfinite(*out))
    return wrong(why, why_bytes, "is too large; write %s under 1e300", what);
  return 0;
}

static int no_more(const char *end, const char *what, char *why, size_t why_bytes)
{
  end = skip_blanks(end);
  if (*end)
    return wrong(why, why_bytes, "has \"%.*s\" behind the number; write %s", shown(end), end, what);
  return 0;
}

int rs_units_number(const char *text, double *number, char *why, size_t why_bytes)
{
  const char *at = skip_blanks(text), *end;
  bool minus = *at == '-' && (digit(at[1]) || at[1] == '.');
  if (read_real(at + minus, "a number", number, &end, why, why_bytes) || no_more(end, "a number", why, why_bytes))
    return -1;
  if (minus)
    *number = -*number;
  return 0;
}

int rs_units_rate(const char *text, double *per_s, char *why, size_t why_bytes)
{
  static const char what[] = "a rate such as \"10/s\"";
  const char *end;
  if (read_real(text, what, per_s, &end, why, why_bytes))
    return -1;
  end = skip_blanks(end);
  if (*end == '/') {
    const char *unit = skip_blanks(end + 1);
    size_t length = strlen(unit);
    while (length && blank(unit[length - 1]))
      length--;
    for (const struct unit *found = time_units; found->name; found++)
      if (strlen(found->name) == length && memcmp(found->name, unit, length) == 0) {
        *per_s = *per_s * 1e9 / (double)found->multiplier;
        return 0;
      }
  }
  return wrong(why, why_bytes, "needs its unit of time; write %s (/s, /min, /h, /d, /ms, /us, /ns)", what);
}

int rs_units_share(const char *text, double *share, char *why, size_t why_bytes)
{
  static const char what[] = "a share such as \"5 %\" or \"0.05\"";
  const char *end;
  if (read_real(text, what, share, &end, why, why_bytes))
    return -1;
  end = skip_blanks(end);
  bool percent = *end == '%';
  if (no_more(end + percent, what, why, why_bytes))
    return -1;
  if (percent)
    *share /= 100;
  if (*share > 1)
    return wrong(why, why_bytes, "is more than the whole; write at most \"100 %%\" or \"1\"");
  return 0;
}

int rs_units_count(const char *text, uint64_t *count, char *why, size_t why_bytes)
{
  static const char what[] = "a whole number";
  struct decimal value;
  const char *end;
  bool exact;
  if (scan_decimal(text, what, &value, &end, why, why_bytes) || no_more(end, what, why, why_bytes))
    return -1;
  if (!scale_decimal(value, 1, 1, INT64_MAX, count, &exact))
    return wrong(why, why_bytes, "is too large; at most %lld", (long long)INT64_MAX);
  if (!exact)
    return wrong(why, why_bytes, "is not a whole number; write one without a fraction");
  return 0;
}

int rs_units_amount(const char *text, int64_t *amount_e4, char *why, size_t why_bytes)
{
  static const char what[] = "an amount such as \"1\" or \"0.5\"";
  struct decimal value;
  const char *end;
  bool exact;
  uint64_t out;
  if (scan_decimal(text, what, &value, &end, why, why_bytes) || no_more(end, what, why, why_bytes))
    return -1;
  if (!scale_decimal(value, (uint64_t)RS_SCENARIO_UNIT, 1, UINT64_C(1000000000000) * RS_SCENARIO_UNIT, &out, &exact))
    return wrong(why, why_bytes, "is too large; at most 1e12");
  if (!exact)
    return wrong(why, why_bytes, "is finer than 0.0001; use at most 4 decimals");
  *amount_e4 = (int64_t)out;
  return 0;
}

static bool is_unlimited(const char *text)
{
  text = skip_blanks(text);
  return strncmp(text, "unlimited", 9) == 0 && !*skip_blanks(text + 9);
}

int rs_units_time_limit(const char *text, uint64_t *ns, char *why, size_t why_bytes)
{
  *ns = RS_SCENARIO_NONE;
  return is_unlimited(text) ? 0 : rs_units_time(text, ns, why, why_bytes);
}

int rs_units_count_limit(const char *text, uint64_t *count, char *why, size_t why_bytes)
{
  *count = RS_SCENARIO_NONE;
  return is_unlimited(text) ? 0 : rs_units_count(text, count, why, why_bytes);
}

/* ---- Lists and forms --------------------------------------------------------------------------------------------- */

static char *copy_trimmed(const char *begin, const char *end)
{
  while (begin < end && blank(*begin))
    begin++;
  while (end > begin && blank(end[-1]))
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
    return wrong(why, why_bytes, "is longer than %d characters; shorten it", TEXT_BYTES_MAX);
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
      return empty ? wrong(why, why_bytes, "has an empty entry; write entries separated by single commas")
                   : wrong(why, why_bytes, "has more than %d entries; use fewer", LIST_COUNT_MAX);
    }
    if (!*at)
      break;
    begin = at + 1;
  }
  if (depth != 0) {
    free_list(out, out_count);
    return wrong(why, why_bytes, "has unbalanced brackets; close each ( with )");
  }
  *values = out;
  *count = out_count;
  return 0;
}

#define FORM_ARGUMENTS_MAX LIST_COUNT_MAX

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
    return wrong(why, why_bytes, "is longer than %d characters; shorten it", TEXT_BYTES_MAX);
  const char *open = strchr(text, '('), *close = NULL;
  int depth = 0;
  for (const char *at = open; at && *at && !close; at++) {
    depth += *at == '(';
    if (*at == ')' && --depth == 0)
      close = at;
  }
  if (open && !close)
    return wrong(why, why_bytes, "has an unclosed bracket; close each ( with )");
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
    return wrong(why, why_bytes, "has \"%.*s\", which is no %s; did you mean \"%s\"?", shown(form->name), form->name,
                 what, near);
  char all[256] = "";
  for (int i = 0; names[i]; i++) {
    size_t length = strlen(all);
    snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", names[i]);
  }
  return wrong(why, why_bytes, "has \"%.*s\", which is no %s; use one of %s", shown(form->name), form->name, what, all);
}

/* Checks the number of arguments; `shape` is the right form, for the message. */
static int need_arguments(const struct form *form, uint32_t count, const char *shape, char *why, size_t why_bytes)
{
  if (form->count == count)
    return 0;
  return wrong(why, why_bytes, "has %u argument%s in %s(); write %s", form->count, form->count == 1 ? "" : "s",
               form->name, shape);
}

static int no_rest(const struct form *form, char *why, size_t why_bytes)
{
  if (*form->rest)
    return wrong(why, why_bytes, "has \"%.*s\" behind the bracket; remove it", shown(form->rest), form->rest);
  return 0;
}

/* Puts the argument in front of a clause about it: `argument "5": needs a unit`. */
static int argument_wrong(const char *argument, const char *clause, char *why, size_t why_bytes)
{
  return wrong(why, why_bytes, "has the argument \"%.*s\", which %s", shown(argument), argument, clause);
}

/* ---- Distributions ----------------------------------------------------------------------------------------------- */

static const char *const dist_names[] = {"constant",  "uniform", "exponential", "normal",
                                         "lognormal", "pareto",  "weibull",     NULL};
static const char *const dist_shapes[] = {"constant(value)",      "uniform(low, high)",       "exponential(mean)",
                                          "normal(mean, sd)",     "lognormal(median, sigma)", "pareto(scale, shape)",
                                          "weibull(scale, shape)"};

static int read_value(const struct quantity *quantity, const char *text, double *out, char *why, size_t why_bytes)
{
  char clause[RS_UNITS_WHY_BYTES / 2];
  uint64_t value;
  if (read_quantity(quantity, text, &value, clause, sizeof clause))
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
static int read_bounds(const struct quantity *quantity, const char *text, struct rs_dist *dist, char *why,
                       size_t why_bytes)
{
  dist->min = 0;
  dist->max = INFINITY;
  if (!*text)
    return 0;
  size_t length = strlen(text);
  const char *open = strncmp(text, "in", 2) == 0 ? skip_blanks(text + 2) : "";
  char **parts = NULL;
  uint32_t count = 0;
  int result = -1;
  if (*open != '[' || text[length - 1] != ']')
    return wrong(why, why_bytes, "has \"%.*s\" behind the distribution; only \"in [min, max]\" may stand there",
                 shown(text), text);
  char *inside = copy_trimmed(open + 1, text + length - 1);
  if (rs_units_list(inside, &parts, &count, why, why_bytes))
    goto out;
  if (count != 2) {
    wrong(why, why_bytes, "has bounds that are not two; write \"in [min, max]\"");
    goto out;
  }
  if (read_value(quantity, parts[0], &dist->min, why, why_bytes) ||
      read_value(quantity, parts[1], &dist->max, why, why_bytes))
    goto out;
  if (!(dist->min < dist->max))
    wrong(why, why_bytes, "has bounds in the wrong order; write the smaller one first");
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
    return wrong(why, why_bytes, "has bounds that the distribution (next to) never meets; widen them");
  return 0;
}

static int read_dist_form(const struct quantity *quantity, const struct form *form, struct rs_dist *dist, char *why,
                          size_t why_bytes)
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
    return wrong(why, why_bytes, "has its limits in the wrong order; write the smaller one first");
  if ((kind == RS_DIST_EXPONENTIAL || kind >= RS_DIST_LOGNORMAL) && !(dist->a > 0))
    return wrong(why, why_bytes, "has 0 as the first argument of %s(); it must be positive", dist_names[kind]);
  if (kind == RS_DIST_LOGNORMAL && (dist->b < 0 || dist->b > 10))
    return wrong(why, why_bytes, "has a sigma outside 0..10; it has no unit, 0.5 is a common value");
  if ((kind == RS_DIST_PARETO || kind == RS_DIST_WEIBULL) && !(dist->b >= 0.05 && dist->b <= 100))
    return wrong(why, why_bytes, "has a shape outside 0.05..100; it has no unit, 1.5 is a common value");
  return read_bounds(quantity, form->rest, dist, why, why_bytes) || check_support(dist, why, why_bytes) ? -1 : 0;
}

static int read_dist(const struct quantity *quantity, const char *text, struct rs_dist *dist, char *why,
                     size_t why_bytes)
{
  const char *at = skip_blanks(text);
  *dist = (struct rs_dist){.kind = RS_DIST_CONSTANT, .max = INFINITY};
  if (!strchr(at, '(')) { /* a plain value, or a word that is neither */
    uint64_t value;
    bool word = (*at >= 'a' && *at <= 'z') && strncasecmp(at, "nan", 3) != 0 && strncasecmp(at, "inf", 3) != 0;
    if (word)
      return wrong(why, why_bytes, "is neither %s nor a distribution such as \"uniform(1 %s, 2 %s)\"; write one",
                   quantity->what, quantity->example, quantity->example);
    if (read_quantity(quantity, text, &value, why, why_bytes))
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
  return read_dist(&time_quantity, text, dist, why, why_bytes);
}

int rs_units_size_dist(const char *text, struct rs_dist *dist, char *why, size_t why_bytes)
{
  return read_dist(&size_quantity, text, dist, why, why_bytes);
}

/* ---- Arrivals, graphs, search spaces ----------------------------------------------------------------------------- */

static int form_time(const char *text, uint64_t *out, char *why, size_t why_bytes)
{
  double value;
  if (read_value(&time_quantity, text, &value, why, why_bytes))
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
      result = wrong(why, why_bytes, "has a degree over its window; write random(degree, window), the smaller first");
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
    return wrong(why, why_bytes, "has no values in %s(); write %s", form->name, space_shapes[param->kind]);
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
    return param->b >= 0 ? 0 : wrong(why, why_bytes, "has a negative standard deviation; write 0 or more");
  if (!(param->a < param->b))
    return wrong(why, why_bytes, "has its limits in the wrong order; the first must be less than the second");
  bool logarithmic = kind == RS_SPACE_LOGUNIFORM || kind == RS_SPACE_QLOGUNIFORM || kind == RS_SPACE_LOGRANDINT;
  if (logarithmic && !(param->a > 0))
    return wrong(why, why_bytes, "has a lower limit of 0 or less on a logarithmic scale; it must be positive");
  if (count == 3 && !(param->q > 0))
    return wrong(why, why_bytes, "has a step q of 0 or less; it must be positive");
  bool integers = kind == RS_SPACE_RANDINT || kind == RS_SPACE_LOGRANDINT;
  if (integers &&
      (param->a != floor(param->a) || param->b != floor(param->b) || fabs(param->a) > 9e15 || fabs(param->b) > 9e15))
    return wrong(why, why_bytes, "has a limit that is no whole number (of up to 9e15); %s() draws integers",
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

/* ---- Did you mean ------------------------------------------------------------------------------------------------ */

#define WORD_BYTES_MAX 48

/* Levenshtein's distance with swaps of neighbours as one step; O(length^2). Both at most WORD_BYTES_MAX long. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
  size_t row[3][WORD_BYTES_MAX + 1]; /* rows i - 2, i - 1, i, in turn */
  for (size_t j = 0; j <= b_length; j++)
    row[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t *two = row[(i + 1) % 3], *one = row[(i - 1) % 3], *now = row[i % 3];
    now[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      size_t best = one[j - 1] + (a[i - 1] != b[j - 1]);
      best = one[j] + 1 < best ? one[j] + 1 : best;
      best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two[j - 2] + 1 < best)
        best = two[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[a_length % 3][b_length];
}

const char *rs_units_nearest(const char *word, const char *const *candidates)
{
  size_t length = strlen(word), best = SIZE_MAX;
  const char *nearest = NULL;
  if (length == 0 || length > WORD_BYTES_MAX)
    return NULL;
  size_t limit = length / 3 > 2 ? length / 3 : 2;
  if (length <= 2)
    limit = 1;
  for (; *candidates; candidates++) {
    size_t other = strlen(*candidates);
    if (other > WORD_BYTES_MAX)
      continue;
    size_t distance = edit_distance(word, length, *candidates, other);
    if (distance <= limit && distance < other && distance < best) {
      best = distance;
      nearest = *candidates;
    }
  }
  return nearest;
}
