/* oom.h -- memory that is short, in one place: from where on it is, and what whoever lost a worker for it is told. */
#ifndef RS_CORE_OOM_H
#define RS_CORE_OOM_H

#include "core/config.h"
#include "core/msg.h"
#include "core/text.h"

/* Bytes in use of `limit_bytes` from which on workers are ended: memory_usage_threshold_e4 of them, or, where that is
 * more, all but min_memory_free_bytes. */
uint64_t rs_oom_threshold(const struct rs_config *config, uint64_t limit_bytes);

/* "the node was short of memory: ...": the numbers, the worker and its own memory, and why it was chosen. */
void rs_oom_text(struct rs_text *text, const struct rs_config *config, const struct rs_m_worker_oom *m);

#endif
