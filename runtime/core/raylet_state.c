/* raylet_state.c -- what a raylet knows about its node's state: workers, copies of objects, and why a lease request
 * waits. O(entries) for each question. */
#include "core/raylet_int.h"
#include "core/state.h"
#include "core/store.h"

static struct rs_row *worker_row(const struct rs_endpoint *ep, const struct pool_worker *worker)
{
  struct rs_row *row = rs_row_new(RS_STATE_WORKERS, RS_COLS(workers), 0);
  const struct grant *grant = worker->grant;
  row->n[RS_COL(workers, worker)] = worker->addr;
  row->n[RS_COL(workers, node)] = rs_addr_node(ep->self);
  row->n[RS_COL(workers, state)] = worker->state == WORKER_STARTING ? RS_WORKER_STARTING
                                   : worker->state == WORKER_IDLE   ? RS_WORKER_IDLE
                                   : grant && grant->actor          ? RS_WORKER_ACTOR
                                                                    : RS_WORKER_LEASED;
  uint64_t since = grant ? grant->granted_at : worker->since;
  row->n[RS_COL(workers, since)] = ep->now - since;
  row->n[RS_COL(workers, job)] = worker->job;
  row->n[RS_COL(workers, pid)] = worker->pid;
  if (grant) {
    row->n[RS_COL(workers, owner)] = grant->owner;
    row->n[RS_COL(workers, cpus)] = (uint64_t)grant->class->hold->is.cpu_e4;
    row->n[RS_COL(workers, gpus)] = grant->gpus;
    row->n[RS_COL(workers, actor)] = grant->actor;
  }
  return row;
}

static struct rs_row *lease_row(const struct rs_endpoint *ep, enum rs_wait_reason reason, uint64_t request,
                                uint64_t count)
{
  struct rs_row *row = rs_row_new(RS_STATE_EXPLAIN, RS_COLS(explain), 0);
  row->n[RS_COL(explain, reason)] = reason;
  row->n[RS_COL(explain, raylet)] = ep->self;
  row->n[RS_COL(explain, request)] = request;
  row->n[RS_COL(explain, count)] = count;
  row->n[RS_COL(explain, target)] = RS_NODE_NONE;
  return row;
}

static bool has(const struct waiting *w, rs_addr owner, uint64_t request)
{
  return w->owner == owner && request >= w->request && request < w->request + w->count;
}

/* A request in a class's queue: what each node says, or this one alone where it is for this one. */
static void explain_queued(struct rs_endpoint *ep, const struct lease_class *class, const struct waiting *w,
                           struct rs_answer *answer)
{
  struct rs_raylet *r = ep->local;
  struct rs_explain x = {ep->config, &class->demand->is, class->strategy, class->target, rs_addr_node(ep->self)};
  struct rs_view *view = r->view && !class->here ? rs_view_ref(r->view) : rs_view_new();
  struct rs_view_node own = rs_raylet_own_entry(ep);
  rs_view_set(&view, rs_addr_node(ep->self), &own); /* ours is the truth */
  uint32_t first = answer->count;
  rs_explain_nodes(&x, view, answer);
  rs_view_unref(view);
  bool args = class->here && !rs_store_args_fit(ep, w->deps, w->dep_count);
  if (args && answer->count > first && answer->rows[first]->n[RS_COL(verdicts, verdict)] == RS_VERDICT_FITS)
    answer->rows[first]->n[RS_COL(verdicts, verdict)] = RS_VERDICT_ARGS;
}

static void explain_request(struct rs_endpoint *ep, struct rs_answer *answer)
{
  struct rs_raylet *r = ep->local;
  rs_addr owner = answer->query->a;
  uint64_t request = answer->query->b;
  for (const struct rs_link *at = r->fetching.next; at != &r->fetching; at = at->next) {
    const struct waiting *w = RS_ENTRY(at, struct waiting, link);
    if (!has(w, owner, request))
      continue;
    rs_answer_add(answer, lease_row(ep, RS_WAIT_FETCH, request, w->dep_count - w->held));
    return;
  }
  for (const struct rs_link *at = r->grants.next; at != &r->grants; at = at->next) {
    const struct grant *grant = RS_ENTRY(at, struct grant, link);
    if (grant->owner != owner || grant->request != request)
      continue;
    rs_answer_add(answer, lease_row(ep, grant->worker ? RS_WAIT_NOT : RS_WAIT_WORKER, request, r->need_count));
    return;
  }
  for (const struct rs_link *at = r->classes.next; at != &r->classes; at = at->next) {
    const struct lease_class *class = RS_ENTRY(at, struct lease_class, link);
    uint64_t before = 0;
    for (const struct rs_link *link = class->queue.next; link != &class->queue; link = link->next) {
      const struct waiting *w = RS_ENTRY(link, struct waiting, link);
      if (has(w, owner, request)) {
        rs_answer_add(answer, lease_row(ep, RS_WAIT_QUEUE, request, before + (request - w->request)));
        explain_queued(ep, class, w, answer);
        return;
      }
      before += w->count;
    }
  }
  rs_answer_add(answer, lease_row(ep, RS_WAIT_NOT, request, 0));
}

void rs_raylet_state_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  struct rs_raylet *r = ep->local;
  switch (answer->query->kind) {
  case RS_STATE_WORKERS:
    for (uint32_t i = 0; i < r->workers.cap; i++)
      if (r->workers.slots[i].key)
        rs_answer_add(answer, worker_row(ep, (void *)(uintptr_t)r->workers.slots[i].value));
    return;
  case RS_STATE_COPIES: rs_store_state_rows(ep, answer); return;
  case RS_STATE_STORES: rs_store_summary_row(ep, answer); return;
  case RS_STATE_VERDICTS:
    if (answer->query->target == ep->self)
      explain_request(ep, answer);
    return;
  default: return;
  }
}

const rs_addr *rs_raylet_owners(const struct rs_endpoint *ep, uint32_t *count)
{
  *count = ep->local->subscriber_count;
  return ep->local->subscribers;
}
