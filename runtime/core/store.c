/* store.c -- the directory of one node's objects: what is here, who uses it, when it goes.
 *
 * An object is primary where it was created; a pulled copy is secondary. Its life: it waits for room (ROOM), is written
 * (WRITING) and sealed (HERE); or it is wanted from elsewhere (QUEUED, ASKING, PULLING, then HERE). A primary copy may
 * be written to the disk (SPILLED) and comes back when somebody wants it (QUEUED, RESTORING, HERE). Whoever reads an
 * object pins it: leases of tasks that have it as an argument, processes that got it (until they unpin it or end),
 * other nodes that are taking it. A pinned object stays in memory. Primary copies stay somewhere on this node until
 * their owner frees them; secondary copies go, least recently used first, when room is needed, and their owner is told.
 *
 * Who gets room, and what is spilled, is in store_room.c; pulls and what other nodes take are in store_pull.c. Handlers
 * change states and mark the store as stirred; the decisions are taken once, when the step settles.
 *
 * Arguments of granted leases pin at most max_task_args_memory_fraction_e4 of the store, an object counted once; where
 * none is pinned so, one lease may have more. As in Ray: what is not pinned by work in progress is room for its
 * results.
 *
 * Cost: O(1) a message, but for the end of a process, which looks at every object. Invariants (sanity check): every sum
 * is that over the objects; memory in use never exceeds a capacity other than 0; what is pinned is HERE; each object is
 * in exactly the list of its state.
 */
#include "core/store.h"

#include "core/state.h"
#include "core/store_int.h"

struct rs_store *rs_store_new(uint64_t capacity_bytes)
{
  struct rs_store *s = rs_alloc_zero(1, sizeof *s);
  s->capacity_bytes = capacity_bytes;
  s->stuck_since = RS_TIME_NEVER;
  struct rs_link *lists[] = {&s->creates, &s->lru, &s->spillable, &s->asked, &s->asking};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    rs_list_init(lists[i]);
  for (unsigned i = 0; i < 2 * PULL_REASONS; i++)
    rs_list_init(&s->pulls[i / PULL_REASONS][i % PULL_REASONS]);
  return s;
}

static void object_free(struct object *o)
{
  free(o->locations);
  free(o->wants);
  free(o->readers);
  free(o->sends);
  free(o->asks);
  free(o);
}

void rs_store_free(struct rs_store *s)
{
  for (uint32_t i = 0; i < s->objects.cap; i++)
    if (s->objects.slots[i].key)
      object_free((void *)(uintptr_t)s->objects.slots[i].value);
  rs_map_free(&s->objects);
  free(s->batches);
  free(s);
}

uint64_t rs_store_used_bytes(const struct rs_store *s)
{
  return s->used_bytes;
}
uint64_t rs_store_spilled_bytes(const struct rs_store *s)
{
  return s->disk_bytes;
}
uint32_t rs_store_object_count(const struct rs_store *s)
{
  return s->objects.count;
}
bool rs_store_holds_primary(const struct rs_store *s)
{
  return s->primary_count > 0;
}
bool rs_store_stirred(const struct rs_store *s)
{
  return s->stirred;
}

struct object *rs_store_find(struct rs_store *s, struct rs_id id)
{
  struct object *o = rs_map_get_ptr(&s->objects, rs_id_key(id));
  RS_ASSERT(!o || rs_id_equal(o->id, id));
  return o;
}

bool rs_store_has(struct rs_store *store, struct rs_id id)
{
  const struct object *o = rs_store_find(store, id);
  return o && o->state == OBJECT_HERE;
}

struct object *rs_store_add(struct rs_store *s, struct rs_id id, uint64_t size_bytes)
{
  struct object *o = rs_alloc_zero(1, sizeof *o);
  o->id = id;
  o->size_bytes = size_bytes;
  o->reason = RS_PULL_ARG;
  rs_list_init(&o->link);
  rs_list_init(&o->ask_link);
  rs_map_put_ptr(&s->objects, rs_id_key(id), o);
  return o;
}

