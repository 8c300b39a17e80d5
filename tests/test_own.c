/* Ownership over the mini driver: who keeps an object and until when; what a test does step by step, a program does by
 * calls. Long tasks stand for functions that are still running: the test makes calls in their worker's name, and ends
 * them with the result that it wants. */
#include "base/alloc.h"
#include "check.h"
#include "core/owner_int.h"
#include "core/raylet_int.h"
#include "core/store.h"
#include "mini.h"

#define LONG_NS (1000 * RS_S)

static struct mini *cluster(uint32_t nodes, uint32_t cpus)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  opts.codec = true;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

/* Long enough for everything but a long task. */
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

static struct rs_value *value_with(const struct rs_id *ids, uint32_t count, uint8_t byte)
{
  struct rs_value *value = rs_value_new(count, 3);
  for (uint32_t i = 0; i < count; i++)
    value->ids[i] = ids[i];
  value->data[0] = value->data[1] = value->data[2] = byte;
  return value;
}

/* A small object of `who`. Numbers of workers begin at 1, those of the driver come from the harness. */
static struct rs_id put(struct mini *m, rs_addr who, uint64_t seq, const struct rs_id *ids, uint32_t count,
                        uint8_t byte)
{
  struct rs_call *call = rs_call_new(RS_CALL_PUT, 0);
  call->object = (struct rs_id){who, seq};
  call->value = value_with(ids, count, byte);
  struct rs_id id = call->object;
  mini_call_at(m, who, call);
  return id;
}

static struct rs_id put_here(struct mini *m, const struct rs_id *ids, uint32_t count, uint8_t byte)
{
  return put(m, mini_driver(m), mini_seq(m, 0), ids, count, byte);
}

/* A task that runs until the test ends it, with `inner` inside its arguments. */
static struct rs_id start(struct mini *m, const struct rs_id *inner, uint32_t count, int32_t max_retries)
{
  struct rs_task *plain = mini_task(m, LONG_NS, 0, 0);
  struct rs_task *task = rs_task_new_inner(0, count, plain->args_bytes);
  memcpy(task->args, plain->args, plain->args_bytes);
  task->id = plain->id;
  task->function = plain->function;
  task->return_count = 1;
  task->flags = RS_TASK_KEEP;
  for (uint32_t i = 0; i < count; i++)
    task->inner[i] = inner[i];
  rs_task_unref(plain);
  struct rs_id id = task->id;
  mini_submit(m, task, 1, max_retries);
  settle(m);
  CHECK(mini_worker_of(m, id) != RS_ADDR_NONE);
  return id;
}

static struct rs_id return_of(struct rs_id task)
{
  return (struct rs_id){task.owner, task.seq + 1};
}

/* Ends it with a small value that has these references inside. */
static void finish(struct mini *m, struct rs_id task, const struct rs_id *ids, uint32_t count)
{
  struct rs_result *result = rs_result_new_ids(1, count, 2);
  result->task = task;
  result->returns[0] = (struct rs_return){.size_bytes = 2, .inline_bytes = 2, .id_count = count};
  for (uint32_t i = 0; i < count; i++)
    result->ids[i] = ids[i];
  mini_finish(m, result);
}

static const struct rs_owner *owner_at(const struct mini *m, rs_addr who)
{
  return mini_endpoint(m, who)->owner;
}

static const struct ref *ref_at(const struct mini *m, rs_addr who, struct rs_id id)
{
  return rs_owner_ref_find(owner_at(m, who), who, id);
}

static void nothing_left(struct mini *m)
{
  settle(m);
  for (uint32_t i = 0; i < mini_place_count(m); i++) {
    const struct rs_endpoint *ep = mini_place(m, i);
    const struct rs_owner *o = ep->owner;
    CHECK(!o || (o->refs.count == 0 && o->borrowed.count == 0 && o->borrowers.count == 0 && o->lineage_bytes == 0));
    CHECK(!o || (rs_list_empty(&o->adds) && rs_list_empty(&o->deferred) && rs_list_empty(&o->carried)));
    CHECK(!ep->local || rs_store_object_count(ep->local->store) == 0);
  }
  if (mini_count(m, RS_TRACE_NODE_DEAD) == 0) /* the harness does not take away what a node had */
    CHECK_EQ(mini_stored_bytes(m), 0);
  mini_free(m);
}

