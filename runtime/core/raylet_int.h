/* raylet_int.h -- the raylet's state, shared by raylet.c (leases), raylet_pool.c (workers), raylet_view.c (view and
 * reports) and store.c (objects). */
#ifndef RS_CORE_RAYLET_INT_H
#define RS_CORE_RAYLET_INT_H

#include "core/raylet.h"
#include "policy/bundles.h"

/* Contention, as the GCS tells it: nobody waits, one (owner, scheduling key) waits, or several do. */
#define RS_WAITING_NONE UINT64_C(0)
#define RS_WAITING_MANY UINT64_MAX

static inline uint64_t rs_waiting_source(rs_addr owner, uint64_t key)
{
  uint64_t source = rs_mix64(owner) ^ key;
  return source == RS_WAITING_NONE || source == RS_WAITING_MANY ? 1 : source;
}

/* Lease requests with the same demand and rules wait in one queue: Ray's scheduling class. */
struct lease_class {
  struct rs_link link;  /* in raylet->classes, least recently served first */
  struct rs_link queue; /* struct waiting */
  struct rs_shared_demand *demand;
  struct rs_shared_demand *hold; /* what a grant keeps; differs from demand for actors */
  uint64_t hash;
  uint64_t queued; /* requests, not entries */
  uint64_t source; /* who waits, while somebody does: one (owner, key), or RS_WAITING_MANY once there were several */
  uint32_t refs;   /* waiting entries, grants and deductions */
  rs_node_id target;
  uint8_t strategy;
  uint64_t never_since; /* no node that is known could hold them; 0: one could */
  bool here;            /* these wait for this node alone */
  bool blocked;         /* nothing has changed since the last LATER */
};

/* `count` requests with consecutive numbers. */
struct waiting {
  struct rs_link link; /* in its class's queue, or in raylet->fetching */
  struct lease_class *class;
  rs_addr owner, job;
  uint64_t request, key;
  uint32_t count;
  uint32_t fetching; /* arguments that are not here yet */
  uint32_t held;     /* the first so many arguments are here and pinned */
  bool actor, retriable;
  uint8_t tries; /* nodes that had no room for it */
  bool pinned;   /* its arguments are here and pinned */
  bool told;     /* its owner has been told that no node could hold it */
  uint32_t dep_count;
  struct rs_dep *deps;
};

enum worker_state { WORKER_STARTING, WORKER_IDLE, WORKER_LEASED, WORKER_RETIRING };

struct pool_worker {
  struct rs_link link; /* in raylet->starting (oldest first) or raylet->idle (longest idle first) */
  rs_addr addr;
  uint64_t since; /* start or idle since */
  rs_addr job;    /* whose code it has run; RS_ADDR_NONE: fresh */
  uint64_t env;   /* that it was leased for first */
  struct grant *grant;
  enum worker_state state;
  bool owns;    /* it submits tasks or has objects: it is asked before it is ended */
  uint32_t pid; /* 0: not known */
  int32_t end;  /* RS_PROCESS_RUNS, or how its process ended, as it is told before its PEER_DOWN */
};

/* Resources of this node that belong to a placement group. */
struct bundle {
  struct rs_link link;       /* in raylet->bundles */
  struct rs_link group_link; /* among those of its group, by number */
  struct rs_id group;
  uint32_t index;
  uint32_t grants; /* that draw from it */
  uint64_t attempt;
  bool committed;
  rs_gpu_mask gpus;
  struct rs_demand demand;
  struct rs_res total, left;
};

struct grant {
  struct rs_link link;        /* in raylet->grants, oldest first */
  struct rs_link worker_link; /* in raylet->need_worker until there is one */
  struct lease_class *class;
  struct pool_worker *worker;
  struct bundle *bundle; /* that it draws from; NULL: the node itself */
  uint64_t lease;
  rs_addr owner, job;
  uint64_t request, key;
  uint64_t granted_at;
  rs_gpu_mask gpus;
  bool actor, recalled, retriable;
  uint32_t pops;            /* workers that were to serve it and did not come */
  bool blocked;             /* its task waits for an object: it holds no CPU */
  int64_t cpu_e4;           /* that it holds now */
  struct rs_link owed_link; /* in raylet->owed while it runs with less than it should have */
  uint32_t dep_count;       /* pinned arguments */
  struct rs_dep *deps;
};

