#include "sim/observe.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/time.h"
#include "lib/load/replay.h"

/* A task under way. */
struct track {
  uint64_t number;              /* of its row */
  uint64_t work_ns;             /* what a replay function was asked to take; 0: not known */
  uint64_t submit_ns, start_ns; /* results' axis; start RS_TIME_NEVER: not known */
  struct rs_task *task;         /* held for its arguments; NULL when it has none */
  uint64_t actor;               /* of a call */
  uint32_t cpu_e4, gpu_e4;
  uint32_t node;
  uint8_t tag;
};

struct actor {
  uint64_t alive_ns; /* RS_TIME_NEVER: not yet */
  uint32_t cpu_e4, gpu_e4;
  bool killed; /* by the application: what it still had to do is cancelled, not failed */
};

struct rs_observer {
  struct rs_app app;
  struct rs_observer_opts opts;
  uint64_t origin_ns, ended;
  uint64_t unused; /* numbers that streams keep free and no row has */
  rs_addr self;
  bool begun;
  struct rs_map tracks; /* task number -> track */
  struct rs_map actors; /* actor number -> actor */
  struct rs_map made;   /* first return of a kept task -> when it was made */
};

uint64_t rs_observer_time(const struct rs_observer *o, uint64_t now_ns)
{
  uint64_t since = rs_time_since(now_ns, o->origin_ns);
  return o->opts.time_scale == 1 ? since : (uint64_t)((double)since / o->opts.time_scale);
}

uint64_t rs_observer_ended(const struct rs_observer *o)
{
  return o->ended;
}

static uint8_t tag_of(const struct rs_task *task)
{
  struct rs_replay replay;
  if (task->function != rs_replay_function() || rs_replay_decode(task, &replay) != 0)
    return 0;
  return (uint8_t)replay.tag;
}

static void on_call(struct rs_observer *o, uint64_t t, const struct rs_call *call)
{
  if (call->kind == RS_CALL_ACTOR_CREATE) {
    struct actor *actor = rs_alloc(sizeof *actor);
    *actor = (struct actor){RS_TIME_NEVER, (uint32_t)call->hold.cpu_e4, call->hold.gpu_e4, false};
    rs_map_put_ptr(&o->actors, call->tasks[0]->id.seq, actor);
    return;
  }
  if (call->kind == RS_CALL_ACTOR_KILL) {
    struct actor *actor = rs_map_get_ptr(&o->actors, call->object.seq);
    if (actor)
      actor->killed = true;
  }
  if (call->kind != RS_CALL_SUBMIT && call->kind != RS_CALL_ACTOR_CALL)
    return;
  for (uint32_t i = 0; i < call->task_count; i++) {
    struct rs_task *task = call->tasks[i];
    struct track *track = rs_alloc_zero(1, sizeof *track);
    track->number = task->id.seq - o->unused;
    if (task->flags & RS_TASK_STREAM)
      o->unused += RS_STREAM_MAX - 1;
    track->submit_ns = t;
    track->start_ns = RS_TIME_NEVER;
    struct rs_replay replay;
    if (task->function == rs_replay_function() && rs_replay_decode(task, &replay) == RS_ERR_OK)
      track->work_ns = (uint64_t)((double)replay.duration_ns / o->opts.time_scale);
    track->cpu_e4 = (uint32_t)call->demand.cpu_e4;
    track->gpu_e4 = call->demand.gpu_e4;
    track->tag = tag_of(task);
    track->task = task->dep_count || (task->flags & RS_TASK_KEEP) ? rs_task_ref(task) : NULL;
    if (call->kind == RS_CALL_ACTOR_CALL) {
      const struct actor *actor = rs_map_get_ptr(&o->actors, task->actor.seq);
      track->actor = task->actor.seq;
      track->cpu_e4 = actor ? actor->cpu_e4 : 0;
      track->gpu_e4 = actor ? actor->gpu_e4 : 0;
    }
    rs_map_put_ptr(&o->tracks, task->id.seq, track);
  }
}

/* When the last argument was made, or the submission. */
static uint64_t ready_ns(const struct rs_observer *o, const struct track *track)
{
  uint64_t ready = track->submit_ns;
  for (uint32_t i = 0; track->task && i < track->task->dep_count; i++) {
    struct rs_id id = track->task->deps[i].id;
    const uint64_t *made = id.owner == o->self ? rs_map_find(&o->made, id.seq) : NULL;
    if (made && *made > ready)
      ready = *made;
  }
  return ready;
}

