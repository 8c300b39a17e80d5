/* Async actors through the public API, on a real cluster: calls that go on without their function, thousands on one
 * thread, cancelled and killed under way. */
#include "api/raysim_int.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

static struct raysim *start(void)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = 2, .load = LIBRARY};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

/* With a queue "control" beside the one of its calls. */
static raysim_actor later(struct raysim *ray, int max_concurrency, int max_restarts, int max_task_retries)
{
  static const struct raysim_concurrency_group control = {"control", 1};
  struct raysim_actor_options options = {.async = 1,
                                         .max_concurrency = max_concurrency,
                                         .max_restarts = max_restarts,
                                         .max_task_retries = max_task_retries,
                                         .groups = &control,
                                         .group_count = 1};
  return raysim_actor_create(ray, "test.Later", NULL, 0, &options);
}

static raysim_ref control(struct raysim *ray, raysim_actor actor, const char *method)
{
  return raysim_call(ray, actor, method, NULL, 0, &(struct raysim_call_options){.concurrency_group = "control"});
}

/* Waits until so many calls are parked, and there are no more of them; the threads of their process. */
static int parked(struct raysim *ray, raysim_actor actor, int wanted)
{
  int both[2] = {-1, -1};
  for (int i = 0; i < 400 && both[0] != wanted; i++, local_pause_ms(5)) {
    raysim_ref ref = control(ray, actor, "count");
    struct raysim_value value;
    if (raysim_get(ray, ref, LIMIT, &value) == 0)
      memcpy(both, value.bytes, sizeof both);
    raysim_value_free(&value);
    raysim_release(ray, ref);
  }
  CHECK_EQ(both[0], wanted);
  return both[1];
}

static int status_of(struct raysim *ray, raysim_ref ref, const char *text)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (text && !(value.error && strstr(value.error->message, text)))
    printf("\n    \"%s\" is not in: %s\n", text, value.error ? value.error->message : "(a success)");
  CHECK(!text || (value.error && strstr(value.error->message, text)));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

static int number_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int number = -1;
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
  if (value.size == sizeof number)
    memcpy(&number, value.bytes, sizeof number);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return number;
}

static void park(struct raysim *ray, raysim_actor actor, raysim_ref *refs, int count, bool until_cancelled)
{
  for (int i = 0; i < count; i++) {
    struct raysim_argument args[2] = {RAYSIM_VALUE(i), RAYSIM_VALUE(i)};
    refs[i] = raysim_call(ray, actor, "park", args, until_cancelled ? 2 : 1, NULL);
  }
}

