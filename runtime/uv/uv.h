/* uv.h -- the libuv driver of the core, seen from outside: functions, local clusters, and driver programs.
 *
 * A cluster is a head process (GCS, and the raylet of node 0) and one process for each other node; each starts its
 * workers by fork. All of them are the program `raysimd`. What is said between them is in docs/runtime.md, who may talk
 * to them in docs/security.md.
 *
 * Errors: functions that can fail for a reason that the user can mend take `error` (RS_UV_ERROR_MAX bytes), fill in one
 * clear line and return a negative RS_ERR_ number.
 */
#ifndef RS_UV_H
#define RS_UV_H

#include <stdatomic.h>

#include "core/app.h"

#define RS_UV_ERROR_MAX 512
#define RS_UV_PATH_MAX 256
#define RS_UV_LOCAL_NODES_MAX 4096 /* of a cluster on one host: each is a process, and has workers */

/* ---- functions that workers run ---- */

/* A running task, seen from its function. Only valid during the call, on the calling thread. */
struct rs_uv_context;

/* 0: success. Anything else: the task has failed with RS_ERR_TASK_FAILED; say why with rs_uv_fail. */
typedef int (*rs_uv_function)(struct rs_uv_context *context);

/* Registers a function under a name, before the cluster starts: in raysimd itself, or in the
 * `raysim_register_functions` of a shared library given to `--load` (see api/raysim.h). False: the name, or one with
 * the same hash, is taken. Not thread-safe. `data`: for the function, which finds it with rs_uv_context_data. */
bool rs_uv_function_register(const char *name, rs_uv_function function, void *data);

/* A method of the actors whose creation task is function `type`; other classes may have others of that name. */
bool rs_uv_method_register(const char *type, const char *method, rs_uv_function function, void *data);

void *rs_uv_context_data(const struct rs_uv_context *context);
const char *rs_uv_context_name(const struct rs_uv_context *context); /* under which it was registered */
struct rs_front;
struct rs_front *rs_uv_context_front(struct rs_uv_context *context); /* to submit, put and get from the task */

const struct rs_task *rs_uv_context_task(const struct rs_uv_context *context);
const uint8_t *rs_uv_context_args(const struct rs_uv_context *context, uint32_t *size_bytes);
rs_gpu_mask rs_uv_context_gpus(const struct rs_uv_context *context); /* the devices that the task was given */

/* What an actor keeps from its creation to its end: set it in the creation task. */
void **rs_uv_context_actor(const struct rs_uv_context *context);

/* Sets return value `index` (< return_count) to a copy of the bytes; values never set are empty. False: there is no
 * room for them, which rs_uv_fail has said. */
bool rs_uv_return(struct rs_uv_context *context, uint32_t index, const void *bytes, size_t size_bytes);

/* Room for that value, to be written before the function ends: in the node's store where it is large. NULL: no room. */
void *rs_uv_return_room(struct rs_uv_context *context, uint32_t index, size_t size_bytes);

/* The references inside that value; they are copied. */
void rs_uv_return_ids(struct rs_uv_context *context, uint32_t index, const struct rs_id *ids, uint32_t count);

/* Of a task with RS_TASK_STREAM: hands over its next item, a copy of the bytes with the references inside, and waits
 * until it may go on. 0; CANCELLED: nobody wants more, end; TOO_LARGE: too many items; or why the item could not be
 * stored. */
int rs_uv_yield(struct rs_uv_context *context, const void *bytes, size_t size_bytes, const struct rs_id *ids,
                uint32_t id_count);

/* The text of a failure; return non-zero after it. */
void rs_uv_fail(struct rs_uv_context *context, const char *text);

/* True once the task is to end early. Long functions should ask now and then; one that does not is ended with its
 * process a second later. */
bool rs_uv_cancelled(const struct rs_uv_context *context);

/* The task goes on when its function has returned (whatever it returns), until rs_uv_complete: the context and all that
 * it gives stay good until then, on any thread, one at a time. To be called inside the function. `on_cancel` (or NULL)
 * is called once, on a thread that runs functions, when the task is asked to end. */
void rs_uv_defer(struct rs_uv_context *context, void (*on_cancel)(void *arg), void *arg);

/* Ends a deferred task as a function that returns `rc` does, once; any thread. The context is gone then. 0, or INVALID:
 * it is not deferred, or was completed before. */
int rs_uv_complete(struct rs_uv_context *context, int rc);

/* Sleeps; false when cancelled before the time had passed. */
bool rs_uv_sleep(struct rs_uv_context *context, uint64_t duration_ns);

/* ---- a local cluster of processes ---- */

struct rs_uv_cluster;

/* Everything is read during the call only. */
struct rs_uv_cluster_options {
  const struct rs_config *config;        /* NULL: the defaults */
  uint32_t node_count;                   /* 1 to RS_UV_LOCAL_NODES_MAX; node 0 is the head's */
  struct rs_node_info *const *infos;     /* node_count of them: what each node has (its labels and type too) */
  const struct rs_node_type *node_types; /* that the autoscaler may start as local processes, or NULL */
  uint32_t node_type_count;
  const char *program; /* path of raysimd; NULL: $RAYSIMD, or beside the running program, or in $PATH */
  const char *load;    /* a shared library with functions, or NULL */
  bool self;           /* instead of raysimd: this very program again, up to its rs_uv_daemon_self */
  const char *policy;  /* a shared library with the placement policy; NULL: that of the settings */
  const char *record;  /* folder for recordings, or NULL ($RAYSIM_RECORD is honoured in either case) */
  uint16_t port;       /* of the head; 0: any free one */
  const char *bind;    /* NULL: 127.0.0.1 */
  bool detached;       /* outlives the caller (`raysim start`); otherwise it ends with it, even by kill -9 */
  uint64_t timeout_ms; /* to have every node registered; 0: 30 s */
};

