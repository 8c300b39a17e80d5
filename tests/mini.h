/* mini.h -- the smallest driver of the core: a cluster in one process, for tests of the core alone.
 *
 * One heap of deliveries, a fixed latency, tasks that take the time that their replay arguments say, workers that start
 * in a fixed time, copies that always arrive. After every step the endpoint's sanity check runs. It links librs_core
 * only.
 */
#ifndef RS_TESTS_MINI_H
#define RS_TESTS_MINI_H

#include "core/app.h"

struct mini;

struct mini_opts {
  uint32_t nodes;                    /* besides node 0, which has no CPUs */
  struct rs_res total;               /* of each */
  struct rs_node_info *const *infos; /* of nodes 1 .. nodes, where they differ or have labels; NULL: total */
  struct rs_config config;
  const struct rs_node_type *node_types; /* autoscaled types; HOST_ADD makes nodes of them */
  uint32_t node_type_count;
  uint64_t latency_ns, worker_start_ns, boot_ns;
  uint32_t programs; /* driver programs, all on node 0; 0: one */
  bool codec;        /* encode and decode every message; views by delta */
  bool checks;       /* run the sanity checks after each step */
};

void mini_defaults(struct mini_opts *opts, uint32_t nodes, uint32_t cpus);
struct mini *mini_new(const struct mini_opts *opts);
void mini_free(struct mini *m);

/* Which of the driver programs the functions below speak for; the first one to begin with. */
void mini_as(struct mini *m, uint32_t program);

/* The driver program: its address; the next sequence number with room for `returns` returns. */
rs_addr mini_driver(struct mini *m);
uint64_t mini_seq(struct mini *m, uint32_t returns);

/* A replay task of the driver. Its result is `result` (may be NULL), or an object of return_bytes in the store. */
struct rs_task *mini_task(struct mini *m, uint64_t duration_ns, uint64_t return_bytes, uint32_t dep_count);

void mini_call_at(struct mini *m, rs_addr who, struct rs_call *call); /* steps that endpoint; frees it */
void mini_call(struct mini *m, struct rs_call *call);                 /* steps the driver with it; frees it */
void mini_submit(struct mini *m, struct rs_task *task, double cpus, int32_t max_retries); /* takes the task */

/* Runs until nothing is left to happen, or until the time limit. Returns the simulated time. */
uint64_t mini_run(struct mini *m, uint64_t until_ns);

void mini_kill_node(struct mini *m, rs_node_id node);            /* now; PEER_DOWN to whom it concerns */
void mini_kill(struct mini *m, rs_addr who);                     /* this endpoint's process dies */
void mini_break(struct mini *m, rs_addr a, rs_addr b);           /* their connection breaks; nothing was on its way */
rs_addr mini_worker_of(const struct mini *m, struct rs_id task); /* where it runs; RS_ADDR_NONE: nowhere */
void mini_kill_worker_of(struct mini *m, struct rs_id task);     /* the worker that runs the task dies */
bool mini_restart_node(struct mini *m, rs_node_id node);         /* a new incarnation */

/* What came out. Replies stay the harness's; NULL when there was none. */
const struct rs_reply *mini_reply(const struct mini *m, struct rs_id id);
const struct rs_msg *mini_answer(const struct mini *m, uint16_t type); /* the last of that type; NULL: none */
const struct rs_reply *mini_reply_last_of(const struct mini *m, enum rs_reply_kind kind);
uint32_t mini_reply_count_of(const struct mini *m, enum rs_reply_kind kind);
uint32_t mini_reply_count(const struct mini *m);
uint64_t mini_count(const struct mini *m, enum rs_trace trace); /* TRACE effects so far */
uint64_t mini_messages(const struct mini *m, enum rs_msg_type type);
uint64_t mini_messages_all(const struct mini *m);
uint64_t mini_events(const struct mini *m); /* inputs given to endpoints */
uint64_t mini_hash(const struct mini *m);   /* over every TRACE effect */
uint32_t mini_nodes_alive(const struct mini *m);
uint32_t mini_most_at_once(const struct mini *m); /* functions that ran at a time in one worker, at the most */
uint64_t mini_stored_bytes(const struct mini *m); /* bytes that drivers hold for all stores, in memory */
uint64_t mini_disk_bytes(const struct mini *m);   /* ... on disks */
void mini_fill_disk(struct mini *m, bool full);   /* from now on nothing can be written to disks */
struct rs_endpoint *mini_gcs(const struct mini *m);
struct rs_endpoint *mini_raylet(const struct mini *m, rs_node_id node);
rs_node_id mini_ran_on(const struct mini *m, struct rs_id task); /* node of the task's last start */

/* For tests of what tasks do: ends the run of result->task now, with this result (takes it). */
void mini_finish(struct mini *m, struct rs_result *result);
struct rs_task *mini_running(const struct mini *m, struct rs_id task); /* as it was pushed; NULL: it does not run */
struct rs_endpoint *mini_endpoint(const struct mini *m, rs_addr addr); /* NULL: it has ended */
uint32_t mini_place_count(const struct mini *m);                       /* all endpoints that live */
const struct rs_endpoint *mini_place(const struct mini *m, uint32_t index);
void mini_slow(struct mini *m, rs_addr from, rs_addr to, uint64_t more_ns); /* messages of this way take longer */

#endif
