/* tune.c -- the controller: slots, attempts, checkpoints; see tune.h.
 *
 * A slot is one actor, with the trial that it trains or idle. What a reply is about is found through two maps, from a
 * call's and from an actor's sequence number; what has been settled is taken out of them, so that a second sign of the
 * same failure (a dead actor's call also fails) means nothing. Actors that were told to end stay in `actors` as DYING
 * until the owner says that they are dead: the search is done when none is left.
 *
 * Every reply is O(log trials) amortised, plus the number of further jobs that it sets free.
 */
#include "lib/tune/tune_int.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"

static struct tune *tune_of(struct rs_app *app)
{
  return (struct tune *)app;
}
static const struct tune *tune_of_const(const struct rs_app *app)
{
  return (const struct tune *)app;
}

/* ---- records ---- */

static void observe(struct tune *tune, uint64_t now, enum rs_tune_event_kind kind, const struct rs_tune_job *job,
                    int32_t status)
{
  if (!tune->opts.observe)
    return;
  struct rs_tune_event event = {.kind = kind,
                                .now = now,
                                .trial = job->trial,
                                .bracket = job->bracket,
                                .rung = job->rung,
                                .epoch = tune->trials[job->trial].epoch,
                                .value = RS_NAN,
                                .status = status};
  if (kind == RS_TUNE_REPORTED) {
    event.epochs = tune->metrics.epochs;
    event.epoch_count = tune->metrics.count;
    event.value = tune->metrics.epochs[tune->metrics.count - 1].value;
  }
  tune->opts.observe(tune->opts.observe_arg, &event);
}

static bool improves(const struct tune *tune, double value, double best)
{
  enum rs_tune_mode mode = tune->opts.sched_opts.mode;
  return rs_tune_key(mode, value) < rs_tune_key(mode, best);
}

static void record_epochs(struct tune *tune, uint64_t now, uint32_t trial, uint64_t from)
{
  struct rs_tune_summary *summary = &tune->summary;
  summary->reports++;
  tune->fruitless = 0;
  summary->epochs += tune->metrics.count;
  for (uint32_t i = 0; i < tune->metrics.count; i++)
    if (improves(tune, tune->metrics.epochs[i].value, summary->best_value)) {
      summary->best_value = tune->metrics.epochs[i].value;
      summary->best_trial = trial;
      summary->best_epoch = from + 1 + i;
      summary->best_ns = rs_time_since(now, tune->start_ns);
    }
}

static void record_complete(struct tune *tune, uint64_t now, uint32_t trial, double value)
{
  struct rs_tune_summary *summary = &tune->summary;
  summary->completed++;
  if (summary->first_complete_ns == RS_TIME_NEVER)
    summary->first_complete_ns = rs_time_since(now, tune->start_ns);
  if (improves(tune, value, summary->best_complete_value)) {
    summary->best_complete_value = value;
    summary->best_complete_trial = trial;
  }
}

/* ---- slots ---- */

static uint32_t take_slot(struct tune *tune)
{
  uint32_t at;
  if (!rs_tune_ids_take(&tune->free_slots, &at)) {
    RS_GROW(tune->slots, tune->slot_count, tune->slot_cap);
    at = tune->slot_count++;
  }
  tune->slots[at] = (struct slot){0};
  return at;
}

static void free_slot(struct tune *tune, uint32_t at)
{
  RS_ASSERT(tune->slots[at].actor == 0 && tune->slots[at].call == 0);
  tune->slots[at].state = FREE;
  rs_tune_ids_add(&tune->free_slots, at);
}

/* The job begins or goes on in this slot, on the actor that it has, or on a new one. */
static void run_job(struct tune *tune, uint64_t now, uint32_t at, const struct rs_tune_job *job,
                    enum rs_tune_event_kind kind, struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  slot->fresh = slot->actor == 0 || slot->job.trial != job->trial || slot->state == IDLE;
  slot->job = *job;
  slot->state = BUSY;
  tune->summary.rung_started[job->rung]++;
  observe(tune, now, kind, job, RS_ERR_OK);
  if (slot->actor)
    rs_tune_train(tune, at, calls);
  else
    rs_tune_create_and_train(tune, at, calls);
}

