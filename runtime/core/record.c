/* record.c -- writing and reading the life of an endpoint, and the hash of its effects. See record.h for the format.
 *
 * The fields that an effect of each kind has are listed once, in put_effect; the hash is over the same fields, with
 * messages by their own cached hash. O(bytes).
 */
#include "core/record.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/codec.h"

static const char magic[] = "raysimrc";

enum { VERSION = 3, HEAD_BYTES = 16, FRAME_BYTES = 8 };

void rs_bytes_free(struct rs_bytes *bytes)
{
  free(bytes->data);
  *bytes = (struct rs_bytes){0};
}

/* ---- frames ---- */

/* Appends one frame whose payload `put` writes. */
static void append(struct rs_bytes *out, void (*put)(struct rs_writer *w, const void *what), const void *what)
{
  struct rs_writer w;
  for (;;) {
    w = (struct rs_writer){.out = out->data + out->size, .cap = out->cap - out->size};
    rs_put_u64(&w, 0);
    put(&w, what);
    if (w.size <= w.cap)
      break;
    out->cap = 2 * out->cap > out->size + w.size ? 2 * out->cap : out->size + w.size;
    out->data = rs_realloc(out->data, out->cap, 1);
  }
  size_t payload_bytes = w.size - FRAME_BYTES;
  RS_ASSERT(payload_bytes <= UINT32_MAX);
  rs_store_u32(w.out, (uint32_t)payload_bytes);
  rs_store_u32(w.out + 4, (uint32_t)rs_hash_bytes(0, w.out + FRAME_BYTES, payload_bytes));
  out->size += w.size;
}

/* The payload of the next frame, or NULL at the end of what is valid. */
static const uint8_t *frame(const struct rs_record_reader *r, size_t *size)
{
  size_t left = (size_t)(r->end - r->at);
  if (left < FRAME_BYTES)
    return 0;
  uint32_t bytes = rs_load_u32(r->at);
  const uint8_t *payload = r->at + FRAME_BYTES;
  if (bytes == 0 || bytes > left - FRAME_BYTES || rs_load_u32(r->at + 4) != (uint32_t)rs_hash_bytes(0, payload, bytes))
    return 0;
  *size = bytes;
  return payload;
}

const uint8_t *rs_record_read_frame(struct rs_record_reader *reader, size_t *size)
{
  const uint8_t *payload = frame(reader, size);
  if (payload)
    reader->at = payload + *size;
  return payload;
}

enum rs_record_kind rs_record_next(const struct rs_record_reader *reader)
{
  size_t size;
  const uint8_t *payload = frame(reader, &size);
  if (!payload)
    return RS_RECORD_END;
  return payload[0] == 'I' ? RS_RECORD_INPUT : payload[0] == 'E' ? RS_RECORD_EFFECTS : RS_RECORD_END;
}

/* Opens the next frame, which must be of this kind. */
static bool open_frame(struct rs_record_reader *reader, uint8_t kind, struct rs_reader *r)
{
  size_t size;
  const uint8_t *payload = rs_record_read_frame(reader, &size);
  if (!payload)
    return false;
  *r = (struct rs_reader){.at = payload, .end = payload + size};
  if (rs_get_u8(r) != kind)
    rs_get_fail(r, RS_ERR_MALFORMED);
  return true;
}

static void expect_end(struct rs_reader *r)
{
  if (!r->error && r->at != r->end)
    rs_get_fail(r, RS_ERR_MALFORMED);
}

/* ---- the start ---- */

/* Of the names of all settings and messages, and the numbers of these. */
static uint64_t tables_hash(void)
{
  uint64_t hash = 0;
#define CFG(name, value, low, high, unit, text) hash = rs_hash_bytes(hash, #name, sizeof #name);
#include "core/config.def"
#undef CFG
#define MSG(NAME, name, number) hash = rs_hash_u64(rs_hash_bytes(hash, #name, sizeof #name), number);
#define F(type, field) hash = rs_hash_bytes(hash, #type, sizeof #type);
#define FV(type, field, cap) hash = rs_hash_bytes(rs_hash_u64(hash, cap), #type, sizeof #type);
#define END
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  return hash;
}

