/* Swarm mode on the SimGrid driver: random clusters, settings and faults, the sanity checks after every step, the rules
 * of checkers.h at rest, each seed with and without the codec. Every other seed delivers each view at once: then both
 * runs have the same trace. (Otherwise versions are left out where they come by pointer: a deduction that no version
 * between has room for lives on.) RAYSIM_SWARM_FIRST and RAYSIM_SWARM_SEEDS choose others. */
#include "base/alloc.h"
#include "base/rng.h"
#include "core/endpoint.h"
#include "sim/checkers.h"
#include "test_driver_run.h"

enum { APPS_MAX = 3, WORKERS_MAX = 4000, BROKEN = 31, ENDED = 0, FAILED = 1, WANTED = 2 };

static uint64_t seed_of_run;

static uint64_t pick(struct rs_rng *rng, uint64_t least, uint64_t most)
{
  return least + rs_rng_below(rng, most - least + 1);
}

static void draw_settings(struct rs_rng *rng, struct rs_config *c)
{
  static const int64_t periods_ms[] = {1, 10, 100, 1000}, leases_ms[] = {0, 20, 500};
  c->gcs_publish_to_all = (int64_t)pick(rng, 0, 1);
  c->gcs_publish_period_milliseconds = periods_ms[pick(rng, 0, 3)];
  c->raylet_report_resources_period_milliseconds = periods_ms[pick(rng, 0, 3)];
  c->worker_lease_timeout_milliseconds = leases_ms[pick(rng, 0, 2)];
  c->max_tasks_in_flight_per_worker = (int64_t)pick(rng, 1, 64);
  c->num_workers_soft_limit = (int64_t)pick(rng, 0, 4) - 1;
  c->task_retry_delay_ms = pick(rng, 0, 1) ? 50 : 0;
  c->scheduler_top_k_absolute = (int64_t)pick(rng, 1, 4);
}

/* The last one by rate, so that something happens in every run. All is over after two minutes. */
static void draw_faults(struct rs_rng *rng, struct run *run, uint32_t nodes)
{
  static const enum rs_sim_fault_kind kinds[] = {RS_SIM_NODE_DOWN, RS_SIM_WORKER_KILL, RS_SIM_PARTITION};
  uint32_t count = (uint32_t)pick(rng, 0, 3);
  for (uint32_t i = 0; i < count; i++)
    run->faults[i] = (struct rs_sim_fault){.kind = kinds[pick(rng, 0, 2)],
                                           .at_ns = RS_S + pick(rng, 0, 30 * RS_S),
                                           .group = RS_SIM_ANY,
                                           .node = (uint32_t)pick(rng, 0, nodes - 1),
                                           .count = 1,
                                           .down_ns = RS_S + pick(rng, 0, 20 * RS_S),
                                           .process = pick(rng, 0, 1)};
  run->faults[count] = (struct rs_sim_fault){.kind = kinds[pick(rng, 0, 1)],
                                             .at_ns = RS_TIME_NEVER,
                                             .rate_per_s = 0.01,
                                             .until_ns = 60 * RS_S,
                                             .group = RS_SIM_ANY,
                                             .down_ns = RS_S + pick(rng, 0, 20 * RS_S),
                                             .process = true};
  run->cluster.fault_count = count + 1;
}

static void draw_app(struct rs_rng *rng, struct rs_sim_tasks *app)
{
  rs_sim_tasks_init(app);
  app->count = pick(rng, 1, 400);
  app->batch = (uint32_t)pick(rng, 1, 100);
  app->in_flight_max = pick(rng, 0, 1) ? 0 : pick(rng, app->batch, 200);
  app->duration_max_ns = pick(rng, 1, 3 * RS_S);
  app->duration_min_ns = pick(rng, 0, app->duration_max_ns);
  app->return_bytes = pick(rng, 0, 1) ? 0 : pick(rng, 1, 4 << 20);
  app->start_ns = pick(rng, 0, 5 * RS_S);
  app->max_retries = -1;
  app->strategy = pick(rng, 0, 1) ? RS_STRATEGY_SPREAD : RS_STRATEGY_DEFAULT;
  app->cpu_e4 = pick(rng, 0, 2) ? 0 : RS_ONE_E4 / 2;
  app->seed = rs_rng_next(rng);
}

