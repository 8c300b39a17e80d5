/* driver_step.c -- inputs, cost and effects: how one endpoint is served.
 *
 * An endpoint is one serial server. An input that arrives while it handles another waits in its inbox, first come first
 * served; work x cost gives the end of the handling, when its effects leave. They are performed at once, stamped with
 * that time, a few microseconds ahead: nothing that happens in between can change them. Where cores are shared an
 * endpoint also waits for a core (driver_run.c).
 *
 * Before each input the newest view that has arrived is handled (driver_view.c). Had the endpoint been idle when it
 * arrived, it would be done with it by now: only what of its cost lies after that moment delays the input. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/bulk.h"
#include "sim/disk.h"
#include "sim/driver_int.h"
#include "sim/flow.h"

/* ---- the trace hash ---- */

static void hash_input(struct rs_sim *sim, uint64_t ns, const struct sim_ep *ep, const struct rs_input *input)
{
  uint64_t hash = sim_hash(sim->stats.trace_hash, ns);
  hash = sim_hash(hash, ep->self ^ (uint64_t)input->kind << 56);
  switch (input->kind) {
  case RS_IN_MESSAGE:
    hash = sim_hash(hash, input->peer);
    hash = sim_hash(hash, (uint64_t)input->msg->type << 32 | rs_msg_wire_bytes(input->msg));
    break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED:
    hash = sim_hash(hash, input->result->task.owner);
    hash = sim_hash(hash, input->result->task.seq ^ (uint64_t)(uint32_t)input->result->status << 32);
    break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    hash = sim_hash(hash, input->object.owner);
    hash = sim_hash(hash, input->object.seq ^ (uint64_t)(uint32_t)input->status << 32);
    break;
  case RS_IN_CALL:
    hash = sim_hash(hash, (uint64_t)input->call->kind << 32 | input->call->task_count);
    hash = sim_hash(hash, input->call->object.seq ^ input->call->size_bytes);
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN: hash = sim_hash(hash, input->host); break;
  default: hash = sim_hash(hash, input->peer); break;
  }
  sim->stats.trace_hash = hash;
}

static void hash_effect(struct rs_sim *sim, const struct rs_effect *effect)
{
  uint64_t hash =
      sim_hash(sim->stats.trace_hash, effect->kind | (uint64_t)effect->count << 8 | (uint64_t)effect->trace << 48);
  switch (effect->kind) {
  case RS_OUT_SEND:
    hash = sim_hash(hash, effect->to);
    hash = sim_hash(hash, (uint64_t)effect->msg->type << 32 | rs_msg_wire_bytes(effect->msg));
    break;
  case RS_OUT_SEND_MANY:
    hash = sim_hash(hash, (uint64_t)effect->msg->type << 32 | rs_msg_wire_bytes(effect->msg));
    break;
  case RS_OUT_TASK_RUN:
    hash = sim_hash(hash, effect->task->id.owner);
    hash = sim_hash(hash, effect->task->id.seq);
    break;
  case RS_OUT_TASK_KILL:
  case RS_OUT_FREE:
  case RS_OUT_COPY:
  case RS_OUT_CREATE:
  case RS_OUT_SPILL:
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT:
    hash = sim_hash(hash, effect->object.owner);
    hash = sim_hash(hash, effect->object.seq ^ effect->size);
    break;
  case RS_OUT_WORKER_START:
  case RS_OUT_WORKER_STOP:
  case RS_OUT_HOST_REMOVE: hash = sim_hash(hash, effect->to); break;
  case RS_OUT_HOST_ADD: hash = sim_hash(hash, effect->size); break;
  case RS_OUT_REPLY:
    hash = sim_hash(hash, effect->reply->id.seq);
    hash = sim_hash(hash, (uint64_t)effect->reply->kind << 32 | (uint32_t)effect->reply->status);
    break;
  case RS_OUT_TRACE:
    hash = sim_hash(hash, effect->a);
    hash = sim_hash(hash, effect->b);
    hash = sim_hash(hash, effect->c);
    break;
  default: break;
  }
  sim->stats.trace_hash = hash;
}

