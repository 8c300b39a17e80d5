/* sha.c -- synchronous successive halving (Jamieson and Talwalkar, AISTATS 2016), run in parallel as in Li et al.,
 * MLSys 2020: rung k of a bracket trains to r eta^(s+k) and keeps floor(n_k/eta); further brackets open when slots
 * would idle. See sync.h.
 */
#include "lib/tune/sync.h"

static void *create(const struct rs_tune_sched_opts *opts)
{
  uint32_t levels = rs_tune_levels(opts->r_min, opts->r_max, opts->eta);
  uint64_t level_to[RS_TUNE_RUNGS_MAX];
  for (uint32_t level = 0; level <= levels; level++)
    level_to[level] = rs_tune_level(opts->r_min, opts->eta, level);
  struct rs_tune_sync_shape shape = {
      .size = opts->bracket_size, .rung_count = levels - opts->s + 1, .first_level = opts->s};
  if (shape.size == 0)
    shape.size = (uint32_t)rs_tune_level(1, opts->eta, levels - opts->s);
  return rs_tune_sync_new(opts, &shape, 1, level_to, levels + 1, true);
}

const struct rs_tune_sched rs_tune_sha = {"sha",
                                          "synchronous successive halving, further brackets when slots would idle",
                                          create,
                                          rs_tune_sync_destroy,
                                          rs_tune_sync_next,
                                          rs_tune_sync_report,
                                          rs_tune_sync_drop,
                                          rs_tune_sync_discard};
