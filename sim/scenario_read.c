/* scenario_read.c -- the checked tree into struct rs_scenario: everything but the workloads.
 *
 * The schema check has made sure that every attribute is known and has a value of its type, and that every default is
 * in the tree; this file converts, checks ranges, and resolves file names. O(elements).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "dl/policy_library.h"
#include "sim/scenario_int.h"
#include "sim/units.h"

#define NODES_MAX UINT64_C(10000000)
#define POINTS_MAX UINT64_C(1000000) /* of all sweeps together */
#define MS UINT64_C(1000000)
#define DAY (86400000 * MS)
#define CPUS_MAX INT64_C(1000000) /* of a node, as `raysim start --num-cpus` */

/* ---- Attributes by type ------------------------------------------------------------------------------------------ */

bool rs_scenario_fail_value(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                            const char *why)
{
  return rs_scenario_fail_at(reader, rs_scenario_find(element, name), "%s=\"%.60s\" %s", name,
                             rs_scenario_get(element, name), why);
}

#define READ(call)                                                                                                     \
  do {                                                                                                                 \
    char why[RS_UNITS_WHY_BYTES];                                                                                      \
    const char *text = rs_scenario_get(element, name);                                                                 \
    if (text && (call))                                                                                                \
      return rs_scenario_fail_value(reader, element, name, why);                                                       \
    return true;                                                                                                       \
  } while (0)

bool rs_scenario_read_time(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out)
{
  READ(rs_units_time(text, out, why, sizeof why));
}

bool rs_scenario_read_time_limit(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                 uint64_t *out)
{
  READ(rs_units_time_limit(text, out, why, sizeof why));
}

bool rs_scenario_read_size(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out)
{
  READ(rs_units_size(text, out, why, sizeof why));
}

bool rs_scenario_read_share(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, double *out)
{
  READ(rs_units_share(text, out, why, sizeof why));
}

bool rs_scenario_read_amount(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, int64_t *out)
{
  READ(rs_units_amount(text, out, why, sizeof why));
}

bool rs_scenario_read_time_dist(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                struct rs_dist *out)
{
  READ(rs_units_time_dist(text, out, why, sizeof why));
}

bool rs_scenario_read_size_dist(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                struct rs_dist *out)
{
  READ(rs_units_size_dist(text, out, why, sizeof why));
}

/* A time, a size or a bandwidth. */
static uint64_t bound(const char *text)
{
  char why[RS_UNITS_WHY_BYTES];
  uint64_t value = 0;
  bool known = rs_units_time(text, &value, why, sizeof why) == 0 || rs_units_size(text, &value, why, sizeof why) == 0 ||
               rs_units_bandwidth(text, &value, why, sizeof why) == 0;
  RS_ASSERT(known);
  return value;
}

static bool out_of_range(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, const char *low,
                         const char *high)
{
  char why[RS_UNITS_WHY_BYTES];
  snprintf(why, sizeof why, "is out of range; write \"%s\" to \"%s\"", low, high);
  return rs_scenario_fail_value(reader, element, name, why);
}

bool rs_scenario_within(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t value,
                        const char *low, const char *high)
{
  bool given = rs_scenario_get(element, name) != NULL && value != RS_SCENARIO_NONE;
  return !given || (value >= bound(low) && value <= bound(high)) || out_of_range(reader, element, name, low, high);
}

bool rs_scenario_dist_within(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                             const struct rs_dist *dist, const char *low, const char *high)
{
  double value = dist->kind == RS_DIST_UNIFORM ? dist->b : dist->a;
  value = value > dist->max ? dist->max : value;
  bool given = rs_scenario_get(element, name) != NULL;
  return !given || (value >= (double)bound(low) && value <= (double)bound(high)) ||
         out_of_range(reader, element, name, low, high);
}

static int in_range(uint64_t value, uint64_t min, uint64_t max, char *why, size_t why_bytes)
{
  if (value >= min && value <= max)
    return 0;
  if (value < min)
    snprintf(why, why_bytes, "is too small; write at least %llu", (unsigned long long)min);
  else
    snprintf(why, why_bytes, "is too large; write at most %llu", (unsigned long long)max);
  return -1;
}

