/* The public API on a real cluster, with functions from a shared library: values, arguments, failures, crashes,
 * objects, waits, tasks that submit tasks, actors. */
#include "api/raysim.h"

#include <pthread.h>

#include "api/raysim_int.h"
#include "core/state.h"
#include "local.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

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

static uint64_t rows_of(struct raysim *ray, enum rs_state_kind kind)
{
  struct rs_m_state_query *q = rs_msg_new(RS_MSG_STATE_QUERY);
  struct rs_msg *answer;
  q->kind = (uint8_t)kind;
  q->limit = 100;
  CHECK_EQ(rs_uv_client_ask(ray->client, q, 10 * RS_S, &answer), 0);
  CHECK_EQ(answer->type, RS_MSG_STATE_REPLY);
  const struct rs_m_state_reply *reply = (const void *)answer;
  CHECK_EQ(reply->status, 0);
  uint64_t total = reply->total;
  rs_msg_unref(answer);
  return total;
}

/* Ends a cluster of which no more than that many objects are held. */
static void stop_with(struct raysim *ray, uint64_t held)
{
  uint64_t objects = held + 1, copies = 1;
  for (int i = 0; i < 500 && (objects != held || copies > held); i++) {
    if (i)
      local_pause_ms(10);
    objects = rows_of(ray, RS_STATE_OBJECTS);
    copies = rows_of(ray, RS_STATE_COPIES);
  }
  CHECK_EQ(objects, held);
  CHECK(copies <= held);
  raysim_shutdown(ray);
}

/* Nothing is held: no owner knows an object, and every store is empty. */
static void stop(struct raysim *ray)
{
  stop_with(ray, 0);
}

static raysim_ref add(struct raysim *ray, int a, int b)
{
  return raysim_submit(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(a), RAYSIM_VALUE(b)), NULL);
}

static int int_of(struct raysim *ray, raysim_ref ref)
{
  struct raysim_value value;
  int number;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  if (rc != 0)
    printf("\n    %s: %s\n", raysim_error_text(rc), value.error ? value.error->message : "");
  CHECK_EQ(rc, 0);
  CHECK_EQ(value.size, sizeof number);
  memcpy(&number, value.bytes, sizeof number);
  raysim_value_free(&value);
  return number;
}

/* Takes a task's error: its code. */
static int error_of(struct raysim *ray, raysim_ref ref, const char *text)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, LIMIT, &value);
  CHECK(rc != 0 && value.error != NULL);
  CHECK_EQ(value.error->code, rc);
  if (text && !strstr(value.error->message, text))
    printf("\n    \"%s\" is not in: %s\n", text, value.error->message);
  CHECK(!text || strstr(value.error->message, text));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

static void ids(void)
{
  raysim_ref none = {{0}}, ref, again;
  char hex[RAYSIM_HEX_SIZE];
  CHECK(raysim_is_none(none));
  CHECK_EQ(raysim_ref_parse("00000100100000030000000000000000000000000000000000000007", &ref), 0);
  CHECK(!raysim_is_none(ref));
  CHECK_STR(raysim_ref_hex(ref, hex), "00000100100000030000000000000000000000000000000000000007");
  CHECK_EQ(raysim_ref_parse(hex, &again), 0);
  CHECK(raysim_ref_equal(ref, again));
  static const char *const wrong[] = {"", "12", "0000010010000003000000000000000000000000000000000000000g",
                                      "00000100100000030000000000010000000000000000000000000007",
                                      "000001001000000300000000000000000000000000000000000000070"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_EQ(raysim_ref_parse(wrong[i], &again), RAYSIM_ERR_INVALID);
    CHECK(raysim_is_none(again));
  }
}

static void values(void)
{
  struct raysim *ray = start(2, 2);
  struct raysim_value value;
  raysim_ref refs[100];
  for (int i = 0; i < 100; i++)
    refs[i] = add(ray, i, 1000);
  for (int i = 0; i < 100; i++) {
    CHECK_EQ(int_of(ray, refs[i]), 1000 + i);
    CHECK_EQ(int_of(ray, refs[i]), 1000 + i); /* a get takes nothing away */
    raysim_release(ray, refs[i]);
  }
  unsigned size = 7654321;
  raysim_ref ref = raysim_submit(ray, "test.large", RAYSIM_ARGS(RAYSIM_VALUE(size)), NULL);
  for (int round = 0; round < 2; round++) {
    CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
    CHECK_EQ(value.size, size);
    for (unsigned i = 0; i < size; i += 1009)
      CHECK_EQ(((const uint8_t *)value.bytes)[i], i % 251);
    raysim_value_free(&value);
  }
  raysim_release(ray, ref);
  raysim_ref three[3];
  struct raysim_task_options options = {.num_returns = 3};
  CHECK_EQ(raysim_submit_many(ray, "test.three", NULL, 0, &options, 1, three), 0);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(int_of(ray, three[i]), 10 * i);
    raysim_release(ray, three[i]);
  }
  stop(ray);
}

