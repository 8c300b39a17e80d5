/* owner_int.h -- the owner's state, shared by owner.c (tasks), owner_args.c (their arguments), owner_lease.c (leases),
 * owner_actor.c, owner_creation.c; and for references owner_ref.c (counts), owner_get.c (who waits), owner_object.c
 * (own objects), owner_lineage.c (made again) and owner_borrow.c (between processes). */
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
  struct owned_actor *actor; /* of an actor call; of a creation (creates) */
  struct lease *lease;       /* while PUSHED through one */
  uint64_t due_at;           /* while DELAYED */
  uint64_t queued_at;        /* when it was submitted */
  uint64_t kill_at;          /* cancelled by force: its worker goes then; 0: it was not */
  rs_addr worker;            /* it was pushed to last */
  uint32_t oom_retries;      /* because its node was short of memory */
  int32_t retries_left;      /* -1: no limit */
  uint32_t retries;          /* tries that have failed */
  uint32_t blocked_on;       /* arguments that are not made yet */
  bool cancelled;            /* the application wants it no more: it ends well or as CANCELLED, without retries */
  bool sent;                 /* its rs_task has been pushed: it is immutable now */
  bool holds_args;           /* it holds its arguments, and the references inside them */
  bool again;                /* it ended well before, and runs once more for what was lost */
  bool creates;              /* it is the creation of `actor`: only its arguments are seen to here */
  enum task_state state;
};

/* Tasks that may share leases: Ray's scheduling key. */
struct sched_key {
  struct rs_link link;       /* in owner->keys */
  struct rs_link idle;       /* in owner->idle_keys, from the first time that nothing used it */
  struct sched_key *base;    /* of one with arguments: that without, of which it holds a reference */
  struct rs_link dirty_link; /* in owner->dirty */
  struct rs_link queue, leases, requests, hungry;
  uint64_t hash;
  struct rs_shared_demand *demand;
  rs_addr home;         /* the raylet that is asked first */
  uint64_t mean_run_ns; /* moving average; 0: not known */
  uint32_t refs;        /* tasks, lineages, leases, requests, and keys with arguments */
  uint32_t queued, lease_count, request_count;
  rs_node_id target;
  uint8_t strategy;
  bool retriable; /* its tasks have retries: what a raylet that is short of memory asks */
  bool refused;   /* a raylet of its group had no room: requests wait from now on, until none is needed */
  uint32_t turn;  /* of the raylets of its group */
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
  uint32_t pid; /* of the worker; 0: not known */
  rs_gpu_mask gpus;
  uint32_t in_flight_count;
  bool used, recalled;
  bool dying;                /* its worker has said so: what is behind the task that did it goes elsewhere */
  bool lost;                 /* the connection to its worker broke; its raylet was asked why */
  struct rs_link doubt_link; /* in owner->doubts */
  uint64_t due_at;           /* while it is there: lost, or a task that was cancelled by force should have ended */
};

struct request {
  struct rs_link link; /* in key->requests */
  struct sched_key *key;
  uint64_t number;
  uint64_t due_at;               /* of a postponed one */
  struct rs_link postponed_link; /* in owner->postponed */
  rs_addr raylet;                /* who has it now */
  uint8_t hops, tries;           /* tries: raylets that had no room */
};

struct owned_actor {
  struct rs_link link;        /* in owner->actors */
  struct rs_link dirty_link;  /* in owner->dirty_actors */
  struct rs_link unsure_link; /* in owner->unsure: its connection broke, and nobody has said yet what it is */
  struct rs_link queue, in_flight;
  struct rs_id id; /* its owner may be another process */
  uint64_t type;   /* its class, by rs_name_hash; 0: not known yet */
  enum rs_actor_state state;
  rs_addr worker;
  uint32_t restart;
  uint64_t next_seq;
  uint32_t queued, in_flight_count;
  int32_t max_task_retries;    /* of calls that do not say */
  uint32_t max_pending_calls;  /* 0: no limit */
  uint64_t warn_at, due_at;    /* calls that wait for it; when an unsure one is asked for */
  struct owned_task *creation; /* an own one's, while its arguments are held; NULL: it has none, or needs none more */
  int32_t restarts_max;        /* -1: no limit */
  bool unsure, detached;
  bool known;    /* the head has told its state once, or it is ours */
  bool leaving;  /* it has ended well: what is in flight may still come, until its process is gone */
  bool released; /* the application needs it no more */
};

