/* parity.c -- drives a recorded run again from what came from outside (see parity.h).
 *
 * The simulator's own driver carries it (driver.h): its endpoints, connections, alarms, runs, workers and its heap on
 * SimGrid's clock. This file is the table of measured times that the driver asks (struct rs_sim_measured): the k-th
 * message of a connection takes as long as the k-th one took, the n-th alarm of an endpoint comes as late as the n-th
 * one came, a task lasts as long as it lasted. Every message goes through the codec, as it did on the sockets.
 *
 * Where two inputs of one endpoint fall on the same nanosecond, the recorded order breaks the tie; nothing else is
 * taken from it. O(log events) an input. */
#include "sim/parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver.h"
#include "sim/parity_int.h"

#define GUESS_NS (200 * RS_US) /* of what was never measured */

/* What became of a recorded endpoint in the simulation. */
struct live {
  struct rs_config config;
  uint64_t deadline_ns, alarm_ns, alarms; /* the alarm that is set, when it comes, how many were set before it */
  uint32_t alarm_rank;
  bool rang; /* its last input was a TIMER: the next alarm is a new one */
  uint64_t stepped_ns;
  uint64_t inputs, effects_hash, decisions_hash, decisions, performed_hash;
};

struct play {
  struct rs_parity *run;
  const struct rs_parity_opts *opts;
  struct rs_parity_result *out;
  struct live *live; /* of run->eps[i] */
  struct rs_sim_outside *outside;
  uint32_t outside_count;
  uint32_t swaps; /* places seen where opts->swap counts */
  struct parity_decision *decisions;
  uint32_t decision_count, decision_cap;
};

static uint64_t first_ns(const struct play *p)
{
  return p->run->recorded.first_ns;
}

static struct live *find(const struct play *p, rs_addr self)
{
  const struct parity_ep *ep = parity_ep(p->run, self);
  return ep ? &p->live[ep - p->run->eps] : NULL;
}

static struct rs_sim_due after(uint64_t t_ns, struct parity_delay delay)
{
  return (struct rs_sim_due){rs_time_add(t_ns, delay.ns), delay.rank};
}

static void performed(struct play *p, rs_addr self, enum rs_effect_kind kind, uint64_t a, uint64_t b)
{
  struct live *live = find(p, self);
  if (live)
    live->performed_hash = parity_performed_hash(live->performed_hash, kind, a, b);
}

/* ---- how endpoints begin ---- */

static uint64_t clock_ns(void *user, uint32_t node)
{
  const struct play *p = user;
  return first_ns(p) + p->opts->origin_ns * node;
}

static void begin(void *user, struct rs_start *start)
{
  const struct play *p = user;
  struct live *live = find(p, start->self);
  RS_ASSERT(live); /* start() lets no other one begin */
  const struct rs_start *recorded = &p->run->eps[live - p->live].start->start;
  RS_ASSERT(start->roles == recorded->roles && start->gcs == recorded->gcs);
  *start = *recorded;
  live->config = *recorded->config;
  if (p->opts->policy)
    live->config.policy = p->opts->policy;
  if (p->opts->change_config)
    p->opts->change_config(&live->config);
  start->config = &live->config;
}

static struct rs_sim_due start(void *user, uint64_t t_ns, rs_addr self)
{
  struct play *p = user;
  const struct parity_ep *ep = parity_ep(p->run, self);
  uint32_t number = rs_addr_ep(self);
  if (number >= RS_EP_WORKER && number < RS_EP_DRIVER) {
    p->out->workers++;
    performed(p, rs_addr_raylet(self), RS_OUT_WORKER_START, self, 0);
    p->out->unrecorded += !ep;
    return ep && ep->started ? after(t_ns, ep->starts) : (struct rs_sim_due){RS_TIME_NEVER, 0};
  }
  for (uint32_t i = 0; i < p->run->launch_count; i++) {
    const struct parity_launch *launch = &p->run->launches[i];
    if (launch->kind == RS_IN_START && launch->raylet == self)
      return after(t_ns, launch->heard);
  }
  for (uint32_t i = 0; ep && i < p->run->outside_count; i++) {
    const struct parity_outside *o = &p->run->outside[i];
    if (!o->ends && o->input.kind == RS_IN_START && &p->run->eps[o->ep] == ep)
      return (struct rs_sim_due){o->at_ns - first_ns(p), o->rank};
  }
  return (struct rs_sim_due){RS_TIME_NEVER, 0};
}

