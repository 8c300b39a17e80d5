/* driver_int.h -- the SimGrid driver's own structures; only sim/driver*.c, net.c, flow*.c, faithful.c include it.
 *
 * Everything lives in growing arrays and is named by index, so that an endpoint costs 100 bytes here, a node 150, and
 * no event allocates memory in the steady state. Indexes start at 1; 0 is "none".
 */
#ifndef RS_SIM_DRIVER_INT_H
#define RS_SIM_DRIVER_INT_H

#include "base/map.h"
#include "sim/driver.h"
#include "sim/heap.h"
#include "sim/net.h"

/* What a heap entry's payload means: kind << INDEX_BITS | index. */
enum { SIM_INDEX_BITS = RS_HEAP_PAYLOAD_BITS - 3 };
#define SIM_INDEX_MAX ((UINT32_C(1) << SIM_INDEX_BITS) - 1)

enum sim_event {
  SIM_EV_INPUT,  /* rec: an input for an endpoint */
  SIM_EV_TIMER,  /* endpoint: its alarm */
  SIM_EV_WAKE,   /* endpoint: it has finished handling and has more in its inbox (or frees its core) */
  SIM_EV_RUN,    /* run: a function ends */
  SIM_EV_ACTION, /* rec: something happens to the cluster */
  SIM_EV_APP,    /* app: its alarm */
  SIM_EV_SPIN,   /* core pool: a computing task may have ended */
  SIM_EV_BULK    /* machine: a large object may be copied */
};

/* A pooled record: an input on its way to an endpoint, or an action. */
enum sim_action {
  SIM_ACT_NODE_START = 100, /* node; host: number of the HOST_ADD request that waits for it, 0 */
  SIM_ACT_WORKER_START,     /* to; node's incarnation must match */
  SIM_ACT_WORKER_STOP,      /* to (measured times) */
  SIM_ACT_OUTSIDE,          /* host: index into what comes from outside (measured times) */
  SIM_ACT_FAULT,            /* host: index of the fault */
  SIM_ACT_FAULT_RATE,       /* host: index of the fault */
  SIM_ACT_BURY,             /* node: a silent death is noticed; host: incarnation */
  SIM_ACT_CUT_BREAK,        /* node: a partition has outlasted the health check; host: cut */
  SIM_ACT_CUT_HEAL,         /* host: cut */
  SIM_ACT_COPY_ASK,         /* to: source raylet; ep: who wants it; object, size */
  SIM_ACT_PARCEL,
  SIM_ACT_EXEC, /* faithful.c */
  SIM_ACT_SAMPLE,
  SIM_ACT_END /* the drain is over */
};
enum { SIM_IN_APP_TIMER = 60, SIM_IN_APP_START, SIM_IN_VIEW_WAKE, SIM_IN_YIELD }; /* beside enum rs_input_kind */

struct sim_rec {
  uint8_t kind; /* enum rs_input_kind, SIM_IN_..., enum sim_action */
  int32_t status;
  uint32_t next; /* free list or inbox */
  uint32_t ep;   /* receiver, or 0: look it up by `to` */
  rs_addr to, peer;
  union {
    struct rs_msg *msg;
    struct rs_result *result;
    const struct rs_call *call;
    struct rs_id object;
    uint64_t host;
  };
  union {
    uint64_t size;       /* of an action */
    uint64_t arrived_ns; /* of an input, once it is there */
  };
};

struct sim_ep {
  struct rs_endpoint *core; /* NULL: a free slot, or dead and not yet noticed */
  rs_addr self;             /* 0: a free slot */
  uint64_t busy_until_ns;
  uint64_t timer_due_ns; /* of the newest alarm entry; NEVER: none */
  uint64_t timer_sequence;
  uint64_t out_free_ns;   /* its last message has left by then */
  uint64_t wake_sequence; /* of its WAKE entry */
  uint32_t node;
  uint32_t conns; /* list of connections */
  uint32_t peer;  /* an endpoint to which it has a connection, the last one found; 0: look */
  uint32_t inbox_head, inbox_tail;
  uint32_t runs; /* functions in progress */
  uint32_t next_on_node, prev_on_node;
  uint32_t view_seen;   /* number of the newest publication handled */
  uint32_t audience_at; /* its place among the receivers of publications */
  uint32_t app;
  uint8_t role;                    /* enum rs_cost_role */
  bool waking;                     /* a WAKE entry is in the heap */
  bool waiting, has_core, granted; /* where cores are shared */
  uint64_t slice_end_ns, ran_ns;   /* it leaves its core then, if others wait; it last had one then */
  uint32_t home;                   /* core that it last had */
  bool wants_view, listed;         /* listed: it is in sim->wanting */
};

