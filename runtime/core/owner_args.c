/* owner_args.c -- the arguments of a task from its submission to its end.
 *
 * A task holds the objects that it reads, and those whose references are inside its arguments, until it has ended for
 * good. It waits until every object that it reads is made (or, another owner's, known); before it is pushed the small
 * ones are put into it, and of the stored ones where a copy is. Beyond task_rpc_inlined_bytes_limit in all a small one
 * is left out: the worker asks for it (executor_fetch.c). An argument that is gone ends the task with that object's
 * error, text and all. Costs: O(arguments).
 */
#include "core/owner_int.h"

static void wait_for(struct owned_task *t, struct ref *ref)
{
  RS_GROW(ref->waiters, ref->waiter_count, ref->waiter_cap);
  ref->waiters[ref->waiter_count++] = t;
  t->blocked_on++;
}

/* What a task that runs again needs and nobody kept is made again, too. */
static void bring_back(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = id.owner == ep->self ? rs_owner_ref_find(ep->owner, ep->self, id) : NULL;
  const char *why;
  if (!ref || ref->fate != REF_FREED)
    return;
  ref->fate = REF_PENDING;
  if (!rs_owner_lineage_rebuild(ep, ref, &why)) {
    ref->holds++; /* until the task holds it */
    rs_owner_object_gone(ep, ref, rs_owner_error(id, RS_ERR_OBJECT_LOST, id, ref->lineage->task->function, why));
    ref->holds--;
  }
}

bool rs_owner_args_block(struct rs_endpoint *ep, struct owned_task *t)
{
  const struct rs_task *task = t->task;
  t->holds_args = true;
  for (uint32_t i = 0; i < task->dep_count; i++) {
    if (t->again)
      bring_back(ep, task->deps[i].id);
    struct ref *ref = rs_owner_ref_hold(ep, task->deps[i].id);
    if (!ref || ref->fate != REF_PENDING)
      continue; /* one that never was, or is gone: told when the task is resolved */
    if (ref->id.owner != ep->self)
      rs_owner_borrow_ask(ep, ref, NULL, 0);
    wait_for(t, ref);
  }
  for (uint32_t i = 0; i < task->inner_count; i++) {
    if (t->again)
      bring_back(ep, task->inner[i]);
    rs_owner_ref_hold(ep, task->inner[i]);
  }
  return t->blocked_on > 0;
}

static struct rs_result *error_of(const struct rs_endpoint *ep, const struct owned_task *t, struct rs_id id,
                                  const struct ref *ref)
{
  const struct rs_result *error = ref && ref->more ? ref->more->error : NULL;
  struct rs_result *other = rs_owner_no_object(ep, t->task->id, id);
  if (other)
    return other;
  if (!error)
    return rs_owner_error(t->task->id, RS_ERR_OBJECT_LOST, id, 0, "it was released before it was read");
  struct rs_result *copy = rs_result_new(0, error->data_bytes);
  copy->status = error->status;
  copy->task = t->task->id;
  for (uint32_t i = 0; i < error->data_bytes; i++)
    copy->data[i] = error->data[i];
  return copy;
}

enum args_state rs_owner_args_resolve(struct rs_endpoint *ep, struct owned_task *t, struct rs_result **error)
{
  if (t->task->dep_count == 0)
    return ARGS_READY;
  struct rs_task *task = rs_owner_task_writable(t);
  uint64_t inlined = task->args_bytes, most = (uint64_t)ep->config->task_rpc_inlined_bytes_limit;
  for (uint32_t i = 0; i < task->dep_count; i++) {
    struct rs_dep *dep = &task->deps[i];
    struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, dep->id);
    if (ref && ref->fate == REF_PENDING) { /* it was lost meanwhile */
      if (ref->id.owner != ep->self)
        rs_owner_borrow_ask(ep, ref, NULL, 0);
      wait_for(t, ref);
      continue;
    }
    if (!ref && dep->value) /* of a task that runs again: it brought the value of its first time */
      continue;
    if (!ref || ref->fate == REF_GONE || ref->fate == REF_FREED || ref->origin == REF_OF_ACTOR) {
      *error = error_of(ep, t, dep->id, ref);
      return ARGS_LOST;
    }
    dep->size_bytes = ref->size_bytes;
    dep->location = ref->fate == REF_STORED ? ref->locations[0] : RS_ADDR_NONE;
    rs_value_unref(dep->value);
    bool fits = ref->value && inlined + ref->value->size_bytes <= most;
    dep->value = fits ? rs_value_ref(ref->value) : NULL;
    inlined += fits ? ref->value->size_bytes : 0;
  }
  return t->blocked_on ? ARGS_WAIT : ARGS_READY;
}

uint64_t rs_owner_args_inlined(const struct rs_task *task)
{
  uint64_t bytes = task->args_bytes;
  for (uint32_t i = 0; i < task->dep_count; i++)
    bytes += task->deps[i].value ? task->deps[i].value->size_bytes : 0;
  return bytes;
}

void rs_owner_args_unwait(struct rs_endpoint *ep, struct owned_task *t)
{
  for (uint32_t i = 0; i < t->task->dep_count; i++) {
    struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, t->task->deps[i].id);
    for (uint32_t k = 0; ref && k < ref->waiter_count;) {
      if (ref->waiters[k] == t)
        ref->waiters[k] = ref->waiters[--ref->waiter_count];
      else
        k++;
    }
  }
  t->blocked_on = 0;
}

void rs_owner_args_drop(struct rs_endpoint *ep, struct owned_task *t)
{
  if (!t->holds_args) /* it was refused as it was submitted */
    return;
  t->holds_args = false;
  for (uint32_t i = 0; i < t->task->dep_count; i++)
    rs_owner_ref_drop(ep, t->task->deps[i].id);
  rs_owner_ref_drop_all(ep, t->task->inner, t->task->inner_count);
}
