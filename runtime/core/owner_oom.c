/* owner_oom.c -- a worker was ended because its node was short of memory.
 *
 * The task that ran is tried again after task_oom_retry_delay_base_ms, task_oom_retries times (-1: always), which are
 * counted apart from its other retries, as in Ray; a task without any retries is not. Those behind it go on at once.
 */
#include "core/owner_int.h"

struct text {
  char bytes[400];
  uint32_t size;
};

static void put(struct text *t, const char *s)
{
  while (*s && t->size + 1 < sizeof t->bytes)
    t->bytes[t->size++] = *s++;
  t->bytes[t->size] = 0;
}

static void put_number(struct text *t, uint64_t n)
{
  char digits[24];
  unsigned at = sizeof digits - 1;
  digits[at] = 0;
  do
    digits[--at] = (char)('0' + n % 10);
  while (n /= 10);
  put(t, digits + at);
}

static struct rs_result *error_of(const struct rs_endpoint *ep, const struct owned_task *t,
                                  const struct rs_m_worker_oom *m)
{
  struct text text = {.size = 0};
  put(&text, "the node was short of memory: on node ");
  put_number(&text, rs_addr_node(m->worker));
  put(&text, " ");
  put_number(&text, m->used >> 20);
  put(&text, " of ");
  put_number(&text, m->limit >> 20);
  put(&text, " MiB were in use, more than memory_usage_threshold (");
  put_number(&text, (uint64_t)ep->config->memory_usage_threshold_e4 / 100);
  put(&text, " %); this task's worker was ended, as the newest of its owner");
  if (t->oom_retries) {
    put(&text, ", after ");
    put_number(&text, t->oom_retries);
    put(&text, " retries for that reason");
  }
  return rs_result_failed(t->task->id, RS_ERR_OUT_OF_MEMORY, text.bytes);
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
      t->oom_retries++;
      rs_owner_task_retry(ep, t, (uint64_t)ep->config->task_oom_retry_delay_base_ms * RS_MS);
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
