/* replay.c -- the arguments of the built-in function `replay`, and the result that it must give. See replay.h. */
#include "lib/load/replay.h"

#include <string.h>

#include "base/assert.h"
#include "core/errors.h"

#define FAILS (1u << 8)
#define YIELDS_SHIFT 9

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
  RS_ASSERT(replay->tag <= RS_REPLAY_TAG_MAX && replay->yields <= RS_REPLAY_YIELDS_MAX);
  put(out, replay->duration_ns, 8);
  put(out + 8, replay->mode, 4);
  put(out + 12, replay->tag | (replay->fails ? FAILS : 0) | replay->yields << YIELDS_SHIFT, 4);
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
  uint32_t word = (uint32_t)get(task->args + 12, 4);
  out->tag = word & RS_REPLAY_TAG_MAX;
  out->fails = (word & FAILS) != 0;
  out->yields = word >> YIELDS_SHIFT;
  out->return_bytes = get(task->args + 16, 8);
  out->result = task->args + RS_REPLAY_HEADER_BYTES;
  out->result_bytes = task->args_bytes - RS_REPLAY_HEADER_BYTES;
  bool known = out->mode == RS_REPLAY_SLEEP || out->mode == RS_REPLAY_SPIN;
  return known && out->yields <= RS_REPLAY_YIELDS_MAX ? RS_ERR_OK : RS_ERR_MALFORMED;
}

/* One return, inside where it is small enough. Returns where the next one would begin. */
static uint32_t add_return(struct rs_return *out, uint64_t size, uint64_t room, uint32_t at)
{
  out->size_bytes = size;
  if (size > room || at + size > RS_INLINE_MAX)
    return at;
  out->inline_bytes = (uint32_t)size;
  out->inline_at = at;
  return at + (uint32_t)size;
}

struct rs_result *rs_replay_result(const struct rs_task *task, const struct rs_replay *replay, uint64_t run_ns,
                                   uint64_t inline_max, rs_addr raylet)
{
  struct rs_result *result;
  if (replay->fails) {
    result = rs_result_failed(task->id, RS_ERR_TASK_FAILED, "the replayed task fails, as its arguments say");
  } else {
    bool both = task->return_count > 1 && replay->return_bytes > 0;
    uint64_t first = replay->return_bytes > 0 && !both ? replay->return_bytes : replay->result_bytes;
    struct rs_return made[2] = {{0}, {0}};
    uint32_t bytes = task->return_count ? add_return(&made[0], first, inline_max, 0) : 0;
    if (both)
      bytes = add_return(&made[1], replay->return_bytes, inline_max, bytes);
    result = rs_result_new(task->return_count, bytes);
    for (uint32_t i = 0; i < task->return_count && i < 2; i++)
      result->returns[i] = made[i];
    uint64_t copied = replay->result_bytes < made[0].inline_bytes ? replay->result_bytes : made[0].inline_bytes;
    if (copied)
      memcpy(result->data, replay->result, (size_t)copied);
    result->task = task->id;
  }
  result->run_ns = run_ns;
  result->node = raylet;
  return result;
}
