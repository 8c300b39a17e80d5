/* frame.c -- see frame.h. */
#include "uv/frame.h"

#include "core/codec.h"

int64_t rs_frame_next(const uint8_t *bytes, size_t have, size_t frame_max, struct rs_frame *frame, size_t *need)
{
  *need = RS_FRAME_HEADER;
  if (have < 4)
    return 0;
  uint32_t length = rs_load_u32(bytes);
  if (length == 0)
    return RS_ERR_MALFORMED;
  if (length > frame_max)
    return RS_ERR_TOO_LARGE;
  *need = 4 + (size_t)length;
  if (have < *need)
    return 0;
  frame->type = bytes[4];
  frame->body = bytes + RS_FRAME_HEADER;
  frame->body_bytes = length - 1;
  return (int64_t)*need;
}

void rs_frame_header(uint8_t *out, uint8_t type, size_t body_bytes)
{
  rs_store_u32(out, (uint32_t)(body_bytes + 1));
  out[4] = type;
}
