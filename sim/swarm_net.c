/* swarm_net.c -- the in-memory driver of swarm mode: everything that io.h promises, and not a bit more.
 *
 * One heap of events in simulated time. Each pair of endpoints has a connection: a message takes a random time and
 * never overtakes one before it. A connection that breaks loses a random suffix of what is on its way in each
 * direction, then each end hears PEER_DOWN at a time of its own; until it has heard, what it sends goes nowhere. A
 * process that dies breaks its connections at once, a node that goes silent after a while. What is sent to nobody comes
 * back as SEND_FAILED. Bytes of objects are counted a node, in memory and on its disk, which takes its time and may be
 * full.
 *
 * Connections are in swarm_conn.c, what breaks and ends is in swarm_fault.c. Cost: O(log events) a message.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/gcs.h"
#include "core/raylet.h"
#include "lib/load/replay.h"
#include "sim/swarm_net_int.h"

#define VIEW_SKIPS_MAX 3 /* in a row; a head that publishes faster than a view travels would never be heard */

/* ---- heap ---- */

static bool before(const struct event *a, const struct event *b)
{
  return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

void swarm_net_push(struct swarm_net *n, struct event e)
{
  e.order = n->order++;
  RS_GROW(n->heap, n->count, n->cap);
  uint32_t i = n->count++;
  for (; i && before(&e, &n->heap[(i - 1) / 2]); i = (i - 1) / 2)
    n->heap[i] = n->heap[(i - 1) / 2];
  n->heap[i] = e;
}

static struct event pop(struct swarm_net *n)
{
  struct event top = n->heap[0], last = n->heap[--n->count];
  uint32_t i = 0;
  for (uint32_t c; (c = 2 * i + 1) < n->count; i = c) {
    if (c + 1 < n->count && before(&n->heap[c + 1], &n->heap[c]))
      c++;
    if (!before(&n->heap[c], &last))
      break;
    n->heap[i] = n->heap[c];
  }
  n->heap[i] = last;
  return top;
}

static void drop_event(struct event *e)
{
  if (e->kind == EV_MESSAGE)
    rs_msg_unref(e->msg);
  if (e->kind == EV_TASK_END)
    rs_result_unref(e->result); /* NULL where it was put off */
}

uint64_t swarm_net_between(struct swarm_net *n, const uint64_t range[2])
{
  return range[0] + rs_rng_below(&n->rng, range[1] - range[0] + 1);
}

uint64_t swarm_net_up_to(struct swarm_net *n, uint64_t most)
{
  return rs_rng_below(&n->rng, most + 1);
}

void swarm_net_note(struct swarm_net *n, uint64_t value)
{
  n->hash = rs_mix64(n->hash ^ value) + n->now;
}

/* ---- clocks: each node's own ---- */

static uint64_t local(const struct node *node, uint64_t t)
{
  return node->origin_ns + t + (uint64_t)((int64_t)t * node->drift_ppm / 1000000);
}

/* The first moment at which the node's clock shows at least `clock`. */
static uint64_t moment(const struct node *node, uint64_t clock)
{
  uint64_t since = clock > node->origin_ns ? clock - node->origin_ns : 0;
  if (since > UINT64_C(1) << 62)
    return RS_TIME_NEVER;
  uint64_t t = (uint64_t)((int64_t)since - (int64_t)(since / 1000000) * node->drift_ppm);
  while (local(node, t) < clock)
    t += 1 + (clock - local(node, t));
  return t;
}

/* ---- places ---- */

struct place *swarm_net_place(const struct swarm_net *n, rs_addr addr)
{
  return addr == RS_ADDR_NONE ? NULL : rs_map_get_ptr(&n->places, addr);
}
static void step(struct swarm_net *n, struct place *p, const struct rs_input *input);

void swarm_net_add_place(struct swarm_net *n, uint32_t roles, rs_addr addr, struct rs_node_info *info)
{
  struct place *p = rs_alloc_zero(1, sizeof *p);
  struct rs_start start = {.roles = roles,
                           .self = addr,
                           .gcs = rs_addr_make(0, 1, RS_EP_GCS),
                           .config = &n->plan->config,
                           .info = info,
                           .node_types = n->plan->type_count ? n->plan->types : NULL,
                           .node_type_count = n->plan->type_count,
                           .codec_forced = n->plan->codec};
  p->addr = addr;
  p->ep = rs_endpoint_new(&start);
  p->armed_ns = RS_TIME_NEVER;
  rs_map_put_ptr(&n->places, addr, p);
  RS_GROW(n->list, n->list_count, n->list_cap);
  n->list[n->list_count++] = p;
  step(n, p, &(struct rs_input){.kind = RS_IN_START});
}

void swarm_net_take_place(struct swarm_net *n, struct place *p)
{
  rs_map_remove(&n->places, p->addr, NULL);
  swarm_refs_gone(n->refs, p->addr);
  for (uint32_t i = 0; i < n->list_count; i++)
    if (n->list[i] == p) {
      for (; i + 1 < n->list_count; i++)
        n->list[i] = n->list[i + 1];
      n->list_count--;
    }
  for (uint32_t i = 0; i < SWARM_PROGRAMS_MAX; i++)
    if (n->programs[i] == p->addr)
      n->programs[i] = RS_ADDR_NONE;
  rs_endpoint_free(p->ep);
  for (uint32_t i = 0; i < p->run_count; i++)
    rs_task_unref(p->runs[i].task);
  free(p->runs);
  free(p);
}

/* ---- bytes ---- */

static uint64_t byte_key(rs_addr raylet, struct rs_id id)
{
  return rs_mix64(raylet ^ rs_mix64(rs_id_key(id))) | 1;
}

static void seal(struct swarm_net *n, rs_addr raylet, struct rs_id id, uint64_t size)
{
  struct node *node = &n->nodes[rs_addr_node(raylet)];
  uint64_t key = byte_key(raylet, id);
  if (n->plant == RS_PLANT_STORE_OVER)
    node->stored += node->info->total.store_bytes ? (uint64_t)node->info->total.store_bytes : 1;
  if (!rs_map_find(&n->bytes, key)) {
    rs_map_put(&n->bytes, key, size);
    node->stored += size;
    n->stored += size;
  }
}

static void unseal(struct swarm_net *n, rs_addr raylet, struct rs_id id)
{
  uint64_t size;
  if (!rs_map_remove(&n->bytes, byte_key(raylet, id), &size))
    return;
  n->nodes[rs_addr_node(raylet)].stored -= size;
  n->stored -= size;
}

static bool has_bytes(const struct swarm_net *n, rs_addr raylet, struct rs_id id)
{
  return rs_map_find(&n->bytes, byte_key(raylet, id)) || rs_map_find(&n->disk, byte_key(raylet, id));
}

/* ---- effects ---- */

static bool chance(struct swarm_net *n, enum rs_swarm_plant plant, uint32_t nth)
{
  return n->plant == plant && ++n->planted == nth;
}

static bool lose(struct swarm_net *n, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_LEASE_RETURN: return chance(n, RS_PLANT_LOSE_RETURN, 3);
  case RS_MSG_REPORT: return n->stopping && n->plant == RS_PLANT_LOSE_REPORT;
  case RS_MSG_CONTENTION:
    return n->plant == RS_PLANT_LOSE_CONTENTION && ((const struct rs_m_contention *)(const void *)msg)->waiting == 0;
  case RS_MSG_TASKS_DONE: return chance(n, RS_PLANT_LOSE_MESSAGE, 5);
  case RS_MSG_BORROW_REMOVE: return chance(n, RS_PLANT_LOSE_REMOVE, 2);
  case RS_MSG_GROUP_RETURN: return chance(n, RS_PLANT_GROUP_RETURN, 1);
  case RS_MSG_GROUP_PREPARED: return n->stopping && n->plant == RS_PLANT_GROUP_PREPARED;
  default: return false;
  }
}

