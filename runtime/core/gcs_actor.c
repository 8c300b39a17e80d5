/* gcs_actor.c -- the actor table: where actors are created, and what happens when they die.
 *
 * An actor whose creation reads objects waits until its owner says that they are made (ARGS). Then it waits in the
 * queue of those that ask for the same. The policy picks a node out of the GCS's own view (the freshest there is); the
 * raylet there is asked for a worker like for any spilled lease, and may refuse. On the grant the creation task is
 * pushed to the worker; when that has succeeded the actor is alive, and its owner is told where, to call it directly.
 * What is on its way to a node is deducted from the node's entry until a report of the node shows it.
 *
 * An actor that dies is created again while it has restarts left (a node that dies before the actor was alive costs
 * none); then it is dead for good, and all who watch it are told why (gcs_watch.c). The actors of an owner that dies go
 * with it, but for detached ones, which only a kill ends.
 *
 * An actor that nobody has a handle to any more (DROP) is told to STOP: it finishes what was sent to it and says EXIT,
 * which a function of it can also make it say. One that has not done so after actor_graceful_shutdown_timeout_ms is
 * killed.
 *
 * A worker whose connection breaks while it creates an actor has dropped the creation. What became of its process is
 * the raylet's to say (WORKER_DIED); it is given up when nothing was said for timeout_ms_task_wait_for_death_info.
 *
 * Invariants: actor_by_request holds exactly the actors in phase REQUESTED, actor_by_worker those in CREATING and
 * RUNNING.
 */
#include <string.h>

#include "core/gcs_int.h"
#include "core/oom.h"

#define ACTOR_HOPS 1

static void class_unref(struct actor_class *class)
{
  if (--class->refs > 0)
    return;
  rs_list_remove(&class->link);
  rs_shared_demand_unref(class->demand);
  rs_shared_demand_unref(class->hold);
  free(class);
}

static struct actor_class *class_of(struct rs_gcs *g, const struct rs_m_actor_create *m)
{
  RS_LIST_EACH(&g->classes, at, after)
  {
    struct actor_class *class = RS_ENTRY(at, struct actor_class, link);
    if (class->strategy == m->strategy && class->target == m->target &&
        rs_shared_demand_equal(class->demand, m->demand) && rs_shared_demand_equal(class->hold, m->hold)) {
      class->refs++;
      return class;
    }
  }
  struct actor_class *class = rs_alloc_zero(1, sizeof *class);
  class->demand = rs_shared_demand_ref(m->demand);
  class->hold = rs_shared_demand_ref(m->hold);
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
  rs_list_remove(&actor->stopping_link);
  rs_gcs_watch_forget(g, actor);
  g->actor_count--;
  class_unref(actor->class);
  rs_task_unref(actor->creation);
  rs_msg_unref(&actor->create->head);
  free(actor);
}

void rs_gcs_actor_free_all(struct rs_gcs *g)
{
  RS_LIST_EACH(&g->actors, at, after) actor_forget(g, RS_ENTRY(at, struct gcs_actor, all_link));
  rs_gcs_watch_free_all(g);
  rs_graves_free(&g->graves);
  rs_map_free(&g->actors_of_owner);
  rs_map_free(&g->actor_by_id);
  rs_map_free(&g->actor_by_request);
  rs_map_free(&g->actor_by_worker);
  rs_map_free(&g->actor_by_name);
}

struct gcs_actor *rs_gcs_actor_of(const struct rs_gcs *g, struct rs_id id)
{
  return rs_map_get_ptr(&g->actor_by_id, rs_id_key(id));
}

static void wait_for_place(struct rs_gcs *g, struct gcs_actor *actor)
{
  actor->phase = ACTOR_WAITING;
  actor->raylet = actor->worker = RS_ADDR_NONE;
  actor->request = actor->lease = 0;
  actor->pid = 0;
  actor->unreported = false;
  rs_list_remove(&actor->place_link);
  rs_list_push_back(&actor->class->queue, &actor->place_link);
  actor->class->queued++;
  g->actors_waiting++;
  g->stirred = true;
}