struct sim_node {
  /* looked at for each message and step: one cache line */
  uint64_t origin_ns; /* of its clock */
  int32_t drift_ppb;
  uint32_t rack;
  struct sim_nic nic;
  uint32_t raylet; /* endpoint */
  uint32_t cut;    /* partition that it is in; 0: with the head */
  uint32_t group;
  uint16_t incarnation;
  uint8_t state;
  /* the rest */
  uint64_t up_ns; /* since when its raylet runs; the phase of its health checks */
  uint64_t store_bytes, disk_free_ns;
  struct rs_node_info *info; /* one reference */
  void *host;                /* sg_host_t */
  void *port;                /* faithful variant: its sender */
  double speed;
  uint64_t request;   /* HOST_ADD number that started it */
  uint32_t endpoints; /* list */
  uint32_t pool;      /* its cores, where they are shared */
};
enum { SIM_NODE_OFF, SIM_NODE_BOOTING, SIM_NODE_UP, SIM_NODE_SILENT /* dead, not yet noticed */, SIM_NODE_FAILED };

/* A function that runs on a worker. */
struct sim_run {
  struct rs_task *task; /* NULL: free */
  struct rs_result *result;
  uint64_t begin_ns, duration_ns, end_ns, sequence;
  uint64_t spin_target;      /* pool's virtual time at which a computing task is done */
  uint32_t ep, next;         /* next: of the endpoint, or free list */
  int32_t status;            /* what ends it: OK, or why it fails */
  bool spin, kills;          /* kills: the worker process dies then */
  bool measured;             /* its end and result are given */
  bool bulk;                 /* a large object that it has made is being written */
  bool made;                 /* its function has ended, and what it returns is written or being written */
  uint64_t ran_ns;           /* made: how long the function ran */
  struct sim_stream *stream; /* of a task that yields */
};

/* A core and who waits for it. */
struct sim_core {
  uint32_t *waiting; /* ring of endpoints */
  uint32_t waiting_head, waiting_count, waiting_cap;
  bool busy;
};

/* Cores that endpoints and computing tasks share: endpoints first and as an operating system has them (driver_cores.c),
 * tasks share what is left equally (processor sharing in virtual time). */
struct sim_pool {
  struct sim_core *cores;
  uint32_t core_count, busy;
  uint32_t *spins;
  uint32_t spin_count, spin_cap;
  uint64_t virtual_ns, virtual_at_ns; /* virtual time, and when it was computed */
  uint64_t spin_sequence;             /* the valid SPIN entry */
};

struct sim_cut {
  uint64_t begin_ns, heal_ns;
  uint32_t first, count; /* nodes */
};

struct sim_app {
  struct rs_app *app;
  uint32_t ep;
  uint64_t timer_due_ns, timer_sequence;
  bool done;
};

/* One publication of the view to all who listen (SEND_MANY of a VIEW). */
struct sim_pub {
  struct rs_msg *msg;
  struct sim_audience *audience;
  uint64_t base_ns;  /* when the first byte leaves */
  uint64_t copy_ns;  /* of the NIC a receiver */
  uint64_t local_ns; /* when receivers on the sender's node have it */
  uint64_t all_arrived_ns;
};
struct sim_audience {
  uint32_t refs, count;
  uint32_t local_at, locals; /* the first receiver on the sender's node, and how many there are */
  uint64_t latency_ns;       /* the longest to any of them */
  rs_addr *many;
};

struct rs_sim {
  const struct rs_sim_cluster *cluster;
  const struct rs_config *config;
  const struct rs_cost *cost;
  struct rs_sim_opts opts;
  struct rs_sim_hooks hooks;
  const struct rs_sim_measured *measured; /* opts.measured */
  struct rs_sim_stats stats;
  uint64_t now_ns;
  struct rs_heap heap;

  struct sim_rec *recs;
  uint32_t rec_free, rec_count, rec_cap;
  struct sim_ep *eps;
  uint32_t ep_free, ep_count, ep_cap;
  struct sim_node *nodes;
  uint32_t node_count;
  struct sim_run *runs;
  uint32_t run_free, run_count, run_cap;
  struct sim_app *apps; /* apps[0] unused */
  uint32_t app_count, app_cap, apps_left;
  struct sim_pool *pools;
  uint32_t pool_count;
  struct sim_cut *cuts; /* cuts[0] unused */
  uint32_t cut_count, cut_cap;

