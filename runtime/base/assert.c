#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

__attribute__((weak)) void rs_panic(const char *text)
{
  (void)text;
}

static char *append(char *at, char *end, const char *text)
{
  while (*text && at < end)
    *at++ = *text++;
  return at;
}

void rs_assert_failed(const char *file, int line, const char *condition)
{
  char text[512], digits[12];
  char *at = text, *end = text + sizeof text - 1;
  int n = 0;
  do {
    digits[n++] = (char)('0' + line % 10);
    line /= 10;
  } while (line > 0);
  at = append(at, end, file);
  at = append(at, end, ":");
  while (n > 0 && at < end)
    *at++ = digits[--n];
  at = append(at, end, ": assertion failed: ");
  at = append(at, end, condition);
  *at = 0;
  rs_panic(text);
  abort();
}
