/* raysim_function.c -- the part of the API that functions use, in workers: arguments, returns, who they are. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "api/raysim_int.h"
#include "uv/function.h"
#include "uv/worker.h"

struct raysim_context {
  struct rs_uv_context *inner;
  const struct rs_task *task;
  uint32_t arg_count;
  struct object_arg { /* one for each dependency */
    const uint8_t *bytes;
    size_t size;
    raysim_ref *refs; /* inside it, in the public form; NULL: none */
    uint32_t ref_count;
    bool stored, asked;
    struct rs_front_value value; /* of a stored one whose references were asked for */
  } * objects;
  raysim_ref *refs; /* inside the arguments by value */
};

static struct rs_front *front_of(const struct raysim_context *context)
{
  return rs_uv_context_front(context->inner);
}

/* ---- running a function ---- */

static uint32_t get_u32(const uint8_t *at)
{
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* What a program of another version, or a stranger, could have made wrong. */
static bool well_formed(const struct rs_task *task, uint32_t count)
{
  if (task->args_bytes < 4 || count > (task->args_bytes - 4) / RAYSIM_ARG_BYTES)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *entry = task->args + 4 + (size_t)RAYSIM_ARG_BYTES * i;
    uint32_t at = get_u32(entry), size = get_u32(entry + 4), first = get_u32(entry + 8), refs = get_u32(entry + 12);
    if (at == RAYSIM_ARG_OBJECT ? first >= task->dep_count
                                : at > task->args_bytes || size > task->args_bytes - at || first > task->inner_count ||
                                      refs > task->inner_count - first)
      return false;
  }
  return true;
}

static raysim_ref *refs_of(const struct rs_id *ids, uint32_t count)
{
  raysim_ref *refs = count ? rs_alloc(count * sizeof *refs) : NULL;
  for (uint32_t i = 0; i < count; i++)
    refs[i] = raysim_ref_of(ids[i]);
  return refs;
}

/* Maps every stored dependency. 0, or an error with its text. */
static int open_objects(struct raysim_context *context)
{
  struct rs_front *front = front_of(context);
  const struct rs_task *task = context->task;
  int rc = 0;
  if (task->dep_count == 0)
    return 0;
  context->objects = rs_alloc_zero(task->dep_count, sizeof *context->objects);
  pthread_mutex_lock(&front->proc->lock);
  for (uint32_t i = 0; i < task->dep_count && rc == 0; i++) {
    struct object_arg *arg = &context->objects[i];
    const struct rs_value *value = task->deps[i].value;
    if (value) {
      arg->bytes = value->data;
      arg->size = value->size_bytes;
      arg->refs = refs_of(value->ids, value->id_count);
      arg->ref_count = value->id_count;
      continue;
    }
    rc = rs_objects_read(front->proc, task->deps[i].id, &arg->bytes, &arg->size);
    arg->stored = rc == 0;
  }
  pthread_mutex_unlock(&front->proc->lock);
  return rc == 0 ? 0 : raysim_fail(context, "an argument cannot be read: %s", rs_error_text(rc));
}

static void close_objects(struct raysim_context *context)
{
  struct rs_front *front = front_of(context);
  if (!context->objects)
    return;
  for (uint32_t i = 0; i < context->task->dep_count; i++)
    rs_front_value_free(front, &context->objects[i].value);
  pthread_mutex_lock(&front->proc->lock);
  for (uint32_t i = 0; i < context->task->dep_count; i++) {
    if (context->objects[i].stored)
      rs_objects_release(front->proc, context->task->deps[i].id);
    free(context->objects[i].refs);
  }
  pthread_mutex_unlock(&front->proc->lock);
  free(context->objects);
}

/* The text that ends at `end`, behind its arguments; NULL: it is malformed. */
static const uint8_t *text_before(const struct rs_task *task, uint32_t end, uint32_t *bytes)
{
  *bytes = end >= 8 ? get_u32(task->args + end - 4) : 0;
  return *bytes && *bytes <= end - 8 ? task->args + end - 4 - *bytes : NULL;
}

struct raysim_behind raysim_behind_of(const struct rs_task *task)
{
  struct raysim_behind behind = {0};
  uint32_t flags = task->args_bytes >= 8 ? get_u32(task->args) & RAYSIM_ARGS_FLAGS : 0, end = task->args_bytes;
  if (flags & RAYSIM_ARGS_LOAD)
    behind.load = text_before(task, end, &behind.load_bytes);
  if (behind.load)
    end -= 4 + behind.load_bytes;
  if (flags & RAYSIM_ARGS_SPACE)
    behind.space = text_before(task, end, &behind.space_bytes);
  if (behind.space)
    end -= 4 + behind.space_bytes;
  if (flags & RAYSIM_ARGS_ENV && end >= 12)
    memcpy(&behind.env, task->args + end - 8, 8);
  return behind;
}

