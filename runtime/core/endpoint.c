/* endpoint.c -- one input in: hands it to the roles of the endpoint, in a fixed order.
 *
 * A raylet's endpoint plays raylet and store, the head's plays gcs and autoscaler, a driver's plays owner, a worker's
 * plays executor and, from its first CALL on, owner. An endpoint that has asked to exit ignores what still comes.
 */
#include "core/endpoint.h"

#include "core/executor.h"
#include "core/gcs.h"
#include "core/owner.h"
#include "core/raylet.h"
#include "core/state.h"
#include "core/store.h"
#include "core/stream.h"

struct rs_effect *rs_emit(struct rs_endpoint *ep, enum rs_effect_kind kind)
{
  struct rs_effects *out = ep->out;
  RS_GROW(out->items, out->count, out->cap);
  struct rs_effect *effect = &out->items[out->count++];
  *effect = (struct rs_effect){.kind = (uint8_t)kind};
  return effect;
}

void rs_send(struct rs_endpoint *ep, rs_addr to, void *msg)
{
  RS_ASSERT(to != RS_ADDR_NONE);
  struct rs_effect *effect = rs_emit(ep, RS_OUT_SEND);
  effect->to = to;
  effect->msg = msg;
  ep->work.sends++;
}

void rs_send_many(struct rs_endpoint *ep, const rs_addr *to, uint32_t count, void *msg)
{
  if (count == 0) {
    rs_msg_unref(msg);
    return;
  }
  struct rs_effect *effect = rs_emit(ep, RS_OUT_SEND_MANY);
  effect->many = to;
  effect->count = count;
  effect->msg = msg;
  ep->work.sends += count;
}

void rs_trace(struct rs_endpoint *ep, enum rs_trace trace, uint64_t a, uint64_t b, uint64_t c)
{
  if (ep->config->trace_level == 0)
    return;
  struct rs_effect *effect = rs_emit(ep, RS_OUT_TRACE);
  effect->trace = (uint8_t)trace;
  effect->a = a;
  effect->b = b;
  effect->c = c;
}

void rs_exit(struct rs_endpoint *ep)
{
  if (ep->exited)
    return;
  ep->exited = true;
  rs_emit(ep, RS_OUT_EXIT);
}

struct rs_endpoint *rs_endpoint_new(const struct rs_start *start)
{
  RS_ASSERT(start->self != RS_ADDR_NONE && start->config);
  struct rs_endpoint *ep = rs_alloc_zero(1, sizeof *ep);
  ep->self = start->self;
  ep->head = start->gcs;
  ep->raylet = rs_addr_raylet(start->self);
  ep->config = start->config;
  ep->roles = (uint8_t)start->roles;
  ep->codec_forced = start->codec_forced;
  ep->observer = start->observer;
  rs_rng_seed(&ep->rng, rs_rng_derive(start->config->seed, start->self));
  switch (start->roles) {
  case RS_ROLE_GCS: ep->gcs = rs_gcs_new(ep, start); break;
  case RS_ROLE_RAYLET: ep->local = rs_raylet_new(ep, start); break;
  case RS_ROLE_WORKER: ep->executor = rs_executor_new(); break;
  case RS_ROLE_DRIVER: ep->owner = rs_owner_new(); break;
  default: RS_ASSERT(!"an endpoint has exactly one of the four starting roles");
  }
  return ep;
}

void rs_endpoint_free(struct rs_endpoint *ep)
{
  if (!ep)
    return;
  if (ep->gcs)
    rs_gcs_free(ep->gcs);
  if (ep->local)
    rs_raylet_free(ep->local);
  if (ep->executor)
    rs_executor_free(ep->executor);
  rs_stream_free(ep->streams);
  if (ep->owner)
    rs_owner_free(ep->owner);
  rs_state_free(ep);
  free(ep);
}

static void on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  if (rs_state_on_message(ep, from, msg))
    return;
  if (ep->gcs && rs_gcs_on_message(ep, from, msg))
    return;
  if (ep->local && rs_raylet_on_message(ep, from, msg))
    return;
  if ((ep->roles & (RS_ROLE_DRIVER | RS_ROLE_WORKER)) && rs_store_on_answer(ep, msg))
    return;
  if (ep->executor && rs_executor_on_message(ep, from, msg))
    return;
  if (ep->owner)
    rs_owner_on_message(ep, from, msg);
}

static void on_peer_down(struct rs_endpoint *ep, rs_addr peer, bool unreachable)
{
  rs_state_on_peer_down(ep, peer);
  if (ep->gcs)
    rs_gcs_on_peer_down(ep, peer);
  if (ep->local)
    rs_raylet_on_peer_down(ep, peer);
  if (ep->executor)
    rs_executor_on_peer_down(ep, peer);
  if (ep->owner && !ep->exited)
    rs_owner_on_peer_down(ep, peer, unreachable);
}

