/* driver_run.c -- functions that run on workers.
 *
 * A function is a duration: the replay function's own, or what the hook says. Its end is one heap entry. Faults by rate
 * are drawn when it begins: the time to a drop or to the death of its worker is exponential, so the draw is exact and
 * costs no further event. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"
#include "lib/load/replay.h"
#include "sim/bulk.h"
#include "sim/driver_int.h"
#include "sim/faithful.h"
#include "sim/flow.h"

uint64_t sim_exponential(struct rs_rng *rng, double rate_per_s)
{
  if (!(rate_per_s > 0))
    return RS_TIME_NEVER;
  double seconds = -rs_log(1 - rs_rng_unit(rng)) / rate_per_s;
  return seconds < 9e9 ? (uint64_t)(seconds * 1e9) : RS_TIME_NEVER;
}

/* ---- functions ---- */

static uint32_t run_new(struct rs_sim *sim)
{
  uint32_t run = sim->run_free;
  if (run) {
    sim->run_free = sim->runs[run].next;
  } else {
    if (sim->run_count + 1 >= sim->run_cap) {
      sim->run_cap = sim->run_cap ? 2 * sim->run_cap : 256;
      sim->runs = rs_realloc(sim->runs, sim->run_cap, sizeof *sim->runs);
    }
    run = ++sim->run_count;
    RS_ASSERT(run <= SIM_INDEX_MAX);
  }
  sim->runs[run] = (struct sim_run){0};
  return run;
}

static void run_free(struct rs_sim *sim, uint32_t run)
{
  struct sim_run *r = &sim->runs[run];
  rs_task_unref(r->task);
  if (r->result)
    rs_result_unref(r->result);
  free(r->stream);
  *r = (struct sim_run){.next = sim->run_free};
  sim->run_free = run;
}

static void run_unlink(struct rs_sim *sim, uint32_t run)
{
  uint32_t *at = &sim->eps[sim->runs[run].ep].runs;
  while (*at != run)
    at = &sim->runs[*at].next;
  *at = sim->runs[run].next;
  if (sim->runs[run].bulk)
    sim_bulk_forget(sim, run);
  if (sim->runs[run].spin)
    sim_spin_remove(sim, run);
}

/* The first fault by rate that strikes a function between its begin and end: how it ends then. */
uint64_t sim_run_strike(struct rs_sim *sim, uint32_t index, uint64_t end_ns)
{
  struct sim_run *run = &sim->runs[index];
  uint64_t begin_ns = run->begin_ns;
  uint32_t group = sim->nodes[sim->eps[run->ep].node].group;
  for (uint32_t i = 0; i < sim->cluster->fault_count; i++) {
    const struct rs_sim_fault *fault = &sim->cluster->faults[i];
    if (fault->at_ns != RS_TIME_NEVER || (fault->kind != RS_SIM_WORKER_KILL && fault->kind != RS_SIM_TASK_DROP) ||
        (fault->group != RS_SIM_ANY && fault->group != group))
      continue;
    uint64_t from = begin_ns > fault->from_ns ? begin_ns : fault->from_ns;
    uint64_t at = rs_time_add(from, sim_exponential(&sim->fault_rng, fault->rate_per_s));
    if (at >= end_ns || (fault->until_ns && at >= fault->until_ns))
      continue;
    end_ns = at;
    run->kills = fault->kind == RS_SIM_WORKER_KILL;
    run->status = RS_ERR_TASK_FAILED;
  }
  return end_ns;
}

/* The function is at work for work_ns, from lead_ns after `ns` on; its RUN entry comes then. */
void sim_run_work(struct rs_sim *sim, uint32_t run, uint64_t ns, uint64_t lead_ns, uint64_t work_ns, bool spin)
{
  struct sim_run *r = &sim->runs[run];
  uint32_t node = sim->eps[r->ep].node;
  r->end_ns = rs_time_add(ns + lead_ns, work_ns);
  if (spin && sim->pool_count) {
    struct sim_pool *pool = &sim->pools[sim->nodes[node].pool];
    sim_pool_advance(sim, pool);
    r->spin = true;
    r->spin_target = pool->virtual_ns + lead_ns + work_ns;
    RS_GROW(pool->spins, pool->spin_count, pool->spin_cap);
    pool->spins[pool->spin_count++] = run;
    sim_pool_arm(sim, pool);
  } else if (sim->faithful) {
    r->sequence = sim->heap.sequence++;
    faithful_exec(sim, node, run, r->sequence, ns + lead_ns, work_ns);
  } else {
    r->sequence = sim_push(sim, r->end_ns, SIM_EV_RUN, run);
  }
}

void sim_run_start(struct rs_sim *sim, uint32_t ep, uint64_t ns, struct rs_task *task)
{
  struct sim_ep *e = &sim->eps[ep];
  struct sim_node *node = &sim->nodes[e->node];
  struct rs_sim_task how = {.task = task, .worker = e->self};
  struct rs_replay replay = {0};
  if (task->function == rs_replay_function()) {
    how.known = true;
    how.status = rs_replay_decode(task, &replay);
    if (how.status == RS_ERR_OK) {
      how.duration_ns = replay.duration_ns;
      how.spin = replay.mode == RS_REPLAY_SPIN;
    }
  }
  if (sim->hooks.task)
    sim->hooks.task(sim->hooks.user, ns, &how, &sim->task_rng);
  if (!how.known)
    how.status = RS_ERR_UNKNOWN_FUNCTION;
  uint64_t duration = how.duration_ns;
  if (node->speed != 1 && !how.measured)
    duration = (uint64_t)((double)duration / node->speed + 0.5);
  uint32_t run = run_new(sim);
  struct sim_run *r = &sim->runs[run];
  r->task = task;
  r->result = how.result;
  r->status = how.status;
  r->measured = how.measured;
  r->ep = ep;
  r->begin_ns = ns;
  r->next = e->runs;
  e->runs = run;
  sim->stats.tasks_started++;
  if ((task->flags & RS_TASK_STREAM) && replay.yields && how.status == RS_ERR_OK && !how.measured) {
    sim_stream_begin(sim, run, ns, duration, &replay);
    return;
  }
  r->end_ns = sim_run_strike(sim, run, rs_time_add(r->begin_ns, duration));
  if (how.measured)
    r->sequence = sim_push_due(sim, (struct rs_sim_due){r->end_ns, how.rank}, SIM_EV_RUN, run);
  else
    sim_run_work(sim, run, ns, sim->cost->task_ns, r->end_ns - r->begin_ns, how.spin);
}

