/* The built-in policies against their definitions: a brute-force reference of each reads every node at every pick, and
 * must choose the same node from the same random stream, through thousands of changes; so must a policy that was
 * created this moment from the same view. */
#include "base/rng.h"
#include "check.h"
#include "policy/builtin.h"
#include "policy/index.h"

#include <stdlib.h>

/* ---- the definitions ---- */

struct candidate {
  uint32_t score_e4;
  rs_node_id node;
};

static int by_score_then_node(const void *a, const void *b)
{
  const struct candidate *x = a, *y = b;
  if (x->score_e4 != y->score_e4)
    return x->score_e4 < y->score_e4 ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

static uint32_t draw(struct rs_rng *rng, uint32_t bound)
{
  return bound > 1 ? (uint32_t)rs_rng_below(rng, bound) : 0;
}

static uint32_t utilisation(const struct rs_view_node *entry)
{
  return rs_res_utilisation_e4(&entry->left, &entry->info->total);
}

enum node_filter { ANY_NODE, WITHOUT_GPUS };

/* The available nodes, in order of their numbers; scores are utilisations. Tells too whether any could ever do. */
static uint32_t available_nodes(const struct rs_view *view, const struct rs_demand *demand, enum node_filter filter,
                                struct candidate *list, bool *feasible)
{
  uint32_t count = 0;
  *feasible = false;
  for (rs_node_id node = 0; node < rs_view_span(view); node++) {
    const struct rs_view_node *entry = rs_view_get(view, node);
    if (!entry || entry->state != RS_NODE_ALIVE || !rs_labels_match(entry->info, demand) ||
        !rs_res_fits(&entry->info->total, demand))
      continue;
    *feasible = true;
    if (rs_res_fits(&entry->left, demand) && !(filter == WITHOUT_GPUS && entry->info->total.gpu_count))
      list[count++] = (struct candidate){utilisation(entry), node};
  }
  return count;
}

static enum rs_pick refuse(bool feasible, struct rs_choice *out)
{
  *out = (struct rs_choice){RS_NODE_NONE, 0};
  return feasible ? RS_PICK_LATER : RS_PICK_NEVER;
}

static enum rs_pick choose(struct candidate chosen, struct rs_choice *out)
{
  *out = (struct rs_choice){chosen.node, chosen.score_e4};
  return RS_PICK_OK;
}

typedef enum rs_pick reference(const struct rs_view *view, const struct rs_place_opts *opts,
                               const struct rs_place_request *request, struct rs_rng *rng, struct candidate *list,
                               struct rs_choice *out);

static enum rs_pick reference_hybrid(const struct rs_view *view, const struct rs_place_opts *opts,
                                     const struct rs_place_request *request, struct rs_rng *rng, struct candidate *list,
                                     struct rs_choice *out)
{
  bool feasible, prefer_cpu_nodes = opts->avoid_gpu_nodes && request->demand->gpu_e4 == 0;
  uint32_t count = prefer_cpu_nodes ? available_nodes(view, request->demand, WITHOUT_GPUS, list, &feasible) : 0;
  if (count == 0)
    count = available_nodes(view, request->demand, ANY_NODE, list, &feasible);
  if (count == 0)
    return refuse(feasible, out);
  for (uint32_t i = 0; i < count; i++)
    if (list[i].score_e4 < opts->spread_threshold_e4)
      list[i].score_e4 = 0;
  qsort(list, count, sizeof *list, by_score_then_node);
  for (uint32_t i = 0; i < count; i++)
    if (list[i].node == opts->local && list[i].score_e4 <= list[0].score_e4)
      return choose(list[i], out);
  uint32_t alive = 0;
  for (rs_node_id node = 0; node < rs_view_span(view); node++)
    alive += rs_view_get(view, node) && rs_view_get(view, node)->state == RS_NODE_ALIVE;
  uint64_t k = (uint64_t)alive * opts->top_k_fraction_e4 / 10000;
  if (k < opts->top_k_absolute)
    k = opts->top_k_absolute;
  if (k < 1)
    k = 1;
  return choose(list[draw(rng, k < count ? (uint32_t)k : count)], out);
}

static enum rs_pick reference_spread(const struct rs_view *view, const struct rs_place_opts *opts,
                                     const struct rs_place_request *request, struct rs_rng *rng, struct candidate *list,
                                     struct rs_choice *out)
{
  (void)opts;
  bool feasible;
  uint32_t count = available_nodes(view, request->demand, ANY_NODE, list, &feasible), equals = 0;
  if (count == 0)
    return refuse(feasible, out);
  qsort(list, count, sizeof *list, by_score_then_node);
  while (equals < count && list[equals].score_e4 == list[0].score_e4)
    equals++;
  return choose(list[draw(rng, equals)], out);
}

static enum rs_pick reference_random(const struct rs_view *view, const struct rs_place_opts *opts,
                                     const struct rs_place_request *request, struct rs_rng *rng, struct candidate *list,
                                     struct rs_choice *out)
{
  (void)opts;
  bool feasible;
  uint32_t count = available_nodes(view, request->demand, ANY_NODE, list, &feasible);
  if (count == 0)
    return refuse(feasible, out);
  return choose((struct candidate){0, list[draw(rng, count)].node}, out);
}

static enum rs_pick reference_pack(const struct rs_view *view, const struct rs_place_opts *opts,
                                   const struct rs_place_request *request, struct rs_rng *rng, struct candidate *list,
                                   struct rs_choice *out)
{
  (void)opts, (void)rng;
  bool feasible;
  uint32_t count = available_nodes(view, request->demand, ANY_NODE, list, &feasible), best = 0;
  if (count == 0)
    return refuse(feasible, out);
  for (uint32_t i = 1; i < count; i++)
    if (list[i].score_e4 > list[best].score_e4)
      best = i;
  return choose(list[best], out);
}

static enum rs_pick reference_locality(const struct rs_view *view, const struct rs_place_opts *opts,
                                       const struct rs_place_request *request, struct rs_rng *rng,
                                       struct candidate *list, struct rs_choice *out)
{
  bool feasible;
  uint32_t count = available_nodes(view, request->demand, ANY_NODE, list, &feasible), best = UINT32_MAX;
  uint64_t best_bytes = 0;
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = 0; j < request->locality_count; j++)
      if (request->locality[j].node == list[i].node && request->locality[j].bytes > best_bytes) {
        best_bytes = request->locality[j].bytes;
        best = i;
      }
  return best != UINT32_MAX ? choose(list[best], out) : reference_hybrid(view, opts, request, rng, list, out);
}

