/* host.h -- what this process may use of its host. */
#ifndef RS_UV_HOST_H
#define RS_UV_HOST_H

/* CPUs: the processors that it may run on, and no more than its control groups' quota (rounded up), at least 1. */
double rs_host_cpus(void);

/* The quota of the control group at `path` under the tree `root` and of those above it, in CPUs; 0: none. For
 * version 2 (cpu.max) and version 1 (cpu.cfs_quota_us). */
double rs_host_quota(const char *root, const char *path);

#endif
