/* front.c -- see front.h.
 *
 * A want is one caller's interest in one object: a get or a wait. It is answered by the step that asks, when the object
 * is known here, and otherwise enters the table of objects until the core replies. For each object at most one GET and
 * one WAIT are under way; a reply answers every want of its kind. A caller with many wants sleeps once.
 *
 * Cost: O(1) for each want, expected.
 */
#include "uv/front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FEW = 16 }; /* wants on the stack */

/* Somebody who sleeps until `left` wants have been answered. */
struct waiter {
  struct rs_link link; /* in front->waiters */
  pthread_cond_t cond;
  uint32_t left;
  bool interrupted;
};

struct front_want {
  struct rs_link link; /* in its object's list, or front->finished */
  struct front_object *object;
  struct waiter *waiter;        /* NULL: asynchronous */
  struct rs_front_value *value; /* of a get */
  bool get, answered;
  int status;
  struct rs_id id; /* of an asynchronous one */
  rs_front_done done;
  void *context;
};

struct front_object {
  struct rs_id id;
  struct rs_link wants;
  bool getting, waiting; /* the core has been asked */
};

/* What the application holds of a task's return or of an object. */
struct front_kept {
  struct rs_id id;
  uint32_t count;
  struct rs_id task;        /* that makes it; {0, 0}: it was put */
  struct rs_result *result; /* of a task that has failed */
};

void rs_front_init(struct rs_front *front, struct rs_proc *proc)
{
  memset(front, 0, sizeof *front);
  front->proc = proc;
  front->next_seq = 1;
  rs_list_init(&front->waiters);
  rs_list_init(&front->finished);
  pthread_mutex_init(&front->order, NULL);
  pthread_cond_init(&front->has_finished, NULL);
}

static struct front_object *object_find(const struct rs_front *front, struct rs_id id)
{
  return rs_map_get_ptr(&front->objects, rs_objects_key(id));
}

static struct front_kept *kept_find(const struct rs_front *front, struct rs_id id)
{
  return rs_map_get_ptr(&front->kept, rs_objects_key(id));
}

static struct front_kept *keep(struct rs_front *front, struct rs_id id)
{
  struct front_kept *kept = rs_alloc_zero(1, sizeof *kept);
  *kept = (struct front_kept){.id = id, .count = 1};
  rs_map_put_ptr(&front->kept, rs_objects_key(id), kept);
  return kept;
}

void rs_front_free(struct rs_front *front)
{
  for (uint32_t i = 0; i < front->objects.cap; i++)
    if (front->objects.slots[i].key)
      free((void *)(uintptr_t)front->objects.slots[i].value);
  rs_map_free(&front->objects);
  for (uint32_t i = 0; i < front->kept.cap; i++)
    if (front->kept.slots[i].key) {
      struct front_kept *kept = (struct front_kept *)(uintptr_t)front->kept.slots[i].value;
      rs_result_unref(kept->result);
      free(kept);
    }
  rs_map_free(&front->kept);
  pthread_cond_destroy(&front->has_finished);
  pthread_mutex_destroy(&front->order);
}

/* ---- answers ---- */

static void value_of(struct rs_id id, const struct rs_reply *reply, int status, struct rs_front_value *value)
{
  *value = (struct rs_front_value){.status = status};
  if (status != RS_ERR_OK) {
    value->failed = reply && reply->result ? rs_result_ref(reply->result) : NULL;
  } else if (reply->value) {
    value->value = rs_value_ref(reply->value);
    value->bytes = reply->value->data;
    value->size_bytes = reply->value->size_bytes;
    value->ids = reply->value->ids;
    value->id_count = reply->value->id_count;
  } else {
    value->stored = id;
  }
}

static void wake(struct rs_front *front, struct front_want *want)
{
  if (want->waiter) {
    if (want->waiter->left > 0 && --want->waiter->left == 0)
      pthread_cond_signal(&want->waiter->cond);
    return;
  }
  rs_list_push_back(&front->finished, &want->link);
  pthread_cond_signal(&front->has_finished);
}

