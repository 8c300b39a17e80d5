/* Placement of bundles against its definition: a brute-force reference without index, trial versions or sorting by
 * merge reads every node for every bundle; besides, the rules of each strategy are checked on every answer, and that
 * bundles fit together device by device. */
#include <stdlib.h>

#include "base/rng.h"
#include "check.h"
#include "policy/bundles.h"

enum { NODES_MAX = 64, BUNDLES_MAX = 12, TYPES = 6 };

struct world {
  struct rs_rng rng;
  struct rs_node_info *types[TYPES];
  struct rs_view *view;
  uint32_t node_count;
};

static uint64_t below(struct world *w, uint64_t n)
{
  return rs_rng_below(&w->rng, n);
}

static void world_begin(struct world *w, uint64_t seed)
{
  static const char *const racks[] = {"r0", "r1", "r2"};
  rs_rng_seed(&w->rng, seed);
  w->view = rs_view_new();
  w->node_count = 1 + (uint32_t)below(w, below(w, 3) ? 12 : NODES_MAX);
  for (int i = 0; i < TYPES; i++) {
    struct rs_res total = {.cpu_e4 = (int64_t)(1 + below(w, 8)) * RS_ONE_E4,
                           .memory_bytes = (int64_t)below(w, 4) << 30,
                           .gpu_count = (uint8_t)(below(w, 2) ? 0 : 1 + below(w, 4))};
    for (int g = 0; g < total.gpu_count; g++)
      total.gpu_e4[g] = RS_ONE_E4;
    if (below(w, 3) == 0)
      CHECK(rs_res_set_custom(&total, "licence", (int64_t)(1 + below(w, 3)) * RS_ONE_E4));
    if (below(w, 3) == 0)
      CHECK(rs_res_set_custom(&total, "port", RS_ONE_E4));
    w->types[i] = rs_node_info_new(&total);
    if (below(w, 5))
      CHECK(rs_node_info_add_label(w->types[i], "rack", racks[below(w, 3)]));
  }
}

static void world_end(struct world *w)
{
  rs_view_unref(w->view);
  for (int i = 0; i < TYPES; i++)
    rs_node_info_unref(w->types[i]);
}

static rs_node_id world_change(struct world *w)
{
  rs_node_id id = (rs_node_id)below(w, w->node_count);
  const struct rs_view_node *old = rs_view_get(w->view, id);
  struct rs_view_node entry = {.state = RS_NODE_ALIVE, .info = w->types[below(w, TYPES)]};
  if (old && old->info && below(w, 8))
    entry.info = old->info;
  if (below(w, 15) == 0)
    entry.state = below(w, 2) ? RS_NODE_DEAD : RS_NODE_DRAINING;
  entry.left = entry.info->total;
  if (below(w, 3)) {
    entry.left.cpu_e4 = (int64_t)below(w, (uint64_t)entry.left.cpu_e4 / 5000 + 1) * 5000;
    for (int g = 0; g < entry.left.gpu_count; g++)
      entry.left.gpu_e4[g] = (uint16_t)(below(w, 5) * 2500);
  }
  rs_view_set(&w->view, id, &entry);
  return id;
}

static void random_bundle(struct world *w, struct rs_demand *d)
{
  *d = (struct rs_demand){.cpu_e4 = (int64_t)below(w, 5) * 5000};
  if (below(w, 4) == 0)
    d->memory_bytes = (int64_t)below(w, 3) << 29;
  if (below(w, 3) == 0)
    d->gpu_e4 = below(w, 2) ? (uint32_t)(below(w, 3) * RS_ONE_E4) : (uint32_t)(1 + below(w, 4)) * 2000;
  if (below(w, 6) == 0)
    CHECK(rs_demand_set_custom(d, "licence", RS_ONE_E4));
  if (below(w, 6) == 0)
    CHECK(rs_demand_set_custom(d, "port", RS_ONE_E4 / 2));
  if (below(w, 6) == 0)
    CHECK(rs_demand_add_select(d, 0, "rack", below(w, 2) ? RS_SELECT_IN : RS_SELECT_NOT_IN, "r1"));
  if (d->select_count && below(w, 2))
    d->fallback_count = 1;
}

/* ---- the reference ---- */

