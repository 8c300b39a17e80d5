/* spread.c -- the least utilised node with room, a random one among equals.
 *
 * Candidates are the alive nodes that match the labels and have room now; the utilisation is that of the critical
 * resource before the task, without a threshold. The local node and the GPU preference play no part.
 *
 * Ray (2.60, spread_scheduling_policy.cc) goes round: it keeps the number of the next node and takes the first one from
 * there that has room. Such a position is a memory that the view does not have, so a policy rebuilt from the view would
 * go on elsewhere. The least utilised node gives the same even spread on equal nodes, because the caller deducts each
 * choice from its view before the next one, and fills unequal nodes in proportion to their size instead of equally.
 * Demands that change no critical resource (GPUs alone, or nothing) spread at random.
 *
 * O(log N) for each change since the last question and for the choice.
 */
#include "policy/builtin.h"
#include "policy/index.h"

static uint16_t spread_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                           const struct rs_demand *demand)
{
  (void)opts, (void)demand;
  return (uint16_t)rs_res_utilisation_e4(&entry->left, &entry->info->total);
}

static void *spread_create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  (void)view; /* read at the first pick */
  return rs_index_new(opts, spread_key);
}

static void spread_destroy(void *state)
{
  rs_index_free(state);
}

static void spread_node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  rs_index_changed(state, view, node);
}

static enum rs_pick spread_pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                                struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  const struct rs_shape_index *shape = rs_index_find(state, view, request->demand, work);
  if (rs_shape_available(shape) == 0)
    return rs_index_none(shape, out);
  uint16_t key;
  rs_shape_select(shape, 0, &key);
  uint32_t equals = rs_shape_below(shape, key + 1u);
  out->node = rs_shape_select(shape, rs_index_draw(rng, equals), &key);
  out->score_e4 = key;
  return RS_PICK_OK;
}

const struct rs_place_policy rs_policy_spread = {
    .abi_version = RS_POLICY_ABI,
    .name = "spread",
    .doc = "the least utilised node with room, at random among equals (for Ray's SPREAD)",
    .create = spread_create,
    .destroy = spread_destroy,
    .node_changed = spread_node_changed,
    .pick = spread_pick,
};
