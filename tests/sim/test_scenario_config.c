/* The registries' names are what a scenario may use, and its settings arrive in the core's configuration. */
#include "check.h"

#include <dirent.h>

#include "lib/tune/sched.h"
#include "policy/policy.h"
#include "sim/scenario_config.h"

static struct rs_scenario_registry registry;
static struct rs_scenario_names names;
static char error[RS_SCENARIO_ERROR_BYTES];

static struct rs_scenario *parse(const char *inside)
{
  char text[2000];
  struct rs_scenario_options options = {.names = &names};
  rs_scenario_registry_names(&registry, NULL, &names);
  int bytes = snprintf(text, sizeof text,
                       "<scenario name='a'><cluster><nodes name='n' count='2'/></cluster>"
                       "<tasks count='1' duration='1 s'/>%s</scenario>",
                       inside);
  error[0] = 0;
  return rs_scenario_parse(text, (size_t)bytes, "a.xml", &options, error, sizeof error);
}

static void test_defaults(void)
{
  struct rs_config config, plain;
  struct rs_scenario *s = parse("");
  CHECK(s != NULL);
  rs_scenario_config(s, 9, &config);
  rs_config_defaults(&plain);
  plain.seed = 9;
  CHECK(memcmp(&config, &plain, sizeof config) == 0);
  rs_scenario_free(s);
}

static void test_settings(void)
{
  struct rs_config config;
  struct rs_scenario *s =
      parse("<policies placement='pack'><config name='trace_level' value='1'/>"
            "<config name='num_workers_soft_limit' value='-1'/>"
            "<config name='trace_level' value='2'/></policies>"
            "<autoscaler upscaling_speed='1.5' idle_timeout='90 s' max_launches='7' interval='2 s'/>");
  CHECK_STR(error, "");
  CHECK(s != NULL);
  rs_scenario_config(s, 1, &config);
  CHECK_STR(config.policy->name, "pack");
  CHECK_EQ(config.trace_level, 2);
  CHECK_EQ(config.num_workers_soft_limit, -1);
  CHECK_EQ(config.autoscaler_update_interval_ms, 2000);
  CHECK_EQ(config.autoscaler_upscaling_speed_e4, 15000);
  CHECK_EQ(config.autoscaler_max_concurrent_launches, 7);
  CHECK_EQ(config.autoscaler_idle_timeout_ms, 90000);
  rs_scenario_free(s);
}

/* The widest values that the scenario's own checks let through fit the settings. */
static void test_limits(void)
{
  struct rs_config config;
  const char *const widest[] = {
      "<autoscaler upscaling_speed='10000' idle_timeout='1000 d' max_launches='1000000' interval='1 h'/>",
      "<autoscaler upscaling_speed='0' idle_timeout='0 s' max_launches='1' interval='100 ms'/>"};
  for (int i = 0; i < 2; i++) {
    struct rs_scenario *s = parse(widest[i]);
    CHECK_STR(error, "");
    rs_scenario_config(s, 1, &config);
    rs_scenario_free(s);
  }
  CHECK(parse("<autoscaler interval='99 ms'/>") == NULL);
  CHECK_STR(error, "a.xml:1: interval=\"99 ms\" is out of range; write \"100 ms\" to \"1 h\"");
}

static void test_refusals(void)
{
  CHECK(parse("<policies placement='hybird'/>") == NULL);
  CHECK_STR(error, "a.xml:1: placement=\"hybird\" is no placement policy; did you mean \"hybrid\"?");
  CHECK(parse("<policies><config name='trace_levle' value='1'/></policies>") == NULL);
  CHECK_STR(error, "a.xml:1: name=\"trace_levle\" is no setting; did you mean \"trace_level\"?");
  CHECK(parse("<policies><config name='trace_level' value='3'/></policies>") == NULL);
  CHECK_STR(error, "a.xml:1: trace_level=\"3\" is out of range; write 0 to 2 (level)");
  CHECK(parse("<policies><config name='trace_level' value='-9223372036854775808'/></policies>") == NULL);
  CHECK_STR(error, "a.xml:1: trace_level=\"-9223372036854775808\" is too large; at most 9223372036854775807");
  CHECK(parse("<policies><config name='trace_level' value='1 ms'/></policies>") == NULL);
  CHECK_STR(error, "a.xml:1: trace_level=\"1 ms\" has \"ms\" behind the number; write a whole number");
}

