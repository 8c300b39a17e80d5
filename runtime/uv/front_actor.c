/* front_actor.c -- what an application waits for besides values: an actor's name to be accepted, actors looked for by
 * name, the next item of a stream. See front.h. Each such wait is one entry here until its reply has come. O(1).
 */
#include <pthread.h>
#include <time.h>

#include "uv/front.h"

struct heard {
  bool answered;
  struct rs_front_heard what;
};

static uint64_t key_of(enum rs_reply_kind kind, struct rs_id id)
{
  return (rs_objects_key(id) ^ rs_mix64(kind)) | 1;
}

void rs_front_heard_free(struct rs_front_heard *heard)
{
  free(heard->ids);
  rs_result_unref(heard->result);
  *heard = (struct rs_front_heard){0};
}

void rs_front_heard_free_all(struct rs_front *front)
{
  for (uint32_t i = 0; i < front->heard.cap; i++)
    if (front->heard.slots[i].key) {
      struct heard *h = (struct heard *)(uintptr_t)front->heard.slots[i].value;
      rs_front_heard_free(&h->what);
      free(h);
    }
  rs_map_free(&front->heard);
  rs_map_free(&front->streams);
}

void rs_front_heard_on_reply(struct rs_front *front, const struct rs_reply *reply)
{
  struct heard *h = rs_map_get_ptr(&front->heard, key_of(reply->kind, reply->id));
  if (!h || h->answered)
    return;
  h->answered = true;
  h->what.status = reply->status;
  h->what.state = (enum rs_actor_state)reply->state;
  h->what.id_count = reply->id_count;
  h->what.ids = rs_memdup(reply->ids, reply->id_count * sizeof *reply->ids);
  h->what.result = reply->result ? rs_result_ref(reply->result) : NULL;
  pthread_cond_broadcast(&front->proc->changed);
}

/* With the lock, and an entry. 0, or why there is no answer. */
static int wait_for(struct rs_front *front, struct heard *h, uint64_t end)
{
  uint32_t interruptions = front->interruptions;
  while (!h->answered) {
    int rc = rs_front_nap(front, end, interruptions);
    if (rc != 0)
      return rc;
  }
  return 0;
}

static struct heard *expect(struct rs_front *front, uint64_t key, bool *ours)
{
  struct heard *h = rs_map_get_ptr(&front->heard, key);
  *ours = h == NULL;
  if (!h) {
    h = rs_alloc_zero(1, sizeof *h);
    rs_map_put_ptr(&front->heard, key, h);
  }
  return h;
}

static void done(struct rs_front *front, uint64_t key, struct heard *h, struct rs_front_heard *out)
{
  *out = h->what;
  rs_map_remove(&front->heard, key, NULL);
  free(h);
}

int rs_front_actor_create(struct rs_front *front, struct rs_call *call, uint64_t timeout_ns, struct rs_id *id,
                          struct rs_front_heard *out)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  *out = (struct rs_front_heard){0};
  pthread_mutex_lock(&front->proc->lock);
  int rc = rs_front_submit_locked(front, call, id);
  if (rc == 0) {
    bool ours;
    uint64_t key = key_of(RS_REPLY_ACTOR, *id);
    struct heard *h = expect(front, key, &ours); /* no reply has been handled since: we had the lock */
    rc = wait_for(front, h, end);
    done(front, key, h, out);
  }
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_actor_find(struct rs_front *front, struct rs_call *call, uint64_t timeout_ns, struct rs_front_heard *out)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  bool ours;
  *out = (struct rs_front_heard){0};
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    call->object = (struct rs_id){front->proc->self, front->next_seq++};
    uint64_t key = key_of(RS_REPLY_FOUND, call->object);
    struct heard *h = expect(front, key, &ours);
    rs_proc_step_call(front->proc, call);
    rs_proc_drain(front->proc);
    rs_proc_flush(front->proc);
    rc = wait_for(front, h, end);
    done(front, key, h, out);
  }
  rs_call_free(call);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

/* A wait that ended without an answer leaves its entry: the next one takes the item that was asked for. */
int rs_front_stream_next(struct rs_front *front, struct rs_id stream, uint64_t timeout_ns, struct rs_front_heard *out)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns), key = key_of(RS_REPLY_NEXT, stream);
  *out = (struct rs_front_heard){0};
  bool ours;
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0 && !rs_map_find(&front->streams, rs_objects_key(stream)))
    rc = RS_ERR_INVALID;
  if (rc == 0) {
    struct heard *h = expect(front, key, &ours);
    if (ours) {
      struct rs_call call = {.kind = RS_CALL_STREAM_NEXT, .object = stream};
      rs_proc_step_call(front->proc, &call);
      rs_proc_drain(front->proc);
      rs_proc_flush(front->proc);
    }
    if (front->blocked && !h->answered)
      front->blocked(front, true);
    bool waits = !h->answered;
    uint32_t interruptions = front->interruptions;
    while (!h->answered && rc == 0)
      rc = front->cancelled && front->cancelled(front) ? RS_ERR_CANCELLED : rs_front_nap(front, end, interruptions);
    if (front->blocked && waits)
      front->blocked(front, false);
    if (h->answered)
      done(front, key, h, out);
  }
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

void rs_front_stream_release(struct rs_front *front, struct rs_id stream)
{
  uint64_t key = key_of(RS_REPLY_NEXT, stream);
  pthread_mutex_lock(&front->proc->lock);
  bool there = rs_map_remove(&front->streams, rs_objects_key(stream), NULL);
  pthread_mutex_unlock(&front->proc->lock);
  if (!there)
    return;
  rs_front_release(front, stream);
  pthread_mutex_lock(&front->proc->lock);
  struct heard *h = rs_map_get_ptr(&front->heard, key);
  struct rs_front_heard what = {0};
  if (h)
    done(front, key, h, &what);
  pthread_mutex_unlock(&front->proc->lock);
  for (uint32_t i = 0; i < what.id_count; i++)
    rs_front_release(front, what.ids[i]);
  rs_front_heard_free(&what);
}