/* ---- one process ---- */

static void small_values_are_kept(void)
{
  struct mini *m = cluster(1, 1);
  struct rs_id id = put_here(m, NULL, 0, 7);
  CHECK_EQ(mini_reply(m, id)->status, RS_ERR_OK);
  object_call(m, mini_driver(m), RS_CALL_GET, id);
  const struct rs_reply *reply = mini_reply(m, id);
  CHECK(reply->value && reply->value->size_bytes == 3 && reply->value->data[2] == 7 && !reply->stored);
  struct rs_task *reader = mini_task(m, LONG_NS, 0, 1); /* its worker gets the bytes with it */
  struct rs_id task = reader->id;
  reader->deps[0].id = id;
  mini_submit(m, reader, 1, 0);
  settle(m);
  const struct rs_task *running = mini_running(m, task);
  CHECK(running && running->deps[0].value && running->deps[0].value->data[0] == 7);
  object_call(m, mini_driver(m), RS_CALL_RELEASE, id);
  CHECK(ref_at(m, mini_driver(m), id)); /* a task reads it */
  finish(m, task, NULL, 0);
  nothing_left(m);
}

static void counts_add_up(void)
{
  struct mini *m = cluster(1, 1);
  rs_addr me = mini_driver(m);
  struct rs_id id = put_here(m, NULL, 0, 1);
  object_call(m, me, RS_CALL_RETAIN, id);
  object_call(m, me, RS_CALL_RELEASE, id);
  CHECK(ref_at(m, me, id));
  object_call(m, me, RS_CALL_RELEASE, id);
  CHECK(!ref_at(m, me, id));
  object_call(m, me, RS_CALL_RELEASE, id); /* once too often does no harm */
  object_call(m, me, RS_CALL_GET, id);
  CHECK_EQ(mini_reply(m, id)->status, RS_ERR_OBJECT_LOST);
  CHECK(mini_reply(m, id)->result && mini_reply(m, id)->result->data_bytes > 60); /* it names the object */
  nothing_left(m);
}

static void waits_are_answered(void)
{
  struct mini *m = cluster(2, 1);
  rs_addr me = mini_driver(m);
  struct rs_id task = start(m, NULL, 0, 0), object = return_of(task);
  object_call(m, me, RS_CALL_WAIT, object);
  CHECK(!mini_reply(m, object));
  finish(m, task, NULL, 0);
  settle(m);
  CHECK(mini_reply(m, object) && mini_reply(m, object)->ready && !mini_reply(m, object)->value);
  object_call(m, me, RS_CALL_RELEASE, object);
  nothing_left(m);
}

static void stored_ones_are_pinned(void)
{
  struct mini *m = cluster(2, 1);
  rs_addr me = mini_driver(m);
  struct rs_task *big = mini_task(m, RS_MS, 5 << 20, 0);
  struct rs_id object = return_of(big->id);
  big->flags = RS_TASK_KEEP;
  mini_submit(m, big, 1, 0);
  settle(m);
  object_call(m, me, RS_CALL_GET, object);
  settle(m);
  CHECK(mini_reply(m, object)->stored && mini_reply(m, object)->status == RS_ERR_OK);
  object_call(m, me, RS_CALL_RELEASE, object); /* who reads it goes on reading */
  settle(m);
  CHECK(mini_stored_bytes(m) == 5 << 20);
  object_call(m, me, RS_CALL_UNPIN, object);
  nothing_left(m);
}

enum { CHAIN = 200000 };

