/* index.h -- the built-in policies' cache of the view: for each demand shape, the nodes that have room, in order.
 *
 * A policy gives each node a key (lower is better). The index keeps, for up to RS_INDEX_SHAPES demands that were asked
 * about last, the available nodes ordered by (key, node number), and the number of feasible ones. It holds nothing that
 * the view does not tell: a fresh index of the same view answers the same.
 *
 * Costs at N nodes: rs_index_changed O(1), it reads no entry. rs_index_find reads each node that changed since that
 * shape's last question once, O(log N) each; a shape seen for the first time (or not for more than N changes) reads all
 * nodes. 16 bytes a node and shape, and 4 bytes a node for the list of changes. Not thread-safe.
 */
#ifndef RS_POLICY_INDEX_H
#define RS_POLICY_INDEX_H

#include "policy/policy.h"

#define RS_INDEX_SHAPES 16

/* The upper half of the keys is the second choice: used only while no node has a key below. */
#define RS_INDEX_SECOND 0x8000u

/* The key of an available node, a pure function of its arguments. */
typedef uint16_t rs_index_key(const struct rs_place_opts *opts, const struct rs_view_node *entry,
                              const struct rs_demand *demand);

struct rs_index;
struct rs_shape_index;

struct rs_index *rs_index_new(const struct rs_place_opts *opts, rs_index_key *key);
void rs_index_free(struct rs_index *index);
const struct rs_place_opts *rs_index_opts(const struct rs_index *index);
void rs_index_changed(struct rs_index *index, const struct rs_view *view, rs_node_id node);

/* The nodes for a demand, up to date with the view. Valid until the next call. work += entries read. */
const struct rs_shape_index *rs_index_find(struct rs_index *index, const struct rs_view *view,
                                           const struct rs_demand *demand, uint64_t *work);

uint32_t rs_shape_feasible(const struct rs_shape_index *shape);  /* alive nodes that could ever hold the demand */
uint32_t rs_shape_available(const struct rs_shape_index *shape); /* those with room now */
uint32_t rs_shape_first(const struct rs_shape_index *shape);     /* available nodes with a key < RS_INDEX_SECOND */
uint32_t rs_shape_below(const struct rs_shape_index *shape, uint32_t key); /* with a key < `key`; O(log N) */

/* The available node at this place of the order, rank < rs_shape_available; O(log N). */
rs_node_id rs_shape_select(const struct rs_shape_index *shape, uint32_t rank, uint16_t *key);

/* Has this node room now, straight from its entry (NULL: it is absent)? Alive, labels match, fits. */
bool rs_index_available(const struct rs_view_node *entry, const struct rs_demand *demand);

/* LATER or NEVER, and no node in *out: for a shape without an available node. */
enum rs_pick rs_index_none(const struct rs_shape_index *shape, struct rs_choice *out);

/* A number below `bound`; draws from the stream only where there is a choice (bound > 1). */
uint32_t rs_index_draw(struct rs_rng *rng, uint32_t bound);

#endif
