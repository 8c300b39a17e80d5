/* front.h -- the application's side of an endpoint: calls from any thread, and what waits for their replies.
 *
 * The same module serves driver programs (client.c) and functions that run in workers (worker.c), so that a task can do
 * all that a program can. A calling thread steps the endpoint itself, under the lock of the process: a get of a small
 * object that this process owns ends without a system call. Calls that have to wait sleep on a condition of their own
 * until the replies that they asked for have come.
 *
 * All functions take the lock of the process themselves, unless they say otherwise; they may be called from any thread
 * but the loop's.
 */
#ifndef RS_UV_FRONT_H
#define RS_UV_FRONT_H

#include "uv/objects.h"
#include "uv/proc.h"

/* What a get brings: bytes and the references inside, or why there are none. To be freed. */
struct rs_front_value {
  int status;
  const uint8_t *bytes;
  uint64_t size_bytes;
  const struct rs_id *ids;
  uint32_t id_count;
  struct rs_value *value;   /* whose memory that is, of a small object */
  struct rs_id stored;      /* or it is read in the node's store */
  struct rs_result *failed; /* of a failure: what there is to read (core/failure.h), or NULL */
};

/* Called on the front's own thread with a value that it has to free. */
typedef void (*rs_front_done)(void *context, const struct rs_front_value *value);

struct rs_front {
  struct rs_proc *proc;
  uint64_t next_seq;      /* of the next task or object; with the lock */
  struct rs_map objects;  /* rs_objects_key -> struct front_object: what somebody waits for or reads */
  struct rs_link waiters; /* who sleeps */
  struct rs_link resting; /* objects that are pinned and not read; the longest first */
  struct front_want *now; /* of the step in progress: answered without entering `objects` */
  struct rs_id now_id;
  struct rs_map groups;   /* rs_objects_key -> struct front_group: placement groups that the application asked about */
  struct rs_map streams;  /* rs_objects_key of those that were submitted here and not released */
  struct rs_map heard;    /* what is waited for: names of actors, items of streams (front_actor.c) */
  struct rs_map named;    /* name -> 1 + RS_ERR of a look-up that found nothing */
  uint64_t warn_after;    /* nothing is said about demands before */
  uint32_t unsealed;      /* rooms that were created and are neither sealed nor discarded */
  uint32_t interruptions; /* how often rs_front_interrupt has ended what waited */
  bool failed;
  int status;
  atomic_bool interrupted;
  uint64_t flushed_at;     /* when a call was last sent at once */
  uint32_t held;           /* calls that wait for company since then */
  struct rs_link finished; /* asynchronous gets whose values have come, for the thread below */
  pthread_cond_t has_finished;
  pthread_t thread;
  bool thread_runs, ending;
  struct rs_map names; /* hash -> name (char *) of every function that was submitted */
  void *user;          /* of api/: its handle for this front */
  /* In a worker: whose task and job a submission of this thread is; and that this thread's task begins (or ends) to
   * wait for an object. NULL in a driver program. With the lock. */
  void (*about)(struct rs_front *front, struct rs_id *parent, rs_addr *job);
  void (*blocked)(struct rs_front *front, bool blocked);
  bool (*cancelled)(const struct rs_front *front); /* is this thread's task? Likewise */
};

void rs_front_init(struct rs_front *front, struct rs_proc *proc);
void rs_front_free(struct rs_front *front); /* nobody waits any more; before rs_proc_free */
void rs_front_stop(struct rs_front *front); /* ends the thread of asynchronous gets; what is under way fails */

/* ---- for the driver; with the lock ---- */

bool rs_front_on_reply(struct rs_front *front, const struct rs_reply *reply); /* true: it was for the front */
void rs_front_fail(struct rs_front *front, int status); /* every call that waits, and every later one, ends with it */
void rs_front_cancelled(struct rs_front *front);        /* some task has been: its waits end */
void rs_front_idle(struct rs_front *front);             /* each turn of the loop: interruptions, unpinning */
/* What nobody reads any more is unpinned at once, and not after RS_UV_UNPIN_US. */
void rs_front_unpin_all(struct rs_front *front);

/* ---- for the application ---- */

/* The head's key-value store has here a key "<hash in 16 hex digits> <name>" for each name that programs use. */
#define RS_NAMES_SPACE "raysim.names"
enum { RS_NAMES_MAX = 10000 }; /* told by one process */

/* Async-signal-safe. */
void rs_front_interrupt(struct rs_front *front);

/* Gives the tasks of a SUBMIT, ACTOR_CREATE or ACTOR_CALL their numbers, steps with the call and frees it. firsts[i],
 * where it is not NULL: the task's id; its returns follow it. 0, or why nothing was done. */
int rs_front_submit(struct rs_front *front, struct rs_call *call, struct rs_id *ids);

/* The hash of a name (of a function, class, resource, group ...), which is remembered, and told to the head where
 * people look it up (RS_NAMES_SPACE); and the name of a hash, "" where it is not known. */
uint64_t rs_front_intern(struct rs_front *front, const char *name);
const char *rs_front_name(const struct rs_front *front, uint64_t hash);

/* Any other call. */
int rs_front_call(struct rs_front *front, struct rs_call *call);

/* A new object with a copy of the bytes. */
int rs_front_put(struct rs_front *front, const void *bytes, uint64_t size_bytes, const struct rs_id *inner,
                 uint32_t inner_count, struct rs_id *id);

