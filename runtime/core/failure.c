/* failure.c -- see failure.h. Behind the text's 0: u32 process, u32 node, u32 retries, u64 owner and u64 number of the
 * task, u64 function, the function's name. O(bytes). */
#include "core/failure.h"

#include <string.h>

#include "base/alloc.h"
#include "core/codec.h"

enum { ABOUT_BYTES = 36 };

static size_t length(const char *text, size_t most)
{
  size_t n = 0;
  while (n < most && text[n])
    n++;
  return n;
}

struct rs_result *rs_failure_result(struct rs_id task, int status, const struct rs_failure *f)
{
  size_t name = length(f->name, RS_FAILURE_NAME_MAX), size = length(f->text, RS_ERROR_TEXT_MAX);
  if (size > RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - name)
    size = RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - name;
  struct rs_result *result = rs_result_new(0, (uint32_t)(size + 1 + ABOUT_BYTES + name));
  result->task = task;
  result->status = status;
  memcpy(result->data, f->text, size);
  struct rs_writer w = {result->data + size + 1, ABOUT_BYTES + name, 0};
  rs_put_u32(&w, f->pid);
  rs_put_u32(&w, f->node);
  rs_put_u32(&w, f->retries);
  rs_put_u64(&w, f->task.owner);
  rs_put_u64(&w, f->task.seq);
  rs_put_u64(&w, f->function);
  rs_put_bytes(&w, f->name, name);
  return result;
}

bool rs_failure_read(const struct rs_result *result, struct rs_failure *f)
{
  memset(f, 0, sizeof *f);
  size_t size = length((const char *)result->data, result->data_bytes);
  memcpy(f->text, result->data, size < sizeof f->text ? size : sizeof f->text - 1);
  f->task = result->task;
  f->node = RS_FAILURE_NODE_NONE;
  if (result->data_bytes < size + 1 + ABOUT_BYTES)
    return false;
  struct rs_reader r = {result->data + size + 1, result->data + result->data_bytes, 0};
  f->pid = rs_get_u32(&r);
  f->node = rs_get_u32(&r);
  f->retries = rs_get_u32(&r);
  f->task.owner = rs_get_u64(&r);
  f->task.seq = rs_get_u64(&r);
  f->function = rs_get_u64(&r);
  size_t name = rs_get_left(&r) < RS_FAILURE_NAME_MAX ? rs_get_left(&r) : RS_FAILURE_NAME_MAX;
  const uint8_t *at = name ? rs_get_span(&r, name) : NULL;
  if (at)
    memcpy(f->name, at, name);
  return true;
}
