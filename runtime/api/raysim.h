/* raysim.h -- the C API of raysim: functions and actors that run on a cluster of processes, and the objects between
 * them.
 *
 * One file is a whole program:
 *
 *     #include <raysim.h>
 *     #include <stdio.h>
 *
 *     static int add(struct raysim_context *context)
 *     {
 *       const int *a = raysim_arg(context, 0, NULL), *b = raysim_arg(context, 1, NULL);
 *       int sum = *a + *b;
 *       return raysim_return(context, 0, &sum, sizeof sum);
 *     }
 *     void raysim_register_functions(void) { raysim_register("add", add); }
 *
 *     int main(void)
 *     {
 *       struct raysim *ray;
 *       if (raysim_init(NULL, &ray) != 0) return fprintf(stderr, "%s\n", raysim_last_error()), 1;
 *       int one = 1, two = 2;
 *       raysim_ref three = raysim_submit(ray, "add", RAYSIM_ARGS(RAYSIM_VALUE(one), RAYSIM_VALUE(two)), NULL);
 *       raysim_ref four = raysim_submit(ray, "add", RAYSIM_ARGS(raysim_object(three), RAYSIM_VALUE(one)), NULL);
 *       struct raysim_value value;
 *       if (raysim_get(ray, four, RAYSIM_FOREVER, &value) == 0) printf("%d\n", *(const int *)value.bytes);
 *       raysim_value_free(&value);
 *       raysim_release(ray, three);
 *       raysim_release(ray, four);
 *       raysim_shutdown(ray);
 *     }
 *
 * The manual for newcomers is docs/c-api.md; programs to read are in examples/.
 *
 * Errors    Functions that can fail return 0 or a negative RAYSIM_ERR_ number (raysim_error_text says what it means);
 *           those that return a reference return none (raysim_is_none). raysim_last_error() has one line about what
 *           went wrong in this thread's last call that failed by the caller's fault. Why a task failed is in its
 *           value: struct raysim_error.
 *
 * Threads   Every function may be called from any thread at any time, but for raysim_init, raysim_shutdown and the
 *           raysim_register family. What a pointer argument points to is read during the call only, unless it says
 *           more.
 *
 * Times     Milliseconds; RAYSIM_FOREVER (-1): no limit; 0: only what is so now.
 *
 * Zeros     In every structure of options a field that is zero (or NULL) means Ray's default. Where zero itself must be
 *           said, RAYSIM_NONE (-1) says it.
 */
#ifndef RAYSIM_H
#define RAYSIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct raysim;         /* a connection to a cluster */
struct raysim_context; /* a running task, seen from its function */

enum { RAYSIM_FOREVER = -1, RAYSIM_NONE = -1, RAYSIM_UNLIMITED = -2 };

/* ---- references ---- */

/* An object: what a task returns or what was put. All zeros: none. An id of 28 bytes, as Ray has them; a plain value
 * that may be copied and compared with memcmp. Who got one from raysim_submit, raysim_put and the like holds it until
 * raysim_release; an object goes when nobody holds it, no task reads it and no living object contains it. */
typedef struct raysim_ref {
  uint8_t id[28];
} raysim_ref;

/* An actor's handle: a reference like others (release it, send it inside values), with a type of its own. */
typedef struct raysim_actor {
  raysim_ref ref;
} raysim_actor;

enum { RAYSIM_HEX_SIZE = 57 }; /* 56 digits and the final 0 */

int raysim_is_none(raysim_ref ref);
int raysim_ref_equal(raysim_ref a, raysim_ref b);
char *raysim_ref_hex(raysim_ref ref, char hex[RAYSIM_HEX_SIZE]); /* returns hex */
int raysim_ref_parse(const char *hex, raysim_ref *ref);          /* 0, or RAYSIM_ERR_INVALID */

void raysim_retain(struct raysim *ray, raysim_ref ref); /* one more raysim_release is needed */
void raysim_release(struct raysim *ray, raysim_ref ref);

/* Drops the bytes of objects now, on every node, though others may still hold them: whoever asks for one from then on,
 * and a task that is still to read it, gets RAYSIM_ERR_OBJECT_FREED. It is not made again. What its task has not
 * returned yet goes when it comes. Values that were got, and arguments of tasks that run, stay as they are; so does a
 * small value that another process has got already. References are still to be released. An actor's handle is left
 * alone. Of objects of another process that one is told: those who ask it later learn of it. 0, or an error. */
