/* start.h -- raysim start, stop, status, list, summary, explain, memory, timeline, logs: each gets the arguments after
 * "raysim", argv[0] being the command's name, prints one clear line where something is wrong, and returns the exit
 * status (2: usage). */
#ifndef RS_CLI_START_H
#define RS_CLI_START_H

int rs_cmd_start(int argc, char **argv);
int rs_cmd_stop(int argc, char **argv);
int rs_cmd_status(int argc, char **argv);
int rs_cmd_list(int argc, char **argv);
int rs_cmd_summary(int argc, char **argv);
int rs_cmd_explain(int argc, char **argv);
int rs_cmd_memory(int argc, char **argv);
int rs_cmd_timeline(int argc, char **argv);
int rs_cmd_logs(int argc, char **argv);

#endif