void sim_trace(struct rs_sim *sim, uint64_t ns, rs_addr self, const struct rs_effect *effect)
{
  sim->stats.traces[effect->trace]++;
  if (rs_trace_is_decision(effect->trace)) {
    uint64_t hash = sim_hash(sim->stats.decision_hash, self ^ (uint64_t)effect->trace << 56);
    hash = sim_hash(hash, effect->a);
    hash = sim_hash(hash, effect->b);
    sim->stats.decision_hash = sim_hash(hash, effect->c);
    sim->stats.decisions++;
  }
  if (sim->hooks.trace)
    sim->hooks.trace(sim->hooks.user, ns, self, effect->trace, effect->a, effect->b, effect->c);
}

/* ---- effects ---- */

static void start_worker(struct rs_sim *sim, uint32_t ep, uint64_t ns, rs_addr worker)
{
  RS_ASSERT(rs_addr_same_node(worker, sim->eps[ep].self));
  uint64_t takes = sim->hooks.worker_start_ns ? sim->hooks.worker_start_ns(sim->hooks.user, &sim->task_rng)
                                              : sim->cost->worker_start_ns;
  uint64_t due = ns + takes;
  if (sim->measured)
    due = sim->measured->start(sim->measured->user, ns, worker).ns;
  sim_ep_new(sim, sim->eps[ep].node, worker, RS_COST_WORKER);
  if (due == RS_TIME_NEVER)
    return;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_WORKER_START, .to = worker};
  sim_push(sim, due, SIM_EV_ACTION, rec);
}

static void stop_worker(struct rs_sim *sim, uint64_t ns, rs_addr worker)
{
  uint32_t ep = sim_ep_find(sim, worker);
  if (sim->measured)
    sim_measured_stop(sim, ns, worker);
  else if (ep)
    sim_worker_die(sim, ep);
}

static void app_changed(struct rs_sim *sim, uint32_t index)
{
  struct sim_app *app = &sim->apps[index];
  if (!app->done && app->app->ops->done(app->app)) {
    app->done = true;
    sim->apps_left--;
  }
}

static void reply(struct rs_sim *sim, uint32_t ep, uint64_t ns, struct rs_reply *with)
{
  uint32_t app = sim->eps[ep].app;
  if (app) {
    sim->apps[app].app->ops->on_reply(sim->apps[app].app, sim_clock(sim, sim->eps[ep].node, ns), with, &sim->calls);
    app_changed(sim, app);
  } else if (with->kind == RS_REPLY_YIELD && !sim->measured) {
    sim_stream_answered(sim, ep, ns, with);
  }
  rs_reply_free(with);
}

/* Performs the effects of a step that ended at `ns`. Returns false where the endpoint's process ends with it. */
static bool perform(struct rs_sim *sim, uint32_t ep, uint64_t ns)
{
  bool lives = true;
  for (uint32_t i = 0; i < sim->effects.count; i++) {
    struct rs_effect effect = sim->effects.items[i];
    if (!sim->opts.no_hash)
      hash_effect(sim, &effect);
    switch ((enum rs_effect_kind)effect.kind) {
    case RS_OUT_SEND: sim_send(sim, ep, ns, effect.to, effect.msg); break;
    case RS_OUT_SEND_MANY:
      if (effect.msg->type == RS_MSG_VIEW && !sim->opts.eager && !sim->faithful) {
        sim_publish(sim, ep, ns, effect.many, effect.count, effect.msg);
      } else {
        for (uint32_t k = 0; k < effect.count; k++)
          sim_send(sim, ep, ns, effect.many[k], rs_msg_ref(effect.msg));
        rs_msg_unref(effect.msg);
      }
      break;
    case RS_OUT_TASK_RUN: sim_run_start(sim, ep, ns, effect.task); break;
    case RS_OUT_TASK_KILL: sim_run_kill(sim, ep, ns, effect.object); break;
    case RS_OUT_WORKER_START: start_worker(sim, ep, ns, effect.to); break;
    case RS_OUT_WORKER_STOP: stop_worker(sim, ns, effect.to); break;
    case RS_OUT_COPY: sim_copy(sim, ep, ns, &effect); break;
    case RS_OUT_CREATE:
    case RS_OUT_SPILL:
    case RS_OUT_RESTORE:
    case RS_OUT_EVICT:
    case RS_OUT_FREE: sim_disk_effect(sim, ep, ns, &effect); break;
    case RS_OUT_HOST_ADD: sim_host_add(sim, effect.count, effect.size); break;
    case RS_OUT_HOST_REMOVE: sim_host_remove(sim, effect.to); break;
    case RS_OUT_REPLY: reply(sim, ep, ns, effect.reply); break;
    case RS_OUT_EXIT:
      lives = false;
      if (sim->measured)
        sim->measured->end(sim->measured->user, ns, sim->eps[ep].self);
      break;
    case RS_OUT_TRACE: sim_trace(sim, ns, sim->eps[ep].self, &effect); break;
    case RS_OUT_KINDS: RS_ASSERT(false);
    }
  }
  sim->effects.count = 0;
  return lives;
}

