/* owner_actor.c -- calls to actors, in order, and what becomes of them when an actor or a connection to it dies.
 *
 * The GCS creates an actor and tells where it lives; calls then go straight to its worker, in the order of submission,
 * whatever their arguments have to wait for: a call whose arguments are not made holds those behind it. That order is
 * that of this process; other callers of the actor have their own. When the actor dies, calls that were under way fail
 * unless they have retries (Ray's max_task_retries, 0 by default); those that remain are sent again, in the same order,
 * to its next incarnation. An actor that has ended well may still send results, until its process is gone.
 *
 * Only the GCS says whether an actor lives. When the connection to it breaks nothing is sent until the death is told;
 * when none is within timeout_ms_task_wait_for_death_info the GCS is asked. If the actor lives, calls that were under
 * way end with ACTOR_UNAVAILABLE (they may have run) or are sent again, as their retries allow.
 *
 * Cost: O(1) a call and message.
 */
#include <string.h>

#include "core/owner_int.h"

#define PUSH_MAX 1024

static const struct rs_id nobody;

static void mark_dirty(struct rs_owner *o, struct owned_actor *a)
{
  if (rs_list_empty(&a->dirty_link))
    rs_list_push_back(&o->dirty_actors, &a->dirty_link);
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
    rs_owner_handle_tell(ep, creation->id, RS_ACTOR_DEAD, RS_ERR_NODE_DIED, RS_ADDR_NONE, NULL, nobody);
    return;
  }
  struct owned_actor *a = rs_owner_handle_new(ep, creation->id);
  a->known = true;
  a->type = creation->function;
  a->max_task_retries = call->max_retries;
  a->max_pending_calls = call->actor ? call->actor->max_pending_calls : 0;
  a->detached = call->actor && call->actor->detached;
  a->restarts_max = call->max_restarts;
  struct rs_m_actor_create *m = rs_msg_new(RS_MSG_ACTOR_CREATE);
  m->actor = a->id;
  struct rs_demand demand;
  bool captured = rs_owner_group_captures(ep, call, &demand);
  m->creation = captured ? rs_owner_group_child(creation, &demand) : rs_task_ref(creation);
  m->demand = rs_shared_demand_new(&demand);
  m->hold = rs_demand_equal(&demand, &call->hold) ? rs_shared_demand_ref(m->demand) : rs_shared_demand_new(&call->hold);
  m->max_restarts = call->max_restarts;
  m->max_task_retries = call->max_retries;
  m->strategy = call->strategy;
  m->target = call->target;
  if (call->actor)
    put_opts(m, call->actor);
  rs_send(ep, ep->head, m);
  rs_owner_creation_begin(ep, a, m->creation);
}

static void fail_dead(struct rs_endpoint *ep, struct owned_task *t, const void *cause, uint32_t bytes)
{
  struct rs_text text = {0};
  rs_text_str(&text, rs_error_text(RS_ERR_ACTOR_DIED));
  if (bytes) {
    rs_text_str(&text, ": ");
    rs_text_bytes(&text, cause, bytes);
  }
  rs_owner_task_fail_text(ep, t, RS_ERR_ACTOR_DIED, &text);
}

/* Many calls wait: told once, and again at each doubling. */
static void warn(struct rs_endpoint *ep, struct owned_actor *a)
{
  if (a->queued + a->in_flight_count < a->warn_at)
    return;
  rs_trace(ep, RS_TRACE_ACTOR_QUEUE, a->id.owner, a->id.seq, a->queued + a->in_flight_count);
  a->warn_at *= 2;
}