/* Another raylet hears of the bundles of the first group too; or the head hears of no strict strategy. */
static void misplace(struct swarm_net *n, rs_addr from, rs_addr to, struct rs_msg *msg)
{
  if (msg->type == RS_MSG_GROUP_CREATE && n->plant == RS_PLANT_GROUP_STRATEGY) {
    struct rs_m_group_create *m = (void *)msg;
    m->strategy = m->strategy == RS_GROUP_STRICT_PACK ? RS_GROUP_SPREAD : RS_GROUP_PACK;
  }
  if ((msg->type != RS_MSG_GROUP_PREPARE && msg->type != RS_MSG_GROUP_COMMIT) || n->plant != RS_PLANT_GROUP_TWICE)
    return;
  for (uint32_t i = n->list_count; i-- > 0;)
    if (rs_addr_ep(n->list[i]->addr) == RS_EP_RAYLET && n->list[i]->addr != to) {
      swarm_net_send(n, from, n->list[i]->addr, rs_msg_ref(msg));
      return;
    }
}

/* A worker believes that its items are read; the head, that an actor has no name. */
static void relieve(struct swarm_net *n, struct rs_msg *msg)
{
  if (msg->type == RS_MSG_ACTOR_CREATE && n->plant == RS_PLANT_NAME)
    ((struct rs_m_actor_create *)(void *)msg)->name_count = 0;
  if (msg->type == RS_MSG_STREAM_READ && n->plant == RS_PLANT_PRESSURE)
    ((struct rs_m_stream_read *)(void *)msg)->count = UINT64_MAX;
}

