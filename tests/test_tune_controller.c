/* The Tune controller against a fake owner: actors that live on a few places, train in virtual time, and die.
 *
 * The fake checks every call as an owner would (numbers rise, actors exist, each return is released once) and plays the
 * workers: an actor holds the state of the trial that it trained last, a fresh call loads the checkpoint, any other
 * must find the state that the last call left. So a lost epoch, a wrong checkpoint or a reused actor that is not told
 * shows at once.
 */
#include "base/alloc.h"
#include "base/map.h"
#include "base/maths.h"
#include "check.h"
#include "lib/tune/tune.h"
#include "lib/tune/wire.h"

#include <stdlib.h>
#include <time.h>

static const rs_addr SELF = UINT64_C(1) << 40 | RS_EP_DRIVER;
enum { PARAMS = 2, CREATE_FUNCTION = 11, TRAIN_FUNCTION = 12 };

struct fake_actor {
  uint64_t seq;
  uint32_t trial; /* the state that it holds */
  uint64_t epoch;
  uint64_t call, return_count; /* that runs now or waits */
  struct rs_task *task;
  bool alive, killed;
};

enum event_kind { ALIVE, DEAD, DONE, TASK_LOST, TIMER };

struct event {
  uint64_t at, order;
  enum event_kind kind;
  uint32_t actor;
  uint64_t call;
};

struct fake {
  struct rs_app *app;
  struct rs_rng rng;
  uint64_t now, order, seq_max;
  uint32_t places, used; /* actors that can live at a time */
  uint32_t waiting_first, waiting_count, waiting_cap;
  uint32_t *waiting; /* actors that wait for a place, a queue */
  struct fake_actor *actors;
  uint32_t actor_count, actor_cap;
  struct rs_map by_seq;  /* actor -> 1 + index */
  struct rs_map results; /* unreleased returns */
  struct event *heap;
  uint32_t event_count, event_cap;
  double kill_rate, error_rate, garbage_rate; /* a call: of its actor dying, of reporting an error, of nonsense */
  int32_t create_status;                      /* RS_ERR_OK, or what every creation ends with */
  bool huge_checkpoints;
  /* what was seen */
  uint64_t calls, lost, epochs, fresh, alive_max, busy_max, alive, busy;
  uint64_t hash;
};

static void push_event(struct fake *fake, uint64_t delay, enum event_kind kind, uint32_t actor, uint64_t call)
{
  RS_GROW(fake->heap, fake->event_count, fake->event_cap);
  struct event event = {fake->now + delay, fake->order++, kind, actor, call};
  uint32_t at = fake->event_count++;
  for (; at > 0; at = (at - 1) / 2) {
    struct event *up = &fake->heap[(at - 1) / 2];
    if (up->at < event.at || (up->at == event.at && up->order < event.order))
      break;
    fake->heap[at] = *up;
  }
  fake->heap[at] = event;
}

