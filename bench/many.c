/* many.c -- much of a thing on a real local cluster, as Ray's release tests have it. One JSON object a run.
 *
 *   many queued [TASKS]               1,000,000 tasks of one driver wait while every CPU is taken; then they run
 *   many actors [ACTORS [NODES]]      1,000 actors, a process each, on 8 nodes: made, each called once
 *   many groups [GROUPS [NODES]]      1,000 placement groups on 64 nodes: made, a task in each, removed
 *   many broadcast [MIB [NODES]]      an object of 128 MiB to 8 nodes: a task on each of them reads it
 *
 * The nodes are processes of this machine, with sockets between them and a store each. docs/benchmarks.md has the
 * figures that Ray publishes beside these, with what differs.
 */
#include "api/raysim.h"
#include "real_bench.h"

enum { LIMIT_MS = 600000, PAGE = 4096 };

static struct raysim *ray;

/* ---- functions ---- */

static int nothing(struct raysim_context *context)
{
  return raysim_return(context, 0, NULL, 0);
}

/* Until its file is gone. */
static int block(struct raysim_context *context)
{
  const char *path = raysim_arg(context, 0, NULL);
  while (access(path, F_OK) == 0)
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  return raysim_return(context, 0, NULL, 0);
}

/* Reads each page of its argument. */
static int read_all(struct raysim_context *context)
{
  size_t size;
  const unsigned char *bytes = raysim_arg(context, 0, &size);
  uint64_t sum = 0;
  for (size_t i = 0; i < size; i += PAGE)
    sum += bytes[i];
  return raysim_return(context, 0, &sum, sizeof sum);
}

static int create(struct raysim_context *context)
{
  (void)context;
  return 0;
}

void raysim_register_functions(void)
{
  static const struct raysim_method methods[] = {{"nothing", nothing}};
  static const struct raysim_class type = {"Idle", create, NULL, methods, 1};
  raysim_register("nothing", nothing);
  raysim_register("block", block);
  raysim_register("read_all", read_all);
  raysim_register_actor(&type);
}

/* ---- measuring ---- */

static void must(int fine, const char *what)
{
  if (fine)
    return;
  fprintf(stderr, "many: %s: %s\n", what, raysim_last_error());
  exit(1);
}

static void start(const struct raysim_options *options)
{
  must(raysim_init(options, &ray) == 0, "cannot start");
}

static raysim_ref *refs_of(size_t count)
{
  raysim_ref *refs = calloc(count, sizeof *refs);
  must(refs != NULL, "no memory");
  return refs;
}

static void take_all(raysim_ref *refs, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct raysim_value value;
    int rc = raysim_get(ray, refs[i], LIMIT_MS, &value);
    if (rc != 0)
      fprintf(stderr, "many: %s\n", value.error ? value.error->message : raysim_error_text(rc));
    must(rc == 0, "it failed");
    raysim_value_free(&value);
    raysim_release(ray, refs[i]);
  }
}

static void queued(size_t count)
{
  enum { CPUS = 2, BATCH = 1000 };
  char path[] = "/tmp/raysim-many-XXXXXX";
  int file = mkstemp(path);
  must(file >= 0, "no file in /tmp");
  close(file);
  start(&(struct raysim_options){.num_cpus = CPUS});
  raysim_ref blocked[CPUS], *refs = refs_of(count);
  for (int i = 0; i < CPUS; i++)
    blocked[i] = raysim_submit(ray, "block", RAYSIM_ARGS(raysim_bytes(path, sizeof path)), NULL);
  double before = pss_kib(getpid()), begin = seconds();
  for (size_t i = 0; i < count; i++)
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, NULL);
  double submitted = seconds(), driver = pss_kib(getpid()) - before, cluster = cluster_pss_mib();
  double opened = seconds();
  unlink(path);
  take_all(refs, count);
  double end = seconds() - (opened - submitted); /* the looking at memory left out */
  take_all(blocked, CPUS);
  printf("{\"bench\": \"queued\", \"tasks\": %zu, \"submitted_per_s\": %.0f, \"done_per_s\": %.0f, \"time_s\": %.3f, "
         "\"driver_bytes_per_task\": %.0f, \"cluster_pss_mib\": %.2f}\n",
         count, (double)count / (submitted - begin), (double)count / (end - submitted), end - begin,
         driver * 1024 / (double)count, cluster);
  free(refs);
}

static void actors(size_t count, uint32_t nodes)
{
  start(&(struct raysim_options){.num_cpus = 1, .nodes = nodes});
  raysim_ref *refs = refs_of(count);
  raysim_actor *all = calloc(count, sizeof *all);
  must(all != NULL, "no memory");
  struct raysim_actor_options options = {.demand = {.num_cpus = RAYSIM_NONE, .strategy = {.kind = RAYSIM_SPREAD}}};
  double before = cluster_pss_mib(), begin = seconds();
  for (size_t i = 0; i < count; i++) {
    all[i] = raysim_actor_create(ray, "Idle", NULL, 0, &options);
    refs[i] = raysim_call(ray, all[i], "nothing", NULL, 0, NULL);
  }
  take_all(refs, count);
  double made = seconds();
  for (size_t i = 0; i < count; i++)
    refs[i] = raysim_call(ray, all[i], "nothing", NULL, 0, NULL);
  take_all(refs, count);
  double called = seconds(), pss = cluster_pss_mib() - before;
  printf("{\"bench\": \"actors\", \"actors\": %zu, \"nodes\": %u, \"time_s\": %.3f, \"made_per_s\": %.0f, "
         "\"called_once_each_per_s\": %.0f, \"pss_mib_per_actor\": %.3f}\n",
         count, nodes, made - begin, (double)count / (made - begin), (double)count / (called - made),
         pss / (double)count);
  free(all);
  free(refs);
}

