/* gcs_group.c -- the table of placement groups: where their bundles go, in two phases, and what happens when nodes die.
 *
 * A group that has bundles without a place waits. An attempt asks the policy (policy/bundles.c) for a node for each of
 * them, out of the GCS's own view, and asks the raylets there to put the resources apart (PREPARE). A raylet that has
 * no room any more says so; when all have answered and one has refused, or died, the others give back what they
 * prepared (RETURN) and the group waits again. When all are prepared they are committed, and whoever asked about the
 * group is told where it is. A commit needs no answer: it cannot be refused, and a lease that comes to a raylet before
 * it waits there for it; so a group costs its owner two round trips instead of Ray's three.
 *
 * The next attempt comes after gcs_create_placement_group_retry_min_interval_ms, then a multiplier later each time, up
 * to the max_interval (Ray's names and values), and only if an entry of the view has changed since. A group that no
 * node could ever hold waits like any other: a node may come, and the autoscaler knows what is missing.
 *
 * A node's death takes the bundles that were there, and only these are placed again, by the rules of the strategy with
 * regard to those that remain. Removing a group returns all bundles; what ran in them is ended by their raylets. A
 * group goes with the process `life` that its creator named (the driver program, or the actor that made it), unless
 * detached.
 *
 * Until a report of the node shows it, a bundle is deducted from the node's entry here, as actors are.
 *
 * Cost: an attempt as in policy/bundles.c; a message, death or report O(bundles concerned).
 * Invariants: `unplaced` bundles have no raylet; a bundle is in its node's list exactly while it has one; `asked`
 * raylets have bundles in phase PREPARING; a group waits exactly while it has unplaced bundles and no attempt.
 */
#include "core/codec.h"
#include "core/gcs_int.h"
#include "core/state.h"

enum bundle_phase { BUNDLE_UNPLACED, BUNDLE_PREPARING, BUNDLE_PREPARED, BUNDLE_PLACED };

struct gcs_bundle {
  struct rs_link node_link;
  struct gcs_group *group;
  struct rs_demand demand;
  rs_addr raylet;
  enum bundle_phase phase;
  bool unreported; /* prepared, and no report of the node since */
};

struct gcs_group {
  struct rs_link all_link, wait_link;
  struct rs_id id;
  uint8_t strategy;
  bool detached, refused;
  enum rs_group_state state;
  uint64_t name, topology;
  rs_addr life;
  uint64_t version;
  uint64_t attempt, attempts; /* number of the one under way (0: none); how many there were */
  uint64_t retry_at, delay_ms;
  uint64_t tried_change; /* groups->changes at the last attempt that found no place */
  uint32_t asked;        /* raylets that have not answered */
  uint32_t unplaced, bundle_count;
  uint32_t turn; /* of actors among its bundles */
  uint32_t actors_refused;
  uint64_t actors_at; /* actors are asked for again then */
  struct gcs_bundle *bundles;
  rs_addr *subscribers;
  uint32_t subscriber_count, subscriber_cap;
};

struct bundle_node {
  struct rs_link bundles;
};

struct gcs_groups {
  struct rs_bundles *policy;
  struct rs_link all, waiting;
  struct rs_map by_id, by_name;
  struct rs_graves removed; /* that were, and are no more */
  struct rs_map nodes;      /* raylet -> bundle_node */
  struct rs_map concerned;  /* subscribers and lives -> in how many places */
  uint64_t changes, last_attempt;
  uint64_t next_try;   /* the earliest retry_at of those that wait and have something to try */
  uint64_t idle_try;   /* and of the others: nothing has changed since they found no place */
  uint64_t next_actor; /* the earliest actors_at */
  uint32_t count, wait_count;
};

struct gcs_groups *rs_gcs_group_new(void)
{
  struct gcs_groups *groups = rs_alloc_zero(1, sizeof *groups);
  groups->policy = rs_bundles_new();
  rs_list_init(&groups->all);
  rs_list_init(&groups->waiting);
  rs_graves_init(&groups->removed);
  groups->next_try = groups->idle_try = groups->next_actor = RS_TIME_NEVER;
  groups->changes = 1;
  return groups;
}

static void group_free(struct gcs_group *group)
{
  free(group->bundles);
  free(group->subscribers);
  free(group);
}

void rs_gcs_group_free_all(struct gcs_groups *groups)
{
  RS_LIST_EACH(&groups->all, at, after) group_free(RS_ENTRY(at, struct gcs_group, all_link));
  for (uint32_t i = 0; i < groups->nodes.cap; i++)
    if (groups->nodes.slots[i].key)
      free((void *)(uintptr_t)groups->nodes.slots[i].value);
  rs_map_free(&groups->by_id);
  rs_map_free(&groups->by_name);
  rs_graves_free(&groups->removed);
  rs_map_free(&groups->nodes);
  rs_map_free(&groups->concerned);
  rs_bundles_free(groups->policy);
  free(groups);
}

