/* checkers.c -- the rules about tasks, actors and objects while a cluster runs. See checkers.h.
 *
 * A connection that breaks, or a node that is cut off, makes two sides believe different things for a while: an owner
 * starts a task again whose first worker has not heard of it yet. That is inherent (and so in Ray), so the rules "not
 * twice at a time" hold between endpoints without such a fault; all others hold always.
 */
#include "sim/checkers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "core/endpoint.h"

struct actor_record {
  struct rs_id id;
  rs_addr worker; /* where the newest incarnation was created */
  uint32_t restart;
  bool doomed, killed;
  struct rs_actor_opts opts;
};

/* The last call of one caller that began in one group of an actor. */
struct order_record {
  rs_addr worker; /* of the incarnation that it is about */
  uint64_t seq, order;
};

struct task_record {
  struct rs_check_task task;
  rs_addr runs_on; /* worker of the newest run that has not ended */
  uint32_t pushes, runs, retried;
  int64_t left; /* retries left, as last told */
  uint32_t replies;
  uint64_t items; /* that the program has got */
  bool released, stream_ended;
  bool rebuilt;                    /* a return of it was lost: it runs again */
  bool succeeded, cancelled, hurt; /* hurt: a worker that had it died, or a connection of it broke */
};

/* The processes that count an object, one entry a count. */
struct held {
  rs_addr *by;
  uint32_t count, cap;
};

static const char *const names[RS_CHECK_KINDS] = {
    "none",       "reply once", "explained",  "retries",    "twice",       "limit",    "items",
    "order",      "name",       "actor once", "capacity",   "lost",        "held",     "death",
    "resources",  "view",       "contention", "workers",    "empty",       "progress", "silence",
    "group once", "group rule", "group room", "group left", "group place", "freed",    "determinism"};

const char *rs_check_name(enum rs_check check)
{
  return check < RS_CHECK_KINDS ? names[check] : "?";
}

void rs_checker_init(struct rs_checker *c, const struct rs_config *config)
{
  *c = (struct rs_checker){.config = config};
}

static void free_values(struct rs_map *map)
{
  for (uint32_t i = 0; i < map->cap; i++)
    if (map->slots[i].key)
      free((void *)(uintptr_t)map->slots[i].value);
  rs_map_free(map);
}

void rs_checker_free(struct rs_checker *c)
{
  free_values(&c->tasks);
  free_values(&c->actors);
  for (uint32_t i = 0; i < c->held.cap; i++)
    if (c->held.slots[i].key)
      free(((struct held *)(uintptr_t)c->held.slots[i].value)->by);
  free_values(&c->held);
  free_values(&c->orders);
  free_values(&c->groups);
  free_values(&c->bundle_nodes);
  rs_map_free(&c->tainted);
  rs_map_free(&c->gone);
  rs_map_free(&c->names);
  rs_map_free(&c->freed);
  rs_map_free(&c->running); /* workers that died leave theirs: an address is used once */
}

void rs_check_fail(struct rs_checker *c, enum rs_check check, const char *format, ...)
{
  if (c->broken != RS_CHECK_NONE)
    return;
  c->broken = check;
  va_list args;
  va_start(args, format);
  vsnprintf(c->what, sizeof c->what, format, args);
  va_end(args);
}

static struct task_record *task_of(const struct rs_checker *c, struct rs_id id)
{
  return rs_map_get_ptr(&c->tasks, rs_id_key(id));
}

static struct actor_record *actor_of(const struct rs_checker *c, struct rs_id id)
{
  return rs_map_get_ptr(&c->actors, rs_id_key(id));
}

static bool tainted(const struct rs_checker *c, rs_addr a)
{
  return rs_map_find(&c->tainted, a) || rs_map_find(&c->tainted, rs_addr_raylet(a));
}

static bool gone(const struct rs_checker *c, rs_addr a)
{
  return rs_map_find(&c->gone, a) || rs_map_find(&c->gone, rs_addr_raylet(a));
}

void rs_check_submit(struct rs_checker *c, const struct rs_check_task *task)
{
  struct task_record *t = rs_alloc_zero(1, sizeof *t);
  t->task = *task;
  t->left = task->max_retries;
  rs_map_put_ptr(&c->tasks, rs_id_key(task->id), t);
  c->submitted++;
}

