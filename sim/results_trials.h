/* results_trials.h -- the trials of a run: their state, the best value so far over time, and who trains at which rung.
 *
 * 64 bytes a trial. The best-so-far series holds at most RS_BEST_MAX improvements: when full, every second one is
 * dropped (the first and the newest stay), so the curve never shows a value before it was reached. Not thread-safe.
 */
#ifndef RS_SIM_RESULTS_TRIALS_H
#define RS_SIM_RESULTS_TRIALS_H

#include "sim/results.h"
#include "sim/results_bins.h"
#include "sim/results_out.h"

#define RS_BEST_MAX 2000u

struct rs_trial {
  uint64_t start_ns, last_ns; /* first START; last event */
  double best, value;         /* best and last report; NaN before the first */
  double resource;            /* of the last report */
  uint32_t config;            /* 1 + offset into the texts; 0 = none */
  uint16_t pauses, failures;
  uint8_t rung; /* where it trains, or trained last */
  uint8_t state;
  uint8_t started;
  uint8_t reserved[5];
};

struct rs_best_point {
  uint64_t time_ns;
  double value;
  uint32_t trial;
};

struct rs_trials {
  bool maximise;
  struct rs_trial *trials;
  uint32_t count, cap;
  char *texts; /* configurations, NUL after each */
  size_t text_size, text_cap;
  struct rs_best_point best[RS_BEST_MAX];
  uint32_t best_count;
  double best_value, best_complete; /* NaN before the first */
  uint64_t first_complete_ns;       /* RS_TIME_NEVER before the first */
  uint32_t started, completed, stopped, failures;
  uint64_t reports, promotions; /* promotions: RESUME or RUNG to a higher rung */
  uint32_t rungs;               /* 1 + the highest rung seen */
  uint64_t rung_started[RS_RESULTS_TAGS];
  struct rs_bins occupancy; /* a column a rung: trials training there */
};

void rs_trials_init(struct rs_trials *trials, bool maximise);
void rs_trials_free(struct rs_trials *trials);
void rs_trials_event(struct rs_trials *trials, const struct rs_trial_event *event);
void rs_trials_config(struct rs_trials *trials, uint32_t trial, const char *text);

/* Writes the body of trials.csv, in the order of trial numbers. */
void rs_trials_write(const struct rs_trials *trials, struct rs_out *out);

#endif
