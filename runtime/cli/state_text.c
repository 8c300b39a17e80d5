/* state_text.c -- rows of state as text for people and as JSON. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/state.h"
#include "core/codec.h"

#define STATE(NAME, name, text) static const struct rs_state_column name##_columns[] = {
#define COL(type, name) {#type, #name},
#define END                                                                                                            \
  }                                                                                                                    \
  ;
#include "core/state.def"
#undef STATE
#undef COL
#undef END

static const struct {
  const struct rs_state_column *columns;
  unsigned count;
} kinds[] = {
#define STATE(NAME, name, text) {name##_columns, sizeof name##_columns / sizeof name##_columns[0]},
#define COL(type, name)
#define END
#include "core/state.def"
#undef STATE
#undef COL
#undef END
};

const struct rs_state_column *rs_state_columns(enum rs_state_kind kind, unsigned *count)
{
  *count = kinds[kind].count;
  return kinds[kind].columns;
}

/* ---- values ---- */

static const char *const enums[][16] = {
    {"node_state", "ABSENT", "ALIVE", "DRAINING", "DEAD"},
    {"job_state", "RUNNING", "SUCCEEDED", "FAILED", "LOST"},
    {"worker_state", "STARTING", "IDLE", "LEASED", "ACTOR"},
    {"task_state", "PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT", "PENDING_ACTOR", "SUBMITTED_TO_WORKER", "RUNNING",
     "PENDING_RETRY", "FINISHED", "FAILED"},
    {"actor_state", "PENDING", "ALIVE", "RESTARTING", "DEAD"},
    {"object_state", "PENDING", "INLINE", "STORED", "GONE", "SPILLED"},
    {"wait_kind", "TASK", "ACTOR", "PLACEMENT_GROUP"},
    {"copy_state", "QUEUED", "PULLING", "HERE", "SPILLED"},
    {"wait_reason", "NONE", "ENDED", "ARGUMENT", "LEASE", "TURN", "RETRY", "ACTOR", "FETCH", "QUEUE", "WORKER", "PLACE",
     "CREATION", "GROUP"},
    {"verdict", "FITS", "BUSY", "INFEASIBLE", "LABELS", "DRAINING", "DEAD", "AFFINITY", "POLICY", "ARGUMENTS"},
    {"resource", "-", "CPU", "memory", "object_store_memory", "GPU", "custom"},
    {"group_strategy", "PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"},
    {"group_state", "PENDING", "CREATED", "RESCHEDULING", "REMOVED"},
    {"strategy", "DEFAULT", "SPREAD", "NODE_AFFINITY", "NODE_AFFINITY_SOFT"},
};

static const char *enum_name(const char *type, uint64_t value)
{
  for (unsigned i = 0; i < sizeof enums / sizeof enums[0]; i++)
    if (strcmp(enums[i][0], type) == 0)
      return value < 15 && enums[i][value + 1] ? enums[i][value + 1] : "?";
  return NULL;
}

bool rs_state_is_enum(const char *type)
{
  return enum_name(type, 0) != NULL;
}

void rs_state_addr(rs_addr addr, char *out, size_t cap)
{
  char node[32];
  uint32_t ep = rs_addr_ep(addr);
  if (rs_addr_incarnation(addr) == 1)
    snprintf(node, sizeof node, "%u", rs_addr_node(addr));
  else
    snprintf(node, sizeof node, "%u.%u", rs_addr_node(addr), rs_addr_incarnation(addr));
  if (addr == RS_ADDR_NONE)
    snprintf(out, cap, "-");
  else if (ep == RS_EP_RAYLET)
    snprintf(out, cap, "%s", node);
  else if (ep == RS_EP_GCS)
    snprintf(out, cap, "head");
  else if (ep >= RS_EP_DRIVER)
    snprintf(out, cap, "%s:d%u", node, ep - RS_EP_DRIVER);
  else
    snprintf(out, cap, "%s:w%u", node, ep);
}

void rs_state_id(struct rs_id id, char *out, size_t cap)
{
  char owner[64];
  rs_state_addr(id.owner, owner, sizeof owner);
  if (id.owner == RS_ADDR_NONE)
    snprintf(out, cap, "-");
  else
    snprintf(out, cap, "%s#%" PRIu64, owner, id.seq);
}

