/* load.c -- plays a table of tasks. See load.h.
 *
 * Two phases. First the pool: a window of objects is in the making at any time, each by a task of no demand that is
 * bound to its node, or by a PUT; one whose node is not known yet, or that failed otherwise, is tried again every
 * RETRY_NS. Then the tasks: one is held ahead, and at its arrival it goes, with all that are due by then, in calls of
 * one class each.
 *
 * Every task of the table takes as many sequence numbers, its own and its return's, or those of its items (and a gang
 * one more for its group), so that a reply's number tells its index. What of a task is kept after submission is its
 * record: when it was submitted (once it has ended: when it ended, for its readers), how many readers are still to be
 * submitted, and where its dependencies stand in `deps`.
 *
 * Invariants: a record's readers are > 0 exactly while its return is kept and not released; ended <= submitted.
 */
#include "lib/load/load.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"
#include "core/errors.h"
#include "lib/load/items.h"

#define RETRY_NS (100 * RS_MS)
#define TRIES_MAX 600u
#define NO_DEPS UINT32_MAX

struct record {
  uint64_t time_ns; /* submitted, or once it has ended: ended */
  uint32_t readers; /* not yet submitted */
  uint32_t deps;    /* where in load->deps its count and its dependencies are; NO_DEPS */
  uint32_t class_index;
  bool ended;
};

enum object_state { TO_MAKE, MAKING, MADE, LOST };

struct object {
  uint64_t seq; /* of its object, once it was tried */
  uint16_t tries;
  uint8_t state;
};

struct rs_load {
  struct rs_app app;
  struct rs_load_opts opts;
  rs_addr self;
  uint64_t begin_ns; /* of opts.start_ns */
  uint64_t next_seq, first_seq;
  struct rs_load_stats stats;

  struct object *objects;
  struct rs_map object_of; /* sequence number of an object in the making -> 1 + its index */
  uint32_t object_next;    /* those before it were tried */
  uint32_t object_busy, object_retries;
  uint64_t retry_at;
  bool pool_released;

  struct rs_load_task ahead; /* the next to submit */
  bool has_ahead;
  uint32_t *ahead_deps;
  uint32_t ahead_deps_cap;
  struct record *records;
  uint32_t record_count, record_cap;
  uint32_t *deps;
  uint32_t deps_count, deps_cap;
  struct rs_task **group;
  uint32_t group_count, group_cap;
  uint32_t *gang_left; /* of each gang: tasks that have not ended */
  uint32_t gang_count, gang_cap;
  uint64_t gang_seq; /* the group of the gang that is being submitted */
  uint32_t *unread;  /* tasks whose last reader is in the group */
  uint32_t unread_count, unread_cap;
  struct rs_items *items; /* where tasks yield */
};

static struct rs_load *load_of(struct rs_app *app)
{
  return (struct rs_load *)(void *)app;
}
static const struct rs_load *load_of_const(const struct rs_app *app)
{
  return (const struct rs_load *)(const void *)app;
}

/* ---- making tasks ---- */

static struct rs_task *task_new(struct rs_load *load, uint64_t seq, const struct rs_replay *replay, uint32_t dep_count)
{
  struct rs_task *task = rs_task_new(dep_count, RS_REPLAY_HEADER_BYTES + replay->result_bytes);
  struct rs_replay header = *replay;
  header.result_bytes = 0;
  rs_replay_encode(&header, task->args);
  if (replay->result_bytes)
    memset(task->args + RS_REPLAY_HEADER_BYTES, 0, replay->result_bytes);
  task->id = (struct rs_id){load->self, seq};
  task->function = rs_replay_function();
  task->return_count = replay->yields ? 0 : 1;
  return task;
}

static void release(struct rs_load *load, uint64_t seq, struct rs_calls *calls)
{
  struct rs_call *call = rs_call_new(RS_CALL_RELEASE, 0);
  call->object = (struct rs_id){load->self, seq};
  rs_calls_add(calls, call);
  load->stats.released++;
}

/* Numbers that a task takes. A gang takes one more, before its first task. */
static uint64_t span(const struct rs_load *load)
{
  return load->opts.items ? 1 + (uint64_t)RS_STREAM_MAX : 2;
}