int raysim_free(struct raysim *ray, const raysim_ref *refs, size_t count);

/* ---- errors ---- */

enum raysim_error_code {
  RAYSIM_OK = 0,
  RAYSIM_ERR_WORKER_CRASHED = -1,
  RAYSIM_ERR_NODE_DIED = -2,
  RAYSIM_ERR_ACTOR_DIED = -3,
  RAYSIM_ERR_TASK_FAILED = -4, /* the function itself reported it */
  RAYSIM_ERR_OBJECT_LOST = -5,
  RAYSIM_ERR_CANCELLED = -6,
  RAYSIM_ERR_INFEASIBLE = -7,
  RAYSIM_ERR_NO_ROOM = -8,
  RAYSIM_ERR_REFUSED = -9,
  RAYSIM_ERR_TOO_LARGE = -12,
  RAYSIM_ERR_UNKNOWN_FUNCTION = -13,
  RAYSIM_ERR_STORE_FULL = -14,
  RAYSIM_ERR_NAME_TAKEN = -15,
  RAYSIM_ERR_TIMED_OUT = -16,
  RAYSIM_ERR_PEER_LOST = -17,     /* the cluster is gone */
  RAYSIM_ERR_OWNER_DIED = -18,    /* the process that made the object, and with it the object */
  RAYSIM_ERR_DISK_FULL = -22,     /* and the object store too */
  RAYSIM_ERR_PENDING_CALLS = -26, /* max_pending_calls */
  RAYSIM_ERR_ACTOR_UNAVAILABLE =
      -27, /* it broke off under the call, which may have run; the actor lives, or restarts */
  RAYSIM_ERR_NO_ACTOR = -28,
  RAYSIM_ERR_UNKNOWN_GROUP = -29, /* the actor has no such concurrency group */
  RAYSIM_ERR_GROUP_REMOVED = -30,
  RAYSIM_ERR_GROUP_UNKNOWN = -31,
  RAYSIM_ERR_GROUP_TOO_SMALL = -33, /* no bundle of the placement group could ever hold it */
  RAYSIM_ERR_OUT_OF_MEMORY = -34,   /* the node was short of memory */
  RAYSIM_ERR_RUNTIME_ENV = -35,     /* the environment of the task could not be set up */
  RAYSIM_ERR_NOT_FOUND = -36,
  RAYSIM_ERR_INVALID = -38,      /* an argument of the call; raysim_last_error() says which */
  RAYSIM_ERR_INTERRUPTED = -39,  /* by raysim_interrupt */
  RAYSIM_ERR_OBJECT_FREED = -40, /* by raysim_free */
  RAYSIM_ERR_WORKER_START = -44, /* no worker process could be started */
};

const char *raysim_error_text(int error);
const char *raysim_last_error(void); /* of this thread; "" where there was none */

/* Why there is no value. It travels through dependencies: a task whose argument failed fails with the argument's error.
 */
struct raysim_error {
  int code;             /* enum raysim_error_code */
  const char *message;  /* what the function said, or what happened to it */
  const char *function; /* whose error it is, "Class.method" of a call; "" where that is not known */
  const char *name;     /* the task's own name, or the function's */
  raysim_ref task;      /* its task */
  uint32_t node;        /* where it ran, by number; UINT32_MAX: nowhere */
  int pid;              /* of its process; 0: not known */
  int retries;          /* tries before the last one */
};

/* ---- beginning and ending ---- */

struct raysim_resource {
  const char *name;
  double amount;
};
struct raysim_label {
  const char *key, *value;
};

