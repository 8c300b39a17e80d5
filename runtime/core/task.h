/* task.h -- what is run, what comes back, small values: immutable, reference-counted, shared by messages and roles.
 *
 * A task names a function by number (rs_name_hash of its name) and carries its arguments as opaque bytes, which only
 * the code that runs the function reads. Results up to max_direct_call_object_size travel inside; larger ones stay in
 * the object store of the node that made them. References to objects may be inside arguments (`inner`) and inside
 * values
 * (`ids`): whoever keeps the bytes keeps these objects alive; see docs/ownership.md. Not thread-safe: references are
 * taken under the lock of the process.
 */
#ifndef RS_CORE_TASK_H
#define RS_CORE_TASK_H

#include "core/types.h"

#define RS_TASK_DEPS_MAX 16384 /* arguments by reference; also references inside the arguments */
#define RS_TASK_RETURNS_MAX 64
#define RS_STREAM_MAX 100000000u  /* items of one task; their numbers are kept free for it */
#define RS_INLINE_MAX (16u << 20) /* bytes of arguments, or of results, in one task */
#define RS_TASK_NAME_MAX 255      /* bytes */
#define RS_ERROR_TEXT_MAX 4096
#define RS_VALUE_IDS_MAX 65536 /* references inside one value, or inside the returns of one task */

struct rs_result;

/* A small object's bytes, with the references inside them. One allocation, or a part of a result's. */
struct rs_value {
  uint32_t refs;
  uint32_t size_bytes;
  uint32_t id_count;
  struct rs_id *ids;
  uint8_t *data;
  struct rs_result *of; /* whose memory ids and data are; NULL: its own */
};

/* Zeroed, to be filled in before it is shared. One reference. */
struct rs_value *rs_value_new(uint32_t id_count, uint32_t size_bytes);
struct rs_value *rs_value_of(struct rs_result *result, uint32_t index); /* an inline return; takes a reference of it */
struct rs_value *rs_value_ref(struct rs_value *value);
void rs_value_unref(struct rs_value *value);

/* An object that a task reads. Inside a pushed task or a lease request the owner has filled in where it is. */
struct rs_dep {
  struct rs_id id;
  uint64_t size_bytes;
  rs_addr location;       /* a raylet that holds a copy, or RS_ADDR_NONE */
  struct rs_value *value; /* of a pushed task: its bytes, where it is small; the task has one reference */
};

/* CAPTURE: what the task submits goes into its placement group, `placement` (Ray's
 * placement_group_capture_child_tasks). RETRY_ERRORS: a function's own error is retried too (Ray's retry_exceptions).
 * KEEP: the owner keeps the returns until the application releases each; without it they go once the reply is given and
 * no task submitted by then reads them. STREAM: it has no returns; its values come one by one, each an object: item i,
 * from 1 to RS_STREAM_MAX, has the number i after the task's own. GROUP: a call that names a concurrency group. ASYNC:
 * a creation whose actor runs its functions one after the other, though many calls may be under way: they end later.
 * NAMED: it has a name of its own, which people see instead of the function's.
 */
enum {
  RS_TASK_ACTOR_CREATE = 1,
  RS_TASK_ACTOR_CALL = 2,
  RS_TASK_RETRY_ERRORS = 4,
  RS_TASK_KEEP = 8,
  RS_TASK_STREAM = 16,
  RS_TASK_GROUP = 32,
  RS_TASK_ASYNC = 64,
  RS_TASK_NAMED = 128,
  RS_TASK_CAPTURE = 512
};

struct rs_task {
  uint32_t refs;
  uint16_t dep_count;
  uint16_t inner_count;
  uint16_t flags;
  uint8_t return_count;
  uint8_t name_bytes; /* of a NAMED one; the name stands behind the arguments: rs_task_name */
  uint32_t args_bytes;
  struct rs_id id;
  uint64_t function;
  struct rs_id actor;     /* of a creation or a call; {0, 0} otherwise */
  uint64_t actor_seq;     /* order of a call at its actor, from 1; restarts at 1 for each incarnation of the actor */
  uint32_t actor_restart; /* the incarnation of the actor that the call is meant for; of a plain task: its retries */
  uint32_t backpressure;  /* of a STREAM: its function waits while that many items are unread; 0: never */
  uint64_t group;         /* of a call with GROUP: rs_name_hash of the concurrency group's name; 0: the default one */
  rs_addr job;            /* the driver program that it works for; RS_ADDR_NONE: its owner */
  struct rs_id parent;    /* the task that submitted it; {0, 0}: a driver program did */
  struct rs_id placement; /* with CAPTURE; else {0, 0} */
  struct rs_dep *deps;    /* dep_count of them, in the same allocation */
  struct rs_id *inner; /* inner_count references inside the arguments: the task borrows these objects while it runs */
  uint8_t *args;
};

/* A task with room for deps, references and args, to be filled in by the caller before it is shared. One reference. */
struct rs_task *rs_task_new(uint32_t dep_count, uint32_t args_bytes);
struct rs_task *rs_task_new_inner(uint32_t dep_count, uint32_t inner_count, uint32_t args_bytes);
struct rs_task *rs_task_new_named(uint32_t dep_count, uint32_t inner_count, uint32_t args_bytes, const void *name,
                                  uint8_t name_bytes);             /* flags NAMED, if there is a name */
static inline const char *rs_task_name(const struct rs_task *task) /* name_bytes, not terminated */
{
  return (const char *)(task->args + task->args_bytes);
}
static inline rs_addr rs_task_job(const struct rs_task *task)
{
  return task->job != RS_ADDR_NONE ? task->job : task->id.owner;
}
/* Numbers that it takes: its own and those of its values. */
static inline uint64_t rs_task_span(const struct rs_task *task)
{
  return 1 + (task->flags & RS_TASK_STREAM ? RS_STREAM_MAX : task->return_count);
}
struct rs_task *rs_task_ref(struct rs_task *task);
struct rs_task *rs_task_copy(const struct rs_task *from); /* one reference, equal in all else */
void rs_task_unref(struct rs_task *task);

struct rs_return {
  uint64_t size_bytes;
  uint32_t inline_bytes;    /* == size_bytes when the value is inside, else 0 */
  uint32_t inline_at;       /* offset into data */
  uint32_t id_at, id_count; /* the references inside it: a part of the result's ids */
};

struct rs_result {
  uint32_t refs;
  int32_t status; /* RS_ERR_OK or why it failed */
  struct rs_id task;
  uint64_t run_ns; /* on the executing node's clock */
  rs_addr node;    /* raylet whose store holds what is not inside */
  uint32_t return_count;
  uint32_t data_bytes;
  uint32_t id_count;
  struct rs_return *returns; /* in the same allocation */
  struct rs_id *ids;         /* references inside the returned values, small or stored */
  uint8_t *data;             /* inline values; of a failure the message, not terminated */
};

struct rs_result *rs_result_new(uint32_t return_count, uint32_t data_bytes);
struct rs_result *rs_result_new_ids(uint32_t return_count, uint32_t id_count, uint32_t data_bytes);
struct rs_result *rs_result_ref(struct rs_result *result);
void rs_result_unref(struct rs_result *result);

/* A failure with a message (cut at RS_ERROR_TEXT_MAX). */
struct rs_result *rs_result_failed(struct rs_id task, int status, const char *text);

#endif
