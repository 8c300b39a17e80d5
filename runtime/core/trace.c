/* trace.c -- names of the TRACE effects, and which of them are scheduling decisions. */
#include "core/io.h"

const char *rs_trace_name(unsigned trace)
{
  switch (trace) {
#define TRACE(name, decision, a, b, c)                                                                                 \
  case RS_TRACE_##name:                                                                                                \
    return #name;
#include "core/trace.def"
#undef TRACE
  default: return "?";
  }
}

bool rs_trace_is_decision(unsigned trace)
{
  switch (trace) {
#define TRACE(name, decision, a, b, c)                                                                                 \
  case RS_TRACE_##name:                                                                                                \
    return decision != 0;
#include "core/trace.def"
#undef TRACE
  default: return false;
  }
}
