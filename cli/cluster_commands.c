/* cluster_commands.c -- start, stop, status of a cluster on this machine; in every build. */
#include "cli/cli.h"
#include "cli/start.h"

const struct cli_command cli_cluster_commands[] = {
    {"start", "--head [--nodes N] [--num-cpus K] [--port P] | --address=HOST:PORT", "start a head or join one",
     rs_cmd_start},
    {"stop", "[--session DIR]", "end the processes of a session", rs_cmd_stop},
    {"status", "[--format json]", "nodes and resources of the running cluster", rs_cmd_status},
    {0},
};
