/* The allocator of ranges against a model, and the arena's memory: there for what is stored, gone with holes. */
#include "uv/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "check.h"
#include "uv/blobs.h"
#include "uv/bulk.h"

enum { SLOTS = 400, STEPS = 60000 };
#define TOTAL (UINT64_C(64) << 20)

/* Ranges do not overlap, are large enough and lie inside; in the end everything is free, and warm or cold. */
static void ranges(void)
{
  struct rs_extents x;
  struct rs_extent *held[SLOTS] = {0};
  uint64_t asked[SLOTS] = {0}, refused = 0;
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  rs_extents_init(&x, TOTAL);
  for (int step = 0; step < STEPS; step++) {
    unsigned i = (unsigned)rs_rng_below(&rng, SLOTS);
    if (held[i]) {
      rs_extents_give(&x, held[i], rs_rng_below(&rng, 2));
      held[i] = NULL;
    } else {
      asked[i] = rs_rng_below(&rng, UINT64_C(1) << rs_rng_below(&rng, 22));
      held[i] = rs_extents_take(&x, asked[i]);
      refused += held[i] == NULL;
      CHECK(!held[i] || (held[i]->size >= asked[i] && held[i]->size >= 1 && held[i]->at + held[i]->size <= TOTAL));
      CHECK(!held[i] || held[i]->size < asked[i] + 2 * RS_EXTENT_ALIGN);
    }
    if (step % 500 == 0) {
      rs_extents_check(&x); /* neighbours meet, so nothing overlaps */
      uint64_t at, size;
      for (int k = 0; k < 3; k++)
        rs_extents_cool(&x, &at, &size);
    }
  }
  CHECK(refused < STEPS / 10);
  for (unsigned i = 0; i < SLOTS; i++)
    if (held[i])
      rs_extents_give(&x, held[i], true);
  rs_extents_check(&x);
  CHECK_EQ(x.used, 0);
  uint64_t at, size;
  while (rs_extents_cool(&x, &at, &size))
    ;
  rs_extents_check(&x);
  CHECK(x.first->free && x.first->next == NULL && x.first->size == TOTAL && x.warm == 0);
  CHECK(rs_extents_take(&x, TOTAL + 1) == NULL);
  struct rs_extent *all = rs_extents_take(&x, TOTAL);
  CHECK(all && all->at == 0);
  CHECK(rs_extents_take(&x, 1) == NULL);
  rs_extents_give(&x, all, false);
  rs_extents_free(&x);
}

/* A warm range is taken before a cold one. */
static void warm_first(void)
{
  struct rs_extents x;
  rs_extents_init(&x, TOTAL);
  struct rs_extent *a = rs_extents_take(&x, 1 << 20), *b = rs_extents_take(&x, 1 << 20), *c = rs_extents_take(&x, 4096);
  uint64_t place = b->at;
  rs_extents_give(&x, a, false);
  rs_extents_give(&x, b, true);
  struct rs_extent *again = rs_extents_take(&x, (1 << 20) - 5000);
  CHECK(again && again->at == place && again->warm);
  rs_extents_give(&x, again, true);
  rs_extents_give(&x, c, true);
  rs_extents_check(&x);
  rs_extents_free(&x);
}

static uint64_t memory_of(int fd)
{
  struct stat st;
  CHECK_EQ(fstat(fd, &st), 0);
  return (uint64_t)st.st_blocks * 512;
}

/* Memory is there for what is stored and for the warm pool; what is read again as new is zeros. */
static void memory(void)
{
  struct rs_arena arena;
  CHECK_EQ(rs_arena_init(&arena, UINT64_C(64) << 20), 0);
  CHECK_EQ(memory_of(arena.fd), 0);
  struct rs_extent *a = rs_arena_take(&arena, 10 << 20), *b = rs_arena_take(&arena, 40 << 20);
  CHECK(a && b);
  CHECK_EQ(rs_arena_back(&arena, a), 0);
  CHECK_EQ(rs_bulk_populate(arena.base + b->at, b->size), 0);
  CHECK_EQ(memory_of(arena.fd), 50u << 20);
  memset(arena.base + a->at, 7, a->size);
  memset(arena.base + b->at, 8, b->size);
  rs_arena_give(&arena, a); /* 10 MiB stay warm */
  CHECK_EQ(memory_of(arena.fd), 50u << 20);
  a = rs_arena_take(&arena, 10 << 20);
  CHECK(a->warm && arena.base[a->at] == 7);
  rs_arena_zero(&arena, a);
  CHECK(arena.base[a->at] == 0 && arena.base[a->at + a->size - 1] == 0);
  rs_arena_give(&arena, b); /* beyond the pool of a quarter of the capacity */
  CHECK(memory_of(arena.fd) <= 16u << 20);
  rs_arena_give(&arena, a);
  rs_arena_free(&arena);
}

