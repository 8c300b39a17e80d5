/* Arguments that a task does not bring, the arguments of an actor's creation, and objects that are freed on request:
 * over the mini driver, with every message through the codec. */
#include "base/alloc.h"
#include "check.h"
#include "core/owner_int.h"
#include "core/raylet_int.h"
#include "core/store.h"
#include "mini.h"

#define LONG_NS (1000 * RS_S)

static struct mini *cluster(uint32_t nodes, uint32_t cpus, int64_t inline_limit)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.codec = true;
  if (inline_limit >= 0)
    opts.config.task_rpc_inlined_bytes_limit = inline_limit;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static void settle(struct mini *m)
{
  mini_run(m, mini_run(m, 0) + 20 * RS_S);
}

static void object_call(struct mini *m, rs_addr who, enum rs_call_kind kind, struct rs_id id)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = id;
  mini_call_at(m, who, call);
}

static void mine(struct mini *m, enum rs_call_kind kind, struct rs_id id)
{
  object_call(m, mini_driver(m), kind, id);
}

static struct rs_id put_small(struct mini *m, uint32_t bytes, uint8_t byte)
{
  struct rs_call *call = rs_call_new(RS_CALL_PUT, 0);
  call->object = (struct rs_id){mini_driver(m), mini_seq(m, 0)};
  call->value = rs_value_new(0, bytes);
  memset(call->value->data, byte, bytes);
  struct rs_id id = call->object;
  mini_call(m, call);
  return id;
}

/* An object of `bytes` (more than travels inside), made on a node with CPUs, after `ns`. */
static struct rs_id make(struct mini *m, uint64_t bytes, uint64_t ns, int32_t max_retries)
{
  struct rs_task *task = mini_task(m, ns, bytes, 0);
  task->flags = RS_TASK_KEEP;
  struct rs_id object = {task->id.owner, task->id.seq + 1};
  mini_submit(m, task, 1, max_retries);
  return object;
}

static struct rs_id create(struct mini *m, struct rs_id reads, int32_t max_restarts, const char *name)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, reads.seq ? 1 : 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  if (reads.seq)
    creation->deps[0].id = reads;
  struct rs_id id = creation->id;
  call->tasks[0] = creation;
  call->demand.cpu_e4 = call->hold.cpu_e4 = RS_ONE_E4;
  call->max_restarts = max_restarts;
  if (name) {
    call->actor = rs_alloc_zero(1, sizeof *call->actor);
    memcpy(call->actor->name, name, strlen(name));
  }
  mini_call(m, call);
  return id;
}

static struct rs_id call_with(struct mini *m, struct rs_id actor, const struct rs_id *reads, uint32_t count,
                              uint64_t ns)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  struct rs_task *task = mini_task(m, ns, 0, count);
  task->flags = RS_TASK_ACTOR_CALL;
  task->actor = actor;
  for (uint32_t i = 0; i < count; i++)
    task->deps[i].id = reads[i];
  call->tasks[0] = task;
  struct rs_id id = task->id;
  mini_call(m, call);
  return id;
}

static struct rs_id run_with(struct mini *m, const struct rs_id *reads, uint32_t count, uint64_t ns)
{
  struct rs_task *task = mini_task(m, ns, 0, count);
  for (uint32_t i = 0; i < count; i++)
    task->deps[i].id = reads[i];
  struct rs_id id = task->id;
  mini_submit(m, task, 1, 3);
  return id;
}

static int status_of(const struct mini *m, struct rs_id id)
{
  return mini_reply(m, id) ? mini_reply(m, id)->status : 1;
}

static bool says(const struct rs_reply *reply, const char *what)
{
  size_t n = strlen(what);
  for (uint32_t i = 0; reply && reply->result && i + n <= reply->result->data_bytes; i++)
    if (memcmp(reply->result->data + i, what, n) == 0)
      return true;
  return false;
}

