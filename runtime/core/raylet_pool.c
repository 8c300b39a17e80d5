/* raylet_pool.c -- the raylet's worker processes: started when a grant needs one, kept while they may be useful.
 *
 * A grant takes the worker that became idle last (its caches are warm) among those that have run nothing but its job in
 * its environment, or waits for one to start. No more than worker_maximum_startup_concurrency start at a time. Idle
 * workers up to num_workers_soft_limit are kept for good; of those beyond it the ones that have been idle for
 * idle_worker_killing_time_threshold_ms end, looked at every kill_idle_workers_interval_ms but for the times when none
 * can be that old, unless they own what others need. A worker that has not registered within
 * worker_register_timeout_seconds is stopped and another one is started; a grant to which that happens more than
 * pop_worker_max_retries times is refused.
 *
 * Workers are started before they are needed: as many as the node has CPUs when the first driver program begins here
 * (prestart_worker_first_driver), and, with enable_worker_prestart, as many as an owner has tasks beyond its lease
 * requests, or requests whose arguments are on their way; never more than the CPUs that are free then, and none once
 * such a worker has not come, or has ended because it was idle. All as in Ray.
 *
 * Invariants: need_count grants wait for a worker; a worker is in exactly one of starting, idle, leased.
 */
#include "core/raylet_int.h"
#include "core/store.h"

#define ASK_AGAIN_NS RS_S /* at least: a worker that stays is asked again */

static uint32_t cpu_count(const struct rs_raylet *r)
{
  return (uint32_t)(r->info->total.cpu_e4 / RS_ONE_E4);
}

static uint32_t start_limit(const struct rs_endpoint *ep)
{
  int64_t limit = ep->config->worker_maximum_startup_concurrency;
  uint32_t cpus = cpu_count(ep->local);
  return limit > 0 ? (uint32_t)limit : cpus ? cpus : 1;
}

static uint64_t look_period(const struct rs_endpoint *ep)
{
  return (uint64_t)ep->config->kill_idle_workers_interval_ms * RS_MS;
}

static uint32_t idle_limit(const struct rs_endpoint *ep)
{
  int64_t limit = ep->config->num_workers_soft_limit;
  return limit >= 0 ? (uint32_t)limit : cpu_count(ep->local);
}

static uint64_t idle_ns_max(const struct rs_endpoint *ep)
{
  return (uint64_t)ep->config->idle_worker_killing_time_threshold_ms * RS_MS;
}

static uint64_t register_ns_max(const struct rs_endpoint *ep)
{
  return (uint64_t)ep->config->worker_register_timeout_seconds * RS_S;
}

/* Of use to those for whom workers are started before they are needed: idle ones of other jobs are not. */
static bool is_spare(const struct rs_raylet *r, const struct pool_worker *worker)
{
  return worker->job == RS_ADDR_NONE || worker->job == r->prestart_job;
}

/* One more is wanted beside those that are needed now. O(idle workers). */
static bool lacks_spare(struct rs_raylet *r)
{
  if (r->prestart == 0)
    return false;
  uint32_t spare = r->starting_count > r->need_count ? r->starting_count - r->need_count : 0;
  for (const struct rs_link *at = r->idle.next; at != &r->idle; at = at->next)
    spare += is_spare(r, RS_ENTRY(at, struct pool_worker, link));
  int64_t free_cpus = r->draining ? 0 : r->left.cpu_e4 / RS_ONE_E4;
  if (spare < r->prestart && spare < free_cpus)
    return true;
  r->prestart = 0;
  return false;
}

static void start_workers(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  while (r->starting_count < start_limit(ep) && (r->starting_count < r->need_count || lacks_spare(r))) {
    RS_ASSERT(r->next_ep < RS_EP_DRIVER);
    struct pool_worker *worker = rs_alloc_zero(1, sizeof *worker);
    worker->addr = (ep->self & ~(uint64_t)RS_EP_MAX) | r->next_ep++;
    worker->since = ep->now;
    worker->state = WORKER_STARTING;
    worker->end = RS_PROCESS_RUNS;
    rs_list_push_back(&r->starting, &worker->link);
    r->starting_count++;
    rs_map_put_ptr(&r->workers, worker->addr, worker);
    rs_emit(ep, RS_OUT_WORKER_START)->to = worker->addr;
    rs_trace(ep, RS_TRACE_WORKER_STARTED, worker->addr, 0, 0);
  }
}

void rs_raylet_pool_on_program(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (r->program_seen || !ep->config->prestart_worker_first_driver)
    return;
  r->program_seen = true;
  r->prestart = cpu_count(r);
  r->prestart_job = RS_ADDR_NONE;
}

void rs_raylet_pool_expect(struct rs_endpoint *ep, uint64_t backlog, rs_addr job)
{
  struct rs_raylet *r = ep->local;
  if (!ep->config->enable_worker_prestart || backlog == 0)
    return;
  uint32_t most = cpu_count(r);
  r->prestart = backlog < most ? (uint32_t)backlog : most;
  r->prestart_job = job;
}

