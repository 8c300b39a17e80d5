/* Cancelling in the core alone: what waits, what runs, what was submitted by what runs; and that nothing is retried. */
#include "base/alloc.h"
#include "check.h"
#include "mini.h"

static struct mini *cluster(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 2);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static void cancel(struct mini *m, struct rs_id task, bool force, bool recursive)
{
  struct rs_call *call = rs_call_new(RS_CALL_CANCEL, 0);
  call->object = task;
  call->force = force;
  call->recursive = recursive;
  mini_call(m, call);
}

static struct rs_id submit(struct mini *m, uint64_t ms)
{
  struct rs_task *task = mini_task(m, ms * RS_MS, 0, 0);
  struct rs_id id = task->id;
  mini_submit(m, task, 1, 3);
  return id;
}

/* As a function that runs at `who` for task `parent` would. */
static struct rs_id submit_child(struct mini *m, rs_addr who, uint64_t seq, struct rs_id parent, uint64_t ms)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  struct rs_task *task = mini_task(m, ms * RS_MS, 0, 0);
  task->id = (struct rs_id){who, seq};
  task->parent = parent;
  struct rs_id id = task->id;
  call->tasks[0] = task;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = 3;
  mini_call_at(m, who, call);
  return id;
}

static void status_is(const struct mini *m, struct rs_id id, int status)
{
  const struct rs_reply *reply = mini_reply(m, id);
  CHECK(reply != NULL);
  CHECK_EQ(reply->status, status);
}

static void what_runs_is_asked_to_end(void)
{
  struct mini *m = cluster();
  struct rs_id gently = submit(m, 100000), by_force = submit(m, 100000);
  mini_run(m, 2 * RS_S);
  cancel(m, gently, false, false);
  cancel(m, by_force, true, false);
  mini_run(m, 3 * RS_S);
  status_is(m, gently, RS_ERR_CANCELLED);
  status_is(m, by_force, RS_ERR_CANCELLED);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 0);
  mini_free(m);
}

/* Its worker dies while the cancellation is on its way: no retry, and the error is CANCELLED. */
static void no_retry_follows(void)
{
  struct mini *m = cluster();
  struct rs_id task = submit(m, 100000);
  mini_run(m, 2 * RS_S);
  cancel(m, task, true, false);
  mini_kill_worker_of(m, task);
  mini_run(m, 4 * RS_S);
  status_is(m, task, RS_ERR_CANCELLED);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 0);
  mini_free(m);
}

static void what_waits_is_dropped(void)
{
  struct mini *m = cluster();
  for (int i = 0; i < 4; i++)
    submit(m, 2000);
  struct rs_id waits = submit(m, 10), after = submit(m, 10);
  mini_run(m, 2 * RS_S);
  cancel(m, waits, false, false);
  status_is(m, waits, RS_ERR_CANCELLED);
  mini_run(m, 10 * RS_S);
  status_is(m, after, RS_ERR_OK);
  mini_free(m);
}

/* Children and grandchildren go with their parent, others stay. */
static void children_go_too(void)
{
  for (int recursive = 0; recursive < 2; recursive++) {
    struct mini *m = cluster();
    struct rs_id parent = submit(m, 100000);
    mini_run(m, 2 * RS_S);
    rs_addr worker = mini_worker_of(m, parent);
    struct rs_id child = submit_child(m, worker, 1, parent, 100000);
    struct rs_id other = submit_child(m, worker, 3, (struct rs_id){worker, 99}, 500);
    mini_run(m, 3 * RS_S);
    rs_addr second = mini_worker_of(m, child);
    CHECK(second != RS_ADDR_NONE);
    struct rs_id grandchild = submit_child(m, second, 1, child, 1500);
    mini_run(m, 3 * RS_S + 500 * RS_MS);
    cancel(m, parent, false, recursive);
    mini_run(m, 6 * RS_S);
    status_is(m, parent, RS_ERR_CANCELLED);
    status_is(m, other, RS_ERR_OK);
    if (recursive) {
      status_is(m, child, RS_ERR_CANCELLED);
      status_is(m, grandchild, RS_ERR_CANCELLED);
    } else {
      CHECK(!mini_reply(m, child));
      status_is(m, grandchild, RS_ERR_OK);
    }
    mini_free(m);
  }
}

/* A call that runs is asked to end, and one that waits is dropped; the others and the actor go on, even by force. */
static void calls_are_asked_to_end(void)
{
  struct mini *m = cluster();
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  struct rs_id actor = creation->id, ids[3];
  call->tasks[0] = creation;
  call->demand.cpu_e4 = RS_ONE_E4;
  mini_call(m, call);
  mini_run(m, 2 * RS_S);
  call = rs_call_new(RS_CALL_ACTOR_CALL, 3);
  for (int i = 0; i < 3; i++) {
    call->tasks[i] = mini_task(m, 500 * RS_MS, 0, 0);
    call->tasks[i]->flags = RS_TASK_ACTOR_CALL;
    call->tasks[i]->actor = actor;
    ids[i] = call->tasks[i]->id;
  }
  mini_call(m, call);
  mini_run(m, 2 * RS_S + 100 * RS_MS);
  cancel(m, ids[0], true, false);
  cancel(m, ids[1], false, false);
  mini_run(m, 2 * RS_S + 200 * RS_MS);
  status_is(m, ids[1], RS_ERR_CANCELLED);
  status_is(m, ids[0], RS_ERR_CANCELLED);
  CHECK(!mini_reply(m, ids[2]));
  mini_run(m, 4 * RS_S);
  status_is(m, ids[2], RS_ERR_OK);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_ALIVE);
  mini_free(m);
}

const struct rs_test rs_tests[] = {
    {"cancel: what runs is asked to end", what_runs_is_asked_to_end},
    {"cancel: no retry follows", no_retry_follows},
    {"cancel: what waits is dropped", what_waits_is_dropped},
    {"cancel: children go too, if asked", children_go_too},
    {"cancel: an actor's calls are asked to end", calls_are_asked_to_end},
    {0},
};
