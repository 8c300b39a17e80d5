/* gcs_int.h -- the head's state, shared by gcs.c (membership, view), gcs_actor.c and autoscaler.c. */
#ifndef RS_CORE_GCS_INT_H
#define RS_CORE_GCS_INT_H

#include "core/gcs.h"
#include "core/graves.h"
#include "core/text.h"
#include "policy/bundles.h"

struct gcs_groups;

struct gcs_node {
  rs_addr raylet; /* the newest incarnation that registered */
  bool alive, changed, introduced, draining, busy;
  bool ended;             /* its host was asked to end */
  bool watching;          /* among watchers or newcomers */
  struct rs_res reported; /* what it last said that is left */
  uint64_t waiting;       /* contention source, see raylet_int.h */
  uint64_t queued;
  uint64_t idle_since;
  uint64_t died_at; /* while it is dead, and why */
  int32_t death;
  uint64_t wanted_until; /* the autoscaler counts on its room for a group that still lacks other hosts */
  uint32_t shape_count;
  struct rs_shape *shapes;
  struct rs_link actors; /* placed or being placed here */
};

enum gcs_actor_phase { ACTOR_ARGS, ACTOR_WAITING, ACTOR_REQUESTED, ACTOR_CREATING, ACTOR_RUNNING };

struct gcs_actor {
  struct rs_link all_link;   /* in gcs->actors, in order of creation */
  struct rs_link place_link; /* in its class's queue, or in its node's list */
  struct actor_class *class;
  struct rs_id id;
  struct rs_m_actor_create *create; /* as it was asked for; one reference */
  struct rs_task *creation;         /* with what ACTOR_ARGS has brought; one reference */
  int32_t restarts_left;            /* -1: no limit */
  uint32_t restart;
  uint64_t name; /* key in actor_by_name; 0: it has none */
  enum gcs_actor_phase phase;
  bool unreported; /* granted, and no report of the node since */
  uint64_t request, lease;
  rs_addr raylet, worker;
  uint32_t pid;                 /* of its process; 0: not known, or there is none */
  int32_t end;                  /* how the last one ended; RS_PROCESS_RUNS: not known */
  bool creator_gone, dropped;   /* dropped: it ends once it has been created */
  bool checking;                /* its raylet was asked whether the lease lives */
  struct rs_link stopping_link; /* in gcs->stopping until it has ended by itself; in gcs->silent, see gcs_actor.c */
  uint64_t stop_due_at;
  rs_addr *watchers, *askers; /* who else hears of its states; who asked whether it lives */
  uint32_t watcher_count, watcher_cap, asker_count, asker_cap;
};

/* Somebody asks for an actor that nobody has announced yet. */
struct awaited {
  struct rs_link link; /* in gcs->awaited, in order of due_at */
  struct rs_id id;
  rs_addr who;
  uint64_t due_at;
};

/* Actors that ask for the same thing wait in one queue. */
struct actor_class {
  struct rs_link link;  /* in gcs->classes */
  struct rs_link queue; /* gcs_actor.place_link */
  struct rs_shared_demand *demand, *hold;
  uint8_t strategy;
  rs_node_id target;
  uint32_t queued, refs;
};

struct launch {
  uint64_t request;
  uint32_t node_type;
  bool up;
};