static void long_chains_go_without_recursion(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  opts.checks = false;
  struct mini *m = mini_new(&opts);
  rs_addr me = mini_driver(m);
  struct rs_id last = put_here(m, NULL, 0, 0);
  for (uint32_t i = 0; i < CHAIN; i++) {
    struct rs_id next = put_here(m, &last, 1, 0);
    object_call(m, me, RS_CALL_RELEASE, last);
    last = next;
  }
  CHECK_EQ(owner_at(m, me)->refs.count, CHAIN + 1);
  object_call(m, me, RS_CALL_RELEASE, last);
  CHECK_EQ(owner_at(m, me)->refs.count, 0);
  nothing_left(m);
}

/* ---- two processes ---- */

static void borrowers_keep_what_they_need(void)
{
  struct mini *m = cluster(2, 1);
  rs_addr me = mini_driver(m);
  struct rs_id x = put_here(m, NULL, 0, 5);
  struct rs_id task = start(m, &x, 1, 0);
  rs_addr worker = mini_worker_of(m, task);
  object_call(m, me, RS_CALL_RELEASE, x);
  CHECK(ref_at(m, me, x)); /* the task carries it */
  object_call(m, worker, RS_CALL_RETAIN, x);
  finish(m, task, NULL, 0);
  settle(m);
  CHECK(mini_reply(m, task) && ref_at(m, me, x)); /* now the worker has it */
  CHECK_EQ(ref_at(m, me, x)->holds, 0);
  CHECK_EQ(mini_count(m, RS_TRACE_BORROWED), 1);
  object_call(m, worker, RS_CALL_GET, x);
  settle(m);
  CHECK(mini_reply(m, x)->value && mini_reply(m, x)->value->data[0] == 5);
  object_call(m, worker, RS_CALL_RELEASE, x);
  object_call(m, me, RS_CALL_RELEASE, return_of(task));
  nothing_left(m);
}

/* The result must not be there before the owner knows of the borrower, however slow the way. */
static void results_wait_for_registrations(void)
{
  struct mini *m = cluster(2, 2);
  rs_addr me = mini_driver(m);
  struct rs_id first = start(m, NULL, 0, 0);
  rs_addr holder = mini_worker_of(m, first);
  struct rs_id y = put(m, holder, 1, NULL, 0, 9);
  struct rs_id second = start(m, &y, 1, 0);
  finish(m, first, &y, 1); /* y goes to the driver */
  object_call(m, holder, RS_CALL_RELEASE, y);
  settle(m);
  CHECK(ref_at(m, holder, y) && ref_at(m, me, y)); /* what the driver got contains it */
  rs_addr worker = mini_worker_of(m, second);
  mini_slow(m, worker, holder, 5 * RS_S);
  object_call(m, worker, RS_CALL_RETAIN, y);
  finish(m, second, NULL, 0);
  object_call(m, me, RS_CALL_RELEASE, return_of(first)); /* the driver lets go as soon as it may */
  object_call(m, me, RS_CALL_RELEASE, return_of(second));
  mini_run(m, mini_run(m, 0) + 2 * RS_S);
  CHECK(!mini_reply(m, second)); /* it waits */
  settle(m);
  CHECK(mini_reply(m, second) && ref_at(m, holder, y));
  object_call(m, worker, RS_CALL_GET, y);
  settle(m);
  CHECK(mini_reply(m, y)->value && mini_reply(m, y)->value->data[0] == 9);
  object_call(m, worker, RS_CALL_RELEASE, y);
  nothing_left(m);
}

