/* memory.h -- whether a scenario can fit into this machine's memory, before anything is begun. */
#ifndef RS_SIM_MEMORY_H
#define RS_SIM_MEMORY_H

#include "sim/scenario.h"

/* What one run needs at least, in bytes, and of what most of it is: a line of the scenario and its text. An estimate
 * from below, so that what could fit is never refused. */
struct rs_memory_need {
  uint64_t bytes;
  uint32_t line;
  char text[96];
};
void rs_memory_need(const struct rs_scenario *scenario, struct rs_memory_need *out);

/* What this process may still take: the least of its own limits, its control group's and what the machine has. */
uint64_t rs_memory_available(void);

/* 0, or -1 with "file:line: ..." where a run cannot fit. */
int rs_memory_check(const struct rs_scenario *scenario, char *err, size_t err_size);

#endif
