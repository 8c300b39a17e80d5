/* replay.h -- the built-in function `replay`: a task that is described by a duration and by what it returns.
 *
 * Scenario tasks and trials that replay recorded or modelled curves are all this one function: the worker sleeps or
 * computes for the duration and returns the bytes; the simulator lets the duration pass and returns the same bytes.
 * Arguments (little-endian): u64 duration_ns, u32 mode, u32 tag (bits 0..7), fails (bit 8), yields (9..24), u64
 * return_bytes, then the inline result's bytes.
 *
 * With one return it is an object of return_bytes when that is > 0, otherwise the inline result. With two or more
 * returns and return_bytes > 0 the first is the inline result and the second the object. Returns beyond are empty.
 */
#ifndef RS_LIB_REPLAY_H
#define RS_LIB_REPLAY_H

#include "core/task.h"

enum rs_replay_mode { RS_REPLAY_SLEEP, RS_REPLAY_SPIN };

#define RS_REPLAY_HEADER_BYTES 24u
#define RS_REPLAY_TAG_MAX 255u
#define RS_REPLAY_YIELDS_MAX 65535u

struct rs_replay {
  uint64_t duration_ns;
  uint32_t mode;
  uint32_t tag; /* 0..RS_REPLAY_TAG_MAX: describes the task to who watches it (the rung of a trial); no meaning here */
  uint32_t yields; /* of a task with STREAM: items of return_bytes each, the first at once; after each a part of the
                      duration */
  bool fails;      /* it ends with an application error, RS_ERR_TASK_FAILED, after its duration */
  uint64_t return_bytes;
  const uint8_t *result; /* points into the task's arguments */
  uint32_t result_bytes;
};

uint64_t rs_replay_function(void); /* rs_name_hash("raysim.replay") */

/* Size of the arguments, and writing them. `out` has rs_replay_args_bytes() bytes. */
uint32_t rs_replay_args_bytes(uint32_t result_bytes);
void rs_replay_encode(const struct rs_replay *replay, uint8_t *out);

/* 0, or RS_ERR_MALFORMED. */
int rs_replay_decode(const struct rs_task *task, struct rs_replay *out);

/* The result that the task must give after its duration: with return_count returns as the task says, or a failure
 * (status RS_ERR_TASK_FAILED, no returns) where it fails. One reference. inline_max: max_direct_call_object_size; a
 * larger return is in the store of `raylet`. */
struct rs_result *rs_replay_result(const struct rs_task *task, const struct rs_replay *replay, uint64_t run_ns,
                                   uint64_t inline_max, rs_addr raylet);

#endif
