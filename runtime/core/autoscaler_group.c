/* autoscaler_group.c -- placement groups as demand: hosts for all bundles of a group, or for none.
 *
 * A group that waits is first packed on paper: into the bins that there are, and into as many new hosts as the types'
 * maxima allow, by the rule of its strategy. STRICT_PACK: all bundles into one bin, or one host of a type on which they
 * fit. STRICT_SPREAD: each into a bin of its own, not on a node that has one of the group's bundles. PACK and SPREAD:
 * each where it fits first. topology: all into bins and hosts with one value of the label; of the values that would do,
 * the one that takes the fewest new hosts, the first one met among equals. If that fails, nothing is launched: half a
 * group is of no use, and of no type would its hosts ever be filled (Ray's autoscaler takes such gang requests whole,
 * too). If not, the same is done in earnest, within the limits on launches at once; what they forbid is launched at a
 * later decision, and idle hosts that the group needs are not ended meanwhile.
 *
 * Cost: O(bundles x bins) a group, times the values of the label for topology.
 */
#include "core/autoscaler_int.h"

struct gang {
  struct rs_endpoint *ep;
  struct packing *p;
  const struct rs_bundles_request *missing;
  uint64_t value;  /* of the topology's label; 0: any */
  bool dry;        /* on paper */
  uint32_t *added; /* on paper: new hosts by type */
  bool *used;      /* bins that have one of the bundles */
  uint32_t used_cap;
};

static bool right_place(const struct gang *x, const struct rs_node_info *info)
{
  return x->value == 0 || rs_node_label(info, x->missing->topology) == x->value;
}

static bool held(const struct gang *x, const struct bin *bin)
{
  for (uint32_t i = 0; i < x->missing->held_count; i++)
    if (bin->labels_of == UINT32_MAX && bin->node == x->missing->held[i])
      return true;
  return false;
}

static void mark_used(struct gang *x, uint32_t at)
{
  if (at >= x->used_cap) {
    uint32_t cap = 2 * at + 8;
    x->used = rs_realloc(x->used, cap, sizeof *x->used);
    for (uint32_t i = x->used_cap; i < cap; i++)
      x->used[i] = false;
    x->used_cap = cap;
  }
  x->used[at] = true;
}

static bool is_used(const struct gang *x, uint32_t at)
{
  return at < x->used_cap && x->used[at];
}

/* How many of the bundles from `first` on fit there one after the other, up to `count`; takes them from *left. */
static uint32_t take(const struct gang *x, struct rs_res *left, const struct rs_node_info *info, uint32_t first,
                     uint32_t count)
{
  uint32_t taken = 0;
  while (taken < count) {
    const struct rs_demand *demand = &x->missing->demands[first + taken];
    if (!rs_labels_match(info, demand) || !rs_res_fits(left, demand))
      break;
    rs_res_take(left, demand);
    taken++;
  }
  return taken;
}

static bool into_bin(struct gang *x, uint32_t first, uint32_t count)
{
  for (uint32_t i = 0; i < x->p->count; i++) {
    struct bin *bin = &x->p->bins[i];
    const struct rs_node_info *info = rs_autoscaler_bin_info(x->ep->gcs, bin);
    x->ep->work.nodes++;
    if (!right_place(x, info) || (x->missing->strategy == RS_GROUP_STRICT_SPREAD && (is_used(x, i) || held(x, bin))))
      continue;
    struct rs_res left = bin->left;
    if (take(x, &left, info, first, count) < count)
      continue;
    bin->left = left;
    if (!x->dry && bin->labels_of == UINT32_MAX) /* it is not to be ended while the group's other hosts come */
      x->ep->gcs->nodes[bin->node].wanted_until =
          rs_time_add(x->ep->now, 2 * (uint64_t)x->ep->config->autoscaler_update_interval_ms * RS_MS);
    mark_used(x, i);
    return true;
  }
  return false;
}

static bool add_host(struct gang *x, uint32_t type)
{
  struct rs_gcs *g = x->ep->gcs;
  if (!x->dry)
    return rs_autoscaler_launch(x->ep, type);
  if (g->alive_of_type[type] + rs_autoscaler_launching(g, type) + x->added[type] >= g->types[type].max_count)
    return false;
  x->added[type]++;
  return true;
}

