/* The tasks of scenarios and traces: exact small tables, the distributions' means, the graphs' shapes, each graph
 * played above the core, every oddity of a table, and one message for each way to spoil it. */
#include "sim/workload.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "play.h"
#include "sim/demand.h"

#define CONSTANT(x) ((struct rs_dist){.kind = RS_DIST_CONSTANT, .a = (x), .max = (double)INFINITY})

static char error[1024];

/* A scenario with one workload, filled in by hand. */
struct made {
  struct rs_scenario scenario;
  struct rs_scenario_workload workload;
  struct rs_scenario_node_type type;
};

static void make(struct made *m, enum rs_workload_kind kind)
{
  memset(m, 0, sizeof *m);
  m->scenario.file = (char *)(uintptr_t) "made.xml";
  m->scenario.real_time_scale = 1;
  m->scenario.workloads = &m->workload;
  m->scenario.workload_count = 1;
  m->scenario.cluster.types = &m->type;
  m->scenario.cluster.type_count = 1;
  m->type.count = m->type.count_max = 4;
  m->type.cpu_e4 = 8 * RS_SCENARIO_UNIT;
  m->type.gpus = 2;
  m->type.memory_bytes = UINT64_C(64) << 30;
  m->workload.kind = kind;
  m->workload.line = 7;
}

static struct rs_scenario_tasks *make_tasks(struct made *m, uint64_t count)
{
  make(m, RS_WORKLOAD_TASKS);
  struct rs_scenario_tasks *tasks = &m->workload.tasks;
  tasks->count = count;
  tasks->drivers = tasks->keys = 1;
  tasks->duration_ns = CONSTANT(1e9);
  tasks->arg_bytes = tasks->return_bytes = CONSTANT(0);
  tasks->demand.cpu_e4 = RS_SCENARIO_UNIT;
  tasks->max_retries = 3;
  return tasks;
}

static struct rs_workload *open_made(const struct made *m, uint64_t seed)
{
  error[0] = '\0';
  struct rs_workload *w = rs_workload_new(&m->scenario, 0, seed, 1, 4, error, sizeof error);
  CHECK_STR(error, "");
  CHECK(w != NULL);
  return w;
}

