/* swarm.h -- swarm mode: seeded random experiments over the core, with every invariant checked.
 *
 *     raysim --swarm SEED
 *
 * A seed draws a cluster (1 to 40 nodes), settings, programs (tasks, objects, actors) and faults (crashes of workers
 * and nodes, broken connections, partitions, drifting clocks), runs them in simulated time and checks the rules of
 * checkers.h after every step and at rest. The same seed is always the same experiment. After FoundationDB's simulation
 * and TigerBeetle's VOPR. docs/swarm.md tells what is drawn and what is not covered.
 */
#ifndef RS_SIM_SWARM_H
#define RS_SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Bugs that a test plants in the driver, one for each checker: the core is right, what it hears or says is not. */
enum rs_swarm_plant {
  RS_PLANT_NONE,
  RS_PLANT_REPLY_TWICE,     /* a REPLY reaches the program twice */
  RS_PLANT_REPLY_WRONG,     /* a success is told as NODE_DIED */
  RS_PLANT_RETRY_FOREVER,   /* TASK_RETRIED tells one retry more than there was */
  RS_PLANT_PUSH_TWICE,      /* a PUSH_TASKS is delivered twice */
  RS_PLANT_LIMIT,           /* an actor is told to run one call more at a time than it may */
  RS_PLANT_NAME,            /* the head hears of no names */
  RS_PLANT_ITEM_TWICE,      /* a program gets an item of a stream twice */
  RS_PLANT_PRESSURE,        /* a worker hears that everything has been read */
  RS_PLANT_REORDER,         /* the calls inside a PUSH_TASKS come in reverse order */
  RS_PLANT_ACTOR_TWICE,     /* an actor's creation goes to a second worker as well */
  RS_PLANT_STORE_OVER,      /* an object's bytes are stored twice over */
  RS_PLANT_COPY_FAILS,      /* a COPY fails whose source is there */
  RS_PLANT_FALSE_DEATH,     /* the head hears PEER_DOWN of a node that lives */
  RS_PLANT_LOSE_RETURN,     /* a LEASE_RETURN is lost */
  RS_PLANT_LOSE_REPORT,     /* the last REPORT of a node is lost */
  RS_PLANT_LOSE_CONTENTION, /* a CONTENTION that says "nobody" is lost */
  RS_PLANT_LEAK_WORKER,     /* a WORKER_STOP is not carried out */
  RS_PLANT_DROP_FREE,       /* a FREE is not carried out */
  RS_PLANT_LOSE_MESSAGE,    /* a single TASKS_DONE is lost in the middle of a connection */
  RS_PLANT_FALSE_ACK,       /* BORROW_ADDs are lost, and acknowledged all the same */
  RS_PLANT_LOSE_REMOVE,     /* a BORROW_REMOVE is lost */
  RS_PLANT_NOISE,           /* an endpoint is woken for ever */
  RS_PLANT_GROUP_TWICE,     /* a raylet hears of a group's bundles that are another's */
  RS_PLANT_GROUP_STRATEGY,  /* the head hears of another strategy than was asked for */
  RS_PLANT_GROUP_ROOM,      /* a bundle's preparation is told many times over */
  RS_PLANT_GROUP_RETURN,    /* a GROUP_RETURN is lost */
  RS_PLANT_GROUP_PREPARED,  /* every GROUP_PREPARED is lost while the cluster comes to rest */
  RS_PLANT_NOT_FREED,       /* a FREE on request is not heard */
  RS_PLANT_CLOCK,           /* the second run of the seed has another delay */
  RS_PLANT_KINDS
};

struct rs_swarm_opts {
  enum rs_swarm_plant plant;
  bool no_faults;     /* draw the cluster and the programs, but no faults */
  bool once;          /* leave the second run out */
  bool quiet;         /* no line for a seed that passes */
  const char *commit; /* beside the version in the report of a failure; NULL: unknown */
  FILE *out;          /* NULL: stdout */
};

struct rs_swarm_result {
  uint32_t check; /* enum rs_check; 0: all held. RS_CHECK_KINDS: the process died (an assert of the core) */
  char what[256];
  uint64_t hash, events, sim_ns, tasks, failed, retried, runs, faults, groups;
};

/* One experiment in this process, on the in-memory network. An assert of the core aborts. */
void rs_swarm_once(uint64_t seed, const struct rs_swarm_opts *opts, struct rs_swarm_result *result);

/* The whole of a seed: runs it in a child process, twice, compares, and reports to opts->out. True: all held. */
bool rs_swarm_run(uint64_t seed, const struct rs_swarm_opts *opts, struct rs_swarm_result *result);

/* `count` seeds from `first` on; prints a line of totals. Returns the number of seeds that failed. */
uint64_t rs_swarm_many(uint64_t first, uint64_t count, const struct rs_swarm_opts *opts);

#endif
