/* What programs and tasks are told through the public API: error codes, settings, addresses, a task's own facts. */
#include "api/raysim.h"

#include <sched.h>

#include "local.h"
#include "uv/host.h"
#include "uv/settings.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

static struct raysim *start(struct raysim_options *options)
{
  struct raysim *ray;
  options->load = LIBRARY;
  int rc = raysim_init(options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

static const char *text_of(struct raysim *ray, raysim_ref ref)
{
  static char text[512];
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  snprintf(text, sizeof text, "%s", rc == 0 ? (const char *)value.bytes : value.error ? value.error->message : "?");
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return text;
}

static void check_text(struct raysim *ray, raysim_ref ref, const char *expected)
{
  const char *text = text_of(ray, ref);
  if (strcmp(text, expected) != 0)
    printf("\n    \"%s\", wanted \"%s\"\n", text, expected);
  CHECK(strcmp(text, expected) == 0);
}

/* Errors that stay inside: of messages, of a bundle that is asked for elsewhere, and of room that is not needed. A new
 * one is either named here or public: otherwise this file does not compile. */
enum {
  RAYSIM_ERR_OK = RAYSIM_OK,
  RAYSIM_ERR_TRUNCATED = RS_ERR_TRUNCATED,
  RAYSIM_ERR_MALFORMED = RS_ERR_MALFORMED,
  RAYSIM_ERR_GROUP_STALE = RS_ERR_GROUP_STALE,
  RAYSIM_ERR_OBJECT_EXISTS = RS_ERR_OBJECT_EXISTS
};

static void every_code_is_public(void)
{
#define ERR(NAME, number, text)                                                                                        \
  CHECK_EQ(RAYSIM_ERR_##NAME, number);                                                                                 \
  CHECK(strcmp(raysim_error_text(RAYSIM_ERR_##NAME), text) == 0);
#include "core/errors.def"
#undef ERR
}

static int refused(const struct raysim_options *options, const char *text)
{
  struct raysim *ray;
  int rc = raysim_init(options, &ray);
  if (!strstr(raysim_last_error(), text))
    printf("\n    \"%s\" does not say \"%s\"\n", raysim_last_error(), text);
  CHECK(strstr(raysim_last_error(), text) != NULL);
  CHECK(ray == NULL);
  raysim_shutdown(ray);
  return rc;
}

static void settings(void)
{
  const char *unknown[] = {"no_such_setting=1"}, *text[] = {"max_io_workers=many"}, *low[] = {"max_io_workers=0"},
             *fine[] = {"max_io_workers=2", "automatic_object_spilling_enabled=false", "oom_grace_period_s=0"};
  struct raysim_options options = {.num_cpus = 1, .settings = unknown, .setting_count = 1};
  CHECK_EQ(refused(&options, "no_such_setting=1: there is no such setting"), RAYSIM_ERR_INVALID);
  options.settings = text;
  CHECK_EQ(refused(&options, "whole number"), RAYSIM_ERR_INVALID);
  options.settings = low;
  CHECK_EQ(refused(&options, "1 to 1024"), RAYSIM_ERR_INVALID);
  setenv("RAYSIM_no_such_setting", "1", 1);
  options.setting_count = 0;
  CHECK_EQ(refused(&options, "no_such_setting=1: there is no such setting"), RAYSIM_ERR_INVALID);
  unsetenv("RAYSIM_no_such_setting");
  struct rs_config config;
  char error[RS_UV_ERROR_MAX];
  rs_config_defaults(&config);
  setenv("RAYSIM_health_check_period_ms", "1234", 1);
  CHECK_EQ(rs_settings_from_environment(&config, error), 0);
  CHECK_EQ(config.health_check_period_ms, 1234);
  unsetenv("RAYSIM_health_check_period_ms");
  options =
      (struct raysim_options){.num_cpus = 1, .object_store_bytes = 8u << 20, .settings = fine, .setting_count = 3};
  struct raysim *ray = start(&options);
  char *bytes = calloc(1, 16 << 20);
  CHECK(raysim_is_none(raysim_put(ray, bytes, 16 << 20))); /* nothing goes to the disk */
  CHECK(strstr(raysim_last_error(), "full") != NULL);
  free(bytes);
  raysim_shutdown(ray);
}

static void addresses(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 2, NULL);
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%u", rs_uv_cluster_port(cluster));
  struct raysim_options options = {.address = address};
  struct raysim *ray;
  CHECK_EQ(raysim_init(&options, &ray), 0);
  struct raysim_resources all;
  CHECK_EQ(raysim_cluster_resources(ray, &all), 0);
  CHECK_NEAR(all.num_cpus, 2, 0.001);
  raysim_shutdown(ray);
  options.num_cpus = 3;
  CHECK_EQ(refused(&options, "num_cpus: for a cluster that is started"), RAYSIM_ERR_INVALID);
  options.num_cpus = 0;
  options.nodes = 2;
  CHECK_EQ(refused(&options, "nodes: for a cluster that is started"), RAYSIM_ERR_INVALID);
  options.nodes = 0;
  options.address = "127.0.0.1:1";
  CHECK_EQ(refused(&options, "127.0.0.1:1: no cluster of this user on this host"), RAYSIM_ERR_REFUSED);
  local_stop(cluster);
}

static void facts_of_tasks(void)
{
  struct raysim_resource disk = {"disk", 4}, some = {"disk", 1.5};
  struct raysim_options options = {
      .num_cpus = 4, .num_gpus = 2, .memory_bytes = 1 << 30, .resources = &disk, .resource_count = 1};
  struct raysim *ray = start(&options);
  check_text(ray, raysim_submit(ray, "about.facts", NULL, 0, NULL), "CPU=1 attempt=0 restarted=0 own=0 job=1 worker=1");
  struct raysim_task_options more = {
      .demand = {.num_cpus = 2, .num_gpus = 1, .memory_bytes = 1 << 20, .resources = &some, .resource_count = 1}};
  check_text(ray, raysim_submit(ray, "about.facts", NULL, 0, &more),
             "CPU=2 GPU=1 memory=1.04858e+06 disk=1.5 attempt=0 restarted=0 own=0 job=1 worker=1");
  const char *variables[] = {"X=1"};
  struct raysim_runtime_env env = {.env_vars = variables, .env_var_count = 1};
  more.demand.runtime_env = &env; /* both travel with the arguments */
  check_text(ray, raysim_submit(ray, "about.facts", NULL, 0, &more),
             "CPU=2 GPU=1 memory=1.04858e+06 disk=1.5 attempt=0 restarted=0 own=0 job=1 worker=1");
  struct raysim_value value;
  raysim_ref tried = raysim_submit(ray, "about.crash_first", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, tried, LIMIT, &value), 0);
  CHECK_EQ(*(const int *)value.bytes, 2);
  raysim_value_free(&value);
  raysim_release(ray, tried);
  raysim_shutdown(ray);
}

static void facts_of_actors(void)
{
  struct raysim_options options = {.num_cpus = 4, .num_gpus = 2};
  struct raysim *ray = start(&options);
  struct raysim_actor_options idle = {.max_restarts = 1}, busy = {.demand = {.num_cpus = 2, .num_gpus = 1}};
  raysim_actor a = raysim_actor_create(ray, "about.Actor", NULL, 0, &idle);
  raysim_actor b = raysim_actor_create(ray, "about.Actor", NULL, 0, &busy);
  check_text(ray, raysim_call(ray, a, "facts", NULL, 0, NULL), "attempt=0 restarted=0 own=1 job=1 worker=1");
  check_text(ray, raysim_call(ray, b, "facts", NULL, 0, NULL),
             "CPU=2 GPU=1 attempt=0 restarted=0 own=1 job=1 worker=1");
  static const char cuda[] = "CUDA_VISIBLE_DEVICES";
  check_text(ray, raysim_call(ray, b, "variable", RAYSIM_ARGS(RAYSIM_VALUE(cuda)), NULL), "0");
  struct raysim_value value;
  raysim_ref crashed = raysim_call(ray, a, "die", NULL, 0, NULL);
  CHECK(raysim_get(ray, crashed, LIMIT, &value) != 0);
  raysim_value_free(&value);
  check_text(ray, raysim_call(ray, a, "facts", NULL, 0, NULL), "attempt=0 restarted=1 own=1 job=1 worker=1");
  raysim_ref own = raysim_call(ray, b, "own", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, own, LIMIT, &value), 0);
  CHECK_EQ(value.ref_count, 1);
  if (value.ref_count == 1) {
    raysim_retain(ray, value.refs[0]);
    check_text(ray, value.refs[0], "CPU=2 GPU=1 attempt=0 restarted=0 own=1 job=1 worker=1");
  }
  raysim_value_free(&value);
  raysim_shutdown(ray);
}

static void variables_of_tasks(void)
{
  static const char cuda[] = "CUDA_VISIBLE_DEVICES", omp[] = "OMP_NUM_THREADS";
  unsetenv(omp);
  unsetenv(cuda);
  struct raysim_options options = {.num_cpus = 4, .num_gpus = 2};
  struct raysim *ray = start(&options);
  struct raysim_task_options three = {.demand = {.num_cpus = 3}}, both = {.demand = {.num_gpus = 2}},
                             half = {.demand = {.num_cpus = 0.5}};
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(omp)), NULL), "1");
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(omp)), &three), "3");
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(omp)), &half), "1");
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(cuda)), NULL), "(none)");
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(cuda)), &both), "0,1");
  const char *said[] = {"OMP_NUM_THREADS=7"};
  struct raysim_runtime_env env = {.env_vars = said, .env_var_count = 1};
  three.demand.runtime_env = &env;
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(omp)), &three), "7");
  raysim_shutdown(ray);
  setenv(cuda, "5,7", 1); /* what the node may use */
  ray = start(&options);
  both.demand.num_gpus = 1;
  check_text(ray, raysim_submit(ray, "about.variable", RAYSIM_ARGS(RAYSIM_VALUE(cuda)), &both), "5");
  raysim_shutdown(ray);
  unsetenv(cuda);
}

