/* function.c -- the registry, and the functions that every worker has:
 *
 *   raysim.noop      returns nothing
 *   raysim.replay    lets a duration pass, then fails or returns given bytes (lib/load/replay.h)
 *   raysim.logistic  trains (lib/tune/train_logistic.h), as a pair with raysim.logistic.create
 */
#include "uv/function.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "lib/load/replay.h"
#include "lib/tune/train_logistic.h"

static struct entry {
  uint64_t hash;
  struct rs_function *function;
} * entries; /* in order of the hash */
static uint32_t entry_count, entry_cap;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of entries */
static bool (*search)(struct rs_uv_context *context, char *error);

static uint32_t place_of(uint64_t hash)
{
  uint32_t low = 0, high = entry_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (entries[middle].hash < hash)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const struct rs_function *rs_function_find(uint64_t hash)
{
  pthread_mutex_lock(&lock);
  uint32_t at = place_of(hash);
  const struct rs_function *found = at < entry_count && entries[at].hash == hash ? entries[at].function : NULL;
  pthread_mutex_unlock(&lock);
  return found;
}

void rs_function_search_with(bool (*with)(struct rs_uv_context *context, char *error))
{
  search = with;
}

bool rs_function_search(struct rs_uv_context *context, char *error)
{
  return search && search(context, error);
}

static bool add(uint64_t hash, const char *name, rs_uv_function function, void *data)
{
  pthread_mutex_lock(&lock);
  uint32_t at = place_of(hash);
  if (at < entry_count && entries[at].hash == hash) {
    pthread_mutex_unlock(&lock);
    return false;
  }
  RS_GROW(entries, entry_count, entry_cap);
  memmove(entries + at + 1, entries + at, (entry_count - at) * sizeof *entries);
  struct rs_function *entry = rs_alloc(sizeof *entry);
  *entry = (struct rs_function){rs_memdup(name, strlen(name) + 1), function, data};
  entries[at] = (struct entry){hash, entry};
  entry_count++;
  pthread_mutex_unlock(&lock);
  return true;
}

bool rs_uv_function_register(const char *name, rs_uv_function function, void *data)
{
  return add(rs_name_hash(name), name, function, data);
}

void rs_function_write_names(const char *path)
{
  FILE *file = fopen(path, "we");
  for (uint32_t i = 0; file && i < entry_count; i++) {
    const char *name = entries[i].function->name;
    fprintf(file, "%016llx %s\n", (unsigned long long)entries[i].hash, name);
    const char *dot = strrchr(name, '.');
    if (rs_name_hash(name) != entries[i].hash && dot) /* a method: calls have its own name's hash */
      fprintf(file, "%016llx %s\n", (unsigned long long)rs_name_hash(dot + 1), dot + 1);
  }
  if (file)
    fclose(file);
}

static uint64_t method_hash(uint64_t type, uint64_t method)
{
  return rs_mix64(type) ^ method;
}

bool rs_uv_method_register(const char *type, const char *method, rs_uv_function function, void *data)
{
  char name[512];
  snprintf(name, sizeof name, "%s.%s", type, method);
  return add(method_hash(rs_name_hash(type), rs_name_hash(method)), name, function, data);
}

const struct rs_function *rs_function_find_method(uint64_t type, uint64_t hash)
{
  const struct rs_function *method = rs_function_find(method_hash(type, hash));
  return method ? method : rs_function_find(hash);
}

int rs_function_load(const char *path, char *error)
{
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void (*enter)(void) = NULL;
  void *symbol = library ? dlsym(library, "raysim_register_functions") : NULL;
  if (!symbol) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot load functions: %s", path,
             library ? "it has no raysim_register_functions" : dlerror());
    return -1;
  }
  memcpy(&enter, &symbol, sizeof enter);
  enter();
  return 0;
}

static int noop(struct rs_uv_context *context)
{
  (void)context;
  return 0;
}

