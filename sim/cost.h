/* cost.h -- what the runtime's own work costs in simulated time: one struct, and its JSON file.
 *
 * Endpoints count their work in deterministic units (rs_endpoint_take_work); the simulator charges units x cost on the
 * endpoint, which is one serial server. Costs come from calibration on a real machine, never from a scenario that is
 * compared. Costs a unit are in picoseconds ("_ps") so that all arithmetic is in integers.
 */
#ifndef RS_SIM_COST_H
#define RS_SIM_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io.h"

enum rs_cost_role { RS_COST_GCS, RS_COST_RAYLET, RS_COST_DRIVER, RS_COST_WORKER, RS_COST_ROLES };

struct rs_cost_work {
  uint64_t input_ps;  /* an input handled */
  uint64_t node_ps;   /* a node of the view examined */
  uint64_t object_ps; /* an object, task or queue entry scanned */
  uint64_t send_ps;   /* a message sent */
  uint64_t byte_ps;   /* a byte of a message sent or received (coding and copying) */
};

struct rs_cost {
  struct rs_cost_work role[RS_COST_ROLES];
  uint64_t task_ns;           /* each function runs this much longer than its duration: the call, the kernel's timers */
  uint64_t timer_step_ns;     /* alarms come at the next multiple of this on the node's clock; 0 or 1: exactly */
  uint64_t timer_late_ns;     /* ... and this much later */
  uint64_t worker_start_ns;   /* from WORKER_START to the process's first instruction of ours (its START input) */
  uint64_t worker_stop_ns;    /* from WORKER_STOP or a crash to the closed connection at its raylet */
  uint64_t health_check_ns;   /* CPU of the head for one health check of one node */
  uint64_t frame_bytes;       /* added to each message on the wire: our frame and TCP/IP headers */
  uint64_t local_latency_ns;  /* one message inside a node, one way */
  uint64_t local_bytes_per_s; /* inside a node; 0: no limit */
  uint64_t disk_bytes_per_s;  /* of each node's disk, reading or writing; 0: no limit */
  uint64_t disk_latency_ns;   /* of one object read from or written to it */
  /* Large objects, in bytes a second; 0: no limit. Those that are "_all": of all that a machine copies at a time.
   * make: written by the task that returns them, into memory that is warm or fresh; large: what of it is beyond 8 MiB.
   * On a local cluster alone (shared_by_all): move: from node to node; room: fresh memory before that. */
  uint64_t make_bytes_per_s, make_large_bytes_per_s, make_all_bytes_per_s;
  uint64_t make_fresh_bytes_per_s, make_fresh_large_bytes_per_s, make_fresh_all_bytes_per_s;
  uint64_t move_bytes_per_s, move_all_bytes_per_s, room_bytes_per_s, room_all_bytes_per_s;
  uint64_t spin_quantum_ns; /* shared cores: time slice of an endpoint while others wait */
  uint32_t shared_cores;    /* k > 0: the endpoints of a host contend for k cores; 0: each has its own */
  bool shared_by_all;       /* ... all hosts are one machine: a local cluster */
};

void rs_cost_defaults(struct rs_cost *cost); /* round figures of a current server and a 10 Gbit/s network */
void rs_cost_zero(struct rs_cost *cost);     /* everything is free and at once */

/* Units x cost, rounded down to whole nanoseconds. `bytes`: of the message handled and of those sent. */
uint64_t rs_cost_of(const struct rs_cost *cost, enum rs_cost_role role, const struct rs_work *work, uint64_t bytes);

/* Reads a cost file (JSON object; docs/simulator.md lists its keys) over the defaults: keys that are not there keep
 * them. Unknown keys, wrong types and negative numbers are refused. 0, or -1 and one line in err that names the file.
 */
int rs_cost_load(struct rs_cost *cost, const char *path, char *err, size_t err_size);

/* Writes one, whole or not at all (temporary file, then rename). 0, or -1 and one line in err. */
int rs_cost_store(const struct rs_cost *cost, const char *path, char *err, size_t err_size);

#endif