uint32_t rs_gcs_group_count(const struct rs_endpoint *ep)
{
  return ep->gcs->groups->count;
}

static struct gcs_group *find(const struct rs_gcs *g, struct rs_id id)
{
  struct gcs_group *group = rs_map_get_ptr(&g->groups->by_id, rs_id_key(id));
  RS_ASSERT(!group || rs_id_equal(group->id, id));
  return group;
}

static void concern(struct gcs_groups *groups, rs_addr who)
{
  uint64_t *places = rs_map_find(&groups->concerned, who);
  rs_map_put(&groups->concerned, who, places ? *places + 1 : 1);
}

static void unconcern(struct gcs_groups *groups, rs_addr who)
{
  uint64_t *places = rs_map_find(&groups->concerned, who);
  RS_ASSERT(places && *places > 0);
  if (--*places == 0)
    rs_map_remove(&groups->concerned, who, NULL);
}

/* ---- a bundle and its node ---- */

static void trace(struct rs_endpoint *ep, enum rs_trace what, const struct gcs_bundle *b)
{
  uint32_t index = (uint32_t)(b - b->group->bundles);
  rs_trace(ep, what, b->group->id.owner, b->group->id.seq, rs_bundle_place(index, b->raylet));
}

static void place_on(struct rs_gcs *g, struct gcs_bundle *b, rs_addr raylet)
{
  RS_ASSERT(b->phase == BUNDLE_UNPLACED);
  struct bundle_node *node = rs_map_get_ptr(&g->groups->nodes, raylet);
  if (!node) {
    node = rs_alloc_zero(1, sizeof *node);
    rs_list_init(&node->bundles);
    rs_map_put_ptr(&g->groups->nodes, raylet, node);
  }
  rs_list_push_back(&node->bundles, &b->node_link);
  b->raylet = raylet;
  b->phase = BUNDLE_PREPARING;
  b->unreported = false;
  b->group->unplaced--;
}

static void unplace(struct rs_gcs *g, struct gcs_bundle *b)
{
  RS_ASSERT(b->phase != BUNDLE_UNPLACED);
  rs_list_remove(&b->node_link);
  struct bundle_node *node = rs_map_get_ptr(&g->groups->nodes, b->raylet);
  if (rs_list_empty(&node->bundles)) {
    rs_map_remove(&g->groups->nodes, b->raylet, NULL);
    free(node);
  }
  b->raylet = RS_ADDR_NONE;
  b->phase = BUNDLE_UNPLACED;
  b->unreported = false;
  b->group->unplaced++;
}

static void refresh(struct rs_endpoint *ep, rs_addr raylet)
{
  if (rs_gcs_node_of(ep->gcs, raylet))
    rs_gcs_refresh(ep, rs_addr_node(raylet));
}

void rs_gcs_group_deduct(const struct rs_gcs *g, rs_addr raylet, struct rs_res *left)
{
  const struct bundle_node *node = rs_map_get_ptr(&g->groups->nodes, raylet);
  if (!node)
    return;
  for (const struct rs_link *at = node->bundles.next; at != &node->bundles; at = at->next) {
    const struct gcs_bundle *b = RS_ENTRY(at, struct gcs_bundle, node_link);
    if ((b->phase == BUNDLE_PREPARING || b->unreported) && rs_res_fits(left, &b->demand))
      rs_res_take(left, &b->demand);
  }
}

void rs_gcs_group_on_report(struct rs_gcs *g, rs_addr raylet)
{
  struct bundle_node *node = rs_map_get_ptr(&g->groups->nodes, raylet);
  if (!node)
    return;
  RS_LIST_EACH(&node->bundles, at, after) RS_ENTRY(at, struct gcs_bundle, node_link)->unreported = false;
}

void rs_gcs_group_node_changed(struct rs_gcs *g, rs_node_id node)
{
  g->groups->changes++;
  g->groups->next_try = rs_time_min(g->groups->next_try, g->groups->idle_try);
  rs_bundles_changed(g->groups->policy, g->view, node);
}

bool rs_gcs_group_on_node(const struct rs_gcs *g, rs_addr raylet)
{
  return rs_map_find(&g->groups->nodes, raylet) != NULL;
}

/* ---- telling ---- */

