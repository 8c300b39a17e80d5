/* store_call.c -- what a process asks of its node's store: room for an object that it is going to write, giving that
 * up, and unpinning what it has read. The store decides (store.c); its answer goes to the application. O(1).
 */
#include "core/store.h"

#include "base/alloc.h"

void rs_store_let_go(struct rs_endpoint *ep, struct rs_id object)
{
  struct rs_m_object_unpin *m = rs_msg_new(RS_MSG_OBJECT_UNPIN);
  m->objects = rs_alloc(sizeof *m->objects);
  m->objects[0] = object;
  m->objects_count = 1;
  rs_send(ep, ep->raylet, m);
}

bool rs_store_on_call(struct rs_endpoint *ep, const struct rs_call *call)
{
  switch (call->kind) {
  case RS_CALL_CREATE: {
    struct rs_m_object_create *m = rs_msg_new(RS_MSG_OBJECT_CREATE);
    m->object = call->object;
    m->size = call->size_bytes;
    rs_send(ep, ep->raylet, m);
    return true;
  }
  case RS_CALL_ABORT: {
    struct rs_m_object_abort *m = rs_msg_new(RS_MSG_OBJECT_ABORT);
    m->object = call->object;
    rs_send(ep, ep->raylet, m);
    return true;
  }
  case RS_CALL_UNPIN: rs_store_let_go(ep, call->object); return true;
  default: return false;
  }
}

bool rs_store_on_answer(struct rs_endpoint *ep, const struct rs_msg *msg)
{
  if (msg->type != RS_MSG_OBJECT_ROOM)
    return false;
  const struct rs_m_object_room *m = (const void *)msg;
  struct rs_reply *reply = rs_alloc_zero(1, sizeof *reply);
  reply->kind = RS_REPLY_OBJECT;
  reply->id = m->object;
  reply->status = m->status;
  reply->node = ep->raylet;
  rs_emit(ep, RS_OUT_REPLY)->reply = reply;
  return true;
}