/* An idle worker leaves the others. If the next look was planned for it, or if no more are idle than may be, the look
 * is as early as it would be without a plan. */
static void leave_idle(struct rs_endpoint *ep, struct pool_worker *worker)
{
  struct rs_raylet *r = ep->local;
  bool oldest = r->idle.next == &worker->link;
  rs_list_remove(&worker->link);
  r->idle_count--;
  if (r->look_at != RS_TIME_NEVER && r->look_at > ep->now && (oldest || r->idle_count <= idle_limit(ep)))
    r->look_at = ep->now + (r->look_at - ep->now) % look_period(ep);
}

/* One job a worker, and one environment: what a job's code has left in a process is nobody else's. */
static bool suits(const struct pool_worker *worker, const struct grant *grant)
{
  return worker->job == RS_ADDR_NONE || (worker->job == grant->job && worker->env == grant->class->demand->is.env);
}

static void lease_to(struct rs_endpoint *ep, struct pool_worker *worker, struct grant *grant)
{
  worker->job = grant->job;
  worker->env = grant->class->demand->is.env;
  worker->state = WORKER_LEASED;
  worker->grant = grant;
  grant->worker = worker;
  rs_raylet_on_worker(ep, grant);
}

void rs_raylet_pool_assign(struct rs_endpoint *ep, struct grant *grant)
{
  struct rs_raylet *r = ep->local;
  for (struct rs_link *at = r->idle.prev; at != &r->idle; at = at->prev) {
    struct pool_worker *worker = RS_ENTRY(at, struct pool_worker, link);
    if (!suits(worker, grant))
      continue;
    leave_idle(ep, worker);
    lease_to(ep, worker, grant);
    return;
  }
  rs_list_push_back(&r->need_worker, &grant->worker_link);
  r->need_count++;
  start_workers(ep);
}

/* A worker without work: the next grant in need of one gets it. */
static void offer(struct rs_endpoint *ep, struct pool_worker *worker)
{
  struct rs_raylet *r = ep->local;
  RS_LIST_EACH(&r->need_worker, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, worker_link);
    if (!suits(worker, grant))
      continue;
    rs_list_remove(&grant->worker_link);
    r->need_count--;
    lease_to(ep, worker, grant);
    return;
  }
  worker->state = WORKER_IDLE;
  worker->grant = NULL;
  worker->since = ep->now;
  rs_list_push_back(&r->idle, &worker->link);
  r->idle_count++;
  if (r->idle_count > idle_limit(ep) && r->look_at == RS_TIME_NEVER && look_period(ep) > 0)
    r->look_at = rs_time_add(ep->now, look_period(ep));
}

void rs_raylet_pool_on_ready(struct rs_endpoint *ep, rs_addr addr)
{
  struct rs_raylet *r = ep->local;
  struct pool_worker *worker = rs_map_get_ptr(&r->workers, addr);
  if (!worker || worker->state != WORKER_STARTING)
    return; /* it was given up meanwhile */
  rs_list_remove(&worker->link);
  r->starting_count--;
  offer(ep, worker);
  start_workers(ep);
}

static void forget(struct rs_endpoint *ep, struct pool_worker *worker, uint64_t reason)
{
  struct rs_raylet *r = ep->local;
  if (worker->state == WORKER_STARTING)
    r->starting_count--;
  if (worker->state == WORKER_IDLE)
    leave_idle(ep, worker);
  else if (worker->state != WORKER_LEASED)
    rs_list_remove(&worker->link);
  rs_map_remove(&r->workers, worker->addr, NULL);
  if (worker->state == WORKER_LEASED) /* an idle one has told its owners all that it made */
    rs_store_on_worker_gone(ep, worker->addr);
  rs_trace(ep, RS_TRACE_WORKER_STOPPED, worker->addr, reason, 0);
  free(worker);
}

static void stop(struct rs_endpoint *ep, struct pool_worker *worker)
{
  rs_emit(ep, RS_OUT_WORKER_STOP)->to = worker->addr;
  forget(ep, worker, 0);
}

void rs_raylet_pool_release(struct rs_endpoint *ep, struct pool_worker *worker, bool end)
{
  worker->grant = NULL;
  if (end)
    stop(ep, worker);
  else
    offer(ep, worker);
}

/* A worker has not come. If grants need one, the grant that has waited longest, of those that were let down least
 * often, is let down; else it was started before it was needed, and no more of those are, which would fail likewise. */
static void start_failed(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  struct grant *grant = NULL;
  for (struct rs_link *at = r->need_worker.next; at != &r->need_worker; at = at->next) {
    struct grant *next = RS_ENTRY(at, struct grant, worker_link);
    if (!grant || next->pops < grant->pops)
      grant = next;
  }
  if (!grant)
    r->prestart = 0;
  int64_t most = ep->config->pop_worker_max_retries;
  if (!grant || most < 0 || grant->pops++ < most)
    return;
  rs_raylet_reject(ep, grant->owner, grant->request, RS_ERR_WORKER_START);
  rs_raylet_drop_grant(ep, grant, false);
}

