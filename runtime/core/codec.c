/* codec.c -- the wire form of every message, generated from messages.def.
 *
 * A message is its type number (u16) and its fields in the order of the table, little-endian, without padding. A
 * counted array is its count (u16 where the cap allows, else u32) and its elements; codec_value.c has these.
 *
 * Safety on hostile bytes: a count is compared with its cap, and count x the element's least size with the bytes that
 * are left, before the array is allocated. O(bytes).
 */
#include "core/codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/io.h"

/* ---- the table's types: put_<type>, get_<type>, and the least size of each ---- */

/* clang-format off */
static inline void put_u8(struct rs_writer *w, const uint8_t *v) { rs_put_u8(w, *v); }
static inline void put_u16(struct rs_writer *w, const uint16_t *v) { rs_put_u16(w, *v); }
static inline void put_u32(struct rs_writer *w, const uint32_t *v) { rs_put_u32(w, *v); }
static inline void put_u64(struct rs_writer *w, const uint64_t *v) { rs_put_u64(w, *v); }
static inline void put_i32(struct rs_writer *w, const int32_t *v) { rs_put_u32(w, (uint32_t)*v); }
static inline void put_i64(struct rs_writer *w, const int64_t *v) { rs_put_u64(w, (uint64_t)*v); }
static inline void put_addr(struct rs_writer *w, const rs_addr *v) { rs_put_u64(w, *v); }
static inline void put_id(struct rs_writer *w, const struct rs_id *v) { rs_put_id(w, *v); }
static inline void put_flag(struct rs_writer *w, const uint8_t *v) { rs_put_flag(w, *v); }
static inline void put_demand(struct rs_writer *w, struct rs_shared_demand *const *v) { rs_put_demand(w, &(*v)->is); }
static inline void put_left(struct rs_writer *w, const struct rs_res *v) { rs_put_res(w, v); }
static inline void put_info(struct rs_writer *w, struct rs_node_info *const *v) { rs_put_info(w, *v); }
static inline void put_dep(struct rs_writer *w, const struct rs_dep *v) { rs_put_dep(w, v); }
static inline void put_task(struct rs_writer *w, struct rs_task *const *v) { rs_put_task(w, *v); }
static inline void put_value(struct rs_writer *w, struct rs_value *const *v) { rs_put_value(w, *v); }
static inline void put_result(struct rs_writer *w, struct rs_result *const *v) { rs_put_result(w, *v); }
static inline void put_row(struct rs_writer *w, struct rs_row *const *v) { rs_put_row(w, *v); }
/* clang-format on */

static inline void put_strategy(struct rs_writer *w, const uint8_t *v)
{
  RS_ASSERT(*v <= RS_STRATEGY_NODE_AFFINITY_SOFT);
  rs_put_u8(w, *v);
}

static inline void put_actor_state(struct rs_writer *w, const uint8_t *v)
{
  RS_ASSERT(*v <= RS_ACTOR_DEAD);
  rs_put_u8(w, *v);
}

static inline void put_group_strategy(struct rs_writer *w, const uint8_t *v)
{
  RS_ASSERT(*v <= RS_GROUP_STRICT_SPREAD);
  rs_put_u8(w, *v);
}

static inline void put_group_state(struct rs_writer *w, const uint8_t *v)
{
  RS_ASSERT(*v <= RS_GROUP_REMOVED);
  rs_put_u8(w, *v);
}

static void put_entry(struct rs_writer *w, const struct rs_entry *v)
{
  RS_ASSERT(v->node <= RS_NODE_MAX && v->state <= RS_NODE_DEAD);
  rs_put_u32(w, v->node);
  rs_put_u64(w, v->raylet);
  rs_put_u32(w, v->report_seq);
  rs_put_u32(w, v->queued);
  rs_put_u8(w, v->state);
  rs_put_res(w, &v->left);
  rs_put_flag(w, v->info != 0);
  if (v->info)
    rs_put_info(w, v->info);
}

static void put_bundle(struct rs_writer *w, const struct rs_bundle *v)
{
  RS_ASSERT(v->index < RS_GROUP_BUNDLES_MAX && v->demand.group_seq == 0);
  rs_put_demand(w, &v->demand);
  rs_put_u32(w, v->index);
  rs_put_u64(w, v->raylet);
}

static void put_shape(struct rs_writer *w, const struct rs_shape *v)
{
  rs_put_demand(w, &v->demand);
  rs_put_u32(w, v->count);
}

