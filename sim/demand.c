/* demand.c -- see demand.h. */
#include "sim/demand.h"

#include <stdio.h>
#include <string.h>

bool rs_sim_demand(const struct rs_scenario_demand *from, struct rs_demand *out, char *why, size_t why_bytes)
{
  memset(out, 0, sizeof *out);
  out->cpu_e4 = from->cpu_e4;
  if (from->memory_bytes > INT64_MAX || from->gpu_e4 < 0 || from->gpu_e4 > RS_GPU_MAX * RS_ONE_E4) {
    snprintf(why, why_bytes, "asks for more memory or GPUs than any node has; a node has at most %d GPUs", RS_GPU_MAX);
    return false;
  }
  out->memory_bytes = (int64_t)from->memory_bytes;
  out->gpu_e4 = (uint32_t)from->gpu_e4;
  if (!rs_gpu_amount_valid(out->gpu_e4)) {
    snprintf(why, why_bytes, "asks for %.4g GPUs; wanted at most one, or a whole number of them",
             (double)from->gpu_e4 / RS_ONE_E4);
    return false;
  }
  for (uint32_t i = 0; i < from->resource_count; i++)
    if (from->resources[i].amount_e4 > 0 &&
        !rs_demand_set_custom(out, from->resources[i].name, from->resources[i].amount_e4)) {
      snprintf(why, why_bytes, "asks for more than %d custom resources", RS_CUSTOM_MAX);
      return false;
    }
  if (from->label_count > RS_SELECT_MAX) {
    snprintf(why, why_bytes, "asks for more than %d labels", RS_SELECT_MAX);
    return false;
  }
  for (uint32_t i = 0; i < from->label_count; i++)
    out->select[out->select_count++] = (struct rs_selector){
        .key = rs_name_hash(from->labels[i].key), .value = rs_name_hash(from->labels[i].value), .op = RS_SELECT_IN};
  return true;
}

static bool has_resource(const struct rs_scenario_node_type *type, const struct rs_scenario_resource *wanted)
{
  for (uint32_t i = 0; i < type->resource_count; i++)
    if (strcmp(type->resources[i].name, wanted->name) == 0)
      return type->resources[i].amount_e4 >= wanted->amount_e4;
  return wanted->amount_e4 == 0;
}

static bool has_label(const struct rs_scenario_node_type *type, const struct rs_scenario_label *wanted)
{
  for (uint32_t i = 0; i < type->label_count; i++)
    if (strcmp(type->labels[i].key, wanted->key) == 0)
      return strcmp(type->labels[i].value, wanted->value) == 0;
  return false;
}

bool rs_sim_demand_fits(const struct rs_scenario_demand *demand, const struct rs_scenario_node_type *type)
{
  if (type->cpu_e4 != RS_SCENARIO_FROM_HOST && demand->cpu_e4 > type->cpu_e4)
    return false;
  if (demand->gpu_e4 > (int64_t)type->gpus * RS_ONE_E4 || demand->memory_bytes > type->memory_bytes)
    return false;
  for (uint32_t i = 0; i < demand->resource_count; i++)
    if (!has_resource(type, &demand->resources[i]))
      return false;
  for (uint32_t i = 0; i < demand->label_count; i++)
    if (!has_label(type, &demand->labels[i]))
      return false;
  return true;
}
