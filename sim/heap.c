/* heap.c -- the 4-ary event heap (see heap.h).
 *
 * The root lies at index 3: the children of node i are 4(i-2) .. 4(i-2)+3, so with 16-byte entries and an array that is
 * aligned to 64 bytes each group of siblings is one cache line. Pop moves a hole down along the smallest children to a
 * leaf and then the last entry up from there: the last entry usually belongs near the leaves, which saves a comparison
 * a level. */
#include "sim/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static inline bool before(const struct rs_heap_entry *a, const struct rs_heap_entry *b)
{
  return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

void rs_heap_free(struct rs_heap *heap)
{
  free(heap->items);
  *heap = (struct rs_heap){0};
}

static void grow(struct rs_heap *heap)
{
  uint32_t cap = heap->cap ? 2 * heap->cap : 1024;
  RS_ASSERT(cap > heap->cap);
  size_t bytes = (size_t)cap * sizeof(struct rs_heap_entry);
  struct rs_heap_entry *items = aligned_alloc(64, bytes);
  RS_ASSERT(items);
  if (heap->items)
    memcpy(items, heap->items, (heap->count + RS_HEAP_ROOT) * sizeof *items);
  else
    memset(items, 0, RS_HEAP_ROOT * sizeof *items);
  free(heap->items);
  heap->items = items;
  heap->cap = cap;
}

static inline uint32_t parent_of(uint32_t i)
{
  return i / 4 + 2;
}

static void sift_up(struct rs_heap_entry *items, uint32_t i, struct rs_heap_entry entry)
{
  while (i > RS_HEAP_ROOT) {
    uint32_t parent = parent_of(i);
    if (!before(&entry, &items[parent]))
      break;
    items[i] = items[parent];
    i = parent;
  }
  items[i] = entry;
}

uint64_t rs_heap_push(struct rs_heap *heap, uint64_t due_ns, uint32_t payload)
{
  RS_ASSERT(payload <= RS_HEAP_PAYLOAD_MAX);
  if (heap->count + RS_HEAP_ROOT >= heap->cap)
    grow(heap);
  uint64_t sequence = heap->sequence++;
  RS_ASSERT(sequence < UINT64_C(1) << (64 - RS_HEAP_PAYLOAD_BITS));
  sift_up(heap->items, heap->count++ + RS_HEAP_ROOT,
          (struct rs_heap_entry){due_ns, sequence << RS_HEAP_PAYLOAD_BITS | payload});
  return sequence;
}

struct rs_heap_entry rs_heap_pop(struct rs_heap *heap)
{
  RS_ASSERT(heap->count > 0);
  struct rs_heap_entry *items = heap->items, top = items[RS_HEAP_ROOT];
  uint32_t end = --heap->count + RS_HEAP_ROOT; /* one behind the last that stays; items[end] must find a new place */
  struct rs_heap_entry last = items[end];
  uint32_t hole = RS_HEAP_ROOT, level = 0;
  for (;;) {
    uint32_t child = 4 * (hole - 2);
    if (child + 3 < end) {
      uint32_t a = child + (uint32_t)before(&items[child + 1], &items[child]);
      uint32_t b = child + 2 + (uint32_t)before(&items[child + 3], &items[child + 2]);
      child = before(&items[b], &items[a]) ? b : a;
    } else if (child < end) {
      for (uint32_t c = child + 1; c < end; c++)
        if (before(&items[c], &items[child]))
          child = c;
    } else {
      break;
    }
    items[hole] = items[child];
    hole = child;
    if (level < RS_HEAP_RISEN)
      heap->risen[level++] = rs_heap_payload(items[child]);
  }
  heap->risen_count = level;
  if (heap->count)
    sift_up(items, hole, last);
  return top;
}