/* A borrower takes r out of a container and lets the container go at once: that must not overtake its registration. */
static void removals_do_not_cross_adds(void)
{
  struct mini *m = cluster(2, 2);
  rs_addr me = mini_driver(m);
  struct rs_id first = start(m, NULL, 0, 0);
  rs_addr holder = mini_worker_of(m, first);
  struct rs_id r = put(m, holder, 1, NULL, 0, 4), box = return_of(first);
  struct rs_id second = start(m, &box, 1, 0);
  finish(m, first, &r, 1); /* the return of `first`, the driver's, contains r */
  object_call(m, holder, RS_CALL_RELEASE, r);
  rs_addr worker = mini_worker_of(m, second);
  object_call(m, worker, RS_CALL_RETAIN, box);
  settle(m);
  mini_slow(m, worker, holder, 5 * RS_S);
  object_call(m, worker, RS_CALL_RETAIN, r);
  object_call(m, worker, RS_CALL_RELEASE, box);
  object_call(m, me, RS_CALL_RELEASE, box);
  finish(m, second, NULL, 0);
  mini_run(m, mini_run(m, 0) + 2 * RS_S);
  CHECK(ref_at(m, me, box)); /* the worker has not let it go yet */
  settle(m);
  CHECK(!ref_at(m, me, box) && ref_at(m, holder, r)->more->lend_count == 1);
  /* given up and taken again before the first word has arrived */
  object_call(m, worker, RS_CALL_RELEASE, r);
  object_call(m, worker, RS_CALL_RETAIN, r);
  settle(m);
  object_call(m, worker, RS_CALL_RELEASE, r);
  object_call(m, me, RS_CALL_RELEASE, return_of(second));
  nothing_left(m);
}

static void tasks_of_tasks_read_borrowed_objects(void)
{
  struct mini *m = cluster(2, 2);
  rs_addr me = mini_driver(m);
  struct rs_task *big = mini_task(m, RS_MS, 3 << 20, 0);
  struct rs_id made[2] = {return_of(big->id)};
  big->flags = RS_TASK_KEEP;
  mini_submit(m, big, 1, 0);
  settle(m);
  made[1] = put_here(m, NULL, 0, 8);
  struct rs_id task = start(m, made, 2, 0);
  rs_addr worker = mini_worker_of(m, task);
  struct rs_task *plain = mini_task(m, RS_S, 0, 0), *nested = rs_task_new(2, plain->args_bytes);
  memcpy(nested->args, plain->args, plain->args_bytes);
  rs_task_unref(plain);
  nested->function = mini_running(m, task)->function;
  nested->id = (struct rs_id){worker, 10};
  nested->return_count = 1;
  nested->parent = task;
  nested->job = me;
  nested->deps[0].id = made[0];
  nested->deps[1].id = made[1];
  struct rs_id nested_id = nested->id;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = nested;
  call->demand.cpu_e4 = RS_ONE_E4;
  mini_call_at(m, worker, call);
  settle(m);
  CHECK(mini_reply(m, nested_id) && mini_reply(m, nested_id)->status == RS_ERR_OK);
  finish(m, task, NULL, 0);
  object_call(m, me, RS_CALL_RELEASE, made[0]);
  object_call(m, me, RS_CALL_RELEASE, made[1]);
  object_call(m, me, RS_CALL_RELEASE, return_of(task));
  nothing_left(m);
}

/* ---- death ---- */

static void borrowers_that_die_let_go(void)
{
  struct mini *m = cluster(2, 1);
  rs_addr me = mini_driver(m);
  struct rs_id x = put_here(m, NULL, 0, 5);
  struct rs_id task = start(m, &x, 1, 0);
  object_call(m, mini_worker_of(m, task), RS_CALL_RETAIN, x);
  settle(m);
  CHECK(ref_at(m, me, x)->more->lend_count == 1);
  mini_kill_worker_of(m, task);
  settle(m);
  CHECK(ref_at(m, me, x)->more->lend_count == 0);
  object_call(m, me, RS_CALL_RELEASE, x);
  object_call(m, me, RS_CALL_RELEASE, return_of(task));
  nothing_left(m);
}

static bool says(const struct rs_reply *reply, const char *what)
{
  size_t n = strlen(what);
  for (uint32_t i = 0; reply && reply->result && i + n <= reply->result->data_bytes; i++)
    if (memcmp(reply->result->data + i, what, n) == 0)
      return true;
  return false;
}

