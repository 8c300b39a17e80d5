/* driver.h -- the SimGrid driver of the core: a cluster of endpoints, its network and its time.
 *
 *     struct rs_sim *sim = rs_sim_new(&cluster, &config, &cost, &opts, err, sizeof err);
 *     rs_sim_add_app(sim, 0, &app);                    as many as there are driver programs
 *     enum rs_sim_end end = rs_sim_run(sim);           once
 *     const struct rs_sim_stats *stats = rs_sim_stats(sim);
 *     rs_sim_free(sim);
 *
 * SimGrid takes one platform a process: at most one rs_sim_new in the life of a process. Sweeps and tests fork first.
 * One actor dispatches every control message, alarm and task end of the cluster from one heap; SimGrid keeps the clock,
 * the hosts, the routes and the flows of large objects. docs/simulator.md tells the model in full. Not thread-safe.
 */
#ifndef RS_SIM_DRIVER_H
#define RS_SIM_DRIVER_H

#include <signal.h>

#include "core/app.h"
#include "sim/cluster.h"
#include "sim/cost.h"

struct rs_sim;

/* How a task goes. The driver fills it in from the task (the function raysim.replay is built in; of any other function
 * known is false), then the hook may change it. Afterwards duration_ns / node speed passes. */
struct rs_sim_task {
  const struct rs_task *task;
  rs_addr worker;
  bool known;               /* false: TASK_FAILED with UNKNOWN_FUNCTION, unless the hook sets it */
  bool spin;                /* it computes: it takes a core where cores are shared */
  uint64_t duration_ns;     /* at speed 1 */
  int32_t status;           /* not 0: it ends in TASK_FAILED with this status after its duration */
  struct rs_result *result; /* NULL: replay's. Of the hook's own function: one reference, the driver's from now on */
  bool measured;            /* this is how it went: duration_ns (RS_TIME_NEVER: no end) and result stay as they are */
  uint32_t rank;            /* measured: of its end, see struct rs_sim_due */
};

struct rs_sim_stats {
  uint64_t sim_ns;              /* simulated time so far */
  uint64_t events, steps;       /* heap entries handled; endpoint steps */
  uint64_t messages, bytes;     /* control messages sent (each receiver counts) and their bytes with frames */
  uint64_t local_messages;      /* of these inside a node */
  uint64_t views_skipped;       /* VIEW messages that a newer one overtook before the receiver's next input */
  uint64_t by_type[RS_MSG_MAX]; /* messages sent by type number */
  struct rs_work work;          /* of all endpoints: inputs, nodes examined, objects, sends */
  uint64_t decisions;           /* TRACE effects that are decisions */
  uint64_t traces[RS_TRACE_KINDS];
  uint64_t tasks_started, tasks_ended; /* runs of functions; ended counts failed and killed ones too */
  uint64_t items;                      /* values that functions yielded */
  uint64_t workers_started, workers_ended, nodes_lost, nodes_started;
  uint64_t copies, flows, copy_bytes, flows_peak; /* objects moved; of these as SimGrid flows; most at a time */
  uint64_t store_bytes, store_peak_bytes;         /* in all object stores now; the most at any time */
  uint64_t disk_bytes;                            /* of objects on all disks now, also of nodes that ended */
  uint64_t spilled_bytes, restored_bytes;
  uint64_t head_busy_ns; /* the GCS's handling time, without health checks */
  double health_share;   /* share of the head's CPU that the health check takes, 0..0.95 */
  uint64_t sleeps;       /* times SimGrid's clock was moved */
  uint64_t heap_peak;
  uint64_t endpoints, endpoint_bytes; /* alive now; memory of the driver's own records an endpoint */
  uint64_t trace_hash;                /* of every input and effect but VIEW inputs; the same with the codec forced */
  uint64_t decision_hash;             /* of the decision traces, without times */
};