/* Takes the want out of its object's list. */
static void answer(struct rs_front *front, struct front_want *want, struct rs_id id, const struct rs_reply *reply,
                   int status)
{
  rs_list_remove(&want->link);
  want->object = NULL;
  want->answered = true;
  want->status = status;
  if (want->get)
    value_of(id, reply, status, want->value);
  wake(front, want);
}

static void object_forget(struct rs_front *front, struct front_object *o)
{
  if (!rs_list_empty(&o->wants))
    return;
  rs_map_remove(&front->objects, rs_objects_key(o->id), NULL);
  free(o);
}

static void on_object(struct rs_front *front, const struct rs_reply *reply)
{
  struct rs_id id = reply->id;
  if (front->now && rs_id_equal(front->now_id, id)) {
    struct front_want *want = front->now;
    front->now = NULL;
    answer(front, want, id, reply, reply->status);
  }
  struct front_object *o = object_find(front, id);
  if (!o)
    return;
  while (!rs_list_empty(&o->wants))
    answer(front, RS_ENTRY(o->wants.next, struct front_want, link), id, reply, reply->status);
  object_forget(front, o);
}

bool rs_front_on_reply(struct rs_front *front, const struct rs_reply *reply)
{
  if (reply->kind == RS_REPLY_OBJECT) {
    on_object(front, reply);
    return true;
  }
  if (reply->kind != RS_REPLY_TASK)
    return true;
  /* a failure has no returns: those that are held are looked at */
  bool ours = false, ok = reply->result->status == RS_ERR_OK;
  for (uint32_t i = 0; i < RS_TASK_RETURNS_MAX; i++) {
    struct front_kept *kept = kept_find(front, (struct rs_id){reply->id.owner, reply->id.seq + 1 + i});
    if (!kept)
      break;
    ours = true;
    rs_result_unref(kept->result);
    kept->result = ok ? NULL : rs_result_ref(reply->result);
  }
  return ours;
}

void rs_front_fail(struct rs_front *front, int status)
{
  if (front->failed)
    return;
  front->failed = true;
  front->status = status;
  for (uint32_t i = 0; i < front->objects.cap;) { /* removal shifts entries: the same place is looked at again */
    if (!front->objects.slots[i].key) {
      i++;
      continue;
    }
    struct front_object *o = (struct front_object *)(uintptr_t)front->objects.slots[i].value;
    while (!rs_list_empty(&o->wants))
      answer(front, RS_ENTRY(o->wants.next, struct front_want, link), o->id, NULL, status);
    object_forget(front, o);
  }
}

/* ---- interruptions ---- */

void rs_front_interrupt(struct rs_front *front)
{
  atomic_store(&front->interrupted, true);
  uv_async_send(&front->proc->async);
}

void rs_front_idle(struct rs_front *front)
{
  if (!atomic_load(&front->interrupted) || !atomic_exchange(&front->interrupted, false))
    return;
  for (struct rs_link *at = front->waiters.next; at != &front->waiters; at = at->next) {
    struct waiter *waiter = RS_ENTRY(at, struct waiter, link);
    waiter->interrupted = true;
    pthread_cond_signal(&waiter->cond);
  }
}

/* ---- calls ---- */

/* With the lock. */
static void step(struct rs_front *front, const struct rs_call *call)
{
  rs_proc_step_call(front->proc, call);
  rs_proc_drain(front->proc);
  rs_proc_flush(front->proc);
}

