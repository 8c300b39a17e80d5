/* wire.c -- encoding of work and results, and the trainable that uses it; see wire.h. */
#include "lib/tune/wire.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

enum { WORK_HEADER = 40, VALUE_BYTES = 12, RESULT_HEADER = 8, EPOCH_BYTES = 16 };

static uint8_t *put(uint8_t *out, uint64_t value, uint32_t bytes)
{
  for (uint32_t i = 0; i < bytes; i++)
    out[i] = (uint8_t)(value >> 8 * i);
  return out + bytes;
}

static uint8_t *put_double(uint8_t *out, double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return put(out, bits, 8);
}

static uint64_t get(const uint8_t **in, uint32_t bytes)
{
  uint64_t value = 0;
  for (uint32_t i = 0; i < bytes; i++)
    value |= (uint64_t)(*in)[i] << 8 * i;
  *in += bytes;
  return value;
}

static double get_double(const uint8_t **in)
{
  uint64_t bits = get(in, 8);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t rs_tune_work_bytes(const struct rs_tune_work *work)
{
  uint64_t bytes = WORK_HEADER + (uint64_t)work->value_count * VALUE_BYTES + work->checkpoint_bytes;
  RS_ASSERT(bytes <= RS_INLINE_MAX);
  return (uint32_t)bytes;
}

void rs_tune_work_encode(const struct rs_tune_work *work, uint8_t *out)
{
  out = put(out, work->trial, 4);
  out = put(out, work->value_count, 4);
  out = put(out, work->seed, 8);
  out = put(out, work->from, 8);
  out = put(out, work->to, 8);
  out = put(out, work->fresh, 4);
  out = put(out, work->checkpoint_bytes, 4);
  for (uint32_t i = 0; i < work->value_count; i++) {
    out = put_double(out, work->values[i].number);
    out = put(out, work->values[i].index, 4);
  }
  if (work->checkpoint_bytes > 0)
    memcpy(out, work->checkpoint, work->checkpoint_bytes);
}

bool rs_tune_work_decode(const uint8_t *data, size_t bytes, struct rs_tune_work *work, struct rs_tune_value *values,
                         uint32_t values_max)
{
  if (bytes < WORK_HEADER)
    return false;
  *work = (struct rs_tune_work){.values = values};
  work->trial = (uint32_t)get(&data, 4);
  work->value_count = (uint32_t)get(&data, 4);
  work->seed = get(&data, 8);
  work->from = get(&data, 8);
  work->to = get(&data, 8);
  uint64_t fresh = get(&data, 4);
  work->checkpoint_bytes = (uint32_t)get(&data, 4);
  if (fresh > 1 || work->from >= work->to || work->value_count > values_max)
    return false;
  if (bytes != WORK_HEADER + (uint64_t)work->value_count * VALUE_BYTES + work->checkpoint_bytes)
    return false;
  work->fresh = fresh;
  for (uint32_t i = 0; i < work->value_count; i++) {
    values[i].number = get_double(&data);
    values[i].index = (uint32_t)get(&data, 4);
  }
  work->checkpoint = work->checkpoint_bytes > 0 ? data : NULL;
  return true;
}

uint32_t rs_tune_result_bytes(const struct rs_tune_metrics *metrics)
{
  uint64_t bytes = RESULT_HEADER + (uint64_t)metrics->count * EPOCH_BYTES + metrics->checkpoint_bytes;
  RS_ASSERT(bytes <= RS_INLINE_MAX);
  return (uint32_t)bytes;
}

void rs_tune_result_encode(const struct rs_tune_metrics *metrics, uint8_t *out)
{
  out = put(out, metrics->count, 4);
  out = put(out, metrics->checkpoint_bytes, 4);
  for (uint32_t i = 0; i < metrics->count; i++) {
    out = put_double(out, metrics->epochs[i].value);
    out = put_double(out, metrics->epochs[i].seconds);
  }
  if (metrics->checkpoint_bytes > 0)
    memcpy(out, metrics->checkpoint, metrics->checkpoint_bytes);
}

bool rs_tune_result_decode(const uint8_t *data, size_t bytes, struct rs_tune_metrics *metrics)
{
  if (bytes < RESULT_HEADER)
    return false;
  uint32_t count = (uint32_t)get(&data, 4);
  metrics->checkpoint_bytes = (uint32_t)get(&data, 4);
  if (bytes != RESULT_HEADER + (uint64_t)count * EPOCH_BYTES + metrics->checkpoint_bytes)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    double value = get_double(&data), seconds = get_double(&data);
    rs_tune_metrics_add(metrics, value, seconds);
  }
  metrics->checkpoint = metrics->checkpoint_bytes > 0 ? data : NULL;
  return true;
}

/* ---- the trainable ---- */

static struct rs_task *encoded_task(uint64_t function, const struct rs_tune_work *work)
{
  struct rs_task *task = rs_task_new(0, rs_tune_work_bytes(work));
  task->function = function;
  rs_tune_work_encode(work, task->args);
  return task;
}

static struct rs_task *create(void *arg, const struct rs_tune_work *work)
{
  const struct rs_tune_functions *functions = arg;
  return encoded_task(functions->create, work);
}

static struct rs_task *train(void *arg, const struct rs_tune_work *work)
{
  const struct rs_tune_functions *functions = arg;
  struct rs_task *task = encoded_task(functions->train, work);
  task->return_count = 1;
  return task;
}

static bool read_result(void *arg, const struct rs_tune_work *work, const struct rs_result *result,
                        struct rs_tune_metrics *metrics)
{
  (void)arg;
  (void)work;
  const struct rs_return *first = &result->returns[0];
  if (first->inline_bytes != first->size_bytes || first->inline_at > result->data_bytes ||
      first->inline_bytes > result->data_bytes - first->inline_at)
    return false;
  return rs_tune_result_decode(result->data + first->inline_at, first->inline_bytes, metrics);
}

const struct rs_tune_trainable rs_tune_function_trainable = {create, train, read_result, -1};
