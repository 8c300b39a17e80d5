/* The head's services: the key-value store, jobs, and what is said about nodes, workers, tasks and their waiting. */
#include <string.h>

#include "check.h"
#include "core/codec.h"
#include "core/kv.h"
#include "core/state.h"
#include "mini.h"

static void ask(struct mini *m, void *msg)
{
  struct rs_call *call = rs_call_new(RS_CALL_ASK, 0);
  call->ask = msg;
  mini_call(m, call);
}

/* Ten milliseconds more. */
static void settle(struct mini *m)
{
  mini_run(m, mini_run(m, 0) + 10 * RS_MS);
}

static uint8_t *bytes_of(const char *text, uint32_t *count)
{
  *count = (uint32_t)strlen(text);
  return rs_memdup(text, *count);
}

static const struct rs_m_kv_reply *kv(struct mini *m, enum rs_kv_op op, const char *space, const char *key,
                                      const char *value, bool overwrite)
{
  struct rs_m_kv *q = rs_msg_new(RS_MSG_KV);
  q->request = 77;
  q->op = (uint8_t)op;
  q->overwrite = overwrite;
  q->limit = 100;
  q->space = bytes_of(space, &q->space_count);
  q->key = bytes_of(key, &q->key_count);
  if (value)
    q->value = bytes_of(value, &q->value_count);
  ask(m, q);
  settle(m);
  const struct rs_m_kv_reply *r = (const void *)mini_answer(m, RS_MSG_KV_REPLY);
  CHECK(r && r->request == 77);
  return r;
}

static bool is(const struct rs_m_kv_reply *r, const char *text)
{
  return r->status == 0 && r->value_count == strlen(text) &&
         (!r->value_count || memcmp(r->value, text, r->value_count) == 0);
}

static struct mini *cluster(uint32_t nodes, uint32_t cpus)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static void keys_and_values(void)
{
  struct mini *m = cluster(1, 1);
  CHECK_EQ(kv(m, RS_KV_GET, "a", "x", NULL, false)->status, RS_ERR_NOT_FOUND);
  CHECK_EQ(kv(m, RS_KV_PUT, "a", "x", "one", false)->count, 1);
  CHECK_EQ(kv(m, RS_KV_PUT, "a", "x", "two", false)->count, 0); /* it was there, and stays */
  CHECK(is(kv(m, RS_KV_GET, "a", "x", NULL, false), "one"));
  CHECK_EQ(kv(m, RS_KV_PUT, "a", "x", "two", true)->count, 0);
  CHECK(is(kv(m, RS_KV_GET, "a", "x", NULL, false), "two"));
  CHECK_EQ(kv(m, RS_KV_GET, "b", "x", NULL, false)->status, RS_ERR_NOT_FOUND); /* another namespace */
  kv(m, RS_KV_PUT, "a", "xyz", "", false);
  kv(m, RS_KV_PUT, "a", "w", "3", false);
  kv(m, RS_KV_PUT, "b", "xx", "4", false);
  CHECK(is(kv(m, RS_KV_GET, "a", "xyz", NULL, false), ""));
  const struct rs_m_kv_reply *r = kv(m, RS_KV_KEYS, "a", "x", NULL, false);
  CHECK_EQ(r->count, 2);
  CHECK(r->value_count == 8 && memcmp(r->value, "\1\0x\3\0xyz", 8) == 0);
  CHECK_EQ(kv(m, RS_KV_EXISTS, "a", "w", NULL, false)->count, 1);
  CHECK_EQ(kv(m, RS_KV_DELETE, "a", "w", NULL, false)->count, 1);
  CHECK_EQ(kv(m, RS_KV_DELETE, "a", "w", NULL, false)->count, 0);
  CHECK_EQ(kv(m, RS_KV_EXISTS, "a", "w", NULL, false)->count, 0);
  mini_free(m);
}

static void the_store_is_bounded(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  opts.config.gcs_kv_max_bytes = 10;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  CHECK_EQ(kv(m, RS_KV_PUT, "", "k", "123456789", false)->status, 0);
  CHECK_EQ(kv(m, RS_KV_PUT, "", "k", "1234567890", true)->status, RS_ERR_NO_ROOM);
  CHECK(is(kv(m, RS_KV_GET, "", "k", NULL, false), "123456789"));
  CHECK_EQ(kv(m, RS_KV_PUT, "", "l", "", false)->status, RS_ERR_NO_ROOM);
  kv(m, RS_KV_DELETE, "", "k", NULL, false);
  CHECK_EQ(kv(m, RS_KV_PUT, "", "l", "", false)->status, 0);
  mini_free(m);
}

