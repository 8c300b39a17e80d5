/* view.h -- the cluster resource view: an immutable, reference-counted version of what every node has left.
 *
 * A copy-on-write tree of node entries by node index: a version is a pointer, a change copies the path to one entry (in
 * place where nobody else holds it). In a simulation all raylets share the GCS's versions by pointer; on sockets each
 * builds its own from deltas. Same content, same decisions.
 *
 * Costs at N nodes: get O(log N) with fan-out 32, set O(log N) and one path copy at most, diff O(changes x log N).
 * Not thread-safe: references are taken under the lock of the process.
 */
#ifndef RS_POLICY_VIEW_H
#define RS_POLICY_VIEW_H

#include "policy/resources.h"

typedef uint32_t rs_node_id;
#define RS_NODE_NONE UINT32_MAX

enum rs_node_state { RS_NODE_ABSENT, RS_NODE_ALIVE, RS_NODE_DRAINING, RS_NODE_DEAD };

struct rs_view_node {
  struct rs_node_info *info; /* NULL while absent; the view holds a reference */
  uint64_t raylet;           /* the raylet's address (an rs_addr of core/types.h) */
  uint32_t report_seq;       /* number of the node's report that this entry shows */
  uint32_t queued;           /* leases that wait there */
  uint8_t state;             /* enum rs_node_state */
  struct rs_res left;
};

struct rs_view; /* a version */

struct rs_view *rs_view_new(void); /* empty, one reference */
struct rs_view *rs_view_ref(struct rs_view *view);
void rs_view_unref(struct rs_view *view); /* NULL is fine */

uint32_t rs_view_span(const struct rs_view *view);       /* one more than the highest node index ever set */
uint32_t rs_view_alive(const struct rs_view *view);      /* nodes in state ALIVE */
uint64_t rs_view_wire_bytes(const struct rs_view *view); /* all entries on the wire, without a message's fixed part */

/* Bytes of one entry in a VIEW message, as the codec writes it: node 4, raylet 8, report_seq 4, queued 4, state 1, what
 * is left, a flag 1, and with its info node_type 4, the total, a count 1 and 16 a label. An amount of everything takes
 * 1, 8 for each of CPU, memory and store that is not 0, and where there are any 1 + 2 a GPU and 1 + 16 a custom name.
 * Summed up in rs_view_wire_bytes, which is kept with each change. */
uint32_t rs_view_entry_wire_bytes(const struct rs_view_node *entry, bool with_info);

/* The entry of a node, or NULL when absent. Valid while the version is held and not set again. */
const struct rs_view_node *rs_view_get(const struct rs_view *view, rs_node_id node);

/* Replaces one entry. *view is consumed and becomes the new version: the same object where the caller held the only
 * reference, a copy of the path otherwise. Takes its own reference to entry->info, which an ALIVE or DRAINING entry
 * must have. An entry in state ABSENT clears the place. `entry` may point into the version itself. */
void rs_view_set(struct rs_view **view, rs_node_id node, const struct rs_view_node *entry);

/* Calls changed(ctx, node) in ascending order for every node whose entry differs between two versions (shared subtrees
 * are skipped; a change of info shows as a different pointer, even where the content is the same). */
void rs_view_diff(const struct rs_view *a, const struct rs_view *b, void (*changed)(void *ctx, rs_node_id node),
                  void *ctx);

#endif
