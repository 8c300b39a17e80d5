/* wire.h -- a ready-made form for what travels between the controller and the functions that train: arguments and
 * results.
 *
 * A trainable may use any form of its own; this one carries everything, little-endian, bit for bit:
 *   work     u32 trial, u32 value count, u64 seed, u64 from, u64 to, u32 fresh, u32 checkpoint bytes,
 *            then of each value its f64 number and u32 index, then the checkpoint
 *   result   u32 epoch count, u32 checkpoint bytes, then of each epoch its f64 value and f64 seconds, then the
 * checkpoint Pure functions, thread-safe.
 */
#ifndef RS_TUNE_WIRE_H
#define RS_TUNE_WIRE_H

#include "lib/tune/tune.h"

uint32_t rs_tune_work_bytes(const struct rs_tune_work *work);
void rs_tune_work_encode(const struct rs_tune_work *work, uint8_t *out); /* writes rs_tune_work_bytes() */

/* Fills *work, and values[0 .. value_count) where there is room for them in values_max. The checkpoint points into
 * `data`. False where the bytes are not exactly one encoded work, or there are too many values. */
bool rs_tune_work_decode(const uint8_t *data, size_t bytes, struct rs_tune_work *work, struct rs_tune_value *values,
                         uint32_t values_max);

uint32_t rs_tune_result_bytes(const struct rs_tune_metrics *metrics);
void rs_tune_result_encode(const struct rs_tune_metrics *metrics, uint8_t *out); /* writes rs_tune_result_bytes() */

/* Adds the epochs to *metrics; the checkpoint points into `data`. False where the bytes are not exactly one encoded
 * result. */
bool rs_tune_result_decode(const uint8_t *data, size_t bytes, struct rs_tune_metrics *metrics);

/* A trainable of two registered functions that take an encoded work and return an encoded result (creation returns
 * nothing). Its arg is a struct rs_tune_functions. */
struct rs_tune_functions {
  uint64_t create, train; /* rs_name_hash of their names */
};
extern const struct rs_tune_trainable rs_tune_function_trainable;

#endif
