/* The doubling: merged step = s0 + s1; merged part = p0 + s0 x width + p1 (the first half's changes also last through
 * the second half). */
#include "sim/results_bins.h"

#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { SHIFT_FIRST = 10 }; /* 1.024 us */

void rs_bins_init(struct rs_bins *bins, uint32_t columns, uint32_t bin_count)
{
  RS_ASSERT(columns > 0 && bin_count >= 2 && (bin_count & (bin_count - 1)) == 0);
  bins->columns = columns;
  bins->bin_count = bin_count;
  bins->shift = SHIFT_FIRST;
  bins->cells = rs_alloc_zero((size_t)columns * bin_count, sizeof *bins->cells);
}

void rs_bins_free(struct rs_bins *bins)
{
  free(bins->cells);
  bins->cells = NULL;
}

void rs_bins_widen(struct rs_bins *bins, uint64_t time_ns)
{
  uint32_t columns = bins->columns;
  while (time_ns >> bins->shift >= bins->bin_count) {
    RS_ASSERT(bins->shift < 62);
    double width = (double)(UINT64_C(1) << bins->shift);
    for (uint32_t i = 0; i < bins->bin_count; i++) {
      struct rs_bin_cell *to = bins->cells + (size_t)i * columns;
      if (i >= bins->bin_count / 2) {
        for (uint32_t c = 0; c < columns; c++)
          to[c] = (struct rs_bin_cell){0};
        continue;
      }
      const struct rs_bin_cell *first = bins->cells + (size_t)(2 * i) * columns, *second = first + columns;
      for (uint32_t c = 0; c < columns; c++)
        to[c] = (struct rs_bin_cell){.step = first[c].step + second[c].step,
                                     .part = first[c].part + first[c].step * width + second[c].part};
    }
    bins->shift++;
  }
}

uint32_t rs_bins_means(const struct rs_bins *bins, uint64_t end_ns, double **means, uint64_t *width_ns)
{
  uint64_t width = UINT64_C(1) << bins->shift;
  *width_ns = width;
  *means = NULL;
  uint64_t needed = end_ns == 0 ? 0 : ((end_ns - 1) >> bins->shift) + 1;
  uint32_t count = needed < bins->bin_count ? (uint32_t)needed : bins->bin_count;
  if (count == 0)
    return 0;
  double *out = rs_alloc_zero((size_t)count * bins->columns, sizeof *out);
  for (uint32_t c = 0; c < bins->columns; c++) {
    double level = 0;
    for (uint32_t i = 0; i < count; i++) {
      const struct rs_bin_cell *cell = bins->cells + (size_t)i * bins->columns + c;
      /* The cut takes what all levels at the end would have added beyond it: changes lie before end_ns. */
      double inside = (double)width, cut = 0;
      if (i + 1 == count && (uint64_t)count * width > end_ns) {
        cut = (double)((uint64_t)count * width - end_ns);
        inside -= cut;
      }
      double integral = level * inside + cell->part - cell->step * cut;
      double mean = integral / inside;
      out[(size_t)i * bins->columns + c] = fabs(mean) < 1e-9 ? 0 : mean; /* rounding leaves 1e-13 where 0 is meant */
      level += cell->step;
    }
  }
  *means = out;
  return count;
}
