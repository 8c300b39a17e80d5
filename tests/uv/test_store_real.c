/* The object store on a real cluster: more objects than memory, disks that are full, readers that write, processes that
 * are killed, and nothing left at rest. */
#include "api/raysim.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"
#define MIB (UINT64_C(1) << 20)

enum { LIMIT = 30000 };

static struct raysim *start(uint32_t nodes, uint64_t store_bytes, const struct rs_config *config,
                            struct rs_uv_cluster **cluster)
{
  struct rs_res total = {.cpu_e4 = 2 * RS_ONE_E4, .store_bytes = (int64_t)store_bytes};
  struct rs_node_info *info = rs_node_info_new(&total), *infos[8];
  char error[RS_UV_ERROR_MAX] = "";
  info->node_type = UINT32_MAX;
  for (uint32_t i = 0; i < nodes; i++)
    infos[i] = info;
  struct rs_uv_cluster_options options = {.config = config, .node_count = nodes, .infos = infos, .load = LIBRARY};
  int rc = rs_uv_local_cluster_start(&options, cluster, error);
  if (rc != 0)
    printf("\n    %s\n", error);
  CHECK_EQ(rc, 0);
  rs_node_info_unref(info);
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

static raysim_ref put_filled(struct raysim *ray, uint64_t size, unsigned char with)
{
  struct raysim_buffer buffer;
  raysim_ref none = {{0}};
  int rc = raysim_create(ray, size, LIMIT, &buffer);
  if (rc != 0)
    return none;
  CHECK((uintptr_t)buffer.bytes % 64 == 0);
  memset(buffer.bytes, with, size);
  return raysim_seal(ray, &buffer, NULL, 0);
}

static bool is_ref(raysim_ref ref)
{
  static const raysim_ref none;
  return memcmp(&ref, &none, sizeof ref) != 0;
}

/* The head's process: bytes of the arena's memory, and descriptors of files without a name. */
static uint64_t store_memory(const struct rs_uv_cluster *cluster, uint64_t *on_disk)
{
  char path[64], target[256];
  uint64_t memory = 0;
  *on_disk = 0;
  for (int fd = 0; fd < 512; fd++) {
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", rs_uv_cluster_pid(cluster), fd);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0 || stat(path, &st) != 0)
      continue;
    target[n] = 0;
    if (strstr(target, "memfd:raysim-store"))
      memory += (uint64_t)st.st_blocks * 512;
    else if (strstr(target, "(deleted)") && S_ISREG(st.st_mode))
      *on_disk += (uint64_t)st.st_size;
  }
  return memory;
}

static void check_filled(struct raysim *ray, raysim_ref ref, uint64_t size, unsigned char with)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (rc != 0)
    printf("\n    %s: %s\n", raysim_error_text(rc), value.error ? value.error->message : "");
  CHECK_EQ(rc, 0);
  CHECK_EQ(value.size, size);
  const unsigned char *bytes = value.bytes;
  bool same = rc == 0;
  for (uint64_t i = 0; i < size && same; i += 509)
    same = bytes[i] == with;
  CHECK(same && bytes[size - 1] == with);
  raysim_value_free(&value);
}

/* Six times as much as memory holds: it goes to the disk and comes back; memory stays within the capacity and the warm
 * pool; when all is released, disk and memory are empty. */
static void spill_and_restore(void)
{
  enum { COUNT = 48 };
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.min_spilling_size = 16 << 20;
  struct raysim *ray = start(1, 64 * MIB, &config, &cluster);
  raysim_ref refs[COUNT];
  uint64_t on_disk;
  for (int i = 0; i < COUNT; i++) {
    refs[i] = put_filled(ray, 8 * MIB, (unsigned char)i);
    CHECK(is_ref(refs[i]));
    CHECK(store_memory(cluster, &on_disk) <= 64 * MIB + 16 * MIB);
  }
  store_memory(cluster, &on_disk);
  CHECK(on_disk >= (COUNT * 8 - 64) * MIB);
  for (int i = 0; i < COUNT; i++)
    check_filled(ray, refs[i], 8 * MIB, (unsigned char)i);
  for (int i = COUNT - 1; i >= 0; i--)
    check_filled(ray, refs[i], 8 * MIB, (unsigned char)i);
  CHECK(store_memory(cluster, &on_disk) <= 64 * MIB + 16 * MIB);
  for (int i = 0; i < COUNT; i++)
    raysim_release(ray, refs[i]);
  uint64_t memory = UINT64_MAX;
  for (int i = 0; i < 100 && (on_disk > 0 || memory > 16 * MIB); i++) {
    local_pause_ms(20);
    memory = store_memory(cluster, &on_disk);
  }
  CHECK_EQ(on_disk, 0);
  CHECK(memory <= 16 * MIB); /* what is kept warm */
  stop(ray, cluster);
}

