/* failure.c -- see failure.h. Behind the text's 0: u32 process, u32 node, u32 retries, u64 owner and u64 number of the
 * task, u64 function, u64 class, the function's name, 0, the task's name. O(bytes). */
#include "core/failure.h"

#include <string.h>

#include "base/alloc.h"
#include "core/codec.h"

enum { ABOUT_BYTES = 44 };

static size_t length(const char *text, size_t most)
{
  size_t n = 0;
  while (n < most && text[n])
    n++;
  return n;
}

struct rs_result *rs_failure_result(struct rs_id task, int status, const struct rs_failure *f)
{
  size_t name = length(f->name, RS_FAILURE_NAME_MAX), own = length(f->task_name, RS_TASK_NAME_MAX);
  size_t names = name + 1 + own, size = length(f->text, RS_ERROR_TEXT_MAX);
  if (size > RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - names)
    size = RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - names;
  struct rs_result *result = rs_result_new(0, (uint32_t)(size + 1 + ABOUT_BYTES + names));
  result->task = task;
  result->status = status;
  memcpy(result->data, f->text, size);
  struct rs_writer w = {result->data + size + 1, ABOUT_BYTES + names, 0};
  rs_put_u32(&w, f->pid);
  rs_put_u32(&w, f->node);
  rs_put_u32(&w, f->retries);
  rs_put_u64(&w, f->task.owner);
  rs_put_u64(&w, f->task.seq);
  rs_put_u64(&w, f->function);
  rs_put_u64(&w, f->type);
  rs_put_bytes(&w, f->name, name);
  rs_put_u8(&w, 0);
  rs_put_bytes(&w, f->task_name, own);
  return result;
}

/* Up to a 0, or the end. */
static void get_name(struct rs_reader *r, char *out, size_t most)
{
  size_t count = 0;
  while (rs_get_left(r) > 0) {
    char c = (char)rs_get_u8(r);
    if (c == 0)
      return;
    if (count < most)
      out[count++] = c;
  }
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
  f->type = rs_get_u64(&r);
  get_name(&r, f->name, RS_FAILURE_NAME_MAX);
  get_name(&r, f->task_name, RS_TASK_NAME_MAX);
  return true;
}
