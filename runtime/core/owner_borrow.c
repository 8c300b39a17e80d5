/* owner_borrow.c -- references between processes: who registers with whom, and what has to wait for it.
 *
 * A process that keeps a reference to another owner's object tells that owner (BORROW_ADD, acknowledged by
 * BORROW_ADDED) when it begins, and when its last use ends (BORROW_REMOVE). Whoever hands a reference over protects it
 * until the receiver has registered itself:
 *
 *   arguments    the submitter holds what a task reads and carries until the task has ended;
 *   results      the executor holds the references inside a result until its receiver says REFS_TAKEN;
 *   objects      an object holds what it contains until it is freed, and who reads it holds it.
 *
 * Each of these protections ends with a message of the receiver's: the result, REFS_TAKEN, or BORROW_REMOVE of the
 * container. One rule makes all of them safe: such a message leaves only after every BORROW_ADD that the process sent
 * before it has been acknowledged. So there is always a process whose registration the owner knows, and none of these
 * processes waits for another's (a BORROW_ADD waits for nothing).
 *
 * An owner that cannot be reached has ended; a connection that only broke is made again by registering again, since
 * both ends have dropped what it stood for. docs/ownership.md has the argument and the messages.
 *
 * Costs: O(1) a reference; the loss of a peer that has references of ours costs a walk over all that are lent.
 */
#include "core/owner_int.h"

#define ADDS_MAX 1024u

/* ---- the barrier ---- */

static void emit_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  struct rs_m_tasks_done *done = rs_msg_new(RS_MSG_TASKS_DONE);
  done->results_count = 1;
  done->results = rs_alloc(sizeof *done->results);
  done->results[0] = result;
  rs_send(ep, to, done);
}

static void leave(struct rs_endpoint *ep, const struct deferred *d)
{
  if (d->result) {
    emit_result(ep, d->to, d->result);
    return;
  }
  if (d->taken) {
    struct rs_m_refs_taken *m = rs_msg_new(RS_MSG_REFS_TAKEN);
    m->task = d->id;
    rs_send(ep, d->to, m);
    return;
  }
  struct ref *again = rs_owner_ref_find(ep->owner, ep->self, d->id);
  if (again && (again->registered || again->fate != REF_GONE)) { /* borrowed again: the owner still has us in its set */
    again->registered = true;
    return;
  }
  struct rs_m_borrow_remove *m = rs_msg_new(RS_MSG_BORROW_REMOVE);
  m->object = d->id;
  rs_send(ep, d->to, m);
}

static void defer(struct rs_endpoint *ep, struct deferred d)
{
  struct rs_owner *o = ep->owner;
  if (rs_list_empty(&o->adds) && rs_list_empty(&o->deferred)) {
    leave(ep, &d);
    return;
  }
  struct deferred *kept = rs_alloc(sizeof *kept);
  *kept = d;
  kept->after = o->last_add;
  rs_list_push_back(&o->deferred, &kept->link);
}

static void let_leave(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->deferred)) {
    struct deferred *d = RS_ENTRY(o->deferred.next, struct deferred, link);
    if (!rs_list_empty(&o->adds) && RS_ENTRY(o->adds.next, struct borrow_add, link)->number <= d->after)
      return;
    rs_list_remove(&d->link);
    leave(ep, d);
    free(d);
  }
}

/* ---- as a borrower ---- */

static void send_adds(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  if (o->add_batch)
    rs_send(ep, o->add_owner, o->add_batch);
  o->add_batch = NULL;
}

void rs_owner_borrow_settle(struct rs_endpoint *ep)
{
  send_adds(ep);
}

void rs_owner_borrow_register(struct rs_endpoint *ep, struct ref *ref)
{
  struct rs_owner *o = ep->owner;
  if (ref->registered || ref->fate == REF_GONE)
    return;
  ref->registered = true;
  if (o->add_batch && (o->add_owner != ref->id.owner || o->add_batch->objects_count == ADDS_MAX))
    send_adds(ep);
  if (!o->add_batch) {
    o->add_batch = rs_msg_new(RS_MSG_BORROW_ADD);
    o->add_batch->objects = rs_alloc(sizeof(struct rs_id));
    o->add_owner = ref->id.owner;
  } else if ((o->add_batch->objects_count & (o->add_batch->objects_count - 1)) == 0) {
    o->add_batch->objects = rs_realloc(o->add_batch->objects, 2 * o->add_batch->objects_count, sizeof(struct rs_id));
  }
  o->add_batch->objects[o->add_batch->objects_count++] = ref->id;
  struct borrow_add *add = rs_alloc(sizeof *add);
  add->id = ref->id;
  add->number = ++o->last_add;
  rs_list_push_back(&o->adds, &add->link);
}