static bool earlier(const struct event *a, const struct event *b)
{
  return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct event pop_event(struct fake *fake)
{
  struct event top = fake->heap[0], last = fake->heap[--fake->event_count];
  uint32_t at = 0;
  for (uint32_t child; (child = 2 * at + 1) < fake->event_count; at = child) {
    if (child + 1 < fake->event_count && earlier(&fake->heap[child + 1], &fake->heap[child]))
      child++;
    if (!earlier(&fake->heap[child], &last))
      break;
    fake->heap[at] = fake->heap[child];
  }
  fake->heap[at] = last;
  return top;
}

static uint64_t random_ns(struct fake *fake, uint64_t mean)
{
  return mean / 2 + rs_rng_below(&fake->rng, mean);
}

static void reply_to_app(struct fake *fake, const struct rs_reply *reply);

static void place(struct fake *fake)
{
  while (fake->used < fake->places && fake->waiting_first < fake->waiting_count) {
    uint32_t at = fake->waiting[fake->waiting_first++];
    if (fake->actors[at].killed)
      continue;
    fake->used++;
    push_event(fake, random_ns(fake, 2 * RS_MS), ALIVE, at, 0);
    fake->actors[at].alive = true; /* has a place */
  }
}

/* ---- what the worker does ---- */

static double curve(uint32_t trial, const struct rs_tune_value *values, uint64_t epoch)
{
  if (trial % 29 == 7 && epoch > 3)
    return RS_NAN; /* it diverges */
  return values[0].number + 1.0 / (double)(epoch + 1) + values[1].number;
}

static struct rs_result *worker_runs(struct fake *fake, struct fake_actor *actor)
{
  struct rs_tune_work work;
  struct rs_tune_value values[PARAMS];
  CHECK(rs_tune_work_decode(actor->task->args, actor->task->args_bytes, &work, values, PARAMS));
  uint8_t mark[12];
  if (work.fresh) {
    fake->fresh++;
    actor->trial = work.trial;
    actor->epoch = 0;
    if (work.from > 0) {
      if (work.checkpoint_bytes > 0) {
        CHECK_EQ(work.checkpoint_bytes, sizeof mark);
        memcpy(&actor->trial, work.checkpoint, 4);
        memcpy(&actor->epoch, work.checkpoint + 4, 8);
      } else {
        CHECK(actor->task->dep_count == 1);
        CHECK(rs_map_find(&fake->results, actor->task->deps[0].id.seq) != NULL);
        actor->epoch = work.from;
      }
    } else {
      CHECK_EQ(work.checkpoint_bytes, 0);
    }
  }
  CHECK_EQ(actor->trial, work.trial);
  CHECK_EQ(actor->epoch, work.from);
  struct rs_tune_metrics metrics = {0};
  for (; actor->epoch < work.to; actor->epoch++)
    rs_tune_metrics_add(&metrics, curve(work.trial, values, actor->epoch + 1), 0.5);
  memcpy(mark, &actor->trial, 4);
  memcpy(mark + 4, &actor->epoch, 8);
  if (!fake->huge_checkpoints) {
    metrics.checkpoint = mark;
    metrics.checkpoint_bytes = sizeof mark;
  }
  fake->epochs += metrics.count;
  if (rs_rng_unit(&fake->rng) < fake->garbage_rate)
    metrics.count--;
  uint32_t bytes = rs_tune_result_bytes(&metrics);
  struct rs_result *result = rs_result_new(actor->task->return_count, bytes);
  rs_tune_result_encode(&metrics, result->data);
  result->task = actor->task->id;
  result->returns[0] = (struct rs_return){.size_bytes = bytes, .inline_bytes = bytes};
  if (fake->huge_checkpoints)
    result->returns[1] = (struct rs_return){.size_bytes = 100 << 20};
  free(metrics.epochs);
  return result;
}

/* ---- the owner's side of calls ---- */

static uint64_t new_seq(struct fake *fake, struct rs_id id, uint64_t return_count, bool keep)
{
  CHECK(id.owner == SELF);
  CHECK(id.seq > fake->seq_max);
  fake->seq_max = id.seq + return_count;
  for (uint64_t i = 1; keep && i <= return_count; i++)
    rs_map_put(&fake->results, id.seq + i, 1);
  return id.seq;
}

static uint32_t find_actor(struct fake *fake, struct rs_id id)
{
  const uint64_t *found = rs_map_find(&fake->by_seq, id.seq);
  CHECK(found != NULL);
  return (uint32_t)*found - 1;
}

static void end_call(struct fake_actor *actor)
{
  rs_task_unref(actor->task);
  actor->task = NULL;
  actor->call = 0;
}

static void perform(struct fake *fake, const struct rs_call *call)
{
  fake->calls++;
  fake->hash = rs_mix64(fake->hash ^ call->kind ^ fake->now << 8);
  switch (call->kind) {
  case RS_CALL_ACTOR_CREATE: {
    struct rs_task *task = call->tasks[0];
    CHECK_EQ(call->task_count, 1);
    CHECK(task->flags == RS_TASK_ACTOR_CREATE && task->function == CREATE_FUNCTION && task->return_count == 0);
    CHECK(rs_id_equal(task->id, task->actor));
    CHECK_EQ(call->demand.cpu_e4, RS_ONE_E4);
    CHECK_EQ(call->hold.cpu_e4, RS_ONE_E4);
    CHECK_EQ(call->max_restarts, 0);
    RS_GROW(fake->actors, fake->actor_count, fake->actor_cap);
    uint32_t at = fake->actor_count++;
    fake->actors[at] = (struct fake_actor){.seq = new_seq(fake, task->id, 0, false), .trial = UINT32_MAX};
    rs_map_put(&fake->by_seq, task->id.seq, at + 1);
    if (fake->create_status != RS_ERR_OK) {
      push_event(fake, RS_MS, DEAD, at, 0);
      return;
    }
    RS_GROW(fake->waiting, fake->waiting_count, fake->waiting_cap);
    fake->waiting[fake->waiting_count++] = at;
    place(fake);
    return;
  }
  case RS_CALL_ACTOR_CALL: {
    struct rs_task *task = call->tasks[0];
    CHECK((task->flags & ~RS_TASK_KEEP) == RS_TASK_ACTOR_CALL && task->function == TRAIN_FUNCTION);
    uint32_t at = find_actor(fake, task->actor);
    struct fake_actor *actor = &fake->actors[at];
    CHECK(!actor->killed && !actor->task); /* one call at a time, never to an actor that was told to end */
    actor->task = rs_task_ref(task);
    actor->call = new_seq(fake, task->id, task->return_count, task->flags & RS_TASK_KEEP);
    if (++fake->busy > fake->busy_max)
      fake->busy_max = fake->busy;
    if (actor->trial != UINT32_MAX)
      push_event(fake, random_ns(fake, 20 * RS_MS), DONE, at, actor->call);
    return;
  }
  case RS_CALL_ACTOR_KILL: {
    uint32_t at = find_actor(fake, call->object);
    CHECK(call->no_restart);
    if (fake->actors[at].killed)
      return; /* dead already */
    fake->actors[at].killed = true;
    push_event(fake, random_ns(fake, RS_MS), DEAD, at, 0);
    return;
  }
  case RS_CALL_RELEASE: CHECK(rs_map_remove(&fake->results, call->object.seq, NULL)); return;
  default: CHECK(false && "a call that the controller never makes");
  }
}

static void perform_all(struct fake *fake, struct rs_calls *calls)
{
  for (uint32_t i = 0; i < calls->count; i++)
    perform(fake, calls->items[i]);
  rs_calls_free(calls);
}

static void reply_to_app(struct fake *fake, const struct rs_reply *reply)
{
  struct rs_calls calls = {0};
  fake->app->ops->on_reply(fake->app, fake->now, reply, &calls);
  perform_all(fake, &calls);
}

static void reply_actor(struct fake *fake, uint32_t at, enum rs_actor_state state, int32_t status)
{
  struct rs_reply reply = {
      .kind = RS_REPLY_ACTOR, .id = {SELF, fake->actors[at].seq}, .state = (uint8_t)state, .status = status};
  reply_to_app(fake, &reply);
}

static void reply_task(struct fake *fake, uint64_t call, int32_t status, struct rs_result *result)
{
  struct rs_reply reply = {.kind = RS_REPLY_TASK, .id = {SELF, call}, .status = status, .result = result};
  reply_to_app(fake, &reply);
}

/* The actor is gone, for what reason ever; the two signs of it come in either order. */
static void actor_dies(struct fake *fake, uint32_t at, int32_t status)
{
  struct fake_actor *actor = &fake->actors[at];
  actor->killed = true;
  if (actor->alive) {
    actor->alive = false;
    fake->used--;
  }
  uint64_t call = actor->call;
  if (actor->task) {
    fake->busy--;
    end_call(actor);
  }
  bool call_first = call && rs_rng_below(&fake->rng, 2);
  if (call_first)
    reply_task(fake, call, RS_ERR_ACTOR_DIED, NULL);
  reply_actor(fake, at, RS_ACTOR_DEAD, status);
  if (call && !call_first)
    reply_task(fake, call, RS_ERR_ACTOR_DIED, NULL);
  place(fake);
}

static void call_ends(struct fake *fake, uint32_t at)
{
  struct fake_actor *actor = &fake->actors[at];
  uint64_t call = actor->call;
  double fate = rs_rng_unit(&fake->rng);
  if (fate < fake->kill_rate) {
    fake->lost++;
    actor_dies(fake, at, RS_ERR_NODE_DIED);
    return;
  }
  fake->busy--;
  if (fate < fake->kill_rate + fake->error_rate) {
    fake->lost++;
    end_call(actor);
    reply_task(fake, call, RS_ERR_TASK_FAILED, NULL);
    return;
  }
  struct rs_result *result = worker_runs(fake, actor);
  end_call(actor);
  reply_task(fake, call, RS_ERR_OK, result);
  rs_result_unref(result);
}

static void handle(struct fake *fake, struct event event)
{
  struct fake_actor *actor = &fake->actors[event.actor];
  if (event.kind == ALIVE && !actor->killed) {
    actor->trial = UINT32_MAX - 1;
    if (actor->task)
      push_event(fake, random_ns(fake, 20 * RS_MS), DONE, event.actor, actor->call);
    reply_actor(fake, event.actor, RS_ACTOR_ALIVE, RS_ERR_OK);
  } else if (event.kind == DEAD) {
    actor_dies(fake, event.actor, fake->create_status);
  } else if (event.kind == DONE && actor->call == event.call && !actor->killed) {
    call_ends(fake, event.actor);
  }
}

/* ---- a search ---- */

static const struct rs_tune_param PARAM[PARAMS] = {{.name = "a", .kind = RS_TUNE_UNIFORM, .low = 1, .high = 2},
                                                   {.name = "b", .kind = RS_TUNE_RANDN, .low = 0, .high = 0.01}};
static const struct rs_tune_space SPACE = {PARAM, PARAMS};
static const struct rs_tune_functions FUNCTIONS = {CREATE_FUNCTION, TRAIN_FUNCTION};

static struct rs_tune_opts search(const char *scheduler, uint64_t samples)
{
  return (struct rs_tune_opts){.sched = rs_tune_sched_find(scheduler),
                               .sched_opts = {.mode = RS_TUNE_MIN, .eta = 4, .r_min = 1, .r_max = 64},
                               .space = &SPACE,
                               .seed = 1,
                               .trainable = &rs_tune_function_trainable,
                               .trainable_arg = (void *)(uintptr_t)&FUNCTIONS,
                               .demand = {.cpu_e4 = RS_ONE_E4},
                               .num_samples = samples,
                               .concurrency = 10,
                               .max_failures = 3,
                               .time_budget_ns = RS_TIME_NEVER};
}

/* Counts events by kind, and checks each against the trial's last one. */
struct record {
  uint32_t count[RS_TUNE_DROPPED + 1];
  uint8_t last[2000]; /* 1 + kind */
  uint64_t epoch[2000];
  uint64_t now;
};

static void record_event(void *arg, const struct rs_tune_event *event)
{
  struct record *record = arg;
  CHECK(event->now >= record->now && event->trial < 2000);
  record->now = event->now;
  record->count[event->kind]++;
  uint8_t last = record->last[event->trial];
  uint64_t *epoch = &record->epoch[event->trial];
  switch (event->kind) {
  case RS_TUNE_STARTED: CHECK_EQ(last, 0); break;
  case RS_TUNE_RESUMED: CHECK(last == 1 + RS_TUNE_PAUSED || last == 1 + RS_TUNE_FAILED); break;
  case RS_TUNE_REPORTED:
    CHECK(last == 1 + RS_TUNE_STARTED || last == 1 + RS_TUNE_RESUMED || last == 1 + RS_TUNE_CONTINUED ||
          last == 1 + RS_TUNE_REPORTED);
    CHECK_EQ(event->epoch, *epoch + event->epoch_count); /* every epoch exactly once, in order */
    *epoch = event->epoch;
    struct rs_tune_value values[PARAMS];
    rs_tune_space_sample(&SPACE, 1, event->trial, values);
    double want = curve(event->trial, values, event->epoch);
    CHECK(event->value == want || (rs_is_nan(event->value) && rs_is_nan(want)));
    CHECK(event->epochs[0].seconds == 0.5);
    break;
  case RS_TUNE_CONTINUED:
  case RS_TUNE_PAUSED:
  case RS_TUNE_STOPPED:
  case RS_TUNE_COMPLETED: CHECK_EQ(last, 1 + RS_TUNE_REPORTED); break;
  case RS_TUNE_FAILED: CHECK(event->status < 0); break;
  case RS_TUNE_DROPPED: CHECK_EQ(last, 1 + RS_TUNE_FAILED); break;
  }
  record->last[event->trial] = (uint8_t)(1 + event->kind);
}

static struct fake fake_cluster(uint64_t seed, uint32_t places)
{
  struct fake fake = {.places = places};
  rs_rng_seed(&fake.rng, seed);
  return fake;
}

/* Runs until the application is done; then nothing may be left anywhere. */
static struct rs_tune_summary run(struct fake *fake, const struct rs_tune_opts *opts)
{
  const char *wrong = rs_tune_check(opts);
  if (wrong)
    printf("\n    %s\n", wrong);
  CHECK(!wrong);
  fake->app = rs_tune_new(opts);
  const struct rs_app_ops *ops = fake->app->ops;
  struct rs_calls calls = {0};
  fake->now = 5 * RS_S;
  ops->on_start(fake->app, fake->now, SELF, &calls);
  perform_all(fake, &calls);
  while (!ops->done(fake->app)) {
    uint64_t timer = ops->deadline(fake->app);
    CHECK(fake->event_count > 0 || timer != RS_TIME_NEVER); /* somebody must be about to do something */
    if (fake->event_count == 0 || timer < fake->heap[0].at) {
      fake->now = timer;
      struct rs_calls more = {0};
      ops->on_timer(fake->app, fake->now, &more);
      perform_all(fake, &more);
    } else {
      struct event event = pop_event(fake);
      fake->now = event.at;
      handle(fake, event);
    }
  }
  struct rs_tune_summary summary = rs_tune_summarise(fake->app);
  for (uint32_t i = 0; i < fake->actor_count; i++) {
    CHECK(fake->actors[i].killed && !fake->actors[i].alive);
    CHECK(!fake->actors[i].task);
  }
  CHECK(fake->used == 0 && fake->busy == 0);
  if (!summary.budget_used && !summary.error)
    CHECK_EQ(fake->results.count, 0); /* every return was released */
  rs_tune_free(fake->app);
  return summary;
}

static void clean(struct fake *fake)
{
  rs_map_free(&fake->by_seq);
  rs_map_free(&fake->results);
  free(fake->actors);
  free(fake->waiting);
  free(fake->heap);
}

static void fifo_trains_all(void)
{
  struct fake fake = fake_cluster(1, 10);
  struct record record = {0};
  struct rs_tune_opts opts = search("fifo", 40);
  opts.observe = record_event;
  opts.observe_arg = &record;
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.started, 40);
  CHECK_EQ(summary.completed, 40);
  CHECK_EQ(summary.epochs, 40 * 64);
  CHECK_EQ(summary.actors, 40);
  CHECK_EQ(summary.running, 0);
  CHECK_EQ(summary.reports, 40);
  CHECK_EQ(fake.busy_max, 10);
  CHECK(summary.ended && !summary.budget_used && summary.error == RS_ERR_OK);
  CHECK(summary.first_complete_ns > 0 && summary.first_complete_ns < summary.end_ns);
  double best = 100; /* the curves fall, so the best value is the end of the best trial */
  uint32_t best_trial = 0;
  for (uint32_t trial = 0; trial < 40; trial++) {
    struct rs_tune_value values[PARAMS];
    rs_tune_space_sample(&SPACE, 1, trial, values);
    double value = curve(trial, values, 64);
    if (value < best) {
      best = value;
      best_trial = trial;
    }
  }
  CHECK(summary.best_complete_value == best);
  CHECK_EQ(summary.best_complete_trial, best_trial);
  CHECK(summary.best_value <= best);
  CHECK_EQ(record.count[RS_TUNE_REPORTED], 40);
  CHECK_EQ(record.count[RS_TUNE_COMPLETED], 40);
  clean(&fake);
}