/* Asks the scheduler for a job; counts and prepares its trial. False: nothing now, or for good. */
static bool pick(struct tune *tune, struct rs_tune_job *job, enum rs_tune_event_kind *kind)
{
  if (tune->exhausted)
    return false;
  *kind = RS_TUNE_STARTED;
  switch (tune->opts.sched->next(tune->sched, job)) {
  case RS_TUNE_PICK_START:
    RS_ASSERT(job->trial == tune->trial_count);
    RS_GROW(tune->trials, tune->trial_count, tune->trial_cap);
    tune->trials[tune->trial_count++] = (struct trial){0};
    tune->summary.started++;
    break;
  case RS_TUNE_PICK_RESUME:
    tune->summary.paused--;
    *kind = RS_TUNE_RESUMED;
    break;
  case RS_TUNE_PICK_DONE: tune->exhausted = true; return false;
  case RS_TUNE_PICK_WAIT: return false;
  }
  RS_ASSERT(job->rung < RS_TUNE_RUNGS_MAX && job->to > tune->trials[job->trial].epoch);
  tune->summary.running++;
  return true;
}

static bool take_idle(struct tune *tune, uint32_t *at)
{
  while (rs_tune_ids_take(&tune->idle_slots, at))
    if (tune->slots[*at].state == IDLE)
      return true;
  return false;
}

static uint32_t pending_max(const struct tune *tune)
{
  if (tune->opts.pending_max > 0)
    return tune->opts.pending_max;
  if (tune->opts.concurrency > 0 && tune->opts.concurrency != RS_TUNE_NO_LIMIT)
    return tune->opts.concurrency;
  return tune->living / 4 > 16 ? tune->living / 4 : 16;
}

static void finish(struct tune *tune, uint64_t now, struct rs_calls *calls)
{
  RS_ASSERT(!tune->summary.ended);
  tune->summary.ended = true;
  tune->summary.end_ns = rs_time_since(now, tune->start_ns);
  for (uint32_t i = 0; i < tune->slot_count; i++)
    if (tune->slots[i].actor)
      rs_tune_kill_actor(tune, &tune->slots[i], calls);
}

static void give_up(struct tune *tune, uint64_t now, int32_t status, struct rs_calls *calls)
{
  tune->summary.error = status;
  finish(tune, now, calls);
}

/* What no retry and no other trial can change. */
static bool hopeless(int32_t status)
{
  return status == RS_ERR_INFEASIBLE || status == RS_ERR_UNKNOWN_FUNCTION;
}

/* Fills free places with jobs; ends the search when there is nothing left to run. */
static void pump(struct tune *tune, uint64_t now, struct rs_calls *calls)
{
  uint32_t running_max = tune->opts.concurrency ? tune->opts.concurrency : RS_TUNE_NO_LIMIT;
  while (!tune->summary.ended && tune->summary.running < running_max) {
    uint32_t at;
    bool idle = take_idle(tune, &at);
    if (!idle && tune->pending >= pending_max(tune))
      return;
    struct rs_tune_job job;
    enum rs_tune_event_kind kind;
    if (!pick(tune, &job, &kind)) {
      if (idle)
        rs_tune_ids_add(&tune->idle_slots, at);
      RS_ASSERT(tune->exhausted || tune->summary.running > 0); /* a scheduler never waits for nothing */
      break;
    }
    run_job(tune, now, idle ? at : take_slot(tune), &job, kind, calls);
  }
  if (tune->exhausted && tune->summary.running == 0 && !tune->summary.ended)
    finish(tune, now, calls);
}

/* ---- what comes back ---- */

static void take_discarded(struct tune *tune, struct rs_calls *calls)
{
  for (uint32_t trial; tune->opts.sched->discard(tune->sched, &trial);)
    rs_tune_forget_checkpoint(tune, &tune->trials[trial], calls);
}

/* The slot's trial is not in it any more, its actor may be: give the place to the next job. An actor is kept idle only
 * while no other is asked for, since what it holds may be what the other waits for. */
