/* ends.h -- the processes of a node's workers: their numbers, and how they end. Everything with the lock. */
#ifndef RS_UV_ENDS_H
#define RS_UV_ENDS_H

#include "uv/proc.h"

struct rs_end;

struct rs_ends {
  struct rs_end *items; /* of which one sign has come */
  uint32_t count, cap;
};

void rs_ends_opened(struct rs_proc *proc, struct rs_peer *peer); /* a session begins: the raylet hears the pid */
/* The fork server's word; `status` as of waitpid. */
void rs_ends_exited(struct rs_ends *ends, struct rs_proc *proc, rs_addr worker, int32_t status);
/* Its session has ended: PEER_DOWN follows at once, or peer->held is set. */
void rs_ends_lost(struct rs_ends *ends, struct rs_proc *proc, struct rs_peer *peer);
uint64_t rs_ends_timer(struct rs_ends *ends, struct rs_proc *proc, uint64_t now); /* the next deadline */
void rs_ends_free(struct rs_ends *ends);

#endif
