/* swarm_net_int.h -- what the parts of the in-memory driver share: time and effects (swarm_net.c), connections
 * (swarm_conn.c), faults and the ends of processes and nodes (swarm_fault.c). */
#ifndef RS_SIM_SWARM_NET_INT_H
#define RS_SIM_SWARM_NET_INT_H

#include "core/endpoint.h"
#include "sim/swarm_int.h"

enum event_kind {
  EV_MESSAGE,
  EV_DOWN,
  EV_FAILED,
  EV_COPIED,
  EV_RESTORED,
  EV_SPILLED,
  EV_TIMER,
  EV_TASK_END,
  EV_YIELD,
  EV_WORKER,
  EV_HOST,
  EV_NODE,
  EV_FAULT,
  EV_ACT,
  EV_UNPIN,
  EV_REF,
  EV_UNBLOCK
};

struct event {
  uint64_t due_ns, order;
  enum event_kind kind;
  rs_addr to, from;
  union {
    struct rs_msg *msg;
    struct rs_result *result;
    struct rs_id object;
    uint64_t number;
  };
  uint64_t size; /* of an object */
  struct conn *conn;
  uint32_t epoch, index;
  int32_t status;
};

/* One direction of a connection. */
struct way {
  uint64_t floor_ns; /* nothing arrives before */
  uint64_t down_ns;  /* when its end hears of the last break */
  uint64_t deaf_ns;  /* until then what is sent is lost: the sender has not noticed the break */
  uint32_t epoch, sent, arrived;
  uint32_t attempts;             /* to connect that were bound to fail */
  bool trying;                   /* the last of them is under way: it fails with an EV_FAILED of its number */
  uint32_t cut;                  /* of the epoch before: messages below it still arrive */
  uint32_t newest_view, skipped; /* views overtaken by a newer one, in a row */
};

struct conn {
  rs_addr end[2];    /* lower address first */
  struct way way[2]; /* [0]: from end[0] to end[1] */
  bool open;
};

struct place {
  struct rs_endpoint *ep;
  rs_addr addr;
  uint64_t armed_ns;
  struct run {
    struct rs_task *task;
    uint64_t number, began_ns;
    uint32_t yielded;
  } * runs; /* in progress */
  uint32_t run_count, run_cap;
};

struct node {
  struct rs_node_info *info;
  uint32_t incarnation;
  bool up;
  uint64_t origin_ns;
  int64_t drift_ppm;
  uint64_t cut_until_ns; /* partition: nothing passes between it and those outside of `side` */
  uint64_t side;
  uint64_t stored;
};

struct line {
  uint64_t t_ns, a, b, c;
  rs_addr self;
  uint32_t trace;
};

struct swarm_net {
  const struct swarm_plan *plan;
  struct rs_checker *checker;
  struct swarm_load *load;
  struct swarm_refs *refs;
  enum rs_swarm_plant plant;
  uint32_t planted; /* opportunities so far */
  struct rs_rng rng;
  struct event *heap;
  uint32_t count, cap;
  uint64_t now, order, runs, events, hash, stored, sides;
  struct rs_map places, conns;
  struct rs_map bytes, disk; /* of objects, in the memory and on the disk of nodes */
  struct rs_map stopped;     /* workers that were stopped before they had started */
  struct place **list;
  uint32_t list_count, list_cap;
  struct conn **conn_list;
  uint32_t conn_count, conn_cap;
  struct node *nodes;
  uint32_t node_count, node_cap;
  rs_addr programs[SWARM_PROGRAMS_MAX];
  struct line lines[SWARM_TRACE_LINES];
  uint64_t line_count;
  bool stopping;
  char dump[160];
};

/* ---- swarm_net.c ---- */

void swarm_net_push(struct swarm_net *n, struct event e);
uint64_t swarm_net_up_to(struct swarm_net *n, uint64_t most);             /* random, 0 to most */
uint64_t swarm_net_between(struct swarm_net *n, const uint64_t range[2]); /* random, both ends included */
void swarm_net_note(struct swarm_net *n, uint64_t value);                 /* into the trace hash */
struct place *swarm_net_place(const struct swarm_net *n, rs_addr addr);   /* NULL: nobody lives there */
void swarm_net_add_place(struct swarm_net *n, uint32_t roles, rs_addr addr, struct rs_node_info *info);
void swarm_net_take_place(struct swarm_net *n, struct place *p); /* without a word to anybody */

/* ---- swarm_conn.c ---- */

uint64_t swarm_net_delay(struct swarm_net *n, rs_addr from, rs_addr to);                /* of one message */
void swarm_net_send(struct swarm_net *n, rs_addr from, rs_addr to, struct rs_msg *msg); /* takes over `msg` */
/* EV_FAILED: true when the sender hears SEND_FAILED now. */
bool swarm_net_attempt_ends(const struct event *e);

/* ---- swarm_fault.c ---- */

uint64_t swarm_net_parted(const struct swarm_net *n, rs_addr a, rs_addr b); /* until when; 0: not */
void swarm_net_kill(struct swarm_net *n, struct place *p, bool fault, uint64_t notice_ns);
/* silent: nobody hears of it before the health check's time has passed. */
void swarm_net_node_down(struct swarm_net *n, rs_node_id id, bool fault, bool silent);
void swarm_net_node_up(struct swarm_net *n, rs_node_id id, struct rs_node_info *info);
void swarm_net_fault(struct swarm_net *n, const struct swarm_fault *f);

#endif
