/* msg_random.h -- random but valid messages of every type, and their deep comparison, from the table itself. */
#ifndef RS_TESTS_MSG_RANDOM_H
#define RS_TESTS_MSG_RANDOM_H

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "core/io.h"

/* How long arrays become. */
enum random_size { RANDOM_EMPTY, RANDOM_SMALL, RANDOM_FULL };

#define UNUSED __attribute__((unused))

static inline uint32_t random_below(struct rs_rng *rng, uint32_t bound)
{
  return (uint32_t)rs_rng_below(rng, bound);
}

/* Numbers of every length, not only long ones. */
static inline uint64_t random_number(struct rs_rng *rng)
{
  return rs_rng_next(rng) >> random_below(rng, 64);
}

static inline int64_t random_amount(struct rs_rng *rng)
{
  if (random_below(rng, 2))
    return 0;
  if (random_below(rng, 16) == 0)
    return RS_AMOUNT_MAX;
  return (int64_t)(random_number(rng) % (uint64_t)RS_AMOUNT_MAX);
}

static inline uint32_t random_customs(struct rs_rng *rng, struct rs_custom *custom, bool zero_allowed)
{
  uint32_t count = random_below(rng, 2) ? 0 : random_below(rng, RS_CUSTOM_MAX + 1);
  uint64_t name = 0;
  for (uint32_t i = 0; i < count; i++) {
    name += 1 + rs_rng_below(rng, UINT64_MAX / 8);
    custom[i].name = name;
    custom[i].amount_e4 = random_amount(rng);
    if (!zero_allowed && custom[i].amount_e4 == 0)
      custom[i].amount_e4 = 1;
  }
  return count;
}

UNUSED static void random_plain_demand(struct rs_rng *rng, struct rs_demand *v)
{
  memset(v, 0, sizeof *v);
  v->cpu_e4 = random_amount(rng);
  v->memory_bytes = random_amount(rng);
  v->store_bytes = random_amount(rng);
  switch (random_below(rng, 4)) {
  case 0: v->gpu_e4 = random_below(rng, RS_ONE_E4 + 1); break;
  case 1: v->gpu_e4 = random_below(rng, RS_GPU_MAX + 1) * RS_ONE_E4; break;
  default: break;
  }
  v->custom_count = (uint8_t)random_customs(rng, v->custom, false);
  v->select_count = random_below(rng, 2) ? 0 : (uint8_t)random_below(rng, RS_SELECT_MAX + 1);
  for (unsigned i = 0; i < v->select_count; i++)
    v->select[i] = (struct rs_selector){rs_rng_next(rng), random_number(rng), (uint8_t)random_below(rng, 4), 0};
  if (random_below(rng, 4) == 0) {
    v->fallback_count = (uint8_t)(1 + random_below(rng, RS_FALLBACK_MAX));
    for (unsigned i = 0, at = 0; i < v->select_count; i++) {
      at += random_below(rng, v->fallback_count - at + 1);
      v->select[i].alternative = (uint8_t)at;
    }
  }
  if (random_below(rng, 4) == 0) {
    v->group_owner = 1 + (random_number(rng) >> 1);
    v->env = random_number(rng);
    v->group_seq = 1 + (random_number(rng) >> 1);
    v->group_bundle = (int32_t)random_below(rng, RS_GROUP_BUNDLES_MAX + 1) - 1;
  }
}

UNUSED static void random_demand(struct rs_rng *rng, struct rs_shared_demand **v)
{
  struct rs_demand demand;
  random_plain_demand(rng, &demand);
  *v = rs_shared_demand_new(&demand);
}

UNUSED static void random_left(struct rs_rng *rng, struct rs_res *v)
{
  memset(v, 0, sizeof *v);
  v->cpu_e4 = random_amount(rng);
  v->memory_bytes = random_amount(rng);
  v->store_bytes = random_amount(rng);
  v->gpu_count = random_below(rng, 2) ? 0 : (uint8_t)random_below(rng, RS_GPU_MAX + 1);
  for (unsigned i = 0; i < v->gpu_count; i++)
    v->gpu_e4[i] = (uint16_t)random_below(rng, RS_ONE_E4 + 1);
  v->custom_count = (uint8_t)random_customs(rng, v->custom, true);
}

