/* Functions and classes that test_api loads into workers. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/raysim.h"

static int add(struct raysim_context *context)
{
  if (raysim_arg_count(context) != 2)
    return raysim_fail(context, "two numbers are wanted");
  const int *a = raysim_arg(context, 0, NULL), *b = raysim_arg(context, 1, NULL);
  int sum = *a + *b;
  return raysim_return(context, 0, &sum, sizeof sum);
}

static int large(struct raysim_context *context)
{
  const unsigned *size = raysim_arg(context, 0, NULL);
  unsigned char *bytes = raysim_return_room(context, 0, *size);
  if (!bytes)
    return 1;
  for (unsigned i = 0; i < *size; i++)
    bytes[i] = (unsigned char)(i % 251);
  return 0;
}

static int three(struct raysim_context *context)
{
  for (int i = 0; i < (int)raysim_return_count(context); i++) {
    int value = 10 * i;
    raysim_return(context, (size_t)i, &value, sizeof value);
  }
  return 0;
}

static int sum(struct raysim_context *context)
{
  size_t size;
  const unsigned char *bytes = raysim_arg(context, 0, &size);
  int total = 0;
  for (size_t i = 0; i < size; i++)
    total += bytes[i];
  return raysim_return(context, 0, &total, sizeof total);
}

static int nap(struct raysim_context *context)
{
  const int *ms = raysim_arg(context, 0, NULL);
  for (int i = 0; i < *ms && !raysim_cancelled(context); i += 5)
    nanosleep(&(struct timespec){0, 5000000}, NULL);
  return raysim_return(context, 0, ms, sizeof *ms);
}

/* The value of a variable, and the folder. */
static int surroundings(struct raysim_context *context)
{
  char text[512], folder[256];
  const char *value = getenv("RAYSIM_TEST_VARIABLE");
  if (!getcwd(folder, sizeof folder))
    return 1;
  snprintf(text, sizeof text, "%s in %s", value ? value : "nothing", folder);
  return raysim_return(context, 0, text, strlen(text) + 1);
}

/* What a command of the shell prints. */
static int shell(struct raysim_context *context)
{
  char text[4096];
  FILE *pipe = popen(raysim_arg(context, 0, NULL), "r");
  size_t size = pipe ? fread(text, 1, sizeof text - 1, pipe) : 0;
  if (pipe)
    pclose(pipe);
  text[size] = 0;
  return raysim_return(context, 0, text, size + 1);
}

/* The same by a task of its own, with one variable more. */
static int shell_below(struct raysim_context *context)
{
  size_t size;
  const void *command = raysim_arg(context, 0, &size);
  const char *const vars[] = {"BELOW=yes"};
  struct raysim_runtime_env env = {.env_vars = vars, .env_var_count = 1};
  struct raysim_task_options options = {.demand = {.num_cpus = 0.1, .runtime_env = &env}};
  struct raysim *ray = raysim_current(context);
  raysim_ref ref = raysim_submit(ray, "test.shell", RAYSIM_ARGS(raysim_bytes(command, size)), &options);
  struct raysim_value value;
  int rc = raysim_get(ray, ref, 20000, &value);
  rc = rc == 0 ? raysim_return(context, 0, value.bytes, value.size)
               : raysim_fail(context, "%s", value.error ? value.error->message : "no value");
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

/* Prints its argument; "!" at the end: and crashes. */
static int say(struct raysim_context *context)
{
  size_t size;
  const char *text = raysim_arg(context, 0, &size);
  printf("%.*s\n", (int)size, text);
  fprintf(stderr, "to stderr: %.*s\n", (int)size, text);
  if (size && text[size - 1] == '!')
    abort();
  return raysim_return(context, 0, text, size);
}

static int crash(struct raysim_context *context)
{
  (void)context;
  abort();
}

static int leave(struct raysim_context *context)
{
  (void)context;
  exit(3);
}

static int end_thread(struct raysim_context *context)
{
  (void)context;
  pthread_exit(NULL);
}

/* Leaves two processes behind, one of them without a parent; returns their pids. */
static int fork_two(struct raysim_context *context)
{
  int pids[2], ends[2];
  if (pipe(ends) != 0)
    return 1;
  pids[0] = fork();
  if (pids[0] == 0)
    for (;;)
      pause();
  int between = fork();
  if (between == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0)
      for (;;)
        pause();
    _exit(write(ends[1], &grandchild, sizeof grandchild) != sizeof grandchild);
  }
  if (read(ends[0], &pids[1], sizeof pids[1]) != sizeof pids[1])
    return 1;
  waitpid(between, NULL, 0);
  close(ends[0]);
  close(ends[1]);
  return raysim_return(context, 0, pids, sizeof pids);
}

