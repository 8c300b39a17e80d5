/* checkers_rest.c -- what must hold once nothing is left to happen. The one place that looks inside endpoints. */
#include <inttypes.h>

#include "core/gcs_int.h"
#include "core/owner_int.h"
#include "core/raylet_int.h"
#include "core/store.h"
#include "sim/checkers.h"

static void raylet_at_rest(struct rs_checker *c, const struct rs_endpoint *ep, uint32_t processes)
{
  const struct rs_raylet *r = ep->local;
  unsigned node = rs_addr_node(ep->self);
  if (r->bundle_count)
    rs_check_fail(c, RS_CHECK_GROUP_LEFT, "node %u: %u bundles are left", node, r->bundle_count);
  if (!rs_res_equal(&r->left, &r->info->total) || r->grant_count)
    rs_check_fail(c, RS_CHECK_RESOURCES, "node %u: %u grants, %" PRId64 " of %" PRId64 " CPUs (e-4) left", node,
                  r->grant_count, r->left.cpu_e4, r->info->total.cpu_e4);
  if (r->queued || !rs_list_empty(&r->fetching))
    rs_check_fail(c, RS_CHECK_CONTENTION, "node %u: %" PRIu64 " requests wait", node, r->queued);
  if (r->contention != RS_WAITING_NONE)
    rs_check_fail(c, RS_CHECK_CONTENTION, "node %u believes that somebody waits", node);
  int64_t limit = c->config->num_workers_soft_limit;
  if (limit < 0)
    limit = r->info->total.cpu_e4 / RS_ONE_E4;
  if (r->workers.count != processes || processes > limit || r->starting_count)
    rs_check_fail(c, RS_CHECK_WORKERS, "node %u: %u processes, %u known, %u start, limit %" PRId64, node, processes,
                  r->workers.count, r->starting_count, limit);
  if (rs_store_used_bytes(r->store))
    rs_check_fail(c, RS_CHECK_EMPTY, "node %u: the store accounts for %" PRIu64 " bytes", node,
                  rs_store_used_bytes(r->store));
}

static void view_at_rest(struct rs_checker *c, const struct rs_rest *rest)
{
  const struct rs_gcs *g = rest->gcs->gcs;
  uint32_t alive = 0;
  for (uint32_t i = 0; i < g->node_span; i++)
    alive += g->nodes[i].alive;
  if (alive != rest->raylet_count)
    rs_check_fail(c, RS_CHECK_VIEW, "the head knows %u nodes, %u live", alive, rest->raylet_count);
  for (uint32_t i = 0; i < rest->raylet_count; i++) {
    const struct rs_endpoint *ep = rest->raylets[i];
    rs_node_id node = rs_addr_node(ep->self);
    const struct rs_view_node *entry = rs_view_get(g->view, node);
    if (!entry || entry->raylet != ep->self || entry->queued || !rs_res_equal(&entry->left, &ep->local->left))
      rs_check_fail(c, RS_CHECK_VIEW, "node %u: the head's entry is not what is left there", node);
    if (!ep->local->watching) /* it places nothing, and gets no view */
      continue;
    if (ep->local->version > g->version || ep->local->version == 0)
      rs_check_fail(c, RS_CHECK_VIEW, "node %u has version %" PRIu64 ", the head %" PRIu64, node, ep->local->version,
                    g->version);
    for (rs_node_id other = 0; ep->local->version == g->version && other < g->node_span; other++) {
      const struct rs_view_node *mine = rs_view_get(ep->local->view, other), *theirs = rs_view_get(g->view, other);
      if (other == node || !theirs || theirs->state != RS_NODE_ALIVE)
        continue;
      bool deducted = false; /* a spill whose target needed no report: it lasts until the next version */
      for (uint32_t k = 0; k < ep->local->deduction_count; k++)
        deducted = deducted || ep->local->deductions[k].node == other;
      if (!mine || mine->raylet != theirs->raylet || (!deducted && !rs_res_equal(&mine->left, &theirs->left)))
        rs_check_fail(c, RS_CHECK_VIEW, "node %u: its entry of node %u is not the head's", node, other);
    }
    if (ep->local->version != g->version)
      rs_check_fail(c, RS_CHECK_VIEW, "node %u has version %" PRIu64 " of %" PRIu64, node, ep->local->version,
                    g->version);
  }
  if (g->queued || g->actors_waiting || g->actor_count)
    rs_check_fail(c, RS_CHECK_CONTENTION, "the head: %" PRIu64 " requests and %u of %u actors wait", g->queued,
                  g->actors_waiting, g->actor_count);
  if (g->told_contention != RS_WAITING_NONE || g->many_nodes || g->waiting_nodes.count)
    rs_check_fail(c, RS_CHECK_CONTENTION, "the head believes that somebody waits");
}

static void owner_at_rest(struct rs_checker *c, const struct rs_endpoint *ep)
{
  const struct rs_owner *o = ep->owner;
  if (!o) /* a worker that never was one */
    return;
  uint32_t actors = 0;
  for (const struct rs_link *at = o->actors.next; at != &o->actors; at = at->next)
    actors++;
  if (o->tasks.count || o->refs.count || o->streams.count || actors || o->lease_by_worker.count ||
      o->request_by_number.count)
    rs_check_fail(c, RS_CHECK_EMPTY, "owner %" PRIx64 ": %u tasks, %u objects, %u actors, %u leases, %u requests",
                  ep->self, o->tasks.count, o->refs.count, actors, o->lease_by_worker.count,
                  o->request_by_number.count);
  if (o->borrowed.count || o->borrowers.count || !rs_list_empty(&o->adds) || !rs_list_empty(&o->deferred) ||
      !rs_list_empty(&o->carried) || o->lineage_bytes)
    rs_check_fail(c, RS_CHECK_EMPTY, "owner %" PRIx64 ": %u borrowed, %u borrowers, %" PRIu64 " bytes of lineage",
                  ep->self, o->borrowed.count, o->borrowers.count, o->lineage_bytes);
}

