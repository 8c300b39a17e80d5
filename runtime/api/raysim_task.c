/* raysim_task.c -- submitting tasks and calling actors: arguments, options, numbers. */
#include <stdio.h>

#include "api/raysim_int.h"

enum { INLINE_ARG_MAX = 100 << 10 }; /* a larger argument is put as an object, as Ray does */

static size_t align8(size_t n)
{
  return (n + 7) & ~(size_t)7;
}

static void put_u32(uint8_t *at, uint32_t value)
{
  memcpy(at, &value, sizeof value);
}

static bool is_object(const struct raysim_argument *arg)
{
  return !raysim_none(arg->object);
}

/* Which arguments travel as objects; those that are values are put first: large ones, and what is beyond
 * task_rpc_inlined_bytes_limit in all, in their order, as in Ray. */
enum way { WAY_VALUE, WAY_OBJECT, WAY_PUT };

static void choose_ways(const struct raysim *ray, const struct raysim_argument *args, size_t arg_count, uint8_t *ways)
{
  size_t inlined = 0, most = (size_t)ray->front->proc->setup.config.task_rpc_inlined_bytes_limit;
  for (size_t i = 0; i < arg_count; i++) {
    size_t size = args[i].value.size;
    ways[i] = is_object(&args[i])                                        ? WAY_OBJECT
              : size > INLINE_ARG_MAX || (size && inlined + size > most) ? WAY_PUT
                                                                         : WAY_VALUE;
    inlined += ways[i] == WAY_VALUE ? size : 0;
  }
}

static int put_large(struct raysim *ray, const struct raysim_argument *args, size_t arg_count, const uint8_t *ways,
                     struct rs_id *held, uint32_t *held_count)
{
  for (size_t i = 0; i < arg_count; i++) {
    if (ways[i] != WAY_PUT)
      continue;
    raysim_ref ref = raysim_put_data(ray, &args[i].value);
    if (raysim_none(ref))
      return RAYSIM_ERR_STORE_FULL;
    held[(*held_count)++] = raysim_id_of(ref);
  }
  return 0;
}

/* What the caller must not have got wrong, before anything is read. */
static int args_valid(const struct raysim_argument *args, size_t arg_count)
{
  if (!args && arg_count > 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "args: %zu arguments at NULL", arg_count);
  for (size_t i = 0; i < arg_count; i++) {
    const struct raysim_data *value = &args[i].value;
    if (is_object(&args[i]) && (value->size || value->ref_count))
      return raysim_set_error(RAYSIM_ERR_INVALID, "argument %zu: either a value or an object", i);
    if (!value->bytes && value->size)
      return raysim_set_error(RAYSIM_ERR_INVALID, "argument %zu: %zu bytes at NULL", i, value->size);
    if (raysim_refs_valid(value->refs, value->ref_count) != 0)
      return RAYSIM_ERR_INVALID;
  }
  return 0;
}

static int call_valid(const struct raysim *ray, const char *function, const char *what, const char *name,
                      const struct raysim_argument *args, size_t arg_count)
{
  if (raysim_connected(ray, function) != 0)
    return RAYSIM_ERR_INVALID;
  if (!name || !name[0])
    return raysim_set_error(RAYSIM_ERR_INVALID, "%s: the name of the %s is missing", function, what);
  return args_valid(args, arg_count);
}

/* Written into the task: what each argument is, and the bytes of values. */
static void put_args(struct rs_task *task, const struct raysim_argument *args, size_t arg_count, const uint8_t *ways,
                     const struct rs_id *put)
{
  uint32_t at = 4 + RAYSIM_ARG_BYTES * (uint32_t)arg_count, dep = 0, first = 0;
  for (size_t i = 0; i < arg_count; i++) {
    uint8_t *entry = task->args + 4 + RAYSIM_ARG_BYTES * i;
    if (ways[i] != WAY_VALUE) {
      task->deps[dep].id = ways[i] == WAY_OBJECT ? raysim_id_of(args[i].object) : *put++;
      put_u32(entry, RAYSIM_ARG_OBJECT);
      put_u32(entry + 8, dep++);
      continue;
    }
    const struct raysim_data *value = &args[i].value;
    at = (uint32_t)align8(at);
    put_u32(entry, at);
    put_u32(entry + 4, (uint32_t)value->size);
    put_u32(entry + 8, first);
    put_u32(entry + 12, (uint32_t)value->ref_count);
    for (size_t k = 0; k < value->ref_count; k++)
      task->inner[first++] = raysim_id_of(value->refs[k]);
    if (value->size)
      memcpy(task->args + at, value->bytes, value->size);
    at += (uint32_t)value->size;
  }
}

