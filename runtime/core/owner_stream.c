/* owner_stream.c -- tasks that yield: the caller's side of streaming generators.
 *
 * Items come in order, each is an object of this process from the moment that it is here. NEXT gives the application
 * the first one that it has not got, with a count of its own; until then the stream holds it. What it never asked for
 * goes when it releases the stream. After the last item NEXT says that the stream has ended, or once why it failed.
 *
 * A task that is tried again yields from the start (stream.c): items that are known are dropped as they come, so the
 * application sees each index once. With backpressure the worker is told how far the application has read, at most once
 * a step, and again when the first item of a new try comes.
 *
 * Cost: O(1) an item; O(unread items) a release.
 */
#include "core/owner_int.h"

struct owned_stream {
  struct rs_link dirty_link; /* in owner->dirty_streams: its worker may have to hear how far it is read */
  struct rs_id id;           /* of its task */
  uint64_t produced, read;   /* items that are here; that the application has */
  uint64_t told;             /* what told_to knows of `read` */
  rs_addr told_to;
  uint32_t backpressure, wants; /* NEXTs without an answer */
  bool ended, released;
  struct rs_result *error; /* why it ended early */
};

static struct owned_stream *find(const struct rs_owner *o, rs_addr self, struct rs_id id)
{
  return id.owner == self ? rs_map_get_ptr(&o->streams, id.seq) : NULL;
}

static struct rs_id item_id(const struct owned_stream *s, uint64_t index)
{
  return (struct rs_id){s->id.owner, s->id.seq + index};
}

static void stream_free(struct owned_stream *s)
{
  rs_list_remove(&s->dirty_link);
  rs_result_unref(s->error);
  free(s);
}

static void forget(struct rs_owner *o, struct owned_stream *s)
{
  rs_map_remove(&o->streams, s->id.seq, NULL);
  stream_free(s);
}

static void mark_dirty(struct rs_owner *o, struct owned_stream *s)
{
  if (s->backpressure && rs_list_empty(&s->dirty_link))
    rs_list_push_back(&o->dirty_streams, &s->dirty_link);
}

void rs_owner_stream_new(struct rs_endpoint *ep, const struct rs_task *task)
{
  struct owned_stream *s = rs_alloc_zero(1, sizeof *s);
  s->id = task->id;
  s->backpressure = task->backpressure;
  rs_list_init(&s->dirty_link);
  rs_map_put_ptr(&ep->owner->streams, task->id.seq, s);
}

static void tell(struct rs_endpoint *ep, struct rs_id id, const struct rs_id *item, struct rs_result *error)
{
  struct rs_reply *r = rs_alloc_zero(1, sizeof *r);
  r->kind = RS_REPLY_NEXT;
  r->id = id;
  if (item) {
    r->ids = rs_memdup(item, sizeof *item);
    r->id_count = 1;
  }
  if (error) {
    r->status = error->status;
    r->result = rs_result_ref(error);
  }
  rs_emit(ep, RS_OUT_REPLY)->reply = r;
}

/* Whoever waits and can be answered. The stream may be gone afterwards. */
static void answer(struct rs_endpoint *ep, struct owned_stream *s)
{
  struct rs_owner *o = ep->owner;
  while (s->wants && s->read < s->produced) {
    s->wants--;
    struct rs_id id = item_id(s, ++s->read);
    rs_owner_ref_retain(ep, id);
    rs_owner_ref_drop(ep, id);
    tell(ep, s->id, &id, NULL);
    mark_dirty(o, s);
  }
  if (!s->ended || (!s->wants && !s->released))
    return;
  for (; s->wants; s->wants--) {
    tell(ep, s->id, NULL, s->error);
    rs_result_unref(s->error);
    s->error = NULL;
  }
  forget(o, s);
}

void rs_owner_stream_next(struct rs_endpoint *ep, struct rs_id id)
{
  struct owned_stream *s = find(ep->owner, ep->self, id);
  if (!s || s->released) {
    tell(ep, id, NULL, NULL);
    return;
  }
  s->wants++;
  answer(ep, s);
}

bool rs_owner_stream_release(struct rs_endpoint *ep, struct rs_id id)
{
  struct owned_stream *s = find(ep->owner, ep->self, id);
  if (!s)
    return false;
  for (; s->wants; s->wants--)
    tell(ep, id, NULL, NULL);
  s->released = true;
  while (s->read < s->produced)
    rs_owner_ref_drop(ep, item_id(s, ++s->read));
  mark_dirty(ep->owner, s);
  answer(ep, s);
  return true;
}

void rs_owner_stream_on_item(struct rs_endpoint *ep, rs_addr from, const struct rs_m_stream_item *m)
{
  struct rs_owner *o = ep->owner;
  struct owned_stream *s = find(o, ep->self, m->task);
  const struct owned_task *t = s ? rs_map_get_ptr(&o->tasks, m->task.seq) : NULL;
  rs_addr worker = !t || t->state != TASK_PUSHED ? RS_ADDR_NONE : t->lease ? t->lease->worker : t->actor->worker;
  struct rs_id id = {m->task.owner, m->task.seq + m->index};
  if (worker == from && worker != RS_ADDR_NONE && m->index == 1) { /* a new try has begun */
    s->told_to = RS_ADDR_NONE;
    if (s->read || s->released)
      mark_dirty(o, s);
  }
  if (worker != from || s->released || m->index != s->produced + 1) { /* of an earlier try, known, or not wanted */
    bool same = worker == from && s->released && m->index == s->produced + 1;
    s = same ? s : NULL;
    rs_owner_object_refuse(ep, id, m->item);
    if (s)
      s->read = ++s->produced;
    return;
  }
  s->produced++;
  rs_owner_object_item(ep, id, m->item);
  answer(ep, s);
}

void rs_owner_stream_ended(struct rs_endpoint *ep, struct rs_id task, struct rs_result *result)
{
  struct owned_stream *s = find(ep->owner, ep->self, task);
  if (!s)
    return;
  s->ended = true;
  if (result->status != RS_ERR_OK)
    s->error = rs_result_ref(result);
  answer(ep, s);
}

void rs_owner_stream_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->dirty_streams)) {
    struct owned_stream *s = RS_ENTRY(o->dirty_streams.next, struct owned_stream, dirty_link);
    rs_list_remove(&s->dirty_link);
    const struct owned_task *t = rs_map_get_ptr(&o->tasks, s->id.seq);
    if (!t || t->state != TASK_PUSHED)
      continue; /* told when it is pushed */
    rs_addr worker = t->lease ? t->lease->worker : t->actor->worker;
    uint64_t count = s->released ? UINT64_MAX : s->read;
    if (worker == RS_ADDR_NONE || (worker == s->told_to && count == s->told))
      continue;
    s->told_to = worker;
    s->told = count;
    struct rs_m_stream_read *m = rs_msg_new(RS_MSG_STREAM_READ);
    m->task = s->id;
    m->count = count;
    rs_send(ep, worker, m);
  }
}

void rs_owner_stream_free_all(struct rs_owner *o)
{
  for (uint32_t i = 0; i < o->streams.cap; i++)
    if (o->streams.slots[i].key)
      stream_free((void *)(uintptr_t)o->streams.slots[i].value);
  rs_map_free(&o->streams);
}
