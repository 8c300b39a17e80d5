/* swarm_refs.c -- what running tasks and programs of an experiment do with references: keep them beyond the task, put
 * objects that contain others, return them, get them, and run tasks of their own and wait for these.
 *
 * Only what is allowed is done: a reference is used while its process counts it, or while the task runs that got it in
 * its arguments, or at the moment when the value that contains it is got. The checker is told every count, so that it
 * knows by itself who holds what. Draws come from a stream of their own.
 */
#include <string.h>

#include "base/alloc.h"
#include "lib/load/replay.h"
#include "sim/swarm_net_int.h"

#define ACTS_MAX 3u
#define KEPT_MAX 64u
#define LEARN_NS RS_US

/* A process with counts; programs keep theirs in swarm_load.c. */
struct holder {
  rs_addr who;
  uint64_t seq;
  struct rs_id kept[KEPT_MAX];
  uint32_t kept_count;
};

/* A task of a task: who waits for it. */
struct nested {
  struct rs_id task;
  rs_addr who;
  uint64_t run;
  bool ended;
};

struct learn {
  rs_addr who;
  struct rs_id box, inside;
};

/* What was put with references inside. */
struct box {
  uint32_t count;
  struct rs_id inside[2];
};

struct swarm_refs {
  const struct swarm_plan *plan;
  struct rs_checker *checker;
  struct swarm_net *net;
  struct rs_rng rng;
  struct holder **holders;
  uint32_t holder_count, holder_cap;
  struct nested *nested;
  uint32_t nested_count, nested_cap;
  struct learn *learns;
  uint32_t learn_count, learn_cap;
  struct box *boxes;
  uint32_t box_count, box_cap;
  struct rs_map box_of; /* id -> index + 1 */
  uint64_t work_ns;
};

static uint64_t below(struct swarm_refs *s, uint64_t n)
{
  return rs_rng_below(&s->rng, n);
}
static bool one_in(struct swarm_refs *s, uint64_t n)
{
  return below(s, n) == 0;
}

struct swarm_refs *swarm_refs_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net)
{
  struct swarm_refs *s = rs_alloc_zero(1, sizeof *s);
  s->plan = plan;
  s->checker = checker;
  s->net = net;
  rs_rng_seed(&s->rng, rs_rng_derive(plan->seed, 6));
  return s;
}

void swarm_refs_free(struct swarm_refs *s)
{
  for (uint32_t i = 0; i < s->holder_count; i++)
    free(s->holders[i]);
  free(s->holders);
  free(s->nested);
  free(s->learns);
  free(s->boxes);
  rs_map_free(&s->box_of);
  free(s);
}

static struct holder *holder_of(struct swarm_refs *s, rs_addr who)
{
  for (uint32_t i = 0; i < s->holder_count; i++)
    if (s->holders[i]->who == who)
      return s->holders[i];
  struct holder *h = rs_alloc_zero(1, sizeof *h);
  h->who = who;
  RS_GROW(s->holders, s->holder_count, s->holder_cap);
  s->holders[s->holder_count++] = h;
  return h;
}

static void call_on(struct swarm_refs *s, rs_addr who, enum rs_call_kind kind, struct rs_id object)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = object;
  swarm_net_call_at(s->net, who, call);
}

static void retain(struct swarm_refs *s, struct holder *h, struct rs_id id)
{
  if (h->kept_count == KEPT_MAX)
    return;
  h->kept[h->kept_count++] = id;
  rs_check_hold(s->checker, h->who, id);
  call_on(s, h->who, RS_CALL_RETAIN, id);
}

static void release(struct swarm_refs *s, struct holder *h, uint32_t at)
{
  struct rs_id id = h->kept[at];
  h->kept[at] = h->kept[--h->kept_count];
  rs_check_release(s->checker, h->who, id);
  call_on(s, h->who, RS_CALL_RELEASE, id);
}

/* Something that the running task may use now. */
static bool draw(struct swarm_refs *s, const struct holder *h, const struct rs_task *task, struct rs_id *id)
{
  uint32_t count = h->kept_count + task->inner_count;
  if (count == 0)
    return false;
  uint32_t at = (uint32_t)below(s, count);
  *id = at < h->kept_count ? h->kept[at] : task->inner[at - h->kept_count];
  return true;
}

void swarm_refs_boxed(struct swarm_refs *s, struct rs_id id, const struct rs_id *inside, uint32_t count)
{
  if (count == 0)
    return;
  struct box box = {.count = count};
  memcpy(box.inside, inside, count * sizeof *inside);
  RS_GROW(s->boxes, s->box_count, s->box_cap);
  s->boxes[s->box_count++] = box;
  rs_map_put(&s->box_of, rs_id_key(id), s->box_count);
}

/* It is made, and so is all that is inside it: whatever is made from now on cannot be there. An object that is put is
 * made at once, but what it contains may be the return of a task that is still to run. */
