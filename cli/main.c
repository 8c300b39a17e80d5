/* main.c -- `raysim`: simulate, run, plot, compare, calibrate, and look after local clusters. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cli/cli.h"

#ifndef RS_VERSION
#define RS_VERSION "0"
#endif

void rs_panic(const char *text)
{
  fflush(stdout);
  fprintf(stderr, "raysim: %s\n", text);
}

void rs_no_memory(size_t bytes)
{
  cli_no_memory(bytes);
  _exit(1);
}

int cli_usage_error(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fputs("raysim: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return 2;
}

static const struct cli_command *const tables[] = {cli_sim_commands, cli_cluster_commands};

static int help(void)
{
  puts("usage: raysim [OPTIONS] SCENARIO.xml       simulate a scenario and write its results\n"
       "       raysim --real SCENARIO.xml          run the same scenario on a local cluster of processes\n"
       "       raysim --local SCENARIO.xml         simulate the local cluster that --real would start\n"
       "       raysim --swarm SEED[+COUNT]         seeded random experiments with invariant checkers\n"
       "       raysim COMMAND ...\n\n"
       "options of a run:\n"
       "  --seed N            seed of the first repetition\n"
       "  --set PATH=VALUE    change an attribute: --set cluster/nodes/@count=100 (repeatable)\n"
       "  --out DIR           result folder (default: as the scenario says)\n"
       "  --jobs N            runs at a time (default: number of processors)\n"
       "  --costs FILE        cost file, as `raysim calibrate` writes it\n"
       "  --quiet             no progress line; the summary as NAME=VALUE words\n"
       "  --codec             every message through its wire form (same results, slower)\n"
       "  --eager             every view message as an event of its own\n"
       "  --faithful          messages and tasks as SimGrid activities (small clusters)\n"
       "  --check             check every invariant after every step (slow)\n\n"
       "commands:");
  for (unsigned t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct cli_command *c = tables[t]; c->name; c++)
      printf("  %-10s %s\n             usage: raysim %s %s\n", c->name, c->doc, c->name, c->usage);
  puts("\nexit status: 0 success, 1 failure, 2 bad usage or input, 130 interrupted. Documentation: docs/README.md");
  return 0;
}

static bool asks_for_help(int argc, char **argv)
{
  return argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
}

/* Of a command that has no more to say than its line in the table; the cluster's have their own. */
static int command_help(const struct cli_command *c)
{
  printf("usage: raysim %s %s\n\n  %s\n", c->name, c->usage, c->doc);
  return 0;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    help();
    return 2;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
    return help();
  if (strcmp(argv[1], "--version") == 0) {
    puts("raysim " RS_VERSION);
    return 0;
  }
  for (unsigned t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const struct cli_command *c = tables[t]; c->name; c++)
      if (strcmp(argv[1], c->name) == 0)
        return tables[t] == cli_sim_commands && asks_for_help(argc, argv) ? command_help(c)
                                                                          : c->run(argc - 1, argv + 1);
  size_t length = strlen(argv[1]);
  bool option = argv[1][0] == '-',
       file = strchr(argv[1], '/') || (length > 4 && strcmp(argv[1] + length - 4, ".xml") == 0);
  if (!option && !file)
    return cli_usage_error("there is no command \"%s\"; `raysim --help` lists them (a scenario's name ends in .xml)",
                           argv[1]);
  return cli_run_scenario(argc, argv);
}
