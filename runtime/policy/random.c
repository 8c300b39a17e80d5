/* random.c -- a uniformly random node among those with room.
 *
 * Candidates are the alive nodes that match the labels and have room now, in order of their numbers. The baseline that
 * every other policy has to beat; Ray has it inside placement groups and tests only. The score is 0.
 *
 * O(log N) for each change since the last question and for the choice.
 */
#include "policy/builtin.h"
#include "policy/index.h"

static uint16_t random_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                           const struct rs_demand *demand)
{
  (void)opts, (void)entry, (void)demand;
  return 0;
}

static void *random_create(const struct rs_view *view, const struct rs_place_opts *opts)
{
  (void)view; /* read at the first pick */
  return rs_index_new(opts, random_key);
}

static void random_destroy(void *state)
{
  rs_index_free(state);
}

static void random_node_changed(void *state, const struct rs_view *view, rs_node_id node)
{
  rs_index_changed(state, view, node);
}

static enum rs_pick random_pick(void *state, const struct rs_view *view, const struct rs_place_request *request,
                                struct rs_rng *rng, struct rs_choice *out, uint64_t *work)
{
  const struct rs_shape_index *shape = rs_index_find(state, view, request->demand, work);
  if (rs_shape_available(shape) == 0)
    return rs_index_none(shape, out);
  uint16_t key;
  out->node = rs_shape_select(shape, rs_index_draw(rng, rs_shape_available(shape)), &key);
  out->score_e4 = 0;
  return RS_PICK_OK;
}

const struct rs_place_policy rs_policy_random = {
    .abi_version = RS_POLICY_ABI,
    .name = "random",
    .doc = "any node with room, uniformly at random",
    .create = random_create,
    .destroy = random_destroy,
    .node_changed = random_node_changed,
    .pick = random_pick,
};