struct cluster {
  uint32_t count;
  bool there[NODES_MAX], open[NODES_MAX];
  struct rs_node_info *info[NODES_MAX];
  struct rs_res left[NODES_MAX];
};

static uint64_t share(int64_t left, int64_t asked)
{
  return asked > 0 ? (uint64_t)(left - asked) * 8000 / (uint64_t)left : 0;
}

static uint64_t score_of(const struct rs_res *left, const struct rs_demand *d)
{
  int64_t gpus = 0;
  for (int i = 0; i < left->gpu_count; i++)
    gpus += left->gpu_e4[i];
  uint64_t sum = share(left->cpu_e4, d->cpu_e4) + share(left->memory_bytes, d->memory_bytes) +
                 share(left->store_bytes, d->store_bytes) + share(gpus, d->gpu_e4);
  for (int i = 0; i < d->custom_count; i++)
    for (int k = 0; k < left->custom_count; k++)
      if (d->custom[i].name == left->custom[k].name)
        sum += share(left->custom[k].amount_e4, d->custom[i].amount_e4);
  return sum;
}

static bool fits(const struct cluster *c, uint32_t node, const struct rs_demand *d)
{
  return rs_res_fits(&c->left[node], d) && rs_labels_match(c->info[node], d);
}

/* The best of the open nodes (or of those where `used` is set), alternatives in order. */
static int best(const struct cluster *c, const struct rs_demand *d, const bool *used)
{
  struct rs_demand one;
  for (unsigned alternative = 0; rs_demand_alternative(d, alternative, &one); alternative++) {
    int found = -1;
    for (uint32_t i = 0; i < c->count; i++)
      if (c->there[i] && (used ? used[i] : c->open[i]) && fits(c, i, &one) &&
          (found < 0 || score_of(&c->left[i], &one) > score_of(&c->left[found], &one)))
        found = (int)i;
    if (found >= 0)
      return found;
  }
  return -1;
}

static int amount(const struct rs_demand *d, const char *name)
{
  for (int i = 0; i < d->custom_count; i++)
    if (d->custom[i].name == rs_name_hash(name))
      return (int)d->custom[i].amount_e4;
  return 0;
}

/* Ray's order, as five stable passes from the least important to the most. */
static void sorted(const struct rs_demand *d, uint32_t count, uint32_t *order)
{
  bool licence_first = rs_name_hash("licence") < rs_name_hash("port");
  for (uint32_t i = 0; i < count; i++)
    order[i] = i;
  for (int pass = 0; pass < 6; pass++)
    for (uint32_t i = 1; i < count; i++)
      for (uint32_t k = i; k > 0; k--) {
        const struct rs_demand *x = &d[order[k - 1]], *y = &d[order[k]];
        const char *low = licence_first ? "licence" : "port", *high = licence_first ? "port" : "licence";
        int64_t a[] = {x->cpu_e4, x->memory_bytes, x->store_bytes, amount(x, high), amount(x, low), x->gpu_e4};
        int64_t b[] = {y->cpu_e4, y->memory_bytes, y->store_bytes, amount(y, high), amount(y, low), y->gpu_e4};
        if (b[pass] <= a[pass])
          break;
        uint32_t swap = order[k];
        order[k] = order[k - 1];
        order[k - 1] = swap;
      }
}

static bool reference_spread(struct cluster *c, const struct rs_bundles_request *r, const uint32_t *order,
                             rs_node_id *out)
{
  bool used[NODES_MAX] = {false};
  for (uint32_t i = 0; i < r->held_count; i++) {
    used[r->held[i]] = c->open[r->held[i]];
    c->open[r->held[i]] = false;
  }
  for (uint32_t i = 0; i < r->count; i++) {
    const struct rs_demand *d = &r->demands[order[i]];
    int node = best(c, d, NULL);
    if (node < 0 && r->strategy == RS_GROUP_SPREAD)
      node = best(c, d, used);
    if (node < 0)
      return false;
    out[order[i]] = (rs_node_id)node;
    used[node] = true;
    c->open[node] = false;
    rs_res_take(&c->left[node], d);
  }
  return true;
}

