/* curve_fit.c -- fits a curve model to recorded curves.
 *
 * 1. Configurations that diverged are counted, with when they did and how large their loss grew before; the rest is
 * about the others.
 * 2. At each epoch a configuration's log loss becomes its normal score: z = the normal quantile of its rank. So does
 * its mean log seconds. What is left between the score and its interpolation between the knots is the noise: its size
 * per configuration (log spread, again a score), its profile over epochs, and its memory from one epoch to the next.
 * 3. The scores of a configuration (knots, spread, seconds) are one point; a mixture of Gaussians is fitted to the
 * points, with as many components as predict left-out points best.
 * 4. The mixture's own distribution of each score is only nearly normal, and interpolation changes it between knots. So
 *    the tables from score to value are made last: CALIBRATION draws of the model say which share of its scores lies
 * below each grid point, and the table gives the recorded quantile of that share. Beyond the recorded values the lower
 * tail goes on straight, with the slope of its last TAIL share, so that the best of many draws are not all the recorded
 * best.
 *
 * Complexity: the mixture (curve_mixture.c) and the sorting of CALIBRATION scores at each epoch.
 */
#include "sim/curve_fit.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"
#include "sim/curve_mixture.h"
#include "sim/curve_model_int.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_sort_vector.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CALIBRATION 160000u
#define TAIL 0.05 /* share of the values that gives the slope of the tails */
#define GRID_LOW (-4.0)
#define GRID_STEP 0.1
#define GRID_COUNT 81u
#define JITTER_COUNT 41u
#define DENSE_FROM 16u /* knots: see place_knots */
#define FOLDS 5u
#define STARTS 10u
#define FINITE_MIN 50u

struct fit {
  const struct rs_curves *curves;
  struct rs_curve_model *model;
  uint32_t epochs, dimensions;
  uint32_t *finite, *diverged; /* indices of configurations */
  uint32_t finite_count, diverged_count;
  double *value;  /* [epoch - 1][finite]: log loss */
  double *score;  /* the same, as normal scores */
  double *spread; /* [finite]: log spread */
  double *pace;   /* [finite]: mean log seconds */
  double *points; /* [finite][dimensions] */
};

/* ---- Scores ------------------------------------------------------------------------------------------------------ */

static double score_of_rank(double rank, uint32_t count)
{
  return gsl_cdf_ugaussian_Pinv((rank + 0.5) / count);
}

/* Normal scores of values; equal values share their mean rank. */
static void to_scores(const double *values, uint32_t count, double *scores)
{
  size_t *order = rs_alloc(count * sizeof *order);
  gsl_sort_index(order, values, 1, count);
  for (uint32_t i = 0, next; i < count; i = next) {
    for (next = i + 1; next < count && values[order[next]] == values[order[i]]; next++)
      ;
    double score = score_of_rank(0.5 * ((double)i + (double)(next - 1)), count);
    for (uint32_t j = i; j < next; j++)
      scores[order[j]] = score;
  }
  free(order);
}

/* From a normal score to a value: sorted values at the scores of their ranks, straight between, and straight beyond the
 * TAIL at either end. */
struct quantiles {
  double *sorted, *scores;
  uint32_t count, low, high; /* between sorted[low] and sorted[high] the values themselves are followed */
  double slope_low, slope_high;
};

static double slope(const struct quantiles *quantiles, uint32_t from, uint32_t count)
{
  double intercept, gradient, c00, c01, c11, squares;
  gsl_fit_linear(quantiles->scores + from, 1, quantiles->sorted + from, 1, count, &intercept, &gradient, &c00, &c01,
                 &c11, &squares);
  return gradient > 0 ? gradient : 0;
}

