/* gcs.c -- membership, the resource view, and who waits.
 *
 * A raylet registers with what it has; an incarnation that is not newer than one known is refused. Reports change the
 * node's entry; what changed is published to all raylets, at most once per gcs_publish_period_milliseconds: as a delta
 * to those that have the last version, as a snapshot to newcomers. A node is dead when the driver's health check or its
 * connection says so (PEER_DOWN), or when a newer incarnation of it registers; that is told to the raylets that asked
 * (SUBSCRIBE), and to the node itself, which then ends.
 *
 * Contention: every report tells whether nobody waits at that raylet, one (owner, key), or several. From the sum over
 * all nodes the raylets are told the same about the cluster, when it has lasted for worker_lease_timeout_milliseconds
 * and at most that often; raylet.c recalls old leases by it.
 *
 * Cost: a report O(log N); a publication O(changes) plus one message a raylet.
 * Invariants: the view's ALIVE entries are the nodes marked alive; waiting_nodes counts the nodes by their source.
 */
#include "core/gcs.h"

#include "core/gcs_int.h"
#include "core/raylet_int.h"

struct rs_gcs *rs_gcs_new(struct rs_endpoint *ep, const struct rs_start *start)
{
  (void)ep;
  struct rs_gcs *g = rs_alloc_zero(1, sizeof *g);
  g->view = rs_view_new();
  g->groups = rs_gcs_group_new();
  rs_list_init(&g->actors);
  rs_list_init(&g->classes);
  rs_list_init(&g->awaited);
  rs_list_init(&g->stopping);
  rs_list_init(&g->silent);
  rs_graves_init(&g->graves);
  g->types = start->node_types;
  g->type_count = start->node_type_count;
  g->alive_of_type = rs_alloc_zero(g->type_count, sizeof *g->alive_of_type);
  g->idle_check_at = RS_TIME_NEVER;
  return g;
}

void rs_gcs_free(struct rs_gcs *g)
{
  rs_gcs_actor_free_all(g);
  rs_gcs_kv_free(g);
  rs_gcs_job_free(g);
  rs_gcs_ended_free(g);
  rs_gcs_group_free_all(g->groups);
  for (int slot = 0; slot < 2; slot++)
    if (g->placer[slot])
      g->policy[slot]->destroy(g->placer[slot]);
  for (uint32_t i = 0; i < g->node_span; i++)
    free(g->nodes[i].shapes);
  rs_map_free(&g->waiting_nodes);
  rs_view_unref(g->view);
  free(g->nodes);
  free(g->changed);
  free(g->raylets);
  free(g->watchers);
  free(g->newcomers);
  free(g->subscribers);
  free(g->alive_of_type);
  free(g->launches);
  free(g);
}

const struct rs_view *rs_gcs_view(const struct rs_endpoint *ep)
{
  return ep->gcs->view;
}
uint32_t rs_gcs_actor_count(const struct rs_endpoint *ep)
{
  return ep->gcs->actor_count;
}
uint64_t rs_gcs_queued(const struct rs_endpoint *ep)
{
  return ep->gcs->queued;
}

struct gcs_node *rs_gcs_node_of(struct rs_gcs *g, rs_addr raylet)
{
  rs_node_id id = rs_addr_node(raylet);
  return id < g->node_span && g->nodes[id].alive && g->nodes[id].raylet == raylet ? &g->nodes[id] : NULL;
}

static void mark_changed(struct rs_gcs *g, rs_node_id id)
{
  if (g->nodes[id].changed)
    return;
  g->nodes[id].changed = true;
  RS_GROW(g->changed, g->changed_count, g->changed_cap);
  g->changed[g->changed_count++] = id;
}

