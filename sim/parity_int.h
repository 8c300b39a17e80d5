/* parity_int.h -- the tables of a recorded run; only sim/parity*.c include it. */
#ifndef RS_SIM_PARITY_INT_H
#define RS_SIM_PARITY_INT_H

#include "base/map.h"
#include "core/record.h"
#include "sim/parity.h"

#define PARITY_NO_RANK UINT32_MAX

/* Something that follows an effect after a measured time. Rank: its place among the recorded inputs of its endpoint,
 * looked at only where two inputs of one endpoint fall on one moment. */
struct parity_delay {
  uint64_t ns; /* RS_TIME_NEVER: it never came */
  uint32_t rank;
};

/* The messages of one direction of one pair, in the order in which they were sent. */
struct parity_conn {
  rs_addr from, to;
  struct parity_sent {
    uint64_t sent_ns, hash;
    uint16_t type;
    struct parity_delay arrives, fails; /* fails: a SEND_FAILED came instead, or after it */
  } * sent;
  uint32_t count, cap, matched;
  /* of the simulation */
  uint32_t next;
  uint64_t last_due_ns; /* first in, first out */
};

/* One run of a function. */
struct parity_task {
  struct rs_id id;
  rs_addr worker;
  uint64_t begin_ns;
  struct parity_delay ends;
  enum rs_input_kind kind;
  struct rs_result *result; /* one reference; NULL where it never ended */
  bool used;
  uint32_t next; /* of the same task, later */
};

/* A COPY, RESTORE or SPILL, or a CREATE in a file, and the input that ends it. */
struct parity_copy {
  struct rs_id object;
  rs_addr raylet;
  enum rs_input_kind kind;
  uint64_t begin_ns;
  struct parity_delay ends;
  int32_t status;
  bool used;
};

/* An alarm that was set: how late it came, or would at least have come. */
struct parity_alarm {
  int64_t late_ns; /* INT64_MAX: it never came */
  uint32_t rank;
};

/* An input of an endpoint that no effect of another produces, or the end of a process that none asked for. */
struct parity_outside {
  uint64_t at_ns;
  uint32_t ep, rank;
  bool ends;             /* the process of `ep` ends, killed or done: no input */
  struct rs_input input; /* a CALL is owned */
};

/* What follows when a process ends: WORKER_STOP, its own EXIT, or from outside. */
struct parity_ending {
  rs_addr who;
  uint64_t begin_ns;
  uint32_t ep; /* who hears PEER_DOWN */
  struct parity_delay heard;
  /* of the simulation */
  uint64_t ended_ns;
  bool used;
};

/* What follows when a host is asked for: its raylet's START, HOST_UP at the GCS. */
struct parity_launch {
  uint64_t request, begin_ns;
  uint32_t ep; /* who hears; UINT32_MAX: the request itself */
  enum rs_input_kind kind;
  rs_addr raylet;
  struct parity_delay heard;
  uint64_t asked_ns; /* of the simulation */
};

struct parity_decision {
  uint64_t at_ns;
  rs_addr self;
  uint32_t order; /* of the endpoint's decisions */
  uint8_t trace;
  uint64_t a, b, c;
};

struct parity_ep {
  struct rs_record_start *start;
  rs_addr self;
  uint64_t *input_ns; /* when each recorded input was handled */
  uint32_t input_count, input_cap;
  struct parity_alarm *alarms;
  uint32_t alarm_count, alarm_cap;
  uint64_t effects_hash, decisions_hash, performed_hash;
  struct parity_delay starts; /* after its WORKER_START */
  bool started;               /* by a WORKER_START */
  uint32_t decision_first;    /* place of its first one in `decisions` */
  uint32_t decision_count;
};

struct rs_parity {
  rs_addr gcs;
  struct parity_ep *eps;
  uint32_t ep_count, ep_cap;
  struct rs_map by_addr; /* index + 1 */
  struct parity_conn *conns;
  uint32_t conn_count, conn_cap;
  struct rs_map by_pair; /* index + 1 */
  struct parity_task *tasks;
  uint32_t task_count, task_cap;
  struct rs_map by_task; /* index + 1 of the first run */
  struct parity_copy *copies;
  uint32_t copy_count, copy_cap;
  struct parity_outside *outside;
  uint32_t outside_count, outside_cap;
  struct parity_ending *endings;
  uint32_t ending_count, ending_cap;
  struct parity_launch *launches;
  uint32_t launch_count, launch_cap;
  struct parity_decision *decisions; /* as recorded, an endpoint after the other */
  uint32_t decision_count, decision_cap;
  struct rs_parity_result recorded;
};

static inline struct parity_ep *parity_ep(const struct rs_parity *run, rs_addr self)
{
  const uint64_t *found = rs_map_find(&run->by_addr, self);
  return found ? &run->eps[*found - 1] : NULL;
}

struct parity_conn *parity_conn(struct rs_parity *run, rs_addr from, rs_addr to); /* makes it */

/* By time, address, order; and the hash over what was decided. Sorts. */
uint64_t parity_merge(struct parity_decision *decisions, uint32_t count);

/* Of what the driver tells as it performs effects, in its order: SEND (also each of a SEND_MANY: receiver, content),
 * TASK_RUN (the task), WORKER_START (the worker), HOST_ADD (the request), TRACE (its kind and first number). */
uint64_t parity_performed_hash(uint64_t hash, enum rs_effect_kind kind, uint64_t a, uint64_t b);

uint64_t parity_task_key(struct rs_id id);

uint64_t parity_decision_hash(uint64_t hash, const struct rs_effect *effect);

#endif