struct raysim_options {
  /* NULL: starts a cluster of processes that ends with this program. "auto": the newest running one of this user on
   * this host, or $RAYSIM_SESSION. Otherwise the folder of its session, or HOST:PORT of its head, as `raysim start
   * --head` prints it: the session must be on this host. */
  const char *address;
  /* Functions for the workers, a shared library that defines raysim_register_functions. With `address` a node that does
   * not have it under its path gets it from this program; otherwise each must have it. NULL: a cluster that is started
   * has the functions of this very program, where it defines or registers some before raysim_init: its processes are
   * this program again, up to its first raysim_init, which does not return in them. One that runs already has the
   * library that it was started with. */
  const char *load;
  const char *name_space; /* of the names of this job's actors, for its tasks too; NULL: one of its own */
  const struct raysim_runtime_env *runtime_env; /* of all tasks and actors of this program; NULL: none */
  /* Of each node of a cluster that is started (with an address they are refused, as in Ray): */
  uint32_t nodes;  /* 0: 1 */
  double num_cpus; /* logical; 0: those that this program may use (its affinity and its control group's quota) */
  int num_gpus;
  uint64_t memory_bytes, object_store_bytes;
  const struct raysim_resource *resources; /* custom ones */
  size_t resource_count;
  const struct raysim_label *labels;
  size_t label_count;
  /* Of a cluster that is started: NAME=VALUE, as `raysim list settings` has them; Ray's _system_config. Those before
   * are the variables RAYSIM_<name> of the environment, as Ray's RAY_<name>. */
  const char *const *settings;
  size_t setting_count;
};

/* 0, or negative; then *ray is NULL and raysim_last_error() has one line about it. NULL options: all defaults. */
int raysim_init(const struct raysim_options *options, struct raysim **ray);
void raysim_shutdown(struct raysim *ray); /* NULL is fine. What it started ends; other threads must be out of it */

/* Every call that is waiting ends with RAYSIM_ERR_INTERRUPTED. May be called from a signal handler. */
void raysim_interrupt(struct raysim *ray);

/* ---- values and arguments ---- */

/* Bytes together with the references inside them: what is put, returned and given by value. */
struct raysim_data {
  const void *bytes;
  size_t size;
  const raysim_ref *refs;
  size_t ref_count;
};

/* An argument of a task: a value, or an object whose value the function is to read, which the task waits for. */
struct raysim_argument {
  struct raysim_data value;
  raysim_ref object; /* none: by value */
};

static inline struct raysim_argument raysim_bytes(const void *bytes, size_t size)
{
  struct raysim_argument arg = {{bytes, size, NULL, 0}, {{0}}};
  return arg;
}
/* The function gets the object's value. */
static inline struct raysim_argument raysim_object(raysim_ref ref)
{
  struct raysim_argument arg = {{NULL, 0, NULL, 0}, {{0}}};
  arg.object = ref;
  return arg;
}
/* The function gets the reference itself: an object that it may get, pass on or keep. `ref` must live during the call.
 */
static inline struct raysim_argument raysim_reference(const raysim_ref *ref)
{
  struct raysim_argument arg = {{NULL, 0, ref, 1}, {{0}}};
  return arg;
}
#define RAYSIM_VALUE(variable) raysim_bytes(&(variable), sizeof(variable))
#ifndef __cplusplus
/* Both parameters `args, arg_count` of raysim_submit and raysim_call. */
#define RAYSIM_ARGS(...)                                                                                               \
  (const struct raysim_argument[]){__VA_ARGS__},                                                                       \
      sizeof((const struct raysim_argument[]){__VA_ARGS__}) / sizeof(struct raysim_argument)
#endif

/* ---- what tasks and actors ask for ---- */

/* A placement group: a plain value, as a reference is, that may be sent to other processes as bytes. */
typedef struct raysim_group {
  uint8_t id[28];
} raysim_group;

enum raysim_strategy_kind {
  RAYSIM_DEFAULT = 0, /* pack until half full, then spread */
  RAYSIM_SPREAD,
  RAYSIM_NODE_AFFINITY,   /* `node`, or another one where `soft` and that one is gone or has no room */
  RAYSIM_PLACEMENT_GROUP, /* in `group`, in `bundle` of it */
  RAYSIM_NO_GROUP         /* as DEFAULT, but not in the group of the task that submits it (see `capture`) */
};
#define RAYSIM_BUNDLE(index) ((index) + 1)
struct raysim_strategy {
  enum raysim_strategy_kind kind;
  uint32_t node;
  int soft;
  raysim_group group;
  int bundle;  /* 0: any; or RAYSIM_BUNDLE(index) */
  int capture; /* 1: what the task (the actor) submits goes into the group too, unless it has a strategy of its own */
};

