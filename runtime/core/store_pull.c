/* store_pull.c -- bringing objects to this node, and giving them to others.
 *
 * What is wanted here and is elsewhere, or on the disk, waits in a queue of its urgency: somebody waits for the value
 * (get) before somebody waits for its arrival (wait) before a task that is to run reads it. Pulls start while
 * object_manager_max_pulls and object_manager_max_bytes_in_flight allow it, restores while max_io_workers does, and
 * both when there is room (store_room.c). A source is chosen at random among those known; one that fails is followed by
 * the next; when none is left it fails for all who wait. What finds no room for oom_grace_period_s goes to the disk
 * instead, and what is there is read there.
 *
 * A source that hangs is not waited for until the health check finds it. One that has not answered, or of whose copy
 * nothing has come, for object_manager_pull_timeout_ms (as in Ray) is left for one that has not been asked, and counts
 * as not asked again, so that two that are silent are asked by turns. Where no other is known the owner is asked for
 * more (OBJECT_LOCATE), and the source is waited for. After fetch_fail_timeout_milliseconds in
 * all those who wait hear TIMED_OUT. Ray draws any of the known ones each time.
 *
 * Objects of object_manager_ask_bytes and more are asked for first (OBJECT_ASK). A source lets an object be taken by
 * object_manager_max_pushes_per_object nodes at a time, and by as many as object_manager_max_bytes_in_flight allows for
 * all objects; the others wait with it. Each time that a node has taken the object, half of those who wait are sent
 * there (OBJECT_GIVE with its address): so the number of sources grows by a constant factor each round, and a broadcast
 * to N nodes takes about log N rounds, without anybody who plans it. This is the splitting of a queue in halves,
 * binomial trees when all take equally long; Ray sends from the nodes that the owner happens to know.
 *
 * An object that is freed while it is being pulled is dropped when it arrives.
 *
 * Cost: O(1) a pull; O(log N) messages a node in a broadcast to N.
 */
#include "core/store_int.h"

/* ---- where it is ---- */

static void add_location(struct rs_endpoint *ep, struct object *o, rs_addr raylet)
{
  if (raylet == RS_ADDR_NONE || raylet == ep->self)
    return;
  for (uint32_t i = 0; i < o->location_count; i++)
    if (o->locations[i] == raylet)
      return;
  RS_GROW(o->locations, o->location_count, o->location_cap);
  o->locations[o->location_count++] = raylet;
}

/* The next source, at random among those that have not been asked; RS_ADDR_NONE: there is none. */
static rs_addr next_source(struct rs_endpoint *ep, struct object *o)
{
  uint32_t left = o->location_count - o->location_tried;
  if (left == 0)
    return RS_ADDR_NONE;
  uint32_t at = o->location_tried + (left > 1 ? (uint32_t)rs_rng_below(&ep->rng, left) : 0);
  rs_addr source = o->locations[at];
  o->locations[at] = o->locations[o->location_tried];
  o->locations[o->location_tried++] = source;
  return source;
}

/* A location counts as asked, or not. */
static void mark(struct object *o, rs_addr raylet, bool tried)
{
  for (uint32_t i = 0; i < o->location_count; i++) {
    if (o->locations[i] != raylet || (i < o->location_tried) == tried)
      continue;
    uint32_t border = tried ? o->location_tried++ : --o->location_tried;
    o->locations[i] = o->locations[border];
    o->locations[border] = raylet;
    return;
  }
}

/* ---- wanting ---- */

void rs_store_enqueue_pull(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  rs_store_uncount(s, o);
  o->state = OBJECT_QUEUED;
  o->in_file = false;
  rs_store_count(s, o);
  rs_store_place(s, o);
  s->stirred = true;
}

