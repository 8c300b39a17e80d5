/* tune.h -- the Tune controller: a search over configurations as an application above an owner endpoint.
 *
 * Trials are actors. One actor call trains a trial to its next decision point and returns the metric of every epoch;
 * then the scheduler says what becomes of the slot. A paused trial keeps nothing but its checkpoint: its actor ends
 * (unless the very same trial goes on, or `reuse_actors` is on and another one takes the actor over); resuming starts a
 * new actor from the checkpoint. A failed attempt (the function's error, a dead worker or node) is tried again from the
 * last checkpoint max_failures times, as Ray's FailureConfig does, then the trial is dropped.
 *
 * What training means is the trainable's affair: recorded curves, a generative model and real C functions all fit. The
 * controller is pure, as every rs_app (core/app.h): same options, same replies, same calls. Not thread-safe.
 *
 * Ray's names where Ray has the option. Departures: a trial number fixes its configuration (space.h); with reuse_actors
 * an idle actor waits for the next trial without limit of time.
 */
#ifndef RS_TUNE_TUNE_H
#define RS_TUNE_TUNE_H

#include "core/app.h"
#include "lib/tune/sched.h"
#include "lib/tune/space.h"

/* What an actor is asked to do: train `trial` from `from` epochs to `to`. Valid during the callback only. */
struct rs_tune_work {
  uint32_t trial;
  uint64_t seed;                      /* of the search */
  const struct rs_tune_value *values; /* the configuration: value_count of them, in the space's order */
  uint32_t value_count;
  uint64_t from, to;
  bool fresh; /* the actor does not hold this trial yet: it must begin from the checkpoint (from > 0) or from nothing */
  const uint8_t *checkpoint; /* as a result brought it, at epoch `from` */
  uint32_t checkpoint_bytes;
  struct rs_dep checkpoint_object; /* where checkpoint_return >= 0: to be given as a dependency; id.seq 0 = none */
};

struct rs_tune_epoch {
  double value;   /* the metric; NaN is worse than everything */
  double seconds; /* that the epoch took, as measured by the trainable */
};

struct rs_tune_metrics {
  struct rs_tune_epoch *epochs; /* epochs[i] is epoch from + 1 + i */
  uint32_t count, cap;
  const uint8_t *checkpoint; /* into the result; copied by the controller */
  uint32_t checkpoint_bytes;
};
void rs_tune_metrics_add(struct rs_tune_metrics *metrics, double value, double seconds);

struct rs_tune_trainable {
  /* The actor's creation task and the call that trains, each with one reference: function, arguments and dependencies
   * are the trainable's; ids, flags and actor are filled in by the controller. A training call returns at least one
   * object. */
  struct rs_task *(*create)(void *arg, const struct rs_tune_work *work);
  struct rs_task *(*train)(void *arg, const struct rs_tune_work *work);
  /* Reads a successful result: adds exactly to - from epochs. False where it makes no sense: the attempt has failed. */
  bool (*read)(void *arg, const struct rs_tune_work *work, const struct rs_result *result,
               struct rs_tune_metrics *metrics);
  /* Which return of a training call is the checkpoint as an object in the store, or -1: blobs inside the result only.
   * The controller keeps that object until a later checkpoint takes its place.
   */
  int checkpoint_return;
};

enum rs_tune_event_kind {
  RS_TUNE_STARTED,   /* a new trial: its first call is on its way to `rung` */
  RS_TUNE_RESUMED,   /* a paused or failed one goes on towards `rung` */
  RS_TUNE_REPORTED,  /* epochs epoch - epoch_count + 1 .. epoch have come in, at now */
  RS_TUNE_CONTINUED, /* goes on towards `rung` without a pause */
  RS_TUNE_PAUSED,
  RS_TUNE_STOPPED,   /* not good enough */
  RS_TUNE_COMPLETED, /* trained to R */
  RS_TUNE_FAILED,    /* an attempt is lost, for reason `status`; RESUMED follows, or DROPPED */
  RS_TUNE_DROPPED,   /* no retries are left */
};

