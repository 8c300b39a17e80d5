#include "mini.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"
#include "core/gcs.h"
#include "lib/load/replay.h"

enum event_kind { EV_INPUT, EV_TIMER, EV_TASK_DONE, EV_YIELD, EV_WORKER_UP, EV_HOST_UP };

struct event {
  uint64_t due_ns, sequence;
  enum event_kind kind;
  rs_addr to;
  struct rs_input input;
  struct rs_task *task;
};

struct place {
  struct rs_endpoint *ep;
  rs_addr addr;
  uint64_t armed_ns; /* the alarm in the heap; RS_TIME_NEVER: none */
  struct run {
    struct rs_task *task;
    uint64_t number; /* of its TASK_DONE event */
    uint64_t began_ns;
    uint32_t yielded;
  } * runs;
  uint32_t run_count, run_cap;
};

struct mini {
  struct mini_opts opts;
  struct rs_node_info *info, *head_info;
  struct event *heap;
  uint32_t count, cap;
  uint64_t now, sequence, seq;
  struct rs_map places; /* address -> struct place */
  struct place **list;
  uint32_t list_count, list_cap;
  uint32_t node_count;
  uint32_t *incarnation;
  bool *down;
  uint32_t incarnation_cap;
  struct rs_reply **replies;
  uint32_t reply_count, reply_cap;
  uint64_t run_number;
  uint32_t program;
  uint32_t most_at_once;
  uint64_t traced[RS_TRACE_KINDS], sent[RS_MSG_MAX], sent_all, events, hash, stored;
  struct rs_map ran_on, bytes, disk; /* bytes: in the nodes' memory */
  bool disk_fails;
  rs_addr slow_from, slow_to;
  uint64_t slow_ns;
};

