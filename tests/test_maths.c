/* The elementary functions: errors against the machine's own long double library where it can be opened, known values,
 * special cases, and one hash over many results that must be the same on every machine. */
#include "base/maths.h"
#include "check.h"

#include <dlfcn.h>
#include <float.h>

typedef long double wide1(long double);
typedef long double wide2(long double, long double);

static void *wide_library;

/* The exact function in long double, or NULL where it has no more bits than double or there is no library. */
static void *wide_function(const char *name)
{
  if (LDBL_MANT_DIG < 64)
    return NULL;
  if (!wide_library)
    wide_library = dlopen("libm.so.6", RTLD_NOW);
  void *function = wide_library ? dlsym(wide_library, name) : NULL;
  if (!function)
    printf("\n    skipped: no long double %s here\n", name);
  return function;
}

/* |got - exact| in units of the last place of `exact` as a double (2^-1074 below the normal range). */
static double ulps(double got, long double exact)
{
  double magnitude = (double)(exact < 0 ? -exact : exact), ulp = 0x1p-1074;
  if (magnitude >= DBL_MIN) {
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    uint64_t e = bits >> 52;
    bits = e > 52 ? (e - 52) << 52 : UINT64_C(1) << (e - 1);
    memcpy(&ulp, &bits, sizeof ulp);
  }
  long double difference = (long double)got - exact;
  return (double)((difference < 0 ? -difference : difference) / (long double)ulp);
}

static double between(struct rs_rng *rng, double low, double high)
{
  return low + (high - low) * rs_rng_unit(rng);
}

static void exp_is_within_one_ulp(void)
{
  wide1 *exact = NULL;
  *(void **)&exact = wide_function("expl");
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  double worst = 0;
  for (int i = 0; exact && i < 300000; i++) {
    double x = i % 3 == 0 ? between(&rng, -745, 709.7) : i % 3 == 1 ? between(&rng, -1, 1) : between(&rng, -20, 20);
    double error = ulps(rs_exp(x), exact(x));
    worst = error > worst ? error : worst;
  }
  printf("worst %.4f ulp ", worst);
  CHECK(worst < 1);
  CHECK(rs_exp(0) == 1);
  CHECK(rs_exp(-0.0) == 1);
  CHECK(rs_exp(710) == RS_INFINITY);
  CHECK(rs_exp(1e300) == RS_INFINITY);
  CHECK(rs_exp(RS_INFINITY) == RS_INFINITY);
  CHECK(rs_exp(-746) == 0);
  CHECK(rs_exp(-RS_INFINITY) == 0);
  CHECK(rs_is_nan(rs_exp(RS_NAN)));
  CHECK(rs_exp(-745) == 0x1p-1074);
  CHECK(rs_exp(1) == 0x1.5bf0a8b145769p+1);
}

static void log_is_within_one_ulp(void)
{
  wide1 *exact = NULL;
  *(void **)&exact = wide_function("logl");
  struct rs_rng rng;
  rs_rng_seed(&rng, 2);
  double worst = 0;
  for (int i = 0; exact && i < 300000; i++) {
    double x = i % 3 == 0   ? rs_exp(between(&rng, -744, 709))
               : i % 3 == 1 ? between(&rng, 0.5, 2)
                            : 1 + between(&rng, -1, 1) * rs_exp(between(&rng, -36, -1));
    double error = ulps(rs_log(x), exact(x));
    worst = error > worst ? error : worst;
  }
  printf("worst %.4f ulp ", worst);
  CHECK(worst < 1);
  CHECK(rs_log(1) == 0);
  CHECK(rs_log(2) == 0x1.62e42fefa39efp-1);
  CHECK(rs_log(0) == -RS_INFINITY);
  CHECK(rs_log(-0.0) == -RS_INFINITY);
  CHECK(rs_is_nan(rs_log(-1)));
  CHECK(rs_is_nan(rs_log(RS_NAN)));
  CHECK(rs_log(RS_INFINITY) == RS_INFINITY);
  CHECK(rs_log(0x1p-1074) == -0x1.74385446d71c3p+9);
}

static void pow_is_within_one_ulp(void)
{
  wide2 *exact = NULL;
  *(void **)&exact = wide_function("powl");
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  double worst = 0;
  for (int i = 0; exact && i < 300000; i++) {
    double x = i % 2 ? rs_exp(between(&rng, -300, 300)) : between(&rng, 0.5, 2),
           y = between(&rng, -700, 700) / rs_log(x);
    if (i % 3 == 0)
      y = between(&rng, -4, 4);
    long double want = exact(x, y);
    if (!(want > DBL_MIN && want < DBL_MAX))
      continue;
    double error = ulps(rs_pow(x, y), want);
    worst = error > worst ? error : worst;
  }
  printf("worst %.4f ulp ", worst);
  CHECK(worst < 1);
}

