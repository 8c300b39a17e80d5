/* What a scenario says arrives in the structure: values, defaults, overrides, <real>, sweeps; every shipped scenario is
 * valid, simulated and real; the document names everything that the schema knows. */
#include "check.h"

#include <dirent.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <stdlib.h>

#include "sim/scenario.h"

static char error[RS_SCENARIO_ERROR_BYTES];

static struct rs_scenario *parse(const char *text, const struct rs_scenario_options *options)
{
  error[0] = 0;
  struct rs_scenario *scenario =
      rs_scenario_parse(text, strlen(text), RS_SOURCE_DIR "/scenarios/t.xml", options, error, sizeof error);
  CHECK_STR(error, "");
  CHECK(scenario != NULL);
  return scenario;
}

#define CLUSTER "<cluster><nodes name='small' count='3' cpus='2'/></cluster>"
#define TASKS "<tasks count='10' duration='1 s'/>"

static void test_defaults(void)
{
  struct rs_scenario *s = parse("<scenario name='plain'>" CLUSTER TASKS "</scenario>", NULL);
  CHECK_STR(s->name, "plain");
  CHECK_STR(s->title, "");
  CHECK_EQ(s->seed, 1);
  CHECK_EQ(s->repetitions, 1);
  CHECK(s->time_limit_ns == RS_SCENARIO_NONE);
  CHECK_EQ(s->cluster.type_count, 1);
  const struct rs_scenario_node_type *type = &s->cluster.types[0];
  CHECK_STR(type->name, "small");
  CHECK_EQ(type->count, 3);
  CHECK_EQ(type->count_min, 3);
  CHECK_EQ(type->count_max, 3);
  CHECK_EQ(type->cpu_e4, 20000);
  CHECK_EQ(type->gpus, 0);
  CHECK_EQ(type->memory_bytes, INT64_C(4) << 30);
  CHECK_EQ(type->object_store_bytes, (INT64_C(4) << 30) / 10 * 3);
  CHECK(type->speed == 1 && type->price_per_hour == 0 && type->boot_ns.a == 30e9);
  CHECK_EQ(s->cluster.network.nic_bytes_per_s, 1250000000);
  CHECK_EQ(s->cluster.network.latency_ns, 50000);
  CHECK_EQ(s->cluster.network.nodes_per_rack, 0);
  CHECK(s->cluster.network.oversubscription == 1);
  CHECK(!s->cluster.worker_start_given && !s->cluster.head_host);
  CHECK(!s->cluster.costs && !s->cluster.platform);
  CHECK_STR(s->policies.placement, "hybrid");
  CHECK(!s->policies.placement_library && !s->autoscaler.enabled);
  CHECK_EQ(s->workload_count, 1);
  CHECK_STR(s->workloads[0].name, "tasks");
  CHECK_EQ(s->workloads[0].start_ns, 0);
  const struct rs_scenario_tasks *tasks = &s->workloads[0].tasks;
  CHECK_EQ(tasks->count, 10);
  CHECK_EQ(tasks->drivers, 1);
  CHECK_EQ(tasks->keys, 1);
  CHECK_EQ(tasks->arrival.kind, RS_ARRIVAL_AT_ONCE);
  CHECK_EQ(tasks->demand.cpu_e4, RS_SCENARIO_UNIT);
  CHECK_EQ(tasks->graph, RS_GRAPH_NONE);
  CHECK_EQ(tasks->max_retries, 3);
  CHECK(tasks->return_bytes.kind == RS_DIST_CONSTANT && tasks->return_bytes.a == 0);
  CHECK(s->straggler_sd == 0 && s->fault_count == 0 && s->sweep_count == 0);
  CHECK_STR(s->outputs.directory, "results/plain");
  CHECK(!s->outputs.tasks_csv);
  CHECK_EQ(s->outputs.timeline_events, 100000);
  CHECK_EQ(s->outputs.sample_interval_ns, 1000000000);
  CHECK(isnan(s->compare_tolerance) && !s->real_given && !s->real && s->real_time_scale == 1);
  CHECK(strstr(s->xml, "timeline_events=\"100000\"") && strlen(s->xml) == s->xml_bytes);
  rs_scenario_free(s);
}