static void failures(void)
{
  struct raysim *ray = start(2, 2);
  struct raysim_value value;
  raysim_ref ref = raysim_submit(ray, "test.fail", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), RAYSIM_ERR_TASK_FAILED);
  CHECK_STR(value.error->message, "as asked: 7");
  CHECK_STR(value.error->function, "test.fail");
  CHECK(value.error->pid > 0);
  CHECK(value.error->node < 2);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  int one = 1;
  CHECK_EQ(
      error_of(ray, raysim_submit(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL), "two numbers are wanted"),
      RAYSIM_ERR_TASK_FAILED);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "test.none", NULL, 0, NULL), NULL), RAYSIM_ERR_UNKNOWN_FUNCTION);
  char path[64];
  snprintf(path, sizeof path, "/tmp/raysim-once-%d", (int)getpid());
  unlink(path);
  ref = raysim_submit(ray, "test.crash_once", RAYSIM_ARGS(raysim_bytes(path, strlen(path) + 1)), NULL);
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
  CHECK_EQ(value.size, 5);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  unlink(path);
  stop(ray);
}

/* Whatever ends a function ends its process alone: its caller hears how, where, and after how many tries, and the
 * cluster goes on. */
static void crashes(void)
{
  static const struct {
    const char *function, *text;
  } ways[] = {{"test.crash", "signal 6 (Aborted)"},
              {"test.segfault", "signal 11 (Segmentation fault)"},
              {"test.beyond", "signal 11 (Segmentation fault)"},
              {"test.overflow", "signal 11 (Segmentation fault)"},
              {"test.leave", "exit(3)"},
              {"test.end_thread", "ended its thread"},
              {"test.killed", "died"}}; /* which says nothing */
  struct raysim *ray = start(2, 2);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    for (int retries = 0; retries <= 2; retries += 2) {
      struct raysim_task_options options = {.max_retries = retries ? retries : RAYSIM_NONE};
      struct raysim_value value;
      raysim_ref ref = raysim_submit(ray, ways[i].function, NULL, 0, &options);
      raysim_ref after = raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(ref)), NULL);
      CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), RAYSIM_ERR_WORKER_CRASHED);
      if (!strstr(value.error->message, ways[i].text))
        printf("\n    %s: %s\n", ways[i].function, value.error->message);
      CHECK(strstr(value.error->message, ways[i].text));
      CHECK_STR(value.error->function, ways[i].function);
      CHECK(value.error->node < 2);
      CHECK(value.error->pid > 1);
      CHECK_EQ(value.error->retries, retries);
      raysim_value_free(&value);
      CHECK_EQ(raysim_get(ray, after, LIMIT, &value), RAYSIM_ERR_WORKER_CRASHED); /* fails with its argument's error */
      CHECK(strstr(value.error->message, ways[i].text));
      CHECK_STR(value.error->function, ways[i].function);
      raysim_value_free(&value);
      raysim_release(ray, ref);
      raysim_release(ray, after);
    }
  raysim_ref three = add(ray, 1, 2);
  CHECK_EQ(int_of(ray, three), 3);
  raysim_release(ray, three);
  stop(ray);
}

static bool lives(int pid)
{
  return rs_process_start_time(pid) != 0;
}

/* Processes that a function has forked end with the cluster, also those that have lost their parent. */
static void forks(void)
{
  struct raysim *ray = start(1, 1);
  struct raysim_value value;
  int pids[2];
  raysim_ref ref = raysim_submit(ray, "test.fork_two", NULL, 0, NULL);
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
  CHECK_EQ(value.size, sizeof pids);
  memcpy(pids, value.bytes, sizeof pids);
  CHECK(lives(pids[0]) && lives(pids[1]));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  stop(ray);
  for (int i = 0; i < 300 && (lives(pids[0]) || lives(pids[1])); i++)
    local_pause_ms(10);
  CHECK(!lives(pids[0]));
  CHECK(!lives(pids[1]));
}