/* True when the object is here; otherwise the want is told later. */
static bool want(struct rs_endpoint *ep, struct rs_id id, uint64_t size_bytes, uint8_t reason, const rs_addr *locations,
                 uint32_t count, struct want who)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, id);
  if (o && o->state == OBJECT_HERE) {
    if (o->pins == 0)
      rs_store_place(s, o); /* it was used now */
    return true;
  }
  if (!o) {
    o = rs_store_add(s, id, size_bytes);
    o->state = OBJECT_QUEUED;
    o->reason = reason;
  }
  for (uint32_t i = 0; i < count; i++)
    add_location(ep, o, locations[i]);
  rs_store_add_want(o, who);
  if (reason < o->reason) {
    o->reason = reason;
    if (o->state == OBJECT_QUEUED)
      rs_store_place(s, o);
  }
  if (o->state == OBJECT_SPILLED)
    rs_store_enqueue_pull(ep, o);
  else if (o->state == OBJECT_QUEUED && !o->on_disk && o->location_count == o->location_tried)
    rs_store_give_up(ep, o, RS_ERR_OBJECT_LOST);
  else if (o->state == OBJECT_QUEUED && rs_list_empty(&o->link))
    rs_store_enqueue_pull(ep, o);
  return false;
}

bool rs_store_want(struct rs_endpoint *ep, const struct rs_dep *dep, struct waiting *w)
{
  return want(ep, dep->id, dep->size_bytes, RS_PULL_ARG, &dep->location, 1, (struct want){.lease = w});
}

void rs_store_unwanted(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  if (o->state != OBJECT_QUEUED || o->want_count > 0)
    return;
  rs_list_remove(&o->link);
  if (!o->on_disk) {
    rs_store_forget(s, o);
    return;
  }
  rs_store_uncount(s, o);
  o->state = OBJECT_SPILLED;
  rs_store_count(s, o);
  rs_store_rest(ep, o);
}

void rs_store_unwant(struct rs_endpoint *ep, struct waiting *w)
{
  for (uint32_t i = 0; i < w->dep_count; i++) {
    struct object *o = rs_store_find(ep->local->store, w->deps[i].id);
    for (uint32_t k = 0; o && k < o->want_count;) {
      if (o->wants[k].lease == w)
        o->wants[k] = o->wants[--o->want_count];
      else
        k++;
    }
    if (o)
      rs_store_unwanted(ep, o);
  }
}

static void on_pull(struct rs_endpoint *ep, rs_addr from, const struct rs_m_pull *m)
{
  struct want who = {.who = from, .pin = m->pin};
  uint8_t reason = m->reason < RS_PULL_ARG ? m->reason : RS_PULL_ARG;
  if (!want(ep, m->object, m->size, reason, m->locations, m->locations_count, who))
    return;
  struct object *o = rs_store_find(ep->local->store, m->object);
  o->pins++;
  rs_store_add_want(o, who);
  rs_store_tell(ep, o, RS_ERR_OK);
  o->pins--;
  rs_store_rest(ep, o);
}

/* ---- pulling ---- */

static void start_restore(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  rs_list_remove(&o->link);
  rs_store_uncount(s, o);
  o->state = OBJECT_RESTORING;
  rs_store_count(s, o);
  struct rs_effect *restore = rs_emit(ep, RS_OUT_RESTORE);
  restore->object = o->id;
  restore->size = o->size_bytes;
  rs_trace(ep, RS_TRACE_OBJECT_RESTORED, o->id.owner, o->id.seq, o->size_bytes);
}

static void copy(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  rs_list_remove(&o->link);
  rs_store_uncount(s, o);
  o->state = OBJECT_PULLING;
  rs_store_count(s, o);
  struct rs_effect *effect = rs_emit(ep, RS_OUT_COPY);
  effect->object = o->id;
  effect->size = o->size_bytes;
  effect->to = o->source;
  effect->count = o->in_file ? RS_CREATE_ON_DISK : 0;
  rs_trace(ep, RS_TRACE_OBJECT_PULLED, o->id.owner, o->id.seq, o->source);
}

/* Asks the source, or takes a small object without asking. It has its room. */
static void take_from(struct rs_endpoint *ep, struct object *o, rs_addr source)
{
  struct rs_store *s = ep->local->store;
  o->source = source;
  o->granted = false;
  if (o->size_bytes < (uint64_t)ep->config->object_manager_ask_bytes && !o->wary) {
    copy(ep, o);
    return;
  }
  rs_store_uncount(s, o);
  o->state = OBJECT_ASKING;
  rs_store_count(s, o);
  o->asked_at = ep->now;
  o->late = false;
  rs_list_remove(&o->link);
  rs_list_push_back(&s->asking, &o->link);
  struct rs_m_object_ask *m = rs_msg_new(RS_MSG_OBJECT_ASK);
  m->object = o->id;
  rs_send(ep, source, m);
}

