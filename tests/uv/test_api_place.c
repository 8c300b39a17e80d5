/* Where tasks run, and what becomes of those that cannot, through the public API: labels, affinity, topology, capture,
 * what is fetched, what is cancelled, what is retried, references inside values, and errors of lost nodes. */
#include "api/raysim.h"

#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000, NODES = 3 };

/* Node 0: zone a, rack 1. Of the others, which get their numbers as they come: one in zone b, rack 1, with GPUs; one in
 * rack 2 without a zone. */
static struct raysim *start(struct rs_uv_cluster **cluster)
{
  static const char *const labels[NODES][6] = {
      {"zone", "a", "rack", "1"}, {"zone", "b", "rack", "1", "gpu", "yes"}, {"rack", "2"}};
  struct rs_node_info *infos[NODES];
  char error[RS_UV_ERROR_MAX] = "";
  for (int i = 0; i < NODES; i++) {
    struct rs_res total = {.cpu_e4 = 2 * RS_ONE_E4, .memory_bytes = 1 << 30, .gpu_count = i == 1 ? 2 : 0};
    total.gpu_e4[0] = total.gpu_e4[1] = i == 1 ? RS_ONE_E4 : 0;
    infos[i] = rs_node_info_new(&total);
    infos[i]->node_type = UINT32_MAX;
    for (int k = 0; k < 6 && labels[i][k]; k += 2)
      CHECK(rs_node_info_add_label(infos[i], labels[i][k], labels[i][k + 1]));
  }
  struct rs_uv_cluster_options options = {.node_count = NODES, .infos = infos, .load = LIBRARY};
  int rc = rs_uv_local_cluster_start(&options, cluster, error);
  if (rc != 0)
    printf("\n    %s\n", error);
  CHECK_EQ(rc, 0);
  for (int i = 0; i < NODES; i++)
    rs_node_info_unref(infos[i]);
  struct raysim *ray = NULL;
  struct raysim_options attach = {.address = rs_uv_cluster_session(*cluster)};
  CHECK_EQ(raysim_init(&attach, &ray), 0);
  return ray;
}

static void stop(struct raysim *ray, struct rs_uv_cluster *cluster)
{
  raysim_shutdown(ray);
  local_stop(cluster);
}

static int int_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int number = -1, rc = raysim_get(ray, ref, LIMIT, &value);
  if (rc != 0)
    printf("\n    %s: %s\n", raysim_error_text(rc), value.error ? value.error->message : "");
  CHECK_EQ(rc, 0);
  if (rc == 0)
    memcpy(&number, value.bytes, sizeof number);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return number;
}

static int error_of(struct raysim *ray, raysim_ref ref, int64_t timeout_ms)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, timeout_ms, &value);
  raysim_value_free(&value);
  return rc;
}

static raysim_ref where(struct raysim *ray, const struct raysim_demand *demand)
{
  struct raysim_task_options options = {.demand = *demand};
  return raysim_submit(ray, "about.where", NULL, 0, &options);
}

static raysim_ref with_labels(struct raysim *ray, const struct raysim_label_rule *rules, size_t count, int soft)
{
  struct raysim_demand demand = {.labels = rules, .label_count = count, .labels_soft = soft};
  return where(ray, &demand);
}

