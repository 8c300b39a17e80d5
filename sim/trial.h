/* trial.h -- what a trial of a scenario's search does: the trainable that replays recorded or modelled learning curves.
 *
 * A trial's curve is fixed by (seed, trial number), whatever the scheduler: a recorded configuration drawn uniformly
 * from the table, or a draw of the fitted model. One training call is one task of the built-in function `replay`: it
 * takes the sum of its epochs' durations, stretched by the straggler factor of (seed, trial, first epoch), and returns
 * the metric of each epoch in lib/tune/wire.h's form.
 *
 * With `function` the task trains a registered C function instead: its results are real under every driver, as a
 * simulation calls the same function in its own process. How long it takes is declared in a simulation (epoch_time and
 * stragglers, as above) and real on a worker.
 *
 * The same calls under every driver: a simulated worker lets the duration pass, a real one sleeps or computes for it.
 */
#ifndef RS_SIM_TRIAL_H
#define RS_SIM_TRIAL_H

#include "lib/tune/tune.h"
#include "sim/scenario.h"

struct rs_sim_task;
struct rs_trial_source;

struct rs_trial_opts {
  const struct rs_scenario_tune *tune; /* must outlive the source */
  const char *file;                    /* of the scenario, for messages */
  uint64_t seed;
  double straggler_sd, straggler_fraction;
  double time_scale; /* durations are multiplied by this; 1 in a simulation */
  bool spin;         /* replayed calls compute instead of sleeping */
  bool rungs;        /* the scheduler has some: a call's tag is the rung that it trains towards, for who watches */
};

/* Loads the curves. NULL with "file:line: ..." in err. */
struct rs_trial_source *rs_trial_source_new(const struct rs_trial_opts *opts, char *err, size_t err_size);
void rs_trial_source_free(struct rs_trial_source *source);

/* The trainable for this source; its arg is the source. */
extern const struct rs_tune_trainable rs_trial_trainable, rs_trial_trainable_stored;
const struct rs_tune_trainable *rs_trial_trainable_of(const struct rs_trial_source *source);

/* For the driver's hook: fills in how a task of a search with source="function" goes, the result included; any other
 * task it leaves alone. inline_max: max_direct_call_object_size. */
void rs_trial_task(struct rs_trial_source *source, uint64_t inline_max, struct rs_sim_task *task);

#endif
