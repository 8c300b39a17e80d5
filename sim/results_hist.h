/* results_hist.h -- a histogram of 64-bit values in logarithmic buckets: 1 us and 1 hour in one table, mergeable.
 *
 * Every power of two is cut into 128 equal buckets (values under 256 are exact), so a quantile, read as its bucket's
 * middle, is off by at most 0.4 %. The idea is that of Tene's HdrHistogram; fixed size (57 KiB), no allocation after
 * open. Adding is O(1); a quantile reads the table once. Merging adds counts and is exact. Not thread-safe.
 */
#ifndef RS_SIM_RESULTS_HIST_H
#define RS_SIM_RESULTS_HIST_H

#include <stdint.h>

#define RS_HIST_BITS 7 /* buckets a power of two: 1 << RS_HIST_BITS */
#define RS_HIST_BUCKETS ((64 - RS_HIST_BITS + 1) << RS_HIST_BITS)

struct rs_hist {
  uint64_t count; /* values added */
  uint64_t min, max;
  double sum;
  uint64_t buckets[RS_HIST_BUCKETS];
};

/* The bucket that holds a value, and the smallest and largest value of a bucket. */
static inline uint32_t rs_hist_index(uint64_t value)
{
  if (value < (UINT64_C(1) << RS_HIST_BITS))
    return (uint32_t)value;
  uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - RS_HIST_BITS;
  return (shift << RS_HIST_BITS) + (uint32_t)(value >> shift);
}
uint64_t rs_hist_low(uint32_t index);
uint64_t rs_hist_high(uint32_t index);

void rs_hist_init(struct rs_hist *hist);

static inline void rs_hist_add(struct rs_hist *hist, uint64_t value)
{
  hist->count++;
  hist->sum += (double)value;
  if (value < hist->min)
    hist->min = value;
  if (value > hist->max)
    hist->max = value;
  hist->buckets[rs_hist_index(value)]++;
}

void rs_hist_merge(struct rs_hist *into, const struct rs_hist *from);

/* The value below which a share q in [0, 1] of the values lies: the one of rank ceil(q x count), at least the first.
 * Within 0.4 % of it, and never outside [min, max]. NaN when empty. */
double rs_hist_quantile(const struct rs_hist *hist, double q);

#endif
