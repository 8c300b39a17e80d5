/* test_driver_fault.c -- the SimGrid driver: nodes and workers that die, partitions, launched hosts, cost and platform
 * files. */
#include "sim/driver_int.h"
#include "test_driver_run.h"

static struct run *load(uint32_t nodes, uint64_t tasks)
{
  struct run *run = run_new(nodes, 2);
  run->tasks.count = tasks;
  run->tasks.duration_min_ns = RS_S / 2;
  run->tasks.duration_max_ns = 3 * RS_S / 2;
  run->tasks.seed = 3;
  return run;
}

static uint32_t count_of(const struct run *run, unsigned kind)
{
  return (uint32_t)run->stats.traces[kind];
}

static void node_dies_with_its_processes(void)
{
  struct run *run = load(6, 120);
  run->faults[0] = (struct rs_sim_fault){
      .kind = RS_SIM_NODE_DOWN, .at_ns = 4 * RS_S, .group = RS_SIM_ANY, .node = 2, .count = 2, .process = true};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->stats.nodes_lost, 2);
  CHECK_EQ(run->tasks.ended, 120);
  CHECK_EQ(run->tasks.failed, 0);
  CHECK(count_of(run, RS_TRACE_TASK_RETRIED) >= 4);
  const struct run_trace *dead = run_trace_at(run, RS_TRACE_NODE_DEAD, 0);
  CHECK(dead && rs_addr_node(dead->a) == 3);
  CHECK(dead->ns >= 4 * RS_S && dead->ns < 4 * RS_S + RS_MS);
  run_free(run);
}

/* A host that goes silent at 4 s: its raylet runs since 0, checks at 5 s, 8 s ...; the fifth to fail began at 5 + 4 x
 * (10 + 3) s and gives up after 10 s. */
static void silent_node(void)
{
  struct run *run = load(6, 400);
  run->faults[0] = (struct rs_sim_fault){
      .kind = RS_SIM_NODE_DOWN, .at_ns = 4 * RS_S, .group = RS_SIM_ANY, .node = 1, .down_ns = 100 * RS_S};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 400);
  CHECK_EQ(run->tasks.failed, 0);
  const struct run_trace *dead = run_trace_at(run, RS_TRACE_NODE_DEAD, 0);
  CHECK(dead && rs_addr_node(dead->a) == 2);
  uint64_t wanted = (5 + 4 * 13 + 10) * RS_S;
  CHECK(dead->ns >= wanted && dead->ns < wanted + RS_MS);
  run_free(run);
}

static void node_comes_back(void)
{
  struct run *run = load(3, 300);
  run->faults[0] = (struct rs_sim_fault){.kind = RS_SIM_NODE_DOWN,
                                         .at_ns = 4 * RS_S,
                                         .group = RS_SIM_ANY,
                                         .node = 0,
                                         .down_ns = 5 * RS_S,
                                         .process = true};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.failed, 0);
  CHECK_EQ(run->stats.nodes_started, 5);
  bool second = false;
  for (uint32_t i = 0; i < run->trace_count; i++)
    if (run->traces[i].kind == RS_TRACE_TASK_STARTED && rs_addr_node(run->traces[i].self) == 1 &&
        rs_addr_incarnation(run->traces[i].self) == 2)
      second = run->traces[i].ns > 9 * RS_S;
  CHECK(second);
  run_free(run);
}

static void nodes_die_by_rate(void)
{
  struct run *run = load(20, 1000);
  run->tasks.max_retries = -1;
  run->faults[0] = (struct rs_sim_fault){.kind = RS_SIM_NODE_DOWN,
                                         .at_ns = RS_TIME_NEVER,
                                         .rate_per_s = 0.01,
                                         .group = RS_SIM_ANY,
                                         .down_ns = 3 * RS_S,
                                         .process = true};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 1000);
  CHECK_EQ(run->tasks.failed, 0);
  double expected = 0.01 * 20 * (double)run->stats.sim_ns * 1e-9;
  CHECK(run->stats.nodes_lost > 0 && (double)run->stats.nodes_lost < 4 * expected);
  run_free(run);
}

static void worker_dies(void)
{
  struct run *run = load(3, 60);
  run->faults[0] = (struct rs_sim_fault){
      .kind = RS_SIM_WORKER_KILL, .at_ns = 3 * RS_S, .group = RS_SIM_ANY, .node = RS_SIM_ANY, .count = 3};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 60);
  CHECK_EQ(run->tasks.failed, 0);
  CHECK(run->stats.workers_ended >= 3);
  CHECK(count_of(run, RS_TRACE_TASK_RETRIED) >= 3);
  CHECK_EQ(count_of(run, RS_TRACE_NODE_DEAD), 0);
  run_free(run);
}

