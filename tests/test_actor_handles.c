/* Actors beyond their creator, in the core alone: handles of other processes, names, detached life, and every way in
 * which an actor can end, with what its callers are told. */
#include <string.h>

#include "base/alloc.h"
#include "check.h"
#include "lib/load/replay.h"
#include "mini.h"

static struct mini *cluster(struct rs_config *config)
{
  struct mini_opts opts;
  mini_defaults(&opts, 3, 2);
  opts.codec = true;
  opts.programs = 3;
  if (config)
    opts.config = *config;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static struct rs_actor_opts *named(const char *name, const char *space)
{
  struct rs_actor_opts *opts = rs_alloc_zero(1, sizeof *opts);
  memcpy(opts->name, name, strlen(name));
  memcpy(opts->name_space, space, strlen(space));
  return opts;
}

static struct rs_id create(struct mini *m, struct rs_actor_opts *opts, int32_t max_restarts, bool fails)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  struct rs_replay replay = {.duration_ns = 10 * RS_MS, .fails = fails};
  rs_replay_encode(&replay, creation->args);
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

static struct rs_id call_actor(struct mini *m, struct rs_id actor, uint64_t ms, int32_t max_retries)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  struct rs_task *task = mini_task(m, ms * RS_MS, 0, 0);
  task->flags = RS_TASK_ACTOR_CALL;
  task->actor = actor;
  call->tasks[0] = task;
  call->max_retries = max_retries;
  struct rs_id id = task->id;
  mini_call(m, call);
  return id;
}

static void simple(struct mini *m, enum rs_call_kind kind, struct rs_id object, bool no_restart)
{
  struct rs_call *call = rs_call_new(kind, 0);
  call->object = object;
  call->no_restart = no_restart;
  mini_call(m, call);
}

static const struct rs_reply *find(struct mini *m, enum rs_call_kind kind, const char *name, const char *space,
                                   bool all)
{
  struct rs_call *call = rs_call_new(kind, 0);
  struct rs_id token = call->object = (struct rs_id){mini_driver(m), mini_seq(m, 0)};
  call->actor = named(name, space);
  call->force = all;
  mini_call(m, call);
  mini_run(m, mini_run(m, 0) + 10 * RS_MS);
  return mini_reply(m, token);
}

static void status_is(struct mini *m, struct rs_id id, int status)
{
  const struct rs_reply *reply = mini_reply(m, id);
  CHECK(reply != NULL);
  CHECK_EQ(reply->status, status);
}

static bool says(const struct mini *m, struct rs_id id, const char *part)
{
  const struct rs_reply *reply = mini_reply(m, id);
  char text[RS_ERROR_TEXT_MAX + 1] = "";
  if (!reply || !reply->result)
    return false;
  memcpy(text, reply->result->data, reply->result->data_bytes);
  if (!strstr(text, part))
    printf("\n    it says: %s\n", text);
  return strstr(text, part) != NULL;
}

/* ---- callers ---- */

static void others_may_call(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 0, false), calls[3][10];
  for (uint32_t i = 0; i < 10; i++)
    for (uint32_t p = 0; p < 3; p++) {
      mini_as(m, p);
      calls[p][i] = call_actor(m, actor, 10, 0);
    }
  mini_run(m, 4 * RS_S);
  for (uint32_t p = 0; p < 3; p++)
    for (uint32_t i = 0; i < 10; i++)
      status_is(m, calls[p][i], RS_ERR_OK);
  CHECK_EQ(mini_most_at_once(m), 1);
  mini_free(m);
}

/* The handle may be faster than the creation: its first call waits for the actor. */
static void handle_before_the_actor(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = {rs_addr_make(0, 1, RS_EP_DRIVER), 100};
  mini_as(m, 1);
  struct rs_id early = call_actor(m, actor, 10, 0);
  mini_run(m, RS_S + 500 * RS_MS);
  CHECK(!mini_reply(m, early));
  mini_as(m, 0);
  while (mini_seq(m, 0) < 99)
    ;
  CHECK(rs_id_equal(create(m, NULL, 0, false), actor));
  mini_run(m, 3 * RS_S);
  status_is(m, early, RS_ERR_OK);
  mini_free(m);
}

