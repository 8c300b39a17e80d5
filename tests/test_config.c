/* The table of settings: defaults inside their ranges, setting by name, Ray's values. */
#include "core/config.h"

#include "check.h"

static void the_table_is_sound(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  int count = 0;
  for (const struct rs_config_entry *e = rs_config_table; e->name; e++, count++) {
    if (e->value < e->min || e->value > e->max)
      printf("\n    %s: the default is out of range\n", e->name);
    CHECK(e->min <= e->value && e->value <= e->max);
    CHECK(e->unit[0] && e->text[0]);
    CHECK_EQ(rs_config_set(&config, e->name, e->value), 0);
    CHECK_EQ(rs_config_set(&config, e->name, e->min), 0);
    CHECK_EQ(rs_config_set(&config, e->name, e->max), 0);
    if (e->min > INT64_MIN)
      CHECK_EQ(rs_config_set(&config, e->name, e->min - 1), -2);
    if (e->max < INT64_MAX)
      CHECK_EQ(rs_config_set(&config, e->name, e->max + 1), -2);
    for (const struct rs_config_entry *other = rs_config_table; other != e; other++)
      CHECK(strcmp(other->name, e->name) != 0);
  }
  CHECK(count > 20);
  /* After all that every entry is at its maximum: each name reached its own field. */
#define CFG(name, value, low, high, unit, text) CHECK(config.name == (high));
#include "core/config.def"
#undef CFG
}

static void defaults_are_rays(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  CHECK_EQ(config.worker_lease_timeout_milliseconds, 500);
  CHECK_EQ(config.scheduler_spread_threshold_e4, 5000);
  CHECK_EQ(config.scheduler_top_k_fraction_e4, 2000);
  CHECK_EQ(config.max_direct_call_object_size, 102400);
  CHECK_EQ(config.health_check_failure_threshold, 5);
  CHECK_EQ(config.max_pending_lease_requests_per_scheduling_category, -1);
  CHECK_EQ(config.seed, 0);
  CHECK(config.policy != NULL);
  CHECK_STR(config.policy->name, "hybrid");
}

static void one_by_name(void)
{
  struct rs_config config, before;
  rs_config_defaults(&config);
  before = config;
  CHECK_EQ(rs_config_set(&config, "no_such_setting", 1), -1);
  CHECK_EQ(rs_config_set(&config, "", 1), -1);
  CHECK_EQ(rs_config_set(&config, "Worker_Lease_Timeout_Milliseconds", 1), -1);
  CHECK_EQ(rs_config_set(&config, "scheduler_avoid_gpu_nodes", 2), -2);
  CHECK(memcmp(&before, &config, sizeof config) == 0); /* a refusal changes nothing */
  CHECK_EQ(rs_config_set(&config, "worker_lease_timeout_milliseconds", 250), 0);
  CHECK_EQ(config.worker_lease_timeout_milliseconds, 250);
}

const struct rs_test rs_tests[] = {
    {"config: the table is sound", the_table_is_sound},
    {"config: defaults are Ray's", defaults_are_rays},
    {"config: one by name", one_by_name},
    {0},
};
