/* cli.h -- the commands of `raysim`. Each takes its own argv (argv[0] is the command's name) and returns an exit
 * status: 0 success, 1 failure (or a comparison beyond its tolerance), 2 bad usage or bad input, 130 interrupted. */
#ifndef RS_CLI_H
#define RS_CLI_H

#include <stddef.h>

struct cli_command {
  const char *name, *usage, *doc;
  int (*run)(int argc, char **argv);
};

/* The part of the program that was built: simulation (sim_commands.c) or not (sim_absent.c); cluster commands always.
 */
extern const struct cli_command cli_sim_commands[], cli_cluster_commands[]; /* ended by a NULL name */

/* `raysim [options] FILE.xml`: runs a scenario. */
int cli_run_scenario(int argc, char **argv);

/* Says that so many more bytes are not there. */
void cli_no_memory(size_t bytes);

/* One line on stderr, "raysim: ...". Returns 2. */
__attribute__((format(printf, 1, 2))) int cli_usage_error(const char *format, ...);

#endif