static bool whole(const struct swarm_refs *s, struct rs_id id)
{
  if (!rs_check_made(s->checker, id))
    return false;
  const uint64_t *at = rs_map_find(&s->box_of, rs_id_key(id));
  for (uint32_t i = 0; at && i < s->boxes[*at - 1].count; i++)
    if (!whole(s, s->boxes[*at - 1].inside[i]))
      return false;
  return true;
}

static void put(struct swarm_refs *s, struct holder *h, const struct rs_task *task)
{
  if (h->kept_count == KEPT_MAX)
    return;
  struct rs_id inside[2];
  uint32_t count = 0, wanted = (uint32_t)below(s, 3);
  while (count < wanted && draw(s, h, task, &inside[count]))
    count++;
  struct rs_call *call = rs_call_new(RS_CALL_PUT, 0);
  call->object = (struct rs_id){h->who, ++h->seq};
  if (one_in(s, 3)) {
    call->size_bytes = 1 + below(s, s->plan->object_bytes);
    call->inner_count = count;
    call->inner = rs_memdup(inside, count * sizeof *inside);
  } else {
    call->value = rs_value_new(count, 1 + (uint32_t)below(s, 100));
    memcpy(call->value->ids, inside, count * sizeof *inside);
  }
  swarm_refs_boxed(s, call->object, inside, count);
  h->kept[h->kept_count++] = call->object;
  rs_check_hold(s->checker, h->who, call->object);
  swarm_net_call_at(s->net, h->who, call);
}

/* A task of its own, which the task that runs waits for. It reads only what is made and stays so: a task that keeps its
 * memory and GPUs while it waits for one that needs these would wait for ever, as in Ray. */
static void nest(struct swarm_refs *s, struct holder *h, const struct rs_task *task, uint64_t run)
{
  struct rs_id reads;
  bool has = h->kept_count + task->inner_count && draw(s, h, task, &reads);
  bool made = has && rs_check_made(s->checker, reads) && s->plan->fault_count == 0;
  uint32_t deps = made && one_in(s, 2), inner = has && one_in(s, 2);
  struct rs_replay replay = {.duration_ns = 1 + below(s, 20 * RS_MS)};
  if (one_in(s, 3))
    replay.return_bytes = 1 + below(s, s->plan->object_bytes);
  struct rs_task *t = rs_task_new_inner(deps, inner, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, t->args);
  t->function = rs_replay_function();
  t->return_count = 1;
  t->id = (struct rs_id){h->who, h->seq + 1};
  h->seq += 2;
  t->parent = task->id;
  t->job = rs_task_job(task);
  if (deps)
    t->deps[0].id = reads;
  if (inner)
    t->inner[0] = reads;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = t;
  call->target = RS_NODE_NONE;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = (int32_t)below(s, 4) - 1;
  struct rs_check_task checked = {.id = t->id, .max_retries = call->max_retries, .has_deps = deps > 0, .keeps = false};
  rs_check_submit(s->checker, &checked);
  s->work_ns += 10 * replay.duration_ns + 10 * RS_MS;
  RS_GROW(s->nested, s->nested_count, s->nested_cap);
  s->nested[s->nested_count++] = (struct nested){t->id, h->who, run, false};
  swarm_net_call_at(s->net, h->who, call);
  call_on(s, h->who, RS_CALL_BLOCKED, (struct rs_id){0, 0});
}

void swarm_refs_on_run(struct swarm_refs *s, rs_addr worker, const struct rs_task *task, uint64_t run,
                       uint64_t duration_ns)
{
  if (task->inner_count == 0 && !one_in(s, 6))
    return;
  uint32_t acts = 1 + (uint32_t)below(s, ACTS_MAX);
  for (uint32_t i = 0; i < acts; i++)
    swarm_net_ref_at(s->net, swarm_net_now(s->net) + below(s, duration_ns), worker, run);
}

bool swarm_refs_waits(const struct swarm_refs *s, rs_addr worker, uint64_t run)
{
  for (uint32_t i = 0; i < s->nested_count; i++)
    if (s->nested[i].who == worker && s->nested[i].run == run)
      return true;
  return false;
}

static void learn(struct swarm_refs *s, const struct learn *l)
{
  if (rs_addr_ep(l->who) >= RS_EP_DRIVER) {
    swarm_load_learn(swarm_net_load(s->net), l->who, l->box, l->inside);
    return;
  }
  struct holder *h = holder_of(s, l->who);
  for (uint32_t i = 0; i < h->kept_count; i++) /* it still holds what it got this out of */
    if (rs_id_equal(h->kept[i], l->box)) {
      retain(s, h, l->inside);
      return;
    }
}

