/* front_group.c -- placement groups of an application: made, found by name, waited for. See front.h.
 *
 * The owner role tells each change of a group that the application has made or asked about; the newest state is kept
 * here, and whoever waits looks at it again. O(1) a change, O(groups) a look-up by name.
 */
#include <pthread.h>
#include <time.h>

#include "uv/front.h"

struct front_group {
  struct rs_id id;
  uint64_t name;
  bool known;
  enum rs_group_state state;
  int status;
  uint32_t bundle_count; /* 0: not known */
  uint32_t node_count;
  rs_node_id *nodes;
};

void rs_front_group_free(struct rs_front *front)
{
  for (uint32_t i = 0; i < front->groups.cap; i++)
    if (front->groups.slots[i].key) {
      struct front_group *group = (struct front_group *)(uintptr_t)front->groups.slots[i].value;
      free(group->nodes);
      free(group);
    }
  rs_map_free(&front->groups);
  rs_map_free(&front->named);
}

static struct front_group *group_of(struct rs_front *front, struct rs_id id)
{
  struct front_group *group = rs_map_get_ptr(&front->groups, rs_objects_key(id));
  if (!group) {
    group = rs_alloc_zero(1, sizeof *group);
    group->id = id;
    rs_map_put_ptr(&front->groups, rs_objects_key(id), group);
  }
  return group;
}

void rs_front_group_on_reply(struct rs_front *front, const struct rs_reply *reply)
{
  if (reply->id.seq == 0) {
    rs_map_put(&front->named, reply->name, (uint64_t)(uint32_t)reply->status);
  } else {
    struct front_group *group = group_of(front, reply->id);
    group->known = true;
    group->name = reply->name;
    group->state = (enum rs_group_state)reply->state;
    group->status = reply->status;
    free(group->nodes);
    group->node_count = reply->node_count;
    if (reply->node_count)
      group->bundle_count = reply->node_count;
    group->nodes = rs_alloc((reply->node_count ? reply->node_count : 1) * sizeof *group->nodes);
    for (uint32_t i = 0; i < reply->node_count; i++)
      group->nodes[i] = reply->nodes[i] == RS_ADDR_NONE ? RS_NODE_NONE : rs_addr_node(reply->nodes[i]);
  }
  pthread_cond_broadcast(&front->proc->changed);
}

int rs_front_group_create(struct rs_front *front, struct rs_call *call, struct rs_id *id)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    *id = call->object = (struct rs_id){front->proc->self, front->next_seq++};
    group_of(front, *id)->bundle_count = call->bundle_count;
    rs_proc_step_call(front->proc, call);
    rs_proc_drain(front->proc);
    rs_proc_flush(front->proc);
  }
  rs_call_free(call);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

uint32_t rs_front_group_bundles(struct rs_front *front, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  const struct front_group *group = rs_map_get_ptr(&front->groups, rs_objects_key(id));
  uint32_t count = group ? group->bundle_count : 0;
  pthread_mutex_unlock(&front->proc->lock);
  return count;
}

static int ask(struct rs_front *front, struct rs_id id, uint64_t name)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_GET, 0);
  call->object = id;
  call->group_name = name;
  return rs_front_call(front, call);
}

static void tell_nodes(const struct front_group *group, rs_node_id *nodes, uint32_t room, uint32_t *count)
{
  for (uint32_t i = 0; i < group->node_count && i < room; i++)
    nodes[i] = group->nodes[i];
  if (count)
    *count = group->node_count;
}

static bool settled(const struct front_group *group)
{
  return group->known && (group->state == RS_GROUP_CREATED || group->state == RS_GROUP_REMOVED);
}

int rs_front_group_wait(struct rs_front *front, struct rs_id id, uint64_t timeout_ns, rs_node_id *nodes, uint32_t room,
                        uint32_t *count)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  pthread_mutex_lock(&front->proc->lock);
  bool ours = rs_map_find(&front->groups, rs_objects_key(id)) != NULL;
  pthread_mutex_unlock(&front->proc->lock);
  int rc = ours ? 0 : ask(front, id, 0); /* of another process: from now on we hear of it */
  pthread_mutex_lock(&front->proc->lock);
  uint32_t interruptions = front->interruptions;
  const struct front_group *group = group_of(front, id);
  bool waits = rc == 0 && !settled(group);
  if (waits && front->blocked) /* a task lends its CPU meanwhile: the group may need it */
    front->blocked(front, true);
  while (rc == 0 && !settled(group))
    rc = rs_front_nap(front, end, interruptions);
  if (waits && front->blocked)
    front->blocked(front, false);
  if (rc == 0 && group->state == RS_GROUP_REMOVED)
    rc = group->status ? group->status : RS_ERR_GROUP_REMOVED;
  if (group->known)
    tell_nodes(group, nodes, nodes ? room : 0, count);
  else if (count)
    *count = 0;
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_group_remove(struct rs_front *front, struct rs_id id)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_REMOVE, 0);
  call->object = id;
  pthread_mutex_lock(&front->proc->lock);
  struct front_group *group = rs_map_get_ptr(&front->groups, rs_objects_key(id));
  if (group && group->state != RS_GROUP_REMOVED)
    group->known = false;
  pthread_mutex_unlock(&front->proc->lock);
  return rs_front_call(front, call);
}

static const struct front_group *by_name(const struct rs_front *front, uint64_t name)
{
  for (uint32_t i = 0; i < front->groups.cap; i++) {
    const struct front_group *group =
        front->groups.slots[i].key ? (const void *)(uintptr_t)front->groups.slots[i].value : NULL;
    if (group && group->known && group->name == name && group->state != RS_GROUP_REMOVED)
      return group;
  }
  return NULL;
}

int rs_front_group_find(struct rs_front *front, uint64_t name, uint64_t timeout_ns, struct rs_id *id)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  *id = (struct rs_id){0, 0};
  pthread_mutex_lock(&front->proc->lock);
  rs_map_remove(&front->named, name, NULL);
  const struct front_group *group = by_name(front, name);
  uint32_t interruptions = front->interruptions;
  pthread_mutex_unlock(&front->proc->lock);
  int rc = group ? 0 : ask(front, (struct rs_id){0, 0}, name);
  pthread_mutex_lock(&front->proc->lock);
  while (rc == 0 && !(group = by_name(front, name))) {
    const uint64_t *none = rs_map_find(&front->named, name);
    rc = none ? (int)(uint32_t)*none : rs_front_nap(front, end, interruptions);
  }
  if (rc == 0 && group)
    *id = group->id;
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}
