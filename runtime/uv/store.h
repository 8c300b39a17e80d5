/* store.h -- the bytes of a node's object store: what its core decides is done here, in the raylet's process.
 *
 * Memory is the arena's (uv/arena.h). Files are written and read by libuv's threads, never by the loop. With the lock,
 * on the loop's thread.
 */
#ifndef RS_UV_STORE_H
#define RS_UV_STORE_H

#include "uv/proc.h"

struct rs_store_io;

/* Of a raylet's process: the arena, and the folder for files. NULL: `error` tells why. capacity 0: no limit. */
struct rs_store_io *rs_store_io_new(struct rs_proc *proc, uint64_t capacity_bytes, char *error);
void rs_store_io_free(struct rs_store_io *io); /* after the loop's end: waits for what is under way */

/* CREATE, SPILL, RESTORE, EVICT, FREE, COPY. */
void rs_store_io_effect(struct rs_store_io *io, const struct rs_effect *effect);
void rs_store_io_idle(struct rs_store_io *io); /* at the end of a turn: batches that have been collected begin */

/* A worker or program of this node has connected: it is told where the arena is. */
void rs_store_io_hello(struct rs_store_io *io, struct rs_peer *peer);
/* An answer about an object leaves for a process of the node: where the object lies is told before it. */
void rs_store_io_offer(struct rs_store_io *io, rs_addr to, const struct rs_m_pulled *answer);
bool rs_store_io_on_find(struct rs_store_io *io, struct rs_peer *peer, struct rs_reader *r);

/* Reads a part of an object that is on the disk alone, for another node: `done` is called with the lock when `bytes`
 * are there, or not. */
void rs_store_io_read(struct rs_store_io *io, struct rs_blob *blob, uint64_t offset, uint64_t size, uint8_t *bytes,
                      void (*done)(struct rs_proc *proc, void *context, int status), void *context);

#endif
