/* swarm_fault.c -- what goes wrong in swarm mode: connections that break, partitions, processes and hosts that end.
 *
 * A break draws what is lost and when each end hears of it (see swarm_net.c). Faults come from the plan; those that
 * need a victim take it out of what lives at that moment, by the number that was drawn for them.
 *
 * Cost: killing an endpoint looks at every connection, a node at every endpoint for each of its own.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "sim/swarm_net_int.h"

/* ---- connections ---- */

/* Until when nothing passes between two nodes; 0: it does. */
uint64_t swarm_net_parted(const struct swarm_net *n, rs_addr a, rs_addr b)
{
  const struct node *x = &n->nodes[rs_addr_node(a)], *y = &n->nodes[rs_addr_node(b)];
  uint64_t until = 0;
  if (x->cut_until_ns > n->now && !(y->cut_until_ns > n->now && x->side == y->side))
    until = x->cut_until_ns;
  if (y->cut_until_ns > n->now && !(x->cut_until_ns > n->now && x->side == y->side) && y->cut_until_ns > until)
    until = y->cut_until_ns;
  return until;
}

/* The connection is lost: a suffix each way, then both ends that live hear of it within `notice_ns`. */
static void break_conn(struct swarm_net *n, struct conn *conn, uint64_t notice_ns)
{
  if (!conn->open)
    return;
  conn->open = false;
  uint64_t heard[2];
  for (int d = 0; d < 2; d++) { /* way d ends at end[1 - d] */
    struct way *way = &conn->way[d];
    uint32_t flying = way->sent - way->arrived;
    way->cut = way->arrived + (uint32_t)swarm_net_up_to(n, flying);
    if (n->nodes[rs_addr_node(conn->end[d])].up == false) /* a silent host: nothing more comes out of it */
      way->cut = way->arrived;
    way->epoch++;
    way->trying = false; /* the break tells both ends */
    way->sent = way->arrived = way->newest_view = 0;
    uint64_t due = n->now + 1 + swarm_net_up_to(n, notice_ns);
    if (due < way->floor_ns && way->cut)
      due = way->floor_ns;
    if (due < way->down_ns) /* of the break before, which comes first */
      due = way->down_ns;
    way->floor_ns = way->down_ns = due;
    heard[1 - d] = due;
  }
  for (int e = 0; e < 2; e++) {
    conn->way[e].deaf_ns = heard[e];
    swarm_net_push(n,
                   (struct event){.due_ns = heard[e], .kind = EV_DOWN, .to = conn->end[e], .from = conn->end[1 - e]});
  }
}

/* ---- processes and nodes ---- */

void swarm_net_kill(struct swarm_net *n, struct place *p, bool fault, uint64_t notice_ns)
{
  rs_addr addr = p->addr;
  swarm_net_note(n, addr);
  rs_check_death(n->checker, addr, fault);
  swarm_net_take_place(n, p);
  for (uint32_t i = 0; i < n->conn_count; i++)
    if (n->conn_list[i]->end[0] == addr || n->conn_list[i]->end[1] == addr)
      break_conn(n, n->conn_list[i], notice_ns);
}

static uint64_t health_ns(const struct swarm_net *n)
{
  const struct rs_config *c = &n->plan->config;
  return (uint64_t)(c->health_check_period_ms * c->health_check_failure_threshold + c->health_check_timeout_ms) * RS_MS;
}

/* silent: nobody hears of it before time has passed. */
void swarm_net_node_down(struct swarm_net *n, rs_node_id id, bool fault, bool silent)
{
  struct node *node = &n->nodes[id];
  if (!node->up)
    return;
  node->up = !silent; /* while its connections are broken: of a silent host nothing more comes out */
  rs_addr raylet = rs_addr_make(id, node->incarnation, RS_EP_RAYLET);
  rs_check_death(n->checker, raylet, fault);
  for (bool found = true; found;) {
    found = false;
    for (uint32_t i = 0; i < n->list_count && !found; i++)
      if (rs_addr_node(n->list[i]->addr) == id) {
        swarm_net_kill(n, n->list[i], fault, silent ? health_ns(n) : 5 * RS_MS);
        found = true;
      }
  }
  node->up = false;
  n->stored -= node->stored; /* its entries stay: they carry its incarnation, and are never asked for again */
  node->stored = 0;
}

