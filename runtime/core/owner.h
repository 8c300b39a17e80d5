/* owner.h -- the owner role as the endpoint sees it. See owner.c (tasks) and owner_int.h. */
#ifndef RS_CORE_OWNER_H
#define RS_CORE_OWNER_H

#include "core/endpoint.h"

struct rs_owner *rs_owner_new(void);
void rs_owner_free(struct rs_owner *owner);
void rs_owner_on_start(struct rs_endpoint *ep); /* of a driver program: its raylet hears of it */
void rs_owner_on_call(struct rs_endpoint *ep, const struct rs_call *call);
/* Why a CANCEL of this object would be a wrong use; NULL: it would not. O(returns of a task). */
const char *rs_owner_cancel_wrong(const struct rs_endpoint *ep, struct rs_id object, bool force);
void rs_owner_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_on_peer_down(struct rs_endpoint *ep, rs_addr peer, bool unreachable); /* nothing can be sent to it */
void rs_owner_begin(struct rs_endpoint *ep);      /* makes the role of a process that has none yet */
void rs_owner_unblock(struct rs_endpoint *ep);    /* the task that was BLOCKED is over */
bool rs_owner_busy(const struct rs_owner *owner); /* it may not end: others would lose something */

/* A result of this process's executor goes to the task's owner once all that this process has borrowed is known to the
 * owners of these objects. Takes over the reference. */
void rs_owner_send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result);

/* The references inside a result, from the end of its task until who gets it has registered; or it does not get it. */
void rs_owner_carry(struct rs_endpoint *ep, rs_addr to, struct rs_result *result);
void rs_owner_carry_end(struct rs_endpoint *ep, rs_addr to, struct rs_id task);
void rs_owner_prefetch(const struct rs_owner *owner, rs_addr from, const struct rs_msg *msg,
                       unsigned step); /* 1, then 0: see rs_endpoint_prefetch */
void rs_owner_settle(struct rs_endpoint *ep);
uint64_t rs_owner_deadline(const struct rs_endpoint *ep);
void rs_owner_sanity_check(const struct rs_owner *owner);

#endif