static bool parse_hex(const char *text, struct rs_id *id)
{
  /* the inverse of rs_id_hex, found by trying: it is a fixed layout of two numbers and zeros */
  char back[RS_ID_HEX];
  for (unsigned i = 0; i < RS_ID_HEX - 1; i++)
    if (!isxdigit((unsigned char)text[i]))
      return false;
  if (text[RS_ID_HEX - 1])
    return false;
  for (unsigned owner_at = 0; owner_at + 16 < RS_ID_HEX; owner_at += 8)
    for (unsigned seq_at = 0; seq_at + 16 < RS_ID_HEX; seq_at += 8) {
      char part[17] = {0};
      memcpy(part, text + owner_at, 16);
      id->owner = strtoull(part, NULL, 16);
      memcpy(part, text + seq_at, 16);
      id->seq = strtoull(part, NULL, 16);
      rs_id_hex(*id, back);
      if (strcasecmp(back, text) == 0)
        return id->owner && id->seq;
    }
  return false;
}

bool rs_state_parse_id(const char *text, struct rs_id *id)
{
  if (strlen(text) == RS_ID_HEX - 1)
    return parse_hex(text, id);
  char *end;
  unsigned long node = strtoul(text, &end, 10), incarnation = 1, ep = RS_EP_RAYLET;
  if (end == text)
    return false;
  if (*end == '.')
    incarnation = strtoul(end + 1, &end, 10);
  if (*end == ':') {
    char what = end[1];
    ep = strtoul(end + 2, &end, 10) + (what == 'd' ? RS_EP_DRIVER : 0);
    if (what != 'd' && what != 'w')
      return false;
  }
  if (*end != '#' || node > RS_NODE_MAX || incarnation > RS_INCARNATION_MAX || ep > RS_EP_MAX)
    return false;
  id->owner = rs_addr_make((rs_node_id)node, (uint32_t)incarnation, (uint32_t)ep);
  id->seq = strtoull(end + 1, &end, 10);
  return *end == 0 && id->seq > 0;
}

