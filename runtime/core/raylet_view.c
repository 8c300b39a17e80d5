/* raylet_view.c -- what a raylet believes about the cluster, and what it reports about itself.
 *
 * The GCS publishes versions of the view; they lag by the report period, the publishing period and the network. When
 * this raylet spills a demand to a node it deducts it from its own copy of that node's entry (as Ray's raylets do), so
 * that the next decision does not send everything to the same place. A deduction ends with the first published report
 * of that node after it, or after spillback_deduction_milliseconds where none comes. Our own entry is the truth: it
 * follows `left`, and what was published about us is ignored.
 *
 * A report goes out when something changed, at most once per raylet_report_resources_period_milliseconds.
 *
 * Cost: a version by pointer is a pointer's copy for a raylet that does not place; one that does pays for the entries
 * that changed and for its deductions.
 */
#include "core/raylet_int.h"
#include "core/store.h"

#define NEVER_NS (5 * RS_S) /* no node that is known could hold it for so long: its owner is told */

static struct rs_view *current(struct rs_raylet *r)
{
  if (!r->view)
    r->view = rs_view_new();
  return r->view;
}

uint32_t rs_raylet_view_alive(const struct rs_raylet *r)
{
  return r->version && r->view ? rs_view_alive(r->view) : 0; /* 0: it does not know */
}

static void tell_placers(void *ctx, rs_node_id node)
{
  struct rs_endpoint *ep = ctx;
  struct rs_raylet *r = ep->local;
  for (int slot = 0; slot < 2; slot++)
    if (r->placer[slot])
      r->policy[slot]->node_changed(r->placer[slot], r->view, node);
}

static void drop_deduction(struct rs_raylet *r, uint32_t index)
{
  rs_raylet_class_unref(r, r->deductions[index].class);
  r->deductions[index] = r->deductions[--r->deduction_count];
}

/* Subtracts a demand from one entry of r->view; false where it is not there or has no room. */
static bool subtract(struct rs_raylet *r, rs_node_id node, const struct lease_class *class, uint32_t *report_seq)
{
  const struct rs_view_node *entry = rs_view_get(r->view, node);
  if (!entry || entry->state != RS_NODE_ALIVE || !rs_res_fits(&entry->left, &class->demand->is))
    return false;
  struct rs_view_node changed = *entry;
  rs_res_take(&changed.left, &class->demand->is);
  *report_seq = changed.report_seq;
  rs_view_set(&r->view, node, &changed);
  return true;
}

void rs_raylet_view_deduct(struct rs_endpoint *ep, rs_node_id node, struct lease_class *class)
{
  struct rs_raylet *r = ep->local;
  uint32_t report_seq;
  if (!subtract(r, node, class, &report_seq))
    return;
  tell_placers(ep, node);
  RS_GROW(r->deductions, r->deduction_count, r->deduction_cap);
  uint64_t hold_ns = (uint64_t)ep->config->spillback_deduction_milliseconds * RS_MS;
  class->refs++;
  /* in steps, so that many end together: an end costs a rebase */
  uint64_t step_ns = (uint64_t)ep->config->raylet_report_resources_period_milliseconds * RS_MS;
  uint64_t expires_at = rs_time_add(ep->now, hold_ns);
  if (expires_at < RS_TIME_NEVER - step_ns)
    expires_at = (expires_at + step_ns - 1) / step_ns * step_ns;
  if (r->deduction_count == 0 || expires_at < r->deduction_expires_at)
    r->deduction_expires_at = expires_at;
  r->deductions[r->deduction_count++] = (struct deduction){class, expires_at, node, report_seq};
}

/* r->view := published version + the deductions that still hold. */
static void rebase(struct rs_endpoint *ep, struct rs_view *published)
{
  struct rs_raylet *r = ep->local;
  struct rs_view *old = r->view;
  r->view = rs_view_ref(published);
  rs_view_ref(published);
  rs_view_unref(r->published);
  r->published = published;
  r->deduction_expires_at = RS_TIME_NEVER;
  for (uint32_t i = 0; i < r->deduction_count;) {
    struct deduction *d = &r->deductions[i];
    const struct rs_view_node *entry = rs_view_get(published, d->node);
    uint32_t report_seq;
    if (!entry || entry->report_seq != d->report_seq || d->expires_at <= ep->now ||
        !subtract(r, d->node, d->class, &report_seq))
      drop_deduction(r, i);
    else
      r->deduction_expires_at = rs_time_min(r->deduction_expires_at, r->deductions[i++].expires_at);
  }
  r->own_changed = true;
  if (old && (r->placer[0] || r->placer[1]))
    rs_view_diff(old, r->view, tell_placers, ep);
  rs_view_unref(old);
}