/* ---- what follows effects ---- */

static struct rs_sim_due message(void *user, uint64_t t_ns, rs_addr from, rs_addr to, struct rs_msg *msg,
                                 struct rs_sim_due *failed)
{
  struct play *p = user;
  struct parity_conn *conn = parity_conn(p->run, from, to);
  struct rs_sim_due due = {t_ns + GUESS_NS, PARITY_NO_RANK};
  uint64_t hash = rs_msg_hash(msg);
  performed(p, from, RS_OUT_SEND, to, hash);
  if (conn->next < conn->count) {
    const struct parity_sent *sent = &conn->sent[conn->next++];
    p->out->other_content += sent->hash != hash;
    due = after(t_ns, sent->arrives);
    *failed = after(t_ns, sent->fails);
  } else {
    p->out->unrecorded++;
  }
  if (due.ns != RS_TIME_NEVER) {
    due.ns = due.ns > conn->last_due_ns ? due.ns : conn->last_due_ns;
    conn->last_due_ns = due.ns;
  }
  return due;
}

/* The measured run of this task: on this worker where there is one, else the next in time. */
static struct parity_task *take_task(struct play *p, struct rs_id id, rs_addr worker)
{
  const uint64_t *first = rs_map_find(&p->run->by_task, parity_task_key(id));
  struct parity_task *best = NULL;
  for (uint32_t i = first ? (uint32_t)*first : 0; i; i = p->run->tasks[i - 1].next) {
    struct parity_task *task = &p->run->tasks[i - 1];
    if (!task->used && rs_id_equal(task->id, id) && (!best || (task->worker == worker && best->worker != worker)))
      best = task;
  }
  return best;
}

static void task(void *user, uint64_t t_ns, struct rs_sim_task *how, struct rs_rng *rng)
{
  (void)t_ns, (void)rng;
  struct play *p = user;
  struct parity_task *measured = take_task(p, how->task->id, how->worker);
  performed(p, how->worker, RS_OUT_TASK_RUN, how->task->id.owner, how->task->id.seq);
  how->known = how->measured = true;
  how->spin = false;
  how->duration_ns = RS_TIME_NEVER;
  if (!measured) {
    p->out->unrecorded++;
    return;
  }
  measured->used = true;
  if (measured->ends.ns == RS_TIME_NEVER)
    return;
  how->duration_ns = measured->ends.ns;
  how->rank = measured->ends.rank;
  const struct rs_result *from = measured->result;
  struct rs_result *result = how->result = rs_result_new(from->return_count, from->data_bytes);
  result->status = from->status;
  result->task = from->task;
  result->run_ns = from->run_ns;
  result->node = from->node ? rs_addr_raylet(how->worker) : 0;
  if (from->return_count)
    memcpy(result->returns, from->returns, from->return_count * sizeof *from->returns);
  if (from->data_bytes)
    memcpy(result->data, from->data, from->data_bytes);
}

static struct rs_sim_due copy(void *user, uint64_t t_ns, rs_addr raylet, struct rs_id object, enum rs_input_kind ends,
                              int32_t *status)
{
  struct play *p = user;
  for (uint32_t i = 0; i < p->run->copy_count; i++) {
    struct parity_copy *measured = &p->run->copies[i];
    if (measured->used || measured->kind != ends || measured->raylet != raylet ||
        !rs_id_equal(measured->object, object))
      continue;
    measured->used = true;
    if (measured->ends.ns != RS_TIME_NEVER) {
      p->out->other_copies += *status != RS_ERR_OK && measured->status == RS_ERR_OK;
      *status = measured->status;
    }
    return after(t_ns, measured->ends);
  }
  p->out->unrecorded++;
  return (struct rs_sim_due){t_ns + GUESS_NS, PARITY_NO_RANK};
}

