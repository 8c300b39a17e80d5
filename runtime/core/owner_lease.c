/* owner_lease.c -- leases: asked for by scheduling key, reused while there is work, filled ahead when tasks are short.
 *
 * Tasks with the same demand, strategy and target (and without arguments in stores) share a scheduling key. While tasks
 * of a key wait, lease requests are under way for them: as many as tasks, at most
 * max_pending_lease_requests_per_scheduling_category (-1: as many as the cluster has nodes, which the raylets' answers
 * tell; 10 until the first answer, Ray's older default). They go to the home raylet: our own, or for a task with
 * arguments in stores the one that holds most bytes. A burst is one message. An answer "ask there" (LEASE_SPILL) is
 * followed; a refusal goes back to our own raylet.
 *
 * A leased worker gets the next tasks of its key as it finishes them. Short tasks are pushed ahead: as many as fit into
 * pipeline_target_us by the key's moving average of run times, at most max_tasks_in_flight_per_worker; so a task of
 * more than that is never queued behind another, and one that meets a longer one comes back (TASKS_RETURNED). The lease
 * is returned when no task waits or it is recalled, and after one task when worker_lease_timeout_milliseconds is 0 or
 * the strategy is SPREAD, of which each task is to be placed by itself. When no task waits, pending requests are
 * cancelled.
 *
 * Cost: O(1) per task and message. Invariants: a lease has at least one task in flight between steps; request_count
 * requests are in request_by_number.
 */
#include <string.h>

#include "core/failure.h"
#include "core/owner_int.h"

#define FIRST_REQUESTS 10
#define REQUEST_STEPS 16
#define KEYS_IDLE_MAX 256 /* keys of which nothing is left but how long their tasks take; the oldest goes first */

static void key_free(struct sched_key *key)
{
  rs_shared_demand_unref(key->demand);
  free(key->raylets);
  free(key->deps);
  free(key);
}

static void key_forget(struct rs_owner *o, struct sched_key *key)
{
  RS_ASSERT(key->queued == 0 && key->lease_count == 0 && key->request_count == 0);
  rs_list_remove(&key->link);
  rs_list_remove(&key->dirty_link);
  rs_map_remove(&o->key_by_hash, key->hash, NULL);
  key_free(key);
}

void rs_owner_key_unref(struct rs_owner *o, struct sched_key *key)
{
  if (--key->refs > 0)
    return;
  if (key->dep_count == 0) { /* it knows how long its tasks take */
    o->idle_key_count += rs_list_empty(&key->idle);
    rs_list_remove(&key->idle);
    rs_list_push_back(&o->idle_keys, &key->idle);
    return;
  }
  struct sched_key *base = key->base;
  key_forget(o, key);
  rs_owner_key_unref(o, base);
}

void rs_owner_keys_trim(struct rs_owner *o)
{
  while (o->idle_key_count > KEYS_IDLE_MAX) {
    struct sched_key *key = RS_ENTRY(o->idle_keys.next, struct sched_key, idle);
    rs_list_remove(&key->idle);
    o->idle_key_count--;
    if (key->refs == 0) /* else it will be here again when it is idle */
      key_forget(o, key);
  }
}

/* Takes over the reference to the demand. */
static struct sched_key *key_new(struct rs_endpoint *ep, struct rs_shared_demand *demand, uint8_t strategy,
                                 rs_node_id target, bool retriable, uint64_t hash)
{
  struct rs_owner *o = ep->owner;
  struct sched_key *key = rs_alloc_zero(1, sizeof *key);
  key->hash = hash;
  key->demand = demand;
  key->strategy = strategy;
  key->target = target;
  key->retriable = retriable;
  key->home = ep->raylet;
  struct rs_link *lists[] = {&key->queue, &key->leases, &key->requests, &key->dirty_link, &key->hungry, &key->idle};
  for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
    rs_list_init(lists[i]);
  rs_list_push_back(&o->keys, &key->link);
  rs_map_put_ptr(&o->key_by_hash, hash, key);
  return key;
}

