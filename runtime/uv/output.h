/* output.h -- what functions print: kept in files of the session, and shown by the driver program of their job.
 *
 * A worker's standard output and error are the files logs/worker-<node>.<incarnation>-<endpoint>.out and .err of its
 * session. New lines go to the driver program of their job a little later: within RS_OUTPUT_CHECK_MS, and in any case
 * before the result of a task after which the worker has nothing to do, and before a task of another name or job
 * begins: so each line has the name of the task that has written it. What a worker leaves when it dies is told by its
 * node: beside the files there is a .pos, shared memory that says how far the worker had come.
 */
#ifndef RS_UV_OUTPUT_H
#define RS_UV_OUTPUT_H

#include <stdio.h>

#include "uv/proc.h"

enum {
  RS_OUTPUT_CHECK_MS = 100,
  RS_OUTPUT_BYTES_MAX = 64 << 10, /* told at once of one stream; what is more is left out, and that is said */
  RS_OUTPUT_NAME_MAX = 64
};

/* ---- the worker ---- */

struct rs_output_position {
  uint64_t job;
  uint64_t sent[2];
  uint32_t pid;
  char name[RS_OUTPUT_NAME_MAX];
};

struct rs_output {
  struct rs_output_position *position; /* NULL: there are no files */
  bool armed;                          /* the loop looks at the files at check_at */
  bool ran;                            /* something ran since it last did */
  uint64_t check_at;
};

/* Makes the files and turns this process's output to them. */
void rs_output_open(struct rs_output *output, const char *session, rs_addr self);

/* With the lock: a task begins. `name` lives as long as the process. */
void rs_output_task(struct rs_output *output, struct rs_proc *proc, const struct rs_task *task, const char *name);

/* With the lock: tells what is new. `all`: an unfinished last line too. */
void rs_output_tell(struct rs_output *output, struct rs_proc *proc, bool all);

/* With the lock, on the loop: what is due. The next deadline. */
uint64_t rs_output_timer(struct rs_output *output, struct rs_proc *proc, uint64_t now);

/* ---- its node ---- */

/* With the lock: the worker is gone: what it had not told. Its file .pos goes. */
void rs_output_worker_gone(struct rs_proc *proc, rs_addr worker);

/* ---- the driver program ---- */

/* Lines that other workers have printed too within FOLD_S are counted instead of shown: the last one is shown, with
 * their number, when that time is over. Numbers in them do not count as a difference. As Ray does it. */
struct rs_fold;
struct rs_fold *rs_fold_new(FILE *to);
void rs_fold_line(struct rs_fold *fold, uint64_t now, uint64_t source, const char *prefix, const char *line,
                  size_t length);
uint64_t rs_fold_settle(struct rs_fold *fold, uint64_t now); /* shows what is due; the next deadline */
void rs_fold_free(struct rs_fold *fold);                     /* shows the rest; NULL is fine */

/* With the lock: a frame OUTPUT. False: it is malformed. */
bool rs_output_on_frame(struct rs_fold *fold, struct rs_proc *proc, const struct rs_frame *frame);

#endif
