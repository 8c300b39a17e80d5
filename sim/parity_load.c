/* parity_load.c -- from the recordings of a real run to tables of what came from outside (see parity.h).
 *
 * Each recording is stepped through a fresh endpoint, which gives the deadline that was armed before each input, and
 * must give the recorded effects. Sends are then matched with receipts, pair by pair: a connection is first in, first
 * out, so the next receipt belongs to the next send with that content; sends in between were lost. O(bytes), but for
 * the few ends of processes, which are searched linearly. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/codec.h"
#include "sim/parity_int.h"

struct loader {
  struct rs_parity *run;
  const char *path;
  uint32_t ep;
  struct rs_endpoint *core;
  uint64_t deadline_ns; /* armed now */
  char *err;
  size_t err_size;
};

/* A receipt that waits to be matched: both sides of a connection must be known. */
struct receipt {
  uint64_t at_ns, hash;
  rs_addr from, to;
  uint32_t rank;
};

struct receipts {
  struct receipt *items;
  uint32_t count, cap;
};

static uint64_t pair_key(rs_addr from, rs_addr to)
{
  return rs_hash_u64(rs_hash_u64(1, from), to) | 1;
}

uint64_t parity_task_key(struct rs_id id)
{
  return rs_hash_u64(rs_hash_u64(2, id.owner), id.seq) | 1;
}

struct parity_conn *parity_conn(struct rs_parity *run, rs_addr from, rs_addr to)
{
  uint64_t key = pair_key(from, to);
  const uint64_t *found = rs_map_find(&run->by_pair, key);
  if (found) {
    struct parity_conn *conn = &run->conns[*found - 1];
    RS_ASSERT(conn->from == from && conn->to == to);
    return conn;
  }
  RS_GROW(run->conns, run->conn_count, run->conn_cap);
  run->conns[run->conn_count++] = (struct parity_conn){.from = from, .to = to};
  rs_map_put(&run->by_pair, key, run->conn_count);
  return &run->conns[run->conn_count - 1];
}

uint64_t parity_performed_hash(uint64_t hash, enum rs_effect_kind kind, uint64_t a, uint64_t b)
{
  return rs_hash_u64(rs_hash_u64(rs_hash_u64(hash, kind), a), b);
}

uint64_t parity_decision_hash(uint64_t hash, const struct rs_effect *effect)
{
  hash = rs_hash_u64(rs_hash_u64(hash, effect->trace), effect->a);
  return rs_hash_u64(rs_hash_u64(hash, effect->b), effect->c);
}

static int compare_decisions(const void *a, const void *b)
{
  const struct parity_decision *x = a, *y = b;
  if (x->at_ns != y->at_ns)
    return x->at_ns < y->at_ns ? -1 : 1;
  if (x->self != y->self)
    return x->self < y->self ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

uint64_t parity_merge(struct parity_decision *decisions, uint32_t count)
{
  if (count)
    qsort(decisions, count, sizeof *decisions, compare_decisions);
  uint64_t hash = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct parity_decision *d = &decisions[i];
    hash = rs_hash_u64(rs_hash_u64(rs_hash_u64(hash, d->self), d->trace), d->a);
    hash = rs_hash_u64(rs_hash_u64(hash, d->b), d->c);
  }
  return hash;
}

/* ---- one recording ---- */

static void add_outside(struct loader *l, uint64_t now, uint32_t rank, const struct rs_input *input)
{
  struct rs_parity *run = l->run;
  RS_GROW(run->outside, run->outside_count, run->outside_cap);
  run->outside[run->outside_count++] =
      (struct parity_outside){.at_ns = now, .ep = l->ep, .rank = rank, .input = *input};
}

/* The latest run of a function on this worker, or copy to this raylet, that has not ended. */
static void task_ended(struct loader *l, uint64_t now, uint32_t rank, const struct rs_input *input)
{
  struct rs_parity *run = l->run;
  for (uint32_t i = run->task_count; i-- > 0;) {
    struct parity_task *task = &run->tasks[i];
    if (task->worker != run->eps[l->ep].self || task->ends.ns != RS_TIME_NEVER ||
        !rs_id_equal(task->id, input->result->task))
      continue;
    task->ends = (struct parity_delay){now - task->begin_ns, rank};
    task->kind = input->kind;
    task->result = rs_result_ref(input->result);
    return;
  }
}

