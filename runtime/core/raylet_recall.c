/* raylet_recall.c -- leases that are asked back while somebody else waits.
 *
 * The GCS tells every raylet who waits in the cluster: nobody, one owner for one scheduling key, or several. While
 * somebody waits a lease older than worker_lease_timeout_milliseconds is asked back from its owner (LEASE_RECALL), but
 * for those of the one who waits; an owner gives it back when what it has pushed is done. Grants are kept oldest first,
 * so the first that is too young ends the walk. O(grants) while somebody waits, nothing otherwise.
 */
#include "core/raylet_int.h"

void rs_raylet_recall(struct rs_endpoint *ep)
{
  struct rs_raylet *r = ep->local;
  if (r->contention == RS_WAITING_NONE || ep->now < r->next_recall_at)
    return;
  uint64_t timeout_ns = (uint64_t)ep->config->worker_lease_timeout_milliseconds * RS_MS;
  r->next_recall_at = RS_TIME_NEVER;
  RS_LIST_EACH(&r->grants, at, after)
  {
    struct grant *grant = RS_ENTRY(at, struct grant, link);
    if (grant->actor || grant->recalled || r->contention == rs_waiting_source(grant->owner, grant->key))
      continue;
    uint64_t due = rs_time_add(grant->granted_at, timeout_ns);
    if (due > ep->now) {
      r->next_recall_at = due; /* oldest first: the others are due later */
      return;
    }
    if (!grant->worker) { /* not even started: asked again later */
      r->next_recall_at = rs_time_min(r->next_recall_at, rs_time_add(ep->now, timeout_ns + RS_MS));
      continue;
    }
    grant->recalled = true;
    struct rs_m_lease_recall *m = rs_msg_new(RS_MSG_LEASE_RECALL);
    m->lease = grant->lease;
    m->worker = grant->worker->addr;
    rs_send(ep, grant->owner, m);
    rs_trace(ep, RS_TRACE_LEASE_RECALLED, grant->owner, grant->lease, grant->worker->addr);
  }
}

void rs_raylet_set_contention(struct rs_raylet *r, uint64_t waiting)
{
  r->contention = waiting;
  r->next_recall_at = waiting == RS_WAITING_NONE ? RS_TIME_NEVER : 0;
}