static const char full[] =
    "<scenario name='full' title='all &lt;of&gt; it' seed='7' repetitions='3' time_limit='2 h'>\n"
    "<outputs directory='out/x' tasks='true' timeline_events='5' timeline_nodes='2' sample_interval='10 ms'/>\n"
    "<cluster>\n"
    " <nodes name='big' count='4' min='1' max='8' cpus='16.5' gpus='2' memory='64 GiB' object_store_memory='10 GiB'\n"
    "  speed='1.5' boot_time='uniform(10 s, 20 s)' price='2.5'>\n"
    "  <label key='zone' value='a'/><resource name='tpu' amount='0.5'/>\n"
    " </nodes>\n"
    " <nodes name='small' count='100'/>\n"
    " <network bandwidth='25 Gbps' latency='5 us' nodes_per_rack='20' rack_latency='7 us' oversubscription='3'/>\n"
    " <workers start_time='normal(50 ms, 5 ms)'/>\n"
    " <costs file='scenario.rng'/>\n"
    "</cluster>\n"
    "<policies placement='./scenario.rng'><config name='trace_level' "
    "value='2'/></policies>\n"
    "<autoscaler upscaling_speed='2' idle_timeout='1 min' max_launches='5' interval='1 s'/>\n"
    "<tune start='5 s' schedulers='fifo, asha-stopping' metric='accuracy' mode='max' eta='3' r_min='2' r_max='81'\n"
    "  grace='3' brackets='2' bracket_size='27' num_samples='50' concurrency='10' max_failures='2' "
    "epochs_per_call='5'\n"
    "  reuse_actors='true' time_budget='30 min'>\n"
    " <resources cpus='2' gpus='0.5' memory='1 GiB'><resource name='tpu' amount='0.25'/><label key='zone' "
    "value='a'/></resources>\n"
    " <curves source='recorded' file='scenario.rng' task='digits' epoch_time='lognormal(5 s, 0.2)' "
    "epoch_by_curve='true'\n"
    "  checkpoint='10 MB'/>\n"
    " <param name='lr' space='loguniform(1e-4, 0.1)'/><param name='layers' space='grid_search(1, 2, 3)'/>\n"
    "</tune>\n"
    "<tasks name='load' count='1000' drivers='4' keys='8' arrival='poisson(20/s)' duration='exponential(2 s)'\n"
    "  strategy='spread' graph='fan(10)' arg_size='1 KB' return_size='uniform(1 MB, 2 MB)' max_retries='unlimited'\n"
    "  fail_probability='1 %' retry_exceptions='true'><resources cpus='0'/>\n"
    " <objects count='50' size='10 MB' placement='random' per_task='2'/>\n"
    "</tasks>\n"
    "<tasks count='1' duration='1 s'><stream items='20' size='uniform(1 KB, 2 KB)' backpressure='3' read_time='5 ms'/>"
    "</tasks>\n"
    "<trace file='../tests/sim/bad_scenarios/trace.csv' skip='1' rows='10' arrival_scale='0.5' duration_scale='2'>\n"
    " <column field='arrival' name='t' unit='ms'/><column field='duration' name='d' unit='min'/>\n"
    " <column field='cpus' name='cores' unit='milli'/><column field='gpus' value='0.5'/>\n"
    " <column field='memory' value='1 GiB'/>\n"
    "</trace>\n"
    "<stragglers sd='0.56' fraction='20 %'/>\n"
    "<faults>\n"
    " <node_down at='10 s' type='small' node='99' down_time='5 s'/>\n"
    " <worker_kill rate='2/h' from='1 s' until='9 s'/><node_up at='20 s' count='3'/><job_drop rate='0.1/s'/>\n"
    "</faults>\n"
    "<sweep path='@seed' values='1, 2'/>\n"
    "<sweep path='tasks[load]/@arrival' values='poisson(20/s), bursts(5, 1 s), at_once' label='arrivals'/>\n"
    "<compare tolerance='5 %'/>\n"
    "<real time_scale='0.1' work='spin'><set path='cluster/nodes[small]/@count' value='2'/>\n"
    " <set path='faults/node_down/@node' value='1'/></real>\n"
    "</scenario>\n";

