/* What a caller can get wrong in a call of the public API: it is refused at once, with a line that says what is wrong,
 * and nothing crashes or hangs. */
#include <stdatomic.h>
#include <string.h>

#include "api/raysim.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

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

/* The task fails for good, with this code and text. */
static void fails(struct raysim *ray, raysim_ref ref, int code, const char *text)
{
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), code);
  if (!value.error || !strstr(value.error->message, text))
    printf("\n    \"%s\" is not in: %s\n", text, value.error ? value.error->message : "(a success)");
  CHECK(value.error && strstr(value.error->message, text));
  raysim_value_free(&value);
  raysim_release(ray, ref);
}

static void ended(void *context, int status, struct raysim_value *value)
{
  *(atomic_int *)context = status;
  raysim_value_free(value);
}

/* An actor's handle and a stream are references without a value: here, in a task, of one that lives and of a dead one.
 * Nobody who asks for it waits, and the handle stays good. */
static void handles_are_no_objects(void)
{
  struct raysim *ray = start();
  struct raysim_value value;
  atomic_int status = 0;
  uint8_t ready;
  int five = 5;
  raysim_actor actor = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(five)), NULL);
  for (int dead = 0; dead < 2; dead++) {
    CHECK_EQ(raysim_get(ray, actor.ref, RAYSIM_FOREVER, &value), RAYSIM_ERR_INVALID);
    CHECK(strstr(value.error->message, "an actor's handle") && strstr(raysim_last_error(), "an actor's handle"));
    raysim_value_free(&value);
    CHECK_EQ(raysim_wait(ray, &actor.ref, 1, 1, RAYSIM_FOREVER, 0, &ready), RAYSIM_ERR_INVALID);
    CHECK(strstr(raysim_last_error(), "reference 0 is an actor's handle"));
    CHECK_EQ(raysim_cancel(ray, actor.ref, 0), RAYSIM_ERR_INVALID);
    CHECK(strstr(raysim_last_error(), "raysim_cancel: it is an actor's handle"));
    CHECK_EQ(raysim_wait(ray, &actor.ref, 1, 1, RAYSIM_FOREVER, RAYSIM_NO_FETCH, &ready), RAYSIM_ERR_INVALID);
    atomic_store(&status, 0);
    CHECK_EQ(raysim_get_async(ray, actor.ref, ended, &status), 0);
    for (int i = 0; i < 1000 && atomic_load(&status) == 0; i++)
      local_pause_ms(1);
    CHECK_EQ(atomic_load(&status), RAYSIM_ERR_INVALID);
    fails(ray, raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(actor.ref)), NULL), RAYSIM_ERR_INVALID,
          "an actor's handle");
    raysim_ref said = raysim_submit(ray, "test.look", RAYSIM_ARGS(raysim_reference(&actor.ref)), NULL);
    CHECK_EQ(raysim_get(ray, said, LIMIT, &value), 0);
    CHECK(strncmp(value.bytes, "wait -38, get -38: ", 19) == 0 && strstr(value.bytes, "an actor's handle"));
    raysim_value_free(&value);
    raysim_release(ray, said);
    raysim_ref sum = raysim_call(ray, actor, "add", RAYSIM_ARGS(RAYSIM_VALUE(five)), NULL);
    if (dead) {
      fails(ray, sum, RAYSIM_ERR_ACTOR_DIED, "killed on request");
      break;
    }
    CHECK_EQ(raysim_get(ray, sum, LIMIT, &value), 0);
    CHECK_EQ(*(const int *)value.bytes, 10);
    raysim_value_free(&value);
    raysim_release(ray, sum);
    raysim_kill(ray, actor, 0);
    for (int i = 0, rc = 0; i < 500 && rc == 0; i++) { /* until that is known here */
      sum = raysim_call(ray, actor, "add", RAYSIM_ARGS(RAYSIM_VALUE(five)), NULL);
      rc = raysim_get(ray, sum, LIMIT, &value);
      raysim_value_free(&value);
      raysim_release(ray, sum);
      local_pause_ms(2);
    }
  }
  size_t size = 1;
  raysim_stream stream =
      raysim_submit_stream(ray, "test.items", RAYSIM_ARGS(RAYSIM_VALUE(five), RAYSIM_VALUE(size)), NULL, 1);
  CHECK_EQ(raysim_get(ray, stream.ref, RAYSIM_FOREVER, &value), RAYSIM_ERR_INVALID);
  CHECK(strstr(value.error->message, "it is a stream"));
  raysim_value_free(&value);
  CHECK_EQ(raysim_wait(ray, &stream.ref, 1, 1, RAYSIM_FOREVER, 0, &ready), RAYSIM_ERR_INVALID);
  raysim_stream_release(ray, stream);
  raysim_ref gone = raysim_put(ray, "x", 1); /* a released one is lost, and nobody waits for it either */
  raysim_release(ray, gone);
  CHECK_EQ(raysim_wait(ray, &gone, 1, 1, RAYSIM_FOREVER, 0, &ready), 1);
  CHECK_EQ(raysim_get(ray, gone, RAYSIM_FOREVER, &value), RAYSIM_ERR_OBJECT_LOST);
  raysim_value_free(&value);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

