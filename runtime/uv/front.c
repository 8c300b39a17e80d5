/* front.c -- see front.h.
 *
 * A want is one caller's interest in one object: its bytes, or that it is made. It is answered by the step that asks,
 * when the object is known here, and otherwise enters the table of objects until the core replies. For each object at
 * most one call of each kind is under way, and a reply answers every want of its kind. A caller with many wants sleeps
 * once.
 *
 * A stored object that was got is pinned in the node's store while anybody of this process reads it, and for
 * RS_UV_UNPIN_US after that; meanwhile other gets of it need no call. It is unpinned at once when its reference is
 * released, when this process asks for room in the store, and at the end of a task. The pin is the raylet's record of
 * this process, so it ends with the process, however that ends.
 *
 * Cost: O(1) for each want, expected.
 */
#include "uv/front.h"

#include <string.h>
#include <time.h>

#include "core/owner.h"
#include "uv/bulk.h"

enum { FEW = 16 }; /* wants on the stack */

/* What is asked of the core: GET, WAIT with fetch_local, WAIT without. A PUT is answered as the last. */
enum kind { WANT_BYTES, WANT_HERE, WANT_MADE, KINDS };

/* Somebody who sleeps until `left` wants have been answered. */
struct waiter {
  struct rs_link link; /* in front->waiters */
  pthread_cond_t cond;
  uint32_t left;
  bool interrupted;
  bool firm;                      /* it does not end when its task is cancelled: the answer comes soon */
  const struct front_want *wants; /* of a get: `count` of them, of these objects; NULL otherwise */
  const struct rs_id *ids;
  uint32_t count;
};

struct front_want {
  struct rs_link link; /* in its object's list, or front->finished */
  struct front_object *object;
  struct waiter *waiter;        /* NULL: asynchronous */
  struct rs_front_value *value; /* of BYTES */
  uint8_t kind;
  bool answered;
  bool no_object; /* the id is an actor's or a stream's */
  int status;
  struct rs_id id; /* of an asynchronous one */
  rs_front_done done;
  void *context;
};

struct front_object {
  struct rs_id id;
  struct rs_link wants;
  bool asked[KINDS]; /* a call is under way */
  bool pinned;       /* in the node's store, for `readers` values */
  bool freed;        /* on request: who asks from now on is told so */
  uint32_t readers;
  struct rs_link rest; /* in front->resting: pinned, without readers */
  uint64_t rest_until;
  uint32_t inner_count; /* references inside it, while it is pinned */
  struct rs_id *inner;
};

void rs_front_init(struct rs_front *front, struct rs_proc *proc)
{
  memset(front, 0, sizeof *front);
  front->proc = proc;
  front->next_seq = 1;
  rs_list_init(&front->waiters);
  rs_list_init(&front->resting);
  rs_list_init(&front->finished);
  pthread_cond_init(&front->has_finished, NULL);
}

static struct front_object *object_find(const struct rs_front *front, struct rs_id id)
{
  return rs_map_get_ptr(&front->objects, rs_objects_key(id));
}

static struct front_object *object_get(struct rs_front *front, struct rs_id id)
{
  struct front_object *o = object_find(front, id);
  if (!o) {
    o = rs_alloc_zero(1, sizeof *o);
    o->id = id;
    rs_list_init(&o->wants);
    rs_list_init(&o->rest);
    rs_map_put_ptr(&front->objects, rs_objects_key(id), o);
  }
  return o;
}

static void object_free(struct front_object *o)
{
  free(o->inner);
  free(o);
}

/* Once nothing is known about it any more. */
static void object_forget(struct rs_front *front, struct front_object *o)
{
  if (!rs_list_empty(&o->wants) || o->pinned || o->asked[WANT_BYTES] || o->asked[WANT_HERE] || o->asked[WANT_MADE])
    return;
  rs_map_remove(&front->objects, rs_objects_key(o->id), NULL);
  object_free(o);
}

