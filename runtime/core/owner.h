/* owner.h -- the owner role as the endpoint sees it. See owner.c (tasks and leases), owner_actor.c, owner_object.c. */
#ifndef RS_CORE_OWNER_H
#define RS_CORE_OWNER_H

#include "core/endpoint.h"

struct rs_owner *rs_owner_new(void);
void rs_owner_free(struct rs_owner *owner);
void rs_owner_on_call(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_owner_settle(struct rs_endpoint *ep);
uint64_t rs_owner_deadline(const struct rs_endpoint *ep);
void rs_owner_sanity_check(const struct rs_owner *owner);

#endif
