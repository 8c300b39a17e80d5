/* executor.c -- a worker's queue of pushed tasks: one at a time, in the order in which they came.
 *
 * Tasks and actor calls of one owner come in order over one connection, so first in, first out is also the order of an
 * actor's calls; a call that was meant for another incarnation of the actor is refused, because its owner will send it
 * again under the new one. A result with returns that stay in the node's store is announced to the raylet first and
 * goes to its owner once the store has accepted them: so an owner never hears of an object that the store does not
 * know. Tasks of an owner that died are dropped; the one that runs is killed and its result goes nowhere.
 *
 * Invariants: at most one task runs; `running` is set exactly while the driver owes a TASK_FINISHED or TASK_FAILED.
 */
#include "core/executor.h"

struct queued {
  struct rs_task *task;
  rs_addr from;
};

/* A result whose stored returns the raylet has not yet accepted. */
struct stored {
  struct rs_result *result;
  rs_addr to;
  uint32_t waiting; /* returns */
};

struct rs_executor {
  struct queued *queue; /* a ring */
  uint32_t head, count, cap;
  struct rs_task *running;
  rs_addr running_from; /* RS_ADDR_NONE: the owner is gone */
  rs_gpu_mask gpus;
  struct rs_id actor; /* {0, 0}: a pool worker */
  uint32_t actor_restart;
  struct stored *stored;
  uint32_t stored_count, stored_cap;
};

struct rs_executor *rs_executor_new(void)
{
  return rs_alloc_zero(1, sizeof(struct rs_executor));
}

void rs_executor_free(struct rs_executor *x)
{
  for (uint32_t i = 0; i < x->count; i++)
    rs_task_unref(x->queue[(x->head + i) % x->cap].task);
  if (x->running)
    rs_task_unref(x->running);
  for (uint32_t i = 0; i < x->stored_count; i++)
    rs_result_unref(x->stored[i].result);
  free(x->queue);
  free(x->stored);
  free(x);
}

void rs_executor_on_start(struct rs_endpoint *ep)
{
  rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_WORKER_READY));
}

static void send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  struct rs_m_tasks_done *done = rs_msg_new(RS_MSG_TASKS_DONE);
  done->results_count = 1;
  done->results = rs_alloc(sizeof *done->results);
  done->results[0] = result; /* takes over the reference */
  rs_send(ep, to, done);
}

static void run_next(struct rs_endpoint *ep)
{
  struct rs_executor *x = ep->executor;
  if (x->running || x->count == 0)
    return;
  struct queued next = x->queue[x->head];
  x->head = (x->head + 1) % x->cap;
  if (--x->count == 0) {
    free(x->queue);
    x->queue = NULL;
    x->head = x->cap = 0;
  }
  x->running = next.task;
  x->running_from = next.from;
  if (next.task->flags & RS_TASK_ACTOR_CREATE) {
    x->actor = next.task->actor;
    x->actor_restart = next.task->actor_restart;
  }
  rs_trace(ep, RS_TRACE_TASK_STARTED, next.task->id.owner, next.task->id.seq, next.task->actor_seq);
  struct rs_effect *run = rs_emit(ep, RS_OUT_TASK_RUN);
  run->task = rs_task_ref(next.task);
  run->count = x->gpus;
}

static void enqueue(struct rs_executor *x, struct rs_task *task, rs_addr from)
{
  if (x->count == x->cap) {
    uint32_t cap = x->cap ? 2 * x->cap : 2;
    struct queued *queue = rs_alloc(cap * sizeof *queue);
    for (uint32_t i = 0; i < x->count; i++)
      queue[i] = x->queue[(x->head + i) % x->cap];
    free(x->queue);
    x->queue = queue;
    x->head = 0;
    x->cap = cap;
  }
  x->queue[(x->head + x->count++) % x->cap] = (struct queued){rs_task_ref(task), from};
}

static void on_push(struct rs_endpoint *ep, rs_addr from, const struct rs_m_push_tasks *m)
{
  struct rs_executor *x = ep->executor;
  if (m->lease)
    x->gpus = m->gpus;
  for (uint32_t i = 0; i < m->tasks_count; i++) {
    struct rs_task *task = m->tasks[i];
    if ((task->flags & RS_TASK_ACTOR_CALL) &&
        (!rs_id_equal(task->actor, x->actor) || task->actor_restart != x->actor_restart))
      send_result(ep, from, rs_result_failed(task->id, RS_ERR_ACTOR_DIED, "the call was for another incarnation"));
    else
      enqueue(x, task, from);
  }
  run_next(ep);
}

