/* executor.c -- what a worker runs next: queues of pushed tasks, each with a limit of how many run at a time.
 *
 * A plain worker has one queue and runs one task at a time. An actor may have several, its concurrency groups: each
 * with a limit of its own (max_concurrency is that of the first), none waiting for another. Tasks of a queue begin in
 * the order in which they came; where the limit is 1 they also run in it. Tasks and actor calls of one caller come over
 * one connection, so that is the order of its calls; nothing is promised between callers.
 *
 * Tasks that were pushed ahead because others of their kind were short, and wait for a long one now, go back to their
 * owners uncharged, which find another worker for them.
 *
 * A call that was meant for another incarnation of the actor is refused, because its caller will send it again under
 * the new one. A result with returns that stay in the node's store is announced to the raylet first and goes to its
 * owner once the store has accepted them: so an owner never hears of an object that the store does not know. Tasks of a
 * caller that died are dropped. A plain task of it that runs is killed; a call that runs goes on, since the actor lives
 * for others too. Results of both go nowhere.
 *
 * An actor can end by itself: the rest of its queues is refused, and once what runs has ended and every result is sent
 * it tells the head, which ends the process.
 *
 * Costs: O(1) a task for a plain worker, O(running + groups) for an actor. Invariants: `runs` are exactly the tasks for
 * which the driver owes a TASK_FINISHED or TASK_FAILED, and those whose arguments are brought (executor_fetch.c); a
 * queue that holds tasks has as many running as it may, or its newest run waits for arguments.
 */
#include <string.h>

#include "core/executor_int.h"
#include "core/owner_int.h"
#include "core/stream.h"

#define RETURNED_MAX 1024u
#define PATIENCE 8 /* times pipeline_target_us, until what waits is given back */

struct rs_executor *rs_executor_new(void)
{
  struct rs_executor *x = rs_alloc_zero(1, sizeof *x);
  x->only.limit = 1;
  x->lanes = &x->only;
  x->lane_count = 1;
  x->runs = &x->first;
  x->run_cap = 1;
  return x;
}

void rs_executor_prefetch(const struct rs_executor *x, const struct rs_msg *msg, unsigned step)
{
  const struct rs_m_push_tasks *push = msg && msg->type == RS_MSG_PUSH_TASKS ? (const void *)msg : NULL;
  if (step == 1)
    rs_prefetch(x, sizeof *x);
  else if (x->run_count)
    rs_prefetch(x->runs[0].task, sizeof *x->runs[0].task);
  if (step == 1 && push && push->tasks_count)
    rs_prefetch(push->tasks[0], sizeof *push->tasks[0]);
}

static struct queued *queued_at(const struct lane *lane, uint32_t i)
{
  return &lane->queue[(lane->head + i) % lane->cap];
}

void rs_executor_free(struct rs_executor *x)
{
  for (uint32_t l = 0; l < x->lane_count; l++) {
    for (uint32_t i = 0; i < x->lanes[l].count; i++)
      rs_task_unref(queued_at(&x->lanes[l], i)->task);
    free(x->lanes[l].queue);
  }
  for (uint32_t i = 0; i < x->run_count; i++) {
    rs_task_unref(x->runs[i].task);
    rs_fetch_free(x->runs[i].fetch);
  }
  for (uint32_t i = 0; i < x->stored_count; i++)
    rs_result_unref(x->stored[i].result);
  if (x->lanes != &x->only)
    free(x->lanes);
  if (x->runs != &x->first)
    free(x->runs);
  free(x->stored);
  free(x);
}

void rs_executor_on_start(struct rs_endpoint *ep)
{
  rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_WORKER_READY));
}

static void send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  if (ep->owner) { /* which knows whether references have to be announced first */
    rs_owner_send_result(ep, to, result);
    return;
  }
  struct rs_m_tasks_done *done = rs_msg_new(RS_MSG_TASKS_DONE);
  done->results_count = 1;
  done->results = rs_alloc(sizeof *done->results);
  done->results[0] = result; /* takes over the reference */
  rs_send(ep, to, done);
}

void rs_executor_send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result)
{
  send_result(ep, to, result);
}

static void refuse(struct rs_endpoint *ep, rs_addr from, struct rs_id task)
{
  send_result(ep, from, rs_result_failed(task, RS_ERR_ACTOR_DIED, "the actor is dead: it has ended itself"));
}

/* ---- queues ---- */