static void quantiles_init(struct quantiles *quantiles, const double *values, uint32_t count)
{
  quantiles->count = count;
  quantiles->sorted = rs_memdup(values, count * sizeof *values);
  quantiles->scores = rs_alloc(count * sizeof *values);
  gsl_sort(quantiles->sorted, 1, count);
  for (uint32_t i = 0; i < count; i++)
    quantiles->scores[i] = score_of_rank(i, count);
  uint32_t tail = (uint32_t)(TAIL * count) < 3 ? 3 : (uint32_t)(TAIL * count);
  quantiles->low = tail / 3;
  quantiles->high = count - 1 - tail / 3;
  quantiles->slope_low = slope(quantiles, 0, tail);
  quantiles->slope_high = slope(quantiles, count - tail, tail);
}

static void quantiles_free(struct quantiles *quantiles)
{
  free(quantiles->sorted);
  free(quantiles->scores);
}

static double quantile_at(const struct quantiles *quantiles, double score)
{
  uint32_t low = quantiles->low, high = quantiles->high;
  const double *scores = quantiles->scores, *sorted = quantiles->sorted;
  if (score <= scores[low])
    return sorted[low] + quantiles->slope_low * (score - scores[low]);
  if (score >= scores[high])
    return sorted[high] + quantiles->slope_high * (score - scores[high]);
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (scores[middle] <= score)
      low = middle;
    else
      high = middle;
  }
  return sorted[low] + (score - scores[low]) / (scores[high] - scores[low]) * (sorted[high] - sorted[low]);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void divide(struct fit *fit)
{
  uint32_t count = rs_curves_count(fit->curves);
  fit->finite = rs_alloc_zero(count, sizeof *fit->finite);
  fit->diverged = rs_alloc_zero(count, sizeof *fit->diverged);
  for (uint32_t i = 0; i < count; i++) {
    struct rs_curve curve = rs_curves_get(fit->curves, i);
    if (rs_curve_is_held_out(curve.number))
      continue;
    if (curve.diverged_epoch && curve.diverged_epoch <= fit->epochs)
      fit->diverged[fit->diverged_count++] = i;
    else
      fit->finite[fit->finite_count++] = i;
  }
}

static double log_pace(const struct rs_curve *curve, uint32_t epochs)
{
  double sum = 0;
  for (uint32_t e = 0; e < epochs; e++)
    sum += curve->seconds[e];
  return log(sum / epochs);
}

/* A loss of exactly 0 has no logarithm; the smallest that the table's five digits of a float can show does. */
static double log_loss(double loss)
{
  return log(loss > 1e-30 ? loss : 1e-30);
}

static void read_values(struct fit *fit)
{
  uint32_t n = fit->finite_count;
  fit->value = rs_alloc_zero((size_t)fit->epochs * n, sizeof(double));
  fit->score = rs_alloc_zero((size_t)fit->epochs * n, sizeof(double));
  fit->spread = rs_alloc_zero(n, sizeof(double));
  fit->pace = rs_alloc_zero(n, sizeof(double));
  for (uint32_t i = 0; i < n; i++) {
    struct rs_curve curve = rs_curves_get(fit->curves, fit->finite[i]);
    for (uint32_t e = 0; e < fit->epochs; e++)
      fit->value[(size_t)e * n + i] = log_loss(curve.loss[e]);
    fit->pace[i] = log_pace(&curve, fit->epochs);
  }
  for (uint32_t e = 0; e < fit->epochs; e++)
    to_scores(fit->value + (size_t)e * n, n, fit->score + (size_t)e * n);
}

/* The middle of |values|, for a normal distribution of the deviation: its 0.6745th part. Sorts them. */
static double deviation_by_median(double *values, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    values[i] = fabs(values[i]);
  gsl_sort(values, 1, count);
  double deviation = gsl_stats_median_from_sorted_data(values, 1, count) / 0.6745;
  return deviation > 1e-6 ? deviation : 1e-6;
}

/* The noise from epoch to epoch: the second difference of the score, which straight lines and slow bends do not touch.
 * For independent noise of deviation s it has deviation s sqrt(6). It is taken as spread of the configuration x profile
 * of the epoch, both by medians, because the steps of learning itself would dominate a mean of squares. */
