/* curve_model_int.h -- the inside of a curve model, for the module that fits it and for tests. */
#ifndef RS_SIM_CURVE_MODEL_INT_H
#define RS_SIM_CURVE_MODEL_INT_H

#include "sim/curve_model.h"

#include <stdint.h>

#define RS_CURVE_EPOCHS_MAX 4096u
#define RS_CURVE_COMPONENTS_MAX 64u
#define RS_CURVE_GRID_MAX 1024u
#define RS_CURVE_DIMENSIONS_MAX (RS_CURVE_KNOTS_MAX + 2u)

/* A Gaussian of the mixture: x = mean + factor z, z standard normal; factor lower triangular, row by row. */
struct rs_curve_component {
  double weight;
  double mean[RS_CURVE_DIMENSIONS_MAX];
  double factor[RS_CURVE_DIMENSIONS_MAX][RS_CURVE_DIMENSIONS_MAX];
};

/* How a recorded configuration diverged: log losses at the knots before, and at the last epoch before. */
struct rs_curve_burst {
  uint32_t diverged_epoch; /* 2..epochs */
  double last;
  double log_loss[RS_CURVE_KNOTS_MAX]; /* at the knots below diverged_epoch; the rest is 0 */
};

struct rs_curve_model {
  uint32_t epochs;
  uint32_t knot_count;
  uint32_t knots[RS_CURVE_KNOTS_MAX]; /* 1 = first, epochs = last, increasing */

  /* Never diverging: scores of the loss at the knots, of the spread and of the seconds. */
  uint32_t component_count;
  struct rs_curve_component *components;

  /* From a score to a value: piecewise linear over the grid low, low + step, ...; the ends go on straight. */
  uint32_t grid_count;
  double grid_low, grid_step;
  double *log_loss;    /* [epoch - 1][grid] */
  double *log_spread;  /* [grid] */
  double *log_seconds; /* [grid] */

  double *noise_profile; /* [epoch - 1]: how much of the spread shows at this epoch; 0 at a knot */

  uint32_t jitter_count;
  double *jitter; /* quantiles of log(seconds of an epoch / the configuration's mean), equally likely */
  double seconds_mean;

  /* Diverging. */
  double diverged_fraction;
  double diverged_at_once; /* share of the diverging whose first epoch is already without a finite loss */
  uint32_t burst_count;    /* recorded configurations that diverged later */
  struct rs_curve_burst *bursts;
  double diverged_seconds_mean, diverged_seconds_deviation; /* of the score of the seconds */

  /* Derived from the above by rs_curve_model_prepare. */
  uint32_t *segment; /* [epoch - 1]: the knot before */
  double *part;      /* [epoch - 1]: how far to the next knot, 0..1, in log epochs */
};

/* A model with all its arrays, zeroed; then, when they are filled, what draws need besides. */
struct rs_curve_model *rs_curve_model_new(uint32_t epochs, uint32_t knot_count, uint32_t component_count,
                                          uint32_t grid_count, uint32_t jitter_count, uint32_t burst_count);
void rs_curve_model_prepare(struct rs_curve_model *model);

/* The score of the loss at an epoch, before the table turns it into a loss; for a curve that does not diverge. */
double rs_curve_score(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch);

/* The raw scores of a draw: [knot_count] spread, [knot_count + 1] seconds. */
void rs_curve_draw_scores(const struct rs_curve_model *model, uint64_t seed, uint64_t trial, double *scores);

/* Piecewise linear interpolation in one of the tables. */
double rs_curve_lookup(const struct rs_curve_model *model, const double *table, double score);

/* Writes the file that rs_curve_model_load reads; `about` is one line of plain text that goes into it. 0, or -1 with a
 * message in error. */
int rs_curve_model_save(const struct rs_curve_model *model, const char *path, const char *about, char *error,
                        size_t error_bytes);

#endif
