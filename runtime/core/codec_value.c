/* codec_value.c -- the forms of what messages and recordings consist of: ids, demands, resources, tasks, results.
 *
 * Resources and demands start with a byte of bits that says which parts follow, because most of them name a CPU and
 * nothing else. Tasks say with a bit in their flags whether actor fields follow. All ranges that the core relies on are
 * checked: flags, amounts, device and name counts, order of names, spans of inline results; lengths are compared with
 * the bytes that are left before anything is allocated. O(bytes).
 */
#include "core/codec.h"

#include "base/alloc.h"
#include "base/assert.h"

/* ---- plain values ---- */

void rs_put_flag(struct rs_writer *w, uint8_t v)
{
  RS_ASSERT(v <= 1);
  rs_put_u8(w, v);
}

uint8_t rs_get_flag(struct rs_reader *r)
{
  return rs_get_at_most(r, 1);
}

void rs_put_id(struct rs_writer *w, struct rs_id id)
{
  RS_ASSERT(id.owner && id.seq);
  rs_put_u64(w, id.owner);
  rs_put_u64(w, id.seq);
}

struct rs_id rs_get_id(struct rs_reader *r)
{
  struct rs_id id;
  id.owner = rs_get_u64(r);
  id.seq = rs_get_u64(r);
  if (!id.owner || !id.seq)
    rs_get_fail(r, RS_ERR_MALFORMED);
  return id;
}

/* ---- demands and resources ---- */

enum {
  HAS_CPU = 1,
  HAS_MEMORY = 2,
  HAS_STORE = 4,
  HAS_GPU = 8,
  HAS_CUSTOM = 16,
  HAS_SELECT = 32,
  HAS_GROUP = 64,
  HAS_ENV = 128
};

static bool amount_valid(int64_t amount)
{
  return amount >= 0 && amount <= RS_AMOUNT_MAX;
}

static void put_amount(struct rs_writer *w, int64_t amount)
{
  RS_ASSERT(amount_valid(amount));
  rs_put_u64(w, (uint64_t)amount);
}

/* An amount that a mask announces is not 0: each value has one form. */
static int64_t get_amount(struct rs_reader *r, bool zero_allowed)
{
  int64_t amount = (int64_t)rs_get_u64(r);
  if (!amount_valid(amount) || (amount == 0 && !zero_allowed)) {
    rs_get_fail(r, RS_ERR_MALFORMED);
    return 0;
  }
  return amount;
}

static bool customs_valid(const struct rs_custom *custom, unsigned count, bool zero_allowed)
{
  for (unsigned i = 0; i < count; i++)
    if (custom[i].name <= (i ? custom[i - 1].name : 0) || (custom[i].amount_e4 == 0 && !zero_allowed))
      return false;
  return true;
}

static void put_customs(struct rs_writer *w, const struct rs_custom *custom, uint8_t count, bool zero_allowed)
{
  RS_ASSERT(count <= RS_CUSTOM_MAX && customs_valid(custom, count, zero_allowed));
  rs_put_u8(w, count);
  for (unsigned i = 0; i < count; i++) {
    rs_put_u64(w, custom[i].name);
    put_amount(w, custom[i].amount_e4);
  }
}

static uint8_t get_customs(struct rs_reader *r, struct rs_custom *custom, bool zero_allowed)
{
  uint8_t count = rs_get_at_most(r, RS_CUSTOM_MAX);
  for (unsigned i = 0; i < count; i++) {
    custom[i].name = rs_get_u64(r);
    custom[i].amount_e4 = get_amount(r, zero_allowed);
  }
  if (count == 0 || !customs_valid(custom, count, zero_allowed))
    rs_get_fail(r, RS_ERR_MALFORMED);
  return count;
}

/* As rs_gpu_amount_valid of the policy library; here 0 is allowed by the mask alone. */
static bool gpus_valid(uint32_t gpu_e4)
{
  return gpu_e4 <= RS_ONE_E4 || (gpu_e4 % RS_ONE_E4 == 0 && gpu_e4 <= RS_GPU_MAX * RS_ONE_E4);
}