static void set_entry(struct rs_endpoint *ep, rs_node_id id, const struct rs_view_node *entry)
{
  struct rs_gcs *g = ep->gcs;
  rs_view_set(&g->view, id, entry);
  mark_changed(g, id);
  for (int slot = 0; slot < 2; slot++)
    if (g->placer[slot])
      g->policy[slot]->node_changed(g->placer[slot], g->view, id);
  rs_gcs_group_node_changed(g, id);
  g->stirred = true;
}

/* What is left on a node: what it reported, less the actors that are on their way there. */
void rs_gcs_refresh(struct rs_endpoint *ep, rs_node_id id)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_node *node = &g->nodes[id];
  struct rs_view_node entry = *rs_view_get(g->view, id);
  entry.left = node->reported;
  entry.queued = node->queued > UINT32_MAX ? UINT32_MAX : (uint32_t)node->queued;
  entry.state = node->draining ? RS_NODE_DRAINING : RS_NODE_ALIVE;
  RS_LIST_EACH(&node->actors, at, after)
  {
    const struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, place_link);
    if (actor->class->demand->is.group_seq)
      continue; /* its bundle is deducted */
    if ((actor->phase == ACTOR_REQUESTED || actor->unreported) && rs_res_fits(&entry.left, &actor->class->demand->is))
      rs_res_take(&entry.left, &actor->class->demand->is);
  }
  rs_gcs_group_deduct(g, node->raylet, &entry.left);
  set_entry(ep, id, &entry);
}

/* ---- contention ---- */

static void set_waiting(struct rs_gcs *g, struct gcs_node *node, uint64_t waiting)
{
  if (node->waiting == waiting)
    return;
  if (node->waiting == RS_WAITING_MANY) {
    g->many_nodes--;
  } else if (node->waiting != RS_WAITING_NONE) {
    uint64_t *count = rs_map_find(&g->waiting_nodes, node->waiting);
    RS_ASSERT(count && *count > 0);
    if (--*count == 0)
      rs_map_remove(&g->waiting_nodes, node->waiting, NULL);
  }
  node->waiting = waiting;
  if (waiting == RS_WAITING_MANY) {
    g->many_nodes++;
  } else if (waiting != RS_WAITING_NONE) {
    uint64_t *count = rs_map_find(&g->waiting_nodes, waiting);
    rs_map_put(&g->waiting_nodes, waiting, count ? *count + 1 : 1);
  }
}

static uint64_t contention(const struct rs_gcs *g)
{
  uint32_t sources = g->waiting_nodes.count + (g->actors_waiting > 0);
  if (g->many_nodes || sources > 1)
    return RS_WAITING_MANY;
  if (sources == 0)
    return RS_WAITING_NONE;
  if (g->actors_waiting)
    return 2;                                         /* an actor waits: it is nobody's scheduling key */
  for (uint32_t i = 0; i < g->waiting_nodes.cap; i++) /* the only one there is */
    if (g->waiting_nodes.slots[i].key)
      return g->waiting_nodes.slots[i].key;
  return RS_WAITING_NONE;
}

/* Somebody who waits for less than the lease timeout is nobody's business; and the raylets are told at most that often.
 */
static uint64_t contention_due_at(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  uint64_t timeout_ns = (uint64_t)ep->config->worker_lease_timeout_milliseconds * RS_MS + RS_MS;
  uint64_t since = g->contention == RS_WAITING_NONE ? 0 : g->waiting_since;
  return rs_time_add(since > g->contention_told_at ? since : g->contention_told_at, timeout_ns);
}

static void tell_contention(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (ep->config->worker_lease_timeout_milliseconds == 0)
    return; /* every lease ends after one task: there is nothing to ask back */
  uint64_t old = g->contention;
  g->contention = contention(g);
  if (old == RS_WAITING_NONE)
    g->waiting_since = ep->now;
  if (g->contention == g->told_contention || ep->now < contention_due_at(ep))
    return;
  g->told_contention = g->contention;
  g->contention_told_at = ep->now;
  struct rs_m_contention *m = rs_msg_new(RS_MSG_CONTENTION);
  m->waiting = g->contention;
  rs_send_many(ep, g->raylets, g->raylet_count, m);
}

