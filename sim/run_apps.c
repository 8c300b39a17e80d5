/* run_apps.c -- the driver programs of a scenario: a controller for each search, one program for each owner of a task
 * workload; all wrapped by observers. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/demand.h"
#include "sim/run.h"
#include "sim/scenario_config.h"
#include "sim/trial.h"
#include "sim/workload.h"

struct search {
  struct rs_trial_source *source;
  struct rs_tune_param *params;
  struct rs_tune_space space;
  struct rs_app *app;
  uint64_t budget_ns; /* scenario time */
};

struct program {
  struct rs_observer *observer;
  const struct rs_scenario_workload *workload;
  struct search *search;          /* or */
  struct rs_workload *load;
};

struct rs_apps {
  struct rs_apps_opts opts;
  struct program *programs;
  uint32_t count, cap;
};

/* ---- searches ---- */

static void make_space(struct search *s, const struct rs_scenario_tune *tune)
{
  static const enum rs_tune_param_kind kinds[] = {[RS_SPACE_UNIFORM] = RS_TUNE_UNIFORM,
                                                  [RS_SPACE_QUNIFORM] = RS_TUNE_QUNIFORM,
                                                  [RS_SPACE_LOGUNIFORM] = RS_TUNE_LOGUNIFORM,
                                                  [RS_SPACE_QLOGUNIFORM] = RS_TUNE_QLOGUNIFORM,
                                                  [RS_SPACE_RANDINT] = RS_TUNE_RANDINT,
                                                  [RS_SPACE_LOGRANDINT] = RS_TUNE_LOGRANDINT,
                                                  [RS_SPACE_RANDN] = RS_TUNE_RANDN,
                                                  [RS_SPACE_CHOICE] = RS_TUNE_CHOICE,
                                                  [RS_SPACE_GRID] = RS_TUNE_GRID_SEARCH};
  s->params = rs_alloc_zero(tune->param_count, sizeof *s->params);
  for (uint32_t i = 0; i < tune->param_count; i++) {
    const struct rs_scenario_param *p = &tune->params[i];
    bool numbers = true;
    for (uint32_t k = 0; k < p->value_count; k++)
      numbers = numbers && p->numbers[k] == p->numbers[k];
    s->params[i] = (struct rs_tune_param){.name = p->name,
                                          .kind = kinds[p->kind],
                                          .low = p->a,
                                          .high = p->b,
                                          .q = p->q,
                                          .values = numbers ? p->numbers : NULL,
                                          .value_count = p->value_count};
  }
  s->space = (struct rs_tune_space){s->params, tune->param_count};
}

/* What the controller tells about trials, for the results. */
static void on_trial(void *arg, const struct rs_tune_event *event)
{
  static const enum rs_trial_kind kinds[] = {
      [RS_TUNE_STARTED] = RS_TRIAL_START,   [RS_TUNE_RESUMED] = RS_TRIAL_RESUME, [RS_TUNE_REPORTED] = RS_TRIAL_REPORT,
      [RS_TUNE_CONTINUED] = RS_TRIAL_RUNG,  [RS_TUNE_PAUSED] = RS_TRIAL_PAUSE,   [RS_TUNE_STOPPED] = RS_TRIAL_STOP,
      [RS_TUNE_COMPLETED] = RS_TRIAL_COMPLETE, [RS_TUNE_FAILED] = RS_TRIAL_FAIL, [RS_TUNE_DROPPED] = RS_TRIAL_STOP};
  const struct program *program = arg;
  struct rs_results *results = *(struct rs_results **)(void *)((char *)program->search + sizeof *program->search);
  if (!results)
    return;
  struct rs_trial_event to = {.now_ns = rs_observer_time(program->observer, event->now),
                              .trial = event->trial,
                              .kind = (uint8_t)kinds[event->kind],
                              .rung = (uint8_t)event->rung};
  if (event->kind != RS_TUNE_REPORTED) {
    rs_results_trial(results, &to);
    return;
  }
  for (uint32_t i = 0; i < event->epoch_count; i++) {
    to.resource = (double)(event->epoch - event->epoch_count + 1 + i);
    to.value = event->epochs[i].value;
    rs_results_trial(results, &to);
  }
}