static void put_selectors(struct rs_writer *w, const struct rs_demand *demand)
{
  RS_ASSERT(demand->select_count <= RS_SELECT_MAX && demand->fallback_count <= RS_FALLBACK_MAX);
  rs_put_u8(w, demand->select_count);
  rs_put_u8(w, demand->fallback_count);
  for (unsigned i = 0; i < demand->select_count; i++) {
    const struct rs_selector *select = &demand->select[i];
    RS_ASSERT(select->op <= RS_SELECT_NOT_EXISTS && select->alternative <= demand->fallback_count);
    RS_ASSERT(i == 0 || select->alternative >= select[-1].alternative);
    rs_put_u64(w, select->key);
    rs_put_u64(w, select->value);
    rs_put_u8(w, select->op);
    rs_put_u8(w, select->alternative);
  }
}

void rs_put_demand(struct rs_writer *w, const struct rs_demand *demand)
{
  uint8_t mask = (uint8_t)((demand->cpu_e4 ? HAS_CPU : 0) | (demand->memory_bytes ? HAS_MEMORY : 0) |
                           (demand->store_bytes ? HAS_STORE : 0) | (demand->gpu_e4 ? HAS_GPU : 0) |
                           (demand->custom_count ? HAS_CUSTOM : 0) |
                           (demand->select_count || demand->fallback_count ? HAS_SELECT : 0) |
                           (demand->group_seq ? HAS_GROUP : 0) | (demand->env ? HAS_ENV : 0));
  rs_put_u8(w, mask);
  if (mask & HAS_CPU)
    put_amount(w, demand->cpu_e4);
  if (mask & HAS_MEMORY)
    put_amount(w, demand->memory_bytes);
  if (mask & HAS_STORE)
    put_amount(w, demand->store_bytes);
  if (mask & HAS_GPU) {
    RS_ASSERT(gpus_valid(demand->gpu_e4));
    rs_put_u32(w, demand->gpu_e4);
  }
  if (mask & HAS_CUSTOM)
    put_customs(w, demand->custom, demand->custom_count, false);
  if (mask & HAS_SELECT)
    put_selectors(w, demand);
  RS_ASSERT(demand->group_seq || (demand->group_owner == 0 && demand->group_bundle == 0));
  if (mask & HAS_GROUP) {
    RS_ASSERT(demand->group_owner && demand->group_bundle >= -1 && demand->group_bundle < RS_GROUP_BUNDLES_MAX);
    rs_put_u64(w, demand->group_owner);
    rs_put_u64(w, demand->group_seq);
    rs_put_u32(w, (uint32_t)demand->group_bundle);
  }
  if (mask & HAS_ENV)
    rs_put_u64(w, demand->env);
}

static void get_selectors(struct rs_reader *r, struct rs_demand *demand)
{
  demand->select_count = rs_get_at_most(r, RS_SELECT_MAX);
  demand->fallback_count = rs_get_at_most(r, RS_FALLBACK_MAX);
  if (demand->select_count == 0 && demand->fallback_count == 0)
    rs_get_fail(r, RS_ERR_MALFORMED);
  for (unsigned i = 0; i < demand->select_count; i++) {
    demand->select[i].key = rs_get_u64(r);
    demand->select[i].value = rs_get_u64(r);
    demand->select[i].op = rs_get_at_most(r, RS_SELECT_NOT_EXISTS);
    demand->select[i].alternative = rs_get_at_most(r, demand->fallback_count);
    if (i && demand->select[i].alternative < demand->select[i - 1].alternative)
      rs_get_fail(r, RS_ERR_MALFORMED);
  }
}

