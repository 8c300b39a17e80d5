/* maths.h -- the elementary functions of the core: the same bits on every machine.
 *
 * The mathematical library of a machine is its own affair: two versions of exp differ in the last bit, and one bit is
 * enough to make two runs part. These functions use only + - * / and square root, which IEEE 754 fixes exactly (the
 * build sets -ffp-contract=off), and integer operations. Pure functions, thread-safe, no errno.
 *
 * Errors against the exact value, checked by tests/test_maths.c: rs_exp and rs_log below 1 ulp, rs_pow below 1 ulp
 * where the result is a normal number, rs_sqrt correctly rounded.
 */
#ifndef RS_BASE_MATHS_H
#define RS_BASE_MATHS_H

#include "base/rng.h"

#include <stdbool.h>

#define RS_NAN __builtin_nan("")
#define RS_INFINITY __builtin_inf()

static inline bool rs_is_nan(double x)
{
  return x != x;
}
static inline bool rs_is_finite(double x)
{
  return x - x == 0;
}

double rs_exp(double x);           /* e^x; 0 below about -745.2, infinity above about 709.8 */
double rs_log(double x);           /* natural logarithm; -infinity at 0, NaN below */
double rs_pow(double x, double y); /* x^y with the special cases of C's pow: x^0 = 1^y = 1, (-8)^(1/3) = NaN */
double rs_sqrt(double x);          /* NaN below 0 */
double rs_floor(double x);         /* the largest integer <= x */
double rs_round(double x);         /* the nearest integer, halves to the even one */

/* A standard normal deviate (mean 0, deviation 1) by Marsaglia's polar method; draws an even number of values,
 * about 2.55 on average, and keeps nothing between calls. */
double rs_normal(struct rs_rng *rng);

#endif