static const struct {
  const struct rs_place_policy *policy;
  reference *reference;
} pairs[] = {
    {&rs_policy_hybrid, reference_hybrid},     {&rs_policy_spread, reference_spread},
    {&rs_policy_random, reference_random},     {&rs_policy_pack, reference_pack},
    {&rs_policy_locality, reference_locality},
};
enum { PAIRS = sizeof pairs / sizeof pairs[0] };

/* ---- random clusters ---- */

enum { TYPES = 6, DEMANDS = 24 };

struct world {
  struct rs_rng rng;
  struct rs_node_info *types[TYPES];
  struct rs_demand demands[DEMANDS]; /* more than the shapes that an index keeps */
  struct rs_view *view;
  uint32_t node_count;
};

static void world_begin(struct world *w, uint64_t seed, uint32_t node_count)
{
  static const char *const zones[] = {"a", "b", "c"};
  rs_rng_seed(&w->rng, seed);
  w->node_count = node_count;
  w->view = rs_view_new();
  for (int i = 0; i < TYPES; i++) {
    struct rs_res total = {.cpu_e4 = (1 + (int64_t)rs_rng_below(&w->rng, 8)) * RS_ONE_E4,
                           .memory_bytes = (int64_t)rs_rng_below(&w->rng, 4) << 30};
    total.gpu_count = i % 2 ? (uint8_t)rs_rng_below(&w->rng, 4) : 0;
    for (int g = 0; g < total.gpu_count; g++)
      total.gpu_e4[g] = RS_ONE_E4;
    if (i % 3 == 0)
      CHECK(rs_res_set_custom(&total, "licence", 20000));
    w->types[i] = rs_node_info_new(&total);
    CHECK(rs_node_info_add_label(w->types[i], "zone", zones[rs_rng_below(&w->rng, 3)]));
  }
  for (int i = 0; i < DEMANDS; i++) {
    struct rs_demand *d = &w->demands[i];
    *d = (struct rs_demand){.cpu_e4 = (int64_t)rs_rng_below(&w->rng, 10) * 2500};
    if (rs_rng_below(&w->rng, 3) == 0)
      d->memory_bytes = (int64_t)rs_rng_below(&w->rng, 3) << 29;
    if (rs_rng_below(&w->rng, 3) == 0)
      d->gpu_e4 = rs_rng_below(&w->rng, 2) ? 10000u * (uint32_t)rs_rng_below(&w->rng, 4) : 5000;
    if (rs_rng_below(&w->rng, 5) == 0)
      CHECK(rs_demand_set_custom(d, "licence", 10000));
    if (rs_rng_below(&w->rng, 3) == 0)
      d->select[d->select_count++] =
          (struct rs_selector){rs_name_hash("zone"), rs_name_hash(zones[rs_rng_below(&w->rng, 3)]),
                               rs_rng_below(&w->rng, 2) ? RS_SELECT_IN : RS_SELECT_NOT_IN, 0};
  }
}

