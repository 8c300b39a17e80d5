/* status.c -- raysim status: the cluster at one look, as text or JSON: its nodes and their processes, how much of each
 * resource and of the object stores is in use, what runs, what waits for a place and whether any node could ever hold
 * it, and what has failed lately. Put together of the answers to several questions, asked one after the other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "cli/state.h"
#include "core/codec.h"

static const char help[] = "usage: raysim status [--format text|json] [--session FOLDER]\n"
                           "\n"
                           "  Nodes, resources in use, object stores, tasks by state, what waits for a place, and what "
                           "has failed lately.\n";

enum { FAILURES_MAX = 5 };

struct look {
  struct rs_state_ask ask;
  struct rs_uv_status status;
  struct rs_m_state_reply *nodes, *stores, *counts, *demands, *actors, *tasks;
};

/* One resource over all nodes that are alive. */
struct usage {
  uint64_t name; /* of a custom one; else 0 */
  const char *text;
  bool bytes;
  int64_t total, left;
};

struct usages {
  struct usage items[64];
  unsigned count;
};

static const struct rs_row *row_of(const struct rs_m_state_reply *m, unsigned column, uint64_t value)
{
  for (uint32_t i = 0; i < m->rows_count; i++)
    if (m->rows[i]->n[column] == value)
      return m->rows[i];
  return NULL;
}

static void use(struct usages *u, uint64_t name, const char *text, bool bytes, int64_t total, int64_t left)
{
  struct usage *at = u->items;
  while (at < u->items + u->count && (at->name != name || strcmp(at->text, text) != 0))
    at++;
  if (at == u->items + sizeof u->items / sizeof *u->items || (at == u->items + u->count && total == 0))
    return;
  if (at == u->items + u->count) {
    *at = (struct usage){.name = name, .text = text, .bytes = bytes};
    u->count++;
  }
  at->total += total;
  at->left += left;
}

static int64_t gpus(const struct rs_res *res)
{
  int64_t sum = 0;
  for (unsigned i = 0; i < res->gpu_count; i++)
    sum += res->gpu_e4[i];
  return sum;
}

static int64_t custom_left(const struct rs_res *left, uint64_t name)
{
  for (unsigned i = 0; i < left->custom_count; i++)
    if (left->custom[i].name == name)
      return left->custom[i].amount_e4;
  return 0;
}

static void use_node(struct usages *u, const struct rs_row *row)
{
  struct rs_reader r = {row->text, row->text + row->text_bytes, 0};
  struct rs_node_info *info = rs_get_info(&r);
  struct rs_res left;
  rs_get_res(&r, &left);
  if (!r.error) {
    const struct rs_res *total = &info->total;
    use(u, 0, "CPU", false, total->cpu_e4, left.cpu_e4);
    use(u, 0, "GPU", false, gpus(total), gpus(&left));
    use(u, 0, "memory", true, total->memory_bytes, left.memory_bytes);
    for (unsigned i = 0; i < total->custom_count; i++)
      use(u, total->custom[i].name, "", false, total->custom[i].amount_e4, custom_left(&left, total->custom[i].name));
  }
  if (info)
    rs_node_info_unref(info);
}

static bool alive(const struct rs_row *node)
{
  return node->n[RS_COL(nodes, state)] == RS_NODE_ALIVE || node->n[RS_COL(nodes, state)] == RS_NODE_DRAINING;
}

static struct usages usages_of(const struct look *look)
{
  struct usages u = {0};
  for (uint32_t i = 0; i < look->nodes->rows_count; i++)
    if (alive(look->nodes->rows[i]))
      use_node(&u, look->nodes->rows[i]);
  for (uint32_t i = 0; i < look->stores->rows_count; i++) {
    const uint64_t *n = look->stores->rows[i]->n;
    use(&u, 0, "object store", true, (int64_t)n[RS_COL(stores, capacity)],
        (int64_t)(n[RS_COL(stores, capacity)] - n[RS_COL(stores, used)]));
  }
  return u;
}

static void usage_text(const struct usage *u, char *used, char *total, size_t cap)
{
  int64_t in_use = u->total > u->left ? u->total - u->left : 0;
  if (u->bytes) {
    rs_state_bytes((uint64_t)in_use, used, cap);
    rs_state_bytes((uint64_t)u->total, total, cap);
  } else {
    snprintf(used, cap, "%g", (double)in_use / RS_ONE_E4);
    snprintf(total, cap, "%g", (double)u->total / RS_ONE_E4);
  }
}