static struct rs_m_group_state *state_message(const struct gcs_group *group, int reason)
{
  struct rs_m_group_state *m = rs_msg_new(RS_MSG_GROUP_STATE);
  m->owner = group->id.owner;
  m->seq = group->id.seq;
  m->name = group->name;
  m->state = (uint8_t)group->state;
  m->reason = reason;
  m->version = group->version;
  if (group->state == RS_GROUP_REMOVED)
    return m;
  m->bundles = rs_alloc(group->bundle_count * sizeof *m->bundles);
  m->bundles_count = group->bundle_count;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    const struct gcs_bundle *b = &group->bundles[i];
    m->bundles[i] = (struct rs_bundle){b->demand, i, b->phase == BUNDLE_PLACED ? b->raylet : RS_ADDR_NONE};
  }
  return m;
}

static void tell(struct rs_endpoint *ep, struct gcs_group *group, int reason)
{
  group->version++;
  struct rs_m_group_state *m = state_message(group, reason);
  for (uint32_t i = 0; i < group->subscriber_count; i++) {
    rs_msg_ref(&m->head);
    rs_send(ep, group->subscribers[i], m);
  }
  rs_msg_unref(&m->head);
}

static void subscribe(struct rs_gcs *g, struct gcs_group *group, rs_addr who)
{
  for (uint32_t i = 0; i < group->subscriber_count; i++)
    if (group->subscribers[i] == who)
      return;
  RS_GROW(group->subscribers, group->subscriber_count, group->subscriber_cap);
  group->subscribers[group->subscriber_count++] = who;
  concern(g->groups, who);
}

/* ---- waiting ---- */

static void wait_until(struct rs_gcs *g, struct gcs_group *group, uint64_t at)
{
  group->retry_at = at;
  if (rs_list_empty(&group->wait_link)) {
    rs_list_push_back(&g->groups->waiting, &group->wait_link);
    g->groups->wait_count++;
  }
  g->groups->next_try = rs_time_min(g->groups->next_try, at);
}

static void wait_no_more(struct rs_gcs *g, struct gcs_group *group)
{
  if (rs_list_empty(&group->wait_link))
    return;
  rs_list_remove(&group->wait_link);
  g->groups->wait_count--;
}

static void wait_longer(struct rs_endpoint *ep, struct gcs_group *group)
{
  const struct rs_config *config = ep->config;
  uint64_t least = (uint64_t)config->gcs_create_placement_group_retry_min_interval_ms;
  uint64_t most = (uint64_t)config->gcs_create_placement_group_retry_max_interval_ms;
  uint64_t longer = group->delay_ms * (uint64_t)config->gcs_create_placement_group_retry_multiplier_e4 / RS_ONE_E4;
  group->delay_ms = group->delay_ms == 0 ? least : longer < most ? longer : most;
  wait_until(ep->gcs, group, rs_time_add(ep->now, group->delay_ms * RS_MS));
}

/* ---- the end of a group ---- */

static void send_return(struct rs_endpoint *ep, const struct gcs_group *group, rs_addr raylet, uint64_t attempt)
{
  struct rs_m_group_return *m = rs_msg_new(RS_MSG_GROUP_RETURN);
  m->group = group->id;
  m->attempt = attempt;
  m->reason = RS_ERR_GROUP_REMOVED;
  rs_send(ep, raylet, m);
}

/* Tells each raylet that has bundles in one of two phases to return them; they have no place then. */
static void return_bundles(struct rs_endpoint *ep, struct gcs_group *group, uint64_t attempt)
{
  struct rs_gcs *g = ep->gcs;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    rs_addr raylet = group->bundles[i].raylet;
    bool ours = attempt ? group->bundles[i].phase == BUNDLE_PREPARED : group->bundles[i].phase != BUNDLE_UNPLACED;
    if (!ours)
      continue;
    send_return(ep, group, raylet, attempt);
    for (uint32_t k = i; k < group->bundle_count; k++)
      if (group->bundles[k].raylet == raylet && (!attempt || group->bundles[k].phase == BUNDLE_PREPARED))
        unplace(g, &group->bundles[k]);
    refresh(ep, raylet);
  }
}

static void remove_group(struct rs_endpoint *ep, struct gcs_group *group, int reason)
{
  struct rs_gcs *g = ep->gcs;
  rs_trace(ep, RS_TRACE_GROUP_REMOVED, group->id.owner, group->id.seq, (uint64_t)(int64_t)reason);
  return_bundles(ep, group, 0);
  group->state = RS_GROUP_REMOVED;
  tell(ep, group, reason);
  wait_no_more(g, group);
  for (uint32_t i = 0; i < group->subscriber_count; i++)
    unconcern(g->groups, group->subscribers[i]);
  if (group->life != RS_ADDR_NONE)
    unconcern(g->groups, group->life);
  if (group->name)
    rs_map_remove(&g->groups->by_name, group->name, NULL);
  rs_map_remove(&g->groups->by_id, rs_id_key(group->id), NULL);
  rs_graves_add(&g->groups->removed, group->id, 0, reason, NULL, 0, NULL,
                (uint64_t)ep->config->maximum_gcs_destroyed_actor_cached_count);
  rs_list_remove(&group->all_link);
  g->groups->count--;
  g->stirred = true; /* actors that waited for it */
  group_free(group);
}

