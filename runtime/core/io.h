/* clang-format off */
/* io.h -- the boundary: one input in, effects out. Nothing else crosses it.
 *
 * The core is a set of state machines, called endpoints. It never calls a platform. A driver (libuv, SimGrid, a test, a
 * replay) owns the clock, the network, the processes, the bytes and the devices:
 *
 *     rs_endpoint_step(endpoint, now, &input, &effects);    one input in; effects appended in order
 *     perform effects.items[0 .. effects.count)             by the driver, after step has returned, in this order
 *     arm one alarm at rs_endpoint_deadline(endpoint)       then step with a TIMER input; RS_TIME_NEVER: none
 *
 * `now` is nanoseconds of the node's own clock and never goes back. Same start, same seed, same inputs: the same
 * effects, byte for byte, under every driver. An endpoint is not thread-safe: one step at a time.
 *
 * What every driver promises
 *   delivery   First in, first out for each (from, to) pair, at most once. Loss is a lost suffix, followed by PEER_DOWN to
 *              each end that is alive; after it messages of that pair belong to a new connection. SEND_FAILED says that no
 *              connection could be made; it does not mean that nothing was delivered before.
 *   sessions   A message to an address whose incarnation or endpoint is gone is never delivered to its successor: the
 *              sender gets SEND_FAILED.
 *   VIEW       A message of type RS_MSG_VIEW is a passive input: the driver may drop all but the newest that has arrived
 *              (only when it hands over the version by pointer), must deliver it before the endpoint's next other input,
 *              and need not wake the endpoint for it unless rs_endpoint_wants_view().
 *   alarms     A TIMER comes at the deadline or later, never before; after it or any other input the deadline is asked
 *              again. No progress depends on alarms finer than 1 ms.
 *   memory     While a raylet has leased workers (rs_endpoint_wants_memory) and its node uses more memory than rs_oom_threshold
 *              says, MEMORY_USE from the raylet's own address every memory_monitor_refresh_ms: what is used, and the memory
 *              that each worker process has for itself, also of those that are ending. A driver without memory says nothing.
 *   death      The end of a worker process reaches its raylet, and each endpoint that had a connection to it, as PEER_DOWN.
 *              Hosts that stop answering are found by the health check that the driver runs between the GCS and each
 *              raylet with the health_check_* settings: PEER_DOWN(raylet) at the GCS. Only the GCS declares a node dead.
 */
/* clang-format on */
#ifndef RS_CORE_IO_H
#define RS_CORE_IO_H

#include "base/rng.h"
#include "base/time.h"
#include "core/config.h"
#include "core/msg.h"
#include "policy/bundles.h"

struct rs_endpoint;
struct rs_call;
struct rs_reply;

/* ---- inputs ---- */

enum rs_input_kind {
  RS_IN_START,          /* first input of every endpoint, once */
  RS_IN_TIMER,          /* the deadline has come */
  RS_IN_MESSAGE,        /* from, msg */
  RS_IN_SEND_FAILED,    /* peer: a SEND to it could not be delivered */
  RS_IN_PEER_DOWN,      /* peer: its process has ended, or the connection broke, or the health check failed */
  RS_IN_TASK_FINISHED,  /* result: of an earlier TASK_RUN */
  RS_IN_TASK_FAILED,    /* result with a status: the function reported an error, or was killed */
  RS_IN_COPY_DONE,      /* object, status: of an earlier COPY or RESTORE; TIMED_OUT: nothing has come of a COPY for
                           object_manager_pull_timeout_ms */
  RS_IN_HOST_UP,        /* host: the provider started it (its raylet registers by itself) */
  RS_IN_HOST_DOWN,      /* host, peer: it could not be started (peer 0), or is gone */
  RS_IN_CALL,           /* call: from the local application */
  RS_IN_SPILL_DONE,     /* object, status: of an earlier SPILL, or CREATE on the disk */
  RS_IN_WORKER_PROCESS, /* peer, host: at a raylet: the number of a worker's process, before anything comes from it;
                           status: RS_PROCESS_RUNS, or how it ended: then PEER_DOWN follows. Nothing is decided by it,
                           and a driver without processes says nothing */
  RS_IN_KINDS
};