void rs_owner_actor_call(struct rs_endpoint *ep, struct owned_task *t)
{
  struct rs_owner *o = ep->owner;
  struct rs_id id = t->task->actor;
  struct owned_actor *a = rs_owner_handle_of(ep, id);
  if (!a) {
    const struct rs_grave *grave = rs_graves_find(&o->graves, id);
    fail_dead(ep, t, grave ? grave->text : NULL, grave ? grave->text_bytes : 0);
    return;
  }
  uint64_t open = a->queued + a->in_flight_count;
  bool full = a->max_pending_calls && open >= a->max_pending_calls;
  full = full || (ep->config->actor_max_pending_calls >= 0 && open >= (uint64_t)ep->config->actor_max_pending_calls);
  if (full) {
    rs_owner_task_fail(ep, t, RS_ERR_PENDING_CALLS);
    return;
  }
  t->actor = a;
  a->released = false;
  rs_owner_args_block(ep, t); /* it keeps its place in the order of calls while it waits */
  rs_owner_actor_submit(ep, t);
  warn(ep, a);
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
  uint64_t bytes = 0;
  while (a->state == RS_ACTOR_ALIVE && a->queued) {
    struct owned_task *t = RS_ENTRY(a->queue.next, struct owned_task, link);
    if (t->blocked_on)
      break;
    rs_list_remove(&t->link);
    a->queued--;
    if (t->retries_left == RS_RETRIES_OF_ACTOR)
      t->retries_left = a->max_task_retries;
    struct rs_result *error = NULL;
    enum args_state args = rs_owner_args_resolve(ep, t, &error);
    if (args == ARGS_LOST) {
      rs_owner_task_end(ep, t, error);
      continue;
    }
    if (args == ARGS_WAIT) { /* one was lost and is made again: it keeps its place */
      t->state = TASK_BLOCKED;
      rs_list_push_front(&a->queue, &t->link);
      a->queued++;
      break;
    }
    struct rs_task *task = rs_owner_task_writable(t);
    uint64_t more = rs_owner_args_inlined(task);
    if (m && bytes + more > (uint64_t)ep->config->task_rpc_inlined_bytes_limit) {
      rs_send(ep, a->worker, m);
      m = NULL;
    }
    bytes = m ? bytes + more : more;
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

static void ask(struct rs_endpoint *ep, const struct owned_actor *a)
{
  struct rs_m_actor_check *m = rs_msg_new(RS_MSG_ACTOR_CHECK);
  m->actor = a->id;
  m->restart = a->restart;
  rs_send(ep, ep->head, m);
}

/* Nothing of it is needed here any more. */
static bool let_go(struct rs_endpoint *ep, struct owned_actor *a)
{
  if (!a->released || a->queued || a->in_flight_count || a->state == RS_ACTOR_DEAD)
    return false;
  bool ours = a->id.owner == ep->self;
  if (ours && a->detached && a->creation) /* it may need its arguments once more */
    return false;
  if (!ours || a->detached) {
    struct rs_m_actor_unwatch *m = rs_msg_new(RS_MSG_ACTOR_UNWATCH);
    m->actor = a->id;
    rs_send(ep, ep->head, m);
    rs_owner_handle_free(ep, a);
    return true;
  }
  a->released = false; /* once; the head tells when it is dead */
  struct rs_m_actor_drop *m = rs_msg_new(RS_MSG_ACTOR_DROP);
  m->actor = a->id;
  rs_send(ep, ep->head, m);
  return false;
}

void rs_owner_actor_left(struct rs_endpoint *ep, struct owned_actor *a)
{
  mark_dirty(ep->owner, a); /* those behind it may go now; and let_go() */
}

bool rs_owner_actor_release(struct rs_endpoint *ep, struct rs_id id)
{
  struct owned_actor *a = rs_map_get_ptr(&ep->owner->actor_by_id, rs_id_key(id));
  if (!a)
    return false;
  a->released = true;
  mark_dirty(ep->owner, a);
  return true;
}

void rs_owner_actor_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->unsure)) {
    struct owned_actor *a = RS_ENTRY(o->unsure.next, struct owned_actor, unsure_link);
    if (a->due_at > ep->now)
      break;
    rs_list_remove(&a->unsure_link);
    ask(ep, a);
  }
  while (!rs_list_empty(&o->dirty_actors)) {
    struct owned_actor *a = RS_ENTRY(o->dirty_actors.next, struct owned_actor, dirty_link);
    rs_list_remove(&a->dirty_link);
    pump(ep, a);
    let_go(ep, a);
  }
}

