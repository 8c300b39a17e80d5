/* workload_tasks.c -- the tasks of <tasks>, drawn one by one.
 *
 * Arrivals are one process for the whole workload: every driver's source draws all gaps and keeps its own arrivals. The
 * shapes of the graph count a driver's own tasks. How many later tasks read a result is known from the shape; for
 * `random` the choices of the next `window` tasks are drawn ahead and kept in a ring.
 *
 * Memory: none per task; (degree + 2) x 4 bytes x window for `random`. Time per task: O(drivers + dependencies^2) for
 * `random` and the pool (Floyd's sampling with a linear search among the few that were drawn), O(drivers + width)
 * otherwise.
 */
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/demand.h"
#include "sim/dist.h"
#include "sim/workload_int.h"

#define RING_BYTES_MAX (256u << 20)

static bool __attribute__((format(printf, 4, 5)))
refuse(const struct rs_workload *workload, char *error, size_t error_bytes, const char *format, ...)
{
  int used = snprintf(error, error_bytes, "%s:%u: ", workload->scenario->file, workload->from->line);
  if (used < 0 || (size_t)used >= error_bytes)
    return false;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error + used, error_bytes - (size_t)used, format, arguments);
  va_end(arguments);
  return false;
}

/* Most dependencies that a task can have on other tasks. */
static uint64_t widest(const struct rs_scenario_tasks *tasks)
{
  switch (tasks->graph) {
  case RS_GRAPH_NONE: return 0;
  case RS_GRAPH_CHAIN: return 1;
  case RS_GRAPH_FAN:
  case RS_GRAPH_RANDOM: return tasks->width;
  }
  return 0;
}

/* A placement group that no cluster of this scenario could ever hold would wait to the end. */
static bool group_fits(const struct rs_workload *workload, char *error, size_t error_bytes)
{
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  const struct rs_scenario_cluster *cluster = &workload->scenario->cluster;
  uint64_t nodes = 0;
  bool one_node = false;
  for (uint32_t i = 0; i < cluster->type_count; i++) {
    const struct rs_scenario_node_type *type = &cluster->types[i];
    nodes += type->count_max == RS_SCENARIO_NONE ? 1024 : type->count_max;
    bool cpus = type->cpu_e4 == RS_SCENARIO_FROM_HOST || type->cpu_e4 >= (int64_t)tasks->group * tasks->demand.cpu_e4;
    bool gpus = (int64_t)type->gpus * RS_ONE_E4 >= (int64_t)tasks->group * tasks->demand.gpu_e4;
    one_node = one_node || (cpus && gpus && type->memory_bytes / tasks->group >= tasks->demand.memory_bytes);
  }
  if (tasks->group_strategy == RS_GROUP_STRICT_PACK && !one_node)
    return refuse(workload, error, error_bytes, "a group of %llu tasks fits on no node; make it smaller, or pack it",
                  (unsigned long long)tasks->group);
  if (tasks->group_strategy == RS_GROUP_STRICT_SPREAD && nodes < tasks->group)
    return refuse(workload, error, error_bytes, "a group of %llu tasks needs as many nodes; there are %llu",
                  (unsigned long long)tasks->group, (unsigned long long)nodes);
  return true;
}

bool rs_workload_tasks_open(struct rs_workload *workload, char *error, size_t error_bytes)
{
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  workload->count = tasks->count;
  uint64_t read = tasks->object_count ? tasks->objects_per_task : 0;
  uint64_t deps = widest(tasks);
  if (deps > RS_TASK_DEPS_MAX || read > RS_TASK_DEPS_MAX - deps)
    return refuse(workload, error, error_bytes,
                  "a task has up to %llu arguments that are objects; at most %d are possible",
                  (unsigned long long)(deps + read), RS_TASK_DEPS_MAX);
  if (tasks->graph == RS_GRAPH_RANDOM && tasks->window >= RING_BYTES_MAX / 4 / (tasks->width + 2))
    return refuse(workload, error, error_bytes,
                  "the graph's window of %llu tasks is too long; at most %llu with that degree",
                  (unsigned long long)tasks->window, (unsigned long long)(RING_BYTES_MAX / 4 / (tasks->width + 2) - 1));
  uint64_t drivers = tasks->drivers < tasks->count ? tasks->drivers : tasks->count;
  if (tasks->object_count && drivers && tasks->object_count / drivers < read)
    return refuse(workload, error, error_bytes,
                  "each task reads %llu different objects, but of a pool of %llu a driver has only %llu; make the pool "
                  "larger or per_task smaller",
                  (unsigned long long)read, (unsigned long long)tasks->object_count,
                  (unsigned long long)(tasks->object_count / drivers));
  if (tasks->object_count > 100000000)
    return refuse(workload, error, error_bytes, "a pool of %llu objects; at most 100000000 are possible",
                  (unsigned long long)tasks->object_count);
  if (tasks->object_count && tasks->object_place != RS_OBJECTS_DRIVER && workload->node_count == 0)
    return refuse(workload, error, error_bytes, "the pool of objects needs a node that runs at the start");
  uint64_t keys = tasks->keys ? tasks->keys : 1;
  keys = keys < tasks->count ? keys : tasks->count;
  if (keys > RS_WORKLOAD_KEYS_MAX)
    return refuse(workload, error, error_bytes, "%llu keys; at most %u are possible", (unsigned long long)keys,
                  RS_WORKLOAD_KEYS_MAX);
  struct rs_load_class class = {.strategy = tasks->spread_strategy ? RS_STRATEGY_SPREAD : RS_STRATEGY_DEFAULT,
                                .max_retries = rs_workload_retries(tasks->max_retries),
                                .retry_errors = tasks->retry_exceptions};
  char why[160];
  if (!rs_sim_demand(&tasks->demand, &class.demand, why, sizeof why))
    return refuse(workload, error, error_bytes, "a task %s", why);
  if (tasks->group && !group_fits(workload, error, error_bytes))
    return false;
  workload->class_count = keys ? (uint32_t)keys : 1;
  workload->classes = rs_alloc_zero(workload->class_count, sizeof *workload->classes);
  for (uint32_t i = 0; i < workload->class_count; i++) {
    class.target = i; /* without meaning to these strategies but for the scheduling key */
    workload->classes[i] = class;
  }
  return true;
}

