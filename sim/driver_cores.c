/* driver_cores.c -- the cores that endpoints and computing functions share, as an operating system has them: a local
 * cluster on one machine, or the processes of a host.
 *
 * An endpoint that wakes takes the core that it last had if that one is idle, else any idle one, else it queues at the
 * one that it last had; there it stays, first come first served, although another core may fall idle: Linux moves what
 * waits only where it last ran sysctl_sched_migration_cost (500 us) ago or longer, because its data are in the other
 * core's caches. So a core can be idle while somebody waits, which is what keeps two real cores from full use. On its
 * core it handles what is in its inbox, up to a time slice where others wait (cost.h: spin_quantum_ns).
 *
 * Functions that compute share the cores that are left equally. That sharing is computed in virtual time V: with n
 * functions and c free cores V advances by min(1, c/n); a function of duration d that begins at V ends at V + d. (Linux
 * lets a process run first that has slept.) Functions that sleep take no core. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/driver_int.h"

enum { WARM_NS = 500000 };

void sim_pool_init(struct rs_sim *sim)
{
  if (!sim->cost->shared_cores)
    return;
  sim->pool_count = sim->cost->shared_by_all ? 1 : sim->node_count;
  sim->pools = rs_alloc_zero(sim->pool_count, sizeof *sim->pools);
  for (uint32_t i = 0; i < sim->pool_count; i++) {
    sim->pools[i].core_count = sim->cost->shared_cores;
    sim->pools[i].cores = rs_alloc_zero(sim->cost->shared_cores, sizeof *sim->pools[i].cores);
  }
  for (uint32_t i = 0; i < sim->node_count; i++)
    sim->nodes[i].pool = sim->cost->shared_by_all ? 0 : i;
}

void sim_pool_free(struct rs_sim *sim)
{
  for (uint32_t i = 0; i < sim->pool_count; i++) {
    for (uint32_t c = 0; c < sim->pools[i].core_count; c++)
      free(sim->pools[i].cores[c].waiting);
    free(sim->pools[i].cores);
    free(sim->pools[i].spins);
  }
  free(sim->pools);
}

struct sim_pool *sim_pool_of(struct rs_sim *sim, uint32_t ep)
{
  return &sim->pools[sim->nodes[sim->eps[ep].node].pool];
}

/* ---- endpoints ---- */

static void occupy(struct rs_sim *sim, uint32_t ep, struct sim_core *core)
{
  struct sim_ep *e = &sim->eps[ep];
  core->busy = true;
  e->home = (uint32_t)(core - sim_pool_of(sim, ep)->cores);
  e->has_core = true;
  e->waiting = false;
  e->slice_end_ns = sim->now_ns + sim->cost->spin_quantum_ns;
}

static void enqueue(struct sim_core *core, uint32_t ep)
{
  if (core->waiting_count == core->waiting_cap) {
    uint32_t cap = core->waiting_cap ? 2 * core->waiting_cap : 16;
    uint32_t *ring = rs_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < core->waiting_count; i++)
      ring[i] = core->waiting[(core->waiting_head + i) % core->waiting_cap];
    free(core->waiting);
    core->waiting = ring;
    core->waiting_head = 0;
    core->waiting_cap = cap;
  }
  core->waiting[(core->waiting_head + core->waiting_count++) % core->waiting_cap] = ep;
}

bool sim_pool_take(struct rs_sim *sim, uint32_t ep)
{
  struct sim_pool *pool = sim_pool_of(sim, ep);
  struct sim_ep *e = &sim->eps[ep];
  if (e->has_core)
    return true;
  if (e->waiting)
    return false;
  struct sim_core *core = &pool->cores[e->home % pool->core_count];
  if (pool->busy < pool->core_count) {
    for (uint32_t i = 0; core->busy; i++)
      core = &pool->cores[i];
    sim_pool_advance(sim, pool);
    pool->busy++;
    occupy(sim, ep, core);
    sim_pool_arm(sim, pool);
    return true;
  }
  enqueue(core, ep);
  e->waiting = true;
  return false;
}

/* Takes the first that waits at `from`; with `cold` only if it has not run lately. 0: nobody. */
static uint32_t dequeue(struct rs_sim *sim, struct sim_core *from, bool cold)
{
  while (from->waiting_count) {
    uint32_t ep = from->waiting[from->waiting_head];
    const struct sim_ep *e = &sim->eps[ep];
    bool gone = !e->waiting || !e->core;
    if (!gone && cold && sim->now_ns - e->ran_ns < WARM_NS)
      return 0;
    from->waiting_head = (from->waiting_head + 1) % from->waiting_cap;
    from->waiting_count--;
    if (!gone)
      return ep;
  }
  return 0;
}

void sim_pool_give(struct rs_sim *sim, uint32_t ep)
{
  if (!sim->pool_count || !sim->eps[ep].has_core)
    return;
  struct sim_pool *pool = sim_pool_of(sim, ep);
  struct sim_core *core = &pool->cores[sim->eps[ep].home];
  sim->eps[ep].has_core = false;
  sim->eps[ep].ran_ns = sim->now_ns;
  uint32_t next = dequeue(sim, core, false);
  for (uint32_t i = 0; !next && i < pool->core_count; i++)
    next = dequeue(sim, &pool->cores[i], true);
  if (next) {
    occupy(sim, next, core);
    sim_granted(sim, next);
    return;
  }
  sim_pool_advance(sim, pool);
  core->busy = false;
  pool->busy--;
  sim_pool_arm(sim, pool);
}

/* ---- computing functions ---- */

void sim_pool_advance(const struct rs_sim *sim, struct sim_pool *pool)
{
  uint64_t passed = sim->now_ns - pool->virtual_at_ns;
  uint32_t cores = pool->core_count - pool->busy;
  pool->virtual_at_ns = sim->now_ns;
  if (pool->spin_count)
    pool->virtual_ns += cores >= pool->spin_count ? passed : passed * cores / pool->spin_count;
}

void sim_pool_arm(struct rs_sim *sim, struct sim_pool *pool)
{
  uint32_t cores = pool->core_count - pool->busy;
  pool->spin_sequence = UINT64_MAX;
  if (!pool->spin_count || !cores)
    return;
  uint64_t first = UINT64_MAX;
  for (uint32_t i = 0; i < pool->spin_count; i++)
    if (sim->runs[pool->spins[i]].spin_target < first)
      first = sim->runs[pool->spins[i]].spin_target;
  uint64_t left = first > pool->virtual_ns ? first - pool->virtual_ns : 0;
  if (cores < pool->spin_count)
    left = (left * pool->spin_count + cores - 1) / cores;
  pool->spin_sequence = sim_push(sim, sim->now_ns + left, SIM_EV_SPIN, (uint32_t)(pool - sim->pools));
}

void sim_spin_remove(struct rs_sim *sim, uint32_t run)
{
  struct sim_pool *pool = sim_pool_of(sim, sim->runs[run].ep);
  sim_pool_advance(sim, pool);
  for (uint32_t i = 0; i < pool->spin_count; i++)
    if (pool->spins[i] == run) {
      memmove(&pool->spins[i], &pool->spins[i + 1], (--pool->spin_count - i) * sizeof *pool->spins);
      break;
    }
  sim_pool_arm(sim, pool);
}