/* As many calls at a time as an actor asked for, and one more. */
static struct rs_msg *raised(struct swarm_net *n, struct rs_msg *msg)
{
  const struct rs_m_actor_start *m = (const void *)msg;
  if (msg->type == RS_MSG_ACTOR_START && n->plant == RS_PLANT_LIMIT)
    for (uint32_t i = 0; i < m->limits_count; i++)
      m->limits[i]++;
  return msg;
}

static struct rs_msg *reversed(struct swarm_net *n, struct rs_msg *msg)
{
  const struct rs_m_push_tasks *m = (const void *)msg;
  if (msg->type != RS_MSG_PUSH_TASKS || m->tasks_count < 2 || !(m->tasks[0]->flags & RS_TASK_ACTOR_CALL) ||
      n->plant != RS_PLANT_REORDER)
    return msg;
  for (uint32_t i = 0, k = m->tasks_count - 1; i < k; i++, k--) {
    struct rs_task *swap = m->tasks[i];
    m->tasks[i] = m->tasks[k];
    m->tasks[k] = swap;
  }
  return msg;
}

/* The owner of the objects never hears of it, and the borrower hears that it did. */
static bool acknowledge_falsely(struct swarm_net *n, rs_addr from, rs_addr to, const struct rs_msg *msg)
{
  if (n->plant != RS_PLANT_FALSE_ACK || msg->type != RS_MSG_BORROW_ADD)
    return false;
  const struct rs_m_borrow_add *add = (const void *)msg;
  struct rs_m_borrow_added *ack = rs_msg_new(RS_MSG_BORROW_ADDED);
  ack->objects_count = add->objects_count;
  ack->objects = rs_memdup(add->objects, add->objects_count * sizeof *ack->objects);
  swarm_net_send(n, to, from, &ack->head);
  return true;
}

static void deliver(struct swarm_net *n, rs_addr from, rs_addr to, struct rs_msg *msg)
{
  if (lose(n, msg) || acknowledge_falsely(n, from, to, msg)) {
    rs_msg_unref(msg);
    return;
  }
  msg = raised(n, reversed(n, msg));
  misplace(n, from, to, msg);
  relieve(n, msg);
  if (msg->type == RS_MSG_PUSH_TASKS && chance(n, RS_PLANT_PUSH_TWICE, 3))
    swarm_net_send(n, from, to, rs_msg_ref(msg));
  if (msg->type == RS_MSG_ACTOR_START) {
    for (uint32_t i = 0; n->plant == RS_PLANT_ACTOR_TWICE && i < n->list_count; i++)
      if (rs_addr_ep(n->list[i]->addr) >= RS_EP_WORKER && rs_addr_ep(n->list[i]->addr) < RS_EP_DRIVER &&
          n->list[i]->addr != to && !n->list[i]->run_count) {
        swarm_net_send(n, from, n->list[i]->addr, rs_msg_ref(msg));
        break;
      }
  }
  swarm_net_send(n, from, to, msg);
}

/* The function ends by itself after this long. */
static void end_later(struct swarm_net *n, const struct place *p, const struct run *run, const struct rs_replay *replay,
                      uint64_t after_ns)
{
  struct rs_result *result =
      rs_replay_result(run->task, replay, replay->duration_ns, (uint64_t)n->plan->config.max_direct_call_object_size,
                       rs_addr_raylet(p->addr));
  swarm_net_push(n, (struct event){.due_ns = n->now + after_ns,
                                   .kind = EV_TASK_END,
                                   .to = p->addr,
                                   .from = run->number,
                                   .result = result,
                                   .status = result->status});
}

static struct run *run_numbered(struct place *p, uint64_t number)
{
  for (uint32_t i = 0; p && i < p->run_count; i++)
    if (p->runs[i].number == number)
      return &p->runs[i];
  return NULL;
}

