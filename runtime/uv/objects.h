/* objects.h -- the bytes of large objects, as worker processes and driver programs see them.
 *
 * Today they are copied between this process and its node's store; `rs_objects_create` gives a buffer of this process,
 * which sealing sends, and `rs_objects_read` fetches a copy, shared by all readers of the object in this process.
 *
 * All are called with the lock of the process, which is released while they wait, and not on the loop's thread.
 */
#ifndef RS_UV_OBJECTS_H
#define RS_UV_OBJECTS_H

#include "base/rng.h"
#include "uv/proc.h"

/* A non-zero map key of an id. */
static inline uint64_t rs_objects_key(struct rs_id id)
{
  uint64_t key = rs_mix64(id.owner) ^ rs_mix64(id.seq ^ 0x5bd1e995u);
  return key ? key : 1;
}

/* Room in the node's store to write object `id` into, aligned to 64 bytes. 0, or RS_ERR_STORE_FULL, RS_ERR_TIMED_OUT,
 * RS_ERR_PEER_LOST. What is neither sealed nor discarded stays. */
int rs_objects_create(struct rs_proc *proc, struct rs_id id, uint64_t size_bytes, uint64_t timeout_ns, uint8_t **bytes);

/* It is written: from now on immutable. */
int rs_objects_seal(struct rs_proc *proc, struct rs_id id);
void rs_objects_discard(struct rs_proc *proc, struct rs_id id);

/* The bytes of an object of the node's store: after a GET was answered so, or of an argument of the running task. Each
 * successful call needs one release. */
int rs_objects_read(struct rs_proc *proc, struct rs_id id, const uint8_t **bytes, size_t *size_bytes);
void rs_objects_release(struct rs_proc *proc, struct rs_id id);

void rs_objects_free_all(struct rs_proc *proc);

#endif
