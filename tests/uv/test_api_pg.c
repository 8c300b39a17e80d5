/* Placement groups through the public API, on a real cluster of three nodes. */
#include "api/raysim.h"

#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000, NODES = 3 };

static struct raysim *start(void)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = 2, .nodes = NODES, .load = LIBRARY};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

static raysim_group group_of(struct raysim *ray, size_t bundles, double cpus,
                             const struct raysim_group_options *options)
{
  struct raysim_demand demands[8] = {{0}};
  for (size_t i = 0; i < bundles; i++)
    demands[i].num_cpus = cpus;
  return raysim_group_create(ray, demands, bundles, options);
}

static struct raysim_task_options in_group(raysim_group group, int bundle, double cpus)
{
  return (struct raysim_task_options){
      .demand = {.num_cpus = cpus, .strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = group, .bundle = bundle}}};
}

static uint32_t node_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  uint32_t node = UINT32_MAX;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (rc != 0)
    printf("\n    %s: %s\n", raysim_error_text(rc), value.error ? value.error->message : "");
  CHECK_EQ(rc, 0);
  memcpy(&node, value.bytes, sizeof node);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return node;
}

static int error_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

/* Until the head has heard that all CPUs are free again. */
static void all_is_back(struct raysim *ray)
{
  struct raysim_resources total, available = {0};
  CHECK_EQ(raysim_cluster_resources(ray, &total), 0);
  for (int i = 0; i < 100 && available.num_cpus < total.num_cpus; i++) {
    CHECK_EQ(raysim_available_resources(ray, &available), 0);
    usleep(50000);
  }
  CHECK_NEAR(available.num_cpus, total.num_cpus, 0.001);
}

static void bundles_are_where_their_tasks_run(void)
{
  struct raysim *ray = start();
  struct raysim_group_options apart = {.strategy = RAYSIM_STRICT_SPREAD};
  raysim_group group = group_of(ray, NODES, 1, &apart);
  CHECK(!raysim_group_is_none(group));
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), 0);
  uint32_t nodes[NODES];
  CHECK_EQ(raysim_group_nodes(ray, group, nodes, NODES), NODES);
  CHECK(nodes[0] != nodes[1] && nodes[1] != nodes[2] && nodes[0] != nodes[2]);
  for (int i = 0; i < NODES; i++) {
    struct raysim_task_options options = in_group(group, RAYSIM_BUNDLE(i), 1);
    CHECK_EQ(node_of(ray, raysim_submit(ray, "test.where", NULL, 0, &options)), nodes[i]);
  }
  struct raysim_resources available;
  for (int i = 0; i < 100; i++) {
    CHECK_EQ(raysim_available_resources(ray, &available), 0);
    if (available.num_cpus < 3.5)
      break;
    usleep(50000);
  }
  CHECK_NEAR(available.num_cpus, 3, 0.001);
  struct raysim_task_options large = in_group(group, 0, 2), beyond = in_group(group, RAYSIM_BUNDLE(7), 1);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "test.where", NULL, 0, &large)), RAYSIM_ERR_GROUP_TOO_SMALL);
  CHECK(raysim_is_none(raysim_submit(ray, "test.where", NULL, 0, &beyond)) &&
        strstr(raysim_last_error(), "no bundle 7"));
  CHECK_EQ(raysim_group_remove(ray, group), 0);
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), RAYSIM_ERR_GROUP_REMOVED);
  all_is_back(ray);
  raysim_shutdown(ray);
}

static void groups_wait_and_go(void)
{
  struct raysim *ray = start();
  struct raysim_group_options together = {.strategy = RAYSIM_STRICT_PACK};
  raysim_group never = group_of(ray, 3, 1, &together), fits = group_of(ray, 2, 1, &together);
  CHECK_EQ(raysim_group_wait(ray, never, 300), RAYSIM_ERR_TIMED_OUT);
  CHECK_EQ(raysim_group_wait(ray, fits, LIMIT), 0);
  struct raysim_task_options options = in_group(fits, 0, 1), late = in_group(never, 0, 1);
  int ms = 30000;
  raysim_ref waits = raysim_submit(ray, "test.where", NULL, 0, &late);
  raysim_ref runs = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &options);
  usleep(300000);
  CHECK_EQ(raysim_group_remove(ray, never), 0);
  CHECK_EQ(raysim_group_remove(ray, fits), 0);
  CHECK_EQ(error_of(ray, waits), RAYSIM_ERR_GROUP_REMOVED);
  CHECK_EQ(error_of(ray, runs), RAYSIM_ERR_GROUP_REMOVED); /* its retries find the group gone */
  all_is_back(ray);
  raysim_shutdown(ray);
}