static struct rs_endpoint *raylet_of(const struct rs_sim *sim, rs_node_id node)
{
  struct rs_endpoint *ep = NULL;
  for (uint32_t incarnation = 64; incarnation > 0 && !ep; incarnation--)
    ep = rs_sim_endpoint(sim, rs_addr_make(node, incarnation, RS_EP_RAYLET));
  return ep;
}

static void check_rest(const struct rs_sim *sim, struct run *run, const rs_addr *apps, uint32_t app_count)
{
  struct rs_checker checker;
  rs_checker_init(&checker, &run->config);
  uint32_t span = rs_sim_node_count(sim);
  struct rs_rest rest = {.gcs = rs_sim_endpoint(sim, rs_addr_make(0, 1, RS_EP_GCS)),
                         .raylets = rs_alloc(span * sizeof *rest.raylets),
                         .owners = rs_alloc(app_count * sizeof *rest.owners),
                         .stored_bytes = rs_sim_stats(sim)->store_bytes};
  uint32_t *workers = rs_alloc_zero(span, sizeof *workers);
  for (rs_node_id node = 0; node < span; node++) {
    const struct rs_endpoint *raylet = raylet_of(sim, node);
    if (!raylet)
      continue;
    for (uint32_t ep = RS_EP_WORKER; ep < RS_EP_WORKER + WORKERS_MAX; ep++)
      workers[rest.raylet_count] +=
          rs_sim_endpoint(sim, rs_addr_make(node, rs_addr_incarnation(raylet->self), ep)) != NULL;
    rest.raylets[rest.raylet_count++] = raylet;
  }
  rest.workers = workers;
  for (uint32_t i = 0; i < app_count; i++)
    if (rs_sim_endpoint(sim, apps[i]))
      rest.owners[rest.owner_count++] = rs_sim_endpoint(sim, apps[i]);
  if (rest.raylet_count != span || rest.owner_count != app_count)
    rs_check_fail(&checker, RS_CHECK_VIEW, "%u of %u nodes and %u of %u programs live", rest.raylet_count, span,
                  rest.owner_count, app_count);
  rs_check_rest(&checker, &rest);
  if (checker.broken == RS_CHECK_VIEW && !run->opts.eager) /* a view waits for the raylet's next input */
    checker.broken = rest.stored_bytes ? RS_CHECK_EMPTY : RS_CHECK_NONE;
  run->numbers[BROKEN] = checker.broken;
  if (checker.broken) {
    printf("\n  seed %llu (%s): %s\n", (unsigned long long)seed_of_run, rs_check_name(checker.broken), checker.what);
    rs_check_print(&rest, stdout);
  }
  free(workers);
  free(rest.raylets);
  free(rest.owners);
  rs_checker_free(&checker);
}

/* In the child. */
static void random_run(struct rs_sim *sim, struct run *run)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, rs_rng_derive(seed_of_run, 2));
  struct rs_sim_tasks apps[APPS_MAX];
  rs_addr addresses[APPS_MAX];
  uint32_t count = (uint32_t)pick(&rng, 1, APPS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    draw_app(&rng, &apps[i]);
    addresses[i] = rs_sim_add_app(sim, 0, &apps[i].app);
    run->numbers[WANTED] += apps[i].count;
  }
  run->end = rs_sim_run(sim);
  run->stats = *rs_sim_stats(sim);
  for (uint32_t i = 0; i < count; i++) {
    run->numbers[ENDED] += apps[i].ended;
    run->numbers[FAILED] += apps[i].failed;
  }
  check_rest(sim, run, addresses, count);
}

