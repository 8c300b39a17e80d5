#include "sim/dist.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

#include "base/rng.h"

static void rng_set(void *state, unsigned long seed)
{
  rs_rng_seed(state, seed);
}
static unsigned long rng_get(void *state)
{
  return (unsigned long)(rs_rng_next(state) >> 32);
}
static double rng_get_double(void *state)
{
  return rs_rng_unit(state);
}

static const gsl_rng_type rng_type = {"raysim", UINT32_MAX, 0, sizeof(struct rs_rng), rng_set, rng_get, rng_get_double};
const gsl_rng_type *const rs_dist_rng_type = &rng_type;

static double draw(const struct rs_dist *d, gsl_rng *rng)
{
  switch (d->kind) {
  case RS_DIST_CONSTANT: return d->a;
  case RS_DIST_UNIFORM: return gsl_ran_flat(rng, d->a, d->b);
  case RS_DIST_EXPONENTIAL: return gsl_ran_exponential(rng, d->a);
  case RS_DIST_NORMAL: return d->a + gsl_ran_gaussian_ziggurat(rng, d->b);
  case RS_DIST_LOGNORMAL: return d->a * exp(gsl_ran_gaussian_ziggurat(rng, d->b));
  case RS_DIST_PARETO: return gsl_ran_pareto(rng, d->b, d->a);
  case RS_DIST_WEIBULL: return gsl_ran_weibull(rng, d->a, d->b);
  }
  return d->a;
}

double rs_dist_draw(const struct rs_dist *dist, gsl_rng *rng)
{
  double value = draw(dist, rng);
  for (int i = 0; i < 1000 && !(value >= dist->min && value <= dist->max); i++)
    value = draw(dist, rng);
  return value < dist->min || isnan(value) ? dist->min : value > dist->max ? dist->max : value;
}

double rs_dist_mean(const struct rs_dist *d)
{
  switch (d->kind) {
  case RS_DIST_CONSTANT:
  case RS_DIST_EXPONENTIAL:
  case RS_DIST_NORMAL: return d->a;
  case RS_DIST_UNIFORM: return (d->a + d->b) / 2;
  case RS_DIST_LOGNORMAL: return d->a * exp(d->b * d->b / 2);
  case RS_DIST_PARETO: return d->b > 1 ? d->a * d->b / (d->b - 1) : (double)INFINITY;
  case RS_DIST_WEIBULL: return d->a * gsl_sf_gamma(1 + 1 / d->b);
  }
  return d->a;
}

double rs_dist_straggler(double sd, double fraction, gsl_rng *rng)
{
  if (!(sd > 0) || gsl_rng_uniform(rng) >= fraction)
    return 1;
  return 1 + fabs(gsl_ran_gaussian_ziggurat(rng, sd));
}