struct rs_input {
  enum rs_input_kind kind;
  rs_addr peer; /* MESSAGE: the sender */
  union {
    struct rs_msg *msg;         /* the driver keeps its reference; the core takes its own where it keeps it */
    struct rs_result *result;   /* likewise */
    const struct rs_call *call; /* likewise */
    struct rs_id object;        /* COPY_DONE, SPILL_DONE */
    uint64_t host;              /* number of the HOST_ADD request; WORKER_PROCESS: of the process */
  };
  int32_t status; /* COPY_DONE, SPILL_DONE; WORKER_PROCESS: RS_PROCESS_RUNS, an exit code, or minus a signal */
};

/* ---- effects ---- */

enum rs_effect_kind {
  RS_OUT_SEND,         /* to, msg */
  RS_OUT_SEND_MANY,    /* many, many_count, msg: the same message to each */
  RS_OUT_TASK_RUN,     /* task, gpus: run it on this endpoint's worker; ends in one TASK_FINISHED or TASK_FAILED */
  RS_OUT_TASK_KILL,    /* object: id of a running task; it still ends in TASK_FAILED (or FINISHED, if it was faster).
                          count 0: its process goes if it does not end in time; 1: it is only asked to end */
  RS_OUT_WORKER_START, /* to: start a worker process that plays this endpoint (it gets START, then says WORKER_READY) */
  RS_OUT_WORKER_STOP,  /* to: end that process; PEER_DOWN follows when it is gone */
  RS_OUT_COPY,         /* object, size, to, count (ON_DISK): fetch the object's bytes from that raylet's node into this
                        * node's store */
  RS_OUT_FREE,         /* object, size: drop the bytes in this node's store, in memory and on the disk */
  RS_OUT_HOST_ADD,     /* size: request number, count: node type index. HOST_UP or HOST_DOWN follows */
  RS_OUT_HOST_REMOVE,  /* to: raylet of the host to end */
  RS_OUT_REPLY,        /* reply: to the local application; the driver frees it with rs_reply_free */
  RS_OUT_EXIT,         /* this endpoint's process ends now (a raylet: the whole node) */
  RS_OUT_TRACE,        /* trace, a, b, c: see trace.def */
  RS_OUT_CREATE,       /* object, size, to, count (enum rs_create_flag): room in this node's store, for `to` to write */
  RS_OUT_SPILL,   /* object, size, a: write its bytes to the node's disk, into file number `a` (a batch shares one);
                   * SPILL_DONE follows; they stay in memory until EVICT */
  RS_OUT_RESTORE, /* object, size: read its bytes from the disk into memory; COPY_DONE follows */
  RS_OUT_EVICT,   /* object, size: drop the bytes in memory; the disk keeps them */
  RS_OUT_KINDS
};

/* SEALED: nobody writes it: it is what a program without bytes made (zeros), or is here already. ON_DISK: in a file
 * instead of memory, since there is no room; of a CREATE, SPILL_DONE follows when the file has been made. */
enum rs_create_flag { RS_CREATE_SEALED = 1, RS_CREATE_ON_DISK = 2 };

struct rs_effect {
  uint8_t kind;
  uint8_t trace;  /* enum rs_trace */
  uint32_t count; /* SEND_MANY: receivers; HOST_ADD: node type; TASK_RUN: devices (rs_gpu_mask) */
  union {
    rs_addr to;
    const rs_addr *many; /* the endpoint's own array, valid until its next step */
    uint64_t a;
  };
  union {
    struct rs_msg *msg;     /* one reference, which the driver takes over */
    struct rs_task *task;   /* likewise */
    struct rs_reply *reply; /* the driver's now */
    struct rs_id object;
    struct {
      uint64_t b, c;
    };
  };
  uint64_t size;
};

struct rs_effects {
  struct rs_effect *items;
  uint32_t count, cap;
};

/* Releases what the remaining items hold and empties the list (the array stays); free releases the array too. */
void rs_effects_clear(struct rs_effects *effects);
void rs_effects_free(struct rs_effects *effects);

enum rs_trace {
#define TRACE(name, decision, a, b, c) RS_TRACE_##name,
#include "core/trace.def"
#undef TRACE
  RS_TRACE_KINDS
};
const char *rs_trace_name(unsigned trace);
bool rs_trace_is_decision(unsigned trace);

/* ---- endpoints ---- */

