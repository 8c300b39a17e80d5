/* yield.c -- tasks whose values come one by one: handing one over, and waiting until the function may go on. */
#include <string.h>

#include "uv/bulk.h"
#include "uv/function.h"
#include "uv/objects.h"
#include "uv/worker.h"

void rs_yield_answered(struct rs_worker *worker, const struct rs_reply *reply)
{
  RS_LIST_EACH(&worker->running, at, after)
  {
    struct rs_run *run = RS_ENTRY(at, struct rs_run, link);
    if (!run->yields || !rs_id_equal(run->task->id, reply->id))
      continue;
    run->yields = false;
    run->yield_status = reply->status;
    pthread_cond_broadcast(&worker->yielded);
  }
}

/* With the lock, which is released while the bytes are copied. */
static int write_item(struct rs_front *front, struct rs_id id, const void *bytes, size_t size_bytes)
{
  struct rs_proc *proc = front->proc;
  uint8_t *room;
  rs_front_unpin_all(front);
  int rc = rs_objects_create(proc, id, size_bytes, RS_UV_ROOM_MS * RS_MS, &room);
  if (rc != RS_ERR_OK)
    return rc;
  pthread_mutex_unlock(&proc->lock);
  rs_bulk_copy(room, bytes, size_bytes);
  pthread_mutex_lock(&proc->lock);
  return rs_objects_seal(proc, id);
}

int rs_uv_yield(struct rs_uv_context *context, const void *bytes, size_t size_bytes, const struct rs_id *ids,
                uint32_t id_count)
{
  struct rs_proc *proc = context->proc;
  struct rs_run *run = context->run;
  RS_ASSERT(context->task->flags & RS_TASK_STREAM);
  struct rs_call *call = rs_call_new(RS_CALL_YIELD, 0);
  call->object = context->task->id;
  call->size_bytes = size_bytes;
  bool small = size_bytes <= (size_t)proc->setup.config.max_direct_call_object_size;
  int rc = RS_ERR_OK;
  pthread_mutex_lock(&proc->lock);
  if (small) {
    call->value = rs_value_new(id_count, (uint32_t)size_bytes);
    if (size_bytes)
      memcpy(call->value->data, bytes, size_bytes);
    if (id_count)
      memcpy(call->value->ids, ids, id_count * sizeof *ids);
  } else {
    struct rs_id item = {context->task->id.owner, context->task->id.seq + run->items + 1};
    call->inner = rs_memdup(ids, id_count * sizeof *ids);
    call->inner_count = id_count;
    rc = write_item(&context->worker->front, item, bytes, size_bytes);
  }
  if (rc == RS_ERR_OK) {
    run->items++;
    run->yields = true;
    rs_proc_step_call(proc, call);
    rs_proc_drain(proc);
    rs_proc_flush(proc);
    while (run->yields)
      pthread_cond_wait(&context->worker->yielded, &proc->lock);
    rc = run->yield_status;
  }
  pthread_mutex_unlock(&proc->lock);
  rs_call_free(call);
  return rc;
}
