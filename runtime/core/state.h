/* state.h -- questions about what a cluster is doing, and how their answers are gathered.
 *
 * Whoever wants to know (an owner, by a call ASK) sends STATE_QUERY to the GCS. It answers from its own tables, and
 * passes the question on to the raylets, these to the owners of their node where these know more (tasks, objects). Each
 * adds at most `limit` rows that pass the filters and the number of all that do. An endpoint that does not answer
 * within state_query_timeout_ms, or is gone, is left out: `asked` and `answered` tell.
 *
 * A question's cost is one pass over the tables of the kind in question, at each endpoint that has some.
 */
#ifndef RS_CORE_STATE_H
#define RS_CORE_STATE_H

#include "core/endpoint.h"

enum rs_state_kind {
#define STATE(NAME, name, text) RS_STATE_##NAME,
#define COL(type, name)
#define END
#include "core/state.def"
#undef STATE
#undef COL
#undef END
  RS_STATE_KINDS
};

/* Places of the columns: RS_COL_<KIND>_<name>, and their number. */
#define STATE(NAME, name, text)                                                                                        \
  struct rs_columns_##name {                                                                                           \
    char
#define COL(type, name) name,
#define END                                                                                                            \
  end;                                                                                                                 \
  }                                                                                                                    \
  ;
#include "core/state.def"
#undef STATE
#undef COL
#undef END
#define RS_COL(kind, column) ((unsigned)offsetof(struct rs_columns_##kind, column))
#define RS_COLS(kind) RS_COL(kind, end)

enum rs_job_state { RS_JOB_RUNNING, RS_JOB_SUCCEEDED, RS_JOB_FAILED, RS_JOB_LOST };
enum rs_worker_state { RS_WORKER_STARTING, RS_WORKER_IDLE, RS_WORKER_LEASED, RS_WORKER_ACTOR };
enum rs_task_state {                                  /* Ray's */
                     RS_TASK_PENDING_ARGS_AVAIL,      /* its arguments are not made yet */
                     RS_TASK_PENDING_NODE_ASSIGNMENT, /* it waits for a worker */
                     RS_TASK_PENDING_ACTOR,           /* a call: its actor is not alive, or the calls before it wait */
                     RS_TASK_SUBMITTED_TO_WORKER,     /* behind others at a worker */
                     RS_TASK_RUNNING,
                     RS_TASK_PENDING_RETRY, /* tried again in a moment */
                     RS_TASK_FINISHED,
                     RS_TASK_FAILED_FOR_GOOD,
                     RS_TASK_STATES
};
/* SPILLED: no owner says it; who asks finds it by the copies, all of which are on disks. */
enum rs_object_state { RS_OBJECT_PENDING, RS_OBJECT_INLINE, RS_OBJECT_STORED, RS_OBJECT_GONE, RS_OBJECT_SPILLED };
enum rs_wait_kind { RS_WAIT_KIND_TASK, RS_WAIT_KIND_ACTOR, RS_WAIT_KIND_GROUP };
enum rs_copy_state { RS_COPY_QUEUED, RS_COPY_PULLING, RS_COPY_HERE, RS_COPY_SPILLED };

/* Why something waits. `on` is what it waits for. */
enum rs_wait_reason {
  RS_WAIT_NOT,      /* it runs, or is pushed: nothing to wait for but the worker */
  RS_WAIT_ENDED,    /* unknown to its owner: it has ended, or never was */
  RS_WAIT_ARG,      /* an argument `on` is not made yet */
  RS_WAIT_LEASE,    /* `raylet` has its request for a lease, number `request` */
  RS_WAIT_TURN,     /* behind `count` tasks of the same kind, which have asked for all leases that they may */
  RS_WAIT_RETRY,    /* it is tried again in a moment */
  RS_WAIT_ACTOR,    /* its actor `on` is not alive yet */
  RS_WAIT_FETCH,    /* at its raylet: `count` arguments are on their way there */
  RS_WAIT_QUEUE,    /* at its raylet: behind `count` requests; see the verdicts */
  RS_WAIT_WORKER,   /* granted: a worker process is being started */
  RS_WAIT_PLACE,    /* an actor: the GCS has found no node; see the verdicts */
  RS_WAIT_CREATION, /* an actor: its creation task runs */
  RS_WAIT_GROUP,    /* a placement group: `count` bundles have no place; see the verdicts about one of them */
  RS_WAIT_OBJECTS   /* an actor: objects that its creation reads are not made yet */
};

