/* stats.h -- means and intervals over a handful of seeds.
 *
 * The interval is Student's: mean +- t(n-1, level) x sd / sqrt(n), with the quantile from GSL. It assumes that seeds
 * are independent and their mean roughly normal. NaN stands for "this run has no such value" and is left out of n. Pure
 * functions, thread-safe, O(n).
 */
#ifndef RS_SIM_STATS_H
#define RS_SIM_STATS_H

#include <stddef.h>
#include <stdint.h>

struct rs_stats {
  uint32_t n;       /* values that are numbers */
  double mean;      /* NaN when n = 0 */
  double sd;        /* of the sample, divided by n - 1; NaN when n < 2 */
  double low, high; /* the ends of the interval; NaN when n < 2 */
  double min, max;  /* NaN when n = 0 */
};

/* Summarises values[0..count). `level` is the interval's probability, in (0, 1): 0.95 for the 95 % interval. Sums run
 * in the order given, so the same values give the same bits. */
struct rs_stats rs_stats_of(const double *values, size_t count, double level);

/* The two-sided quantile t of Student's distribution: P(|T| <= t) = level with `degrees` >= 1 degrees of freedom. */
double rs_stats_t(double level, uint32_t degrees);

/* The same interval for paired differences b[i] - a[i]; pairs with a NaN are left out. */
struct rs_stats rs_stats_paired(const double *a, const double *b, size_t count, double level);

#endif
