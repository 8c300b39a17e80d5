/* counter.c -- an actor: a process with a state, whose methods are called from elsewhere. */
#include "example.h"

static int create(struct raysim_context *context)
{
  int *count = calloc(1, sizeof *count);
  raysim_set_self(context, count);
  return count ? 0 : raysim_fail(context, "no memory");
}

static int increment(struct raysim_context *context)
{
  int *count = raysim_self(context);
  ++*count;
  return raysim_return(context, 0, count, sizeof *count);
}

void raysim_register_functions(void)
{
  static const struct raysim_method methods[] = {{.name = "increment", .function = increment}};
  static const struct raysim_class counter = {
      .name = "Counter", .create = create, .destroy = free, .methods = methods, .method_count = 1};
  raysim_register_actor(&counter);
}

int main(void)
{
  enum { CALLS = 5 };
  struct raysim *ray = example_start(2);
  raysim_actor counter = raysim_actor_create(ray, "Counter", NULL, 0, NULL);
  raysim_ref calls[CALLS];
  for (int i = 0; i < CALLS; i++)
    calls[i] = raysim_call(ray, counter, "increment", NULL, 0, NULL);
  for (int i = 0; i < CALLS; i++) {
    struct raysim_value value = example_get(ray, calls[i]);
    printf("%d\n", *(const int *)value.bytes);
    raysim_value_free(&value);
    raysim_release(ray, calls[i]);
  }
  raysim_release(ray, counter.ref); /* the last handle: the actor ends */
  raysim_shutdown(ray);
  return 0;
}