static void objects_go_with_their_owner(void)
{
  struct mini *m = cluster(2, 1);
  rs_addr me = mini_driver(m);
  struct rs_id task = start(m, NULL, 0, 0);
  rs_addr worker = mini_worker_of(m, task);
  struct rs_id y = put(m, worker, 1, NULL, 0, 9);
  finish(m, task, &y, 1);
  settle(m);
  object_call(m, me, RS_CALL_RETAIN, y);
  mini_kill(m, worker);
  settle(m);
  object_call(m, me, RS_CALL_GET, y);
  settle(m);
  const struct rs_reply *reply = mini_reply(m, y);
  CHECK_EQ(reply->status, RS_ERR_OWNER_DIED);
  char hex[RS_ID_HEX];
  rs_id_hex(y, hex);
  CHECK(says(reply, hex));
  object_call(m, me, RS_CALL_RELEASE, y);
  object_call(m, me, RS_CALL_RELEASE, return_of(task));
  nothing_left(m);
}

/* ---- lineage ---- */

struct line {
  struct rs_id task, object;
};

/* A stored object of `bytes`, made out of `from` (seq 0: of nothing). */
static struct line make(struct mini *m, struct rs_id from, uint64_t bytes, int32_t max_retries)
{
  struct rs_task *task = mini_task(m, RS_MS, bytes, from.seq ? 1 : 0);
  if (from.seq)
    task->deps[0].id = from;
  task->flags = RS_TASK_KEEP;
  struct line line = {task->id, return_of(task->id)};
  mini_submit(m, task, 1, max_retries);
  settle(m);
  CHECK(mini_reply(m, line.task) && mini_reply(m, line.task)->status == RS_ERR_OK);
  return line;
}

/* Every node with CPUs goes and comes back: no copy is left. */
static void lose_all(struct mini *m, uint32_t nodes)
{
  for (uint32_t i = 1; i <= nodes; i++)
    mini_kill_node(m, i);
  for (uint32_t i = 1; i <= nodes; i++)
    mini_restart_node(m, i);
  settle(m);
}

static void lost_chains_are_made_again(void)
{
  struct mini *m = cluster(2, 2);
  rs_addr me = mini_driver(m);
  struct line a = make(m, (struct rs_id){0, 0}, 1 << 20, 3), b = make(m, a.object, 2 << 20, -1),
              c = make(m, b.object, 3 << 20, 1);
  object_call(m, me, RS_CALL_RELEASE, a.object);
  object_call(m, me, RS_CALL_RELEASE, b.object);
  settle(m);
  CHECK(mini_stored_bytes(m) == 3 << 20);
  CHECK(ref_at(m, me, a.object) && ref_at(m, me, a.object)->fate == REF_FREED);
  uint32_t replies = mini_reply_count(m);
  lose_all(m, 2);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_REBUILT), 3);
  CHECK_EQ(mini_reply_count(m), replies); /* nobody is told twice that a task has ended */
  object_call(m, me, RS_CALL_GET, c.object);
  settle(m);
  CHECK(mini_reply(m, c.object)->status == RS_ERR_OK && mini_reply(m, c.object)->stored);
  object_call(m, me, RS_CALL_UNPIN, c.object);
  lose_all(m, 2); /* its one retry is used up; the copy that was got is on the driver's node */
  object_call(m, me, RS_CALL_RELEASE, c.object);
  nothing_left(m);
}

static void what_cannot_be_made_again_says_why(void)
{
  struct mini *m = cluster(2, 2);
  rs_addr me = mini_driver(m);
  struct line once = make(m, (struct rs_id){0, 0}, 1 << 20, 1);
  lose_all(m, 2);
  lose_all(m, 2);
  object_call(m, me, RS_CALL_GET, once.object);
  settle(m);
  const struct rs_reply *reply = mini_reply(m, once.object);
  char hex[RS_ID_HEX];
  rs_id_hex(once.object, hex);
  CHECK(reply->status == RS_ERR_OBJECT_LOST && says(reply, hex) && says(reply, "no retries left"));
  CHECK(says(reply, "of function "));
  struct rs_task *reader = mini_task(m, RS_MS, 0, 1);
  struct rs_id id = reader->id;
  reader->deps[0].id = once.object;
  mini_submit(m, reader, 1, 3);
  settle(m);
  CHECK(mini_reply(m, id)->status == RS_ERR_OBJECT_LOST && says(mini_reply(m, id), hex));
  object_call(m, me, RS_CALL_RELEASE, once.object);
  nothing_left(m);
}

