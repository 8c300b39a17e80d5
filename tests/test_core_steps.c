/* Errors of the core that swarm mode found, each shown by one endpoint that is stepped by hand. */
#include <string.h>

#include "base/alloc.h"
#include "check.h"
#include "core/app.h"
#include "core/endpoint.h"

#define HEAD rs_addr_make(0, 1, RS_EP_GCS)
#define PROGRAM rs_addr_make(1, 1, RS_EP_DRIVER)
#define HERE rs_addr_make(1, 1, RS_EP_RAYLET)
#define THERE rs_addr_make(2, 1, RS_EP_RAYLET)

struct solo {
  struct rs_config config;
  struct rs_node_info *info;
  struct rs_endpoint *ep;
  struct rs_effects out; /* of the last step */
  uint64_t now;
};

static void take_step(struct solo *s, const struct rs_input *input)
{
  rs_effects_clear(&s->out);
  rs_endpoint_step(s->ep, s->now, input, &s->out);
  rs_endpoint_sanity_check(s->ep);
}

static struct rs_node_info *node_info(int cpus, int64_t store_bytes)
{
  struct rs_res total = {.cpu_e4 = cpus * RS_ONE_E4, .memory_bytes = INT64_C(1) << 30, .store_bytes = store_bytes};
  return rs_node_info_new(&total);
}

static void begin(struct solo *s, uint32_t role, rs_addr self, int cpus, int64_t store_bytes)
{
  s->now = RS_S;
  s->info = node_info(cpus, store_bytes);
  struct rs_start start = {
      .roles = role, .self = self, .gcs = HEAD, .config = &s->config, .info = s->info, .codec_forced = true};
  s->ep = rs_endpoint_new(&start);
  take_step(s, &(struct rs_input){.kind = RS_IN_START});
}

static void end(struct solo *s)
{
  rs_effects_clear(&s->out);
  rs_effects_free(&s->out);
  rs_endpoint_free(s->ep);
  rs_node_info_unref(s->info);
}

static void hear(struct solo *s, rs_addr from, void *msg)
{
  take_step(s, &(struct rs_input){.kind = RS_IN_MESSAGE, .peer = from, .msg = msg});
  rs_msg_unref(msg);
}

static void wake(struct solo *s)
{
  if (rs_endpoint_deadline(s->ep) > s->now)
    s->now = rs_endpoint_deadline(s->ep);
  take_step(s, &(struct rs_input){.kind = RS_IN_TIMER});
}

static void copied(struct solo *s, struct rs_id object, int status)
{
  take_step(s, &(struct rs_input){.kind = RS_IN_COPY_DONE, .object = object, .status = status});
}

/* The message of a type to an address that the last step sent; NULL: none. */
static const void *sent(const struct solo *s, rs_addr to, enum rs_msg_type type)
{
  for (uint32_t i = 0; i < s->out.count; i++) {
    const struct rs_effect *e = &s->out.items[i];
    bool hears = e->kind == RS_OUT_SEND && e->to == to;
    for (uint32_t k = 0; e->kind == RS_OUT_SEND_MANY && k < e->count; k++)
      hears = hears || e->many[k] == to;
    if (hears && e->msg->type == type)
      return e->msg;
  }
  return NULL;
}

static const struct rs_effect *effect(const struct solo *s, enum rs_effect_kind kind)
{
  for (uint32_t i = 0; i < s->out.count; i++)
    if (s->out.items[i].kind == kind)
      return &s->out.items[i];
  return NULL;
}

/* ---- messages ---- */

static void registers(struct solo *s, rs_addr raylet)
{
  struct rs_m_register *m = rs_msg_new(RS_MSG_REGISTER);
  m->info = node_info(4, 0);
  hear(s, raylet, m);
}

static void reports(struct solo *s, rs_addr raylet, uint32_t seq)
{
  struct rs_m_report *m = rs_msg_new(RS_MSG_REPORT);
  m->seq = seq;
  m->left.cpu_e4 = (seq % 4) * RS_ONE_E4;
  hear(s, raylet, m);
}

static void accepted(struct solo *s)
{
  struct rs_m_register_reply *m = rs_msg_new(RS_MSG_REGISTER_REPLY);
  m->accepted = 1;
  hear(s, HEAD, m);
}

