/* real_faults.h -- a scenario's faults, carried out on a local cluster of processes.
 *
 *   node_down    the process of the node's raylet is killed (SIGKILL), and with it its workers. With a down_time
 * another process joins after it: a node of the same size with a number of its own worker_kill  a worker process of a
 * node is killed. From outside, busy and idle workers look alike: one of them is drawn; by a rate, each has it
 *
 * The draws are not those of a simulation. A killed process is noticed at once, by its closed connections, where a
 * simulation's crashed host is missed by the health check only.
 *
 * A thread of its own sleeps from one fault to the next.
 */
#ifndef RS_CLI_REAL_FAULTS_H
#define RS_CLI_REAL_FAULTS_H

#include "sim/scenario.h"

struct cli_faults;

struct cli_faults_opts {
  const struct rs_scenario *scenario; /* the nodes 1.. of the cluster are those of its types, in order */
  uint64_t seed;
  const char *session; /* the cluster's */
  uint16_t port;       /* of its head */
  double begin_s;      /* CLOCK_MONOTONIC: time 0 of the scenario */
  /* A node is gone, or back, on the thread. place: among the scenario's nodes, from 0; node: the number that it had, or
   * has now. May be NULL. */
  void (*node)(void *arg, uint32_t place, uint32_t node, bool up);
  void *arg;
};

/* 0, or -1 with "file:line: ..." for a fault that cannot be carried out. */
int cli_faults_check(const struct rs_scenario *scenario, char *err, size_t err_size);

/* How many nodes may come back with a number of their own; of those by a rate a guess. */
uint32_t cli_faults_returns(const struct rs_scenario *scenario);

/* NULL where the scenario has none. Everything in opts must outlive it. */
struct cli_faults *cli_faults_start(const struct cli_faults_opts *opts);

/* True once a fault could not be carried out, with one line in err. */
bool cli_faults_failed(struct cli_faults *faults, char *err, size_t err_size);

/* Ends the thread. NULL is fine. */
void cli_faults_stop(struct cli_faults *faults);

#endif