static void on_call(struct rs_endpoint *ep, const struct rs_call *call)
{
  RS_ASSERT(ep->roles & (RS_ROLE_DRIVER | RS_ROLE_WORKER));
  if (rs_store_on_call(ep, call))
    return;
  if (call->kind == RS_CALL_YIELD) {
    RS_ASSERT(ep->executor);
    rs_stream_on_yield(ep, call);
    return;
  }
  if (call->kind == RS_CALL_ACTOR_EXIT) {
    RS_ASSERT(ep->executor);
    rs_executor_on_exit(ep);
    return;
  }
  if (!ep->owner)
    ep->owner = rs_owner_new();
  rs_owner_on_call(ep, call);
}

static void dispatch(struct rs_endpoint *ep, const struct rs_input *input)
{
  switch (input->kind) {
  case RS_IN_START:
    if (ep->local)
      rs_raylet_on_start(ep);
    if (ep->executor)
      rs_executor_on_start(ep);
    if (ep->owner && !ep->observer)
      rs_owner_on_start(ep);
    break;
  case RS_IN_TIMER: break; /* every step looks at the deadlines below */
  case RS_IN_MESSAGE: on_message(ep, input->peer, input->msg); break;
  case RS_IN_SEND_FAILED:
  case RS_IN_PEER_DOWN: on_peer_down(ep, input->peer, input->kind == RS_IN_SEND_FAILED); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED:
    RS_ASSERT(ep->executor);
    rs_executor_on_result(ep, input->result);
    break;
  case RS_IN_COPY_DONE:
    RS_ASSERT(ep->local);
    rs_store_on_copy_done(ep, input->object, input->status);
    break;
  case RS_IN_SPILL_DONE:
    RS_ASSERT(ep->local);
    rs_store_on_spill_done(ep, input->object, input->status);
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN:
    RS_ASSERT(ep->gcs);
    rs_gcs_on_host(ep, input->host, input->kind == RS_IN_HOST_UP, input->peer);
    break;
  case RS_IN_CALL: on_call(ep, input->call); break;
  case RS_IN_WORKER_PROCESS:
    RS_ASSERT(ep->local);
    rs_raylet_on_process(ep, input->peer, (uint32_t)input->host, input->status);
    break;
  case RS_IN_KINDS: RS_ASSERT(!"not an input");
  }
}

void rs_endpoint_step(struct rs_endpoint *ep, uint64_t now, const struct rs_input *input, struct rs_effects *effects)
{
  RS_ASSERT(now >= ep->now);
  if (ep->exited)
    return;
  ep->now = now;
  ep->out = effects;
  ep->work.inputs++;
  dispatch(ep, input);
  if (!ep->exited) {
    rs_state_settle(ep);
    if (ep->gcs)
      rs_gcs_settle(ep);
    if (ep->local)
      rs_raylet_settle(ep);
    do { /* the owner's answers may be what a run here waits for */
      if (ep->executor)
        rs_executor_settle(ep);
      if (ep->owner)
        rs_owner_settle(ep);
    } while (ep->executor && rs_executor_stirred(ep->executor));
  }
  ep->out = NULL;
}

uint64_t rs_endpoint_deadline(const struct rs_endpoint *ep)
{
  uint64_t deadline = RS_TIME_NEVER;
  if (ep->exited)
    return deadline;
  deadline = rs_state_deadline(ep);
  if (ep->gcs)
    deadline = rs_time_min(deadline, rs_gcs_deadline(ep));
  if (ep->local)
    deadline = rs_time_min(deadline, rs_raylet_deadline(ep));
  if (ep->executor)
    deadline = rs_time_min(deadline, rs_executor_deadline(ep));
  if (ep->owner)
    deadline = rs_time_min(deadline, rs_owner_deadline(ep));
  return deadline;
}

bool rs_endpoint_wants_view(const struct rs_endpoint *ep)
{
  return ep->local && rs_raylet_wants_view(ep->local);
}

void rs_endpoint_prefetch(const struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg, unsigned step)
{
  if (!ep)
    return;
  if (step == 2)
    rs_prefetch(ep, sizeof *ep);
  else if (ep->local)
    rs_raylet_prefetch(ep->local, step);
  else if (ep->executor)
    rs_executor_prefetch(ep->executor, msg, step);
  else if (ep->owner && msg)
    rs_owner_prefetch(ep->owner, from, msg, step);
  else if (ep->gcs && msg)
    rs_gcs_prefetch(ep->gcs, from, msg, step);
}

bool rs_endpoint_wants_memory(const struct rs_endpoint *ep)
{
  return ep->local && rs_raylet_wants_memory(ep->local);
}

rs_addr rs_endpoint_self(const struct rs_endpoint *ep)
{
  return ep->self;
}

struct rs_work rs_endpoint_take_work(struct rs_endpoint *ep)
{
  struct rs_work work = ep->work;
  ep->work = (struct rs_work){0};
  return work;
}

void rs_endpoint_sanity_check(const struct rs_endpoint *ep)
{
  if (ep->gcs)
    rs_gcs_sanity_check(ep->gcs);
  if (ep->local)
    rs_raylet_sanity_check(ep->local);
  if (ep->executor)
    rs_executor_sanity_check(ep->executor);
  if (ep->owner)
    rs_owner_sanity_check(ep->owner);
}
