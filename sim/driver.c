/* driver.c -- the cluster's arrays, and the dispatcher: one actor, one heap (see driver.h and docs/simulator.md). */
#include "sim/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/bulk.h"
#include "sim/driver_int.h"
#include "sim/faithful.h"
#include "sim/flow.h"
#include "sim/simgrid_compat.h"

static volatile sig_atomic_t interrupted;

/* ---- pools ---- */

uint32_t sim_rec_new(struct rs_sim *sim)
{
  uint32_t rec = sim->rec_free;
  if (rec) {
    sim->rec_free = sim->recs[rec].next;
    return rec;
  }
  if (sim->rec_count + 1 >= sim->rec_cap) {
    sim->rec_cap = sim->rec_cap ? 2 * sim->rec_cap : 1024;
    sim->recs = rs_realloc(sim->recs, sim->rec_cap, sizeof *sim->recs);
  }
  RS_ASSERT(sim->rec_count < SIM_INDEX_MAX);
  return ++sim->rec_count;
}

void sim_rec_free(struct rs_sim *sim, uint32_t rec)
{
  sim->recs[rec].kind = UINT8_MAX;
  sim->recs[rec].next = sim->rec_free;
  sim->rec_free = rec;
}

uint32_t sim_ep_new(struct rs_sim *sim, uint32_t node, rs_addr self, enum rs_cost_role role)
{
  uint32_t ep = sim->ep_free;
  if (ep) {
    sim->ep_free = sim->eps[ep].next_on_node;
  } else {
    if (sim->ep_count + 1 >= sim->ep_cap) {
      sim->ep_cap = sim->ep_cap ? 2 * sim->ep_cap : 256;
      sim->eps = rs_realloc(sim->eps, sim->ep_cap, sizeof *sim->eps);
      sim->eps[0] = (struct sim_ep){0}; /* "none", which may be looked at */
    }
    RS_ASSERT(sim->ep_count < SIM_INDEX_MAX);
    ep = ++sim->ep_count;
  }
  struct sim_node *on = &sim->nodes[node];
  sim->eps[ep] = (struct sim_ep){
      .self = self, .node = node, .role = (uint8_t)role, .timer_due_ns = RS_TIME_NEVER, .next_on_node = on->endpoints};
  if (on->endpoints)
    sim->eps[on->endpoints].prev_on_node = ep;
  on->endpoints = ep;
  if (role == RS_COST_WORKER || role == RS_COST_DRIVER)
    rs_map_put(&sim->addresses, self, ep);
  sim->stats.endpoints++;
  return ep;
}

void sim_ep_boot(struct rs_sim *sim, uint32_t ep, uint64_t start_ns)
{
  static const uint32_t roles[RS_COST_ROLES] = {RS_ROLE_GCS, RS_ROLE_RAYLET, RS_ROLE_DRIVER, RS_ROLE_WORKER};
  struct sim_ep *e = &sim->eps[ep];
  struct rs_start start = {.roles = roles[e->role],
                           .self = e->self,
                           .gcs = sim->gcs,
                           .config = sim->config,
                           .info = e->role == RS_COST_RAYLET ? sim->nodes[e->node].info : NULL,
                           .codec_forced = sim->opts.codec_forced};
  if (e->role == RS_COST_GCS && sim->cluster->autoscaler) {
    start.node_types = sim->node_types;
    start.node_type_count = sim->cluster->group_count;
  }
  if (sim->measured)
    sim->measured->begin(sim->measured->user, &start);
  e->core = rs_endpoint_new(&start);
  sim_input(sim, start_ns, ep, RS_IN_START, 0);
}

void sim_ep_die(struct rs_sim *sim, uint32_t ep)
{
  sim_runs_drop(sim, ep);
  sim_inbox_clear(sim, ep);
  sim_pool_give(sim, ep);
  struct sim_ep *e = &sim->eps[ep];
  if (e->core)
    rs_endpoint_free(e->core);
  e->core = NULL;
  e->timer_due_ns = RS_TIME_NEVER;
  e->waking = e->waiting = e->granted = false;
}

