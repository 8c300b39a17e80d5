/* owner_oom.c -- a worker was ended because its node was short of memory.
 *
 * The task that ran is tried again after task_oom_retry_delay_base_ms, doubled each time up to a minute,
 * task_oom_retries times (-1: always), which are counted apart from its other retries, as in Ray; a task without any
 * retries is not. Those behind it go on at once.
 */
#include <string.h>

#include "core/failure.h"
#include "core/oom.h"
#include "core/owner_int.h"

#define DELAY_NS_MAX (60 * RS_S)

static uint64_t delay_ns(const struct rs_endpoint *ep, const struct owned_task *t)
{
  uint64_t delay = (uint64_t)ep->config->task_oom_retry_delay_base_ms * RS_MS;
  for (uint32_t i = 0; i < t->oom_retries && delay && delay < DELAY_NS_MAX; i++)
    delay *= 2;
  return rs_time_min(delay, DELAY_NS_MAX);
}

static struct rs_result *error_of(const struct rs_endpoint *ep, const struct owned_task *t,
                                  const struct rs_m_worker_oom *m)
{
  struct rs_text text = {0};
  rs_oom_text(&text, ep->config, m);
  if (t->oom_retries) {
    rs_text_str(&text, ", after ");
    rs_text_number(&text, t->oom_retries);
    rs_text_str(&text, " retries for that reason");
  }
  struct rs_failure *f = rs_alloc_zero(1, sizeof *f);
  memcpy(f->text, text.bytes, text.used < sizeof f->text ? text.used : sizeof f->text - 1);
  f->task = t->task->id;
  f->function = t->task->function;
  f->node = rs_addr_node(m->worker);
  f->pid = m->pid;
  struct rs_result *result = rs_failure_result(t->task->id, RS_ERR_OUT_OF_MEMORY, f);
  result->node = rs_addr_raylet(m->worker);
  free(f);
  return result;
}

void rs_owner_lease_oom(struct rs_endpoint *ep, struct lease *lease, const struct rs_m_worker_oom *m)
{
  if (!rs_list_empty(&lease->in_flight)) { /* the oldest runs */
    struct owned_task *t = RS_ENTRY(lease->in_flight.next, struct owned_task, link);
    rs_list_remove(&t->link);
    lease->in_flight_count--;
    t->lease = NULL;
    int64_t limit = ep->config->task_oom_retries;
    bool again = t->retries_left != 0 && !t->cancelled && !ep->owner->orphaned &&
                 (limit < 0 || t->oom_retries < (uint64_t)limit);
    if (again) {
      uint64_t delay = delay_ns(ep, t);
      t->oom_retries++;
      rs_owner_task_retry(ep, t, delay);
    } else {
      rs_owner_task_end(ep, t, error_of(ep, t, m));
    }
  }
  while (!rs_list_empty(&lease->in_flight)) {
    struct owned_task *t = RS_ENTRY(lease->in_flight.next, struct owned_task, link);
    rs_list_remove(&t->link);
    lease->in_flight_count--;
    t->lease = NULL;
    rs_owner_task_failed(ep, t, rs_result_failed(t->task->id, RS_ERR_OUT_OF_MEMORY, ""), false);
  }
  rs_owner_lease_forget(ep->owner, lease);
}
