/* app.c -- the list of calls that an application hands to its driver. */
#include "core/app.h"

#include "base/alloc.h"

void rs_calls_add(struct rs_calls *calls, struct rs_call *call)
{
  RS_GROW(calls->items, calls->count, calls->cap);
  calls->items[calls->count++] = call;
}

void rs_calls_free(struct rs_calls *calls)
{
  for (uint32_t i = 0; i < calls->count; i++)
    rs_call_free(calls->items[i]);
  free(calls->items);
  *calls = (struct rs_calls){0};
}
