/* raysim_pg.c -- the public API: placement groups. See raysim.h and docs/placement-groups.md. */
#include "api/raysim_int.h"

#define SAME(name) _Static_assert((int)RAYSIM_ERR_##name == (int)RS_ERR_##name, #name)
SAME(GROUP_REMOVED);
SAME(GROUP_UNKNOWN);
SAME(GROUP_TOO_SMALL);
_Static_assert((int)RAYSIM_PACK == (int)RS_GROUP_PACK && (int)RAYSIM_SPREAD_BUNDLES == (int)RS_GROUP_SPREAD &&
                   (int)RAYSIM_STRICT_PACK == (int)RS_GROUP_STRICT_PACK &&
                   (int)RAYSIM_STRICT_SPREAD == (int)RS_GROUP_STRICT_SPREAD,
               "the strategies");

static raysim_ref ref_of_group(raysim_group group)
{
  raysim_ref ref;
  memcpy(&ref, &group, sizeof ref);
  return ref;
}

static struct rs_id id_of_group(raysim_group group)
{
  return raysim_id_of(ref_of_group(group));
}

static raysim_group group_of_id(struct rs_id id)
{
  raysim_group group;
  raysim_ref ref = raysim_ref_of(id);
  memcpy(&group, &ref, sizeof group);
  return group;
}

static int bundle_of(struct raysim *ray, const struct raysim_demand *in, size_t index, struct rs_demand *out)
{
  static const struct raysim_strategy none = {0};
  struct rs_call ignored = {0};
  struct raysim_demand demand = *in;
  demand.strategy = none;
  int rc = raysim_demand_of(ray, &demand, 0, out, &ignored);
  if (rc != 0)
    return rc;
  if (out->cpu_e4 == 0 && out->gpu_e4 == 0 && out->memory_bytes == 0 && out->store_bytes == 0 && out->custom_count == 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "bundle %zu asks for nothing", index);
  return 0;
}

raysim_group raysim_group_create(struct raysim *ray, const struct raysim_demand *bundles, size_t bundle_count,
                                 const struct raysim_group_options *options)
{
  static const struct raysim_group_options none = {0};
  raysim_group group = {{0}};
  options = options ? options : &none;
  if (raysim_connected(ray, "raysim_group_create") != 0)
    return group;
  if (!bundles || bundle_count == 0 || bundle_count > RS_GROUP_BUNDLES_MAX) {
    raysim_set_error(RAYSIM_ERR_INVALID, "a placement group has 1 to %d bundles", RS_GROUP_BUNDLES_MAX);
    return group;
  }
  if ((unsigned)options->strategy > RAYSIM_STRICT_SPREAD) {
    raysim_set_error(RAYSIM_ERR_INVALID, "strategy: there is no kind %d", (int)options->strategy);
    return group;
  }
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  call->group_strategy = (uint8_t)options->strategy;
  call->detached = options->detached != 0;
  call->topology = options->topology ? rs_front_intern(ray->front, options->topology) : 0;
  call->group_name = options->name && options->name[0] ? rs_front_intern(ray->front, options->name) : 0;
  call->bundles = rs_alloc_zero(bundle_count, sizeof *call->bundles);
  call->bundle_count = (uint32_t)bundle_count;
  for (size_t i = 0; i < bundle_count; i++)
    if (bundle_of(ray, &bundles[i], i, &call->bundles[i]) != 0) {
      rs_call_free(call);
      return group;
    }
  struct rs_id id;
  int rc = rs_front_group_create(ray->front, call, &id);
  if (rc == 0)
    group = group_of_id(id);
  else
    raysim_set_error(rc, "%s", rs_error_text(rc));
  return group;
}

int raysim_group_wait(struct raysim *ray, raysim_group group, int64_t timeout_ms)
{
  int rc = RS_ERR_GROUP_UNKNOWN;
  if (raysim_connected(ray, "raysim_group_wait") != 0)
    return RAYSIM_ERR_INVALID;
  if (!raysim_none(ref_of_group(group)))
    rc = rs_front_group_wait(ray->front, id_of_group(group), raysim_ns_of(timeout_ms), NULL, 0, NULL);
  return rc == 0 ? 0 : raysim_set_error(rc, "%s", rs_error_text(rc));
}