static void put_start(struct rs_writer *w, const void *what)
{
  const struct rs_start *start = what;
  rs_put_u8(w, 'S');
  rs_put_u64(w, tables_hash());
  rs_put_u32(w, start->roles);
  rs_put_u64(w, start->self);
  rs_put_u64(w, start->gcs);
  rs_put_flag(w, start->codec_forced);
  rs_put_flag(w, start->observer);
  rs_put_u64(w, start->config->seed);
#define CFG(name, value, low, high, unit, text) rs_put_u64(w, (uint64_t)start->config->name);
#include "core/config.def"
#undef CFG
  const char *policy = start->config->policy->name;
  size_t length = strlen(policy);
  RS_ASSERT(length < sizeof((struct rs_record_start *)0)->policy);
  rs_put_u8(w, (uint8_t)length);
  rs_put_bytes(w, policy, length);
  rs_put_flag(w, start->info != 0);
  if (start->info)
    rs_put_info(w, start->info);
  rs_put_u32(w, start->node_type_count);
  for (uint32_t i = 0; i < start->node_type_count; i++) {
    const struct rs_node_type *type = &start->node_types[i];
    rs_put_info(w, type->info);
    rs_put_u32(w, type->min_count);
    rs_put_u32(w, type->max_count);
    rs_put_u64(w, type->idle_timeout_ms);
  }
}

void rs_record_start(struct rs_bytes *out, const struct rs_start *start)
{
  if (out->cap - out->size < HEAD_BYTES) {
    out->cap = out->size + 4096;
    out->data = rs_realloc(out->data, out->cap, 1);
  }
  uint8_t *head = out->data + out->size;
  memcpy(head, magic, 8);
  rs_store_u32(head + 8, VERSION);
  rs_store_u32(head + 12, 0);
  out->size += HEAD_BYTES;
  append(out, put_start, start);
}

static void get_start(struct rs_reader *r, struct rs_record_start *out)
{
  enum { NODE_TYPE_BYTES_MIN = 22 };
  if (rs_get_u64(r) != tables_hash())
    rs_get_fail(r, RS_ERR_MALFORMED);
  out->start.roles = rs_get_u32(r);
  out->start.self = rs_get_u64(r);
  out->start.gcs = rs_get_u64(r);
  out->start.codec_forced = rs_get_flag(r);
  out->start.observer = rs_get_flag(r);
  out->config.seed = rs_get_u64(r);
#define CFG(name, value, low, high, unit, text) out->config.name = (int64_t)rs_get_u64(r);
#include "core/config.def"
#undef CFG
  uint8_t length = rs_get_u8(r);
  if (length >= sizeof out->policy)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  const uint8_t *policy = rs_get_span(r, length);
  if (policy && !r->error)
    memcpy(out->policy, policy, length);
  out->config.policy = rs_place_policy_by_name(out->policy);
  if (rs_get_flag(r))
    out->start.info = rs_get_info(r);
  uint32_t types = rs_get_u32(r);
  if (rs_get_left(r) / NODE_TYPE_BYTES_MIN < types)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error || types == 0)
    return;
  out->node_types = rs_alloc_zero(types, sizeof *out->node_types);
  out->start.node_type_count = types;
  for (uint32_t i = 0; i < types && !r->error; i++) {
    out->node_types[i].info = rs_get_info(r);
    out->node_types[i].min_count = rs_get_u32(r);
    out->node_types[i].max_count = rs_get_u32(r);
    out->node_types[i].idle_timeout_ms = rs_get_u64(r);
  }
}

