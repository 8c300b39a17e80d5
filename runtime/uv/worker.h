/* worker.h -- a worker process: a loop thread for the sockets, the main thread for the functions. */
#ifndef RS_UV_WORKER_H
#define RS_UV_WORKER_H

#include "uv/proc.h"

struct rs_worker {
  struct rs_proc proc;
  struct {
    struct rs_task *task;
    rs_gpu_mask gpus;
  } next; /* the executor runs one task at a time */
  bool has_next;
  pthread_cond_t work;   /* has_next, or cancelled */
  struct rs_id running;  /* owner 0: none */
  atomic_bool cancelled; /* the one that runs is to end early */
  void *actor;
};

/* Plays endpoint `self` of the node until its raylet ends it. Returns an exit status. */
int rs_worker_main(rs_addr self, const struct rs_setup *setup, const char *session, const uint8_t *token);

#endif