/* After many short tasks a long one does not hold up those behind it, while there is another CPU. */
static void behind_a_long_one(void)
{
  struct raysim *ray = start(1, 2);
  for (int i = 0; i < 100; i++) {
    raysim_ref ref = add(ray, i, i);
    CHECK_EQ(int_of(ray, ref), 2 * i);
    raysim_release(ray, ref);
  }
  int ms = 3000;
  uint64_t begin = uv_hrtime();
  raysim_ref nap = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  local_pause_ms(50);
  raysim_ref ref = add(ray, 1, 2);
  CHECK_EQ(int_of(ray, ref), 3);
  CHECK(uv_hrtime() - begin < 2500 * RS_MS);
  raysim_release(ray, ref);
  raysim_release(ray, nap);
  stop(ray);
}

/* Wrong calls are refused with a reason, and change nothing. */
static void refusals(void)
{
  struct raysim *ray = start(1, 1);
  struct raysim_value value;
  raysim_ref none = {{0}};
  struct raysim_task_options gpus = {.demand = {.num_gpus = 1.5}}, cpus = {.demand = {.num_cpus = -3}},
                             returns = {.num_returns = 65};
  CHECK(raysim_is_none(raysim_submit(ray, "test.add", NULL, 0, &gpus)));
  CHECK(strstr(raysim_last_error(), "num_gpus"));
  CHECK(raysim_is_none(raysim_submit(ray, "test.add", NULL, 0, &cpus)));
  CHECK(strstr(raysim_last_error(), "num_cpus"));
  CHECK(raysim_is_none(raysim_submit(ray, "test.add", NULL, 0, &returns)));
  CHECK(strstr(raysim_last_error(), "num_returns"));
  CHECK_EQ(raysim_get(ray, none, 0, &value), RAYSIM_ERR_INVALID);
  raysim_value_free(&value);
  enum { MANY = 41944, EACH = 100 << 10 }; /* together a little more than 4 GiB: the same bytes again and again */
  char *bytes = calloc(1, EACH);
  struct raysim_argument *many = calloc(MANY, sizeof *many);
  for (int i = 0; i < MANY; i++)
    many[i] = raysim_bytes(bytes, EACH);
  CHECK(raysim_is_none(raysim_submit(ray, "test.sum", many, MANY, NULL)));
  CHECK(strstr(raysim_last_error(), "at most"));
  free(many);
  free(bytes);
  raysim_ref ref = add(ray, 1, 2), both[2] = {ref, ref};
  uint8_t ready[2];
  CHECK_EQ(raysim_wait(ray, both, 2, 1, 0, 0, ready), RAYSIM_ERR_INVALID);
  CHECK(strstr(raysim_last_error(), "twice"));
  CHECK_EQ(raysim_wait(ray, both, 1, 2, 0, 0, ready), RAYSIM_ERR_INVALID);
  CHECK_EQ(int_of(ray, ref), 3);
  raysim_release(ray, ref);
  stop(ray);
}

static void objects(void)
{
  struct raysim *ray = start(2, 2);
  struct raysim_value value;
  raysim_ref ref = raysim_put(ray, "hello", 6);
  CHECK(!raysim_is_none(ref));
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
    CHECK_EQ(value.size, 6);
    CHECK(memcmp(value.bytes, "hello", 6) == 0);
    raysim_value_free(&value);
  }
  raysim_release(ray, ref);
  struct raysim_buffer buffer;
  CHECK_EQ(raysim_create(ray, 3000000, LIMIT, &buffer), 0);
  CHECK_EQ((uintptr_t)buffer.bytes % 64, 0);
  for (unsigned i = 0; i < 3000000; i++)
    ((uint8_t *)buffer.bytes)[i] = (uint8_t)(i % 7);
  ref = raysim_seal(ray, &buffer, NULL, 0);
  CHECK(!raysim_is_none(ref));
  CHECK(raysim_is_none(raysim_seal(ray, &buffer, NULL, 0)));
  raysim_ref sum = raysim_submit(ray, "test.sum", RAYSIM_ARGS(raysim_object(ref)), NULL);
  int expected = 0;
  for (unsigned i = 0; i < 3000000; i++)
    expected += (int)(i % 7);
  CHECK_EQ(int_of(ray, sum), expected);
  raysim_release(ray, ref);
  raysim_release(ray, sum);
  CHECK_EQ(raysim_create(ray, 100, LIMIT, &buffer), 0);
  raysim_discard(ray, &buffer);
  stop(ray);
}

