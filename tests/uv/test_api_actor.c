/* Actors and streams through the public API, on a real cluster: threads and concurrency groups, names and name spaces,
 * detached life, ends and their causes, values one by one. */
#include <sys/stat.h>

#include "api/raysim_int.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * RS_S + (uint64_t)t.tv_nsec;
}

static struct raysim *start(uint32_t nodes, double cpus)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = cpus, .nodes = nodes, .load = LIBRARY};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

static raysim_actor busy(struct raysim *ray, const struct raysim_actor_options *options)
{
  raysim_actor actor = raysim_actor_create(ray, "test.Busy", NULL, 0, options);
  if (raysim_is_none(actor.ref))
    printf("\n    %s\n", raysim_last_error());
  return actor;
}

static raysim_ref nap(struct raysim *ray, raysim_actor actor, int ms, const char *group)
{
  struct raysim_call_options options = {.concurrency_group = group};
  return raysim_call(ray, actor, "nap", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &options);
}

/* Takes the result; text: what its error says. */
static int status_of(struct raysim *ray, raysim_ref ref, const char *text)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (text && (!value.error || !strstr(value.error->message, text)))
    printf("\n    \"%s\" is not in: %s\n", text, value.error ? value.error->message : "(a success)");
  CHECK(!text || (value.error && strstr(value.error->message, text)));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

static void threads_and_groups(void)
{
  struct raysim *ray = start(1, 2);
  struct raysim_concurrency_group io = {"io", 2};
  raysim_actor actor = busy(ray, &(struct raysim_actor_options){.max_concurrency = 8, .groups = &io, .group_count = 1});
  CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), NULL), 0);
  raysim_ref calls[16], others[4];
  uint64_t begin = now_ns();
  for (int i = 0; i < 16; i++)
    calls[i] = nap(ray, actor, 200, NULL);
  for (int i = 0; i < 4; i++)
    others[i] = nap(ray, actor, 50, "io");
  for (int i = 0; i < 4; i++)
    CHECK_EQ(status_of(ray, others[i], NULL), 0);
  uint8_t ready = 1; /* the group did not wait for the second round of the others */
  CHECK_EQ(raysim_wait(ray, &calls[15], 1, 1, 0, 0, &ready), 0);
  for (int i = 0; i < 16; i++)
    CHECK_EQ(status_of(ray, calls[i], NULL), 0);
  uint64_t took = now_ns() - begin;
  CHECK(took >= 400 * RS_MS && took < 3000 * RS_MS); /* two rounds; one by one it would be 3.2 s */
  CHECK(status_of(ray, nap(ray, actor, 1, "none"), "no such concurrency group") != 0);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

static void names(void)
{
  struct raysim *ray = start(1, 4);
  struct raysim_actor_options named = {.name = "one"}, elsewhere = {.name = "one", .name_space = "x"};
  raysim_actor first = busy(ray, &named);
  CHECK(!raysim_is_none(first.ref));
  raysim_actor second = raysim_actor_create(ray, "test.Busy", NULL, 0, &named);
  CHECK(raysim_is_none(second.ref) && strstr(raysim_last_error(), "is taken"));
  named.get_if_exists = 1;
  CHECK(raysim_ref_equal(busy(ray, &named).ref, first.ref));
  CHECK(raysim_ref_equal(raysim_actor_find(ray, "one", NULL).ref, first.ref));
  CHECK(raysim_is_none(raysim_actor_find(ray, "one", "x").ref));
  raysim_actor other = busy(ray, &elsewhere);
  CHECK(raysim_ref_equal(raysim_actor_find(ray, "one", "x").ref, other.ref));
  struct raysim_actor_name *list;
  CHECK_EQ(raysim_actor_list(ray, NULL, RAYSIM_ALL_NAME_SPACES, &list), 2);
  CHECK_STR(list[1].name, "one");
  CHECK_STR(list[1].name_space, "x");
  CHECK(raysim_ref_equal(list[1].actor.ref, other.ref));
  raysim_actor_list_free(list);
  CHECK_EQ(raysim_kill(ray, other, 0), 0);
  for (int i = 0; i < 200 && !raysim_is_none(raysim_actor_find(ray, "one", "x").ref); i++)
    local_pause_ms(10);
  CHECK_EQ(raysim_actor_list(ray, "x", 0, &list), 0);
  raysim_actor_list_free(list);
  raysim_shutdown(ray);
}

