/* owner_group.c -- placement groups as an owner knows them, and the leases of tasks that run in one.
 *
 * An owner knows a group when it has made it, or has asked the head about it (GROUP_GET, once a task names the group or
 * the application asks); from then on the head tells every change. Tasks of a group go straight to the raylets of its
 * bundles, past our own: nothing is placed by a policy and nothing is sent elsewhere. With a bundle named there is one
 * raylet to ask, and the request waits there. With any bundle, the raylets that have one that could hold the demand are
 * asked in turn, at first for room now (hops 0); once one has refused, requests wait, at the raylet with the fewest of
 * ours, and there are enough of them that some wait at each (up to SPREAD_MAX). So every bundle is used, and one that
 * gets free is not missed.
 *
 * Tasks wait while the group has no place; they end with GROUP_REMOVED when it is gone, and with GROUP_TOO_SMALL when
 * no bundle could ever hold them. What a task submits goes into its own group where it was asked to capture
 * (RS_TASK_CAPTURE), unless it names a group or a strategy itself.
 *
 * Cost: a state O(bundles) a key of the group; a request O(raylets of the group + requests under way).
 */
#include "core/executor.h"
#include "core/owner_int.h"
#include "policy/bundles.h"

#define SPREAD_MAX 64

struct owned_group {
  struct rs_link link; /* in owner->groups */
  struct rs_id id;     /* {0, 0}: only its name is known */
  uint64_t name;
  bool known, asking;
  bool mine;   /* made here, and it ends with this process */
  bool wanted; /* the application hears of its changes */
  bool removing;
  enum rs_group_state state;
  int reason;
  uint64_t version, told; /* the newest, and the one that the application knows */
  uint32_t bundle_count;
  struct rs_bundle *bundles;
};

static void group_free(struct rs_owner *o, struct owned_group *group)
{
  rs_list_remove(&group->link);
  if (group->id.seq)
    rs_map_remove(&o->group_by_id, rs_id_key(group->id), NULL);
  free(group->bundles);
  free(group);
}

void rs_owner_group_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->groups, at, after) group_free(o, RS_ENTRY(at, struct owned_group, link));
  rs_map_free(&o->group_by_id);
}

static struct owned_group *find(const struct rs_owner *o, struct rs_id id)
{
  return id.seq ? rs_map_get_ptr(&o->group_by_id, rs_id_key(id)) : NULL;
}

static struct owned_group *group_new(struct rs_owner *o, struct rs_id id, uint64_t name)
{
  struct owned_group *group = rs_alloc_zero(1, sizeof *group);
  group->id = id;
  group->name = name;
  group->told = UINT64_MAX;
  rs_list_push_back(&o->groups, &group->link);
  if (id.seq)
    rs_map_put_ptr(&o->group_by_id, rs_id_key(id), group);
  return group;
}

static void reply(struct rs_endpoint *ep, const struct owned_group *group, struct rs_id id)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_GROUP;
  r->id = id;
  r->name = group->name;
  r->state = (uint8_t)group->state;
  r->status = group->reason;
  r->node_count = group->bundle_count;
  r->nodes = rs_alloc((group->bundle_count ? group->bundle_count : 1) * sizeof *r->nodes);
  for (uint32_t i = 0; i < group->bundle_count; i++)
    r->nodes[i] = group->bundles[i].raylet;
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

static void ask(struct rs_endpoint *ep, struct owned_group *group)
{
  if (group->asking || ep->owner->orphaned)
    return;
  group->asking = true;
  struct rs_m_group_get *m = rs_msg_new(RS_MSG_GROUP_GET);
  m->owner = group->id.owner;
  m->seq = group->id.seq;
  m->name = group->id.seq ? 0 : group->name;
  rs_send(ep, ep->head, m);
}

/* What waits for the group is looked at again. */
static void stir(struct rs_owner *o, struct rs_id id)
{
  RS_LIST_EACH(&o->keys, at, after)
  {
    struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    if (key->demand->is.group_seq == id.seq && key->demand->is.group_owner == id.owner)
      rs_owner_key_changed(o, key);
  }
}