static void waits(void)
{
  struct raysim *ray = start(1, 4);
  raysim_ref refs[4];
  uint8_t ready[4];
  struct raysim_value value;
  int ms[4] = {1000, 5, 1000, 5};
  for (int i = 0; i < 4; i++)
    refs[i] = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms[i])), NULL);
  CHECK_EQ(raysim_get(ray, refs[0], 0, &value), RAYSIM_ERR_TIMED_OUT);
  raysim_value_free(&value);
  CHECK_EQ(raysim_wait(ray, refs, 4, 2, LIMIT, 0, ready), 2);
  CHECK(!ready[0] && ready[1] && !ready[2] && ready[3]);
  CHECK_EQ(raysim_wait(ray, refs, 4, 1, LIMIT, 0, ready), 1);
  CHECK(!ready[0] && ready[1] && !ready[2] && !ready[3]); /* the first ones in the given order */
  CHECK_EQ(raysim_wait(ray, refs, 4, 4, 20, 0, ready), 2);
  CHECK_EQ(raysim_get(ray, refs[2], 10, &value), RAYSIM_ERR_TIMED_OUT);
  raysim_value_free(&value);
  CHECK_EQ(raysim_wait(ray, refs, 4, 4, LIMIT, 0, ready), 4);
  struct raysim_value all[4];
  CHECK_EQ(raysim_get_many(ray, refs, 4, 0, all), 0);
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(*(const int *)all[i].bytes, ms[i]);
    raysim_value_free(&all[i]);
    raysim_release(ray, refs[i]);
  }
  stop(ray);
}

/* ---- callbacks ---- */

struct collected {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct raysim *ray;
  int count, sum, errors;
};

static void collect(void *context, int status, struct raysim_value *value)
{
  struct collected *c = context;
  raysim_ref again = add(c->ray, 1, 1); /* every function may be called here, also ones that wait */
  int two = int_of(c->ray, again);
  raysim_release(c->ray, again);
  pthread_mutex_lock(&c->lock);
  c->count++;
  if (status == 0)
    c->sum += *(const int *)value->bytes + two - 2;
  else
    c->errors += value->error != NULL;
  pthread_cond_signal(&c->changed);
  pthread_mutex_unlock(&c->lock);
  raysim_value_free(value);
}

static void callbacks(void)
{
  struct collected c = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .ray = start(1, 2)};
  raysim_ref refs[20];
  for (int i = 0; i < 20; i++) {
    refs[i] = i == 7 ? raysim_submit(c.ray, "test.fail", NULL, 0, NULL) : add(c.ray, i, 0);
    CHECK_EQ(raysim_get_async(c.ray, refs[i], collect, &c), 0);
  }
  pthread_mutex_lock(&c.lock);
  while (c.count < 20)
    pthread_cond_wait(&c.changed, &c.lock);
  pthread_mutex_unlock(&c.lock);
  CHECK_EQ(c.sum, 190 - 7);
  CHECK_EQ(c.errors, 1);
  for (int i = 0; i < 20; i++)
    raysim_release(c.ray, refs[i]);
  stop(c.ray);
}

static struct raysim *to_interrupt;

static void on_signal(int number)
{
  (void)number;
  raysim_interrupt(to_interrupt);
}

static void interruption(void)
{
  struct raysim *ray = to_interrupt = start(1, 1);
  struct raysim_value value;
  int ms = 30000;
  raysim_ref ref = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  signal(SIGALRM, on_signal);
  alarm(1);
  CHECK_EQ(raysim_get(ray, ref, RAYSIM_FOREVER, &value), RAYSIM_ERR_INTERRUPTED);
  raysim_value_free(&value);
  CHECK_EQ(raysim_cancel(ray, ref, RAYSIM_FORCE), 0);
  CHECK_EQ(error_of(ray, ref, NULL), RAYSIM_ERR_CANCELLED);
  stop(ray);
}