static void copy_ended(struct loader *l, uint64_t now, uint32_t rank, const struct rs_input *input)
{
  struct rs_parity *run = l->run;
  for (uint32_t i = 0; i < run->copy_count; i++) { /* the first that has not ended */
    struct parity_copy *copy = &run->copies[i];
    if (copy->raylet != run->eps[l->ep].self || copy->ends.ns != RS_TIME_NEVER || copy->kind != input->kind ||
        !rs_id_equal(copy->object, input->object))
      continue;
    copy->ends = (struct parity_delay){now - copy->begin_ns, rank};
    copy->status = input->status;
    return;
  }
}

/* Sorts one input into the tables. */
static void note_input(struct loader *l, struct receipts *receipts, uint64_t now, uint32_t rank, struct rs_input *input)
{
  struct rs_parity_result *sum = &l->run->recorded;
  switch (input->kind) {
  case RS_IN_MESSAGE:
    sum->messages++;
    RS_GROW(receipts->items, receipts->count, receipts->cap);
    receipts->items[receipts->count++] =
        (struct receipt){now, rs_msg_hash(input->msg), input->peer, l->run->eps[l->ep].self, rank};
    break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED:
    sum->tasks++;
    task_ended(l, now, rank, input);
    break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    sum->copies++;
    copy_ended(l, now, rank, input);
    break;
  case RS_IN_TIMER: sum->timers++; break;
  case RS_IN_CALL:
    sum->calls++;
    add_outside(l, now, rank, input);
    input->call = NULL; /* the table's now */
    break;
  default: add_outside(l, now, rank, input); break; /* sorted again once every recording is read */
  }
}

static void note_performed(struct loader *l, enum rs_effect_kind kind, uint64_t a, uint64_t b)
{
  struct parity_ep *ep = &l->run->eps[l->ep];
  ep->performed_hash = parity_performed_hash(ep->performed_hash, kind, a, b);
}

static void note_sent(struct loader *l, uint64_t now, rs_addr to, struct rs_msg *msg)
{
  struct parity_conn *conn = parity_conn(l->run, l->run->eps[l->ep].self, to);
  RS_GROW(conn->sent, conn->count, conn->cap);
  conn->sent[conn->count++] = (struct parity_sent){.sent_ns = now,
                                                   .hash = rs_msg_hash(msg),
                                                   .type = msg->type,
                                                   .arrives = {RS_TIME_NEVER, PARITY_NO_RANK},
                                                   .fails = {RS_TIME_NEVER, PARITY_NO_RANK}};
  note_performed(l, RS_OUT_SEND, to, conn->sent[conn->count - 1].hash);
}

static void note_run(struct loader *l, uint64_t now, const struct rs_task *task)
{
  struct rs_parity *run = l->run;
  RS_GROW(run->tasks, run->task_count, run->task_cap);
  run->tasks[run->task_count++] = (struct parity_task){.id = task->id,
                                                       .worker = run->eps[l->ep].self,
                                                       .begin_ns = now,
                                                       .ends = {RS_TIME_NEVER, PARITY_NO_RANK},
                                                       .kind = RS_IN_TASK_FINISHED};
  note_performed(l, RS_OUT_TASK_RUN, task->id.owner, task->id.seq);
}

static void note_trace(struct loader *l, uint64_t now, const struct rs_effect *effect)
{
  struct rs_parity *run = l->run;
  struct parity_ep *ep = &run->eps[l->ep];
  run->recorded.traces[effect->trace]++;
  note_performed(l, RS_OUT_TRACE, effect->trace, effect->a);
  if (!rs_trace_is_decision(effect->trace))
    return;
  ep->decisions_hash = parity_decision_hash(ep->decisions_hash, effect);
  RS_GROW(run->decisions, run->decision_count, run->decision_cap);
  run->decisions[run->decision_count++] =
      (struct parity_decision){now, ep->self, ep->decision_count++, effect->trace, effect->a, effect->b, effect->c};
}

/* WORKER_START and the ends of processes, until the ends that they cause are known. */
static void note_ending(struct loader *l, uint64_t now, rs_addr who)
{
  struct rs_parity *run = l->run;
  RS_GROW(run->endings, run->ending_count, run->ending_cap);
  run->endings[run->ending_count++] =
      (struct parity_ending){.who = who, .begin_ns = now, .ep = UINT32_MAX, .heard = {RS_TIME_NEVER, PARITY_NO_RANK}};
}