void rs_state_bytes(uint64_t bytes, char *out, size_t cap)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = (double)bytes;
  unsigned unit = 0;
  for (; value >= 1024 && unit < 5; unit++)
    value /= 1024;
  snprintf(out, cap, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void rs_state_duration(uint64_t ns, char *out, size_t cap)
{
  double s = (double)ns * 1e-9;
  if (ns == UINT64_MAX)
    snprintf(out, cap, "-");
  else if (s < 1e-3)
    snprintf(out, cap, "%.0f us", s * 1e6);
  else if (s < 1)
    snprintf(out, cap, "%.1f ms", s * 1e3);
  else if (s < 100)
    snprintf(out, cap, "%.1f s", s);
  else if (s < 7200)
    snprintf(out, cap, "%.0f min", s / 60);
  else
    snprintf(out, cap, "%.1f h", s / 3600);
}

static void plain_cell(const char *type, uint64_t v, char *out, size_t cap)
{
  if (strcmp(type, "node") == 0 && v == RS_NODE_NONE)
    snprintf(out, cap, "-");
  else if (strcmp(type, "signed") == 0)
    snprintf(out, cap, "%" PRId64, (int64_t)v);
  else if (strcmp(type, "e4") == 0)
    snprintf(out, cap, "%g", (double)v / RS_ONE_E4);
  else if (strcmp(type, "flag") == 0)
    snprintf(out, cap, "%s", v ? "true" : "false");
  else if (strcmp(type, "error") == 0)
    snprintf(out, cap, "%s", v ? rs_error_name((int)(int64_t)v) : "-");
  else if ((strcmp(type, "end") == 0 && (int32_t)v == RS_PROCESS_RUNS) || (strcmp(type, "pid") == 0 && v == 0))
    snprintf(out, cap, "-");
  else if (strcmp(type, "end") == 0)
    snprintf(out, cap, "%" PRId64, (int64_t)v);
  else if (strcmp(type, "hex") == 0)
    snprintf(out, cap, "0x%" PRIx64, v);
  else
    snprintf(out, cap, "%" PRIu64, v);
}

void rs_state_function(const struct rs_state_ask *ask, uint64_t type, uint64_t function, char *out, size_t cap)
{
  char class[RS_CELL_MAX];
  rs_state_cell(ask, "name", &function, false, out, cap);
  if (type == 0 || cap < RS_CELL_MAX)
    return;
  rs_state_cell(ask, "name", &type, false, class, sizeof class);
  char whole[2 * RS_CELL_MAX];
  snprintf(whole, sizeof whole, "%s.%s", class, out);
  snprintf(out, cap, "%.*s", (int)cap - 1, whole);
}

static const char *const texts[RS_STATE_KINDS][4] = {
    [RS_STATE_JOBS] = {"name", "message", "runtime_env"},
    [RS_STATE_ACTORS] = {"name", "namespace", "death_cause"},
    [RS_STATE_TASKS] = {"name", "error"},
};

const char *rs_state_text_name(unsigned kind, unsigned part)
{
  return kind < RS_STATE_KINDS && part < 4 ? texts[kind][part] : NULL;
}

const char *rs_state_text(const struct rs_row *row, const char *name, size_t *length)
{
  const char *at = (const char *)row->text, *end = at + row->text_bytes;
  *length = 0;
  for (unsigned part = 0; rs_state_text_name(row->kind, part); part++) {
    *length = strnlen(at, (size_t)(end - at));
    if (strcmp(rs_state_text_name(row->kind, part), name) == 0)
      return *length ? at : "";
    at += *length < (size_t)(end - at) ? *length + 1 : *length;
  }
  *length = 0;
  return NULL;
}

void rs_state_bundles(const struct rs_row *row, char *out, size_t cap)
{
  size_t at = 0;
  out[0] = 0;
  for (size_t i = 0; i + 4 <= row->text_bytes && at + 16 < cap; i += 4) {
    uint32_t node = rs_load_u32(row->text + i);
    if (node == RS_NODE_NONE)
      at += (size_t)snprintf(out + at, cap - at, "%s-", i ? "," : "");
    else
      at += (size_t)snprintf(out + at, cap - at, "%s%u", i ? "," : "", node);
  }
}

void rs_state_cell(const struct rs_state_ask *ask, const char *type, const uint64_t *value, bool json, char *out,
                   size_t cap)
{
  char text[RS_CELL_MAX];
  const char *name = enum_name(type, *value);
  bool quoted = name != NULL;
  if (name) {
    snprintf(text, sizeof text, "%s", name);
  } else if (strcmp(type, "addr") == 0) {
    rs_state_addr(*value, text, sizeof text);
    quoted = true;
  } else if (strcmp(type, "id") == 0) {
    struct rs_id id = {value[0], value[1]};
    if (json && id.owner)
      rs_id_hex(id, text);
    else
      rs_state_id(id, text, sizeof text);
    quoted = true;
  } else if (strcmp(type, "name") == 0) {
    name = ask ? rs_state_name(ask, *value) : NULL;
    if (name)
      snprintf(text, sizeof text, "%s", name);
    else if (*value)
      snprintf(text, sizeof text, "0x%016" PRIx64, *value);
    else
      snprintf(text, sizeof text, "-");
    quoted = true;
  } else if (!json && strcmp(type, "bytes") == 0) {
    rs_state_bytes(*value, text, sizeof text);
  } else if (!json && (strcmp(type, "ago") == 0 || strcmp(type, "ns") == 0)) {
    rs_state_duration(*value, text, sizeof text);
  } else {
    plain_cell(type, *value, text, sizeof text);
    quoted = strcmp(type, "error") == 0 || strcmp(type, "hex") == 0;
    if (json && strcmp(type, "ago") == 0 && *value == UINT64_MAX)
      snprintf(text, sizeof text, "-");
  }
  if (json && strcmp(text, "-") == 0)
    snprintf(out, cap, "null");
  else if (json && quoted)
    snprintf(out, cap, "\"%s\"", text);
  else
    snprintf(out, cap, "%s", text);
}

void rs_state_demand(const struct rs_state_ask *ask, const struct rs_demand *d, char *out, size_t cap)
{
  char name[RS_CELL_MAX], bytes[64];
  FILE *to = fmemopen(out, cap, "w"); /* cuts what is too long */
  const char *comma = "";
  out[0] = 0;
  if (!to)
    return;
  bool other = d->gpu_e4 || d->memory_bytes || d->store_bytes || d->custom_count;
  if (d->cpu_e4 || !other) {
    fprintf(to, "%g CPU", (double)d->cpu_e4 / RS_ONE_E4);
    comma = ", ";
  }
  if (d->gpu_e4) {
    fprintf(to, "%s%g GPU", comma, (double)d->gpu_e4 / RS_ONE_E4);
    comma = ", ";
  }
  const struct {
    int64_t amount;
    const char *name;
  } sizes[] = {{d->memory_bytes, "memory"}, {d->store_bytes, "object store"}};
  for (unsigned i = 0; i < 2; i++)
    if (sizes[i].amount) {
      rs_state_bytes((uint64_t)sizes[i].amount, bytes, sizeof bytes);
      fprintf(to, "%s%s %s", comma, bytes, sizes[i].name);
      comma = ", ";
    }
  for (unsigned i = 0; i < d->custom_count; i++) {
    rs_state_cell(ask, "name", &d->custom[i].name, false, name, sizeof name);
    fprintf(to, "%s%g %s", comma, (double)d->custom[i].amount_e4 / RS_ONE_E4, name);
    comma = ", ";
  }
  for (unsigned i = 0; i < d->select_count; i++) {
    rs_state_cell(ask, "name", &d->select[i].key, false, name, sizeof name);
    fprintf(to, "%slabel %s", comma, name);
    comma = ", ";
  }
  fclose(to);
  out[cap - 1] = 0;
}

/* ---- JSON ---- */

void rs_state_json_text(FILE *out, const char *text, size_t length)
{
  fputc('"', out);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
      fprintf(out, "\\u%04x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

static void json_texts(FILE *out, const struct rs_state_ask *ask, const struct rs_row *row)
{
  const char *name;
  for (unsigned part = 0; (name = rs_state_text_name(row->kind, part)); part++) {
    size_t length;
    const char *text = rs_state_text(row, name, &length);
    char function[RS_CELL_MAX];
    if (row->kind == RS_STATE_TASKS && part == 0 && length == 0) {
      rs_state_function(ask, row->n[RS_COL(tasks, class)], row->n[RS_COL(tasks, function)], function, sizeof function);
      text = function;
      length = strlen(function);
    }
    fprintf(out, ", \"%s\": ", name);
    rs_state_json_text(out, text, length);
  }
}

void rs_state_json_row(FILE *out, const struct rs_state_ask *ask, const struct rs_row *row)
{
  unsigned columns;
  const struct rs_state_column *column = rs_state_columns((enum rs_state_kind)row->kind, &columns);
  size_t length;
  const char *comma = "{";
  for (unsigned i = 0; i < columns && i < row->count; i++) {
    char cell[RS_CELL_MAX];
    if (rs_state_text(row, column[i].name, &length))
      continue; /* there it is in words */
    bool pair = strcmp(column[i].type, "id") == 0;
    bool age = strcmp(column[i].type, "ago") == 0, ns = age || strcmp(column[i].type, "ns") == 0;
    rs_state_cell(ask, column[i].type, &row->n[i], true, cell, sizeof cell);
    fprintf(out, "%s\"%s%s\": %s", comma, pair && i == 0 ? "id" : column[i].name,
            age  ? "_ago_ns"
            : ns ? "_ns"
                 : "",
            cell);
    comma = ", ";
    i += pair; /* its second half */
  }
  json_texts(out, ask, row);
  if (row->kind == RS_STATE_GROUPS) {
    char nodes[RS_CELL_MAX];
    rs_state_bundles(row, nodes, sizeof nodes);
    fprintf(out, ", \"nodes\": \"%s\"", nodes);
  }
  fputc('}', out);
}

/* ---- tables ---- */

void rs_table_add(struct rs_table *table, const char *cell)
{
  RS_GROW(table->cells, table->count, table->cap);
  table->cells[table->count++] = strdup(cell);
}

void rs_table_print(struct rs_table *t)
{
  size_t width[RS_ROW_MAX] = {0};
  for (uint32_t i = 0; i < t->count; i++)
    if (strlen(t->cells[i]) > width[i % t->columns])
      width[i % t->columns] = strlen(t->cells[i]);
  for (uint32_t i = 0; i < t->count; i++) {
    bool last = (i + 1) % t->columns == 0;
    printf("%-*s%s", last ? 0 : (int)width[i % t->columns], t->cells[i], last ? "\n" : "  ");
    free(t->cells[i]);
  }
  free(t->cells);
  *t = (struct rs_table){0};
}