/* clang-format off */
static inline void get_u8(struct rs_reader *r, uint8_t *v) { *v = rs_get_u8(r); }
static inline void get_u16(struct rs_reader *r, uint16_t *v) { *v = rs_get_u16(r); }
static inline void get_u32(struct rs_reader *r, uint32_t *v) { *v = rs_get_u32(r); }
static inline void get_u64(struct rs_reader *r, uint64_t *v) { *v = rs_get_u64(r); }
static inline void get_i32(struct rs_reader *r, int32_t *v) { *v = (int32_t)rs_get_u32(r); }
static inline void get_i64(struct rs_reader *r, int64_t *v) { *v = (int64_t)rs_get_u64(r); }
static inline void get_addr(struct rs_reader *r, rs_addr *v) { *v = rs_get_u64(r); }
static inline void get_id(struct rs_reader *r, struct rs_id *v) { *v = rs_get_id(r); }
static inline void get_flag(struct rs_reader *r, uint8_t *v) { *v = rs_get_flag(r); }
static inline void get_strategy(struct rs_reader *r, uint8_t *v) { *v = rs_get_at_most(r, RS_STRATEGY_NODE_AFFINITY_SOFT); }
static inline void get_actor_state(struct rs_reader *r, uint8_t *v) { *v = rs_get_at_most(r, RS_ACTOR_DEAD); }
static inline void get_group_strategy(struct rs_reader *r, uint8_t *v) { *v = rs_get_at_most(r, RS_GROUP_STRICT_SPREAD); }
static inline void get_group_state(struct rs_reader *r, uint8_t *v) { *v = rs_get_at_most(r, RS_GROUP_REMOVED); }
static inline void get_left(struct rs_reader *r, struct rs_res *v) { rs_get_res(r, v); }
static inline void get_info(struct rs_reader *r, struct rs_node_info **v) { *v = rs_get_info(r); }
static inline void get_dep(struct rs_reader *r, struct rs_dep *v) { rs_get_dep(r, v); }
static inline void get_task(struct rs_reader *r, struct rs_task **v) { *v = rs_get_task(r); }
static inline void get_value(struct rs_reader *r, struct rs_value **v) { *v = rs_get_value(r); }
static inline void get_result(struct rs_reader *r, struct rs_result **v) { *v = rs_get_result(r); }
static inline void get_row(struct rs_reader *r, struct rs_row **v) { *v = rs_get_row(r); }
/* clang-format on */

static inline void get_demand(struct rs_reader *r, struct rs_shared_demand **v)
{
  struct rs_demand demand;
  rs_get_demand(r, &demand);
  *v = rs_shared_demand_new(&demand);
}

static inline void put_error(struct rs_writer *w, struct rs_result *const *v)
{
  rs_put_flag(w, *v != 0);
  if (*v)
    rs_put_result(w, *v);
}

static inline void get_error(struct rs_reader *r, struct rs_result **v)
{
  if (rs_get_flag(r))
    *v = rs_get_result(r);
}

static void get_entry(struct rs_reader *r, struct rs_entry *v)
{
  v->node = rs_get_u32(r);
  if (v->node > RS_NODE_MAX)
    rs_get_fail(r, RS_ERR_MALFORMED);
  v->raylet = rs_get_u64(r);
  v->report_seq = rs_get_u32(r);
  v->queued = rs_get_u32(r);
  v->state = rs_get_at_most(r, RS_NODE_DEAD);
  rs_get_res(r, &v->left);
  if (rs_get_flag(r))
    v->info = rs_get_info(r);
}

static void get_bundle(struct rs_reader *r, struct rs_bundle *v)
{
  rs_get_demand(r, &v->demand);
  v->index = rs_get_u32(r);
  v->raylet = rs_get_u64(r);
  if (v->index >= RS_GROUP_BUNDLES_MAX || v->demand.group_seq)
    rs_get_fail(r, RS_ERR_MALFORMED);
}

static void get_shape(struct rs_reader *r, struct rs_shape *v)
{
  rs_get_demand(r, &v->demand);
  v->count = rs_get_u32(r);
}

/* Least wire size of the types that occur in arrays. */
enum {
  LEAST_u8 = 1,
  LEAST_u32 = 4,
  LEAST_u64 = 8,
  LEAST_row = 4,
  LEAST_addr = 8,
  LEAST_id = 16,
  LEAST_dep = RS_DEP_BYTES,
  LEAST_shape = 5,
  LEAST_bundle = 13,
  LEAST_entry = 23,
  LEAST_task = RS_TASK_BYTES_MIN,
  LEAST_result = RS_RESULT_BYTES_MIN
};

static inline void put_count(struct rs_writer *w, uint32_t count, uint32_t cap)
{
  RS_ASSERT(count <= cap);
  if (cap <= UINT16_MAX)
    rs_put_u16(w, (uint16_t)count);
  else
    rs_put_u32(w, count);
}

