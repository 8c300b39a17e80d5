/* map.h -- a hash map from a non-zero 64-bit key to a 64-bit value (a number or a pointer).
 *
 * Open addressing with linear probing and backward-shift deletion: no tombstones, so a long-lived map does not decay.
 * Keys are mixed with rs_mix64. An empty map owns no memory. Iteration order depends only on the sequence of
 * operations, never on addresses; still, nothing that decides may iterate over a map: keep a list beside it. Not
 * thread-safe. get/put/remove: O(1) expected.
 */
#ifndef RS_BASE_MAP_H
#define RS_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct rs_map_slot {
  uint64_t key; /* 0 = free */
  uint64_t value;
};

struct rs_map {
  struct rs_map_slot *slots;
  uint32_t cap; /* a power of two, or 0 */
  uint32_t count;
};

void rs_map_free(struct rs_map *map);                          /* releases the table; the map is empty again */
uint64_t *rs_map_find(const struct rs_map *map, uint64_t key); /* NULL when absent; valid until the next put/remove */
void rs_map_put(struct rs_map *map, uint64_t key, uint64_t value);   /* inserts or replaces; key != 0 */
void rs_map_prefetch(const struct rs_map *map, uint64_t key);        /* a hint: it is going to be looked for */
bool rs_map_remove(struct rs_map *map, uint64_t key, uint64_t *old); /* false when absent; old may be NULL */

static inline void *rs_map_get_ptr(const struct rs_map *map, uint64_t key)
{
  uint64_t *value = rs_map_find(map, key);
  return value ? (void *)(uintptr_t)*value : 0;
}

static inline void rs_map_put_ptr(struct rs_map *map, uint64_t key, void *pointer)
{
  rs_map_put(map, key, (uint64_t)(uintptr_t)pointer);
}

#endif
