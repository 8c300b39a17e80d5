/* flow.c -- copies of objects, and SimGrid's clock.
 *
 * A copy first asks its source (a latency). Below flow_min_bytes the object is one booking of the source's NIC, like a
 * message; from there on it is one SimGrid flow between the two hosts, which shares every link with the other flows. A
 * flow is run by a pooled actor; it ends by pushing an entry and waking the dispatcher.
 *
 * The clock: while an activity is in progress SimGrid may end it at any moment, so the dispatcher waits for exactly the
 * next entry's date. While none is, nothing can happen in SimGrid: its clock follows in steps of LAG_NS and is moved to
 * the entry's date before any activity starts, so that no activity sees the difference. */
#include "sim/flow.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/bulk.h"
#include "sim/disk.h"
#include "sim/driver_int.h"
#include "sim/simgrid_compat.h"

#define LAG_NS (10 * RS_MS)
enum { STACK_BYTES = 64 * 1024 };

/* ---- the store ---- */

struct stored {
  struct rs_id object;
  uint64_t node, size_bytes;
  uint32_t next; /* with the same hash, or free list */
};
struct sim_store {
  struct rs_map map; /* hash to the first of its list */
  struct stored *items;
  uint32_t count, cap, free;
};

struct sim_store *sim_store_new(void)
{
  return rs_alloc_zero(1, sizeof(struct sim_store));
}

void sim_store_free(struct sim_store *store)
{
  rs_map_free(&store->map);
  free(store->items);
  free(store);
}

static uint64_t store_key(uint64_t node, struct rs_id object)
{
  uint64_t key = rs_mix64(object.owner ^ rs_mix64(object.seq ^ rs_mix64(node)));
  return key ? key : 1;
}

static struct stored *store_find(const struct sim_store *store, uint64_t node, struct rs_id object)
{
  const uint64_t *first = rs_map_find(&store->map, store_key(node, object));
  for (uint32_t i = first ? (uint32_t)*first : 0; i; i = store->items[i].next)
    if (store->items[i].node == node && rs_id_equal(store->items[i].object, object))
      return &store->items[i];
  return NULL;
}

bool sim_store_put(struct sim_store *store, uint64_t node, struct rs_id object, uint64_t size_bytes)
{
  if (store_find(store, node, object))
    return false;
  uint32_t item = store->free;
  if (item) {
    store->free = store->items[item].next;
  } else {
    if (store->count + 1 >= store->cap) {
      store->cap = store->cap ? 2 * store->cap : 256;
      store->items = rs_realloc(store->items, store->cap, sizeof *store->items);
    }
    item = ++store->count;
  }
  uint64_t key = store_key(node, object);
  const uint64_t *first = rs_map_find(&store->map, key);
  store->items[item] = (struct stored){object, node, size_bytes, first ? (uint32_t)*first : 0};
  rs_map_put(&store->map, key, item);
  return true;
}

bool sim_store_has(const struct sim_store *store, uint64_t node, struct rs_id object, uint64_t *size_bytes)
{
  const struct stored *found = store_find(store, node, object);
  if (found)
    *size_bytes = found->size_bytes;
  return found != NULL;
}

bool sim_store_drop(struct sim_store *store, uint64_t node, struct rs_id object, uint64_t *size_bytes)
{
  struct stored *found = store_find(store, node, object);
  if (!found)
    return false;
  *size_bytes = found->size_bytes;
  uint32_t item = (uint32_t)(found - store->items);
  uint64_t key = store_key(node, object);
  uint32_t first = (uint32_t)*rs_map_find(&store->map, key);
  if (first != item) {
    while (store->items[first].next != item)
      first = store->items[first].next;
    store->items[first].next = found->next;
  } else if (found->next) {
    rs_map_put(&store->map, key, found->next);
  } else {
    rs_map_remove(&store->map, key, NULL);
  }
  found->next = store->free;
  store->free = item;
  return true;
}

static uint64_t node_key(const struct rs_sim *sim, uint32_t node)
{
  return (uint64_t)node << 12 | sim->nodes[node].incarnation;
}

void sim_object_put(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t size_bytes)
{
  if (!sim_store_put(sim->store, node_key(sim, node), object, size_bytes))
    return;
  sim->nodes[node].store_bytes += size_bytes;
  sim->stats.store_bytes += size_bytes;
  if (sim->stats.store_bytes > sim->stats.store_peak_bytes)
    sim->stats.store_peak_bytes = sim->stats.store_bytes;
}