static bool reference_pack(struct cluster *c, const struct rs_bundles_request *r, const uint32_t *order,
                           rs_node_id *out)
{
  bool done[BUNDLES_MAX] = {false};
  for (uint32_t left = r->count, turn = 0; left; turn++) {
    int node = -1;
    if (turn < r->held_count) {
      node = (int)r->held[turn];
      if (!c->there[node] || !c->open[node])
        continue;
    } else {
      for (uint32_t i = 0; i < r->count && node < 0; i++)
        if (!done[i]) {
          node = best(c, &r->demands[order[i]], NULL);
          break;
        }
      if (node < 0)
        return false;
    }
    for (uint32_t i = 0; i < r->count; i++)
      if (!done[i] && fits(c, (uint32_t)node, &r->demands[order[i]])) {
        rs_res_take(&c->left[node], &r->demands[order[i]]);
        out[order[i]] = (rs_node_id)node;
        done[i] = true;
        left--;
      }
    c->open[node] = false;
  }
  return true;
}

static bool all_fit(const struct cluster *c, uint32_t node, const struct rs_bundles_request *r, const uint32_t *order)
{
  struct rs_res left = c->left[node];
  for (uint32_t i = 0; i < r->count; i++) {
    const struct rs_demand *d = &r->demands[order[i]];
    if (!rs_res_fits(&left, d) || !rs_labels_match(c->info[node], d))
      return false;
    rs_res_take(&left, d);
  }
  return true;
}

/* Only where no bundle has labels of its own: what they have in common is a case of its own below. */
static bool reference_one(struct cluster *c, const struct rs_bundles_request *r, const uint32_t *order, rs_node_id *out)
{
  struct rs_demand sum = {0};
  uint32_t whole = 0, fraction = 0;
  for (uint32_t i = 0; i < r->count; i++) {
    const struct rs_demand *d = &r->demands[i];
    sum.cpu_e4 += d->cpu_e4;
    sum.memory_bytes += d->memory_bytes;
    if (d->gpu_e4 >= RS_ONE_E4)
      whole += d->gpu_e4;
    else if (d->gpu_e4 > fraction)
      fraction = d->gpu_e4;
  }
  sum.gpu_e4 = whole ? whole : fraction;
  int64_t licences = 0, ports = 0;
  for (uint32_t i = 0; i < r->count; i++) {
    licences += amount(&r->demands[i], "licence");
    ports += amount(&r->demands[i], "port");
  }
  if (licences)
    CHECK(rs_demand_set_custom(&sum, "licence", licences));
  if (ports)
    CHECK(rs_demand_set_custom(&sum, "port", ports));
  int found = -1;
  for (uint32_t i = 0; i < c->count; i++)
    if (c->there[i] && c->open[i] && (r->held_count == 0 || r->held[0] == i) && all_fit(c, i, r, order) &&
        (found < 0 || score_of(&c->left[i], &sum) > score_of(&c->left[found], &sum)))
      found = (int)i;
  for (uint32_t i = 0; found >= 0 && i < r->count; i++)
    out[i] = (rs_node_id)found;
  return found >= 0;
}

static void snapshot(struct cluster *c, const struct rs_view *view, uint64_t value)
{
  memset(c, 0, sizeof *c);
  c->count = rs_view_span(view);
  for (uint32_t i = 0; i < c->count; i++) {
    const struct rs_view_node *entry = rs_view_get(view, i);
    c->there[i] = entry != NULL;
    c->open[i] = entry && entry->state == RS_NODE_ALIVE &&
                 (value == 0 || rs_node_label(entry->info, rs_name_hash("rack")) == value);
    if (!entry)
      continue;
    c->info[i] = entry->info;
    c->left[i] = entry->left;
  }
}

static bool reference_in(struct world *w, const struct rs_bundles_request *r, uint64_t value, rs_node_id *out)
{
  struct cluster c;
  uint32_t order[BUNDLES_MAX];
  snapshot(&c, w->view, value);
  sorted(r->demands, r->count, order);
  switch (r->strategy) {
  case RS_GROUP_PACK: return reference_pack(&c, r, order, out);
  case RS_GROUP_STRICT_PACK: return reference_one(&c, r, order, out);
  default: return reference_spread(&c, r, order, out);
  }
}

