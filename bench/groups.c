/* groups.c -- how many placement groups a second a local cluster makes and removes (Ray's release test has 1,000).
 *
 *     groups [NODES [GROUPS]]      default: 8 nodes, 1,000 groups
 *
 * Prints one JSON object: groups of one bundle made one after the other (each waited for), groups of two bundles on two
 * nodes asked for at once, and removals, a second each. Everything is real: processes, sockets, both phases.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/raysim.h"

void raysim_register_functions(void) {}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double one_by_one(struct raysim *ray, raysim_group *groups, int count)
{
  struct raysim_demand bundle = {.num_cpus = 1};
  double begin = now();
  for (int i = 0; i < count; i++) {
    groups[i] = raysim_group_create(ray, &bundle, 1, NULL);
    if (raysim_group_wait(ray, groups[i], 10000) != 0)
      return 0;
  }
  return count / (now() - begin);
}

static double at_once(struct raysim *ray, raysim_group *groups, int count)
{
  struct raysim_demand bundles[2] = {{.num_cpus = 1}, {.num_cpus = 1}};
  struct raysim_group_options apart = {.strategy = RAYSIM_STRICT_SPREAD};
  double begin = now();
  for (int i = 0; i < count; i++)
    groups[i] = raysim_group_create(ray, bundles, 2, &apart);
  for (int i = 0; i < count; i++)
    if (raysim_group_wait(ray, groups[i], 10000) != 0)
      return 0;
  return count / (now() - begin);
}

static double removals(struct raysim *ray, const raysim_group *groups, int count)
{
  double begin = now();
  for (int i = 0; i < count; i++)
    raysim_group_remove(ray, groups[i]);
  for (int i = 0; i < count; i++)
    raysim_group_wait(ray, groups[i], 10000);
  return count / (now() - begin);
}

int main(int argc, char **argv)
{
  int nodes = argc > 1 ? atoi(argv[1]) : 8, count = argc > 2 ? atoi(argv[2]) : 1000;
  if (nodes < 2 || nodes > 64 || count < 1 || count > 100000) {
    fprintf(stderr, "usage: %s [NODES [GROUPS]]   (2 to 64 nodes, at most 100000 groups)\n", argv[0]);
    return 2;
  }
  struct raysim *ray;
  struct raysim_options options = {.nodes = (uint32_t)nodes, .num_cpus = 2.0 * count};
  if (raysim_init(&options, &ray) != 0) {
    fprintf(stderr, "%s\n", raysim_last_error());
    return 1;
  }
  raysim_group *groups = calloc((size_t)count, sizeof *groups);
  double single = one_by_one(ray, groups, count), gone = removals(ray, groups, count);
  nanosleep(&(struct timespec){.tv_sec = 1}, NULL); /* what was given back is reported */
  double many = at_once(ray, groups, count);
  printf("{\"nodes\": %d, \"groups\": %d, \"sync_per_s\": %.0f, \"async_2_bundles_per_s\": %.0f, \"removed_per_s\": "
         "%.0f}\n",
         nodes, count, single, many, gone);
  free(groups);
  raysim_shutdown(ray);
  return single > 0 && many > 0 ? 0 : 1;
}