void sim_ep_bury(struct rs_sim *sim, uint32_t ep)
{
  struct sim_ep *e = &sim->eps[ep];
  RS_ASSERT(!e->core && !e->conns);
  if (e->prev_on_node)
    sim->eps[e->prev_on_node].next_on_node = e->next_on_node;
  else
    sim->nodes[e->node].endpoints = e->next_on_node;
  if (e->next_on_node)
    sim->eps[e->next_on_node].prev_on_node = e->prev_on_node;
  rs_map_remove(&sim->addresses, e->self, NULL);
  e->self = 0;
  e->next_on_node = sim->ep_free;
  sim->ep_free = ep;
  sim->stats.endpoints--;
}

uint32_t sim_ep_find(const struct rs_sim *sim, rs_addr address)
{
  uint32_t number = rs_addr_ep(address), node = rs_addr_node(address);
  if (number == RS_EP_RAYLET) {
    uint32_t ep = node < sim->node_count ? sim->nodes[node].raylet : 0;
    return ep && sim->eps[ep].self == address ? ep : 0;
  }
  if (address == sim->gcs)
    return sim->gcs_ep;
  const uint64_t *found = rs_map_find(&sim->addresses, address);
  return found ? (uint32_t)*found : 0;
}

/* ---- clocks ---- */

uint64_t sim_clock(const struct rs_sim *sim, uint32_t index, uint64_t ns)
{
  const struct sim_node *node = &sim->nodes[index];
  uint64_t clock = node->origin_ns + ns;
  if (node->drift_ppb) /* in seconds and the rest, so that nothing overflows */
    clock +=
        (uint64_t)((int64_t)(ns / RS_S) * node->drift_ppb + (int64_t)(ns % RS_S) * node->drift_ppb / (int64_t)RS_S);
  return clock;
}

uint64_t sim_clock_inverse(const struct rs_sim *sim, uint32_t index, uint64_t clock_ns)
{
  const struct sim_node *node = &sim->nodes[index];
  uint64_t ns = rs_time_since(clock_ns, node->origin_ns);
  if (node->drift_ppb) {
    for (int i = 0; i < 4; i++) { /* each round divides the error by 10^9 / drift */
      int64_t error = (int64_t)(clock_ns - sim_clock(sim, index, ns));
      ns = error < 0 && ns < (uint64_t)-error ? 0 : ns + (uint64_t)error;
    }
    while (sim_clock(sim, index, ns) < clock_ns)
      ns++;
  }
  return ns;
}

/* ---- the dispatcher ---- */

static void dispatch(struct rs_sim *sim, struct rs_heap_entry entry)
{
  uint32_t payload = rs_heap_payload(entry), index = payload & SIM_INDEX_MAX;
  switch ((enum sim_event)(payload >> SIM_INDEX_BITS)) {
  case SIM_EV_INPUT: sim_deliver(sim, index); break;
  case SIM_EV_TIMER: sim_on_timer(sim, index, rs_heap_sequence(entry)); break;
  case SIM_EV_WAKE: sim_on_wake(sim, index, rs_heap_sequence(entry)); break;
  case SIM_EV_RUN: sim_on_run(sim, index, rs_heap_sequence(entry)); break;
  case SIM_EV_ACTION: sim_action(sim, index); break;
  case SIM_EV_APP: sim_on_app(sim, index, rs_heap_sequence(entry)); break;
  case SIM_EV_SPIN: sim_on_spin(sim, index, rs_heap_sequence(entry)); break;
  case SIM_EV_BULK: sim_on_bulk(sim, index, rs_heap_sequence(entry)); break;
  }
}

static void finish_stats(struct rs_sim *sim)
{
  sim->stats.sim_ns = sim->now_ns;
  sim->stats.endpoint_bytes = sizeof(struct sim_ep);
}

static void start_drain(struct rs_sim *sim)
{
  sim->draining = true;
  if (!sim->opts.drain_ns) {
    sim->ending = true;
    return;
  }
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_END};
  sim_push(sim, sim->now_ns + sim->opts.drain_ns, SIM_EV_ACTION, rec);
}

/* What an event needs lies all over the memory, one thing behind a pointer in the other. So it is asked for in steps
 * while the event rises to the heap's root, one a level, each reading only what the step before has asked for: the
 * record; the endpoint and the message; the node and the core; its role; what the role works with. */
