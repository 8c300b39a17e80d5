/* gcs_actor.c -- the actor table: where actors are created, and what happens when they die.
 *
 * An actor that is to be created waits in the queue of those that ask for the same. The policy picks a node out of the
 * GCS's own view (the freshest there is); the raylet there is asked for a worker like for any spilled lease, and may
 * refuse. On the grant the creation task is pushed to the worker; when that has succeeded the actor is alive, and its
 * owner is told where, to call it directly. What is on its way to a node is deducted from the node's entry until a
 * report of the node shows it.
 *
 * An actor that dies is created again while it has restarts left (a node that dies before the actor was alive costs
 * none); then it is dead for good, and its owner is told why. The actors of an owner that dies go with it.
 *
 * Invariants: actor_by_request holds exactly the actors in phase REQUESTED, actor_by_worker those in CREATING and
 * RUNNING.
 */
#include "core/codec.h"
#include "core/gcs_int.h"

#define ACTOR_HOPS 1

static void class_unref(struct actor_class *class)
{
  if (--class->refs > 0)
    return;
  rs_list_remove(&class->link);
  free(class);
}

static struct actor_class *class_of(struct rs_gcs *g, const struct rs_m_actor_create *m)
{
  RS_LIST_EACH(&g->classes, at, after)
  {
    struct actor_class *class = RS_ENTRY(at, struct actor_class, link);
    if (class->strategy == m->strategy && class->target == m->target && rs_demand_equal(&class->demand, &m->demand) &&
        rs_demand_equal(&class->hold, &m->hold)) {
      class->refs++;
      return class;
    }
  }
  struct actor_class *class = rs_alloc_zero(1, sizeof *class);
  class->demand = m->demand;
  class->hold = m->hold;
  class->strategy = m->strategy;
  class->target = m->target;
  class->refs = 1;
  rs_list_init(&class->queue);
  rs_list_push_back(&g->classes, &class->link);
  return class;
}

static void actor_forget(struct rs_gcs *g, struct gcs_actor *actor)
{
  if (actor->phase == ACTOR_WAITING) {
    g->actors_waiting--;
    actor->class->queued--;
  }
  if (actor->request)
    rs_map_remove(&g->actor_by_request, actor->request, NULL);
  if (actor->worker)
    rs_map_remove(&g->actor_by_worker, actor->worker, NULL);
  if (actor->name)
    rs_map_remove(&g->actor_by_name, actor->name, NULL);
  rs_map_remove(&g->actor_by_id, rs_id_key(actor->id), NULL);
  uint64_t *owned = rs_map_find(&g->actors_of_owner, actor->id.owner);
  RS_ASSERT(owned && *owned > 0);
  if (--*owned == 0)
    rs_map_remove(&g->actors_of_owner, actor->id.owner, NULL);
  rs_list_remove(&actor->all_link);
  rs_list_remove(&actor->place_link);
  g->actor_count--;
  class_unref(actor->class);
  rs_msg_unref(&actor->create->head);
  free(actor);
}

void rs_gcs_actor_free_all(struct rs_gcs *g)
{
  RS_LIST_EACH(&g->actors, at, after) actor_forget(g, RS_ENTRY(at, struct gcs_actor, all_link));
  rs_map_free(&g->actors_of_owner);
  rs_map_free(&g->actor_by_id);
  rs_map_free(&g->actor_by_request);
  rs_map_free(&g->actor_by_worker);
  rs_map_free(&g->actor_by_name);
}

static void tell_owner(struct rs_endpoint *ep, struct rs_id id, enum rs_actor_state state, uint32_t restart,
                       rs_addr worker, int reason)
{
  struct rs_m_actor_state *m = rs_msg_new(RS_MSG_ACTOR_STATE);
  m->actor = id;
  m->state = (uint8_t)state;
  m->restart = restart;
  m->worker = worker;
  m->reason = reason;
  rs_send(ep, id.owner, m);
}

static void wait_for_place(struct rs_gcs *g, struct gcs_actor *actor)
{
  actor->phase = ACTOR_WAITING;
  actor->raylet = actor->worker = RS_ADDR_NONE;
  actor->request = actor->lease = 0;
  actor->unreported = false;
  rs_list_remove(&actor->place_link);
  rs_list_push_back(&actor->class->queue, &actor->place_link);
  actor->class->queued++;
  g->actors_waiting++;
  g->stirred = true;
}