static void refused(const struct made *m, const char *message)
{
  CHECK(rs_workload_new(&m->scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK_STR(error, message);
}

/* A driver's tasks, with dependencies of their own. */
struct table {
  struct rs_load_task *tasks;
  uint64_t count;
};

static struct table table_of(struct rs_workload *w, uint32_t driver)
{
  struct rs_load_opts opts;
  rs_workload_load(w, driver, &opts);
  struct table table = {rs_alloc_zero(opts.count_max + 1, sizeof *table.tasks), 0};
  while (table.count < opts.count_max) {
    struct rs_load_task *task = &table.tasks[table.count];
    CHECK(opts.next(opts.arg, table.count, task));
    CHECK(task->class_index < opts.class_count);
    CHECK(table.count == 0 || task->arrival_ns >= task[-1].arrival_ns);
    task->deps = rs_memdup(task->deps, task->dep_count * sizeof *task->deps);
    table.count++;
  }
  CHECK(!opts.next(opts.arg, table.count, &table.tasks[table.count]));
  return table;
}

static void table_free(struct table *table)
{
  for (uint64_t i = 0; i < table->count; i++)
    free((void *)(uintptr_t)table->tasks[i].deps);
  free(table->tasks);
}

/* The readers that were streamed are those that the whole table has. */
static void check_readers(const struct table *table)
{
  struct rs_load_task *copy = rs_memdup(table->tasks, table->count * sizeof *copy);
  rs_load_count_readers(copy, table->count);
  for (uint64_t i = 0; i < table->count; i++)
    CHECK_EQ(copy[i].readers, table->tasks[i].readers);
  free(copy);
}

/* ---- <tasks> ---- */

static void a_small_table(void)
{
  struct made m;
  struct rs_scenario_tasks *tasks = make_tasks(&m, 5);
  m.workload.start_ns = 500;
  tasks->arrival = (struct rs_scenario_arrival){.kind = RS_ARRIVAL_BURSTS, .span_ns = 1000, .burst = 2};
  tasks->arg_bytes = CONSTANT(64);
  tasks->return_bytes = CONSTANT(1 << 20);
  tasks->spread_strategy = true;
  tasks->retry_exceptions = true;
  tasks->fail_probability = 1;
  tasks->max_retries = RS_SCENARIO_NONE;
  struct rs_workload *w = open_made(&m, 1);
  CHECK_EQ(rs_workload_count(w), 5);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  CHECK_EQ(opts.start_ns, 0); /* whoever runs it waits for the workload's start */
  CHECK_EQ(opts.class_count, 1);
  CHECK_EQ(opts.classes[0].strategy, RS_STRATEGY_SPREAD);
  CHECK_EQ(opts.classes[0].max_retries, -1);
  CHECK(opts.classes[0].retry_errors);
  CHECK_EQ(opts.classes[0].demand.cpu_e4, RS_ONE_E4);
  CHECK_EQ(opts.object_count, 0);
  struct table t = table_of(w, 0);
  static const uint64_t arrivals[] = {0, 0, 1000, 1000, 2000};
  for (int i = 0; i < 5; i++) {
    CHECK_EQ(t.tasks[i].arrival_ns, arrivals[i]);
    CHECK_EQ(t.tasks[i].duration_ns, 1000000000);
    CHECK_EQ(t.tasks[i].arg_bytes, 64);
    CHECK_EQ(t.tasks[i].return_bytes, 1 << 20);
    CHECK_EQ(t.tasks[i].mode, RS_REPLAY_SLEEP);
    CHECK(t.tasks[i].fails);
    CHECK_EQ(t.tasks[i].dep_count, 0);
    CHECK_EQ(t.tasks[i].readers, 0);
  }
  CHECK_STR(rs_workload_name(w, 0), "");
  CHECK_NEAR(rs_workload_total_ns(w), 5e9, 0);
  table_free(&t);
  rs_workload_free(w);
}

static void evenly_spaced(void)
{
  struct made m;
  make_tasks(&m, 4)->arrival = (struct rs_scenario_arrival){.kind = RS_ARRIVAL_UNIFORM, .span_ns = 1000};
  m.scenario.real = m.scenario.real_spin = true;
  m.scenario.real_time_scale = 0.5;
  struct rs_workload *w = open_made(&m, 1);
  struct table t = table_of(w, 0);
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(t.tasks[i].arrival_ns, 125 * i);
    CHECK_EQ(t.tasks[i].duration_ns, 500000000);
    CHECK_EQ(t.tasks[i].mode, RS_REPLAY_SPIN);
  }
  table_free(&t);
  rs_workload_free(w);
}

static void means_and_bounds(void)
{
  enum { COUNT = 20000 };
  static const struct rs_dist dists[] = {
      {RS_DIST_UNIFORM, 1e6, 3e6, 0, (double)INFINITY}, {RS_DIST_EXPONENTIAL, 2e6, 0, 0, (double)INFINITY},
      {RS_DIST_NORMAL, 2e6, 1e5, 0, (double)INFINITY},  {RS_DIST_LOGNORMAL, 2e6, 0.5, 0, (double)INFINITY},
      {RS_DIST_PARETO, 1e6, 3, 0, (double)INFINITY},    {RS_DIST_WEIBULL, 2e6, 1.5, 0, (double)INFINITY},
  };
  static const double means[] = {2e6, 2e6, 2e6, 2e6 * 1.1331484530668263, 1.5e6, 2e6 * 0.9027452929509336};
  for (unsigned d = 0; d < 6; d++) {
    struct made m;
    struct rs_scenario_tasks *tasks = make_tasks(&m, COUNT);
    tasks->duration_ns = dists[d];
    tasks->arrival = (struct rs_scenario_arrival){.kind = RS_ARRIVAL_POISSON, .rate_per_s = 100};
    tasks->fail_probability = 0.25;
    struct rs_workload *w = open_made(&m, 17);
    struct table t = table_of(w, 0);
    double sum = 0;
    uint32_t fails = 0;
    for (int i = 0; i < COUNT; i++) {
      sum += (double)t.tasks[i].duration_ns;
      fails += t.tasks[i].fails;
    }
    CHECK_NEAR(sum / COUNT / means[d], 1, 0.03);
    CHECK_NEAR(rs_workload_total_ns(w), sum, 1);
    CHECK_NEAR((double)fails / COUNT, 0.25, 0.015);
    CHECK_NEAR((double)t.tasks[COUNT - 1].arrival_ns / 1e9, COUNT / 100.0, 6);
    table_free(&t);
    rs_workload_free(w);
  }
  struct made m;
  make_tasks(&m, COUNT)->duration_ns = (struct rs_dist){RS_DIST_EXPONENTIAL, 1e6, 0, 5e5, 2e6};
  m.workload.tasks.arrival = (struct rs_scenario_arrival){.kind = RS_ARRIVAL_RENEWAL,
                                                          .gap_ns = {RS_DIST_UNIFORM, 1e6, 3e6, 0, (double)INFINITY}};
  struct rs_workload *w = open_made(&m, 3);
  struct table t = table_of(w, 0);
  for (int i = 0; i < COUNT; i++) {
    CHECK(t.tasks[i].duration_ns >= 500000 && t.tasks[i].duration_ns <= 2000000);
    uint64_t gap = i ? t.tasks[i].arrival_ns - t.tasks[i - 1].arrival_ns : t.tasks[0].arrival_ns;
    CHECK(gap + 1 >= 1000000 && gap <= 3000001);
  }
  CHECK_NEAR((double)t.tasks[COUNT - 1].arrival_ns / COUNT, 2e6, 2e4);
  table_free(&t);
  rs_workload_free(w);
}

static void stragglers(void)
{
  enum { COUNT = 20000 };
  struct made m;
  make_tasks(&m, COUNT)->duration_ns = CONSTANT(1e6);
  m.scenario.straggler_sd = 0.5;
  m.scenario.straggler_fraction = 0.2;
  struct rs_workload *w = open_made(&m, 1);
  struct table t = table_of(w, 0);
  uint32_t struck = 0;
  double sum = 0;
  for (int i = 0; i < COUNT; i++) {
    CHECK(t.tasks[i].duration_ns >= 1000000);
    struck += t.tasks[i].duration_ns > 1000000;
    sum += (double)t.tasks[i].duration_ns / 1e6 - 1;
  }
  CHECK_NEAR((double)struck / COUNT, 0.2, 0.012);
  CHECK_NEAR(sum / struck, 0.5 * sqrt(2 / 3.14159265358979), 0.02); /* the mean of |z| */
  CHECK_NEAR(rs_workload_total_ns(w) / (COUNT * 1e6), 1 + sum / COUNT, 1e-6);
  table_free(&t);
  rs_workload_free(w);
}

/* Everything random at once. */
static void make_rich(struct made *m, uint64_t count, uint64_t drivers)
{
  struct rs_scenario_tasks *tasks = make_tasks(m, count);
  tasks->drivers = drivers;
  tasks->duration_ns = (struct rs_dist){RS_DIST_LOGNORMAL, 2e7, 0.5, 0, (double)INFINITY};
  tasks->arrival = (struct rs_scenario_arrival){.kind = RS_ARRIVAL_POISSON, .rate_per_s = 1000};
  tasks->arg_bytes = (struct rs_dist){RS_DIST_UNIFORM, 0, 100, 0, (double)INFINITY};
  tasks->return_bytes = (struct rs_dist){RS_DIST_EXPONENTIAL, 2e5, 0, 0, (double)INFINITY};
  tasks->graph = RS_GRAPH_RANDOM;
  tasks->width = 3;
  tasks->window = 10;
  tasks->object_count = 12;
  tasks->object_bytes = (struct rs_dist){RS_DIST_UNIFORM, 1e5, 1e6, 0, (double)INFINITY};
  tasks->objects_per_task = 2;
  m->scenario.straggler_sd = 0.3;
  m->scenario.straggler_fraction = 1;
}

static bool same_task(const struct rs_load_task *a, const struct rs_load_task *b)
{
  return a->arrival_ns == b->arrival_ns && a->duration_ns == b->duration_ns && a->arg_bytes == b->arg_bytes &&
         a->return_bytes == b->return_bytes && a->fails == b->fails && a->class_index == b->class_index;
}

static void same_seed_same_tasks(void)
{
  struct made m;
  make_rich(&m, 500, 1);
  struct rs_workload *w = open_made(&m, 5), *again = open_made(&m, 5), *other = open_made(&m, 6);
  struct table a = table_of(w, 0), b = table_of(again, 0), c = table_of(other, 0), d = table_of(w, 0);
  uint32_t differ = 0;
  for (uint64_t i = 0; i < 500; i++) {
    CHECK(same_task(&a.tasks[i], &b.tasks[i]));
    CHECK(same_task(&a.tasks[i], &d.tasks[i])); /* a source begins anew */
    CHECK_EQ(a.tasks[i].dep_count, b.tasks[i].dep_count);
    CHECK(memcmp(a.tasks[i].deps, b.tasks[i].deps, a.tasks[i].dep_count * sizeof(uint32_t)) == 0);
    differ += !same_task(&a.tasks[i], &c.tasks[i]);
  }
  CHECK(differ > 490);
  /* Another distribution of the returns, failures and a policy leave the rest as it was. */
  struct made n;
  make_rich(&n, 500, 1);
  n.workload.tasks.return_bytes = CONSTANT(10);
  n.workload.tasks.fail_probability = 0.5;
  n.scenario.policies.placement = (char *)(uintptr_t) "pack";
  struct rs_workload *changed = open_made(&n, 5);
  struct table e = table_of(changed, 0);
  for (uint64_t i = 0; i < 500; i++) {
    CHECK_EQ(a.tasks[i].arrival_ns, e.tasks[i].arrival_ns);
    CHECK_EQ(a.tasks[i].duration_ns, e.tasks[i].duration_ns);
    CHECK_EQ(a.tasks[i].arg_bytes, e.tasks[i].arg_bytes);
  }
  /* Three drivers share out the same tasks. */
  struct made three;
  make_rich(&three, 500, 3);
  struct rs_workload *shared = open_made(&three, 5);
  CHECK_EQ(rs_workload_drivers(shared), 3);
  uint64_t seen = 0;
  for (uint32_t driver = 0; driver < 3; driver++) {
    struct table part = table_of(shared, driver);
    CHECK_EQ(part.count, rs_workload_driver_count(shared, driver));
    check_readers(&part);
    for (uint64_t i = 0; i < part.count; i++, seen++)
      CHECK(same_task(&part.tasks[i], &a.tasks[rs_workload_task(shared, driver, i)]));
    table_free(&part);
  }
  CHECK_EQ(seen, 500);
  table_free(&a);
  table_free(&b);
  table_free(&c);
  table_free(&d);
  table_free(&e);
  rs_workload_free(w);
  rs_workload_free(again);
  rs_workload_free(other);
  rs_workload_free(changed);
  rs_workload_free(shared);
}

static void shapes(void)
{
  struct made m;
  struct rs_scenario_tasks *tasks = make_tasks(&m, 10);
  tasks->graph = RS_GRAPH_CHAIN;
  tasks->width = 4; /* 0 1 2 3, 4 5 6 7, 8 9 */
  struct rs_workload *w = open_made(&m, 1);
  struct table t = table_of(w, 0);
  check_readers(&t);
  for (uint32_t i = 0; i < 10; i++) {
    CHECK_EQ(t.tasks[i].dep_count, i % 4 != 0);
    CHECK(i % 4 == 0 || t.tasks[i].deps[0] == i - 1);
  }
  table_free(&t);
  rs_workload_free(w);
  tasks->graph = RS_GRAPH_FAN;
  tasks->width = 2;
  for (uint64_t count = 1; count <= 9; count++) { /* 0 | 1 2 | 3, 4 | 5 6 | 7, 8; and every cut of it */
    tasks->count = count;
    w = open_made(&m, 1);
    t = table_of(w, 0);
    check_readers(&t);
    for (uint32_t i = 0; i < count; i++) {
      uint32_t place = i % 4;
      CHECK_EQ(t.tasks[i].dep_count, place == 0 ? 0 : place < 3 ? 1 : 2);
      CHECK(place == 0 || place == 3 || t.tasks[i].deps[0] == i - place);
      CHECK(place != 3 || (t.tasks[i].deps[0] == i - 2 && t.tasks[i].deps[1] == i - 1));
    }
    table_free(&t);
    rs_workload_free(w);
  }
  tasks->graph = RS_GRAPH_RANDOM;
  tasks->count = 3000;
  tasks->width = 3;
  tasks->window = 5;
  w = open_made(&m, 1);
  t = table_of(w, 0);
  check_readers(&t);
  uint32_t distance[6] = {0};
  for (uint32_t i = 0; i < 3000; i++) {
    CHECK_EQ(t.tasks[i].dep_count, i < 3 ? i : 3);
    for (uint32_t k = 0; k < t.tasks[i].dep_count; k++) {
      CHECK(t.tasks[i].deps[k] < i && i - t.tasks[i].deps[k] <= 5);
      distance[i - t.tasks[i].deps[k]]++;
      for (uint32_t j = 0; j < k; j++)
        CHECK(t.tasks[i].deps[j] != t.tasks[i].deps[k]);
    }
  }
  for (int i = 1; i <= 5; i++)
    CHECK_NEAR(distance[i] / 3000.0, 0.6, 0.03); /* uniformly: 3 of 5 */
  table_free(&t);
  rs_workload_free(w);
}

static void pools(void)
{
  struct made m;
  struct rs_scenario_tasks *tasks = make_tasks(&m, 4000);
  tasks->object_count = 8;
  tasks->object_bytes = CONSTANT(1000);
  tasks->objects_per_task = 3;
  struct rs_workload *w = open_made(&m, 1);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  CHECK_EQ(opts.object_count, 8);
  for (uint32_t i = 0; i < 8; i++) {
    CHECK_EQ(opts.objects[i].node, 1 + i % 4);
    CHECK_EQ(opts.objects[i].size_bytes, 1000);
  }
  struct table t = table_of(w, 0);
  uint32_t read[8] = {0};
  for (uint32_t i = 0; i < 4000; i++) {
    CHECK_EQ(t.tasks[i].dep_count, 3);
    for (uint32_t k = 0; k < 3; k++) {
      CHECK(t.tasks[i].deps[k] & RS_LOAD_POOL(0));
      read[t.tasks[i].deps[k] & 7]++;
      for (uint32_t j = 0; j < k; j++)
        CHECK(t.tasks[i].deps[j] != t.tasks[i].deps[k]);
    }
  }
  for (int i = 0; i < 8; i++)
    CHECK_NEAR(read[i] / 4000.0, 0.375, 0.03);
  table_free(&t);
  rs_workload_free(w);
  tasks->object_place = RS_OBJECTS_RANDOM;
  tasks->object_count = 400;
  w = open_made(&m, 1);
  rs_workload_load(w, 0, &opts);
  uint32_t on[5] = {0};
  for (uint32_t i = 0; i < 400; i++) {
    CHECK(opts.objects[i].node >= 1 && opts.objects[i].node <= 4);
    on[opts.objects[i].node]++;
  }
  for (int i = 1; i <= 4; i++)
    CHECK_NEAR(on[i], 100, 30);
  rs_workload_free(w);
  tasks->object_place = RS_OBJECTS_DRIVER;
  w = open_made(&m, 1);
  rs_workload_load(w, 0, &opts);
  CHECK(opts.objects[399].node == RS_NODE_NONE);
  rs_workload_free(w);
}

static void keys(void)
{
  struct made m;
  make_tasks(&m, 10)->keys = 3;
  struct rs_workload *w = open_made(&m, 1);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  CHECK_EQ(opts.class_count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    CHECK(rs_demand_equal(&opts.classes[i].demand, &opts.classes[0].demand));
    CHECK_EQ(opts.classes[i].strategy, RS_STRATEGY_DEFAULT);
    CHECK_EQ(opts.classes[i].target, i);
  }
  struct table t = table_of(w, 0);
  for (uint32_t i = 0; i < 10; i++)
    CHECK_EQ(t.tasks[i].class_index, i % 3);
  table_free(&t);
  rs_workload_free(w);
}

static void bad_tasks(void)
{
  struct made m;
  struct rs_scenario_tasks *tasks = make_tasks(&m, 10);
  tasks->graph = RS_GRAPH_FAN;
  tasks->width = 16385;
  refused(&m, "made.xml:7: a task has up to 16385 arguments that are objects; at most 16384 are possible");
  tasks = make_tasks(&m, 10);
  tasks->object_count = 10;
  tasks->object_bytes = CONSTANT(1);
  tasks->objects_per_task = 4;
  tasks->drivers = 3;
  refused(&m, "made.xml:7: each task reads 4 different objects, but of a pool of 10 a driver has only 3; make the pool "
              "larger or per_task smaller");
  tasks = make_tasks(&m, 10);
  tasks->demand.gpu_e4 = 15000;
  refused(&m, "made.xml:7: a task asks for 1.5 GPUs; wanted at most one, or a whole number of them");
  tasks = make_tasks(&m, UINT64_C(1) << 40);
  refused(&m, "made.xml:7: 1099511627776 tasks; at most 2147483648 can be run");
}

static void demands(void)
{
  struct rs_scenario_resource resources[] = {{(char *)(uintptr_t) "tpu", 20000}, {(char *)(uintptr_t) "disk", 5000}};
  struct rs_scenario_label labels[] = {{(char *)(uintptr_t) "zone", (char *)(uintptr_t) "a"}};
  struct rs_scenario_demand from = {.cpu_e4 = 20000,
                                    .gpu_e4 = 5000,
                                    .memory_bytes = 1 << 30,
                                    .resources = resources,
                                    .resource_count = 2,
                                    .labels = labels,
                                    .label_count = 1};
  struct rs_demand demand;
  char why[160];
  CHECK(rs_sim_demand(&from, &demand, why, sizeof why));
  struct rs_res total = {.cpu_e4 = 40000, .memory_bytes = INT64_C(4) << 30, .gpu_count = 1, .gpu_e4 = {10000}};
  CHECK(rs_res_set_custom(&total, "tpu", 20000));
  CHECK(rs_res_set_custom(&total, "disk", 5000));
  struct rs_node_info *info = rs_node_info_new(&total), *elsewhere = rs_node_info_new(&total);
  CHECK(rs_node_info_add_label(info, "zone", "a"));
  CHECK(rs_node_info_add_label(elsewhere, "zone", "b"));
  CHECK(rs_node_feasible(info, &demand));
  CHECK(!rs_node_feasible(elsewhere, &demand));
  struct rs_scenario_node_type type = {.cpu_e4 = 40000,
                                       .gpus = 1,
                                       .memory_bytes = UINT64_C(4) << 30,
                                       .resources = resources,
                                       .resource_count = 2,
                                       .labels = labels,
                                       .label_count = 1};
  CHECK(rs_sim_demand_fits(&from, &type));
  type.resource_count = 1;
  CHECK(!rs_sim_demand_fits(&from, &type));
  type.resource_count = 2;
  type.label_count = 0;
  CHECK(!rs_sim_demand_fits(&from, &type));
  type.label_count = 1;
  from.cpu_e4 = 40001;
  CHECK(rs_sim_demand(&from, &demand, why, sizeof why));
  CHECK(!rs_node_feasible(info, &demand));
  CHECK(!rs_sim_demand_fits(&from, &type));
  from.label_count = 9;
  struct rs_scenario_label nine[9];
  for (int i = 0; i < 9; i++)
    nine[i] = labels[0];
  from.labels = nine;
  CHECK(!rs_sim_demand(&from, &demand, why, sizeof why));
  CHECK_STR(why, "asks for more than 8 labels");
  rs_node_info_unref(info);
  rs_node_info_unref(elsewhere);
}

/* ---- played above the core ---- */

static struct rs_load_stats play_made(const struct made *m, uint64_t *stored, uint64_t *peak)
{
  struct rs_workload *w = open_made(m, 9);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  struct rs_load_stats stats = play_load(&opts, stored, peak);
  CHECK_EQ(stats.ended, rs_workload_count(w));
  rs_workload_free(w);
  return stats;
}

static void every_graph_ends_with_empty_stores(void)
{
  static const struct {
    enum rs_graph_kind kind;
    uint64_t width, window;
  } graphs[] = {{RS_GRAPH_NONE, 0, 0}, {RS_GRAPH_CHAIN, 5, 0}, {RS_GRAPH_FAN, 4, 0}, {RS_GRAPH_RANDOM, 3, 12}};
  for (unsigned g = 0; g < 4; g++)
    for (int pool = 0; pool < 2; pool++) {
      struct made m;
      make_rich(&m, 60, 1);
      struct rs_scenario_tasks *tasks = &m.workload.tasks;
      tasks->graph = graphs[g].kind;
      tasks->width = graphs[g].width;
      tasks->window = graphs[g].window;
      tasks->keys = 2;
      if (!pool)
        tasks->object_count = 0;
      uint64_t stored, peak;
      struct rs_load_stats stats = play_made(&m, &stored, &peak);
      CHECK_EQ(stats.failed, 0);
      CHECK_EQ(stats.objects_made, pool ? 12 : 0);
      CHECK(peak > 500000);
      CHECK_EQ(stored, 0);
    }
}

/* A task that fails takes those with it that need its result, and nothing else. */
static void failures_spread_along_chains(void)
{
  struct made m;
  struct rs_scenario_tasks *tasks = make_tasks(&m, 80);
  tasks->graph = RS_GRAPH_CHAIN;
  tasks->width = 4;
  tasks->duration_ns = CONSTANT(1e6);
  tasks->return_bytes = CONSTANT(300000);
  tasks->fail_probability = 0.1;
  tasks->retry_exceptions = true;
  tasks->max_retries = 1;
  struct rs_workload *w = open_made(&m, 9);
  struct table t = table_of(w, 0);
  uint32_t expected = 0;
  bool broken = false;
  for (uint32_t i = 0; i < 80; i++) {
    broken = (i % 4 && broken) || t.tasks[i].fails;
    expected += broken;
  }
  CHECK(expected > 5 && expected < 60);
  table_free(&t);
  rs_workload_free(w);
  uint64_t stored, peak;
  struct rs_load_stats stats = play_made(&m, &stored, &peak);
  CHECK_EQ(stats.failed, expected);
  CHECK_EQ(stored, 0);
}

/* ---- <trace> ---- */

static char trace_path[64];

static void write_trace(const char *text, size_t bytes, bool zipped)
{
  snprintf(trace_path, sizeof trace_path, "/tmp/raysim_trace_XXXXXX");
  int descriptor = mkstemp(trace_path);
  CHECK(descriptor >= 0);
  if (zipped) {
    gzFile file = gzdopen(descriptor, "wb");
    CHECK_EQ(gzwrite(file, text, (unsigned)bytes), bytes);
    CHECK_EQ(gzclose(file), Z_OK);
  } else {
    CHECK_EQ(write(descriptor, text, bytes), bytes);
    close(descriptor);
  }
}

static struct rs_scenario_trace *make_trace(struct made *m)
{
  make(m, RS_WORKLOAD_TRACE);
  struct rs_scenario_trace *trace = &m->workload.trace;
  trace->file = trace_path;
  trace->delimiter = ',';
  trace->max_rows = RS_SCENARIO_NONE;
  trace->arrival_scale = trace->duration_scale = 1;
  trace->drivers = 1;
  trace->max_retries = 3;
  trace->columns[RS_TRACE_ARRIVAL] = (struct rs_scenario_column){true, 9, (char *)(uintptr_t) "at", 1e9, false, 0};
  trace->columns[RS_TRACE_DURATION] = (struct rs_scenario_column){true, 10, (char *)(uintptr_t) "lasts", 1e6, false, 0};
  return trace;
}

static void all_columns(struct rs_scenario_trace *trace)
{
  trace->columns[RS_TRACE_CPUS] = (struct rs_scenario_column){true, 11, (char *)(uintptr_t) "cpu_milli", 10, false, 0};
  trace->columns[RS_TRACE_GPUS] = (struct rs_scenario_column){true, 12, (char *)(uintptr_t) "gpu", 10000, false, 0};
  trace->columns[RS_TRACE_MEMORY] =
      (struct rs_scenario_column){true, 13, (char *)(uintptr_t) "mem, MiB", 1 << 20, false, 0};
  trace->columns[RS_TRACE_NAME] = (struct rs_scenario_column){true, 14, (char *)(uintptr_t) "job", 0, false, 0};
}

static const char ODD[] = "\xEF\xBB\xBFjob,at,\"mem, MiB\", lasts ,gpu,cpu_milli,rest\r\n"
                          "skipped,0,0,0,0,0,x\r\n"
                          "\r\n"
                          "\"a \"\"quoted\"\" name\",100.5,1024,20,0,1500,x\r\n"
                          "\"two\nlines, one cell\",103.25, 512 ,1e3,0.5,500,\r\n"
                          ",100.5,512,0.5,0.5,500,\"\"\r\n"
                          "early,100,1024,30,0,1500,x"; /* out of order, and no end of line */

static void check_odd(bool zipped)
{
  struct made m;
  struct rs_scenario_trace *trace = make_trace(&m);
  all_columns(trace);
  trace->skip_rows = 1;
  trace->arrival_scale = 2;
  trace->duration_scale = 0.5;
  write_trace(ODD, sizeof ODD - 1, zipped);
  struct rs_workload *w = open_made(&m, 1);
  unlink(trace_path);
  CHECK_EQ(rs_workload_count(w), 4);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  CHECK_EQ(opts.class_count, 2);
  CHECK_EQ(opts.classes[0].demand.cpu_e4, 15000);
  CHECK_EQ(opts.classes[0].demand.memory_bytes, 1 << 30);
  CHECK_EQ(opts.classes[0].demand.gpu_e4, 0);
  CHECK_EQ(opts.classes[1].demand.cpu_e4, 5000);
  CHECK_EQ(opts.classes[1].demand.gpu_e4, 5000);
  CHECK_EQ(opts.classes[1].max_retries, 3);
  struct table t = table_of(w, 0);
  static const struct {
    const char *name;
    uint64_t arrival_ns, duration_ns;
    uint32_t class_index;
  } rows[] = {{"early", 0, 15000000, 0},
              {"a \"quoted\" name", 1000000000, 10000000, 0},
              {"", 1000000000, 250000, 1},
              {"two\nlines, one cell", UINT64_C(6500000000), 500000000, 1}};
  for (uint32_t i = 0; i < 4; i++) {
    CHECK_STR(rs_workload_name(w, i), rows[i].name);
    CHECK_EQ(t.tasks[i].arrival_ns, rows[i].arrival_ns);
    CHECK_EQ(t.tasks[i].duration_ns, rows[i].duration_ns);
    CHECK_EQ(t.tasks[i].class_index, rows[i].class_index);
  }
  table_free(&t);
  rs_workload_free(w);
}

static void every_oddity_of_a_table(void)
{
  check_odd(false);
  check_odd(true);
}

static void timestamps_and_constants(void)
{
  static const char text[] =
      "when;lasts\n2024-02-28 23:59:59.9999999;1\n2024-02-29T00:00:00Z;2\n2024-03-01 00:00:00;3\n";
  struct made m;
  struct rs_scenario_trace *trace = make_trace(&m);
  trace->delimiter = ';';
  trace->drivers = 2;
  trace->columns[RS_TRACE_ARRIVAL].name = (char *)(uintptr_t) "when";
  trace->columns[RS_TRACE_ARRIVAL].timestamp = true;
  trace->columns[RS_TRACE_CPUS] = (struct rs_scenario_column){.given = true, .value = 20000};
  write_trace(text, sizeof text - 1, false);
  struct rs_workload *w = open_made(&m, 1);
  unlink(trace_path);
  CHECK_EQ(rs_workload_driver_count(w, 0), 2);
  CHECK_EQ(rs_workload_driver_count(w, 1), 1);
  struct table a = table_of(w, 0), b = table_of(w, 1);
  CHECK_EQ(a.tasks[0].arrival_ns, 0);
  CHECK_EQ(b.tasks[0].arrival_ns, 100); /* nanoseconds are kept */
  CHECK_EQ(a.tasks[1].arrival_ns, UINT64_C(86400000000000) + 100);
  CHECK_EQ(a.tasks[1].duration_ns, 3000000);
  struct rs_load_opts opts;
  rs_workload_load(w, 0, &opts);
  CHECK_EQ(opts.classes[0].demand.cpu_e4, 20000);
  table_free(&a);
  table_free(&b);
  rs_workload_free(w);
}

static void bad_traces(void)
{
  static const struct {
    const char *text, *message; /* of the message what stands behind the file's name */
  } bad[] = {
      {"", ": is empty; wanted a first line that names the columns"},
      {"at,lasts\n", ": there is no row to play: it has 0, and 0 are skipped"},
      {"at,duration\n1,2\n", ":1: there is no column \"lasts\" (wanted by made.xml:10); there are at, duration"},
      {"at,lasts,at\n", ":1: two columns are named \"at\""},
      {"at,lasts\n1,2\n1\n", ":3: the row has 1 cells; the first line names 2 columns"},
      {"at,lasts\n1,2\n\n1,2,3\n", ":4: the row has 3 cells; the first line names 2 columns"},
      {"at,lasts\n1,\n", ":2: duration (\"lasts\") is empty; wanted a number"},
      {"at,lasts\nnoon,1\n", ":2: arrival (\"at\") is \"noon\"; wanted a number"},
      {"at,lasts\n1,nan\n", ":2: duration (\"lasts\") is \"nan\"; wanted a number"},
      {"at,lasts\n1,1e999\n", ":2: duration (\"lasts\") is \"1e999\"; wanted a number"},
      {"at,lasts\n1,-3\n", ":2: duration (\"lasts\") is -3; wanted a number from 0 on"},
      {"at,lasts\n1,1e300\n",
       ":2: duration (\"lasts\") is 1e+300; wanted a number from 0 on that is not beyond all bounds"},
      {"at,lasts\n1,\"2\n3,4\n", ":2: the quote that opens here is not closed"},
      {"at,lasts\n1,\"2\"x\n", ":2: text after a closing quote; wanted a delimiter, or two quotes for one"},
  };
  struct made m;
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    make_trace(&m);
    write_trace(bad[i].text, strlen(bad[i].text), false);
    CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
    unlink(trace_path);
    CHECK_EQ(strncmp(error, trace_path, strlen(trace_path)), 0);
    CHECK_STR(error + strlen(trace_path), bad[i].message);
  }
  static const char large[] = "job,at,\"mem, MiB\",lasts,gpu,cpu_milli\na,1,10,1,0,1000\nb,1,10,1,0,9000\n";
  all_columns(make_trace(&m));
  write_trace(large, sizeof large - 1, false);
  CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK_STR(error + strlen(trace_path), ":3: no node type holds a task of 9 CPUs, 0 GPUs and 10 MiB; scale the column, "
                                        "or give the cluster larger nodes");
  unlink(trace_path);
  static const char date[] = "at,lasts\n2023-02-29 00:00:00,1\n";
  make_trace(&m)->columns[RS_TRACE_ARRIVAL].timestamp = true;
  write_trace(date, sizeof date - 1, false);
  CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK_STR(error + strlen(trace_path),
            ":2: arrival (\"at\") is \"2023-02-29 00:00:00\"; wanted a date like 2026-01-31 23:59:59.5");
  unlink(trace_path);
  make_trace(&m);
  CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK_STR(error + strlen(trace_path), ": cannot be opened: No such file or directory");
  static const char zero[] = "at,lasts\n1,\0002\n";
  write_trace(zero, sizeof zero - 1, false);
  CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK_STR(error + strlen(trace_path), ":2: not a text file: it has a zero byte; wanted CSV, gzipped or plain");
  unlink(trace_path);
  /* A gzip file that is cut short. */
  write_trace(ODD, sizeof ODD - 1, true);
  FILE *file = fopen(trace_path, "r+b");
  fseek(file, 0, SEEK_END);
  CHECK_EQ(ftruncate(fileno(file), ftell(file) - 12), 0);
  fclose(file);
  all_columns(make_trace(&m));
  CHECK(rs_workload_new(&m.scenario, 0, 1, 1, 4, error, sizeof error) == NULL);
  CHECK(strstr(error, "the gzip file is cut short; copy it again") != NULL);
  unlink(trace_path);
}