static void request(struct solo *s, rs_addr owner, uint32_t count, const struct rs_dep *deps, uint32_t dep_count)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = 1;
  m->count = count;
  m->key = 7;
  m->actor = owner == HEAD;
  m->hops = m->actor;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4});
  m->hold = rs_shared_demand_ref(m->demand);
  m->deps = rs_memdup(deps, dep_count * sizeof *deps);
  m->deps_count = dep_count;
  hear(s, owner, m);
}

/* The first version: THERE has one CPU. */
static void first_view(struct solo *s)
{
  struct rs_m_view *m = rs_msg_new(RS_MSG_VIEW);
  m->version = 1;
  m->nodes = rs_alloc_zero(1, sizeof *m->nodes);
  m->nodes_count = 1;
  struct rs_node_info *info = node_info(1, 0);
  m->nodes[0] = (struct rs_entry){
      .node = 2, .raylet = THERE, .report_seq = 1, .state = RS_NODE_ALIVE, .left = info->total, .info = info};
  hear(s, HEAD, m);
}

static void created(struct solo *s, struct rs_id object, uint64_t size)
{
  struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
  m->object = object;
  m->size = size;
  hear(s, PROGRAM, m);
}

static void pull(struct solo *s, struct rs_id object, uint64_t size)
{
  struct rs_m_pull *m = rs_msg_new(RS_MSG_PULL);
  m->object = object;
  m->size = size;
  m->locations = rs_alloc(sizeof *m->locations);
  m->locations[0] = THERE;
  m->locations_count = 1;
  hear(s, PROGRAM, m);
}

/* ---- the head ---- */

/* The version that HERE has after this step; UINT64_MAX: one is missing. */
static uint64_t follows(const struct solo *s, uint64_t have)
{
  const struct rs_m_view *view = sent(s, HERE, RS_MSG_VIEW);
  if (!view || have == UINT64_MAX)
    return have;
  return view->from_version == 0 || view->from_version == have ? view->version : UINT64_MAX;
}

/* The head's changes never end; a raylet that asks for the view, at any moment, gets a whole one, and then every
 * version after it. */
static void view_chain(bool to_all, uint32_t ask_at)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  s.config.gcs_publish_to_all = to_all;
  begin(&s, RS_ROLE_GCS, HEAD, 0, 0);
  registers(&s, THERE);
  hear(&s, THERE, rs_msg_new(RS_MSG_WATCH)); /* so that versions are made */
  registers(&s, HERE);
  uint64_t have = follows(&s, 0);
  for (uint32_t i = 1; i < 60; i++) {
    s.now += 30 * RS_MS;
    reports(&s, THERE, i);
    have = follows(&s, have);
    for (bool asked = to_all; rs_endpoint_deadline(s.ep) < s.now + 30 * RS_MS; have = follows(&s, have)) {
      if (rs_endpoint_deadline(s.ep) > s.now)
        s.now = rs_endpoint_deadline(s.ep);
      if (!asked && i >= ask_at && i < ask_at + 4) /* as a version is due */
        hear(&s, HERE, rs_msg_new(RS_MSG_WATCH));
      else
        take_step(&s, &(struct rs_input){.kind = RS_IN_TIMER});
      asked = true;
    }
  }
  CHECK(have > 5 && have != UINT64_MAX);
  end(&s);
}

static void views_follow_each_other(void)
{
  view_chain(true, 0);
  view_chain(false, 1);
  view_chain(false, 20);
}