static void return_lease(struct rs_endpoint *ep, rs_addr raylet, uint64_t lease)
{
  struct rs_m_lease_return *m = rs_msg_new(RS_MSG_LEASE_RETURN);
  m->lease = lease;
  m->worker_dead = 1;
  rs_send(ep, raylet, m);
}

static void die(struct rs_endpoint *ep, struct gcs_actor *actor, int reason, const struct rs_text *text)
{
  struct rs_gcs *g = ep->gcs;
  rs_trace(ep, RS_TRACE_ACTOR_DEAD, actor->id.owner, actor->id.seq, (uint64_t)(int64_t)reason);
  rs_gcs_watch_tell(ep, actor, RS_ACTOR_DEAD, reason, text);
  rs_graves_add(&g->graves, actor->id, actor->create->creation->function, reason, text->bytes, text->used,
                rs_gcs_actor_row(ep, actor, RS_ACTOR_DEAD, reason, text),
                (uint64_t)ep->config->maximum_gcs_destroyed_actor_cached_count);
  rs_addr raylet = actor->raylet;
  bool refresh = actor->phase == ACTOR_REQUESTED || actor->unreported;
  actor_forget(g, actor);
  if (refresh && rs_gcs_node_of(g, raylet))
    rs_gcs_refresh(ep, rs_addr_node(raylet));
}

/* For good, though it may live: its worker goes. */
static void end(struct rs_endpoint *ep, struct gcs_actor *actor, int reason, const char *why)
{
  struct rs_text text = {0};
  rs_text_str(&text, why);
  if (actor->worker)
    return_lease(ep, actor->raylet, actor->lease);
  die(ep, actor, reason, &text);
}

/* Its worker is gone, and `text` says how. charged: the loss counts as a restart. */
static void lost(struct rs_endpoint *ep, struct gcs_actor *actor, int reason, struct rs_text *text, bool charged)
{
  struct rs_gcs *g = ep->gcs;
  rs_addr raylet = actor->raylet;
  if (charged && (actor->restarts_left == 0 || actor->dropped)) {
    if (actor->restart) {
      rs_text_str(text, ", after ");
      rs_text_number(text, actor->restart);
      rs_text_str(text, actor->restart == 1 ? " restart" : " restarts");
    }
    die(ep, actor, reason, text);
    return;
  }
  if (actor->request)
    rs_map_remove(&g->actor_by_request, actor->request, NULL);
  if (actor->worker)
    rs_map_remove(&g->actor_by_worker, actor->worker, NULL);
  rs_list_remove(&actor->stopping_link);
  actor->request = 0;
  actor->worker = RS_ADDR_NONE;
  actor->checking = false;
  if (charged) {
    if (actor->restarts_left > 0)
      actor->restarts_left--;
    actor->restart++;
    rs_trace(ep, RS_TRACE_ACTOR_RESTARTED, actor->id.owner, actor->id.seq, actor->restart);
    rs_gcs_watch_tell(ep, actor, RS_ACTOR_RESTARTING, reason, text);
  }
  wait_for_place(g, actor);
  if (rs_gcs_node_of(g, raylet))
    rs_gcs_refresh(ep, rs_addr_node(raylet));
}

/* end: how its process did, as rs_text_end takes it. */
static void worker_lost(struct rs_endpoint *ep, struct gcs_actor *actor, int reason, int32_t end)
{
  struct rs_text text = {0}, how = {0};
  actor->end = end;
  rs_text_str(&text, "its process died");
  if (rs_text_end(&how, end)) {
    rs_text_str(&text, ": ");
    rs_text_bytes(&text, how.bytes, how.used);
  }
  rs_text_str(&text, " (");
  if (actor->pid) {
    rs_text_str(&text, "process ");
    rs_text_number(&text, actor->pid);
    rs_text_str(&text, ", ");
  }
  rs_text_worker(&text, actor->worker);
  if (reason != RS_ERR_WORKER_CRASHED) {
    rs_text_str(&text, ": ");
    rs_text_str(&text, rs_error_text(reason));
  }
  rs_text_str(&text, ")");
  lost(ep, actor, reason, &text, true);
}