enum { RS_ROLE_GCS = 1, RS_ROLE_RAYLET = 2, RS_ROLE_WORKER = 4, RS_ROLE_DRIVER = 8 };

/* A node type that the autoscaler may launch. */
struct rs_node_type {
  struct rs_node_info *info; /* what a node of this type registers; info->node_type is the index; not owned */
  uint32_t min_count, max_count;
  uint64_t idle_timeout_ms; /* 0: the setting autoscaler_idle_timeout_ms */
};

/* How an endpoint begins. Everything is copied or referenced by the endpoint; config and node_types must outlive it. */
struct rs_start {
  uint32_t roles; /* one of RS_ROLE_*; workers and drivers own tasks, workers also run them */
  rs_addr self;
  rs_addr gcs; /* the head's address */
  const struct rs_config *config;
  struct rs_node_info *info;             /* RAYLET: what the node has */
  const struct rs_node_type *node_types; /* GCS: for the autoscaler; NULL without one */
  uint32_t node_type_count;
  bool observer;     /* DRIVER: a program that only asks about the cluster: nothing is made ready for it */
  bool codec_forced; /* views are applied from deltas even where a pointer is at hand */
};

struct rs_endpoint *rs_endpoint_new(const struct rs_start *start);
void rs_endpoint_free(struct rs_endpoint *endpoint);

void rs_endpoint_step(struct rs_endpoint *endpoint, uint64_t now, const struct rs_input *input,
                      struct rs_effects *effects);
uint64_t rs_endpoint_deadline(const struct rs_endpoint *endpoint);
bool rs_endpoint_wants_view(const struct rs_endpoint *endpoint);
bool rs_endpoint_wants_memory(const struct rs_endpoint *endpoint); /* a raylet with leased workers: watch the memory */
/* A hint that it will soon be stepped, with this message where there is one: step is 2, then 1, then 0, each a while
 * after the one before, since each reads what the one before has asked for. endpoint and msg may be NULL. */
void rs_endpoint_prefetch(const struct rs_endpoint *endpoint, rs_addr from, const struct rs_msg *msg, unsigned step);
rs_addr rs_endpoint_self(const struct rs_endpoint *endpoint);

/* Work done since the last call, in deterministic units: inputs handled, nodes examined, objects scanned, messages
 * sent. */
struct rs_work {
  uint64_t inputs, nodes, objects, sends;
};
struct rs_work rs_endpoint_take_work(struct rs_endpoint *endpoint);

/* Checks every invariant of every role (tests and swarm mode call it after each step). Asserts. O(everything). */
void rs_endpoint_sanity_check(const struct rs_endpoint *endpoint);

/* ---- the local application ---- */

enum rs_call_kind {
  RS_CALL_SUBMIT,       /* tasks of one demand and strategy */
  RS_CALL_ACTOR_CREATE, /* tasks[0]: the creation task, flags RS_TASK_ACTOR_CREATE, actor == its id */
  RS_CALL_ACTOR_CALL,   /* tasks to task->actor, in order; actor_seq is filled in by the owner */
  RS_CALL_ACTOR_KILL,   /* object: the actor, of whoever; no_restart */
  RS_CALL_PUT,          /* object, size, inner: its bytes are in the node's store; or value: the owner keeps it */
  RS_CALL_GET,     /* object: its bytes are wanted; REPLY OBJECT with the value, or stored and pinned, or an error */
  RS_CALL_RELEASE, /* object: the application gives up one count of this reference */
  RS_CALL_CANCEL,  /* object: the task, or a return of it; force: kill it while it runs, if it is no actor's; recursive:
                      and what it has submitted */
  RS_CALL_WAIT,    /* object: REPLY OBJECT with `ready` once it is made (fetch_local: and here), or lost */
  RS_CALL_RETAIN,  /* object: one count more of this reference */
  RS_CALL_UNPIN,   /* object: the bytes that a GET pinned in the node's store are read no more */
  RS_CALL_BLOCKED, /* the task that runs here waits for an object: its CPU is free until UNBLOCKED */
  RS_CALL_UNBLOCKED,
  RS_CALL_CREATE,     /* object, size: room in the node's store to write it into; REPLY OBJECT when there is, or why not
                       * (OBJECT_EXISTS: the node has it). PUT, or for a return the end of its task, seals it */
  RS_CALL_ABORT,      /* object: an earlier CREATE will not be sealed */
  RS_CALL_ASK,        /* ask: a question to the GCS (KV, JOB_START, JOB_END, STATE_QUERY); REPLY ANSWER */
  RS_CALL_ACTOR_FIND, /* object: a number of our own; actor->name in actor->name_space: REPLY FOUND */
  RS_CALL_ACTOR_LIST, /* object: likewise; the named actors of actor->name_space; force: of all: REPLY FOUND */
  RS_CALL_YIELD,      /* in a task with STREAM; object: the task; value, or size and inner: its bytes are in the node's
                         store under the item's id. REPLY YIELD when the function may go on */
  RS_CALL_STREAM_NEXT,  /* object: a task with STREAM; REPLY NEXT. RELEASE it when no more items are wanted */
  RS_CALL_ACTOR_EXIT,   /* in a task of an actor: it ends once what runs has ended */
  RS_CALL_GROUP_CREATE, /* object: the group's id, from this owner's numbers; group_strategy, topology, group_name,
                           detached, bundles. REPLY GROUP each time its state changes */
  RS_CALL_GROUP_REMOVE, /* object: the group. What runs in it ends */
  RS_CALL_GROUP_GET,    /* object, or group_name: anybody's group; REPLY GROUP with its state, and when that changes */
  RS_CALL_FREE,         /* object: of whoever: its bytes go now, though others may need it. Not an actor */
  RS_CALL_KINDS
};