/* Ends at `end`; returns where it begins. */
static uint8_t *put_text_before(uint8_t *end, const char *text, size_t length)
{
  put_u32(end - 4, (uint32_t)length);
  memcpy(end - 4 - length, text, length);
  return end - 4 - length;
}

static struct rs_task *task_of_ways(struct raysim *ray, const struct raysim_argument *args, size_t arg_count,
                                    const uint8_t *ways, const struct raysim_around *around, struct rs_id *held,
                                    uint32_t *held_count)
{
  const char *name_space = around->space ? around->space : ray->tells_space ? ray->name_space : NULL;
  size_t load = ray->load ? strlen(ray->load) : 0, space = name_space ? strlen(name_space) : 0;
  size_t deps = 0, inner = 0, bytes = 4 + RAYSIM_ARG_BYTES * arg_count;
  for (size_t i = 0; i < arg_count; i++) {
    deps += ways[i] != WAY_VALUE;
    inner += ways[i] != WAY_VALUE ? 0 : args[i].value.ref_count;
    bytes = align8(bytes) + (ways[i] != WAY_VALUE ? 0 : args[i].value.size);
  }
  bytes += (load ? load + 4 : 0) + (space ? space + 4 : 0) + (around->env ? 8 : 0) + around->given.size;
  if (deps > RS_TASK_DEPS_MAX || inner > RS_TASK_DEPS_MAX || bytes > RS_INLINE_MAX) {
    raysim_set_error(RAYSIM_ERR_TOO_LARGE,
                     "a task takes at most %d objects, %d references and %u MiB of values and their descriptions",
                     RS_TASK_DEPS_MAX, RS_TASK_DEPS_MAX, RS_INLINE_MAX >> 20);
    return NULL;
  }
  if (put_large(ray, args, arg_count, ways, held, held_count) != 0)
    return NULL;
  uint8_t name_bytes = around->name ? (uint8_t)strlen(around->name) : 0;
  struct rs_task *task = rs_task_new_named((uint32_t)deps, (uint32_t)inner, (uint32_t)bytes, around->name, name_bytes);
  put_u32(task->args, (uint32_t)arg_count | (load ? RAYSIM_ARGS_LOAD : 0) | (space ? RAYSIM_ARGS_SPACE : 0) |
                          (around->env ? RAYSIM_ARGS_ENV : 0) | (around->given.size ? RAYSIM_ARGS_GIVEN : 0));
  uint8_t *end = task->args + bytes;
  if (load)
    end = put_text_before(end, ray->load, load);
  if (space)
    end = put_text_before(end, name_space, space);
  if (around->env)
    memcpy(end - 8, &around->env, 8);
  end -= around->env ? 8 : 0;
  if (around->given.size)
    memcpy(end - around->given.size, around->given.bytes, around->given.size);
  put_args(task, args, arg_count, ways, held);
  return task;
}

struct rs_task *raysim_task_new(struct raysim *ray, const struct raysim_argument *args, size_t arg_count,
                                const struct raysim_around *around, struct rs_id *held, uint32_t *held_count)
{
  *held_count = 0;
  if (around->name && strlen(around->name) > RS_TASK_NAME_MAX) {
    raysim_set_error(RAYSIM_ERR_INVALID, "name: at most %d bytes", RS_TASK_NAME_MAX);
    return NULL;
  }
  uint8_t few[64], *ways = arg_count <= sizeof few ? few : rs_alloc(arg_count);
  choose_ways(ray, args, arg_count, ways);
  struct rs_task *task = task_of_ways(ray, args, arg_count, ways, around, held, held_count);
  if (ways != few)
    free(ways);
  return task;
}

static void fill(struct raysim *ray, struct rs_task *task, const char *function, uint8_t returns, unsigned flags)
{
  task->function = rs_front_intern(ray->front, function);
  task->return_count = returns;
  task->flags = (uint16_t)(task->flags | flags);
}

/* Submits copies of one task. Takes call and task over; refs: their first returns, one after the other. */
static int submit_copies(struct raysim *ray, struct rs_call *call, struct rs_task *task, raysim_ref *refs)
{
  uint32_t count = call->task_count, returns = task->return_count;
  struct rs_id one = {0}, *ids = count == 1 ? &one : rs_alloc(count * sizeof *ids);
  call->tasks[0] = task;
  for (uint32_t i = 1; i < count; i++)
    call->tasks[i] = rs_task_copy(task);
  int rc = rs_front_submit(ray->front, call, ids);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < returns; k++)
      refs[(size_t)i * returns + k] =
          rc == 0 ? raysim_ref_of((struct rs_id){ids[i].owner, ids[i].seq + 1 + k}) : (raysim_ref){{0}};
  if (ids != &one)
    free(ids);
  return rc == 0 ? 0 : raysim_set_error(rc, "%s", rs_error_text(rc));
}

