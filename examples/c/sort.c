/* sort.c -- a graph of tasks that grows while it runs: a sort that cuts its input in two, and submits itself for each
 * half.
 *
 * A task that waits for its halves gives its CPU to them, so that a tree of any depth goes through a few CPUs.
 */
#include <stdint.h>
#include <string.h>

#include "example.h"

enum { NUMBERS = 1 << 20, LEAF = 1 << 16 };

static int by_value(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int sort_here(struct raysim_context *context, const uint32_t *numbers, size_t size)
{
  uint32_t *sorted = raysim_return_room(context, 0, size);
  if (!sorted)
    return 1;
  memcpy(sorted, numbers, size);
  qsort(sorted, size / sizeof *sorted, sizeof *sorted, by_value);
  return 0;
}

static int sort(struct raysim_context *context)
{
  size_t size;
  const uint32_t *numbers = raysim_arg(context, 0, &size);
  size_t count = size / sizeof *numbers, half = count / 2;
  if (count <= LEAF)
    return sort_here(context, numbers, size);
  struct raysim *ray = raysim_current(context);
  raysim_ref halves[2] = {
      raysim_submit(ray, "sort", RAYSIM_ARGS(raysim_bytes(numbers, half * sizeof *numbers)), NULL),
      raysim_submit(ray, "sort", RAYSIM_ARGS(raysim_bytes(numbers + half, (count - half) * sizeof *numbers)), NULL)};
  struct raysim_value values[2];
  uint32_t *merged = NULL;
  if (raysim_get_many(ray, halves, 2, RAYSIM_FOREVER, values) == 0)
    merged = raysim_return_room(context, 0, size);
  const uint32_t *a = values[0].bytes, *b = values[1].bytes;
  for (size_t i = 0, j = 0, k = 0; merged && k < count; k++)
    merged[k] = j == count - half || (i < half && a[i] <= b[j]) ? a[i++] : b[j++];
  for (int i = 0; i < 2; i++) {
    raysim_value_free(&values[i]);
    raysim_release(ray, halves[i]);
  }
  return merged ? 0 : raysim_fail(context, "a half could not be sorted");
}

void raysim_register_functions(void)
{
  raysim_register("sort", sort);
}

int main(void)
{
  struct raysim *ray = example_start(2);
  uint32_t *numbers = malloc(NUMBERS * sizeof *numbers), state = 1;
  if (!numbers)
    return 1;
  for (int i = 0; i < NUMBERS; i++)
    numbers[i] = state = state * 1664525 + 1013904223;
  raysim_ref ref = raysim_submit(ray, "sort", RAYSIM_ARGS(raysim_bytes(numbers, NUMBERS * sizeof *numbers)), NULL);
  struct raysim_value value = example_get(ray, ref);
  const uint32_t *sorted = value.bytes;
  int wrong = 0;
  for (int i = 1; i < NUMBERS; i++)
    wrong += sorted[i - 1] > sorted[i];
  printf("%zu numbers, %d in the wrong order\n", value.size / sizeof *sorted, wrong);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  free(numbers);
  raysim_shutdown(ray);
  return wrong != 0;
}
