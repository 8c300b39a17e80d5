/* list.c -- raysim list and raysim summary: rows of a running cluster's state, as tables or JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "cli/state.h"
#include "lib/tune/sched.h"
#include "uv/look.h"
#include "uv/query.h"

static const char list_help[] =
    "usage: raysim list nodes|workers|tasks|actors|objects|placement-groups|jobs [OPTIONS]\n"
    "       raysim list policies|schedulers|settings      what names there are, a line each\n"
    "\n"
    "  --format table|json        default: table\n"
    "  --filter KEY=VALUE         or KEY!=VALUE; keys are the columns of the JSON form; repeatable: all must hold\n"
    "  --limit N                  rows, at most 10000; default 100. What was cut is said\n"
    "  --session FOLDER           default: the newest live session\n"
    "\n"
    "What the columns mean: docs/state.md\n";

static const char summary_help[] =
    "usage: raysim summary tasks|actors|objects [--format table|json] [--session FOLDER]\n";

struct listing {
  const char *word;
  enum rs_state_kind kind;
  const char *shown; /* columns of the table, in order; "error", "name": of the text */
};

static const struct listing listings[] = {
    {"nodes", RS_STATE_NODES, "node state cpus cpus_left gpus gpus_left memory store queued actors idle ended reason"},
    {"workers", RS_STATE_WORKERS, "worker node state pid rss owner job since cpus gpus"},
    {"tasks", RS_STATE_TASKS, "owner function name state node worker retries_left queued run status error"},
    {"actors", RS_STATE_ACTORS, "owner function name state node pid worker restarts restarts_left exit death_cause"},
    {"objects", RS_STATE_OBJECTS, "owner size state kept readers borrowers copies node function"},
    {"placement-groups", RS_STATE_GROUPS,
     "owner name strategy state bundles unplaced attempts retry_in detached nodes"},
    {"jobs", RS_STATE_JOBS, "number name driver state pid started ended status runtime_env"},
    {0},
};

static const char *heading(const char *column, unsigned place)
{
  return strcmp(column, "owner") == 0 && place == 0 ? "id" : column;
}

/* The cell of a column by name; the names of a text are looked for last. */
static void cell_of(const struct rs_state_ask *ask, const struct rs_row *row, const char *name, char *out, size_t cap)
{
  unsigned columns;
  const struct rs_state_column *column = rs_state_columns((enum rs_state_kind)row->kind, &columns);
  size_t length;
  const char *text = rs_state_text(row, name, &length);
  if (text) {
    snprintf(out, cap, "%.*s", (int)(length < 80 ? length : 80), text);
    out[strcspn(out, "\n")] = 0;
    if (!*out)
      snprintf(out, cap, "-");
    return;
  }
  if (row->kind == RS_STATE_TASKS && strcmp(name, "function") == 0) {
    rs_state_function(ask, row->n[RS_COL(tasks, class)], row->n[RS_COL(tasks, function)], out, cap);
    return;
  }
  for (unsigned i = 0; i < columns && i < row->count; i++)
    if (strcmp(column[i].name, name) == 0) {
      rs_state_cell(ask, column[i].type, &row->n[i], false, out, cap);
      return;
    }
  rs_state_bundles(row, out, cap);
}

static void print_table(const struct rs_state_ask *ask, const struct listing *listing, struct rs_row *const *rows,
                        uint32_t count)
{
  char shown[256], *rest = NULL;
  struct rs_table table = {0};
  snprintf(shown, sizeof shown, "%s", listing->shown);
  const char *names[RS_ROW_MAX];
  for (char *at = strtok_r(shown, " ", &rest); at; at = strtok_r(NULL, " ", &rest))
    names[table.columns++] = at;
  for (unsigned c = 0; c < table.columns; c++)
    rs_table_add(&table, heading(names[c], c));
  for (uint32_t i = 0; i < count; i++)
    for (unsigned c = 0; c < table.columns; c++) {
      char cell[RS_CELL_MAX];
      cell_of(ask, rows[i], names[c], cell, sizeof cell);
      rs_table_add(&table, cell);
    }
  rs_table_print(&table);
}

/* By the first columns: node, id, number. */
static int in_order(const void *left, const void *right)
{
  const struct rs_row *a = *(struct rs_row *const *)left, *b = *(struct rs_row *const *)right;
  for (unsigned i = 0; i < 2 && i < a->count && i < b->count; i++)
    if (a->n[i] != b->n[i])
      return a->n[i] < b->n[i] ? -1 : 1;
  return 0;
}

