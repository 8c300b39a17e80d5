/* worker.h -- a worker process: a loop thread for the sockets, the main thread for the functions, and more threads
 * where an actor runs several calls at a time. */
#ifndef RS_UV_WORKER_H
#define RS_UV_WORKER_H

#include "uv/front.h"
#include "uv/function.h"
#include "uv/output.h"

/* A task that the executor has begun. */
struct rs_run {
  struct rs_link link; /* in worker->ready until a thread takes it, then in running */
  struct rs_task *task;
  rs_gpu_mask gpus;
  atomic_bool cancelled;          /* it is to end early */
  struct rs_link notice;          /* in worker->notices, until its task is told that it is cancelled */
  struct rs_uv_context *deferred; /* of a task that goes on without its function; NULL: none */
  bool yields;                    /* it waits for the answer to a YIELD, which is yield_status */
  int yield_status;
  uint64_t items;   /* yielded so far */
  uint64_t kill_at; /* the process ends when it runs still */
};

struct rs_worker {
  struct rs_proc proc;
  struct rs_front front;
  struct rs_link ready, running, notices;
  uint32_t ready_count;
  uint32_t idle;            /* threads that run no function, or are about to */
  bool async;               /* an actor whose functions run on one thread, and end later */
  pthread_cond_t work;      /* ready_count > 0, or there are notices */
  pthread_cond_t cancelled; /* of some run */
  pthread_cond_t yielded;   /* the answer to some YIELD is there */
  struct rs_output output;
  void (*actor_end)(void *actor); /* NULL; or gets it when the actor ends in order */
  void *actor;
  uint64_t type;                         /* of the actor: its creation's function */
  uint32_t running_count, waiting_count; /* tasks that run; of these, that wait for objects */
  bool told_blocked;
  uint64_t told_output_at; /* what functions print was looked at last */
  bool dying;              /* it has said its last words */
  rs_addr job;             /* of the last task that began */
};

void rs_yield_answered(struct rs_worker *worker, const struct rs_reply *reply); /* yield.c; with the lock */

/* Ends the run of a context, whose function has said `rc`. Without the lock, which it has on return. here: on the
 * thread that ran the function. */
void rs_worker_end_run(struct rs_uv_context *context, int rc, bool here);

/* defer.c; with the lock. */
void rs_defer_cancelled(struct rs_worker *worker, struct rs_run *run);
void rs_defer_notify(struct rs_worker *worker);        /* the first of worker->notices; releases the lock meanwhile */
bool rs_defer_returned(struct rs_uv_context *context); /* its function has: true: the task goes on without it */

/* Plays endpoint `self` of the node until its raylet ends it. Returns an exit status. */
int rs_worker_main(rs_addr self, const struct rs_setup *setup, const char *session, const uint8_t *token);

#endif
