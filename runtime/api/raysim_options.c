/* raysim_options.c -- what the structures of options mean, and what is wrong with one. */
#include <math.h>

#include "api/raysim_int.h"
#include "uv/host.h"

static int amount(const char *what, double in, double max, int64_t *out_e4)
{
  if (!(in >= 0 && in <= max))
    return raysim_set_error(RAYSIM_ERR_INVALID, "%s: %g is not between 0 and %g", what, in, max);
  if (in > 0 && in < 1.0 / RS_ONE_E4)
    return raysim_set_error(RAYSIM_ERR_INVALID, "%s: %g is finer than 0.0001, the least amount of a resource", what,
                            in);
  *out_e4 = (int64_t)(in * RS_ONE_E4 + 0.5);
  return 0;
}

static int custom_amount(const struct raysim_resource *in, int64_t *out_e4)
{
  static const struct {
    const char *name, *field;
  } fields[] = {{"CPU", "num_cpus"}, {"GPU", "num_gpus"}, {"memory", "memory_bytes"}};
  if (!in->name || !in->name[0])
    return raysim_set_error(RAYSIM_ERR_INVALID, "resources: one has no name");
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (strcmp(in->name, fields[i].name) == 0)
      return raysim_set_error(RAYSIM_ERR_INVALID, "resources: %s is said with %s", in->name, fields[i].field);
  return amount(in->name, in->amount, 1e12, out_e4);
}

static int no_list(const char *what, const void *list, size_t count)
{
  return list || count == 0 ? 0 : raysim_set_error(RAYSIM_ERR_INVALID, "%s: %zu of them at NULL", what, count);
}

static int gpus_of(double in, uint32_t *out_e4)
{
  int64_t e4 = 0;
  int rc = amount("num_gpus", in, RS_GPU_MAX, &e4);
  if (rc == 0 && !rs_gpu_amount_valid((uint32_t)e4))
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "num_gpus: %g is neither a fraction of one nor a whole number", in);
  if (rc == 0)
    *out_e4 = (uint32_t)e4;
  return rc;
}

static int labels_of(const struct raysim_demand *in, struct rs_demand *demand)
{
  static const uint8_t ops[] = {RS_SELECT_IN, RS_SELECT_NOT_IN, RS_SELECT_EXISTS, RS_SELECT_NOT_EXISTS};
  if (no_list("labels", in->labels, in->label_count) != 0)
    return RAYSIM_ERR_INVALID;
  if (in->label_count > RS_SELECT_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "labels: at most %d rules", RS_SELECT_MAX);
  for (size_t i = 0; i < in->label_count; i++) {
    const struct raysim_label_rule *rule = &in->labels[i];
    bool wants_value = rule->kind == RAYSIM_LABEL_IN || rule->kind == RAYSIM_LABEL_NOT_IN;
    if (!rule->key || !rule->key[0] || (unsigned)rule->kind >= sizeof ops || (wants_value && !rule->value))
      return raysim_set_error(RAYSIM_ERR_INVALID, "labels: rule %zu lacks its key or value, or has no such kind", i);
    if (rule->fallback > RS_FALLBACK_MAX || rule->fallback < demand->fallback_count)
      return raysim_set_error(RAYSIM_ERR_INVALID, "labels: rule %zu is out of order, or of a fallback above %d", i,
                              RS_FALLBACK_MAX);
    demand->fallback_count = (uint8_t)rule->fallback;
    demand->select[i] = (struct rs_selector){.key = rs_name_hash(rule->key),
                                             .value = wants_value ? rs_name_hash(rule->value) : 0,
                                             .op = ops[rule->kind],
                                             .alternative = (uint8_t)rule->fallback};
  }
  demand->select_count = (uint8_t)in->label_count;
  if (in->labels_soft && demand->fallback_count == RS_FALLBACK_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "labels: at most %d fallbacks", RS_FALLBACK_MAX);
  demand->fallback_count = (uint8_t)(demand->fallback_count + (in->labels_soft ? 1 : 0));
  return 0;
}

static int strategy_of(const struct raysim_strategy *in, struct rs_demand *demand, struct rs_call *call)
{
  switch (in->kind) {
  case RAYSIM_DEFAULT: call->strategy = RS_STRATEGY_DEFAULT; return 0;
  case RAYSIM_SPREAD: call->strategy = RS_STRATEGY_SPREAD; return 0;
  case RAYSIM_NO_GROUP: call->no_capture = true; return 0;
  case RAYSIM_PLACEMENT_GROUP: return raysim_in_group(in, demand);
  case RAYSIM_NODE_AFFINITY:
    if (in->node > RS_NODE_MAX)
      return raysim_set_error(RAYSIM_ERR_INVALID, "strategy: there is no node %u", in->node);
    call->strategy = in->soft ? RS_STRATEGY_NODE_AFFINITY_SOFT : RS_STRATEGY_NODE_AFFINITY;
    call->target = in->node;
    return 0;
  }
  return raysim_set_error(RAYSIM_ERR_INVALID, "strategy: there is no kind %d", (int)in->kind);
}

