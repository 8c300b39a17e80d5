/* raylet.c -- a node's lease queue: who gets a worker of this node, and who is sent elsewhere.
 *
 * A lease request that comes from its owner directly (hops 0) is decided here: the policy picks a node out of this
 * raylet's view. Our own node: it is committed here, its arguments are pulled, its resources taken, and it is granted
 * once a worker is there. Another node: the owner is told to ask there (spillback), and the demand is deducted from our
 * copy of that node's entry. No node has room now: it waits, in the queue of its scheduling class, until something
 * changes; a class whose head cannot be placed costs nothing more until then. Classes take turns, and owners within a
 * class. A request that was spilled to us (hops > 0) is granted or rejected at once, as in Ray: the raylet that sent it
 * will decide again with a newer view. A hard node affinity waits at its target.
 *
 * Where this departs from Ray: an owner there gives a lease back after worker_lease_timeout_milliseconds, whether or
 * not anybody waits. Here the GCS tells the raylets whether somebody waits (see gcs.c), and only then are leases older
 * than that asked back, by LEASE_RECALL: the same bound on waiting, without the messages while nobody waits.
 *
 * Cost of a request: one pick, O(1) otherwise. Invariants (sanity check): what grants hold plus what is left is the
 * total; queued is the sum over classes.
 */
#include "core/raylet.h"

#include "core/raylet_int.h"
#include "core/store.h"

struct rs_raylet *rs_raylet_new(struct rs_endpoint *ep, const struct rs_start *start)
{
  RS_ASSERT(start->info && rs_addr_ep(start->self) == RS_EP_RAYLET);
  struct rs_raylet *r = rs_alloc_zero(1, sizeof *r);
  (void)ep;
  r->info = rs_node_info_ref(start->info);
  r->left = start->info->total;
  r->own_changed = true;
  r->store = rs_store_new((uint64_t)start->info->total.store_bytes);
  r->next_ep = RS_EP_WORKER;
  r->next_recall_at = r->look_at = RS_TIME_NEVER;
  struct rs_link *lists[] = {&r->classes,  &r->fetching,    &r->grants,  &r->idle,
                             &r->starting, &r->need_worker, &r->bundles, &r->owed};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    rs_list_init(lists[i]);
  return r;
}

static void waiting_free(struct rs_raylet *r, struct waiting *w)
{
  rs_list_remove(&w->link);
  rs_raylet_class_unref(r, w->class);
  free(w->deps);
  free(w);
}

void rs_raylet_free(struct rs_raylet *r)
{
  RS_LIST_EACH(&r->classes, at, after)
  {
    struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    class->refs++; /* the list must not go while we walk it */
    class->queued = 0;
    RS_LIST_EACH(&class->queue, link, next) waiting_free(r, RS_ENTRY(link, struct waiting, link));
    rs_raylet_class_unref(r, class);
  }
  RS_LIST_EACH(&r->fetching, at, after) waiting_free(r, RS_ENTRY(at, struct waiting, link));
  RS_LIST_EACH(&r->grants, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, link);
    rs_raylet_class_unref(r, grant->class);
    free(grant->deps);
    free(grant);
  }
  rs_raylet_group_free(r);
  rs_raylet_view_free(r);
  rs_raylet_pool_free(r);
  rs_map_free(&r->class_by_hash);
  rs_map_free(&r->full);
  rs_map_free(&r->grant_by_lease);
  rs_map_free(&r->owners);
  rs_store_free(r->store);
  rs_node_info_unref(r->info);
  free(r->subscribers);
  free(r->oom_ended);
  free(r);
}

void rs_raylet_on_start(struct rs_endpoint *ep)
{
  struct rs_m_register *m = rs_msg_new(RS_MSG_REGISTER);
  m->info = rs_node_info_ref(ep->local->info);
  rs_send(ep, ep->head, m);
}

void rs_raylet_changed(struct rs_raylet *r)
{
  r->dirty = true;
  r->stirred = true;
  r->own_changed = true;
}

/* ---- scheduling classes ---- */

static bool class_is(const struct lease_class *class, const struct rs_m_lease_request *m, bool here)
{
  return class->strategy == m->strategy && class->target == m->target && class->here == here &&
         rs_shared_demand_equal(class->demand, m->demand) && rs_shared_demand_equal(class->hold, m->hold);
}