/* What this process knows of an object: PENDING it is not made (or, of another owner's, not known yet); FREED its bytes
 * are gone and nobody may ask for it, but the task that made it may have to run again for another's sake. */
#define LOCATIONS_MAX 64u /* of one object, in a message */

enum ref_fate { REF_PENDING, REF_INLINE, REF_STORED, REF_GONE, REF_FREED };

/* How it came to be; decides whether it can be made again, and what an error says. */
enum ref_origin { REF_OF_TASK, REF_OF_PUT, REF_OF_CALL, REF_OF_EVICTED, REF_OF_ACTOR, REF_OF_STREAM };

enum ref_pull { PULL_NONE, PULL_GET, PULL_WAIT, PULL_ARG };

/* Another process that has a reference (borrows), or waits to hear of the object (asks). */
struct lend {
  rs_addr who;
  bool borrows, asks;
};

/* The rare part of a reference. */
struct ref_more {
  struct rs_link lent_link; /* in owner->lent while lend_count > 0 */
  uint64_t seq;             /* the reference's number */
  struct lend *lends;
  uint32_t lend_count, lend_cap;
  uint32_t gets, waits, local_waits; /* calls of the application that wait for an answer */
  uint32_t fetches;                  /* arguments that tasks of this process wait for */
  uint32_t inner_count;              /* references inside a stored object */
  struct rs_id *inner;
  struct rs_result *error; /* while GONE: why */
  rs_addr *asked_of;       /* the locations of the PULL under way */
  uint32_t asked_of_count;
  uint32_t lineage_refs; /* tasks that may run again and read it */
};

/* A reference of this process: to an object of its own, or of another owner (borrowed). */
struct ref {
  struct rs_link link; /* own: in owner->stored while STORED, in owner->doomed; another's: in owner->borrowed */
  struct rs_id id;
  uint8_t fate, origin, pulling; /* enum ref_fate, ref_origin, ref_pull */
  bool registered;               /* another's: its owner was told that we have it */
  bool asked;                    /* another's: its owner was asked about it and has not answered */
  bool contains;                 /* own: the references inside it are held */
  bool doomed;                   /* it goes when the present call returns */
  bool freed;                    /* on request: what is still made of it goes at once */
  uint32_t count;                /* the application's */
  uint32_t holds; /* tasks that read or carry it, living objects that contain it, results that bring it */
  uint32_t location_count, location_cap, waiter_count, waiter_cap;
  uint64_t size_bytes;
  uint64_t function;      /* that made it; 0: none, or not known */
  struct rs_value *value; /* INLINE */
  rs_addr *locations;     /* STORED */
  struct owned_task **waiters;
  struct lineage *lineage; /* of an own stored one: the task that can make it again */
  struct ref_more *more;   /* NULL: all zero */
};

/* A finished task whose stored returns live: it can run again. */
struct lineage {
  struct rs_link link; /* in owner->lineages, oldest first; in owner->dying */
  struct rs_link todo; /* in owner->rebuild: it is to run again when the step settles */
  struct rs_task *task;
  struct sched_key *key;
  int32_t retries_left;
  uint32_t refs; /* records of its returns */
  uint64_t bytes;
};

/* A BORROW_ADD that is not acknowledged. */
struct borrow_add {
  struct rs_link link; /* in owner->adds, oldest first */
  struct rs_id id;
  uint64_t number;
};

/* What gives up the protection of another process, or lets it give up ours: it leaves once all BORROW_ADDs before it
 * are acknowledged. */
struct deferred {
  struct rs_link link; /* in owner->deferred */
  uint64_t after;      /* number of the last BORROW_ADD before it */
  rs_addr to;
  struct rs_id id;          /* BORROW_REMOVE: the object; REFS_TAKEN: the task */
  struct rs_result *result; /* or TASKS_DONE */
  bool taken;               /* REFS_TAKEN */
};

/* References inside a result that was sent: held until the receiver has its own. */
struct carried {
  struct rs_link link; /* in owner->carried */
  rs_addr to;
  struct rs_result *result;
};

