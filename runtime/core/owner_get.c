/* owner_get.c -- who waits for an object: GET and WAIT of the application, and tasks of this process that lack it as an
 * argument; of own objects and of other owners'.
 *
 * An object that is not made is waited for here; another owner is asked once for all who wait (owner_borrow.c). A small
 * value is in the record. A stored one is pulled into this node's store by its raylet, pinned for a GET; if that fails
 * with every copy that was known, the owner is asked again with the copies that failed, and makes it again if it can.
 * Every call gets exactly one REPLY OBJECT, every argument one rs_executor_on_arg. PULLs of one object go one after the
 * other, so that answers cannot be mixed up.
 */
#include "core/executor.h"
#include "core/owner_int.h"
#include "core/store.h"

static struct rs_reply *reply_new(struct rs_endpoint *ep, struct rs_id id, int status)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_OBJECT;
  r->id = id;
  r->status = status;
  r->node = ep->raylet;
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
  return r;
}

static struct rs_reply *reply_error(struct rs_endpoint *ep, const struct ref *ref, int status)
{
  struct rs_reply *r = reply_new(ep, ref->id, status);
  r->size_bytes = ref->size_bytes;
  r->state = ref->origin == REF_OF_ACTOR ? RS_NO_OBJECT : 0;
  if (r->state == RS_NO_OBJECT)
    r->result = rs_owner_no_object(ep, ref->id, ref->id);
  else if (ref->more && ref->more->error && ref->fate == REF_GONE)
    r->result = rs_result_ref(ref->more->error);
  return r;
}

static int status_of(const struct ref *ref)
{
  if (ref->origin == REF_OF_ACTOR)
    return RS_ERR_INVALID;
  if (ref->fate != REF_GONE)
    return RS_ERR_OK;
  return ref->more && ref->more->error ? ref->more->error->status : RS_ERR_OBJECT_LOST;
}

static void answer_get(struct rs_endpoint *ep, const struct ref *ref, bool stored)
{
  struct rs_reply *r = reply_error(ep, ref, status_of(ref));
  r->stored = stored;
  r->value = rs_value_ref(ref->value);
  if (r->value) {
    r->ids = r->value->ids;
    r->id_count = r->value->id_count;
  } else if (stored && ref->more->inner_count) {
    r->id_count = ref->more->inner_count;
    r->ids = rs_memdup(ref->more->inner, r->id_count * sizeof *r->ids);
  }
}

static void answer_waits(struct rs_endpoint *ep, const struct ref *ref, uint32_t *waits)
{
  for (; *waits; --*waits)
    reply_error(ep, ref, status_of(ref))->ready = true;
}

static void pull(struct rs_endpoint *ep, struct ref *ref, enum ref_pull kind)
{
  struct ref_more *more = ref->more;
  ref->pulling = (uint8_t)kind;
  more->asked_of_count = ref->location_count < LOCATIONS_MAX ? ref->location_count : LOCATIONS_MAX;
  free(more->asked_of);
  more->asked_of = rs_memdup(ref->locations, more->asked_of_count * sizeof *more->asked_of);
  struct rs_m_pull *m = rs_msg_new(RS_MSG_PULL);
  m->object = ref->id;
  m->size = ref->size_bytes;
  m->reason = kind == PULL_GET ? RS_PULL_GET : kind == PULL_WAIT ? RS_PULL_WAIT : RS_PULL_ARG;
  m->pin = kind != PULL_WAIT;
  m->locations_count = more->asked_of_count;
  m->locations = rs_memdup(ref->locations, m->locations_count * sizeof *m->locations);
  rs_send(ep, ep->raylet, m);
}

void rs_owner_answer(struct rs_endpoint *ep, struct ref *ref)
{
  struct ref_more *more = ref->more;
  if (!more || ref->fate == REF_PENDING || ref->fate == REF_FREED)
    return;
  if (more->lend_count)
    rs_owner_borrow_tell(ep, ref);
  answer_waits(ep, ref, &more->waits);
  if (ref->fate == REF_STORED) {
    if (!ref->pulling && (more->gets || more->local_waits || more->fetches))
      pull(ep, ref, more->gets ? PULL_GET : more->local_waits ? PULL_WAIT : PULL_ARG);
    return;
  }
  struct rs_result *other =
      ref->origin == REF_OF_ACTOR && more->fetches ? rs_owner_no_object(ep, ref->id, ref->id) : NULL;
  for (; more->fetches; more->fetches--)
    rs_executor_on_arg(ep, ref->id, ref->value, other ? other : more->error);
  rs_result_unref(other);
  for (; more->gets; more->gets--)
    answer_get(ep, ref, false);
  answer_waits(ep, ref, &more->local_waits);
}

/* The record to wait at, or NULL: it is answered already, with an error. */
static struct ref *wanted(struct rs_endpoint *ep, struct rs_id id, bool wait)
{
  struct ref *ref = rs_owner_ref_at(ep, id);
  int status = ep->owner->orphaned ? RS_ERR_NODE_DIED : RS_ERR_OBJECT_LOST;
  if (ref && (!ep->owner->orphaned || ref->fate == REF_INLINE || ref->fate == REF_GONE)) {
    rs_owner_ref_more(ref);
    if (id.owner != ep->self) /* it may outlast the task that asks */
      rs_owner_borrow_register(ep, ref);
    return ref;
  }
  struct rs_result *other = ref ? NULL : rs_owner_no_object(ep, id, id);
  struct rs_reply *r = reply_new(ep, id, other ? other->status : status);
  r->state = other ? RS_NO_OBJECT : 0;
  r->ready = wait;
  r->result = other ? other : rs_owner_error(id, status, id, 0, ref ? "this node is gone" : "it was released before");
  if (ref)
    rs_owner_ref_collect(ep, ref);
  return NULL;
}