static void check_full_cluster(const struct rs_scenario *s)
{
  const struct rs_scenario_node_type *big = &s->cluster.types[0];
  CHECK_EQ(s->cluster.type_count, 2);
  CHECK_EQ(big->line, 4);
  CHECK_EQ(big->count, 4);
  CHECK_EQ(big->count_min, 1);
  CHECK_EQ(big->count_max, 8);
  CHECK_EQ(big->cpu_e4, 165000);
  CHECK_EQ(big->gpus, 2);
  CHECK_EQ(big->object_store_bytes, INT64_C(10) << 30);
  CHECK(big->speed == 1.5 && big->price_per_hour == 2.5);
  CHECK(big->boot_ns.kind == RS_DIST_UNIFORM && big->boot_ns.b == 20e9);
  CHECK_EQ(big->resource_count, 1);
  CHECK_STR(big->resources[0].name, "tpu");
  CHECK_EQ(big->resources[0].amount_e4, 5000);
  CHECK_STR(big->labels[0].key, "zone");
  CHECK_STR(big->labels[0].value, "a");
  CHECK_EQ(s->cluster.network.nic_bytes_per_s, INT64_C(3125000000));
  CHECK_EQ(s->cluster.network.latency_ns, 5000);
  CHECK_EQ(s->cluster.network.rack_latency_ns, 7000);
  CHECK_EQ(s->cluster.network.nodes_per_rack, 20);
  CHECK(s->cluster.network.oversubscription == 3);
  CHECK(s->cluster.worker_start_given && s->cluster.worker_start_ns.kind == RS_DIST_NORMAL);
  CHECK_STR(s->cluster.costs, RS_SOURCE_DIR "/scenarios/scenario.rng");
  CHECK(s->policies.placement_library);
  CHECK_STR(s->policies.placement, RS_SOURCE_DIR "/scenarios/./scenario.rng");
  CHECK_STR(s->policies.configs[0].name, "trace_level");
  CHECK_EQ(s->policies.configs[0].line, 13);
  CHECK(s->autoscaler.enabled && s->autoscaler.upscaling_speed == 2);
  CHECK_EQ(s->autoscaler.idle_timeout_ns, INT64_C(60000000000));
  CHECK_EQ(s->autoscaler.max_launches, 5);
  CHECK_EQ(s->autoscaler.interval_ns, 1000000000);
}