void rs_check_actor(struct rs_checker *c, struct rs_id actor, bool doomed, const struct rs_actor_opts *opts)
{
  struct actor_record *a = rs_alloc_zero(1, sizeof *a);
  a->id = actor;
  a->doomed = doomed;
  if (opts)
    a->opts = *opts;
  rs_map_put_ptr(&c->actors, rs_id_key(actor), a);
}

void rs_check_cancel(struct rs_checker *c, struct rs_id task)
{
  struct task_record *t = task_of(c, task);
  if (t)
    t->cancelled = true;
}

void rs_check_actor_kill(struct rs_checker *c, struct rs_id actor)
{
  struct actor_record *a = actor_of(c, actor);
  if (a)
    a->killed = true;
}

static struct held *held_of(const struct rs_checker *c, struct rs_id object)
{
  return rs_map_get_ptr(&c->held, rs_id_key(object));
}

void rs_check_hold(struct rs_checker *c, rs_addr process, struct rs_id object)
{
  struct held *held = held_of(c, object);
  if (!held) {
    held = rs_alloc_zero(1, sizeof *held);
    rs_map_put_ptr(&c->held, rs_id_key(object), held);
  }
  RS_GROW(held->by, held->count, held->cap);
  held->by[held->count++] = process;
}

void rs_check_release(struct rs_checker *c, rs_addr process, struct rs_id object)
{
  struct task_record *t = task_of(c, object); /* of a stream */
  if (t)
    t->released = true;
  struct held *held = held_of(c, object);
  for (uint32_t i = 0; held && i < held->count; i++)
    if (held->by[i] == process) {
      held->by[i] = held->by[--held->count];
      return;
    }
}

void rs_check_yield(struct rs_checker *c, struct rs_id task, uint64_t index, int status)
{
  const struct task_record *t = task_of(c, task);
  uint32_t most = t ? t->task.backpressure : 0;
  if (status == RS_ERR_OK && most && !t->released && index >= t->items + most)
    rs_check_fail(c, RS_CHECK_ITEMS, "stream %" PRIx64 "/%" PRIu64 " goes on with %" PRIu64 " unread items, %u may be",
                  task.owner, task.seq, index - t->items, most);
}

bool rs_check_made(const struct rs_checker *c, struct rs_id object)
{
  const struct task_record *t = task_of(c, (struct rs_id){object.owner, object.seq - 1});
  return !t || t->replies;
}

void rs_check_freed(struct rs_checker *c, struct rs_id object)
{
  rs_map_put(&c->freed, rs_id_key(object), 1);
}

/* Only a process that asks its own owner is sure to hear of it: others may have a value that came before. */
static void check_freed(struct rs_checker *c, rs_addr process, const struct rs_reply *reply)
{
  bool freed = rs_map_find(&c->freed, rs_id_key(reply->id)) != NULL;
  const struct task_record *maker = task_of(c, (struct rs_id){reply->id.owner, reply->id.seq - 1});
  bool inherits = maker && maker->task.has_deps; /* the error of what it was to read */
  if (reply->status == RS_ERR_OBJECT_FREED && !freed && !inherits)
    rs_check_fail(c, RS_CHECK_FREED, "object %" PRIx64 "/%" PRIu64 " is told to be freed, and nobody did that",
                  reply->id.owner, reply->id.seq);
  if (reply->status == RS_ERR_OK && freed && process == reply->id.owner)
    rs_check_fail(c, RS_CHECK_FREED, "object %" PRIx64 "/%" PRIu64 " was freed and has a value", reply->id.owner,
                  reply->id.seq);
}

/* Its owner frees an object. After a fault a registration may have been lost with its connection. */
static void freed(struct rs_checker *c, struct rs_id object)
{
  const struct held *held = held_of(c, object);
  for (uint32_t i = 0; held && i < held->count && !c->faults; i++)
    if (!gone(c, held->by[i]))
      rs_check_fail(c, RS_CHECK_HELD, "object %" PRIx64 "/%" PRIu64 " is freed and %" PRIx64 " counts it", object.owner,
                    object.seq, held->by[i]);
}