/* With one more reference. */
struct sched_key *rs_owner_key_of(struct rs_endpoint *ep, const struct rs_demand *demand, uint8_t strategy,
                                  rs_node_id target, bool retriable)
{
  struct rs_owner *o = ep->owner;
  uint64_t hash =
      rs_mix64(rs_demand_hash(demand) ^ rs_mix64((uint64_t)target << 9 | (uint64_t)strategy << 1 | retriable)) | 1;
  for (;; hash = rs_mix64(hash) | 1) {
    struct sched_key *key = rs_map_get_ptr(&o->key_by_hash, hash);
    if (key && (key->strategy != strategy || key->target != target || key->retriable != retriable || key->dep_count ||
                !rs_demand_equal(&key->demand->is, demand)))
      continue;
    if (!key)
      key = key_new(ep, rs_shared_demand_new(demand), strategy, target, retriable, hash);
    key->refs++;
    return key;
  }
}

void rs_owner_key_changed(struct rs_owner *o, struct sched_key *key)
{
  if (rs_list_empty(&key->dirty_link))
    rs_list_push_back(&o->dirty, &key->dirty_link);
}

/* A task whose arguments are in stores gets a key of its own: its lease comes with these arguments. */
static void own_key(struct rs_endpoint *ep, struct owned_task *t)
{
  struct rs_owner *o = ep->owner;
  const struct rs_task *task = t->task;
  uint32_t stored = 0;
  for (uint32_t i = 0; i < task->dep_count; i++)
    stored += task->deps[i].location != RS_ADDR_NONE;
  if (stored == 0)
    return;
  uint64_t hash = rs_mix64(t->key->hash ^ rs_mix64(task->id.seq)) | 1;
  while (rs_map_find(&o->key_by_hash, hash))
    hash = rs_mix64(hash) | 1;
  struct sched_key *key =
      key_new(ep, rs_shared_demand_ref(t->key->demand), t->key->strategy, t->key->target, t->key->retriable, hash);
  key->base = t->key->base ? t->key->base : t->key;
  key->base->refs++;
  key->deps = rs_alloc(stored * sizeof *key->deps);
  for (uint32_t i = 0; i < task->dep_count; i++)
    if (task->deps[i].location != RS_ADDR_NONE) {
      key->deps[key->dep_count] = task->deps[i];
      key->deps[key->dep_count++].value = NULL;
    }
  if (ep->config->locality_aware_leasing_enabled) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < key->dep_count; i++) {
      uint64_t bytes = 0;
      for (uint32_t k = 0; k < key->dep_count; k++)
        bytes += key->deps[k].location == key->deps[i].location ? key->deps[k].size_bytes : 0;
      if (bytes > most || (bytes == most && key->deps[i].location < key->home)) {
        most = bytes;
        key->home = key->deps[i].location;
      }
    }
  }
  rs_owner_key_unref(o, t->key);
  t->key = key;
  key->refs++;
}

void rs_owner_key_submit(struct rs_endpoint *ep, struct owned_task *t, bool front)
{
  struct rs_owner *o = ep->owner;
  if (t->task->dep_count)
    own_key(ep, t);
  struct sched_key *key = t->key;
  t->state = TASK_QUEUED;
  if (front)
    rs_list_push_front(&key->queue, &t->link);
  else
    rs_list_push_back(&key->queue, &t->link);
  key->queued++;
  rs_owner_key_changed(o, key);
}

/* ---- requests ---- */

static void send_request(struct rs_endpoint *ep, struct sched_key *key, rs_addr raylet, uint64_t first, uint32_t count,
                         uint8_t hops, uint8_t tries)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = first;
  m->job = ep->owner->job;
  m->count = count;
  m->backlog = key->queued > key->request_count ? key->queued - key->request_count : 0;
  m->key = key->hash;
  m->strategy = key->strategy;
  m->hops = hops;
  m->tries = tries;
  m->retriable = key->retriable;
  m->target = key->target;
  m->demand = rs_shared_demand_ref(key->demand);
  m->hold = rs_shared_demand_ref(key->demand);
  m->deps_count = key->dep_count;
  m->deps = rs_memdup(key->deps, key->dep_count * sizeof *key->deps);
  rs_send(ep, raylet, m);
}

