/* The worker pool: workers started beforehand, and those that do not come; one job and one environment a worker; which
 * one goes when memory is short, and what its owner does.
 */
#include <string.h>

#include "check.h"
#include "core/endpoint.h"

#define HEAD rs_addr_make(0, 1, RS_EP_GCS)
#define HERE rs_addr_make(1, 1, RS_EP_RAYLET)
#define OWNER(i) rs_addr_make(1, 1, RS_EP_DRIVER + (i))
#define WORKER(i) rs_addr_make(1, 1, RS_EP_WORKER + (i))

static struct rs_config config;
static struct rs_endpoint *ep;
static struct rs_effects out;
static uint64_t now;

static void step(const struct rs_input *input)
{
  rs_effects_clear(&out);
  rs_endpoint_step(ep, now, input, &out);
  rs_endpoint_sanity_check(ep);
}

static void hear(rs_addr from, void *msg)
{
  step(&(struct rs_input){.kind = RS_IN_MESSAGE, .peer = from, .msg = msg});
  rs_msg_unref(msg);
}

static void begin(uint32_t role, rs_addr self)
{
  rs_config_defaults(&config);
  now = RS_S;
  struct rs_res total = {.cpu_e4 = 8 * RS_ONE_E4};
  struct rs_node_info *info = rs_node_info_new(&total);
  ep = rs_endpoint_new(&(struct rs_start){
      .roles = role, .self = self, .gcs = HEAD, .config = &config, .info = info, .codec_forced = true});
  rs_node_info_unref(info);
  step(&(struct rs_input){.kind = RS_IN_START});
}

static void end(void)
{
  rs_effects_free(&out);
  rs_endpoint_free(ep);
}

static uint32_t count_of(enum rs_effect_kind kind)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < out.count; i++)
    count += out.items[i].kind == kind;
  return count;
}

static const struct rs_effect *effect(enum rs_effect_kind kind, uint16_t type)
{
  for (uint32_t i = 0; i < out.count; i++)
    if (out.items[i].kind == kind && (kind != RS_OUT_SEND || out.items[i].msg->type == type))
      return &out.items[i];
  return NULL;
}

/* Asks for a lease for a job and an environment; the worker that it got, or RS_ADDR_NONE. */
static rs_addr ask(rs_addr owner, rs_addr job, uint64_t env, uint64_t request, uint64_t *lease)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = request;
  m->job = job;
  m->count = 1;
  m->key = 7;
  m->hops = 1;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4, .env = env});
  m->hold = rs_shared_demand_ref(m->demand);
  hear(owner, m);
  const struct rs_effect *granted = effect(RS_OUT_SEND, RS_MSG_LEASE_GRANT);
  if (!granted)
    return RS_ADDR_NONE;
  *lease = ((const struct rs_m_lease_grant *)(const void *)granted->msg)->lease;
  return ((const struct rs_m_lease_grant *)(const void *)granted->msg)->worker;
}

static void give_back(rs_addr owner, uint64_t lease)
{
  struct rs_m_lease_return *m = rs_msg_new(RS_MSG_LEASE_RETURN);
  m->lease = lease;
  hear(owner, m);
}

