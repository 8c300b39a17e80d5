/* gcs_state.c -- what the GCS itself knows about the cluster's state: nodes, actors, jobs, ended tasks, and why an
 * actor waits for its place. O(entries) for each question. */
#include "core/codec.h"
#include "core/gcs_int.h"
#include "core/state.h"

static uint64_t gpu_sum(const struct rs_res *res)
{
  uint64_t sum = 0;
  for (unsigned i = 0; i < res->gpu_count; i++)
    sum += res->gpu_e4[i];
  return sum;
}

/* Text: the node's info, then what is left of it, in wire form. */
static struct rs_row *node_row(const struct rs_endpoint *ep, rs_node_id id)
{
  const struct rs_gcs *g = ep->gcs;
  const struct gcs_node *node = &g->nodes[id];
  const struct rs_view_node *entry = rs_view_get(g->view, id);
  struct rs_writer w = {NULL, 0, 0};
  rs_put_info(&w, entry->info);
  rs_put_res(&w, &entry->left);
  struct rs_row *row = rs_row_new(RS_STATE_NODES, RS_COLS(nodes), (uint32_t)w.size);
  w = (struct rs_writer){row->text, w.size, 0};
  rs_put_info(&w, entry->info);
  rs_put_res(&w, &entry->left);
  const struct rs_res *total = &entry->info->total, *left = &entry->left;
  bool alive = entry->state != RS_NODE_DEAD;
  row->n[RS_COL(nodes, node)] = id;
  row->n[RS_COL(nodes, raylet)] = entry->raylet;
  row->n[RS_COL(nodes, state)] = entry->state;
  row->n[RS_COL(nodes, cpus)] = (uint64_t)total->cpu_e4;
  row->n[RS_COL(nodes, cpus_left)] = alive ? (uint64_t)left->cpu_e4 : 0;
  row->n[RS_COL(nodes, gpus)] = gpu_sum(total);
  row->n[RS_COL(nodes, gpus_left)] = alive ? gpu_sum(left) : 0;
  row->n[RS_COL(nodes, memory)] = (uint64_t)total->memory_bytes;
  row->n[RS_COL(nodes, memory_left)] = alive ? (uint64_t)left->memory_bytes : 0;
  row->n[RS_COL(nodes, store)] = (uint64_t)total->store_bytes;
  row->n[RS_COL(nodes, store_left)] = alive ? (uint64_t)left->store_bytes : 0;
  row->n[RS_COL(nodes, queued)] = node->queued;
  for (const struct rs_link *at = node->actors.next; at != &node->actors; at = at->next)
    row->n[RS_COL(nodes, actors)]++;
  row->n[RS_COL(nodes, idle)] = alive && !node->busy ? ep->now - node->idle_since : UINT64_MAX;
  row->n[RS_COL(nodes, draining)] = node->draining;
  row->n[RS_COL(nodes, reason)] = alive ? 0 : (uint64_t)(int64_t)node->death;
  row->n[RS_COL(nodes, ended)] = alive ? UINT64_MAX : ep->now - node->died_at;
  return row;
}

struct rs_row *rs_gcs_actor_row(const struct rs_endpoint *ep, const struct gcs_actor *a, enum rs_actor_state state,
                                int reason, const struct rs_text *text)
{
  const struct rs_m_actor_create *m = a->create;
  uint32_t names = m->name_count + 1 + m->space_count, used = text ? text->used : 0;
  struct rs_row *row = rs_row_new(RS_STATE_ACTORS, RS_COLS(actors), names + 1 + used);
  row->n[RS_COL(actors, owner)] = a->id.owner;
  row->n[RS_COL(actors, owner_seq)] = a->id.seq;
  row->n[RS_COL(actors, function)] = m->creation->function;
  row->n[RS_COL(actors, state)] = state;
  row->n[RS_COL(actors, detached)] = m->detached;
  row->n[RS_COL(actors, node)] = a->raylet ? rs_addr_node(a->raylet) : RS_NODE_NONE;
  row->n[RS_COL(actors, worker)] = a->worker;
  row->n[RS_COL(actors, restarts)] = a->restart;
  row->n[RS_COL(actors, restarts_left)] = (uint64_t)(int64_t)a->restarts_left;
  row->n[RS_COL(actors, reason)] = (uint64_t)(int64_t)reason;
  row->n[RS_COL(actors, pid)] = a->pid;
  row->n[RS_COL(actors, exit)] = (uint64_t)(int64_t)a->end;
  row->n[RS_COL(actors, ended)] = state == RS_ACTOR_DEAD ? ep->now : UINT64_MAX;
  if (m->name_count)
    memcpy(row->text, m->name, m->name_count);
  if (m->space_count)
    memcpy(row->text + m->name_count + 1, m->space, m->space_count);
  if (used)
    memcpy(row->text + names + 1, text->bytes, used);
  return row;
}

