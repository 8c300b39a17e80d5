/* The base library: random streams, the map, time arithmetic. */
#include "base/alloc.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/time.h"
#include "check.h"

static void rng_is_fixed_by_its_seed(void)
{
  struct rs_rng a, b, c;
  rs_rng_seed(&a, 1);
  rs_rng_seed(&b, 1);
  rs_rng_seed(&c, 2);
  int same = 0;
  for (int i = 0; i < 100; i++) {
    uint64_t x = rs_rng_next(&a);
    CHECK(x == rs_rng_next(&b));
    same += x == rs_rng_next(&c);
  }
  CHECK_EQ(same, 0);
}

static void rng_below_is_uniform(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 42);
  int seen[7] = {0};
  for (int i = 0; i < 70000; i++)
    seen[rs_rng_below(&rng, 7)]++;
  for (int i = 0; i < 7; i++)
    CHECK_NEAR(seen[i], 10000, 400);
  double sum = 0;
  for (int i = 0; i < 10000; i++) {
    double u = rs_rng_unit(&rng);
    CHECK(u >= 0 && u < 1);
    sum += u;
  }
  CHECK_NEAR(sum / 10000, 0.5, 0.02);
}

/* Against a plain array over the same keys: every operation must agree. */
static void map_agrees_with_an_array(void)
{
  enum { KEYS = 500 };
  uint64_t value[KEYS + 1] = {0};
  struct rs_map map = {0};
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  uint32_t count = 0;
  for (int i = 0; i < 50000; i++) {
    uint64_t key = 1 + rs_rng_below(&rng, KEYS);
    if (rs_rng_below(&rng, 2)) {
      count += value[key] == 0;
      value[key] = 1 + rs_rng_below(&rng, 1000);
      rs_map_put(&map, key, value[key]);
    } else {
      uint64_t old = 0;
      CHECK_EQ(rs_map_remove(&map, key, &old), value[key] != 0);
      CHECK_EQ(old, value[key]);
      count -= value[key] != 0;
      value[key] = 0;
    }
    CHECK_EQ(map.count, count);
  }
  for (uint64_t key = 1; key <= KEYS; key++) {
    uint64_t *found = rs_map_find(&map, key);
    CHECK_EQ(found ? *found : 0, value[key]);
  }
  rs_map_free(&map);
  CHECK(!rs_map_find(&map, 1));
}

static void time_saturates(void)
{
  CHECK(rs_time_add(5, 6) == 11);
  CHECK(rs_time_add(RS_TIME_NEVER - 3, 4) == RS_TIME_NEVER);
  CHECK(rs_time_add(RS_TIME_NEVER, 0) == RS_TIME_NEVER);
  CHECK(rs_time_since(5, 9) == 0);
  CHECK(rs_time_since(9, 5) == 4);
}

const struct rs_test rs_tests[] = {
    {"rng: fixed by its seed", rng_is_fixed_by_its_seed},
    {"rng: below is uniform", rng_below_is_uniform},
    {"map: agrees with an array", map_agrees_with_an_array},
    {"time: saturates", time_saturates},
    {0},
};
