/* owner.c -- the tasks that this process has submitted, until each has ended for good.
 *
 * A task waits until its arguments are made (owner_object.c), then for a lease (owner_lease.c) or its turn at its actor
 * (owner_actor.c), is pushed to a worker, and ends with a result. System failures (the worker or its node died) are
 * tried again max_retries times; a function's own error only with RS_TASK_RETRY_ERRORS: Ray's rules. Where several
 * tasks were queued at a worker that died, only the one that was running is charged a retry; Ray charges all. Every
 * submitted task gets exactly one REPLY.
 */
#include "core/owner.h"

#include "core/failure.h"
#include <string.h>

#include "core/executor.h"
#include "core/owner_int.h"

struct rs_owner *rs_owner_new(void)
{
  struct rs_owner *o = rs_alloc_zero(1, sizeof *o);
  struct rs_link *lists[] = {&o->keys,          &o->idle_keys, &o->dirty,        &o->delayed,   &o->actors,
                             &o->stored,        &o->ready,     &o->dirty_actors, &o->postponed, &o->borrowed_list,
                             &o->lent,          &o->doomed,    &o->adds,         &o->deferred,  &o->carried,
                             &o->lineages,      &o->dying,     &o->rebuild,      &o->unsure,    &o->groups,
                             &o->dirty_streams, &o->doubts};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    rs_list_init(lists[i]);
  rs_graves_init(&o->graves);
  return o;
}

void rs_owner_free(struct rs_owner *o)
{
  for (uint32_t i = 0; i < o->tasks.cap; i++) {
    if (!o->tasks.slots[i].key)
      continue;
    struct owned_task *t = (void *)(uintptr_t)o->tasks.slots[i].value;
    if (t->key)
      t->key->refs--;
    rs_task_unref(t->task);
    free(t);
  }
  rs_map_free(&o->tasks);
  rs_owner_lease_free_all(o);
  rs_owner_group_free_all(o);
  rs_owner_actor_free_all(o);
  rs_owner_stream_free_all(o);
  rs_owner_ref_free_all(o);
  rs_owner_lineage_free_all(o);
  rs_owner_borrow_free_all(o);
  rs_owner_events_free(o);
  free(o);
}

void rs_owner_subscribe(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  if (o->subscribed || o->orphaned)
    return;
  o->subscribed = true;
  rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_SUBSCRIBE));
  if (ep->executor)
    rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_WORKER_OWNS));
}

void rs_owner_on_start(struct rs_endpoint *ep)
{
  rs_owner_subscribe(ep);
}

void rs_owner_begin(struct rs_endpoint *ep)
{
  if (ep->owner)
    return;
  ep->owner = rs_owner_new();
  rs_owner_subscribe(ep);
}

bool rs_owner_busy(const struct rs_owner *o)
{
  return o->tasks.count || o->refs.count || !rs_list_empty(&o->actors) || !rs_list_empty(&o->adds) ||
         !rs_list_empty(&o->deferred) || !rs_list_empty(&o->carried);
}

static void reply(struct rs_endpoint *ep, const struct owned_task *t, struct rs_result *result)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_TASK;
  r->id = t->task->id;
  r->status = result->status;
  r->node = result->node;
  r->result = result;
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

/* The class of the actor that a call is to; 0: it is no call, or that is not known. */
uint64_t rs_owner_type_of(const struct rs_owner *o, const struct rs_task *task)
{
  if (!(task->flags & RS_TASK_ACTOR_CALL))
    return 0;
  const struct owned_actor *a = rs_map_get_ptr(&o->actor_by_id, rs_id_key(task->actor));
  const struct rs_grave *grave = a ? NULL : rs_graves_find(&o->graves, task->actor);
  return a ? a->type : grave ? grave->type : 0;
}

/* What an owner knows about a failure that the failure does not say. Takes the reference, gives one. */
static struct rs_result *complete(const struct rs_endpoint *ep, const struct owned_task *t, struct rs_result *result)
{
  struct rs_failure f;
  bool known = rs_failure_read(result, &f);
  if (known && !rs_id_equal(f.task, t->task->id))
    return result; /* an argument's */
  if (!known) {
    f.function = t->task->function;
    f.type = rs_owner_type_of(ep->owner, t->task);
    f.node = result->node == RS_ADDR_NONE ? RS_FAILURE_NODE_NONE : rs_addr_node(result->node);
  }
  memcpy(f.task_name, rs_task_name(t->task), t->task->name_bytes);
  f.retries = t->retries;
  struct rs_result *whole = rs_failure_result(t->task->id, result->status, &f);
  whole->run_ns = result->run_ns;
  whole->node = result->node;
  rs_result_unref(result);
  return whole;
}