/* ---- messages ---- */

static void name_taken(struct rs_endpoint *ep, const struct rs_m_actor_create *m, const struct gcs_actor *holder)
{
  struct rs_text text = {0};
  rs_text_str(&text, "the name \"");
  rs_text_bytes(&text, m->name, m->name_count);
  rs_text_str(&text, "\" is taken in namespace \"");
  rs_text_bytes(&text, m->space, m->space_count);
  rs_text_str(&text, "\"");
  struct rs_id none = {0, 0};
  rs_gcs_watch_dead(ep, m->actor.owner, m->actor, m->creation->function, RS_ERR_NAME_TAKEN, &text,
                    m->get_if_exists ? holder->id : none);
}

static void on_create(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_create *m)
{
  struct rs_gcs *g = ep->gcs;
  if (m->actor.owner != from || rs_map_find(&g->actor_by_id, rs_id_key(m->actor)))
    return; /* an owner creates its own actors, each once */
  uint64_t name = rs_gcs_name_key(m->name, m->name_count, m->space, m->space_count);
  const struct gcs_actor *holder = name ? rs_map_get_ptr(&g->actor_by_name, name) : NULL;
  if (holder) {
    name_taken(ep, m, holder);
    return;
  }
  struct gcs_actor *actor = rs_alloc_zero(1, sizeof *actor);
  actor->id = m->actor;
  actor->class = class_of(g, m);
  actor->create = (struct rs_m_actor_create *)(void *)rs_msg_ref((struct rs_msg *)(uintptr_t)&m->head);
  actor->creation = rs_task_ref(m->creation);
  actor->restarts_left = m->max_restarts;
  actor->end = RS_PROCESS_RUNS;
  actor->name = name;
  rs_list_push_back(&g->actors, &actor->all_link);
  uint64_t *owned = rs_map_find(&g->actors_of_owner, from);
  rs_map_put(&g->actors_of_owner, from, owned ? *owned + 1 : 1);
  rs_list_init(&actor->place_link);
  rs_list_init(&actor->stopping_link);
  rs_map_put_ptr(&g->actor_by_id, rs_id_key(actor->id), actor);
  if (actor->name)
    rs_map_put_ptr(&g->actor_by_name, actor->name, actor);
  g->actor_count++;
  if (actor->creation->dep_count)
    actor->phase = ACTOR_ARGS; /* until its owner says that they are made */
  else
    wait_for_place(g, actor);
  rs_gcs_watch_adopt(ep, actor);
  if (name)
    rs_gcs_watch_tell(ep, actor, RS_ACTOR_PENDING, RS_ERR_OK, NULL);
}

/* The creation task of this incarnation: the same but for its restart number. */
static struct rs_task *creation_of(const struct gcs_actor *actor)
{
  struct rs_task *creation = actor->creation;
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
  actor->pid = m->pid;
  actor->end = RS_PROCESS_RUNS;
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

/* A node that has refused what its last report promised: not asked for the same again before its next report, which
 * follows the refusal. */
static void doubt(struct gcs_node *node, const struct rs_demand *demand)
{
  if (!node || !rs_res_fits(&node->reported, demand))
    return;
  if (demand->cpu_e4 > 0)
    node->reported.cpu_e4 = demand->cpu_e4 - 1;
  else if (demand->gpu_e4 > 0)
    memset(node->reported.gpu_e4, 0, sizeof node->reported.gpu_e4);
  else if (demand->memory_bytes > 0)
    node->reported.memory_bytes = demand->memory_bytes - 1;
}

static void on_reject(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_reject *m)
{
  struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_request, m->request);
  struct rs_text text = {0};
  if (!actor || actor->raylet != raylet)
    return;
  if (m->reason == RS_ERR_WORKER_START) {
    rs_text_str(&text, "no worker process could be started for it on node ");
    rs_text_number(&text, rs_addr_node(raylet));
    die(ep, actor, m->reason, &text);
    return;
  }
  if (actor->class->demand->is.group_seq)
    rs_gcs_group_actor_refused(ep, &actor->class->demand->is);
  else if (m->reason == RS_ERR_NO_ROOM)
    doubt(rs_gcs_node_of(ep->gcs, raylet), &actor->class->demand->is);
  lost(ep, actor, m->reason, &text, false);
}

