/* time.h -- time in the core: unsigned 64-bit nanoseconds since an origin that only the node knows.
 *
 * RS_TIME_NEVER is "no deadline". No absolute time is ever sent: every node's clock has its own origin.
 */
#ifndef RS_BASE_TIME_H
#define RS_BASE_TIME_H

#include <stdint.h>

#define RS_TIME_NEVER UINT64_MAX
#define RS_US UINT64_C(1000)
#define RS_MS UINT64_C(1000000)
#define RS_S UINT64_C(1000000000)

/* now + delay_ns, saturating at RS_TIME_NEVER. */
static inline uint64_t rs_time_add(uint64_t now, uint64_t delay_ns)
{
  return delay_ns > RS_TIME_NEVER - now ? RS_TIME_NEVER : now + delay_ns;
}

/* later - earlier, or 0 where later is not later. */
static inline uint64_t rs_time_since(uint64_t later, uint64_t earlier)
{
  return later > earlier ? later - earlier : 0;
}

static inline uint64_t rs_time_min(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

#endif
