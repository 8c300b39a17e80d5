/* proc.c -- steps, their effects, and the turn of the loop.
 *
 * Inputs wait in one queue of the process and are stepped one after the other; what an endpoint sends to another of the
 * same process is an input of that queue. A call of the application goes before everything that waits. At the end of a
 * turn the loop steps what is left, connects, sends each peer's queue with one system call, and sets its one alarm.
 */
#include "uv/proc.h"

#include "uv/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "uv/objects.h"
#include "uv/packages.h"
#include "uv/recorder.h"
#include "uv/store.h"

uint64_t rs_proc_now(struct rs_proc *proc)
{
  uint64_t now = uv_hrtime();
  if (now < proc->last_now)
    now = proc->last_now;
  proc->last_now = now;
  return now;
}

void rs_proc_wake(struct rs_proc *proc)
{
  if (!proc->loop_thread_set || !pthread_equal(pthread_self(), proc->loop_thread))
    uv_async_send(&proc->async);
}

void rs_proc_stop(struct rs_proc *proc)
{
  proc->stopping = true;
  uv_async_send(&proc->async);
}

struct rs_ep *rs_proc_ep(struct rs_proc *proc, rs_addr addr)
{
  for (uint32_t i = 0; i < proc->ep_count; i++)
    if (proc->eps[i].addr == addr)
      return &proc->eps[i];
  return NULL;
}

/* ---- stepping ---- */

static void retain(const struct rs_input *in)
{
  if (in->kind == RS_IN_MESSAGE)
    rs_msg_ref(in->msg);
}

static void release(const struct rs_input *in)
{
  switch (in->kind) {
  case RS_IN_MESSAGE: rs_msg_unref(in->msg); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED: rs_result_unref(in->result); break;
  default: break;
  }
}

static void enqueue(struct rs_proc *proc, uint32_t ep, const struct rs_input *in)
{
  if (proc->queue_count == proc->queue_cap) {
    uint32_t cap = proc->queue_cap ? 2 * proc->queue_cap : 64;
    struct rs_pending *queue = rs_alloc(cap * sizeof *queue);
    for (uint32_t i = 0; i < proc->queue_count; i++)
      queue[i] = proc->queue[(proc->queue_head + i) % proc->queue_cap];
    free(proc->queue);
    proc->queue = queue;
    proc->queue_head = 0;
    proc->queue_cap = cap;
  }
  proc->queue[(proc->queue_head + proc->queue_count++) % proc->queue_cap] = (struct rs_pending){ep, *in};
}

void rs_proc_input(struct rs_proc *proc, rs_addr to, const struct rs_input *in)
{
  struct rs_ep *ep = rs_proc_ep(proc, to);
  if (ep)
    enqueue(proc, (uint32_t)(ep - proc->eps), in);
  else
    release(in);
}

static void send_one(struct rs_proc *proc, struct rs_ep *ep, rs_addr to, struct rs_msg *msg)
{
  struct rs_ep *local = rs_proc_ep(proc, to);
  if (proc->store_io && msg->type == RS_MSG_PULLED)
    rs_store_io_offer(proc->store_io, to, (const void *)msg);
  if (msg->type == RS_MSG_REGISTER_REPLY && ((const struct rs_m_register_reply *)(const void *)msg)->accepted)
    proc->registered++;
  if (local) {
    struct rs_input in = {.kind = RS_IN_MESSAGE, .peer = ep->addr, .msg = msg};
    retain(&in);
    enqueue(proc, (uint32_t)(local - proc->eps), &in);
  } else {
    rs_peer_send_msg(proc, ep->addr, to, msg);
  }
}

static void on_reply(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  if (proc->app)
    proc->app->ops->on_reply(proc->app, proc->last_now, effect->reply, &proc->calls);
  else
    proc->ops->effect(proc, ep, effect);
}

