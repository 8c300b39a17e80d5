/* curve_model.c -- draws from a fitted curve model.
 *
 * What is drawn is not a loss but its normal score: where the configuration stands among all configurations at that
 * epoch (0 = the median, -1 = better than about 84 % of them). The scores at a few knots (epochs 1, 2, 4, ...), of the
 * curve's restlessness and of its seconds come together from a mixture of Gaussians, which carries the dependence
 * between early and late ranks; between knots the score is interpolated in log epochs, with noise added; then each
 * epoch's own table turns the score into a log loss, which carries the distribution of losses at that epoch. A
 * configuration that diverges is drawn apart: it follows one of the recorded ones that did, a little blurred.
 *
 * The noise of an epoch is a hash of (seed, trial, epoch), so that any epoch can be asked for without those before. A
 * hash becomes nearly normal as the sum of its four 16-bit parts.
 *
 * Complexity: a draw is d normal deviates and d^2/2 products, d = knots + 2; a loss is constant time.
 */
#include "sim/curve_model.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"
#include "base/rng.h"
#include "sim/curve_model_int.h"

#define BLUR 0.1 /* deviation of the log loss of a burst about the recorded one that it follows */

struct rs_curve_model *rs_curve_model_new(uint32_t epochs, uint32_t knot_count, uint32_t component_count,
                                          uint32_t grid_count, uint32_t jitter_count, uint32_t burst_count)
{
  RS_ASSERT(epochs >= 2 && epochs <= RS_CURVE_EPOCHS_MAX && knot_count >= 2 && knot_count <= RS_CURVE_KNOTS_MAX);
  struct rs_curve_model *model = rs_alloc_zero(1, sizeof *model);
  model->epochs = epochs;
  model->knot_count = knot_count;
  model->component_count = component_count;
  model->components = rs_alloc_zero(component_count, sizeof *model->components);
  model->grid_count = grid_count;
  model->log_loss = rs_alloc_zero((size_t)epochs * grid_count, sizeof *model->log_loss);
  model->log_spread = rs_alloc_zero(grid_count, sizeof *model->log_spread);
  model->log_seconds = rs_alloc_zero(grid_count, sizeof *model->log_seconds);
  model->noise_profile = rs_alloc_zero(epochs, sizeof *model->noise_profile);
  model->jitter_count = jitter_count;
  model->jitter = rs_alloc_zero(jitter_count, sizeof *model->jitter);
  model->burst_count = burst_count;
  model->bursts = rs_alloc_zero(burst_count + 1, sizeof *model->bursts);
  model->segment = rs_alloc_zero(epochs, sizeof *model->segment);
  model->part = rs_alloc_zero(epochs, sizeof *model->part);
  return model;
}

void rs_curve_model_free(struct rs_curve_model *model)
{
  if (!model)
    return;
  free(model->components);
  free(model->log_loss);
  free(model->log_spread);
  free(model->log_seconds);
  free(model->noise_profile);
  free(model->jitter);
  free(model->bursts);
  free(model->segment);
  free(model->part);
  free(model);
}

void rs_curve_model_prepare(struct rs_curve_model *model)
{
  for (uint32_t k = 0; k + 1 < model->knot_count; k++) {
    double from = rs_log(model->knots[k]), to = rs_log(model->knots[k + 1]);
    for (uint32_t epoch = model->knots[k]; epoch <= model->knots[k + 1]; epoch++) {
      model->segment[epoch - 1] = k;
      model->part[epoch - 1] = epoch == model->knots[k + 1] ? 1 : (rs_log(epoch) - from) / (to - from);
    }
  }
}

uint32_t rs_curve_model_epochs_max(const struct rs_curve_model *model)
{
  return model->epochs;
}

double rs_curve_model_seconds_mean(const struct rs_curve_model *model)
{
  return model->seconds_mean;
}

double rs_curve_lookup(const struct rs_curve_model *model, const double *table, double score)
{
  double at = (score - model->grid_low) / model->grid_step;
  double last = (double)(model->grid_count - 2);
  uint32_t i = at <= 0 ? 0 : at >= last ? model->grid_count - 2 : (uint32_t)at;
  return table[i] + (at - (double)i) * (table[i + 1] - table[i]);
}

/* A quantile, linearly between the `count` equally likely values, at u in [0, 1). */
static double quantile(const double *values, uint32_t count, double u)
{
  double at = u * (double)(count - 1);
  uint32_t i = (uint32_t)at;
  return i + 1 < count ? values[i] + (at - (double)i) * (values[i + 1] - values[i]) : values[count - 1];
}

