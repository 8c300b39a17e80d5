/* scenario_check.c -- what no element can know alone: names that must differ, node types that faults speak of, and
 * demands that some node must be able to hold. A demand that fits no node type would wait for ever, so it is an error
 * here and not a hanging run. O(workloads x node types x resources).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/scenario_int.h"

/* ---- Demands ----------------------------------------------------------------------------------------------------- */

static int64_t type_amount(const struct rs_scenario_node_type *type, const char *name)
{
  for (uint32_t i = 0; i < type->resource_count; i++)
    if (strcmp(type->resources[i].name, name) == 0)
      return type->resources[i].amount_e4;
  return 0;
}

static bool type_has_label(const struct rs_scenario_node_type *type, const struct rs_scenario_label *label)
{
  for (uint32_t i = 0; i < type->label_count; i++)
    if (strcmp(type->labels[i].key, label->key) == 0)
      return strcmp(type->labels[i].value, label->value) == 0;
  return false;
}

enum dimension { CPU, GPU, MEMORY, CUSTOM, LABEL, DIMENSIONS };

/* Does the type hold this much in the dimension (CUSTOM, LABEL: its index-th)? */
static bool holds(const struct rs_scenario_node_type *type, const struct rs_scenario_demand *demand,
                  enum dimension dimension, uint32_t index)
{
  switch (dimension) {
  case CPU: return type->cpu_e4 == RS_SCENARIO_FROM_HOST || demand->cpu_e4 <= type->cpu_e4;
  case GPU: return demand->gpu_e4 <= (int64_t)type->gpus * RS_SCENARIO_UNIT;
  case MEMORY: return demand->memory_bytes <= type->memory_bytes;
  case CUSTOM: return demand->resources[index].amount_e4 <= type_amount(type, demand->resources[index].name);
  case LABEL: return type_has_label(type, &demand->labels[index]);
  case DIMENSIONS: break;
  }
  return false;
}

static uint32_t extent(const struct rs_scenario_demand *demand, enum dimension dimension)
{
  return dimension == CUSTOM ? demand->resource_count : dimension == LABEL ? demand->label_count : 1;
}

static bool holds_all(const struct rs_scenario_node_type *type, const struct rs_scenario_demand *demand)
{
  for (int dimension = 0; dimension < DIMENSIONS; dimension++)
    for (uint32_t i = 0; i < extent(demand, (enum dimension)dimension); i++)
      if (!holds(type, demand, (enum dimension)dimension, i))
        return false;
  return true;
}

/* A size in the largest unit that it reaches. */
static void describe_size(double bytes, char *out, size_t out_bytes)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; unit++)
    bytes /= 1024;
  snprintf(out, out_bytes, "%.6g %s", bytes, units[unit]);
}

static void describe(const struct rs_scenario_demand *demand, enum dimension dimension, uint32_t index, char *out,
                     size_t bytes)
{
  switch (dimension) {
  case CPU: snprintf(out, bytes, "%g CPUs", (double)demand->cpu_e4 / (double)RS_SCENARIO_UNIT); break;
  case GPU: snprintf(out, bytes, "%g GPUs", (double)demand->gpu_e4 / (double)RS_SCENARIO_UNIT); break;
  case MEMORY: {
    char size[32];
    describe_size((double)demand->memory_bytes, size, sizeof size);
    snprintf(out, bytes, "%s of memory", size);
    break;
  }
  case CUSTOM:
    snprintf(out, bytes, "%g of \"%.60s\"", (double)demand->resources[index].amount_e4 / (double)RS_SCENARIO_UNIT,
             demand->resources[index].name);
    break;
  case LABEL:
    snprintf(out, bytes, "the label %.60s=%.60s", demand->labels[index].key, demand->labels[index].value);
    break;
  case DIMENSIONS: break;
  }
}

/* The most that any type has, for the message. */
static void describe_most(const struct rs_scenario_cluster *cluster, const struct rs_scenario_demand *demand,
                          enum dimension dimension, uint32_t index, char *out, size_t bytes)
{
  double most = 0;
  for (uint32_t i = 0; i < cluster->type_count; i++) {
    const struct rs_scenario_node_type *type = &cluster->types[i];
    double has = dimension == CPU      ? (double)type->cpu_e4 / (double)RS_SCENARIO_UNIT
                 : dimension == GPU    ? (double)type->gpus
                 : dimension == MEMORY ? (double)type->memory_bytes
                 : dimension == CUSTOM
                     ? (double)type_amount(type, demand->resources[index].name) / (double)RS_SCENARIO_UNIT
                     : 0;
    most = has > most ? has : most;
  }
  char size[32];
  describe_size(most, size, sizeof size);
  if (dimension == LABEL)
    snprintf(out, bytes, "none has it");
  else if (dimension == MEMORY)
    snprintf(out, bytes, "the most is %s", size);
  else
    snprintf(out, bytes, "the most is %.15g", most);
}

