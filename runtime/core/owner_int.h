/* owner_int.h -- the owner's state, shared by owner.c (tasks), owner_lease.c (leases), owner_actor.c and
 * owner_object.c. */
#ifndef RS_CORE_OWNER_INT_H
#define RS_CORE_OWNER_INT_H

#include "core/graves.h"
#include "core/owner.h"
#include "core/text.h"

enum task_state { TASK_BLOCKED, TASK_QUEUED, TASK_PUSHED, TASK_DELAYED };

struct owned_task {
  struct rs_link link; /* in its key's or actor's queue, its lease's or actor's in_flight, or owner->delayed */
  struct rs_task *task;
  struct sched_key *key;     /* of a task */
  struct owned_actor *actor; /* of an actor call */
  struct lease *lease;       /* while PUSHED through one */
  uint64_t due_at;           /* while DELAYED */
  uint64_t queued_at;        /* when it was submitted */
  rs_addr worker;            /* it was pushed to last */
  int32_t retries_left;      /* -1: no limit */
  uint32_t blocked_on;       /* arguments that are not made yet */
  bool cancelled;            /* the application wants it no more: it ends well or as CANCELLED, without retries */
  bool sent;                 /* its rs_task has been pushed: it is immutable now */
  bool holds_args;           /* it has pinned its arguments */
  enum task_state state;
};

/* Tasks that may share leases: Ray's scheduling key. */
struct sched_key {
  struct rs_link link;       /* in owner->keys */
  struct rs_link dirty_link; /* in owner->dirty */
  struct rs_link queue, leases, requests, hungry;
  uint64_t hash;
  struct rs_demand demand;
  rs_addr home;         /* the raylet that is asked first */
  uint64_t mean_run_ns; /* moving average; 0: not known */
  uint32_t refs;        /* tasks, leases and requests */
  uint32_t queued, lease_count, request_count;
  rs_node_id target;
  uint8_t strategy;
  bool refused;  /* a raylet of its group had no room: requests wait from now on, until none is needed */
  uint32_t turn; /* of the raylets of its group */
  uint32_t raylet_count;
  uint64_t group_version; /* that these are of */
  rs_addr *raylets;
  uint32_t dep_count; /* of the one task that a key with arguments in stores stands for */
  struct rs_dep *deps;
};

struct lease {
  struct rs_link hungry_link; /* in key->hungry: it could take more than there was */
  struct rs_link link;        /* in key->leases */
  struct rs_link in_flight;
  struct sched_key *key;
  uint64_t number;
  rs_addr raylet, worker;
  rs_gpu_mask gpus;
  uint32_t in_flight_count;
  bool used, recalled;
};

struct request {
  struct rs_link link; /* in key->requests */
  struct sched_key *key;
  uint64_t number;
  uint64_t due_at;               /* of a postponed one */
  struct rs_link postponed_link; /* in owner->postponed */
  rs_addr raylet;                /* who has it now */
  uint8_t hops;
};

struct owned_actor {
  struct rs_link link;        /* in owner->actors */
  struct rs_link dirty_link;  /* in owner->dirty_actors */
  struct rs_link unsure_link; /* in owner->unsure: its connection broke, and nobody has said yet what it is */
  struct rs_link queue, in_flight;
  struct rs_id id; /* its owner may be another process */
  enum rs_actor_state state;
  rs_addr worker;
  uint32_t restart;
  uint64_t next_seq;
  uint32_t queued, in_flight_count;
  int32_t max_task_retries;   /* of calls that do not say */
  uint32_t max_pending_calls; /* 0: no limit */
  uint64_t warn_at, due_at;   /* calls that wait for it; when an unsure one is asked for */
  bool unsure, detached;
  bool known;    /* the head has told its state once, or it is ours */
  bool leaving;  /* it has ended well: what is in flight may still come, until its process is gone */
  bool released; /* the application needs it no more */
};

enum object_fate { OBJECT_PENDING, OBJECT_INLINE, OBJECT_STORED, OBJECT_GONE };