static uint64_t return_seq(const struct rs_load *load, uint32_t index)
{
  uint64_t groups = load->opts.gang ? index / load->opts.gang + 1 : 0;
  return load->first_seq + span(load) * index + groups + 1;
}

static uint64_t index_of(const struct rs_load *load, uint64_t task_seq)
{
  uint64_t offset = task_seq - load->first_seq, gang = load->opts.gang, stride = span(load) * gang + 1;
  return gang ? offset / stride * gang + (offset % stride - 1) / span(load) : offset / span(load);
}

/* ---- the pool ---- */

static void make_object(struct rs_load *load, uint32_t index, struct rs_calls *calls)
{
  const struct rs_load_object *what = &load->opts.objects[index];
  struct object *object = &load->objects[index];
  uint64_t size = what->size_bytes ? what->size_bytes : 1;
  uint64_t seq = load->next_seq;
  load->next_seq += 2;
  struct rs_call *call;
  if (what->node == RS_NODE_NONE) {
    call = rs_call_new(RS_CALL_PUT, 0);
    call->object = (struct rs_id){load->self, seq + 1};
    call->size_bytes = size;
  } else {
    call = rs_call_new(RS_CALL_SUBMIT, 1);
    call->strategy = RS_STRATEGY_NODE_AFFINITY;
    call->target = what->node;
    call->max_retries = 3;
    call->tasks[0] = task_new(load, seq, &(struct rs_replay){.return_bytes = size}, 0);
    call->tasks[0]->flags = RS_TASK_KEEP;
  }
  rs_calls_add(calls, call);
  object->seq = seq + 1;
  object->state = MAKING;
  object->tries++;
  rs_map_put(&load->object_of, seq + 1, 1 + (uint64_t)index);
  load->object_busy++;
}

static void make_objects(struct rs_load *load, struct rs_calls *calls)
{
  uint32_t limit = load->opts.objects_in_flight ? load->opts.objects_in_flight : 64;
  while (load->object_next < load->opts.object_count && load->object_busy < limit)
    make_object(load, load->object_next++, calls);
}

static void retry_objects(struct rs_load *load, struct rs_calls *calls)
{
  load->retry_at = RS_TIME_NEVER;
  load->object_retries = 0;
  for (uint32_t i = 0; i < load->object_next; i++)
    if (load->objects[i].state == TO_MAKE)
      make_object(load, i, calls);
}

static bool pool_ready(const struct rs_load *load)
{
  return load->object_next == load->opts.object_count && load->object_busy == 0 && load->object_retries == 0;
}

static void object_ended(struct rs_load *load, uint64_t now, uint64_t seq, int32_t status, struct rs_calls *calls)
{
  uint64_t found;
  if (!rs_map_remove(&load->object_of, seq, &found))
    return; /* it was there before, and is lost now: tasks that read it will tell */
  struct object *object = &load->objects[found - 1];
  load->object_busy--;
  if (status == RS_ERR_OK) {
    object->state = MADE;
    load->stats.objects_made++;
    return;
  }
  if (object->tries >= TRIES_MAX) {
    object->state = LOST;
    load->stats.objects_lost++;
    return;
  }
  release(load, seq, calls);
  object->state = TO_MAKE;
  load->object_retries++;
  if (load->retry_at == RS_TIME_NEVER)
    load->retry_at = rs_time_add(now, RETRY_NS);
}

static void release_pool(struct rs_load *load, struct rs_calls *calls)
{
  if (load->pool_released || load->has_ahead)
    return;
  load->pool_released = true;
  for (uint32_t i = 0; i < load->opts.object_count; i++)
    release(load, load->objects[i].seq, calls);
}

/* ---- the tasks ---- */

static void look_ahead(struct rs_load *load)
{
  uint64_t last_ns = load->ahead.arrival_ns;
  uint64_t max = load->opts.count_max ? load->opts.count_max : RS_LOAD_TASKS_MAX;
  memset(&load->ahead, 0, sizeof load->ahead);
  load->has_ahead = load->record_count < max && load->opts.next(load->opts.arg, load->record_count, &load->ahead);
  if (!load->has_ahead)
    return;
  struct rs_load_task *task = &load->ahead;
  RS_ASSERT(load->record_count < RS_LOAD_TASKS_MAX && task->arrival_ns >= last_ns);
  RS_ASSERT(task->class_index < load->opts.class_count && task->arg_bytes <= RS_LOAD_ARG_BYTES_MAX);
  RS_ASSERT(task->dep_count <= RS_TASK_DEPS_MAX && !(load->opts.items && task->readers));
  if (task->dep_count > load->ahead_deps_cap) {
    load->ahead_deps_cap = task->dep_count;
    load->ahead_deps = rs_realloc(load->ahead_deps, task->dep_count, sizeof *load->ahead_deps);
  }
  if (task->dep_count)
    memcpy(load->ahead_deps, task->deps, task->dep_count * sizeof *task->deps);
  task->deps = load->ahead_deps;
}