int rs_front_call(struct rs_front *front, struct rs_call *call)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0)
    step(front, call);
  rs_call_free(call);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_submit(struct rs_front *front, struct rs_call *call, struct rs_id *ids)
{
  struct rs_proc *proc = front->proc;
  pthread_mutex_lock(&front->order);
  pthread_mutex_lock(&proc->lock);
  int rc = front->failed ? front->status : 0;
  for (uint32_t i = 0; i < call->task_count && rc == 0; i++) {
    struct rs_task *task = call->tasks[i];
    task->id = (struct rs_id){proc->self, front->next_seq};
    if (call->kind == RS_CALL_ACTOR_CREATE)
      task->actor = task->id;
    front->next_seq += 1 + (uint64_t)task->return_count;
    if (ids)
      ids[i] = task->id;
    if (task->flags & RS_TASK_KEEP)
      for (uint32_t k = 0; k < task->return_count; k++)
        keep(front, (struct rs_id){proc->self, task->id.seq + 1 + k})->task = task->id;
  }
  if (rc == 0)
    step(front, call);
  rs_call_free(call);
  pthread_mutex_unlock(&proc->lock);
  pthread_mutex_unlock(&front->order);
  return rc;
}

/* ---- objects ---- */

/* With order and lock. */
static int put_call(struct rs_front *front, struct rs_id id, uint64_t size_bytes, const struct rs_id *inner,
                    uint32_t inner_count)
{
  if (front->failed)
    return front->status;
  struct rs_call call = {.kind = RS_CALL_PUT,
                         .object = id,
                         .size_bytes = size_bytes,
                         .inner = (struct rs_id *)(uintptr_t)inner,
                         .inner_count = inner_count};
  struct rs_front_value value;
  struct waiter waiter = {.left = 1};
  struct front_want want = {.waiter = &waiter, .value = &value};
  rs_list_init(&want.link);
  pthread_cond_init(&waiter.cond, NULL);
  struct front_object *o = rs_alloc_zero(1, sizeof *o);
  o->id = id;
  rs_list_init(&o->wants);
  rs_list_push_back(&o->wants, &want.link);
  rs_map_put_ptr(&front->objects, rs_objects_key(id), o);
  keep(front, id);
  step(front, &call);
  while (waiter.left > 0)
    pthread_cond_wait(&waiter.cond, &front->proc->lock);
  pthread_cond_destroy(&waiter.cond);
  return want.status;
}

int rs_front_create(struct rs_front *front, uint64_t size_bytes, uint64_t timeout_ns, struct rs_id *id, uint8_t **bytes)
{
  pthread_mutex_lock(&front->order);
  pthread_mutex_lock(&front->proc->lock);
  *id = (struct rs_id){front->proc->self, front->next_seq++};
  int rc = front->failed ? front->status : rs_objects_create(front->proc, *id, size_bytes, timeout_ns, bytes);
  pthread_mutex_unlock(&front->proc->lock);
  pthread_mutex_unlock(&front->order);
  return rc;
}

int rs_front_seal(struct rs_front *front, struct rs_id *id, uint64_t size_bytes, const struct rs_id *inner,
                  uint32_t inner_count)
{
  struct rs_proc *proc = front->proc;
  pthread_mutex_lock(&front->order);
  pthread_mutex_lock(&proc->lock);
  struct rs_id number = {proc->self, front->next_seq++}; /* the core wants numbers in the order of its calls */
  rs_objects_rename(proc, *id, number);
  int rc = front->failed ? front->status : rs_objects_seal(proc, number);
  if (rc == 0)
    rc = put_call(front, number, size_bytes, inner, inner_count);
  *id = number;
  pthread_mutex_unlock(&proc->lock);
  pthread_mutex_unlock(&front->order);
  if (rc != 0)
    rs_front_release(front, number);
  return rc;
}

void rs_front_discard(struct rs_front *front, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  rs_objects_discard(front->proc, id);
  pthread_mutex_unlock(&front->proc->lock);
}