/* A task that ended while the question was under way is told twice: its owner's word goes before. */
static uint32_t drop_twins(struct rs_row **rows, uint32_t count)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    bool twin = kept && rows[kept - 1]->n[0] == rows[i]->n[0] && rows[kept - 1]->n[1] == rows[i]->n[1];
    bool ended = twin && rows[i]->n[RS_COL(tasks, state)] >= RS_TASK_FINISHED;
    if (twin && !ended) {
      rs_row_unref(rows[i]);
      continue;
    }
    if (twin)
      rs_row_unref(rows[--kept]);
    rows[kept++] = rows[i];
  }
  return kept;
}

static void say_what_is_missing(FILE *out, const struct rs_m_state_reply *m, uint32_t shown)
{
  if (m->total > shown)
    fprintf(out, "%u of %" PRIu64 " shown; --limit N shows up to 10000\n", shown, m->total);
  if (m->answered < m->asked)
    fprintf(out, "%u of %u processes asked did not answer in time: something may be missing\n", m->asked - m->answered,
            m->asked);
}

static void print_json(const struct rs_state_ask *ask, const struct rs_m_state_reply *m, uint32_t shown)
{
  printf("{\"total\": %" PRIu64 ", \"shown\": %u, \"asked\": %u, \"answered\": %u, \"rows\": [", m->total, shown,
         m->asked, m->answered);
  for (uint32_t i = 0; i < shown; i++) {
    fputs(i ? ",\n " : "\n ", stdout);
    rs_state_json_row(stdout, ask, m->rows[i]);
  }
  fputs("\n]}\n", stdout);
}

/* The memory that the processes of workers have in use: each node's process knows that of its own. */
static void look_at_node(const struct rs_state_ask *ask, const struct rs_uv_node *node,
                         const struct rs_m_state_reply *m)
{
  struct rs_query query;
  char error[RS_UV_ERROR_MAX];
  if (rs_state_look(ask->session, node, RS_LOOK_PROCESSES, 0, UINT32_MAX, "", &query, error) != 0) {
    fprintf(stderr, "raysim list: node %u: %s\n", rs_addr_node(node->raylet), error);
    return;
  }
  struct rs_reader r = {query.answer, query.answer + query.answer_bytes, 0};
  uint32_t count = rs_get_u32(&r);
  for (uint32_t i = 0; i < count && !r.error; i++) {
    rs_addr worker = rs_get_u64(&r);
    uint64_t pid = rs_get_u32(&r), bytes = rs_get_u64(&r);
    for (uint32_t k = 0; k < m->rows_count && !r.error; k++)
      if (m->rows[k]->n[RS_COL(workers, worker)] == worker) { /* nobody else has this answer */
        m->rows[k]->n[RS_COL(workers, pid)] = pid;
        m->rows[k]->n[RS_COL(workers, rss)] = bytes;
      }
  }
  free(query.answer);
}

static void look_at_processes(const struct rs_state_ask *ask, const struct rs_m_state_reply *m)
{
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  if (m->rows_count == 0 || rs_uv_status_get(ask->session, &status, error) != 0)
    return;
  for (uint32_t i = 0; i < status.node_count; i++) {
    bool any = false;
    for (uint32_t k = 0; k < m->rows_count; k++)
      any = any || m->rows[k]->n[RS_COL(workers, node)] == rs_addr_node(status.nodes[i].raylet);
    if (any && status.nodes[i].alive)
      look_at_node(ask, &status.nodes[i], m);
  }
  rs_uv_status_free(&status);
}

/* An owner knows that an object is stored; that all its copies are on disks, the stores know. */
static void look_for_spilled(struct rs_state_ask *ask, const struct rs_m_state_reply *objects)
{
  struct rs_m_state_reply *copies;
  const struct rs_state_question q = {.kind = RS_STATE_COPIES, .limit = RS_STATE_ROWS_MAX};
  if (objects->rows_count == 0 || rs_state_get("list", ask, &q, &copies) != 0)
    return;
  if (copies->rows_count)
    qsort(copies->rows, copies->rows_count, sizeof *copies->rows, in_order);
  uint32_t c = 0;
  for (uint32_t i = 0; i < objects->rows_count; i++) { /* both in order of ids */
    uint32_t count = 0, spilled = 0;
    while (c < copies->rows_count && in_order(&copies->rows[c], &objects->rows[i]) < 0)
      c++;
    for (uint32_t k = c; k < copies->rows_count && in_order(&copies->rows[k], &objects->rows[i]) == 0; k++) {
      count++;
      spilled += copies->rows[k]->n[RS_COL(copies, state)] == RS_COPY_SPILLED;
    }
    uint64_t *state = &objects->rows[i]->n[RS_COL(objects, state)];
    if (count && count == spilled && *state == RS_OBJECT_STORED)
      *state = RS_OBJECT_SPILLED;
  }
  rs_msg_unref(&copies->head);
}

