/* What a caller can get wrong in a call of the public API: it is refused at once, with a line that says what is wrong,
 * and nothing crashes or hangs. */
#include <string.h>

#include "api/raysim.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

static struct raysim *start(void)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = 1, .load = LIBRARY};
  CHECK_EQ(raysim_init(&options, &ray), 0);
  return ray;
}

static void init_refuses(const struct raysim_options *options, const char *reason)
{
  struct raysim *ray;
  CHECK(raysim_init(options, &ray) < 0);
  CHECK(ray == NULL && strstr(raysim_last_error(), reason));
}

static void wrong_options_of_a_cluster(void)
{
  struct raysim_resource unnamed = {NULL, 1}, cpu = {"CPU", 1}, negative = {"x", -1};
  struct raysim_label no_value = {"key", NULL}, no_key = {"", "value"};
  init_refuses(&(struct raysim_options){.num_cpus = -3}, "num_cpus: -3");
  init_refuses(&(struct raysim_options){.num_cpus = 0.00005}, "num_cpus: 5e-05 is finer than 0.0001");
  init_refuses(&(struct raysim_options){.resource_count = 1}, "at NULL");
  init_refuses(&(struct raysim_options){.resources = &unnamed, .resource_count = 1}, "no name");
  init_refuses(&(struct raysim_options){.resources = &cpu, .resource_count = 1}, "num_cpus");
  init_refuses(&(struct raysim_options){.resources = &negative, .resource_count = 1}, "x: -1");
  init_refuses(&(struct raysim_options){.label_count = 1}, "at NULL");
  init_refuses(&(struct raysim_options){.labels = &no_value, .label_count = 1}, "key or value");
  init_refuses(&(struct raysim_options){.labels = &no_key, .label_count = 1}, "key or value");
  CHECK_EQ(raysim_init(NULL, NULL), RAYSIM_ERR_INVALID);
}

static void submit_refuses(struct raysim *ray, const char *function, const struct raysim_argument *args, size_t count,
                           const struct raysim_task_options *options, const char *reason)
{
  CHECK(raysim_is_none(raysim_submit(ray, function, args, count, options)));
  CHECK(strstr(raysim_last_error(), reason));
}

static void wrong_tasks(void)
{
  struct raysim *ray = start();
  raysim_ref none = {{0}}, some = raysim_put(ray, "x", 1);
  struct raysim_argument null_bytes = {.value = {NULL, 10, NULL, 0}}, null_refs = {.value = {"x", 1, NULL, 3}},
                         no_ref = {.value = {"x", 1, &none, 1}}, both = {.value = {"x", 1, NULL, 0}, .object = some};
  struct raysim_resource unnamed = {"", 1}, fine = {"x", 0.00001};
  struct raysim_label_rule no_key = {.value = "v"}, no_kind = {.key = "k", .value = "v"};
  memset(&no_kind.kind, 0x7f, sizeof no_kind.kind);
  submit_refuses(NULL, "test.add", NULL, 0, NULL, "ray is NULL");
  submit_refuses(ray, NULL, NULL, 0, NULL, "name");
  submit_refuses(ray, "", NULL, 0, NULL, "name");
  submit_refuses(ray, "test.add", NULL, 2, NULL, "2 arguments at NULL");
  submit_refuses(ray, "test.add", &null_bytes, 1, NULL, "argument 0: 10 bytes at NULL");
  submit_refuses(ray, "test.add", &null_refs, 1, NULL, "3 references at NULL");
  submit_refuses(ray, "test.add", &no_ref, 1, NULL, "number 0 is no reference");
  submit_refuses(ray, "test.add", &both, 1, NULL, "either a value or an object");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.num_returns = -7}, "num_returns: -7");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.num_returns = 65}, "num_returns: 65");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.max_retries = -9}, "max_retries: -9");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand.num_gpus = 1.5}, "num_gpus: 1.5");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand.num_cpus = 0.00009},
                 "num_cpus: 9e-05 is finer than 0.0001");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand.num_gpus = 1e-9}, "finer than 0.0001");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand = {.resources = &fine, .resource_count = 1}},
                 "x: 1e-05 is finer than 0.0001");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand.resource_count = 1}, "at NULL");
  submit_refuses(ray, "f", NULL, 0,
                 &(struct raysim_task_options){.demand = {.resources = &unnamed, .resource_count = 1}}, "no name");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand = {.labels = &no_key, .label_count = 1}},
                 "key");
  submit_refuses(ray, "f", NULL, 0, &(struct raysim_task_options){.demand = {.labels = &no_kind, .label_count = 1}},
                 "kind");
  raysim_actor nobody = {{{0}}};
  CHECK(raysim_is_none(raysim_call(ray, nobody, "m", NULL, 0, NULL)));
  CHECK(raysim_is_none(raysim_call(ray, (raysim_actor){some}, NULL, NULL, 0, NULL)));
  CHECK(raysim_is_none(raysim_actor_create(ray, NULL, NULL, 0, NULL).ref));
  CHECK(raysim_is_none(raysim_actor_create(ray, "A", NULL, 0, &(struct raysim_actor_options){.max_restarts = -9}).ref));
  CHECK_EQ(raysim_kill(ray, nobody, 0), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_cancel(ray, none, 0), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_cancel(ray, some, 64), RAYSIM_ERR_INVALID);
  raysim_release(ray, some);
  raysim_shutdown(ray);
}

