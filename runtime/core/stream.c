/* stream.c -- tasks that yield: the worker's side of streaming generators.
 *
 * A function that runs for a task with RS_TASK_STREAM hands its values over one by one (YIELD). Item i is the object
 * with number i after the task's own; it goes to the caller in a STREAM_ITEM, a large one after the node's store has
 * accepted it. Items leave in the order in which they were yielded, and the task's own result after all of them. The
 * caller tells with STREAM_READ how far it has read: with backpressure N the answer to a YIELD, for which the function
 * waits, is held back while N items or more are unread.
 *
 * References inside items are held by this process until the task's result has gone, which carries them once more: so
 * they live until the caller has its own. While a function waits here no task may be queued behind it: it could be the
 * one that reads.
 *
 * A task that is tried again yields from the start; the caller knows which items it has (owner_stream.c). Nothing is
 * answered twice: each YIELD gets exactly one REPLY.
 *
 * Cost: O(streams that run here) a call or message; a plain worker has at most one.
 */
#include "core/stream.h"

#include <string.h>

#include "core/owner_int.h"

struct item {
  struct rs_link link; /* in stream->items */
  struct rs_result *result;
  bool storing; /* the store has not accepted it yet */
};

struct stream {
  struct rs_link link; /* in streams->list */
  struct rs_task *task;
  rs_addr to; /* RS_ADDR_NONE: nobody reads it */
  uint64_t yielded, read;
  struct rs_link items; /* not sent yet */
  bool waits;           /* its function waits for the answer to its last YIELD */
  bool cancelled;
  struct rs_result *end; /* what comes after the items */
  struct rs_id *ids;     /* references inside items so far */
  uint32_t id_count, id_cap;
};

struct rs_streams {
  struct rs_link list;
};

static struct stream *stream_of(const struct rs_endpoint *ep, struct rs_id task)
{
  for (struct rs_link *at = ep->streams ? ep->streams->list.next : NULL; at && at != &ep->streams->list; at = at->next)
    if (rs_id_equal(RS_ENTRY(at, struct stream, link)->task->id, task))
      return RS_ENTRY(at, struct stream, link);
  return NULL;
}

static void item_free(struct item *item)
{
  rs_list_remove(&item->link);
  rs_result_unref(item->result);
  free(item);
}

static void stream_free(struct stream *s)
{
  RS_LIST_EACH(&s->items, at, after) item_free(RS_ENTRY(at, struct item, link));
  rs_list_remove(&s->link);
  rs_result_unref(s->end);
  free(s->ids);
  rs_task_unref(s->task);
  free(s);
}

void rs_stream_free(struct rs_streams *streams)
{
  if (!streams)
    return;
  RS_LIST_EACH(&streams->list, at, after) stream_free(RS_ENTRY(at, struct stream, link));
  free(streams);
}

void rs_stream_begin(struct rs_endpoint *ep, struct rs_task *task, rs_addr to)
{
  if (!ep->streams) {
    ep->streams = rs_alloc_zero(1, sizeof *ep->streams);
    rs_list_init(&ep->streams->list);
  }
  struct stream *s = rs_alloc_zero(1, sizeof *s);
  s->task = rs_task_ref(task);
  s->to = to;
  rs_list_init(&s->items);
  rs_list_push_back(&ep->streams->list, &s->link);
}

static void answer(struct rs_endpoint *ep, struct rs_id task, int status, uint64_t index)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_YIELD;
  r->id = task;
  r->status = status;
  r->size_bytes = index;
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

/* May the function go on? */
static void answer_if_may(struct rs_endpoint *ep, struct stream *s)
{
  bool stops = s->cancelled || s->to == RS_ADDR_NONE;
  bool full = s->task->backpressure && s->yielded > s->read && s->yielded - s->read >= s->task->backpressure;
  if (!s->waits)
    return;
  if (full && !stops) {
    rs_executor_give_back(ep);
    return;
  }
  s->waits = false;
  answer(ep, s->task->id, stops ? RS_ERR_CANCELLED : RS_ERR_OK, s->yielded);
}

/* The task's result, with the references that its items had inside. */
static struct rs_result *end_of(const struct stream *s)
{
  if (!s->id_count)
    return rs_result_ref(s->end);
  struct rs_result *end = rs_result_new_ids(0, s->id_count, s->end->data_bytes);
  end->status = s->end->status;
  end->task = s->end->task;
  end->run_ns = s->end->run_ns;
  end->node = s->end->node;
  if (end->data_bytes)
    memcpy(end->data, s->end->data, end->data_bytes);
  memcpy(end->ids, s->ids, s->id_count * sizeof *s->ids);
  return end;
}

/* Whatever may leave; the stream may be gone afterwards. */
static void flush(struct rs_endpoint *ep, struct stream *s)
{
  uint64_t index = s->yielded;
  for (const struct rs_link *at = s->items.next; at != &s->items; at = at->next)
    index--;
  while (!rs_list_empty(&s->items)) {
    struct item *item = RS_ENTRY(s->items.next, struct item, link);
    if (item->storing)
      return;
    index++;
    if (s->to != RS_ADDR_NONE) {
      struct rs_m_stream_item *m = rs_msg_new(RS_MSG_STREAM_ITEM);
      m->task = s->task->id;
      m->index = index;
      m->item = rs_result_ref(item->result);
      rs_send(ep, s->to, m);
    }
    item_free(item);
  }
  if (!s->end)
    return;
  if (s->to != RS_ADDR_NONE)
    rs_executor_send_result(ep, s->to, end_of(s));
  if (s->id_count)
    rs_owner_ref_drop_all(ep, s->ids, s->id_count);
  stream_free(s);
}

