/* print.c -- one line of text for a message, an input, an effect: its name, then field=value for each field.
 *
 *     LEASE_GRANT request=7 lease=12 worker=3.1:16 gpus=0x0 nodes=40
 *
 * Addresses are node.incarnation:endpoint, ids owner#number, names their hash in hex, arrays count[first few]. Unset
 * parts of demands and resources are left out. The line is cut at the buffer's end and always terminated.
 */
#include "core/record.h"

#define SHOWN_MAX 8u /* elements of an array */

struct text {
  char *out;
  size_t cap, at;
};

static void put_char(struct text *t, char c)
{
  if (t->at + 1 < t->cap)
    t->out[t->at++] = c;
}

static void put_str(struct text *t, const char *s)
{
  while (*s)
    put_char(t, *s++);
}

static void put_unsigned(struct text *t, uint64_t v)
{
  char digits[20];
  unsigned n = 0;
  do
    digits[n++] = (char)('0' + v % 10);
  while (v /= 10);
  while (n)
    put_char(t, digits[--n]);
}

static void put_signed(struct text *t, int64_t v)
{
  if (v < 0)
    put_char(t, '-');
  put_unsigned(t, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static void put_hex(struct text *t, uint64_t v)
{
  put_str(t, "0x");
  unsigned shift = 60;
  while (shift && !(v >> shift))
    shift -= 4;
  for (;; shift -= 4) {
    put_char(t, "0123456789abcdef"[v >> shift & 15]);
    if (!shift)
      return;
  }
}

/* A labelled number, left out when 0. */
static void put_part(struct text *t, const char *label, int64_t v)
{
  if (v) {
    put_char(t, ' ');
    put_str(t, label);
    put_char(t, '=');
    put_signed(t, v);
  }
}

static void print_u8(struct text *t, const uint8_t *v)
{
  put_unsigned(t, *v);
}
static void print_u32(struct text *t, const uint32_t *v)
{
  put_unsigned(t, *v);
}
static void print_u64(struct text *t, const uint64_t *v)
{
  put_unsigned(t, *v);
}
static void print_i32(struct text *t, const int32_t *v)
{
  put_signed(t, *v);
}
#define print_flag print_u8
#define print_strategy print_u8
#define print_actor_state print_u8

static void print_addr(struct text *t, const rs_addr *v)
{
  put_unsigned(t, rs_addr_node(*v));
  put_char(t, '.');
  put_unsigned(t, rs_addr_incarnation(*v));
  put_char(t, ':');
  put_unsigned(t, rs_addr_ep(*v));
}

static void print_id(struct text *t, const struct rs_id *v)
{
  print_addr(t, &v->owner);
  put_char(t, '#');
  put_unsigned(t, v->seq);
}

static void print_customs(struct text *t, const struct rs_custom *custom, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    put_char(t, ' ');
    put_hex(t, custom[i].name);
    put_char(t, '=');
    put_signed(t, custom[i].amount_e4);
  }
}

static void print_plain_demand(struct text *t, const struct rs_demand *v)
{
  put_char(t, '{');
  put_part(t, "cpu_e4", v->cpu_e4);
  put_part(t, "memory", v->memory_bytes);
  put_part(t, "store", v->store_bytes);
  put_part(t, "gpu_e4", v->gpu_e4);
  print_customs(t, v->custom, v->custom_count);
  for (unsigned i = 0; i < v->select_count; i++) {
    static const char ops[][14] = {" in ", " not-in ", " exists ", " not-exists "};
    put_char(t, ' ');
    put_hex(t, v->select[i].key);
    put_str(t, ops[v->select[i].op & 3]);
    put_hex(t, v->select[i].value);
    put_part(t, "alternative", v->select[i].alternative);
  }
  put_part(t, "fallbacks", v->fallback_count);
  if (v->env) {
    put_str(t, " env=");
    put_hex(t, v->env);
  }
  if (v->group_seq) {
    put_str(t, " group=");
    print_id(t, &(struct rs_id){v->group_owner, v->group_seq});
    put_str(t, " bundle=");
    put_signed(t, v->group_bundle);
  }
  put_str(t, " }");
}

static void print_left(struct text *t, const struct rs_res *v)
{
  put_char(t, '{');
  put_part(t, "cpu_e4", v->cpu_e4);
  put_part(t, "memory", v->memory_bytes);
  put_part(t, "store", v->store_bytes);
  if (v->gpu_count) {
    put_str(t, " gpus=");
    for (unsigned i = 0; i < v->gpu_count; i++) {
      if (i)
        put_char(t, ',');
      put_unsigned(t, v->gpu_e4[i]);
    }
  }
  print_customs(t, v->custom, v->custom_count);
  put_str(t, " }");
}

static void print_info(struct text *t, struct rs_node_info *const *v)
{
  if (!*v) {
    put_char(t, '-');
    return;
  }
  print_left(t, &(*v)->total);
  for (unsigned i = 0; i < (*v)->label_count; i++) {
    put_char(t, ' ');
    put_hex(t, (*v)->labels[i].key);
    put_char(t, ':');
    put_hex(t, (*v)->labels[i].value);
  }
}

static void print_dep(struct text *t, const struct rs_dep *v)
{
  print_id(t, &v->id);
  put_part(t, "size", (int64_t)v->size_bytes);
  put_str(t, " at ");
  print_addr(t, &v->location);
}

static void print_task(struct text *t, struct rs_task *const *v)
{
  if (!*v) {
    put_char(t, '-');
    return;
  }
  print_id(t, &(*v)->id);
  put_str(t, " function=");
  put_hex(t, (*v)->function);
  put_part(t, "actor", (int64_t)(*v)->actor.seq);
  put_part(t, "order", (int64_t)(*v)->actor_seq);
  put_part(t, "deps", (*v)->dep_count);
  put_part(t, "args_bytes", (*v)->args_bytes);
  put_part(t, "inner", (*v)->inner_count);
  if ((*v)->name_bytes)
    put_part(t, "name_bytes", (*v)->name_bytes);
  if ((*v)->parent.seq) {
    put_str(t, " parent=");
    print_id(t, &(*v)->parent);
  }
}

static void print_result(struct text *t, struct rs_result *const *v)
{
  if (!*v) {
    put_char(t, '-');
    return;
  }
  print_id(t, &(*v)->task);
  put_char(t, ' ');
  put_str(t, rs_error_name((*v)->status));
  put_part(t, "run_ns", (int64_t)(*v)->run_ns);
  put_part(t, "data_bytes", (*v)->data_bytes);
  put_part(t, "ids", (*v)->id_count);
}

#define print_error print_result

static void print_value(struct text *t, struct rs_value *const *v)
{
  if (!*v) {
    put_char(t, '-');
    return;
  }
  put_unsigned(t, (*v)->size_bytes);
  put_part(t, "ids", (*v)->id_count);
}

static void print_row(struct text *t, struct rs_row *const *v)
{
  if (!*v) {
    put_char(t, '-');
    return;
  }
  put_unsigned(t, (*v)->kind);
  for (unsigned i = 0; i < (*v)->count; i++) {
    put_char(t, i ? ',' : ':');
    put_unsigned(t, (*v)->n[i]);
  }
  put_part(t, "text_bytes", (*v)->text_bytes);
}

static void print_entry(struct text *t, const struct rs_entry *v)
{
  put_unsigned(t, v->node);
  put_char(t, ' ');
  print_addr(t, &v->raylet);
  put_part(t, "state", v->state);
  put_part(t, "seq", v->report_seq);
  put_part(t, "queued", v->queued);
  put_char(t, ' ');
  print_left(t, &v->left);
}

#define print_group_strategy print_u8
#define print_group_state print_u8

static void print_bundle(struct text *t, const struct rs_bundle *v)
{
  put_char(t, '#');
  put_unsigned(t, v->index);
  put_char(t, ' ');
  print_plain_demand(t, &v->demand);
  put_str(t, " at ");
  print_addr(t, &v->raylet);
}

static void print_demand(struct text *t, struct rs_shared_demand *const *v)
{
  print_plain_demand(t, &(*v)->is);
}

static void print_shape(struct text *t, const struct rs_shape *v)
{
  put_unsigned(t, v->count);
  put_str(t, " x ");
  print_plain_demand(t, &v->demand);
}

#define MSG(NAME, name, number)                                                                                        \
  static void print_msg_##name(struct text *t, const struct rs_m_##name *m)                                            \
  {                                                                                                                    \
    (void)m;                                                                                                           \
    put_str(t, #NAME);
#define F(type, field)                                                                                                 \
  put_str(t, " " #field "=");                                                                                          \
  print_##type(t, &m->field);
#define FV(type, field, cap)                                                                                           \
  put_str(t, " " #field "=");                                                                                          \
  put_unsigned(t, m->field##_count);                                                                                   \
  put_char(t, '[');                                                                                                    \
  for (uint32_t i = 0; i < m->field##_count && i < SHOWN_MAX; i++) {                                                   \
    if (i)                                                                                                             \
      put_str(t, "; ");                                                                                                \
    print_##type(t, &m->field[i]);                                                                                     \
  }                                                                                                                    \
  put_str(t, m->field##_count > SHOWN_MAX ? "; ...]" : "]");
#define END }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

static void put_msg(struct text *t, const struct rs_msg *msg)
{
  switch (msg->type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    print_msg_##name(t, (const struct rs_m_##name *)(const void *)msg);                                                \
    break;
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: put_char(t, '?'); break;
  }
}

void rs_msg_print(const struct rs_msg *msg, char *out, size_t cap)
{
  if (cap == 0)
    return;
  struct text text = {.out = out, .cap = cap};
  put_msg(&text, msg);
  out[text.at] = 0;
}

/* ---- inputs and effects ---- */

static void put_addr(struct text *t, const char *label, rs_addr addr)
{
  put_str(t, label);
  print_addr(t, &addr);
}

static void put_call(struct text *t, const struct rs_call *call)
{
  static const char kinds[][14] = {"SUBMIT",     "ACTOR_CREATE", "ACTOR_CALL",   "ACTOR_KILL", "PUT",
                                   "GET",        "RELEASE",      "CANCEL",       "WAIT",       "RETAIN",
                                   "UNPIN",      "BLOCKED",      "UNBLOCKED",    "CREATE",     "ABORT",
                                   "ASK",        "ACTOR_FIND",   "ACTOR_LIST",   "YIELD",      "STREAM_NEXT",
                                   "ACTOR_EXIT", "GROUP_CREATE", "GROUP_REMOVE", "GROUP_GET",  "FREE"};
  _Static_assert(sizeof kinds / sizeof *kinds == RS_CALL_KINDS, "a name a kind");
  put_char(t, ' ');
  put_str(t, call->kind < RS_CALL_KINDS ? kinds[call->kind] : "?");
  put_str(t, " demand=");
  print_plain_demand(t, &call->demand);
  put_str(t, " object=");
  print_id(t, &call->object);
  put_part(t, "size", (int64_t)call->size_bytes);
  put_part(t, "inner", call->inner_count);
  put_part(t, "fetch_local", call->fetch_local);
  if (call->value) {
    put_str(t, " value=");
    print_value(t, &call->value);
  }
  if (call->ask) {
    put_char(t, ' ');
    put_msg(t, call->ask);
  }
  put_str(t, " tasks=");
  put_unsigned(t, call->task_count);
  if (call->task_count) {
    put_str(t, " first=");
    print_task(t, &call->tasks[0]);
  }
}

void rs_input_print(uint64_t now, const struct rs_input *input, char *out, size_t cap)
{
  static const char kinds[][14] = {"START",         "TIMER",       "MESSAGE",   "SEND_FAILED", "PEER_DOWN",
                                   "TASK_FINISHED", "TASK_FAILED", "COPY_DONE", "HOST_UP",     "HOST_DOWN",
                                   "CALL",          "SPILL_DONE",  "WORKER"};
  _Static_assert(sizeof kinds / sizeof *kinds == RS_IN_KINDS, "a name a kind");
  if (cap == 0)
    return;
  struct text text = {.out = out, .cap = cap}, *t = &text;
  put_char(t, '@');
  put_unsigned(t, now);
  put_char(t, ' ');
  put_str(t, input->kind < RS_IN_KINDS ? kinds[input->kind] : "?");
  switch (input->kind) {
  case RS_IN_MESSAGE:
    put_addr(t, " from ", input->peer);
    put_char(t, ' ');
    put_msg(t, input->msg);
    break;
  case RS_IN_SEND_FAILED:
  case RS_IN_PEER_DOWN: put_addr(t, " ", input->peer); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED:
    put_char(t, ' ');
    print_result(t, &input->result);
    break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    put_char(t, ' ');
    print_id(t, &input->object);
    put_char(t, ' ');
    put_str(t, rs_error_name(input->status));
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN:
    put_part(t, "request", (int64_t)input->host);
    put_addr(t, " ", input->peer);
    break;
  case RS_IN_CALL: put_call(t, input->call); break;
  case RS_IN_WORKER_PROCESS:
    put_addr(t, " ", input->peer);
    put_part(t, "pid", (int64_t)input->host);
    if (input->status != RS_PROCESS_RUNS)
      put_part(t, "end", input->status);
    break;
  default: break;
  }
  out[text.at] = 0;
}

static void put_reply(struct text *t, const struct rs_reply *reply)
{
  static const char kinds[][14] = {" TASK ",  " ACTOR ", " OBJECT ", " ANSWER ",
                                   " FOUND ", " GROUP ", " YIELD ",  " NEXT "};
  put_str(t, reply->kind < RS_REPLY_KINDS ? kinds[reply->kind] : " ? ");
  print_id(t, &reply->id);
  put_char(t, ' ');
  put_str(t, rs_error_name(reply->status));
  put_part(t, "state", reply->state);
  put_part(t, "size", (int64_t)reply->size_bytes);
  put_addr(t, " node=", reply->node);
  put_part(t, "ids", reply->id_count);
  put_part(t, "stored", reply->stored);
  put_part(t, "ready", reply->ready);
  put_part(t, "bundles", reply->node_count);
  if (reply->value) {
    put_str(t, " value=");
    print_value(t, &reply->value);
  }
  if (reply->result) {
    put_str(t, " result=");
    print_result(t, &reply->result);
  }
  if (reply->answer) {
    put_char(t, ' ');
    put_msg(t, reply->answer);
  }
}

static void put_object(struct text *t, struct rs_id id, uint64_t size_bytes)
{
  put_char(t, ' ');
  print_id(t, &id);
  put_part(t, "size", (int64_t)size_bytes);
}

static void put_effect(struct text *t, const struct rs_effect *e)
{
  switch (e->kind) {
  case RS_OUT_SEND:
    put_addr(t, " to ", e->to);
    put_char(t, ' ');
    put_msg(t, e->msg);
    break;
  case RS_OUT_SEND_MANY:
    put_str(t, " to ");
    put_unsigned(t, e->count);
    put_char(t, '[');
    for (uint32_t i = 0; i < e->count && i < SHOWN_MAX; i++)
      put_addr(t, i ? " " : "", e->many[i]);
    put_str(t, e->count > SHOWN_MAX ? " ...] " : "] ");
    put_msg(t, e->msg);
    break;
  case RS_OUT_TASK_RUN:
    put_char(t, ' ');
    print_task(t, &e->task);
    put_str(t, " gpus=");
    put_hex(t, e->count);
    break;
  case RS_OUT_TASK_KILL:
    put_object(t, e->object, 0);
    put_part(t, "gently", e->count);
    break;
  case RS_OUT_WORKER_START:
  case RS_OUT_WORKER_STOP:
  case RS_OUT_HOST_REMOVE: put_addr(t, " ", e->to); break;
  case RS_OUT_COPY:
    put_object(t, e->object, e->size);
    put_addr(t, " from ", e->to);
    put_part(t, "flags", e->count);
    break;
  case RS_OUT_CREATE:
    put_object(t, e->object, e->size);
    put_addr(t, " for ", e->to);
    put_part(t, "flags", e->count);
    break;
  case RS_OUT_SPILL:
    put_object(t, e->object, e->size);
    put_part(t, "file", (int64_t)e->a);
    break;
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT:
  case RS_OUT_FREE: put_object(t, e->object, e->size); break;
  case RS_OUT_HOST_ADD:
    put_str(t, " request=");
    put_unsigned(t, e->size);
    put_str(t, " type=");
    put_unsigned(t, e->count);
    break;
  case RS_OUT_REPLY: put_reply(t, e->reply); break;
  case RS_OUT_TRACE:
    put_char(t, ' ');
    put_str(t, rs_trace_name(e->trace));
    put_char(t, ' ');
    put_unsigned(t, e->a);
    put_char(t, ' ');
    put_signed(t, (int64_t)e->b);
    put_char(t, ' ');
    put_unsigned(t, e->c);
    break;
  default: break;
  }
}

void rs_effect_print(const struct rs_effect *effect, char *out, size_t cap)
{
  static const char kinds[][14] = {"SEND",  "SEND_MANY", "TASK_RUN", "TASK_KILL",   "WORKER_START", "WORKER_STOP",
                                   "COPY",  "FREE",      "HOST_ADD", "HOST_REMOVE", "REPLY",        "EXIT",
                                   "TRACE", "CREATE",    "SPILL",    "RESTORE",     "EVICT"};
  if (cap == 0)
    return;
  struct text text = {.out = out, .cap = cap};
  put_str(&text, effect->kind < RS_OUT_KINDS ? kinds[effect->kind] : "?");
  put_effect(&text, effect);
  out[text.at] = 0;
}
