/* results_bins.h -- levels over time (queue, busy CPUs, nodes up) in a fixed number of bins.
 *
 * A level is a step function, given as changes: "+3 at t". Each bin keeps, for every column, the sum of the changes in
 * it (step) and what they add to the integral inside it (part), so a change costs O(1) however long the level lasts,
 * and changes may come in any order of time. The bin width is a power of two in nanoseconds; when a time lies beyond
 * the last bin, neighbours are merged and the width doubles, exactly, until it fits: memory is fixed, whatever the
 * run's length.
 *
 * Values are doubles: whole numbers to 2^53 are exact, and so is every time up to 104 days. Not thread-safe.
 */
#ifndef RS_SIM_RESULTS_BINS_H
#define RS_SIM_RESULTS_BINS_H

#include <stdint.h>

struct rs_bin_cell {
  double step, part;
};

struct rs_bins {
  struct rs_bin_cell *cells; /* bin-major: cells[bin * columns + column] */
  uint32_t columns;
  uint32_t bin_count; /* a power of two */
  uint32_t shift;     /* width = 1 << shift ns */
};

void rs_bins_init(struct rs_bins *bins, uint32_t columns, uint32_t bin_count);
void rs_bins_free(struct rs_bins *bins);
void rs_bins_widen(struct rs_bins *bins, uint64_t time_ns); /* until time_ns fits; called by rs_bins_row */

/* The bin of a time, to change several columns at once: row[column]. `left_ns` is the time left to the bin's end. */
static inline struct rs_bin_cell *rs_bins_row(struct rs_bins *bins, uint64_t time_ns, double *left_ns)
{
  if (__builtin_expect(time_ns >> bins->shift >= bins->bin_count, 0))
    rs_bins_widen(bins, time_ns);
  uint64_t index = time_ns >> bins->shift;
  *left_ns = (double)(((index + 1) << bins->shift) - time_ns);
  return bins->cells + index * bins->columns;
}

static inline void rs_bin_change(struct rs_bin_cell *cell, double left_ns, double delta)
{
  cell->step += delta;
  cell->part += delta * left_ns;
}

static inline void rs_bins_add(struct rs_bins *bins, uint64_t time_ns, uint32_t column, double delta)
{
  double left_ns;
  struct rs_bin_cell *row = rs_bins_row(bins, time_ns, &left_ns);
  rs_bin_change(row + column, left_ns, delta);
}

/* Turns changes into averages for [0, end_ns): means[bin * columns + column], for the bins that begin before end_ns
 * (the last one is cut at end_ns). Returns that number of bins; `width_ns` is the width of all but the last. The caller
 * frees *means. At end_ns = 0 there is no bin. */
uint32_t rs_bins_means(const struct rs_bins *bins, uint64_t end_ns, double **means, uint64_t *width_ns);

#endif