static void get_group(struct rs_reader *r, struct rs_demand *demand)
{
  demand->group_owner = rs_get_u64(r);
  demand->group_seq = rs_get_u64(r);
  demand->group_bundle = (int32_t)rs_get_u32(r);
  if (!demand->group_owner || !demand->group_seq || demand->group_bundle < -1 ||
      demand->group_bundle >= RS_GROUP_BUNDLES_MAX)
    rs_get_fail(r, RS_ERR_MALFORMED);
}

void rs_get_demand(struct rs_reader *r, struct rs_demand *demand)
{
  memset(demand, 0, sizeof *demand);
  uint8_t mask = rs_get_u8(r);
  if (mask & HAS_CPU)
    demand->cpu_e4 = get_amount(r, false);
  if (mask & HAS_MEMORY)
    demand->memory_bytes = get_amount(r, false);
  if (mask & HAS_STORE)
    demand->store_bytes = get_amount(r, false);
  if (mask & HAS_GPU) {
    demand->gpu_e4 = rs_get_u32(r);
    if (demand->gpu_e4 == 0 || !gpus_valid(demand->gpu_e4))
      rs_get_fail(r, RS_ERR_MALFORMED);
  }
  if (mask & HAS_CUSTOM)
    demand->custom_count = get_customs(r, demand->custom, false);
  if (mask & HAS_SELECT)
    get_selectors(r, demand);
  if (mask & HAS_GROUP)
    get_group(r, demand);
  if (mask & HAS_ENV && (demand->env = rs_get_u64(r)) == 0)
    rs_get_fail(r, RS_ERR_MALFORMED);
}

void rs_put_res(struct rs_writer *w, const struct rs_res *res)
{
  uint8_t mask = (uint8_t)((res->cpu_e4 ? HAS_CPU : 0) | (res->memory_bytes ? HAS_MEMORY : 0) |
                           (res->store_bytes ? HAS_STORE : 0) | (res->gpu_count ? HAS_GPU : 0) |
                           (res->custom_count ? HAS_CUSTOM : 0));
  rs_put_u8(w, mask);
  if (mask & HAS_CPU)
    put_amount(w, res->cpu_e4);
  if (mask & HAS_MEMORY)
    put_amount(w, res->memory_bytes);
  if (mask & HAS_STORE)
    put_amount(w, res->store_bytes);
  if (mask & HAS_GPU) {
    RS_ASSERT(res->gpu_count <= RS_GPU_MAX);
    rs_put_u8(w, res->gpu_count);
    for (unsigned i = 0; i < res->gpu_count; i++) {
      RS_ASSERT(res->gpu_e4[i] <= RS_ONE_E4);
      rs_put_u16(w, res->gpu_e4[i]);
    }
  }
  if (mask & HAS_CUSTOM)
    put_customs(w, res->custom, res->custom_count, true);
}

void rs_get_res(struct rs_reader *r, struct rs_res *res)
{
  memset(res, 0, sizeof *res);
  uint8_t mask = rs_get_at_most(r, 2 * HAS_CUSTOM - 1);
  if (mask & HAS_CPU)
    res->cpu_e4 = get_amount(r, false);
  if (mask & HAS_MEMORY)
    res->memory_bytes = get_amount(r, false);
  if (mask & HAS_STORE)
    res->store_bytes = get_amount(r, false);
  if (mask & HAS_GPU) {
    res->gpu_count = rs_get_at_most(r, RS_GPU_MAX);
    if (res->gpu_count == 0)
      rs_get_fail(r, RS_ERR_MALFORMED);
    for (unsigned i = 0; i < res->gpu_count; i++) {
      res->gpu_e4[i] = rs_get_u16(r);
      if (res->gpu_e4[i] > RS_ONE_E4)
        rs_get_fail(r, RS_ERR_MALFORMED);
    }
  }
  if (mask & HAS_CUSTOM)
    res->custom_count = get_customs(r, res->custom, true);
}

