/* owner_handle.c -- the actors that this process knows, its own and those of others, and those it looks for.
 *
 * Whoever has an actor's id may call it: the first call to an actor of another process makes a record of it here and
 * asks the head to be told its states (gcs_watch.c). Such a record goes when the application releases it and no call
 * is left, or when the actor dies; then only the cause is kept, for a bounded number, so that later calls fail at once.
 */
#include <string.h>

#include "core/owner_int.h"

#define GRAVES_MAX 1000

struct owned_actor *rs_owner_handle_new(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_alloc_zero(1, sizeof *a);
  a->id = id;
  a->state = RS_ACTOR_PENDING;
  a->warn_at = (uint64_t)ep->config->actor_excess_queueing_warn_threshold;
  struct rs_link *lists[] = {&a->queue, &a->in_flight, &a->dirty_link, &a->unsure_link};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    rs_list_init(lists[i]);
  rs_list_push_back(&o->actors, &a->link);
  rs_map_put_ptr(&o->actor_by_id, rs_id_key(id), a);
  return a;
}

struct owned_actor *rs_owner_handle_of(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_map_get_ptr(&o->actor_by_id, rs_id_key(id));
  if (a || o->orphaned || rs_graves_find(&o->graves, id))
    return a && a->state != RS_ACTOR_DEAD ? a : NULL;
  a = rs_owner_handle_new(ep, id);
  a->max_task_retries = RS_RETRIES_OF_ACTOR;
  struct rs_m_actor_watch *m = rs_msg_new(RS_MSG_ACTOR_WATCH);
  m->actor = id;
  rs_send(ep, ep->head, m);
  return a;
}

void rs_owner_handle_free(struct rs_endpoint *ep, struct owned_actor *a)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(a->queued == 0 && a->in_flight_count == 0);
  rs_owner_creation_end(ep, a);
  if (a->worker != RS_ADDR_NONE)
    rs_map_remove(&o->actor_by_worker, a->worker, NULL);
  rs_map_remove(&o->actor_by_id, rs_id_key(a->id), NULL);
  rs_list_remove(&a->link);
  rs_list_remove(&a->dirty_link);
  rs_list_remove(&a->unsure_link);
  free(a);
}

void rs_owner_handle_dead(struct rs_endpoint *ep, struct rs_id id, int reason, const struct rs_text *text)
{
  const struct owned_actor *a = rs_map_get_ptr(&ep->owner->actor_by_id, rs_id_key(id));
  rs_graves_add(&ep->owner->graves, id, a ? a->type : 0, reason, text->bytes, text->used, NULL, GRAVES_MAX);
}

void rs_owner_handle_tell(struct rs_endpoint *ep, struct rs_id id, enum rs_actor_state state, int status,
                          rs_addr worker, const struct rs_text *text, struct rs_id other)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_ACTOR;
  r->id = id;
  r->state = (uint8_t)state;
  r->status = status;
  r->node = worker == RS_ADDR_NONE ? RS_ADDR_NONE : rs_addr_raylet(worker);
  if (text && text->used) {
    r->result = rs_result_new(0, text->used);
    r->result->status = status != RS_ERR_OK ? status : RS_ERR_ACTOR_DIED;
    r->result->task = id;
    memcpy(r->result->data, text->bytes, text->used);
  }
  if (other.owner) {
    r->ids = rs_memdup(&other, sizeof other);
    r->id_count = 1;
  }
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

/* ---- names ---- */

static void answer(struct rs_endpoint *ep, uint64_t request, int status, const struct rs_m_actor_found *m)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_FOUND;
  r->id = (struct rs_id){ep->self, request};
  r->status = status;
  if (m) {
    r->id_count = m->actors_count;
    r->ids = rs_memdup(m->actors, m->actors_count * sizeof *m->actors);
  }
  if (m && m->names_count) {
    r->result = rs_result_new(0, m->names_count);
    r->result->task = r->id;
    memcpy(r->result->data, m->names, m->names_count);
  }
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

void rs_owner_handle_find(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  const struct rs_actor_opts *opts = call->actor;
  RS_ASSERT(call->object.owner == ep->self && call->object.seq && opts);
  if (o->orphaned) {
    answer(ep, call->object.seq, RS_ERR_PEER_LOST, NULL);
    return;
  }
  RS_GROW(o->finds, o->find_count, o->find_cap);
  o->finds[o->find_count++] = call->object.seq;
  struct rs_m_actor_find *m = rs_msg_new(RS_MSG_ACTOR_FIND);
  m->request = call->object.seq;
  m->list = call->kind == RS_CALL_ACTOR_LIST;
  m->all_spaces = m->list && call->force;
  m->name_count = m->list ? 0 : (uint32_t)strlen(opts->name);
  m->name = rs_memdup(opts->name, m->name_count);
  m->space_count = (uint32_t)strlen(opts->name_space);
  m->space = rs_memdup(opts->name_space, m->space_count);
  rs_send(ep, ep->head, m);
}

void rs_owner_handle_on_found(struct rs_endpoint *ep, const struct rs_m_actor_found *m)
{
  struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < o->find_count; i++)
    if (o->finds[i] == m->request) {
      for (; i + 1 < o->find_count; i++)
        o->finds[i] = o->finds[i + 1];
      o->find_count--;
      answer(ep, m->request, m->actors_count || m->names_count ? RS_ERR_OK : RS_ERR_NO_ACTOR, m);
      return;
    }
}

void rs_owner_handle_orphan(struct rs_endpoint *ep, int reason)
{
  struct rs_owner *o = ep->owner;
  for (uint32_t i = 0; i < o->find_count; i++)
    answer(ep, o->finds[i], reason, NULL);
  o->find_count = 0;
}
