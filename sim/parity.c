/* parity.c -- simulates a recorded run from what came from outside (see parity.h).
 *
 * One SimGrid actor dispatches one heap, as the simulator's driver does (driver.c), but the times come from the tables
 * of the run: the k-th message of a connection takes as long as the k-th one took, the n-th alarm of an endpoint comes
 * as late as the n-th one came, a task lasts as long as it lasted. Handling costs no time of its own: what it cost is
 * in the measured delays. Every message goes through the codec, as it did on the sockets.
 *
 * Where two inputs of one endpoint fall on the same nanosecond, the recorded order breaks the tie; nothing else is
 * taken from it. O(log events) an input. */
#include "sim/parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/codec.h"
#include "sim/heap.h"
#include "sim/parity_int.h"
#include "sim/simgrid_compat.h"

#define GUESS_NS (200 * RS_US) /* of what was never measured */
#define LAG_NS 1000            /* SimGrid's clock may be behind by less than this */

struct event {
  uint32_t ep, rank; /* ep: index + 1; rank: PARITY_NO_RANK for an input that was not recorded */
  uint64_t alarm;    /* TIMER: number of the alarm */
  struct rs_input input;
  uint32_t next_free;
};

struct live {
  struct rs_endpoint *core;
  struct rs_config config;
  rs_addr self;
  uint64_t origin_ns; /* its clock: the recording's plus this */
  uint64_t deadline_ns, alarm;
  uint64_t inputs, effects_hash, decisions_hash, decisions;
};

struct play {
  struct rs_parity *run;
  const struct rs_parity_opts *opts;
  struct rs_parity_result *out;
  struct live *live;
  uint32_t live_count, live_cap;
  struct rs_map by_addr; /* index + 1 */
  struct rs_heap heap;
  struct event *events;
  uint32_t event_count, event_cap, event_free; /* events[0] unused */
  uint64_t now_ns, begin_ns, clock_ns;         /* on the recording's clock */
  uint32_t *batch;
  uint32_t batch_count, batch_cap;
  struct parity_decision *decisions;
  uint32_t decision_count, decision_cap;
  struct rs_effects effects;
  uint8_t *bytes;
  size_t bytes_cap;
};

/* ---- events ---- */

static struct event *push(struct play *p, uint64_t due_ns, uint32_t ep, uint32_t rank, enum rs_input_kind kind)
{
  uint32_t index = p->event_free;
  if (index) {
    p->event_free = p->events[index].next_free;
  } else {
    if (p->event_count + 1 >= p->event_cap) {
      p->event_cap = p->event_cap ? 2 * p->event_cap : 1024;
      p->events = rs_realloc(p->events, p->event_cap, sizeof *p->events);
    }
    index = ++p->event_count;
  }
  RS_ASSERT(index <= RS_HEAP_PAYLOAD_MAX);
  p->events[index] = (struct event){.ep = ep, .rank = rank, .input = {.kind = kind}};
  rs_heap_push(&p->heap, due_ns > p->now_ns ? due_ns : p->now_ns, index);
  return &p->events[index];
}

static void release(struct event *event)
{
  if (event->input.kind == RS_IN_MESSAGE)
    rs_msg_unref(event->input.msg);
  else if (event->input.kind == RS_IN_TASK_FINISHED || event->input.kind == RS_IN_TASK_FAILED)
    rs_result_unref(event->input.result);
}

static uint32_t find(const struct play *p, rs_addr self)
{
  const uint64_t *found = rs_map_find(&p->by_addr, self);
  return found ? (uint32_t)*found : 0;
}

/* ---- endpoints ---- */

static uint32_t boot(struct play *p, const struct rs_start *from, rs_addr self)
{
  RS_GROW(p->live, p->live_count, p->live_cap);
  struct live *live = &p->live[p->live_count++];
  *live = (struct live){.self = self,
                        .deadline_ns = RS_TIME_NEVER,
                        .config = *from->config,
                        .origin_ns = p->opts->origin_ns * rs_addr_node(self)};
  rs_map_put(&p->by_addr, self, p->live_count);
  return p->live_count;
}