void rs_owner_borrow_end(struct rs_endpoint *ep, struct rs_id id)
{
  defer(ep, (struct deferred){.to = id.owner, .id = id});
}

void rs_owner_borrow_ask(struct rs_endpoint *ep, struct ref *ref, const rs_addr *failed, uint32_t failed_count)
{
  if (ref->asked)
    return;
  ref->asked = true;
  ref->fate = REF_PENDING;
  ref->location_count = 0;
  struct rs_m_ref_ask *m = rs_msg_new(RS_MSG_REF_ASK);
  m->object = ref->id;
  m->failed_count = failed_count;
  m->failed = rs_memdup(failed, failed_count * sizeof *failed);
  rs_send(ep, ref->id.owner, m);
}

static void on_info(struct rs_endpoint *ep, const struct rs_m_ref_info *m)
{
  struct ref *ref = m->object.owner != ep->self ? rs_owner_ref_find(ep->owner, ep->self, m->object) : NULL;
  if (!ref || !ref->asked)
    return;
  ref->asked = false;
  ref->size_bytes = m->size;
  if (m->error) {
    rs_owner_object_gone(ep, ref, rs_result_ref(m->error));
  } else if (m->value) {
    rs_value_unref(ref->value);
    ref->value = rs_value_ref(m->value);
    rs_owner_object_become(ep, ref, REF_INLINE);
  } else if (m->locations_count == 0) { /* an actor's handle: it stays of use */
    ref->origin = REF_OF_ACTOR;
    rs_owner_object_become(ep, ref, REF_INLINE);
  } else {
    for (uint32_t i = 0; i < m->locations_count; i++)
      rs_owner_object_add_location(ref, m->locations[i]);
    struct ref_more *more = rs_owner_ref_more(ref);
    free(more->inner);
    more->inner_count = m->ids_count;
    more->inner = rs_memdup(m->ids, m->ids_count * sizeof *m->ids);
    rs_owner_object_become(ep, ref, REF_STORED);
  }
  rs_owner_ref_collect(ep, ref);
}

static void add_done(struct rs_owner *o, struct rs_id id)
{
  RS_LIST_EACH(&o->adds, at, after)
  {
    struct borrow_add *add = RS_ENTRY(at, struct borrow_add, link);
    if (!rs_id_equal(add->id, id))
      continue;
    rs_list_remove(&add->link);
    free(add);
    return;
  }
}

static void on_added(struct rs_endpoint *ep, const struct rs_m_borrow_added *m)
{
  struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < m->objects_count; i++)
    add_done(o, m->objects[i]);
  for (uint32_t i = 0; i < m->lost_count; i++) {
    struct ref *ref = m->lost[i].owner != ep->self ? rs_owner_ref_find(o, ep->self, m->lost[i]) : NULL;
    if (!ref || !ref->registered)
      continue;
    ref->registered = false;
    rs_trace(ep, RS_TRACE_OBJECT_LOST, ref->id.owner, ref->id.seq, ep->self);
    if (ref->fate != REF_INLINE) { /* a value that is here stays of use */
      ref->asked = false;
      rs_owner_object_lose(ep, ref, RS_ERR_OBJECT_LOST, "its owner had freed it before this process registered");
    }
  }
  let_leave(ep);
}

/* ---- as an owner ---- */

static void lends_counted(struct rs_owner *o, rs_addr who, int by)
{
  uint64_t *count = rs_map_find(&o->borrowers, who);
  uint64_t now = (count ? *count : 0) + (uint64_t)(int64_t)by;
  if (now)
    rs_map_put(&o->borrowers, who, now);
  else
    rs_map_remove(&o->borrowers, who, NULL);
}

