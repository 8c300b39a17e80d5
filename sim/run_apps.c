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
  struct rs_apps *apps;
  struct rs_observer *observer;
  const struct rs_scenario_workload *workload;
  struct search *search;    /* or a load: */
  struct rs_workload *load; /* of all its drivers; the first program of them frees it */
  struct rs_app *load_app;
  uint64_t load_count;
  bool load_owner;
};

struct rs_apps {
  struct rs_apps_opts opts;
  struct program *programs;
  uint32_t count;
};

/* ---- searches ---- */

static void make_space(struct search *s, const struct rs_scenario_tune *tune)
{
  static const enum rs_tune_param_kind kinds[] = {
      [RS_SPACE_UNIFORM] = RS_TUNE_UNIFORM,       [RS_SPACE_QUNIFORM] = RS_TUNE_QUNIFORM,
      [RS_SPACE_LOGUNIFORM] = RS_TUNE_LOGUNIFORM, [RS_SPACE_QLOGUNIFORM] = RS_TUNE_QLOGUNIFORM,
      [RS_SPACE_RANDINT] = RS_TUNE_RANDINT,       [RS_SPACE_LOGRANDINT] = RS_TUNE_LOGRANDINT,
      [RS_SPACE_RANDN] = RS_TUNE_RANDN,           [RS_SPACE_CHOICE] = RS_TUNE_CHOICE,
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
  static const uint8_t kinds[] = {[RS_TUNE_STARTED] = RS_TRIAL_START,      [RS_TUNE_RESUMED] = RS_TRIAL_RESUME,
                                  [RS_TUNE_REPORTED] = RS_TRIAL_REPORT,    [RS_TUNE_CONTINUED] = RS_TRIAL_RUNG,
                                  [RS_TUNE_PAUSED] = RS_TRIAL_PAUSE,       [RS_TUNE_STOPPED] = RS_TRIAL_STOP,
                                  [RS_TUNE_COMPLETED] = RS_TRIAL_COMPLETE, [RS_TUNE_FAILED] = RS_TRIAL_FAIL,
                                  [RS_TUNE_DROPPED] = RS_TRIAL_STOP};
  const struct program *program = arg;
  struct rs_results *results = program->apps->opts.results;
  if (!results)
    return;
  struct rs_trial_event to = {.now_ns = rs_observer_time(program->observer, event->now),
                              .trial = event->trial,
                              .kind = kinds[event->kind],
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

static uint64_t clock_ns(const struct rs_apps *apps, uint64_t scenario_ns)
{
  if (scenario_ns == RS_SCENARIO_NONE)
    return RS_TIME_NEVER;
  return apps->opts.time_scale == 1 ? scenario_ns : (uint64_t)((double)scenario_ns * apps->opts.time_scale);
}

static uint32_t limit_u32(uint64_t value)
{
  return value >= RS_TUNE_NO_LIMIT ? RS_TUNE_NO_LIMIT : (uint32_t)value;
}

/* As many trials at a time as the cluster holds, unless the scenario says. */
static uint32_t concurrency(const struct rs_apps *apps, const struct rs_scenario_tune *tune)
{
  if (tune->concurrency != RS_SCENARIO_NONE)
    return limit_u32(tune->concurrency);
  if (tune->demand.cpu_e4 <= 0 || apps->opts.scenario->autoscaler.enabled)
    return RS_TUNE_NO_LIMIT;
  uint64_t slots = apps->opts.slots_cpu_e4 / (uint64_t)tune->demand.cpu_e4;
  return slots ? limit_u32(slots) : 1;
}

static int add_search(struct program *program, char *err, size_t err_size)
{
  struct rs_apps *apps = program->apps;
  const struct rs_scenario *scenario = apps->opts.scenario;
  const struct rs_scenario_tune *tune = &program->workload->tune;
  const char *scheduler = apps->opts.scheduler ? apps->opts.scheduler : tune->schedulers[0];
  struct search *s = program->search = rs_alloc_zero(1, sizeof *s);
  const struct rs_trial_opts trial_opts = {.tune = tune,
                                           .file = scenario->file,
                                           .seed = apps->opts.seed,
                                           .straggler_sd = scenario->straggler_sd,
                                           .straggler_fraction = scenario->straggler_fraction,
                                           .time_scale = apps->opts.time_scale,
                                           .spin = apps->opts.spin,
                                           .rungs = strcmp(scheduler, "fifo") != 0};
  s->source = rs_trial_source_new(&trial_opts, err, err_size);
  if (!s->source)
    return -1;
  make_space(s, tune);
  struct rs_tune_opts opts = {.sched = rs_tune_sched_find(scheduler),
                              .space = tune->param_count ? &s->space : NULL,
                              .seed = apps->opts.seed,
                              .trainable = rs_trial_trainable_of(s->source),
                              .trainable_arg = s->source,
                              .num_samples =
                                  tune->num_samples == RS_SCENARIO_NONE ? RS_TUNE_TRIALS_UNBOUNDED : tune->num_samples,
                              .concurrency = concurrency(apps, tune),
                              .max_failures = limit_u32(tune->max_failures),
                              .time_budget_ns = clock_ns(apps, tune->time_budget_ns),
                              .epochs_per_call_max = tune->epochs_per_call,
                              .reuse_actors = tune->reuse_actors,
                              .observe = on_trial,
                              .observe_arg = program};
  char why[256];
  if (!rs_sim_demand(&tune->demand, &opts.demand, why, sizeof why)) {
    snprintf(err, err_size, "%s:%u: %s", scenario->file, program->workload->line, why);
    return -1;
  }
  rs_scenario_sched_opts(tune, &opts.sched_opts);
  s->budget_ns = tune->time_budget_ns;
  const char *wrong = rs_tune_check(&opts);
  if (wrong) {
    snprintf(err, err_size, "%s:%u: %s", scenario->file, program->workload->line, wrong);
    return -1;
  }
  s->app = rs_tune_new(&opts);
  return 0;
}

/* ---- task workloads ---- */

static int add_load(struct program *program, uint32_t workload, uint32_t driver, char *err, size_t err_size)
{
  struct rs_apps *apps = program->apps;
  if (driver == 0) {
    program->load =
        rs_workload_new(apps->opts.scenario, workload, apps->opts.seed, 1, apps->opts.node_count, err, err_size);
    if (!program->load)
      return -1;
    program->load_owner = true;
  } else {
    program->load = program[-1].load;
  }
  if (driver >= rs_workload_drivers(program->load))
    return 1; /* fewer tasks than drivers */
  struct rs_load_opts opts;
  rs_workload_load(program->load, driver, &opts);
  program->load_app = rs_load_new(&opts);
  program->load_count = rs_workload_driver_count(program->load, driver);
  return 0;
}

/* ---- all of them ---- */

static void observe(struct program *program, uint32_t index, struct rs_app *inner)
{
  struct rs_apps *apps = program->apps;
  program->observer =
      rs_observer_new(&(struct rs_observer_opts){.inner = inner,
                                                 .results = apps->opts.results,
                                                 .index = index,
                                                 .delay_ns = clock_ns(apps, program->workload->start_ns),
                                                 .time_scale = apps->opts.time_scale,
                                                 .node_count = apps->opts.node_count});
}

static uint32_t drivers_of(const struct rs_scenario_workload *w)
{
  return w->kind == RS_WORKLOAD_TUNE ? 1
                                     : (uint32_t)(w->kind == RS_WORKLOAD_TASKS ? w->tasks.drivers : w->trace.drivers);
}

struct rs_apps *rs_apps_new(const struct rs_apps_opts *opts, char *err, size_t err_size)
{
  const struct rs_scenario *scenario = opts->scenario;
  struct rs_apps *apps = rs_alloc_zero(1, sizeof *apps);
  apps->opts = *opts;
  uint32_t total = 0;
  for (uint32_t i = 0; i < scenario->workload_count; i++)
    total += drivers_of(&scenario->workloads[i]);
  apps->programs = rs_alloc_zero(total, sizeof *apps->programs);
  for (uint32_t i = 0; i < scenario->workload_count; i++)
    for (uint32_t driver = 0; driver < drivers_of(&scenario->workloads[i]); driver++) {
      struct program *program = &apps->programs[apps->count++];
      program->apps = apps;
      program->workload = &scenario->workloads[i];
      bool search = program->workload->kind == RS_WORKLOAD_TUNE;
      int failed = search ? add_search(program, err, err_size) : add_load(program, i, driver, err, err_size);
      if (failed < 0) {
        rs_apps_free(apps);
        return NULL;
      }
      if (failed)
        apps->count--;
      else
        observe(program, apps->count - 1, search ? program->search->app : program->load_app);
    }
  return apps;
}

uint32_t rs_apps_count(const struct rs_apps *apps)
{
  return apps->count;
}

struct rs_observer *rs_apps_observer(const struct rs_apps *apps, uint32_t index)
{
  RS_ASSERT(index < apps->count);
  return apps->programs[index].observer;
}

void rs_apps_task(const struct rs_apps *apps, uint32_t index, struct rs_sim_task *task)
{
  RS_ASSERT(index < apps->count);
  if (apps->programs[index].search)
    rs_trial_task(apps->programs[index].search->source, (uint64_t)apps->opts.config->max_direct_call_object_size, task);
}

uint64_t rs_apps_tasks_ended(const struct rs_apps *apps)
{
  uint64_t sum = 0;
  for (uint32_t i = 0; i < apps->count; i++)
    sum += rs_observer_ended(apps->programs[i].observer);
  return sum;
}

bool rs_apps_items(const struct rs_apps *apps, uint64_t *read)
{
  bool any = false;
  *read = 0;
  for (uint32_t i = 0; i < apps->count; i++) {
    const struct program *p = &apps->programs[i];
    any = any || (p->workload->kind == RS_WORKLOAD_TASKS && p->workload->tasks.items);
    *read += p->load_app ? rs_load_stats(p->load_app).items_read : 0;
  }
  return any;
}

double rs_apps_progress(const struct rs_apps *apps, uint64_t t_ns)
{
  double least = 1;
  for (uint32_t i = 0; i < apps->count; i++) {
    const struct program *p = &apps->programs[i];
    double now = -1;
    if (p->search && p->search->budget_ns != RS_SCENARIO_NONE)
      now = (double)t_ns / (double)(p->workload->start_ns + p->search->budget_ns);
    else if (p->load)
      now = (double)rs_observer_ended(p->observer) / (double)(p->load_count ? p->load_count : 1);
    least = now < least ? now : least;
  }
  return least > 1 ? 1 : least;
}

void rs_apps_free(struct rs_apps *apps)
{
  if (!apps)
    return;
  for (uint32_t i = 0; i < apps->count; i++) {
    struct program *p = &apps->programs[i];
    rs_observer_free(p->observer);
    if (p->load_app)
      rs_load_free(p->load_app);
    if (p->search) {
      if (p->search->app)
        rs_tune_free(p->search->app);
      rs_trial_source_free(p->search->source);
      free(p->search->params);
      free(p->search);
    }
  }
  for (uint32_t i = 0; i < apps->count; i++)
    if (apps->programs[i].load_owner)
      rs_workload_free(apps->programs[i].load);
  free(apps->programs);
  free(apps);
}