static bool before(const struct event *a, const struct event *b)
{
  return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void push(struct mini *m, struct event e)
{
  e.sequence = m->sequence++;
  RS_GROW(m->heap, m->count, m->cap);
  uint32_t i = m->count++;
  for (; i && before(&e, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
    m->heap[i] = m->heap[(i - 1) / 2];
  m->heap[i] = e;
}

static struct event pop(struct mini *m)
{
  struct event top = m->heap[0], last = m->heap[--m->count];
  uint32_t i = 0;
  for (uint32_t c; (c = 2 * i + 1) < m->count; i = c) {
    if (c + 1 < m->count && before(&m->heap[c + 1], &m->heap[c]))
      c++;
    if (!before(&m->heap[c], &last))
      break;
    m->heap[i] = m->heap[c];
  }
  m->heap[i] = last;
  return top;
}

static struct place *at(const struct mini *m, rs_addr addr)
{
  return rs_map_get_ptr(&m->places, addr);
}

static void step(struct mini *m, struct place *p, const struct rs_input *input);

static void add_place(struct mini *m, uint32_t roles, rs_addr addr, struct rs_node_info *info)
{
  struct place *p = rs_alloc_zero(1, sizeof *p);
  struct rs_start start = {.roles = roles,
                           .self = addr,
                           .gcs = rs_addr_make(0, 1, RS_EP_GCS),
                           .config = &m->opts.config,
                           .info = info,
                           .node_types = m->opts.node_types,
                           .node_type_count = m->opts.node_type_count,
                           .codec_forced = m->opts.codec};
  p->addr = addr;
  p->ep = rs_endpoint_new(&start);
  p->armed_ns = RS_TIME_NEVER;
  rs_map_put_ptr(&m->places, addr, p);
  RS_GROW(m->list, m->list_count, m->list_cap);
  m->list[m->list_count++] = p;
  struct rs_input input = {.kind = RS_IN_START};
  step(m, p, &input);
}

static void drop_event(struct event *e)
{
  if (e->kind == EV_INPUT && e->input.kind == RS_IN_MESSAGE)
    rs_msg_unref(e->input.msg);
  if (e->kind == EV_INPUT && (e->input.kind == RS_IN_TASK_FINISHED || e->input.kind == RS_IN_TASK_FAILED))
    rs_result_unref(e->input.result);
  rs_task_unref(e->task);
}

static void remove_place(struct mini *m, rs_addr addr)
{
  struct place *p = at(m, addr);
  if (!p)
    return;
  rs_map_remove(&m->places, addr, NULL);
  for (uint32_t i = 0; i < m->list_count; i++)
    if (m->list[i] == p) {
      for (; i + 1 < m->list_count; i++)
        m->list[i] = m->list[i + 1];
      m->list_count--;
    }
  rs_endpoint_free(p->ep);
  for (uint32_t i = 0; i < p->run_count; i++)
    rs_task_unref(p->runs[i].task);
  free(p->runs);
  free(p);
}

static void peer_down_everywhere(struct mini *m, rs_addr gone)
{
  for (uint32_t i = 0; i < m->list_count; i++)
    push(m, (struct event){.due_ns = m->now + m->opts.latency_ns,
                           .kind = EV_INPUT,
                           .to = m->list[i]->addr,
                           .input = {.kind = RS_IN_PEER_DOWN, .peer = gone}});
}

static void send(struct mini *m, rs_addr from, rs_addr to, struct rs_msg *msg)
{
  m->sent[msg->type]++;
  m->sent_all++;
  if (m->opts.codec) {
    size_t size = rs_msg_wire_bytes(msg);
    uint8_t *bytes = rs_alloc(size);
    RS_ASSERT(rs_msg_encode(msg, bytes, size) == size);
    rs_msg_unref(msg);
    RS_ASSERT(rs_msg_decode(bytes, size, &msg) == 0);
    free(bytes);
  }
  uint64_t more_ns = from == m->slow_from && to == m->slow_to ? m->slow_ns : 0;
  push(m, (struct event){.due_ns = m->now + m->opts.latency_ns + more_ns,
                         .kind = EV_INPUT,
                         .to = to,
                         .input = {.kind = RS_IN_MESSAGE, .peer = from, .msg = msg}});
}

static uint64_t object_key(rs_addr node, struct rs_id id)
{
  return rs_mix64(node ^ rs_mix64(id.owner ^ rs_mix64(id.seq)));
}

static void store_bytes(struct mini *m, rs_addr raylet, struct rs_id id, uint64_t size)
{
  uint64_t key = object_key(raylet, id);
  if (rs_map_find(&m->bytes, key))
    return;
  rs_map_put(&m->bytes, key, size);
  m->stored += size;
}

/* number 0: whatever run of the task there is. */
static bool end_run(struct place *p, struct rs_id task, uint64_t number)
{
  for (uint32_t i = 0; i < p->run_count; i++)
    if (rs_id_equal(p->runs[i].task->id, task) && (!number || p->runs[i].number == number)) {
      rs_task_unref(p->runs[i].task);
      p->runs[i] = p->runs[--p->run_count];
      return true;
    }
  return false;
}

/* A SPILL, or a CREATE in a file: 1 GB/s. */
static void to_disk(struct mini *m, rs_addr self, const struct rs_effect *e)
{
  if (!m->disk_fails)
    rs_map_put(&m->disk, object_key(self, e->object), e->size);
  push(m, (struct event){.due_ns = m->now + RS_MS + e->size,
                         .kind = EV_INPUT,
                         .to = self,
                         .input = {.kind = RS_IN_SPILL_DONE,
                                   .object = e->object,
                                   .status = m->disk_fails ? RS_ERR_DISK_FULL : RS_ERR_OK}});
}

/* The function goes on: to its next item, or to its end. */
static void yield_answered(struct mini *m, struct place *p, const struct rs_reply *reply)
{
  struct rs_replay replay;
  for (uint32_t i = 0; i < p->run_count; i++) {
    struct run *run = &p->runs[i];
    if (!rs_id_equal(run->task->id, reply->id) || rs_replay_decode(run->task, &replay) != 0)
      continue;
    bool more = run->yielded < replay.yields;
    struct event e = {.due_ns = m->now + replay.duration_ns / replay.yields,
                      .kind = more ? EV_YIELD : EV_TASK_DONE,
                      .to = p->addr,
                      .task = rs_task_ref(run->task),
                      .input = {.host = run->number}};
    if (reply->status == RS_ERR_OK) {
      push(m, e);
      return;
    }
    rs_task_unref(e.task);
    end_run(p, reply->id, run->number);
    push(m, (struct event){.due_ns = m->now,
                           .kind = EV_INPUT,
                           .to = p->addr,
                           .input = {.kind = RS_IN_TASK_FAILED,
                                     .result = rs_result_failed(reply->id, RS_ERR_CANCELLED, "told to end")}});
    return;
  }
}

static void perform(struct mini *m, struct place *p, struct rs_effect *e)
{
  rs_addr self = p->addr;
  switch ((enum rs_effect_kind)e->kind) {
  case RS_OUT_SEND: send(m, self, e->to, e->msg); break;
  case RS_OUT_SEND_MANY:
    for (uint32_t i = 0; i < e->count; i++)
      send(m, self, e->many[i], rs_msg_ref(e->msg));
    rs_msg_unref(e->msg);
    break;
  case RS_OUT_TASK_RUN: {
    struct rs_replay replay;
    RS_ASSERT(rs_replay_decode(e->task, &replay) == 0);
    rs_map_put(&m->ran_on, e->task->id.seq, 1 + rs_addr_node(self));
    RS_GROW(p->runs, p->run_count, p->run_cap);
    p->runs[p->run_count++] = (struct run){rs_task_ref(e->task), ++m->run_number, m->now, 0};
    if (p->run_count > m->most_at_once)
      m->most_at_once = p->run_count;
    bool yields = (e->task->flags & RS_TASK_STREAM) && replay.yields;
    push(m, (struct event){.due_ns = m->now + (yields ? 0 : replay.duration_ns),
                           .kind = yields ? EV_YIELD : EV_TASK_DONE,
                           .to = self,
                           .task = e->task,
                           .input = {.host = m->run_number}});
    break;
  }
  case RS_OUT_TASK_KILL:
    if (!end_run(p, e->object, 0))
      break; /* it was faster */
    push(m, (struct event){.due_ns = m->now,
                           .kind = EV_INPUT,
                           .to = self,
                           .input = {.kind = RS_IN_TASK_FAILED,
                                     .result = rs_result_failed(e->object, RS_ERR_CANCELLED, "killed")}});
    break;
  case RS_OUT_WORKER_START:
    push(m, (struct event){.due_ns = m->now + m->opts.worker_start_ns, .kind = EV_WORKER_UP, .to = e->to});
    break;
  case RS_OUT_WORKER_STOP:
    remove_place(m, e->to);
    peer_down_everywhere(m, e->to);
    break;
  case RS_OUT_CREATE:
    if (e->count & RS_CREATE_ON_DISK)
      to_disk(m, self, e);
    else
      store_bytes(m, self, e->object, e->size);
    break;
  case RS_OUT_SPILL: to_disk(m, self, e); break;
  case RS_OUT_RESTORE: {
    bool there = rs_map_find(&m->disk, object_key(self, e->object)) != NULL;
    if (there)
      store_bytes(m, self, e->object, e->size);
    push(m, (struct event){.due_ns = m->now + RS_MS + e->size,
                           .kind = EV_INPUT,
                           .to = self,
                           .input = {.kind = RS_IN_COPY_DONE,
                                     .object = e->object,
                                     .status = there ? RS_ERR_OK : RS_ERR_OBJECT_LOST}});
    break;
  }
  case RS_OUT_COPY: {
    uint64_t from = object_key(e->to, e->object);
    bool there = rs_map_find(&m->bytes, from) || rs_map_find(&m->disk, from);
    if (there && (e->count & RS_CREATE_ON_DISK))
      rs_map_put(&m->disk, object_key(self, e->object), e->size);
    else if (there)
      store_bytes(m, self, e->object, e->size);
    push(m, (struct event){.due_ns = m->now + 2 * m->opts.latency_ns + e->size, /* 1 GB/s */
                           .kind = EV_INPUT,
                           .to = self,
                           .input = {.kind = RS_IN_COPY_DONE,
                                     .object = e->object,
                                     .status = there ? RS_ERR_OK : RS_ERR_OBJECT_LOST}});
    break;
  }
  case RS_OUT_FREE: rs_map_remove(&m->disk, object_key(self, e->object), NULL); /* fall through */
  case RS_OUT_EVICT: {
    uint64_t size;
    if (rs_map_remove(&m->bytes, object_key(self, e->object), &size))
      m->stored -= size;
    break;
  }
  case RS_OUT_HOST_ADD:
    push(m, (struct event){
                .due_ns = m->now + m->opts.boot_ns, .kind = EV_HOST_UP, .to = e->count, .input = {.host = e->size}});
    break;
  case RS_OUT_HOST_REMOVE: mini_kill_node(m, rs_addr_node(e->to)); break;
  case RS_OUT_REPLY:
    if (e->reply->kind == RS_REPLY_YIELD) {
      yield_answered(m, p, e->reply);
      rs_reply_free(e->reply);
      break;
    }
    RS_GROW(m->replies, m->reply_count, m->reply_cap);
    m->replies[m->reply_count++] = e->reply;
    break;
  case RS_OUT_EXIT:
    if (rs_addr_ep(self) == RS_EP_RAYLET)
      mini_kill_node(m, rs_addr_node(self));
    else {
      remove_place(m, self);
      peer_down_everywhere(m, self);
    }
    break;
  case RS_OUT_TRACE:
    m->traced[e->trace]++;
    m->hash = rs_mix64(m->hash ^ e->trace);
    m->hash = rs_mix64(m->hash ^ e->a);
    m->hash = rs_mix64(m->hash ^ e->b);
    m->hash = rs_mix64(m->hash ^ e->c);
    m->hash = rs_mix64(m->hash ^ m->now);
    break;
  case RS_OUT_KINDS: RS_ASSERT(!"not an effect");
  }
}

static void step(struct mini *m, struct place *p, const struct rs_input *input)
{
  struct rs_effects effects = {0};
  rs_addr addr = p->addr;
  m->events++;
  rs_endpoint_step(p->ep, m->now, input, &effects);
  if (m->opts.checks)
    rs_endpoint_sanity_check(p->ep);
  for (uint32_t i = 0; i < effects.count; i++)
    perform(m, p, &effects.items[i]);
  effects.count = 0;
  rs_effects_free(&effects);
  p = at(m, addr);
  if (!p)
    return;
  uint64_t deadline = rs_endpoint_deadline(p->ep);
  if (deadline < p->armed_ns) {
    p->armed_ns = deadline < m->now ? m->now : deadline;
    push(m, (struct event){.due_ns = p->armed_ns, .kind = EV_TIMER, .to = addr});
  }
}

void mini_defaults(struct mini_opts *opts, uint32_t nodes, uint32_t cpus)
{
  *opts = (struct mini_opts){
      .nodes = nodes, .latency_ns = 100 * RS_US, .worker_start_ns = 5 * RS_MS, .boot_ns = RS_S, .checks = true};
  opts->total.cpu_e4 = (int64_t)cpus * RS_ONE_E4;
  opts->total.memory_bytes = INT64_C(8) << 30;
  opts->total.store_bytes = INT64_C(1) << 30;
  rs_config_defaults(&opts->config);
}

static void node_up(struct mini *m, rs_node_id node, struct rs_node_info *info)
{
  while (node >= m->incarnation_cap) {
    uint32_t cap = m->incarnation_cap ? 2 * m->incarnation_cap : 16;
    m->incarnation = rs_realloc(m->incarnation, cap, sizeof *m->incarnation);
    m->down = rs_realloc(m->down, cap, sizeof *m->down);
    memset(m->incarnation + m->incarnation_cap, 0, (cap - m->incarnation_cap) * sizeof *m->incarnation);
    memset(m->down + m->incarnation_cap, 0, (cap - m->incarnation_cap) * sizeof *m->down);
    m->incarnation_cap = cap;
  }
  m->down[node] = false;
  add_place(m, RS_ROLE_RAYLET, rs_addr_make(node, ++m->incarnation[node], RS_EP_RAYLET), info);
}

struct mini *mini_new(const struct mini_opts *opts)
{
  struct mini *m = rs_alloc_zero(1, sizeof *m);
  m->opts = *opts;
  m->info = rs_node_info_new(&opts->total);
  struct rs_res nothing = {0};
  m->head_info = rs_node_info_new(&nothing);
  add_place(m, RS_ROLE_GCS, rs_addr_make(0, 1, RS_EP_GCS), NULL);
  node_up(m, 0, m->head_info);
  for (uint32_t i = 1; i <= opts->nodes; i++)
    node_up(m, i, opts->infos ? opts->infos[i - 1] : m->info);
  m->node_count = opts->nodes + 1;
  for (uint32_t i = 0; i < opts->programs || i < 1; i++)
    add_place(m, RS_ROLE_DRIVER, rs_addr_make(0, 1, RS_EP_DRIVER + i), NULL);
  return m;
}

void mini_free(struct mini *m)
{
  while (m->list_count)
    remove_place(m, m->list[0]->addr);
  while (m->count) {
    struct event e = pop(m);
    drop_event(&e);
  }
  for (uint32_t i = 0; i < m->reply_count; i++)
    rs_reply_free(m->replies[i]);
  rs_map_free(&m->places);
  rs_map_free(&m->ran_on);
  rs_map_free(&m->bytes);
  rs_map_free(&m->disk);
  rs_node_info_unref(m->info);
  rs_node_info_unref(m->head_info);
  free(m->replies);
  free(m->incarnation);
  free(m->down);
  free(m->list);
  free(m->heap);
  free(m);
}

void mini_as(struct mini *m, uint32_t program)
{
  m->program = program;
}

rs_addr mini_driver(struct mini *m)
{
  return rs_addr_make(0, 1, RS_EP_DRIVER + m->program);
}

uint64_t mini_seq(struct mini *m, uint32_t returns)
{
  uint64_t seq = ++m->seq;
  m->seq += returns;
  return seq;
}

struct rs_task *mini_task(struct mini *m, uint64_t duration_ns, uint64_t return_bytes, uint32_t dep_count)
{
  struct rs_replay replay = {.duration_ns = duration_ns, .return_bytes = return_bytes};
  struct rs_task *task = rs_task_new(dep_count, rs_replay_args_bytes(0));
  rs_replay_encode(&replay, task->args);
  task->return_count = 1;
  task->id = (struct rs_id){mini_driver(m), mini_seq(m, 1)};
  task->function = rs_replay_function();
  return task;
}

void mini_call_at(struct mini *m, rs_addr who, struct rs_call *call)
{
  struct rs_input input = {.kind = RS_IN_CALL, .call = call};
  step(m, at(m, who), &input);
  rs_call_free(call);
}

void mini_call(struct mini *m, struct rs_call *call)
{
  mini_call_at(m, mini_driver(m), call);
}

void mini_submit(struct mini *m, struct rs_task *task, double cpus, int32_t max_retries)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = task;
  call->max_retries = max_retries;
  call->demand.cpu_e4 = (int64_t)(cpus * RS_ONE_E4);
  mini_call(m, call);
}

static void task_done(struct mini *m, struct place *p, struct rs_task *task, uint64_t number)
{
  if (!end_run(p, task->id, number))
    return; /* killed meanwhile */
  struct rs_replay replay;
  RS_ASSERT(rs_replay_decode(task, &replay) == 0);
  struct rs_result *result = rs_replay_result(
      task, &replay, replay.duration_ns, (uint64_t)m->opts.config.max_direct_call_object_size, rs_addr_raylet(p->addr));
  struct rs_input input = {.kind = RS_IN_TASK_FINISHED, .result = result};
  step(m, p, &input);
  rs_result_unref(result);
}

static void yield(struct mini *m, struct place *p, struct rs_task *task, uint64_t number)
{
  struct rs_replay replay;
  for (uint32_t i = 0; i < p->run_count; i++) {
    if (p->runs[i].number != number || rs_replay_decode(task, &replay) != 0)
      continue;
    uint64_t index = ++p->runs[i].yielded;
    struct rs_call *call = rs_call_new(RS_CALL_YIELD, 0);
    call->object = task->id;
    call->size_bytes = replay.return_bytes;
    if (replay.return_bytes <= (uint64_t)m->opts.config.max_direct_call_object_size) {
      call->value = rs_value_new(0, (uint32_t)replay.return_bytes);
      memset(call->value->data, (int)index, call->value->size_bytes);
    } else {
      store_bytes(m, rs_addr_raylet(p->addr), (struct rs_id){task->id.owner, task->id.seq + index},
                  replay.return_bytes);
    }
    mini_call_at(m, p->addr, call);
    return;
  }
}

static void host_up(struct mini *m, uint32_t type, uint64_t request)
{
  struct rs_input input = {.kind = RS_IN_HOST_UP, .host = request};
  step(m, at(m, rs_addr_make(0, 1, RS_EP_GCS)), &input);
  node_up(m, m->node_count++, m->opts.node_types[type].info);
}

static void handle(struct mini *m, struct event *e)
{
  struct place *p = at(m, e->to);
  switch (e->kind) {
  case EV_TIMER:
    if (p && p->armed_ns == e->due_ns) {
      p->armed_ns = RS_TIME_NEVER;
      struct rs_input input = {.kind = RS_IN_TIMER};
      step(m, p, &input);
    }
    break;
  case EV_WORKER_UP:
    if (at(m, rs_addr_raylet(e->to)))
      add_place(m, RS_ROLE_WORKER, e->to, NULL);
    break;
  case EV_HOST_UP: host_up(m, (uint32_t)e->to, e->input.host); break;
  case EV_TASK_DONE:
    if (p)
      task_done(m, p, e->task, e->input.host);
    break;
  case EV_YIELD:
    if (p)
      yield(m, p, e->task, e->input.host);
    break;
  case EV_INPUT:
    if (p)
      step(m, p, &e->input);
    else if (e->input.kind == RS_IN_MESSAGE && at(m, e->input.peer))
      push(m, (struct event){.due_ns = m->now + m->opts.latency_ns,
                             .kind = EV_INPUT,
                             .to = e->input.peer,
                             .input = {.kind = RS_IN_SEND_FAILED, .peer = e->to}});
    break;
  }
  drop_event(e);
}

uint64_t mini_run(struct mini *m, uint64_t until_ns)
{
  while (m->count && m->heap[0].due_ns <= until_ns) {
    struct event e = pop(m);
    RS_ASSERT(e.due_ns >= m->now);
    m->now = e.due_ns;
    handle(m, &e);
  }
  if (m->now < until_ns && until_ns < RS_TIME_NEVER - 1)
    m->now = until_ns;
  return m->now;
}

void mini_kill_node(struct mini *m, rs_node_id node)
{
  if (m->down[node])
    return;
  m->down[node] = true;
  rs_addr gone[256];
  uint32_t count = 0;
  for (uint32_t i = 0; i < m->list_count; i++)
    if (rs_addr_node(m->list[i]->addr) == node && count < 256)
      gone[count++] = m->list[i]->addr;
  for (uint32_t i = 0; i < count; i++)
    remove_place(m, gone[i]);
  for (uint32_t i = 0; i < count; i++)
    peer_down_everywhere(m, gone[i]);
}

bool mini_restart_node(struct mini *m, rs_node_id node)
{
  if (!m->down[node])
    return false;
  node_up(m, node, m->opts.infos ? m->opts.infos[node - 1] : m->info);
  return true;
}

void mini_kill(struct mini *m, rs_addr who)
{
  remove_place(m, who);
  peer_down_everywhere(m, who);
}

void mini_break(struct mini *m, rs_addr a, rs_addr b)
{
  for (int i = 0; i < 2; i++)
    push(m, (struct event){.due_ns = m->now + m->opts.latency_ns,
                           .kind = EV_INPUT,
                           .to = i ? b : a,
                           .input = {.kind = RS_IN_PEER_DOWN, .peer = i ? a : b}});
}

rs_addr mini_worker_of(const struct mini *m, struct rs_id task)
{
  for (uint32_t i = 0; i < m->list_count; i++)
    for (uint32_t k = 0; k < m->list[i]->run_count; k++)
      if (rs_id_equal(m->list[i]->runs[k].task->id, task))
        return m->list[i]->addr;
  return RS_ADDR_NONE;
}

void mini_kill_worker_of(struct mini *m, struct rs_id task)
{
  rs_addr gone = mini_worker_of(m, task);
  if (gone != RS_ADDR_NONE)
    mini_kill(m, gone);
}

const struct rs_msg *mini_answer(const struct mini *m, uint16_t type)
{
  for (uint32_t i = m->reply_count; i-- > 0;)
    if (m->replies[i]->kind == RS_REPLY_ANSWER && m->replies[i]->answer->type == type)
      return m->replies[i]->answer;
  return NULL;
}

const struct rs_reply *mini_reply(const struct mini *m, struct rs_id id)
{
  for (uint32_t i = m->reply_count; i-- > 0;)
    if (rs_id_equal(m->replies[i]->id, id))
      return m->replies[i];
  return NULL;
}

const struct rs_reply *mini_reply_last_of(const struct mini *m, enum rs_reply_kind kind)
{
  for (uint32_t i = m->reply_count; i-- > 0;)
    if (m->replies[i]->kind == kind)
      return m->replies[i];
  return NULL;
}

uint32_t mini_reply_count_of(const struct mini *m, enum rs_reply_kind kind)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < m->reply_count; i++)
    count += m->replies[i]->kind == kind;
  return count;
}