/* The settings live beside the endpoint, whose place in the array is final only now. */
static void make_endpoints(struct play *p)
{
  for (uint32_t i = 0; i < p->live_count; i++) {
    struct live *live = &p->live[i];
    struct rs_start start = parity_ep(p->run, live->self)->start->start;
    if (p->opts->policy)
      live->config.policy = p->opts->policy;
    if (p->opts->change_config)
      p->opts->change_config(&live->config);
    start.config = &live->config;
    live->core = rs_endpoint_new(&start);
  }
}

/* Every endpoint of the recording exists from the start, and lives from its START on. A worker that was never recorded
 * (a simulation that parted from the recording) never answers. */
static void begin(struct play *p)
{
  for (uint32_t i = 0; i < p->run->ep_count; i++)
    boot(p, &p->run->eps[i].start->start, p->run->eps[i].self);
  make_endpoints(p);
  for (uint32_t i = 0; i < p->run->outside_count; i++) {
    const struct parity_outside *o = &p->run->outside[i];
    push(p, o->at_ns, find(p, p->run->eps[o->ep].self), o->rank, o->input.kind)->input = o->input;
  }
}

/* ---- effects ---- */

static void send_msg(struct play *p, uint32_t from, rs_addr to, struct rs_msg *msg)
{
  struct parity_conn *conn = parity_conn(p->run, p->live[from - 1].self, to);
  struct parity_delay arrives = {GUESS_NS, PARITY_NO_RANK}, fails = {RS_TIME_NEVER, PARITY_NO_RANK};
  if (conn->next < conn->count) {
    const struct parity_sent *sent = &conn->sent[conn->next++];
    arrives = sent->arrives;
    fails = sent->fails;
    p->out->other_content += sent->hash != rs_msg_hash(msg);
  } else {
    p->out->unrecorded++;
  }
  if (fails.ns != RS_TIME_NEVER)
    push(p, p->now_ns + fails.ns, from, fails.rank, RS_IN_SEND_FAILED)->input.peer = to;
  uint32_t target = find(p, to);
  if (arrives.ns == RS_TIME_NEVER || !target)
    return;
  size_t size = rs_msg_wire_bytes(msg);
  if (size > p->bytes_cap) {
    p->bytes_cap = 2 * size;
    p->bytes = rs_realloc(p->bytes, p->bytes_cap, 1);
  }
  rs_msg_encode(msg, p->bytes, p->bytes_cap);
  struct rs_msg *copy;
  int failed = rs_msg_decode(p->bytes, size, &copy);
  RS_ASSERT(failed == 0);
  uint64_t due = p->now_ns + arrives.ns;
  if (due < conn->last_due_ns)
    due = conn->last_due_ns;
  conn->last_due_ns = due;
  struct event *event = push(p, due, target, arrives.rank, RS_IN_MESSAGE);
  event->input.peer = p->live[from - 1].self;
  event->input.msg = copy;
}

/* The measured run of this task: on this worker where there is one, else the next in time. */
static struct parity_task *take_task(struct play *p, struct rs_id id, rs_addr worker)
{
  uint64_t key = rs_hash_u64(rs_hash_u64(2, id.owner), id.seq) | 1;
  const uint64_t *first = rs_map_find(&p->run->by_task, key);
  struct parity_task *best = NULL;
  for (uint32_t i = first ? (uint32_t)*first : 0; i; i = p->run->tasks[i - 1].next) {
    struct parity_task *task = &p->run->tasks[i - 1];
    if (!task->used && rs_id_equal(task->id, id) && (!best || (task->worker == worker && best->worker != worker)))
      best = task;
  }
  return best;
}