/* A program and its tasks have one name space, whether it has a name or not; an actor keeps its own, whoever calls it.
 */
static void jobs_have_name_spaces(void)
{
  struct raysim *ray = start(1, 4), *job, *other;
  char session[RS_UV_PATH_MAX];
  snprintf(session, sizeof session, "%s", rs_uv_cluster_session(ray->cluster));
  struct raysim_options named = {.address = session, .name_space = "ours"}, unnamed = {.address = session};
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(raysim_init(i ? &named : &unnamed, &job), 0);
    raysim_actor one = busy(job, &(struct raysim_actor_options){.name = "one"});
    CHECK_EQ(
        status_of(job,
                  raysim_submit(job, "test.by_name", RAYSIM_ARGS(raysim_bytes("one", 4), raysim_bytes("two", 4)), NULL),
                  NULL),
        0);
    raysim_actor two = raysim_actor_find(job, "two", NULL);
    CHECK(!raysim_is_none(two.ref));
    CHECK_EQ(raysim_init(&unnamed, &other), 0);
    CHECK(raysim_is_none(raysim_actor_find(other, "one", NULL).ref));
    CHECK_EQ(!raysim_is_none(raysim_actor_find(other, "one", "ours").ref), i);
    raysim_actor theirs =
        raysim_actor_create(other, "test.Busy", NULL, 0, &(struct raysim_actor_options){.name = "two"});
    CHECK(!raysim_is_none(theirs.ref));
    if (i) { /* called by another job, it still looks in its own */
      raysim_actor seen = raysim_actor_find(other, "one", "ours");
      CHECK_EQ(status_of(other,
                         raysim_call(other, seen, "by_name",
                                     RAYSIM_ARGS(raysim_bytes("two", 4), raysim_bytes("three", 6)), NULL),
                         NULL),
               0);
      CHECK(!raysim_is_none(raysim_actor_find(job, "three", NULL).ref));
      CHECK_EQ(raysim_kill(job, raysim_actor_find(job, "three", NULL), 0), 0);
    }
    CHECK_EQ(raysim_kill(job, two, 0), 0);
    raysim_release(job, one.ref);
    raysim_shutdown(other);
    raysim_shutdown(job);
  }
  /* a detached actor, made in a name space that is not the job's */
  CHECK_EQ(raysim_init(&unnamed, &job), 0);
  raysim_actor stays = busy(job, &(struct raysim_actor_options){.name = "stays", .name_space = "there", .detached = 1});
  CHECK_EQ(
      status_of(job,
                raysim_call(job, stays, "by_name", RAYSIM_ARGS(raysim_bytes("stays", 6), raysim_bytes("too", 4)), NULL),
                NULL),
      0);
  CHECK(!raysim_is_none(raysim_actor_find(job, "too", "there").ref));
  CHECK(raysim_is_none(raysim_actor_find(job, "too", NULL).ref));
  raysim_shutdown(job);
  raysim_shutdown(ray);
}

static double cpus_left(struct raysim *ray)
{
  struct raysim_resources left;
  CHECK_EQ(raysim_available_resources(ray, &left), 0);
  return left.num_cpus;
}

/* Ray's rule: one that asks for nothing, or memory alone, holds no CPU while it lives; one that asks for another
 * resource holds one. */
static void cpus_of_actors(void)
{
  struct raysim *ray;
  struct raysim_resource disk = {"disk", 2}, one_disk = {"disk", 1};
  struct raysim_options options = {
      .num_cpus = 8, .num_gpus = 2, .memory_bytes = 1u << 30, .resources = &disk, .resource_count = 1, .load = LIBRARY};
  CHECK_EQ(raysim_init(&options, &ray), 0);
  struct raysim_demand demands[] = {{0},
                                    {.memory_bytes = 1u << 20},
                                    {.num_gpus = 0.5},
                                    {.resources = &one_disk, .resource_count = 1},
                                    {.num_gpus = 1, .num_cpus = RAYSIM_NONE},
                                    {.num_cpus = 2}};
  double held[] = {0, 0, 1, 1, 0, 2}, sum = 0;
  for (int i = 0; i < 6; i++) {
    raysim_actor actor = busy(ray, &(struct raysim_actor_options){.demand = demands[i]});
    CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), NULL), 0);
    sum += held[i];
    for (int k = 0; k < 500 && cpus_left(ray) != 8 - sum; k++)
      local_pause_ms(10);
    local_pause_ms(150); /* a report later it is still so */
    if (cpus_left(ray) != 8 - sum)
      printf("\n    demand %d: %g CPUs are left\n", i, cpus_left(ray));
    CHECK(cpus_left(ray) == 8 - sum);
  }
  raysim_shutdown(ray);
}