/* Of all functions together. */
static void count_states(const struct look *look, uint64_t counts[RS_TASK_STATES])
{
  memset(counts, 0, RS_TASK_STATES * sizeof *counts);
  for (uint32_t i = 0; i < look->counts->rows_count; i++) {
    const uint64_t *n = look->counts->rows[i]->n;
    if (n[RS_COL(task_counts, state)] < RS_TASK_STATES)
      counts[n[RS_COL(task_counts, state)]] += n[RS_COL(task_counts, count)];
  }
}

static void demand_text(const struct look *look, const struct rs_row *row, char *out, size_t cap)
{
  struct rs_demand d;
  char demand[RS_CELL_MAX], strategy[64], name[RS_CELL_MAX];
  struct rs_reader r = {row->text, row->text + row->text_bytes, 0};
  uint64_t count = row->n[RS_COL(demands, count)];
  rs_get_demand(&r, &d);
  snprintf(demand, sizeof demand, "?");
  if (!r.error)
    rs_state_demand(&look->ask, &d, demand, sizeof demand);
  const char *hope = row->n[RS_COL(demands, nodes)] ? "" : "; no node that is alive could ever hold it";
  if (row->n[RS_COL(demands, kind)] == RS_WAIT_KIND_GROUP) {
    rs_state_cell(&look->ask, "group_strategy", &row->n[RS_COL(demands, strategy)], false, strategy, sizeof strategy);
    rs_state_cell(&look->ask, "name", &row->n[RS_COL(demands, name)], false, name, sizeof name);
    snprintf(out, cap, "{%.250s}: %" PRIu64 " bundle%s without a place of placement group %.200s (%s)%s", demand,
             row->n[RS_COL(demands, bundles)], row->n[RS_COL(demands, bundles)] == 1 ? "" : "s", name, strategy, hope);
    return;
  }
  const char *what = row->n[RS_COL(demands, kind)] == RS_WAIT_KIND_ACTOR ? "actor" : "request for a worker";
  const char *many = row->n[RS_COL(demands, kind)] == RS_WAIT_KIND_ACTOR ? "actors" : "requests for workers";
  snprintf(out, cap, "{%.250s}: %" PRIu64 " %s%s", demand, count, count == 1 ? what : many, hope);
}

/* ---- failures ---- */

struct failure {
  uint64_t ago;
  char text[512];
};

struct failures {
  struct failure items[3 * FAILURES_MAX];
  unsigned count;
};

static int by_ago(const void *left, const void *right)
{
  const struct failure *a = left, *b = right;
  return a->ago < b->ago ? -1 : a->ago > b->ago;
}

static struct failure *failure_new(struct failures *f, uint64_t ago, unsigned *of_kind)
{
  if (*of_kind == FAILURES_MAX)
    return NULL;
  ++*of_kind;
  f->items[f->count].ago = ago;
  return &f->items[f->count++];
}

static void about_text(const struct rs_row *row, const char *name, char *out, size_t cap)
{
  size_t length;
  const char *text = rs_state_text(row, name, &length);
  snprintf(out, cap, "%.*s", (int)(length < 200 ? length : 200), text);
  out[strcspn(out, "\n")] = 0;
}

