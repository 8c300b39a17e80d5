/* memory.h -- how much of this host's memory, or of what a control group leaves us, is in use. */
#ifndef RS_UV_MEMORY_H
#define RS_UV_MEMORY_H

#include "uv/proc.h"

/* What can be given back at once (file caches) does not count as used. False: nothing can be read. */
bool rs_memory_read(uint64_t *used_bytes, uint64_t *limit_bytes);

/* What the end of that process would free: what is in its memory and shared with nobody. 0: not known. */
uint64_t rs_memory_own(int pid);

/* With the lock: looks at the memory when *at has come, and sees to it that it comes while something runs on this node;
 * what too much means is the raylet's to say. `now` 0: only the latter. pids: endpoint
 * numbers of the workers and their processes. Returns *at: RS_TIME_NEVER while nothing runs.
 */
uint64_t rs_memory_watch(struct rs_proc *proc, const struct rs_map *pids, uint64_t *at, uint64_t now);

#endif