/* The class of a request, with one more reference. */
static struct lease_class *class_of(struct rs_raylet *r, const struct rs_m_lease_request *m, bool here)
{
  uint64_t hash = rs_mix64(m->demand->hash ^ rs_mix64(m->hold->hash)) ^
                  rs_mix64((uint64_t)m->target << 16 | (uint64_t)m->strategy << 8 | here);
  for (hash = hash ? hash : 1;; hash = rs_mix64(hash) | 1) {
    struct lease_class *class = rs_map_get_ptr(&r->class_by_hash, hash);
    if (class && !class_is(class, m, here))
      continue;
    if (!class) {
      class = rs_alloc_zero(1, sizeof *class);
      class->demand = rs_shared_demand_ref(m->demand);
      class->hold = rs_shared_demand_ref(m->hold);
      class->hash = hash;
      class->target = m->target;
      class->strategy = m->strategy;
      class->here = here;
      rs_list_init(&class->queue);
      rs_list_push_back(&r->classes, &class->link);
      rs_map_put_ptr(&r->class_by_hash, hash, class);
    }
    class->refs++;
    return class;
  }
}

void rs_raylet_class_unref(struct rs_raylet *r, struct lease_class *class)
{
  if (--class->refs > 0)
    return;
  RS_ASSERT(class->queued == 0);
  rs_list_remove(&class->link);
  rs_map_remove(&r->class_by_hash, class->hash, NULL);
  rs_shared_demand_unref(class->demand);
  rs_shared_demand_unref(class->hold);
  free(class);
}

static void enqueue(struct rs_raylet *r, struct waiting *w)
{
  uint64_t source = rs_waiting_source(w->owner, w->key);
  if (w->class->queued == 0)
    w->class->source = source;
  else if (w->class->source != source)
    w->class->source = RS_WAITING_MANY;
  rs_list_push_back(&w->class->queue, &w->link);
  w->class->queued += w->count;
  r->queued += w->count;
  r->dirty = true;
}

/* One request leaves the head entry of its queue; the entry goes with its last one. */
static void take_one(struct rs_raylet *r, struct waiting *w)
{
  w->class->queued--;
  r->queued--;
  r->dirty = true;
  w->request++;
  rs_list_remove(&w->link);
  if (--w->count == 0)
    waiting_free(r, w);
  else
    rs_list_push_back(&w->class->queue, &w->link);
}

/* ---- grants ---- */

void rs_raylet_reject(struct rs_endpoint *ep, rs_addr owner, uint64_t request, int reason)
{
  struct rs_m_lease_reject *m = rs_msg_new(RS_MSG_LEASE_REJECT);
  m->request = request;
  m->reason = reason;
  rs_send(ep, owner, m);
  rs_trace(ep, RS_TRACE_LEASE_REJECTED, owner, request, (uint64_t)(int64_t)reason);
}

/* Takes the resources of one request; they are there. Pinned arguments pass to the grant. */
static void grant_one(struct rs_endpoint *ep, struct waiting *w)
{
  struct rs_raylet *r = ep->local;
  struct grant *grant = rs_alloc_zero(1, sizeof *grant);
  grant->class = w->class;
  grant->class->refs++;
  grant->lease = ++r->last_lease;
  grant->owner = w->owner;
  grant->job = w->job;
  grant->request = w->request;
  grant->key = w->key;
  grant->actor = w->actor;
  grant->retriable = w->retriable;
  grant->granted_at = ep->now;
  if (w->pinned) {
    RS_ASSERT(w->count == 1);
    grant->deps = w->deps;
    grant->dep_count = w->dep_count;
    w->deps = NULL;
    w->dep_count = w->held = 0;
    for (uint32_t i = 0; i < grant->dep_count; i++)
      rs_store_lease(ep, grant->deps[i].id);
  }
  if (grant->class->demand->is.group_seq) {
    grant->bundle = rs_raylet_group_room(r, &grant->class->demand->is);
    RS_ASSERT(grant->bundle);
    grant->bundle->grants++;
  }
  grant->gpus = rs_res_take(grant->bundle ? &grant->bundle->left : &r->left, &grant->class->hold->is);
  grant->cpu_e4 = grant->class->hold->is.cpu_e4;
  rs_list_init(&grant->owed_link);
  rs_list_push_back(&r->grants, &grant->link);
  rs_list_init(&grant->worker_link);
  rs_map_put_ptr(&r->grant_by_lease, grant->lease, grant);
  r->grant_count++;
  r->dirty = true;
  r->own_changed = true;
  if (r->contention != RS_WAITING_NONE && r->next_recall_at == RS_TIME_NEVER)
    r->next_recall_at = 0; /* looked at, and set right, when the step settles */
  rs_raylet_pool_assign(ep, grant);
}