static rs_addr host(void *user, uint64_t t_ns, uint64_t request)
{
  struct play *p = user;
  performed(p, p->run->gcs, RS_OUT_HOST_ADD, request, 0);
  for (uint32_t i = 0; i < p->run->launch_count; i++)
    if (p->run->launches[i].request == request)
      p->run->launches[i].asked_ns = t_ns;
  for (uint32_t i = 0; i < p->run->launch_count; i++)
    if (p->run->launches[i].request == request && p->run->launches[i].raylet)
      return p->run->launches[i].raylet;
  return 0;
}

/* A process ends when the first one hears of it: until then it may have been at work. */
static struct rs_sim_due end(void *user, uint64_t t_ns, rs_addr self)
{
  struct play *p = user;
  struct parity_delay first = {RS_TIME_NEVER, PARITY_NO_RANK};
  for (uint32_t i = 0; i < p->run->ending_count; i++) {
    struct parity_ending *ending = &p->run->endings[i];
    if (ending->who != self || ending->ep == UINT32_MAX)
      continue;
    ending->ended_ns = t_ns;
    first.ns = rs_time_min(first.ns, ending->heard.ns - 1);
  }
  return after(t_ns, first);
}

static struct rs_sim_due hear(void *user, uint64_t t_ns, rs_addr self, const struct rs_input *input)
{
  struct play *p = user;
  (void)t_ns;
  if (input->kind == RS_IN_PEER_DOWN)
    for (uint32_t i = 0; i < p->run->ending_count; i++) {
      struct parity_ending *ending = &p->run->endings[i];
      if (ending->who != input->peer || ending->ep == UINT32_MAX || p->run->eps[ending->ep].self != self ||
          ending->used)
        continue;
      ending->used = true;
      return after(ending->ended_ns, ending->heard);
    }
  else if (input->kind == RS_IN_HOST_UP)
    for (uint32_t i = 0; i < p->run->launch_count; i++) {
      const struct parity_launch *launch = &p->run->launches[i];
      if (launch->kind == RS_IN_HOST_UP && launch->request == input->host)
        return after(launch->asked_ns, launch->heard);
    }
  p->out->unheard++;
  return (struct rs_sim_due){RS_TIME_NEVER, PARITY_NO_RANK};
}

/* Asked again and again: a new alarm is one whose deadline is another one, or that follows a TIMER. */
static struct rs_sim_due set_alarm(void *user, rs_addr self, uint64_t deadline_ns)
{
  struct play *p = user;
  struct live *live = find(p, self);
  const struct parity_ep *recorded = &p->run->eps[live - p->live];
  if (deadline_ns != live->deadline_ns || live->rang) {
    live->rang = false;
    live->deadline_ns = deadline_ns;
    live->alarm_ns = RS_TIME_NEVER;
    if (deadline_ns != RS_TIME_NEVER) {
      uint64_t number = live->alarms++;
      struct parity_alarm measured = {(int64_t)GUESS_NS, PARITY_NO_RANK};
      if (number < recorded->alarm_count)
        measured = recorded->alarms[number];
      if (measured.late_ns != INT64_MAX)
        live->alarm_ns = deadline_ns + (uint64_t)measured.late_ns;
      live->alarm_rank = measured.rank;
    }
  }
  return (struct rs_sim_due){live->alarm_ns, live->alarm_rank};
}

/* ---- what the endpoints do ---- */

static void count_input(struct rs_parity_result *out, enum rs_input_kind kind)
{
  out->inputs++;
  out->messages += kind == RS_IN_MESSAGE;
  out->tasks += kind == RS_IN_TASK_FINISHED || kind == RS_IN_TASK_FAILED;
  out->copies += kind == RS_IN_COPY_DONE || kind == RS_IN_SPILL_DONE;
  out->timers += kind == RS_IN_TIMER;
  out->calls += kind == RS_IN_CALL;
}

static bool swappable(const struct rs_parity_opts *opts, const struct rs_effect *effect)
{
  if (!opts->swap_decisions)
    return effect->kind == RS_OUT_SEND;
  return effect->kind == RS_OUT_TRACE && rs_trace_is_decision(effect->trace);
}