static void perform(struct rs_proc *proc, struct rs_ep *ep)
{
  for (uint32_t i = 0; i < proc->effects.count; i++) {
    const struct rs_effect *effect = &proc->effects.items[i];
    switch (effect->kind) {
    case RS_OUT_SEND:
      if (effect->msg->type == RS_MSG_ACTOR_EXIT) /* the head ends this process when it has it */
        proc->ops->effect(proc, ep, effect);
      send_one(proc, ep, effect->to, effect->msg);
      break;
    case RS_OUT_SEND_MANY:
      for (uint32_t j = 0; j < effect->count; j++)
        send_one(proc, ep, effect->many[j], effect->msg);
      break;
    case RS_OUT_REPLY:
      if (effect->reply->kind == RS_REPLY_ANSWER)
        rs_ask_on_answer(proc, effect->reply->answer);
      else if (!rs_objects_on_reply(proc, effect->reply))
        on_reply(proc, ep, effect);
      break;
    case RS_OUT_TRACE:
      if (proc->trace)
        proc->trace(proc->trace_ctx, proc->last_now, ep->addr, effect);
      break;
    default: proc->ops->effect(proc, ep, effect); break;
    }
  }
  rs_effects_clear(&proc->effects);
}

static void step(struct rs_proc *proc, struct rs_ep *ep, const struct rs_input *in)
{
  uint64_t now = rs_proc_now(proc);
  proc->inputs++;
  if (ep->recorder)
    rs_recorder_input(ep->recorder, now, in);
  rs_endpoint_step(ep->core, now, in, &proc->effects);
  if (ep->recorder)
    rs_recorder_effects(ep->recorder, &proc->effects);
  perform(proc, ep);
  uint64_t deadline = rs_endpoint_deadline(ep->core);
  if (deadline != ep->deadline) {
    ep->deadline = deadline;
    if (deadline < proc->timer_at)
      rs_proc_wake(proc);
  }
}

static void step_calls(struct rs_proc *proc)
{
  while (proc->calls_next < proc->calls.count) {
    struct rs_call *call = proc->calls.items[proc->calls_next++];
    rs_proc_step_call(proc, call);
    rs_call_free(call);
  }
  proc->calls.count = proc->calls_next = 0;
}

/* An application that is a state machine puts objects without room of their own: the node makes them of zeros. */
void rs_proc_step_call(struct rs_proc *proc, const struct rs_call *call)
{
  step(proc, &proc->eps[0], &(struct rs_input){.kind = RS_IN_CALL, .call = call});
}

void rs_proc_drain(struct rs_proc *proc)
{
  if (proc->draining)
    return;
  proc->draining = true;
  for (;;) {
    if (proc->calls_next < proc->calls.count)
      step_calls(proc);
    if (proc->queue_count == 0)
      break;
    struct rs_pending at = proc->queue[proc->queue_head];
    proc->queue_head = (proc->queue_head + 1) % proc->queue_cap;
    proc->queue_count--;
    step(proc, &proc->eps[at.ep], &at.in);
    release(&at.in);
  }
  proc->draining = false;
  if (proc->app && !proc->stopping && proc->app->ops->done(proc->app))
    rs_proc_stop(proc);
}

struct rs_ep *rs_proc_add_endpoint(struct rs_proc *proc, const struct rs_start *start)
{
  RS_ASSERT(proc->ep_count < sizeof proc->eps / sizeof proc->eps[0]);
  struct rs_ep *ep = &proc->eps[proc->ep_count++];
  *ep = (struct rs_ep){.core = rs_endpoint_new(start), .addr = start->self, .deadline = RS_TIME_NEVER};
  const char *dir = proc->setup.record[0] ? proc->setup.record : getenv("RAYSIM_RECORD");
  if (dir && *dir) {
    ep->recorder = rs_recorder_open(dir, start);
    if (!ep->recorder)
      fprintf(stderr, "raysim: %s: cannot record there\n", dir);
  }
  enqueue(proc, (uint32_t)(ep - proc->eps), &(struct rs_input){.kind = RS_IN_START});
  return ep;
}

/* ---- the loop ---- */

void rs_proc_flush(struct rs_proc *proc)
{
  proc->hold = false;
  while (!rs_list_empty(&proc->dirty)) {
    struct rs_peer *peer = RS_ENTRY(proc->dirty.next, struct rs_peer, dirty);
    rs_list_remove(&peer->dirty);
    rs_list_init(&peer->dirty);
    if (peer->use && !peer->use->want_write)
      rs_conn_flush(peer->use);
  }
}

