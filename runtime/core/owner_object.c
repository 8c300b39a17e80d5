/* owner_object.c -- the objects of this owner: who makes them, where copies are, when they are lost.
 *
 * The owner of a task owns its returns, and what it puts (Ray's ownership). A small value is kept here; a large one
 * stays in the store of the node that made it, and pulled copies are reported here, so that readers can be sent to the
 * nearest. References inside an object are held while it lives. An object whose last copy is lost is made again, if the
 * task that made it is known and may run once more (owner_lineage.c); else it is gone, with an error that says why, and
 * so is what reads it. How long an object lives is in owner_ref.c.
 */
#include "core/owner_int.h"

static void send_free(struct rs_endpoint *ep, rs_addr raylet, struct rs_id id)
{
  if (rs_addr_ep(raylet) != RS_EP_RAYLET)
    return;
  struct rs_m_object_free *m = rs_msg_new(RS_MSG_OBJECT_FREE);
  m->objects = rs_alloc(sizeof *m->objects);
  m->objects[0] = id;
  m->objects_count = 1;
  rs_send(ep, raylet, m);
}

/* ---- errors that name the object ---- */

struct text {
  char bytes[512];
  uint32_t at;
};

static void put(struct text *t, const char *s)
{
  while (*s && t->at + 1 < sizeof t->bytes)
    t->bytes[t->at++] = *s++;
}

static void put_hex(struct text *t, uint64_t v)
{
  char digits[17];
  for (int i = 15; i >= 0; i--, v >>= 4)
    digits[i] = "0123456789abcdef"[v & 15];
  digits[16] = 0;
  put(t, digits);
}

struct rs_result *rs_owner_error(struct rs_id task, int status, struct rs_id object, uint64_t function, const char *why)
{
  struct text text = {.at = 0};
  char id[RS_ID_HEX];
  rs_id_hex(object, id);
  put(&text, "object ");
  put(&text, id);
  if (function) {
    put(&text, " of function ");
    put_hex(&text, function);
  }
  put(&text, ": ");
  put(&text, rs_error_text(status));
  put(&text, "; ");
  put(&text, why);
  text.bytes[text.at] = 0;
  return rs_result_failed(task, status, text.bytes);
}

bool rs_owner_is_actor(const struct rs_endpoint *ep, struct rs_id id)
{
  const struct rs_owner *o = ep->owner;
  const struct ref *ref = rs_owner_ref_find(o, ep->self, id);
  if (ref)
    return ref->origin == REF_OF_ACTOR;
  return rs_map_find(&o->actor_by_id, rs_id_key(id)) || rs_graves_find(&o->graves, id);
}

struct rs_result *rs_owner_no_object(const struct rs_endpoint *ep, struct rs_id task, struct rs_id id)
{
  const struct rs_owner *o = ep->owner;
  if (rs_owner_is_actor(ep, id))
    return rs_owner_error(task, RS_ERR_INVALID, id, 0, "it is an actor's handle, which has no value");
  if (id.owner == ep->self && rs_map_find(&o->streams, id.seq))
    return rs_owner_error(task, RS_ERR_INVALID, id, 0, "it is a stream, whose values are asked for one by one");
  return NULL;
}

/* ---- what becomes of it ---- */

static void wake_waiters(struct rs_endpoint *ep, struct ref *ref)
{
  struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < ref->waiter_count; i++) {
    struct owned_task *t = ref->waiters[i];
    if (--t->blocked_on)
      continue;
    if (t->actor && !t->creates)
      rs_owner_actor_submit(ep, t);
    else
      rs_list_push_back(&o->ready, &t->link);
  }
  free(ref->waiters);
  ref->waiters = NULL;
  ref->waiter_count = ref->waiter_cap = 0;
}