static void one_job_and_one_environment_a_worker(void)
{
  uint64_t lease = 0;
  begin(RS_ROLE_RAYLET, HERE);
  CHECK(ask(OWNER(1), OWNER(1), 0, 1, &lease) == RS_ADDR_NONE && effect(RS_OUT_WORKER_START, 0));
  hear(WORKER(0), rs_msg_new(RS_MSG_WORKER_READY));
  const struct rs_effect *granted = effect(RS_OUT_SEND, RS_MSG_LEASE_GRANT);
  CHECK(granted);
  lease = ((const struct rs_m_lease_grant *)(const void *)granted->msg)->lease;
  give_back(OWNER(1), lease);
  CHECK_EQ(ask(OWNER(1), OWNER(1), 0, 2, &lease), WORKER(0)); /* again */
  give_back(OWNER(1), lease);
  CHECK_EQ(ask(WORKER(9), OWNER(1), 0, 1, &lease), WORKER(0)); /* for a task of the same job */
  give_back(WORKER(9), lease);
  CHECK_EQ(ask(OWNER(1), OWNER(1), 5, 3, &lease), RS_ADDR_NONE); /* another environment: a fresh one starts */
  CHECK(effect(RS_OUT_WORKER_START, 0)->to == WORKER(1));
  CHECK_EQ(ask(OWNER(2), OWNER(2), 0, 1, &lease), RS_ADDR_NONE); /* another job: likewise */
  CHECK(effect(RS_OUT_WORKER_START, 0)->to == WORKER(2));
  hear(WORKER(2), rs_msg_new(RS_MSG_WORKER_READY)); /* fresh ones take whoever waits first */
  CHECK(effect(RS_OUT_SEND, RS_MSG_LEASE_GRANT)->to == OWNER(1));
  hear(WORKER(1), rs_msg_new(RS_MSG_WORKER_READY));
  CHECK(effect(RS_OUT_SEND, RS_MSG_LEASE_GRANT)->to == OWNER(2));
  step(&(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = OWNER(1)});
  CHECK(effect(RS_OUT_WORKER_STOP, 0)); /* its workers are of no use to others */
  CHECK_EQ(count_of(RS_OUT_WORKER_STOP), 2);
  end();
}

/* ---- before they are needed ---- */

static void request(rs_addr owner, uint64_t first, uint32_t count, uint32_t backlog)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = first;
  m->count = count;
  m->backlog = backlog;
  m->key = 7;
  m->hops = 1;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4});
  m->hold = rs_shared_demand_ref(m->demand);
  hear(owner, m);
}

static void the_first_program_finds_workers(void)
{
  begin(RS_ROLE_RAYLET, HERE);
  config.worker_maximum_startup_concurrency = 3;
  hear(WORKER(99), rs_msg_new(RS_MSG_SUBSCRIBE)); /* a worker that owns something is no program */
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 0);
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 3);
  for (uint32_t i = 0; i < 8; i++) { /* a CPU each */
    hear(WORKER(i), rs_msg_new(RS_MSG_WORKER_READY));
    CHECK_EQ(count_of(RS_OUT_WORKER_START), i < 5 ? 1 : 0);
  }
  request(OWNER(1), 1, 8, 100);
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 0);
  CHECK_EQ(count_of(RS_OUT_SEND), 8); /* grants, at once */
  hear(OWNER(2), rs_msg_new(RS_MSG_SUBSCRIBE));
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 0); /* only for the first */
  end();
  begin(RS_ROLE_RAYLET, HERE); /* some CPUs are in use when it comes */
  request(OWNER(1), 1, 6, 0);
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 6);
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 2);
  end();
  begin(RS_ROLE_RAYLET, HERE);
  config.prestart_worker_first_driver = 0;
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 0);
  end();
}

static void backlog_starts_workers(void)
{
  static const uint32_t wanted[] = {1, 4, 8}; /* of 8 CPUs; not by default */
  for (uint32_t i = 0; i < 3; i++) {
    begin(RS_ROLE_RAYLET, HERE);
    config.enable_worker_prestart = i > 0;
    request(OWNER(1), 1, 1, i < 2 ? 3 : 1000);
    CHECK_EQ(count_of(RS_OUT_WORKER_START), wanted[i]);
    if (i == 1) { /* those that start are enough */
      request(OWNER(1), 2, 1, 2);
      CHECK_EQ(count_of(RS_OUT_WORKER_START), 0);
    }
    end();
  }
}

/* A worker that does not say that it is ready in time is stopped; after pop_worker_max_retries more the lease is
 * refused. */