/* The owner keeps the bytes itself: no other process hears of it. */
static int put_small(struct rs_front *front, const void *bytes, uint64_t size_bytes, const struct rs_id *inner,
                     uint32_t inner_count, struct rs_id *id)
{
  struct rs_value *value = rs_value_new(inner_count, (uint32_t)size_bytes);
  if (size_bytes)
    memcpy(value->data, bytes, size_bytes);
  if (inner_count)
    memcpy(value->ids, inner, inner_count * sizeof *inner);
  pthread_mutex_lock(&front->order);
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    *id = (struct rs_id){front->proc->self, front->next_seq++};
    struct rs_call call = {.kind = RS_CALL_PUT, .object = *id, .size_bytes = size_bytes, .value = value};
    keep(front, *id);
    step(front, &call);
  }
  rs_value_unref(value);
  pthread_mutex_unlock(&front->proc->lock);
  pthread_mutex_unlock(&front->order);
  return rc;
}

int rs_front_put(struct rs_front *front, const void *bytes, uint64_t size_bytes, const struct rs_id *inner,
                 uint32_t inner_count, struct rs_id *id)
{
  if (inner_count > RS_VALUE_IDS_MAX)
    return RS_ERR_TOO_LARGE;
  if (size_bytes <= (uint64_t)front->proc->setup.config.max_direct_call_object_size)
    return put_small(front, bytes, size_bytes, inner, inner_count, id);
  uint8_t *room;
  int rc = rs_front_create(front, size_bytes, RS_TIME_NEVER, id, &room);
  if (rc != 0)
    return rc;
  memcpy(room, bytes, size_bytes);
  return rs_front_seal(front, id, size_bytes, inner, inner_count);
}

int rs_front_cancel(struct rs_front *front, struct rs_id id, bool force, bool recursive)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  const struct front_kept *kept = kept_find(front, id);
  if (rc == 0 && kept && kept->task.owner) {
    struct rs_call call = {.kind = RS_CALL_CANCEL, .object = kept->task, .force = force, .recursive = recursive};
    step(front, &call);
  }
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

void rs_front_retain(struct rs_front *front, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  struct front_kept *kept = kept_find(front, id);
  if (kept)
    kept->count++;
  pthread_mutex_unlock(&front->proc->lock);
}

void rs_front_release(struct rs_front *front, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  struct front_kept *kept = kept_find(front, id);
  if (kept && --kept->count == 0) {
    rs_map_remove(&front->kept, rs_objects_key(id), NULL);
    rs_result_unref(kept->result);
    free(kept);
    if (!front->failed) {
      struct rs_call call = {.kind = RS_CALL_RELEASE, .object = id};
      step(front, &call);
    }
  }
  pthread_mutex_unlock(&front->proc->lock);
}

/* ---- waiting ---- */

/* Asks the core for what the want is about, where it has not been asked. The want is answered now, or enters the table.
 */
static void ask(struct rs_front *front, struct front_want *want, struct rs_id id)
{
  struct front_object *o = object_find(front, id);
  bool asked = o && o->getting;
  if (!asked) {
    struct rs_call call = {.kind = RS_CALL_GET, .object = id};
    front->now = want;
    front->now_id = id;
    step(front, &call);
    if (!front->now)
      return;
    front->now = NULL;
    o = object_find(front, id);
  }
  if (!o) {
    o = rs_alloc_zero(1, sizeof *o);
    o->id = id;
    rs_list_init(&o->wants);
    rs_map_put_ptr(&front->objects, rs_objects_key(id), o);
  }
  o->getting = true;
  want->object = o;
  rs_list_push_back(&o->wants, &want->link);
}

