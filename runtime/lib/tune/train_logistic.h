/* train_logistic.h -- the built-in training function `raysim.logistic`: multinomial logistic regression, really
 * trained.
 *
 * A search with it costs about 0.2 ms an epoch and gives real learning curves, the same ones on a worker of a
 * cluster and in a simulation: the arithmetic is IEEE doubles with + - * / and base/maths.h, in a fixed order, so the
 * results have the same bits on every machine.
 *
 * The parameters of the search are, in this order, each with a default where the space ends before it:
 *   0  learning rate, > 0                       0.1
 *   1  batch size, 1 .. RS_LOGISTIC_TRAIN       32     (rounded to a whole number)
 *   2  l2, the weight of the penalty, >= 0      0
 *
 * The metric is the validation loss (mean cross-entropy in nats; ln RS_LOGISTIC_CLASSES before training; NaN where the
 * weights have grown beyond all numbers). The checkpoint is the weights, f64 little-endian. Data and the order of the
 * samples follow from (seed, trial, epoch), so that training may stop and go on anywhere, on any worker.
 *
 * Pure functions, thread-safe.
 */
#ifndef RS_TUNE_TRAIN_LOGISTIC_H
#define RS_TUNE_TRAIN_LOGISTIC_H

#include "lib/tune/tune.h"

#define RS_LOGISTIC_NAME "raysim.logistic"
#define RS_LOGISTIC_CREATE_NAME "raysim.logistic.create" /* the actor's creation task; it has nothing to do */

enum {
  RS_LOGISTIC_PARAMS_MAX = 3,
  RS_LOGISTIC_FEATURES = 8,
  RS_LOGISTIC_CLASSES = 4,
  RS_LOGISTIC_TRAIN = 1024,     /* samples, one epoch */
  RS_LOGISTIC_VALIDATION = 512, /* others, for the loss */
  RS_LOGISTIC_WEIGHTS = (RS_LOGISTIC_FEATURES + 1) * RS_LOGISTIC_CLASSES,
};

/* Called after each epoch: the seconds that it took, for the result; or below 0 to end early. */
typedef double rs_logistic_epoch(void *arg);

/* Carries out one encoded work (lib/tune/wire.h). NULL and the encoded result in *out (free it); or a sentence in
 * static memory that says why not, "cancelled" after an early end. O(epochs x samples x weights). */
const char *rs_logistic_train(const uint8_t *work, size_t work_bytes, rs_logistic_epoch *epoch, void *arg,
                              uint8_t **out, uint32_t *out_bytes);

#endif