static struct failures failures_of(const struct look *look)
{
  struct failures f = {0};
  unsigned nodes = 0, actors = 0, tasks = 0;
  struct failure *at;
  char id[96], why[256], function[RS_CELL_MAX];
  for (uint32_t i = look->nodes->rows_count; i-- > 0;) {
    const uint64_t *n = look->nodes->rows[i]->n;
    if (n[RS_COL(nodes, reason)] && (at = failure_new(&f, n[RS_COL(nodes, ended)], &nodes)))
      snprintf(at->text, sizeof at->text, "node %" PRIu64 ": %s", n[0],
               rs_error_text((int)(int64_t)n[RS_COL(nodes, reason)]));
  }
  for (uint32_t i = 0; i < look->actors->rows_count; i++) {
    const struct rs_row *row = look->actors->rows[i];
    if (!row->n[RS_COL(actors, reason)] || !(at = failure_new(&f, row->n[RS_COL(actors, ended)], &actors)))
      continue;
    rs_state_id((struct rs_id){row->n[0], row->n[1]}, id, sizeof id);
    rs_state_cell(&look->ask, "name", &row->n[RS_COL(actors, function)], false, function, sizeof function);
    about_text(row, "death_cause", why, sizeof why);
    snprintf(at->text, sizeof at->text, "actor %s %.100s: %s", id, function, why);
  }
  for (uint32_t i = 0; i < look->tasks->rows_count; i++) {
    const struct rs_row *row = look->tasks->rows[i];
    if (!(at = failure_new(&f, row->n[RS_COL(tasks, ended)], &tasks)))
      continue;
    rs_state_id((struct rs_id){row->n[0], row->n[1]}, id, sizeof id);
    rs_state_function(&look->ask, row->n[RS_COL(tasks, class)], row->n[RS_COL(tasks, function)], function,
                      sizeof function);
    about_text(row, "error", why, sizeof why);
    snprintf(at->text, sizeof at->text, "task %s %.100s: %s", id, function, why);
  }
  qsort(f.items, f.count, sizeof *f.items, by_ago);
  return f;
}

/* ---- as text ---- */

static void text_nodes(const struct look *look)
{
  static const char *const headings[] = {"node", "state",        "pid",    "address", "CPUs",
                                         "GPUs", "object store", "queued", "actors"};
  struct rs_table table = {.columns = 9};
  double cpus = 0, all_gpus = 0;
  uint32_t living = 0;
  for (unsigned i = 0; i < 9; i++)
    rs_table_add(&table, headings[i]);
  for (uint32_t i = 0; i < look->status.node_count; i++) {
    const struct rs_uv_node *node = &look->status.nodes[i];
    const struct rs_row *row = row_of(look->nodes, RS_COL(nodes, node), rs_addr_node(node->raylet));
    const struct rs_row *store = row_of(look->stores, RS_COL(stores, node), rs_addr_node(node->raylet));
    char cell[9][128] = {"", "JOINING", "", "-", "-", "-", "-", "-", "-"}, used[64], total[64];
    snprintf(cell[0], sizeof *cell, "%u", rs_addr_node(node->raylet));
    snprintf(cell[2], sizeof *cell, "%d", node->pid);
    bool lives = row && alive(row) && node->alive;
    if (row)
      rs_state_cell(NULL, "node_state", &row->n[RS_COL(nodes, state)], false, cell[1], sizeof *cell);
    if (!node->alive)
      snprintf(cell[1], sizeof *cell, "DEAD");
    if (lives) {
      const uint64_t *n = row->n;
      double c = (double)n[RS_COL(nodes, cpus)] / RS_ONE_E4, g = (double)n[RS_COL(nodes, gpus)] / RS_ONE_E4;
      snprintf(cell[3], sizeof *cell, "%s:%u", node->host, node->port);
      snprintf(cell[4], sizeof *cell, "%g/%g", c - (double)n[RS_COL(nodes, cpus_left)] / RS_ONE_E4, c);
      snprintf(cell[5], sizeof *cell, "%g/%g", g - (double)n[RS_COL(nodes, gpus_left)] / RS_ONE_E4, g);
      snprintf(cell[7], sizeof *cell, "%" PRIu64, n[RS_COL(nodes, queued)]);
      snprintf(cell[8], sizeof *cell, "%" PRIu64, n[RS_COL(nodes, actors)]);
      living++;
      cpus += c;
      all_gpus += g;
    }
    if (store) {
      rs_state_bytes(store->n[RS_COL(stores, used)], used, sizeof used);
      rs_state_bytes(store->n[RS_COL(stores, capacity)], total, sizeof total);
      snprintf(cell[6], sizeof *cell, "%s/%s", used, total);
    }
    for (unsigned k = 0; k < 9; k++)
      rs_table_add(&table, cell[k]);
  }
  rs_table_print(&table);
  printf("%u of %u nodes alive, %g CPUs, %g GPUs\n", living, look->status.node_count, cpus, all_gpus);
}

