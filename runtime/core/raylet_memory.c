/* raylet_memory.c -- which worker goes when the node is short of memory.
 *
 * The driver says MEMORY_PRESSURE while more than memory_usage_threshold of the node's memory is in use. One worker
 * ends at a time: Ray's policy by groups. Leased workers are grouped by their owner; groups of plain tasks, which can
 * be tried again, go before actors, the largest group first, and in it the worker whose lease is the newest: so the
 * last of a group goes only when every other owner has no more than one. Idle workers end before any of them. The owner
 * is told first, with the numbers, and the process ends STOP_AFTER_NS later, so that the broken connection is not what
 * the owner hears of first. O(grants^2), once in a while.
 *
 * Invariant: while oom_worker is set nobody else is chosen.
 */
#include "core/raylet_int.h"

#define STOP_AFTER_NS (10 * RS_MS)

static uint32_t group_size(const struct rs_raylet *r, const struct grant *of)
{
  uint32_t size = 0;
  for (const struct rs_link *at = r->grants.next; at != &r->grants; at = at->next) {
    const struct grant *grant = RS_ENTRY(at, struct grant, link);
    size += grant->worker && grant->owner == of->owner && grant->actor == of->actor;
  }
  return size;
}

static struct grant *choose(const struct rs_raylet *r)
{
  struct grant *best = NULL;
  uint32_t best_size = 0;
  for (struct rs_link *at = r->grants.prev; at != &r->grants; at = at->prev) { /* newest first */
    struct grant *grant = RS_ENTRY(at, struct grant, link);
    if (!grant->worker)
      continue;
    uint32_t size = group_size(r, grant);
    bool better = !best || (best->actor && !grant->actor) || (best->actor == grant->actor && size > best_size);
    if (!better)
      continue;
    best = grant;
    best_size = size;
  }
  return best;
}

void rs_raylet_on_memory_pressure(struct rs_endpoint *ep, uint64_t used_bytes, uint64_t limit_bytes)
{
  struct rs_raylet *r = ep->local;
  if (r->oom_worker != RS_ADDR_NONE)
    return; /* what the last one had is not free yet */
  if (r->idle_count) {
    rs_raylet_pool_end_idle(ep);
    return;
  }
  struct grant *grant = choose(r);
  if (!grant)
    return;
  r->oom_worker = grant->worker->addr;
  r->oom_lease = grant->lease;
  r->oom_stop_at = rs_time_add(ep->now, STOP_AFTER_NS);
  rs_trace(ep, RS_TRACE_WORKER_OUT_OF_MEMORY, grant->worker->addr, used_bytes, limit_bytes);
  struct rs_m_worker_oom *m = rs_msg_new(RS_MSG_WORKER_OOM);
  m->lease = grant->lease;
  m->worker = grant->worker->addr;
  m->used = used_bytes;
  m->limit = limit_bytes;
  rs_send(ep, grant->owner, m);
}

void rs_raylet_memory_settle(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (r->oom_worker == RS_ADDR_NONE)
    return;
  struct pool_worker *worker = rs_map_get_ptr(&r->workers, r->oom_worker);
  if (worker && r->oom_stop_at > ep->now)
    return;
  r->oom_worker = RS_ADDR_NONE;
  if (worker && worker->grant && worker->grant->lease == r->oom_lease) /* else it was returned meanwhile */
    rs_raylet_drop_grant(ep, worker->grant, true);
}

uint64_t rs_raylet_memory_deadline(const struct rs_raylet *r)
{
  return r->oom_worker != RS_ADDR_NONE ? r->oom_stop_at : RS_TIME_NEVER;
}
