/* bundles.c -- placing the bundles of a placement group.
 *
 * Bundles are placed in the order of rs_bundles_sort, hardest first, each on the node with the highest score (greedy,
 * not optimal, as in Ray). What is placed is taken from a version of the view made for the trial, so that the next
 * bundle sees it; a node that may take no more bundles is set to draining there, which takes it out of the index.
 *
 *   PACK           the best node for the first bundle; then every further bundle, in order, that fits there too; the
 * node is then closed and the rest goes on with the next one. SPREAD         the best node that has no bundle yet;
 * where none is left, the best of those that have. STRICT_SPREAD  as SPREAD without the second choice. STRICT_PACK the
 * best node for the sum of all bundles on which they fit one by one, each in its devices: half of two GPUs is not one.
 * For the score, GPUs count the whole ones of the sum (or the largest fraction). topology       the nodes with each
 * value of the label are tried on their own with the strategy, the value with the least GPUs left, then the least CPUs
 * left, first (best fit: large domains stay whole); lower hash last.
 *
 * With labels, each bundle's alternatives are tried in order. Bundles that are placed already (after a node's death)
 * keep their place: STRICT_SPREAD keeps away from their nodes, STRICT_PACK and topology stay with them, SPREAD prefers
 * other nodes and PACK prefers theirs.
 *
 * After Ray 2.60: bundle_scheduling_policy.cc and scorer.cc. Departures: ties by node number (Ray: the order of a hash
 * map); GPUs by device; PACK and SPREAD look at the bundles that have a place; the order of the label's values.
 *
 * Cost for B bundles at N nodes: O(log N) for each change since the last question about the same demand and for each
 * choice, and one copy of a path of the view for each node chosen; PACK O(B x nodes chosen) tests besides. STRICT_PACK
 * reads the nodes in the order of their score until one fits. topology reads every node once.
 */
#include "policy/bundles.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "policy/index.h"

enum { PART = 8000, SCORE_MAX = 8 * PART };

struct rs_bundles {
  struct rs_index *index;
};

/* One attempt. */
struct trial {
  struct rs_bundles *state;
  const struct rs_bundles_request *request;
  const uint32_t *order;
  struct rs_view *view;    /* with what has been placed taken away */
  const rs_node_id *nodes; /* the only ones to look at; NULL: the index over all */
  uint32_t node_count;
  rs_node_id *touched; /* entries that differ from the real view */
  uint32_t touched_count, touched_cap;
  rs_node_id *out;
  uint64_t *work;
};

/* ---- scores ---- */

static uint32_t part(int64_t left, int64_t asked)
{
  return asked > 0 && left >= asked ? (uint32_t)((left - asked) * PART / left) : 0;
}

static int64_t gpus_left(const struct rs_res *left)
{
  int64_t sum = 0;
  for (int i = 0; i < left->gpu_count; i++)
    sum += left->gpu_e4[i];
  return sum;
}

uint32_t rs_bundles_score(const struct rs_res *left, const struct rs_demand *demand)
{
  uint32_t score = part(left->cpu_e4, demand->cpu_e4) + part(left->memory_bytes, demand->memory_bytes) +
                   part(left->store_bytes, demand->store_bytes);
  if (demand->gpu_e4)
    score += part(gpus_left(left), demand->gpu_e4);
  for (int i = 0; i < demand->custom_count; i++)
    for (int k = 0; k < left->custom_count; k++)
      if (left->custom[k].name == demand->custom[i].name)
        score += part(left->custom[k].amount_e4, demand->custom[i].amount_e4);
  return score;
}

static uint16_t score_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                          const struct rs_demand *demand)
{
  (void)opts;
  return (uint16_t)(SCORE_MAX - rs_bundles_score(&entry->left, demand));
}

struct rs_bundles *rs_bundles_new(void)
{
  struct rs_bundles *bundles = rs_alloc_zero(1, sizeof *bundles);
  struct rs_place_opts opts = {.local = RS_NODE_NONE};
  bundles->index = rs_index_new(&opts, score_key);
  return bundles;
}