void rs_owner_task_end(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result)
{
  struct rs_owner *o = ep->owner;
  if (result->status != RS_ERR_OK)
    result = complete(ep, t, result);
  if (result->status != RS_ERR_OK)
    rs_trace(ep, RS_TRACE_TASK_FAILED, ep->self, t->task->id.seq, (uint64_t)(int64_t)result->status);
  rs_owner_event(ep, t, result);
  rs_map_remove(&o->tasks, t->task->id.seq, NULL);
  rs_list_remove(&t->link);
  if (t->blocked_on)
    rs_owner_args_unwait(ep, t);
  rs_owner_object_made(ep, t, result); /* what its value contains is held before its arguments are let go */
  if (t->task->flags & RS_TASK_STREAM)
    rs_owner_stream_ended(ep, t->task->id, result);
  rs_owner_args_drop(ep, t);
  if (t->again)
    rs_result_unref(result);
  else
    reply(ep, t, result);
  if (t->key)
    rs_owner_key_unref(o, t->key);
  rs_task_unref(t->task);
  free(t);
}

void rs_owner_task_fail(struct rs_endpoint *ep, struct owned_task *t, int status)
{
  rs_owner_task_end(ep, t, rs_result_failed(t->task->id, status, rs_error_text(status)));
}

void rs_owner_task_fail_text(struct rs_endpoint *ep, struct owned_task *t, int status, const struct rs_text *text)
{
  struct rs_result *result = rs_result_new(0, text->used);
  result->status = status;
  result->task = t->task->id;
  memcpy(result->data, text->bytes, text->used);
  rs_owner_task_end(ep, t, result);
}

void rs_owner_task_retry(struct rs_endpoint *ep, struct owned_task *t, uint64_t delay_ns)
{
  t->retries++;
  if (!t->actor)
    rs_owner_task_writable(t)->actor_restart = t->retries;
  rs_trace(ep, RS_TRACE_TASK_RETRIED, ep->self, t->task->id.seq, (uint64_t)(int64_t)t->retries_left);
  if (delay_ns == 0 || t->actor) {
    rs_owner_task_ready(ep, t);
    return;
  }
  t->state = TASK_DELAYED;
  t->due_at = rs_time_add(ep->now, delay_ns);
  struct rs_link *place = ep->owner->delayed.prev; /* in order of due_at: mostly all have one delay */
  while (place != &ep->owner->delayed && RS_ENTRY(place, struct owned_task, link)->due_at > t->due_at)
    place = place->prev;
  rs_list_insert_after(place, &t->link);
}

struct rs_task *rs_owner_task_writable(struct owned_task *t)
{
  if (t->sent) {
    struct rs_task *copy = rs_task_copy(t->task);
    rs_task_unref(t->task);
    t->task = copy;
    t->sent = false;
  }
  return t->task;
}

/* The task is in no list. Takes the reference to the result. */
void rs_owner_task_failed(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result, bool charged)
{
  if (t->cancelled && result->status != RS_ERR_CANCELLED) { /* however it failed, that is why nobody minds */
    rs_result_unref(result);
    rs_owner_task_fail(ep, t, RS_ERR_CANCELLED);
    return;
  }
  bool own_error = result->status == RS_ERR_TASK_FAILED || result->status == RS_ERR_UNKNOWN_FUNCTION;
  bool again = own_error ? (t->task->flags & RS_TASK_RETRY_ERRORS) != 0
                         : result->status != RS_ERR_CANCELLED && result->status != RS_ERR_STORE_FULL &&
                               result->status != RS_ERR_RUNTIME_ENV && result->status != RS_ERR_DISK_FULL;
  if (!again || (charged && t->retries_left == 0) || ep->owner->orphaned) {
    rs_owner_task_end(ep, t, result);
    return;
  }
  rs_result_unref(result);
  if (charged && t->retries_left > 0)
    t->retries_left--;
  rs_owner_task_retry(ep, t, (uint64_t)ep->config->task_retry_delay_ms * RS_MS);
}