static const struct ref *known(struct mini *m, struct rs_id id)
{
  return rs_owner_ref_find(mini_endpoint(m, mini_driver(m))->owner, mini_driver(m), id);
}

static void lose_all(struct mini *m, uint32_t nodes)
{
  for (uint32_t i = 1; i <= nodes; i++)
    mini_kill_node(m, i);
  for (uint32_t i = 1; i <= nodes; i++)
    mini_restart_node(m, i);
  settle(m);
}

static void nothing_left(struct mini *m)
{
  settle(m);
  for (uint32_t i = 0; i < mini_place_count(m); i++) {
    const struct rs_endpoint *ep = mini_place(m, i);
    const struct rs_owner *o = ep->owner;
    CHECK(!o || (o->tasks.count == 0 && o->refs.count == 0 && o->borrowed.count == 0 && o->borrowers.count == 0));
    CHECK(!o || (o->lineage_bytes == 0 && rs_list_empty(&o->adds) && rs_list_empty(&o->deferred)));
    CHECK(!ep->local || rs_store_object_count(ep->local->store) == 0);
  }
  if (mini_count(m, RS_TRACE_NODE_DEAD) == 0)
    CHECK_EQ(mini_stored_bytes(m), 0);
  mini_free(m);
}

/* ---- arguments of calls ---- */

