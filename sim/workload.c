/* workload.c -- what <tasks> and <trace> have in common: streams, scales, drivers. See workload.h. */
#include "sim/workload_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/time.h"
#include "sim/dist.h"

#define NS_MAX (100.0 * 366 * 86400 * 1e9)

void rs_workload_seed(const struct rs_workload *workload, gsl_rng *rng, enum rs_workload_stream stream, uint64_t task)
{
  gsl_rng_set(rng, rs_rng_derive(workload->streams[stream], task));
}

uint64_t rs_workload_ns(const struct rs_workload *workload, double ns)
{
  ns *= workload->time_scale;
  return ns > NS_MAX ? (uint64_t)NS_MAX : ns > 0 ? (uint64_t)(ns + 0.5) : 0;
}

uint64_t rs_workload_duration(const struct rs_workload *workload, gsl_rng *rng, uint64_t task, double duration_ns)
{
  const struct rs_scenario *scenario = workload->scenario;
  if (scenario->straggler_sd > 0) {
    rs_workload_seed(workload, rng, STREAM_STRAGGLER, task);
    duration_ns *= rs_dist_straggler(scenario->straggler_sd, scenario->straggler_fraction, rng);
  }
  return rs_workload_ns(workload, duration_ns);
}

int32_t rs_workload_retries(uint64_t max_retries)
{
  return max_retries == RS_SCENARIO_NONE ? -1 : max_retries > INT32_MAX ? INT32_MAX : (int32_t)max_retries;
}

struct rs_workload *rs_workload_new(const struct rs_scenario *scenario, uint32_t index, uint64_t seed,
                                    rs_node_id first_node, uint32_t node_count, char *error, size_t error_bytes)
{
  RS_ASSERT(index < scenario->workload_count && scenario->workloads[index].kind != RS_WORKLOAD_TUNE);
  RS_ASSERT(scenario->real_time_scale > 0);
  struct rs_workload *workload = rs_alloc_zero(1, sizeof *workload);
  workload->scenario = scenario;
  workload->from = &scenario->workloads[index];
  workload->time_scale = scenario->real_time_scale;
  workload->mode = scenario->real && scenario->real_spin ? RS_REPLAY_SPIN : RS_REPLAY_SLEEP;
  workload->first_node = first_node;
  workload->node_count = node_count;
  for (uint32_t i = 1; i < STREAMS; i++)
    workload->streams[i] = rs_rng_derive(rs_rng_derive(seed, UINT64_C(0x776f726b00000000) + index), i);
  bool tasks = workload->from->kind == RS_WORKLOAD_TASKS;
  uint64_t drivers = tasks ? workload->from->tasks.drivers : workload->from->trace.drivers;
  if (!(tasks ? rs_workload_tasks_open(workload, error, error_bytes)
              : rs_workload_trace_open(workload, error, error_bytes)))
    goto fail;
  if (workload->count > RS_LOAD_TASKS_MAX) {
    snprintf(error, error_bytes, "%s:%u: %llu tasks; at most %llu can be run", scenario->file, workload->from->line,
             (unsigned long long)workload->count, (unsigned long long)RS_LOAD_TASKS_MAX);
    goto fail;
  }
  drivers = drivers < workload->count ? drivers : workload->count;
  workload->drivers = drivers ? (uint32_t)drivers : 1;
  workload->sources = rs_alloc_zero(workload->drivers, sizeof *workload->sources);
  for (uint32_t d = 0; d < workload->drivers; d++) {
    struct rs_workload_source *source = &workload->sources[d];
    source->workload = workload;
    source->driver = d;
    source->count = rs_workload_driver_count(workload, d);
    source->rng = gsl_rng_alloc(rs_dist_rng_type);
    RS_ASSERT(source->rng);
  }
  return workload;
fail:
  rs_workload_free(workload);
  return NULL;
}

/* Back to before its first task. */
static void forget(struct rs_workload_source *source)
{
  gsl_rng_free(source->arrivals);
  free(source->deps);
  free(source->objects);
  free(source->ring_deps);
  free(source->ring_readers);
  free(source->ring_counts);
  *source = (struct rs_workload_source){
      .workload = source->workload, .driver = source->driver, .count = source->count, .rng = source->rng};
}

void rs_workload_free(struct rs_workload *workload)
{
  if (!workload)
    return;
  for (uint32_t d = 0; workload->sources && d < workload->drivers; d++) {
    struct rs_workload_source *source = &workload->sources[d];
    forget(source);
    gsl_rng_free(source->rng);
  }
  free(workload->sources);
  free(workload->classes);
  free(workload->rows);
  free(workload->names);
  free(workload->name_at);
  free(workload);
}

uint64_t rs_workload_count(const struct rs_workload *workload)
{
  return workload->count;
}

uint32_t rs_workload_drivers(const struct rs_workload *workload)
{
  return workload->drivers;
}

uint64_t rs_workload_driver_count(const struct rs_workload *workload, uint32_t driver)
{
  RS_ASSERT(driver < workload->drivers);
  return (workload->count + workload->drivers - 1 - driver) / workload->drivers;
}

uint64_t rs_workload_task(const struct rs_workload *workload, uint32_t driver, uint64_t index)
{
  return driver + index * workload->drivers;
}

void rs_workload_load(struct rs_workload *workload, uint32_t driver, struct rs_load_opts *out)
{
  RS_ASSERT(driver < workload->drivers);
  struct rs_workload_source *source = &workload->sources[driver];
  bool tasks = workload->from->kind == RS_WORKLOAD_TASKS;
  if (tasks) {
    forget(source);
    rs_workload_tasks_source(workload, source);
  }
  memset(out, 0, sizeof *out);
  out->next = tasks ? rs_workload_tasks_next : rs_workload_trace_next;
  out->arg = source;
  out->count_max = source->count;
  out->classes = workload->classes;
  out->class_count = workload->class_count;
  out->objects = source->objects;
  out->object_count = source->object_count;
  out->objects_in_flight = workload->node_count;
  if (tasks) {
    const struct rs_scenario_tasks *from = &workload->from->tasks;
    out->gang = (uint32_t)from->group;
    out->gang_strategy = from->group_strategy;
    out->gang_topology = from->topology ? rs_name_hash(from->topology) : 0;
    out->items = (uint32_t)from->items;
    out->backpressure = (uint32_t)from->backpressure;
    out->read_ns = rs_workload_ns(workload, (double)from->read_ns);
  }
}

const char *rs_workload_name(const struct rs_workload *workload, uint64_t task)
{
  RS_ASSERT(task < workload->count);
  return workload->names ? workload->names + workload->name_at[workload->rows[task].row] : "";
}

double rs_workload_total_ns(const struct rs_workload *workload)
{
  gsl_rng *rng = gsl_rng_alloc(rs_dist_rng_type);
  RS_ASSERT(rng);
  double total = 0;
  for (uint64_t i = 0; i < workload->count; i++) {
    uint64_t task = i;
    double duration;
    if (workload->from->kind == RS_WORKLOAD_TRACE) {
      task = workload->rows[i].row;
      duration = (double)workload->rows[i].duration_ns;
    } else {
      rs_workload_seed(workload, rng, STREAM_DURATION, i);
      duration = rs_dist_draw(&workload->from->tasks.duration_ns, rng);
    }
    total += (double)rs_workload_duration(workload, rng, task, duration);
  }
  gsl_rng_free(rng);
  return total;
}