static void unknown_actor_is_told(void)
{
  struct mini *m = cluster(NULL);
  mini_as(m, 1);
  struct rs_id call = call_actor(m, (struct rs_id){rs_addr_make(0, 1, RS_EP_DRIVER), 77}, 10, 0);
  mini_run(m, 3 * RS_S);
  status_is(m, call, RS_ERR_ACTOR_DIED);
  CHECK(says(m, call, "no such actor"));
  mini_free(m);
}

/* Every caller's calls that may be retried are sent again, in its order, after a restart. */
static void a_restart_is_survived_by_all(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 1, false), calls[3][4];
  mini_run(m, 2 * RS_S);
  for (uint32_t i = 0; i < 4; i++)
    for (uint32_t p = 0; p < 3; p++) {
      mini_as(m, p);
      calls[p][i] = call_actor(m, actor, 100, p == 2 ? 0 : 1);
    }
  mini_run(m, 2 * RS_S + 50 * RS_MS);
  mini_kill_node(m, mini_ran_on(m, actor));
  mini_run(m, 10 * RS_S);
  for (uint32_t p = 0; p < 3; p++)
    for (uint32_t i = 0; i < 4; i++)
      status_is(m, calls[p][i], p == 2 ? RS_ERR_ACTOR_UNAVAILABLE : RS_ERR_OK);
  CHECK(says(m, calls[2][0], "its node died (node "));
  mini_free(m);
}

/* Calls that do not say follow what the creation said, also those of a process that does not know it yet. */
static void retries_of_the_actor(void)
{
  struct mini *m = cluster(NULL);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  struct rs_id actor = creation->id;
  call->tasks[0] = creation;
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_restarts = 3;
  call->max_retries = 2;
  mini_call(m, call);
  mini_as(m, 1);
  struct rs_id one = call_actor(m, actor, 1000, RS_RETRIES_OF_ACTOR);
  for (int i = 0; i < 2; i++) {
    mini_run(m, 2 * RS_S + (uint64_t)i * 500 * RS_MS);
    mini_kill_worker_of(m, one);
    CHECK(!mini_reply(m, one));
  }
  mini_run(m, 3 * RS_S);
  mini_kill_worker_of(m, one); /* the third time is one too many */
  mini_run(m, 8 * RS_S);
  status_is(m, one, RS_ERR_ACTOR_UNAVAILABLE);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 2);
  mini_free(m);
}

/* A broken connection is not a death: the actor lives on for the others, and the caller's calls that may be retried
 * are sent again; for the others nobody knows. */
static void a_broken_connection_is_no_death(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 0, false);
  mini_run(m, 2 * RS_S);
  struct rs_id other = call_actor(m, actor, 300, 0);
  mini_as(m, 1);
  struct rs_id once = call_actor(m, actor, 100, 0), again = call_actor(m, actor, 100, 1);
  mini_run(m, 2 * RS_S + 350 * RS_MS);
  mini_break(m, mini_driver(m), mini_worker_of(m, once));
  struct rs_id later = call_actor(m, actor, 100, 0);
  mini_run(m, 6 * RS_S);
  status_is(m, other, RS_ERR_OK);
  status_is(m, once, RS_ERR_ACTOR_UNAVAILABLE);
  status_is(m, again, RS_ERR_OK);
  status_is(m, later, RS_ERR_OK);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_ALIVE);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_RESTARTED), 0);
  mini_free(m);
}