/* 1,000 under way at a time, which is the default, of 1,500; on one thread. */
static void a_thousand_calls_on_one_thread(void)
{
  enum { COUNT = 1500 };
  struct raysim *ray = start();
  raysim_actor actor = later(ray, 0, 0, 0);
  static raysim_ref refs[COUNT];
  int threads = parked(ray, actor, 0);
  park(ray, actor, refs, COUNT, false);
  CHECK_EQ(parked(ray, actor, 1000), threads);
  uint8_t ready[COUNT];
  CHECK_EQ(raysim_wait(ray, refs, COUNT, COUNT, 0, 0, ready), 0);
  for (int released = 0; released < COUNT; released = (int)raysim_wait(ray, refs, COUNT, COUNT, 0, 0, ready))
    CHECK_EQ(status_of(ray, control(ray, actor, "release"), NULL), 0);
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ(number_of(ray, refs[i]), i);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

static void ways_to_complete(void)
{
  struct raysim *ray = start();
  raysim_actor actor = later(ray, 0, 0, 0);
  int seven = 7, bad = -5;
  CHECK_EQ(number_of(ray, raysim_call(ray, actor, "now", RAYSIM_ARGS(RAYSIM_VALUE(seven)), NULL)), 14);
  CHECK_EQ(status_of(ray, raysim_call(ray, actor, "now", RAYSIM_ARGS(RAYSIM_VALUE(bad)), NULL), "failed later: -5"),
           RAYSIM_ERR_TASK_FAILED);
  size_t size = 1 << 20;
  char *bytes = calloc(1, size);
  bytes[77] = 3;
  raysim_ref large = raysim_put(ray, bytes, size), sums[20]; /* its bytes stay until each has read them */
  free(bytes);
  for (int i = 0; i < 20; i++)
    sums[i] = raysim_call(ray, actor, "sum", RAYSIM_ARGS(raysim_object(large)), NULL);
  raysim_release(ray, large);
  for (int i = 0; i < 20; i++)
    CHECK_EQ(number_of(ray, sums[i]), 3);
  unsigned char some[3] = {1, 2, 3}; /* plain tasks may defer too */
  for (int i = 0; i < 20; i++)
    sums[i] = raysim_submit(ray, "test.later_sum", RAYSIM_ARGS(RAYSIM_VALUE(some)), NULL);
  for (int i = 0; i < 20; i++)
    CHECK_EQ(number_of(ray, sums[i]), 6);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

/* With a function that is told, at once; without one when the call is completed; and a plain task. */
static void cancelled_under_way(void)
{
  enum { COUNT = 100 };
  struct raysim *ray = start();
  raysim_actor actor = later(ray, 0, 0, 0);
  raysim_ref told[COUNT], silent[COUNT];
  park(ray, actor, told, COUNT, true);
  park(ray, actor, silent, COUNT, false);
  parked(ray, actor, 2 * COUNT);
  for (int i = 0; i < COUNT; i += 2) {
    CHECK_EQ(raysim_cancel(ray, told[i], 0), 0);
    CHECK_EQ(raysim_cancel(ray, silent[i], RAYSIM_FORCE), RAYSIM_ERR_INVALID); /* an actor is not killed for it */
    CHECK_EQ(raysim_cancel(ray, silent[i], 0), 0);
  }
  for (int i = 0; i < COUNT; i += 2)
    CHECK_EQ(status_of(ray, told[i], NULL), RAYSIM_ERR_CANCELLED);
  parked(ray, actor, 2 * COUNT - COUNT / 2);
  CHECK_EQ(status_of(ray, control(ray, actor, "release"), NULL), 0);
  for (int i = 0; i < COUNT; i++) {
    CHECK_EQ(status_of(ray, silent[i], NULL), i % 2 == 0 ? RAYSIM_ERR_CANCELLED : 0);
    if (i % 2)
      CHECK_EQ(number_of(ray, told[i]), i);
  }
  int one = 1;
  raysim_ref task = raysim_submit(ray, "test.park", RAYSIM_ARGS(RAYSIM_VALUE(one), RAYSIM_VALUE(one)), NULL);
  local_pause_ms(200);
  CHECK_EQ(raysim_cancel(ray, task, 0), 0);
  CHECK_EQ(status_of(ray, task, NULL), RAYSIM_ERR_CANCELLED);
  raysim_release(ray, actor.ref);
  raysim_shutdown(ray);
}

/* All fail with the actor; or are sent again to its next life, where they have retries. */
static void killed_under_way(void)
{
  enum { COUNT = 1000 };
  struct raysim *ray = start();
  static raysim_ref refs[COUNT];
  raysim_actor actor = later(ray, 0, 0, 0), again = later(ray, 0, 1, 1);
  park(ray, actor, refs, COUNT, false);
  parked(ray, actor, COUNT);
  CHECK_EQ(raysim_kill(ray, actor, 0), 0);
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ(status_of(ray, refs[i], i == 0 ? "it was killed on request" : NULL), RAYSIM_ERR_ACTOR_DIED);
  park(ray, again, refs, COUNT, false);
  parked(ray, again, COUNT);
  CHECK_EQ(raysim_kill(ray, again, RAYSIM_MAY_RESTART), 0);
  parked(ray, again, COUNT);
  CHECK_EQ(status_of(ray, control(ray, again, "release"), NULL), 0);
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ(number_of(ray, refs[i]), i);
  raysim_release(ray, actor.ref);
  raysim_release(ray, again.ref);
  raysim_shutdown(ray);
}

/* Its last handle is given up: what is under way is still completed. */
static void ends_in_order(void)
{
  struct raysim *ray = start();
  raysim_actor actor = later(ray, 0, 0, 0);
  raysim_ref refs[10];
  park(ray, actor, refs, 10, false);
  parked(ray, actor, 10);
  raysim_ref release = control(ray, actor, "release");
  raysim_release(ray, actor.ref);
  CHECK_EQ(status_of(ray, release, NULL), 0);
  for (int i = 0; i < 10; i++)
    CHECK_EQ(number_of(ray, refs[i]), i);
  raysim_shutdown(ray);
}

const struct rs_test rs_tests[] = {
    {"async: a thousand calls on one thread", a_thousand_calls_on_one_thread},
    {"async: ways to complete", ways_to_complete},
    {"async: cancelled under way", cancelled_under_way},
    {"async: killed under way", killed_under_way},
    {"async: ends in order", ends_in_order},
    {0},
};
