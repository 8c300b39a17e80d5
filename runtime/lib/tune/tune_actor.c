/* tune_actor.c -- what the controller asks of its owner: actors, training calls, checkpoints kept and released. */
#include "lib/tune/tune_int.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

static struct rs_id id_of(const struct tune *tune, uint64_t seq)
{
  return (struct rs_id){tune->self, seq};
}

static void call_on_object(struct tune *tune, enum rs_call_kind kind, uint64_t seq, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = id_of(tune, seq);
  call->no_restart = true;
  rs_calls_add(calls, call);
}

struct rs_tune_work rs_tune_work_of(struct tune *tune, const struct slot *slot)
{
  const struct trial *trial = &tune->trials[slot->job.trial];
  struct rs_tune_work work = {.trial = slot->job.trial,
                              .seed = tune->opts.seed,
                              .values = tune->values,
                              .from = trial->epoch,
                              .to = slot->to,
                              .fresh = slot->fresh,
                              .checkpoint = trial->checkpoint,
                              .checkpoint_bytes = trial->checkpoint_bytes,
                              .checkpoint_object = trial->object};
  if (tune->opts.space) {
    work.value_count = tune->opts.space->param_count;
    rs_tune_space_sample(tune->opts.space, tune->opts.seed, work.trial, tune->values);
  }
  return work;
}

void rs_tune_train(struct tune *tune, uint32_t at, struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  uint64_t from = tune->trials[slot->job.trial].epoch, step = tune->opts.epochs_per_call_max;
  RS_ASSERT(slot->state == BUSY && from < slot->job.to);
  slot->to = step > 0 && slot->job.to - from > step ? from + step : slot->job.to;
  struct rs_tune_work work = rs_tune_work_of(tune, slot);
  struct rs_task *task = tune->opts.trainable->train(tune->opts.trainable_arg, &work);
  task->return_count = task->return_count ? task->return_count : 1;
  RS_ASSERT(tune->opts.trainable->checkpoint_return < task->return_count);
  slot->call = tune->next_seq;
  slot->return_count = task->return_count;
  tune->next_seq += 1u + task->return_count;
  task->id = id_of(tune, slot->call);
  task->actor = id_of(tune, slot->actor);
  task->flags |= RS_TASK_ACTOR_CALL;
  if (tune->opts.trainable->checkpoint_return >= 0)
    task->flags |= RS_TASK_KEEP; /* until a later checkpoint takes its place */
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  call->tasks[0] = task;
  rs_calls_add(calls, call);
  rs_map_put(&tune->calls, slot->call, at);
  tune->summary.calls++;
}

void rs_tune_create_and_train(struct tune *tune, uint32_t at, struct rs_calls *calls)
{
  struct slot *slot = &tune->slots[at];
  slot->actor = tune->next_seq++;
  slot->alive = false;
  slot->fresh = true;
  slot->to = slot->job.to;
  struct rs_tune_work work = rs_tune_work_of(tune, slot);
  struct rs_task *task = tune->opts.trainable->create(tune->opts.trainable_arg, &work);
  RS_ASSERT(task->return_count == 0);
  task->id = task->actor = id_of(tune, slot->actor);
  task->flags |= RS_TASK_ACTOR_CREATE;
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  call->tasks[0] = task;
  call->demand = call->hold = tune->opts.demand;
  call->strategy = tune->opts.strategy;
  call->object = task->id;
  rs_calls_add(calls, call);
  rs_map_put(&tune->actors, slot->actor, at);
  tune->pending++;
  tune->summary.actors++;
  rs_tune_train(tune, at, calls);
}

void rs_tune_leave_actor(struct tune *tune, struct slot *slot)
{
  if (slot->alive)
    tune->living--;
  else
    tune->pending--;
  slot->actor = 0;
}

void rs_tune_kill_actor(struct tune *tune, struct slot *slot, struct rs_calls *calls)
{
  call_on_object(tune, RS_CALL_ACTOR_KILL, slot->actor, calls);
  rs_map_put(&tune->actors, slot->actor, DYING);
  tune->dying++;
  rs_tune_leave_actor(tune, slot);
}

void rs_tune_release_call(struct tune *tune, struct slot *slot, int keep, struct rs_calls *calls)
{
  bool kept = tune->opts.trainable->checkpoint_return >= 0;
  for (int i = 0; kept && i < slot->return_count; i++)
    if (i != keep)
      call_on_object(tune, RS_CALL_RELEASE, slot->call + 1 + (uint64_t)i, calls);
  slot->call = 0;
}

void rs_tune_forget_checkpoint(struct tune *tune, struct trial *trial, struct rs_calls *calls)
{
  free(trial->checkpoint);
  trial->checkpoint = NULL;
  trial->checkpoint_bytes = 0;
  if (trial->object.id.seq)
    call_on_object(tune, RS_CALL_RELEASE, trial->object.id.seq, calls);
  trial->object = (struct rs_dep){0};
}

void rs_tune_store_checkpoint(struct tune *tune, struct slot *slot, const struct rs_result *result,
                              struct rs_calls *calls)
{
  struct trial *trial = &tune->trials[slot->job.trial];
  int which = tune->opts.trainable->checkpoint_return;
  rs_tune_forget_checkpoint(tune, trial, calls);
  trial->checkpoint = rs_memdup(tune->metrics.checkpoint, tune->metrics.checkpoint_bytes);
  trial->checkpoint_bytes = tune->metrics.checkpoint_bytes;
  if (which >= 0) {
    trial->object.id = id_of(tune, slot->call + 1 + (uint64_t)which);
    trial->object.size_bytes = result->returns[which].size_bytes;
    trial->object.location = result->node;
  }
  trial->epoch = slot->to;
}
