/* Index i >= 128 belongs to shift s = i / 128 - 1 and holds the values [m << s, (m + 1) << s) with m = i - 128 s. */
#include "sim/results_hist.h"

#include <math.h>
#include <string.h>

static uint32_t shift_of(uint32_t index)
{
  uint32_t octave = index >> RS_HIST_BITS;
  return octave > 0 ? octave - 1 : 0;
}

uint64_t rs_hist_low(uint32_t index)
{
  uint32_t shift = shift_of(index);
  return ((uint64_t)index - ((uint64_t)shift << RS_HIST_BITS)) << shift;
}

uint64_t rs_hist_high(uint32_t index)
{
  return rs_hist_low(index) + ((UINT64_C(1) << shift_of(index)) - 1);
}

void rs_hist_init(struct rs_hist *hist)
{
  memset(hist, 0, sizeof *hist);
  hist->min = UINT64_MAX;
}

void rs_hist_merge(struct rs_hist *into, const struct rs_hist *from)
{
  into->count += from->count;
  into->sum += from->sum;
  if (from->min < into->min)
    into->min = from->min;
  if (from->max > into->max)
    into->max = from->max;
  for (uint32_t i = 0; i < RS_HIST_BUCKETS; i++)
    into->buckets[i] += from->buckets[i];
}

double rs_hist_quantile(const struct rs_hist *hist, double q)
{
  if (hist->count == 0)
    return NAN;
  double rank = ceil(q * (double)hist->count);
  uint64_t seen = 0;
  for (uint32_t i = 0; i < RS_HIST_BUCKETS; i++) {
    seen += hist->buckets[i];
    if (seen > 0 && (double)seen >= rank) {
      double middle = ((double)rs_hist_low(i) + (double)rs_hist_high(i)) / 2;
      return fmax((double)hist->min, fmin((double)hist->max, middle));
    }
  }
  return (double)hist->max;
}
