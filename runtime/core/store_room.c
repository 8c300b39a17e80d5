/* store_room.c -- room in a node's store: who gets it, what is evicted and spilled for it, and when the disk takes
 * over.
 *
 * Whoever makes an object waits here, first come first served, until it has room. Room is made at once by evicting
 * copies that nobody uses; beyond that by spilling: primary copies that nobody uses are written to the disk, least
 * recently used first, and leave memory when they are there. As in Ray, with its settings:
 *
 *   when     those in memory exceed object_spilling_threshold of the capacity, or somebody waits for room
 *   how many as many as needed, at least min_spilling_size together where there are so many, at most
 *            max_fused_object_count: they share one file. A batch that is smaller than that waits while others are
 *            under way. At most max_io_workers batches at a time
 *   if stuck nothing is being spilled and nothing has become free for oom_grace_period_s: the object is made in a file
 *            on the disk instead of memory, and read there by those who are on this node. What is larger than the whole
 *            store goes there at once. When the disk is full too, that is an error, not a wait: DISK_FULL
 *
 * A disk that was full is not tried again for RETRY_NS. object_spilling_max_bytes, where set, is the disk's size.
 *
 * Cost: O(1) an object spilled or evicted.
 */
#include "core/store_int.h"

#define RETRY_NS RS_S

static uint64_t part(uint64_t of, int64_t e4)
{
  return of / RS_ONE_E4 * (uint64_t)e4 + of % RS_ONE_E4 * (uint64_t)e4 / RS_ONE_E4;
}

static uint64_t grace_ns(const struct rs_endpoint *ep)
{
  return (uint64_t)ep->config->oom_grace_period_s * RS_S;
}

/* ---- evicting ---- */

/* A copy in memory goes, of which there is another one: on another node, or on the disk. */
static void evict(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  ep->work.objects++;
  if (!o->primary) {
    struct rs_m_object_evicted *m = rs_msg_new(RS_MSG_OBJECT_EVICTED);
    m->object = o->id;
    m->raylet = ep->self;
    rs_send(ep, o->id.owner, m);
    rs_store_discard(ep, o);
    return;
  }
  RS_ASSERT(o->on_disk);
  rs_list_remove(&o->link);
  rs_store_uncount(s, o);
  o->state = OBJECT_SPILLED;
  rs_store_count(s, o);
  struct rs_effect *drop = rs_emit(ep, RS_OUT_EVICT);
  drop->object = o->id;
  drop->size = o->size_bytes;
}

bool rs_store_make_room(struct rs_endpoint *ep, uint64_t size_bytes)
{
  struct rs_store *s = ep->local->store;
  if (s->capacity_bytes == 0)
    return true;
  if (size_bytes > s->capacity_bytes)
    return false;
  while (s->used_bytes > s->capacity_bytes - size_bytes && !rs_list_empty(&s->lru))
    evict(ep, RS_ENTRY(s->lru.next, struct object, link));
  return s->used_bytes <= s->capacity_bytes - size_bytes;
}

/* ---- the disk ---- */

bool rs_store_disk_has_room(const struct rs_endpoint *ep, uint64_t size_bytes)
{
  const struct rs_store *s = ep->local->store;
  uint64_t most = (uint64_t)ep->config->object_spilling_max_bytes;
  if (!ep->config->automatic_object_spilling_enabled || ep->now < s->disk_retry_at)
    return false;
  return most == 0 || (size_bytes <= most && s->disk_bytes <= most - size_bytes);
}

bool rs_store_may_use_disk(struct rs_endpoint *ep, uint64_t size_bytes)
{
  struct rs_store *s = ep->local->store;
  if (size_bytes > s->capacity_bytes && rs_store_disk_has_room(ep, size_bytes))
    return true;
  if (s->stuck_since == RS_TIME_NEVER)
    s->stuck_since = ep->now;
  if (s->short_bytes == 0)
    s->short_bytes = size_bytes;
  return s->spilling_bytes == 0 && ep->now >= rs_time_add(s->stuck_since, grace_ns(ep));
}