struct rs_owner {
  struct rs_map tasks; /* sequence number -> owned_task */
  struct rs_map key_by_hash, request_by_number, lease_by_worker;
  struct rs_map actor_by_id, actor_by_worker;
  struct rs_map refs;       /* own: sequence number -> ref */
  struct rs_map borrowed;   /* other owners': rs_id_key -> ref */
  struct rs_map borrowers;  /* address -> objects of ours that it borrows or asks for */
  struct rs_link idle_keys; /* no more than KEYS_IDLE_MAX between steps */
  uint32_t idle_key_count;
  struct rs_link keys, dirty, delayed, actors, stored, postponed, doubts;
  struct rs_link borrowed_list, lent, doomed, adds, deferred, carried, lineages, dying, rebuild;
  uint64_t last_add; /* number of the newest BORROW_ADD */
  uint64_t lineage_bytes;
  struct rs_m_borrow_add *add_batch; /* to add_owner, sent when the step settles */
  rs_addr add_owner;
  uint32_t blocked;                   /* BLOCKED without UNBLOCKED */
  struct rs_link ready, dirty_actors; /* looked at when the step settles: no recursion along dependencies */
  struct rs_link groups;
  struct rs_map group_by_id;
  uint64_t last_request;
  uint64_t last_seq; /* highest sequence number that the application has used */
  uint32_t nodes;    /* as the raylets tell */
  bool subscribed, orphaned, draining, burying;
  struct rs_map streams; /* number of its task -> owned_stream */
  struct rs_link dirty_streams;
  struct rs_graves graves; /* actors that have died */
  struct rs_link unsure;
  uint64_t *finds; /* numbers of ACTOR_FIND and ACTOR_LIST calls without an answer */
  uint32_t find_count, find_cap;
  rs_addr job;                    /* that its tasks belong to: the last one's */
  struct rs_owner_events *events; /* ended tasks that the head has not heard of; NULL: none yet */
};

/* owner.c */
void rs_owner_task_ready(struct rs_endpoint *ep, struct owned_task *t); /* its arguments are made: to the queue */
void rs_owner_task_end(struct rs_endpoint *ep, struct owned_task *t,
                       struct rs_result *result); /* takes the reference */
void rs_owner_task_fail(struct rs_endpoint *ep, struct owned_task *t,
                        int status); /* for good, with the error's own text */
void rs_owner_task_fail_text(struct rs_endpoint *ep, struct owned_task *t, int status,
                             const struct rs_text *text);                  /* for good */
void rs_owner_task_rerun(struct rs_endpoint *ep, struct lineage *lineage); /* a task that ended, once more */
uint64_t rs_owner_type_of(const struct rs_owner *o, const struct rs_task *task);
void rs_owner_subscribe(struct rs_endpoint *ep); /* hears of dead nodes from now on */
void rs_owner_task_failed(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result,
                          bool charged); /* or retried */

void rs_owner_cancel(struct rs_endpoint *ep, struct rs_id task, bool force, bool recursive);
void rs_owner_cancel_children(struct rs_endpoint *ep, struct rs_id parent, bool force); /* and theirs */

void rs_owner_task_retry(struct rs_endpoint *ep, struct owned_task *t, uint64_t delay_ns);

/* owner_oom.c */
void rs_owner_lease_oom(struct rs_endpoint *ep, struct lease *lease, const struct rs_m_worker_oom *m);

/* owner_doubt.c: leases whose worker may be gone */
void rs_owner_doubt_worker_down(struct rs_endpoint *ep, struct lease *lease);
void rs_owner_doubt_on_alive(struct rs_endpoint *ep, const struct rs_m_lease_alive *m);
void rs_owner_doubt_cancelled(struct rs_endpoint *ep, struct owned_task *t); /* by force; it was pushed */
void rs_owner_doubt_settle(struct rs_endpoint *ep);
uint64_t rs_owner_doubt_deadline(const struct rs_owner *o);

/* owner_lease.c */
void rs_owner_lease_return(struct rs_endpoint *ep, rs_addr raylet, uint64_t number, bool worker_dead);
void rs_owner_lease_forget(struct rs_owner *o, struct lease *lease); /* nothing of it is in flight */
void rs_owner_key_submit(struct rs_endpoint *ep, struct owned_task *t, bool front);
struct sched_key *rs_owner_key_of(struct rs_endpoint *ep, const struct rs_demand *demand, uint8_t strategy,
                                  rs_node_id target, bool retriable);