/* ---- an attempt ---- */

/* One PREPARE a raylet, with its bundles in the order in which the policy took them. */
static void send_prepares(struct rs_endpoint *ep, struct gcs_group *group, struct gcs_bundle *const *chosen,
                          uint32_t count)
{
  struct rs_map at = {0};
  struct rs_m_group_prepare **messages = rs_alloc(count * sizeof *messages);
  rs_addr *raylets = rs_alloc(count * sizeof *raylets);
  uint32_t *caps = rs_alloc_zero(count, sizeof *caps);
  for (uint32_t i = 0; i < count; i++) {
    const struct gcs_bundle *b = chosen[i];
    uint64_t *found = rs_map_find(&at, b->raylet);
    uint32_t to = found ? (uint32_t)*found : group->asked;
    if (!found) {
      rs_map_put(&at, b->raylet, to);
      raylets[to] = b->raylet;
      messages[to] = rs_msg_new(RS_MSG_GROUP_PREPARE);
      messages[to]->group = group->id;
      messages[to]->attempt = group->attempt;
      group->asked++;
    }
    struct rs_m_group_prepare *m = messages[to];
    RS_GROW(m->bundles, m->bundles_count, caps[to]);
    m->bundles[m->bundles_count++] = (struct rs_bundle){b->demand, (uint32_t)(b - group->bundles), b->raylet};
  }
  for (uint32_t i = 0; i < group->asked; i++)
    rs_send(ep, raylets[i], messages[i]);
  for (uint32_t i = 0; i < group->asked; i++)
    refresh(ep, raylets[i]);
  free(caps);
  free(raylets);
  free(messages);
  rs_map_free(&at);
}

/* Where the bundles that have a place are, each node once. */
static uint32_t held_nodes(const struct gcs_group *group, rs_node_id *held)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    if (group->bundles[i].phase == BUNDLE_UNPLACED)
      continue;
    rs_node_id node = rs_addr_node(group->bundles[i].raylet);
    uint32_t at = 0;
    while (at < count && held[at] != node)
      at++;
    if (at == count)
      held[count++] = node;
  }
  return count;
}

static void attempt(struct rs_endpoint *ep, struct gcs_group *group)
{
  struct rs_gcs *g = ep->gcs;
  uint32_t count = 0, *order = rs_alloc(group->bundle_count * sizeof *order);
  struct gcs_bundle **chosen = rs_alloc(2 * group->bundle_count * sizeof *chosen),
                    **sorted = chosen + group->bundle_count;
  struct rs_demand *demands = rs_alloc(group->bundle_count * sizeof *demands);
  rs_node_id *held = rs_alloc(2 * group->bundle_count * sizeof *held), *nodes = held + group->bundle_count;
  for (uint32_t i = 0; i < group->bundle_count; i++)
    if (group->bundles[i].phase == BUNDLE_UNPLACED) {
      demands[count] = group->bundles[i].demand;
      chosen[count++] = &group->bundles[i];
    }
  struct rs_bundles_request request = {.demands = demands,
                                       .count = count,
                                       .strategy = group->strategy,
                                       .topology = group->topology,
                                       .held = held,
                                       .held_count = held_nodes(group, held)};
  group->attempts++;
  if (rs_bundles_place(g->groups->policy, g->view, &request, nodes, &ep->work.nodes) == RS_PICK_OK) {
    wait_no_more(g, group);
    group->attempt = ++g->groups->last_attempt;
    group->refused = false;
    RS_ASSERT(group->asked == 0);
    rs_bundles_sort(demands, count, order);
    for (uint32_t i = 0; i < count; i++) {
      struct gcs_bundle *b = sorted[i] = chosen[order[i]];
      place_on(g, b, g->nodes[nodes[order[i]]].raylet);
      trace(ep, RS_TRACE_BUNDLE_PLACED, b);
    }
    send_prepares(ep, group, sorted, count);
  } else {
    wait_longer(ep, group);
    group->tried_change = g->groups->changes;
  }
  free(order);
  free(chosen);
  free(demands);
  free(held);
}

