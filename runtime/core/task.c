/* task.c -- tasks, results and small values: one allocation each, counted references, freed with the last. */
#include "core/task.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct rs_value *rs_value_new(uint32_t id_count, uint32_t size_bytes)
{
  RS_ASSERT(id_count <= RS_VALUE_IDS_MAX && size_bytes <= RS_INLINE_MAX);
  size_t bytes = sizeof(struct rs_value) + id_count * sizeof(struct rs_id) + size_bytes;
  struct rs_value *value = rs_alloc(bytes);
  memset(value, 0, bytes);
  value->refs = 1;
  value->size_bytes = size_bytes;
  value->id_count = id_count;
  value->ids = (struct rs_id *)(value + 1);
  value->data = (uint8_t *)(value->ids + id_count);
  return value;
}

struct rs_value *rs_value_of(struct rs_result *result, uint32_t index)
{
  RS_ASSERT(index < result->return_count);
  const struct rs_return *ret = &result->returns[index];
  RS_ASSERT(ret->inline_bytes == ret->size_bytes);
  struct rs_value *value = rs_alloc(sizeof *value);
  *value = (struct rs_value){.refs = 1,
                             .size_bytes = ret->inline_bytes,
                             .id_count = ret->id_count,
                             .ids = result->ids + ret->id_at,
                             .data = result->data + ret->inline_at,
                             .of = rs_result_ref(result)};
  return value;
}

struct rs_value *rs_value_ref(struct rs_value *value)
{
  if (value) {
    RS_ASSERT(value->refs > 0);
    value->refs++;
  }
  return value;
}

void rs_value_unref(struct rs_value *value)
{
  if (!value)
    return;
  RS_ASSERT(value->refs > 0);
  if (--value->refs > 0)
    return;
  rs_result_unref(value->of);
  free(value);
}

struct rs_task *rs_task_new_named(uint32_t dep_count, uint32_t inner_count, uint32_t args_bytes, const void *name,
                                  uint8_t name_bytes)
{
  RS_ASSERT(dep_count <= RS_TASK_DEPS_MAX && inner_count <= RS_TASK_DEPS_MAX);
  RS_ASSERT(args_bytes <= RS_INLINE_MAX);
  size_t bytes =
      sizeof(struct rs_task) + dep_count * sizeof(struct rs_dep) + inner_count * sizeof(struct rs_id) + args_bytes;
  bytes += name_bytes;
  struct rs_task *task = rs_alloc(bytes);
  memset(task, 0, bytes);
  task->refs = 1;
  task->dep_count = (uint16_t)dep_count;
  task->inner_count = (uint16_t)inner_count;
  task->args_bytes = args_bytes;
  task->deps = (struct rs_dep *)(task + 1);
  task->inner = (struct rs_id *)(task->deps + dep_count);
  task->args = (uint8_t *)(task->inner + inner_count);
  task->name_bytes = name_bytes;
  if (name_bytes) {
    task->flags = RS_TASK_NAMED;
    memcpy(task->args + args_bytes, name, name_bytes);
  }
  return task;
}

struct rs_task *rs_task_new_inner(uint32_t dep_count, uint32_t inner_count, uint32_t args_bytes)
{
  return rs_task_new_named(dep_count, inner_count, args_bytes, NULL, 0);
}

struct rs_task *rs_task_new(uint32_t dep_count, uint32_t args_bytes)
{
  return rs_task_new_inner(dep_count, 0, args_bytes);
}

struct rs_task *rs_task_ref(struct rs_task *task)
{
  RS_ASSERT(task->refs > 0);
  task->refs++;
  return task;
}

struct rs_task *rs_task_copy(const struct rs_task *from)
{
  struct rs_task *task =
      rs_task_new_named(from->dep_count, from->inner_count, from->args_bytes, rs_task_name(from), from->name_bytes);
  struct rs_dep *deps = task->deps;
  struct rs_id *inner = task->inner;
  uint8_t *args = task->args;
  *task = *from;
  task->refs = 1;
  task->deps = deps;
  task->inner = inner;
  task->args = args;
  memcpy(deps, from->deps, from->dep_count * sizeof *deps);
  for (unsigned i = 0; i < from->dep_count; i++)
    rs_value_ref(deps[i].value);
  memcpy(inner, from->inner, from->inner_count * sizeof *inner);
  memcpy(args, from->args, from->args_bytes);
  return task;
}

void rs_task_unref(struct rs_task *task)
{
  if (!task)
    return;
  RS_ASSERT(task->refs > 0);
  if (--task->refs > 0)
    return;
  for (unsigned i = 0; i < task->dep_count; i++)
    rs_value_unref(task->deps[i].value);
  free(task);
}

struct rs_result *rs_result_new_ids(uint32_t return_count, uint32_t id_count, uint32_t data_bytes)
{
  RS_ASSERT(return_count <= RS_TASK_RETURNS_MAX && id_count <= RS_VALUE_IDS_MAX);
  RS_ASSERT(data_bytes <= RS_INLINE_MAX);
  size_t bytes =
      sizeof(struct rs_result) + return_count * sizeof(struct rs_return) + id_count * sizeof(struct rs_id) + data_bytes;
  struct rs_result *result = rs_alloc(bytes);
  memset(result, 0, bytes);
  result->refs = 1;
  result->return_count = return_count;
  result->id_count = id_count;
  result->data_bytes = data_bytes;
  result->returns = (struct rs_return *)(result + 1);
  result->ids = (struct rs_id *)(result->returns + return_count);
  result->data = (uint8_t *)(result->ids + id_count);
  return result;
}

struct rs_result *rs_result_new(uint32_t return_count, uint32_t data_bytes)
{
  return rs_result_new_ids(return_count, 0, data_bytes);
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