struct owned_object {
  struct rs_link stored_link; /* in owner->stored while STORED */
  struct rs_id id;
  enum object_fate fate;
  int32_t status; /* why it is gone */
  bool released;  /* the application needs it no more */
  bool wanted;    /* a GET waits for it */
  bool pulling;   /* PULL is under way */
  uint64_t size_bytes;
  uint32_t pins;          /* tasks that read it and have not ended */
  struct rs_value *value; /* while INLINE */
  rs_addr *locations;
  uint32_t location_count, location_cap;
  struct owned_task **waiters;
  uint32_t waiter_count, waiter_cap;
};

struct rs_owner {
  struct rs_map tasks; /* sequence number -> owned_task */
  struct rs_map key_by_hash, request_by_number, lease_by_worker;
  struct rs_map actor_by_id, actor_by_worker, objects;
  struct rs_link keys, dirty, delayed, actors, stored, postponed;
  struct rs_link ready, dirty_actors; /* looked at when the step settles: no recursion along dependencies */
  struct rs_link groups;
  struct rs_map group_by_id;
  uint64_t last_request;
  uint64_t last_seq; /* highest sequence number that the application has used */
  uint32_t nodes;    /* as the raylets tell */
  bool subscribed, orphaned;
  struct rs_graves graves; /* actors that have died */
  struct rs_link unsure;
  uint64_t *finds; /* numbers of ACTOR_FIND and ACTOR_LIST calls without an answer */
  uint32_t find_count, find_cap;
  struct rs_owner_events *events; /* ended tasks that the head has not heard of; NULL: none yet */
};

/* owner.c */
void rs_owner_task_ready(struct rs_endpoint *ep, struct owned_task *t); /* its arguments are made: to the queue */
void rs_owner_task_end(struct rs_endpoint *ep, struct owned_task *t,
                       struct rs_result *result); /* takes the reference */
void rs_owner_task_fail(struct rs_endpoint *ep, struct owned_task *t,
                        int status); /* for good, with the error's own text */
void rs_owner_task_fail_text(struct rs_endpoint *ep, struct owned_task *t, int status,
                             const struct rs_text *text); /* for good */
void rs_owner_task_failed(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result,
                          bool charged); /* or retried */

void rs_owner_cancel(struct rs_endpoint *ep, struct rs_id task, bool force, bool recursive);
void rs_owner_cancel_children(struct rs_endpoint *ep, struct rs_id parent, bool force); /* and theirs */

/* owner_lease.c */
void rs_owner_key_submit(struct rs_endpoint *ep, struct owned_task *t, bool front);
struct sched_key *rs_owner_key_of(struct rs_endpoint *ep, const struct rs_demand *demand, uint8_t strategy,
                                  rs_node_id target);
void rs_owner_key_unref(struct rs_owner *o, struct sched_key *key);
void rs_owner_key_changed(struct rs_owner *o, struct sched_key *key); /* looked at when the step settles */
void rs_owner_lease_settle(struct rs_endpoint *ep);
uint64_t rs_owner_lease_deadline(const struct rs_owner *o);
bool rs_owner_lease_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_lease_on_result(struct rs_endpoint *ep, struct lease *lease, struct rs_result *result);
void rs_owner_lease_refill(struct rs_endpoint *ep, struct lease *lease);
void rs_owner_lease_lost(struct rs_endpoint *ep, struct lease *lease, int reason, bool tell_raylet);
void rs_owner_lease_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_owner_lease_on_node_dead(struct rs_endpoint *ep, rs_addr raylet);
void rs_owner_lease_free_all(struct rs_owner *o);
void rs_owner_lease_ask(struct rs_endpoint *ep, struct sched_key *key, rs_addr raylet, uint32_t count, bool waits);