static void stored_arguments_come_to_the_actor(void)
{
  struct mini *m = cluster(2, 1, -1);
  struct rs_id actor = create(m, (struct rs_id){0}, 0, NULL);
  settle(m);
  struct rs_id object = make(m, 1 << 20, RS_MS, 0);
  settle(m);
  struct rs_id both[2] = {object, object}, call = call_with(m, actor, both, 2, LONG_NS);
  settle(m);
  rs_addr worker = mini_worker_of(m, call);
  CHECK(worker != RS_ADDR_NONE && mini_ran_on(m, call) != mini_ran_on(m, (struct rs_id){object.owner, object.seq - 1}));
  struct rs_store *store = mini_raylet(m, rs_addr_node(worker))->local->store;
  CHECK(rs_store_has(store, object)); /* it has come, and stays while the call runs */
  mine(m, RS_CALL_RELEASE, object);
  settle(m);
  CHECK(rs_store_has(store, object));
  mini_finish(m, rs_result_failed(call, RS_ERR_TASK_FAILED, "enough"));
  settle(m);
  CHECK_EQ(status_of(m, call), RS_ERR_TASK_FAILED);
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

static void calls_are_cancelled_while_arguments_come(void)
{
  struct mini *m = cluster(2, 1, -1);
  struct rs_id actor = create(m, (struct rs_id){0}, 0, NULL);
  settle(m);
  struct rs_id object = make(m, 1 << 20, RS_MS, 3);
  settle(m);
  struct rs_id call = call_with(m, actor, NULL, 0, LONG_NS);
  settle(m);
  rs_addr worker = mini_worker_of(m, call);
  mini_slow(m, worker, rs_addr_raylet(worker), 5 * RS_S); /* its PULL */
  mini_finish(m, rs_result_failed(call, RS_ERR_TASK_FAILED, "enough"));
  struct rs_id first = call_with(m, actor, &object, 1, RS_MS), second = call_with(m, actor, NULL, 0, RS_MS);
  mini_run(m, mini_run(m, 0) + 100 * RS_MS);
  CHECK(!mini_reply(m, first) && !mini_running(m, first));
  mine(m, RS_CALL_CANCEL, first);
  mini_run(m, mini_run(m, 0) + 100 * RS_MS);
  CHECK_EQ(status_of(m, first), RS_ERR_CANCELLED);
  CHECK_EQ(status_of(m, second), RS_ERR_OK); /* the copy comes later, and nobody wants it */
  mine(m, RS_CALL_RELEASE, object);
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

/* Small ones beyond the limit are not pushed; the worker asks for them, in any number, also of one object twice. */
static void values_beyond_the_limit_are_asked_for(void)
{
  struct mini *m = cluster(1, 1, 4096);
  struct rs_id reads[40];
  for (int i = 0; i < 40; i++)
    reads[i] = i % 4 == 3 ? reads[i - 1] : put_small(m, 1000, (uint8_t)i);
  uint64_t asked = mini_messages(m, RS_MSG_REF_ASK);
  struct rs_id task = run_with(m, reads, 40, LONG_NS);
  settle(m);
  const struct rs_task *running = mini_running(m, task);
  for (int i = 0; i < 40; i++)
    CHECK(running && running->deps[i].value && running->deps[i].value->data[999] == (i % 4 == 3 ? i - 1 : i));
  asked = mini_messages(m, RS_MSG_REF_ASK) - asked;
  CHECK(asked >= 26 && asked <= 37);
  mini_finish(m, rs_result_failed(task, RS_ERR_TASK_FAILED, "enough"));
  settle(m);
  for (int i = 0; i < 40; i++)
    if (i % 4 != 3)
      mine(m, RS_CALL_RELEASE, reads[i]);
  nothing_left(m);
}

/* Pushed together, but no more than the limit in one message. */
static void pushes_are_bounded(void)
{
  struct mini *m = cluster(1, 1, 4096);
  struct rs_id actor = create(m, (struct rs_id){0}, 0, NULL), value = put_small(m, 3000, 1), calls[10];
  settle(m);
  uint64_t pushes = mini_messages(m, RS_MSG_PUSH_TASKS);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 10);
  for (int i = 0; i < 10; i++) {
    struct rs_task *task = mini_task(m, RS_MS, 0, 1);
    task->flags = RS_TASK_ACTOR_CALL;
    task->actor = actor;
    task->deps[0].id = value;
    calls[i] = task->id;
    call->tasks[i] = task;
  }
  mini_call(m, call);
  settle(m);
  CHECK_EQ(mini_messages(m, RS_MSG_PUSH_TASKS) - pushes, 10);
  for (int i = 0; i < 10; i++)
    CHECK_EQ(status_of(m, calls[i]), RS_ERR_OK);
  mine(m, RS_CALL_RELEASE, value);
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

/* A task that runs again for what was lost finds the small values that it never brought. */
static void left_out_values_outlive_their_release(void)
{
  struct mini *m = cluster(1, 1, 0);
  struct rs_id value = put_small(m, 100, 7);
  struct rs_task *task = mini_task(m, RS_MS, 1 << 20, 1);
  task->deps[0].id = value;
  task->flags = RS_TASK_KEEP;
  struct rs_id made = {task->id.owner, task->id.seq + 1};
  mini_submit(m, task, 1, 3);
  settle(m);
  mine(m, RS_CALL_RELEASE, value);
  CHECK(known(m, value));
  lose_all(m, 1);
  mine(m, RS_CALL_GET, made);
  settle(m);
  CHECK(mini_reply(m, made) && mini_reply(m, made)->status == RS_ERR_OK && mini_reply(m, made)->stored);
  mine(m, RS_CALL_UNPIN, made);
  mine(m, RS_CALL_RELEASE, made);
  settle(m);
  CHECK(!known(m, value));
  nothing_left(m);
}

/* ---- arguments of creations ---- */

static void creations_hold_their_arguments(void)
{
  struct mini *m = cluster(2, 1, -1);
  struct rs_id object = make(m, 1 << 20, RS_MS, 3);
  settle(m);
  struct rs_id actor = create(m, object, 1, NULL);
  mine(m, RS_CALL_RELEASE, object);
  settle(m);
  CHECK(mini_reply(m, actor) && mini_reply(m, actor)->state == RS_ACTOR_ALIVE);
  CHECK(known(m, object)); /* it may be created again */
  object_call(m, mini_driver(m), RS_CALL_ACTOR_KILL, actor);
  settle(m);
  CHECK(mini_reply(m, actor)->state == RS_ACTOR_ALIVE && mini_count(m, RS_TRACE_ACTOR_RESTARTED) == 1);
  CHECK(!known(m, object)); /* it will not */
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

/* Its node goes with the only copy: the restart has the object made again. */
static void creations_get_lost_arguments_again(void)
{
  struct mini *m = cluster(1, 2, -1);
  struct rs_id object = make(m, 1 << 20, RS_MS, 3);
  settle(m);
  struct rs_id actor = create(m, object, -1, NULL);
  mine(m, RS_CALL_RELEASE, object);
  settle(m);
  CHECK(mini_reply(m, actor) && mini_reply(m, actor)->state == RS_ACTOR_ALIVE);
  lose_all(m, 1);
  settle(m);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_REBUILT), 1);
  CHECK(mini_reply(m, actor)->state == RS_ACTOR_ALIVE && mini_count(m, RS_TRACE_ACTOR_RESTARTED) == 1);
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

/* It is not placed before its argument is made, but its name is taken. */
static void creations_wait_for_their_arguments(void)
{
  struct mini *m = cluster(1, 1, -1);
  struct rs_id object = make(m, 0, LONG_NS, 0), task = {object.owner, object.seq - 1};
  settle(m);
  struct rs_id actor = create(m, object, 0, "waits"), again = create(m, (struct rs_id){0}, 0, "waits");
  settle(m);
  CHECK(mini_reply(m, actor)->state == RS_ACTOR_PENDING && mini_count(m, RS_TRACE_ACTOR_PLACED) == 0);
  CHECK_EQ(status_of(m, again), RS_ERR_NAME_TAKEN);
  struct rs_result *result = rs_result_new(1, 2);
  result->task = task;
  result->returns[0] = (struct rs_return){.size_bytes = 2, .inline_bytes = 2};
  mini_finish(m, result);
  settle(m);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_ALIVE);
  mine(m, RS_CALL_RELEASE, object);
  mine(m, RS_CALL_RELEASE, actor);
  nothing_left(m);
}

static void creations_fail_with_their_argument(void)
{
  struct mini *m = cluster(1, 1, -1);
  struct rs_id object = make(m, 0, LONG_NS, 0), task = {object.owner, object.seq - 1};
  settle(m);
  struct rs_id actor = create(m, object, 5, NULL), given_up = create(m, object, 5, NULL);
  mine(m, RS_CALL_RELEASE, given_up);
  mini_finish(m, rs_result_failed(task, RS_ERR_TASK_FAILED, "no such luck"));
  settle(m);
  CHECK(mini_reply(m, actor)->state == RS_ACTOR_DEAD &&
        says(mini_reply(m, actor), "its creation failed: no such luck"));
  CHECK_EQ(mini_reply(m, given_up)->state, RS_ACTOR_DEAD);
  mine(m, RS_CALL_RELEASE, object);
  nothing_left(m);
}

/* ---- freed on request ---- */

static void freed_objects_are_gone_for_all(void)
{
  struct mini *m = cluster(2, 1, -1);
  struct rs_id small = put_small(m, 10, 1), large = make(m, 1 << 20, RS_MS, 3);
  settle(m);
  CHECK(mini_stored_bytes(m) > 0);
  mine(m, RS_CALL_FREE, small);
  mine(m, RS_CALL_FREE, large);
  settle(m);
  CHECK_EQ(mini_stored_bytes(m), 0);
  struct rs_id ids[2] = {small, large};
  for (int i = 0; i < 2; i++) {
    mine(m, RS_CALL_GET, ids[i]);
    settle(m);
    CHECK_EQ(status_of(m, ids[i]), RS_ERR_OBJECT_FREED);
    char hex[RS_ID_HEX];
    rs_id_hex(ids[i], hex);
    CHECK(says(mini_reply(m, ids[i]), hex));
    struct rs_id reader = run_with(m, &ids[i], 1, RS_MS);
    settle(m);
    CHECK_EQ(status_of(m, reader), RS_ERR_OBJECT_FREED);
    mine(m, RS_CALL_FREE, ids[i]); /* once more does no harm */
    mine(m, RS_CALL_RELEASE, ids[i]);
  }
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_REBUILT), 0);
  nothing_left(m);
}