struct rs_gcs {
  /* membership and view */
  struct gcs_node *nodes; /* by node number */
  uint32_t node_span;
  struct rs_view *view;
  uint64_t version;
  rs_node_id *changed;
  uint32_t changed_count, changed_cap;
  rs_addr *raylets; /* all that are alive */
  uint32_t raylet_count, raylet_cap;
  rs_addr *watchers; /* want the view, and have the current version */
  uint32_t watcher_count, watcher_cap;
  rs_addr *newcomers; /* want it, and have none; the first newcomers_told have been sent one */
  uint32_t newcomer_count, newcomer_cap, newcomers_told;
  rs_addr *subscribers; /* raylets that want to hear of dead nodes */
  uint32_t subscriber_count, subscriber_cap;
  uint64_t last_publish_at, last_snapshot_at;
  bool ever_published, ever_snapshot;
  /* contention */
  struct rs_map waiting_nodes; /* source -> number of nodes */
  uint32_t many_nodes;
  uint64_t contention, told_contention; /* as it is; as the raylets know it */
  uint64_t waiting_since, contention_told_at;
  uint64_t queued;
  /* actors */
  struct rs_map actor_by_id, actor_by_request, actor_by_worker, actor_by_name;
  struct rs_map actors_of_owner; /* owner -> how many */
  struct rs_map watched_by;      /* process -> how many actors it watches */
  struct rs_graves graves;
  struct rs_link awaited, stopping, silent;
  struct rs_link actors, classes;
  uint32_t actor_count, actors_waiting;
  uint64_t last_request;
  bool stirred;
  void *placer[2];
  const struct rs_place_policy *policy[2];
  struct gcs_groups *groups;
  /* autoscaler */
  const struct rs_node_type *types;
  uint32_t type_count;
  uint32_t *alive_of_type;
  struct launch *launches;
  uint32_t launch_count, launch_cap;
  uint64_t last_launch;
  uint64_t last_tick_at, idle_check_at;
  bool ever_ticked;
  /* services; NULL: never used */
  struct rs_kv *kv;
  struct rs_jobs *jobs;
  struct rs_ended *ended;
};

/* gcs.c */
struct gcs_node *rs_gcs_node_of(struct rs_gcs *g, rs_addr raylet); /* alive with this incarnation, or NULL */
void rs_gcs_refresh(struct rs_endpoint *ep, rs_node_id node);      /* the view's entry follows what we know */
void rs_gcs_declare_dead(struct rs_endpoint *ep, rs_node_id node, int reason);

/* gcs_actor.c */
bool rs_gcs_actor_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_gcs_actor_on_node_dead(struct rs_endpoint *ep, struct gcs_node *node);
void rs_gcs_actor_on_worker_down(struct rs_endpoint *ep, rs_addr worker);
void rs_gcs_actor_on_owner_down(struct rs_endpoint *ep, rs_addr owner);
void rs_gcs_actor_on_report(struct rs_endpoint *ep, struct gcs_node *node);
void rs_gcs_actor_schedule(struct rs_endpoint *ep);
void rs_gcs_actor_free_all(struct rs_gcs *g);
void rs_gcs_actor_settle(struct rs_endpoint *ep); /* what is due */
uint64_t rs_gcs_actor_deadline(const struct rs_endpoint *ep);
struct gcs_actor *rs_gcs_actor_of(const struct rs_gcs *g, struct rs_id id); /* NULL: none that lives */

/* gcs_watch.c */
void rs_gcs_watch_tell(struct rs_endpoint *ep, struct gcs_actor *actor, enum rs_actor_state state, int reason,
                       const struct rs_text *text); /* everybody who watches it */
void rs_gcs_watch_dead(struct rs_endpoint *ep, rs_addr who, struct rs_id id, uint64_t type, int reason,
                       const struct rs_text *text, struct rs_id other);
void rs_gcs_watch_answer(struct rs_endpoint *ep, struct gcs_actor *actor); /* those who asked: it lives */
void rs_gcs_watch_adopt(struct rs_endpoint *ep, struct gcs_actor *actor); /* those who have asked before it was there */
void rs_gcs_watch_forget(struct rs_gcs *g, struct gcs_actor *actor);
void rs_gcs_watch_on_down(struct rs_gcs *g, rs_addr who);
bool rs_gcs_watch_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_gcs_watch_settle(struct rs_endpoint *ep);
uint64_t rs_gcs_watch_deadline(const struct rs_endpoint *ep);
void rs_gcs_watch_free_all(struct rs_gcs *g);
uint64_t rs_gcs_name_key(const uint8_t *name, uint32_t name_bytes, const uint8_t *space, uint32_t space_bytes);