/* A caller that dies takes its waiting calls with it; the actor stays for the others. */
static void a_dead_caller_is_forgotten(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 0, false);
  mini_run(m, 2 * RS_S);
  mini_as(m, 1);
  call_actor(m, actor, 200, 0);
  for (int i = 0; i < 5; i++)
    call_actor(m, actor, 1000, 0);
  mini_run(m, 2 * RS_S + 50 * RS_MS);
  mini_kill(m, mini_driver(m));
  mini_as(m, 0);
  struct rs_id mine = call_actor(m, actor, 10, 0);
  mini_run(m, 2 * RS_S + 300 * RS_MS);
  status_is(m, mine, RS_ERR_OK);
  mini_free(m);
}

static void pending_calls_are_limited(void)
{
  struct mini *m = cluster(NULL);
  struct rs_actor_opts *opts = rs_alloc_zero(1, sizeof *opts);
  opts->max_pending_calls = 3;
  struct rs_id actor = create(m, opts, 0, false), calls[5];
  mini_run(m, 2 * RS_S);
  for (uint32_t p = 0; p < 2; p++) { /* each caller has its own count */
    mini_as(m, p);
    if (p) /* another process knows it with the first state that it is told */
      call_actor(m, actor, 1, 0);
    mini_run(m, 3 * RS_S + p * RS_S);
    for (int i = 0; i < 5; i++)
      calls[i] = call_actor(m, actor, 100, 0);
    mini_run(m, 3 * RS_S + p * RS_S + 500 * RS_MS);
    for (int i = 0; i < 5; i++)
      status_is(m, calls[i], i < 3 ? RS_ERR_OK : RS_ERR_PENDING_CALLS);
  }
  mini_free(m);
}

static void many_waiting_calls_are_told(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 0, false);
  for (int i = 0; i < 12000; i++)
    call_actor(m, actor, 0, 0);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_QUEUE), 2); /* 5,000 and 10,000 */
  mini_free(m);
}

/* ---- names ---- */

static void names_are_unique(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id first = create(m, named("counter", "a"), 0, false);
  mini_run(m, 2 * RS_S);
  mini_as(m, 1);
  struct rs_id second = create(m, named("counter", "a"), 0, false), other = create(m, named("counter", "b"), 0, false);
  struct rs_actor_opts *opts = named("counter", "a");
  opts->get_if_exists = true;
  struct rs_id third = create(m, opts, 0, false);
  mini_run(m, 3 * RS_S);
  CHECK_EQ(mini_reply(m, second)->state, RS_ACTOR_DEAD);
  status_is(m, second, RS_ERR_NAME_TAKEN);
  CHECK(says(m, second, "\"counter\" is taken in namespace \"a\""));
  CHECK_EQ(mini_reply(m, second)->id_count, 0);
  CHECK_EQ(mini_reply(m, other)->state, RS_ACTOR_ALIVE);
  status_is(m, third, RS_ERR_NAME_TAKEN);
  CHECK(mini_reply(m, third)->id_count == 1 && rs_id_equal(mini_reply(m, third)->ids[0], first));
  mini_as(m, 2);
  const struct rs_reply *found = find(m, RS_CALL_ACTOR_FIND, "counter", "a", false);
  CHECK(found && found->status == RS_ERR_OK && found->id_count == 1 && rs_id_equal(found->ids[0], first));
  struct rs_id call = call_actor(m, found->ids[0], 10, 0);
  found = find(m, RS_CALL_ACTOR_FIND, "nobody", "a", false);
  CHECK(found && found->status == RS_ERR_NO_ACTOR && found->id_count == 0);
  mini_run(m, 4 * RS_S);
  status_is(m, call, RS_ERR_OK);
  found = find(m, RS_CALL_ACTOR_LIST, "", "b", false);
  CHECK(found && found->id_count == 1 && rs_id_equal(found->ids[0], other));
  CHECK(found->result->data_bytes == 10 && memcmp(found->result->data, "b\0counter", 10) == 0);
  found = find(m, RS_CALL_ACTOR_LIST, "", "", true);
  CHECK(found && found->id_count == 2 && found->result->data_bytes == 20);
  simple(m, RS_CALL_ACTOR_KILL, first, true); /* by a process that has not made it */
  mini_run(m, 5 * RS_S);
  found = find(m, RS_CALL_ACTOR_FIND, "counter", "a", false);
  CHECK(found && found->status == RS_ERR_NO_ACTOR);
  struct rs_id again = create(m, named("counter", "a"), 0, false);
  mini_run(m, 6 * RS_S);
  CHECK_EQ(mini_reply(m, again)->state, RS_ACTOR_ALIVE); /* a name is free again after its actor's death */
  mini_free(m);
}

