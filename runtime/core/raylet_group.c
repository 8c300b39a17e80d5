/* raylet_group.c -- bundles of placement groups on this node: resources put apart, from which leases draw.
 *
 * PREPARE takes the resources of some bundles of a group out of what is left, all or none, each GPU bundle with devices
 * of its own. COMMIT opens them to leases. RETURN gives them back: those of one attempt that came to nothing, or all
 * that the group has here; whatever runs in them is ended first, and its owner told.
 *
 * A lease request whose demand names a group draws from the bundle that it names, or from the lowest one with room
 * where it names none. Nothing is ever sent elsewhere: an owner that does not want to wait here (hops 0, and the head
 * for an actor) is refused when there is no room now; others wait in the queue of their class, also for a bundle that
 * is prepared and not yet committed. A bundle that is not here is refused as stale: the owner then asks the head.
 *
 * Cost: a request O(bundles of the group here); a return O(grants and waiting entries of the node).
 * Invariants: a bundle's total is what its grants hold and what is left in it; no bundle is here twice.
 */
#include "core/raylet_int.h"

#include "core/store.h"

/* What a group has here. */
struct local_group {
  struct rs_link bundles; /* by number */
  struct rs_id id;
};

static struct local_group *find(const struct rs_raylet *r, uint64_t owner, uint64_t seq)
{
  struct local_group *group = rs_map_get_ptr(&r->groups, rs_id_key((struct rs_id){owner, seq}));
  RS_ASSERT(!group || (group->id.owner == owner && group->id.seq == seq));
  return group;
}

static bool named(const struct bundle *b, const struct rs_demand *demand)
{
  return demand->group_bundle < 0 || (uint32_t)demand->group_bundle == b->index;
}

struct bundle *rs_raylet_group_room(const struct rs_raylet *r, const struct rs_demand *demand)
{
  const struct local_group *group = find(r, demand->group_owner, demand->group_seq);
  if (!group)
    return NULL;
  for (const struct rs_link *at = group->bundles.next; at != &group->bundles; at = at->next) {
    struct bundle *b = RS_ENTRY(at, struct bundle, group_link);
    if (b->committed && named(b, demand) && rs_res_fits(&b->left, demand))
      return b;
  }
  return NULL;
}

static void trace(struct rs_endpoint *ep, enum rs_trace what, const struct bundle *b)
{
  rs_trace(ep, what, b->group.owner, b->group.seq, rs_bundle_place(b->index, ep->self));
}

/* ---- the three messages ---- */

static struct bundle *take(struct rs_endpoint *ep, const struct rs_m_group_prepare *m, const struct rs_bundle *wanted)
{
  struct rs_raylet *r = ep->local;
  struct bundle *b = rs_alloc_zero(1, sizeof *b);
  b->group = m->group;
  b->attempt = m->attempt;
  b->index = wanted->index;
  b->demand = wanted->demand;
  b->gpus = rs_res_take(&r->left, &b->demand);
  rs_bundles_total(&b->demand, b->gpus, r->info->total.gpu_count, &b->total);
  b->left = b->total;
  return b;
}

static void insert(struct rs_raylet *r, struct bundle *b)
{
  uint64_t key = rs_id_key(b->group);
  struct local_group *group = find(r, b->group.owner, b->group.seq);
  if (!group) {
    group = rs_alloc_zero(1, sizeof *group);
    group->id = b->group;
    rs_list_init(&group->bundles);
    rs_map_put_ptr(&r->groups, key, group);
  }
  struct rs_link *after = group->bundles.prev;
  while (after != &group->bundles && RS_ENTRY(after, struct bundle, group_link)->index > b->index)
    after = after->prev;
  RS_ASSERT(after == &group->bundles || RS_ENTRY(after, struct bundle, group_link)->index != b->index);
  rs_list_insert_after(after, &b->group_link);
  rs_list_push_back(&r->bundles, &b->link);
  r->bundle_count++;
}

static void on_prepare(struct rs_endpoint *ep, const struct rs_m_group_prepare *m)
{
  struct rs_raylet *r = ep->local;
  struct bundle **taken = rs_alloc(m->bundles_count * sizeof *taken);
  uint32_t count = 0;
  while (!r->draining && count < m->bundles_count && rs_res_fits(&r->left, &m->bundles[count].demand) &&
         rs_labels_match(r->info, &m->bundles[count].demand)) {
    taken[count] = take(ep, m, &m->bundles[count]);
    count++;
  }
  bool all = count == m->bundles_count;
  for (uint32_t i = 0; i < count; i++) {
    if (all) {
      insert(r, taken[i]);
      trace(ep, RS_TRACE_BUNDLE_PREPARED, taken[i]);
    } else {
      rs_res_give(&r->left, &r->info->total, &taken[i]->demand, taken[i]->gpus);
      free(taken[i]);
    }
  }
  free(taken);
  rs_raylet_changed(r); /* a report follows in any case: what the head has counted may be out of date */
  struct rs_m_group_prepared *reply = rs_msg_new(RS_MSG_GROUP_PREPARED);
  reply->group = m->group;
  reply->attempt = m->attempt;
  reply->status = all ? RS_ERR_OK : RS_ERR_NO_ROOM;
  rs_send(ep, ep->head, reply);
}