bool rs_scenario_read_count(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t min,
                            uint64_t max, uint64_t *out)
{
  READ(rs_units_count(text, out, why, sizeof why) || in_range(*out, min, max, why, sizeof why));
}

bool rs_scenario_read_count_limit(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                  uint64_t min, uint64_t max, uint64_t *out)
{
  READ(rs_units_count_limit(text, out, why, sizeof why) ||
       (*out != RS_SCENARIO_NONE && in_range(*out, min, max, why, sizeof why)));
}

static int in_real_range(double value, double min, double max, char *why, size_t why_bytes)
{
  if (value >= min && value <= max)
    return 0;
  if (value < min)
    snprintf(why, why_bytes, "is too small; write at least %g", min);
  else
    snprintf(why, why_bytes, "is too large; write at most %g", max);
  return -1;
}

bool rs_scenario_read_number(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, double min,
                             double max, double *out)
{
  READ(rs_units_number(text, out, why, sizeof why) || in_real_range(*out, min, max, why, sizeof why));
}

bool rs_scenario_read_bool(const xmlNode *element, const char *name)
{
  const char *text = rs_scenario_get(element, name);
  return text && strcmp(text, "true") == 0;
}

static char *copy(const char *text)
{
  return rs_memdup(text, strlen(text) + 1);
}

