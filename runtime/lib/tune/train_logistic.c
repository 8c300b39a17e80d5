/* train_logistic.c -- see train_logistic.h.
 *
 * The data: each class has a centre, N(0, 1) in each feature, and its samples lie around it with deviation SPREAD; a
 * share of the labels is drawn at random. Feature j is multiplied by 2^(-j/2), so that the directions of the loss
 * differ in steepness and no learning rate suits them all.
 *
 * The model: softmax(W x + b), cross-entropy plus l2/2 |W|^2 (the biases are not penalised), plain stochastic gradient
 * descent from zero over mini-batches in an order shuffled anew for each epoch (Bishop, Pattern Recognition and Machine
 * Learning, 2006, section 4.3.4). The last batch of an epoch is a smaller one where the size does not divide.
 */
#include "lib/tune/train_logistic.h"

#include <string.h>

#include "base/alloc.h"
#include "base/maths.h"
#include "lib/tune/wire.h"

enum {
  FEATURES = RS_LOGISTIC_FEATURES,
  CLASSES = RS_LOGISTIC_CLASSES,
  TRAIN = RS_LOGISTIC_TRAIN,
  SAMPLES = TRAIN + RS_LOGISTIC_VALIDATION,
  WEIGHTS = RS_LOGISTIC_WEIGHTS,
  CHECKPOINT_BYTES = WEIGHTS * 8,
};

#define SPREAD 0.9
#define RANDOM_LABELS 0.05

/* Streams of random numbers. */
enum { STREAM_DATA = 0x6c6f67, STREAM_ORDER };

struct model {
  double weights[WEIGHTS]; /* of class c from c * (FEATURES + 1): the features', then the bias */
  double rate, l2;
  uint32_t batch;
  uint16_t order[TRAIN];
  uint8_t label[SAMPLES];
  double x[SAMPLES][FEATURES];
};

static void make_data(struct model *m, uint64_t seed)
{
  struct rs_rng rng;
  double centre[CLASSES][FEATURES], scale = 1;
  rs_rng_seed(&rng, rs_rng_derive(seed, STREAM_DATA));
  for (uint32_t c = 0; c < CLASSES; c++)
    for (uint32_t j = 0; j < FEATURES; j++)
      centre[c][j] = rs_normal(&rng);
  for (uint32_t i = 0; i < SAMPLES; i++) {
    uint32_t c = (uint32_t)rs_rng_below(&rng, CLASSES);
    scale = 1;
    for (uint32_t j = 0; j < FEATURES; j++, scale *= 0.70710678118654752)
      m->x[i][j] = scale * (centre[c][j] + SPREAD * rs_normal(&rng));
    bool noise = rs_rng_unit(&rng) < RANDOM_LABELS;
    m->label[i] = (uint8_t)(noise ? rs_rng_below(&rng, CLASSES) : c);
  }
}

/* Fills p with the probabilities of the classes; returns the cross-entropy against the label. */
static double forward(const struct model *m, uint32_t sample, double *p)
{
  const double *x = m->x[sample];
  double top = -RS_INFINITY, sum = 0;
  for (uint32_t c = 0; c < CLASSES; c++) {
    const double *w = &m->weights[c * (FEATURES + 1)];
    p[c] = w[FEATURES];
    for (uint32_t j = 0; j < FEATURES; j++)
      p[c] += w[j] * x[j];
    top = p[c] > top ? p[c] : top;
  }
  double of_label = p[m->label[sample]];
  for (uint32_t c = 0; c < CLASSES; c++)
    sum += p[c] = rs_exp(p[c] - top);
  for (uint32_t c = 0; c < CLASSES; c++)
    p[c] /= sum;
  return rs_log(sum) - (of_label - top);
}

static void one_batch(struct model *m, const uint16_t *samples, uint32_t count)
{
  double gradient[WEIGHTS] = {0}, p[CLASSES];
  for (uint32_t i = 0; i < count; i++) {
    forward(m, samples[i], p);
    p[m->label[samples[i]]] -= 1;
    for (uint32_t c = 0; c < CLASSES; c++) {
      double *g = &gradient[c * (FEATURES + 1)];
      for (uint32_t j = 0; j < FEATURES; j++)
        g[j] += p[c] * m->x[samples[i]][j];
      g[FEATURES] += p[c];
    }
  }
  for (uint32_t k = 0; k < WEIGHTS; k++) {
    double penalty = k % (FEATURES + 1) == FEATURES ? 0 : m->l2 * m->weights[k];
    m->weights[k] -= m->rate * (gradient[k] / count + penalty);
  }
}

