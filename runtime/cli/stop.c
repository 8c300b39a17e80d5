/* stop.c -- raysim stop: ends the processes of one session, and only those. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/start.h"
#include "uv/session.h"
#include "uv/uv.h"

static const char help[] =
    "usage: raysim stop [--session FOLDER] [--force]\n"
    "\n"
    "  Ends every process of a cluster: the newest one of this user on this host, or that of FOLDER. Processes are "
    "known by\n"
    "  number and start time, so nothing else is touched. --force: at once, without letting them leave.\n";

enum { LEAVE_MS = 6000, STEP_MS = 10 };

int rs_cmd_stop(int argc, char **argv)
{
  const char *wanted = NULL;
  bool force = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      fputs(help, stdout);
      return 0;
    } else if (strcmp(argv[i], "--force") == 0) {
      force = true;
    } else if (strncmp(argv[i], "--session=", 10) == 0) {
      wanted = argv[i] + 10;
    } else if (strcmp(argv[i], "--session") == 0 && i + 1 < argc) {
      wanted = argv[++i];
    } else {
      fprintf(stderr, "raysim stop: %s: there is no such option; see raysim stop --help\n", argv[i]);
      return 2;
    }
  }
  char session[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  struct rs_session_head head;
  if (rs_session_find(wanted, session, error) != 0 || !rs_session_read_head(session, &head)) {
    fprintf(stderr, "raysim stop: %s\n", error);
    return 1;
  }
  if (!force && rs_process_start_time(head.pid) == head.start_time)
    kill(head.pid, SIGTERM);
  for (int waited = 0; !force && waited < LEAVE_MS && rs_process_start_time(head.pid) == head.start_time;
       waited += STEP_MS)
    nanosleep(&(struct timespec){0, STEP_MS * 1000000L}, NULL);
  rs_session_kill_all(session); /* what did not leave */
  for (int waited = 0; waited < LEAVE_MS && rs_process_start_time(head.pid) == head.start_time; waited += STEP_MS)
    nanosleep(&(struct timespec){0, STEP_MS * 1000000L}, NULL);
  bool gone = rs_process_start_time(head.pid) != head.start_time;
  rs_session_remove(session);
  printf(gone ? "stopped %s\n" : "could not stop %s\n", session);
  return gone ? 0 : 1;
}
