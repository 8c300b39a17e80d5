/* maths.c -- exp, log, pow, sqrt from the exact operations alone.
 *
 * exp: x = k ln 2 + r with |r| <= ln(2)/2, ln 2 split in two so that k times its upper part is exact; Taylor's series
 * of r to degree 14 (the next term is below 2^-63), its two largest terms added without error; then an exact scaling by
 * 2^k.
 *
 * log: x = 2^k m with m in [sqrt(1/2), sqrt(2)); with f = m - 1 and s = f/(2+f), log m = 2 artanh s, a series in s^2 <=
 * 0.0295 taken to s^23. It is evaluated as f - (f^2/2 - s (f^2/2 + tail)), because f is exact and s is not.
 *
 * pow: exp(y log x). An error of log x is multiplied by up to 709, so the logarithm and its product with y carry about
 * 70 bits as an unevaluated sum of two doubles (Dekker 1971, Knuth TAOCP 2, 4.2.2).
 */
#include "base/maths.h"

#include <float.h>
#include <string.h>
#if defined __SSE2__
#include <emmintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");
_Static_assert(DBL_MANT_DIG == 53, "doubles must be IEEE 754 binary64");

/* ln 2: 33 bits, so that a product with an exponent (11 bits) is exact, and the rest. */
static const double LN2_HI = 0x1.62e42fefp-1, LN2_LO = 0x1.473de6af278edp-34;