/* It may finish what was sent to it. */
static void stop(struct rs_endpoint *ep, struct gcs_actor *actor)
{
  struct rs_m_actor_stop *m = rs_msg_new(RS_MSG_ACTOR_STOP);
  m->actor = actor->id;
  m->restart = actor->restart;
  rs_send(ep, actor->worker, m);
  actor->stop_due_at = rs_time_add(ep->now, (uint64_t)ep->config->actor_graceful_shutdown_timeout_ms * RS_MS);
  rs_list_push_back(&ep->gcs->stopping, &actor->stopping_link); /* one delay for all: in order of stop_due_at */
}

static void creation_failed(struct rs_endpoint *ep, struct gcs_actor *actor, const struct rs_result *result)
{
  struct rs_text text = {0};
  rs_text_str(&text, "its creation failed: ");
  if (result->data_bytes)
    rs_text_bytes(&text, result->data, result->data_bytes);
  else
    rs_text_str(&text, rs_error_text(result->status));
  die(ep, actor, result->status, &text);
}

/* What its creation reads is made, or never will be. */
static void on_args(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_args *m)
{
  struct gcs_actor *actor = rs_gcs_actor_of(ep->gcs, m->actor);
  if (!actor || actor->phase != ACTOR_ARGS || m->actor.owner != from)
    return;
  if (m->error) {
    creation_failed(ep, actor, m->error);
    return;
  }
  rs_task_unref(actor->creation);
  actor->creation = rs_task_ref(m->creation);
  wait_for_place(ep->gcs, actor);
}

static void on_done(struct rs_endpoint *ep, rs_addr worker, const struct rs_m_tasks_done *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_actor *actor = rs_map_get_ptr(&g->actor_by_worker, worker);
  if (!actor || actor->phase != ACTOR_CREATING || m->results_count != 1)
    return;
  const struct rs_result *result = m->results[0];
  if (result->status == RS_ERR_OK) {
    actor->phase = ACTOR_RUNNING;
    rs_trace(ep, RS_TRACE_ACTOR_ALIVE, actor->id.owner, actor->id.seq, worker);
    rs_gcs_watch_tell(ep, actor, RS_ACTOR_ALIVE, RS_ERR_OK, NULL);
    if (actor->dropped)
      stop(ep, actor);
    return;
  }
  return_lease(ep, actor->raylet, actor->lease);
  creation_failed(ep, actor, result);
}

static void on_kill(struct rs_endpoint *ep, const struct rs_m_actor_kill *m)
{
  struct gcs_actor *actor = rs_gcs_actor_of(ep->gcs, m->actor);
  if (!actor || (m->restart != UINT32_MAX && m->restart != actor->restart))
    return;
  if (m->no_restart || !actor->worker) {
    end(ep, actor, RS_ERR_ACTOR_DIED, "it was killed on request");
    return;
  }
  struct rs_text text = {0};
  rs_text_str(&text, "it was killed on request, with a restart");
  return_lease(ep, actor->raylet, actor->lease);
  lost(ep, actor, RS_ERR_ACTOR_DIED, &text, true);
}

/* No handle is left. */
static void on_drop(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  struct gcs_actor *actor = rs_gcs_actor_of(ep->gcs, id);
  if (!actor || id.owner != from || actor->create->detached || actor->dropped)
    return;
  actor->dropped = true;
  if (actor->phase == ACTOR_RUNNING)
    stop(ep, actor);
  else if (actor->phase != ACTOR_CREATING)
    end(ep, actor, RS_ERR_OK, "its last handle was given up before it lived");
}

/* It ends by its own wish, or has finished what there was. */
static void on_actor_exit(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_exit *m)
{
  struct gcs_actor *actor = rs_gcs_actor_of(ep->gcs, m->actor);
  if (actor && actor->worker == from && actor->restart == m->restart)
    end(ep, actor, RS_ERR_OK, actor->dropped ? "its last handle was given up" : "it has ended itself");
}

