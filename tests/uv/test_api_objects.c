/* Objects through the public API, on a real cluster: arguments of actors on other nodes, arguments of creations and of
 * restarts, values that are many, and objects that are freed on request. */
#include "api/raysim_int.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000, LARGE = 1 << 20 };

static struct raysim *start(uint32_t nodes)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = 2, .nodes = nodes, .load = LIBRARY};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

static int number_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value), number = -1;
  if (rc == 0)
    memcpy(&number, value.bytes, sizeof number);
  else
    printf("\n    %s\n", value.error ? value.error->message : raysim_error_text(rc));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return number;
}

static int error_of(struct raysim *ray, raysim_ref ref, const char *text)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (text && !(value.error && strstr(value.error->message, text)))
    printf("\n    \"%s\" is not in: %s\n", text, value.error ? value.error->message : "(a success)");
  CHECK(!text || (value.error && strstr(value.error->message, text)));
  raysim_value_free(&value);
  return rc;
}

/* bytes[i] = i % 251, as test.large makes. */
static int sum_of(unsigned size)
{
  int total = 0;
  for (unsigned i = 0; i < size; i++)
    total += (int)(i % 251);
  return total;
}

static raysim_ref put_large(struct raysim *ray, unsigned size)
{
  unsigned char *bytes = malloc(size);
  for (unsigned i = 0; i < size; i++)
    bytes[i] = (unsigned char)(i % 251);
  raysim_ref ref = raysim_put(ray, bytes, size);
  free(bytes);
  return ref;
}

static struct raysim_demand on_node(uint32_t node)
{
  return (struct raysim_demand){.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = node}};
}

/* The objects of the program are on node 0, the actor is not. */
static void arguments_travel_to_actors(void)
{
  struct raysim *ray = start(2);
  unsigned size = LARGE;
  raysim_ref put = put_large(ray, size);
  struct raysim_actor_options there = {.demand = on_node(1)};
  raysim_actor actor = raysim_actor_create(ray, "test.Keeper", RAYSIM_ARGS(raysim_object(put)), &there);
  raysim_release(ray, put);
  CHECK_EQ(number_of(ray, raysim_call(ray, actor, "total", NULL, 0, NULL)), sum_of(size));
  raysim_ref made = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)),
                                  &(struct raysim_task_options){.demand = on_node(0)});
  for (int i = 0; i < 3; i++)
    CHECK_EQ(number_of(ray, raysim_call(ray, actor, "sum", RAYSIM_ARGS(raysim_object(made)), NULL)), sum_of(size));
  unsigned char *bytes = calloc(1, size); /* by value: it is put first */
  bytes[7] = 9;
  CHECK_EQ(number_of(ray, raysim_call(ray, actor, "sum", RAYSIM_ARGS(raysim_bytes(bytes, size)), NULL)), 9);
  free(bytes);
  raysim_release(ray, made);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

static bool crashes(struct raysim *ray, raysim_actor actor)
{
  raysim_ref ref = raysim_call(ray, actor, "crash", NULL, 0, NULL);
  int rc = error_of(ray, ref, "its process died");
  raysim_release(ray, ref);
  return rc == RAYSIM_ERR_ACTOR_UNAVAILABLE;
}

/* The program gives its own reference up; the actor crashes, twice, and is created again each time. */
static void restarts_find_their_arguments(void)
{
  struct raysim *ray = start(2);
  unsigned size = LARGE;
  raysim_ref object = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)),
                                    &(struct raysim_task_options){.demand = on_node(0)});
  struct raysim_actor_options there = {.demand = on_node(1), .max_restarts = 2};
  raysim_actor actor = raysim_actor_create(ray, "test.Keeper", RAYSIM_ARGS(raysim_object(object)), &there);
  raysim_release(ray, object);
  CHECK_EQ(number_of(ray, raysim_call(ray, actor, "total", NULL, 0, NULL)), sum_of(size));
  for (int i = 0; i < 2; i++) {
    CHECK(crashes(ray, actor));
    CHECK_EQ(number_of(ray, raysim_call(ray, actor, "total", NULL, 0, NULL)), sum_of(size));
  }
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

