/* gang.c -- a placement group: a gang of tasks that must run at the same time, each on a node of its own.
 *
 * Four nodes are started. The group takes one CPU of each of three of them, all or none; its tasks find their CPU at
 * once, however busy the cluster is with other work.
 */
#include <time.h>

#include "example.h"

enum { GANG = 3, OTHERS = 20 };

static int node_of(struct raysim_context *context)
{
  uint32_t node = raysim_node(context);
  return raysim_return(context, 0, &node, sizeof node);
}

static int busy(struct raysim_context *context)
{
  (void)context;
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  return 0;
}

void raysim_register_functions(void)
{
  raysim_register("node_of", node_of);
  raysim_register("busy", busy);
}

int main(void)
{
  struct raysim *ray;
  struct raysim_options four_nodes = {.nodes = 4, .num_cpus = 2};
  if (raysim_init(&four_nodes, &ray) != 0) {
    fprintf(stderr, "%s\n", raysim_last_error());
    return 1;
  }
  struct raysim_demand bundles[GANG] = {{.num_cpus = 1}, {.num_cpus = 1}, {.num_cpus = 1}};
  struct raysim_group_options apart = {.strategy = RAYSIM_STRICT_SPREAD, .name = "gang"};
  raysim_group group = raysim_group_create(ray, bundles, GANG, &apart);
  uint32_t nodes[GANG];
  if (raysim_group_wait(ray, group, 10000) != 0 || raysim_group_nodes(ray, group, nodes, GANG) != GANG) {
    fprintf(stderr, "%s\n", raysim_last_error());
    return 1;
  }
  raysim_ref others[OTHERS];
  raysim_submit_many(ray, "busy", NULL, 0, NULL, OTHERS, others);
  int right = 0;
  for (int i = 0; i < GANG; i++) {
    struct raysim_task_options options = {
        .demand = {.strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = group, .bundle = RAYSIM_BUNDLE(i)}}};
    raysim_ref ref = raysim_submit(ray, "node_of", NULL, 0, &options);
    struct raysim_value value = example_get(ray, ref);
    right += *(const uint32_t *)value.bytes == nodes[i];
    raysim_value_free(&value);
    raysim_release(ray, ref);
  }
  printf("%d of %d tasks ran in their bundles, ", right, GANG);
  printf("%s\n",
         nodes[0] != nodes[1] && nodes[1] != nodes[2] && nodes[0] != nodes[2] ? "on different nodes" : "together");
  raysim_group_remove(ray, group);
  int gone = raysim_group_wait(ray, group, 10000);
  printf("then %s\n", raysim_error_text(gone));
  for (int i = 0; i < OTHERS; i++)
    raysim_release(ray, others[i]);
  raysim_shutdown(ray);
  return 0;
}