static void add_requests(struct rs_owner *o, struct sched_key *key, rs_addr raylet, uint32_t count, uint8_t hops)
{
  for (uint32_t i = 0; i < count; i++) {
    struct request *request = rs_alloc_zero(1, sizeof *request);
    request->key = key;
    request->number = ++o->last_request;
    request->raylet = raylet;
    request->hops = hops;
    rs_list_push_back(&key->requests, &request->link);
    rs_list_init(&request->postponed_link);
    rs_map_put_ptr(&o->request_by_number, request->number, request);
  }
  key->request_count += count;
  key->refs += count;
}

/* `count` leases of a raylet that has bundles of the key's group. waits: they may wait there. */
void rs_owner_lease_ask(struct rs_endpoint *ep, struct sched_key *key, rs_addr raylet, uint32_t count, bool waits)
{
  uint64_t first = ep->owner->last_request + 1;
  add_requests(ep->owner, key, raylet, count, waits);
  send_request(ep, key, raylet, first, count, waits, 0);
}

static void request_more(struct rs_endpoint *ep, struct sched_key *key)
{
  struct rs_owner *o = ep->owner;
  if (key->demand->is.group_seq) {
    rs_owner_group_request(ep, key);
    return;
  }
  int64_t limit = ep->config->max_pending_lease_requests_per_scheduling_category;
  if (limit < 0)
    limit = o->nodes > FIRST_REQUESTS ? o->nodes : FIRST_REQUESTS;
  uint64_t wanted = key->queued < (uint64_t)limit ? key->queued : (uint64_t)limit;
  if (wanted <= key->request_count)
    return;
  uint32_t count = (uint32_t)(wanted - key->request_count);
  if (key->queued > (uint64_t)limit && count < (uint64_t)limit / REQUEST_STEPS)
    return; /* there is no hurry while that many are under way: topped up by a burst, which is one message */
  uint64_t first = o->last_request + 1;
  add_requests(o, key, key->home, count, 0);
  send_request(ep, key, key->home, first, count, 0, 0);
}

static void request_forget(struct rs_owner *o, struct request *request)
{
  struct sched_key *key = request->key;
  rs_list_remove(&request->link);
  rs_list_remove(&request->postponed_link);
  rs_map_remove(&o->request_by_number, request->number, NULL);
  key->request_count--;
  free(request);
  rs_owner_key_unref(o, key);
}

/* Nothing waits: what was asked for is not needed any more. Grants that are on their way are returned when they come.
 */
static void cancel_requests(struct rs_endpoint *ep, struct sched_key *key)
{
  struct rs_owner *o = ep->owner;
  struct rs_map told = {0};
  key->refs++;
  key->refused = false;
  RS_LIST_EACH(&key->requests, at, after)
  {
    struct request *request = RS_ENTRY(at, struct request, link);
    rs_addr raylet = request->raylet;
    /* others than home and our own decide at once: nothing waits there */
    bool waits_there =
        request->hops == 0 || key->strategy >= RS_STRATEGY_NODE_AFFINITY || key->dep_count || key->demand->is.group_seq;
    if (raylet != RS_ADDR_NONE && waits_there && !rs_map_find(&told, raylet)) {
      rs_map_put(&told, raylet, 1);
      struct rs_m_lease_cancel *m = rs_msg_new(RS_MSG_LEASE_CANCEL);
      m->key = key->hash;
      rs_send(ep, raylet, m);
    }
    request_forget(o, request);
  }
  rs_map_free(&told);
  rs_owner_key_unref(o, key);
}

static void ask_postponed(struct rs_endpoint *ep);

void rs_owner_lease_settle(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  rs_owner_doubt_settle(ep);
  ask_postponed(ep);
  while (!rs_list_empty(&o->dirty)) {
    struct sched_key *key = RS_ENTRY(o->dirty.next, struct sched_key, dirty_link);
    rs_list_remove(&key->dirty_link);
    if (o->orphaned)
      continue;
    key->refs++;
    RS_LIST_EACH(&key->hungry, at, after) /* room behind what is already in flight */
    {
      if (key->queued == 0)
        break;
      rs_owner_lease_refill(ep, RS_ENTRY(at, struct lease, hungry_link));
    }
    rs_list_remove(&key->dirty_link);
    if (key->queued)
      request_more(ep, key); /* or it finds that there is no hope for them */
    if (key->queued == 0 && key->request_count)
      cancel_requests(ep, key);
    rs_owner_key_unref(o, key);
  }
}

