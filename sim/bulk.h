/* bulk.h -- what it takes to make large objects, and on a local cluster to move them: bytes that one machine copies. */
#ifndef RS_SIM_BULK_H
#define RS_SIM_BULK_H

#include <stdbool.h>
#include <stdint.h>

struct rs_sim;
struct sim_rec;

void sim_bulk_init(struct rs_sim *sim);
void sim_bulk_free(struct rs_sim *sim);

/* The function `run` has made an object of so many bytes for its node's store: its RUN entry comes when they are
 * written. False: that takes no time. */
bool sim_bulk_make(struct rs_sim *sim, uint32_t run, uint64_t bytes);
void sim_bulk_forget(struct rs_sim *sim, uint32_t run); /* it has ended before */

/* An object is on its way between two nodes of one machine: sim_bulk_moved(sim, request, bytes) when it has arrived.
 * False: the cost file does not say what that takes. */
bool sim_bulk_move(struct rs_sim *sim, const struct sim_rec *request, uint64_t bytes);

void sim_bulk_freed(struct rs_sim *sim, uint32_t node,
                    uint64_t bytes);                   /* memory of a node's store that is free again */
void sim_bulk_lost(struct rs_sim *sim, uint32_t node); /* its store is gone */
uint64_t sim_bulk_put(struct rs_sim *sim, uint32_t node, uint64_t bytes); /* a program's put, alone: ns that it takes */

void sim_on_bulk(struct rs_sim *sim, uint32_t machine, uint64_t sequence);

#endif
