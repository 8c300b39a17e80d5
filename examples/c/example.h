/* example.h -- what the examples share: a program that cannot start, or whose task has failed, says why and ends. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>

#include "raysim.h"

static inline struct raysim *example_start(double num_cpus)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = num_cpus};
  if (raysim_init(&options, &ray) == 0)
    return ray;
  fprintf(stderr, "%s\n", raysim_last_error());
  exit(1);
}

/* Waits for the object; the value is to be freed. */
static inline struct raysim_value example_get(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, RAYSIM_FOREVER, &value);
  if (rc == 0)
    return value;
  fprintf(stderr, "%s: %s\n", raysim_error_text(rc), value.error ? value.error->message : raysim_last_error());
  exit(1);
}

#endif