uint64_t rs_store_deadline(const struct rs_endpoint *ep)
{
  const struct rs_store *s = ep->local->store;
  uint64_t asked = rs_store_ask_deadline(ep);
  if (s->short_bytes == 0 || s->spilling_bytes > 0)
    return asked;
  uint64_t deadline = rs_time_min(asked, rs_time_add(s->stuck_since, grace_ns(ep)));
  if (ep->now < s->disk_retry_at)
    deadline = rs_time_min(deadline, s->disk_retry_at);
  return deadline;
}

/* ---- making objects ---- */

void rs_store_enqueue_create(struct rs_endpoint *ep, struct object *o, rs_addr creator, bool sealed)
{
  struct rs_store *s = ep->local->store;
  rs_store_uncount(s, o);
  o->state = OBJECT_ROOM;
  o->creator = creator;
  o->sealed = sealed;
  rs_store_count(s, o);
  rs_store_place(s, o);
  s->stirred = true;
}

static void emit_create(struct rs_endpoint *ep, const struct object *o)
{
  struct rs_effect *create = rs_emit(ep, RS_OUT_CREATE);
  create->object = o->id;
  create->size = o->size_bytes;
  create->to = o->creator;
  create->count = (o->sealed ? RS_CREATE_SEALED : 0) | (o->in_file ? RS_CREATE_ON_DISK : 0);
}

/* It has its room, in memory or in a file. */
static void grant(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  if (o->sealed) {
    rs_store_arrive(ep, o, true);
    return;
  }
  rs_store_uncount(s, o);
  o->state = OBJECT_WRITING;
  rs_store_count(s, o);
  rs_list_remove(&o->link);
  rs_store_reply_room(ep, o->creator, o->id, RS_ERR_OK);
}

static void fail(struct rs_endpoint *ep, struct object *o, int status)
{
  rs_list_remove(&o->link);
  if (!o->sealed && o->creator != RS_ADDR_NONE)
    rs_store_reply_room(ep, o->creator, o->id, status);
  rs_store_give_up(ep, o, status);
}

void rs_store_settle_creates(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  while (!rs_list_empty(&s->creates)) {
    struct object *o = RS_ENTRY(s->creates.next, struct object, link);
    if (rs_store_make_room(ep, o->size_bytes)) {
      emit_create(ep, o);
      grant(ep, o);
      s->stuck_since = RS_TIME_NEVER;
      continue;
    }
    if (!rs_store_may_use_disk(ep, o->size_bytes))
      return;
    if (!rs_store_disk_has_room(ep, o->size_bytes)) {
      fail(ep, o, ep->config->automatic_object_spilling_enabled ? RS_ERR_DISK_FULL : RS_ERR_STORE_FULL);
      continue;
    }
    rs_store_uncount(s, o);
    o->state = OBJECT_MAKING;
    o->in_file = true;
    rs_store_count(s, o);
    rs_list_remove(&o->link);
    emit_create(ep, o);
  }
}

/* ---- spilling ---- */

/* How much has to be spilled beyond what is under way. */
static uint64_t needed(const struct rs_endpoint *ep)
{
  const struct rs_store *s = ep->local->store;
  uint64_t most = part(s->capacity_bytes, ep->config->object_spilling_threshold_e4), need = 0;
  if (s->unspilled_bytes > most)
    need = s->unspilled_bytes - most;
  if (s->short_bytes && s->short_bytes <= s->capacity_bytes && s->used_bytes > s->capacity_bytes - s->short_bytes) {
    uint64_t more = s->used_bytes - (s->capacity_bytes - s->short_bytes);
    need = need > more ? need : more;
  }
  return need > s->spilling_bytes ? need - s->spilling_bytes : 0;
}