void rs_front_free(struct rs_front *front)
{
  for (uint32_t i = 0; i < front->objects.cap; i++)
    if (front->objects.slots[i].key)
      object_free((struct front_object *)(uintptr_t)front->objects.slots[i].value);
  rs_map_free(&front->objects);
  for (uint32_t i = 0; i < front->names.cap; i++)
    if (front->names.slots[i].key)
      free((char *)(uintptr_t)front->names.slots[i].value);
  rs_map_free(&front->names);
  rs_front_group_free(front);
  rs_front_heard_free_all(front);
  pthread_cond_destroy(&front->has_finished);
}

/* ---- answers ---- */

static void read_pinned(struct front_object *o, struct rs_front_value *value)
{
  *value = (struct rs_front_value){.stored = o->id, .ids = o->inner, .id_count = o->inner_count};
  o->readers++;
  rs_list_remove(&o->rest);
}

static void value_of(struct rs_front *front, const struct rs_reply *reply, struct rs_front_value *value)
{
  if (reply->status != RS_ERR_OK) {
    *value =
        (struct rs_front_value){.status = reply->status, .failed = reply->result ? rs_result_ref(reply->result) : NULL};
  } else if (reply->value) {
    struct rs_value *v = rs_value_ref(reply->value);
    *value = (struct rs_front_value){
        .bytes = v->data, .size_bytes = v->size_bytes, .ids = v->ids, .id_count = v->id_count, .value = v};
  } else {
    read_pinned(object_find(front, reply->id), value);
  }
}

/* Takes the want out of its object's list. */
static void answered(struct rs_front *front, struct front_want *want, int status)
{
  rs_list_remove(&want->link);
  want->object = NULL;
  want->answered = true;
  want->status = status;
  if (!want->waiter) {
    rs_list_push_back(&front->finished, &want->link);
    pthread_cond_signal(&front->has_finished);
  } else if (want->waiter->left > 0 && --want->waiter->left == 0) {
    pthread_cond_signal(&want->waiter->cond);
  }
}

static void answer(struct rs_front *front, struct front_want *want, const struct rs_reply *reply)
{
  if (want->kind == WANT_BYTES)
    value_of(front, reply, want->value);
  want->no_object = reply->state == RS_NO_OBJECT;
  answered(front, want, reply->status);
}

static void answer_failed(struct rs_front *front, struct front_want *want, int status)
{
  if (want->kind == WANT_BYTES)
    *want->value = (struct rs_front_value){.status = status};
  answered(front, want, status);
}

/* The core answers WAITs without fetch_local first. */
static enum kind kind_of(const struct rs_front *front, const struct rs_reply *reply, const struct front_object *o,
                         bool now)
{
  if (!reply->ready)
    return WANT_BYTES;
  return (o && o->asked[WANT_MADE]) || (now && front->now->kind == WANT_MADE) ? WANT_MADE : WANT_HERE;
}

static void unpin_later(struct rs_front *front, struct rs_id id)
{
  struct rs_call *call = rs_call_new(RS_CALL_UNPIN, 0);
  call->object = id;
  rs_calls_add(&front->proc->calls, call); /* a step is in progress */
}

static void on_object(struct rs_front *front, const struct rs_reply *reply)
{
  bool now = front->now && rs_id_equal(front->now_id, reply->id);
  bool pinned = reply->status == RS_ERR_OK && reply->stored;
  struct front_object *o = pinned ? object_get(front, reply->id) : object_find(front, reply->id);
  enum kind kind = kind_of(front, reply, o, now);
  if (pinned) {
    o->pinned = true;
    rs_objects_keep(front->proc, o->id);
    o->inner_count = reply->id_count;
    o->inner = rs_memdup(reply->ids, reply->id_count * sizeof *reply->ids);
  }
  if (now && front->now->kind == kind) {
    struct front_want *want = front->now;
    front->now = NULL;
    answer(front, want, reply);
  }
  if (!o)
    return;
  o->asked[kind] = false;
  RS_LIST_EACH(&o->wants, at, after)
  {
    struct front_want *want = RS_ENTRY(at, struct front_want, link);
    if (want->kind == kind)
      answer(front, want, reply);
  }
  if (o->pinned && o->readers == 0) { /* whoever asked has given up */
    o->pinned = false;
    rs_objects_forget(front->proc, o->id);
    unpin_later(front, o->id);
  }
  object_forget(front, o);
}

