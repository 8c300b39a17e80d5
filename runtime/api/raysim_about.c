/* raysim_about.c -- what a running task can know about itself, and what its process is told with it.
 *
 * What it was given travels at the end of its arguments where it is not one CPU alone: the functions that read it are
 * the only ones that need it. As in Ray, CUDA_VISIBLE_DEVICES names the GPUs of a task that has some, and
 * OMP_NUM_THREADS is its number of CPUs, unless the user has set it. An OpenMP runtime that is in the process already
 * is told directly, since it reads the variable when it is loaded.
 *
 * Text of what it was given: u64 of CPUs, GPUs (1e-4), bytes of memory; for each custom resource u64 amount (1e-4) and
 * its name with a final 0; u32 size of all that.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/raysim_int.h"
#include "base/list.h"
#include "core/codec.h"
#include "core/state.h"
#include "uv/ask.h"
#include "uv/function.h"
#include "uv/worker.h"

enum { GIVEN_HEAD = 24, ANSWER_S = 30 };

/* ---- what it was given ---- */

static void put_given(struct rs_writer *w, const struct raysim_demand *in, const struct rs_demand *demand)
{
  rs_put_u64(w, (uint64_t)demand->cpu_e4);
  rs_put_u64(w, demand->gpu_e4);
  rs_put_u64(w, in->memory_bytes);
  for (size_t i = 0; i < in->resource_count; i++) {
    rs_put_u64(w, (uint64_t)(in->resources[i].amount * RS_ONE_E4 + 0.5));
    rs_put_bytes(w, in->resources[i].name, strlen(in->resources[i].name) + 1);
  }
}

struct raysim_given raysim_given_of(const struct raysim_demand *in, const struct rs_demand *demand)
{
  if (in->num_cpus == 0 && in->num_gpus == 0 && in->memory_bytes == 0 && in->resource_count == 0)
    return (struct raysim_given){NULL, 0};
  struct rs_writer w = {NULL, 0, 0};
  put_given(&w, in, demand);
  w = (struct rs_writer){rs_alloc(w.size + 4), w.size + 4, 0};
  put_given(&w, in, demand);
  rs_put_u32(&w, (uint32_t)w.size);
  return (struct raysim_given){w.out, w.size};
}

/* Of an actor's process: what its creation was given; set by the thread that runs it, before any call. */
static struct raysim_given of_actor;

static struct raysim_given given_in(const struct rs_task *task)
{
  if (task->flags & RS_TASK_ACTOR_CALL)
    return of_actor;
  size_t end = raysim_given_end(task);
  uint32_t size = 0;
  if (end < 8)
    return (struct raysim_given){NULL, 0};
  memcpy(&size, task->args + end - 4, 4);
  if (size < GIVEN_HEAD || size > end - 8)
    return (struct raysim_given){NULL, 0};
  return (struct raysim_given){task->args + end - 4 - size, size};
}

size_t raysim_assigned(const struct raysim_context *context, struct raysim_resource *resources, size_t room)
{
  const struct rs_task *task = raysim_inner_of((struct raysim_context *)(uintptr_t)context)->task;
  bool actor = task->actor.owner != 0;
  struct raysim_given given = given_in(task);
  struct rs_reader r = {given.bytes, given.bytes + given.size, 0};
  uint64_t cpus = given.size ? rs_get_u64(&r) : actor ? 0 : RS_ONE_E4, gpus = given.size ? rs_get_u64(&r) : 0;
  struct raysim_resource all[3] = {{"CPU", (double)cpus / RS_ONE_E4},
                                   {"GPU", (double)gpus / RS_ONE_E4},
                                   {"memory", given.size ? (double)rs_get_u64(&r) : 0}};
  size_t count = 0;
  for (size_t i = 0; i < 3; i++) {
    if (all[i].amount > 0 && count < room)
      resources[count] = all[i];
    count += all[i].amount > 0;
  }
  while (given.size && rs_get_left(&r) > 8) {
    double amount = (double)rs_get_u64(&r) / RS_ONE_E4;
    size_t length = strnlen((const char *)r.at, rs_get_left(&r));
    if (length == rs_get_left(&r))
      break;
    if (amount > 0 && count < room)
      resources[count] = (struct raysim_resource){(const char *)r.at, amount};
    count += amount > 0;
    rs_get_span(&r, length + 1);
  }
  return count;
}

/* ---- the process ---- */

