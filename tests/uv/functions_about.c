/* functions_about.c -- functions of the tests of what a task knows of itself, and of where it runs. */
#include "api/raysim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int say(struct raysim_context *context, const char *text)
{
  return raysim_return(context, 0, text, strlen(text) + 1);
}

static int variable(struct raysim_context *context)
{
  const char *value = getenv(raysim_arg(context, 0, NULL));
  return say(context, value ? value : "(none)");
}

/* "CPU=2 GPU=1 attempt=0 restarted=0 own=0 job=1" */
static int facts(struct raysim_context *context)
{
  struct raysim_resource given[8];
  char text[512];
  size_t used = 0, count = raysim_assigned(context, given, 8);
  for (size_t i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s=%g ", given[i].name, given[i].amount);
  raysim_actor own = raysim_own_actor(context);
  snprintf(text + used, sizeof text - used, "attempt=%d restarted=%d own=%d job=%llu worker=%d",
           raysim_attempt(context), raysim_was_restarted(context), !raysim_is_none(own.ref),
           (unsigned long long)raysim_job(raysim_current(context)), raysim_worker(context) != 0);
  return say(context, text);
}

static int crash_first(struct raysim_context *context)
{
  int attempt = raysim_attempt(context);
  if (attempt < 2)
    abort();
  return raysim_return(context, 0, &attempt, sizeof attempt);
}

static int fail_first(struct raysim_context *context)
{
  int attempt = raysim_attempt(context);
  return attempt < 2 ? raysim_fail(context, "try %d", attempt) : raysim_return(context, 0, &attempt, sizeof attempt);
}

/* The room is not sealed: it goes with the task. */
static int unsealed(struct raysim_context *context)
{
  struct raysim_buffer buffer;
  const size_t *size = raysim_arg(context, 0, NULL);
  int rc = raysim_create(raysim_current(context), *size, 5000, &buffer);
  return rc == 0 ? 0 : raysim_fail(context, "no room: %d", rc);
}

static int nap(struct raysim_context *context)
{
  const int *ms = raysim_arg(context, 0, NULL);
  usleep((unsigned)*ms * 1000);
  return 0;
}

static int create(struct raysim_context *context)
{
  (void)context;
  return 0;
}

static int die(struct raysim_context *context)
{
  (void)context;
  abort();
}

/* Calls itself by its own handle, without waiting for the answer. */
static int own_method(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  raysim_ref later = raysim_call(ray, raysim_own_actor(context), "facts", NULL, 0, NULL);
  struct raysim_data data = {.bytes = "", .size = 0, .refs = &later, .ref_count = 1};
  int rc = raysim_return_data(context, 0, &data);
  raysim_release(ray, later);
  return rc;
}

static int where(struct raysim_context *context)
{
  uint32_t node = raysim_node(context);
  return raysim_return(context, 0, &node, sizeof node);
}

static int devices(struct raysim_context *context)
{
  int numbers[16] = {0};
  int both[2] = {(int)raysim_gpus(context, numbers, 16), numbers[0]};
  return raysim_return(context, 0, both, sizeof both);
}

/* How many references its argument has, and the bytes of what they are in all. */
static int inside(struct raysim_context *context)
{
  size_t count, both[2] = {0, 0};
  const raysim_ref *refs = raysim_arg_refs(context, 0, &count);
  both[0] = count;
  for (size_t i = 0; i < count; i++) {
    struct raysim_value value;
    if (raysim_get(raysim_current(context), refs[i], 10000, &value) != 0)
      return raysim_fail(context, "reference %zu cannot be read", i);
    both[1] += value.size;
    raysim_value_free(&value);
  }
  return raysim_return(context, 0, both, sizeof both);
}

/* Items with a reference each, to objects of one and of 200,000 bytes by turns. */
static int items(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  for (int i = 0; i < 4; i++) {
    char *bytes = calloc(1, 200000);
    raysim_ref ref = raysim_put(ray, bytes, i % 2 ? 200000 : 1);
    struct raysim_data data = {.bytes = &i, .size = sizeof i, .refs = &ref, .ref_count = 1};
    int rc = raysim_yield_data(context, &data);
    raysim_release(ray, ref);
    free(bytes);
    if (rc != 0)
      return raysim_fail(context, "item %d: %d", i, rc);
  }
  return 0;
}

/* 1: it is in the group of its argument; 10 more: so is its child. */
static int in_group(struct raysim_context *context)
{
  const raysim_group *expected = raysim_arg(context, 0, NULL);
  const int *children = raysim_arg(context, 1, NULL);
  raysim_group mine = raysim_group_current(context);
  int same = memcmp(&mine, expected, sizeof mine) == 0, none = 0;
  if (*children) {
    struct raysim *ray = raysim_current(context);
    struct raysim_value value;
    raysim_ref child =
        raysim_submit(ray, "about.in_group", RAYSIM_ARGS(RAYSIM_VALUE(*expected), RAYSIM_VALUE(none)), NULL);
    if (raysim_get(ray, child, 10000, &value) != 0)
      return raysim_fail(context, "the child failed");
    same += 10 * *(const int *)value.bytes;
    raysim_value_free(&value);
    raysim_release(ray, child);
  }
  return raysim_return(context, 0, &same, sizeof same);
}

/* Says in the key-value store how it ended: cancelled, or after a second. */
static int patient(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  raysim_kv_put(ray, "about", "child", "begun", 5, 1);
  for (int i = 0; i < 200 && !raysim_cancelled(context); i++)
    usleep(5000);
  const char *end = raysim_cancelled(context) ? "cancelled" : "ended";
  raysim_kv_put(ray, "about", "child", end, strlen(end), 1);
  return 0;
}

/* Says how a wait for what takes four seconds ended, and whether it was cancelled: of kind 0 a get, 1 a wait, 2 of a
 * stream. */
static int waits_long(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  const int kind = *(const int *)raysim_arg(context, 0, NULL);
  int ms = 4000, rc;
  uint8_t ready;
  struct raysim_value value;
  struct raysim_task_options free_of_charge = {.demand = {.num_cpus = RAYSIM_NONE}};
  raysim_ref item, child = {{0}};
  raysim_stream stream = {{{0}}};
  if (kind == 2)
    stream = raysim_submit_stream(ray, "about.nap", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &free_of_charge, 1);
  else
    child = raysim_submit(ray, "about.nap", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &free_of_charge);
  raysim_kv_put(ray, "about", "child", "begun", 5, 1);
  if (kind == 0) {
    rc = raysim_get(ray, child, RAYSIM_FOREVER, &value);
    raysim_value_free(&value);
  } else {
    rc = kind == 1 ? raysim_wait(ray, &child, 1, 1, 3000, 0, &ready) : raysim_next(ray, stream, RAYSIM_FOREVER, &item);
  }
  char text[32];
  snprintf(text, sizeof text, "%d %d", rc, raysim_cancelled(context));
  raysim_kv_put(ray, "about", "child", text, strlen(text), 1);
  raysim_stream_release(ray, stream);
  if (kind != 2)
    raysim_release(ray, child);
  return 0;
}

static int parent(struct raysim_context *context)
{
  struct raysim *ray = raysim_current(context);
  raysim_ref child = raysim_submit(ray, "about.patient", NULL, 0, NULL);
  struct raysim_value value;
  int rc = raysim_get(ray, child, RAYSIM_FOREVER, &value);
  raysim_value_free(&value);
  raysim_release(ray, child);
  return rc;
}

static int megabyte(struct raysim_context *context)
{
  char *bytes = raysim_return_room(context, 0, 1 << 20);
  if (bytes)
    memset(bytes, 1, 1 << 20);
  return bytes ? 0 : 1;
}

void functions_about_register(void); /* called by functions.c */

void functions_about_register(void)
{
  static const struct raysim_method methods[] = {{"facts", facts},       {"die", die}, {"own", own_method},
                                                 {"variable", variable}, {"nap", nap}, {"patient", patient},
                                                 {"waits", waits_long}};
  static const struct raysim_class type = {"about.Actor", create, NULL, methods, 7};
  raysim_register_actor(&type);
  raysim_register("about.variable", variable);
  raysim_register("about.facts", facts);
  raysim_register("about.crash_first", crash_first);
  raysim_register("about.fail_first", fail_first);
  raysim_register("about.unsealed", unsealed);
  raysim_register("about.where", where);
  raysim_register("about.devices", devices);
  raysim_register("about.inside", inside);
  raysim_register("about.items", items);
  raysim_register("about.in_group", in_group);
  raysim_register("about.patient", patient);
  raysim_register("about.parent", parent);
  raysim_register("about.waits", waits_long);
  raysim_register("about.nap", nap);
  raysim_register("about.megabyte", megabyte);
}