void rs_owner_task_ready(struct rs_endpoint *ep, struct owned_task *t)
{
  if (t->creates) {
    rs_owner_creation_ready(ep, t);
    return;
  }
  if (t->actor) {
    rs_owner_actor_submit(ep, t);
    return;
  }
  struct rs_result *error = NULL;
  switch (rs_owner_args_resolve(ep, t, &error)) {
  case ARGS_READY: rs_owner_key_submit(ep, t, false); break;
  case ARGS_WAIT: t->state = TASK_BLOCKED; break;
  case ARGS_LOST: rs_owner_task_end(ep, t, error); break;
  }
}

void rs_owner_task_rerun(struct rs_endpoint *ep, struct lineage *lineage)
{
  struct rs_owner *o = ep->owner;
  struct owned_task *t = rs_alloc_zero(1, sizeof *t);
  t->task = rs_task_ref(lineage->task);
  t->retries_left = lineage->retries_left;
  t->state = TASK_BLOCKED;
  t->sent = t->again = true;
  t->key = lineage->key;
  t->key->refs++;
  rs_list_init(&t->link);
  rs_map_put_ptr(&o->tasks, t->task->id.seq, t);
  rs_trace(ep, RS_TRACE_TASK_REBUILT, ep->self, t->task->id.seq, (uint64_t)(int64_t)t->retries_left);
  if (!rs_owner_args_block(ep, t))
    rs_list_push_back(&o->ready, &t->link);
}

/* ---- calls ---- */

static struct owned_task *task_new(struct rs_endpoint *ep, struct rs_task *task, int32_t max_retries)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(task->id.owner == ep->self && task->id.seq > o->last_seq);
  o->last_seq = task->id.seq + rs_task_span(task) - 1;
  struct owned_task *t = rs_alloc_zero(1, sizeof *t);
  t->task = rs_task_ref(task);
  t->retries_left = max_retries;
  t->state = TASK_BLOCKED;
  t->queued_at = ep->now;
  o->job = rs_task_job(task);
  rs_list_init(&t->link);
  rs_map_put_ptr(&o->tasks, task->id.seq, t);
  rs_trace(ep, RS_TRACE_TASK_QUEUED, ep->self, task->id.seq, task->actor.seq);
  if (task->flags & RS_TASK_KEEP)
    rs_owner_object_expect(ep, task);
  if (task->flags & RS_TASK_STREAM)
    rs_owner_stream_new(ep, task);
  return t;
}

static void submit(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  struct rs_demand demand;
  bool captured = rs_owner_group_captures(ep, call, &demand);
  struct sched_key *key = rs_owner_key_of(ep, &demand, call->strategy, call->target, call->max_retries != 0);
  for (uint32_t i = 0; i < call->task_count; i++) {
    struct rs_task *child = captured ? rs_owner_group_child(call->tasks[i], &demand) : NULL;
    struct owned_task *t = task_new(ep, child ? child : call->tasks[i], call->max_retries);
    rs_task_unref(child);
    t->key = key;
    key->refs++;
    if (o->orphaned)
      rs_owner_task_fail(ep, t, RS_ERR_NODE_DIED);
    else if (call->tasks[i]->dep_count + call->tasks[i]->inner_count == 0)
      rs_owner_key_submit(ep, t, false);
    else if (!rs_owner_args_block(ep, t))
      rs_owner_task_ready(ep, t);
  }
  rs_owner_key_unref(o, key);
}

/* The task of that id, or the one that makes the object of that id. */
static struct owned_task *maker(const struct rs_owner *o, uint64_t seq)
{
  for (uint64_t back = 0; back <= RS_TASK_RETURNS_MAX && back < seq; back++) {
    struct owned_task *t = rs_map_get_ptr(&o->tasks, seq - back);
    if (t)
      return t->task->return_count >= back ? t : NULL;
  }
  return NULL;
}

const char *rs_owner_cancel_wrong(const struct rs_endpoint *ep, struct rs_id object, bool force)
{
  if (!ep->owner)
    return NULL;
  if (rs_owner_is_actor(ep, object))
    return "it is an actor's handle, and no task's: raysim_kill ends an actor";
  const struct owned_task *t = force && object.owner == ep->self ? maker(ep->owner, object.seq) : NULL;
  return t && t->actor && !t->creates
             ? "a call of an actor cannot be ended by force, for the actor's process has others"
             : NULL;
}