static void on_cancel(struct rs_endpoint *ep, rs_addr from, const struct rs_m_task_cancel *m)
{
  struct rs_executor *x = ep->executor;
  if (x->running && rs_id_equal(x->running->id, m->task)) {
    if (m->force)
      rs_emit(ep, RS_OUT_TASK_KILL)->object = m->task;
    return;
  }
  for (uint32_t i = 0; i < x->count; i++) {
    struct queued *at = &x->queue[(x->head + i) % x->cap];
    if (!rs_id_equal(at->task->id, m->task) || at->from != from)
      continue;
    rs_task_unref(at->task);
    for (; i + 1 < x->count; i++)
      x->queue[(x->head + i) % x->cap] = x->queue[(x->head + i + 1) % x->cap];
    x->count--;
    send_result(ep, from, rs_result_failed(m->task, RS_ERR_CANCELLED, "cancelled before it ran"));
    return;
  }
}

/* The store has accepted (or refused) one return of a finished task. */
static void on_stored(struct rs_endpoint *ep, struct rs_id object, int status)
{
  struct rs_executor *x = ep->executor;
  for (uint32_t i = 0; i < x->stored_count; i++) {
    struct stored *at = &x->stored[i];
    struct rs_id task = at->result->task;
    if (task.owner != object.owner || object.seq <= task.seq || object.seq > task.seq + at->result->return_count)
      continue;
    if (status != RS_ERR_OK && at->result->status == RS_ERR_OK) {
      struct rs_result *failed = rs_result_failed(task, status, rs_error_text(status));
      failed->run_ns = at->result->run_ns;
      send_result(ep, at->to, failed);
      at->to = RS_ADDR_NONE; /* the other returns only have to be counted */
    }
    if (--at->waiting > 0)
      return;
    if (at->to != RS_ADDR_NONE)
      send_result(ep, at->to, at->result);
    else
      rs_result_unref(at->result);
    x->stored[i] = x->stored[--x->stored_count];
    return;
  }
}

bool rs_executor_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_PUSH_TASKS: on_push(ep, from, (const void *)msg); return true;
  case RS_MSG_TASK_CANCEL: on_cancel(ep, from, (const void *)msg); return true;
  case RS_MSG_WORKER_EXIT: rs_exit(ep); return true;
  case RS_MSG_PULLED: {
    const struct rs_m_pulled *m = (const void *)msg;
    on_stored(ep, m->object, m->status);
    return ep->owner == NULL;
  }
  default: return false;
  }
}

void rs_executor_on_result(struct rs_endpoint *ep, struct rs_result *result)
{
  struct rs_executor *x = ep->executor;
  RS_ASSERT(x->running && rs_id_equal(x->running->id, result->task));
  rs_trace(ep, RS_TRACE_TASK_ENDED, result->task.owner, result->task.seq, (uint64_t)(int64_t)result->status);
  rs_addr to = x->running_from;
  rs_task_unref(x->running);
  x->running = NULL;
  uint32_t stored = 0;
  for (uint32_t i = 0; i < result->return_count; i++) {
    const struct rs_return *r = &result->returns[i];
    struct rs_id object = {result->task.owner, result->task.seq + 1 + i};
    if (r->size_bytes == r->inline_bytes)
      continue;
    if (to == RS_ADDR_NONE) { /* nobody will ever read it */
      struct rs_effect *drop = rs_emit(ep, RS_OUT_FREE);
      drop->object = object;
      drop->size = r->size_bytes;
      continue;
    }
    struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
    m->object = object;
    m->size = r->size_bytes;
    rs_send(ep, ep->raylet, m);
    stored++;
  }
  if (stored) {
    RS_GROW(x->stored, x->stored_count, x->stored_cap);
    x->stored[x->stored_count++] = (struct stored){rs_result_ref(result), to, stored};
  } else if (to != RS_ADDR_NONE) {
    send_result(ep, to, rs_result_ref(result));
  }
  run_next(ep);
}

void rs_executor_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_executor *x = ep->executor;
  if (peer == ep->raylet) {
    rs_exit(ep);
    return;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < x->count; i++) {
    struct queued at = x->queue[(x->head + i) % x->cap];
    if (at.from == peer)
      rs_task_unref(at.task);
    else
      x->queue[(x->head + kept++) % x->cap] = at;
  }
  x->count = kept;
  for (uint32_t i = 0; i < x->stored_count; i++)
    if (x->stored[i].to == peer)
      x->stored[i].to = RS_ADDR_NONE;
  if (x->running && x->running_from == peer) {
    x->running_from = RS_ADDR_NONE;
    rs_emit(ep, RS_OUT_TASK_KILL)->object = x->running->id;
  }
}

void rs_executor_sanity_check(const struct rs_executor *x)
{
  RS_ASSERT(x->count <= x->cap);
  RS_ASSERT(x->count == 0 || x->running);
  for (uint32_t i = 0; i < x->stored_count; i++)
    RS_ASSERT(x->stored[i].waiting > 0);
}
