/* workload_int.h -- shared by workload.c (what is common), workload_tasks.c (<tasks>) and workload_trace.c (<trace>).
 */
#ifndef RS_SIM_WORKLOAD_INT_H
#define RS_SIM_WORKLOAD_INT_H

#include <gsl/gsl_rng.h>

#include "base/rng.h"
#include "sim/workload.h"

/* What is drawn from a stream of its own. Numbers are never reused: they are part of what a seed means. */
enum rs_workload_stream {
  STREAM_ARRIVAL = 1,
  STREAM_DURATION,
  STREAM_STRAGGLER,
  STREAM_ARGS,
  STREAM_RETURN,
  STREAM_FAIL,
  STREAM_GRAPH,
  STREAM_OBJECT_SIZE,
  STREAM_OBJECT_NODE,
  STREAM_OBJECT_READ,
  STREAMS
};

struct rs_workload_row {
  uint64_t arrival_ns;  /* as it is played */
  uint64_t duration_ns; /* before stragglers and the time scale */
  uint32_t row;         /* number among those read: the order of equal arrivals, and the task's name */
  uint32_t class_index;
};

/* One driver's tasks, as they are asked for. */
struct rs_workload_source {
  struct rs_workload *workload;
  uint32_t driver;
  uint64_t count;
  gsl_rng *rng; /* seeded anew for every draw */
  gsl_rng *arrivals;
  uint64_t arrived; /* tasks of the workload whose gap has been drawn */
  double clock_ns;  /* the arrival of the last of them */
  uint64_t group_arrival_ns;
  uint32_t *deps; /* of the task that was asked for last */
  struct rs_load_object *objects;
  uint32_t object_count;
  /* The graph `random`: the tasks from the next one on, as far as one of them may be read. */
  uint32_t *ring_deps, *ring_readers, *ring_counts;
  uint64_t ring_size, ring_drawn;
};

struct rs_workload {
  const struct rs_scenario *scenario;
  const struct rs_scenario_workload *from;
  uint64_t streams[STREAMS];
  uint64_t count;
  uint32_t drivers;
  double time_scale;
  uint8_t mode;
  rs_node_id first_node;
  uint32_t node_count;
  struct rs_load_class *classes;
  uint32_t class_count, class_cap;
  struct rs_workload_row *rows; /* of a trace */
  uint32_t row_cap;
  char *names; /* one after another, each ended by 0 */
  uint64_t *name_at;
  struct rs_workload_source *sources; /* one for each driver */
};

/* `rng` at the beginning of the stream of one task and one purpose. */
void rs_workload_seed(const struct rs_workload *workload, gsl_rng *rng, enum rs_workload_stream stream, uint64_t task);

/* A time in ns as it is played: with the time scale, whole, never more than a century. */
uint64_t rs_workload_ns(const struct rs_workload *workload, double ns);

/* With the straggler's factor of that task. */
uint64_t rs_workload_duration(const struct rs_workload *workload, gsl_rng *rng, uint64_t task, double duration_ns);

int32_t rs_workload_retries(uint64_t max_retries);

bool rs_workload_tasks_open(struct rs_workload *workload, char *error, size_t error_bytes);
void rs_workload_tasks_source(struct rs_workload *workload, struct rs_workload_source *source);
bool rs_workload_tasks_next(void *source, uint64_t index, struct rs_load_task *out);

bool rs_workload_trace_open(struct rs_workload *workload, char *error, size_t error_bytes);
bool rs_workload_trace_next(void *source, uint64_t index, struct rs_load_task *out);

#endif