static uint64_t bytes_out(const struct rs_effects *effects)
{
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < effects->count; i++) {
    const struct rs_effect *effect = &effects->items[i];
    if (effect->kind == RS_OUT_SEND)
      bytes += rs_msg_wire_bytes(effect->msg);
    else if (effect->kind == RS_OUT_SEND_MANY)
      bytes += (uint64_t)effect->count * rs_msg_wire_bytes(effect->msg);
  }
  return bytes;
}

/* ---- one step ---- */

static uint64_t charge(struct rs_sim *sim, uint32_t ep, const struct rs_work *work, uint64_t bytes)
{
  uint64_t ns = rs_cost_of(sim->cost, (enum rs_cost_role)sim->eps[ep].role, work, bytes);
  if (ep == sim->gcs_ep) {
    sim->stats.head_busy_ns += ns;
    if (sim->stats.health_share > 0)
      ns = (uint64_t)((double)ns / (1 - sim->stats.health_share));
  }
  return ns;
}

/* The work of a step. Entries of a view are counted here, since a version by pointer spares the core what it costs on
 * sockets. */
static struct rs_work take_work(struct rs_sim *sim, uint32_t ep, const struct rs_input *input)
{
  struct rs_work work = rs_endpoint_take_work(sim->eps[ep].core);
  sim->stats.steps++;
  sim->stats.work.inputs += work.inputs;
  sim->stats.work.nodes += work.nodes;
  sim->stats.work.objects += work.objects;
  sim->stats.work.sends += work.sends;
  if (input->kind == RS_IN_MESSAGE && input->msg->type == RS_MSG_VIEW)
    work.objects += ((const struct rs_m_view *)(const void *)input->msg)->nodes_count;
  return work;
}

/* Steps with one input at `ns`, which is when the endpoint is free to handle it; its busy_until_ns is the end. Returns
 * false where the endpoint is gone afterwards. */
static bool step(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_input *input)
{
  struct sim_ep *e = &sim->eps[ep];
  bool view = input->kind == RS_IN_MESSAGE && input->msg->type == RS_MSG_VIEW;
  if (!view && !sim->opts.no_hash)
    hash_input(sim, ns, e, input);
  rs_endpoint_step(e->core, sim_clock(sim, e->node, ns), input, &sim->effects);
  if (sim->opts.sanity)
    rs_endpoint_sanity_check(e->core);
  struct rs_work work = take_work(sim, ep, input);
  uint64_t bytes = bytes_out(&sim->effects);
  if (input->kind == RS_IN_MESSAGE)
    bytes += rs_msg_wire_bytes(input->msg);
  e->busy_until_ns = ns + charge(sim, ep, &work, bytes);
  if (input->kind == RS_IN_CALL && input->call->kind == RS_CALL_PUT && !input->call->value && !sim->measured)
    e->busy_until_ns += sim_bulk_put(sim, e->node, input->call->size_bytes);
  if (sim->measured)
    sim->measured->step(sim->measured->user, ns, e->self, input, &sim->effects);
  if (perform(sim, ep, e->busy_until_ns))
    return true;
  if (sim->eps[ep].role == RS_COST_RAYLET)
    sim_node_die(sim, sim->eps[ep].node, true);
  else
    sim_worker_die(sim, ep);
  return false;
}

/* The calls that an application made, in order, with those that come out of them. */
static bool step_calls(struct rs_sim *sim, uint32_t ep)
{
  bool lives = true;
  for (uint32_t i = 0; i < sim->calls.count; i++) {
    struct rs_call *call = sim->calls.items[i];
    if (lives) {
      struct rs_input input = {.kind = RS_IN_CALL, .call = call};
      lives = step(sim, ep, sim->eps[ep].busy_until_ns, &input);
    }
    rs_call_free(call);
  }
  sim->calls.count = 0;
  return lives;
}