static void go_on(struct rs_endpoint *ep, struct ref *ref)
{
  if (ref->fate == REF_PENDING && ref->id.owner != ep->self)
    rs_owner_borrow_ask(ep, ref, NULL, 0);
  rs_owner_answer(ep, ref);
  rs_owner_ref_collect(ep, ref);
}

void rs_owner_get(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct ref *ref = wanted(ep, call->object, false);
  if (!ref)
    return;
  ref->more->gets++;
  go_on(ep, ref);
}

void rs_owner_wait(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct ref *ref = wanted(ep, call->object, true);
  if (!ref)
    return;
  if (call->fetch_local)
    ref->more->local_waits++;
  else
    ref->more->waits++;
  go_on(ep, ref);
}

void rs_owner_fetch(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_at(ep, id);
  if (!ref || (ep->owner->orphaned && ref->fate != REF_INLINE && ref->fate != REF_GONE)) {
    struct rs_result *error = ref ? NULL : rs_owner_no_object(ep, id, id);
    if (!error)
      error = rs_owner_error(id, RS_ERR_OBJECT_LOST, id, 0, ref ? "this node is gone" : "it was released before");
    rs_executor_on_arg(ep, id, NULL, error);
    rs_result_unref(error);
    if (ref)
      rs_owner_ref_collect(ep, ref);
    return;
  }
  rs_owner_ref_more(ref)->fetches++;
  go_on(ep, ref);
}

/* No answer but an error is left to give. */
static void fail_fetches(struct rs_endpoint *ep, struct ref *ref, int status)
{
  if (!ref->more->fetches)
    return;
  struct rs_result *error = rs_owner_error(ref->id, status, ref->id, 0, "it could not be brought to its reader");
  for (; ref->more->fetches; ref->more->fetches--)
    rs_executor_on_arg(ep, ref->id, NULL, error);
  rs_result_unref(error);
}

void rs_owner_get_on_pulled(struct rs_endpoint *ep, struct ref *ref, int status)
{
  if (!ref->pulling)
    return;
  struct ref_more *more = ref->more;
  enum ref_pull kind = ref->pulling;
  bool own = ref->id.owner == ep->self;
  ref->pulling = PULL_NONE;
  if (status == RS_ERR_OK) {
    if (own && ref->fate == REF_STORED)
      rs_owner_object_add_location(ref, ep->raylet);
    if (kind == PULL_GET && more->gets) {
      more->gets--;
      answer_get(ep, ref, true);
    } else if (kind == PULL_ARG && more->fetches) {
      more->fetches--;
      rs_executor_on_arg(ep, ref->id, NULL, NULL);
    } else if (kind != PULL_WAIT) { /* it was freed meanwhile */
      rs_store_let_go(ep, ref->id);
    }
    answer_waits(ep, ref, &more->local_waits);
  } else if (status != RS_ERR_OBJECT_LOST) { /* no room for it */
    for (; more->gets; more->gets--)
      reply_error(ep, ref, status);
    for (; more->local_waits; more->local_waits--)
      reply_error(ep, ref, status)->ready = true;
    fail_fetches(ep, ref, status);
  } else if (!own) {
    rs_owner_borrow_ask(ep, ref, more->asked_of, more->asked_of_count);
  } else {
    for (uint32_t i = 0; i < more->asked_of_count && ref->fate == REF_STORED; i++)
      rs_owner_object_bad_location(ep, ref, more->asked_of[i]);
  }
  rs_owner_answer(ep, ref);
  rs_owner_ref_collect(ep, ref);
}

/* Nothing can be pulled any more: everybody who waits is told. */
void rs_owner_get_fail_all(struct rs_endpoint *ep, int status)
{
  struct rs_owner *o = ep->owner;
  struct rs_map *maps[] = {&o->refs, &o->borrowed};
  for (unsigned m = 0; m < 2; m++) {
    uint32_t count = 0;
    struct rs_id *ids = rs_alloc((maps[m]->count + 1) * sizeof *ids);
    for (uint32_t i = 0; i < maps[m]->cap; i++) { /* sorted: nothing depends on the order of the table */
      const struct ref *ref = maps[m]->slots[i].key ? (const void *)(uintptr_t)maps[m]->slots[i].value : NULL;
      if (!ref || !ref->more || !(ref->more->gets || ref->more->waits || ref->more->local_waits || ref->more->fetches))
        continue;
      uint32_t at = count++;
      for (; at > 0 && (ids[at - 1].owner > ref->id.owner ||
                        (ids[at - 1].owner == ref->id.owner && ids[at - 1].seq > ref->id.seq));
           at--)
        ids[at] = ids[at - 1];
      ids[at] = ref->id;
    }
    for (uint32_t i = 0; i < count; i++) {
      struct ref *ref = rs_owner_ref_find(o, ep->self, ids[i]);
      if (!ref)
        continue;
      struct ref_more *more = ref->more;
      ref->pulling = PULL_NONE;
      for (; more->gets; more->gets--)
        reply_error(ep, ref, status);
      for (; more->waits + more->local_waits; more->waits ? more->waits-- : more->local_waits--)
        reply_error(ep, ref, status)->ready = true;
      fail_fetches(ep, ref, status);
      rs_owner_ref_collect(ep, ref);
    }
    free(ids);
  }
}