/* The source could not give it: the next one, or nobody. */
static void source_failed(struct rs_endpoint *ep, struct object *o, int status)
{
  struct rs_store *s = ep->local->store;
  s->stirred = true;
  if (o->made) { /* it was written here meanwhile, and has its room */
    struct rs_effect *create = rs_emit(ep, RS_OUT_CREATE);
    create->object = o->id;
    create->size = o->size_bytes;
    create->to = o->creator;
    create->count = RS_CREATE_SEALED;
    rs_store_uncount(s, o);
    o->in_file = false;
    rs_store_count(s, o);
    rs_store_arrive(ep, o, true);
    return;
  }
  rs_addr source = o->freed ? RS_ADDR_NONE : next_source(ep, o);
  if (source != RS_ADDR_NONE) {
    take_from(ep, o, source);
    return;
  }
  for (uint32_t i = 0; i < o->want_count && !o->freed; i++) {
    if (!o->wants[i].create) /* whoever waited to make it may do so now */
      continue;
    rs_addr creator = o->wants[i].who;
    for (; i + 1 < o->want_count; i++)
      o->wants[i] = o->wants[i + 1];
    o->want_count--;
    rs_store_uncount(s, o);
    o->state = OBJECT_ROOM;
    o->in_file = false;
    rs_store_count(s, o);
    rs_store_enqueue_create(ep, o, creator, false);
    return;
  }
  rs_store_give_up(ep, o, status);
}

static void taken(struct rs_endpoint *ep, rs_addr source, struct rs_id id, int status)
{
  struct rs_m_object_taken *m = rs_msg_new(RS_MSG_OBJECT_TAKEN);
  m->object = id;
  m->status = status;
  rs_send(ep, source, m);
}

/* The source has been silent for too long: another one that has not been asked, or it again. */
static void source_silent(struct rs_endpoint *ep, struct object *o)
{
  rs_addr silent = o->source;
  if (o->made || o->freed) {
    source_failed(ep, o, RS_ERR_OBJECT_LOST);
    return;
  }
  rs_addr source = next_source(ep, o);
  if (source == RS_ADDR_NONE)
    source = silent;
  else
    mark(o, silent, false);
  o->wary = true;
  take_from(ep, o, source);
}

static void leave_silent(struct rs_endpoint *ep, struct object *o)
{
  taken(ep, o->source, o->id, RS_ERR_CANCELLED);
  source_silent(ep, o);
}

/* The owner knows more copies than those who wanted it did: the silent source is left now. */
static void on_at(struct rs_endpoint *ep, const struct rs_m_object_at *m)
{
  struct object *o = rs_store_find(ep->local->store, m->object);
  if (!o || o->state != OBJECT_ASKING || !o->late)
    return;
  for (uint32_t i = 0; i < m->locations_count; i++)
    add_location(ep, o, m->locations[i]);
  if (o->location_tried < o->location_count)
    leave_silent(ep, o);
}

static uint64_t ask_deadline(const struct rs_endpoint *ep, const struct object *o)
{
  return rs_time_add(o->asked_at, (uint64_t)ep->config->object_manager_pull_timeout_ms * RS_MS);
}

uint64_t rs_store_ask_deadline(const struct rs_endpoint *ep)
{
  const struct rs_store *s = ep->local->store;
  return rs_list_empty(&s->asking) ? RS_TIME_NEVER
                                   : ask_deadline(ep, RS_ENTRY(s->asking.next, const struct object, link));
}

