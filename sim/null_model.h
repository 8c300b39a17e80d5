/* null_model.h -- the prediction that costs nothing: ideal list scheduling of the same tasks on the same slots.
 *
 * A simulation of tasks that sleep would be right about most of the makespan whatever it says about the runtime. So its
 * error stands beside the error of this model: one machine with all CPUs and GPUs of the cluster, which starts the
 * oldest ready task that fits as soon as it fits (Graham's list scheduling, 1966), with no messages, no decisions and
 * no start of workers. Pure functions; thread-safe.
 */
#ifndef RS_SIM_NULL_MODEL_H
#define RS_SIM_NULL_MODEL_H

#include <stddef.h>
#include <stdint.h>

struct rs_null_task {
  uint64_t ready_ns, duration_ns;
  uint32_t cpu_e4, gpu_e4; /* what it holds while it runs, 1e-4 units */
  uint64_t start_ns;       /* out: when it starts; RS_TIME_NEVER where it can never fit */
};

/* Fills in start_ns of each task and returns when the last one ends (0 without tasks, RS_TIME_NEVER where one can never
 * fit). Ties of ready_ns go by position. O(n (log n + shapes)); a shape is a pair (cpu, gpu). At most 2^28 - 1 tasks.
 */
uint64_t rs_null_model(struct rs_null_task *tasks, size_t count, uint64_t cpu_e4, uint64_t gpu_e4);

#endif