void rs_raylet_on_worker(struct rs_endpoint *ep, struct grant *grant)
{
  struct rs_m_lease_grant *m = rs_msg_new(RS_MSG_LEASE_GRANT);
  m->request = grant->request;
  m->lease = grant->lease;
  m->worker = grant->worker->addr;
  m->gpus = grant->gpus;
  m->nodes = rs_raylet_view_alive(ep->local);
  m->pid = grant->worker->pid;
  rs_send(ep, grant->owner, m);
  if (grant->actor)
    ep->local->dirty = true; /* the head deducts an actor from its grant to the next report: there must be one */
  rs_trace(ep, RS_TRACE_LEASE_GRANTED, grant->owner, grant->request, grant->worker->addr);
}

void rs_raylet_drop_grant(struct rs_endpoint *ep, struct grant *grant, bool stop_worker)
{
  struct rs_raylet *r = ep->local;
  struct bundle *bundle = grant->bundle;
  rs_raylet_give(grant, bundle ? &bundle->left : &r->left, bundle ? &bundle->total : &r->info->total);
  if (bundle)
    bundle->grants--;
  rs_list_remove(&grant->link);
  rs_list_remove(&grant->owed_link);
  rs_raylet_repay(r);
  if (!rs_list_empty(&grant->worker_link)) {
    rs_list_remove(&grant->worker_link);
    r->need_count--;
  }
  rs_map_remove(&r->grant_by_lease, grant->lease, NULL);
  r->grant_count--;
  struct pool_worker *worker = grant->worker;
  rs_trace(ep, RS_TRACE_LEASE_RETURNED, grant->owner, grant->lease, worker ? worker->addr : 0);
  rs_raylet_changed(r);
  if (worker)
    rs_raylet_pool_release(ep, worker, stop_worker);
  for (uint32_t i = 0; i < grant->dep_count; i++)
    if (grant->blocked)
      rs_store_unpin(ep, grant->deps[i].id);
    else
      rs_store_unlease(ep, grant->deps[i].id);
  rs_raylet_class_unref(r, grant->class);
  free(grant->deps);
  free(grant);
}

/* ---- committed here: arguments first, then resources ---- */

static struct waiting *waiting_new(struct rs_raylet *r, const struct rs_m_lease_request *m, rs_addr owner, bool here)
{
  struct waiting *w = rs_alloc_zero(1, sizeof *w);
  w->class = class_of(r, m, here);
  w->owner = owner;
  w->job = m->job != RS_ADDR_NONE ? m->job : owner;
  w->request = m->request;
  w->key = m->key;
  w->count = m->count;
  w->actor = m->actor;
  w->retriable = m->retriable;
  w->tries = m->tries;
  w->dep_count = m->deps_count;
  w->deps = rs_memdup(m->deps, m->deps_count * sizeof *m->deps);
  rs_list_init(&w->link);
  return w;
}

/* Arguments are pinned in their order, as soon as they are here: so whoever waits gets on with each that arrives, and
 * two tasks cannot drive out each other's arguments for ever. Those behind one that is missing may be evicted again. */
static void hold(struct rs_endpoint *ep, struct waiting *w)
{
  for (; w->held < w->dep_count && rs_store_has(ep->local->store, w->deps[w->held].id); w->held++)
    rs_store_pin(ep, w->deps[w->held].id);
}

/* Asks for every argument that is not held; false: one of them is lost. */
static bool fetch(struct rs_endpoint *ep, struct waiting *w)
{
  w->fetching = 1; /* held until all have been asked for */
  for (uint32_t i = w->held; i < w->dep_count; i++) {
    w->fetching++;
    if (rs_store_want(ep, &w->deps[i], w))
      w->fetching--;
    else if (w->fetching == UINT32_MAX)
      return false;
    hold(ep, w);
  }
  return true;
}

static void release_args(struct rs_endpoint *ep, struct waiting *w)
{
  if (w->held < w->dep_count)
    rs_store_unwant(ep, w);
  while (w->held > 0)
    rs_store_unpin(ep, w->deps[--w->held].id);
}

/* The entry, of one request, is for this node alone from now on. */
static void commit(struct rs_endpoint *ep, struct waiting *w)
{
  struct rs_raylet *r = ep->local;
  RS_ASSERT(w->class->here);
  if (w->dep_count == 0) {
    enqueue(r, w);
    r->stirred = true;
    w->class->blocked = false;
    return;
  }
  RS_ASSERT(w->count == 1);
  rs_list_push_back(&r->fetching, &w->link);
  if (!fetch(ep, w)) {
    release_args(ep, w);
    waiting_free(r, w);
    return;
  }
  rs_raylet_on_arg_ready(ep, w, w->deps[0].id, RS_ERR_OK);
}