bool rs_front_on_reply(struct rs_front *front, const struct rs_reply *reply)
{
  if (reply->kind == RS_REPLY_OBJECT)
    on_object(front, reply);
  if (reply->kind == RS_REPLY_GROUP)
    rs_front_group_on_reply(front, reply);
  if (reply->kind == RS_REPLY_ACTOR || reply->kind == RS_REPLY_FOUND || reply->kind == RS_REPLY_NEXT)
    rs_front_heard_on_reply(front, reply);
  return reply->kind != RS_REPLY_TASK;
}

void rs_front_fail(struct rs_front *front, int status)
{
  if (front->failed)
    return;
  front->failed = true;
  front->status = status;
  for (uint32_t i = 0; i < front->objects.cap; i++) {
    if (!front->objects.slots[i].key)
      continue;
    struct front_object *o = (struct front_object *)(uintptr_t)front->objects.slots[i].value;
    while (!rs_list_empty(&o->wants))
      answer_failed(front, RS_ENTRY(o->wants.next, struct front_want, link), status);
  }
}

/* ---- unpinning ---- */

/* With the lock. What it sends leaves with the next flush. */
static void step(struct rs_front *front, const struct rs_call *call)
{
  rs_proc_step_call(front->proc, call);
  rs_proc_drain(front->proc);
}

/* With the lock, and no step in progress. */
static void unpin_one(struct rs_front *front, struct front_object *o)
{
  struct rs_id id = o->id;
  rs_list_remove(&o->rest);
  o->pinned = false;
  free(o->inner);
  o->inner = NULL;
  o->inner_count = 0;
  object_forget(front, o);
  rs_objects_forget(front->proc, id);
  if (!front->failed)
    step(front, &(struct rs_call){.kind = RS_CALL_UNPIN, .object = id});
}

static void unpin(struct rs_front *front, uint64_t now)
{
  while (!rs_list_empty(&front->resting)) {
    struct front_object *o = RS_ENTRY(front->resting.next, struct front_object, rest);
    if (o->rest_until > now)
      return;
    unpin_one(front, o);
  }
}

void rs_front_unpin_all(struct rs_front *front)
{
  unpin(front, RS_TIME_NEVER);
}

/* ---- interruptions ---- */

void rs_front_interrupt(struct rs_front *front)
{
  atomic_store(&front->interrupted, true);
  uv_async_send(&front->proc->async);
}

static void interruptions(struct rs_front *front)
{
  if (!atomic_load(&front->interrupted) || !atomic_exchange(&front->interrupted, false))
    return;
  front->interruptions++;
  pthread_cond_broadcast(&front->proc->changed);
  for (struct rs_link *at = front->waiters.next; at != &front->waiters; at = at->next) {
    struct waiter *waiter = RS_ENTRY(at, struct waiter, link);
    waiter->interrupted = true;
    pthread_cond_signal(&waiter->cond);
  }
}

void rs_front_cancelled(struct rs_front *front)
{
  pthread_cond_broadcast(&front->proc->changed);
  for (struct rs_link *at = front->waiters.next; at != &front->waiters; at = at->next)
    pthread_cond_signal(&RS_ENTRY(at, struct waiter, link)->cond);
}

void rs_front_idle(struct rs_front *front)
{
  struct rs_proc *proc = front->proc;
  interruptions(front);
  unpin(front, proc->last_now);
  if (!rs_list_empty(&front->resting))
    proc->role_deadline =
        rs_time_min(proc->role_deadline, RS_ENTRY(front->resting.next, struct front_object, rest)->rest_until);
}

