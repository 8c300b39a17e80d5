/* raylet.h -- the raylet role as the endpoint sees it. See raylet.c for what it decides. */
#ifndef RS_CORE_RAYLET_H
#define RS_CORE_RAYLET_H

#include "core/endpoint.h"

struct rs_raylet *rs_raylet_new(struct rs_endpoint *ep, const struct rs_start *start);
void rs_raylet_free(struct rs_raylet *raylet);
void rs_raylet_on_start(struct rs_endpoint *ep);
bool rs_raylet_on_message(struct rs_endpoint *ep, rs_addr from,
                          const struct rs_msg *msg); /* false: not for this role */
void rs_raylet_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_raylet_on_process(struct rs_endpoint *ep, rs_addr worker, uint32_t pid, int32_t end);
bool rs_raylet_wants_memory(const struct rs_raylet *raylet);
void rs_raylet_settle(struct rs_endpoint *ep); /* after every input: schedule, report, recall, timers */
uint64_t rs_raylet_deadline(const struct rs_endpoint *ep);
bool rs_raylet_wants_view(const struct rs_raylet *raylet);
void rs_raylet_prefetch(const struct rs_raylet *raylet, unsigned step); /* 1, then 0: see rs_endpoint_prefetch */
uint32_t rs_raylet_bundle_count(const struct rs_endpoint *ep);          /* of placement groups, prepared or committed */
void rs_raylet_sanity_check(const struct rs_raylet *raylet);

#endif