void rs_store_forget(struct rs_store *s, struct object *o)
{
  RS_ASSERT(o->pins == 0 && o->send_count == 0 && o->ask_count == 0);
  rs_list_remove(&o->link);
  rs_list_remove(&o->ask_link);
  rs_map_remove(&s->objects, rs_id_key(o->id), NULL);
  object_free(o);
}

/* ---- sums and lists ---- */

static bool takes_memory(const struct object *o)
{
  switch (o->state) {
  case OBJECT_WRITING:
  case OBJECT_ASKING:
  case OBJECT_PULLING:
  case OBJECT_RESTORING:
  case OBJECT_HERE: return !o->in_file;
  default: return false;
  }
}

/* On the disk, or with room reserved there. */
static bool takes_disk(const struct object *o)
{
  return o->on_disk || o->spilling || (o->in_file && o->state != OBJECT_ROOM);
}

static void sum(struct rs_store *s, const struct object *o, bool add)
{
#define SUM(field, when)                                                                                               \
  if (when)                                                                                                            \
  s->field = add ? s->field + o->size_bytes : s->field - o->size_bytes
  SUM(used_bytes, takes_memory(o));
  SUM(disk_bytes, takes_disk(o));
  SUM(pulling_bytes, o->state == OBJECT_ASKING || o->state == OBJECT_PULLING);
  SUM(leased_bytes, o->leases > 0);
  SUM(unspilled_bytes, o->state == OBJECT_HERE && o->primary && !o->on_disk && !o->in_file);
  SUM(spilling_bytes, o->spilling);
#undef SUM
  uint64_t sending = o->size_bytes * o->send_count;
  s->sending_bytes = add ? s->sending_bytes + sending : s->sending_bytes - sending;
  uint32_t one = add ? 1 : UINT32_MAX;
  s->pulling_count += o->state == OBJECT_ASKING || o->state == OBJECT_PULLING ? one : 0;
  s->restoring_count += o->state == OBJECT_RESTORING ? one : 0;
  s->primary_count += o->primary ? one : 0;
}

void rs_store_uncount(struct rs_store *s, const struct object *o)
{
  sum(s, o, false);
}

void rs_store_count(struct rs_store *s, const struct object *o)
{
  sum(s, o, true);
}

static bool in_use(const struct object *o)
{
  return o->pins > 0 || o->send_count > 0 || o->ask_count > 0 || o->spilling;
}

static struct rs_link *list_of(struct rs_store *s, const struct object *o)
{
  switch (o->state) {
  case OBJECT_ROOM: return &s->creates;
  case OBJECT_QUEUED: return &s->pulls[o->on_disk][o->reason];
  case OBJECT_ASKING: return &s->asking;
  case OBJECT_HERE: return in_use(o) || o->in_file ? NULL : o->primary && !o->on_disk ? &s->spillable : &s->lru;
  default: return NULL;
  }
}

void rs_store_place(struct rs_store *s, struct object *o)
{
  struct rs_link *list = list_of(s, o);
  if (o->state == OBJECT_ASKING && !rs_list_empty(&o->link))
    return; /* it keeps its place */
  rs_list_remove(&o->link);
  if (list)
    rs_list_push_back(list, &o->link);
}

/* ---- who wants it ---- */

void rs_store_reply(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status)
{
  struct rs_m_pulled *m = rs_msg_new(RS_MSG_PULLED);
  m->object = id;
  m->status = status;
  rs_send(ep, to, m);
}

void rs_store_reply_room(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status)
{
  struct rs_m_object_room *m = rs_msg_new(RS_MSG_OBJECT_ROOM);
  m->object = id;
  m->status = status;
  rs_send(ep, to, m);
}

void rs_store_add_want(struct object *o, struct want want)
{
  RS_GROW(o->wants, o->want_count, o->want_cap);
  o->wants[o->want_count++] = want;
}

static void add_reader(struct object *o, rs_addr who)
{
  o->pins++;
  for (uint32_t i = 0; i < o->reader_count; i++)
    if (o->readers[i].who == who) {
      o->readers[i].count++;
      return;
    }
  RS_GROW(o->readers, o->reader_count, o->reader_cap);
  o->readers[o->reader_count++] = (struct reader){who, 1};
}