enum raysim_label_rule_kind { RAYSIM_LABEL_IN = 0, RAYSIM_LABEL_NOT_IN, RAYSIM_LABEL_EXISTS, RAYSIM_LABEL_NOT_EXISTS };
struct raysim_label_rule {
  const char *key, *value; /* value: of IN and NOT_IN */
  enum raysim_label_rule_kind kind;
  unsigned fallback; /* 0: the first choice; rules of 1, 2, ... hold where no node of an earlier choice has room */
};

/* What the process of a task or actor finds: variables, and the folder that it is in. A worker has one environment for
 * all its life. What a task or actor asks for is laid over that of the task that submits it, or of the program
 * (raysim_options): its variables replace those of the same name, its folder the other one. */
struct raysim_runtime_env {
  const char *const *env_vars; /* NAME=VALUE */
  size_t env_var_count;
  /* A folder of this host. At its first use by this program it is packed, at most 250 MiB, without ".git" and what
   * `excludes` or its own file .raysimignore names; each node unpacks it once, and tasks run in that copy, which is
   * removed when the program has ended. NULL: where the cluster was started. */
  const char *working_dir;
  const char *const *excludes; /* patterns as of fnmatch, for paths in the folder or their last part */
  size_t exclude_count;
  int working_dir_in_place; /* 1: the folder, an absolute path, is used where it is: each node must have it */
};

/* Amounts of a task, or of an actor. */
struct raysim_demand {
  /* 0: 1; RAYSIM_NONE: none. Of an actor 0: 1 to place it and none while it lives; or 1 while it lives too, where it
   * asks for GPUs or custom resources. */
  double num_cpus;
  double num_gpus; /* a fraction of one, or a whole number */
  uint64_t memory_bytes;
  const struct raysim_resource *resources;
  size_t resource_count;
  const struct raysim_label_rule *labels; /* the node must match each; several INs of one key: any of their values */
  size_t label_count;
  int labels_soft; /* 1: any other node will do in the end */
  struct raysim_strategy strategy;
  const struct raysim_runtime_env *runtime_env; /* NULL: that of the task that submits, or of the program */
};

/* ---- tasks ---- */

struct raysim_task_options {
  struct raysim_demand demand;
  int num_returns;      /* 0: 1; RAYSIM_NONE: none; at most 64 */
  int max_retries;      /* after the death of a worker or node: 0: 3; RAYSIM_NONE; RAYSIM_UNLIMITED */
  int retry_exceptions; /* 1: the function's own errors are retried too */
  const char *name;     /* what people see of it: in lists, errors, before its output. NULL: the function's name */
};

/* Submits a task. Returns its first return; none when the call is wrong, and likewise where num_returns is RAYSIM_NONE:
 * there raysim_submit_many tells the one from the other. NULL options: the defaults. */
raysim_ref raysim_submit(struct raysim *ray, const char *function, const struct raysim_argument *args, size_t arg_count,
                         const struct raysim_task_options *options);

/* The same for `task_count` tasks with the same arguments, at less cost, and for more than one return: refs has room
 * for task_count x num_returns, those of one task together. */
int raysim_submit_many(struct raysim *ray, const char *function, const struct raysim_argument *args, size_t arg_count,
                       const struct raysim_task_options *options, size_t task_count, raysim_ref *refs);

enum { RAYSIM_FORCE = 1, RAYSIM_NOT_RECURSIVE = 2 };

/* Cancels the task that makes this object, or the call: one that waits ends at once, one that runs sees
 * raysim_cancelled, and its waits end; with RAYSIM_FORCE its process is ended a second later, if it has not returned by
 * then. Its children are cancelled too, unless RAYSIM_NOT_RECURSIVE. Its value becomes RAYSIM_ERR_CANCELLED, whatever
 * it returns, unless it was faster; a task that has ended stays as it is. INVALID: RAYSIM_FORCE with a call of an actor
 * that has not ended, or an actor's handle. */
int raysim_cancel(struct raysim *ray, raysim_ref ref, int flags);

/* ---- objects ---- */

/* Copies the bytes into a new object; none where there is no room. */
raysim_ref raysim_put(struct raysim *ray, const void *bytes, size_t size);
raysim_ref raysim_put_data(struct raysim *ray, const struct raysim_data *data);

/* Room of the object store, to be written in place and sealed: then it is an object, and must not be written again.
 * What a task creates and does not seal is discarded at its end; an actor may keep it from call to call. */
