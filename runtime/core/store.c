/* store.c -- the directory of one node's objects, and the admission of pulls.
 *
 * An object is primary where it was created; a pulled copy is secondary. Primary copies stay until their owner frees
 * them. When room is needed, secondary copies that nobody pins are evicted, least recently used first, and their owner
 * is told. Pulls wait in one queue, first in first out, and start while object_manager_max_pulls and
 * object_manager_max_bytes_in_flight allow it and there is room. A pull that fails is tried at the next known location;
 * when none is left it fails for all who wait. An object that is freed while it is being pulled is dropped when it
 * arrives.
 *
 * Arguments of granted leases pin at most max_task_args_memory_fraction_e4 of the store, an object counted once; where
 * none is pinned so, one lease may have more. As in Ray: what is not pinned by work in progress is room for its
 * results.
 *
 * Invariants: used_bytes is the sum over objects that are here or being pulled, and never exceeds a capacity other than
 * 0; pinned objects are here; in LRU order are exactly the unpinned secondary copies.
 */
#include "core/store.h"

#include "core/raylet_int.h"
#include "core/state.h"

enum object_state { OBJECT_QUEUED, OBJECT_PULLING, OBJECT_HERE };

struct want {
  struct waiting *lease; /* or */
  rs_addr who;
};

struct object {
  struct rs_link link; /* in queue while QUEUED, in lru while HERE, secondary and unpinned */
  struct rs_id id;
  uint64_t size_bytes;
  uint32_t pins, leases; /* of the pins: those of granted leases */
  rs_addr creator;       /* the worker that made it, until that worker is gone */
  enum object_state state;
  bool primary, freed;
  bool made; /* created here while it is being pulled: the pull's end makes it primary */
  rs_addr *locations;
  uint32_t location_count, location_next, location_cap;
  struct want *wants;
  uint32_t want_count, want_cap;
};

struct rs_store {
  struct rs_map objects;
  struct rs_link queue, lru;
  uint64_t capacity_bytes, used_bytes, pulling_bytes, leased_bytes;
  uint32_t pulling_count, primary_count;
};

struct rs_store *rs_store_new(uint64_t capacity_bytes)
{
  struct rs_store *s = rs_alloc_zero(1, sizeof *s);
  s->capacity_bytes = capacity_bytes;
  rs_list_init(&s->queue);
  rs_list_init(&s->lru);
  return s;
}

static void object_free(struct object *o)
{
  free(o->locations);
  free(o->wants);
  free(o);
}

void rs_store_free(struct rs_store *s)
{
  for (uint32_t i = 0; i < s->objects.cap; i++)
    if (s->objects.slots[i].key)
      object_free((void *)(uintptr_t)s->objects.slots[i].value);
  rs_map_free(&s->objects);
  free(s);
}

uint64_t rs_store_used_bytes(const struct rs_store *s)
{
  return s->used_bytes;
}
bool rs_store_holds_primary(const struct rs_store *s)
{
  return s->primary_count > 0;
}

static struct object *find(struct rs_store *s, struct rs_id id)
{
  struct object *o = rs_map_get_ptr(&s->objects, rs_id_key(id));
  RS_ASSERT(!o || rs_id_equal(o->id, id));
  return o;
}

bool rs_store_has(struct rs_store *store, struct rs_id id)
{
  const struct object *o = find(store, id);
  return o && o->state == OBJECT_HERE;
}

static struct object *add(struct rs_store *s, struct rs_id id, uint64_t size_bytes)
{
  struct object *o = rs_alloc_zero(1, sizeof *o);
  o->id = id;
  o->size_bytes = size_bytes;
  rs_list_init(&o->link);
  rs_map_put_ptr(&s->objects, rs_id_key(id), o);
  return o;
}

static void forget(struct rs_store *s, struct object *o)
{
  rs_list_remove(&o->link);
  rs_map_remove(&s->objects, rs_id_key(o->id), NULL);
  object_free(o);
}