/* ---- leases ---- */

static uint32_t depth(const struct rs_endpoint *ep, const struct sched_key *key)
{
  if (key->mean_run_ns == 0)
    return 1;
  uint64_t fit = (uint64_t)ep->config->pipeline_target_us * RS_US / key->mean_run_ns;
  uint64_t most = (uint64_t)ep->config->max_tasks_in_flight_per_worker;
  return fit < 1 ? 1 : (uint32_t)(fit < most ? fit : most);
}

/* One message for all, but no more than task_rpc_inlined_bytes_limit in it, unless one task alone has more. */
static void push(struct rs_endpoint *ep, struct lease *lease, uint32_t count)
{
  struct sched_key *key = lease->key;
  struct rs_m_push_tasks *m = NULL;
  uint64_t bytes = 0, most = (uint64_t)ep->config->task_rpc_inlined_bytes_limit;
  for (; count > 0; count--) {
    struct owned_task *t = RS_ENTRY(key->queue.next, struct owned_task, link);
    uint64_t more = rs_owner_args_inlined(t->task);
    if (m && bytes + more > most) {
      rs_send(ep, lease->worker, m);
      m = NULL;
    }
    if (!m) {
      bytes = 0;
      m = rs_msg_new(RS_MSG_PUSH_TASKS);
      m->lease = lease->number;
      m->gpus = lease->gpus;
      m->tasks = rs_alloc(count * sizeof *m->tasks);
    }
    bytes += more;
    rs_list_remove(&t->link);
    key->queued--;
    rs_list_push_back(&lease->in_flight, &t->link);
    lease->in_flight_count++;
    t->state = TASK_PUSHED;
    t->sent = true;
    t->lease = lease;
    m->tasks[m->tasks_count++] = rs_task_ref(t->task);
    t->worker = lease->worker;
    rs_trace(ep, RS_TRACE_TASK_PUSHED, ep->self, t->task->id.seq, lease->worker);
  }
  lease->used = true;
  rs_send(ep, lease->worker, m);
}

void rs_owner_lease_return(struct rs_endpoint *ep, rs_addr raylet, uint64_t number, bool worker_dead)
{
  struct rs_m_lease_return *m = rs_msg_new(RS_MSG_LEASE_RETURN);
  m->lease = number;
  m->worker_dead = worker_dead;
  rs_send(ep, raylet, m);
}

void rs_owner_lease_forget(struct rs_owner *o, struct lease *lease)
{
  struct sched_key *key = lease->key;
  RS_ASSERT(lease->in_flight_count == 0);
  rs_list_remove(&lease->link);
  rs_list_remove(&lease->hungry_link);
  rs_list_remove(&lease->doubt_link);
  rs_map_remove(&o->lease_by_worker, lease->worker, NULL);
  key->lease_count--;
  rs_owner_key_changed(o, key);
  free(lease);
  rs_owner_key_unref(o, key);
}

/* More work for a worker that has little left, or the end of its lease. */
void rs_owner_lease_refill(struct rs_endpoint *ep, struct lease *lease)
{
  if (lease->lost) { /* until its raylet has said why, or the worker itself has told the end of all that it had */
    if (lease->in_flight_count == 0)
      rs_owner_lease_forget(ep->owner, lease); /* it is given back already */
    return;
  }
  if (lease->dying) {
    rs_owner_lease_lost(ep, lease, RS_ERR_WORKER_CRASHED, true);
    return;
  }
  struct sched_key *key = lease->key;
  bool single = ep->config->worker_lease_timeout_milliseconds == 0 || key->strategy == RS_STRATEGY_SPREAD;
  bool takes = !lease->recalled && !(single && lease->used);
  uint32_t most = single ? 1 : depth(ep, key);
  if (takes && key->queued && lease->in_flight_count <= most / 2) {
    uint32_t room = most - lease->in_flight_count;
    push(ep, lease, room < key->queued ? room : key->queued);
  }
  rs_list_remove(&lease->hungry_link);
  if (lease->in_flight_count == 0) {
    rs_owner_lease_return(ep, lease->raylet, lease->number, false);
    rs_owner_lease_forget(ep->owner, lease);
    return;
  }
  if (takes && lease->in_flight_count <= most / 2)
    rs_list_push_back(&key->hungry, &lease->hungry_link);
  if (key->queued == 0)
    rs_owner_key_changed(ep->owner, key); /* requests may have become needless */
}