/* ---- membership ---- */

static bool remove_addr(rs_addr *list, uint32_t *count, rs_addr addr)
{
  for (uint32_t i = 0; i < *count; i++)
    if (list[i] == addr) {
      list[i] = list[--*count];
      return true;
    }
  return false;
}

static void remove_newcomer(struct rs_gcs *g, rs_addr addr)
{
  for (uint32_t i = 0; i < g->newcomer_count; i++)
    if (g->newcomers[i] == addr) {
      bool told = i < g->newcomers_told;
      for (; i + 1 < g->newcomer_count; i++) /* keep the order: the first newcomers_told have been told */
        g->newcomers[i] = g->newcomers[i + 1];
      g->newcomer_count--;
      g->newcomers_told -= told;
      return;
    }
}

void rs_gcs_declare_dead(struct rs_endpoint *ep, rs_node_id id, int reason)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_node *node = &g->nodes[id];
  RS_ASSERT(node->alive);
  node->alive = false;
  node->died_at = ep->now;
  node->death = node->ended ? RS_ERR_OK : reason; /* it was asked to */
  set_waiting(g, node, RS_WAITING_NONE);
  g->queued -= node->queued;
  node->queued = 0;
  node->shape_count = 0;
  remove_addr(g->raylets, &g->raylet_count, node->raylet);
  if (node->watching && !remove_addr(g->watchers, &g->watcher_count, node->raylet))
    remove_newcomer(g, node->raylet);
  node->watching = false;
  remove_addr(g->subscribers, &g->subscriber_count, node->raylet);
  struct rs_view_node entry = *rs_view_get(g->view, id);
  if (entry.info->node_type < g->type_count)
    g->alive_of_type[entry.info->node_type]--;
  entry.state = RS_NODE_DEAD;
  set_entry(ep, id, &entry);
  rs_trace(ep, RS_TRACE_NODE_DEAD, node->raylet, (uint64_t)(int64_t)reason, 0);
  struct rs_m_node_dead *m = rs_msg_new(RS_MSG_NODE_DEAD);
  m->raylet = node->raylet;
  rs_msg_ref(&m->head);
  rs_send_many(ep, g->subscribers, g->subscriber_count, m);
  rs_send(ep, node->raylet, m);
  rs_gcs_actor_on_node_dead(ep, node);
  rs_gcs_group_on_node_dead(ep, node->raylet);
}

static void watch(struct rs_gcs *g, struct gcs_node *node)
{
  if (node->watching)
    return;
  node->watching = true;
  RS_GROW(g->newcomers, g->newcomer_count, g->newcomer_cap);
  g->newcomers[g->newcomer_count++] = node->raylet;
}

