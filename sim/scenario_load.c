/* scenario_load.c -- the workloads of a scenario: <tune>, <tasks>, <trace>. O(elements), plus one line of a trace file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "lib/load/replay.h"
#include "sim/scenario_int.h"
#include "sim/units.h"

#define EPOCHS_MAX UINT64_C(1000000000)
#define TASKS_MAX UINT64_C(10000000000)
#define HEADER_BYTES_MAX 65536

static char *copy(const char *text)
{
  return rs_memdup(text, strlen(text) + 1);
}

static bool read_demand(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_demand *out)
{
  *out = (struct rs_scenario_demand){.cpu_e4 = RS_SCENARIO_UNIT};
  if (!element)
    return true;
  if (!rs_scenario_read_amount(reader, element, "cpus", &out->cpu_e4) ||
      !rs_scenario_read_amount(reader, element, "gpus", &out->gpu_e4) ||
      !rs_scenario_read_size(reader, element, "memory", &out->memory_bytes))
    return false;
  if (out->gpu_e4 > RS_SCENARIO_UNIT && out->gpu_e4 % RS_SCENARIO_UNIT != 0)
    return rs_scenario_fail_value(reader, element, "gpus",
                                  "is a fraction above one device; write a share under 1 or whole devices");
  return rs_scenario_read_extras(reader, element, &out->resources, &out->resource_count, &out->labels,
                                 &out->label_count);
}

/* ---- Tune -------------------------------------------------------------------------------------------------------- */

static bool read_schedulers(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tune *out)
{
  char why[RS_UNITS_WHY_BYTES];
  if (rs_units_list(rs_scenario_get(element, "schedulers"), &out->schedulers, &out->scheduler_count, why, sizeof why))
    return rs_scenario_fail_value(reader, element, "schedulers", why);
  for (uint32_t i = 0; i < out->scheduler_count; i++) {
    if (!rs_scenario_known(reader, rs_scenario_find(element, "schedulers"), "scheduler", out->schedulers[i],
                           reader->names->schedulers))
      return false;
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(out->schedulers[i], out->schedulers[j]) == 0)
        return rs_scenario_fail_value(reader, element, "schedulers", "has the same scheduler twice; keep one");
  }
  return true;
}

static bool read_curves(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tune *out)
{
  const char *source = rs_scenario_get(element, "source");
  bool function = strcmp(source, "function") == 0;
  const char *need = function ? "function" : "file", *other = function ? "file" : "function";
  out->source = function ? RS_CURVE_FUNCTION : strcmp(source, "recorded") == 0 ? RS_CURVE_RECORDED : RS_CURVE_MODEL;
  if (!rs_scenario_find(element, need))
    return rs_scenario_fail(reader, rs_scenario_line(element),
                            "<curves source=\"%s\"> needs the attribute %s; write %s=\"...\"", source, need, need);
  if (rs_scenario_find(element, other))
    return rs_scenario_fail_at(reader, rs_scenario_find(element, other), "%s goes without source=\"%s\"; remove it",
                               other, source);
  out->task = rs_scenario_read_text(element, "task");
  out->epoch_by_curve = rs_scenario_read_bool(element, "epoch_by_curve");
  if (function && (out->task || out->epoch_by_curve))
    return rs_scenario_fail(reader, rs_scenario_line(element),
                            "task and epoch_by_curve belong to recorded curves; remove them from source=\"function\"");
  if (!rs_scenario_read_time_dist(reader, element, "epoch_time", &out->epoch_ns) ||
      !rs_scenario_dist_within(reader, element, "epoch_time", &out->epoch_ns, "0 s", "3650 d") ||
      !rs_scenario_read_size(reader, element, "checkpoint", &out->checkpoint_bytes) ||
      !rs_scenario_within(reader, element, "checkpoint", out->checkpoint_bytes, "0 B", "1024 TiB"))
    return false;
  if (out->epoch_ns.kind == RS_DIST_CONSTANT && !(out->epoch_ns.a > 0))
    return rs_scenario_fail_value(reader, element, "epoch_time", "is no time at all; write more than 0");
  if (function) {
    out->function = rs_scenario_read_text(element, "function");
    return rs_scenario_known(reader, rs_scenario_find(element, "function"), "training function", out->function,
                             reader->names->functions);
  }
  return (out->curves = rs_scenario_read_file(reader, element, "file")) != NULL;
}

