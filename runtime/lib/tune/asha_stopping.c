/* asha_stopping.c -- Ray Tune's ASHAScheduler: asynchronous successive halving by stopping.
 *
 * A trial trains on without a pause. At each milestone grace eta^(s+k) below R its reward (the value, negated in mode
 * min) is compared with the (1 - 1/eta) percentile of the rewards recorded there before it, and only then recorded
 * itself: the first to arrive always survives. It stops if it is below; at R it is complete. The percentile is numpy's
 * nanpercentile: linear interpolation between neighbours, NaN ignored, in the same floating-point steps.
 *
 * Departures from Ray: a NaN reward counts as below any percentile (in Ray the comparison is false and the trial trains
 * on); with several brackets new trials rotate over them (Ray draws the bracket at random, weighted by its number of
 * rungs).
 *
 * A milestone keeps the rewards up to the percentile's place in `low` (a heap with its best on top) and the others in
 * `high` (its worst on top): O(log n) a report. A result that is recorded never leaves, since each later percentile
 * needs it.
 */
#include "lib/tune/sched.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"

struct milestone {
  struct rs_tune_heap low, high; /* low: the floor(q (n-1)) + 1 worst of n */
};

struct stopping {
  struct rs_tune_sched_opts opts;
  uint64_t grace;
  double quantile;
  uint32_t bracket_count, level_count; /* level l: grace eta^l <= R */
  struct milestone *milestones;        /* [bracket][level] */
  uint32_t started;
  struct rs_tune_ids discarded;
};

static void *create(const struct rs_tune_sched_opts *opts)
{
  struct stopping *stopping = rs_alloc_zero(1, sizeof *stopping);
  stopping->opts = *opts;
  stopping->grace = opts->grace ? opts->grace : opts->r_min;
  stopping->quantile = (1.0 - 1.0 / opts->eta) * 100.0 / 100.0;
  stopping->bracket_count = opts->brackets ? opts->brackets : 1;
  stopping->level_count = rs_tune_levels(stopping->grace, opts->r_max, opts->eta) + 1;
  stopping->milestones =
      rs_alloc_zero((size_t)stopping->bracket_count * stopping->level_count, sizeof(struct milestone));
  for (uint32_t i = 0; i < stopping->bracket_count * stopping->level_count; i++)
    stopping->milestones[i].high.worst_first = true;
  return stopping;
}

static void destroy(void *state)
{
  struct stopping *stopping = state;
  for (uint32_t i = 0; i < stopping->bracket_count * stopping->level_count; i++) {
    rs_tune_heap_free(&stopping->milestones[i].low);
    rs_tune_heap_free(&stopping->milestones[i].high);
  }
  free(stopping->milestones);
  rs_tune_ids_free(&stopping->discarded);
  free(stopping);
}

/* The percentile of what is recorded; false when nothing is. */
static bool cutoff(const struct stopping *stopping, const struct milestone *milestone, double *reward)
{
  uint32_t count = milestone->low.count + milestone->high.count;
  if (count == 0)
    return false;
  double place = (count - 1) * stopping->quantile, part = place - rs_floor(place);
  double a = -rs_tune_key_loss(milestone->low.items[0].key), b = a;
  if (milestone->high.count > 0)
    b = -rs_tune_key_loss(milestone->high.items[0].key);
  if (!rs_is_finite(b - a)) /* an infinite neighbour */
    *reward = part == 0 || !rs_is_finite(a) ? a : b;
  else /* as numpy does: counted from the nearer end */
    *reward = part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
  return true;
}

static void record(const struct stopping *stopping, struct milestone *milestone, struct rs_tune_item item)
{
  if (milestone->low.count > 0 && rs_tune_better(item, milestone->low.items[0]))
    rs_tune_heap_push(&milestone->high, item);
  else
    rs_tune_heap_push(&milestone->low, item);
  uint32_t count = milestone->low.count + milestone->high.count;
  uint32_t low_count = (uint32_t)((count - 1) * stopping->quantile) + 1;
  while (milestone->low.count > low_count)
    rs_tune_heap_push(&milestone->high, rs_tune_heap_pop(&milestone->low));
  while (milestone->low.count < low_count)
    rs_tune_heap_push(&milestone->low, rs_tune_heap_pop(&milestone->high));
}

static void fill_job(const struct stopping *stopping, uint32_t trial, uint32_t level, struct rs_tune_job *job)
{
  uint64_t to = stopping->opts.r_max;
  if (level < stopping->level_count)
    to = rs_tune_level(stopping->grace, stopping->opts.eta, level);
  *job = (struct rs_tune_job){trial, trial % stopping->bracket_count, level, to};
}

static enum rs_tune_pick next(void *state, struct rs_tune_job *job)
{
  struct stopping *stopping = state;
  if (stopping->started >= stopping->opts.trial_count)
    return RS_TUNE_PICK_DONE;
  RS_ASSERT(stopping->started < RS_TUNE_TRIALS_MAX);
  uint32_t trial = stopping->started++;
  fill_job(stopping, trial, stopping->opts.s + trial % stopping->bracket_count, job);
  return RS_TUNE_PICK_START;
}

static enum rs_tune_verdict report(void *state, uint32_t trial, uint64_t resource, double value,
                                   struct rs_tune_job *job)
{
  struct stopping *stopping = state;
  RS_ASSERT(trial < stopping->started && resource >= stopping->grace && resource <= stopping->opts.r_max);
  if (resource == stopping->opts.r_max) {
    rs_tune_ids_add(&stopping->discarded, trial);
    return RS_TUNE_COMPLETE;
  }
  uint32_t level = rs_tune_levels(stopping->grace, resource, stopping->opts.eta);
  RS_ASSERT(resource == rs_tune_level(stopping->grace, stopping->opts.eta, level));
  struct milestone *milestone = &stopping->milestones[trial % stopping->bracket_count * stopping->level_count + level];
  uint64_t key = rs_tune_key(stopping->opts.mode, value);
  double below;
  bool stop = cutoff(stopping, milestone, &below) && !(-rs_tune_key_loss(key) >= below);
  if (key != RS_TUNE_KEY_NAN)
    record(stopping, milestone, (struct rs_tune_item){.key = key, .trial = trial});
  if (stop) {
    rs_tune_ids_add(&stopping->discarded, trial);
    return RS_TUNE_STOP;
  }
  fill_job(stopping, trial, level + 1, job);
  return RS_TUNE_CONTINUE;
}

static void drop(void *state, uint32_t trial)
{
  struct stopping *stopping = state;
  RS_ASSERT(trial < stopping->started);
  rs_tune_ids_add(&stopping->discarded, trial);
}

static bool discard(void *state, uint32_t *trial)
{
  struct stopping *stopping = state;
  return rs_tune_ids_take(&stopping->discarded, trial);
}

const struct rs_tune_sched rs_tune_asha_stopping = {
    "asha-stopping",
    "asynchronous successive halving, by stopping (Ray Tune's ASHAScheduler)",
    create,
    destroy,
    next,
    report,
    drop,
    discard};