/* Gives back what a grant holds now. */
static inline void rs_raylet_give(const struct grant *grant, struct rs_res *left, const struct rs_res *total)
{
  const struct rs_demand *hold = &grant->class->hold->is;
  left->cpu_e4 -= hold->cpu_e4 - grant->cpu_e4; /* it does not have those */
  rs_res_give(left, total, hold, grant->gpus);
}

/* A spilled demand that this raylet counts against its target until the target reports. */
struct deduction {
  struct lease_class *class;
  uint64_t expires_at;
  rs_node_id node;
  uint32_t report_seq;
};

struct rs_raylet {
  struct rs_node_info *info;
  struct rs_res left;
  struct rs_store *store;
  /* leases */
  struct rs_link classes, fetching, grants, owed;
  struct rs_map class_by_hash; /* demand and rules -> lease_class */
  struct rs_map grant_by_lease;
  uint64_t queued;
  uint64_t last_lease;
  uint32_t grant_count;
  uint64_t contention;
  uint64_t next_recall_at;
  bool stirred; /* something may make a blocked class go on */
  bool draining;
  /* placement groups */
  struct rs_link bundles;
  struct rs_map groups; /* id -> local_group */
  uint32_t bundle_count;
  /* workers */
  struct rs_map workers; /* address -> pool_worker */
  struct rs_link idle, starting, need_worker;
  uint32_t idle_count, starting_count, need_count;
  uint32_t next_ep;
  uint32_t prestart;    /* workers that should be there beside those that are needed; 0 once they start */
  rs_addr prestart_job; /* that they are for */
  bool program_seen;    /* a driver program began here */
  uint64_t look_at;     /* idle workers beyond the limit are looked at then; RS_TIME_NEVER: there are none */
  rs_addr *oom_ended;   /* for lack of memory, while their processes may still be there */
  uint32_t oom_count, oom_cap;
  /* the view */
  struct rs_view *base;      /* as published; only where views come as deltas */
  struct rs_view *published; /* the newest version that came */
  struct rs_view *view;      /* that with this raylet's own deductions; NULL before the first need */
  uint64_t version;
  void *placer[2];                         /* policy state of DEFAULT and SPREAD; created at the first pick */
  const struct rs_place_policy *policy[2]; /* of the states that exist */
  rs_node_id spread_last;                  /* where the last SPREAD task went */
  struct deduction *deductions;
  uint32_t deduction_count, deduction_cap;
  uint64_t deduction_expires_at; /* of the first to expire */
  uint64_t never_at;             /* when the first owner is told that no node could hold what it asks for; 0: none */
  bool own_changed;              /* our own entry in the view lags behind `left` */
  bool watching;                 /* the GCS sends us the view */
  struct rs_map full;            /* shapes that nobody has room for, during one round of scheduling */
  /* reports */
  bool registered, dirty;
  uint32_t report_seq;
  uint64_t last_report_at;
  bool ever_reported;
  struct rs_map owners; /* whose objects are here: told once, so that we hear of their end */
  /* who on this node wants to hear of dead nodes */
  rs_addr *subscribers;
  uint32_t subscriber_count, subscriber_cap;
};

/* raylet.c */
void rs_raylet_changed(struct rs_raylet *r); /* resources or queue changed: report, stir */
void rs_raylet_on_arg_ready(struct rs_endpoint *ep, struct waiting *w, struct rs_id id, int status);
void rs_raylet_drop_grant(struct rs_endpoint *ep, struct grant *grant, bool stop_worker);
void rs_raylet_class_unref(struct rs_raylet *r, struct lease_class *class);
void rs_raylet_reject(struct rs_endpoint *ep, rs_addr owner, uint64_t request, int reason);
void rs_raylet_refuse_waiting(struct rs_endpoint *ep, struct rs_id group,
                              int reason); /* for bundles not here any more */

