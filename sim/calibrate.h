/* calibrate.h -- measures what the runtime costs on this machine and writes the cost file (cost.h).
 *
 *     raysim calibrate [--out FILE] [--quick]
 *
 * Two kinds of measurement, neither of them a scenario that is ever compared:
 *   alone       a socket's round trips between two processes (latency, CPU and bytes of a message), a timer's lateness,
 *               placement decisions on views of several sizes
 *   a cluster   one real node: empty tasks in several mixes of batches, sleeping tasks of several durations, cold
 * starts Ordinary least squares (GSL) turns them into costs with standard errors; a coefficient that comes out negative
 * is dropped and the others are fitted again. What cannot be measured keeps its default and is named in the report.
 * docs/fidelity.md tells which figure comes from where.
 *
 * The simulator's library does not know the libuv driver, so the real cluster comes in through rs_calibrate_real.
 */
#ifndef RS_SIM_CALIBRATE_H
#define RS_SIM_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/app.h"
#include "sim/cost.h"
#include "sim/results_text.h"

/* A driver program's traffic and time: as rs_uv_run_stats has them. */
struct rs_calibrate_traffic {
  uint64_t inputs, messages_in, messages_out, bytes_in, bytes_out, wall_ns;
};

/* A real local cluster. 0, or negative with one line in err. */
struct rs_calibrate_real {
  /* One node (the head) with `cpus` CPUs; returns when it has joined. *pid: of the head's process. */
  int (*start)(const struct rs_config *config, uint32_t cpus, void **cluster, int *pid, char *err, size_t err_size);
  /* Runs the application as a driver program, on the calling thread, until it is done. */
  int (*run)(void *cluster, struct rs_app *app, struct rs_calibrate_traffic *traffic, char *err, size_t err_size);
  void (*stop)(void *cluster);
  /* `nodes` nodes of one CPU and that much object store, beside the head, which has no CPU. */
  int (*start_nodes)(const struct rs_config *config, uint32_t nodes, uint64_t store_bytes, void **cluster, char *err,
                     size_t err_size);
};

/* Measures into `cost`, which begins as the defaults. `real` NULL: only what needs no cluster. `quick`: a tenth of the
 * samples, for tests. `report` (may be NULL) gets a line a figure. Takes about 30 s, quick 10 s. 0, or -1 and err. */
int rs_calibrate(const struct rs_calibrate_real *real, bool quick, struct rs_cost *cost, struct rs_text *report,
                 char *err, size_t err_size);

/* The command: argv[0] is "calibrate". Default file: raysim-costs.json. Returns the exit status. */
int rs_cmd_calibrate(int argc, char **argv, const struct rs_calibrate_real *real);

/* ---- the fit, by itself ---- */

enum { RS_FIT_COLUMNS = 4 };
struct rs_fit {
  uint32_t columns;
  double value[RS_FIT_COLUMNS], error[RS_FIT_COLUMNS]; /* coefficients and their standard errors; dropped: 0 and 0 */
  bool dropped[RS_FIT_COLUMNS];
  double r_squared; /* about zero: 1 - residuals / sum of squares of y */
};

/* y = x b by ordinary least squares with b >= 0: x has `rows` rows of `columns` (<= RS_FIT_COLUMNS) numbers. Rows are
 * weighted by 1/y^2, so that small runs count as much as large ones. A column that is all zero is dropped. False with
 * fewer rows than columns, or a y <= 0. */
bool rs_fit_costs(const double *x, const double *y, uint32_t rows, uint32_t columns, struct rs_fit *fit);

#endif
