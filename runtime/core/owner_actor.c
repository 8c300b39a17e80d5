/* owner_actor.c -- the actors of this owner, and the calls to them, in order.
 *
 * The GCS creates an actor and tells where it lives; calls then go straight to its worker, in the order of submission,
 * whatever their arguments have to wait for: a call whose arguments are not made holds those behind it. When the actor
 * dies, calls that were under way fail unless they have retries (Ray's max_task_retries, 0 by default); those that
 * remain are sent again, in the same order, to its next incarnation. Only the GCS says whether an actor is alive: a
 * broken connection is reported there, and nothing is sent until it has answered.
 *
 * An actor that is dead is forgotten; later calls to it fail at once.
 */
#include <string.h>

#include "core/owner_int.h"

#define PUSH_MAX 1024

static void mark_dirty(struct rs_owner *o, struct owned_actor *a)
{
  if (rs_list_empty(&a->dirty_link))
    rs_list_push_back(&o->dirty_actors, &a->dirty_link);
}

static void tell(struct rs_endpoint *ep, struct rs_id id, enum rs_actor_state state, int status, rs_addr worker)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_ACTOR;
  r->id = id;
  r->state = (uint8_t)state;
  r->status = status;
  r->node = worker == RS_ADDR_NONE ? RS_ADDR_NONE : rs_addr_raylet(worker);
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

static void put_opts(struct rs_m_actor_create *m, const struct rs_actor_opts *opts)
{
  RS_ASSERT(opts->group_count <= RS_ACTOR_GROUPS_MAX);
  m->max_pending_calls = opts->max_pending_calls;
  m->detached = opts->detached;
  m->get_if_exists = opts->get_if_exists;
  m->name_count = (uint32_t)strlen(opts->name);
  m->name = rs_memdup(opts->name, m->name_count);
  m->space_count = (uint32_t)strlen(opts->name_space);
  m->space = rs_memdup(opts->name_space, m->space_count);
  m->groups_count = m->limits_count = opts->group_count;
  m->groups = rs_alloc(opts->group_count * sizeof *m->groups);
  m->limits = rs_alloc(opts->group_count * sizeof *m->limits);
  for (uint32_t i = 0; i < opts->group_count; i++) {
    RS_ASSERT(opts->groups[i].limit > 0);
    m->groups[i] = opts->groups[i].name;
    m->limits[i] = opts->groups[i].limit;
  }
}

void rs_owner_actor_create(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(call->task_count == 1);
  struct rs_task *creation = call->tasks[0];
  RS_ASSERT(creation->id.owner == ep->self && creation->id.seq > o->last_seq);
  RS_ASSERT((creation->flags & RS_TASK_ACTOR_CREATE) && rs_id_equal(creation->actor, creation->id));
  o->last_seq = creation->id.seq + creation->return_count;
  if (o->orphaned) {
    tell(ep, creation->id, RS_ACTOR_DEAD, RS_ERR_NODE_DIED, RS_ADDR_NONE);
    return;
  }
  struct owned_actor *a = rs_alloc_zero(1, sizeof *a);
  a->id = creation->id;
  a->state = RS_ACTOR_PENDING;
  rs_list_init(&a->queue);
  rs_list_init(&a->in_flight);
  rs_list_init(&a->dirty_link);
  rs_list_push_back(&o->actors, &a->link);
  rs_map_put_ptr(&o->actor_by_seq, a->id.seq, a);
  struct rs_m_actor_create *m = rs_msg_new(RS_MSG_ACTOR_CREATE);
  m->actor = a->id;
  m->creation = rs_task_ref(creation);
  m->demand = call->demand;
  m->hold = call->hold;
  m->max_restarts = call->max_restarts;
  m->max_task_retries = call->max_retries;
  m->strategy = call->strategy;
  m->target = call->target;
  if (call->actor)
    put_opts(m, call->actor);
  rs_send(ep, ep->head, m);
}

void rs_owner_actor_submit(struct rs_endpoint *ep, struct owned_task *t)
{
  struct owned_actor *a = t->actor;
  t->state = t->blocked_on ? TASK_BLOCKED : TASK_QUEUED;
  if (rs_list_empty(&t->link)) {
    rs_list_push_back(&a->queue, &t->link);
    a->queued++;
  }
  mark_dirty(ep->owner, a);
}

static void pump(struct rs_endpoint *ep, struct owned_actor *a)
{
  struct rs_m_push_tasks *m = NULL;
  while (a->state == RS_ACTOR_ALIVE && a->queued) {
    struct owned_task *t = RS_ENTRY(a->queue.next, struct owned_task, link);
    if (t->blocked_on)
      break;
    rs_list_remove(&t->link);
    a->queued--;
    int status = rs_owner_object_resolve(ep, t);
    if (status != RS_ERR_OK) {
      rs_owner_task_fail(ep, t, status);
      continue;
    }
    struct rs_task *task = rs_owner_task_writable(t);
    task->actor_seq = a->next_seq++;
    task->actor_restart = a->restart;
    t->sent = true;
    t->state = TASK_PUSHED;
    rs_list_push_back(&a->in_flight, &t->link);
    a->in_flight_count++;
    if (!m) {
      m = rs_msg_new(RS_MSG_PUSH_TASKS);
      uint32_t room = a->queued + 1 < PUSH_MAX ? a->queued + 1 : PUSH_MAX;
      m->tasks = rs_alloc(room * sizeof *m->tasks);
    }
    m->tasks[m->tasks_count++] = rs_task_ref(task);
    t->worker = a->worker;
    rs_trace(ep, RS_TRACE_TASK_PUSHED, ep->self, task->id.seq, a->worker);
    if (m->tasks_count == PUSH_MAX) {
      rs_send(ep, a->worker, m);
      m = NULL;
    }
  }
  if (m)
    rs_send(ep, a->worker, m);
}