/* ---- the pool ---- */

static uint64_t whole(double value, uint64_t max)
{
  return !(value > 0) ? 0 : value + 0.5 >= (double)max ? max : (uint64_t)(value + 0.5);
}

static void draw_pool(struct rs_workload *workload, struct rs_workload_source *source)
{
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  uint64_t count = (tasks->object_count + workload->drivers - 1 - source->driver) / workload->drivers;
  source->object_count = (uint32_t)count;
  source->objects = rs_alloc_zero(count, sizeof *source->objects);
  for (uint64_t k = 0; k < count; k++) {
    uint64_t i = source->driver + k * workload->drivers;
    struct rs_load_object *object = &source->objects[k];
    rs_workload_seed(workload, source->rng, STREAM_OBJECT_SIZE, i);
    object->size_bytes = whole(rs_dist_draw(&tasks->object_bytes, source->rng), UINT64_C(1) << 62);
    struct rs_rng rng;
    rs_rng_seed(&rng, rs_rng_derive(workload->streams[STREAM_OBJECT_NODE], i));
    switch (tasks->object_place) {
    case RS_OBJECTS_SPREAD: object->node = workload->first_node + (rs_node_id)(i % workload->node_count); break;
    case RS_OBJECTS_RANDOM:
      object->node = workload->first_node + (rs_node_id)rs_rng_below(&rng, workload->node_count);
      break;
    case RS_OBJECTS_DRIVER: object->node = RS_NODE_NONE; break;
    }
  }
}

/* `count` different numbers below `bound`, each set equally likely (Floyd, 1987). Returns how many: fewer only where
 * there are no more. */
static uint32_t sample(struct rs_rng *rng, uint64_t bound, uint64_t count, uint32_t *out)
{
  uint32_t drawn = 0;
  for (uint64_t j = bound > count ? bound - count : 0; j < bound; j++) {
    uint32_t pick = (uint32_t)rs_rng_below(rng, j + 1);
    for (uint32_t i = 0; i < drawn; i++)
      if (out[i] == pick) {
        pick = (uint32_t)j;
        break;
      }
    out[drawn++] = pick;
  }
  return drawn;
}

/* ---- the graphs ---- */

static void draw_ring(const struct rs_workload *workload, struct rs_workload_source *source, uint64_t until)
{
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  for (; source->ring_drawn < source->count && source->ring_drawn <= until; source->ring_drawn++) {
    uint64_t j = source->ring_drawn, slot = j % source->ring_size;
    uint64_t window = j < tasks->window ? j : tasks->window;
    struct rs_rng rng;
    rs_rng_seed(&rng, rs_rng_derive(workload->streams[STREAM_GRAPH], rs_workload_task(workload, source->driver, j)));
    uint32_t *deps = source->ring_deps + slot * tasks->width;
    source->ring_readers[slot] = 0;
    source->ring_counts[slot] = sample(&rng, window, tasks->width, deps);
    for (uint32_t i = 0; i < source->ring_counts[slot]; i++) {
      deps[i] = (uint32_t)(j - 1 - deps[i]);
      source->ring_readers[deps[i] % source->ring_size]++;
    }
  }
}