static void add_launch(struct rs_parity *run, struct parity_launch launch)
{
  RS_GROW(run->launches, run->launch_count, run->launch_cap);
  run->launches[run->launch_count++] = launch;
}

static void note_copy(struct loader *l, uint64_t now, struct rs_id object, enum rs_input_kind ends)
{
  struct rs_parity *run = l->run;
  RS_GROW(run->copies, run->copy_count, run->copy_cap);
  run->copies[run->copy_count++] = (struct parity_copy){.object = object,
                                                        .raylet = run->eps[l->ep].self,
                                                        .kind = ends,
                                                        .begin_ns = now,
                                                        .ends = {RS_TIME_NEVER, PARITY_NO_RANK}};
}

static void note_effects(struct loader *l, uint64_t now, const struct rs_effects *effects, struct receipts *starts)
{
  struct rs_parity *run = l->run;
  for (uint32_t i = 0; i < effects->count; i++) {
    const struct rs_effect *e = &effects->items[i];
    switch (e->kind) {
    case RS_OUT_SEND: note_sent(l, now, e->to, e->msg); break;
    case RS_OUT_SEND_MANY:
      for (uint32_t k = 0; k < e->count; k++)
        note_sent(l, now, e->many[k], e->msg);
      break;
    case RS_OUT_TASK_RUN: note_run(l, now, e->task); break;
    case RS_OUT_COPY:
    case RS_OUT_RESTORE: note_copy(l, now, e->object, RS_IN_COPY_DONE); break;
    case RS_OUT_SPILL: note_copy(l, now, e->object, RS_IN_SPILL_DONE); break;
    case RS_OUT_CREATE:
      if (e->count & RS_CREATE_ON_DISK)
        note_copy(l, now, e->object, RS_IN_SPILL_DONE);
      break;
    case RS_OUT_WORKER_START:
      run->recorded.workers++;
      note_performed(l, RS_OUT_WORKER_START, e->to, 0);
      RS_GROW(starts->items, starts->count, starts->cap);
      starts->items[starts->count++] = (struct receipt){.at_ns = now, .to = e->to};
      break;
    case RS_OUT_HOST_ADD:
      note_performed(l, RS_OUT_HOST_ADD, e->size, 0);
      add_launch(run,
                 (struct parity_launch){
                     .request = e->size, .begin_ns = now, .ep = UINT32_MAX, .heard = {RS_TIME_NEVER, PARITY_NO_RANK}});
      break;
    case RS_OUT_WORKER_STOP: note_ending(l, now, e->to); break;
    case RS_OUT_EXIT: note_ending(l, now, run->eps[l->ep].self); break;
    case RS_OUT_TRACE: note_trace(l, now, e); break;
    default: break;
    }
  }
}

/* After each step: which alarm is armed now, and what became of the one before. */
static void note_alarm(struct loader *l, uint64_t now, uint32_t rank, bool timer)
{
  struct parity_ep *ep = &l->run->eps[l->ep];
  uint64_t deadline = rs_endpoint_deadline(l->core);
  if (deadline == l->deadline_ns && !timer)
    return;
  if (l->deadline_ns != RS_TIME_NEVER) {
    struct parity_alarm *alarm = &ep->alarms[ep->alarm_count - 1];
    if (timer)
      *alarm = (struct parity_alarm){(int64_t)(now - l->deadline_ns), rank};
    else /* another input was faster: later than that it would have come, if it had */
      *alarm = (struct parity_alarm){now > l->deadline_ns ? (int64_t)(now - l->deadline_ns) + 1 : 1, PARITY_NO_RANK};
  }
  l->deadline_ns = deadline;
  if (deadline != RS_TIME_NEVER) {
    RS_GROW(ep->alarms, ep->alarm_count, ep->alarm_cap);
    ep->alarms[ep->alarm_count++] = (struct parity_alarm){INT64_MAX, PARITY_NO_RANK};
  }
}

static bool fail(struct loader *l, const char *what)
{
  snprintf(l->err, l->err_size, "%s: %s", l->path, what);
  return false;
}

/* One input with its effects. An input whose effects are not there was cut off by the end of the process: nothing of it
 * was performed. */
