/* compare_read.c -- result folders for a comparison: the summary, the task rows, the scenario, and whether two match.
 */
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/compare_int.h"
#include "sim/results_csv.h"
#include "sim/results_json.h"
#include "sim/results_out.h"
#include "sim/units.h"

/* ---- task rows ---- */

/* Seconds with up to nine decimals, exact; RS_TIME_NEVER for an empty field. */
static uint64_t seconds(const char *text)
{
  if (!*text)
    return RS_TIME_NEVER;
  char *end;
  uint64_t ns = strtoull(text, &end, 10) * RS_S;
  if (*end != '.')
    return ns;
  uint64_t digit = RS_S / 10;
  for (end++; *end >= '0' && *end <= '9'; end++, digit /= 10)
    ns += (uint64_t)(*end - '0') * digit;
  return ns;
}

enum {
  COLUMN_OUTCOME,
  COLUMN_CPU,
  COLUMN_GPU,
  COLUMN_SUBMIT,
  COLUMN_READY,
  COLUMN_START,
  COLUMN_END,
  COLUMN_WORK,
  COLUMNS
};
static const char *const column_names[COLUMNS] = {"outcome", "cpu",     "gpu",   "submit_s",
                                                  "ready_s", "start_s", "end_s", "work_s"};

/* Cuts a line at its commas (no field of tasks.csv holds one). */
static uint32_t split(char *line, char **fields, uint32_t max)
{
  uint32_t count = 0;
  line[strcspn(line, "\r\n")] = 0;
  for (char *at = line; at && count < max; count++) {
    fields[count] = at;
    at = strchr(at, ',');
    if (at)
      *at++ = 0;
  }
  return count;
}

static void add_row(struct cmp_run *run, char **fields, const int *at)
{
  uint64_t submit_ns = seconds(fields[at[COLUMN_SUBMIT]]), ready_ns = seconds(fields[at[COLUMN_READY]]);
  uint64_t start_ns = seconds(fields[at[COLUMN_START]]), end_ns = seconds(fields[at[COLUMN_END]]);
  uint64_t work_ns = seconds(fields[at[COLUMN_WORK]]);
  if (run->task_count == run->task_cap) {
    run->task_cap = run->task_cap ? 2 * run->task_cap : 1024;
    run->tasks = rs_realloc(run->tasks, run->task_cap, sizeof *run->tasks);
  }
  run->submit_ns = run->task_count ? rs_time_min(run->submit_ns, submit_ns) : submit_ns;
  run->end_ns = end_ns > run->end_ns ? end_ns : run->end_ns;
  run->tasks[run->task_count++] =
      (struct rs_null_task){.ready_ns = ready_ns,
                            .duration_ns = work_ns != RS_TIME_NEVER ? work_ns : end_ns - start_ns,
                            .cpu_e4 = (uint32_t)(strtod(fields[at[COLUMN_CPU]], NULL) * 1e4 + 0.5),
                            .gpu_e4 = (uint32_t)(strtod(fields[at[COLUMN_GPU]], NULL) * 1e4 + 0.5),
                            .start_ns = start_ns};
}

int rs_cmp_rows_read(struct cmp_run *run, char *err, size_t err_size)
{
  enum { FIELDS_MAX = 32 };
  char *path = rs_out_path(run->folder, "tasks.csv.gz"), line[4096], *fields[FIELDS_MAX];
  int at[COLUMNS], result = 0;
  gzFile file = gzopen(path, "rbe");
  if (!file) {
    result = errno == ENOENT ? 0 : rs_out_fail(err, err_size, "cannot read", path, errno);
    free(path);
    return result;
  }
  uint32_t columns = gzgets(file, line, sizeof line) ? split(line, fields, FIELDS_MAX) : 0;
  for (int c = 0; c < COLUMNS && result == 0; c++) {
    at[c] = -1;
    for (uint32_t i = 0; i < columns; i++)
      if (strcmp(fields[i], column_names[c]) == 0)
        at[c] = (int)i;
    if (at[c] < 0) {
      snprintf(err, err_size, "%s: no column \"%s\"", path, column_names[c]);
      result = -1;
    }
  }
  for (uint32_t number = 2; result == 0 && gzgets(file, line, sizeof line); number++) {
    if (split(line, fields, FIELDS_MAX) != columns) {
      snprintf(err, err_size, "%s:%u: %u columns are wanted", path, number, columns);
      result = -1;
    } else if (strcmp(fields[at[COLUMN_OUTCOME]], "ok") == 0) {
      add_row(run, fields, at);
    }
  }
  int bad = Z_OK;
  if (result == 0 && gzerror(file, &bad) && bad != Z_OK && bad != Z_STREAM_END) {
    snprintf(err, err_size, "%s: damaged", path);
    result = -1;
  }
  gzclose(file);
  free(path);
  return result;
}

