/* check_group.c -- the rules about placement groups while a cluster runs. See checkers.h.
 *
 * The head tells where it places each bundle (BUNDLE_PLACED) and when a group is whole (GROUP_CREATED); the raylets
 * tell what they put apart, open and give back. A node that was cut off may hold a bundle for a while that lives
 * elsewhere by then, so the rule "on one node" holds between nodes without such a fault.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "core/endpoint.h"
#include "sim/checkers.h"

struct group_record {
  struct rs_check_group group;
  bool removed;
  uint64_t placed[RS_CHECK_BUNDLES_MAX];    /* by the head: node and incarnation; 0: not yet */
  uint64_t committed[RS_CHECK_BUNDLES_MAX]; /* by the raylets */
};

/* What a raylet has put apart. */
struct node_record {
  int64_t cpu_e4;
  uint64_t gpu_e4;
  uint64_t bundles;
};

static struct group_record *group_of(const struct rs_checker *c, struct rs_id id)
{
  return rs_map_get_ptr(&c->groups, rs_id_key(id));
}

static rs_addr raylet_at(uint64_t place)
{
  return place << 28 | RS_EP_RAYLET;
}

static struct node_record *node_at(struct rs_checker *c, uint64_t place)
{
  struct node_record *node = rs_map_get_ptr(&c->bundle_nodes, place);
  if (!node) {
    node = rs_alloc_zero(1, sizeof *node);
    rs_map_put_ptr(&c->bundle_nodes, place, node);
  }
  return node;
}

void rs_check_group(struct rs_checker *c, const struct rs_check_group *group)
{
  struct group_record *g = rs_alloc_zero(1, sizeof *g);
  g->group = *group;
  rs_map_put_ptr(&c->groups, rs_id_key(group->id), g);
}

void rs_check_group_remove(struct rs_checker *c, struct rs_id id)
{
  struct group_record *g = group_of(c, id);
  if (g)
    g->removed = true;
}

bool rs_check_group_may_end(const struct rs_checker *c, struct rs_id id)
{
  const struct group_record *g = group_of(c, id);
  return g && (g->removed || g->group.named || c->faults);
}

/* Of the node's label "rack", as it registered; 0: none. */
static uint64_t rack_of(const struct rs_checker *c, uint64_t place)
{
  const struct rs_node_info *info = c->info_of(c->info_ctx, rs_addr_node(raylet_at(place)));
  return info ? rs_node_label(info, rs_name_hash("rack")) : 0;
}

static void created(struct rs_checker *c, const struct group_record *g)
{
  for (uint32_t i = 0; i < g->group.bundle_count; i++) {
    for (uint32_t k = 0; k < i; k++) {
      bool same = g->placed[i] == g->placed[k];
      if ((g->group.strategy == RS_GROUP_STRICT_PACK && !same) || (g->group.strategy == RS_GROUP_STRICT_SPREAD && same))
        rs_check_fail(c, RS_CHECK_GROUP_RULE, "group %" PRIx64 "/%" PRIu64 ": bundles %u and %u are on nodes %u and %u",
                      g->group.id.owner, g->group.id.seq, k, i, rs_addr_node(raylet_at(g->placed[k])),
                      rs_addr_node(raylet_at(g->placed[i])));
    }
    if (g->group.in_rack && (rack_of(c, g->placed[i]) == 0 || rack_of(c, g->placed[i]) != rack_of(c, g->placed[0])))
      rs_check_fail(c, RS_CHECK_GROUP_RULE, "group %" PRIx64 "/%" PRIu64 ": bundle %u is not in the rack of bundle 0",
                    g->group.id.owner, g->group.id.seq, i);
  }
}

static void prepared(struct rs_checker *c, const struct group_record *g, uint32_t index, uint64_t place)
{
  struct node_record *node = node_at(c, place);
  const struct rs_node_info *info = c->info_of(c->info_ctx, rs_addr_node(raylet_at(place)));
  node->cpu_e4 += g->group.bundles[index].cpu_e4;
  node->gpu_e4 += g->group.bundles[index].gpu_e4;
  node->bundles++;
  if (info && (node->cpu_e4 > info->total.cpu_e4 || node->gpu_e4 > (uint64_t)info->total.gpu_count * RS_ONE_E4))
    rs_check_fail(c, RS_CHECK_GROUP_ROOM, "node %u: its bundles hold %" PRId64 " of %" PRId64 " CPUs (e-4)",
                  rs_addr_node(raylet_at(place)), node->cpu_e4, info->total.cpu_e4);
}

static void returned(struct rs_checker *c, struct group_record *g, uint32_t index, uint64_t place)
{
  struct node_record *node = node_at(c, place);
  if (node->bundles == 0)
    rs_check_fail(c, RS_CHECK_GROUP_ROOM, "node %u gives back a bundle that it has not",
                  rs_addr_node(raylet_at(place)));
  node->cpu_e4 -= g->group.bundles[index].cpu_e4;
  node->gpu_e4 -= g->group.bundles[index].gpu_e4;
  node->bundles--;
  if (g->committed[index] == place)
    g->committed[index] = 0;
}

static void committed(struct rs_checker *c, struct group_record *g, uint32_t index, uint64_t place)
{
  uint64_t old = g->committed[index];
  rs_addr raylet = raylet_at(old);
  if (old && old != place && !rs_map_find(&c->gone, raylet) && !rs_map_find(&c->tainted, raylet))
    rs_check_fail(c, RS_CHECK_GROUP_ONCE, "group %" PRIx64 "/%" PRIu64 ": bundle %u is on nodes %u and %u",
                  g->group.id.owner, g->group.id.seq, index, rs_addr_node(raylet), rs_addr_node(raylet_at(place)));
  g->committed[index] = place;
}

void rs_check_group_trace(struct rs_checker *c, unsigned trace, uint64_t a, uint64_t b, uint64_t cc)
{
  if (trace < RS_TRACE_BUNDLE_PLACED || trace > RS_TRACE_GROUP_REMOVED)
    return;
  struct group_record *g = group_of(c, (struct rs_id){a, b});
  uint32_t index = (uint32_t)(cc >> 36);
  uint64_t place = cc & ((UINT64_C(1) << 36) - 1);
  if (!g) {
    rs_check_fail(c, RS_CHECK_GROUP_RULE, "group %" PRIx64 "/%" PRIu64 " was never asked for", a, b);
    return;
  }
  switch (trace) {
  case RS_TRACE_BUNDLE_PLACED: g->placed[index] = place; break;
  case RS_TRACE_BUNDLE_PREPARED: prepared(c, g, index, place); break;
  case RS_TRACE_BUNDLE_COMMITTED: committed(c, g, index, place); break;
  case RS_TRACE_BUNDLE_RETURNED: returned(c, g, index, place); break;
  case RS_TRACE_GROUP_CREATED:
    c->groups_created++;
    created(c, g);
    break;
  default: break;
  }
}