static bool read_step(struct loader *l, struct rs_record_reader *reader, struct receipts *receipts,
                      struct receipts *starts, bool *more)
{
  struct parity_ep *ep = &l->run->eps[l->ep];
  uint64_t now;
  struct rs_input input;
  struct rs_effects effects, ours = {0};
  *more = false;
  if (rs_record_next(reader) != RS_RECORD_INPUT)
    return true;
  if (rs_record_read_input(reader, &now, &input) != 0)
    return fail(l, "an input cannot be read");
  if (rs_record_next(reader) != RS_RECORD_EFFECTS) {
    rs_record_input_free(&input);
    return true;
  }
  if (rs_record_read_effects(reader, &effects) != 0) {
    rs_record_input_free(&input);
    return fail(l, "effects cannot be read");
  }
  rs_endpoint_step(l->core, now, &input, &ours);
  uint64_t hash = rs_effects_hash(ep->effects_hash, &effects);
  bool same = rs_effects_hash(ep->effects_hash, &ours) == hash;
  rs_effects_free(&ours);
  ep->effects_hash = hash;
  uint32_t rank = ep->input_count;
  RS_GROW(ep->input_ns, ep->input_count, ep->input_cap);
  ep->input_ns[ep->input_count++] = now;
  l->run->recorded.inputs++;
  l->run->recorded.effects += effects.count;
  bool timer = input.kind == RS_IN_TIMER;
  note_input(l, receipts, now, rank, &input);
  note_effects(l, now, &effects, starts);
  note_alarm(l, now, rank, timer);
  rs_record_effects_free(&effects);
  if (input.kind != RS_IN_CALL)
    rs_record_input_free(&input);
  *more = true;
  return same ? true : fail(l, "its effects are not those of this build");
}

static bool read_file(const char *path, uint8_t **bytes, size_t *size)
{
  FILE *file = fopen(path, "rb");
  if (!file)
    return false;
  bool fine = fseek(file, 0, SEEK_END) == 0;
  long length = fine ? ftell(file) : -1;
  fine = length >= 0 && fseek(file, 0, SEEK_SET) == 0;
  *size = fine ? (size_t)length : 0;
  *bytes = rs_alloc(*size + 1);
  fine = fine && fread(*bytes, 1, *size, file) == *size;
  fclose(file);
  if (!fine)
    free(*bytes);
  return fine;
}

static bool load_one(struct loader *l, struct receipts *receipts, struct receipts *starts)
{
  struct rs_parity *run = l->run;
  struct rs_record_start *start = rs_alloc_zero(1, sizeof *start);
  struct rs_record_reader reader;
  uint8_t *bytes;
  size_t size;
  if (!read_file(l->path, &bytes, &size)) {
    free(start);
    return fail(l, "cannot be read");
  }
  if (rs_record_read_start(&reader, bytes, size, start) != 0 || !start->config.policy) {
    free(start);
    free(bytes);
    return fail(l, "not a recording of this version, or its policy is not built in");
  }
  RS_GROW(run->eps, run->ep_count, run->ep_cap);
  l->ep = run->ep_count++;
  run->eps[l->ep] =
      (struct parity_ep){.start = start, .self = start->start.self, .decision_first = run->decision_count};
  rs_map_put(&run->by_addr, start->start.self, run->ep_count);
  if (start->start.roles & RS_ROLE_GCS)
    run->gcs = start->start.self;
  if (rs_addr_incarnation(start->start.self) != 1) {
    free(bytes);
    return fail(l, "of a node that came back; parity takes runs in which none does");
  }
  l->core = rs_endpoint_new(&start->start);
  l->deadline_ns = RS_TIME_NEVER;
  bool more = true, fine = true;
  while (fine && more)
    fine = read_step(l, &reader, receipts, starts, &more);
  rs_endpoint_free(l->core);
  free(bytes);
  return fine;
}

/* ---- all of them ---- */

/* A connection is first in, first out: the next receipt is the next send of that content. */
static void match(struct rs_parity *run, const struct receipts *receipts)
{
  for (uint32_t i = 0; i < receipts->count; i++) {
    const struct receipt *r = &receipts->items[i];
    struct parity_conn *conn = parity_conn(run, r->from, r->to);
    for (uint32_t k = conn->matched; k < conn->count; k++)
      if (conn->sent[k].hash == r->hash && conn->sent[k].sent_ns <= r->at_ns) {
        conn->sent[k].arrives = (struct parity_delay){r->at_ns - conn->sent[k].sent_ns, r->rank};
        conn->matched = k + 1;
        break;
      }
  }
}

