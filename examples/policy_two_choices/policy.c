/* policy.c -- an external placement policy: the better of two random nodes.
 *
 * It looks at two nodes drawn at random and takes the one with room that is less utilised (the lower number among
 * equals); where neither has room it draws again, PROBES times in all, and then walks once round the view from a random
 * node. After Mitzenmacher, "The power of two choices in randomized load balancing" (2001); Sparrow places tasks this
 * way.
 *
 * It keeps nothing but the options, so a policy created at any moment decides the same. Expected O(1) entries a pick
 * while a good part of the cluster has room, O(N) in a full one.
 *
 * The library brings its own copy of the pure functions that it uses (librs_core.a) and exports one symbol, rs_policy.
 */
#include "policy/policy.h"
#include "base/alloc.h"

enum { PROBES = 4 }; /* pairs */

static void *create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  (void)view;
  return rs_memdup(opts, sizeof *opts);
}

static void destroy(void *state)
{
  free(state);
}

static void node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  (void)state, (void)view, (void)node; /* there is no cache to update */
}

/* Reads one node; true where it has room, with its utilisation. */
static bool has_room(const struct rs_view *view, rs_node_id node, const struct rs_demand *demand, uint32_t *score_e4,
                     bool *feasible, uint64_t *work)
{
  const struct rs_view_node *entry = rs_view_get(view, node);
  ++*work;
  if (!entry || entry->state != RS_NODE_ALIVE || !rs_node_feasible(entry->info, demand))
    return false;
  *feasible = true;
  if (!rs_res_fits(&entry->left, demand))
    return false;
  *score_e4 = rs_res_utilisation_e4(&entry->left, &entry->info->total);
  return true;
}

static enum rs_pick pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                         struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  (void)state;
  uint32_t span = rs_view_span(view);
  bool feasible = false;
  *out = (struct rs_choice){RS_NODE_NONE, 0};
  for (int probe = 0; span > 0 && probe < PROBES && out->node == RS_NODE_NONE; probe++)
    for (int i = 0; i < 2; i++) {
      rs_node_id node = (rs_node_id)rs_rng_below(rng, span);
      uint32_t score_e4;
      if (!has_room(view, node, request->demand, &score_e4, &feasible, work))
        continue;
      if (out->node == RS_NODE_NONE || score_e4 < out->score_e4 || (score_e4 == out->score_e4 && node < out->node))
        *out = (struct rs_choice){node, score_e4};
    }
  if (out->node != RS_NODE_NONE)
    return RS_PICK_OK;

  rs_node_id start = span > 0 ? (rs_node_id)rs_rng_below(rng, span) : 0;
  for (uint32_t i = 0; i < span; i++) {
    rs_node_id node = (rs_node_id)(((uint64_t)start + i) % span);
    uint32_t score_e4;
    if (has_room(view, node, request->demand, &score_e4, &feasible, work)) {
      *out = (struct rs_choice){node, score_e4};
      return RS_PICK_OK;
    }
  }
  return feasible ? RS_PICK_LATER : RS_PICK_NEVER;
}

__attribute__((visibility("default"))) const struct rs_place_policy rs_policy = {
    .abi_version = RS_POLICY_ABI,
    .name = "two-choices",
    .doc = "the less utilised of two random nodes with room (Mitzenmacher 2001)",
    .create = create,
    .destroy = destroy,
    .node_changed = node_changed,
    .pick = pick,
};
