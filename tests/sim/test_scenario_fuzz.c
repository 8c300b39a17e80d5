/* Damaged scenarios: every truncation of asha.xml, and flipped, dropped, doubled and swapped bytes, must be refused in
 * one line or accepted, never crash (run it in the sanitizer build). The generator is seeded: a failure repeats. */
#include "check.h"

#include <stdlib.h>

#include "base/rng.h"
#include "sim/scenario.h"

static char text[65536], damaged[65536 + 64];
static size_t text_bytes;

static void read_text(const char *path)
{
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  text_bytes = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  CHECK(text_bytes > 100);
}

static bool try_text(size_t bytes)
{
  char error[RS_SCENARIO_ERROR_BYTES] = "";
  struct rs_scenario *scenario =
      rs_scenario_parse(damaged, bytes, RS_SOURCE_DIR "/scenarios/asha.xml", NULL, error, sizeof error);
  if (scenario) {
    rs_scenario_free(scenario);
    return true;
  }
  static const char prefix[] = RS_SOURCE_DIR "/scenarios/asha.xml:";
  CHECK(strncmp(error, prefix, sizeof prefix - 1) == 0);
  CHECK(strlen(error) > sizeof prefix + 10);
  CHECK(strchr(error, '\n') == NULL);
  CHECK(strchr(error, ';') != NULL || strchr(error, '?') != NULL); /* says what would be right */
  return false;
}

static void test_truncations(void)
{
  read_text(RS_SOURCE_DIR "/scenarios/asha.xml");
  size_t end = text_bytes;
  while (text[end - 1] != '>')
    end--;
  memcpy(damaged, text, text_bytes);
  for (size_t bytes = 0; bytes < end; bytes++)
    CHECK(!try_text(bytes));
  CHECK(try_text(end));
}

/* Damages the file `rounds` times; how many were still scenarios. */
static size_t damage(const char *path, uint64_t seed, int rounds)
{
  static const char likely[] = "<>\"'&;=/-! \n\t\0[]()@,.09eE%";
  struct rs_rng rng;
  rs_rng_seed(&rng, seed);
  read_text(path);
  const char *body = strstr(text, "<scenario");
  size_t from = (size_t)(body - text), accepted = 0;
  for (int round = 0; round < rounds; round++) {
    memcpy(damaged, text, text_bytes);
    size_t bytes = text_bytes;
    uint64_t changes = 1 + rs_rng_below(&rng, 3);
    for (uint64_t i = 0; i < changes; i++) {
      size_t at = from + rs_rng_below(&rng, bytes - from);
      switch (rs_rng_below(&rng, 5)) {
      case 0: damaged[at] = (char)(damaged[at] ^ (1 << rs_rng_below(&rng, 8))); break;
      case 1: damaged[at] = likely[rs_rng_below(&rng, sizeof likely - 1)]; break;
      case 2: /* drop */
        memmove(damaged + at, damaged + at + 1, bytes - at - 1);
        bytes--;
        break;
      case 3: /* double a stretch */
      {
        size_t length = 1 + rs_rng_below(&rng, 16);
        if (at + length > bytes)
          length = bytes - at;
        memmove(damaged + at + length, damaged + at, bytes - at);
        bytes += length;
        break;
      }
      default: damaged[at] = (char)rs_rng_below(&rng, 256); break;
      }
    }
    accepted += try_text(bytes);
  }
  return accepted;
}

static void test_bytes(void)
{
  size_t asha = damage(RS_SOURCE_DIR "/scenarios/asha.xml", 7, 4000);
  size_t failures = damage(RS_SOURCE_DIR "/scenarios/failures.xml", 8, 1000);
  size_t policies = damage(RS_SOURCE_DIR "/scenarios/policies.xml", 9, 500);
  printf("\n    still scenarios: %zu of 4000, %zu of 1000, %zu of 500 ", asha, failures, policies);
  CHECK(asha > 0 && asha < 2000 && failures < 500 && policies < 250);
}

static const char *const words[] = {"-1",
                                    "1e999",
                                    "nan",
                                    "",
                                    "1 s",
                                    "unlimited",
                                    "((((",
                                    ")",
                                    "[,]",
                                    "0",
                                    "a,b,,",
                                    "%s%n",
                                    "1e-9 ns",
                                    "9e18",
                                    "uniform(",
                                    "5 %",
                                    "/",
                                    "@",
                                    "\x01",
                                    "\xff",
                                    "loguniform(1e-320, 1e308)",
                                    "in [1 s, 0 s]"};

/* Every attribute of the scenario, in turn, gets each of the words through an override. */
static void test_overrides(void)
{
  static const char *const paths[] = {"@name",
                                      "@seed",
                                      "@repetitions",
                                      "@time_limit",
                                      "cluster/nodes/@count",
                                      "cluster/nodes/@cpus",
                                      "cluster/nodes/@memory",
                                      "cluster/nodes/@boot_time",
                                      "cluster/nodes/@max",
                                      "cluster/network/@bandwidth",
                                      "cluster/workers/@start_time",
                                      "policies/@placement",
                                      "tune/@schedulers",
                                      "tune/@eta",
                                      "tune/@r_max",
                                      "tune/@time_budget",
                                      "tune/curves/@file",
                                      "tune/curves/@epoch_time",
                                      "tune/param/@space",
                                      "tasks/@arrival",
                                      "tasks/@graph",
                                      "tasks/@duration",
                                      "stragglers/@sd",
                                      "stragglers/@fraction",
                                      "faults/node_down/@rate",
                                      "sweep/@path",
                                      "sweep/@values",
                                      "outputs/@directory",
                                      "compare/@tolerance",
                                      "real/@time_scale",
                                      "real/set/@path",
                                      "real/set[1]/@path",
                                      "x[",
                                      "[1]/@a",
                                      "/",
                                      "@",
                                      "cluster/nodes[@name='w]/@count",
                                      "cluster/nodes[0]/@count",
                                      ""};
  char error[RS_SCENARIO_ERROR_BYTES];
  for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
      for (int real = 0; real < 2; real++) {
        struct rs_scenario_override override = {paths[p], words[w], "--set"};
        struct rs_scenario_options options = {.real = real, .overrides = &override, .override_count = 1};
        error[0] = 0;
        struct rs_scenario *scenario =
            rs_scenario_load(RS_SOURCE_DIR "/scenarios/asha.xml", &options, error, sizeof error);
        CHECK(scenario ? !error[0] : error[0] && !strchr(error, '\n'));
        rs_scenario_free(scenario);
      }
}

const struct rs_test rs_tests[] = {
    {"truncations", test_truncations}, {"bytes", test_bytes}, {"overrides", test_overrides}, {0}};
