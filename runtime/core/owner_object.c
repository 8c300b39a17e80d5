/* owner_object.c -- the objects of this owner: who makes them, where copies are, who reads them, when they go.
 *
 * The owner of a task owns its returns (Ray's ownership). A small value travels in the reply; a large one stays in the
 * store of the node that made it, and pulled copies are reported here, so that readers can be sent to the nearest. A
 * task whose arguments are not made waits here. An object goes when the application has released it and no task that
 * was submitted meanwhile still reads it; then every node that has a copy is told. An object whose last copy is lost is
 * gone: what reads it fails with OBJECT_LOST.
 */
#include "core/owner_int.h"

static struct owned_object *find(const struct rs_owner *o, struct rs_id id)
{
  return rs_map_get_ptr(&o->objects, id.seq);
}

static struct owned_object *add(struct rs_owner *o, struct rs_id id)
{
  struct owned_object *obj = rs_alloc_zero(1, sizeof *obj);
  obj->id = id;
  rs_list_init(&obj->stored_link);
  rs_map_put_ptr(&o->objects, id.seq, obj);
  return obj;
}

static void destroy(struct owned_object *obj)
{
  rs_value_unref(obj->value);
  free(obj->locations);
  free(obj->waiters);
  free(obj);
}

static void send_free(struct rs_endpoint *ep, rs_addr raylet, struct rs_id id)
{
  struct rs_m_object_free *m = rs_msg_new(RS_MSG_OBJECT_FREE);
  m->objects = rs_alloc(sizeof *m->objects);
  m->objects[0] = id;
  m->objects_count = 1;
  rs_send(ep, raylet, m);
}

static void collect(struct rs_endpoint *ep, struct owned_object *obj)
{
  if (!obj->released || obj->pins || obj->fate == OBJECT_PENDING || obj->wanted)
    return;
  for (uint32_t i = 0; i < obj->location_count; i++)
    send_free(ep, obj->locations[i], obj->id);
  rs_list_remove(&obj->stored_link);
  rs_map_remove(&ep->owner->objects, obj->id.seq, NULL);
  destroy(obj);
}

static void tell_value(struct rs_endpoint *ep, const struct owned_object *obj)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_OBJECT;
  r->id = obj->id;
  r->size_bytes = obj->size_bytes;
  r->node = ep->raylet;
  r->value = rs_value_ref(obj->value);
  if (r->value) {
    r->ids = r->value->ids;
    r->id_count = r->value->id_count;
  }
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

static void tell(struct rs_endpoint *ep, struct rs_id id, int status, uint64_t size_bytes, rs_addr node)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_OBJECT;
  r->id = id;
  r->status = status;
  r->size_bytes = size_bytes;
  r->node = node;
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

void rs_owner_object_expect(struct rs_endpoint *ep, const struct rs_task *task)
{
  for (uint32_t i = 0; i < task->return_count; i++)
    add(ep->owner, (struct rs_id){ep->self, task->id.seq + 1 + i});
}

/* The object behind an argument; one that a task in progress will make gets its record now. */
static struct owned_object *argument(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_owner *o = ep->owner;
  struct owned_object *obj = find(o, id);
  for (uint64_t back = 1; !obj && back <= RS_TASK_RETURNS_MAX && back < id.seq; back++) {
    struct owned_task *maker = rs_map_get_ptr(&o->tasks, id.seq - back);
    if (!maker)
      continue;
    if (maker->task->return_count < back)
      break;
    obj = add(o, id);
    obj->released = true;
  }
  return obj;
}

bool rs_owner_object_block(struct rs_endpoint *ep, struct owned_task *t)
{
  t->holds_args = true;
  for (uint32_t i = 0; i < t->task->dep_count; i++) {
    if (t->task->deps[i].id.owner != ep->self)
      continue;
    struct owned_object *obj = argument(ep, t->task->deps[i].id);
    if (!obj)
      continue; /* never was, or is gone: told when the task is resolved */
    obj->pins++;
    if (obj->fate != OBJECT_PENDING)
      continue;
    RS_GROW(obj->waiters, obj->waiter_count, obj->waiter_cap);
    obj->waiters[obj->waiter_count++] = t;
    t->blocked_on++;
  }
  return t->blocked_on > 0;
}

int rs_owner_object_resolve(struct rs_endpoint *ep, struct owned_task *t)
{
  if (t->task->dep_count == 0)
    return RS_ERR_OK;
  struct rs_task *task = rs_owner_task_writable(t);
  for (uint32_t i = 0; i < task->dep_count; i++) {
    struct rs_dep *dep = &task->deps[i];
    if (dep->id.owner != ep->self)
      continue;
    const struct owned_object *obj = find(ep->owner, dep->id);
    if (!obj || obj->fate == OBJECT_GONE)
      return obj ? obj->status : RS_ERR_OBJECT_LOST;
    RS_ASSERT(obj->fate != OBJECT_PENDING);
    dep->size_bytes = obj->size_bytes;
    dep->location = obj->fate == OBJECT_STORED ? obj->locations[0] : RS_ADDR_NONE;
    rs_value_unref(dep->value);
    dep->value = rs_value_ref(obj->value);
  }
  return RS_ERR_OK;
}