/* ---- alarms ---- */

static void arm(struct rs_sim *sim, uint32_t ep)
{
  struct sim_ep *e = &sim->eps[ep];
  uint64_t deadline = rs_endpoint_deadline(e->core);
  if (sim->measured) {
    sim_measured_arm(sim, ep);
    return;
  }
  if (deadline == RS_TIME_NEVER)
    return;
  uint64_t step_ns = sim->cost->timer_step_ns;
  if (step_ns > 1)
    deadline = (deadline + step_ns - 1) / step_ns * step_ns;
  uint64_t due = sim_clock_inverse(sim, e->node, deadline) + sim->cost->timer_late_ns;
  if (due < e->busy_until_ns)
    due = e->busy_until_ns;
  if (due >= e->timer_due_ns)
    return; /* the earlier entry looks again */
  e->timer_due_ns = due;
  e->timer_sequence = sim_push(sim, due, SIM_EV_TIMER, ep);
}

static void arm_app(struct rs_sim *sim, uint32_t index)
{
  struct sim_app *app = &sim->apps[index];
  const struct sim_ep *e = &sim->eps[app->ep];
  uint64_t deadline = app->done ? RS_TIME_NEVER : app->app->ops->deadline(app->app);
  if (deadline == RS_TIME_NEVER)
    return;
  uint64_t due = sim_clock_inverse(sim, e->node, deadline);
  if (due < e->busy_until_ns)
    due = e->busy_until_ns;
  if (due >= app->timer_due_ns)
    return;
  app->timer_due_ns = due;
  app->timer_sequence = sim_push(sim, due, SIM_EV_APP, index);
}

/* ---- views ---- */

/* Handles the views that arrived before the input did; *start_ns becomes when the endpoint is free for it. Returns
 * false where it is gone afterwards. */
static bool catch_up(struct rs_sim *sim, uint32_t ep, uint64_t arrived_ns, uint64_t *start_ns)
{
  uint64_t ns = *start_ns;
  uint32_t number, newest = sim_view_due(sim, ep, arrived_ns, &number);
  uint64_t free_ns = sim->eps[ep].busy_until_ns;
  for (; newest && number <= newest; number++) {
    struct sim_pub *pub = sim_pub_at(sim, number);
    uint64_t arrival = sim_pub_arrival(sim, ep, pub);
    if (arrival == RS_TIME_NEVER)
      continue;
    struct rs_input input = {.kind = RS_IN_MESSAGE, .peer = sim->gcs, .msg = pub->msg};
    rs_endpoint_step(sim->eps[ep].core, sim_clock(sim, sim->eps[ep].node, ns), &input, &sim->effects);
    if (sim->opts.sanity)
      rs_endpoint_sanity_check(sim->eps[ep].core);
    struct rs_work work = take_work(sim, ep, &input);
    uint64_t bytes = rs_msg_wire_bytes(pub->msg) + bytes_out(&sim->effects);
    uint64_t takes = number < newest ? 0 : charge(sim, ep, &work, bytes);
    uint64_t done = (arrival > free_ns ? arrival : free_ns) + takes;
    done = done > ns ? done : ns;
    sim->eps[ep].view_seen = number;
    sim->eps[ep].busy_until_ns = ns = done;
    if (!perform(sim, ep, done)) {
      sim_node_die(sim, sim->eps[ep].node, true);
      return false;
    }
  }
  *start_ns = ns;
  return true;
}

/* ---- serving ---- */

static void drop_held(struct sim_rec *rec)
{
  if (rec->kind == RS_IN_MESSAGE)
    rs_msg_unref(rec->msg);
  else if (rec->kind == RS_IN_TASK_FINISHED || rec->kind == RS_IN_TASK_FAILED)
    rs_result_unref(rec->result);
}