static void commit(struct rs_endpoint *ep, struct gcs_group *group)
{
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    if (group->bundles[i].phase != BUNDLE_PREPARED)
      continue;
    rs_addr raylet = group->bundles[i].raylet;
    struct rs_m_group_commit *m = rs_msg_new(RS_MSG_GROUP_COMMIT);
    m->group = group->id;
    m->attempt = group->attempt;
    rs_send(ep, raylet, m);
    for (uint32_t k = i; k < group->bundle_count; k++)
      if (group->bundles[k].raylet == raylet && group->bundles[k].phase == BUNDLE_PREPARED)
        group->bundles[k].phase = BUNDLE_PLACED;
  }
  group->attempt = 0;
  group->delay_ms = 0;
  group->actors_at = 0;
  ep->gcs->stirred = true; /* actors may wait for it */
  if (group->unplaced == 0) {
    group->state = RS_GROUP_CREATED;
    rs_trace(ep, RS_TRACE_GROUP_CREATED, group->id.owner, group->id.seq, group->attempts);
    group->attempts = 0;
  } else {
    wait_until(ep->gcs, group, ep->now); /* meanwhile another node has died */
  }
  tell(ep, group, RS_ERR_OK);
}

/* Every raylet that was asked has answered, or died. */
static void conclude(struct rs_endpoint *ep, struct gcs_group *group)
{
  if (!group->refused) {
    commit(ep, group);
    return;
  }
  rs_trace(ep, RS_TRACE_GROUP_ROLLED_BACK, group->id.owner, group->id.seq, group->attempt);
  return_bundles(ep, group, group->attempt);
  group->attempt = 0;
  wait_longer(ep, group);
}

/* ---- messages ---- */

static void on_create(struct rs_endpoint *ep, rs_addr from, const struct rs_m_group_create *m)
{
  struct rs_gcs *g = ep->gcs;
  if (m->group.owner != from || m->bundles_count == 0 || find(g, m->group))
    return;
  struct gcs_group *group = rs_alloc_zero(1, sizeof *group);
  group->id = m->group;
  group->strategy = m->strategy;
  group->detached = m->detached;
  group->topology = m->topology;
  group->bundle_count = group->unplaced = m->bundles_count;
  group->bundles = rs_alloc_zero(group->bundle_count, sizeof *group->bundles);
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    group->bundles[i].group = group;
    group->bundles[i].demand = m->bundles[i].demand;
    rs_list_init(&group->bundles[i].node_link);
  }
  rs_list_init(&group->wait_link);
  if (m->name && rs_map_find(&g->groups->by_name, m->name)) {
    group->state = RS_GROUP_REMOVED;
    rs_send(ep, from, state_message(group, RS_ERR_NAME_TAKEN));
    group_free(group);
    return;
  }
  group->name = m->name;
  rs_list_push_back(&g->groups->all, &group->all_link);
  rs_map_put_ptr(&g->groups->by_id, rs_id_key(group->id), group);
  if (group->name)
    rs_map_put_ptr(&g->groups->by_name, group->name, group);
  if (!group->detached) {
    group->life = m->life;
    concern(g->groups, group->life);
  }
  subscribe(g, group, from);
  g->groups->count++;
  wait_until(g, group, ep->now);
}

static void on_prepared(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_group_prepared *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_group *group = find(g, m->group);
  if (!group || group->attempt != m->attempt)
    return; /* removed meanwhile */
  bool asked = false;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    struct gcs_bundle *b = &group->bundles[i];
    if (b->phase != BUNDLE_PREPARING || b->raylet != raylet)
      continue;
    asked = true;
    if (m->status == RS_ERR_OK) {
      b->phase = BUNDLE_PREPARED;
      b->unreported = true;
    } else {
      unplace(g, b);
    }
  }
  if (!asked)
    return;
  if (m->status != RS_ERR_OK) {
    group->refused = true;
    refresh(ep, raylet);
  }
  if (--group->asked == 0)
    conclude(ep, group);
}

/* Why there is no such group: it was removed, or there never was one (as far as is remembered). */
static int gone(const struct rs_gcs *g, struct rs_id id)
{
  return rs_graves_find(&g->groups->removed, id) ? RS_ERR_GROUP_REMOVED : RS_ERR_GROUP_UNKNOWN;
}

static void on_get(struct rs_endpoint *ep, rs_addr from, const struct rs_m_group_get *m)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_group *group =
      m->name ? rs_map_get_ptr(&g->groups->by_name, m->name) : find(g, (struct rs_id){m->owner, m->seq});
  if (group) {
    subscribe(g, group, from);
    rs_send(ep, from, state_message(group, RS_ERR_OK));
    return;
  }
  struct rs_m_group_state *none = rs_msg_new(RS_MSG_GROUP_STATE);
  none->owner = m->owner;
  none->seq = m->seq;
  none->name = m->name;
  none->state = RS_GROUP_REMOVED;
  none->reason = m->name ? RS_ERR_GROUP_UNKNOWN : gone(g, (struct rs_id){m->owner, m->seq});
  none->version = UINT64_MAX;
  rs_send(ep, from, none);
}