void sim_object_drop(struct rs_sim *sim, uint32_t node, struct rs_id object)
{
  uint64_t size_bytes;
  if (!sim_store_drop(sim->store, node_key(sim, node), object, &size_bytes))
    return;
  sim->nodes[node].store_bytes -= size_bytes;
  sim->stats.store_bytes -= size_bytes;
  sim_bulk_freed(sim, node, size_bytes);
}

/* ---- flows ---- */

struct flow {
  struct rs_sim *sim;
  sg_actor_t actor;
  sg_sem_t semaphore;
  struct sim_rec rec; /* the request */
  uint64_t bytes;
  uint32_t source, target; /* nodes */
  bool busy;
};

struct waiting {
  struct sim_rec rec;
  uint64_t bytes;
};

struct sim_flows {
  sg_sem_t semaphore; /* of the dispatcher */
  uint64_t clock_ns;  /* SimGrid's, as far as it was moved */
  struct flow **flows;
  uint32_t count, cap, busy;
  struct flow **idle;
  uint32_t idle_count, idle_cap;
  uint32_t activities;
  struct waiting *waiting; /* first come first served: from waiting_at on */
  uint32_t waiting_at, waiting_count, waiting_cap;
};

void sim_flows_init(struct rs_sim *sim)
{
  sim->flows = rs_alloc_zero(1, sizeof *sim->flows);
  sim->flows->semaphore = sg_sem_init(0);
}

void sim_flows_free(struct rs_sim *sim)
{
  struct sim_flows *flows = sim->flows;
  if (!flows)
    return;
  for (uint32_t i = 0; i < flows->count; i++)
    free(flows->flows[i]);
  free(flows->flows);
  free(flows->idle);
  free(flows->waiting);
  free(flows);
}

static void copy_done(struct rs_sim *sim, const struct sim_rec *request, uint64_t due_ns, int32_t status)
{
  if (sim->measured) {
    struct sim_rec done = *request;
    done.kind = RS_IN_COPY_DONE;
    done.status = status;
    struct rs_sim_due due = sim->measured->copy(sim->measured->user, sim->now_ns, request->to, request->object,
                                                RS_IN_COPY_DONE, &done.status);
    sim_input_due(sim, due, done);
    return;
  }
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){
      .kind = RS_IN_COPY_DONE, .ep = request->ep, .to = request->to, .status = status, .object = request->object};
  sim_push(sim, due_ns, SIM_EV_INPUT, rec);
}

/* In the memory of the node, or in a file. */
static void arrived(struct rs_sim *sim, uint32_t node, const struct sim_rec *request, uint64_t bytes)
{
  if ((uint32_t)request->status & RS_CREATE_ON_DISK)
    sim_disk_put(sim, node, request->object, bytes);
  else
    sim_object_put(sim, node, request->object, bytes);
}

static bool asker_lives(const struct rs_sim *sim, const struct sim_rec *request)
{
  return sim->eps[request->ep].self == request->to && sim->eps[request->ep].core;
}

static void flow_next(struct flow *flow)
{
  struct sim_flows *flows = flow->sim->flows;
  flow->busy = false;
  flows->busy--;
  while (flows->waiting_at < flows->waiting_count) {
    struct waiting next = flows->waiting[flows->waiting_at++];
    if (flows->waiting_at == flows->waiting_count)
      flows->waiting_at = flows->waiting_count = 0;
    if (!asker_lives(flow->sim, &next.rec))
      continue;
    flow->rec = next.rec;
    flow->bytes = next.bytes;
    flow->source = rs_addr_node(next.rec.peer);
    flow->target = rs_addr_node(next.rec.to);
    flow->busy = true;
    flows->busy++;
    sim_activity(flow->sim, 1);
    return;
  }
  RS_GROW(flows->idle, flows->idle_count, flows->idle_cap);
  flows->idle[flows->idle_count++] = flow;
}

