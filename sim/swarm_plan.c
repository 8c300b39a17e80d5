/* swarm_plan.c -- what a seed stands for: cluster, settings, programs' sizes and faults, all drawn before the start.
 *
 * About a third of the seeds have no faults at all (there the rules are strictest), a third broken connections only or
 * crashes only, the rest everything. Settings are drawn among values that change what the core does, with Ray's default
 * about half of the time.
 */
#include <string.h>

#include "base/alloc.h"
#include "sim/swarm_int.h"

static uint64_t below(struct rs_rng *rng, uint64_t n)
{
  return rs_rng_below(rng, n);
}
static bool one_in(struct rs_rng *rng, uint64_t n)
{
  return below(rng, n) == 0;
}
static uint64_t pick(struct rs_rng *rng, const uint64_t *from, uint64_t count)
{
  return from[below(rng, count)];
}
#define PICK(rng, ...)                                                                                                 \
  pick(rng, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static struct rs_node_info *node_info(struct rs_rng *rng, uint64_t store_bytes)
{
  struct rs_res total = {0};
  total.cpu_e4 = (int64_t)PICK(rng, 1, 1, 2, 4, 8, 16) * RS_ONE_E4;
  total.memory_bytes = (int64_t)PICK(rng, 1, 4, 16) << 30;
  total.store_bytes = (int64_t)store_bytes;
  if (one_in(rng, 4)) {
    total.gpu_count = (uint8_t)PICK(rng, 1, 2, 8);
    for (int i = 0; i < total.gpu_count; i++)
      total.gpu_e4[i] = RS_ONE_E4;
  }
  return rs_node_info_new(&total);
}

static void draw_config(struct rs_rng *rng, struct rs_config *c)
{
  rs_config_defaults(c);
#define MAYBE(name, ...)                                                                                               \
  if (one_in(rng, 2))                                                                                                  \
  c->name = (int64_t)PICK(rng, __VA_ARGS__)
  MAYBE(worker_lease_timeout_milliseconds, 0, 1, 50, 500, 5000);
  MAYBE(max_pending_lease_requests_per_scheduling_category, 1, 2, 10, (uint64_t)-1);
  MAYBE(max_tasks_in_flight_per_worker, 1, 2, 16, 1024);
  MAYBE(pipeline_target_us, 0, 2000, 100000, 1000000);
  MAYBE(scheduler_spread_threshold_e4, 0, 5000, 10000);
  MAYBE(scheduler_top_k_fraction_e4, 0, 2000, 10000);
  MAYBE(scheduler_top_k_absolute, 1, 3, 1000);
  MAYBE(scheduler_avoid_gpu_nodes, 0, 1);
  MAYBE(locality_aware_leasing_enabled, 0, 1);
  MAYBE(spillback_deduction_milliseconds, 1, 100, 1000, 10000);
  MAYBE(raylet_report_resources_period_milliseconds, 1, 10, 100, 1000);
  MAYBE(gcs_publish_period_milliseconds, 0, 10, 100, 1000);
  MAYBE(gcs_publish_to_all, 0, 1);
  MAYBE(num_workers_soft_limit, 0, 1, 4, (uint64_t)-1);
  MAYBE(idle_worker_killing_time_threshold_ms, 0, 10, 1000, 10000);
  MAYBE(worker_maximum_startup_concurrency, 1, 2, 0);
  MAYBE(worker_register_timeout_seconds, 1, 60);
  MAYBE(task_retry_delay_ms, 0, 1, 100, 3000);
  MAYBE(max_direct_call_object_size, 0, 1000, 102400);
  MAYBE(object_manager_max_pulls, 1, 2, 64);
  MAYBE(object_manager_max_bytes_in_flight, 1 << 20, 1 << 24);
  MAYBE(autoscaler_update_interval_ms, 100, 1000, 5000);
  MAYBE(autoscaler_upscaling_speed_e4, 0, 10000, 100000);
  MAYBE(autoscaler_max_concurrent_launches, 1, 2, 10);
  MAYBE(autoscaler_idle_timeout_ms, 0, 100, 5000, 60000);
#undef MAYBE
  if (one_in(rng, 10))
    c->actor_max_pending_calls = (int64_t)PICK(rng, 1, 5, 100);
  uint32_t policies = 0;
  while (rs_place_policies[policies])
    policies++;
  if (one_in(rng, 2))
    c->policy = rs_place_policies[below(rng, policies)];
  c->seed = rs_rng_next(rng);
}

static void draw_faults(struct rs_rng *rng, struct swarm_plan *plan)
{
  uint64_t family = below(rng, 6);
  if (family < 2)
    return;
  plan->fault_count = 1 + (uint32_t)below(rng, one_in(rng, 3) ? SWARM_FAULTS_MAX : 6);
  for (uint32_t i = 0; i < plan->fault_count; i++) {
    struct swarm_fault *f = &plan->faults[i];
    static const enum swarm_fault_kind crashes[] = {SWARM_WORKER_CRASH, SWARM_WORKER_CRASH, SWARM_NODE_CRASH,
                                                    SWARM_NODE_KILL};
    if (family == 2)
      f->kind = SWARM_BREAK;
    else if (family == 3)
      f->kind = crashes[below(rng, 4)];
    else
      f->kind = (enum swarm_fault_kind)below(rng, SWARM_FAULTS);
    f->at_ns = RS_MS * (100 + below(rng, plan->work_ns / RS_MS));
    f->for_ns = RS_MS * PICK(rng, 10, 1000, 5000, 20000, 60000);
    f->node = 1 + (uint32_t)below(rng, plan->node_count);
    f->count = f->kind == SWARM_PARTITION ? 1 + (uint32_t)below(rng, plan->node_count) : 1;
    f->draw = rs_rng_next(rng);
    if (f->at_ns + f->for_ns > plan->heal_ns)
      plan->heal_ns = f->at_ns + f->for_ns;
  }
}

/* Disks of all speeds, some that are full now and then, or small; settings of the store among those that matter. */
static void draw_disk(struct swarm_plan *plan)
{
  struct rs_rng stream, *rng = &stream;
  struct rs_config *c = &plan->config;
  rs_rng_seed(rng, rs_rng_derive(plan->seed, 4));
  plan->disk_ns_per_byte = PICK(rng, 0, 0, 1, 20);
  plan->disk_fails = PICK(rng, 0, 0, 0, 1, 5, 100);
  c->min_spilling_size = (int64_t)PICK(rng, 0, 1000, 1 << 20, 100 << 20);
  c->max_fused_object_count = (int64_t)PICK(rng, 1, 2, 2000);
  c->max_io_workers = (int64_t)PICK(rng, 1, 2, 4);
  c->oom_grace_period_s = (int64_t)PICK(rng, 0, 1, 2);
  c->object_manager_ask_bytes = (int64_t)PICK(rng, 0, 1, 100000, 1 << 20);
  c->object_manager_max_pushes_per_object = (int64_t)PICK(rng, 1, 2, 2, 100);
  if (one_in(rng, 2))
    c->object_spilling_threshold_e4 = (int64_t)PICK(rng, 0, 100, 5000, 10000);
  if (one_in(rng, 8))
    c->object_spilling_max_bytes = (int64_t)(plan->object_bytes * PICK(rng, 1, 10, 100));
  if (one_in(rng, 16))
    c->automatic_object_spilling_enabled = 0;
}

/* How workers are started. */
static void draw_pool(struct swarm_plan *plan)
{
  struct rs_rng stream, *rng = &stream;
  struct rs_config *c = &plan->config;
  rs_rng_seed(rng, rs_rng_derive(plan->seed, 7));
  c->prestart_worker_first_driver = (int64_t)PICK(rng, 0, 1);
  c->enable_worker_prestart = (int64_t)PICK(rng, 0, 1);
  c->pop_worker_max_retries = (int64_t)PICK(rng, 5, 5, 1, (uint64_t)-1);
  c->kill_idle_workers_interval_ms = (int64_t)PICK(rng, 1, 200, 5000);
}

/* Half of the seeds have placement groups, and nodes in up to three racks. */
static void draw_groups(struct swarm_plan *plan)
{
  static const char *const racks[] = {"a", "b", "c"};
  struct rs_rng stream, *rng = &stream;
  rs_rng_seed(rng, rs_rng_derive(plan->seed, 5));
  plan->groups = one_in(rng, 2);
  uint32_t count = 1 + (uint32_t)below(rng, 3);
  for (uint32_t i = 1; plan->groups && i <= plan->node_count; i++)
    if (plan->infos[i]->refs == 1)
      rs_node_info_add_label(plan->infos[i], "rack", racks[below(rng, count)]);
}

void swarm_plan_draw(struct swarm_plan *plan, uint64_t seed)
{
  memset(plan, 0, sizeof *plan);
  struct rs_rng stream, *rng = &stream;
  rs_rng_seed(rng, rs_rng_derive(seed, 1));
  plan->seed = seed;
  plan->node_count = 1 + (uint32_t)below(rng, one_in(rng, 4) ? SWARM_NODES_MAX : 6);
  draw_config(rng, &plan->config);
  struct rs_rng later; /* settings that came later draw from a stream of their own: old seeds stay what they were */
  rs_rng_seed(&later, rs_rng_derive(seed, 3));
  if (one_in(&later, 2))
    plan->config.max_task_args_memory_fraction_e4 = (int64_t)PICK(&later, 1, 1000, 10000);
  if (one_in(&later, 3)) {
    plan->copies_hang = true;
    plan->config.object_manager_pull_timeout_ms = (int64_t)PICK(&later, 1, 100, 3000);
  }
  plan->object_bytes = PICK(rng, 1000, 1 << 20, 16 << 20);
  plan->actions = 3 + (uint32_t)below(rng, 60);
  plan->program_count = 1 + (uint32_t)below(rng, one_in(rng, 2) ? SWARM_PROGRAMS_MAX : 1);
  /* Room for every object that there can be; or little: then copies are evicted and stores may be full for good. */
  uint64_t store = one_in(rng, 2) ? 0 : plan->object_bytes * 20000;
  plan->tight = one_in(rng, 3);
  if (plan->tight)
    store = plan->object_bytes * (3 + below(rng, 60));
  struct rs_res nothing = {0};
  plan->head = rs_node_info_new(&nothing);
  bool uniform = one_in(rng, 2);
  for (uint32_t i = 1; i <= plan->node_count; i++)
    plan->infos[i] = uniform && i > 1 ? rs_node_info_ref(plan->infos[1]) : node_info(rng, store);
  if (one_in(rng, 3)) {
    plan->type_count = 1 + (uint32_t)below(rng, SWARM_TYPES_MAX);
    for (uint32_t i = 0; i < plan->type_count; i++) {
      plan->type_infos[i] = node_info(rng, store);
      plan->type_infos[i]->node_type = i;
      plan->types[i] = (struct rs_node_type){.info = plan->type_infos[i],
                                             .min_count = (uint32_t)PICK(rng, 0, 0, 1, 2),
                                             .max_count = (uint32_t)PICK(rng, 2, 3, 8),
                                             .idle_timeout_ms = PICK(rng, 0, 100, 3000, 60000)};
    }
  }
  for (uint32_t i = 0; i < plan->node_count; i++)
    plan->infos[i + 1]->node_type = UINT32_MAX;
  for (uint32_t i = 0; i < plan->program_count; i++)
    plan->program_node[i] = one_in(rng, 4) ? (uint32_t)below(rng, plan->node_count + 1) : 0;
  uint64_t least = PICK(rng, 1, 50, 500), spread = PICK(rng, 1, 10, 1000);
  plan->latency_ns[0] = least * RS_US;
  plan->latency_ns[1] = least * spread * RS_US;
  plan->local_ns[0] = 5 * RS_US;
  plan->local_ns[1] = PICK(rng, 5, 50, 5000) * RS_US;
  plan->worker_start_ns[0] = RS_MS;
  plan->worker_start_ns[1] = PICK(rng, 5, 100, 3000) * RS_MS;
  plan->boot_ns[0] = 100 * RS_MS;
  plan->boot_ns[1] = PICK(rng, 1, 10, 60) * RS_S;
  plan->drift_ppm = (uint32_t)PICK(rng, 0, 0, 100, 20000);
  plan->codec = one_in(rng, 3);
  plan->view_skips = one_in(rng, 2);
  plan->light_actors = one_in(rng, 2);
  plan->work_ns = PICK(rng, 2, 10, 40) * RS_S;
  plan->heal_ns = plan->work_ns;
  draw_faults(rng, plan);
  draw_disk(plan);
  draw_pool(plan);
  draw_groups(plan);
}

void swarm_plan_free(struct swarm_plan *plan)
{
  rs_node_info_unref(plan->head);
  for (uint32_t i = 1; i <= plan->node_count; i++)
    rs_node_info_unref(plan->infos[i]);
  for (uint32_t i = 0; i < plan->type_count; i++)
    rs_node_info_unref(plan->type_infos[i]);
}
