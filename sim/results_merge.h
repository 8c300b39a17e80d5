/* results_merge.h -- many runs into one answer: aggregates over seeds, the series that the figures draw, summary.json.
 */
#ifndef RS_SIM_RESULTS_MERGE_H
#define RS_SIM_RESULTS_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/results.h"

/* Reads `work_dir`/runs/ and writes into `work_dir`: summary.json, runs.csv, best.csv, load.csv, rungs.csv,
 * latency.csv. */
int rs_results_merge(const char *work_dir, const struct rs_folder_opts *opts, bool partial, double wall_s, char *err,
                     size_t err_size);

#endif
