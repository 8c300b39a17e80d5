/* failure.h -- a failure as an object: the bytes of a failed result are its text, and behind the text's final 0 who it
 * was.
 *
 * The core makes failures with a text alone; a reader gets empty fields then. Both forms print as texts.
 */
#ifndef RS_UV_FAILURE_H
#define RS_UV_FAILURE_H

#include "core/task.h"

struct rs_failure {
  char text[RS_ERROR_TEXT_MAX];
  char function[256];
  struct rs_id task; /* whose failure it was first; {0, 0}: not known */
  uint32_t node;     /* UINT32_MAX: not known */
  int32_t pid;       /* 0: not known */
};

/* A failed result of `task`; one reference. */
struct rs_result *rs_failure_result(struct rs_id task, int status, const char *text, const char *function,
                                    uint32_t node, int32_t pid);

void rs_failure_read(const struct rs_result *result, struct rs_failure *failure);

#endif