static void add_dep(struct rs_load *load, struct rs_dep *dep, uint32_t at)
{
  *dep = (struct rs_dep){.id = {load->self, 0}};
  if (at & RS_LOAD_POOL(0)) {
    at &= ~RS_LOAD_POOL(0);
    RS_ASSERT(at < load->opts.object_count);
    dep->id.seq = load->objects[at].seq;
    return;
  }
  RS_ASSERT(at < load->record_count && load->records[at].readers > 0);
  dep->id.seq = return_seq(load, at);
  if (--load->records[at].readers > 0)
    return;
  RS_GROW(load->unread, load->unread_count, load->unread_cap);
  load->unread[load->unread_count++] = at;
}

static void keep_deps(struct rs_load *load, struct record *record, const struct rs_load_task *task)
{
  record->deps = NO_DEPS;
  for (uint32_t i = 0; i < task->dep_count; i++) {
    if (task->deps[i] & RS_LOAD_POOL(0))
      continue; /* they are there before the first task */
    if (record->deps == NO_DEPS) {
      RS_ASSERT(load->deps_count < NO_DEPS - 1);
      record->deps = load->deps_count;
      RS_GROW(load->deps, load->deps_count, load->deps_cap);
      load->deps[load->deps_count++] = 0;
    }
    RS_GROW(load->deps, load->deps_count, load->deps_cap);
    load->deps[load->deps_count++] = task->deps[i];
    load->deps[record->deps]++;
  }
}

/* Makes the task ahead, adds it to the group, and looks one further. */
static void take_ahead(struct rs_load *load, uint64_t now)
{
  const struct rs_load_task *ahead = &load->ahead;
  struct rs_replay replay = {.duration_ns = ahead->duration_ns,
                             .mode = ahead->mode,
                             .tag = ahead->tag,
                             .fails = ahead->fails,
                             .yields = load->opts.items,
                             .return_bytes = ahead->return_bytes ? ahead->return_bytes : ahead->arg_bytes > 0,
                             .result_bytes = ahead->arg_bytes};
  struct rs_task *task = task_new(load, load->next_seq, &replay, ahead->dep_count);
  load->next_seq += span(load);
  task->backpressure = load->opts.items ? load->opts.backpressure : 0;
  for (uint32_t i = 0; i < ahead->dep_count; i++)
    add_dep(load, &task->deps[i], ahead->deps[i]);
  task->flags = (uint8_t)((ahead->readers ? RS_TASK_KEEP : 0) | (load->opts.items ? RS_TASK_STREAM : 0) |
                          (load->opts.classes[ahead->class_index].retry_errors ? RS_TASK_RETRY_ERRORS : 0));
  RS_GROW(load->group, load->group_count, load->group_cap);
  load->group[load->group_count++] = task;
  struct record record = {.time_ns = now, .readers = ahead->readers, .class_index = ahead->class_index};
  keep_deps(load, &record, ahead);
  RS_GROW(load->records, load->record_count, load->record_cap);
  load->records[load->record_count++] = record;
  load->stats.submitted++;
  look_ahead(load);
}

static bool due(const struct rs_load *load, uint64_t now)
{
  return load->has_ahead && rs_time_add(load->stats.base_ns, load->ahead.arrival_ns) <= now;
}

/* ---- gangs ---- */

static bool gang_begins(const struct rs_load *load)
{
  return load->opts.gang && load->record_count % load->opts.gang == 0;
}