static void world_end(struct world *w)
{
  rs_view_unref(w->view);
  for (int i = 0; i < TYPES; i++) {
    CHECK_EQ(w->types[i]->refs, 1);
    rs_node_info_unref(w->types[i]);
  }
}

/* One change of one node: it comes, goes, drains, or has a random part left. */
static rs_node_id world_change(struct world *w)
{
  rs_node_id node = (rs_node_id)rs_rng_below(&w->rng, w->node_count);
  struct rs_view_node entry = {0};
  const struct rs_view_node *old = rs_view_get(w->view, node);
  if (rs_rng_below(&w->rng, 20)) {
    entry.state = rs_rng_below(&w->rng, 15)  ? RS_NODE_ALIVE
                  : rs_rng_below(&w->rng, 2) ? RS_NODE_DRAINING
                                             : RS_NODE_DEAD;
    entry.info = old && old->info && rs_rng_below(&w->rng, 10) ? old->info : w->types[rs_rng_below(&w->rng, TYPES)];
    entry.left = entry.info->total;
    entry.left.cpu_e4 = (int64_t)rs_rng_below(&w->rng, (uint64_t)entry.left.cpu_e4 / 2500 + 1) * 2500;
    if (entry.left.memory_bytes && rs_rng_below(&w->rng, 2))
      entry.left.memory_bytes /= 4;
    for (int g = 0; g < entry.left.gpu_count; g++)
      entry.left.gpu_e4[g] = (uint16_t)(rs_rng_below(&w->rng, 3) * 5000);
    if (entry.left.custom_count)
      entry.left.custom[0].amount_e4 = (int64_t)rs_rng_below(&w->rng, 3) * 10000;
  }
  rs_view_set(&w->view, node, &entry);
  return node;
}

static struct rs_place_opts random_opts(struct world *w)
{
  static const uint32_t thresholds[] = {0, 5000, 10000}, fractions[] = {0, 500, 2000, 10000};
  return (struct rs_place_opts){.local = rs_rng_below(&w->rng, 3) ? (rs_node_id)rs_rng_below(&w->rng, w->node_count)
                                                                  : RS_NODE_NONE,
                                .spread_threshold_e4 = thresholds[rs_rng_below(&w->rng, 3)],
                                .top_k_fraction_e4 = fractions[rs_rng_below(&w->rng, 4)],
                                .top_k_absolute = 1 + (uint32_t)rs_rng_below(&w->rng, 3),
                                .avoid_gpu_nodes = rs_rng_below(&w->rng, 2)};
}

static void random_request(struct world *w, struct rs_place_request *request)
{
  *request = (struct rs_place_request){.demand = &w->demands[rs_rng_below(&w->rng, DEMANDS)]};
  for (uint64_t n = rs_rng_below(&w->rng, 4); n > 0; n--) {
    request->locality[request->locality_count].node = (rs_node_id)rs_rng_below(&w->rng, w->node_count + 2);
    request->locality[request->locality_count++].bytes = rs_rng_below(&w->rng, 3) << 20;
  }
  /* Sorted as a caller does: most bytes first, then by node; the same node only once. */
  for (uint32_t i = 1; i < request->locality_count; i++)
    for (uint32_t k = i; k > 0; k--) {
      __typeof__(request->locality[0]) a = request->locality[k - 1], b = request->locality[k];
      if (a.bytes > b.bytes || (a.bytes == b.bytes && a.node <= b.node))
        break;
      request->locality[k - 1] = b;
      request->locality[k] = a;
    }
}

/* ---- every policy does what its definition says ---- */

static uint32_t outcomes[PAIRS][3];

