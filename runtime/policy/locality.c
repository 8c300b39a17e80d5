/* locality.c -- the node that already holds most of the task's argument bytes, if it has room; else as hybrid.
 *
 * Among the nodes that the request names with more than 0 bytes and that are alive, match the labels and have room now:
 * the one with most bytes, the lowest number among equals. Its score is the utilisation of its critical resource. Ray
 * does this in the owner (locality-aware leasing: it asks the raylet with most bytes first) and then lets that raylet's
 * hybrid policy decide; as a policy it also holds for a raylet and for the GCS.
 *
 * O(RS_LOCALITY_MAX) entries read, then hybrid's cost where none of them has room.
 */
#include "policy/builtin.h"
#include "policy/index.h"

static void *locality_create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  return rs_policy_hybrid.create(view, opts);
}

static void locality_destroy(void *state)
{
  rs_policy_hybrid.destroy(state);
}

static void locality_node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  rs_policy_hybrid.node_changed(state, view, node);
}

static enum rs_pick locality_pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                                  struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  uint64_t most_bytes = 0;
  *out = (struct rs_choice){RS_NODE_NONE, 0};
  for (uint32_t i = 0; i < request->locality_count; i++) {
    rs_node_id node = request->locality[i].node;
    uint64_t bytes = request->locality[i].bytes;
    if (bytes == 0 || bytes < most_bytes || (bytes == most_bytes && node > out->node))
      continue;
    const struct rs_view_node *entry = rs_view_get(view, node);
    ++*work;
    if (rs_index_available(entry, request->demand)) {
      *out = (struct rs_choice){node, rs_res_utilisation_e4(&entry->left, &entry->info->total)};
      most_bytes = bytes;
    }
  }
  return most_bytes ? RS_PICK_OK : rs_policy_hybrid.pick(state, view, request, rng, out, work);
}

const struct rs_place_policy rs_policy_locality = {
    .abi_version = RS_POLICY_ABI,
    .name = "locality",
    .doc = "the node with most argument bytes if it has room, else as hybrid (after Ray's locality-aware leasing)",
    .create = locality_create,
    .destroy = locality_destroy,
    .node_changed = locality_node_changed,
    .pick = locality_pick,
};
