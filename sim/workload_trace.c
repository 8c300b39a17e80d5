/* workload_trace.c -- the tasks of <trace>: a table is read, scaled, and sorted by arrival.
 *
 * Arrivals are taken relative to the first row before they are scaled, so that times of day keep their nanoseconds; the
 * earliest row arrives at 0. Rows with the same demand share a class. Every cell that is used is checked, and its
 * demand must fit on a node type: messages name the row's line.
 *
 * Memory: 24 bytes a row, and the names where a column gives them. Time: O(bytes + rows log rows).
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"
#include "sim/demand.h"
#include "sim/workload_csv.h"
#include "sim/workload_int.h"

#define NOWHERE UINT32_MAX

static const char *const field_names[RS_TRACE_FIELDS] = {"arrival", "duration", "cpus", "gpus", "memory", "name"};

struct reader {
  struct rs_workload *workload;
  const struct rs_scenario_trace *trace;
  struct rs_csv *csv;
  char *error;
  size_t error_bytes;
  uint32_t at[RS_TRACE_FIELDS]; /* the column of each field, or NOWHERE */
  uint32_t column_count;
  struct rs_map class_of; /* hash of the demand -> 1 + class */
  double *arrivals;       /* relative to the first row, scaled */
  uint32_t arrival_cap;
  double first_cell;
  int64_t first_ns;
  size_t name_bytes, name_cap;
};

static bool __attribute__((format(printf, 2, 3))) fail(struct reader *reader, const char *format, ...)
{
  int used = snprintf(reader->error, reader->error_bytes, "%s:%llu: ", reader->trace->file,
                      (unsigned long long)rs_csv_line(reader->csv));
  if (used < 0 || (size_t)used >= reader->error_bytes)
    return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reader->error + used, reader->error_bytes - (size_t)used, format, arguments);
  va_end(arguments);
  return false;
}

static char *trimmed(char *text)
{
  while (*text == ' ' || *text == '\t')
    text++;
  size_t bytes = strlen(text);
  while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
    text[--bytes] = '\0';
  return text;
}

/* ---- the first line ---- */

static bool read_header(struct reader *reader)
{
  char *const *cells;
  uint32_t count;
  int got = rs_csv_next(reader->csv, &cells, &count);
  if (got < 0)
    return false;
  if (got == 0) {
    snprintf(reader->error, reader->error_bytes, "%s: is empty; wanted a first line that names the columns",
             reader->trace->file);
    return false;
  }
  reader->column_count = count;
  for (unsigned field = 0; field < RS_TRACE_FIELDS; field++) {
    const struct rs_scenario_column *column = &reader->trace->columns[field];
    reader->at[field] = NOWHERE;
    if (!column->given || !column->name)
      continue;
    for (uint32_t i = 0; i < count; i++) {
      if (strcmp(trimmed(cells[i]), column->name) != 0)
        continue;
      if (reader->at[field] != NOWHERE)
        return fail(reader, "two columns are named \"%.60s\"", column->name);
      reader->at[field] = i;
    }
    if (reader->at[field] != NOWHERE)
      continue;
    char list[400];
    size_t used = 0;
    for (uint32_t i = 0; i < count && used < sizeof list - 80; i++)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", i ? ", " : "", trimmed(cells[i]));
    return fail(reader, "there is no column \"%.60s\" (wanted by %s:%u); there are %s", column->name,
                reader->workload->scenario->file, column->line, list);
  }
  return true;
}

/* ---- cells ---- */

static bool number(struct reader *reader, enum rs_trace_field field, char *cell, double *out)
{
  const char *name = reader->trace->columns[field].name;
  cell = trimmed(cell);
  if (*cell == '\0')
    return fail(reader, "%s (\"%.60s\") is empty; wanted a number", field_names[field], name);
  char *end = NULL;
  *out = strtod(cell, &end);
  if (*end != '\0' || !isfinite(*out) || strspn(cell, "+-.0123456789eE") != strlen(cell))
    return fail(reader, "%s (\"%.60s\") is \"%.60s\"; wanted a number", field_names[field], name, cell);
  return true;
}

static bool digits(const char **text, int count, int64_t *out)
{
  *out = 0;
  for (int i = 0; i < count; i++, ++*text) {
    if (!isdigit((unsigned char)**text))
      return false;
    *out = *out * 10 + (**text - '0');
  }
  return true;
}

