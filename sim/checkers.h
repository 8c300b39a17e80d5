/* checkers.h -- the invariants of swarm mode: an independent account of what a cluster may do.
 *
 * A driver tells what it sees (submissions, runs, replies, deaths, faults); the checker keeps its own small record of
 * every task and actor and compares. It shares no state with the core, so that an error there cannot hide here; only
 * rs_check_rest() looks inside the endpoints, once nothing is left to happen. The first violation is kept, the others
 * are its consequences. Not thread-safe. Costs O(1) an event; rs_check_rest O(everything).
 */
#ifndef RS_SIM_CHECKERS_H
#define RS_SIM_CHECKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/map.h"
#include "core/io.h"

/* One for each rule; a test plants a bug for each. */
enum rs_check {
  RS_CHECK_NONE,
  RS_CHECK_REPLY_ONCE,  /* a task gets exactly one REPLY */
  RS_CHECK_EXPLAINED,   /* an error has a cause among what happened */
  RS_CHECK_RETRIES,     /* retries: at most max_retries, never growing */
  RS_CHECK_TWICE,       /* a task does not run twice at a time, nor after its success */
  RS_CHECK_LIMIT,       /* no more tasks of a worker, or of an actor's concurrency group, run than may */
  RS_CHECK_ITEMS,       /* items of a stream come once each, in order, and no more unread ones are made than may be */
  RS_CHECK_ORDER,       /* an actor's calls of one caller and group begin in order, each once an incarnation */
  RS_CHECK_NAME,        /* no two actors that live have one name */
  RS_CHECK_ACTOR_ONCE,  /* an actor lives at most once at a time */
  RS_CHECK_CAPACITY,    /* the bytes of a store stay within its capacity */
  RS_CHECK_LOST,        /* no object is lost without a crash */
  RS_CHECK_HELD,        /* no object is freed while a process counts it */
  RS_CHECK_DEATH,       /* no node is declared dead without a fault */
  RS_CHECK_RESOURCES,   /* at rest everything is left */
  RS_CHECK_VIEW,        /* at rest the view is the truth */
  RS_CHECK_CONTENTION,  /* at rest nobody waits */
  RS_CHECK_WORKERS,     /* at rest the processes are those that the raylets know, within the soft limit */
  RS_CHECK_EMPTY,       /* at rest the stores and the owners hold nothing */
  RS_CHECK_PROGRESS,    /* everything ends within a bound once the faults are over */
  RS_CHECK_SILENCE,     /* an idle cluster has no events */
  RS_CHECK_GROUP_ONCE,  /* a bundle is on one live node */
  RS_CHECK_GROUP_RULE,  /* a group's bundles are as its strategy says */
  RS_CHECK_GROUP_ROOM,  /* a node's bundles hold no more than it has, and give back what they took */
  RS_CHECK_GROUP_LEFT,  /* at rest no bundle is left */
  RS_CHECK_GROUP_PLACE, /* an idle cluster has a place for a small group */
  RS_CHECK_FREED,       /* what was freed on request is told to be so, and nothing else is */
  RS_CHECK_DETERMINISM, /* the same seed gives the same trace */
  RS_CHECK_KINDS
};
const char *rs_check_name(enum rs_check check);

struct rs_checker {
  const struct rs_config *config;
  struct rs_map tasks, actors; /* id -> record */
  struct rs_map tainted, gone; /* addresses with a broken connection or partition; dead addresses */
  struct rs_map held;          /* object -> who counts it */
  struct rs_map freed;         /* objects freed on request */
  struct rs_map running;       /* worker and group -> how many tasks run there */
  struct rs_map names;         /* hash of a name -> rs_id_key of the actor that has it */
  struct rs_map orders;        /* actor, caller and group -> the call that began last */
  struct rs_map groups;        /* id -> record */
  struct rs_map bundle_nodes;  /* node and incarnation -> what its bundles hold */
  const struct rs_node_info *(*info_of)(void *ctx, rs_node_id node); /* what a node registered; NULL: no such node */
  void *info_ctx;
  uint64_t groups_created;
  bool faults; /* any node or worker was struck, any connection broken */
  bool node_faults, worker_faults;
  bool disk_fails; /* writes to disks may find them full, or they are small */
  uint64_t submitted, replied, failed, runs, retried;
  enum rs_check broken; /* the first violation */
  char what[240];
};