/* Room that a task leaves unsealed is given back at its end, not at that of its worker. */
static void unsealed_room(void)
{
  const char *here[] = {"automatic_object_spilling_enabled=0"};
  struct raysim_options options = {
      .num_cpus = 1, .object_store_bytes = 32u << 20, .settings = here, .setting_count = 1};
  struct raysim *ray = start(&options);
  size_t size = 20u << 20;
  for (int i = 0; i < 3; i++) { /* each would not fit beside the one before */
    struct raysim_value value;
    raysim_ref task = raysim_submit(ray, "about.unsealed", RAYSIM_ARGS(RAYSIM_VALUE(size)), NULL);
    CHECK_EQ(raysim_get(ray, task, LIMIT, &value), 0);
    raysim_value_free(&value);
    raysim_release(ray, task);
  }
  raysim_shutdown(ray);
}

/* What the library says on stderr while `what` runs. */
static char *said_while(struct raysim *ray, void (*what)(struct raysim *ray))
{
  char path[] = "/tmp/raysim-test-XXXXXX";
  int file = mkstemp(path), old = dup(2);
  CHECK(file >= 0 && old >= 0);
  dup2(file, 2);
  what(ray);
  dup2(old, 2);
  close(old);
  off_t size = lseek(file, 0, SEEK_END);
  char *text = calloc(1, (size_t)size + 1);
  CHECK(pread(file, text, (size_t)size, 0) == size);
  close(file);
  unlink(path);
  return text;
}