struct raysim_buffer {
  void *bytes;
  size_t size;
  uint64_t held[2]; /* the library's own */
};
int raysim_create(struct raysim *ray, size_t size, int64_t timeout_ms, struct raysim_buffer *buffer);
raysim_ref raysim_seal(struct raysim *ray, struct raysim_buffer *buffer, const raysim_ref *refs, size_t ref_count);
void raysim_discard(struct raysim *ray, struct raysim_buffer *buffer); /* instead of raysim_seal */

/* A value, read in place: bytes and refs stay as they are until raysim_value_free. Aligned to 8 bytes; large ones
 * to 64. The references inside are held that long; raysim_retain keeps one longer. After raysim_shutdown it is still to
 * be freed, and until then errors, refs and bytes can be read; but not bytes that are in the object store, which are
 * all values of more than max_direct_call_object_size (100 KiB) and may be smaller ones, where raysim_create made them.
 */
struct raysim_value {
  const void *bytes;
  size_t size;
  const raysim_ref *refs;
  size_t ref_count;
  const struct raysim_error *error; /* why there is no value; NULL where there is */
  void *held[3];                    /* the library's own */
};

/* Waits for the object and reads it. 0, or why there is no value: the code of value->error, or RAYSIM_ERR_TIMED_OUT,
 * RAYSIM_ERR_INTERRUPTED, RAYSIM_ERR_PEER_LOST. Within a task it gives the task's CPUs back while it waits, and ends
 * with RAYSIM_ERR_CANCELLED when that task is cancelled, as raysim_wait and raysim_next do. */
int raysim_get(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value);

/* The same for several at once; each values[i] is to be freed, whatever is returned: 0, or the first error. */
int raysim_get_many(struct raysim *ray, const raysim_ref *refs, size_t count, int64_t timeout_ms,
                    struct raysim_value *values);
void raysim_value_free(struct raysim_value *value);

/* Gets without waiting: `done` is called once, with a value that it has to free, on a thread of the library that calls
 * one `done` after the other, in the order in which values come. It may call every function, also ones that wait; but
 * the next `done` waits too. */
typedef void (*raysim_get_done)(void *context, int status, struct raysim_value *value);
int raysim_get_async(struct raysim *ray, raysim_ref ref, raysim_get_done done, void *context);

enum { RAYSIM_NO_FETCH = 1 }; /* ready: made somewhere; otherwise: it, or its error, can be read here at once */

/* Waits until num_returns of the objects are ready, or for the time limit. Returns how many are (at most num_returns),
 * and sets ready[i] to 1 for these, the first ones in the given order, and to 0 for others. Each reference must be
 * given once. Negative: an error. */
int raysim_wait(struct raysim *ray, const raysim_ref *refs, size_t count, size_t num_returns, int64_t timeout_ms,
                int flags, uint8_t *ready);

/* ---- actors ---- */

struct raysim_concurrency_group {
  const char *name;
  int max_concurrency;
};

struct raysim_actor_options {
  struct raysim_demand demand;
  int max_restarts;       /* 0: none; RAYSIM_UNLIMITED */
  int max_task_retries;   /* of calls, when the actor dies under them; 0: none; RAYSIM_UNLIMITED */
  const char *name;       /* unique in its name space, as long as the actor lives; NULL: none */
  const char *name_space; /* NULL: the job's, as raysim_options says (in a detached actor: the actor's) */
  int get_if_exists;      /* 1: where the name is taken, that actor; otherwise there is none then */
  int detached;           /* 1: it outlives this program and every handle: only raysim_kill ends it */
  int max_concurrency;    /* calls that run at a time, on threads of its process; 0: 1; of an async one: 1000 */
  int async;              /* 1: on one thread, function after function; calls go on until raysim_complete */
  const struct raysim_concurrency_group *groups; /* more queues of calls, that wait for nobody else */
  size_t group_count;
  uint32_t max_pending_calls; /* of each caller; one more fails with PENDING_CALLS; 0: no limit */
};

/* Makes an actor of a registered class; the arguments go to its `create`. None when the call is wrong, or the name is
 * taken (a name is waited for; the rest of the creation is not). It ends when the program ends that made it, when its
 * last handle is released (then it still does what was asked of it), by raysim_kill or raysim_actor_exit. Calls to one
 * that is dead fail with RAYSIM_ERR_ACTOR_DIED, and the message says how it died. */