void rs_owner_object_become(struct rs_endpoint *ep, struct ref *ref, enum ref_fate fate)
{
  bool own = ref->id.owner == ep->self;
  ref->fate = (uint8_t)fate;
  if (own) {
    rs_list_remove(&ref->link);
    if (fate == REF_STORED)
      rs_list_push_back(&ep->owner->stored, &ref->link);
    for (uint32_t i = 0; i < ref->location_count && fate != REF_STORED; i++) /* of an earlier try */
      send_free(ep, ref->locations[i], ref->id);
  }
  if (fate != REF_STORED)
    ref->location_count = 0;
  wake_waiters(ep, ref);
  rs_owner_answer(ep, ref);
}

static void inner_of(const struct ref *ref, const struct rs_id **ids, uint32_t *count)
{
  *ids = ref->value ? ref->value->ids : ref->more ? ref->more->inner : NULL;
  *count = ref->value ? ref->value->id_count : ref->more ? ref->more->inner_count : 0;
}

/* What is inside it is held no more. */
static void let_go(struct rs_endpoint *ep, struct ref *ref)
{
  const struct rs_id *ids;
  uint32_t count;
  inner_of(ref, &ids, &count);
  struct rs_value *value = ref->value;
  struct rs_id *inner = ref->more ? ref->more->inner : NULL;
  bool contains = ref->contains;
  ref->contains = false;
  ref->value = NULL;
  if (ref->more) {
    ref->more->inner = NULL;
    ref->more->inner_count = 0;
  }
  if (contains)
    rs_owner_ref_drop_all(ep, ids, count);
  rs_value_unref(value);
  free(inner);
}

void rs_owner_object_drop_bytes(struct rs_endpoint *ep, struct ref *ref)
{
  for (uint32_t i = 0; i < ref->location_count; i++)
    send_free(ep, ref->locations[i], ref->id);
  ref->location_count = 0;
  rs_list_remove(&ref->link);
  let_go(ep, ref);
}

void rs_owner_object_gone(struct rs_endpoint *ep, struct ref *ref, struct rs_result *error)
{
  struct ref_more *more = rs_owner_ref_more(ref);
  rs_result_unref(more->error);
  more->error = error;
  let_go(ep, ref);
  rs_owner_object_become(ep, ref, REF_GONE);
}

/* The application has the reference, and hears that it is of no use any more. */
static void tell_lost(struct rs_endpoint *ep, const struct ref *ref)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_OBJECT;
  r->id = ref->id;
  r->status = ref->more->error->status;
  r->size_bytes = ref->size_bytes;
  r->result = rs_result_ref(ref->more->error);
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

void rs_owner_object_lose(struct rs_endpoint *ep, struct ref *ref, int status, const char *why)
{
  const struct ref_more *more = ref->more;
  bool told = more && (more->gets || more->waits || more->local_waits || more->fetches);
  uint64_t function = ref->lineage ? ref->lineage->task->function : 0;
  rs_owner_object_gone(ep, ref, rs_owner_error(ref->id, status, ref->id, function, why));
  if (!told && ref->count)
    tell_lost(ep, ref);
  rs_owner_ref_collect(ep, ref);
}

/* An own one goes everywhere, and its record says why, as long as anybody has a reference. What is on its way, because
 * its task runs or the store has not answered yet, goes when it comes. Another's owner is told. */
void rs_owner_object_free(struct rs_endpoint *ep, struct rs_id id)
{
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
  bool own = id.owner == ep->self;
  if (!own) {
    struct rs_m_ref_free *m = rs_msg_new(RS_MSG_REF_FREE);
    m->object = id;
    rs_send(ep, id.owner, m);
  } else if (!ref) {
    ref = rs_owner_ref_at(ep, id);
  }
  if (!ref || ref->fate == REF_GONE || ref->fate == REF_FREED || ref->origin == REF_OF_ACTOR)
    return;
  ref->holds++;
  ref->freed = own;
  ref->asked = false;
  struct lineage *lineage = ref->lineage;
  uint64_t function = lineage ? lineage->task->function : 0;
  ref->lineage = NULL;
  if (lineage)
    rs_owner_lineage_unref(ep, lineage);
  rs_owner_object_gone(ep, ref, rs_owner_error(id, RS_ERR_OBJECT_FREED, id, function, "nobody can read it any more"));
  ref->holds--;
  rs_owner_ref_collect(ep, ref);
}