/* What its task still makes goes at once; who waits for it hears so at once. */
static void freed_before_they_are_made(void)
{
  struct mini *m = cluster(1, 1, -1);
  struct rs_id object = make(m, 1 << 20, LONG_NS, 0), task = {object.owner, object.seq - 1};
  struct rs_id reader = run_with(m, &object, 1, RS_MS);
  mine(m, RS_CALL_GET, object);
  settle(m);
  CHECK(!mini_reply(m, object));
  mine(m, RS_CALL_FREE, object);
  CHECK_EQ(status_of(m, object), RS_ERR_OBJECT_FREED);
  settle(m);
  CHECK_EQ(status_of(m, reader), RS_ERR_OBJECT_FREED);
  struct rs_result *result = rs_result_new(1, 0);
  result->task = task;
  result->returns[0].size_bytes = 1 << 20;
  mini_finish(m, result);
  settle(m);
  CHECK_EQ(status_of(m, task), RS_ERR_OK);
  mine(m, RS_CALL_RELEASE, object);
  nothing_left(m);
}

/* Another process frees it: the owner drops it, and so hears everybody. */
static void borrowers_may_free(void)
{
  struct mini *m = cluster(2, 1, -1);
  struct rs_id large = make(m, 1 << 20, RS_MS, 3);
  settle(m);
  struct rs_task *plain = mini_task(m, LONG_NS, 0, 0), *task = rs_task_new_inner(0, 1, plain->args_bytes);
  memcpy(task->args, plain->args, plain->args_bytes);
  task->id = plain->id;
  task->function = plain->function;
  task->inner[0] = large;
  rs_task_unref(plain);
  struct rs_id id = task->id;
  mini_submit(m, task, 1, 0);
  settle(m);
  rs_addr worker = mini_worker_of(m, id);
  object_call(m, worker, RS_CALL_RETAIN, large);
  object_call(m, worker, RS_CALL_GET, large); /* it holds a copy, pinned */
  settle(m);
  object_call(m, worker, RS_CALL_FREE, large);
  object_call(m, worker, RS_CALL_UNPIN, large);
  settle(m);
  mine(m, RS_CALL_GET, large);
  settle(m);
  CHECK_EQ(status_of(m, large), RS_ERR_OBJECT_FREED);
  CHECK_EQ(mini_stored_bytes(m), 0);
  object_call(m, worker, RS_CALL_RELEASE, large);
  mini_finish(m, rs_result_failed(id, RS_ERR_TASK_FAILED, "enough"));
  mine(m, RS_CALL_RELEASE, large);
  nothing_left(m);
}

const struct rs_test rs_tests[] = {
    {"args: stored ones come to the actor's node, and stay while the call runs", stored_arguments_come_to_the_actor},
    {"args: a call is cancelled while its argument comes", calls_are_cancelled_while_arguments_come},
    {"args: values beyond the limit are asked for", values_beyond_the_limit_are_asked_for},
    {"args: a message is bounded", pushes_are_bounded},
    {"args: a task that runs again finds what it never brought", left_out_values_outlive_their_release},
    {"args: creations hold theirs until there is no restart", creations_hold_their_arguments},
    {"args: a restart has lost ones made again", creations_get_lost_arguments_again},
    {"args: creations wait for theirs", creations_wait_for_their_arguments},
    {"args: a creation fails with its argument", creations_fail_with_their_argument},
    {"free: gone for everybody, and not made again", freed_objects_are_gone_for_all},
    {"free: before it is made", freed_before_they_are_made},
    {"free: by a borrower", borrowers_may_free},
    {0},
};