/* What the nodes offered, at most: the largest value of load.csv's columns. */
static int read_capacity(struct cmp_run *run, char *err, size_t err_size)
{
  struct rs_csv csv;
  bool missing;
  if (!rs_csv_read(&csv, run->folder, "load.csv", &missing, err, err_size))
    return -1;
  int cpu = rs_csv_column(&csv, "cpu"), gpu = rs_csv_column(&csv, "gpu");
  for (uint32_t i = 0; i < csv.rows; i++) {
    double cpus = rs_csv_number(&csv, i, cpu) * 1e4, gpus = rs_csv_number(&csv, i, gpu) * 1e4;
    run->cpu_e4 = cpus > run->cpu_e4 ? cpus : run->cpu_e4;
    run->gpu_e4 = gpus > run->gpu_e4 ? gpus : run->gpu_e4;
  }
  rs_csv_free(&csv);
  return 0;
}

/* ---- folders ---- */

static double seed_of(const json_t *run)
{
  const json_t *seed = json_object_get(run, "seed");
  return json_is_string(seed) ? strtod(json_string_value(seed), NULL) : json_number_value(seed);
}

static xmlChar *attribute(xmlNode *node, const char *name)
{
  return xmlGetProp(node, BAD_CAST name);
}

/* Tolerance and time scale out of scenario.xml; a folder without one has neither. */
static int read_scenario(struct cmp_folder *folder, char *err, size_t err_size)
{
  char *path = rs_out_path(folder->dir, "scenario.xml");
  FILE *file = fopen(path, "rbe");
  if (!file) {
    free(path);
    return 0;
  }
  fclose(file);
  folder->scenario =
      xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
  xmlNode *root = folder->scenario ? xmlDocGetRootElement(folder->scenario) : NULL;
  if (!root) {
    snprintf(err, err_size, "%s: no XML", path);
    free(path);
    return -1;
  }
  char why[RS_UNITS_WHY_BYTES];
  for (xmlNode *child = root->children; child; child = child->next) {
    if (child->type != XML_ELEMENT_NODE)
      continue;
    if (strcmp((const char *)child->name, "compare") == 0) {
      xmlChar *text = attribute(child, "tolerance");
      if (text && rs_units_share((const char *)text, &folder->tolerance, why, sizeof why) != 0)
        folder->tolerance = NAN;
      xmlFree(text);
    } else if (strcmp((const char *)child->name, "real") == 0) {
      xmlChar *text = attribute(child, "time_scale");
      if (text)
        folder->time_scale = strtod((const char *)text, NULL);
      xmlFree(text);
    }
  }
  free(path);
  return 0;
}

int rs_cmp_folder_read(struct cmp_folder *folder, const char *dir, char *err, size_t err_size)
{
  *folder = (struct cmp_folder){.dir = dir, .tolerance = NAN, .time_scale = 1};
  folder->summary = rs_json_read(dir, "summary.json", err, err_size);
  if (!folder->summary)
    return -1;
  const json_t *runs = json_object_get(folder->summary, "runs");
  if (!json_is_array(runs) || json_array_size(runs) == 0) {
    snprintf(err, err_size, "%s/summary.json: it has no runs", dir);
    return -1;
  }
  folder->runs = rs_alloc_zero(json_array_size(runs), sizeof *folder->runs);
  for (size_t i = 0; i < json_array_size(runs); i++) {
    struct cmp_run *run = &folder->runs[folder->run_count++];
    run->json = json_array_get(runs, i);
    run->case_name = json_string_value(json_object_get(run->json, "case"));
    const char *name = json_string_value(json_object_get(run->json, "folder"));
    if (!run->case_name || !name) {
      snprintf(err, err_size, "%s/summary.json: run %zu has no \"case\" or no \"folder\"", dir, i + 1);
      return -1;
    }
    run->seed = seed_of(run->json);
    run->folder = rs_out_path(dir, name);
    if (rs_cmp_rows_read(run, err, err_size) != 0 || read_capacity(run, err, err_size) != 0)
      return -1;
  }
  return read_scenario(folder, err, err_size);
}

void rs_cmp_folder_free(struct cmp_folder *folder)
{
  for (uint32_t i = 0; i < folder->run_count; i++) {
    free(folder->runs[i].folder);
    free(folder->runs[i].tasks);
  }
  free(folder->runs);
  if (folder->scenario)
    xmlFreeDoc(folder->scenario);
  json_decref(folder->summary);
}

const char *rs_cmp_folder_mode(const struct cmp_folder *folder)
{
  const char *mode = json_string_value(json_object_get(folder->summary, "mode"));
  return mode ? mode : "?";
}

bool rs_cmp_folder_tunes(const struct cmp_folder *folder)
{
  for (uint32_t i = 0; i < folder->run_count; i++)
    if (rs_json_value(json_object_get(folder->runs[i].json, "counts"), "trials") > 0)
      return true;
  return false;
}