static void fit_noise(struct fit *fit)
{
  struct rs_curve_model *model = fit->model;
  uint32_t n = fit->finite_count, epochs = fit->epochs, inner = epochs - 2;
  double *noise = rs_alloc_zero((size_t)epochs * n, sizeof *noise);
  double *work = rs_alloc_zero(epochs > n ? epochs : n, sizeof *work);
  for (uint32_t e = 1; e <= inner; e++) {
    for (uint32_t i = 0; i < n; i++) {
      const double *score = fit->score + (size_t)e * n + i;
      noise[(size_t)e * n + i] = (score[n] - 2 * score[0] + *(score - n)) / sqrt(6);
      work[i] = noise[(size_t)e * n + i];
    }
    model->noise_profile[e] = deviation_by_median(work, n);
  }
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t e = 1; e <= inner; e++)
      work[e - 1] = noise[(size_t)e * n + i] / model->noise_profile[e];
    fit->spread[i] = inner ? log(deviation_by_median(work, inner)) : 0;
  }
  for (uint32_t e = 1; e <= inner; e++) {
    for (uint32_t i = 0; i < n; i++)
      work[i] = noise[(size_t)e * n + i] / exp(fit->spread[i]);
    model->noise_profile[e] = model->part[e] == 0 ? 0 : deviation_by_median(work, n);
  }
  free(work);
  free(noise);
}

static void make_points(struct fit *fit)
{
  struct rs_curve_model *model = fit->model;
  uint32_t n = fit->finite_count, d = fit->dimensions;
  double *column = rs_alloc(n * sizeof *column);
  fit->points = rs_alloc_zero((size_t)n * d, sizeof *fit->points);
  for (uint32_t part = 0; part < d; part++) {
    if (part < model->knot_count)
      memcpy(column, fit->score + (size_t)(model->knots[part] - 1) * n, n * sizeof *column);
    else
      to_scores(part == model->knot_count ? fit->spread : fit->pace, n, column);
    for (uint32_t i = 0; i < n; i++)
      fit->points[(size_t)i * d + part] = column[i];
  }
  free(column);
}

/* A table from the model's own scores (CALIBRATION of them, sorted here) to the recorded values. */
static void calibrate(double *drawn, const double *values, uint32_t count, double *table)
{
  struct quantiles quantiles;
  quantiles_init(&quantiles, values, count);
  gsl_sort(drawn, 1, CALIBRATION);
  const uint32_t edge = 40; /* draws: beyond, the share is too uncertain; the last good score is shifted */
  double low_shift = score_of_rank(edge, CALIBRATION) - drawn[edge];
  double high_shift = score_of_rank(CALIBRATION - 1 - edge, CALIBRATION) - drawn[CALIBRATION - 1 - edge];
  uint32_t at = 0;
  for (uint32_t g = 0; g < GRID_COUNT; g++) {
    double x = GRID_LOW + GRID_STEP * g, score;
    while (at < CALIBRATION && drawn[at] < x)
      at++;
    if (at <= edge)
      score = x + low_shift;
    else if (at >= CALIBRATION - edge)
      score = x + high_shift;
    else
      score = score_of_rank(at - 0.5, CALIBRATION);
    table[g] = quantile_at(&quantiles, score);
  }
  quantiles_free(&quantiles);
}