void rs_store_tell(struct rs_endpoint *ep, struct object *o, int status)
{
  struct want *wants = o->wants; /* takes the list first: hearers may ask for more */
  uint32_t count = o->want_count;
  struct rs_id id = o->id;
  o->wants = NULL;
  o->want_count = o->want_cap = 0;
  o->reason = RS_PULL_ARG;
  for (uint32_t i = 0; i < count; i++) {
    if (wants[i].lease) {
      rs_raylet_on_arg_ready(ep, wants[i].lease, id, status);
    } else if (wants[i].create) {
      rs_store_reply_room(ep, wants[i].who, id, status == RS_ERR_OK ? RS_ERR_OBJECT_EXISTS : status);
    } else {
      if (wants[i].pin && status == RS_ERR_OK)
        add_reader(o, wants[i].who);
      rs_store_reply(ep, wants[i].who, id, status);
    }
  }
  free(wants);
}

void rs_store_give_up(struct rs_endpoint *ep, struct object *o, int status)
{
  struct rs_store *s = ep->local->store;
  rs_store_tell(ep, o, status);
  rs_store_uncount(s, o);
  rs_store_forget(s, o);
  s->stirred = true;
}

/* ---- it comes and goes ---- */

void rs_store_discard(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  RS_ASSERT(!in_use(o) && o->want_count == 0);
  rs_store_uncount(s, o);
  struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
  drop->object = o->id;
  drop->size = o->size_bytes;
  rs_trace(ep, RS_TRACE_OBJECT_FREED, o->id.owner, o->id.seq, o->size_bytes);
  rs_store_forget(s, o);
  s->stirred = true;
}

void rs_store_rest(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  if ((o->state != OBJECT_HERE && o->state != OBJECT_SPILLED) || in_use(o)) {
    rs_store_place(s, o);
    return;
  }
  s->stirred = true;
  if (o->freed) {
    rs_store_discard(ep, o);
  } else if (o->state == OBJECT_HERE && o->in_file && o->primary) { /* its file is all that there is of it */
    rs_store_uncount(s, o);
    o->state = OBJECT_SPILLED;
    o->in_file = false;
    rs_store_count(s, o);
    rs_store_place(s, o);
  } else if (o->state == OBJECT_HERE && o->in_file) { /* a copy that had no room in memory has served its purpose */
    struct rs_m_object_evicted *m = rs_msg_new(RS_MSG_OBJECT_EVICTED);
    m->object = o->id;
    m->raylet = ep->self;
    rs_send(ep, o->id.owner, m);
    rs_store_discard(ep, o);
  } else {
    rs_store_place(s, o);
  }
}

void rs_store_arrive(struct rs_endpoint *ep, struct object *o, bool primary)
{
  struct rs_store *s = ep->local->store;
  rs_store_uncount(s, o);
  o->state = OBJECT_HERE;
  o->primary = o->primary || primary;
  o->on_disk = o->on_disk || o->in_file;
  o->made = o->sealed = false;
  o->source = RS_ADDR_NONE;
  rs_store_count(s, o);
  rs_list_remove(&o->link);
  rs_trace(ep, RS_TRACE_OBJECT_LOCAL, o->id.owner, o->id.seq, o->size_bytes);
  o->pins++; /* it stays while those who wait are told */
  rs_store_tell(ep, o, RS_ERR_OK);
  o->pins--;
  rs_store_rest(ep, o);
}

/* ---- making ---- */