static void run_creation(struct rs_checker *c, rs_addr worker, const struct rs_task *task)
{
  struct actor_record *a = actor_of(c, task->actor);
  if (!a) {
    rs_check_fail(c, RS_CHECK_ACTOR_ONCE, "actor %" PRIx64 "/%" PRIu64 " was never asked for", task->actor.owner,
                  task->actor.seq);
    return;
  }
  bool before_alive = a->worker && !gone(c, a->worker);
  if (before_alive && !tainted(c, a->worker) && !tainted(c, task->actor.owner) && !a->killed)
    rs_check_fail(c, RS_CHECK_ACTOR_ONCE, "actor %" PRIx64 "/%" PRIu64 " begins on %" PRIx64 " and lives on %" PRIx64,
                  a->id.owner, a->id.seq, worker, a->worker);
  a->worker = worker;
  a->restart = task->actor_restart;
}

static void run_call(struct rs_checker *c, rs_addr worker, const struct rs_task *task, const struct task_record *t)
{
  struct actor_record *a = actor_of(c, task->actor);
  if (!a)
    return;
  if (worker != a->worker) { /* an older incarnation that has not heard of its end */
    if (!tainted(c, worker) && !a->killed && !tainted(c, task->id.owner))
      rs_check_fail(c, RS_CHECK_ORDER, "call %" PRIx64 "/%" PRIu64 " runs on %" PRIx64 ", its actor lives on %" PRIx64,
                    task->id.owner, task->id.seq, worker, a->worker);
    return;
  }
  uint64_t key = rs_id_key(a->id) ^ rs_mix64(task->id.owner ^ rs_mix64(task->group));
  struct order_record *last = rs_map_get_ptr(&c->orders, key);
  if (!last) {
    last = rs_alloc_zero(1, sizeof *last);
    rs_map_put_ptr(&c->orders, key, last);
  }
  if (last->worker != worker)
    *last = (struct order_record){.worker = worker};
  bool doubtful = tainted(c, worker) || tainted(c, task->id.owner); /* it may have been sent again after a break */
  if (task->actor_seq <= last->seq && !doubtful)
    rs_check_fail(c, RS_CHECK_ORDER, "call %" PRIx64 "/%" PRIu64 " has number %" PRIu64 " and comes after %" PRIu64,
                  task->id.owner, task->id.seq, task->actor_seq, last->seq);
  if (t->task.order <= last->order && !doubtful)
    rs_check_fail(c, RS_CHECK_ORDER, "call %" PRIx64 "/%" PRIu64 " overtook a later one", task->id.owner, task->id.seq);
  last->seq = task->actor_seq;
  last->order = t->task.order;
}

static uint64_t running_key(rs_addr worker, uint64_t group)
{
  return rs_mix64(worker ^ rs_mix64(group)) | 1;
}

static void run_more(struct rs_checker *c, rs_addr worker, const struct rs_task *task)
{
  uint64_t key = running_key(worker, task->group), limit = 1;
  const uint64_t *running = rs_map_find(&c->running, key);
  const struct actor_record *a = task->flags & RS_TASK_ACTOR_CALL ? actor_of(c, task->actor) : NULL;
  for (uint32_t i = 0; a && i < a->opts.group_count; i++)
    if (a->opts.groups[i].name == task->group)
      limit = a->opts.groups[i].limit;
  uint64_t count = running ? *running + 1 : 1;
  if (count > limit)
    rs_check_fail(c, RS_CHECK_LIMIT, "worker %" PRIx64 " runs %" PRIu64 " tasks at a time, %" PRIu64 " may", worker,
                  count, limit);
  rs_map_put(&c->running, key, count);
}

