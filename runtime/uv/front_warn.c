/* front_warn.c -- what a program is told on stderr while it waits: gets that take long, demands that no node can hold,
 * actors with many calls that wait. In a task the lines come to the driver program with what it prints itself.
 *
 * At most one line about demands in QUIET_NS: many tasks of the same demand are asked for one after the other.
 */
#include <stdio.h>

#include "uv/front.h"

#define QUIET_NS (10 * RS_S)

void rs_front_warn_get(struct rs_id first, uint32_t left, uint32_t count, uint64_t waited_ns)
{
  char hex[RS_ID_HEX];
  rs_id_hex(first, hex);
  fprintf(stderr, "raysim: a get has waited for %llu s for %u of %u objects; `raysim explain %s` says why\n",
          (unsigned long long)(waited_ns / RS_S), left, count, hex);
}

void rs_front_trace(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect)
{
  struct rs_front *front = ctx;
  (void)self;
  if (effect->trace == RS_TRACE_ACTOR_QUEUE) {
    char hex[RS_ID_HEX];
    rs_id_hex((struct rs_id){effect->a, effect->b}, hex);
    fprintf(stderr, "raysim: %llu calls of actor %s wait; max_pending_calls would refuse more\n",
            (unsigned long long)effect->c, hex);
  } else if (effect->trace == RS_TRACE_INFEASIBLE && now >= front->warn_after) {
    front->warn_after = now + QUIET_NS;
    fprintf(
        stderr,
        "raysim: no node can hold what %llu task%s for (%g CPUs, %g GPUs, and what else they need): they wait until "
        "one comes; `raysim explain` says more\n",
        (unsigned long long)effect->c, effect->c == 1 ? " asks" : "s ask", (double)effect->a / RS_ONE_E4,
        (double)effect->b / RS_ONE_E4);
  }
}