static void prefetch_event(const struct rs_sim *sim, uint32_t payload, uint32_t level)
{
  uint32_t index = payload & SIM_INDEX_MAX, at = index;
  const struct sim_rec *rec = NULL;
  switch ((enum sim_event)(payload >> SIM_INDEX_BITS)) {
  case SIM_EV_INPUT:
    rec = &sim->recs[index];
    if (level == 4) {
      __builtin_prefetch(rec);
      return;
    }
    at = rec->ep;
    rec = rec->kind == RS_IN_MESSAGE ? rec : NULL;
    break;
  case SIM_EV_RUN:
    if (level == 4) {
      __builtin_prefetch(&sim->runs[index]);
      __builtin_prefetch(&sim->runs[index].kills);
      return;
    }
    at = sim->runs[index].ep;
    if (level == 3)
      for (unsigned i = 0; i < sizeof(struct rs_task); i += 64)
        __builtin_prefetch((const char *)sim->runs[index].task + i);
    break;
  case SIM_EV_TIMER:
  case SIM_EV_WAKE: break;
  default: return;
  }
  const struct sim_ep *ep = &sim->eps[at];
  if (level == 3) {
    __builtin_prefetch(ep);
    __builtin_prefetch(&ep->wants_view);
    if (rec) {
      __builtin_prefetch(rec->msg);
      __builtin_prefetch((const char *)rec->msg + 64);
    }
  } else if (level < 3) {
    if (level == 2)
      __builtin_prefetch(&sim->nodes[ep->node]);
    rs_endpoint_prefetch(ep->core, rec ? rec->peer : 0, rec ? rec->msg : NULL, level);
  }
}

static void prefetch_ahead(const struct rs_sim *sim)
{
  for (uint32_t level = 0; level < sim->heap.risen_count; level++)
    prefetch_event(sim, sim->heap.risen[level], level);
}

static void loop(struct rs_sim *sim)
{
  enum { ROUND = 32768 };
  sim->end = RS_SIM_STALLED;
  while (!sim->ending && (sim->heap.count || sim_flows_active(sim) || (sim->opts.time_limit_ns && !sim->app_count))) {
    uint64_t due = rs_heap_due(&sim->heap);
    if (sim->opts.time_limit_ns && due > sim->opts.time_limit_ns)
      due = sim->opts.time_limit_ns;
    if (!sim_clock_wait(sim, due) || rs_heap_due(&sim->heap) < due || due == RS_TIME_NEVER)
      continue;                          /* a flow ended meanwhile */
    if (rs_heap_due(&sim->heap) > due) { /* the time limit */
      sim->now_ns = due;
      sim->end = RS_SIM_LIMIT;
      break;
    }
    if (sim->heap.count > sim->stats.heap_peak)
      sim->stats.heap_peak = sim->heap.count;
    struct rs_heap_entry entry = rs_heap_pop(&sim->heap);
    RS_ASSERT(entry.due_ns >= sim->now_ns);
    sim->now_ns = entry.due_ns;
    prefetch_ahead(sim);
    dispatch(sim, entry);
    if (++sim->stats.events % ROUND == 0) {
      finish_stats(sim);
      if (sim->hooks.progress)
        sim->hooks.progress(sim->hooks.user, &sim->stats);
    }
    if (interrupted) {
      sim->end = RS_SIM_INTERRUPTED;
      break;
    }
    if (!sim->apps_left && sim->app_count && !sim->draining)
      start_drain(sim);
  }
  if (sim->ending)
    sim->end = sim->draining ? RS_SIM_DONE : RS_SIM_INTERRUPTED;
}

static void dispatcher(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct rs_sim *sim = sg_actor_self_get_data();
  sim_flows_init(sim);
  if (sim->opts.faithful)
    faithful_init(sim);
  loop(sim);
  sim_clock_sync(sim);
  finish_stats(sim);
}

/* ---- set-up ---- */

static void on_signal(int number)
{
  (void)number;
  interrupted = 1;
}