int rs_record_read_start(struct rs_record_reader *reader, const uint8_t *bytes, size_t size,
                         struct rs_record_start *out)
{
  memset(out, 0, sizeof *out);
  *reader = (struct rs_record_reader){.at = bytes, .end = bytes + size};
  if (size < HEAD_BYTES)
    return RS_ERR_TRUNCATED;
  if (memcmp(bytes, magic, 8) != 0 || rs_load_u32(bytes + 8) != VERSION || rs_load_u32(bytes + 12) != 0)
    return RS_ERR_MALFORMED;
  reader->at += HEAD_BYTES;
  struct rs_reader r;
  if (!open_frame(reader, 'S', &r))
    return RS_ERR_TRUNCATED;
  get_start(&r, out);
  expect_end(&r);
  out->start.config = &out->config;
  out->start.node_types = out->node_types;
  if (r.error)
    rs_record_start_free(out);
  return r.error;
}

void rs_record_start_free(struct rs_record_start *start)
{
  rs_node_info_unref(start->start.info);
  for (uint32_t i = 0; i < start->start.node_type_count; i++)
    rs_node_info_unref(start->node_types[i].info);
  free(start->node_types);
  memset(start, 0, sizeof *start);
}

/* ---- inputs ---- */

/* An id that may be unset. */
static void put_any_id(struct rs_writer *w, struct rs_id id)
{
  rs_put_u64(w, id.owner);
  rs_put_u64(w, id.seq);
}

static struct rs_id get_any_id(struct rs_reader *r)
{
  struct rs_id id;
  id.owner = rs_get_u64(r);
  id.seq = rs_get_u64(r);
  return id;
}

static uint8_t get_kind(struct rs_reader *r, unsigned count)
{
  uint8_t kind = rs_get_u8(r);
  if (kind >= count)
    rs_get_fail(r, RS_ERR_MALFORMED);
  return kind;
}

static void put_name(struct rs_writer *w, const char *name)
{
  size_t length = strlen(name);
  rs_put_u8(w, (uint8_t)length);
  rs_put_bytes(w, name, length);
}

static void get_name(struct rs_reader *r, char *name)
{
  uint8_t length = rs_get_u8(r);
  const uint8_t *bytes = rs_get_span(r, length);
  if (!bytes)
    return;
  memcpy(name, bytes, length);
  if (memchr(name, 0, length))
    rs_get_fail(r, RS_ERR_MALFORMED);
}

static void put_actor_opts(struct rs_writer *w, const struct rs_actor_opts *opts)
{
  rs_put_flag(w, opts != 0);
  if (!opts)
    return;
  put_name(w, opts->name);
  put_name(w, opts->name_space);
  rs_put_flag(w, opts->detached);
  rs_put_flag(w, opts->get_if_exists);
  rs_put_u32(w, opts->max_pending_calls);
  rs_put_u32(w, opts->group_count);
  for (uint32_t i = 0; i < opts->group_count; i++) {
    rs_put_u64(w, opts->groups[i].name);
    rs_put_u32(w, opts->groups[i].limit);
  }
}

static struct rs_actor_opts *get_actor_opts(struct rs_reader *r)
{
  if (!rs_get_flag(r))
    return 0;
  struct rs_actor_opts *opts = rs_alloc_zero(1, sizeof *opts);
  get_name(r, opts->name);
  get_name(r, opts->name_space);
  opts->detached = rs_get_flag(r);
  opts->get_if_exists = rs_get_flag(r);
  opts->max_pending_calls = rs_get_u32(r);
  opts->group_count = rs_get_u32(r);
  if (opts->group_count > RS_ACTOR_GROUPS_MAX) {
    rs_get_fail(r, RS_ERR_TOO_LARGE);
    opts->group_count = 0;
  }
  for (uint32_t i = 0; i < opts->group_count; i++) {
    opts->groups[i].name = rs_get_u64(r);
    opts->groups[i].limit = rs_get_u32(r);
  }
  return opts;
}

