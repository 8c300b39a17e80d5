/* client.h -- a driver program's process: one endpoint with the owner role, attached to the raylet of its node. */
#ifndef RS_UV_CLIENT_H
#define RS_UV_CLIENT_H

#include "uv/front.h"
#include "uv/output.h"

struct rs_uv_client {
  struct rs_proc proc;
  struct rs_front front;
  pthread_t thread;
  bool attached, failed, observer; /* observer: it asks questions, and is no job */
  int status;
  char error[RS_UV_ERROR_MAX];
  const atomic_bool *stop;
  bool stopped;
  struct rs_fold *fold;  /* shows what tasks print; NULL: nobody wants to see it */
  bool numbers;          /* the program takes numbers and results itself (rs_uv_client_take) */
  struct rs_map results; /* seq -> struct rs_result, not yet taken, of such a program */
};

#endif