/* Racks in the order of what is left of them. */
static bool reference(struct world *w, const struct rs_bundles_request *r, rs_node_id *out)
{
  if (!r->topology)
    return reference_in(w, r, 0, out);
  struct {
    uint64_t value;
    int64_t gpu, cpu;
    bool any;
  } racks[3] = {{rs_name_hash("r0"), 0, 0, 0}, {rs_name_hash("r1"), 0, 0, 0}, {rs_name_hash("r2"), 0, 0, 0}};
  for (uint32_t i = 0; i < rs_view_span(w->view); i++)
    for (int k = 0; k < 3; k++) {
      const struct rs_view_node *entry = rs_view_get(w->view, i);
      if (!entry || entry->state != RS_NODE_ALIVE || rs_node_label(entry->info, r->topology) != racks[k].value)
        continue;
      racks[k].any = true;
      racks[k].cpu += entry->left.cpu_e4;
      for (int g = 0; g < entry->left.gpu_count; g++)
        racks[k].gpu += entry->left.gpu_e4[g];
    }
  const struct rs_view_node *held = r->held_count ? rs_view_get(w->view, r->held[0]) : NULL;
  uint64_t only = held ? rs_node_label(held->info, r->topology) : 0;
  for (int turn = 0; turn < 3; turn++) {
    int next = -1;
    for (int k = 0; k < 3; k++)
      if (racks[k].any && (next < 0 || racks[k].gpu < racks[next].gpu ||
                           (racks[k].gpu == racks[next].gpu &&
                            (racks[k].cpu < racks[next].cpu ||
                             (racks[k].cpu == racks[next].cpu && racks[k].value < racks[next].value)))))
        next = k;
    if (next < 0)
      return false;
    racks[next].any = false;
    if ((only == 0 || only == racks[next].value) && reference_in(w, r, racks[next].value, out))
      return true;
  }
  return false;
}

/* ---- the rules ---- */

static void check_rules(struct world *w, const struct rs_bundles_request *r, const rs_node_id *out)
{
  struct cluster c;
  snapshot(&c, w->view, 0);
  uint32_t order[BUNDLES_MAX];
  rs_bundles_sort(r->demands, r->count, order);
  for (uint32_t i = 0; i < r->count; i++) { /* as the raylets will do it: in this order, each into its devices */
    CHECK(out[order[i]] < c.count && c.open[out[order[i]]]);
    CHECK(fits(&c, out[order[i]], &r->demands[order[i]]));
    rs_res_take(&c.left[out[order[i]]], &r->demands[order[i]]);
  }
  for (uint32_t i = 0; i < r->count; i++) {
    for (uint32_t k = 0; k < r->count && k != i; k++)
      CHECK(r->strategy == RS_GROUP_STRICT_PACK     ? out[i] == out[k]
            : r->strategy == RS_GROUP_STRICT_SPREAD ? out[i] != out[k]
                                                    : true);
    for (uint32_t k = 0; k < r->held_count; k++)
      CHECK(r->strategy == RS_GROUP_STRICT_PACK     ? out[i] == r->held[k]
            : r->strategy == RS_GROUP_STRICT_SPREAD ? out[i] != r->held[k]
                                                    : true);
    if (r->topology) {
      uint64_t value = rs_node_label(c.info[out[i]], r->topology);
      CHECK(value != 0 && value == rs_node_label(c.info[out[0]], r->topology));
    }
  }
}

static uint32_t seen[4][2][3];

