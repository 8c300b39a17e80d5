/* scenario.c -- loading a scenario: the order of the steps, the first message, and the release of everything.
 *
 * A scenario with sweeps is read once more for each value of each sweep, alone, so that a wrong value is found before
 * anything runs. O(bytes x (1 + values)).
 */
#include "sim/scenario.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/scenario_int.h"

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static void vfail(struct rs_scenario_reader *reader, uint32_t line, const char *by, const char *format, va_list list)
{
  char text[RS_SCENARIO_ERROR_BYTES], note[64];
  if (reader->failed)
    return;
  reader->failed = true;
  vsnprintf(text, sizeof text, format, list);
  for (char *at = text; *at; at++) /* one line, whatever the input held */
    if ((unsigned char)*at < ' ' || *at == 127)
      *at = ' ';
  if (!reader->error_bytes)
    return;
  const char *close = "";
  if (by && reader->sweep_line && strcmp(by, "sweep") == 0) {
    line = reader->sweep_line;
    close = " (a value of this <sweep>)";
    by = NULL;
  } else if (reader->sweep_line && line != reader->sweep_line) {
    snprintf(note, sizeof note, " (with a value of the <sweep> on line %u)", reader->sweep_line);
    close = note;
  }
  if (by)
    snprintf(note, sizeof note, " (given by %.20s)", by);
  if (by)
    close = note;
  if (line)
    snprintf(reader->error, reader->error_bytes, "%s:%u: %s%s", reader->file, line, text, close);
  else
    snprintf(reader->error, reader->error_bytes, "%s: %s%s", reader->file, text, close);
}

bool rs_scenario_fail(struct rs_scenario_reader *reader, uint32_t line, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  vfail(reader, line, NULL, format, list);
  va_end(list);
  return false;
}

