/* swarm_load.c -- the programs of an experiment: random calls, one action at a time, and the end of everything.
 *
 * Each program draws from a stream of its own. It only asks for what can be had: a demand fits on some node, an object
 * is read while it is not released. In the end every actor is killed and every object released, so that nothing may be
 * left.
 */
#include "base/alloc.h"
#include "core/endpoint.h"
#include "lib/load/replay.h"
#include "sim/swarm_int.h"

#define GROUPS_MAX 4

struct ids {
  struct rs_id *items;
  uint32_t count, cap;
};

struct program {
  struct rs_rng rng, later, last; /* what came later has streams of its own: old draws stay what they were */
  uint64_t seq;
  uint32_t left; /* actions */
  struct ids kept, actors, tasks;
  struct ids loose; /* what was put without anything inside, released or not */
  uint64_t *orders; /* of each actor: calls so far */
  uint32_t *groups; /* ... and how many concurrency groups it has */
  uint32_t orders_cap;
  struct ids streams;    /* that are read, or will be */
  struct rs_map foreign; /* actors of others -> calls of this program so far */
};

struct swarm_load {
  const struct swarm_plan *plan;
  struct rs_checker *checker;
  struct swarm_net *net;
  struct program programs[SWARM_PROGRAMS_MAX];
  struct swarm_groups *groups; /* NULL: none in this experiment */
  uint64_t work_ns;
  bool reading;
};

static uint64_t below(struct program *p, uint64_t n)
{
  return rs_rng_below(&p->rng, n);
}
static bool one_in(struct program *p, uint64_t n)
{
  return below(p, n) == 0;
}

static bool later(struct program *p, uint64_t one_in_n)
{
  return rs_rng_below(&p->later, one_in_n) == 0;
}

static uint64_t last(struct program *p, uint64_t n)
{
  return rs_rng_below(&p->last, n);
}

static void add(struct ids *ids, struct rs_id id)
{
  RS_GROW(ids->items, ids->count, ids->cap);
  ids->items[ids->count++] = id;
}

static void keep_object(struct swarm_load *load, struct program *p, rs_addr self, struct rs_id id)
{
  add(&p->kept, id);
  rs_check_hold(load->checker, self, id);
}

static uint64_t duration(struct program *p)
{
  static const uint64_t scale_ns[] = {10 * RS_US, RS_MS, 20 * RS_MS, 300 * RS_MS, 2 * RS_S};
  return 1 + below(p, scale_ns[below(p, 5)]);
}

/* What a node of the base cluster can hold. */
static rs_node_id draw_demand(const struct swarm_load *load, struct program *p, struct rs_demand *demand)
{
  rs_node_id node = 1 + (rs_node_id)below(p, load->plan->node_count);
  const struct rs_res *total = &load->plan->infos[node]->total;
  *demand = (struct rs_demand){0};
  switch (below(p, 5)) {
  case 0: demand->cpu_e4 = RS_ONE_E4 / 2; break;
  case 1: demand->cpu_e4 = total->cpu_e4; break;
  case 2: demand->cpu_e4 = one_in(p, 4) ? 0 : RS_ONE_E4; break;
  default: demand->cpu_e4 = RS_ONE_E4;
  }
  if (one_in(p, 6))
    demand->memory_bytes = 1 + (int64_t)below(p, (uint64_t)total->memory_bytes);
  if (total->gpu_count && one_in(p, 2))
    demand->gpu_e4 = one_in(p, 2) ? RS_ONE_E4 / 4 : RS_ONE_E4 * (1 + (uint32_t)below(p, total->gpu_count));
  return node;
}

static struct rs_task *task_new(struct swarm_load *load, struct program *p, rs_addr self, struct rs_replay *replay,
                                uint32_t deps, bool carries)
{
  struct rs_id inner[2];
  uint32_t inner_count = carries ? swarm_refs_inner(swarm_net_refs(load->net), p->kept.items, p->kept.count, inner) : 0;
  struct rs_task *task = rs_task_new_inner(deps, inner_count, rs_replay_args_bytes(0));
  for (uint32_t i = 0; i < inner_count; i++)
    task->inner[i] = inner[i];
  rs_replay_encode(replay, task->args);
  task->function = rs_replay_function();
  task->return_count = 1;
  task->id = (struct rs_id){self, p->seq + 1};
  p->seq += 2;
  for (uint32_t i = 0; i < deps; i++)
    task->deps[i].id = p->kept.items[below(p, p->kept.count)];
  load->work_ns += replay->duration_ns;
  return task;
}

