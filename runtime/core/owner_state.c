/* owner_state.c -- what an owner knows about the state of its tasks and objects, and why one of its tasks waits.
 * O(tasks or objects) for each question but EXPLAIN, which is O(arguments). */
#include "core/codec.h"
#include "core/owner_int.h"
#include "core/state.h"

/* The first in flight runs, as far as its owner can know. */
static enum rs_task_state state_of(const struct owned_task *t)
{
  switch (t->state) {
  case TASK_BLOCKED: return t->blocked_on ? RS_TASK_PENDING_ARGS_AVAIL : RS_TASK_PENDING_ACTOR;
  case TASK_QUEUED: return t->actor ? RS_TASK_PENDING_ACTOR : RS_TASK_PENDING_NODE_ASSIGNMENT;
  case TASK_DELAYED: return RS_TASK_PENDING_RETRY;
  case TASK_PUSHED: break;
  }
  const struct rs_link *list = t->lease ? &t->lease->in_flight : t->actor ? &t->actor->in_flight : NULL;
  return list && list->next != &t->link ? RS_TASK_SUBMITTED_TO_WORKER : RS_TASK_RUNNING;
}

static void task_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_owner *o = ep->owner;
  uint32_t left = o->tasks.count;
  for (uint32_t i = 0; i < o->tasks.cap && left; i++) {
    if (!o->tasks.slots[i].key)
      continue;
    if (rs_answer_only_count(answer, left))
      break;
    left--;
    const struct owned_task *t = (void *)(uintptr_t)o->tasks.slots[i].value;
    struct rs_row *row = rs_owner_task_row(ep, t, state_of(t), NULL, 0);
    row->n[RS_COL(tasks, queued)] = ep->now - t->queued_at;
    rs_answer_add(answer, row);
  }
  rs_owner_events_rows(ep, answer);
}

static void task_counts(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_owner *o = ep->owner;
  struct rs_map counts = {0}; /* function and state -> row */
  struct rs_row **rows = NULL;
  uint32_t count = 0, cap = 0;
  for (uint32_t i = 0; i < o->tasks.cap; i++) {
    if (!o->tasks.slots[i].key)
      continue;
    const struct owned_task *t = (void *)(uintptr_t)o->tasks.slots[i].value;
    enum rs_task_state state = state_of(t);
    uint64_t key = rs_mix64(t->task->function ^ rs_mix64(1u + (unsigned)state));
    key = key ? key : 1;
    struct rs_row *row = rs_map_get_ptr(&counts, key);
    if (!row) {
      row = rs_row_new(RS_STATE_TASK_COUNTS, RS_COLS(task_counts), 0);
      row->n[RS_COL(task_counts, function)] = t->task->function;
      row->n[RS_COL(task_counts, state)] = state;
      rs_map_put_ptr(&counts, key, row);
      RS_GROW(rows, count, cap);
      rows[count++] = row;
    }
    row->n[RS_COL(task_counts, count)]++;
  }
  for (uint32_t i = 0; i < count; i++)
    rs_answer_add(answer, rows[i]);
  free(rows);
  rs_map_free(&counts);
  rs_owner_events_rows(ep, answer);
}

static void object_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < o->refs.cap; i++) {
    if (!o->refs.slots[i].key)
      continue;
    const struct ref *obj = (void *)(uintptr_t)o->refs.slots[i].value;
    const struct rs_result *error = obj->more ? obj->more->error : NULL;
    if (obj->origin == REF_OF_ACTOR)
      continue; /* a handle */
    struct rs_row *row = rs_row_new(RS_STATE_OBJECTS, RS_COLS(objects), 0);
    row->n[RS_COL(objects, owner)] = obj->id.owner;
    row->n[RS_COL(objects, owner_seq)] = obj->id.seq;
    row->n[RS_COL(objects, size)] = obj->size_bytes;
    row->n[RS_COL(objects, state)] = obj->fate == REF_PENDING  ? RS_OBJECT_PENDING
                                     : obj->fate == REF_INLINE ? RS_OBJECT_INLINE
                                     : obj->fate == REF_STORED ? RS_OBJECT_STORED
                                                               : RS_OBJECT_GONE;
    row->n[RS_COL(objects, kept)] = obj->count > 0;
    row->n[RS_COL(objects, readers)] = obj->holds;
    for (uint32_t k = 0; obj->more && k < obj->more->lend_count; k++)
      row->n[RS_COL(objects, borrowers)] += obj->more->lends[k].borrows;
    row->n[RS_COL(objects, copies)] = obj->location_count;
    row->n[RS_COL(objects, node)] = obj->location_count ? rs_addr_node(obj->locations[0]) : RS_NODE_NONE;
    row->n[RS_COL(objects, function)] = obj->function;
    row->n[RS_COL(objects, status)] = (uint64_t)(int64_t)(error ? error->status : RS_ERR_OK);
    rs_answer_add(answer, row);
  }
}