/* Tasks that submit tasks, put, get and wait. */
static void nested(void)
{
  struct raysim *ray = start(2, 4);
  int depth = 3;
  raysim_ref ref = raysim_submit(ray, "test.tree", RAYSIM_ARGS(RAYSIM_VALUE(depth)), NULL);
  CHECK_EQ(int_of(ray, ref), 8);
  raysim_release(ray, ref);
  stop(ray);
}

/* References inside values, arguments and returns: they keep what they name alive, here and in workers. */
static void references(void)
{
  struct raysim *ray = start(2, 2);
  struct raysim_value outer, inner;
  for (unsigned size = 100; size <= 1000000; size += 999900) { /* kept by the owner; in the store */
    char *bytes = calloc(1, size);
    snprintf(bytes, size, "inside");
    raysim_ref ref = raysim_put(ray, bytes, size);
    raysim_ref box = raysim_put_data(ray, &(struct raysim_data){bytes, size, &ref, 1});
    CHECK(!raysim_is_none(ref) && !raysim_is_none(box));
    raysim_release(ray, ref); /* the box holds it */
    CHECK_EQ(raysim_get(ray, box, LIMIT, &outer), 0);
    CHECK_EQ(outer.ref_count, 1);
    CHECK_EQ(raysim_get(ray, outer.refs[0], LIMIT, &inner), 0);
    CHECK_EQ(inner.size, size);
    CHECK_STR(inner.bytes, "inside");
    raysim_value_free(&inner);
    raysim_retain(ray, outer.refs[0]);
    ref = outer.refs[0];
    raysim_value_free(&outer);
    /* a task that opens a box which it gets by value, one that it gets by reference, and a reference by itself */
    raysim_ref opened[3] = {
        raysim_submit(ray, "test.open", RAYSIM_ARGS(raysim_object(box)), NULL),
        raysim_submit(ray, "test.open", RAYSIM_ARGS(raysim_reference(&box)), NULL),
        raysim_submit(ray, "test.open", RAYSIM_ARGS(raysim_reference(&ref)), NULL),
    };
    /* a task that puts something and returns a reference to it, which nobody else has */
    raysim_ref made = raysim_submit(ray, "test.box", RAYSIM_ARGS(RAYSIM_VALUE(size)), NULL);
    raysim_release(ray, box);
    raysim_release(ray, ref);
    for (int i = 0; i < 3; i++) {
      CHECK_EQ(int_of(ray, opened[i]), i == 1 ? 1 : (int)size);
      raysim_release(ray, opened[i]);
    }
    CHECK_EQ(raysim_get(ray, made, LIMIT, &outer), 0);
    CHECK_EQ(outer.ref_count, 1);
    CHECK_EQ(raysim_get(ray, outer.refs[0], LIMIT, &inner), 0);
    CHECK_EQ(inner.size, size);
    raysim_value_free(&inner);
    raysim_value_free(&outer);
    raysim_release(ray, made);
    free(bytes);
  }
  stop(ray);
}

static void actors(void)
{
  struct raysim *ray = start(1, 4);
  int ten = 10, one = 1;
  raysim_actor a = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
  raysim_actor b = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL);
  raysim_actor c = raysim_actor_create(ray, "test.Other", NULL, 0, NULL);
  raysim_ref refs[50];
  CHECK_EQ(raysim_call_many(ray, a, "add", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL, 50, refs), 0);
  for (int i = 0; i < 50; i++) {
    CHECK_EQ(int_of(ray, refs[i]), 11 + i);
    raysim_release(ray, refs[i]);
  }
  raysim_ref ref = raysim_call(ray, b, "add", RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
  CHECK_EQ(int_of(ray, ref), 11);
  raysim_release(ray, ref);
  ref = raysim_call(ray, c, "add", NULL, 0, NULL); /* the same name in another class */
  CHECK_EQ(int_of(ray, ref), -1);
  raysim_release(ray, ref);
  CHECK_EQ(error_of(ray, raysim_call(ray, c, "none", NULL, 0, NULL), NULL), RAYSIM_ERR_UNKNOWN_FUNCTION);
  CHECK_EQ(raysim_kill(ray, a, 0), 0);
  for (int i = 0; i < 1000; i++) { /* calls that are under way when it dies fail, and so do later ones */
    struct raysim_value value;
    ref = raysim_call(ray, a, "add", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL);
    int rc = raysim_get(ray, ref, LIMIT, &value);
    raysim_value_free(&value);
    raysim_release(ray, ref);
    if (rc == RAYSIM_ERR_ACTOR_DIED)
      break;
    CHECK(rc == 0 && i < 999);
  }
  raysim_release(ray, a.ref);
  raysim_release(ray, b.ref);
  raysim_release(ray, c.ref);
  stop(ray);
}

