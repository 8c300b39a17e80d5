/* parameter_server.c -- an actor keeps the parameters of a model; workers ask it for them, and send it gradients.
 *
 * The workers are tasks. Each gets the server's handle as a reference, and calls it by itself, so the parameters never
 * pass through this program. They fit y = 3 x - 1 to points; the step is small, because gradients come late.
 */
#include <string.h>

#include "example.h"

enum { WORKERS = 4, STEPS = 400, POINTS = 50 };

struct model {
  double slope, offset;
};

/* ---- the server ---- */

static int create(struct raysim_context *context)
{
  raysim_set_self(context, calloc(1, sizeof(struct model)));
  return raysim_self(context) ? 0 : 1;
}

static int pull(struct raysim_context *context)
{
  return raysim_return(context, 0, raysim_self(context), sizeof(struct model));
}

static int push(struct raysim_context *context)
{
  struct model *model = raysim_self(context);
  const struct model *gradient = raysim_arg(context, 0, NULL);
  model->slope -= 0.05 * gradient->slope;
  model->offset -= 0.05 * gradient->offset;
  return raysim_return(context, 0, model, sizeof *model);
}

/* ---- a worker: its points lie in one part of the range ---- */

static int train(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  raysim_actor server = {raysim_arg_ref(context, 0)};
  const int *part = raysim_arg(context, 1, NULL);
  raysim_ref call = raysim_call(ray, server, "pull", NULL, 0, NULL);
  for (int step = 0; step < STEPS; step++) {
    struct raysim_value value;
    if (raysim_get(ray, call, RAYSIM_FOREVER, &value) != 0)
      return raysim_fail(context, "the server: %s", value.error ? value.error->message : "no answer");
    struct model model = *(const struct model *)value.bytes, gradient = {0, 0};
    raysim_value_free(&value);
    raysim_release(ray, call);
    for (int i = 0; i < POINTS; i++) {
      double x = (*part * POINTS + i) / (double)(WORKERS * POINTS),
             error = model.slope * x + model.offset - (3 * x - 1);
      gradient.slope += 2 * error * x / POINTS;
      gradient.offset += 2 * error / POINTS;
    }
    call = raysim_call(ray, server, "push", RAYSIM_ARGS(RAYSIM_VALUE(gradient)), NULL); /* returns the new parameters */
  }
  raysim_release(ray, call);
  return 0;
}

void raysim_register_functions(void)
{
  static const struct raysim_method methods[] = {{.name = "pull", .function = pull},
                                                 {.name = "push", .function = push}};
  static const struct raysim_class server = {
      .name = "Server", .create = create, .destroy = free, .methods = methods, .method_count = 2};
  raysim_register_actor(&server);
  raysim_register("train", train);
}

int main(void)
{
  struct raysim *ray = example_start(WORKERS);
  raysim_actor server = raysim_actor_create(ray, "Server", NULL, 0, NULL);
  raysim_ref workers[WORKERS];
  for (int i = 0; i < WORKERS; i++)
    workers[i] = raysim_submit(ray, "train", RAYSIM_ARGS(raysim_reference(&server.ref), RAYSIM_VALUE(i)), NULL);
  for (int i = 0; i < WORKERS; i++) {
    struct raysim_value value = example_get(ray, workers[i]);
    raysim_value_free(&value);
    raysim_release(ray, workers[i]);
  }
  raysim_ref last = raysim_call(ray, server, "pull", NULL, 0, NULL);
  struct raysim_value value = example_get(ray, last);
  const struct model *model = value.bytes;
  printf("y = %.1f x %+.1f\n", model->slope, model->offset);
  raysim_value_free(&value);
  raysim_release(ray, last);
  raysim_release(ray, server.ref);
  raysim_shutdown(ray);
  return 0;
}