/* The head loses a worker that creates an actor: the creation is given up, also where the raylet says nothing. */
static void creation_lost(bool told)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_GCS, HEAD, 0, 0);
  registers(&s, HERE);
  struct rs_m_actor_create *m = rs_msg_new(RS_MSG_ACTOR_CREATE);
  m->creation = rs_task_new(0, 0);
  m->actor = m->creation->id = m->creation->actor = (struct rs_id){PROGRAM, 1};
  m->creation->flags = RS_TASK_ACTOR_CREATE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4});
  m->hold = rs_shared_demand_ref(m->demand);
  m->target = RS_NODE_NONE;
  hear(&s, PROGRAM, m);
  const struct rs_m_lease_request *asked = sent(&s, HERE, RS_MSG_LEASE_REQUEST);
  CHECK(asked);
  struct rs_m_lease_grant *grant = rs_msg_new(RS_MSG_LEASE_GRANT);
  grant->request = asked->request;
  grant->lease = 5;
  grant->worker = rs_addr_make(1, 1, RS_EP_WORKER);
  grant->pid = 77;
  hear(&s, HERE, grant);
  CHECK(sent(&s, rs_addr_make(1, 1, RS_EP_WORKER), RS_MSG_ACTOR_START));
  take_step(&s, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = rs_addr_make(1, 1, RS_EP_WORKER)});
  CHECK(!sent(&s, HERE, RS_MSG_LEASE_RETURN)); /* the raylet knows best */
  if (told) {
    struct rs_m_worker_died *died = rs_msg_new(RS_MSG_WORKER_DIED);
    died->lease = 5;
    died->worker = rs_addr_make(1, 1, RS_EP_WORKER);
    died->reason = RS_ERR_WORKER_CRASHED;
    died->pid = 77;
    died->end = -9;
    hear(&s, HERE, died);
  } else {
    wake(&s);
    CHECK_EQ(s.now, RS_S + (uint64_t)s.config.timeout_ms_task_wait_for_death_info * RS_MS);
    CHECK(sent(&s, HERE, RS_MSG_LEASE_RETURN));
  }
  const struct rs_m_actor_state *state = sent(&s, PROGRAM, RS_MSG_ACTOR_STATE);
  CHECK(state && state->state == RS_ACTOR_DEAD);
  static const char how[] = "its process died: signal 9 (SIGKILL) (process 77, worker 16 on node 1)";
  CHECK(!state || (state->text_count == sizeof how - 1 && memcmp(state->text, how, sizeof how - 1) == 0) == told);
  end(&s);
}

static void creation_is_given_up(void)
{
  creation_lost(false);
  creation_lost(true);
}

/* ---- a raylet ---- */

/* One place, two requests: the second is sent there too once the deduction's time is over, though nothing is heard. */
static void deduction_expires(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_RAYLET, HERE, 0, 0);
  accepted(&s);
  request(&s, PROGRAM, 2, NULL, 0);
  first_view(&s);
  CHECK(sent(&s, PROGRAM, RS_MSG_LEASE_SPILL));
  uint64_t from = s.now;
  bool again = false;
  for (int i = 0; i < 100 && !again && rs_endpoint_deadline(s.ep) < from + 10 * RS_S; i++) {
    wake(&s);
    again = sent(&s, PROGRAM, RS_MSG_LEASE_SPILL) != NULL;
  }
  CHECK(again);
  end(&s);
}

/* A node that drains has room and takes nothing; what was asked of it goes elsewhere. */
static void draining_node_sends_on(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_RAYLET, HERE, 1, 0);
  accepted(&s);
  hear(&s, HEAD, rs_msg_new(RS_MSG_DRAIN));
  request(&s, PROGRAM, 1, NULL, 0);
  CHECK(!effect(&s, RS_OUT_WORKER_START));
  first_view(&s);
  const struct rs_m_lease_spill *spill = sent(&s, PROGRAM, RS_MSG_LEASE_SPILL);
  CHECK(spill && spill->raylet == THERE);
  end(&s);
}

/* The report that shows an actor's resources may come before its grant: another one follows the grant. */
static void report_follows_an_actors_grant(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_RAYLET, HERE, 1, 0);
  accepted(&s);
  request(&s, HEAD, 1, NULL, 0);
  const struct rs_effect *start = effect(&s, RS_OUT_WORKER_START);
  CHECK(start);
  rs_addr worker = start->to;
  CHECK(sent(&s, HEAD, RS_MSG_REPORT));
  s.now += RS_S;
  hear(&s, worker, rs_msg_new(RS_MSG_WORKER_READY));
  CHECK(sent(&s, HEAD, RS_MSG_LEASE_GRANT));
  bool told = sent(&s, HEAD, RS_MSG_REPORT) != NULL;
  for (int i = 0; i < 100 && !told && rs_endpoint_deadline(s.ep) < 10 * RS_S; i++) {
    wake(&s);
    told = sent(&s, HEAD, RS_MSG_REPORT) != NULL;
  }
  CHECK(told);
  end(&s);
}

