/* asha.c -- asynchronous successive halving: the promotion rule of Li et al., "A System for Massively Parallel
 * Hyperparameter Tuning", MLSys 2020.
 *
 * Rungs k = 0..K train to r eta^(s+k), K = floor(log_eta(R/r)) - s. Where a slot is free, the highest rung below the
 * top is looked at first: D holds the trials that have completed it, promoted ones included, best first; the best of
 * the first floor(|D|/eta) that has not started at the next rung yet is resumed there. If no rung has one, a new trial
 * starts at rung 0. Nothing waits for anything (only a bounded search may, at its end, for what is still running).
 *
 * The paper's loop over D is never run. Each rung keeps the first floor(|D|/eta) of D in `top`, a heap with its worst
 * on top, and the others in `rest`, with its best on top. An insertion moves at most two items between them.
 * `candidates` holds, best first, those in top that are not promoted; an item that has fallen out of top is skipped
 * when it comes up. So report and next take O(log |D|) amortised, plus the rungs looked at.
 *
 * Of a bounded search of N trials, no rung ever promotes beyond place floor(N/eta) of D, and an item's place only gets
 * worse: `kept`, a heap with its worst on top, holds that many, and what falls out of it unpromoted is discarded for
 * good.
 *
 * With several brackets, bracket b has early-stopping rate s + b and new trials rotate over them.
 */
#include "lib/tune/sched.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { IN_TOP = 1, PROMOTED = 2, IS_CANDIDATE = 4 };

struct rung {
  struct rs_tune_heap top, rest, candidates, kept;
  uint8_t *flags; /* of each trial in D, by order of arrival (= entry) */
  uint32_t count, cap;
};

struct bracket {
  uint32_t rung_count; /* K + 1 */
  struct rung *rungs;  /* K of them: nothing is promoted out of the top one */
};

struct asha {
  struct rs_tune_sched_opts opts;
  uint32_t bracket_count;
  struct bracket *brackets;
  uint32_t started, running;
  uint32_t kept_max; /* floor(N/eta), or UINT32_MAX */
  struct rs_tune_ids discarded;
};

static void *create(const struct rs_tune_sched_opts *opts)
{
  struct asha *asha = rs_alloc_zero(1, sizeof *asha);
  asha->opts = *opts;
  asha->kept_max = UINT32_MAX;
  if (opts->trial_count != RS_TUNE_TRIALS_UNBOUNDED)
    asha->kept_max = (uint32_t)(opts->trial_count / opts->eta);
  asha->bracket_count = opts->brackets ? opts->brackets : 1;
  asha->brackets = rs_alloc_zero(asha->bracket_count, sizeof *asha->brackets);
  uint32_t levels = rs_tune_levels(opts->r_min, opts->r_max, opts->eta);
  for (uint32_t b = 0; b < asha->bracket_count; b++) {
    uint32_t top = levels - opts->s - b;
    asha->brackets[b].rung_count = top + 1;
    asha->brackets[b].rungs = rs_alloc_zero(top, sizeof *asha->brackets[b].rungs);
    for (uint32_t k = 0; k < top; k++)
      asha->brackets[b].rungs[k].top.worst_first = asha->brackets[b].rungs[k].kept.worst_first = true;
  }
  return asha;
}

static void destroy(void *state)
{
  struct asha *asha = state;
  for (uint32_t b = 0; b < asha->bracket_count; b++) {
    for (uint32_t k = 0; k + 1 < asha->brackets[b].rung_count; k++) {
      struct rung *rung = &asha->brackets[b].rungs[k];
      rs_tune_heap_free(&rung->top);
      rs_tune_heap_free(&rung->rest);
      rs_tune_heap_free(&rung->candidates);
      rs_tune_heap_free(&rung->kept);
      free(rung->flags);
    }
    free(asha->brackets[b].rungs);
  }
  free(asha->brackets);
  rs_tune_ids_free(&asha->discarded);
  free(asha);
}

static void enter_top(struct rung *rung, struct rs_tune_item item)
{
  uint8_t *flags = &rung->flags[item.entry];
  rs_tune_heap_push(&rung->top, item);
  if (!(*flags & (PROMOTED | IS_CANDIDATE))) {
    rs_tune_heap_push(&rung->candidates, item);
    *flags |= IS_CANDIDATE;
  }
  *flags |= IN_TOP;
}

static void keep_or_discard(struct asha *asha, struct rung *rung, struct rs_tune_item item)
{
  if (asha->kept_max == UINT32_MAX)
    return;
  rs_tune_heap_push(&rung->kept, item);
  if (rung->kept.count > asha->kept_max) {
    struct rs_tune_item worst = rs_tune_heap_pop(&rung->kept);
    if (!(rung->flags[worst.entry] & PROMOTED))
      rs_tune_ids_add(&asha->discarded, worst.trial);
  }
}