void rs_bundles_free(struct rs_bundles *bundles)
{
  if (!bundles)
    return;
  rs_index_free(bundles->index);
  free(bundles);
}

void rs_bundles_changed(struct rs_bundles *bundles, const struct rs_view *view, rs_node_id node)
{
  rs_index_changed(bundles->index, view, node);
}

/* ---- order ---- */

static int compare_amounts(int64_t a, int64_t b)
{
  return a > b ? -1 : a < b;
}

/* Names in ascending order; who has more of the first name in which they differ comes first. */
static int compare_customs(const struct rs_demand *a, const struct rs_demand *b)
{
  int i = 0, k = 0;
  while (i < a->custom_count || k < b->custom_count) {
    uint64_t x = i < a->custom_count ? a->custom[i].name : UINT64_MAX;
    uint64_t y = k < b->custom_count ? b->custom[k].name : UINT64_MAX;
    int64_t of_a = x <= y ? a->custom[i++].amount_e4 : 0, of_b = y <= x ? b->custom[k++].amount_e4 : 0;
    if (of_a != of_b)
      return compare_amounts(of_a, of_b);
  }
  return 0;
}

static bool comes_first(const struct rs_demand *demands, uint32_t i, uint32_t k)
{
  const struct rs_demand *a = &demands[i], *b = &demands[k];
  int order = compare_amounts(a->gpu_e4, b->gpu_e4);
  order = order ? order : compare_customs(a, b);
  order = order ? order : compare_amounts(a->store_bytes, b->store_bytes);
  order = order ? order : compare_amounts(a->memory_bytes, b->memory_bytes);
  order = order ? order : compare_amounts(a->cpu_e4, b->cpu_e4);
  return order ? order < 0 : i < k;
}

/* Merge sort, bottom up: the bundles of most groups are equal, and in order already. */
void rs_bundles_sort(const struct rs_demand *demands, uint32_t count, uint32_t *order)
{
  uint32_t *from = order, *to = rs_alloc(count * sizeof *to), *spare = to;
  for (uint32_t i = 0; i < count; i++)
    from[i] = i;
  for (uint32_t width = 1; width < count; width *= 2) {
    for (uint32_t low = 0; low < count; low += 2 * width) {
      uint32_t middle = low + width < count ? low + width : count;
      uint32_t high = middle + width < count ? middle + width : count;
      for (uint32_t i = low, k = middle, at = low; at < high; at++)
        to[at] = k == high || (i < middle && comes_first(demands, from[i], from[k])) ? from[i++] : from[k++];
    }
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != order)
    memcpy(order, from, count * sizeof *order);
  free(spare);
}

/* ---- what a bundle holds ---- */

void rs_bundles_total(const struct rs_demand *bundle, rs_gpu_mask devices, uint8_t gpu_count, struct rs_res *out)
{
  *out = (struct rs_res){.cpu_e4 = bundle->cpu_e4,
                         .memory_bytes = bundle->memory_bytes,
                         .store_bytes = bundle->store_bytes,
                         .gpu_count = gpu_count,
                         .custom_count = bundle->custom_count};
  for (int i = 0; i < bundle->custom_count; i++)
    out->custom[i] = bundle->custom[i];
  for (int i = 0; i < gpu_count; i++)
    if (devices >> i & 1)
      out->gpu_e4[i] = (uint16_t)(bundle->gpu_e4 < RS_ONE_E4 ? bundle->gpu_e4 : RS_ONE_E4);
}

bool rs_bundles_could_hold(const struct rs_demand *bundle, const struct rs_demand *demand)
{
  uint32_t count = (bundle->gpu_e4 + RS_ONE_E4 - 1) / RS_ONE_E4;
  struct rs_res total;
  rs_bundles_total(bundle, (UINT32_C(1) << count) - 1, (uint8_t)count, &total);
  return rs_res_fits(&total, demand);
}

