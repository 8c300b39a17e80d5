/* load.h -- an application that plays a table of tasks against its owner: scenario tasks and traces.
 *
 *     struct rs_load_opts opts = {.next = rs_load_table_next, .arg = &table, .classes = classes, .class_count = 1};
 *     struct rs_app *app = rs_load_new(&opts);
 *     ... the driver runs it as core/app.h says, until done ...
 *     struct rs_load_stats stats = rs_load_stats(app);
 *     rs_load_free(app);
 *
 * Every task is the built-in function `replay` (replay.h). Tasks are asked for one by one, in order of arrival, and
 * made when they are submitted: a million tasks need no table. Those that arrive together and have the same class are
 * one RS_CALL_SUBMIT. What later tasks read is kept until the last of these has been submitted, then released: the
 * owner frees it once that task has ended. At the end everything has been released. Tasks may come in gangs, each in a
 * placement group of its own. They may yield values one by one, which are read here as they come (items.h).
 *
 * A pool of objects may be made first, on chosen nodes; the clock of the arrivals starts when it is there.
 *
 * Memory: 24 bytes for each task submitted so far and 4 for each dependency. Time: O(1) per task, reply and dependency.
 * Not thread-safe; several loads in one process are independent.
 */
#ifndef RS_LIB_LOAD_H
#define RS_LIB_LOAD_H

#include "core/app.h"
#include "lib/load/replay.h"

#define RS_LOAD_CALL_MAX 65536u      /* tasks in one call */
#define RS_LOAD_TASKS_MAX (1u << 31) /* tasks of one load */
#define RS_LOAD_ARG_BYTES_MAX (RS_INLINE_MAX - RS_REPLAY_HEADER_BYTES)
#define RS_LOAD_POOL(i) (UINT32_C(0x80000000) | (uint32_t)(i)) /* a dependency on object i of the pool */

/* How tasks of one kind are submitted: they share calls. */
struct rs_load_class {
  struct rs_demand demand;
  uint8_t strategy;    /* enum rs_strategy */
  rs_node_id target;   /* of NODE_AFFINITY. With other strategies any number: classes that differ in it alone have
                        * scheduling keys, and so leases, of their own */
  int32_t max_retries; /* -1: no limit */
  bool retry_errors;   /* retries cover a function's own error too */
};

struct rs_load_task {
  uint64_t arrival_ns; /* after the start of the arrivals; not less than the task's before */
  uint64_t duration_ns;
  uint64_t return_bytes; /* the object that it leaves, in a store or, when small, inside the reply. 0: nothing; a task
                          * that leaves nothing but has arguments leaves one byte */
  uint32_t arg_bytes;    /* arguments by value, at most RS_LOAD_ARG_BYTES_MAX */
  uint32_t class_index;
  uint32_t readers; /* later tasks that have it among their dependencies */
  uint32_t dep_count;
  const uint32_t *deps; /* indices of earlier tasks, or RS_LOAD_POOL(i); each at most once. Read before `next` is
                         * called again */
  uint8_t mode;         /* enum rs_replay_mode */
  uint8_t tag;          /* of replay.h */
  bool fails;           /* every attempt ends with an application error after its duration */
};

/* An object of the pool. */
struct rs_load_object {
  uint64_t size_bytes;
  rs_node_id node; /* made there by a task without demand; RS_NODE_NONE: put into the store of the owner's own node */
};

/* A task has ended for good. Times on the owner's clock. */
struct rs_load_end {
  uint64_t index;
  uint64_t submit_ns;
  uint64_t ready_ns; /* the last of its dependencies had ended; submit_ns without any */
  uint64_t end_ns;
  uint64_t run_ns; /* of its last attempt, on the executing node's clock */
  rs_addr node;    /* raylet of the node where it ran; RS_ADDR_NONE where it did not */
  int32_t status;
  uint32_t class_index;
};

struct rs_load_opts {
  /* The task `index`: called with 0, 1, 2, ..., once each, one task ahead of the submissions. False: there are no more.
   * After the task count_max - 1 it is not called again. */
  bool (*next)(void *arg, uint64_t index, struct rs_load_task *out);
  void *arg;
  uint64_t count_max; /* 0: RS_LOAD_TASKS_MAX */
  const struct rs_load_class *classes;
  uint32_t class_count;
  const struct rs_load_object *objects; /* the pool */
  uint32_t object_count;
  uint32_t objects_in_flight; /* objects of the pool being made at a time; 0: 64 */
  /* Placement groups: every `gang` tasks in a row (the last may be fewer) share one, with a bundle for each of them of
   * what its class asks for; it is made when the first of them arrives and removed when all have ended. A task waits
   * for its group. 0: none. */
  uint32_t gang;
  uint8_t gang_strategy;  /* enum rs_group_strategy */
  uint64_t gang_topology; /* key of a label, or 0 */
  /* Streams: every task yields `items` values of its return_bytes, spread evenly over its duration, instead of
   * returning one; nobody else reads them (no `readers`). The load is done when all are read. 0: tasks return. */
  uint32_t items;        /* <= RS_REPLAY_YIELDS_MAX */
  uint32_t backpressure; /* a task waits while so many of its items are unread; 0: never */
  uint64_t read_ns;      /* how long each item is worked on before the stream's next one is asked for */
  uint64_t start_ns;     /* after on_start: the arrivals start then, or when the pool is ready if that is later */
  void (*ended)(void *user, const struct rs_load_end *end); /* may be NULL */
  void *user;
};

struct rs_load_stats {
  uint64_t base_ns; /* the start of the arrivals on the owner's clock; RS_TIME_NEVER before it */
  uint64_t submitted, ended, failed;
  uint64_t last_end_ns;
  uint64_t in_flight_peak;
  uint64_t calls;                      /* RS_CALL_SUBMIT with tasks of the table */
  uint64_t objects_made, objects_lost; /* of the pool; lost: could not be made, tried for a minute */
  uint64_t released;                   /* RS_CALL_RELEASE */
  uint64_t gangs_made, gangs_removed;
  uint64_t items_read, items_lost;
};

/* opts is copied; what it points to must outlive the application. */
struct rs_app *rs_load_new(const struct rs_load_opts *opts);
void rs_load_free(struct rs_app *app);
struct rs_load_stats rs_load_stats(const struct rs_app *app);

/* A table in memory as `next`. */
struct rs_load_table {
  const struct rs_load_task *tasks;
  uint64_t count;
};
bool rs_load_table_next(void *table, uint64_t index, struct rs_load_task *out);

/* Fills in `readers` of every task of a table from the dependencies. */
void rs_load_count_readers(struct rs_load_task *tasks, uint64_t count);

#endif