static void on_register(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_register *m)
{
  struct rs_gcs *g = ep->gcs;
  rs_node_id id = rs_addr_node(raylet);
  if (id >= g->node_span) {
    uint32_t span = g->node_span ? g->node_span : 64;
    while (span <= id)
      span *= 2;
    struct gcs_node *nodes = rs_alloc_zero(span, sizeof *nodes);
    for (uint32_t i = 0; i < g->node_span; i++) { /* lists are rings: their heads cannot simply be copied */
      nodes[i] = g->nodes[i];
      rs_list_init(&nodes[i].actors);
      RS_LIST_EACH(&g->nodes[i].actors, at, after)
      {
        rs_list_remove(at);
        rs_list_push_back(&nodes[i].actors, at);
      }
    }
    for (uint32_t i = g->node_span; i < span; i++)
      rs_list_init(&nodes[i].actors);
    free(g->nodes);
    g->nodes = nodes;
    g->node_span = span;
  }
  struct gcs_node *node = &g->nodes[id];
  bool newer = rs_addr_incarnation(raylet) > rs_addr_incarnation(node->raylet);
  struct rs_m_register_reply *reply = rs_msg_new(RS_MSG_REGISTER_REPLY);
  reply->accepted = node->raylet == RS_ADDR_NONE || newer;
  reply->waiting = g->told_contention;
  rs_send(ep, raylet, reply);
  if (!reply->accepted)
    return;
  if (node->alive)
    rs_gcs_declare_dead(ep, id, RS_ERR_NODE_DIED);
  node->raylet = raylet;
  node->alive = true;
  node->draining = node->ended = false;
  node->introduced = true;
  node->busy = false;
  node->idle_since = ep->now;
  node->wanted_until = 0;
  node->reported = m->info->total;
  struct rs_view_node entry = {.info = m->info, .raylet = raylet, .state = RS_NODE_ALIVE, .left = m->info->total};
  set_entry(ep, id, &entry);
  RS_GROW(g->raylets, g->raylet_count, g->raylet_cap);
  g->raylets[g->raylet_count++] = raylet;
  if (ep->config->gcs_publish_to_all)
    watch(g, node);
  if (m->info->node_type < g->type_count) {
    g->alive_of_type[m->info->node_type]++;
    rs_autoscaler_on_registered(g, m->info->node_type);
    rs_autoscaler_on_idle(ep, node);
  }
  rs_trace(ep, RS_TRACE_NODE_UP, raylet, (uint64_t)m->info->total.cpu_e4, 0);
}

static void on_report(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_report *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_node *node = rs_gcs_node_of(g, raylet);
  if (!node) { /* it does not know yet that it was declared dead */
    struct rs_m_node_dead *dead = rs_msg_new(RS_MSG_NODE_DEAD);
    dead->raylet = raylet;
    rs_send(ep, raylet, dead);
    return;
  }
  rs_node_id id = rs_addr_node(raylet);
  node->reported = m->left;
  g->queued += m->queued;
  g->queued -= node->queued;
  node->queued = m->queued;
  set_waiting(g, node, m->waiting);
  free(node->shapes);
  node->shapes = rs_memdup(m->shapes, m->shapes_count * sizeof *m->shapes);
  node->shape_count = m->shapes_count;
  node->draining = node->draining || m->draining;
  if (m->busy) {
    node->busy = true;
  } else if (node->busy) {
    node->busy = false;
    node->idle_since = ep->now;
  }
  struct rs_view_node entry = *rs_view_get(g->view, id);
  entry.report_seq = m->seq;
  rs_view_set(&g->view, id, &entry);
  rs_gcs_actor_on_report(ep, node);
  rs_gcs_group_on_report(g, raylet);
  rs_gcs_refresh(ep, id);
  if (!node->busy)
    rs_autoscaler_on_idle(ep, node);
}

/* ---- publishing ---- */

static uint64_t publish_due_at(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  return g->ever_published
             ? rs_time_add(g->last_publish_at, (uint64_t)ep->config->gcs_publish_period_milliseconds * RS_MS)
             : 0;
}

static struct rs_entry entry_of(const struct rs_gcs *g, rs_node_id id, bool with_info)
{
  const struct rs_view_node *node = rs_view_get(g->view, id);
  return (struct rs_entry){.node = id,
                           .raylet = node->raylet,
                           .report_seq = node->report_seq,
                           .queued = node->queued,
                           .state = node->state,
                           .left = node->left,
                           .info = with_info ? rs_node_info_ref(node->info) : NULL};
}

static struct rs_view_msg *view_message(struct rs_gcs *g, uint64_t from_version, uint32_t count)
{
  struct rs_view_msg *m = rs_msg_new(RS_MSG_VIEW);
  m->m.from_version = from_version;
  m->m.version = g->version;
  m->m.nodes = rs_alloc(count * sizeof *m->m.nodes);
  m->view = rs_view_ref(g->view);
  return m;
}