raysim_actor raysim_actor_create(struct raysim *ray, const char *type, const struct raysim_argument *args,
                                 size_t arg_count, const struct raysim_actor_options *options);

struct raysim_call_options {
  int num_returns;      /* as of a task */
  int max_task_retries; /* 0: as the actor was created */
  int retry_exceptions;
  const char *concurrency_group; /* NULL: the actor's own queue */
  const char *name;              /* as of a task */
};

/* Calls a method. The calls of one process to an actor (to one of its concurrency groups) begin in order, and where
 * one runs at a time also run in it. Returns the first return, or none, as raysim_submit does. */
raysim_ref raysim_call(struct raysim *ray, raysim_actor actor, const char *method, const struct raysim_argument *args,
                       size_t arg_count, const struct raysim_call_options *options);
int raysim_call_many(struct raysim *ray, raysim_actor actor, const char *method, const struct raysim_argument *args,
                     size_t arg_count, const struct raysim_call_options *options, size_t call_count, raysim_ref *refs);

enum { RAYSIM_MAY_RESTART = 1 };

/* Ends the actor's process at once, also what it is doing; it does not come back, unless RAYSIM_MAY_RESTART. */
int raysim_kill(struct raysim *ray, raysim_actor actor, int flags);

/* The actor with this name; none where there is none (raysim_last_error). Such a handle keeps nothing alive. NULL
 * name_space: as in raysim_actor_options. */
raysim_actor raysim_actor_find(struct raysim *ray, const char *name, const char *name_space);

enum { RAYSIM_ALL_NAME_SPACES = 1 };
struct raysim_actor_name {
  raysim_actor actor;
  const char *name_space, *name;
};
/* The actors of a name space that have names, in order of creation. How many, or an error; free *list in any case. */
int64_t raysim_actor_list(struct raysim *ray, const char *name_space, int flags, struct raysim_actor_name **list);
void raysim_actor_list_free(struct raysim_actor_name *list);

/* ---- streams: tasks whose values come one by one ---- */

typedef struct raysim_stream {
  raysim_ref ref; /* of the stream, which is no object */
} raysim_stream;

/* The function hands its values over with raysim_yield. With backpressure N it waits while N of them are unread; 0: it
 * never waits. When a worker dies the task is tried again as others are, and no value comes twice. num_returns of the
 * options means nothing here. */
raysim_stream raysim_submit_stream(struct raysim *ray, const char *function, const struct raysim_argument *args,
                                   size_t arg_count, const struct raysim_task_options *options, uint32_t backpressure);
raysim_stream raysim_call_stream(struct raysim *ray, raysim_actor actor, const char *method,
                                 const struct raysim_argument *args, size_t arg_count,
                                 const struct raysim_call_options *options, uint32_t backpressure);

/* Waits for the next value: 1 and its reference (to be released); 0: there are no more; or an error: once the one with
 * which the task ended (raysim_last_error says more), or TIMED_OUT, INTERRUPTED. One thread at a time for a stream. */
int raysim_next(struct raysim *ray, raysim_stream stream, int64_t timeout_ms, raysim_ref *item);
int raysim_stream_cancel(struct raysim *ray, raysim_stream stream, int flags); /* as raysim_cancel */
/* What was not read goes; always needed. A task that still yields then runs on to its end, and what it yields goes at
 * once, as in Ray: raysim_stream_cancel first ends it. */
void raysim_stream_release(struct raysim *ray, raysim_stream stream);

/* ---- placement groups: resources put apart on chosen nodes (docs/placement-groups.md) ---- */

enum raysim_group_strategy {
  RAYSIM_PACK = 0,       /* on few nodes */
  RAYSIM_SPREAD_BUNDLES, /* on different nodes as far as there are */
  RAYSIM_STRICT_PACK,    /* all on one */
  RAYSIM_STRICT_SPREAD   /* each on one of its own */
};

struct raysim_group_options {
  enum raysim_group_strategy strategy;
  const char *topology; /* key of a label, such as "rack": only nodes with the same value of it; NULL: any */
  const char *name;     /* unique in the cluster, for raysim_group_find; NULL: none */
  int detached;         /* 1: it outlives this program; otherwise it goes with it (in an actor: with the actor) */
};