uint32_t mini_reply_count(const struct mini *m)
{
  return m->reply_count;
}
uint64_t mini_count(const struct mini *m, enum rs_trace trace)
{
  return m->traced[trace];
}
uint64_t mini_messages(const struct mini *m, enum rs_msg_type type)
{
  return m->sent[type];
}
uint64_t mini_messages_all(const struct mini *m)
{
  return m->sent_all;
}
uint64_t mini_events(const struct mini *m)
{
  return m->events;
}
uint64_t mini_hash(const struct mini *m)
{
  return m->hash;
}
uint32_t mini_most_at_once(const struct mini *m)
{
  return m->most_at_once;
}
uint64_t mini_stored_bytes(const struct mini *m)
{
  return m->stored;
}

uint64_t mini_disk_bytes(const struct mini *m)
{
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < m->disk.cap; i++)
    bytes += m->disk.slots[i].key ? m->disk.slots[i].value : 0;
  return bytes;
}

void mini_fill_disk(struct mini *m, bool full)
{
  m->disk_fails = full;
}

uint32_t mini_nodes_alive(const struct mini *m)
{
  return rs_view_alive(rs_gcs_view(at(m, rs_addr_make(0, 1, RS_EP_GCS))->ep));
}

struct rs_endpoint *mini_gcs(const struct mini *m)
{
  return at(m, rs_addr_make(0, 1, RS_EP_GCS))->ep;
}