/* Says that it returns more bytes than it has. */
static int beyond(struct raysim_context *context)
{
  enum { HAS = 1 << 20, SAYS = 64 << 20 };
  uint8_t *bytes = mmap(NULL, SAYS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED || mprotect(bytes + HAS, SAYS - HAS, PROT_NONE) != 0)
    return 1;
  return raysim_return(context, 0, bytes, SAYS);
}

static int segfault(struct raysim_context *context)
{
  volatile int *nowhere = (volatile int *)(64 + raysim_arg_count(context)); /* no page is mapped there */
  *nowhere = 1;
  return 0;
}

static int killed(struct raysim_context *context)
{
  (void)context;
  return kill(getpid(), SIGKILL);
}

/* Ends by a stack that overflows. */
static int deep(volatile char *above, int depth)
{
  volatile char room[4096];
  room[0] = above ? above[0] : 0;
  room[4095] = (char)depth;
  return depth > 1 << 30 ? room[0] : deep(room, depth + 1) + room[4095];
}

static int overflow(struct raysim_context *context)
{
  int depth = deep(NULL, 0);
  return raysim_return(context, 0, &depth, sizeof depth);
}

static int fail(struct raysim_context *context)
{
  return raysim_fail(context, "as asked: %d", 7);
}

/* Crashes the first time: the argument names a file that it makes then. */
static int crash_once(struct raysim_context *context)
{
  const char *path = raysim_arg(context, 0, NULL);
  if (access(path, F_OK) == 0)
    return raysim_return(context, 0, "again", 5);
  if (symlink("/", path) != 0)
    return 1;
  abort();
}

/* The leaves of a binary tree of tasks, counted. */
static int tree(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  int depth = *(const int *)raysim_arg(context, 0, NULL), below = depth - 1, leaves = 1;
  if (depth > 0) {
    raysim_ref refs[2];
    struct raysim_value values[2];
    struct raysim_task_options options = {.demand = {.num_cpus = 0.25}};
    raysim_submit_many(ray, "test.tree", RAYSIM_ARGS(RAYSIM_VALUE(below)), &options, 2, refs);
    int rc = raysim_get_many(ray, refs, 2, RAYSIM_FOREVER, values);
    leaves = 0;
    for (int i = 0; i < 2; i++) {
      leaves += rc == 0 ? *(const int *)values[i].bytes : 0;
      raysim_value_free(&values[i]);
      raysim_release(ray, refs[i]);
    }
    if (rc != 0)
      return raysim_fail(context, "below: %s", raysim_error_text(rc));
  }
  return raysim_return(context, 0, &leaves, sizeof leaves);
}

/* The size of the object whose reference is in the argument; 1 where that contains a reference too. */
static int open_box(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  struct raysim_value value;
  if (raysim_is_none(raysim_arg_ref(context, 0)))
    return raysim_fail(context, "there is no reference in the argument");
  if (raysim_get(ray, raysim_arg_ref(context, 0), 10000, &value) != 0)
    return raysim_fail(context, "%s", value.error ? value.error->message : "no value");
  int size = value.ref_count ? 1 : (int)value.size;
  raysim_value_free(&value);
  return raysim_return(context, 0, &size, sizeof size);
}