/* Filters of the state of objects are looked at here, since SPILLED is found here. */
static void keep_states(struct rs_m_state_reply *m, const uint64_t *filters, uint32_t count)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < m->rows_count; i++) {
    bool keep = true;
    for (uint32_t k = 0; k + 3 <= count; k += 3)
      keep = keep && (m->rows[i]->n[RS_COL(objects, state)] == filters[k + 2]) != (filters[k + 1] != 0);
    if (keep)
      m->rows[kept++] = m->rows[i];
    else
      rs_row_unref(m->rows[i]);
  }
  m->total -= m->rows_count - kept;
  m->rows_count = kept;
}

/* Takes the filters of the objects' state out of the others. */
static uint32_t take_states(uint64_t *filters, uint32_t *count, uint64_t *states)
{
  uint32_t kept = 0, taken = 0;
  for (uint32_t i = 0; i + 3 <= *count; i += 3) {
    bool state = filters[i] == RS_COL(objects, state);
    memmove(state ? states + taken : filters + kept, filters + i, 3 * sizeof *filters);
    *(state ? &taken : &kept) += 3;
  }
  *count = kept;
  return taken;
}

static int list(const struct rs_state_args *args, const struct listing *listing)
{
  struct rs_state_ask ask;
  struct rs_m_state_reply *m;
  uint64_t filters[24], states[24];
  uint32_t filters_count, states_count = 0;
  int rc = rs_state_filters("list", listing->kind, args, filters, &filters_count);
  if (rc != 0 || (rc = rs_state_open("list", args, &ask)) != 0)
    return rc;
  uint32_t limit = args->limit ? args->limit : RS_STATE_LIMIT_DEFAULT, asked = limit;
  if (listing->kind == RS_STATE_OBJECTS && (states_count = take_states(filters, &filters_count, states)) > 0)
    asked = RS_STATE_LIMIT_MAX;
  rc = rs_state_get("list", &ask,
                    &(struct rs_state_question){
                        .kind = listing->kind, .limit = asked, .filters = filters, .filters_count = filters_count},
                    &m);
  if (rc == 0) {
    qsort(m->rows, m->rows_count, sizeof *m->rows, in_order);
    if (listing->kind == RS_STATE_TASKS) {
      uint32_t count = drop_twins(m->rows, m->rows_count);
      m->total -= m->rows_count - count;
      m->rows_count = count;
    }
    if (listing->kind == RS_STATE_WORKERS)
      look_at_processes(&ask, m);
    if (listing->kind == RS_STATE_OBJECTS) {
      look_for_spilled(&ask, m);
      keep_states(m, states, states_count);
    }
    for (; m->rows_count > limit; m->rows_count--)
      rs_row_unref(m->rows[m->rows_count - 1]);
    if (args->json) {
      print_json(&ask, m, m->rows_count);
    } else {
      print_table(&ask, listing, m->rows, m->rows_count);
      fflush(stdout);
      say_what_is_missing(stderr, m, m->rows_count);
    }
    rs_msg_unref(&m->head);
  }
  rs_state_close(&ask);
  return rc;
}

/* What needs no cluster; false: nothing of that name. */
static bool list_names(const char *what)
{
  if (strcmp(what, "policies") == 0) {
    for (const struct rs_place_policy *const *p = rs_place_policies; *p; p++)
      printf("%-14s %s\n", (*p)->name, (*p)->doc);
  } else if (strcmp(what, "schedulers") == 0) {
    for (const struct rs_tune_sched *const *s = rs_tune_scheds; *s; s++)
      printf("%-14s %s\n", (*s)->name, (*s)->doc);
  } else if (strcmp(what, "settings") == 0) {
    for (const struct rs_config_entry *e = rs_config_table; e->name; e++)
      printf("%-52s %12lld %-6s %s\n", e->name, (long long)e->value, e->unit, e->text);
  } else {
    return false;
  }
  return true;
}

