/* net.c -- control messages: NIC bookings, latencies, connections, partitions (see net.h).
 *
 * Model, as docs/simulator.md tells it: due = max(NIC free, send time) + bytes / bandwidth + latency. Within a node the
 * NIC's place is taken by the sender's own pipe. A message to an endpoint that is gone comes back as SEND_FAILED: after
 * a round trip where the host's kernel answers, after opts.connect_ns where nothing does. On a connection to a host
 * that died silently it is lost, and PEER_DOWN follows when the health check notices. Across a partition messages wait
 * for its end; where the health check notices first, they are lost and PEER_DOWN comes to both ends.
 *
 * Costs: a send O(1) (at most one hash look-up each for address and connection). */
#include "sim/net.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/faithful.h"
#include "sim/simgrid_compat.h"

#define FS_PER_NS UINT64_C(1000000)
enum { ROUTE_SLOTS = 1 << 16 };

static uint64_t fs_per_byte(uint64_t bytes_per_s)
{
  return bytes_per_s ? UINT64_C(1000000000000000) / bytes_per_s : 0;
}

void sim_net_init(struct rs_sim *sim)
{
  struct sim_net *net = &sim->net;
  const struct rs_sim_net *given = &sim->cluster->net;
  net->nic_fs = fs_per_byte(given->nic_bytes_per_s);
  net->local_fs = fs_per_byte(sim->cost->local_bytes_per_s);
  net->latency_ns = given->latency_ns;
  net->rack_latency_ns = given->nodes_per_rack ? given->rack_latency_ns : 0;
  net->platform = sim->cluster->platform != NULL;
  if (net->platform)
    net->routes = rs_alloc_zero(ROUTE_SLOTS, sizeof *net->routes);
}

void sim_net_free(struct rs_sim *sim)
{
  rs_map_free(&sim->net.pairs);
  free(sim->net.conns);
  free(sim->net.routes);
}

/* ---- routes ---- */

static const struct sim_route *route(struct rs_sim *sim, uint32_t from, uint32_t to)
{
  uint64_t key = (uint64_t)from << 32 | to;
  struct sim_route *slot = &sim->net.routes[rs_mix64(key) % ROUTE_SLOTS];
  if (slot->key != key) {
    sg_host_t a = sim->nodes[from].host, b = sim->nodes[to].host;
    double bytes_per_s = sg_host_get_route_bandwidth(a, b);
    slot->key = key;
    slot->latency_ns = (uint64_t)(sg_host_get_route_latency(a, b) * 1e9 + 0.5);
    slot->fs = bytes_per_s > 0 ? (uint64_t)(1e15 / bytes_per_s) : 0;
  }
  return slot;
}

uint64_t sim_latency(struct rs_sim *sim, uint32_t from, uint32_t to)
{
  if (from == to)
    return sim->cost->local_latency_ns;
  if (sim->net.platform)
    return route(sim, from, to)->latency_ns;
  if (sim->nodes[from].rack == sim->nodes[to].rack)
    return sim->net.latency_ns;
  /* one uplink to the head, which hangs from the core, two between racks */
  return sim->net.latency_ns + (from && to ? sim->net.rack_latency_ns : sim->net.rack_latency_ns / 2);
}

uint64_t sim_route_fs(struct rs_sim *sim, uint32_t from, uint32_t to)
{
  return sim->net.platform ? route(sim, from, to)->fs : sim->net.nic_fs;
}

uint64_t sim_nic_book(struct sim_nic *nic, uint64_t ns, uint64_t fs)
{
  uint64_t takes_ns = fs / FS_PER_NS;
  uint64_t begin = ns > nic->gap_from_ns ? ns : nic->gap_from_ns;
  if (begin + takes_ns <= nic->gap_to_ns && begin < nic->gap_to_ns) {
    nic->gap_from_ns = begin + takes_ns;
    return begin + takes_ns;
  }
  begin = nic->free_ns;
  if (ns > begin) {
    nic->gap_from_ns = begin;
    nic->gap_to_ns = ns;
    begin = ns;
  }
  nic->free_ns = begin + takes_ns;
  return nic->free_ns;
}

