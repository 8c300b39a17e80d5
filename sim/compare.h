/* compare.h -- two result folders side by side: a simulation and the real run, or two of either.
 *
 *     raysim compare SIM REAL [--makespan 5%] [--latency 20%] [--null 0.5] [--format text|json]
 *
 * Errors are relative to the second folder. Runs are paired by case and seed; intervals are Student's, at 95 %, over
 * the pairs. Beside the prediction stands the null model's (null_model.h). docs/fidelity.md tells how to read it.
 *
 * A comparison is valid only when both folders ran the same scenario with the same cases, seeds and number of tasks, to
 * the end; otherwise it is refused with the first difference. Allowed to differ: title, outputs, compare, costs, and
 * the <real> element itself (not what it has changed).
 */
#ifndef RS_SIM_COMPARE_H
#define RS_SIM_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/results_text.h"

struct rs_compare_opts {
  double
      makespan_tolerance; /* largest |relative error| of the mean makespan; NaN: <compare tolerance> of the scenario */
  double latency_tolerance; /* ... of the latencies' mean, p50, p90 and p99; NaN: not judged */
  double null_factor;       /* the makespan's error must be below this times the null model's; NaN: not judged */
  bool json;
};

enum { RS_COMPARE_GOOD = 0, RS_COMPARE_BEYOND = 1, RS_COMPARE_INVALID = 2 };

void rs_compare_defaults(struct rs_compare_opts *opts); /* all NaN, text */

/* The report is added to `out` (start from {0}; the caller frees out->bytes). INVALID: nothing is added, one line in
 * err. Where there is no tolerance nothing is judged, which the report says, and the result is GOOD. */
int rs_compare(const char *first_dir, const char *second_dir, const struct rs_compare_opts *opts, struct rs_text *out,
               char *err, size_t err_size);

/* The command: argv[0] is "compare". Prints; returns the exit status (2: usage, or invalid). */
int rs_cmd_compare(int argc, char **argv);

/* Kendall's tau-b of two lists of values, in [-1, 1]; NaN with fewer than two pairs or where one list is constant.
 * Pairs with a NaN are left out. O(n^2). */
double rs_kendall_tau(const double *a, const double *b, size_t count);

#endif