/* Its next item. */
static void yield(struct swarm_net *n, struct place *p, uint64_t number)
{
  struct run *run = run_numbered(p, number);
  struct rs_replay replay;
  if (!run || rs_replay_decode(run->task, &replay) != 0)
    return;
  struct rs_call *call = rs_call_new(RS_CALL_YIELD, 0);
  call->object = run->task->id;
  call->size_bytes = replay.return_bytes;
  run->yielded++;
  if (replay.return_bytes <= (uint64_t)n->plan->config.max_direct_call_object_size)
    call->value = rs_value_new(0, (uint32_t)replay.return_bytes);
  step(n, p, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
}

/* It may go on, or must end. */
static void yield_answered(struct swarm_net *n, struct place *p, const struct rs_reply *r)
{
  struct rs_replay replay;
  for (uint32_t i = 0; i < p->run_count; i++) {
    struct run *run = &p->runs[i];
    if (!rs_id_equal(run->task->id, r->id) || rs_replay_decode(run->task, &replay) != 0)
      continue;
    uint64_t part = replay.duration_ns / replay.yields;
    if (r->status != RS_ERR_OK)
      swarm_net_push(n, (struct event){.due_ns = n->now,
                                       .kind = EV_TASK_END,
                                       .to = p->addr,
                                       .from = run->number,
                                       .result = rs_result_failed(r->id, RS_ERR_CANCELLED, "told to end")});
    else if (run->yielded == replay.yields)
      end_later(n, p, run, &replay, part);
    else
      swarm_net_push(n, (struct event){.due_ns = n->now + part, .kind = EV_YIELD, .to = p->addr, .from = run->number});
    rs_check_yield(n->checker, r->id, run->yielded, r->status);
    return;
  }
}

static void task_run(struct swarm_net *n, struct place *p, struct rs_task *task)
{
  rs_check_run(n->checker, p->addr, task);
  struct rs_replay replay;
  RS_ASSERT(rs_replay_decode(task, &replay) == 0);
  RS_GROW(p->runs, p->run_count, p->run_cap);
  p->runs[p->run_count++] = (struct run){task, ++n->runs, n->now, 0};
  if ((task->flags & RS_TASK_STREAM) && replay.yields) {
    swarm_net_push(n, (struct event){.due_ns = n->now, .kind = EV_YIELD, .to = p->addr, .from = n->runs});
    return;
  }
  end_later(n, p, &p->runs[p->run_count - 1], &replay, replay.duration_ns);
  swarm_refs_on_run(n->refs, p->addr, task, n->runs, replay.duration_ns);
}

static void task_end(struct swarm_net *n, struct place *p, struct event *e)
{
  uint32_t at = 0;
  while (p && at < p->run_count && p->runs[at].number != e->from)
    at++;
  if (!p || at == p->run_count)
    return;
  if (e->result->status != RS_ERR_CANCELLED && swarm_refs_waits(n->refs, p->addr, e->from)) {
    struct event later = *e;
    later.due_ns = n->now + 5 * RS_MS;
    e->result = NULL;
    swarm_net_push(n, later);
    return;
  }
  e->result = swarm_refs_result(n->refs, p->addr, p->runs[at].task, e->result);
  struct rs_result *result = e->result;
  rs_check_ran(n->checker, p->addr, p->runs[at].task);
  rs_task_unref(p->runs[at].task);
  p->runs[at] = p->runs[--p->run_count];
  rs_addr addr = p->addr;
  step(n, p, &(struct rs_input){.kind = result->status ? RS_IN_TASK_FAILED : RS_IN_TASK_FINISHED, .result = result});
  if (swarm_net_place(n, addr))
    swarm_refs_ended(n->refs, addr);
}

static void copy(struct swarm_net *n, rs_addr self, const struct rs_effect *e)
{
  bool there = has_bytes(n, e->to, e->object) && swarm_net_place(n, e->to) && !swarm_net_parted(n, self, e->to);
  if (chance(n, RS_PLANT_COPY_FAILS, 1))
    there = false;
  if (n->plan->copies_hang && swarm_net_up_to(n, 7) == 0) { /* nothing comes of it */
    uint64_t due_ns = n->now + (uint64_t)n->plan->config.object_manager_pull_timeout_ms * RS_MS;
    swarm_net_push(n, (struct event){.due_ns = due_ns,
                                     .kind = EV_COPIED,
                                     .to = self,
                                     .from = e->to,
                                     .object = e->object,
                                     .size = e->size,
                                     .status = RS_ERR_TIMED_OUT});
    return;
  }
  swarm_net_push(n, (struct event){.due_ns = n->now + 2 * swarm_net_delay(n, self, e->to) + swarm_net_up_to(n, e->size),
                                   .kind = EV_COPIED,
                                   .to = self,
                                   .from = e->to,
                                   .object = e->object,
                                   .size = e->size,
                                   .status = there ? RS_ERR_OK : RS_ERR_OBJECT_LOST,
                                   .index = e->count});
}

/* A SPILL, a RESTORE, or a CREATE in a file. */
static void disk(struct swarm_net *n, rs_addr self, const struct rs_effect *e)
{
  bool full = e->kind != RS_OUT_RESTORE && n->plan->disk_fails && swarm_net_up_to(n, n->plan->disk_fails) == 0;
  swarm_net_push(n,
                 (struct event){.due_ns = n->now + 1 + swarm_net_up_to(n, RS_MS + n->plan->disk_ns_per_byte * e->size),
                                .kind = e->kind == RS_OUT_RESTORE ? EV_RESTORED : EV_SPILLED,
                                .to = self,
                                .object = e->object,
                                .size = e->size,
                                .status = full ? RS_ERR_DISK_FULL : RS_ERR_OK});
}

static void trace(struct swarm_net *n, rs_addr self, const struct rs_effect *e)
{
  n->lines[n->line_count++ % SWARM_TRACE_LINES] = (struct line){n->now, e->a, e->b, e->c, self, e->trace};
  uint64_t last = e->c;
  if (e->trace == RS_TRACE_TASK_RETRIED && n->plant == RS_PLANT_RETRY_FOREVER)
    last = (uint64_t)((int64_t)last + 2);
  uint32_t times = e->trace == RS_TRACE_BUNDLE_PREPARED && n->plant == RS_PLANT_GROUP_ROOM ? 1000 : 1;
  while (times--)
    rs_check_trace(n->checker, e->trace, e->a, e->b, last);
  swarm_net_note(n, self);
  swarm_net_note(n, e->trace);
  swarm_net_note(n, e->a);
  swarm_net_note(n, e->b);
  swarm_net_note(n, e->c);
}

static void reply(struct swarm_net *n, rs_addr self, struct rs_reply *r)
{
  if (r->kind == RS_REPLY_OBJECT && r->stored)
    swarm_net_push(
        n, (struct event){.due_ns = n->now + swarm_net_up_to(n, RS_S), .kind = EV_UNPIN, .to = self, .object = r->id});
  if (r->kind == RS_REPLY_TASK && r->status == RS_ERR_OK && n->plant == RS_PLANT_REPLY_WRONG &&
      !n->checker->node_faults)
    r->status = RS_ERR_NODE_DIED;
  if (r->kind == RS_REPLY_YIELD) {
    yield_answered(n, swarm_net_place(n, self), r);
    rs_reply_free(r);
    return;
  }
  rs_check_reply(n->checker, self, r);
  if (r->kind == RS_REPLY_NEXT && r->id_count && chance(n, RS_PLANT_ITEM_TWICE, 3))
    rs_check_reply(n->checker, self, r);
  swarm_load_hear(n->load, self, r);
  swarm_refs_on_reply(n->refs, self, r);
  if (r->kind == RS_REPLY_TASK && chance(n, RS_PLANT_REPLY_TWICE, 4))
    rs_check_reply(n->checker, self, r);
  swarm_net_note(n, rs_id_key(r->id));
  swarm_net_note(n, (uint64_t)(int64_t)r->status);
  rs_reply_free(r);
}

static void perform(struct swarm_net *n, rs_addr self, struct rs_effect *e)
{
  struct place *p = swarm_net_place(n, self);
  switch ((enum rs_effect_kind)e->kind) {
  case RS_OUT_SEND: deliver(n, self, e->to, e->msg); break;
  case RS_OUT_SEND_MANY:
    for (uint32_t i = 0; i < e->count; i++)
      deliver(n, self, e->many[i], rs_msg_ref(e->msg));
    rs_msg_unref(e->msg);
    break;
  case RS_OUT_TASK_RUN: task_run(n, p, e->task); break;
  case RS_OUT_TASK_KILL:
    for (uint32_t i = 0; i < p->run_count; i++)
      if (rs_id_equal(p->runs[i].task->id, e->object))
        swarm_net_push(n, (struct event){.due_ns = n->now + swarm_net_up_to(n, 5 * RS_MS),
                                         .kind = EV_TASK_END,
                                         .to = self,
                                         .from = p->runs[i].number,
                                         .result = rs_result_failed(e->object, RS_ERR_CANCELLED, "killed")});
    break;
  case RS_OUT_WORKER_START:
    swarm_net_push(n, (struct event){.due_ns = n->now + swarm_net_between(n, n->plan->worker_start_ns),
                                     .kind = EV_WORKER,
                                     .to = e->to});
    break;
  case RS_OUT_WORKER_STOP: {
    struct place *gone = swarm_net_place(n, e->to);
    if (!gone)
      rs_map_put(&n->stopped, e->to, 1);
    else if (!chance(n, RS_PLANT_LEAK_WORKER, 1))
      swarm_net_kill(n, gone, false, 5 * RS_MS);
    break;
  }
  case RS_OUT_COPY: copy(n, self, e); break;
  case RS_OUT_FREE:
    if (!chance(n, RS_PLANT_DROP_FREE, 1)) {
      unseal(n, self, e->object);
      rs_map_remove(&n->disk, byte_key(self, e->object), NULL);
    }
    break;
  case RS_OUT_EVICT:
    if (!rs_map_find(&n->disk, byte_key(self, e->object)))
      rs_check_fail(n->checker, RS_CHECK_LOST, "the only copy of an object is evicted");
    unseal(n, self, e->object);
    break;
  case RS_OUT_CREATE:
    if (e->count & RS_CREATE_ON_DISK)
      disk(n, self, e);
    else
      seal(n, self, e->object, e->size);
    break;
  case RS_OUT_SPILL:
  case RS_OUT_RESTORE: disk(n, self, e); break;
  case RS_OUT_HOST_ADD:
    swarm_net_push(n, (struct event){.due_ns = n->now + swarm_net_between(n, n->plan->boot_ns),
                                     .kind = EV_HOST,
                                     .number = e->size,
                                     .index = e->count});
    break;
  case RS_OUT_HOST_REMOVE:
    if (swarm_net_place(n, e->to))
      swarm_net_node_down(n, rs_addr_node(e->to), false, false);
    break;
  case RS_OUT_REPLY: reply(n, self, e->reply); break;
  case RS_OUT_EXIT:
    if (rs_addr_ep(self) == RS_EP_RAYLET)
      swarm_net_node_down(n, rs_addr_node(self), false, false);
    else
      swarm_net_kill(n, p, false, 5 * RS_MS);
    break;
  case RS_OUT_TRACE: trace(n, self, e); break;
  case RS_OUT_KINDS: RS_ASSERT(!"not an effect");
  }
}

static void arm(struct swarm_net *n, struct place *p)
{
  uint64_t deadline = rs_endpoint_deadline(p->ep);
  if (deadline == RS_TIME_NEVER)
    return;
  uint64_t due = moment(&n->nodes[rs_addr_node(p->addr)], deadline);
  due = due < n->now ? n->now : due;
  if (due >= p->armed_ns)
    return;
  p->armed_ns = due;
  swarm_net_push(
      n, (struct event){.due_ns = due + swarm_net_up_to(n, RS_MS), .kind = EV_TIMER, .to = p->addr, .number = due});
}

static void step(struct swarm_net *n, struct place *p, const struct rs_input *input)
{
  struct rs_effects effects = {0};
  rs_addr addr = p->addr;
  n->events++;
  rs_endpoint_step(p->ep, local(&n->nodes[rs_addr_node(addr)], n->now), input, &effects);
  rs_endpoint_sanity_check(p->ep);
  for (uint32_t i = 0; i < effects.count; i++) {
    if (!swarm_net_place(n, addr)) { /* it ended itself: nothing after that is done */
      RS_ASSERT(i > 0);
      break;
    }
    struct rs_effect e = effects.items[i];
    effects.items[i].kind = RS_OUT_KINDS;
    perform(n, addr, &e);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < effects.count; i++)
    if (effects.items[i].kind != RS_OUT_KINDS)
      effects.items[kept++] = effects.items[i];
  effects.count = kept;
  rs_effects_clear(&effects);
  rs_effects_free(&effects);
  p = swarm_net_place(n, addr);
  if (p)
    arm(n, p);
  if (rs_addr_ep(addr) == RS_EP_RAYLET && p) {
    const struct node *node = &n->nodes[rs_addr_node(addr)];
    rs_check_stored(n->checker, addr, node->stored, (uint64_t)node->info->total.store_bytes);
  }
}

/* ---- the run ---- */

static void on_message(struct swarm_net *n, struct event *e)
{
  struct way *way = &e->conn->way[e->from > e->to];
  if (e->epoch == way->epoch)
    way->arrived++;
  else if (e->epoch + 1 != way->epoch || e->index >= way->cut)
    return;
  struct place *p = swarm_net_place(n, e->to);
  if (!p)
    return;
  if (e->msg->type == RS_MSG_VIEW && n->plan->view_skips && !n->plan->codec && e->epoch == way->epoch) {
    if (e->index != way->newest_view && way->skipped++ < VIEW_SKIPS_MAX)
      return;
    way->skipped = 0;
  }
  swarm_net_note(n, e->from ^ e->msg->type);
  step(n, p, &(struct rs_input){.kind = RS_IN_MESSAGE, .peer = e->from, .msg = e->msg});
}

static void on_copied(struct swarm_net *n, struct place *p, struct event *e)
{
  bool there = e->status == RS_ERR_OK && has_bytes(n, e->kind == EV_RESTORED ? p->addr : e->from, e->object);
  if (there && (e->index & RS_CREATE_ON_DISK))
    rs_map_put(&n->disk, byte_key(p->addr, e->object), e->size);
  else if (there)
    seal(n, p->addr, e->object, e->size);
  if (!there && e->kind == EV_RESTORED)
    rs_check_fail(n->checker, RS_CHECK_LOST, "what is restored is not on the disk");
  step(n, p,
       &(struct rs_input){.kind = RS_IN_COPY_DONE,
                          .object = e->object,
                          .status = there                           ? RS_ERR_OK
                                    : e->status == RS_ERR_TIMED_OUT ? RS_ERR_TIMED_OUT
                                                                    : RS_ERR_OBJECT_LOST});
}

static void on_spilled(struct swarm_net *n, struct place *p, struct event *e)
{
  if (e->status == RS_ERR_OK)
    rs_map_put(&n->disk, byte_key(p->addr, e->object), e->size);
  step(n, p, &(struct rs_input){.kind = RS_IN_SPILL_DONE, .object = e->object, .status = e->status});
}

/* A program has read what it got. */
static void unpin(struct swarm_net *n, struct place *p, struct rs_id object)
{
  struct rs_call call = {.kind = RS_CALL_UNPIN, .object = object};
  if (p)
    step(n, p, &(struct rs_input){.kind = RS_IN_CALL, .call = &call});
}

static void handle(struct swarm_net *n, struct event *e)
{
  struct place *p = e->to ? swarm_net_place(n, e->to) : NULL;
  switch (e->kind) {
  case EV_MESSAGE: on_message(n, e); break;
  case EV_DOWN:
    if (p)
      step(n, p, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = e->from});
    break;
  case EV_FAILED:
    if (swarm_net_attempt_ends(e) && p)
      step(n, p, &(struct rs_input){.kind = RS_IN_SEND_FAILED, .peer = e->from});
    break;
  case EV_COPIED:
  case EV_RESTORED:
    if (p)
      on_copied(n, p, e);
    break;
  case EV_SPILLED:
    if (p)
      on_spilled(n, p, e);
    break;
  case EV_TIMER:
    if (p && p->armed_ns == e->number) {
      p->armed_ns = RS_TIME_NEVER;
      step(n, p, &(struct rs_input){.kind = RS_IN_TIMER});
    }
    break;
  case EV_TASK_END: task_end(n, p, e); break;
  case EV_YIELD: yield(n, p, e->from); break;
  case EV_WORKER:
    if (swarm_net_place(n, rs_addr_raylet(e->to)) && !rs_map_find(&n->stopped, e->to))
      swarm_net_add_place(n, RS_ROLE_WORKER, e->to, NULL);
    break;
  case EV_HOST:
    step(n, swarm_net_place(n, rs_addr_make(0, 1, RS_EP_GCS)),
         &(struct rs_input){.kind = RS_IN_HOST_UP, .host = e->number});
    swarm_net_node_up(n, n->node_count, n->plan->type_infos[e->index]);
    break;
  case EV_NODE:
    for (uint32_t i = (uint32_t)e->to; i < e->to + e->from && i < n->node_count; i++)
      if (!n->nodes[i].up && i <= n->plan->node_count)
        swarm_net_node_up(n, i, n->nodes[i].info);
    break;
  case EV_FAULT: swarm_net_fault(n, &n->plan->faults[e->number]); break;
  case EV_ACT: swarm_load_act(n->load, (uint32_t)e->number); break;
  case EV_UNPIN: unpin(n, p, e->object); break;
  case EV_REF:
    if (p || e->from == 0)
      swarm_refs_act(n->refs, e->to, e->from);
    break;
  case EV_UNBLOCK: swarm_refs_unblock(n->refs, e->to); break;
  }
  drop_event(e);
}