static void labels(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_label_rule in_b[] = {{"zone", "b", RAYSIM_LABEL_IN, 0}};
  struct raysim_label_rule either[] = {{"rack", "2", RAYSIM_LABEL_IN, 0}, {"rack", "3", RAYSIM_LABEL_IN, 0}};
  struct raysim_label_rule not_in[] = {{"zone", "a", RAYSIM_LABEL_NOT_IN, 0}, {"zone", "b", RAYSIM_LABEL_NOT_IN, 0}};
  struct raysim_label_rule exists[] = {{"gpu", NULL, RAYSIM_LABEL_EXISTS, 0}};
  struct raysim_label_rule not_exists[] = {{"zone", NULL, RAYSIM_LABEL_NOT_EXISTS, 0}};
  struct raysim_label_rule nowhere[] = {{"zone", "z", RAYSIM_LABEL_IN, 0}};
  struct raysim_label_rule fallback[] = {{"zone", "z", RAYSIM_LABEL_IN, 0}, {"zone", "b", RAYSIM_LABEL_IN, 1}};
  struct raysim_label_rule in_a[] = {{"zone", "a", RAYSIM_LABEL_IN, 0}};
  int zone_b = int_of(ray, with_labels(ray, in_b, 1, 0));
  CHECK(zone_b == 1 || zone_b == 2);
  CHECK_EQ(int_of(ray, with_labels(ray, in_a, 1, 0)), 0);
  CHECK_EQ(int_of(ray, with_labels(ray, either, 2, 0)), 3 - zone_b);
  CHECK_EQ(int_of(ray, with_labels(ray, not_in, 2, 0)), 3 - zone_b);
  CHECK_EQ(int_of(ray, with_labels(ray, exists, 1, 0)), zone_b);
  CHECK_EQ(int_of(ray, with_labels(ray, not_exists, 1, 0)), 3 - zone_b);
  CHECK_EQ(int_of(ray, with_labels(ray, fallback, 2, 0)), zone_b);
  CHECK(int_of(ray, with_labels(ray, nowhere, 1, 1)) >= 0); /* soft: some node */
  raysim_ref waits = with_labels(ray, nowhere, 1, 0);       /* a node of that zone may come */
  CHECK_EQ(error_of(ray, waits, 300), RAYSIM_ERR_TIMED_OUT);
  CHECK_EQ(raysim_cancel(ray, waits, 0), 0);
  CHECK_EQ(error_of(ray, waits, LIMIT), RAYSIM_ERR_CANCELLED);
  stop(ray, cluster);
}

static void affinity(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  for (uint32_t node = 0; node < NODES; node++) {
    struct raysim_demand hard = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = node}};
    struct raysim_demand soft = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = node, .soft = 1}};
    CHECK_EQ(int_of(ray, where(ray, &hard)), node);
    CHECK_EQ(int_of(ray, where(ray, &soft)), node);
  }
  struct raysim_demand strange = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 77}};
  CHECK_EQ(error_of(ray, where(ray, &strange), LIMIT), RAYSIM_ERR_INFEASIBLE);
  strange.strategy.soft = 1;
  CHECK(int_of(ray, where(ray, &strange)) < NODES);
  struct raysim_demand large = {.num_cpus = 3, .strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 1}};
  CHECK_EQ(error_of(ray, where(ray, &large), LIMIT), RAYSIM_ERR_INFEASIBLE);
  stop(ray, cluster);
}

static void gpus(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_task_options two = {.demand = {.num_gpus = 2}}, none = {.demand = {.num_gpus = 0}};
  struct raysim_value value;
  raysim_ref task = raysim_submit(ray, "about.devices", NULL, 0, &two);
  CHECK_EQ(raysim_get(ray, task, LIMIT, &value), 0);
  CHECK_EQ(((const int *)value.bytes)[0], 2);
  CHECK_EQ(((const int *)value.bytes)[1], 0);
  raysim_value_free(&value);
  raysim_release(ray, task);
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.devices", NULL, 0, &none)), 0);
  stop(ray, cluster);
}