/* ---- why a task waits ---- */

static struct rs_row *wait_row(const struct rs_endpoint *ep, const struct owned_task *t, enum rs_wait_reason reason,
                               const struct rs_demand *demand)
{
  struct rs_writer w = {NULL, 0, 0};
  if (demand)
    rs_put_demand(&w, demand);
  struct rs_row *row = rs_row_new(RS_STATE_EXPLAIN, RS_COLS(explain), (uint32_t)w.size);
  w = (struct rs_writer){row->text, w.size, 0};
  if (demand)
    rs_put_demand(&w, demand);
  row->n[RS_COL(explain, owner)] = t->task->id.owner;
  row->n[RS_COL(explain, owner_seq)] = t->task->id.seq;
  row->n[RS_COL(explain, reason)] = reason;
  row->n[RS_COL(explain, target)] = RS_NODE_NONE;
  row->n[RS_COL(explain, since)] = ep->now - t->queued_at;
  return row;
}

static void explain_args(struct rs_endpoint *ep, const struct owned_task *t, struct rs_answer *answer)
{
  for (uint32_t i = 0; i < t->task->dep_count; i++) {
    struct rs_id id = t->task->deps[i].id;
    const struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
    if (ref && ref->fate != REF_PENDING)
      continue;
    struct rs_row *row = wait_row(ep, t, RS_WAIT_ARG, NULL);
    row->n[RS_COL(explain, on)] = id.owner;
    row->n[RS_COL(explain, on_seq)] = id.seq;
    row->n[RS_COL(explain, count)] = t->blocked_on;
    rs_answer_add(answer, row);
  }
}

static void explain_queued(struct rs_endpoint *ep, const struct owned_task *t, struct rs_answer *answer)
{
  const struct sched_key *key = t->key;
  uint64_t before = 0;
  for (const struct rs_link *at = key->queue.next; at != &key->queue && at != &t->link; at = at->next)
    before++;
  bool asked = !rs_list_empty(&key->requests);
  struct rs_row *row = wait_row(ep, t, asked ? RS_WAIT_LEASE : RS_WAIT_TURN, &key->demand->is);
  if (asked) {
    const struct request *request = RS_ENTRY(key->requests.next, struct request, link);
    row->n[RS_COL(explain, raylet)] = request->raylet;
    row->n[RS_COL(explain, request)] = request->number;
  }
  row->n[RS_COL(explain, count)] = before;
  row->n[RS_COL(explain, strategy)] = key->strategy;
  row->n[RS_COL(explain, target)] = key->target;
  rs_answer_add(answer, row);
}

static void explain(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_owner *o = ep->owner;
  struct rs_id id = {answer->query->a, answer->query->b};
  if (id.owner != ep->self)
    return;
  const struct owned_task *t = id.seq ? rs_map_get_ptr(&o->tasks, id.seq) : NULL;
  for (uint64_t back = 1; !t && back <= RS_TASK_RETURNS_MAX && back < id.seq; back++) { /* an object: its maker */
    t = rs_map_get_ptr(&o->tasks, id.seq - back);
    if (t && t->task->return_count < back)
      t = NULL;
  }
  if (!t)
    return;
  switch (state_of(t)) {
  case RS_TASK_PENDING_ARGS_AVAIL: explain_args(ep, t, answer); return;
  case RS_TASK_PENDING_NODE_ASSIGNMENT: explain_queued(ep, t, answer); return;
  case RS_TASK_PENDING_RETRY: rs_answer_add(answer, wait_row(ep, t, RS_WAIT_RETRY, NULL)); return;
  case RS_TASK_PENDING_ACTOR: {
    struct rs_row *row = wait_row(ep, t, RS_WAIT_ACTOR, NULL);
    row->n[RS_COL(explain, on)] = t->task->actor.owner;
    row->n[RS_COL(explain, on_seq)] = t->task->actor.seq;
    rs_answer_add(answer, row);
    return;
  }
  default: {
    struct rs_row *row = wait_row(ep, t, RS_WAIT_NOT, NULL);
    row->n[RS_COL(explain, raylet)] = rs_addr_raylet(t->worker);
    rs_answer_add(answer, row);
  }
  }
}

void rs_owner_state_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  switch (answer->query->kind) {
  case RS_STATE_TASKS: task_rows(ep, answer); return;
  case RS_STATE_TASK_COUNTS: task_counts(ep, answer); return;
  case RS_STATE_OBJECTS: object_rows(ep, answer); return;
  case RS_STATE_EXPLAIN: explain(ep, answer); return;
  default: return;
  }
}
