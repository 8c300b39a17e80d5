/* The roles together, on the smallest driver: tasks, leases, spillback, actors, objects, failures, autoscaling. */
#include "check.h"
#include "mini.h"

static struct rs_id id_of(const struct rs_task *task)
{
  return task->id;
}

static void one_task(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *task = mini_task(m, 10 * RS_MS, 0, 0);
  struct rs_id id = id_of(task);
  mini_submit(m, task, 1, 3);
  mini_run(m, 5 * RS_S);
  const struct rs_reply *reply = mini_reply(m, id);
  CHECK(reply && reply->status == RS_ERR_OK);
  CHECK_EQ(reply->result->run_ns, 10 * RS_MS);
  CHECK_EQ(mini_ran_on(m, id), 1);
  CHECK_EQ(mini_count(m, RS_TRACE_LEASE_SPILLED), 1); /* the driver's own node has no CPU */
  mini_free(m);
}

/* tasks of a second each: the time is that of a perfect packing, within one per cent; every task ends once. */
static void run_many(uint32_t nodes, uint32_t cpus, uint32_t tasks, const char *policy, bool codec, uint64_t *hash)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.config.policy = rs_place_policy_by_name(policy);
  opts.codec = codec;
  CHECK(opts.config.policy);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, tasks);
  for (uint32_t i = 0; i < tasks; i++)
    call->tasks[i] = mini_task(m, RS_S, 0, 0);
  call->demand.cpu_e4 = RS_ONE_E4;
  call->max_retries = 3;
  mini_call(m, call);
  uint64_t rounds = (tasks + nodes * cpus - 1) / (nodes * cpus);
  mini_run(m, RS_S + rounds * RS_S + rounds * 20 * RS_MS + 500 * RS_MS);
  CHECK_EQ(mini_reply_count(m), tasks);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_STARTED), tasks);
  CHECK_EQ(mini_count(m, RS_TRACE_LEASE_RECALLED), 0); /* nobody else waits */
  mini_run(m, RS_TIME_NEVER - 1);                      /* and then nothing happens any more */
  CHECK_EQ(mini_count(m, RS_TRACE_LEASE_GRANTED), mini_count(m, RS_TRACE_LEASE_RETURNED));
  *hash = mini_hash(m);
  mini_free(m);
}

static void many_tasks(void)
{
  const char *policies[] = {"hybrid", "spread", "random", "pack", "locality"};
  for (int i = 0; i < 5; i++) {
    uint64_t a, b, c;
    run_many(8, 4, 320, policies[i], false, &a);
    run_many(8, 4, 320, policies[i], false, &b);
    run_many(8, 4, 320, policies[i], true, &c);
    CHECK_EQ(a, b); /* deterministic */
    CHECK_EQ(a, c); /* whether or not messages pass through the codec */
  }
}

static void leases_are_reused(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  for (int i = 0; i < 1000; i++)
    mini_submit(m, mini_task(m, 100 * RS_US, 0, 0), 1, 3);
  mini_run(m, 60 * RS_S);
  CHECK_EQ(mini_reply_count(m), 1000);
  CHECK(mini_count(m, RS_TRACE_LEASE_GRANTED) <= 20);
  CHECK(mini_messages(m, RS_MSG_PUSH_TASKS) < 300); /* short tasks are pushed ahead */
  mini_free(m);
}

/* A long queue of one key must not starve another key: its leases are recalled. */
static void contention_recalls_leases(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 2);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  for (int i = 0; i < 400; i++)
    mini_submit(m, mini_task(m, 100 * RS_MS, 0, 0), 1, 3);
  mini_run(m, 2 * RS_S);
  struct rs_task *other = mini_task(m, 100 * RS_MS, 0, 0);
  struct rs_id id = id_of(other);
  mini_submit(m, other, 0.5, 3);
  mini_run(m, 4 * RS_S);
  CHECK(mini_reply(m, id)); /* 400 tasks would have taken 20 s */
  CHECK(mini_count(m, RS_TRACE_LEASE_RECALLED) > 0);
  mini_run(m, 60 * RS_S);
  CHECK_EQ(mini_reply_count(m), 401);
  mini_free(m);
}

