/* owner_ref.c -- references: one record for each object that this process knows of, and what keeps it.
 *
 * A record lives while the application counts the reference, a task that was submitted reads or carries it, an object
 * that lives contains it, a result on its way brings it, or somebody waits for an answer; an own object's also while
 * another process borrows it. When nothing of that is left, an own object is freed everywhere (and lets go of what it
 * contains), and the owner of another's is told (owner_borrow.c). So counts are kept in two levels, as in Ray: each
 * process for itself, and each owner the set of processes that have any.
 *
 * Chains of objects that contain each other go in a loop, not in a recursion. Costs: O(1) a change.
 */
#include "core/owner_int.h"

struct ref *rs_owner_ref_find(const struct rs_owner *o, rs_addr self, struct rs_id id)
{
  struct ref *ref = id.owner == self ? rs_map_get_ptr(&o->refs, id.seq) : rs_map_get_ptr(&o->borrowed, rs_id_key(id));
  RS_ASSERT(!ref || rs_id_equal(ref->id, id));
  return ref;
}

struct ref *rs_owner_ref_new(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_owner *o = ep->owner;
  struct ref *ref = rs_alloc_zero(1, sizeof *ref);
  ref->id = id;
  rs_list_init(&ref->link);
  if (id.owner == ep->self) {
    rs_map_put_ptr(&o->refs, id.seq, ref);
  } else {
    rs_map_put_ptr(&o->borrowed, rs_id_key(id), ref);
    rs_list_push_back(&o->borrowed_list, &ref->link);
  }
  return ref;
}

struct ref_more *rs_owner_ref_more(struct ref *ref)
{
  if (!ref->more) {
    ref->more = rs_alloc_zero(1, sizeof *ref->more);
    rs_list_init(&ref->more->lent_link);
    ref->more->seq = ref->id.seq;
  }
  return ref->more;
}

/* The handle of an own actor that others begin to count: the application's own count comes first. */
static struct ref *actor_ref(struct rs_endpoint *ep, const struct owned_actor *a)
{
  struct ref *ref = rs_owner_ref_new(ep, a->id);
  ref->origin = REF_OF_ACTOR;
  ref->fate = REF_INLINE;
  ref->count = a->released ? 0 : 1;
  return ref;
}

void rs_owner_ref_actor_dead(struct rs_endpoint *ep, struct rs_id actor)
{
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, actor);
  if (!ref || ref->origin != REF_OF_ACTOR)
    return;
  ref->count = 0;
  rs_owner_ref_collect(ep, ref);
}

struct ref *rs_owner_ref_at(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_owner *o = ep->owner;
  struct ref *ref = rs_owner_ref_find(o, ep->self, id);
  if (ref)
    return ref->fate == REF_FREED ? NULL : ref;
  if (id.owner != ep->self)
    return rs_owner_ref_new(ep, id);
  const struct owned_actor *actor = rs_map_get_ptr(&o->actor_by_id, rs_id_key(id));
  if (actor)
    return actor_ref(ep, actor);
  for (uint64_t back = 1; back <= RS_TASK_RETURNS_MAX && back < id.seq; back++) {
    struct owned_task *maker = rs_map_get_ptr(&o->tasks, id.seq - back);
    if (maker)
      return maker->task->return_count >= back ? rs_owner_ref_new(ep, id) : NULL;
  }
  return NULL;
}

static void ref_free(struct ref *ref)
{
  rs_value_unref(ref->value);
  if (ref->more) {
    rs_list_remove(&ref->more->lent_link);
    rs_result_unref(ref->more->error);
    free(ref->more->lends);
    free(ref->more->inner);
    free(ref->more->asked_of);
    free(ref->more);
  }
  free(ref->locations);
  free(ref->waiters);
  free(ref);
}

void rs_owner_ref_forget(struct rs_endpoint *ep, struct ref *ref)
{
  struct rs_owner *o = ep->owner;
  bool own = ref->id.owner == ep->self;
  rs_map_remove(own ? &o->refs : &o->borrowed, own ? ref->id.seq : rs_id_key(ref->id), NULL);
  rs_list_remove(&ref->link);
  struct lineage *lineage = ref->lineage;
  ref_free(ref);
  if (lineage)
    rs_owner_lineage_unref(ep, lineage);
}

static bool needed(const struct ref *ref)
{
  const struct ref_more *more = ref->more;
  if (ref->count || ref->holds || ref->pulling)
    return true;
  return more && (more->gets || more->waits || more->local_waits || more->fetches || more->lend_count);
}

