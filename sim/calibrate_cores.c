/* calibrate_cores.c -- the cores that a calibration fills. */
#include <sched.h>

#include "sim/calibrate_int.h"

enum { CORES = 2 };
static cpu_set_t before, pinned;

uint32_t rs_calibrate_pin(void)
{
  uint32_t count = 0;
  CPU_ZERO(&pinned);
  if (sched_getaffinity(0, sizeof before, &before) != 0)
    CPU_ZERO(&before);
  for (uint32_t core = 0; core < CPU_SETSIZE && count < CORES; core++)
    if (CPU_ISSET(core, &before)) {
      CPU_SET(core, &pinned);
      count++;
    }
  if (count == 0 || sched_setaffinity(0, sizeof pinned, &pinned) != 0)
    return 0;
  return count;
}

void rs_calibrate_release(void)
{
  if (CPU_COUNT(&before) > 0)
    sched_setaffinity(0, sizeof before, &before);
}
