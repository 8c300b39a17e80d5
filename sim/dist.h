/* dist.h -- draws from the distributions of a scenario, with GSL. */
#ifndef RS_SIM_DIST_H
#define RS_SIM_DIST_H

#include <gsl/gsl_rng.h>

#include "sim/scenario.h"

/* base/rng.h's generator as a GSL one: seeded with 64 bits at the price of a few multiplications, so that every draw
 * may have a stream of its own. gsl_rng_alloc(rs_dist_rng_type). */
extern const gsl_rng_type *const rs_dist_rng_type;

/* A value inside [min, max], in the unit of the field that holds the distribution. A draw outside is drawn again, at
 * most 1,000 times; then it is cut to the nearer bound, so that no scenario can hang here. */
double rs_dist_draw(const struct rs_dist *dist, gsl_rng *rng);

/* The mean of the untruncated distribution; INFINITY where it has none (a Pareto shape of at most 1). */
double rs_dist_mean(const struct rs_dist *dist);

/* 1 + |z|, z ~ N(0, sd), for the `fraction` of draws that are struck; 1 otherwise. The straggler model of Li et al.,
 * 2020. */
double rs_dist_straggler(double sd, double fraction, gsl_rng *rng);

#endif