static void make_gang(struct rs_load *load, struct rs_calls *calls)
{
  uint64_t most = load->opts.count_max ? load->opts.count_max : RS_LOAD_TASKS_MAX;
  uint32_t count =
      most - load->record_count < load->opts.gang ? (uint32_t)(most - load->record_count) : load->opts.gang;
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  load->gang_seq = load->next_seq++;
  call->object = (struct rs_id){load->self, load->gang_seq};
  call->group_strategy = load->opts.gang_strategy;
  call->topology = load->opts.gang_topology;
  call->bundle_count = count;
  call->bundles = rs_alloc_zero(count, sizeof *call->bundles);
  for (uint32_t i = 0; i < count; i++)
    call->bundles[i] = load->opts.classes[load->ahead.class_index].demand;
  rs_calls_add(calls, call);
  RS_GROW(load->gang_left, load->gang_count, load->gang_cap);
  load->gang_left[load->gang_count++] = count;
  load->stats.gangs_made++;
}

static void gang_task_ended(struct rs_load *load, uint64_t index, struct rs_calls *calls)
{
  uint64_t gang = index / load->opts.gang;
  if (--load->gang_left[gang] > 0)
    return;
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_REMOVE, 0);
  call->object = (struct rs_id){load->self, load->first_seq + gang * (span(load) * load->opts.gang + 1)};
  rs_calls_add(calls, call);
  load->stats.gangs_removed++;
}

static void submit(struct rs_load *load, uint64_t now, struct rs_calls *calls)
{
  while (due(load, now)) {
    uint32_t index = load->ahead.class_index;
    const struct rs_load_class *class = &load->opts.classes[index];
    load->group_count = load->unread_count = 0;
    if (gang_begins(load))
      make_gang(load, calls);
    do
      take_ahead(load, now);
    while (due(load, now) && load->ahead.class_index == index && load->group_count < RS_LOAD_CALL_MAX &&
           !gang_begins(load));
    struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, load->group_count);
    memcpy(call->tasks, load->group, load->group_count * sizeof *load->group);
    call->strategy = class->strategy;
    call->target = class->target;
    call->max_retries = class->max_retries;
    call->demand = class->demand;
    if (load->opts.gang) {
      call->demand.group_owner = load->self;
      call->demand.group_seq = load->gang_seq;
      call->demand.group_bundle = -1;
    }
    rs_calls_add(calls, call);
    load->stats.calls++;
    for (uint32_t i = 0; load->items && i < load->group_count; i++)
      rs_items_open(load->items, load->group[i]->id, calls);
    for (uint32_t i = 0; i < load->unread_count; i++)
      release(load, return_seq(load, load->unread[i]), calls);
  }
  uint64_t in_flight = load->stats.submitted - load->stats.ended;
  if (in_flight > load->stats.in_flight_peak)
    load->stats.in_flight_peak = in_flight;
  release_pool(load, calls);
}

/* The pool is there: the clock of the arrivals starts. */
static void begin_arrivals(struct rs_load *load, uint64_t now, struct rs_calls *calls)
{
  load->first_seq = load->next_seq;
  load->stats.base_ns = now > load->begin_ns ? now : load->begin_ns;
  look_ahead(load);
  submit(load, now, calls);
}

static void task_ended(struct rs_load *load, uint64_t now, const struct rs_reply *reply)
{
  uint64_t index = index_of(load, reply->id.seq);
  RS_ASSERT(index < load->record_count && !load->records[index].ended);
  struct record *record = &load->records[index];
  struct rs_load_end end = {.index = index,
                            .submit_ns = record->time_ns,
                            .ready_ns = record->time_ns,
                            .end_ns = now,
                            .run_ns = reply->result->run_ns,
                            .node = reply->node,
                            .status = reply->status,
                            .class_index = record->class_index};
  for (uint32_t i = 0; record->deps != NO_DEPS && i < load->deps[record->deps]; i++) {
    const struct record *dep = &load->records[load->deps[record->deps + 1 + i]];
    if (dep->ended && dep->time_ns > end.ready_ns)
      end.ready_ns = dep->time_ns;
  }
  record->time_ns = now;
  record->ended = true;
  load->stats.ended++;
  load->stats.failed += reply->status != RS_ERR_OK;
  load->stats.last_end_ns = now;
  if (load->opts.ended)
    load->opts.ended(load->opts.user, &end);
}

/* ---- the application ---- */