/* ---- one attempt ---- */

static const struct rs_demand *bundle(const struct trial *t, uint32_t place)
{
  return &t->request->demands[t->order[place]];
}

/* The entry of a node in the trial's view becomes this one. */
static void change(struct trial *t, rs_node_id node, const struct rs_view_node *entry)
{
  rs_view_set(&t->view, node, entry);
  rs_index_changed(t->state->index, t->view, node);
  RS_GROW(t->touched, t->touched_count, t->touched_cap);
  t->touched[t->touched_count++] = node;
}

static void close_node(struct trial *t, rs_node_id node)
{
  const struct rs_view_node *old = rs_view_get(t->view, node);
  if (!old || old->state != RS_NODE_ALIVE)
    return;
  struct rs_view_node entry = *old;
  entry.state = RS_NODE_DRAINING;
  change(t, node, &entry);
}

/* The bundle at this place of the order goes to the node, where it fits. */
static void put(struct trial *t, uint32_t place, rs_node_id node)
{
  struct rs_view_node entry = *rs_view_get(t->view, node);
  rs_res_take(&entry.left, bundle(t, place));
  change(t, node, &entry);
  t->out[t->order[place]] = node;
}

static bool holds(const struct rs_view_node *entry, const struct rs_demand *demand)
{
  return entry && entry->info && rs_labels_match(entry->info, demand) && rs_res_fits(&entry->left, demand);
}

/* The best of some nodes for a demand with one alternative; closed ones count only where `closed` says so. */
static rs_node_id best_among(const struct trial *t, const struct rs_demand *demand, const rs_node_id *nodes,
                             uint32_t count, bool closed)
{
  rs_node_id best = RS_NODE_NONE;
  uint32_t best_score = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct rs_view_node *entry = rs_view_get(t->view, nodes[i]);
    ++*t->work;
    if (!entry || (entry->state != RS_NODE_ALIVE && !(closed && entry->state == RS_NODE_DRAINING)) ||
        !holds(entry, demand))
      continue;
    uint32_t score = rs_bundles_score(&entry->left, demand);
    if (best == RS_NODE_NONE || score > best_score || (score == best_score && nodes[i] < best)) {
      best = nodes[i];
      best_score = score;
    }
  }
  return best;
}

static rs_node_id best_of_alternative(struct trial *t, const struct rs_demand *demand)
{
  if (t->nodes)
    return best_among(t, demand, t->nodes, t->node_count, false);
  const struct rs_shape_index *shape = rs_index_find(t->state->index, t->view, demand, t->work);
  uint16_t key;
  return rs_shape_available(shape) ? rs_shape_select(shape, 0, &key) : RS_NODE_NONE;
}

static rs_node_id best_node(struct trial *t, const struct rs_demand *demand)
{
  rs_node_id node = RS_NODE_NONE;
  struct rs_demand one;
  for (unsigned i = 0; node == RS_NODE_NONE && rs_demand_alternative(demand, i, &one); i++)
    node = best_of_alternative(t, &one);
  return node;
}

/* Every bundle without a place, in order, that fits on the node goes there; the node is closed then. */
static uint32_t fill(struct trial *t, rs_node_id node, uint32_t left)
{
  for (uint32_t i = 0; i < t->request->count; i++)
    if (t->out[t->order[i]] == RS_NODE_NONE && holds(rs_view_get(t->view, node), bundle(t, i))) {
      put(t, i, node);
      left--;
    }
  close_node(t, node);
  return left;
}