/* It is gone, for us at least. */
static void end(struct rs_endpoint *ep, struct owned_group *group, int reason)
{
  group->known = true;
  group->asking = group->mine = false;
  group->state = RS_GROUP_REMOVED;
  group->reason = reason;
  group->version++;
  group->bundle_count = 0;
  if (group->wanted)
    reply(ep, group, group->id);
  group->wanted = false;
  stir(ep->owner, group->id);
}

/* ---- calls ---- */

static bool holds_nothing(const struct rs_demand *d)
{
  return d->cpu_e4 == 0 && d->memory_bytes == 0 && d->store_bytes == 0 && d->gpu_e4 == 0 && d->custom_count == 0;
}

void rs_owner_group_create(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  RS_ASSERT(call->object.owner == ep->self && call->object.seq > o->last_seq);
  RS_ASSERT(call->bundle_count > 0 && call->bundle_count <= RS_GROUP_BUNDLES_MAX);
  o->last_seq = call->object.seq;
  struct owned_group *group = group_new(o, call->object, call->group_name);
  group->wanted = true;
  if (o->orphaned) {
    end(ep, group, RS_ERR_NODE_DIED);
    return;
  }
  struct rs_m_group_create *m = rs_msg_new(RS_MSG_GROUP_CREATE);
  m->group = call->object;
  m->strategy = call->group_strategy;
  m->detached = call->detached;
  m->life = ep->executor ? rs_executor_life(ep) : ep->self;
  m->name = call->group_name;
  m->topology = call->topology;
  m->bundles = rs_alloc(call->bundle_count * sizeof *m->bundles);
  m->bundles_count = call->bundle_count;
  for (uint32_t i = 0; i < call->bundle_count; i++) {
    RS_ASSERT(call->bundles[i].group_seq == 0 && !holds_nothing(&call->bundles[i]));
    m->bundles[i] = (struct rs_bundle){call->bundles[i], i, RS_ADDR_NONE};
  }
  group->asking = true; /* its first state is on the way */
  group->mine = m->life == ep->self && !call->detached;
  rs_send(ep, ep->head, m);
}

static void send_remove(struct rs_endpoint *ep, struct rs_id id)
{
  struct rs_m_group_remove *m = rs_msg_new(RS_MSG_GROUP_REMOVE);
  m->group = id;
  rs_send(ep, ep->head, m);
}

void rs_owner_group_remove(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  struct owned_group *group = find(o, call->object);
  if (o->orphaned || (group && group->known && group->state == RS_GROUP_REMOVED))
    return;
  group = group ? group : group_new(o, call->object, 0);
  group->removing = true;
  send_remove(ep, call->object);
}

void rs_owner_group_get(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct rs_owner *o = ep->owner;
  struct owned_group *group = find(o, call->object);
  if (!group)
    group = group_new(o, call->object, call->group_name);
  group->wanted = true;
  if (o->orphaned)
    end(ep, group, RS_ERR_NODE_DIED);
  else if (group->known)
    reply(ep, group, group->id);
  else
    ask(ep, group);
}

/* ---- messages ---- */

/* The groups that were asked for by this name, of which there is no other trace. */
static void answer_named(struct rs_endpoint *ep, struct rs_id id, uint64_t name)
{
  struct rs_owner *o = ep->owner;
  RS_LIST_EACH(&o->groups, at, after)
  {
    struct owned_group *group = RS_ENTRY(at, struct owned_group, link);
    if (group->id.seq || group->name != name)
      continue;
    group_free(o, group);
    struct owned_group *found = find(o, id);
    found = found ? found : group_new(o, id, name);
    found->wanted = true;
  }
}