/* What the application asks for. `doomed`: its function reports an error. */
struct rs_check_task {
  struct rs_id id, actor; /* actor {0, 0}: a task */
  uint64_t order;         /* of a call among those to its actor */
  int32_t max_retries;
  uint32_t yields, backpressure;
  bool doomed, hard_affinity, has_deps, keeps;
  struct rs_id placement; /* the group that it runs in, or {0, 0} */
  bool too_large;         /* for every bundle of it */
};

#define RS_CHECK_BUNDLES_MAX 5

/* A placement group. `named`: another may have its name. */
struct rs_check_group {
  struct rs_id id;
  uint8_t strategy;
  bool in_rack, named;
  uint32_t bundle_count;
  struct rs_demand bundles[RS_CHECK_BUNDLES_MAX];
};

void rs_checker_init(struct rs_checker *c, const struct rs_config *config);
void rs_checker_free(struct rs_checker *c);
void rs_check_fail(struct rs_checker *c, enum rs_check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void rs_check_group(struct rs_checker *c, const struct rs_check_group *group);
void rs_check_group_remove(struct rs_checker *c, struct rs_id group);
bool rs_check_group_may_end(const struct rs_checker *c, struct rs_id group); /* is there a cause for its end? */
void rs_check_group_trace(struct rs_checker *c, unsigned trace, uint64_t a, uint64_t b, uint64_t cc);
void rs_check_submit(struct rs_checker *c, const struct rs_check_task *task);
void rs_check_actor(struct rs_checker *c, struct rs_id actor, bool doomed, const struct rs_actor_opts *opts);
void rs_check_cancel(struct rs_checker *c, struct rs_id task);
void rs_check_actor_kill(struct rs_checker *c, struct rs_id actor);
void rs_check_yield(struct rs_checker *c, struct rs_id task, uint64_t index, int status); /* its function may go on */
void rs_check_hold(struct rs_checker *c, rs_addr process, struct rs_id object); /* one count of its application */
void rs_check_release(struct rs_checker *c, rs_addr process, struct rs_id object);
void rs_check_freed(struct rs_checker *c, struct rs_id object);      /* on request, by its owner */
bool rs_check_made(const struct rs_checker *c, struct rs_id object); /* its task has ended, or it was put */
void rs_check_run(struct rs_checker *c, rs_addr worker, const struct rs_task *task);      /* TASK_RUN */
void rs_check_ran(struct rs_checker *c, rs_addr worker, const struct rs_task *task);      /* it ended */
void rs_check_reply(struct rs_checker *c, rs_addr process, const struct rs_reply *reply); /* who got it */
void rs_check_trace(struct rs_checker *c, unsigned trace, uint64_t a, uint64_t b, uint64_t cc);
void rs_check_taint(struct rs_checker *c, rs_addr endpoint); /* a connection of it was broken, or it was cut off */
void rs_check_death(struct rs_checker *c, rs_addr endpoint, bool fault); /* it ended; fault: it was struck */
void rs_check_stored(struct rs_checker *c, rs_addr raylet, uint64_t bytes, uint64_t capacity);
uint64_t rs_check_open(const struct rs_checker *c); /* tasks without a reply */
void rs_check_all_replied(struct rs_checker *c);    /* of owners that live */

/* ---- at rest: everything was released and killed, and nothing is left to happen ---- */

struct rs_rest {
  const struct rs_endpoint *gcs;
  const struct rs_endpoint **raylets; /* alive */
  const uint32_t *workers;            /* processes alive on each of their nodes */
  uint32_t raylet_count;
  const struct rs_endpoint **owners; /* driver programs alive */
  uint32_t owner_count;
  uint64_t stored_bytes; /* the driver's own count, over all nodes */
};
void rs_check_rest(struct rs_checker *c, const struct rs_rest *rest);
void rs_check_print(const struct rs_rest *rest, FILE *out); /* what is still open, for the report of a failure */

#endif
