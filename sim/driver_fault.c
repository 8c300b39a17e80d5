/* driver_fault.c -- nodes that start and end, workers that die, partitions, and when all that happens.
 *
 * Death of a process shows at once as closed connections. A host that goes silent is noticed by the health check: not
 * simulated beat by beat, its moment is computed (sim_health_noticed), and until then what was sent to it is lost
 * without a word. Rates: the events of all nodes together are one Poisson stream, each strikes a node drawn uniformly,
 * and those that strike a node that is down are void; that equals an independent stream a node. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/bulk.h"
#include "sim/driver_int.h"
#include "sim/faithful.h"
#include "sim/flow.h"

static void action(struct rs_sim *sim, uint64_t due_ns, enum sim_action kind, uint32_t node, uint64_t host)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = (uint8_t)kind, .ep = node, .host = host};
  sim_push(sim, due_ns, SIM_EV_ACTION, rec);
}

static void tell_gcs(struct rs_sim *sim, uint64_t ns, enum rs_input_kind kind, rs_addr peer, uint64_t host)
{
  if (sim->measured) {
    sim_measured_hear(sim, sim->gcs_ep, kind, peer, host);
    return;
  }
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] =
      (struct sim_rec){.kind = (uint8_t)kind, .ep = sim->gcs_ep, .to = sim->gcs, .peer = peer, .host = host};
  sim_push(sim, ns, SIM_EV_INPUT, rec);
}

/* ---- nodes ---- */

static void alive_changed(struct rs_sim *sim, int change)
{
  sim->alive_nodes += (uint32_t)change;
  double period_ns = (double)sim->config->health_check_period_ms * 1e6;
  double share = (double)(sim->alive_nodes - 1) * (double)sim->cost->health_check_ns / period_ns;
  sim->stats.health_share = share < 0.95 ? share : 0.95;
}

/* When the START of a node's endpoint comes; that of a host that was asked for has just come. */
static uint64_t boot_ns(const struct rs_sim *sim, rs_addr self, uint64_t request)
{
  return sim->measured && !request ? sim_measured_start(sim, self) : sim->now_ns;
}

void sim_node_start(struct rs_sim *sim, uint32_t index, uint64_t request)
{
  struct sim_node *node = &sim->nodes[index];
  RS_ASSERT(node->state != SIM_NODE_UP && node->incarnation < RS_INCARNATION_MAX);
  node->state = SIM_NODE_UP;
  node->incarnation++;
  node->request = request;
  node->up_ns = sim->now_ns;
  uint64_t random = rs_rng_derive(sim->opts.seed, (uint64_t)index << 12 | node->incarnation);
  /* The origin keeps the clock within 2^50 ns (13 days) and never at 0. */
  node->origin_ns = UINT64_C(1000000000000) + (random >> 14) - sim->now_ns % RS_S;
  if (sim->opts.drift_ppb)
    node->drift_ppb = (int32_t)(rs_mix64(random) % (2 * (uint64_t)sim->opts.drift_ppb + 1)) - sim->opts.drift_ppb;
  if (sim->measured)
    node->origin_ns = sim->measured->clock_ns(sim->measured->user, index);
  if (index == 0) {
    sim->gcs = rs_addr_make(0, node->incarnation, RS_EP_GCS);
    sim->gcs_ep = sim_ep_new(sim, 0, sim->gcs, RS_COST_GCS);
    sim_ep_boot(sim, sim->gcs_ep, boot_ns(sim, sim->gcs, 0));
  }
  rs_addr raylet = rs_addr_make(index, node->incarnation, RS_EP_RAYLET);
  uint32_t ep = sim_ep_new(sim, index, raylet, RS_COST_RAYLET);
  sim->nodes[index].raylet = ep;
  sim_ep_boot(sim, ep, boot_ns(sim, raylet, request));
  alive_changed(sim, 1);
  sim->stats.nodes_started++;
  if (request && !sim->measured) /* measured: it was told when the host was asked for */
    tell_gcs(sim, sim->now_ns + sim_latency(sim, index, 0), RS_IN_HOST_UP, 0, request);
  if (sim->hooks.node)
    sim->hooks.node(sim->hooks.user, sim->now_ns, index, sim->nodes[index].group, true);
}

