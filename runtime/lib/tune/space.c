/* space.c -- drawing a configuration from (seed, trial); see space.h. */
#include "lib/tune/space.h"

#include "base/assert.h"
#include "base/maths.h"

#include <stddef.h>

static const double EXACT_INTEGER_MAX = 0x1p53;

static const char *check_bounds(const struct rs_tune_param *param)
{
  if (!rs_is_finite(param->low) || !rs_is_finite(param->high))
    return "a bound is not a finite number";
  if (param->kind == RS_TUNE_RANDN)
    return param->high >= 0 ? NULL : "the standard deviation is negative";
  if (!(param->low < param->high))
    return "the lower bound is not below the upper bound";
  return NULL;
}

static const char *check_kind(const struct rs_tune_param *param)
{
  bool integer = param->kind == RS_TUNE_RANDINT || param->kind == RS_TUNE_LOGRANDINT;
  bool quantized = param->kind == RS_TUNE_QUNIFORM || param->kind == RS_TUNE_QLOGUNIFORM;
  if ((param->kind == RS_TUNE_LOGUNIFORM || param->kind == RS_TUNE_QLOGUNIFORM) && !(param->low > 0))
    return "a logarithmic range must start above 0";
  if (param->kind == RS_TUNE_LOGRANDINT && !(param->low >= 1))
    return "a logarithmic range of integers must start at 1 or above";
  if (integer && (rs_floor(param->low) != param->low || rs_floor(param->high) != param->high))
    return "a bound is not an integer";
  if (integer && (param->low < -EXACT_INTEGER_MAX || param->high > EXACT_INTEGER_MAX))
    return "a bound is beyond 2^53";
  if (quantized && !(rs_is_finite(param->q) && param->q > 0))
    return "the quantum q is not a positive number";
  if (quantized && rs_floor(param->high / param->q) * param->q < param->low)
    return "no multiple of q lies between the bounds";
  return NULL;
}

static const char *check_param(const struct rs_tune_param *param)
{
  switch (param->kind) {
  case RS_TUNE_SAMPLE_FROM: return param->sample ? NULL : "sample_from has no function";
  case RS_TUNE_CHOICE:
  case RS_TUNE_GRID_SEARCH: return param->value_count > 0 ? NULL : "there is nothing to choose from";
  default: {
    const char *wrong = check_bounds(param);
    return wrong ? wrong : check_kind(param);
  }
  }
}

const char *rs_tune_space_check(const struct rs_tune_space *space, uint32_t *param)
{
  for (*param = 0; *param < space->param_count; ++*param) {
    const char *wrong = check_param(&space->params[*param]);
    if (wrong)
      return wrong;
  }
  return NULL;
}

uint64_t rs_tune_space_grid(const struct rs_tune_space *space)
{
  uint64_t points = 1;
  for (uint32_t i = 0; i < space->param_count; i++)
    if (space->params[i].kind == RS_TUNE_GRID_SEARCH &&
        __builtin_mul_overflow(points, space->params[i].value_count, &points))
      return UINT64_MAX;
  return points;
}

static double clamp(double x, double low, double high)
{
  return x < low ? low : x > high ? high : x;
}

static double uniform(const struct rs_tune_param *param, struct rs_rng *rng)
{
  double x = param->low + (param->high - param->low) * rs_rng_unit(rng);
  return x < param->high ? x : param->low; /* the product may round up to high */
}

static double loguniform(const struct rs_tune_param *param, struct rs_rng *rng)
{
  double low = rs_log(param->low), high = rs_log(param->high);
  return clamp(rs_exp(low + (high - low) * rs_rng_unit(rng)), param->low, param->high);
}

static double quantize(const struct rs_tune_param *param, double x)
{
  double q = param->q, first = -rs_floor(-param->low / q), last = rs_floor(param->high / q);
  return clamp(rs_round(x / q), first, last) * q;
}

static double draw(const struct rs_tune_param *param, struct rs_rng *rng, const struct rs_tune_value *before,
                   uint32_t before_count)
{
  switch (param->kind) {
  case RS_TUNE_UNIFORM: return uniform(param, rng);
  case RS_TUNE_QUNIFORM: return quantize(param, uniform(param, rng));
  case RS_TUNE_LOGUNIFORM: return loguniform(param, rng);
  case RS_TUNE_QLOGUNIFORM: return quantize(param, loguniform(param, rng));
  case RS_TUNE_RANDINT: return param->low + (double)rs_rng_below(rng, (uint64_t)(param->high - param->low));
  case RS_TUNE_LOGRANDINT: return clamp(rs_floor(loguniform(param, rng)), param->low, param->high - 1);
  case RS_TUNE_RANDN: return param->low + param->high * rs_normal(rng);
  case RS_TUNE_SAMPLE_FROM: return param->sample(param->sample_arg, before, before_count, rng);
  case RS_TUNE_CHOICE:
  case RS_TUNE_GRID_SEARCH: break;
  }
  RS_ASSERT(false && "a parameter without a way to draw it");
  return 0;
}

void rs_tune_space_sample(const struct rs_tune_space *space, uint64_t seed, uint64_t trial,
                          struct rs_tune_value *values)
{
  uint64_t grid = rs_tune_space_grid(space), point = trial % grid, trial_seed = rs_rng_derive(seed, trial);
  for (uint32_t i = 0; i < space->param_count; i++) {
    const struct rs_tune_param *param = &space->params[i];
    struct rs_rng rng;
    rs_rng_seed(&rng, rs_rng_derive(trial_seed, i));
    values[i].index = 0;
    if (param->kind == RS_TUNE_GRID_SEARCH) {
      values[i].index = (uint32_t)(point % param->value_count);
      point /= param->value_count;
    } else if (param->kind == RS_TUNE_CHOICE) {
      values[i].index = (uint32_t)rs_rng_below(&rng, param->value_count);
    } else {
      values[i].number = draw(param, &rng, values, i);
      continue;
    }
    values[i].number = param->values ? param->values[values[i].index] : (double)values[i].index;
  }
}
