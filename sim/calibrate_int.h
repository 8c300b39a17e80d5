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

/* What a real cluster tells, in ns. */
struct rs_calibrate_cluster {
  struct rs_fit driver; /* an input, a send */
  struct rs_fit worker; /* likewise */
  double raylet_ns;     /* a message, at the head's process */
  double latency_ns;    /* of a message, one way, without its CPU */
  double task_ns;       /* beside a sleeping function's duration, without CPU */
  double worker_start_ns;
};
int rs_calibrate_cluster(const struct rs_calibrate_real *real, bool quick, struct rs_calibrate_cluster *out, char *err,
                         size_t err_size);

/* Large objects on a local cluster: how fast they are made, moved and spilled. Reports in GB/s. 0, or -1 and err. */
int rs_calibrate_objects(const struct rs_calibrate_real *real, bool quick, struct rs_cost *cost, struct rs_text *report,
                         char *err, size_t err_size);

#endif