/* ---- calls ---- */

static void flush(struct rs_front *front)
{
  if (rs_list_empty(&front->proc->dirty))
    return;
  front->flushed_at = front->proc->last_now;
  front->held = 0;
  rs_proc_flush(front->proc);
}

/* After a call that nobody waits for: the first of a burst leaves at once, the others wait for company, for as long as
 * results of short tasks do, or until a thread waits for something. */
static void flush_soon(struct rs_front *front)
{
  struct rs_proc *proc = front->proc;
  if (rs_list_empty(&proc->dirty))
    return;
  if (proc->last_now - front->flushed_at > RS_UV_BURST_US * RS_US || ++front->held > RS_UV_BURST_CALLS) {
    flush(front);
    return;
  }
  proc->hold = true;
  if (proc->timer_at > proc->dirty_since + RS_UV_FLUSH_US * RS_US)
    rs_proc_wake(proc);
}

int rs_front_call(struct rs_front *front, struct rs_call *call)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    step(front, call);
    flush(front);
  }
  rs_call_free(call);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

static int object_call(struct rs_front *front, enum rs_call_kind kind, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    struct front_object *o = kind == RS_CALL_RELEASE && !rs_list_empty(&front->resting) ? object_find(front, id) : NULL;
    if (o && o->pinned && o->readers == 0)
      unpin_one(front, o);
    step(front, &(struct rs_call){.kind = kind, .object = id});
    flush_soon(front);
  }
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

void rs_front_retain(struct rs_front *front, struct rs_id id)
{
  object_call(front, RS_CALL_RETAIN, id);
}

void rs_front_release(struct rs_front *front, struct rs_id id)
{
  object_call(front, RS_CALL_RELEASE, id);
}

int rs_front_drop(struct rs_front *front, const struct rs_id *ids, uint32_t count)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  for (uint32_t i = 0; i < count && rc == 0; i++) {
    struct front_object *o = object_find(front, ids[i]);
    if (o)
      o->freed = true;
    step(front, &(struct rs_call){.kind = RS_CALL_FREE, .object = ids[i]});
  }
  flush(front);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_submit_locked(struct rs_front *front, struct rs_call *call, struct rs_id *ids)
{
  struct rs_proc *proc = front->proc;
  int rc = front->failed ? front->status : 0;
  struct rs_id parent = {0, 0};
  rs_addr job = RS_ADDR_NONE;
  if (front->about && rc == 0)
    front->about(front, &parent, &job);
  for (uint32_t i = 0; i < call->task_count && rc == 0; i++) {
    struct rs_task *task = call->tasks[i];
    task->id = (struct rs_id){proc->self, front->next_seq};
    task->parent = parent;
    task->job = job;
    if (call->kind == RS_CALL_ACTOR_CREATE)
      task->actor = task->id;
    front->next_seq += rs_task_span(task);
    if (task->flags & RS_TASK_STREAM)
      rs_map_put(&front->streams, rs_objects_key(task->id), 1);
    if (ids)
      ids[i] = task->id;
  }
  if (rc == 0) {
    step(front, call);
    flush_soon(front);
  }
  rs_call_free(call);
  return rc;
}