static void check_full_workloads(const struct rs_scenario *s)
{
  CHECK_EQ(s->workload_count, 4);
  const struct rs_scenario_workload *w = s->workloads;
  CHECK_STR(w[0].name, "tune");
  CHECK_STR(w[1].name, "load");
  CHECK_STR(w[2].name, "tasks-2");
  CHECK_STR(w[3].name, "trace");
  CHECK_EQ(w[0].start_ns, INT64_C(5000000000));
  const struct rs_scenario_tune *tune = &w[0].tune;
  CHECK_EQ(tune->scheduler_count, 2);
  CHECK_STR(tune->schedulers[1], "asha-stopping");
  CHECK_STR(tune->metric, "accuracy");
  CHECK_EQ(tune->mode, RS_MODE_MAX);
  CHECK_EQ(tune->eta, 3);
  CHECK_EQ(tune->r_min, 2);
  CHECK_EQ(tune->r_max, 81);
  CHECK_EQ(tune->grace, 3);
  CHECK_EQ(tune->brackets, 2);
  CHECK_EQ(tune->bracket_size, 27);
  CHECK_EQ(tune->num_samples, 50);
  CHECK_EQ(tune->concurrency, 10);
  CHECK_EQ(tune->max_failures, 2);
  CHECK_EQ(tune->epochs_per_call, 5);
  CHECK(tune->reuse_actors);
  CHECK_EQ(tune->time_budget_ns, INT64_C(1800000000000));
  CHECK_EQ(tune->demand.cpu_e4, 20000);
  CHECK_EQ(tune->demand.gpu_e4, 5000);
  CHECK_EQ(tune->demand.memory_bytes, 1 << 30);
  CHECK_EQ(tune->demand.resources[0].amount_e4, 2500);
  CHECK_EQ(tune->demand.label_count, 1);
  CHECK_EQ(tune->source, RS_CURVE_RECORDED);
  CHECK_STR(tune->curves, RS_SOURCE_DIR "/scenarios/scenario.rng");
  CHECK_STR(tune->task, "digits");
  CHECK(tune->epoch_ns.kind == RS_DIST_LOGNORMAL && tune->epoch_by_curve);
  CHECK_EQ(tune->checkpoint_bytes, 10000000);
  CHECK_EQ(tune->param_count, 2);
  CHECK_EQ(tune->params[0].kind, RS_SPACE_LOGUNIFORM);
  CHECK_EQ(tune->params[1].value_count, 3);
  const struct rs_scenario_tasks *tasks = &w[1].tasks;
  CHECK_EQ(tasks->count, 1000);
  CHECK_EQ(tasks->drivers, 4);
  CHECK_EQ(tasks->keys, 8);
  CHECK(tasks->arrival.kind == RS_ARRIVAL_POISSON && tasks->arrival.rate_per_s == 20);
  CHECK(tasks->spread_strategy && tasks->graph == RS_GRAPH_FAN && tasks->width == 10);
  CHECK(tasks->arg_bytes.a == 1000 && tasks->return_bytes.b == 2e6);
  CHECK(tasks->max_retries == RS_SCENARIO_NONE && tasks->fail_probability == 0.01 && tasks->retry_exceptions);
  CHECK_EQ(tasks->demand.cpu_e4, 0);
  CHECK_EQ(tasks->object_count, 50);
  CHECK(tasks->object_bytes.a == 1e7 && tasks->object_place == RS_OBJECTS_RANDOM);
  CHECK_EQ(tasks->objects_per_task, 2);
  CHECK_EQ(tasks->items, 0);
  const struct rs_scenario_tasks *stream = &w[2].tasks;
  CHECK(stream->items == 20 && stream->backpressure == 3 && stream->read_ns == 5000000);
  CHECK(stream->item_bytes.a == 1000 && stream->item_bytes.b == 2000);
  const struct rs_scenario_trace *trace = &w[3].trace;
  CHECK_EQ(trace->delimiter, ',');
  CHECK_EQ(trace->skip_rows, 1);
  CHECK_EQ(trace->max_rows, 10);
  CHECK(trace->arrival_scale == 0.5 && trace->duration_scale == 2);
  CHECK(trace->columns[RS_TRACE_ARRIVAL].scale == 1e6 && trace->columns[RS_TRACE_DURATION].scale == 6e10);
  CHECK_STR(trace->columns[RS_TRACE_CPUS].name, "cores");
  CHECK(trace->columns[RS_TRACE_CPUS].scale == 10);
  CHECK(!trace->columns[RS_TRACE_GPUS].name && trace->columns[RS_TRACE_GPUS].value == 5000);
  CHECK(trace->columns[RS_TRACE_MEMORY].value == 1073741824.0 && !trace->columns[RS_TRACE_NAME].given);
}

static void test_everything(void)
{
  struct rs_scenario *s = parse(full, NULL);
  CHECK_STR(s->title, "all <of> it");
  CHECK_EQ(s->seed, 7);
  CHECK_EQ(s->repetitions, 3);
  CHECK_EQ(s->time_limit_ns, INT64_C(7200000000000));
  CHECK_STR(s->outputs.directory, "out/x");
  CHECK(s->outputs.tasks_csv && s->outputs.timeline_events == 5 && s->outputs.timeline_nodes == 2);
  check_full_cluster(s);
  check_full_workloads(s);
  CHECK(s->straggler_sd == 0.56 && s->straggler_fraction == 0.2);
  CHECK_EQ(s->fault_count, 4); /* in file order */
  CHECK_EQ(s->faults[0].kind, RS_FAULT_NODE_DOWN);
  CHECK_EQ(s->faults[0].at_ns, INT64_C(10000000000));
  CHECK_STR(s->faults[0].type, "small");
  CHECK_EQ(s->faults[0].node, 99);
  CHECK(s->faults[0].comes_back && s->faults[0].down_ns.a == 5e9);
  CHECK_EQ(s->faults[1].kind, RS_FAULT_WORKER_KILL);
  CHECK_NEAR(s->faults[1].rate_per_s, 2.0 / 3600, 1e-12);
  CHECK(s->faults[1].at_ns == RS_SCENARIO_NONE && s->faults[1].until_ns == 9000000000);
  CHECK_EQ(s->faults[2].kind, RS_FAULT_NODE_UP);
  CHECK_EQ(s->faults[2].count, 3);
  CHECK_EQ(s->faults[3].kind, RS_FAULT_JOB_DROP);
  CHECK_EQ(s->faults[3].until_ns, RS_SCENARIO_NONE);
  CHECK(s->compare_tolerance == 0.05);
  CHECK(s->real_given && !s->real && s->real_spin && s->real_time_scale == 1);
  rs_scenario_free(s);
}

