/* run.h -- one run: one case of a scenario with one seed, simulated.
 *
 * run_apps.c makes the driver programs (searches, task workloads) out of the scenario, run_cluster.c the simulated
 * cluster, run.c joins them and hands what happened to the results. A process simulates once (SimGrid's limit): callers
 * fork.
 */
#ifndef RS_SIM_RUN_H
#define RS_SIM_RUN_H

#include "core/app.h"
#include "sim/driver.h"
#include "sim/observe.h"
#include "sim/progress.h"
#include "sim/results.h"
#include "sim/scenario.h"

/* What is to be run. Everything is referenced and must outlive the run. */
struct rs_run {
  const struct rs_scenario *scenario; /* of this point of the sweep */
  const char *scheduler;              /* of the searches; NULL: each its first */
  uint64_t seed;
  const char *case_name;
  uint32_t case_index;
  const struct rs_param *params;
  uint32_t param_count;
  const char *folder; /* rs_folder_path(); NULL: no results are written */
  bool timeline;      /* of this run */
  const char *costs;  /* cost file; NULL: the scenario's own, or the built-in costs */
  bool local; /* simulate a local cluster: all nodes share this machine's `cores`, times are scaled as --real does */
  uint32_t cores;
  bool codec_forced, eager, faithful, sanity;
  struct rs_progress *progress; /* may be NULL */
  uint32_t progress_slot;
};

enum rs_run_end { RS_RUN_FAILED = -1, RS_RUN_DONE, RS_RUN_CUT, RS_RUN_INTERRUPTED };

/* Simulates it. RS_RUN_FAILED with one line in err. */
enum rs_run_end rs_run_simulate(const struct rs_run *run, char *err, size_t err_size);

/* Opens the results of a run, for `node_count` rows of nodes; *out is NULL where none are wanted. 0, or -1. */
int rs_run_open_results(const struct rs_run *run, uint32_t node_count, struct rs_results **out, char *err,
                        size_t err_size);

/* ---- the driver programs of a scenario, for any driver ---- */

struct rs_apps;

struct rs_apps_opts {
  const struct rs_scenario *scenario;
  const char *scheduler;
  const struct rs_config *config;
  uint64_t seed;
  double time_scale; /* clock time in a second of the scenario */
  bool spin;
  uint32_t node_count;        /* of the results */
  uint64_t slots_cpu_e4;      /* CPUs of the cluster at the start, for a search's concurrency */
  struct rs_results *results; /* may be NULL */
};

struct rs_apps *rs_apps_new(const struct rs_apps_opts *opts, char *err, size_t err_size);
uint32_t rs_apps_count(const struct rs_apps *apps);
struct rs_observer *rs_apps_observer(const struct rs_apps *apps, uint32_t index);

/* For a simulation's hook: how a task of program `index` goes, where it is a function that is really trained. */
void rs_apps_task(const struct rs_apps *apps, uint32_t index, struct rs_sim_task *task);

/* How far they are, in [0, 1], as far as that is known; negative when it is not. t_ns is on the results' axis. */
double rs_apps_progress(const struct rs_apps *apps, uint64_t t_ns);
uint64_t rs_apps_tasks_ended(const struct rs_apps *apps);
bool rs_apps_items(const struct rs_apps *apps, uint64_t *read); /* items of streams read so far; false: none can be */
void rs_apps_free(struct rs_apps *apps);

/* ---- the cluster ---- */

struct rs_run_cluster {
  struct rs_sim_cluster cluster;
  struct rs_sim_group *groups;
  struct rs_sim_fault *faults;
  uint64_t cpu_e4; /* of all nodes that run from the start */
};

/* time_scale stretches times (faults, boot) as the tasks' are. 0, or -1 with one line in err. */
int rs_run_cluster_make(const struct rs_scenario *scenario, double time_scale, struct rs_run_cluster *out, char *err,
                        size_t err_size);
void rs_run_cluster_free(struct rs_run_cluster *cluster);

/* The placement policy of the scenario: a built-in one, or one out of a shared library. NULL with one line in err. */
const struct rs_place_policy *rs_run_policy(const struct rs_scenario *scenario, char *err, size_t err_size);

/* What a node of this type registers (one reference). Without a platform file. */
struct rs_node_info *rs_run_node_info(const struct rs_scenario_node_type *type, uint32_t index);

#endif