static bool into_new_host(struct gang *x, uint32_t first, uint32_t count)
{
  struct rs_gcs *g = x->ep->gcs;
  bool *exhausted = rs_alloc_zero(g->type_count, sizeof *exhausted), placed = false;
  for (uint32_t type = 0; type < g->type_count; type++) {
    struct rs_res left = g->types[type].info->total;
    exhausted[type] = !right_place(x, g->types[type].info) || take(x, &left, g->types[type].info, first, count) < count;
  }
  while (!placed) {
    uint32_t type = rs_autoscaler_best_type(x->ep, &x->missing->demands[first], count, exhausted);
    if (type == UINT32_MAX)
      break;
    exhausted[type] = true;
    placed = add_host(x, type);
    if (!placed)
      continue;
    struct rs_res left = g->types[type].info->total;
    take(x, &left, g->types[type].info, first, count);
    rs_autoscaler_add_bin(x->p, &left, type, RS_NODE_NONE);
    mark_used(x, x->p->count - 1);
  }
  free(exhausted);
  return placed;
}

/* All bundles; on paper it stops at the first that has no place. */
static bool pack_all(struct gang *x)
{
  bool whole = x->missing->strategy == RS_GROUP_STRICT_PACK, all = true;
  uint32_t step = whole ? x->missing->count : 1;
  for (uint32_t i = 0; i < x->missing->count && (all || !x->dry); i += step)
    all = (into_bin(x, i, step) || into_new_host(x, i, step)) && all;
  return all;
}

/* On paper: how many new hosts it takes, UINT32_MAX where it cannot be. */
static uint32_t try(struct rs_endpoint *ep, const struct packing *p, const struct rs_bundles_request *missing,
                    uint64_t value)
{
  struct packing copy = {.bins = rs_memdup(p->bins, p->count * sizeof *p->bins), .count = p->count, .cap = p->count};
  struct gang x = {.ep = ep,
                   .p = &copy,
                   .missing = missing,
                   .value = value,
                   .dry = true,
                   .added = rs_alloc_zero(ep->gcs->type_count, sizeof *x.added)};
  bool all = pack_all(&x);
  free(copy.bins);
  free(x.added);
  free(x.used);
  return all ? copy.count - p->count : UINT32_MAX;
}

/* The best value of the topology's label; 0 where none would do. */
static uint64_t choose_value(struct rs_endpoint *ep, const struct packing *p, const struct rs_bundles_request *missing)
{
  const struct rs_gcs *g = ep->gcs;
  struct rs_map tried = {0};
  uint64_t best = 0;
  uint32_t fewest = UINT32_MAX;
  for (uint32_t i = 0; i < p->count + g->type_count && fewest > 0; i++) {
    const struct rs_node_info *info =
        i < p->count ? rs_autoscaler_bin_info(g, &p->bins[i]) : g->types[i - p->count].info;
    uint64_t value = rs_node_label(info, missing->topology);
    if (value == 0 || rs_map_find(&tried, value))
      continue;
    rs_map_put(&tried, value, 1);
    uint32_t hosts = try(ep, p, missing, value);
    if (hosts < fewest) {
      fewest = hosts;
      best = value;
    }
  }
  rs_map_free(&tried);
  return best;
}

struct pass {
  struct rs_endpoint *ep;
  struct packing *p;
};

static void pack_group(void *ctx, const struct rs_bundles_request *missing, uint64_t topology_value)
{
  const struct pass *pass = ctx;
  uint64_t value = topology_value;
  if (missing->topology && value == 0) {
    value = choose_value(pass->ep, pass->p, missing);
    if (value == 0)
      return;
  } else if (try(pass->ep, pass->p, missing, value) == UINT32_MAX) {
    return;
  }
  struct gang x = {.ep = pass->ep, .p = pass->p, .missing = missing, .value = value};
  pack_all(&x);
  free(x.used);
}

void rs_autoscaler_pack_groups(struct rs_endpoint *ep, struct packing *p)
{
  struct pass pass = {ep, p};
  rs_gcs_group_demand(ep->gcs, pack_group, &pass);
}