static void die(struct rs_endpoint *ep, struct gcs_actor *actor, int reason)
{
  rs_trace(ep, RS_TRACE_ACTOR_DEAD, actor->id.owner, actor->id.seq, (uint64_t)(int64_t)reason);
  tell_owner(ep, actor->id, RS_ACTOR_DEAD, actor->restart, RS_ADDR_NONE, reason);
  actor_forget(ep->gcs, actor);
}

static void return_lease(struct rs_endpoint *ep, rs_addr raylet, uint64_t lease)
{
  struct rs_m_lease_return *m = rs_msg_new(RS_MSG_LEASE_RETURN);
  m->lease = lease;
  m->worker_dead = 1;
  rs_send(ep, raylet, m);
}

/* Its worker is gone. charged: the loss counts as a restart. */
static void lost(struct rs_endpoint *ep, struct gcs_actor *actor, int reason, bool charged)
{
  struct rs_gcs *g = ep->gcs;
  rs_addr raylet = actor->raylet;
  if (actor->request)
    rs_map_remove(&g->actor_by_request, actor->request, NULL);
  if (actor->worker)
    rs_map_remove(&g->actor_by_worker, actor->worker, NULL);
  actor->request = 0;
  actor->worker = RS_ADDR_NONE;
  if (charged && actor->restarts_left == 0) {
    bool refresh = actor->unreported;
    die(ep, actor, reason);
    if (refresh && rs_gcs_node_of(g, raylet))
      rs_gcs_refresh(ep, rs_addr_node(raylet));
    return;
  }
  if (charged) {
    if (actor->restarts_left > 0)
      actor->restarts_left--;
    actor->restart++;
    rs_trace(ep, RS_TRACE_ACTOR_RESTARTED, actor->id.owner, actor->id.seq, actor->restart);
    tell_owner(ep, actor->id, RS_ACTOR_RESTARTING, actor->restart, RS_ADDR_NONE, reason);
  }
  wait_for_place(g, actor);
  if (rs_gcs_node_of(g, raylet))
    rs_gcs_refresh(ep, rs_addr_node(raylet));
}

/* ---- messages ---- */

/* A namespace's name; 0: none. Two that collide in 64 bits count as the same. */
static uint64_t name_key(const struct rs_m_actor_create *m)
{
  if (m->name_count == 0)
    return 0;
  uint64_t hash = rs_hash_bytes(rs_hash_bytes(1, m->space, m->space_count), m->name, m->name_count);
  return hash ? hash : 1;
}

static void on_create(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_create *m)
{
  struct rs_gcs *g = ep->gcs;
  if (m->actor.owner != from || rs_map_find(&g->actor_by_id, rs_id_key(m->actor)))
    return; /* an owner creates its own actors, each once */
  uint64_t name = name_key(m);
  if (name && rs_map_find(&g->actor_by_name, name)) {
    tell_owner(ep, m->actor, RS_ACTOR_DEAD, 0, RS_ADDR_NONE, RS_ERR_NAME_TAKEN);
    return;
  }
  struct gcs_actor *actor = rs_alloc_zero(1, sizeof *actor);
  actor->id = m->actor;
  actor->class = class_of(g, m);
  actor->create = (struct rs_m_actor_create *)(void *)rs_msg_ref((struct rs_msg *)(uintptr_t)&m->head);
  actor->restarts_left = m->max_restarts;
  actor->name = name;
  rs_list_push_back(&g->actors, &actor->all_link);
  uint64_t *owned = rs_map_find(&g->actors_of_owner, from);
  rs_map_put(&g->actors_of_owner, from, owned ? *owned + 1 : 1);
  rs_list_init(&actor->place_link);
  rs_map_put_ptr(&g->actor_by_id, rs_id_key(actor->id), actor);
  if (actor->name)
    rs_map_put_ptr(&g->actor_by_name, actor->name, actor);
  g->actor_count++;
  wait_for_place(g, actor);
}

/* The creation task of this incarnation: the same but for its restart number. */
static struct rs_task *creation_of(const struct gcs_actor *actor)
{
  struct rs_task *creation = actor->create->creation;
  if (actor->restart == creation->actor_restart)
    return rs_task_ref(creation);
  struct rs_task *task = rs_task_copy(creation);
  task->actor_restart = actor->restart;
  return task;
}