/* Every scheduler, with and without reuse, with and without failures: each run twice, with the same calls at the same
 * times. */
static void every_scheduler_survives_failures(void)
{
  for (uint32_t variant = 0; variant < 5 * 16; variant++) {
    struct rs_tune_opts opts = search(rs_tune_sched_names[variant / 16], 300);
    opts.reuse_actors = variant & 1;
    opts.max_failures = variant & 2 ? 2 : 0;
    opts.epochs_per_call_max = variant & 8 ? 5 : 0;
    opts.concurrency = variant % 3 ? 12 : 0;
    uint64_t hash = 0;
    for (int twice = 0; twice < 2; twice++) {
      struct record record = {0};
      opts.observe = record_event;
      opts.observe_arg = &record;
      struct fake fake = fake_cluster(variant, 12);
      if (variant & 4) {
        fake.kill_rate = 0.1;
        fake.error_rate = 0.05;
        fake.garbage_rate = 0.02;
      }
      struct rs_tune_summary summary = run(&fake, &opts);
      CHECK_EQ(summary.started, 300);
      CHECK(summary.completed > 0 || (variant & 6) == 4); /* with failures and no retries there may be none */
      CHECK_EQ(summary.started, summary.completed + summary.stopped + summary.dropped + summary.paused);
      CHECK(variant & 4 ? summary.dropped > 0 && summary.attempts_failed >= fake.lost : summary.attempts_failed == 0);
      CHECK_EQ(record.count[RS_TUNE_STARTED], 300);
      CHECK_EQ(record.count[RS_TUNE_DROPPED], summary.dropped);
      CHECK_EQ(record.count[RS_TUNE_FAILED], summary.attempts_failed);
      CHECK_EQ(record.count[RS_TUNE_COMPLETED], summary.completed);
      CHECK_EQ(summary.calls, record.count[RS_TUNE_REPORTED] + summary.attempts_failed);
      CHECK(opts.concurrency == 0 || fake.busy_max <= opts.concurrency);
      if (opts.reuse_actors && opts.concurrency && !(variant & 4))
        CHECK_EQ(summary.actors, 12);
      if (!(variant & 8)) {
        uint64_t started = 0, reported = 0;
        for (uint32_t rung = 0; rung < RS_TUNE_RUNGS_MAX; rung++) {
          started += summary.rung_started[rung];
          reported += summary.rung_reported[rung];
        }
        CHECK_EQ(reported, summary.reports);
        CHECK_EQ(started, reported + summary.dropped);
      }
      if (twice)
        CHECK(hash == fake.hash);
      hash = fake.hash;
      clean(&fake);
    }
  }
}