void rs_put_info(struct rs_writer *w, const struct rs_node_info *info)
{
  RS_ASSERT(info && info->label_count <= RS_LABEL_MAX);
  rs_put_u32(w, info->node_type);
  rs_put_res(w, &info->total);
  rs_put_u8(w, (uint8_t)info->label_count);
  for (unsigned i = 0; i < info->label_count; i++) {
    rs_put_u64(w, info->labels[i].key);
    rs_put_u64(w, info->labels[i].value);
  }
}

struct rs_node_info *rs_get_info(struct rs_reader *r)
{
  uint32_t node_type = rs_get_u32(r);
  struct rs_res total;
  rs_get_res(r, &total);
  uint8_t label_count = rs_get_at_most(r, RS_LABEL_MAX);
  if (rs_get_left(r) < label_count * sizeof(struct rs_label))
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error)
    return 0;
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = node_type;
  info->label_count = label_count;
  for (unsigned i = 0; i < label_count; i++) {
    info->labels[i].key = rs_get_u64(r);
    info->labels[i].value = rs_get_u64(r);
  }
  return info;
}

/* ---- values, tasks and results ---- */

enum {
  TASK_FLAGS = RS_TASK_ACTOR_CREATE | RS_TASK_ACTOR_CALL | RS_TASK_RETRY_ERRORS | RS_TASK_KEEP | RS_TASK_GROUP |
               RS_TASK_STREAM | RS_TASK_ASYNC | RS_TASK_NAMED | RS_TASK_CAPTURE,
  LOW_FLAGS = 63,     /* these are in a task's first byte, the others in the byte that MORE announces */
  TASK_HAS_MORE = 64, /* in the first byte: a byte of what follows comes next */
  TASK_HAS_ACTOR = 128,
  MORE_INNER = 1,
  MORE_PARENT = 2,
  MORE_JOB = 4,
  MORE_VALUES = 8,     /* behind each dependency stands whether it has a value, and the value */
  MORE_FLAGS_SHIFT = 2 /* from LOW_FLAGS + 1 = 64 to the bit above MORE_VALUES = 16 */
};

void rs_put_dep(struct rs_writer *w, const struct rs_dep *dep)
{
  rs_put_id(w, dep->id);
  rs_put_u64(w, dep->size_bytes);
  rs_put_u64(w, dep->location);
}

void rs_get_dep(struct rs_reader *r, struct rs_dep *dep)
{
  dep->id = rs_get_id(r);
  dep->size_bytes = rs_get_u64(r);
  dep->location = rs_get_u64(r);
  dep->value = 0;
}

enum { ID_BYTES = 16 };

static void put_ids(struct rs_writer *w, const struct rs_id *ids, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    rs_put_id(w, ids[i]);
}

static void get_ids(struct rs_reader *r, struct rs_id *ids, uint32_t count)
{
  for (uint32_t i = 0; i < count && !r->error; i++)
    ids[i] = rs_get_id(r);
}

void rs_put_value(struct rs_writer *w, const struct rs_value *value)
{
  rs_put_flag(w, value != 0);
  if (!value)
    return;
  RS_ASSERT(value->size_bytes <= RS_INLINE_MAX && value->id_count <= RS_VALUE_IDS_MAX);
  rs_put_u32(w, value->size_bytes);
  rs_put_u32(w, value->id_count);
  put_ids(w, value->ids, value->id_count);
  rs_put_bytes(w, value->data, value->size_bytes);
}

struct rs_value *rs_get_value(struct rs_reader *r)
{
  if (!rs_get_flag(r))
    return 0;
  uint32_t size_bytes = rs_get_u32(r), id_count = rs_get_u32(r);
  if (size_bytes > RS_INLINE_MAX || id_count > RS_VALUE_IDS_MAX)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  if (rs_get_left(r) < (size_t)id_count * ID_BYTES + size_bytes)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error)
    return 0;
  struct rs_value *value = rs_value_new(id_count, size_bytes);
  get_ids(r, value->ids, id_count);
  const uint8_t *data = size_bytes ? rs_get_span(r, size_bytes) : 0;
  if (data)
    memcpy(value->data, data, size_bytes);
  return value; /* after a mistake too: who reads sees it at the end, and releases what it has */
}