/* Plants a difference in the driver: it performs two effects of a step in the other order. */
static void swap_effects(struct play *p, struct rs_effects *effects)
{
  struct rs_effect *before = NULL;
  for (uint32_t i = 0; i < effects->count && p->swaps < p->opts->swap; i++) {
    struct rs_effect *effect = &effects->items[i];
    if (!swappable(p->opts, effect))
      continue;
    if (before && ++p->swaps == p->opts->swap) {
      struct rs_effect kept = *before;
      *before = *effect;
      *effect = kept;
      p->out->swapped = true;
    }
    before = effect;
  }
}

static void step(void *user, uint64_t t_ns, rs_addr self, const struct rs_input *input, struct rs_effects *effects)
{
  struct play *p = user;
  struct live *live = find(p, self);
  count_input(p->out, input->kind);
  p->out->ties += live->inputs++ > 0 && live->stepped_ns == t_ns;
  p->out->effects += effects->count;
  live->stepped_ns = t_ns;
  live->rang = input->kind == RS_IN_TIMER;
  live->effects_hash = rs_effects_hash(live->effects_hash, effects);
  if (p->opts->swap)
    swap_effects(p, effects);
}

static void trace(void *user, uint64_t t_ns, rs_addr self, unsigned kind, uint64_t a, uint64_t b, uint64_t c)
{
  struct play *p = user;
  struct live *live = find(p, self);
  p->out->traces[kind]++;
  performed(p, self, RS_OUT_TRACE, kind, a);
  if (!rs_trace_is_decision(kind))
    return;
  struct rs_effect effect = {.kind = RS_OUT_TRACE, .trace = (uint8_t)kind, .a = a, .b = b, .c = c};
  live->decisions_hash = parity_decision_hash(live->decisions_hash, &effect);
  RS_GROW(p->decisions, p->decision_count, p->decision_cap);
  p->decisions[p->decision_count++] =
      (struct parity_decision){t_ns, self, (uint32_t)live->decisions++, (uint8_t)kind, a, b, c};
}

/* ---- the cluster ---- */

/* What comes from outside, but for the STARTs, which the driver asks for. */
static void list_outside(struct play *p)
{
  p->outside = rs_alloc_zero(p->run->outside_count + 1, sizeof *p->outside);
  for (uint32_t i = 0; i < p->run->outside_count; i++) {
    const struct parity_outside *o = &p->run->outside[i];
    if (!o->ends && o->input.kind == RS_IN_START)
      continue;
    p->outside[p->outside_count++] = (struct rs_sim_outside){
        .at = {o->at_ns - first_ns(p), o->rank}, .self = p->run->eps[o->ep].self, .ends = o->ends, .input = o->input};
    if (o->ends)
      end(p, o->at_ns - first_ns(p), p->run->eps[o->ep].self);
  }
}

/* One group a node, so that a host that is asked for has its place. Nodes with a launch start later. */
static void describe(const struct play *p, struct rs_sim_cluster *cluster)
{
  uint32_t last = 0;
  for (uint32_t i = 0; i < p->run->ep_count; i++)
    if (rs_addr_node(p->run->eps[i].self) > last)
      last = rs_addr_node(p->run->eps[i].self);
  *cluster = (struct rs_sim_cluster){.group_count = last, .net = {.nic_bytes_per_s = 1000000000}};
  cluster->groups = rs_alloc_zero(last + 1, sizeof *cluster->groups);
  struct rs_res nothing = {0};
  for (uint32_t node = 0; node <= last; node++) {
    const struct parity_ep *raylet = parity_ep(p->run, rs_addr_make(node, 1, RS_EP_RAYLET));
    struct rs_node_info *info = raylet ? rs_node_info_ref(raylet->start->start.info) : rs_node_info_new(&nothing);
    bool launched = raylet == NULL;
    for (uint32_t i = 0; i < p->run->launch_count; i++)
      launched |= p->run->launches[i].raylet && rs_addr_node(p->run->launches[i].raylet) == node;
    if (node == 0)
      cluster->head = info;
    else
      cluster->groups[node - 1] =
          (struct rs_sim_group){.name = "node", .info = info, .count = !launched, .count_max = 1, .speed = 1};
  }
}