static void drop(struct rs_observer *o, uint64_t seq, struct track *track)
{
  rs_map_remove(&o->tracks, seq, NULL);
  rs_task_unref(track->task);
  free(track);
}

static void emit(struct rs_observer *o, const struct track *track, uint64_t ready, uint64_t start, uint64_t end,
                 uint32_t node, enum rs_task_outcome outcome)
{
  if (!o->opts.results)
    return;
  struct rs_task_row row = {.task = (uint64_t)o->opts.index << 40 | track->number,
                            .submit_ns = track->submit_ns,
                            .ready_ns = ready,
                            .start_ns = start,
                            .end_ns = end,
                            .work_ns = track->work_ns,
                            .job = RS_JOB_NONE,
                            .node = node < o->opts.node_count ? node : 0,
                            .cpu_e4 = track->cpu_e4,
                            .gpu_e4 = track->gpu_e4,
                            .tag = track->tag,
                            .outcome = (uint8_t)outcome};
  rs_results_task(o->opts.results, &row);
}

static uint32_t row_node(rs_addr raylet)
{
  rs_node_id node = rs_addr_node(raylet);
  return node ? node - 1 : 0;
}

/* When a task began that has no measured run time: as the driver told, or, for a call to a living actor, at once. */
static uint64_t start_guess(const struct rs_observer *o, const struct track *track, uint64_t ready, uint64_t end)
{
  uint64_t start = track->start_ns;
  const struct actor *actor = track->actor ? rs_map_get_ptr(&o->actors, track->actor) : NULL;
  if (start == RS_TIME_NEVER && actor && actor->alive_ns != RS_TIME_NEVER)
    start = actor->alive_ns;
  if (start == RS_TIME_NEVER)
    return start;
  return start < ready ? ready : start > end ? end : start;
}

static void on_task(struct rs_observer *o, uint64_t t, const struct rs_reply *reply)
{
  struct track *track = rs_map_get_ptr(&o->tracks, reply->id.seq);
  if (!track)
    return;
  o->ended++;
  const struct actor *actor = track->actor ? rs_map_get_ptr(&o->actors, track->actor) : NULL;
  uint64_t ready = ready_ns(o, track), start;
  bool ok = reply->status == RS_ERR_OK, killed = !ok && actor && actor->killed;
  rs_node_id node = row_node(reply->node);
  if (ok || reply->result->run_ns) {
    uint64_t run = (uint64_t)((double)reply->result->run_ns / o->opts.time_scale);
    start = rs_time_since(t, run);
    start = start < ready ? ready : start;
  } else {
    start = start_guess(o, track, ready, t);
    node = track->start_ns == RS_TIME_NEVER ? node : track->node;
  }
  emit(o, track, ready, start, t, node,
       ok                                            ? RS_TASK_OK
       : killed || reply->status == RS_ERR_CANCELLED ? RS_TASK_CANCELLED
                                                     : RS_TASK_FAILED);
  if (track->task)
    for (uint32_t i = 0; (track->task->flags & RS_TASK_KEEP) && i < track->task->return_count; i++)
      rs_map_put(&o->made, reply->id.seq + 1 + i, t);
  drop(o, reply->id.seq, track);
}

static void on_actor(struct rs_observer *o, uint64_t t, const struct rs_reply *reply)
{
  struct actor *actor = rs_map_get_ptr(&o->actors, reply->id.seq);
  if (!actor)
    return;
  if (reply->state == RS_ACTOR_ALIVE)
    actor->alive_ns = t;
  if (reply->state != RS_ACTOR_DEAD)
    return;
  rs_map_remove(&o->actors, reply->id.seq, NULL);
  free(actor);
}

/* ---- the application that the driver sees ---- */

static struct rs_observer *of(const struct rs_app *app)
{
  return (struct rs_observer *)(uintptr_t)app;
}

static void pass(struct rs_observer *o, uint64_t now, const struct rs_calls *calls, uint32_t from)
{
  uint64_t t = rs_observer_time(o, now);
  for (uint32_t i = from; i < calls->count; i++)
    on_call(o, t, calls->items[i]);
}