static void on_grant(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_grant *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_actor *actor = rs_map_get_ptr(&g->actor_by_request, m->request);
  if (!actor || actor->raylet != raylet) { /* killed meanwhile */
    return_lease(ep, raylet, m->lease);
    return;
  }
  rs_map_remove(&g->actor_by_request, m->request, NULL);
  actor->request = 0;
  actor->phase = ACTOR_CREATING;
  actor->unreported = true;
  actor->lease = m->lease;
  actor->worker = m->worker;
  rs_map_put_ptr(&g->actor_by_worker, actor->worker, actor);
  struct rs_m_actor_start *start = rs_msg_new(RS_MSG_ACTOR_START);
  start->lease = m->lease;
  start->gpus = m->gpus;
  start->creation = creation_of(actor);
  const struct rs_m_actor_create *c = actor->create;
  start->groups_count = start->limits_count = c->groups_count < c->limits_count ? c->groups_count : c->limits_count;
  start->groups = rs_memdup(c->groups, start->groups_count * sizeof *start->groups);
  start->limits = rs_memdup(c->limits, start->limits_count * sizeof *start->limits);
  rs_send(ep, actor->worker, start);
}

static void on_reject(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_reject *m)
{
  struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_request, m->request);
  if (actor && actor->raylet == raylet)
    lost(ep, actor, m->reason, false);
}

static void on_done(struct rs_endpoint *ep, rs_addr worker, const struct rs_m_tasks_done *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_actor *actor = rs_map_get_ptr(&g->actor_by_worker, worker);
  if (!actor || actor->phase != ACTOR_CREATING || m->results_count != 1)
    return;
  if (m->results[0]->status == RS_ERR_OK) {
    actor->phase = ACTOR_RUNNING;
    rs_trace(ep, RS_TRACE_ACTOR_ALIVE, actor->id.owner, actor->id.seq, worker);
    tell_owner(ep, actor->id, RS_ACTOR_ALIVE, actor->restart, worker, RS_ERR_OK);
    return;
  }
  return_lease(ep, actor->raylet, actor->lease);
  die(ep, actor, m->results[0]->status);
}

static void on_kill(struct rs_endpoint *ep, const struct rs_m_actor_kill *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_actor *actor = rs_map_get_ptr(&g->actor_by_id, rs_id_key(m->actor));
  if (!actor || (m->restart != UINT32_MAX && m->restart != actor->restart))
    return;
  rs_addr raylet = actor->raylet;
  bool refresh = actor->phase == ACTOR_REQUESTED;
  if (actor->worker)
    return_lease(ep, raylet, actor->lease);
  if (!m->no_restart && actor->worker) {
    lost(ep, actor, RS_ERR_ACTOR_DIED, true);
    return;
  }
  die(ep, actor, RS_ERR_ACTOR_DIED);
  if (refresh && rs_gcs_node_of(g, raylet))
    rs_gcs_refresh(ep, rs_addr_node(raylet));
}

bool rs_gcs_actor_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_ACTOR_CREATE: on_create(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_GRANT: on_grant(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_REJECT: on_reject(ep, from, (const void *)msg); return true;
  case RS_MSG_TASKS_DONE: on_done(ep, from, (const void *)msg); return true;
  case RS_MSG_WORKER_DIED: {
    const struct rs_m_worker_died *m = (const void *)msg;
    struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, m->worker);
    if (actor)
      lost(ep, actor, m->reason, true);
    return true;
  }
  case RS_MSG_ACTOR_KILL: {
    const struct rs_m_actor_kill *m = (const void *)msg;
    if (m->actor.owner == from)
      on_kill(ep, m);
    return true;
  }
  default: return false;
  }
}

void rs_gcs_actor_on_node_dead(struct rs_endpoint *ep, struct gcs_node *node)
{
  RS_LIST_EACH(&node->actors, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, place_link);
    lost(ep, actor, RS_ERR_NODE_DIED, actor->phase == ACTOR_RUNNING);
  }
}

/* While it creates an actor, a worker that we have lost drops the creation. Later its raylet tells, or its owner. */
void rs_gcs_actor_on_worker_down(struct rs_endpoint *ep, rs_addr worker)
{
  struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, worker);
  if (!actor || actor->phase != ACTOR_CREATING)
    return;
  return_lease(ep, actor->raylet, actor->lease);
  lost(ep, actor, RS_ERR_WORKER_CRASHED, true);
}