static bool check_demand(struct rs_scenario_reader *reader, const struct rs_scenario_workload *workload,
                         const struct rs_scenario_demand *demand)
{
  const struct rs_scenario_cluster *cluster = &reader->out->cluster;
  char text[160], most[64];
  for (uint32_t t = 0; t < cluster->type_count; t++)
    if (cluster->types[t].count_max > 0 && holds_all(&cluster->types[t], demand))
      return true;
  for (int d = 0; d < DIMENSIONS; d++)
    for (uint32_t i = 0; i < extent(demand, (enum dimension)d); i++) {
      bool any = false;
      for (uint32_t t = 0; t < cluster->type_count; t++)
        any = any || (cluster->types[t].count_max > 0 && holds(&cluster->types[t], demand, (enum dimension)d, i));
      if (any)
        continue;
      describe(demand, (enum dimension)d, i, text, sizeof text);
      describe_most(cluster, demand, (enum dimension)d, i, most, sizeof most);
      return rs_scenario_fail(reader, workload->line,
                              "\"%.60s\" needs a node with %s and %s; lower <resources> or add such <nodes>",
                              workload->name, text, most);
    }
  return rs_scenario_fail(
      reader, workload->line,
      "\"%.60s\" needs a node with all of its <resources>, and each type of <nodes> lacks one of them; "
      "add a type with all",
      workload->name);
}

/* ---- Objects ----------------------------------------------------------------------------------------------------- */

/* The least that a draw can be. */
static double least(const struct rs_dist *dist)
{
  bool bounded = dist->kind == RS_DIST_CONSTANT || dist->kind == RS_DIST_UNIFORM || dist->kind == RS_DIST_PARETO;
  return bounded && dist->a > dist->min ? dist->a : dist->min;
}

static bool check_object(struct rs_scenario_reader *reader, const struct rs_scenario_workload *workload,
                         const struct rs_dist *bytes, const char *what)
{
  const struct rs_scenario_cluster *cluster = &reader->out->cluster;
  uint64_t most = 0;
  for (uint32_t i = 0; i < cluster->type_count; i++)
    if (cluster->types[i].object_store_bytes > most)
      most = cluster->types[i].object_store_bytes;
  if (least(bytes) <= (double)most)
    return true;
  char size[32], store[32];
  describe_size(least(bytes), size, sizeof size);
  describe_size((double)most, store, sizeof store);
  return rs_scenario_fail(reader, workload->line,
                          "\"%.60s\" makes %s of at least %s and the largest object store has %s; raise "
                          "object_store_memory or make them smaller",
                          workload->name, what, size, store);
}

/* ---- Workloads, faults, cluster ---------------------------------------------------------------------------------- */

static bool check_workload(struct rs_scenario_reader *reader, struct rs_scenario_workload *workload)
{
  switch (workload->kind) {
  case RS_WORKLOAD_TUNE: return check_demand(reader, workload, &workload->tune.demand);
  case RS_WORKLOAD_TASKS:
    return check_demand(reader, workload, &workload->tasks.demand) &&
           check_object(reader, workload, &workload->tasks.return_bytes, "results") &&
           (workload->tasks.object_count == 0 ||
            check_object(reader, workload, &workload->tasks.object_bytes, "objects")) &&
           (workload->tasks.items == 0 || check_object(reader, workload, &workload->tasks.item_bytes, "items"));
  case RS_WORKLOAD_TRACE: {
    const struct rs_scenario_column *columns = workload->trace.columns;
    struct rs_scenario_demand demand = {.cpu_e4 =
                                            RS_SCENARIO_UNIT}; /* constants only: the rows are checked when read */
    if (columns[RS_TRACE_CPUS].given)
      demand.cpu_e4 = columns[RS_TRACE_CPUS].name ? 0 : (int64_t)columns[RS_TRACE_CPUS].value;
    if (columns[RS_TRACE_GPUS].given && !columns[RS_TRACE_GPUS].name)
      demand.gpu_e4 = (int64_t)columns[RS_TRACE_GPUS].value;
    if (columns[RS_TRACE_MEMORY].given && !columns[RS_TRACE_MEMORY].name)
      demand.memory_bytes = (uint64_t)columns[RS_TRACE_MEMORY].value;
    return check_demand(reader, workload, &demand);
  }
  }
  return false;
}