void rs_owner_lease_on_result(struct rs_endpoint *ep, struct lease *lease, struct rs_result *result)
{
  struct owned_task *t = rs_map_get_ptr(&ep->owner->tasks, result->task.seq);
  if (!t || t->state != TASK_PUSHED || t->lease != lease)
    return;
  rs_list_remove(&t->link);
  lease->in_flight_count--;
  t->lease = NULL;
  struct sched_key *key = lease->key;
  if (result->status == RS_ERR_OK) {
    uint64_t run_ns = result->run_ns ? result->run_ns : 1;
    key->mean_run_ns = key->mean_run_ns ? key->mean_run_ns - key->mean_run_ns / 8 + run_ns / 8 : run_ns;
    key->mean_run_ns = key->mean_run_ns ? key->mean_run_ns : 1;
    rs_owner_task_end(ep, t, rs_result_ref(result));
  } else {
    if (result->status == RS_ERR_WORKER_CRASHED) { /* last words */
      lease->dying = true;
      rs_list_remove(&lease->hungry_link);
    }
    rs_owner_task_failed(ep, t, rs_result_ref(result), true);
  }
}

static struct rs_result *lost_result(const struct lease *lease, const struct owned_task *t, int reason)
{
  struct rs_failure f = {.function = t->task->function, .task = t->task->id, .pid = lease->pid};
  struct rs_text text = {0};
  f.node = rs_addr_node(lease->raylet);
  rs_text_str(&text, rs_error_text(reason));
  memcpy(f.text, text.bytes, text.used);
  struct rs_result *failed = rs_failure_result(t->task->id, reason, &f);
  failed->node = lease->raylet;
  return failed;
}

/* The worker, or our connection to it, is gone. tell_raylet: it may not know yet, and must not lease it again. */
void rs_owner_lease_lost(struct rs_endpoint *ep, struct lease *lease, int reason, bool tell_raylet)
{
  if (tell_raylet)
    rs_owner_lease_return(ep, lease->raylet, lease->number, true);
  bool running = !lease->dying; /* the oldest one in flight; those behind it had not begun */
  while (!rs_list_empty(&lease->in_flight)) {
    struct owned_task *t = RS_ENTRY(lease->in_flight.next, struct owned_task, link);
    rs_list_remove(&t->link);
    lease->in_flight_count--;
    t->lease = NULL;
    struct rs_result *failed = lost_result(lease, t, reason);
    rs_owner_task_failed(ep, t, failed, running);
    running = false;
  }
  rs_owner_lease_forget(ep->owner, lease);
}

static void on_grant(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_grant *m)
{
  struct rs_owner *o = ep->owner;
  o->nodes = m->nodes ? m->nodes : o->nodes;
  struct request *request = rs_map_get_ptr(&o->request_by_number, m->request);
  if (!request) {
    rs_owner_lease_return(ep, raylet, m->lease, false);
    return;
  }
  struct sched_key *key = request->key;
  key->refs++;
  request_forget(o, request);
  if (key->queued == 0 || rs_map_find(&o->lease_by_worker, m->worker)) {
    rs_owner_lease_return(ep, raylet, m->lease, false);
  } else {
    struct lease *lease = rs_alloc_zero(1, sizeof *lease);
    lease->key = key;
    key->refs++;
    lease->number = m->lease;
    lease->raylet = raylet;
    lease->worker = m->worker;
    lease->pid = m->pid;
    lease->gpus = m->gpus;
    rs_list_init(&lease->in_flight);
    rs_list_init(&lease->hungry_link);
    rs_list_init(&lease->doubt_link);
    rs_list_push_back(&key->leases, &lease->link);
    key->lease_count++;
    rs_map_put_ptr(&o->lease_by_worker, lease->worker, lease);
    rs_owner_lease_refill(ep, lease);
  }
  rs_owner_key_changed(o, key);
  rs_owner_key_unref(o, key);
}

