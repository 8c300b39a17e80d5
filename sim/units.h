/* units.h -- text with units to numbers: times, sizes, bandwidths, rates, shares, counts, and the small forms that a
 * scenario's attributes are written in, such as "lognormal(1 s, 0.5)".
 *
 * Every function reads the whole text (blanks around it are ignored), returns 0, or -1 and one clause in `why` that
 * says what is wrong and what would be right, without the text itself: `a time needs a unit; write "5 ms" (ns, us, ms,
 * ...)`. Decimals are converted exactly (0.1 s is 100,000,000 ns), never through a double, and independently of the
 * locale. Nothing is kept; thread-safe.
 */
#ifndef RS_SIM_UNITS_H
#define RS_SIM_UNITS_H

#include "sim/scenario.h"

#define RS_UNITS_TIME_NS_MAX (UINT64_C(36500) * 24 * 3600 * 1000000000) /* 100 years; longer is refused */
#define RS_UNITS_WHY_BYTES 400

int rs_units_time(const char *text, uint64_t *ns, char *why, size_t why_bytes);    /* ns us ms s min h d */
int rs_units_size(const char *text, uint64_t *bytes, char *why, size_t why_bytes); /* B KB KiB MB MiB GB GiB TB TiB */
int rs_units_bandwidth(const char *text, uint64_t *bytes_per_s, char *why, size_t why_bytes); /* bps..Tbps, Bps..GBps */
int rs_units_rate(const char *text, double *per_s, char *why, size_t why_bytes);    /* "10/s", "3/min", "1/h", "1/d" */
int rs_units_share(const char *text, double *share, char *why, size_t why_bytes);   /* "5 %" or "0.05" -> 0.05; 0..1 */
int rs_units_count(const char *text, uint64_t *count, char *why, size_t why_bytes); /* a whole number, "1e6" too */
int rs_units_number(const char *text, double *number, char *why, size_t why_bytes); /* finite, may be negative */
int rs_units_amount(const char *text, int64_t *amount_e4, char *why, size_t why_bytes); /* >= 0, at most 4 decimals */

/* The same with "unlimited" for RS_SCENARIO_NONE. */
int rs_units_time_limit(const char *text, uint64_t *ns, char *why, size_t why_bytes);
int rs_units_count_limit(const char *text, uint64_t *count, char *why, size_t why_bytes);

/* A distribution: a plain value, or constant(v), uniform(low, high), exponential(mean), normal(mean, sd),
 * lognormal(median, sigma), pareto(scale, shape), weibull(scale, shape); then perhaps "in [min, max]". Values in
 * nanoseconds or in bytes. */
int rs_units_time_dist(const char *text, struct rs_dist *dist, char *why, size_t why_bytes);
int rs_units_size_dist(const char *text, struct rs_dist *dist, char *why, size_t why_bytes);

/* at_once, uniform(span), poisson(rate), renewal(time distribution), bursts(count, every). */
int rs_units_arrival(const char *text, struct rs_scenario_arrival *arrival, char *why, size_t why_bytes);

/* none, chain(length), fan(width), random(degree, window). */
int rs_units_graph(const char *text, enum rs_graph_kind *kind, uint64_t *width, uint64_t *window, char *why,
                   size_t why_bytes);

/* A search space: uniform(low, high), quniform(low, high, q), loguniform(low, high), qloguniform(low, high, q),
 * randint(low, high), lograndint(low, high), randn(mean, sd), choice(v, ...), grid_search(v, ...). Fills kind, a, b, q,
 * values, numbers, value_count; the two arrays (and the strings) are the caller's, to be released with free(). */
int rs_units_space(const char *text, struct rs_scenario_param *param, char *why, size_t why_bytes);

/* Splits "a, b(c, d), e" at the commas outside brackets; the parts are trimmed. The array and its strings are the
 * caller's, also on failure nothing is left. -1 on an empty part or unbalanced brackets. */
int rs_units_list(const char *text, char ***values, uint32_t *count, char *why, size_t why_bytes);

/* The candidate nearest to `word` (edit distance at most 2, or a third of its length), or NULL. O(candidates x
 * length^2). candidates ends with NULL. Ties: the first. */
const char *rs_units_nearest(const char *word, const char *const *candidates);

#endif