#define RS_ACTOR_NAME_MAX 255
#define RS_ACTOR_GROUPS_MAX 64
#define RS_RETRIES_OF_ACTOR (-2)

/* What else an actor may ask for. Zeroed is Ray's default: no name, ends with its creator or its last handle, one call
 * at a time, any number of calls that wait. */
struct rs_actor_opts {
  char name[RS_ACTOR_NAME_MAX + 1], name_space[RS_ACTOR_NAME_MAX + 1]; /* a name is taken once in its namespace */
  bool detached;              /* it outlives its creator: only a kill ends it */
  bool get_if_exists;         /* with a name that is taken: REPLY ACTOR (DEAD, NAME_TAKEN) tells in ids who has it */
  uint32_t max_pending_calls; /* of each caller, beyond them PENDING_CALLS; 0: no limit */
  uint32_t group_count;       /* concurrency groups; 0: one call at a time */
  struct {
    uint64_t name;  /* rs_name_hash; of the first, the default group, 0 */
    uint32_t limit; /* calls that run at a time, >= 1; of the first: Ray's max_concurrency */
  } groups[RS_ACTOR_GROUPS_MAX];
};

/* What the application asks of its owner. Sequence numbers are chosen by the application: each new task, actor or
 * object takes numbers above all earlier ones (a task takes 1 + return_count of them; an actor's creation task is its
 * id).
 *
 * References are counted for each object, own or of another owner (a borrower counts for itself): a PUT and the returns
 * of a task with RS_TASK_KEEP begin with one count; one that came in a value, in a result or in a task's arguments has
 * none, but stays alive while the value is held, or the task runs: RETAIN it in time to keep it. An object whose count
 * is 0 may not be asked for. docs/ownership.md has the whole. */
struct rs_call {
  enum rs_call_kind kind;
  uint8_t strategy; /* enum rs_strategy */
  bool no_restart, force, recursive, fetch_local;
  rs_node_id target;           /* of NODE_AFFINITY */
  int32_t max_retries;         /* of tasks: Ray's default is 3; -1: no limit. Of actor calls: Ray's max_task_retries, 0;
                                  RS_RETRIES_OF_ACTOR: what its creation said. Of an ACTOR_CREATE: that */
  int32_t max_restarts;        /* of an actor; -1: no limit */
  struct rs_demand demand;     /* to place it */
  struct rs_demand hold;       /* ACTOR_CREATE: what it keeps while it lives */
  struct rs_actor_opts *actor; /* ACTOR_CREATE: more about it, freed with the call; NULL: the defaults */
  struct rs_id object;
  uint64_t size_bytes;
  struct rs_value *value; /* of a PUT; one reference */
  uint32_t inner_count;   /* of a PUT without value: the references inside the object */
  struct rs_id *inner;    /* rs_alloc'ed, the call's */
  struct rs_msg *ask;     /* ASK: one reference; its `request` is the application's own number */
  uint8_t group_strategy; /* GROUP_CREATE: enum rs_group_strategy */
  bool detached;          /* GROUP_CREATE: it outlives this owner */
  bool no_capture;        /* SUBMIT, ACTOR_CREATE: not in the group of the task that runs here */
  uint64_t topology;      /* GROUP_CREATE: rs_name_hash of a label's key, or 0 */
  uint64_t group_name;    /* GROUP_CREATE, GROUP_GET: rs_name_hash of its name, or 0 */
  uint32_t bundle_count;
  struct rs_demand *bundles; /* rs_alloc'ed, the call's */
  uint32_t task_count;
  struct rs_task **tasks; /* the call holds one reference to each */
};