static struct rs_result *result_of(const struct rs_endpoint *ep, const struct stream *s, const struct rs_call *call)
{
  const struct rs_value *value = call->value;
  uint32_t ids = value ? value->id_count : call->inner_count, bytes = value ? value->size_bytes : 0;
  struct rs_result *result = rs_result_new_ids(1, ids, bytes);
  result->task = s->task->id;
  result->node = ep->raylet;
  result->returns[0].size_bytes = value ? value->size_bytes : call->size_bytes;
  result->returns[0].inline_bytes = bytes;
  result->returns[0].id_count = ids;
  if (bytes)
    memcpy(result->data, value->data, bytes);
  if (ids)
    memcpy(result->ids, value ? value->ids : call->inner, ids * sizeof *result->ids);
  return result;
}

void rs_stream_on_yield(struct rs_endpoint *ep, const struct rs_call *call)
{
  struct stream *s = stream_of(ep, call->object);
  uint32_t ids = call->value ? call->value->id_count : call->inner_count;
  if (!s || s->end || s->yielded == RS_STREAM_MAX || ids > RS_VALUE_IDS_MAX - s->id_count) {
    answer(ep, call->object, s && !s->end ? RS_ERR_TOO_LARGE : RS_ERR_CANCELLED, s ? s->yielded : 0);
    return;
  }
  s->yielded++;
  s->waits = true;
  struct item *item = rs_alloc_zero(1, sizeof *item);
  item->result = result_of(ep, s, call);
  for (uint32_t i = 0; i < ids; i++) {
    RS_GROW(s->ids, s->id_count, s->id_cap);
    s->ids[s->id_count++] = item->result->ids[i];
  }
  if (ids) {
    rs_owner_begin(ep);
    rs_owner_ref_hold_all(ep, item->result->ids, ids);
  }
  item->storing = !call->value && call->size_bytes > 0;
  rs_list_push_back(&s->items, &item->link);
  if (item->storing) {
    struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
    m->object = (struct rs_id){s->task->id.owner, s->task->id.seq + s->yielded};
    m->size = call->size_bytes;
    rs_send(ep, ep->raylet, m);
  }
  flush(ep, s);
  answer_if_may(ep, s);
}

bool rs_stream_on_stored(struct rs_endpoint *ep, struct rs_id object, int status)
{
  for (struct rs_link *at = ep->streams ? ep->streams->list.next : NULL; at && at != &ep->streams->list;
       at = at->next) {
    struct stream *s = RS_ENTRY(at, struct stream, link);
    struct rs_id task = s->task->id;
    if (task.owner != object.owner || object.seq <= task.seq || object.seq > task.seq + s->yielded)
      continue;
    uint64_t index = s->yielded;
    for (struct rs_link *i = s->items.prev; i != &s->items; i = i->prev, index--) {
      struct item *item = RS_ENTRY(i, struct item, link);
      if (index != object.seq - task.seq || !item->storing)
        continue;
      item->storing = false;
      if (status != RS_ERR_OK) {
        rs_result_unref(item->result);
        item->result = rs_result_failed(task, status, rs_error_text(status));
      }
      flush(ep, s);
      return true;
    }
  }
  return false;
}

void rs_stream_on_read(struct rs_endpoint *ep, rs_addr from, const struct rs_m_stream_read *m)
{
  struct stream *s = stream_of(ep, m->task);
  if (!s || s->to != from || m->count <= s->read)
    return;
  s->read = m->count;
  answer_if_may(ep, s);
}

void rs_stream_end(struct rs_endpoint *ep, struct rs_result *result)
{
  struct stream *s = stream_of(ep, result->task);
  RS_ASSERT(s && !s->end);
  s->end = rs_result_ref(result);
  flush(ep, s);
}

void rs_stream_cancel(struct rs_endpoint *ep, struct rs_id task)
{
  struct stream *s = stream_of(ep, task);
  if (!s)
    return;
  s->cancelled = true;
  answer_if_may(ep, s);
}

void rs_stream_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  if (!ep->streams)
    return;
  RS_LIST_EACH(&ep->streams->list, at, after)
  {
    struct stream *s = RS_ENTRY(at, struct stream, link);
    if (s->to != peer)
      continue;
    s->to = RS_ADDR_NONE;
    answer_if_may(ep, s);
    flush(ep, s);
  }
}

bool rs_stream_stalled(const struct rs_endpoint *ep)
{
  for (const struct rs_link *at = ep->streams ? ep->streams->list.next : NULL; at && at != &ep->streams->list;
       at = at->next)
    if (RS_ENTRY(at, struct stream, link)->waits)
      return true;
  return false;
}

bool rs_stream_any(const struct rs_endpoint *ep)
{
  return ep->streams && !rs_list_empty(&ep->streams->list);
}