/* Every name of a registry is accepted in a scenario. */
static void test_all_names(void)
{
  char inside[400];
  for (int i = 0; rs_place_policies[i]; i++) {
    snprintf(inside, sizeof inside, "<policies placement='%s'/>", rs_place_policies[i]->name);
    struct rs_scenario *s = parse(inside);
    CHECK_STR(error, "");
    rs_scenario_free(s);
  }
  for (const struct rs_config_entry *entry = rs_config_table; entry->name; entry++) {
    struct rs_config config;
    snprintf(inside, sizeof inside, "<policies><config name='%s' value='%lld'/></policies>", entry->name,
             (long long)entry->max);
    struct rs_scenario *s = parse(inside);
    CHECK_STR(error, "");
    rs_scenario_config(s, 1, &config);
    rs_scenario_free(s);
  }
  for (int i = 0; rs_tune_sched_names[i]; i++) {
    snprintf(inside, sizeof inside, "<tune r_max='9' schedulers='%s'><curves source='function' function='f'/></tune>",
             rs_tune_sched_names[i]);
    struct rs_scenario *s = parse(inside);
    CHECK_STR(error, "");
    rs_scenario_free(s);
  }
}

static void test_schedulers(void)
{
  struct rs_tune_sched_opts opts;
  struct rs_scenario *s =
      parse("<tune r_max='81' eta='3' r_min='1' mode='max' grace='9' brackets='2' bracket_size='27' "
            "schedulers='fifo, asha, asha-stopping, sha, hyperband'>"
            "<curves source='function' function='f'/></tune>");
  CHECK_STR(error, "");
  rs_scenario_sched_opts(&s->workloads[1].tune, &opts);
  CHECK_EQ(opts.mode, RS_TUNE_MAX);
  CHECK_EQ(opts.eta, 3);
  CHECK_EQ(opts.r_max, 81);
  CHECK_EQ(opts.grace, 9);
  CHECK_EQ(opts.brackets, 2);
  CHECK_EQ(opts.bracket_size, 27);
  CHECK(rs_scenario_check_schedulers(s, error, sizeof error));
  rs_scenario_free(s);
  s = parse(
      "<tune r_max='81' eta='3' brackets='9' schedulers='fifo, asha'><curves source='function' function='f'/></tune>");
  CHECK_STR(error, "");
  CHECK(!rs_scenario_check_schedulers(s, error, sizeof error));
  CHECK_STR(error, "a.xml:1: \"tune\" with the scheduler asha: a bracket would start above the largest resource; "
                   "change eta, r_min, r_max or the brackets");
  rs_scenario_free(s);
}

/* Every shipped scenario, with the names that really exist. */
static void test_shipped(void)
{
  int count = 0;
  DIR *folder = opendir(RS_SOURCE_DIR "/scenarios");
  CHECK(folder != NULL);
  rs_scenario_registry_names(&registry, NULL, &names);
  for (struct dirent *entry; (entry = readdir(folder));) {
    char path[512];
    const char *dot = strrchr(entry->d_name, '.');
    if (!dot || strcmp(dot, ".xml") != 0)
      continue;
    snprintf(path, sizeof path, RS_SOURCE_DIR "/scenarios/%s", entry->d_name);
    for (int real = 0; real < 2; real++) {
      struct rs_scenario_options options = {.real = real, .names = &names};
      struct rs_config config;
      error[0] = 0;
      struct rs_scenario *s = rs_scenario_load(path, &options, error, sizeof error);
      CHECK_STR(error, "");
      CHECK(rs_scenario_check_schedulers(s, error, sizeof error));
      rs_scenario_config(s, s->seed, &config);
      rs_scenario_free(s);
    }
    count++;
  }
  closedir(folder);
  CHECK(count >= 8);
}

const struct rs_test rs_tests[] = {{"defaults", test_defaults},   {"settings", test_settings},
                                   {"limits", test_limits},       {"refusals", test_refusals},
                                   {"all_names", test_all_names}, {"schedulers", test_schedulers},
                                   {"shipped", test_shipped},     {0}};