/* One that may be missing. */
static void put_sized_msg(struct rs_writer *w, struct rs_msg *msg)
{
  rs_put_flag(w, msg != 0);
  if (!msg)
    return;
  rs_put_u32(w, rs_msg_wire_bytes(msg));
  rs_put_msg(w, msg);
}

static struct rs_msg *get_sized_msg(struct rs_reader *r)
{
  uint32_t size = rs_get_u32(r);
  const uint8_t *bytes = rs_get_span(r, size);
  if (!bytes)
    return 0;
  struct rs_msg *msg;
  int error = rs_msg_decode(bytes, size, &msg);
  if (error)
    rs_get_fail(r, error);
  return msg;
}

static void put_group_call(struct rs_writer *w, const struct rs_call *call)
{
  rs_put_u8(w, call->group_strategy);
  rs_put_flag(w, call->detached);
  rs_put_u64(w, call->topology);
  rs_put_u64(w, call->group_name);
  rs_put_u32(w, call->bundle_count);
  for (uint32_t i = 0; i < call->bundle_count; i++)
    rs_put_demand(w, &call->bundles[i]);
}

static void get_group_call(struct rs_reader *r, struct rs_call *call)
{
  call->group_strategy = get_kind(r, RS_GROUP_STRICT_SPREAD + 1);
  call->detached = rs_get_flag(r);
  call->topology = rs_get_u64(r);
  call->group_name = rs_get_u64(r);
  uint32_t count = rs_get_u32(r);
  if (rs_get_left(r) < count)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error || count == 0)
    return;
  call->bundles = rs_alloc_zero(count, sizeof *call->bundles);
  call->bundle_count = count;
  for (uint32_t i = 0; i < count; i++)
    rs_get_demand(r, &call->bundles[i]);
}

static void put_call(struct rs_writer *w, const struct rs_call *call)
{
  rs_put_u8(w, (uint8_t)call->kind);
  rs_put_u8(w, call->strategy);
  rs_put_flag(w, call->no_restart);
  rs_put_flag(w, call->force);
  rs_put_u32(w, call->target);
  rs_put_u32(w, (uint32_t)call->max_retries);
  rs_put_u32(w, (uint32_t)call->max_restarts);
  rs_put_demand(w, &call->demand);
  rs_put_demand(w, &call->hold);
  put_actor_opts(w, call->actor);
  put_any_id(w, call->object);
  rs_put_u64(w, call->size_bytes);
  rs_put_flag(w, call->recursive);
  rs_put_flag(w, call->fetch_local);
  rs_put_value(w, call->value);
  rs_put_u32(w, call->inner_count);
  for (uint32_t i = 0; i < call->inner_count; i++)
    rs_put_id(w, call->inner[i]);
  put_sized_msg(w, call->ask);
  rs_put_flag(w, call->no_capture);
  if (call->kind == RS_CALL_GROUP_CREATE || call->kind == RS_CALL_GROUP_GET)
    put_group_call(w, call);
  rs_put_u32(w, call->task_count);
  for (uint32_t i = 0; i < call->task_count; i++)
    rs_put_task(w, call->tasks[i]);
}

/* A counted list of ids, rs_alloc'ed; NULL where it is empty. */
static struct rs_id *get_ids(struct rs_reader *r, uint32_t *count)
{
  *count = rs_get_u32(r);
  if (*count > RS_VALUE_IDS_MAX)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  if (rs_get_left(r) / sizeof(struct rs_id) < *count)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error || *count == 0) {
    *count = 0;
    return 0;
  }
  struct rs_id *ids = rs_alloc(*count * sizeof *ids);
  for (uint32_t i = 0; i < *count; i++)
    ids[i] = rs_get_id(r);
  return ids;
}