static void merge_newcomers(struct rs_gcs *g)
{
  for (uint32_t i = 0; i < g->newcomers_told; i++) {
    RS_GROW(g->watchers, g->watcher_count, g->watcher_cap);
    g->watchers[g->watcher_count++] = g->newcomers[i];
  }
  for (uint32_t i = g->newcomers_told; i < g->newcomer_count; i++)
    g->newcomers[i - g->newcomers_told] = g->newcomers[i];
  g->newcomer_count -= g->newcomers_told;
  g->newcomers_told = 0;
}

static uint64_t snapshot_due_at(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  uint64_t period_ns = (uint64_t)ep->config->gcs_publish_period_milliseconds * RS_MS;
  if (ep->config->gcs_publish_to_all)
    return publish_due_at(ep);
  return g->ever_snapshot ? rs_time_add(g->last_snapshot_at, period_ns) : 0;
}

static void publish_delta(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (g->changed_count == 0 || ep->now < publish_due_at(ep))
    return;
  if (g->watcher_count == 0 && g->newcomer_count == 0) { /* nobody looks: the first snapshot will have it all */
    for (uint32_t i = 0; i < g->changed_count; i++)
      g->nodes[g->changed[i]].changed = g->nodes[g->changed[i]].introduced = false;
    g->changed_count = 0;
    return;
  }
  g->ever_published = true;
  g->last_publish_at = ep->now;
  g->version++;
  struct rs_view_msg *delta = view_message(g, g->version - 1, g->changed_count);
  for (uint32_t i = 0; i < g->changed_count; i++) {
    struct gcs_node *node = &g->nodes[g->changed[i]];
    delta->m.nodes[delta->m.nodes_count++] = entry_of(g, g->changed[i], node->introduced);
    node->changed = node->introduced = false;
  }
  g->changed_count = 0;
  rs_send_many(ep, g->watchers, g->watcher_count, delta);
}

/* The whole view to those that have none yet: at once, but no more often than versions are published. */
static void publish_snapshot(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (g->newcomer_count == 0)
    return;
  g->ever_snapshot = true;
  g->last_snapshot_at = ep->now;
  g->version = g->version ? g->version : 1;
  uint32_t span = rs_view_span(g->view);
  struct rs_view_msg *whole = view_message(g, 0, span);
  for (rs_node_id id = 0; id < span; id++)
    if (rs_view_get(g->view, id))
      whole->m.nodes[whole->m.nodes_count++] = entry_of(g, id, true);
  rs_send_many(ep, g->newcomers, g->newcomer_count, whole);
  g->newcomers_told = g->newcomer_count;
}

/* ---- the role ---- */

bool rs_gcs_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  struct rs_gcs *g = ep->gcs;
  switch (msg->type) {
  case RS_MSG_REGISTER: on_register(ep, from, (const void *)msg); return true;
  case RS_MSG_REPORT: on_report(ep, from, (const void *)msg); return true;
  case RS_MSG_SUBSCRIBE:
    if (rs_gcs_node_of(g, from)) {
      RS_GROW(g->subscribers, g->subscriber_count, g->subscriber_cap);
      g->subscribers[g->subscriber_count++] = from;
    }
    return true;
  case RS_MSG_WATCH: {
    struct gcs_node *node = rs_gcs_node_of(g, from);
    if (node)
      watch(g, node);
    return true;
  }
  case RS_MSG_KV: rs_gcs_kv_on_message(ep, from, (const void *)msg); return true;
  case RS_MSG_JOB_START: rs_gcs_job_on_start(ep, from, (const void *)msg); return true;
  case RS_MSG_JOB_ENV: rs_gcs_job_on_env(ep, from, (const void *)msg); return true;
  case RS_MSG_JOB_END: rs_gcs_job_on_end(ep, from, (const void *)msg); return true;
  case RS_MSG_TASK_EVENTS: rs_gcs_ended_on_events(ep, (const void *)msg); return true;
  default: return rs_gcs_group_on_message(ep, from, msg) || rs_gcs_actor_on_message(ep, from, msg);
  }
}