static void wrong_streams(void)
{
  struct raysim *ray = start();
  raysim_ref item, plain = raysim_put(ray, "x", 1);
  int one = 1;
  size_t size = 1;
  CHECK_EQ(raysim_next(ray, (raysim_stream){{{0}}}, RAYSIM_FOREVER, &item), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_next(ray, (raysim_stream){plain}, RAYSIM_FOREVER, &item), RAYSIM_ERR_INVALID);
  CHECK(strstr(raysim_last_error(), "no stream"));
  CHECK_EQ(raysim_next(NULL, (raysim_stream){plain}, RAYSIM_FOREVER, &item), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_next(ray, (raysim_stream){plain}, RAYSIM_FOREVER, NULL), RAYSIM_ERR_INVALID);
  raysim_stream stream =
      raysim_submit_stream(ray, "test.items", RAYSIM_ARGS(RAYSIM_VALUE(one), RAYSIM_VALUE(size)), NULL, 0);
  CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 1);
  raysim_release(ray, item);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 0); /* as often as it is asked */
  raysim_stream_release(ray, stream);
  CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), RAYSIM_ERR_INVALID);
  raysim_stream_release(ray, stream);
  CHECK_EQ(raysim_stream_cancel(ray, (raysim_stream){{{0}}}, 0), RAYSIM_ERR_INVALID);
  struct raysim_value value;
  raysim_ref yields = raysim_submit(ray, "test.yields", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, yields, LIMIT, &value), 0);
  CHECK_EQ(*(const int *)value.bytes, RAYSIM_ERR_INVALID);
  raysim_value_free(&value);
  raysim_release(ray, yields);
  raysim_release(ray, plain);
  raysim_shutdown(ray);
}

/* A class is no function, and so on: whoever mixes them up is told the names. */
static void wrong_kinds(void)
{
  struct raysim *ray = start();
  int one = 1;
  raysim_actor actor = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL);
  fails(ray, raysim_submit(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL), RAYSIM_ERR_UNKNOWN_FUNCTION,
        "test.Counter is a class, and no function");
  fails(ray, raysim_call(ray, actor, "test.add", NULL, 0, NULL), RAYSIM_ERR_UNKNOWN_FUNCTION,
        "class test.Counter has no method test.add, which is a function");
  fails(ray, raysim_call(ray, actor, "test.Other", NULL, 0, NULL), RAYSIM_ERR_UNKNOWN_FUNCTION,
        "class test.Counter has no method test.Other, which is a class");
  fails(ray, raysim_call(ray, actor, "sub", NULL, 0, NULL), RAYSIM_ERR_UNKNOWN_FUNCTION,
        "class test.Counter has no such method: ");
  fails(ray, raysim_submit(ray, "test.none", NULL, 0, NULL), RAYSIM_ERR_UNKNOWN_FUNCTION,
        "the worker knows no function of that name: test.none");
  raysim_actor wrong = raysim_actor_create(ray, "test.add", NULL, 0, NULL);
  fails(ray, raysim_call(ray, wrong, "add", NULL, 0, NULL), RAYSIM_ERR_ACTOR_DIED,
        "test.add is a function, and no class");
  raysim_release(ray, wrong.ref);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