/* A published trace, where it is at hand. */
static void a_real_trace(void)
{
  const char *data = getenv("RAYSIM_DATA");
  char path[512];
  snprintf(path, sizeof path, "%s/azure_llm/AzureLLMInferenceTrace_code.csv",
           data ? data : RS_SOURCE_DIR "/../shared/data");
  if (access(path, R_OK) != 0) {
    printf(" (skipped: %s is not there) ", path);
    return;
  }
  struct made m;
  struct rs_scenario_trace *trace = make_trace(&m);
  trace->file = path;
  trace->columns[RS_TRACE_ARRIVAL].name = (char *)(uintptr_t) "TIMESTAMP";
  trace->columns[RS_TRACE_ARRIVAL].timestamp = true;
  trace->columns[RS_TRACE_DURATION].name = (char *)(uintptr_t) "GeneratedTokens"; /* 20 ms a token */
  trace->columns[RS_TRACE_DURATION].scale = 20e6;
  struct rs_workload *w = open_made(&m, 1);
  struct table t = table_of(w, 0);
  CHECK_EQ(t.count, rs_workload_count(w));
  CHECK(t.count > 8000);
  CHECK_EQ(t.tasks[0].duration_ns, 200000000);
  CHECK_EQ(t.tasks[1].arrival_ns, 52000000);
  table_free(&t);
  rs_workload_free(w);
}

