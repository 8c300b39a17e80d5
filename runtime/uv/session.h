/* session.h -- the folder of a running cluster on this host: its token, its sockets, who runs.
 *
 *   $XDG_RUNTIME_DIR/raysim (or /tmp/raysim-<uid>)/s-<pid>-<random>/   all 0700
 *     token      32 random bytes, 0600
 *     head       pid, start time of that process, address and port of the head
 *     pids       pid, start time and role of every long-lived process, a line each
 *     log        what the processes of a detached cluster print
 *     n<node>.<incarnation>/<endpoint>   a Unix socket a process
 *
 * A session is live while the process named in `head` is that same process: pid and start time agree.
 */
#ifndef RS_UV_SESSION_H
#define RS_UV_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rs_session_head {
  int pid;
  uint64_t start_time;
  char host[64];
  uint16_t port;
};

/* Start time of a process in the kernel's ticks; 0: there is none. */
uint64_t rs_process_start_time(int pid);

/* Makes a new session with its token, and removes what dead ones left. `out` has RS_UV_PATH_MAX bytes. */
int rs_session_create(char *out, char *error);

int rs_session_write_head(const char *session, const char *host, uint16_t port); /* of the calling process */
bool rs_session_read_head(const char *session, struct rs_session_head *head);
bool rs_session_live(const char *session);
void rs_session_add_pid(const char *session, int pid, const char *role);

/* `wanted` (a folder, or HOST:PORT of its head), or $RAYSIM_SESSION, or the newest live session; removes what dead ones
 * left. */
int rs_session_find(const char *wanted, char *out, char *error);
void rs_session_remove(const char *session); /* only a folder that looks like one */

void rs_tree_remove(const char *path); /* a folder and all that is in it; links are not followed */

/* Kills what `pids` names and still is that process. */
void rs_session_kill_all(const char *session);

void rs_session_token_path(const char *session, char *out, size_t cap);

#endif