static void ask_again(struct rs_endpoint *ep, struct request *request, rs_addr raylet, uint8_t hops)
{
  request->raylet = raylet;
  request->hops = hops;
  send_request(ep, request->key, raylet, request->number, 1, hops, request->tries);
}

static void postpone(struct rs_endpoint *ep, struct request *request);

/* A raylet of the group had no room, or not the bundle. */
static void on_group_reject(struct rs_endpoint *ep, struct request *request, int reason)
{
  struct rs_owner *o = ep->owner;
  struct sched_key *key = request->key;
  key->refs++;
  if (reason == RS_ERR_NO_ROOM) {
    key->refused = true;
    request_forget(o, request);
  } else {
    rs_owner_group_stale(ep, key);
    postpone(ep, request);
  }
  rs_owner_key_changed(o, key);
  rs_owner_key_unref(o, key);
}

static void on_infeasible(struct rs_endpoint *ep, const struct rs_m_lease_infeasible *m)
{
  const struct request *request = rs_map_get_ptr(&ep->owner->request_by_number, m->request);
  if (request)
    rs_trace(ep, RS_TRACE_INFEASIBLE, (uint64_t)request->key->demand->is.cpu_e4, request->key->demand->is.gpu_e4,
             request->key->queued);
}

static void on_reject(struct rs_endpoint *ep, rs_addr raylet, const struct rs_m_lease_reject *m)
{
  struct rs_owner *o = ep->owner;
  struct request *request = rs_map_get_ptr(&o->request_by_number, m->request);
  if (!request)
    return;
  struct sched_key *key = request->key;
  if (key->demand->is.group_seq && (m->reason == RS_ERR_NO_ROOM || m->reason == RS_ERR_GROUP_STALE)) {
    on_group_reject(ep, request, m->reason);
    return;
  }
  if (m->reason == RS_ERR_NO_ROOM) {
    request->tries = request->tries < UINT8_MAX ? (uint8_t)(request->tries + 1) : UINT8_MAX;
    ask_again(ep, request, ep->raylet, 0);
    return;
  }
  /* it can never be: the task that waits longest ends */
  key->refs++;
  request_forget(o, request);
  if (key->queued) {
    struct owned_task *t = RS_ENTRY(key->queue.next, struct owned_task, link);
    rs_list_remove(&t->link);
    key->queued--;
    if (m->reason == RS_ERR_INFEASIBLE && key->strategy == RS_STRATEGY_NODE_AFFINITY) {
      struct rs_text text = {0};
      rs_text_str(&text, "it is bound to node ");
      rs_text_number(&text, key->target);
      rs_text_str(&text, ", which is not alive, or could never hold what it asks for");
      rs_owner_task_fail_text(ep, t, m->reason, &text);
    } else if (m->reason == RS_ERR_WORKER_START) {
      struct rs_text text = {0};
      rs_text_str(&text, "no worker process could be started for it on node ");
      rs_text_number(&text, rs_addr_node(raylet));
      rs_owner_task_fail_text(ep, t, m->reason, &text);
    } else {
      rs_owner_task_fail(ep, t, m->reason);
    }
  }
  rs_owner_key_changed(o, key);
  rs_owner_key_unref(o, key);
}

/* A copy that a lease was to bring is not there: the task looks for another, or waits until the object is made again.
 */
static void on_arg_lost(struct rs_endpoint *ep, const struct rs_m_lease_arg_lost *m)
{
  struct rs_owner *o = ep->owner;
  struct request *request = rs_map_get_ptr(&o->request_by_number, m->request);
  if (!request)
    return;
  struct sched_key *key = request->key;
  key->refs++;
  request_forget(o, request);
  struct owned_task *t = key->queued ? RS_ENTRY(key->queue.next, struct owned_task, link) : NULL;
  struct ref *ref = rs_owner_ref_find(o, ep->self, m->object);
  if (ref && m->object.owner != ep->self)
    rs_owner_borrow_ask(ep, ref, &m->location, 1);
  else if (ref)
    rs_owner_object_bad_location(ep, ref, m->location);
  if (t) {
    rs_list_remove(&t->link);
    key->queued--;
    t->state = TASK_BLOCKED;
    rs_list_push_back(&o->ready, &t->link);
  }
  rs_owner_key_changed(o, key);
  rs_owner_key_unref(o, key);
}

