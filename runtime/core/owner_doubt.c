/* owner_doubt.c -- leases whose worker may be gone: the raylet is asked why, and one that does not obey goes.
 *
 * A connection to a leased worker that breaks says nothing about the reason: the worker may have crashed, or its raylet
 * may have ended it, for lack of memory or because its placement group was removed, and the raylet's word may be behind
 * the broken connection. So the owner asks the raylet (LEASE_CHECK) and gives the lease back. The raylet has told the
 * reason before, if it was the one who ended the worker; if it answers that the worker lived, or says nothing for
 * timeout_ms_task_wait_for_death_info, the worker has crashed. Ray's owners ask likewise, and wait without a limit. If
 * only the connection broke, the worker may meanwhile tell the results over a new one: they count, and when none is
 * left nothing is in doubt.
 *
 * A task that was cancelled by force is asked to end by its worker. A worker that is stopped (SIGSTOP) or hangs cannot
 * do that: after cancellation_retry_ms its raylet is told to end the process.
 *
 * Cost: O(leases in doubt) for one more, in the order of when they are due. Invariant: a lease in doubt is in no list
 * of those that want tasks.
 */
#include "core/owner_int.h"

static void doubt(struct rs_endpoint *ep, struct lease *lease, uint64_t due_at)
{
  lease->due_at = due_at;
  rs_list_remove(&lease->doubt_link);
  struct rs_link *place = ep->owner->doubts.prev;
  while (place != &ep->owner->doubts && RS_ENTRY(place, struct lease, doubt_link)->due_at > lease->due_at)
    place = place->prev;
  rs_list_insert_after(place, &lease->doubt_link);
}

void rs_owner_doubt_worker_down(struct rs_endpoint *ep, struct lease *lease)
{
  if (lease->lost)
    return;
  if (lease->dying || ep->owner->orphaned) { /* it has said why itself, or nobody can tell */
    rs_owner_lease_lost(ep, lease, RS_ERR_WORKER_CRASHED, true);
    return;
  }
  lease->lost = true;
  rs_list_remove(&lease->hungry_link);
  struct rs_m_lease_check *check = rs_msg_new(RS_MSG_LEASE_CHECK);
  check->lease = lease->number;
  rs_send(ep, lease->raylet, check);
  rs_owner_lease_return(ep, lease->raylet, lease->number, true);
  doubt(ep, lease, rs_time_add(ep->now, (uint64_t)ep->config->timeout_ms_task_wait_for_death_info * RS_MS));
}

/* The worker was alive when the raylet heard of it: only the connection, or the process just now, has broken. */
void rs_owner_doubt_on_alive(struct rs_endpoint *ep, const struct rs_m_lease_alive *m)
{
  struct lease *lease = rs_map_get_ptr(&ep->owner->lease_by_worker, m->worker);
  if (lease && lease->number == m->lease && lease->lost)
    rs_owner_lease_lost(ep, lease, RS_ERR_WORKER_CRASHED, false);
}

void rs_owner_doubt_cancelled(struct rs_endpoint *ep, struct owned_task *t)
{
  if (t->kill_at)
    return;
  t->kill_at = rs_time_add(ep->now, (uint64_t)ep->config->cancellation_retry_ms * RS_MS);
  if (rs_list_empty(&t->lease->doubt_link))
    doubt(ep, t->lease, t->kill_at);
}

/* When the first of its tasks that were cancelled by force should have ended. */
static uint64_t first_kill(const struct lease *lease)
{
  uint64_t first = RS_TIME_NEVER;
  for (const struct rs_link *at = lease->in_flight.next; at != &lease->in_flight; at = at->next) {
    const struct owned_task *t = RS_ENTRY(at, struct owned_task, link);
    first = t->kill_at ? rs_time_min(first, t->kill_at) : first;
  }
  return first;
}

void rs_owner_doubt_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->doubts)) {
    struct lease *lease = RS_ENTRY(o->doubts.next, struct lease, doubt_link);
    if (lease->due_at > ep->now)
      return;
    rs_list_remove(&lease->doubt_link);
    uint64_t due = lease->lost ? ep->now : first_kill(lease);
    if (due <= ep->now)
      rs_owner_lease_lost(ep, lease, RS_ERR_WORKER_CRASHED, !lease->lost);
    else if (due != RS_TIME_NEVER)
      doubt(ep, lease, due);
  }
}

uint64_t rs_owner_doubt_deadline(const struct rs_owner *o)
{
  return rs_list_empty(&o->doubts) ? RS_TIME_NEVER : RS_ENTRY(o->doubts.next, struct lease, doubt_link)->due_at;
}