static void enqueue(struct lane *lane, struct rs_task *task, rs_addr from, uint64_t now)
{
  if (lane->count == lane->cap) {
    uint32_t cap = lane->cap ? 2 * lane->cap : 2;
    struct queued *queue = rs_alloc(cap * sizeof *queue);
    for (uint32_t i = 0; i < lane->count; i++)
      queue[i] = *queued_at(lane, i);
    free(lane->queue);
    lane->queue = queue;
    lane->head = 0;
    lane->cap = cap;
  }
  lane->queue[(lane->head + lane->count++) % lane->cap] = (struct queued){rs_task_ref(task), from, now};
}

static struct queued dequeue(struct lane *lane)
{
  struct queued next = lane->queue[lane->head];
  lane->head = (lane->head + 1) % lane->cap;
  if (--lane->count == 0) {
    free(lane->queue);
    lane->queue = NULL;
    lane->head = lane->cap = 0;
  }
  return next;
}

static struct run *run_new(struct rs_executor *x)
{
  if (x->run_count == x->run_cap) {
    uint32_t cap = 2 * x->run_cap;
    struct run *runs = rs_alloc(cap * sizeof *runs);
    for (uint32_t i = 0; i < x->run_count; i++)
      runs[i] = x->runs[i];
    if (x->runs != &x->first)
      free(x->runs);
    x->runs = runs;
    x->run_cap = cap;
  }
  return &x->runs[x->run_count++];
}

static struct run *run_of(struct rs_executor *x, struct rs_id task)
{
  for (uint32_t i = 0; i < x->run_count; i++)
    if (rs_id_equal(x->runs[i].task->id, task))
      return &x->runs[i];
  return NULL;
}

static void start(struct rs_endpoint *ep, struct rs_task *task)
{
  rs_trace(ep, RS_TRACE_TASK_STARTED, task->id.owner, task->id.seq, task->actor_seq);
  struct rs_effect *run = rs_emit(ep, RS_OUT_TASK_RUN);
  run->task = rs_task_ref(task);
  run->count = ep->executor->gpus;
}

/* As many of a queue as may run. */
static void run_lane(struct rs_endpoint *ep, uint32_t index)
{
  struct rs_executor *x = ep->executor;
  struct lane *lane = &x->lanes[index];
  while (lane->count && lane->running < lane->limit && !lane->fetching) {
    struct queued next = dequeue(lane);
    lane->running++;
    if (!(next.task->flags & RS_TASK_ACTOR_CALL))
      x->placement = next.task->placement;
    x->job = rs_task_job(next.task);
    struct run *run = run_new(x);
    *run = (struct run){.task = next.task, .from = next.from, .lane = index};
    if (next.task->flags & RS_TASK_STREAM)
      rs_stream_begin(ep, next.task, next.from);
    lane->fetching = next.task->dep_count && rs_fetch_needed(next.task);
    if (lane->fetching)
      rs_fetch_begin(ep, run);
    else
      start(ep, run->task);
  }
}

struct rs_id rs_executor_placement(const struct rs_executor *x)
{
  return x->placement;
}

rs_addr rs_executor_life(const struct rs_endpoint *ep)
{
  const struct rs_executor *x = ep->executor;
  return x->actor.owner || x->job == RS_ADDR_NONE ? ep->self : x->job;
}

static struct lane *lane_of(struct rs_executor *x, const struct rs_task *task)
{
  for (uint32_t i = 0; i < x->lane_count; i++)
    if (x->lanes[i].group == task->group)
      return &x->lanes[i];
  return NULL;
}

/* What has not begun goes back to where it came from: it could be what the running task waits for. An actor's calls
 * stay: their order is theirs. */
void rs_executor_give_back(struct rs_endpoint *ep)
{
  struct rs_executor *x = ep->executor;
  struct lane *lane = &x->only;
  if (x->actor.owner || x->run_count == 0)
    return;
  struct rs_m_tasks_returned *m = NULL;
  rs_addr to = RS_ADDR_NONE;
  while (lane->count) {
    struct queued next = dequeue(lane);
    if (m && (next.from != to || m->tasks_count == RETURNED_MAX)) {
      rs_send(ep, to, m);
      m = NULL;
    }
    if (!m) {
      m = rs_msg_new(RS_MSG_TASKS_RETURNED);
      m->tasks = rs_alloc((lane->count + 1) * sizeof *m->tasks);
      to = next.from;
    }
    m->tasks[m->tasks_count++] = next.task->id;
    rs_task_unref(next.task);
  }
  if (m)
    rs_send(ep, to, m);
}

/* A plain task that has waited longer than it was meant to: what runs takes longer than its owner has expected. */
uint64_t rs_executor_deadline(const struct rs_endpoint *ep)
{
  const struct rs_executor *x = ep->executor;
  if (x->actor.owner || x->only.count == 0 || x->run_count == 0 || ep->config->pipeline_target_us == 0)
    return RS_TIME_NEVER;
  return rs_time_add(queued_at(&x->only, 0)->at, (uint64_t)ep->config->pipeline_target_us * PATIENCE * RS_US);
}