static void run_task(struct play *p, uint32_t ep, const struct rs_task *task)
{
  struct parity_task *measured = take_task(p, task->id, p->live[ep - 1].self);
  if (!measured) {
    p->out->unrecorded++;
    return;
  }
  measured->used = true;
  if (measured->ends.ns == RS_TIME_NEVER)
    return;
  struct event *event = push(p, p->now_ns + measured->ends.ns, ep, measured->ends.rank, measured->kind);
  const struct rs_result *from = measured->result;
  struct rs_result *result = rs_result_new(from->return_count, from->data_bytes);
  result->status = from->status;
  result->task = from->task;
  result->run_ns = from->run_ns;
  result->node = from->node ? rs_addr_raylet(p->live[ep - 1].self) : 0;
  if (from->return_count)
    memcpy(result->returns, from->returns, from->return_count * sizeof *from->returns);
  if (from->data_bytes)
    memcpy(result->data, from->data, from->data_bytes);
  event->input.result = result;
}

static void copy_object(struct play *p, uint32_t ep, struct rs_id object)
{
  for (uint32_t i = 0; i < p->run->copy_count; i++) {
    struct parity_copy *copy = &p->run->copies[i];
    if (copy->used || copy->raylet != p->live[ep - 1].self || !rs_id_equal(copy->object, object))
      continue;
    copy->used = true;
    if (copy->ends.ns != RS_TIME_NEVER) {
      struct event *event = push(p, p->now_ns + copy->ends.ns, ep, copy->ends.rank, RS_IN_COPY_DONE);
      event->input.object = object;
      event->input.status = copy->status;
    }
    return;
  }
  p->out->unrecorded++;
  push(p, p->now_ns + GUESS_NS, ep, PARITY_NO_RANK, RS_IN_COPY_DONE)->input.object = object;
}

static void start_worker(struct play *p, rs_addr worker)
{
  uint32_t ep = find(p, worker);
  const struct parity_ep *recorded = ep ? parity_ep(p->run, worker) : NULL;
  p->out->workers++;
  if (!recorded)
    p->out->unrecorded++;
  else if (recorded->started)
    push(p, p->now_ns + recorded->starts.ns, ep, recorded->starts.rank, RS_IN_START);
}

static void end_process(struct play *p, rs_addr who)
{
  for (uint32_t i = 0; i < p->run->ending_count; i++) {
    const struct parity_ending *ending = &p->run->endings[i];
    if (ending->who == who && ending->ep != UINT32_MAX)
      push(p, p->now_ns + ending->heard.ns, find(p, p->run->eps[ending->ep].self), ending->heard.rank, RS_IN_PEER_DOWN)
          ->input.peer = who;
  }
}

static void add_host(struct play *p, uint64_t request)
{
  for (uint32_t i = 0; i < p->run->launch_count; i++) {
    const struct parity_launch *launch = &p->run->launches[i];
    if (launch->request != request || launch->ep == UINT32_MAX)
      continue;
    struct event *event =
        push(p, p->now_ns + launch->heard.ns, find(p, p->run->eps[launch->ep].self), launch->heard.rank, launch->kind);
    event->input.host = launch->kind == RS_IN_HOST_UP ? request : 0;
    event->input.peer = launch->kind == RS_IN_HOST_UP ? launch->raylet : 0;
  }
}

static void note_trace(struct play *p, uint32_t ep, const struct rs_effect *effect)
{
  struct live *live = &p->live[ep - 1];
  p->out->traces[effect->trace]++;
  if (!rs_trace_is_decision(effect->trace))
    return;
  live->decisions_hash = parity_decision_hash(live->decisions_hash, effect);
  RS_GROW(p->decisions, p->decision_count, p->decision_cap);
  p->decisions[p->decision_count++] = (struct parity_decision){
      p->now_ns, live->self, (uint32_t)live->decisions++, effect->trace, effect->a, effect->b, effect->c};
}

static void perform(struct play *p, uint32_t ep)
{
  for (uint32_t i = 0; i < p->effects.count; i++) {
    const struct rs_effect *e = &p->effects.items[i];
    switch (e->kind) {
    case RS_OUT_SEND: send_msg(p, ep, e->to, e->msg); break;
    case RS_OUT_SEND_MANY:
      for (uint32_t k = 0; k < e->count; k++)
        send_msg(p, ep, e->many[k], e->msg);
      break;
    case RS_OUT_TASK_RUN: run_task(p, ep, e->task); break;
    case RS_OUT_COPY: copy_object(p, ep, e->object); break;
    case RS_OUT_WORKER_START: start_worker(p, e->to); break;
    case RS_OUT_HOST_ADD: add_host(p, e->size); break;
    case RS_OUT_WORKER_STOP: end_process(p, e->to); break;
    case RS_OUT_EXIT: end_process(p, p->live[ep - 1].self); break;
    case RS_OUT_TRACE: note_trace(p, ep, e); break;
    default: break;
    }
  }
  rs_effects_clear(&p->effects);
}