static void test_real(void)
{
  struct rs_scenario_override override = {"cluster/nodes[small]/@cpus", "3", "--set"};
  struct rs_scenario_options options = {.real = true, .overrides = &override, .override_count = 1};
  struct rs_scenario *s = parse(full, &options);
  CHECK(s->real && s->real_time_scale == 0.1);
  CHECK_EQ(s->cluster.types[1].count, 2);
  CHECK_EQ(s->cluster.types[1].cpu_e4, 30000);
  CHECK_EQ(s->faults[0].node, 1);
  rs_scenario_free(s);
}

static void test_sweeps(void)
{
  static const char *const wanted[6][2] = {{"1", "poisson(20/s)"}, {"1", "bursts(5, 1 s)"}, {"1", "at_once"},
                                           {"2", "poisson(20/s)"}, {"2", "bursts(5, 1 s)"}, {"2", "at_once"}};
  struct rs_scenario *s = parse(full, NULL);
  CHECK_EQ(s->sweep_count, 2);
  CHECK_STR(s->sweeps[0].label, "seed");
  CHECK_STR(s->sweeps[1].label, "arrivals");
  CHECK_EQ(rs_scenario_points(s), 6);
  for (uint64_t i = 0; i < 6; i++) {
    struct rs_scenario_override point[2];
    rs_scenario_point(s, i, point);
    CHECK_STR(point[0].path, "@seed");
    CHECK_STR(point[0].value, wanted[i][0]);
    CHECK_STR(point[1].value, wanted[i][1]);
    struct rs_scenario_options options = {.overrides = point, .override_count = 2};
    struct rs_scenario *one = parse(full, &options);
    CHECK_EQ(one->seed, atoi(wanted[i][0]));
    CHECK_EQ(one->sweep_count, 0);
    CHECK_EQ(rs_scenario_points(one), 1);
    CHECK_EQ(one->workloads[1].tasks.arrival.kind, i % 3 == 0   ? RS_ARRIVAL_POISSON
                                                   : i % 3 == 1 ? RS_ARRIVAL_BURSTS
                                                                : RS_ARRIVAL_AT_ONCE);
    rs_scenario_free(one);
  }
  rs_scenario_free(s);
}

/* The scenario as run says the same when it is read again. */
static void test_as_run(void)
{
  struct rs_scenario_override override = {"tasks[load]/@count", "77", "--set"};
  struct rs_scenario_options options = {.overrides = &override, .override_count = 1};
  struct rs_scenario *s = parse(full, &options), *again = parse(s->xml, NULL);
  CHECK_EQ(again->workloads[1].tasks.count, 77);
  CHECK_STR(again->xml, s->xml);
  rs_scenario_free(again);
  rs_scenario_free(s);
}