static void on_create(struct rs_endpoint *ep, rs_addr from, const struct rs_m_object_create *m)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, m->object);
  if (!o) {
    rs_store_enqueue_create(ep, rs_store_add(s, m->object, m->size), from, false);
    return;
  }
  switch (o->state) {
  case OBJECT_HERE:
  case OBJECT_SPILLED:
  case OBJECT_RESTORING: rs_store_reply_room(ep, from, m->object, RS_ERR_OBJECT_EXISTS); return;
  case OBJECT_QUEUED:
    if (o->on_disk) {
      rs_store_reply_room(ep, from, m->object, RS_ERR_OBJECT_EXISTS);
      return;
    }
    rs_store_uncount(s, o);
    o->size_bytes = m->size;
    o->state = OBJECT_ROOM;
    rs_store_count(s, o);
    rs_store_enqueue_create(ep, o, from, false);
    return;
  default: /* another one makes it, or it is on its way: told when that has ended */
    rs_store_add_want(o, (struct want){.who = from, .create = true});
  }
}

void rs_store_on_created(struct rs_endpoint *ep, rs_addr from, struct rs_id id, uint64_t size_bytes)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, id);
  if (!o) {
    o = rs_store_add(s, id, size_bytes);
    rs_store_add_want(o, (struct want){.who = from});
    rs_store_enqueue_create(ep, o, from, true);
    return;
  }
  switch (o->state) {
  case OBJECT_HERE: /* made again by a retry: the bytes are the same */
  case OBJECT_SPILLED:
  case OBJECT_RESTORING:
    o->creator = from;
    rs_store_reply(ep, from, id, RS_ERR_OK);
    return;
  case OBJECT_QUEUED:
    if (o->on_disk) {
      o->creator = from;
      rs_store_reply(ep, from, id, RS_ERR_OK);
      return;
    }
    rs_store_uncount(s, o);
    o->size_bytes = size_bytes;
    o->state = OBJECT_ROOM;
    rs_store_count(s, o);
    rs_store_add_want(o, (struct want){.who = from});
    rs_store_enqueue_create(ep, o, from, true);
    return;
  case OBJECT_WRITING:
    if (o->creator == from) {
      rs_store_reply(ep, from, id, RS_ERR_OK);
      rs_store_arrive(ep, o, true);
      return;
    }
    break;
  case OBJECT_ASKING:
  case OBJECT_PULLING: /* the copy that is on its way brings the same bytes, and has its room */
    o->made = true;
    o->creator = from;
    rs_store_reply(ep, from, id, RS_ERR_OK);
    return;
  default: break;
  }
  rs_store_add_want(o, (struct want){.who = from}); /* another one makes it: told when that has ended */
}

/* Its creator has given up: another who wanted to make it gets its place, or it is pulled for those who want it. */
static void abandon(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  o->creator = RS_ADDR_NONE;
  if (o->state == OBJECT_MAKING) /* what follows is decided when its file has been made */
    return;
  rs_list_remove(&o->link);
  if (o->state == OBJECT_WRITING) {
    struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
    drop->object = o->id;
    drop->size = o->size_bytes;
  }
  rs_store_uncount(s, o);
  o->state = OBJECT_QUEUED;
  o->in_file = o->on_disk = o->sealed = false;
  rs_store_count(s, o);
  s->stirred = true;
  for (uint32_t i = 0; i < o->want_count; i++) {
    if (!o->wants[i].create)
      continue;
    rs_addr next = o->wants[i].who;
    for (; i + 1 < o->want_count; i++)
      o->wants[i] = o->wants[i + 1];
    o->want_count--;
    rs_store_enqueue_create(ep, o, next, false);
    return;
  }
  if (o->freed || o->want_count == 0 || o->location_count == 0)
    rs_store_give_up(ep, o, RS_ERR_OBJECT_LOST);
  else
    rs_store_enqueue_pull(ep, o);
}

static void on_abort(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  struct object *o = rs_store_find(ep->local->store, id);
  if (!o)
    return;
  if ((o->state == OBJECT_WRITING || o->state == OBJECT_ROOM || o->state == OBJECT_MAKING) && o->creator == from) {
    abandon(ep, o); /* and forgets it, where nobody else wants to make it */
    return;
  }
  for (uint32_t i = 0; i < o->want_count; i++) /* it still waited to make it */
    if (o->wants[i].create && o->wants[i].who == from) {
      o->wants[i] = o->wants[--o->want_count];
      return;
    }
}