void rs_owner_cancel(struct rs_endpoint *ep, struct rs_id task, bool force, bool recursive)
{
  struct owned_task *t = task.owner == ep->self ? maker(ep->owner, task.seq) : NULL;
  if (!t)
    return;
  t->cancelled = true;
  if (t->state != TASK_PUSHED) {
    if (t->state == TASK_QUEUED && t->key) {
      t->key->queued--;
      rs_owner_key_changed(ep->owner, t->key); /* its lease request may have become needless */
    }
    if (t->actor && t->state != TASK_DELAYED) {
      t->actor->queued--;
      rs_owner_actor_left(ep, t->actor);
    }
    rs_owner_task_fail(ep, t, RS_ERR_CANCELLED);
    return;
  }
  struct rs_m_task_cancel *m = rs_msg_new(RS_MSG_TASK_CANCEL);
  m->task = t->task->id;
  m->force = force;
  m->recursive = recursive;
  rs_send(ep, t->lease ? t->lease->worker : t->actor->worker, m);
  if (force && t->lease)
    rs_owner_doubt_cancelled(ep, t);
}

/* In the order of their numbers. O(tasks of this process). */
void rs_owner_cancel_children(struct rs_endpoint *ep, struct rs_id parent, bool force)
{
  const struct rs_map *tasks = &ep->owner->tasks;
  uint64_t *seqs = rs_alloc(tasks->count * sizeof *seqs);
  uint32_t count = 0;
  for (uint32_t i = 0; i < tasks->cap; i++) {
    const struct owned_task *t = tasks->slots[i].key ? (const void *)(uintptr_t)tasks->slots[i].value : NULL;
    if (!t || !rs_id_equal(t->task->parent, parent))
      continue;
    uint32_t at = count++;
    for (; at > 0 && seqs[at - 1] > t->task->id.seq; at--)
      seqs[at] = seqs[at - 1];
    seqs[at] = t->task->id.seq;
  }
  for (uint32_t i = 0; i < count; i++)
    rs_owner_cancel(ep, (struct rs_id){ep->self, seqs[i]}, force, true);
  free(seqs);
}

/* A task of this worker waits for an object, or goes on: the first to wait frees the CPU, the last to go on takes it.
 */
static void block(struct rs_endpoint *ep, bool blocked)
{
  struct rs_owner *o = ep->owner;
  if (!ep->executor || (!blocked && o->blocked == 0))
    return;
  o->blocked += blocked ? 1u : -1u;
  if (o->blocked == (blocked ? 1u : 0u))
    rs_executor_on_blocked(ep, blocked);
}

void rs_owner_unblock(struct rs_endpoint *ep)
{
  if (ep->owner)
    ep->owner->blocked = 0;
}

/* One count of an object or of an actor's handle. An actor of which nobody counts anything is let go directly. */
static void release(struct rs_endpoint *ep, struct rs_id id)
{
  if (rs_owner_stream_release(ep, id))
    return;
  const struct ref *ref = rs_owner_ref_find(ep->owner, ep->self, id);
  if (ref && ref->count) {
    rs_owner_ref_release(ep, id);
    if (id.owner == ep->self || rs_owner_ref_find(ep->owner, ep->self, id))
      return;
  }
  rs_owner_actor_release(ep, id);
}

void rs_owner_on_call(struct rs_endpoint *ep, const struct rs_call *call)
{
  if (call->kind == RS_CALL_ASK) { /* a question makes nobody an owner of anything */
    rs_send(ep, ep->head, rs_msg_ref(call->ask));
    return;
  }
  rs_owner_subscribe(ep);
  switch (call->kind) {
  case RS_CALL_SUBMIT: submit(ep, call); break;
  case RS_CALL_ACTOR_CREATE: rs_owner_actor_create(ep, call); break;
  case RS_CALL_ACTOR_CALL:
    for (uint32_t i = 0; i < call->task_count; i++)
      rs_owner_actor_call(ep, task_new(ep, call->tasks[i], call->max_retries));
    break;
  case RS_CALL_ACTOR_KILL: rs_owner_actor_kill(ep, call); break;
  case RS_CALL_PUT: rs_owner_object_put(ep, call); break;
  case RS_CALL_GET: rs_owner_get(ep, call); break;
  case RS_CALL_WAIT: rs_owner_wait(ep, call); break;
  case RS_CALL_FREE: rs_owner_object_free(ep, call->object); break;
  case RS_CALL_RETAIN: rs_owner_ref_retain(ep, call->object); break;
  case RS_CALL_RELEASE: release(ep, call->object); break;
  case RS_CALL_STREAM_NEXT: rs_owner_stream_next(ep, call->object); break;
  case RS_CALL_BLOCKED:
  case RS_CALL_UNBLOCKED: block(ep, call->kind == RS_CALL_BLOCKED); break;
  case RS_CALL_CANCEL: rs_owner_cancel(ep, call->object, call->force, call->recursive); break;
  case RS_CALL_ACTOR_FIND:
  case RS_CALL_ACTOR_LIST: rs_owner_handle_find(ep, call); break;
  case RS_CALL_GROUP_CREATE: rs_owner_group_create(ep, call); break;
  case RS_CALL_GROUP_REMOVE: rs_owner_group_remove(ep, call); break;
  case RS_CALL_GROUP_GET: rs_owner_group_get(ep, call); break;
  default: break;
  }
}