static void a_pause_ends_the_actor_unless_it_is_reused(void)
{
  for (int reuse = 0; reuse < 2; reuse++) {
    struct fake fake = fake_cluster(3, 8);
    struct rs_tune_opts opts = search("sha", 64);
    opts.concurrency = 8;
    opts.reuse_actors = reuse;
    struct rs_tune_summary summary = run(&fake, &opts);
    CHECK_EQ(summary.completed, 1);
    CHECK_EQ(summary.reports, 64 + 16 + 4 + 1);
    if (reuse)
      CHECK_EQ(summary.actors, 8);
    else
      CHECK(summary.actors > 64 && summary.actors <= 85); /* the same trial going on at once keeps its actor */
    CHECK_EQ(summary.epochs, 64 + 16 * 3 + 4 * 12 + 48);  /* resumed from checkpoints, not trained again */
    clean(&fake);
  }
}

/* An idle actor may still hold an old state of the very trial that it gets: the worker in the fake would notice. */
static void reused_actors_are_told_what_they_get(void)
{
  for (uint64_t seed = 0; seed < 200; seed++) {
    struct fake fake = fake_cluster(seed, 16);
    struct rs_tune_opts opts = search("sha", 64);
    opts.sched_opts.eta = 2;
    opts.concurrency = 16;
    opts.reuse_actors = true;
    opts.max_failures = RS_TUNE_NO_LIMIT;
    fake.kill_rate = seed % 2 ? 0.3 : 0; /* actors that idle longest are needed again */
    struct rs_tune_summary summary = run(&fake, &opts);
    CHECK_EQ(summary.completed, 1);
    CHECK(seed % 2 ? summary.actors > 16 : summary.actors == 16);
    clean(&fake);
  }
}

