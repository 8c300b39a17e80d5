/* matrix.c -- a large object is put once, and read in place by every task that gets it. */
#include "example.h"

enum { SIZE = 1000, TASKS = 4 };

/* The sum of one band of rows. */
static int sum_rows(struct raysim_context *context)
{
  const double *matrix = raysim_arg(context, 0, NULL);
  const int *band = raysim_arg(context, 1, NULL);
  double sum = 0;
  for (int i = *band * SIZE / TASKS * SIZE; i < (*band + 1) * SIZE / TASKS * SIZE; i++)
    sum += matrix[i];
  return raysim_return(context, 0, &sum, sizeof sum);
}

void raysim_register_functions(void)
{
  raysim_register("sum_rows", sum_rows);
}

int main(void)
{
  struct raysim *ray = example_start(2);
  struct raysim_buffer buffer; /* room of the object store, written in place */
  if (raysim_create(ray, sizeof(double) * SIZE * SIZE, RAYSIM_FOREVER, &buffer) != 0) {
    fprintf(stderr, "%s\n", raysim_last_error());
    return 1;
  }
  double *matrix = buffer.bytes;
  for (int i = 0; i < SIZE * SIZE; i++)
    matrix[i] = i % SIZE;
  raysim_ref object = raysim_seal(ray, &buffer, NULL, 0), sums[TASKS];
  for (int i = 0; i < TASKS; i++)
    sums[i] = raysim_submit(ray, "sum_rows", RAYSIM_ARGS(raysim_object(object), RAYSIM_VALUE(i)), NULL);
  double total = 0;
  for (int i = 0; i < TASKS; i++) {
    struct raysim_value value = example_get(ray, sums[i]);
    total += *(const double *)value.bytes;
    raysim_value_free(&value);
    raysim_release(ray, sums[i]);
  }
  raysim_release(ray, object);
  printf("the sum of %d x %d numbers is %.0f\n", SIZE, SIZE, total);
  raysim_shutdown(ray);
  return 0;
}