static void reassign(struct tune *tune, uint64_t now, uint32_t at, struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  uint32_t trial_before = slot->job.trial;
  struct rs_tune_job job;
  enum rs_tune_event_kind kind;
  tune->summary.running--;
  bool picked = pick(tune, &job, &kind);
  bool keep = picked ? tune->opts.reuse_actors || job.trial == trial_before
                     : tune->opts.reuse_actors && !tune->exhausted && tune->pending == 0;
  keep = keep && slot->actor;
  if (slot->actor && !keep)
    rs_tune_kill_actor(tune, slot, calls);
  if (picked) {
    run_job(tune, now, at, &job, kind, calls);
  } else if (keep) {
    slot->state = IDLE;
    rs_tune_ids_add(&tune->idle_slots, at);
  } else {
    free_slot(tune, at);
  }
  pump(tune, now, calls);
}

/* The job of a slot that has lost its actor goes on, on an idle actor where there is one: it may hold the only place.
 */
static void retry(struct tune *tune, uint64_t now, uint32_t at, struct rs_calls *calls)
{
  struct rs_tune_job job = tune->slots[at].job;
  observe(tune, now, RS_TUNE_RESUMED, &job, RS_ERR_OK);
  uint32_t idle;
  if (!take_idle(tune, &idle)) {
    rs_tune_create_and_train(tune, at, calls);
    return;
  }
  free_slot(tune, at);
  tune->slots[idle].job = job;
  tune->slots[idle].state = BUSY;
  tune->slots[idle].fresh = true;
  rs_tune_train(tune, idle, calls);
}

/* The attempt is lost; if `actor_gone` there is no actor left to end. */
static void fail_attempt(struct tune *tune, uint64_t now, uint32_t at, int32_t status, bool actor_gone,
                         struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  struct trial *trial = &tune->trials[slot->job.trial];
  RS_ASSERT(slot->state == BUSY);
  rs_tune_release_call(tune, slot, -1, calls);
  if (actor_gone)
    rs_tune_leave_actor(tune, slot);
  else
    rs_tune_kill_actor(tune, slot, calls);
  tune->summary.attempts_failed++;
  observe(tune, now, RS_TUNE_FAILED, &slot->job, status);
  if (hopeless(status) || ++tune->fruitless >= RS_TUNE_FRUITLESS_MAX + 10 * (uint64_t)tune->slot_count) {
    give_up(tune, now, status, calls);
    return;
  }
  if (status == RS_ERR_OBJECT_LOST && trial->object.id.seq) { /* the checkpoint: from the beginning again */
    rs_tune_forget_checkpoint(tune, trial, calls);
    trial->epoch = 0;
  }
  if (tune->opts.max_failures == RS_TUNE_NO_LIMIT || trial->failures < tune->opts.max_failures) {
    trial->failures++;
    retry(tune, now, at, calls);
    return;
  }
  tune->summary.dropped++;
  observe(tune, now, RS_TUNE_DROPPED, &slot->job, status);
  tune->opts.sched->drop(tune->sched, slot->job.trial);
  take_discarded(tune, calls);
  reassign(tune, now, at, calls);
}

/* Reads the result into tune->metrics; false where it makes no sense. */
static bool read_result(struct tune *tune, const struct slot *slot, const struct rs_result *result)
{
  if (!result || result->return_count != slot->return_count)
    return false;
  tune->metrics.count = tune->metrics.checkpoint_bytes = 0;
  tune->metrics.checkpoint = NULL;
  struct rs_tune_work work = rs_tune_work_of(tune, slot);
  return tune->opts.trainable->read(tune->opts.trainable_arg, &work, result, &tune->metrics) &&
         tune->metrics.count == work.to - work.from;
}

