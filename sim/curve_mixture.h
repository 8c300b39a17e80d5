/* curve_mixture.h -- fits a mixture of Gaussians with full covariances to points, by expectation-maximisation.
 *
 * Deterministic for its seed (on one machine: the fit uses libm and GSL). Thread-safe.
 */
#ifndef RS_SIM_CURVE_MIXTURE_H
#define RS_SIM_CURVE_MIXTURE_H

#include "sim/curve_model_int.h"

#include <stdint.h>

/* Points row by row, `dimensions` numbers each; count > dimensions. Fills `component_count` components (some may come
 * out with weight 0) from the best of `starts` random starts. Returns the mean log likelihood of a point. */
double rs_mixture_fit(const double *points, uint32_t count, uint32_t dimensions, uint32_t component_count,
                      uint32_t starts, uint64_t seed, struct rs_curve_component *out);

/* The mean log likelihood of points under a mixture: of points that were not fitted, a fair measure of it. */
double rs_mixture_likelihood(const struct rs_curve_component *components, uint32_t component_count,
                             const double *points, uint32_t count, uint32_t dimensions);

/* How many components: the candidate with the best likelihood of points left out, in `folds` rounds. Writes each
 * candidate's likelihood to scores. Returns the index of the best candidate. */
uint32_t rs_mixture_choose(const double *points, uint32_t count, uint32_t dimensions, const uint32_t *candidates,
                           uint32_t candidate_count, uint32_t folds, uint64_t seed, double *scores);

#endif