/* Several threads submit, put and get at once. */
static void *one_thread(void *arg)
{
  struct raysim *ray = arg;
  for (int i = 0; i < 200; i++) {
    struct raysim_value value;
    raysim_ref ref = add(ray, i, 1), put = {{0}};
    if (i % 10 == 0)
      put = raysim_put(ray, &i, sizeof i);
    if (raysim_get(ray, ref, LIMIT, &value) != 0 || value.size != sizeof i || *(const int *)value.bytes != i + 1)
      return ray;
    raysim_value_free(&value);
    raysim_release(ray, ref);
    if (i % 10)
      continue;
    if (raysim_get(ray, put, LIMIT, &value) != 0 || value.size != sizeof i || *(const int *)value.bytes != i)
      return ray;
    raysim_value_free(&value);
    raysim_release(ray, put);
  }
  return NULL;
}

static void threads(void)
{
  struct raysim *ray = start(2, 2);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    CHECK_EQ(pthread_create(&threads[i], NULL, one_thread, ray), 0);
  for (int i = 0; i < 4; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    CHECK(failed == NULL);
  }
  stop(ray);
}

/* A program brings its functions to a cluster that runs already. */
static void joined(void)
{
  struct rs_uv_cluster *cluster = local_start(2, 2, NULL);
  struct raysim *ray;
  struct raysim_options options = {.address = rs_uv_cluster_session(cluster), .load = LIBRARY};
  CHECK_EQ(raysim_init(&options, &ray), 0);
  int depth = 2, ten = 10;
  raysim_ref refs[3] = {add(ray, 1, 2), raysim_submit(ray, "test.tree", RAYSIM_ARGS(RAYSIM_VALUE(depth)), NULL)};
  raysim_actor counter = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
  refs[2] = raysim_call(ray, counter, "add", RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
  static const int expected[] = {3, 4, 20};
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(int_of(ray, refs[i]), expected[i]);
    raysim_release(ray, refs[i]);
  }
  raysim_release(ray, counter.ref);
  CHECK_EQ(error_of(ray, raysim_submit(ray, "test.none", NULL, 0, NULL), NULL), RAYSIM_ERR_UNKNOWN_FUNCTION);
  stop_with(ray, 1); /* the library, for nodes that lack its file */
  local_stop(cluster);
}

static void no_library(void)
{
  struct raysim *ray;
  struct raysim_options options = {.load = "/nonexistent.so"};
  CHECK(raysim_init(&options, &ray) < 0);
  CHECK(ray == NULL);
  CHECK(strstr(raysim_last_error(), "/nonexistent.so") != NULL);
  options.address = "auto";
  CHECK_EQ(raysim_init(&options, &ray), RAYSIM_ERR_INVALID);
  CHECK(strstr(raysim_last_error(), "/nonexistent.so") != NULL);
}

/* Nobody has said how much memory and store the node has. */
static void memory_has_a_default(void)
{
  struct raysim *ray = start(1, 1);
  struct raysim_resources have;
  CHECK_EQ(raysim_cluster_resources(ray, &have), 0);
  CHECK(have.memory_bytes > 0 && have.object_store_bytes > 0);
  int a = 1, b = 2;
  struct raysim_task_options options = {.demand.memory_bytes = 1 << 20};
  raysim_ref sum = raysim_submit(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(a), RAYSIM_VALUE(b)), &options);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, sum, LIMIT, &value), 0);
  raysim_value_free(&value);
  raysim_release(ray, sum);
  stop(ray);
}

const struct rs_test rs_tests[] = {{"ids", ids},
                                   {"values", values},
                                   {"failures", failures},
                                   {"crashes", crashes},
                                   {"forks", forks},
                                   {"behind a long one", behind_a_long_one},
                                   {"refusals", refusals},
                                   {"objects", objects},
                                   {"waits", waits},
                                   {"callbacks", callbacks},
                                   {"interruption", interruption},
                                   {"nested", nested},
                                   {"references", references},
                                   {"actors", actors},
                                   {"threads", threads},
                                   {"joined", joined},
                                   {"memory_has_a_default", memory_has_a_default},
                                   {"no_library", no_library},
                                   {0}};