static struct lend *lend_of(struct rs_owner *o, struct ref *ref, rs_addr who)
{
  struct ref_more *more = rs_owner_ref_more(ref);
  for (uint32_t i = 0; i < more->lend_count; i++)
    if (more->lends[i].who == who)
      return &more->lends[i];
  if (more->lend_count == 0)
    rs_list_push_back(&o->lent, &more->lent_link);
  RS_GROW(more->lends, more->lend_count, more->lend_cap);
  more->lends[more->lend_count] = (struct lend){.who = who};
  lends_counted(o, who, 1);
  return &more->lends[more->lend_count++];
}

static void unlend(struct rs_endpoint *ep, struct ref *ref, uint32_t index)
{
  struct ref_more *more = ref->more;
  struct lend was = more->lends[index];
  for (uint32_t i = index; i + 1 < more->lend_count; i++) /* in order: answers go out in that of the questions */
    more->lends[i] = more->lends[i + 1];
  if (--more->lend_count == 0)
    rs_list_remove(&more->lent_link);
  lends_counted(ep->owner, was.who, -1);
  if (was.borrows)
    rs_trace(ep, RS_TRACE_BORROW_ENDED, ref->id.owner, ref->id.seq, was.who);
}

static void on_add(struct rs_endpoint *ep, rs_addr from, const struct rs_m_borrow_add *m)
{
  struct rs_m_borrow_added *reply = rs_msg_new(RS_MSG_BORROW_ADDED);
  reply->objects_count = m->objects_count;
  reply->objects = rs_memdup(m->objects, m->objects_count * sizeof *m->objects);
  for (uint32_t i = 0; i < m->objects_count; i++) {
    struct ref *ref = m->objects[i].owner == ep->self ? rs_owner_ref_at(ep, m->objects[i]) : NULL;
    if (!ref) {
      if (!reply->lost)
        reply->lost = rs_alloc(m->objects_count * sizeof *reply->lost);
      reply->lost[reply->lost_count++] = m->objects[i];
      continue;
    }
    struct lend *lend = lend_of(ep->owner, ref, from);
    if (!lend->borrows)
      rs_trace(ep, RS_TRACE_BORROWED, ref->id.owner, ref->id.seq, from);
    lend->borrows = true;
  }
  rs_send(ep, from, reply);
}

static void on_remove(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  struct ref *ref = id.owner == ep->self ? rs_owner_ref_find(ep->owner, ep->self, id) : NULL;
  for (uint32_t i = 0; ref && ref->more && i < ref->more->lend_count; i++) {
    struct lend *lend = &ref->more->lends[i];
    if (lend->who != from || !lend->borrows)
      continue;
    if (lend->asks) { /* it still wants to hear of it */
      rs_trace(ep, RS_TRACE_BORROW_ENDED, ref->id.owner, ref->id.seq, from);
      lend->borrows = false;
    } else {
      unlend(ep, ref, i);
    }
    rs_owner_ref_collect(ep, ref);
    return;
  }
}

static void send_info(struct rs_endpoint *ep, rs_addr to, struct rs_id id, const struct ref *ref)
{
  struct rs_m_ref_info *m = rs_msg_new(RS_MSG_REF_INFO);
  m->object = id;
  if (!ref) {
    bool actor = rs_owner_is_actor(ep, id); /* one that is dead: nothing says it */
    m->error = actor ? NULL : rs_owner_no_object(ep, id, id);
    if (!actor && !m->error)
      m->error = rs_owner_error(id, RS_ERR_OBJECT_LOST, id, 0, "it was released before");
  } else if (ref->fate == REF_GONE) {
    m->error = ref->more && ref->more->error ? rs_result_ref(ref->more->error)
                                             : rs_owner_error(id, RS_ERR_OBJECT_LOST, id, 0, "it was released before");
  } else {
    m->size = ref->size_bytes;
    m->value = rs_value_ref(ref->value);
    m->locations_count = ref->location_count < LOCATIONS_MAX ? ref->location_count : LOCATIONS_MAX;
    m->locations = rs_memdup(ref->locations, m->locations_count * sizeof *m->locations);
    if (!ref->value && ref->more && ref->more->inner_count) {
      m->ids_count = ref->more->inner_count;
      m->ids = rs_memdup(ref->more->inner, m->ids_count * sizeof *m->ids);
    }
  }
  rs_send(ep, to, m);
}