static void groups_have_names(void)
{
  struct raysim *ray = start();
  struct raysim_group_options named = {.name = "workers"};
  raysim_group group = group_of(ray, 1, 1, &named), found, twin;
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), 0);
  found = raysim_group_find(ray, "workers", LIMIT);
  CHECK(memcmp(&found, &group, sizeof group) == 0);
  twin = group_of(ray, 1, 1, &named);
  CHECK_EQ(raysim_group_wait(ray, twin, LIMIT), RAYSIM_ERR_NAME_TAKEN);
  CHECK(raysim_group_is_none(raysim_group_find(ray, "nobody", LIMIT)));
  CHECK(strstr(raysim_last_error(), "no such placement group"));
  struct raysim_demand nothing = {0};
  CHECK(raysim_group_is_none(raysim_group_create(ray, &nothing, 1, NULL)));
  CHECK(strstr(raysim_last_error(), "bundle 0 asks for nothing"));
  raysim_shutdown(ray);
}

static void children_go_into_the_group(void)
{
  enum { CHILDREN = 7 };
  struct raysim *ray = start();
  struct raysim_group_options together = {.strategy = RAYSIM_STRICT_PACK};
  raysim_group group = group_of(ray, 2, 1, &together);
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), 0);
  uint32_t home;
  CHECK_EQ(raysim_group_nodes(ray, group, &home, 1), 2);
  struct raysim_task_options options = in_group(group, RAYSIM_BUNDLE(0), 1);
  options.demand.strategy.capture = 1;
  int count = CHILDREN;
  raysim_ref parent = raysim_submit(ray, "test.where_children", RAYSIM_ARGS(RAYSIM_VALUE(count)), &options);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, parent, LIMIT, &value), 0);
  CHECK_EQ(value.size, CHILDREN * sizeof(uint32_t));
  const uint32_t *nodes = value.bytes;
  for (int i = 0; i + 1 < CHILDREN; i++)
    CHECK_EQ(nodes[i], home);
  CHECK(nodes[CHILDREN - 1] != home); /* both CPUs of that node are the group's */
  raysim_value_free(&value);
  raysim_release(ray, parent);
  raysim_shutdown(ray);
}

static void actors_live_in_bundles(void)
{
  struct raysim *ray = start();
  struct raysim_group_options apart = {.strategy = RAYSIM_STRICT_SPREAD};
  raysim_group group = group_of(ray, NODES, 1, &apart);
  raysim_actor actors[NODES];
  int one = 1;
  for (int i = 0; i < NODES; i++) {
    struct raysim_actor_options options = {
        .demand = {.num_cpus = 1, .strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = group}}};
    actors[i] = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(one)), &options);
  }
  for (int i = 0; i < NODES; i++)
    CHECK_EQ(node_of(ray, raysim_call(ray, actors[i], "add", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL)), 2);
  CHECK_EQ(raysim_group_remove(ray, group), 0);
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), RAYSIM_ERR_GROUP_REMOVED);
  for (int i = 0; i < NODES; i++) {
    raysim_ref call = {{0}};
    int rc = 0;
    for (int k = 0; k < 100 && rc == 0; k++) { /* until it has heard */
      call = raysim_call(ray, actors[i], "add", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL);
      rc = error_of(ray, call);
      usleep(20000);
    }
    CHECK_EQ(rc, RAYSIM_ERR_ACTOR_DIED);
    raysim_release(ray, actors[i].ref);
  }
  all_is_back(ray);
  raysim_shutdown(ray);
}

/* Every CPU is with a task that waits for a group of two: it lends its own meanwhile. */
static void tasks_wait_for_groups(void)
{
  struct raysim *ray = start();
  struct raysim_task_options options = {.demand = {.num_cpus = 2}};
  raysim_ref refs[NODES];
  for (int i = 0; i < NODES; i++)
    refs[i] = raysim_submit(ray, "test.group_of_two", NULL, 0, &options);
  for (int i = 0; i < NODES; i++)
    CHECK(node_of(ray, refs[i]) < NODES);
  all_is_back(ray);
  raysim_shutdown(ray);
}

const struct rs_test rs_tests[] = {
    {"bundles are where their tasks run", bundles_are_where_their_tasks_run},
    {"groups wait and go", groups_wait_and_go},
    {"groups have names", groups_have_names},
    {"children go into the group", children_go_into_the_group},
    {"actors live in bundles", actors_live_in_bundles},
    {"tasks wait for groups", tasks_wait_for_groups},
    {0},
};