static struct rs_call *get_call(struct rs_reader *r)
{
  struct rs_call head = {0};
  head.kind = (enum rs_call_kind)get_kind(r, RS_CALL_KINDS);
  head.strategy = get_kind(r, RS_STRATEGY_NODE_AFFINITY_SOFT + 1);
  head.no_restart = rs_get_flag(r);
  head.force = rs_get_flag(r);
  head.target = rs_get_u32(r);
  head.max_retries = (int32_t)rs_get_u32(r);
  head.max_restarts = (int32_t)rs_get_u32(r);
  rs_get_demand(r, &head.demand);
  rs_get_demand(r, &head.hold);
  head.actor = get_actor_opts(r);
  head.object = get_any_id(r);
  head.size_bytes = rs_get_u64(r);
  head.recursive = rs_get_flag(r);
  head.fetch_local = rs_get_flag(r);
  head.value = rs_get_value(r);
  head.inner = get_ids(r, &head.inner_count);
  head.ask = rs_get_flag(r) ? get_sized_msg(r) : NULL;
  head.no_capture = rs_get_flag(r);
  if (head.kind == RS_CALL_GROUP_CREATE || head.kind == RS_CALL_GROUP_GET)
    get_group_call(r, &head);
  head.task_count = rs_get_u32(r);
  if (rs_get_left(r) / RS_TASK_BYTES_MIN < head.task_count)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error) {
    rs_value_unref(head.value);
    free(head.inner);
    free(head.actor);
    rs_msg_unref(head.ask);
    free(head.bundles);
    return 0;
  }
  struct rs_call *call = rs_call_new(head.kind, head.task_count);
  head.tasks = call->tasks;
  *call = head;
  for (uint32_t i = 0; i < call->task_count && !r->error; i++)
    call->tasks[i] = rs_get_task(r);
  return call;
}

struct timed_input {
  uint64_t now;
  const struct rs_input *input;
};

static void put_input(struct rs_writer *w, const void *what)
{
  const struct timed_input *timed = what;
  const struct rs_input *input = timed->input;
  rs_put_u8(w, 'I');
  rs_put_u64(w, timed->now);
  rs_put_u8(w, (uint8_t)input->kind);
  switch (input->kind) {
  case RS_IN_START:
  case RS_IN_TIMER: break;
  case RS_IN_MESSAGE:
    rs_put_u64(w, input->peer);
    rs_put_msg(w, input->msg);
    break;
  case RS_IN_SEND_FAILED:
  case RS_IN_PEER_DOWN: rs_put_u64(w, input->peer); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED: rs_put_result(w, input->result); break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    rs_put_id(w, input->object);
    rs_put_u32(w, (uint32_t)input->status);
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN:
    rs_put_u64(w, input->host);
    rs_put_u64(w, input->peer);
    break;
  case RS_IN_CALL: put_call(w, input->call); break;
  case RS_IN_WORKER_PROCESS:
    rs_put_u64(w, input->peer);
    rs_put_u64(w, input->host);
    rs_put_u32(w, (uint32_t)input->status);
    break;
  case RS_IN_KINDS: RS_ASSERT(!"an input kind");
  }
}

void rs_record_input(struct rs_bytes *out, uint64_t now, const struct rs_input *input)
{
  append(out, put_input, &(struct timed_input){now, input});
}

static void get_input(struct rs_reader *r, struct rs_input *input)
{
  input->kind = (enum rs_input_kind)get_kind(r, RS_IN_KINDS);
  switch (input->kind) {
  case RS_IN_MESSAGE:
    input->peer = rs_get_u64(r);
    input->msg = rs_get_msg(r);
    break;
  case RS_IN_SEND_FAILED:
  case RS_IN_PEER_DOWN: input->peer = rs_get_u64(r); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED: input->result = rs_get_result(r); break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    input->object = rs_get_id(r);
    input->status = (int32_t)rs_get_u32(r);
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN:
    input->host = rs_get_u64(r);
    input->peer = rs_get_u64(r);
    break;
  case RS_IN_CALL: input->call = get_call(r); break;
  case RS_IN_WORKER_PROCESS:
    input->peer = rs_get_u64(r);
    input->host = rs_get_u64(r);
    input->status = (int32_t)rs_get_u32(r);
    break;
  default: break;
  }
}