/* Sleeps until enough wants are answered. 0, or TIMED_OUT or INTERRUPTED. */
static int sleep_until(struct rs_front *front, struct waiter *waiter, uint64_t timeout_ns)
{
  if (waiter->left == 0)
    return 0;
  if (timeout_ns == 0)
    return RS_ERR_TIMED_OUT;
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  struct timespec until = {.tv_sec = (time_t)(end / RS_S), .tv_nsec = (long)(end % RS_S)};
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&waiter->cond, &attr);
  pthread_condattr_destroy(&attr);
  rs_list_push_back(&front->waiters, &waiter->link);
  while (waiter->left > 0 && !waiter->interrupted && (timeout_ns == RS_TIME_NEVER || uv_hrtime() < end)) {
    if (timeout_ns == RS_TIME_NEVER)
      pthread_cond_wait(&waiter->cond, &front->proc->lock);
    else
      pthread_cond_timedwait(&waiter->cond, &front->proc->lock, &until);
  }
  rs_list_remove(&waiter->link);
  pthread_cond_destroy(&waiter->cond);
  return waiter->left == 0 ? 0 : waiter->interrupted ? RS_ERR_INTERRUPTED : RS_ERR_TIMED_OUT;
}

/* The store may do with these bytes what it likes from now on. */
static void unpin(struct rs_front *front, struct rs_id id)
{
  struct rs_call call = {.kind = RS_CALL_UNPIN, .object = id};
  if (!front->failed)
    step(front, &call);
}

/* Reads what a get was told is in the store; finds what there is to say about a failure. */
static void finish(struct rs_front *front, struct rs_id id, struct rs_front_value *value)
{
  if (value->stored.owner) {
    size_t size;
    int rc = rs_objects_read(front->proc, value->stored, &value->bytes, &size);
    if (rc == 0) {
      value->size_bytes = size;
    } else {
      unpin(front, value->stored);
      *value = (struct rs_front_value){.status = rc};
    }
  }
  const struct front_kept *kept = value->status != RS_ERR_OK && !value->failed ? kept_find(front, id) : NULL;
  if (kept && kept->result)
    value->failed = rs_result_ref(kept->result);
}

int rs_front_get(struct rs_front *front, const struct rs_id *ids, uint32_t count, uint64_t timeout_ns,
                 struct rs_front_value *values)
{
  struct front_want few[FEW], *wants = count <= FEW ? few : rs_alloc(count * sizeof *wants);
  struct waiter waiter = {.left = count};
  pthread_mutex_lock(&front->proc->lock);
  for (uint32_t i = 0; i < count; i++) {
    wants[i] = (struct front_want){.waiter = &waiter, .value = &values[i], .get = true};
    rs_list_init(&wants[i].link);
    if (front->failed)
      answer(front, &wants[i], ids[i], NULL, front->status);
    else
      ask(front, &wants[i], ids[i]);
  }
  int rc = sleep_until(front, &waiter, timeout_ns);
  for (uint32_t i = 0; i < count; i++) {
    if (!wants[i].answered) {
      values[i] = (struct rs_front_value){.status = rc};
      rs_list_remove(&wants[i].link);
      object_forget(front, wants[i].object);
      continue;
    }
    finish(front, ids[i], &values[i]);
    if (values[i].status != RS_ERR_OK && rc == 0)
      rc = values[i].status;
  }
  pthread_mutex_unlock(&front->proc->lock);
  if (wants != few)
    free(wants);
  return rc;
}

void rs_front_value_free(struct rs_front *front, struct rs_front_value *value)
{
  if (!value->value && !value->failed && !value->stored.owner)
    return;
  pthread_mutex_lock(&front->proc->lock);
  rs_value_unref(value->value);
  rs_result_unref(value->failed);
  if (value->stored.owner) {
    rs_objects_release(front->proc, value->stored);
    unpin(front, value->stored);
  }
  pthread_mutex_unlock(&front->proc->lock);
  *value = (struct rs_front_value){0};
}

/* ---- waiting for some of many ---- */

static bool id_less(struct rs_id a, struct rs_id b)
{
  return a.owner < b.owner || (a.owner == b.owner && a.seq < b.seq);
}

