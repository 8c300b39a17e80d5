#include "sim/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/maths.h"
#include "lib/load/replay.h"
#include "lib/tune/train_logistic.h"
#include "lib/tune/wire.h"
#include "sim/curve_model.h"
#include "sim/curves.h"
#include "sim/dist.h"
#include "sim/driver.h"

struct rs_trial_source {
  struct rs_trial_opts opts;
  struct rs_curves *curves;
  struct rs_curve_model *model;
  gsl_rng *rng; /* seeded anew for each draw: no draw depends on another */
  double mean_seconds;
  bool accuracy;
  uint64_t create, train; /* of a C function */
};

/* Streams of a trial's draws. */
enum { STREAM_CURVE = 1, STREAM_EPOCH, STREAM_STRAGGLER };

static gsl_rng *rng_of(const struct rs_trial_source *s, unsigned stream, uint64_t trial, uint64_t from)
{
  uint64_t seed = rs_rng_derive(rs_rng_derive(s->opts.seed, stream), rs_mix64(trial) ^ from);
  gsl_rng_set(s->rng, (unsigned long)seed);
  return s->rng;
}

struct rs_trial_source *rs_trial_source_new(const struct rs_trial_opts *opts, char *err, size_t err_size)
{
  const struct rs_scenario_tune *tune = opts->tune;
  struct rs_trial_source *s = rs_alloc_zero(1, sizeof *s);
  s->opts = *opts;
  s->rng = gsl_rng_alloc(rs_dist_rng_type);
  s->accuracy = strcmp(tune->metric, "accuracy") == 0;
  uint64_t epochs = UINT64_MAX;
  switch (tune->source) {
  case RS_CURVE_RECORDED:
    s->curves = rs_curves_load(tune->curves, tune->task, err, err_size);
    if (!s->curves)
      goto fail;
    s->mean_seconds = rs_curves_seconds_mean(s->curves);
    epochs = rs_curves_epochs_min(s->curves);
    break;
  case RS_CURVE_MODEL:
    s->model = rs_curve_model_load(tune->curves, err, err_size);
    if (!s->model)
      goto fail;
    s->mean_seconds = rs_curve_model_seconds_mean(s->model);
    epochs = rs_curve_model_epochs_max(s->model);
    if (s->accuracy) {
      snprintf(err, err_size, "%s: the model has no accuracy; use metric=\"loss\", or source=\"recorded\"",
               tune->curves);
      goto fail;
    }
    break;
  case RS_CURVE_FUNCTION: {
    char name[256];
    s->train = rs_name_hash(tune->function);
    snprintf(name, sizeof name, "%s.create", tune->function);
    s->create = rs_name_hash(name);
    if (strcmp(tune->function, RS_LOGISTIC_NAME) == 0 && tune->param_count > RS_LOGISTIC_PARAMS_MAX) {
      snprintf(err, err_size,
               "%s:%u: " RS_LOGISTIC_NAME " has %u parameters (learning rate, batch size, l2); "
               "<param name=\"%s\"> is one too many",
               opts->file, tune->params[RS_LOGISTIC_PARAMS_MAX].line, (unsigned)RS_LOGISTIC_PARAMS_MAX,
               tune->params[RS_LOGISTIC_PARAMS_MAX].name);
      goto fail;
    }
    break;
  }
  }
  if (tune->r_max > epochs) {
    snprintf(err, err_size, "%s: its curves have %llu epochs; r_max=\"%llu\" is more; use at most r_max=\"%llu\"",
             tune->curves, (unsigned long long)epochs, (unsigned long long)tune->r_max, (unsigned long long)epochs);
    goto fail;
  }
  return s;
fail:
  rs_trial_source_free(s);
  return NULL;
}

void rs_trial_source_free(struct rs_trial_source *s)
{
  if (!s)
    return;
  rs_curves_free(s->curves);
  rs_curve_model_free(s->model);
  gsl_rng_free(s->rng);
  free(s);
}

static struct rs_task *replay_task(const struct rs_replay *replay)
{
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(replay->result_bytes));
  rs_replay_encode(replay, task->args);
  task->function = rs_replay_function();
  return task;
}

static struct rs_task *create(void *arg, const struct rs_tune_work *work)
{
  const struct rs_trial_source *s = arg;
  if (s->opts.tune->source == RS_CURVE_FUNCTION) {
    struct rs_tune_functions functions = {s->create, s->train};
    return rs_tune_function_trainable.create(&functions, work);
  }
  return replay_task(&(struct rs_replay){0});
}

static double epoch_scale(const struct rs_trial_source *s, uint64_t trial)
{
  return rs_dist_draw(&s->opts.tune->epoch_ns, rng_of(s, STREAM_EPOCH, trial, 0)) * 1e-9;
}

/* Real nanoseconds of a call that takes `seconds` without stragglers. */
static uint64_t duration_ns(const struct rs_trial_source *s, const struct rs_tune_work *work, double seconds)
{
  seconds *= rs_dist_straggler(s->opts.straggler_sd, s->opts.straggler_fraction,
                               rng_of(s, STREAM_STRAGGLER, work->trial, work->from + 1));
  return (uint64_t)(seconds * s->opts.time_scale * 1e9);
}