static void on_result(struct tune *tune, uint64_t now, uint32_t at, const struct rs_result *result,
                      struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  if (!read_result(tune, slot, result)) {
    fail_attempt(tune, now, at, RS_ERR_MALFORMED, false, calls);
    return;
  }
  struct rs_tune_job job = slot->job;
  record_epochs(tune, now, job.trial, tune->trials[job.trial].epoch);
  rs_tune_store_checkpoint(tune, slot, result, calls);
  rs_tune_release_call(tune, slot, tune->opts.trainable->checkpoint_return, calls);
  slot->fresh = false;
  double value = tune->metrics.epochs[tune->metrics.count - 1].value;
  observe(tune, now, RS_TUNE_REPORTED, &job, RS_ERR_OK);
  if (slot->to < job.to) {
    rs_tune_train(tune, at, calls);
    return;
  }
  tune->summary.rung_reported[job.rung]++;
  enum rs_tune_verdict verdict = tune->opts.sched->report(tune->sched, job.trial, job.to, value, &slot->job);
  take_discarded(tune, calls);
  switch (verdict) {
  case RS_TUNE_CONTINUE:
    RS_ASSERT(slot->job.trial == job.trial);
    job = slot->job;
    run_job(tune, now, at, &job, RS_TUNE_CONTINUED, calls);
    return;
  case RS_TUNE_PAUSE:
    tune->summary.paused++;
    observe(tune, now, RS_TUNE_PAUSED, &job, RS_ERR_OK);
    break;
  case RS_TUNE_STOP:
    tune->summary.stopped++;
    observe(tune, now, RS_TUNE_STOPPED, &job, RS_ERR_OK);
    break;
  case RS_TUNE_COMPLETE:
    record_complete(tune, now, job.trial, value);
    observe(tune, now, RS_TUNE_COMPLETED, &job, RS_ERR_OK);
    break;
  }
  reassign(tune, now, at, calls);
}

static void on_task(struct tune *tune, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  uint64_t slot;
  if (!rs_map_remove(&tune->calls, reply->id.seq, &slot))
    return; /* settled already, or an actor's creation: its actor's state says it all */
  int32_t status = reply->status != RS_ERR_OK || !reply->result ? reply->status : reply->result->status;
  if (status == RS_ERR_OK)
    on_result(tune, now, (uint32_t)slot, reply->result, calls);
  else
    fail_attempt(tune, now, (uint32_t)slot, status, false, calls);
}

static void on_actor(struct tune *tune, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  const uint64_t *found = rs_map_find(&tune->actors, reply->id.seq);
  if (!found)
    return;
  uint32_t at = (uint32_t)*found;
  if (reply->state == RS_ACTOR_ALIVE && at != DYING && !tune->slots[at].alive) {
    tune->slots[at].alive = true;
    tune->pending--;
    tune->living++;
    pump(tune, now, calls);
  }
  if (reply->state != RS_ACTOR_DEAD)
    return;
  rs_map_remove(&tune->actors, reply->id.seq, NULL);
  if (at == DYING) {
    tune->dying--;
    if (hopeless(reply->status) && !tune->summary.ended)
      give_up(tune, now, reply->status, calls);
    return;
  }
  struct slot *slot = &tune->slots[at];
  if (slot->state == IDLE) {
    rs_tune_leave_actor(tune, slot);
    free_slot(tune, at);
    return;
  }
  rs_map_remove(&tune->calls, slot->call, NULL);
  fail_attempt(tune, now, at, reply->status == RS_ERR_OK ? RS_ERR_ACTOR_DIED : reply->status, true, calls);
}

/* ---- the application ---- */

static bool out_of_time(struct tune *tune, uint64_t now, struct rs_calls *calls)
{
  if (tune->summary.ended)
    return true;
  if (now < rs_time_add(tune->start_ns, tune->opts.time_budget_ns))
    return false;
  tune->summary.budget_used = true;
  finish(tune, now, calls);
  return true;
}

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct tune *tune = tune_of(app);
  tune->self = self;
  tune->start_ns = now;
  if (!out_of_time(tune, now, calls))
    pump(tune, now, calls);
}

/* After the end only one thing still matters: which actors are gone. */
static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct tune *tune = tune_of(app);
  if (reply->id.owner != tune->self)
    return;
  bool over = out_of_time(tune, now, calls);
  if (reply->kind == RS_REPLY_ACTOR)
    on_actor(tune, now, reply, calls);
  else if (reply->kind == RS_REPLY_TASK && !over)
    on_task(tune, now, reply, calls);
}

