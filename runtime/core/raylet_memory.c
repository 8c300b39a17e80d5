/* raylet_memory.c -- which workers go when the node is short of memory.
 *
 * While more than the threshold is in use the driver says so (MEMORY_USE), with the memory that each worker process has
 * for itself. Ray's policies, since 2.56:
 *
 *   by time (the default)          idle workers that have run something, and fresh ones of more than
 *     idle_worker_killing_memory_threshold_bytes, the largest first; then leased ones: those whose task or actor can be
 *     tried again before others, the newest lease first. As many as it takes to come below the threshold by 5 % of the
 *     memory, at most max_kill_memory_buffer_bytes.
 *   worker_killing_policy_by_group  one idle worker; or one leased one: those that can be tried again before others, of
 *     the owner with the most of them, the newest lease: so the last of an owner goes only when every other has one.
 *
 * Nobody is chosen while a process that was ended is still there, and its memory is not free. The owner hears of it
 * from us (WORKER_OOM), with the numbers; one that notices the broken connection first asks us. Where the memory of a
 * worker is not known nothing more is chosen after it. O(workers^2), once in a while.
 */
#include "core/oom.h"
#include "core/raylet_int.h"

struct use {
  struct pool_worker *worker;
  uint64_t rss;
  uint32_t pid;
};

static bool can_go(const struct rs_endpoint *ep, const struct use *use)
{
  const struct pool_worker *worker = use->worker;
  if (worker->state == WORKER_IDLE)
    return worker->job != RS_ADDR_NONE || use->rss > (uint64_t)ep->config->idle_worker_killing_memory_threshold_bytes;
  return worker->state == WORKER_LEASED;
}

/* How many of the leased workers that are as retriable have the same owner. */
static uint32_t group_size(const struct use *uses, uint32_t count, const struct grant *of)
{
  uint32_t size = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct grant *grant = uses[i].worker->grant;
    size += grant && grant->owner == of->owner && grant->retriable == of->retriable;
  }
  return size;
}

/* a goes before b. Leases are numbered in the order in which they were granted. */
static bool before(const struct rs_endpoint *ep, const struct use *uses, uint32_t count, const struct use *a,
                   const struct use *b)
{
  const struct grant *x = a->worker->grant, *y = b->worker->grant;
  if (!x || !y)
    return x || y ? !x : a->rss != b->rss ? a->rss > b->rss : a->worker->addr < b->worker->addr;
  if (x->retriable != y->retriable)
    return x->retriable;
  if (ep->config->worker_killing_policy_by_group) {
    uint32_t m = group_size(uses, count, x), n = group_size(uses, count, y);
    if (m != n)
      return m > n;
  }
  return x->lease > y->lease;
}

/* The one that goes first, or NULL. */
static struct use *choose(const struct rs_endpoint *ep, struct use *uses, uint32_t count)
{
  struct use *best = NULL;
  for (uint32_t i = 0; i < count; i++)
    if (can_go(ep, &uses[i]) && (!best || before(ep, uses, count, &uses[i], best)))
      best = &uses[i];
  return best;
}

static void end(struct rs_endpoint *ep, const struct rs_m_memory_use *m, const struct use *use)
{
  struct rs_raylet *r = ep->local;
  struct grant *grant = use->worker->grant;
  RS_GROW(r->oom_ended, r->oom_count, r->oom_cap);
  r->oom_ended[r->oom_count++] = use->worker->addr;
  rs_trace(ep, RS_TRACE_WORKER_OUT_OF_MEMORY, use->worker->addr, m->used, m->limit);
  if (!grant) {
    rs_raylet_pool_end_idle(ep, use->worker);
    return;
  }
  struct rs_m_worker_oom *told = rs_msg_new(RS_MSG_WORKER_OOM);
  told->lease = grant->lease;
  told->worker = use->worker->addr;
  told->used = m->used;
  told->limit = m->limit;
  told->rss = use->rss;
  told->pid = use->pid;
  told->retriable = grant->retriable;
  rs_send(ep, grant->owner, told);
  rs_raylet_drop_grant(ep, grant, true);
}

/* Is a process that we have ended still there? Those that are gone are forgotten. */
static bool still_ends(struct rs_raylet *r, const struct rs_m_memory_use *m)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < r->oom_count; i++)
    for (uint32_t k = 0; k < m->workers_count; k++)
      if (m->workers[k] == r->oom_ended[i]) {
        r->oom_ended[kept++] = r->oom_ended[i];
        break;
      }
  r->oom_count = kept;
  return kept > 0;
}

void rs_raylet_on_memory_use(struct rs_endpoint *ep, const struct rs_m_memory_use *m)
{
  struct rs_raylet *r = ep->local;
  uint64_t threshold = rs_oom_threshold(ep->config, m->limit);
  if (m->used < threshold || still_ends(r, m))
    return;
  uint32_t count = 0;
  struct use *uses = rs_alloc_zero(m->workers_count + 1, sizeof *uses);
  for (uint32_t i = 0; i < m->workers_count; i++) {
    struct pool_worker *worker = rs_map_get_ptr(&r->workers, m->workers[i]);
    if (worker)
      uses[count++] = (struct use){worker, i < m->rss_count ? m->rss[i] : 0, i < m->pids_count ? m->pids[i] : 0};
  }
  bool one = ep->config->worker_killing_policy_by_group != 0;
  uint64_t buffer = rs_time_min(m->limit / 20, (uint64_t)ep->config->max_kill_memory_buffer_bytes);
  uint64_t wanted = m->used - threshold + buffer, freed = 0;
  for (struct use *use; (freed == 0 || (!one && freed < wanted)) && (use = choose(ep, uses, count));) {
    struct use gone = *use;
    *use = uses[--count];
    end(ep, m, &gone);
    if (gone.rss == 0)
      break;
    freed += gone.rss;
  }
  free(uses);
}