static bool read_params(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tune *out)
{
  uint32_t cap = 0;
  for (const xmlNode *at = rs_scenario_child(element, "param"); at; at = rs_scenario_next(at, "param")) {
    char why[RS_UNITS_WHY_BYTES];
    const char *name = rs_scenario_get(at, "name");
    for (uint32_t i = 0; i < out->param_count; i++)
      if (strcmp(out->params[i].name, name) == 0)
        return rs_scenario_fail_value(reader, at, "name", "names two parameters; keep one");
    RS_GROW(out->params, out->param_count, cap);
    struct rs_scenario_param *param = &out->params[out->param_count++];
    *param = (struct rs_scenario_param){.name = copy(name), .line = rs_scenario_line(at)};
    if (rs_units_space(rs_scenario_get(at, "space"), param, why, sizeof why))
      return rs_scenario_fail_value(reader, at, "space", why);
  }
  return true;
}

static bool read_tune(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tune *out)
{
  uint64_t eta = 0;
  out->metric = rs_scenario_read_text(element, "metric");
  out->mode = strcmp(rs_scenario_get(element, "mode"), "max") == 0 ? RS_MODE_MAX : RS_MODE_MIN;
  if (!read_schedulers(reader, element, out) || !rs_scenario_read_count(reader, element, "eta", 2, 1000, &eta) ||
      !rs_scenario_read_count(reader, element, "r_max", 1, EPOCHS_MAX, &out->r_max) ||
      !rs_scenario_read_count(reader, element, "r_min", 1, EPOCHS_MAX, &out->r_min) ||
      !rs_scenario_read_count(reader, element, "grace", 1, EPOCHS_MAX, &out->grace) ||
      !rs_scenario_read_count(reader, element, "brackets", 0, 64, &out->brackets) ||
      !rs_scenario_read_count(reader, element, "bracket_size", 0, 1u << 24, &out->bracket_size) ||
      !rs_scenario_read_count_limit(reader, element, "num_samples", 1, EPOCHS_MAX, &out->num_samples) ||
      !rs_scenario_read_count_limit(reader, element, "concurrency", 1, EPOCHS_MAX, &out->concurrency) ||
      !rs_scenario_read_count_limit(reader, element, "max_failures", 0, EPOCHS_MAX, &out->max_failures) ||
      !rs_scenario_read_count(reader, element, "epochs_per_call", 0, EPOCHS_MAX, &out->epochs_per_call) ||
      !rs_scenario_read_time_limit(reader, element, "time_budget", &out->time_budget_ns) ||
      !rs_scenario_within(reader, element, "time_budget", out->time_budget_ns, "1 ms", "36500 d"))
    return false;
  out->eta = (uint32_t)eta;
  out->reuse_actors = rs_scenario_read_bool(element, "reuse_actors");
  if (out->r_min > out->r_max)
    return rs_scenario_fail_value(reader, element, "r_min", "is more than r_max; write at most r_max");
  if (out->grace > out->r_max)
    return rs_scenario_fail_value(reader, element, "grace", "is more than r_max; write at most r_max");
  if (out->num_samples == RS_SCENARIO_NONE && out->time_budget_ns == RS_SCENARIO_NONE)
    return rs_scenario_fail_value(reader, element, "num_samples", "never ends; give a number or a time_budget");
  return read_demand(reader, rs_scenario_child(element, "resources"), &out->demand) &&
         read_curves(reader, rs_scenario_child(element, "curves"), out) && read_params(reader, element, out);
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

static bool read_objects(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tasks *out)
{
  const char *placement = rs_scenario_get(element, "placement");
  out->object_place = strcmp(placement, "driver") == 0   ? RS_OBJECTS_DRIVER
                      : strcmp(placement, "random") == 0 ? RS_OBJECTS_RANDOM
                                                         : RS_OBJECTS_SPREAD;
  if (!rs_scenario_read_count(reader, element, "count", 1, TASKS_MAX, &out->object_count) ||
      !rs_scenario_read_size_dist(reader, element, "size", &out->object_bytes) ||
      !rs_scenario_dist_within(reader, element, "size", &out->object_bytes, "0 B", "1024 TiB") ||
      !rs_scenario_read_count(reader, element, "per_task", 1, 10000, &out->objects_per_task))
    return false;
  if (out->objects_per_task > out->object_count)
    return rs_scenario_fail_value(reader, element, "per_task", "is more than the pool has; write at most count");
  return true;
}

static bool read_group(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tasks *out)
{
  static const char *const strategies[] = {"pack", "spread", "strict_pack", "strict_spread"};
  if (!rs_scenario_read_count(reader, element, "group", 0, 1024, &out->group))
    return false;
  const char *strategy = rs_scenario_get(element, "group_strategy"), *topology = rs_scenario_get(element, "topology");
  while (strcmp(strategies[out->group_strategy], strategy) != 0)
    out->group_strategy++;
  out->topology = strcmp(topology, "none") != 0 ? strdup(topology) : NULL;
  if (out->topology && out->group == 0)
    return rs_scenario_fail_value(reader, element, "topology", "is of a placement group; give group as well");
  return true;
}

static bool read_stream(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tasks *out)
{
  if (!rs_scenario_read_count(reader, element, "items", 1, RS_REPLAY_YIELDS_MAX, &out->items) ||
      !rs_scenario_read_size_dist(reader, element, "size", &out->item_bytes) ||
      !rs_scenario_dist_within(reader, element, "size", &out->item_bytes, "0 B", "1024 TiB") ||
      !rs_scenario_read_count(reader, element, "backpressure", 0, RS_REPLAY_YIELDS_MAX, &out->backpressure) ||
      !rs_scenario_read_time(reader, element, "read_time", &out->read_ns) ||
      !rs_scenario_within(reader, element, "read_time", out->read_ns, "0 s", "1 d"))
    return false;
  const xmlNode *tasks = element->parent;
  if (out->graph != RS_GRAPH_NONE)
    return rs_scenario_fail_value(reader, tasks, "graph",
                                  "needs results, and tasks with a <stream> have none; remove one of them");
  if (out->return_bytes.kind != RS_DIST_CONSTANT || out->return_bytes.a > 0)
    return rs_scenario_fail_value(reader, tasks, "return_size",
                                  "is of a result, and tasks with a <stream> have none; remove it");
  return true;
}

static bool read_tasks(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_tasks *out)
{
  char why[RS_UNITS_WHY_BYTES];
  if (!rs_scenario_read_count(reader, element, "count", 1, TASKS_MAX, &out->count) ||
      !rs_scenario_read_count(reader, element, "drivers", 1, 1000000, &out->drivers) ||
      !rs_scenario_read_count(reader, element, "keys", 1, 1000000, &out->keys) ||
      !rs_scenario_read_time_dist(reader, element, "duration", &out->duration_ns) ||
      !rs_scenario_dist_within(reader, element, "duration", &out->duration_ns, "0 s", "3650 d") ||
      !rs_scenario_read_size_dist(reader, element, "arg_size", &out->arg_bytes) ||
      !rs_scenario_dist_within(reader, element, "arg_size", &out->arg_bytes, "0 B", "16 MiB") ||
      !rs_scenario_read_size_dist(reader, element, "return_size", &out->return_bytes) ||
      !rs_scenario_dist_within(reader, element, "return_size", &out->return_bytes, "0 B", "1024 TiB") ||
      !rs_scenario_read_count_limit(reader, element, "max_retries", 0, 1000000, &out->max_retries) ||
      !rs_scenario_read_share(reader, element, "fail_probability", &out->fail_probability))
    return false;
  if (rs_units_arrival(rs_scenario_get(element, "arrival"), &out->arrival, why, sizeof why))
    return rs_scenario_fail_value(reader, element, "arrival", why);
  if (rs_units_graph(rs_scenario_get(element, "graph"), &out->graph, &out->width, &out->window, why, sizeof why))
    return rs_scenario_fail_value(reader, element, "graph", why);
  out->spread_strategy = strcmp(rs_scenario_get(element, "strategy"), "spread") == 0;
  out->retry_exceptions = rs_scenario_read_bool(element, "retry_exceptions");
  if (!read_group(reader, element, out))
    return false;
  if (out->drivers > out->count)
    return rs_scenario_fail_value(reader, element, "drivers", "is more than there are tasks; write at most count");
  if (out->fail_probability >= 1 && out->retry_exceptions && out->max_retries == RS_SCENARIO_NONE)
    return rs_scenario_fail_value(reader, element, "fail_probability", "never lets a task end; write less than 1");
  const xmlNode *objects = rs_scenario_child(element, "objects");
  const xmlNode *stream = rs_scenario_child(element, "stream");
  return read_demand(reader, rs_scenario_child(element, "resources"), &out->demand) &&
         (!objects || read_objects(reader, objects, out)) && (!stream || read_stream(reader, stream, out));
}

/* ---- Trace ------------------------------------------------------------------------------------------------------- */

static const char *const field_names[RS_TRACE_FIELDS] = {"arrival", "duration", "cpus", "gpus", "memory", "name"};

/* The factor from a cell to the field's own unit. */
static bool read_unit(struct rs_scenario_reader *reader, const xmlNode *element, enum rs_trace_field field,
                      struct rs_scenario_column *out)
{
  static const char *const amounts[] = {"1", "milli", "%"};
  char text[64], why[RS_UNITS_WHY_BYTES];
  const char *unit = rs_scenario_get(element, "unit");
  uint64_t one;
  out->scale = 1;
  switch (field) {
  case RS_TRACE_ARRIVAL:
  case RS_TRACE_DURATION:
    out->timestamp = unit && field == RS_TRACE_ARRIVAL && strcmp(unit, "timestamp") == 0;
    snprintf(text, sizeof text, "1 %.40s", unit ? unit : "");
    if (!out->timestamp && (!unit || rs_units_time(text, &one, why, sizeof why)))
      return rs_scenario_fail(reader, rs_scenario_line(element),
                              "the column of \"%s\" needs its unit; write unit=\"s\" (ns, us, ms, s, min, h, d%s)",
                              field_names[field], field == RS_TRACE_ARRIVAL ? ", timestamp" : "");
    out->scale = out->timestamp ? 1 : (double)one;
    return true;
  case RS_TRACE_MEMORY:
    snprintf(text, sizeof text, "1 %.40s", unit ? unit : "");
    if (!unit || rs_units_size(text, &one, why, sizeof why))
      return rs_scenario_fail(
          reader, rs_scenario_line(element),
          "the column of \"memory\" needs its unit; write unit=\"MiB\" (B, KB, KiB, MB, MiB, GB, GiB)");
    out->scale = (double)one;
    return true;
  case RS_TRACE_CPUS:
  case RS_TRACE_GPUS:
    out->scale = (double)RS_SCENARIO_UNIT;
    if (!unit || strcmp(unit, amounts[0]) == 0)
      return true;
    out->scale = strcmp(unit, amounts[1]) == 0 ? out->scale / 1000 : out->scale / 100;
    if (strcmp(unit, amounts[1]) != 0 && strcmp(unit, amounts[2]) != 0)
      return rs_scenario_fail_value(reader, element, "unit", "counts no resource; write \"1\", \"milli\" or \"%\"");
    return true;
  case RS_TRACE_NAME:
    if (unit)
      return rs_scenario_fail_value(reader, element, "unit", "goes with a number; a name has none, remove it");
    return true;
  case RS_TRACE_FIELDS: break;
  }
  return false;
}

/* A constant instead of a column, in the field's own unit. */
static bool read_constant(struct rs_scenario_reader *reader, const xmlNode *element, enum rs_trace_field field,
                          struct rs_scenario_column *out)
{
  uint64_t number = 0;
  int64_t amount = 0;
  if (rs_scenario_find(element, "unit"))
    return rs_scenario_fail_value(reader, element, "unit", "goes with a column; write the unit into the value");
  switch (field) {
  case RS_TRACE_DURATION:
  case RS_TRACE_ARRIVAL:
    if (!rs_scenario_read_time(reader, element, "value", &number))
      return false;
    break;
  case RS_TRACE_MEMORY:
    if (!rs_scenario_read_size(reader, element, "value", &number))
      return false;
    break;
  case RS_TRACE_CPUS:
  case RS_TRACE_GPUS:
    if (!rs_scenario_read_amount(reader, element, "value", &amount))
      return false;
    break;
  case RS_TRACE_NAME: return rs_scenario_fail_value(reader, element, "value", "names no column; write name=\"...\"");
  case RS_TRACE_FIELDS: return false;
  }
  out->value = (double)number + (double)amount;
  return true;
}

/* Is `name` one of the header's cells? Cells may stand in double quotes. */
static bool header_has(const char *header, char delimiter, const char *name)
{
  size_t length = strlen(name);
  for (const char *at = header; *at;) {
    const char *end = strchr(at, delimiter);
    size_t cell = end ? (size_t)(end - at) : strlen(at);
    const char *next = end ? end + 1 : at + cell;
    if (cell >= 2 && *at == '"' && at[cell - 1] == '"') {
      at++;
      cell -= 2;
    }
    if (cell == length && memcmp(at, name, length) == 0)
      return true;
    at = next;
  }
  return false;
}

/* Looks the columns up in the file's first line. A compressed file is left to its reader. */
static bool check_header(struct rs_scenario_reader *reader, const struct rs_scenario_trace *trace)
{
  size_t length = strlen(trace->file);
  if (length > 3 && strcmp(trace->file + length - 3, ".gz") == 0)
    return true;
  FILE *file = fopen(trace->file, "re");
  if (!file)
    return rs_scenario_fail(reader, 0, "%.300s cannot be opened; check its permissions", trace->file);
  char *header = rs_alloc_zero(HEADER_BYTES_MAX, 1);
  bool read = fgets(header, HEADER_BYTES_MAX, file) != NULL, good = true;
  fclose(file);
  header[strcspn(header, "\r\n")] = 0;
  const char *start = strncmp(header, "\xEF\xBB\xBF", 3) == 0 ? header + 3 : header; /* a byte order mark */
  if (!read || !*start)
    good = rs_scenario_fail(reader, 0, "%.300s is empty; a trace begins with a line of column names", trace->file);
  for (int i = 0; good && i < RS_TRACE_FIELDS; i++) {
    const struct rs_scenario_column *column = &trace->columns[i];
    if (column->given && column->name && !header_has(start, trace->delimiter, column->name))
      good = rs_scenario_fail(reader, column->line, "%.200s has no column \"%.60s\"; its first line is \"%.200s\"",
                              trace->file, column->name, start);
  }
  free(header);
  return good;
}

static bool read_column(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_trace *out)
{
  int field = 0;
  while (strcmp(field_names[field], rs_scenario_get(element, "field")) != 0)
    field++;
  struct rs_scenario_column *column = &out->columns[field];
  if (column->given)
    return rs_scenario_fail_value(reader, element, "field", "has two columns; keep one");
  column->given = true;
  column->line = rs_scenario_line(element);
  column->name = rs_scenario_read_text(element, "name");
  if ((column->name != NULL) == (rs_scenario_find(element, "value") != NULL))
    return rs_scenario_fail(
        reader, column->line, "<column field=\"%s\"> has %s; write either name=\"...\" or value=\"...\"",
        field_names[field], column->name ? "both a name and a value" : "neither a name nor a value");
  return column->name ? read_unit(reader, element, (enum rs_trace_field)field, column)
                      : read_constant(reader, element, (enum rs_trace_field)field, column);
}

static bool read_trace(struct rs_scenario_reader *reader, const xmlNode *element, struct rs_scenario_trace *out)
{
  const char *delimiter = rs_scenario_get(element, "delimiter");
  if (strcmp(delimiter, "tab") == 0)
    delimiter = "\t";
  if (strlen(delimiter) != 1 || *delimiter == '"')
    return rs_scenario_fail_value(reader, element, "delimiter", "is not one character; write \",\", \";\" or \"tab\"");
  out->delimiter = *delimiter;
  if (!rs_scenario_read_count(reader, element, "skip", 0, TASKS_MAX, &out->skip_rows) ||
      !rs_scenario_read_count_limit(reader, element, "rows", 1, TASKS_MAX, &out->max_rows) ||
      !rs_scenario_read_number(reader, element, "arrival_scale", 0, 1e9, &out->arrival_scale) ||
      !rs_scenario_read_number(reader, element, "duration_scale", 1e-9, 1e9, &out->duration_scale) ||
      !rs_scenario_read_count(reader, element, "drivers", 1, 1000000, &out->drivers) ||
      !rs_scenario_read_count_limit(reader, element, "max_retries", 0, 1000000, &out->max_retries))
    return false;
  for (const xmlNode *at = rs_scenario_child(element, "column"); at; at = rs_scenario_next(at, "column"))
    if (!read_column(reader, at, out))
      return false;
  for (int i = 0; i <= RS_TRACE_DURATION; i++)
    if (!out->columns[i].given)
      return rs_scenario_fail(reader, rs_scenario_line(element),
                              "<trace> does not say where the %s is; add <column field=\"%s\" .../>", field_names[i],
                              field_names[i]);
  if (!(out->file = rs_scenario_read_file(reader, element, "file")))
    return false;
  return check_header(reader, out);
}

/* ---- All --------------------------------------------------------------------------------------------------------- */

bool rs_scenario_read_workload(struct rs_scenario_reader *reader, const xmlNode *element,
                               struct rs_scenario_workload *out)
{
  const char *tag = (const char *)element->name;
  out->line = rs_scenario_line(element);
  out->name = rs_scenario_read_text(element, "name");
  out->kind = strcmp(tag, "tune") == 0    ? RS_WORKLOAD_TUNE
              : strcmp(tag, "tasks") == 0 ? RS_WORKLOAD_TASKS
                                          : RS_WORKLOAD_TRACE;
  if (!rs_scenario_read_time(reader, element, "start", &out->start_ns))
    return false;
  switch (out->kind) {
  case RS_WORKLOAD_TUNE: return read_tune(reader, element, &out->tune);
  case RS_WORKLOAD_TASKS: return read_tasks(reader, element, &out->tasks);
  case RS_WORKLOAD_TRACE: return read_trace(reader, element, &out->trace);
  }
  return false;
}