bool rs_gcs_group_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_GROUP_CREATE: on_create(ep, from, (const void *)msg); return true;
  case RS_MSG_GROUP_PREPARED: on_prepared(ep, from, (const void *)msg); return true;
  case RS_MSG_GROUP_GET: on_get(ep, from, (const void *)msg); return true;
  case RS_MSG_GROUP_REMOVE: {
    struct gcs_group *group = find(ep->gcs, ((const struct rs_m_group_remove *)(const void *)msg)->group);
    if (group)
      remove_group(ep, group, RS_ERR_GROUP_REMOVED);
    return true;
  }
  default: return false;
  }
}

/* ---- deaths ---- */

/* The group has lost what it had on a raylet. */
static void lose(struct rs_endpoint *ep, struct gcs_group *group, rs_addr raylet)
{
  struct rs_gcs *g = ep->gcs;
  bool asked = false, prepared = false, placed = false;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    struct gcs_bundle *b = &group->bundles[i];
    if (b->raylet != raylet)
      continue;
    asked = asked || b->phase == BUNDLE_PREPARING;
    prepared = prepared || b->phase == BUNDLE_PREPARED;
    placed = placed || b->phase == BUNDLE_PLACED;
    unplace(g, b);
  }
  group->refused = group->refused || asked || prepared;
  if (placed) {
    group->state = RS_GROUP_RESCHEDULING;
    tell(ep, group, RS_ERR_NODE_DIED);
  }
  if (asked && --group->asked == 0)
    conclude(ep, group);
  else if (group->attempt == 0 && group->unplaced)
    wait_until(g, group, ep->now);
}

void rs_gcs_group_on_node_dead(struct rs_endpoint *ep, rs_addr raylet)
{
  struct rs_gcs *g = ep->gcs;
  struct bundle_node *node;
  while ((node = rs_map_get_ptr(&g->groups->nodes, raylet)))
    lose(ep, RS_ENTRY(node->bundles.next, struct gcs_bundle, node_link)->group, raylet);
  RS_LIST_EACH(&g->groups->all, at, after) /* with the processes of the node go the groups that live as long */
  {
    struct gcs_group *group = RS_ENTRY(at, struct gcs_group, all_link);
    if (group->life != RS_ADDR_NONE && rs_addr_same_node(group->life, raylet))
      remove_group(ep, group, RS_ERR_NODE_DIED);
  }
}

void rs_gcs_group_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_gcs *g = ep->gcs;
  if (!rs_map_find(&g->groups->concerned, peer))
    return;
  RS_LIST_EACH(&g->groups->all, at, after)
  {
    struct gcs_group *group = RS_ENTRY(at, struct gcs_group, all_link);
    for (uint32_t i = 0; i < group->subscriber_count; i++)
      if (group->subscribers[i] == peer) {
        group->subscribers[i] = group->subscribers[--group->subscriber_count];
        unconcern(g->groups, peer);
      }
    if (group->life == peer)
      remove_group(ep, group, RS_ERR_PEER_LOST);
  }
}

/* ---- actors ---- */

enum rs_pick rs_gcs_group_pick(struct rs_endpoint *ep, const struct rs_demand *demand, rs_node_id *node, int *reason)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_group *group = find(g, (struct rs_id){demand->group_owner, demand->group_seq});
  *reason = RS_ERR_GROUP_REMOVED;
  if (!group) {
    *reason = gone(g, (struct rs_id){demand->group_owner, demand->group_seq});
    return RS_PICK_NEVER;
  }
  bool possible = false, waits = ep->now < group->actors_at;
  for (uint32_t i = 0; i < group->bundle_count; i++) {
    uint32_t at = (group->turn + i) % group->bundle_count;
    const struct gcs_bundle *b = &group->bundles[at];
    if ((demand->group_bundle >= 0 && (uint32_t)demand->group_bundle != at) ||
        !rs_bundles_could_hold(&b->demand, demand))
      continue;
    possible = true;
    if (b->phase != BUNDLE_PLACED || waits)
      continue;
    group->turn = (at + 1) % group->bundle_count;
    *node = rs_addr_node(b->raylet);
    return RS_PICK_OK;
  }
  *reason = RS_ERR_GROUP_TOO_SMALL;
  return possible ? RS_PICK_LATER : RS_PICK_NEVER;
}

/* After as many refusals as it has bundles a group's actors are asked for again a while later. */
void rs_gcs_group_actor_refused(struct rs_endpoint *ep, const struct rs_demand *demand)
{
  struct gcs_group *group = find(ep->gcs, (struct rs_id){demand->group_owner, demand->group_seq});
  if (!group || (demand->group_bundle < 0 && ++group->actors_refused < group->bundle_count))
    return;
  group->actors_refused = 0;
  uint64_t pause_ns = (uint64_t)ep->config->raylet_report_resources_period_milliseconds * RS_MS;
  group->actors_at = rs_time_add(ep->now, pause_ns);
  ep->gcs->groups->next_actor = rs_time_min(ep->gcs->groups->next_actor, group->actors_at);
}

