/* swarm_group.c -- placement groups among what the programs of an experiment do: made, used and removed at random.
 *
 * In half of the seeds, which then have a label "rack" on their nodes. Each bundle fits on some node of the base
 * cluster, but a group may find no place before others go; all are removed once the faults are over, so that tasks
 * outside get their resources and those inside end. At the very end, with everything released, one more group must find
 * its place. Drawn from streams of their own: what other actions draw stays what it was.
 */
#include "base/alloc.h"
#include "sim/swarm_int.h"

#define LIVE_MAX 3

struct live {
  struct rs_id id;
  uint32_t bundle_count;
  struct rs_demand bundles[RS_CHECK_BUNDLES_MAX];
};

struct swarm_groups {
  const struct swarm_plan *plan;
  struct rs_checker *checker;
  struct swarm_net *net;
  struct rs_rng rng[SWARM_PROGRAMS_MAX];
  struct live live[SWARM_PROGRAMS_MAX][LIVE_MAX];
  uint32_t count[SWARM_PROGRAMS_MAX];
};

static uint64_t below(struct swarm_groups *s, uint32_t program, uint64_t n)
{
  return rs_rng_below(&s->rng[program], n);
}
static bool one_in(struct swarm_groups *s, uint32_t program, uint64_t n)
{
  return below(s, program, n) == 0;
}

struct swarm_groups *swarm_groups_new(const struct swarm_plan *plan, struct rs_checker *checker, struct swarm_net *net)
{
  struct swarm_groups *s = rs_alloc_zero(1, sizeof *s);
  s->plan = plan;
  s->checker = checker;
  s->net = net;
  for (uint32_t i = 0; i < SWARM_PROGRAMS_MAX; i++)
    rs_rng_seed(&s->rng[i], rs_rng_derive(plan->seed, 300 + i));
  return s;
}

void swarm_groups_free(struct swarm_groups *s)
{
  free(s);
}

static void draw_bundle(struct swarm_groups *s, uint32_t p, struct rs_demand *demand)
{
  const struct rs_res *total = &s->plan->infos[1 + below(s, p, s->plan->node_count)]->total;
  *demand = (struct rs_demand){0};
  demand->cpu_e4 = one_in(s, p, 4) ? total->cpu_e4 : one_in(s, p, 3) ? RS_ONE_E4 / 2 : RS_ONE_E4;
  if (total->gpu_count && one_in(s, p, 2))
    demand->gpu_e4 = one_in(s, p, 2) ? RS_ONE_E4 / 4 : RS_ONE_E4 * (1 + (uint32_t)below(s, p, total->gpu_count));
  if (demand->gpu_e4 && one_in(s, p, 3))
    demand->cpu_e4 = 0;
}

static void create(struct swarm_groups *s, uint32_t p, struct rs_id id)
{
  struct live *g = &s->live[p][s->count[p]++];
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  *g = (struct live){.id = id, .bundle_count = 1 + (uint32_t)below(s, p, one_in(s, p, 3) ? RS_CHECK_BUNDLES_MAX : 3)};
  bool equal = one_in(s, p, 2);
  for (uint32_t i = 0; i < g->bundle_count; i++) {
    if (i && equal)
      g->bundles[i] = g->bundles[0];
    else
      draw_bundle(s, p, &g->bundles[i]);
  }
  call->object = id;
  call->group_strategy = (uint8_t)below(s, p, 4);
  call->topology = one_in(s, p, 4) ? rs_name_hash("rack") : 0;
  call->detached = s->plan->program_node[p] == 0 && one_in(s, p, 4); /* its program lives to the end, and removes it */
  call->group_name = one_in(s, p, 4) ? 1 + below(s, p, 3) : 0;
  call->bundle_count = g->bundle_count;
  call->bundles = rs_memdup(g->bundles, g->bundle_count * sizeof *g->bundles);
  struct rs_check_group check = {.id = id,
                                 .strategy = call->group_strategy,
                                 .in_rack = call->topology != 0,
                                 .named = call->group_name != 0,
                                 .bundle_count = g->bundle_count};
  for (uint32_t i = 0; i < g->bundle_count; i++)
    check.bundles[i] = g->bundles[i];
  rs_check_group(s->checker, &check);
  swarm_net_call(s->net, p, call);
}

static void drop(struct swarm_groups *s, uint32_t p, uint32_t at)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_REMOVE, 0);
  call->object = s->live[p][at].id;
  rs_check_group_remove(s->checker, call->object);
  s->live[p][at] = s->live[p][--s->count[p]];
  swarm_net_call(s->net, p, call);
}

void swarm_groups_act(struct swarm_groups *s, uint32_t p, rs_addr self, uint64_t *seq)
{
  if (one_in(s, p, 5) && s->count[p] < LIVE_MAX)
    create(s, p, (struct rs_id){self, ++*seq});
  else if (one_in(s, p, 10) && s->count[p])
    drop(s, p, (uint32_t)below(s, p, s->count[p]));
  else if (one_in(s, p, 20)) {
    struct rs_call *call = rs_call_new(RS_CALL_GROUP_GET, 0);
    call->group_name = 1 + below(s, p, 3);
    swarm_net_call(s->net, p, call);
  }
}

bool swarm_groups_join(struct swarm_groups *s, uint32_t p, struct rs_demand *demand, bool *too_large)
{
  *too_large = false;
  if (s->count[p] == 0 || !one_in(s, p, 2))
    return false;
  const struct live *g = &s->live[p][below(s, p, s->count[p])];
  uint32_t index = (uint32_t)below(s, p, g->bundle_count);
  *demand = g->bundles[index];
  if (demand->cpu_e4 > RS_ONE_E4 && one_in(s, p, 2))
    demand->cpu_e4 = RS_ONE_E4;
  if (demand->gpu_e4 && one_in(s, p, 3))
    demand->gpu_e4 = demand->gpu_e4 < RS_ONE_E4 ? demand->gpu_e4 / 2 : RS_ONE_E4 / 2;
  if (one_in(s, p, 12)) {
    demand->memory_bytes = 1; /* of which the bundles have none */
    *too_large = true;
  }
  demand->group_owner = g->id.owner;
  demand->group_seq = g->id.seq;
  demand->group_bundle = one_in(s, p, 3) ? (int32_t)index : -1;
  return true;
}

void swarm_groups_end(struct swarm_groups *s)
{
  for (uint32_t p = 0; p < s->plan->program_count; p++)
    while (s->count[p])
      drop(s, p, 0);
}

void swarm_groups_probe(struct swarm_groups *s, uint32_t p, struct rs_id id)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  call->object = id;
  call->group_strategy = (uint8_t)below(s, p, 4);
  call->bundle_count = 1;
  call->bundles = rs_alloc_zero(1, sizeof *call->bundles);
  call->bundles[0].cpu_e4 = RS_ONE_E4 / SWARM_PROGRAMS_MAX; /* so that all programs' fit, on one node if need be */
  struct rs_check_group check = {.id = id, .strategy = call->group_strategy, .bundle_count = 1};
  check.bundles[0] = call->bundles[0];
  rs_check_group(s->checker, &check);
  s->live[p][s->count[p]++] = (struct live){.id = id};
  swarm_net_call(s->net, p, call);
}