static uint32_t draw_deps(struct program *p)
{
  return p->kept.count && one_in(p, 3) ? 1 + (uint32_t)below(p, 3) : 0;
}

static void note_task(struct swarm_load *load, struct program *p, const struct rs_call *call,
                      const struct rs_task *task, bool fails, uint64_t order, bool too_large)
{
  struct rs_check_task t = {.id = task->id,
                            .actor = task->actor,
                            .order = order,
                            .max_retries = call->max_retries,
                            .doomed = fails,
                            .hard_affinity = call->strategy == RS_STRATEGY_NODE_AFFINITY,
                            .has_deps = task->dep_count > 0,
                            .keeps = (task->flags & RS_TASK_KEEP) != 0,
                            .placement = {call->demand.group_owner, call->demand.group_seq},
                            .too_large = too_large};
  rs_check_submit(load->checker, &t);
  add(&p->tasks, task->id);
  load->work_ns += 3 * RS_MS + (call->max_retries > 0 ? (uint64_t)call->max_retries : 0) *
                                   (uint64_t)load->plan->config.task_retry_delay_ms * RS_MS;
}

static void submit(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  uint32_t count = 1 + (uint32_t)below(p, one_in(p, 3) ? 40 : 4);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, count);
  rs_node_id node = draw_demand(load, p, &call->demand);
  call->target = RS_NODE_NONE;
  call->strategy = RS_STRATEGY_DEFAULT;
  if (one_in(p, 3)) {
    call->strategy = (uint8_t)below(p, 4);
    if (call->strategy >= RS_STRATEGY_NODE_AFFINITY)
      call->target = one_in(p, 5) ? (rs_node_id)below(p, load->plan->node_count + 1) : node;
  }
  bool too_large = false;
  if (load->groups && swarm_groups_join(load->groups, index, &call->demand, &too_large))
    call->strategy = RS_STRATEGY_DEFAULT;
  call->max_retries = (int32_t)below(p, 5) - 1;
  uint64_t bytes = one_in(p, 2) ? 0 : 1 + below(p, load->plan->object_bytes);
  uint64_t ns = duration(p);
  bool keep = one_in(p, 2), fails = one_in(p, 12);
  uint32_t deps = draw_deps(p);
  uint32_t first = p->kept.count;
  for (uint32_t i = 0; i < count; i++) {
    struct rs_replay replay = {.duration_ns = ns + below(p, ns), .return_bytes = bytes, .fails = fails};
    struct rs_task *task = task_new(load, p, self, &replay, first ? deps : 0, true);
    if (keep)
      task->flags |= RS_TASK_KEEP;
    if (fails && call->max_retries >= 0 && one_in(p, 2))
      task->flags |= RS_TASK_RETRY_ERRORS;
    call->tasks[i] = task;
    note_task(load, p, call, task, fails, 0, too_large);
  }
  for (uint32_t i = 0; keep && i < count; i++)
    keep_object(load, p, self, (struct rs_id){self, call->tasks[i]->id.seq + 1});
  swarm_net_call(load->net, index, call);
}

