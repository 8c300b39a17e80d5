/* demand.h -- what a scenario's task or trial asks for, as the core's demand. */
#ifndef RS_SIM_DEMAND_H
#define RS_SIM_DEMAND_H

#include "policy/resources.h"
#include "sim/scenario.h"

/* Amounts as they are; each label becomes a selector "the node has exactly this value". False, with what is wrong and
 * what would be right in `why`, where the core cannot hold it: more than RS_CUSTOM_MAX custom resources, more than
 * RS_SELECT_MAX labels, or a GPU amount above one that is not whole. */
bool rs_sim_demand(const struct rs_scenario_demand *from, struct rs_demand *out, char *why, size_t why_bytes);

/* Whether a node of that type could ever run it. CPUs that a platform file decides (RS_SCENARIO_FROM_HOST) are taken to
 * be enough. */
bool rs_sim_demand_fits(const struct rs_scenario_demand *demand, const struct rs_scenario_node_type *type);

#endif