static void lineage_is_bounded(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 2);
  opts.config.max_lineage_bytes = 4000;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  rs_addr me = mini_driver(m);
  struct line lines[40];
  for (int i = 0; i < 40; i++)
    lines[i] = make(m, (struct rs_id){0, 0}, 1 << 20, 3);
  CHECK(owner_at(m, me)->lineage_bytes <= 4000 && owner_at(m, me)->lineage_bytes > 400);
  lose_all(m, 2);
  object_call(m, me, RS_CALL_GET, lines[0].object);
  object_call(m, me, RS_CALL_GET, lines[39].object);
  settle(m);
  CHECK(mini_reply(m, lines[0].object)->status == RS_ERR_OBJECT_LOST &&
        says(mini_reply(m, lines[0].object), "max_lineage_bytes"));
  CHECK_EQ(mini_reply(m, lines[39].object)->status, RS_ERR_OK);
  object_call(m, me, RS_CALL_UNPIN, lines[39].object);
  for (int i = 0; i < 40; i++)
    object_call(m, me, RS_CALL_RELEASE, lines[i].object);
  nothing_left(m);
}

/* ---- tasks that wait ---- */

static struct rs_id submit_nested(struct mini *m, rs_addr worker, uint64_t seq, struct rs_id parent, uint64_t ns)
{
  struct rs_task *plain = mini_task(m, ns, 0, 0), *nested = rs_task_copy(plain);
  rs_task_unref(plain);
  nested->id = (struct rs_id){worker, seq};
  nested->parent = parent;
  struct rs_id id = nested->id;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = nested;
  call->demand.cpu_e4 = RS_ONE_E4;
  mini_call_at(m, worker, call);
  return id;
}

static void simple_call(struct mini *m, rs_addr who, enum rs_call_kind kind)
{
  mini_call_at(m, who, rs_call_new(kind, 0));
}

/* One CPU, three levels of tasks that wait for each other. */
static void waiting_tasks_lend_their_cpu(void)
{
  struct mini *m = cluster(1, 1);
  rs_addr me = mini_driver(m);
  struct rs_id outer = start(m, NULL, 0, 0);
  rs_addr first = mini_worker_of(m, outer);
  struct rs_id middle = submit_nested(m, first, 1, outer, LONG_NS);
  settle(m);
  CHECK(!mini_running(m, middle));
  simple_call(m, first, RS_CALL_BLOCKED);
  settle(m);
  CHECK(mini_running(m, middle));
  rs_addr second = mini_worker_of(m, middle);
  struct rs_id leaf = submit_nested(m, second, 1, middle, RS_S);
  simple_call(m, second, RS_CALL_BLOCKED);
  settle(m);
  CHECK(mini_reply(m, leaf) && mini_reply(m, leaf)->status == RS_ERR_OK);
  const struct rs_raylet *r = mini_raylet(m, 1)->local;
  CHECK_EQ(r->left.cpu_e4, RS_ONE_E4);
  simple_call(m, second, RS_CALL_UNBLOCKED);
  simple_call(m, first, RS_CALL_UNBLOCKED); /* both run now, with one CPU */
  settle(m);
  CHECK_EQ(r->left.cpu_e4, 0);
  CHECK(!rs_list_empty(&r->owed));
  finish(m, middle, NULL, 0);
  settle(m);
  CHECK(rs_list_empty(&r->owed) && r->left.cpu_e4 == 0);
  finish(m, outer, NULL, 0);
  settle(m);
  CHECK_EQ(r->left.cpu_e4, RS_ONE_E4);
  object_call(m, me, RS_CALL_RELEASE, return_of(outer));
  nothing_left(m);
}