static void tell_arg_lost(struct rs_endpoint *ep, const struct waiting *w, struct rs_id id)
{
  struct rs_m_lease_arg_lost *m = rs_msg_new(RS_MSG_LEASE_ARG_LOST);
  m->request = w->request;
  m->object = id;
  for (uint32_t i = 0; i < w->dep_count; i++)
    if (rs_id_equal(w->deps[i].id, id))
      m->location = w->deps[i].location;
  rs_send(ep, w->owner, m);
  rs_trace(ep, RS_TRACE_LEASE_REJECTED, w->owner, w->request, (uint64_t)(int64_t)RS_ERR_OBJECT_LOST);
}

void rs_raylet_on_arg_ready(struct rs_endpoint *ep, struct waiting *w, struct rs_id id, int status)
{
  struct rs_raylet *r = ep->local;
  if (w->fetching == UINT32_MAX)
    return;
  if (status != RS_ERR_OK) {
    if (status == RS_ERR_OBJECT_LOST && !w->actor)
      tell_arg_lost(ep, w, id);
    else
      rs_raylet_reject(ep, w->owner, w->request, status);
    w->fetching = UINT32_MAX;
    rs_list_remove(&w->link);
    rs_list_push_back(&r->fetching, &w->link); /* swept when the step settles */
    return;
  }
  hold(ep, w);
  if (--w->fetching > 0)
    return;
  while (w->held < w->dep_count) /* one was evicted while we waited for another */
    if (!fetch(ep, w) || --w->fetching > 0)
      return;
  rs_list_remove(&w->link);
  w->pinned = true;
  enqueue(r, w);
  w->class->blocked = false;
  r->stirred = true;
}

static void sweep_lost(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  RS_LIST_EACH(&r->fetching, at, after)
  {
    struct waiting *w = RS_ENTRY(at, struct waiting, link);
    if (w->fetching != UINT32_MAX)
      continue;
    release_args(ep, w);
    waiting_free(r, w);
  }
}

/* ---- deciding ---- */

static void spill(struct rs_endpoint *ep, struct waiting *w, rs_node_id node)
{
  struct rs_raylet *r = ep->local;
  struct rs_m_lease_spill *m = rs_msg_new(RS_MSG_LEASE_SPILL);
  m->request = w->request;
  m->raylet = rs_view_get(r->view, node)->raylet;
  m->nodes = rs_raylet_view_alive(r);
  rs_trace(ep, RS_TRACE_LEASE_SPILLED, w->owner, w->request, m->raylet);
  rs_send(ep, w->owner, m);
  rs_raylet_view_deduct(ep, node, w->class);
}

/* Moves the head request of an entry into the queue of those that wait for this node. */
static void commit_one(struct rs_endpoint *ep, struct waiting *w)
{
  struct rs_raylet *r = ep->local;
  struct rs_m_lease_request m = {.request = w->request,
                                 .job = w->job,
                                 .count = 1,
                                 .key = w->key,
                                 .strategy = w->class->strategy,
                                 .actor = w->actor,
                                 .retriable = w->retriable,
                                 .target = w->class->target,
                                 .demand = w->class->demand,
                                 .hold = w->class->hold,
                                 .deps_count = w->dep_count,
                                 .deps = w->deps};
  commit(ep, waiting_new(r, &m, w->owner, true));
}

/* A request for one other node: 1 decided, 0 it has to wait for the view, -1 that node is gone and another may do. */
static int decide_affine(struct rs_endpoint *ep, struct lease_class *class, struct waiting *w)
{
  struct rs_raylet *r = ep->local;
  const struct rs_view_node *entry = r->view ? rs_view_get(r->view, class->target) : NULL;
  if (entry && entry->state == RS_NODE_ALIVE && rs_node_feasible(entry->info, &class->demand->is))
    spill(ep, w, class->target);
  else if (r->version == 0)
    return 0;
  else if (class->strategy == RS_STRATEGY_NODE_AFFINITY)
    rs_raylet_reject(ep, w->owner, w->request, RS_ERR_INFEASIBLE);
  else
    return -1;
  take_one(r, w);
  return 1;
}

static bool is_affine(unsigned strategy)
{
  return strategy == RS_STRATEGY_NODE_AFFINITY || strategy == RS_STRATEGY_NODE_AFFINITY_SOFT;
}

/* Is there room now for a class that waits for this node alone? */
static bool has_room(const struct rs_raylet *r, const struct lease_class *class)
{
  return class->demand->is.group_seq ? rs_raylet_group_room(r, &class->demand->is) != NULL
                                     : rs_res_fits(&r->left, &class->demand->is);
}