/* The bytes of an object that is here go. */
static void discard(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  RS_ASSERT(o->state == OBJECT_HERE && o->pins == 0);
  s->used_bytes -= o->size_bytes;
  if (o->primary && --s->primary_count == 0)
    ep->local->dirty = true;
  struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
  drop->object = o->id;
  drop->size = o->size_bytes;
  rs_trace(ep, RS_TRACE_OBJECT_FREED, o->id.owner, o->id.seq, o->size_bytes);
  forget(s, o);
}

static bool make_room(struct rs_endpoint *ep, uint64_t size_bytes)
{
  struct rs_store *s = ep->local->store;
  if (s->capacity_bytes == 0)
    return true;
  while (s->used_bytes + size_bytes > s->capacity_bytes && !rs_list_empty(&s->lru)) {
    struct object *o = RS_ENTRY(s->lru.next, struct object, link);
    ep->work.objects++;
    struct rs_m_object_evicted *m = rs_msg_new(RS_MSG_OBJECT_EVICTED);
    m->object = o->id;
    m->raylet = ep->self;
    rs_send(ep, o->id.owner, m);
    discard(ep, o);
  }
  return s->used_bytes + size_bytes <= s->capacity_bytes;
}

static void reply_pulled(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status)
{
  struct rs_m_pulled *m = rs_msg_new(RS_MSG_PULLED);
  m->object = id;
  m->status = status;
  rs_send(ep, to, m);
}

/* Everyone who waits for the object hears what became of it. Takes the list first: hearers may ask for more. */
static void tell(struct rs_endpoint *ep, struct object *o, int status)
{
  struct want *wants = o->wants;
  uint32_t count = o->want_count;
  struct rs_id id = o->id;
  o->wants = NULL;
  o->want_count = o->want_cap = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (wants[i].lease)
      rs_raylet_on_arg_ready(ep, wants[i].lease, status);
    else
      reply_pulled(ep, wants[i].who, id, status);
  }
  free(wants);
}

static void pump(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  while (!rs_list_empty(&s->queue)) {
    struct object *o = RS_ENTRY(s->queue.next, struct object, link);
    bool none = s->pulling_count == 0;
    if (!none && (s->pulling_count >= (uint64_t)ep->config->object_manager_max_pulls ||
                  s->pulling_bytes + o->size_bytes > (uint64_t)ep->config->object_manager_max_bytes_in_flight))
      return;
    if (!make_room(ep, o->size_bytes)) {
      if (s->capacity_bytes < o->size_bytes) { /* it never fits */
        rs_list_remove(&o->link);
        tell(ep, o, RS_ERR_STORE_FULL);
        forget(s, o);
        continue;
      }
      return; /* when something is unpinned or freed */
    }
    rs_list_remove(&o->link);
    o->state = OBJECT_PULLING;
    s->used_bytes += o->size_bytes;
    s->pulling_bytes += o->size_bytes;
    s->pulling_count++;
    struct rs_effect *copy = rs_emit(ep, RS_OUT_COPY);
    copy->object = o->id;
    copy->size = o->size_bytes;
    copy->to = o->locations[o->location_next];
    rs_trace(ep, RS_TRACE_OBJECT_PULLED, o->id.owner, o->id.seq, copy->to);
  }
}

static void become_primary(struct rs_endpoint *ep, struct object *o)
{
  rs_list_remove(&o->link);
  o->primary = true;
  if (ep->local->store->primary_count++ == 0)
    ep->local->dirty = true;
}

