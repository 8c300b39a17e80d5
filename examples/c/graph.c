/* graph.c -- a graph of tasks: two arrays are read at once, and added when both are there.
 *
 * `add` gets what the other two return, without this program waiting for them: an object as an argument is a
 * dependency, and the bytes go from task to task.
 */
#include <string.h>

#include "example.h"

enum { NUMBERS = 50000 };

/* Stands for reading a file: the numbers 0, k, 2k, ... */
static int read_array(struct raysim_context *context)
{
  const int *step = raysim_arg(context, 0, NULL);
  int *numbers = raysim_return_room(context, 0, NUMBERS * sizeof *numbers);
  for (int i = 0; numbers && i < NUMBERS; i++)
    numbers[i] = i * *step;
  return numbers ? 0 : 1;
}

static int add(struct raysim_context *context)
{
  const int *a = raysim_arg(context, 0, NULL), *b = raysim_arg(context, 1, NULL);
  int *sum = raysim_return_room(context, 0, NUMBERS * sizeof *sum);
  for (int i = 0; sum && i < NUMBERS; i++)
    sum[i] = a[i] + b[i];
  return sum ? 0 : 1;
}

void raysim_register_functions(void)
{
  raysim_register("read_array", read_array);
  raysim_register("add", add);
}

int main(void)
{
  struct raysim *ray = example_start(2);
  int two = 2, three = 3;
  raysim_ref a = raysim_submit(ray, "read_array", RAYSIM_ARGS(RAYSIM_VALUE(two)), NULL);
  raysim_ref b = raysim_submit(ray, "read_array", RAYSIM_ARGS(RAYSIM_VALUE(three)), NULL);
  raysim_ref sum = raysim_submit(ray, "add", RAYSIM_ARGS(raysim_object(a), raysim_object(b)), NULL);
  raysim_release(ray, a); /* the task still reads them: they go when it has ended */
  raysim_release(ray, b);
  struct raysim_value value = example_get(ray, sum);
  const int *numbers = value.bytes;
  printf("%zu numbers, the last one is %d\n", value.size / sizeof *numbers, numbers[NUMBERS - 1]);
  raysim_value_free(&value);
  raysim_release(ray, sum);
  raysim_shutdown(ray);
  return 0;
}