static void workers_that_do_not_come(void)
{
  for (int forever = 0; forever < 2; forever++) {
    begin(RS_ROLE_RAYLET, HERE);
    config.pop_worker_max_retries = forever ? -1 : 2;
    request(OWNER(1), 1, 1, 0);
    for (uint32_t i = 0; i < 2; i++) {
      CHECK_EQ(count_of(RS_OUT_WORKER_START), 1);
      while (now += 30 * RS_S, step(&(struct rs_input){.kind = RS_IN_TIMER}), !effect(RS_OUT_WORKER_STOP, 0))
        CHECK(now < 200 * RS_S);
      CHECK(effect(RS_OUT_WORKER_STOP, 0)->to == WORKER(i) && !effect(RS_OUT_SEND, RS_MSG_LEASE_REJECT));
    }
    CHECK_EQ(now, 121 * RS_S);
    step(&(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = WORKER(2)}); /* the last one dies before it is ready */
    const struct rs_effect *refused = effect(RS_OUT_SEND, RS_MSG_LEASE_REJECT);
    CHECK_EQ(count_of(RS_OUT_WORKER_START), forever);
    CHECK(forever ? !refused : refused && refused->to == OWNER(1));
    if (refused)
      CHECK_EQ(((const struct rs_m_lease_reject *)(const void *)refused->msg)->reason, RS_ERR_WORKER_START);
    end();
  }
}

/* Beyond the limit idle workers end, looked at now and then. */
static void idle_ones_end(void)
{
  for (int off = 0; off < 2; off++) {
    begin(RS_ROLE_RAYLET, HERE);
    config.num_workers_soft_limit = 1;
    if (off)
      config.kill_idle_workers_interval_ms = 0;
    hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
    for (uint32_t i = 0; i < 8; i++)
      hear(WORKER(i), rs_msg_new(RS_MSG_WORKER_READY));
    uint64_t begun = now;
    uint32_t ended = 0;
    while (now < begun + 3 * RS_S && rs_endpoint_deadline(ep) < begun + 3 * RS_S) {
      now = rs_endpoint_deadline(ep);
      step(&(struct rs_input){.kind = RS_IN_TIMER});
      if (count_of(RS_OUT_WORKER_STOP))
        CHECK_EQ(now, begun + RS_S); /* a multiple of the interval */
      ended += count_of(RS_OUT_WORKER_STOP);
    }
    CHECK_EQ(ended, off ? 0 : 7);
    end();
  }
}

/* However often it might look, a raylet does so when the one that has been idle longest may go. */
static void nobody_looks_in_vain(void)
{
  begin(RS_ROLE_RAYLET, HERE);
  config.num_workers_soft_limit = 1;
  config.kill_idle_workers_interval_ms = 1;
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  uint64_t begun = now;
  for (uint32_t i = 0; i < 4; i++) {
    now += 10 * RS_MS;
    hear(WORKER(i), rs_msg_new(RS_MSG_WORKER_READY));
  }
  uint64_t lease = 0;
  now += RS_MS / 2;
  CHECK_EQ(ask(OWNER(1), OWNER(1), 0, 1, &lease), WORKER(3));
  CHECK_EQ(rs_endpoint_deadline(ep), begun + 10 * RS_MS + RS_S); /* idle_worker_killing_time_threshold_ms */
  for (uint32_t i = 0; i < 2; i++) {
    now = rs_endpoint_deadline(ep);
    step(&(struct rs_input){.kind = RS_IN_TIMER});
    CHECK_EQ(count_of(RS_OUT_WORKER_STOP), 1);
    CHECK(effect(RS_OUT_WORKER_STOP, 0)->to == WORKER(i));
    CHECK_EQ(now, begun + (i + 1) * 10 * RS_MS + RS_S);
  }
  CHECK(rs_endpoint_deadline(ep) > now + RS_S); /* one may stay */
  end();
}

