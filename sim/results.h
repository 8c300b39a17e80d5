/* results.h -- what a run leaves behind: one writer for simulated and for real runs.
 *
 * A result folder is made in three steps, so that runs may execute in forked processes:
 *
 *     parent   folder = rs_folder_begin(...)         checks and makes the hidden work folder next to out_dir
 *     run      results = rs_results_open(...)        one for each (case, seed); in the parent or in a forked child
 *              rs_results_task(results, ...) ...     cheap calls during the run
 *              rs_results_finish(results, ...)       writes runs/<case>-<seed>/, all of it or nothing
 *     parent   rs_folder_commit(folder, ...)         merges the runs, writes summary.json, renames into place
 *
 * Until rs_folder_commit returns 0 nothing exists under out_dir's name; after it the whole result does. On an error, or
 * after rs_folder_abort, nothing stays. docs/results.md describes every file.
 *
 * Times are nanoseconds since the run's start (simulated, or measured in a real run). Same calls in the same order give
 * the same bytes; wall-clock figures go through rs_results_wall only and end in the "wall" sections.
 *
 * Memory of a run is bounded: about 2 MiB, plus 64 bytes a trial, 48 bytes a job, 48 bytes a kept timeline event. A
 * call of rs_results_task costs some 50 ns and never touches a file unless task rows were asked for.
 *
 * Errors: 0 is success; -1 comes with one line of text in `err` (no newline at its end), which names the path and says
 * why. Nothing here prints. A struct belongs to one thread at a time.
 */
#ifndef RS_SIM_RESULTS_H
#define RS_SIM_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_RESULTS_ERR 512              /* room enough for every message */
#define RS_RESULTS_TIMELINE_MAX 100000u /* the default bound of a timeline, in events */
#define RS_RESULTS_TAGS 16              /* Gantt colours, rungs: numbers from 0 to 15; higher ones count as 15 */

/* ---- The folder (parent) ------------------------------------------------------------------------------------------
 */

struct rs_folder;

struct rs_folder_opts {
  const char *out_dir;        /* the result folder to make, e.g. "results/asha"; parents are made as needed */
  const char *scenario_name;  /* "asha" */
  const char *scenario_xml;   /* the scenario as run: the text for scenario.xml; NULL leaves the file out */
  size_t scenario_size_bytes; /* of scenario_xml */
  const char *version;        /* of the program: "0.1.0" */
  bool real;                  /* true: real processes; false: simulated */
};

/* An existing raysim result of that name is replaced at commit; any other non-empty folder is refused. Two processes
 * cannot write the same folder at once: the second is refused. NULL on error. */
struct rs_folder *rs_folder_begin(const struct rs_folder_opts *opts, char *err, size_t err_size);

/* The work folder for rs_results_opts.folder; valid until commit or abort. */
const char *rs_folder_path(const struct rs_folder *folder);

/* Merges the finished runs, writes the summary and puts the folder in its place. `partial`: the set of runs is not
 * complete (Ctrl-C); it is also set when any run is partial. `wall_s`: how long it all took. Frees `folder` in every
 * case; on error everything written is removed. At least one run must have finished. */
int rs_folder_commit(struct rs_folder *folder, bool partial, double wall_s, char *err, size_t err_size);

/* Removes the work folder and frees. NULL is allowed. */
void rs_folder_abort(struct rs_folder *folder);

/* ---- A run (one case, one seed) -----------------------------------------------------------------------------------
 */

struct rs_results;

struct rs_param {
  const char *name, *value; /* "scheduler" = "asha", "load" = "0.8" */
};

struct rs_results_opts {
  const char *folder;            /* rs_folder_path() */
  const char *case_name;         /* the curve's name in tables and figures: "asha", "hybrid load=0.8" */
  uint32_t case_index;           /* cases are listed in this order */
  const struct rs_param *params; /* what makes this case differ, for summary.json */
  uint32_t param_count;
  uint64_t seed;
  uint32_t node_count;          /* nodes, numbered from 0; the most there can be when autoscaled; >= 1 */
  bool autoscaled;              /* nodes come and go: draw nodes against demand */
  bool task_rows;               /* write tasks.csv.gz, a row a task */
  bool timeline;                /* write timeline.json (usually for a case's first seed only) */
  uint32_t timeline_events_max; /* its bound; 0 = RS_RESULTS_TIMELINE_MAX */
  const char *metric;           /* what trials report: "validation loss"; NULL = "loss" */
  bool maximise;                /* larger is better */
  const char *const *tag_names; /* what a task's tag means: "rung 0 (1 epoch)", "workload web"; may be NULL */
  uint32_t tag_count;
};

/* Strings are copied. NULL on error. */
struct rs_results *rs_results_open(const struct rs_results_opts *opts, char *err, size_t err_size);

enum rs_task_outcome {
  RS_TASK_OK,
  RS_TASK_FAILED,    /* this attempt ended in an error, or its node or worker died */
  RS_TASK_CANCELLED, /* stopped on purpose */
  RS_TASK_CUT, /* still running, or still queued (start_ns = RS_TIME_NEVER), when the run ended: end_ns = the end */
};

/* One attempt of one task or actor call, handed over when it ended (or at the end of the run: RS_TASK_CUT). Rows may
 * come in any order of time. submit_ns <= ready_ns <= start_ns <= end_ns (asserted). */
