/* curve_model.h -- draws learning curves that nobody trained, but that look like the recorded ones.
 *
 * A model is a small JSON file that tools/fit_curves.c fitted to a table of recorded curves (docs/curves.md: what it
 * assumes, and how well it keeps what it was shown). Trial number `trial` of seed `seed` is one configuration: its
 * whole curve is fixed by (model, seed, trial), on every machine, to the last bit: the random numbers are base/rng.h's,
 * the arithmetic is + - * / and base/maths.h. Trials are independent of one another.
 *
 *   struct rs_curve_params trial;
 *   rs_curve_draw(model, seed, 17, &trial);           about 0.5 microseconds
 *   double loss = rs_curve_loss(model, &trial, 64);   about 0.05 microseconds; any epoch, in any order
 *
 * A model is immutable after loading: any number of threads may draw from it. Parameters are plain values: copy them.
 */
#ifndef RS_SIM_CURVE_MODEL_H
#define RS_SIM_CURVE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define RS_CURVE_KNOTS_MAX 12u

struct rs_curve_model;

/* One drawn configuration. To be read by this module only; a test may bend it. */
struct rs_curve_params {
  double
      score[RS_CURVE_KNOTS_MAX]; /* normal score of the loss at each knot: how good, compared with all configurations */
  double spread;                 /* deviation of the score between the knots, from epoch to epoch */
  double seconds;                /* mean seconds of an epoch */
  uint64_t key;                  /* the curve's stream of per-epoch noise */
  double blur;                   /* diverging: what is added to the log loss of the recorded burst */
  uint32_t burst;                /* diverging after epoch 1: which recorded burst it follows */
  uint32_t diverged_epoch;       /* the first epoch without a finite loss; 0 = never diverges */
};

/* Reads a model. NULL on bad input, with one line "file:line: what is wrong; what would be right" in error (the line is
 * left out where the file is well-formed JSON). */
struct rs_curve_model *rs_curve_model_load(const char *path, char *error, size_t error_bytes);
void rs_curve_model_free(struct rs_curve_model *model);

/* The longest curve that the model knows: epochs 1..max. */
uint32_t rs_curve_model_epochs_max(const struct rs_curve_model *model);

/* Mean seconds of an epoch over all configurations of the table that the model was fitted to; > 0. */
double rs_curve_model_seconds_mean(const struct rs_curve_model *model);

void rs_curve_draw(const struct rs_curve_model *model, uint64_t seed, uint64_t trial, struct rs_curve_params *out);

/* Validation loss in nats after `epoch` epochs, 1 <= epoch <= max. > 0; NaN from the epoch on at which it diverged. */
double rs_curve_loss(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch);

/* Seconds that this epoch alone takes (of the machine that recorded the table), 1 <= epoch <= max; > 0. */
double rs_curve_seconds(const struct rs_curve_model *model, const struct rs_curve_params *params, uint32_t epoch);

#endif