/* Workers start slowly, one at a time, and the idle ones beyond the limit end sooner than a CPU has one: it ends. */
static void spare_ones_do_not_come_and_go(void)
{
  begin(RS_ROLE_RAYLET, HERE);
  config.num_workers_soft_limit = 1;
  config.worker_maximum_startup_concurrency = 1;
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  uint32_t started = 1, ended = 0;
  for (uint32_t i = 0; i < started && i < 100; i++) {
    for (uint64_t ready = now + 700 * RS_MS; now < ready;) {
      now = rs_time_min(rs_endpoint_deadline(ep), ready);
      step(&(struct rs_input){.kind = RS_IN_TIMER});
      ended += count_of(RS_OUT_WORKER_STOP);
      started += count_of(RS_OUT_WORKER_START);
    }
    hear(WORKER(i), rs_msg_new(RS_MSG_WORKER_READY));
    started += count_of(RS_OUT_WORKER_START);
  }
  CHECK(started < 8 && ended > 0);
  request(OWNER(1), 1, 8, 0); /* those that are needed start as ever */
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 1);
  end();
  begin(RS_ROLE_RAYLET, HERE); /* nor is one that dies at once started again and again */
  config.worker_maximum_startup_concurrency = 1;
  hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 1);
  step(&(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = WORKER(0)});
  CHECK_EQ(count_of(RS_OUT_WORKER_START), 0);
  end();
}

/* ---- memory ---- */

/* A lease of one CPU, with its worker, a millisecond later than the one before. */
static void lease(rs_addr owner, uint64_t request, bool actor, bool retriable, uint32_t worker)
{
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = request;
  m->count = 1;
  m->key = 7;
  m->hops = 1;
  m->actor = actor;
  m->retriable = retriable;
  m->target = RS_NODE_NONE;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = RS_ONE_E4});
  m->hold = rs_shared_demand_ref(m->demand);
  now += RS_MS;
  hear(owner, m);
  hear(WORKER(worker), rs_msg_new(RS_MSG_WORKER_READY));
  CHECK(effect(RS_OUT_SEND, RS_MSG_LEASE_GRANT));
}

enum { MIB = 1 << 20, WORKERS = 6 };

/* Of 1,000 MiB that many are in use; worker i has rss[i] MiB, and is not there at all where that is negative. */
static void pressure(uint64_t used_mib, const int *rss)
{
  struct rs_m_memory_use *m = rs_msg_new(RS_MSG_MEMORY_USE);
  m->used = used_mib * MIB;
  m->limit = 1000 * (uint64_t)MIB;
  m->workers = rs_alloc(WORKERS * sizeof *m->workers);
  m->rss = rs_alloc(WORKERS * sizeof *m->rss);
  m->pids = rs_alloc(WORKERS * sizeof *m->pids);
  for (uint32_t i = 0; i < WORKERS; i++) {
    if (rss[i] < 0)
      continue;
    m->workers[m->workers_count] = WORKER(i);
    m->rss[m->workers_count] = (uint64_t)rss[i] * MIB;
    m->pids[m->workers_count++] = 100 + i;
  }
  m->rss_count = m->pids_count = m->workers_count;
  hear(HERE, m);
}

/* Exactly these are ended, in this order; leased ones: their owners were told before. */
static void ended_are(const uint32_t *wanted, uint32_t count)
{
  uint32_t stopped = 0, told = 0;
  for (uint32_t i = 0; i < out.count; i++) {
    if (out.items[i].kind == RS_OUT_SEND && out.items[i].msg->type == RS_MSG_WORKER_OOM) {
      const struct rs_m_worker_oom *m = (const void *)out.items[i].msg;
      CHECK_EQ(m->worker, WORKER(wanted[stopped]));
      CHECK_EQ(m->pid, 100 + wanted[stopped]);
      told++;
    }
    if (out.items[i].kind != RS_OUT_WORKER_STOP)
      continue;
    CHECK(stopped < count);
    CHECK_EQ(out.items[i].to, WORKER(wanted[stopped]));
    stopped++;
  }
  CHECK_EQ(stopped, count);
  CHECK(told <= stopped);
}