size_t raysim_given_end(const struct rs_task *task)
{
  uint32_t flags = task->args_bytes >= 8 ? get_u32(task->args) : 0;
  struct raysim_behind behind = raysim_behind_of(task);
  size_t after = (behind.load ? 4 + behind.load_bytes : 0) + (behind.space ? 4 + behind.space_bytes : 0) +
                 (flags & RAYSIM_ARGS_ENV ? 8 : 0);
  return flags & RAYSIM_ARGS_GIVEN && after < task->args_bytes ? task->args_bytes - after : 0;
}

static char *text_of(const uint8_t *bytes, uint32_t size)
{
  char *text = rs_alloc((size_t)size + 1);
  memcpy(text, bytes, size);
  text[size] = 0;
  return text;
}

char *raysim_anonymous(rs_addr job)
{
  char *text = rs_alloc(32);
  snprintf(text, 32, "anonymous-%llx", (unsigned long long)job);
  return text;
}

/* A worker is of one job, so the first task has what holds for all. An actor's is called by others too: what it submits
 * works for them and yet names actors where it does itself. */
void raysim_adopt(struct rs_front *front, const struct rs_task *task)
{
  pthread_mutex_lock(&front->proc->lock);
  if (!front->user) {
    struct raysim *ray = rs_alloc_zero(1, sizeof *ray);
    struct raysim_behind behind = raysim_behind_of(task);
    pthread_mutex_init(&ray->lock, NULL);
    ray->front = front;
    ray->load = behind.load ? text_of(behind.load, behind.load_bytes) : NULL;
    ray->name_space = behind.space ? text_of(behind.space, behind.space_bytes) : raysim_anonymous(rs_task_job(task));
    ray->tells_space = behind.space || task->flags & RS_TASK_ACTOR_CREATE;
    front->user = ray;
  }
  pthread_mutex_unlock(&front->proc->lock);
}

/* A worker meets a task whose function it does not know: the library that the task names may have it, or the cluster's,
 * which the workers of a node that joined later have not opened yet. It is looked for under its path, and then among
 * what programs have sent. */
static bool load_functions(struct rs_uv_context *context, char *error)
{
  const struct rs_setup *setup = &context->proc->setup;
  struct raysim_behind behind = raysim_behind_of(context->task);
  char path[RS_UV_PATH_MAX], sent[RS_UV_PATH_MAX];
  if (behind.load)
    snprintf(path, sizeof path, "%.*s", (int)behind.load_bytes, (const char *)behind.load);
  else
    snprintf(path, sizeof path, "%s", setup->load);
  if (!path[0])
    return false;
  if (access(path, R_OK) == 0)
    return rs_function_load(path, error) == 0;
  return raysim_package_find_library(rs_uv_context_front(context), path, sent, error, RS_UV_ERROR_MAX) == 0 &&
         rs_function_load(sent, error) == 0;
}

__attribute__((constructor)) static void begin(void)
{
  rs_function_search_with(load_functions);
}

/* What a function is registered with. */
enum kind { FUNCTION, CLASS, METHOD };
struct box {
  raysim_function function;
  void (*destroy)(void *self); /* of a class */
  enum kind kind;
};

static void let_go(struct rs_uv_context *inner)
{
  struct raysim_context *context = inner->user;
  close_objects(context);
  free(context->refs);
}

/* Is the box what the task takes it for? If not, the task's failure says what it is. */
static bool right_kind(struct raysim_context *context, const struct box *box)
{
  const struct rs_task *task = context->task;
  enum kind wanted = task->flags & RS_TASK_ACTOR_CREATE ? CLASS : task->flags & RS_TASK_ACTOR_CALL ? METHOD : FUNCTION;
  const struct rs_function *type = wanted == METHOD ? rs_function_find(context->inner->worker->type) : NULL;
  const char *name = context->inner->function->name;
  if (box->kind == wanted)
    return true;
  context->inner->status = RS_ERR_UNKNOWN_FUNCTION;
  if (wanted == METHOD)
    raysim_fail(context, "class %.200s has no method %.200s, which is a %s", type ? type->name : "?", name,
                box->kind == CLASS ? "class" : "function");
  else if (wanted == CLASS)
    raysim_fail(context, "%.200s is a function, and no class", name);
  else
    raysim_fail(context, "%.200s is a class, and no function: raysim_actor_create makes an actor of it", name);
  return false;
}

