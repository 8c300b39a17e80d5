/* raylet_spread.c -- where the next task with strategy SPREAD goes: round the nodes.
 *
 * Each such task is a decision of its own (its owner gives the lease back after it), and each goes to the next node
 * that could hold it, in the order of their numbers, after the one before it: so short tasks, too, are spread evenly,
 * though what the view says of the other nodes is up to a report old, and would have us believe that they are still
 * busy. A node that has no room refuses at once, and the owner asks again: the next node is tried, TRIES times; after
 * that the request waits for room like any other, by the view and the policy. Our own node is passed over when it has
 * no room.
 *
 * Departs from Ray, which goes round the nodes too, but lets a lease serve as many tasks as there are, so that short
 * ones all run where the first worker was. O(nodes that cannot hold the demand).
 */
#include "core/raylet_int.h"

#define TRIES 4

bool rs_raylet_spread_pick(struct rs_endpoint *ep, const struct waiting *w, struct rs_choice *choice)
{
  struct rs_raylet *r = ep->local;
  const struct rs_demand *demand = &w->class->demand->is;
  rs_node_id self = rs_addr_node(ep->self);
  uint32_t span = r->view ? rs_view_span(r->view) : 0;
  if (w->tries >= TRIES || w->tries >= rs_raylet_view_alive(r))
    return false;
  for (uint32_t i = 1; i <= span; i++) {
    rs_node_id node = (r->spread_last + i) % span;
    const struct rs_view_node *entry = rs_view_get(r->view, node);
    ep->work.nodes++;
    if (!entry || entry->state != RS_NODE_ALIVE || !rs_node_feasible(entry->info, demand))
      continue;
    if (node == self && (r->draining || !rs_res_fits(&r->left, demand)))
      continue;
    r->spread_last = node;
    *choice = (struct rs_choice){node, 0};
    return true;
  }
  return false;
}
