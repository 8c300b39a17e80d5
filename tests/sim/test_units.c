/* Quantities: exact conversion, the edges of each range, and the words of each refusal. */
#include "check.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "sim/units.h"

static char why[RS_UNITS_WHY_BYTES];

#define GOOD(type, text, wanted)                                                                                       \
  do {                                                                                                                 \
    uint64_t value = 0;                                                                                                \
    why[0] = 0;                                                                                                        \
    if (rs_units_##type(text, &value, why, sizeof why))                                                                \
      printf("\n    %s: %s\n", text, why);                                                                             \
    CHECK_STR(why, "");                                                                                                \
    CHECK(value == (wanted));                                                                                          \
  } while (0)

#define BAD(type, ctype, text, wanted)                                                                                 \
  do {                                                                                                                 \
    ctype refused;                                                                                                     \
    CHECK(rs_units_##type(text, &refused, why, sizeof why) == -1);                                                     \
    CHECK_STR(why, wanted);                                                                                            \
  } while (0)

static void test_time(void)
{
  GOOD(time, "0 s", 0u);
  GOOD(time, "1ns", 1u);
  GOOD(time, "  2.5 us ", 2500u);
  GOOD(time, "0.1 s", 100000000u);
  GOOD(time, "0.3 s", 300000000u);
  GOOD(time, "1e-9 s", 1u);
  GOOD(time, "1.5e-9 s", 2u); /* half up */
  GOOD(time, "1 min", UINT64_C(60000000000));
  GOOD(time, "2 h", UINT64_C(7200000000000));
  GOOD(time, "36500 d", RS_UNITS_TIME_NS_MAX);
  GOOD(time, "1234567890.123456789 s", UINT64_C(1234567890123456789));
  GOOD(time, "0.00000000000000000000000000000001e32 ns", 1u);
  GOOD(time, "1000000000000000000000000000000e-21 s", UINT64_C(1000000000000000000));
  BAD(time, uint64_t, "36500.0000001 d", "is too large; at most 36500 d");
  BAD(time, uint64_t, "1e99999999999 d", "is too large; at most 36500 d");
  BAD(time, uint64_t, "0.4 ns", "is too small: it rounds to 0; write 0 ns, or at least 1 ns");
  BAD(time, uint64_t, "1e-999999999 s", "is too small: it rounds to 0; write 0 s, or at least 1 ns");
  BAD(time, uint64_t, "5", "needs a unit; write for example \"5 ms\" (ns, us, ms, s, min, h, d)");
  BAD(time, uint64_t, "5 S", "has the unit \"S\"; did you mean \"s\"?");
  BAD(time, uint64_t, "5 sec", "has the unit \"sec\", which is none here; use one of ns, us, ms, s, min, h, d");
  BAD(time, uint64_t, "5 s s", "has the unit \"s\", which is none here; use one of ns, us, ms, s, min, h, d");
  BAD(time, uint64_t, "-5 s", "must not be negative; write a time such as \"5 ms\" of 0 or more");
  BAD(time, uint64_t, "infinity", "must be finite; write a time such as \"5 ms\"");
  BAD(time, uint64_t, ".5 s", "does not begin with a number; write a time such as \"5 ms\"");
  BAD(time, uint64_t, "", "is empty; write a time such as \"5 ms\"");
  GOOD(time_limit, "unlimited", RS_SCENARIO_NONE);
  GOOD(time_limit, "1 s", 1000000000u);
}

static void test_size(void)
{
  GOOD(size, "1 B", 1u);
  GOOD(size, "1 KB", 1000u);
  GOOD(size, "1 KiB", 1024u);
  GOOD(size, "1.5 MiB", 1572864u);
  GOOD(size, "2 GB", UINT64_C(2000000000));
  GOOD(size, "0.1 GiB", 107374182u);
  GOOD(size, "3 TiB", UINT64_C(3) << 40);
  GOOD(size, "1048576 TiB", UINT64_C(1) << 60);
  BAD(size, uint64_t, "1048577 TiB", "is too large; at most 1048576 TiB");
  BAD(size, uint64_t, "1 KIB", "has the unit \"KIB\"; did you mean \"KiB\"?");
  BAD(size, uint64_t, "12", "needs a unit; write for example \"12 MiB\" (B, KB, KiB, MB, MiB, GB, GiB, TB, TiB)");
}

static void test_bandwidth(void)
{
  GOOD(bandwidth, "8 bps", 1u);
  GOOD(bandwidth, "10 Gbps", 1250000000u);
  GOOD(bandwidth, "1 GBps", 1000000000u);
  GOOD(bandwidth, "1 Tbps", UINT64_C(125000000000));
  BAD(bandwidth, uint64_t, "10 GB",
      "has the unit \"GB\", which is none here; use one of bps, Kbps, Mbps, Gbps, Tbps in bits, Bps, KBps, MBps, GBps "
      "in "
      "bytes");
}

static void test_counts(void)
{
  GOOD(count, "0", 0u);
  GOOD(count, "1e6", 1000000u);
  GOOD(count, "2.5e3", 2500u);
  GOOD(count, "9223372036854775807", (uint64_t)INT64_MAX);
  BAD(count, uint64_t, "9223372036854775808", "is too large; at most 9223372036854775807");
  BAD(count, uint64_t, "2.5", "is not a whole number; write one without a fraction");
  BAD(count, uint64_t, "10 nodes", "has \"nodes\" behind the number; write a whole number");
  BAD(count, uint64_t, "1,000", "has \",000\" behind the number; write a whole number");
  GOOD(count_limit, " unlimited ", RS_SCENARIO_NONE);
  BAD(count_limit, uint64_t, "unlimit", "does not begin with a number; write a whole number");
}

static void test_amounts(void)
{
  int64_t amount;
  CHECK(rs_units_amount("0.5", &amount, why, sizeof why) == 0);
  CHECK_EQ(amount, 5000);
  CHECK(rs_units_amount("0.0001", &amount, why, sizeof why) == 0);
  CHECK_EQ(amount, 1);
  CHECK(rs_units_amount("1e12", &amount, why, sizeof why) == 0);
  CHECK_EQ(amount, INT64_C(10000000000000000));
  BAD(amount, int64_t, "0.00005", "is finer than 0.0001; use at most 4 decimals");
  BAD(amount, int64_t, "0.12345", "is finer than 0.0001; use at most 4 decimals");
  BAD(amount, int64_t, "2e12", "is too large; at most 1e12");
}

static void test_reals(void)
{
  double value;
  CHECK(rs_units_number("-2.5e-3", &value, why, sizeof why) == 0 && value == -2.5e-3);
  CHECK(rs_units_number("0.1", &value, why, sizeof why) == 0 && value == 0.1);
  BAD(number, double, "--1", "does not begin with a number; write a number");
  BAD(number, double, "1e309", "is too large; write a number under 1e300");
  BAD(number, double, "0x1p3", "has \"x1p3\" behind the number; write a number");
  CHECK(rs_units_rate("3/min", &value, why, sizeof why) == 0);
  CHECK_NEAR(value, 0.05, 1e-15);
  CHECK(rs_units_rate("2 / d", &value, why, sizeof why) == 0);
  CHECK_NEAR(value, 2.0 / 86400, 1e-18);
  BAD(rate, double, "3/y", "needs its unit of time; write a rate such as \"10/s\" (/s, /min, /h, /d, /ms, /us, /ns)");
  CHECK(rs_units_share("5 %", &value, why, sizeof why) == 0 && value == 0.05);
  CHECK(rs_units_share("1", &value, why, sizeof why) == 0 && value == 1);
  BAD(share, double, "5", "is more than the whole; write at most \"100 %\" or \"1\"");
}

/* Where the decimal point is a comma, "0.5" is still a half. */
static void test_locale(void)
{
  double value;
  const char *comma = setlocale(LC_NUMERIC, "de_DE.UTF-8");
  CHECK(rs_units_number("0.5", &value, why, sizeof why) == 0 && value == 0.5);
  setlocale(LC_NUMERIC, "C");
  printf("\n    locale with a comma: %s ", comma ? "tried" : "not installed, skipped");
}

static void test_dists(void)
{
  static const struct {
    const char *text;
    struct rs_dist wanted;
  } good[] = {
      {"1 s", {RS_DIST_CONSTANT, 1e9, 0, 0, INFINITY}},
      {"constant(1 s)", {RS_DIST_CONSTANT, 1e9, 0, 0, INFINITY}},
      {"uniform(1 ms, 2 ms)", {RS_DIST_UNIFORM, 1e6, 2e6, 0, INFINITY}},
      {" exponential( 100 us ) in [1 us, 1 ms]", {RS_DIST_EXPONENTIAL, 1e5, 0, 1e3, 1e6}},
      {"normal(1 s, 200 ms)", {RS_DIST_NORMAL, 1e9, 2e8, 0, INFINITY}},
      {"lognormal(1 min, 0.5)", {RS_DIST_LOGNORMAL, 6e10, 0.5, 0, INFINITY}},
      {"pareto(1 s, 1.5) in [0 s, 1 h]", {RS_DIST_PARETO, 1e9, 1.5, 0, 3.6e12}},
      {"weibull(10 s, 0.7)", {RS_DIST_WEIBULL, 1e10, 0.7, 0, INFINITY}},
  };
  struct rs_dist dist;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    CHECK(rs_units_time_dist(good[i].text, &dist, why, sizeof why) == 0);
    CHECK_EQ(dist.kind, good[i].wanted.kind);
    CHECK(dist.a == good[i].wanted.a && dist.b == good[i].wanted.b);
    CHECK(dist.min == good[i].wanted.min && dist.max == good[i].wanted.max);
  }
  CHECK(rs_units_size_dist("uniform(1 MB, 2 MB)", &dist, why, sizeof why) == 0);
  CHECK(dist.a == 1e6 && dist.b == 2e6);
  BAD(size_dist, struct rs_dist, "uniform(1 s, 2 s)",
      "has the argument \"1\", which has the unit \"s\", which is none here; use one of B, KB, KiB, MB, MiB, GB, GiB, "
      "TB, "
      "TiB");
  BAD(time_dist, struct rs_dist, "exponential(0 s)",
      "has 0 as the first argument of exponential(); it must be positive");
  BAD(time_dist, struct rs_dist, "uniform(1 s, 2 s) in [3 s, 4 s]",
      "has bounds that the distribution never or hardly ever meets; widen them");
  BAD(time_dist, struct rs_dist, "uniform(1 s, 2 s) in [3 s]", "has bounds that are not two; write \"in [min, max]\"");
  BAD(time_dist, struct rs_dist, "uniform(1 s, 2 s) within 5 s",
      "has \"within\" behind the distribution; only \"in [min, max]\" may stand there");
  BAD(time_dist, struct rs_dist, "uniform()", "has 0 arguments in uniform(); write uniform(low, high)");
}

static void test_forms(void)
{
  struct rs_scenario_arrival arrival;
  CHECK(rs_units_arrival("at_once", &arrival, why, sizeof why) == 0);
  CHECK_EQ(arrival.kind, RS_ARRIVAL_AT_ONCE);
  CHECK(rs_units_arrival("bursts(100, 10 s)", &arrival, why, sizeof why) == 0);
  CHECK_EQ(arrival.burst, 100);
  CHECK_EQ(arrival.span_ns, 10000000000);
  CHECK(rs_units_arrival("renewal(lognormal(1 s, 0.5) in [1 ms, 1 min])", &arrival, why, sizeof why) == 0);
  CHECK_EQ(arrival.gap_ns.kind, RS_DIST_LOGNORMAL);
  CHECK(arrival.gap_ns.max == 6e10);
  BAD(arrival, struct rs_scenario_arrival, "bursts(0, 10 s)", "has the argument \"0\", which must be at least 1");
  BAD(arrival, struct rs_scenario_arrival, "at_once(5)", "has 1 argument in at_once(); write at_once");
  enum rs_graph_kind kind;
  uint64_t width, window;
  CHECK(rs_units_graph("random(2, 50)", &kind, &width, &window, why, sizeof why) == 0);
  CHECK(kind == RS_GRAPH_RANDOM && width == 2 && window == 50);
  CHECK(rs_units_graph("ring(2)", &kind, &width, &window, why, sizeof why) == -1);
  CHECK_STR(why, "has \"ring\", which is no dependency graph; use one of none, chain, fan, random");
}

static void free_param(struct rs_scenario_param *param)
{
  for (uint32_t i = 0; i < param->value_count; i++)
    free(param->values[i]);
  free(param->values);
  free(param->numbers);
}

static void test_spaces(void)
{
  struct rs_scenario_param param = {0};
  CHECK(rs_units_space("loguniform(1e-4, 1e-1)", &param, why, sizeof why) == 0);
  CHECK(param.kind == RS_SPACE_LOGUNIFORM && param.a == 1e-4 && param.b == 1e-1);
  free_param(&param);
  CHECK(rs_units_space("quniform(0, 1, 0.25)", &param, why, sizeof why) == 0);
  CHECK(param.kind == RS_SPACE_QUNIFORM && param.q == 0.25);
  free_param(&param);
  CHECK(rs_units_space("randn(-3, 2)", &param, why, sizeof why) == 0);
  CHECK(param.kind == RS_SPACE_RANDN && param.a == -3);
  free_param(&param);
  CHECK(rs_units_space("choice(relu, tanh, 16)", &param, why, sizeof why) == 0);
  CHECK_EQ(param.value_count, 3);
  CHECK_STR(param.values[1], "tanh");
  CHECK(isnan(param.numbers[0]) && param.numbers[2] == 16);
  free_param(&param);
  CHECK(rs_units_space("grid_search(16, 32, 64)", &param, why, sizeof why) == 0);
  CHECK(param.kind == RS_SPACE_GRID && param.numbers[2] == 64);
  free_param(&param);
  CHECK(rs_units_space("randint(0.5, 3)", &param, why, sizeof why) == -1);
  CHECK_STR(why, "has a limit that is no whole number (of up to 9e15); randint() draws integers");
  free_param(&param);
  CHECK(rs_units_space("quniform(0, 1, 0)", &param, why, sizeof why) == -1);
  CHECK_STR(why, "has a step q of 0 or less; it must be positive");
}

static void test_nearest(void)
{
  static const char *const list[] = {"hybrid", "spread", "random", "pack", NULL};
  CHECK_STR(rs_units_nearest("hybird", list), "hybrid");
  CHECK_STR(rs_units_nearest("spred", list), "spread");
  CHECK_STR(rs_units_nearest("pakc", list), "pack");
  CHECK(rs_units_nearest("balanced", list) == NULL);
  CHECK(rs_units_nearest("", list) == NULL);
  CHECK(rs_units_nearest("x", list) == NULL);
}

const struct rs_test rs_tests[] = {{"time", test_time},     {"size", test_size},       {"bandwidth", test_bandwidth},
                                   {"counts", test_counts}, {"amounts", test_amounts}, {"reals", test_reals},
                                   {"locale", test_locale}, {"dists", test_dists},     {"forms", test_forms},
                                   {"spaces", test_spaces}, {"nearest", test_nearest}, {0}};