static bool app_timer(struct rs_sim *sim, uint32_t ep, uint64_t ns, bool start)
{
  uint32_t index = sim->eps[ep].app;
  struct rs_app *app = sim->apps[index].app;
  uint64_t clock = sim_clock(sim, sim->eps[ep].node, ns);
  sim->eps[ep].busy_until_ns = ns;
  if (start)
    app->ops->on_start(app, clock, sim->eps[ep].self, &sim->calls);
  else if (app->ops->deadline(app) <= clock)
    app->ops->on_timer(app, clock, &sim->calls);
  app_changed(sim, index);
  return step_calls(sim, ep);
}

/* Handles one input; the endpoint is free (and has a core). The record is released. */
/* A function's result. Where cores are shared it has returned only when it has one again. */
static struct rs_result *returned(const struct rs_sim *sim, const struct sim_rec *rec)
{
  if (sim->pool_count)
    rec->result->run_ns += sim->now_ns - rec->arrived_ns;
  return rec->result;
}

static void handle(struct rs_sim *sim, uint32_t ep, uint32_t index)
{
  struct sim_rec rec = sim->recs[index];
  sim_rec_free(sim, index);
  uint64_t ns = sim->now_ns;
  if (!catch_up(sim, ep, rec.arrived_ns, &ns)) {
    drop_held(&rec);
    return;
  }
  bool lives = true;
  if (rec.kind == SIM_IN_APP_TIMER || rec.kind == SIM_IN_APP_START) {
    lives = app_timer(sim, ep, ns, rec.kind == SIM_IN_APP_START);
  } else if (rec.kind == SIM_IN_VIEW_WAKE) {
    /* catch_up did it */
  } else if (rec.kind == SIM_IN_YIELD) {
    struct rs_call *call = sim_stream_call(sim, ep, rec.object);
    if (call)
      lives = step(sim, ep, ns, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
    rs_call_free(call);
  } else if (rec.kind == RS_IN_TIMER &&
             rs_endpoint_deadline(sim->eps[ep].core) > sim_clock(sim, sim->eps[ep].node, ns)) {
    /* another input moved the deadline */
  } else {
    struct rs_input input = {.kind = (enum rs_input_kind)rec.kind, .peer = rec.peer, .status = rec.status};
    if (rec.kind == RS_IN_MESSAGE)
      input.msg = rec.msg;
    else if (rec.kind == RS_IN_TASK_FINISHED || rec.kind == RS_IN_TASK_FAILED)
      input.result = returned(sim, &rec);
    else if (rec.kind == RS_IN_COPY_DONE || rec.kind == RS_IN_SPILL_DONE)
      input.object = rec.object;
    else if (rec.kind == RS_IN_CALL)
      input.call = rec.call;
    else
      input.host = rec.host;
    lives = step(sim, ep, ns, &input);
    if (lives && sim->calls.count)
      lives = step_calls(sim, ep);
    drop_held(&rec);
  }
  if (!lives)
    return;
  struct sim_ep *e = &sim->eps[ep];
  arm(sim, ep);
  if (e->app)
    arm_app(sim, e->app);
  bool wants = rs_endpoint_wants_view(e->core);
  if (wants && !e->wants_view)
    sim_view_wanted(sim, ep);
  e->wants_view = wants;
}

static void append(struct rs_sim *sim, uint32_t ep, uint32_t rec)
{
  struct sim_ep *e = &sim->eps[ep];
  sim->recs[rec].next = 0;
  if (e->inbox_tail)
    sim->recs[e->inbox_tail].next = rec;
  else
    e->inbox_head = rec;
  e->inbox_tail = rec;
}

static uint32_t take_first(struct rs_sim *sim, uint32_t ep)
{
  struct sim_ep *e = &sim->eps[ep];
  uint32_t rec = e->inbox_head;
  e->inbox_head = sim->recs[rec].next;
  if (!e->inbox_head)
    e->inbox_tail = 0;
  return rec;
}

void sim_inbox_clear(struct rs_sim *sim, uint32_t ep)
{
  while (sim->eps[ep].inbox_head) {
    uint32_t rec = take_first(sim, ep);
    drop_held(&sim->recs[rec]);
    sim_rec_free(sim, rec);
  }
}

static void wake_at(struct rs_sim *sim, uint32_t ep, uint64_t ns)
{
  sim->eps[ep].waking = true;
  sim->eps[ep].wake_sequence = sim_push(sim, ns, SIM_EV_WAKE, ep);
}

/* Serves the inbox as far as it goes at this moment. */
static void serve(struct rs_sim *sim, uint32_t ep)
{
  bool shared = sim->pool_count > 0;
  while (sim->eps[ep].core && sim->eps[ep].inbox_head) {
    struct sim_ep *e = &sim->eps[ep];
    if (e->busy_until_ns > sim->now_ns) {
      wake_at(sim, ep, e->busy_until_ns);
      return;
    }
    if (shared && !sim_pool_take(sim, ep))
      return; /* it waits for a core; sim_pool_give of another endpoint wakes it */
    handle(sim, ep, take_first(sim, ep));
    if (!shared)
      continue;
    e = &sim->eps[ep];
    if (e->core && e->busy_until_ns > sim->now_ns) {
      wake_at(sim, ep, e->busy_until_ns); /* holds its core until then */
      return;
    }
    sim_pool_give(sim, ep);
  }
}

void sim_deliver(struct rs_sim *sim, uint32_t rec)
{
  uint32_t ep = sim->recs[rec].ep;
  struct sim_ep *e = &sim->eps[ep];
  sim->recs[rec].arrived_ns = sim->now_ns;
  if (!e->core || e->self != sim->recs[rec].to) { /* it ended on the way */
    drop_held(&sim->recs[rec]);
    sim_rec_free(sim, rec);
    return;
  }
  if (!sim->pool_count && !e->inbox_head && e->busy_until_ns <= sim->now_ns) {
    handle(sim, ep, rec);
    return;
  }
  append(sim, ep, rec);
  if (!e->waking)
    serve(sim, ep);
}

void sim_on_wake(struct rs_sim *sim, uint32_t ep, uint64_t sequence)
{
  if (!sim->eps[ep].waking || sim->eps[ep].wake_sequence != sequence)
    return;
  struct sim_ep *e = &sim->eps[ep];
  e->waking = false;
  if (e->granted)
    e->granted = false; /* it has just been given a core */
  else if (!e->inbox_head || sim->now_ns >= e->slice_end_ns)
    sim_pool_give(sim, ep);
  serve(sim, ep);
}

void sim_granted(struct rs_sim *sim, uint32_t ep)
{
  sim->eps[ep].granted = true;
  wake_at(sim, ep, sim->now_ns);
}

static void deliver_new(struct rs_sim *sim, uint32_t ep, uint8_t kind)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = kind, .ep = ep, .to = sim->eps[ep].self};
  sim_deliver(sim, rec);
}