  struct rs_map addresses; /* worker and driver addresses to endpoints */
  struct sim_net net;
  struct sim_store *store, *disk;
  struct sim_flows *flows;
  struct sim_bulk *bulk;
  struct faithful *faithful;

  struct sim_pub *pubs; /* the last pub_count publications; pubs[i] has number pub_first + i */
  uint32_t pub_count, pub_cap, pub_first;
  uint32_t *wanting;
  uint32_t wanting_count, wanting_cap;

  struct rs_effects effects;
  struct rs_calls calls;
  struct rs_node_type *node_types;
  struct rs_node_info *empty_info;
  struct rs_rng task_rng, fault_rng;
  uint8_t *codec_buffer;
  size_t codec_cap;
  rs_addr gcs;
  uint32_t gcs_ep;
  uint32_t alive_nodes;
  enum rs_sim_end end;
  bool ending; /* leave the loop */
  bool draining;
  bool ran;
  double drop_rate, kill_rate; /* by-rate faults of running tasks, summed where no window or group is given */
};

/* ---- pools (driver.c) ---- */
uint32_t sim_rec_new(struct rs_sim *sim);
void sim_rec_free(struct rs_sim *sim, uint32_t rec);
uint32_t sim_ep_new(struct rs_sim *sim, uint32_t node, rs_addr self,
                    enum rs_cost_role role);                          /* a slot, not yet alive */
void sim_ep_boot(struct rs_sim *sim, uint32_t ep, uint64_t start_ns); /* makes the endpoint; its START comes then */
void sim_ep_die(struct rs_sim *sim, uint32_t ep);  /* its process ends: core, runs and inbox go; the slot stays */
void sim_ep_bury(struct rs_sim *sim, uint32_t ep); /* nobody expects it any more: the slot is free */
uint32_t sim_ep_find(const struct rs_sim *sim, rs_addr address);

static inline uint64_t sim_push(struct rs_sim *sim, uint64_t due_ns, enum sim_event event, uint32_t index)
{
  return rs_heap_push(&sim->heap, due_ns, (uint32_t)event << SIM_INDEX_BITS | index);
}

/* ---- the platform (cluster.c) ---- */
int sim_platform_build(struct rs_sim *sim, char *err, size_t err_size); /* after simgrid_init: hosts and nodes */

/* ---- clocks ---- */
uint64_t sim_clock(const struct rs_sim *sim, uint32_t node, uint64_t ns); /* ns since the start to the node's clock */
uint64_t sim_clock_inverse(const struct rs_sim *sim, uint32_t node,
                           uint64_t clock_ns); /* first ns that is not before it */

/* ---- handling (driver_step.c) ---- */
void sim_deliver(struct rs_sim *sim, uint32_t rec); /* an input has arrived now */
void sim_on_timer(struct rs_sim *sim, uint32_t ep, uint64_t sequence);
void sim_on_wake(struct rs_sim *sim, uint32_t ep, uint64_t sequence);
void sim_granted(struct rs_sim *sim, uint32_t ep); /* a core is free for an endpoint that waited */
void sim_on_app(struct rs_sim *sim, uint32_t app, uint64_t sequence);
void sim_input(struct rs_sim *sim, uint64_t due_ns, uint32_t ep, enum rs_input_kind kind, rs_addr peer);
void sim_peer_down(struct rs_sim *sim, uint64_t due_ns, uint32_t ep, rs_addr peer);
void sim_inbox_clear(struct rs_sim *sim, uint32_t ep);
void sim_trace(struct rs_sim *sim, uint64_t ns, rs_addr self, const struct rs_effect *effect);

/* ---- running functions (driver_run.c) ---- */
void sim_run_start(struct rs_sim *sim, uint32_t ep, uint64_t ns, struct rs_task *task);
void sim_run_kill(struct rs_sim *sim, uint32_t ep, uint64_t ns, struct rs_id task);
void sim_run_work(struct rs_sim *sim, uint32_t run, uint64_t ns, uint64_t lead_ns, uint64_t work_ns, bool spin);
uint64_t sim_run_strike(struct rs_sim *sim, uint32_t run, uint64_t until_ns);
void sim_on_run(struct rs_sim *sim, uint32_t run, uint64_t sequence);
void sim_runs_drop(struct rs_sim *sim, uint32_t ep);  /* its worker is gone */
void sim_run_ended(struct rs_sim *sim, uint32_t run); /* the faithful variant's exec is done */
void sim_on_spin(struct rs_sim *sim, uint32_t pool, uint64_t sequence);