/* Runs whose arguments have come, and those that lack one for good. */
static void settle_fetched(struct rs_endpoint *ep)
{
  struct rs_executor *x = ep->executor;
  x->fetched = false;
  for (uint32_t i = 0; i < x->run_count;) {
    struct run *run = &x->runs[i];
    struct fetch *fetch = run->fetch;
    if (!rs_fetch_waits(run) || (fetch->waiting && !fetch->error)) {
      i++;
    } else if (!fetch->error) {
      fetch->begun = true;
      x->lanes[run->lane].fetching = false;
      start(ep, run->task);
      run_lane(ep, run->lane);
      i++;
    } else {
      struct rs_result *failed = rs_result_new(0, fetch->error->data_bytes);
      failed->status = fetch->error->status;
      failed->task = run->task->id;
      memcpy(failed->data, fetch->error->data, fetch->error->data_bytes);
      rs_executor_on_result(ep, failed); /* another run takes its place in the array */
      rs_result_unref(failed);
    }
  }
}

bool rs_executor_stirred(const struct rs_executor *x)
{
  return x->fetched;
}

void rs_executor_settle(struct rs_endpoint *ep)
{
  while (ep->executor->fetched)
    settle_fetched(ep);
  if (rs_executor_deadline(ep) <= ep->now)
    rs_executor_give_back(ep);
}

void rs_executor_on_blocked(struct rs_endpoint *ep, bool blocked)
{
  struct rs_executor *x = ep->executor;
  if (x->blocked == blocked || x->run_count == 0)
    return;
  x->blocked = blocked;
  struct rs_m_worker_blocked *m = rs_msg_new(RS_MSG_WORKER_BLOCKED);
  m->blocked = blocked;
  rs_send(ep, ep->raylet, m);
  if (blocked)
    rs_executor_give_back(ep);
}

static void on_push(struct rs_endpoint *ep, rs_addr from, const struct rs_m_push_tasks *m)
{
  struct rs_executor *x = ep->executor;
  if (m->lease)
    x->gpus = m->gpus;
  for (uint32_t i = 0; i < m->tasks_count; i++) {
    struct rs_task *task = m->tasks[i];
    bool call = task->flags & RS_TASK_ACTOR_CALL;
    struct lane *lane = lane_of(x, task);
    if (call && (!rs_id_equal(task->actor, x->actor) || task->actor_restart != x->actor_restart))
      send_result(ep, from, rs_result_failed(task->id, RS_ERR_ACTOR_DIED, "the call was for another incarnation"));
    else if (x->ending >= EXITS)
      refuse(ep, from, task->id);
    else if (!lane)
      send_result(ep, from, rs_result_failed(task->id, RS_ERR_UNKNOWN_GROUP, rs_error_text(RS_ERR_UNKNOWN_GROUP)));
    else
      enqueue(lane, task, from, ep->now);
  }
  if (x->blocked || rs_stream_stalled(ep))
    rs_executor_give_back(ep);
  for (uint32_t l = 0; l < x->lane_count; l++)
    run_lane(ep, l);
}

/* This worker becomes an actor: its queues, then its creation. */
static void on_actor_start(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_start *m)
{
  struct rs_executor *x = ep->executor;
  if (x->actor.owner || x->run_count || x->only.count) /* a lease that we do not know of: it is told when it ends */
    return;
  x->gpus = m->gpus;
  x->actor = m->creation->actor;
  x->actor_restart = m->creation->actor_restart;
  uint32_t count = m->groups_count < m->limits_count ? m->groups_count : m->limits_count;
  if (count > 1) {
    x->lanes = rs_alloc_zero(count, sizeof *x->lanes);
    x->lane_count = count;
  }
  for (uint32_t i = 0; i < count; i++) {
    x->lanes[i].group = m->groups[i];
    x->lanes[i].limit = m->limits[i] ? m->limits[i] : 1;
  }
  x->lanes[0].group = 0;
  enqueue(&x->lanes[0], m->creation, from, ep->now);
  run_lane(ep, 0);
}

static bool all_done(const struct rs_executor *x)
{
  if (x->run_count || x->stored_count)
    return false;
  for (uint32_t l = 0; l < x->lane_count; l++)
    if (x->lanes[l].count)
      return false;
  return true;
}

