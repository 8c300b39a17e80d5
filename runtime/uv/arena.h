/* arena.h -- the memory of a node's object store: one anonymous file that its processes map.
 *
 * The raylet's process owns it and allocates in it. Much more of address space is reserved than the store may hold, so
 * that fragments never keep an object out; memory is there only for what is stored, and for a pool of freed ranges that
 * stay warm: copying into pages that are there is several times as fast as into fresh ones. Beyond the pool, holes are
 * punched.
 *
 * Other processes of the node open it through /proc, where the raylet tells its process and descriptor: for reading
 * (what they get cannot be mapped for writing) and, once they write an object, for writing.
 */
#ifndef RS_UV_ARENA_H
#define RS_UV_ARENA_H

#include "uv/extent.h"

struct rs_arena {
  int fd; /* -1: there is none */
  uint8_t *base;
  uint64_t warm_max;
  struct rs_extents extents;
};

/* 0, or -1 when the system does not give the address space. `capacity_bytes` 0: that of an unlimited store. */
int rs_arena_init(struct rs_arena *arena, uint64_t capacity_bytes);
void rs_arena_free(struct rs_arena *arena);

/* What a node's store holds where nobody says: Ray's rule: 30 % of the memory that is available, no less than 75 MiB
 * and no more than 200 GB, shared by so many nodes of this host. */
uint64_t rs_arena_usual_capacity(uint32_t local_nodes);

struct rs_extent *rs_arena_take(struct rs_arena *arena, uint64_t size); /* NULL: there is no room */
void rs_arena_give(struct rs_arena *arena, struct rs_extent *e);        /* it was written: warm, or punched */
void rs_arena_zero(struct rs_arena *arena, struct rs_extent *e);        /* it reads as zeros, without memory */

/* Memory is behind the range from now on: 0, or -1 when there is none, instead of a signal at the first touch. Slow:
 * not on the loop's thread, for large ones. */
int rs_arena_back(const struct rs_arena *arena, const struct rs_extent *e);

/* The other side. */
struct rs_arena_map {
  int pid;
  uint32_t fd; /* of that process */
  uint64_t bytes;
  uint8_t *read, *write; /* NULL: not mapped yet */
  uint8_t *touched;      /* a bit for each MiB that this process has written to */
};
int rs_arena_open(const struct rs_arena_map *map, uint32_t fd, bool writing); /* any descriptor of that process; -1 */
const uint8_t *rs_arena_map_read(struct rs_arena_map *map);                   /* NULL: it cannot be mapped */
uint8_t *rs_arena_map_write(struct rs_arena_map *map);
void rs_arena_unmap(struct rs_arena_map *map);

/* A range of the mapping that will be written, warm or not: are its pages in this process? Where not they are to come
 * in bulk (bulk.h), and are noted as here from now on. Not thread-safe. */
bool rs_arena_prepared(struct rs_arena_map *map, uint64_t at, uint64_t size, bool warm);

#endif
