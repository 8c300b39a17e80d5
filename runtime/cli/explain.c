/* explain.c -- raysim explain: why a task, an object's maker or an actor waits, and what each node says to it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "cli/state.h"
#include "core/codec.h"

static const char help[] = "usage: raysim explain ID [--format text|json] [--session FOLDER]\n"
                           "\n"
                           "  ID: of a task, an actor, an object or a placement group, as `raysim list` shows it. Says "
                           "what it waits for and,\n"
                           "  where it waits for a place, what the placement policy says to each node.\n";

static void amount(unsigned resource, uint64_t value, char *out, size_t cap)
{
  if (resource == RS_RESOURCE_MEMORY || resource == RS_RESOURCE_STORE)
    rs_state_bytes(value, out, cap);
  else
    snprintf(out, cap, "%g", (double)value / RS_ONE_E4);
}

static void verdict_text(const struct rs_state_ask *ask, const struct rs_row *row, char *out, size_t cap)
{
  static const char *const names[] = {"resource", "CPU", "of memory", "of object store", "GPU", "of a custom resource"};
  unsigned resource = (unsigned)row->n[RS_COL(verdicts, resource)] % 6;
  char need[64], have[64], custom[RS_CELL_MAX];
  const char *name = names[resource];
  if (resource == RS_RESOURCE_CUSTOM) {
    rs_state_cell(ask, "name", &row->n[RS_COL(verdicts, custom)], false, custom, sizeof custom);
    name = custom;
  }
  amount(resource, row->n[RS_COL(verdicts, need)], need, sizeof need);
  amount(resource, row->n[RS_COL(verdicts, have)], have, sizeof have);
  switch ((enum rs_verdict)row->n[RS_COL(verdicts, verdict)]) {
  case RS_VERDICT_FITS:
    snprintf(out, cap, "fits now (score %g)", (double)row->n[RS_COL(verdicts, score)] / RS_ONE_E4);
    return;
  case RS_VERDICT_BUSY: snprintf(out, cap, "busy: needs %s %s, %s left", need, name, have); return;
  case RS_VERDICT_INFEASIBLE:
    snprintf(out, cap, "infeasible: needs %s %s, the node has %s in all", need, name, have);
    return;
  case RS_VERDICT_LABELS: snprintf(out, cap, "infeasible: its labels do not match"); return;
  case RS_VERDICT_DRAINING: snprintf(out, cap, "draining: takes nothing new"); return;
  case RS_VERDICT_DEAD: snprintf(out, cap, "dead"); return;
  case RS_VERDICT_AFFINITY: snprintf(out, cap, "not the node that was asked for"); return;
  case RS_VERDICT_POLICY: snprintf(out, cap, "has room, but the policy does not want it there now"); return;
  case RS_VERDICT_ARGS:
    snprintf(out, cap, "has room, but arguments of running tasks take up the object store's share");
    return;
  }
  snprintf(out, cap, "?");
}

static void demand_text(const struct rs_state_ask *ask, const struct rs_row *row, char *out, size_t cap)
{
  struct rs_demand d;
  struct rs_reader r = {row->text, row->text + row->text_bytes, 0};
  rs_get_demand(&r, &d);
  out[0] = 0;
  if (row->text_bytes && !r.error)
    rs_state_demand(ask, &d, out, cap);
}
static void reason_text(const struct rs_state_ask *ask, const struct rs_row *row, char *out, size_t cap)
{
  char raylet[64], on[96], demand[RS_CELL_MAX], name[RS_CELL_MAX], age[32];
  uint64_t count = row->n[RS_COL(explain, count)];
  rs_state_addr(row->n[RS_COL(explain, raylet)], raylet, sizeof raylet);
  rs_state_id((struct rs_id){row->n[RS_COL(explain, on)], row->n[RS_COL(explain, on_seq)]}, on, sizeof on);
  rs_state_duration(row->n[RS_COL(explain, since)], age, sizeof age);
  demand_text(ask, row, demand, sizeof demand);
  switch ((enum rs_wait_reason)row->n[RS_COL(explain, reason)]) {
  case RS_WAIT_NOT: snprintf(out, cap, "it does not wait: it is at a worker of node %s", raylet); return;
  case RS_WAIT_ENDED: snprintf(out, cap, "it has ended"); return;
  case RS_WAIT_ARG: snprintf(out, cap, "its argument %s is not made yet", on); return;
  case RS_WAIT_LEASE:
    snprintf(out, cap,
             "it needs %s; submitted %s ago, %" PRIu64 " before it; the raylet of node %s was asked for a worker",
             demand, age, count, raylet);
    return;
  case RS_WAIT_TURN:
    snprintf(out, cap, "it needs %s; %" PRIu64 " before it, and the leases that its owner has are in use", demand,
             count);
    return;
  case RS_WAIT_RETRY: snprintf(out, cap, "it failed, and is tried again in a moment"); return;
  case RS_WAIT_ACTOR:
    snprintf(out, cap, "it is a call to actor %s, which is not alive, or calls before it wait", on);
    return;
  case RS_WAIT_FETCH: snprintf(out, cap, "%" PRIu64 " arguments are on their way to node %s", count, raylet); return;
  case RS_WAIT_QUEUE:
    snprintf(out, cap, "%" PRIu64 " requests before it at node %s. What the nodes say:", count, raylet);
    return;
  case RS_WAIT_WORKER: snprintf(out, cap, "node %s has given it room; its worker process starts", raylet); return;
  case RS_WAIT_PLACE:
    snprintf(out, cap, "an actor that needs %s; no node has taken it. What the nodes say:", demand);
    return;
  case RS_WAIT_GROUP:
    rs_state_cell(ask, "name", &row->n[RS_COL(explain, name)], false, name, sizeof name);
    snprintf(out, cap,
             "placement group %s%s%s: %" PRIu64 " of its bundles %s no place; number %" PRIu64
             " needs %s. What the nodes say to it alone:",
             *name == '-' ? "without a name" : "\"", *name == '-' ? "" : name, *name == '-' ? "" : "\"", count,
             count == 1 ? "has" : "have", row->n[RS_COL(explain, request)], demand);
    return;
  case RS_WAIT_CREATION: snprintf(out, cap, "an actor whose creation runs"); return;
  case RS_WAIT_OBJECTS: snprintf(out, cap, "an actor whose creation reads objects that are not made yet"); return;
  }
  snprintf(out, cap, "?");
}

static void show(const struct rs_state_ask *ask, const struct rs_m_state_reply *m, bool json, uint32_t *printed)
{
  for (uint32_t i = 0; i < m->rows_count; i++) {
    const struct rs_row *row = m->rows[i];
    char text[1024];
    bool verdict = row->kind == RS_STATE_VERDICTS;
    if (verdict)
      verdict_text(ask, row, text, sizeof text);
    else if (row->kind == RS_STATE_EXPLAIN)
      reason_text(ask, row, text, sizeof text);
    else
      continue;
    if (json) {
      fputs((*printed)++ ? ",\n " : "\n ", stdout);
      fputs("{\"text\": ", stdout);
      rs_state_json_text(stdout, text, strlen(text));
      fputs(", \"row\": ", stdout);
      rs_state_json_row(stdout, ask, row);
      fputc('}', stdout);
    } else if (verdict) {
      printf("  node %-5" PRIu64 " %s\n", row->n[RS_COL(verdicts, node)], text);
    } else {
      printf("%s\n", text);
    }
  }
}

static const struct rs_row *first_of(const struct rs_m_state_reply *m, enum rs_wait_reason reason)
{
  for (uint32_t i = 0; i < m->rows_count; i++)
    if (m->rows[i]->kind == RS_STATE_EXPLAIN && m->rows[i]->n[RS_COL(explain, reason)] == reason)
      return m->rows[i];
  return NULL;
}

/* An actor that has died; false: there is none of that id. */
static bool dead_actor(struct rs_state_ask *ask, struct rs_id id, bool json)
{
  const uint64_t filters[] = {RS_COL(actors, owner), 0, id.owner, RS_COL(actors, owner_seq), 0, id.seq};
  const struct rs_state_question q = {.kind = RS_STATE_ACTORS, .limit = 1, .filters = filters, .filters_count = 6};
  struct rs_m_state_reply *m;
  if (rs_state_get("explain", ask, &q, &m) != 0)
    return false;
  bool found = m->rows_count > 0;
  if (found) {
    size_t length;
    const char *cause = rs_state_text(m->rows[0], "death_cause", &length);
    if (json) {
      fputs("\n {\"text\": \"the actor is dead\", \"row\": ", stdout);
      rs_state_json_row(stdout, ask, m->rows[0]);
      fputc('}', stdout);
    } else {
      printf("the actor is dead: %.*s\n", (int)length, cause);
    }
  }
  rs_msg_unref(&m->head);
  return found;
}

