/* calibrate_int.h -- what sim/calibrate*.c share. */
#ifndef RS_SIM_CALIBRATE_INT_H
#define RS_SIM_CALIBRATE_INT_H

#include "sim/calibrate.h"

uint64_t rs_calibrate_clock_ns(void);                       /* monotonic */
uint64_t rs_calibrate_thread_cpu_ns(void);                  /* CPU time of the calling thread */
double rs_calibrate_median(double *values, uint32_t count); /* sorts them; 0 of none */

/* A message between two processes over a Unix socket, measured on an otherwise idle pair. */
struct rs_calibrate_socket {
  double cpu_ns, cpu_error_ns;   /* send and receive of one message, both ends together */
  double byte_ns, byte_error_ns; /* a byte more */
  double one_way_ns;             /* half of the median round trip of 64 bytes, CPU included */
  double bytes_per_s;            /* one direction, in large pieces */
};
int rs_calibrate_socket(uint32_t rounds, struct rs_calibrate_socket *out, char *err, size_t err_size);

double rs_calibrate_timer_late_ns(uint32_t rounds); /* median lateness of an alarm of whole milliseconds */
double rs_calibrate_node_ns(uint32_t rounds);       /* a node examined by a policy */

/* The cores of a calibration: at most two of those that this process may use, so that a few processes fill them on any
 * machine. Processes started meanwhile stay on them too. Returns how many; release gives the thread its cores back. */
uint32_t rs_calibrate_pin(void);
void rs_calibrate_release(void);

/* A driver program (calibrate_program.c) on a running cluster. */
struct rs_calibrate_load {
  void *cluster;
  int pid;          /* of the head's process; 0: a simulation, without CPU times */
  uint32_t workers; /* as many as the cluster has CPUs */
  const struct rs_calibrate_real *real;
};

struct rs_calibrate_used {
  uint64_t driver_ns, worker_ns,
      raylet_ns;    /* CPU time: of the calling thread, below the head's process, of it itself */
  uint64_t idle_ns; /* of the pinned cores */
};

struct rs_calibrate_outcome {  /* of the measured tasks */
  double inputs, messages_out; /* of the driver */
  struct rs_calibrate_used used;
  uint64_t span_ns;  /* from the first submission to the last end */
  uint64_t first_ns; /* the same of the tasks before, which started the workers */
};

/* `count` tasks on workers that run, which sleep for duration_ns +- 60 % (uniform: equal ones fall into step). 0, or -1
 * and one line in err. */
int rs_calibrate_play(const struct rs_calibrate_load *load, uint64_t count, uint64_t duration_ns,
                      struct rs_calibrate_outcome *out, char *err, size_t err_size);

/* A loaded node, and how long it took. */
struct rs_calibrate_loaded {
  struct rs_config config;
  uint32_t workers;
  uint64_t count, duration_ns; /* of its tasks */
  uint64_t span_ns;
};

/* How long it takes when it is simulated, in a process of its own; 0 when that fails. */
uint64_t rs_calibrate_simulate(const struct rs_calibrate_loaded *measured, const struct rs_cost *cost, uint32_t cores);
/* The factor for the costs of all inputs and sends with which simulations of these take as long. 0, or -1 and err. */
int rs_calibrate_load(const struct rs_calibrate_loaded *measured, uint32_t count, const struct rs_cost *cost,
                      uint32_t cores, double *factor, char *err, size_t err_size);
void rs_calibrate_scale(struct rs_cost *cost, double factor);

/* What a real cluster tells, in ns. */
enum { RS_CALIBRATE_LOADED = 3 };
struct rs_calibrate_cluster {
  struct rs_fit driver; /* an input, a send */
  struct rs_fit worker; /* likewise */
  struct rs_calibrate_loaded loaded[RS_CALIBRATE_LOADED];
  uint32_t cores;    /* that the node had */
  double raylet_ns;  /* a message, at the head's process */
  double latency_ns; /* of a message, one way, beside what its ends do */
  double task_ns;    /* beside a sleeping function's duration and what its worker does */
  double worker_start_ns;
};
int rs_calibrate_cluster(const struct rs_calibrate_real *real, bool quick, struct rs_calibrate_cluster *out, char *err,
                         size_t err_size);

/* Large objects on a local cluster: how fast they are made, moved and spilled. Reports in GB/s. 0, or -1 and err. */
int rs_calibrate_objects(const struct rs_calibrate_real *real, bool quick, struct rs_cost *cost, struct rs_text *report,
                         char *err, size_t err_size);

#endif
