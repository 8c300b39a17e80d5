/* driver_tasks.h -- a small application for tests and benchmarks: equal tasks of the replay function, a fixed number of
 * them submitted at a time. (Scenarios have their own workloads.) */
#ifndef RS_SIM_DRIVER_TASKS_H
#define RS_SIM_DRIVER_TASKS_H

#include "core/app.h"

struct rs_sim_tasks {
  struct rs_app app; /* first */
  /* what to do; set before the run */
  uint64_t count;                            /* tasks in all */
  uint32_t batch;                            /* tasks a SUBMIT call; 0: 1000 */
  uint64_t in_flight_max;                    /* submitted and not ended; 0: all at once */
  uint64_t duration_min_ns, duration_max_ns; /* drawn uniformly */
  uint64_t return_bytes;                     /* the object that each task leaves; 0: none */
  uint64_t start_ns;                         /* begins this long after the program's start */
  int64_t cpu_e4;                            /* 0: one CPU */
  int32_t max_retries;
  uint8_t strategy;
  bool spin;
  bool fan_in; /* each task but the first reads the first one's object; all at once */
  bool keys;   /* a task a scheduling key: memory demands that differ by bytes */
  uint64_t seed;
  /* what came of it */
  uint64_t submitted, ended, failed;
  uint64_t first_ns, last_ns; /* node clock of the first submission and the last end */
  uint64_t digest;            /* of (task, node) of all ends, in any order: the placements */
  /* its own */
  struct rs_rng rng;
  rs_addr self;
  uint64_t next_seq, started_ns;
  struct rs_id first_object;
};

void rs_sim_tasks_init(struct rs_sim_tasks *tasks); /* 1 task of 1 s, 3 retries */

#endif
