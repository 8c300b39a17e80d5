/* results_int.h -- the inside of a run's collector, shared by results.c (collecting) and results_write.c (files). */
#ifndef RS_SIM_RESULTS_INT_H
#define RS_SIM_RESULTS_INT_H

#include "sim/results.h"
#include "sim/results_bins.h"
#include "sim/results_hist.h"
#include "sim/results_out.h"
#include "sim/results_timeline.h"
#include "sim/results_trials.h"

enum {
  RS_LOAD_BINS = 512,
  RS_HEAT_BINS = 256,
  RS_HEAT_ROWS = 128,           /* groups of nodes in heat.csv, at most */
  RS_GANTT_NODES_MAX = 64,      /* larger clusters have no bars, only the heat map */
  RS_GANTT_SPANS_MAX = 5000,    /* more bars than this would be thinner than a pixel */
  RS_RESULTS_NAME_MAX = 31,     /* counts, metrics */
  RS_RESULTS_FIGURES_MAX = 128, /* of each kind, the collector's own included */
};

/* The columns of `load`: what a task changes together lies together. */
enum rs_load {
  RS_LOAD_RUNNING,
  RS_LOAD_BUSY_CPU, /* 1e-4 CPUs */
  RS_LOAD_BUSY_GPU,
  RS_LOAD_QUEUED,
  RS_LOAD_QUEUED_CPU,
  RS_LOAD_NODES,
  RS_LOAD_CPU, /* capacity */
  RS_LOAD_GPU,
  RS_LOAD_GAUGE, /* the first gauge */
  RS_LOAD_COLUMNS = RS_LOAD_GAUGE + RS_GAUGE_COUNT
};

struct rs_job {
  uint64_t submit_ns, start_ns, end_ns; /* first, first, last */
  uint64_t tasks;
  uint32_t failed, cut;
  uint32_t used, reserved;
};

struct rs_figure {
  char name[RS_RESULTS_NAME_MAX + 1];
  double value;
  uint64_t count;
};

struct rs_figures {
  struct rs_figure list[RS_RESULTS_FIGURES_MAX];
  uint32_t count;
};

__extension__ typedef __int128 rs_wide; /* 1e-4 CPUs x ns: 10,000 nodes for a year do not fit 64 bits */

struct rs_results {
  struct rs_results_opts opts; /* with its strings copied */
  struct rs_param *params;
  char **tag_names;
  char *work_dir, *final_dir; /* runs/.NAME.tmp, runs/NAME */

  uint64_t tasks[RS_TASK_CUT + 1];                  /* rows by outcome */
  uint64_t unstarted;                               /* of the CUT ones */
  uint64_t retries;                                 /* rows with attempt > 0 */
  uint64_t last_end_ns;                             /* of rows that are no CUT */
  uint64_t latest_ns;                               /* of everything */
  rs_wide busy_cpu, busy_gpu;                       /* integrals */
  rs_wide cpu_now, cpu_moment, gpu_now, gpu_moment; /* sums of amount, and of amount x time of change */
  int64_t nodes_now, nodes_max;
  uint64_t node_downs;
  uint64_t gauges[RS_GAUGE_COUNT];
  bool gauge_used[RS_GAUGE_COUNT];
  uint32_t nodes_per_row, heat_rows;
  struct rs_bins load, heat; /* heat: of row r busy in column 3r, capacity in 3r + 1, busy x tag in 3r + 2 */
  struct rs_timeline timeline, gantt;
  struct rs_trials trials;
  struct rs_job *jobs;
  uint32_t job_count, job_cap;
  struct rs_out task_rows;
  struct rs_figures counts, metrics, walls;
  struct rs_hist latency;
};

/* Writes every file of the run into work_dir. */
int rs_results_write(struct rs_results *results, uint64_t end_ns, unsigned flags, char *err, size_t err_size);

/* Fills in the figures that the collector knows itself, before the caller's own. */
struct rs_figures rs_results_metrics_of(const struct rs_results *results, uint64_t end_ns);
struct rs_figures rs_results_counts_of(const struct rs_results *results);

void rs_figures_set(struct rs_figures *figures, const char *name, double value, uint64_t count);

#endif