static void flow_ended(struct flow *flow)
{
  struct rs_sim *sim = flow->sim;
  if (asker_lives(sim, &flow->rec)) {
    arrived(sim, flow->target, &flow->rec, flow->bytes);
    uint64_t now_ns = sim_clock_ns(sim);
    copy_done(sim, &flow->rec, now_ns > flow->rec.size ? now_ns : flow->rec.size, RS_ERR_OK);
  }
  sim_activity(sim, -1);
  flow_next(flow);
  sim_clock_wake(sim);
}

static void flow_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct flow *flow = sg_actor_self_get_data();
  for (;;) {
    sg_sem_acquire(flow->semaphore);
    while (flow->busy) {
      sg_host_sendto(flow->sim->nodes[flow->source].host, flow->sim->nodes[flow->target].host, (double)flow->bytes);
      flow_ended(flow);
    }
  }
}

static struct flow *idle_flow(struct rs_sim *sim)
{
  struct sim_flows *flows = sim->flows;
  while (flows->idle_count) {
    struct flow *idle = flows->idle[--flows->idle_count];
    if (!idle->busy)
      return idle;
  }
  struct flow *flow = rs_alloc_zero(1, sizeof *flow);
  flow->sim = sim;
  flow->semaphore = sg_sem_init(0);
  RS_GROW(flows->flows, flows->count, flows->cap);
  flows->flows[flows->count++] = flow;
  flow->actor = rs_sg_actor("flow", sim->nodes[0].host, flow_actor, flow, STACK_BYTES);
  sg_actor_daemonize(flow->actor);
  return flow;
}

static void flow_start(struct rs_sim *sim, const struct sim_rec *request, uint64_t bytes)
{
  struct sim_flows *flows = sim->flows;
  sim->stats.flows++;
  if (flows->busy >= sim->opts.flows_max) {
    RS_GROW(flows->waiting, flows->waiting_count, flows->waiting_cap);
    flows->waiting[flows->waiting_count++] = (struct waiting){*request, bytes};
    return;
  }
  sim_clock_sync(sim);
  struct flow *flow = idle_flow(sim);
  flow->rec = *request;
  flow->bytes = bytes;
  flow->source = rs_addr_node(request->peer);
  flow->target = rs_addr_node(request->to);
  flow->busy = true;
  if (++flows->busy > sim->stats.flows_peak)
    sim->stats.flows_peak = flows->busy;
  sim_activity(sim, 1);
  sg_sem_release(flow->semaphore);
}

void sim_flows_break(struct rs_sim *sim, uint32_t node, bool cut)
{
  struct sim_flows *flows = sim->flows;
  for (uint32_t i = 0; flows && i < flows->count;) {
    struct flow *flow = flows->flows[i];
    bool silent = cut || sim->nodes[node].state == SIM_NODE_SILENT; /* and not a connection that is closed */
    bool crosses = sim->nodes[flow->source].cut != sim->nodes[flow->target].cut;
    if (!flow->busy || (flow->source != node && flow->target != node) || (cut && !crosses)) {
      i++;
      continue;
    }
    flows->flows[i] = flows->flows[--flows->count];
    if (asker_lives(sim, &flow->rec) && silent)
      copy_done(sim, &flow->rec, sim->now_ns + (uint64_t)sim->config->object_manager_pull_timeout_ms * RS_MS,
                RS_ERR_TIMED_OUT);
    else if (asker_lives(sim, &flow->rec))
      copy_done(sim, &flow->rec, sim->now_ns, RS_ERR_OBJECT_LOST);
    flows->busy--;
    sim_activity(sim, -1);
    sg_actor_kill(flow->actor);
    free(flow);
  }
}

/* ---- copies ---- */

void sim_copy(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_effect *effect)
{
  uint32_t from = rs_addr_node(effect->to), node = sim->eps[ep].node;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_COPY_ASK,
                                    .ep = ep,
                                    .to = sim->eps[ep].self,
                                    .peer = effect->to,
                                    .status = (int32_t)effect->count,
                                    .object = effect->object};
  sim->stats.copies++;
  uint64_t latency = from < sim->node_count ? sim_latency(sim, node, from) : 0;
  sim_push(sim, ns + latency, SIM_EV_ACTION, rec);
}