static uint64_t begin_at(const struct rs_observer *o)
{
  return rs_time_add(o->origin_ns, o->opts.delay_ns);
}

static void begin(struct rs_observer *o, uint64_t now, struct rs_calls *calls)
{
  uint32_t from = calls->count;
  o->begun = true;
  o->opts.inner->ops->on_start(o->opts.inner, now, o->self, calls);
  pass(o, now, calls, from);
}

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct rs_observer *o = of(app);
  o->origin_ns = now;
  o->self = self;
  if (o->opts.delay_ns == 0)
    begin(o, now, calls);
}

static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct rs_observer *o = of(app);
  uint32_t from = calls->count;
  if (reply->kind == RS_REPLY_TASK)
    on_task(o, rs_observer_time(o, now), reply);
  else if (reply->kind == RS_REPLY_ACTOR)
    on_actor(o, rs_observer_time(o, now), reply);
  o->opts.inner->ops->on_reply(o->opts.inner, now, reply, calls);
  pass(o, now, calls, from);
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct rs_observer *o = of(app);
  if (!o->begun) {
    if (now >= begin_at(o))
      begin(o, now, calls);
    return;
  }
  uint32_t from = calls->count;
  o->opts.inner->ops->on_timer(o->opts.inner, now, calls);
  pass(o, now, calls, from);
}

static uint64_t deadline(const struct rs_app *app)
{
  const struct rs_observer *o = of(app);
  if (!o->begun) /* not even started: self is set by on_start */
    return o->self == RS_ADDR_NONE ? RS_TIME_NEVER : begin_at(o);
  return o->opts.inner->ops->deadline(o->opts.inner);
}

static bool done(const struct rs_app *app)
{
  const struct rs_observer *o = of(app);
  return o->begun && o->opts.inner->ops->done(o->opts.inner);
}

static const struct rs_app_ops ops = {on_start, on_reply, on_timer, deadline, done};

struct rs_observer *rs_observer_new(const struct rs_observer_opts *opts)
{
  RS_ASSERT(opts->time_scale > 0);
  struct rs_observer *o = rs_alloc_zero(1, sizeof *o);
  o->app.ops = &ops;
  o->opts = *opts;
  return o;
}

struct rs_app *rs_observer_app(struct rs_observer *o)
{
  return &o->app;
}

void rs_observer_started(struct rs_observer *o, uint64_t task_seq, uint64_t now_ns, rs_addr worker)
{
  struct track *track = rs_map_get_ptr(&o->tracks, task_seq);
  if (!track)
    return;
  track->start_ns = now_ns;
  track->node = row_node(worker);
}

static int by_number(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

void rs_observer_cut(struct rs_observer *o, uint64_t end_ns)
{
  uint32_t count = 0;
  uint64_t *seqs = rs_alloc(o->tracks.count * sizeof *seqs);
  for (uint32_t i = 0; i < o->tracks.cap; i++)
    if (o->tracks.slots[i].key)
      seqs[count++] = o->tracks.slots[i].key;
  qsort(seqs, count, sizeof *seqs, by_number);
  for (uint32_t i = 0; i < count; i++) {
    struct track *track = rs_map_get_ptr(&o->tracks, seqs[i]);
    uint64_t ready = ready_ns(o, track), start = start_guess(o, track, ready, end_ns);
    if (track->submit_ns <= end_ns && ready <= end_ns)
      emit(o, track, ready, start, end_ns, track->node, RS_TASK_CUT);
    drop(o, seqs[i], track);
  }
  free(seqs);
}

static void free_values(struct rs_map *map)
{
  for (uint32_t i = 0; i < map->cap; i++)
    if (map->slots[i].key)
      free((void *)(uintptr_t)map->slots[i].value);
  rs_map_free(map);
}

void rs_observer_free(struct rs_observer *o)
{
  if (!o)
    return;
  for (uint32_t i = 0; i < o->tracks.cap; i++)
    if (o->tracks.slots[i].key)
      rs_task_unref(((struct track *)(uintptr_t)o->tracks.slots[i].value)->task);
  free_values(&o->tracks);
  free_values(&o->actors);
  rs_map_free(&o->made);
  free(o);
}
