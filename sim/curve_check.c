/* curve_check.c -- compares two samples of learning curves: Kolmogorov-Smirnov distances of what they reach, Spearman's
 * rank correlation of early and last losses (what a scheduler that stops trials early lives on). Sorting: n log n. */
#include "sim/curve_check.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"
#include "sim/curve_fit.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

const uint32_t rs_curve_check_epochs[RS_CURVE_CHECK_EARLY] = {1, 4, 16};

static struct rs_curve_sample sample_new(uint32_t count, uint32_t epochs)
{
  struct rs_curve_sample sample = {.count = count, .epochs = epochs};
  sample.loss = rs_alloc_zero((size_t)count * epochs + 1, sizeof *sample.loss);
  sample.seconds = rs_alloc_zero((size_t)count + 1, sizeof *sample.seconds);
  return sample;
}

void rs_curve_sample_free(struct rs_curve_sample *sample)
{
  free(sample->loss);
  free(sample->seconds);
  *sample = (struct rs_curve_sample){0};
}

struct rs_curve_sample rs_curve_sample_recorded(const struct rs_curves *curves, uint32_t epochs, bool held_out)
{
  RS_ASSERT(epochs >= 1 && epochs <= rs_curves_epochs_min(curves));
  uint32_t count = 0;
  for (uint32_t i = 0; i < rs_curves_count(curves); i++)
    count += rs_curve_is_held_out(rs_curves_get(curves, i).number) == held_out;
  struct rs_curve_sample sample = sample_new(count, epochs);
  uint32_t at = 0;
  for (uint32_t i = 0; i < rs_curves_count(curves); i++) {
    struct rs_curve curve = rs_curves_get(curves, i);
    if (rs_curve_is_held_out(curve.number) != held_out)
      continue;
    for (uint32_t e = 0; e < epochs; e++) {
      sample.loss[(size_t)e * count + at] = rs_is_nan(curve.loss[e]) ? RS_INFINITY : curve.loss[e];
      sample.seconds[at] += curve.seconds[e] / epochs;
    }
    at++;
  }
  return sample;
}

struct rs_curve_sample rs_curve_sample_drawn(const struct rs_curve_model *model, uint64_t seed, uint32_t count)
{
  uint32_t epochs = rs_curve_model_epochs_max(model);
  struct rs_curve_sample sample = sample_new(count, epochs);
  for (uint32_t i = 0; i < count; i++) {
    struct rs_curve_params params;
    rs_curve_draw(model, seed, i, &params);
    for (uint32_t e = 0; e < epochs; e++) {
      double loss = rs_curve_loss(model, &params, e + 1);
      sample.loss[(size_t)e * count + i] = rs_is_nan(loss) ? RS_INFINITY : loss;
      sample.seconds[i] += rs_curve_seconds(model, &params, e + 1) / epochs;
    }
  }
  return sample;
}

double rs_ks_distance(double *a, uint32_t a_count, double *b, uint32_t b_count)
{
  RS_ASSERT(a_count > 0 && b_count > 0);
  gsl_sort(a, 1, a_count);
  gsl_sort(b, 1, b_count);
  double distance = 0;
  for (uint32_t i = 0, j = 0; i < a_count && j < b_count;) {
    double x = a[i] < b[j] ? a[i] : b[j];
    while (i < a_count && a[i] <= x)
      i++;
    while (j < b_count && b[j] <= x)
      j++;
    double here = fabs((double)i / a_count - (double)j / b_count);
    distance = here > distance ? here : distance;
  }
  return distance;
}

double rs_ks_critical(uint32_t a_count, uint32_t b_count)
{
  return 1.3581 * sqrt(1.0 / a_count + 1.0 / b_count); /* sqrt(-ln(0.05 / 2) / 2) */
}

static double row_distance(const double *a, uint32_t a_count, const double *b, uint32_t b_count)
{
  double *a_copy = rs_memdup(a, a_count * sizeof *a), *b_copy = rs_memdup(b, b_count * sizeof *b);
  double distance = rs_ks_distance(a_copy, a_count, b_copy, b_count);
  free(a_copy);
  free(b_copy);
  return distance;
}

static const double *row(const struct rs_curve_sample *sample, uint32_t epoch)
{
  return sample->loss + (size_t)(epoch - 1) * sample->count;
}

/* Of the best `few` by `last`, the share that is among the best `many` by `early`. */
static double share_kept(const double *early, const double *last, uint32_t count, uint32_t few, uint32_t many)
{
  size_t *by_last = rs_alloc(count * sizeof *by_last);
  double *sorted = rs_memdup(early, count * sizeof *sorted);
  gsl_sort_index(by_last, last, 1, count);
  gsl_sort(sorted, 1, count);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < few; i++)
    kept += early[by_last[i]] <= sorted[many - 1];
  free(sorted);
  free(by_last);
  return (double)kept / few;
}

static void look_at(const struct rs_curve_sample *sample, double *diverged, double *spearman, double *kept)
{
  const double *last = row(sample, sample->epochs);
  *diverged = 0;
  for (uint32_t i = 0; i < sample->count; i++)
    *diverged += rs_is_finite(last[i]) ? 0 : 1.0 / sample->count;
  double *work = rs_alloc_zero(2 * (size_t)sample->count, sizeof *work);
  uint32_t few = (sample->count + 15) / 16, many = (sample->count + 3) / 4;
  for (uint32_t i = 0; i < RS_CURVE_CHECK_EARLY; i++) {
    kept[i] = share_kept(row(sample, rs_curve_check_epochs[i]), last, sample->count, few, many);
    spearman[i] = gsl_stats_spearman(row(sample, rs_curve_check_epochs[i]), 1, last, 1, sample->count, work);
  }
  free(work);
}

struct rs_curve_difference rs_curve_compare(const struct rs_curve_sample *a, const struct rs_curve_sample *b)
{
  RS_ASSERT(a->epochs == b->epochs && a->epochs > rs_curve_check_epochs[RS_CURVE_CHECK_EARLY - 1]);
  struct rs_curve_difference out = {.ks_critical = rs_ks_critical(a->count, b->count)};
  out.ks_final = row_distance(row(a, a->epochs), a->count, row(b, b->epochs), b->count);
  for (uint32_t i = 0; i < RS_CURVE_CHECK_EARLY; i++) {
    uint32_t epoch = rs_curve_check_epochs[i];
    out.ks_early[i] = row_distance(row(a, epoch), a->count, row(b, epoch), b->count);
  }
  out.ks_seconds = row_distance(a->seconds, a->count, b->seconds, b->count);
  look_at(a, &out.diverged[0], out.spearman[0], out.kept[0]);
  look_at(b, &out.diverged[1], out.spearman[1], out.kept[1]);
  return out;
}
