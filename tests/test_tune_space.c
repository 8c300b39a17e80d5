/* Search spaces: every kind inside its bounds and with its distribution, the grid, and configurations fixed by (seed,
 * trial). */
#include "base/maths.h"
#include "check.h"
#include "lib/tune/space.h"

enum { DRAWS = 20000 };

static double draw_one(const struct rs_tune_param *param, uint64_t trial)
{
  struct rs_tune_space space = {param, 1};
  uint32_t wrong;
  CHECK(!rs_tune_space_check(&space, &wrong));
  struct rs_tune_value value;
  rs_tune_space_sample(&space, 9, trial, &value);
  return value.number;
}

static void uniform_is_uniform(void)
{
  struct rs_tune_param param = {.name = "x", .kind = RS_TUNE_UNIFORM, .low = -2, .high = 6};
  int quarters[4] = {0};
  for (int i = 0; i < DRAWS; i++) {
    double x = draw_one(&param, (uint64_t)i);
    CHECK(x >= -2 && x < 6);
    quarters[(int)((x + 2) / 2)]++;
  }
  for (int i = 0; i < 4; i++)
    CHECK_NEAR(quarters[i], DRAWS / 4, 250);
}

static void quniform_gives_multiples(void)
{
  struct rs_tune_param param = {.name = "x", .kind = RS_TUNE_QUNIFORM, .low = 0, .high = 1, .q = 0.25};
  int seen[5] = {0};
  for (int i = 0; i < DRAWS; i++) {
    double x = draw_one(&param, (uint64_t)i) * 4;
    CHECK(x == rs_floor(x) && x >= 0 && x <= 4);
    seen[(int)x]++;
  }
  CHECK_NEAR(seen[0], DRAWS / 8, 200); /* the ends collect half a step each */
  CHECK_NEAR(seen[2], DRAWS / 4, 250);
  CHECK_NEAR(seen[4], DRAWS / 8, 200);
  param.low = 0.3;
  param.high = 0.9;
  for (int i = 0; i < 1000; i++) {
    double x = draw_one(&param, (uint64_t)i);
    CHECK(x == 0.5 || x == 0.75);
  }
}

static void loguniform_is_uniform_in_the_logarithm(void)
{
  struct rs_tune_param param = {.name = "lr", .kind = RS_TUNE_LOGUNIFORM, .low = 1e-4, .high = 1};
  int decades[4] = {0};
  for (int i = 0; i < DRAWS; i++) {
    double x = draw_one(&param, (uint64_t)i);
    CHECK(x >= 1e-4 && x <= 1);
    decades[x < 1e-3 ? 0 : x < 1e-2 ? 1 : x < 1e-1 ? 2 : 3]++;
  }
  for (int i = 0; i < 4; i++)
    CHECK_NEAR(decades[i], DRAWS / 4, 250);
  param.kind = RS_TUNE_QLOGUNIFORM;
  param.q = 0.01;
  for (int i = 0; i < 1000; i++) {
    double x = draw_one(&param, (uint64_t)i);
    CHECK(x >= 0.01 && x <= 1 && rs_round(x / 0.01) * 0.01 == x);
  }
}

static void integers_stay_below_the_upper_bound(void)
{
  struct rs_tune_param param = {.name = "layers", .kind = RS_TUNE_RANDINT, .low = -1, .high = 4};
  int seen[5] = {0};
  for (int i = 0; i < DRAWS; i++)
    seen[(int)draw_one(&param, (uint64_t)i) + 1]++;
  for (int i = 0; i < 5; i++)
    CHECK_NEAR(seen[i], DRAWS / 5, 230);
  param = (struct rs_tune_param){.name = "width", .kind = RS_TUNE_LOGRANDINT, .low = 1, .high = 16};
  int octaves[4] = {0};
  for (int i = 0; i < DRAWS; i++) {
    double x = draw_one(&param, (uint64_t)i);
    CHECK(x == rs_floor(x) && x >= 1 && x <= 15);
    octaves[x < 2 ? 0 : x < 4 ? 1 : x < 8 ? 2 : 3]++;
  }
  for (int i = 0; i < 4; i++)
    CHECK_NEAR(octaves[i], DRAWS / 4, 250);
}

static void randn_is_normal(void)
{
  struct rs_tune_param param = {.name = "z", .kind = RS_TUNE_RANDN, .low = 10, .high = 2};
  double sum = 0, square = 0;
  for (int i = 0; i < DRAWS; i++) {
    double x = draw_one(&param, (uint64_t)i) - 10;
    sum += x;
    square += x * x;
  }
  CHECK_NEAR(sum / DRAWS, 0, 0.06);
  CHECK_NEAR(square / DRAWS, 4, 0.16);
}

static void choice_has_numbers_or_indices(void)
{
  const double values[] = {16, 64, 256};
  struct rs_tune_param params[] = {{.name = "batch", .kind = RS_TUNE_CHOICE, .values = values, .value_count = 3},
                                   {.name = "activation", .kind = RS_TUNE_CHOICE, .value_count = 4}};
  struct rs_tune_space space = {params, 2};
  int seen[3] = {0};
  for (uint64_t trial = 0; trial < DRAWS; trial++) {
    struct rs_tune_value value[2];
    rs_tune_space_sample(&space, 3, trial, value);
    CHECK(value[0].index < 3 && value[0].number == values[value[0].index]);
    CHECK(value[1].index < 4 && value[1].number == value[1].index);
    seen[value[0].index]++;
  }
  for (int i = 0; i < 3; i++)
    CHECK_NEAR(seen[i], DRAWS / 3, 250);
}