static void end_if_done(struct rs_endpoint *ep)
{
  struct rs_executor *x = ep->executor;
  if (x->ending == LIVES || x->ending == ENDED || !all_done(x) || rs_stream_any(ep))
    return;
  x->ending = ENDED;
  struct rs_m_actor_exit *m = rs_msg_new(RS_MSG_ACTOR_EXIT);
  m->actor = x->actor;
  m->restart = x->actor_restart;
  rs_send(ep, ep->head, m);
}

void rs_executor_on_exit(struct rs_endpoint *ep)
{
  struct rs_executor *x = ep->executor;
  if (x->actor.owner == RS_ADDR_NONE || x->ending == ENDED)
    return;
  x->ending = EXITS;
  for (uint32_t l = 0; l < x->lane_count; l++)
    while (x->lanes[l].count) {
      struct queued at = dequeue(&x->lanes[l]);
      refuse(ep, at.from, at.task->id);
      rs_task_unref(at.task);
    }
  end_if_done(ep);
}

static void on_actor_stop(struct rs_endpoint *ep, const struct rs_m_actor_stop *m)
{
  struct rs_executor *x = ep->executor;
  if (!rs_id_equal(m->actor, x->actor) || m->restart != x->actor_restart || x->ending != LIVES)
    return;
  x->ending = STOPS;
  end_if_done(ep);
}

static void on_cancel(struct rs_endpoint *ep, rs_addr from, const struct rs_m_task_cancel *m)
{
  struct rs_executor *x = ep->executor;
  struct run *run = run_of(x, m->task);
  if (run) {
    if (run->task->flags & RS_TASK_STREAM) /* of an actor too: it is asked at its next item */
      rs_stream_cancel(ep, m->task);
    if (m->recursive && ep->owner)
      rs_owner_cancel_children(ep, m->task, m->force);
    if (rs_fetch_waits(run)) {
      rs_fetch_give_up(ep, run, RS_ERR_CANCELLED, "cancelled before it ran");
      return;
    }
    struct rs_effect *kill = rs_emit(ep, RS_OUT_TASK_KILL);
    kill->object = m->task;
    kill->count = run->task->actor.owner || !m->force; /* an actor has a state to keep: its calls are only asked */
    return;
  }
  for (uint32_t l = 0; l < x->lane_count; l++)
    for (uint32_t i = 0; i < x->lanes[l].count; i++) {
      struct lane *lane = &x->lanes[l];
      if (!rs_id_equal(queued_at(lane, i)->task->id, m->task) || queued_at(lane, i)->from != from)
        continue;
      rs_task_unref(queued_at(lane, i)->task);
      for (; i + 1 < lane->count; i++)
        *queued_at(lane, i) = *queued_at(lane, i + 1);
      lane->count--;
      send_result(ep, from, rs_result_failed(m->task, RS_ERR_CANCELLED, "cancelled before it ran"));
      return;
    }
}

/* The store has accepted (or refused) one return of a finished task. */
static void on_stored(struct rs_endpoint *ep, struct rs_id object, int status)
{
  struct rs_executor *x = ep->executor;
  if (rs_stream_on_stored(ep, object, status)) {
    end_if_done(ep);
    return;
  }
  for (uint32_t i = 0; i < x->stored_count; i++) {
    struct stored *at = &x->stored[i];
    struct rs_id task = at->result->task;
    if (task.owner != object.owner || object.seq <= task.seq || object.seq > task.seq + at->result->return_count)
      continue;
    if (status != RS_ERR_OK && at->to != RS_ADDR_NONE) {
      struct rs_result *failed = rs_result_failed(task, status, rs_error_text(status));
      failed->run_ns = at->result->run_ns;
      send_result(ep, at->to, failed);
      if (at->result->id_count)
        rs_owner_carry_end(ep, at->to, task);
      at->to = RS_ADDR_NONE; /* the other returns only have to be counted */
    }
    if (--at->waiting > 0)
      return;
    if (at->to != RS_ADDR_NONE)
      send_result(ep, at->to, at->result);
    else
      rs_result_unref(at->result);
    x->stored[i] = x->stored[--x->stored_count];
    end_if_done(ep);
    return;
  }
}

/* The raylet has no use for this process, which may be of use to others: as an owner, or with a result under way. */
static void on_retire(struct rs_endpoint *ep)
{
  const struct rs_executor *x = ep->executor;
  if (x->run_count == 0 && x->stored_count == 0 && !(ep->owner && rs_owner_busy(ep->owner)))
    rs_exit(ep);
  else
    rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_WORKER_STAYS));
}