/* raylet_group.c */
bool rs_raylet_group_on_message(struct rs_endpoint *ep, const struct rs_msg *msg);
struct bundle *rs_raylet_group_room(const struct rs_raylet *r,
                                    const struct rs_demand *demand); /* with room now, or NULL */
int rs_raylet_group_check(const struct rs_raylet *r, const struct rs_demand *demand);
void rs_raylet_group_free(struct rs_raylet *r);
void rs_raylet_group_sanity_check(const struct rs_raylet *r);

/* raylet_block.c */
void rs_raylet_on_blocked(struct rs_endpoint *ep, rs_addr worker, bool blocked);
void rs_raylet_repay(struct rs_raylet *r);

/* raylet_spread.c */
bool rs_raylet_spread_pick(struct rs_endpoint *ep, const struct waiting *w, struct rs_choice *choice); /* false: none */

/* raylet_recall.c */
void rs_raylet_recall(struct rs_endpoint *ep);
void rs_raylet_set_contention(struct rs_raylet *r, uint64_t waiting);

/* raylet_pool.c */
void rs_raylet_pool_on_program(struct rs_endpoint *ep);                            /* a driver program has begun here */
void rs_raylet_pool_expect(struct rs_endpoint *ep, uint64_t backlog, rs_addr job); /* so many leases may be wanted */
void rs_raylet_pool_on_owns(struct rs_endpoint *ep, rs_addr worker);
void rs_raylet_pool_on_stays(struct rs_endpoint *ep, rs_addr worker);
void rs_raylet_pool_assign(struct rs_endpoint *ep,
                           struct grant *grant); /* a worker now, or as soon as one has started */
void rs_raylet_pool_on_ready(struct rs_endpoint *ep, rs_addr worker);
void rs_raylet_pool_on_down(struct rs_endpoint *ep, rs_addr worker);
void rs_raylet_pool_release(struct rs_endpoint *ep, struct pool_worker *worker, bool stop);
void rs_raylet_pool_settle(struct rs_endpoint *ep);
uint64_t rs_raylet_pool_deadline(const struct rs_endpoint *ep);
void rs_raylet_pool_end_idle(struct rs_endpoint *ep, struct pool_worker *worker); /* whatever it may own */
void rs_raylet_pool_on_job_gone(struct rs_endpoint *ep, rs_addr job);
void rs_raylet_pool_free(struct rs_raylet *r);
void rs_raylet_on_worker(struct rs_endpoint *ep, struct grant *grant); /* raylet.c: the grant has its worker now */

/* raylet_view.c */
void rs_raylet_view_on_message(struct rs_endpoint *ep, const struct rs_msg *msg);
void rs_raylet_view_deduct(struct rs_endpoint *ep, rs_node_id node, struct lease_class *class);
enum rs_pick rs_raylet_view_pick(struct rs_endpoint *ep, const struct waiting *w, struct rs_choice *choice);
struct rs_view_node rs_raylet_own_entry(const struct rs_endpoint *ep); /* what the view should say of this node */
uint32_t rs_raylet_view_alive(const struct rs_raylet *r);
void rs_raylet_view_settle(struct rs_endpoint *ep); /* deductions that have expired end */
/* What the policy said of the first that waits in this class. */
void rs_raylet_view_never(struct rs_endpoint *ep, struct lease_class *class, bool never);
uint64_t rs_raylet_view_deadline(const struct rs_raylet *r);
void rs_raylet_view_free(struct rs_raylet *r);
void rs_raylet_report_settle(struct rs_endpoint *ep);
uint64_t rs_raylet_report_deadline(const struct rs_endpoint *ep);

/* raylet_memory.c */
void rs_raylet_on_memory_use(struct rs_endpoint *ep, const struct rs_m_memory_use *m);

#endif