static void detached_actors_stay(void)
{
  struct mini *m = cluster(NULL);
  struct rs_actor_opts *opts = named("stays", "");
  opts->detached = true;
  struct rs_id stays = create(m, opts, 1, false), goes = create(m, named("goes", ""), 1, false);
  mini_run(m, 2 * RS_S);
  mini_as(m, 1);
  struct rs_id held = call_actor(m, goes, 5000, 0);
  mini_run(m, 2 * RS_S + 50 * RS_MS);
  mini_as(m, 0);
  mini_kill(m, mini_driver(m));
  mini_as(m, 1);
  mini_run(m, 3 * RS_S);
  status_is(m, held, RS_ERR_ACTOR_DIED);
  CHECK(says(m, held, "its creator has ended"));
  CHECK_EQ(find(m, RS_CALL_ACTOR_FIND, "goes", "", false)->status, RS_ERR_NO_ACTOR);
  const struct rs_reply *found = find(m, RS_CALL_ACTOR_FIND, "stays", "", false);
  CHECK(found && found->id_count == 1 && rs_id_equal(found->ids[0], stays));
  struct rs_id one = call_actor(m, stays, 10, 0);
  mini_run(m, 4 * RS_S);
  status_is(m, one, RS_ERR_OK);
  mini_kill_node(m, mini_ran_on(m, stays)); /* it restarts without its creator */
  mini_run(m, 8 * RS_S);
  struct rs_id two = call_actor(m, stays, 10, 0);
  mini_run(m, 9 * RS_S);
  status_is(m, two, RS_ERR_OK);
  simple(m, RS_CALL_RELEASE, stays, false); /* no handle is left, which ends it not */
  mini_run(m, 10 * RS_S);
  mini_as(m, 2);
  CHECK_EQ(find(m, RS_CALL_ACTOR_FIND, "stays", "", false)->status, RS_ERR_OK);
  simple(m, RS_CALL_ACTOR_KILL, stays, true);
  mini_run(m, 11 * RS_S);
  CHECK_EQ(find(m, RS_CALL_ACTOR_FIND, "stays", "", false)->status, RS_ERR_NO_ACTOR);
  mini_free(m);
}

/* ---- ends ---- */

static void causes_are_told(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id failed = create(m, NULL, 0, true), crashed = create(m, NULL, 1, false), killed = create(m, NULL, 0, 0);
  mini_run(m, 2 * RS_S);
  CHECK_EQ(mini_reply(m, failed)->state, RS_ACTOR_DEAD);
  CHECK(says(m, failed, "its creation failed: the replayed task fails"));
  for (int i = 0; i < 2; i++) {
    struct rs_id call = call_actor(m, crashed, 500, 0);
    mini_run(m, (uint64_t)(3 + i) * RS_S - 700 * RS_MS);
    mini_kill_worker_of(m, call);
    mini_run(m, (uint64_t)(3 + i) * RS_S);
    status_is(m, call, i ? RS_ERR_ACTOR_DIED : RS_ERR_ACTOR_UNAVAILABLE);
    CHECK(says(m, call, i ? ", after 1 restart" : "its process died (worker "));
  }
  struct rs_id held = call_actor(m, killed, 500, 0);
  mini_run(m, 5 * RS_S);
  held = call_actor(m, killed, 500, 0);
  mini_run(m, 5 * RS_S + 10 * RS_MS);
  simple(m, RS_CALL_ACTOR_KILL, killed, true);
  mini_run(m, 6 * RS_S);
  CHECK(says(m, held, "killed on request"));
  struct rs_id late[3] = {call_actor(m, failed, 1, 0), call_actor(m, crashed, 1, 0), call_actor(m, killed, 1, 0)};
  CHECK(says(m, late[0], "its creation failed") && says(m, late[1], "its process died") && says(m, late[2], "killed"));
  mini_as(m, 1); /* a process that hears of them only now */
  struct rs_id other[2] = {call_actor(m, failed, 1, 0), call_actor(m, killed, 1, 0)};
  mini_run(m, 7 * RS_S);
  CHECK(says(m, other[0], "its creation failed") && says(m, other[1], "killed"));
  mini_free(m);
}

