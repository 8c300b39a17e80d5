/* curve_mixture.c -- expectation-maximisation for a mixture of Gaussians (Dempster, Laird and Rubin, 1977).
 *
 * E step: the share of each component in each point, from the log densities (log-sum-exp). M step: weighted mean and
 * covariance, plus RIDGE on the diagonal, which keeps a component that sits on a few points from collapsing;
 * a component that no point wants ends with weight 0. GSL's Cholesky factor gives the density and is at the
 * same time what a draw needs. Starts: centres by k-means++'s rule (Arthur and Vassilvitskii, 2007): each next centre
 * is a point drawn with probability proportional to its squared distance from the nearest centre so far.
 *
 * Complexity: rounds x count x components x dimensions^2.
 */
#include "sim/curve_mixture.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_matrix.h>
#include <math.h>
#include <string.h>

#define RIDGE 1e-3
#define ROUNDS_MAX 400
#define CONVERGED 1e-6 /* gain of mean log likelihood in a round */
#define LOG_2PI 1.8378770664093453

struct fit {
  const double *points;
  uint32_t count, dimensions, component_count;
  struct rs_curve_component *components;
  double *share; /* [count][component_count] */
};

/* log(weight x density) of a point under a component. */
static double log_density(const struct rs_curve_component *component, const double *point, uint32_t dimensions)
{
  double z[RS_CURVE_DIMENSIONS_MAX], square = 0, log_det = 0;
  for (uint32_t i = 0; i < dimensions; i++) {
    double x = point[i] - component->mean[i];
    for (uint32_t j = 0; j < i; j++)
      x -= component->factor[i][j] * z[j];
    z[i] = x / component->factor[i][i];
    square += z[i] * z[i];
    log_det += log(component->factor[i][i]);
  }
  return log(component->weight) - 0.5 * (square + dimensions * LOG_2PI) - log_det;
}

/* The log likelihood of a point; the components' shares in it go to share if that is not NULL. */
static double share_of(const struct rs_curve_component *components, uint32_t component_count, const double *point,
                       uint32_t dimensions, double *share)
{
  double logs[RS_CURVE_COMPONENTS_MAX], top = -INFINITY, sum = 0;
  for (uint32_t k = 0; k < component_count; k++) {
    logs[k] = components[k].weight > 0 ? log_density(&components[k], point, dimensions) : -INFINITY;
    top = logs[k] > top ? logs[k] : top;
  }
  for (uint32_t k = 0; k < component_count; k++)
    sum += logs[k] = exp(logs[k] - top);
  if (share)
    for (uint32_t k = 0; k < component_count; k++)
      share[k] = logs[k] / sum;
  return top + log(sum);
}

double rs_mixture_likelihood(const struct rs_curve_component *components, uint32_t component_count,
                             const double *points, uint32_t count, uint32_t dimensions)
{
  double sum = 0;
  for (uint32_t i = 0; i < count; i++)
    sum += share_of(components, component_count, points + (size_t)i * dimensions, dimensions, NULL);
  return sum / count;
}

/* Mean and covariance of the points by their shares in component k; all points alike for k == UINT32_MAX. */
static void fit_component(struct fit *fit, uint32_t k, struct rs_curve_component *component, gsl_matrix *covariance)
{
  uint32_t dimensions = fit->dimensions;
  double total = 0;
  memset(component->mean, 0, sizeof component->mean);
  for (uint32_t i = 0; i < fit->count; i++) {
    double share = k == UINT32_MAX ? 1 : fit->share[(size_t)i * fit->component_count + k];
    const double *point = fit->points + (size_t)i * dimensions;
    total += share;
    for (uint32_t a = 0; a < dimensions; a++)
      component->mean[a] += share * point[a];
  }
  component->weight = total / fit->count;
  if (total <= 0)
    return;
  for (uint32_t a = 0; a < dimensions; a++)
    component->mean[a] /= total;
  gsl_matrix_set_zero(covariance);
  for (uint32_t i = 0; i < fit->count; i++) {
    double share = k == UINT32_MAX ? 1 : fit->share[(size_t)i * fit->component_count + k];
    if (share < 1e-12)
      continue;
    const double *point = fit->points + (size_t)i * dimensions;
    for (uint32_t a = 0; a < dimensions; a++) {
      double *row = gsl_matrix_ptr(covariance, a, 0), x = share * (point[a] - component->mean[a]);
      for (uint32_t b = 0; b <= a; b++)
        row[b] += x * (point[b] - component->mean[b]);
    }
  }
  for (uint32_t a = 0; a < dimensions; a++) {
    for (uint32_t b = 0; b <= a; b++)
      gsl_matrix_set(covariance, a, b, gsl_matrix_get(covariance, a, b) / total + (a == b ? RIDGE : 0));
  }
  int code = gsl_linalg_cholesky_decomp1(covariance);
  RS_ASSERT(code == GSL_SUCCESS); /* the ridge makes it positive definite */
  for (uint32_t a = 0; a < dimensions; a++)
    for (uint32_t b = 0; b <= a; b++)
      component->factor[a][b] = gsl_matrix_get(covariance, a, b);
}