char *rs_scenario_read_text(const xmlNode *element, const char *name)
{
  const char *text = rs_scenario_get(element, name);
  return text ? copy(text) : NULL;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static char *join(const char *folder, size_t folder_length, const char *name)
{
  size_t length = strlen(name);
  char *path = rs_alloc(folder_length + length + 2);
  memcpy(path, folder, folder_length);
  if (folder_length && folder[folder_length - 1] != '/')
    path[folder_length++] = '/';
  memcpy(path + folder_length, name, length + 1);
  return path;
}

/* "data:NAME" in $RAYSIM_DATA (default ../shared/data), an absolute path as it is, one given by --set against the
 * working directory, any other against the scenario's folder. */
static char *resolve(const struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *name)
{
  if (strncmp(name, "data:", 5) == 0) {
    const char *folder = getenv("RAYSIM_DATA");
    if (!folder || !*folder)
      folder = "../shared/data";
    return join(folder, strlen(folder), name + 5);
  }
  const char *slash = strrchr(reader->file, '/');
  bool outside = false;
  for (uint32_t i = 0; i < reader->origin_count; i++)
    if (reader->origins[i].attribute == attribute && reader->origins[i].by)
      outside = strcmp(reader->origins[i].by, "sweep") != 0;
  if (*name == '/' || outside || !slash)
    return copy(name);
  return join(reader->file, (size_t)(slash - reader->file) + 1, name);
}

char *rs_scenario_read_file(struct rs_scenario_reader *reader, const xmlNode *element, const char *name)
{
  const xmlAttr *attribute = rs_scenario_find(element, name);
  struct stat status;
  if (!attribute)
    return NULL;
  const char *given = rs_scenario_get(element, name);
  char *path = resolve(reader, attribute, given);
  const char *fault = NULL;
  if (stat(path, &status) != 0)
    fault = "there is no such file; check the name";
  else if (!S_ISREG(status.st_mode))
    fault = "that is no regular file; name a file";
  else if (access(path, R_OK) != 0)
    fault = "the file cannot be read; check its permissions";
  if (!fault)
    return path;
  bool data = strncmp(given, "data:", 5) == 0 && !getenv("RAYSIM_DATA");
  if (strcmp(path, given) == 0)
    rs_scenario_fail_at(reader, attribute, "%s=\"%.300s\": %s", name, given, fault);
  else
    rs_scenario_fail_at(reader, attribute, "%s=\"%.200s\", that is %.300s: %s%s", name, given, path, fault,
                        data ? ", or set RAYSIM_DATA to the folder of the data sets" : "");
  free(path);
  return NULL;
}

/* ---- Cluster ----------------------------------------------------------------------------------------------------- */

bool rs_scenario_read_extras(struct rs_scenario_reader *reader, const xmlNode *element,
                             struct rs_scenario_resource **resources, uint32_t *resource_count,
                             struct rs_scenario_label **labels, uint32_t *label_count)
{
  uint32_t resource_cap = 0, label_cap = 0;
  for (const xmlNode *at = rs_scenario_child(element, "resource"); at; at = rs_scenario_next(at, "resource")) {
    const char *name = rs_scenario_get(at, "name");
    static const char *const own[] = {"cpus", "gpus", "memory", "CPU", "GPU", "object_store_memory"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
      if (strcmp(name, own[i]) == 0)
        return rs_scenario_fail_value(
            reader, at, "name", "is a resource of its own; use the attributes cpus, gpus, memory, object_store_memory");
    for (uint32_t i = 0; i < *resource_count; i++)
      if (strcmp((*resources)[i].name, name) == 0)
        return rs_scenario_fail_value(reader, at, "name", "is given twice; keep one");
    RS_GROW(*resources, *resource_count, resource_cap);
    struct rs_scenario_resource *out = &(*resources)[(*resource_count)++];
    *out = (struct rs_scenario_resource){.name = copy(name)};
    if (!rs_scenario_read_amount(reader, at, "amount", &out->amount_e4))
      return false;
  }
  for (const xmlNode *at = rs_scenario_child(element, "label"); at; at = rs_scenario_next(at, "label")) {
    const char *key = rs_scenario_get(at, "key");
    if (!*key)
      return rs_scenario_fail_value(reader, at, "key", "is empty; name the label");
    for (uint32_t i = 0; i < *label_count; i++)
      if (strcmp((*labels)[i].key, key) == 0)
        return rs_scenario_fail_value(reader, at, "key", "is given twice; keep one");
    RS_GROW(*labels, *label_count, label_cap);
    (*labels)[(*label_count)++] = (struct rs_scenario_label){copy(key), rs_scenario_read_text(at, "value")};
  }
  return true;
}

static bool read_node_count(struct rs_scenario_reader *reader, const xmlNode *element, bool platform,
                            struct rs_scenario_node_type *out)
{
  if (!rs_scenario_find(element, "count")) {
    if (!platform)
      return rs_scenario_fail(reader, out->line, "<nodes> needs the attribute count; write count=\"...\"");
    if (rs_scenario_find(element, "min") || rs_scenario_find(element, "max"))
      return rs_scenario_fail(reader, out->line, "<nodes> has min or max without count; add count=\"...\"");
    out->count = out->count_min = out->count_max = RS_SCENARIO_NONE;
    return true;
  }
  if (!rs_scenario_read_count(reader, element, "count", 0, NODES_MAX, &out->count))
    return false;
  out->count_min = out->count_max = out->count;
  if (!rs_scenario_read_count(reader, element, "min", 0, NODES_MAX, &out->count_min) ||
      !rs_scenario_read_count(reader, element, "max", 0, NODES_MAX, &out->count_max))
    return false;
  if (out->count_min > out->count)
    return rs_scenario_fail_value(reader, element, "min", "is more than count; write at most count");
  if (out->count_max < out->count)
    return rs_scenario_fail_value(reader, element, "max", "is less than count; write at least count");
  return true;
}

static bool read_nodes(struct rs_scenario_reader *reader, const xmlNode *element, bool platform,
                       struct rs_scenario_node_type *out)
{
  uint64_t gpus = 0;
  out->line = rs_scenario_line(element);
  out->name = rs_scenario_read_text(element, "name");
  out->hosts = rs_scenario_read_text(element, "hosts");
  if (!read_node_count(reader, element, platform, out))
    return false;
  if (!platform && strcmp(out->hosts, "*") != 0)
    return rs_scenario_fail_value(reader, element, "hosts",
                                  "selects hosts of a platform file; add platform=\"...\" to <cluster>");
  if (strcmp(rs_scenario_get(element, "cpus"), "host") == 0) {
    if (!platform)
      return rs_scenario_fail_value(reader, element, "cpus",
                                    "takes the cores of a platform's hosts; write a number of CPUs");
    out->cpu_e4 = RS_SCENARIO_FROM_HOST;
  } else if (!rs_scenario_read_amount(reader, element, "cpus", &out->cpu_e4)) {
    return false;
  }
  if (!rs_scenario_read_count(reader, element, "gpus", 0, RS_GPU_MAX, &gpus) ||
      !rs_scenario_read_size(reader, element, "memory", &out->memory_bytes) ||
      !rs_scenario_within(reader, element, "memory", out->memory_bytes, "0 B", "1024 TiB"))
    return false;
  if (out->cpu_e4 > CPUS_MAX * RS_SCENARIO_UNIT)
    return rs_scenario_fail_value(reader, element, "cpus", "is too large; write at most 1000000");
  out->gpus = (uint32_t)gpus;
  out->object_store_bytes = out->memory_bytes / 10 * 3;
  if (!rs_scenario_read_size(reader, element, "object_store_memory", &out->object_store_bytes) ||
      !rs_scenario_read_number(reader, element, "speed", 1e-6, 1e6, &out->speed) ||
      !rs_scenario_read_time_dist(reader, element, "boot_time", &out->boot_ns) ||
      !rs_scenario_dist_within(reader, element, "boot_time", &out->boot_ns, "0 s", "30 d") ||
      !rs_scenario_read_number(reader, element, "price", 0, 1e9, &out->price_per_hour))
    return false;
  if (out->object_store_bytes > out->memory_bytes)
    return rs_scenario_fail_value(reader, element, "object_store_memory",
                                  "is more than the node's memory; write at most memory");
  return rs_scenario_read_extras(reader, element, &out->resources, &out->resource_count, &out->labels,
                                 &out->label_count);
}

static bool read_bandwidth(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out)
{
  READ(rs_units_bandwidth(text, out, why, sizeof why));
}

static bool read_network(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_network *out)
{
  return read_bandwidth(reader, element, "bandwidth", &out->nic_bytes_per_s) &&
         rs_scenario_within(reader, element, "bandwidth", out->nic_bytes_per_s, "1 Kbps", "1000 Tbps") &&
         rs_scenario_read_time(reader, element, "latency", &out->latency_ns) &&
         rs_scenario_within(reader, element, "latency", out->latency_ns, "0 s", "1 min") &&
         rs_scenario_read_time(reader, element, "rack_latency", &out->rack_latency_ns) &&
         rs_scenario_within(reader, element, "rack_latency", out->rack_latency_ns, "0 s", "1 min") &&
         rs_scenario_read_count(reader, element, "nodes_per_rack", 0, NODES_MAX, &out->nodes_per_rack) &&
         rs_scenario_read_number(reader, element, "oversubscription", 1, 1e6, &out->oversubscription);
}

static bool read_cluster(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_cluster *out)
{
  uint32_t cap = 0;
  out->line = rs_scenario_line(element);
  bool platform = rs_scenario_find(element, "platform") != NULL;
  if (platform && !(out->platform = rs_scenario_read_file(reader, element, "platform")))
    return false;
  out->head_host = rs_scenario_read_text(element, "head");
  if (out->head_host && !platform)
    return rs_scenario_fail_value(reader, element, "head", "names a host of a platform file; add platform=\"...\"");
  for (const xmlNode *at = rs_scenario_child(element, "nodes"); at; at = rs_scenario_next(at, "nodes")) {
    for (uint32_t i = 0; i < out->type_count; i++)
      if (strcmp(out->types[i].name, rs_scenario_get(at, "name")) == 0)
        return rs_scenario_fail_value(reader, at, "name", "names two node types; give each its own name");
    RS_GROW(out->types, out->type_count, cap);
    out->types[out->type_count] = (struct rs_scenario_node_type){0};
    if (!read_nodes(reader, at, platform, &out->types[out->type_count++]))
      return false;
  }
  const xmlNode *network = rs_scenario_child(element, "network"), *workers = rs_scenario_child(element, "workers");
  const xmlNode *costs = rs_scenario_child(element, "costs");
  if (network && platform)
    return rs_scenario_fail(reader, rs_scenario_line(network), "a platform file has its own network; remove <network>");
  if (network && !read_network(reader, network, &out->network))
    return false;
  out->worker_start_given = workers != NULL;
  if (workers && (!rs_scenario_read_time_dist(reader, workers, "start_time", &out->worker_start_ns) ||
                  !rs_scenario_dist_within(reader, workers, "start_time", &out->worker_start_ns, "0 s", "1 d")))
    return false;
  return !costs || (out->costs = rs_scenario_read_file(reader, costs, "file"));
}

/* ---- Policies, autoscaler ---------------------------------------------------------------------------------------- */

static bool read_policies(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_policies *out)
{
  uint32_t config_cap = 0;
  const struct rs_scenario_names *names = reader->names;
  const char *placement = rs_scenario_get(element, "placement");
  out->line = rs_scenario_line(element);
  out->placement_library = rs_policy_is_library(placement);
  if (out->placement_library) {
    if (!(out->placement = rs_scenario_read_file(reader, element, "placement")))
      return false;
  } else {
    out->placement = copy(placement);
    if (!rs_scenario_known(reader, rs_scenario_find(element, "placement"), "placement policy", placement,
                           names->policies))
      return false;
  }
  for (const xmlNode *at = rs_scenario_child(element, "config"); at; at = rs_scenario_next(at, "config")) {
    char why[RS_UNITS_WHY_BYTES] = "is not a value of this setting";
    const char *name = rs_scenario_get(at, "name"), *value = rs_scenario_get(at, "value");
    if (!rs_scenario_known(reader, rs_scenario_find(at, "name"), "setting", name, names->configs))
      return false;
    if (names->config_check && names->config_check(names->user, name, value, why, sizeof why))
      return rs_scenario_fail_at(reader, rs_scenario_find(at, "value"), "%s=\"%.60s\" %s", name, value, why);
    RS_GROW(out->configs, out->config_count, config_cap);
    out->configs[out->config_count++] = (struct rs_scenario_setting){copy(name), copy(value), rs_scenario_line(at)};
  }
  return true;
}

static bool read_autoscaler(struct rs_scenario_reader *reader, const xmlNode *element,
                            struct rs_scenario_autoscaler *out)
{
  out->enabled = true;
  out->line = rs_scenario_line(element);
  if (!rs_scenario_read_number(reader, element, "upscaling_speed", 0, 10000, &out->upscaling_speed) ||
      !rs_scenario_read_time(reader, element, "idle_timeout", &out->idle_timeout_ns) ||
      !rs_scenario_read_count(reader, element, "max_launches", 1, 1000000, &out->max_launches) ||
      !rs_scenario_read_time(reader, element, "interval", &out->interval_ns))
    return false;
  if (out->interval_ns < 100 * MS || out->interval_ns > DAY / 24)
    return rs_scenario_fail_value(reader, element, "interval", "is out of range; write \"100 ms\" to \"1 h\"");
  if (out->idle_timeout_ns > 1000 * DAY)
    return rs_scenario_fail_value(reader, element, "idle_timeout", "is out of range; write at most \"1000 d\"");
  return true;
}

/* ---- Faults ------------------------------------------------------------------------------------------------------ */

static bool read_rate(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, double *out)
{
  READ(rs_units_rate(text, out, why, sizeof why) ||
       (*out > 1000 && snprintf(why, sizeof why, "is too large; write at most \"1000/s\"") > 0));
}

static bool read_fault(struct rs_scenario_reader *reader, const xmlNode *element, enum rs_fault_kind kind,
                       struct rs_scenario_fault *out)
{
  const char *tag = (const char *)element->name;
  *out = (struct rs_scenario_fault){.kind = kind,
                                    .line = rs_scenario_line(element),
                                    .at_ns = RS_SCENARIO_NONE,
                                    .until_ns = RS_SCENARIO_NONE,
                                    .node = RS_SCENARIO_NONE,
                                    .type = rs_scenario_read_text(element, "type")};
  bool at = rs_scenario_find(element, "at") != NULL, rate = rs_scenario_find(element, "rate") != NULL;
  if (at == rate)
    return rs_scenario_fail(reader, out->line, "<%s> has %s; write either at=\"60 s\" or rate=\"0.1/h\"", tag,
                            at ? "both a time and a rate" : "neither a time nor a rate");
  if (rate && rs_scenario_find(element, "node"))
    return rs_scenario_fail_value(reader, element, "node", "goes with a time; a rate strikes nodes at random");
  out->comes_back = rs_scenario_find(element, "down_time") != NULL;
  if (!rs_scenario_read_time(reader, element, "at", &out->at_ns) ||
      !read_rate(reader, element, "rate", &out->rate_per_s) ||
      !rs_scenario_read_time(reader, element, "from", &out->from_ns) ||
      !rs_scenario_read_time_limit(reader, element, "until", &out->until_ns) ||
      !rs_scenario_read_count(reader, element, "node", 0, NODES_MAX, &out->node) ||
      !rs_scenario_read_count(reader, element, "count", 1, NODES_MAX, &out->count) ||
      !rs_scenario_read_time_dist(reader, element, "down_time", &out->down_ns) ||
      !rs_scenario_dist_within(reader, element, "down_time", &out->down_ns, "0 s", "3650 d"))
    return false;
  if (out->from_ns >= out->until_ns)
    return rs_scenario_fail_value(reader, element, "until", "is not after \"from\"; write a later time");
  if (out->node != RS_SCENARIO_NONE && out->count != 1)
    return rs_scenario_fail_value(reader, element, "count", "goes without \"node\"; leave one of them out");
  return true;
}

static bool read_faults(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario *out)
{
  static const char *const tags[] = {"node_down", "node_up", "worker_kill", "job_drop"};
  uint32_t cap = 0;
  for (const xmlNode *at = rs_scenario_child(element, NULL); at; at = rs_scenario_next(at, NULL))
    for (int kind = 0; kind < 4; kind++)
      if (strcmp((const char *)at->name, tags[kind]) == 0) {
        RS_GROW(out->faults, out->fault_count, cap);
        if (!read_fault(reader, at, (enum rs_fault_kind)kind, &out->faults[out->fault_count++]))
          return false;
      }
  return true;
}

/* ---- Sweeps, outputs, the whole ---------------------------------------------------------------------------------- */

static bool read_sweep(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_sweep *out)
{
  char why[RS_UNITS_WHY_BYTES];
  *out = (struct rs_scenario_sweep){.path = rs_scenario_read_text(element, "path"),
                                    .label = rs_scenario_read_text(element, "label"),
                                    .line = rs_scenario_line(element)};
  if (!out->label) {
    const char *at = strrchr(out->path, '@');
    out->label = copy(at ? at + 1 : out->path);
  }
  if (rs_units_list(rs_scenario_get(element, "values"), &out->values, &out->value_count, why, sizeof why))
    return rs_scenario_fail_value(reader, element, "values", why);
  for (uint32_t i = 0; i < out->value_count; i++)
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(out->values[i], out->values[j]) == 0)
        return rs_scenario_fail_value(reader, element, "values", "has the same value twice; keep one");
  return true;
}

static bool read_sweeps(struct rs_scenario_reader *reader, const xmlNode *root, struct rs_scenario *out)
{
  uint32_t cap = 0;
  uint64_t points = 1;
  for (const xmlNode *at = rs_scenario_child(root, "sweep"); at; at = rs_scenario_next(at, "sweep")) {
    for (uint32_t i = 0; i < out->sweep_count; i++)
      if (strcmp(out->sweeps[i].path, rs_scenario_get(at, "path")) == 0)
        return rs_scenario_fail_value(reader, at, "path", "is swept twice; keep one <sweep> for it");
    RS_GROW(out->sweeps, out->sweep_count, cap);
    if (!read_sweep(reader, at, &out->sweeps[out->sweep_count++]))
      return false;
    points *= out->sweeps[out->sweep_count - 1].value_count; /* a list has at most 1,024 entries: no overflow */
    if (points > POINTS_MAX)
      return rs_scenario_fail(reader, out->sweeps[out->sweep_count - 1].line,
                              "the sweeps make %llu runs with this one; at most %llu, use fewer values",
                              (unsigned long long)points, (unsigned long long)POINTS_MAX);
  }
  return true;
}

static bool read_outputs(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_outputs *out)
{
  if (rs_scenario_find(element, "directory")) {
    free(out->directory);
    out->directory = rs_scenario_read_text(element, "directory");
    if (!*out->directory)
      return rs_scenario_fail_value(reader, element, "directory", "is empty; name a folder");
  }
  out->tasks_csv = rs_scenario_read_bool(element, "tasks");
  if (!rs_scenario_read_count(reader, element, "timeline_events", 0, 1000000000, &out->timeline_events) ||
      !rs_scenario_read_count(reader, element, "timeline_nodes", 0, NODES_MAX, &out->timeline_nodes) ||
      !rs_scenario_read_time(reader, element, "sample_interval", &out->sample_interval_ns) ||
      !rs_scenario_within(reader, element, "sample_interval", out->sample_interval_ns, "1 ms", "30 d"))
    return false;
  return true;
}

static bool read_workloads(struct rs_scenario_reader *reader, const xmlNode *root, struct rs_scenario *out)
{
  uint32_t cap = 0;
  for (const xmlNode *at = rs_scenario_child(root, NULL); at; at = rs_scenario_next(at, NULL)) {
    const char *tag = (const char *)at->name;
    if (strcmp(tag, "tune") != 0 && strcmp(tag, "tasks") != 0 && strcmp(tag, "trace") != 0)
      continue;
    RS_GROW(out->workloads, out->workload_count, cap);
    out->workloads[out->workload_count] = (struct rs_scenario_workload){0};
    if (!rs_scenario_read_workload(reader, at, &out->workloads[out->workload_count++]))
      return false;
  }
  return true;
}

bool rs_scenario_read(struct rs_scenario_reader *reader)
{
  struct rs_scenario *out = reader->out;
  xmlNode *root = xmlDocGetRootElement(reader->doc);
  const xmlNode *element = root; /* for fail_value below */
  out->file = copy(reader->file);
  out->name = rs_scenario_read_text(root, "name");
  out->title = rs_scenario_read_text(root, "title");
  out->outputs.directory = join("results", 7, out->name);
  out->compare_tolerance = NAN;
  out->real = reader->options->real;
  out->real_time_scale = 1;
  if (strcmp(out->name, ".") == 0 || strcmp(out->name, "..") == 0)
    return rs_scenario_fail_value(reader, element, "name", "cannot name a folder; use a word");
  if (!rs_scenario_read_count(reader, root, "seed", 0, INT64_MAX / 2, &out->seed) ||
      !rs_scenario_read_count(reader, root, "repetitions", 1, 1000000, &out->repetitions) ||
      !rs_scenario_read_time_limit(reader, root, "time_limit", &out->time_limit_ns) ||
      !rs_scenario_within(reader, root, "time_limit", out->time_limit_ns, "1 ms", "36500 d"))
    return false;
  if (!read_cluster(reader, rs_scenario_child(root, "cluster"), &out->cluster) ||
      !read_policies(reader, rs_scenario_child(root, "policies"), &out->policies) ||
      !read_outputs(reader, rs_scenario_child(root, "outputs"), &out->outputs))
    return false;
  if ((element = rs_scenario_child(root, "autoscaler")) && !read_autoscaler(reader, element, &out->autoscaler))
    return false;
  if (!read_workloads(reader, root, out) || !read_sweeps(reader, root, out))
    return false;
  if ((element = rs_scenario_child(root, "stragglers")) &&
      (!rs_scenario_read_number(reader, element, "sd", 0, 1000, &out->straggler_sd) ||
       !rs_scenario_read_share(reader, element, "fraction", &out->straggler_fraction)))
    return false;
  if ((element = rs_scenario_child(root, "faults")) && !read_faults(reader, element, out))
    return false;
  if ((element = rs_scenario_child(root, "compare")) &&
      !rs_scenario_read_share(reader, element, "tolerance", &out->compare_tolerance))
    return false;
  double time_scale = 1;
  if ((element = rs_scenario_child(root, "real"))) {
    out->real_given = true;
    out->real_spin = strcmp(rs_scenario_get(element, "work"), "spin") == 0;
    if (!rs_scenario_read_number(reader, element, "time_scale", 1e-6, 1e6, &time_scale))
      return false;
  }
  if (out->real)
    out->real_time_scale = time_scale;
  return true;
}
