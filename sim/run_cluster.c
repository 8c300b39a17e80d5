/* run_cluster.c -- the simulated cluster that a scenario describes: node types to groups, faults, the placement policy.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "dl/policy_library.h"
#include "sim/run.h"

struct rs_node_info *rs_run_node_info(const struct rs_scenario_node_type *type, uint32_t index)
{
  struct rs_res total = {.cpu_e4 = type->cpu_e4 == RS_SCENARIO_FROM_HOST ? 0 : type->cpu_e4,
                         .memory_bytes = (int64_t)type->memory_bytes,
                         .store_bytes = (int64_t)type->object_store_bytes,
                         .gpu_count = (uint8_t)type->gpus};
  for (uint32_t i = 0; i < type->gpus; i++)
    total.gpu_e4[i] = RS_ONE_E4;
  for (uint32_t i = 0; i < type->resource_count; i++)
    rs_res_set_custom(&total, type->resources[i].name, type->resources[i].amount_e4);
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = index;
  for (uint32_t i = 0; i < type->label_count; i++)
    rs_node_info_add_label(info, type->labels[i].key, type->labels[i].value);
  return info;
}

const struct rs_place_policy *rs_run_policy(const struct rs_scenario *scenario, char *err, size_t err_size)
{
  const struct rs_scenario_policies *p = &scenario->policies;
  if (!p->placement_library)
    return rs_place_policy_by_name(p->placement);
  char why[RS_RESULTS_ERR], place[RS_SCENARIO_PLACE_BYTES];
  const struct rs_place_policy *policy = rs_policy_open(p->placement, why, sizeof why);
  if (!policy)
    snprintf(err, err_size, "%s: %s", rs_scenario_place(scenario, p->line, place), why);
  return policy;
}

static uint64_t scaled(uint64_t ns, double scale)
{
  return ns == RS_SCENARIO_NONE ? RS_TIME_NEVER : scale == 1 ? ns : (uint64_t)((double)ns * scale);
}

static uint32_t group_named(const struct rs_scenario *scenario, const char *name)
{
  for (uint32_t i = 0; name && i < scenario->cluster.type_count; i++)
    if (strcmp(scenario->cluster.types[i].name, name) == 0)
      return i;
  return RS_SIM_ANY;
}

static void make_fault(const struct rs_scenario *scenario, const struct rs_scenario_fault *from, double scale,
                       struct rs_sim_fault *to)
{
  static const enum rs_sim_fault_kind kinds[] = {[RS_FAULT_NODE_DOWN] = RS_SIM_NODE_DOWN,
                                                 [RS_FAULT_NODE_UP] = RS_SIM_NODE_UP,
                                                 [RS_FAULT_WORKER_KILL] = RS_SIM_WORKER_KILL,
                                                 [RS_FAULT_JOB_DROP] = RS_SIM_TASK_DROP};
  *to = (struct rs_sim_fault){.kind = kinds[from->kind],
                              .at_ns = scaled(from->at_ns, scale),
                              .rate_per_s = from->rate_per_s / scale,
                              .from_ns = scaled(from->from_ns, scale),
                              .until_ns = from->until_ns == RS_SCENARIO_NONE ? 0 : scaled(from->until_ns, scale),
                              .group = group_named(scenario, from->type),
                              .node = from->node == RS_SCENARIO_NONE ? RS_SIM_ANY : (uint32_t)from->node,
                              .count = (uint32_t)from->count,
                              /* any time: the hook down_ns draws the real one */
                              .down_ns = from->comes_back ? 1 : 0};
}

int rs_run_cluster_make(const struct rs_scenario *scenario, double time_scale, struct rs_run_cluster *out, char *err,
                        size_t err_size)
{
  const struct rs_scenario_cluster *c = &scenario->cluster;
  memset(out, 0, sizeof *out);
  out->groups = rs_alloc_zero(c->type_count, sizeof *out->groups);
  for (uint32_t i = 0; i < c->type_count; i++) {
    const struct rs_scenario_node_type *type = &c->types[i];
    bool every = type->count == RS_SCENARIO_NONE;
    out->groups[i] = (struct rs_sim_group){.name = type->name,
                                           .info = rs_run_node_info(type, i),
                                           .count = every ? RS_SIM_ANY : (uint32_t)type->count,
                                           .count_max = every ? RS_SIM_ANY : (uint32_t)type->count_max,
                                           .count_min = every ? 0 : (uint32_t)type->count_min,
                                           .speed = type->speed,
                                           .hosts = type->hosts,
                                           .cpus_from_host = type->cpu_e4 == RS_SCENARIO_FROM_HOST};
    out->cpu_e4 += every || type->cpu_e4 < 0 ? 0 : type->count * (uint64_t)type->cpu_e4;
  }
  out->faults = rs_alloc_zero(scenario->fault_count, sizeof *out->faults);
  for (uint32_t i = 0; i < scenario->fault_count; i++)
    make_fault(scenario, &scenario->faults[i], time_scale, &out->faults[i]);
  out->cluster = (struct rs_sim_cluster){.groups = out->groups,
                                         .group_count = c->type_count,
                                         .autoscaler = scenario->autoscaler.enabled,
                                         .net = {.nic_bytes_per_s = c->network.nic_bytes_per_s,
                                                 .latency_ns = c->network.latency_ns,
                                                 .rack_latency_ns = c->network.rack_latency_ns,
                                                 .nodes_per_rack = (uint32_t)c->network.nodes_per_rack,
                                                 .oversubscription = c->network.oversubscription},
                                         .platform = c->platform,
                                         .faults = out->faults,
                                         .fault_count = scenario->fault_count};
  char why[RS_RESULTS_ERR];
  if (rs_sim_cluster_check(&out->cluster, why, sizeof why) == 0)
    return 0;
  snprintf(err, err_size, "%s:%u: %s", scenario->file, c->line, why);
  rs_run_cluster_free(out);
  return -1;
}

void rs_run_cluster_free(struct rs_run_cluster *c)
{
  for (uint32_t i = 0; i < c->cluster.group_count; i++)
    rs_node_info_unref(c->groups[i].info);
  free(c->groups);
  free(c->faults);
  memset(c, 0, sizeof *c);
}
