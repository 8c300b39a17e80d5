/* faithful.h -- the faithful variant: every control message between hosts is a SimGrid Comm through a mailbox, every
 * task an exec on its host. The same endpoints, inputs and effects; only who counts the time differs. It costs actors
 * (one sender and one receiver a node, one a running task) and shows what the dispatcher's shortcuts change. */
#ifndef RS_SIM_FAITHFUL_H
#define RS_SIM_FAITHFUL_H

#include "core/io.h"

struct rs_sim;
struct faithful;

enum { FAITHFUL_NODES_MAX = 1024 };

void faithful_init(struct rs_sim *sim); /* in the dispatcher, after sim_flows_init */
void faithful_free(struct rs_sim *sim);

/* A message that leaves endpoint `from` at `ns` for the live endpoint `target`; takes over the reference. */
void faithful_send(struct rs_sim *sim, uint32_t from, uint64_t ns, uint32_t target, rs_addr to, struct rs_msg *msg,
                   uint64_t bytes);

/* Work of `duration_ns` on a node for the run number `run` (at host speed already divided out), from `ns` on. */
void faithful_exec(struct rs_sim *sim, uint32_t node, uint32_t run, uint64_t sequence, uint64_t ns,
                   uint64_t duration_ns);

/* Their moment has come: records of kind SIM_ACT_PARCEL and SIM_ACT_EXEC, which are released. */
void faithful_put(struct rs_sim *sim, uint32_t rec);
void faithful_begin(struct rs_sim *sim, uint32_t rec);

#endif