#define ENDED(...)                                                                                                     \
  ended_are((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* Two tasks of owner 1, one of owner 2, one without retries, an actor; the last two were leased last. */
static void crowd(bool by_group)
{
  begin(RS_ROLE_RAYLET, HERE);
  config.worker_killing_policy_by_group = by_group;
  lease(OWNER(1), 1, false, true, 0);
  lease(OWNER(1), 2, false, true, 1);
  lease(OWNER(2), 1, false, true, 2);
  lease(HEAD, 1, true, false, 3);
  lease(OWNER(2), 2, false, false, 4);
}

static void the_newest_that_can_be_tried_again_goes(void)
{
  static const int rss[WORKERS] = {30, 30, 30, 30, 30, -1};
  crowd(false);
  pressure(949, rss); /* below the threshold */
  ended_are(NULL, 0);
  pressure(960, rss); /* 10 above it, and 50 of room: two of them */
  ENDED(2, 1);
  const struct rs_m_worker_oom *m = (const void *)effect(RS_OUT_SEND, RS_MSG_WORKER_OOM)->msg;
  CHECK(m->used == 960 * (uint64_t)MIB && m->limit == 1000 * (uint64_t)MIB && m->rss == 30 * MIB && m->retriable);
  pressure(960, rss); /* they are still there */
  ended_are(NULL, 0);
  static const int first[WORKERS] = {30, -1, -1, 30, 30, -1};
  pressure(960, first); /* one more can be tried again, then the newest */
  ENDED(0, 4);
  static const int last[WORKERS] = {-1, -1, -1, 30, -1, -1};
  pressure(950, last);
  ENDED(3);
  CHECK(!rs_endpoint_wants_memory(ep));
  end();
  crowd(false);
  config.max_kill_memory_buffer_bytes = 0;
  pressure(960, rss);
  ENDED(2);
  end();
  crowd(false); /* what it has is not known: no more than one */
  static const int unknown[WORKERS] = {0, 0, 0, 0, 0, -1};
  pressure(990, unknown);
  ENDED(2);
  end();
  crowd(false); /* so much may be in use as long as that much is free */
  config.min_memory_free_bytes = 20 * MIB;
  pressure(979, rss);
  ended_are(NULL, 0);
  pressure(980, rss);
  ENDED(2, 1);
  end();
}

static void of_the_owner_with_most(void)
{
  int rss[WORKERS] = {30, 30, 30, 30, 30, -1};
  static const uint32_t order[] = {1, 2, 0, 4, 3}; /* the newest of two; then each has one: the newest */
  crowd(true);
  for (unsigned i = 0; i < 5; i++) {
    pressure(999, rss); /* one at a time, however much is missing */
    ended_are(&order[i], 1);
    rss[order[i]] = -1;
  }
  end();
}

/* Idle ones go first, the largest first; one that has run nothing only when it is large. */
static void idle_ones_go_first(void)
{
  for (int large = 0; large < 2; large++) {
    begin(RS_ROLE_RAYLET, HERE);
    config.idle_worker_killing_memory_threshold_bytes = 20 * MIB;
    request(OWNER(1), 1, 3, 0);
    for (uint32_t i = 0; i < 3; i++)
      hear(WORKER(i), rs_msg_new(RS_MSG_WORKER_READY));
    give_back(OWNER(1), 1);
    give_back(OWNER(1), 2);
    hear(OWNER(1), rs_msg_new(RS_MSG_SUBSCRIBE));
    hear(WORKER(3), rs_msg_new(RS_MSG_WORKER_READY)); /* fresh; 4 and 5 only start */
    const int rss[WORKERS] = {10, 40, 30, large ? 25 : 15, 50, 50};
    pressure(960, rss);
    if (large)
      ENDED(1, 3);
    else
      ENDED(1, 0, 2);
    end();
  }
}

/* The task is submitted, leased, pushed; then its worker is ended. */
static struct rs_reply *submit_and_lose(int32_t max_retries, uint32_t times)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = rs_task_new(0, 0);
  call->tasks[0]->id = (struct rs_id){OWNER(1), 1};
  call->max_retries = max_retries;
  call->demand.cpu_e4 = RS_ONE_E4;
  step(&(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  for (uint32_t i = 0; i < times; i++) {
    const struct rs_effect *asked = effect(RS_OUT_SEND, RS_MSG_LEASE_REQUEST);
    CHECK(asked);
    struct rs_m_lease_grant *grant = rs_msg_new(RS_MSG_LEASE_GRANT);
    grant->request = ((const struct rs_m_lease_request *)(const void *)asked->msg)->request;
    grant->lease = 5 + i;
    grant->worker = WORKER(i);
    grant->nodes = 1;
    hear(HERE, grant);
    CHECK(effect(RS_OUT_SEND, RS_MSG_PUSH_TASKS));
    struct rs_m_worker_oom *oom = rs_msg_new(RS_MSG_WORKER_OOM);
    oom->lease = 5 + i;
    oom->worker = WORKER(i);
    oom->used = UINT64_C(15603) << 20;
    oom->limit = UINT64_C(16384) << 20;
    oom->rss = UINT64_C(512) << 20;
    oom->pid = 4711;
    oom->retriable = 1;
    hear(HERE, oom);
    if (effect(RS_OUT_REPLY, 0))
      return effect(RS_OUT_REPLY, 0)->reply;
    uint64_t pause = i < 6 ? RS_S << i : 60 * RS_S; /* which grows */
    for (int late = 0; late < 2; late++) {
      CHECK(!effect(RS_OUT_SEND, RS_MSG_LEASE_REQUEST));
      now += late ? RS_MS : pause - RS_MS;
      step(&(struct rs_input){.kind = RS_IN_TIMER});
    }
  }
  return NULL;
}

static void it_is_retried_after_a_pause(void)
{
  begin(RS_ROLE_DRIVER, OWNER(1));
  CHECK(!submit_and_lose(3, 10)); /* more often than it has other retries */
  end();
  begin(RS_ROLE_DRIVER, OWNER(1));
  config.task_oom_retries = 2;
  struct rs_reply *reply = submit_and_lose(3, 10);
  CHECK(reply && reply->status == RS_ERR_OUT_OF_MEMORY);
  static const char wanted[] =
      "on node 1 15603 of 16384 MiB were in use, more than 15564 (memory_usage_threshold, 95 %); its "
      "worker (process 4711) had 512 MiB and was ended, as the newest that can be tried again";
  char text[RS_ERROR_TEXT_MAX] = "";
  memcpy(text, reply->result->data, reply->result->data_bytes);
  CHECK(strstr(text, wanted) && strstr(text, "after 2 retries"));
  end();
  begin(RS_ROLE_DRIVER, OWNER(1));
  reply = submit_and_lose(0, 1); /* one that is never retried */
  CHECK(reply && reply->status == RS_ERR_OUT_OF_MEMORY);
  end();
}

const struct rs_test rs_tests[] = {
    {"the first program finds workers", the_first_program_finds_workers},
    {"a backlog starts workers", backlog_starts_workers},
    {"workers that do not come", workers_that_do_not_come},
    {"idle workers end", idle_ones_end},
    {"idle workers are not looked at in vain", nobody_looks_in_vain},
    {"spare workers do not come and go", spare_ones_do_not_come_and_go},
    {"one job and one environment a worker", one_job_and_one_environment_a_worker},
    {"memory: the newest that can be tried again goes", the_newest_that_can_be_tried_again_goes},
    {"memory: one of the owner with most", of_the_owner_with_most},
    {"memory: idle ones go first", idle_ones_go_first},
    {"its task is tried again after a pause", it_is_retried_after_a_pause},
    {0}};
