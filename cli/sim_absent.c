/* sim_absent.c -- in a build without the simulator (-DRAYSIM_SIM=OFF): what its commands say. */
#include "cli/cli.h"

#include <stdio.h>

void cli_no_memory(size_t bytes)
{
  fprintf(stderr, "raysim: out of memory: %zu more bytes are not there\n", bytes);
}

int cli_run_scenario(int argc, char **argv)
{
  (void)argc;
  return cli_usage_error(
      "%s: this raysim was built without the simulator (RAYSIM_SIM=OFF); start, stop and status work", argv[1]);
}

const struct cli_command cli_sim_commands[] = {{0}};