void sim_copy_asked(struct rs_sim *sim, uint32_t index)
{
  struct sim_rec request = sim->recs[index];
  sim_rec_free(sim, index);
  if (!asker_lives(sim, &request))
    return;
  uint32_t from = rs_addr_node(request.peer), node = sim->eps[request.ep].node;
  uint64_t bytes;
  if (from >= sim->node_count) {
    copy_done(sim, &request, sim->now_ns, RS_ERR_OBJECT_LOST);
    return;
  }
  struct sim_node *source = &sim->nodes[from];
  uint64_t latency = sim_latency(sim, from, node);
  if (source->state == SIM_NODE_SILENT || source->state == SIM_NODE_FAILED || source->cut != sim->nodes[node].cut) {
    copy_done(sim, &request, sim->now_ns + sim->opts.connect_ns, RS_ERR_OBJECT_LOST);
    return;
  }
  request.size = 0; /* from now on: when its bytes have come from the source's disk */
  if (source->state != SIM_NODE_UP || source->incarnation != rs_addr_incarnation(request.peer) ||
      (!sim_store_has(sim->store, node_key(sim, from), request.object, &bytes) &&
       !sim_disk_read(sim, from, request.object, &bytes, &request.size))) {
    copy_done(sim, &request, sim->now_ns + latency, RS_ERR_OBJECT_LOST);
    return;
  }
  sim->stats.copy_bytes += bytes;
  if (from != node && !sim->measured && sim_bulk_move(sim, &request, bytes))
    return;
  if (bytes >= sim->opts.flow_min_bytes && from != node && !sim->measured) {
    flow_start(sim, &request, bytes);
    return;
  }
  uint64_t left = sim_nic_book(&source->nic, sim->now_ns, bytes * sim_route_fs(sim, from, node));
  arrived(sim, node, &request, bytes);
  copy_done(sim, &request, (left > request.size ? left : request.size) + latency, RS_ERR_OK);
}

void sim_copy_arrived(struct rs_sim *sim, const struct sim_rec *request, uint64_t bytes)
{
  const struct sim_node *source = &sim->nodes[rs_addr_node(request->peer)];
  bool lost = source->state != SIM_NODE_UP || source->incarnation != rs_addr_incarnation(request->peer);
  if (!asker_lives(sim, request))
    return;
  if (!lost)
    arrived(sim, rs_addr_node(request->to), request, bytes);
  uint64_t read_ns = request->size > sim->now_ns ? request->size : sim->now_ns;
  copy_done(sim, request, read_ns, lost ? RS_ERR_OBJECT_LOST : RS_ERR_OK);
}

/* ---- the clock ---- */

void sim_activity(struct rs_sim *sim, int change)
{
  sim->flows->activities += (uint32_t)change;
}

bool sim_flows_active(const struct rs_sim *sim)
{
  return sim->flows->activities > 0;
}

uint64_t sim_clock_ns(const struct rs_sim *sim)
{
  uint64_t ns = (uint64_t)(simgrid_get_clock() * 1e9 + 0.5);
  return ns > sim->now_ns ? ns : sim->now_ns;
}

void sim_clock_wake(struct rs_sim *sim)
{
  sg_sem_release(sim->flows->semaphore);
}

void sim_clock_sync(struct rs_sim *sim)
{
  double left_s = (double)sim->now_ns * 1e-9 - simgrid_get_clock();
  if (left_s >= 1e-9) {
    sg_actor_sleep_for(left_s);
    sim->stats.sleeps++;
  }
  sim->flows->clock_ns = sim->now_ns;
}

bool sim_clock_wait(struct rs_sim *sim, uint64_t due_ns)
{
  struct sim_flows *flows = sim->flows;
  if (!flows->activities) {
    if (due_ns == RS_TIME_NEVER || due_ns < flows->clock_ns + LAG_NS)
      return true;
    double left_s = (double)due_ns * 1e-9 - simgrid_get_clock();
    if (left_s >= 1e-9) {
      sg_actor_sleep_for(left_s);
      sim->stats.sleeps++;
    }
    flows->clock_ns = due_ns;
    return true;
  }
  if (due_ns == RS_TIME_NEVER) {
    sg_sem_acquire(flows->semaphore);
    return false;
  }
  double left_s = (double)due_ns * 1e-9 - simgrid_get_clock();
  if (left_s >= 1e-9) {
    sim->stats.sleeps++;
    if (rs_sg_sem_wait(flows->semaphore, left_s))
      return false; /* something ended, perhaps earlier and unseen: look again */
  }
  flows->clock_ns = due_ns;
  return true;
}