void rs_owner_borrow_tell(struct rs_endpoint *ep, struct ref *ref)
{
  if (ref->id.owner != ep->self)
    return;
  for (uint32_t i = 0; i < ref->more->lend_count;) {
    struct lend *lend = &ref->more->lends[i];
    if (lend->asks)
      send_info(ep, lend->who, ref->id, ref);
    lend->asks = false;
    if (lend->borrows)
      i++;
    else
      unlend(ep, ref, i);
  }
}

static void on_ask(struct rs_endpoint *ep, rs_addr from, const struct rs_m_ref_ask *m)
{
  struct ref *ref = m->object.owner == ep->self ? rs_owner_ref_at(ep, m->object) : NULL;
  if (!ref) {
    send_info(ep, from, m->object, NULL);
    return;
  }
  ref->holds++;
  for (uint32_t i = 0; i < m->failed_count; i++)
    rs_owner_object_bad_location(ep, ref, m->failed[i]);
  ref->holds--;
  lend_of(ep->owner, ref, from)->asks = true;
  if (ref->fate != REF_PENDING)
    rs_owner_borrow_tell(ep, ref);
  rs_owner_ref_collect(ep, ref);
}

/* ---- results with references inside ---- */

void rs_owner_send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  defer(ep, (struct deferred){.to = to, .result = result});
}

void rs_owner_carry(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  struct carried *carried = rs_alloc(sizeof *carried);
  carried->to = to;
  carried->result = rs_result_ref(result);
  rs_list_push_back(&ep->owner->carried, &carried->link);
  rs_owner_ref_hold_all(ep, result->ids, result->id_count);
}

static void carried_end(struct rs_endpoint *ep, struct carried *carried)
{
  rs_list_remove(&carried->link);
  rs_owner_ref_drop_all(ep, carried->result->ids, carried->result->id_count);
  rs_result_unref(carried->result);
  free(carried);
}

void rs_owner_carry_end(struct rs_endpoint *ep, rs_addr from, struct rs_id task)
{
  RS_LIST_EACH(&ep->owner->carried, at, after)
  {
    struct carried *carried = RS_ENTRY(at, struct carried, link);
    if (carried->to == from && rs_id_equal(carried->result->task, task)) {
      carried_end(ep, carried);
      return;
    }
  }
}

void rs_owner_borrow_on_results(struct rs_endpoint *ep, rs_addr from, const struct rs_m_tasks_done *m)
{
  for (uint32_t i = 0; i < m->results_count; i++)
    if (m->results[i]->id_count)
      defer(ep, (struct deferred){.to = from, .id = m->results[i]->task, .taken = true});
}

/* ---- peers that go ---- */

static void lends_end(struct rs_endpoint *ep, rs_addr peer, bool node)
{
  struct rs_owner *o = ep->owner;
  uint32_t count = 0, cap = 0;
  uint64_t *seqs = NULL;
  if (!node && !rs_map_find(&o->borrowers, peer))
    return;
  for (const struct rs_link *at = o->lent.next; at != &o->lent; at = at->next) {
    const struct ref_more *more = RS_ENTRY(at, struct ref_more, lent_link);
    for (uint32_t i = 0; i < more->lend_count; i++)
      if (more->lends[i].who == peer || (node && rs_addr_same_node(more->lends[i].who, peer))) {
        RS_GROW(seqs, count, cap);
        seqs[count++] = more->seq;
        break;
      }
  }
  for (uint32_t k = 0; k < count; k++) {
    struct ref *ref = rs_map_get_ptr(&o->refs, seqs[k]);
    if (!ref)
      continue;
    for (uint32_t i = 0; i < ref->more->lend_count;)
      if (ref->more->lends[i].who == peer || (node && rs_addr_same_node(ref->more->lends[i].who, peer)))
        unlend(ep, ref, i);
      else
        i++;
    rs_owner_ref_collect(ep, ref);
  }
  free(seqs);
}

