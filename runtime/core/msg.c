/* msg.c -- messages in memory: making, sharing and releasing them. Generated from messages.def. */
#include "core/msg.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static size_t struct_bytes(unsigned type)
{
  switch (type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    return number == RS_MSG_VIEW ? sizeof(struct rs_view_msg) : sizeof(struct rs_m_##name);
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
  default: return 0;
  }
}

const char *rs_msg_name(uint16_t type)
{
  switch (type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    return #NAME;
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: return "?";
  }
}

void *rs_msg_new(enum rs_msg_type type)
{
  size_t bytes = struct_bytes(type);
  RS_ASSERT(bytes > 0);
  struct rs_msg *msg = rs_alloc(bytes);
  memset(msg, 0, bytes);
  msg->refs = 1;
  msg->type = (uint16_t)type;
  return msg;
}

struct rs_msg *rs_msg_ref(struct rs_msg *msg)
{
  RS_ASSERT(msg->refs > 0);
  msg->refs++;
  return msg;
}

/* Releasing a field: only pointers hold something. */
#define drop_u8(v) ((void)(v))
#define drop_u16(v) ((void)(v))
#define drop_u32(v) ((void)(v))
#define drop_u64(v) ((void)(v))
#define drop_i32(v) ((void)(v))
#define drop_i64(v) ((void)(v))
#define drop_addr(v) ((void)(v))
#define drop_id(v) ((void)(v))
#define drop_flag(v) ((void)(v))
#define drop_strategy(v) ((void)(v))
#define drop_actor_state(v) ((void)(v))
#define drop_group_strategy(v) ((void)(v))
#define drop_group_state(v) ((void)(v))
#define drop_bundle(v) ((void)(v))
#define drop_left(v) ((void)(v))
#define drop_dep(v) ((void)(v))
#define drop_shape(v) ((void)(v))
#define drop_demand(v) rs_shared_demand_unref(*(v))
#define drop_info(v) rs_node_info_unref(*(v))
#define drop_task(v) rs_task_unref(*(v))
#define drop_result(v) rs_result_unref(*(v))
#define drop_error(v) rs_result_unref(*(v))
#define drop_value(v) rs_value_unref(*(v))
#define drop_row(v) rs_row_unref(*(v))
#define drop_entry(v) rs_node_info_unref((v)->info)

#define MSG(NAME, name, number)                                                                                        \
  static void drop_msg_##name(struct rs_m_##name *m)                                                                   \
  {                                                                                                                    \
    (void)m;
#define F(type, field) drop_##type(&m->field);
#define FV(type, field, cap)                                                                                           \
  for (uint32_t i = 0; i < m->field##_count; i++)                                                                      \
    drop_##type(&m->field[i]);                                                                                         \
  free(m->field);
#define END }
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

void rs_msg_unref(struct rs_msg *msg)
{
  if (!msg)
    return;
  RS_ASSERT(msg->refs > 0);
  if (--msg->refs > 0)
    return;
  switch (msg->type) {
#define MSG(NAME, name, number)                                                                                        \
  case number:                                                                                                         \
    drop_msg_##name((struct rs_m_##name *)(void *)msg);                                                                \
    break;
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  default: break;
  }
  if (msg->type == RS_MSG_VIEW)
    rs_view_unref(rs_view_of(msg));
  free(msg);
}
