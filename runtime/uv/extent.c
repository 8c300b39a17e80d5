/* extent.c -- see extent.h. */
#include "uv/extent.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* The class of free ranges of this size: 4 for each power of two. */
static unsigned bin_of(uint64_t size)
{
  uint64_t units = size / RS_EXTENT_ALIGN;
  if (units < 4)
    return (unsigned)units;
  unsigned log = 63 - (unsigned)__builtin_clzll(units);
  return 4 * log - 4 + (unsigned)(units >> (log - 2) & 3);
}

static void put(struct rs_extents *x, struct rs_extent *e)
{
  unsigned bin = bin_of(e->size);
  e->free = true;
  x->warm += e->warm ? e->size : 0;
  rs_list_push_back(&x->bins[e->warm][bin], &e->bin);
  x->set[e->warm][bin / 64] |= UINT64_C(1) << bin % 64;
}

static void take_out(struct rs_extents *x, struct rs_extent *e)
{
  unsigned bin = bin_of(e->size);
  x->warm -= e->warm ? e->size : 0;
  rs_list_remove(&e->bin);
  if (rs_list_empty(&x->bins[e->warm][bin]))
    x->set[e->warm][bin / 64] &= ~(UINT64_C(1) << bin % 64);
  e->free = false;
}

void rs_extents_init(struct rs_extents *x, uint64_t size)
{
  memset(x, 0, sizeof *x);
  for (unsigned i = 0; i < 2 * RS_EXTENT_BINS; i++)
    rs_list_init(&x->bins[i / RS_EXTENT_BINS][i % RS_EXTENT_BINS]);
  x->total = size / RS_EXTENT_ALIGN * RS_EXTENT_ALIGN;
  RS_ASSERT(x->total > 0);
  x->first = rs_alloc_zero(1, sizeof *x->first);
  x->first->size = x->total;
  put(x, x->first);
}

void rs_extents_free(struct rs_extents *x)
{
  for (struct rs_extent *e = x->first, *next; e; e = next) {
    next = e->next;
    free(e);
  }
  *x = (struct rs_extents){0};
}

/* The first non-empty class from `bin` on, or RS_EXTENT_BINS. */
static unsigned next_bin(const struct rs_extents *x, bool warm, unsigned bin)
{
  for (unsigned word = bin / 64; word < RS_EXTENT_BINS / 64; word++) {
    uint64_t set = x->set[warm][word];
    if (word == bin / 64)
      set &= ~UINT64_C(0) << bin % 64;
    if (set)
      return word * 64 + (unsigned)__builtin_ctzll(set);
  }
  return RS_EXTENT_BINS;
}

/* In its own class only some are large enough, and the first few are looked at; in the classes above all are. */
static struct rs_extent *fit(const struct rs_extents *x, bool warm, uint64_t size)
{
  enum { LOOKS = 16 };
  unsigned own = bin_of(size), looks = 0;
  struct rs_extent *best = NULL;
  const struct rs_link *list = &x->bins[warm][own];
  for (struct rs_link *at = list->next; at != list && looks++ < LOOKS; at = at->next) {
    struct rs_extent *e = RS_ENTRY(at, struct rs_extent, bin);
    if (e->size >= size && (!best || e->size < best->size || (e->size == best->size && e->at < best->at)))
      best = e;
  }
  if (best || own + 1 >= RS_EXTENT_BINS)
    return best;
  unsigned bin = next_bin(x, warm, own + 1);
  return bin == RS_EXTENT_BINS ? NULL : RS_ENTRY(x->bins[warm][bin].next, struct rs_extent, bin);
}

struct rs_extent *rs_extents_take(struct rs_extents *x, uint64_t size)
{
  if (size > x->total)
    return NULL;
  size = size ? (size + RS_EXTENT_ALIGN - 1) / RS_EXTENT_ALIGN * RS_EXTENT_ALIGN : RS_EXTENT_ALIGN;
  struct rs_extent *e = fit(x, true, size);
  if (!e)
    e = fit(x, false, size);
  if (!e)
    return NULL;
  take_out(x, e);
  if (e->size > size) {
    struct rs_extent *rest = rs_alloc_zero(1, sizeof *rest);
    *rest = (struct rs_extent){.prev = e, .next = e->next, .at = e->at + size, .size = e->size - size, .warm = e->warm};
    if (rest->next)
      rest->next->prev = rest;
    e->next = rest;
    e->size = size;
    put(x, rest);
  }
  x->used += size;
  return e;
}

/* Joins `e` with its next neighbour, which is free and out of its class. */
static void join(struct rs_extent *e)
{
  struct rs_extent *next = e->next;
  e->size += next->size;
  e->next = next->next;
  if (e->next)
    e->next->prev = e;
  free(next);
}

/* Back into a class, joined with what is next to it. */
static void settle(struct rs_extents *x, struct rs_extent *e)
{
  if (e->next && e->next->free && e->next->warm == e->warm) {
    take_out(x, e->next);
    join(e);
  }
  struct rs_extent *prev = e->prev;
  if (prev && prev->free && prev->warm == e->warm) {
    take_out(x, prev);
    join(prev);
    e = prev;
  }
  put(x, e);
}

void rs_extents_give(struct rs_extents *x, struct rs_extent *e, bool warm)
{
  RS_ASSERT(!e->free && x->used >= e->size);
  x->used -= e->size;
  e->warm = warm;
  settle(x, e);
}

bool rs_extents_cool(struct rs_extents *x, uint64_t *at, uint64_t *size)
{
  for (unsigned word = RS_EXTENT_BINS / 64; word-- > 0;) { /* the largest first: fewest system calls */
    if (!x->set[1][word])
      continue;
    unsigned bin = word * 64 + 63 - (unsigned)__builtin_clzll(x->set[1][word]);
    struct rs_extent *e = RS_ENTRY(x->bins[1][bin].next, struct rs_extent, bin);
    take_out(x, e);
    *at = e->at;
    *size = e->size;
    e->warm = false;
    settle(x, e);
    return true;
  }
  return false;
}

void rs_extents_check(const struct rs_extents *x)
{
  uint64_t at = 0, used = 0, warm = 0;
  const struct rs_extent *prev = NULL;
  for (const struct rs_extent *e = x->first; e; prev = e, e = e->next) {
    RS_ASSERT(e->at == at && e->size > 0 && e->size % RS_EXTENT_ALIGN == 0 && e->prev == prev);
    RS_ASSERT(!prev || !prev->free || !e->free || prev->warm != e->warm);
    RS_ASSERT(e->free != rs_list_empty(&e->bin) || !e->free);
    at += e->size;
    used += e->free ? 0 : e->size;
    warm += e->free && e->warm ? e->size : 0;
  }
  RS_ASSERT(at == x->total && used == x->used && warm == x->warm);
}