static void start_simgrid(const struct rs_sim_opts *opts)
{
  static bool started;
  RS_ASSERT(!started); /* one platform a process: fork first */
  started = true;
  char log[256];
  snprintf(log, sizeof log, "--log=%s", opts->log ? opts->log : "root.thres:warning");
  char *argv[] = {(char *)(uintptr_t) "raysim",
                  log,
                  (char *)(uintptr_t) "--cfg=network/model:CM02",
                  (char *)(uintptr_t) "--cfg=network/crosstraffic:0",
                  (char *)(uintptr_t) "--cfg=network/TCP-gamma:0",
                  NULL};
  int argc = sizeof argv / sizeof *argv - 1;
  simgrid_init(&argc, argv);
  if (opts->catch_signals) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
  }
}

static void options(struct rs_sim *sim, const struct rs_sim_opts *opts)
{
  if (opts)
    sim->opts = *opts;
  if (!sim->opts.flow_min_bytes)
    sim->opts.flow_min_bytes = 1 << 20;
  if (!sim->opts.flows_max)
    sim->opts.flows_max = 4096;
  if (!sim->opts.connect_ns)
    sim->opts.connect_ns = 3 * RS_S;
  if (sim->opts.hooks)
    sim->hooks = *sim->opts.hooks;
  sim->measured = sim->opts.measured;
  RS_ASSERT(!sim->measured || (sim->opts.time_limit_ns && sim->opts.eager && !sim->opts.faithful));
}

struct rs_sim *rs_sim_new(const struct rs_sim_cluster *cluster, const struct rs_config *config,
                          const struct rs_cost *cost, const struct rs_sim_opts *opts, char *err, size_t err_size)
{
  struct rs_sim *sim = rs_alloc_zero(1, sizeof *sim);
  sim->cluster = cluster;
  sim->config = config;
  sim->cost = cost;
  options(sim, opts);
  sim->pub_first = 1;
  sim->apps = rs_alloc_zero(8, sizeof *sim->apps);
  sim->app_cap = 8;
  rs_rng_seed(&sim->task_rng, rs_rng_derive(sim->opts.seed, 1));
  rs_rng_seed(&sim->fault_rng, rs_rng_derive(sim->opts.seed, 2));
  if (rs_sim_cluster_check(cluster, err, err_size) != 0) {
    rs_sim_free(sim);
    return NULL;
  }
  if (sim->opts.faithful && rs_sim_cluster_span(cluster) > FAITHFUL_NODES_MAX) {
    snprintf(err, err_size, "the faithful variant takes at most %d nodes", FAITHFUL_NODES_MAX);
    rs_sim_free(sim);
    return NULL;
  }
  start_simgrid(&sim->opts);
  if (sim_platform_build(sim, err, err_size) != 0) {
    rs_sim_free(sim);
    return NULL;
  }
  sim_net_init(sim);
  sim_pool_init(sim);
  sim_bulk_init(sim);
  sim->store = sim_store_new();
  sim->disk = sim_store_new();
  sim->node_types = rs_alloc_zero(cluster->group_count + 1, sizeof *sim->node_types);
  for (uint32_t i = 0; i < cluster->group_count; i++) {
    const struct rs_sim_group *group = &cluster->groups[i];
    sim->node_types[i] =
        (struct rs_node_type){.info = group->info,
                              .min_count = group->count_min,
                              .max_count = group->count_max > group->count ? group->count_max : group->count,
                              .idle_timeout_ms = group->idle_timeout_ms};
  }
  return sim;
}

rs_addr rs_sim_add_app(struct rs_sim *sim, uint32_t node, struct rs_app *app)
{
  RS_ASSERT(!sim->ran && node < sim->node_count);
  if (sim->app_count + 1 >= sim->app_cap) {
    sim->app_cap *= 2;
    sim->apps = rs_realloc(sim->apps, sim->app_cap, sizeof *sim->apps);
  }
  uint32_t index = ++sim->app_count;
  rs_addr self = rs_addr_make(node, 1, RS_EP_DRIVER + index - 1);
  uint32_t ep = sim_ep_new(sim, node, self, RS_COST_DRIVER);
  sim->eps[ep].app = index;
  sim->apps[index] = (struct sim_app){.app = app, .ep = ep, .timer_due_ns = RS_TIME_NEVER};
  sim->apps_left++;
  return self;
}

void rs_sim_add_program(struct rs_sim *sim, rs_addr self)
{
  RS_ASSERT(!sim->ran && sim->measured && rs_addr_node(self) < sim->node_count && rs_addr_ep(self) >= RS_EP_DRIVER);
  sim_ep_new(sim, rs_addr_node(self), self, RS_COST_DRIVER);
}