/* Whether it has ended: then the head may remember it. */
static int ended(struct rs_state_ask *ask, struct rs_id id, bool json)
{
  uint64_t filters[] = {RS_COL(tasks, owner), 0, id.owner, RS_COL(tasks, owner_seq), 0, id.seq};
  struct rs_m_state_reply *m;
  char name[96], cell[RS_CELL_MAX];
  int rc = rs_state_get(
      "explain", ask,
      &(struct rs_state_question){.kind = RS_STATE_TASKS, .limit = 1, .filters = filters, .filters_count = 6}, &m);
  if (rc != 0)
    return rc;
  rs_state_id(id, name, sizeof name);
  if (m->rows_count) {
    rs_state_cell(ask, "task_state", &m->rows[0]->n[RS_COL(tasks, state)], false, cell, sizeof cell);
    if (json) {
      fputs("\n {\"text\": \"it has ended\", \"row\": ", stdout);
      rs_state_json_row(stdout, ask, m->rows[0]);
      fputc('}', stdout);
    } else {
      size_t length;
      const char *error = rs_state_text(m->rows[0], "error", &length);
      printf("it has ended: %s%s%.*s\n", cell, length ? ": " : "", (int)length, error);
    }
  } else if (!dead_actor(ask, id, json)) {
    fprintf(stderr, "raysim explain: %s: nobody knows it: it has ended, or never was, or its owner is gone\n", name);
    rc = 1;
  }
  rs_msg_unref(&m->head);
  return rc;
}