/* ---- shared cores (driver_cores.c) ---- */
void sim_pool_init(struct rs_sim *sim);
void sim_pool_free(struct rs_sim *sim);
struct sim_pool *sim_pool_of(struct rs_sim *sim, uint32_t ep);
bool sim_pool_take(struct rs_sim *sim, uint32_t ep); /* false: the endpoint waits for a core */
void sim_pool_give(struct rs_sim *sim, uint32_t ep);
void sim_pool_advance(const struct rs_sim *sim, struct sim_pool *pool); /* virtual time up to now: before a change */
void sim_pool_arm(struct rs_sim *sim,
                  struct sim_pool *pool); /* the SPIN entry of the function that ends first: after it */
void sim_spin_remove(struct rs_sim *sim, uint32_t run);

/* ---- objects that are moved within one machine have arrived (flow.c) ---- */
void sim_copy_arrived(struct rs_sim *sim, const struct sim_rec *request, uint64_t bytes);

/* ---- functions that yield (driver_yield.c) ---- */
struct rs_replay;
void sim_stream_begin(struct rs_sim *sim, uint32_t run, uint64_t ns, uint64_t work_ns, const struct rs_replay *replay);
bool sim_stream_goes_on(struct rs_sim *sim, uint32_t run); /* what it was at is over; false: so is the run */
struct rs_call *sim_stream_call(struct rs_sim *sim, uint32_t ep, struct rs_id task); /* its YIELD, now; NULL: gone */
void sim_stream_answered(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_reply *reply);

/* ---- measured times (driver_measured.c): only where sim->measured ---- */
void sim_measured_begin(struct rs_sim *sim);
void sim_input_due(struct rs_sim *sim, struct rs_sim_due due, struct sim_rec input);
uint64_t sim_push_due(struct rs_sim *sim, struct rs_sim_due due, enum sim_event event, uint32_t index);
void sim_measured_send(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to, struct rs_msg *msg);
void sim_measured_arm(struct rs_sim *sim, uint32_t ep);
bool sim_measured_early(const struct rs_sim *sim, uint32_t ep); /* its alarm is not due */
void sim_measured_hear(struct rs_sim *sim, uint32_t ep, enum rs_input_kind kind, rs_addr peer, uint64_t host);
void sim_measured_host(struct rs_sim *sim, uint64_t request);            /* HOST_ADD */
void sim_measured_stop(struct rs_sim *sim, uint64_t ns, rs_addr worker); /* WORKER_STOP */
void sim_measured_outside(struct rs_sim *sim, uint32_t index);           /* its moment has come */
uint64_t sim_measured_start(const struct rs_sim *sim, rs_addr self);     /* START of what is there at boot */

/* ---- views (driver_view.c) ---- */
void sim_publish(struct rs_sim *sim, uint32_t from, uint64_t ns, const rs_addr *many, uint32_t count,
                 struct rs_msg *msg);
uint32_t sim_view_due(struct rs_sim *sim, uint32_t ep, uint64_t ns,
                      uint32_t *first); /* newest that has arrived, or 0 */
struct sim_pub *sim_pub_at(struct rs_sim *sim, uint32_t number);
uint64_t sim_pub_arrival(struct rs_sim *sim, uint32_t ep, const struct sim_pub *pub); /* NEVER: not a receiver */
void sim_view_wanted(struct rs_sim *sim, uint32_t ep);
void sim_pubs_free(struct rs_sim *sim);

/* ---- nodes and faults (driver_fault.c) ---- */
void sim_node_start(struct rs_sim *sim, uint32_t node, uint64_t request);
void sim_node_die(struct rs_sim *sim, uint32_t node, bool process);
void sim_worker_die(struct rs_sim *sim, uint32_t ep);   /* PEER_DOWN to its raylet and all that it was connected to */
void sim_process_end(struct rs_sim *sim, rs_addr self); /* a process alone, not its node (measured times) */
void sim_faults_start(struct rs_sim *sim);
void sim_action(struct rs_sim *sim, uint32_t rec);
void sim_host_add(struct rs_sim *sim, uint32_t group, uint64_t request);
void sim_host_remove(struct rs_sim *sim, rs_addr raylet);
uint64_t sim_exponential(struct rs_rng *rng, double rate_per_s); /* ns */

static inline uint64_t sim_hash(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

#endif