int rs_front_submit(struct rs_front *front, struct rs_call *call, struct rs_id *ids)
{
  pthread_mutex_lock(&front->proc->lock);
  int rc = rs_front_submit_locked(front, call, ids);
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_cancel(struct rs_front *front, struct rs_id id, bool force, bool recursive, const char **wrong)
{
  struct rs_proc *proc = front->proc;
  pthread_mutex_lock(&proc->lock);
  *wrong = proc->ep_count ? rs_owner_cancel_wrong(proc->eps[0].core, id, force) : NULL;
  pthread_mutex_unlock(&proc->lock);
  if (*wrong)
    return RS_ERR_INVALID;
  struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
  call->object = id;
  call->force = force;
  call->recursive = recursive;
  return rs_front_call(front, call);
}

/* ---- waiting ---- */

/* Takes a want whose time is over from its object. */
static void want_drop(struct rs_front *front, struct front_want *want)
{
  struct front_object *o = want->object;
  rs_list_remove(&want->link);
  object_forget(front, o);
}

/* Steps with a call that the want is to be answered by: now, or it enters the table. */
static void want_step(struct rs_front *front, struct front_want *want, struct rs_id id, const struct rs_call *call)
{
  front->now = want;
  front->now_id = id;
  step(front, call);
  if (!front->now)
    return;
  front->now = NULL;
  struct front_object *o = object_get(front, id);
  o->asked[want->kind] = true;
  want->object = o;
  rs_list_push_back(&o->wants, &want->link);
}

/* Asks the core for what the want is about, where it has not been asked. */
static void ask(struct rs_front *front, struct front_want *want, struct rs_id id)
{
  struct front_object *o = object_find(front, id);
  if (o && o->pinned && !o->freed) { /* it is here */
    if (want->kind == WANT_BYTES)
      read_pinned(o, want->value);
    answered(front, want, RS_ERR_OK);
  } else if (o && o->asked[want->kind]) {
    want->object = o;
    rs_list_push_back(&o->wants, &want->link);
  } else {
    bool bytes = want->kind == WANT_BYTES;
    want_step(front, want, id,
              &(struct rs_call){
                  .kind = bytes ? RS_CALL_GET : RS_CALL_WAIT, .object = id, .fetch_local = want->kind == WANT_HERE});
  }
}

/* A get that takes long says so. */
static void warn(const struct waiter *waiter, uint64_t waited_ns)
{
  uint32_t first = 0;
  for (uint32_t i = waiter->count; i-- > 0;)
    if (!waiter->wants[i].answered)
      first = i;
  rs_front_warn_get(waiter->ids[first], waiter->left, waiter->count, waited_ns);
}

static bool ends(const struct rs_front *front, const struct waiter *waiter)
{
  return waiter->interrupted || (!waiter->firm && front->cancelled && front->cancelled(front));
}

/* Sleeps until enough wants are answered. 0, or TIMED_OUT, INTERRUPTED or CANCELLED. */
static int sleep_until(struct rs_front *front, struct waiter *waiter, uint64_t timeout_ns)
{
  if (waiter->left == 0)
    return 0;
  flush(front);
  if (timeout_ns == 0)
    return RS_ERR_TIMED_OUT;
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns);
  uint64_t begin = uv_hrtime(), patience = (uint64_t)front->proc->setup.config.fetch_warn_timeout_milliseconds * RS_MS;
  uint64_t warn_at = patience && waiter->wants ? rs_time_add(begin, patience) : RS_TIME_NEVER;
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&waiter->cond, &attr);
  pthread_condattr_destroy(&attr);
  rs_list_push_back(&front->waiters, &waiter->link);
  if (front->blocked)
    front->blocked(front, true);
  for (uint64_t now = begin; waiter->left > 0 && !ends(front, waiter) && now < end; now = uv_hrtime()) {
    if (now >= warn_at) {
      warn(waiter, now - begin);
      warn_at = rs_time_add(now, now - begin);
    }
    uint64_t next = rs_time_min(end, warn_at);
    struct timespec until = {.tv_sec = (time_t)(next / RS_S), .tv_nsec = (long)(next % RS_S)};
    if (next == RS_TIME_NEVER)
      pthread_cond_wait(&waiter->cond, &front->proc->lock);
    else
      pthread_cond_timedwait(&waiter->cond, &front->proc->lock, &until);
  }
  if (front->blocked)
    front->blocked(front, false);
  rs_list_remove(&waiter->link);
  pthread_cond_destroy(&waiter->cond);
  if (waiter->left == 0)
    return 0;
  return waiter->interrupted ? RS_ERR_INTERRUPTED : ends(front, waiter) ? RS_ERR_CANCELLED : RS_ERR_TIMED_OUT;
}

