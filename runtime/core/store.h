/* store.h -- the store role of a node: which objects are here, pinned, evicted, pulled. No bytes. See store.c. */
#ifndef RS_CORE_STORE_H
#define RS_CORE_STORE_H

#include "core/endpoint.h"

struct waiting;

struct rs_store *rs_store_new(uint64_t capacity_bytes); /* 0: no limit */
void rs_store_free(struct rs_store *store);
uint64_t rs_store_used_bytes(const struct rs_store *store);
bool rs_store_holds_primary(const struct rs_store *store); /* an object was created here and not yet freed */

/* An object was created on this node: accepted (its creator gets PULLED with status 0) or refused (STORE_FULL). */
void rs_store_on_created(struct rs_endpoint *ep, rs_addr from, struct rs_id object, uint64_t size_bytes);
void rs_store_on_stray(struct rs_endpoint *ep, struct rs_id object, uint64_t size_bytes);
void rs_store_on_worker_gone(struct rs_endpoint *ep, rs_addr worker); /* its owners hear of what it made */
void rs_store_on_free(struct rs_endpoint *ep, struct rs_id object);
void rs_store_on_pull(struct rs_endpoint *ep, rs_addr from, const struct rs_m_pull *m);
void rs_store_on_copy_done(struct rs_endpoint *ep, struct rs_id object, int status);
void rs_store_on_peer_down(struct rs_endpoint *ep, rs_addr peer);

/* Wants an argument of a lease request here. True: it is here already. Otherwise raylet_on_arg_ready follows. */
bool rs_store_want(struct rs_endpoint *ep, const struct rs_dep *dep, struct waiting *w);
void rs_store_unwant(struct rs_endpoint *ep, struct waiting *w); /* w goes away */
bool rs_store_has(struct rs_store *store, struct rs_id object);  /* its bytes are here now */
void rs_store_pin(struct rs_endpoint *ep, struct rs_id object);
void rs_store_unpin(struct rs_endpoint *ep, struct rs_id object);

/* Pinned arguments of a granted lease: whether there is room for them; they count from now on; they are unpinned. */
bool rs_store_args_fit(struct rs_endpoint *ep, const struct rs_dep *deps, uint32_t count); /* all are here */
void rs_store_lease(struct rs_endpoint *ep, struct rs_id object);
void rs_store_unlease(struct rs_endpoint *ep, struct rs_id object);
/* Rows of COPIES for raylet_state.c. */
struct rs_answer;
void rs_store_state_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_store_sanity_check(const struct rs_store *store);

#endif