static void ask_too_much(struct raysim *ray)
{
  struct raysim_task_options gpu = {.demand = {.num_gpus = 1}};
  struct raysim_value value;
  raysim_ref task = raysim_submit(ray, "about.where", NULL, 0, &gpu);
  CHECK_EQ(raysim_get(ray, task, 6500, &value), RAYSIM_ERR_TIMED_OUT);
  raysim_value_free(&value);
  CHECK_EQ(raysim_cancel(ray, task, 0), 0);
  raysim_release(ray, task);
}

static void call_too_much(struct raysim *ray)
{
  enum { CALLS = 8 };
  int ms = 50;
  raysim_ref calls[CALLS];
  struct raysim_value values[CALLS];
  raysim_actor actor = raysim_actor_create(ray, "about.Actor", NULL, 0, NULL);
  CHECK_EQ(raysim_call_many(ray, actor, "nap", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL, CALLS, calls), 0);
  CHECK_EQ(raysim_get_many(ray, calls, CALLS, LIMIT, values), 0);
  for (int i = 0; i < CALLS; i++)
    raysim_value_free(&values[i]);
}

static void warnings(void)
{
  const char *soon[] = {"fetch_warn_timeout_milliseconds=300", "actor_excess_queueing_warn_threshold=5"};
  struct raysim_options options = {.num_cpus = 1, .settings = soon, .setting_count = 2};
  struct raysim *ray = start(&options);
  char *text = said_while(ray, ask_too_much);
  CHECK(strstr(text, "no node can hold what 1 task asks for (1 CPUs, 1 GPUs") != NULL);
  CHECK(strstr(text, "for 1 of 1 objects; `raysim explain 0") != NULL);
  free(text);
  text = said_while(ray, call_too_much);
  CHECK(strstr(text, "raysim: 5 calls of actor 0") != NULL);
  CHECK(strstr(text, "no node can hold") == NULL);
  free(text);
  raysim_shutdown(ray);
}

