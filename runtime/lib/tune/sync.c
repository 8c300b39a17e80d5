/* sync.c -- synchronous brackets; see sync.h.
 *
 * Open brackets sit in slots that are used again; `ready` is a heap, oldest first, of those that have jobs to give;
 * `home` maps a live trial to its slot. Closing a rung sorts its n_k results with a heap: O(log n) for each of them.
 */
#include "lib/tune/sync.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/map.h"

struct bracket {
  const struct rs_tune_sync_shape *shape; /* NULL: the slot is free */
  uint32_t number;
  uint32_t rung;              /* 0 = its lowest */
  uint32_t job_count;         /* n_k */
  uint32_t given, ended;      /* of them */
  uint32_t *trials;           /* of the jobs of this rung above the lowest, best first */
  struct rs_tune_heap result; /* what was reported in this rung */
};

struct rs_tune_sync {
  struct rs_tune_sched_opts opts;
  struct rs_tune_sync_shape *shapes;
  uint32_t shape_count;
  uint64_t level_to[RS_TUNE_RUNGS_MAX];
  bool number_brackets;
  uint32_t bracket_number; /* of the next one */
  uint32_t started;
  struct bracket *slots;
  uint32_t slot_count, slot_cap, open_count;
  struct rs_tune_ids free_slots;
  struct rs_tune_heap ready; /* key = number, entry = slot */
  struct rs_map home;        /* trial + 1 -> slot */
  struct rs_tune_ids discarded;
};

struct rs_tune_sync *rs_tune_sync_new(const struct rs_tune_sched_opts *opts, const struct rs_tune_sync_shape *shapes,
                                      uint32_t shape_count, const uint64_t *level_to, uint32_t level_count,
                                      bool number_brackets)
{
  RS_ASSERT(shape_count > 0 && level_count <= RS_TUNE_RUNGS_MAX);
  struct rs_tune_sync *sync = rs_alloc_zero(1, sizeof *sync);
  sync->opts = *opts;
  sync->shapes = rs_memdup(shapes, shape_count * sizeof *shapes);
  sync->shape_count = shape_count;
  for (uint32_t i = 0; i < level_count; i++)
    sync->level_to[i] = level_to[i];
  sync->number_brackets = number_brackets;
  return sync;
}

void rs_tune_sync_destroy(void *state)
{
  struct rs_tune_sync *sync = state;
  for (uint32_t i = 0; i < sync->slot_count; i++) {
    free(sync->slots[i].trials);
    rs_tune_heap_free(&sync->slots[i].result);
  }
  free(sync->slots);
  free(sync->shapes);
  rs_tune_ids_free(&sync->free_slots);
  rs_tune_ids_free(&sync->discarded);
  rs_tune_heap_free(&sync->ready);
  rs_map_free(&sync->home);
  free(sync);
}

static void make_ready(struct rs_tune_sync *sync, uint32_t slot)
{
  rs_tune_heap_push(&sync->ready, (struct rs_tune_item){.key = sync->slots[slot].number, .entry = slot});
}

/* Opens the next bracket; false when no trials are left for one. */
static bool open_bracket(struct rs_tune_sync *sync)
{
  if (sync->started >= sync->opts.trial_count)
    return false;
  uint64_t left = sync->opts.trial_count - sync->started;
  uint32_t slot;
  if (!rs_tune_ids_take(&sync->free_slots, &slot)) {
    RS_GROW(sync->slots, sync->slot_count, sync->slot_cap);
    slot = sync->slot_count++;
    sync->slots[slot] = (struct bracket){0};
  }
  struct bracket *bracket = &sync->slots[slot];
  bracket->shape = &sync->shapes[sync->bracket_number % sync->shape_count];
  bracket->number = sync->bracket_number++;
  bracket->rung = bracket->given = bracket->ended = 0;
  bracket->job_count = bracket->shape->size < left ? bracket->shape->size : (uint32_t)left;
  sync->open_count++;
  make_ready(sync, slot);
  return true;
}