static void one_world(uint64_t seed, uint32_t node_count, int picks)
{
  struct world w;
  world_begin(&w, seed, node_count);
  struct candidate *list = malloc(node_count * sizeof *list);
  struct rs_place_opts opts = random_opts(&w);
  void *states[PAIRS];
  uint32_t shapes_used = 1 + (uint32_t)rs_rng_below(&w.rng, DEMANDS);
  for (int p = 0; p < PAIRS; p++)
    states[p] = pairs[p].policy->create(w.view, &opts);
  for (int step = 0; step < picks; step++) {
    /* Now and then so many changes that an index gives up following them. */
    uint32_t changes = (uint32_t)rs_rng_below(&w.rng, rs_rng_below(&w.rng, 30) ? 4 : 3 * node_count + 100);
    struct rs_view *old = rs_rng_below(&w.rng, 4) ? NULL : rs_view_ref(w.view);
    while (changes--) {
      rs_node_id node = world_change(&w);
      for (int p = 0; p < PAIRS; p++)
        pairs[p].policy->node_changed(states[p], w.view, node);
    }
    rs_view_unref(old);
    struct rs_place_request request;
    random_request(&w, &request);
    request.demand = &w.demands[(request.demand - w.demands) % shapes_used];
    for (int p = 0; p < PAIRS; p++) {
      struct rs_rng rng = w.rng, reference_rng = w.rng, fresh_rng = w.rng;
      struct rs_choice got, wanted, fresh_got;
      uint64_t work = 0;
      enum rs_pick outcome = pairs[p].policy->pick(states[p], w.view, &request, &rng, &got, &work);
      enum rs_pick right = pairs[p].reference(w.view, &opts, &request, &reference_rng, list, &wanted);
      CHECK_EQ(outcome, right);
      CHECK_EQ(got.node, wanted.node);
      CHECK_EQ(got.score_e4, wanted.score_e4);
      CHECK(memcmp(&rng, &reference_rng, sizeof rng) == 0);
      outcomes[p][outcome]++;
      if (step % 5 == 0) {
        void *fresh = pairs[p].policy->create(w.view, &opts);
        CHECK_EQ(pairs[p].policy->pick(fresh, w.view, &request, &fresh_rng, &fresh_got, &work), right);
        CHECK(fresh_got.node == wanted.node && fresh_got.score_e4 == wanted.score_e4);
        CHECK(memcmp(&rng, &fresh_rng, sizeof rng) == 0);
        pairs[p].policy->destroy(fresh);
      }
    }
    rs_rng_next(&w.rng);
  }
  for (int p = 0; p < PAIRS; p++)
    pairs[p].policy->destroy(states[p]);
  free(list);
  world_end(&w);
}

static void picks_follow_the_definitions(void)
{
  for (uint64_t seed = 1; seed <= 60; seed++)
    one_world(seed, 1 + (uint32_t)(seed * seed) % 90, 150);
  for (uint64_t seed = 100; seed < 104; seed++)
    one_world(seed, 700, 120);
  for (int p = 0; p < PAIRS; p++)
    for (int outcome = 0; outcome < 3; outcome++)
      CHECK(outcomes[p][outcome] > 100); /* the worlds show every outcome of every policy */
}

/* Nodes join while one demand is not asked about: it must not trust what the list of changes has lost by then. */
static void a_growing_cluster_is_followed(void)
{
  for (uint32_t turn = 0; turn < 40; turn++) {
    struct world w;
    world_begin(&w, 500 + turn, 20);
    struct rs_place_opts opts = random_opts(&w);
    void *states[PAIRS];
    struct candidate *list = malloc(4000 * sizeof *list);
    for (int p = 0; p < PAIRS; p++)
      states[p] = pairs[p].policy->create(w.view, &opts);
    for (int step = 0; step < 12; step++) {
      for (uint32_t changes = 20 + (uint32_t)rs_rng_below(&w.rng, 150); changes > 0; changes--) {
        rs_node_id node = world_change(&w);
        for (int p = 0; p < PAIRS; p++)
          pairs[p].policy->node_changed(states[p], w.view, node);
      }
      w.node_count += (uint32_t)rs_rng_below(&w.rng, 1 + w.node_count / 2);
      struct rs_place_request request = {.demand = &w.demands[step == 0 || step == 11 ? 0 : 1 + step % 2]};
      for (int p = 0; p < PAIRS; p++) {
        struct rs_rng rng = w.rng, reference_rng = w.rng;
        struct rs_choice got, wanted;
        uint64_t work = 0;
        CHECK_EQ(pairs[p].policy->pick(states[p], w.view, &request, &rng, &got, &work),
                 pairs[p].reference(w.view, &opts, &request, &reference_rng, list, &wanted));
        CHECK_EQ(got.node, wanted.node);
      }
    }
    for (int p = 0; p < PAIRS; p++)
      pairs[p].policy->destroy(states[p]);
    free(list);
    world_end(&w);
  }
}