/* Another program finds and calls an actor; detached ones outlive the program that made them. */
static void programs(void)
{
  struct raysim *ray = start(1, 4), *maker, *reader;
  char session[RS_UV_PATH_MAX];
  snprintf(session, sizeof session, "%s", rs_uv_cluster_session(ray->cluster));
  CHECK_EQ(raysim_init(&(struct raysim_options){.address = session}, &maker), 0);
  CHECK_EQ(raysim_init(&(struct raysim_options){.address = session}, &reader), 0);
  struct raysim_actor_options options = {.name = "stays", .name_space = "shared", .detached = 1};
  busy(maker, &options);
  options = (struct raysim_actor_options){.name = "goes", .name_space = "shared"};
  busy(maker, &options);
  raysim_actor stays = raysim_actor_find(reader, "stays", "shared"), goes = raysim_actor_find(reader, "goes", "shared");
  CHECK_EQ(status_of(reader, nap(reader, stays, 1, NULL), NULL), 0);
  CHECK_EQ(status_of(reader, nap(reader, goes, 1, NULL), NULL), 0);
  raysim_shutdown(maker);
  for (int i = 0; i < 500 && !raysim_is_none(raysim_actor_find(reader, "goes", "shared").ref); i++)
    local_pause_ms(10);
  CHECK(status_of(reader, nap(reader, goes, 1, NULL), "its creator has ended") != 0);
  CHECK_EQ(status_of(reader, nap(reader, stays, 1, NULL), NULL), 0);
  CHECK_EQ(raysim_kill(reader, stays, 0), 0);
  CHECK(status_of(reader, nap(reader, stays, 60000, NULL), "killed on request") != 0);
  raysim_shutdown(reader);
  raysim_shutdown(ray);
}

static void ends(void)
{
  struct raysim *ray = start(1, 4);
  raysim_actor actor = busy(ray, NULL);
  struct raysim_value value;
  raysim_ref bye = raysim_call(ray, actor, "exit", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, bye, LIMIT, &value), 0); /* the call that ends it still ends well */
  CHECK(value.size == 3 && memcmp(value.bytes, "bye", 3) == 0);
  raysim_value_free(&value);
  raysim_release(ray, bye);
  CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), "ended itself"), RAYSIM_ERR_ACTOR_DIED);
  actor = busy(ray, NULL);
  CHECK_EQ(status_of(ray, raysim_call(ray, actor, "crash", NULL, 0, NULL), "its process died"), RAYSIM_ERR_ACTOR_DIED);
  CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), "its process died"), RAYSIM_ERR_ACTOR_DIED);
  struct raysim_actor_options options = {.max_restarts = 1, .max_task_retries = 1};
  actor = busy(ray, &options);
  CHECK_EQ(status_of(ray, raysim_call(ray, actor, "crash", NULL, 0, NULL), "after 1 restart"), RAYSIM_ERR_ACTOR_DIED);
  struct raysim_actor_options comes_back = {.max_restarts = RAYSIM_UNLIMITED, .max_task_retries = 2};
  actor = busy(ray, &comes_back); /* the call is out of retries, the actor is not */
  raysim_ref lost = raysim_call(ray, actor, "crash", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, lost, LIMIT, &value), RAYSIM_ERR_ACTOR_UNAVAILABLE);
  CHECK(strstr(value.error->message, "and restarts: its process died"));
  CHECK(value.error->retries == 2 && value.error->node == 0);
  raysim_value_free(&value);
  raysim_release(ray, lost);
  CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), NULL), 0);
  raysim_release(ray, actor.ref);
  actor = busy(ray, NULL); /* its last handle goes: what was asked is done */
  raysim_ref last = nap(ray, actor, 200, NULL);
  raysim_release(ray, actor.ref);
  CHECK_EQ(status_of(ray, last, NULL), 0);
  struct raysim_actor_options narrow = {.max_pending_calls = 2};
  actor = busy(ray, &narrow);
  raysim_ref calls[3];
  for (int i = 0; i < 3; i++)
    calls[i] = nap(ray, actor, 100, NULL);
  CHECK(status_of(ray, calls[2], "too many calls") != 0);
  CHECK_EQ(status_of(ray, calls[0], NULL), 0);
  CHECK_EQ(status_of(ray, calls[1], NULL), 0);
  raysim_shutdown(ray);
}

