/* swarm_int.h -- the parts of swarm mode: the plan of an experiment, its network, its programs. See swarm.h. */
#ifndef RS_SIM_SWARM_INT_H
#define RS_SIM_SWARM_INT_H

#include "sim/checkers.h"
#include "sim/swarm.h"

#define SWARM_NODES_MAX 40
#define SWARM_PROGRAMS_MAX 4
#define SWARM_FAULTS_MAX 32
#define SWARM_TYPES_MAX 2
#define SWARM_TRACE_LINES 64

enum swarm_fault_kind {
  SWARM_WORKER_CRASH,
  SWARM_NODE_CRASH,
  SWARM_NODE_KILL,
  SWARM_BREAK,
  SWARM_PARTITION,
  SWARM_FAULTS
};

struct swarm_fault {
  uint64_t at_ns, for_ns; /* a node comes back after it; a partition heals */
  enum swarm_fault_kind kind;
  uint32_t node, count;
  uint64_t draw;
};

/* Everything that is drawn before the experiment begins. */
struct swarm_plan {
  uint64_t seed;
  struct rs_config config;
  uint32_t node_count;                                    /* besides the head's */
  struct rs_node_info *head, *infos[SWARM_NODES_MAX + 1]; /* infos[1..node_count] */
  struct rs_node_type types[SWARM_TYPES_MAX];
  struct rs_node_info *type_infos[SWARM_TYPES_MAX];
  uint32_t type_count;
  uint32_t program_count;
  rs_node_id program_node[SWARM_PROGRAMS_MAX];
  struct swarm_fault faults[SWARM_FAULTS_MAX];
  uint32_t fault_count;
  uint64_t latency_ns[2], local_ns[2], worker_start_ns[2], boot_ns[2]; /* least and most */
  uint64_t work_ns, heal_ns; /* programs ask for more until then; no fault lasts longer than this */
  uint32_t actions;          /* of each program */
  uint64_t object_bytes;     /* largest object */
  uint32_t drift_ppm;
  uint64_t disk_ns_per_byte;
  bool copies_hang;    /* of one copy in eight nothing ever comes */
  uint64_t disk_fails; /* one write in so many, plus one, finds the disk full; 0: none */
  bool tight;          /* stores so small that they may fill up for good: then progress is not asked for */
  bool groups;         /* placement groups, and racks */
  bool codec, view_skips, light_actors; /* light: they hold nothing, so that they never keep others from ending */
};
void swarm_plan_draw(struct swarm_plan *plan, uint64_t seed);
void swarm_plan_free(struct swarm_plan *plan);

/* ---- the network: endpoints, connections, processes, bytes (swarm_net.c) ---- */

struct swarm_net;
struct swarm_program;

struct swarm_net *swarm_net_new(const struct swarm_plan *plan, struct rs_checker *checker, enum rs_swarm_plant plant);
void swarm_net_free(struct swarm_net *net);
rs_addr swarm_net_program(struct swarm_net *net, uint32_t index);                   /* RS_ADDR_NONE once it is gone */
void swarm_net_call(struct swarm_net *net, uint32_t program, struct rs_call *call); /* steps it; frees the call */
void swarm_net_at(struct swarm_net *net, uint64_t at_ns, uint32_t program);         /* swarm_program_act() then */
bool swarm_net_run(struct swarm_net *net, uint64_t until_ns); /* false: nothing is left to happen */
uint64_t swarm_net_now(const struct swarm_net *net);
uint64_t swarm_net_events(const struct swarm_net *net);
uint64_t swarm_net_hash(const struct swarm_net *net);
void swarm_net_stopping(struct swarm_net *net);               /* from now on it comes to rest */
void swarm_net_rest(struct swarm_net *net, FILE *print);      /* rs_check_rest over all that lives; or printed */
void swarm_net_print(const struct swarm_net *net, FILE *out); /* the last trace lines */
const char *swarm_net_dump(struct swarm_net *net);            /* what is still in the heap, one line */

/* ---- the programs: what is submitted (swarm_load.c) ---- */

