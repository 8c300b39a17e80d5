/* fifo.c -- every trial is trained to R, in order. O(1) a call. */
#include "lib/tune/sched.h"

#include "base/alloc.h"
#include "base/assert.h"

struct fifo {
  struct rs_tune_sched_opts opts;
  uint32_t started;
  struct rs_tune_ids discarded;
};

static void *create(const struct rs_tune_sched_opts *opts)
{
  struct fifo *fifo = rs_alloc_zero(1, sizeof *fifo);
  fifo->opts = *opts;
  return fifo;
}

static void destroy(void *state)
{
  struct fifo *fifo = state;
  rs_tune_ids_free(&fifo->discarded);
  free(fifo);
}

static enum rs_tune_pick next(void *state, struct rs_tune_job *job)
{
  struct fifo *fifo = state;
  if (fifo->started >= fifo->opts.trial_count)
    return RS_TUNE_PICK_DONE;
  RS_ASSERT(fifo->started < RS_TUNE_TRIALS_MAX);
  *job = (struct rs_tune_job){.trial = fifo->started++, .to = fifo->opts.r_max};
  return RS_TUNE_PICK_START;
}

static void drop(void *state, uint32_t trial)
{
  struct fifo *fifo = state;
  RS_ASSERT(trial < fifo->started);
  rs_tune_ids_add(&fifo->discarded, trial);
}

static enum rs_tune_verdict report(void *state, uint32_t trial, uint64_t resource, double value,
                                   struct rs_tune_job *job)
{
  (void)value;
  (void)job;
  struct fifo *fifo = state;
  RS_ASSERT(resource == fifo->opts.r_max);
  drop(fifo, trial);
  return RS_TUNE_COMPLETE;
}

static bool discard(void *state, uint32_t *trial)
{
  struct fifo *fifo = state;
  return rs_tune_ids_take(&fifo->discarded, trial);
}

const struct rs_tune_sched rs_tune_fifo = {"fifo", "every trial to R, in order", create, destroy, next, report, drop,
                                           discard};
