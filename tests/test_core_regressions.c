/* Errors of the core that swarm mode found, each as the smallest story that shows it. */
#include "check.h"
#include "mini.h"

static void submit(struct mini *m, struct rs_task *task, uint8_t strategy, rs_node_id target, int32_t max_retries)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = task;
  call->strategy = strategy;
  call->target = target;
  call->max_retries = max_retries;
  call->demand.cpu_e4 = RS_ONE_E4;
  mini_call(m, call);
}

static void one(struct mini *m, enum rs_call_kind kind, struct rs_id object, bool flag)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = object;
  call->no_restart = call->force = flag;
  mini_call(m, call);
}

/* A kept task passes the codec. */
static void kept_task_travels(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *task = mini_task(m, RS_MS, 1 << 20, 0);
  task->flags |= RS_TASK_KEEP;
  struct rs_id id = task->id, object = {id.owner, id.seq + 1};
  submit(m, task, RS_STRATEGY_DEFAULT, RS_NODE_NONE, 0);
  mini_run(m, 5 * RS_S);
  CHECK(mini_reply(m, id) && mini_reply(m, id)->status == RS_ERR_OK);
  CHECK_EQ(mini_stored_bytes(m), 1 << 20);
  one(m, RS_CALL_RELEASE, object, false);
  mini_run(m, 6 * RS_S);
  CHECK_EQ(mini_stored_bytes(m), 0);
  mini_free(m);
}

/* A task is cancelled while its lease request is on its way: the request goes with it. */
static void cancel_withdraws_the_request(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *first = mini_task(m, RS_S, 0, 0), *second = mini_task(m, RS_S, 0, 0);
  struct rs_id waits = second->id;
  submit(m, first, RS_STRATEGY_DEFAULT, RS_NODE_NONE, 0);
  submit(m, second, RS_STRATEGY_DEFAULT, RS_NODE_NONE, 0);
  one(m, RS_CALL_CANCEL, waits, false); /* the sanity check of this step asserted */
  mini_run(m, 5 * RS_S);
  CHECK_EQ(mini_reply_count(m), 2);
  CHECK_EQ(mini_reply(m, waits)->status, RS_ERR_CANCELLED);
  CHECK_EQ(mini_count(m, RS_TRACE_LEASE_GRANTED), mini_count(m, RS_TRACE_LEASE_RETURNED));
  mini_free(m);
}

/* Hard affinity to a node that can never hold the demand fails; soft affinity runs elsewhere. */
static void affinity_to_a_node_without_cpus(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *hard = mini_task(m, RS_MS, 0, 0), *soft = mini_task(m, RS_MS, 0, 0);
  struct rs_id hard_id = hard->id, soft_id = soft->id;
  submit(m, hard, RS_STRATEGY_NODE_AFFINITY, 0, 3);
  submit(m, soft, RS_STRATEGY_NODE_AFFINITY_SOFT, 0, 3);
  mini_run(m, 5 * RS_S);
  CHECK(mini_reply(m, hard_id) && mini_reply(m, hard_id)->status == RS_ERR_INFEASIBLE);
  CHECK(mini_reply(m, soft_id) && mini_reply(m, soft_id)->status == RS_ERR_OK);
  CHECK(mini_messages(m, RS_MSG_LEASE_REQUEST) < 10);
  mini_free(m);
}

/* A store that is full together with its disk is told, however many retries there are. */
static void full_store_is_final(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  opts.total.store_bytes = 1000;
  struct mini *m = mini_new(&opts);
  mini_fill_disk(m, true);
  mini_run(m, RS_S);
  struct rs_task *task = mini_task(m, RS_MS, 1 << 20, 0);
  struct rs_id id = task->id;
  submit(m, task, RS_STRATEGY_DEFAULT, RS_NODE_NONE, -1);
  mini_run(m, 5 * RS_S);
  CHECK(mini_reply(m, id) && mini_reply(m, id)->status == RS_ERR_DISK_FULL);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_STARTED), 1);
  mini_free(m);
}

/* Calls that are refused as they are submitted never held their arguments: those who do keep them. */
static void refused_calls_hold_nothing(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 2);
  opts.config.actor_max_pending_calls = 1;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *maker = mini_task(m, RS_S, 10, 0);
  maker->flags |= RS_TASK_KEEP;
  struct rs_id object = {maker->id.owner, maker->id.seq + 1};
  submit(m, maker, RS_STRATEGY_DEFAULT, RS_NODE_NONE, 0);
  struct rs_call *create = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, RS_MS, 0, 0);
  creation->flags |= RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  struct rs_id actor = creation->id, calls[2];
  create->tasks[0] = creation;
  create->target = RS_NODE_NONE;
  mini_call(m, create);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 2);
  for (int i = 0; i < 2; i++) {
    call->tasks[i] = mini_task(m, RS_MS, 0, 1);
    call->tasks[i]->flags |= RS_TASK_ACTOR_CALL;
    call->tasks[i]->actor = actor;
    call->tasks[i]->deps[0].id = object;
    calls[i] = call->tasks[i]->id;
  }
  mini_call(m, call);
  one(m, RS_CALL_RELEASE, object, false);
  mini_run(m, 5 * RS_S);
  CHECK(mini_reply(m, calls[1]) && mini_reply(m, calls[1])->status == RS_ERR_PENDING_CALLS);
  CHECK(mini_reply(m, calls[0]) && mini_reply(m, calls[0])->status == RS_ERR_OK);
  mini_free(m);
}

const struct rs_test rs_tests[] = {
    {"core: a kept task passes the codec", kept_task_travels},
    {"core: a cancelled task withdraws its lease request", cancel_withdraws_the_request},
    {"core: affinity to a node that can never hold it", affinity_to_a_node_without_cpus},
    {"core: a full store is final", full_store_is_final},
    {"core: calls that are refused hold no arguments", refused_calls_hold_nothing},
    {0},
};