static void wrong_objects(void)
{
  struct raysim *ray = start();
  raysim_ref none = {{0}}, some = raysim_put(ray, "x", 1), twice[2] = {some, some};
  struct raysim_value value;
  uint8_t ready[2];
  CHECK(raysim_is_none(raysim_put(ray, NULL, 10)));
  CHECK(raysim_is_none(raysim_put_data(ray, NULL)));
  CHECK(raysim_is_none(raysim_put_data(ray, &(struct raysim_data){"x", 1, &none, 1})));
  CHECK_EQ(raysim_get(ray, none, 0, &value), RAYSIM_ERR_INVALID);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, some, 0, NULL), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_get(NULL, some, 0, &value), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_get_many(ray, NULL, 1, 0, &value), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_get_many(ray, NULL, 0, 0, NULL), 0);
  CHECK_EQ(raysim_get_async(ray, some, NULL, NULL), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_wait(ray, NULL, 1, 1, 0, 0, ready), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_wait(ray, &some, 1, 1, 0, 0, NULL), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_wait(ray, &some, 1, 1, 0, 64, ready), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_wait(ray, &some, 1, 2, 0, 0, ready), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_wait(ray, twice, 2, 2, 0, 0, ready), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_create(ray, 10, 0, NULL), RAYSIM_ERR_INVALID);
  struct raysim_buffer buffer = {0};
  CHECK(raysim_is_none(raysim_seal(ray, &buffer, NULL, 0)));
  raysim_discard(ray, &buffer);
  CHECK_EQ(raysim_ref_parse(NULL, &some), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_kv_put(ray, NULL, NULL, "x", 1, 0), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_kv_put(ray, NULL, "key", NULL, 5, 0), RAYSIM_ERR_INVALID);
  CHECK(raysim_group_is_none(raysim_group_create(ray, NULL, 1, NULL)));
  CHECK(raysim_group_is_none(raysim_group_find(ray, NULL, 0)));
  CHECK_EQ(raysim_register(NULL, NULL), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_register_actor(NULL), RAYSIM_ERR_INVALID);
  raysim_release(ray, none);
  raysim_retain(ray, none);
  raysim_release(ray, twice[0]);
  raysim_shutdown(ray);
}

const struct rs_test rs_tests[] = {
    {"wrong options of a cluster", wrong_options_of_a_cluster},
    {"wrong tasks", wrong_tasks},
    {"wrong objects", wrong_objects},
    {0},
};