bool swarm_net_run(struct swarm_net *n, uint64_t until_ns)
{
  while (n->count && n->heap[0].due_ns <= until_ns && n->checker->broken == RS_CHECK_NONE) {
    struct event e = pop(n);
    RS_ASSERT(e.due_ns >= n->now);
    n->now = e.due_ns;
    if (n->plant == RS_PLANT_NOISE && n->stopping && n->count == 0)
      swarm_net_push(n, (struct event){.due_ns = n->now + 100 * RS_MS, .kind = EV_DOWN, .to = 1, .from = 1});
    handle(n, &e);
    if (n->plant == RS_PLANT_FALSE_DEATH && n->now > RS_S && n->planted++ == 0)
      step(n, swarm_net_place(n, rs_addr_make(0, 1, RS_EP_GCS)),
           &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = rs_addr_make(1, n->nodes[1].incarnation, RS_EP_RAYLET)});
  }
  return n->count > 0;
}

static const struct rs_node_info *info_of(void *ctx, rs_node_id node)
{
  const struct swarm_net *n = ctx;
  return node < n->node_count ? n->nodes[node].info : NULL;
}

struct swarm_net *swarm_net_new(const struct swarm_plan *plan, struct rs_checker *checker, enum rs_swarm_plant plant)
{
  struct swarm_net *n = rs_alloc_zero(1, sizeof *n);
  n->plan = plan;
  n->checker = checker;
  n->plant = plant;
  checker->info_of = info_of;
  checker->info_ctx = n;
  rs_rng_seed(&n->rng, rs_rng_derive(plan->seed, 2));
  n->refs = swarm_refs_new(plan, checker, n);
  swarm_net_node_up(n, 0, plan->head);
  for (uint32_t i = 1; i <= plan->node_count; i++)
    swarm_net_node_up(n, i, plan->infos[i]);
  for (uint32_t i = 0; i < plan->program_count; i++) {
    rs_addr addr = rs_addr_make(plan->program_node[i], 1, RS_EP_DRIVER + i);
    n->programs[i] = addr;
    swarm_net_add_place(n, RS_ROLE_DRIVER, addr, NULL);
  }
  for (uint32_t i = 0; i < plan->fault_count; i++)
    swarm_net_push(n, (struct event){.due_ns = plan->faults[i].at_ns, .kind = EV_FAULT, .number = i});
  if (plan->fault_count) /* in the end every node runs, also one that gave up after its last fault */
    swarm_net_push(
        n, (struct event){.due_ns = plan->heal_ns + 10 * RS_S, .kind = EV_NODE, .to = 1, .from = plan->node_count});
  return n;
}

