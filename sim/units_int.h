/* units_int.h -- what units.c and units_forms.c share; not for others. */
#ifndef RS_SIM_UNITS_INT_H
#define RS_SIM_UNITS_INT_H

#include "sim/units.h"

struct rs_units_quantity; /* a kind of number with units */
extern const struct rs_units_quantity rs_units_of_time, rs_units_of_size;
const char *rs_units_what(const struct rs_units_quantity *quantity);    /* "a time such as ..." */
const char *rs_units_example(const struct rs_units_quantity *quantity); /* "ms" */
int rs_units_quantity(const struct rs_units_quantity *quantity, const char *text, uint64_t *out, char *why,
                      size_t why_bytes);

/* Writes the clause and returns -1. */
int rs_units_wrong(char *why, size_t why_bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

static inline bool rs_units_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
const char *rs_units_skip(const char *at); /* to the first character that is no blank */
int rs_units_shown(const char *text);      /* how many bytes of it a message can show */

#endif