/* HOST_UP, and the START of the raylet that it names, follow the HOST_ADD of that number. */
static bool follows_launch(struct rs_parity *run, const struct parity_outside *o)
{
  bool start = o->input.kind == RS_IN_START;
  rs_addr raylet = start ? run->eps[o->ep].self : o->input.peer;
  uint64_t request = o->input.host;
  bool known = !start;
  for (uint32_t i = 0; i < run->launch_count && !known; i++)
    if (run->launches[i].kind == RS_IN_HOST_UP && run->launches[i].raylet == raylet) {
      known = true;
      request = run->launches[i].request;
    }
  for (uint32_t i = 0; known && i < run->launch_count; i++) {
    struct parity_launch asked = run->launches[i];
    if (asked.ep != UINT32_MAX || asked.request != request || asked.begin_ns > o->at_ns)
      continue;
    asked.ep = o->ep;
    asked.kind = o->input.kind;
    asked.raylet = raylet;
    asked.heard = (struct parity_delay){o->at_ns - asked.begin_ns, o->rank};
    add_launch(run, asked);
    return true;
  }
  return false;
}

/* PEER_DOWN after an effect that ends the peer's process; SEND_FAILED after the last send before it; START of a worker
 * after its WORKER_START, of a launched node after its HOST_ADD. True: it follows from an effect, so it is nothing from
 * outside. */
static bool follows(struct rs_parity *run, const struct parity_outside *o, const struct receipts *starts)
{
  struct parity_ep *ep = &run->eps[o->ep];
  if (o->input.kind == RS_IN_START) {
    for (uint32_t i = 0; i < starts->count; i++)
      if (starts->items[i].to == ep->self) {
        ep->started = true;
        ep->starts = (struct parity_delay){o->at_ns - starts->items[i].at_ns, o->rank};
        return true;
      }
    return follows_launch(run, o);
  } else if (o->input.kind == RS_IN_PEER_DOWN) {
    for (uint32_t i = 0; i < run->ending_count; i++)
      if (run->endings[i].who == o->input.peer && run->endings[i].begin_ns <= o->at_ns) {
        struct parity_ending ending = run->endings[i];
        ending.ep = o->ep;
        ending.heard = (struct parity_delay){o->at_ns - ending.begin_ns, o->rank};
        RS_GROW(run->endings, run->ending_count, run->ending_cap);
        run->endings[run->ending_count++] = ending;
        return true;
      }
  } else if (o->input.kind == RS_IN_SEND_FAILED) {
    struct parity_conn *conn = parity_conn(run, ep->self, o->input.peer);
    for (uint32_t k = conn->count; k-- > 0;)
      if (conn->sent[k].sent_ns <= o->at_ns) {
        if (conn->sent[k].fails.ns != RS_TIME_NEVER)
          return false;
        conn->sent[k].fails = (struct parity_delay){o->at_ns - conn->sent[k].sent_ns, o->rank};
        return true;
      }
  }
  return false;
}

/* Processes that ended by nothing in the run: killed, or done. */
struct ends {
  struct parity_outside *items;
  uint32_t count, cap;
};

/* The place of the peer's end among them, made where it is new. NULL: no recording of it, or the GCS. */
static struct parity_outside *end_of(struct rs_parity *run, struct ends *ends, const struct parity_outside *o)
{
  const struct parity_ep *peer = o->input.kind == RS_IN_PEER_DOWN ? parity_ep(run, o->input.peer) : NULL;
  if (!peer || peer->self == run->gcs)
    return NULL;
  uint32_t ep = (uint32_t)(peer - run->eps);
  for (uint32_t i = 0; i < ends->count; i++)
    if (ends->items[i].ep == ep)
      return &ends->items[i];
  RS_GROW(ends->items, ends->count, ends->cap);
  ends->items[ends->count++] =
      (struct parity_outside){.at_ns = o->at_ns - 1, .ep = ep, .rank = PARITY_NO_RANK, .ends = true};
  return &ends->items[ends->count - 1];
}

/* Each ends when the first one hears of it, and who hears follows from its connections. One that was still at work then
 * had closed a connection before it ended: who heard of that is told from outside. */