uint64_t rs_owner_actor_deadline(const struct rs_owner *o)
{
  return rs_list_empty(&o->unsure) ? RS_TIME_NEVER : RS_ENTRY(o->unsure.next, struct owned_actor, unsure_link)->due_at;
}

/* A call was under way when the actor, which lives on, could not be reached any more, or (`cause` says how) died. */
static void fail_unavailable(struct rs_endpoint *ep, const struct owned_actor *a, struct owned_task *t,
                             const struct rs_text *cause)
{
  struct rs_text text = {0};
  if (cause) {
    rs_text_str(&text, "the actor died under the call, which has no retries left, and restarts");
    rs_text_str(&text, cause->used ? ": " : "");
    rs_text_bytes(&text, cause->bytes, cause->used);
  } else {
    rs_text_str(&text, rs_error_text(RS_ERR_ACTOR_UNAVAILABLE));
  }
  struct rs_result *result = rs_result_new(0, text.used);
  result->status = RS_ERR_ACTOR_UNAVAILABLE;
  result->task = t->task->id;
  result->node = a->worker == RS_ADDR_NONE ? RS_ADDR_NONE : rs_addr_raylet(a->worker);
  memcpy(result->data, text.bytes, text.used);
  rs_owner_task_end(ep, t, result);
}

/* The way to the incarnation that had these calls is gone; or it is gone itself, and `cause` says how. The actor lives
 * on or restarts. */