int rs_record_read_input(struct rs_record_reader *reader, uint64_t *now, struct rs_input *input)
{
  memset(input, 0, sizeof *input);
  struct rs_reader r;
  if (!open_frame(reader, 'I', &r))
    return RS_ERR_TRUNCATED;
  *now = rs_get_u64(&r);
  if (!r.error)
    get_input(&r, input);
  expect_end(&r);
  if (r.error)
    rs_record_input_free(input);
  return r.error;
}

void rs_record_input_free(struct rs_input *input)
{
  switch (input->kind) {
  case RS_IN_MESSAGE: rs_msg_unref(input->msg); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED: rs_result_unref(input->result); break;
  case RS_IN_CALL: rs_call_free((struct rs_call *)(uintptr_t)input->call); break;
  default: break;
  }
  memset(input, 0, sizeof *input);
}

/* ---- effects ---- */

static void put_group_reply(struct rs_writer *w, const struct rs_reply *reply)
{
  rs_put_u64(w, reply->name);
  rs_put_u32(w, reply->node_count);
  for (uint32_t i = 0; i < reply->node_count; i++)
    rs_put_u64(w, reply->nodes[i]);
}

/* What an effect consists of. Without `with_msg` its message is left out: the hash adds the message's own. */
static void put_effect(struct rs_writer *w, const struct rs_effect *e, bool with_msg)
{
  rs_put_u8(w, e->kind);
  switch (e->kind) {
  case RS_OUT_SEND: rs_put_u64(w, e->to); break;
  case RS_OUT_SEND_MANY:
    rs_put_u32(w, e->count);
    for (uint32_t i = 0; i < e->count; i++)
      rs_put_u64(w, e->many[i]);
    break;
  case RS_OUT_TASK_RUN:
    rs_put_u32(w, e->count);
    rs_put_task(w, e->task);
    break;
  case RS_OUT_TASK_KILL:
    rs_put_id(w, e->object);
    rs_put_u32(w, e->count);
    break;
  case RS_OUT_WORKER_START:
  case RS_OUT_WORKER_STOP:
  case RS_OUT_HOST_REMOVE: rs_put_u64(w, e->to); break;
  case RS_OUT_COPY:
  case RS_OUT_CREATE:
  case RS_OUT_SPILL:
    rs_put_id(w, e->object);
    rs_put_u64(w, e->size);
    rs_put_u64(w, e->to);
    rs_put_u32(w, e->count);
    break;
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT:
  case RS_OUT_FREE:
    rs_put_id(w, e->object);
    rs_put_u64(w, e->size);
    break;
  case RS_OUT_HOST_ADD:
    rs_put_u64(w, e->size);
    rs_put_u32(w, e->count);
    break;
  case RS_OUT_REPLY:
    rs_put_u8(w, (uint8_t)e->reply->kind);
    rs_put_u8(w, e->reply->state);
    put_any_id(w, e->reply->id);
    rs_put_u32(w, (uint32_t)e->reply->status);
    rs_put_u64(w, e->reply->node);
    rs_put_u64(w, e->reply->size_bytes);
    rs_put_flag(w, e->reply->result != 0);
    if (e->reply->result)
      rs_put_result(w, e->reply->result);
    rs_put_flag(w, e->reply->stored);
    rs_put_flag(w, e->reply->ready);
    rs_put_value(w, e->reply->value);
    rs_put_u32(w, e->reply->value ? 0 : e->reply->id_count);
    for (uint32_t i = 0; i < e->reply->id_count && !e->reply->value; i++)
      rs_put_id(w, e->reply->ids[i]);
    put_sized_msg(w, e->reply->answer);
    if (e->reply->kind == RS_REPLY_GROUP)
      put_group_reply(w, e->reply);
    break;
  case RS_OUT_EXIT: break;
  case RS_OUT_TRACE:
    rs_put_u8(w, e->trace);
    rs_put_u64(w, e->a);
    rs_put_u64(w, e->b);
    rs_put_u64(w, e->c);
    break;
  default: RS_ASSERT(!"an effect kind");
  }
  if (with_msg && (e->kind == RS_OUT_SEND || e->kind == RS_OUT_SEND_MANY)) {
    rs_put_u32(w, rs_msg_wire_bytes(e->msg));
    rs_put_msg(w, e->msg);
  }
}