static void release(struct rs_sim_cluster *cluster)
{
  for (uint32_t i = 0; i < cluster->group_count; i++)
    rs_node_info_unref(cluster->groups[i].info);
  rs_node_info_unref(cluster->head);
  free(cluster->groups);
}

/* ---- what came of it ---- */

static void first_other(struct play *p, const struct parity_ep *recorded)
{
  const struct parity_decision *theirs = &p->run->decisions[recorded->decision_first];
  uint64_t at = 0;
  for (uint32_t i = 0; i < p->decision_count && at < recorded->decision_count; i++) {
    const struct parity_decision *d = &p->decisions[i];
    if (d->self != recorded->self)
      continue;
    if (d->trace != theirs[at].trace || d->a != theirs[at].a || d->b != theirs[at].b || d->c != theirs[at].c)
      break;
    at++;
  }
  if (!p->out->first_other || at < p->out->first_other_at) {
    p->out->first_other = recorded->self;
    p->out->first_other_at = at;
  }
}

static void conclude(struct play *p)
{
  struct rs_parity_result *out = p->out;
  out->decisions = p->decision_count;
  for (uint32_t i = 0; i < p->run->ep_count; i++) {
    const struct live *live = &p->live[i];
    const struct parity_ep *recorded = &p->run->eps[i];
    out->endpoints += live->inputs > 0;
    if (live->inputs < recorded->input_count)
      out->unproduced += recorded->input_count - live->inputs;
    out->same_effects += live->effects_hash == recorded->effects_hash && live->inputs == recorded->input_count;
    out->same_performed += live->performed_hash == recorded->performed_hash;
    if (live->decisions_hash == recorded->decisions_hash && live->decisions == recorded->decision_count)
      out->same_decisions++;
    else
      first_other(p, recorded);
  }
  out->hash = parity_merge(p->decisions, p->decision_count);
}

void rs_parity_simulate(struct rs_parity *run, const struct rs_parity_opts *opts, struct rs_parity_result *out)
{
  struct play p = {.run = run, .opts = opts, .out = out};
  memset(out, 0, sizeof *out);
  out->first_ns = run->recorded.first_ns;
  out->last_ns = run->recorded.last_ns;
  p.live = rs_alloc_zero(run->ep_count + 1, sizeof *p.live);
  for (uint32_t i = 0; i < run->ep_count; i++)
    p.live[i].deadline_ns = p.live[i].alarm_ns = RS_TIME_NEVER;
  list_outside(&p);
  struct rs_sim_cluster cluster;
  describe(&p, &cluster);
  struct rs_cost free_of_charge;
  rs_cost_zero(&free_of_charge);
  struct rs_sim_measured measured = {.user = &p,
                                     .outside = p.outside,
                                     .outside_count = p.outside_count,
                                     .clock_ns = clock_ns,
                                     .begin = begin,
                                     .start = start,
                                     .host = host,
                                     .message = message,
                                     .alarm = set_alarm,
                                     .copy = copy,
                                     .end = end,
                                     .hear = hear,
                                     .step = step};
  struct rs_sim_hooks hooks = {.user = &p, .trace = trace, .task = task};
  struct rs_sim_opts sim_opts = {.time_limit_ns = out->last_ns - out->first_ns,
                                 .eager = true,
                                 .codec_forced = true,
                                 .hooks = &hooks,
                                 .measured = &measured};
  char err[256] = "";
  struct rs_sim *sim =
      rs_sim_new(&cluster, parity_ep(run, run->gcs)->start->start.config, &free_of_charge, &sim_opts, err, sizeof err);
  RS_ASSERT(sim);
  for (uint32_t i = 0; i < run->ep_count; i++)
    if (run->eps[i].start->start.roles == RS_ROLE_DRIVER)
      rs_sim_add_program(sim, run->eps[i].self);
  rs_sim_run(sim);
  out->sleeps = rs_sim_stats(sim)->sleeps;
  rs_sim_free(sim);
  conclude(&p);
  release(&cluster);
  free(p.live);
  free(p.outside);
  free(p.decisions);
}