/* Its worker waits for an object, or runs a task longer than was to be expected, and gives back what had not begun: for
 * a while the key's tasks count as long ones, so that they do not meet again at the next worker. */
static void on_returned(struct rs_endpoint *ep, rs_addr worker, const struct rs_m_tasks_returned *m)
{
  struct rs_owner *o = ep->owner;
  struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, worker);
  if (!lease || lease->lost)
    return;
  struct sched_key *key = lease->key;
  for (uint32_t i = m->tasks_count; i-- > 0;) {
    struct owned_task *t = rs_map_get_ptr(&o->tasks, m->tasks[i].seq);
    if (!t || t->state != TASK_PUSHED || t->lease != lease)
      continue;
    rs_list_remove(&t->link);
    lease->in_flight_count--;
    t->lease = NULL;
    t->state = TASK_QUEUED;
    rs_list_push_front(&key->queue, &t->link);
    key->queued++;
    rs_trace(ep, RS_TRACE_TASK_RETURNED, ep->self, t->task->id.seq, worker);
  }
  lease->recalled = true;
  uint64_t long_ns = (uint64_t)ep->config->pipeline_target_us * RS_US;
  if (key->mean_run_ns < long_ns)
    key->mean_run_ns = long_ns;
  rs_owner_key_changed(o, key);
  rs_owner_lease_refill(ep, lease);
}

static void on_spill(struct rs_endpoint *ep, const struct rs_m_lease_spill *m)
{
  struct rs_owner *o = ep->owner;
  bool grown = m->nodes > o->nodes;
  o->nodes = m->nodes ? m->nodes : o->nodes;
  struct request *request = rs_map_get_ptr(&o->request_by_number, m->request);
  if (request && grown)
    rs_owner_key_changed(o, request->key); /* more requests may be under way than we thought */
  if (request)
    ask_again(ep, request, m->raylet, request->hops < UINT8_MAX ? (uint8_t)(request->hops + 1) : UINT8_MAX);
}

bool rs_owner_lease_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  struct rs_owner *o = ep->owner;
  switch (msg->type) {
  case RS_MSG_LEASE_GRANT: on_grant(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_REJECT: on_reject(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_INFEASIBLE: on_infeasible(ep, (const void *)msg); return true;
  case RS_MSG_LEASE_ARG_LOST: on_arg_lost(ep, (const void *)msg); return true;
  case RS_MSG_TASKS_RETURNED: on_returned(ep, from, (const void *)msg); return true;
  case RS_MSG_LEASE_SPILL: on_spill(ep, (const void *)msg); return true;
  case RS_MSG_LEASE_RECALL: {
    const struct rs_m_lease_recall *m = (const void *)msg;
    struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, m->worker);
    if (lease && lease->number == m->lease)
      lease->recalled = true;
    return true;
  }
  case RS_MSG_LEASE_ALIVE: rs_owner_doubt_on_alive(ep, (const void *)msg); return true;
  case RS_MSG_WORKER_OOM: {
    const struct rs_m_worker_oom *m = (const void *)msg;
    struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, m->worker);
    if (lease && lease->number == m->lease)
      rs_owner_lease_oom(ep, lease, m);
    return true;
  }
  case RS_MSG_WORKER_DIED: {
    const struct rs_m_worker_died *m = (const void *)msg;
    struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, m->worker);
    if (lease && lease->number == m->lease)
      rs_owner_lease_lost(ep, lease, m->reason, false);
    return true;
  }
  default: return false;
  }
}

static void prefetch_entry(const struct rs_map *map, uint64_t key, unsigned step, size_t bytes)
{
  if (step == 1) {
    rs_map_prefetch(map, key);
    return;
  }
  const void *entry = rs_map_get_ptr(map, key);
  if (entry)
    rs_prefetch(entry, bytes);
}

