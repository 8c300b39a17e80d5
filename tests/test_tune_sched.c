/* Trial schedulers: each rule on its own, and whole random runs against slow references that follow the papers' words.
 */
#include "base/alloc.h"
#include "base/maths.h"
#include "base/rng.h"
#include "check.h"
#include "lib/tune/sched.h"

#include <time.h>

static const struct rs_tune_sched_opts DEFAULTS = {
    .mode = RS_TUNE_MIN, .eta = 4, .r_min = 1, .r_max = 64, .trial_count = RS_TUNE_TRIALS_UNBOUNDED};

static void *make(const struct rs_tune_sched *sched, struct rs_tune_sched_opts opts)
{
  const char *wrong = rs_tune_sched_check(sched, &opts);
  if (wrong)
    printf("\n    %s\n", wrong);
  CHECK(!wrong);
  return sched->create(&opts);
}

/* ---- order ---- */

static void keys_order_values(void)
{
  const double better_first[] = {-RS_INFINITY, -1e300, -2, -0x1p-1074, 0, 0x1p-1074, 1, 1e300, RS_INFINITY, RS_NAN};
  enum { COUNT = sizeof better_first / sizeof *better_first };
  for (int i = 0; i < COUNT; i++)
    for (int j = 0; j < COUNT; j++)
      CHECK_EQ(rs_tune_key(RS_TUNE_MIN, better_first[i]) < rs_tune_key(RS_TUNE_MIN, better_first[j]), i < j);
  CHECK(rs_tune_key(RS_TUNE_MIN, -0.0) == rs_tune_key(RS_TUNE_MIN, 0.0));
  CHECK(rs_tune_key(RS_TUNE_MAX, -0.0) == rs_tune_key(RS_TUNE_MAX, 0.0));
  CHECK(rs_tune_key(RS_TUNE_MAX, 2) < rs_tune_key(RS_TUNE_MAX, 1));
  CHECK(rs_tune_key(RS_TUNE_MAX, RS_NAN) == RS_TUNE_KEY_NAN);
  CHECK(rs_tune_key(RS_TUNE_MAX, -RS_INFINITY) < RS_TUNE_KEY_NAN);
  for (int i = 0; i < COUNT - 1; i++)
    CHECK(rs_tune_key_loss(rs_tune_key(RS_TUNE_MIN, better_first[i])) == better_first[i]);
  CHECK(rs_tune_key_loss(rs_tune_key(RS_TUNE_MAX, 3)) == -3);
  CHECK(rs_is_nan(rs_tune_key_loss(RS_TUNE_KEY_NAN)));
}

static void heaps_sort(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  for (int worst_first = 0; worst_first < 2; worst_first++) {
    struct rs_tune_heap heap = {.worst_first = worst_first};
    for (uint32_t i = 0; i < 1000; i++)
      rs_tune_heap_push(&heap, (struct rs_tune_item){rs_rng_below(&rng, 50), i, 0});
    struct rs_tune_item before = rs_tune_heap_pop(&heap);
    while (heap.count > 0) {
      struct rs_tune_item item = rs_tune_heap_pop(&heap);
      CHECK(worst_first ? rs_tune_better(item, before) : rs_tune_better(before, item));
      before = item;
    }
    rs_tune_heap_free(&heap);
  }
}

static void ladders_are_exact(void)
{
  CHECK_EQ(rs_tune_levels(1, 64, 4), 3);
  CHECK_EQ(rs_tune_levels(1, 63, 4), 2);
  CHECK_EQ(rs_tune_levels(1, 81, 3), 4);
  CHECK_EQ(rs_tune_levels(1, 243, 3), 5); /* log(243)/log(3) in doubles is below 5 */
  CHECK_EQ(rs_tune_levels(5, 5, 2), 0);
  CHECK_EQ(rs_tune_levels(1, UINT64_MAX, 2), 63);
  CHECK_EQ(rs_tune_level(3, 4, 2), 48);
}

static void the_table_finds_by_name(void)
{
  uint32_t count = 0;
  for (; rs_tune_scheds[count]; count++) {
    CHECK_STR(rs_tune_scheds[count]->name, rs_tune_sched_names[count]);
    CHECK(rs_tune_sched_find(rs_tune_sched_names[count]) == rs_tune_scheds[count]);
    CHECK(rs_tune_scheds[count]->doc[0]);
  }
  CHECK_EQ(count, 5);
  CHECK(!rs_tune_sched_names[count]);
  CHECK(!rs_tune_sched_find("median"));
}