static void ask(struct world *w, struct rs_bundles *kept)
{
  struct rs_demand demands[BUNDLES_MAX];
  rs_node_id held[2], got[BUNDLES_MAX], wanted[BUNDLES_MAX], fresh_got[BUNDLES_MAX];
  struct rs_bundles_request r = {.demands = demands, .strategy = (uint8_t)below(w, 4), .held = held};
  r.count = 1 + (uint32_t)below(w, below(w, 3) ? 4 : BUNDLES_MAX);
  bool equal = below(w, 2);
  for (uint32_t i = 0; i < r.count; i++) {
    if (i && equal)
      demands[i] = demands[0];
    else
      random_bundle(w, &demands[i]);
    if (r.strategy == RS_GROUP_STRICT_PACK)
      demands[i].select_count = demands[i].fallback_count = 0;
  }
  r.topology = below(w, 3) ? 0 : rs_name_hash("rack");
  if (below(w, 4) == 0 && !r.topology)
    for (uint64_t n = 1 + below(w, 2); n > 0 && r.held_count < 2; n--) {
      rs_node_id node = (rs_node_id)below(w, w->node_count);
      const struct rs_view_node *entry = rs_view_get(w->view, node);
      if (entry && entry->state == RS_NODE_ALIVE && (r.held_count == 0 || (node != held[0] && r.strategy != 2)))
        held[r.held_count++] = node;
    }
  uint64_t work = 0;
  enum rs_pick outcome = rs_bundles_place(kept, w->view, &r, got, &work);
  CHECK_EQ(outcome == RS_PICK_OK, reference(w, &r, wanted));
  seen[r.strategy][r.topology != 0][outcome]++;
  struct rs_bundles *fresh = rs_bundles_new();
  CHECK_EQ(rs_bundles_place(fresh, w->view, &r, fresh_got, &work), outcome);
  rs_bundles_free(fresh);
  if (outcome != RS_PICK_OK)
    return;
  for (uint32_t i = 0; i < r.count; i++) {
    CHECK_EQ(got[i], wanted[i]);
    CHECK_EQ(got[i], fresh_got[i]);
  }
  check_rules(w, &r, got);
}

static void placing_follows_the_definition(void)
{
  for (uint64_t seed = 1; seed <= 150; seed++) {
    struct world w;
    world_begin(&w, seed);
    struct rs_bundles *kept = rs_bundles_new();
    for (int step = 0; step < 60; step++) {
      for (uint64_t changes = below(&w, below(&w, 10) ? 4 : 80); changes > 0; changes--)
        rs_bundles_changed(kept, w.view, world_change(&w));
      ask(&w, kept);
    }
    rs_bundles_free(kept);
    world_end(&w);
  }
  for (int strategy = 0; strategy < 4; strategy++)
    for (int topology = 0; topology < 2; topology++)
      CHECK(seen[strategy][topology][RS_PICK_OK] > 50 && seen[strategy][topology][RS_PICK_LATER] > 50 &&
            seen[strategy][topology][RS_PICK_NEVER] > 10);
}

/* ---- single sentences ---- */

static struct rs_view *machines(uint32_t count, int cpus, int gpus, struct rs_node_info **info)
{
  struct rs_res total = {.cpu_e4 = cpus * RS_ONE_E4, .gpu_count = (uint8_t)gpus};
  for (int i = 0; i < gpus; i++)
    total.gpu_e4[i] = RS_ONE_E4;
  *info = rs_node_info_new(&total);
  struct rs_view *view = rs_view_new();
  for (rs_node_id id = 0; id < count; id++)
    rs_view_set(&view, id, &(struct rs_view_node){.info = *info, .state = RS_NODE_ALIVE, .left = total});
  return view;
}