/* The first of two arguments is held while the second is on its way: another pull does not drive it out. */
static void arguments_are_held_as_they_come(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_RAYLET, HERE, 1, 1000);
  accepted(&s);
  struct rs_dep deps[2] = {{.id = {PROGRAM, 1}, .size_bytes = 500, .location = THERE},
                           {.id = {PROGRAM, 2}, .size_bytes = 400, .location = THERE}};
  struct rs_id other = {PROGRAM, 3};
  request(&s, PROGRAM, 1, deps, 2);
  copied(&s, deps[0].id, RS_ERR_OK);
  pull(&s, other, 500);
  CHECK(!sent(&s, PROGRAM, RS_MSG_OBJECT_EVICTED) && !effect(&s, RS_OUT_COPY));
  copied(&s, deps[1].id, RS_ERR_OK);
  CHECK(effect(&s, RS_OUT_WORKER_START) && !sent(&s, PROGRAM, RS_MSG_OBJECT_EVICTED));
  end(&s);
}

static void asks_for(struct solo *s, uint64_t number, const struct rs_dep *deps, uint32_t count)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = number;
  m->count = 1;
  m->key = 7;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4});
  m->hold = rs_shared_demand_ref(m->demand);
  m->deps = rs_memdup(deps, count * sizeof *deps);
  m->deps_count = count;
  hear(s, PROGRAM, m);
}

/* Arguments of granted leases pin at most their share of the store; an object counts once; alone, any lease is granted.
 */
static void arguments_keep_to_their_share(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  s.config.max_task_args_memory_fraction_e4 = 5000;
  begin(&s, RS_ROLE_RAYLET, HERE, 4, 1000);
  accepted(&s);
  struct rs_dep a = {.id = {PROGRAM, 1}, .size_bytes = 600, .location = HERE},
                b = {.id = {PROGRAM, 2}, .size_bytes = 100, .location = HERE}, twice[2] = {a, a};
  created(&s, a.id, 600);
  created(&s, b.id, 100);
  asks_for(&s, 1, twice, 2); /* more than the share, and nobody else */
  const struct rs_effect *start = effect(&s, RS_OUT_WORKER_START);
  CHECK(start);
  rs_addr worker = start->to;
  asks_for(&s, 2, &a, 1); /* nothing more to pin */
  CHECK(effect(&s, RS_OUT_WORKER_START));
  asks_for(&s, 3, &b, 1);
  CHECK(!effect(&s, RS_OUT_WORKER_START));
  hear(&s, worker, rs_msg_new(RS_MSG_WORKER_READY));
  const struct rs_m_lease_grant *grant = sent(&s, PROGRAM, RS_MSG_LEASE_GRANT);
  CHECK(grant && grant->request == 1);
  struct rs_m_lease_return *back = rs_msg_new(RS_MSG_LEASE_RETURN);
  back->lease = grant->lease;
  hear(&s, PROGRAM, back); /* its worker serves the second request; the object is still pinned */
  grant = sent(&s, PROGRAM, RS_MSG_LEASE_GRANT);
  CHECK(grant && grant->request == 2);
  back = rs_msg_new(RS_MSG_LEASE_RETURN);
  back->lease = grant->lease;
  hear(&s, PROGRAM, back);
  grant = sent(&s, PROGRAM, RS_MSG_LEASE_GRANT);
  CHECK(grant && grant->request == 3);
  end(&s);
}

/* An object that is made again while a copy of it is on its way is a first copy afterwards: it is not evicted. */
static void made_while_pulled(int copy_status)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  s.config.automatic_object_spilling_enabled = 0;
  begin(&s, RS_ROLE_RAYLET, HERE, 1, 1000);
  accepted(&s);
  struct rs_id object = {PROGRAM, 1}, other = {PROGRAM, 2};
  pull(&s, object, 600);
  CHECK(effect(&s, RS_OUT_COPY));
  created(&s, object, 600);
  const struct rs_m_pulled *stored = sent(&s, PROGRAM, RS_MSG_PULLED);
  CHECK(stored && stored->status == RS_ERR_OK);
  copied(&s, object, copy_status);
  const struct rs_m_pulled *pulled = sent(&s, PROGRAM, RS_MSG_PULLED);
  CHECK(pulled && pulled->status == RS_ERR_OK);
  created(&s, other, 600);
  s.now += 3 * RS_S;
  wake(&s);
  const struct rs_m_pulled *full = sent(&s, PROGRAM, RS_MSG_PULLED);
  CHECK(full && full->status == RS_ERR_STORE_FULL && !sent(&s, PROGRAM, RS_MSG_OBJECT_EVICTED));
  end(&s);
}

static void made_while_pulled_stays(void)
{
  made_while_pulled(RS_ERR_OK);
  made_while_pulled(RS_ERR_OBJECT_LOST);
}

