/* forkserver.h -- starts processes by fork from a small process with one thread, and reports their ends.
 *
 * A process with a loop should not fork; this one is forked off before the loop exists. Everything that it starts dies
 * with it (PR_SET_PDEATHSIG), and it ends when its parent does, so kill -9 of a raylet ends its workers. It is also the
 * subreaper of all that descends from it: what functions have forked is killed once its own parent is gone and one of
 * the server's children has ended; and when the server ends it kills and waits until nothing is left.
 */
#ifndef RS_UV_FORKSERVER_H
#define RS_UV_FORKSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RS_FORK_SETUP_MAX = 60000 };

struct rs_forkserver {
  int fd; /* SOCK_SEQPACKET, non-blocking on the parent's side */
  pid_t pid;
};

struct rs_fork_event {
  bool started;    /* else: it has ended */
  uint64_t number; /* as asked for */
  int32_t value;   /* pid; or the status of waitpid */
};

/* What a started process does; its return value is its exit status. `setup`: the last one that was sent. */
typedef int (*rs_fork_main)(void *ctx, uint64_t number, const uint8_t *setup, size_t setup_bytes);

int rs_forkserver_start(struct rs_forkserver *server, rs_fork_main child, void *ctx);
bool rs_forkserver_setup(const struct rs_forkserver *server, const uint8_t *setup, size_t setup_bytes);
bool rs_forkserver_spawn(const struct rs_forkserver *server, uint64_t number);
bool rs_forkserver_kill(const struct rs_forkserver *server, uint64_t number);
bool rs_forkserver_next(const struct rs_forkserver *server, struct rs_fork_event *event); /* false: none now */
bool rs_forkserver_gone(const struct rs_forkserver *server); /* it has died: nothing can be started any more */
void rs_forkserver_stop(struct rs_forkserver *server);       /* returns when all its processes are gone */

#endif