/* ---- demand, for the autoscaler ---- */

uint32_t rs_gcs_group_waiting(const struct rs_gcs *g)
{
  return g->groups->wait_count;
}

/* Calls `each` for every group that waits, in order, with its bundles that have no place (sorted) and the value of the
 * topology label that the others have (0: any). */
void rs_gcs_group_demand(const struct rs_gcs *g,
                         void (*each)(void *ctx, const struct rs_bundles_request *missing, uint64_t topology_value),
                         void *ctx)
{
  for (const struct rs_link *at = g->groups->waiting.next; at != &g->groups->waiting; at = at->next) {
    const struct gcs_group *group = RS_ENTRY(at, struct gcs_group, wait_link);
    struct rs_demand *found = rs_alloc(2 * group->bundle_count * sizeof *found), *demands = found + group->bundle_count;
    uint32_t count = 0, *order = rs_alloc(group->bundle_count * sizeof *order);
    rs_node_id *held = rs_alloc(group->bundle_count * sizeof *held);
    for (uint32_t i = 0; i < group->bundle_count; i++)
      if (group->bundles[i].phase == BUNDLE_UNPLACED)
        found[count++] = group->bundles[i].demand;
    rs_bundles_sort(found, count, order);
    for (uint32_t i = 0; i < count; i++)
      demands[i] = found[order[i]];
    struct rs_bundles_request missing = {.demands = demands,
                                         .count = count,
                                         .strategy = group->strategy,
                                         .topology = group->topology,
                                         .held = held,
                                         .held_count = held_nodes(group, held)};
    const struct rs_view_node *entry = missing.held_count ? rs_view_get(g->view, held[0]) : NULL;
    each(ctx, &missing, entry ? rs_node_label(entry->info, group->topology) : 0);
    free(found);
    free(order);
    free(held);
  }
}

/* ---- the role ---- */

void rs_gcs_group_settle(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_groups *groups = g->groups;
  if (groups->next_actor <= ep->now) {
    groups->next_actor = RS_TIME_NEVER;
    RS_LIST_EACH(&groups->all, at, after)
    {
      const struct gcs_group *group = RS_ENTRY(at, struct gcs_group, all_link);
      if (group->actors_at > ep->now)
        groups->next_actor = rs_time_min(groups->next_actor, group->actors_at);
    }
    g->stirred = true;
  }
  if (groups->next_try > ep->now)
    return;
  groups->next_try = groups->idle_try = RS_TIME_NEVER;
  RS_LIST_EACH(&groups->waiting, at, after)
  {
    struct gcs_group *group = RS_ENTRY(at, struct gcs_group, wait_link);
    uint64_t *next = group->tried_change == groups->changes ? &groups->idle_try : &groups->next_try;
    if (next == &groups->next_try && group->retry_at <= ep->now)
      attempt(ep, group);
    else
      *next = rs_time_min(*next, group->retry_at);
  }
}

uint64_t rs_gcs_group_deadline(const struct rs_gcs *g)
{
  return rs_time_min(g->groups->next_actor, g->groups->next_try);
}

void rs_gcs_group_sanity_check(const struct rs_gcs *g)
{
  const struct gcs_groups *groups = g->groups;
  uint32_t count = 0, waiting = 0, linked = 0, placed_all = 0;
  for (const struct rs_link *at = groups->all.next; at != &groups->all; at = at->next, count++) {
    const struct gcs_group *group = RS_ENTRY(at, struct gcs_group, all_link);
    uint32_t unplaced = 0, preparing = 0;
    for (uint32_t i = 0; i < group->bundle_count; i++) {
      const struct gcs_bundle *b = &group->bundles[i];
      RS_ASSERT((b->phase == BUNDLE_UNPLACED) == (b->raylet == RS_ADDR_NONE));
      RS_ASSERT(b->phase == BUNDLE_UNPLACED || rs_gcs_node_of((struct rs_gcs *)(uintptr_t)g, b->raylet));
      unplaced += b->phase == BUNDLE_UNPLACED;
      preparing += b->phase == BUNDLE_PREPARING;
      placed_all += b->phase != BUNDLE_UNPLACED;
    }
    RS_ASSERT(unplaced == group->unplaced && (preparing > 0) == (group->asked > 0));
    RS_ASSERT((group->attempt == 0 && unplaced > 0) == !rs_list_empty(&group->wait_link));
    RS_ASSERT(group->state != RS_GROUP_CREATED || unplaced == 0);
  }
  for (const struct rs_link *at = groups->waiting.next; at != &groups->waiting; at = at->next)
    waiting++;
  for (uint32_t i = 0; i < groups->nodes.cap; i++) {
    const struct bundle_node *node =
        groups->nodes.slots[i].key ? (void *)(uintptr_t)groups->nodes.slots[i].value : NULL;
    for (const struct rs_link *at = node ? node->bundles.next : NULL; node && at != &node->bundles; at = at->next)
      linked++;
  }
  RS_ASSERT(count == groups->count && waiting == groups->wait_count && linked == placed_all);
}

