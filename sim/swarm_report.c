/* swarm_report.c -- what an experiment's network tells: to the checkers at rest, and to whoever reads a failure. */
#include <inttypes.h>

#include "base/alloc.h"
#include "sim/swarm_net_int.h"

void swarm_net_rest(struct swarm_net *n, FILE *print)
{
  struct rs_rest rest = {.gcs = swarm_net_place(n, rs_addr_make(0, 1, RS_EP_GCS))->ep, .stored_bytes = n->stored};
  rest.raylets = rs_alloc(n->list_count * sizeof *rest.raylets);
  rest.owners = rs_alloc(n->list_count * sizeof *rest.owners);
  uint32_t *workers = rs_alloc_zero(n->list_count, sizeof *workers);
  for (uint32_t i = 0; i < n->list_count; i++) {
    rs_addr addr = n->list[i]->addr;
    if (rs_addr_ep(addr) >= RS_EP_WORKER)
      rest.owners[rest.owner_count++] = n->list[i]->ep;
    if (rs_addr_ep(addr) != RS_EP_RAYLET)
      continue;
    for (uint32_t k = 0; k < n->list_count; k++)
      workers[rest.raylet_count] += rs_addr_same_node(n->list[k]->addr, addr) &&
                                    rs_addr_ep(n->list[k]->addr) >= RS_EP_WORKER &&
                                    rs_addr_ep(n->list[k]->addr) < RS_EP_DRIVER;
    rest.raylets[rest.raylet_count++] = n->list[i]->ep;
  }
  rest.workers = workers;
  if (print)
    rs_check_print(&rest, print);
  else
    rs_check_rest(n->checker, &rest);
  free(rest.raylets);
  free(rest.owners);
  free(workers);
}

void swarm_net_print(const struct swarm_net *n, FILE *out)
{
  uint64_t from = n->line_count > SWARM_TRACE_LINES ? n->line_count - SWARM_TRACE_LINES : 0;
  for (uint64_t i = from; i < n->line_count; i++) {
    const struct line *l = &n->lines[i % SWARM_TRACE_LINES];
    fprintf(out, "  %12.6f s  %u.%u.%x  %-14s %" PRIx64 " %" PRId64 " %" PRIx64 "\n", (double)l->t_ns * 1e-9,
            rs_addr_node(l->self), rs_addr_incarnation(l->self), rs_addr_ep(l->self), rs_trace_name(l->trace), l->a,
            (int64_t)l->b, l->c);
  }
}

const char *swarm_net_dump(struct swarm_net *n)
{
  const struct event *e = n->count ? &n->heap[0] : NULL;
  bool message = e && e->kind == EV_MESSAGE;
  snprintf(n->dump, sizeof n->dump, "%u events, the next of kind %d for %" PRIx64 " %s", n->count,
           e ? (int)e->kind : -1, e ? e->to : 0, message ? rs_msg_name(e->msg->type) : "");
  return n->dump;
}
