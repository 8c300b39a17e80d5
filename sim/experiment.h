/* experiment.h -- a whole scenario: every point of its sweep, every scheduler, every repetition, in parallel processes.
 *
 * Everything is read and checked before the first run starts; the result folder appears whole or not at all. Each run
 * is a forked process, so the results do not depend on `jobs`. SIGINT and SIGTERM end the runs in progress early and
 * leave a valid folder that is marked partial.
 */
#ifndef RS_SIM_EXPERIMENT_H
#define RS_SIM_EXPERIMENT_H

#include "sim/run.h"

struct rs_experiment_opts {
  const char *path; /* the scenario file */
  const struct rs_scenario_override *overrides;
  uint32_t override_count;
  const char *const *functions; /* training functions that exist, ended by NULL; NULL: any */
  bool real;                    /* apply the scenario's <real> part */
  const char *out;              /* NULL: as the scenario says; a real run gets "-real" added, as `suffix` says */
  const char *suffix;           /* added to the scenario's own folder: "", "-real", "-local" */
  uint32_t jobs;                /* processes at a time; 0: number of processors */
  bool quiet;                   /* no progress line, summary as NAME=VALUE words */
  bool codec_forced, eager, faithful, sanity;
  const char *costs; /* cost file, or NULL */
  bool local;        /* simulate the local cluster that a real run would start */
  uint32_t cores;    /* ... on so many cores; 0: of this machine */
  /* What `execute` cannot do with a scenario, before anything is begun: 0, or -1 with one line. NULL: it can do all. */
  int (*check)(const struct rs_scenario *scenario, char *err, size_t err_size);
  /* Carries out one run; in a child process. NULL: rs_run_simulate. */
  enum rs_run_end (*execute)(const struct rs_run *run, char *err, size_t err_size);
};

/* Exit statuses. */
enum { RS_EXIT_OK = 0, RS_EXIT_FAILED = 1, RS_EXIT_USAGE = 2, RS_EXIT_INTERRUPTED = 130 };

/* Runs it and prints the summary on stdout. Messages go to stderr, one line each. Returns the exit status. */
int rs_experiment(const struct rs_experiment_opts *opts);

/* Checks the scenario as rs_experiment would; prints what is wrong. */
int rs_experiment_validate(const struct rs_experiment_opts *opts);

/* Says that so many more bytes are not there: in the process of a run to the one that waits for it, and which run it
 * is; elsewhere on stderr. For rs_no_memory (base/alloc.h); needs no memory itself. */
void rs_experiment_no_memory(size_t bytes);

#endif