enum { RETURN_BYTES = 12, RETURN_IDS_BYTES = 8 };

static bool actor_kind_valid(unsigned flags)
{
  return (flags & (RS_TASK_ACTOR_CREATE | RS_TASK_ACTOR_CALL)) != (RS_TASK_ACTOR_CREATE | RS_TASK_ACTOR_CALL);
}

static uint8_t task_more(const struct rs_task *task)
{
  unsigned more = (unsigned)task->flags >> MORE_FLAGS_SHIFT & ~15u;
  if (task->inner_count)
    more |= MORE_INNER;
  if (task->parent.owner || task->parent.seq)
    more |= MORE_PARENT;
  if (task->job != RS_ADDR_NONE)
    more |= MORE_JOB;
  for (unsigned i = 0; i < task->dep_count && !(more & MORE_VALUES); i++)
    more |= task->deps[i].value ? MORE_VALUES : 0;
  return (uint8_t)more;
}

void rs_put_task(struct rs_writer *w, const struct rs_task *task)
{
  RS_ASSERT(task && task->dep_count <= RS_TASK_DEPS_MAX && task->return_count <= RS_TASK_RETURNS_MAX);
  RS_ASSERT(task->args_bytes <= RS_INLINE_MAX && (task->flags & ~TASK_FLAGS) == 0 &&
            (task->group != 0) == !!(task->flags & RS_TASK_GROUP) &&
            (task->name_bytes != 0) == !!(task->flags & RS_TASK_NAMED) && actor_kind_valid(task->flags));
  bool has_actor = task->actor.owner || task->actor.seq || task->actor_seq || task->actor_restart;
  uint8_t more = task_more(task);
  rs_put_u8(w, (uint8_t)((task->flags & LOW_FLAGS) | (has_actor ? TASK_HAS_ACTOR : 0) | (more ? TASK_HAS_MORE : 0)));
  if (more)
    rs_put_u8(w, more);
  rs_put_u8(w, task->return_count);
  rs_put_u16(w, task->dep_count);
  rs_put_u32(w, task->args_bytes);
  rs_put_id(w, task->id);
  rs_put_u64(w, task->function);
  if (has_actor) {
    rs_put_u64(w, task->actor.owner);
    rs_put_u64(w, task->actor.seq);
    rs_put_u64(w, task->actor_seq);
    rs_put_u32(w, task->actor_restart);
  }
  if (task->flags & RS_TASK_GROUP)
    rs_put_u64(w, task->group);
  if (task->flags & RS_TASK_STREAM)
    rs_put_u32(w, task->backpressure);
  if (more & MORE_PARENT)
    rs_put_id(w, task->parent);
  if (more & MORE_JOB)
    rs_put_u64(w, task->job);
  if (task->flags & RS_TASK_CAPTURE)
    rs_put_id(w, task->placement);
  if (task->flags & RS_TASK_NAMED) {
    rs_put_u8(w, task->name_bytes);
    rs_put_bytes(w, rs_task_name(task), task->name_bytes);
  }
  if (more & MORE_INNER) {
    rs_put_u16(w, task->inner_count);
    put_ids(w, task->inner, task->inner_count);
  }
  for (unsigned i = 0; i < task->dep_count; i++) {
    rs_put_dep(w, &task->deps[i]);
    if (more & MORE_VALUES)
      rs_put_value(w, task->deps[i].value);
  }
  rs_put_bytes(w, task->args, task->args_bytes);
}