/* A new object to be written in place: room first, then rs_front_seal or rs_front_discard. */
int rs_front_create(struct rs_front *front, uint64_t size_bytes, uint64_t timeout_ns, struct rs_id *id,
                    uint8_t **bytes);
int rs_front_seal(struct rs_front *front, struct rs_id id, uint64_t size_bytes, const struct rs_id *inner,
                  uint32_t inner_count);
void rs_front_discard(struct rs_front *front, struct rs_id id);
void rs_front_discard_all(struct rs_front *front); /* what was created and is not sealed; with the lock */

/* Cancels the task that makes object `id`; nothing happens where there is none, or it has ended. INVALID: *wrong says
 * why it may not be (NULL otherwise). */
int rs_front_cancel(struct rs_front *front, struct rs_id id, bool force, bool recursive, const char **wrong);

void rs_front_retain(struct rs_front *front, struct rs_id id);
void rs_front_release(struct rs_front *front, struct rs_id id);
int rs_front_drop(struct rs_front *front, const struct rs_id *ids, uint32_t count); /* FREE, of each */

/* Every values[i] is to be freed. 0, or the first value's error, or TIMED_OUT, INTERRUPTED, PEER_LOST;
 * CANCELLED: the task of this thread was, and not all values were there. */
int rs_front_get(struct rs_front *front, const struct rs_id *ids, uint32_t count, uint64_t timeout_ns,
                 struct rs_front_value *values);
void rs_front_value_free(struct rs_front *front, struct rs_front_value *value);
/* The same when the front is gone, and with it what was read in the store. One thread at a time. */
void rs_front_value_forget(struct rs_front_value *value);
int rs_front_get_async(struct rs_front *front, struct rs_id id, rs_front_done done, void *context);

/* How many are ready, at most `wanted`: the first ones in the given order have ready[i] = 1, the others 0. Or an error.
 * INVALID: an id is given twice, or (ids[*wrong]) is an actor's or a stream's; *wrong is UINT32_MAX otherwise. */
int64_t rs_front_wait(struct rs_front *front, const struct rs_id *ids, uint32_t count, uint32_t wanted,
                      uint64_t timeout_ns, bool fetch_local, uint8_t *ready, uint32_t *wrong);

/* Sleeps until something may have changed, for at most a second; `interruptions` as it was when the wait began. With
 * the lock. 0, or why there is nothing to wait for any more. */
int rs_front_nap(struct rs_front *front, uint64_t end, uint32_t interruptions);

/* ---- actors by name, streams (front_actor.c) ---- */

/* An answer; to be freed. */
struct rs_front_heard {
  int status;
  enum rs_actor_state state;
  uint32_t id_count;
  struct rs_id *ids;
  struct rs_result *result; /* a failure's text, or names */
};
void rs_front_heard_free(struct rs_front_heard *heard);

/* ACTOR_CREATE with a name: waits until the head has accepted it, or not (state DEAD; ids: who has the name). Each
 * returns 0 with the answer, or why there is none: TIMED_OUT, INTERRUPTED, PEER_LOST. The call is freed. */
int rs_front_actor_create(struct rs_front *front, struct rs_call *call, uint64_t timeout_ns, struct rs_id *id,
                          struct rs_front_heard *out);
int rs_front_actor_find(struct rs_front *front, struct rs_call *call, uint64_t timeout_ns, struct rs_front_heard *out);

/* The next item of a task with RS_TASK_STREAM: ids[0], with one count; none: the end, or a status. INVALID: it is no
 * stream that was submitted here, or it was released. For one thread at a time for each stream. */
int rs_front_stream_next(struct rs_front *front, struct rs_id stream, uint64_t timeout_ns, struct rs_front_heard *out);
void rs_front_stream_release(struct rs_front *front, struct rs_id stream);

int rs_front_submit_locked(struct rs_front *front, struct rs_call *call, struct rs_id *ids); /* with the lock */
void rs_front_heard_on_reply(struct rs_front *front, const struct rs_reply *reply);          /* likewise */
void rs_front_heard_free_all(struct rs_front *front);

/* ---- placement groups (front_group.c) ---- */

/* Gives the group of a GROUP_CREATE its number, steps with the call and frees it. 0, or why nothing was done. */
int rs_front_group_create(struct rs_front *front, struct rs_call *call, struct rs_id *id);

/* Waits until the group has its place. 0, or why it is gone, TIMED_OUT, INTERRUPTED, PEER_LOST. nodes[0 .. room): of
 * its bundles, RS_NODE_NONE for one without a place; *count: how many bundles it has. Both may be NULL. */
int rs_front_group_wait(struct rs_front *front, struct rs_id id, uint64_t timeout_ns, rs_node_id *nodes, uint32_t room,
                        uint32_t *count);
uint32_t rs_front_group_bundles(struct rs_front *front, struct rs_id id); /* how many it has; 0: not known here */
int rs_front_group_remove(struct rs_front *front, struct rs_id id);       /* a wait from now on ends when it is gone */
int rs_front_group_find(struct rs_front *front, uint64_t name, uint64_t timeout_ns, struct rs_id *id);

void rs_front_group_on_reply(struct rs_front *front, const struct rs_reply *reply); /* with the lock */
void rs_front_group_free(struct rs_front *front);

/* front_warn.c: lines on stderr. A get of `count` objects has waited so long for `left` of them. */
void rs_front_warn_get(struct rs_id first, uint32_t left, uint32_t count, uint64_t waited_ns);
/* For proc->trace of a program's or a worker's process: demands that no node can hold, actors with long queues. */
void rs_front_trace(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect);

#endif