/* The result that a run has, where it succeeds. */
static struct rs_result *result_of(const struct rs_sim *sim, const struct sim_run *r, uint64_t ran_ns)
{
  struct rs_replay replay;
  if (r->result) {
    r->result->run_ns = ran_ns;
    return rs_result_ref(r->result);
  }
  int bad = rs_replay_decode(r->task, &replay);
  RS_ASSERT(bad == 0);
  return rs_replay_result(r->task, &replay, ran_ns, (uint64_t)sim->config->max_direct_call_object_size,
                          rs_addr_raylet(sim->eps[r->ep].self));
}

/* Its function has ended; what it returns has to be written first where that takes time. */
static bool writes(struct rs_sim *sim, uint32_t run)
{
  struct sim_run *r = &sim->runs[run];
  if (r->made || r->measured || r->kills || r->stream || r->status != RS_ERR_OK || !sim->cost->make_bytes_per_s)
    return false;
  if (r->spin)
    sim_spin_remove(sim, run);
  r->spin = false;
  r->made = true;
  r->ran_ns = rs_time_since(sim->now_ns, r->begin_ns);
  struct rs_result *result = result_of(sim, r, r->ran_ns);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < result->return_count; i++)
    bytes += result->returns[i].size_bytes - result->returns[i].inline_bytes;
  rs_result_unref(result);
  return sim_bulk_make(sim, run, bytes);
}

/* Ends a run: the worker gets its TASK_FINISHED or TASK_FAILED now. */
static void finish(struct rs_sim *sim, uint32_t run)
{
  uint32_t ep = sim->runs[run].ep;
  if (writes(sim, run))
    return;
  run_unlink(sim, run);
  struct sim_run r = sim->runs[run];
  sim->stats.tasks_ended++;
  if (r.kills) {
    run_free(sim, run);
    sim_worker_die(sim, ep);
    return;
  }
  uint64_t ran_ns = r.made ? r.ran_ns : rs_time_since(sim->now_ns, r.begin_ns);
  struct rs_result *result = NULL;
  if (r.measured) {
    result = r.result;
    sim->runs[run].result = NULL;
  } else if (r.status != RS_ERR_OK) {
    result = rs_result_failed(r.task->id, r.status, rs_error_text(r.status));
    result->run_ns = ran_ns;
  } else {
    result = result_of(sim, &r, ran_ns);
  }
  run_free(sim, run);
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = result->status == RS_ERR_OK ? RS_IN_TASK_FINISHED : RS_IN_TASK_FAILED,
                                    .ep = ep,
                                    .to = sim->eps[ep].self,
                                    .result = result};
  sim_deliver(sim, rec);
}

void sim_on_run(struct rs_sim *sim, uint32_t run, uint64_t sequence)
{
  if (run > sim->run_count || !sim->runs[run].task || sim->runs[run].sequence != sequence)
    return; /* killed, or its worker died */
  if (!sim->runs[run].stream || !sim_stream_goes_on(sim, run))
    finish(sim, run);
}

void sim_on_spin(struct rs_sim *sim, uint32_t index, uint64_t sequence)
{
  struct sim_pool *pool = &sim->pools[index];
  if (pool->spin_sequence != sequence)
    return;
  sim_pool_advance(sim, pool);
  for (;;) {
    uint32_t first = 0;
    for (uint32_t i = 0; i < pool->spin_count; i++)
      if (sim->runs[pool->spins[i]].spin_target <= pool->virtual_ns &&
          (!first || sim->runs[pool->spins[i]].spin_target < sim->runs[first].spin_target))
        first = pool->spins[i];
    if (!first)
      break;
    if (sim->runs[first].stream) {
      sim_spin_remove(sim, first);
      sim->runs[first].spin = false;
    }
    if (!sim->runs[first].stream || !sim_stream_goes_on(sim, first))
      finish(sim, first);
  }
  sim_pool_arm(sim, pool);
}

void sim_run_kill(struct rs_sim *sim, uint32_t ep, uint64_t ns, struct rs_id task)
{
  for (uint32_t run = sim->eps[ep].runs; run; run = sim->runs[run].next)
    if (rs_id_equal(sim->runs[run].task->id, task)) {
      struct sim_run *r = &sim->runs[run];
      if (r->measured)
        return; /* the end that was measured is that of the kill */
      if (r->spin) {
        sim_spin_remove(sim, run);
        r->spin = false;
      } else if (!sim->faithful && !r->stream && r->end_ns <= ns) {
        return; /* it was faster */
      }
      r->status = RS_ERR_CANCELLED;
      r->kills = false;
      r->end_ns = ns;
      r->sequence = sim_push(sim, ns, SIM_EV_RUN, run);
      return;
    }
}

void sim_runs_drop(struct rs_sim *sim, uint32_t ep)
{
  while (sim->eps[ep].runs) {
    uint32_t run = sim->eps[ep].runs;
    run_unlink(sim, run);
    run_free(sim, run);
    sim->stats.tasks_ended++;
  }
}
