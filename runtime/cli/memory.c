/* memory.c -- raysim memory: every object that its owner knows, who holds it, and where its bytes are. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "cli/state.h"

static const char help[] = "usage: raysim memory [--limit N] [--format table|json] [--session FOLDER]\n"
                           "\n"
                           "  The largest objects first, then what each node's store holds. --limit: default 100.\n";

struct joined {
  const struct rs_row *object;  /* NULL: a copy whose owner did not answer, or is gone */
  const struct rs_row *primary; /* NULL: none is known */
  uint32_t copies, pins, spilled;
};

static int by_id(const void *left, const void *right)
{
  const struct rs_row *a = *(struct rs_row *const *)left, *b = *(struct rs_row *const *)right;
  for (unsigned i = 0; i < 2; i++)
    if (a->n[i] != b->n[i])
      return a->n[i] < b->n[i] ? -1 : 1;
  return 0;
}

static uint64_t size_of(const struct joined *j)
{
  return j->object && j->object->n[RS_COL(objects, size)] ? j->object->n[RS_COL(objects, size)]
         : j->primary                                     ? j->primary->n[RS_COL(copies, size)]
                                                          : 0;
}

static int by_size(const void *left, const void *right)
{
  const struct joined *a = left, *b = right;
  uint64_t x = size_of(a), y = size_of(b);
  if (x != y)
    return x > y ? -1 : 1;
  const struct rs_row *p = a->object ? a->object : a->primary, *q = b->object ? b->object : b->primary;
  return by_id(&p, &q);
}

/* Both sorted by id. */
static struct joined *join(const struct rs_m_state_reply *objects, const struct rs_m_state_reply *copies,
                           uint32_t *count)
{
  struct joined *out = rs_alloc_zero((size_t)objects->rows_count + copies->rows_count + 1, sizeof *out);
  uint32_t o = 0, c = 0;
  *count = 0;
  while (o < objects->rows_count || c < copies->rows_count) {
    struct joined *j = &out[(*count)++];
    int order = o == objects->rows_count  ? 1
                : c == copies->rows_count ? -1
                                          : by_id(&objects->rows[o], &copies->rows[c]);
    const struct rs_row *id = order <= 0 ? objects->rows[o] : copies->rows[c];
    if (order <= 0)
      j->object = objects->rows[o++];
    for (; c < copies->rows_count && by_id(&copies->rows[c], &id) == 0; c++) {
      const struct rs_row *row = copies->rows[c];
      j->copies++;
      j->pins += (uint32_t)row->n[RS_COL(copies, pins)];
      j->spilled += row->n[RS_COL(copies, state)] == RS_COPY_SPILLED;
      if (row->n[RS_COL(copies, primary)] || !j->primary)
        j->primary = row;
    }
  }
  return out;
}

static const char *reference_of(const struct joined *j)
{
  if (!j->object)
    return "OWNER_UNKNOWN";
  int status = (int)(int64_t)j->object->n[RS_COL(objects, status)];
  if (j->object->n[RS_COL(objects, state)] == RS_OBJECT_GONE) /* its bytes, or it was never made */
    return status == RS_ERR_OBJECT_LOST || status == RS_ERR_NODE_DIED || status == RS_ERR_OWNER_DIED ? "LOST"
                                                                                                     : "FAILED";
  if (j->object->n[RS_COL(objects, kept)])
    return "LOCAL_REFERENCE";
  if (j->object->n[RS_COL(objects, readers)])
    return "USED_BY_PENDING_TASK";
  return j->object->n[RS_COL(objects, borrowers)] ? "BORROWED" : "CAPTURED_IN_OBJECT";
}