void rs_owner_key_unref(struct rs_owner *o, struct sched_key *key);
void rs_owner_keys_trim(struct rs_owner *o); /* at the end of a step: the keys that were idle for longest go */
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

/* owner_creation.c: the arguments of an own actor's creation */
void rs_owner_creation_begin(struct rs_endpoint *ep, struct owned_actor *a, struct rs_task *creation);
void rs_owner_creation_ready(struct rs_endpoint *ep, struct owned_task *t); /* they are made */
void rs_owner_creation_end(struct rs_endpoint *ep, struct owned_actor *a);  /* it will not be created any more */
void rs_owner_creation_free(struct owned_actor *a);

/* owner_stream.c */
void rs_owner_stream_new(struct rs_endpoint *ep, const struct rs_task *task);
void rs_owner_stream_on_item(struct rs_endpoint *ep, rs_addr from, const struct rs_m_stream_item *m);
void rs_owner_stream_next(struct rs_endpoint *ep, struct rs_id id);
bool rs_owner_stream_release(struct rs_endpoint *ep, struct rs_id id); /* false: no stream that we know */
void rs_owner_stream_ended(struct rs_endpoint *ep, struct rs_id task, struct rs_result *result);
void rs_owner_stream_settle(struct rs_endpoint *ep);
void rs_owner_stream_free_all(struct rs_owner *o);

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

/* owner_args.c: a task's arguments */
bool rs_owner_args_block(struct rs_endpoint *ep, struct owned_task *t); /* holds them; true: it waits for some */
enum args_state { ARGS_READY, ARGS_WAIT, ARGS_LOST };
enum args_state rs_owner_args_resolve(struct rs_endpoint *ep, struct owned_task *t,
                                      struct rs_result **error); /* fills in values, sizes, places; LOST: *error */
uint64_t rs_owner_args_inlined(const struct rs_task *task);      /* bytes of values inside it */
void rs_owner_args_unwait(struct rs_endpoint *ep, struct owned_task *t); /* it ends while it waits */
void rs_owner_args_drop(struct rs_endpoint *ep, struct owned_task *t);
struct rs_task *rs_owner_task_writable(struct owned_task *t); /* owner.c: a copy, if it was pushed before */

/* owner_ref.c: records and counts */
struct ref *rs_owner_ref_find(const struct rs_owner *o, rs_addr self, struct rs_id id);
struct ref *rs_owner_ref_at(struct rs_endpoint *ep, struct rs_id id); /* made where it can be; NULL: own and gone */
struct ref *rs_owner_ref_new(struct rs_endpoint *ep, struct rs_id id);
struct ref_more *rs_owner_ref_more(struct ref *ref);
struct ref *rs_owner_ref_hold(struct rs_endpoint *ep, struct rs_id id); /* one hold more; registered with its owner */
void rs_owner_ref_drop(struct rs_endpoint *ep, struct rs_id id);
void rs_owner_ref_hold_all(struct rs_endpoint *ep, const struct rs_id *ids, uint32_t count);
void rs_owner_ref_drop_all(struct rs_endpoint *ep, const struct rs_id *ids, uint32_t count);
void rs_owner_ref_retain(struct rs_endpoint *ep, struct rs_id id);
void rs_owner_ref_release(struct rs_endpoint *ep, struct rs_id id);
void rs_owner_ref_collect(struct rs_endpoint *ep, struct ref *ref);       /* it may be gone afterwards */
void rs_owner_ref_forget(struct rs_endpoint *ep, struct ref *ref);        /* the record goes, whatever it was */
void rs_owner_ref_actor_dead(struct rs_endpoint *ep, struct rs_id actor); /* its handles are of no use any more */
void rs_owner_ref_sanity_check(const struct rs_owner *o);
void rs_owner_ref_free_all(struct rs_owner *o);

