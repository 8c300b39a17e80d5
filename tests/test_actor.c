/* Actors in the core alone: concurrency groups. */
#include "base/alloc.h"
#include "check.h"
#include "mini.h"

static struct mini *cluster(uint32_t nodes, uint32_t cpus)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static struct rs_id create(struct mini *m, struct rs_actor_opts *opts, int32_t max_restarts)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  struct rs_id id = creation->id;
  call->tasks[0] = creation;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_restarts = max_restarts;
  call->actor = opts;
  mini_call(m, call);
  return id;
}

/* count: of groups besides the default one, named 1, 2, ...; all with the same limit. */
static struct rs_actor_opts *groups(uint32_t concurrency, uint32_t count, uint32_t limit)
{
  struct rs_actor_opts *opts = rs_alloc_zero(1, sizeof *opts);
  opts->group_count = 1 + count;
  for (uint32_t i = 0; i <= count; i++) {
    opts->groups[i].name = i;
    opts->groups[i].limit = i ? limit : concurrency;
  }
  return opts;
}

static struct rs_id call_actor(struct mini *m, struct rs_id actor, uint64_t group, uint64_t ms)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  struct rs_task *task = mini_task(m, ms * RS_MS, 0, 0);
  task->flags = RS_TASK_ACTOR_CALL | (group ? RS_TASK_GROUP : 0);
  task->group = group;
  task->actor = actor;
  call->tasks[0] = task;
  struct rs_id id = task->id;
  mini_call(m, call);
  return id;
}

static void alive(struct mini *m, struct rs_id actor)
{
  mini_run(m, 2 * RS_S);
  CHECK(mini_reply(m, actor) && mini_reply(m, actor)->state == RS_ACTOR_ALIVE);
}

static void calls_run_at_a_time(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id actor = create(m, groups(4, 0, 0), 0), calls[8];
  alive(m, actor);
  for (int i = 0; i < 8; i++)
    calls[i] = call_actor(m, actor, 0, 100);
  mini_run(m, 2 * RS_S + 150 * RS_MS);
  for (int i = 0; i < 8; i++)
    CHECK_EQ(mini_reply(m, calls[i]) != NULL, i < 4);
  mini_run(m, 2 * RS_S + 250 * RS_MS);
  for (int i = 0; i < 8; i++)
    CHECK(mini_reply(m, calls[i]) && mini_reply(m, calls[i])->status == RS_ERR_OK);
  CHECK_EQ(mini_most_at_once(m), 4);
  mini_free(m);
}

static void one_at_a_time_by_default(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id actor = create(m, NULL, 0), last = {0};
  alive(m, actor);
  for (int i = 0; i < 5; i++)
    last = call_actor(m, actor, 0, 100);
  mini_run(m, 2 * RS_S + 450 * RS_MS);
  CHECK(!mini_reply(m, last));
  mini_run(m, 3 * RS_S);
  CHECK(mini_reply(m, last));
  CHECK_EQ(mini_most_at_once(m), 1);
  mini_free(m);
}

/* Groups do not wait for each other, and each keeps its limit. */
static void groups_are_apart(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id actor = create(m, groups(1, 2, 2), 0);
  alive(m, actor);
  struct rs_id slow = call_actor(m, actor, 0, 1000), next = call_actor(m, actor, 0, 10), io[4], other;
  for (int i = 0; i < 4; i++)
    io[i] = call_actor(m, actor, 1, 100);
  other = call_actor(m, actor, 2, 100);
  mini_run(m, 2 * RS_S + 150 * RS_MS);
  CHECK(mini_reply(m, io[0]) && mini_reply(m, io[1]) && mini_reply(m, other));
  CHECK(!mini_reply(m, io[2]) && !mini_reply(m, io[3]) && !mini_reply(m, slow));
  mini_run(m, 2 * RS_S + 250 * RS_MS);
  CHECK(mini_reply(m, io[2]) && mini_reply(m, io[3]) && !mini_reply(m, slow) && !mini_reply(m, next));
  mini_run(m, 4 * RS_S);
  CHECK(mini_reply(m, slow) && mini_reply(m, next));
  CHECK_EQ(mini_most_at_once(m), 4);
  mini_free(m);
}

static void unknown_group_is_refused(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id actor = create(m, groups(1, 1, 1), 0);
  alive(m, actor);
  struct rs_id call = call_actor(m, actor, 7, 10);
  mini_run(m, 3 * RS_S);
  CHECK(mini_reply(m, call) && mini_reply(m, call)->status == RS_ERR_UNKNOWN_GROUP);
  mini_free(m);
}

/* An actor that restarts has its groups again. */
static void groups_survive_a_restart(void)
{
  struct mini *m = cluster(2, 1);
  struct rs_id actor = create(m, groups(3, 0, 0), 1);
  alive(m, actor);
  mini_kill_node(m, mini_ran_on(m, actor));
  mini_run(m, 5 * RS_S);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_RESTARTED), 1);
  struct rs_id calls[3];
  for (int i = 0; i < 3; i++)
    calls[i] = call_actor(m, actor, 0, 100);
  mini_run(m, 5 * RS_S + 150 * RS_MS);
  for (int i = 0; i < 3; i++)
    CHECK(mini_reply(m, calls[i]) && mini_reply(m, calls[i])->status == RS_ERR_OK);
  mini_free(m);
}

/* One of many that run at a time: the others, on threads or on one, go on. */
static void calls_can_be_cancelled(void)
{
  for (int async = 0; async < 2; async++) {
    struct mini *m = cluster(2, 1);
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
    struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
    creation->flags = RS_TASK_ACTOR_CREATE | (async ? RS_TASK_ASYNC : 0);
    creation->actor = creation->id;
    struct rs_id actor = creation->id;
    call->tasks[0] = creation;
    call->actor = groups(1000, 0, 0);
    mini_call(m, call);
    alive(m, actor);
    struct rs_id calls[1000];
    for (int i = 0; i < 1000; i++)
      calls[i] = call_actor(m, actor, 0, 3000);
    mini_run(m, 2 * RS_S + 500 * RS_MS);
    struct rs_call *cancel = rs_call_new(RS_CALL_CANCEL, 0);
    cancel->object = calls[500];
    cancel->force = true;
    mini_call(m, cancel);
    mini_run(m, 3 * RS_S);
    CHECK(mini_reply(m, calls[500]) && !mini_reply(m, calls[499]));
    mini_run(m, 10 * RS_S);
    CHECK_EQ(mini_reply(m, calls[500])->status, RS_ERR_CANCELLED);
    CHECK_EQ(mini_reply(m, calls[999])->status, RS_ERR_OK);
    CHECK_EQ(mini_most_at_once(m), 1000);
    mini_free(m);
  }
}

const struct rs_test rs_tests[] = {
    {"actors: calls run at a time up to the limit", calls_run_at_a_time},
    {"actors: one at a time by default", one_at_a_time_by_default},
    {"actors: concurrency groups are apart", groups_are_apart},
    {"actors: an unknown group is refused", unknown_group_is_refused},
    {"actors: groups survive a restart", groups_survive_a_restart},
    {"actors: calls that run can be cancelled", calls_can_be_cancelled},
    {0},
};