static const struct rs_m_state_reply *query(struct mini *m, enum rs_state_kind kind, uint32_t limit, rs_addr target,
                                            uint64_t a, uint64_t b)
{
  struct rs_m_state_query *q = rs_msg_new(RS_MSG_STATE_QUERY);
  q->request = 5;
  q->kind = (uint8_t)kind;
  q->limit = limit;
  q->target = target;
  q->a = a;
  q->b = b;
  ask(m, q);
  settle(m);
  const struct rs_m_state_reply *r = (const void *)mini_answer(m, RS_MSG_STATE_REPLY);
  CHECK(r && r->request == 5 && r->kind == kind && r->status == 0);
  return r;
}

static void jobs_begin_and_end(void)
{
  struct mini *m = cluster(1, 1);
  struct rs_m_job_start *start = rs_msg_new(RS_MSG_JOB_START);
  start->pid = 42;
  start->name = bytes_of("prog", &start->name_count);
  ask(m, start);
  settle(m);
  CHECK_EQ(((const struct rs_m_job_reply *)(const void *)mini_answer(m, RS_MSG_JOB_REPLY))->number, 1);
  const struct rs_m_state_reply *r = query(m, RS_STATE_JOBS, 10, 0, 0, 0);
  CHECK_EQ(r->rows_count, 1);
  CHECK_EQ(r->rows[0]->n[RS_COL(jobs, state)], RS_JOB_RUNNING);
  CHECK_EQ(r->rows[0]->n[RS_COL(jobs, pid)], 42);
  CHECK(memcmp(r->rows[0]->text, "prog", 5) == 0);
  struct rs_m_job_env *env = rs_msg_new(RS_MSG_JOB_ENV);
  env->text = bytes_of("A=1", &env->text_count);
  ask(m, env);
  settle(m);
  r = query(m, RS_STATE_JOBS, 10, 0, 0, 0);
  CHECK(r->rows[0]->text_bytes == 9 && memcmp(r->rows[0]->text, "prog\0\0A=1", 9) == 0);
  struct rs_m_job_end *stop = rs_msg_new(RS_MSG_JOB_END);
  stop->status = RS_ERR_TASK_FAILED;
  stop->text = bytes_of("why", &stop->text_count);
  ask(m, stop);
  settle(m);
  r = query(m, RS_STATE_JOBS, 10, 0, 0, 0);
  CHECK_EQ(r->rows[0]->n[RS_COL(jobs, state)], RS_JOB_FAILED);
  CHECK_EQ((int64_t)r->rows[0]->n[RS_COL(jobs, status)], RS_ERR_TASK_FAILED);
  CHECK(memcmp(r->rows[0]->text, "prog\0why\0A=1", 12) == 0);
  mini_free(m);
}

