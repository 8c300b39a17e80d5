/* worker.c -- see worker.h.
 *
 * A thread runs a function, steps the endpoint itself with the result, and goes on with the next task that the step
 * brought: between short tasks nothing waits for another thread. A plain worker has the main thread alone; an actor
 * that runs several calls at a time gets another thread whenever there is a task and no thread for it. Which of them
 * runs a call is not promised. An async actor has one thread however many of its calls are under way: a task may go on
 * without its function (defer.c). Results of tasks shorter than RS_UV_FLUSH_US wait for company while more tasks are
 * queued, at most that long (the loop's alarm, in steps of 1 ms, sees to it when a long task follows); otherwise they
 * leave at once.
 */
#include "uv/worker.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/failure.h"
#include "uv/bulk.h"
#include "uv/crash.h"
#include "uv/function.h"
#include "uv/recorder.h"

static _Noreturn void leave(struct rs_proc *proc, int status)
{
  rs_output_tell(&((struct rs_worker *)proc->role)->output, proc, true);
  rs_proc_flush(proc);
  unlink(proc->unix_path);
  for (uint32_t i = 0; i < proc->ep_count; i++)
    rs_recorder_close(proc->eps[i].recorder);
  _exit(status);
}

static void *run_all(void *arg);

/* Without one the task waits for a thread that ends its own. */
static void add_thread(struct rs_worker *worker)
{
  pthread_t thread;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, RS_UV_STACK_BYTES);
  if (pthread_create(&thread, &attr, run_all, worker) == 0)
    worker->idle++;
  pthread_attr_destroy(&attr);
}

static void begin(struct rs_worker *worker, const struct rs_effect *effect)
{
  if (worker->dying)
    return;
  struct rs_run *run = rs_alloc_zero(1, sizeof *run);
  run->task = rs_task_ref(effect->task);
  run->gpus = effect->count;
  run->kill_at = RS_TIME_NEVER;
  rs_list_init(&run->notice);
  rs_list_push_back(&worker->ready, &run->link);
  worker->async = worker->async || (run->task->flags & RS_TASK_ASYNC);
  if (worker->ready_count++ >= worker->idle && !worker->async)
    add_thread(worker);
  pthread_cond_signal(&worker->work);
}

static struct rs_run *find(struct rs_link *list, struct rs_id task)
{
  RS_LIST_EACH(list, at, after)
  {
    struct rs_run *run = RS_ENTRY(at, struct rs_run, link);
    if (rs_id_equal(run->task->id, task))
      return run;
  }
  return NULL;
}

/* force: the process goes if the function does not end in time. */
static void cancel(struct rs_worker *worker, struct rs_id task, bool force)
{
  struct rs_proc *proc = &worker->proc;
  struct rs_run *run = find(&worker->running, task);
  if (!run)
    run = find(&worker->ready, task);
  if (!run)
    return;
  atomic_store(&run->cancelled, true);
  pthread_cond_broadcast(&worker->cancelled);
  rs_front_cancelled(&worker->front);
  rs_defer_cancelled(worker, run);
  if (!force)
    return;
  run->kill_at = rs_proc_now(proc) + RS_UV_KILL_GRACE_MS * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, run->kill_at);
  rs_proc_wake(proc);
}

static void on_effect(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  (void)ep;
  struct rs_worker *worker = proc->role;
  switch (effect->kind) {
  case RS_OUT_TASK_RUN: begin(worker, effect); break;
  case RS_OUT_TASK_KILL: cancel(worker, effect->object, effect->count == 0); break;
  case RS_OUT_SEND: /* ACTOR_EXIT: the actor ends in order, and nothing of it runs */
    if (worker->actor_end)
      worker->actor_end(worker->actor);
    worker->actor_end = NULL;
    break;
  case RS_OUT_EXIT: leave(proc, 0);
  case RS_OUT_REPLY:
    if (effect->reply->kind == RS_REPLY_YIELD)
      rs_yield_answered(worker, effect->reply);
    else
      rs_front_on_reply(&worker->front, effect->reply);
    break;
  default: break;
  }
}