static void a_trace_is_played(void)
{
  static const char text[] = "at,lasts\n0,10\n0,20\n0.05,10\n0.1,30\n";
  struct made m;
  make_trace(&m);
  write_trace(text, sizeof text - 1, false);
  uint64_t stored, peak;
  struct rs_load_stats stats = play_made(&m, &stored, &peak);
  unlink(trace_path);
  CHECK_EQ(stats.calls, 3);
  CHECK_EQ(stats.failed, 0);
  CHECK_EQ(stored, 0);
}

const struct rs_test rs_tests[] = {
    {"workload: a small table", a_small_table},
    {"workload: evenly spaced", evenly_spaced},
    {"workload: means and bounds", means_and_bounds},
    {"workload: stragglers", stragglers},
    {"workload: same seed, same tasks", same_seed_same_tasks},
    {"workload: shapes", shapes},
    {"workload: pools", pools},
    {"workload: keys", keys},
    {"workload: bad tasks", bad_tasks},
    {"workload: demands", demands},
    {"workload: every graph ends with empty stores", every_graph_ends_with_empty_stores},
    {"workload: failures spread along chains", failures_spread_along_chains},
    {"workload: every oddity of a table", every_oddity_of_a_table},
    {"workload: timestamps and constants", timestamps_and_constants},
    {"workload: bad traces", bad_traces},
    {"workload: a real trace", a_real_trace},
    {"workload: a trace is played", a_trace_is_played},
    {0},
};