void rs_store_on_created(struct rs_endpoint *ep, rs_addr from, struct rs_id id, uint64_t size_bytes)
{
  struct rs_store *s = ep->local->store;
  struct object *o = find(s, id);
  if (o && o->state == OBJECT_HERE) { /* made again by a retry: the bytes are the same */
    o->creator = from;
    reply_pulled(ep, from, id, RS_ERR_OK);
    return;
  }
  if (o && o->state == OBJECT_PULLING) { /* the copy that is on its way brings the same bytes, and has its room */
    o->made = true;
    o->creator = from;
    reply_pulled(ep, from, id, RS_ERR_OK);
    return;
  }
  if (!make_room(ep, size_bytes)) {
    struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
    drop->object = id;
    drop->size = size_bytes;
    reply_pulled(ep, from, id, RS_ERR_STORE_FULL);
    return;
  }
  if (!o)
    o = add(s, id, size_bytes);
  rs_list_remove(&o->link);
  o->size_bytes = size_bytes;
  o->creator = from;
  o->state = OBJECT_HERE;
  s->used_bytes += size_bytes;
  become_primary(ep, o);
  rs_trace(ep, RS_TRACE_OBJECT_LOCAL, id.owner, id.seq, size_bytes);
  reply_pulled(ep, from, id, RS_ERR_OK);
  tell(ep, o, RS_ERR_OK);
}

/* A worker that was stopped had still announced an object: nobody will ever hear of it. */
void rs_store_on_stray(struct rs_endpoint *ep, struct rs_id id, uint64_t size_bytes)
{
  const struct object *o = find(ep->local->store, id);
  if (o && o->state == OBJECT_HERE)
    return;
  struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
  drop->object = id;
  drop->size = size_bytes;
}

/* What it made may be unknown to its owner, if the result was lost with it: the owner is told, and frees what it does
 * not want. */
void rs_store_on_worker_gone(struct rs_endpoint *ep, rs_addr worker)
{
  struct rs_store *s = ep->local->store;
  uint32_t count = 0;
  struct object **made = rs_alloc(s->objects.count * sizeof *made);
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    struct object *o = s->objects.slots[i].key ? (void *)(uintptr_t)s->objects.slots[i].value : NULL;
    if (!o || o->creator != worker)
      continue;
    uint32_t at = count++;
    for (; at > 0 && (made[at - 1]->id.owner > o->id.owner ||
                      (made[at - 1]->id.owner == o->id.owner && made[at - 1]->id.seq > o->id.seq));
         at--)
      made[at] = made[at - 1];
    made[at] = o;
  }
  ep->work.objects += s->objects.count;
  for (uint32_t i = 0; i < count; i++) {
    made[i]->creator = RS_ADDR_NONE;
    if (made[i]->freed)
      continue;
    struct rs_m_object_added *m = rs_msg_new(RS_MSG_OBJECT_ADDED);
    m->object = made[i]->id;
    m->size = made[i]->size_bytes;
    m->raylet = ep->self;
    rs_send(ep, made[i]->id.owner, m);
  }
  free(made);
}

void rs_store_on_free(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_store *s = ep->local->store;
  struct object *o = find(s, id);
  if (!o)
    return;
  if (o->state == OBJECT_HERE && o->pins == 0) {
    discard(ep, o);
    pump(ep);
  } else if (o->state == OBJECT_QUEUED) {
    tell(ep, o, RS_ERR_OBJECT_LOST);
    forget(s, o);
  } else {
    o->freed = true; /* when it has arrived, or is unpinned */
  }
}

/* Remembers a location; the first one known is asked first. */
static void add_location(struct object *o, rs_addr raylet)
{
  for (uint32_t i = 0; i < o->location_count; i++)
    if (o->locations[i] == raylet)
      return;
  RS_GROW(o->locations, o->location_count, o->location_cap);
  o->locations[o->location_count++] = raylet;
}

