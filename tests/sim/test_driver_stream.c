/* test_driver_stream.c -- functions that yield on the SimGrid driver: their pace, what backpressure holds back, what
 * ends them early, and that a run of them is reproducible. Loads of lib/load above the real core; costs are nothing but
 * latencies, so that times are known by hand. */
#include "lib/load/load.h"
#include "sim/driver_int.h"
#include "test_driver_run.h"

#define ITEM_BYTES 1000000u

struct plan {
  uint32_t tasks, items, backpressure;
  uint64_t read_ns, duration_ns, item_bytes;
  bool spin, costs;
};

/* What a run leaves in run->numbers. */
enum { ENDED, FAILED, READ, LOST, RUN_NS, END_NS };

static struct plan plan;

static bool next(void *arg, uint64_t index, struct rs_load_task *out)
{
  (void)arg;
  *out = (struct rs_load_task){.duration_ns = plan.duration_ns,
                               .return_bytes = plan.item_bytes,
                               .mode = plan.spin ? RS_REPLAY_SPIN : RS_REPLAY_SLEEP};
  return index < plan.tasks;
}

static void on_end(void *user, const struct rs_load_end *end)
{
  struct run *run = user;
  run->numbers[RUN_NS] = end->run_ns;
  run->numbers[END_NS] = end->end_ns;
}

static void play(struct rs_sim *sim, struct run *run)
{
  static const struct rs_load_class class = {.demand = {.cpu_e4 = RS_ONE_E4}, .max_retries = 20};
  struct rs_load_opts opts = {.next = next,
                              .classes = &class,
                              .class_count = 1,
                              .start_ns = RS_S,
                              .items = plan.items,
                              .backpressure = plan.backpressure,
                              .read_ns = plan.read_ns,
                              .ended = on_end,
                              .user = run};
  struct rs_app *app = rs_load_new(&opts);
  rs_sim_add_app(sim, 0, app);
  run->end = rs_sim_run(sim);
  run->stats = *rs_sim_stats(sim);
  struct rs_load_stats stats = rs_load_stats(app);
  run->numbers[ENDED] = stats.ended;
  run->numbers[FAILED] = stats.failed;
  run->numbers[READ] = stats.items_read;
  run->numbers[LOST] = stats.items_lost;
  rs_load_free(app);
}

static struct run *streams(uint32_t nodes)
{
  struct run *run = run_new(nodes, 4);
  run->during = play;
  run->opts.drain_ns = 20 * RS_S; /* what was released goes */
  if (!plan.costs) {
    rs_cost_zero(&run->cost);
    run->cost.local_latency_ns = 10 * RS_US;
    run->cost.worker_start_ns = RS_MS;
  }
  return run;
}

static void do_run(struct run *run)
{
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->numbers[ENDED], plan.tasks);
  CHECK_EQ(run->numbers[LOST], 0);
  CHECK_EQ(run->stats.store_bytes, 0); /* at rest nothing is held */
}

static void free_reader(void)
{
  plan = (struct plan){.tasks = 1, .items = 10, .duration_ns = RS_S, .item_bytes = ITEM_BYTES};
  struct run *run = streams(1);
  do_run(run);
  CHECK_EQ(run->numbers[READ], 10);
  CHECK_EQ(run->stats.items, 10);
  CHECK_EQ(run->numbers[RUN_NS], RS_S); /* its function never waits */
  CHECK_EQ(run->stats.copies, 10);      /* to the program's node */
  run_free(run);
}

/* Item i may be handed over when item i - 2 is read: 10 of them at 300 ms a read, the last two unread at the end. */
static void backpressure_holds(void)
{
  plan = (struct plan){.tasks = 1,
                       .items = 10,
                       .backpressure = 2,
                       .read_ns = 300 * RS_MS,
                       .duration_ns = RS_S,
                       .item_bytes = ITEM_BYTES};
  struct run *run = streams(1);
  do_run(run);
  CHECK_EQ(run->numbers[READ], 10);
  double ran_s = (double)run->numbers[RUN_NS] * 1e-9;
  CHECK_NEAR(ran_s, 8 * 0.3 + 0.1, 0.02);
  CHECK(run->stats.store_peak_bytes <= 2 * (2 + 1) * (uint64_t)ITEM_BYTES); /* on both nodes, and the one being read */
  struct plan held = plan;
  plan.backpressure = 0;
  struct run *loose = streams(1);
  do_run(loose);
  CHECK_EQ(loose->numbers[RUN_NS], RS_S);
  CHECK(loose->stats.store_peak_bytes >= 6 * (uint64_t)ITEM_BYTES); /* a limit that nobody keeps would be seen */
  plan = held;
  plan.item_bytes = 100; /* values inside messages are held back alike */
  struct run *small = streams(1);
  do_run(small);
  CHECK_NEAR((double)small->numbers[RUN_NS] * 1e-9, 8 * 0.3 + 0.1, 0.02);
  CHECK_EQ(small->stats.copies, 0);
  run_free(run);
  run_free(loose);
  run_free(small);
}

