/* memory.h -- how much of this host's memory, or of what a control group leaves us, is in use. */
#ifndef RS_UV_MEMORY_H
#define RS_UV_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* What can be given back at once (file caches) does not count as used. False: nothing can be read. */
bool rs_memory_read(uint64_t *used_bytes, uint64_t *limit_bytes);

#endif
