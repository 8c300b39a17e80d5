/* test_driver_bulk.c -- what large objects take on one machine, by hand: made alone, together, into warm memory; moved
 * alone and from one source to several. */
#include "sim/driver_int.h"
#include "test_driver_run.h"

#define MIB (UINT64_C(1) << 20)

/* Seconds from the first submission to the last end; costs are nothing but what `run->cost` is given. */
static double span_s(struct run *run)
{
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.failed, 0);
  return (double)(run->tasks.last_ns - run->tasks.first_ns) * 1e-9;
}

static struct run *makers(uint32_t nodes, uint32_t cpus, uint64_t count, uint64_t bytes, bool costs)
{
  struct run *run = run_new(nodes, cpus);
  rs_cost_zero(&run->cost);
  run->cost.local_latency_ns = RS_US;
  run->cost.shared_by_all = true;
  run->tasks.count = count;
  run->tasks.duration_min_ns = run->tasks.duration_max_ns = 100 * RS_MS;
  run->tasks.return_bytes = bytes;
  if (costs) {
    run->cost.make_bytes_per_s = 2000000000;
    run->cost.make_fresh_bytes_per_s = 1000000000;
    run->cost.make_fresh_large_bytes_per_s = 4000000000;
    run->cost.make_all_bytes_per_s = run->cost.make_fresh_all_bytes_per_s = 4000000000;
  }
  return run;
}

/* What the bytes add to the same tasks without their cost. */
static double added_s(uint32_t nodes, uint32_t cpus, uint64_t count, uint64_t bytes)
{
  struct run *free_of_cost = makers(nodes, cpus, count, bytes, false), *run = makers(nodes, cpus, count, bytes, true);
  double without = span_s(free_of_cost), with = span_s(run);
  run_free(free_of_cost);
  run_free(run);
  return with - without;
}

static void one_writer(void)
{
  CHECK_NEAR(added_s(1, 1, 1, 4 * MIB), (double)(4 * MIB) / 1e9, 1e-6);
  CHECK_NEAR(added_s(1, 1, 1, 24 * MIB), (double)(8 * MIB) / 1e9 + (double)(16 * MIB) / 4e9, 1e-6);
  CHECK_NEAR(added_s(1, 1, 1, 100), 0, 1e-9); /* inside the message */
}

/* Eight at a time have half a gigabyte a second each; objects are freed as their tasks end, so later ones find warm
 * memory. */
static void writers_share_the_machine(void)
{
  CHECK_NEAR(added_s(1, 8, 8, 4 * MIB), 8 * (double)(4 * MIB) / 4e9, 1e-4);
  CHECK_NEAR(added_s(4, 2, 8, 4 * MIB), 8 * (double)(4 * MIB) / 4e9, 1e-4); /* four nodes, one machine */
  CHECK_NEAR(added_s(1, 1, 3, 4 * MIB), (double)(4 * MIB) / 1e9 + 2 * (double)(4 * MIB) / 2e9, 1e-4);
}

/* One task's object is read on all other nodes: what its raylet sends shares one rate. */
static double fan_s(uint32_t readers, uint64_t bytes, uint64_t move_all, uint64_t room)
{
  double spans[2];
  for (int costs = 0; costs < 2; costs++) {
    struct run *run = makers(1 + readers, 1, 1 + readers, bytes, false);
    run->tasks.fan_in = true;
    run->tasks.strategy = RS_STRATEGY_SPREAD;
    run->config.object_manager_max_pushes_per_object = 100;
    run->config.locality_aware_leasing_enabled = 0;
    run->cluster.net.nic_bytes_per_s = UINT64_C(1000000000000000);
    run->cluster.net.latency_ns = RS_US;
    if (costs) {
      run->cost.move_bytes_per_s = 2000000000;
      run->cost.move_all_bytes_per_s = move_all;
      run->cost.room_bytes_per_s = run->cost.room_all_bytes_per_s = room;
    }
    spans[costs] = span_s(run);
    CHECK_EQ(run->stats.copies, readers);
    run_free(run);
  }
  return spans[1] - spans[0];
}

static void moves(void)
{
  double one = (double)(32 * MIB) / 2e9;
  CHECK_NEAR(fan_s(1, 32 * MIB, 0, 0), one, 1e-3);
  CHECK_NEAR(fan_s(3, 32 * MIB, 0, 0), 3 * one, 1e-3);                /* one thread sends */
  CHECK_NEAR(fan_s(3, 32 * MIB, 1000000000, 0), 6 * one, 1e-3);       /* the machine is slower still */
  CHECK_NEAR(fan_s(1, 32 * MIB, 0, 1000000000), one + 2 * one, 1e-3); /* room for it first */
}

static void kills_leave_nothing(void)
{
  struct run *run = makers(2, 4, 200, 6 * MIB, true);
  run->cluster.fault_count = 1;
  run->faults[0] =
      (struct rs_sim_fault){.kind = RS_SIM_WORKER_KILL, .at_ns = RS_TIME_NEVER, .rate_per_s = 2, .group = RS_SIM_ANY};
  run->tasks.max_retries = 50;
  run->opts.drain_ns = 10 * RS_S;
  span_s(run);
  CHECK(run->stats.traces[RS_TRACE_TASK_RETRIED] > 10);
  CHECK_EQ(run->stats.tasks_started, run->stats.tasks_ended);
  uint64_t hash = run->stats.trace_hash;
  run_free(run);
  run = makers(2, 4, 200, 6 * MIB, true);
  run->cluster.fault_count = 1;
  run->faults[0] =
      (struct rs_sim_fault){.kind = RS_SIM_WORKER_KILL, .at_ns = RS_TIME_NEVER, .rate_per_s = 2, .group = RS_SIM_ANY};
  run->tasks.max_retries = 50;
  run->opts.drain_ns = 10 * RS_S;
  run->opts.codec_forced = true;
  span_s(run);
  CHECK(run->stats.trace_hash == hash);
  run_free(run);
}

const struct rs_test rs_tests[] = {{"bulk: one writer", one_writer},
                                   {"bulk: writers share the machine", writers_share_the_machine},
                                   {"bulk: moves", moves},
                                   {"bulk: killed writers, twice the same", kills_leave_nothing},
                                   {0}};