void rs_raylet_on_process(struct rs_endpoint *ep, rs_addr addr, uint32_t pid, int32_t end)
{
  struct pool_worker *worker = rs_map_get_ptr(&ep->local->workers, addr);
  if (!worker)
    return;
  worker->pid = pid;
  worker->end = end;
}

void rs_raylet_pool_on_down(struct rs_endpoint *ep, rs_addr addr)
{
  struct rs_raylet *r = ep->local;
  struct pool_worker *worker = rs_map_get_ptr(&r->workers, addr);
  if (!worker)
    return;
  struct grant *grant = worker->grant;
  bool starting = worker->state == WORKER_STARTING;
  uint32_t pid = worker->pid;
  int32_t end = worker->end;
  forget(ep, worker, (uint64_t)(int64_t)RS_ERR_WORKER_CRASHED);
  if (starting)
    start_failed(ep);
  if (grant) {
    grant->worker = NULL;
    struct rs_m_worker_died *m = rs_msg_new(RS_MSG_WORKER_DIED);
    m->lease = grant->lease;
    m->worker = addr;
    m->reason = RS_ERR_WORKER_CRASHED;
    m->pid = pid;
    m->end = end;
    rs_send(ep, grant->owner, m);
    rs_raylet_drop_grant(ep, grant, false);
  }
  start_workers(ep);
}

void rs_raylet_pool_end_idle(struct rs_endpoint *ep, struct pool_worker *worker)
{
  RS_ASSERT(worker->state == WORKER_IDLE);
  stop(ep, worker);
}

void rs_raylet_pool_on_job_gone(struct rs_endpoint *ep, rs_addr job)
{
  RS_LIST_EACH(&ep->local->idle, at, after)
  {
    struct pool_worker *worker = RS_ENTRY(at, struct pool_worker, link);
    if (worker->job == job)
      stop(ep, worker);
  }
}

static struct pool_worker *first(const struct rs_link *list)
{
  return rs_list_empty(list) ? NULL : RS_ENTRY(list->next, struct pool_worker, link);
}

/* A worker that may be an owner decides itself: it ends, or says that it stays. When one goes for which nobody had a
 * use no more are started before they are needed: it would be for ever where they end sooner than all have started. */
static void end_idle(struct rs_endpoint *ep, struct pool_worker *worker)
{
  struct rs_raylet *r = ep->local;
  if (is_spare(r, worker))
    r->prestart = 0;
  if (!worker->owns) {
    stop(ep, worker);
    return;
  }
  leave_idle(ep, worker);
  worker->state = WORKER_RETIRING;
  rs_send(ep, worker->addr, rs_msg_new(RS_MSG_WORKER_RETIRE));
}

void rs_raylet_pool_on_owns(struct rs_endpoint *ep, rs_addr addr)
{
  struct pool_worker *worker = rs_map_get_ptr(&ep->local->workers, addr);
  if (worker)
    worker->owns = true;
}

void rs_raylet_pool_on_stays(struct rs_endpoint *ep, rs_addr addr)
{
  struct pool_worker *worker = rs_map_get_ptr(&ep->local->workers, addr);
  if (!worker || worker->state != WORKER_RETIRING)
    return;
  offer(ep, worker);
  worker->since = rs_time_add(worker->since, ASK_AGAIN_NS); /* those behind it wait no longer than that */
}

/* The next time to look at which the one that has been idle longest may go: those before it would find nothing. */
static uint64_t next_look(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  uint64_t period = look_period(ep);
  if (r->idle_count <= idle_limit(ep) || period == 0)
    return RS_TIME_NEVER;
  uint64_t due = rs_time_add(first(&r->idle)->since, idle_ns_max(ep));
  uint64_t periods = due > ep->now ? (due - ep->now + period - 1) / period : 1;
  return rs_time_add(ep->now, periods * period);
}

void rs_raylet_pool_settle(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  struct pool_worker *worker;
  while ((worker = first(&r->starting)) && rs_time_add(worker->since, register_ns_max(ep)) <= ep->now) {
    stop(ep, worker);
    start_failed(ep);
  }
  if (r->look_at <= ep->now) {
    while (r->idle_count > idle_limit(ep) && rs_time_add(first(&r->idle)->since, idle_ns_max(ep)) <= ep->now)
      end_idle(ep, first(&r->idle));
    r->look_at = next_look(ep);
  }
  start_workers(ep);
}

uint64_t rs_raylet_pool_deadline(const struct rs_endpoint *ep)
{
  const struct rs_raylet *r = ep->local;
  uint64_t deadline = RS_TIME_NEVER;
  if (r->starting_count)
    deadline = rs_time_add(first(&r->starting)->since, register_ns_max(ep));
  return rs_time_min(deadline, r->look_at);
}

void rs_raylet_pool_free(struct rs_raylet *r)
{
  for (uint32_t i = 0; i < r->workers.cap; i++)
    if (r->workers.slots[i].key)
      free((void *)(uintptr_t)r->workers.slots[i].value);
  rs_map_free(&r->workers);
}
