/* bundles.h -- on which nodes the bundles of a placement group go: Ray's four strategies, and within one value of a
 * label.
 *
 * All bundles of a request get a node or none does. The state is only a cache of the view (an index by score), as that
 * of the placement policies: a fresh one decides the same. Pure and deterministic: no random number, ties go to the
 * lower node number. Not thread-safe.
 */
#ifndef RS_POLICY_BUNDLES_H
#define RS_POLICY_BUNDLES_H

#include "policy/policy.h"

/* Ray's names and meaning. */
enum rs_group_strategy {
  RS_GROUP_PACK,         /* on as few nodes as the scores allow; several where one is not enough */
  RS_GROUP_SPREAD,       /* on different nodes while there are any, then again on these */
  RS_GROUP_STRICT_PACK,  /* all on one node */
  RS_GROUP_STRICT_SPREAD /* each on a node of its own */
};

struct rs_bundles_request {
  const struct rs_demand *demands; /* of the bundles to place; without a group of their own */
  uint32_t count;                  /* 1 .. RS_GROUP_BUNDLES_MAX */
  uint8_t strategy;                /* enum rs_group_strategy */
  uint64_t topology;               /* key of a label: all bundles on nodes with one value of it; 0: anywhere */
  const rs_node_id *held;          /* nodes of the group's other bundles, that have their place already */
  uint32_t held_count;
};

struct rs_bundles;

struct rs_bundles *rs_bundles_new(void);
void rs_bundles_free(struct rs_bundles *bundles); /* NULL is fine */

/* The entry of `node` may have changed; `view` is the version that later requests will be asked about. */
void rs_bundles_changed(struct rs_bundles *bundles, const struct rs_view *view, rs_node_id node);

/* OK: nodes[i] is the node of demands[i], and all of them fit together. LATER: not now. NEVER: no node of this view
 * could ever hold some bundle (or all of them, for STRICT_PACK), or there are fewer nodes than STRICT_SPREAD needs. On
 * LATER and NEVER nodes[] is undefined. work += entries of the view that were read. */
enum rs_pick rs_bundles_place(struct rs_bundles *bundles, struct rs_view *view,
                              const struct rs_bundles_request *request, rs_node_id *nodes, uint64_t *work);

/* Ray's order of placing: by GPUs, custom resources (by name), object store, memory, CPUs, each descending; then the
 * lower index. Fills order[0 .. count) with indices. */
void rs_bundles_sort(const struct rs_demand *demands, uint32_t count, uint32_t *order);

/* Ray's score of a node for a demand that fits there: the sum over what is asked for of (left - asked) / left, in units
 * of 1/8000, each part truncated. The highest wins. 0 .. 64000. */
uint32_t rs_bundles_score(const struct rs_res *left, const struct rs_demand *demand);

/* What a bundle that was given these devices of a node with gpu_count of them holds, as an amount of its own. */
void rs_bundles_total(const struct rs_demand *bundle, rs_gpu_mask devices, uint8_t gpu_count, struct rs_res *out);

/* Could a lease that asks for this ever be drawn from the bundle? Labels are not looked at. */
bool rs_bundles_could_hold(const struct rs_demand *bundle, const struct rs_demand *demand);

#endif