static void on_timer(uv_timer_t *timer)
{
  struct rs_proc *proc = timer->data;
  pthread_mutex_lock(&proc->lock);
  proc->timer_at = RS_TIME_NEVER;
  uint64_t now = rs_proc_now(proc);
  for (uint32_t i = 0; i < proc->ep_count; i++)
    if (proc->eps[i].deadline <= now)
      enqueue(proc, i, &(struct rs_input){.kind = RS_IN_TIMER});
  rs_proc_drain(proc);
  if (proc->app && !proc->stopping && proc->app->ops->deadline(proc->app) <= now) {
    proc->app->ops->on_timer(proc->app, now, &proc->calls);
    rs_proc_drain(proc);
  }
  rs_conn_expire(proc, now);
  if (proc->role_deadline <= now && proc->ops->timer)
    proc->role_deadline = proc->ops->timer(proc, now);
  pthread_mutex_unlock(&proc->lock);
}

/* Reading stops while a peer takes what it gets too slowly, for a bounded time. */
static void consider_pause(struct rs_proc *proc, uint64_t now)
{
  bool behind = false;
  for (struct rs_link *at = proc->conns.next; at != &proc->conns && !behind; at = at->next) {
    struct rs_conn *conn = RS_ENTRY(at, struct rs_conn, link);
    behind = conn->peer && rs_out_size(&conn->peer->out) > (proc->paused ? proc->out_high / 2 : proc->out_high);
  }
  bool pause = behind && (proc->paused ? now < proc->pause_until : now >= proc->pause_again);
  if (pause && !proc->paused)
    proc->pause_until = now + proc->pause_ns;
  if (!pause && proc->paused)
    proc->pause_again = now + proc->pause_ns;
  proc->paused = pause;
  proc->poll_stale = false;
  for (struct rs_link *at = proc->conns.next; at != &proc->conns; at = at->next)
    rs_conn_update(RS_ENTRY(at, struct rs_conn, link));
}

static void on_prepare(uv_prepare_t *prepare)
{
  struct rs_proc *proc = prepare->data;
  pthread_mutex_lock(&proc->lock);
  uint64_t now = rs_proc_now(proc);
  bool hold = proc->hold && now < proc->dirty_since + RS_UV_FLUSH_US * RS_US;
  do {
    rs_proc_drain(proc);
    if (proc->ops->idle)
      proc->ops->idle(proc);
    if (proc->connect_pending || proc->overflowed) {
      proc->overflowed = false;
      rs_peer_connect_pending(proc, now);
    }
    if (!rs_list_empty(&proc->transfers))
      rs_transfer_pump(proc);
    if (!hold)
      rs_proc_flush(proc);
  } while (proc->queue_count > 0 || proc->connect_pending || (!hold && !rs_list_empty(&proc->dirty)));
  if (rs_transfer_waiting(proc)) /* its peer takes more at once: another turn, after what else has come */
    uv_async_send(&proc->async);
  if (proc->poll_stale || proc->paused)
    consider_pause(proc, now);
  uint64_t deadline = rs_time_min(rs_conn_next_deadline(proc), proc->role_deadline);
  uint64_t finding = rs_peer_next_deadline(proc);
  if (finding <= now)
    rs_peer_connect_pending(proc, now);
  deadline = rs_time_min(deadline, finding);
  if (hold && !rs_list_empty(&proc->dirty))
    deadline = rs_time_min(deadline, proc->dirty_since + RS_UV_FLUSH_US * RS_US);
  for (uint32_t i = 0; i < proc->ep_count; i++)
    deadline = rs_time_min(deadline, proc->eps[i].deadline);
  if (proc->app)
    deadline = rs_time_min(deadline, proc->app->ops->deadline(proc->app));
  if (proc->paused)
    deadline = rs_time_min(deadline, proc->pause_until);
  if (deadline != proc->timer_at) {
    proc->timer_at = deadline;
    if (deadline == RS_TIME_NEVER) {
      uv_timer_stop(&proc->timer);
    } else {
      uv_update_time(&proc->loop);
      uint64_t ms = deadline <= now ? 0 : (deadline - now + RS_MS - 1) / RS_MS;
      uv_timer_start(&proc->timer, on_timer, ms, 0);
    }
  }
  if (proc->stopping)
    uv_stop(&proc->loop);
  pthread_mutex_unlock(&proc->lock);
}