/* Asks for a group; a bundle is a demand, of which num_cpus 0 means none. None when the call is wrong. Tasks may be
 * submitted to it at once: they wait until it has its place. */
raysim_group raysim_group_create(struct raysim *ray, const struct raysim_demand *bundles, size_t bundle_count,
                                 const struct raysim_group_options *options);
int raysim_group_is_none(raysim_group group);

/* Waits until every bundle has its place. 0; RAYSIM_ERR_TIMED_OUT; or why there is no such group (GROUP_REMOVED,
 * NAME_TAKEN). */
int raysim_group_wait(struct raysim *ray, raysim_group group, int64_t timeout_ms);

/* The number of each bundle's node into nodes[0 .. room), UINT32_MAX where it has none now. Returns how many bundles
 * there are, or an error; RAYSIM_ERR_TIMED_OUT before the group had its place for the first time. */
int64_t raysim_group_nodes(struct raysim *ray, raysim_group group, uint32_t *nodes, size_t room);

/* The group with this name; none where there is none, or nobody answers in time. */
raysim_group raysim_group_find(struct raysim *ray, const char *name, int64_t timeout_ms);

/* Ends what runs in the group and gives its resources back. */
int raysim_group_remove(struct raysim *ray, raysim_group group);

/* The group into which what this task submits goes (`capture`); none: no group. */
raysim_group raysim_group_current(const struct raysim_context *context);

/* ---- functions and classes, in workers ---- */

/* 0: success; else it has failed, and raysim_fail has said why. */
typedef int (*raysim_function)(struct raysim_context *context);

struct raysim_method {
  const char *name;
  raysim_function function;
};

/* An actor class: `create` gets the arguments of raysim_actor_create and sets the state with raysim_set_self; methods
 * find it with raysim_self; `destroy` (may be NULL) gets it when the actor ends in order: after its last handle went,
 * or raysim_actor_exit. It must not call the library. */
struct raysim_class {
  const char *name;
  raysim_function create;
  void (*destroy)(void *self);
  const struct raysim_method *methods;
  size_t method_count;
};

/* To be defined by the program, or by the library that workers load; it calls the two below. */
void raysim_register_functions(void);
int raysim_register(const char *name, raysim_function function); /* 0, or RAYSIM_ERR_NAME_TAKEN */
int raysim_register_actor(const struct raysim_class *type);      /* likewise */

/* ---- inside a function; `context` is valid during the call, on the calling thread ---- */

size_t raysim_arg_count(const struct raysim_context *context);

/* An argument's bytes, in place: not to be written. NULL, and size 0, beyond the last one. `size` may be NULL. */
const void *raysim_arg(const struct raysim_context *context, size_t index, size_t *size);

/* The references inside an argument; they are held during the call. raysim_arg_ref: the first one, or none. */
const raysim_ref *raysim_arg_refs(const struct raysim_context *context, size_t index, size_t *count);
raysim_ref raysim_arg_ref(const struct raysim_context *context, size_t index);

/* Sets a return to a copy of the bytes (of the data with the references inside); values never set are empty. 0, or an
 * error with its text, so that `return raysim_return(...)` ends a function. */
int raysim_return(struct raysim_context *context, size_t index, const void *bytes, size_t size);
int raysim_return_data(struct raysim_context *context, size_t index, const struct raysim_data *data);

/* Room for a return, to be written in place before the function ends. NULL: there is none. */
void *raysim_return_room(struct raysim_context *context, size_t index, size_t size);

/* Says why the function fails, as printf does. Returns non-zero: `return raysim_fail(context, ...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int raysim_fail(struct raysim_context *context, const char *format, ...);

/* Of a stream: its next value, a copy. 0, and the function may go on; or it should end: RAYSIM_ERR_CANCELLED, or why
 * the value could not be kept. */
int raysim_yield(struct raysim_context *context, const void *bytes, size_t size);
int raysim_yield_data(struct raysim_context *context, const struct raysim_data *data);

/* The task (of an async actor above all) goes on when its function has returned, until raysim_complete: `context`, its
 * arguments and all that it is used for stay good until then, on any thread, one at a time. To be called inside the
 * function, whose own return value then means nothing. `on_cancel` (may be NULL) is called once with `arg` when the
 * task is cancelled, on a thread that runs functions; it may complete the task. Without one raysim_cancelled tells. */
