#include "base/map.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"

#include <stddef.h>

static uint32_t home(const struct rs_map *map, uint64_t key)
{
  return (uint32_t)rs_mix64(key) & (map->cap - 1);
}

void rs_map_free(struct rs_map *map)
{
  free(map->slots);
  *map = (struct rs_map){0};
}

void rs_map_prefetch(const struct rs_map *map, uint64_t key)
{
  if (map->count)
    __builtin_prefetch(&map->slots[home(map, key)]);
}

uint64_t *rs_map_find(const struct rs_map *map, uint64_t key)
{
  if (map->count == 0)
    return 0;
  for (uint32_t i = home(map, key);; i = (i + 1) & (map->cap - 1)) {
    if (map->slots[i].key == key)
      return &map->slots[i].value;
    if (map->slots[i].key == 0)
      return 0;
  }
}

static void insert_new(struct rs_map *map, uint64_t key, uint64_t value)
{
  uint32_t i = home(map, key);
  while (map->slots[i].key)
    i = (i + 1) & (map->cap - 1);
  map->slots[i] = (struct rs_map_slot){key, value};
}

static void grow(struct rs_map *map)
{
  struct rs_map_slot *old = map->slots;
  uint32_t old_cap = map->cap;
  map->cap = old_cap ? 2 * old_cap : 8;
  map->slots = rs_alloc_zero(map->cap, sizeof *map->slots);
  for (uint32_t i = 0; i < old_cap; i++)
    if (old[i].key)
      insert_new(map, old[i].key, old[i].value);
  free(old);
}

void rs_map_put(struct rs_map *map, uint64_t key, uint64_t value)
{
  RS_ASSERT(key != 0);
  uint64_t *found = rs_map_find(map, key);
  if (found) {
    *found = value;
    return;
  }
  if (4 * (uint64_t)(map->count + 1) > 3 * (uint64_t)map->cap)
    grow(map);
  insert_new(map, key, value);
  map->count++;
}

bool rs_map_remove(struct rs_map *map, uint64_t key, uint64_t *old)
{
  uint64_t *found = rs_map_find(map, key);
  if (!found)
    return false;
  if (old)
    *old = *found;
  uint32_t mask = map->cap - 1;
  uint32_t hole =
      (uint32_t)((struct rs_map_slot *)(void *)((char *)found - offsetof(struct rs_map_slot, value)) - map->slots);
  for (uint32_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
    uint32_t want = home(map, map->slots[i].key);
    if (((i - want) & mask) >= ((i - hole) & mask)) {
      map->slots[hole] = map->slots[i];
      hole = i;
    }
  }
  map->slots[hole].key = 0;
  map->count--;
  return true;
}