static uint64_t on_timer(struct rs_proc *proc, uint64_t now)
{
  struct rs_worker *worker = proc->role;
  uint64_t next = RS_TIME_NEVER;
  RS_LIST_EACH(&worker->running, at, after)
  {
    struct rs_run *run = RS_ENTRY(at, struct rs_run, link);
    if (run->kill_at <= now)
      leave(proc, 1); /* it did not end by itself */
    next = rs_time_min(next, run->kill_at);
  }
  return rs_time_min(next, rs_output_timer(&worker->output, proc, now));
}

static void on_open(struct rs_proc *proc, struct rs_peer *peer)
{
  if (peer->addr == rs_addr_raylet(proc->self) && proc->ep_count == 0)
    rs_proc_add_endpoint(proc, &(struct rs_start){.roles = RS_ROLE_WORKER,
                                                  .self = proc->self,
                                                  .gcs = rs_addr_make(0, 1, RS_EP_GCS),
                                                  .config = &proc->setup.config});
}

static void on_lost(struct rs_proc *proc, struct rs_peer *peer)
{
  if (peer->addr == rs_addr_raylet(proc->self))
    leave(proc, 0);
}

static void on_idle(struct rs_proc *proc)
{
  struct rs_worker *worker = proc->role;
  rs_front_idle(&worker->front);
}

/* The task that this thread runs; NULL: it is a thread of the function's own. */
static _Thread_local const struct rs_uv_context *mine;

/* Whoever submits from another thread than the task's does it for the job that the process works for. */
static void about(struct rs_front *front, struct rs_id *parent, rs_addr *job)
{
  struct rs_worker *worker = front->proc->role;
  const struct rs_task *task = mine ? mine->task : NULL;
  if (task)
    *parent = task->id;
  else if (!rs_list_empty(&worker->running))
    task = RS_ENTRY(worker->running.next, struct rs_run, link)->task;
  *job = task ? rs_task_job(task) : worker->job;
}

/* The worker lends its CPU while all that it runs waits for objects. */
static void tell_blocked(struct rs_worker *worker)
{
  bool blocked = worker->running_count > 0 && worker->waiting_count == worker->running_count;
  if (worker->told_blocked == blocked)
    return;
  worker->told_blocked = blocked;
  struct rs_call call = {.kind = blocked ? RS_CALL_BLOCKED : RS_CALL_UNBLOCKED};
  rs_proc_step_call(&worker->proc, &call);
  rs_proc_drain(&worker->proc);
  rs_proc_flush(&worker->proc);
}

static void on_blocked(struct rs_front *front, bool blocked)
{
  struct rs_worker *worker = front->proc->role;
  if (!mine)
    return;
  worker->waiting_count += blocked ? 1 : UINT32_MAX;
  tell_blocked(worker);
}

static bool is_cancelled(const struct rs_front *front)
{
  (void)front;
  return mine && rs_uv_cancelled(mine);
}

static const struct rs_role_ops ops = {
    .open = on_open, .lost = on_lost, .effect = on_effect, .timer = on_timer, .idle = on_idle};

/* ---- running one function ---- */

const struct rs_task *rs_uv_context_task(const struct rs_uv_context *context)
{
  return context->task;
}

const uint8_t *rs_uv_context_args(const struct rs_uv_context *context, uint32_t *size_bytes)
{
  *size_bytes = context->task->args_bytes;
  return context->task->args;
}