/* ---- the sentences of the definitions, one by one ---- */

static struct rs_view *even_view(struct rs_node_info *info, uint32_t count)
{
  struct rs_view *view = rs_view_new();
  for (rs_node_id node = 0; node < count; node++)
    rs_view_set(&view, node, &(struct rs_view_node){.info = info, .state = RS_NODE_ALIVE, .left = info->total});
  return view;
}

static struct rs_node_info *machine(int cpus, int gpus)
{
  struct rs_res total = {.cpu_e4 = cpus * RS_ONE_E4, .gpu_count = (uint8_t)gpus};
  for (int i = 0; i < gpus; i++)
    total.gpu_e4[i] = RS_ONE_E4;
  return rs_node_info_new(&total);
}

/* Picks, deducts the demand from the view as a raylet does, and says where. */
static rs_node_id pick_and_take(const struct rs_place_policy *policy, void *state, struct rs_view **view,
                                const struct rs_demand *demand, struct rs_rng *rng, uint64_t *work)
{
  struct rs_choice choice;
  struct rs_place_request request = {.demand = demand};
  if (policy->pick(state, *view, &request, rng, &choice, work) != RS_PICK_OK)
    return RS_NODE_NONE;
  struct rs_view_node entry = *rs_view_get(*view, choice.node);
  rs_res_take(&entry.left, demand);
  rs_view_set(view, choice.node, &entry);
  policy->node_changed(state, *view, choice.node);
  return choice.node;
}

static void hybrid_packs_locally_then_spreads(void)
{
  struct rs_node_info *info = machine(4, 0);
  struct rs_view *view = even_view(info, 3);
  struct rs_place_opts opts = {.local = 1, .spread_threshold_e4 = 5000, .top_k_absolute = 1};
  void *state = rs_policy_hybrid.create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  uint64_t work = 0;
  /* Two of four leave node 1 at 0.5, which is no longer below the threshold; then 0 is packed, then 2; from then on the
   * least utilised, the local node first among equals. */
  static const rs_node_id wanted[] = {1, 1, 0, 0, 2, 2, 1, 0, 2, 1, 0, 2, RS_NODE_NONE};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    CHECK_EQ(pick_and_take(&rs_policy_hybrid, state, &view, &cpu, &rng, &work), wanted[i]);
    if (i < 2)
      CHECK_EQ(work, i + 1); /* a local node with room and score 0 is all that is looked at */
  }
  rs_policy_hybrid.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

static void hybrid_keeps_gpu_nodes_for_gpus(void)
{
  struct rs_node_info *plain = machine(2, 0), *gpu = machine(2, 1);
  struct rs_view *view = even_view(gpu, 4);
  rs_view_set(&view, 3, &(struct rs_view_node){.info = plain, .state = RS_NODE_ALIVE, .left = plain->total});
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4}, device = {.gpu_e4 = RS_ONE_E4};
  struct rs_place_opts opts = {.local = 0, .spread_threshold_e4 = 5000, .top_k_absolute = 1, .avoid_gpu_nodes = true};
  void *state = rs_policy_hybrid.create(view, &opts);
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  uint64_t work = 0;
  CHECK_EQ(pick_and_take(&rs_policy_hybrid, state, &view, &cpu, &rng, &work), 3);
  CHECK_EQ(pick_and_take(&rs_policy_hybrid, state, &view, &cpu, &rng, &work), 3);
  CHECK_EQ(pick_and_take(&rs_policy_hybrid, state, &view, &cpu, &rng, &work), 0);    /* no other has room */
  CHECK_EQ(pick_and_take(&rs_policy_hybrid, state, &view, &device, &rng, &work), 1); /* 0 is at 0.5 */
  rs_policy_hybrid.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(plain);
  rs_node_info_unref(gpu);
}