static void text(const struct look *look)
{
  struct usages u = usages_of(look);
  struct failures f = failures_of(look);
  uint64_t counts[RS_TASK_STATES], objects = 0, spilled = 0;
  char a[1024], b[64];
  text_nodes(look);
  printf("\nIn use\n");
  for (unsigned i = 0; i < u.count; i++) {
    char name[RS_CELL_MAX];
    usage_text(&u.items[i], a, b, sizeof b);
    snprintf(name, sizeof name, "%s", u.items[i].text);
    if (u.items[i].name)
      rs_state_cell(&look->ask, "name", &u.items[i].name, false, name, sizeof name);
    printf("  %s/%s %s\n", a, b, name);
  }
  for (uint32_t i = 0; i < look->stores->rows_count; i++) {
    objects += look->stores->rows[i]->n[RS_COL(stores, objects)];
    spilled += look->stores->rows[i]->n[RS_COL(stores, spilled)];
  }
  rs_state_bytes(spilled, b, sizeof b);
  printf("  %" PRIu64 " objects in stores, %s on disks\n", objects, b);
  count_states(look, counts);
  printf("\nTasks\n");
  unsigned states = 0;
  for (uint64_t s = 0; s < RS_TASK_STATES; s++)
    if (counts[s]) {
      rs_state_cell(NULL, "task_state", &s, false, b, sizeof b);
      printf("  %" PRIu64 " %s\n", counts[s], b);
      states++;
    }
  if (!states)
    printf("  none yet\n");
  printf("\nWaiting for a place\n");
  for (uint32_t i = 0; i < look->demands->rows_count; i++) {
    demand_text(look, look->demands->rows[i], a, sizeof a);
    printf("  %s\n", a);
  }
  if (!look->demands->rows_count)
    printf("  nothing\n");
  printf("\nRecent failures\n");
  for (unsigned i = 0; i < f.count; i++) {
    rs_state_duration(f.items[i].ago, b, sizeof b);
    printf("  %s ago  %s\n", b, f.items[i].text);
  }
  if (!f.count)
    printf("  none\n");
  printf("\nsession %s\n", look->ask.session);
}

/* ---- as JSON ---- */

static void json_rows(const char *key, const struct look *look, const struct rs_m_state_reply *m)
{
  printf(",\n \"%s\": [", key);
  for (uint32_t i = 0; i < m->rows_count; i++) {
    char demand[1024];
    fputs(i ? ",\n  " : "\n  ", stdout);
    if (m->kind == RS_STATE_DEMANDS) {
      demand_text(look, m->rows[i], demand, sizeof demand);
      fputs("{\"text\": ", stdout);
      rs_state_json_text(stdout, demand, strlen(demand));
      fputs(", \"row\": ", stdout);
    }
    rs_state_json_row(stdout, &look->ask, m->rows[i]);
    if (m->kind == RS_STATE_DEMANDS)
      fputc('}', stdout);
  }
  fputs("]", stdout);
}

