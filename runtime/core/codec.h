/* codec.h -- little-endian writing and reading of plain values: the ground of messages and recordings.
 *
 * A writer without room goes on counting, so the size of a form is what writing it into no buffer gives: one code for
 * both. A reader stops at the first mistake, remembers it and reads zeros from then on; whoever reads checks `error`
 * once, at the end, and before every allocation whose size came from the bytes.
 *
 * Every value has exactly one form, and only that one is read: bytes that are accepted are written again the same. What
 * is refused when read is asserted when written. Not thread-safe.
 */
#ifndef RS_CORE_CODEC_H
#define RS_CORE_CODEC_H

#include <string.h>

#include "core/msg.h"

struct rs_writer {
  uint8_t *out;
  size_t cap, size; /* size > cap: it did not fit */
};

struct rs_reader {
  const uint8_t *at, *end;
  int error; /* RS_ERR_OK, RS_ERR_TRUNCATED, RS_ERR_MALFORMED or RS_ERR_TOO_LARGE */
};

/* Room for `bytes` more, or NULL where they do not fit. */
static inline uint8_t *rs_put_room(struct rs_writer *w, size_t bytes)
{
  size_t at = w->size;
  w->size += bytes;
  return w->size <= w->cap ? w->out + at : 0;
}

/* The next `bytes` bytes, or NULL where there are fewer. */
static inline const uint8_t *rs_get_span(struct rs_reader *r, size_t bytes)
{
  if (r->error == 0 && (size_t)(r->end - r->at) >= bytes) {
    const uint8_t *at = r->at;
    r->at += bytes;
    return at;
  }
  if (r->error == 0)
    r->error = RS_ERR_TRUNCATED;
  return 0;
}

static inline void rs_get_fail(struct rs_reader *r, int error)
{
  if (r->error == 0)
    r->error = error;
}

static inline size_t rs_get_left(const struct rs_reader *r)
{
  return r->error ? 0 : (size_t)(r->end - r->at);
}

static inline void rs_put_u8(struct rs_writer *w, uint8_t v)
{
  uint8_t *to = rs_put_room(w, 1);
  if (to)
    to[0] = v;
}

static inline void rs_put_u16(struct rs_writer *w, uint16_t v)
{
  uint8_t *to = rs_put_room(w, 2);
  if (to) {
    to[0] = (uint8_t)v;
    to[1] = (uint8_t)(v >> 8);
  }
}

static inline void rs_store_u32(uint8_t *to, uint32_t v)
{
  to[0] = (uint8_t)v;
  to[1] = (uint8_t)(v >> 8);
  to[2] = (uint8_t)(v >> 16);
  to[3] = (uint8_t)(v >> 24);
}

static inline uint32_t rs_load_u32(const uint8_t *at)
{
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void rs_store_u64(uint8_t *to, uint64_t v)
{
  rs_store_u32(to, (uint32_t)v);
  rs_store_u32(to + 4, (uint32_t)(v >> 32));
}

static inline uint64_t rs_load_u64(const uint8_t *at)
{
  return rs_load_u32(at) | (uint64_t)rs_load_u32(at + 4) << 32;
}

static inline void rs_put_u32(struct rs_writer *w, uint32_t v)
{
  uint8_t *to = rs_put_room(w, 4);
  if (to)
    rs_store_u32(to, v);
}

static inline void rs_put_u64(struct rs_writer *w, uint64_t v)
{
  uint8_t *to = rs_put_room(w, 8);
  if (to)
    rs_store_u64(to, v);
}

static inline void rs_put_bytes(struct rs_writer *w, const void *from, size_t bytes)
{
  uint8_t *to = rs_put_room(w, bytes);
  if (to && bytes)
    memcpy(to, from, bytes);
}

static inline uint8_t rs_get_u8(struct rs_reader *r)
{
  const uint8_t *at = rs_get_span(r, 1);
  return at ? at[0] : 0;
}

static inline uint16_t rs_get_u16(struct rs_reader *r)
{
  const uint8_t *at = rs_get_span(r, 2);
  uint32_t v = at ? at[0] | (uint32_t)at[1] << 8 : 0;
  return (uint16_t)v;
}

static inline uint32_t rs_get_u32(struct rs_reader *r)
{
  const uint8_t *at = rs_get_span(r, 4);
  return at ? rs_load_u32(at) : 0;
}

static inline uint64_t rs_get_u64(struct rs_reader *r)
{
  const uint8_t *at = rs_get_span(r, 8);
  return at ? rs_load_u64(at) : 0;
}

/* A byte that is at most `max`. */
static inline uint8_t rs_get_at_most(struct rs_reader *r, uint8_t max)
{
  uint8_t v = rs_get_u8(r);
  if (v <= max)
    return v;
  rs_get_fail(r, RS_ERR_MALFORMED);
  return 0;
}

/* 0 or 1. */
void rs_put_flag(struct rs_writer *w, uint8_t v);
uint8_t rs_get_flag(struct rs_reader *r);

/* Least sizes of the forms below. */
enum { RS_DEP_BYTES = 32, RS_TASK_BYTES_MIN = 32, RS_RESULT_BYTES_MIN = 41 };

/* Compound values. The getters of pointers return one reference, or NULL after a mistake; what they allocate is no
 * larger than a small multiple of the bytes that are there. An id has an owner and a number, both not 0. */
void rs_put_id(struct rs_writer *w, struct rs_id id);
struct rs_id rs_get_id(struct rs_reader *r);
void rs_put_demand(struct rs_writer *w, const struct rs_demand *demand);
void rs_get_demand(struct rs_reader *r, struct rs_demand *demand);
void rs_put_res(struct rs_writer *w, const struct rs_res *res);
void rs_get_res(struct rs_reader *r, struct rs_res *res);
void rs_put_info(struct rs_writer *w, const struct rs_node_info *info);
struct rs_node_info *rs_get_info(struct rs_reader *r);
void rs_put_dep(struct rs_writer *w, const struct rs_dep *dep);
void rs_get_dep(struct rs_reader *r, struct rs_dep *dep);
void rs_put_value(struct rs_writer *w, const struct rs_value *value); /* NULL too: a flag comes first */
struct rs_value *rs_get_value(struct rs_reader *r);
void rs_put_task(struct rs_writer *w, const struct rs_task *task);
struct rs_task *rs_get_task(struct rs_reader *r);
void rs_put_result(struct rs_writer *w, const struct rs_result *result);
struct rs_result *rs_get_result(struct rs_reader *r);
void rs_put_row(struct rs_writer *w, const struct rs_row *row);
struct rs_row *rs_get_row(struct rs_reader *r);

/* A message: its type number and fields, without its length. rs_get_msg reads to the reader's end. */
void rs_put_msg(struct rs_writer *w, const struct rs_msg *msg);
struct rs_msg *rs_get_msg(struct rs_reader *r);

/* ---- hashing, for traces: one multiplication a word; no two inputs that differ in one word alone collide ---- */

static inline uint64_t rs_hash_u64(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
  return hash ^ hash >> 35;
}

/* Bytes as little-endian words, then the length. */
uint64_t rs_hash_bytes(uint64_t hash, const void *bytes, size_t count);

#endif