int rs_front_nap(struct rs_front *front, uint64_t end, uint32_t interruptions)
{
  if (front->failed)
    return front->status;
  if (front->interruptions != interruptions)
    return RS_ERR_INTERRUPTED;
  uint64_t now = uv_hrtime();
  if (now >= end)
    return RS_ERR_TIMED_OUT;
  uint64_t until_ns = rs_time_min(end, rs_time_add(now, RS_S)); /* the end of the cluster is noticed within a second */
  struct timespec until = {.tv_sec = (time_t)(until_ns / RS_S), .tv_nsec = (long)(until_ns % RS_S)};
  pthread_cond_timedwait(&front->proc->changed, &front->proc->lock, &until);
  return 0;
}

/* One reader less: without readers it rests, and is unpinned when it has not been got again. With the lock. */
static void unread(struct rs_front *front, struct rs_id id)
{
  struct rs_proc *proc = front->proc;
  struct front_object *o = object_find(front, id);
  if (!o || --o->readers > 0)
    return;
  o->rest_until = uv_hrtime() + RS_UV_UNPIN_US * RS_US;
  rs_list_push_back(&front->resting, &o->rest);
  if (proc->role_deadline <= o->rest_until)
    return;
  proc->role_deadline = o->rest_until;
  if (proc->timer_at > o->rest_until)
    rs_proc_wake(proc);
}

/* Reads what a get was told is in the store. */
static void finish(struct rs_front *front, struct rs_front_value *value)
{
  if (!value->stored.owner)
    return;
  size_t size;
  int rc = rs_objects_read(front->proc, value->stored, &value->bytes, &size);
  if (rc == 0) {
    value->size_bytes = size;
  } else {
    unread(front, value->stored);
    *value = (struct rs_front_value){.status = rc};
  }
}

int rs_front_get(struct rs_front *front, const struct rs_id *ids, uint32_t count, uint64_t timeout_ns,
                 struct rs_front_value *values)
{
  struct front_want few[FEW], *wants = count <= FEW ? few : rs_alloc(count * sizeof *wants);
  struct waiter waiter = {.left = count, .wants = wants, .ids = ids, .count = count};
  pthread_mutex_lock(&front->proc->lock);
  for (uint32_t i = 0; i < count; i++) {
    wants[i] = (struct front_want){.waiter = &waiter, .value = &values[i], .kind = WANT_BYTES};
    rs_list_init(&wants[i].link);
    if (front->failed)
      answer_failed(front, &wants[i], front->status);
    else
      ask(front, &wants[i], ids[i]);
  }
  int rc = sleep_until(front, &waiter, timeout_ns);
  for (uint32_t i = 0; i < count; i++) {
    if (wants[i].answered)
      continue;
    values[i] = (struct rs_front_value){.status = rc};
    want_drop(front, &wants[i]);
  }
  for (uint32_t i = 0; i < count; i++) {
    finish(front, &values[i]);
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
    unread(front, value->stored);
  }
  pthread_mutex_unlock(&front->proc->lock);
  *value = (struct rs_front_value){0};
}

void rs_front_value_forget(struct rs_front_value *value)
{
  rs_value_unref(value->value);
  rs_result_unref(value->failed);
  *value = (struct rs_front_value){0};
}

/* ---- objects ---- */

/* Tells the core of an object whose bytes are in the node's store, and waits until that has it. With the lock. */
static int put_stored(struct rs_front *front, struct rs_id id, uint64_t size_bytes, const struct rs_id *inner,
                      uint32_t inner_count)
{
  struct rs_call call = {.kind = RS_CALL_PUT,
                         .object = id,
                         .size_bytes = size_bytes,
                         .inner = (struct rs_id *)(uintptr_t)inner,
                         .inner_count = inner_count};
  struct waiter waiter = {.left = 1, .firm = true};
  struct front_want want = {.waiter = &waiter, .kind = WANT_MADE};
  rs_list_init(&want.link);
  want_step(front, &want, id, &call);
  int rc;
  do
    rc = sleep_until(front, &waiter, RS_TIME_NEVER);
  while (rc == RS_ERR_INTERRUPTED && (waiter.interrupted = false, true)); /* the store answers soon */
  return want.status;
}

