/* executor_int.h -- the executor's state, shared by executor.c (what runs next) and executor_fetch.c (arguments that
 * are to be brought here first). */
#ifndef RS_CORE_EXECUTOR_INT_H
#define RS_CORE_EXECUTOR_INT_H

#include "core/endpoint.h"
#include "core/executor.h"

struct queued {
  struct rs_task *task;
  rs_addr from;
  uint64_t at; /* when it came */
};

struct lane {
  uint64_t group; /* rs_name_hash of its name; 0: the default one */
  uint32_t limit, running;
  bool fetching;        /* the run that began last waits for arguments: those behind it wait with it */
  struct queued *queue; /* a ring */
  uint32_t head, count, cap;
};

struct run {
  struct rs_task *task;
  rs_addr from; /* RS_ADDR_NONE: nobody wants its result any more */
  uint32_t lane;
  struct fetch *fetch; /* arguments that the task did not bring; NULL: it lacks none */
};

/* A result whose stored returns the raylet has not yet accepted. */
struct stored {
  struct rs_result *result;
  rs_addr to;
  uint32_t waiting; /* returns */
};

/* How an actor ends by itself: STOP once everything that was sent to it is done, EXIT once what runs is. */
enum ending { LIVES, STOPS, EXITS, ENDED };

struct rs_executor {
  struct lane *lanes;
  uint32_t lane_count;
  struct lane only; /* lanes, while there is but one */
  struct run *runs;
  uint32_t run_count, run_cap;
  struct run first; /* runs, until more than one task runs at a time */
  rs_gpu_mask gpus;
  struct rs_id actor; /* {0, 0}: a pool worker */
  uint32_t actor_restart;
  enum ending ending;
  struct rs_id placement; /* the group for what is submitted here; {0, 0}: none */
  rs_addr job;            /* of the last task that began */
  bool blocked;           /* a task that runs here waits for an object: nothing may be queued behind it */
  struct stored *stored;
  uint32_t stored_count, stored_cap;
  bool fetched; /* some run has its arguments, or never will: looked at when the step settles */
};

/* Arguments of a run that are brought here before it begins. */
struct fetch {
  uint32_t waiting;        /* answers that have not come */
  uint32_t at;             /* where the next answer is looked for first */
  struct rs_result *error; /* why it will not begin; NULL: nothing has gone wrong */
  bool copied;             /* the run's task is a copy of its own */
  bool begun;
  uint8_t states[]; /* of each dependency: enum fetch_state */
};

/* executor_fetch.c */
bool rs_fetch_needed(
    const struct rs_task *task); /* it has arguments that are neither inside nor brought by its lease */
void rs_fetch_begin(struct rs_endpoint *ep, struct run *run);
void rs_fetch_give_up(struct rs_endpoint *ep, struct run *run, int status, const char *why); /* it will not begin */
void rs_fetch_end(struct rs_endpoint *ep, struct run *run); /* the run is over: what was pinned for it is let go */
void rs_fetch_free(struct fetch *fetch);
static inline bool rs_fetch_waits(const struct run *run)
{
  return run->fetch && !run->fetch->begun;
}

#endif
