/* calibrate_fit.c -- least squares with standard errors, from GSL; negative costs do not exist, so their columns go. */
#include <gsl/gsl_multifit.h>
#include <math.h>

#include "base/assert.h"
#include "sim/calibrate.h"

static double solve(const double *x, const double *y, uint32_t rows, uint32_t columns, const uint32_t *kept,
                    uint32_t kept_count, double *value, double *error)
{
  gsl_matrix *a = gsl_matrix_alloc(rows, kept_count), *covariance = gsl_matrix_alloc(kept_count, kept_count);
  gsl_vector *b = gsl_vector_alloc(rows), *c = gsl_vector_alloc(kept_count);
  gsl_multifit_linear_workspace *work = gsl_multifit_linear_alloc(rows, kept_count);
  double squares;
  for (uint32_t r = 0; r < rows; r++) {
    for (uint32_t k = 0; k < kept_count; k++)
      gsl_matrix_set(a, r, k, x[r * columns + kept[k]] / y[r]);
    gsl_vector_set(b, r, 1);
  }
  gsl_multifit_linear(a, b, c, covariance, &squares, work);
  for (uint32_t k = 0; k < kept_count; k++) {
    value[k] = gsl_vector_get(c, k);
    error[k] = rows > kept_count ? sqrt(gsl_matrix_get(covariance, k, k)) : 0;
  }
  gsl_multifit_linear_free(work);
  gsl_matrix_free(a);
  gsl_matrix_free(covariance);
  gsl_vector_free(b);
  gsl_vector_free(c);
  return 1 - squares / rows;
}

bool rs_fit_costs(const double *x, const double *y, uint32_t rows, uint32_t columns, struct rs_fit *fit)
{
  RS_ASSERT(columns >= 1 && columns <= RS_FIT_COLUMNS);
  *fit = (struct rs_fit){.columns = columns};
  uint32_t kept[RS_FIT_COLUMNS], count = 0;
  for (uint32_t r = 0; r < rows; r++)
    if (!(y[r] > 0))
      return false;
  for (uint32_t k = 0; k < columns; k++) {
    bool any = false;
    for (uint32_t r = 0; r < rows; r++)
      any = any || x[r * columns + k] > 0;
    fit->dropped[k] = !any;
    if (any)
      kept[count++] = k;
  }
  if (rows < columns || count == 0)
    return false;
  double value[RS_FIT_COLUMNS], error[RS_FIT_COLUMNS];
  for (;;) {
    fit->r_squared = solve(x, y, rows, columns, kept, count, value, error);
    uint32_t worst = 0;
    for (uint32_t k = 1; k < count; k++)
      if (value[k] < value[worst])
        worst = k;
    if (value[worst] >= 0 || count == 1)
      break;
    fit->dropped[kept[worst]] = true;
    for (uint32_t k = worst; k + 1 < count; k++)
      kept[k] = kept[k + 1];
    count--;
  }
  for (uint32_t k = 0; k < count; k++) {
    fit->value[kept[k]] = value[k] > 0 ? value[k] : 0;
    fit->error[kept[k]] = error[k];
  }
  return true;
}
