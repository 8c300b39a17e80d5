/* slow.c -- a slow function, four times at once: four tasks take as long as one.
 *
 * The whole program is this file. The processes of the cluster that raysim_init starts are this program again; in them
 * raysim_init does not return, but runs the functions that are registered below.
 */
#include <time.h>

#include "example.h"

enum { TASKS = 4, SECONDS = 1 };

static int slow_square(struct raysim_context *context)
{
  const int *number = raysim_arg(context, 0, NULL);
  nanosleep(&(struct timespec){SECONDS, 0}, NULL);
  int square = *number * *number;
  return raysim_return(context, 0, &square, sizeof square);
}

void raysim_register_functions(void)
{
  raysim_register("slow_square", slow_square);
}

int main(void)
{
  struct raysim *ray = example_start(TASKS);
  raysim_ref refs[TASKS];
  struct raysim_value values[TASKS];
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int i = 0; i < TASKS; i++)
    refs[i] = raysim_submit(ray, "slow_square", RAYSIM_ARGS(RAYSIM_VALUE(i)), NULL);
  int status = raysim_get_many(ray, refs, TASKS, RAYSIM_FOREVER, values) != 0;
  clock_gettime(CLOCK_MONOTONIC, &end);
  for (int i = 0; i < TASKS; i++) {
    if (values[i].error)
      fprintf(stderr, "%d: %s\n", i, values[i].error->message);
    else
      printf("%d squared is %d\n", i, *(const int *)values[i].bytes);
    raysim_value_free(&values[i]);
    raysim_release(ray, refs[i]);
  }
  double took = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
  printf("%d tasks of %d s took %.0f s\n", TASKS, SECONDS, took);
  raysim_shutdown(ray);
  return status;
}