static void start(struct fit *fit, struct rs_rng *rng, gsl_matrix *covariance)
{
  struct rs_curve_component whole = {0};
  fit_component(fit, UINT32_MAX, &whole, covariance);
  double *distance = rs_alloc(fit->count * sizeof *distance);
  for (uint32_t i = 0; i < fit->count; i++)
    distance[i] = 1;
  for (uint32_t k = 0; k < fit->component_count; k++) {
    double total = 0;
    for (uint32_t i = 0; i < fit->count; i++)
      total += distance[i];
    double left = rs_rng_unit(rng) * total;
    uint32_t pick = 0;
    while (pick + 1 < fit->count && left >= distance[pick])
      left -= distance[pick++];
    struct rs_curve_component *component = &fit->components[k];
    *component = whole;
    component->weight = 1.0 / fit->component_count;
    const double *centre = fit->points + (size_t)pick * fit->dimensions;
    memcpy(component->mean, centre, fit->dimensions * sizeof *centre);
    for (uint32_t a = 0; a < fit->dimensions; a++)
      for (uint32_t b = 0; b <= a; b++)
        component->factor[a][b] = fit->component_count > 1 ? 0.4 * whole.factor[a][b] : whole.factor[a][b];
    for (uint32_t i = 0; i < fit->count; i++) {
      double square = 0;
      for (uint32_t a = 0; a < fit->dimensions; a++) {
        double x = fit->points[(size_t)i * fit->dimensions + a] - centre[a];
        square += x * x;
      }
      if (k == 0 || square < distance[i])
        distance[i] = square;
    }
  }
  free(distance);
}

static double climb(struct fit *fit, gsl_matrix *covariance)
{
  double before = -INFINITY;
  for (int round = 0;; round++) {
    double likelihood = 0;
    for (uint32_t i = 0; i < fit->count; i++)
      likelihood += share_of(fit->components, fit->component_count, fit->points + (size_t)i * fit->dimensions,
                             fit->dimensions, fit->share + (size_t)i * fit->component_count);
    likelihood /= fit->count;
    if (round == ROUNDS_MAX || likelihood - before < CONVERGED)
      return likelihood;
    before = likelihood;
    for (uint32_t k = 0; k < fit->component_count; k++)
      fit_component(fit, k, &fit->components[k], covariance);
  }
}

double rs_mixture_fit(const double *points, uint32_t count, uint32_t dimensions, uint32_t component_count,
                      uint32_t starts, uint64_t seed, struct rs_curve_component *out)
{
  RS_ASSERT(count > dimensions && dimensions <= RS_CURVE_DIMENSIONS_MAX);
  RS_ASSERT(component_count >= 1 && component_count <= RS_CURVE_COMPONENTS_MAX && starts >= 1);
  struct fit fit = {.points = points, .count = count, .dimensions = dimensions, .component_count = component_count};
  fit.share = rs_alloc_zero((size_t)count * component_count, sizeof *fit.share);
  fit.components = rs_alloc_zero(component_count, sizeof *fit.components);
  gsl_matrix *covariance = gsl_matrix_alloc(dimensions, dimensions);
  double best = -INFINITY;
  for (uint32_t i = 0; i < starts; i++) {
    struct rs_rng rng;
    rs_rng_seed(&rng, rs_rng_derive(seed, i));
    start(&fit, &rng, covariance);
    double likelihood = climb(&fit, covariance);
    if (likelihood > best) {
      best = likelihood;
      memcpy(out, fit.components, component_count * sizeof *out);
    }
  }
  gsl_matrix_free(covariance);
  free(fit.components);
  free(fit.share);
  return best;
}

uint32_t rs_mixture_choose(const double *points, uint32_t count, uint32_t dimensions, const uint32_t *candidates,
                           uint32_t candidate_count, uint32_t folds, uint64_t seed, double *scores)
{
  double *inside = rs_alloc_zero((size_t)count * dimensions, sizeof *inside);
  double *outside = rs_alloc_zero((size_t)count * dimensions, sizeof *outside);
  struct rs_curve_component *components = rs_alloc_zero(RS_CURVE_COMPONENTS_MAX, sizeof *components);
  uint32_t best = 0;
  for (uint32_t c = 0; c < candidate_count; c++) {
    scores[c] = 0;
    for (uint32_t fold = 0; fold < folds; fold++) {
      uint32_t in = 0, out = 0;
      for (uint32_t i = 0; i < count; i++) {
        double *to = i % folds == fold ? outside + (size_t)out++ * dimensions : inside + (size_t)in++ * dimensions;
        memcpy(to, points + (size_t)i * dimensions, dimensions * sizeof *to);
      }
      rs_mixture_fit(inside, in, dimensions, candidates[c], 1, rs_rng_derive(seed, fold), components);
      scores[c] += rs_mixture_likelihood(components, candidates[c], outside, out, dimensions) / folds;
    }
    if (scores[c] > scores[best])
      best = c;
  }
  free(components);
  free(outside);
  free(inside);
  return best;
}