/* What the world around wants to know. Each may be NULL. Called from the dispatcher: they must not block or leave. */
struct rs_sim_hooks {
  void *user;
  /* A TRACE effect. t_ns: simulated time of the effect since the start. */
  void (*trace)(void *user, uint64_t t_ns, rs_addr self, unsigned trace, uint64_t a, uint64_t b, uint64_t c);
  /* A function begins on a worker: stragglers, failures, functions of one's own. rng: the driver's stream for tasks. */
  void (*task)(void *user, uint64_t t_ns, struct rs_sim_task *task, struct rs_rng *rng);
  /* Times to draw instead of the fixed ones. */
  uint64_t (*worker_start_ns)(void *user, struct rs_rng *rng);
  uint64_t (*boot_ns)(void *user, uint32_t group, struct rs_rng *rng);
  uint64_t (*down_ns)(void *user, uint32_t fault, struct rs_rng *rng); /* index into cluster.faults */
  /* A node's raylet started, or the node is gone. */
  void (*node)(void *user, uint64_t t_ns, uint32_t node, uint32_t group, bool up);
  /* For a progress line: every 32,768 events. */
  void (*progress)(void *user, const struct rs_sim_stats *stats);
  /* Every sample_ns of simulated time. */
  void (*sample)(void *user, uint64_t t_ns, const struct rs_sim_stats *stats);
};

/* ---- measured times ---- */

/* When something comes. Of what comes to one endpoint at one moment the lowest rank goes first. */
struct rs_sim_due {
  uint64_t ns; /* since the start, not before now; RS_TIME_NEVER: it does not come */
  uint32_t rank;
};

/* Something that no effect asked for. */
struct rs_sim_outside {
  struct rs_sim_due at;
  rs_addr self;
  bool ends;             /* the process ends (not the GCS's); otherwise `self` gets the input: */
  struct rs_input input; /* CALL, PEER_DOWN, SEND_FAILED, HOST_UP or HOST_DOWN. A call stays the caller's */
};

/* Times from outside in place of the cost model's, so that a recorded run can be driven again (sim/parity.h). The
 * driver asks for each as it performs the effect or arms the alarm that brings it about; what it does then is what it
 * always does. All are set. t_ns: now, since the start. How long a function runs is told by the task hook, with
 * `measured`. A program is added with rs_sim_add_program; the run ends at its time limit. */
struct rs_sim_measured {
  void *user;
  const struct rs_sim_outside *outside;
  uint32_t outside_count;
  uint64_t (*clock_ns)(void *user, uint32_t node);   /* the node's clock when the run starts */
  void (*begin)(void *user, struct rs_start *start); /* how the endpoint start->self begins: may change the rest */
  struct rs_sim_due (*start)(void *user, uint64_t t_ns, rs_addr self); /* START: of all but workers asked at boot */
  rs_addr (*host)(void *user, uint64_t t_ns, uint64_t request); /* HOST_ADD: the raylet that it brings; 0: none */
  struct rs_sim_due (*message)(void *user, uint64_t t_ns, rs_addr from, rs_addr to, struct rs_msg *msg,
                               struct rs_sim_due *failed); /* failed: SEND_FAILED instead of it, or after it */
  struct rs_sim_due (*alarm)(void *user, rs_addr self, uint64_t deadline_ns); /* asked again until it comes */
  /* What ends a COPY or RESTORE (COPY_DONE), a SPILL or CREATE in a file (SPILL_DONE). status: the driver's in, the
   * measured one out */
  struct rs_sim_due (*copy)(void *user, uint64_t t_ns, rs_addr raylet, struct rs_id object, enum rs_input_kind ends,
                            int32_t *status);
  struct rs_sim_due (*end)(void *user, uint64_t t_ns, rs_addr self); /* the process that WORKER_STOP or EXIT ends */
  struct rs_sim_due (*hear)(void *user, uint64_t t_ns, rs_addr self,
                            const struct rs_input *input); /* PEER_DOWN, HOST */
  /* After each step, before its effects are performed. To plant a difference a test may change their order. */
  void (*step)(void *user, uint64_t t_ns, rs_addr self, const struct rs_input *input, struct rs_effects *effects);
};