/* owner_group.c */
void rs_owner_group_create(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_group_remove(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_group_get(struct rs_endpoint *ep, const struct rs_call *call);
bool rs_owner_group_on_message(struct rs_endpoint *ep, const struct rs_msg *msg);
void rs_owner_group_on_head_lost(struct rs_endpoint *ep);
void rs_owner_group_orphan(struct rs_endpoint *ep);
void rs_owner_group_stale(struct rs_endpoint *ep, const struct sched_key *key);
void rs_owner_group_request(struct rs_endpoint *ep,
                            struct sched_key *key); /* leases for what waits, as many as needed */
bool rs_owner_group_captures(const struct rs_endpoint *ep, const struct rs_call *call, struct rs_demand *demand);
struct rs_task *rs_owner_group_child(struct rs_task *task, const struct rs_demand *demand);
void rs_owner_group_free_all(struct rs_owner *o);

/* owner_actor.c */
void rs_owner_actor_create(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_actor_call(struct rs_endpoint *ep, struct owned_task *t);
void rs_owner_actor_submit(struct rs_endpoint *ep, struct owned_task *t);
void rs_owner_actor_left(struct rs_endpoint *ep, struct owned_actor *a); /* one call less */
bool rs_owner_actor_release(struct rs_endpoint *ep, struct rs_id id);    /* false: no actor that we know */
void rs_owner_actor_settle(struct rs_endpoint *ep);
void rs_owner_actor_kill(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_actor_on_state(struct rs_endpoint *ep, const struct rs_m_actor_state *m);
void rs_owner_actor_on_result(struct rs_endpoint *ep, struct owned_actor *a, struct rs_result *result);
void rs_owner_actor_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_owner_actor_orphan(struct rs_endpoint *ep, int reason); /* every actor is gone */
uint64_t rs_owner_actor_deadline(const struct rs_owner *o);
void rs_owner_actor_free_all(struct rs_owner *o);

/* owner_handle.c: records of actors, ours and others', and what the head says of them */
struct owned_actor *rs_owner_handle_new(struct rs_endpoint *ep, struct rs_id id);
struct owned_actor *rs_owner_handle_of(struct rs_endpoint *ep, struct rs_id id); /* NULL: it is dead, or we are lost */
void rs_owner_handle_dead(struct rs_endpoint *ep, struct rs_id id, int reason, const struct rs_text *text);
void rs_owner_handle_free(struct rs_endpoint *ep, struct owned_actor *a);
void rs_owner_handle_tell(struct rs_endpoint *ep, struct rs_id id, enum rs_actor_state state, int status,
                          rs_addr worker, const struct rs_text *text, struct rs_id other);
void rs_owner_handle_find(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_handle_on_found(struct rs_endpoint *ep, const struct rs_m_actor_found *m);
void rs_owner_handle_orphan(struct rs_endpoint *ep, int reason);

/* owner_object.c */
void rs_owner_object_expect(struct rs_endpoint *ep, const struct rs_task *task); /* a KEEP task was submitted */
bool rs_owner_object_block(struct rs_endpoint *ep, struct owned_task *t);        /* true: it waits for arguments */
int rs_owner_object_resolve(struct rs_endpoint *ep, struct owned_task *t);       /* fills in sizes and locations */
void rs_owner_object_unwait(struct rs_endpoint *ep, const struct owned_task *t); /* it ends while it waits */
void rs_owner_object_unpin_args(struct rs_endpoint *ep, struct owned_task *t);
struct rs_task *rs_owner_task_writable(struct owned_task *t); /* a copy, if it was pushed before */
void rs_owner_object_made(struct rs_endpoint *ep, const struct rs_task *task, struct rs_result *result);
void rs_owner_object_put(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_object_get(struct rs_endpoint *ep, struct rs_id id);
void rs_owner_object_release(struct rs_endpoint *ep, struct rs_id id);
bool rs_owner_object_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_object_on_node_dead(struct rs_endpoint *ep, rs_addr raylet);
void rs_owner_object_free_all(struct rs_owner *o);

/* owner_events.c */
void rs_owner_event(struct rs_endpoint *ep, const struct owned_task *t, const struct rs_result *result); /* it ends */
void rs_owner_events_settle(struct rs_endpoint *ep);
uint64_t rs_owner_events_deadline(const struct rs_owner *o);
void rs_owner_events_free(struct rs_owner *o);

#endif
