/* real.h -- the commands that join the simulator's side (scenarios, results, costs) with real clusters. */
#ifndef RS_CLI_REAL_H
#define RS_CLI_REAL_H

#include "sim/experiment.h"

/* Training functions that raysimd has built in, for scenarios' curves source="function"; ended by NULL. */
extern const char *const cli_real_functions[];

void cli_real_prepare(struct rs_experiment_opts *opts); /* --real: runs are carried out on a local cluster */
/* --local: that cluster is simulated, on this machine's costs. Returns 2 without a cost file. */
int cli_local_prepare(struct rs_experiment_opts *opts);
int cli_compare(int argc, char **argv);
int cli_calibrate(int argc, char **argv);
int cli_swarm(const char *seed);

#endif
