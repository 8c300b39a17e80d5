/* start.h -- raysim start, stop and status: each gets the arguments after "raysim", argv[0] being the command's name,
 * prints one clear line where something is wrong, and returns the exit status (2: usage). */
#ifndef RS_CLI_START_H
#define RS_CLI_START_H

int rs_cmd_start(int argc, char **argv);
int rs_cmd_stop(int argc, char **argv);
int rs_cmd_status(int argc, char **argv);

#endif