static void on_start(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls)
{
  struct rs_load *load = load_of(app);
  load->self = self;
  if (load->opts.items)
    load->items = rs_items_new(self, load->opts.read_ns);
  load->begin_ns = rs_time_add(now, load->opts.start_ns);
  make_objects(load, calls);
  if (pool_ready(load))
    begin_arrivals(load, now, calls);
}

static bool arriving(const struct rs_load *load)
{
  return load->stats.base_ns != RS_TIME_NEVER;
}

static void on_reply(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls)
{
  struct rs_load *load = load_of(app);
  if (reply->kind == RS_REPLY_TASK && arriving(load)) {
    if (load->opts.gang)
      gang_task_ended(load, index_of(load, reply->id.seq), calls);
    task_ended(load, now, reply);
    return;
  }
  if (load->items && arriving(load))
    rs_items_on_reply(load->items, now, reply, calls);
  if (reply->kind == RS_REPLY_ACTOR || arriving(load))
    return;
  object_ended(load, now, reply->kind == RS_REPLY_TASK ? reply->id.seq + 1 : reply->id.seq, reply->status, calls);
  make_objects(load, calls);
  if (pool_ready(load))
    begin_arrivals(load, now, calls);
}

static uint64_t deadline(const struct rs_app *app)
{
  const struct rs_load *load = load_of_const(app);
  if (!arriving(load))
    return load->retry_at;
  uint64_t next = load->has_ahead ? rs_time_add(load->stats.base_ns, load->ahead.arrival_ns) : RS_TIME_NEVER;
  return load->items ? rs_time_min(next, rs_items_deadline(load->items)) : next;
}

static void on_timer(struct rs_app *app, uint64_t now, struct rs_calls *calls)
{
  struct rs_load *load = load_of(app);
  if (load->items && arriving(load))
    rs_items_on_timer(load->items, now, calls);
  if (arriving(load))
    submit(load, now, calls);
  else if (load->retry_at <= now)
    retry_objects(load, calls);
}

static bool done(const struct rs_app *app)
{
  const struct rs_load *load = load_of_const(app);
  bool read = !load->items || rs_items_stats(load->items).open == 0;
  return arriving(load) && !load->has_ahead && load->stats.ended == load->stats.submitted && read;
}

struct rs_app *rs_load_new(const struct rs_load_opts *opts)
{
  static const struct rs_app_ops ops = {on_start, on_reply, on_timer, deadline, done};
  RS_ASSERT(opts->items <= RS_REPLAY_YIELDS_MAX);
  RS_ASSERT(opts->next && opts->count_max <= RS_LOAD_TASKS_MAX && opts->object_count < RS_LOAD_POOL(0));
  struct rs_load *load = rs_alloc_zero(1, sizeof *load);
  load->app.ops = &ops;
  load->opts = *opts;
  load->next_seq = 1;
  load->stats.base_ns = load->retry_at = RS_TIME_NEVER;
  if (opts->object_count)
    load->objects = rs_alloc_zero(opts->object_count, sizeof *load->objects);
  return &load->app;
}

void rs_load_free(struct rs_app *app)
{
  if (!app)
    return;
  struct rs_load *load = load_of(app);
  rs_items_free(load->items);
  rs_map_free(&load->object_of);
  free(load->objects);
  free(load->ahead_deps);
  free(load->records);
  free(load->deps);
  free(load->group);
  free(load->unread);
  free(load->gang_left);
  free(load);
}

struct rs_load_stats rs_load_stats(const struct rs_app *app)
{
  const struct rs_load *load = load_of_const(app);
  struct rs_load_stats stats = load->stats;
  if (load->items) {
    struct rs_items_stats items = rs_items_stats(load->items);
    stats.items_read = items.read;
    stats.items_lost = items.lost;
  }
  return stats;
}

/* ---- tables ---- */

bool rs_load_table_next(void *arg, uint64_t index, struct rs_load_task *out)
{
  const struct rs_load_table *table = arg;
  if (index >= table->count)
    return false;
  *out = table->tasks[index];
  return true;
}

void rs_load_count_readers(struct rs_load_task *tasks, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++)
    tasks[i].readers = 0;
  for (uint64_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < tasks[i].dep_count; k++)
      if (!(tasks[i].deps[k] & RS_LOAD_POOL(0))) {
        RS_ASSERT(tasks[i].deps[k] < i);
        tasks[tasks[i].deps[k]].readers++;
      }
}