void rs_check_run(struct rs_checker *c, rs_addr worker, const struct rs_task *task)
{
  c->runs++;
  run_more(c, worker, task);
  if (task->flags & RS_TASK_ACTOR_CREATE) {
    run_creation(c, worker, task);
    return;
  }
  struct task_record *t = task_of(c, task->id);
  if (!t) {
    rs_check_fail(c, RS_CHECK_TWICE, "task %" PRIx64 "/%" PRIu64 " was never submitted", task->id.owner, task->id.seq);
    return;
  }
  bool doubtful = tainted(c, worker) || tainted(c, task->id.owner) || gone(c, task->id.owner);
  if (t->runs_on && !gone(c, t->runs_on) && !doubtful && !tainted(c, t->runs_on))
    rs_check_fail(c, RS_CHECK_TWICE, "task %" PRIx64 "/%" PRIu64 " runs on %" PRIx64 " and on %" PRIx64, task->id.owner,
                  task->id.seq, t->runs_on, worker);
  if (t->succeeded && !doubtful)
    rs_check_fail(c, RS_CHECK_TWICE, "task %" PRIx64 "/%" PRIu64 " runs again after its success", task->id.owner,
                  task->id.seq);
  t->runs++;
  if (t->runs > t->pushes)
    rs_check_fail(c, RS_CHECK_TWICE, "task %" PRIx64 "/%" PRIu64 " runs more often than it was pushed", task->id.owner,
                  task->id.seq);
  t->runs_on = worker;
  if (task->flags & RS_TASK_ACTOR_CALL)
    run_call(c, worker, task, t);
}

void rs_check_ran(struct rs_checker *c, rs_addr worker, const struct rs_task *task)
{
  uint64_t *running = rs_map_find(&c->running, running_key(worker, task->group));
  if (running && --*running == 0)
    rs_map_remove(&c->running, running_key(worker, task->group), NULL);
  struct task_record *t = task_of(c, task->id);
  if (t && t->runs_on == worker)
    t->runs_on = RS_ADDR_NONE;
}

/* Processes that start slowly are given up, and after some of them what they were for. */
static bool starts_fail(const struct rs_checker *c)
{
  return c->config->pop_worker_max_retries >= 0 && (c->config->worker_register_timeout_seconds < 60 || c->faults);
}

static bool explained(const struct rs_checker *c, const struct task_record *t, int32_t status)
{
  const struct actor_record *a = actor_of(c, t->task.actor);
  if (t->task.has_deps) /* the error of what it reads may be any */
    return true;
  switch (status) {
  case RS_ERR_TASK_FAILED: return t->task.doomed;
  case RS_ERR_WORKER_CRASHED: return c->worker_faults || c->node_faults;
  case RS_ERR_WORKER_START: return starts_fail(c);
  case RS_ERR_NODE_DIED: return c->node_faults;
  case RS_ERR_CANCELLED: return t->cancelled;
  case RS_ERR_NAME_TAKEN:
  case RS_ERR_PEER_LOST:
  case RS_ERR_GROUP_REMOVED: return t->task.placement.seq && rs_check_group_may_end(c, t->task.placement);
  case RS_ERR_GROUP_UNKNOWN: return t->task.placement.seq && c->faults; /* its creation was lost with a connection */
  case RS_ERR_GROUP_TOO_SMALL: return t->task.too_large;
  case RS_ERR_ACTOR_DIED: return !a || a->killed || a->doomed || c->faults || starts_fail(c);
  case RS_ERR_OBJECT_LOST: return t->task.keeps && c->faults;
  case RS_ERR_INFEASIBLE: return t->task.hard_affinity;
  case RS_ERR_PENDING_CALLS: return c->config->actor_max_pending_calls >= 0;
  case RS_ERR_ACTOR_UNAVAILABLE:
    return t->task.actor.seq && (!a || a->killed || a->doomed || c->faults || starts_fail(c));
  case RS_ERR_STORE_FULL: return !c->config->automatic_object_spilling_enabled;
  case RS_ERR_DISK_FULL: return c->disk_fails;
  default: return false;
  }
}

static void check_next(struct rs_checker *c, const struct rs_reply *reply)
{
  struct task_record *t = task_of(c, reply->id);
  if (!t || t->released)
    return;
  if (reply->id_count) {
    uint64_t index = reply->ids[0].seq - reply->id.seq;
    if (index != t->items + 1 || index > t->task.yields || t->stream_ended)
      rs_check_fail(c, RS_CHECK_ITEMS, "stream %" PRIx64 "/%" PRIu64 ": item %" PRIu64 " of %u comes after %" PRIu64,
                    reply->id.owner, reply->id.seq, index, t->task.yields, t->items);
    t->items++;
    return;
  }
  if (!t->stream_ended && t->succeeded && t->items != t->task.yields)
    rs_check_fail(c, RS_CHECK_ITEMS, "stream %" PRIx64 "/%" PRIu64 " ends after %" PRIu64 " of %u items",
                  reply->id.owner, reply->id.seq, t->items, t->task.yields);
  t->stream_ended = true;
  if (reply->status != RS_ERR_OK && !explained(c, t, reply->status))
    rs_check_fail(c, RS_CHECK_EXPLAINED, "stream %" PRIx64 "/%" PRIu64 " ends with \"%s\" without a cause",
                  reply->id.owner, reply->id.seq, rs_error_text(reply->status));
}