static void pushes(struct solo *s, uint64_t seq)
{
  struct rs_m_push_tasks *m = rs_msg_new(RS_MSG_PUSH_TASKS);
  m->lease = 1;
  m->tasks_count = 1;
  m->tasks = rs_alloc(sizeof *m->tasks);
  m->tasks[0] = rs_task_new(0, 0);
  m->tasks[0]->id = (struct rs_id){PROGRAM, seq};
  hear(s, PROGRAM, m);
}

/* Tasks that wait behind a long one, because others were short, are given back in time. */
static void waits_behind_a_long_one(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_WORKER, rs_addr_make(1, 1, RS_EP_WORKER), 0, 0);
  pushes(&s, 1);
  CHECK(rs_endpoint_deadline(s.ep) == RS_TIME_NEVER);
  s.now += RS_S;
  pushes(&s, 2);
  pushes(&s, 3);
  CHECK(!sent(&s, PROGRAM, RS_MSG_TASKS_RETURNED));
  CHECK(rs_endpoint_deadline(s.ep) < s.now + 100 * RS_MS);
  wake(&s);
  const struct rs_m_tasks_returned *back = sent(&s, PROGRAM, RS_MSG_TASKS_RETURNED);
  CHECK(back && back->tasks_count == 2 && back->tasks[0].seq == 2 && back->tasks[1].seq == 3);
  CHECK(rs_endpoint_deadline(s.ep) == RS_TIME_NEVER);
  end(&s);
}

/* More leases in one request than an owner may ask for, or more to keep than to place: nobody begins to count them out.
 */
static void absurd_request(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_RAYLET, HERE, 1, 0);
  accepted(&s);
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = 1;
  m->count = UINT32_MAX;
  m->strategy = RS_STRATEGY_NODE_AFFINITY;
  m->target = rs_addr_node(HERE);
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = 1000 * RS_ONE_E4});
  m->hold = rs_shared_demand_new(&(struct rs_demand){0});
  hear(&s, PROGRAM, m);
  CHECK(!sent(&s, PROGRAM, RS_MSG_LEASE_REJECT));
  m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = 2;
  m->count = 1;
  m->hops = m->actor = 1;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){0});
  m->hold = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = 2 * RS_ONE_E4});
  hear(&s, HEAD, m);
  CHECK(!sent(&s, HEAD, RS_MSG_LEASE_GRANT));
  end(&s);
}

/* A copy that is nowhere is none. */
static void copy_nowhere(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, RS_ROLE_DRIVER, PROGRAM, 0, 0);
  struct rs_call *call = rs_call_new(RS_CALL_PUT, 0);
  call->object = (struct rs_id){PROGRAM, 1};
  call->size_bytes = 1000000;
  take_step(&s, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  struct rs_m_object_added *m = rs_msg_new(RS_MSG_OBJECT_ADDED);
  m->object = (struct rs_id){PROGRAM, 1};
  hear(&s, HERE, m);
  m = rs_msg_new(RS_MSG_OBJECT_ADDED); /* of an object that is not known either */
  m->object = (struct rs_id){PROGRAM, 7};
  hear(&s, HERE, m);
  struct rs_m_stream_item *item = rs_msg_new(RS_MSG_STREAM_ITEM);
  item->task = (struct rs_id){PROGRAM, 9};
  item->index = 1;
  item->item = rs_result_new(1, 0);
  item->item->returns[0].size_bytes = 1000;
  hear(&s, HERE, item);
  call = rs_call_new(RS_CALL_RELEASE, 0);
  call->object = (struct rs_id){PROGRAM, 1};
  take_step(&s, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  end(&s);
}

const struct rs_test rs_tests[] = {
    {"gcs: a raylet gets the view among changes, and misses no version", views_follow_each_other},
    {"gcs: a worker lost while it creates an actor", creation_is_given_up},
    {"raylet: a deduction ends with its time", deduction_expires},
    {"raylet: a node that drains sends requests elsewhere", draining_node_sends_on},
    {"raylet: a report follows the grant of an actor", report_follows_an_actors_grant},
    {"raylet: arguments are held as they come", arguments_are_held_as_they_come},
    {"raylet: arguments keep to their share of the store", arguments_keep_to_their_share},
    {"store: made while it is pulled, it stays", made_while_pulled_stays},
    {"raylet: a request of absurd size", absurd_request},
    {"owner: a copy that is nowhere", copy_nowhere},
    {"executor: what waits behind a long task goes back", waits_behind_a_long_one},
    {0},
};