static void test_overrides(void)
{
  static const struct {
    const char *set, *wanted; /* wanted: the message, or "" */
  } cases[] = {
      {"@seed=5", ""},
      {"cluster/nodes/@count=5", ""},
      {"cluster/nodes[1]/@count=5", ""},
      {"cluster/nodes[small]/@count=5", ""},
      {"cluster/nodes[@name=small]/@count=5", ""},
      {"stragglers/@sd=0.5", ""}, /* made */
      {"autoscaler/@interval=1 s", ""},
      {"policies/@placement=pack", ""},
      {"outputs/@directory=a=b", ""},
      {"cluster/nodes[2]/@count=5",
       "t.xml: --set cluster/nodes[2]/@count: there is no <nodes> of that kind in <cluster>; "
       "name an element of the scenario"},
      {"cluster/nodes[big]/@count=5", "t.xml: --set cluster/nodes[big]/@count: there is no <nodes> of that kind in "
                                      "<cluster>; name an element of the scenario"},
      {"cluster/nodes/@cuont=5", "t.xml:1: <nodes> has no attribute cuont; did you mean count? (given by --set)"},
      {"cluster/nodes/@count=5 s", "t.xml:1: count=\"5 s\" has \"s\" behind the number; write a whole number (given by "
                                   "--set)"},
      {"cluster/nodes/count=5", "t.xml: --set cluster/nodes/count: does not end in an attribute; write for example "
                                "cluster/nodes/@count"},
      {"nodes/@count=5",
       "t.xml: --set nodes/@count: there is no <nodes> in <scenario>; name an element of the scenario"},
      {"tune/@eta=3", "t.xml: <tune> needs the attribute r_max; write r_max=\"...\""}, /* made, and then incomplete */
      {"cluster/costs/@file=none", "t.xml: file=\"none\": there is no such file; check the name (given by --set)"},
      {"cluster/nodes/@max=5", "t.xml:1: <nodes name=\"small\"> has a min or max other than count, and there is no "
                               "<autoscaler>; add one or remove them"},
  };
  static const char text[] = "<scenario name='plain'>" CLUSTER TASKS "</scenario>";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char set[200];
    struct rs_scenario_override override;
    snprintf(set, sizeof set, "%s", cases[i].set);
    CHECK(rs_scenario_override_split(set, &override));
    struct rs_scenario_options options = {.overrides = &override, .override_count = 1};
    error[0] = 0;
    struct rs_scenario *s = rs_scenario_parse(text, sizeof text - 1, "t.xml", &options, error, sizeof error);
    CHECK_STR(error, cases[i].wanted);
    CHECK((s != NULL) == !*cases[i].wanted);
    rs_scenario_free(s);
  }
  struct rs_scenario_override override;
  char none[] = "seed", empty[] = "=5";
  CHECK(!rs_scenario_override_split(none, &override));
  CHECK(!rs_scenario_override_split(empty, &override));
}

/* A platform's hosts are the nodes; "data:" is the folder that RAYSIM_DATA names. */
static void test_platform_and_data(void)
{
  setenv("RAYSIM_DATA", RS_SOURCE_DIR "/tests/sim/bad_scenarios", 1);
  struct rs_scenario *s = parse(
      "<scenario name='a'><cluster platform='hello.xml' head='h0'><nodes name='gpu' hosts='g*' cpus='host' gpus='2'/>"
      "<nodes name='rest' count='3'/></cluster><tasks count='1' duration='1 s'><resources cpus='64'/></tasks>"
      "<trace file='data:trace.csv'><column field='arrival' name='t' unit='timestamp'/>"
      "<column field='duration' value='1 s'/></trace></scenario>",
      NULL);
  CHECK_STR(s->cluster.platform, RS_SOURCE_DIR "/scenarios/hello.xml");
  CHECK_STR(s->cluster.head_host, "h0");
  CHECK(s->cluster.types[0].count == RS_SCENARIO_NONE && s->cluster.types[0].cpu_e4 == RS_SCENARIO_FROM_HOST);
  CHECK_STR(s->cluster.types[0].hosts, "g*");
  CHECK_EQ(s->cluster.types[1].count, 3);
  CHECK_STR(s->cluster.types[1].hosts, "*");
  const struct rs_scenario_trace *trace = &s->workloads[1].trace;
  CHECK_STR(trace->file, RS_SOURCE_DIR "/tests/sim/bad_scenarios/trace.csv");
  CHECK(trace->columns[RS_TRACE_ARRIVAL].timestamp && trace->columns[RS_TRACE_DURATION].value == 1e9);
  rs_scenario_free(s);
  unsetenv("RAYSIM_DATA");
}

/* With an autoscaler a cluster may start empty, and a demand may wait for a type that is not running yet. */
static void test_autoscaled(void)
{
  struct rs_scenario *s = parse("<scenario name='a'><cluster><nodes name='cpu' count='0' max='9'/>"
                                "<nodes name='gpu' count='0' max='4' gpus='1'/></cluster><autoscaler/>"
                                "<tasks count='1' duration='1 s'><resources gpus='1'/></tasks></scenario>",
                                NULL);
  CHECK(s->autoscaler.enabled && s->autoscaler.upscaling_speed == 1);
  CHECK_EQ(s->autoscaler.idle_timeout_ns, INT64_C(300000000000));
  CHECK_EQ(s->cluster.types[1].count, 0);
  CHECK_EQ(s->cluster.types[1].count_max, 4);
  rs_scenario_free(s);
}