static void end_processes(struct rs_parity *run)
{
  struct ends ends = {0};
  for (uint32_t i = 0; i < run->outside_count; i++) {
    struct parity_outside *end = end_of(run, &ends, &run->outside[i]);
    if (end)
      end->at_ns = rs_time_min(end->at_ns, run->outside[i].at_ns - 1);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < run->outside_count; i++) {
    const struct parity_outside *o = &run->outside[i], *end = end_of(run, &ends, o);
    const struct parity_ep *peer = end ? &run->eps[end->ep] : NULL;
    if (!peer || (peer->input_count && peer->input_ns[peer->input_count - 1] > end->at_ns)) {
      run->outside[kept++] = *o;
      continue;
    }
    RS_GROW(run->endings, run->ending_count, run->ending_cap);
    run->endings[run->ending_count++] = (struct parity_ending){
        .who = peer->self, .begin_ns = end->at_ns, .ep = o->ep, .heard = {o->at_ns - end->at_ns, o->rank}};
  }
  run->outside_count = kept;
  for (uint32_t i = 0; i < ends.count; i++) {
    const struct parity_ep *peer = &run->eps[ends.items[i].ep];
    if (peer->input_count && peer->input_ns[peer->input_count - 1] > ends.items[i].at_ns)
      continue;
    RS_GROW(run->outside, run->outside_count, run->outside_cap);
    run->outside[run->outside_count++] = ends.items[i];
  }
  free(ends.items);
}

static void sort_outside(struct rs_parity *run, const struct receipts *starts)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < run->outside_count; i++) /* first these: they name the raylets that were launched */
    if (run->outside[i].input.kind != RS_IN_HOST_UP || !follows_launch(run, &run->outside[i]))
      run->outside[kept++] = run->outside[i];
  run->outside_count = kept;
  kept = 0;
  for (uint32_t i = 0; i < run->outside_count; i++)
    if (!follows(run, &run->outside[i], starts))
      run->outside[kept++] = run->outside[i];
  run->outside_count = kept;
  end_processes(run);
}

static int compare_tasks(const void *a, const void *b)
{
  const struct parity_task *x = a, *y = b;
  if (x->begin_ns != y->begin_ns)
    return x->begin_ns < y->begin_ns ? -1 : 1;
  return x->worker < y->worker ? -1 : x->worker > y->worker;
}

/* The runs of a task one after the other. */
static void index_tasks(struct rs_parity *run)
{
  if (run->task_count)
    qsort(run->tasks, run->task_count, sizeof *run->tasks, compare_tasks);
  for (uint32_t i = run->task_count; i-- > 0;) {
    uint64_t key = parity_task_key(run->tasks[i].id);
    const uint64_t *later = rs_map_find(&run->by_task, key);
    run->tasks[i].next = later ? (uint32_t)*later : 0;
    rs_map_put(&run->by_task, key, i + 1);
  }
}

static void finish(struct rs_parity *run)
{
  struct rs_parity_result *sum = &run->recorded;
  sum->endpoints = run->ep_count;
  sum->decisions = run->decision_count;
  sum->first_ns = RS_TIME_NEVER;
  for (uint32_t i = 0; i < run->ep_count; i++) {
    const struct parity_ep *ep = &run->eps[i];
    if (!ep->input_count)
      continue;
    sum->first_ns = rs_time_min(sum->first_ns, ep->input_ns[0]);
    if (ep->input_ns[ep->input_count - 1] > sum->last_ns)
      sum->last_ns = ep->input_ns[ep->input_count - 1];
  }
  struct parity_decision *merged = rs_memdup(run->decisions, run->decision_count * sizeof *merged);
  sum->hash = parity_merge(merged, run->decision_count);
  free(merged);
}

struct rs_parity *rs_parity_load(const char *const *paths, uint32_t count, char *err, size_t err_size)
{
  struct rs_parity *run = rs_alloc_zero(1, sizeof *run);
  struct receipts receipts = {0}, starts = {0};
  struct loader l = {.run = run, .err = err, .err_size = err_size};
  bool fine = true;
  for (uint32_t i = 0; i < count && fine; i++) {
    l.path = paths[i];
    fine = load_one(&l, &receipts, &starts);
  }
  if (fine && !run->gcs) {
    snprintf(err, err_size, "there is no recording of the GCS");
    fine = false;
  }
  if (fine) {
    match(run, &receipts);
    sort_outside(run, &starts);
    index_tasks(run);
    finish(run);
  }
  free(receipts.items);
  free(starts.items);
  if (fine)
    return run;
  rs_parity_free(run);
  return NULL;
}

