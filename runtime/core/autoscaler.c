/* autoscaler.c -- which hosts to launch and which to end.
 *
 * A decision is made every autoscaler_update_interval_ms while there is something to decide: demand that waits (shapes
 * from the raylets' reports, actors and placement groups without a place), a type below its minimum, or a host that has
 * been idle too long.
 *
 *   1. Bins: what is left on the nodes that are alive, and the whole of every host that was launched and is not up yet.
 *      Demand is packed into them first fit, shape by shape.
 *   2. For what remains, the type that the demand uses best: hosts without GPUs first for demand without GPUs, then the
 *      highest least-used resource after packing one such host with this shape, then the highest mean, then the lower
 *      index (after Ray's v2 scheduler, which scores types by their utilisation). Bounds: the type's max, launches of a
 * type at once: max(1, upscaling_speed x running), and autoscaler_max_concurrent_launches over all types.
 *   3. Types below their minimum are filled up.
 *   4. A host of a type above its minimum that has been idle for the idle timeout is drained, and ended once its raylet
 *      confirms that nothing runs there.
 *
 * Cost of a decision: O(shapes x nodes) at worst; a full node is skipped for good within one shape.
 */
#include "core/autoscaler_int.h"

static uint64_t interval_ns(const struct rs_endpoint *ep)
{
  return (uint64_t)ep->config->autoscaler_update_interval_ms * RS_MS;
}

static uint64_t idle_ns(const struct rs_endpoint *ep, uint32_t type)
{
  uint64_t own = ep->gcs->types[type].idle_timeout_ms;
  return (own ? own : (uint64_t)ep->config->autoscaler_idle_timeout_ms) * RS_MS;
}

uint32_t rs_autoscaler_launching(const struct rs_gcs *g, uint32_t type)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < g->launch_count; i++)
    count += g->launches[i].node_type == type;
  return count;
}

static void remove_launch(struct rs_gcs *g, uint32_t index)
{
  for (; index + 1 < g->launch_count; index++)
    g->launches[index] = g->launches[index + 1];
  g->launch_count--;
}

void rs_autoscaler_on_host(struct rs_endpoint *ep, uint64_t request, bool up)
{
  struct rs_gcs *g = ep->gcs;
  for (uint32_t i = 0; i < g->launch_count; i++) {
    if (g->launches[i].request != request)
      continue;
    if (up)
      g->launches[i].up = true;
    else
      remove_launch(g, i);
    return;
  }
}

/* A node of this type has registered: the oldest launch of the type that is up is fulfilled, else the oldest at all. */
void rs_autoscaler_on_registered(struct rs_gcs *g, uint32_t node_type)
{
  uint32_t found = UINT32_MAX;
  for (uint32_t i = 0; i < g->launch_count; i++) {
    if (g->launches[i].node_type != node_type)
      continue;
    if (g->launches[i].up) {
      found = i;
      break;
    }
    if (found == UINT32_MAX)
      found = i;
  }
  if (found != UINT32_MAX)
    remove_launch(g, found);
}

bool rs_autoscaler_launch(struct rs_endpoint *ep, uint32_t type)
{
  struct rs_gcs *g = ep->gcs;
  uint32_t running = g->alive_of_type[type], under_way = rs_autoscaler_launching(g, type);
  uint64_t at_once = (uint64_t)running * (uint64_t)ep->config->autoscaler_upscaling_speed_e4 / RS_ONE_E4;
  if (running + under_way >= g->types[type].max_count || under_way >= (at_once ? at_once : 1) ||
      g->launch_count >= (uint64_t)ep->config->autoscaler_max_concurrent_launches)
    return false;
  RS_GROW(g->launches, g->launch_count, g->launch_cap);
  g->launches[g->launch_count++] = (struct launch){++g->last_launch, type, false};
  struct rs_effect *add = rs_emit(ep, RS_OUT_HOST_ADD);
  add->size = g->last_launch;
  add->count = type;
  rs_trace(ep, RS_TRACE_HOST_LAUNCHED, type, g->last_launch, 0);
  return true;
}