/* A worker that was stopped had still announced an object: nobody will ever hear of it. */
void rs_store_on_stray(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  on_abort(ep, from, id);
}

static bool before(struct rs_id a, struct rs_id b)
{
  return a.owner != b.owner ? a.owner < b.owner : a.seq < b.seq;
}

static void sift(struct object **list, uint32_t at, uint32_t count)
{
  struct object *o = list[at];
  for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
    child += child + 1 < count && before(list[child]->id, list[child + 1]->id);
    if (!before(o->id, list[child]->id))
      break;
    list[at] = list[child];
  }
  list[at] = o;
}

/* By ids (heapsort): what happens to several objects may not depend on the order of a table. */
static void sort(struct object **list, uint32_t count)
{
  for (uint32_t i = count / 2; i > 0; i--)
    sift(list, i - 1, count);
  for (uint32_t end = count; end > 1; end--) {
    struct object *last = list[end - 1];
    list[end - 1] = list[0];
    list[0] = last;
    sift(list, 0, end - 1);
  }
}

/* What it made may be unknown to its owner, if the result was lost with it: the owner is told, and frees what it does
 * not want. What it was still writing goes when it has really ended: see rs_store_on_peer_down. */
void rs_store_on_worker_gone(struct rs_endpoint *ep, rs_addr worker)
{
  struct rs_store *s = ep->local->store;
  uint32_t count = 0;
  struct object **made = rs_alloc(s->objects.count * sizeof *made);
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    struct object *o = s->objects.slots[i].key ? (void *)(uintptr_t)s->objects.slots[i].value : NULL;
    if (o && o->creator == worker && (rs_store_bytes_here(o) || o->made || o->sealed))
      made[count++] = o;
  }
  sort(made, count);
  ep->work.objects += s->objects.count;
  for (uint32_t i = 0; i < count; i++) {
    made[i]->creator = RS_ADDR_NONE;
    if (made[i]->sealed) { /* it had no room yet: it never was */
      made[i]->sealed = false;
      abandon(ep, made[i]);
      continue;
    }
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
  struct object *o = rs_store_find(s, id);
  if (!o)
    return;
  s->stirred = true;
  o->freed = true;
  rs_store_refuse_asks(ep, o);
  if (o->state == OBJECT_QUEUED) {
    rs_list_remove(&o->link);
    rs_store_tell(ep, o, RS_ERR_OBJECT_LOST);
    if (!o->on_disk) {
      rs_store_give_up(ep, o, RS_ERR_OBJECT_LOST);
      return;
    }
    rs_store_uncount(s, o);
    o->state = OBJECT_SPILLED;
    rs_store_count(s, o);
  }
  if (o->state == OBJECT_HERE || o->state == OBJECT_SPILLED)
    rs_store_rest(ep, o); /* now, or when it is unpinned */
  /* otherwise when it has arrived, or is sealed */
}

/* ---- pins ---- */

void rs_store_pin(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = rs_store_find(ep->local->store, id);
  RS_ASSERT(o && o->state == OBJECT_HERE);
  if (o->pins++ == 0)
    rs_list_remove(&o->link);
}

void rs_store_unpin(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = rs_store_find(ep->local->store, id);
  RS_ASSERT(o && o->pins > 0);
  if (--o->pins == 0)
    rs_store_rest(ep, o);
}

/* One of the pins of a process, or all. True: it was the object's last. */
static bool drop_reader(struct object *o, rs_addr who, bool all)
{
  for (uint32_t i = 0; i < o->reader_count; i++) {
    if (o->readers[i].who != who)
      continue;
    uint32_t drop = all ? o->readers[i].count : 1;
    o->pins -= drop;
    o->readers[i].count -= drop;
    if (o->readers[i].count == 0)
      o->readers[i] = o->readers[--o->reader_count];
    return o->pins == 0;
  }
  return false;
}

