/* curve_check.h -- how alike two sets of learning curves are: recorded ones against drawn ones. */
#ifndef RS_SIM_CURVE_CHECK_H
#define RS_SIM_CURVE_CHECK_H

#include "sim/curve_model.h"
#include "sim/curves.h"

#include <stdbool.h>
#include <stdint.h>

#define RS_CURVE_CHECK_EARLY 3u
extern const uint32_t rs_curve_check_epochs[RS_CURVE_CHECK_EARLY]; /* 1, 4, 16 */

/* `count` configurations, each its losses at epochs 1..epochs and its mean seconds an epoch. */
struct rs_curve_sample {
  uint32_t count, epochs;
  double *loss;    /* [epoch - 1][configuration]; diverged = positive infinity: worse than any number */
  double *seconds; /* [configuration] */
};

/* The recorded configurations that the fit left out, or those that it saw. The caller frees the sample. */
struct rs_curve_sample rs_curve_sample_recorded(const struct rs_curves *curves, uint32_t epochs, bool held_out);
struct rs_curve_sample rs_curve_sample_drawn(const struct rs_curve_model *model, uint64_t seed, uint32_t count);
void rs_curve_sample_free(struct rs_curve_sample *sample);

/* Kolmogorov and Smirnov's distance between two samples: the largest difference of their distribution functions; ties
 * are handled. The arrays are sorted in place; no NaN. */
double rs_ks_distance(double *a, uint32_t a_count, double *b, uint32_t b_count);

/* The distance that two samples of one continuous distribution exceed in 5 % of cases (asymptotic; ties only lower it).
 */
double rs_ks_critical(uint32_t a_count, uint32_t b_count);

struct rs_curve_difference {
  double ks_final, ks_early[RS_CURVE_CHECK_EARLY],
      ks_seconds; /* distances: loss at the last epoch, at early ones; seconds */
  double ks_critical;
  double diverged[2];                   /* share whose last loss is not finite, in a and in b */
  double kept[2][RS_CURVE_CHECK_EARLY]; /* of the best 1/16 at last: the share that is among the best 1/4 at an early
                                           epoch */
  double spearman[2][RS_CURVE_CHECK_EARLY]; /* rank correlation of the loss at an early epoch and at the last, in a and
                                               b */
};

/* Both samples must have the same number of epochs, at least 17. */
struct rs_curve_difference rs_curve_compare(const struct rs_curve_sample *a, const struct rs_curve_sample *b);

#endif