/* Two computing streams of 1 s each on one core take 2 s; they compute nothing while they wait. */
static void computing_streams_share_cores(void)
{
  plan = (struct plan){.tasks = 2, .items = 10, .duration_ns = RS_S, .item_bytes = 10, .spin = true};
  struct run *run = streams(1);
  run->cost.shared_cores = 1;
  do_run(run);
  CHECK_NEAR((double)run->numbers[RUN_NS] * 1e-9, 2, 0.15);
  plan.tasks = 1;
  plan.backpressure = 1;
  plan.read_ns = 400 * RS_MS;
  struct run *waits = streams(1);
  waits->cost.shared_cores = 1;
  do_run(waits);
  CHECK_NEAR((double)waits->numbers[RUN_NS] * 1e-9, 9 * 0.4 + 0.1, 0.05);
  run_free(run);
  run_free(waits);
}

/* Workers die while they compute and while they wait; each item is read once all the same. */
static void workers_die(void)
{
  plan = (struct plan){.tasks = 12,
                       .items = 8,
                       .backpressure = 1,
                       .read_ns = 50 * RS_MS,
                       .duration_ns = 100 * RS_MS,
                       .item_bytes = ITEM_BYTES};
  struct run *run = streams(3);
  run->cluster.fault_count = 1;
  run->faults[0] =
      (struct rs_sim_fault){.kind = RS_SIM_WORKER_KILL, .at_ns = RS_TIME_NEVER, .rate_per_s = 1, .group = RS_SIM_ANY};
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->numbers[ENDED], 12);
  CHECK_EQ(run->numbers[FAILED], 0);
  CHECK(run->stats.traces[RS_TRACE_TASK_RETRIED] > 2);
  CHECK_EQ(run->numbers[READ] + run->numbers[LOST], 12 * 8);
  CHECK(run->stats.items > 12 * 8); /* those that were tried again yielded some twice */
  CHECK_EQ(run->stats.tasks_started, run->stats.tasks_ended);
  run_free(run);
}

static void reproducible(void)
{
  plan = (struct plan){.tasks = 30,
                       .items = 12,
                       .backpressure = 3,
                       .read_ns = 5 * RS_MS,
                       .duration_ns = 60 * RS_MS,
                       .item_bytes = 300000,
                       .costs = true};
  uint64_t hashes[4], decisions[4];
  for (int i = 0; i < 4; i++) {
    struct run *run = streams(5);
    run->opts.codec_forced = i == 2;
    run->opts.sanity = i == 1;
    run->opts.drift_ppb = i == 3 ? 1000000 : 0;
    do_run(run);
    CHECK_EQ(run->numbers[READ], 30 * 12);
    hashes[i] = run->stats.trace_hash;
    decisions[i] = run->stats.decision_hash;
    run_free(run);
  }
  CHECK(hashes[0] == hashes[1] && decisions[0] == decisions[1]);
  CHECK(hashes[0] == hashes[2] && decisions[0] == decisions[2]);
  CHECK(hashes[0] != hashes[3]); /* other clocks are another run */
}

static void faithful_streams(void)
{
  plan = (struct plan){.tasks = 8,
                       .items = 6,
                       .backpressure = 2,
                       .read_ns = 30 * RS_MS,
                       .duration_ns = 60 * RS_MS,
                       .item_bytes = 50,
                       .costs = true};
  struct run *quick = streams(2), *slow = streams(2);
  slow->opts.faithful = true;
  do_run(quick);
  do_run(slow);
  CHECK_EQ(slow->numbers[READ], 8 * 6);
  CHECK_NEAR((double)slow->numbers[END_NS] / (double)quick->numbers[END_NS], 1, 0.01);
  run_free(quick);
  run_free(slow);
}

const struct rs_test rs_tests[] = {{"streams: a reader that keeps up", free_reader},
                                   {"streams: backpressure holds", backpressure_holds},
                                   {"streams: computing ones share cores", computing_streams_share_cores},
                                   {"streams: workers die", workers_die},
                                   {"streams: reproducible", reproducible},
                                   {"streams: the faithful variant", faithful_streams},
                                   {0}};