static void add_graph(struct rs_workload_source *source, uint64_t index, struct rs_load_task *out)
{
  const struct rs_workload *workload = source->workload;
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  uint64_t width = tasks->width, left = source->count - 1 - index;
  switch (tasks->graph) {
  case RS_GRAPH_NONE: return;
  case RS_GRAPH_CHAIN: {
    uint64_t place = index % width;
    if (place)
      source->deps[out->dep_count++] = (uint32_t)(index - 1);
    out->readers = place + 1 < width && left > 0;
    return;
  }
  case RS_GRAPH_FAN: {
    uint64_t place = index % (width + 2);
    if (place == 0) {
      out->readers = (uint32_t)(left < width ? left : width);
    } else if (place <= width) {
      source->deps[out->dep_count++] = (uint32_t)(index - place);
      out->readers = left >= width + 1 - place;
    } else {
      for (uint64_t i = index - width; i < index; i++)
        source->deps[out->dep_count++] = (uint32_t)i;
    }
    return;
  }
  case RS_GRAPH_RANDOM: {
    draw_ring(workload, source, index + tasks->window);
    uint64_t slot = index % source->ring_size;
    out->readers = source->ring_readers[slot];
    out->dep_count = source->ring_counts[slot];
    memcpy(source->deps, source->ring_deps + slot * width, out->dep_count * sizeof *source->deps);
    return;
  }
  }
}

/* ---- a driver's tasks ---- */

void rs_workload_tasks_source(struct rs_workload *workload, struct rs_workload_source *source)
{
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  source->arrivals = gsl_rng_alloc(rs_dist_rng_type);
  RS_ASSERT(source->arrivals);
  rs_workload_seed(workload, source->arrivals, STREAM_ARRIVAL, 0);
  source->deps = rs_alloc((size_t)(widest(tasks) + tasks->objects_per_task + 1) * sizeof *source->deps);
  if (tasks->object_count)
    draw_pool(workload, source);
  if (tasks->graph == RS_GRAPH_RANDOM) {
    source->ring_size = tasks->window + 1;
    source->ring_deps = rs_alloc_zero(source->ring_size * tasks->width, sizeof *source->ring_deps);
    source->ring_readers = rs_alloc_zero(source->ring_size, sizeof *source->ring_readers);
    source->ring_counts = rs_alloc_zero(source->ring_size, sizeof *source->ring_counts);
  }
}

static double arrival(struct rs_workload_source *source, uint64_t task)
{
  const struct rs_scenario_tasks *tasks = &source->workload->from->tasks;
  const struct rs_scenario_arrival *how = &tasks->arrival;
  switch (how->kind) {
  case RS_ARRIVAL_AT_ONCE: return 0;
  case RS_ARRIVAL_UNIFORM: return (double)how->span_ns * ((double)task / (double)tasks->count);
  case RS_ARRIVAL_BURSTS: return (double)how->span_ns * (double)(how->burst ? task / how->burst : task);
  case RS_ARRIVAL_POISSON:
  case RS_ARRIVAL_RENEWAL:
    for (; source->arrived <= task; source->arrived++)
      source->clock_ns += how->kind == RS_ARRIVAL_POISSON ? gsl_ran_exponential(source->arrivals, 1e9 / how->rate_per_s)
                                                          : rs_dist_draw(&how->gap_ns, source->arrivals);
    return source->clock_ns;
  }
  return 0;
}

static double draw(struct rs_workload_source *source, const struct rs_dist *dist, enum rs_workload_stream stream,
                   uint64_t task)
{
  if (dist->kind != RS_DIST_CONSTANT)
    rs_workload_seed(source->workload, source->rng, stream, task);
  return rs_dist_draw(dist, source->rng);
}

bool rs_workload_tasks_next(void *arg, uint64_t index, struct rs_load_task *out)
{
  struct rs_workload_source *source = arg;
  const struct rs_workload *workload = source->workload;
  const struct rs_scenario_tasks *tasks = &workload->from->tasks;
  if (index >= source->count)
    return false;
  uint64_t task = rs_workload_task(workload, source->driver, index);
  memset(out, 0, sizeof *out);
  if (tasks->group == 0 || index % tasks->group == 0)
    source->group_arrival_ns = rs_workload_ns(workload, arrival(source, task));
  out->arrival_ns = source->group_arrival_ns; /* a group comes with its first task */
  out->duration_ns =
      rs_workload_duration(workload, source->rng, task, draw(source, &tasks->duration_ns, STREAM_DURATION, task));
  out->arg_bytes = (uint32_t)whole(draw(source, &tasks->arg_bytes, STREAM_ARGS, task), RS_LOAD_ARG_BYTES_MAX);
  const struct rs_dist *value = tasks->items ? &tasks->item_bytes : &tasks->return_bytes;
  out->return_bytes = whole(draw(source, value, STREAM_RETURN, task), UINT64_C(1) << 62);
  out->class_index = (uint32_t)(task % workload->class_count);
  out->mode = workload->mode;
  if (tasks->fail_probability > 0) {
    rs_workload_seed(workload, source->rng, STREAM_FAIL, task);
    out->fails = gsl_rng_uniform(source->rng) < tasks->fail_probability;
  }
  add_graph(source, index, out);
  if (source->object_count) {
    struct rs_rng rng;
    rs_rng_seed(&rng, rs_rng_derive(workload->streams[STREAM_OBJECT_READ], task));
    uint32_t *reads = source->deps + out->dep_count;
    uint32_t count = sample(&rng, source->object_count, tasks->objects_per_task, reads);
    for (uint32_t i = 0; i < count; i++)
      reads[i] = RS_LOAD_POOL(reads[i]);
    out->dep_count += count;
  }
  out->deps = source->deps;
  return true;
}
