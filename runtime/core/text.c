/* text.c -- see text.h. O(length). */
#include "core/text.h"

#include <string.h>

void rs_text_bytes(struct rs_text *text, const void *bytes, size_t count)
{
  size_t room = RS_TEXT_MAX - text->used;
  count = count < room ? count : room;
  if (count)
    memcpy(text->bytes + text->used, bytes, count);
  text->used += (uint32_t)count;
}

void rs_text_str(struct rs_text *text, const char *string)
{
  rs_text_bytes(text, string, strlen(string));
}

void rs_text_number(struct rs_text *text, uint64_t number)
{
  char digits[20];
  size_t first = sizeof digits;
  do
    digits[--first] = (char)('0' + number % 10);
  while (number /= 10);
  rs_text_bytes(text, digits + first, sizeof digits - first);
}

void rs_text_worker(struct rs_text *text, rs_addr worker)
{
  rs_text_str(text, "worker ");
  rs_text_number(text, rs_addr_ep(worker));
  rs_text_str(text, " on node ");
  rs_text_number(text, rs_addr_node(worker));
}