static void create_actor(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  rs_node_id node = draw_demand(load, p, &call->demand);
  bool too_large, joined = load->groups && swarm_groups_join(load->groups, index, &call->demand, &too_large);
  call->hold = load->plan->light_actors || one_in(p, 2) ? (struct rs_demand){0} : call->demand;
  call->target = RS_NODE_NONE;
  if (one_in(p, 4)) {
    call->strategy = (uint8_t)below(p, 4);
    if (call->strategy >= RS_STRATEGY_NODE_AFFINITY)
      call->target = node;
  }
  if (joined)
    call->strategy = RS_STRATEGY_DEFAULT;
  call->max_restarts = (int32_t)below(p, 4) - 1;
  bool named = one_in(p, 4);
  if (named || later(p, 2))
    call->actor = rs_alloc_zero(1, sizeof *call->actor);
  if (named)
    call->actor->name[0] = (char)('a' + below(p, 3));
  if (call->actor && later(p, 2)) {
    call->actor->group_count = 1 + (uint32_t)rs_rng_below(&p->later, GROUPS_MAX);
    for (uint32_t i = 0; i < call->actor->group_count; i++) {
      call->actor->groups[i].name = i;
      call->actor->groups[i].limit = later(p, 2) ? 1 : 1 + (uint32_t)rs_rng_below(&p->later, 8);
    }
  }
  struct rs_replay replay = {.duration_ns = duration(p), .fails = one_in(p, 10)};
  bool reads = p->kept.count && last(p, 3) == 0;
  struct rs_task *task = task_new(load, p, self, &replay, 0, false);
  if (reads) { /* some object, and a reference to another */
    struct rs_task *plain = task;
    task = rs_task_new_inner(1, 1, plain->args_bytes);
    rs_replay_encode(&replay, task->args);
    task->id = plain->id;
    task->function = plain->function;
    task->return_count = plain->return_count;
    task->deps[0].id = p->kept.items[last(p, p->kept.count)];
    task->inner[0] = p->kept.items[last(p, p->kept.count)];
    rs_task_unref(plain);
  }
  task->flags |= RS_TASK_ACTOR_CREATE;
  task->actor = task->id;
  call->tasks[0] = task;
  bool bound = call->strategy == RS_STRATEGY_NODE_AFFINITY; /* to a node that may be down, or not up yet */
  rs_check_actor(load->checker, task->id, replay.fails || named || joined || reads || bound, call->actor);
  add(&p->actors, task->id);
  if (p->actors.count > p->orders_cap) {
    p->orders = rs_realloc(p->orders, p->actors.count + 16, sizeof *p->orders);
    p->groups = rs_realloc(p->groups, p->actors.count + 16, sizeof *p->groups);
    p->orders_cap = p->actors.count + 16;
  }
  p->orders[p->actors.count - 1] = 0;
  p->groups[p->actors.count - 1] = call->actor ? call->actor->group_count : 0;
  swarm_net_call(load->net, index, call);
}

static void call_actor(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  uint32_t which = (uint32_t)below(p, p->actors.count), count = 1 + (uint32_t)below(p, 12);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, count);
  call->max_retries = one_in(p, 2) ? 0 : (int32_t)below(p, 4) - 1;
  uint64_t bytes = one_in(p, 3) ? 1 + below(p, load->plan->object_bytes) : 0;
  uint64_t ns = duration(p) / 4 + 1;
  bool keep = one_in(p, 4);
  uint32_t deps = draw_deps(p), first = p->kept.count;
  for (uint32_t i = 0; i < count; i++) {
    struct rs_replay replay = {.duration_ns = 1 + below(p, ns), .return_bytes = bytes, .fails = one_in(p, 20)};
    struct rs_task *task = task_new(load, p, self, &replay, first ? deps : 0, true);
    task->flags |= RS_TASK_ACTOR_CALL | (keep ? RS_TASK_KEEP : 0);
    task->actor = p->actors.items[which];
    if (p->groups[which] > 1 && later(p, 2))
      task->group = rs_rng_below(&p->later, p->groups[which]);
    task->flags |= task->group ? RS_TASK_GROUP : 0;
    call->tasks[i] = task;
    note_task(load, p, call, task, replay.fails, ++p->orders[which], false);
  }
  for (uint32_t i = 0; keep && i < count; i++)
    keep_object(load, p, self, (struct rs_id){self, call->tasks[i]->id.seq + 1});
  swarm_net_call(load->net, index, call);
}

static void simple(struct swarm_load *load, uint32_t index, enum rs_call_kind kind, struct rs_id object, bool flag)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = object;
  call->no_restart = call->force = flag;
  swarm_net_call(load->net, index, call);
}

