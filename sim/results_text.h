/* results_text.h -- a growing text. Start from {0}; the caller frees bytes. Not thread-safe. */
#ifndef RS_SIM_RESULTS_TEXT_H
#define RS_SIM_RESULTS_TEXT_H

#include <stddef.h>

struct rs_text {
  char *bytes; /* ends in a NUL once anything was added */
  size_t size, cap;
};

__attribute__((format(printf, 2, 3))) void rs_text_add(struct rs_text *text, const char *format, ...);
void rs_text_append(struct rs_text *text, const char *bytes, size_t size);

#endif