bool rs_scenario_fail_at(struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *format, ...)
{
  const char *by = NULL;
  for (uint32_t i = 0; i < reader->origin_count; i++)
    if (reader->origins[i].attribute == attribute)
      by = reader->origins[i].by;
  va_list list;
  va_start(list, format);
  vfail(reader, by ? rs_scenario_line(attribute->parent) : rs_scenario_attribute_line(attribute), by, format, list);
  va_end(list);
  return false;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

static void silent(void *data, const char *format, ...)
{
  (void)data;
  (void)format;
}

static void silent_structured(void *data, xmlErrorPtr error)
{
  (void)data;
  (void)error;
}

/* A point of a sweep is a scenario without that sweep. */
static void drop_swept(struct rs_scenario_reader *reader)
{
  xmlNode *root = xmlDocGetRootElement(reader->doc);
  for (size_t i = 0; i < reader->options->override_count; i++) {
    const struct rs_scenario_override *given = &reader->options->overrides[i];
    if (!given->origin || strcmp(given->origin, "sweep") != 0)
      continue;
    for (xmlNode *at = rs_scenario_child(root, "sweep"), *next; at; at = next) {
      next = rs_scenario_next(at, "sweep");
      const char *path = rs_scenario_get(at, "path");
      if (!path || strcmp(path, given->path) != 0)
        continue;
      xmlUnlinkNode(at);
      xmlFreeNode(at);
    }
  }
}

static bool dump(struct rs_scenario_reader *reader)
{
  xmlChar *text = NULL;
  int bytes = 0;
  xmlDocDumpFormatMemoryEnc(reader->doc, &text, &bytes, "UTF-8", 0);
  if (!text)
    return rs_scenario_fail(reader, 0, "no memory for a copy of the scenario; free some");
  reader->out->xml = rs_memdup(text, (size_t)bytes + 1);
  reader->out->xml_bytes = (size_t)bytes;
  xmlFree(text);
  return true;
}

static struct rs_scenario *parse(const char *text, size_t bytes, const char *path,
                                 const struct rs_scenario_options *options, uint32_t sweep_line, char *error,
                                 size_t error_bytes)
{
  static const struct rs_scenario_names no_names = {0};
  struct rs_scenario_reader reader = {.file = path,
                                      .error = error,
                                      .error_bytes = error_bytes,
                                      .options = options,
                                      .sweep_line = sweep_line,
                                      .names = options->names ? options->names : &no_names};
  reader.out = rs_alloc_zero(1, sizeof *reader.out);
  bool good = rs_scenario_parse_text(&reader, text, bytes) && rs_scenario_schema_open(&reader) &&
              (!options->real || rs_scenario_apply_real(&reader)) && rs_scenario_apply_overrides(&reader);
  if (good)
    drop_swept(&reader);
  good = good && rs_scenario_schema_check(&reader) && rs_scenario_read(&reader) && rs_scenario_check(&reader) &&
         dump(&reader);
  xmlFreeDoc(reader.doc);
  xmlFreeDoc(reader.schema);
  free(reader.origins);
  if (good)
    return reader.out;
  rs_scenario_free(reader.out);
  return NULL;
}

/* Reads the scenario with each value of each sweep. The message gets the line of its <sweep>. */
static bool try_sweeps(const struct rs_scenario *scenario, const char *text, size_t bytes, const char *path,
                       const struct rs_scenario_options *options, char *error, size_t error_bytes)
{
  size_t count = options->override_count;
  struct rs_scenario_override *overrides = rs_alloc_zero(count + 1, sizeof *overrides);
  if (count)
    memcpy(overrides, options->overrides, count * sizeof *overrides);
  struct rs_scenario_options with = *options;
  with.overrides = overrides;
  with.override_count = count + 1;
  bool good = true;
  for (uint32_t i = 0; good && i < scenario->sweep_count; i++)
    for (uint32_t j = 0; good && j < scenario->sweeps[i].value_count; j++) {
      const struct rs_scenario_sweep *sweep = &scenario->sweeps[i];
      overrides[count] = (struct rs_scenario_override){sweep->path, sweep->values[j], "sweep"};
      struct rs_scenario *point = parse(text, bytes, path, &with, sweep->line, error, error_bytes);
      good = point != NULL;
      rs_scenario_free(point);
    }
  free(overrides);
  return good;
}

struct rs_scenario *rs_scenario_parse(const char *text, size_t bytes, const char *path,
                                      const struct rs_scenario_options *options, char *error, size_t error_bytes)
{
  static const struct rs_scenario_options no_options = {0};
  RS_ASSERT(text && path && (error || error_bytes == 0));
  if (!options)
    options = &no_options;
  xmlInitParser();
  /* libxml2's messages go to per-thread handlers: ours see them all, nothing reaches stderr. */
  xmlGenericErrorFunc old_generic = xmlGenericError;
  void *old_generic_data = xmlGenericErrorContext, *old_structured_data = xmlStructuredErrorContext;
  xmlStructuredErrorFunc old_structured = xmlStructuredError;
  xmlSetGenericErrorFunc(NULL, silent);
  xmlSetStructuredErrorFunc(NULL, silent_structured);
  struct rs_scenario *scenario = parse(text, bytes, path, options, 0, error, error_bytes);
  if (scenario && scenario->sweep_count && !try_sweeps(scenario, text, bytes, path, options, error, error_bytes)) {
    rs_scenario_free(scenario);
    scenario = NULL;
  }
  xmlSetGenericErrorFunc(old_generic_data, old_generic);
  xmlSetStructuredErrorFunc(old_structured_data, old_structured);
  return scenario;
}

struct rs_scenario *rs_scenario_load(const char *path, const struct rs_scenario_options *options, char *error,
                                     size_t error_bytes)
{
  RS_ASSERT(path && (error || error_bytes == 0));
  struct rs_scenario_reader reader = {.file = path, .error = error, .error_bytes = error_bytes};
  FILE *file = fopen(path, "re");
  if (!file) {
    rs_scenario_fail(&reader, 0,
                     "there is no such file, or it cannot be read; name a scenario such as scenarios/asha.xml");
    return NULL;
  }
  char *text = rs_alloc(RS_SCENARIO_FILE_BYTES_MAX + 2);
  size_t bytes = fread(text, 1, RS_SCENARIO_FILE_BYTES_MAX + 1, file);
  bool failed = ferror(file) != 0;
  fclose(file);
  struct rs_scenario *scenario = NULL;
  if (failed)
    rs_scenario_fail(&reader, 0, "it cannot be read; name a file, not a folder");
  else
    scenario = rs_scenario_parse(text, bytes, path, options, error, error_bytes);
  free(text);
  return scenario;
}

/* ---- Sweeps ------------------------------------------------------------------------------------------------------ */

uint64_t rs_scenario_points(const struct rs_scenario *scenario)
{
  uint64_t points = 1;
  for (uint32_t i = 0; i < scenario->sweep_count; i++)
    points *= scenario->sweeps[i].value_count;
  return points;
}

void rs_scenario_point(const struct rs_scenario *scenario, uint64_t index, struct rs_scenario_override *out)
{
  RS_ASSERT(index < rs_scenario_points(scenario));
  for (uint32_t i = scenario->sweep_count; i-- > 0;) {
    const struct rs_scenario_sweep *sweep = &scenario->sweeps[i];
    out[i] = (struct rs_scenario_override){sweep->path, sweep->values[index % sweep->value_count], "sweep"};
    index /= sweep->value_count;
  }
}

/* ---- Release ----------------------------------------------------------------------------------------------------- */

static void free_extras(struct rs_scenario_resource *resources, uint32_t resource_count,
                        struct rs_scenario_label *labels, uint32_t label_count)
{
  for (uint32_t i = 0; i < resource_count; i++)
    free(resources[i].name);
  free(resources);
  for (uint32_t i = 0; i < label_count; i++) {
    free(labels[i].key);
    free(labels[i].value);
  }
  free(labels);
}

static void free_demand(struct rs_scenario_demand *demand)
{
  free_extras(demand->resources, demand->resource_count, demand->labels, demand->label_count);
}

static void free_texts(char **texts, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    free(texts[i]);
  free(texts);
}

static void free_cluster(struct rs_scenario_cluster *cluster)
{
  for (uint32_t i = 0; i < cluster->type_count; i++) {
    struct rs_scenario_node_type *type = &cluster->types[i];
    free(type->name);
    free(type->hosts);
    free_extras(type->resources, type->resource_count, type->labels, type->label_count);
  }
  free(cluster->types);
  free(cluster->platform);
  free(cluster->head_host);
  free(cluster->costs);
}

static void free_tune(struct rs_scenario_tune *tune)
{
  free_texts(tune->schedulers, tune->scheduler_count);
  free(tune->metric);
  free_demand(&tune->demand);
  free(tune->curves);
  free(tune->function);
  free(tune->task);
  for (uint32_t i = 0; i < tune->param_count; i++) {
    free(tune->params[i].name);
    free_texts(tune->params[i].values, tune->params[i].value_count);
    free(tune->params[i].numbers);
  }
  free(tune->params);
}

static void free_workload(struct rs_scenario_workload *workload)
{
  free(workload->name);
  switch (workload->kind) {
  case RS_WORKLOAD_TUNE: free_tune(&workload->tune); break;
  case RS_WORKLOAD_TASKS:
    free_demand(&workload->tasks.demand);
    free(workload->tasks.topology);
    break;
  case RS_WORKLOAD_TRACE:
    free(workload->trace.file);
    for (int i = 0; i < RS_TRACE_FIELDS; i++)
      free(workload->trace.columns[i].name);
    break;
  }
}

void rs_scenario_free(struct rs_scenario *scenario)
{
  if (!scenario)
    return;
  free(scenario->file);
  free(scenario->name);
  free(scenario->title);
  free_cluster(&scenario->cluster);
  free(scenario->policies.placement);
  for (uint32_t i = 0; i < scenario->policies.config_count; i++) {
    free(scenario->policies.configs[i].name);
    free(scenario->policies.configs[i].value);
  }
  free(scenario->policies.configs);
  for (uint32_t i = 0; i < scenario->workload_count; i++)
    free_workload(&scenario->workloads[i]);
  free(scenario->workloads);
  for (uint32_t i = 0; i < scenario->fault_count; i++)
    free(scenario->faults[i].type);
  free(scenario->faults);
  for (uint32_t i = 0; i < scenario->sweep_count; i++) {
    free(scenario->sweeps[i].path);
    free(scenario->sweeps[i].label);
    free_texts(scenario->sweeps[i].values, scenario->sweeps[i].value_count);
  }
  free(scenario->sweeps);
  free(scenario->outputs.directory);
  free(scenario->xml);
  free(scenario);
}

const char *rs_scenario_place(const struct rs_scenario *scenario, uint32_t line, char out[RS_SCENARIO_PLACE_BYTES])
{
  if (line)
    snprintf(out, RS_SCENARIO_PLACE_BYTES, "%.380s:%u", scenario->file, line);
  else
    snprintf(out, RS_SCENARIO_PLACE_BYTES, "%.380s (--set)", scenario->file);
  return out;
}
