/* scenario_config.c -- the names that the core's registries have, and a scenario's settings. O(names). */
#include "sim/scenario_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/time.h"
#include "policy/policy.h"
#include "sim/units.h"

static const char *const config_names[] = {
#define CFG(name, value, low, high, unit, text) #name,
#include "core/config.def"
#undef CFG
    NULL};

static const struct rs_config_entry *find_entry(const char *name)
{
  const struct rs_config_entry *entry = rs_config_table;
  while (entry->name && strcmp(entry->name, name) != 0)
    entry++;
  return entry->name ? entry : NULL;
}

/* A whole number with a sign, in the setting's own unit. */
static int read_value(const char *text, int64_t *out, char *why, size_t why_bytes)
{
  uint64_t value;
  bool minus = *text == '-';
  if (rs_units_count(text + minus, &value, why, why_bytes))
    return -1;
  *out = minus ? -(int64_t)value : (int64_t)value;
  return 0;
}

static int config_check(void *user, const char *name, const char *text, char *why, size_t why_bytes)
{
  (void)user;
  const struct rs_config_entry *entry = find_entry(name);
  int64_t value;
  RS_ASSERT(entry);
  if (read_value(text, &value, why, why_bytes))
    return -1;
  if (value >= entry->min && value <= entry->max)
    return 0;
  snprintf(why, why_bytes, "is out of range; write %lld to %lld (%s)", (long long)entry->min, (long long)entry->max,
           entry->unit);
  return -1;
}

void rs_scenario_registry_names(struct rs_scenario_registry *registry, const char *const *functions,
                                struct rs_scenario_names *out)
{
  uint32_t count = 0;
  for (; rs_place_policies[count]; count++) {
    RS_ASSERT(count < RS_SCENARIO_POLICIES_MAX);
    registry->policies[count] = rs_place_policies[count]->name;
  }
  registry->policies[count] = NULL;
  *out = (struct rs_scenario_names){.policies = registry->policies,
                                    .schedulers = rs_tune_sched_names,
                                    .functions = functions,
                                    .configs = config_names,
                                    .config_check = config_check};
}

static void set(struct rs_config *config, const char *name, int64_t value)
{
  int result = rs_config_set(config, name, value);
  RS_ASSERT(result == 0);
}

/* Whole milliseconds, rounded up, so that a short time does not become none. */
static int64_t milliseconds(uint64_t time_ns)
{
  return (int64_t)((time_ns + RS_MS - 1) / RS_MS);
}

void rs_scenario_config(const struct rs_scenario *scenario, uint64_t seed, struct rs_config *out)
{
  const struct rs_scenario_autoscaler *autoscaler = &scenario->autoscaler;
  const struct rs_scenario_policies *policies = &scenario->policies;
  rs_config_defaults(out);
  out->seed = seed;
  if (!policies->placement_library) {
    out->policy = rs_place_policy_by_name(policies->placement);
    RS_ASSERT(out->policy);
  }
  if (autoscaler->enabled) {
    set(out, "autoscaler_update_interval_ms", milliseconds(autoscaler->interval_ns));
    set(out, "autoscaler_upscaling_speed_e4", (int64_t)(autoscaler->upscaling_speed * 10000 + 0.5));
    set(out, "autoscaler_max_concurrent_launches", (int64_t)autoscaler->max_launches);
    set(out, "autoscaler_idle_timeout_ms", milliseconds(autoscaler->idle_timeout_ns));
  }
  for (uint32_t i = 0; i < policies->config_count; i++) {
    char why[RS_UNITS_WHY_BYTES];
    int64_t value = 0;
    int result = read_value(policies->configs[i].value, &value, why, sizeof why);
    RS_ASSERT(result == 0);
    set(out, policies->configs[i].name, value);
  }
}

void rs_scenario_sched_opts(const struct rs_scenario_tune *tune, struct rs_tune_sched_opts *out)
{
  *out = (struct rs_tune_sched_opts){.mode = tune->mode == RS_MODE_MAX ? RS_TUNE_MAX : RS_TUNE_MIN,
                                     .eta = tune->eta,
                                     .r_min = tune->r_min,
                                     .r_max = tune->r_max,
                                     .grace = tune->grace,
                                     .brackets = (uint32_t)tune->brackets,
                                     .bracket_size = (uint32_t)tune->bracket_size, /* both in range: scenario_load.c */
                                     .trial_count = RS_TUNE_TRIALS_UNBOUNDED};
}

bool rs_scenario_check_schedulers(const struct rs_scenario *scenario, char *error, size_t error_bytes)
{
  for (uint32_t i = 0; i < scenario->workload_count; i++) {
    const struct rs_scenario_workload *workload = &scenario->workloads[i];
    struct rs_tune_sched_opts opts;
    if (workload->kind != RS_WORKLOAD_TUNE)
      continue;
    rs_scenario_sched_opts(&workload->tune, &opts);
    for (uint32_t j = 0; j < workload->tune.scheduler_count; j++) {
      const struct rs_tune_sched *sched = rs_tune_sched_find(workload->tune.schedulers[j]);
      const char *why = sched ? rs_tune_sched_check(sched, &opts) : "there is no scheduler of this name";
      if (!why)
        continue;
      snprintf(error, error_bytes,
               "%s:%u: \"%.60s\" with the scheduler %s: %s; change eta, r_min, r_max or the brackets", scenario->file,
               workload->line, workload->name, workload->tune.schedulers[j], why);
      return false;
    }
  }
  return true;
}
