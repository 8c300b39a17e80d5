/* curves.h -- recorded learning curves: a table on disk, read once, then only looked at.
 *
 * The table is a CSV file, gzipped or plain, as tools/record_curves.py writes it (docs/curves.md describes it). Its
 * first line names the columns, in any order:
 *
 *   configuration          whole number; the rows of one configuration are neighbours, numbers increase
 *   epoch                  1, 2, 3, ... within a configuration, none missing
 *   validation_loss_nats   >= 0; nan or inf from the epoch on at which training diverged
 *   accuracy               0..1
 *   seconds                measured seconds of this epoch alone, > 0
 *   task                   optional: a name; a table may hold the curves of several tasks
 *   anything else          a hyperparameter: a number, the same in every row of a configuration
 *
 * Immutable after loading: any number of threads may read it. All pointers live as long as the table.
 */
#ifndef RS_SIM_CURVES_H
#define RS_SIM_CURVES_H

#include <stddef.h>
#include <stdint.h>

struct rs_curves;

/* One configuration's curve. Index 0 of the arrays is epoch 1. */
struct rs_curve {
  uint32_t number;              /* the configuration's number in the table */
  uint32_t epochs;              /* length of the three arrays, >= 1 */
  uint32_t diverged_epoch;      /* the first epoch without a finite loss; 0 = never diverged */
  const double *loss;           /* validation loss in nats; NaN from diverged_epoch on (never an infinity) */
  const double *accuracy;       /* share of right answers on the validation set, 0..1 */
  const double *seconds;        /* measured, each epoch alone */
  const double *hyperparameter; /* rs_curves_parameter_count values */
};

/* Reads the table; with a task, only its rows (the table must then have a column "task"). NULL on bad input, with one
 * line "file:line: what is wrong; what would be right" in error (the line counts in the uncompressed text). */
struct rs_curves *rs_curves_load(const char *path, const char *task, char *error, size_t error_bytes);
void rs_curves_free(struct rs_curves *curves);

uint32_t rs_curves_count(const struct rs_curves *curves);                      /* configurations, >= 1 */
struct rs_curve rs_curves_get(const struct rs_curves *curves, uint32_t index); /* index < count; in the table's order */
uint32_t rs_curves_epochs_min(const struct rs_curves *curves);                 /* length of the shortest curve */
double rs_curves_seconds_mean(const struct rs_curves *curves);                 /* seconds an epoch, over all rows */
uint32_t rs_curves_parameter_count(const struct rs_curves *curves);            /* hyperparameters */
const char *rs_curves_parameter_name(const struct rs_curves *curves, uint32_t index);

#endif