static void one_epoch(struct model *m, uint64_t seed, uint32_t trial, uint64_t epoch)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, rs_rng_derive(rs_rng_derive(rs_rng_derive(seed, STREAM_ORDER), trial), epoch));
  for (uint32_t i = 0; i < TRAIN; i++)
    m->order[i] = (uint16_t)i;
  for (uint32_t i = TRAIN - 1; i > 0; i--) {
    uint32_t with = (uint32_t)rs_rng_below(&rng, i + 1);
    uint16_t sample = m->order[i];
    m->order[i] = m->order[with];
    m->order[with] = sample;
  }
  for (uint32_t at = 0; at < TRAIN; at += m->batch)
    one_batch(m, &m->order[at], m->batch < TRAIN - at ? m->batch : TRAIN - at);
}

static double validation_loss(const struct model *m)
{
  double sum = 0, p[CLASSES];
  for (uint32_t i = TRAIN; i < SAMPLES; i++)
    sum += forward(m, i, p);
  return rs_is_finite(sum) ? sum / RS_LOGISTIC_VALIDATION : RS_NAN;
}

static void store_weights(const struct model *m, uint8_t *out)
{
  for (uint32_t k = 0; k < WEIGHTS; k++) {
    double w = rs_is_nan(m->weights[k]) ? RS_NAN : m->weights[k]; /* one NaN: the machine's own differ */
    uint64_t bits;
    memcpy(&bits, &w, sizeof bits);
    for (uint32_t i = 0; i < 8; i++)
      *out++ = (uint8_t)(bits >> 8 * i);
  }
}

static void load_weights(struct model *m, const uint8_t *in)
{
  for (uint32_t k = 0; k < WEIGHTS; k++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 8; i++)
      bits |= (uint64_t)*in++ << 8 * i;
    memcpy(&m->weights[k], &bits, sizeof bits);
  }
}

/* NULL, or what is wrong. */
static const char *configure(struct model *m, const struct rs_tune_work *work)
{
  double batch = work->value_count > 1 ? rs_round(work->values[1].number) : 32;
  m->rate = work->value_count > 0 ? work->values[0].number : 0.1;
  m->l2 = work->value_count > 2 ? work->values[2].number : 0;
  if (!(m->rate > 0) || !rs_is_finite(m->rate))
    return RS_LOGISTIC_NAME ": the learning rate (first parameter) must be a number above 0";
  if (!(batch >= 1 && batch <= TRAIN))
    return RS_LOGISTIC_NAME ": the batch size (second parameter) must be from 1 to 1024";
  if (!(m->l2 >= 0) || !rs_is_finite(m->l2))
    return RS_LOGISTIC_NAME ": l2 (third parameter) must be a number of at least 0";
  m->batch = (uint32_t)batch;
  if (work->from == 0)
    return NULL;
  if (work->checkpoint_bytes != CHECKPOINT_BYTES)
    return RS_LOGISTIC_NAME ": the checkpoint is not one of this function";
  load_weights(m, work->checkpoint);
  return NULL;
}

const char *rs_logistic_train(const uint8_t *bytes, size_t work_bytes, rs_logistic_epoch *epoch, void *arg,
                              uint8_t **out, uint32_t *out_bytes)
{
  struct rs_tune_value values[RS_LOGISTIC_PARAMS_MAX];
  struct rs_tune_work work;
  *out = NULL;
  *out_bytes = 0;
  if (!rs_tune_work_decode(bytes, work_bytes, &work, values, RS_LOGISTIC_PARAMS_MAX))
    return RS_LOGISTIC_NAME ": malformed arguments, or more than 3 parameters";
  struct model *m = rs_alloc_zero(1, sizeof *m);
  const char *wrong = configure(m, &work);
  struct rs_tune_metrics metrics = {0};
  if (!wrong)
    make_data(m, work.seed);
  for (uint64_t e = work.from; !wrong && e < work.to; e++) {
    one_epoch(m, work.seed, work.trial, e);
    double loss = validation_loss(m), seconds = epoch(arg);
    rs_tune_metrics_add(&metrics, loss, seconds);
    if (seconds < 0)
      wrong = "cancelled";
  }
  if (!wrong) {
    uint8_t checkpoint[CHECKPOINT_BYTES];
    store_weights(m, checkpoint);
    metrics.checkpoint = checkpoint;
    metrics.checkpoint_bytes = sizeof checkpoint;
    *out_bytes = rs_tune_result_bytes(&metrics);
    *out = rs_alloc(*out_bytes);
    rs_tune_result_encode(&metrics, *out);
  }
  free(metrics.epochs);
  free(m);
  return wrong;
}
