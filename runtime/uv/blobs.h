/* blobs.h -- the bytes of the objects that a node holds: plain buffers in the raylet's process.
 *
 * The core's store decides what is here; this only keeps the bytes. Entries are reference-counted, so that an object
 * that is dropped while it is being sent stays until it has been sent. Not thread-safe. O(1) expected.
 */
#ifndef RS_UV_BLOBS_H
#define RS_UV_BLOBS_H

#include "base/map.h"
#include "core/types.h"

struct rs_blob {
  struct rs_id id;
  struct rs_blob *next; /* same hash */
  uint32_t refs;
  uint64_t size, filled;
  uint8_t *data;
};

struct rs_blobs {
  struct rs_map map;
  uint64_t used_bytes, count;
};

void rs_blobs_free(struct rs_blobs *store);

/* The whole object, or NULL. */
struct rs_blob *rs_blob_find(const struct rs_blobs *store, struct rs_id id);

/* Writes a piece of an object; offset 0 begins it (again). Pieces come in order. False: they do not, or memory is out.
 */
bool rs_blob_write(struct rs_blobs *store, struct rs_id id, uint64_t size, uint64_t offset, const uint8_t *bytes,
                   uint64_t count);

/* Puts an object of `size` zeros. */
bool rs_blob_zeros(struct rs_blobs *store, struct rs_id id, uint64_t size);

void rs_blob_drop(struct rs_blobs *store, struct rs_id id);
void rs_blob_unref(struct rs_blob *bytes);

#endif