int rs_cmd_list(int argc, char **argv)
{
  struct rs_state_args args;
  int rc = rs_state_args_parse("list", list_help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if (args.word_count == 1 && list_names(args.words[0]))
    return 0;
  for (const struct listing *l = listings; l->word && args.word_count == 1; l++)
    if (strcmp(args.words[0], l->word) == 0)
      return list(&args, l);
  fprintf(stderr, "raysim list: %s\n%s", args.word_count ? "there is nothing of that name to list" : "list what?",
          list_help);
  return 2;
}

/* ---- summaries ---- */

struct group {
  uint64_t function, state, count, bytes, run_ns;
};

struct groups {
  struct group *items;
  uint32_t count, cap;
};

static struct group *group_of(struct groups *groups, uint64_t function, uint64_t state)
{
  for (uint32_t i = 0; i < groups->count; i++)
    if (groups->items[i].function == function && groups->items[i].state == state)
      return &groups->items[i];
  RS_GROW(groups->items, groups->count, groups->cap);
  groups->items[groups->count] = (struct group){.function = function, .state = state};
  return &groups->items[groups->count++];
}

static void add(struct groups *groups, const struct rs_row *row)
{
  struct group *g;
  switch (row->kind) {
  case RS_STATE_TASK_COUNTS:
    g = group_of(groups, row->n[RS_COL(task_counts, function)], row->n[RS_COL(task_counts, state)]);
    g->count += row->n[RS_COL(task_counts, count)];
    g->run_ns += row->n[RS_COL(task_counts, run)];
    return;
  case RS_STATE_ACTORS:
    group_of(groups, row->n[RS_COL(actors, function)], row->n[RS_COL(actors, state)])->count++;
    return;
  case RS_STATE_OBJECTS:
    g = group_of(groups, row->n[RS_COL(objects, function)], row->n[RS_COL(objects, state)]);
    g->count++;
    g->bytes += row->n[RS_COL(objects, size)];
    return;
  default: return;
  }
}

static int by_count(const void *left, const void *right)
{
  const struct group *a = left, *b = right;
  if (a->function != b->function)
    return a->function < b->function ? -1 : 1;
  return a->state < b->state ? -1 : a->state > b->state;
}

static const char *state_type(enum rs_state_kind kind)
{
  return kind == RS_STATE_OBJECTS ? "object_state" : kind == RS_STATE_ACTORS ? "actor_state" : "task_state";
}

static void print_groups(const struct rs_state_ask *ask, enum rs_state_kind kind, const struct groups *groups,
                         bool json)
{
  struct rs_table table = {.columns = kind == RS_STATE_ACTORS ? 3 : 4};
  const char *extra = kind == RS_STATE_OBJECTS ? "bytes" : "mean_run";
  const char *const headings[] = {"function", "state", "count", extra};
  for (unsigned i = 0; i < table.columns && !json; i++)
    rs_table_add(&table, headings[i]);
  if (json)
    fputs("{\"groups\": [", stdout);
  for (uint32_t i = 0; i < groups->count; i++) {
    const struct group *g = &groups->items[i];
    char function[RS_CELL_MAX], state[RS_CELL_MAX], count[32], more[64];
    rs_state_cell(ask, "name", &g->function, json, function, sizeof function);
    rs_state_cell(ask, state_type(kind), &g->state, json, state, sizeof state);
    uint64_t mean_ns = g->count ? g->run_ns / g->count : 0;
    if (json) {
      printf("%s\n {\"function\": %s, \"state\": %s, \"count\": %" PRIu64 ", \"bytes\": %" PRIu64
             ", \"run_ns\": %" PRIu64 "}",
             i ? "," : "", function, state, g->count, g->bytes, g->run_ns);
      continue;
    }
    snprintf(count, sizeof count, "%" PRIu64, g->count);
    if (kind == RS_STATE_OBJECTS)
      rs_state_bytes(g->bytes, more, sizeof more);
    else
      rs_state_duration(g->run_ns ? mean_ns : UINT64_MAX, more, sizeof more);
    const char *const cells[] = {function, state, count, more};
    for (unsigned c = 0; c < table.columns; c++)
      rs_table_add(&table, cells[c]);
  }
  if (json)
    fputs("\n]}\n", stdout);
  else
    rs_table_print(&table);
}

int rs_cmd_summary(int argc, char **argv)
{
  static const struct {
    const char *word;
    enum rs_state_kind kind;
  } words[] = {{"tasks", RS_STATE_TASK_COUNTS}, {"actors", RS_STATE_ACTORS}, {"objects", RS_STATE_OBJECTS}};
  struct rs_state_args args;
  struct rs_state_ask ask;
  struct rs_m_state_reply *m;
  int rc = rs_state_args_parse("summary", summary_help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  unsigned i = 0;
  while (i < 3 && !(args.word_count == 1 && strcmp(args.words[0], words[i].word) == 0))
    i++;
  if (i == 3) {
    fputs(summary_help, stderr);
    return 2;
  }
  if ((rc = rs_state_open("summary", &args, &ask)) != 0)
    return rc;
  rc = rs_state_get("summary", &ask, &(struct rs_state_question){.kind = words[i].kind, .limit = RS_STATE_LIMIT_MAX},
                    &m);
  if (rc == 0) {
    struct groups groups = {0};
    for (uint32_t k = 0; k < m->rows_count; k++)
      add(&groups, m->rows[k]);
    if (groups.count)
      qsort(groups.items, groups.count, sizeof *groups.items, by_count);
    print_groups(&ask, words[i].kind, &groups, args.json);
    fflush(stdout);
    if (m->total > m->rows_count)
      fprintf(stderr, "of %u of %" PRIu64 " only\n", m->rows_count, m->total);
    say_what_is_missing(stderr, m, (uint32_t)m->total);
    free(groups.items);
    rs_msg_unref(&m->head);
  }
  rs_state_close(&ask);
  return rc;
}