static bool place_packed(struct trial *t)
{
  const struct rs_bundles_request *request = t->request;
  uint32_t left = request->count;
  for (uint32_t i = 0; i < request->held_count && left; i++) {
    const struct rs_view_node *entry = rs_view_get(t->view, request->held[i]);
    if (entry && entry->state == RS_NODE_ALIVE)
      left = fill(t, request->held[i], left);
  }
  for (uint32_t at = 0; left;) {
    while (t->out[t->order[at]] != RS_NODE_NONE)
      at++;
    rs_node_id node = best_node(t, bundle(t, at));
    if (node == RS_NODE_NONE)
      return false;
    left = fill(t, node, left);
  }
  return true;
}

static bool place_spread(struct trial *t, bool strict)
{
  const struct rs_bundles_request *request = t->request;
  uint32_t used_count = 0;
  rs_node_id *used = rs_alloc((request->count + request->held_count) * sizeof *used);
  for (uint32_t i = 0; i < request->held_count; i++) {
    const struct rs_view_node *entry = rs_view_get(t->view, request->held[i]);
    if (entry && entry->state == RS_NODE_ALIVE)
      used[used_count++] = request->held[i];
    close_node(t, request->held[i]);
  }
  bool placed = true;
  for (uint32_t i = 0; i < request->count && placed; i++) {
    const struct rs_demand *demand = bundle(t, i);
    rs_node_id node = best_node(t, demand);
    if (node != RS_NODE_NONE) {
      used[used_count++] = node;
    } else if (!strict) {
      struct rs_demand one;
      for (unsigned k = 0; node == RS_NODE_NONE && rs_demand_alternative(demand, k, &one); k++)
        node = best_among(t, &one, used, used_count, true);
    }
    placed = node != RS_NODE_NONE;
    if (placed) {
      put(t, i, node);
      close_node(t, node);
    }
  }
  free(used);
  return placed;
}

/* ---- all on one node ---- */

static bool add_customs(struct rs_demand *sum, const struct rs_demand *more)
{
  for (int i = 0; i < more->custom_count; i++) {
    int at = 0;
    while (at < sum->custom_count && sum->custom[at].name < more->custom[i].name)
      at++;
    if (at < sum->custom_count && sum->custom[at].name == more->custom[i].name) {
      sum->custom[at].amount_e4 += more->custom[i].amount_e4;
      continue;
    }
    if (sum->custom_count == RS_CUSTOM_MAX)
      return false;
    for (int k = sum->custom_count; k > at; k--)
      sum->custom[k] = sum->custom[k - 1];
    sum->custom[at] = more->custom[i];
    sum->custom_count++;
  }
  return true;
}

/* What a node must have at least for all bundles; false: no node can have it. Of labels only those that all share. */
static bool sum_of(const struct rs_bundles_request *request, struct rs_demand *sum)
{
  uint64_t whole_e4 = 0;
  uint32_t fraction_e4 = 0;
  *sum = request->demands[0];
  for (uint32_t i = 0; i < request->count; i++) {
    const struct rs_demand *demand = &request->demands[i];
    if (demand->gpu_e4 >= RS_ONE_E4)
      whole_e4 += demand->gpu_e4;
    else if (demand->gpu_e4 > fraction_e4)
      fraction_e4 = demand->gpu_e4;
    if (!rs_demand_same_labels(&request->demands[0], demand))
      sum->select_count = sum->fallback_count = 0;
    if (i == 0)
      continue;
    sum->cpu_e4 += demand->cpu_e4;
    sum->memory_bytes += demand->memory_bytes;
    sum->store_bytes += demand->store_bytes;
    if (!add_customs(sum, demand))
      return false;
  }
  sum->gpu_e4 = whole_e4 ? (uint32_t)whole_e4 : fraction_e4;
  return whole_e4 <= (uint64_t)RS_GPU_MAX * RS_ONE_E4;
}

static bool holds_all(const struct trial *t, rs_node_id node)
{
  const struct rs_view_node *entry = rs_view_get(t->view, node);
  struct rs_view_node rest = *entry;
  ++*t->work;
  for (uint32_t i = 0; i < t->request->count; i++) {
    if (!holds(&rest, bundle(t, i)))
      return false;
    rs_res_take(&rest.left, bundle(t, i));
  }
  return true;
}