/* Without a connection every call is refused, and none crashes. */
static void no_connection(void)
{
  struct raysim_node_info *nodes;
  struct raysim_resources resources;
  struct raysim_actor_name *list;
  size_t count;
  raysim_group group = {{1}};
  CHECK_EQ(raysim_nodes(NULL, &nodes, &count), RAYSIM_ERR_INVALID);
  CHECK(strstr(raysim_last_error(), "ray is NULL"));
  CHECK_EQ(raysim_cluster_resources(NULL, &resources), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_available_resources(NULL, &resources), RAYSIM_ERR_INVALID);
  CHECK(raysim_is_none(raysim_actor_find(NULL, "x", NULL).ref));
  CHECK(strstr(raysim_last_error(), "ray is NULL"));
  CHECK_EQ(raysim_actor_list(NULL, NULL, 0, &list), RAYSIM_ERR_INVALID);
  CHECK(raysim_group_is_none(raysim_group_find(NULL, "x", 0)));
  CHECK_EQ(raysim_group_wait(NULL, group, 0), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_group_nodes(NULL, group, NULL, 0), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_group_remove(NULL, group), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_job(NULL), 0);
  raysim_interrupt(NULL);
  raysim_stream_release(NULL, (raysim_stream){{{0}}});
  raysim_shutdown(NULL);
}

static void wrong_actors_and_groups(void)
{
  struct raysim *ray = start();
  CHECK(raysim_is_none(
      raysim_actor_create(ray, "test.Busy", NULL, 0, &(struct raysim_actor_options){.get_if_exists = 1}).ref));
  CHECK(strstr(raysim_last_error(), "get_if_exists: needs a name"));
  CHECK(raysim_is_none(raysim_actor_find(ray, NULL, NULL).ref));
  CHECK(raysim_is_none(raysim_actor_find(ray, "x", NULL).ref));
  CHECK(strstr(raysim_last_error(), "name \"x\" in name space \"anonymous-"));
  init_refuses(&(struct raysim_options){.name_space = ""}, "name_space: 1 to 255 bytes");
  struct raysim_demand bundles[2] = {{.num_cpus = 0.25}, {.num_cpus = 0.25}};
  raysim_group group = raysim_group_create(ray, bundles, 2, NULL);
  struct raysim_demand third = {
      .strategy = {.kind = RAYSIM_PLACEMENT_GROUP, .group = group, .bundle = RAYSIM_BUNDLE(2)}};
  submit_refuses(ray, "test.where", NULL, 0, &(struct raysim_task_options){.demand = third}, "no bundle 2 in group ");
  CHECK(strstr(raysim_last_error(), "which has 2"));
  CHECK(raysim_is_none(
      raysim_actor_create(ray, "test.Busy", NULL, 0, &(struct raysim_actor_options){.demand = third}).ref));
  CHECK(raysim_is_none(
      raysim_submit_stream(ray, "test.items", NULL, 0, &(struct raysim_task_options){.demand = third}, 0).ref));
  CHECK_EQ(raysim_group_remove(ray, group), 0);
  raysim_shutdown(ray);
}

const struct rs_test rs_tests[] = {
    {"wrong options of a cluster", wrong_options_of_a_cluster},
    {"wrong tasks", wrong_tasks},
    {"wrong objects", wrong_objects},
    {"handles are no objects", handles_are_no_objects},
    {"wrong streams", wrong_streams},
    {"wrong kinds of functions", wrong_kinds},
    {"no connection", no_connection},
    {"wrong actors and groups", wrong_actors_and_groups},
    {0},
};
