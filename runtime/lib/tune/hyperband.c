/* hyperband.c -- HyperBand (Li et al., JMLR 18, 2018): brackets of successive halving from many short trials to few
 * long ones.
 *
 * With s_max = floor(log_eta(R/r)) and the same budget for each bracket, bracket s = s_max .. 0 starts
 * n = ceil((s_max + 1) eta^s / (s + 1)) trials at R eta^-s and keeps floor(n_k/eta) at each rung, up to R. After s = 0
 * it begins again with s_max. The paper counts R in units of the smallest resource r; where R is no power of eta, R
 * eta^-s is rounded down to whole epochs. Slots that would idle open the next bracket; see sync.h.
 */
#include "lib/tune/sync.h"

static void *create(const struct rs_tune_sched_opts *opts)
{
  uint32_t s_max = rs_tune_levels(opts->r_min, opts->r_max, opts->eta);
  uint64_t level_to[RS_TUNE_RUNGS_MAX];
  uint64_t to = opts->r_max;
  for (uint32_t level = s_max + 1; level-- > 0; to /= opts->eta)
    level_to[level] = to;
  struct rs_tune_sync_shape shapes[RS_TUNE_RUNGS_MAX];
  uint32_t count = opts->brackets ? opts->brackets : s_max + 1;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t s = s_max - i;
    uint64_t size = ((s_max + 1) * rs_tune_level(1, opts->eta, s) + s) / (s + 1);
    shapes[i] =
        (struct rs_tune_sync_shape){.label = s, .size = (uint32_t)size, .rung_count = s + 1, .first_level = s_max - s};
  }
  return rs_tune_sync_new(opts, shapes, count, level_to, s_max + 1, false);
}

const struct rs_tune_sched rs_tune_hyperband = {
    "hyperband",
    "brackets of successive halving, from many short trials to few long (Li et al. 2018)",
    create,
    rs_tune_sync_destroy,
    rs_tune_sync_next,
    rs_tune_sync_report,
    rs_tune_sync_drop,
    rs_tune_sync_discard};