static int run(struct rs_uv_context *inner)
{
  if (!inner->user)
    inner->user = rs_alloc(sizeof(struct raysim_context));
  struct raysim_context *context = inner->user;
  *context = (struct raysim_context){.inner = inner, .task = rs_uv_context_task(inner)};
  struct box *box = rs_uv_context_data(inner);
  if (context->task->args_bytes > 0) {
    context->arg_count = context->task->args_bytes >= 4 ? get_u32(context->task->args) & ~RAYSIM_ARGS_FLAGS : 0;
    if (!well_formed(context->task, context->arg_count))
      return raysim_fail(context, "the arguments are malformed");
  }
  if (!right_kind(context, box))
    return -1;
  raysim_adopt(rs_uv_context_front(inner), context->task);
  context->refs = refs_of(context->task->inner, context->task->inner_count);
  inner->ended = let_go;
  char why[512];
  int rc = raysim_env_enter(rs_uv_context_front(inner), raysim_behind_of(context->task).env, why, sizeof why);
  if (rc != 0) {
    inner->status = RS_ERR_RUNTIME_ENV;
    rs_uv_fail(inner, why);
  }
  if (rc == 0)
    raysim_about_begin(context->task, inner->gpus);
  if (rc == 0)
    rc = open_objects(context);
  if (rc == 0)
    rc = box->function(context);
  if (rc == 0 && inner->task->flags & RS_TASK_ACTOR_CREATE)
    inner->worker->actor_end = box->destroy;
  return rc;
}

int raysim_complete(struct raysim_context *context, int rc)
{
  return rs_uv_complete(context->inner, rc) == 0
             ? 0
             : raysim_set_error(RAYSIM_ERR_INVALID, "raysim_complete: the task was not deferred, or is completed");
}

void raysim_defer(struct raysim_context *context, void (*on_cancel)(void *arg), void *arg)
{
  rs_uv_defer(context->inner, on_cancel, arg);
}

/* ---- registering ---- */

static void *boxed(raysim_function function, void (*destroy)(void *), enum kind kind)
{
  return rs_memdup(&(struct box){function, destroy, kind}, sizeof(struct box));
}

static bool registered;

bool raysim_registered(void)
{
  return registered;
}

static int register_box(const char *name, raysim_function function, void (*destroy)(void *), enum kind kind)
{
  if (!name || !name[0] || !function)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_register: %s is missing",
                            function ? "the name" : "the function");
  void *box = boxed(function, destroy, kind);
  registered = true;
  if (rs_uv_function_register(name, run, box))
    return 0;
  free(box);
  return raysim_set_error(RAYSIM_ERR_NAME_TAKEN, "%.200s: a function of that name is there already", name);
}

int raysim_register(const char *name, raysim_function function)
{
  return register_box(name, function, NULL, FUNCTION);
}

int raysim_register_actor(const struct raysim_class *type)
{
  if (!type || (!type->methods && type->method_count))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_register_actor: the %s missing",
                            type ? "methods are" : "class is");
  int rc = register_box(type->name, type->create, type->destroy, CLASS);
  for (size_t i = 0; i < type->method_count && rc == 0; i++)
    if (!type->methods[i].name || !type->methods[i].function)
      rc = raysim_set_error(RAYSIM_ERR_INVALID, "%.200s: method %zu lacks its name or function", type->name, i);
  for (size_t i = 0; i < type->method_count && rc == 0; i++)
    if (!rs_uv_method_register(type->name, type->methods[i].name, run, boxed(type->methods[i].function, NULL, METHOD)))
      rc = raysim_set_error(RAYSIM_ERR_NAME_TAKEN, "%.200s.%.200s: there are two of that name", type->name,
                            type->methods[i].name);
  return rc;
}

/* ---- inside a function ---- */

size_t raysim_arg_count(const struct raysim_context *context)
{
  return context->arg_count;
}

const void *raysim_arg(const struct raysim_context *context, size_t index, size_t *size)
{
  if (size)
    *size = 0;
  if (index >= context->arg_count)
    return NULL;
  const uint8_t *entry = context->task->args + 4 + RAYSIM_ARG_BYTES * index;
  uint32_t at = get_u32(entry), bytes = get_u32(entry + 4), first = get_u32(entry + 8);
  if (at != RAYSIM_ARG_OBJECT) {
    if (size)
      *size = bytes;
    return context->task->args + at;
  }
  if (size)
    *size = context->objects[first].size;
  return context->objects[first].bytes;
}