/* ---- the same scenario? ---- */

static bool may_differ(const xmlNode *node)
{
  static const char *const names[] = {"outputs", "compare", "costs", "real"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, names[i]) == 0)
      return true;
  return node->type != XML_ELEMENT_NODE; /* comments; a scenario has no text */
}

static xmlNode *next_that_counts(xmlNode *node)
{
  while (node && may_differ(node))
    node = node->next;
  return node;
}

static bool attributes_match(xmlNode *a, xmlNode *b, char *what, size_t what_size)
{
  for (const xmlAttr *at = a->properties; at; at = at->next) {
    const char *name = (const char *)at->name;
    if (strcmp(name, "title") == 0)
      continue;
    xmlChar *x = attribute(a, name), *y = attribute(b, name);
    bool same = y && xmlStrEqual(x, y);
    if (!same)
      snprintf(what, what_size, "%s/@%s is \"%s\" in one and \"%s\" in the other", (const char *)a->name, name,
               (const char *)x, y ? (const char *)y : "");
    xmlFree(x);
    xmlFree(y);
    if (!same)
      return false;
  }
  return true;
}

static bool trees_match(xmlNode *a, xmlNode *b, char *what, size_t what_size)
{
  if (!xmlStrEqual(a->name, b->name)) {
    snprintf(what, what_size, "<%s> in one is <%s> in the other", (const char *)a->name, (const char *)b->name);
    return false;
  }
  if (!attributes_match(a, b, what, what_size) || !attributes_match(b, a, what, what_size))
    return false;
  xmlNode *x = next_that_counts(a->children), *y = next_that_counts(b->children);
  for (; x && y; x = next_that_counts(x->next), y = next_that_counts(y->next))
    if (!trees_match(x, y, what, what_size))
      return false;
  if (x || y) {
    snprintf(what, what_size, "<%s> in <%s> is in one only", (const char *)(x ? x : y)->name, (const char *)a->name);
    return false;
  }
  return true;
}

struct cmp_run *rs_cmp_run_like(const struct cmp_folder *folder, const struct cmp_run *like)
{
  for (uint32_t i = 0; i < folder->run_count; i++) {
    struct cmp_run *run = &folder->runs[i];
    if (strcmp(run->case_name, like->case_name) == 0 && run->seed <= like->seed && run->seed >= like->seed)
      return run;
  }
  return NULL;
}

/* Each run of `a` has its like in `b`, with as many tasks. */
static int runs_match(const struct cmp_folder *a, const struct cmp_folder *b, bool counted, char *err, size_t err_size)
{
  for (uint32_t i = 0; i < a->run_count; i++) {
    const struct cmp_run *run = &a->runs[i], *like = rs_cmp_run_like(b, run);
    if (!like) {
      snprintf(err, err_size, "not comparable: case \"%s\" with seed %.0f is in %s and not in %s", run->case_name,
               run->seed, a->dir, b->dir);
      return -1;
    }
    double x = rs_json_value(json_object_get(run->json, "counts"), "tasks_ok");
    double y = rs_json_value(json_object_get(like->json, "counts"), "tasks_ok");
    if (counted && !(x <= y && x >= y)) {
      snprintf(err, err_size, "not comparable: case \"%s\" with seed %.0f ended %.0f tasks in %s and %.0f in %s",
               run->case_name, run->seed, x, a->dir, y, b->dir);
      return -1;
    }
  }
  return 0;
}

int rs_cmp_folder_match(const struct cmp_folder *a, const struct cmp_folder *b, char *err, size_t err_size)
{
  const char *x = json_string_value(json_object_get(a->summary, "scenario"));
  const char *y = json_string_value(json_object_get(b->summary, "scenario"));
  if (!x || !y || strcmp(x, y) != 0) {
    snprintf(err, err_size, "not comparable: %s is of scenario \"%s\", %s of \"%s\"", a->dir, x ? x : "?", b->dir,
             y ? y : "?");
    return -1;
  }
  const struct cmp_folder *both[] = {a, b};
  for (int i = 0; i < 2; i++)
    if (json_is_true(json_object_get(both[i]->summary, "partial"))) {
      snprintf(err, err_size, "not comparable: %s is partial (it was interrupted)", both[i]->dir);
      return -1;
    }
  char what[256];
  if (a->scenario && b->scenario &&
      !trees_match(xmlDocGetRootElement(a->scenario), xmlDocGetRootElement(b->scenario), what, sizeof what)) {
    snprintf(err, err_size, "not comparable: the scenarios as run differ: %s", what);
    return -1;
  }
  bool counted = !rs_cmp_folder_tunes(a) && !rs_cmp_folder_tunes(b);
  return runs_match(a, b, counted, err, err_size) != 0 || runs_match(b, a, counted, err, err_size) != 0 ? -1 : 0;
}
