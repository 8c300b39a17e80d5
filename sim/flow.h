/* flow.h -- objects: what lies in each node's store, and moving it: small ones by the NIC, large ones as SimGrid flows.
 */
#ifndef RS_SIM_FLOW_H
#define RS_SIM_FLOW_H

#include "core/io.h"

struct rs_sim;
struct sim_store;
struct sim_flows;

/* Which objects are on which nodes: (object, node and incarnation) to size. What a node that ended held is never asked
 * for again and stays as garbage. All O(1) expected. */
struct sim_store *sim_store_new(void);
void sim_store_free(struct sim_store *store);
bool sim_store_put(struct sim_store *store, uint64_t node, struct rs_id object,
                   uint64_t size_bytes); /* false: was there */
bool sim_store_has(const struct sim_store *store, uint64_t node, struct rs_id object, uint64_t *size_bytes);
bool sim_store_drop(struct sim_store *store, uint64_t node, struct rs_id object, uint64_t *size_bytes);

/* Object bookkeeping with the counters of the node and the run. */
void sim_object_put(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t size_bytes);
void sim_object_drop(struct rs_sim *sim, uint32_t node, struct rs_id object);

/* A COPY effect of the raylet `ep` at `ns`; and its request's arrival at the source. */
void sim_copy(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_effect *effect);
void sim_copy_asked(struct rs_sim *sim, uint32_t rec);

/* Flows of a node that ended or was cut off: they end with OBJECT_LOST where its connections are closed, with TIMED_OUT
 * after object_manager_pull_timeout_ms where it went silent. cut: only those that cross to another cut. */
void sim_flows_break(struct rs_sim *sim, uint32_t node, bool cut);

/* The dispatcher's side of SimGrid's clock. Waits until `due_ns`, or earlier when a flow (or, in the faithful variant,
 * a message or an exec) has ended and pushed an entry. */
void sim_flows_init(struct rs_sim *sim); /* in the dispatcher, after the platform is there */
void sim_flows_free(struct rs_sim *sim);
bool sim_flows_active(const struct rs_sim *sim);
bool sim_clock_wait(struct rs_sim *sim, uint64_t due_ns);
void sim_clock_sync(struct rs_sim *sim);           /* SimGrid's clock is at sim->now_ns afterwards */
void sim_clock_wake(struct rs_sim *sim);           /* from another actor: an entry was pushed */
uint64_t sim_clock_ns(const struct rs_sim *sim);   /* SimGrid's clock, never before sim->now_ns */
void sim_activity(struct rs_sim *sim, int change); /* SimGrid activities in progress: +1, -1 */

#endif