void swarm_net_node_up(struct swarm_net *n, rs_node_id id, struct rs_node_info *info)
{
  while (id >= n->node_count) {
    RS_GROW(n->nodes, n->node_count, n->node_cap);
    n->nodes[n->node_count++] = (struct node){0};
  }
  struct node *node = &n->nodes[id];
  RS_ASSERT(!node->up);
  node->info = info;
  node->up = true;
  node->incarnation++;
  node->origin_ns = UINT64_C(1) << 40 | rs_rng_below(&n->rng, UINT64_C(1) << 40);
  node->drift_ppm = (int64_t)swarm_net_up_to(n, 2 * n->plan->drift_ppm) - (int64_t)n->plan->drift_ppm;
  if (id == 0)
    swarm_net_add_place(n, RS_ROLE_GCS, rs_addr_make(0, 1, RS_EP_GCS), NULL);
  swarm_net_add_place(n, RS_ROLE_RAYLET, rs_addr_make(id, node->incarnation, RS_EP_RAYLET), info);
}

/* ---- faults ---- */

static void crash_worker(struct swarm_net *n, const struct swarm_fault *f)
{
  uint32_t count = 0;
  for (uint32_t pass = 0, nth = 0; pass < 2; pass++) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < n->list_count; i++) {
      struct place *p = n->list[i];
      if (rs_addr_ep(p->addr) < RS_EP_WORKER || rs_addr_ep(p->addr) >= RS_EP_DRIVER)
        continue;
      if (pass == 1 && seen == nth) {
        swarm_net_kill(n, p, true, 5 * RS_MS);
        return;
      }
      seen++;
    }
    count = seen;
    if (!count)
      return;
    nth = (uint32_t)(f->draw % count);
  }
}

/* Those whose break is survived: not that of a process and its own raylet, nor the head and a raylet (that is a
 * node's). */
static bool may_break(const struct swarm_net *n, const struct conn *conn)
{
  if (!conn->open || !swarm_net_place(n, conn->end[0]) || !swarm_net_place(n, conn->end[1]))
    return false;
  for (int e = 0; e < 2; e++) {
    rs_addr a = conn->end[e], b = conn->end[1 - e];
    if (rs_addr_ep(a) == RS_EP_RAYLET && (b == rs_addr_make(0, 1, RS_EP_GCS) || rs_addr_same_node(a, b)))
      return false;
  }
  return true;
}

static void break_one(struct swarm_net *n, const struct swarm_fault *f)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < n->conn_count; i++)
    count += may_break(n, n->conn_list[i]);
  if (!count)
    return;
  uint32_t nth = (uint32_t)(f->draw % count);
  for (uint32_t i = 0; i < n->conn_count; i++) {
    struct conn *conn = n->conn_list[i];
    if (!may_break(n, conn) || nth-- > 0)
      continue;
    rs_check_taint(n->checker, conn->end[0]);
    rs_check_taint(n->checker, conn->end[1]);
    break_conn(n, conn, 50 * RS_MS);
    return;
  }
}

static void partition(struct swarm_net *n, const struct swarm_fault *f)
{
  n->sides++;
  bool noticed = f->for_ns > health_ns(n);
  for (uint32_t i = f->node; i < f->node + f->count && i < n->node_count; i++) {
    struct node *node = &n->nodes[i];
    node->cut_until_ns = n->now + f->for_ns;
    node->side = n->sides;
  }
  for (uint32_t i = 0; i < n->list_count; i++)
    if (n->nodes[rs_addr_node(n->list[i]->addr)].side == n->sides)
      rs_check_taint(n->checker, n->list[i]->addr);
  for (uint32_t i = 0; i < n->conn_count; i++) {
    struct conn *conn = n->conn_list[i];
    if (!conn->open || !swarm_net_parted(n, conn->end[0], conn->end[1]))
      continue;
    rs_check_taint(n->checker, conn->end[0]);
    rs_check_taint(n->checker, conn->end[1]);
    if (noticed) {
      for (int d = 0; d < 2; d++)
        conn->way[d].floor_ns = n->now;
      break_conn(n, conn, health_ns(n));
      for (int d = 0; d < 2; d++)
        conn->way[d].cut = 0;
    } else {
      for (int d = 0; d < 2; d++)
        if (conn->way[d].floor_ns < n->now + f->for_ns)
          conn->way[d].floor_ns = n->now + f->for_ns;
    }
  }
}

void swarm_net_fault(struct swarm_net *n, const struct swarm_fault *f)
{
  swarm_net_note(n, f->kind);
  switch (f->kind) {
  case SWARM_WORKER_CRASH: crash_worker(n, f); break;
  case SWARM_NODE_CRASH:
  case SWARM_NODE_KILL:
    if (!n->nodes[f->node].up)
      break;
    swarm_net_node_down(n, f->node, true, f->kind == SWARM_NODE_CRASH);
    break;
  case SWARM_BREAK: break_one(n, f); break;
  case SWARM_PARTITION: partition(n, f); break;
  case SWARM_FAULTS: break;
  }
  if (f->kind != SWARM_WORKER_CRASH && f->kind != SWARM_BREAK) /* whatever is down by then starts again */
    swarm_net_push(n, (struct event){.due_ns = n->now + f->for_ns, .kind = EV_NODE, .to = f->node, .from = f->count});
}