static uint64_t bits_of(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double of_bits(uint64_t bits)
{
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* 2^k for a normal result: k in [-1022, 1023]. */
static double two_to(int k)
{
  return of_bits((uint64_t)(k + 1023) << 52);
}

/* x 2^k for x near 1 and k >= -1080, rounded once. */
static double scale(double x, int k)
{
  if (k > 1023)
    return x * 0x1p1023 * two_to(k - 1023);
  if (k < -1022)
    return x * two_to(k + 60) * 0x1p-60;
  return x * two_to(k);
}

double rs_floor(double x)
{
  if (!(x > -0x1p52 && x < 0x1p52))
    return x; /* already an integer, or infinite, or NaN */
  double whole = (double)(int64_t)x;
  return whole > x ? whole - 1 : whole;
}

double rs_round(double x)
{
  double down = rs_floor(x), rest = x - down;
  if (!(rest >= 0.5))
    return down;
  bool even = rs_floor(down / 2) * 2 == down;
  return rest == 0.5 && even ? down : down + 1;
}

double rs_sqrt(double x)
{
#if defined __SSE2__
  __m128d v = _mm_set_sd(x);
  return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
#elif defined __aarch64__
  return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
#else
  return __builtin_sqrt(x);
#endif
}

/* e^(x + low) for a small correction `low` (|low| <= ulp(x)) and finite x. */
static double exp_sum(double x, double low)
{
  if (x > 709.79)
    return RS_INFINITY;
  if (x < -745.14)
    return 0;
  double k = rs_floor(x * 1.4426950408889634 + 0.5);
  double exact = x - k * LN2_HI, rest = low - k * LN2_LO;
  double r = exact + rest, r_low = (exact - r) + rest;
  static const double inverse_factorial[] = {
      1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,         1.0 / 5040,        1.0 / 40320,
      1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800., 1.0 / 87178291200.};
  double p = 0;
  for (int i = (int)(sizeof inverse_factorial / sizeof *inverse_factorial) - 1; i >= 0; i--)
    p = p * r + inverse_factorial[i];
  double sum = 1 + r, lost = r - (sum - 1);
  return scale(sum + (lost + (r_low + r_low * r + r * r * p)), (int)k);
}

double rs_exp(double x)
{
  if (rs_is_nan(x))
    return x;
  if (!rs_is_finite(x))
    return x > 0 ? x : 0;
  return exp_sum(x, 0);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)); x positive and finite. */
static double split_power(double x, int *k)
{
  int scaled = 0;
  if (x < DBL_MIN) {
    x *= 0x1p54;
    scaled = 54;
  }
  uint64_t bits = bits_of(x);
  int e = (int)(bits >> 52) - 1023;
  double m = of_bits((bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1023) << 52); /* [1, 2) */
  if (m >= 0x1.6a09e667f3bcdp0) {
    m *= 0.5;
    e++;
  }
  *k = e - scaled;
  return m;
}

/* sum of 2 z^i / (2i + 1) for i = from .. 11, divided by z^from. */
static double artanh_tail(double z, int from)
{
  double p = 0;
  for (int i = 11; i >= from; i--)
    p = p * z + 2.0 / (2 * i + 1);
  return p;
}

double rs_log(double x)
{
  if (!(x > 0))
    return x == 0 ? -RS_INFINITY : RS_NAN;
  if (!rs_is_finite(x))
    return x;
  int k;
  double f = split_power(x, &k) - 1, s = f / (2 + f), z = s * s, half = f * f * 0.5;
  double log_m_below_f = half - (s * (half + z * artanh_tail(z, 1)) + k * LN2_LO);
  return k * LN2_HI - (log_m_below_f - f);
}

/* An unevaluated sum hi + lo with |lo| <= ulp(hi)/2. */
struct two {
  double hi, lo;
};

static struct two two_sum(double a, double b)
{
  double sum = a + b, of_b = sum - a;
  return (struct two){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* a b exactly, for factors whose product is neither huge nor tiny. */
static struct two two_product(double a, double b)
{
  double ca = 134217729.0 * a, cb = 134217729.0 * b; /* 2^27 + 1: splits 53 bits in two halves */
  double ah = ca - (ca - a), al = a - ah, bh = cb - (cb - b), bl = b - bh, product = a * b;
  return (struct two){product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
}

static struct two two_add(struct two a, struct two b)
{
  struct two sum = two_sum(a.hi, b.hi);
  return two_sum(sum.hi, sum.lo + (a.lo + b.lo));
}

static struct two two_multiply(struct two a, struct two b)
{
  struct two product = two_product(a.hi, b.hi);
  return two_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* log x with an error of about 2^-66 of it. */
static struct two log_two(double x)
{
  int k;
  double f = split_power(x, &k) - 1;
  struct two d = two_sum(2, f);
  double s_hi = f / d.hi;
  struct two back = two_product(s_hi, d.hi);
  struct two s = two_sum(s_hi, (((f - back.hi) - back.lo) - s_hi * d.lo) / d.hi);
  struct two z = two_multiply(s, s), cube = two_multiply(z, s);
  struct two third = {2.0 / 3, 0x1.5555555555555p-55}; /* 2/3 to 106 bits */
  struct two series = two_sum(s.hi * 2, s.lo * 2);
  series = two_add(series, two_multiply(cube, third));
  series = two_add(series, two_sum(0, cube.hi * z.hi * artanh_tail(z.hi, 2)));
  return two_add((struct two){k * LN2_HI, k * LN2_LO}, series);
}

static bool is_integer(double y)
{
  return rs_is_finite(y) && rs_floor(y) == y;
}

static bool is_odd(double y)
{
  return is_integer(y) && rs_floor(y / 2) * 2 != y;
}

double rs_pow(double x, double y)
{
  if (y == 0 || x == 1)
    return 1;
  if (rs_is_nan(x) || rs_is_nan(y))
    return RS_NAN;
  bool minus = bits_of(x) >> 63 && is_odd(y);
  double magnitude = x < 0 ? -x : x;
  if (!rs_is_finite(y)) {
    if (magnitude == 1)
      return 1;
    return (magnitude > 1) == (y > 0) ? RS_INFINITY : 0;
  }
  if (magnitude == 0 || !rs_is_finite(magnitude)) {
    double result = (magnitude == 0) == (y > 0) ? 0 : RS_INFINITY;
    return minus ? -result : result;
  }
  if (x < 0 && !is_integer(y))
    return RS_NAN;
  struct two log_x = log_two(magnitude);
  double rough = log_x.hi * y, result;
  if (rough > 800 || rough < -800) /* far out of range: the exact product could overflow */
    result = rough > 0 ? RS_INFINITY : 0;
  else if (rough < 0x1p-60 && rough > -0x1p-60) /* far below the last bit of 1: the exact product could underflow */
    result = 1;
  else {
    struct two product = two_multiply(log_x, (struct two){y, 0});
    result = exp_sum(product.hi, product.lo);
  }
  return minus ? -result : result;
}

double rs_normal(struct rs_rng *rng)
{
  for (;;) {
    double u = 2 * rs_rng_unit(rng) - 1, v = 2 * rs_rng_unit(rng) - 1, square = u * u + v * v;
    if (square < 1 && square > 0)
      return u * rs_sqrt(-2 * rs_log(square) / square);
  }
}