/* The trial joins D. */
static void insert(struct asha *asha, struct rung *rung, uint64_t key, uint32_t trial)
{
  RS_GROW(rung->flags, rung->count, rung->cap);
  struct rs_tune_item item = {.key = key, .trial = trial, .entry = rung->count++};
  rung->flags[item.entry] = 0;
  rs_tune_heap_push(&rung->rest, item);
  if (rung->top.count < rung->count / asha->opts.eta) {
    enter_top(rung, rs_tune_heap_pop(&rung->rest));
  } else if (rung->top.count > 0 && rs_tune_better(rung->rest.items[0], rung->top.items[0])) {
    struct rs_tune_item out = rs_tune_heap_pop(&rung->top), in = rs_tune_heap_pop(&rung->rest);
    rung->flags[out.entry] &= (uint8_t)~IN_TOP;
    rs_tune_heap_push(&rung->rest, out);
    enter_top(rung, in);
  }
  RS_ASSERT(rung->top.count == rung->count / asha->opts.eta);
  keep_or_discard(asha, rung, item);
}

/* The best promotable trial of the rung, now promoted; false when there is none. */
static bool promote(struct rung *rung, uint32_t *trial)
{
  while (rung->candidates.count > 0) {
    struct rs_tune_item item = rs_tune_heap_pop(&rung->candidates);
    uint8_t *flags = &rung->flags[item.entry];
    RS_ASSERT(!(*flags & PROMOTED));
    *flags &= (uint8_t)~IS_CANDIDATE;
    if (*flags & IN_TOP) {
      *flags |= PROMOTED;
      *trial = item.trial;
      return true;
    }
  }
  return false;
}

static void fill_job(const struct asha *asha, uint32_t trial, uint32_t bracket, uint32_t k, struct rs_tune_job *job)
{
  uint32_t level = asha->opts.s + bracket + k;
  *job = (struct rs_tune_job){trial, bracket, level, rs_tune_level(asha->opts.r_min, asha->opts.eta, level)};
}

static enum rs_tune_pick next(void *state, struct rs_tune_job *job)
{
  struct asha *asha = state;
  uint32_t trial;
  for (uint32_t b = 0; b < asha->bracket_count; b++)
    for (uint32_t k = asha->brackets[b].rung_count - 1; k-- > 0;)
      if (promote(&asha->brackets[b].rungs[k], &trial)) {
        asha->running++;
        fill_job(asha, trial, b, k + 1, job);
        return RS_TUNE_PICK_RESUME;
      }
  if (asha->started < asha->opts.trial_count) {
    RS_ASSERT(asha->started < RS_TUNE_TRIALS_MAX);
    trial = asha->started++;
    asha->running++;
    fill_job(asha, trial, trial % asha->bracket_count, 0, job);
    return RS_TUNE_PICK_START;
  }
  return asha->running > 0 ? RS_TUNE_PICK_WAIT : RS_TUNE_PICK_DONE;
}

static enum rs_tune_verdict report(void *state, uint32_t trial, uint64_t resource, double value,
                                   struct rs_tune_job *job)
{
  (void)job;
  struct asha *asha = state;
  RS_ASSERT(trial < asha->started && asha->running > 0);
  asha->running--;
  uint32_t b = trial % asha->bracket_count;
  struct bracket *bracket = &asha->brackets[b];
  uint32_t level = rs_tune_levels(asha->opts.r_min, resource, asha->opts.eta);
  RS_ASSERT(level >= asha->opts.s + b && resource == rs_tune_level(asha->opts.r_min, asha->opts.eta, level));
  uint32_t k = level - asha->opts.s - b;
  RS_ASSERT(k < bracket->rung_count);
  if (k + 1 == bracket->rung_count) {
    rs_tune_ids_add(&asha->discarded, trial);
    return RS_TUNE_COMPLETE;
  }
  insert(asha, &bracket->rungs[k], rs_tune_key(asha->opts.mode, value), trial);
  return RS_TUNE_PAUSE;
}

static void drop(void *state, uint32_t trial)
{
  struct asha *asha = state;
  RS_ASSERT(trial < asha->started && asha->running > 0);
  asha->running--;
  rs_tune_ids_add(&asha->discarded, trial);
}

static bool discard(void *state, uint32_t *trial)
{
  struct asha *asha = state;
  return rs_tune_ids_take(&asha->discarded, trial);
}

const struct rs_tune_sched rs_tune_asha = {
    "asha", "asynchronous successive halving, by promotion (Li et al. 2020)", create, destroy, next, report, drop,
    discard};
