/* defer.c -- tasks that go on when their function has returned, until somebody completes them: Ray's async actors, in
 * C.
 *
 * A function defers, hands its context to whoever will have the result (a timer, a loop, a callback), and returns; its
 * thread takes the next task. The context stays with the run until it is completed on any thread. It may be completed
 * while its function still runs, or while it is told that it is cancelled; the last of these to be over ends the run.
 *
 * Cost: a context (7 KiB) a task under way; O(1) to complete one.
 */
#include "uv/worker.h"

void rs_uv_defer(struct rs_uv_context *context, void (*on_cancel)(void *arg), void *arg)
{
  struct rs_worker *worker = context->worker;
  pthread_mutex_lock(&context->proc->lock);
  context->deferred = true;
  context->on_cancel = on_cancel;
  context->on_cancel_arg = arg;
  context->run->deferred = context;
  if (rs_uv_cancelled(context)) /* asked before there was anybody to be told */
    rs_defer_cancelled(worker, context->run);
  pthread_mutex_unlock(&context->proc->lock);
}

void rs_defer_cancelled(struct rs_worker *worker, struct rs_run *run)
{
  struct rs_uv_context *context = run->deferred;
  if (!context || !context->on_cancel || context->completed || !rs_list_empty(&run->notice))
    return;
  rs_list_push_back(&worker->notices, &run->notice);
  pthread_cond_signal(&worker->work);
}

/* Without the lock: nobody uses the context any more. */
static void end(struct rs_uv_context *context)
{
  struct rs_proc *proc = context->proc;
  rs_worker_end_run(context, context->rc, false);
  pthread_mutex_unlock(&proc->lock);
  free(context->user);
  free(context);
}

static void let_go(struct rs_uv_context *context)
{
  struct rs_proc *proc = context->proc;
  if (--context->holds > 0 || !context->completed)
    return;
  pthread_mutex_unlock(&proc->lock);
  end(context);
  pthread_mutex_lock(&proc->lock);
}

void rs_defer_notify(struct rs_worker *worker)
{
  struct rs_run *run = RS_ENTRY(worker->notices.next, struct rs_run, notice);
  struct rs_uv_context *context = run->deferred;
  void (*on_cancel)(void *arg) = context->on_cancel;
  rs_list_remove(&run->notice);
  context->on_cancel = NULL; /* once */
  context->holds++;
  worker->idle--;
  pthread_mutex_unlock(&worker->proc.lock);
  on_cancel(context->on_cancel_arg);
  pthread_mutex_lock(&worker->proc.lock);
  worker->idle++;
  let_go(context);
}

bool rs_defer_returned(struct rs_uv_context *context)
{
  if (context->completed && context->holds == 1)
    return false; /* its thread ends the run */
  context->holds--;
  return true;
}

int rs_uv_complete(struct rs_uv_context *context, int rc)
{
  struct rs_proc *proc = context->proc;
  pthread_mutex_lock(&proc->lock);
  if (!context->deferred || context->completed) {
    pthread_mutex_unlock(&proc->lock);
    return RS_ERR_INVALID;
  }
  context->completed = true;
  context->rc = rc;
  rs_list_remove(&context->run->notice);
  bool last = context->holds == 0;
  pthread_mutex_unlock(&proc->lock);
  if (last)
    end(context);
  return 0;
}
