/* pack.c -- the most utilised node that still has room, the lowest number among equals.
 *
 * Best fit by the critical resource: it keeps whole nodes free, for large demands and for the autoscaler to end. The
 * candidates are the alive nodes that match the labels and have room now. Deterministic: no random number is drawn.
 *
 * O(log N) for each change since the last question and for the choice.
 */
#include "policy/builtin.h"
#include "policy/index.h"

static uint16_t pack_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                         const struct rs_demand *demand)
{
  (void)opts, (void)demand;
  return (uint16_t)(RS_ONE_E4 - rs_res_utilisation_e4(&entry->left, &entry->info->total));
}

static void *pack_create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  (void)view; /* read at the first pick */
  return rs_index_new(opts, pack_key);
}

static void pack_destroy(void *state)
{
  rs_index_free(state);
}

static void pack_node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  rs_index_changed(state, view, node);
}

static enum rs_pick pack_pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                              struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  const struct rs_shape_index *shape = rs_index_find(state, view, request->demand, work);
  if (rs_shape_available(shape) == 0)
    return rs_index_none(shape, out);
  (void)rng;
  uint16_t key;
  out->node = rs_shape_select(shape, 0, &key);
  out->score_e4 = RS_ONE_E4 - (uint32_t)key;
  return RS_PICK_OK;
}

const struct rs_place_policy rs_policy_pack = {
    .abi_version = RS_POLICY_ABI,
    .name = "pack",
    .doc = "the most utilised node with room (best fit by the critical resource)",
    .create = pack_create,
    .destroy = pack_destroy,
    .node_changed = pack_node_changed,
    .pick = pack_pick,
};