/* ---- steps ---- */

static void arm(struct play *p, uint32_t ep, bool timer)
{
  struct live *live = &p->live[ep - 1];
  const struct parity_ep *recorded = parity_ep(p->run, live->self);
  uint64_t deadline = rs_endpoint_deadline(live->core);
  if (deadline == live->deadline_ns && !timer)
    return;
  live->deadline_ns = deadline;
  if (deadline == RS_TIME_NEVER)
    return;
  uint64_t number = live->alarm++;
  struct parity_alarm alarm = {(int64_t)GUESS_NS, PARITY_NO_RANK};
  if (number < recorded->alarm_count)
    alarm = recorded->alarms[number];
  if (alarm.late_ns != INT64_MAX)
    push(p, deadline - live->origin_ns + (uint64_t)alarm.late_ns, ep, alarm.rank, RS_IN_TIMER)->alarm = live->alarm;
}

static void count_input(struct rs_parity_result *out, enum rs_input_kind kind)
{
  out->inputs++;
  out->messages += kind == RS_IN_MESSAGE;
  out->tasks += kind == RS_IN_TASK_FINISHED || kind == RS_IN_TASK_FAILED;
  out->copies += kind == RS_IN_COPY_DONE;
  out->timers += kind == RS_IN_TIMER;
  out->calls += kind == RS_IN_CALL;
}

static void step(struct play *p, const struct event *event)
{
  struct live *live = &p->live[event->ep - 1];
  bool timer = event->input.kind == RS_IN_TIMER;
  if (timer && (event->alarm != live->alarm || live->deadline_ns == RS_TIME_NEVER))
    return; /* another input moved the deadline */
  count_input(p->out, event->input.kind);
  live->inputs++;
  rs_endpoint_step(live->core, p->now_ns + live->origin_ns, &event->input, &p->effects);
  p->out->effects += p->effects.count;
  live->effects_hash = rs_effects_hash(live->effects_hash, &p->effects);
  perform(p, event->ep);
  arm(p, event->ep, timer);
}

/* ---- the dispatcher ---- */

static void wait_until(struct play *p, uint64_t due_ns)
{
  if (due_ns < p->clock_ns + LAG_NS)
    return;
  double left_s = (double)(due_ns - p->begin_ns) * 1e-9 - simgrid_get_clock();
  if (left_s >= 1e-9) {
    sg_actor_sleep_for(left_s);
    p->out->sleeps++;
  }
  p->clock_ns = due_ns;
}

/* All that happens at this moment; of one endpoint in recorded order. */
static void take_batch(struct play *p, uint64_t due_ns)
{
  p->batch_count = 0;
  while (p->heap.count && rs_heap_due(&p->heap) == due_ns) {
    uint32_t index = rs_heap_payload(rs_heap_pop(&p->heap));
    RS_GROW(p->batch, p->batch_count, p->batch_cap);
    uint32_t at = p->batch_count++;
    for (; at > 0 && p->events[p->batch[at - 1]].ep == p->events[index].ep &&
           p->events[p->batch[at - 1]].rank > p->events[index].rank;
         at--)
      p->batch[at] = p->batch[at - 1];
    p->batch[at] = index;
    const struct event *one = &p->events[p->batch[p->batch_count - 1]];
    const struct event *before = p->batch_count > 1 ? &p->events[p->batch[p->batch_count - 2]] : NULL;
    if (before && before->ep == one->ep && before->rank != PARITY_NO_RANK && one->rank != PARITY_NO_RANK)
      p->out->ties++;
  }
}