static void print_refs(const struct rs_map *refs, FILE *out)
{
  for (uint32_t k = 0, shown = 0; k < refs->cap && shown < 8; k++) {
    if (!refs->slots[k].key)
      continue;
    const struct ref *ref = (const void *)(uintptr_t)refs->slots[k].value;
    const struct ref_more none = {0}, *more = ref->more ? ref->more : &none;
    fprintf(out,
            "    object %" PRIx64 "/%" PRIu64
            " fate %d, %u counts, %u holds, %u places, %u lends, %u gets, %u waits%s\n",
            ref->id.owner, ref->id.seq, ref->fate, ref->count, ref->holds, ref->location_count, more->lend_count,
            more->gets, more->waits + more->local_waits, ref->pulling ? ", pulling" : "");
    shown++;
  }
}

void rs_check_print(const struct rs_rest *rest, FILE *out)
{
  static const char *const states[] = {"blocked", "queued", "pushed", "delayed"};
  for (uint32_t i = 0; i < rest->owner_count; i++) {
    const struct rs_owner *o = rest->owners[i]->owner;
    if (!o)
      continue;
    fprintf(out, "  owner %" PRIx64 "%s: %u tasks, %u objects, %u leases, %u requests\n", rest->owners[i]->self,
            o->orphaned ? " (orphaned)" : "", o->tasks.count, o->refs.count, o->lease_by_worker.count,
            o->request_by_number.count);
    for (uint32_t k = 0, shown = 0; k < o->tasks.cap && shown < 8; k++) {
      const struct owned_task *t = o->tasks.slots[k].key ? (const void *)(uintptr_t)o->tasks.slots[k].value : NULL;
      if (!t)
        continue;
      shown++;
      fprintf(out,
              "    task %" PRIu64 " %s on %" PRIx64 ", waits for %u, retries %d, strategy %d target %d, actor %" PRIu64
              " state %d\n",
              t->task->id.seq, states[t->state],
              t->lease   ? t->lease->worker
              : t->actor ? t->actor->worker
                         : 0,
              t->blocked_on, t->retries_left, t->key ? t->key->strategy : -1, t->key ? (int)t->key->target : -1,
              t->task->actor.seq, t->actor ? (int)t->actor->state : -1);
    }
    for (const struct rs_link *at = o->keys.next; at != &o->keys; at = at->next) {
      const struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
      for (const struct rs_link *r = key->requests.next; r != &key->requests; r = r->next) {
        const struct request *q = RS_ENTRY(r, struct request, link);
        fprintf(out, "    request %" PRIu64 " at %" PRIx64 " hops %u, %u arguments, %" PRId64 " CPUs (e-4)\n",
                q->number, q->raylet, q->hops, key->dep_count, key->demand->is.cpu_e4);
      }
    }
    print_refs(&o->refs, out);
    print_refs(&o->borrowed, out);
  }
  for (uint32_t i = 0; i < rest->raylet_count; i++) {
    const struct rs_raylet *r = rest->raylets[i]->local;
    uint32_t fetching = 0;
    for (const struct rs_link *at = r->fetching.next; at != &r->fetching; at = at->next)
      fetching++;
    fprintf(out,
            "  node %u: %" PRIu64 " wait, %u fetch, %u grants, %" PRId64 " CPUs (e-4) left, store %" PRIu64
            ", workers %u (%u start, %u needed, %u idle), contention %" PRIx64 "%s\n",
            rs_addr_node(rest->raylets[i]->self), r->queued, fetching, r->grant_count, r->left.cpu_e4,
            rs_store_used_bytes(r->store), r->workers.count, r->starting_count, r->need_count, r->idle_count,
            r->contention, r->draining ? ", drains" : "");
  }
  const struct rs_gcs *g = rest->gcs->gcs;
  fprintf(out, "  head: %u actors, %u wait, contention %" PRIx64 "\n", g->actor_count, g->actors_waiting,
          g->told_contention);
  for (const struct rs_link *at = g->actors.next; at != &g->actors; at = at->next) {
    const struct gcs_actor *a = RS_ENTRY(at, struct gcs_actor, all_link);
    fprintf(out, "    actor %" PRIx64 "/%" PRIu64 " phase %d on %" PRIx64 " of %" PRIx64 "\n", a->id.owner, a->id.seq,
            (int)a->phase, a->worker, a->raylet);
  }
}

void rs_check_rest(struct rs_checker *c, const struct rs_rest *rest)
{
  for (uint32_t i = 0; i < rest->owner_count; i++)
    owner_at_rest(c, rest->owners[i]);
  for (uint32_t i = 0; i < rest->raylet_count; i++)
    raylet_at_rest(c, rest->raylets[i], rest->workers[i]);
  view_at_rest(c, rest);
  if (rest->stored_bytes)
    rs_check_fail(c, RS_CHECK_EMPTY, "the stores still have %" PRIu64 " bytes", rest->stored_bytes);
}
