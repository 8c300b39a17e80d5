/* executor.h -- the executor role of a worker: what runs next. See executor.c. */
#ifndef RS_CORE_EXECUTOR_H
#define RS_CORE_EXECUTOR_H

#include "core/endpoint.h"

struct rs_executor *rs_executor_new(void);
void rs_executor_free(struct rs_executor *executor);
void rs_executor_on_start(struct rs_endpoint *ep);
bool rs_executor_on_message(struct rs_endpoint *ep, rs_addr from,
                            const struct rs_msg *msg);             /* false: not for this role */
void rs_executor_on_blocked(struct rs_endpoint *ep, bool blocked); /* a running task waits, or goes on */
void rs_executor_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_executor_on_result(struct rs_endpoint *ep, struct rs_result *result);
uint64_t rs_executor_deadline(const struct rs_endpoint *ep);
void rs_executor_prefetch(const struct rs_executor *executor, const struct rs_msg *msg, unsigned step); /* 1, then 0 */
void rs_executor_settle(struct rs_endpoint *ep);              /* at the end of every step */
bool rs_executor_stirred(const struct rs_executor *executor); /* it is to be settled once more */

/* An argument that was asked for with rs_owner_fetch is here: its value, or pinned in the node's store (both NULL), or
 * why it cannot be had. The references stay the caller's. */
void rs_executor_on_arg(struct rs_endpoint *ep, struct rs_id id, struct rs_value *value, struct rs_result *error);
void rs_executor_on_exit(struct rs_endpoint *ep); /* the actor that runs here is to end */

/* The placement group into which what the application submits here goes (RS_TASK_CAPTURE); {0, 0}: none. */
struct rs_id rs_executor_placement(const struct rs_executor *executor);

/* With whose end what is made here ends: this process for an actor, else the driver program of the running task. */
rs_addr rs_executor_life(const struct rs_endpoint *ep);

void rs_executor_sanity_check(const struct rs_executor *executor);

#endif