static void bad_options_are_refused(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  for (uint32_t i = 0; rs_tune_scheds[i]; i++)
    CHECK(!rs_tune_sched_check(rs_tune_scheds[i], &opts));
  opts.eta = 1;
  CHECK(!rs_tune_sched_check(&rs_tune_fifo, &opts));
  CHECK_STR(rs_tune_sched_check(&rs_tune_asha, &opts), "the reduction factor is below 2");
  opts = DEFAULTS;
  opts.r_min = 0;
  CHECK_STR(rs_tune_sched_check(&rs_tune_sha, &opts), "the smallest resource is below 1");
  opts.grace = 65;
  CHECK_STR(rs_tune_sched_check(&rs_tune_asha_stopping, &opts), "the smallest resource is above the largest");
  opts = DEFAULTS;
  opts.s = 4;
  CHECK_STR(rs_tune_sched_check(&rs_tune_asha, &opts), "a bracket would start above the largest resource");
  opts.s = 2;
  opts.brackets = 3;
  CHECK_STR(rs_tune_sched_check(&rs_tune_asha_stopping, &opts), "a bracket would start above the largest resource");
  opts.brackets = 2;
  CHECK(!rs_tune_sched_check(&rs_tune_asha_stopping, &opts));
  opts = DEFAULTS;
  opts.brackets = 5;
  CHECK(rs_tune_sched_check(&rs_tune_hyperband, &opts) != NULL);
  opts = DEFAULTS;
  opts.r_max = UINT64_MAX;
  CHECK(rs_tune_sched_check(&rs_tune_hyperband, &opts) != NULL);
  CHECK(rs_tune_sched_check(&rs_tune_sha, &opts) != NULL);
  opts.bracket_size = 100;
  CHECK(!rs_tune_sched_check(&rs_tune_sha, &opts));
  opts.trial_count = UINT64_C(1) << 32;
  CHECK(rs_tune_sched_check(&rs_tune_fifo, &opts) != NULL);
}

/* ---- a little cluster: jobs that run, and end in a random order ---- */

struct cluster {
  const struct rs_tune_sched *sched;
  void *state;
  struct rs_tune_job *running;
  uint32_t running_count, running_cap;
};

static enum rs_tune_pick give(struct cluster *cluster, struct rs_tune_job *job)
{
  enum rs_tune_pick pick = cluster->sched->next(cluster->state, job);
  if (pick == RS_TUNE_PICK_START || pick == RS_TUNE_PICK_RESUME) {
    RS_GROW(cluster->running, cluster->running_count, cluster->running_cap);
    cluster->running[cluster->running_count++] = *job;
  }
  return pick;
}

static struct rs_tune_job take(struct cluster *cluster, uint32_t at)
{
  struct rs_tune_job job = cluster->running[at];
  cluster->running[at] = cluster->running[--cluster->running_count];
  return job;
}

static void end_cluster(struct cluster *cluster)
{
  cluster->sched->destroy(cluster->state);
  free(cluster->running);
}

static void expect(struct cluster *cluster, enum rs_tune_pick pick, uint32_t trial, uint64_t to)
{
  struct rs_tune_job job;
  CHECK_EQ(give(cluster, &job), pick);
  CHECK_EQ(job.trial, trial);
  CHECK_EQ(job.to, to);
}

/* ---- fifo ---- */

static void fifo_trains_each_to_the_end(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.trial_count = 3;
  struct cluster c = {.sched = &rs_tune_fifo, .state = make(&rs_tune_fifo, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 3; i++)
    expect(&c, RS_TUNE_PICK_START, i, 64);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_DONE);
  uint32_t trial;
  CHECK(!c.sched->discard(c.state, &trial));
  CHECK_EQ(c.sched->report(c.state, 1, 64, RS_NAN, &job), RS_TUNE_COMPLETE);
  CHECK(c.sched->discard(c.state, &trial));
  CHECK_EQ(trial, 1);
  c.sched->drop(c.state, 0);
  CHECK(c.sched->discard(c.state, &trial));
  CHECK_EQ(trial, 0);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_DONE);
  end_cluster(&c);
}

/* ---- asha ---- */

static void asha_promotes_the_best_of_eta(void)
{
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, DEFAULTS)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 9; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  /* Nothing is promoted while |D| < eta, however good it is. */
  const double loss[] = {5, 3, 9};
  for (uint32_t i = 0; i < 3; i++)
    CHECK_EQ(c.sched->report(c.state, i, 1, loss[i], &job), RS_TUNE_PAUSE);
  expect(&c, RS_TUNE_PICK_START, 9, 1);
  /* The fourth result makes floor(4/4) = 1: the best so far. */
  c.sched->report(c.state, 3, 1, 4, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 1, 4);
  /* |D| counts the promoted one: 5 results still promote one only, which is started already. */
  c.sched->report(c.state, 4, 1, 3.5, &job);
  expect(&c, RS_TUNE_PICK_START, 10, 1);
  /* A better one takes the first place: it is promoted too, and trial 1 is not demoted. */
  c.sched->report(c.state, 5, 1, 1, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 5, 4);
  expect(&c, RS_TUNE_PICK_START, 11, 1);
  /* 8 results: floor(8/4) = 2, trials 5 and 1: both are promoted already. */
  c.sched->report(c.state, 6, 1, 8, &job);
  c.sched->report(c.state, 7, 1, 8, &job);
  expect(&c, RS_TUNE_PICK_START, 12, 1);
  CHECK_EQ(c.sched->report(c.state, 1, 4, 2, &job), RS_TUNE_PAUSE);
  end_cluster(&c);
}