/* Gives nameless workloads the name of their kind, numbered from the second one on. */
static bool check_workload_names(struct rs_scenario_reader *reader)
{
  static const char *const kinds[] = {"tune", "tasks", "trace"};
  struct rs_scenario *out = reader->out;
  uint32_t seen[3] = {0};
  for (uint32_t i = 0; i < out->workload_count; i++) {
    struct rs_scenario_workload *workload = &out->workloads[i];
    uint32_t number = ++seen[workload->kind];
    if (!workload->name) {
      char name[32];
      snprintf(name, sizeof name, number == 1 ? "%s" : "%s-%u", kinds[workload->kind], number);
      workload->name = rs_memdup(name, strlen(name) + 1);
    }
  }
  for (uint32_t i = 0; i < out->workload_count; i++)
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(out->workloads[i].name, out->workloads[j].name) == 0)
        return rs_scenario_fail(reader, out->workloads[i].line,
                                "two workloads are called \"%.60s\" (the other is on line %u); give each its own name",
                                out->workloads[i].name, out->workloads[j].line);
  return true;
}

static bool check_faults(struct rs_scenario_reader *reader)
{
  const struct rs_scenario *out = reader->out;
  for (uint32_t f = 0; f < out->fault_count; f++) {
    const struct rs_scenario_fault *fault = &out->faults[f];
    uint64_t nodes = 0;
    bool found = !fault->type, open = false; /* open: a platform says how many */
    for (uint32_t i = 0; i < out->cluster.type_count; i++) {
      const struct rs_scenario_node_type *type = &out->cluster.types[i];
      if (fault->type && strcmp(type->name, fault->type) != 0)
        continue;
      found = true;
      open = open || type->count_max == RS_SCENARIO_NONE;
      nodes += open ? 0 : type->count_max;
    }
    if (!found)
      return rs_scenario_fail(reader, fault->line, "there are no <nodes> called \"%.60s\"; name a type of the cluster",
                              fault->type);
    if (!open && fault->node != RS_SCENARIO_NONE && fault->node >= nodes)
      return rs_scenario_fail(reader, fault->line,
                              "node=\"%llu\" does not exist; the nodes are numbered from 0 to %lld",
                              (unsigned long long)fault->node, (long long)nodes - 1);
    if (!open && fault->count > nodes && fault->kind <= RS_FAULT_NODE_UP)
      return rs_scenario_fail(reader, fault->line,
                              "count=\"%llu\" is more than the %llu nodes there are; write at most that",
                              (unsigned long long)fault->count, (unsigned long long)nodes);
  }
  return true;
}

static bool check_cluster(struct rs_scenario_reader *reader)
{
  const struct rs_scenario *out = reader->out;
  uint64_t count_max = 0;
  for (uint32_t i = 0; i < out->cluster.type_count; i++) {
    const struct rs_scenario_node_type *type = &out->cluster.types[i];
    if (type->count == RS_SCENARIO_NONE)
      return true; /* a platform's hosts */
    if (!out->autoscaler.enabled && type->count_min != type->count_max)
      return rs_scenario_fail(
          reader, type->line,
          "<nodes name=\"%.60s\"> has a min or max other than count, and there is no <autoscaler>; add "
          "one or remove them",
          type->name);
    if (out->cluster.platform && type->count_min != type->count_max)
      return rs_scenario_fail(reader, type->line,
                              "the hosts of a platform file are not autoscaled; remove min and max");
    count_max += type->count_max;
  }
  if (count_max == 0)
    return rs_scenario_fail(reader, out->cluster.line,
                            "the cluster has no node to run anything on; write count=\"1\" or more");
  return true;
}

bool rs_scenario_check(struct rs_scenario_reader *reader)
{
  struct rs_scenario *out = reader->out;
  if (!check_cluster(reader) || !check_workload_names(reader) || !check_faults(reader))
    return false;
  for (uint32_t i = 0; i < out->workload_count; i++)
    if (!check_workload(reader, &out->workloads[i]))
      return false;
  return true;
}