/* ---- made by a task, or put ---- */

void rs_owner_object_expect(struct rs_endpoint *ep, const struct rs_task *task)
{
  for (uint32_t i = 0; i < task->return_count; i++) {
    struct ref *ref = rs_owner_ref_new(ep, (struct rs_id){ep->self, task->id.seq + 1 + i});
    ref->count = 1;
    ref->function = task->function;
  }
}

void rs_owner_object_add_location(struct ref *ref, rs_addr raylet)
{
  if (rs_addr_ep(raylet) != RS_EP_RAYLET)
    return;
  for (uint32_t i = 0; i < ref->location_count; i++)
    if (ref->locations[i] == raylet)
      return;
  RS_GROW(ref->locations, ref->location_count, ref->location_cap);
  ref->locations[ref->location_count++] = raylet;
}

/* The newest copy is asked for first: one of an earlier try may be gone by now. */
static void first_location(struct ref *ref, rs_addr raylet)
{
  rs_owner_object_add_location(ref, raylet);
  for (uint32_t i = 0; i < ref->location_count; i++)
    if (ref->locations[i] == raylet) {
      ref->locations[i] = ref->locations[0];
      ref->locations[0] = raylet;
    }
}

/* One return of a task that ended well. */
static void take_return(struct rs_endpoint *ep, struct ref *ref, struct rs_result *result, uint32_t index)
{
  const struct rs_return *r = &result->returns[index];
  bool stored = r->inline_bytes != r->size_bytes;
  const struct rs_id *ids = result->ids + r->id_at;
  rs_owner_ref_hold_all(ep, ids, r->id_count);
  let_go(ep, ref); /* what an earlier try brought */
  ref->size_bytes = r->size_bytes;
  ref->contains = r->id_count > 0;
  if (stored) {
    first_location(ref, result->node);
    if (r->id_count) {
      struct ref_more *more = rs_owner_ref_more(ref);
      more->inner_count = r->id_count;
      more->inner = rs_memdup(ids, r->id_count * sizeof *ids);
    }
  } else {
    ref->value = rs_value_of(result, index);
  }
  rs_owner_object_become(ep, ref, stored ? REF_STORED : REF_INLINE);
}

/* Its task failed before, or it is known: a copy that was made of it goes again. */
void rs_owner_object_refuse(struct rs_endpoint *ep, struct rs_id id, const struct rs_result *result)
{
  const struct rs_return *r = result->return_count ? &result->returns[0] : NULL;
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
  if (!r || r->inline_bytes == r->size_bytes)
    return;
  for (uint32_t i = 0; ref && i < ref->location_count; i++)
    if (ref->locations[i] == result->node)
      return; /* the same bytes in the same store */
  send_free(ep, result->node, id);
}

/* One that a task has yielded. */
void rs_owner_object_item(struct rs_endpoint *ep, struct rs_id id, struct rs_result *result)
{
  struct ref *ref = rs_owner_ref_new(ep, id);
  ref->holds = 1;
  ref->origin = REF_OF_STREAM;
  if (result->status == RS_ERR_OK && result->return_count == 1)
    take_return(ep, ref, result, 0);
  else
    rs_owner_object_gone(ep, ref, rs_result_ref(result));
}