/* Decides the head request of one class; false when it has to wait. */
static bool decide_one(struct rs_endpoint *ep, struct lease_class *class)
{
  struct rs_raylet *r = ep->local;
  struct waiting *w = RS_ENTRY(class->queue.next, struct waiting, link);
  if (class->here) {
    if (!has_room(r, class) || !rs_store_args_fit(ep, w->deps, w->dep_count))
      return false; /* until a grant ends */
    grant_one(ep, w);
    take_one(r, w);
    return true;
  }
  if (is_affine(class->strategy)) {
    int decided = decide_affine(ep, class, w);
    if (decided >= 0)
      return decided;
  }
  struct rs_choice choice = {RS_NODE_NONE, 0};
  bool spread = class->strategy == RS_STRATEGY_SPREAD;
  if (spread && r->version == 0) /* whoever is to spread must know the others */
    return false;
  if (spread && rs_raylet_spread_pick(ep, w, &choice)) {
    rs_raylet_view_never(ep, class, false);
  } else {
    uint64_t shape = class->demand->hash ^ spread;
    shape = shape ? shape : 1;
    if (rs_map_find(&r->full, shape))
      return false;
    enum rs_pick picked = rs_raylet_view_pick(ep, w, &choice);
    rs_raylet_view_never(ep, class, picked == RS_PICK_NEVER);
    bool drains = r->draining && choice.node == rs_addr_node(ep->self); /* a node that drains still sends elsewhere */
    if (picked != RS_PICK_OK || drains) {
      rs_map_put(&r->full, shape, 1); /* nor for any other class of this shape in this round: room only shrinks in it */
      return false;
    }
  }
  if (choice.node != rs_addr_node(ep->self)) {
    spill(ep, w, choice.node);
  } else if (w->dep_count == 0) {
    RS_ASSERT(rs_res_fits(&r->left, &class->demand->is));
    grant_one(ep, w);
  } else {
    commit_one(ep, w);
  }
  take_one(r, w);
  return true;
}

/* Classes take turns, and entries within a class: whoever was served goes to the back. */
static void schedule(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (!r->stirred)
    return;
  r->stirred = false;
  rs_map_free(&r->full);
  RS_LIST_EACH(&r->classes, at, after) RS_ENTRY(at, struct lease_class, link)->blocked = false;
  for (bool served = true; served;) {
    served = false;
    RS_LIST_EACH(&r->classes, at, after)
    {
      struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
      if (class->queued == 0 || class->blocked)
        continue;
      class->refs++;
      class->blocked = !decide_one(ep, class);
      if (!class->blocked) {
        served = true;
        rs_list_remove(&class->link);
        rs_list_push_back(&r->classes, &class->link);
      }
      rs_raylet_class_unref(r, class);
    }
  }
}

/* Request number i of these has room here: it is granted now, or once its arguments have come. */
static void grant_now(struct rs_endpoint *ep, rs_addr owner, const struct rs_m_lease_request *m, uint32_t i)
{
  struct rs_m_lease_request one = *m;
  one.request += i;
  one.count = 1;
  struct waiting *w = waiting_new(ep->local, &one, owner, true);
  if (w->dep_count) {
    commit(ep, w);
  } else {
    grant_one(ep, w);
    waiting_free(ep->local, w);
  }
}

/* A request in a placement group: waits here, or is granted now or refused. */
static void on_group_request(struct rs_endpoint *ep, rs_addr owner, const struct rs_m_lease_request *m)
{
  struct rs_raylet *r = ep->local;
  int refusal = rs_raylet_group_check(r, &m->demand->is);
  if (refusal == RS_ERR_OK && m->hops > 0 && !m->actor) {
    commit(ep, waiting_new(r, m, owner, true));
    return;
  }
  for (uint32_t i = 0; i < m->count; i++) {
    if (refusal != RS_ERR_OK || !rs_raylet_group_room(r, &m->demand->is)) {
      rs_raylet_reject(ep, owner, m->request + i, refusal != RS_ERR_OK ? refusal : RS_ERR_NO_ROOM);
      continue;
    }
    grant_now(ep, owner, m, i);
  }
}