static void on_unpin(struct rs_endpoint *ep, rs_addr from, const struct rs_m_object_unpin *m)
{
  for (uint32_t i = 0; i < m->objects_count; i++) {
    struct object *o = rs_store_find(ep->local->store, m->objects[i]);
    if (o && drop_reader(o, from, false))
      rs_store_rest(ep, o);
  }
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
    const struct object *o = rs_store_find(s, deps[i].id);
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
  struct object *o = rs_store_find(ep->local->store, id);
  RS_ASSERT(o && o->pins > o->leases);
  if (o->leases++ == 0)
    ep->local->store->leased_bytes += o->size_bytes;
}

void rs_store_unlease(struct rs_endpoint *ep, struct rs_id id)
{
  struct object *o = rs_store_find(ep->local->store, id);
  RS_ASSERT(o && o->leases > 0);
  if (--o->leases == 0)
    ep->local->store->leased_bytes -= o->size_bytes;
  rs_store_unpin(ep, id);
}

/* ---- the rest ---- */

/* A process has ended: objects of an owner that died go with it; what it was writing is abandoned, what it read or took
 * is unpinned, and it waits for nothing any more. */
void rs_store_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_store *s = ep->local->store;
  uint32_t count = 0;
  struct object **all = rs_alloc(s->objects.count * sizeof *all);
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    if (!s->objects.slots[i].key)
      continue;
    struct object *o = (void *)(uintptr_t)s->objects.slots[i].value;
    uint32_t wants = o->want_count;
    bool concerned = o->id.owner == peer || o->creator == peer || rs_store_pull_concerns(o, peer);
    for (uint32_t k = 0; k < o->want_count;) {
      if (o->wants[k].who == peer)
        o->wants[k] = o->wants[--o->want_count];
      else
        k++;
    }
    concerned = concerned || wants != o->want_count;
    for (uint32_t k = 0; k < o->reader_count; k++)
      concerned = concerned || o->readers[k].who == peer;
    if (concerned)
      all[count++] = o;
  }
  sort(all, count);
  ep->work.objects += s->objects.count;
  for (uint32_t i = 0; i < count; i++) {
    struct object *o = all[i];
    struct rs_id id = o->id;
    rs_store_pull_peer_down(ep, o, peer);
    o = rs_store_find(s, id);
    if (o && drop_reader(o, peer, true))
      rs_store_rest(ep, o);
    o = rs_store_find(s, id);
    if (o && o->creator == peer &&
        (o->state == OBJECT_WRITING || o->state == OBJECT_MAKING || (o->state == OBJECT_ROOM && !o->sealed)))
      abandon(ep, o);
    if (id.owner == peer)
      rs_store_on_free(ep, id);
    o = rs_store_find(s, id);
    if (o)
      rs_store_unwanted(ep, o);
  }
  free(all);
}

bool rs_store_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_OBJECT_CREATE: on_create(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_ABORT:
    on_abort(ep, from, ((const struct rs_m_object_abort *)(const void *)msg)->object);
    return true;
  case RS_MSG_OBJECT_UNPIN: on_unpin(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_FREE: {
    const struct rs_m_object_free *m = (const void *)msg;
    for (uint32_t i = 0; i < m->objects_count; i++)
      rs_store_on_free(ep, m->objects[i]);
    return true;
  }
  default: return rs_store_pull_on_message(ep, from, msg);
  }
}

void rs_store_prefetch(const struct rs_store *s)
{
  rs_prefetch(&s->used_bytes, sizeof *s - offsetof(struct rs_store, used_bytes)); /* what every step looks at */
}

void rs_store_settle(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  rs_store_settle_asks(ep);
  if (s->stirred || s->short_bytes) {
    s->stirred = false;
    s->short_bytes = 0;
    rs_store_settle_creates(ep);
    rs_store_settle_pulls(ep);
    if (s->short_bytes == 0)
      s->stuck_since = RS_TIME_NEVER;
    rs_store_settle_spills(ep);
    rs_store_settle_sends(ep);
  }
  if (s->held_primary != (s->primary_count > 0)) {
    s->held_primary = s->primary_count > 0;
    ep->local->dirty = true;
  }
}

