/* arena.c -- see arena.h. */
#include "uv/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "uv/memory.h"

#define RESERVE_MIN (UINT64_C(1) << 30)
#define RESERVE_UNLIMITED (UINT64_C(1) << 40)
#define CAPACITY_MIN (UINT64_C(75) << 20)
#define CAPACITY_MAX UINT64_C(200000000000)
#define MIB (UINT64_C(1) << 20)
#define WARM_MAX (UINT64_C(256) << 20)
enum { RESERVE_TIMES = 3 }; /* the capacity */

int rs_arena_init(struct rs_arena *arena, uint64_t capacity_bytes)
{
  uint64_t bytes = capacity_bytes ? RESERVE_TIMES * capacity_bytes : RESERVE_UNLIMITED;
  bytes = (bytes > RESERVE_MIN ? bytes : RESERVE_MIN) / RS_EXTENT_ALIGN * RS_EXTENT_ALIGN;
  *arena = (struct rs_arena){.fd = memfd_create("raysim-store", MFD_CLOEXEC)};
  if (arena->fd < 0)
    return -1;
  void *base = MAP_FAILED;
  if (ftruncate(arena->fd, (off_t)bytes) == 0)
    base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena->fd, 0);
  if (base == MAP_FAILED) {
    close(arena->fd);
    arena->fd = -1;
    return -1;
  }
  madvise(base, bytes, MADV_DONTDUMP);
  arena->base = base;
  arena->warm_max = capacity_bytes && capacity_bytes / 4 < WARM_MAX ? capacity_bytes / 4 : WARM_MAX;
  rs_extents_init(&arena->extents, bytes);
  return 0;
}

uint64_t rs_arena_usual_capacity(uint32_t local_nodes)
{
  uint64_t used, limit, bytes = 0;
  if (rs_memory_read(&used, &limit) && limit > used)
    bytes = (limit - used) / 10 * 3;
  bytes = bytes < CAPACITY_MAX ? bytes : CAPACITY_MAX;
  bytes /= local_nodes ? local_nodes : 1;
  return bytes > CAPACITY_MIN ? bytes : CAPACITY_MIN;
}

void rs_arena_free(struct rs_arena *arena)
{
  if (!arena->base)
    return;
  munmap(arena->base, arena->extents.total);
  close(arena->fd);
  rs_extents_free(&arena->extents);
  *arena = (struct rs_arena){.fd = -1};
}

static void punch(const struct rs_arena *arena, uint64_t at, uint64_t size)
{
  if (fallocate(arena->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size) != 0)
    memset(arena->base + at, 0, size); /* no kernel that has memfd refuses this */
}

static bool cool_one(struct rs_arena *arena)
{
  uint64_t at, size;
  if (!rs_extents_cool(&arena->extents, &at, &size))
    return false;
  punch(arena, at, size);
  return true;
}

struct rs_extent *rs_arena_take(struct rs_arena *arena, uint64_t size)
{
  if (!arena->base)
    return NULL;
  struct rs_extent *e = rs_extents_take(&arena->extents, size);
  if (e)
    return e;
  while (cool_one(arena)) /* warm and cold neighbours become one */
    ;
  return rs_extents_take(&arena->extents, size);
}

void rs_arena_give(struct rs_arena *arena, struct rs_extent *e)
{
  rs_extents_give(&arena->extents, e, true);
  while (arena->extents.warm > arena->warm_max && cool_one(arena))
    ;
}

void rs_arena_zero(struct rs_arena *arena, struct rs_extent *e)
{
  if (e->warm)
    punch(arena, e->at, e->size);
}

int rs_arena_back(const struct rs_arena *arena, const struct rs_extent *e)
{
  int rc;
  do
    rc = fallocate(arena->fd, FALLOC_FL_KEEP_SIZE, (off_t)e->at, (off_t)e->size);
  while (rc != 0 && errno == EINTR);
  return rc;
}

/* ---- the other side ---- */

int rs_arena_open(const struct rs_arena_map *map, uint32_t fd, bool writing)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%u", map->pid, fd);
  return map->pid ? open(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC) : -1;
}

static uint8_t *map_all(const struct rs_arena_map *map, bool writing)
{
  int fd = rs_arena_open(map, map->fd, writing);
  if (fd < 0)
    return NULL;
  void *at = mmap(NULL, map->bytes, writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
  close(fd);
  if (at == MAP_FAILED)
    return NULL;
  madvise(at, map->bytes, MADV_DONTDUMP);
  return at;
}

const uint8_t *rs_arena_map_read(struct rs_arena_map *map)
{
  if (!map->read)
    map->read = map_all(map, false);
  return map->read;
}

uint8_t *rs_arena_map_write(struct rs_arena_map *map)
{
  if (!map->write)
    map->write = map_all(map, true);
  return map->write;
}

void rs_arena_unmap(struct rs_arena_map *map)
{
  if (map->read)
    munmap(map->read, map->bytes);
  if (map->write)
    munmap(map->write, map->bytes);
  free(map->touched);
  map->read = map->write = map->touched = NULL;
}

bool rs_arena_prepared(struct rs_arena_map *map, uint64_t at, uint64_t size, bool warm)
{
  if (!map->touched)
    map->touched = rs_alloc_zero(map->bytes / (8 * MIB) + 1, 1);
  bool all = warm;
  for (uint64_t mib = at / MIB; mib <= (at + size) / MIB; mib++) {
    all = all && (map->touched[mib / 8] >> mib % 8 & 1);
    map->touched[mib / 8] = (uint8_t)(map->touched[mib / 8] | 1u << mib % 8);
  }
  return all;
}
