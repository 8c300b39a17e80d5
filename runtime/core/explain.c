/* explain.c -- what each node says to a demand that waits: the policy's own answer about a cluster of that node alone.
 *
 * A node that the policy takes fits; one that it does not take is looked at closer: labels, what it has in all, what is
 * left. So the verdict is the policy's, and only its reason is found here, by the functions that policies use
 * themselves. O(nodes).
 */
#include "core/state.h"

struct lack {
  enum rs_resource resource;
  uint64_t need, have;
  uint64_t custom; /* its name */
};

static int64_t custom_of(const struct rs_res *res, uint64_t name)
{
  for (unsigned i = 0; i < res->custom_count; i++)
    if (res->custom[i].name == name)
      return res->custom[i].amount_e4;
  return 0;
}

/* The first resource that is too little; need and have in 1e-4 or bytes. For GPUs `have` is the sum of the devices. */
static struct lack lack_of(const struct rs_res *res, const struct rs_demand *d)
{
  if (res->cpu_e4 < d->cpu_e4)
    return (struct lack){RS_RESOURCE_CPU, (uint64_t)d->cpu_e4, (uint64_t)res->cpu_e4, 0};
  if (res->memory_bytes < d->memory_bytes)
    return (struct lack){RS_RESOURCE_MEMORY, (uint64_t)d->memory_bytes, (uint64_t)res->memory_bytes, 0};
  if (res->store_bytes < d->store_bytes)
    return (struct lack){RS_RESOURCE_STORE, (uint64_t)d->store_bytes, (uint64_t)res->store_bytes, 0};
  for (unsigned i = 0; i < d->custom_count; i++) {
    int64_t have = custom_of(res, d->custom[i].name);
    if (have < d->custom[i].amount_e4)
      return (struct lack){RS_RESOURCE_CUSTOM, (uint64_t)d->custom[i].amount_e4, (uint64_t)have, d->custom[i].name};
  }
  if (d->gpu_e4 && !rs_res_fits(res, d)) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < res->gpu_count; i++)
      sum += res->gpu_e4[i];
    return (struct lack){RS_RESOURCE_GPU, d->gpu_e4, sum, 0};
  }
  return (struct lack){RS_RESOURCE_NONE, 0, 0, 0};
}

/* What the policy says of this node alone. */
static enum rs_pick ask_policy(const struct rs_explain *x, const struct rs_view_node *entry, rs_node_id node,
                               uint32_t *score_e4)
{
  bool spread = x->strategy == RS_STRATEGY_SPREAD;
  const struct rs_place_policy *policy = spread ? rs_place_policy_by_name("spread") : x->config->policy;
  struct rs_place_opts opts = {.local = x->local,
                               .spread_threshold_e4 = (uint32_t)x->config->scheduler_spread_threshold_e4,
                               .top_k_fraction_e4 = (uint32_t)x->config->scheduler_top_k_fraction_e4,
                               .top_k_absolute = (uint32_t)x->config->scheduler_top_k_absolute,
                               .avoid_gpu_nodes = x->config->scheduler_avoid_gpu_nodes != 0};
  struct rs_view *alone = rs_view_new();
  rs_view_set(&alone, node, entry);
  void *state = policy->create(alone, &opts);
  struct rs_place_request request = {.demand = x->demand};
  struct rs_choice choice = {RS_NODE_NONE, 0};
  struct rs_rng rng; /* of its own: to be asked must change nothing */
  uint64_t work = 0;
  rs_rng_seed(&rng, 1);
  enum rs_pick pick = rs_place_pick(policy, state, alone, &request, &rng, &choice, &work);
  policy->destroy(state);
  rs_view_unref(alone);
  *score_e4 = choice.score_e4;
  return pick;
}

static enum rs_verdict verdict_of(const struct rs_explain *x, rs_node_id node, const struct rs_view_node *entry,
                                  struct lack *lack, uint32_t *score_e4)
{
  *lack = (struct lack){RS_RESOURCE_NONE, 0, 0, 0};
  *score_e4 = 0;
  if (entry->state == RS_NODE_DRAINING)
    return RS_VERDICT_DRAINING;
  if (x->strategy == RS_STRATEGY_NODE_AFFINITY && node != x->target)
    return RS_VERDICT_AFFINITY;
  bool affine = x->strategy == RS_STRATEGY_NODE_AFFINITY; /* then no policy is asked */
  if (affine ? rs_node_feasible(entry->info, x->demand) && rs_res_fits(&entry->left, x->demand)
             : ask_policy(x, entry, node, score_e4) == RS_PICK_OK)
    return RS_VERDICT_FITS;
  if (!rs_labels_match(entry->info, x->demand))
    return RS_VERDICT_LABELS;
  *lack = lack_of(&entry->info->total, x->demand);
  if (lack->resource != RS_RESOURCE_NONE)
    return RS_VERDICT_INFEASIBLE;
  *lack = lack_of(&entry->left, x->demand);
  return lack->resource != RS_RESOURCE_NONE ? RS_VERDICT_BUSY : RS_VERDICT_POLICY;
}

void rs_explain_nodes(const struct rs_explain *x, const struct rs_view *view, struct rs_answer *answer)
{
  uint32_t span = rs_view_span(view);
  for (rs_node_id node = 0; node < span; node++) {
    const struct rs_view_node *entry = rs_view_get(view, node);
    if (!entry || entry->state == RS_NODE_DEAD)
      continue;
    struct lack lack;
    uint32_t score_e4;
    enum rs_verdict verdict = verdict_of(x, node, entry, &lack, &score_e4);
    struct rs_row *row = rs_row_new(RS_STATE_VERDICTS, RS_COLS(verdicts), 0);
    row->n[RS_COL(verdicts, node)] = node;
    row->n[RS_COL(verdicts, verdict)] = verdict;
    row->n[RS_COL(verdicts, resource)] = lack.resource;
    row->n[RS_COL(verdicts, custom)] = lack.custom;
    row->n[RS_COL(verdicts, need)] = lack.need;
    row->n[RS_COL(verdicts, have)] = lack.have;
    row->n[RS_COL(verdicts, score)] = score_e4;
    row->n[RS_COL(verdicts, queued)] = entry->queued;
    rs_answer_add(answer, row);
  }
}
