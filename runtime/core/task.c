/* task.c -- tasks and results: one allocation each, counted references, freed with the last. */
#include "core/task.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct rs_task *rs_task_new(uint32_t dep_count, uint32_t args_bytes)
{
  RS_ASSERT(dep_count <= RS_TASK_DEPS_MAX);
  RS_ASSERT(args_bytes <= RS_INLINE_MAX);
  size_t deps_bytes = dep_count * sizeof(struct rs_dep);
  struct rs_task *task = rs_alloc(sizeof *task + deps_bytes + args_bytes);
  memset(task, 0, sizeof *task + deps_bytes + args_bytes);
  task->refs = 1;
  task->dep_count = (uint16_t)dep_count;
  task->args_bytes = args_bytes;
  task->deps = (struct rs_dep *)(task + 1);
  task->args = (uint8_t *)(task->deps + dep_count);
  return task;
}

struct rs_task *rs_task_ref(struct rs_task *task)
{
  RS_ASSERT(task->refs > 0);
  task->refs++;
  return task;
}

struct rs_task *rs_task_copy(const struct rs_task *from)
{
  struct rs_task *task = rs_task_new(from->dep_count, from->args_bytes);
  struct rs_dep *deps = task->deps;
  uint8_t *args = task->args;
  *task = *from;
  task->refs = 1;
  task->deps = deps;
  task->args = args;
  memcpy(deps, from->deps, from->dep_count * sizeof *deps);
  memcpy(args, from->args, from->args_bytes);
  return task;
}

void rs_task_unref(struct rs_task *task)
{
  if (!task)
    return;
  RS_ASSERT(task->refs > 0);
  if (--task->refs == 0)
    free(task);
}

struct rs_result *rs_result_new(uint32_t return_count, uint32_t data_bytes)
{
  RS_ASSERT(return_count <= RS_TASK_RETURNS_MAX);
  RS_ASSERT(data_bytes <= RS_INLINE_MAX);
  size_t returns_bytes = return_count * sizeof(struct rs_return);
  struct rs_result *result = rs_alloc(sizeof *result + returns_bytes + data_bytes);
  memset(result, 0, sizeof *result + returns_bytes + data_bytes);
  result->refs = 1;
  result->return_count = return_count;
  result->data_bytes = data_bytes;
  result->returns = (struct rs_return *)(result + 1);
  result->data = (uint8_t *)(result->returns + return_count);
  return result;
}

struct rs_result *rs_result_ref(struct rs_result *result)
{
  RS_ASSERT(result->refs > 0);
  result->refs++;
  return result;
}

void rs_result_unref(struct rs_result *result)
{
  if (!result)
    return;
  RS_ASSERT(result->refs > 0);
  if (--result->refs == 0)
    free(result);
}

struct rs_result *rs_result_failed(struct rs_id task, int status, const char *text)
{
  RS_ASSERT(status < 0);
  size_t bytes = strlen(text);
  if (bytes > RS_ERROR_TEXT_MAX)
    bytes = RS_ERROR_TEXT_MAX;
  struct rs_result *result = rs_result_new(0, (uint32_t)bytes);
  result->status = status;
  result->task = task;
  memcpy(result->data, text, bytes);
  return result;
}
