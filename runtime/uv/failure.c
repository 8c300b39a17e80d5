/* failure.c -- see failure.h. Behind the text's 0: u32 pid, u32 node, u64 owner and u64 number of the task, the
 * function's name. */
#include "uv/failure.h"

#include <stdio.h>
#include <string.h>

#include "core/codec.h"

enum { ABOUT_BYTES = 24 };

struct rs_result *rs_failure_result(struct rs_id task, int status, const char *text, const char *function,
                                    uint32_t node, int32_t pid)
{
  size_t name = strnlen(function, sizeof((struct rs_failure *)0)->function - 1), size = strlen(text);
  if (size > RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - name)
    size = RS_ERROR_TEXT_MAX - 1 - ABOUT_BYTES - name;
  struct rs_result *result = rs_result_new(0, (uint32_t)(size + 1 + ABOUT_BYTES + name));
  result->task = task;
  result->status = status;
  memcpy(result->data, text, size);
  struct rs_writer w = {result->data + size + 1, ABOUT_BYTES + name, 0};
  rs_put_u32(&w, (uint32_t)pid);
  rs_put_u32(&w, node);
  rs_put_u64(&w, task.owner);
  rs_put_u64(&w, task.seq);
  rs_put_bytes(&w, (const uint8_t *)function, name);
  return result;
}

void rs_failure_read(const struct rs_result *result, struct rs_failure *f)
{
  size_t size = strnlen((const char *)result->data, result->data_bytes), cut = size;
  if (cut > sizeof f->text - 1)
    cut = sizeof f->text - 1;
  memcpy(f->text, result->data, cut);
  f->text[cut] = 0;
  f->function[0] = 0;
  f->task = result->task;
  f->node = UINT32_MAX;
  f->pid = 0;
  if (result->data_bytes < size + 1 + ABOUT_BYTES)
    return;
  struct rs_reader r = {result->data + size + 1, result->data + result->data_bytes, 0};
  f->pid = (int32_t)rs_get_u32(&r);
  f->node = rs_get_u32(&r);
  f->task.owner = rs_get_u64(&r);
  f->task.seq = rs_get_u64(&r);
  size_t name = rs_get_left(&r);
  if (name > sizeof f->function - 1)
    name = sizeof f->function - 1;
  const uint8_t *at = rs_get_span(&r, name);
  if (name)
    memcpy(f->function, at, name);
  f->function[name] = 0;
}
