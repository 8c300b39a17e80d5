/* order.h -- how results are ordered: one integer key for a metric, and heaps over (key, trial).
 *
 * A result becomes a 64-bit key, smaller = better, whatever the mode; NaN is worse than every number, infinities
 * included; -0 equals 0. Ties are broken by the smaller trial number, so that every order here is total and the same
 * everywhere.
 */
#ifndef RS_TUNE_ORDER_H
#define RS_TUNE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum rs_tune_mode { RS_TUNE_MIN, RS_TUNE_MAX };

#define RS_TUNE_KEY_NAN UINT64_MAX

uint64_t rs_tune_key(enum rs_tune_mode mode, double value);
double rs_tune_key_loss(uint64_t key); /* the value behind a key, negated in mode max; NaN for RS_TUNE_KEY_NAN */

struct rs_tune_item {
  uint64_t key;
  uint32_t trial;
  uint32_t entry; /* the holder's own index; not part of the order */
};

static inline bool rs_tune_better(struct rs_tune_item a, struct rs_tune_item b)
{
  return a.key != b.key ? a.key < b.key : a.trial < b.trial;
}

/* A binary heap with its best item on top, or its worst. Zeroed = empty, best on top. push and pop: O(log count). */
struct rs_tune_heap {
  struct rs_tune_item *items; /* items[0] is the top */
  uint32_t count, cap;
  bool worst_first;
};

void rs_tune_heap_free(struct rs_tune_heap *heap);
void rs_tune_heap_push(struct rs_tune_heap *heap, struct rs_tune_item item);
struct rs_tune_item rs_tune_heap_pop(struct rs_tune_heap *heap); /* count > 0 */

/* A bag of trial numbers. Zeroed = empty. */
struct rs_tune_ids {
  uint32_t *items;
  uint32_t count, cap;
};

void rs_tune_ids_free(struct rs_tune_ids *ids);
void rs_tune_ids_add(struct rs_tune_ids *ids, uint32_t trial);
bool rs_tune_ids_take(struct rs_tune_ids *ids, uint32_t *trial); /* the one added last; false when empty */

#endif