static void put(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  struct rs_call *call = rs_call_new(RS_CALL_PUT, 0);
  call->object = (struct rs_id){self, ++p->seq};
  call->size_bytes = 1 + below(p, load->plan->object_bytes);
  struct rs_id inner[2];
  uint32_t count = swarm_refs_inner(swarm_net_refs(load->net), p->kept.items, p->kept.count, inner);
  if (count == 1) {
    call->value = rs_value_new(count, 8);
    call->value->ids[0] = inner[0];
  } else if (count) {
    call->inner_count = count;
    call->inner = rs_memdup(inner, count * sizeof *inner);
  }
  swarm_refs_boxed(swarm_net_refs(load->net), call->object, inner, count);
  keep_object(load, p, self, call->object);
  if (count == 0)
    add(&p->loose, call->object);
  swarm_net_call(load->net, index, call);
}

/* One that this program has put goes, whoever reads it or waits for it; and is asked for. */
static void free_one(struct swarm_load *load, uint32_t index)
{
  struct program *p = &load->programs[index];
  uint32_t at = (uint32_t)last(p, p->loose.count);
  struct rs_id id = p->loose.items[at];
  p->loose.items[at] = p->loose.items[--p->loose.count];
  rs_check_freed(load->checker, id);
  simple(load, index, RS_CALL_FREE, id, false);
  for (uint32_t i = 0; i < p->kept.count; i++)
    if (rs_id_equal(p->kept.items[i], id)) {
      simple(load, index, RS_CALL_GET, id, false);
      return;
    }
}

static void release(struct swarm_load *load, uint32_t index)
{
  struct program *p = &load->programs[index];
  uint32_t at = (uint32_t)below(p, p->kept.count);
  struct rs_id id = p->kept.items[at];
  p->kept.items[at] = p->kept.items[--p->kept.count];
  rs_check_release(load->checker, swarm_net_program(load->net, index), id);
  simple(load, index, RS_CALL_RELEASE, id, false);
}

void swarm_load_learn(struct swarm_load *load, rs_addr program, struct rs_id box, struct rs_id inside)
{
  for (uint32_t i = 0; i < load->plan->program_count; i++) {
    struct program *p = &load->programs[i];
    for (uint32_t k = 0; swarm_net_program(load->net, i) == program && k < p->kept.count; k++)
      if (rs_id_equal(p->kept.items[k], box)) {
        keep_object(load, p, program, inside);
        simple(load, i, RS_CALL_RETAIN, inside, false);
        return;
      }
  }
}

/* ---- streams ---- */

static void stream(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->demand.cpu_e4 = RS_ONE_E4;
  call->target = RS_NODE_NONE;
  call->max_retries = (int32_t)rs_rng_below(&p->later, 4);
  struct rs_replay replay = {.duration_ns = 1 + rs_rng_below(&p->later, 300 * RS_MS),
                             .yields = 1 + (uint32_t)rs_rng_below(&p->later, 12),
                             .fails = later(p, 10),
                             .return_bytes = later(p, 2) ? 10 : 1 + rs_rng_below(&p->later, load->plan->object_bytes)};
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->function = rs_replay_function();
  task->flags = RS_TASK_STREAM;
  task->backpressure = (uint32_t)rs_rng_below(&p->later, 5);
  task->id = (struct rs_id){self, p->seq + 1};
  p->seq += 1 + RS_STREAM_MAX;
  load->work_ns += 4 * replay.duration_ns + RS_S;
  call->tasks[0] = task;
  struct rs_check_task t = {.id = task->id,
                            .max_retries = call->max_retries,
                            .doomed = replay.fails,
                            .yields = replay.yields,
                            .backpressure = task->backpressure};
  rs_check_submit(load->checker, &t);
  add(&p->tasks, task->id);
  add(&p->streams, task->id);
  swarm_net_call(load->net, index, call);
}

static void drop_stream(struct swarm_load *load, uint32_t index, uint32_t which)
{
  struct program *p = &load->programs[index];
  struct rs_id id = p->streams.items[which];
  p->streams.items[which] = p->streams.items[--p->streams.count];
  rs_check_release(load->checker, swarm_net_program(load->net, index), id);
  simple(load, index, RS_CALL_RELEASE, id, false);
}