void rs_gcs_actor_on_owner_down(struct rs_endpoint *ep, rs_addr owner)
{
  struct rs_gcs *g = ep->gcs;
  if (!rs_map_find(&g->actors_of_owner, owner))
    return;
  RS_LIST_EACH(&g->actors, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, all_link);
    if (actor->id.owner != owner)
      continue;
    rs_addr raylet = actor->raylet;
    if (actor->worker)
      return_lease(ep, raylet, actor->lease);
    rs_trace(ep, RS_TRACE_ACTOR_DEAD, owner, actor->id.seq, (uint64_t)(int64_t)RS_ERR_PEER_LOST);
    actor_forget(g, actor);
    if (rs_gcs_node_of(g, raylet))
      rs_gcs_refresh(ep, rs_addr_node(raylet));
  }
}

/* A report shows the actors that were granted before it was sent (one connection, first in first out). */
void rs_gcs_actor_on_report(struct rs_endpoint *ep, struct gcs_node *node)
{
  (void)ep;
  RS_LIST_EACH(&node->actors, at, after)
  RS_ENTRY(at, struct gcs_actor, place_link)->unreported = false;
}

/* ---- placing ---- */

static bool place(struct rs_endpoint *ep, struct actor_class *class)
{
  struct rs_gcs *g = ep->gcs;
  int slot = class->strategy == RS_STRATEGY_SPREAD;
  struct rs_choice choice = {RS_NODE_NONE, 0};
  bool affine = class->strategy == RS_STRATEGY_NODE_AFFINITY || class->strategy == RS_STRATEGY_NODE_AFFINITY_SOFT;
  const struct rs_view_node *entry = affine ? rs_view_get(g->view, class->target) : NULL;
  if (entry && entry->state == RS_NODE_ALIVE && rs_node_feasible(entry->info, &class->demand)) {
    if (!rs_res_fits(&entry->left, &class->demand))
      return false;
    choice.node = class->target;
  } else if (class->strategy == RS_STRATEGY_NODE_AFFINITY) {
    return false;
  } else {
    if (!g->placer[slot]) {
      struct rs_place_opts opts = {.local = RS_NODE_NONE,
                                   .spread_threshold_e4 = (uint32_t)ep->config->scheduler_spread_threshold_e4,
                                   .top_k_fraction_e4 = (uint32_t)ep->config->scheduler_top_k_fraction_e4,
                                   .top_k_absolute = (uint32_t)ep->config->scheduler_top_k_absolute,
                                   .avoid_gpu_nodes = ep->config->scheduler_avoid_gpu_nodes != 0};
      g->policy[slot] = slot ? rs_place_policy_by_name("spread") : ep->config->policy;
      RS_ASSERT(g->policy[slot]);
      g->placer[slot] = g->policy[slot]->create(g->view, &opts);
    }
    struct rs_place_request request = {.demand = &class->demand};
    if (g->policy[slot]->pick(g->placer[slot], g->view, &request, &ep->rng, &choice, &ep->work.nodes) != RS_PICK_OK)
      return false;
  }
  struct gcs_actor *actor = RS_ENTRY(class->queue.next, struct gcs_actor, place_link);
  struct gcs_node *node = &g->nodes[choice.node];
  rs_list_remove(&actor->place_link);
  rs_list_push_back(&node->actors, &actor->place_link);
  class->queued--;
  g->actors_waiting--;
  actor->phase = ACTOR_REQUESTED;
  actor->raylet = node->raylet;
  actor->request = ++g->last_request;
  rs_map_put_ptr(&g->actor_by_request, actor->request, actor);
  rs_trace(ep, RS_TRACE_ACTOR_PLACED, actor->id.owner, actor->id.seq, node->raylet);
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = actor->request;
  m->count = 1;
  m->hops = ACTOR_HOPS;
  m->actor = 1;
  m->target = RS_NODE_NONE;
  m->demand = class->demand;
  m->hold = class->hold;
  rs_send(ep, node->raylet, m);
  rs_gcs_refresh(ep, choice.node);
  return true;
}

void rs_gcs_actor_schedule(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (!g->stirred)
    return;
  RS_LIST_EACH(&g->classes, at, after)
  {
    struct actor_class *class = RS_ENTRY(at, struct actor_class, link);
    while (class->queued && place(ep, class))
      ;
  }
  g->stirred = false;
}