void rs_owner_prefetch(const struct rs_owner *o, rs_addr from, const struct rs_msg *msg, unsigned step)
{
  uint64_t request = 0;
  switch (msg->type) {
  case RS_MSG_LEASE_GRANT: request = ((const struct rs_m_lease_grant *)(const void *)msg)->request; break;
  case RS_MSG_LEASE_SPILL: request = ((const struct rs_m_lease_spill *)(const void *)msg)->request; break;
  case RS_MSG_LEASE_REJECT: request = ((const struct rs_m_lease_reject *)(const void *)msg)->request; break;
  case RS_MSG_TASKS_DONE: {
    const struct rs_m_tasks_done *m = (const void *)msg;
    prefetch_entry(&o->lease_by_worker, from, step, sizeof(struct lease));
    if (m->results_count)
      prefetch_entry(&o->tasks, m->results[0]->task.seq, step, sizeof(struct owned_task));
    return;
  }
  default: return;
  }
  prefetch_entry(&o->request_by_number, request, step, sizeof(struct request));
}

/* Its raylet is gone, and whoever sent us there may not know it yet: asked again after a report period, not at once. */
static void postpone(struct rs_endpoint *ep, struct request *request)
{
  request->raylet = RS_ADDR_NONE;
  request->hops = 0;
  request->due_at = rs_time_add(ep->now, (uint64_t)ep->config->raylet_report_resources_period_milliseconds * RS_MS);
  rs_list_remove(&request->postponed_link);
  rs_list_push_back(&ep->owner->postponed, &request->postponed_link); /* one delay for all: in order of due_at */
}

static void ask_postponed(struct rs_endpoint *ep)
{
  struct rs_owner *o = ep->owner;
  while (!rs_list_empty(&o->postponed)) {
    struct request *request = RS_ENTRY(o->postponed.next, struct request, postponed_link);
    if (request->due_at > ep->now)
      return;
    rs_list_remove(&request->postponed_link);
    if (request->key->demand->is.group_seq) { /* another raylet may have the bundle by now */
      struct sched_key *key = request->key;
      key->refs++;
      request_forget(o, request);
      rs_owner_key_changed(o, key);
      rs_owner_key_unref(o, key);
      continue;
    }
    ask_again(ep, request, ep->raylet, 0);
  }
}

uint64_t rs_owner_lease_deadline(const struct rs_owner *o)
{
  uint64_t deadline = rs_owner_doubt_deadline(o);
  if (rs_list_empty(&o->postponed))
    return deadline;
  return rs_time_min(deadline, RS_ENTRY(o->postponed.next, struct request, postponed_link)->due_at);
}

void rs_owner_lease_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  struct rs_owner *o = ep->owner;
  struct lease *lease = rs_map_get_ptr(&o->lease_by_worker, peer);
  if (lease) {
    rs_owner_doubt_worker_down(ep, lease);
    return;
  }
  if (rs_addr_ep(peer) != RS_EP_RAYLET)
    return;
  RS_LIST_EACH(&o->keys, at, after)
  {
    struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    if (key->home == peer)
      key->home = ep->raylet;
    RS_LIST_EACH(&key->requests, link, next)
    {
      struct request *request = RS_ENTRY(link, struct request, link);
      if (request->raylet == peer)
        postpone(ep, request);
    }
  }
}

void rs_owner_lease_on_node_dead(struct rs_endpoint *ep, rs_addr raylet)
{
  struct rs_owner *o = ep->owner;
  rs_owner_lease_on_peer_down(ep, raylet);
  RS_LIST_EACH(&o->keys, at, after)
  {
    struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    key->refs++;
    RS_LIST_EACH(&key->leases, link, next)
    {
      struct lease *lease = RS_ENTRY(link, struct lease, link);
      if (lease->raylet == raylet)
        rs_owner_lease_lost(ep, lease, RS_ERR_NODE_DIED, false);
    }
    rs_owner_key_unref(o, key);
  }
}

void rs_owner_lease_free_all(struct rs_owner *o)
{
  RS_LIST_EACH(&o->keys, at, after)
  {
    struct sched_key *key = RS_ENTRY(at, struct sched_key, link);
    RS_LIST_EACH(&key->leases, link, next) free(RS_ENTRY(link, struct lease, link));
    RS_LIST_EACH(&key->requests, link, next) free(RS_ENTRY(link, struct request, link));
    key_free(key);
  }
  rs_map_free(&o->key_by_hash);
  rs_map_free(&o->request_by_number);
  rs_map_free(&o->lease_by_worker);
}