void swarm_load_hear(struct swarm_load *load, rs_addr program, const struct rs_reply *reply)
{
  for (uint32_t i = 0; i < load->plan->program_count && reply->kind == RS_REPLY_NEXT; i++) {
    if (swarm_net_program(load->net, i) != program)
      continue;
    if (reply->id_count)
      keep_object(load, &load->programs[i], program, reply->ids[0]);
    if (reply->id_count && load->reading)
      swarm_net_at(load->net, swarm_net_now(load->net) + RS_MS, i);
  }
}

/* One NEXT for each stream. */
static void read_on(struct swarm_load *load, uint32_t index)
{
  struct program *p = &load->programs[index];
  for (uint32_t i = 0; i < p->streams.count; i++)
    simple(load, index, RS_CALL_STREAM_NEXT, p->streams.items[i], false);
}

void swarm_load_read(struct swarm_load *load)
{
  load->reading = true;
  for (uint32_t i = 0; i < load->plan->program_count; i++)
    if (swarm_net_program(load->net, i) != RS_ADDR_NONE)
      read_on(load, i);
}

/* ---- actors of other programs ---- */

static void call_foreign(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  const struct program *q = &load->programs[rs_rng_below(&p->later, load->plan->program_count)];
  if (q == p || !q->actors.count)
    return;
  uint32_t which = (uint32_t)rs_rng_below(&p->later, q->actors.count), count = 1 + (uint32_t)rs_rng_below(&p->later, 6);
  struct rs_id actor = q->actors.items[which];
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, count);
  call->max_retries = later(p, 2) ? 0 : (int32_t)rs_rng_below(&p->later, 4) - 1;
  uint64_t key = rs_id_key(actor), *calls = rs_map_find(&p->foreign, key), order = calls ? *calls : 0;
  for (uint32_t i = 0; i < count; i++) {
    struct rs_replay replay = {.duration_ns = 1 + rs_rng_below(&p->later, 20 * RS_MS)};
    struct rs_task *task = task_new(load, p, self, &replay, 0, true);
    task->flags |= RS_TASK_ACTOR_CALL;
    task->actor = actor;
    call->tasks[i] = task;
    note_task(load, p, call, task, false, ++order, false);
  }
  rs_map_put(&p->foreign, key, order);
  swarm_net_call(load->net, index, call);
}

static void look_for(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  struct rs_call *call = rs_call_new(later(p, 2) ? RS_CALL_ACTOR_FIND : RS_CALL_ACTOR_LIST, 0);
  call->object = (struct rs_id){self, ++p->seq};
  call->actor = rs_alloc_zero(1, sizeof *call->actor);
  call->actor->name[0] = (char)('a' + rs_rng_below(&p->later, 3));
  call->force = later(p, 2);
  swarm_net_call(load->net, index, call);
}

static void act_later(struct swarm_load *load, uint32_t index, rs_addr self)
{
  struct program *p = &load->programs[index];
  uint64_t kind = rs_rng_below(&p->later, 9);
  if (kind < 2) {
    stream(load, index, self);
  } else if (kind < 4) {
    read_on(load, index);
  } else if (kind == 4 && p->streams.count) {
    drop_stream(load, index, (uint32_t)rs_rng_below(&p->later, p->streams.count));
  } else if (kind < 7) {
    call_foreign(load, index, self);
  } else if (kind == 7) {
    look_for(load, index, self);
  } else if (p->actors.count && later(p, 3)) { /* its last handle, as far as this program goes */
    struct rs_id actor = p->actors.items[rs_rng_below(&p->later, p->actors.count)];
    rs_check_actor_kill(load->checker, actor);
    simple(load, index, RS_CALL_RELEASE, actor, false);
  }
}