/* ---- messages ---- */

static void on_done(struct rs_endpoint *ep, rs_addr worker, const struct rs_m_tasks_done *m)
{
  struct rs_owner *o = ep->owner;
  struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, worker);
  struct owned_actor *actor = lease ? NULL : rs_map_get_ptr(&o->actor_by_worker, worker);
  for (uint32_t i = 0; i < m->results_count; i++) {
    if (lease)
      rs_owner_lease_on_result(ep, lease, m->results[i]);
    else if (actor)
      rs_owner_actor_on_result(ep, actor, m->results[i]);
  }
  rs_owner_borrow_on_results(ep, worker, m);
  if (lease)
    rs_owner_lease_refill(ep, lease);
}

static void on_node_dead(struct rs_endpoint *ep, rs_addr raylet)
{
  rs_owner_borrow_on_node_dead(ep, raylet);
  rs_owner_object_on_node_gone(ep, raylet);
  rs_owner_lease_on_node_dead(ep, raylet);
}

/* The answer to an ASK, as it came: the application knows its own questions by their number. */
static void on_answer(struct rs_endpoint *ep, const struct rs_msg *msg)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_ANSWER;
  r->answer = rs_msg_ref((struct rs_msg *)(uintptr_t)msg);
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

void rs_owner_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_TASKS_DONE: on_done(ep, from, (const void *)msg); return;
  case RS_MSG_ACTOR_STATE: rs_owner_actor_on_state(ep, (const void *)msg); return;
  case RS_MSG_STREAM_ITEM: rs_owner_stream_on_item(ep, from, (const void *)msg); return;
  case RS_MSG_ACTOR_FOUND: rs_owner_handle_on_found(ep, (const void *)msg); return;
  case RS_MSG_NODE_DEAD: on_node_dead(ep, ((const struct rs_m_node_dead *)(const void *)msg)->raylet); return;
  case RS_MSG_KV_REPLY:
  case RS_MSG_JOB_REPLY:
  case RS_MSG_STATE_REPLY: on_answer(ep, msg); return;
  default:
    if (!rs_owner_group_on_message(ep, msg) && !rs_owner_lease_on_message(ep, from, msg) &&
        !rs_owner_object_on_message(ep, from, msg))
      rs_owner_borrow_on_message(ep, from, msg);
  }
}

/* Without its raylet an owner can do nothing more: everything that it waits for ends. */
static void orphan(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  if (o->orphaned)
    return;
  o->orphaned = true;
  rs_owner_actor_orphan(ep, RS_ERR_NODE_DIED);
  rs_owner_group_orphan(ep);
  uint32_t count = 0;
  uint64_t *seqs = rs_alloc(o->tasks.count * sizeof *seqs);
  RS_LIST_EACH(&o->keys, at, after)
  {
    struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    key->refs++;
    RS_LIST_EACH(&key->leases, link, next)
    rs_owner_lease_lost(ep, RS_ENTRY(link, struct lease, link), RS_ERR_NODE_DIED, false);
    RS_LIST_EACH(&key->queue, link, next)
    {
      key->queued--;
      rs_owner_task_fail(ep, RS_ENTRY(link, struct owned_task, link), RS_ERR_NODE_DIED);
    }
    rs_owner_key_unref(o, key);
  }
  RS_LIST_EACH(&o->delayed, at, after) rs_owner_task_fail(ep, RS_ENTRY(at, struct owned_task, link), RS_ERR_NODE_DIED);
  for (uint32_t i = 0; i < o->tasks.cap; i++) /* what is left waited for arguments that somebody else makes */
    if (o->tasks.slots[i].key) {
      uint32_t at = count++;
      for (; at > 0 && seqs[at - 1] > o->tasks.slots[i].key; at--)
        seqs[at] = seqs[at - 1];
      seqs[at] = o->tasks.slots[i].key;
    }
  for (uint32_t i = 0; i < count; i++) {
    struct owned_task *t = rs_map_get_ptr(&o->tasks, seqs[i]);
    if (t)
      rs_owner_task_fail(ep, t, RS_ERR_NODE_DIED);
  }
  free(seqs);
  rs_owner_get_fail_all(ep, RS_ERR_NODE_DIED);
}