static void hybrid_draws_from_the_best_k(void)
{
  enum { NODES = 50 };
  struct rs_node_info *info = machine(1, 0);
  struct rs_view *view = even_view(info, NODES);
  struct rs_place_opts opts = {
      .local = RS_NODE_NONE, .spread_threshold_e4 = 5000, .top_k_fraction_e4 = 2000, .top_k_absolute = 1};
  void *state = rs_policy_hybrid.create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  struct rs_place_request request = {.demand = &cpu};
  struct rs_rng rng;
  rs_rng_seed(&rng, 9);
  uint32_t seen[NODES] = {0};
  uint64_t work = 0;
  for (int i = 0; i < 10000; i++) {
    struct rs_choice choice;
    CHECK_EQ(rs_policy_hybrid.pick(state, view, &request, &rng, &choice, &work), RS_PICK_OK);
    seen[choice.node]++;
  }
  for (int i = 0; i < NODES; i++) {
    if (i < 10)
      CHECK_NEAR(seen[i], 1000, 150);
    else
      CHECK_EQ(seen[i], 0);
  }
  rs_policy_hybrid.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

static void spread_goes_round_on_equal_nodes(void)
{
  enum { NODES = 20 };
  struct rs_node_info *info = machine(3, 0);
  struct rs_view *view = even_view(info, NODES);
  struct rs_place_opts opts = {.local = 4};
  void *state = rs_policy_spread.create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  struct rs_rng rng;
  rs_rng_seed(&rng, 2);
  uint64_t work = 0;
  for (int round = 0; round < 3; round++) {
    uint32_t seen = 0;
    for (int i = 0; i < NODES; i++)
      seen |= 1u << pick_and_take(&rs_policy_spread, state, &view, &cpu, &rng, &work);
    CHECK_EQ(seen, (1u << NODES) - 1); /* each node once */
  }
  CHECK_EQ(pick_and_take(&rs_policy_spread, state, &view, &cpu, &rng, &work), RS_NODE_NONE);
  rs_policy_spread.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

static void pack_fills_one_node_after_another(void)
{
  struct rs_node_info *info = machine(3, 0);
  struct rs_view *view = even_view(info, 4);
  struct rs_place_opts opts = {.local = 2};
  void *state = rs_policy_pack.create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  uint64_t work = 0;
  for (uint32_t i = 0; i < 12; i++)
    CHECK_EQ(pick_and_take(&rs_policy_pack, state, &view, &cpu, NULL, &work), i / 3);
  rs_policy_pack.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

static void locality_follows_the_bytes(void)
{
  struct rs_node_info *info = machine(1, 0);
  struct rs_view *view = even_view(info, 6);
  struct rs_place_opts opts = {.local = 1, .spread_threshold_e4 = 5000, .top_k_absolute = 1};
  void *state = rs_policy_locality.create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  struct rs_place_request request = {.demand = &cpu, .locality_count = 3};
  request.locality[0].node = 5, request.locality[0].bytes = 300;
  request.locality[1].node = 2, request.locality[1].bytes = 100;
  request.locality[2].node = 4, request.locality[2].bytes = 100;
  static const rs_node_id wanted[] = {5, 2, 4, 1, 0}; /* then hybrid: local, then the lowest number */
  struct rs_rng rng;
  rs_rng_seed(&rng, 2);
  uint64_t work = 0;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    struct rs_choice choice;
    CHECK_EQ(rs_policy_locality.pick(state, view, &request, &rng, &choice, &work), RS_PICK_OK);
    CHECK_EQ(choice.node, wanted[i]);
    struct rs_view_node entry = *rs_view_get(view, choice.node);
    entry.left.cpu_e4 = 0;
    rs_view_set(&view, choice.node, &entry);
    rs_policy_locality.node_changed(state, view, choice.node);
  }
  rs_policy_locality.destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
}

/* ---- the cost ---- */

/* Nodes read a pick, for a stream of picks and returns in a cluster that is nearly full. */
static uint64_t reads_of(const struct rs_place_policy *policy, uint32_t nodes, uint32_t picks)
{
  struct rs_node_info *info = machine(2, 0);
  struct rs_view *view = even_view(info, nodes);
  struct rs_place_opts opts = {.local = 0, .spread_threshold_e4 = 5000, .top_k_fraction_e4 = 2000, .top_k_absolute = 1};
  void *state = policy->create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  rs_node_id *busy = malloc((2 * (size_t)nodes + 1) * sizeof *busy);
  uint32_t busy_count = 0;
  struct rs_rng rng;
  rs_rng_seed(&rng, 4);
  uint64_t work = 0;
  for (uint32_t i = 0; i < picks; i++) {
    rs_node_id node = pick_and_take(policy, state, &view, &cpu, &rng, &work);
    if (node != RS_NODE_NONE)
      busy[busy_count++] = node;
    if (busy_count == 2 * nodes) {
      uint32_t at = (uint32_t)rs_rng_below(&rng, busy_count);
      struct rs_view_node entry = *rs_view_get(view, busy[at]);
      rs_res_give(&entry.left, &info->total, &cpu, 0);
      rs_view_set(&view, busy[at], &entry);
      policy->node_changed(state, view, busy[at]);
      busy[at] = busy[--busy_count];
    }
  }
  free(busy);
  policy->destroy(state);
  rs_view_unref(view);
  rs_node_info_unref(info);
  return work;
}

static void reads_a_pick_do_not_grow_with_the_cluster(void)
{
  for (int p = 0; p < PAIRS; p++) {
    uint64_t small = reads_of(pairs[p].policy, 100, 200000), large = reads_of(pairs[p].policy, 10000, 200000);
    CHECK(small >= 200000 / 2);
    CHECK(large * 10 <= small * 12);
  }
}

static void a_full_cluster_without_changes_costs_nothing(void)
{
  enum { NODES = 1000 };
  struct rs_node_info *info = machine(1, 0);
  struct rs_view *view = even_view(info, NODES);
  for (rs_node_id node = 0; node < NODES; node++)
    rs_view_set(&view, node, &(struct rs_view_node){.info = info, .state = RS_NODE_ALIVE});
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4}, wide = {.cpu_e4 = 2 * RS_ONE_E4};
  for (int p = 0; p < PAIRS; p++) {
    struct rs_place_opts opts = {.local = 7, .top_k_absolute = 1};
    void *state = pairs[p].policy->create(view, &opts);
    struct rs_rng rng;
    rs_rng_seed(&rng, 4);
    struct rs_choice choice;
    for (int i = 0; i < 100; i++) {
      uint64_t work = 0;
      struct rs_place_request request = {.demand = i % 2 ? &wide : &cpu};
      CHECK_EQ(pairs[p].policy->pick(state, view, &request, &rng, &choice, &work),
               i % 2 ? RS_PICK_NEVER : RS_PICK_LATER);
      CHECK_EQ(choice.node, RS_NODE_NONE);
      CHECK(i < 2 || work <= 1);
    }
    pairs[p].policy->destroy(state);
  }
  rs_view_unref(view);
  rs_node_info_unref(info);
}

/* Told of every version or of the last one only: the same choice, and the same work is charged. */
static void versions_between_cost_nothing(void)
{
  enum { NODES = 6, VERSIONS = 200 };
  struct rs_node_info *info = machine(4, 0);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4};
  for (int p = 0; p < PAIRS; p++) {
    struct rs_view *view = even_view(info, NODES);
    struct rs_place_opts opts = {.local = 0, .spread_threshold_e4 = 5000, .top_k_absolute = 1};
    void *state[2];
    struct rs_choice choice[2];
    struct rs_place_request request = {.demand = &cpu};
    for (int round = 0; round < 3; round++) {
      uint64_t work[2] = {0, 0};
      for (int i = 0; i < 2; i++) {
        struct rs_rng rng;
        rs_rng_seed(&rng, 4);
        if (round == 0)
          state[i] = pairs[p].policy->create(view, &opts);
        CHECK_EQ(pairs[p].policy->pick(state[i], view, &request, &rng, &choice[i], &work[i]), RS_PICK_OK);
      }
      CHECK_EQ(choice[0].node, choice[1].node);
      CHECK_EQ(work[0], work[1]);
      for (uint32_t i = 0; i <= VERSIONS; i++) { /* nodes 0 and 1 lose a CPU and have it back, and lose it in the end */
        rs_node_id node = i % 2;
        struct rs_view_node entry = *rs_view_get(view, node);
        if (i / 2 % 2)
          rs_res_give(&entry.left, &info->total, &cpu, 0);
        else
          rs_res_take(&entry.left, &cpu);
        rs_view_set(&view, node, &entry);
        pairs[p].policy->node_changed(state[0], view, node);
      }
      pairs[p].policy->node_changed(state[1], view, 0);
      pairs[p].policy->node_changed(state[1], view, 1);
    }
    for (int i = 0; i < 2; i++)
      pairs[p].policy->destroy(state[i]);
    rs_view_unref(view);
  }
  rs_node_info_unref(info);
}