void *rs_uv_context_data(const struct rs_uv_context *context)
{
  return context->function->data;
}
const char *rs_uv_context_name(const struct rs_uv_context *context)
{
  return context->function->name;
}
struct rs_front *rs_uv_context_front(struct rs_uv_context *context)
{
  return &context->worker->front;
}
rs_gpu_mask rs_uv_context_gpus(const struct rs_uv_context *context)
{
  return context->gpus;
}
void **rs_uv_context_actor(const struct rs_uv_context *context)
{
  return &context->worker->actor;
}
bool rs_uv_cancelled(const struct rs_uv_context *context)
{
  return atomic_load(&context->run->cancelled);
}

/* ---- returns ---- */

static struct rs_id return_id(const struct rs_uv_context *context, uint32_t index)
{
  return (struct rs_id){context->task->id.owner, context->task->id.seq + 1 + index};
}

/* The references inside a return are held from when it is set until the executor holds them for the result. With the
 * lock. */
static void hold(struct rs_uv_context *context, const struct rs_uv_value *value, enum rs_call_kind kind)
{
  for (uint32_t i = 0; i < value->id_count; i++)
    rs_proc_step_call(context->proc, &(struct rs_call){.kind = kind, .object = value->ids[i]});
  if (value->id_count)
    rs_proc_drain(context->proc);
}

/* Forgets what the return was set to. */
static void clear(struct rs_uv_context *context, uint32_t index)
{
  struct rs_uv_value *value = &context->returns[index];
  if (value->in_store) {
    pthread_mutex_lock(&context->proc->lock);
    rs_objects_discard(context->proc, return_id(context, index));
    pthread_mutex_unlock(&context->proc->lock);
  } else {
    free(value->bytes);
  }
  if (value->id_count) {
    pthread_mutex_lock(&context->proc->lock);
    hold(context, value, RS_CALL_RELEASE);
    pthread_mutex_unlock(&context->proc->lock);
  }
  free(value->ids);
  *value = (struct rs_uv_value){0};
}

/* With the lock. */
static int make_room(struct rs_uv_context *context, uint32_t index, size_t size_bytes, uint8_t **room)
{
  rs_front_unpin_all(&context->worker->front);
  return rs_objects_create(context->proc, return_id(context, index), size_bytes, RS_UV_ROOM_MS * RS_MS, room);
}

static bool is_small(const struct rs_uv_context *context, size_t size_bytes)
{
  return size_bytes <= (size_t)context->proc->setup.config.max_direct_call_object_size;
}

void *rs_uv_return_room(struct rs_uv_context *context, uint32_t index, size_t size_bytes)
{
  RS_ASSERT(index < context->task->return_count);
  struct rs_uv_value *value = &context->returns[index];
  clear(context, index);
  if (is_small(context, size_bytes)) {
    value->bytes = rs_alloc(size_bytes + 1);
  } else {
    pthread_mutex_lock(&context->proc->lock);
    context->status = make_room(context, index, size_bytes, &value->bytes);
    pthread_mutex_unlock(&context->proc->lock);
    if (context->status != RS_ERR_OK) {
      value->bytes = NULL;
      rs_uv_fail(context, rs_error_text(context->status));
      return NULL;
    }
    value->in_store = true;
  }
  value->size = size_bytes;
  return value->bytes;
}

bool rs_uv_return(struct rs_uv_context *context, uint32_t index, const void *bytes, size_t size_bytes)
{
  void *room = rs_uv_return_room(context, index, size_bytes);
  if (room)
    rs_bulk_copy(room, bytes, size_bytes);
  return room != NULL;
}

void rs_uv_return_ids(struct rs_uv_context *context, uint32_t index, const struct rs_id *ids, uint32_t count)
{
  RS_ASSERT(index < context->task->return_count);
  struct rs_uv_value *value = &context->returns[index];
  pthread_mutex_lock(&context->proc->lock);
  struct rs_uv_value old = *value;
  value->ids = rs_memdup(ids, count * sizeof *ids);
  value->id_count = count;
  hold(context, value, RS_CALL_RETAIN);
  hold(context, &old, RS_CALL_RELEASE);
  pthread_mutex_unlock(&context->proc->lock);
  free(old.ids);
}