static void kill_with_restart(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, 1, false);
  mini_run(m, 2 * RS_S);
  struct rs_id lost = call_actor(m, actor, 1000, 0);
  mini_run(m, 2 * RS_S + 100 * RS_MS);
  simple(m, RS_CALL_ACTOR_KILL, actor, false);
  mini_run(m, 4 * RS_S);
  status_is(m, lost, RS_ERR_ACTOR_UNAVAILABLE);
  struct rs_id call = call_actor(m, actor, 10, 0);
  mini_run(m, 5 * RS_S);
  status_is(m, call, RS_ERR_OK);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_RESTARTED), 1);
  mini_free(m);
}

/* exit from within: what runs ends well, what waits does not begin, and there is no restart. */
static void an_actor_may_end_itself(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, -1, false);
  mini_run(m, 2 * RS_S);
  struct rs_id last = call_actor(m, actor, 100, 0), waits = call_actor(m, actor, 100, 0);
  mini_run(m, 2 * RS_S + 50 * RS_MS);
  mini_call_at(m, mini_worker_of(m, last), rs_call_new(RS_CALL_ACTOR_EXIT, 0));
  mini_run(m, 4 * RS_S);
  status_is(m, last, RS_ERR_OK);
  status_is(m, waits, RS_ERR_ACTOR_DIED);
  CHECK(says(m, waits, "ended itself"));
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_DEAD);
  status_is(m, actor, RS_ERR_OK);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_RESTARTED), 0);
  struct rs_id late = call_actor(m, actor, 1, 0);
  status_is(m, late, RS_ERR_ACTOR_DIED);
  mini_free(m);
}

/* The last handle goes: what was asked of the actor is still done, then it ends. */
static void released_actors_end(void)
{
  struct mini *m = cluster(NULL);
  struct rs_id actor = create(m, NULL, -1, false), early = create(m, NULL, 0, false), calls[5];
  simple(m, RS_CALL_RELEASE, early, false); /* before it lives */
  for (int i = 0; i < 5; i++)
    calls[i] = call_actor(m, actor, 100, 0);
  simple(m, RS_CALL_RELEASE, actor, false);
  mini_run(m, 4 * RS_S);
  for (int i = 0; i < 5; i++)
    status_is(m, calls[i], RS_ERR_OK);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_DEAD);
  status_is(m, actor, RS_ERR_OK);
  CHECK(says(m, actor, "its last handle was given up"));
  CHECK_EQ(mini_reply(m, early)->state, RS_ACTOR_DEAD);
  mini_free(m);
}

/* One that does not end by itself in time is killed. */
static void a_slow_end_is_cut_short(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.actor_graceful_shutdown_timeout_ms = 2000;
  struct mini *m = cluster(&config);
  struct rs_id actor = create(m, NULL, 0, false);
  mini_run(m, 2 * RS_S);
  mini_as(m, 1);
  call_actor(m, actor, 3600000, 0);
  mini_run(m, 3 * RS_S);
  mini_as(m, 0);
  simple(m, RS_CALL_RELEASE, actor, false);
  mini_run(m, 4 * RS_S);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_ALIVE);
  mini_run(m, 6 * RS_S);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_DEAD);
  CHECK(says(m, actor, "did not end in time"));
  mini_free(m);
}