/* The best of t->nodes for the sum on which all fit one by one. */
static rs_node_id best_for_all_among(struct trial *t, const struct rs_demand *sum)
{
  rs_node_id best = RS_NODE_NONE;
  uint32_t best_score = 0;
  for (uint32_t i = 0; i < t->node_count; i++) {
    const struct rs_view_node *entry = rs_view_get(t->view, t->nodes[i]);
    if (!entry || entry->state != RS_NODE_ALIVE || !holds(entry, sum) || !holds_all(t, t->nodes[i]))
      continue;
    uint32_t score = rs_bundles_score(&entry->left, sum);
    if (best == RS_NODE_NONE || score > best_score || (score == best_score && t->nodes[i] < best)) {
      best = t->nodes[i];
      best_score = score;
    }
  }
  return best;
}

static rs_node_id best_for_all(struct trial *t, const struct rs_demand *sum)
{
  if (t->nodes)
    return best_for_all_among(t, sum);
  const struct rs_shape_index *shape = rs_index_find(t->state->index, t->view, sum, t->work);
  for (uint32_t rank = 0; rank < rs_shape_available(shape); rank++) {
    uint16_t key;
    rs_node_id node = rs_shape_select(shape, rank, &key);
    if (holds_all(t, node))
      return node;
  }
  return RS_NODE_NONE;
}

static bool place_on_one(struct trial *t)
{
  const struct rs_bundles_request *request = t->request;
  struct rs_demand sum, one;
  if (!sum_of(request, &sum))
    return false;
  if (request->held_count) {
    t->nodes = request->held;
    t->node_count = 1;
  }
  rs_node_id node = RS_NODE_NONE;
  for (unsigned i = 0; node == RS_NODE_NONE && rs_demand_alternative(&sum, i, &one); i++)
    node = best_for_all(t, &one);
  for (uint32_t i = 0; i < request->count; i++)
    t->out[i] = node;
  return node != RS_NODE_NONE;
}

/* ---- an attempt from its beginning ---- */

static bool attempt(struct trial *t, struct rs_view *view)
{
  t->view = rs_view_ref(view);
  for (uint32_t i = 0; i < t->request->count; i++)
    t->out[i] = RS_NODE_NONE;
  bool placed = false;
  switch ((enum rs_group_strategy)t->request->strategy) {
  case RS_GROUP_PACK: placed = place_packed(t); break;
  case RS_GROUP_SPREAD: placed = place_spread(t, false); break;
  case RS_GROUP_STRICT_PACK: placed = place_on_one(t); break;
  case RS_GROUP_STRICT_SPREAD: placed = place_spread(t, true); break;
  }
  rs_view_unref(t->view);
  for (uint32_t i = 0; i < t->touched_count; i++)
    rs_index_changed(t->state->index, view, t->touched[i]);
  t->touched_count = 0;
  return placed;
}

/* ---- within one value of a label ---- */

struct domain {
  uint64_t value;
  int64_t gpu_e4, cpu_e4; /* left on its nodes */
  rs_node_id *nodes;
  uint32_t count, cap;
};

struct domains {
  struct domain *items;
  uint32_t count, cap;
};

static struct domain *domain_of(struct domains *domains, uint64_t value)
{
  for (uint32_t i = domains->count; i-- > 0;)
    if (domains->items[i].value == value)
      return &domains->items[i];
  RS_GROW(domains->items, domains->count, domains->cap);
  struct domain *domain = &domains->items[domains->count++];
  *domain = (struct domain){.value = value};
  return domain;
}

static bool domain_first(const struct domain *a, const struct domain *b)
{
  if (a->gpu_e4 != b->gpu_e4)
    return a->gpu_e4 < b->gpu_e4;
  return a->cpu_e4 != b->cpu_e4 ? a->cpu_e4 < b->cpu_e4 : a->value < b->value;
}

