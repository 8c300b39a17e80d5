/* driver_tasks.c -- see driver_tasks.h. */
#include "sim/driver_tasks.h"

#include <string.h>

#include "base/assert.h"
#include "lib/load/replay.h"

static struct rs_task *make_task(struct rs_sim_tasks *tasks)
{
  bool reads = tasks->fan_in && tasks->submitted > 0;
  struct rs_replay replay = {.mode = tasks->spin ? RS_REPLAY_SPIN : RS_REPLAY_SLEEP,
                             .return_bytes = tasks->return_bytes};
  uint64_t span = tasks->duration_max_ns - tasks->duration_min_ns;
  replay.duration_ns = tasks->duration_min_ns + (span ? rs_rng_below(&tasks->rng, span + 1) : 0);
  struct rs_task *task = rs_task_new(reads, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->function = rs_replay_function();
  task->id = (struct rs_id){tasks->self, tasks->next_seq};
  task->return_count = tasks->return_bytes ? 1 : 0;
  tasks->next_seq += 1u + task->return_count;
  if (reads)
    task->deps[0] = (struct rs_dep){.id = tasks->first_object};
  return task;
}

static void submit(struct rs_sim_tasks *tasks, struct rs_calls *calls)
{
  uint64_t batch = tasks->keys ? 1 : tasks->batch ? tasks->batch : 1000;
  uint64_t most = tasks->in_flight_max ? tasks->in_flight_max : tasks->count;
  while (tasks->submitted < tasks->count && tasks->submitted - tasks->ended < most) {
    uint64_t left = tasks->count - tasks->submitted, room = most - (tasks->submitted - tasks->ended);
    uint64_t count = left < batch ? left : batch;
    if (count > room)
      count = room;
    struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, (uint32_t)count);
    call->strategy = tasks->strategy;
    call->max_retries = tasks->max_retries;
    call->demand.cpu_e4 = tasks->cpu_e4 ? tasks->cpu_e4 : RS_ONE_E4;
    if (tasks->keys)
      call->demand.memory_bytes = (int64_t)(tasks->submitted + 1);
    for (uint32_t i = 0; i < count; i++) {
      call->tasks[i] = make_task(tasks);
      if (tasks->submitted++ == 0)
        tasks->first_object = (struct rs_id){tasks->self, call->tasks[i]->id.seq + 1};
    }
    rs_calls_add(calls, call);
  }
}

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct rs_sim_tasks *tasks = (struct rs_sim_tasks *)(void *)app;
  tasks->self = self;
  tasks->started_ns = now;
  tasks->first_ns = now;
  rs_rng_seed(&tasks->rng, tasks->seed);
  if (!tasks->start_ns)
    submit(tasks, calls);
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct rs_sim_tasks *tasks = (struct rs_sim_tasks *)(void *)app;
  tasks->first_ns = now;
  submit(tasks, calls);
}

static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct rs_sim_tasks *tasks = (struct rs_sim_tasks *)(void *)app;
  if (reply->kind != RS_REPLY_TASK)
    return;
  tasks->ended++;
  tasks->failed += reply->status != RS_ERR_OK;
  tasks->digest += rs_mix64(reply->id.seq ^ rs_mix64(reply->node));
  tasks->last_ns = now;
  /* a batch at a time, so that a reply costs no call of its own */
  uint64_t batch = tasks->batch ? tasks->batch : 1000;
  uint64_t in_flight = tasks->submitted - tasks->ended;
  if (!tasks->in_flight_max || in_flight + batch <= tasks->in_flight_max || in_flight == 0)
    submit(tasks, calls);
}

static uint64_t deadline(const struct rs_app *app)
{
  const struct rs_sim_tasks *tasks = (const struct rs_sim_tasks *)(const void *)app;
  return tasks->submitted || !tasks->start_ns ? RS_TIME_NEVER : tasks->started_ns + tasks->start_ns;
}

static bool done(const struct rs_app *app)
{
  const struct rs_sim_tasks *tasks = (const struct rs_sim_tasks *)(const void *)app;
  return tasks->ended == tasks->count;
}

void rs_sim_tasks_init(struct rs_sim_tasks *tasks)
{
  static const struct rs_app_ops ops = {on_start, on_reply, on_timer, deadline, done};
  memset(tasks, 0, sizeof *tasks);
  tasks->app.ops = &ops;
  tasks->count = 1;
  tasks->duration_min_ns = tasks->duration_max_ns = RS_S;
  tasks->max_retries = 3;
  tasks->next_seq = 1;
}