static void put_effects(struct rs_writer *w, const void *what)
{
  const struct rs_effects *effects = what;
  rs_put_u8(w, 'E');
  rs_put_u32(w, effects->count);
  for (uint32_t i = 0; i < effects->count; i++)
    put_effect(w, &effects->items[i], true);
}

void rs_record_effects(struct rs_bytes *out, const struct rs_effects *effects)
{
  append(out, put_effects, effects);
}

static void get_group_reply(struct rs_reader *r, struct rs_reply *reply)
{
  reply->name = rs_get_u64(r);
  uint32_t count = rs_get_u32(r);
  if (rs_get_left(r) / 8 < count)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error || count == 0)
    return;
  reply->nodes = rs_alloc_zero(count, sizeof *reply->nodes);
  reply->node_count = count;
  for (uint32_t i = 0; i < count; i++)
    reply->nodes[i] = rs_get_u64(r);
}

static struct rs_reply *get_reply(struct rs_reader *r)
{
  struct rs_reply *reply = rs_alloc_zero(1, sizeof *reply);
  reply->kind = (enum rs_reply_kind)get_kind(r, RS_REPLY_KINDS);
  reply->state = get_kind(r, RS_ACTOR_DEAD + 1);
  reply->id = get_any_id(r);
  reply->status = (int32_t)rs_get_u32(r);
  reply->node = rs_get_u64(r);
  reply->size_bytes = rs_get_u64(r);
  if (rs_get_flag(r))
    reply->result = rs_get_result(r);
  reply->stored = rs_get_flag(r);
  reply->ready = rs_get_flag(r);
  reply->value = rs_get_value(r);
  reply->ids = get_ids(r, &reply->id_count);
  if (reply->value && reply->id_count) {
    rs_get_fail(r, RS_ERR_MALFORMED);
    free(reply->ids);
  }
  if (reply->value) {
    reply->ids = reply->value->ids;
    reply->id_count = reply->value->id_count;
  }
  if (rs_get_flag(r))
    reply->answer = get_sized_msg(r);
  if (reply->kind == RS_REPLY_GROUP)
    get_group_reply(r, reply);
  return reply;
}

static void get_effect(struct rs_reader *r, struct rs_effect *e)
{
  e->kind = get_kind(r, RS_OUT_KINDS);
  switch (e->kind) {
  case RS_OUT_SEND:
    e->to = rs_get_u64(r);
    e->msg = get_sized_msg(r);
    break;
  case RS_OUT_SEND_MANY: {
    uint32_t count = rs_get_u32(r);
    if (rs_get_left(r) / 8 < count)
      rs_get_fail(r, RS_ERR_TRUNCATED);
    if (r->error)
      break;
    rs_addr *many = count ? rs_alloc_zero(count, sizeof *many) : 0;
    for (uint32_t i = 0; i < count; i++)
      many[i] = rs_get_u64(r);
    e->many = many;
    e->count = count;
    e->msg = get_sized_msg(r);
    break;
  }
  case RS_OUT_TASK_RUN:
    e->count = rs_get_u32(r);
    e->task = rs_get_task(r);
    break;
  case RS_OUT_TASK_KILL:
    e->object = rs_get_id(r);
    e->count = rs_get_u32(r);
    break;
  case RS_OUT_WORKER_START:
  case RS_OUT_WORKER_STOP:
  case RS_OUT_HOST_REMOVE: e->to = rs_get_u64(r); break;
  case RS_OUT_COPY:
  case RS_OUT_CREATE:
  case RS_OUT_SPILL:
    e->object = rs_get_id(r);
    e->size = rs_get_u64(r);
    e->to = rs_get_u64(r);
    e->count = rs_get_u32(r);
    break;
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT:
  case RS_OUT_FREE:
    e->object = rs_get_id(r);
    e->size = rs_get_u64(r);
    break;
  case RS_OUT_HOST_ADD:
    e->size = rs_get_u64(r);
    e->count = rs_get_u32(r);
    break;
  case RS_OUT_REPLY: e->reply = get_reply(r); break;
  case RS_OUT_TRACE:
    e->trace = get_kind(r, RS_TRACE_KINDS);
    e->a = rs_get_u64(r);
    e->b = rs_get_u64(r);
    e->c = rs_get_u64(r);
    break;
  default: break;
  }
}