/* A node whose report showed no change (it refused, or the request was withdrawn) sends none: nothing but time ends the
 * deduction. It only matters while somebody waits. */
void rs_raylet_view_settle(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (rs_raylet_view_deadline(r) > ep->now)
    return;
  if (r->deduction_count && r->deduction_expires_at <= ep->now)
    rebase(ep, r->published);
  if (r->never_at && r->never_at <= ep->now)
    r->never_at = 0;
  r->stirred = true;
}

uint64_t rs_raylet_view_deadline(const struct rs_raylet *r)
{
  if (!r->queued)
    return RS_TIME_NEVER;
  uint64_t expires = r->deduction_count ? r->deduction_expires_at : RS_TIME_NEVER;
  return r->never_at ? rs_time_min(expires, r->never_at) : expires;
}

/* Their owners may want to know what they wait for, once it is not only that the cluster begins. */
void rs_raylet_view_never(struct rs_endpoint *ep, struct lease_class *class, bool never)
{
  struct rs_raylet *r = ep->local;
  if (!never || class->never_since == 0) {
    class->never_since = never ? ep->now : 0;
    if (never && (!r->never_at || r->never_at > ep->now + NEVER_NS))
      r->never_at = ep->now + NEVER_NS;
    return;
  }
  if (ep->now < class->never_since + NEVER_NS) {
    r->never_at = r->never_at ? rs_time_min(r->never_at, class->never_since + NEVER_NS) : class->never_since + NEVER_NS;
    return;
  }
  for (struct rs_link *at = class->queue.prev; at != &class->queue; at = at->prev) {
    struct waiting *w = RS_ENTRY(at, struct waiting, link);
    if (w->told)
      return; /* and all before it */
    w->told = true;
    if (w->actor)
      continue;
    struct rs_m_lease_infeasible *m = rs_msg_new(RS_MSG_LEASE_INFEASIBLE);
    m->request = w->request;
    rs_send(ep, w->owner, m);
  }
}

static void apply_entry(struct rs_view **view, const struct rs_entry *entry)
{
  struct rs_view_node node = {.info = entry->info,
                              .raylet = entry->raylet,
                              .report_seq = entry->report_seq,
                              .queued = entry->queued,
                              .state = entry->state,
                              .left = entry->left};
  if (!node.info) {
    const struct rs_view_node *old = rs_view_get(*view, entry->node);
    if (!old || old->raylet != entry->raylet)
      return; /* a change to a node that was never introduced: the snapshot that follows has it */
    node.info = old->info;
  }
  rs_view_set(view, entry->node, &node);
}

void rs_raylet_view_on_message(struct rs_endpoint *ep, const struct rs_msg *msg)
{
  struct rs_raylet *r = ep->local;
  const struct rs_m_view *m = (const void *)msg;
  if (m->version <= r->version)
    return;
  struct rs_view *published = ep->codec_forced ? NULL : rs_view_of(msg);
  if (published) {
    rs_view_ref(published);
  } else {
    if (m->from_version == 0) {
      rs_view_unref(r->base);
      r->base = rs_view_new();
    } else if (!r->base || m->from_version != r->version) {
      return; /* a gap: only possible across a new connection, after which a snapshot comes */
    }
    for (uint32_t i = 0; i < m->nodes_count; i++)
      apply_entry(&r->base, &m->nodes[i]);
    published = rs_view_ref(r->base);
  }
  r->version = m->version;
  rebase(ep, published);
  rs_view_unref(published);
  r->stirred = true;
}

struct rs_view_node rs_raylet_own_entry(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  return (struct rs_view_node){.info = r->info,
                               .raylet = ep->self,
                               .report_seq = r->report_seq,
                               .queued = (uint32_t)r->queued,
                               .state = r->draining ? RS_NODE_DRAINING : RS_NODE_ALIVE,
                               .left = r->left};
}

/* Our own entry follows `left`. */
static void sync_own(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (!r->own_changed)
    return;
  r->own_changed = false;
  current(r);
  struct rs_view_node own = rs_raylet_own_entry(ep);
  rs_view_set(&r->view, rs_addr_node(ep->self), &own);
  tell_placers(ep, rs_addr_node(ep->self));
}

