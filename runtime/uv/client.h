/* client.h -- a driver program's process: one endpoint with the owner role, attached to the raylet of its node. */
#ifndef RS_UV_CLIENT_H
#define RS_UV_CLIENT_H

#include "uv/proc.h"

/* Someone who waits for a reply. */
struct rs_uv_waiter {
  struct rs_link link;
  struct rs_id id;
  bool object, done;
  int status;
  pthread_cond_t cond;
};

struct rs_uv_client {
  struct rs_proc proc;
  pthread_t thread;
  bool attached, failed;
  int status;
  char error[RS_UV_ERROR_MAX];
  const atomic_bool *stop;
  bool stopped;
  pthread_mutex_t order; /* held from the taking of a number to its call; before proc.lock */
  uint64_t next_seq;
  struct rs_map results; /* seq -> struct rs_result, not yet taken */
  struct rs_link waiters;
};

#endif