/* Puts an object and returns a reference to it alone. */
static int box(struct raysim_context *context)
{
  const unsigned *size = raysim_arg(context, 0, NULL);
  struct raysim *ray = raysim_current(context);
  char *bytes = calloc(1, *size);
  raysim_ref ref = raysim_put(ray, bytes, *size);
  free(bytes);
  struct raysim_data data = {.refs = &ref, .ref_count = 1};
  int rc = raysim_return_data(context, 0, &data);
  raysim_release(ray, ref); /* the return holds it from now on */
  return rc;
}

/* ---- an actor class ---- */

static int counter_create(struct raysim_context *context)
{
  int *count = malloc(sizeof *count);
  *count = *(const int *)raysim_arg(context, 0, NULL);
  raysim_set_self(context, count);
  return 0;
}

static int counter_add(struct raysim_context *context)
{
  int *count = raysim_self(context);
  *count += *(const int *)raysim_arg(context, 0, NULL);
  return raysim_return(context, 0, count, sizeof *count);
}

static int other_create(struct raysim_context *context)
{
  (void)context;
  return 0;
}

static int other_add(struct raysim_context *context)
{
  int minus = -1;
  return raysim_return(context, 0, &minus, sizeof minus);
}

/* The number of the node that runs it. */
static int where(struct raysim_context *context)
{
  uint32_t node = raysim_node(context);
  return raysim_return(context, 0, &node, sizeof node);
}

/* Submits test.where so many times, the last one outside of any placement group; returns the nodes. */
static int where_children(struct raysim_context *context)
{
  const int *count = raysim_arg(context, 0, NULL);
  struct raysim *ray = raysim_current(context);
  raysim_ref children[16];
  uint32_t nodes[16];
  struct raysim_task_options outside = {.demand = {.num_cpus = 1, .strategy = {.kind = RAYSIM_NO_GROUP}}};
  if (*count > 16)
    return raysim_fail(context, "too many");
  for (int i = 0; i < *count; i++)
    children[i] = raysim_submit(ray, "test.where", NULL, 0, i + 1 == *count ? &outside : NULL);
  for (int i = 0; i < *count; i++) {
    struct raysim_value value;
    int rc = raysim_get(ray, children[i], 20000, &value);
    if (rc == 0)
      memcpy(&nodes[i], value.bytes, sizeof nodes[i]);
    raysim_value_free(&value);
    raysim_release(ray, children[i]);
    if (rc != 0)
      return raysim_fail(context, "child %d: %s", i, raysim_error_text(rc));
  }
  return raysim_return(context, 0, nodes, (size_t)*count * sizeof *nodes);
}

/* Makes a group of two CPUs, waits for it and removes it; returns its node. */
static int group_of_two(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  struct raysim_demand bundle = {.num_cpus = 2};
  raysim_group group = raysim_group_create(ray, &bundle, 1, NULL);
  int rc = raysim_group_wait(ray, group, 5000);
  uint32_t node = UINT32_MAX;
  raysim_group_nodes(ray, group, &node, 1);
  raysim_group_remove(ray, group);
  return rc == 0 ? raysim_return(context, 0, &node, sizeof node)
                 : raysim_fail(context, "no group: %s", raysim_error_text(rc));
}

/* Writes to its argument, which it may not. */
static int scribble(struct raysim_context *context)
{
  unsigned char *bytes = (unsigned char *)(uintptr_t)raysim_arg(context, 0, NULL);
  bytes[0] ^= 1;
  return 0;
}

/* Takes room for its return, writes to it, and does not come to an end. */
static int hold(struct raysim_context *context)
{
  const unsigned *size = raysim_arg(context, 0, NULL);
  unsigned char *bytes = raysim_return_room(context, 0, *size);
  if (!bytes)
    return 1;
  memset(bytes, 1, *size);
  nanosleep(&(struct timespec){60, 0}, NULL);
  return 0;
}

