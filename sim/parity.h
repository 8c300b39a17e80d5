/* parity.h -- a recorded real run, simulated again from what came from outside.
 *
 *     struct rs_parity *run = rs_parity_load(paths, count, err, sizeof err);
 *     rs_parity_simulate(run, &opts, &result);               once a process: it starts SimGrid
 *     result.hash == rs_parity_recorded(run)->hash            the decisions are the same, in the same order
 *
 * From the recordings of all endpoints (core/record.h) the simulation takes: how each endpoint began, the CALLs and
 * when they came, how long each task ran and what its function gave, how long each copy took, how long each worker took
 * to start, how long each message was on its way, how late each alarm came, and the ends of processes that nothing in
 * the run asked for. The simulator's own driver does the rest (driver.h, struct rs_sim_measured). The simulation takes
 * no decision and no message: an input exists only when an effect of the simulated endpoints produces it. All processes
 * of a recorded run share one machine and its monotonic clock, so a message's delay is when it was handled minus when
 * the step that sent it began.
 *
 * Not thread-safe.
 */
#ifndef RS_SIM_PARITY_H
#define RS_SIM_PARITY_H

#include "core/io.h"

struct rs_parity;

/* Reads all recordings of one run. NULL with one line in err: a file that is no recording, or one whose effects are not
 * those of this build (then the run does not even conform). */
struct rs_parity *rs_parity_load(const char *const *paths, uint32_t count, char *err, size_t err_size);
void rs_parity_free(struct rs_parity *run);

/* What decided, and how much of everything there was. */
struct rs_parity_result {
  uint64_t hash;      /* of all decisions of all endpoints, merged by time (then by address) */
  uint64_t endpoints; /* that took part */
  uint64_t inputs;    /* handled */
  uint64_t effects;
  uint64_t decisions;
  uint64_t messages, tasks, copies, timers, calls, workers; /* of the inputs, and WORKER_START effects */
  uint64_t traces[RS_TRACE_KINDS];
  uint64_t first_ns, last_ns; /* of the inputs, on the recording's clock */
  /* of a simulation only */
  uint64_t same_decisions; /* endpoints whose decisions are those that were recorded */
  uint64_t same_effects;   /* endpoints all of whose effects are, byte for byte */
  uint64_t same_performed; /* endpoints whose effects the driver performed in the recorded order */
  uint64_t unproduced;     /* recorded inputs that no simulated effect produced */
  uint64_t unrecorded;     /* inputs that were produced beyond those recorded: their delay is a guess */
  uint64_t other_content;  /* messages that differ from the recorded ones in their place */
  uint64_t other_copies;   /* copies that came, of objects that the driver has not at their source */
  uint64_t unheard;        /* ends of processes that the driver told to one who, as recorded, never heard of them */
  uint64_t ties;           /* inputs at the same moment as the endpoint's one before: put in recorded order */
  bool swapped;            /* the place of opts.swap was there */
  uint64_t sleeps;         /* times SimGrid's clock was moved */
  rs_addr first_other;     /* the endpoint whose decisions part first, or 0 */
  uint64_t first_other_at; /* ... and at which of its decisions */
};

const struct rs_parity_result *rs_parity_recorded(const struct rs_parity *run);

struct rs_parity_opts {
  const struct rs_place_policy *policy;            /* NULL: the recorded one */
  void (*change_config)(struct rs_config *config); /* NULL: as recorded */
  /* Plants a difference in the driver: at the n-th place where a step has two SENDs, or with swap_decisions two
   * decisions (TRACE), it performs these in the other order. 0: nowhere. */
  uint32_t swap;
  bool swap_decisions;
  uint64_t origin_ns; /* each node's clock begins later than the one before by this; decisions must not see it */
};

/* Simulates the run. Starts SimGrid: once a process, fork before. */
void rs_parity_simulate(struct rs_parity *run, const struct rs_parity_opts *opts, struct rs_parity_result *out);

/* Plants a difference into the tables before a simulation, at the `skip`th place where it is possible after the first
 * third of the run; false where there is none. `what` gets one line. swap: two lease requests of two owners reach a
 * raylet in the other order, by one delay. loss: a lease request is lost. */
bool rs_parity_plant_swap(struct rs_parity *run, uint32_t skip, char *what, size_t what_size);
bool rs_parity_plant_loss(struct rs_parity *run, uint32_t skip, char *what, size_t what_size);

#endif