const struct rs_parity_result *rs_parity_recorded(const struct rs_parity *run)
{
  return &run->recorded;
}

void rs_parity_free(struct rs_parity *run)
{
  if (!run)
    return;
  for (uint32_t i = 0; i < run->ep_count; i++) {
    rs_record_start_free(run->eps[i].start);
    free(run->eps[i].start);
    free(run->eps[i].input_ns);
    free(run->eps[i].alarms);
  }
  for (uint32_t i = 0; i < run->conn_count; i++)
    free(run->conns[i].sent);
  for (uint32_t i = 0; i < run->task_count; i++)
    if (run->tasks[i].result)
      rs_result_unref(run->tasks[i].result);
  for (uint32_t i = 0; i < run->outside_count; i++)
    if (run->outside[i].input.kind == RS_IN_CALL)
      rs_call_free((struct rs_call *)(uintptr_t)run->outside[i].input.call);
  rs_map_free(&run->by_addr);
  rs_map_free(&run->by_pair);
  rs_map_free(&run->by_task);
  free(run->eps);
  free(run->conns);
  free(run->tasks);
  free(run->copies);
  free(run->outside);
  free(run->endings);
  free(run->launches);
  free(run->decisions);
  free(run);
}

/* ---- planted differences ---- */

/* A lease request that reached a raylet. */
struct place {
  struct parity_sent *sent;
  const struct parity_conn *conn;
  rs_addr raylet;
};

static int compare_arrivals(const void *a, const void *b)
{
  const struct place *x = a, *y = b;
  uint64_t p = x->sent->sent_ns + x->sent->arrives.ns, q = y->sent->sent_ns + y->sent->arrives.ns;
  return x->raylet != y->raylet ? (x->raylet < y->raylet ? -1 : 1) : p < q ? -1 : p > q;
}

/* Those after the first third of the run, raylet by raylet, by arrival. */
static uint32_t lease_requests(struct rs_parity *run, struct place **out)
{
  struct place *places = NULL;
  uint32_t count = 0, cap = 0;
  uint64_t from_ns = run->recorded.first_ns + (run->recorded.last_ns - run->recorded.first_ns) / 3;
  for (uint32_t i = 0; i < run->conn_count; i++)
    for (uint32_t k = 0; k < run->conns[i].count; k++) {
      struct parity_sent *sent = &run->conns[i].sent[k];
      if (sent->type != RS_MSG_LEASE_REQUEST || sent->arrives.ns == RS_TIME_NEVER || sent->sent_ns < from_ns)
        continue;
      RS_GROW(places, count, cap);
      places[count++] = (struct place){.sent = sent, .conn = &run->conns[i], .raylet = run->conns[i].to};
    }
  if (count)
    qsort(places, count, sizeof *places, compare_arrivals);
  *out = places;
  return count;
}

bool rs_parity_plant_swap(struct rs_parity *run, uint32_t skip, char *what, size_t what_size)
{
  struct place *places;
  uint32_t count = lease_requests(run, &places);
  bool planted = false;
  for (uint32_t i = 0; i + 1 < count && !planted; i++) {
    struct parity_sent *a = places[i].sent, *b = places[i + 1].sent;
    uint64_t gap = b->sent_ns + b->arrives.ns - (a->sent_ns + a->arrives.ns);
    if (places[i].raylet != places[i + 1].raylet || places[i].conn == places[i + 1].conn || skip-- > 0)
      continue;
    snprintf(what, what_size, "a lease request to node %u comes %" PRIu64 " ns later, after another owner's",
             rs_addr_node(places[i].raylet), gap + 1);
    a->arrives.ns += gap + 1;
    planted = true;
  }
  free(places);
  return planted;
}

bool rs_parity_plant_loss(struct rs_parity *run, uint32_t skip, char *what, size_t what_size)
{
  struct place *places;
  uint32_t count = lease_requests(run, &places);
  bool planted = skip < count;
  if (planted) {
    places[skip].sent->arrives.ns = RS_TIME_NEVER;
    snprintf(what, what_size, "a lease request to node %u is lost", rs_addr_node(places[skip].raylet));
  }
  free(places);
  return planted;
}
