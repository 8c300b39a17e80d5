/* functions.c -- the part of the API that functions use; it is also in raysimd, for the libraries that workers load. */
#include "api/raysim.h"
#include "uv/uv.h"

/* struct raysim_context is struct rs_uv_context under its public name. */
static struct rs_uv_context *inner(const struct raysim_context *context)
{
  return (struct rs_uv_context *)(uintptr_t)context;
}

int raysim_register(const char *name, raysim_function function)
{
  return rs_uv_function_register(name, (rs_uv_function)(void (*)(void))function) ? 0 : -1;
}

const void *raysim_args(const struct raysim_context *context, size_t *size)
{
  uint32_t bytes;
  const uint8_t *args = rs_uv_context_args(inner(context), &bytes);
  *size = bytes;
  return args;
}

void raysim_return(struct raysim_context *context, uint32_t index, const void *bytes, size_t size)
{
  rs_uv_return(inner(context), index, bytes, size);
}

void raysim_fail(struct raysim_context *context, const char *text)
{
  rs_uv_fail(inner(context), text);
}
int raysim_cancelled(const struct raysim_context *context)
{
  return rs_uv_cancelled(inner(context));
}
