/* The Tune controller above the real core: GCS, raylets, workers and the owner of tests/mini.h, with a node that dies.
 */
#include "base/alloc.h"
#include "base/maths.h"
#include "check.h"
#include "lib/load/replay.h"
#include "lib/tune/tune.h"
#include "lib/tune/wire.h"
#include "mini.h"

#include <stdlib.h>

/* ---- a trainable of replay tasks: 10 ms an epoch, the result is in the arguments ---- */

static double curve(uint32_t trial, uint64_t epoch)
{
  return (double)(rs_mix64(trial) % 1000) + 100.0 / (double)epoch;
}

static struct rs_task *replay(uint64_t duration_ns, const uint8_t *result, uint32_t bytes)
{
  struct rs_replay args = {.duration_ns = duration_ns, .result = result, .result_bytes = bytes};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(bytes));
  task->function = rs_replay_function();
  rs_replay_encode(&args, task->args);
  return task;
}

static struct rs_task *create(void *arg, const struct rs_tune_work *work)
{
  (void)arg;
  (void)work;
  return replay(2 * RS_MS, NULL, 0);
}

static struct rs_task *train(void *arg, const struct rs_tune_work *work)
{
  (void)arg;
  struct rs_tune_metrics metrics = {0};
  for (uint64_t epoch = work->from + 1; epoch <= work->to; epoch++)
    rs_tune_metrics_add(&metrics, curve(work->trial, epoch), 0.01);
  uint32_t bytes = rs_tune_result_bytes(&metrics);
  uint8_t *result = rs_alloc(bytes);
  rs_tune_result_encode(&metrics, result);
  struct rs_task *task = replay((work->to - work->from) * 10 * RS_MS, result, bytes);
  task->return_count = 1;
  free(result);
  free(metrics.epochs);
  return task;
}

static bool read_result(void *arg, const struct rs_tune_work *work, const struct rs_result *result,
                        struct rs_tune_metrics *metrics)
{
  return rs_tune_function_trainable.read(arg, work, result, metrics);
}

static const struct rs_tune_trainable REPLAYED = {create, train, read_result, -1};

/* ---- the application beside the driver endpoint: mini.h keeps replies, so what is awaited is asked for each
 * millisecond ---- */

struct awaited {
  struct rs_id id;
  int state; /* last actor state told */
};

struct beside {
  struct mini *mini;
  struct rs_app *app;
  struct awaited *awaited;
  uint32_t count, cap;
};

static void perform(struct beside *beside, struct rs_calls *calls)
{
  for (uint32_t i = 0; i < calls->count; i++) {
    struct rs_call *call = calls->items[i];
    if (call->kind == RS_CALL_ACTOR_CREATE || call->kind == RS_CALL_ACTOR_CALL) {
      RS_GROW(beside->awaited, beside->count, beside->cap);
      beside->awaited[beside->count++] = (struct awaited){call->tasks[0]->id, -1};
    }
    mini_call(beside->mini, call);
  }
  free(calls->items);
}

static void pass_replies(struct beside *beside, uint64_t now)
{
  for (uint32_t i = 0; i < beside->count; i++) {
    struct awaited *awaited = &beside->awaited[i];
    const struct rs_reply *reply = mini_reply(beside->mini, awaited->id);
    if (!reply || (reply->kind == RS_REPLY_ACTOR && reply->state == awaited->state))
      continue;
    awaited->state = reply->state;
    if (reply->kind == RS_REPLY_TASK || reply->state == RS_ACTOR_DEAD)
      beside->awaited[i--] = beside->awaited[--beside->count];
    struct rs_calls calls = {0};
    beside->app->ops->on_reply(beside->app, now, reply, &calls);
    perform(beside, &calls);
  }
}

static struct rs_tune_summary run(const char *scheduler, bool reuse, bool kill, uint64_t *hash)
{
  struct mini_opts cluster;
  mini_defaults(&cluster, 3, 4);
  struct mini *mini = mini_new(&cluster);
  struct rs_tune_opts opts = {.sched = rs_tune_sched_find(scheduler),
                              .sched_opts = {.mode = RS_TUNE_MIN, .eta = 4, .r_min = 1, .r_max = 16},
                              .trainable = &REPLAYED,
                              .demand = {.cpu_e4 = RS_ONE_E4},
                              .num_samples = 48,
                              .concurrency = 12,
                              .max_failures = 2,
                              .time_budget_ns = 60 * RS_S,
                              .reuse_actors = reuse};
  CHECK(!rs_tune_check(&opts));
  struct beside beside = {.mini = mini, .app = rs_tune_new(&opts)};
  uint64_t now = mini_run(mini, RS_S);
  struct rs_calls calls = {0};
  beside.app->ops->on_start(beside.app, now, mini_driver(mini), &calls);
  perform(&beside, &calls);
  for (uint32_t steps = 0; !beside.app->ops->done(beside.app); steps++) {
    CHECK(steps < 100000);
    if (kill && steps == 60)
      mini_kill_node(mini, 2);
    now += RS_MS;
    mini_run(mini, now);
    pass_replies(&beside, now);
    if (now >= beside.app->ops->deadline(beside.app)) {
      struct rs_calls more = {0};
      beside.app->ops->on_timer(beside.app, now, &more);
      perform(&beside, &more);
    }
  }
  struct rs_tune_summary summary = rs_tune_summarise(beside.app);
  *hash = mini_hash(mini);
  CHECK_EQ(beside.count, 0); /* nothing is left to come */
  rs_tune_free(beside.app);
  free(beside.awaited);
  mini_free(mini);
  return summary;
}

static void every_scheduler_runs_on_the_core(void)
{
  for (uint32_t i = 0; rs_tune_sched_names[i]; i++)
    for (int reuse = 0; reuse < 2; reuse++) {
      uint64_t hash, again;
      struct rs_tune_summary summary = run(rs_tune_sched_names[i], reuse, false, &hash);
      CHECK(summary.ended && !summary.budget_used && summary.error == RS_ERR_OK);
      CHECK_EQ(summary.started, 48);
      CHECK_EQ(summary.attempts_failed, 0);
      CHECK(summary.completed > 0);
      CHECK(!reuse || summary.actors == 12);
      run(rs_tune_sched_names[i], reuse, false, &again);
      CHECK(hash == again);
    }
}

static void a_dead_node_costs_attempts_not_trials(void)
{
  uint64_t failed = 0;
  for (uint32_t i = 0; rs_tune_sched_names[i]; i++) {
    uint64_t hash;
    struct rs_tune_summary summary = run(rs_tune_sched_names[i], i % 2, true, &hash);
    CHECK(summary.ended && !summary.budget_used && summary.error == RS_ERR_OK);
    CHECK_EQ(summary.started, 48);
    CHECK(summary.dropped == 0 && summary.completed > 0);
    CHECK(summary.attempts_failed <= 4); /* what trained on the node's 4 CPUs; an actor in creation is simply moved */
    failed += summary.attempts_failed;
  }
  CHECK(failed >= 8);
}

const struct rs_test rs_tests[] = {
    {"every scheduler", every_scheduler_runs_on_the_core}, {"dead node", a_dead_node_costs_attempts_not_trials}, {0}};