static void asha_stopping_keeps_its_actor(void)
{
  struct fake fake = fake_cluster(4, 10);
  struct rs_tune_opts opts = search("asha-stopping", 200);
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.actors, 200);
  CHECK_EQ(summary.completed + summary.stopped, 200);
  CHECK(summary.stopped > 100);
  CHECK_EQ(summary.rung_started[0], 200);
  clean(&fake);
}

static void retries_are_counted_and_end(void)
{
  struct fake fake = fake_cluster(5, 4);
  fake.error_rate = 0.5;
  struct rs_tune_opts opts = search("fifo", 50);
  opts.max_failures = 0;
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.attempts_failed, summary.dropped);
  CHECK_EQ(summary.completed + summary.dropped, 50);
  CHECK(summary.dropped > 10 && summary.dropped < 40);
  clean(&fake);
  fake = fake_cluster(5, 4);
  fake.error_rate = 0.5;
  opts.max_failures = RS_TUNE_NO_LIMIT;
  summary = run(&fake, &opts);
  CHECK_EQ(summary.completed, 50);
  CHECK_EQ(summary.dropped, 0);
  CHECK(summary.attempts_failed > 20);
  clean(&fake);
}

static void a_retry_begins_at_the_last_checkpoint(void)
{
  struct fake fake = fake_cluster(6, 1);
  fake.kill_rate = 0.3;
  struct record record = {0};
  struct rs_tune_opts opts = search("fifo", 5);
  opts.epochs_per_call_max = 4;
  opts.max_failures = RS_TUNE_NO_LIMIT;
  opts.observe = record_event; /* which checks that no epoch comes twice */
  opts.observe_arg = &record;
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.completed, 5);
  CHECK_EQ(summary.epochs, 5 * 64);
  CHECK_EQ(summary.reports, 5 * 16);
  CHECK(summary.attempts_failed > 10);
  clean(&fake);
}

