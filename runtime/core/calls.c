/* calls.c -- what crosses the boundary to and from the local application: calls and replies. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/io.h"

struct rs_call *rs_call_new(enum rs_call_kind kind, uint32_t task_count)
{
  size_t bytes = sizeof(struct rs_call) + task_count * sizeof(struct rs_task *);
  struct rs_call *call = rs_alloc(bytes);
  memset(call, 0, bytes);
  call->kind = kind;
  call->task_count = task_count;
  call->tasks = (struct rs_task **)(void *)(call + 1);
  return call;
}

void rs_call_free(struct rs_call *call)
{
  if (!call)
    return;
  free(call->bundles);
  for (uint32_t i = 0; i < call->task_count; i++)
    rs_task_unref(call->tasks[i]);
  rs_value_unref(call->value);
  free(call->inner);
  free(call->actor);
  rs_msg_unref(call->ask);
  free(call);
}

void rs_reply_free(struct rs_reply *reply)
{
  if (!reply)
    return;
  rs_result_unref(reply->result);
  if (!reply->value)
    free(reply->ids);
  rs_value_unref(reply->value);
  rs_msg_unref(reply->answer);
  free(reply->nodes);
  free(reply);
}