/* Spilled objects are read by other nodes straight from the disk, and come as arguments. */
static void spilled_elsewhere(void)
{
  enum { COUNT = 20 };
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.min_spilling_size = 0;
  struct raysim *ray = start(2, 48 * MIB, &config, &cluster);
  raysim_ref refs[COUNT], sums[COUNT];
  for (int i = 0; i < COUNT; i++)
    refs[i] = put_filled(ray, 8 * MIB, (unsigned char)(i % 3));
  for (int i = 0; i < COUNT; i++) {
    struct raysim_task_options options = {.demand = {.strategy = {.kind = RAYSIM_SPREAD}}};
    sums[i] = raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(refs[i])), &options);
  }
  for (int i = 0; i < COUNT; i++) {
    struct raysim_value value;
    CHECK_EQ(raysim_get(ray, sums[i], LIMIT, &value), 0);
    int sum = -1;
    memcpy(&sum, value.bytes, sizeof sum);
    CHECK_EQ(sum, (int)(8 * MIB) * (i % 3));
    raysim_value_free(&value);
    raysim_release(ray, sums[i]);
    raysim_release(ray, refs[i]);
  }
  stop(ray, cluster);
}

/* Store and disk are full: an error within the grace period, no hang, no crash; once something is released there is
 * room again. What is larger than all memory lives in a file. */
static void full(void)
{
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.object_spilling_max_bytes = 40 << 20;
  config.oom_grace_period_s = 1;
  struct raysim *ray = start(1, 32 * MIB, &config, &cluster);
  raysim_ref refs[32];
  int made = 0, rc = 0;
  uint64_t begin = uv_hrtime();
  while (made < 32 && rc == 0) {
    struct raysim_buffer buffer;
    rc = raysim_create(ray, 8 * MIB, LIMIT, &buffer);
    if (rc != 0)
      break;
    memset(buffer.bytes, made, 8 * MIB);
    refs[made] = raysim_seal(ray, &buffer, NULL, 0);
    CHECK(is_ref(refs[made]));
    made++;
  }
  CHECK_EQ(rc, RS_ERR_DISK_FULL);
  CHECK(strstr(raysim_last_error(), "full"));
  CHECK(made >= 7 && made <= 9); /* 72 MiB, but for what is under way */
  CHECK(uv_hrtime() - begin < 15 * RS_S);
  for (int i = 0; i < made; i++)
    check_filled(ray, refs[i], 8 * MIB, (unsigned char)i);
  for (int i = 0; i < made; i++)
    raysim_release(ray, refs[i]);
  raysim_ref large = put_filled(ray, 36 * MIB, 5); /* more than memory: a file */
  CHECK(is_ref(large));
  check_filled(ray, large, 36 * MIB, 5);
  raysim_release(ray, large);
  stop(ray, cluster);
}

/* A function that writes to its argument ends its own process, and nothing else. */
static void written_by_a_reader(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(1, 64 * MIB, NULL, &cluster);
  raysim_ref ref = put_filled(ray, MIB, 3);
  struct raysim_task_options once = {.max_retries = RAYSIM_NONE};
  raysim_ref bad = raysim_submit(ray, "test.scribble", RAYSIM_ARGS(raysim_object(ref)), &once);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, bad, LIMIT, &value), RS_ERR_WORKER_CRASHED);
  raysim_value_free(&value);
  check_filled(ray, ref, MIB, 3);
  raysim_ref sum = raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(ref)), NULL);
  CHECK_EQ(raysim_get(ray, sum, LIMIT, &value), 0);
  raysim_value_free(&value);
  stop(ray, cluster);
}

/* Workers are killed while they hold room that they have not sealed, and while they read: their room and pins go. */
static void killed(void)
{
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.automatic_object_spilling_enabled = 0;
  struct raysim *ray = start(1, 64 * MIB, &config, &cluster);
  struct raysim_task_options once = {.max_retries = RAYSIM_NONE};
  raysim_ref held = put_filled(ray, 8 * MIB, 1);
  for (int round = 0; round < 4; round++) {
    unsigned size = 40 << 20;
    raysim_ref task = raysim_submit(ray, "test.hold", RAYSIM_ARGS(RAYSIM_VALUE(size), raysim_object(held)), &once);
    int pids[16], count = 0;
    for (int i = 0; i < 500 && count == 0; i++) {
      local_pause_ms(10);
      uint64_t disk;
      if (store_memory(cluster, &disk) > 40 * MIB) /* it has written its room */
        count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, 16);
    }
    CHECK(count > 0);
    for (int i = 0; i < count; i++)
      kill(pids[i], SIGKILL);
    struct raysim_value value;
    CHECK(raysim_get(ray, task, LIMIT, &value) != 0);
    raysim_value_free(&value);
    raysim_release(ray, task);
  }
  raysim_ref again = put_filled(ray, 50 * MIB, 2); /* all its room is there */
  CHECK(is_ref(again));
  check_filled(ray, again, 50 * MIB, 2);
  check_filled(ray, held, 8 * MIB, 1);
  stop(ray, cluster);
}