/* ---- connections ---- */

static bool always_connected(const struct rs_sim *sim, uint32_t a, uint32_t b)
{
  const struct sim_ep *x = &sim->eps[a], *y = &sim->eps[b];
  if (a == sim->gcs_ep || b == sim->gcs_ep)
    return x->role == RS_COST_RAYLET || y->role == RS_COST_RAYLET;
  return x->node == y->node && ((x->role == RS_COST_RAYLET && y->role == RS_COST_WORKER) ||
                                (y->role == RS_COST_RAYLET && x->role == RS_COST_WORKER));
}

static uint64_t pair_key(uint32_t a, uint32_t b)
{
  return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static void link_conn(struct rs_sim *sim, uint32_t conn, int side)
{
  struct sim_net *net = &sim->net;
  struct sim_conn *c = &net->conns[conn];
  struct sim_ep *ep = &sim->eps[c->ep[side]];
  c->prev[side] = 0;
  c->next[side] = ep->conns;
  if (ep->conns) {
    struct sim_conn *head = &net->conns[ep->conns];
    head->prev[head->ep[1] == c->ep[side]] = conn;
  }
  ep->conns = conn;
}

static void unlink_conn(struct rs_sim *sim, uint32_t conn, int side)
{
  struct sim_net *net = &sim->net;
  struct sim_conn *c = &net->conns[conn];
  uint32_t self = c->ep[side];
  if (c->prev[side])
    net->conns[c->prev[side]].next[net->conns[c->prev[side]].ep[1] == self] = c->next[side];
  else
    sim->eps[self].conns = c->next[side];
  if (c->next[side])
    net->conns[c->next[side]].prev[net->conns[c->next[side]].ep[1] == self] = c->prev[side];
}

static void connect_pair(struct rs_sim *sim, uint32_t a, uint32_t b)
{
  struct sim_net *net = &sim->net;
  uint64_t key = pair_key(a, b);
  if (sim->eps[a].peer == b || sim->eps[b].peer == a)
    return;
  sim->eps[a].peer = b;
  sim->eps[b].peer = a;
  if (rs_map_find(&net->pairs, key))
    return;
  uint32_t conn = net->conn_free;
  if (conn) {
    net->conn_free = net->conns[conn].next[0];
  } else {
    if (net->conn_count + 1 >= net->conn_cap) {
      net->conn_cap = net->conn_cap ? 2 * net->conn_cap : 256;
      net->conns = rs_realloc(net->conns, net->conn_cap, sizeof *net->conns);
    }
    conn = ++net->conn_count;
  }
  net->conns[conn].ep[0] = a;
  net->conns[conn].ep[1] = b;
  link_conn(sim, conn, 0);
  link_conn(sim, conn, 1);
  rs_map_put(&net->pairs, key, conn);
  net->conn_alive++;
}

void sim_connect(struct rs_sim *sim, uint32_t a, uint32_t b)
{
  if (a != b && !always_connected(sim, a, b))
    connect_pair(sim, a, b);
}

static void disconnect(struct rs_sim *sim, uint32_t conn)
{
  struct sim_net *net = &sim->net;
  struct sim_conn *c = &net->conns[conn];
  for (int side = 0; side < 2; side++) {
    unlink_conn(sim, conn, side);
    if (sim->eps[c->ep[side]].peer == c->ep[!side])
      sim->eps[c->ep[side]].peer = 0;
  }
  rs_map_remove(&net->pairs, pair_key(c->ep[0], c->ep[1]), NULL);
  c->next[0] = net->conn_free;
  net->conn_free = conn;
  net->conn_alive--;
}

static void peer_down(struct rs_sim *sim, uint32_t ep, uint32_t dead, uint64_t ns)
{
  if (sim->eps[ep].core)
    sim_peer_down(sim, ns, ep, sim->eps[dead].self);
}

void sim_conns_break(struct rs_sim *sim, uint32_t ep, uint64_t ns)
{
  uint64_t after = ns > sim->eps[ep].out_free_ns ? ns : sim->eps[ep].out_free_ns;
  while (sim->eps[ep].conns) {
    struct sim_conn *c = &sim->net.conns[sim->eps[ep].conns];
    uint32_t other = c->ep[c->ep[0] == ep];
    disconnect(sim, sim->eps[ep].conns);
    peer_down(sim, other, ep, after + sim_latency(sim, sim->eps[ep].node, sim->eps[other].node));
  }
}

void sim_conns_cut(struct rs_sim *sim, uint32_t node)
{
  for (uint32_t ep = sim->nodes[node].endpoints; ep; ep = sim->eps[ep].next_on_node)
    for (uint32_t conn = sim->eps[ep].conns, next; conn; conn = next) {
      struct sim_conn *c = &sim->net.conns[conn];
      int side = c->ep[1] == ep;
      next = c->next[side];
      uint32_t other = c->ep[!side];
      if (sim->nodes[sim->eps[other].node].cut == sim->nodes[node].cut)
        continue;
      disconnect(sim, conn);
      peer_down(sim, other, ep, sim->now_ns);
      peer_down(sim, ep, other, sim->now_ns);
    }
}

/* ---- partitions and the health check ---- */

uint64_t sim_health_noticed(const struct rs_sim *sim, uint32_t node, uint64_t ns)
{
  const struct rs_config *config = sim->config;
  uint64_t period = (uint64_t)config->health_check_period_ms * RS_MS;
  uint64_t first = sim->nodes[node].up_ns + (uint64_t)config->health_check_initial_delay_ms * RS_MS;
  uint64_t unanswered = first;
  if (ns > first)
    unanswered = first + (ns - first + period - 1) / period * period;
  uint64_t failures = (uint64_t)config->health_check_failure_threshold;
  return unanswered + failures * (uint64_t)config->health_check_timeout_ms * RS_MS + (failures - 1) * period;
}

/* Between two nodes of different partitions: until when it lasts, and when it is noticed. */
static void cut_between(const struct rs_sim *sim, uint32_t a, uint32_t b, uint64_t *heal_ns, uint64_t *noticed_ns)
{
  *heal_ns = 0;
  *noticed_ns = RS_TIME_NEVER;
  uint32_t nodes[2] = {a, b};
  for (int i = 0; i < 2; i++)
    if (sim->nodes[nodes[i]].cut) {
      const struct sim_cut *cut = &sim->cuts[sim->nodes[nodes[i]].cut];
      uint64_t noticed = sim_health_noticed(sim, nodes[i], cut->begin_ns);
      *heal_ns = cut->heal_ns > *heal_ns ? cut->heal_ns : *heal_ns;
      *noticed_ns = noticed < *noticed_ns ? noticed : *noticed_ns;
    }
}

/* ---- sending ---- */

static void send_failed(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to)
{
  sim_input(sim, ns, from, RS_IN_SEND_FAILED, to);
}

/* The same message through its wire form. Takes over `msg`. */
static struct rs_msg *recode(struct rs_sim *sim, struct rs_msg *msg)
{
  size_t size = rs_msg_wire_bytes(msg);
  if (size > sim->codec_cap) {
    sim->codec_cap = 2 * size;
    sim->codec_buffer = rs_realloc(sim->codec_buffer, sim->codec_cap, 1);
  }
  size_t written = rs_msg_encode(msg, sim->codec_buffer, sim->codec_cap);
  RS_ASSERT(written == size);
  struct rs_msg *copy = NULL;
  int failed = rs_msg_decode(sim->codec_buffer, size, &copy);
  RS_ASSERT(failed == 0);
  rs_msg_unref(msg);
  return copy;
}

struct rs_msg *sim_recode(struct rs_sim *sim, struct rs_msg *msg)
{
  return sim->opts.codec_forced ? recode(sim, msg) : msg;
}

static void arrive(struct rs_sim *sim, uint64_t due_ns, uint32_t ep, rs_addr from, rs_addr to, struct rs_msg *msg)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = RS_IN_MESSAGE, .ep = ep, .to = to, .peer = from, .msg = msg};
  sim_push(sim, due_ns, SIM_EV_INPUT, rec);
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static void send_local(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to, struct rs_msg *msg, uint64_t bytes)
{
  struct sim_ep *ep = &sim->eps[from];
  ep->out_free_ns = later(ns, ep->out_free_ns) + bytes * sim->net.local_fs / FS_PER_NS;
  uint64_t due = ep->out_free_ns + sim->cost->local_latency_ns;
  sim->stats.local_messages++;
  uint32_t target = sim_ep_find(sim, to);
  if (!target || !sim->eps[target].core) {
    send_failed(sim, from, due, to);
    rs_msg_unref(msg);
    return;
  }
  if (target != from && !always_connected(sim, from, target))
    connect_pair(sim, from, target);
  arrive(sim, due, target, ep->self, to, msg);
}