static void nodes_workers_and_tasks(void)
{
  struct mini *m = cluster(2, 2); /* and node 0, without CPUs */
  for (int i = 0; i < 6; i++)
    mini_submit(m, mini_task(m, 3 * RS_S, 0, 0), 1, 3);
  mini_run(m, 2 * RS_S);
  const struct rs_m_state_reply *r = query(m, RS_STATE_NODES, 10, 0, 0, 0);
  CHECK_EQ(r->rows_count, 3);
  CHECK_EQ(r->rows[1]->n[RS_COL(nodes, cpus)], 2 * RS_ONE_E4);
  CHECK_EQ(r->rows[1]->n[RS_COL(nodes, cpus_left)], 0);
  r = query(m, RS_STATE_WORKERS, 10, 0, 0, 0);
  CHECK(r->asked == 4 && r->answered == 4); /* the head and three raylets */
  CHECK(r->rows_count >= 4);
  CHECK_EQ(r->rows[0]->n[RS_COL(workers, owner)], mini_driver(m));
  r = query(m, RS_STATE_TASKS, 10, 0, 0, 0);
  CHECK_EQ(r->total, 6);
  uint32_t running = 0, waiting = 0;
  for (uint32_t i = 0; i < r->rows_count; i++) {
    running += r->rows[i]->n[RS_COL(tasks, state)] == RS_TASK_RUNNING;
    waiting += r->rows[i]->n[RS_COL(tasks, state)] == RS_TASK_PENDING_NODE_ASSIGNMENT;
  }
  CHECK(running == 4 && waiting == 2);
  r = query(m, RS_STATE_TASKS, 2, 0, 0, 0);
  CHECK(r->rows_count == 2 && r->total == 6); /* cut, and it says so */
  mini_run(m, 20 * RS_S);
  r = query(m, RS_STATE_TASKS, 10, 0, 0, 0);
  CHECK_EQ(r->total, 6);
  for (uint32_t i = 0; i < r->rows_count; i++) {
    CHECK_EQ(r->rows[i]->n[RS_COL(tasks, state)], RS_TASK_FINISHED);
    CHECK_EQ(r->rows[i]->n[RS_COL(tasks, run)], 3 * RS_S);
  }
  r = query(m, RS_STATE_TASK_COUNTS, 10, 0, 0, 0);
  CHECK_EQ(r->rows_count, 1);
  CHECK_EQ(r->rows[0]->n[RS_COL(task_counts, count)], 6);
  CHECK_EQ(r->rows[0]->n[RS_COL(task_counts, run)], 18 * RS_S);
  mini_free(m);
}

/* A task that no node can hold now, and one that none ever can: what each node says. */
static void waiting_is_explained(void)
{
  struct mini *m = cluster(2, 2);
  for (int i = 0; i < 2; i++)
    mini_submit(m, mini_task(m, 30 * RS_S, 0, 0), 2, 3);
  mini_run(m, 2 * RS_S);
  struct rs_task *busy = mini_task(m, RS_S, 0, 0), *never = mini_task(m, RS_S, 0, 0);
  struct rs_id busy_id = busy->id, never_id = never->id;
  mini_submit(m, busy, 1, 3);
  mini_submit(m, never, 4, 3);
  mini_run(m, 3 * RS_S);
  const struct rs_m_state_reply *r = query(m, RS_STATE_EXPLAIN, 100, busy_id.owner, busy_id.owner, busy_id.seq);
  CHECK_EQ(r->rows_count, 1);
  CHECK_EQ(r->rows[0]->n[RS_COL(explain, reason)], RS_WAIT_LEASE);
  struct rs_demand demand;
  struct rs_reader reader = {r->rows[0]->text, r->rows[0]->text + r->rows[0]->text_bytes, 0};
  rs_get_demand(&reader, &demand);
  CHECK(reader.error == 0 && demand.cpu_e4 == RS_ONE_E4);
  uint64_t raylet = r->rows[0]->n[RS_COL(explain, raylet)], request = r->rows[0]->n[RS_COL(explain, request)];
  r = query(m, RS_STATE_VERDICTS, 100, raylet, mini_driver(m), request);
  CHECK_EQ(r->rows_count, 4); /* the request, and three nodes */
  CHECK_EQ(r->rows[0]->n[RS_COL(explain, reason)], RS_WAIT_QUEUE);
  CHECK_EQ(r->rows[1]->n[RS_COL(verdicts, verdict)], RS_VERDICT_INFEASIBLE); /* node 0 has no CPU at all */
  for (int i = 2; i < 4; i++) {
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, verdict)], RS_VERDICT_BUSY);
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, resource)], RS_RESOURCE_CPU);
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, need)], RS_ONE_E4);
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, have)], 0);
  }
  r = query(m, RS_STATE_EXPLAIN, 100, never_id.owner, never_id.owner, never_id.seq);
  raylet = r->rows[0]->n[RS_COL(explain, raylet)], request = r->rows[0]->n[RS_COL(explain, request)];
  r = query(m, RS_STATE_VERDICTS, 100, raylet, mini_driver(m), request);
  for (uint32_t i = 1; i < r->rows_count; i++) {
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, verdict)], RS_VERDICT_INFEASIBLE);
    CHECK_EQ(r->rows[i]->n[RS_COL(verdicts, need)], 4 * RS_ONE_E4);
  }
  mini_free(m);
}