static void json(const struct look *look)
{
  struct usages u = usages_of(look);
  struct failures f = failures_of(look);
  uint64_t counts[RS_TASK_STATES];
  char name[RS_CELL_MAX];
  printf("{\"nodes\": [");
  for (uint32_t i = 0; i < look->status.node_count; i++) {
    const struct rs_uv_node *n = &look->status.nodes[i];
    const struct rs_row *row = row_of(look->nodes, RS_COL(nodes, node), rs_addr_node(n->raylet));
    printf("%s\n  {\"node\": %u, \"incarnation\": %u, \"alive\": %s, \"pid\": %d, \"host\": \"%s\", \"port\": %u, "
           "\"cpus\": %g, \"gpus\": %d, \"memory_bytes\": %" PRId64 ", \"state\": ",
           i ? "," : "", rs_addr_node(n->raylet), rs_addr_incarnation(n->raylet), n->alive ? "true" : "false", n->pid,
           n->host, n->port, n->info ? (double)n->info->total.cpu_e4 / RS_ONE_E4 : 0,
           n->info ? n->info->total.gpu_count : 0, n->info ? n->info->total.memory_bytes : 0);
    if (row)
      rs_state_json_row(stdout, &look->ask, row);
    else
      fputs("null", stdout);
    fputc('}', stdout);
  }
  printf("],\n \"resources\": [");
  for (unsigned i = 0; i < u.count; i++) {
    snprintf(name, sizeof name, "%s", u.items[i].text);
    if (u.items[i].name)
      rs_state_cell(&look->ask, "name", &u.items[i].name, false, name, sizeof name);
    double unit = u.items[i].bytes ? 1 : RS_ONE_E4;
    fputs(i ? ",\n  {\"name\": " : "\n  {\"name\": ", stdout);
    rs_state_json_text(stdout, name, strlen(name));
    printf(", \"used\": %.15g, \"total\": %.15g}", (double)(u.items[i].total - u.items[i].left) / unit,
           (double)u.items[i].total / unit);
  }
  fputs("]", stdout);
  json_rows("stores", look, look->stores);
  count_states(look, counts);
  fputs(",\n \"tasks\": {", stdout);
  for (uint64_t s = 0; s < RS_TASK_STATES; s++) {
    rs_state_cell(NULL, "task_state", &s, true, name, sizeof name);
    printf("%s%s: %" PRIu64, s ? ", " : "", name, counts[s]);
  }
  fputs("}", stdout);
  json_rows("demands", look, look->demands);
  fputs(",\n \"failures\": [", stdout);
  for (unsigned i = 0; i < f.count; i++) {
    printf("%s\n  {\"ago_ns\": %" PRIu64 ", \"text\": ", i ? "," : "", f.items[i].ago);
    rs_state_json_text(stdout, f.items[i].text, strlen(f.items[i].text));
    fputc('}', stdout);
  }
  fputs("],\n \"session\": ", stdout);
  rs_state_json_text(stdout, look->ask.session, strlen(look->ask.session));
  fputs("}\n", stdout);
}

/* ---- the command ---- */

static int ask(struct look *look)
{
  const uint64_t dead[] = {RS_COL(actors, state), 0, RS_ACTOR_DEAD, RS_COL(actors, reason), 1, RS_ERR_OK},
                 failed[] = {RS_COL(tasks, state), 0, RS_TASK_FAILED_FOR_GOOD};
  const struct {
    struct rs_m_state_reply **answer;
    struct rs_state_question question;
  } asked[] = {
      {&look->nodes, {.kind = RS_STATE_NODES, .limit = RS_STATE_ROWS_MAX}},
      {&look->stores, {.kind = RS_STATE_STORES, .limit = RS_STATE_ROWS_MAX}},
      {&look->counts, {.kind = RS_STATE_TASK_COUNTS, .limit = RS_STATE_ROWS_MAX}},
      {&look->demands, {.kind = RS_STATE_DEMANDS, .limit = RS_STATE_LIMIT_DEFAULT}},
      {&look->actors, {.kind = RS_STATE_ACTORS, .limit = FAILURES_MAX, .filters = dead, .filters_count = 6}},
      {&look->tasks, {.kind = RS_STATE_TASKS, .limit = FAILURES_MAX, .filters = failed, .filters_count = 3}},
  };
  int rc = 0;
  for (unsigned i = 0; i < sizeof asked / sizeof *asked && rc == 0; i++)
    rc = rs_state_get("status", &look->ask, &asked[i].question, asked[i].answer);
  return rc;
}

int rs_cmd_status(int argc, char **argv)
{
  struct rs_state_args args;
  char error[RS_UV_ERROR_MAX];
  int rc = rs_state_args_parse("status", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if (args.word_count) {
    fprintf(stderr, "raysim status: %s: it takes no words\n", args.words[0]);
    return 2;
  }
  struct look *look = rs_alloc_zero(1, sizeof *look);
  if ((rc = rs_state_open("status", &args, &look->ask)) != 0) {
    free(look);
    return rc;
  }
  if (rs_uv_status_get(look->ask.session, &look->status, error) != 0) {
    fprintf(stderr, "raysim status: %s\n", error);
    rc = 1;
  }
  if (rc == 0)
    rc = ask(look);
  if (rc == 0 && args.json)
    json(look);
  else if (rc == 0)
    text(look);
  struct rs_m_state_reply *const answers[] = {look->nodes,   look->stores, look->counts,
                                              look->demands, look->actors, look->tasks};
  for (unsigned i = 0; i < sizeof answers / sizeof *answers; i++)
    if (answers[i])
      rs_msg_unref(&answers[i]->head);
  rs_uv_status_free(&look->status);
  rs_state_close(&look->ask);
  free(look);
  return rc;
}