static void app_gone(struct rs_sim *sim, uint32_t ep)
{
  struct sim_app *app = &sim->apps[sim->eps[ep].app];
  if (sim->eps[ep].app && !app->done) {
    app->done = true;
    sim->apps_left--;
  }
}

static void bury_all(struct rs_sim *sim, uint32_t index)
{
  struct sim_node *node = &sim->nodes[index];
  rs_addr raylet = sim->eps[node->raylet].self;
  while (node->endpoints) {
    uint32_t ep = node->endpoints;
    sim_conns_break(sim, ep, sim->now_ns);
    sim_ep_bury(sim, ep);
  }
  node->raylet = 0;
  tell_gcs(sim, sim->now_ns + sim_latency(sim, index, 0), RS_IN_PEER_DOWN, raylet, 0);
}

void sim_node_die(struct rs_sim *sim, uint32_t index, bool process)
{
  struct sim_node *node = &sim->nodes[index];
  RS_ASSERT(index != 0);
  if (node->state != SIM_NODE_UP)
    return;
  for (uint32_t ep = node->endpoints; ep; ep = sim->eps[ep].next_on_node) {
    app_gone(sim, ep);
    if (sim->eps[ep].role == RS_COST_WORKER && sim->eps[ep].core)
      sim->stats.workers_ended++;
    sim_ep_die(sim, ep);
  }
  sim->stats.store_bytes -= node->store_bytes;
  node->store_bytes = 0;
  sim_bulk_lost(sim, index);
  sim->stats.nodes_lost++;
  alive_changed(sim, -1);
  if (process) {
    node->state = SIM_NODE_OFF;
    bury_all(sim, index);
  } else {
    node->state = SIM_NODE_SILENT;
    action(sim, sim_health_noticed(sim, index, sim->now_ns), SIM_ACT_BURY, index, node->incarnation);
  }
  sim_flows_break(sim, index, false);
  if (sim->hooks.node)
    sim->hooks.node(sim->hooks.user, sim->now_ns, index, node->group, false);
}

static void noticed(struct rs_sim *sim, uint32_t index)
{
  sim->nodes[index].state = SIM_NODE_FAILED;
  bury_all(sim, index);
}

void sim_worker_die(struct rs_sim *sim, uint32_t ep)
{
  struct sim_ep *e = &sim->eps[ep];
  uint32_t node = e->node;
  uint64_t closed = sim->now_ns + sim->cost->worker_stop_ns;
  if (e->core && e->role == RS_COST_WORKER)
    sim->stats.workers_ended++;
  app_gone(sim, ep);
  rs_addr self = e->self;
  uint64_t after = closed > e->out_free_ns ? closed : e->out_free_ns;
  sim_ep_die(sim, ep);
  sim_conns_break(sim, ep, closed);
  if (sim->eps[ep].role == RS_COST_WORKER && sim->nodes[node].raylet)
    sim_peer_down(sim, after + sim->cost->local_latency_ns, sim->nodes[node].raylet, self);
  sim_ep_bury(sim, ep);
}

/* The raylet's process alone: the others of its node end each at its own time. */
static void raylet_die(struct rs_sim *sim, uint32_t ep)
{
  struct sim_node *node = &sim->nodes[sim->eps[ep].node];
  rs_addr self = sim->eps[ep].self;
  node->state = SIM_NODE_OFF;
  node->raylet = 0;
  alive_changed(sim, -1);
  sim->stats.nodes_lost++;
  sim_ep_die(sim, ep);
  sim_conns_break(sim, ep, sim->now_ns);
  sim_ep_bury(sim, ep);
  tell_gcs(sim, sim->now_ns, RS_IN_PEER_DOWN, self, 0);
}

void sim_process_end(struct rs_sim *sim, rs_addr self)
{
  uint32_t ep = sim_ep_find(sim, self);
  if (!ep)
    return;
  RS_ASSERT(sim->eps[ep].role != RS_COST_GCS);
  if (sim->eps[ep].role == RS_COST_RAYLET)
    raylet_die(sim, ep);
  else
    sim_worker_die(sim, ep);
}