int raysim_submit_many(struct raysim *ray, const char *function, const struct raysim_argument *args, size_t arg_count,
                       const struct raysim_task_options *options, size_t task_count, raysim_ref *refs)
{
  static const struct raysim_task_options none = {0};
  if (!options)
    options = &none;
  if (task_count == 0)
    return 0;
  if (task_count > UINT32_MAX / 2)
    return raysim_set_error(RAYSIM_ERR_INVALID, "task_count: too many");
  if (call_valid(ray, "raysim_submit", "function", function, args, arg_count) != 0)
    return RAYSIM_ERR_INVALID;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, (uint32_t)task_count);
  uint8_t returns = 0;
  int rc = raysim_demand_of(ray, &options->demand, 1, &call->demand, call);
  if (rc == 0)
    rc = raysim_returns_of(options->num_returns, &returns);
  if (rc == 0)
    rc = raysim_bundle_there(ray, &options->demand.strategy);
  if (rc == 0)
    rc = raysim_env_of(ray, options->demand.runtime_env, &call->demand.env);
  if (rc == 0)
    rc = raysim_retries_of("max_retries", options->max_retries, 3, &call->max_retries);
  struct rs_id few[8], *held = arg_count <= 8 ? few : rs_alloc(arg_count * sizeof *held);
  uint32_t held_count = 0;
  struct raysim_around around = {.name = options->name, .env = call->demand.env};
  if (rc == 0)
    around.given = raysim_given_of(&options->demand, &call->demand);
  struct rs_task *task = rc == 0 ? raysim_task_new(ray, args, arg_count, &around, held, &held_count) : NULL;
  free((void *)(uintptr_t)around.given.bytes);
  if (task) {
    fill(ray, task, function, returns, RS_TASK_KEEP | (options->retry_exceptions ? RS_TASK_RETRY_ERRORS : 0));
    raysim_capture(&options->demand.strategy, task);
    rc = submit_copies(ray, call, task, refs);
  } else {
    call->task_count = 0;
    rs_call_free(call);
    rc = rc ? rc : RAYSIM_ERR_TOO_LARGE;
    memset(refs, 0, task_count * returns * sizeof *refs);
  }
  for (uint32_t i = 0; i < held_count; i++)
    rs_front_release(ray->front, held[i]);
  if (held != few)
    free(held);
  return rc;
}

/* Who asks for one reference does not hold the others. */
static raysim_ref only_first(struct raysim *ray, const raysim_ref *refs, int num_returns)
{
  for (int i = 1; i < num_returns; i++)
    raysim_release(ray, refs[i]);
  return refs[0];
}

raysim_ref raysim_submit(struct raysim *ray, const char *function, const struct raysim_argument *args, size_t arg_count,
                         const struct raysim_task_options *options)
{
  raysim_ref refs[RS_TASK_RETURNS_MAX] = {{{0}}};
  if (raysim_submit_many(ray, function, args, arg_count, options, 1, refs) != 0)
    return (raysim_ref){{0}};
  return only_first(ray, refs, options ? options->num_returns : 1);
}

int raysim_cancel(struct raysim *ray, raysim_ref ref, int flags)
{
  if (raysim_connected(ray, "raysim_cancel") != 0)
    return RAYSIM_ERR_INVALID;
  if (raysim_none(ref))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_cancel: no reference");
  if (flags & ~(RAYSIM_FORCE | RAYSIM_NOT_RECURSIVE))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_cancel: unknown flags %#x", (unsigned)flags);
  const char *wrong;
  int rc = rs_front_cancel(ray->front, raysim_id_of(ref), (flags & RAYSIM_FORCE) != 0, !(flags & RAYSIM_NOT_RECURSIVE),
                           &wrong);
  return wrong ? raysim_set_error(rc, "raysim_cancel: %s", wrong) : rc;
}

/* ---- actors ---- */