static void on_lease_alive(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_alive *m)
{
  struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, m->worker);
  if (!actor || actor->raylet != raylet || actor->lease != m->lease || !actor->checking)
    return;
  actor->checking = false;
  rs_gcs_watch_answer(ep, actor);
}

bool rs_gcs_actor_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_ACTOR_CREATE: on_create(ep, from, (const void *)msg); return true;
  case RS_MSG_ACTOR_ARGS: on_args(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_GRANT: on_grant(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_REJECT: on_reject(ep, from, (const void *)msg); return true;
  case RS_MSG_TASKS_DONE: on_done(ep, from, (const void *)msg); return true;
  case RS_MSG_WORKER_OOM: {
    const struct rs_m_worker_oom *m = (const void *)msg;
    struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, m->worker);
    struct rs_text text = {0};
    rs_oom_text(&text, ep->config, m);
    if (actor)
      lost(ep, actor, RS_ERR_OUT_OF_MEMORY, &text, true);
    return true;
  }
  case RS_MSG_WORKER_DIED: {
    const struct rs_m_worker_died *m = (const void *)msg;
    struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, m->worker);
    if (actor)
      worker_lost(ep, actor, m->reason, m->pid ? m->end : RS_PROCESS_RUNS);
    return true;
  }
  case RS_MSG_ACTOR_KILL: on_kill(ep, (const void *)msg); return true; /* whoever has its id may */
  case RS_MSG_ACTOR_DROP: on_drop(ep, from, ((const struct rs_m_actor_drop *)(const void *)msg)->actor); return true;
  case RS_MSG_ACTOR_EXIT: on_actor_exit(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_ALIVE: on_lease_alive(ep, from, (const void *)msg); return true;
  default: return rs_gcs_watch_on_message(ep, from, msg);
  }
}

void rs_gcs_actor_on_node_dead(struct rs_endpoint *ep, struct gcs_node *node)
{
  RS_LIST_EACH(&node->actors, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, place_link);
    struct rs_text text = {0};
    rs_text_str(&text, "its node died (node ");
    rs_text_number(&text, rs_addr_node(actor->raylet));
    rs_text_str(&text, ")");
    lost(ep, actor, RS_ERR_NODE_DIED, &text, actor->phase == ACTOR_RUNNING);
  }
}

void rs_gcs_actor_on_worker_down(struct rs_endpoint *ep, rs_addr worker)
{
  struct gcs_actor *actor = rs_map_get_ptr(&ep->gcs->actor_by_worker, worker);
  if (!actor || actor->phase != ACTOR_CREATING || !rs_list_empty(&actor->stopping_link))
    return;
  actor->stop_due_at = rs_time_add(ep->now, (uint64_t)ep->config->timeout_ms_task_wait_for_death_info * RS_MS);
  rs_list_push_back(&ep->gcs->silent, &actor->stopping_link); /* one delay for all: in order of stop_due_at */
}

void rs_gcs_actor_on_owner_down(struct rs_endpoint *ep, rs_addr owner)
{
  struct rs_gcs *g = ep->gcs;
  rs_gcs_watch_on_down(g, owner);
  if (!rs_map_find(&g->actors_of_owner, owner))
    return;
  RS_LIST_EACH(&g->actors, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, all_link);
    if (actor->id.owner != owner)
      continue;
    actor->creator_gone = true;
    if (!actor->create->detached || actor->phase == ACTOR_ARGS)
      end(ep, actor, RS_ERR_PEER_LOST, "its creator has ended");
  }
}

void rs_gcs_actor_settle(struct rs_endpoint *ep)
{
  rs_gcs_watch_settle(ep);
  RS_LIST_EACH(&ep->gcs->stopping, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, stopping_link);
    if (actor->stop_due_at > ep->now)
      break;
    end(ep, actor, RS_ERR_OK, "its last handle was given up; it did not end in time and was killed");
  }
  RS_LIST_EACH(&ep->gcs->silent, at, after)
  {
    struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, stopping_link);
    if (actor->stop_due_at > ep->now)
      break;
    return_lease(ep, actor->raylet, actor->lease);
    worker_lost(ep, actor, RS_ERR_WORKER_CRASHED, RS_PROCESS_RUNS);
  }
}