void rs_store_settle_asks(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  while (ep->now >= rs_store_ask_deadline(ep)) {
    struct object *o = RS_ENTRY(s->asking.next, struct object, link);
    ep->work.objects++;
    if (ep->now >= o->fails_at && !o->made && !o->freed) {
      taken(ep, o->source, o->id, RS_ERR_CANCELLED);
      rs_store_give_up(ep, o, RS_ERR_TIMED_OUT);
      continue;
    }
    if (o->location_count == o->location_tried && !o->made && !o->freed) { /* nobody else: it may have a long queue */
      o->asked_at = ep->now;
      o->late = true;
      rs_list_remove(&o->link);
      rs_list_push_back(&s->asking, &o->link);
      struct rs_m_object_locate *m = rs_msg_new(RS_MSG_OBJECT_LOCATE);
      m->object = o->id;
      rs_send(ep, o->id.owner, m);
      continue;
    }
    leave_silent(ep, o);
  }
}

/* Starts the first of one queue, if it may; false: it has to wait, and with it those behind it. */
static bool start_first(struct rs_endpoint *ep, bool from_disk, unsigned reason)
{
  struct rs_store *s = ep->local->store;
  struct object *o = RS_ENTRY(s->pulls[from_disk][reason].next, struct object, link);
  if (!rs_list_empty(&s->creates)) /* what is made here comes first */
    return false;
  if (from_disk && s->restoring_count >= (uint64_t)ep->config->max_io_workers)
    return false;
  if (!from_disk && s->pulling_count > 0 &&
      (s->pulling_count >= (uint64_t)ep->config->object_manager_max_pulls ||
       s->pulling_bytes + o->size_bytes > (uint64_t)ep->config->object_manager_max_bytes_in_flight))
    return false;
  bool room = rs_store_make_room(ep, o->size_bytes);
  if (!room && !rs_store_may_use_disk(ep, o->size_bytes))
    return false;
  if (room)
    s->stuck_since = RS_TIME_NEVER;
  if (from_disk && room) {
    start_restore(ep, o);
    return true;
  }
  if (from_disk) { /* it is read where it is */
    rs_list_remove(&o->link);
    rs_store_uncount(s, o);
    o->in_file = true;
    rs_store_count(s, o);
    rs_store_arrive(ep, o, true);
    return true;
  }
  rs_list_remove(&o->link);
  if (!room && !rs_store_disk_has_room(ep, o->size_bytes)) {
    rs_store_give_up(ep, o, ep->config->automatic_object_spilling_enabled ? RS_ERR_DISK_FULL : RS_ERR_STORE_FULL);
    return true;
  }
  rs_store_uncount(s, o);
  o->in_file = !room;
  o->state = OBJECT_ASKING; /* its room is taken from now on */
  o->fails_at = rs_time_add(ep->now, (uint64_t)ep->config->fetch_fail_timeout_milliseconds * RS_MS);
  rs_store_count(s, o);
  source_failed(ep, o, RS_ERR_OBJECT_LOST);
  return true;
}

void rs_store_settle_pulls(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  for (unsigned reason = 0; reason < PULL_REASONS; reason++)
    for (unsigned from_disk = 0; from_disk < 2; from_disk++)
      while (!rs_list_empty(&s->pulls[1 - from_disk][reason]))
        if (!start_first(ep, from_disk == 0, reason))
          break;
}

static void restored(struct rs_endpoint *ep, struct object *o, int status)
{
  struct rs_store *s = ep->local->store;
  if (status == RS_ERR_OK) {
    rs_store_arrive(ep, o, true);
    return;
  }
  rs_store_uncount(s, o);
  o->state = OBJECT_SPILLED;
  rs_store_count(s, o);
  if (status == RS_ERR_STORE_FULL && !o->freed) { /* no memory after all: it is read where it is */
    rs_store_uncount(s, o);
    o->in_file = true;
    rs_store_count(s, o);
    rs_store_arrive(ep, o, true);
    return;
  }
  struct rs_m_object_evicted *m = rs_msg_new(RS_MSG_OBJECT_EVICTED); /* the disk has lost it */
  m->object = o->id;
  m->raylet = ep->self;
  rs_send(ep, o->id.owner, m);
  rs_store_refuse_asks(ep, o);
  rs_store_tell(ep, o, RS_ERR_OBJECT_LOST);
  o->freed = true;
  rs_store_rest(ep, o);
}