/* Those that live in the order of their creation, then the dead, the last one first. */
static void actor_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_gcs *g = ep->gcs;
  for (const struct rs_link *at = g->actors.next; at != &g->actors; at = at->next) {
    const struct gcs_actor *a = RS_ENTRY(at, struct gcs_actor, all_link);
    enum rs_actor_state state = a->phase == ACTOR_RUNNING ? RS_ACTOR_ALIVE
                                : a->restart > 0          ? RS_ACTOR_RESTARTING
                                                          : RS_ACTOR_PENDING;
    rs_answer_add(answer, rs_gcs_actor_row(ep, a, state, RS_ERR_OK, NULL));
  }
  uint32_t dead = g->graves.by_id.count;
  for (const struct rs_link *at = g->graves.list.prev; at != &g->graves.list; at = at->prev) {
    if (rs_answer_only_count(answer, dead--))
      return;
    struct rs_row *row = rs_row_copy(RS_ENTRY(at, struct rs_grave, link)->row);
    row->n[RS_COL(actors, ended)] = ep->now - row->n[RS_COL(actors, ended)];
    rs_answer_add(answer, row);
  }
}

/* Why an actor is not alive: no place (with every node's verdict), a lease under way, or its creation. */
static void explain_actor(struct rs_endpoint *ep, struct rs_answer *answer)
{
  struct rs_gcs *g = ep->gcs;
  struct rs_id id = {answer->query->a, answer->query->b};
  const struct gcs_actor *a = id.owner && id.seq ? rs_map_get_ptr(&g->actor_by_id, rs_id_key(id)) : NULL;
  if (!a)
    return;
  static const enum rs_wait_reason reasons[] = {RS_WAIT_OBJECTS, RS_WAIT_PLACE, RS_WAIT_LEASE, RS_WAIT_CREATION,
                                                RS_WAIT_NOT};
  struct rs_writer w = {NULL, 0, 0};
  rs_put_demand(&w, &a->class->demand->is);
  struct rs_row *row = rs_row_new(RS_STATE_EXPLAIN, RS_COLS(explain), (uint32_t)w.size);
  w = (struct rs_writer){row->text, w.size, 0};
  rs_put_demand(&w, &a->class->demand->is);
  row->n[RS_COL(explain, owner)] = a->id.owner;
  row->n[RS_COL(explain, owner_seq)] = a->id.seq;
  row->n[RS_COL(explain, reason)] = reasons[a->phase];
  row->n[RS_COL(explain, raylet)] = a->phase == ACTOR_REQUESTED ? a->raylet : RS_ADDR_NONE;
  row->n[RS_COL(explain, request)] = a->request;
  row->n[RS_COL(explain, count)] = a->phase == ACTOR_WAITING ? a->class->queued : 0;
  row->n[RS_COL(explain, strategy)] = a->class->strategy;
  row->n[RS_COL(explain, target)] = a->class->target;
  rs_answer_add(answer, row);
  struct rs_explain x = {ep->config, &a->class->demand->is, a->class->strategy, a->class->target, RS_NODE_NONE};
  if (a->phase == ACTOR_WAITING)
    rs_explain_nodes(&x, g->view, answer);
}

void rs_gcs_state_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  struct rs_gcs *g = ep->gcs;
  switch (answer->query->kind) {
  case RS_STATE_NODES:
    for (rs_node_id id = 0; id < g->node_span; id++)
      if (rs_view_get(g->view, id))
        rs_answer_add(answer, node_row(ep, id));
    return;
  case RS_STATE_JOBS: rs_gcs_job_rows(ep, answer); return;
  case RS_STATE_ACTORS: actor_rows(ep, answer); return;
  case RS_STATE_TASKS:
  case RS_STATE_TASK_COUNTS: rs_gcs_ended_rows(ep, answer); return;
  case RS_STATE_GROUPS: rs_gcs_group_rows(ep, answer); return;
  case RS_STATE_DEMANDS: rs_gcs_demand_rows(ep, answer); return;
  case RS_STATE_EXPLAIN:
    explain_actor(ep, answer);
    rs_gcs_group_explain(ep, answer);
    return;
  default: return;
  }
}

const rs_addr *rs_gcs_raylets(const struct rs_endpoint *ep, uint32_t *count)
{
  *count = ep->gcs->raylet_count;
  return ep->gcs->raylets;
}