/* The nth entry of a list with commas; false: it is shorter. */
static bool entry_of(const char *list, int index, const char **at, size_t *length)
{
  for (; index > 0 && list; index--) {
    list = strchr(list, ',');
    list = list ? list + 1 : NULL;
  }
  if (!list || !*list)
    return false;
  *at = list;
  *length = strcspn(list, ",");
  return true;
}

/* Device i is the ith of those that the node itself may use. */
static void show_gpus(rs_gpu_mask mask)
{
  static const char *of_node;
  static bool known;
  static rs_gpu_mask shown;
  if (!known)
    of_node = getenv("CUDA_VISIBLE_DEVICES");
  if (!known && of_node)
    of_node = rs_memdup(of_node, strlen(of_node) + 1); /* kept as long as the process */
  known = true;
  if (mask == 0 || mask == shown)
    return;
  char text[1024];
  size_t used = 0;
  for (int i = 0; i < RS_GPU_MAX; i++) {
    const char *at;
    size_t length;
    char number[12];
    if (!(mask >> i & 1))
      continue;
    if (!entry_of(of_node, i, &at, &length)) {
      snprintf(number, sizeof number, "%d", i);
      at = number;
      length = strlen(number);
    }
    if (used + length + 2 > sizeof text)
      break;
    if (used)
      text[used++] = ',';
    memcpy(text + used, at, length);
    used += length;
  }
  text[used] = 0;
  shown = mask;
  setenv("CUDA_VISIBLE_DEVICES", text, 1);
}

static void show_cpus(uint64_t cpu_e4)
{
  static int threads; /* as set by us; -1: the user has said it */
  int wanted = cpu_e4 < RS_ONE_E4 ? 1 : (int)(cpu_e4 / RS_ONE_E4);
  if (threads == 0 && getenv("OMP_NUM_THREADS"))
    threads = -1;
  if (threads < 0 || threads == wanted)
    return;
  char text[12];
  snprintf(text, sizeof text, "%d", wanted);
  setenv("OMP_NUM_THREADS", text, 1);
  threads = wanted;
  void (*set)(int) = NULL;
  void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  memcpy(&set, &symbol, sizeof set);
  if (set)
    set(wanted);
}

void raysim_about_begin(const struct rs_task *task, rs_gpu_mask gpus)
{
  if (task->flags & RS_TASK_ACTOR_CALL)
    return; /* its creation has said it all */
  struct raysim_given given = given_in(task);
  struct rs_reader r = {given.bytes, given.bytes + given.size, 0};
  if (task->flags & RS_TASK_ACTOR_CREATE && given.size) {
    free((void *)(uintptr_t)of_actor.bytes);
    of_actor = (struct raysim_given){rs_memdup(given.bytes, given.size), given.size};
  }
  show_gpus(gpus);
  show_cpus(given.size ? rs_get_u64(&r) : RS_ONE_E4);
}

/* ---- who it is ---- */

static const struct rs_task *task_of(const struct raysim_context *context)
{
  return raysim_inner_of((struct raysim_context *)(uintptr_t)context)->task;
}

raysim_actor raysim_own_actor(const struct raysim_context *context)
{
  struct rs_id id = task_of(context)->actor;
  return (raysim_actor){id.owner ? raysim_ref_of(id) : (raysim_ref){{0}}};
}

int raysim_was_restarted(const struct raysim_context *context)
{
  const struct rs_task *task = task_of(context);
  return task->actor.owner != 0 && task->actor_restart > 0;
}

int raysim_attempt(const struct raysim_context *context)
{
  const struct rs_task *task = task_of(context);
  return task->actor.owner ? 0 : (int)task->actor_restart;
}

uint64_t raysim_worker(const struct raysim_context *context)
{
  return raysim_front_of(context)->proc->self;
}

/* ---- its job ---- */

uint64_t raysim_job_of(struct raysim *ray, rs_addr driver)
{
  struct rs_m_state_query *m = rs_msg_new(RS_MSG_STATE_QUERY);
  struct rs_msg *reply = NULL;
  m->kind = RS_STATE_JOBS;
  m->limit = RS_STATE_ROWS_MAX;
  if (rs_ask(ray->front->proc, m, ANSWER_S * RS_S, &reply) != 0)
    return 0;
  const struct rs_m_state_reply *rows = (const void *)reply;
  uint64_t number = 0;
  for (uint32_t i = 0; i < rows->rows_count; i++)
    if (rows->rows[i]->n[RS_COL(jobs, driver)] == driver)
      number = rows->rows[i]->n[RS_COL(jobs, number)];
  rs_msg_unref(reply);
  return number;
}