struct rs_call *rs_call_new(enum rs_call_kind kind, uint32_t task_count); /* zeroed; tasks[] to be filled in */
void rs_call_free(struct rs_call *call);

enum rs_actor_state { RS_ACTOR_PENDING, RS_ACTOR_ALIVE, RS_ACTOR_RESTARTING, RS_ACTOR_DEAD };

/* PENDING: no place yet, or lost and being placed again. CREATED: every bundle has its place. */
enum rs_group_state { RS_GROUP_PENDING, RS_GROUP_CREATED, RS_GROUP_RESCHEDULING, RS_GROUP_REMOVED };

/* What the state of a REPLY OBJECT says: nothing, or that the id is no object's, but that of an actor's handle or of a
 * stream. Its status is INVALID then. */
enum { RS_NO_OBJECT = 1 };

enum rs_reply_kind {
  RS_REPLY_TASK,   /* result: a task or actor call has ended for good, after all retries */
  RS_REPLY_ACTOR,  /* id, state, node; DEAD: status says why, OK when it ended by itself or without handles */
  RS_REPLY_OBJECT, /* id, status, size: after PUT, GET, WAIT, CREATE, or when an object is lost */
  RS_REPLY_ANSWER, /* answer: to an ASK. None comes once the head is gone, with which the cluster ends */
  RS_REPLY_FOUND,  /* id: the call's object; ids: the actor, or none (NO_ACTOR). Of a LIST: those that have names;
                      result: in data the namespace and the name of each, both with a final 0 */
  RS_REPLY_GROUP,  /* id, state (enum rs_group_state), status (why it is gone), name, nodes of its bundles */
  RS_REPLY_YIELD, /* id: the task; size: items so far; status OK: go on; CANCELLED: end; TOO_LARGE: that is one too many
                   */
  RS_REPLY_NEXT,  /* id: the task; ids: its next item, with one count for the application; none and OK: it has ended;
                     none and a status: it failed here, and result says why; after that it has ended */
  RS_REPLY_KINDS
};

struct rs_reply {
  enum rs_reply_kind kind;
  struct rs_id id;
  int32_t status;
  uint8_t state; /* enum rs_actor_state, enum rs_group_state; OBJECT: 0 or RS_NO_OBJECT */
  bool stored;   /* OBJECT, of a GET: the bytes are in this node's store, pinned until RS_CALL_UNPIN */
  bool ready;    /* OBJECT: the answer to a WAIT */
  rs_addr node;  /* raylet of the node where the task ran or the actor lives */
  uint64_t size_bytes;
  struct rs_result *result; /* TASK: what came of it. OBJECT with an error: its text, or NULL. ACTOR, restarting or
                               dead: why. FOUND: the names. One reference */
  struct rs_value *value;   /* OBJECT, of a GET: the bytes of a small one; one reference */
  uint32_t id_count;
  struct rs_id
      *ids; /* references inside the object: the value's, or with `stored` the reply's own. ACTOR, FOUND: actors */
  struct rs_msg *answer; /* ANSWER: one reference (KV_REPLY, JOB_REPLY, STATE_REPLY); NULL otherwise */
  uint64_t name;         /* GROUP: rs_name_hash of its name, or 0 */
  uint32_t node_count;
  rs_addr *nodes; /* GROUP: the raylet of each bundle, RS_ADDR_NONE without a place; the reply's own */
};
void rs_reply_free(struct rs_reply *reply);

#endif
