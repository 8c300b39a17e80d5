/* workload.h -- the tasks of a scenario's <tasks> or <trace>, for lib/load/load.h to play. docs/workloads.md
 *
 *     struct rs_workload *workload = rs_workload_new(scenario, i, seed, 1, nodes, error, sizeof error);
 *     for (uint32_t d = 0; d < rs_workload_drivers(workload); d++) {
 *       struct rs_load_opts opts;
 *       rs_workload_load(workload, d, &opts);
 *       opts.ended = ..., opts.user = ...;
 *       rs_sim_add_app(sim, 0, rs_load_new(&opts));
 *     }
 *
 * Everything about a task is drawn from a stream that depends on the seed, the workload's number and the task's number
 * alone: the same seed gives the same tasks whatever the policy, the cluster, the number of drivers, and the other
 * distributions are. Tasks are drawn when they are asked for, a trace is read into memory (24 bytes a row).
 *
 * Straggler factors and the time scale of <real> are already in what comes out.
 */
#ifndef RS_SIM_WORKLOAD_H
#define RS_SIM_WORKLOAD_H

#include "lib/load/load.h"
#include "sim/scenario.h"

#define RS_WORKLOAD_KEYS_MAX 100000u

struct rs_workload;

/* Workload `index` of the scenario, of kind TASKS or TRACE. `seed`: the repetition's. The pool of objects lies on the
 * nodes first_node .. first_node + node_count - 1, those that run at the start. The scenario must outlive it. NULL,
 * with one line "file:line: what is wrong; what would be right" in error, for a bad trace, or a workload beyond the
 * core's limits. */
struct rs_workload *rs_workload_new(const struct rs_scenario *scenario, uint32_t index, uint64_t seed,
                                    rs_node_id first_node, uint32_t node_count, char *error, size_t error_bytes);
void rs_workload_free(struct rs_workload *workload); /* NULL is allowed */

/* Tasks over all drivers; rows of a trace that were read. */
uint64_t rs_workload_count(const struct rs_workload *workload);
uint32_t rs_workload_drivers(const struct rs_workload *workload); /* no more than there are tasks */
uint64_t rs_workload_driver_count(const struct rs_workload *workload, uint32_t driver);

/* Task `index` of a driver's load is this task of the workload. */
uint64_t rs_workload_task(const struct rs_workload *workload, uint32_t driver, uint64_t index);

/* What lib/load wants, but for `ended` and `user`, and for the workload's start, before which the load must not begin;
 * valid until the workload goes, or until the next call for the same
 * driver, which begins anew. The tasks of driver d
 * are d, d + drivers, ...; dependencies and the pool's objects are among a driver's own. */
void rs_workload_load(struct rs_workload *workload, uint32_t driver, struct rs_load_opts *out);

/* The name of a trace's task (of the workload, as rs_workload_task numbers it); "" where there is no such column. */
const char *rs_workload_name(const struct rs_workload *workload, uint64_t task);

/* The sum of the durations of all tasks, in ns, as they will be played. O(tasks). */
double rs_workload_total_ns(const struct rs_workload *workload);

#endif