void rs_store_sanity_check(const struct rs_store *s)
{
  struct rs_store all = {0};
  uint32_t spilling = 0, left = 0;
  for (uint32_t i = 0; i < s->objects.cap; i++) {
    if (!s->objects.slots[i].key)
      continue;
    const struct object *o = (const void *)(uintptr_t)s->objects.slots[i].value;
    rs_store_count(&all, o);
    uint32_t readers = 0;
    for (uint32_t k = 0; k < o->reader_count; k++)
      readers += o->readers[k].count;
    RS_ASSERT(readers + o->leases <= o->pins && (o->pins == 0 || o->state == OBJECT_HERE));
    RS_ASSERT((o->send_count == 0 && o->ask_count == 0) || rs_store_bytes_here(o));
    RS_ASSERT((o->ask_count > 0) == !rs_list_empty(&o->ask_link));
    bool listed = list_of((struct rs_store *)(uintptr_t)s, o) != NULL;
    RS_ASSERT(listed == !rs_list_empty(&o->link));
    RS_ASSERT(!o->spilling || (o->state == OBJECT_HERE && o->primary && !o->on_disk && !o->in_file));
    RS_ASSERT(o->state != OBJECT_SPILLED || (o->on_disk && o->primary && !o->in_file));
    RS_ASSERT(!o->in_file || o->state != OBJECT_RESTORING);
    RS_ASSERT(o->state != OBJECT_QUEUED || o->want_count > 0);
    RS_ASSERT(o->state != OBJECT_ASKING || o->link.next == &s->asking ||
              RS_ENTRY(o->link.next, struct object, link)->asked_at >= o->asked_at);
    spilling += o->spilling;
  }
  for (uint32_t i = 0; i < s->batch_count; i++)
    left += s->batches[i].left;
  RS_ASSERT(left == spilling);
  RS_ASSERT(all.used_bytes == s->used_bytes && all.disk_bytes == s->disk_bytes);
  RS_ASSERT(all.pulling_bytes == s->pulling_bytes && all.pulling_count == s->pulling_count);
  RS_ASSERT(all.leased_bytes == s->leased_bytes && all.primary_count == s->primary_count);
  RS_ASSERT(all.unspilled_bytes == s->unspilled_bytes && all.spilling_bytes == s->spilling_bytes);
  RS_ASSERT(all.sending_bytes == s->sending_bytes && all.restoring_count == s->restoring_count);
  RS_ASSERT(s->capacity_bytes == 0 || s->used_bytes <= s->capacity_bytes);
}

void rs_store_state_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  static const enum rs_copy_state states[] = {
      [OBJECT_ROOM] = RS_COPY_QUEUED,       [OBJECT_MAKING] = RS_COPY_QUEUED, [OBJECT_WRITING] = RS_COPY_PULLING,
      [OBJECT_QUEUED] = RS_COPY_QUEUED,     [OBJECT_ASKING] = RS_COPY_QUEUED, [OBJECT_PULLING] = RS_COPY_PULLING,
      [OBJECT_RESTORING] = RS_COPY_PULLING, [OBJECT_HERE] = RS_COPY_HERE,     [OBJECT_SPILLED] = RS_COPY_SPILLED};
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
    row->n[RS_COL(copies, state)] = states[o->state];
    row->n[RS_COL(copies, pins)] = o->pins;
    row->n[RS_COL(copies, primary)] = o->primary;
    rs_answer_add(answer, row);
  }
}

void rs_store_summary_row(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_store *s = ep->local->store;
  struct rs_row *row = rs_row_new(RS_STATE_STORES, RS_COLS(stores), 0);
  row->n[RS_COL(stores, node)] = rs_addr_node(ep->self);
  row->n[RS_COL(stores, objects)] = s->objects.count;
  row->n[RS_COL(stores, used)] = s->used_bytes;
  row->n[RS_COL(stores, capacity)] = s->capacity_bytes;
  row->n[RS_COL(stores, spilled)] = s->disk_bytes;
  row->n[RS_COL(stores, primaries)] = s->primary_count;
  row->n[RS_COL(stores, pulls)] = s->pulling_count;
  rs_answer_add(answer, row);
}