static const char *const policies[] = {"hybrid", "spread", "random", "pack", "locality", NULL};
static const char *const schedulers[] = {"fifo", "asha", "asha-stopping", "sha", "hyperband", NULL};

static void test_shipped(void)
{
  static const struct rs_scenario_names names = {.policies = policies, .schedulers = schedulers};
  int count = 0;
  DIR *folder = opendir(RS_SOURCE_DIR "/scenarios");
  CHECK(folder != NULL);
  for (struct dirent *entry; (entry = readdir(folder));) {
    char path[512];
    const char *dot = strrchr(entry->d_name, '.');
    if (!dot || strcmp(dot, ".xml") != 0)
      continue;
    snprintf(path, sizeof path, RS_SOURCE_DIR "/scenarios/%s", entry->d_name);
    for (int real = 0; real < 2; real++) {
      struct rs_scenario_options options = {.real = real, .names = &names};
      error[0] = 0;
      struct rs_scenario *s = rs_scenario_load(path, &options, error, sizeof error);
      CHECK_STR(error, "");
      CHECK(s != NULL);
      CHECK(strncmp(s->name, entry->d_name, strlen(s->name)) == 0 && s->name[0] &&
            entry->d_name[strlen(s->name)] == '.');
      CHECK(*s->title);
      rs_scenario_free(s);
    }
    count++;
  }
  closedir(folder);
  CHECK(count >= 8);
}

static void test_asha(void)
{
  struct rs_scenario_options options = {0};
  struct rs_scenario *s = rs_scenario_load(RS_SOURCE_DIR "/scenarios/asha.xml", &options, error, sizeof error);
  CHECK(s != NULL);
  CHECK_EQ(s->cluster.types[0].count, 10000);
  CHECK_EQ(s->cluster.types[0].cpu_e4, RS_SCENARIO_UNIT);
  CHECK(s->repetitions >= 5);
  const struct rs_scenario_tune *tune = &s->workloads[0].tune;
  CHECK_EQ(tune->scheduler_count, 4);
  CHECK_EQ(tune->eta, 4);
  CHECK_EQ(tune->r_max, 64);
  CHECK(tune->source == RS_CURVE_MODEL && tune->time_budget_ns != RS_SCENARIO_NONE && s->straggler_sd > 0);
  rs_scenario_free(s);
  options.real = true;
  s = rs_scenario_load(RS_SOURCE_DIR "/scenarios/asha.xml", &options, error, sizeof error);
  CHECK(s != NULL);
  CHECK_EQ(s->cluster.types[0].count, 16);
  CHECK_EQ(s->cluster.types[0].cpu_e4, 4 * RS_SCENARIO_UNIT);
  CHECK_EQ(s->workloads[0].tune.source, RS_CURVE_RECORDED);
  CHECK(s->real_time_scale < 1);
  rs_scenario_free(s);
}

/* The built-in schema is the file that ships. */
static void test_schema_is_embedded(void)
{
  static char text[200000];
  size_t bytes;
  const char *schema = rs_scenario_schema(&bytes);
  FILE *file = fopen(RS_SOURCE_DIR "/scenarios/scenario.rng", "rb");
  CHECK(file != NULL);
  size_t read = fread(text, 1, sizeof text, file);
  fclose(file);
  CHECK_EQ(read, bytes);
  CHECK(memcmp(text, schema, bytes) == 0);
}

static char document[400000];

/* Does the document have a table row that begins with `name`, and if so does the row show `value`? */
static bool documented(const char *section, const char *name, const char *value)
{
  char cell[128], shown[128];
  snprintf(cell, sizeof cell, "\n| `%s` |", name);
  snprintf(shown, sizeof shown, "| `%s` |", value);
  const char *end = strstr(section + 1, "\n### ");
  for (const char *at = strstr(section, cell); at && (!end || at < end); at = strstr(at + 1, cell)) {
    const char *found = value ? strstr(at, shown) : at;
    if (found && found < at + 1 + strcspn(at + 1, "\n"))
      return true;
  }
  return false;
}

