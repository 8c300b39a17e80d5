/* replay.c -- the arguments of the built-in function `replay`, and the result that it must give. See replay.h. */
#include "lib/load/replay.h"

#include <string.h>

#include "base/assert.h"
#include "core/errors.h"

static void put(uint8_t *out, uint64_t value, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; i++, value >>= 8)
    out[i] = (uint8_t)value;
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; i++)
    value |= (uint64_t)from[i] << 8 * i;
  return value;
}

uint64_t rs_replay_function(void)
{
  return rs_name_hash("raysim.replay");
}

uint32_t rs_replay_args_bytes(uint32_t result_bytes)
{
  RS_ASSERT(result_bytes <= RS_INLINE_MAX - RS_REPLAY_HEADER_BYTES);
  return RS_REPLAY_HEADER_BYTES + result_bytes;
}

void rs_replay_encode(const struct rs_replay *replay, uint8_t *out)
{
  RS_ASSERT(replay->mode == RS_REPLAY_SLEEP || replay->mode == RS_REPLAY_SPIN);
  put(out, replay->duration_ns, 8);
  put(out + 8, replay->mode, 4);
  put(out + 12, 0, 4);
  put(out + 16, replay->return_bytes, 8);
  if (replay->result_bytes)
    memcpy(out + RS_REPLAY_HEADER_BYTES, replay->result, replay->result_bytes);
}

int rs_replay_decode(const struct rs_task *task, struct rs_replay *out)
{
  if (task->args_bytes < RS_REPLAY_HEADER_BYTES)
    return RS_ERR_MALFORMED;
  out->duration_ns = get(task->args, 8);
  out->mode = (uint32_t)get(task->args + 8, 4);
  out->return_bytes = get(task->args + 16, 8);
  out->result = task->args + RS_REPLAY_HEADER_BYTES;
  out->result_bytes = task->args_bytes - RS_REPLAY_HEADER_BYTES;
  bool known = out->mode == RS_REPLAY_SLEEP || out->mode == RS_REPLAY_SPIN;
  return known && get(task->args + 12, 4) == 0 ? RS_ERR_OK : RS_ERR_MALFORMED;
}

struct rs_result *rs_replay_result(const struct rs_task *task, const struct rs_replay *replay, uint64_t run_ns,
                                   uint64_t inline_max, rs_addr raylet)
{
  uint64_t size = replay->return_bytes ? replay->return_bytes : replay->result_bytes;
  bool inside = size <= inline_max && size <= RS_INLINE_MAX && task->return_count > 0;
  struct rs_result *result = rs_result_new(task->return_count, inside ? (uint32_t)size : 0);
  result->task = task->id;
  result->run_ns = run_ns;
  result->node = raylet;
  if (task->return_count == 0)
    return result;
  result->returns[0].size_bytes = size;
  if (inside) {
    /* An object of return_bytes that is small enough travels inside: the result's bytes, then zeros. */
    result->returns[0].inline_bytes = (uint32_t)size;
    uint64_t copied = replay->result_bytes < size ? replay->result_bytes : size;
    if (copied)
      memcpy(result->data, replay->result, (size_t)copied);
  }
  return result;
}