static void groups(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_demand bundles[2] = {{.num_cpus = 2}, {.num_cpus = 2}};
  struct raysim_group_options by_rack = {.topology = "rack"}, by_none = {.topology = "floor"};
  raysim_group group = raysim_group_create(ray, bundles, 2, &by_rack);
  uint32_t nodes[2];
  CHECK_EQ(raysim_group_wait(ray, group, LIMIT), 0);
  CHECK_EQ(raysim_group_nodes(ray, group, nodes, 2), 2);
  struct raysim_label_rule rack_2 = {"rack", "2", RAYSIM_LABEL_IN, 0};
  struct raysim_demand outside = {
      .labels = &rack_2, .label_count = 1, .num_cpus = 1, .strategy = {.kind = RAYSIM_NO_GROUP}};
  uint32_t other = (uint32_t)int_of(ray, where(ray, &outside));
  CHECK(nodes[0] != nodes[1] && nodes[0] != other && nodes[1] != other); /* both in rack 1 */
  int children = 1;
  struct raysim_task_options inside = {
      .demand = {.strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = group, .capture = 1}}};
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.in_group", RAYSIM_ARGS(RAYSIM_VALUE(group), RAYSIM_VALUE(children)),
                                     &inside)),
           11);
  inside.demand.strategy.capture = 0;
  children = 0;
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.in_group", RAYSIM_ARGS(RAYSIM_VALUE(group), RAYSIM_VALUE(children)),
                                     &inside)),
           0);
  CHECK_EQ(raysim_group_remove(ray, group), 0);
  raysim_group nowhere = raysim_group_create(ray, bundles, 1, &by_none);
  CHECK_EQ(raysim_group_wait(ray, nowhere, 300), RAYSIM_ERR_TIMED_OUT);
  raysim_group strange;
  memset(&strange, 0, sizeof strange);
  strange.id[0] = 9;
  strange.id[27] = 4;
  CHECK_EQ(raysim_group_wait(ray, strange, LIMIT), RAYSIM_ERR_GROUP_UNKNOWN);
  inside.demand.strategy.group = strange;
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.where", NULL, 0, &inside), LIMIT), RAYSIM_ERR_GROUP_UNKNOWN);
  inside.demand.strategy.group = group;
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.where", NULL, 0, &inside), LIMIT), RAYSIM_ERR_GROUP_REMOVED);
  stop(ray, cluster);
}

/* A wait without fetching does not bring the object here, one with it does. */
static void fetching(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_task_options there = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 1}}};
  raysim_ref made = raysim_submit(ray, "about.megabyte", NULL, 0, &there);
  uint8_t ready = 0;
  CHECK_EQ(raysim_wait(ray, &made, 1, 1, LIMIT, RAYSIM_NO_FETCH, &ready), 1);
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error), 0);
  kill(status.nodes[1].pid, SIGSTOP); /* it cannot be had now, but is made */
  CHECK_EQ(raysim_wait(ray, &made, 1, 1, LIMIT, RAYSIM_NO_FETCH, &ready), 1);
  CHECK_EQ(raysim_wait(ray, &made, 1, 1, 300, 0, &ready), 0);
  kill(status.nodes[1].pid, SIGCONT);
  CHECK_EQ(raysim_wait(ray, &made, 1, 1, LIMIT, 0, &ready), 1);
  rs_uv_status_free(&status);
  raysim_release(ray, made);
  stop(ray, cluster);
}

static void said(struct raysim *ray, const char *expected)
{
  char text[32] = "";
  for (int i = 0; i < 400 && strcmp(text, expected) != 0; i++) {
    void *bytes = NULL;
    size_t size;
    if (raysim_kv_get(ray, "about", "child", &bytes, &size) == 0)
      snprintf(text, sizeof text, "%s", (const char *)bytes);
    free(bytes);
    local_pause_ms(10);
  }
  if (strcmp(text, expected) != 0)
    printf("\n    the child says \"%s\"\n", text);
  CHECK(strcmp(text, expected) == 0);
}

static void cancelling_children(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  for (int recursive = 0; recursive < 2; recursive++) {
    CHECK(raysim_kv_put(ray, "about", "child", "", 0, 1) >= 0);
    raysim_ref parent = raysim_submit(ray, "about.parent", NULL, 0, NULL);
    said(ray, "begun");
    CHECK_EQ(raysim_cancel(ray, parent, recursive ? 0 : RAYSIM_NOT_RECURSIVE), 0);
    said(ray, recursive ? "cancelled" : "ended");
    CHECK_EQ(error_of(ray, parent, LIMIT), RAYSIM_ERR_CANCELLED);
    raysim_release(ray, parent);
  }
  stop(ray, cluster);
}