struct rs_endpoint *mini_raylet(const struct mini *m, rs_node_id node)
{
  struct place *p = at(m, rs_addr_make(node, m->incarnation[node], RS_EP_RAYLET));
  return p ? p->ep : NULL;
}

rs_node_id mini_ran_on(const struct mini *m, struct rs_id task)
{
  uint64_t *found = rs_map_find(&m->ran_on, task.seq);
  return found ? (rs_node_id)(*found - 1) : RS_NODE_NONE;
}

static struct place *runs_where(const struct mini *m, struct rs_id task, struct rs_task **running)
{
  for (uint32_t i = 0; i < m->list_count; i++)
    for (uint32_t k = 0; k < m->list[i]->run_count; k++)
      if (rs_id_equal(m->list[i]->runs[k].task->id, task)) {
        *running = m->list[i]->runs[k].task;
        return m->list[i];
      }
  return NULL;
}

struct rs_task *mini_running(const struct mini *m, struct rs_id task)
{
  struct rs_task *running = NULL;
  return runs_where(m, task, &running) ? running : NULL;
}

void mini_finish(struct mini *m, struct rs_result *result)
{
  struct rs_task *running;
  struct place *p = runs_where(m, result->task, &running);
  RS_ASSERT(p);
  end_run(p, result->task, 0);
  result->node = rs_addr_raylet(p->addr);
  struct rs_input input = {.kind = result->status ? RS_IN_TASK_FAILED : RS_IN_TASK_FINISHED, .result = result};
  step(m, p, &input);
  rs_result_unref(result);
}

struct rs_endpoint *mini_endpoint(const struct mini *m, rs_addr addr)
{
  struct place *p = at(m, addr);
  return p ? p->ep : NULL;
}

uint32_t mini_place_count(const struct mini *m)
{
  return m->list_count;
}

const struct rs_endpoint *mini_place(const struct mini *m, uint32_t index)
{
  return m->list[index]->ep;
}

void mini_slow(struct mini *m, rs_addr from, rs_addr to, uint64_t more_ns)
{
  m->slow_from = from;
  m->slow_to = to;
  m->slow_ns = more_ns;
}