static void on_lease_request(struct rs_endpoint *ep, rs_addr owner, const struct rs_m_lease_request *m)
{
  struct rs_raylet *r = ep->local;
  if (m->count == 0 || m->count > 1000000 ||
      !rs_demand_covers(&m->demand->is, &m->hold->is)) /* no owner asks for that */
    return;
  rs_raylet_pool_expect(ep, (uint64_t)m->backlog + (m->deps_count ? m->count : 0), m->job);
  bool ours = is_affine(m->strategy) && m->target == rs_addr_node(ep->self);
  rs_trace(ep, RS_TRACE_LEASE_QUEUED, owner, m->request, m->key);
  if (m->demand->is.group_seq) {
    on_group_request(ep, owner, m);
  } else if (ours && rs_node_feasible(r->info, &m->demand->is)) {
    struct waiting *w = waiting_new(r, m, owner, true);
    commit(ep, w);
  } else if (ours && m->strategy == RS_STRATEGY_NODE_AFFINITY) {
    for (uint32_t i = 0; i < m->count; i++)
      rs_raylet_reject(ep, owner, m->request + i, RS_ERR_INFEASIBLE);
  } else if (m->hops > 0) {
    for (uint32_t i = 0; i < m->count; i++) {
      if (r->draining || !rs_res_fits(&r->left, &m->demand->is) || !rs_labels_match(r->info, &m->demand->is)) {
        rs_raylet_reject(ep, owner, m->request + i, RS_ERR_NO_ROOM);
        r->dirty = r->dirty || m->actor; /* the head's last report is out of date: there is another one */
        continue;
      }
      grant_now(ep, owner, m, i);
    }
  } else {
    if (!r->watching) { /* from now on this raylet places: it needs to know the others */
      r->watching = true;
      rs_send(ep, ep->head, rs_msg_new(RS_MSG_WATCH));
    }
    struct waiting *w = waiting_new(r, m, owner, false);
    enqueue(r, w);
    r->stirred = r->stirred || !w->class->blocked;
  }
}

static void drop_waiting(struct rs_endpoint *ep, struct waiting *w, bool queued)
{
  struct rs_raylet *r = ep->local;
  if (queued) {
    w->class->queued -= w->count;
    r->queued -= w->count;
    r->dirty = true;
  }
  if (w->class->here)
    release_args(ep, w);
  waiting_free(r, w);
}

/* Every waiting request of an owner with this key, or with any key (all) goes. */
static void cancel(struct rs_endpoint *ep, rs_addr owner, uint64_t key, bool all)
{
  struct rs_raylet *r = ep->local;
  for (struct rs_link *at = r->classes.next; at != &r->classes;) {
    struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    class->refs++;
    RS_LIST_EACH(&class->queue, link, next)
    {
      struct waiting *w = RS_ENTRY(link, struct waiting, link);
      if (w->owner == owner && (all || w->key == key))
        drop_waiting(ep, w, true);
    }
    at = at->next;
    rs_raylet_class_unref(r, class);
  }
  RS_LIST_EACH(&r->fetching, at, after)
  {
    struct waiting *w = RS_ENTRY(at, struct waiting, link);
    if (w->owner == owner && (all || w->key == key))
      drop_waiting(ep, w, false);
  }
}

void rs_raylet_refuse_waiting(struct rs_endpoint *ep, struct rs_id group, int reason)
{
  struct rs_raylet *r = ep->local;
  for (struct rs_link *at = r->classes.next; at != &r->classes;) {
    struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    bool gone = class->demand->is.group_owner == group.owner && class->demand->is.group_seq == group.seq &&
                rs_raylet_group_check(r, &class->demand->is) != RS_ERR_OK;
    class->refs++;
    RS_LIST_EACH(&class->queue, link, next)
    {
      struct waiting *w = RS_ENTRY(link, struct waiting, link);
      for (uint32_t i = 0; gone && i < w->count; i++)
        rs_raylet_reject(ep, w->owner, w->request + i, reason);
      if (gone)
        drop_waiting(ep, w, true);
    }
    RS_LIST_EACH(&r->fetching, link, next)
    {
      struct waiting *w = RS_ENTRY(link, struct waiting, link);
      if (!gone || w->class != class || w->fetching == UINT32_MAX)
        continue;
      rs_raylet_reject(ep, w->owner, w->request, reason);
      drop_waiting(ep, w, false);
    }
    at = at->next;
    rs_raylet_class_unref(r, class);
  }
}

static void on_lease_return(struct rs_endpoint *ep, rs_addr from, const struct rs_m_lease_return *m)
{
  struct grant *grant = rs_map_get_ptr(&ep->local->grant_by_lease, m->lease);
  if (grant && grant->owner == from)
    rs_raylet_drop_grant(ep, grant, m->worker_dead);
}

/* Somebody's connection to a worker broke: does it live? Of one that does not, WORKER_DIED has been sent before. */
static void on_lease_check(struct rs_endpoint *ep, rs_addr from, const struct rs_m_lease_check *m)
{
  struct grant *grant = rs_map_get_ptr(&ep->local->grant_by_lease, m->lease);
  if (!grant || grant->owner != from || !grant->worker)
    return;
  struct rs_m_lease_alive *alive = rs_msg_new(RS_MSG_LEASE_ALIVE);
  alive->lease = m->lease;
  alive->worker = grant->worker->addr;
  rs_send(ep, from, alive);
}