/* Groups of one bundle, one after the other; of two bundles on two nodes all at once, with a task in each; and their
 * end. */
static void groups(size_t count, uint32_t nodes)
{
  start(&(struct raysim_options){.num_cpus = 2.0 * (double)count, .nodes = nodes});
  raysim_group *all = calloc(count, sizeof *all);
  raysim_ref *refs = refs_of(count);
  must(all != NULL, "no memory");
  struct raysim_demand bundles[2] = {{.num_cpus = 1}, {.num_cpus = 1}};
  double begin = seconds();
  for (size_t i = 0; i < count; i++) {
    all[i] = raysim_group_create(ray, bundles, 1, NULL);
    must(raysim_group_wait(ray, all[i], LIMIT_MS) == 0, "no group");
  }
  double single = seconds();
  for (size_t i = 0; i < count; i++)
    raysim_group_remove(ray, all[i]);
  for (size_t i = 0; i < count; i++)
    raysim_group_wait(ray, all[i], LIMIT_MS);
  double gone = seconds();
  nanosleep(&(struct timespec){.tv_sec = 1}, NULL); /* what was given back is reported */
  struct raysim_group_options apart = {.strategy = RAYSIM_STRICT_SPREAD};
  double again = seconds();
  for (size_t i = 0; i < count; i++)
    all[i] = raysim_group_create(ray, bundles, 2, &apart);
  for (size_t i = 0; i < count; i++)
    must(raysim_group_wait(ray, all[i], LIMIT_MS) == 0, "no group");
  double many = seconds();
  for (size_t i = 0; i < count; i++) {
    struct raysim_task_options in = {.demand = {.strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = all[i]}}};
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, &in);
  }
  take_all(refs, count);
  double used = seconds();
  printf("{\"bench\": \"groups\", \"groups\": %zu, \"nodes\": %u, \"sync_per_s\": %.0f, \"removed_per_s\": %.0f, "
         "\"at_once_2_bundles_per_s\": %.0f, \"made_and_used_per_s\": %.0f}\n",
         count, nodes, (double)count / (single - begin), (double)count / (gone - single),
         (double)count / (many - again), (double)count / (used - again));
  free(all);
  free(refs);
}

static void broadcast(size_t mib, uint32_t nodes)
{
  size_t size = mib << 20;
  start(&(struct raysim_options){.num_cpus = 1, .nodes = nodes + 1, .object_store_bytes = size * 2});
  raysim_ref *refs = refs_of(nodes);
  struct raysim_buffer buffer;
  for (uint32_t i = 0; i < nodes; i++) { /* a worker everywhere */
    struct raysim_task_options there = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = i + 1}}};
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, &there);
  }
  take_all(refs, nodes);
  must(raysim_create(ray, size, LIMIT_MS, &buffer) == 0, "cannot put");
  memset(buffer.bytes, 1, size);
  raysim_ref object = raysim_seal(ray, &buffer, NULL, 0);
  double begin = seconds();
  for (uint32_t i = 0; i < nodes; i++) {
    struct raysim_task_options there = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = i + 1}}};
    refs[i] = raysim_submit(ray, "read_all", RAYSIM_ARGS(raysim_object(object)), &there);
  }
  for (uint32_t i = 0; i < nodes; i++) {
    struct raysim_value value;
    must(raysim_get(ray, refs[i], LIMIT_MS, &value) == 0, "a node did not read it");
    must(*(const uint64_t *)value.bytes == size / PAGE, "a node read something else");
    raysim_value_free(&value);
    raysim_release(ray, refs[i]);
  }
  double took = seconds() - begin;
  raysim_release(ray, object);
  printf("{\"bench\": \"broadcast\", \"mib\": %zu, \"nodes\": %u, \"time_s\": %.3f, \"received_gb_per_s\": %.2f}\n",
         mib, nodes, took, (double)size * nodes / took / 1e9);
  free(refs);
}

static long number(int argc, char **argv, int at, long usual, long most)
{
  if (at >= argc)
    return usual;
  char *end;
  long n = strtol(argv[at], &end, 10);
  return *end || n < 1 || n > most ? 0 : n;
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  static const struct {
    const char *name;
    long count, count_most, nodes, nodes_most;
  } kinds[] = {{"queued", 1000000, 20000000, 1, 0},
               {"actors", 1000, 15000, 8, 64},
               {"groups", 1000, 100000, 64, 64},
               {"broadcast", 128, 65536, 8, 63}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(what, kinds[i].name) != 0)
      continue;
    long count = number(argc, argv, 2, kinds[i].count, kinds[i].count_most);
    long nodes = number(argc, argv, 3, kinds[i].nodes, kinds[i].nodes_most);
    if (!count || !nodes || argc > 4)
      break;
    switch (i) {
    case 0: queued((size_t)count); break;
    case 1: actors((size_t)count, (uint32_t)nodes); break;
    case 2: groups((size_t)count, (uint32_t)nodes); break;
    default: broadcast((size_t)count, (uint32_t)nodes);
    }
    raysim_shutdown(ray);
    return 0;
  }
  fprintf(stderr, "usage: many queued [TASKS] | actors [ACTORS [NODES]] | groups [GROUPS [NODES]] | broadcast [MIB "
                  "[NODES]]\n");
  return 2;
}