enum rs_verdict {
  RS_VERDICT_FITS,       /* now: its score tells how well */
  RS_VERDICT_BUSY,       /* `need` of a resource, of which `have` are left */
  RS_VERDICT_INFEASIBLE, /* `need` of a resource, of which the node has `have` in all */
  RS_VERDICT_LABELS,     /* its labels do not match; need: the selector's place */
  RS_VERDICT_DRAINING,
  RS_VERDICT_DEAD,
  RS_VERDICT_AFFINITY, /* the task is bound to another node */
  RS_VERDICT_POLICY,   /* there is room, but the policy does not want it there now */
  RS_VERDICT_ARGS      /* there is room, but arguments of other tasks take up the store's share */
};
enum rs_resource {
  RS_RESOURCE_NONE,
  RS_RESOURCE_CPU,
  RS_RESOURCE_MEMORY,
  RS_RESOURCE_STORE,
  RS_RESOURCE_GPU,
  RS_RESOURCE_CUSTOM
};

#define RS_STATE_ROWS_MAX 100000u /* in one answer */

/* ---- gathering: state.c ---- */

struct rs_state; /* the questions under way at an endpoint; NULL while there are none */

/* True: the message was one of ours. */
bool rs_state_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
void rs_state_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_state_settle(struct rs_endpoint *ep);
uint64_t rs_state_deadline(const struct rs_endpoint *ep);
void rs_state_free(struct rs_endpoint *ep);

/* What an endpoint puts its rows into. */
struct rs_answer {
  const struct rs_m_state_query *query;
  struct rs_row **rows;
  uint32_t count, cap;
  uint64_t total;
};

/* Adds a row, where it passes the filters and there is room. Takes over the reference. */
void rs_answer_add(struct rs_answer *answer, struct rs_row *row);

/* True: nothing but the number of further rows matters, and `count` were added to it. */
bool rs_answer_only_count(struct rs_answer *answer, uint64_t count);

/* ---- who knows what: gcs_state.c, raylet_state.c, owner_state.c ---- */

void rs_gcs_state_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_raylet_state_rows(struct rs_endpoint *ep, struct rs_answer *answer);
void rs_owner_state_rows(struct rs_endpoint *ep, struct rs_answer *answer);

/* owner_events.c: tasks that have ended and are not told yet. `state` of any task; times of the own clock. */
struct owned_task;
struct rs_row *rs_owner_task_row(const struct rs_endpoint *ep, const struct owned_task *t, enum rs_task_state state,
                                 const uint8_t *error, uint32_t error_bytes);
void rs_owner_events_rows(struct rs_endpoint *ep, struct rs_answer *answer);

/* The owners of a raylet's node; borrowed. */
const rs_addr *rs_raylet_owners(const struct rs_endpoint *ep, uint32_t *count);
const rs_addr *rs_gcs_raylets(const struct rs_endpoint *ep, uint32_t *count);

/* ---- verdicts: explain.c ---- */

struct rs_explain {
  const struct rs_config *config;
  const struct rs_demand *demand;
  uint8_t strategy;
  rs_node_id target, local; /* local: that decides, or RS_NODE_NONE */
};

/* A row of VERDICTS for each node of the view that is not gone. */
void rs_explain_nodes(const struct rs_explain *explain, const struct rs_view *view, struct rs_answer *answer);

#endif