/* [0.5, 0.5] left of two GPUs is not 0.8 (ray-project/ray #62005): neither for one bundle nor for several. */
static void halves_of_two_gpus_hold_no_larger_bundle(void)
{
  struct rs_node_info *info;
  struct rs_view *view = machines(1, 8, 2, &info);
  struct rs_view_node entry = *rs_view_get(view, 0);
  entry.left.gpu_e4[0] = entry.left.gpu_e4[1] = 5000;
  rs_view_set(&view, 0, &entry);
  struct rs_bundles *state = rs_bundles_new();
  struct rs_demand demands[] = {{.gpu_e4 = 8000}, {.gpu_e4 = 5000}, {.gpu_e4 = 4000}, {.gpu_e4 = 2000}};
  rs_node_id nodes[4];
  uint64_t work = 0;
  for (uint8_t strategy = 0; strategy < 4; strategy++) {
    struct rs_bundles_request one = {.demands = demands, .count = 1, .strategy = strategy};
    CHECK_EQ(rs_bundles_place(state, view, &one, nodes, &work), RS_PICK_LATER);
  }
  struct rs_bundles_request halves = {.demands = &demands[1], .count = 2, .strategy = RS_GROUP_STRICT_PACK};
  CHECK_EQ(rs_bundles_place(state, view, &halves, nodes, &work), RS_PICK_OK);
  halves.count = 3; /* 0.5 + 0.4 + 0.2 is 1.1 */
  CHECK_EQ(rs_bundles_place(state, view, &halves, nodes, &work), RS_PICK_LATER);
  struct rs_demand thirds[] = {
      {.gpu_e4 = 3000}, {.gpu_e4 = 3000}, {.gpu_e4 = 3000}}; /* 0.9 of 1.0, but 0.2 + 0.2 left */
  struct rs_bundles_request three = {.demands = thirds, .count = 3, .strategy = RS_GROUP_STRICT_PACK};
  CHECK_EQ(rs_bundles_place(state, view, &three, nodes, &work), RS_PICK_LATER);
  rs_bundles_free(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

static void pack_takes_few_nodes_and_spread_many(void)
{
  struct rs_node_info *info;
  struct rs_view *view = machines(4, 4, 0, &info);
  struct rs_bundles *state = rs_bundles_new();
  struct rs_demand demands[8];
  for (int i = 0; i < 8; i++)
    demands[i] = (struct rs_demand){.cpu_e4 = RS_ONE_E4};
  rs_node_id nodes[8];
  uint64_t work = 0;
  struct rs_bundles_request r = {.demands = demands, .count = 8};
  CHECK_EQ(rs_bundles_place(state, view, &r, nodes, &work), RS_PICK_OK);
  for (int i = 0; i < 8; i++)
    CHECK_EQ(nodes[i], i / 4);
  r.strategy = RS_GROUP_SPREAD;
  CHECK_EQ(rs_bundles_place(state, view, &r, nodes, &work), RS_PICK_OK);
  int on[4] = {0};
  for (int i = 0; i < 8; i++)
    on[nodes[i]]++;
  CHECK(on[0] == 2 && on[1] == 2 && on[2] == 2 && on[3] == 2);
  r.strategy = RS_GROUP_STRICT_SPREAD;
  CHECK_EQ(rs_bundles_place(state, view, &r, nodes, &work), RS_PICK_NEVER);
  r.strategy = RS_GROUP_STRICT_PACK;
  CHECK_EQ(rs_bundles_place(state, view, &r, nodes, &work), RS_PICK_NEVER);
  rs_bundles_free(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

/* 1,000 groups of four bundles onto clusters of growing size: entries read a group stay the same. */
static uint64_t reads_a_group(uint32_t node_count, uint8_t strategy)
{
  enum { GROUPS = 1000 };
  struct rs_node_info *info;
  struct rs_view *view = machines(node_count, 64, 0, &info);
  struct rs_bundles *state = rs_bundles_new();
  struct rs_demand demands[4] = {
      {.cpu_e4 = RS_ONE_E4}, {.cpu_e4 = RS_ONE_E4}, {.cpu_e4 = 2 * RS_ONE_E4}, {.cpu_e4 = 5000}};
  rs_node_id nodes[4];
  uint64_t work = 0;
  struct rs_bundles_request r = {.demands = demands, .count = 4, .strategy = strategy};
  for (int i = 0; i < GROUPS; i++) {
    CHECK_EQ(rs_bundles_place(state, view, &r, nodes, &work), RS_PICK_OK);
    for (int k = 0; k < 4; k++) {
      struct rs_view_node entry = *rs_view_get(view, nodes[k]);
      rs_res_take(&entry.left, &demands[k]);
      rs_view_set(&view, nodes[k], &entry);
      rs_bundles_changed(state, view, nodes[k]);
    }
  }
  rs_bundles_free(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
  return work / GROUPS;
}

static void reads_a_group_do_not_grow_with_the_cluster(void)
{
  for (uint8_t strategy = 0; strategy < 4; strategy++) {
    uint64_t small = reads_a_group(250, strategy), large = reads_a_group(4000, strategy);
    printf("\n    strategy %u: %" PRIu64 " entries read a group at 250 nodes, %" PRIu64 " at 4,000\n", strategy, small,
           large);
    CHECK(large < small + 16 + 4 * 4000 / 1000); /* each demand's index reads every node once */
    CHECK(small < 64);
  }
}

const struct rs_test rs_tests[] = {
    {"placing follows the definition", placing_follows_the_definition},
    {"halves of two GPUs hold no larger bundle", halves_of_two_gpus_hold_no_larger_bundle},
    {"PACK takes few nodes and SPREAD many", pack_takes_few_nodes_and_spread_many},
    {"reads a group do not grow with the cluster", reads_a_group_do_not_grow_with_the_cluster},
    {0},
};
