/* stream.h -- the part of the executor that yields: tasks whose values come one by one. See stream.c. */
#ifndef RS_CORE_STREAM_H
#define RS_CORE_STREAM_H

#include "core/endpoint.h"

void rs_stream_begin(struct rs_endpoint *ep, struct rs_task *task, rs_addr to); /* a task with STREAM runs now */
void rs_stream_on_yield(struct rs_endpoint *ep, const struct rs_call *call);
void rs_stream_on_read(struct rs_endpoint *ep, rs_addr from, const struct rs_m_stream_read *m);
bool rs_stream_on_stored(struct rs_endpoint *ep, struct rs_id object, int status); /* false: it is no item */
void rs_stream_end(struct rs_endpoint *ep, struct rs_result *result);              /* the function has returned */
void rs_stream_cancel(struct rs_endpoint *ep, struct rs_id task);
void rs_stream_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
bool rs_stream_stalled(const struct rs_endpoint *ep); /* a function waits until its items are read */
bool rs_stream_any(const struct rs_endpoint *ep);     /* something is not sent yet */
void rs_stream_free(struct rs_streams *streams);

/* executor.c */
void rs_executor_give_back(struct rs_endpoint *ep); /* what has not begun, to its owners */
/* Takes over the result. */
void rs_executor_send_result(struct rs_endpoint *ep, rs_addr to, struct rs_result *result);

#endif