/* A call that runs is told that it is cancelled, on the actor's one thread or on one of several; the actor lives on. */
static void cancelling_calls(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  for (int threads = 1; threads <= 2; threads++) {
    raysim_actor actor =
        raysim_actor_create(ray, "about.Actor", NULL, 0, &(struct raysim_actor_options){.max_concurrency = threads});
    for (int i = 0; i < 2; i++) {
      CHECK(raysim_kv_put(ray, "about", "child", "", 0, 1) >= 0);
      raysim_ref call = raysim_call(ray, actor, "patient", NULL, 0, NULL);
      said(ray, "begun");
      CHECK_EQ(raysim_cancel(ray, call, RAYSIM_FORCE), RAYSIM_ERR_INVALID);
      CHECK(strstr(raysim_last_error(), "cannot be ended by force"));
      CHECK_EQ(raysim_cancel(ray, call, 0), 0);
      said(ray, "cancelled");
      CHECK_EQ(error_of(ray, call, LIMIT), RAYSIM_ERR_CANCELLED);
      CHECK_EQ(raysim_cancel(ray, call, RAYSIM_FORCE), 0); /* nothing happens to one that has ended */
      raysim_release(ray, call);
    }
    raysim_release(ray, actor.ref);
  }
  stop(ray, cluster);
}

/* A task that waits for an object or an item, and a call, are woken: the child is not cancelled here, and takes long.
 */
static void cancelled_waits_end(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  raysim_actor actor = raysim_actor_create(ray, "about.Actor", NULL, 0, NULL);
  for (int kind = 0; kind < 6; kind++) {
    int of = kind % 3;
    CHECK(raysim_kv_put(ray, "about", "child", "", 0, 1) >= 0);
    raysim_ref task = kind < 3 ? raysim_submit(ray, "about.waits", RAYSIM_ARGS(RAYSIM_VALUE(of)), NULL)
                               : raysim_call(ray, actor, "waits", RAYSIM_ARGS(RAYSIM_VALUE(of)), NULL);
    said(ray, "begun");
    local_pause_ms(50);
    CHECK_EQ(raysim_cancel(ray, task, RAYSIM_NOT_RECURSIVE), 0);
    CHECK_EQ(error_of(ray, task, 2000), RAYSIM_ERR_CANCELLED);
    said(ray, "-6 1");
    raysim_release(ray, task);
  }
  raysim_release(ray, actor.ref);
  stop(ray, cluster);
}

static void retries(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_task_options errors = {.retry_exceptions = 1}, once = {.retry_exceptions = 1, .max_retries = 1},
                             always = {.max_retries = RAYSIM_UNLIMITED, .retry_exceptions = 1};
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.fail_first", NULL, 0, NULL), LIMIT), RAYSIM_ERR_TASK_FAILED);
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.fail_first", NULL, 0, &errors)), 2);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.fail_first", NULL, 0, &once), LIMIT), RAYSIM_ERR_TASK_FAILED);
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.fail_first", NULL, 0, &always)), 2);
  CHECK_EQ(int_of(ray, raysim_submit(ray, "about.crash_first", NULL, 0, &always)), 2);
  stop(ray, cluster);
}

static void references_inside(void)
{
  enum { COUNT = 3 };
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_task_options there = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 2}}};
  static char bytes[300000];
  raysim_ref inner[COUNT];
  for (int i = 0; i < COUNT; i++)
    inner[i] = raysim_put(ray, bytes, 10 + (size_t)i);
  for (int large = 0; large < 2; large++) {
    struct raysim_data data = {bytes, large ? sizeof bytes : 10, inner, COUNT};
    struct raysim_value value;
    raysim_ref box = raysim_put_data(ray, &data);
    raysim_ref task = raysim_submit(ray, "about.inside", RAYSIM_ARGS(raysim_object(box)), &there);
    CHECK_EQ(raysim_get(ray, task, LIMIT, &value), 0);
    CHECK_EQ(((const size_t *)value.bytes)[0], COUNT);
    CHECK_EQ(((const size_t *)value.bytes)[1], 10 + 11 + 12);
    raysim_value_free(&value);
    raysim_release(ray, task);
    raysim_release(ray, box);
  }
  raysim_stream stream = raysim_submit_stream(ray, "about.items", NULL, 0, NULL, 1);
  raysim_ref item;
  for (int i = 0; i < 4; i++) {
    struct raysim_value value, inside;
    CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 1);
    CHECK_EQ(raysim_get(ray, item, LIMIT, &value), 0);
    CHECK_EQ(value.ref_count, 1);
    CHECK_EQ(raysim_get(ray, value.refs[0], LIMIT, &inside), 0);
    CHECK_EQ(inside.size, i % 2 ? 200000 : 1);
    raysim_value_free(&inside);
    raysim_value_free(&value);
    raysim_release(ray, item);
  }
  CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 0);
  raysim_stream_release(ray, stream);
  stop(ray, cluster);
}