void rs_owner_actor_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->dirty_actors)) {
    struct owned_actor *a = RS_ENTRY(o->dirty_actors.next, struct owned_actor, dirty_link);
    rs_list_remove(&a->dirty_link);
    pump(ep, a);
  }
}

/* The incarnation that had these calls is gone. */
static void recover_in_flight(struct rs_endpoint *ep, struct owned_actor *a, int reason)
{
  while (a->in_flight_count) { /* newest first, so that pushing to the front keeps the order */
    struct owned_task *t = RS_ENTRY(a->in_flight.prev, struct owned_task, link);
    rs_list_remove(&t->link);
    a->in_flight_count--;
    if (t->retries_left == 0) {
      rs_owner_task_fail(ep, t, reason);
      continue;
    }
    if (t->retries_left > 0)
      t->retries_left--;
    rs_trace(ep, RS_TRACE_TASK_RETRIED, ep->self, t->task->id.seq, (uint64_t)(int64_t)t->retries_left);
    t->state = TASK_QUEUED;
    rs_list_push_front(&a->queue, &t->link);
    a->queued++;
  }
}

static void unmap_worker(struct rs_owner *o, struct owned_actor *a)
{
  if (a->worker != RS_ADDR_NONE)
    rs_map_remove(&o->actor_by_worker, a->worker, NULL);
  a->worker = RS_ADDR_NONE;
}

static void bury(struct rs_endpoint *ep, struct owned_actor *a, int reason)
{
  struct rs_owner *o = ep->owner;
  a->state = RS_ACTOR_DEAD;
  unmap_worker(o, a);
  rs_map_remove(&o->actor_by_seq, a->id.seq, NULL);
  struct rs_link *lists[] = {&a->in_flight, &a->queue};
  for (int i = 0; i < 2; i++)
    while (!rs_list_empty(lists[i])) {
      struct owned_task *t = RS_ENTRY(lists[i]->next, struct owned_task, link);
      rs_list_remove(&t->link);
      t->actor = NULL;
      rs_owner_task_fail(ep, t, RS_ERR_ACTOR_DIED);
    }
  rs_list_remove(&a->link);
  rs_list_remove(&a->dirty_link);
  tell(ep, a->id, RS_ACTOR_DEAD, reason, RS_ADDR_NONE);
  free(a);
}

void rs_owner_actor_on_state(struct rs_endpoint *ep, const struct rs_m_actor_state *m)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_map_get_ptr(&o->actor_by_seq, m->actor.seq);
  if (!a || m->actor.owner != ep->self)
    return;
  if (m->state == RS_ACTOR_DEAD) {
    bury(ep, a, m->reason);
    return;
  }
  unmap_worker(o, a);
  recover_in_flight(ep, a, RS_ERR_ACTOR_DIED);
  a->state = m->state;
  a->restart = m->restart;
  if (m->state == RS_ACTOR_ALIVE) {
    a->worker = m->worker;
    a->next_seq = 1;
    rs_map_put_ptr(&o->actor_by_worker, a->worker, a);
    mark_dirty(o, a);
  }
  tell(ep, a->id, m->state, m->reason, m->worker);
}

void rs_owner_actor_on_result(struct rs_endpoint *ep, struct owned_actor *a, struct rs_result *result)
{
  struct owned_task *t = rs_map_get_ptr(&ep->owner->tasks, result->task.seq);
  if (!t || t->state != TASK_PUSHED || t->actor != a)
    return;
  rs_list_remove(&t->link);
  a->in_flight_count--;
  if (result->status == RS_ERR_OK)
    rs_owner_task_end(ep, t, rs_result_ref(result));
  else
    rs_owner_task_failed(ep, t, rs_result_ref(result), true);
}

static void send_kill(struct rs_endpoint *ep, struct rs_id actor, bool no_restart, uint32_t restart)
{
  struct rs_m_actor_kill *m = rs_msg_new(RS_MSG_ACTOR_KILL);
  m->actor = actor;
  m->no_restart = no_restart;
  m->restart = restart;
  rs_send(ep, ep->head, m);
}

void rs_owner_actor_kill(struct rs_endpoint *ep, const struct rs_call *call)
{
  if (!ep->owner->orphaned && rs_map_find(&ep->owner->actor_by_seq, call->object.seq))
    send_kill(ep, call->object, call->no_restart, UINT32_MAX);
}

void rs_owner_actor_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_map_get_ptr(&o->actor_by_worker, peer);
  if (!a)
    return;
  unmap_worker(o, a);
  a->state = RS_ACTOR_RESTARTING; /* until the GCS says what it is */
  send_kill(ep, a->id, false, a->restart);
}

void rs_owner_actor_orphan(struct rs_endpoint *ep, int reason)
{
  RS_LIST_EACH(&ep->owner->actors, at, after)
  {
    struct owned_actor *a = RS_ENTRY(at, struct owned_actor, link);
    if (!ep->owner->orphaned) /* the head may not have noticed that it lost us */
      send_kill(ep, a->id, true, UINT32_MAX);
    bury(ep, a, reason);
  }
}

void rs_owner_actor_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->actors, at, after) free(RS_ENTRY(at, struct owned_actor, link));
  rs_map_free(&o->actor_by_seq);
  rs_map_free(&o->actor_by_worker);
}