/* One batch, into one file; false: there is nothing to spill now. */
static bool spill_batch(struct rs_endpoint *ep, uint64_t need)
{
  struct rs_store *s = ep->local->store;
  uint64_t least = (uint64_t)ep->config->min_spilling_size, bytes = 0;
  uint64_t want = need > least ? need : least;
  uint32_t count = 0;
  struct rs_link *at = s->spillable.next;
  for (; at != &s->spillable && bytes < want && count < (uint64_t)ep->config->max_fused_object_count; at = at->next) {
    const struct object *o = RS_ENTRY(at, struct object, link);
    if (!rs_store_disk_has_room(ep, bytes + o->size_bytes))
      break;
    bytes += o->size_bytes;
    count++;
  }
  if (count == 0 || (at == &s->spillable && bytes < least && s->batch_count > 0))
    return false;
  uint64_t file = ++s->last_file;
  RS_GROW(s->batches, s->batch_count, s->batch_cap);
  s->batches[s->batch_count++] = (struct spill_batch){file, count};
  ep->work.objects += count;
  for (; count > 0; count--) {
    struct object *o = RS_ENTRY(s->spillable.next, struct object, link);
    rs_list_remove(&o->link);
    rs_store_uncount(s, o);
    o->spilling = true;
    o->file = file;
    rs_store_count(s, o);
    struct rs_effect *spill = rs_emit(ep, RS_OUT_SPILL);
    spill->object = o->id;
    spill->size = o->size_bytes;
    spill->a = file;
  }
  return true;
}

void rs_store_settle_spills(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  if (s->capacity_bytes == 0)
    return;
  for (uint64_t need; (need = needed(ep)) > 0 && s->batch_count < (uint64_t)ep->config->max_io_workers;)
    if (!spill_batch(ep, need))
      return;
}

static void batch_done(struct rs_store *s, uint64_t file)
{
  for (uint32_t i = 0; i < s->batch_count; i++)
    if (s->batches[i].file == file && --s->batches[i].left == 0) {
      s->batches[i] = s->batches[--s->batch_count];
      return;
    }
}

static void on_made(struct rs_endpoint *ep, struct object *o, int status)
{
  struct rs_store *s = ep->local->store;
  bool nobody = o->creator == RS_ADDR_NONE && !o->sealed;
  if (status != RS_ERR_OK || nobody) {
    rs_store_uncount(s, o);
    o->state = OBJECT_ROOM;
    o->in_file = false;
    rs_store_count(s, o);
    if (status == RS_ERR_OK) {
      struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
      drop->object = o->id;
      drop->size = o->size_bytes;
    }
    fail(ep, o, nobody ? RS_ERR_OBJECT_LOST : RS_ERR_DISK_FULL);
    return;
  }
  grant(ep, o);
}

void rs_store_on_spill_done(struct rs_endpoint *ep, struct rs_id id, int status)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, id);
  RS_ASSERT(o && (o->spilling || o->state == OBJECT_MAKING));
  s->stirred = true;
  if (status != RS_ERR_OK)
    s->disk_retry_at = rs_time_add(ep->now, RETRY_NS);
  if (o->state == OBJECT_MAKING) {
    on_made(ep, o, status);
    return;
  }
  batch_done(s, o->file);
  rs_store_uncount(s, o);
  o->spilling = false;
  o->on_disk = status == RS_ERR_OK;
  rs_store_count(s, o);
  if (status == RS_ERR_OK) {
    rs_trace(ep, RS_TRACE_OBJECT_SPILLED, id.owner, id.seq, o->size_bytes);
    if (s->stuck_since != RS_TIME_NEVER)
      s->stuck_since = ep->now;
  }
  rs_store_rest(ep, o);
  o = rs_store_find(s, id);
  if (status == RS_ERR_OK && o && o->state == OBJECT_HERE && !rs_list_empty(&o->link))
    evict(ep, o); /* nobody uses it: what it was written for is that its memory becomes free */
}