/* ---- the table ---- */

/* A soft condition is a fallback: the nodes that match come first, others only while these have no room. */
static void label_alternatives_are_taken_in_order(void)
{
  struct rs_node_info *plain = machine(2, 0), *marked = machine(2, 0);
  CHECK(rs_node_info_add_label(marked, "disk", "ssd"));
  struct rs_view *view = even_view(plain, 6);
  for (rs_node_id node = 4; node < 6; node++)
    rs_view_set(&view, node, &(struct rs_view_node){.info = marked, .state = RS_NODE_ALIVE, .left = marked->total});
  struct rs_demand demand = {.cpu_e4 = RS_ONE_E4};
  CHECK(rs_demand_add_select(&demand, 0, "disk", RS_SELECT_IN, "ssd"));
  demand.fallback_count = 1;
  for (int p = 0; rs_place_policies[p]; p++) {
    const struct rs_place_policy *policy = rs_place_policies[p];
    struct rs_place_opts opts = {.local = 0, .spread_threshold_e4 = 5000, .top_k_absolute = 1};
    struct rs_view *now = rs_view_ref(view);
    void *state = policy->create(now, &opts);
    struct rs_rng rng;
    rs_rng_seed(&rng, 1);
    uint64_t work = 0;
    for (int i = 0; i < 13; i++) {
      struct rs_choice choice;
      struct rs_place_request request = {.demand = &demand};
      enum rs_pick outcome = rs_place_pick(policy, state, now, &request, &rng, &choice, &work);
      CHECK_EQ(outcome, i < 12 ? RS_PICK_OK : RS_PICK_LATER);
      if (outcome != RS_PICK_OK)
        break;
      CHECK_EQ(choice.node >= 4, i < 4);
      struct rs_view_node entry = *rs_view_get(now, choice.node);
      rs_res_take(&entry.left, &demand);
      rs_view_set(&now, choice.node, &entry);
      policy->node_changed(state, now, choice.node);
    }
    demand.cpu_e4 = 3 * RS_ONE_E4;
    struct rs_choice choice;
    struct rs_place_request request = {.demand = &demand};
    CHECK_EQ(rs_place_pick(policy, state, now, &request, &rng, &choice, &work), RS_PICK_NEVER);
    demand.cpu_e4 = RS_ONE_E4;
    policy->destroy(state);
    rs_view_unref(now);
  }
  rs_view_unref(view);
  rs_node_info_unref(plain);
  rs_node_info_unref(marked);
}