/* ---- the rest ---- */

static void on_subscribe(struct rs_endpoint *ep, rs_addr who)
{
  struct rs_raylet *r = ep->local;
  if (rs_addr_ep(who) >= RS_EP_DRIVER)
    rs_raylet_pool_on_program(ep);
  for (uint32_t i = 0; i < r->subscriber_count; i++)
    if (r->subscribers[i] == who)
      return;
  if (r->subscriber_count == 0)
    rs_send(ep, ep->head, rs_msg_new(RS_MSG_SUBSCRIBE));
  RS_GROW(r->subscribers, r->subscriber_count, r->subscriber_cap);
  r->subscribers[r->subscriber_count++] = who;
}

static void on_node_dead(struct rs_endpoint *ep, const struct rs_m_node_dead *m)
{
  struct rs_raylet *r = ep->local;
  if (m->raylet == ep->self) { /* we were declared dead: the cluster has moved on without us */
    rs_exit(ep);
    return;
  }
  if (r->subscriber_count == 0)
    return;
  struct rs_m_node_dead *copy = rs_msg_new(RS_MSG_NODE_DEAD);
  copy->raylet = m->raylet;
  rs_send_many(ep, r->subscribers, r->subscriber_count, copy);
}

/* An actor's caller may have objects here and never have spoken to us. With a connection to it we hear when it ends,
 * and drop them. */
static void watch_owner(struct rs_endpoint *ep, rs_addr owner)
{
  struct rs_raylet *r = ep->local;
  if (rs_addr_same_node(owner, ep->self) || rs_map_find(&r->owners, owner))
    return;
  rs_map_put(&r->owners, owner, 1);
  rs_send(ep, owner, rs_msg_new(RS_MSG_OWNER_WATCH));
}

bool rs_raylet_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  struct rs_raylet *r = ep->local;
  switch (msg->type) {
  case RS_MSG_REGISTER_REPLY: {
    const struct rs_m_register_reply *m = (const void *)msg;
    if (!m->accepted) {
      rs_exit(ep);
      return true;
    }
    r->registered = true;
    rs_raylet_set_contention(r, m->waiting);
    return true;
  }
  case RS_MSG_VIEW: rs_raylet_view_on_message(ep, msg); return true;
  case RS_MSG_CONTENTION:
    rs_raylet_set_contention(r, ((const struct rs_m_contention *)(const void *)msg)->waiting);
    return true;
  case RS_MSG_NODE_DEAD: on_node_dead(ep, (const void *)msg); return true;
  case RS_MSG_SUBSCRIBE: on_subscribe(ep, from); return true;
  case RS_MSG_DRAIN:
    r->draining = true;
    rs_raylet_changed(r);
    return true;
  case RS_MSG_MEMORY_USE:
    if (from == ep->self) /* our own process says it */
      rs_raylet_on_memory_use(ep, (const void *)msg);
    return true;
  case RS_MSG_WORKER_READY: rs_raylet_pool_on_ready(ep, from); return true;
  case RS_MSG_WORKER_BLOCKED:
    rs_raylet_on_blocked(ep, from, ((const struct rs_m_worker_blocked *)(const void *)msg)->blocked);
    return true;
  case RS_MSG_WORKER_OWNS: rs_raylet_pool_on_owns(ep, from); return true;
  case RS_MSG_WORKER_STAYS: rs_raylet_pool_on_stays(ep, from); return true;
  case RS_MSG_LEASE_REQUEST: on_lease_request(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_CANCEL:
    cancel(ep, from, ((const struct rs_m_lease_cancel *)(const void *)msg)->key, false);
    return true;
  case RS_MSG_LEASE_RETURN: on_lease_return(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_CHECK: on_lease_check(ep, from, (const void *)msg); return true;
  case RS_MSG_OBJECT_CREATED: {
    const struct rs_m_object_created *m = (const void *)msg;
    bool worker = rs_addr_ep(from) >= RS_EP_WORKER && rs_addr_ep(from) < RS_EP_DRIVER;
    watch_owner(ep, m->object.owner);
    if (worker && !rs_map_find(&r->workers, from))
      rs_store_on_stray(ep, from, m->object);
    else
      rs_store_on_created(ep, from, m->object, m->size);
    return true;
  }
  default: return rs_raylet_group_on_message(ep, msg) || rs_store_on_message(ep, from, msg);
  }
}

void rs_raylet_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_raylet *r = ep->local;
  if (peer == ep->head) { /* without the GCS there is no cluster */
    rs_exit(ep);
    return;
  }
  if (rs_map_find(&r->workers, peer))
    rs_raylet_pool_on_down(ep, peer);
  rs_map_remove(&r->owners, peer, NULL);
  rs_raylet_pool_on_job_gone(ep, peer);
  cancel(ep, peer, 0, true);
  RS_LIST_EACH(&r->grants, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, link);
    if (grant->owner == peer)
      rs_raylet_drop_grant(ep, grant, true); /* its worker may be in the middle of that owner's task */
  }
  for (uint32_t i = 0; i < r->subscriber_count; i++)
    if (r->subscribers[i] == peer)
      r->subscribers[i] = r->subscribers[--r->subscriber_count];
  rs_store_on_peer_down(ep, peer);
}