static void on_state(struct rs_endpoint *ep, const struct rs_m_group_state *m)
{
  struct rs_owner *o = ep->owner;
  struct rs_id id = {m->owner, m->seq};
  if (m->name && id.seq) {
    answer_named(ep, id, m->name);
  } else if (m->name) { /* no such name */
    RS_LIST_EACH(&o->groups, at, after)
    {
      struct owned_group *group = RS_ENTRY(at, struct owned_group, link);
      if (group->id.seq || group->name != m->name)
        continue;
      end(ep, group, m->reason);
      group_free(o, group);
    }
    return;
  }
  struct owned_group *group = find(o, id);
  if (!group || (group->known && group->state == RS_GROUP_REMOVED))
    return;
  if (m->state == RS_GROUP_REMOVED) {
    end(ep, group, m->reason);
    return;
  }
  group->known = true;
  group->asking = false;
  group->state = m->state;
  group->reason = m->reason;
  group->name = m->name;
  group->version = m->version;
  free(group->bundles);
  group->bundle_count = m->bundles_count;
  group->bundles = rs_memdup(m->bundles, m->bundles_count * sizeof *m->bundles);
  if (group->wanted && group->told != m->version)
    reply(ep, group, id);
  group->told = group->wanted ? m->version : group->told;
  stir(o, id);
}

bool rs_owner_group_on_message(struct rs_endpoint *ep, const struct rs_msg *msg)
{
  if (msg->type != RS_MSG_GROUP_STATE)
    return false;
  on_state(ep, (const void *)msg);
  return true;
}

/* Both ends agree that a group is gone whose maker's connection with the head broke; of others we hear no more, and ask
 * again when somebody needs them. */
void rs_owner_group_on_head_lost(struct rs_endpoint *ep)
{
  RS_LIST_EACH(&ep->owner->groups, at, after)
  {
    struct owned_group *group = RS_ENTRY(at, struct owned_group, link);
    if (group->known && group->state == RS_GROUP_REMOVED)
      continue;
    if (group->mine || group->removing) /* it may be that the head has not heard of that */
      send_remove(ep, group->id);
    if (group->mine) {
      end(ep, group, RS_ERR_PEER_LOST);
      continue;
    }
    group->known = group->asking = false;
    if (group->wanted)
      ask(ep, group);
    stir(ep->owner, group->id);
  }
}

void rs_owner_group_orphan(struct rs_endpoint *ep)
{
  RS_LIST_EACH(&ep->owner->groups, at, after)
  {
    struct owned_group *group = RS_ENTRY(at, struct owned_group, link);
    if (!group->known || group->state != RS_GROUP_REMOVED)
      end(ep, group, RS_ERR_NODE_DIED);
  }
}

/* A raylet did not have a bundle that we took to be there. */
void rs_owner_group_stale(struct rs_endpoint *ep, const struct sched_key *key)
{
  struct owned_group *group = find(ep->owner, (struct rs_id){key->demand->is.group_owner, key->demand->is.group_seq});
  if (group && group->state != RS_GROUP_REMOVED) {
    group->known = false;
    ask(ep, group);
  }
}

/* ---- leases ---- */

static void fail_queued(struct rs_endpoint *ep, struct sched_key *key, int reason)
{
  while (key->queued) {
    struct owned_task *t = RS_ENTRY(key->queue.next, struct owned_task, link);
    rs_list_remove(&t->link);
    key->queued--;
    rs_owner_task_fail(ep, t, reason);
  }
}

/* The raylets that the key may ask, each once, in order of its bundles; false: no bundle could ever hold the demand. */
static bool find_raylets(struct sched_key *key, const struct owned_group *group)
{
  const struct rs_demand *demand = &key->demand->is;
  if (key->raylets && key->group_version == group->version)
    return key->raylet_count != UINT32_MAX;
  free(key->raylets);
  key->raylets = rs_alloc((group->bundle_count + 1) * sizeof *key->raylets);
  key->raylet_count = 0;
  key->group_version = group->version;
  bool possible = false;
  struct rs_map seen = {0};
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    const struct rs_bundle *b = &group->bundles[i];
    if ((demand->group_bundle >= 0 && (uint32_t)demand->group_bundle != b->index) ||
        !rs_bundles_could_hold(&b->demand, demand))
      continue;
    possible = true;
    if (b->raylet == RS_ADDR_NONE || rs_map_find(&seen, b->raylet))
      continue;
    rs_map_put(&seen, b->raylet, 1);
    key->raylets[key->raylet_count++] = b->raylet;
  }
  rs_map_free(&seen);
  if (!possible)
    key->raylet_count = UINT32_MAX;
  return possible;
}