/* Many ended tasks: their numbers are exact, of the rows there are no more than a batch has. */
static void a_rush_is_sampled(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 4);
  opts.config.task_events_send_batch_size = 64;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  for (int i = 0; i < 2000; i++)
    mini_submit(m, mini_task(m, 10 * RS_US, 0, 0), 1, 3);
  mini_run(m, 20 * RS_S);
  const struct rs_m_state_reply *r = query(m, RS_STATE_TASK_COUNTS, 10, 0, 0, 0);
  CHECK_EQ(r->rows[0]->n[RS_COL(task_counts, count)], 2000);
  r = query(m, RS_STATE_TASKS, 10000, 0, 0, 0);
  CHECK(r->rows_count >= 32 && r->rows_count <= 64 * mini_messages(m, RS_MSG_TASK_EVENTS));
  CHECK(mini_messages(m, RS_MSG_TASK_EVENTS) <= 3);
  mini_free(m);
}

static void nothing_is_told_when_switched_off(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 4);
  opts.config.task_events_report_interval_ms = 0;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  mini_submit(m, mini_task(m, 10 * RS_US, 0, 0), 1, 3);
  mini_run(m, 20 * RS_S);
  CHECK_EQ(mini_messages(m, RS_MSG_TASK_EVENTS), 0);
  CHECK_EQ(query(m, RS_STATE_TASKS, 10, 0, 0, 0)->total, 0);
  mini_free(m);
}

/* Two bundles that fit nowhere: the group waits, and every node says why. */
static void groups_are_explained(void)
{
  struct mini *m = cluster(2, 2);
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  struct rs_id id = call->object = (struct rs_id){mini_driver(m), mini_seq(m, 0)};
  call->bundle_count = 2;
  call->bundles = rs_alloc_zero(2, sizeof *call->bundles);
  call->bundles[0].cpu_e4 = call->bundles[1].cpu_e4 = 3 * RS_ONE_E4;
  mini_call(m, call);
  mini_run(m, 2 * RS_S);
  const struct rs_m_state_reply *r = query(m, RS_STATE_GROUPS, 10, 0, 0, 0);
  CHECK_EQ(r->rows_count, 1);
  CHECK_EQ(r->rows[0]->n[RS_COL(groups, state)], RS_GROUP_PENDING);
  CHECK_EQ(r->rows[0]->n[RS_COL(groups, unplaced)], 2);
  CHECK(r->rows[0]->text_bytes == 8 && rs_load_u32(r->rows[0]->text) == RS_NODE_NONE);
  r = query(m, RS_STATE_EXPLAIN, 100, id.owner, id.owner, id.seq);
  CHECK_EQ(r->rows_count, 4); /* one demand, three nodes */
  CHECK_EQ(r->rows[0]->n[RS_COL(explain, reason)], RS_WAIT_GROUP);
  CHECK_EQ(r->rows[2]->n[RS_COL(verdicts, verdict)], RS_VERDICT_INFEASIBLE);
  CHECK_EQ(r->rows[2]->n[RS_COL(verdicts, have)], 2 * RS_ONE_E4);
  mini_free(m);
}

/* A node that dies while it is asked is left out of the answer. */
static void the_dead_are_not_waited_for(void)
{
  struct mini *m = cluster(3, 1);
  mini_kill_node(m, 2);
  const struct rs_m_state_reply *r = query(m, RS_STATE_WORKERS, 10, 0, 0, 0);
  CHECK(r->answered >= 4);
  mini_run(m, 30 * RS_S);
  r = query(m, RS_STATE_NODES, 10, 0, 0, 0);
  uint32_t dead = 0;
  for (uint32_t i = 0; i < r->rows_count; i++)
    dead += r->rows[i]->n[RS_COL(nodes, state)] == RS_NODE_DEAD;
  CHECK_EQ(dead, 1);
  mini_free(m);
}

const struct rs_test rs_tests[] = {{"keys and values", keys_and_values},
                                   {"the key-value store is bounded", the_store_is_bounded},
                                   {"jobs begin and end", jobs_begin_and_end},
                                   {"nodes, workers and tasks are listed", nodes_workers_and_tasks},
                                   {"waiting is explained, node by node", waiting_is_explained},
                                   {"a rush of ended tasks is sampled, and counted exactly", a_rush_is_sampled},
                                   {"task events can be switched off", nothing_is_told_when_switched_off},
                                   {"a placement group that waits is explained", groups_are_explained},
                                   {"the dead are not waited for", the_dead_are_not_waited_for},
                                   {0}};
