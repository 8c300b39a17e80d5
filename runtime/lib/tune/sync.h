/* sync.h -- synchronous successive halving in brackets: what `sha` and `hyperband` share.
 *
 * A bracket starts n new trials at its lowest rung. Once every one of a rung's n_k jobs has ended (reported or
 * dropped), the best floor(n_k/eta) of those that reported are resumed at the next rung, and the others are discarded;
 * after the top rung, or when nobody is kept, the bracket is over. Older brackets have their jobs taken first. A
 * further bracket opens when no open one has a job to give, so that no slot idles while trials are left. The last
 * bracket of a bounded search may be smaller.
 *
 * Memory: the open brackets only.
 */
#ifndef RS_TUNE_SYNC_H
#define RS_TUNE_SYNC_H

#include "lib/tune/sched.h"

struct rs_tune_sync_shape { /* of one bracket */
  uint32_t label;           /* what jobs carry as .bracket, unless number_brackets */
  uint32_t size;            /* n: new trials, > 0 */
  uint32_t rung_count;      /* s + 1 */
  uint32_t first_level;     /* of the lowest rung, on the ladder */
};

struct rs_tune_sync;

/* Brackets take the shapes in turn. level_to[l]: the resource of level l; copied. */
struct rs_tune_sync *rs_tune_sync_new(const struct rs_tune_sched_opts *opts, const struct rs_tune_sync_shape *shapes,
                                      uint32_t shape_count, const uint64_t *level_to, uint32_t level_count,
                                      bool number_brackets);

/* The rest of the scheduler's table (see sched.h); `state` is a struct rs_tune_sync. */
void rs_tune_sync_destroy(void *state);
enum rs_tune_pick rs_tune_sync_next(void *state, struct rs_tune_job *job);
enum rs_tune_verdict rs_tune_sync_report(void *state, uint32_t trial, uint64_t resource, double value,
                                         struct rs_tune_job *job);
void rs_tune_sync_drop(void *state, uint32_t trial);
bool rs_tune_sync_discard(void *state, uint32_t *trial);

#endif