/* Nothing keeps it: an own object's bytes go, another's owner is told. */
static void end(struct rs_endpoint *ep, struct ref *ref)
{
  if (ref->id.owner != ep->self) {
    struct rs_id id = ref->id;
    bool registered = ref->registered;
    rs_owner_ref_forget(ep, ref);
    if (registered)
      rs_owner_borrow_end(ep, id);
    return;
  }
  rs_trace(ep, RS_TRACE_REF_ENDED, ep->self, ref->id.seq, 0);
  if (ref->origin == REF_OF_ACTOR)
    rs_owner_actor_release(ep, ref->id);
  rs_owner_object_drop_bytes(ep, ref);
  if (ref->lineage && ref->more && ref->more->lineage_refs)
    ref->fate = REF_FREED;
  else
    rs_owner_ref_forget(ep, ref);
}

void rs_owner_ref_collect(struct rs_endpoint *ep, struct ref *ref)
{
  struct rs_owner *o = ep->owner;
  bool own = ref->id.owner == ep->self;
  if (needed(ref) || ref->doomed || ref->fate == REF_FREED || (own && ref->fate == REF_PENDING))
    return;
  ref->doomed = true;
  rs_list_remove(&ref->link);
  rs_list_push_back(&o->doomed, &ref->link);
  if (o->draining)
    return;
  o->draining = true;
  while (!rs_list_empty(&o->doomed)) {
    struct ref *next = RS_ENTRY(o->doomed.next, struct ref, link);
    rs_list_remove(&next->link);
    next->doomed = false;
    end(ep, next);
  }
  o->draining = false;
}

struct ref *rs_owner_ref_hold(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_at(ep, id);
  if (!ref)
    return NULL;
  ref->holds++;
  if (id.owner != ep->self)
    rs_owner_borrow_register(ep, ref);
  return ref;
}

void rs_owner_ref_drop(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
  if (!ref || ref->holds == 0) /* it was gone before it could be held */
    return;
  ref->holds--;
  rs_owner_ref_collect(ep, ref);
}

void rs_owner_ref_hold_all(struct rs_endpoint *ep, const struct rs_id *ids, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    rs_owner_ref_hold(ep, ids[i]);
}

void rs_owner_ref_drop_all(struct rs_endpoint *ep, const struct rs_id *ids, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    rs_owner_ref_drop(ep, ids[i]);
}

void rs_owner_ref_retain(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_at(ep, id);
  if (!ref)
    return; /* who asks for it is told */
  ref->count++;
  if (id.owner != ep->self)
    rs_owner_borrow_register(ep, ref);
}

void rs_owner_ref_release(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
  if (!ref || ref->count == 0)
    return;
  ref->count--;
  rs_owner_ref_collect(ep, ref);
}

void rs_owner_ref_sanity_check(const struct rs_owner *o)
{
  RS_ASSERT(rs_list_empty(&o->doomed) && rs_list_empty(&o->dying) && !o->draining && !o->burying);
  for (uint32_t i = 0; i < o->refs.cap; i++) {
    if (!o->refs.slots[i].key)
      continue;
    const struct ref *ref = (const void *)(uintptr_t)o->refs.slots[i].value;
    RS_ASSERT(ref->fate == REF_PENDING || ref->fate == REF_FREED || needed(ref));
    RS_ASSERT(ref->fate != REF_STORED || ref->location_count > 0);
    RS_ASSERT(ref->fate != REF_FREED || (ref->more && ref->more->lineage_refs && !needed(ref)));
    RS_ASSERT(ref->waiter_count == 0 || (ref->fate == REF_PENDING && ref->holds >= 1));
    RS_ASSERT(!ref->registered && !ref->asked && !ref->doomed);
  }
  uint32_t borrowed = 0;
  for (const struct rs_link *at = o->borrowed_list.next; at != &o->borrowed_list; at = at->next, borrowed++) {
    const struct ref *ref = RS_ENTRY(at, struct ref, link);
    RS_ASSERT(needed(ref) && ref->fate != REF_FREED && !ref->contains && !ref->lineage);
    RS_ASSERT(ref->fate != REF_PENDING || ref->asked || ref->waiter_count == 0);
  }
  RS_ASSERT(borrowed == o->borrowed.count);
}

void rs_owner_ref_free_all(struct rs_owner *o)
{
  struct rs_map *maps[] = {&o->refs, &o->borrowed};
  for (unsigned m = 0; m < 2; m++) {
    for (uint32_t i = 0; i < maps[m]->cap; i++)
      if (maps[m]->slots[i].key)
        ref_free((void *)(uintptr_t)maps[m]->slots[i].value);
    rs_map_free(maps[m]);
  }
}