void rs_uv_fail(struct rs_uv_context *context, const char *text)
{
  snprintf(context->text, sizeof context->text, "%s", text);
}

bool rs_uv_sleep(struct rs_uv_context *context, uint64_t duration_ns)
{
  struct rs_worker *worker = context->worker;
  uint64_t end = rs_time_add(uv_hrtime(), duration_ns); /* uv_hrtime() is CLOCK_MONOTONIC */
  struct timespec until = {.tv_sec = (time_t)(end / RS_S), .tv_nsec = (long)(end % RS_S)};
  if (duration_ns < RS_MS) { /* short: nobody cancels that */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
      ;
    return !rs_uv_cancelled(context);
  }
  pthread_mutex_lock(&worker->proc.lock);
  while (!rs_uv_cancelled(context) && uv_hrtime() < end)
    pthread_cond_timedwait(&worker->cancelled, &worker->proc.lock, &until);
  pthread_mutex_unlock(&worker->proc.lock);
  return !rs_uv_cancelled(context);
}

static size_t align8(size_t n)
{
  return (n + 7) & ~(size_t)7;
}

static struct rs_result *failed(const struct rs_uv_context *context, int status, const char *text)
{
  struct rs_failure *f = rs_alloc_zero(1, sizeof *f);
  snprintf(f->text, sizeof f->text, "%s", text);
  snprintf(f->name, sizeof f->name, "%s", context->function ? context->function->name : "");
  f->function = context->task->function;
  memcpy(f->task_name, rs_task_name(context->task), context->task->name_bytes);
  f->task = context->task->id;
  f->node = rs_addr_node(context->proc->self);
  f->pid = (uint32_t)getpid();
  struct rs_result *result = rs_failure_result(context->task->id, status, f);
  result->node = rs_addr_raylet(context->proc->self);
  free(f);
  return result;
}

