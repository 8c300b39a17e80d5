/* curve_fit.h -- fits a curve model to recorded curves (the model: curve_model.c; the idea: docs/curves.md). */
#ifndef RS_SIM_CURVE_FIT_H
#define RS_SIM_CURVE_FIT_H

#include "sim/curve_model.h"
#include "sim/curves.h"

#include <stdbool.h>
#include <stdint.h>

/* Seven configurations of ten are fitted (number mod 10 < 7), the others judge the fit. The configurations of a table
 * are independent draws, so their numbers carry nothing. */
static inline bool rs_curve_is_held_out(uint32_t number)
{
  return number % 10 >= 7;
}

struct rs_curve_fit_report {
  uint32_t fitted, diverged;        /* configurations that were used; of these, those that diverged */
  uint32_t candidates[16];          /* numbers of components that were tried */
  double left_out_likelihood[16];   /* mean log likelihood of the points that each did not see (5 rounds) */
  uint32_t candidate_count, chosen; /* chosen: an index into the two arrays */
};

/* Fits to the configurations that are not held out; `components` Gaussians, or 0 for cross-validation to choose. The
 * curves are fitted up to the length of the shortest. NULL with one line in error when there is too little to fit:
 * wanted are at least 50 configurations that never diverge, of at least 2 epochs. The caller frees the model. */
struct rs_curve_model *rs_curve_fit(const struct rs_curves *curves, uint32_t components, uint64_t seed,
                                    struct rs_curve_fit_report *report, char *error, size_t error_bytes);

#endif