/* True when the object is here; otherwise `want` is told later. */
static bool want(struct rs_endpoint *ep, struct rs_id id, uint64_t size_bytes, const rs_addr *locations, uint32_t count,
                 struct want who)
{
  struct rs_store *s = ep->local->store;
  struct object *o = find(s, id);
  if (o && o->state == OBJECT_HERE) {
    if (!o->primary && o->pins == 0) { /* it was used now */
      rs_list_remove(&o->link);
      rs_list_push_back(&s->lru, &o->link);
    }
    return true;
  }
  if (!o) {
    o = add(s, id, size_bytes);
    o->state = OBJECT_QUEUED;
    rs_list_push_back(&s->queue, &o->link);
  }
  for (uint32_t i = 0; i < count; i++)
    if (locations[i] != RS_ADDR_NONE && locations[i] != ep->self)
      add_location(o, locations[i]);
  RS_GROW(o->wants, o->want_count, o->want_cap);
  o->wants[o->want_count++] = who;
  if (o->location_count == 0) {
    tell(ep, o, RS_ERR_OBJECT_LOST);
    forget(s, o);
  } else {
    pump(ep);
  }
  return false;
}

bool rs_store_want(struct rs_endpoint *ep, const struct rs_dep *dep, struct waiting *w)
{
  return want(ep, dep->id, dep->size_bytes, &dep->location, 1, (struct want){.lease = w});
}

void rs_store_unwant(struct rs_endpoint *ep, struct waiting *w)
{
  for (uint32_t i = 0; i < w->dep_count; i++) {
    struct object *o = find(ep->local->store, w->deps[i].id);
    for (uint32_t k = 0; o && k < o->want_count;) {
      if (o->wants[k].lease == w)
        o->wants[k] = o->wants[--o->want_count];
      else
        k++;
    }
  }
}

void rs_store_on_pull(struct rs_endpoint *ep, rs_addr from, const struct rs_m_pull *m)
{
  if (want(ep, m->object, m->size, m->locations, m->locations_count, (struct want){.who = from}))
    reply_pulled(ep, from, m->object, RS_ERR_OK);
}

void rs_store_on_copy_done(struct rs_endpoint *ep, struct rs_id id, int status)
{
  struct rs_store *s = ep->local->store;
  struct object *o = find(s, id);
  RS_ASSERT(o && o->state == OBJECT_PULLING);
  s->pulling_bytes -= o->size_bytes;
  s->pulling_count--;
  if (status != RS_ERR_OK && !o->made) {
    s->used_bytes -= o->size_bytes;
    if (!o->freed && ++o->location_next < o->location_count) {
      o->state = OBJECT_QUEUED;
      rs_list_push_front(&s->queue, &o->link);
    } else {
      tell(ep, o, RS_ERR_OBJECT_LOST);
      forget(s, o);
    }
    pump(ep);
    return;
  }
  o->state = OBJECT_HERE;
  if (!o->made)
    rs_list_push_back(&s->lru, &o->link);
  else
    become_primary(ep, o);
  rs_trace(ep, RS_TRACE_OBJECT_LOCAL, id.owner, id.seq, o->size_bytes);
  struct rs_m_object_added *m = rs_msg_new(RS_MSG_OBJECT_ADDED);
  m->object = id;
  m->size = o->size_bytes;
  m->raylet = ep->self;
  rs_send(ep, id.owner, m);
  tell(ep, o, RS_ERR_OK);
  if (o->freed && o->pins == 0)
    discard(ep, o);
  pump(ep);
}

void rs_store_pin(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = find(ep->local->store, id);
  RS_ASSERT(o && o->state == OBJECT_HERE);
  if (o->pins++ == 0 && !o->primary)
    rs_list_remove(&o->link);
}

void rs_store_unpin(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_store *s = ep->local->store;
  struct object *o = find(s, id);
  RS_ASSERT(o && o->pins > 0);
  if (--o->pins > 0)
    return;
  if (o->freed)
    discard(ep, o);
  else if (!o->primary)
    rs_list_push_back(&s->lru, &o->link);
  pump(ep);
}