struct rs_tune_event {
  enum rs_tune_event_kind kind;
  uint64_t now; /* the owner's clock */
  uint32_t trial;
  uint32_t bracket, rung;             /* of the job, see sched.h */
  uint64_t epoch;                     /* trained in total, as known to the controller */
  double value;                       /* REPORTED: of the last epoch */
  const struct rs_tune_epoch *epochs; /* REPORTED: epoch_count of them; valid during the callback */
  uint32_t epoch_count;
  int32_t status; /* FAILED: enum rs_error */
};

typedef void rs_tune_observe(void *arg, const struct rs_tune_event *event);

#define RS_TUNE_NO_LIMIT UINT32_MAX

struct rs_tune_opts {
  const struct rs_tune_sched *sched;
  struct rs_tune_sched_opts sched_opts; /* trial_count is filled in: num_samples x grid points */
  const struct rs_tune_space *space;    /* NULL: no parameters. Must outlive the controller, as all pointers here */
  uint64_t seed;
  const struct rs_tune_trainable *trainable;
  void *trainable_arg;
  struct rs_demand demand; /* of one trial: to place its actor, and held while it lives */
  uint8_t strategy;        /* enum rs_strategy */
  uint64_t num_samples;    /* passes over the grid, or RS_TUNE_TRIALS_UNBOUNDED */
  uint32_t concurrency;    /* trials at a time; 0 or RS_TUNE_NO_LIMIT: as many as get an actor */
  uint32_t
      pending_max; /* actors asked for that do not live yet; 0: with a concurrency that many, otherwise the larger of
                      16 and a quarter of the living ones, so that a cluster of any size fills in a few rounds */
  uint32_t max_failures;        /* retries of a trial; RS_TUNE_NO_LIMIT: for ever */
  uint64_t time_budget_ns;      /* from the start; RS_TIME_NEVER: none. What comes in later does not count */
  uint64_t epochs_per_call_max; /* longer jobs are cut into several calls, each with a checkpoint; 0: never */
  bool reuse_actors;
  uint64_t first_seq;       /* sequence numbers of this owner from here on are the controller's; 0: from 1 */
  rs_tune_observe *observe; /* may be NULL */
  void *observe_arg;
};

/* Times are since the start of the search; RS_TIME_NEVER = has not happened. Trials are RS_TUNE_NO_LIMIT where there is
 * none. */
struct rs_tune_summary {
  double best_value; /* over all epochs that came in; NaN before the first number */
  uint32_t best_trial;
  uint64_t best_epoch, best_ns;
  double best_complete_value; /* last value of the best trial that was trained to R; NaN before the first */
  uint32_t best_complete_trial;
  uint64_t first_complete_ns;                                     /* when the first trial was trained to R */
  uint32_t started, completed, stopped, dropped, paused, running; /* trials; paused and running: now */
  uint64_t attempts_failed, reports, epochs;
  uint64_t actors, calls;                    /* made */
  uint64_t rung_started[RS_TUNE_RUNGS_MAX];  /* jobs towards each rung */
  uint64_t rung_reported[RS_TUNE_RUNGS_MAX]; /* ... that came in */
  uint64_t end_ns;                           /* duration of the search */
  bool ended, budget_used;                   /* ended because of the time budget */
  int32_t error; /* why it was given up: no node can hold a trial, no such function, or nothing but failures; else
                    RS_ERR_OK */
};

/* After this many failed attempts in a row, and ten more for each slot, without a single result the search is given up:
 * the cluster is gone, or the function never works. */
#define RS_TUNE_FRUITLESS_MAX 1000u

/* When the search is over, actors get this long to end before done() is true regardless. */
#define RS_TUNE_STOP_GRACE_NS (10 * RS_S)

/* NULL when the options are sound; otherwise one sentence in static memory. */
const char *rs_tune_check(const struct rs_tune_opts *opts);

/* The controller; opts are copied and must be sound. The pointer is to be used as an application, then freed here. */
struct rs_app *rs_tune_new(const struct rs_tune_opts *opts);
void rs_tune_free(struct rs_app *app);

struct rs_tune_summary rs_tune_summarise(const struct rs_app *app);

#endif