static uint64_t deadline(const struct rs_app *app)
{
  const struct tune *tune = tune_of_const(app);
  if (!tune->summary.ended)
    return rs_time_add(tune->start_ns, tune->opts.time_budget_ns);
  if (tune->forsaken || tune->dying == 0)
    return RS_TIME_NEVER;
  return rs_time_add(tune->start_ns, rs_time_add(tune->summary.end_ns, RS_TUNE_STOP_GRACE_NS));
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct tune *tune = tune_of(app);
  if (tune->summary.ended)
    tune->forsaken = now >= deadline(app);
  else
    out_of_time(tune, now, calls);
}

static bool done(const struct rs_app *app)
{
  const struct tune *tune = tune_of_const(app);
  return tune->summary.ended && (tune->dying == 0 || tune->forsaken);
}

static const struct rs_app_ops OPS = {on_start, on_reply, on_timer, deadline, done};

void rs_tune_metrics_add(struct rs_tune_metrics *metrics, double value, double seconds)
{
  RS_GROW(metrics->epochs, metrics->count, metrics->cap);
  metrics->epochs[metrics->count++] = (struct rs_tune_epoch){value, seconds};
}

/* num_samples x grid points; false where that is no number of trials. */
static bool count_trials(const struct rs_tune_opts *opts, uint64_t *trials)
{
  *trials = RS_TUNE_TRIALS_UNBOUNDED;
  uint64_t grid = opts->space ? rs_tune_space_grid(opts->space) : 1;
  if (grid > RS_TUNE_TRIALS_MAX)
    return false;
  if (opts->num_samples == RS_TUNE_TRIALS_UNBOUNDED)
    return true;
  return !__builtin_mul_overflow(opts->num_samples, grid, trials) && *trials > 0 && *trials <= RS_TUNE_TRIALS_MAX;
}

const char *rs_tune_check(const struct rs_tune_opts *opts)
{
  uint32_t param;
  const struct rs_tune_trainable *trainable = opts->trainable;
  if (!opts->sched)
    return "there is no scheduler";
  if (!trainable || !trainable->create || !trainable->train || !trainable->read)
    return "there is nothing to train";
  if (!rs_gpu_amount_valid(opts->demand.gpu_e4))
    return "a trial needs a share of one GPU, or whole GPUs";
  const char *wrong = opts->space ? rs_tune_space_check(opts->space, &param) : NULL;
  if (wrong)
    return wrong;
  struct rs_tune_sched_opts sched_opts = opts->sched_opts;
  if (!count_trials(opts, &sched_opts.trial_count))
    return "num_samples times the points of the grid is not between 1 and 2^32 - 2 trials";
  return rs_tune_sched_check(opts->sched, &sched_opts);
}

struct rs_app *rs_tune_new(const struct rs_tune_opts *opts)
{
  RS_ASSERT(!rs_tune_check(opts));
  struct tune *tune = rs_alloc_zero(1, sizeof *tune);
  tune->app.ops = &OPS;
  tune->opts = *opts;
  RS_ASSERT(count_trials(opts, &tune->opts.sched_opts.trial_count));
  tune->sched = opts->sched->create(&tune->opts.sched_opts);
  tune->next_seq = opts->first_seq ? opts->first_seq : 1;
  if (opts->space && opts->space->param_count > 0)
    tune->values = rs_alloc_zero(opts->space->param_count, sizeof *tune->values);
  tune->summary.best_value = tune->summary.best_complete_value = RS_NAN;
  tune->summary.best_trial = tune->summary.best_complete_trial = RS_TUNE_NO_LIMIT;
  tune->summary.best_ns = tune->summary.first_complete_ns = RS_TIME_NEVER;
  return &tune->app;
}

void rs_tune_free(struct rs_app *app)
{
  struct tune *tune = tune_of(app);
  for (uint32_t i = 0; i < tune->trial_count; i++)
    free(tune->trials[i].checkpoint);
  tune->opts.sched->destroy(tune->sched);
  free(tune->values);
  free(tune->metrics.epochs);
  free(tune->trials);
  free(tune->slots);
  rs_tune_ids_free(&tune->free_slots);
  rs_tune_ids_free(&tune->idle_slots);
  rs_map_free(&tune->calls);
  rs_map_free(&tune->actors);
  free(tune);
}

struct rs_tune_summary rs_tune_summarise(const struct rs_app *app)
{
  return tune_of_const(app)->summary;
}