/* Tasks that were pushed ahead of time go back, uncharged, and run on another worker meanwhile. */
static void queued_tasks_are_given_back(void)
{
  struct mini *m = cluster(1, 1);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 200);
  struct rs_id ids[200];
  for (int i = 0; i < 200; i++) { /* short ones: many are pushed at once */
    call->tasks[i] = mini_task(m, 20 * RS_US, 0, 0);
    ids[i] = call->tasks[i]->id;
  }
  call->demand.cpu_e4 = RS_ONE_E4;
  mini_call(m, call);
  while (mini_reply_count(m) < 20)
    mini_run(m, mini_run(m, 0) + 10 * RS_US);
  struct rs_id running = {0, 0};
  for (int i = 0; i < 200 && !running.seq; i++)
    if (mini_running(m, ids[i]))
      running = ids[i];
  CHECK(running.seq);
  rs_addr worker = mini_worker_of(m, running);
  simple_call(m, worker, RS_CALL_BLOCKED);
  settle(m);
  CHECK(mini_count(m, RS_TRACE_TASK_RETURNED) > 0);
  for (int i = 0; i < 200; i++)
    CHECK(mini_reply(m, ids[i]) && mini_reply(m, ids[i])->status == RS_ERR_OK);
  CHECK_EQ(mini_count(m, RS_TRACE_TASK_RETRIED), 0);
  CHECK_EQ(mini_raylet(m, 1)->local->left.cpu_e4,
           RS_ONE_E4); /* a task that ends while it waits gives everything back */
  nothing_left(m);
}

/* An idle worker beyond the limit stays while others need what it owns. */
static void owners_are_not_retired(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 2);
  opts.config.num_workers_soft_limit = 0;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  rs_addr me = mini_driver(m);
  struct rs_id task = start(m, NULL, 0, 0);
  rs_addr worker = mini_worker_of(m, task);
  struct rs_id y = put(m, worker, 1, NULL, 0, 9);
  object_call(m, worker, RS_CALL_RELEASE, put(m, worker, 2, NULL, 0, 1));
  finish(m, task, &y, 1);
  object_call(m, worker, RS_CALL_RELEASE, y);
  settle(m);
  CHECK(mini_endpoint(m, worker) != NULL);
  object_call(m, me, RS_CALL_RELEASE, return_of(task));
  settle(m);
  CHECK(mini_endpoint(m, worker) == NULL);
  nothing_left(m);
}

const struct rs_test rs_tests[] = {
    {"own: small values are kept, and travel with tasks", small_values_are_kept},
    {"own: counts of the application", counts_add_up},
    {"own: wait tells without bringing", waits_are_answered},
    {"own: what was got stays until it is unpinned", stored_ones_are_pinned},
    {"own: a long chain of containers goes in a loop", long_chains_go_without_recursion},
    {"own: a borrower keeps an object alive", borrowers_keep_what_they_need},
    {"own: a result waits until what it leaves behind is registered", results_wait_for_registrations},
    {"own: a removal does not overtake an add", removals_do_not_cross_adds},
    {"own: tasks of tasks read borrowed objects", tasks_of_tasks_read_borrowed_objects},
    {"own: a borrower dies", borrowers_that_die_let_go},
    {"own: an owner dies", objects_go_with_their_owner},
    {"own: lost objects are made again, through their arguments", lost_chains_are_made_again},
    {"own: what cannot be made again says why", what_cannot_be_made_again_says_why},
    {"own: lineage is bounded", lineage_is_bounded},
    {"own: a waiting task lends its CPU", waiting_tasks_lend_their_cpu},
    {"own: tasks behind a waiting one are given back", queued_tasks_are_given_back},
    {"own: an idle worker that owns something stays", owners_are_not_retired},
    {0},
};