struct rs_task_row {
  uint64_t task;      /* its number in the run */
  uint64_t submit_ns; /* submitted by its owner */
  uint64_t ready_ns;  /* dependencies there; = submit_ns without any. Scheduling latency is start_ns - ready_ns */
  uint64_t start_ns;  /* began to run on a worker; RS_TIME_NEVER when it never did */
  uint64_t end_ns;    /* ended, or given up */
  uint64_t work_ns; /* what its function was asked to take, without what the runtime and the machine add; 0: unknown */
  uint32_t job;     /* jobs are numbered densely from 0; RS_JOB_NONE for a task of no job */
  uint32_t node;    /* where it ran; ignored when it never did */
  uint32_t cpu_e4;  /* what it held while it ran, in 1e-4 units: 10000 is one CPU */
  uint32_t gpu_e4;
  uint16_t attempt; /* 0 for the first */
  uint8_t tag;      /* Gantt colour: the rung of a trial's task, or the number of the workload */
  uint8_t outcome;  /* enum rs_task_outcome */
};
#define RS_JOB_NONE UINT32_MAX

void rs_results_task(struct rs_results *results, const struct rs_task_row *row);

/* Attempts after the first that have no row of their own: a row tells how a task ended, the owner how often it was
 * tried again. */
void rs_results_retries(struct rs_results *results, uint64_t count);

/* A node joins (with what it offers) or leaves (same amounts as when it joined). Capacity counts from the first call; a
 * cluster that never changes calls it once a node at time 0. */
void rs_results_node_up(struct rs_results *results, uint64_t now_ns, uint32_t node, uint32_t cpu_e4, uint32_t gpu_e4);
void rs_results_node_down(struct rs_results *results, uint64_t now_ns, uint32_t node, uint32_t cpu_e4, uint32_t gpu_e4);

/* Levels that only the driver knows, as steps: the value holds from now_ns on. Times may not go back within one gauge.
 */
enum rs_gauge {
  RS_GAUGE_NODES_WANTED, /* what the autoscaler aims at, in nodes */
  RS_GAUGE_STORE_BYTES,  /* bytes in all object stores */
  RS_GAUGE_FLOWS,        /* transfers in progress */
  RS_GAUGE_COUNT
};
void rs_results_gauge(struct rs_results *results, enum rs_gauge gauge, uint64_t now_ns, uint64_t value);

/* Tune: what happens to a trial. The writer keeps the trial's state, so a caller reports each thing once:
 *   START/RESUME  it begins to train towards the end of `rung`
 *   REPORT        it has trained `resource` units in all and its metric is `value`
 *   RUNG          without pausing it goes on towards the end of `rung`
 *   PAUSE, STOP   it waits for a promotion; it is given up
 *   COMPLETE      it was trained to the full resource R
 *   FAIL          an attempt was lost (a RESUME or START may follow)
 */
enum rs_trial_kind {
  RS_TRIAL_START,
  RS_TRIAL_RESUME,
  RS_TRIAL_REPORT,
  RS_TRIAL_RUNG,
  RS_TRIAL_PAUSE,
  RS_TRIAL_STOP,
  RS_TRIAL_COMPLETE,
  RS_TRIAL_FAIL,
};
struct rs_trial_event {
  uint64_t now_ns;
  uint32_t trial;         /* numbered densely from 0 */
  uint8_t kind;           /* enum rs_trial_kind */
  uint8_t rung;           /* START, RESUME, RUNG; ignored otherwise */
  double resource, value; /* REPORT; ignored otherwise. A NaN value is counted but never becomes the best. */
};
void rs_results_trial(struct rs_results *results, const struct rs_trial_event *event);

/* The trial's configuration as text for trials.csv, e.g. "lr=0.01 width=64"; copied. Optional. */
void rs_results_trial_config(struct rs_results *results, uint32_t trial, const char *text);

/* A whole number for the summary: "decisions", "messages", "events"; the last value given counts. Names are [a-z0-9_]+,
 * at most 31 characters, at most 64 of them. Tasks, trials and latencies are counted by the writer itself. */
void rs_results_count(struct rs_results *results, const char *name, uint64_t value);

/* A further figure, deterministic; its name ends in its unit: "head_busy_s". Not a number means "none". */
void rs_results_metric(struct rs_results *results, const char *name, double value);

/* A figure of the machine and the moment: "seconds", "events_per_s", "rss_max_bytes". Kept apart in "wall" sections. */
void rs_results_wall(struct rs_results *results, const char *name, double value);

/* What a progress line or a test wants to know now. */
uint64_t rs_results_tasks(const struct rs_results *results); /* rows so far that are no RS_TASK_CUT */
double rs_results_best(const struct rs_results *results);    /* best value so far; NaN before the first */

/* Writes the run's files and frees `results` in every case. `end_ns`: when the run ended; >= every time given
 * (asserted). RS_RESULTS_PARTIAL marks a run that was interrupted. */
#define RS_RESULTS_PARTIAL 1u
int rs_results_finish(struct rs_results *results, uint64_t end_ns, unsigned flags, char *err, size_t err_size);

/* Removes what the run wrote and frees. NULL is allowed. */
void rs_results_discard(struct rs_results *results);

/* ---- The table on stdout ------------------------------------------------------------------------------------------
 */

/* The summary of a committed result folder as text: aligned, mean +- half of the 95 % interval over seeds. `quiet`: one
 * line a case of NAME=VALUE words, for scripts. The caller frees it. NULL on error. */
char *rs_results_table(const char *dir, bool quiet, char *err, size_t err_size);

#endif