/* A get of an object that is held already does not ask anybody. */
static void held_gets(void)
{
  struct rs_uv_cluster *cluster;
  struct raysim *ray = start(1, 64 * MIB, NULL, &cluster);
  raysim_ref ref = put_filled(ray, 4 * MIB, 9);
  struct raysim_value first, again;
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &first), 0);
  uint64_t begin = uv_hrtime();
  for (int i = 0; i < 10000; i++) {
    CHECK_EQ(raysim_get(ray, ref, LIMIT, &again), 0);
    CHECK(again.bytes == first.bytes);
    raysim_value_free(&again);
  }
  CHECK((uv_hrtime() - begin) / 10000 < 500 * RS_US);
  raysim_value_free(&first);
  check_filled(ray, ref, 4 * MIB, 9);
  stop(ray, cluster);
}

/* What is let go stays pinned for a moment, and can be got again for nothing. That ends with its reference, when room
 * is asked for, and with its reader, who is killed at any moment. */
static void rests(void)
{
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.automatic_object_spilling_enabled = 0;
  struct raysim *ray = start(1, 64 * MIB, &config, &cluster);
  struct raysim_value value;
  raysim_ref ref;
  for (int i = 0; i < 30; i++) {
    ref = put_filled(ray, 40 * MIB, (unsigned char)i);
    CHECK(is_ref(ref));
    check_filled(ray, ref, 40 * MIB, (unsigned char)i);
    check_filled(ray, ref, 40 * MIB, (unsigned char)i);
    raysim_release(ray, ref);
    CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), RAYSIM_ERR_OBJECT_LOST); /* not what is still there by chance */
    CHECK(strstr(value.error->message, "released"));
    raysim_value_free(&value);
  }
  struct raysim_task_options once = {.max_retries = RAYSIM_NONE};
  for (int round = 0; round < 6; round++) {
    ref = put_filled(ray, 40 * MIB, 7);
    raysim_ref task = raysim_submit(ray, "test.churn", RAYSIM_ARGS(raysim_reference(&ref)), &once);
    local_pause_ms(20 + 3 * round);
    int pids[16], count = local_descendants(rs_uv_cluster_pid(cluster), "raysim-worker", pids, 16);
    CHECK(count > 0);
    for (int i = 0; i < count; i++)
      kill(pids[i], SIGKILL);
    CHECK_EQ(raysim_get(ray, task, LIMIT, &value), RAYSIM_ERR_WORKER_CRASHED);
    raysim_value_free(&value);
    raysim_release(ray, task);
    raysim_release(ray, ref);
    ref = put_filled(ray, 50 * MIB, 2); /* nothing is pinned */
    CHECK(is_ref(ref));
    raysim_release(ray, ref);
  }
  stop(ray, cluster);
}

static struct raysim_task_options on_node(uint32_t node)
{
  struct raysim_task_options options = {.demand.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = node}};
  return options;
}

/* The raylet that made it hangs; another node has copies. Nobody waits for the health check, which takes half a minute:
 * neither a get nor a task that knows of one copy alone, and whether the object is asked for or taken at once. */
static void hung_source(void)
{
  enum { COUNT = 8 };
  struct rs_uv_cluster *cluster;
  struct rs_config config;
  rs_config_defaults(&config);
  config.object_manager_pull_timeout_ms = 500;
  config.locality_aware_leasing_enabled = 0; /* the lease itself would be asked of the one that hangs */
  struct raysim *ray = start(4, 64 * MIB, &config, &cluster);
  raysim_ref made[COUNT];
  struct raysim_argument args[COUNT];
  struct raysim_task_options first = on_node(1), second = on_node(2), third = on_node(3);
  for (int i = 0; i < COUNT; i++) {
    unsigned size = 251u * (i % 2 ? 1200 : 8400) + (unsigned)i + 1; /* its last byte is i */
    made[i] = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)), &first);
    args[i] = raysim_object(made[i]);
  }
  struct raysim_value value;
  raysim_ref read = raysim_submit(ray, "test.sizes", args, COUNT, &second);
  CHECK_EQ(raysim_get(ray, read, LIMIT, &value), 0);
  raysim_value_free(&value);
  raysim_release(ray, read);
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_status_get(rs_uv_cluster_session(cluster), &status, error), 0);
  int pid = status.nodes[1].pid;
  rs_uv_status_free(&status);
  kill(pid, SIGSTOP);
  uint64_t begin = uv_hrtime();
  read = raysim_submit(ray, "test.sizes", args, COUNT, &third);
  for (int i = 0; i < COUNT; i++) {
    CHECK_EQ(raysim_get(ray, made[i], LIMIT, &value), 0);
    CHECK_EQ(((const unsigned char *)value.bytes)[value.size - 1], i);
    raysim_value_free(&value);
  }
  CHECK_EQ(raysim_get(ray, read, LIMIT, &value), 0);
  raysim_value_free(&value);
  CHECK((uv_hrtime() - begin) / RS_S < 12);
  kill(pid, SIGCONT);
  stop(ray, cluster);
}

const struct rs_test rs_tests[] = {{"spill and restore", spill_and_restore},
                                   {"spilled, read elsewhere", spilled_elsewhere},
                                   {"store and disk full", full},
                                   {"written by a reader", written_by_a_reader},
                                   {"killed writers and readers", killed},
                                   {"gets of what is held", held_gets},
                                   {"a source that hangs", hung_source},
                                   {"what is let go", rests},
                                   {0}};
