/* A trial is idle or trains at one rung; the occupancy of a rung changes when a trial begins or ends to train there. */
#include "sim/results_trials.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/time.h"

enum { BINS = 512 };
enum state { NEW, TRAINING, PAUSED, STOPPED, COMPLETE, LOST };
static const char *const state_names[] = {"new", "training", "paused", "stopped", "complete", "lost"};

void rs_trials_init(struct rs_trials *trials, bool maximise)
{
  memset(trials, 0, sizeof *trials);
  trials->maximise = maximise;
  trials->best_value = trials->best_complete = NAN;
  trials->first_complete_ns = RS_TIME_NEVER;
  rs_bins_init(&trials->occupancy, RS_RESULTS_TAGS, BINS);
}

void rs_trials_free(struct rs_trials *trials)
{
  free(trials->trials);
  free(trials->texts);
  rs_bins_free(&trials->occupancy);
}

static struct rs_trial *trial_of(struct rs_trials *trials, uint32_t number)
{
  RS_ASSERT(number < UINT32_MAX);
  while (trials->count <= number) {
    RS_GROW(trials->trials, trials->count, trials->cap);
    trials->trials[trials->count++] = (struct rs_trial){.best = NAN, .value = NAN, .resource = NAN};
  }
  return &trials->trials[number];
}

static bool better(const struct rs_trials *trials, double value, double than)
{
  return !isnan(value) && (isnan(than) || (trials->maximise ? value > than : value < than));
}

static void add_best(struct rs_trials *trials, uint64_t now, uint32_t trial, double value)
{
  trials->best_value = value;
  if (trials->best_count == RS_BEST_MAX) {
    trials->best_count = 0;
    for (uint32_t i = 0; i < RS_BEST_MAX; i += 2)
      trials->best[trials->best_count++] = trials->best[i];
  }
  if (trials->best_count > 0 && trials->best[trials->best_count - 1].time_ns == now)
    trials->best_count--; /* several at one moment: the last, and best, of them */
  trials->best[trials->best_count++] = (struct rs_best_point){.time_ns = now, .value = value, .trial = trial};
}

static void leave(struct rs_trials *trials, struct rs_trial *trial, uint64_t now)
{
  if (trial->state == TRAINING)
    rs_bins_add(&trials->occupancy, now, trial->rung, -1);
}

static void train(struct rs_trials *trials, struct rs_trial *trial, uint64_t now, uint8_t rung)
{
  if (rung >= RS_RESULTS_TAGS)
    rung = RS_RESULTS_TAGS - 1;
  leave(trials, trial, now);
  trials->rung_started[rung]++;
  trials->promotions += trial->started && rung > trial->rung;
  if (rung + 1u > trials->rungs)
    trials->rungs = rung + 1u;
  trial->rung = rung;
  trial->state = TRAINING;
  rs_bins_add(&trials->occupancy, now, rung, 1);
}

static void report(struct rs_trials *trials, struct rs_trial *trial, const struct rs_trial_event *event)
{
  trials->reports++;
  trial->value = event->value;
  trial->resource = event->resource;
  if (better(trials, event->value, trial->best))
    trial->best = event->value;
  if (better(trials, event->value, trials->best_value))
    add_best(trials, event->now_ns, event->trial, event->value);
}

void rs_trials_event(struct rs_trials *trials, const struct rs_trial_event *event)
{
  struct rs_trial *trial = trial_of(trials, event->trial);
  uint64_t now = event->now_ns;
  switch ((enum rs_trial_kind)event->kind) {
  case RS_TRIAL_START:
    if (!trial->started)
      trial->start_ns = now;
    trials->started += !trial->started;
    train(trials, trial, now, event->rung);
    trial->started = 1;
    break;
  case RS_TRIAL_RESUME:
  case RS_TRIAL_RUNG: train(trials, trial, now, event->rung); break;
  case RS_TRIAL_REPORT: report(trials, trial, event); break;
  case RS_TRIAL_PAUSE:
    leave(trials, trial, now);
    trial->pauses++;
    trial->state = PAUSED;
    break;
  case RS_TRIAL_STOP:
    leave(trials, trial, now);
    trials->stopped++;
    trial->state = STOPPED;
    break;
  case RS_TRIAL_COMPLETE:
    leave(trials, trial, now);
    trials->completed++;
    trial->state = COMPLETE;
    if (now < trials->first_complete_ns)
      trials->first_complete_ns = now;
    if (better(trials, trial->best, trials->best_complete))
      trials->best_complete = trial->best;
    break;
  case RS_TRIAL_FAIL:
    leave(trials, trial, now);
    trials->failures++;
    trial->failures++;
    trial->state = LOST;
    break;
  }
  trial->last_ns = now;
}

void rs_trials_config(struct rs_trials *trials, uint32_t number, const char *text)
{
  struct rs_trial *trial = trial_of(trials, number);
  size_t size = strlen(text) + 1;
  if (trials->text_size + size > trials->text_cap) {
    trials->text_cap = 2 * (trials->text_size + size);
    trials->texts = rs_realloc(trials->texts, trials->text_cap, 1);
  }
  RS_ASSERT(trials->text_size + size < UINT32_MAX);
  memcpy(trials->texts + trials->text_size, text, size);
  trial->config = (uint32_t)trials->text_size + 1;
  trials->text_size += size;
}

void rs_trials_write(const struct rs_trials *trials, struct rs_out *out)
{
  rs_out_text(out, "trial,state,rung,resource,value,best,start_s,last_s,pauses,failures,config\n");
  for (uint32_t i = 0; i < trials->count; i++) {
    const struct rs_trial *trial = &trials->trials[i];
    rs_out_u64(out, i);
    rs_out_char(out, ',');
    rs_out_text(out, state_names[trial->state]);
    rs_out_char(out, ',');
    rs_out_u64(out, trial->rung);
    rs_out_char(out, ',');
    rs_out_double(out, trial->resource);
    rs_out_char(out, ',');
    rs_out_double(out, trial->value);
    rs_out_char(out, ',');
    rs_out_double(out, trial->best);
    rs_out_char(out, ',');
    if (trial->started)
      rs_out_seconds(out, trial->start_ns);
    rs_out_char(out, ',');
    rs_out_seconds(out, trial->last_ns);
    rs_out_char(out, ',');
    rs_out_u64(out, trial->pauses);
    rs_out_char(out, ',');
    rs_out_u64(out, trial->failures);
    rs_out_char(out, ',');
    if (trial->config)
      rs_out_csv(out, trials->texts + trial->config - 1);
    rs_out_char(out, '\n');
  }
}