static inline uint32_t get_count(struct rs_reader *r, uint32_t cap, size_t element_bytes_min)
{
  uint32_t count = cap <= UINT16_MAX ? rs_get_u16(r) : rs_get_u32(r);
  if (count > cap)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  if (rs_get_left(r) / element_bytes_min < count)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  return r->error ? 0 : count;
}

/* ---- one pair of functions a message ---- */

#define MSG(NAME, name, number)                                                                                        \
  static inline void put_msg_##name(struct rs_writer *w, const struct rs_m_##name *m)                                  \
  {                                                                                                                    \
    (void)w, (void)m;
#define F(type, field) put_##type(w, &m->field);
#define FV(type, field, cap)                                                                                           \
  put_count(w, m->field##_count, cap);                                                                                 \
  for (uint32_t i = 0; i < m->field##_count; i++)                                                                      \
    put_##type(w, &m->field[i]);
#define END }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

#define MSG(NAME, name, number)                                                                                        \
  static inline void get_msg_##name(struct rs_reader *r, struct rs_m_##name *m)                                        \
  {                                                                                                                    \
    (void)r, (void)m;
#define F(type, field) get_##type(r, &m->field);
#define FV(type, field, cap)                                                                                           \
  m->field##_count = get_count(r, cap, LEAST_##type);                                                                  \
  if (m->field##_count)                                                                                                \
    m->field = rs_alloc_zero(m->field##_count, sizeof *m->field);                                                      \
  for (uint32_t i = 0; i < m->field##_count && !r->error; i++)                                                         \
    get_##type(r, &m->field[i]);
#define END }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

void rs_put_msg(struct rs_writer *w, const struct rs_msg *msg)
{
  rs_put_u16(w, msg->type);
  switch (msg->type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    put_msg_##name(w, (const struct rs_m_##name *)(const void *)msg);                                                  \
    return;
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
  default: RS_ASSERT(!"a message type of the table");
  }
}

struct rs_msg *rs_get_msg(struct rs_reader *r)
{
  uint16_t type = rs_get_u16(r);
  if (r->error)
    return 0;
  struct rs_msg *msg = 0;
  switch (type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    msg = rs_msg_new(number);                                                                                          \
    get_msg_##name(r, (struct rs_m_##name *)(void *)msg);                                                              \
    break;
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: rs_get_fail(r, RS_ERR_MALFORMED); return 0;
  }
  if (!r->error && r->at != r->end)
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (r->error) {
    rs_msg_unref(msg);
    return 0;
  }
  return msg;
}

uint32_t rs_msg_wire_bytes(struct rs_msg *msg)
{
  if (msg->wire_bytes == 0) {
    struct rs_writer counter = {0};
    rs_put_msg(&counter, msg);
    RS_ASSERT(counter.size <= UINT32_MAX);
    msg->wire_bytes = (uint32_t)counter.size;
  }
  return msg->wire_bytes;
}

uint64_t rs_hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
  const uint8_t *at = bytes;
  size_t left = count;
  for (; left >= 8; left -= 8, at += 8)
    hash = rs_hash_u64(hash, rs_load_u64(at));
  uint64_t last = 0;
  for (size_t i = 0; i < left; i++)
    last |= (uint64_t)at[i] << 8 * i;
  return rs_hash_u64(rs_hash_u64(hash, last), count);
}

uint64_t rs_msg_hash(struct rs_msg *msg)
{
  if (msg->hash)
    return msg->hash;
  uint8_t small[512];
  size_t size = rs_msg_encode(msg, small, sizeof small);
  if (size <= sizeof small) {
    msg->hash = rs_hash_bytes(0, small, size);
  } else {
    uint8_t *large = rs_alloc(size);
    rs_msg_encode(msg, large, size);
    msg->hash = rs_hash_bytes(0, large, size);
    free(large);
  }
  msg->wire_bytes = (uint32_t)size;
  msg->hash += msg->hash == 0;
  return msg->hash;
}

size_t rs_msg_encode(const struct rs_msg *msg, uint8_t *out, size_t cap)
{
  struct rs_writer writer = {.out = out, .cap = cap};
  rs_put_msg(&writer, msg);
  return writer.size;
}

int rs_msg_decode(const uint8_t *bytes, size_t size, struct rs_msg **out)
{
  struct rs_reader reader = {.at = bytes, .end = bytes + size};
  *out = rs_get_msg(&reader);
  if (*out)
    (*out)->wire_bytes = (uint32_t)size;
  return reader.error;
}