/* The head remembers causes for a bounded number of dead actors; the oldest goes first. */
static void the_head_forgets_the_oldest(void)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.maximum_gcs_destroyed_actor_cached_count = 2;
  struct mini *m = cluster(&config);
  struct rs_id actors[3];
  for (uint64_t i = 0; i < 3; i++) {
    actors[i] = create(m, NULL, 0, true);
    mini_run(m, (2 + i) * RS_S);
  }
  mini_as(m, 1);
  struct rs_id calls[3];
  for (int i = 0; i < 3; i++)
    calls[i] = call_actor(m, actors[i], 1, 0);
  mini_run(m, 10 * RS_S);
  CHECK(says(m, calls[0], "no such actor"));
  CHECK(says(m, calls[1], "its creation failed") && says(m, calls[2], "its creation failed"));
  mini_free(m);
}

/* 10,000 actors on 200 nodes: each is created once and called once by its creator and once by another program.
 * The counts are those of one actor, times 10,000. */
static void ten_thousand_actors(void)
{
  enum { ACTORS = 10000 };
  struct mini_opts opts;
  mini_defaults(&opts, 200, 8);
  opts.checks = false;
  opts.programs = 2;
  opts.config.num_workers_soft_limit = 0;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_id *actors = rs_alloc(ACTORS * sizeof *actors);
  for (int i = 0; i < ACTORS; i++)
    actors[i] = create(m, NULL, 0, false);
  uint64_t now = RS_S;
  while (mini_count(m, RS_TRACE_ACTOR_ALIVE) < ACTORS && now < 600 * RS_S)
    now = mini_run(m, now + RS_S);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_ALIVE), ACTORS);
  CHECK_EQ(mini_messages(m, RS_MSG_ACTOR_START), ACTORS);
  for (uint32_t p = 0; p < 2; p++) {
    mini_as(m, p);
    for (int i = 0; i < ACTORS; i++)
      call_actor(m, actors[i], 1, 0);
  }
  mini_run(m, now + 10 * RS_S);
  CHECK_EQ(mini_reply_count_of(m, RS_REPLY_TASK), 2 * ACTORS);
  CHECK_EQ(mini_messages(m, RS_MSG_ACTOR_WATCH), ACTORS);
  CHECK_EQ(mini_messages(m, RS_MSG_PUSH_TASKS), 2 * ACTORS);
  CHECK(mini_messages(m, RS_MSG_ACTOR_STATE) <= 3 * ACTORS);
  free(actors);
  mini_free(m);
}

const struct rs_test rs_tests[] = {
    {"handles: any process may call, in its own order", others_may_call},
    {"handles: one that comes before the actor", handle_before_the_actor},
    {"handles: an unknown actor is told", unknown_actor_is_told},
    {"handles: a restart is survived by all callers", a_restart_is_survived_by_all},
    {"handles: retries as the actor's creation said", retries_of_the_actor},
    {"handles: a broken connection is no death", a_broken_connection_is_no_death},
    {"handles: a dead caller is forgotten", a_dead_caller_is_forgotten},
    {"handles: pending calls are limited for each caller", pending_calls_are_limited},
    {"handles: many waiting calls are told", many_waiting_calls_are_told},
    {"names: unique, found, listed, free again", names_are_unique},
    {"names: detached actors outlive their creator", detached_actors_stay},
    {"ends: every cause is told", causes_are_told},
    {"ends: a kill with a restart", kill_with_restart},
    {"ends: an actor may end itself", an_actor_may_end_itself},
    {"ends: the last handle goes", released_actors_end},
    {"ends: a slow end is cut short", a_slow_end_is_cut_short},
    {"ends: the head forgets the oldest cause", the_head_forgets_the_oldest},
    {"handles: ten thousand actors", ten_thousand_actors},
    {0},
};