static void worker_start(struct rs_sim *sim, rs_addr worker)
{
  uint32_t ep = sim_ep_find(sim, worker);
  if (!ep || sim->nodes[sim->eps[ep].node].state != SIM_NODE_UP)
    return; /* stopped before it began, or its node is gone */
  sim_ep_boot(sim, ep, sim->now_ns);
  sim->stats.workers_started++;
}

/* ---- the provider of hosts ---- */

void sim_host_add(struct rs_sim *sim, uint32_t group, uint64_t request)
{
  RS_ASSERT(group < sim->cluster->group_count);
  if (sim->measured) {
    sim_measured_host(sim, request);
    return;
  }
  uint64_t boot = sim->hooks.boot_ns ? sim->hooks.boot_ns(sim->hooks.user, group, &sim->task_rng)
                                     : sim->cluster->groups[group].boot_ns;
  static const uint8_t states[2] = {SIM_NODE_OFF, SIM_NODE_FAILED};
  for (int s = 0; s < 2; s++)
    for (uint32_t i = 1; i < sim->node_count; i++)
      if (sim->nodes[i].group == group && sim->nodes[i].state == states[s] &&
          sim->nodes[i].incarnation < RS_INCARNATION_MAX) {
        sim->nodes[i].state = SIM_NODE_BOOTING;
        action(sim, sim->now_ns + boot, SIM_ACT_NODE_START, i, request);
        return;
      }
  tell_gcs(sim, sim->now_ns + boot, RS_IN_HOST_DOWN, 0, request);
}

void sim_host_remove(struct rs_sim *sim, rs_addr raylet)
{
  uint32_t node = rs_addr_node(raylet);
  if (node == 0 || node >= sim->node_count || sim->nodes[node].incarnation != rs_addr_incarnation(raylet) ||
      sim->nodes[node].state != SIM_NODE_UP)
    return;
  uint64_t request = sim->nodes[node].request;
  sim_node_die(sim, node, true);
  tell_gcs(sim, sim->now_ns + sim_latency(sim, node, 0), RS_IN_HOST_DOWN, raylet, request);
}

static void node_start(struct rs_sim *sim, uint32_t index, uint64_t request)
{
  struct sim_node *node = &sim->nodes[index];
  if (node->state == SIM_NODE_UP || (node->state == SIM_NODE_BOOTING && !request))
    return;
  if (node->state == SIM_NODE_SILENT)
    noticed(sim, index); /* the new kernel closes the old connections */
  sim_node_start(sim, index, request);
}

/* ---- faults ---- */

static bool strikes(const struct rs_sim *sim, const struct rs_sim_fault *fault, uint32_t node)
{
  return fault->group == RS_SIM_ANY || sim->nodes[node].group == fault->group;
}

static void strike_node(struct rs_sim *sim, uint32_t index, uint32_t node)
{
  const struct rs_sim_fault *fault = &sim->cluster->faults[index];
  if (fault->kind == RS_SIM_NODE_UP) {
    node_start(sim, node, 0);
    return;
  }
  if (sim->nodes[node].state != SIM_NODE_UP)
    return;
  sim_node_die(sim, node, fault->process);
  uint64_t down = sim->hooks.down_ns && fault->down_ns ? sim->hooks.down_ns(sim->hooks.user, index, &sim->fault_rng)
                                                       : fault->down_ns;
  if (down)
    action(sim, sim->now_ns + down, SIM_ACT_NODE_START, node, 0);
}

static void cut_off(struct rs_sim *sim, const struct rs_sim_fault *fault, const uint32_t *nodes, uint32_t count)
{
  if (sim->cut_count + 1 >= sim->cut_cap) {
    sim->cut_cap = sim->cut_cap ? 2 * sim->cut_cap : 8;
    sim->cuts = rs_realloc(sim->cuts, sim->cut_cap, sizeof *sim->cuts);
  }
  uint32_t cut = ++sim->cut_count;
  uint64_t heal = rs_time_add(sim->now_ns, fault->down_ns ? fault->down_ns : RS_TIME_NEVER);
  sim->cuts[cut] = (struct sim_cut){.begin_ns = sim->now_ns, .heal_ns = heal};
  for (uint32_t i = 0; i < count; i++) {
    sim->nodes[nodes[i]].cut = cut;
    uint64_t noticed_ns = sim_health_noticed(sim, nodes[i], sim->now_ns);
    if (noticed_ns < heal)
      action(sim, noticed_ns, SIM_ACT_CUT_BREAK, nodes[i], cut);
  }
  for (uint32_t i = 0; i < count; i++)
    sim_flows_break(sim, nodes[i], true);
  if (heal != RS_TIME_NEVER)
    action(sim, heal, SIM_ACT_CUT_HEAL, 0, cut);
}

