/* driver_measured.c -- times that were measured in place of the cost model's (struct rs_sim_measured in driver.h).
 *
 * Endpoints, connections, runs, workers, alarms and the heap are the driver's own; only when something comes is asked
 * of the table. Handling costs nothing there: what it cost is in the measured times. A rank orders what comes to one
 * endpoint at one moment (sim_push_due). */
#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/flow.h"

/* Where times are measured the rank stands in the sequence, above the counter's low bits, which keep it unique. */
uint64_t sim_push_due(struct rs_sim *sim, struct rs_sim_due due, enum sim_event event, uint32_t index)
{
  enum { RANK_BITS = 20, COUNTER_BITS = 16 };
  uint64_t next = sim->heap.sequence, most = (UINT64_C(1) << RANK_BITS) - 1;
  uint64_t counter = next & ((UINT64_C(1) << COUNTER_BITS) - 1);
  sim->heap.sequence = (due.rank < most ? due.rank : most) << COUNTER_BITS | counter;
  uint64_t sequence = sim_push(sim, due.ns > sim->now_ns ? due.ns : sim->now_ns, event, index);
  sim->heap.sequence = next + 1;
  return sequence;
}

void sim_input_due(struct rs_sim *sim, struct rs_sim_due due, struct sim_rec input)
{
  if (due.ns == RS_TIME_NEVER)
    return;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = input;
  sim_push_due(sim, due, SIM_EV_INPUT, rec);
}

uint64_t sim_measured_start(const struct rs_sim *sim, rs_addr self)
{
  return sim->measured->start(sim->measured->user, sim->now_ns, self).ns;
}

void sim_measured_begin(struct rs_sim *sim)
{
  for (uint32_t ep = 1; ep <= sim->ep_count; ep++)
    if (sim->eps[ep].role == RS_COST_DRIVER && !sim->eps[ep].app)
      sim_ep_boot(sim, ep, sim_measured_start(sim, sim->eps[ep].self));
  for (uint32_t i = 0; i < sim->measured->outside_count; i++) {
    uint32_t rec = sim_rec_new(sim);
    sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_OUTSIDE, .host = i};
    sim_push_due(sim, sim->measured->outside[i].at, SIM_EV_ACTION, rec);
  }
}

void sim_measured_outside(struct rs_sim *sim, uint32_t index)
{
  const struct rs_sim_outside *outside = &sim->measured->outside[index];
  const struct rs_input *input = &outside->input;
  uint32_t ep = sim_ep_find(sim, outside->self);
  if (!ep)
    return;
  if (outside->ends) {
    sim_process_end(sim, outside->self);
    return;
  }
  uint32_t index_of = sim_rec_new(sim);
  struct sim_rec *rec = &sim->recs[index_of];
  *rec = (struct sim_rec){
      .kind = (uint8_t)input->kind, .ep = ep, .to = outside->self, .peer = input->peer, .status = input->status};
  if (input->kind == RS_IN_CALL) {
    rec->call = input->call;
  } else {
    rec->host = input->host;
  }
  sim_deliver(sim, index_of);
}

static struct rs_sim_due measured_alarm(const struct rs_sim *sim, uint32_t ep)
{
  const struct sim_ep *e = &sim->eps[ep];
  uint64_t deadline = rs_endpoint_deadline(e->core);
  if (deadline != RS_TIME_NEVER)
    deadline = sim_clock_inverse(sim, e->node, deadline);
  return sim->measured->alarm(sim->measured->user, e->self, deadline);
}

void sim_measured_arm(struct rs_sim *sim, uint32_t ep)
{
  struct rs_sim_due due = measured_alarm(sim, ep);
  struct sim_ep *e = &sim->eps[ep];
  if (due.ns >= e->timer_due_ns)
    return; /* the earlier entry looks again */
  e->timer_due_ns = due.ns;
  e->timer_sequence = sim_push_due(sim, due, SIM_EV_TIMER, ep);
}

bool sim_measured_early(const struct rs_sim *sim, uint32_t ep)
{
  return measured_alarm(sim, ep).ns > sim->now_ns;
}

/* How long it is on its way, and whether it comes, was measured; who is connected is as ever. */
void sim_measured_send(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to, struct rs_msg *msg)
{
  rs_addr self = sim->eps[from].self;
  struct rs_sim_due failed = {RS_TIME_NEVER, 0};
  struct rs_sim_due due = sim->measured->message(sim->measured->user, ns, self, to, msg, &failed);
  uint32_t target = sim_ep_find(sim, to);
  sim->stats.local_messages += rs_addr_same_node(self, to);
  if (failed.ns != RS_TIME_NEVER)
    sim_input_due(sim, failed, (struct sim_rec){.kind = RS_IN_SEND_FAILED, .ep = from, .to = self, .peer = to});
  else if (target && sim->eps[target].core)
    sim_connect(sim, from, target);
  if (target && due.ns != RS_TIME_NEVER)
    sim_input_due(sim, due, (struct sim_rec){.kind = RS_IN_MESSAGE, .ep = target, .to = to, .peer = self, .msg = msg});
  else
    rs_msg_unref(msg);
}

void sim_measured_hear(struct rs_sim *sim, uint32_t ep, enum rs_input_kind kind, rs_addr peer, uint64_t host)
{
  rs_addr self = sim->eps[ep].self;
  struct rs_input input = {.kind = kind, .peer = peer, .host = host};
  struct rs_sim_due due = sim->measured->hear(sim->measured->user, sim->now_ns, self, &input);
  sim_input_due(sim, due, (struct sim_rec){.kind = (uint8_t)kind, .ep = ep, .to = self, .peer = peer, .host = host});
}

void sim_measured_stop(struct rs_sim *sim, uint64_t ns, rs_addr worker)
{
  struct rs_sim_due due = sim->measured->end(sim->measured->user, ns, worker);
  if (due.ns == RS_TIME_NEVER)
    return;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_WORKER_STOP, .to = worker};
  sim_push_due(sim, due, SIM_EV_ACTION, rec);
}

void sim_measured_host(struct rs_sim *sim, uint64_t request)
{
  rs_addr raylet = sim->measured->host(sim->measured->user, sim->now_ns, request);
  uint32_t index = rs_addr_node(raylet);
  if (!raylet || index >= sim->node_count || sim->nodes[index].state != SIM_NODE_OFF)
    return;
  sim->nodes[index].state = SIM_NODE_BOOTING;
  sim_measured_hear(sim, sim->gcs_ep, RS_IN_HOST_UP, raylet, request);
  uint64_t due_ns = sim_measured_start(sim, raylet);
  if (due_ns == RS_TIME_NEVER)
    return;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_NODE_START, .ep = index, .host = request};
  sim_push(sim, due_ns, SIM_EV_ACTION, rec);
}