UNUSED static void random_info(struct rs_rng *rng, struct rs_node_info **v)
{
  struct rs_res total;
  random_left(rng, &total);
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = random_below(rng, 2) ? UINT32_MAX : (uint32_t)random_number(rng);
  info->label_count = random_below(rng, RS_LABEL_MAX + 1);
  for (unsigned i = 0; i < info->label_count; i++)
    info->labels[i] = (struct rs_label){rs_rng_next(rng), rs_rng_next(rng)};
  *v = info;
}

/* clang-format off */
UNUSED static void random_u8(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_number(rng); }
UNUSED static void random_u16(struct rs_rng *rng, uint16_t *v) { *v = (uint16_t)random_number(rng); }
UNUSED static void random_u32(struct rs_rng *rng, uint32_t *v) { *v = (uint32_t)random_number(rng); }
UNUSED static void random_u64(struct rs_rng *rng, uint64_t *v) { *v = random_number(rng); }
UNUSED static void random_i32(struct rs_rng *rng, int32_t *v) { *v = (int32_t)random_number(rng); }
UNUSED static void random_i64(struct rs_rng *rng, int64_t *v) { *v = (int64_t)random_number(rng); }
UNUSED static void random_addr(struct rs_rng *rng, rs_addr *v) { *v = random_number(rng); }
UNUSED static void random_flag(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_below(rng, 2); }
UNUSED static void random_strategy(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_below(rng, 4); }
UNUSED static void random_actor_state(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_below(rng, 4); }
UNUSED static void random_group_strategy(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_below(rng, 4); }
UNUSED static void random_group_state(struct rs_rng *rng, uint8_t *v) { *v = (uint8_t)random_below(rng, 4); }
/* clang-format on */

UNUSED static void random_bundle(struct rs_rng *rng, struct rs_bundle *v)
{
  random_plain_demand(rng, &v->demand);
  v->demand.group_owner = v->demand.group_seq = 0;
  v->demand.group_bundle = 0;
  v->index = random_below(rng, RS_GROUP_BUNDLES_MAX);
  v->raylet = random_number(rng);
}

UNUSED static void random_id(struct rs_rng *rng, struct rs_id *v)
{
  v->owner = 1 + (random_number(rng) >> 1);
  v->seq = 1 + (random_number(rng) >> 1);
}

UNUSED static void random_dep(struct rs_rng *rng, struct rs_dep *v)
{
  random_id(rng, &v->id);
  v->size_bytes = random_number(rng);
  v->location = random_number(rng);
  v->value = 0;
}

static inline void random_bytes(struct rs_rng *rng, uint8_t *out, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    out[i] = (uint8_t)rs_rng_next(rng);
}

static inline void random_ids(struct rs_rng *rng, struct rs_id *ids, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    random_id(rng, &ids[i]);
}

UNUSED static void random_value(struct rs_rng *rng, struct rs_value **v)
{
  *v = 0;
  if (random_below(rng, 3) == 0)
    return;
  *v = rs_value_new(random_below(rng, 2) ? 0 : random_below(rng, 5), random_below(rng, 60));
  random_ids(rng, (*v)->ids, (*v)->id_count);
  random_bytes(rng, (*v)->data, (*v)->size_bytes);
}

UNUSED static void random_task(struct rs_rng *rng, struct rs_task **v)
{
  bool plain = random_below(rng, 2);
  uint32_t deps = plain ? 0 : random_below(rng, 5), args = plain ? random_below(rng, 8) : random_below(rng, 200);
  uint32_t inner = plain || random_below(rng, 2) ? 0 : random_below(rng, 5);
  uint8_t name[RS_TASK_NAME_MAX], name_bytes = (uint8_t)(random_below(rng, 3) ? 0 : random_below(rng, 256));
  random_bytes(rng, name, name_bytes);
  struct rs_task *task = rs_task_new_named(deps, inner, args, name, name_bytes);
  task->return_count = (uint8_t)random_below(rng, RS_TASK_RETURNS_MAX + 1);
  static const uint16_t flags[] = {0,
                                   RS_TASK_ACTOR_CREATE,
                                   RS_TASK_ACTOR_CALL,
                                   RS_TASK_RETRY_ERRORS,
                                   RS_TASK_RETRY_ERRORS | RS_TASK_ACTOR_CALL,
                                   RS_TASK_ACTOR_CALL | RS_TASK_GROUP,
                                   RS_TASK_STREAM,
                                   RS_TASK_KEEP};
  task->flags |= flags[random_below(rng, sizeof flags / sizeof *flags)];
  task->backpressure = task->flags & RS_TASK_STREAM ? (uint32_t)random_number(rng) : 0;
  if (task->flags & RS_TASK_STREAM)
    task->return_count = 0;
  task->group = task->flags & RS_TASK_GROUP ? 1 + (random_number(rng) >> 1) : 0;
  if (random_below(rng, 4) == 0) {
    task->flags |= RS_TASK_CAPTURE;
    random_id(rng, &task->placement);
  }
  random_id(rng, &task->id);
  task->function = random_number(rng);
  if (task->flags & (RS_TASK_ACTOR_CREATE | RS_TASK_ACTOR_CALL)) {
    random_id(rng, &task->actor);
    task->actor_seq = random_number(rng);
    task->actor_restart = (uint32_t)random_number(rng);
  }
  bool values = random_below(rng, 2);
  for (uint32_t i = 0; i < deps; i++) {
    random_dep(rng, &task->deps[i]);
    if (values)
      random_value(rng, &task->deps[i].value);
  }
  random_ids(rng, task->inner, inner);
  if (random_below(rng, 3) == 0)
    random_id(rng, &task->parent);
  if (random_below(rng, 3) == 0)
    task->job = 1 + (random_number(rng) >> 1);
  random_bytes(rng, task->args, args);
  *v = task;
}

