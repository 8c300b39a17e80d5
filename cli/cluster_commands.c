/* cluster_commands.c -- start, stop, status of a cluster on this machine; in every build. */
#include "cli/cli.h"
#include "cli/start.h"

const struct cli_command cli_cluster_commands[] = {
    {"start", "--head [--nodes N] [--num-cpus K] [OPTIONS] | --address=HOST:PORT [OPTIONS]", "start a head or join one",
     rs_cmd_start},
    {"stop", "[--session FOLDER] [--force]", "end the processes of a session", rs_cmd_stop},
    {"status", "[--session FOLDER] [--format text|json]", "the running cluster at one look", rs_cmd_status},
    {"list", "nodes|workers|tasks|actors|objects|placement-groups|jobs [--filter KEY=VALUE]...",
     "what a running cluster consists of", rs_cmd_list},
    {"summary", "tasks|actors|objects", "their numbers, by function and state", rs_cmd_summary},
    {"explain", "ID", "why a task, actor or placement group waits, node by node", rs_cmd_explain},
    {"memory", "[--limit N]", "objects: their sizes, who holds them, where they are", rs_cmd_memory},
    {"timeline", "[--out FILE]", "ended tasks in Chrome's trace format", rs_cmd_timeline},
    {"logs", "[FILE [--tail N] [--follow]] [--node N]", "log files of all hosts, and what tasks have printed",
     rs_cmd_logs},
    {0},
};