static void policies_are_found_by_name(void)
{
  static const char *const names[] = {"hybrid", "spread", "random", "pack", "locality"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct rs_place_policy *policy = rs_place_policy_by_name(names[i]);
    CHECK(policy != NULL);
    CHECK_STR(policy->name, names[i]);
    CHECK(rs_place_policy_check(policy) == NULL);
    CHECK(rs_place_policies[i] == policy);
  }
  CHECK(rs_place_policies[sizeof names / sizeof *names] == NULL);
  CHECK(!rs_place_policy_by_name("hybri") && !rs_place_policy_by_name("") && !rs_place_policy_by_name(NULL));
}

static void broken_policies_are_told_apart(void)
{
  struct rs_place_policy p = rs_policy_pack;
  CHECK(rs_place_policy_check(NULL) != NULL);
#define BROKEN(change, word)                                                                                           \
  do {                                                                                                                 \
    p = rs_policy_pack;                                                                                                \
    change;                                                                                                            \
    CHECK(rs_place_policy_check(&p) && strstr(rs_place_policy_check(&p), word));                                       \
  } while (0)
  BROKEN(p.abi_version++, "abi_version");
  BROKEN(p.name = NULL, "name");
  BROKEN(p.name = "", "name");
  BROKEN(p.doc = NULL, "doc");
  BROKEN(p.create = NULL, "create");
  BROKEN(p.destroy = NULL, "destroy");
  BROKEN(p.node_changed = NULL, "node_changed");
  BROKEN(p.pick = NULL, "pick");
}

const struct rs_test rs_tests[] = {
    {"picks follow the definitions", picks_follow_the_definitions},
    {"a growing cluster is followed", a_growing_cluster_is_followed},
    {"hybrid packs locally, then spreads", hybrid_packs_locally_then_spreads},
    {"hybrid keeps GPU nodes for GPUs", hybrid_keeps_gpu_nodes_for_gpus},
    {"hybrid draws from the best k", hybrid_draws_from_the_best_k},
    {"spread goes round on equal nodes", spread_goes_round_on_equal_nodes},
    {"pack fills one node after another", pack_fills_one_node_after_another},
    {"locality follows the bytes", locality_follows_the_bytes},
    {"reads a pick do not grow with the cluster", reads_a_pick_do_not_grow_with_the_cluster},
    {"a full cluster without changes costs nothing", a_full_cluster_without_changes_costs_nothing},
    {"versions between cost nothing", versions_between_cost_nothing},
    {"label alternatives are taken in order", label_alternatives_are_taken_in_order},
    {"policies are found by name", policies_are_found_by_name},
    {"broken policies are told apart", broken_policies_are_told_apart},
    {0},
};