void sim_send(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to, struct rs_msg *msg)
{
  struct sim_ep *ep = &sim->eps[from];
  uint64_t bytes = rs_msg_wire_bytes(msg) + sim->cost->frame_bytes;
  sim->stats.messages++;
  sim->stats.bytes += bytes;
  sim->stats.by_type[msg->type]++;
  msg = sim_recode(sim, msg);
  if (sim->measured) {
    sim_measured_send(sim, from, ns, to, msg);
    return;
  }
  if (rs_addr_same_node(ep->self, to)) {
    send_local(sim, from, ns, to, msg, bytes);
    return;
  }
  uint32_t node = rs_addr_node(to), target = sim_ep_find(sim, to);
  if (node >= sim->node_count) {
    send_failed(sim, from, ns, to);
    rs_msg_unref(msg);
    return;
  }
  struct sim_node *here = &sim->nodes[ep->node];
  bool faithful = sim->faithful != NULL;
  uint64_t left =
      faithful ? ns : sim_nic_book(&here->nic, later(ns, ep->out_free_ns), bytes * sim_route_fs(sim, ep->node, node));
  uint64_t latency = sim_latency(sim, ep->node, node), due = left + latency;
  ep->out_free_ns = left;
  if (!target || !sim->eps[target].core) {
    bool answers = sim->nodes[node].state != SIM_NODE_SILENT && sim->nodes[node].state != SIM_NODE_FAILED;
    if (!target || !rs_map_find(&sim->net.pairs, pair_key(from, target)))
      if (!target || !always_connected(sim, from, target))
        send_failed(sim, from, answers ? due + latency : ns + sim->opts.connect_ns, to);
    rs_msg_unref(msg);
    return;
  }
  bool implicit = always_connected(sim, from, target);
  if (here->cut != sim->nodes[node].cut) {
    uint64_t heal_ns, noticed_ns;
    cut_between(sim, ep->node, node, &heal_ns, &noticed_ns);
    bool connected = implicit || rs_map_find(&sim->net.pairs, pair_key(from, target));
    if (heal_ns > noticed_ns || (!connected && heal_ns > ns + sim->opts.connect_ns)) {
      if (!connected || ns >= noticed_ns)
        send_failed(sim, from, ns + sim->opts.connect_ns, to);
      rs_msg_unref(msg);
      return;
    }
    due = heal_ns + latency; /* all that waits comes then, in the order of sending */
    faithful = false;
  }
  if (!implicit)
    connect_pair(sim, from, target);
  if (faithful) {
    faithful_send(sim, from, ns, target, to, msg, bytes);
    return;
  }
  arrive(sim, due, target, ep->self, to, msg);
}
