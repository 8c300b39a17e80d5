/* Strategy SPREAD: tasks that take microseconds run on all nodes alike, one after the other or all at once; and long
 * ones wait for room without wandering about. */
#include "base/alloc.h"
#include "check.h"
#include "mini.h"

enum { NODES = 4, TASKS = 400 };

static struct rs_id submit(struct mini *m, uint64_t ns)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = mini_task(m, ns, 0, 0);
  call->strategy = RS_STRATEGY_SPREAD;
  call->target = RS_NODE_NONE;
  call->demand.cpu_e4 = RS_ONE_E4;
  struct rs_id id = call->tasks[0]->id;
  mini_call(m, call);
  return id;
}

static struct mini *cluster(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, NODES, 2);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static void counts_are(const struct mini *m, const struct rs_id *ids, uint32_t count, uint32_t least, uint32_t most)
{
  uint32_t on[NODES + 1] = {0};
  for (uint32_t i = 0; i < count; i++) {
    CHECK(mini_reply(m, ids[i]) && mini_reply(m, ids[i])->status == RS_ERR_OK);
    on[mini_ran_on(m, ids[i])]++;
  }
  printf("\n    %u %u %u %u", on[1], on[2], on[3], on[4]);
  for (uint32_t i = 1; i <= NODES; i++)
    CHECK(on[i] >= least && on[i] <= most);
}

static void one_after_the_other(void)
{
  struct mini *m = cluster();
  struct rs_id ids[TASKS];
  for (uint32_t i = 0; i < TASKS; i++) {
    ids[i] = submit(m, 20 * RS_US);
    while (!mini_reply(m, ids[i]))
      mini_run(m, mini_run(m, 0) + RS_MS);
  }
  counts_are(m, ids, TASKS, TASKS / NODES - 1, TASKS / NODES + 1);
  mini_free(m);
}

static void all_at_once(void)
{
  struct mini *m = cluster();
  struct rs_id ids[TASKS];
  for (uint32_t i = 0; i < TASKS; i++)
    ids[i] = submit(m, 20 * RS_US);
  mini_run(m, 60 * RS_S);
  counts_are(m, ids, TASKS, TASKS / NODES * 8 / 10, TASKS / NODES * 12 / 10);
  mini_free(m);
}

/* Four times what there is room for: a request is refused a few times at most, then it waits. */
static void long_ones_wait(void)
{
  struct mini *m = cluster();
  struct rs_id ids[32];
  for (uint32_t i = 0; i < 32; i++)
    ids[i] = submit(m, RS_S);
  mini_run(m, 7 * RS_S); /* four rounds of a second, from the first second on */
  counts_are(m, ids, 32, 6, 10);
  printf(", %u refusals", (unsigned)mini_messages(m, RS_MSG_LEASE_REJECT));
  CHECK(mini_messages(m, RS_MSG_LEASE_REJECT) <= 32 * 4);
  mini_free(m);
}

const struct rs_test rs_tests[] = {{"spread: one after the other", one_after_the_other},
                                   {"spread: all at once", all_at_once},
                                   {"spread: long ones wait", long_ones_wait},
                                   {0}};