/* ---- streams ---- */

static void read_all(struct raysim *ray, raysim_stream stream, int count, size_t size)
{
  for (int i = 1; i <= count; i++) {
    raysim_ref item;
    struct raysim_value value;
    int rc = raysim_next(ray, stream, LIMIT, &item);
    if (rc != 1)
      printf("\n    item %d: %s\n", i, raysim_last_error());
    CHECK_EQ(rc, 1);
    CHECK_EQ(raysim_get(ray, item, LIMIT, &value), 0);
    CHECK_EQ(value.size, size);
    CHECK(((const unsigned char *)value.bytes)[0] == i && ((const unsigned char *)value.bytes)[size - 1] == i);
    raysim_value_free(&value);
    raysim_release(ray, item);
  }
}

static raysim_stream items(struct raysim *ray, int count, size_t size, uint32_t backpressure)
{
  return raysim_submit_stream(ray, "test.items", RAYSIM_ARGS(RAYSIM_VALUE(count), RAYSIM_VALUE(size)), NULL,
                              backpressure);
}

static void streams(void)
{
  struct raysim *ray = start(2, 2);
  static const size_t sizes[] = {1, 1000, 300000};
  raysim_ref item;
  for (unsigned i = 0; i < 6; i++) {
    raysim_stream stream = items(ray, 50, sizes[i % 3], i < 3 ? 0 : 4);
    read_all(ray, stream, 50, sizes[i % 3]);
    CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 0);
    CHECK(raysim_is_none(item));
    raysim_stream_release(ray, stream);
  }
  raysim_stream fails = raysim_submit_stream(ray, "test.items_fail", NULL, 0, NULL, 0);
  CHECK_EQ(raysim_next(ray, fails, LIMIT, &item), 1);
  raysim_release(ray, item);
  CHECK_EQ(raysim_next(ray, fails, LIMIT, &item), RAYSIM_ERR_TASK_FAILED);
  CHECK(strstr(raysim_last_error(), "no more than one"));
  CHECK_EQ(raysim_next(ray, fails, LIMIT, &item), 0);
  raysim_stream_release(ray, fails);
  raysim_stream held = items(ray, 100, 10, 5); /* its function waits: cancelled, it ends */
  CHECK_EQ(raysim_next(ray, held, LIMIT, &item), 1);
  raysim_release(ray, item);
  CHECK_EQ(raysim_stream_cancel(ray, held, 0), 0);
  int rc = 1;
  for (int i = 0; i < 10 && (rc = raysim_next(ray, held, LIMIT, &item)) == 1; i++)
    raysim_release(ray, item);
  CHECK_EQ(rc, RAYSIM_ERR_CANCELLED);
  raysim_stream_release(ray, held);
  raysim_stream left = items(ray, 100, 300000, 3); /* given up half way */
  read_all(ray, left, 2, 300000);
  raysim_stream_release(ray, left);
  raysim_actor actor = busy(ray, NULL);
  int count = 5;
  size_t size = 10;
  raysim_stream of_actor =
      raysim_call_stream(ray, actor, "items", RAYSIM_ARGS(RAYSIM_VALUE(count), RAYSIM_VALUE(size)), NULL, 2);
  read_all(ray, of_actor, 5, 10);
  CHECK_EQ(raysim_next(ray, of_actor, LIMIT, &item), 0);
  raysim_stream_release(ray, of_actor);
  raysim_shutdown(ray);
}