static void asha_looks_at_the_highest_rung_first(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.eta = 2;
  opts.r_max = 4;
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 6; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  for (uint32_t i = 0; i < 4; i++)
    c.sched->report(c.state, i, 1, i, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 0, 2);
  expect(&c, RS_TUNE_PICK_RESUME, 1, 2);
  c.sched->report(c.state, 0, 2, 7, &job);
  c.sched->report(c.state, 1, 2, 6, &job);
  c.sched->report(c.state, 4, 1, 0.5, &job);
  c.sched->report(c.state, 5, 1, 0.6, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 1, 4); /* rung 1 before rung 0 */
  expect(&c, RS_TUNE_PICK_RESUME, 4, 2);
  expect(&c, RS_TUNE_PICK_RESUME, 5, 2);
  CHECK_EQ(c.sched->report(c.state, 1, 4, 6, &job), RS_TUNE_COMPLETE);
  end_cluster(&c);
}

static void asha_drops_never_enter(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.trial_count = 8;
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 8; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  for (uint32_t i = 0; i < 3; i++)
    c.sched->report(c.state, i, 1, i, &job);
  c.sched->drop(c.state, 3);
  CHECK_EQ(c.sched->next(c.state, &job), RS_TUNE_PICK_WAIT); /* 3 results and a drop are not 4 results */
  c.sched->report(c.state, 4, 1, 4, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 0, 4);
  c.sched->drop(c.state, 0); /* started at rung 1 and lost: never again, and trial 1 does not take its place */
  CHECK_EQ(c.sched->next(c.state, &job), RS_TUNE_PICK_WAIT);
  for (uint32_t i = 5; i < 8; i++)
    c.sched->drop(c.state, i);
  CHECK_EQ(c.sched->next(c.state, &job), RS_TUNE_PICK_DONE);
  end_cluster(&c);
}

static void asha_orders_nan_last_and_ties_by_trial(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.mode = RS_TUNE_MAX;
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 8; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  const double reward[] = {RS_NAN, -RS_INFINITY, 7, 7, RS_NAN, RS_NAN, RS_NAN, RS_NAN};
  c.sched->report(c.state, 3, 1, reward[3], &job);
  c.sched->report(c.state, 0, 1, reward[0], &job);
  c.sched->report(c.state, 1, 1, reward[1], &job);
  c.sched->report(c.state, 2, 1, reward[2], &job);
  expect(&c, RS_TUNE_PICK_RESUME, 2, 4);
  for (uint32_t i = 4; i < 8; i++)
    c.sched->report(c.state, i, 1, reward[i], &job);
  expect(&c, RS_TUNE_PICK_RESUME, 3, 4);
  end_cluster(&c);
}

static void asha_brackets_start_higher(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.brackets = 3;
  opts.s = 1;
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, opts)};
  struct rs_tune_job job;
  const uint64_t to[] = {4, 16, 64};
  for (uint32_t i = 0; i < 12; i++) {
    expect(&c, RS_TUNE_PICK_START, i, to[i % 3]);
    CHECK_EQ(c.running[i].bracket, i % 3);
    CHECK_EQ(c.running[i].rung, 1 + i % 3);
  }
  for (uint32_t i = 0; i < 12; i += 3)
    c.sched->report(c.state, i, 4, i, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 0, 16);
  CHECK_EQ(c.sched->report(c.state, 2, 64, 1, &job), RS_TUNE_COMPLETE);
  end_cluster(&c);
}

/* The paper's rule word for word: for each rung from the highest, sort D, walk over its first floor(|D|/eta). */
enum { REFERENCE_TRIALS = 700, REFERENCE_RUNGS = 5 };

struct reference {
  uint32_t eta, top; /* K */
  struct rs_tune_item done[REFERENCE_RUNGS][REFERENCE_TRIALS];
  uint32_t done_count[REFERENCE_RUNGS];
  bool started_at[REFERENCE_RUNGS][REFERENCE_TRIALS];
  uint32_t started;
};

static bool reference_promotes(struct reference *reference, uint32_t *trial, uint32_t *rung)
{
  for (uint32_t k = reference->top; k-- > 0;) {
    struct rs_tune_item *d = reference->done[k];
    uint32_t count = reference->done_count[k];
    for (uint32_t i = 1; i < count; i++)
      for (uint32_t j = i; j > 0 && rs_tune_better(d[j], d[j - 1]); j--) {
        struct rs_tune_item swap = d[j];
        d[j] = d[j - 1];
        d[j - 1] = swap;
      }
    for (uint32_t i = 0; i < count / reference->eta; i++)
      if (!reference->started_at[k + 1][d[i].trial]) {
        reference->started_at[k + 1][d[i].trial] = true;
        *trial = d[i].trial;
        *rung = k + 1;
        return true;
      }
  }
  return false;
}