void rs_store_on_copy_done(struct rs_endpoint *ep, struct rs_id id, int status)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, id);
  RS_ASSERT(o && (o->state == OBJECT_PULLING || o->state == OBJECT_RESTORING));
  s->stirred = true;
  if (o->state == OBJECT_RESTORING) {
    restored(ep, o, status);
    return;
  }
  if (o->granted)
    taken(ep, o->source, id, status);
  if (status == RS_ERR_DISK_FULL)
    s->disk_retry_at = rs_time_add(ep->now, RS_S);
  if (status == RS_ERR_TIMED_OUT) {
    source_silent(ep, o);
    return;
  }
  if (status == RS_ERR_STORE_FULL || status == RS_ERR_DISK_FULL)
    o->location_tried = o->location_count; /* not the source's fault: no other one would help */
  if (status != RS_ERR_OK) {
    source_failed(ep, o, status == RS_ERR_STORE_FULL || status == RS_ERR_DISK_FULL ? status : RS_ERR_OBJECT_LOST);
    return;
  }
  struct rs_m_object_added *m = rs_msg_new(RS_MSG_OBJECT_ADDED);
  m->object = id;
  m->size = o->size_bytes;
  m->raylet = ep->self;
  rs_send(ep, id.owner, m);
  rs_store_arrive(ep, o, o->made);
}

static void on_give(struct rs_endpoint *ep, rs_addr from, const struct rs_m_object_give *m)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, m->object);
  if (o && o->state == OBJECT_PULLING && o->source == from && o->granted)
    return; /* it was asked twice */
  if (!o || o->state != OBJECT_ASKING || o->source != from) {
    if (m->status == RS_ERR_OK)
      taken(ep, from, m->object, RS_ERR_CANCELLED); /* it was given up meanwhile */
    return;
  }
  if (m->status == RS_ERR_OK && !o->freed) {
    o->granted = true;
    copy(ep, o);
    return;
  }
  if (m->status == RS_ERR_OK)
    taken(ep, from, m->object, RS_ERR_CANCELLED);
  if (m->status == RS_ERR_REFUSED && m->raylet != RS_ADDR_NONE && m->raylet != ep->self && !o->freed) {
    mark(o, from, false); /* that other one has it too; should it fail, this one may be asked again */
    add_location(ep, o, m->raylet);
    mark(o, m->raylet, true);
    take_from(ep, o, m->raylet);
    return;
  }
  source_failed(ep, o, RS_ERR_OBJECT_LOST);
}

/* ---- giving ---- */

static void give(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status, rs_addr raylet)
{
  struct rs_m_object_give *m = rs_msg_new(RS_MSG_OBJECT_GIVE);
  m->object = id;
  m->status = status;
  m->raylet = raylet;
  rs_send(ep, to, m);
}

static bool holds(const rs_addr *list, uint32_t count, rs_addr what)
{
  for (uint32_t i = 0; i < count; i++)
    if (list[i] == what)
      return true;
  return false;
}

static void drop(rs_addr *list, uint32_t *count, rs_addr what)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < *count; i++)
    if (list[i] != what)
      list[kept++] = list[i];
  *count = kept;
}

static void asks_changed(struct rs_store *s, struct object *o)
{
  rs_list_remove(&o->ask_link);
  if (o->ask_count)
    rs_list_push_back(&s->asked, &o->ask_link);
  s->stirred = true;
}

void rs_store_refuse_asks(struct rs_endpoint *ep, struct object *o)
{
  for (uint32_t i = 0; i < o->ask_count; i++)
    give(ep, o->asks[i], o->id, RS_ERR_OBJECT_LOST, RS_ADDR_NONE);
  o->ask_count = 0;
  asks_changed(ep->local->store, o);
}

static void on_ask(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  struct rs_store *s = ep->local->store;
  struct object *o = rs_store_find(s, id);
  if (!o || o->freed || !rs_store_bytes_here(o)) {
    give(ep, from, id, RS_ERR_OBJECT_LOST, RS_ADDR_NONE);
    return;
  }
  RS_GROW(o->asks, o->ask_count, o->ask_cap);
  o->asks[o->ask_count++] = from;
  rs_store_place(s, o);
  asks_changed(s, o);
}