static void dispatcher(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct play *p = sg_actor_self_get_data();
  while (p->heap.count && rs_heap_due(&p->heap) <= p->run->recorded.last_ns) {
    uint64_t due = rs_heap_due(&p->heap);
    wait_until(p, due);
    p->now_ns = due;
    take_batch(p, due);
    for (uint32_t i = 0; i < p->batch_count; i++) {
      uint32_t index = p->batch[i];
      struct event event = p->events[index];
      p->events[index].next_free = p->event_free;
      p->event_free = index;
      step(p, &event);
      release(&event);
    }
  }
}

/* One machine: that is what a local cluster runs on. */
static sg_host_t machine(void)
{
  char path[] = "/tmp/raysim-parity-XXXXXX.xml";
  int fd = mkstemps(path, 4);
  FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
  RS_ASSERT(file);
  fputs("<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n<platform "
        "version=\"4.1\">\n"
        "<zone id=\"machine\" routing=\"Full\"><host id=\"host\" speed=\"1Gf\"/></zone>\n</platform>\n",
        file);
  fclose(file);
  simgrid_load_platform(path);
  unlink(path);
  return sg_host_by_name("host");
}

/* ---- what came of it ---- */

static void first_other(struct play *p, const struct live *live, const struct parity_ep *recorded)
{
  const struct parity_decision *theirs = &p->run->decisions[recorded->decision_first];
  uint64_t at = 0;
  for (uint32_t i = 0; i < p->decision_count && at < recorded->decision_count; i++) {
    const struct parity_decision *d = &p->decisions[i];
    if (d->self != live->self)
      continue;
    if (d->trace != theirs[at].trace || d->a != theirs[at].a || d->b != theirs[at].b || d->c != theirs[at].c)
      break;
    at++;
  }
  if (!p->out->first_other || at < p->out->first_other_at) {
    p->out->first_other = live->self;
    p->out->first_other_at = at;
  }
}

static void conclude(struct play *p)
{
  struct rs_parity_result *out = p->out;
  out->endpoints = p->live_count;
  out->decisions = p->decision_count;
  for (uint32_t i = 0; i < p->live_count; i++) {
    const struct live *live = &p->live[i];
    const struct parity_ep *recorded = parity_ep(p->run, live->self);
    if (live->inputs < recorded->input_count)
      out->unproduced += recorded->input_count - live->inputs;
    out->same_effects += live->effects_hash == recorded->effects_hash && live->inputs == recorded->input_count;
    if (live->decisions_hash == recorded->decisions_hash && live->decisions == recorded->decision_count)
      out->same_decisions++;
    else
      first_other(p, live, recorded);
  }
  out->hash = parity_merge(p->decisions, p->decision_count);
}

static void clean_up(struct play *p)
{
  while (p->heap.count)
    release(&p->events[rs_heap_payload(rs_heap_pop(&p->heap))]);
  for (uint32_t i = 0; i < p->live_count; i++)
    rs_endpoint_free(p->live[i].core);
  rs_heap_free(&p->heap);
  rs_map_free(&p->by_addr);
  rs_effects_free(&p->effects);
  free(p->live);
  free(p->events);
  free(p->batch);
  free(p->decisions);
  free(p->bytes);
}

void rs_parity_simulate(struct rs_parity *run, const struct rs_parity_opts *opts, struct rs_parity_result *out)
{
  struct play p = {.run = run, .opts = opts, .out = out};
  char *argv[] = {(char *)(uintptr_t) "raysim", (char *)(uintptr_t) "--log=root.thres:warning", NULL};
  int argc = 2;
  memset(out, 0, sizeof *out);
  out->first_ns = run->recorded.first_ns;
  out->last_ns = run->recorded.last_ns;
  p.now_ns = p.begin_ns = p.clock_ns = run->recorded.first_ns;
  simgrid_init(&argc, argv);
  sg_host_t host = machine();
  begin(&p);
  rs_sg_actor("dispatcher", host, dispatcher, &p, 0);
  simgrid_run();
  conclude(&p);
  clean_up(&p);
}