static void asha_run_equals_the_paper(uint64_t seed)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, seed);
  struct reference *reference = rs_alloc_zero(1, sizeof *reference);
  reference->eta = 2 + (uint32_t)rs_rng_below(&rng, 4);
  reference->top = 1 + (uint32_t)rs_rng_below(&rng, REFERENCE_RUNGS - 1);
  bool bounded = rs_rng_below(&rng, 2);
  uint32_t trials = bounded ? 1 + (uint32_t)rs_rng_below(&rng, REFERENCE_TRIALS) : REFERENCE_TRIALS;
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.mode = rs_rng_below(&rng, 2) ? RS_TUNE_MAX : RS_TUNE_MIN;
  opts.eta = reference->eta;
  opts.r_min = 1 + rs_rng_below(&rng, 3);
  opts.r_max = rs_tune_level(opts.r_min, opts.eta, reference->top) + rs_rng_below(&rng, 2);
  if (bounded)
    opts.trial_count = trials;
  uint32_t slots = 1 + (uint32_t)rs_rng_below(&rng, 60), distinct = 3 + (uint32_t)rs_rng_below(&rng, 1000);
  struct cluster c = {.sched = &rs_tune_asha, .state = make(&rs_tune_asha, opts)};
  bool discarded[REFERENCE_TRIALS] = {false};
  for (;;) {
    while (c.running_count < slots) {
      struct rs_tune_job job;
      uint32_t want_trial, want_rung;
      bool promoted = reference_promotes(reference, &want_trial, &want_rung);
      if (!promoted && reference->started == trials && !bounded)
        break;
      enum rs_tune_pick pick = give(&c, &job);
      if (!promoted && reference->started == trials) {
        CHECK_EQ(pick, c.running_count ? RS_TUNE_PICK_WAIT : RS_TUNE_PICK_DONE);
        break;
      }
      CHECK_EQ(pick, promoted ? RS_TUNE_PICK_RESUME : RS_TUNE_PICK_START);
      CHECK_EQ(job.trial, promoted ? want_trial : reference->started);
      CHECK_EQ(job.rung, promoted ? want_rung : 0);
      CHECK_EQ(job.to, rs_tune_level(opts.r_min, opts.eta, job.rung));
      CHECK(!discarded[job.trial]);
      reference->started += !promoted;
    }
    if (c.running_count == 0)
      break;
    struct rs_tune_job job = take(&c, (uint32_t)rs_rng_below(&rng, c.running_count)), unused;
    if (rs_rng_below(&rng, 20) == 0) {
      c.sched->drop(c.state, job.trial);
    } else {
      double value = rs_rng_below(&rng, 25) ? (double)rs_rng_below(&rng, distinct) : RS_NAN;
      enum rs_tune_verdict verdict = c.sched->report(c.state, job.trial, job.to, value, &unused);
      CHECK_EQ(verdict, job.rung == reference->top ? RS_TUNE_COMPLETE : RS_TUNE_PAUSE);
      if (job.rung < reference->top)
        reference->done[job.rung][reference->done_count[job.rung]++] =
            (struct rs_tune_item){rs_tune_key(opts.mode, value), job.trial, 0};
    }
    for (uint32_t trial; c.sched->discard(c.state, &trial);) {
      CHECK(!discarded[trial]);
      discarded[trial] = true;
    }
  }
  if (bounded && trials >= 4 * opts.eta) { /* most of the losers were let go before the end */
    uint32_t count = 0;
    for (uint32_t i = 0; i < trials; i++)
      count += discarded[i];
    CHECK(count >= trials / 4);
  }
  end_cluster(&c);
  free(reference);
}

static void asha_equals_the_paper_on_random_runs(void)
{
  for (uint64_t seed = 0; seed < 60; seed++)
    asha_run_equals_the_paper(seed);
}

/* ---- asha-stopping ---- */