static void write_file(const char *folder, const char *name, const char *text)
{
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  fputs(text, file);
  fclose(file);
}

static void cpus_of_the_host(void)
{
  char root[] = "/tmp/raysim-test-XXXXXX", inner[64], file[128];
  CHECK(mkdtemp(root) != NULL);
  snprintf(inner, sizeof inner, "%s/a", root);
  CHECK_EQ(mkdir(inner, 0700), 0);
  CHECK_NEAR(rs_host_quota(root, "/a"), 0, 0);
  write_file(inner, "cpu.max", "max 100000\n");
  CHECK_NEAR(rs_host_quota(root, "/a"), 0, 0);
  write_file(root, "cpu.max", "350000 100000\n");
  CHECK_NEAR(rs_host_quota(root, "/a"), 3.5, 1e-9);
  write_file(inner, "cpu.max", "150000 100000\n");
  CHECK_NEAR(rs_host_quota(root, "/a"), 1.5, 1e-9);
  CHECK_NEAR(rs_host_quota(root, "/"), 3.5, 1e-9);
  snprintf(file, sizeof file, "%s/cpu.max", inner);
  unlink(file);
  write_file(inner, "cpu.cfs_quota_us", "50000\n");
  write_file(inner, "cpu.cfs_period_us", "100000\n");
  CHECK_NEAR(rs_host_quota(root, "/a"), 0.5, 1e-9);
  static const char *const made[] = {"a/cpu.cfs_quota_us", "a/cpu.cfs_period_us", "a", "cpu.max", ""};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    snprintf(file, sizeof file, "%s/%s", root, made[i]);
    CHECK_EQ(remove(file), 0);
  }
  cpu_set_t all, one;
  CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  size_t first = 0;
  while (!CPU_ISSET(first, &all))
    first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  CHECK_NEAR(rs_host_cpus(), 1, 0);
  CHECK_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

const struct rs_test rs_tests[] = {{"api: every error code is public", every_code_is_public},
                                   {"api: settings", settings},
                                   {"api: addresses", addresses},
                                   {"api: what a task knows of itself", facts_of_tasks},
                                   {"api: what an actor knows of itself", facts_of_actors},
                                   {"api: variables of tasks", variables_of_tasks},
                                   {"api: room that is not sealed", unsealed_room},
                                   {"api: what a program is told while it waits", warnings},
                                   {"api: CPUs of the host", cpus_of_the_host},
                                   {0}};