static void recover_in_flight(struct rs_endpoint *ep, struct owned_actor *a, const struct rs_text *cause)
{
  while (a->in_flight_count) { /* newest first, so that pushing to the front keeps the order */
    struct owned_task *t = RS_ENTRY(a->in_flight.prev, struct owned_task, link);
    rs_list_remove(&t->link);
    a->in_flight_count--;
    if (t->cancelled || t->retries_left == 0) {
      if (t->cancelled)
        rs_owner_task_fail(ep, t, RS_ERR_CANCELLED);
      else
        fail_unavailable(ep, a, t, cause);
      continue;
    }
    if (t->retries_left > 0)
      t->retries_left--;
    t->retries++;
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

static void fail_all(struct rs_endpoint *ep, struct rs_link *list, uint32_t *count, const struct rs_text *text)
{
  while (!rs_list_empty(list)) {
    struct owned_task *t = RS_ENTRY(list->next, struct owned_task, link);
    rs_list_remove(&t->link);
    (*count)--;
    t->actor = NULL;
    fail_dead(ep, t, text->bytes, text->used);
  }
}

/* sure: it is dead for everybody, not only lost to us. */
static void bury(struct rs_endpoint *ep, struct owned_actor *a, int reason, const struct rs_text *text,
                 struct rs_id other, bool sure)
{
  struct rs_id id = a->id;
  if (sure)
    rs_owner_handle_dead(ep, id, reason, text);
  a->state = RS_ACTOR_DEAD;
  fail_all(ep, &a->in_flight, &a->in_flight_count, text);
  fail_all(ep, &a->queue, &a->queued, text);
  rs_owner_handle_free(ep, a);
  if (id.owner == ep->self)
    rs_owner_ref_actor_dead(ep, id);
  rs_owner_handle_tell(ep, id, RS_ACTOR_DEAD, reason, RS_ADDR_NONE, text, other);
}

/* It has ended well: the results of what is in flight may be on their way. */
static void leave(struct rs_endpoint *ep, struct owned_actor *a, const struct rs_text *text)
{
  a->state = RS_ACTOR_DEAD;
  a->leaving = true;
  rs_owner_handle_dead(ep, a->id, RS_ERR_OK, text);
  fail_all(ep, &a->queue, &a->queued, text);
}

void rs_owner_actor_on_state(struct rs_endpoint *ep, const struct rs_m_actor_state *m)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_map_get_ptr(&o->actor_by_id, rs_id_key(m->actor));
  if (!a || a->leaving)
    return;
  struct rs_text text = {0};
  rs_text_bytes(&text, m->text, m->text_count);
  a->type = m->type ? m->type : a->type;
  if (m->state == RS_ACTOR_DEAD) {
    if (m->reason == RS_ERR_OK && a->in_flight_count && a->state == RS_ACTOR_ALIVE)
      leave(ep, a, &text);
    else
      bury(ep, a, m->reason, &text, m->other_count ? m->other[0] : nobody, true);
    return;
  }
  a->known = true;
  a->max_task_retries = m->max_task_retries;
  a->max_pending_calls = m->max_pending_calls;
  bool same = m->restart == a->restart && m->state == RS_ACTOR_ALIVE && a->worker == m->worker;
  if (m->restart < a->restart || (same && !a->unsure))
    return; /* we know more, or this already */
  if (same) {
    recover_in_flight(ep, a, NULL);
  } else {
    recover_in_flight(ep, a, &text);
    unmap_worker(o, a);
  }
  a->unsure = false;
  rs_list_remove(&a->unsure_link);
  a->state = m->state;
  a->restart = m->restart;
  if (m->state == RS_ACTOR_ALIVE) {
    if (a->restarts_max >= 0 && a->restart >= (uint32_t)a->restarts_max) /* it will not be created again */
      rs_owner_creation_end(ep, a);
    if (!same)
      a->next_seq = 1;
    a->worker = m->worker;
    rs_map_put_ptr(&o->actor_by_worker, a->worker, a);
    mark_dirty(o, a);
  }
  if (!same)
    rs_owner_handle_tell(ep, a->id, m->state, m->reason, m->worker, &text, nobody);
}

void rs_owner_actor_on_result(struct rs_endpoint *ep, struct owned_actor *a, struct rs_result *result)
{
  struct owned_task *t = rs_map_get_ptr(&ep->owner->tasks, result->task.seq);
  if (!t || t->state != TASK_PUSHED || t->actor != a)
    return;
  rs_list_remove(&t->link);
  a->in_flight_count--;
  mark_dirty(ep->owner, a);
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
  if (!ep->owner->orphaned && !rs_graves_find(&ep->owner->graves, call->object))
    send_kill(ep, call->object, call->no_restart, UINT32_MAX);
}

void rs_owner_actor_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_owner *o = ep->owner;
  struct owned_actor *a = rs_map_get_ptr(&o->actor_by_worker, peer);
  if (!a)
    return;
  if (a->leaving) {
    const struct rs_grave *grave = rs_graves_find(&o->graves, a->id);
    struct rs_text text = {0};
    if (grave)
      rs_text_bytes(&text, grave->text, grave->text_bytes);
    bury(ep, a, RS_ERR_OK, &text, nobody, true);
    return;
  }
  a->state = RS_ACTOR_RESTARTING; /* until the GCS says what it is */
  a->unsure = true;
  a->due_at = rs_time_add(ep->now, (uint64_t)ep->config->timeout_ms_task_wait_for_death_info * RS_MS);
  rs_list_remove(&a->unsure_link);
  rs_list_push_back(&o->unsure, &a->unsure_link); /* one delay for all: in order of due_at */
}

void rs_owner_actor_orphan(struct rs_endpoint *ep, int reason)
{
  struct rs_text text = {0};
  rs_text_str(&text, rs_error_text(reason));
  RS_LIST_EACH(&ep->owner->actors, at, after)
  {
    struct owned_actor *a = RS_ENTRY(at, struct owned_actor, link);
    bool ends = a->id.owner == ep->self && !a->detached;
    if (ends && !ep->owner->orphaned) /* the head may not have noticed that it lost us */
      send_kill(ep, a->id, true, UINT32_MAX);
    bury(ep, a, reason, &text, nobody, ends);
  }
  rs_owner_handle_orphan(ep, reason);
}

void rs_owner_actor_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->actors, at, after)
  {
    struct owned_actor *a = RS_ENTRY(at, struct owned_actor, link);
    rs_owner_creation_free(a);
    free(a);
  }
  rs_map_free(&o->actor_by_id);
  rs_map_free(&o->actor_by_worker);
  rs_graves_free(&o->graves);
  free(o->finds);
}