static void on_async(uv_async_t *async)
{
  (void)async;
}

int rs_proc_init(struct rs_proc *proc, const struct rs_role_ops *ops, void *role)
{
  memset(proc, 0, sizeof *proc);
  proc->ops = ops;
  proc->role = role;
  proc->unix_fd = proc->tcp_fd = -1;
  proc->out_high = RS_UV_OUT_HIGH;
  proc->out_cap = RS_UV_OUT_CAP;
  proc->pause_ns = RS_UV_PAUSE_MS * RS_MS;
  proc->timer_at = proc->role_deadline = RS_TIME_NEVER;
  rs_list_init(&proc->conns);
  rs_list_init(&proc->dirty);
  rs_list_init(&proc->transfers);
  rs_list_init(&proc->fetches);
  rs_list_init(&proc->asks);
  rs_list_init(&proc->packages);
  proc->packages_due = RS_TIME_NEVER;
  pthread_mutex_init(&proc->lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&proc->changed, &attr);
  pthread_condattr_destroy(&attr);
  if (!rs_auth_init() || uv_loop_init(&proc->loop) != 0)
    return RS_ERR_REFUSED;
  uv_prepare_init(&proc->loop, &proc->prepare);
  uv_async_init(&proc->loop, &proc->async, on_async);
  uv_timer_init(&proc->loop, &proc->timer);
  proc->prepare.data = proc->timer.data = proc;
  uv_prepare_start(&proc->prepare, on_prepare);
  return 0;
}

void rs_proc_run(struct rs_proc *proc)
{
  pthread_mutex_lock(&proc->lock);
  proc->loop_thread = pthread_self();
  proc->loop_thread_set = true;
  bool stopping = proc->stopping;
  pthread_mutex_unlock(&proc->lock);
  if (!stopping)
    uv_run(&proc->loop, UV_RUN_DEFAULT);
}

void rs_proc_free(struct rs_proc *proc)
{
  proc->loop_thread = pthread_self();
  proc->loop_thread_set = true;
  RS_LIST_EACH(&proc->conns, at, after)
  {
    struct rs_conn *conn = RS_ENTRY(at, struct rs_conn, link);
    conn->peer = NULL;
    rs_conn_close(conn);
  }
  if (proc->unix_fd >= 0) {
    uv_close((uv_handle_t *)&proc->unix_poll, NULL);
    close(proc->unix_fd);
    unlink(proc->unix_path);
  }
  if (proc->tcp_fd >= 0) {
    uv_close((uv_handle_t *)&proc->tcp_poll, NULL);
    close(proc->tcp_fd);
  }
  uv_prepare_stop(&proc->prepare);
  uv_close((uv_handle_t *)&proc->prepare, NULL);
  uv_close((uv_handle_t *)&proc->async, NULL);
  uv_close((uv_handle_t *)&proc->timer, NULL);
  uv_run(&proc->loop, UV_RUN_DEFAULT);
  uv_loop_close(&proc->loop);
  rs_transfer_free_all(proc);
  rs_packages_free(proc);
  rs_objects_free_all(proc);
  while (proc->queue_count > 0) {
    release(&proc->queue[proc->queue_head].in);
    proc->queue_head = (proc->queue_head + 1) % proc->queue_cap;
    proc->queue_count--;
  }
  free(proc->queue);
  for (uint32_t i = 0; i < proc->ep_count; i++) {
    rs_endpoint_free(proc->eps[i].core);
    rs_recorder_close(proc->eps[i].recorder);
  }
  rs_effects_free(&proc->effects);
  rs_calls_free(&proc->calls);
  for (uint32_t i = 0; i < proc->peers.cap; i++)
    if (proc->peers.slots[i].key) {
      struct rs_peer *peer = (struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
      free(peer->out.data);
      free(peer);
    }
  rs_map_free(&proc->peers);
  for (uint32_t i = 0; i < proc->routes.cap; i++)
    if (proc->routes.slots[i].key)
      free((void *)(uintptr_t)proc->routes.slots[i].value);
  rs_map_free(&proc->routes);
  rs_blobs_free(&proc->store);
  pthread_cond_destroy(&proc->changed);
  pthread_mutex_destroy(&proc->lock);
}