bool rs_executor_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_PUSH_TASKS: on_push(ep, from, (const void *)msg); return true;
  case RS_MSG_ACTOR_START: on_actor_start(ep, from, (const void *)msg); return true;
  case RS_MSG_ACTOR_STOP: on_actor_stop(ep, (const void *)msg); return true;
  case RS_MSG_STREAM_READ: rs_stream_on_read(ep, from, (const void *)msg); return true;
  case RS_MSG_TASK_CANCEL: on_cancel(ep, from, (const void *)msg); return true;
  case RS_MSG_WORKER_EXIT: rs_exit(ep); return true;
  case RS_MSG_WORKER_RETIRE: on_retire(ep); return true;
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
  struct run *run = run_of(x, result->task);
  RS_ASSERT(run);
  if (rs_fetch_waits(run))
    x->lanes[run->lane].fetching = false;
  else
    rs_trace(ep, RS_TRACE_TASK_ENDED, result->task.owner, result->task.seq, (uint64_t)(int64_t)result->status);
  rs_fetch_end(ep, run);
  rs_addr to = run->from;
  uint32_t lane = run->lane;
  bool stream = run->task->flags & RS_TASK_STREAM;
  rs_task_unref(run->task);
  *run = x->runs[--x->run_count];
  x->lanes[lane].running--;
  if (x->blocked && x->run_count == 0) { /* it ended while it waited */
    rs_owner_unblock(ep);
    x->blocked = false;
    rs_send(ep, ep->raylet, rs_msg_new(RS_MSG_WORKER_BLOCKED));
  }
  if (result->id_count && to != RS_ADDR_NONE) {
    rs_owner_begin(ep);
    rs_owner_carry(ep, to, result);
  }
  uint32_t stored = 0;
  for (uint32_t i = 0; i < result->return_count; i++) {
    const struct rs_return *r = &result->returns[i];
    struct rs_id object = {result->task.owner, result->task.seq + 1 + i};
    if (r->size_bytes == r->inline_bytes)
      continue;
    if (to == RS_ADDR_NONE) { /* nobody will ever read it */
      struct rs_m_object_abort *m = rs_msg_new(RS_MSG_OBJECT_ABORT);
      m->object = object;
      rs_send(ep, ep->raylet, m);
      continue;
    }
    struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
    m->object = object;
    m->size = r->size_bytes;
    rs_send(ep, ep->raylet, m);
    stored++;
  }
  if (stream) {
    rs_stream_end(ep, result);
  } else if (stored) {
    RS_GROW(x->stored, x->stored_count, x->stored_cap);
    x->stored[x->stored_count++] = (struct stored){rs_result_ref(result), to, stored};
  } else if (to != RS_ADDR_NONE) {
    send_result(ep, to, rs_result_ref(result));
  }
  run_lane(ep, lane);
  end_if_done(ep);
}

void rs_executor_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_executor *x = ep->executor;
  if (peer == ep->raylet) {
    rs_exit(ep);
    return;
  }
  for (uint32_t l = 0; l < x->lane_count; l++) {
    struct lane *lane = &x->lanes[l];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->count; i++) {
      struct queued at = *queued_at(lane, i);
      if (at.from == peer)
        rs_task_unref(at.task);
      else
        *queued_at(lane, kept++) = at;
    }
    lane->count = kept;
  }
  rs_stream_on_peer_down(ep, peer);
  for (uint32_t i = 0; i < x->stored_count; i++)
    if (x->stored[i].to == peer)
      x->stored[i].to = RS_ADDR_NONE;
  for (uint32_t i = 0; i < x->run_count; i++) {
    struct run *run = &x->runs[i];
    if (run->from != peer)
      continue;
    run->from = RS_ADDR_NONE;
    if (rs_fetch_waits(run))
      rs_fetch_give_up(ep, run, RS_ERR_CANCELLED, "who submitted it has ended");
    else if (!(run->task->flags & (RS_TASK_ACTOR_CALL | RS_TASK_ACTOR_CREATE)))
      rs_emit(ep, RS_OUT_TASK_KILL)->object = run->task->id;
  }
  end_if_done(ep);
}

void rs_executor_sanity_check(const struct rs_executor *x)
{
  uint32_t running = 0;
  for (uint32_t l = 0; l < x->lane_count; l++) {
    const struct lane *lane = &x->lanes[l];
    running += lane->running;
    RS_ASSERT(lane->count <= lane->cap && lane->running <= lane->limit);
    RS_ASSERT(lane->count == 0 || lane->running == lane->limit || lane->fetching);
  }
  RS_ASSERT(running == x->run_count && x->run_count <= x->run_cap);
  for (uint32_t i = 0; i < x->stored_count; i++)
    RS_ASSERT(x->stored[i].waiting > 0);
}