raysim_actor raysim_actor_create(struct raysim *ray, const char *type, const struct raysim_argument *args,
                                 size_t arg_count, const struct raysim_actor_options *options)
{
  static const struct raysim_actor_options none = {0};
  raysim_actor actor = {{{0}}};
  if (!options)
    options = &none;
  if (call_valid(ray, "raysim_actor_create", "class", type, args, arg_count) != 0)
    return actor;
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_id few[8], *held = arg_count <= 8 ? few : rs_alloc(arg_count * sizeof *held), id;
  uint32_t held_count = 0;
  int rc = raysim_demand_of(ray, &options->demand, 0, &call->hold, call);
  if (rc == 0)
    rc = raysim_bundle_there(ray, &options->demand.strategy);
  if (rc == 0)
    rc = raysim_env_of(ray, options->demand.runtime_env, &call->hold.env);
  if (options->demand.num_cpus == 0 && (call->hold.gpu_e4 || call->hold.custom_count)) /* as in Ray: not for memory */
    call->hold.cpu_e4 = RS_ONE_E4;
  call->demand = call->hold;
  if (options->demand.num_cpus == 0) /* Ray: one CPU to place it, none while it lives */
    call->demand.cpu_e4 = RS_ONE_E4;
  if (rc == 0)
    rc = raysim_retries_of("max_restarts", options->max_restarts, 0, &call->max_restarts);
  if (rc == 0)
    rc = raysim_retries_of("max_task_retries", options->max_task_retries, 0, &call->max_retries);
  if (rc == 0)
    rc = raysim_actor_opts_of(ray, options, &call->actor);
  struct raysim_around around = {.env = call->hold.env, .space = options->detached ? options->name_space : NULL};
  if (rc == 0)
    around.given = raysim_given_of(&options->demand, &call->hold);
  struct rs_task *task = rc == 0 ? raysim_task_new(ray, args, arg_count, &around, held, &held_count) : NULL;
  free((void *)(uintptr_t)around.given.bytes);
  if (task) {
    fill(ray, task, type, 0, RS_TASK_ACTOR_CREATE | (options->async ? RS_TASK_ASYNC : 0));
    raysim_capture(&options->demand.strategy, task);
    call->tasks[0] = task;
    raysim_set_error(0, "%s", "");
    rc = raysim_actor_submit(ray, call, &id);
    if (rc == 0)
      actor.ref = raysim_ref_of(id);
    else if (!raysim_last_error()[0])
      raysim_set_error(rc, "%s", rs_error_text(rc));
  } else {
    call->task_count = 0;
    rs_call_free(call);
  }
  for (uint32_t i = 0; i < held_count; i++)
    rs_front_release(ray->front, held[i]);
  if (held != few)
    free(held);
  return actor;
}

static void to_actor(struct rs_task *task, raysim_actor actor, const struct raysim_call_options *options)
{
  task->flags |= RS_TASK_ACTOR_CALL;
  if (options->retry_exceptions)
    task->flags |= RS_TASK_RETRY_ERRORS;
  task->actor = raysim_id_of(actor.ref);
  if (options->concurrency_group) {
    task->flags |= RS_TASK_GROUP;
    task->group = rs_name_hash(options->concurrency_group);
  }
}

int raysim_call_many(struct raysim *ray, raysim_actor actor, const char *method, const struct raysim_argument *args,
                     size_t arg_count, const struct raysim_call_options *options, size_t call_count, raysim_ref *refs)
{
  static const struct raysim_call_options none = {0};
  if (!options)
    options = &none;
  if (call_count == 0)
    return 0;
  if (raysim_none(actor.ref) || call_count > UINT32_MAX / 2)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_call: no actor, or too many calls");
  if (call_valid(ray, "raysim_call", "method", method, args, arg_count) != 0)
    return RAYSIM_ERR_INVALID;
  struct rs_id few[8], *held = arg_count <= 8 ? few : rs_alloc(arg_count * sizeof *held);
  uint32_t held_count = 0;
  uint8_t returns = 0;
  int rc = raysim_returns_of(options->num_returns, &returns);
  int32_t retries = 0;
  if (rc == 0)
    rc = raysim_retries_of("max_task_retries", options->max_task_retries, RS_RETRIES_OF_ACTOR, &retries);
  struct raysim_around around = {.name = options->name};
  struct rs_task *task = rc == 0 ? raysim_task_new(ray, args, arg_count, &around, held, &held_count) : NULL;
  if (task) {
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, (uint32_t)call_count);
    call->max_retries = retries;
    fill(ray, task, method, returns, RS_TASK_KEEP);
    to_actor(task, actor, options);
    rc = submit_copies(ray, call, task, refs);
  } else {
    rc = rc ? rc : RAYSIM_ERR_TOO_LARGE;
    memset(refs, 0, call_count * returns * sizeof *refs);
  }
  for (uint32_t i = 0; i < held_count; i++)
    rs_front_release(ray->front, held[i]);
  if (held != few)
    free(held);
  return rc;
}