/* ---- what is said about them ---- */

void rs_gcs_group_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct gcs_groups *groups = ep->gcs->groups;
  for (const struct rs_link *at = groups->all.next; at != &groups->all; at = at->next) {
    const struct gcs_group *group = RS_ENTRY(at, struct gcs_group, all_link);
    uint32_t shown = group->bundle_count < 1024 ? group->bundle_count : 1024;
    struct rs_row *row = rs_row_new(RS_STATE_GROUPS, RS_COLS(groups), 4 * shown);
    for (uint32_t i = 0; i < shown; i++)
      rs_store_u32(row->text + 4 * (size_t)i,
                   group->bundles[i].raylet ? rs_addr_node(group->bundles[i].raylet) : RS_NODE_NONE);
    row->n[RS_COL(groups, owner)] = group->id.owner;
    row->n[RS_COL(groups, owner_seq)] = group->id.seq;
    row->n[RS_COL(groups, strategy)] = group->strategy;
    row->n[RS_COL(groups, state)] = group->state;
    row->n[RS_COL(groups, bundles)] = group->bundle_count;
    row->n[RS_COL(groups, unplaced)] = group->unplaced;
    row->n[RS_COL(groups, name)] = group->name;
    row->n[RS_COL(groups, detached)] = group->detached;
    row->n[RS_COL(groups, attempts)] = group->attempts;
    row->n[RS_COL(groups, retry_in)] = group->unplaced && group->retry_at > ep->now && group->retry_at < RS_TIME_NEVER
                                           ? group->retry_at - ep->now
                                           : UINT64_MAX;
    rs_answer_add(answer, row);
  }
}

/* For the first bundle without a place, and each that asks for something else than the one before it. */
void rs_gcs_group_explain(struct rs_endpoint *ep, struct rs_answer *answer)
{
  enum { DEMANDS_MAX = 4 };
  struct rs_id id = {answer->query->a, answer->query->b};
  const struct gcs_group *group = id.owner && id.seq ? find(ep->gcs, id) : NULL;
  const struct gcs_bundle *last = NULL;
  uint32_t told = 0;
  for (uint32_t i = 0; group && i < group->bundle_count && told < DEMANDS_MAX; i++) {
    const struct gcs_bundle *b = &group->bundles[i];
    if (b->phase != BUNDLE_UNPLACED || (last && rs_demand_equal(&b->demand, &last->demand)))
      continue;
    last = b;
    told++;
    struct rs_writer w = {NULL, 0, 0};
    rs_put_demand(&w, &b->demand);
    struct rs_row *row = rs_row_new(RS_STATE_EXPLAIN, RS_COLS(explain), (uint32_t)w.size);
    w = (struct rs_writer){row->text, w.size, 0};
    rs_put_demand(&w, &b->demand);
    row->n[RS_COL(explain, owner)] = id.owner;
    row->n[RS_COL(explain, owner_seq)] = id.seq;
    row->n[RS_COL(explain, reason)] = RS_WAIT_GROUP;
    row->n[RS_COL(explain, count)] = group->unplaced;
    row->n[RS_COL(explain, request)] = i;
    row->n[RS_COL(explain, name)] = group->name;
    row->n[RS_COL(explain, target)] = RS_NODE_NONE;
    rs_answer_add(answer, row);
    rs_explain_nodes(&(struct rs_explain){ep->config, &b->demand, RS_STRATEGY_DEFAULT, RS_NODE_NONE, RS_NODE_NONE},
                     ep->gcs->view, answer);
  }
}

void rs_gcs_group_demand_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct gcs_groups *groups = ep->gcs->groups;
  for (const struct rs_link *at = groups->waiting.next; at != &groups->waiting; at = at->next) {
    const struct gcs_group *group = RS_ENTRY(at, struct gcs_group, wait_link);
    uint32_t i = 0;
    while (i < group->bundle_count && group->bundles[i].phase != BUNDLE_UNPLACED)
      i++;
    if (i == group->bundle_count)
      continue;
    struct rs_row *row = rs_gcs_demand_row(ep, RS_WAIT_KIND_GROUP, &group->bundles[i].demand);
    row->n[RS_COL(demands, count)] = 1;
    row->n[RS_COL(demands, bundles)] = group->unplaced;
    row->n[RS_COL(demands, strategy)] = group->strategy;
    row->n[RS_COL(demands, name)] = group->name;
    rs_answer_add(answer, row);
  }
}