/* How well `count` of a demand would fill one empty host: least and mean utilisation of what it uses, as one number. */
static uint64_t fill_score(const struct rs_res *total, const struct rs_demand *demand, uint32_t count, bool *has_gpu)
{
  struct rs_res left = *total;
  uint32_t packed = 0;
  while (packed < count && packed < 100000 && rs_res_fits(&left, demand)) {
    rs_res_take(&left, demand);
    packed++;
  }
  uint64_t gpu_total = 0, gpu_left = 0;
  for (int i = 0; i < total->gpu_count; i++) {
    gpu_total += total->gpu_e4[i];
    gpu_left += left.gpu_e4[i];
  }
  *has_gpu = gpu_total > 0;
  uint64_t least = RS_ONE_E4, sum = 0, kinds = 0;
  const uint64_t pairs[][2] = {{(uint64_t)total->cpu_e4, (uint64_t)left.cpu_e4},
                               {(uint64_t)total->memory_bytes >> 20, (uint64_t)left.memory_bytes >> 20},
                               {gpu_total, gpu_left}};
  for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (pairs[i][0] == 0)
      continue;
    uint64_t used = (pairs[i][0] - pairs[i][1]) * RS_ONE_E4 / pairs[i][0];
    least = used < least ? used : least;
    sum += used;
    kinds++;
  }
  return kinds ? least * 100000 + sum / kinds : 0;
}

uint32_t rs_autoscaler_best_type(const struct rs_endpoint *ep, const struct rs_demand *demand, uint32_t count,
                                 const bool *exhausted)
{
  const struct rs_gcs *g = ep->gcs;
  uint32_t best = UINT32_MAX;
  uint64_t best_score = 0;
  for (uint32_t type = 0; type < g->type_count; type++) {
    bool gpu;
    if (exhausted[type] || !rs_node_feasible(g->types[type].info, demand))
      continue;
    uint64_t score = 1 + fill_score(&g->types[type].info->total, demand, count, &gpu);
    if (!gpu || demand->gpu_e4)
      score += UINT64_C(1) << 40; /* a GPU host for demand without GPUs only when nothing else will do */
    if (score > best_score) {
      best = type;
      best_score = score;
    }
  }
  return best;
}

void rs_autoscaler_add_bin(struct packing *p, const struct rs_res *left, uint32_t type, rs_node_id node)
{
  RS_GROW(p->bins, p->count, p->cap);
  p->bins[p->count++] = (struct bin){*left, type, node};
}

const struct rs_node_info *rs_autoscaler_bin_info(const struct rs_gcs *g, const struct bin *bin)
{
  return bin->labels_of != UINT32_MAX ? g->types[bin->labels_of].info : rs_view_get(g->view, bin->node)->info;
}

static void pack(struct rs_endpoint *ep, struct packing *p, const struct rs_demand *demand, uint32_t count)
{
  struct rs_gcs *g = ep->gcs;
  for (uint32_t i = 0; i < p->count && count; i++) {
    struct bin *bin = &p->bins[i];
    const struct rs_node_info *info = rs_autoscaler_bin_info(g, bin);
    ep->work.nodes++;
    if (!rs_labels_match(info, demand))
      continue;
    for (; count && rs_res_fits(&bin->left, demand); count--)
      rs_res_take(&bin->left, demand);
  }
  bool *exhausted = rs_alloc_zero(g->type_count, sizeof *exhausted);
  while (count) {
    uint32_t type = rs_autoscaler_best_type(ep, demand, count, exhausted);
    if (type == UINT32_MAX)
      break;
    if (!rs_autoscaler_launch(ep, type)) {
      exhausted[type] = true;
      continue;
    }
    struct rs_res left = g->types[type].info->total;
    for (; count && rs_res_fits(&left, demand); count--)
      rs_res_take(&left, demand);
    rs_autoscaler_add_bin(p, &left, type, RS_NODE_NONE);
  }
  free(exhausted);
}

static bool unmet(const struct rs_gcs *g)
{
  if (g->queued || g->actors_waiting || rs_gcs_group_waiting(g))
    return true;
  for (uint32_t type = 0; type < g->type_count; type++)
    if (g->alive_of_type[type] + rs_autoscaler_launching(g, type) < g->types[type].min_count)
      return true;
  return false;
}