void swarm_load_act(struct swarm_load *load, uint32_t index)
{
  struct program *p = &load->programs[index];
  rs_addr self = swarm_net_program(load->net, index);
  if (load->reading) {
    if (self != RS_ADDR_NONE)
      read_on(load, index);
    return;
  }
  if (self == RS_ADDR_NONE || swarm_net_now(load->net) >= load->plan->work_ns)
    return;
  if (load->groups)
    swarm_groups_act(load->groups, index, self, &p->seq);
  uint64_t kind = below(p, 20);
  if (kind < 8) {
    submit(load, index, self);
  } else if (kind < 10) {
    create_actor(load, index, self);
  } else if (kind < 13 && p->actors.count) {
    call_actor(load, index, self);
  } else if (kind == 13) {
    put(load, index, self);
  } else if (kind == 14 && p->kept.count) {
    simple(load, index, RS_CALL_GET, p->kept.items[below(p, p->kept.count)], false);
  } else if (kind < 17 && p->kept.count) {
    release(load, index);
  } else if (kind == 17 && p->actors.count && one_in(p, 2)) {
    struct rs_id actor = p->actors.items[below(p, p->actors.count)];
    rs_check_actor_kill(load->checker, actor);
    simple(load, index, RS_CALL_ACTOR_KILL, actor, one_in(p, 2));
  } else if (kind == 18 && p->tasks.count) {
    struct rs_id task = p->tasks.items[below(p, p->tasks.count)];
    rs_check_cancel(load->checker, task);
    simple(load, index, RS_CALL_CANCEL, task, one_in(p, 2));
  }
  if (later(p, 3))
    act_later(load, index, self);
  if (p->loose.count && last(p, 8) == 0)
    free_one(load, index);
  if (--p->left)
    swarm_net_at(load->net, swarm_net_now(load->net) + below(p, 2 * load->plan->work_ns / load->plan->actions), index);
}

struct swarm_load *swarm_load_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net)
{
  struct swarm_load *load = rs_alloc_zero(1, sizeof *load);
  load->plan = plan;
  load->checker = checker;
  load->net = net;
  if (plan->groups)
    load->groups = swarm_groups_new(plan, checker, net);
  swarm_net_set_load(net, load);
  return load;
}

void swarm_load_start(struct swarm_load *load)
{
  for (uint32_t i = 0; i < load->plan->program_count; i++) {
    rs_rng_seed(&load->programs[i].rng, rs_rng_derive(load->plan->seed, 100 + i));
    rs_rng_seed(&load->programs[i].later, rs_rng_derive(load->plan->seed, 200 + i));
    rs_rng_seed(&load->programs[i].last, rs_rng_derive(load->plan->seed, 300 + i));
    load->programs[i].left = load->plan->actions;
    swarm_net_at(load->net, below(&load->programs[i], RS_S), i);
  }
}

void swarm_load_kill(struct swarm_load *load)
{
  for (uint32_t i = 0; i < load->plan->program_count; i++) {
    struct program *p = &load->programs[i];
    for (uint32_t k = 0; k < p->actors.count; k++) {
      rs_check_actor_kill(load->checker, p->actors.items[k]);
      simple(load, i, RS_CALL_ACTOR_KILL, p->actors.items[k], true);
    }
  }
}

void swarm_load_end(struct swarm_load *load)
{
  for (uint32_t i = 0; i < load->plan->program_count; i++) {
    struct program *p = &load->programs[i];
    while (p->streams.count)
      drop_stream(load, i, 0);
    while (p->kept.count) {
      struct rs_id id = p->kept.items[--p->kept.count];
      rs_check_release(load->checker, swarm_net_program(load->net, i), id);
      simple(load, i, RS_CALL_RELEASE, id, false);
    }
  }
}

void swarm_load_ungroup(struct swarm_load *load)
{
  if (load->groups)
    swarm_groups_end(load->groups);
}

void swarm_load_probe(struct swarm_load *load)
{
  for (uint32_t i = 0; load->groups && i < load->plan->program_count; i++) {
    rs_addr self = swarm_net_program(load->net, i);
    if (self != RS_ADDR_NONE)
      swarm_groups_probe(load->groups, i, (struct rs_id){self, ++load->programs[i].seq});
  }
}

uint64_t swarm_load_work_ns(const struct swarm_load *load)
{
  return load->work_ns;
}

void swarm_load_free(struct swarm_load *load)
{
  swarm_groups_free(load->groups);
  for (uint32_t i = 0; i < SWARM_PROGRAMS_MAX; i++) {
    free(load->programs[i].kept.items);
    free(load->programs[i].actors.items);
    free(load->programs[i].tasks.items);
    free(load->programs[i].loose.items);
    free(load->programs[i].orders);
    free(load->programs[i].groups);
    free(load->programs[i].streams.items);
    rs_map_free(&load->programs[i].foreign);
  }
  free(load);
}