static void worker_crash_is_retried(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *task = mini_task(m, RS_S, 0, 0), *fatal = mini_task(m, RS_S, 0, 0);
  struct rs_id id = id_of(task), fatal_id = id_of(fatal);
  mini_submit(m, task, 1, 3);
  mini_submit(m, fatal, 1, 0);
  mini_run(m, RS_S + 500 * RS_MS);
  CHECK(mini_ran_on(m, id) != RS_NODE_NONE && mini_ran_on(m, fatal_id) != RS_NODE_NONE);
  mini_kill_worker_of(m, id);
  mini_kill_worker_of(m, fatal_id);
  mini_run(m, 10 * RS_S);
  CHECK(mini_reply(m, id) && mini_reply(m, id)->status == RS_ERR_OK);
  CHECK(mini_reply(m, fatal_id) && mini_reply(m, fatal_id)->status == RS_ERR_WORKER_CRASHED);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 1);
  mini_free(m);
}

static void node_death_is_survived(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 4, 2);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  for (int i = 0; i < 80; i++)
    mini_submit(m, mini_task(m, RS_S, 0, 0), 1, 3);
  mini_run(m, 3 * RS_S);
  mini_kill_node(m, 2);
  mini_run(m, 4 * RS_S);
  CHECK_EQ(mini_nodes_alive(m), 4); /* the head's raylet and three */
  CHECK(mini_restart_node(m, 2));
  mini_run(m, 60 * RS_S);
  CHECK_EQ(mini_reply_count(m), 80);
  CHECK_EQ(mini_nodes_alive(m), 5);
  CHECK(mini_count(m, RS_TRACE_TASK_RETRIED) >= 1);
  CHECK_EQ(mini_count(m, RS_TRACE_NODE_DEAD), 1);
  mini_free(m);
}

static struct rs_id create_actor(struct mini *m, int32_t max_restarts)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *creation = mini_task(m, 10 * RS_MS, 0, 0);
  creation->flags = RS_TASK_ACTOR_CREATE;
  creation->actor = creation->id;
  struct rs_id id = creation->id;
  call->tasks[0] = creation;
  call->demand.cpu_e4 = call->hold.cpu_e4 = RS_ONE_E4;
  call->max_restarts = max_restarts;
  mini_call(m, call);
  return id;
}

static struct rs_id call_actor(struct mini *m, struct rs_id actor, int32_t max_retries)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  struct rs_task *task = mini_task(m, 100 * RS_MS, 0, 0);
  task->flags = RS_TASK_ACTOR_CALL;
  task->actor = actor;
  call->tasks[0] = task;
  call->max_retries = max_retries;
  struct rs_id id = task->id;
  mini_call(m, call);
  return id;
}

static void actor_calls_run_in_order(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_id actor = create_actor(m, 0), last = {0};
  for (int i = 0; i < 10; i++)
    last = call_actor(m, actor, 0);
  mini_run(m, 10 * RS_S);
  CHECK_EQ(mini_reply_count(m), 11);
  CHECK(mini_reply(m, actor)->kind == RS_REPLY_ACTOR && mini_reply(m, actor)->state == RS_ACTOR_ALIVE);
  CHECK(mini_reply(m, last)->status == RS_ERR_OK);
  struct rs_call *kill = rs_call_new(RS_CALL_ACTOR_KILL, 0);
  kill->object = actor;
  kill->no_restart = true;
  mini_call(m, kill);
  mini_run(m, 20 * RS_S);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_DEAD);
  struct rs_id late = call_actor(m, actor, 0);
  CHECK_EQ(mini_reply(m, late)->status, RS_ERR_ACTOR_DIED);
  mini_free(m);
}

static void actor_restarts(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_id actor = create_actor(m, 1), ids[6];
  for (int i = 0; i < 6; i++)
    ids[i] = call_actor(m, actor, i % 2 ? 1 : 0);
  mini_run(m, RS_S + 200 * RS_MS);
  mini_kill_node(m, mini_ran_on(m, actor));
  mini_run(m, 10 * RS_S);
  CHECK_EQ(mini_count(m, RS_TRACE_ACTOR_RESTARTED), 1);
  CHECK_EQ(mini_reply(m, actor)->state, RS_ACTOR_ALIVE);
  for (int i = 0; i < 6; i++) {
    CHECK(mini_reply(m, ids[i]) != NULL);
    if (i % 2)
      CHECK_EQ(mini_reply(m, ids[i])->status, RS_ERR_OK);
  }
  mini_free(m);
}

