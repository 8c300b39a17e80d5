/* A real cluster, a program attached to it, and the commands that ask about it, for tests. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "api/raysim.h"
#include "cli/start.h"
#include "local.h"
#include "run_command.h"

#define UNUSED __attribute__((unused))
#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

static char session[RS_UV_PATH_MAX];

UNUSED static struct raysim *begin_with(const char *nodes, const char *cpus, const char *a, const char *b)
{
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--nodes", (char *)(uintptr_t)nodes, "--num-cpus", (char *)(uintptr_t)cpus,
               "--load", (char *)(uintptr_t)LIBRARY, "--set", (char *)(uintptr_t)a, "--set", (char *)(uintptr_t)b),
           0);
  const char *at = strstr(output, "session ");
  CHECK(at && sscanf(at, "session %255s", session) == 1);
  struct raysim *ray;
  struct raysim_options options = {.address = session};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

UNUSED static struct raysim *begin(const char *nodes, const char *cpus)
{
  return begin_with(nodes, cpus, "log_to_driver=1", "log_to_driver=1");
}

UNUSED static void end(struct raysim *ray)
{
  raysim_shutdown(ray);
  CHECK_EQ(RUN(rs_cmd_stop, "--session", session), 0);
}

UNUSED static bool says(const char *text)
{
  if (strstr(output, text))
    return true;
  printf("\n    no \"%s\" in:\n%s\n", text, output);
  return false;
}

UNUSED static int count_of(const char *text)
{
  int count = 0;
  for (const char *at = output; (at = strstr(at, text)); at++)
    count++;
  return count;
}

/* Until the command says it, for up to five seconds. */
UNUSED static bool soon(int (*command)(int, char **), char *word, const char *text)
{
  for (int i = 0; i < 500; i++, local_pause_ms(10)) {
    RUN(command, word, "--session", session);
    if (strstr(output, text))
      return true;
  }
  return says(text);
}

#endif