void swarm_net_free(struct swarm_net *n)
{
  while (n->list_count)
    swarm_net_take_place(n, n->list[0]);
  while (n->count) {
    struct event e = pop(n);
    drop_event(&e);
  }
  for (uint32_t i = 0; i < n->conn_count; i++)
    free(n->conn_list[i]);
  swarm_refs_free(n->refs);
  rs_map_free(&n->places);
  rs_map_free(&n->conns);
  rs_map_free(&n->bytes);
  rs_map_free(&n->disk);
  rs_map_free(&n->stopped);
  free(n->conn_list);
  free(n->list);
  free(n->nodes);
  free(n->heap);
  free(n);
}

void swarm_net_set_load(struct swarm_net *n, struct swarm_load *load)
{
  n->load = load;
}
rs_addr swarm_net_program(struct swarm_net *n, uint32_t index)
{
  return n->programs[index];
}
uint64_t swarm_net_now(const struct swarm_net *n)
{
  return n->now;
}
uint64_t swarm_net_events(const struct swarm_net *n)
{
  return n->events;
}
uint64_t swarm_net_hash(const struct swarm_net *n)
{
  return n->hash;
}

struct swarm_load *swarm_net_load(struct swarm_net *n)
{
  return n->load;
}
struct swarm_refs *swarm_net_refs(struct swarm_net *n)
{
  return n->refs;
}

