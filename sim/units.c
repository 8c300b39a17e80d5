/* units.c -- numbers with units, and the nearest name.
 *
 * A number is read by our own scanner into a decimal (up to 19 significant digits and a power of ten), multiplied by
 * its unit as an integer of 128 bits and rounded once, half up: no locale, no hexadecimal, no "inf" or "nan", no double
 * on the way. A result that rounds a positive number to 0 is an error, as is anything beyond the type's range. Reals
 * that stay reals (a shape, a share) go through strtod in the "C" locale, which rounds correctly. The forms are in
 * units_forms.c. O(length).
 */
#include "sim/units_int.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

int rs_units_wrong(char *why, size_t why_bytes, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  if (why_bytes)
    vsnprintf(why, why_bytes, format, list);
  va_end(list);
  return -1;
}

static bool digit(char c)
{
  return c >= '0' && c <= '9';
}

const char *rs_units_skip(const char *at)
{
  while (rs_units_blank(*at))
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
  const char *at = rs_units_skip(text);
  if (!*at)
    return rs_units_wrong(why, why_bytes, "is empty; write %s", what);
  if (*at == '-' && (digit(at[1]) || at[1] == '.'))
    return rs_units_wrong(why, why_bytes, "must not be negative; write %s of 0 or more", what);
  if (strncasecmp(at, "nan", 3) == 0 || strncasecmp(at, "inf", 3) == 0 || strncasecmp(at, "-inf", 4) == 0 ||
      strncasecmp(at, "+inf", 4) == 0)
    return rs_units_wrong(why, why_bytes, "must be finite; write %s", what);
  if (!digit(*at))
    return rs_units_wrong(why, why_bytes, "does not begin with a number; write %s", what);
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

struct rs_units_quantity {
  const char *what;    /* "a time" */
  const char *example; /* "5 ms" */
  const char *list;    /* "ns, us, ms, s, min, h, d" */
  const struct unit *units;
  uint64_t max;
  const char *max_text;
};

const struct rs_units_quantity rs_units_of_time = {
    "a time such as \"5 ms\"", "ms", "ns, us, ms, s, min, h, d", time_units, RS_UNITS_TIME_NS_MAX, "36500 d"};
const struct rs_units_quantity rs_units_of_size = {
    "a size such as \"5 MiB\"", "MiB",        "B, KB, KiB, MB, MiB, GB, GiB, TB, TiB", size_units,
    UINT64_C(1) << 60,          "1048576 TiB"};
static const struct rs_units_quantity bandwidth_quantity = {
    "a bandwidth such as \"10 Gbps\"",
    "Gbps",
    "bps, Kbps, Mbps, Gbps, Tbps in bits, Bps, KBps, MBps, GBps in bytes",
    bandwidth_units,
    UINT64_C(1) << 60,
    "9223372 Tbps"};

/* A length that a message can show: cuts the text at the first blank or after 24 bytes, never inside a UTF-8 sequence.
 */
int rs_units_shown(const char *text)
{
  int length = 0;
  while (text[length] && !rs_units_blank(text[length]) && length < 24)
    length++;
  while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
    length--;
  return length;
}

const char *rs_units_what(const struct rs_units_quantity *quantity)
{
  return quantity->what;
}
const char *rs_units_example(const struct rs_units_quantity *quantity)
{
  return quantity->example;
}

int rs_units_quantity(const struct rs_units_quantity *quantity, const char *text, uint64_t *out, char *why,
                      size_t why_bytes)
{
  struct decimal value;
  const char *end;
  if (scan_decimal(text, quantity->what, &value, &end, why, why_bytes))
    return -1;
  const char *unit = rs_units_skip(end);
  size_t length = strlen(unit);
  while (length && rs_units_blank(unit[length - 1]))
    length--;
  if (length == 0) {
    const char *begin = rs_units_skip(text);
    int digits = (int)(end - begin < 24 ? end - begin : 24);
    return rs_units_wrong(why, why_bytes, "needs a unit; write for example \"%.*s %s\" (%s)", digits, begin,
                          quantity->example, quantity->list);
  }
  const struct unit *found = quantity->units;
  while (found->name && (strlen(found->name) != length || memcmp(found->name, unit, length) != 0))
    found++;
  if (!found->name) {
    for (found = quantity->units; found->name; found++)
      if (strlen(found->name) == length && strncasecmp(found->name, unit, length) == 0)
        return rs_units_wrong(why, why_bytes, "has the unit \"%.*s\"; did you mean \"%s\"?", rs_units_shown(unit), unit,
                              found->name);
    return rs_units_wrong(why, why_bytes, "has the unit \"%.*s\", which is none here; use one of %s",
                          rs_units_shown(unit), unit, quantity->list);
  }
  bool exact;
  if (!scale_decimal(value, found->multiplier, found->divisor, quantity->max, out, &exact))
    return rs_units_wrong(why, why_bytes, "is too large; at most %s", quantity->max_text);
  if (*out == 0 && value.digits)
    return rs_units_wrong(why, why_bytes, "is too small: it rounds to 0; write 0 %s, or at least 1 %s", found->name,
                          quantity->units[0].name);
  return 0;
}

int rs_units_time(const char *text, uint64_t *ns, char *why, size_t why_bytes)
{
  return rs_units_quantity(&rs_units_of_time, text, ns, why, why_bytes);
}

int rs_units_size(const char *text, uint64_t *bytes, char *why, size_t why_bytes)
{
  return rs_units_quantity(&rs_units_of_size, text, bytes, why, why_bytes);
}

int rs_units_bandwidth(const char *text, uint64_t *bytes_per_s, char *why, size_t why_bytes)
{
  return rs_units_quantity(&bandwidth_quantity, text, bytes_per_s, why, why_bytes);
}

/* Reads a real without a sign at `text`; *end is behind it. */
static int read_real(const char *text, const char *what, double *out, const char **end, char *why, size_t why_bytes)
{
  struct decimal value;
  if (scan_decimal(text, what, &value, end, why, why_bytes))
    return -1;
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  *out = strtod_l(rs_units_skip(text), NULL, c_locale);
  freelocale(c_locale);
  if (!isfinite(*out))
    return rs_units_wrong(why, why_bytes, "is too large; write %s under 1e300", what);
  return 0;
}

static int no_more(const char *end, const char *what, char *why, size_t why_bytes)
{
  end = rs_units_skip(end);
  if (*end)
    return rs_units_wrong(why, why_bytes, "has \"%.*s\" behind the number; write %s", rs_units_shown(end), end, what);
  return 0;
}

int rs_units_number(const char *text, double *number, char *why, size_t why_bytes)
{
  const char *at = rs_units_skip(text), *end;
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
  end = rs_units_skip(end);
  if (*end == '/') {
    const char *unit = rs_units_skip(end + 1);
    size_t length = strlen(unit);
    while (length && rs_units_blank(unit[length - 1]))
      length--;
    for (const struct unit *found = time_units; found->name; found++)
      if (strlen(found->name) == length && memcmp(found->name, unit, length) == 0) {
        *per_s = *per_s * 1e9 / (double)found->multiplier;
        return 0;
      }
  }
  return rs_units_wrong(why, why_bytes, "needs its unit of time; write %s (/s, /min, /h, /d, /ms, /us, /ns)", what);
}

int rs_units_share(const char *text, double *share, char *why, size_t why_bytes)
{
  static const char what[] = "a share such as \"5 %\" or \"0.05\"";
  const char *end;
  if (read_real(text, what, share, &end, why, why_bytes))
    return -1;
  end = rs_units_skip(end);
  bool percent = *end == '%';
  if (no_more(end + percent, what, why, why_bytes))
    return -1;
  if (percent)
    *share /= 100;
  if (*share > 1)
    return rs_units_wrong(why, why_bytes, "is more than the whole; write at most \"100 %%\" or \"1\"");
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
    return rs_units_wrong(why, why_bytes, "is too large; at most %lld", (long long)INT64_MAX);
  if (!exact)
    return rs_units_wrong(why, why_bytes, "is not a whole number; write one without a fraction");
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
    return rs_units_wrong(why, why_bytes, "is too large; at most 1e12");
  if (!exact)
    return rs_units_wrong(why, why_bytes, "is finer than 0.0001; use at most 4 decimals");
  *amount_e4 = (int64_t)out;
  return 0;
}

static bool is_unlimited(const char *text)
{
  text = rs_units_skip(text);
  return strncmp(text, "unlimited", 9) == 0 && !*rs_units_skip(text + 9);
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