/* The process is about to end under a function: its owner is told why, as far as that still works. */
static void last_words(void *arg, const char *why)
{
  struct rs_worker *worker = arg;
  struct rs_proc *proc = &worker->proc;
  const struct rs_uv_context *context = mine;
  if (!context || context->task->actor.owner) /* an actor's calls end with the actor: its owner hears it from the GCS */
    return;
  for (int i = 0; pthread_mutex_trylock(&proc->lock) != 0; i++) {
    if (i == 100)
      return;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  mine = NULL;
  rs_proc_input(proc, proc->self,
                &(struct rs_input){.kind = RS_IN_TASK_FAILED, .result = failed(context, RS_ERR_WORKER_CRASHED, why)});
  rs_proc_drain(proc);
  rs_proc_flush(proc);
  pthread_mutex_unlock(&proc->lock);
}

/* The result of a function that has returned, without what goes into the store. */
static struct rs_result *result_of(struct rs_uv_context *context, int rc)
{
  const struct rs_task *task = context->task;
  if (rs_uv_cancelled(context))
    return failed(context, RS_ERR_CANCELLED, "cancelled while it ran");
  if (rc != 0) {
    if (!context->text[0])
      snprintf(context->text, sizeof context->text, "the function returned %d", rc);
    return failed(context, context->status ? context->status : RS_ERR_TASK_FAILED, context->text);
  }
  size_t inside = 0, ids = 0, at = 0, id_at = 0;
  for (uint32_t i = 0; i < task->return_count; i++) {
    const struct rs_uv_value *value = &context->returns[i];
    if (!value->in_store && is_small(context, value->size) && inside + value->size <= RS_INLINE_MAX)
      inside += align8(value->size);
    ids += value->id_count;
  }
  if (ids > RS_VALUE_IDS_MAX)
    return failed(context, RS_ERR_TOO_LARGE, "too many references in what the function returns");
  struct rs_result *result = rs_result_new_ids(task->return_count, (uint32_t)ids, (uint32_t)inside);
  result->task = task->id;
  for (uint32_t i = 0; i < task->return_count; i++) {
    const struct rs_uv_value *value = &context->returns[i];
    struct rs_return *r = &result->returns[i];
    r->size_bytes = value->size;
    r->id_at = (uint32_t)id_at;
    r->id_count = value->id_count;
    if (value->id_count)
      memcpy(result->ids + id_at, value->ids, value->id_count * sizeof *value->ids);
    id_at += value->id_count;
    if (value->in_store || !is_small(context, value->size) || at + value->size > RS_INLINE_MAX)
      continue;
    r->inline_bytes = (uint32_t)value->size;
    r->inline_at = value->size ? (uint32_t)at : 0;
    if (value->size)
      memcpy(result->data + at, value->bytes, value->size);
    at += align8(value->size); /* values are aligned */
  }
  return result;
}

/* Puts what is not inside the result into the node's store. With the lock. */
static int store_returns(struct rs_uv_context *context, const struct rs_result *result)
{
  int rc = RS_ERR_OK;
  for (uint32_t i = 0; i < result->return_count && rc == RS_ERR_OK; i++) {
    struct rs_uv_value *value = &context->returns[i];
    if (result->returns[i].size_bytes == result->returns[i].inline_bytes)
      continue;
    if (!value->in_store) { /* a function of the project gave its own memory */
      uint8_t *room;
      rc = make_room(context, i, value->size, &room);
      if (rc != RS_ERR_OK)
        break;
      pthread_mutex_unlock(&context->proc->lock);
      rs_bulk_copy(room, value->bytes, value->size);
      pthread_mutex_lock(&context->proc->lock);
      free(value->bytes);
      value->in_store = true;
    }
    rc = rs_objects_seal(context->proc, return_id(context, i));
    value->in_store = false;
    value->bytes = NULL;
  }
  return rc;
}

static const struct rs_function *find_function(const struct rs_worker *worker, const struct rs_task *task)
{
  return task->flags & RS_TASK_ACTOR_CALL ? rs_function_find_method(worker->type, task->function)
                                          : rs_function_find(task->function);
}

/* Why there is no function for the task; the caller knows the name. `text` has RS_UV_ERROR_MAX bytes. */
static void say_missing(const struct rs_worker *worker, const struct rs_task *task, char *text)
{
  const struct rs_function *type = task->flags & RS_TASK_ACTOR_CALL ? rs_function_find(worker->type) : NULL;
  if (type)
    snprintf(text, RS_UV_ERROR_MAX, "class %.200s has no such method", type->name);
  else
    snprintf(text, RS_UV_ERROR_MAX, "the worker knows no %s of that name",
             task->flags & RS_TASK_ACTOR_CREATE ? "class" : "function");
}

/* The function has called pthread_exit, or was cancelled: without its thread the task could never end. */
static void thread_ended(void *worker)
{
  last_words(worker, "the worker process ended: the function ended its thread");
  _exit(1);
}

static int call(struct rs_uv_context *context)
{
  int rc;
  pthread_cleanup_push(thread_ended, context->worker);
  rc = context->function->function(context);
  pthread_cleanup_pop(0);
  return rc;
}

void rs_worker_end_run(struct rs_uv_context *context, int rc, bool here)
{
  struct rs_worker *worker = context->worker;
  struct rs_proc *proc = context->proc;
  struct rs_run *run = context->run;
  struct rs_task *task = run->task;
  struct rs_result *result = result_of(context, rc);
  uint64_t run_ns = uv_hrtime() - context->began_ns;
  for (uint32_t i = 0; i < task->return_count && result->status != RS_ERR_OK; i++)
    clear(context, i);
  if (context->ended)
    context->ended(context);
  pthread_mutex_lock(&proc->lock);
  rs_front_unpin_all(&worker->front);
  if (here && !task->actor.owner) /* an actor may keep room from call to call */
    rs_front_discard_all(&worker->front);
  result->run_ns = run_ns;
  result->node = rs_addr_raylet(proc->self);
  int stored = store_returns(context, result);
  for (uint32_t i = 0; i < result->return_count && stored != RS_ERR_OK; i++)
    if (result->returns[i].size_bytes != result->returns[i].inline_bytes)
      rs_objects_discard(proc, return_id(context, i));
  if (stored != RS_ERR_OK) {
    rs_result_unref(result);
    result = failed(context, stored, rs_error_text(stored));
    result->run_ns = run_ns;
    result->node = rs_addr_raylet(proc->self);
  }
  uint64_t quiet = proc->last_now - worker->told_output_at; /* in a row of short tasks the next check is soon */
  if (!worker->ready_count && (quiet > RS_UV_FLUSH_US * RS_US || run_ns > RS_UV_FLUSH_US * RS_US)) {
    worker->told_output_at = proc->last_now;
    rs_output_tell(&worker->output, proc, false); /* it comes before the result */
  }
  rs_list_remove(&run->link);
  if (here) {
    worker->running_count--;
    mine = NULL;
    worker->idle++; /* before the step: what it brings needs no other thread */
  }
  rs_proc_input(proc, proc->self,
                &(struct rs_input){.kind = result->status == RS_ERR_OK ? RS_IN_TASK_FINISHED : RS_IN_TASK_FAILED,
                                   .result = result});
  rs_proc_drain(proc);
  tell_blocked(worker); /* those that are left may all be waiting */
  uint64_t waits = proc->last_now - proc->dirty_since;
  if (!worker->ready_count || run_ns > RS_UV_FLUSH_US * RS_US || waits > RS_UV_FLUSH_US * RS_US) {
    rs_proc_flush(proc);
  } else if (!rs_list_empty(&proc->dirty)) {
    proc->hold = true;
    if (proc->timer_at > proc->dirty_since + RS_UV_FLUSH_US * RS_US)
      rs_proc_wake(proc);
  }
  for (uint32_t i = 0; i < task->return_count; i++) {
    hold(context, &context->returns[i], RS_CALL_RELEASE);
    free(context->returns[i].bytes); /* nothing is in the store any more */
    free(context->returns[i].ids);
    context->returns[i] = (struct rs_uv_value){0};
  }
  rs_task_unref(task);
  free(run);
}

/* The function of the context's task; where there is none, why. With the lock, which is released while a library is
 * opened. */
static const struct rs_function *look_up(struct rs_uv_context *context)
{
  const struct rs_function *function = find_function(context->worker, context->task);
  if (function)
    return function;
  char missing[RS_UV_ERROR_MAX];
  say_missing(context->worker, context->task, missing);
  pthread_mutex_unlock(&context->proc->lock);
  if (rs_function_search(context, missing))
    function = find_function(context->worker, context->task);
  pthread_mutex_lock(&context->proc->lock);
  if (!function) {
    context->status = RS_ERR_UNKNOWN_FUNCTION;
    rs_uv_fail(context, missing);
  }
  return function;
}

/* Runs the first that is ready; with the lock, which is released while the function runs. True: the task goes on
 * without its function, and keeps the context. */
static bool run_one(struct rs_worker *worker, struct rs_uv_context *context)
{
  struct rs_proc *proc = &worker->proc;
  struct rs_run *run = RS_ENTRY(worker->ready.next, struct rs_run, link);
  struct rs_task *task = run->task;
  context->run = run;
  context->task = task;
  context->gpus = run->gpus;
  context->text[0] = 0;
  context->status = 0;
  context->deferred = context->completed = false;
  context->ended = NULL;
  rs_list_remove(&run->link);
  rs_list_push_back(&worker->running, &run->link);
  worker->ready_count--;
  worker->idle--;
  worker->running_count++;
  worker->job = rs_task_job(task);
  mine = context;
  if (worker->told_blocked)
    tell_blocked(worker);
  const struct rs_function *function = look_up(context);
  context->function = function;
  if (task->flags & RS_TASK_ACTOR_CREATE)
    worker->type = task->function;
  rs_output_task(&worker->output, proc, task, function ? function->name : "?");
  pthread_mutex_unlock(&proc->lock);

  context->began_ns = uv_hrtime();
  context->holds = 1;
  int rc = !function ? 1 : rs_uv_cancelled(context) ? 0 : call(context);
  fflush(stdout); /* an unfinished line is this task's */
  if (context->deferred) {
    pthread_mutex_lock(&proc->lock);
    if (rs_defer_returned(context)) {
      worker->running_count--;
      mine = NULL;
      worker->idle++;
      tell_blocked(worker);
      return true;
    }
    rc = context->rc;
    pthread_mutex_unlock(&proc->lock);
  }
  rs_worker_end_run(context, rc, true);
  return false;
}

static struct rs_uv_context *context_new(struct rs_worker *worker)
{
  struct rs_uv_context *context = rs_alloc_zero(1, sizeof *context);
  context->worker = worker;
  context->proc = &worker->proc;
  return context;
}

/* A thread that runs functions, for ever. */
static void *run_all(void *arg)
{
  struct rs_worker *worker = arg;
  struct rs_uv_context *context = context_new(worker);
  pthread_mutex_lock(&worker->proc.lock);
  for (;;) {
    while (!worker->ready_count && rs_list_empty(&worker->notices))
      pthread_cond_wait(&worker->work, &worker->proc.lock);
    if (!rs_list_empty(&worker->notices))
      rs_defer_notify(worker);
    else if (run_one(worker, context))
      context = context_new(worker);
  }
  return NULL;
}

static void *loop_main(void *proc)
{
  rs_proc_run(proc);
  return NULL;
}

int rs_worker_main(rs_addr self, const struct rs_setup *setup, const char *session, const uint8_t *token)
{
  struct rs_worker *worker = rs_alloc_zero(1, sizeof *worker);
  struct rs_proc *proc = &worker->proc;
  char error[RS_UV_ERROR_MAX] = "cannot start a loop", path[RS_UV_PATH_MAX];
  prctl(PR_SET_NAME, "raysim-worker");
  prctl(PR_SET_TIMERSLACK, 1UL);
  rs_output_open(&worker->output, session, self);
  if (rs_proc_init(proc, &ops, worker) != 0) {
    fprintf(stderr, "raysimd: worker: %s\n", error);
    return 1;
  }
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&worker->work, &attr);
  pthread_cond_init(&worker->cancelled, &attr);
  pthread_cond_init(&worker->yielded, &attr);
  pthread_condattr_destroy(&attr);
  rs_list_init(&worker->ready);
  rs_list_init(&worker->running);
  rs_list_init(&worker->notices);
  worker->idle = 1; /* this thread, once the loop's has begun */
  rs_front_init(&worker->front, proc);
  worker->front.about = about;
  worker->front.blocked = on_blocked;
  worker->front.cancelled = is_cancelled;
  proc->trace = rs_front_trace;
  proc->trace_ctx = &worker->front;
  rs_crash_watch(last_words, worker);
  proc->self = self;
  proc->setup = *setup;
  memcpy(proc->token, token, RS_TOKEN_BYTES);
  snprintf(proc->session, sizeof proc->session, "%s", session);
  rs_socket_path(path, sizeof path, session, self);
  if (rs_listen_unix(proc, path, error) != 0) {
    fprintf(stderr, "raysimd: worker: %s\n", error);
    return 1;
  }
  rs_peer_get(proc, rs_addr_raylet(self))->want_connect = proc->connect_pending = true;
  pthread_t loop;
  if (pthread_create(&loop, NULL, loop_main, proc) != 0)
    return 1;
  run_all(worker);
  return 1;
}
