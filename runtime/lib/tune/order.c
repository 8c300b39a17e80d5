/* order.c -- metric keys and heaps; see order.h.
 *
 * The bits of an IEEE double, read as an integer, grow with the number for positive numbers and shrink for negative
 * ones: setting the sign bit of the first and inverting the second gives one growing integer.
 */
#include "lib/tune/order.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"

#include <string.h>

static const uint64_t SIGN = UINT64_C(1) << 63;

uint64_t rs_tune_key(enum rs_tune_mode mode, double value)
{
  if (rs_is_nan(value))
    return RS_TUNE_KEY_NAN;
  double loss = (mode == RS_TUNE_MAX ? -value : value) + 0.0; /* -0 becomes 0 */
  uint64_t bits;
  memcpy(&bits, &loss, sizeof bits);
  return bits & SIGN ? ~bits : bits | SIGN;
}

double rs_tune_key_loss(uint64_t key)
{
  if (key == RS_TUNE_KEY_NAN)
    return RS_NAN;
  uint64_t bits = key & SIGN ? key & ~SIGN : ~key;
  double loss;
  memcpy(&loss, &bits, sizeof loss);
  return loss;
}

void rs_tune_heap_free(struct rs_tune_heap *heap)
{
  free(heap->items);
  heap->items = NULL;
  heap->count = heap->cap = 0;
}

static bool above(const struct rs_tune_heap *heap, struct rs_tune_item a, struct rs_tune_item b)
{
  return heap->worst_first ? rs_tune_better(b, a) : rs_tune_better(a, b);
}

void rs_tune_heap_push(struct rs_tune_heap *heap, struct rs_tune_item item)
{
  RS_GROW(heap->items, heap->count, heap->cap);
  uint32_t at = heap->count++;
  while (at > 0 && above(heap, item, heap->items[(at - 1) / 2])) {
    heap->items[at] = heap->items[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap->items[at] = item;
}

struct rs_tune_item rs_tune_heap_pop(struct rs_tune_heap *heap)
{
  RS_ASSERT(heap->count > 0);
  struct rs_tune_item top = heap->items[0], last = heap->items[--heap->count];
  uint32_t at = 0;
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= heap->count)
      break;
    if (child + 1 < heap->count && above(heap, heap->items[child + 1], heap->items[child]))
      child++;
    if (!above(heap, heap->items[child], last))
      break;
    heap->items[at] = heap->items[child];
    at = child;
  }
  if (heap->count > 0)
    heap->items[at] = last;
  return top;
}

void rs_tune_ids_free(struct rs_tune_ids *ids)
{
  free(ids->items);
  ids->items = NULL;
  ids->count = ids->cap = 0;
}

void rs_tune_ids_add(struct rs_tune_ids *ids, uint32_t trial)
{
  RS_GROW(ids->items, ids->count, ids->cap);
  ids->items[ids->count++] = trial;
}

bool rs_tune_ids_take(struct rs_tune_ids *ids, uint32_t *trial)
{
  if (ids->count == 0)
    return false;
  *trial = ids->items[--ids->count];
  return true;
}