enum rs_pick rs_raylet_view_pick(struct rs_endpoint *ep, const struct waiting *w, struct rs_choice *choice)
{
  struct rs_raylet *r = ep->local;
  sync_own(ep);
  int slot = w->class->strategy == RS_STRATEGY_SPREAD;
  if (!r->placer[slot]) {
    r->policy[slot] = slot == 0 ? ep->config->policy : rs_place_policy_by_name("spread");
    RS_ASSERT(r->policy[slot]);
    struct rs_place_opts opts = {.local = rs_addr_node(ep->self),
                                 .spread_threshold_e4 = (uint32_t)ep->config->scheduler_spread_threshold_e4,
                                 .top_k_fraction_e4 = (uint32_t)ep->config->scheduler_top_k_fraction_e4,
                                 .top_k_absolute = (uint32_t)ep->config->scheduler_top_k_absolute,
                                 .avoid_gpu_nodes = ep->config->scheduler_avoid_gpu_nodes != 0};
    r->placer[slot] = r->policy[slot]->create(r->view, &opts);
  }
  struct rs_place_request request = {.demand = &w->class->demand->is};
  for (uint32_t i = 0; i < w->dep_count; i++) {
    const struct rs_dep *dep = &w->deps[i];
    if (dep->location == RS_ADDR_NONE || dep->size_bytes == 0)
      continue;
    uint32_t at = 0;
    while (at < request.locality_count && request.locality[at].node != rs_addr_node(dep->location))
      at++;
    if (at == request.locality_count) {
      if (at == RS_LOCALITY_MAX)
        continue;
      request.locality[request.locality_count++].node = rs_addr_node(dep->location);
      request.locality[at].bytes = 0;
    }
    request.locality[at].bytes += dep->size_bytes;
  }
  for (uint32_t i = 1; i < request.locality_count; i++) /* most bytes first, then the lower node */
    for (uint32_t k = i; k > 0; k--) {
      __typeof__(request.locality[0]) a = request.locality[k - 1], b = request.locality[k];
      if (a.bytes > b.bytes || (a.bytes == b.bytes && a.node < b.node))
        break;
      request.locality[k - 1] = b;
      request.locality[k] = a;
    }
  return rs_place_pick(r->policy[slot], r->placer[slot], r->view, &request, &ep->rng, choice, &ep->work.nodes);
}

void rs_raylet_view_free(struct rs_raylet *r)
{
  for (int slot = 0; slot < 2; slot++)
    if (r->placer[slot])
      r->policy[slot]->destroy(r->placer[slot]);
  while (r->deduction_count)
    drop_deduction(r, r->deduction_count - 1);
  free(r->deductions);
  rs_view_unref(r->base);
  rs_view_unref(r->published);
  rs_view_unref(r->view);
}

/* ---- reports ---- */

static uint64_t report_due_at(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  uint64_t period_ns = (uint64_t)ep->config->raylet_report_resources_period_milliseconds * RS_MS;
  return r->ever_reported ? rs_time_add(r->last_report_at, period_ns) : 0;
}

static uint64_t waiting_source(const struct rs_raylet *r)
{
  uint64_t source = RS_WAITING_NONE;
  RS_LIST_EACH(&r->classes, at, after)
  {
    const struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    if (class->queued == 0)
      continue;
    if (source != RS_WAITING_NONE && source != class->source)
      return RS_WAITING_MANY;
    source = class->source;
  }
  return source;
}

void rs_raylet_report_settle(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (!r->dirty || !r->registered || ep->now < report_due_at(ep))
    return;
  r->dirty = false;
  r->ever_reported = true;
  r->last_report_at = ep->now;
  struct rs_m_report *m = rs_msg_new(RS_MSG_REPORT);
  m->seq = ++r->report_seq;
  m->left = r->left;
  m->queued = r->queued > UINT32_MAX ? UINT32_MAX : (uint32_t)r->queued;
  m->waiting = waiting_source(r);
  m->busy = r->grant_count > 0 || r->bundle_count > 0 || r->queued > 0 || !rs_list_empty(&r->fetching) ||
            rs_store_holds_primary(r->store);
  m->draining = r->draining;
  uint32_t cap = 0;
  RS_LIST_EACH(&r->classes, at, after)
  {
    const struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    if (class->queued == 0 || m->shapes_count == 64 || class->demand->is.group_seq) /* a group's resources are there */
      continue;
    RS_GROW(m->shapes, m->shapes_count, cap);
    m->shapes[m->shapes_count++] =
        (struct rs_shape){class->demand->is, class->queued > UINT32_MAX ? UINT32_MAX : (uint32_t) class->queued};
  }
  rs_send(ep, ep->head, m);
}

uint64_t rs_raylet_report_deadline(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  return r->dirty && r->registered ? report_due_at(ep) : RS_TIME_NEVER;
}

/* ---- */

void rs_raylet_prefetch(const struct rs_raylet *r, unsigned step)
{
  if (step == 1) {
    rs_prefetch(r, sizeof *r);
    return;
  }
  rs_store_prefetch(r->store);
  rs_prefetch(RS_ENTRY(r->grants.next, struct grant, link), sizeof(struct grant));
  rs_prefetch(r->workers.slots, 64);
  rs_prefetch(r->grant_by_lease.slots, 64);
}