/* Is an id given twice? Ids in increasing order, the usual case, are told apart in one pass. */
static bool twice(const struct rs_id *ids, uint32_t count)
{
  uint32_t i = 1;
  while (i < count && id_less(ids[i - 1], ids[i]))
    i++;
  if (i >= count)
    return false;
  struct rs_map seen = {0};
  bool found = false;
  for (i = 0; i < count && !found; i++) {
    found = rs_map_find(&seen, rs_objects_key(ids[i])) != NULL;
    rs_map_put(&seen, rs_objects_key(ids[i]), 1);
  }
  rs_map_free(&seen);
  return found;
}

int64_t rs_front_wait(struct rs_front *front, const struct rs_id *ids, uint32_t count, uint32_t wanted,
                      uint64_t timeout_ns, bool fetch_local, uint8_t *ready)
{
  (void)fetch_local;
  if (wanted > count || twice(ids, count))
    return RS_ERR_INVALID;
  struct front_want few[FEW], *wants = count <= FEW ? few : rs_alloc(count * sizeof *wants);
  struct waiter waiter = {.left = wanted};
  uint32_t asked = 0, found = 0;
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  for (; asked < count && waiter.left > 0 && rc == 0; asked++) {
    wants[asked] = (struct front_want){.waiter = &waiter};
    rs_list_init(&wants[asked].link);
    ask(front, &wants[asked], ids[asked]);
  }
  if (rc == 0)
    rc = sleep_until(front, &waiter, timeout_ns);
  memset(ready, 0, count);
  for (uint32_t i = 0; i < asked; i++) {
    if (wants[i].answered && found < wanted) {
      ready[i] = 1;
      found++;
    } else if (!wants[i].answered) {
      rs_list_remove(&wants[i].link);
      object_forget(front, wants[i].object);
    }
  }
  if (front->failed)
    rc = front->status;
  pthread_mutex_unlock(&front->proc->lock);
  if (wants != few)
    free(wants);
  return rc == 0 || rc == RS_ERR_TIMED_OUT ? (int64_t)found : rc;
}

/* ---- asynchronous gets ---- */

static void *finish_main(void *arg)
{
  struct rs_front *front = arg;
  struct rs_proc *proc = front->proc;
  pthread_mutex_lock(&proc->lock);
  for (;;) {
    while (rs_list_empty(&front->finished) && !front->ending)
      pthread_cond_wait(&front->has_finished, &proc->lock);
    if (rs_list_empty(&front->finished))
      break;
    struct front_want *want = RS_ENTRY(front->finished.next, struct front_want, link);
    rs_list_remove(&want->link);
    finish(front, want->id, want->value);
    pthread_mutex_unlock(&proc->lock);
    want->done(want->context, want->value);
    free(want->value);
    free(want);
    pthread_mutex_lock(&proc->lock);
  }
  pthread_mutex_unlock(&proc->lock);
  return NULL;
}

int rs_front_get_async(struct rs_front *front, struct rs_id id, rs_front_done done, void *context)
{
  struct front_want *want = rs_alloc_zero(1, sizeof *want);
  want->value = rs_alloc_zero(1, sizeof *want->value);
  want->id = id;
  want->get = true;
  want->done = done;
  want->context = context;
  rs_list_init(&want->link);
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0 && !front->thread_runs) {
    front->thread_runs = pthread_create(&front->thread, NULL, finish_main, front) == 0;
    rc = front->thread_runs ? 0 : RS_ERR_NO_ROOM;
  }
  if (rc == 0)
    ask(front, want, id);
  pthread_mutex_unlock(&front->proc->lock);
  if (rc != 0) {
    free(want->value);
    free(want);
  }
  return rc;
}

void rs_front_stop(struct rs_front *front)
{
  pthread_mutex_lock(&front->proc->lock);
  rs_front_fail(front, RS_ERR_PEER_LOST);
  front->ending = true;
  bool runs = front->thread_runs;
  pthread_cond_signal(&front->has_finished);
  pthread_mutex_unlock(&front->proc->lock);
  if (runs)
    pthread_join(front->thread, NULL);
}
