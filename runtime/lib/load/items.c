/* items.c -- see items.h. All items are worked on equally long, so those that are at it end in the order in which they
 * began: a queue. */
#include "lib/load/items.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"
#include "core/errors.h"

struct at_work {
  uint64_t due_ns, task, item; /* sequence numbers */
  bool stored;
};

struct rs_items {
  rs_addr self;
  uint64_t read_ns;
  struct rs_map task_of; /* an item that is fetched -> its task */
  struct at_work *queue; /* a ring */
  uint32_t head, count, cap;
  struct rs_items_stats stats;
};

struct rs_items *rs_items_new(rs_addr self, uint64_t read_ns)
{
  struct rs_items *items = rs_alloc_zero(1, sizeof *items);
  items->self = self;
  items->read_ns = read_ns;
  return items;
}

void rs_items_free(struct rs_items *items)
{
  if (!items)
    return;
  rs_map_free(&items->task_of);
  free(items->queue);
  free(items);
}

static void call(const struct rs_items *items, enum rs_call_kind kind, uint64_t seq, struct rs_calls *calls)
{
  struct rs_call *made = rs_call_new(kind, 0);
  made->object = (struct rs_id){items->self, seq};
  rs_calls_add(calls, made);
}

void rs_items_open(struct rs_items *items, struct rs_id task, struct rs_calls *calls)
{
  RS_ASSERT(task.owner == items->self);
  items->stats.open++;
  call(items, RS_CALL_STREAM_NEXT, task.seq, calls);
}

static void give_up(struct rs_items *items, uint64_t now, uint64_t task, uint64_t item, struct rs_calls *calls)
{
  call(items, RS_CALL_RELEASE, item, calls);
  call(items, RS_CALL_STREAM_NEXT, task, calls);
  items->stats.last_ns = now;
}

static void begin_work(struct rs_items *items, struct at_work work)
{
  if (items->count == items->cap) {
    uint32_t cap = items->cap ? 2 * items->cap : 16;
    struct at_work *ring = rs_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < items->count; i++)
      ring[i] = items->queue[(items->head + i) % items->cap];
    free(items->queue);
    items->queue = ring;
    items->head = 0;
    items->cap = cap;
  }
  items->queue[(items->head + items->count++) % items->cap] = work;
}

void rs_items_on_reply(struct rs_items *items, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  uint64_t task;
  if (reply->kind == RS_REPLY_NEXT) {
    RS_ASSERT(items->stats.open > 0);
    if (!reply->id_count) { /* its end, or why it failed */
      items->stats.open--;
      return;
    }
    rs_map_put(&items->task_of, reply->ids[0].seq, reply->id.seq);
    call(items, RS_CALL_GET, reply->ids[0].seq, calls);
    return;
  }
  if (reply->kind != RS_REPLY_OBJECT || !rs_map_remove(&items->task_of, reply->id.seq, &task))
    return;
  if (reply->status != RS_ERR_OK) {
    items->stats.lost++;
    give_up(items, now, task, reply->id.seq, calls);
    return;
  }
  begin_work(items, (struct at_work){rs_time_add(now, items->read_ns), task, reply->id.seq, reply->stored});
  rs_items_on_timer(items, now, calls);
}

void rs_items_on_timer(struct rs_items *items, uint64_t now, struct rs_calls *calls)
{
  while (items->count && items->queue[items->head].due_ns <= now) {
    struct at_work work = items->queue[items->head];
    items->head = (items->head + 1) % items->cap;
    items->count--;
    items->stats.read++;
    if (work.stored)
      call(items, RS_CALL_UNPIN, work.item, calls);
    give_up(items, now, work.task, work.item, calls);
  }
}

uint64_t rs_items_deadline(const struct rs_items *items)
{
  return items->count ? items->queue[items->head].due_ns : RS_TIME_NEVER;
}

struct rs_items_stats rs_items_stats(const struct rs_items *items)
{
  return items->stats;
}