void rs_owner_object_made(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result)
{
  const struct rs_task *task = t->task;
  bool keeps = false;
  for (uint32_t i = 0; i < task->return_count; i++) {
    struct rs_id id = {ep->self, task->id.seq + 1 + i};
    struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
    bool ok = result->status == RS_ERR_OK && i < result->return_count;
    bool stored = ok && result->returns[i].inline_bytes != result->returns[i].size_bytes;
    if (!ref || ref->fate == REF_FREED || ref->freed) {
      if (stored)
        send_free(ep, result->node, id); /* nobody wants it */
      continue;
    }
    ref->origin = t->actor ? REF_OF_CALL : REF_OF_TASK;
    if (ok) {
      take_return(ep, ref, result, i);
      keeps = keeps || stored;
    } else if (ref->fate == REF_PENDING) { /* one that was not lost needs nothing */
      ref->size_bytes = 0;
      rs_owner_object_gone(ep, ref,
                           result->status != RS_ERR_OK
                               ? rs_result_ref(result)
                               : rs_owner_error(id, RS_ERR_OBJECT_LOST, id, task->function,
                                                "its task returned fewer values than it was asked for"));
    }
  }
  if (keeps && !t->actor)
    rs_owner_lineage_keep(ep, t);
  for (uint32_t i = 0; i < task->return_count; i++) {
    struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, (struct rs_id){ep->self, task->id.seq + 1 + i});
    if (ref)
      rs_owner_ref_collect(ep, ref);
  }
}

void rs_owner_object_put(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(call->object.owner == ep->self && !rs_owner_ref_find(o, ep->self, call->object));
  if (o->last_seq < call->object.seq) /* one that was written in place had its number before */
    o->last_seq = call->object.seq;
  struct ref *ref = rs_owner_ref_new(ep, call->object);
  ref->count = 1;
  ref->origin = REF_OF_PUT;
  rs_owner_ref_more(ref)->waits = 1; /* answered when it is there */
  if (call->value) {
    rs_owner_ref_hold_all(ep, call->value->ids, call->value->id_count);
    ref->contains = call->value->id_count > 0;
    ref->size_bytes = call->value->size_bytes;
    ref->value = rs_value_ref(call->value);
    rs_owner_object_become(ep, ref, REF_INLINE);
    return;
  }
  ref->size_bytes = call->size_bytes;
  if (call->inner_count) {
    rs_owner_ref_hold_all(ep, call->inner, call->inner_count);
    ref->contains = true;
    ref->more->inner_count = call->inner_count;
    ref->more->inner = rs_memdup(call->inner, call->inner_count * sizeof *call->inner);
  }
  struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
  m->object = ref->id;
  m->size = ref->size_bytes;
  rs_send(ep, ep->raylet, m);
}

/* The store's answer to a PUT. */
static void on_put(struct rs_endpoint *ep, struct ref *ref, int status)
{
  if (ref->freed) {
    if (status == RS_ERR_OK)
      send_free(ep, ep->raylet, ref->id);
  } else if (status == RS_ERR_OK) {
    rs_owner_object_add_location(ref, ep->raylet);
    rs_owner_object_become(ep, ref, REF_STORED);
  } else {
    rs_owner_object_gone(ep, ref, rs_owner_error(ref->id, status, ref->id, 0, "it was put on this node"));
  }
  rs_owner_ref_collect(ep, ref);
}

/* ---- copies that go ---- */

static void lose_location(struct rs_endpoint *ep, struct ref *ref, rs_addr raylet)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < ref->location_count; i++)
    if (ref->locations[i] != raylet)
      ref->locations[kept++] = ref->locations[i];
  bool last = kept == 0 && ref->location_count && ref->fate == REF_STORED;
  ref->location_count = kept;
  if (!last)
    return;
  const char *why;
  rs_trace(ep, RS_TRACE_OBJECT_LOST, ref->id.owner, ref->id.seq, 0);
  if (rs_owner_lineage_rebuild(ep, ref, &why)) {
    rs_list_remove(&ref->link);
    ref->fate = REF_PENDING;
  } else {
    rs_owner_object_lose(ep, ref, RS_ERR_OBJECT_LOST, why);
  }
}