/* Node 1 is killed: what only it had is lost, or made again where that is allowed. */
static void node_killed(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(&cluster);
  struct raysim_task_options hard = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 1}}}, soft = hard,
                             never = hard;
  soft.demand.strategy.soft = 1;
  never.demand.strategy.soft = 1;
  never.max_retries = RAYSIM_NONE;
  int ms = 20000;
  raysim_ref again = raysim_submit(ray, "about.megabyte", NULL, 0, &soft);
  raysim_ref lost = raysim_submit(ray, "about.megabyte", NULL, 0, &never);
  raysim_ref both[] = {again, lost};
  uint8_t ready[2];
  CHECK_EQ(raysim_wait(ray, both, 2, 2, LIMIT, RAYSIM_NO_FETCH, ready), 2);
  raysim_ref runs = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &never);
  local_pause_ms(300);
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error), 0);
  kill(status.nodes[1].pid, SIGKILL);
  rs_uv_status_free(&status);
  CHECK_EQ(error_of(ray, runs, LIMIT), RAYSIM_ERR_NODE_DIED);
  CHECK_EQ(error_of(ray, lost, LIMIT), RAYSIM_ERR_OBJECT_LOST);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.inside", RAYSIM_ARGS(raysim_object(lost)), NULL), LIMIT),
           RAYSIM_ERR_OBJECT_LOST);
  CHECK_EQ(error_of(ray, again, LIMIT), 0);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "about.where", NULL, 0, &hard), LIMIT), RAYSIM_ERR_INFEASIBLE);
  stop(ray, cluster);
}

/* More than a task can take along, and more than a store without a disk can hold. */
static void too_much(void)
{
  const char *here[] = {"automatic_object_spilling_enabled=0", "oom_grace_period_s=0"};
  struct raysim_options options = {
      .num_cpus = 1, .object_store_bytes = 8 << 20, .load = LIBRARY, .settings = here, .setting_count = 2};
  struct raysim *ray;
  CHECK_EQ(raysim_init(&options, &ray), 0);
  unsigned size = 16 << 20;
  raysim_ref large = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)), NULL);
  CHECK_EQ(error_of(ray, large, LIMIT), RAYSIM_ERR_STORE_FULL);
  struct raysim_buffer buffer;
  CHECK_EQ(raysim_create(ray, size, 5000, &buffer), RAYSIM_ERR_STORE_FULL);
  size_t count = 70000;
  raysim_ref one = raysim_put(ray, "x", 1), *many = malloc(count * sizeof *many);
  for (size_t i = 0; i < count; i++)
    many[i] = one;
  struct raysim_argument arg = {{NULL, 0, many, count}, {{0}}};
  raysim_ref none;
  CHECK_EQ(raysim_submit_many(ray, "about.inside", &arg, 1, NULL, 1, &none), RAYSIM_ERR_TOO_LARGE);
  free(many);
  raysim_release(ray, one);
  raysim_shutdown(ray);
}

const struct rs_test rs_tests[] = {{"api: labels", labels},
                                   {"api: affinity to nodes", affinity},
                                   {"api: devices", gpus},
                                   {"api: groups by topology, and their children", groups},
                                   {"api: waiting without fetching", fetching},
                                   {"api: cancelling with and without children", cancelling_children},
                                   {"api: cancelling calls of actors", cancelling_calls},
                                   {"api: waits of what is cancelled end", cancelled_waits_end},
                                   {"api: retries", retries},
                                   {"api: references inside arguments and items", references_inside},
                                   {"api: a node that is killed", node_killed},
                                   {"api: too much", too_much},
                                   {0}};