UNUSED static void random_result(struct rs_rng *rng, struct rs_result **v)
{
  uint32_t returns = random_below(rng, 4), data = random_below(rng, 100);
  uint32_t ids = random_below(rng, 3) ? 0 : random_below(rng, 6);
  struct rs_result *result = rs_result_new_ids(returns, ids, data);
  random_ids(rng, result->ids, ids);
  result->status = (int32_t)random_below(rng, 18) * -1;
  random_id(rng, &result->task);
  result->run_ns = random_number(rng);
  result->node = random_number(rng);
  for (uint32_t i = 0; i < returns; i++) {
    struct rs_return *ret = &result->returns[i];
    ret->size_bytes = random_number(rng);
    if (ids) {
      ret->id_at = random_below(rng, ids);
      ret->id_count = random_below(rng, ids - ret->id_at + 1);
    }
    if (random_below(rng, 2) && data > 0) {
      ret->inline_at = random_below(rng, data);
      ret->inline_bytes = random_below(rng, data - ret->inline_at + 1);
      ret->size_bytes = ret->inline_bytes;
      if (ret->inline_bytes == 0)
        ret->inline_at = 0;
    }
  }
  random_bytes(rng, result->data, data);
  *v = result;
}

UNUSED static void random_error(struct rs_rng *rng, struct rs_result **v)
{
  *v = 0;
  if (random_below(rng, 2))
    random_result(rng, v);
}

UNUSED static void random_entry(struct rs_rng *rng, struct rs_entry *v)
{
  v->node = random_below(rng, RS_NODE_MAX + 1u);
  v->raylet = random_number(rng);
  v->report_seq = (uint32_t)random_number(rng);
  v->queued = (uint32_t)random_number(rng);
  v->state = (uint8_t)random_below(rng, 4);
  random_left(rng, &v->left);
  v->info = 0;
  if (random_below(rng, 2))
    random_info(rng, &v->info);
}

UNUSED static void random_shape(struct rs_rng *rng, struct rs_shape *v)
{
  random_plain_demand(rng, &v->demand);
  v->count = (uint32_t)random_number(rng);
}

UNUSED static void random_row(struct rs_rng *rng, struct rs_row **v)
{
  struct rs_row *row =
      rs_row_new((uint8_t)random_number(rng), random_below(rng, RS_ROW_MAX + 1), random_below(rng, 40));
  for (unsigned i = 0; i < row->count; i++)
    row->n[i] = random_number(rng);
  random_bytes(rng, row->text, row->text_bytes);
  *v = row;
}

static inline uint32_t random_count(struct rs_rng *rng, uint32_t cap, enum random_size size)
{
  switch (size) {
  case RANDOM_EMPTY: return 0;
  case RANDOM_SMALL: return random_below(rng, cap < 5 ? cap + 1 : 6);
  default: return cap > 2048 ? 2048 : cap;
  }
}