static int explain(struct rs_state_ask *ask, struct rs_id id, bool json)
{
  struct rs_m_state_reply *m, *verdicts;
  uint32_t printed = 0;
  struct rs_state_question q = {
      .kind = RS_STATE_EXPLAIN, .limit = RS_STATE_LIMIT_MAX, .target = id.owner, .a = id.owner, .b = id.seq};
  int rc = rs_state_get("explain", ask, &q, &m);
  if (rc != 0)
    return rc;
  if (m->rows_count == 0) {
    rs_msg_unref(&m->head);
    return ended(ask, id, json);
  }
  show(ask, m, json, &printed);
  const struct rs_row *lease = first_of(m, RS_WAIT_LEASE);
  if (lease && lease->n[RS_COL(explain, raylet)]) { /* an actor's request is the GCS's own */
    bool actor = lease->n[RS_COL(explain, since)] == 0 && lease->n[RS_COL(explain, count)] == 0;
    q = (struct rs_state_question){.kind = RS_STATE_VERDICTS,
                                   .limit = RS_STATE_LIMIT_MAX,
                                   .target = lease->n[RS_COL(explain, raylet)],
                                   .a = actor ? rs_addr_make(0, 1, RS_EP_GCS) : id.owner,
                                   .b = lease->n[RS_COL(explain, request)]};
    rc = rs_state_get("explain", ask, &q, &verdicts);
    if (rc == 0) {
      show(ask, verdicts, json, &printed);
      rs_msg_unref(&verdicts->head);
    }
  }
  rs_msg_unref(&m->head);
  return rc;
}

int rs_cmd_explain(int argc, char **argv)
{
  struct rs_state_args args;
  struct rs_state_ask ask;
  struct rs_id id;
  int rc = rs_state_args_parse("explain", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if (args.word_count != 1 || !rs_state_parse_id(args.words[0], &id)) {
    fprintf(stderr,
            "raysim explain: %s: the id of a task, actor, object or placement group is wanted, such as 0:d0#12\n",
            args.word_count ? args.words[0] : "nothing");
    return 2;
  }
  if ((rc = rs_state_open("explain", &args, &ask)) != 0)
    return rc;
  if (args.json)
    fputs("{\"rows\": [", stdout);
  rc = explain(&ask, id, args.json);
  if (args.json)
    fputs("\n]}\n", stdout);
  rs_state_close(&ask);
  return rc;
}
