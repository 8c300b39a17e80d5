/* blobs.c -- see blobs.h. */
#include "uv/blobs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"

struct rs_file *rs_file_new(int fd)
{
  struct rs_file *file = rs_alloc_zero(1, sizeof *file);
  *file = (struct rs_file){fd, 1};
  return file;
}

void rs_file_unref(struct rs_file *file)
{
  if (!file || --file->refs > 0)
    return;
  close(file->fd);
  free(file);
}

static uint64_t key_of(struct rs_id id)
{
  uint64_t key = rs_mix64(id.owner) ^ rs_mix64(~id.seq);
  return key ? key : 1;
}

struct rs_blob *rs_blob_find(const struct rs_blobs *store, struct rs_id id)
{
  struct rs_blob *at = rs_map_get_ptr(&store->map, key_of(id));
  while (at && !rs_id_equal(at->id, id))
    at = at->next;
  return at;
}

struct rs_blob *rs_blob_ref(struct rs_blob *blob)
{
  blob->refs++;
  return blob;
}

static void let_memory_go(struct rs_blob *blob)
{
  if (blob->memory)
    rs_arena_give(&blob->in->arena, blob->memory);
  blob->memory = NULL;
  blob->evicted = false;
}

void rs_blob_unref(struct rs_blob *blob)
{
  if (--blob->refs > 0) {
    if (blob->refs == 1 && blob->evicted)
      let_memory_go(blob);
    return;
  }
  let_memory_go(blob);
  rs_file_unref(blob->file);
  free(blob);
}

void rs_blob_evict(struct rs_blob *blob)
{
  blob->evicted = true;
  if (blob->refs == 1)
    let_memory_go(blob);
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
    store->count--;
    at->evicted = false;
    rs_blob_unref(at);
    return;
  }
}

struct rs_blob *rs_blob_add(struct rs_blobs *store, struct rs_id id, uint64_t size)
{
  rs_blob_drop(store, id);
  struct rs_blob *blob = rs_alloc_zero(1, sizeof *blob);
  uint64_t key = key_of(id);
  *blob = (struct rs_blob){.id = id, .next = rs_map_get_ptr(&store->map, key), .in = store, .refs = 1, .size = size};
  rs_map_put_ptr(&store->map, key, blob);
  store->count++;
  return blob;
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
  rs_arena_free(&store->arena);
  store->count = 0;
}