/* run 0: something was got, and may be kept; otherwise the running task does something. */
void swarm_refs_act(struct swarm_refs *s, rs_addr who, uint64_t run)
{
  if (run == 0) {
    struct learn l = s->learns[0];
    memmove(s->learns, s->learns + 1, --s->learn_count * sizeof *s->learns);
    learn(s, &l);
    return;
  }
  const struct rs_task *task = swarm_net_run_of(s->net, who, run);
  if (!task || swarm_refs_waits(s, who, run))
    return;
  struct holder *h = holder_of(s, who);
  struct rs_id id;
  switch (below(s, 8)) {
  case 0:
  case 1:
    if (draw(s, h, task, &id))
      retain(s, h, id);
    break;
  case 2: put(s, h, task); break;
  case 3:
    if (draw(s, h, task, &id))
      call_on(s, who, one_in(s, 3) ? RS_CALL_WAIT : RS_CALL_GET, id);
    break;
  case 4:
    if (h->kept_count)
      release(s, h, (uint32_t)below(s, h->kept_count));
    break;
  default:
    if (task->parent.seq == 0 && !(task->flags & (RS_TASK_ACTOR_CREATE | RS_TASK_ACTOR_CALL)))
      nest(s, h, task, run);
  }
}

/* The result of a task with references inside its first return, where it has one. */
struct rs_result *swarm_refs_result(struct swarm_refs *s, rs_addr worker, const struct rs_task *task,
                                    struct rs_result *result)
{
  struct rs_id ids[3];
  uint32_t count = 0, wanted = (uint32_t)below(s, 4);
  struct holder *h = holder_of(s, worker);
  if (result->status != RS_ERR_OK || !result->return_count || !(task->flags & RS_TASK_KEEP) ||
      rs_check_made(s->checker, (struct rs_id){task->id.owner, task->id.seq + 1}))
    wanted = 0;
  for (uint32_t i = 0; i < wanted; i++) /* only what is made before it, to the bottom: no circle */
    if (draw(s, h, task, &ids[count]) && whole(s, ids[count]))
      count++;
  if (count) {
    struct rs_result *with = rs_result_new_ids(result->return_count, count, result->data_bytes);
    memcpy(with->returns, result->returns, result->return_count * sizeof *with->returns);
    if (result->data_bytes)
      memcpy(with->data, result->data, result->data_bytes);
    memcpy(with->ids, ids, count * sizeof *ids);
    with->task = result->task;
    with->run_ns = result->run_ns;
    with->node = result->node;
    with->returns[0].id_count = count;
    rs_result_unref(result);
    result = with;
  }
  return result;
}

/* After its end a task's process lets go of much of what it kept, but not of everything. */
void swarm_refs_ended(struct swarm_refs *s, rs_addr worker)
{
  struct holder *h = holder_of(s, worker);
  while (h->kept_count && !one_in(s, 3))
    release(s, h, (uint32_t)below(s, h->kept_count));
}

void swarm_refs_on_reply(struct swarm_refs *s, rs_addr who, const struct rs_reply *reply)
{
  if (reply->kind == RS_REPLY_TASK)
    for (uint32_t i = 0; i < s->nested_count; i++)
      if (rs_id_equal(s->nested[i].task, reply->id)) {
        s->nested[i].ended = true;
        swarm_net_unblock_at(s->net, swarm_net_now(s->net) + below(s, RS_MS), who);
        return;
      }
  if (reply->kind == RS_REPLY_OBJECT && reply->id_count && one_in(s, 2)) {
    RS_GROW(s->learns, s->learn_count, s->learn_cap);
    s->learns[s->learn_count++] = (struct learn){who, reply->id, reply->ids[below(s, reply->id_count)]};
    swarm_net_ref_at(s->net, swarm_net_now(s->net) + LEARN_NS, who, 0);
  }
}

/* The task that waited for one of its own goes on. */
void swarm_refs_unblock(struct swarm_refs *s, rs_addr who)
{
  for (uint32_t i = 0; i < s->nested_count; i++) {
    if (s->nested[i].who != who || !s->nested[i].ended)
      continue;
    bool runs = swarm_net_run_of(s->net, who, s->nested[i].run) != NULL;
    s->nested[i] = s->nested[--s->nested_count];
    if (runs)
      call_on(s, who, RS_CALL_UNBLOCKED, (struct rs_id){0, 0});
    return;
  }
}

void swarm_refs_gone(struct swarm_refs *s, rs_addr who)
{
  for (uint32_t i = 0; i < s->nested_count;)
    if (s->nested[i].who == who)
      s->nested[i] = s->nested[--s->nested_count];
    else
      i++;
  for (uint32_t i = 0; i < s->holder_count; i++)
    if (s->holders[i]->who == who) {
      free(s->holders[i]);
      s->holders[i] = s->holders[--s->holder_count];
      return;
    }
}

/* Every count of every worker is given up. */
void swarm_refs_end(struct swarm_refs *s)
{
  for (uint32_t i = 0; i < s->holder_count; i++)
    while (s->holders[i]->kept_count)
      release(s, s->holders[i], s->holders[i]->kept_count - 1);
}

uint64_t swarm_refs_work_ns(const struct swarm_refs *s)
{
  return s->work_ns;
}

/* References for the arguments of a program's task, or for an object, out of those that it counts. */
uint32_t swarm_refs_inner(struct swarm_refs *s, const struct rs_id *kept, uint32_t count, struct rs_id out[2])
{
  uint32_t wanted = count && one_in(s, 3) ? 1 + (uint32_t)below(s, 2) : 0;
  for (uint32_t i = 0; i < wanted; i++)
    out[i] = kept[below(s, count)];
  return wanted;
}
