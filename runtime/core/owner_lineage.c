/* owner_lineage.c -- lineage: finished tasks that can run again when what they made is lost.
 *
 * While a stored return of a task lives, its owner keeps the task (with the small arguments inside it). When the last
 * copy of a return is lost the task runs once more, which costs one of its retries; arguments that are gone meanwhile
 * are made again before, by their own tasks, however long the chain. For that the record of an argument stays while a
 * task that reads it may have to run again, even if its bytes were freed (REF_FREED). What was put, what an actor's
 * call returned and what was borrowed cannot be made again. All as in Ray.
 *
 * The kept tasks may take max_lineage_bytes; beyond it the older half is forgotten. Chains are followed in loops.
 * Cost: O(arguments) a task.
 */
#include "core/owner_int.h"

static uint64_t bytes_of(const struct rs_task *task)
{
  uint64_t bytes = sizeof(struct lineage) + sizeof *task + task->args_bytes;
  for (uint32_t i = 0; i < task->dep_count; i++)
    bytes += sizeof task->deps[i] + (task->deps[i].value ? task->deps[i].value->size_bytes : 0);
  return bytes + task->inner_count * sizeof *task->inner;
}

/* Own objects that the task needs when it runs again, if they can be made again themselves. */
static void each_argument(struct rs_endpoint *ep, const struct lineage *lineage,
                          void (*act)(struct rs_endpoint *ep, struct ref *ref))
{
  const struct rs_task *task = lineage->task;
  for (uint32_t i = 0; i < (uint32_t)task->dep_count + task->inner_count; i++) {
    struct rs_id id = i < task->dep_count ? task->deps[i].id : task->inner[i - task->dep_count];
    struct ref *ref = id.owner == ep->self ? rs_map_get_ptr(&ep->owner->refs, id.seq) : NULL;
    if (ref)
      act(ep, ref);
  }
}

/* A small value that was not pushed with the task (task_rpc_inlined_bytes_limit): nothing else would keep it. */
static void each_left_out(struct rs_endpoint *ep, const struct lineage *lineage,
                          void (*act)(struct rs_endpoint *ep, struct rs_id id))
{
  const struct rs_task *task = lineage->task;
  for (uint32_t i = 0; i < task->dep_count; i++)
    if (!task->deps[i].value && task->deps[i].location == RS_ADDR_NONE)
      act(ep, task->deps[i].id);
}

static void left_out_kept(struct rs_endpoint *ep, struct rs_id id)
{
  rs_owner_ref_hold(ep, id);
}

static void argument_kept(struct rs_endpoint *ep, struct ref *ref)
{
  (void)ep;
  if (ref->fate != REF_FREED)
    rs_owner_ref_more(ref)->lineage_refs++;
}

static void argument_dropped(struct rs_endpoint *ep, struct ref *ref)
{
  if (!ref->more || ref->more->lineage_refs == 0)
    return;
  if (--ref->more->lineage_refs == 0 && ref->fate == REF_FREED)
    rs_owner_ref_forget(ep, ref);
}

void rs_owner_lineage_unref(struct rs_endpoint *ep, struct lineage *lineage)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(lineage->refs > 0);
  if (--lineage->refs > 0)
    return;
  rs_list_remove(&lineage->link);
  rs_list_remove(&lineage->todo);
  rs_list_push_back(&o->dying, &lineage->link);
  if (o->burying)
    return;
  o->burying = true;
  while (!rs_list_empty(&o->dying)) {
    struct lineage *next = RS_ENTRY(o->dying.next, struct lineage, link);
    rs_list_remove(&next->link);
    each_argument(ep, next, argument_dropped);
    each_left_out(ep, next, rs_owner_ref_drop);
    o->lineage_bytes -= next->bytes;
    rs_owner_key_unref(o, next->key);
    rs_task_unref(next->task);
    free(next);
  }
  o->burying = false;
}