/* Every alive node that has the label, by value; best fit first. */
static void gather(struct trial *t, const struct rs_view *view, struct domains *domains)
{
  for (rs_node_id id = 0; id < rs_view_span(view); id++) {
    const struct rs_view_node *entry = rs_view_get(view, id);
    ++*t->work;
    uint64_t value = entry && entry->state == RS_NODE_ALIVE ? rs_node_label(entry->info, t->request->topology) : 0;
    if (value == 0)
      continue;
    struct domain *domain = domain_of(domains, value);
    domain->gpu_e4 += gpus_left(&entry->left);
    domain->cpu_e4 += entry->left.cpu_e4;
    RS_GROW(domain->nodes, domain->count, domain->cap);
    domain->nodes[domain->count++] = id;
  }
  for (uint32_t i = 1; i < domains->count; i++)
    for (uint32_t k = i; k > 0 && domain_first(&domains->items[k], &domains->items[k - 1]); k--) {
      struct domain swap = domains->items[k];
      domains->items[k] = domains->items[k - 1];
      domains->items[k - 1] = swap;
    }
}

static enum rs_pick place_in_domain(struct trial *t, struct rs_view *view)
{
  const struct rs_bundles_request *request = t->request;
  const struct rs_view_node *held = request->held_count ? rs_view_get(view, request->held[0]) : NULL;
  uint64_t only = held ? rs_node_label(held->info, request->topology) : 0;
  struct domains domains = {0};
  gather(t, view, &domains);
  bool placed = false;
  for (uint32_t i = 0; i < domains.count && !placed; i++) {
    if (only && domains.items[i].value != only)
      continue;
    t->nodes = domains.items[i].nodes;
    t->node_count = domains.items[i].count;
    placed = attempt(t, view);
  }
  for (uint32_t i = 0; i < domains.count; i++)
    free(domains.items[i].nodes);
  free(domains.items);
  return placed ? RS_PICK_OK : domains.count ? RS_PICK_LATER : RS_PICK_NEVER;
}

/* Could every bundle be held at some time by the nodes that are there, as far as a look at single bundles tells? */
static bool possible(struct trial *t, const struct rs_view *view)
{
  const struct rs_bundles_request *request = t->request;
  if (request->strategy == RS_GROUP_STRICT_SPREAD && rs_view_alive(view) < request->count + request->held_count)
    return false;
  struct rs_demand sum;
  if (request->strategy == RS_GROUP_STRICT_PACK)
    return sum_of(request, &sum) && rs_shape_feasible(rs_index_find(t->state->index, view, &sum, t->work)) > 0;
  for (uint32_t i = 0; i < request->count; i++)
    if ((i == 0 || !rs_demand_equal(bundle(t, i), bundle(t, i - 1))) &&
        rs_shape_feasible(rs_index_find(t->state->index, view, bundle(t, i), t->work)) == 0)
      return false;
  return true;
}

enum rs_pick rs_bundles_place(struct rs_bundles *bundles, struct rs_view *view,
                              const struct rs_bundles_request *request, rs_node_id *nodes, uint64_t *work)
{
  RS_ASSERT(request->count > 0 && request->count <= RS_GROUP_BUNDLES_MAX);
  RS_ASSERT(request->strategy <= RS_GROUP_STRICT_SPREAD);
  uint32_t *order = rs_alloc(request->count * sizeof *order);
  rs_bundles_sort(request->demands, request->count, order);
  struct trial t = {.state = bundles, .request = request, .order = order, .out = nodes, .work = work};
  enum rs_pick outcome;
  if (request->topology)
    outcome = place_in_domain(&t, view);
  else
    outcome = attempt(&t, view) ? RS_PICK_OK : RS_PICK_LATER;
  if (outcome == RS_PICK_LATER && !possible(&t, view))
    outcome = RS_PICK_NEVER;
  free(t.touched);
  free(order);
  return outcome;
}