void rs_raylet_settle(struct rs_endpoint *ep)
{
  if (!rs_list_empty(&ep->local->owed)) /* before anybody else gets what has become free */
    rs_raylet_repay(ep->local);
  rs_raylet_view_settle(ep);
  do { /* each of them may give the others something to do */
    rs_store_settle(ep);
    sweep_lost(ep);
    if (!rs_store_stirred(ep->local->store))
      schedule(ep);
  } while (rs_store_stirred(ep->local->store));
  rs_raylet_recall(ep);
  rs_raylet_pool_settle(ep);
  rs_raylet_report_settle(ep);
}

uint64_t rs_raylet_deadline(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  uint64_t deadline = rs_time_min(rs_raylet_pool_deadline(ep), rs_raylet_report_deadline(ep));
  deadline = rs_time_min(deadline, rs_raylet_view_deadline(r));
  deadline = rs_time_min(deadline, rs_store_deadline(ep));
  return r->contention != RS_WAITING_NONE ? rs_time_min(deadline, r->next_recall_at) : deadline;
}

bool rs_raylet_wants_memory(const struct rs_raylet *r)
{
  return r->grant_count > 0;
}

bool rs_raylet_wants_view(const struct rs_raylet *r)
{
  return r->queued > 0;
}

void rs_raylet_sanity_check(const struct rs_raylet *r)
{
  uint64_t queued = 0;
  int64_t cpu = r->left.cpu_e4, memory = r->left.memory_bytes;
  uint64_t gpu = 0, gpu_total = 0;
  for (const struct rs_link *at = r->classes.next; at != &r->classes; at = at->next) {
    const struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    uint64_t sum = 0;
    for (const struct rs_link *link = class->queue.next; link != &class->queue; link = link->next)
      sum += RS_ENTRY(link, struct waiting, link)->count;
    RS_ASSERT(sum == class->queued && class->refs > 0);
    queued += sum;
  }
  RS_ASSERT(queued == r->queued);
  uint32_t grants = 0;
  for (const struct rs_link *at = r->grants.next; at != &r->grants; at = at->next) {
    const struct grant *grant = RS_ENTRY(at, struct grant, link);
    grants++;
    int64_t room = grant->bundle ? grant->bundle->left.cpu_e4 : r->left.cpu_e4;
    RS_ASSERT(grant->cpu_e4 >= 0 && grant->cpu_e4 <= grant->class->hold->is.cpu_e4 &&
              (!grant->blocked || !grant->cpu_e4));
    RS_ASSERT(grant->blocked || grant->cpu_e4 == grant->class->hold->is.cpu_e4 || room == 0);
    if (grant->bundle)
      continue;
    cpu += grant->cpu_e4;
    memory += grant->class->hold->is.memory_bytes;
    gpu += grant->class->hold->is.gpu_e4;
  }
  for (const struct rs_link *at = r->bundles.next; at != &r->bundles; at = at->next) {
    const struct bundle *bundle = RS_ENTRY(at, struct bundle, link);
    cpu += bundle->demand.cpu_e4;
    memory += bundle->demand.memory_bytes;
    gpu += bundle->demand.gpu_e4;
  }
  rs_raylet_group_sanity_check(r);
  RS_ASSERT(grants == r->grant_count && grants == r->grant_by_lease.count);
  RS_ASSERT(cpu == r->info->total.cpu_e4 && memory == r->info->total.memory_bytes);
  for (int i = 0; i < r->info->total.gpu_count; i++) {
    gpu += r->left.gpu_e4[i];
    gpu_total += r->info->total.gpu_e4[i];
  }
  RS_ASSERT(gpu == gpu_total);
  rs_store_sanity_check(r->store);
}