/* Its returns cannot be made again from now on. */
static void forget(struct rs_endpoint *ep, struct lineage *lineage)
{
  lineage->refs++;
  const struct rs_task *task = lineage->task;
  for (uint32_t i = 0; i < task->return_count; i++) {
    struct ref *ref = rs_map_get_ptr(&ep->owner->refs, task->id.seq + 1 + i);
    if (!ref || ref->lineage != lineage)
      continue;
    ref->origin = REF_OF_EVICTED;
    if (ref->fate == REF_FREED) {
      rs_owner_ref_forget(ep, ref);
      continue;
    }
    ref->lineage = NULL;
    lineage->refs--;
  }
  rs_owner_lineage_unref(ep, lineage);
}

static void keep_within(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  uint64_t most = (uint64_t)ep->config->max_lineage_bytes;
  if (o->lineage_bytes <= most)
    return;
  while (o->lineage_bytes > most / 2 && !rs_list_empty(&o->lineages))
    forget(ep, RS_ENTRY(o->lineages.next, struct lineage, link));
}

void rs_owner_lineage_keep(struct rs_endpoint *ep, struct owned_task *t)
{
  struct rs_owner *o = ep->owner;
  struct lineage *lineage = NULL;
  if (ep->config->max_lineage_bytes == 0)
    return;
  for (uint32_t pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < t->task->return_count; i++) {
      struct ref *ref = rs_map_get_ptr(&o->refs, t->task->id.seq + 1 + i);
      if (!ref)
        continue;
      if (pass == 0) { /* it ran before, and one of its returns lived all the time */
        lineage = ref->lineage ? ref->lineage : lineage;
        continue;
      }
      if (ref->fate != REF_STORED || ref->lineage)
        continue;
      if (!lineage) {
        lineage = rs_alloc_zero(1, sizeof *lineage);
        lineage->task = rs_task_ref(t->task);
        lineage->key = t->key->base ? t->key->base : t->key;
        lineage->key->refs++;
        lineage->bytes = bytes_of(t->task);
        rs_list_init(&lineage->todo);
        rs_list_push_back(&o->lineages, &lineage->link);
        o->lineage_bytes += lineage->bytes;
        each_argument(ep, lineage, argument_kept);
        each_left_out(ep, lineage, left_out_kept);
      }
      ref->lineage = lineage;
      lineage->refs++;
    }
  if (lineage)
    lineage->retries_left = t->retries_left;
  keep_within(ep);
}

bool rs_owner_lineage_rebuild(struct rs_endpoint *ep, struct ref *ref, const char **why)
{
  struct rs_owner *o = ep->owner;
  struct lineage *lineage = ref->lineage;
  if (o->orphaned) {
    *why = "this node is gone";
  } else if (!lineage) {
    *why = ref->origin == REF_OF_PUT      ? "it was put, and no task can make it again"
           : ref->origin == REF_OF_STREAM ? "a stream yielded it, which is not made again"
           : ref->origin == REF_OF_CALL   ? "a call of an actor returned it, which is not made again"
           : ref->origin == REF_OF_EVICTED
               ? "the task that made it was forgotten, because all of them took more than max_lineage_bytes"
               : "the task that made it is not known any more";
  } else if (rs_map_find(&o->tasks, lineage->task->id.seq) || !rs_list_empty(&lineage->todo)) {
    return true; /* it is being made again */
  } else if (lineage->retries_left == 0) {
    *why = "the task that made it has no retries left";
  } else {
    if (lineage->retries_left > 0)
      lineage->retries_left--;
    rs_list_push_back(&o->rebuild, &lineage->todo);
    return true;
  }
  return false;
}

void rs_owner_lineage_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->rebuild)) {
    struct lineage *lineage = RS_ENTRY(o->rebuild.next, struct lineage, todo);
    rs_list_remove(&lineage->todo);
    rs_owner_task_rerun(ep, lineage);
  }
}

void rs_owner_lineage_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->lineages, at, after)
  {
    struct lineage *lineage = RS_ENTRY(at, struct lineage, link);
    rs_task_unref(lineage->task);
    free(lineage);
  }
}