static void serve(struct rs_endpoint *ep, struct object *o)
{
  struct rs_store *s = ep->local->store;
  uint64_t most = (uint64_t)ep->config->object_manager_max_bytes_in_flight;
  uint32_t served = 0;
  while (served < o->ask_count && o->send_count < (uint64_t)ep->config->object_manager_max_pushes_per_object &&
         (s->sending_bytes == 0 || s->sending_bytes + o->size_bytes <= most)) {
    rs_store_uncount(s, o);
    RS_GROW(o->sends, o->send_count, o->send_cap);
    o->sends[o->send_count++] = o->asks[served];
    rs_store_count(s, o);
    give(ep, o->asks[served++], o->id, RS_ERR_OK, RS_ADDR_NONE);
  }
  if (served == 0)
    return;
  for (uint32_t i = served; i < o->ask_count; i++)
    o->asks[i - served] = o->asks[i];
  o->ask_count -= served;
  rs_list_remove(&o->ask_link);
  if (o->ask_count)
    rs_list_push_back(&s->asked, &o->ask_link);
}

void rs_store_settle_sends(struct rs_endpoint *ep)
{
  struct rs_store *s = ep->local->store;
  RS_LIST_EACH(&s->asked, at, after)
  {
    ep->work.objects++;
    serve(ep, RS_ENTRY(at, struct object, ask_link));
    if (s->sending_bytes >= (uint64_t)ep->config->object_manager_max_bytes_in_flight)
      return;
  }
}

/* One send less; what has been taken can be had from there, too. */
static void send_ended(struct rs_endpoint *ep, struct object *o, rs_addr who, bool taken_well)
{
  struct rs_store *s = ep->local->store;
  rs_store_uncount(s, o);
  drop(o->sends, &o->send_count, who);
  rs_store_count(s, o);
  s->stirred = true;
  if (taken_well) {
    uint32_t kept = o->ask_count - o->ask_count / 2;
    for (uint32_t i = kept; i < o->ask_count; i++)
      give(ep, o->asks[i], o->id, RS_ERR_REFUSED, who);
    o->ask_count = kept;
    asks_changed(s, o);
  }
  rs_store_rest(ep, o);
}

static void on_taken(struct rs_endpoint *ep, rs_addr from, const struct rs_m_object_taken *m)
{
  struct object *o = rs_store_find(ep->local->store, m->object);
  for (uint32_t i = 0; o && i < o->send_count; i++)
    if (o->sends[i] == from) {
      send_ended(ep, o, from, m->status == RS_ERR_OK);
      return;
    }
  if (o && m->status != RS_ERR_OK && holds(o->asks, o->ask_count, from)) { /* it has waited here for long enough */
    drop(o->asks, &o->ask_count, from);
    asks_changed(ep->local->store, o);
    rs_store_rest(ep, o);
  }
}

/* ---- the rest ---- */

bool rs_store_pull_concerns(const struct object *o, rs_addr peer)
{
  return (o->state == OBJECT_ASKING && o->source == peer) || holds(o->sends, o->send_count, peer) ||
         holds(o->asks, o->ask_count, peer);
}

void rs_store_pull_peer_down(struct rs_endpoint *ep, struct object *o, rs_addr peer)
{
  struct rs_store *s = ep->local->store;
  if (o->state == OBJECT_ASKING && o->source == peer) {
    source_failed(ep, o, RS_ERR_OBJECT_LOST);
    return;
  }
  if (holds(o->asks, o->ask_count, peer)) {
    drop(o->asks, &o->ask_count, peer);
    asks_changed(s, o);
    rs_store_place(s, o);
  }
  if (holds(o->sends, o->send_count, peer))
    send_ended(ep, o, peer, false);
  else
    rs_store_rest(ep, o);
}

bool rs_store_pull_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_PULL: on_pull(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_ASK: on_ask(ep, from, ((const struct rs_m_object_ask *)(const void *)msg)->object); return true;
  case RS_MSG_OBJECT_GIVE: on_give(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_TAKEN: on_taken(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_AT: on_at(ep, (const void *)msg); return true;
  default: return false;
  }
}