/* Starts a head and its nodes and returns once every node has joined. 0, or negative with *cluster NULL and nothing
 * left. */
int rs_uv_local_cluster_start(const struct rs_uv_cluster_options *options, struct rs_uv_cluster **cluster, char *error);

const char *rs_uv_cluster_session(const struct rs_uv_cluster *cluster); /* the session's folder */
uint16_t rs_uv_cluster_port(const struct rs_uv_cluster *cluster);
int rs_uv_cluster_pid(const struct rs_uv_cluster *cluster); /* of the head */

/* Ends every process of the cluster, waits until they are gone, removes the session's folder, frees. NULL is fine. A
 * detached cluster is only forgotten. */
void rs_uv_local_cluster_stop(struct rs_uv_cluster *cluster);

/* What the head's driver says about a node. */
struct rs_uv_node {
  rs_addr raylet;
  int pid;
  bool alive;
  char host[64]; /* numeric address */
  uint16_t port;
  struct rs_node_info *info;
};
struct rs_uv_status {
  uint32_t node_count;
  struct rs_uv_node *nodes; /* by node number */
  uint32_t worker_count;    /* of node 0 */
};

/* Asks the head of a session (NULL: the newest live one, or $RAYSIM_SESSION). */
int rs_uv_status_get(const char *session, struct rs_uv_status *status, char *error);
void rs_uv_status_free(struct rs_uv_status *status);

/* ---- a driver program: an application as a state machine ---- */

struct rs_uv_run {
  const char *session; /* its folder; NULL: the newest live one, or $RAYSIM_SESSION */
  struct rs_app *app;
  /* For each TRACE effect of the driver's own endpoint; `now` is uv_hrtime(). May be NULL. */
  void (*trace)(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect);
  void *ctx;
  const atomic_bool *stop; /* true: leave early; looked at every 50 ms. May be NULL. Signal handlers may set it */
};

struct rs_uv_run_stats {
  uint64_t inputs, messages_in, messages_out, bytes_in, bytes_out; /* of the driver's endpoint */
  uint64_t wall_ns;
  rs_addr self;
  bool stopped; /* by `stop` */
};

/* Runs the application on the calling thread until it is done, is stopped, or the cluster is lost. An object that it
 * PUTs is made of zeros. 0, or negative (RS_ERR_PEER_LOST when the node's raylet went away). `stats` may be NULL. */
int rs_uv_run_app(const struct rs_uv_run *run, struct rs_uv_run_stats *stats, char *error);

/* ---- a driver program: calls from any thread ---- */

struct rs_uv_client;

/* Connects to a session and starts the loop thread. */
int rs_uv_client_open(const char *session, struct rs_uv_client **client, char *error);
/* The same for a program that only asks questions: it is no job. */
int rs_uv_client_observe(const char *session, struct rs_uv_client **client, char *error);
void rs_uv_client_close(struct rs_uv_client *client);
rs_addr rs_uv_client_self(const struct rs_uv_client *client);

/* The calls of front.h, which api/raysim.h is made of. */
struct rs_front;
struct rs_front *rs_uv_client_front(struct rs_uv_client *client);

/* Sequence numbers for a new task with its returns (1 + return_count) or an object (1): the first of them. For programs
 * of one thread that fill in tasks themselves and wait for results instead of objects; not together with front.h. */
uint64_t rs_uv_client_take(struct rs_uv_client *client, uint32_t count);

/* Asks the head: a KV, JOB_START, JOB_END or STATE_QUERY message, which is taken over. 0 with one reference to the
 * answer, RS_ERR_TIMED_OUT, or RS_ERR_PEER_LOST. Not from the loop's thread. */
int rs_uv_client_ask(struct rs_uv_client *client, void *question, uint64_t timeout_ns, struct rs_msg **answer);

/* Steps the endpoint with a call, and frees it. The caller's tasks may not be touched afterwards. */
void rs_uv_client_call(struct rs_uv_client *client, struct rs_call *call);

/* Waits for the end of a task that was submitted: 0 with one reference to its result, RS_ERR_TIMED_OUT, or
 * RS_ERR_PEER_LOST. timeout_ns RS_TIME_NEVER: no limit. A result can be taken once. */
int rs_uv_client_wait(struct rs_uv_client *client, uint64_t task_seq, uint64_t timeout_ns, struct rs_result **result);

/* ---- programs ---- */

/* Where raysimd is: `wanted`, $RAYSIMD, beside the running program, one folder above it (tests and benchmarks of a
 * build), or the bare name, for $PATH. */
void rs_uv_find_program(const char *wanted, char *out, size_t cap);

int rs_uv_daemon_main(int argc, char **argv); /* all that raysimd does */

/* In a program that was started as a cluster's head (rs_uv_cluster_options.self): never returns, but plays raysimd. In
 * any other it does nothing. `begin` is called before, to register functions. */
void rs_uv_daemon_self(void (*begin)(void));

#endif