static bool skip(const char **text, char c)
{
  if (**text != c)
    return false;
  ++*text;
  return true;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar: whole years, with a leap day at the end of February,
 * counted from a March. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
  int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
  return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "YYYY-MM-DD hh:mm:ss[.fraction]", also with a T between, and a Z or +00:00 behind: UTC. */
static bool timestamp(const char *text, int64_t *ns)
{
  static const int8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year, month, day, hour, minute, second, fraction = 0, unit = 100000000;
  if (!digits(&text, 4, &year) || !skip(&text, '-') || !digits(&text, 2, &month) || !skip(&text, '-') ||
      !digits(&text, 2, &day) || !(skip(&text, ' ') || skip(&text, 'T')) || !digits(&text, 2, &hour) ||
      !skip(&text, ':') || !digits(&text, 2, &minute) || !skip(&text, ':') || !digits(&text, 2, &second))
    return false;
  if (skip(&text, '.')) {
    if (!isdigit((unsigned char)*text))
      return false;
    for (; isdigit((unsigned char)*text); text++, unit /= 10)
      fraction += (*text - '0') * unit;
  }
  if (!skip(&text, 'Z') && strncmp(text, "+00:00", 6) == 0)
    text += 6;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (*text != '\0' || year < 1700 || year > 2200 || month < 1 || month > 12 || day < 1 ||
      day > month_days[month - 1] || (month == 2 && day == 29 && !leap) || hour > 23 || minute > 59 || second > 60)
    return false;
  *ns = (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000000000 + fraction;
  return true;
}

static bool arrival(struct reader *reader, char *const *cells, double *out)
{
  const struct rs_scenario_column *column = &reader->trace->columns[RS_TRACE_ARRIVAL];
  bool first = reader->workload->count == 0;
  *out = 0;
  if (!column->name)
    return true;
  char *cell = cells[reader->at[RS_TRACE_ARRIVAL]];
  if (column->timestamp) {
    int64_t ns;
    if (!timestamp(trimmed(cell), &ns))
      return fail(reader, "arrival (\"%.60s\") is \"%.60s\"; wanted a date like 2026-01-31 23:59:59.5", column->name,
                  trimmed(cell));
    if (first)
      reader->first_ns = ns;
    *out = (double)(ns - reader->first_ns) * reader->trace->arrival_scale;
    return true;
  }
  double value;
  if (!number(reader, RS_TRACE_ARRIVAL, cell, &value))
    return false;
  if (first)
    reader->first_cell = value;
  *out = (value - reader->first_cell) * column->scale * reader->trace->arrival_scale;
  if (!isfinite(*out))
    return fail(reader, "arrival is \"%.60s\": too large", trimmed(cell));
  return true;
}

/* A field that cannot be negative, in its own unit. */
static bool amount(struct reader *reader, enum rs_trace_field field, char *const *cells, double otherwise, double *out)
{
  const struct rs_scenario_column *column = &reader->trace->columns[field];
  *out = column->given ? column->value : otherwise;
  if (!column->given || !column->name)
    return true;
  if (!number(reader, field, cells[reader->at[field]], out))
    return false;
  if (*out < 0 || *out * column->scale > 9e18)
    return fail(reader, "%s (\"%.60s\") is %g; wanted a number from 0 on%s", field_names[field], column->name, *out,
                *out < 0 ? "" : " that is not beyond all bounds");
  *out *= column->scale;
  return true;
}

/* ---- rows ---- */

static bool fits_somewhere(const struct rs_scenario *scenario, const struct rs_scenario_demand *demand)
{
  const struct rs_scenario_cluster *cluster = &scenario->cluster;
  for (uint32_t i = 0; i < cluster->type_count; i++)
    if (cluster->types[i].count_max > 0 && rs_sim_demand_fits(demand, &cluster->types[i]))
      return true;
  return cluster->type_count == 0;
}

static bool class_of(struct reader *reader, const struct rs_scenario_demand *asked, uint32_t *out)
{
  struct rs_workload *workload = reader->workload;
  struct rs_load_class class = {.strategy = RS_STRATEGY_DEFAULT,
                                .max_retries = rs_workload_retries(reader->trace->max_retries)};
  char why[160];
  if (!rs_sim_demand(asked, &class.demand, why, sizeof why))
    return fail(reader, "the task %s", why);
  uint64_t hash = rs_demand_hash(&class.demand) | 1, found;
  for (;; hash = rs_mix64(hash) | 1) {
    uint64_t *slot = rs_map_find(&reader->class_of, hash);
    if (!slot)
      break;
    found = *slot - 1;
    if (rs_demand_equal(&workload->classes[found].demand, &class.demand)) {
      *out = (uint32_t)found;
      return true;
    }
  }
  if (!fits_somewhere(workload->scenario, asked))
    return fail(reader,
                "no node type holds a task of %.4g CPUs, %.4g GPUs and %.4g MiB; scale the column, or give the "
                "cluster larger nodes",
                (double)asked->cpu_e4 / RS_ONE_E4, (double)asked->gpu_e4 / RS_ONE_E4,
                (double)asked->memory_bytes / (1 << 20));
  RS_GROW(workload->classes, workload->class_count, workload->class_cap);
  workload->classes[workload->class_count++] = class;
  rs_map_put(&reader->class_of, hash, workload->class_count);
  *out = workload->class_count - 1;
  return true;
}

static void keep_name(struct reader *reader, const char *name)
{
  struct rs_workload *workload = reader->workload;
  size_t bytes = strlen(name) + 1;
  if (reader->name_bytes + bytes > reader->name_cap) {
    reader->name_cap = 2 * (reader->name_bytes + bytes);
    workload->names = rs_realloc(workload->names, reader->name_cap, 1);
  }
  memcpy(workload->names + reader->name_bytes, name, bytes);
  workload->name_at[workload->count] = reader->name_bytes;
  reader->name_bytes += bytes;
}

static void make_room(struct reader *reader)
{
  struct rs_workload *workload = reader->workload;
  if (workload->count < workload->row_cap)
    return;
  workload->row_cap = workload->row_cap ? 2 * workload->row_cap : 1024;
  workload->rows = rs_realloc(workload->rows, workload->row_cap, sizeof *workload->rows);
  reader->arrivals = rs_realloc(reader->arrivals, workload->row_cap, sizeof *reader->arrivals);
  if (reader->at[RS_TRACE_NAME] != NOWHERE)
    workload->name_at = rs_realloc(workload->name_at, workload->row_cap, sizeof *workload->name_at);
}

static bool read_row(struct reader *reader, char *const *cells)
{
  struct rs_workload *workload = reader->workload;
  make_room(reader);
  struct rs_workload_row row = {.row = (uint32_t)workload->count};
  double duration, cpus, gpus, memory;
  if (!arrival(reader, cells, &reader->arrivals[workload->count]) ||
      !amount(reader, RS_TRACE_DURATION, cells, 0, &duration) ||
      !amount(reader, RS_TRACE_CPUS, cells, RS_SCENARIO_UNIT, &cpus) ||
      !amount(reader, RS_TRACE_GPUS, cells, 0, &gpus) || !amount(reader, RS_TRACE_MEMORY, cells, 0, &memory))
    return false;
  struct rs_scenario_demand demand = {
      .cpu_e4 = (int64_t)llround(cpus), .gpu_e4 = (int64_t)llround(gpus), .memory_bytes = (uint64_t)llround(memory)};
  if (!class_of(reader, &demand, &row.class_index))
    return false;
  duration *= reader->trace->duration_scale;
  row.duration_ns = duration < 9e18 ? (uint64_t)llround(duration) : (uint64_t)9e18;
  if (reader->at[RS_TRACE_NAME] != NOWHERE)
    keep_name(reader, cells[reader->at[RS_TRACE_NAME]]);
  workload->rows[workload->count++] = row;
  return true;
}

static bool read_rows(struct reader *reader)
{
  uint64_t seen = 0, max = reader->trace->max_rows;
  while (reader->workload->count < max) {
    char *const *cells;
    uint32_t count;
    int got = rs_csv_next(reader->csv, &cells, &count);
    if (got < 0)
      return false;
    if (got == 0)
      break;
    if (seen++ < reader->trace->skip_rows)
      continue;
    if (count != reader->column_count)
      return fail(reader, "the row has %u cells; the first line names %u columns", count, reader->column_count);
    if (reader->workload->count >= RS_LOAD_TASKS_MAX - 1)
      return fail(reader, "too many rows; at most %u are read", RS_LOAD_TASKS_MAX - 1);
    if (!read_row(reader, cells))
      return false;
  }
  if (reader->workload->count > 0 || max == 0)
    return true;
  snprintf(reader->error, reader->error_bytes, "%s: there is no row to play: it has %llu, and %llu are skipped",
           reader->trace->file, (unsigned long long)seen, (unsigned long long)reader->trace->skip_rows);
  return false;
}

static int by_arrival(const void *a, const void *b)
{
  const struct rs_workload_row *x = a, *y = b;
  if (x->arrival_ns != y->arrival_ns)
    return x->arrival_ns < y->arrival_ns ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

static void sort(struct reader *reader)
{
  struct rs_workload *workload = reader->workload;
  double first = INFINITY;
  for (uint64_t i = 0; i < workload->count; i++)
    first = reader->arrivals[i] < first ? reader->arrivals[i] : first;
  for (uint64_t i = 0; i < workload->count; i++)
    workload->rows[i].arrival_ns = rs_workload_ns(workload, reader->arrivals[i] - first);
  if (workload->count)
    qsort(workload->rows, workload->count, sizeof *workload->rows, by_arrival);
}

bool rs_workload_trace_open(struct rs_workload *workload, char *error, size_t error_bytes)
{
  struct reader reader = {
      .workload = workload, .trace = &workload->from->trace, .error = error, .error_bytes = error_bytes};
  reader.csv = rs_csv_open(reader.trace->file, reader.trace->delimiter, error, error_bytes);
  bool good = reader.csv && read_header(&reader) && read_rows(&reader);
  if (good)
    sort(&reader);
  rs_csv_close(reader.csv);
  rs_map_free(&reader.class_of);
  free(reader.arrivals);
  return good;
}

bool rs_workload_trace_next(void *arg, uint64_t index, struct rs_load_task *out)
{
  struct rs_workload_source *source = arg;
  struct rs_workload *workload = source->workload;
  if (index >= source->count)
    return false;
  uint64_t task = rs_workload_task(workload, source->driver, index);
  const struct rs_workload_row *row = &workload->rows[task];
  *out = (struct rs_load_task){.arrival_ns = row->arrival_ns,
                               .duration_ns =
                                   rs_workload_duration(workload, source->rng, row->row, (double)row->duration_ns),
                               .class_index = row->class_index,
                               .mode = workload->mode};
  return true;
}