/* A stream of a call goes to the queue that its options name, and takes their other wishes. */
static void streams_have_options(void)
{
  struct raysim *ray = start(1, 2);
  struct raysim_concurrency_group io = {"io", 1};
  raysim_actor actor = busy(ray, &(struct raysim_actor_options){.groups = &io, .group_count = 1});
  CHECK_EQ(status_of(ray, nap(ray, actor, 1, NULL), NULL), 0);
  raysim_ref long_one = nap(ray, actor, 1500, NULL), item;
  int count = 5;
  size_t size = 10;
  uint64_t begin = now_ns();
  raysim_stream stream = raysim_call_stream(ray, actor, "items", RAYSIM_ARGS(RAYSIM_VALUE(count), RAYSIM_VALUE(size)),
                                            &(struct raysim_call_options){.concurrency_group = "io"}, 2);
  read_all(ray, stream, count, size);
  CHECK(now_ns() - begin < 1400 * RS_MS); /* not behind the long one */
  raysim_stream_release(ray, stream);
  stream =
      raysim_call_stream(ray, actor, "items", NULL, 0, &(struct raysim_call_options){.concurrency_group = "no"}, 2);
  CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), RAYSIM_ERR_UNKNOWN_GROUP);
  raysim_stream_release(ray, stream);
  stream = raysim_call_stream(ray, actor, "items", NULL, 0, &(struct raysim_call_options){.max_task_retries = -7}, 2);
  CHECK(raysim_is_none(stream.ref) && strstr(raysim_last_error(), "max_task_retries"));
  CHECK_EQ(status_of(ray, long_one, NULL), 0);
  raysim_shutdown(ray);
}

/* The worker dies half way: every item comes once all the same. */
static void a_stream_survives_a_crash(void)
{
  struct raysim *ray = start(1, 2);
  char path[64] = "";
  int count = 40;
  size_t size = 2000;
  snprintf(path, sizeof path, "/tmp/raysim-stream-%d", (int)getpid());
  unlink(path);
  raysim_stream stream = raysim_submit_stream(
      ray, "test.items", RAYSIM_ARGS(RAYSIM_VALUE(count), RAYSIM_VALUE(size), RAYSIM_VALUE(path)), NULL, 3);
  read_all(ray, stream, count, size);
  raysim_ref item;
  CHECK_EQ(raysim_next(ray, stream, LIMIT, &item), 0);
  raysim_stream_release(ray, stream);
  CHECK_EQ(unlink(path), 0);
  raysim_shutdown(ray);
}

/* The class's `destroy` gets the state of an actor whose last handle went, once, after its calls. */
static void the_state_is_destroyed(void)
{
  char path[64], text[16] = "";
  snprintf(path, sizeof path, "/tmp/raysim-destroyed-%d", (int)getpid());
  setenv("RAYSIM_TEST_DESTROYED", path, 1);
  struct raysim *ray = start(1, 2);
  int five = 5, two = 2;
  raysim_actor counter = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(five)), NULL);
  raysim_ref sum = raysim_call(ray, counter, "add", RAYSIM_ARGS(RAYSIM_VALUE(two)), NULL);
  raysim_release(ray, counter.ref);
  raysim_release(ray, sum);
  for (int i = 0; i < 1000 && !strchr(text, '\n'); i++) {
    FILE *file = fopen(path, "r");
    if (file && !fgets(text, sizeof text, file))
      text[0] = 0;
    if (file)
      fclose(file);
    local_pause_ms(10);
  }
  CHECK(strcmp(text, "7\n") == 0);
  CHECK_EQ(unlink(path), 0);
  raysim_shutdown(ray);
  unsetenv("RAYSIM_TEST_DESTROYED");
}

const struct rs_test rs_tests[] = {
    {"api: threads and concurrency groups", threads_and_groups},
    {"api: names and name spaces", names},
    {"api: actors of other programs, detached ones", programs},
    {"api: how actors end", ends},
    {"api: jobs have name spaces", jobs_have_name_spaces},
    {"api: CPUs of actors", cpus_of_actors},
    {"api: the state is destroyed", the_state_is_destroyed},
    {"api: streams", streams},
    {"api: a stream survives a crash", a_stream_survives_a_crash},
    {"api: streams of calls have options", streams_have_options},
    {0},
};