struct swarm_load;
struct swarm_load *swarm_load_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net);
void swarm_load_free(struct swarm_load *load);
void swarm_load_start(struct swarm_load *load);
void swarm_load_act(struct swarm_load *load, uint32_t program);                               /* one random action */
void swarm_load_hear(struct swarm_load *load, rs_addr program, const struct rs_reply *reply); /* what came for it */
void swarm_load_read(struct swarm_load *load);              /* from now on every stream is read to its end */
void swarm_load_kill(struct swarm_load *load);              /* every actor */
void swarm_load_end(struct swarm_load *load);               /* releases every object */
uint64_t swarm_load_work_ns(const struct swarm_load *load); /* sum of all durations, with retries */
void swarm_load_ungroup(struct swarm_load *load);           /* removes every placement group */
void swarm_load_probe(struct swarm_load *load);             /* one small group more, where there are groups at all */
void swarm_net_set_load(struct swarm_net *net, struct swarm_load *load);

/* ---- placement groups (swarm_group.c) ---- */

struct swarm_groups;
struct swarm_groups *swarm_groups_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net);
void swarm_groups_free(struct swarm_groups *groups);
void swarm_groups_act(struct swarm_groups *groups, uint32_t program, rs_addr self,
                      uint64_t *seq); /* perhaps something */
bool swarm_groups_join(struct swarm_groups *groups, uint32_t program, struct rs_demand *demand,
                       bool *too_large); /* perhaps: the demand becomes one that runs in a group */
void swarm_groups_end(struct swarm_groups *groups);
void swarm_groups_probe(struct swarm_groups *groups, uint32_t program, struct rs_id id);

/* ---- what running tasks do with references (swarm_refs.c) ---- */

struct swarm_refs;
struct swarm_refs *swarm_refs_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net);
void swarm_refs_free(struct swarm_refs *refs);
void swarm_refs_on_run(struct swarm_refs *refs, rs_addr worker, const struct rs_task *task, uint64_t run,
                       uint64_t duration_ns);
void swarm_refs_act(struct swarm_refs *refs, rs_addr who, uint64_t run);
bool swarm_refs_waits(const struct swarm_refs *refs, rs_addr worker, uint64_t run); /* for a task of its own */
struct rs_result *swarm_refs_result(struct swarm_refs *refs, rs_addr worker, const struct rs_task *task,
                                    struct rs_result *result); /* takes it, and gives what it is to be */
void swarm_refs_ended(struct swarm_refs *refs, rs_addr worker);
void swarm_refs_on_reply(struct swarm_refs *refs, rs_addr who, const struct rs_reply *reply);
void swarm_refs_unblock(struct swarm_refs *refs, rs_addr who);
void swarm_refs_gone(struct swarm_refs *refs, rs_addr who);
void swarm_refs_end(struct swarm_refs *refs);
uint64_t swarm_refs_work_ns(const struct swarm_refs *refs);
/* An object is put with these inside. */
void swarm_refs_boxed(struct swarm_refs *refs, struct rs_id id, const struct rs_id *inside, uint32_t count);
uint32_t swarm_refs_inner(struct swarm_refs *refs, const struct rs_id *kept, uint32_t count, struct rs_id out[2]);

/* A program has got `box`; if it still counts it, it keeps what is inside. */
void swarm_load_learn(struct swarm_load *load, rs_addr program, struct rs_id box, struct rs_id inside);

struct swarm_refs *swarm_net_refs(struct swarm_net *net);
struct swarm_load *swarm_net_load(struct swarm_net *net);
void swarm_net_call_at(struct swarm_net *net, rs_addr who, struct rs_call *call);        /* steps it; frees the call */
void swarm_net_ref_at(struct swarm_net *net, uint64_t at_ns, rs_addr who, uint64_t run); /* swarm_refs_act() then */
void swarm_net_unblock_at(struct swarm_net *net, uint64_t at_ns, rs_addr who);
const struct rs_task *swarm_net_run_of(const struct swarm_net *net, rs_addr who, uint64_t run); /* NULL: it ended */

#endif
