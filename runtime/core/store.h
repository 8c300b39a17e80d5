/* store.h -- the store role of a node: which objects are here, pinned, evicted, spilled, pulled. No bytes. See store.c.
 */
#ifndef RS_CORE_STORE_H
#define RS_CORE_STORE_H

#include "core/endpoint.h"

struct waiting;

/* What a pull is for, the most urgent first: somebody waits for the value; somebody waits for its arrival; a task that
 * is to run reads it. */
enum rs_pull_reason { RS_PULL_GET, RS_PULL_WAIT, RS_PULL_ARG };

struct rs_store *rs_store_new(uint64_t capacity_bytes); /* 0: no limit */
void rs_store_free(struct rs_store *store);
uint64_t rs_store_used_bytes(const struct rs_store *store);    /* of memory */
uint64_t rs_store_spilled_bytes(const struct rs_store *store); /* on the disk */
uint32_t rs_store_object_count(const struct rs_store *store);
bool rs_store_holds_primary(const struct rs_store *store); /* an object was created here and not yet freed */

/* In a process: CREATE, ABORT and UNPIN, and the answer to the first; false: it is something else. */
bool rs_store_on_call(struct rs_endpoint *ep, const struct rs_call *call);
bool rs_store_on_answer(struct rs_endpoint *ep, const struct rs_msg *msg);

/* In a process: its raylet is told that what it pinned is read no more. */
void rs_store_let_go(struct rs_endpoint *ep, struct rs_id object);

/* Messages of the store; false: it is not one of them. */
bool rs_store_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
/* An object was written on this node, in the room that it got (OBJECT_CREATE) or without having asked: then it gets its
 * room now, or waits for it. Its creator gets PULLED: 0, or why not. */
void rs_store_on_created(struct rs_endpoint *ep, rs_addr from, struct rs_id object, uint64_t size_bytes);
void rs_store_on_stray(struct rs_endpoint *ep, rs_addr from, struct rs_id object); /* ... by a worker given up */
void rs_store_on_worker_gone(struct rs_endpoint *ep, rs_addr worker);              /* its owners hear of what it made */
void rs_store_on_free(struct rs_endpoint *ep, struct rs_id object);
void rs_store_on_copy_done(struct rs_endpoint *ep, struct rs_id object, int status);  /* of COPY and RESTORE */
void rs_store_on_spill_done(struct rs_endpoint *ep, struct rs_id object, int status); /* of SPILL and CREATE on disk */
void rs_store_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_store_prefetch(const struct rs_store *store); /* a hint: it is going to be needed */
void rs_store_settle(struct rs_endpoint *ep);         /* at the end of a step: room, pulls, spills */
bool rs_store_stirred(const struct rs_store *store);
uint64_t rs_store_deadline(const struct rs_endpoint *ep);

/* Wants an argument of a lease request here. True: it is here already. Otherwise raylet_on_arg_ready follows. */
bool rs_store_want(struct rs_endpoint *ep, const struct rs_dep *dep, struct waiting *w);
void rs_store_unwant(struct rs_endpoint *ep, struct waiting *w); /* w goes away */
bool rs_store_has(struct rs_store *store, struct rs_id object);  /* it can be read now */
void rs_store_pin(struct rs_endpoint *ep, struct rs_id object);
void rs_store_unpin(struct rs_endpoint *ep, struct rs_id object);

/* Pinned arguments of a granted lease: whether there is room for them; they count from now on; they are unpinned. */
bool rs_store_args_fit(struct rs_endpoint *ep, const struct rs_dep *deps, uint32_t count); /* all are here */
void rs_store_lease(struct rs_endpoint *ep, struct rs_id object);
void rs_store_unlease(struct rs_endpoint *ep, struct rs_id object);
/* Rows of COPIES and STORES for raylet_state.c. */
struct rs_answer;
void rs_store_state_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_store_summary_row(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_store_sanity_check(const struct rs_store *store);

#endif