static void make_tables(struct fit *fit, uint64_t seed)
{
  struct rs_curve_model *model = fit->model;
  uint32_t n = fit->finite_count, knots = model->knot_count;
  double *drawn = rs_alloc_zero(CALIBRATION, sizeof *drawn);
  double(*scores)[RS_CURVE_DIMENSIONS_MAX] = rs_alloc_zero(CALIBRATION, sizeof *scores);
  for (uint32_t i = 0; i < CALIBRATION; i++)
    rs_curve_draw_scores(model, seed, i, scores[i]);
  for (uint32_t part = knots; part < knots + 2; part++) {
    for (uint32_t i = 0; i < CALIBRATION; i++)
      drawn[i] = scores[i][part];
    if (part == knots)
      calibrate(drawn, fit->spread, n, model->log_spread);
    else
      calibrate(drawn, fit->pace, n, model->log_seconds);
  }
  for (uint32_t e = 0; e < fit->epochs; e++) {
    for (uint32_t i = 0; i < CALIBRATION; i++) {
      struct rs_curve_params params = {.key = rs_rng_derive(seed, i)};
      memcpy(params.score, scores[i], knots * sizeof(double));
      params.spread = exp(rs_curve_lookup(model, model->log_spread, scores[i][knots]));
      drawn[i] = rs_curve_score(model, &params, e + 1);
    }
    calibrate(drawn, fit->value + (size_t)e * n, n, model->log_loss + (size_t)e * GRID_COUNT);
  }
  free(scores);
  free(drawn);
}

static void fill_quantiles(double *values, uint32_t count, double *out, uint32_t out_count)
{
  gsl_sort(values, 1, count);
  for (uint32_t i = 0; i < out_count; i++)
    out[i] = count ? gsl_stats_quantile_from_sorted_data(values, 1, count, (double)i / (out_count - 1)) : 0;
}

static void fit_seconds(struct fit *fit)
{
  size_t count = 0, all = (size_t)(fit->finite_count + fit->diverged_count) * fit->epochs;
  double *ratios = rs_alloc(all * sizeof *ratios), sum = 0;
  for (uint32_t i = 0; i < fit->finite_count + fit->diverged_count; i++) {
    uint32_t index = i < fit->finite_count ? fit->finite[i] : fit->diverged[i - fit->finite_count];
    struct rs_curve curve = rs_curves_get(fit->curves, index);
    double pace = log_pace(&curve, fit->epochs);
    for (uint32_t e = 0; e < fit->epochs; e++) {
      ratios[count++] = log(curve.seconds[e]) - pace;
      sum += curve.seconds[e];
    }
  }
  fit->model->seconds_mean = sum / (double)count;
  fill_quantiles(ratios, (uint32_t)count, fit->model->jitter, JITTER_COUNT);
  free(ratios);
}

static void fit_diverged(struct fit *fit)
{
  struct rs_curve_model *model = fit->model;
  uint32_t n = fit->diverged_count, late = 0;
  model->diverged_fraction = (double)n / (fit->finite_count + n);
  double *pace = rs_alloc((n + 1) * sizeof *pace);
  struct quantiles quantiles;
  quantiles_init(&quantiles, fit->pace, fit->finite_count);
  for (uint32_t i = 0; i < n; i++) {
    struct rs_curve curve = rs_curves_get(fit->curves, fit->diverged[i]);
    if (curve.diverged_epoch > 1) {
      struct rs_curve_burst *burst = &model->bursts[late++];
      burst->diverged_epoch = curve.diverged_epoch;
      burst->last = log_loss(curve.loss[curve.diverged_epoch - 2]);
      for (uint32_t k = 0; k < model->knot_count && model->knots[k] < curve.diverged_epoch; k++)
        burst->log_loss[k] = log_loss(curve.loss[model->knots[k] - 1]);
    }
    /* Which score of the others' seconds this configuration's seconds are. */
    double value = log_pace(&curve, fit->epochs);
    uint32_t below = 0;
    while (below < quantiles.count && quantiles.sorted[below] < value)
      below++;
    double share = ((double)below + 0.5) / (quantiles.count + 1);
    pace[i] = gsl_cdf_ugaussian_Pinv(share);
  }
  model->diverged_at_once = n ? (double)(n - late) / n : 0;
  model->diverged_seconds_mean = n ? gsl_stats_mean(pace, 1, n) : 0;
  model->diverged_seconds_deviation = n > 1 ? gsl_stats_sd(pace, 1, n) : 0;
  quantiles_free(&quantiles);
  free(pace);
}