static void the_time_budget_ends_the_search(void)
{
  struct fake fake = fake_cluster(7, 20);
  struct rs_tune_opts opts = search("asha", RS_TUNE_TRIALS_UNBOUNDED);
  opts.concurrency = 0;
  opts.time_budget_ns = 3 * RS_S;
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK(summary.budget_used && summary.ended);
  CHECK_EQ(summary.end_ns, 3 * RS_S);
  CHECK(summary.running > 0 && summary.started > 500 && summary.completed > 0);
  CHECK(summary.best_ns <= 3 * RS_S && summary.first_complete_ns < 3 * RS_S);
  clean(&fake);
}

static void a_search_without_hope_is_given_up(void)
{
  struct fake fake = fake_cluster(8, 4);
  fake.create_status = RS_ERR_INFEASIBLE;
  struct rs_tune_opts opts = search("asha", RS_TUNE_TRIALS_UNBOUNDED);
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.error, RS_ERR_INFEASIBLE);
  CHECK(summary.attempts_failed <= 10); /* the first one to say why, whichever sign of it comes first */
  clean(&fake);
  fake = fake_cluster(8, 4);
  fake.error_rate = 1;
  summary = run(&fake, &opts);
  CHECK_EQ(summary.error, RS_ERR_TASK_FAILED);
  CHECK_EQ(summary.attempts_failed, RS_TUNE_FRUITLESS_MAX + 10 * 10);
  CHECK_EQ(summary.reports, 0);
  CHECK_EQ(summary.best_trial, RS_TUNE_NO_LIMIT);
  CHECK(rs_is_nan(summary.best_value));
  clean(&fake);
}