void rs_owner_object_unwait(struct rs_endpoint *ep, const struct owned_task *t)
{
  for (uint32_t i = 0; i < t->task->dep_count; i++) {
    struct owned_object *obj = t->task->deps[i].id.owner == ep->self ? find(ep->owner, t->task->deps[i].id) : NULL;
    for (uint32_t k = 0; obj && k < obj->waiter_count;) {
      if (obj->waiters[k] == t)
        obj->waiters[k] = obj->waiters[--obj->waiter_count];
      else
        k++;
    }
  }
}

void rs_owner_object_unpin_args(struct rs_endpoint *ep, struct owned_task *t)
{
  if (!t->holds_args) /* it was refused as it was submitted */
    return;
  t->holds_args = false;
  const struct rs_task *task = t->task;
  for (uint32_t i = 0; i < task->dep_count; i++) {
    struct owned_object *obj = task->deps[i].id.owner == ep->self ? find(ep->owner, task->deps[i].id) : NULL;
    if (!obj || obj->pins == 0)
      continue;
    obj->pins--;
    collect(ep, obj);
  }
}

static void wake_waiters(struct rs_endpoint *ep, struct owned_object *obj)
{
  struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < obj->waiter_count; i++) {
    struct owned_task *t = obj->waiters[i];
    if (--t->blocked_on)
      continue;
    if (t->actor)
      rs_owner_actor_submit(ep, t);
    else
      rs_list_push_back(&o->ready, &t->link);
  }
  free(obj->waiters);
  obj->waiters = NULL;
  obj->waiter_count = obj->waiter_cap = 0;
}

static void answer_get(struct rs_endpoint *ep, struct owned_object *obj)
{
  if (!obj->wanted || obj->fate == OBJECT_PENDING)
    return;
  bool here = obj->fate != OBJECT_STORED;
  for (uint32_t i = 0; i < obj->location_count; i++)
    here = here || obj->locations[i] == ep->raylet;
  if (here) {
    obj->wanted = false;
    if (obj->fate == OBJECT_GONE)
      tell(ep, obj->id, obj->status, obj->size_bytes, ep->raylet);
    else
      tell_value(ep, obj);
    collect(ep, obj);
    return;
  }
  if (obj->pulling)
    return;
  obj->pulling = true;
  struct rs_m_pull *m = rs_msg_new(RS_MSG_PULL);
  m->object = obj->id;
  m->size = obj->size_bytes;
  m->locations_count = obj->location_count < 64 ? obj->location_count : 64;
  m->locations = rs_memdup(obj->locations, m->locations_count * sizeof *m->locations);
  rs_send(ep, ep->raylet, m);
}

static void become(struct rs_endpoint *ep, struct owned_object *obj, enum object_fate fate, int status)
{
  obj->fate = fate;
  obj->status = status;
  if (fate == OBJECT_STORED) {
    rs_list_push_back(&ep->owner->stored, &obj->stored_link);
  } else {
    rs_list_remove(&obj->stored_link);
    for (uint32_t i = 0; i < obj->location_count; i++) /* of an earlier try */
      send_free(ep, obj->locations[i], obj->id);
    obj->location_count = 0;
  }
  wake_waiters(ep, obj);
  answer_get(ep, obj);
}

static void add_location(struct owned_object *obj, rs_addr raylet)
{
  for (uint32_t i = 0; i < obj->location_count; i++)
    if (obj->locations[i] == raylet)
      return;
  RS_GROW(obj->locations, obj->location_count, obj->location_cap);
  obj->locations[obj->location_count++] = raylet;
}

/* The newest copy is asked for first: one of an earlier try may be gone by now. */
static void first_location(struct owned_object *obj, rs_addr raylet)
{
  add_location(obj, raylet);
  for (uint32_t i = 0; i < obj->location_count; i++)
    if (obj->locations[i] == raylet) {
      obj->locations[i] = obj->locations[0];
      obj->locations[0] = raylet;
    }
}

void rs_owner_object_made(struct rs_endpoint *ep, const struct rs_task *task, struct rs_result *result)
{
  for (uint32_t i = 0; i < task->return_count; i++) {
    struct rs_id id = {ep->self, task->id.seq + 1 + i};
    struct owned_object *obj = find(ep->owner, id);
    bool ok = result->status == RS_ERR_OK && i < result->return_count;
    const struct rs_return *r = ok ? &result->returns[i] : NULL;
    bool stored = ok && r->inline_bytes != r->size_bytes;
    if (!obj) {
      if (stored)
        send_free(ep, result->node, id); /* nobody wants it */
      continue;
    }
    obj->size_bytes = ok ? r->size_bytes : 0;
    if (stored)
      first_location(obj, result->node);
    if (ok && !stored)
      obj->value = rs_value_of(result, i);
    int status = result->status != RS_ERR_OK ? result->status : RS_ERR_OBJECT_LOST;
    become(ep, obj, !ok ? OBJECT_GONE : stored ? OBJECT_STORED : OBJECT_INLINE, ok ? RS_ERR_OK : status);
    obj = find(ep->owner, id);
    if (obj)
      collect(ep, obj);
  }
}