/* Fills values and the sum of the durations, in scenario seconds without stragglers. */
static double epochs_of(struct rs_trial_source *s, const struct rs_tune_work *work, struct rs_tune_metrics *metrics)
{
  const struct rs_scenario_tune *tune = s->opts.tune;
  double scale = epoch_scale(s, work->trial), sum = 0;
  struct rs_curve_params params;
  struct rs_curve curve = {0};
  if (s->model)
    rs_curve_draw(s->model, s->opts.seed, work->trial, &params);
  else
    curve = rs_curves_get(
        s->curves, (uint32_t)gsl_rng_uniform_int(rng_of(s, STREAM_CURVE, work->trial, 0), rs_curves_count(s->curves)));
  for (uint64_t epoch = work->from + 1; epoch <= work->to; epoch++) {
    uint32_t e = (uint32_t)epoch;
    double value, seconds;
    if (s->model) {
      value = rs_curve_loss(s->model, &params, e);
      seconds = tune->epoch_by_curve ? rs_curve_seconds(s->model, &params, e) : 0;
    } else {
      value = s->accuracy ? curve.accuracy[e - 1] : curve.loss[e - 1];
      seconds = curve.seconds[e - 1];
    }
    double took = scale * (tune->epoch_by_curve && s->mean_seconds > 0 ? seconds / s->mean_seconds : 1);
    sum += took;
    rs_tune_metrics_add(metrics, isfinite(value) ? value : RS_NAN, took);
  }
  return sum;
}

/* As the results name them (run.c): rung k ends at r_min x eta^k epochs, the last one at r_max. */
static uint32_t rung_of(const struct rs_trial_source *s, uint64_t epoch)
{
  const struct rs_scenario_tune *tune = s->opts.tune;
  uint32_t rung = 0;
  for (uint64_t end = tune->r_min; s->opts.rungs && end < epoch && end < tune->r_max && rung < 15; end *= tune->eta)
    rung++;
  return rung;
}

static struct rs_task *train(void *arg, const struct rs_tune_work *work)
{
  struct rs_trial_source *s = arg;
  if (s->opts.tune->source == RS_CURVE_FUNCTION) {
    struct rs_tune_functions functions = {s->create, s->train};
    return rs_tune_function_trainable.train(&functions, work);
  }
  struct rs_tune_metrics metrics = {0};
  double seconds = epochs_of(s, work, &metrics);
  uint32_t bytes = rs_tune_result_bytes(&metrics);
  uint8_t *result = rs_alloc(bytes);
  rs_tune_result_encode(&metrics, result);
  struct rs_replay replay = {.duration_ns = duration_ns(s, work, seconds),
                             .mode = s->opts.spin ? RS_REPLAY_SPIN : RS_REPLAY_SLEEP,
                             .tag = rung_of(s, work->to),
                             .return_bytes = s->opts.tune->checkpoint_bytes,
                             .result = result,
                             .result_bytes = bytes};
  struct rs_task *task = replay_task(&replay);
  task->return_count = s->opts.tune->checkpoint_bytes ? 2 : 1;
  free(result);
  free(metrics.epochs);
  return task;
}

static bool read_result(void *arg, const struct rs_tune_work *work, const struct rs_result *result,
                        struct rs_tune_metrics *metrics)
{
  struct rs_tune_functions unused = {0};
  (void)arg;
  return rs_tune_function_trainable.read(&unused, work, result, metrics);
}

const struct rs_tune_trainable rs_trial_trainable = {create, train, read_result, -1};
const struct rs_tune_trainable rs_trial_trainable_stored = {create, train, read_result, 1};

const struct rs_tune_trainable *rs_trial_trainable_of(const struct rs_trial_source *s)
{
  bool stored = s->opts.tune->source != RS_CURVE_FUNCTION && s->opts.tune->checkpoint_bytes > 0;
  return stored ? &rs_trial_trainable_stored : &rs_trial_trainable;
}

/* ---- functions, in a simulation ---- */

static double epoch_end(void *arg)
{
  return *(const double *)arg;
}

void rs_trial_task(struct rs_trial_source *s, uint64_t inline_max, struct rs_sim_task *how)
{
  const struct rs_task *task = how->task;
  if (s->opts.tune->source != RS_CURVE_FUNCTION || (task->function != s->train && task->function != s->create))
    return;
  if (s->train != rs_name_hash(RS_LOGISTIC_NAME))
    return; /* only workers know it */
  struct rs_replay returned = {0};
  uint8_t *bytes = NULL;
  how->known = true;
  if (task->function == s->train) {
    struct rs_tune_value values[RS_LOGISTIC_PARAMS_MAX];
    struct rs_tune_work work;
    double scale;
    if (!rs_tune_work_decode(task->args, task->args_bytes, &work, values, RS_LOGISTIC_PARAMS_MAX)) {
      how->status = RS_ERR_TASK_FAILED;
      return;
    }
    scale = epoch_scale(s, work.trial);
    if (rs_logistic_train(task->args, task->args_bytes, epoch_end, &scale, &bytes, &returned.result_bytes)) {
      how->status = RS_ERR_TASK_FAILED; /* at once: no epoch was begun */
      return;
    }
    returned.result = bytes;
    how->spin = true;
    how->duration_ns = duration_ns(s, &work, scale * (double)(work.to - work.from));
  }
  how->result = rs_replay_result(task, &returned, how->duration_ns, inline_max, rs_addr_raylet(how->worker));
  free(bytes);
}