static void boot(struct rs_sim *sim)
{
  for (uint32_t i = 0; i < sim->node_count; i++)
    if (sim->nodes[i].state == SIM_NODE_BOOTING)
      sim_node_start(sim, i, 0);
  for (uint32_t i = 1; i <= sim->app_count; i++) {
    uint32_t ep = sim->apps[i].ep;
    sim_ep_boot(sim, ep, sim->now_ns);
    uint32_t rec = sim_rec_new(sim);
    sim->recs[rec] = (struct sim_rec){.kind = SIM_IN_APP_START, .ep = ep, .to = sim->eps[ep].self};
    sim_push(sim, sim->now_ns, SIM_EV_INPUT, rec);
  }
  sim_faults_start(sim);
  if (sim->measured)
    sim_measured_begin(sim);
  if (sim->opts.sample_ns && sim->hooks.sample) {
    uint32_t rec = sim_rec_new(sim);
    sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_SAMPLE};
    sim_push(sim, sim->now_ns, SIM_EV_ACTION, rec);
  }
}

enum rs_sim_end rs_sim_run(struct rs_sim *sim)
{
  RS_ASSERT(!sim->ran);
  sim->ran = true;
  boot(sim);
  rs_sg_actor("dispatcher", sim->nodes[0].host, dispatcher, sim, 0);
  simgrid_run();
  return sim->end;
}

void rs_sim_stop(struct rs_sim *sim)
{
  sim->ending = true;
}

const struct rs_sim_stats *rs_sim_stats(const struct rs_sim *sim)
{
  return &sim->stats;
}

uint64_t rs_sim_now(const struct rs_sim *sim)
{
  return sim->now_ns;
}

uint64_t rs_sim_time_of(const struct rs_sim *sim, uint32_t node, uint64_t clock_ns)
{
  return sim_clock_inverse(sim, node, clock_ns);
}

uint32_t rs_sim_node_count(const struct rs_sim *sim)
{
  return sim->node_count;
}

uint32_t rs_sim_group_of(const struct rs_sim *sim, uint32_t node)
{
  return sim->nodes[node].group;
}

struct rs_endpoint *rs_sim_endpoint(const struct rs_sim *sim, rs_addr address)
{
  uint32_t ep = sim_ep_find(sim, address);
  return ep ? sim->eps[ep].core : NULL;
}

static void free_records(struct rs_sim *sim)
{
  while (sim->heap.count) {
    uint32_t payload = rs_heap_payload(rs_heap_pop(&sim->heap));
    if (payload >> SIM_INDEX_BITS != SIM_EV_INPUT)
      continue;
    const struct sim_rec *rec = &sim->recs[payload & SIM_INDEX_MAX];
    if (rec->kind == RS_IN_MESSAGE)
      rs_msg_unref(rec->msg);
    else if (rec->kind == RS_IN_TASK_FINISHED || rec->kind == RS_IN_TASK_FAILED)
      rs_result_unref(rec->result);
  }
  rs_heap_free(&sim->heap);
}

void rs_sim_free(struct rs_sim *sim)
{
  if (!sim)
    return;
  if (sim->faithful)
    faithful_free(sim);
  for (uint32_t ep = 1; ep <= sim->ep_count; ep++)
    if (sim->eps[ep].self)
      sim_ep_die(sim, ep);
  free_records(sim);
  sim_pubs_free(sim);
  sim_net_free(sim);
  sim_pool_free(sim);
  sim_bulk_free(sim);
  sim_flows_free(sim);
  if (sim->store)
    sim_store_free(sim->store);
  if (sim->disk)
    sim_store_free(sim->disk);
  for (uint32_t i = 0; i < sim->node_count; i++)
    rs_node_info_unref(sim->nodes[i].info);
  rs_map_free(&sim->addresses);
  rs_effects_free(&sim->effects);
  rs_calls_free(&sim->calls);
  free(sim->recs);
  free(sim->eps);
  free(sim->nodes);
  free(sim->runs);
  free(sim->apps);
  free(sim->cuts);
  free(sim->wanting);
  free(sim->node_types);
  free(sim->codec_buffer);
  free(sim);
}
