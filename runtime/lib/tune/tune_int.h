/* tune_int.h -- the controller's state, shared by tune.c (decisions) and tune_actor.c (calls to the owner). */
#ifndef RS_TUNE_TUNE_INT_H
#define RS_TUNE_TUNE_INT_H

#include "base/map.h"
#include "lib/tune/tune.h"

#define DYING UINT32_MAX

struct trial {
  uint64_t epoch; /* of its checkpoint: 0 = from nothing */
  uint8_t *checkpoint;
  uint32_t checkpoint_bytes;
  uint32_t failures;
  struct rs_dep object; /* id.seq 0 = none */
};

enum slot_state { FREE, IDLE, BUSY };

struct slot {
  uint64_t actor; /* sequence number */
  uint64_t call;  /* sequence number; BUSY only */
  uint64_t to;    /* of that call */
  struct rs_tune_job job;
  uint8_t state;
  uint8_t return_count; /* of that call */
  bool alive;           /* the owner has said so */
  bool fresh;           /* the actor has not got this trial yet */
};

struct tune {
  struct rs_app app;
  struct rs_tune_opts opts;
  void *sched;
  rs_addr self;
  uint64_t next_seq, start_ns;
  struct rs_tune_value *values; /* scratch: a configuration */
  struct rs_tune_metrics metrics;
  struct trial *trials;
  uint32_t trial_count, trial_cap;
  struct slot *slots;
  uint32_t slot_count, slot_cap;
  struct rs_tune_ids free_slots;
  struct rs_tune_ids idle_slots; /* may name one that is not idle any more, or twice */
  struct rs_map calls, actors;   /* sequence number -> slot */
  uint32_t pending, living, dying;
  uint64_t fruitless; /* attempts that have failed since the last result */
  bool exhausted;     /* the scheduler is done */
  bool forsaken;      /* the grace after the end has passed */
  struct rs_tune_summary summary;
};

/* The slot's job as a piece of work, up to slot->to. Uses tune->values: one at a time. */
struct rs_tune_work rs_tune_work_of(struct tune *tune, const struct slot *slot);

/* The next call of the slot's job, as far as one call may go, to its actor; or to a new actor, created for it. */
void rs_tune_train(struct tune *tune, uint32_t at, struct rs_calls *calls);
void rs_tune_create_and_train(struct tune *tune, uint32_t at, struct rs_calls *calls);

/* The slot has no actor any more; kill: because it is told to end. */
void rs_tune_leave_actor(struct tune *tune, struct slot *slot);
void rs_tune_kill_actor(struct tune *tune, struct slot *slot, struct rs_calls *calls);

/* The slot's call is over: what it returned may go, but for return `keep` (-1: everything). */
void rs_tune_release_call(struct tune *tune, struct slot *slot, int keep, struct rs_calls *calls);

/* The trial of the slot has trained to slot->to: the checkpoint in tune->metrics, or in the result's returns, is its
 * own now. */
void rs_tune_store_checkpoint(struct tune *tune, struct slot *slot, const struct rs_result *result,
                              struct rs_calls *calls);
void rs_tune_forget_checkpoint(struct tune *tune, struct trial *trial, struct rs_calls *calls);

#endif