static const xmlNode *find_define(xmlDoc *schema, const char *wanted)
{
  for (const xmlNode *at = xmlDocGetRootElement(schema)->children; at; at = at->next) {
    xmlChar *name = at->type == XML_ELEMENT_NODE ? xmlGetNoNsProp(at, BAD_CAST "name") : NULL;
    bool found = name && strcmp((const char *)name, wanted) == 0;
    xmlFree(name);
    if (found)
      return at;
  }
  return NULL;
}

/* The <element> that a definition holds, or NULL. */
static const xmlNode *find_element(const xmlNode *define)
{
  const xmlNode *at = define->children;
  while (at && (at->type != XML_ELEMENT_NODE || strcmp((const char *)at->name, "element") != 0))
    at = at->next;
  return at;
}

/* Checks every <attribute> below `node`, and counts them. */
static int check_attributes(const char *section, const char *element, const xmlNode *node)
{
  int count = 0;
  for (const xmlNode *at = node->children; at; at = at->next) {
    if (at->type != XML_ELEMENT_NODE)
      continue;
    if (strcmp((const char *)at->name, "ref") == 0) { /* a group of attributes, or a child */
      xmlChar *name = xmlGetNoNsProp(at, BAD_CAST "name");
      const xmlNode *define = find_define(at->doc, (const char *)name);
      if (define && !find_element(define))
        count += check_attributes(section, element, define);
      xmlFree(name);
      continue;
    }
    if (strcmp((const char *)at->name, "attribute") != 0) {
      count += check_attributes(section, element, at);
      continue;
    }
    xmlChar *name = xmlGetNoNsProp(at, BAD_CAST "name");
    xmlChar *value =
        xmlGetNsProp(at, BAD_CAST "defaultValue", BAD_CAST "http://relaxng.org/ns/compatibility/annotations/1.0");
    bool good = documented(section, (const char *)name, value && *value ? (const char *)value : NULL);
    if (!good)
      printf("\n    docs/scenario.md: <%s> lacks a row for `%s`, default `%s`\n", element, (const char *)name,
             value ? (const char *)value : "");
    CHECK(good);
    xmlFree(name);
    xmlFree(value);
    count++;
  }
  return count;
}

static void test_documented(void)
{
  FILE *file = fopen(RS_SOURCE_DIR "/docs/scenario.md", "r");
  CHECK(file != NULL);
  document[fread(document, 1, sizeof document - 1, file)] = 0;
  fclose(file);
  size_t bytes;
  const char *schema = rs_scenario_schema(&bytes);
  xmlDocPtr doc = xmlReadMemory(schema, (int)bytes, "scenario.rng", NULL, 0);
  CHECK(doc != NULL);
  int elements = 0, attributes = 0;
  for (const xmlNode *at = xmlDocGetRootElement(doc)->children; at; at = at->next) {
    const xmlNode *element = at->type == XML_ELEMENT_NODE ? find_element(at) : NULL;
    if (!element)
      continue;
    char heading[80];
    xmlChar *name = xmlGetNoNsProp(element, BAD_CAST "name");
    snprintf(heading, sizeof heading, "\n### `<%s>`", (const char *)name);
    const char *section = strstr(document, heading);
    if (!section)
      printf("\n    docs/scenario.md has no section%s\n", heading);
    CHECK(section != NULL);
    attributes += check_attributes(section, (const char *)name, element);
    xmlFree(name);
    elements++;
  }
  xmlFreeDoc(doc);
  printf("\n    %d elements, %d attributes ", elements, attributes);
  CHECK(elements >= 30 && attributes >= 100);
}

const struct rs_test rs_tests[] = {{"defaults", test_defaults},
                                   {"everything", test_everything},
                                   {"real", test_real},
                                   {"sweeps", test_sweeps},
                                   {"as_run", test_as_run},
                                   {"overrides", test_overrides},
                                   {"platform_and_data", test_platform_and_data},
                                   {"autoscaled", test_autoscaled},
                                   {"shipped", test_shipped},
                                   {"asha", test_asha},
                                   {"schema_is_embedded", test_schema_is_embedded},
                                   {"documented", test_documented},
                                   {0}};