static void mixture_draw(const struct rs_curve_model *model, struct rs_rng *rng, double *scores)
{
  double left = rs_rng_unit(rng);
  uint32_t pick = 0;
  while (pick + 1 < model->component_count && left >= model->components[pick].weight)
    left -= model->components[pick++].weight;
  const struct rs_curve_component *component = &model->components[pick];
  uint32_t dimensions = model->knot_count + 2;
  double z[RS_CURVE_DIMENSIONS_MAX];
  for (uint32_t i = 0; i < dimensions; i++) {
    z[i] = rs_normal(rng);
    double x = component->mean[i];
    for (uint32_t j = 0; j <= i; j++)
      x += component->factor[i][j] * z[j];
    scores[i] = x;
  }
}

/* The streams of a trial: 0 decides whether it diverges and how, 1 gives the scores, so that each can be drawn alone.
 */
static void stream(struct rs_rng *rng, uint64_t key, uint64_t number)
{
  rs_rng_seed(rng, rs_rng_derive(key, number));
}

void rs_curve_draw_scores(const struct rs_curve_model *model, uint64_t seed, uint64_t trial, double *scores)
{
  struct rs_rng rng;
  stream(&rng, rs_rng_derive(seed, trial), 1);
  mixture_draw(model, &rng, scores);
}

void rs_curve_draw(const struct rs_curve_model *model, uint64_t seed, uint64_t trial, struct rs_curve_params *out)
{
  *out = (struct rs_curve_params){.key = rs_rng_derive(seed, trial)};
  struct rs_rng rng;
  stream(&rng, out->key, 0);
  if (rs_rng_unit(&rng) < model->diverged_fraction) {
    out->diverged_epoch = 1;
    if (rs_rng_unit(&rng) >= model->diverged_at_once && model->burst_count) {
      out->burst = (uint32_t)rs_rng_below(&rng, model->burst_count);
      out->diverged_epoch = model->bursts[out->burst].diverged_epoch;
      out->blur = BLUR * rs_normal(&rng);
    }
    double score = model->diverged_seconds_mean + model->diverged_seconds_deviation * rs_normal(&rng);
    out->seconds = rs_exp(rs_curve_lookup(model, model->log_seconds, score));
    return;
  }
  double scores[RS_CURVE_DIMENSIONS_MAX];
  stream(&rng, out->key, 1);
  mixture_draw(model, &rng, scores);
  for (uint32_t k = 0; k < model->knot_count; k++)
    out->score[k] = scores[k];
  out->spread = rs_exp(rs_curve_lookup(model, model->log_spread, scores[model->knot_count]));
  out->seconds = rs_exp(rs_curve_lookup(model, model->log_seconds, scores[model->knot_count + 1]));
}

/* Mean 0, deviation 1, nearly normal: the sum of four uniform 16-bit numbers has deviation 65536 x sqrt(4/12). */
static double hash_normal(uint64_t hash)
{
  int64_t sum = (int64_t)((hash & 0xffff) + (hash >> 16 & 0xffff) + (hash >> 32 & 0xffff) + (hash >> 48));
  return (double)(sum - 2 * 65535) * (1.7320508075688772 / 65536);
}

static double noise(uint64_t key, uint32_t epoch)
{
  return hash_normal(rs_mix64(key ^ (uint64_t)epoch << 32));
}

double rs_curve_score(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch)
{
  RS_ASSERT(epoch >= 1 && epoch <= model->epochs);
  uint32_t k = model->segment[epoch - 1];
  double score = params->score[k] + model->part[epoch - 1] * (params->score[k + 1] - params->score[k]);
  double profile = model->noise_profile[epoch - 1];
  return profile > 0 ? score + params->spread * profile * noise(params->key, epoch) : score;
}

/* The log loss of a burst before it diverges: straight in log epochs between the knots, and to the last epoch before.
 */
static double burst_at(const struct rs_curve_model *model, const struct rs_curve_burst *burst, uint32_t epoch)
{
  uint32_t k = model->segment[epoch - 1], last = burst->diverged_epoch - 1;
  if (epoch == last)
    return burst->last;
  double from = burst->log_loss[k], to = burst->log_loss[k + 1], part = model->part[epoch - 1];
  if (model->knots[k + 1] > last) { /* the next knot is never reached */
    part /= model->part[last - 1];
    to = burst->last;
  }
  return from + part * (to - from);
}

double rs_curve_loss(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch)
{
  RS_ASSERT(epoch >= 1 && epoch <= model->epochs);
  if (params->diverged_epoch) {
    if (epoch >= params->diverged_epoch)
      return RS_NAN;
    return rs_exp(params->blur + burst_at(model, &model->bursts[params->burst], epoch));
  }
  const double *table = model->log_loss + (size_t)(epoch - 1) * model->grid_count;
  return rs_exp(rs_curve_lookup(model, table, rs_curve_score(model, params, epoch)));
}

double rs_curve_seconds(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch)
{
  RS_ASSERT(epoch >= 1 && epoch <= model->epochs);
  uint64_t hash = rs_mix64(~params->key ^ (uint64_t)epoch << 32);
  double u = (double)(hash >> 11) * 0x1p-53;
  return params->seconds * rs_exp(quantile(model->jitter, model->jitter_count, u));
}