static void pending_actors_are_limited(void)
{
  struct fake fake = fake_cluster(9, 200);
  struct rs_tune_opts opts = search("fifo", 1000);
  opts.concurrency = 0;
  struct rs_tune_summary summary = run(&fake, &opts);
  CHECK_EQ(summary.completed, 1000);
  CHECK(fake.busy_max > 200 && fake.busy_max <= 250); /* the cluster is full, and a quarter more waits */
  clean(&fake);
}

/* A trainable whose checkpoint stays in the object store. */
static struct rs_task *train_with_object(void *arg, const struct rs_tune_work *work)
{
  struct rs_task *task = rs_task_new(work->fresh && work->from > 0, rs_tune_work_bytes(work));
  task->function = ((const struct rs_tune_functions *)arg)->train;
  task->return_count = 2;
  if (task->dep_count) {
    CHECK(work->checkpoint_object.id.seq != 0 && work->checkpoint_object.size_bytes == 100 << 20);
    task->deps[0] = work->checkpoint_object;
  }
  rs_tune_work_encode(work, task->args);
  return task;
}

static void checkpoints_may_be_objects(void)
{
  struct rs_tune_trainable trainable = rs_tune_function_trainable;
  trainable.train = train_with_object;
  trainable.checkpoint_return = 1;
  for (int failures = 0; failures < 2; failures++) {
    struct fake fake = fake_cluster(10, 10);
    fake.huge_checkpoints = true;
    fake.kill_rate = failures ? 0.1 : 0;
    struct rs_tune_opts opts = search("sha", 200);
    opts.trainable = &trainable;
    opts.sched_opts.bracket_size = 20;
    struct rs_tune_summary summary = run(&fake, &opts); /* which checks that all are released in the end */
    CHECK_EQ(summary.started, 200);
    CHECK(summary.completed == 0); /* 20, 5, 1 and then none */
    CHECK(failures ? summary.rung_reported[2] >= 9 : summary.rung_reported[2] == 10);
    clean(&fake);
  }
}

static void a_lost_checkpoint_means_from_the_beginning(void)
{
  struct rs_tune_trainable trainable = rs_tune_function_trainable;
  trainable.train = train_with_object;
  trainable.checkpoint_return = 1;
  struct rs_tune_opts opts = search("fifo", 1);
  opts.trainable = &trainable;
  opts.epochs_per_call_max = 32;
  struct fake fake = fake_cluster(11, 1);
  fake.huge_checkpoints = true;
  fake.app = rs_tune_new(&opts);
  struct rs_calls calls = {0};
  fake.app->ops->on_start(fake.app, 0, SELF, &calls);
  perform_all(&fake, &calls);
  while (rs_tune_summarise(fake.app).reports == 0)
    fake.now = fake.heap[0].at, handle(&fake, pop_event(&fake));
  uint64_t call = fake.actors[0].call; /* epochs 33 to 64 run */
  CHECK(call != 0);
  end_call(&fake.actors[0]);
  fake.busy--;
  reply_task(&fake, call, RS_ERR_OBJECT_LOST, NULL);
  while (!fake.app->ops->done(fake.app))
    fake.now = fake.heap[0].at, handle(&fake, pop_event(&fake));
  struct rs_tune_summary summary = rs_tune_summarise(fake.app);
  CHECK_EQ(summary.completed, 1);
  CHECK_EQ(summary.epochs, 32 + 64);
  CHECK_EQ(fake.results.count, 0);
  rs_tune_free(fake.app);
  clean(&fake);
}

static void bad_options_have_a_reason(void)
{
  struct rs_tune_opts opts = search("asha", 0);
  CHECK_STR(rs_tune_check(&opts), "num_samples times the points of the grid is not between 1 and 2^32 - 2 trials");
  opts = search("median", 1);
  CHECK_STR(rs_tune_check(&opts), "there is no scheduler");
  opts = search("asha", 1);
  opts.trainable = NULL;
  CHECK_STR(rs_tune_check(&opts), "there is nothing to train");
  opts = search("asha", 1);
  opts.sched_opts.eta = 0;
  CHECK_STR(rs_tune_check(&opts), "the reduction factor is below 2");
  opts = search("asha", 1);
  opts.demand.gpu_e4 = 15000;
  CHECK_STR(rs_tune_check(&opts), "a trial needs a share of one GPU, or whole GPUs");
}

