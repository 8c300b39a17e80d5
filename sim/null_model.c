/* null_model.c -- see null_model.h. One queue for each shape in order of readiness; an event is a task that becomes
 * ready or one that ends; after the events of a moment the oldest heads that fit start. */
#include "sim/null_model.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/time.h"
#include "sim/heap.h"

struct shape {
  uint32_t cpu_e4, gpu_e4;
  uint32_t *queue; /* positions in `order`; head .. tail */
  uint32_t head, tail, cap;
};

struct ready {
  uint64_t ns;
  uint32_t task;
};

static int by_ready(const void *left, const void *right)
{
  const struct ready *a = left, *b = right;
  if (a->ns != b->ns)
    return a->ns < b->ns ? -1 : 1;
  return a->task < b->task ? -1 : a->task > b->task;
}

static struct shape *shape_of(struct shape **shapes, uint32_t *count, uint32_t *cap, const struct rs_null_task *task)
{
  for (uint32_t i = 0; i < *count; i++)
    if ((*shapes)[i].cpu_e4 == task->cpu_e4 && (*shapes)[i].gpu_e4 == task->gpu_e4)
      return &(*shapes)[i];
  RS_GROW(*shapes, *count, *cap);
  struct shape *shape = &(*shapes)[(*count)++];
  *shape = (struct shape){.cpu_e4 = task->cpu_e4, .gpu_e4 = task->gpu_e4};
  return shape;
}

/* The shape whose head has been ready longest, of those that fit; NULL when none does. */
static struct shape *oldest(struct shape *shapes, uint32_t count, uint64_t cpu_e4, uint64_t gpu_e4)
{
  struct shape *first = NULL;
  for (uint32_t i = 0; i < count; i++) {
    struct shape *shape = &shapes[i];
    if (shape->head == shape->tail || shape->cpu_e4 > cpu_e4 || shape->gpu_e4 > gpu_e4)
      continue;
    if (!first || shape->queue[shape->head] < first->queue[first->head])
      first = shape;
  }
  return first;
}

uint64_t rs_null_model(struct rs_null_task *tasks, size_t count, uint64_t cpu_e4, uint64_t gpu_e4)
{
  RS_ASSERT(count <= RS_HEAP_PAYLOAD_MAX);
  struct ready *order = rs_alloc_zero(count + 1, sizeof *order);
  struct shape *shapes = NULL;
  uint32_t shape_count = 0, shape_cap = 0, known = 0;
  struct rs_heap ends = {0};
  uint64_t last_ns = 0;
  for (uint32_t i = 0; i < count; i++) {
    order[i] = (struct ready){tasks[i].ready_ns, i};
    tasks[i].start_ns = RS_TIME_NEVER;
  }
  qsort(order, count, sizeof *order, by_ready);
  while (known < count || ends.count) {
    uint64_t now_ns = rs_time_min(known < count ? order[known].ns : RS_TIME_NEVER, rs_heap_due(&ends));
    while (ends.count && rs_heap_due(&ends) == now_ns) {
      const struct rs_null_task *task = &tasks[rs_heap_payload(rs_heap_pop(&ends))];
      cpu_e4 += task->cpu_e4;
      gpu_e4 += task->gpu_e4;
    }
    for (; known < count && order[known].ns == now_ns; known++) {
      struct shape *shape = shape_of(&shapes, &shape_count, &shape_cap, &tasks[order[known].task]);
      RS_GROW(shape->queue, shape->tail, shape->cap);
      shape->queue[shape->tail++] = known;
    }
    for (struct shape *shape; (shape = oldest(shapes, shape_count, cpu_e4, gpu_e4));) {
      uint32_t index = order[shape->queue[shape->head++]].task;
      struct rs_null_task *task = &tasks[index];
      task->start_ns = now_ns;
      cpu_e4 -= task->cpu_e4;
      gpu_e4 -= task->gpu_e4;
      uint64_t end_ns = rs_time_add(now_ns, task->duration_ns);
      rs_heap_push(&ends, end_ns, index);
      last_ns = end_ns > last_ns ? end_ns : last_ns;
    }
  }
  for (uint32_t i = 0; i < shape_count; i++) {
    if (shapes[i].head < shapes[i].tail)
      last_ns = RS_TIME_NEVER;
    free(shapes[i].queue);
  }
  free(shapes);
  free(order);
  rs_heap_free(&ends);
  return last_ns;
}