static void scale_up(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  struct packing p = {0};
  uint32_t span = rs_view_span(g->view);
  for (rs_node_id id = 0; id < span; id++) {
    const struct rs_view_node *entry = rs_view_get(g->view, id);
    if (entry && entry->state == RS_NODE_ALIVE)
      rs_autoscaler_add_bin(&p, &entry->left, UINT32_MAX, id);
  }
  for (uint32_t i = 0; i < g->launch_count; i++)
    rs_autoscaler_add_bin(&p, &g->types[g->launches[i].node_type].info->total, g->launches[i].node_type, RS_NODE_NONE);
  for (uint32_t id = 0; id < g->node_span; id++)
    for (uint32_t i = 0; g->nodes[id].alive && i < g->nodes[id].shape_count; i++)
      pack(ep, &p, &g->nodes[id].shapes[i].demand, g->nodes[id].shapes[i].count);
  RS_LIST_EACH(&g->classes, at, after)
  {
    const struct actor_class *class = RS_ENTRY(at, struct actor_class, link);
    if (class->queued && !class->demand->is.group_seq)
      pack(ep, &p, &class->demand->is, class->queued);
  }
  rs_autoscaler_pack_groups(ep, &p);
  free(p.bins);
  for (uint32_t type = 0; type < g->type_count; type++)
    while (g->alive_of_type[type] + rs_autoscaler_launching(g, type) < g->types[type].min_count &&
           rs_autoscaler_launch(ep, type))
      ;
}

static void end_host(struct rs_endpoint *ep, struct gcs_node *node)
{
  if (node->ended)
    return;
  node->ended = true;
  rs_emit(ep, RS_OUT_HOST_REMOVE)->to = node->raylet;
  rs_trace(ep, RS_TRACE_HOST_REMOVED, node->raylet, 0, 0);
}

/* Drains hosts that have been idle long enough; sets when to look again. */
static void scale_down(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (ep->now < g->idle_check_at)
    return;
  g->idle_check_at = RS_TIME_NEVER;
  uint32_t *staying = rs_memdup(g->alive_of_type, g->type_count * sizeof *staying);
  for (uint32_t id = 0; id < g->node_span; id++) {
    uint32_t type = g->nodes[id].alive ? rs_view_get(g->view, id)->info->node_type : UINT32_MAX;
    if (type < g->type_count && g->nodes[id].draining)
      staying[type]--;
  }
  for (uint32_t id = 0; id < g->node_span; id++) {
    struct gcs_node *node = &g->nodes[id];
    if (!node->alive || node->busy || node->draining)
      continue;
    uint32_t type = rs_view_get(g->view, id)->info->node_type;
    if (type >= g->type_count || staying[type] <= g->types[type].min_count || !rs_list_empty(&node->actors) ||
        rs_gcs_group_on_node(g, node->raylet))
      continue;
    uint64_t due = rs_time_add(node->idle_since, idle_ns(ep, type));
    due = due > node->wanted_until ? due : node->wanted_until;
    if (due > ep->now) {
      g->idle_check_at = rs_time_min(g->idle_check_at, due);
      continue;
    }
    node->draining = true;
    staying[type]--;
    rs_send(ep, node->raylet, rs_msg_new(RS_MSG_DRAIN));
    rs_gcs_refresh(ep, id);
  }
  free(staying);
}

void rs_autoscaler_on_idle(struct rs_endpoint *ep, const struct gcs_node *node)
{
  struct rs_gcs *g = ep->gcs;
  const struct rs_view_node *entry = rs_view_get(g->view, rs_addr_node(node->raylet));
  uint32_t type = entry->info->node_type;
  if (type >= g->type_count)
    return;
  if (node->draining)
    end_host(ep, &g->nodes[rs_addr_node(node->raylet)]);
  else
    g->idle_check_at = rs_time_min(g->idle_check_at, rs_time_add(node->idle_since, idle_ns(ep, type)));
}

static uint64_t tick_due_at(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  return g->ever_ticked ? rs_time_add(g->last_tick_at, interval_ns(ep)) : 0;
}

void rs_autoscaler_settle(struct rs_endpoint *ep)
{
  struct rs_gcs *g = ep->gcs;
  if (g->type_count == 0)
    return;
  scale_down(ep);
  if (!unmet(g) || ep->now < tick_due_at(ep))
    return;
  g->ever_ticked = true;
  g->last_tick_at = ep->now;
  scale_up(ep);
}

uint64_t rs_autoscaler_deadline(const struct rs_endpoint *ep)
{
  const struct rs_gcs *g = ep->gcs;
  if (g->type_count == 0)
    return RS_TIME_NEVER;
  return rs_time_min(g->idle_check_at, unmet(g) ? tick_due_at(ep) : RS_TIME_NEVER);
}