void raysim_defer(struct raysim_context *context, void (*on_cancel)(void *arg), void *arg);

/* Ends a deferred task as a function does that returns `rc`: `raysim_complete(context, raysim_return(context, ...))`,
 * or `raysim_complete(context, raysim_fail(context, ...))`. Once for each, on any thread; the context is gone then. 0;
 * or RAYSIM_ERR_INVALID for a task that is not deferred. */
int raysim_complete(struct raysim_context *context, int rc);

void raysim_actor_exit(struct raysim_context *context);     /* this actor ends once what runs in it has ended */
int raysim_cancelled(const struct raysim_context *context); /* 1: it should end early */

struct raysim *raysim_current(struct raysim_context *context); /* to submit, put, get, wait and call from the task */
raysim_ref raysim_task(const struct raysim_context *context);  /* its id */
const char *raysim_task_name(const struct raysim_context *context);
uint32_t raysim_node(const struct raysim_context *context);                          /* number of its node */
size_t raysim_gpus(const struct raysim_context *context, int *devices, size_t room); /* how many; their numbers */
size_t raysim_return_count(const struct raysim_context *context);

/* What the task has been given ("CPU", "GPU", "memory" and custom ones that are not 0), or its actor. Fills in at most
 * `room`, and returns how many there are. Names are valid during the call. CUDA_VISIBLE_DEVICES has the GPUs of a task
 * with some, and OMP_NUM_THREADS its CPUs (at least 1) unless the user has set it. */
size_t raysim_assigned(const struct raysim_context *context, struct raysim_resource *resources, size_t room);
raysim_actor raysim_own_actor(const struct raysim_context *context); /* none outside; it keeps nothing alive */
int raysim_was_restarted(const struct raysim_context *context);      /* 1: this actor has been */
int raysim_attempt(const struct raysim_context *context);            /* of a plain task: tries before this one */
uint64_t raysim_worker(const struct raysim_context *context);        /* its process, unique in the cluster's life */

void raysim_set_self(struct raysim_context *context, void *self); /* of an actor */
void *raysim_self(const struct raysim_context *context);

/* ---- the cluster ---- */

/* The head's key-value store: what every program and task of the cluster can read and write. Keys are texts of at most
 * 1024 bytes, in name spaces of at most 256 (NULL: ""), values any bytes up to 8 MiB. */

/* 1: added; 0: there was one, which was replaced if `overwrite`; negative: an error (RAYSIM_ERR_NO_ROOM). */
int raysim_kv_put(struct raysim *ray, const char *name_space, const char *key, const void *bytes, size_t size,
                  int overwrite);
/* *bytes is to be freed with free(); a 0 follows the last one. 0, or RAYSIM_ERR_NOT_FOUND. */
int raysim_kv_get(struct raysim *ray, const char *name_space, const char *key, void **bytes, size_t *size);
int raysim_kv_delete(struct raysim *ray, const char *name_space, const char *key); /* 1: it was there; 0: not */
int raysim_kv_exists(struct raysim *ray, const char *name_space, const char *key); /* likewise */
/* The keys that begin with a prefix (NULL: all), in order: one block, to be freed with free(). */
int raysim_kv_keys(struct raysim *ray, const char *name_space, const char *prefix, char ***keys, size_t *count);

struct raysim_resources {
  double num_cpus, num_gpus;
  uint64_t memory_bytes, object_store_bytes;
};

/* available: what tasks and actors that run have not asked for; so of the object store all of it, whatever lies there
 * (`raysim memory` says that). Custom resources: `raysim status`. */
struct raysim_node_info {
  uint32_t node; /* its number, as in raysim_node and the strategy NODE_AFFINITY */
  int alive;
  struct raysim_resources total, available;
};

/* Every node that the head knows, dead ones too; free() the array. */
int raysim_nodes(struct raysim *ray, struct raysim_node_info **nodes, size_t *count);
int raysim_cluster_resources(struct raysim *ray, struct raysim_resources *resources);   /* of the nodes alive */
int raysim_available_resources(struct raysim *ray, struct raysim_resources *resources); /* as last reported */

/* The number of this driver program among the jobs of the cluster, from 1 on; in a task: of the program that it works
 * for (asks the head). 0: nobody answered. */
uint64_t raysim_job(struct raysim *ray);

#ifdef __cplusplus
}
#endif
#endif