void rs_owner_object_put(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(call->object.owner == ep->self && call->object.seq > o->last_seq);
  o->last_seq = call->object.seq;
  struct owned_object *obj = add(o, call->object);
  obj->size_bytes = call->value ? call->value->size_bytes : call->size_bytes;
  if (call->value) {
    obj->value = rs_value_ref(call->value);
    obj->wanted = true;
    become(ep, obj, OBJECT_INLINE, RS_ERR_OK);
    return;
  }
  struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
  m->object = obj->id;
  m->size = obj->size_bytes;
  rs_send(ep, ep->raylet, m);
  obj->wanted = true; /* answered when the store has accepted it */
}

void rs_owner_object_get(struct rs_endpoint *ep, struct rs_id id)
{
  struct owned_object *obj = id.owner == ep->self ? argument(ep, id) : NULL;
  if (!obj) {
    tell(ep, id, RS_ERR_OBJECT_LOST, 0, RS_ADDR_NONE);
    return;
  }
  obj->wanted = true;
  answer_get(ep, obj);
}

void rs_owner_object_release(struct rs_endpoint *ep, struct rs_id id)
{
  struct owned_object *obj = id.owner == ep->self ? find(ep->owner, id) : NULL;
  if (!obj)
    return;
  obj->released = true;
  collect(ep, obj);
}

static void lose_location(struct rs_endpoint *ep, struct owned_object *obj, rs_addr raylet)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < obj->location_count; i++)
    if (obj->locations[i] != raylet)
      obj->locations[kept++] = obj->locations[i];
  if (kept == obj->location_count)
    return;
  obj->location_count = kept;
  if (kept)
    return;
  rs_trace(ep, RS_TRACE_OBJECT_LOST, obj->id.owner, obj->id.seq, 0);
  bool held = !obj->released && !obj->wanted;
  become(ep, obj, OBJECT_GONE, RS_ERR_OBJECT_LOST);
  if (held)
    tell(ep, obj->id, RS_ERR_OBJECT_LOST, obj->size_bytes, RS_ADDR_NONE);
}

void rs_owner_object_on_node_dead(struct rs_endpoint *ep, rs_addr raylet)
{
  RS_LIST_EACH(&ep->owner->stored, at, after)
  lose_location(ep, RS_ENTRY(at, struct owned_object, stored_link), raylet);
}

static void on_pulled(struct rs_endpoint *ep, const struct rs_m_pulled *m)
{
  struct owned_object *obj = m->object.owner == ep->self ? find(ep->owner, m->object) : NULL;
  if (!obj)
    return;
  if (obj->fate == OBJECT_PENDING) { /* the answer to a PUT */
    if (m->status == RS_ERR_OK)
      add_location(obj, ep->raylet);
    become(ep, obj, m->status == RS_ERR_OK ? OBJECT_STORED : OBJECT_GONE, m->status);
    return;
  }
  if (!obj->pulling)
    return;
  obj->pulling = false;
  if (m->status == RS_ERR_OK)
    add_location(obj, ep->raylet);
  else if (obj->fate == OBJECT_STORED && m->status == RS_ERR_OBJECT_LOST && obj->location_count == 0)
    become(ep, obj, OBJECT_GONE, m->status);
  if (m->status == RS_ERR_OK || obj->fate == OBJECT_GONE) {
    answer_get(ep, obj);
    return;
  }
  obj->wanted = false;
  tell(ep, obj->id, m->status, obj->size_bytes, RS_ADDR_NONE);
  collect(ep, obj);
}

bool rs_owner_object_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  (void)from;
  switch (msg->type) {
  case RS_MSG_OBJECT_ADDED: {
    const struct rs_m_object_added *m = (const void *)msg;
    struct owned_object *obj = m->object.owner == ep->self ? argument(ep, m->object) : NULL;
    if (obj && (obj->fate == OBJECT_STORED || obj->fate == OBJECT_PENDING))
      add_location(obj, m->raylet); /* PENDING: its maker died before it could tell, and is tried again */
    else
      send_free(ep, m->raylet, m->object); /* it was freed while it was on its way */
    return true;
  }
  case RS_MSG_OBJECT_EVICTED: {
    const struct rs_m_object_evicted *m = (const void *)msg;
    struct owned_object *obj = m->object.owner == ep->self ? find(ep->owner, m->object) : NULL;
    if (obj)
      lose_location(ep, obj, m->raylet);
    return true;
  }
  case RS_MSG_PULLED: on_pulled(ep, (const void *)msg); return true;
  default: return false;
  }
}

void rs_owner_object_free_all(struct rs_owner *o)
{
  for (uint32_t i = 0; i < o->objects.cap; i++)
    if (o->objects.slots[i].key)
      destroy((void *)(uintptr_t)o->objects.slots[i].value);
  rs_map_free(&o->objects);
}
