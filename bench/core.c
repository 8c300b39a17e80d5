/* core.c -- what a program gets from a small local cluster: tasks, actor calls, objects, waits, memory.
 *
 *   core [--nodes N]
 *
 * Prints one JSON object. Each rate is the median of three, on a cluster of one node with two CPUs, measured in one
 * driver thread; functions are C. With --nodes it measures instead how long N local nodes take to start, and their
 * memory. bench/against-ray runs it beside a Python program that does the same with Ray and prints the same keys.
 */
#include "api/raysim.h"
#include "real_bench.h"

enum { REPEATS = 3, BIG_BYTES = 100 << 20, BIG_PUTS = 10, ARGS = 10000, WAITS = 1000, MOST = 10000 };

static struct raysim *ray;
static raysim_ref refs[MOST], small, big;
static raysim_actor counter;
static uint8_t *bytes;
static struct raysim_value values[MOST];

/* ---- functions ---- */

static int nothing(struct raysim_context *context)
{
  return raysim_return(context, 0, NULL, 0);
}

static int count(struct raysim_context *context)
{
  size_t n = raysim_arg_count(context);
  return raysim_return(context, 0, &n, sizeof n);
}

static int counter_create(struct raysim_context *context)
{
  raysim_set_self(context, calloc(1, sizeof(int)));
  return 0;
}

static int counter_add(struct raysim_context *context)
{
  int *n = raysim_self(context);
  ++*n;
  return raysim_return(context, 0, n, sizeof *n);
}

void raysim_register_functions(void)
{
  static const struct raysim_method methods[] = {{"add", counter_add}};
  static const struct raysim_class type = {"Counter", counter_create, free, methods, 1};
  raysim_register("nothing", nothing);
  raysim_register("count", count);
  raysim_register_actor(&type);
}

/* ---- measuring ---- */

static void must(int fine, const char *what)
{
  if (fine)
    return;
  fprintf(stderr, "core: %s: %s\n", what, raysim_last_error());
  exit(1);
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_rate(double amount, void (*work)(void))
{
  double rates[REPEATS];
  for (int i = 0; i < REPEATS; i++) {
    double begin = seconds();
    work();
    rates[i] = amount / (seconds() - begin);
  }
  qsort(rates, REPEATS, sizeof *rates, by_value);
  return rates[REPEATS / 2];
}

/* ---- the work ---- */

static void take(raysim_ref ref)
{
  struct raysim_value value;
  must(raysim_get(ray, ref, 60000, &value) == 0, "a task failed");
  raysim_value_free(&value);
}

static void take_all(int n)
{
  must(raysim_get_many(ray, refs, (size_t)n, 60000, values) == 0, "a task failed");
  for (int i = 0; i < n; i++) {
    raysim_value_free(&values[i]);
    raysim_release(ray, refs[i]);
  }
}

static void tasks_sync(void)
{
  for (int i = 0; i < 500; i++) {
    raysim_ref ref = raysim_submit(ray, "nothing", NULL, 0, NULL);
    take(ref);
    raysim_release(ray, ref);
  }
}

static void tasks_async(void)
{
  for (int i = 0; i < 10000; i++)
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, NULL);
  take_all(10000);
}

static void actor_sync(void)
{
  for (int i = 0; i < 1000; i++) {
    raysim_ref ref = raysim_call(ray, counter, "add", NULL, 0, NULL);
    take(ref);
    raysim_release(ray, ref);
  }
}

static void actor_async(void)
{
  for (int i = 0; i < 5000; i++)
    refs[i] = raysim_call(ray, counter, "add", NULL, 0, NULL);
  take_all(5000);
}

static void put_small(void)
{
  for (int i = 0; i < 5000; i++)
    refs[i] = raysim_put(ray, &i, sizeof i);
  for (int i = 0; i < 5000; i++)
    raysim_release(ray, refs[i]);
}

static void get_small(void)
{
  for (int i = 0; i < 5000; i++)
    take(small);
}

static void put_big(void)
{
  for (int i = 0; i < BIG_PUTS; i++) {
    raysim_ref ref = raysim_put(ray, bytes, BIG_BYTES);
    must(!raysim_is_none(ref), "cannot put");
    raysim_release(ray, ref);
  }
}

static void get_big(void)
{
  for (int i = 0; i < 1000; i++)
    take(big);
}

static void wait_all(void)
{
  raysim_ref left[WAITS];
  uint8_t ready[WAITS];
  memcpy(left, refs, sizeof left);
  for (size_t n = WAITS; n > 0;) {
    must(raysim_wait(ray, left, n, 1, RAYSIM_FOREVER, 0, ready) == 1, "cannot wait");
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
      if (!ready[i])
        left[kept++] = left[i];
    n = kept;
  }
}