struct rs_sim_opts {
  uint64_t seed;           /* of clocks, faults and hooks; the endpoints' streams come from config->seed */
  uint64_t time_limit_ns;  /* 0: none */
  uint64_t drain_ns;       /* after the last application is done the run goes on for this long */
  uint64_t sample_ns;      /* 0: no samples */
  uint64_t flow_min_bytes; /* objects from this size on are SimGrid flows, smaller ones occupy the NIC; 0: 1 MiB */
  uint32_t flows_max;      /* flows at a time, more wait; 0: 4096 */
  uint64_t connect_ns;     /* a SEND to a host that does not answer fails after this; 0: 3 s */
  int32_t drift_ppb;       /* each node's clock runs wrong by up to this much, drawn; 0: exact */
  bool eager;              /* every VIEW is a message event of its own */
  bool codec_forced;       /* every message is encoded and decoded, views are applied by delta */
  bool faithful;           /* every message a Comm, every task an sg_exec (at most 1,024 nodes) */
  bool sanity;             /* rs_endpoint_sanity_check after every step */
  bool no_hash;            /* leave the trace hash out (it costs about 3 % of the time) */
  bool catch_signals;      /* SIGINT and SIGTERM end the run: RS_SIM_INTERRUPTED */
  const char *log;         /* SimGrid log settings; NULL: "root.thres:warning" */
  const struct rs_sim_hooks *hooks;
  const struct rs_sim_measured *measured; /* NULL: the cost model's times. Not with faithful; wants eager */
};

enum rs_sim_end {
  RS_SIM_DONE,        /* every application is done */
  RS_SIM_LIMIT,       /* the time limit */
  RS_SIM_INTERRUPTED, /* a signal, or rs_sim_stop */
  RS_SIM_STALLED      /* nothing is left to happen and an application is not done */
};

/* Everything is referenced, not copied: cluster, config, cost, opts (and what they point to) must outlive sim. `opts`
 * may be NULL. NULL with one line in err for a bad platform file or description. SimGrid is started here: once a
 * process. */
struct rs_sim *rs_sim_new(const struct rs_sim_cluster *cluster, const struct rs_config *config,
                          const struct rs_cost *cost, const struct rs_sim_opts *opts, char *err, size_t err_size);

/* A driver program on a node (0: the head) with this application; before rs_sim_run. Returns its address. The
 * application is not owned. A program on another node than the head dies with it; its application then counts as done.
 */
rs_addr rs_sim_add_app(struct rs_sim *sim, uint32_t node, struct rs_app *app);

/* A driver program without an application: its CALLs come from outside (opts.measured). Before rs_sim_run. */
void rs_sim_add_program(struct rs_sim *sim, rs_addr self);

enum rs_sim_end rs_sim_run(struct rs_sim *sim);
void rs_sim_stop(struct rs_sim *sim); /* from a hook or an application */

const struct rs_sim_stats *rs_sim_stats(const struct rs_sim *sim);
uint64_t rs_sim_now(const struct rs_sim *sim); /* ns since the start */
uint64_t rs_sim_time_of(const struct rs_sim *sim, uint32_t node,
                        uint64_t clock_ns);                        /* a node's clock to ns since the start */
uint32_t rs_sim_node_count(const struct rs_sim *sim);              /* with the head; also those not launched */
uint32_t rs_sim_group_of(const struct rs_sim *sim, uint32_t node); /* RS_SIM_ANY for the head */
struct rs_endpoint *rs_sim_endpoint(const struct rs_sim *sim, rs_addr address); /* for tests; NULL where none */
void rs_sim_free(struct rs_sim *sim);

#endif