static void cut_break(struct rs_sim *sim, uint32_t index, uint64_t cut)
{
  struct sim_node *node = &sim->nodes[index];
  if (node->cut != cut || node->state != SIM_NODE_UP)
    return;
  sim_conns_cut(sim, index);
  tell_gcs(sim, sim->now_ns, RS_IN_PEER_DOWN, sim->eps[node->raylet].self, 0);
  sim_peer_down(sim, sim->now_ns, node->raylet, sim->gcs);
}

static void cut_heal(struct rs_sim *sim, uint64_t cut)
{
  for (uint32_t i = 1; i < sim->node_count; i++)
    if (sim->nodes[i].cut == cut)
      sim->nodes[i].cut = 0;
}

/* The nodes of a fault at a time: a range by index, or `count` drawn among those in the right state. */
static uint32_t choose(struct rs_sim *sim, const struct rs_sim_fault *fault, uint32_t *nodes)
{
  bool wanted_up = fault->kind != RS_SIM_NODE_UP;
  uint32_t count = 0, wanted = fault->count ? fault->count : 1, seen = 0;
  for (uint32_t i = 1; i < sim->node_count; i++) {
    if (!strikes(sim, fault, i))
      continue;
    uint32_t at = seen++;
    bool down = sim->nodes[i].state == SIM_NODE_SILENT || sim->nodes[i].state == SIM_NODE_FAILED ||
                (sim->nodes[i].state == SIM_NODE_OFF && sim->nodes[i].incarnation);
    if (fault->node != RS_SIM_ANY && (at < fault->node || at - fault->node >= wanted))
      continue;
    if (wanted_up ? sim->nodes[i].state == SIM_NODE_UP : down)
      nodes[count++] = i;
  }
  if (fault->node == RS_SIM_ANY && count > wanted) {
    for (uint32_t i = 0; i < wanted; i++) {
      uint32_t with = i + (uint32_t)rs_rng_below(&sim->fault_rng, count - i), node = nodes[with];
      nodes[with] = nodes[i];
      nodes[i] = node;
    }
    count = wanted;
  }
  return count;
}

/* A fault of running functions at a time: `count` of them, drawn. */
static void strike_runs(struct rs_sim *sim, const struct rs_sim_fault *fault)
{
  uint32_t *runs = rs_alloc((sim->run_count + 1) * sizeof *runs);
  uint32_t count = 0, wanted = fault->count ? fault->count : 1;
  for (uint32_t run = 1; run <= sim->run_count; run++)
    if (sim->runs[run].task && strikes(sim, fault, sim->eps[sim->runs[run].ep].node))
      runs[count++] = run;
  for (uint32_t i = 0; i < wanted && i < count; i++) {
    uint32_t with = i + (uint32_t)rs_rng_below(&sim->fault_rng, count - i), run = runs[with];
    runs[with] = runs[i];
    struct sim_run *r = &sim->runs[run];
    if (!r->task)
      continue; /* its worker ran two and has just died */
    if (fault->kind == RS_SIM_WORKER_KILL) {
      sim_worker_die(sim, r->ep);
    } else {
      r->status = RS_ERR_TASK_FAILED;
      r->kills = false;
      r->sequence = sim_push(sim, sim->now_ns, SIM_EV_RUN, run);
    }
  }
  free(runs);
}

static void strike(struct rs_sim *sim, uint32_t index)
{
  const struct rs_sim_fault *fault = &sim->cluster->faults[index];
  if (fault->kind == RS_SIM_WORKER_KILL || fault->kind == RS_SIM_TASK_DROP) {
    strike_runs(sim, fault);
    return;
  }
  uint32_t *nodes = rs_alloc(sim->node_count * sizeof *nodes);
  uint32_t count = choose(sim, fault, nodes);
  if (fault->kind == RS_SIM_PARTITION && count)
    cut_off(sim, fault, nodes, count);
  else if (fault->kind != RS_SIM_PARTITION)
    for (uint32_t i = 0; i < count; i++)
      strike_node(sim, index, nodes[i]);
  free(nodes);
}