static void print_one(const struct rs_state_ask *ask, const struct joined *j, bool json, bool first,
                      struct rs_table *table)
{
  char id[96], size[64], function[RS_CELL_MAX], node[32] = "-", where[64];
  const struct rs_row *row = j->object ? j->object : j->primary;
  rs_state_cell(ask, "id", row->n, json, id, sizeof id);
  uint64_t name = j->object ? j->object->n[RS_COL(objects, function)] : 0, bytes = size_of(j);
  rs_state_cell(ask, "name", &name, json, function, sizeof function);
  if (j->primary)
    snprintf(node, sizeof node, "%" PRIu64, j->primary->n[RS_COL(copies, node)]);
  const char *held = j->spilled ? "SPILLED" : j->pins ? "PINNED" : j->copies ? "IN_STORE" : "IN_OWNER";
  if (json) {
    printf("%s\n {\"id\": %s, \"size\": %" PRIu64
           ", \"reference\": \"%s\", \"where\": \"%s\", \"node\": %s, \"copies\": %u, "
           "\"pins\": %u, \"function\": %s}",
           first ? "" : ",", id, bytes, reference_of(j), held, j->primary ? node : "null", j->copies, j->pins,
           function);
    return;
  }
  rs_state_bytes(bytes, size, sizeof size);
  snprintf(where, sizeof where, "%s%s%s", held, j->primary ? " node " : "", j->primary ? node : "");
  const char *const cells[] = {id, size, reference_of(j), where, function};
  for (unsigned i = 0; i < 5; i++)
    rs_table_add(table, cells[i]);
}

static void print_nodes(const struct rs_m_state_reply *copies)
{
  struct {
    uint64_t node, bytes, count;
  } nodes[64] = {0};
  unsigned count = 0;
  for (uint32_t i = 0; i < copies->rows_count; i++) {
    const struct rs_row *row = copies->rows[i];
    unsigned k = 0;
    while (k < count && nodes[k].node != row->n[RS_COL(copies, node)])
      k++;
    if (k == 64)
      continue;
    if (k == count)
      nodes[count++].node = row->n[RS_COL(copies, node)];
    nodes[k].bytes += row->n[RS_COL(copies, size)];
    nodes[k].count++;
  }
  for (unsigned k = 0; k < count; k++) {
    char bytes[64];
    rs_state_bytes(nodes[k].bytes, bytes, sizeof bytes);
    printf("node %" PRIu64 ": %" PRIu64 " objects, %s\n", nodes[k].node, nodes[k].count, bytes);
  }
}

static void show(const struct rs_state_ask *ask, const struct rs_state_args *args, struct rs_m_state_reply *objects,
                 struct rs_m_state_reply *copies)
{
  uint32_t count, limit = args->limit ? args->limit : RS_STATE_LIMIT_DEFAULT;
  if (objects->rows_count)
    qsort(objects->rows, objects->rows_count, sizeof *objects->rows, by_id);
  if (copies->rows_count)
    qsort(copies->rows, copies->rows_count, sizeof *copies->rows, by_id);
  struct joined *all = join(objects, copies, &count);
  qsort(all, count, sizeof *all, by_size);
  struct rs_table table = {.columns = 5};
  static const char *const headings[] = {"id", "size", "reference", "where", "function"};
  for (unsigned i = 0; i < 5 && !args->json; i++)
    rs_table_add(&table, headings[i]);
  if (args->json)
    printf("{\"total\": %u, \"objects\": [", count);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    bytes += size_of(&all[i]);
    if (i < limit)
      print_one(ask, &all[i], args->json, i == 0, &table);
  }
  if (args->json) {
    printf("\n], \"bytes\": %" PRIu64 "}\n", bytes);
  } else {
    char text[64];
    rs_table_print(&table);
    rs_state_bytes(bytes, text, sizeof text);
    printf("%u objects, %s in all\n", count, text);
    print_nodes(copies);
  }
  free(all);
}

int rs_cmd_memory(int argc, char **argv)
{
  struct rs_state_args args;
  struct rs_state_ask ask;
  struct rs_m_state_reply *objects, *copies;
  int rc = rs_state_args_parse("memory", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if ((rc = rs_state_open("memory", &args, &ask)) != 0)
    return rc;
  struct rs_state_question q = {.kind = RS_STATE_OBJECTS, .limit = RS_STATE_LIMIT_MAX};
  rc = rs_state_get("memory", &ask, &q, &objects);
  if (rc == 0) {
    q.kind = RS_STATE_COPIES;
    rc = rs_state_get("memory", &ask, &q, &copies);
    if (rc == 0) {
      show(&ask, &args, objects, copies);
      rs_msg_unref(&copies->head);
    }
    rs_msg_unref(&objects->head);
  }
  rs_state_close(&ask);
  return rc;
}