/* gcs_group.c */
struct gcs_groups *rs_gcs_group_new(void);
void rs_gcs_group_free_all(struct gcs_groups *groups);
bool rs_gcs_group_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_gcs_group_on_node_dead(struct rs_endpoint *ep, rs_addr raylet);
void rs_gcs_group_on_peer_down(struct rs_endpoint *ep, rs_addr peer); /* a process: an owner, or one that asked */
void rs_gcs_group_on_report(struct rs_gcs *g, rs_addr raylet);
void rs_gcs_group_deduct(const struct rs_gcs *g, rs_addr raylet, struct rs_res *left); /* what no report shows yet */
void rs_gcs_group_node_changed(struct rs_gcs *g, rs_node_id node);                     /* its entry in the view */
bool rs_gcs_group_on_node(const struct rs_gcs *g, rs_addr raylet);                     /* are there bundles? */
void rs_gcs_group_settle(struct rs_endpoint *ep);
uint64_t rs_gcs_group_deadline(const struct rs_gcs *g);
void rs_gcs_group_sanity_check(const struct rs_gcs *g);
struct rs_answer;
/* gcs_state.c: its row of ACTORS; of a dead one: `ended` is the own clock's time. */
struct rs_row *rs_gcs_actor_row(const struct rs_endpoint *ep, const struct gcs_actor *actor, enum rs_actor_state state,
                                int reason, const struct rs_text *text);
void rs_gcs_group_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_gcs_group_explain(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_gcs_group_demand_rows(struct rs_endpoint *ep, struct rs_answer *answer);
/* gcs_demand.c */
struct rs_row *rs_gcs_demand_row(const struct rs_endpoint *ep, unsigned kind, const struct rs_demand *demand);
void rs_gcs_demand_rows(struct rs_endpoint *ep, struct rs_answer *answer);

/* The node of a bundle for an actor whose demand is in a group. NEVER: *reason says why it cannot be. */
enum rs_pick rs_gcs_group_pick(struct rs_endpoint *ep, const struct rs_demand *demand, rs_node_id *node, int *reason);
void rs_gcs_group_actor_refused(struct rs_endpoint *ep, const struct rs_demand *demand);

uint32_t rs_gcs_group_waiting(const struct rs_gcs *g); /* groups that have bundles without a place */
void rs_gcs_group_demand(const struct rs_gcs *g,
                         void (*each)(void *ctx, const struct rs_bundles_request *missing, uint64_t topology_value),
                         void *ctx);

/* autoscaler.c */
void rs_autoscaler_on_host(struct rs_endpoint *ep, uint64_t request, bool up);
void rs_autoscaler_on_registered(struct rs_gcs *g, uint32_t node_type);
void rs_autoscaler_on_idle(struct rs_endpoint *ep, const struct gcs_node *node);
void rs_autoscaler_settle(struct rs_endpoint *ep);
uint64_t rs_autoscaler_deadline(const struct rs_endpoint *ep);

/* gcs_kv.c, gcs_job.c, gcs_ended.c */
struct rs_answer;
void rs_gcs_kv_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_m_kv *m);
void rs_gcs_kv_free(struct rs_gcs *g);
void rs_gcs_job_on_start(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_start *m);
void rs_gcs_job_on_env(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_env *m);
void rs_gcs_job_on_end(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_end *m);
void rs_gcs_job_on_driver_down(struct rs_endpoint *ep, rs_addr driver);
void rs_gcs_job_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_gcs_job_free(struct rs_gcs *g);
void rs_gcs_ended_on_events(struct rs_endpoint *ep, const struct rs_m_task_events *m);
void rs_gcs_ended_rows(struct rs_endpoint *ep, struct rs_answer *answer); /* TASKS, TASK_COUNTS */
void rs_gcs_ended_free(struct rs_gcs *g);

#endif