#define MSG(NAME, name, number)                                                                                        \
  UNUSED static struct rs_msg *random_msg_##name(struct rs_rng *rng, enum random_size size)                            \
  {                                                                                                                    \
    struct rs_m_##name *m = rs_msg_new(RS_MSG_##NAME);                                                                 \
    (void)rng, (void)size;
#define F(type, field) random_##type(rng, &m->field);
#define FV(type, field, cap)                                                                                           \
  m->field##_count = random_count(rng, cap, size);                                                                     \
  m->field = m->field##_count ? rs_alloc_zero(m->field##_count, sizeof *m->field) : 0;                                 \
  for (uint32_t i = 0; i < m->field##_count; i++)                                                                      \
    random_##type(rng, &m->field[i]);
#define END                                                                                                            \
  return &m->head;                                                                                                     \
  }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

static const uint16_t msg_types[] = {
#define MSG(NAME, name, number) number,
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
};
enum { MSG_TYPES = sizeof msg_types / sizeof *msg_types };

UNUSED static struct rs_msg *random_msg(struct rs_rng *rng, uint16_t type, enum random_size size)
{
  switch (type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    return random_msg_##name(rng, size);
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: abort();
  }
}

/* ---- deep comparison ---- */

#define same_u8(a, b) (*(a) == *(b))
#define same_u16 same_u8
#define same_u32 same_u8
#define same_u64 same_u8
#define same_i32 same_u8
#define same_i64 same_u8
#define same_addr same_u8
#define same_flag same_u8
#define same_strategy same_u8
#define same_actor_state same_u8
#define same_group_strategy same_u8
#define same_group_state same_u8
#define same_id(a, b) rs_id_equal(*(a), *(b))

UNUSED static bool same_customs(const struct rs_custom *a, const struct rs_custom *b)
{
  for (unsigned i = 0; i < RS_CUSTOM_MAX; i++)
    if (a[i].name != b[i].name || a[i].amount_e4 != b[i].amount_e4)
      return false;
  return true;
}

UNUSED static bool same_left(const struct rs_res *a, const struct rs_res *b)
{
  return a->cpu_e4 == b->cpu_e4 && a->memory_bytes == b->memory_bytes && a->store_bytes == b->store_bytes &&
         a->gpu_count == b->gpu_count && memcmp(a->gpu_e4, b->gpu_e4, sizeof a->gpu_e4) == 0 &&
         a->custom_count == b->custom_count && same_customs(a->custom, b->custom);
}

UNUSED static bool same_plain_demand(const struct rs_demand *a, const struct rs_demand *b)
{
  for (unsigned i = 0; i < RS_SELECT_MAX; i++)
    if (a->select[i].key != b->select[i].key || a->select[i].value != b->select[i].value ||
        a->select[i].op != b->select[i].op || a->select[i].alternative != b->select[i].alternative)
      return false;
  if (a->env != b->env || a->fallback_count != b->fallback_count || a->group_owner != b->group_owner ||
      a->group_seq != b->group_seq || a->group_bundle != b->group_bundle)
    return false;
  return a->cpu_e4 == b->cpu_e4 && a->memory_bytes == b->memory_bytes && a->store_bytes == b->store_bytes &&
         a->gpu_e4 == b->gpu_e4 && a->custom_count == b->custom_count && a->select_count == b->select_count &&
         same_customs(a->custom, b->custom);
}

UNUSED static bool same_demand(struct rs_shared_demand *const *a, struct rs_shared_demand *const *b)
{
  return (*a)->hash == (*b)->hash && same_plain_demand(&(*a)->is, &(*b)->is);
}

UNUSED static bool same_info(struct rs_node_info *const *a, struct rs_node_info *const *b)
{
  if (!*a || !*b)
    return *a == *b;
  for (unsigned i = 0; i < RS_LABEL_MAX; i++)
    if ((*a)->labels[i].key != (*b)->labels[i].key || (*a)->labels[i].value != (*b)->labels[i].value)
      return false;
  return (*a)->node_type == (*b)->node_type && (*a)->label_count == (*b)->label_count &&
         same_left(&(*a)->total, &(*b)->total);
}

UNUSED static bool same_dep(const struct rs_dep *a, const struct rs_dep *b)
{
  return rs_id_equal(a->id, b->id) && a->size_bytes == b->size_bytes && a->location == b->location;
}

UNUSED static bool same_ids(const struct rs_id *a, const struct rs_id *b, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    if (!rs_id_equal(a[i], b[i]))
      return false;
  return true;
}

UNUSED static bool same_value(struct rs_value *const *left, struct rs_value *const *right)
{
  const struct rs_value *a = *left, *b = *right;
  if (!a || !b)
    return a == b;
  return a->size_bytes == b->size_bytes && a->id_count == b->id_count && same_ids(a->ids, b->ids, a->id_count) &&
         (a->size_bytes == 0 || memcmp(a->data, b->data, a->size_bytes) == 0);
}

UNUSED static bool same_task(struct rs_task *const *left, struct rs_task *const *right)
{
  const struct rs_task *a = *left, *b = *right;
  if (a->dep_count != b->dep_count || a->return_count != b->return_count || a->flags != b->flags ||
      !rs_id_equal(a->id, b->id) || a->function != b->function || !rs_id_equal(a->actor, b->actor) ||
      a->group != b->group || a->backpressure != b->backpressure || a->actor_seq != b->actor_seq ||
      a->actor_restart != b->actor_restart || a->args_bytes != b->args_bytes || a->job != b->job ||
      !rs_id_equal(a->parent, b->parent) || a->inner_count != b->inner_count ||
      !same_ids(a->inner, b->inner, a->inner_count) || !rs_id_equal(a->placement, b->placement) ||
      a->name_bytes != b->name_bytes || memcmp(rs_task_name(a), rs_task_name(b), a->name_bytes) != 0)
    return false;
  for (unsigned i = 0; i < a->dep_count; i++)
    if (!same_dep(&a->deps[i], &b->deps[i]) || !same_value(&a->deps[i].value, &b->deps[i].value))
      return false;
  return a->args_bytes == 0 || memcmp(a->args, b->args, a->args_bytes) == 0;
}

UNUSED static bool same_result(struct rs_result *const *left, struct rs_result *const *right)
{
  const struct rs_result *a = *left, *b = *right;
  if (a->status != b->status || !rs_id_equal(a->task, b->task) || a->run_ns != b->run_ns || a->node != b->node ||
      a->return_count != b->return_count || a->data_bytes != b->data_bytes || a->id_count != b->id_count ||
      !same_ids(a->ids, b->ids, a->id_count))
    return false;
  for (unsigned i = 0; i < a->return_count; i++)
    if (a->returns[i].size_bytes != b->returns[i].size_bytes || a->returns[i].inline_at != b->returns[i].inline_at ||
        a->returns[i].inline_bytes != b->returns[i].inline_bytes || a->returns[i].id_at != b->returns[i].id_at ||
        a->returns[i].id_count != b->returns[i].id_count)
      return false;
  return a->data_bytes == 0 || memcmp(a->data, b->data, a->data_bytes) == 0;
}

UNUSED static bool same_error(struct rs_result *const *a, struct rs_result *const *b)
{
  return *a && *b ? same_result(a, b) : *a == *b;
}

UNUSED static bool same_row(struct rs_row *const *left, struct rs_row *const *right)
{
  const struct rs_row *a = *left, *b = *right;
  if (a->kind != b->kind || a->count != b->count || a->text_bytes != b->text_bytes)
    return false;
  for (unsigned i = 0; i < a->count; i++)
    if (a->n[i] != b->n[i])
      return false;
  return a->text_bytes == 0 || memcmp(a->text, b->text, a->text_bytes) == 0;
}

UNUSED static bool same_entry(const struct rs_entry *a, const struct rs_entry *b)
{
  return a->node == b->node && a->raylet == b->raylet && a->report_seq == b->report_seq && a->queued == b->queued &&
         a->state == b->state && same_left(&a->left, &b->left) && same_info(&a->info, &b->info);
}

UNUSED static bool same_shape(const struct rs_shape *a, const struct rs_shape *b)
{
  return a->count == b->count && same_plain_demand(&a->demand, &b->demand);
}

UNUSED static bool same_bundle(const struct rs_bundle *a, const struct rs_bundle *b)
{
  return a->index == b->index && a->raylet == b->raylet && same_plain_demand(&a->demand, &b->demand);
}

#define MSG(NAME, name, number)                                                                                        \
  UNUSED static bool same_msg_##name(const struct rs_m_##name *a, const struct rs_m_##name *b)                         \
  {                                                                                                                    \
    bool same = a->head.type == b->head.type;
#define F(type, field) same = same && same_##type(&a->field, &b->field);
#define FV(type, field, cap)                                                                                           \
  same = same && a->field##_count == b->field##_count;                                                                 \
  for (uint32_t i = 0; same && i < a->field##_count; i++)                                                              \
    same = same_##type(&a->field[i], &b->field[i]);
#define END                                                                                                            \
  return same;                                                                                                         \
  }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

UNUSED static bool same_msg(const struct rs_msg *a, const struct rs_msg *b)
{
  switch (a->type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    return same_msg_##name((const struct rs_m_##name *)(const void *)a, (const struct rs_m_##name *)(const void *)b);
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: abort();
  }
}

#endif
