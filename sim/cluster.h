/* cluster.h -- the plain description of a simulated cluster, and what is made of it: nodes, names, the SimGrid
 * platform.
 *
 * Node 0 is the head: a host of its own with the GCS, and a raylet without CPUs for the driver programs. Nodes 1..N
 * belong to groups, in the order of the groups. Of a group `count` nodes run from the start; the rest up to count_max
 * are hosts that the autoscaler may launch.
 */
#ifndef RS_SIM_CLUSTER_H
#define RS_SIM_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io.h"
#include "sim/cost.h"

#define RS_SIM_ANY UINT32_MAX

struct rs_sim_group {
  const char *name;
  struct rs_node_info *info; /* what each node registers; not owned. With an autoscaler info->node_type must be the
                                group's index */
  uint32_t count, count_max; /* running at the start; most there can be (0 means count). With a platform file
                                RS_SIM_ANY: every matching host that no earlier group took */
  uint32_t count_min;        /* the autoscaler keeps at least so many */
  uint64_t idle_timeout_ms;  /* of the autoscaler; 0: the setting */
  uint64_t boot_ns;          /* from HOST_ADD to the raylet's START */
  double speed;              /* a task of duration d takes d / speed; 0 means 1. With a platform file times the host's
                                speed over that of the first host of the first group */
  const char *hosts;         /* platform file: glob over host names; NULL: "*" */
  bool cpus_from_host;       /* platform file: CPUs = the host's cores; info is copied */
};

/* The generated network: nodes in racks, each rack with one uplink to a core that is never the bottleneck. */
struct rs_sim_net {
  uint64_t nic_bytes_per_s; /* each way */
  uint64_t latency_ns;      /* one way between two nodes of a rack */
  uint64_t rack_latency_ns; /* added one way between racks; half of it to and from the head, at the core */
  uint32_t nodes_per_rack;  /* 0: one rack, no shared uplink */
  double oversubscription;  /* uplink = nodes_per_rack x nic / this; 0 means 1 */
};

enum rs_sim_fault_kind {
  RS_SIM_NODE_DOWN,   /* a node ends: silently (power, kernel), or with `process` by the death of its processes */
  RS_SIM_NODE_UP,     /* a node that is down starts again, with the next incarnation */
  RS_SIM_WORKER_KILL, /* a worker process that runs a task is killed */
  RS_SIM_TASK_DROP,   /* a running task fails without a result (RS_ERR_TASK_FAILED) */
  RS_SIM_PARTITION    /* `count` nodes from `node` on cannot reach the others for `down_ns` */
};

struct rs_sim_fault {
  enum rs_sim_fault_kind kind;
  uint64_t at_ns;             /* RS_TIME_NEVER: by rate */
  double rate_per_s;          /* by rate: mean events a second for each node, or each running task */
  uint64_t from_ns, until_ns; /* by rate: only in this window; until 0: to the end */
  uint32_t group;             /* only nodes of this group; RS_SIM_ANY */
  uint32_t node;    /* at a time: index among those nodes (0 is the first after the head); RS_SIM_ANY: drawn */
  uint32_t count;   /* at a time: how many; 0 means 1 */
  uint64_t down_ns; /* NODE_DOWN: back after this, 0: never. PARTITION: how long it lasts */
  bool process;     /* NODE_DOWN: the host's kernel lives and closes the connections at once */
};

struct rs_sim_cluster {
  struct rs_sim_group *groups;
  uint32_t group_count;
  bool autoscaler;           /* the GCS gets the groups as node types */
  struct rs_node_info *head; /* NULL: a raylet without resources */
  struct rs_sim_net net;     /* without a platform file */
  const char *platform;      /* a SimGrid platform file, or NULL */
  const char *head_host;     /* platform file: name of the head's host; NULL: its first host */
  const struct rs_sim_fault *faults;
  uint32_t fault_count;
};

/* A star of `count` equal nodes with `cpus` CPUs each, 10 Gbit/s and 50 us. The info is the caller's to unref. */
void rs_sim_cluster_simple(struct rs_sim_cluster *cluster, struct rs_sim_group *group, uint32_t count, uint32_t cpus);

/* All raylets and their workers share one host's cores; what is between them is a loopback device. Changes both. */
void rs_sim_cluster_this_machine(struct rs_sim_cluster *cluster, uint32_t cores, struct rs_cost *cost);

/* Nodes that there can be, with the head; without a platform file. */
uint32_t rs_sim_cluster_span(const struct rs_sim_cluster *cluster);

/* What can be wrong before SimGrid is started. 0, or -1 and one line in err. */
int rs_sim_cluster_check(const struct rs_sim_cluster *cluster, char *err, size_t err_size);

#endif