/* False: it was cancelled. */
static bool work(struct rs_uv_context *context, uint32_t mode, uint64_t duration_ns)
{
  if (mode == RS_REPLAY_SLEEP)
    return duration_ns == 0 || rs_uv_sleep(context, duration_ns);
  for (uint64_t end = uv_hrtime() + duration_ns; uv_hrtime() < end;)
    if (rs_uv_cancelled(context))
      return false;
  return true;
}

/* Items of return_bytes, the first at once; at work for an equal part of the duration after each. */
static int replay_items(struct rs_uv_context *context, const struct rs_replay *r)
{
  uint8_t *bytes = malloc(r->return_bytes + 1);
  int rc = bytes ? 0 : 1;
  for (uint32_t i = 0; i < r->yields && rc == 0; i++) {
    memset(bytes, (int)(i + 1), r->return_bytes);
    rc = rs_uv_yield(context, bytes, r->return_bytes, NULL, 0);
    if (rc == 0 && !work(context, r->mode, r->duration_ns / r->yields))
      break;
  }
  free(bytes);
  if (rc == 0 && r->fails) {
    rs_uv_fail(context, "the replayed task fails, as its arguments say");
    return 1;
  }
  if (rc < 0)
    rs_uv_fail(context, rs_error_text(rc));
  return rc;
}

static int replay(struct rs_uv_context *context)
{
  struct rs_replay r;
  if (rs_replay_decode(rs_uv_context_task(context), &r) != 0) {
    rs_uv_fail(context, "raysim.replay: malformed arguments");
    return 1;
  }
  if (context->task->flags & RS_TASK_STREAM)
    return replay_items(context, &r);
  work(context, r.mode, r.duration_ns);
  if (r.fails) {
    rs_uv_fail(context, "the replayed task fails, as its arguments say");
    return 1;
  }
  if (context->task->return_count == 0)
    return 0;
  bool both = context->task->return_count > 1 && r.return_bytes > 0;
  if (both || r.return_bytes == 0)
    rs_uv_return(context, 0, r.result, r.result_bytes);
  if (r.return_bytes == 0)
    return 0;
  uint8_t *bytes = calloc(r.return_bytes, 1);
  if (!bytes) {
    rs_uv_fail(context, "raysim.replay: no memory for the object");
    return 1;
  }
  if (!both)
    memcpy(bytes, r.result, r.result_bytes < r.return_bytes ? r.result_bytes : r.return_bytes);
  context->returns[both].bytes = bytes; /* taken over as it is */
  context->returns[both].size = r.return_bytes;
  return 0;
}

struct epochs {
  const struct rs_uv_context *context;
  uint64_t begin;
};

static double epoch_end(void *arg)
{
  struct epochs *epochs = arg;
  uint64_t now = uv_hrtime(), took = now - epochs->begin;
  epochs->begin = now;
  return rs_uv_cancelled(epochs->context) ? -1 : (double)took * 1e-9;
}

static int logistic(struct rs_uv_context *context)
{
  struct epochs epochs = {context, uv_hrtime()};
  uint32_t args_bytes, bytes;
  const uint8_t *args = rs_uv_context_args(context, &args_bytes);
  uint8_t *result;
  const char *wrong = rs_logistic_train(args, args_bytes, epoch_end, &epochs, &result, &bytes);
  if (wrong) {
    rs_uv_fail(context, wrong);
    return 1;
  }
  if (context->task->return_count > 0) {
    context->returns[0].bytes = result; /* taken over as it is */
    context->returns[0].size = bytes;
  } else {
    free(result);
  }
  return 0;
}

void rs_function_register_builtin(void)
{
  rs_uv_function_register("raysim.noop", noop, NULL);
  rs_uv_function_register("raysim.replay", replay, NULL);
  rs_uv_function_register(RS_LOGISTIC_NAME, logistic, NULL);
  rs_uv_function_register(RS_LOGISTIC_CREATE_NAME, noop, NULL);
}