raysim_ref raysim_call(struct raysim *ray, raysim_actor actor, const char *method, const struct raysim_argument *args,
                       size_t arg_count, const struct raysim_call_options *options)
{
  raysim_ref refs[RS_TASK_RETURNS_MAX] = {{{0}}};
  if (raysim_call_many(ray, actor, method, args, arg_count, options, 1, refs) != 0)
    return (raysim_ref){{0}};
  return only_first(ray, refs, options ? options->num_returns : 1);
}

int raysim_kill(struct raysim *ray, raysim_actor actor, int flags)
{
  if (raysim_connected(ray, "raysim_kill") != 0)
    return RAYSIM_ERR_INVALID;
  if (raysim_none(actor.ref))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_kill: no actor");
  if (flags & ~RAYSIM_MAY_RESTART)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_kill: unknown flags %#x", (unsigned)flags);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_KILL, 0);
  call->object = raysim_id_of(actor.ref);
  call->no_restart = !(flags & RAYSIM_MAY_RESTART);
  return rs_front_call(ray->front, call);
}

/* ---- tasks that yield ---- */

/* Takes the call over. A task: with its demand; or a call of the actor, with options. */
static raysim_stream submit_stream(struct raysim *ray, struct rs_call *call, const char *function, const char *name,
                                   const struct raysim_argument *args, size_t arg_count, uint32_t backpressure,
                                   unsigned flags, const struct raysim_demand *demand, const raysim_actor *actor,
                                   const struct raysim_call_options *options)
{
  raysim_stream stream = {{{0}}};
  struct rs_id few[8], *held = arg_count <= 8 ? few : rs_alloc(arg_count * sizeof *held), id;
  uint32_t held_count = 0;
  struct raysim_around around = {.name = name, .env = call->demand.env};
  if (demand)
    around.given = raysim_given_of(demand, &call->demand);
  struct rs_task *task = raysim_task_new(ray, args, arg_count, &around, held, &held_count);
  free((void *)(uintptr_t)around.given.bytes);
  if (task) {
    fill(ray, task, function, 0, RS_TASK_STREAM | flags);
    task->backpressure = backpressure;
    if (actor)
      to_actor(task, *actor, options);
    if (demand)
      raysim_capture(&demand->strategy, task);
    call->tasks[0] = task;
    int rc = rs_front_submit(ray->front, call, &id);
    if (rc == 0)
      stream.ref = raysim_ref_of(id);
    else
      raysim_set_error(rc, "%s", rs_error_text(rc));
  } else {
    call->task_count = 0;
    rs_call_free(call);
  }
  for (uint32_t i = 0; i < held_count; i++)
    rs_front_release(ray->front, held[i]);
  if (held != few)
    free(held);
  return stream;
}

raysim_stream raysim_submit_stream(struct raysim *ray, const char *function, const struct raysim_argument *args,
                                   size_t arg_count, const struct raysim_task_options *options, uint32_t backpressure)
{
  static const struct raysim_task_options none = {0};
  if (!options)
    options = &none;
  if (call_valid(ray, "raysim_submit_stream", "function", function, args, arg_count) != 0)
    return (raysim_stream){{{0}}};
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  if (raysim_demand_of(ray, &options->demand, 1, &call->demand, call) != 0 ||
      raysim_bundle_there(ray, &options->demand.strategy) != 0 ||
      raysim_retries_of("max_retries", options->max_retries, 3, &call->max_retries) != 0 ||
      raysim_env_of(ray, options->demand.runtime_env, &call->demand.env) != 0) {
    call->task_count = 0;
    rs_call_free(call);
    return (raysim_stream){{{0}}};
  }
  return submit_stream(ray, call, function, options->name, args, arg_count, backpressure,
                       options->retry_exceptions ? RS_TASK_RETRY_ERRORS : 0, &options->demand, NULL, NULL);
}

raysim_stream raysim_call_stream(struct raysim *ray, raysim_actor actor, const char *method,
                                 const struct raysim_argument *args, size_t arg_count,
                                 const struct raysim_call_options *options, uint32_t backpressure)
{
  static const struct raysim_call_options none = {0};
  if (!options)
    options = &none;
  if (raysim_none(actor.ref)) {
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_call_stream: no actor");
    return (raysim_stream){{{0}}};
  }
  if (call_valid(ray, "raysim_call_stream", "method", method, args, arg_count) != 0)
    return (raysim_stream){{{0}}};
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CALL, 1);
  if (raysim_retries_of("max_task_retries", options->max_task_retries, RS_RETRIES_OF_ACTOR, &call->max_retries) != 0) {
    call->task_count = 0;
    rs_call_free(call);
    return (raysim_stream){{{0}}};
  }
  return submit_stream(ray, call, method, options->name, args, arg_count, backpressure, 0, NULL, &actor, options);
}