void rs_owner_object_bad_location(struct rs_endpoint *ep, struct ref *ref, rs_addr raylet)
{
  for (uint32_t i = 0; i < ref->location_count; i++)
    if (ref->locations[i] == raylet) {
      send_free(ep, raylet, ref->id); /* if it is there all the same, it must not stay for ever */
      ref->holds++;
      lose_location(ep, ref, raylet);
      ref->holds--;
      return;
    }
}

void rs_owner_object_on_node_gone(struct rs_endpoint *ep, rs_addr raylet)
{
  struct rs_owner *o = ep->owner;
  uint32_t count = 0, cap = 0;
  uint64_t *seqs = NULL; /* first all that are concerned: what is lost takes others of the list with it */
  for (const struct rs_link *at = o->stored.next; at != &o->stored; at = at->next) {
    const struct ref *ref = RS_ENTRY(at, struct ref, link);
    for (uint32_t i = 0; i < ref->location_count; i++)
      if (ref->locations[i] == raylet) {
        RS_GROW(seqs, count, cap);
        seqs[count++] = ref->id.seq;
        break;
      }
  }
  for (uint32_t i = 0; i < count; i++) {
    struct ref *ref = rs_map_get_ptr(&o->refs, seqs[i]);
    if (ref)
      lose_location(ep, ref, raylet);
  }
  free(seqs);
}

static void on_pulled(struct rs_endpoint *ep, const struct rs_m_pulled *m)
{
  struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, m->object);
  if (!ref)
    return;
  bool put = ref->fate == REF_PENDING || (ref->freed && !ref->pulling);
  if (put && ref->origin == REF_OF_PUT && m->object.owner == ep->self)
    on_put(ep, ref, m->status);
  else
    rs_owner_get_on_pulled(ep, ref, m->status);
}

static void on_locate(struct rs_endpoint *ep, rs_addr raylet, struct rs_id id)
{
  const struct ref *ref = id.owner == ep->self ? rs_owner_ref_find(ep->owner, ep->self, id) : NULL;
  if (!ref || ref->fate != REF_STORED)
    return;
  struct rs_m_object_at *m = rs_msg_new(RS_MSG_OBJECT_AT);
  m->object = id;
  m->locations_count = ref->location_count < LOCATIONS_MAX ? ref->location_count : LOCATIONS_MAX;
  m->locations = rs_memdup(ref->locations, m->locations_count * sizeof *m->locations);
  rs_send(ep, raylet, m);
}

bool rs_owner_object_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_OBJECT_ADDED: {
    const struct rs_m_object_added *m = (const void *)msg;
    struct ref *ref = m->object.owner == ep->self ? rs_owner_ref_at(ep, m->object) : NULL;
    if (ref && (ref->fate == REF_STORED || ref->fate == REF_PENDING))
      rs_owner_object_add_location(ref,
                                   m->raylet); /* PENDING: its maker died before it could tell, and is tried again */
    else
      send_free(ep, m->raylet, m->object); /* it was freed while it was on its way */
    return true;
  }
  case RS_MSG_OBJECT_EVICTED: {
    const struct rs_m_object_evicted *m = (const void *)msg;
    struct ref *ref = m->object.owner == ep->self ? rs_owner_ref_find(ep->owner, ep->self, m->object) : NULL;
    if (ref)
      lose_location(ep, ref, m->raylet);
    return true;
  }
  case RS_MSG_REF_FREE: {
    struct rs_id id = ((const struct rs_m_ref_free *)(const void *)msg)->object;
    if (id.owner == ep->self)
      rs_owner_object_free(ep, id);
    return true;
  }
  case RS_MSG_OBJECT_LOCATE:
    on_locate(ep, from, ((const struct rs_m_object_locate *)(const void *)msg)->object);
    return true;
  case RS_MSG_PULLED: on_pulled(ep, (const void *)msg); return true;
  default: return false;
  }
}