/* owner_get.c: GET and WAIT */
void rs_owner_get(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_wait(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_fetch(struct rs_endpoint *ep, struct rs_id id);  /* answered by rs_executor_on_arg, perhaps at once */
void rs_owner_answer(struct rs_endpoint *ep, struct ref *ref); /* whoever waits and can be answered now */
void rs_owner_get_on_pulled(struct rs_endpoint *ep, struct ref *ref, int status);
void rs_owner_get_fail_all(struct rs_endpoint *ep, int status);

/* owner_object.c: objects of this owner */
void rs_owner_object_expect(struct rs_endpoint *ep, const struct rs_task *task); /* a KEEP task was submitted */
void rs_owner_object_made(struct rs_endpoint *ep, struct owned_task *t, struct rs_result *result);
void rs_owner_object_item(struct rs_endpoint *ep, struct rs_id id, struct rs_result *result);         /* held once */
void rs_owner_object_refuse(struct rs_endpoint *ep, struct rs_id id, const struct rs_result *result); /* its bytes */
void rs_owner_object_put(struct rs_endpoint *ep, const struct rs_call *call);
void rs_owner_object_become(struct rs_endpoint *ep, struct ref *ref, enum ref_fate fate);
void rs_owner_object_gone(struct rs_endpoint *ep, struct ref *ref, struct rs_result *error); /* takes the reference */
void rs_owner_object_lose(struct rs_endpoint *ep, struct ref *ref, int status, const char *why); /* and says so */
void rs_owner_object_free(struct rs_endpoint *ep, struct rs_id id);       /* on request, whoever needs it */
void rs_owner_object_drop_bytes(struct rs_endpoint *ep, struct ref *ref); /* and what is inside */
void rs_owner_object_add_location(struct ref *ref, rs_addr raylet);
void rs_owner_object_bad_location(struct rs_endpoint *ep, struct ref *ref, rs_addr raylet); /* a copy there fails */
bool rs_owner_object_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_object_on_node_gone(struct rs_endpoint *ep, rs_addr raylet);
struct rs_result *rs_owner_error(struct rs_id task, int status, struct rs_id object, uint64_t function,
                                 const char *why);
bool rs_owner_is_actor(const struct rs_endpoint *ep, struct rs_id id); /* as far as this process knows */
/* Why `id` is no object's: it is known to be an actor's, or a stream's. One reference; NULL: it may be one. */
struct rs_result *rs_owner_no_object(const struct rs_endpoint *ep, struct rs_id task, struct rs_id id);

/* owner_lineage.c */
void rs_owner_lineage_keep(struct rs_endpoint *ep, struct owned_task *t);                 /* it ended well */
bool rs_owner_lineage_rebuild(struct rs_endpoint *ep, struct ref *ref, const char **why); /* false: it cannot be */
void rs_owner_lineage_unref(struct rs_endpoint *ep, struct lineage *lineage);
void rs_owner_lineage_settle(struct rs_endpoint *ep);
void rs_owner_lineage_free_all(struct rs_owner *o);

/* owner_borrow.c */
void rs_owner_borrow_register(struct rs_endpoint *ep, struct ref *ref);
void rs_owner_borrow_end(struct rs_endpoint *ep, struct rs_id id); /* the record of a registered one is gone */
void rs_owner_borrow_ask(struct rs_endpoint *ep, struct ref *ref, const rs_addr *failed, uint32_t failed_count);
void rs_owner_borrow_tell(struct rs_endpoint *ep, struct ref *ref); /* those who asked about an own object */
void rs_owner_borrow_on_results(struct rs_endpoint *ep, rs_addr from, const struct rs_m_tasks_done *m); /* taken */
bool rs_owner_borrow_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_owner_borrow_on_peer_down(struct rs_endpoint *ep, rs_addr peer, bool dead);
void rs_owner_borrow_on_node_dead(struct rs_endpoint *ep, rs_addr raylet);
void rs_owner_borrow_settle(struct rs_endpoint *ep);
void rs_owner_borrow_free_all(struct rs_owner *o);

/* owner_events.c */
void rs_owner_event(struct rs_endpoint *ep, const struct owned_task *t, const struct rs_result *result); /* it ends */
void rs_owner_events_settle(struct rs_endpoint *ep);
uint64_t rs_owner_events_deadline(const struct rs_owner *o);
void rs_owner_events_free(struct rs_owner *o);

#endif
