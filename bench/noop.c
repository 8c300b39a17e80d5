/* noop.c -- tasks that do nothing, through leases, on real processes: what the runtime itself costs.
 *
 *   noop [--tasks N] [--cpus K] [--repeat R] [--program RAYSIMD]
 *
 * Starts a cluster of one node, then measures from one driver thread: `async`: N tasks submitted in batches, then all
 * awaited; `sync`: one at a time, N / 20 of them; and the time from starting a head to its first finished task. One
 * line of JSON with the median of R repetitions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/raysim.h"

enum { BATCH = 1000, REPEAT_MAX = 99 };

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count)
{
  qsort(values, (size_t)count, sizeof *values, by_value);
  return values[count / 2];
}

static void must(int rc, const char *what)
{
  if (rc == 0)
    return;
  fprintf(stderr, "noop: %s: %s %s\n", what, raysim_error_text(rc), raysim_last_error());
  exit(1);
}

static void finish(struct raysim *ray, const raysim_ref *refs, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    struct raysim_value value;
    must(raysim_get(ray, refs[i], 60000, &value), "a task failed");
    raysim_value_free(&value);
    raysim_release(ray, refs[i]);
  }
}

static double run_async(struct raysim *ray, uint32_t count, raysim_ref *refs)
{
  double begin = seconds();
  for (uint32_t at = 0; at < count; at += BATCH)
    must(raysim_submit_many(ray, "raysim.noop", NULL, 0, NULL, count - at < BATCH ? count - at : BATCH, refs + at),
         "cannot submit");
  finish(ray, refs, count);
  return count / (seconds() - begin);
}

static double run_sync(struct raysim *ray, uint32_t count)
{
  double begin = seconds();
  for (uint32_t i = 0; i < count; i++) {
    raysim_ref ref = raysim_submit(ray, "raysim.noop", NULL, 0, NULL);
    finish(ray, &ref, 1);
  }
  return count / (seconds() - begin);
}

int main(int argc, char **argv)
{
  long tasks = 200000, repeat = 3;
  double cpus = 1;
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--tasks") == 0)
      tasks = atol(value);
    else if (strcmp(argv[i], "--cpus") == 0)
      cpus = atof(value);
    else if (strcmp(argv[i], "--repeat") == 0)
      repeat = atol(value);
    else if (strcmp(argv[i], "--program") == 0)
      setenv("RAYSIMD", value, 1);
    else
      tasks = 0;
  }
  if (tasks < 1 || tasks > 100000000 || repeat < 1 || repeat > REPEAT_MAX || !(cpus >= 1 && cpus <= 64)) {
    fprintf(stderr, "usage: noop [--tasks N] [--cpus K] [--repeat R] [--program RAYSIMD]\n");
    return 2;
  }
  double async[REPEAT_MAX], sync[REPEAT_MAX], first[REPEAT_MAX];
  raysim_ref *refs = malloc((size_t)tasks * sizeof *refs);
  if (!refs)
    return 1;
  for (long i = 0; i < repeat; i++) {
    struct raysim *ray;
    double begin = seconds();
    must(raysim_init(&(struct raysim_options){.num_cpus = cpus}, &ray), "cannot start");
    raysim_ref ref = raysim_submit(ray, "raysim.noop", NULL, 0, NULL);
    finish(ray, &ref, 1);
    first[i] = 1e3 * (seconds() - begin);
    async[i] = run_async(ray, (uint32_t)tasks, refs);
    sync[i] = run_sync(ray, (uint32_t)(tasks / 20 + 1));
    raysim_shutdown(ray);
  }
  free(refs);
  printf("{\"bench\": \"noop\", \"tasks\": %ld, \"cpus\": %g, \"repeat\": %ld, \"async_tasks_per_s\": %.0f, "
         "\"sync_tasks_per_s\": %.0f, \"start_to_first_task_ms\": %.2f}\n",
         tasks, cpus, repeat, median(async, (int)repeat), median(sync, (int)repeat), median(first, (int)repeat));
  return 0;
}
