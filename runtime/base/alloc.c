#include "base/alloc.h"

#include "base/assert.h"

#include <stdint.h>
#include <string.h>

__attribute__((weak)) void rs_no_memory(size_t bytes)
{
  (void)bytes;
  rs_panic("out of memory");
}

static _Noreturn void refused(size_t count, size_t bytes)
{
  rs_no_memory(bytes && count > SIZE_MAX / bytes ? SIZE_MAX : count * bytes);
  abort();
}

void *rs_alloc(size_t bytes)
{
  void *p = malloc(bytes ? bytes : 1);
  if (!p)
    refused(bytes, 1);
  return p;
}

void *rs_alloc_zero(size_t count, size_t bytes)
{
  void *p = calloc(count ? count : 1, bytes ? bytes : 1);
  if (!p)
    refused(count, bytes);
  return p;
}

void *rs_realloc(void *old, size_t count, size_t bytes)
{
  RS_ASSERT(bytes && count <= SIZE_MAX / bytes);
  void *p = realloc(old, count ? count * bytes : 1);
  if (!p)
    refused(count, bytes);
  return p;
}

void *rs_memdup(const void *from, size_t bytes)
{
  if (bytes == 0)
    return NULL;
  return memcpy(rs_alloc(bytes), from, bytes);
}
