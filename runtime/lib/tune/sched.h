/* sched.h -- trial schedulers: which trial trains next, and how far.
 *
 * A scheduler is a state machine without time: the controller asks it when a slot is free, and tells it what came out.
 * It knows trials by number only; it hands the numbers of new trials out in order, 0, 1, 2 ... Resource = epochs
 * trained in total. Every scheduler is one file and one table entry here; none knows a driver, a clock or a
 * configuration.
 *
 * The controller's part of the contract:
 *   - a job given by next(), or by a report that answered CONTINUE, runs until exactly one report() or drop() of its
 * trial;
 *   - report() names the job's own resource `to`;
 *   - a job that failed but will be tried again is still running: drop() is for good;
 *   - after WAIT, ask again when a report or a drop has come in between.
 *
 * Not thread-safe. next, report, drop: amortised O(log trials) (plus the number of rungs), also for 300,000 trials.
 */
#ifndef RS_TUNE_SCHED_H
#define RS_TUNE_SCHED_H

#include "lib/tune/order.h"

#include <stdbool.h>
#include <stdint.h>

#define RS_TUNE_TRIALS_UNBOUNDED UINT64_MAX
#define RS_TUNE_TRIALS_MAX (UINT32_MAX - 1) /* of a bounded search */
#define RS_TUNE_RUNGS_MAX 64                /* levels of the ladder of resources */

struct rs_tune_sched_opts {
  enum rs_tune_mode mode;
  uint32_t eta;          /* reduction factor, >= 2 */
  uint64_t r_min, r_max; /* epochs of the lowest rung (r), of a fully trained trial (R): 1 <= r <= R */
  uint64_t grace;        /* asha-stopping: epochs of its lowest rung instead of r_min; 0 = r_min */
  uint32_t s;            /* asha, sha: early-stopping rate, the lowest rung is r eta^s */
  uint32_t brackets;     /* asha, asha-stopping: new trials rotate over brackets s, s+1 ...; hyperband: how many of the
                            most aggressive ones are used. 0 = one for the first two, all for hyperband */
  uint32_t bracket_size; /* sha: configurations a bracket; 0 = eta^K, so that one of them reaches the top */
  uint64_t trial_count;  /* new trials to start in all, or RS_TUNE_TRIALS_UNBOUNDED */
};

struct rs_tune_job {
  uint32_t trial;
  uint32_t bracket; /* for reports: which bracket (asha: s - opts.s; sha: its number; hyperband: the paper's s) */
  uint32_t rung;    /* for reports: the level of `to` on the ladder, 0 = the lowest; below RS_TUNE_RUNGS_MAX */
  uint64_t to;      /* train until this resource */
};

enum rs_tune_pick {
  RS_TUNE_PICK_START,  /* a new trial */
  RS_TUNE_PICK_RESUME, /* one that was paused */
  RS_TUNE_PICK_WAIT,   /* nothing now */
  RS_TUNE_PICK_DONE,   /* nothing ever again; what runs, runs on */
};

enum rs_tune_verdict {
  RS_TUNE_CONTINUE, /* go on in the same slot, to *job */
  RS_TUNE_PAUSE,    /* keep its checkpoint: it may be resumed */
  RS_TUNE_STOP,     /* never again: it was not good enough */
  RS_TUNE_COMPLETE, /* never again: it has all that it can get */
};

struct rs_tune_sched {
  const char *name, *doc;                                 /* doc: one line */
  void *(*create)(const struct rs_tune_sched_opts *opts); /* opts have passed rs_tune_sched_check; copied */
  void (*destroy)(void *state);
  enum rs_tune_pick (*next)(void *state, struct rs_tune_job *job); /* a slot is free; fills *job for START and RESUME */
  enum rs_tune_verdict (*report)(void *state, uint32_t trial, uint64_t resource, double value, struct rs_tune_job *job);
  void (*drop)(void *state, uint32_t trial); /* its job is lost and will not be tried again */
  /* Takes one trial that will never be named again from the list of those, false when there is none: whoever keeps
   * checkpoints may forget them. After DONE with nothing running, that holds for every trial. */
  bool (*discard)(void *state, uint32_t *trial);
};

extern const struct rs_tune_sched rs_tune_fifo, rs_tune_asha, rs_tune_asha_stopping, rs_tune_sha, rs_tune_hyperband;

extern const struct rs_tune_sched *const rs_tune_scheds[]; /* every scheduler, ended by NULL */
extern const char *const rs_tune_sched_names[];            /* their names, in the same order, ended by NULL */

const struct rs_tune_sched *rs_tune_sched_find(const char *name); /* NULL when there is none of this name */

/* NULL when these options are sound for this scheduler; otherwise one sentence in static memory. */
const char *rs_tune_sched_check(const struct rs_tune_sched *sched, const struct rs_tune_sched_opts *opts);

/* floor(log_eta(high / low)): how many times low can be multiplied by eta without passing high. */
uint32_t rs_tune_levels(uint64_t low, uint64_t high, uint32_t eta);

/* low eta^level; the result must not overflow. */
uint64_t rs_tune_level(uint64_t low, uint32_t eta, uint32_t level);

#endif