int64_t raysim_group_nodes(struct raysim *ray, raysim_group group, uint32_t *nodes, size_t room)
{
  uint32_t count = 0;
  if (raysim_connected(ray, "raysim_group_nodes") != 0)
    return RAYSIM_ERR_INVALID;
  if (!nodes && room)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_group_nodes: nodes is NULL");
  if (raysim_none(ref_of_group(group)))
    return raysim_set_error(RS_ERR_GROUP_UNKNOWN, "%s", rs_error_text(RS_ERR_GROUP_UNKNOWN));
  int rc = rs_front_group_wait(ray->front, id_of_group(group), 0, nodes,
                               room < RS_GROUP_BUNDLES_MAX ? (uint32_t)room : RS_GROUP_BUNDLES_MAX, &count);
  if (rc != 0 && (rc != RS_ERR_TIMED_OUT || count == 0))
    return raysim_set_error(rc, "%s", rs_error_text(rc));
  return count;
}

raysim_group raysim_group_find(struct raysim *ray, const char *name, int64_t timeout_ms)
{
  raysim_group group = {{0}};
  struct rs_id id;
  if (raysim_connected(ray, "raysim_group_find") != 0)
    return group;
  if (!name || !name[0]) {
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_group_find: no name");
    return group;
  }
  int rc = rs_front_group_find(ray->front, rs_name_hash(name), raysim_ns_of(timeout_ms), &id);
  if (rc == 0)
    return group_of_id(id);
  raysim_set_error(rc, "\"%.200s\": %s", name, rs_error_text(rc));
  return group;
}

int raysim_group_remove(struct raysim *ray, raysim_group group)
{
  if (raysim_connected(ray, "raysim_group_remove") != 0)
    return RAYSIM_ERR_INVALID;
  if (raysim_none(ref_of_group(group)))
    return raysim_set_error(RS_ERR_GROUP_UNKNOWN, "%s", rs_error_text(RS_ERR_GROUP_UNKNOWN));
  return rs_front_group_remove(ray->front, id_of_group(group));
}

int raysim_group_is_none(raysim_group group)
{
  return raysim_none(ref_of_group(group));
}

/* ---- tasks and actors in a group ---- */

int raysim_in_group(const struct raysim_strategy *in, struct rs_demand *demand)
{
  struct rs_id id = id_of_group(in->group);
  if (raysim_none(ref_of_group(in->group)))
    return raysim_set_error(RAYSIM_ERR_INVALID, "strategy: no placement group is given");
  if (in->bundle < 0 || in->bundle > RS_GROUP_BUNDLES_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "strategy: there is no bundle %d; wanted 0 (any) or RAYSIM_BUNDLE(i)",
                            in->bundle);
  demand->group_owner = id.owner;
  demand->group_seq = id.seq;
  demand->group_bundle = in->bundle - 1;
  return 0;
}

int raysim_bundle_there(const struct raysim *ray, const struct raysim_strategy *in)
{
  char hex[RAYSIM_HEX_SIZE];
  if (in->kind != RAYSIM_PLACEMENT_GROUP || in->bundle <= 0)
    return 0;
  uint32_t count = rs_front_group_bundles(ray->front, id_of_group(in->group));
  if (count == 0 || (uint32_t)in->bundle <= count)
    return 0;
  return raysim_set_error(RAYSIM_ERR_INVALID, "strategy: there is no bundle %d in group %s, which has %u",
                          in->bundle - 1, raysim_ref_hex(ref_of_group(in->group), hex), count);
}

void raysim_capture(const struct raysim_strategy *in, struct rs_task *task)
{
  if (in->kind != RAYSIM_PLACEMENT_GROUP || !in->capture)
    return;
  task->flags |= RS_TASK_CAPTURE;
  task->placement = id_of_group(in->group);
}
