/* errors.c -- names and texts of the operating errors. */
#include "core/errors.h"

const char *rs_error_name(int error)
{
  switch (error) {
#define ERR(name, number, text)                                                                                        \
  case number:                                                                                                         \
    return #name;
#include "core/errors.def"
#undef ERR
  default: return "?";
  }
}

const char *rs_error_text(int error)
{
  switch (error) {
#define ERR(name, number, text)                                                                                        \
  case number:                                                                                                         \
    return text;
#include "core/errors.def"
#undef ERR
  default: return "an unknown error";
  }
}