static void dependencies_and_objects(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 3, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *big = mini_task(m, 100 * RS_MS, 10 << 20, 0);
  struct rs_id big_id = id_of(big), object = {big_id.owner, big_id.seq + 1};
  big->flags = RS_TASK_KEEP;
  mini_submit(m, big, 1, 3);
  struct rs_id readers[3];
  for (int i = 0; i < 3; i++) {
    struct rs_task *reader = mini_task(m, 100 * RS_MS, 0, 1);
    reader->deps[0].id = object;
    readers[i] = id_of(reader);
    mini_submit(m, reader, 1, 3);
  }
  mini_run(m, 10 * RS_S);
  for (int i = 0; i < 3; i++)
    CHECK(mini_reply(m, readers[i]) && mini_reply(m, readers[i])->status == RS_ERR_OK);
  CHECK_EQ(mini_ran_on(m, readers[0]), mini_ran_on(m, big_id)); /* locality: the first reader goes to the bytes */
  CHECK(mini_count(m, RS_TRACE_OBJECT_PULLED) >= 1);            /* the others cannot all run there */
  CHECK(mini_stored_bytes(m) >= 10 << 20);
  struct rs_call *release = rs_call_new(RS_CALL_RELEASE, 0);
  release->object = object;
  mini_call(m, release);
  mini_run(m, 20 * RS_S);
  CHECK_EQ(mini_stored_bytes(m), 0); /* at rest nothing is left */
  mini_free(m);
}

/* retries 0: it cannot be made again. */
static void lost_object_fails_its_readers(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 1);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_task *big = mini_task(m, 10 * RS_MS, 10 << 20, 0);
  struct rs_id big_id = id_of(big);
  big->flags = RS_TASK_KEEP;
  mini_submit(m, big, 1, 0);
  mini_run(m, 2 * RS_S);
  mini_kill_node(m, mini_ran_on(m, big_id));
  mini_run(m, 3 * RS_S);
  struct rs_task *reader = mini_task(m, 10 * RS_MS, 0, 1);
  reader->deps[0].id = (struct rs_id){big_id.owner, big_id.seq + 1};
  struct rs_id reader_id = id_of(reader);
  mini_submit(m, reader, 1, 3);
  mini_run(m, 10 * RS_S);
  CHECK_EQ(mini_reply(m, reader_id)->status, RS_ERR_OBJECT_LOST);
  mini_free(m);
}

static void idle_cluster_is_silent(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 50, 4);
  opts.checks = false;
  struct mini *m = mini_new(&opts);
  mini_run(m, 10 * RS_S);
  uint64_t events = mini_events(m);
  mini_run(m, 86400 * RS_S);
  CHECK_EQ(mini_events(m), events);
  mini_free(m);
}

static void autoscaler_grows_and_shrinks(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 0, 0);
  struct rs_res total = {.cpu_e4 = 4 * RS_ONE_E4, .memory_bytes = INT64_C(8) << 30, .store_bytes = 1 << 30};
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = 0;
  struct rs_node_type type = {.info = info, .min_count = 1, .max_count = 3, .idle_timeout_ms = 10000};
  opts.node_types = &type;
  opts.node_type_count = 1;
  struct mini *m = mini_new(&opts);
  mini_run(m, 10 * RS_S);
  CHECK_EQ(mini_nodes_alive(m), 2); /* the head and the minimum */
  for (int i = 0; i < 100; i++)
    mini_submit(m, mini_task(m, 2 * RS_S, 0, 0), 1, 3);
  mini_run(m, 30 * RS_S);
  CHECK_EQ(mini_nodes_alive(m), 4); /* the maximum */
  mini_run(m, 200 * RS_S);
  CHECK_EQ(mini_reply_count(m), 100);
  CHECK_EQ(mini_nodes_alive(m), 2);
  CHECK_EQ(mini_count(m, RS_TRACE_HOST_REMOVED), 2);
  mini_free(m);
  rs_node_info_unref(info);
}

const struct rs_test rs_tests[] = {
    {"one task", one_task},
    {"many tasks, every policy, same hash through the codec", many_tasks},
    {"leases are reused, short tasks pushed ahead", leases_are_reused},
    {"contention recalls leases", contention_recalls_leases},
    {"a crashed worker's task is retried", worker_crash_is_retried},
    {"a node dies and comes back", node_death_is_survived},
    {"actor calls run in order", actor_calls_run_in_order},
    {"an actor restarts", actor_restarts},
    {"dependencies, locality, pulls, free", dependencies_and_objects},
    {"a lost object fails its readers", lost_object_fails_its_readers},
    {"an idle cluster is silent", idle_cluster_is_silent},
    {"the autoscaler grows and shrinks", autoscaler_grows_and_shrinks},
    {0},
};