/* Gets the object behind its reference again and again until it is killed, and lets it go in between: for nothing, and
 * for longer than it stays pinned. */
static int churn(struct raysim_context *context)
{
  size_t count;
  const raysim_ref *refs = raysim_arg_refs(context, 0, &count);
  for (int i = 0;; i++) {
    struct raysim_value value;
    if (raysim_get(raysim_current(context), refs[0], 30000, &value) != 0)
      return 1;
    if (((const unsigned char *)value.bytes)[value.size - 1] != 7)
      return 2;
    raysim_value_free(&value);
    nanosleep(&(struct timespec){0, i % 4 * 1500000}, NULL);
  }
}

/* ---- streams, and a class that is busy ---- */

/* So many items of so many bytes, each filled with its number; with a path it crashes once, after half of them. */
static int items(struct raysim_context *context)
{
  int count = *(const int *)raysim_arg(context, 0, NULL);
  size_t size = *(const size_t *)raysim_arg(context, 1, NULL);
  const char *path = raysim_arg_count(context) > 2 ? raysim_arg(context, 2, NULL) : NULL;
  unsigned char *bytes = malloc(size + 1);
  int rc = bytes ? 0 : 1;
  for (int i = 1; i <= count && rc == 0; i++) {
    memset(bytes, i, size);
    rc = raysim_yield(context, bytes, size);
    if (path && i == count / 2 && access(path, F_OK) != 0 && symlink("/", path) == 0)
      abort();
  }
  free(bytes);
  return rc;
}

static int items_fail(struct raysim_context *context)
{
  raysim_yield(context, "one", 3);
  return raysim_fail(context, "no more than one");
}

static int busy_nap(struct raysim_context *context)
{
  return nap(context);
}

static int busy_exit(struct raysim_context *context)
{
  raysim_actor_exit(context);
  return raysim_return(context, 0, "bye", 3);
}

static int busy_crash(struct raysim_context *context)
{
  (void)context;
  abort();
}

/* ---- a class whose creation reads an object ---- */

static int keeper_create(struct raysim_context *context)
{
  size_t size;
  const unsigned char *bytes = raysim_arg(context, 0, &size);
  int *total = malloc(sizeof *total);
  if (!total)
    return 1;
  *total = 0;
  for (size_t i = 0; i < size; i++)
    *total += bytes[i];
  raysim_set_self(context, total);
  return 0;
}

static int keeper_total(struct raysim_context *context)
{
  return raysim_return(context, 0, raysim_self(context), sizeof(int));
}

/* How many arguments there are, and their bytes in all. */
static int sizes(struct raysim_context *context)
{
  size_t both[2] = {raysim_arg_count(context), 0}, size;
  for (size_t i = 0; i < both[0]; i++) {
    const unsigned char *bytes = raysim_arg(context, i, &size);
    if (size && bytes[size - 1] != (unsigned char)i)
      return raysim_fail(context, "argument %zu is another one", i);
    both[1] += size;
  }
  return raysim_return(context, 0, both, sizeof both);
}

/* Frees the object whose reference is in the argument. */
static int free_it(struct raysim_context *context)
{
  raysim_ref ref = raysim_arg_ref(context, 0);
  int rc = raysim_free(raysim_current(context), &ref, 1);
  return rc == 0 ? 0 : raysim_fail(context, "%s", raysim_error_text(rc));
}

/* ---- an async class: calls that are under way without a thread ---- */

enum { PARKED_MAX = 4096 };
static struct raysim_context *parked[PARKED_MAX];
static int parked_count;
static pthread_mutex_t parking = PTHREAD_MUTEX_INITIALIZER;

static int threads_of_process(void)
{
  int threads = 0;
  char line[128];
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    sscanf(line, "Threads: %d", &threads);
  if (file)
    fclose(file);
  return threads;
}

