#include "sim/results_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static void reserve(struct rs_text *text, size_t more)
{
  if (text->size + more + 1 <= text->cap)
    return;
  text->cap = 2 * (text->size + more + 1);
  text->bytes = rs_realloc(text->bytes, text->cap, 1);
}

void rs_text_append(struct rs_text *text, const char *bytes, size_t size)
{
  reserve(text, size);
  memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
  text->bytes[text->size] = '\0';
}

void rs_text_add(struct rs_text *text, const char *format, ...)
{
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  reserve(text, (size_t)size);
  vsnprintf(text->bytes + text->size, (size_t)size + 1, format, again);
  va_end(again);
  text->size += (size_t)size;
}