static void by_rate_without_retries(void)
{
  struct run *run = load(10, 2000);
  run->tasks.max_retries = 0;
  run->tasks.duration_min_ns = run->tasks.duration_max_ns = RS_S;
  run->faults[0] =
      (struct rs_sim_fault){.kind = RS_SIM_TASK_DROP, .at_ns = RS_TIME_NEVER, .rate_per_s = 0.1, .group = RS_SIM_ANY};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 2000);
  /* 1 - exp(-0.1) = 9.5 %; the deviation of 2,000 draws is 13 */
  CHECK(run->tasks.failed > 190 - 66 && run->tasks.failed < 190 + 66);
  run_free(run);
}

static void short_partition_heals(void)
{
  struct run *run = load(6, 200);
  run->faults[0] = (struct rs_sim_fault){
      .kind = RS_SIM_PARTITION, .at_ns = 4 * RS_S, .group = RS_SIM_ANY, .node = 0, .count = 3, .down_ns = 5 * RS_S};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 200);
  CHECK_EQ(run->tasks.failed, 0);
  CHECK_EQ(count_of(run, RS_TRACE_NODE_DEAD), 0);
  CHECK_EQ(count_of(run, RS_TRACE_TASK_RETRIED), 0);
  /* nothing crosses while it lasts */
  for (uint32_t i = 0; i < run->trace_count; i++) {
    const struct run_trace *t = &run->traces[i];
    uint32_t node = rs_addr_node(t->self);
    if (t->kind == RS_TRACE_TASK_STARTED && node >= 1 && node <= 3)
      CHECK(t->ns < 4 * RS_S + RS_MS || t->ns >= 9 * RS_S);
  }
  run_free(run);
}

static void long_partition_kills(void)
{
  struct run *run = load(4, 400);
  run->tasks.max_retries = -1;
  run->config.health_check_timeout_ms = 1000;
  run->faults[0] = (struct rs_sim_fault){
      .kind = RS_SIM_PARTITION, .at_ns = 4 * RS_S, .group = RS_SIM_ANY, .node = 0, .count = 1, .down_ns = 60 * RS_S};
  run->cluster.fault_count = 1;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 400);
  CHECK_EQ(run->tasks.failed, 0);
  const struct run_trace *dead = run_trace_at(run, RS_TRACE_NODE_DEAD, 0);
  CHECK(dead && rs_addr_node(dead->a) == 1);
  uint64_t wanted = (5 + 4 * 4 + 1) * RS_S;
  CHECK(dead->ns >= wanted && dead->ns < wanted + RS_MS);
  run_free(run);
}

/* ---- launched hosts ---- */

static void hosts_are_launched(void)
{
  struct run *run = load(1, 200);
  run->group.count_max = 8;
  run->group.count_min = 1;
  run->group.boot_ns = 20 * RS_S;
  run->group.info->node_type = 0;
  run->cluster.autoscaler = true;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.ended, 200);
  CHECK(count_of(run, RS_TRACE_HOST_LAUNCHED) >= 2);
  CHECK(run->stats.nodes_started >= 4); /* with the head */
  const struct run_trace *launched = run_trace_at(run, RS_TRACE_HOST_LAUNCHED, 0);
  CHECK(launched != NULL);
  run_free(run);
}

/* ---- files ---- */

static void cost_file(void)
{
  char path[] = "/tmp/raysim-test-cost-XXXXXX", err[512] = "";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  struct rs_cost cost, back;
  rs_cost_defaults(&cost);
  cost.role[RS_COST_WORKER].send_ps = 123456789;
  cost.shared_cores = 2;
  cost.shared_by_all = true;
  CHECK_EQ(rs_cost_store(&cost, path, err, sizeof err), 0);
  CHECK_EQ(rs_cost_load(&back, path, err, sizeof err), 0);
  CHECK_EQ(memcmp(&cost, &back, sizeof cost), 0);
  static const char *const bad[] = {"{\"task_ns\": -1}", "{\"tusk_ns\": 1}", "{\"task_ns\": \"1\"}", "[1]", "{", NULL};
  for (int i = 0; bad[i]; i++) {
    FILE *file = fopen(path, "w");
    fputs(bad[i], file);
    fclose(file);
    err[0] = 0;
    CHECK_EQ(rs_cost_load(&back, path, err, sizeof err), -1);
    CHECK(strstr(err, path) != NULL);
  }
  unlink(path);
  CHECK_EQ(rs_cost_load(&back, path, err, sizeof err), -1);
}