static void the_wire_form_is_exact(void)
{
  struct rs_tune_value values[3] = {{1.5, 0}, {RS_NAN, 7}, {-0.0, UINT32_MAX}}, back[3];
  struct rs_tune_work work = {.trial = 5,
                              .seed = UINT64_MAX,
                              .values = values,
                              .value_count = 3,
                              .from = 16,
                              .to = UINT64_C(1) << 40,
                              .fresh = true,
                              .checkpoint = (const uint8_t *)"state",
                              .checkpoint_bytes = 5};
  uint32_t bytes = rs_tune_work_bytes(&work);
  uint8_t *data = rs_alloc(bytes), *again = rs_alloc(bytes);
  rs_tune_work_encode(&work, data);
  struct rs_tune_work got;
  CHECK(rs_tune_work_decode(data, bytes, &got, back, 3));
  CHECK(got.trial == 5 && got.seed == UINT64_MAX && got.from == 16 && got.to == work.to && got.fresh);
  CHECK(got.checkpoint_bytes == 5 && memcmp(got.checkpoint, "state", 5) == 0);
  rs_tune_work_encode(&got, again);
  CHECK(memcmp(data, again, bytes) == 0);
  CHECK(!rs_tune_work_decode(data, bytes, &got, back, 2));
  for (uint32_t cut = 0; cut < bytes; cut++) {
    uint8_t *part = rs_memdup(data, cut); /* exactly as long: reading on would be seen */
    CHECK(!rs_tune_work_decode(part, cut, &got, back, 3));
    free(part);
  }
  free(data);
  free(again);
  struct rs_tune_metrics metrics = {.checkpoint = (const uint8_t *)"xyz", .checkpoint_bytes = 3}, read = {0};
  rs_tune_metrics_add(&metrics, 0.25, 2);
  rs_tune_metrics_add(&metrics, RS_NAN, 3);
  bytes = rs_tune_result_bytes(&metrics);
  data = rs_alloc(bytes);
  rs_tune_result_encode(&metrics, data);
  CHECK(rs_tune_result_decode(data, bytes, &read));
  CHECK(read.count == 2 && read.epochs[0].value == 0.25 && rs_is_nan(read.epochs[1].value) &&
        read.epochs[1].seconds == 3);
  CHECK(read.checkpoint_bytes == 3 && memcmp(read.checkpoint, "xyz", 3) == 0);
  for (uint32_t cut = 0; cut < bytes; cut++) {
    uint8_t *part = rs_memdup(data, cut);
    read.count = 0;
    CHECK(!rs_tune_result_decode(part, cut, &read));
    free(part);
  }
  free(data);
  free(metrics.epochs);
  free(read.epochs);
}

static void a_large_search_is_quick(void)
{
  clock_t start = clock();
  struct fake fake = fake_cluster(12, 10000);
  struct rs_tune_opts opts = search("asha", 300000);
  opts.concurrency = 10000;
  struct rs_tune_summary summary = run(&fake, &opts);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  printf("%u trials, %" PRIu64 " calls, %.2f s ", summary.started, summary.calls, seconds);
  CHECK_EQ(summary.started, 300000);
  CHECK(summary.completed > 1000);
  CHECK(seconds < 60);
  clean(&fake);
}

const struct rs_test rs_tests[] = {{"fifo", fifo_trains_all},
                                   {"failures", every_scheduler_survives_failures},
                                   {"pause and reuse", a_pause_ends_the_actor_unless_it_is_reused},
                                   {"reuse is told", reused_actors_are_told_what_they_get},
                                   {"asha-stopping", asha_stopping_keeps_its_actor},
                                   {"retries", retries_are_counted_and_end},
                                   {"checkpoint", a_retry_begins_at_the_last_checkpoint},
                                   {"time budget", the_time_budget_ends_the_search},
                                   {"without hope", a_search_without_hope_is_given_up},
                                   {"pending", pending_actors_are_limited},
                                   {"checkpoint objects", checkpoints_may_be_objects},
                                   {"lost checkpoint", a_lost_checkpoint_means_from_the_beginning},
                                   {"bad options", bad_options_have_a_reason},
                                   {"wire form", the_wire_form_is_exact},
                                   {"large", a_large_search_is_quick},
                                   {0}};
