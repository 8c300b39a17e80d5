/* scale.c -- what scheduling costs at scale: one driver program on the head, TASKS tasks of 0.5 to 1.5 s, NODES nodes.
 *
 *     build/bench/scale NODES SLOTS TASKS [--key-reuse | --no-reuse] [--keys] [--costs defaults|zero|FILE]
 *                       [--in-flight N] [--batch N] [--seed N] [--policy NAME] [--set NAME=VALUE]... [--no-hash]
 *
 * --key-reuse (the default): one scheduling key, Ray's lease limits, a leased worker gets task after task.
 * --no-reuse: worker_lease_timeout_milliseconds=0, so a lease is good for one task and each task needs a placement
 * decision. --keys gives each task a scheduling key of its own besides. --in-flight: at most so many tasks submitted
 * and not ended (default: all at once).
 *
 * Simulated, with every message and its cost (sim/driver.h). One JSON object on stdout. wall_s is the run itself;
 * setup_s the platform and the nodes' records. bench/run puts the programs beside it that show SimGrid's own cost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "sim/driver.h"
#include "sim/driver_tasks.h"

struct options {
  uint32_t nodes, slots;
  uint64_t tasks, in_flight, seed;
  uint32_t batch;
  bool no_reuse, keys, no_hash;
  const char *costs;
};

static double wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what, const char *argument)
{
  fprintf(stderr, "scale: %s%s%s\n", what, argument ? ": " : "", argument ? argument : "");
  exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno || *end || end == text || *text == '-' || value == 0 || value > max)
    fail("not a count that can be", text);
  return value;
}

static void set(struct rs_config *config, const char *assignment)
{
  char name[128];
  const char *equals = strchr(assignment, '=');
  size_t length = equals ? (size_t)(equals - assignment) : sizeof name;
  if (length >= sizeof name)
    fail("--set takes NAME=VALUE", assignment);
  memcpy(name, assignment, length);
  name[length] = 0;
  int bad = rs_config_set(config, name, strtoll(equals + 1, NULL, 10));
  if (bad)
    fail(bad == -1 ? "no setting of that name" : "out of range", assignment);
}

static void parse(int argc, char **argv, struct options *o, struct rs_config *config)
{
  if (argc < 4)
    fail(
        "usage: scale NODES SLOTS TASKS [--key-reuse|--no-reuse] [--keys] [--costs defaults|zero|FILE] [--in-flight N] "
        "[--batch N] [--seed N] [--policy NAME] [--set NAME=VALUE]... [--no-hash]",
        NULL);
  *o = (struct options){.nodes = (uint32_t)number(argv[1], 1000000),
                        .slots = (uint32_t)number(argv[2], 10000),
                        .tasks = number(argv[3], 100000000),
                        .seed = 1,
                        .costs = "defaults"};
  for (int i = 4; i < argc; i++) {
    const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--key-reuse") == 0) {
      o->no_reuse = false;
    } else if (strcmp(option, "--no-reuse") == 0) {
      o->no_reuse = true;
    } else if (strcmp(option, "--keys") == 0) {
      o->keys = true;
    } else if (strcmp(option, "--no-hash") == 0) {
      o->no_hash = true;
    } else if (strcmp(option, "--costs") == 0) {
      o->costs = value, i++;
    } else if (strcmp(option, "--in-flight") == 0) {
      o->in_flight = number(value, UINT64_MAX), i++;
    } else if (strcmp(option, "--batch") == 0) {
      o->batch = (uint32_t)number(value, 1000000), i++;
    } else if (strcmp(option, "--seed") == 0) {
      o->seed = number(value, UINT64_MAX), i++;
    } else if (strcmp(option, "--set") == 0) {
      set(config, value), i++;
    } else if (strcmp(option, "--policy") == 0) {
      config->policy = rs_place_policy_by_name(value), i++;
      if (!config->policy)
        fail("no policy of that name", value);
    } else {
      fail("unknown option", option);
    }
  }
  config->seed = o->seed;
  if (o->no_reuse)
    config->worker_lease_timeout_milliseconds = 0;
}

static void read_costs(struct rs_cost *cost, const char *name)
{
  char err[512];
  if (strcmp(name, "defaults") == 0)
    rs_cost_defaults(cost);
  else if (strcmp(name, "zero") == 0)
    rs_cost_zero(cost);
  else if (rs_cost_load(cost, name, err, sizeof err) != 0)
    fail(err, NULL);
}

static void count(const char *name, uint64_t value)
{
  printf("\"%s\": %llu, ", name, (unsigned long long)value);
}

static void print(const struct options *o, const struct rs_sim_stats *stats, double run_s, double setup_s)
{
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  double tasks = (double)o->tasks;
  printf("{");
  count("nodes", o->nodes);
  count("slots", o->slots);
  count("tasks", o->tasks);
  printf("\"mode\": \"%s\", \"costs\": \"%s\", ", o->no_reuse ? "no-reuse" : "key-reuse", o->costs);
  printf("\"simulated_s\": %.3f, \"wall_s\": %.3f, \"setup_s\": %.3f, \"tasks_per_s\": %.0f, \"peak_rss_mib\": %.1f, ",
         (double)stats->sim_ns * 1e-9, run_s, setup_s, tasks / run_s, (double)use.ru_maxrss / 1024);
  count("lease_messages", stats->by_type[RS_MSG_LEASE_REQUEST]);
  count("lease_requests", stats->traces[RS_TRACE_LEASE_GRANTED] + stats->traces[RS_TRACE_LEASE_REJECTED] +
                              stats->traces[RS_TRACE_LEASE_SPILLED]);
  count("grants", stats->traces[RS_TRACE_LEASE_GRANTED]);
  count("spillbacks", stats->traces[RS_TRACE_LEASE_SPILLED]);
  count("rejects", stats->traces[RS_TRACE_LEASE_REJECTED]);
  count("recalls", stats->traces[RS_TRACE_LEASE_RECALLED]);
  count("messages", stats->messages);
  count("bytes", stats->bytes);
  count("local_messages", stats->local_messages);
  count("views_skipped", stats->views_skipped);
  count("nodes_examined", stats->work.nodes);
  count("objects_scanned", stats->work.objects);
  printf("\"messages_per_task\": %.3f, \"bytes_per_task\": %.1f, \"nodes_examined_per_task\": %.3f, "
         "\"wall_us_per_task\": %.3f, \"head_busy_s\": %.3f, ",
         (double)stats->messages / tasks, (double)stats->bytes / tasks, (double)stats->work.nodes / tasks,
         run_s * 1e6 / tasks, (double)stats->head_busy_ns * 1e-9);
  count("events", stats->events);
  count("steps", stats->steps);
  count("workers_started", stats->workers_started);
  count("clock_moves", stats->sleeps);
  count("heap_peak", stats->heap_peak);
  printf("\"by_type\": {");
  const char *comma = "";
  for (int type = 0; type < RS_MSG_MAX; type++)
    if (stats->by_type[type]) {
      printf("%s\"%s\": %llu", comma, rs_msg_name((uint16_t)type), (unsigned long long)stats->by_type[type]);
      comma = ", ";
    }
  printf("}, \"decision_hash\": \"%016llx\"}\n", (unsigned long long)stats->decision_hash);
}

int main(int argc, char **argv)
{
  struct options o;
  struct rs_config config;
  struct rs_cost cost;
  rs_config_defaults(&config);
  parse(argc, argv, &o, &config);
  read_costs(&cost, o.costs);

  double begin = wall_s();
  struct rs_sim_cluster cluster;
  struct rs_sim_group group;
  rs_sim_cluster_simple(&cluster, &group, o.nodes, o.slots);
  struct rs_sim_opts opts = {.seed = o.seed, .no_hash = o.no_hash};
  char err[512];
  struct rs_sim *sim = rs_sim_new(&cluster, &config, &cost, &opts, err, sizeof err);
  if (!sim)
    fail(err, NULL);
  struct rs_sim_tasks tasks;
  rs_sim_tasks_init(&tasks);
  tasks.count = o.tasks;
  tasks.batch = o.batch;
  tasks.in_flight_max = o.in_flight;
  tasks.duration_min_ns = 500 * RS_MS;
  tasks.duration_max_ns = 1500 * RS_MS;
  tasks.keys = o.keys;
  tasks.seed = o.seed;
  rs_sim_add_app(sim, 0, &tasks.app);

  double start = wall_s();
  enum rs_sim_end end = rs_sim_run(sim);
  double took = wall_s() - start;
  const struct rs_sim_stats *stats = rs_sim_stats(sim);
  if (end != RS_SIM_DONE || tasks.ended != o.tasks || tasks.failed) {
    fprintf(stderr, "scale: ended (%d) after %llu of %llu tasks, %llu of them failed\n", (int)end,
            (unsigned long long)tasks.ended, (unsigned long long)o.tasks, (unsigned long long)tasks.failed);
    return 1;
  }
  print(&o, stats, took, start - begin);
  fflush(stdout);
  rs_sim_free(sim);
  rs_node_info_unref(group.info);
  return 0;
}
