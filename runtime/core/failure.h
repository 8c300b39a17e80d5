/* failure.h -- a failure as an object: the bytes of a failed result are its text, and behind the text's final 0 who it
 * was.
 *
 * A failure that is made without the second part (rs_result_failed) reads with empty fields; the owner of the task adds
 * what it knows when the task has ended for good. Both forms print as texts. A task whose argument failed fails with
 * the argument's failure, so that it names the task where it began.
 */
#ifndef RS_CORE_FAILURE_H
#define RS_CORE_FAILURE_H

#include "core/task.h"

#define RS_FAILURE_NODE_NONE UINT32_MAX
#define RS_FAILURE_NAME_MAX 255

struct rs_failure {
  char text[RS_ERROR_TEXT_MAX];
  char name[RS_FAILURE_NAME_MAX + 1];   /* of the function; "": only its hash is known */
  char task_name[RS_TASK_NAME_MAX + 1]; /* its own; "": it has none */
  uint64_t function;                    /* rs_name_hash of its name; 0: not known */
  uint64_t type;                        /* of a call: likewise of the actor's class */
  struct rs_id task;                    /* whose failure it was first */
  uint32_t node;                        /* RS_FAILURE_NODE_NONE: not known */
  uint32_t pid;                         /* of the process; 0: not known */
  uint32_t retries;                     /* tries before the last */
};

/* A failed result of `task`, which may be another than failure->task; texts are cut where they are too long. One
 * reference. */
struct rs_result *rs_failure_result(struct rs_id task, int status, const struct rs_failure *failure);

/* False: there was only a text. */
bool rs_failure_read(const struct rs_result *result, struct rs_failure *failure);

#endif