/* The part of a task before its dependencies; what it announces is there. Returns the byte of MORE. */
static uint8_t get_task_head(struct rs_reader *r, struct rs_task *head, const uint8_t **name)
{
  uint8_t flags = rs_get_u8(r);
  uint8_t more = flags & TASK_HAS_MORE ? rs_get_u8(r) : 0;
  head->flags = (uint16_t)((flags & LOW_FLAGS) | (more & ~15u) << MORE_FLAGS_SHIFT);
  head->return_count = rs_get_u8(r);
  head->dep_count = rs_get_u16(r);
  head->args_bytes = rs_get_u32(r);
  head->id = rs_get_id(r);
  head->function = rs_get_u64(r);
  if ((head->flags & ~TASK_FLAGS) || !actor_kind_valid(flags) || ((flags & TASK_HAS_MORE) && !more))
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (flags & TASK_HAS_ACTOR) {
    head->actor.owner = rs_get_u64(r);
    head->actor.seq = rs_get_u64(r);
    head->actor_seq = rs_get_u64(r);
    head->actor_restart = rs_get_u32(r);
    if (!(head->actor.owner || head->actor.seq || head->actor_seq || head->actor_restart))
      rs_get_fail(r, RS_ERR_MALFORMED);
  }
  if (head->flags & RS_TASK_GROUP && (head->group = rs_get_u64(r)) == 0)
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (head->flags & RS_TASK_STREAM) {
    head->backpressure = rs_get_u32(r);
    if (head->return_count)
      rs_get_fail(r, RS_ERR_MALFORMED);
  }
  if (more & MORE_PARENT)
    head->parent = rs_get_id(r);
  if (more & MORE_JOB && (head->job = rs_get_u64(r)) == RS_ADDR_NONE)
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (head->flags & RS_TASK_CAPTURE)
    head->placement = rs_get_id(r);
  if (head->flags & RS_TASK_NAMED) {
    if ((head->name_bytes = rs_get_u8(r)) == 0)
      rs_get_fail(r, RS_ERR_MALFORMED);
    *name = rs_get_span(r, head->name_bytes);
  }
  if (more & MORE_INNER && (head->inner_count = rs_get_u16(r)) == 0)
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (head->return_count > RS_TASK_RETURNS_MAX || head->dep_count > RS_TASK_DEPS_MAX ||
      head->inner_count > RS_TASK_DEPS_MAX || head->args_bytes > RS_INLINE_MAX)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  if (rs_get_left(r) < (size_t)head->dep_count * RS_DEP_BYTES + (size_t)head->inner_count * ID_BYTES + head->args_bytes)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  return more;
}

struct rs_task *rs_get_task(struct rs_reader *r)
{
  struct rs_task head = {0};
  const uint8_t *name = NULL;
  uint8_t more = get_task_head(r, &head, &name);
  if (r->error)
    return 0;
  struct rs_task *task = rs_task_new_named(head.dep_count, head.inner_count, head.args_bytes, name, head.name_bytes);
  head.refs = 1;
  head.deps = task->deps;
  head.inner = task->inner;
  head.args = task->args;
  *task = head;
  get_ids(r, task->inner, task->inner_count);
  bool valued = !(more & MORE_VALUES);
  for (unsigned i = 0; i < task->dep_count && !r->error; i++) {
    rs_get_dep(r, &task->deps[i]);
    if (more & MORE_VALUES)
      task->deps[i].value = rs_get_value(r);
    valued = valued || task->deps[i].value;
  }
  if (!valued)
    rs_get_fail(r, RS_ERR_MALFORMED);
  if (task->args_bytes) {
    const uint8_t *args = rs_get_span(r, task->args_bytes);
    if (args)
      memcpy(task->args, args, task->args_bytes);
  }
  if (r->error) {
    rs_task_unref(task);
    return 0;
  }
  return task;
}

#define RETURN_IN_STORE UINT32_MAX /* in place of the offset */
#define RESULT_HAS_IDS (1u << 31)  /* in the word of data_bytes */

static bool return_valid(const struct rs_return *ret, uint32_t data_bytes, uint32_t id_count)
{
  if (ret->id_at > id_count || ret->id_count > id_count - ret->id_at)
    return false;
  return ret->inline_bytes == 0 || (ret->inline_bytes == ret->size_bytes && ret->inline_at <= data_bytes &&
                                    ret->inline_bytes <= data_bytes - ret->inline_at);
}