/* Goes on until "release", which returns its own argument for it; or, with an argument of 1, until it is cancelled. */
static void unpark(void *arg)
{
  struct raysim_context *context = arg;
  pthread_mutex_lock(&parking);
  for (int i = 0; i < parked_count; i++)
    if (parked[i] == context)
      parked[i] = parked[--parked_count];
  pthread_mutex_unlock(&parking);
  raysim_complete(context, raysim_fail(context, "nobody will see this"));
}

static int later_park(struct raysim_context *context)
{
  pthread_mutex_lock(&parking);
  if (parked_count == PARKED_MAX) {
    pthread_mutex_unlock(&parking);
    return raysim_fail(context, "too many");
  }
  parked[parked_count++] = context;
  raysim_defer(context, raysim_arg_count(context) > 1 ? unpark : NULL, context);
  pthread_mutex_unlock(&parking);
  return 17; /* means nothing */
}

static void *release_all(void *arg)
{
  (void)arg;
  for (;;) {
    pthread_mutex_lock(&parking);
    struct raysim_context *context = parked_count ? parked[--parked_count] : NULL;
    pthread_mutex_unlock(&parking);
    if (!context)
      return NULL;
    size_t size;
    const void *bytes = raysim_arg(context, 0, &size);
    raysim_complete(context, raysim_return(context, 0, bytes, size));
  }
}

/* On a thread of its own. */
static int later_release(struct raysim_context *context)
{
  pthread_t thread;
  (void)context;
  return pthread_create(&thread, NULL, release_all, NULL) != 0 || pthread_detach(thread) != 0;
}

/* How many are parked, and the threads of the process. */
static int later_count(struct raysim_context *context)
{
  pthread_mutex_lock(&parking);
  int both[2] = {parked_count, threads_of_process()};
  pthread_mutex_unlock(&parking);
  return raysim_return(context, 0, both, sizeof both);
}

/* Completed before its function returns; or fails so. */
static int later_now(struct raysim_context *context)
{
  int fails = *(const int *)raysim_arg(context, 0, NULL), twice = 2 * fails;
  raysim_defer(context, NULL, NULL);
  if (fails < 0)
    raysim_complete(context, raysim_fail(context, "failed later: %d", fails));
  else
    raysim_complete(context, raysim_return(context, 0, &twice, sizeof twice));
  return 0;
}

static void *slow_sum(void *arg)
{
  struct raysim_context *context = arg;
  nanosleep(&(struct timespec){0, 20000000}, NULL);
  raysim_complete(context, sum(context));
  return NULL;
}

/* The sum of its argument's bytes, by another thread after a while. */
static int later_sum(struct raysim_context *context)
{
  pthread_t thread;
  raysim_defer(context, NULL, NULL);
  if (pthread_create(&thread, NULL, slow_sum, context) == 0)
    pthread_detach(thread);
  else
    raysim_complete(context, raysim_fail(context, "no thread"));
  return 0;
}

/* Waits for the object whose reference is in the argument, and fails as that does. */
static int look(struct raysim_context *context)
{
  raysim_ref ref = raysim_arg_ref(context, 0);
  struct raysim_value value;
  uint8_t ready;
  int waited = raysim_wait(raysim_current(context), &ref, 1, 1, 10000, 0, &ready);
  int rc = raysim_get(raysim_current(context), ref, 10000, &value);
  char text[512];
  snprintf(text, sizeof text, "wait %d, get %d: %s", waited, rc, value.error ? value.error->message : "a value");
  raysim_value_free(&value);
  return raysim_return(context, 0, text, strlen(text) + 1);
}

