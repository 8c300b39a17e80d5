/* space.h -- search spaces: which configuration trial number t has.
 *
 * A configuration is a function of (seed, trial) alone: nothing is stored, any trial can be asked for again, in any
 * order. Every parameter draws from a random stream of its own, so that adding one leaves the others as they were.
 *
 * Names and meanings are Ray Tune's. grid_search parameters are crossed with each other; num_samples is the number of
 * passes over the whole grid, the first grid parameter turning fastest; all other parameters are drawn anew for each
 * trial. Departures: quniform and qloguniform stay inside [low, high] for bounds that are no multiples of q, where Ray
 * refuses.
 */
#ifndef RS_TUNE_SPACE_H
#define RS_TUNE_SPACE_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

enum rs_tune_param_kind {
  RS_TUNE_UNIFORM,     /* low <= x < high */
  RS_TUNE_QUNIFORM,    /* uniform, then the nearest multiple of q inside [low, high] */
  RS_TUNE_LOGUNIFORM,  /* uniform in log x; 0 < low */
  RS_TUNE_QLOGUNIFORM, /* loguniform, then as quniform */
  RS_TUNE_RANDINT,     /* integers, low <= x < high, |bounds| <= 2^53 */
  RS_TUNE_LOGRANDINT,  /* the integer part of loguniform; 1 <= low */
  RS_TUNE_RANDN,       /* normal with mean `low` and standard deviation `high` >= 0 */
  RS_TUNE_CHOICE,      /* one of values[], uniformly */
  RS_TUNE_GRID_SEARCH, /* each of values[] */
  RS_TUNE_SAMPLE_FROM, /* what the callback says */
};

struct rs_tune_value {
  double number;
  uint32_t index; /* choice and grid_search: which of values[]; 0 otherwise */
};

/* sample_from: `before` holds the values of the parameters before this one, in order. Must depend on its arguments
 * alone. */
typedef double rs_tune_sample(void *arg, const struct rs_tune_value *before, uint32_t before_count, struct rs_rng *rng);

struct rs_tune_param {
  const char *name;
  enum rs_tune_param_kind kind;
  double low, high, q;
  const double *values; /* NULL: the index is the number (alternatives that are no numbers) */
  uint32_t value_count;
  rs_tune_sample *sample;
  void *sample_arg;
};

struct rs_tune_space { /* owned by the caller; must outlive its users */
  const struct rs_tune_param *params;
  uint32_t param_count;
};

/* NULL when the space is sound; otherwise one sentence about params[*param], in static memory. */
const char *rs_tune_space_check(const struct rs_tune_space *space, uint32_t *param);

/* Points of the grid: the product of the sizes of the grid_search parameters, 1 without any; UINT64_MAX if it
 * overflows. */
uint64_t rs_tune_space_grid(const struct rs_tune_space *space);

/* Fills values[0 .. param_count) with the configuration of `trial`. The space must be sound. O(param_count). */
void rs_tune_space_sample(const struct rs_tune_space *space, uint64_t seed, uint64_t trial,
                          struct rs_tune_value *values);

#endif
