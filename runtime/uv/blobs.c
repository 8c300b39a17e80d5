/* blobs.c -- see blobs.h. */
#include "uv/blobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

static uint64_t key_of(struct rs_id id)
{
  uint64_t key = rs_mix64(id.owner) ^ rs_mix64(~id.seq);
  return key ? key : 1;
}

static struct rs_blob *lookup(const struct rs_blobs *store, struct rs_id id)
{
  struct rs_blob *at = rs_map_get_ptr(&store->map, key_of(id));
  while (at && !rs_id_equal(at->id, id))
    at = at->next;
  return at;
}

void rs_blob_unref(struct rs_blob *bytes)
{
  if (--bytes->refs > 0)
    return;
  free(bytes->data);
  free(bytes);
}

void rs_blob_drop(struct rs_blobs *store, struct rs_id id)
{
  uint64_t key = key_of(id);
  struct rs_blob *first = rs_map_get_ptr(&store->map, key);
  for (struct rs_blob **link = &first; *link; link = &(*link)->next) {
    struct rs_blob *at = *link;
    if (!rs_id_equal(at->id, id))
      continue;
    *link = at->next;
    if (first)
      rs_map_put_ptr(&store->map, key, first);
    else
      rs_map_remove(&store->map, key, NULL);
    store->used_bytes -= at->size;
    store->count--;
    rs_blob_unref(at);
    return;
  }
}

static struct rs_blob *begin(struct rs_blobs *store, struct rs_id id, uint64_t size)
{
  rs_blob_drop(store, id);
  uint8_t *data = calloc(size ? size : 1, 1); /* large ones: fresh zero pages, touched when written */
  if (!data)
    return NULL;
  struct rs_blob *bytes = rs_alloc_zero(1, sizeof *bytes);
  uint64_t key = key_of(id);
  *bytes = (struct rs_blob){.id = id, .next = rs_map_get_ptr(&store->map, key), .refs = 1, .size = size, .data = data};
  rs_map_put_ptr(&store->map, key, bytes);
  store->used_bytes += size;
  store->count++;
  return bytes;
}

struct rs_blob *rs_blob_find(const struct rs_blobs *store, struct rs_id id)
{
  struct rs_blob *at = lookup(store, id);
  return at && at->filled == at->size ? at : NULL;
}

bool rs_blob_write(struct rs_blobs *store, struct rs_id id, uint64_t size, uint64_t offset, const uint8_t *bytes,
                   uint64_t count)
{
  struct rs_blob *at = offset == 0 ? begin(store, id, size) : lookup(store, id);
  if (!at || at->size != size || at->filled != offset || count > size - offset)
    return false;
  if (count)
    memcpy(at->data + offset, bytes, count);
  at->filled += count;
  return true;
}

bool rs_blob_zeros(struct rs_blobs *store, struct rs_id id, uint64_t size)
{
  struct rs_blob *at = begin(store, id, size);
  if (at)
    at->filled = size;
  return at != NULL;
}

void rs_blobs_free(struct rs_blobs *store)
{
  for (uint32_t i = 0; i < store->map.cap; i++) {
    struct rs_blob *at = store->map.slots[i].key ? (struct rs_blob *)(uintptr_t)store->map.slots[i].value : NULL;
    while (at) {
      struct rs_blob *next = at->next;
      rs_blob_unref(at);
      at = next;
    }
  }
  rs_map_free(&store->map);
  *store = (struct rs_blobs){0};
}