void sim_on_timer(struct rs_sim *sim, uint32_t ep, uint64_t sequence)
{
  struct sim_ep *e = &sim->eps[ep];
  if (!e->core || e->timer_due_ns == RS_TIME_NEVER || e->timer_sequence != sequence)
    return;
  e->timer_due_ns = RS_TIME_NEVER;
  if (sim->measured ? sim_measured_early(sim, ep)
                    : rs_endpoint_deadline(e->core) > sim_clock(sim, e->node, sim->now_ns))
    arm(sim, ep);
  else
    deliver_new(sim, ep, RS_IN_TIMER);
}

void sim_on_app(struct rs_sim *sim, uint32_t index, uint64_t sequence)
{
  struct sim_app *app = &sim->apps[index];
  if (app->timer_due_ns == RS_TIME_NEVER || app->timer_sequence != sequence || app->done || !sim->eps[app->ep].core)
    return;
  app->timer_due_ns = RS_TIME_NEVER;
  if (app->app->ops->deadline(app->app) > sim_clock(sim, sim->eps[app->ep].node, sim->now_ns))
    arm_app(sim, index);
  else
    deliver_new(sim, app->ep, SIM_IN_APP_TIMER);
}

void sim_peer_down(struct rs_sim *sim, uint64_t due_ns, uint32_t ep, rs_addr peer)
{
  if (sim->measured)
    sim_measured_hear(sim, ep, RS_IN_PEER_DOWN, peer, 0);
  else
    sim_input(sim, due_ns, ep, RS_IN_PEER_DOWN, peer);
}

void sim_input(struct rs_sim *sim, uint64_t due_ns, uint32_t ep, enum rs_input_kind kind, rs_addr peer)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = (uint8_t)kind, .ep = ep, .to = sim->eps[ep].self, .peer = peer};
  sim_push(sim, due_ns, SIM_EV_INPUT, rec);
}