int rs_front_create(struct rs_front *front, uint64_t size_bytes, uint64_t timeout_ns, struct rs_id *id, uint8_t **bytes)
{
  pthread_mutex_lock(&front->proc->lock);
  *id = (struct rs_id){front->proc->self, front->next_seq++};
  rs_front_unpin_all(front);
  int rc = front->failed ? front->status : rs_objects_create(front->proc, *id, size_bytes, timeout_ns, bytes);
  front->unsealed += rc == 0;
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

int rs_front_seal(struct rs_front *front, struct rs_id id, uint64_t size_bytes, const struct rs_id *inner,
                  uint32_t inner_count)
{
  if (inner_count > RS_VALUE_IDS_MAX) {
    rs_front_discard(front, id);
    return RS_ERR_TOO_LARGE;
  }
  pthread_mutex_lock(&front->proc->lock);
  front->unsealed -= front->unsealed > 0;
  int rc = front->failed ? front->status : rs_objects_seal(front->proc, id);
  if (rc == 0)
    rc = put_stored(front, id, size_bytes, inner, inner_count);
  if (rc != 0 && !front->failed)
    step(front, &(struct rs_call){.kind = RS_CALL_RELEASE, .object = id});
  pthread_mutex_unlock(&front->proc->lock);
  return rc;
}

void rs_front_discard_all(struct rs_front *front)
{
  if (front->unsealed)
    rs_objects_discard_own(front->proc);
  front->unsealed = 0;
}

void rs_front_discard(struct rs_front *front, struct rs_id id)
{
  pthread_mutex_lock(&front->proc->lock);
  front->unsealed -= front->unsealed > 0;
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
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  if (rc == 0) {
    *id = (struct rs_id){front->proc->self, front->next_seq++};
    step(front, &(struct rs_call){.kind = RS_CALL_PUT, .object = *id, .size_bytes = size_bytes, .value = value});
  }
  rs_value_unref(value);
  pthread_mutex_unlock(&front->proc->lock);
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
  rs_bulk_copy(room, bytes, size_bytes);
  return rs_front_seal(front, *id, size_bytes, inner, inner_count);
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
                      uint64_t timeout_ns, bool fetch_local, uint8_t *ready, uint32_t *wrong)
{
  *wrong = UINT32_MAX;
  if (wanted > count || twice(ids, count))
    return RS_ERR_INVALID;
  struct front_want few[FEW], *wants = count <= FEW ? few : rs_alloc(count * sizeof *wants);
  struct waiter waiter = {.left = wanted};
  uint32_t asked = 0, found = 0;
  pthread_mutex_lock(&front->proc->lock);
  int rc = front->failed ? front->status : 0;
  for (; asked < count && waiter.left > 0 && rc == 0; asked++) {
    wants[asked] = (struct front_want){.waiter = &waiter, .kind = fetch_local ? WANT_HERE : WANT_MADE};
    rs_list_init(&wants[asked].link);
    ask(front, &wants[asked], ids[asked]);
  }
  if (rc == 0)
    rc = sleep_until(front, &waiter, timeout_ns);
  memset(ready, 0, count);
  for (uint32_t i = 0; i < asked; i++) {
    if (wants[i].no_object && *wrong == UINT32_MAX)
      *wrong = i;
    if (wants[i].answered && found < wanted) {
      ready[i] = 1;
      found++;
    } else if (!wants[i].answered) {
      want_drop(front, &wants[i]);
    }
  }
  if (front->failed)
    rc = front->status;
  else if (*wrong != UINT32_MAX)
    rc = RS_ERR_INVALID;
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
    finish(front, want->value);
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
  want->kind = WANT_BYTES;
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