void rs_gcs_prefetch(const struct rs_gcs *g, rs_addr from, const struct rs_msg *msg, unsigned step)
{
  rs_node_id id = rs_addr_node(from);
  if (msg->type != RS_MSG_REPORT || id >= g->node_span)
    return;
  if (step == 1) {
    rs_prefetch(&g->nodes[id], sizeof g->nodes[id]);
    rs_prefetch(msg, sizeof(struct rs_m_report));
  } else {
    const struct rs_view_node *entry = rs_view_get(g->view, id);
    if (entry)
      rs_prefetch(entry, sizeof *entry);
  }
}

void rs_gcs_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct gcs_node *node = rs_gcs_node_of(ep->gcs, peer);
  if (node)
    rs_gcs_declare_dead(ep, rs_addr_node(peer), RS_ERR_NODE_DIED);
  rs_gcs_actor_on_worker_down(ep, peer);
  rs_gcs_actor_on_owner_down(ep, peer);
  rs_gcs_job_on_driver_down(ep, peer);
  rs_gcs_group_on_peer_down(ep, peer);
}

void rs_gcs_on_host(struct rs_endpoint *ep, uint64_t request, bool up, rs_addr raylet)
{
  rs_autoscaler_on_host(ep, request, up);
  if (!up && raylet != RS_ADDR_NONE)
    rs_gcs_on_peer_down(ep, raylet);
}

void rs_gcs_settle(struct rs_endpoint *ep)
{
  merge_newcomers(ep->gcs);
  rs_gcs_actor_settle(ep);
  rs_gcs_group_settle(ep);
  rs_gcs_actor_schedule(ep);
  rs_autoscaler_settle(ep);
  tell_contention(ep);
  bool snapshot_due = ep->now >= snapshot_due_at(ep); /* before a delta, which may share its clock */
  publish_delta(ep);
  if (snapshot_due)
    publish_snapshot(ep); /* after it: whoever gets a snapshot now is a watcher only from the next step on */
}

uint64_t rs_gcs_deadline(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  uint64_t deadline = rs_time_min(rs_autoscaler_deadline(ep), rs_gcs_actor_deadline(ep));
  deadline = rs_time_min(deadline, rs_gcs_group_deadline(g));
  if (g->changed_count && (g->watcher_count || g->newcomer_count))
    deadline = rs_time_min(deadline, publish_due_at(ep));
  if (g->newcomer_count > g->newcomers_told)
    deadline = rs_time_min(deadline, snapshot_due_at(ep));
  if (g->contention != g->told_contention)
    deadline = rs_time_min(deadline, contention_due_at(ep));
  return deadline;
}

void rs_gcs_sanity_check(const struct rs_gcs *g)
{
  uint32_t alive = 0;
  uint64_t queued = 0;
  for (uint32_t i = 0; i < g->node_span; i++) {
    const struct gcs_node *node = &g->nodes[i];
    const struct rs_view_node *entry = rs_view_get(g->view, i);
    RS_ASSERT(!node->alive || (entry && entry->raylet == node->raylet && entry->state != RS_NODE_DEAD));
    alive += node->alive && entry->state == RS_NODE_ALIVE;
    queued += node->alive ? node->queued : 0;
    RS_ASSERT(node->alive || node->waiting == RS_WAITING_NONE);
  }
  RS_ASSERT(alive == rs_view_alive(g->view) && queued == g->queued);
  uint32_t actors = 0, waiting = 0;
  for (const struct rs_link *at = g->actors.next; at != &g->actors; at = at->next, actors++)
    waiting += RS_ENTRY(at, struct gcs_actor, all_link)->phase == ACTOR_WAITING;
  RS_ASSERT(actors == g->actor_count && waiting == g->actors_waiting);
  rs_gcs_group_sanity_check(g);
}