uint64_t rs_gcs_actor_deadline(const struct rs_endpoint *ep)
{
  const struct rs_link *lists[] = {&ep->gcs->stopping, &ep->gcs->silent};
  uint64_t due = rs_gcs_watch_deadline(ep);
  for (int i = 0; i < 2; i++)
    if (!rs_list_empty(lists[i]))
      due = rs_time_min(due, RS_ENTRY(lists[i]->next, struct gcs_actor, stopping_link)->stop_due_at);
  return due;
}

/* A report shows the actors that were granted before it was sent (one connection, first in first out). */
void rs_gcs_actor_on_report(struct rs_endpoint *ep, struct gcs_node *node)
{
  (void)ep;
  RS_LIST_EACH(&node->actors, at, after)
  RS_ENTRY(at, struct gcs_actor, place_link)->unreported = false;
}

/* ---- placing ---- */

/* The first of those that are bound to a node which cannot have them, now or later. */
static void end_bound(struct rs_endpoint *ep, struct actor_class *class, const struct rs_view_node *entry)
{
  struct gcs_actor *actor = RS_ENTRY(class->queue.next, struct gcs_actor, place_link);
  struct rs_text text = {0};
  rs_text_str(&text, "it is bound to node ");
  rs_text_number(&text, class->target);
  rs_text_str(&text, !entry || entry->state == RS_NODE_ABSENT ? ", and there is no such node"
                     : entry->state == RS_NODE_DEAD           ? ", which is dead"
                     : entry->state == RS_NODE_DRAINING       ? ", which takes nothing more"
                                                              : ", which could never hold what it asks for");
  die(ep, actor, RS_ERR_INFEASIBLE, &text);
}

static bool place(struct rs_endpoint *ep, struct actor_class *class)
{
  struct rs_gcs *g = ep->gcs;
  int reason;
  int slot = class->strategy == RS_STRATEGY_SPREAD;
  struct rs_choice choice = {RS_NODE_NONE, 0};
  bool affine = class->strategy == RS_STRATEGY_NODE_AFFINITY || class->strategy == RS_STRATEGY_NODE_AFFINITY_SOFT;
  const struct rs_view_node *entry = affine ? rs_view_get(g->view, class->target) : NULL;
  if (class->demand->is.group_seq) {
    enum rs_pick outcome = rs_gcs_group_pick(ep, &class->demand->is, &choice.node, &reason);
    if (outcome == RS_PICK_NEVER)
      end(ep, RS_ENTRY(class->queue.next, struct gcs_actor, place_link), reason, rs_error_text(reason));
    if (outcome != RS_PICK_OK)
      return outcome == RS_PICK_NEVER;
  } else if (entry && entry->state == RS_NODE_ALIVE && rs_node_feasible(entry->info, &class->demand->is)) {
    if (!rs_res_fits(&entry->left, &class->demand->is))
      return false;
    choice.node = class->target;
  } else if (class->strategy == RS_STRATEGY_NODE_AFFINITY) {
    end_bound(ep, class, entry);
    return true;
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
    struct rs_place_request request = {.demand = &class->demand->is};
    if (rs_place_pick(g->policy[slot], g->placer[slot], g->view, &request, &ep->rng, &choice, &ep->work.nodes) !=
        RS_PICK_OK)
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
  m->job = rs_task_job(actor->create->creation);
  m->count = 1;
  m->hops = ACTOR_HOPS;
  m->retriable = actor->restarts_left != 0;
  m->actor = 1;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_ref(class->demand);
  m->hold = rs_shared_demand_ref(class->hold);
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
    class->refs++; /* its last actor may die in it */
    while (class->queued && place(ep, class))
      ;
    class_unref(class);
  }
  g->stirred = false;
}