void rs_owner_on_peer_down(struct rs_endpoint *ep, rs_addr peer, bool unreachable)
{
  if (peer == ep->raylet) {
    orphan(ep);
    return;
  }
  if (peer == ep->head) { /* which gives up what an owner that it lost has made: both ends agree that it is gone */
    rs_owner_actor_orphan(ep, RS_ERR_PEER_LOST);
    rs_owner_group_on_head_lost(ep);
  }
  if (rs_addr_ep(peer) == RS_EP_RAYLET) /* which drops the objects of an owner that it lost, too */
    rs_owner_object_on_node_gone(ep, peer);
  rs_owner_borrow_on_peer_down(ep, peer, unreachable);
  rs_owner_lease_on_peer_down(ep, peer);
  rs_owner_actor_on_peer_down(ep, peer);
}

void rs_owner_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->delayed)) {
    struct owned_task *t = RS_ENTRY(o->delayed.next, struct owned_task, link);
    if (t->due_at > ep->now)
      break;
    rs_list_remove(&t->link);
    rs_owner_task_ready(ep, t);
  }
  rs_owner_actor_settle(ep);
  while (!rs_list_empty(&o->rebuild) || !rs_list_empty(&o->ready) || !rs_list_empty(&o->dirty_actors)) {
    rs_owner_lineage_settle(ep);
    if (!rs_list_empty(&o->ready)) {
      struct owned_task *t = RS_ENTRY(o->ready.next, struct owned_task, link);
      rs_list_remove(&t->link);
      rs_owner_task_ready(ep, t);
    }
    rs_owner_actor_settle(ep);
  }
  rs_owner_lease_settle(ep);
  rs_owner_stream_settle(ep);
  rs_owner_events_settle(ep);
  rs_owner_borrow_settle(ep);
  rs_owner_keys_trim(o);
}

uint64_t rs_owner_deadline(const struct rs_endpoint *ep)
{
  const struct rs_owner *o = ep->owner;
  uint64_t deadline = rs_time_min(rs_owner_lease_deadline(o), rs_owner_events_deadline(o));
  deadline = rs_time_min(deadline, rs_owner_actor_deadline(o));
  if (rs_list_empty(&o->delayed))
    return deadline;
  return rs_time_min(deadline, RS_ENTRY(o->delayed.next, struct owned_task, link)->due_at);
}

void rs_owner_sanity_check(const struct rs_owner *o)
{
  rs_owner_ref_sanity_check(o);
  uint32_t idle = 0;
  for (const struct rs_link *at = o->idle_keys.next; at != &o->idle_keys; at = at->next)
    idle++;
  RS_ASSERT(idle == o->idle_key_count);
  for (const struct rs_link *at = o->keys.next; at != &o->keys; at = at->next) {
    const struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    uint32_t queued = 0, leases = 0, requests = 0;
    for (const struct rs_link *link = key->queue.next; link != &key->queue; link = link->next)
      queued++;
    for (const struct rs_link *link = key->leases.next; link != &key->leases; link = link->next, leases++) {
      const struct lease *lease = RS_ENTRY(link, struct lease, link);
      uint32_t in_flight = 0;
      for (const struct rs_link *t = lease->in_flight.next; t != &lease->in_flight; t = t->next)
        in_flight++;
      RS_ASSERT(in_flight == lease->in_flight_count && in_flight > 0);
    }
    for (const struct rs_link *link = key->requests.next; link != &key->requests; link = link->next)
      requests++;
    RS_ASSERT(queued == key->queued && leases == key->lease_count && requests == key->request_count);
    RS_ASSERT(queued > 0 || requests == 0 || o->orphaned);
  }
}