static void stopping_compares_before_it_records(void)
{
  struct cluster c = {.sched = &rs_tune_asha_stopping, .state = make(&rs_tune_asha_stopping, DEFAULTS)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 6; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  /* The first always survives, however bad. */
  CHECK_EQ(c.sched->report(c.state, 0, 1, 100, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(job.to, 4);
  CHECK_EQ(job.rung, 1);
  /* Against {100} alone: equal survives, worse does not. */
  CHECK_EQ(c.sched->report(c.state, 1, 1, 100, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(c.sched->report(c.state, 2, 1, 100.5, &job), RS_TUNE_STOP);
  CHECK_EQ(c.sched->report(c.state, 3, 1, 1, &job), RS_TUNE_CONTINUE);
  /* Rewards {-100.5, -100, -100, -1}: 75th percentile at place 2.25 = -100 + 0.25 * 99 = -75.25. */
  CHECK_EQ(c.sched->report(c.state, 4, 1, 75.25, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(c.sched->report(c.state, 5, 1, 75.26, &job), RS_TUNE_STOP);
  uint32_t trial;
  CHECK(c.sched->discard(c.state, &trial));
  CHECK_EQ(trial, 5);
  CHECK_EQ(c.sched->report(c.state, 3, 4, 1, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(c.sched->report(c.state, 3, 16, 1, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(job.to, 64);
  CHECK_EQ(c.sched->report(c.state, 3, 64, 1000, &job), RS_TUNE_COMPLETE);
  end_cluster(&c);
}

static void stopping_handles_nan_and_infinity(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.mode = RS_TUNE_MAX;
  opts.eta = 2;
  opts.r_max = 3;
  struct cluster c = {.sched = &rs_tune_asha_stopping, .state = make(&rs_tune_asha_stopping, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 8; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  CHECK_EQ(c.sched->report(c.state, 0, 1, RS_NAN, &job), RS_TUNE_CONTINUE); /* nothing to compare with */
  CHECK_EQ(c.sched->report(c.state, 1, 1, -5, &job), RS_TUNE_CONTINUE);     /* NaN is ignored in the percentile */
  CHECK_EQ(c.sched->report(c.state, 2, 1, RS_NAN, &job), RS_TUNE_STOP);
  CHECK_EQ(c.sched->report(c.state, 3, 1, -RS_INFINITY, &job), RS_TUNE_STOP);
  CHECK_EQ(c.sched->report(c.state, 4, 1, -RS_INFINITY, &job), RS_TUNE_CONTINUE); /* median of -inf, -5: -inf */
  CHECK_EQ(c.sched->report(c.state, 0, 2, 0, &job), RS_TUNE_CONTINUE);
  CHECK_EQ(job.to, 3); /* R is no milestone of its own ladder, but still the end */
  CHECK_EQ(c.sched->report(c.state, 0, 3, 0, &job), RS_TUNE_COMPLETE);
  end_cluster(&c);
}

/* numpy.nanpercentile, method "linear", written from its documentation: sort, place q (n - 1), interpolate. */
static bool reference_cutoff(const double *rewards, uint32_t count, uint32_t eta, double *cutoff)
{
  double sorted[400];
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++)
    if (!rs_is_nan(rewards[i])) {
      uint32_t at = n++;
      for (; at > 0 && sorted[at - 1] > rewards[i]; at--)
        sorted[at] = sorted[at - 1];
      sorted[at] = rewards[i];
    }
  if (n == 0)
    return false;
  double place = (n - 1) * ((1.0 - 1.0 / eta) * 100.0 / 100.0);
  uint32_t low = (uint32_t)place, high = low + 1 < n ? low + 1 : low;
  double t = place - low, span = sorted[high] - sorted[low];
  *cutoff = t >= 0.5 ? sorted[high] - span * (1 - t) : sorted[low] + span * t;
  return true;
}

static void stopping_equals_ray_on_random_runs(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 11);
  uint32_t stopped = 0;
  for (int run = 0; run < 40; run++) {
    struct rs_tune_sched_opts opts = DEFAULTS;
    opts.mode = run % 2 ? RS_TUNE_MAX : RS_TUNE_MIN;
    opts.eta = 2 + (uint32_t)run % 4;
    opts.r_max = 1000;
    opts.grace = 2;
    struct cluster c = {.sched = &rs_tune_asha_stopping, .state = make(&rs_tune_asha_stopping, opts)};
    double rewards[12][400];
    uint32_t counts[12] = {0};
    struct rs_tune_job job;
    uint64_t distinct = run % 3 ? 1000000 : 7;
    for (uint32_t i = 0; i < 20; i++)
      give(&c, &job);
    for (uint32_t event = 0; event < 380; event++) {
      job = take(&c, (uint32_t)rs_rng_below(&rng, c.running_count));
      uint64_t milestone = 2;
      uint32_t level = 0;
      for (; milestone < job.to; level++)
        milestone *= opts.eta;
      double value = (double)rs_rng_below(&rng, distinct) / 1000, reward = opts.mode == RS_TUNE_MIN ? -value : value,
             cutoff;
      enum rs_tune_verdict want = RS_TUNE_CONTINUE;
      if (job.to == 1000)
        want = RS_TUNE_COMPLETE;
      else if (reference_cutoff(rewards[level], counts[level], opts.eta, &cutoff) && reward < cutoff)
        want = RS_TUNE_STOP;
      stopped += want == RS_TUNE_STOP;
      if (job.to < 1000)
        rewards[level][counts[level]++] = reward;
      CHECK_EQ(c.sched->report(c.state, job.trial, job.to, value, &job), want);
      if (want == RS_TUNE_CONTINUE) {
        CHECK_EQ(job.to, milestone * opts.eta < 1000 ? milestone * opts.eta : 1000);
        c.running[c.running_count++] = job;
      } else {
        give(&c, &job);
      }
    }
    end_cluster(&c);
  }
  CHECK(stopped > 1000);
}

/* ---- sha ---- */

static void sha_waits_for_the_whole_rung(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.r_max = 16;
  opts.trial_count = 16;
  struct cluster c = {.sched = &rs_tune_sha, .state = make(&rs_tune_sha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 16; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_WAIT);
  for (uint32_t i = 0; i < 15; i++) {
    CHECK_EQ(c.sched->report(c.state, i, 1, 16 - i, &job), RS_TUNE_PAUSE);
    CHECK_EQ(give(&c, &job), RS_TUNE_PICK_WAIT);
  }
  c.sched->report(c.state, 15, 1, 100, &job);
  for (uint32_t i = 0; i < 4; i++)
    expect(&c, RS_TUNE_PICK_RESUME, 14 - i, 4); /* floor(16/4), best first */
  uint32_t trial, count = 0;
  for (; c.sched->discard(c.state, &trial); count++)
    CHECK(trial < 11 || trial == 15);
  CHECK_EQ(count, 12);
  for (uint32_t i = 11; i < 15; i++)
    c.sched->report(c.state, i, 4, i, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 11, 16);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_WAIT);
  CHECK_EQ(c.sched->report(c.state, 11, 16, 3, &job), RS_TUNE_COMPLETE);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_DONE);
  end_cluster(&c);
}

static void sha_opens_brackets_when_slots_would_idle(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.bracket_size = 9; /* 9, 2, then floor(2/4) = 0: over */
  opts.s = 1;
  struct cluster c = {.sched = &rs_tune_sha, .state = make(&rs_tune_sha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 21; i++) {
    expect(&c, RS_TUNE_PICK_START, i, 4);
    CHECK_EQ(c.running[i].bracket, i / 9);
  }
  for (uint32_t i = 0; i < 9; i++)
    c.sched->report(c.state, i, 4, i, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 0, 16); /* the oldest bracket first */
  expect(&c, RS_TUNE_PICK_RESUME, 1, 16);
  expect(&c, RS_TUNE_PICK_START, 21, 4);
  c.sched->report(c.state, 0, 16, 1, &job);
  c.sched->report(c.state, 1, 16, 1, &job);
  uint32_t trial, count = 0;
  while (c.sched->discard(c.state, &trial))
    count++;
  CHECK_EQ(count, 9); /* all of bracket 0 */
  expect(&c, RS_TUNE_PICK_START, 22, 4);
  end_cluster(&c);
}

static void sha_keeps_its_share_of_the_jobs_when_some_are_dropped(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.eta = 2;
  opts.r_max = 4;
  opts.bracket_size = 8;
  opts.trial_count = 8;
  struct cluster c = {.sched = &rs_tune_sha, .state = make(&rs_tune_sha, opts)};
  struct rs_tune_job job;
  for (uint32_t i = 0; i < 8; i++)
    expect(&c, RS_TUNE_PICK_START, i, 1);
  for (uint32_t i = 0; i < 4; i++)
    c.sched->report(c.state, i, 1, i, &job);
  for (uint32_t i = 4; i < 7; i++)
    c.sched->drop(c.state, i);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_WAIT);
  c.sched->drop(c.state, 7); /* the last to end closes the rung: floor(8/2) = 4 of the 4 that are left */
  for (uint32_t i = 0; i < 4; i++)
    expect(&c, RS_TUNE_PICK_RESUME, i, 2);
  for (uint32_t i = 1; i < 4; i++)
    c.sched->drop(c.state, i);
  c.sched->report(c.state, 0, 2, RS_NAN, &job);
  expect(&c, RS_TUNE_PICK_RESUME, 0, 4); /* 1 result is less than floor(4/2) */
  c.sched->drop(c.state, 0);
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_DONE);
  end_cluster(&c);
}

/* ---- hyperband ---- */

struct round {
  uint32_t s, size;
  uint64_t to;
};

/* With one slot, brackets run one after another: the runs of equal (bracket, resource) are the table in the paper. */
static void check_hyperband(uint32_t eta, uint64_t r_max, const struct round *rounds, uint32_t round_count)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.eta = eta;
  opts.r_max = r_max;
  const struct rs_tune_sched *sched = &rs_tune_hyperband;
  void *state = make(sched, opts);
  struct rs_tune_job job;
  for (uint32_t pass = 0; pass < 2; pass++) /* and again from the start */
    for (uint32_t i = 0; i < round_count; i++) {
      bool first = i == 0 || rounds[i].s != rounds[i - 1].s;
      for (uint32_t j = 0; j < rounds[i].size; j++) {
        CHECK_EQ(sched->next(state, &job), first ? RS_TUNE_PICK_START : RS_TUNE_PICK_RESUME);
        CHECK_EQ(job.bracket, rounds[i].s);
        CHECK_EQ(job.to, rounds[i].to);
        CHECK_EQ(sched->report(state, job.trial, job.to, job.trial % 7, &job),
                 rounds[i].to == r_max ? RS_TUNE_COMPLETE : RS_TUNE_PAUSE);
      }
    }
  sched->destroy(state);
}

static void hyperband_has_the_brackets_of_the_paper(void)
{
  const struct round eta3[] = {{4, 81, 1}, {4, 27, 3}, {4, 9, 9},  {4, 3, 27}, {4, 1, 81},
                               {3, 34, 3}, {3, 11, 9}, {3, 3, 27}, {3, 1, 81}, {2, 15, 9},
                               {2, 5, 27}, {2, 1, 81}, {1, 8, 27}, {1, 2, 81}, {0, 5, 81}};
  check_hyperband(3, 81, eta3, sizeof eta3 / sizeof *eta3);
  const struct round eta4[] = {{3, 64, 1}, {3, 16, 4}, {3, 4, 16}, {3, 1, 64}, {2, 22, 4},
                               {2, 5, 16}, {2, 1, 64}, {1, 8, 16}, {1, 2, 64}, {0, 4, 64}};
  check_hyperband(4, 64, eta4, sizeof eta4 / sizeof *eta4);
  const struct round uneven[] = {{2, 9, 11}, {2, 3, 33}, {2, 1, 100}, {1, 5, 33}, {1, 1, 100}, {0, 3, 100}};
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.r_min = 10; /* R/r = 10: s_max = 2, and 100 is no power of 3 */
  opts.eta = 3;
  opts.r_max = 100;
  void *state = make(&rs_tune_hyperband, opts);
  for (uint32_t i = 0; i < sizeof uneven / sizeof *uneven; i++)
    for (uint32_t j = 0; j < uneven[i].size; j++) {
      struct rs_tune_job job;
      rs_tune_hyperband.next(state, &job);
      CHECK_EQ(job.bracket, uneven[i].s);
      CHECK_EQ(job.to, uneven[i].to);
      rs_tune_hyperband.report(state, job.trial, job.to, 0, &job);
    }
  rs_tune_hyperband.destroy(state);
}

static void hyperband_uses_the_most_aggressive_brackets(void)
{
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.brackets = 2;
  opts.trial_count = 64 + 22 + 10;
  struct cluster c = {.sched = &rs_tune_hyperband, .state = make(&rs_tune_hyperband, opts)};
  for (uint32_t i = 0; i < 96; i++) {
    expect(&c, RS_TUNE_PICK_START, i, i < 64 || i >= 86 ? 1 : 4);
    CHECK_EQ(c.running[i].bracket, i < 64 || i >= 86 ? 3 : 2);
  }
  struct rs_tune_job job;
  CHECK_EQ(give(&c, &job), RS_TUNE_PICK_WAIT);
  end_cluster(&c);
}

/* ---- all of them ---- */

/* Every scheduler ends a bounded search: each trial starts once, runs once at a time, is discarded at most once and
 * never named after that; equal runs make equal decisions. */
static uint64_t bounded_search(const struct rs_tune_sched *sched, uint64_t seed, uint32_t slots, uint32_t trials,
                               uint32_t drop_in)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, seed);
  struct rs_tune_sched_opts opts = DEFAULTS;
  opts.trial_count = trials;
  struct cluster c = {.sched = sched, .state = make(sched, opts)};
  uint8_t *known = rs_alloc_zero(trials, 1); /* 1 running, 2 paused, 3 discarded */
  uint32_t started = 0, complete = 0;
  uint64_t hash = 0;
  enum rs_tune_pick pick = RS_TUNE_PICK_START;
  struct rs_tune_job job;
  do {
    while (c.running_count < slots && (pick = give(&c, &job)) <= RS_TUNE_PICK_RESUME) {
      CHECK(job.rung < RS_TUNE_RUNGS_MAX && job.to >= 1 && job.to <= 64);
      CHECK_EQ(known[job.trial], pick == RS_TUNE_PICK_START ? 0 : 2);
      CHECK(pick == RS_TUNE_PICK_RESUME || job.trial == started);
      started += pick == RS_TUNE_PICK_START;
      known[job.trial] = 1;
      hash = rs_mix64(hash ^ (uint64_t)job.trial << 32 ^ job.to);
    }
    CHECK(c.running_count > 0 || pick == RS_TUNE_PICK_DONE); /* never WAIT for nothing */
    if (c.running_count == 0)
      break;
    job = take(&c, (uint32_t)rs_rng_below(&rng, c.running_count));
    uint32_t trial = job.trial;
    if (rs_rng_below(&rng, drop_in) == 0) {
      sched->drop(c.state, trial);
      known[trial] = 2;
    } else {
      double value = rs_rng_unit(&rng) + 10.0 / (double)job.to;
      enum rs_tune_verdict verdict = sched->report(c.state, trial, job.to, value, &job);
      hash = rs_mix64(hash ^ (uint64_t)trial << 32 ^ verdict);
      switch (verdict) {
      case RS_TUNE_CONTINUE: c.running[c.running_count++] = job; break;
      case RS_TUNE_COMPLETE:
        complete++;
        known[trial] = 2;
        break;
      case RS_TUNE_PAUSE:
      case RS_TUNE_STOP: known[trial] = 2; break;
      }
    }
    while (sched->discard(c.state, &trial)) {
      CHECK_EQ(known[trial], 2);
      known[trial] = 3;
    }
  } while (true);
  CHECK_EQ(started, trials);
  CHECK(complete > 0);
  end_cluster(&c);
  free(known);
  return hash;
}

static void every_scheduler_ends_a_bounded_search(void)
{
  for (uint32_t i = 0; rs_tune_scheds[i]; i++)
    for (uint64_t seed = 0; seed < 6; seed++) {
      uint32_t slots = seed % 2 ? 1 : 50;
      uint64_t hash = bounded_search(rs_tune_scheds[i], seed, slots, 1000, 30);
      CHECK(hash == bounded_search(rs_tune_scheds[i], seed, slots, 1000, 30));
      CHECK(hash != bounded_search(rs_tune_scheds[i], seed + 100, slots, 1000, 30));
    }
}

/* The simulated workload of the ASHA paper (section 4.4 and its appendix): 25 workers, eta 4, r 1, R 256, an epoch
 * takes one unit of time, a job that takes d takes d (1 + |z|), z ~ N(0, sd), and is dropped with probability p in each
 * unit. Counts the configurations trained to R until the time is up, and finds when the first one was. */
struct outcome {
  double completed, first; /* means over the runs; a run without one counts with the whole time */
};

static struct outcome paper_workload(const struct rs_tune_sched *sched, double sd, double drop_in_unit)
{
  enum { WORKERS = 25, TIME = 2000, RUNS = 20 };
  struct outcome outcome = {0, 0};
  for (uint64_t run = 0; run < RUNS; run++) {
    struct rs_rng rng;
    rs_rng_seed(&rng, run);
    struct rs_tune_sched_opts opts = DEFAULTS;
    opts.r_max = 256;
    void *state = make(sched, opts);
    struct {
      struct rs_tune_job job;
      double end;
      bool dropped;
    } worker[WORKERS] = {0};
    uint64_t trained[50000] = {0};
    double first = TIME, now = 0;
    for (uint32_t jobs = 0; now < TIME; jobs++) {
      uint32_t at = jobs < WORKERS ? jobs : 0; /* all get a job at the start; then whoever ends first */
      for (uint32_t i = 0; jobs >= WORKERS && i < WORKERS; i++)
        at = worker[i].end < worker[at].end ? i : at;
      struct rs_tune_job *job = &worker[at].job;
      now = worker[at].end;
      if (worker[at].dropped) {
        sched->drop(state, job->trial);
      } else if (job->to > 0) {
        trained[job->trial] = job->to;
        struct rs_rng quality;
        rs_rng_seed(&quality, rs_rng_derive(run, job->trial));
        double loss = rs_rng_unit(&quality);
        if (sched->report(state, job->trial, job->to, loss, job) == RS_TUNE_COMPLETE && now < TIME) {
          outcome.completed += 1.0 / RUNS;
          first = now < first ? now : first;
        }
      }
      CHECK(sched->next(state, job) <= RS_TUNE_PICK_RESUME); /* an unbounded search never idles */
      CHECK(job->trial < sizeof trained / sizeof *trained);
      double z = rs_normal(&rng) * sd, units = (double)(job->to - trained[job->trial]) * (1 + (z < 0 ? -z : z));
      double lasts = drop_in_unit > 0 ? rs_log(1 - rs_rng_unit(&rng)) / rs_log(1 - drop_in_unit) : RS_INFINITY;
      worker[at].dropped = lasts < units;
      worker[at].end = now + (lasts < units ? lasts : units);
    }
    outcome.first += first / RUNS;
    sched->destroy(state);
  }
  return outcome;
}

static void asha_is_robust_where_sha_is_not(void)
{
  const double harsh[][2] = {{0, 0}, {0.56, 0}, {1.33, 0}, {0, 0.001}, {1.33, 0.001}};
  for (size_t i = 0; i < sizeof harsh / sizeof *harsh; i++) {
    double sd = harsh[i][0], drop_in_unit = harsh[i][1];
    struct outcome asha = paper_workload(&rs_tune_asha, sd, drop_in_unit);
    struct outcome sha = paper_workload(&rs_tune_sha, sd, drop_in_unit);
    printf("\n    sd %.2f, dropped %.3f: asha %.1f at R, the first at %.0f; sha %.1f, %.0f ", sd, drop_in_unit,
           asha.completed, asha.first, sha.completed, sha.first);
    CHECK(asha.completed > 1.25 * sha.completed);
    if (sd == 0 && drop_in_unit == 0)
      CHECK(sha.first < 1.05 * asha.first); /* on equal workers the barrier costs nothing */
    if (sd > 1 && drop_in_unit == 0)
      CHECK(sha.first > 1.25 * asha.first); /* a rung waits for its slowest job */
  }
}

static void three_hundred_thousand_trials_are_quick(void)
{
  for (uint32_t i = 0; rs_tune_scheds[i]; i++) {
    clock_t start = clock();
    bounded_search(rs_tune_scheds[i], 1, 10000, 300000, 1000);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%s %.2f s ", rs_tune_scheds[i]->name, seconds);
    CHECK(seconds < 20); /* 0.1 s on a quiet machine; scanning D would take minutes */
  }
}

const struct rs_test rs_tests[] = {{"keys", keys_order_values},
                                   {"heaps", heaps_sort},
                                   {"ladders", ladders_are_exact},
                                   {"table", the_table_finds_by_name},
                                   {"bad options", bad_options_are_refused},
                                   {"fifo", fifo_trains_each_to_the_end},
                                   {"asha promotes", asha_promotes_the_best_of_eta},
                                   {"asha highest rung first", asha_looks_at_the_highest_rung_first},
                                   {"asha drops", asha_drops_never_enter},
                                   {"asha nan and ties", asha_orders_nan_last_and_ties_by_trial},
                                   {"asha brackets", asha_brackets_start_higher},
                                   {"asha equals the paper", asha_equals_the_paper_on_random_runs},
                                   {"stopping", stopping_compares_before_it_records},
                                   {"stopping nan and infinity", stopping_handles_nan_and_infinity},
                                   {"stopping equals Ray", stopping_equals_ray_on_random_runs},
                                   {"sha waits", sha_waits_for_the_whole_rung},
                                   {"sha opens brackets", sha_opens_brackets_when_slots_would_idle},
                                   {"sha drops", sha_keeps_its_share_of_the_jobs_when_some_are_dropped},
                                   {"hyperband of the paper", hyperband_has_the_brackets_of_the_paper},
                                   {"hyperband brackets", hyperband_uses_the_most_aggressive_brackets},
                                   {"every scheduler ends", every_scheduler_ends_a_bounded_search},
                                   {"robust", asha_is_robust_where_sha_is_not},
                                   {"300,000 trials", three_hundred_thousand_trials_are_quick},
                                   {0}};
