/* raylet_block.c -- workers that wait for an object lend their CPU to others.
 *
 * While the task of a worker waits in a get, the CPU of its grant (not GPUs, not memory) is free for others; when it
 * goes on it takes what is left of it at once and is owed the rest, which it gets before anybody else as CPUs become
 * free. So a node may for a while run more tasks than it has CPUs, as in Ray, and what is accounted for never exceeds
 * what there is. Its arguments stay where they are, but do not count for max_task_args_memory_fraction_e4 meanwhile:
 * what it waits for may need arguments, too. Cost: O(grants that are owed) a change.
 */
#include "core/raylet_int.h"
#include "core/store.h"

/* Where a grant has its CPU from: the node, or a bundle of a placement group. */
static int64_t *room_of(struct rs_raylet *r, struct grant *grant)
{
  return grant->bundle ? &grant->bundle->left.cpu_e4 : &r->left.cpu_e4;
}

/* CPU became free: those that are owed some come first. */
void rs_raylet_repay(struct rs_raylet *r)
{
  RS_LIST_EACH(&r->owed, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, owed_link);
    int64_t *room = room_of(r, grant);
    int64_t owed = grant->class->hold->is.cpu_e4 - grant->cpu_e4;
    int64_t paid = owed < *room ? owed : *room;
    grant->cpu_e4 += paid;
    *room -= paid;
    if (paid == owed)
      rs_list_remove(&grant->owed_link);
  }
}

void rs_raylet_on_blocked(struct rs_endpoint *ep, rs_addr from, bool blocked)
{
  struct rs_raylet *r = ep->local;
  struct pool_worker *worker = rs_map_get_ptr(&r->workers, from);
  struct grant *grant = worker ? worker->grant : NULL;
  if (!grant || grant->blocked == blocked)
    return;
  grant->blocked = blocked;
  rs_trace(ep, blocked ? RS_TRACE_WORKER_BLOCKED : RS_TRACE_WORKER_UNBLOCKED, from,
           (uint64_t)grant->class->hold->is.cpu_e4, 0);
  for (uint32_t i = 0; i < grant->dep_count; i++) { /* its arguments stay, but others may have theirs beside them */
    if (blocked) {
      rs_store_pin(ep, grant->deps[i].id);
      rs_store_unlease(ep, grant->deps[i].id);
    } else {
      rs_store_lease(ep, grant->deps[i].id);
    }
  }
  if (blocked) {
    *room_of(r, grant) += grant->cpu_e4;
    grant->cpu_e4 = 0;
    rs_list_remove(&grant->owed_link);
  } else if (grant->cpu_e4 < grant->class->hold->is.cpu_e4) {
    rs_list_push_back(&r->owed, &grant->owed_link);
  }
  rs_raylet_repay(r);
  rs_raylet_changed(r);
}
