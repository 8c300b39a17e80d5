/* hybrid.c -- Ray's default policy: pack up to a threshold, then spread, with a preference for the local node.
 *
 * A node's score is the utilisation of its critical resource before the task, and 0 below spread_threshold. Candidates
 * are the alive nodes that match the labels and have room now. While avoid_gpu_nodes is set and the demand asks for no
 * GPU, nodes with GPUs are candidates only where there is no other. Among the candidates:
 *   1. the local node, if its score is the best one (ties included);
 *   2. otherwise a random one of the k best by (score, node number), k = max(top_k_absolute, top_k_fraction x alive
 *      nodes), at least 1, cut at the number of candidates.
 * Without a candidate the answer is LATER where some alive node could ever hold the demand, NEVER otherwise.
 *
 * After Ray 2.60, src/ray/raylet/scheduling/policy/hybrid_scheduling_policy.h. Departures: Ray falls back to a random
 * one of the k best feasible nodes without room and queues the task there; here the caller keeps it (LATER) and asks
 * again when the view changes. Ray breaks ties by its random node ids, we by node number. k counts alive nodes.
 *
 * A local node with the best possible score is taken without any look at the others: a raylet that has room never
 * builds an index. Otherwise O(log N) for each change since the last question and for the choice.
 */
#include "policy/builtin.h"
#include "policy/index.h"

static uint16_t hybrid_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                           const struct rs_demand *demand)
{
  uint32_t score_e4 = rs_res_utilisation_e4(&entry->left, &entry->info->total);
  if (score_e4 < opts->spread_threshold_e4)
    score_e4 = 0;
  if (opts->avoid_gpu_nodes && demand->gpu_e4 == 0 && entry->info->total.gpu_count > 0)
    score_e4 |= RS_INDEX_SECOND;
  return (uint16_t)score_e4;
}

static void *hybrid_create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  (void)view; /* read at the first pick that needs it */
  return rs_index_new(opts, hybrid_key);
}

static void hybrid_destroy(void *state)
{
  rs_index_free(state);
}

static void hybrid_node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  rs_index_changed(state, view, node);
}

static enum rs_pick hybrid_pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                                struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  const struct rs_place_opts *opts = rs_index_opts(state);
  uint32_t local_key = UINT32_MAX; /* no candidate */
  if (opts->local != RS_NODE_NONE) {
    const struct rs_view_node *entry = rs_view_get(view, opts->local);
    ++*work;
    if (rs_index_available(entry, request->demand))
      local_key = hybrid_key(opts, entry, request->demand);
  }
  if (local_key == 0) {
    *out = (struct rs_choice){opts->local, 0};
    return RS_PICK_OK;
  }

  const struct rs_shape_index *shape = rs_index_find(state, view, request->demand, work);
  uint32_t available = rs_shape_available(shape);
  if (available == 0)
    return rs_index_none(shape, out);
  uint16_t key;
  rs_node_id node;
  if (local_key != UINT32_MAX) {
    rs_shape_select(shape, 0, &key);
    if (local_key <= key) {
      *out = (struct rs_choice){opts->local, local_key & ~RS_INDEX_SECOND};
      return RS_PICK_OK;
    }
  }
  uint32_t candidates = rs_shape_first(shape) ? rs_shape_first(shape) : available;
  uint64_t k = (uint64_t)rs_view_alive(view) * opts->top_k_fraction_e4 / 10000;
  k = k > opts->top_k_absolute ? k : opts->top_k_absolute;
  k = k > 1 ? k : 1;
  node = rs_shape_select(shape, rs_index_draw(rng, k < candidates ? (uint32_t)k : candidates), &key);
  *out = (struct rs_choice){node, key & ~RS_INDEX_SECOND};
  return RS_PICK_OK;
}

const struct rs_place_policy rs_policy_hybrid = {
    .abi_version = RS_POLICY_ABI,
    .name = "hybrid",
    .doc = "pack to a threshold, then spread; local node first; random among the best k (Ray's default)",
    .create = hybrid_create,
    .destroy = hybrid_destroy,
    .node_changed = hybrid_node_changed,
    .pick = hybrid_pick,
};