static void cost_arithmetic(void)
{
  struct rs_cost cost;
  rs_cost_zero(&cost);
  cost.role[RS_COST_GCS] = (struct rs_cost_work){1000, 200, 30, 4000, 5};
  struct rs_work work = {.inputs = 1, .nodes = 10, .objects = 100, .sends = 2};
  CHECK_EQ(rs_cost_of(&cost, RS_COST_GCS, &work, 999), (1000 + 2000 + 3000 + 8000 + 4995) / 1000);
}

static const char platform[] = "<?xml version='1.0'?>\n"
                               "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                               "<platform version=\"4.1\"><zone id=\"z\" routing=\"Full\">\n"
                               "<host id=\"boss\" speed=\"1Gf\"/>\n"
                               "<host id=\"w1\" speed=\"1Gf\" core=\"4\"/>\n"
                               "<host id=\"w2\" speed=\"2Gf\" core=\"1\"%s/>\n"
                               "<link id=\"l\" bandwidth=\"100MBps\" latency=\"1ms\"/>\n"
                               "<route src=\"boss\" dst=\"w1\"><link_ctn id=\"l\"/></route>\n"
                               "<route src=\"boss\" dst=\"w2\"><link_ctn id=\"l\"/></route>\n"
                               "<route src=\"w1\" dst=\"w2\"><link_ctn id=\"l\"/></route>\n"
                               "</zone></platform>\n";

static void platform_file(void)
{
  char path[] = "/tmp/raysim-test-platform-XXXXXX.xml";
  int fd = mkstemps(path, 4);
  CHECK(fd >= 0);
  FILE *file = fdopen(fd, "w");
  fprintf(file, platform, "");
  fclose(file);
  struct run *run = run_new(1, 1);
  run->cluster.platform = path;
  run->cluster.head_host = "boss";
  run->group.count = RS_SIM_ANY;
  run->group.hosts = "w*";
  run->group.cpus_from_host = true;
  run->tasks.count = 5;
  run->tasks.duration_min_ns = run->tasks.duration_max_ns = 10 * RS_S;
  run_do(run);
  unlink(path);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->stats.nodes_started, 3);
  /* 4 + 1 CPUs take the 5 tasks at once; the one on the host of twice the speed is done in 5 s */
  CHECK_EQ(run->stats.workers_started, 5);
  const struct run_trace *first = run_trace_at(run, RS_TRACE_TASK_ENDED, 0),
                         *last = run_trace_at(run, RS_TRACE_TASK_ENDED, 4);
  CHECK(first && last);
  CHECK(first->ns > 6 * RS_S && first->ns < 7 * RS_S);
  CHECK(last->ns > 11 * RS_S && last->ns < 12 * RS_S);
  run_free(run);
}

static void platform_with_profiles_is_refused(void)
{
  char path[] = "/tmp/raysim-test-platform-XXXXXX.xml", err[512] = "";
  int fd = mkstemps(path, 4);
  CHECK(fd >= 0);
  FILE *file = fdopen(fd, "w");
  fprintf(file, platform, " state_file=\"w2.state\"");
  fclose(file);
  struct rs_sim_cluster cluster = {.platform = path};
  CHECK_EQ(rs_sim_cluster_check(&cluster, err, sizeof err), -1);
  unlink(path);
  CHECK(strstr(err, ":6:") && strstr(err, "state_file"));
}

const struct rs_test rs_tests[] = {{"node dies with its processes", node_dies_with_its_processes},
                                   {"silent node", silent_node},
                                   {"node comes back", node_comes_back},
                                   {"nodes die by rate", nodes_die_by_rate},
                                   {"worker dies", worker_dies},
                                   {"drops by rate without retries", by_rate_without_retries},
                                   {"short partition heals", short_partition_heals},
                                   {"long partition kills", long_partition_kills},
                                   {"hosts are launched", hosts_are_launched},
                                   {"cost file", cost_file},
                                   {"cost arithmetic", cost_arithmetic},
                                   {"platform file", platform_file},
                                   {"platform with profiles is refused", platform_with_profiles_is_refused},
                                   {0}};