static void pow_has_its_special_cases(void)
{
  CHECK(rs_pow(2, 10) == 1024);
  CHECK(rs_pow(10, 3) == 1000);
  CHECK(rs_pow(10, 22) == 1e22);
  CHECK(rs_pow(4, 0.5) == 2);
  CHECK(rs_pow(2, -1074) == 0x1p-1074);
  CHECK(rs_pow(2, 1024) == RS_INFINITY);
  CHECK(rs_pow(-2, 3) == -8);
  CHECK(rs_pow(-2, 2) == 4);
  CHECK(rs_is_nan(rs_pow(-8, 1.0 / 3)));
  CHECK(rs_pow(RS_NAN, 0) == 1);
  CHECK(rs_pow(1, RS_NAN) == 1);
  CHECK(rs_is_nan(rs_pow(RS_NAN, 2)));
  CHECK(rs_is_nan(rs_pow(2, RS_NAN)));
  CHECK(rs_pow(0, 2) == 0);
  CHECK(rs_pow(0, -2) == RS_INFINITY);
  CHECK(1 / rs_pow(-0.0, 3) == -RS_INFINITY);
  CHECK(rs_pow(-0.0, -3) == -RS_INFINITY);
  CHECK(rs_pow(-RS_INFINITY, 3) == -RS_INFINITY);
  CHECK(rs_pow(-RS_INFINITY, -3) == 0);
  CHECK(rs_pow(0.5, RS_INFINITY) == 0);
  CHECK(rs_pow(0.5, -RS_INFINITY) == RS_INFINITY);
  CHECK(rs_pow(-1, RS_INFINITY) == 1);
  CHECK(rs_pow(2, 1e300) == RS_INFINITY);
  CHECK(rs_pow(2, -1e300) == 0);
  CHECK(rs_pow(1 + 0x1p-52, 1e-300) == 1);
}

static void sqrt_is_correctly_rounded(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 4);
  for (int i = 0; i < 100000; i++) {
    double x = rs_exp(between(&rng, -300, 300)), root = rs_sqrt(x);
    uint64_t bits;
    memcpy(&bits, &root, sizeof bits);
    double below, above;
    memcpy(&below, &(uint64_t){bits - 1}, sizeof below);
    memcpy(&above, &(uint64_t){bits + 1}, sizeof above);
    if (LDBL_MANT_DIG >= 64) { /* the exact root lies between the midpoints to the neighbours */
      long double low = ((long double)below + root) / 2, high = ((long double)above + root) / 2;
      CHECK(low * low <= (long double)x * (1 + 0x1p-60L) && high * high >= (long double)x * (1 - 0x1p-60L));
    }
  }
  CHECK(rs_sqrt(9) == 3);
  CHECK(rs_sqrt(2) == 0x1.6a09e667f3bcdp+0);
  CHECK(rs_sqrt(0) == 0);
  CHECK(rs_sqrt(0x1p-1074) == 0x1p-537);
  CHECK(rs_is_nan(rs_sqrt(-1)));
  CHECK(rs_sqrt(RS_INFINITY) == RS_INFINITY);
}

static void floor_and_round_are_exact(void)
{
  const double x[] = {0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 2.4999, 2.5001, -7.3, 1e15 + 0.5, 1e300};
  const double down[] = {0, 0, 1, 2, -1, -2, -3, 0, 2, 2, -8, 1e15, 1e300};
  const double nearest[] = {0, 0, 2, 2, 0, -2, -2, 0, 2, 3, -7, 1e15, 1e300};
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
    CHECK(rs_floor(x[i]) == down[i]);
    CHECK(rs_round(x[i]) == nearest[i]);
  }
  CHECK(rs_is_nan(rs_round(RS_NAN)));
  CHECK(rs_floor(-RS_INFINITY) == -RS_INFINITY);
  CHECK(!rs_is_finite(RS_NAN) && !rs_is_finite(RS_INFINITY) && rs_is_finite(DBL_MAX));
}

static void normal_has_its_moments(void)
{
  enum { COUNT = 200000 };
  struct rs_rng rng;
  rs_rng_seed(&rng, 5);
  double sum = 0, square = 0, fourth = 0;
  int within_one = 0, beyond_three = 0;
  for (int i = 0; i < COUNT; i++) {
    double z = rs_normal(&rng);
    sum += z;
    square += z * z;
    fourth += z * z * z * z;
    within_one += z > -1 && z < 1;
    beyond_three += z < -3 || z > 3;
  }
  CHECK_NEAR(sum / COUNT, 0, 0.01);
  CHECK_NEAR(square / COUNT, 1, 0.015);
  CHECK_NEAR(fourth / COUNT, 3, 0.12);
  CHECK_NEAR((double)within_one / COUNT, 0.6827, 0.005);
  CHECK_NEAR((double)beyond_three / COUNT, 0.0027, 0.0006);
}

static uint64_t hash_in(uint64_t hash, double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return rs_mix64(hash ^ bits);
}

/* One number for many results: equal on every machine and for every compiler option, or the functions are not what they
 * say. */
static void results_are_the_same_everywhere(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 6);
  uint64_t hash = 0;
  for (int i = 0; i < 20000; i++) {
    double x = between(&rng, -700, 700), base = rs_exp(between(&rng, -50, 50)), y = between(&rng, -10, 10);
    hash = hash_in(hash, rs_exp(x));
    hash = hash_in(hash, rs_log(base));
    hash = hash_in(hash, rs_pow(base, y));
    hash = hash_in(hash, rs_sqrt(base));
    hash = hash_in(hash, rs_normal(&rng));
  }
  printf("%016" PRIx64 " ", hash);
  CHECK(hash == UINT64_C(0x9b9cb3d115a98455));
}

const struct rs_test rs_tests[] = {{"exp", exp_is_within_one_ulp},
                                   {"log", log_is_within_one_ulp},
                                   {"pow", pow_is_within_one_ulp},
                                   {"pow special cases", pow_has_its_special_cases},
                                   {"sqrt", sqrt_is_correctly_rounded},
                                   {"floor and round", floor_and_round_are_exact},
                                   {"normal", normal_has_its_moments},
                                   {"same everywhere", results_are_the_same_everywhere},
                                   {0}};