static void the_grid_is_crossed_and_repeated(void)
{
  const double a[] = {1, 2, 3}, b[] = {10, 20};
  struct rs_tune_param params[] = {{.name = "a", .kind = RS_TUNE_GRID_SEARCH, .values = a, .value_count = 3},
                                   {.name = "x", .kind = RS_TUNE_UNIFORM, .low = 0, .high = 1},
                                   {.name = "b", .kind = RS_TUNE_GRID_SEARCH, .values = b, .value_count = 2}};
  struct rs_tune_space space = {params, 3};
  CHECK_EQ(rs_tune_space_grid(&space), 6);
  double x[12];
  for (uint64_t trial = 0; trial < 12; trial++) {
    struct rs_tune_value value[3];
    rs_tune_space_sample(&space, 3, trial, value);
    CHECK(value[0].number == a[trial % 3]);
    CHECK(value[2].number == b[trial / 3 % 2]);
    x[trial] = value[1].number;
    for (uint64_t before = 0; before < trial; before++)
      CHECK(x[before] != x[trial]); /* drawn anew for every point of the grid */
  }
  params[0].value_count = params[2].value_count = UINT32_MAX;
  params[1] = params[0];
  CHECK(rs_tune_space_grid(&space) == UINT64_MAX);
  CHECK_EQ(rs_tune_space_grid(&(struct rs_tune_space){NULL, 0}), 1);
}

static double at_most_the_first(void *arg, const struct rs_tune_value *before, uint32_t before_count,
                                struct rs_rng *rng)
{
  CHECK_EQ(before_count, 1);
  *(int *)arg += 1;
  return before[0].number * rs_rng_unit(rng);
}

static void configurations_are_fixed_by_seed_and_trial(void)
{
  int calls = 0;
  struct rs_tune_param params[] = {
      {.name = "x", .kind = RS_TUNE_LOGUNIFORM, .low = 1, .high = 100},
      {.name = "y", .kind = RS_TUNE_SAMPLE_FROM, .sample = at_most_the_first, .sample_arg = &calls},
      {.name = "z", .kind = RS_TUNE_RANDN, .low = 0, .high = 1}};
  struct rs_tune_space space = {params, 3};
  struct rs_tune_value forward[100][3], other[3];
  for (uint32_t trial = 0; trial < 100; trial++)
    rs_tune_space_sample(&space, 5, trial, forward[trial]);
  for (uint32_t trial = 100; trial-- > 0;) { /* in any order, and whatever comes after a parameter */
    rs_tune_space_sample(&(struct rs_tune_space){params, 2}, 5, trial, other);
    CHECK(other[0].number == forward[trial][0].number && other[1].number == forward[trial][1].number);
    CHECK(other[1].number <= other[0].number);
    rs_tune_space_sample(&space, 6, trial, other);
    CHECK(other[0].number != forward[trial][0].number);
  }
  CHECK_EQ(calls, 300);
  CHECK(forward[0][2].number != forward[1][2].number);
}

static void bad_spaces_are_refused(void)
{
  const struct {
    struct rs_tune_param param;
    const char *wrong;
  } cases[] = {
      {{.kind = RS_TUNE_UNIFORM, .low = 1, .high = 1}, "the lower bound is not below the upper bound"},
      {{.kind = RS_TUNE_UNIFORM, .low = RS_NAN, .high = 1}, "a bound is not a finite number"},
      {{.kind = RS_TUNE_UNIFORM, .low = 0, .high = RS_INFINITY}, "a bound is not a finite number"},
      {{.kind = RS_TUNE_LOGUNIFORM, .low = 0, .high = 1}, "a logarithmic range must start above 0"},
      {{.kind = RS_TUNE_LOGRANDINT, .low = 0, .high = 5}, "a logarithmic range of integers must start at 1 or above"},
      {{.kind = RS_TUNE_RANDINT, .low = 0.5, .high = 5}, "a bound is not an integer"},
      {{.kind = RS_TUNE_RANDINT, .low = 0, .high = 1e17}, "a bound is beyond 2^53"},
      {{.kind = RS_TUNE_QUNIFORM, .low = 0, .high = 5, .q = 0}, "the quantum q is not a positive number"},
      {{.kind = RS_TUNE_QUNIFORM, .low = 1, .high = 1.5, .q = 0.8}, "no multiple of q lies between the bounds"},
      {{.kind = RS_TUNE_RANDN, .low = 0, .high = -1}, "the standard deviation is negative"},
      {{.kind = RS_TUNE_CHOICE}, "there is nothing to choose from"},
      {{.kind = RS_TUNE_GRID_SEARCH}, "there is nothing to choose from"},
      {{.kind = RS_TUNE_SAMPLE_FROM}, "sample_from has no function"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rs_tune_param params[] = {{.kind = RS_TUNE_UNIFORM, .low = 0, .high = 1}, cases[i].param};
    struct rs_tune_space space = {params, 2};
    uint32_t at = 0;
    const char *wrong = rs_tune_space_check(&space, &at);
    CHECK(wrong != NULL);
    CHECK_STR(wrong, cases[i].wrong);
    CHECK_EQ(at, 1);
  }
}

const struct rs_test rs_tests[] = {{"uniform", uniform_is_uniform},
                                   {"quniform", quniform_gives_multiples},
                                   {"loguniform", loguniform_is_uniform_in_the_logarithm},
                                   {"integers", integers_stay_below_the_upper_bound},
                                   {"randn", randn_is_normal},
                                   {"choice", choice_has_numbers_or_indices},
                                   {"grid", the_grid_is_crossed_and_repeated},
                                   {"seed and trial", configurations_are_fixed_by_seed_and_trial},
                                   {"bad spaces", bad_spaces_are_refused},
                                   {0}};
