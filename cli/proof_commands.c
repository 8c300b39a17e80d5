/* proof_commands.c -- compare and --swarm. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/real.h"
#include "sim/compare.h"
#include "sim/swarm.h"

#ifndef RS_COMMIT /* when the build was configured; without a checkout nobody knows */
#define RS_COMMIT NULL
#endif

int cli_compare(int argc, char **argv)
{
  return rs_cmd_compare(argc, argv);
}

int cli_swarm(const char *text)
{
  char *end;
  errno = 0;
  unsigned long long seed = strtoull(text, &end, 10), count = 1;
  if (*end == '+')
    count = strtoull(end + 1, &end, 10);
  if (errno || end == text || *end || count == 0)
    return cli_usage_error("--swarm \"%s\": wanted a seed, or SEED+COUNT for several", text);
  struct rs_swarm_opts opts = {.commit = RS_COMMIT};
  return rs_swarm_many(seed, count, &opts) ? 1 : 0;
}