enum rs_tune_pick rs_tune_sync_next(void *state, struct rs_tune_job *job)
{
  struct rs_tune_sync *sync = state;
  if (sync->ready.count == 0 && !open_bracket(sync))
    return sync->open_count > 0 ? RS_TUNE_PICK_WAIT : RS_TUNE_PICK_DONE;
  uint32_t slot = sync->ready.items[0].entry;
  struct bracket *bracket = &sync->slots[slot];
  RS_ASSERT(bracket->given < bracket->job_count);
  if (bracket->rung == 0) {
    RS_ASSERT(sync->started < RS_TUNE_TRIALS_MAX);
    job->trial = sync->started++;
    rs_map_put(&sync->home, (uint64_t)job->trial + 1, slot);
  } else {
    job->trial = bracket->trials[bracket->given];
  }
  job->bracket = sync->number_brackets ? bracket->number : bracket->shape->label;
  job->rung = bracket->shape->first_level + bracket->rung;
  job->to = sync->level_to[job->rung];
  if (++bracket->given == bracket->job_count)
    rs_tune_heap_pop(&sync->ready);
  return bracket->rung == 0 ? RS_TUNE_PICK_START : RS_TUNE_PICK_RESUME;
}

static void forget(struct rs_tune_sync *sync, uint32_t trial)
{
  RS_ASSERT(rs_map_remove(&sync->home, (uint64_t)trial + 1, NULL));
  rs_tune_ids_add(&sync->discarded, trial);
}

/* Every job of the rung has ended: keep the best, open the next rung or close the bracket. */
static void close_rung(struct rs_tune_sync *sync, uint32_t slot)
{
  struct bracket *bracket = &sync->slots[slot];
  bool top = bracket->rung + 1 == bracket->shape->rung_count;
  uint32_t keep = top ? 0 : bracket->job_count / sync->opts.eta;
  if (keep > bracket->result.count)
    keep = bracket->result.count;
  if (keep > 0)
    bracket->trials = rs_realloc(bracket->trials, keep, sizeof *bracket->trials);
  for (uint32_t place = 0; bracket->result.count > 0; place++) {
    uint32_t trial = rs_tune_heap_pop(&bracket->result).trial;
    if (place < keep)
      bracket->trials[place] = trial;
    else
      forget(sync, trial);
  }
  if (keep == 0) {
    bracket->shape = NULL;
    sync->open_count--;
    rs_tune_ids_add(&sync->free_slots, slot);
    return;
  }
  bracket->rung++;
  bracket->job_count = keep;
  bracket->given = bracket->ended = 0;
  make_ready(sync, slot);
}

static uint32_t slot_of(const struct rs_tune_sync *sync, uint32_t trial)
{
  const uint64_t *slot = rs_map_find(&sync->home, (uint64_t)trial + 1);
  RS_ASSERT(slot);
  struct bracket *bracket = &sync->slots[*slot];
  RS_ASSERT(bracket->shape && bracket->ended < bracket->given);
  return (uint32_t)*slot;
}

enum rs_tune_verdict rs_tune_sync_report(void *state, uint32_t trial, uint64_t resource, double value,
                                         struct rs_tune_job *job)
{
  (void)job;
  struct rs_tune_sync *sync = state;
  uint32_t slot = slot_of(sync, trial);
  struct bracket *bracket = &sync->slots[slot];
  RS_ASSERT(resource == sync->level_to[bracket->shape->first_level + bracket->rung]);
  bool top = bracket->rung + 1 == bracket->shape->rung_count;
  struct rs_tune_item item = {.key = rs_tune_key(sync->opts.mode, value), .trial = trial};
  rs_tune_heap_push(&bracket->result, item);
  if (++bracket->ended == bracket->job_count)
    close_rung(sync, slot);
  return top ? RS_TUNE_COMPLETE : RS_TUNE_PAUSE;
}

void rs_tune_sync_drop(void *state, uint32_t trial)
{
  struct rs_tune_sync *sync = state;
  uint32_t slot = slot_of(sync, trial);
  forget(sync, trial);
  if (++sync->slots[slot].ended == sync->slots[slot].job_count)
    close_rung(sync, slot);
}

bool rs_tune_sync_discard(void *state, uint32_t *trial)
{
  struct rs_tune_sync *sync = state;
  return rs_tune_ids_take(&sync->discarded, trial);
}
