/* Student's intervals over seeds: two passes over the values (mean, then squared deviations), the quantile from GSL. */
#include "sim/stats.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"

double rs_stats_t(double level, uint32_t degrees)
{
  RS_ASSERT(level > 0 && level < 1 && degrees >= 1);
  return gsl_cdf_tdist_Pinv(0.5 + level / 2, degrees);
}

struct rs_stats rs_stats_of(const double *values, size_t count, double level)
{
  struct rs_stats stats = {.mean = NAN, .sd = NAN, .low = NAN, .high = NAN, .min = NAN, .max = NAN};
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    double x = values[i];
    if (isnan(x))
      continue;
    if (stats.n == 0 || x < stats.min)
      stats.min = x;
    if (stats.n == 0 || x > stats.max)
      stats.max = x;
    sum += x;
    stats.n++;
  }
  if (stats.n == 0)
    return stats;
  stats.mean = sum / stats.n;
  if (stats.n == 1)
    return stats;
  double squares = 0;
  for (size_t i = 0; i < count; i++)
    if (!isnan(values[i]))
      squares += (values[i] - stats.mean) * (values[i] - stats.mean);
  stats.sd = sqrt(squares / (stats.n - 1));
  double half = rs_stats_t(level, stats.n - 1) * stats.sd / sqrt(stats.n);
  stats.low = stats.mean - half;
  stats.high = stats.mean + half;
  return stats;
}

struct rs_stats rs_stats_paired(const double *a, const double *b, size_t count, double level)
{
  double *difference = rs_alloc_zero(count ? count : 1, sizeof *difference);
  for (size_t i = 0; i < count; i++)
    difference[i] = b[i] - a[i]; /* NaN in either is NaN here */
  struct rs_stats stats = rs_stats_of(difference, count, level);
  free(difference);
  return stats;
}