void swarm_net_ref_at(struct swarm_net *n, uint64_t at_ns, rs_addr who, uint64_t run)
{
  swarm_net_push(n, (struct event){.due_ns = at_ns, .kind = EV_REF, .to = who, .from = run});
}

void swarm_net_unblock_at(struct swarm_net *n, uint64_t at_ns, rs_addr who)
{
  swarm_net_push(n, (struct event){.due_ns = at_ns, .kind = EV_UNBLOCK, .to = who});
}

const struct rs_task *swarm_net_run_of(const struct swarm_net *n, rs_addr who, uint64_t run)
{
  const struct place *p = swarm_net_place(n, who);
  for (uint32_t i = 0; p && i < p->run_count; i++)
    if (p->runs[i].number == run)
      return p->runs[i].task;
  return NULL;
}

void swarm_net_call(struct swarm_net *n, uint32_t program, struct rs_call *call)
{
  swarm_net_call_at(n, n->programs[program], call);
}

void swarm_net_call_at(struct swarm_net *n, rs_addr who, struct rs_call *call)
{
  struct place *p = swarm_net_place(n, who);
  if (p && !(call->kind == RS_CALL_FREE && n->plant == RS_PLANT_NOT_FREED))
    step(n, p, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
}

void swarm_net_at(struct swarm_net *n, uint64_t at_ns, uint32_t program)
{
  swarm_net_push(n, (struct event){.due_ns = at_ns, .kind = EV_ACT, .number = program});
}

void swarm_net_stopping(struct swarm_net *n)
{
  n->stopping = true;
}
