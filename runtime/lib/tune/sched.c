/* sched.c -- the table of trial schedulers, and what their options must satisfy. */
#include "lib/tune/sched.h"

#include "base/assert.h"

#include <string.h>

const struct rs_tune_sched *const rs_tune_scheds[] = {&rs_tune_fifo, &rs_tune_asha,      &rs_tune_asha_stopping,
                                                      &rs_tune_sha,  &rs_tune_hyperband, NULL};

const char *const rs_tune_sched_names[] = {"fifo", "asha", "asha-stopping", "sha", "hyperband", NULL};

const struct rs_tune_sched *rs_tune_sched_find(const char *name)
{
  for (uint32_t i = 0; rs_tune_scheds[i]; i++)
    if (strcmp(rs_tune_scheds[i]->name, name) == 0)
      return rs_tune_scheds[i];
  return NULL;
}

uint32_t rs_tune_levels(uint64_t low, uint64_t high, uint32_t eta)
{
  RS_ASSERT(low > 0 && low <= high && eta >= 2);
  uint32_t levels = 0;
  while (low <= high / eta) {
    low *= eta;
    levels++;
  }
  return levels;
}

uint64_t rs_tune_level(uint64_t low, uint32_t eta, uint32_t level)
{
  while (level-- > 0)
    RS_ASSERT(!__builtin_mul_overflow(low, eta, &low));
  return low;
}

const char *rs_tune_sched_check(const struct rs_tune_sched *sched, const struct rs_tune_sched_opts *opts)
{
  uint64_t low = sched == &rs_tune_asha_stopping && opts->grace > 0 ? opts->grace : opts->r_min;
  if (opts->trial_count != RS_TUNE_TRIALS_UNBOUNDED && opts->trial_count > RS_TUNE_TRIALS_MAX)
    return "there are more than 2^32 - 2 trials";
  if (opts->r_max < 1)
    return "the largest resource is below 1";
  if (sched == &rs_tune_fifo)
    return NULL;
  if (opts->eta < 2)
    return "the reduction factor is below 2";
  if (low < 1)
    return "the smallest resource is below 1";
  if (low > opts->r_max)
    return "the smallest resource is above the largest";
  uint32_t levels = rs_tune_levels(low, opts->r_max, opts->eta);
  uint32_t brackets = opts->brackets ? opts->brackets : 1;
  if (sched != &rs_tune_hyperband && (opts->s > levels || brackets - 1 > levels - opts->s))
    return "a bracket would start above the largest resource";
  if (sched == &rs_tune_hyperband && opts->brackets > levels + 1)
    return "there are fewer brackets than asked for between the smallest and the largest resource";
  /* Brackets are held in memory and counted in 32 bits: eta^levels <= 2^24. */
  if ((sched == &rs_tune_hyperband || (sched == &rs_tune_sha && opts->bracket_size == 0)) &&
      rs_tune_levels(1, UINT64_C(1) << 24, opts->eta) < levels)
    return "a bracket would have more than 16777216 configurations";
  if (sched == &rs_tune_sha && opts->bracket_size > UINT32_C(1) << 24)
    return "a bracket has more than 16777216 configurations";
  return NULL;
}