/* Calls the actor of that name, in the name space of the job; makes one of another name, which stays. */
static int by_name(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  struct raysim_actor_options options = {.name = raysim_arg(context, 1, NULL), .detached = 1};
  int start = 40;
  if (raysim_is_none(raysim_actor_find(ray, raysim_arg(context, 0, NULL), NULL).ref))
    return raysim_fail(context, "not found: %s", raysim_last_error());
  raysim_actor made = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(start)), &options);
  return raysim_is_none(made.ref) ? raysim_fail(context, "not made: %s", raysim_last_error()) : 0;
}

/* Yields though it is no stream. */
static int yields(struct raysim_context *context)
{
  int rc = raysim_yield(context, "x", 1);
  return raysim_return(context, 0, &rc, sizeof rc);
}

/* Says so in a file, where the test wants to know. */
static void counter_destroy(void *self)
{
  const char *path = getenv("RAYSIM_TEST_DESTROYED");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (file) {
    fprintf(file, "%d\n", *(const int *)self);
    fclose(file);
  }
  free(self);
}

void functions_about_register(void); /* functions_about.c */

void raysim_register_functions(void)
{
  functions_about_register();
  static const struct raysim_method busy_methods[] = {
      {"nap", busy_nap}, {"exit", busy_exit}, {"crash", busy_crash}, {"items", items}, {"by_name", by_name}};
  static const struct raysim_class busy = {"test.Busy", other_create, NULL, busy_methods, 5};
  raysim_register("test.look", look);
  raysim_register("test.by_name", by_name);
  raysim_register("test.yields", yields);
  raysim_register_actor(&busy);
  raysim_register("test.items", items);
  raysim_register("test.items_fail", items_fail);
  static const struct raysim_method counter_methods[] = {{"add", counter_add}}, other_methods[] = {{"add", other_add}};
  static const struct raysim_class counter = {"test.Counter", counter_create, counter_destroy, counter_methods, 1},
                                   other = {"test.Other", other_create, NULL, other_methods, 1};
  static const struct raysim_method keeper_methods[] = {
      {"total", keeper_total}, {"sum", sum}, {"sizes", sizes}, {"crash", busy_crash}, {"shell", shell}};
  static const struct raysim_class keeper = {"test.Keeper", keeper_create, free, keeper_methods, 5};
  raysim_register_actor(&keeper);
  static const struct raysim_method later_methods[] = {{"park", later_park},   {"release", later_release},
                                                       {"count", later_count}, {"now", later_now},
                                                       {"sum", later_sum},     {"crash", busy_crash}};
  static const struct raysim_class later = {"test.Later", other_create, NULL, later_methods, 6};
  raysim_register_actor(&later);
  raysim_register("test.later_sum", later_sum);
  raysim_register("test.park", later_park);
  raysim_register("test.sizes", sizes);
  raysim_register("test.free", free_it);
  raysim_register("test.add", add);
  raysim_register("test.large", large);
  raysim_register("test.three", three);
  raysim_register("test.sum", sum);
  raysim_register("test.sleep", nap);
  raysim_register("test.crash", crash);
  raysim_register("test.say", say);
  raysim_register("test.surroundings", surroundings);
  raysim_register("test.shell", shell);
  raysim_register("test.shell_below", shell_below);
  raysim_register("test.leave", leave);
  raysim_register("test.segfault", segfault);
  raysim_register("test.beyond", beyond);
  raysim_register("test.killed", killed);
  raysim_register("test.end_thread", end_thread);
  raysim_register("test.fork_two", fork_two);
  raysim_register("test.overflow", overflow);
  raysim_register("test.fail", fail);
  raysim_register("test.crash_once", crash_once);
  raysim_register("test.tree", tree);
  raysim_register("test.where", where);
  raysim_register("test.group_of_two", group_of_two);
  raysim_register("test.where_children", where_children);
  raysim_register("test.open", open_box);
  raysim_register("test.box", box);
  raysim_register("test.scribble", scribble);
  raysim_register("test.hold", hold);
  raysim_register("test.churn", churn);
  raysim_register_actor(&counter);
  raysim_register_actor(&other);
}