void rs_check_reply(struct rs_checker *c, rs_addr process, const struct rs_reply *reply)
{
  if (reply->kind == RS_REPLY_NEXT)
    check_next(c, reply);
  if (reply->kind == RS_REPLY_OBJECT)
    check_freed(c, process, reply);
  if (reply->kind == RS_REPLY_OBJECT && reply->status == RS_ERR_OBJECT_LOST && !c->faults)
    rs_check_fail(c, RS_CHECK_LOST, "object %" PRIx64 "/%" PRIu64 " is lost and nothing was struck", reply->id.owner,
                  reply->id.seq);
  if (reply->kind != RS_REPLY_TASK)
    return;
  struct task_record *t = task_of(c, reply->id);
  if (!t || t->replies++) {
    rs_check_fail(c, RS_CHECK_REPLY_ONCE, "task %" PRIx64 "/%" PRIu64 " %s", reply->id.owner, reply->id.seq,
                  t ? "ends twice" : "ends and was never submitted");
    return;
  }
  c->replied++;
  t->succeeded = reply->status == RS_ERR_OK;
  c->failed += !t->succeeded;
  if (t->succeeded && t->runs == 0)
    rs_check_fail(c, RS_CHECK_EXPLAINED, "task %" PRIx64 "/%" PRIu64 " succeeds and never ran", reply->id.owner,
                  reply->id.seq);
  if (!t->succeeded && !explained(c, t, reply->status))
    rs_check_fail(c, RS_CHECK_EXPLAINED, "task %" PRIx64 "/%" PRIu64 " ends with \"%s\" without a cause",
                  reply->id.owner, reply->id.seq, rs_error_text(reply->status));
}

/* A return of a task was lost, and it runs once more: at the cost of a retry, and only after its success. */
static void rebuilt(struct rs_checker *c, struct rs_id id, int64_t left)
{
  struct task_record *t = task_of(c, id);
  if (!c->faults)
    rs_check_fail(c, RS_CHECK_LOST, "a return of task %" PRIx64 "/%" PRIu64 " is made again and nothing was struck",
                  id.owner, id.seq);
  if (!t || t->task.max_retries == 0 || (t->task.max_retries > 0 && left >= t->left))
    rs_check_fail(c, RS_CHECK_RETRIES, "task %" PRIx64 "/%" PRIu64 " is run once more with %" PRId64 " retries left",
                  id.owner, id.seq, left);
  if (!t)
    return;
  t->left = left;
  t->rebuilt = true;
  t->succeeded = false;
}

/* The head says which actors live, in its own order. */
static void check_name(struct rs_checker *c, unsigned trace, struct rs_id id)
{
  const struct actor_record *a = actor_of(c, id);
  if (!a || !a->opts.name[0])
    return;
  uint64_t name = rs_name_hash(a->opts.name), key = rs_id_key(id);
  const uint64_t *holder = rs_map_find(&c->names, name);
  if (trace == RS_TRACE_ACTOR_DEAD && holder && *holder == key)
    rs_map_remove(&c->names, name, NULL);
  if (trace != RS_TRACE_ACTOR_ALIVE)
    return;
  if (holder && *holder != key)
    rs_check_fail(c, RS_CHECK_NAME, "actor %" PRIx64 "/%" PRIu64 " lives with the name \"%s\" of another one", id.owner,
                  id.seq, a->opts.name);
  rs_map_put(&c->names, name, key);
}