void rs_put_result(struct rs_writer *w, const struct rs_result *result)
{
  RS_ASSERT(result && result->return_count <= RS_TASK_RETURNS_MAX && result->data_bytes <= RS_INLINE_MAX);
  RS_ASSERT(result->id_count <= RS_VALUE_IDS_MAX);
  rs_put_u8(w, (uint8_t)result->return_count);
  rs_put_u32(w, result->data_bytes | (result->id_count ? RESULT_HAS_IDS : 0));
  rs_put_u32(w, (uint32_t)result->status);
  rs_put_id(w, result->task);
  rs_put_u64(w, result->run_ns);
  rs_put_u64(w, result->node);
  if (result->id_count) {
    rs_put_u32(w, result->id_count);
    put_ids(w, result->ids, result->id_count);
  }
  for (unsigned i = 0; i < result->return_count; i++) {
    const struct rs_return *ret = &result->returns[i];
    RS_ASSERT(return_valid(ret, result->data_bytes, result->id_count));
    rs_put_u64(w, ret->size_bytes);
    rs_put_u32(w, ret->inline_bytes ? ret->inline_at : RETURN_IN_STORE);
    if (result->id_count) {
      rs_put_u32(w, ret->id_at);
      rs_put_u32(w, ret->id_count);
    }
  }
  rs_put_bytes(w, result->data, result->data_bytes);
}

static void get_return(struct rs_reader *r, struct rs_return *ret, const struct rs_result *result)
{
  ret->size_bytes = rs_get_u64(r);
  uint32_t at = rs_get_u32(r);
  if (result->id_count) {
    ret->id_at = rs_get_u32(r);
    ret->id_count = rs_get_u32(r);
  }
  if (at != RETURN_IN_STORE) {
    if (ret->size_bytes == 0 || ret->size_bytes > result->data_bytes) {
      rs_get_fail(r, RS_ERR_MALFORMED);
      return;
    }
    ret->inline_bytes = (uint32_t)ret->size_bytes;
    ret->inline_at = at;
  }
  if (!return_valid(ret, result->data_bytes, result->id_count))
    rs_get_fail(r, RS_ERR_MALFORMED);
}

struct rs_result *rs_get_result(struct rs_reader *r)
{
  uint8_t return_count = rs_get_u8(r);
  uint32_t data_bytes = rs_get_u32(r), id_count = 0;
  int32_t status = (int32_t)rs_get_u32(r);
  struct rs_id task = rs_get_id(r);
  uint64_t run_ns = rs_get_u64(r);
  rs_addr node = rs_get_u64(r);
  if (data_bytes & RESULT_HAS_IDS && (id_count = rs_get_u32(r)) == 0)
    rs_get_fail(r, RS_ERR_MALFORMED);
  data_bytes &= ~RESULT_HAS_IDS;
  if (return_count > RS_TASK_RETURNS_MAX || data_bytes > RS_INLINE_MAX || id_count > RS_VALUE_IDS_MAX)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  size_t return_bytes = RETURN_BYTES + (id_count ? RETURN_IDS_BYTES : 0);
  if (rs_get_left(r) < return_count * return_bytes + (size_t)id_count * ID_BYTES + data_bytes)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error)
    return 0;
  struct rs_result *result = rs_result_new_ids(return_count, id_count, data_bytes);
  get_ids(r, result->ids, id_count);
  result->status = status;
  result->task = task;
  result->run_ns = run_ns;
  result->node = node;
  for (unsigned i = 0; i < return_count; i++)
    get_return(r, &result->returns[i], result);
  if (data_bytes) {
    const uint8_t *data = rs_get_span(r, data_bytes);
    if (data)
      memcpy(result->data, data, data_bytes);
  }
  if (r->error) {
    rs_result_unref(result);
    return 0;
  }
  return result;
}