/* Asks for `count` leases: each of the raylet with the fewest requests of the key, the next one in turn among equals.
 */
static void spread_requests(struct rs_endpoint *ep, struct sched_key *key, uint32_t count)
{
  uint32_t n = key->raylet_count;
  uint32_t *pending = rs_alloc_zero(2 * n, sizeof *pending), *more = pending + n;
  struct rs_map at = {0};
  for (uint32_t i = 0; i < n; i++)
    rs_map_put(&at, key->raylets[i], i);
  for (const struct rs_link *link = key->requests.next; link != &key->requests; link = link->next) {
    rs_addr raylet = RS_ENTRY(link, struct request, link)->raylet;
    const uint64_t *place = raylet != RS_ADDR_NONE ? rs_map_find(&at, raylet) : NULL;
    if (place)
      pending[*place]++;
  }
  rs_map_free(&at);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t best = key->turn % n;
    for (uint32_t k = 0; k < n; k++) {
      uint32_t next = (key->turn + k) % n;
      if (pending[next] + more[next] < pending[best] + more[best])
        best = next;
    }
    more[best]++;
    key->turn = best + 1;
  }
  bool waits = n == 1 || key->refused || key->dep_count || key->demand->is.group_bundle >= 0;
  for (uint32_t i = 0; i < n; i++)
    if (more[i])
      rs_owner_lease_ask(ep, key, key->raylets[i], more[i], waits);
  free(pending);
}

void rs_owner_group_request(struct rs_endpoint *ep, struct sched_key *key)
{
  struct rs_owner *o = ep->owner;
  if (key->queued == 0)
    return;
  struct rs_id id = {key->demand->is.group_owner, key->demand->is.group_seq};
  struct owned_group *group = find(o, id);
  if (!group)
    group = group_new(o, id, 0);
  if (!group->known) {
    ask(ep, group);
    return;
  }
  if (group->state == RS_GROUP_REMOVED) {
    fail_queued(ep, key, group->reason == RS_ERR_OK ? RS_ERR_GROUP_REMOVED : group->reason);
    return;
  }
  if (!find_raylets(key, group)) {
    fail_queued(ep, key, RS_ERR_GROUP_TOO_SMALL);
    return;
  }
  uint32_t n = key->raylet_count;
  if (n == 0)
    return; /* until it has a place */
  int64_t config = ep->config->max_pending_lease_requests_per_scheduling_category;
  uint64_t limit = config >= 0 ? (uint64_t)config : n > 5 ? 2 * (uint64_t)n : 10;
  uint64_t wanted = key->queued < limit ? key->queued : limit;
  uint64_t all = n < SPREAD_MAX ? n : SPREAD_MAX;
  if (key->refused && key->dep_count == 0 && wanted < all)
    wanted = all;
  if (wanted > key->request_count)
    spread_requests(ep, key, (uint32_t)(wanted - key->request_count));
}

/* ---- children ---- */

/* Does what is submitted now belong into the group of the task that runs here? */
bool rs_owner_group_captures(const struct rs_endpoint *ep, const struct rs_call *call, struct rs_demand *demand)
{
  *demand = call->demand;
  struct rs_id group = ep->executor ? rs_executor_placement(ep->executor) : (struct rs_id){0, 0};
  if (group.seq == 0 || call->no_capture || call->strategy != RS_STRATEGY_DEFAULT || demand->group_seq)
    return false;
  demand->group_owner = group.owner;
  demand->group_seq = group.seq;
  demand->group_bundle = -1;
  return true;
}

/* The task with its part in the group; one reference. */
struct rs_task *rs_owner_group_child(struct rs_task *task, const struct rs_demand *demand)
{
  struct rs_task *copy = rs_task_copy(task);
  copy->flags |= RS_TASK_CAPTURE;
  copy->placement = (struct rs_id){demand->group_owner, demand->group_seq};
  return copy;
}
