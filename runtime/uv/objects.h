/* objects.h -- the bytes of large objects, as worker processes and driver programs see them: in place, without a copy.
 *
 * Whoever makes an object asks the core for room (CREATE), writes into the node's arena, and seals it. Readers get the
 * same memory through a mapping that the system keeps them from writing to: a function that writes to an argument, or
 * to what it got, ends its own process with a segmentation fault. An object that had no room in memory is mapped from
 * its file in the same way. docs/objects.md has the whole.
 *
 * All are called with the lock of the process, which is released while they wait, and not on the loop's thread unless
 * it says so.
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

/* Room in the node's store to write object `id` into, aligned to 64 bytes and more. 0, or RS_ERR_STORE_FULL,
 * RS_ERR_DISK_FULL, RS_ERR_TIMED_OUT, RS_ERR_PEER_LOST. What is not sealed is to be discarded. */
int rs_objects_create(struct rs_proc *proc, struct rs_id id, uint64_t size_bytes, uint64_t timeout_ns, uint8_t **bytes);

/* It is written, and may not be written to any more. The caller tells the core: PUT, or the end of the task that
 * returns it. */
int rs_objects_seal(struct rs_proc *proc, struct rs_id id);

/* It will not be sealed, or what has been sealed will not be told. */
void rs_objects_discard(struct rs_proc *proc, struct rs_id id);
void rs_objects_discard_own(struct rs_proc *proc); /* every one of this owner that is still written */

/* The bytes of an object of the node's store: after a GET was answered so, or of an argument of the running task. Each
 * successful call needs one release. About a microsecond while the object is held already. */
int rs_objects_read(struct rs_proc *proc, struct rs_id id, const uint8_t **bytes, size_t *size_bytes);
void rs_objects_release(struct rs_proc *proc, struct rs_id id);

/* A GET has been answered: the object is pinned for this process, and its place stays known until forget, so that reads
 * in between ask nobody. Where the answer came with the place, the first one does not either. Any thread. */
void rs_objects_keep(struct rs_proc *proc, struct rs_id id);
void rs_objects_forget(struct rs_proc *proc, struct rs_id id);

void rs_objects_free_all(struct rs_proc *proc);

#endif