/* The owner of these objects has ended, or (not dead) the connection to it: then all is told again. */
static void owner_lost(struct rs_endpoint *ep, rs_addr owner, bool node, bool dead)
{
  struct rs_owner *o = ep->owner;
  uint32_t count = 0, cap = 0;
  struct rs_id *ids = NULL;
  RS_LIST_EACH(&o->adds, at, after)
  {
    struct borrow_add *add = RS_ENTRY(at, struct borrow_add, link);
    if (add->id.owner == owner || (node && rs_addr_same_node(add->id.owner, owner))) {
      rs_list_remove(&add->link);
      free(add);
    }
  }
  for (const struct rs_link *at = o->borrowed_list.next; at != &o->borrowed_list; at = at->next) {
    const struct ref *ref = RS_ENTRY(at, struct ref, link);
    if (ref->id.owner != owner && !(node && rs_addr_same_node(ref->id.owner, owner)))
      continue;
    RS_GROW(ids, count, cap);
    ids[count++] = ref->id;
  }
  for (uint32_t i = 0; i < count; i++) {
    struct ref *ref = rs_owner_ref_find(o, ep->self, ids[i]);
    if (!ref)
      continue;
    bool registered = ref->registered, asked = ref->asked;
    ref->registered = ref->asked = false;
    if (!dead) {
      if (registered)
        rs_owner_borrow_register(ep, ref);
      if (asked)
        rs_owner_borrow_ask(ep, ref, NULL, 0);
    } else if (ref->fate != REF_GONE && ref->fate != REF_INLINE) {
      rs_owner_object_lose(ep, ref, RS_ERR_OWNER_DIED, "every object goes with its owner");
    }
  }
  free(ids);
}

static void ways_end(struct rs_endpoint *ep, rs_addr peer, bool node)
{
  struct rs_owner *o = ep->owner;
  RS_LIST_EACH(&o->deferred, at, after)
  {
    struct deferred *d = RS_ENTRY(at, struct deferred, link);
    if (d->to != peer && !(node && rs_addr_same_node(d->to, peer)))
      continue;
    rs_list_remove(&d->link);
    rs_result_unref(d->result);
    free(d);
  }
  for (bool found = true; found;) { /* from the start each time: what ends may take others with it */
    found = false;
    for (struct rs_link *at = o->carried.next; at != &o->carried && !found; at = at->next) {
      struct carried *carried = RS_ENTRY(at, struct carried, link);
      found = carried->to == peer || (node && rs_addr_same_node(carried->to, peer));
      if (found)
        carried_end(ep, carried);
    }
  }
}

void rs_owner_borrow_on_peer_down(struct rs_endpoint *ep, rs_addr peer, bool dead)
{
  ways_end(ep, peer, false);
  owner_lost(ep, peer, false, dead);
  lends_end(ep, peer, false);
  let_leave(ep);
}

void rs_owner_borrow_on_node_dead(struct rs_endpoint *ep, rs_addr raylet)
{
  ways_end(ep, raylet, true);
  owner_lost(ep, raylet, true, true);
  lends_end(ep, raylet, true);
  let_leave(ep);
}

bool rs_owner_borrow_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_BORROW_ADD: on_add(ep, from, (const void *)msg); return true;
  case RS_MSG_BORROW_ADDED: on_added(ep, (const void *)msg); return true;
  case RS_MSG_BORROW_REMOVE:
    on_remove(ep, from, ((const struct rs_m_borrow_remove *)(const void *)msg)->object);
    return true;
  case RS_MSG_REF_ASK: on_ask(ep, from, (const void *)msg); return true;
  case RS_MSG_REF_INFO: on_info(ep, (const void *)msg); return true;
  case RS_MSG_REFS_TAKEN:
    rs_owner_carry_end(ep, from, ((const struct rs_m_refs_taken *)(const void *)msg)->task);
    return true;
  default: return false;
  }
}

void rs_owner_borrow_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->adds, at, after) free(RS_ENTRY(at, struct borrow_add, link));
  RS_LIST_EACH(&o->deferred, at, after)
  {
    struct deferred *d = RS_ENTRY(at, struct deferred, link);
    rs_result_unref(d->result);
    free(d);
  }
  RS_LIST_EACH(&o->carried, at, after)
  {
    struct carried *carried = RS_ENTRY(at, struct carried, link);
    rs_result_unref(carried->result);
    free(carried);
  }
  if (o->add_batch)
    rs_msg_unref(&o->add_batch->head);
  rs_map_free(&o->borrowers);
}
