/* blobs.h -- where the bytes of a node's objects are: in the arena, in a file on its disk, or both.
 *
 * The core's store decides what is here; this only keeps the places. Entries are reference-counted, so that an object
 * that is dropped while it is sent or spilled keeps its place until that has ended. Only in the raylet's process, with
 * its lock. O(1) expected.
 */
#ifndef RS_UV_BLOBS_H
#define RS_UV_BLOBS_H

#include "base/map.h"
#include "core/types.h"
#include "uv/arena.h"

/* A file without a name, of one object or of several: gone with the last one, or with the process. */
struct rs_file {
  int fd;
  uint32_t refs;
};
struct rs_file *rs_file_new(int fd); /* one reference */
void rs_file_unref(struct rs_file *file);

struct rs_blob {
  struct rs_id id;
  struct rs_blob *next; /* same hash */
  struct rs_blobs *in;
  uint32_t refs;
  uint64_t size;
  struct rs_extent *memory; /* NULL: it is not in memory */
  struct rs_file *file;     /* NULL: it is not on the disk */
  uint64_t file_at;
  bool evicted; /* its memory goes when only the table refers to it */
};

struct rs_blobs {
  struct rs_map map;
  struct rs_arena arena;
  uint64_t count;
};

void rs_blobs_free(struct rs_blobs *store); /* nothing refers to entries any more */

struct rs_blob *rs_blob_find(const struct rs_blobs *store, struct rs_id id);         /* or NULL */
struct rs_blob *rs_blob_add(struct rs_blobs *store, struct rs_id id, uint64_t size); /* replaces one; no place yet */
void rs_blob_drop(struct rs_blobs *store, struct rs_id id);                          /* out of the table */
void rs_blob_evict(struct rs_blob *blob); /* its memory goes, now or when it is used no more */
struct rs_blob *rs_blob_ref(struct rs_blob *blob);
void rs_blob_unref(struct rs_blob *blob);

static inline uint8_t *rs_blob_bytes(const struct rs_blob *blob) /* in memory */
{
  return blob->in->arena.base + blob->memory->at;
}

#endif