void rs_check_trace(struct rs_checker *c, unsigned trace, uint64_t a, uint64_t b, uint64_t cc)
{
  if (trace == RS_TRACE_ACTOR_ALIVE || trace == RS_TRACE_ACTOR_DEAD)
    check_name(c, trace, (struct rs_id){a, b});
  rs_check_group_trace(c, trace, a, b, cc);
  if (trace == RS_TRACE_TASK_PUSHED) {
    struct task_record *t = task_of(c, (struct rs_id){a, b});
    if (t)
      t->pushes++;
  }
  if (trace == RS_TRACE_TASK_RETRIED) {
    struct task_record *t = task_of(c, (struct rs_id){a, b});
    int64_t left = (int64_t)cc, limit = t ? t->task.max_retries : 0;
    c->retried++;
    if (!t || (t->replies && !t->rebuilt))
      rs_check_fail(c, RS_CHECK_RETRIES, "task %" PRIx64 "/%" PRIu64 " is retried after its end", a, b);
    else if (limit >= 0 && (left < 0 || left > t->left))
      rs_check_fail(c, RS_CHECK_RETRIES, "task %" PRIx64 "/%" PRIu64 " has %" PRId64 " of %" PRId64 " retries left", a,
                    b, left, t->left);
    else
      t->left = left;
  }
  if (trace == RS_TRACE_REF_ENDED)
    freed(c, (struct rs_id){a, b});
  if (trace == RS_TRACE_TASK_REBUILT)
    rebuilt(c, (struct rs_id){a, b}, (int64_t)cc);
  if (trace == RS_TRACE_NODE_DEAD && !c->node_faults && !rs_map_find(&c->gone, a))
    rs_check_fail(c, RS_CHECK_DEATH, "node %u is declared dead and lives", rs_addr_node(a));
  if (trace == RS_TRACE_OBJECT_LOST && !c->faults)
    rs_check_fail(c, RS_CHECK_LOST, "object %" PRIx64 "/%" PRIu64 " is lost and nothing was struck", a, b);
}

void rs_check_taint(struct rs_checker *c, rs_addr endpoint)
{
  c->faults = true;
  c->worker_faults = true;
  if (rs_addr_ep(endpoint) == RS_EP_RAYLET)
    c->node_faults = true;
  rs_map_put(&c->tainted, endpoint, 1);
}

void rs_check_death(struct rs_checker *c, rs_addr endpoint, bool fault)
{
  rs_map_put(&c->gone, endpoint, 1);
  if (!fault)
    return;
  c->faults = true;
  c->worker_faults = true;
  if (rs_addr_ep(endpoint) == RS_EP_RAYLET)
    c->node_faults = true;
}

void rs_check_stored(struct rs_checker *c, rs_addr raylet, uint64_t bytes, uint64_t capacity)
{
  if (capacity && bytes > capacity)
    rs_check_fail(c, RS_CHECK_CAPACITY, "the store of node %u holds %" PRIu64 " bytes, it has room for %" PRIu64,
                  rs_addr_node(raylet), bytes, capacity);
}

static uint64_t open_tasks(const struct rs_checker *c, const struct task_record **first)
{
  uint64_t open = 0;
  *first = NULL;
  for (uint32_t i = 0; i < c->tasks.cap; i++) {
    if (!c->tasks.slots[i].key)
      continue;
    const struct task_record *t = (const void *)(uintptr_t)c->tasks.slots[i].value;
    if (t->replies || gone(c, t->task.id.owner))
      continue;
    open++;
    if (!*first || t->task.id.owner < (*first)->task.id.owner ||
        (t->task.id.owner == (*first)->task.id.owner && t->task.id.seq < (*first)->task.id.seq))
      *first = t;
  }
  return open;
}

uint64_t rs_check_open(const struct rs_checker *c)
{
  const struct task_record *first;
  return open_tasks(c, &first);
}

void rs_check_all_replied(struct rs_checker *c)
{
  const struct task_record *first;
  uint64_t open = open_tasks(c, &first);
  if (first)
    rs_check_fail(c, RS_CHECK_PROGRESS,
                  "%" PRIu64 " tasks have not ended, the first is %" PRIx64 "/%" PRIu64 "%s (%u pushes, %u runs)", open,
                  first->task.id.owner, first->task.id.seq, first->task.actor.seq ? ", a call" : "", first->pushes,
                  first->runs);
}