bool rs_store_args_fit(struct rs_endpoint *ep, const struct rs_dep *deps, uint32_t count)
{
  struct rs_store *s = ep->local->store;
  if (s->capacity_bytes == 0 || s->leased_bytes == 0)
    return true;
  uint64_t most = s->capacity_bytes / RS_ONE_E4 * (uint64_t)ep->config->max_task_args_memory_fraction_e4 +
                  s->capacity_bytes % RS_ONE_E4 * (uint64_t)ep->config->max_task_args_memory_fraction_e4 / RS_ONE_E4;
  uint64_t more = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct object *o = find(s, deps[i].id);
    RS_ASSERT(o && o->state == OBJECT_HERE);
    bool counted = o->leases > 0;
    for (uint32_t k = 0; k < i && !counted; k++)
      counted = rs_id_equal(deps[k].id, deps[i].id);
    more += counted ? 0 : o->size_bytes;
  }
  return more == 0 || s->leased_bytes + more <= most;
}

void rs_store_lease(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = find(ep->local->store, id);
  RS_ASSERT(o && o->pins > o->leases);
  if (o->leases++ == 0)
    ep->local->store->leased_bytes += o->size_bytes;
}

void rs_store_unlease(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = find(ep->local->store, id);
  RS_ASSERT(o && o->leases > 0);
  if (--o->leases == 0)
    ep->local->store->leased_bytes -= o->size_bytes;
  rs_store_unpin(ep, id);
}

void rs_store_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  /* Objects of an owner that died go with it; those who wait there for somebody else's object stop waiting. In the
   * order of the table: nothing that is decided here depends on the order. */
  struct rs_store *s = ep->local->store;
  uint32_t count = 0;
  struct rs_id *dead = rs_alloc(s->objects.count * sizeof *dead);
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    if (!s->objects.slots[i].key)
      continue;
    struct object *o = (void *)(uintptr_t)s->objects.slots[i].value;
    for (uint32_t k = 0; k < o->want_count;) {
      if (o->wants[k].who == peer)
        o->wants[k] = o->wants[--o->want_count];
      else
        k++;
    }
    if (o->id.owner == peer) {
      uint32_t at = count++;
      for (; at > 0 && dead[at - 1].seq > o->id.seq; at--)
        dead[at] = dead[at - 1];
      dead[at] = o->id;
    }
  }
  for (uint32_t i = 0; i < count; i++)
    rs_store_on_free(ep, dead[i]);
  free(dead);
}

void rs_store_sanity_check(const struct rs_store *s)
{
  uint64_t used = 0, leased = 0;
  uint32_t primary = 0, pulling = 0;
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    if (!s->objects.slots[i].key)
      continue;
    const struct object *o = (const void *)(uintptr_t)s->objects.slots[i].value;
    used += o->state == OBJECT_QUEUED ? 0 : o->size_bytes;
    primary += o->primary;
    pulling += o->state == OBJECT_PULLING;
    leased += o->leases ? o->size_bytes : 0;
    RS_ASSERT((o->pins == 0 || o->state == OBJECT_HERE) && o->leases <= o->pins);
  }
  RS_ASSERT(leased == s->leased_bytes);
  RS_ASSERT(used == s->used_bytes && primary == s->primary_count && pulling == s->pulling_count);
  RS_ASSERT(s->capacity_bytes == 0 || used <= s->capacity_bytes);
}

void rs_store_state_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_store *s = ep->local->store;
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    if (!s->objects.slots[i].key)
      continue;
    const struct object *o = (void *)(uintptr_t)s->objects.slots[i].value;
    struct rs_row *row = rs_row_new(RS_STATE_COPIES, RS_COLS(copies), 0);
    row->n[RS_COL(copies, owner)] = o->id.owner;
    row->n[RS_COL(copies, owner_seq)] = o->id.seq;
    row->n[RS_COL(copies, size)] = o->size_bytes;
    row->n[RS_COL(copies, node)] = rs_addr_node(ep->self);
    row->n[RS_COL(copies, state)] = o->state == OBJECT_HERE      ? RS_COPY_HERE
                                    : o->state == OBJECT_PULLING ? RS_COPY_PULLING
                                                                 : RS_COPY_QUEUED;
    row->n[RS_COL(copies, pins)] = o->pins;
    row->n[RS_COL(copies, primary)] = o->primary;
    rs_answer_add(answer, row);
  }
}
