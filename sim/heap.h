/* heap.h -- the event heap: entries ordered by (due time, sequence), 16 bytes each.
 *
 * A 4-ary heap whose groups of four children share one cache line. An entry is its due time and one word of sequence
 * (high bits) and payload (low RS_HEAP_PAYLOAD_BITS bits); sequences are unique, so the order is total and the payload
 * never decides. push and pop: O(log4 n). Not thread-safe.
 */
#ifndef RS_SIM_HEAP_H
#define RS_SIM_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define RS_HEAP_PAYLOAD_BITS 28
#define RS_HEAP_PAYLOAD_MAX ((UINT32_C(1) << RS_HEAP_PAYLOAD_BITS) - 1)
#define RS_HEAP_RISEN 5 /* levels, with 1, 4, 16, ... entries */

struct rs_heap_entry {
  uint64_t due_ns;
  uint64_t order; /* sequence << RS_HEAP_PAYLOAD_BITS | payload */
};

struct rs_heap {
  struct rs_heap_entry *items; /* items[3] is the root, so that children 4i-8 .. 4i-5 start on a cache line */
  uint32_t count, cap;
  uint64_t sequence; /* of the next entry; fewer than 2^36 in a run */
  uint32_t risen_count;
  uint32_t risen[RS_HEAP_RISEN]; /* payloads: what the last pop moved up to the root, to the level below it, ... */
};

void rs_heap_free(struct rs_heap *heap);

/* Returns the entry's sequence, which names it. payload <= RS_HEAP_PAYLOAD_MAX. */
uint64_t rs_heap_push(struct rs_heap *heap, uint64_t due_ns, uint32_t payload);

/* The first entry; count must not be 0. Each level gets one entry from the level below (of a
 * heap of 5 or less perhaps another one): these are `risen`, by which one
 * can prepare for what comes soon. */
struct rs_heap_entry rs_heap_pop(struct rs_heap *heap);

#define RS_HEAP_ROOT 3u

static inline uint64_t rs_heap_due(const struct rs_heap *heap)
{
  return heap->count ? heap->items[RS_HEAP_ROOT].due_ns : UINT64_MAX;
}
static inline uint32_t rs_heap_payload(struct rs_heap_entry entry)
{
  return (uint32_t)(entry.order & RS_HEAP_PAYLOAD_MAX);
}
static inline uint64_t rs_heap_sequence(struct rs_heap_entry entry)
{
  return entry.order >> RS_HEAP_PAYLOAD_BITS;
}

#endif
