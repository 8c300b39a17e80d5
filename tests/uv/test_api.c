/* The public API, with functions from a shared library: values, failures, crashes, objects. */
#include "api/raysim.h"

#include <pthread.h>

#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

static void start(struct raysim **ray)
{
  int rc = raysim_init(&(struct raysim_options){.num_cpus = 2, .node_count = 2, .load = LIBRARY}, ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
}

static void values(void)
{
  struct raysim *ray;
  struct raysim_value value;
  start(&ray);
  raysim_ref refs[100];
  for (int i = 0; i < 100; i++) {
    int in[2] = {i, 1000};
    refs[i] = raysim_submit(ray, "test.add", in, sizeof in, NULL);
  }
  for (int i = 0; i < 100; i++) {
    int sum;
    CHECK_EQ(raysim_get(ray, refs[i], 20000, &value), 0);
    CHECK_EQ(value.size, sizeof sum);
    memcpy(&sum, value.bytes, sizeof sum);
    CHECK_EQ(sum, 1000 + i);
    raysim_value_free(&value);
  }
  unsigned size = 7654321;
  raysim_ref ref = raysim_submit(ray, "test.large", &size, sizeof size, NULL);
  CHECK_EQ(raysim_get(ray, ref, 20000, &value), 0);
  CHECK_EQ(value.size, size);
  for (unsigned i = 0; i < size; i += 1009)
    CHECK_EQ(value.bytes[i], i % 251);
  raysim_value_free(&value);
  raysim_shutdown(ray);
}

static void failures(void)
{
  struct raysim *ray;
  struct raysim_value value;
  start(&ray);
  const struct raysim_task_options no_retries = {.max_retries = -1};
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.fail", NULL, 0, NULL), 20000, &value), RS_ERR_TASK_FAILED);
  CHECK(value.error && strcmp(value.error, "as asked") == 0);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.add", "x", 1, NULL), 20000, &value), RS_ERR_TASK_FAILED);
  CHECK(value.error && strcmp(value.error, "two numbers are wanted") == 0);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.none", NULL, 0, NULL), 20000, &value), RS_ERR_UNKNOWN_FUNCTION);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.crash", NULL, 0, &no_retries), 20000, &value),
           RS_ERR_WORKER_CRASHED);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.leave", NULL, 0, &no_retries), 20000, &value),
           RS_ERR_WORKER_CRASHED);
  raysim_value_free(&value);
  CHECK_EQ(raysim_get(ray, raysim_submit(ray, "test.crash", NULL, 0, NULL), 20000, &value), RS_ERR_WORKER_CRASHED);
  raysim_value_free(&value);
  char path[64];
  snprintf(path, sizeof path, "/tmp/raysim-once-%d", (int)getpid());
  unlink(path);
  raysim_ref ref = raysim_submit(ray, "test.crash_once", path, strlen(path) + 1, NULL);
  CHECK_EQ(raysim_get(ray, ref, 20000, &value), 0);
  CHECK_EQ(value.size, 5);
  raysim_value_free(&value);
  unlink(path);
  raysim_shutdown(ray);
}

static void objects(void)
{
  struct raysim *ray;
  struct raysim_value value;
  start(&ray);
  CHECK_EQ(raysim_get_object(ray, 1000000, 1000, &value), RS_ERR_OBJECT_LOST);
  raysim_ref ref = raysim_put(ray, "hello", 6);
  CHECK(ref != 0);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(raysim_get_object(ray, ref, 10000, &value), 0);
    CHECK_EQ(value.size, 6);
    CHECK(value.bytes && memcmp(value.bytes, "hello", 6) == 0);
    raysim_value_free(&value);
  }
  raysim_release(ray, ref);
  raysim_shutdown(ray);
}

/* Several threads submit, put and get at once. */
static void *one_thread(void *arg)
{
  struct raysim *ray = arg;
  for (int i = 0; i < 200; i++) {
    struct raysim_value value;
    int in[2] = {i, 1}, sum = 0;
    raysim_ref ref = raysim_submit(ray, "test.add", in, sizeof in, NULL), put = 0;
    if (i % 10 == 0)
      put = raysim_put(ray, in, sizeof in);
    if (raysim_get(ray, ref, 20000, &value) != 0 || value.size != sizeof sum)
      return ray;
    memcpy(&sum, value.bytes, sizeof sum);
    raysim_value_free(&value);
    if (sum != i + 1)
      return ray;
    if (put && (raysim_get_object(ray, put, 20000, &value) != 0 || value.size != sizeof in))
      return ray;
    raysim_value_free(&value);
    raysim_release(ray, put);
  }
  return NULL;
}

static void threads(void)
{
  struct raysim *ray;
  pthread_t threads[4];
  start(&ray);
  for (int i = 0; i < 4; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, one_thread, ray), 0);
  for (int i = 0; i < 4; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    CHECK(failed == NULL);
  }
  raysim_shutdown(ray);
}

static void no_library(void)
{
  struct raysim *ray;
  CHECK(raysim_init(&(struct raysim_options){.load = "/nonexistent.so"}, &ray) < 0);
  CHECK(ray == NULL);
  CHECK(strstr(raysim_last_error(), "/nonexistent.so") != NULL);
}

const struct rs_test rs_tests[] = {{"values", values},   {"failures", failures},     {"objects", objects},
                                   {"threads", threads}, {"no_library", no_library}, {0}};