int raysim_demand_of(struct raysim *ray, const struct raysim_demand *in, double default_cpus, struct rs_demand *demand,
                     struct rs_call *call)
{
  *demand = (struct rs_demand){0};
  double cpus = in->num_cpus == 0 ? default_cpus : in->num_cpus == RAYSIM_NONE ? 0 : in->num_cpus;
  int rc = amount("num_cpus", cpus, 1e6, &demand->cpu_e4);
  if (rc == 0)
    rc = gpus_of(in->num_gpus, &demand->gpu_e4);
  if (rc == 0 && in->memory_bytes > (uint64_t)INT64_MAX)
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "memory_bytes: too many");
  demand->memory_bytes = (int64_t)in->memory_bytes;
  if (rc == 0)
    rc = no_list("resources", in->resources, in->resource_count);
  for (size_t i = 0; i < in->resource_count && rc == 0; i++) {
    int64_t e4 = 0;
    rc = custom_amount(&in->resources[i], &e4);
    if (rc == 0 && e4 > 0 && !rs_demand_set_custom(demand, in->resources[i].name, e4))
      rc = raysim_set_error(RAYSIM_ERR_INVALID, "resources: at most %d", RS_CUSTOM_MAX);
    if (rc == 0)
      rs_front_intern(ray->front, in->resources[i].name);
  }
  if (rc == 0)
    rc = labels_of(in, demand);
  for (size_t i = 0; i < in->label_count && rc == 0; i++)
    rs_front_intern(ray->front, in->labels[i].key);
  return rc == 0 ? strategy_of(&in->strategy, demand, call) : rc;
}

int raysim_total_of(const struct raysim_options *in, struct rs_node_info **out)
{
  struct rs_res total = {0};
  double cpus = in->num_cpus == 0 ? rs_host_cpus() : in->num_cpus == RAYSIM_NONE ? 0 : in->num_cpus;
  int rc = amount("num_cpus", cpus, 1e6, &total.cpu_e4);
  if (rc == 0 && (in->num_gpus < 0 || in->num_gpus > RS_GPU_MAX))
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "num_gpus: a node has at most %d", RS_GPU_MAX);
  if (rc == 0 && (in->memory_bytes > (uint64_t)INT64_MAX || in->object_store_bytes > (uint64_t)INT64_MAX))
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "memory_bytes, object_store_bytes: too many");
  total.memory_bytes = (int64_t)in->memory_bytes;
  total.store_bytes = (int64_t)in->object_store_bytes;
  for (int i = 0; rc == 0 && i < in->num_gpus; i++)
    total.gpu_e4[total.gpu_count++] = RS_ONE_E4;
  if (rc == 0)
    rc = no_list("resources", in->resources, in->resource_count);
  if (rc == 0)
    rc = no_list("labels", in->labels, in->label_count);
  for (size_t i = 0; i < in->label_count && rc == 0; i++)
    if (!in->labels[i].key || !in->labels[i].key[0] || !in->labels[i].value)
      rc = raysim_set_error(RAYSIM_ERR_INVALID, "labels: number %zu lacks its key or value", i);
  for (size_t i = 0; i < in->resource_count && rc == 0; i++) {
    int64_t e4 = 0;
    rc = custom_amount(&in->resources[i], &e4);
    if (rc == 0 && !rs_res_set_custom(&total, in->resources[i].name, e4))
      rc = raysim_set_error(RAYSIM_ERR_INVALID, "resources: a node has at most %d", RS_CUSTOM_MAX);
  }
  if (rc != 0)
    return rc;
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = UINT32_MAX;
  for (size_t i = 0; i < in->label_count; i++)
    if (!rs_node_info_add_label(info, in->labels[i].key, in->labels[i].value)) {
      rs_node_info_unref(info);
      return raysim_set_error(RAYSIM_ERR_INVALID, "labels: a node has at most %d", RS_LABEL_MAX);
    }
  *out = info;
  return 0;
}

int raysim_returns_of(int num_returns, uint8_t *count)
{
  if (num_returns < RAYSIM_NONE || num_returns > RS_TASK_RETURNS_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "num_returns: %d is neither 1 to %d nor RAYSIM_NONE", num_returns,
                            RS_TASK_RETURNS_MAX);
  *count = num_returns == 0 ? 1 : num_returns == RAYSIM_NONE ? 0 : (uint8_t)num_returns;
  return 0;
}

int raysim_retries_of(const char *what, int wanted, int32_t by_default, int32_t *out)
{
  if (wanted < RAYSIM_UNLIMITED)
    return raysim_set_error(RAYSIM_ERR_INVALID, "%s: %d is neither a number nor RAYSIM_NONE nor RAYSIM_UNLIMITED", what,
                            wanted);
  *out = wanted == 0 ? by_default : wanted == RAYSIM_NONE ? 0 : wanted < 0 ? -1 : wanted;
  return 0;
}