/* The creation waits for its argument, and dies of one that fails; calls that were made before learn why. */
static void creations_wait_and_fail(void)
{
  struct raysim *ray = start(1);
  int ms = 300;
  raysim_ref slow = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  raysim_ref bad = raysim_submit(ray, "test.fail", NULL, 0, NULL);
  raysim_actor waits = raysim_actor_create(ray, "test.Keeper", RAYSIM_ARGS(raysim_object(slow)), NULL);
  raysim_actor fails = raysim_actor_create(ray, "test.Keeper", RAYSIM_ARGS(raysim_object(bad)), NULL);
  raysim_release(ray, slow);
  raysim_release(ray, bad);
  CHECK_EQ(number_of(ray, raysim_call(ray, waits, "total", NULL, 0, NULL)), (300 & 255) + (300 >> 8));
  raysim_ref never = raysim_call(ray, fails, "total", NULL, 0, NULL);
  CHECK_EQ(error_of(ray, never, "its creation failed: as asked: 7"), RAYSIM_ERR_ACTOR_DIED);
  raysim_release(ray, never);
  raysim_release(ray, waits.ref);
  raysim_release(ray, fails.ref);
  raysim_shutdown(ray);
}

/* 30 MiB in values of 60 KiB: by value, and as small objects; with a task, and with a call. */
static void many_values(void)
{
  enum { COUNT = 512, SIZE = 60 << 10 };
  struct raysim *ray = start(1);
  struct raysim_argument *args = calloc(COUNT, sizeof *args), *objects = calloc(COUNT, sizeof *objects);
  unsigned char *bytes = malloc((size_t)COUNT * SIZE);
  raysim_actor actor = raysim_actor_create(ray, "test.Keeper", NULL, 0, NULL);
  raysim_ref calls[4];
  for (size_t i = 0; i < COUNT; i++) {
    memset(bytes + i * SIZE, (int)i, SIZE);
    args[i] = raysim_bytes(bytes + i * SIZE, SIZE);
    objects[i] = raysim_object(raysim_put(ray, bytes + i * SIZE, SIZE));
  }
  calls[0] = raysim_submit(ray, "test.sizes", args, COUNT, NULL);
  calls[1] = raysim_submit(ray, "test.sizes", objects, COUNT, NULL);
  calls[2] = raysim_call(ray, actor, "sizes", args, COUNT, NULL);
  calls[3] = raysim_call(ray, actor, "sizes", objects, COUNT, NULL);
  for (int i = 0; i < 4; i++) {
    struct raysim_value value;
    size_t both[2] = {0, 0};
    CHECK_EQ(raysim_get(ray, calls[i], LIMIT, &value), 0);
    if (value.size == sizeof both)
      memcpy(both, value.bytes, sizeof both);
    CHECK_EQ(both[0], COUNT);
    CHECK_EQ(both[1], (size_t)COUNT * SIZE);
    raysim_value_free(&value);
    raysim_release(ray, calls[i]);
  }
  for (size_t i = 0; i < COUNT; i++)
    raysim_release(ray, objects[i].object);
  raysim_release(ray, actor.ref);
  free(args);
  free(objects);
  free(bytes);
  raysim_shutdown(ray);
}

/* ---- freed on request ---- */

static void freed_for_all(void)
{
  struct raysim *ray = start(2);
  unsigned size = LARGE;
  raysim_ref small = raysim_put(ray, "some bytes", 10), large = put_large(ray, size);
  raysim_ref made = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)),
                                  &(struct raysim_task_options){.demand = on_node(1)});
  raysim_ref refs[3] = {small, large, made};
  struct raysim_value held;
  CHECK_EQ(raysim_get(ray, made, LIMIT, &held), 0);
  CHECK_EQ(raysim_free(ray, refs, 3), 0);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(error_of(ray, refs[i], "was freed on request"), RAYSIM_ERR_OBJECT_FREED);
    raysim_ref reader = raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(refs[i])), NULL);
    CHECK_EQ(error_of(ray, reader, "was freed on request"), RAYSIM_ERR_OBJECT_FREED);
    raysim_ref opener = raysim_submit(ray, "test.open", RAYSIM_ARGS(raysim_reference(&refs[i])), NULL);
    CHECK_EQ(error_of(ray, opener, "was freed on request"), RAYSIM_ERR_TASK_FAILED); /* as it tells it */
    raysim_release(ray, reader);
    raysim_release(ray, opener);
  }
  CHECK(held.size == size && ((const unsigned char *)held.bytes)[250] == 250); /* what was got before stays */
  raysim_value_free(&held);
  struct raysim_resources left, all;
  bool empty = false;
  for (int i = 0; i < 100 && !empty; i++, local_pause_ms(50))
    empty = raysim_available_resources(ray, &left) == 0 && raysim_cluster_resources(ray, &all) == 0 &&
            left.object_store_bytes == all.object_store_bytes;
  CHECK(empty);
  for (int i = 0; i < 3; i++)
    raysim_release(ray, refs[i]);
  CHECK_EQ(raysim_free(ray, NULL, 1), RAYSIM_ERR_INVALID);
  CHECK_EQ(raysim_free(NULL, refs, 1), RAYSIM_ERR_INVALID);
  raysim_shutdown(ray);
}