int rs_record_read_effects(struct rs_record_reader *reader, struct rs_effects *effects)
{
  memset(effects, 0, sizeof *effects);
  struct rs_reader r;
  if (!open_frame(reader, 'E', &r))
    return RS_ERR_TRUNCATED;
  uint32_t count = rs_get_u32(&r);
  if (rs_get_left(&r) < count)
    rs_get_fail(&r, RS_ERR_TRUNCATED);
  for (uint32_t i = 0; i < count && !r.error; i++) {
    RS_GROW(effects->items, effects->count, effects->cap);
    struct rs_effect *e = &effects->items[effects->count++];
    memset(e, 0, sizeof *e);
    get_effect(&r, e);
  }
  expect_end(&r);
  if (r.error)
    rs_record_effects_free(effects);
  return r.error;
}

void rs_record_effects_free(struct rs_effects *effects)
{
  for (uint32_t i = 0; i < effects->count; i++)
    if (effects->items[i].kind == RS_OUT_SEND_MANY)
      free((void *)(uintptr_t)effects->items[i].many);
  rs_effects_free(effects);
}

/* ---- the hash ---- */

static uint64_t effect_hash(uint64_t hash, const struct rs_effect *e)
{
  uint8_t small[256];
  struct rs_writer w = {.out = small, .cap = sizeof small};
  put_effect(&w, e, false);
  if (w.size <= sizeof small)
    return rs_hash_bytes(hash, small, w.size);
  uint8_t *large = rs_alloc(w.size);
  w = (struct rs_writer){.out = large, .cap = w.size};
  put_effect(&w, e, false);
  hash = rs_hash_bytes(hash, large, w.size);
  free(large);
  return hash;
}

uint64_t rs_effects_hash(uint64_t seed, const struct rs_effects *effects)
{
  uint64_t hash = rs_hash_u64(seed ^ UINT64_C(0x9e3779b97f4a7c15), effects->count); /* an empty step counts too */
  for (uint32_t i = 0; i < effects->count; i++) {
    const struct rs_effect *e = &effects->items[i];
    switch (e->kind) { /* the common small ones without a detour */
    case RS_OUT_SEND: hash = rs_hash_u64(rs_hash_u64(rs_hash_u64(hash, e->kind), e->to), rs_msg_hash(e->msg)); break;
    case RS_OUT_TRACE:
      hash = rs_hash_u64(rs_hash_u64(hash, (uint64_t)e->kind | (uint64_t)e->trace << 8), e->a);
      hash = rs_hash_u64(rs_hash_u64(hash, e->b), e->c);
      break;
    case RS_OUT_SEND_MANY: hash = rs_hash_u64(effect_hash(hash, e), rs_msg_hash(e->msg)); break;
    default: hash = effect_hash(hash, e); break;
    }
  }
  return hash;
}