static struct run *run_seed(uint64_t seed, bool codec)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, rs_rng_derive(seed, 1));
  uint32_t nodes = (uint32_t)pick(&rng, 2, 24);
  struct run *run = run_new(nodes, (uint32_t)pick(&rng, 1, 8));
  draw_settings(&rng, &run->config);
  draw_faults(&rng, run, nodes);
  run->config.seed = run->opts.seed = seed;
  run->cluster.net.latency_ns = RS_US + pick(&rng, 0, 5 * RS_MS);
  run->opts.drift_ppb = (int32_t)pick(&rng, 0, 1000000);
  run->opts.drain_ns = 400 * RS_S; /* every node is back, every deduction over */
  run->opts.sanity = true;
  run->opts.eager = seed % 2;
  run->opts.codec_forced = codec;
  run->during = random_run;
  seed_of_run = seed;
  run_do(run);
  return run;
}

static bool same(const struct run_trace *x, const struct run_trace *y)
{
  return x->ns == y->ns && x->self == y->self && x->kind == y->kind && x->a == y->a && x->b == y->b && x->c == y->c;
}

static void print_first_difference(const struct run *a, const struct run *b)
{
  uint32_t i = 0;
  while (i < a->trace_count && i < b->trace_count && same(&a->traces[i], &b->traces[i]))
    i++;
  const struct run *both[] = {a, b};
  for (int k = 0; k < 2 && i < a->trace_count && i < b->trace_count; k++) {
    const struct run_trace *t = &both[k]->traces[i];
    printf("  trace %u, %s: %.9f s %llx %s %llx %llx %llx\n", i, k ? "codec" : "plain", (double)t->ns * 1e-9,
           (unsigned long long)t->self, rs_trace_name(t->kind), (unsigned long long)t->a, (unsigned long long)t->b,
           (unsigned long long)t->c);
  }
}

static void seeds_hold(void)
{
  const char *more = getenv("RAYSIM_SWARM_SEEDS");
  uint64_t seeds = more ? strtoull(more, NULL, 10) : 100, lost = 0, retried = 0;
  const char *from = getenv("RAYSIM_SWARM_FIRST");
  uint64_t first = from ? strtoull(from, NULL, 10) : 1;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    struct run *plain = run_seed(seed, false), *coded = run_seed(seed, true);
    bool held = plain->end == RS_SIM_DONE && coded->end == RS_SIM_DONE && !plain->numbers[BROKEN] &&
                !coded->numbers[BROKEN] && plain->numbers[ENDED] == plain->numbers[WANTED] &&
                plain->numbers[FAILED] == 0 && coded->numbers[ENDED] == plain->numbers[ENDED] &&
                coded->numbers[FAILED] == 0 &&
                (!plain->opts.eager || plain->stats.trace_hash == coded->stats.trace_hash);
    if (!held)
      printf("\n  seed %llu: end %d and %d, %llu of %llu tasks ended, %llu failed, trace %016llx and %016llx\n",
             (unsigned long long)seed, (int)plain->end, (int)coded->end, (unsigned long long)plain->numbers[ENDED],
             (unsigned long long)plain->numbers[WANTED], (unsigned long long)plain->numbers[FAILED],
             (unsigned long long)plain->stats.trace_hash, (unsigned long long)coded->stats.trace_hash);
    if (!held)
      print_first_difference(plain, coded);
    CHECK(held);
    lost += plain->stats.nodes_lost;
    retried += plain->stats.traces[RS_TRACE_TASK_RETRIED];
    run_free(plain);
    run_free(coded);
  }
  CHECK(lost > seeds / 4 && retried > seeds);
}

const struct rs_test rs_tests[] = {
    {"swarm on SimGrid: random runs hold, with and without the codec", seeds_hold},
    {0},
};