/* What a stored object contains is not told with the task: its owner knows. */
static void ask_refs(const struct raysim_context *context, uint32_t index)
{
  struct object_arg *arg = &context->objects[index];
  if (!arg->stored || arg->asked)
    return;
  arg->asked = true;
  if (rs_front_get(front_of(context), &context->task->deps[index].id, 1, RS_TIME_NEVER, &arg->value) != 0)
    return;
  arg->refs = refs_of(arg->value.ids, arg->value.id_count);
  arg->ref_count = arg->value.id_count;
}

const raysim_ref *raysim_arg_refs(const struct raysim_context *context, size_t index, size_t *count)
{
  *count = 0;
  if (index >= context->arg_count)
    return NULL;
  const uint8_t *entry = context->task->args + 4 + RAYSIM_ARG_BYTES * index;
  uint32_t first = get_u32(entry + 8);
  if (get_u32(entry) == RAYSIM_ARG_OBJECT) {
    ask_refs(context, first);
    *count = context->objects[first].ref_count;
    return context->objects[first].refs;
  }
  *count = get_u32(entry + 12);
  return *count ? context->refs + first : NULL;
}

raysim_ref raysim_arg_ref(const struct raysim_context *context, size_t index)
{
  size_t count;
  const raysim_ref *refs = raysim_arg_refs(context, index, &count);
  return count ? refs[0] : (raysim_ref){{0}};
}

static bool wrong_return(struct raysim_context *context, size_t index)
{
  if (index < context->task->return_count)
    return false;
  raysim_fail(context, "return %zu was set, but the task has %u", index, (unsigned)context->task->return_count);
  return true;
}

int raysim_return(struct raysim_context *context, size_t index, const void *bytes, size_t size)
{
  if (wrong_return(context, index))
    return RAYSIM_ERR_INVALID;
  return rs_uv_return(context->inner, (uint32_t)index, bytes, size) ? 0 : RAYSIM_ERR_STORE_FULL;
}

int raysim_return_data(struct raysim_context *context, size_t index, const struct raysim_data *data)
{
  int rc = raysim_return(context, index, data->bytes, data->size);
  if (rc == 0 && data->ref_count) {
    struct rs_id *ids = rs_alloc(data->ref_count * sizeof *ids);
    for (size_t i = 0; i < data->ref_count; i++)
      ids[i] = raysim_id_of(data->refs[i]);
    rs_uv_return_ids(context->inner, (uint32_t)index, ids, (uint32_t)data->ref_count);
    free(ids);
  }
  return rc;
}

void *raysim_return_room(struct raysim_context *context, size_t index, size_t size)
{
  return wrong_return(context, index) ? NULL : rs_uv_return_room(context->inner, (uint32_t)index, size);
}

int raysim_fail(struct raysim_context *context, const char *format, ...)
{
  char text[RS_ERROR_TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  rs_uv_fail(context->inner, text);
  return RAYSIM_ERR_TASK_FAILED;
}

struct rs_uv_context *raysim_inner_of(struct raysim_context *context)
{
  return context->inner;
}

struct rs_front *raysim_front_of(const struct raysim_context *context)
{
  return front_of(context);
}

int raysim_cancelled(const struct raysim_context *context)
{
  return rs_uv_cancelled(context->inner);
}

struct raysim *raysim_current(struct raysim_context *context)
{
  return front_of(context)->user;
}

raysim_group raysim_group_current(const struct raysim_context *context)
{
  raysim_ref ref = raysim_ref_of(context->task->placement);
  raysim_group group;
  memcpy(&group, &ref, sizeof group);
  return group;
}

raysim_ref raysim_task(const struct raysim_context *context)
{
  return raysim_ref_of(context->task->id);
}
const char *raysim_task_name(const struct raysim_context *context)
{
  return rs_uv_context_name(context->inner);
}
uint32_t raysim_node(const struct raysim_context *context)
{
  return rs_addr_node(front_of(context)->proc->self);
}
size_t raysim_return_count(const struct raysim_context *context)
{
  return context->task->return_count;
}

size_t raysim_gpus(const struct raysim_context *context, int *devices, size_t room)
{
  rs_gpu_mask mask = rs_uv_context_gpus(context->inner);
  size_t count = 0;
  for (int i = 0; i < RS_GPU_MAX; i++)
    if (mask & (rs_gpu_mask)1 << i) {
      if (count < room)
        devices[count] = i;
      count++;
    }
  return count;
}

void raysim_set_self(struct raysim_context *context, void *self)
{
  *rs_uv_context_actor(context->inner) = self;
}
void *raysim_self(const struct raysim_context *context)
{
  return *rs_uv_context_actor(context->inner);
}
