/* disk.h -- the node's disk in simulation: which objects are on it, and how long reading and writing take. */
#ifndef RS_SIM_DISK_H
#define RS_SIM_DISK_H

#include "core/io.h"

struct rs_sim;

/* The effects CREATE, SPILL, RESTORE, EVICT and FREE of the raylet `ep`, at `ns`. */
void sim_disk_effect(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_effect *effect);

/* An object has arrived in a file of the node instead of its memory. */
void sim_disk_put(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t size_bytes);

/* Whether the disk has it; then *read_ns is when it has been read, if that begins now. */
bool sim_disk_read(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t *size_bytes, uint64_t *read_ns);

#endif
