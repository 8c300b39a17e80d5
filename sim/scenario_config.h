/* scenario_config.h -- where a scenario meets the registries of the core: which names exist, and the settings of a run.
 */
#ifndef RS_SIM_SCENARIO_CONFIG_H
#define RS_SIM_SCENARIO_CONFIG_H

#include "core/config.h"
#include "lib/tune/sched.h"
#include "sim/scenario.h"

#define RS_SCENARIO_POLICIES_MAX 64

/* The names that this program knows: the policies of policy/policy.h, the schedulers of lib/tune/sched.h, the settings
 * of core/config.def (each value checked against its range), and the given training functions (ended by NULL, or NULL:
 * any). `registry` holds what out->policies points to and must live as long as `out`. */
struct rs_scenario_registry {
  const char *policies[RS_SCENARIO_POLICIES_MAX + 1];
};
void rs_scenario_registry_names(struct rs_scenario_registry *registry, const char *const *functions,
                                struct rs_scenario_names *out);

/* The settings of a run: the defaults, then <autoscaler>, then every <config>. The policy is the built-in one of that
 * name; with a library (placement_library) it stays the default, for the caller to load and set. `seed` is the
 * repetition's. The scenario was loaded with the registry's names, so nothing can fail. */
void rs_scenario_config(const struct rs_scenario *scenario, uint64_t seed, struct rs_config *out);

/* The options of a search's schedulers, as lib/tune wants them. trial_count is left unbounded: the controller knows the
 * grid. */
void rs_scenario_sched_opts(const struct rs_scenario_tune *tune, struct rs_tune_sched_opts *out);

/* Do all schedulers of all searches accept their options? If not, false and one line "file:line: ..." in error. To be
 * called after loading, before anything is written. */
bool rs_scenario_check_schedulers(const struct rs_scenario *scenario, char *error, size_t error_bytes);

#endif