static void on_commit(struct rs_endpoint *ep, const struct rs_m_group_commit *m)
{
  struct local_group *group = find(ep->local, m->group.owner, m->group.seq);
  if (!group)
    return;
  RS_LIST_EACH(&group->bundles, at, after)
  {
    struct bundle *b = RS_ENTRY(at, struct bundle, group_link);
    if (b->attempt != m->attempt || b->committed)
      continue;
    b->committed = true;
    trace(ep, RS_TRACE_BUNDLE_COMMITTED, b);
  }
  ep->local->stirred = true;
}

/* What draws from the bundle ends. */
static void end_grants(struct rs_endpoint *ep, const struct bundle *b, int reason)
{
  struct rs_raylet *r = ep->local;
  RS_LIST_EACH(&r->grants, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, link);
    if (grant->bundle != b)
      continue;
    if (grant->worker) {
      struct rs_m_worker_died *m = rs_msg_new(RS_MSG_WORKER_DIED);
      m->lease = grant->lease;
      m->worker = grant->worker->addr;
      m->reason = reason;
      m->pid = grant->worker->pid;
      m->end = RS_PROCESS_RUNS;
      rs_send(ep, grant->owner, m);
    } else {
      rs_raylet_reject(ep, grant->owner, grant->request, reason);
    }
    rs_raylet_drop_grant(ep, grant, true);
  }
}

static void give_back(struct rs_endpoint *ep, struct bundle *b, int reason)
{
  struct rs_raylet *r = ep->local;
  end_grants(ep, b, reason);
  RS_ASSERT(b->grants == 0 && rs_res_equal(&b->left, &b->total));
  rs_res_give(&r->left, &r->info->total, &b->demand, b->gpus);
  trace(ep, RS_TRACE_BUNDLE_RETURNED, b);
  rs_list_remove(&b->link);
  rs_list_remove(&b->group_link);
  r->bundle_count--;
  free(b);
}

static bool is_here(const struct rs_raylet *r, const struct rs_demand *demand)
{
  const struct local_group *group = find(r, demand->group_owner, demand->group_seq);
  for (const struct rs_link *at = group ? group->bundles.next : NULL; group && at != &group->bundles; at = at->next)
    if (named(RS_ENTRY(at, struct bundle, group_link), demand))
      return true;
  return false;
}

static void on_return(struct rs_endpoint *ep, const struct rs_m_group_return *m)
{
  struct rs_raylet *r = ep->local;
  struct local_group *group = find(r, m->group.owner, m->group.seq);
  if (!group)
    return;
  RS_LIST_EACH(&group->bundles, at, after)
  {
    struct bundle *b = RS_ENTRY(at, struct bundle, group_link);
    if (m->attempt == 0 || b->attempt == m->attempt)
      give_back(ep, b, m->reason);
  }
  if (rs_list_empty(&group->bundles)) {
    rs_map_remove(&r->groups, rs_id_key(group->id), NULL);
    free(group);
  }
  rs_raylet_refuse_waiting(ep, m->group, m->attempt ? RS_ERR_GROUP_STALE : m->reason);
  rs_raylet_changed(r);
}

bool rs_raylet_group_on_message(struct rs_endpoint *ep, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_GROUP_PREPARE: on_prepare(ep, (const void *)msg); return true;
  case RS_MSG_GROUP_COMMIT: on_commit(ep, (const void *)msg); return true;
  case RS_MSG_GROUP_RETURN: on_return(ep, (const void *)msg); return true;
  default: return false;
  }
}

/* ---- leases ---- */

/* OK, or why no lease of this demand can be had here, now or ever. */
int rs_raylet_group_check(const struct rs_raylet *r, const struct rs_demand *demand)
{
  const struct local_group *group = find(r, demand->group_owner, demand->group_seq);
  if (!is_here(r, demand))
    return RS_ERR_GROUP_STALE;
  for (const struct rs_link *at = group->bundles.next; at != &group->bundles; at = at->next) {
    const struct bundle *b = RS_ENTRY(at, struct bundle, group_link);
    if (named(b, demand) && rs_res_fits(&b->total, demand))
      return RS_ERR_OK;
  }
  return RS_ERR_GROUP_TOO_SMALL;
}

void rs_raylet_group_free(struct rs_raylet *r)
{
  RS_LIST_EACH(&r->bundles, at, after) free(RS_ENTRY(at, struct bundle, link));
  for (uint32_t i = 0; i < r->groups.cap; i++)
    if (r->groups.slots[i].key)
      free((void *)(uintptr_t)r->groups.slots[i].value);
  rs_map_free(&r->groups);
}

uint32_t rs_raylet_bundle_count(const struct rs_endpoint *ep)
{
  return ep->local->bundle_count;
}

/* Every bundle's resources, by device. */
void rs_raylet_group_sanity_check(const struct rs_raylet *r)
{
  uint32_t count = 0;
  for (const struct rs_link *at = r->bundles.next; at != &r->bundles; at = at->next, count++) {
    const struct bundle *b = RS_ENTRY(at, struct bundle, link);
    struct rs_res left = b->left;
    uint32_t grants = 0;
    for (const struct rs_link *link = r->grants.next; link != &r->grants; link = link->next) {
      const struct grant *grant = RS_ENTRY(link, struct grant, link);
      if (grant->bundle != b)
        continue;
      rs_raylet_give(grant, &left, &b->total);
      grants++;
    }
    RS_ASSERT(grants == b->grants && rs_res_equal(&left, &b->total) && (grants == 0 || b->committed));
    const struct local_group *group = find(r, b->group.owner, b->group.seq);
    RS_ASSERT(group && !rs_list_empty(&group->bundles));
  }
  RS_ASSERT(count == r->bundle_count);
}