/* A task frees what its caller owns; and what a task is still to return is freed before. */
static void freed_by_others_and_before(void)
{
  struct raysim *ray = start(2);
  raysim_ref mine = put_large(ray, LARGE);
  raysim_ref task = raysim_submit(ray, "test.free", RAYSIM_ARGS(raysim_reference(&mine)),
                                  &(struct raysim_task_options){.demand = on_node(1)});
  CHECK_EQ(error_of(ray, task, NULL), 0);
  CHECK_EQ(error_of(ray, mine, "was freed on request"), RAYSIM_ERR_OBJECT_FREED);
  int ms = 300;
  raysim_ref later = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  CHECK_EQ(raysim_free(ray, &later, 1), 0);
  CHECK_EQ(error_of(ray, later, "was freed on request"), RAYSIM_ERR_OBJECT_FREED);
  local_pause_ms(500);
  CHECK_EQ(error_of(ray, later, "was freed on request"), RAYSIM_ERR_OBJECT_FREED);
  raysim_release(ray, mine);
  raysim_release(ray, task);
  raysim_release(ray, later);
  raysim_shutdown(ray);
}

/* Of large and small ones, of two of the same bytes, and of an error. */
static void values_outlive_the_connection(void)
{
  struct raysim *ray = start(1);
  struct raysim_value large, small, same, error, inner;
  raysim_ref refs[4] = {put_large(ray, LARGE), raysim_put(ray, "0123456789", 10)};
  refs[2] = raysim_put_data(ray, &(struct raysim_data){.refs = &refs[1], .ref_count = 1});
  refs[3] = raysim_submit(ray, "no.such", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, refs[0], LIMIT, &large), 0);
  CHECK_EQ(raysim_get(ray, refs[1], LIMIT, &small), 0);
  CHECK_EQ(raysim_get(ray, refs[1], LIMIT, &same), 0);
  CHECK_EQ(raysim_get(ray, refs[2], LIMIT, &inner), 0);
  CHECK_EQ(raysim_get(ray, refs[3], LIMIT, &error), RAYSIM_ERR_UNKNOWN_FUNCTION);
  raysim_shutdown(ray);
  CHECK(memcmp(small.bytes, "0123456789", 10) == 0);
  raysim_value_free(&small);
  CHECK(memcmp(same.bytes, "0123456789", 10) == 0);
  CHECK(inner.ref_count == 1 && raysim_ref_equal(inner.refs[0], refs[1]));
  CHECK(strstr(error.error->message, "no.such"));
  raysim_value_free(&same);
  raysim_value_free(&inner);
  raysim_value_free(&error);
  raysim_value_free(&large);
  raysim_value_free(&large); /* it holds nothing any more */
}

const struct rs_test rs_tests[] = {
    {"objects: arguments travel to actors on other nodes", arguments_travel_to_actors},
    {"objects: restarts find the arguments of the creation", restarts_find_their_arguments},
    {"objects: creations wait for their arguments, and fail with them", creations_wait_and_fail},
    {"objects: many values", many_values},
    {"objects: freed on request, for everybody", freed_for_all},
    {"objects: freed by others, and before they are made", freed_by_others_and_before},
    {"objects: values outlive the connection", values_outlive_the_connection},
    {0},
};