static void fit_mixture(struct fit *fit, uint32_t components, uint64_t seed, struct rs_curve_fit_report *report)
{
  static const uint32_t candidates[] = {1, 2, 4, 6, 8, 12, 16, 24};
  if (!components) {
    report->candidate_count = sizeof candidates / sizeof *candidates;
    memcpy(report->candidates, candidates, sizeof candidates);
    report->chosen = rs_mixture_choose(fit->points, fit->finite_count, fit->dimensions, candidates,
                                       report->candidate_count, FOLDS, seed, report->left_out_likelihood);
    components = candidates[report->chosen];
  }
  struct rs_curve_model *model = fit->model;
  RS_ASSERT(components <= RS_CURVE_COMPONENTS_MAX);
  free(model->components);
  model->components = rs_alloc_zero(components, sizeof *model->components);
  model->component_count = components;
  rs_mixture_fit(fit->points, fit->finite_count, fit->dimensions, components, STARTS, seed, model->components);
}

/* 1, 2, 4, ..., the last epoch; between the long ones from 16 on one more, in the middle of log epochs. */
static uint32_t place_knots(uint32_t epochs, uint32_t *knots)
{
  uint32_t count = 0;
  for (uint32_t knot = 1; knot < epochs && count + 2 < RS_CURVE_KNOTS_MAX; knot *= 2) {
    knots[count++] = knot;
    uint32_t middle = (uint32_t)(knot * sqrt(2) + 0.5);
    if (knot >= DENSE_FROM && middle < epochs && count + 2 < RS_CURVE_KNOTS_MAX)
      knots[count++] = middle;
  }
  knots[count++] = epochs;
  return count;
}

struct rs_curve_model *rs_curve_fit(const struct rs_curves *curves, uint32_t components, uint64_t seed,
                                    struct rs_curve_fit_report *report, char *error, size_t error_bytes)
{
  *report = (struct rs_curve_fit_report){0};
  struct fit fit = {.curves = curves, .epochs = rs_curves_epochs_min(curves)};
  divide(&fit);
  report->fitted = fit.finite_count + fit.diverged_count;
  report->diverged = fit.diverged_count;
  if (fit.finite_count < FINITE_MIN || fit.epochs < 2 || fit.epochs > RS_CURVE_EPOCHS_MAX) {
    snprintf(error, error_bytes,
             "%u configurations that never diverge, of %u epochs; wanted at least %u to fit, of 2 to %u epochs",
             fit.finite_count, fit.epochs, FINITE_MIN, RS_CURVE_EPOCHS_MAX);
    free(fit.finite);
    free(fit.diverged);
    return NULL;
  }
  uint32_t bursts = 0;
  for (uint32_t i = 0; i < fit.diverged_count; i++)
    bursts += rs_curves_get(curves, fit.diverged[i]).diverged_epoch > 1;
  uint32_t knots[RS_CURVE_KNOTS_MAX], knot_count = place_knots(fit.epochs, knots);
  struct rs_curve_model *model = fit.model =
      rs_curve_model_new(fit.epochs, knot_count, 1, GRID_COUNT, JITTER_COUNT, bursts);
  memcpy(model->knots, knots, knot_count * sizeof *knots);
  model->grid_low = GRID_LOW;
  model->grid_step = GRID_STEP;
  fit.dimensions = knot_count + 2;
  rs_curve_model_prepare(model);

  read_values(&fit);
  fit_noise(&fit);
  make_points(&fit);
  fit_mixture(&fit, components, seed, report);
  make_tables(&fit, rs_rng_derive(seed, 1));
  fit_seconds(&fit);
  fit_diverged(&fit);

  free(fit.finite);
  free(fit.diverged);
  free(fit.value);
  free(fit.score);
  free(fit.spread);
  free(fit.pace);
  free(fit.points);
  return model;
}