static void args_10k(void)
{
  struct raysim_argument *args = calloc(ARGS, sizeof *args);
  must(args != NULL, "no memory");
  for (int i = 0; i < ARGS; i++) {
    refs[i] = raysim_put(ray, &i, sizeof i);
    args[i] = raysim_object(refs[i]);
  }
  double begin = seconds();
  struct raysim_value value;
  raysim_ref ref = raysim_submit(ray, "count", args, ARGS, NULL);
  must(raysim_get(ray, ref, 60000, &value) == 0 && *(const size_t *)value.bytes == ARGS, "10,000 arguments");
  printf(" \"args_10k_s\": %.4f,\n", seconds() - begin);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  for (int i = 0; i < ARGS; i++)
    raysim_release(ray, refs[i]);
  free(args);
}

static void objects(void)
{
  int zero = 0;
  printf(" \"put_small_per_s\": %.0f,\n", median_rate(5000, put_small));
  small = raysim_put(ray, &zero, sizeof zero);
  printf(" \"get_small_per_s\": %.0f,\n", median_rate(5000, get_small));
  bytes = malloc(BIG_BYTES);
  must(bytes != NULL, "no memory");
  for (size_t i = 0; i < BIG_BYTES; i += 8)
    memcpy(bytes + i, &i, 8);
  printf(" \"put_gb_per_s\": %.3f,\n", median_rate(1e-9 * BIG_PUTS * BIG_BYTES, put_big));
  big = raysim_put(ray, bytes, BIG_BYTES);
  must(!raysim_is_none(big), "cannot put");
  printf(" \"get_big_per_s\": %.0f,\n", median_rate(1000, get_big));
  raysim_release(ray, big);
  raysim_release(ray, small);
  free(bytes);
}

static void start_nodes(uint32_t n)
{
  struct raysim_options options = {.nodes = n, .num_cpus = 1};
  double begin = seconds();
  must(raysim_init(&options, &ray) == 0, "cannot start");
  double took = seconds() - begin, pss = cluster_pss_mib();
  raysim_shutdown(ray);
  printf("{\"bench\": \"nodes\", \"nodes\": %u, \"init_s\": %.4f, \"pss_mib\": %.2f, \"pss_mib_per_node\": %.3f}\n", n,
         took, pss, pss / n);
}

int main(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc == 3 && strcmp(argv[1], "--nodes") == 0) {
    long n = strtol(argv[2], NULL, 10);
    if (n >= 1 && n <= 1000) {
      start_nodes((uint32_t)n);
      return 0;
    }
  }
  if (argc > 1) {
    fprintf(stderr, "usage: core [--nodes N]\n");
    return 2;
  }
  struct raysim_options options = {.num_cpus = 2};
  double begin = seconds();
  must(raysim_init(&options, &ray) == 0, "cannot start");
  double init = seconds() - begin;
  begin = seconds();
  raysim_ref first = raysim_submit(ray, "nothing", NULL, 0, NULL);
  take(first);
  double first_task = seconds() - begin;
  raysim_release(ray, first);
  for (int i = 0; i < 200; i++)
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, NULL);
  take_all(200);
  printf("{\"bench\": \"core\", \"init_s\": %.5f, \"first_task_s\": %.5f, \"idle_pss_mib\": %.2f,\n", init, first_task,
         cluster_pss_mib());
  printf(" \"tasks_sync_per_s\": %.0f,\n", median_rate(500, tasks_sync));
  printf(" \"tasks_async_per_s\": %.0f,\n", median_rate(10000, tasks_async));
  struct raysim_actor_options no_cpus = {.demand = {.num_cpus = RAYSIM_NONE}};
  counter = raysim_actor_create(ray, "Counter", NULL, 0, &no_cpus);
  first = raysim_call(ray, counter, "add", NULL, 0, NULL);
  take(first);
  raysim_release(ray, first);
  printf(" \"actor_sync_per_s\": %.0f,\n", median_rate(1000, actor_sync));
  printf(" \"actor_async_per_s\": %.0f,\n", median_rate(5000, actor_async));
  objects();
  for (int i = 0; i < WAITS; i++)
    refs[i] = raysim_submit(ray, "nothing", NULL, 0, NULL);
  must(raysim_get_many(ray, refs, WAITS, 60000, values) == 0, "a task failed");
  for (int i = 0; i < WAITS; i++)
    raysim_value_free(&values[i]);
  printf(" \"wait_1k_per_s\": %.1f,\n", median_rate(1, wait_all));
  for (int i = 0; i < WAITS; i++)
    raysim_release(ray, refs[i]);
  args_10k();
  raysim_release(ray, counter.ref);
  begin = seconds();
  raysim_shutdown(ray);
  printf(" \"shutdown_s\": %.5f}\n", seconds() - begin);
  return 0;
}