static uint32_t group_size(const struct rs_sim *sim, const struct rs_sim_fault *fault)
{
  uint32_t count = 0;
  for (uint32_t i = 1; i < sim->node_count; i++)
    count += strikes(sim, fault, i);
  return count;
}

static void next_by_rate(struct rs_sim *sim, uint32_t index, uint64_t after_ns)
{
  const struct rs_sim_fault *fault = &sim->cluster->faults[index];
  uint64_t at = rs_time_add(after_ns, sim_exponential(&sim->fault_rng, fault->rate_per_s * group_size(sim, fault)));
  if (at != RS_TIME_NEVER && (!fault->until_ns || at < fault->until_ns))
    action(sim, at, SIM_ACT_FAULT_RATE, 0, index);
}

static void strike_by_rate(struct rs_sim *sim, uint32_t index)
{
  const struct rs_sim_fault *fault = &sim->cluster->faults[index];
  uint32_t at = (uint32_t)rs_rng_below(&sim->fault_rng, group_size(sim, fault));
  for (uint32_t i = 1; i < sim->node_count; i++)
    if (strikes(sim, fault, i) && at-- == 0) {
      if (fault->kind == RS_SIM_PARTITION && sim->nodes[i].state == SIM_NODE_UP)
        cut_off(sim, fault, &i, 1);
      else if (fault->kind == RS_SIM_NODE_DOWN)
        strike_node(sim, index, i);
      break;
    }
  next_by_rate(sim, index, sim->now_ns);
}

void sim_faults_start(struct rs_sim *sim)
{
  for (uint32_t i = 0; i < sim->cluster->fault_count; i++) {
    const struct rs_sim_fault *fault = &sim->cluster->faults[i];
    if (fault->at_ns != RS_TIME_NEVER)
      action(sim, fault->at_ns, SIM_ACT_FAULT, 0, i);
    else if (fault->kind == RS_SIM_NODE_DOWN || fault->kind == RS_SIM_PARTITION)
      next_by_rate(sim, i, fault->from_ns);
  }
}

void sim_action(struct rs_sim *sim, uint32_t index)
{
  struct sim_rec rec = sim->recs[index];
  switch (rec.kind) { /* these release it themselves */
  case SIM_ACT_COPY_ASK: sim_copy_asked(sim, index); return;
  case SIM_ACT_PARCEL: faithful_put(sim, index); return;
  case SIM_ACT_EXEC: faithful_begin(sim, index); return;
  default: break;
  }
  sim_rec_free(sim, index);
  switch ((enum sim_action)rec.kind) {
  case SIM_ACT_NODE_START: node_start(sim, rec.ep, rec.host); break;
  case SIM_ACT_WORKER_START: worker_start(sim, rec.to); break;
  case SIM_ACT_WORKER_STOP: sim_process_end(sim, rec.to); break;
  case SIM_ACT_OUTSIDE: sim_measured_outside(sim, (uint32_t)rec.host); break;
  case SIM_ACT_FAULT: strike(sim, (uint32_t)rec.host); break;
  case SIM_ACT_FAULT_RATE: strike_by_rate(sim, (uint32_t)rec.host); break;
  case SIM_ACT_BURY:
    if (sim->nodes[rec.ep].state == SIM_NODE_SILENT && sim->nodes[rec.ep].incarnation == rec.host)
      noticed(sim, rec.ep);
    break;
  case SIM_ACT_CUT_BREAK: cut_break(sim, rec.ep, rec.host); break;
  case SIM_ACT_CUT_HEAL: cut_heal(sim, rec.host); break;
  case SIM_ACT_SAMPLE:
    sim->stats.sim_ns = sim->now_ns;
    sim->hooks.sample(sim->hooks.user, sim->now_ns, &sim->stats);
    action(sim, sim->now_ns + sim->opts.sample_ns, SIM_ACT_SAMPLE, 0, 0);
    break;
  case SIM_ACT_END: sim->ending = true; break;
  case SIM_ACT_COPY_ASK:
  case SIM_ACT_PARCEL:
  case SIM_ACT_EXEC: break;
  }
}