/* What another process gets for reading cannot be mapped for writing. */
static void read_only(void)
{
  struct rs_arena arena;
  CHECK_EQ(rs_arena_init(&arena, UINT64_C(64) << 20), 0);
  struct rs_arena_map map = {.pid = getpid(), .fd = (uint32_t)arena.fd, .bytes = arena.extents.total};
  struct rs_extent *a = rs_arena_take(&arena, 100);
  const uint8_t *read = rs_arena_map_read(&map);
  uint8_t *write = rs_arena_map_write(&map);
  CHECK(read && write && read != write);
  memcpy(write + a->at, "here", 4);
  CHECK(memcmp(read + a->at, "here", 4) == 0);
  int fd = rs_arena_open(&map, map.fd, false);
  CHECK(fd >= 0);
  CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  CHECK(mprotect((void *)(uintptr_t)read, 4096, PROT_READ | PROT_WRITE) != 0);
  close(fd);
  rs_arena_unmap(&map);
  rs_arena_give(&arena, a);
  rs_arena_free(&arena);
}

/* Places outlive an entry while somebody uses them; the last user's end gives them back. */
static void entries(void)
{
  struct rs_blobs store = {0};
  CHECK_EQ(rs_arena_init(&store.arena, 64 << 20), 0);
  struct rs_id id = {1, 2}, other = {1, 3};
  struct rs_blob *blob = rs_blob_add(&store, id, 1 << 20);
  blob->memory = rs_arena_take(&store.arena, blob->size);
  CHECK(rs_blob_find(&store, id) == blob && !rs_blob_find(&store, other));
  rs_blob_ref(blob); /* it is sent */
  rs_blob_evict(blob);
  CHECK(blob->memory);
  rs_blob_unref(blob);
  CHECK(!blob->memory && store.arena.extents.used == 0);
  blob->memory = rs_arena_take(&store.arena, blob->size);
  rs_blob_ref(blob);
  rs_blob_drop(&store, id);
  CHECK(!rs_blob_find(&store, id) && store.arena.extents.used == 1 << 20);
  rs_blob_unref(blob);
  CHECK_EQ(store.arena.extents.used, 0);
  CHECK_EQ(store.count, 0);
  rs_blobs_free(&store);
}

/* A copy is the bytes, all of them and no others, whatever its size and wherever the ranges begin. */
static void bulk(void)
{
  enum { MIB = 1 << 20, ROOM = 24 * MIB };
  static const uint64_t sizes[] = {0, 1, 63, 4096, 2 * MIB - 1, 2 * MIB, 2 * MIB + 77, 8 * MIB, 17 * MIB + 12345};
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  uint8_t *from = malloc(ROOM), *to = malloc(ROOM), *before = malloc(ROOM);
  for (uint64_t i = 0; i < ROOM; i += 8) {
    uint64_t x = rs_rng_next(&rng);
    memcpy(from + i, &x, 8);
    x = rs_rng_next(&rng);
    memcpy(before + i, &x, 8);
  }
  for (unsigned i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
    uint64_t size = sizes[i / 4], at = i % 4 ? rs_rng_next(&rng) % 5000 : 0,
             out = i % 2 ? rs_rng_next(&rng) % 5000 : 64;
    memcpy(to, before, ROOM);
    rs_bulk_copy(to + out, from + at, size);
    CHECK(memcmp(to + out, from + at, size) == 0);
    CHECK(memcmp(to, before, out) == 0);
    CHECK(memcmp(to + out + size, before + out + size, ROOM - out - size) == 0);
  }
  free(from);
  free(to);
  free(before);
}

const struct rs_test rs_tests[] = {{"ranges", ranges},
                                   {"warm ranges first", warm_first},
                                   {"memory", memory},
                                   {"read only", read_only},
                                   {"entries", entries},
                                   {"bulk", bulk},
                                   {0}};
