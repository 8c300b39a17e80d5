/* An owner whose leased worker may be gone, stepped by hand: it asks the raylet why, whichever word comes first; and a
 * task that was cancelled by force ends, though its worker does nothing.
 */
#include <string.h>

#include "check.h"
#include "core/endpoint.h"

#define HEAD rs_addr_make(0, 1, RS_EP_GCS)
#define HERE rs_addr_make(1, 1, RS_EP_RAYLET)
#define OWNER rs_addr_make(1, 1, RS_EP_DRIVER + 1)
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

static void broken(rs_addr peer)
{
  step(&(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = peer});
}

static const struct rs_msg *sent(uint16_t type)
{
  for (uint32_t i = 0; i < out.count; i++)
    if (out.items[i].kind == RS_OUT_SEND && out.items[i].msg->type == type)
      return out.items[i].msg;
  return NULL;
}

static const struct rs_reply *reply_of(uint64_t seq)
{
  for (uint32_t i = 0; i < out.count; i++)
    if (out.items[i].kind == RS_OUT_REPLY && out.items[i].reply->id.seq == seq)
      return out.items[i].reply;
  return NULL;
}

/* A task, pushed to worker 0 under lease 5. */
static void begin(int32_t max_retries)
{
  rs_config_defaults(&config);
  now = RS_S;
  ep = rs_endpoint_new(
      &(struct rs_start){.roles = RS_ROLE_DRIVER, .self = OWNER, .gcs = HEAD, .config = &config, .codec_forced = true});
  step(&(struct rs_input){.kind = RS_IN_START});
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = rs_task_new(0, 0);
  call->tasks[0]->id = (struct rs_id){OWNER, 1};
  call->max_retries = max_retries;
  call->demand.cpu_e4 = RS_ONE_E4;
  step(&(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  const struct rs_m_lease_request *asked = (const void *)sent(RS_MSG_LEASE_REQUEST);
  CHECK(asked);
  struct rs_m_lease_grant *grant = rs_msg_new(RS_MSG_LEASE_GRANT);
  grant->request = asked->request;
  grant->lease = 5;
  grant->worker = WORKER(0);
  grant->nodes = 1;
  hear(HERE, grant);
  CHECK(sent(RS_MSG_PUSH_TASKS));
}

static void end(void)
{
  rs_effects_free(&out);
  rs_endpoint_free(ep);
}

/* The broken connection is noticed before the raylet's word comes: the word counts. */
static void the_raylet_says_why(void)
{
  static const int reasons[] = {RS_ERR_GROUP_REMOVED, RS_ERR_WORKER_CRASHED};
  for (int i = 0; i < 2; i++) {
    begin(0);
    broken(WORKER(0));
    CHECK(!reply_of(1) && sent(RS_MSG_LEASE_CHECK) && sent(RS_MSG_LEASE_RETURN));
    CHECK_EQ(((const struct rs_m_lease_return *)(const void *)sent(RS_MSG_LEASE_RETURN))->worker_dead, 1);
    broken(WORKER(0)); /* a message to it fails too: nothing new */
    CHECK(!reply_of(1) && !sent(RS_MSG_LEASE_CHECK));
    now += 500 * RS_MS;
    struct rs_m_worker_died *died = rs_msg_new(RS_MSG_WORKER_DIED);
    died->lease = 5;
    died->worker = WORKER(0);
    died->reason = reasons[i];
    hear(HERE, died);
    CHECK(reply_of(1));
    CHECK_EQ(reply_of(1)->status, reasons[i]);
    CHECK(rs_endpoint_deadline(ep) > now + 500 * RS_MS); /* no alarm is left of it */
    end();
  }
  begin(0); /* for lack of memory: with the numbers */
  broken(WORKER(0));
  struct rs_m_worker_oom *oom = rs_msg_new(RS_MSG_WORKER_OOM);
  oom->lease = 5;
  oom->worker = WORKER(0);
  oom->used = 96 << 20;
  oom->limit = 100 << 20;
  hear(HERE, oom);
  CHECK(reply_of(1));
  CHECK_EQ(reply_of(1)->status, RS_ERR_OUT_OF_MEMORY);
  end();
}

static void it_lived_or_nobody_answers(void)
{
  begin(0);
  broken(WORKER(0));
  struct rs_m_lease_alive *alive = rs_msg_new(RS_MSG_LEASE_ALIVE);
  alive->lease = 5;
  alive->worker = WORKER(0);
  hear(HERE, alive);
  CHECK(reply_of(1));
  CHECK_EQ(reply_of(1)->status, RS_ERR_WORKER_CRASHED);
  end();
  begin(0);
  broken(WORKER(0));
  CHECK_EQ(rs_endpoint_deadline(ep), now + RS_S); /* timeout_ms_task_wait_for_death_info */
  now += RS_S;
  step(&(struct rs_input){.kind = RS_IN_TIMER});
  CHECK(reply_of(1));
  CHECK_EQ(reply_of(1)->status, RS_ERR_WORKER_CRASHED);
  end();
  begin(3); /* it is tried again, as before */
  broken(WORKER(0));
  now += RS_S;
  step(&(struct rs_input){.kind = RS_IN_TIMER});
  CHECK(!reply_of(1) && sent(RS_MSG_LEASE_REQUEST));
  end();
}

/* While the raylet is asked nothing is pushed to the lost worker. */
static void a_lost_worker_gets_nothing(void)
{
  begin(3);
  broken(WORKER(0));
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = rs_task_new(0, 0);
  call->tasks[0]->id = (struct rs_id){OWNER, 2};
  call->max_retries = 3;
  call->demand.cpu_e4 = RS_ONE_E4;
  step(&(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  CHECK(!sent(RS_MSG_PUSH_TASKS) && sent(RS_MSG_LEASE_REQUEST));
  end();
}

/* Only the connection broke: the worker tells the result over a new one, before the raylet answers. The lease is over,
 * and what the raylet says then is of no lease. */
static void a_lost_worker_may_still_tell(void)
{
  begin(0);
  broken(WORKER(0));
  now += 500 * RS_MS;
  struct rs_m_tasks_done *done = rs_msg_new(RS_MSG_TASKS_DONE);
  done->results_count = 1;
  done->results = rs_alloc(sizeof *done->results);
  done->results[0] = rs_result_new(0, 0);
  done->results[0]->task = (struct rs_id){OWNER, 1};
  hear(WORKER(0), done);
  CHECK(reply_of(1) && !sent(RS_MSG_LEASE_RETURN)); /* it was given back as dead */
  CHECK_EQ(reply_of(1)->status, RS_ERR_OK);
  CHECK(rs_endpoint_deadline(ep) > now + 500 * RS_MS); /* no alarm is left of it */
  struct rs_m_lease_alive *alive = rs_msg_new(RS_MSG_LEASE_ALIVE);
  alive->lease = 5;
  alive->worker = WORKER(0);
  hear(HERE, alive);
  CHECK(!reply_of(1));
  end();
}

static void cancel(bool force)
{
  struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
  call->object = (struct rs_id){OWNER, 1};
  call->force = force;
  step(&(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
}

/* Its worker is stopped: asked, it does nothing; then its raylet is told to end it. */
static void force_does_not_need_the_worker(void)
{
  begin(3);
  cancel(true);
  CHECK(sent(RS_MSG_TASK_CANCEL) && !reply_of(1));
  CHECK_EQ(rs_endpoint_deadline(ep), now + 2 * RS_S); /* cancellation_retry_ms */
  now += 2 * RS_S;
  step(&(struct rs_input){.kind = RS_IN_TIMER});
  CHECK(reply_of(1) && sent(RS_MSG_LEASE_RETURN));
  CHECK_EQ(reply_of(1)->status, RS_ERR_CANCELLED);
  CHECK_EQ(((const struct rs_m_lease_return *)(const void *)sent(RS_MSG_LEASE_RETURN))->worker_dead, 1);
  end();
  begin(3); /* gently: nothing follows */
  cancel(false);
  CHECK(rs_endpoint_deadline(ep) > now + 2 * RS_S);
  end();
}

/* The task ends in time, and its worker goes on: it is left alone. */
static void a_task_that_ended_ends_nobody(void)
{
  begin(3);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = rs_task_new(0, 0);
  call->tasks[0]->id = (struct rs_id){OWNER, 2};
  call->max_retries = 3;
  call->demand.cpu_e4 = RS_ONE_E4;
  step(&(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
  cancel(true);
  struct rs_m_tasks_done *done = rs_msg_new(RS_MSG_TASKS_DONE);
  done->results_count = 1;
  done->results = rs_alloc(sizeof *done->results);
  done->results[0] = rs_result_failed((struct rs_id){OWNER, 1}, RS_ERR_CANCELLED, "cancelled");
  hear(WORKER(0), done);
  CHECK(reply_of(1) && sent(RS_MSG_PUSH_TASKS)); /* the second one */
  now += 2 * RS_S;
  step(&(struct rs_input){.kind = RS_IN_TIMER});
  CHECK(!sent(RS_MSG_LEASE_RETURN) && !reply_of(2));
  end();
}

const struct rs_test rs_tests[] = {{"doubt: the raylet says why a worker is gone", the_raylet_says_why},
                                   {"doubt: it lived, or nobody answers", it_lived_or_nobody_answers},
                                   {"doubt: a lost worker gets nothing", a_lost_worker_gets_nothing},
                                   {"doubt: a lost worker may still tell", a_lost_worker_may_still_tell},
                                   {"cancel: force does not need the worker", force_does_not_need_the_worker},
                                   {"cancel: a task that ended ends nobody", a_task_that_ended_ends_nobody},
                                   {0}};
