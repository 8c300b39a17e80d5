/* bulk.c -- see bulk.h.
 *
 * A machine is a node, or with shared_by_all the one that all nodes run on. What it copies at a time are its jobs. With
 * n of them a job goes on at min(rate alone, rate of the machine / n): the cost file has both for each thing that is
 * done. Beyond 8 MiB an object is copied by several threads (runtime/uv/bulk.c), so there is a rate alone for the first
 * 8 MiB and one for the rest. A raylet is one thread: what it sends shares its rate alone, and so does what it takes.
 *
 * Memory that an object gets is fresh, and then dearer, unless as much has become free before: a store keeps up to
 * 256 MiB, or a quarter of its capacity, for what comes next (runtime/uv/arena.c).
 *
 * A change of the jobs costs O(jobs): what is left of each is brought up to date, and the entry of the one that ends
 * first is made. */
#include "sim/bulk.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/flow.h"

#define THREADS_FROM_BYTES (UINT64_C(8) << 20)
#define WARM_MAX_BYTES (UINT64_C(256) << 20)

enum stage { MAKE_FRESH, MAKE_FRESH_LARGE, MAKE_WARM, MAKE_WARM_LARGE, ROOM, MOVE, STAGES };

struct job {
  double left[STAGES]; /* bytes, in the order in which they are done */
  uint32_t run;        /* it is made by that function; 0: it is moved */
  uint32_t source, target;
  uint64_t bytes;
  struct sim_rec request; /* of a move */
};

struct machine {
  struct job *jobs;
  uint32_t count, cap;
  uint64_t at_ns, sequence; /* sequence: of the valid entry */
};

struct sim_bulk {
  struct machine *machines;
  uint64_t *warm_bytes; /* of each node */
  uint32_t count;
};

void sim_bulk_init(struct rs_sim *sim)
{
  sim->bulk = rs_alloc_zero(1, sizeof *sim->bulk);
  sim->bulk->count = sim->cost->shared_by_all ? 1 : sim->node_count;
  sim->bulk->machines = rs_alloc_zero(sim->bulk->count, sizeof *sim->bulk->machines);
  sim->bulk->warm_bytes = rs_alloc_zero(sim->node_count, sizeof *sim->bulk->warm_bytes);
}

void sim_bulk_free(struct rs_sim *sim)
{
  if (!sim->bulk)
    return;
  for (uint32_t i = 0; i < sim->bulk->count; i++)
    free(sim->bulk->machines[i].jobs);
  free(sim->bulk->machines);
  free(sim->bulk->warm_bytes);
  free(sim->bulk);
}

static struct machine *machine_of(const struct rs_sim *sim, uint32_t node)
{
  return &sim->bulk->machines[sim->cost->shared_by_all ? 0 : node];
}

/* ---- memory ---- */

void sim_bulk_freed(struct rs_sim *sim, uint32_t node, uint64_t bytes)
{
  uint64_t capacity = (uint64_t)sim->nodes[node].info->total.store_bytes, most = WARM_MAX_BYTES;
  most = capacity && capacity / 4 < most ? capacity / 4 : most;
  uint64_t warm = sim->bulk->warm_bytes[node] + bytes;
  sim->bulk->warm_bytes[node] = warm < most ? warm : most;
}

void sim_bulk_lost(struct rs_sim *sim, uint32_t node)
{
  sim->bulk->warm_bytes[node] = 0;
}

/* Room for an object; how much of it is fresh memory. */
static uint64_t take(struct rs_sim *sim, uint32_t node, uint64_t bytes)
{
  uint64_t warm = sim->bulk->warm_bytes[node];
  warm = warm < bytes ? warm : bytes;
  sim->bulk->warm_bytes[node] -= warm;
  return bytes - warm;
}

/* ---- rates ---- */

/* A cost that the file does not have is like its nearest. */
static double given(uint64_t rate, double otherwise)
{
  return rate ? (double)rate : otherwise;
}

static double rate_alone(const struct rs_cost *cost, enum stage stage)
{
  double warm = (double)cost->make_bytes_per_s, fresh = given(cost->make_fresh_bytes_per_s, warm);
  switch (stage) {
  case MAKE_FRESH: return fresh;
  case MAKE_FRESH_LARGE: return given(cost->make_fresh_large_bytes_per_s, fresh);
  case MAKE_WARM: return warm;
  case MAKE_WARM_LARGE: return given(cost->make_large_bytes_per_s, warm);
  case ROOM: return (double)cost->room_bytes_per_s;
  case MOVE: return (double)cost->move_bytes_per_s;
  case STAGES: break;
  }
  return 0;
}

static double rate_of_all(const struct rs_cost *cost, enum stage stage)
{
  if (stage == MAKE_FRESH || stage == MAKE_FRESH_LARGE)
    return (double)cost->make_fresh_all_bytes_per_s;
  if (stage == MAKE_WARM || stage == MAKE_WARM_LARGE)
    return (double)cost->make_all_bytes_per_s;
  return stage == ROOM ? (double)cost->room_all_bytes_per_s : (double)cost->move_all_bytes_per_s;
}

static enum stage stage_of(const struct job *job)
{
  enum stage stage = 0;
  while (stage < MOVE && !(job->left[stage] >= 1))
    stage++;
  return stage;
}

/* Bytes a nanosecond. */
static double rate(const struct rs_sim *sim, const struct machine *m, const struct job *job)
{
  enum stage stage = stage_of(job);
  double alone = rate_alone(sim->cost, stage), share = rate_of_all(sim->cost, stage) / m->count;
  if (stage == MOVE) {
    uint32_t sent = 0, taken = 0;
    for (uint32_t i = 0; i < m->count; i++) {
      bool moves = !m->jobs[i].run && stage_of(&m->jobs[i]) == MOVE;
      sent += moves && m->jobs[i].source == job->source;
      taken += moves && m->jobs[i].target == job->target;
    }
    alone /= sent > taken ? sent : taken;
  }
  double least = share > 0 && share < alone ? share : alone;
  return least * 1e-9;
}

/* ---- jobs ---- */

/* Brings what is left up to now. */
static void advance(struct rs_sim *sim, struct machine *m)
{
  double passed_ns = (double)rs_time_since(sim->now_ns, m->at_ns);
  m->at_ns = sim->now_ns;
  if (!(passed_ns > 0) || !m->count)
    return;
  double *done = rs_alloc(m->count * sizeof *done);
  for (uint32_t i = 0; i < m->count; i++)
    done[i] = rate(sim, m, &m->jobs[i]) * passed_ns;
  for (uint32_t i = 0; i < m->count; i++) {
    double *left = &m->jobs[i].left[stage_of(&m->jobs[i])];
    *left = *left > done[i] ? *left - done[i] : 0;
  }
  free(done);
}

/* The entry of the stage that is over first. */
static void arm(struct rs_sim *sim, struct machine *m)
{
  double first_ns = -1;
  m->sequence = UINT64_MAX;
  for (uint32_t i = 0; i < m->count; i++) {
    double ns = m->jobs[i].left[stage_of(&m->jobs[i])] / rate(sim, m, &m->jobs[i]);
    first_ns = first_ns < 0 || ns < first_ns ? ns : first_ns;
  }
  if (m->count)
    m->sequence = sim_push(sim, sim->now_ns + (uint64_t)first_ns + 1, SIM_EV_BULK, (uint32_t)(m - sim->bulk->machines));
}

static void add(struct rs_sim *sim, struct machine *m, const struct job *job)
{
  advance(sim, m);
  RS_GROW(m->jobs, m->count, m->cap);
  m->jobs[m->count++] = *job;
  arm(sim, m);
}

/* What there is to do for an object that is made on a node. */
static void split(struct rs_sim *sim, uint32_t node, struct job *job, uint64_t bytes)
{
  double first = bytes > THREADS_FROM_BYTES ? (double)THREADS_FROM_BYTES / (double)bytes : 1;
  double fresh = (double)take(sim, node, bytes), warm = (double)bytes - fresh;
  job->left[MAKE_FRESH] = fresh * first;
  job->left[MAKE_FRESH_LARGE] = fresh * (1 - first);
  job->left[MAKE_WARM] = warm * first;
  job->left[MAKE_WARM_LARGE] = warm * (1 - first);
}

bool sim_bulk_make(struct rs_sim *sim, uint32_t run, uint64_t bytes)
{
  uint32_t node = sim->eps[sim->runs[run].ep].node;
  if (!sim->cost->make_bytes_per_s || !bytes)
    return false;
  struct job job = {.run = run, .source = node, .target = node, .bytes = bytes};
  split(sim, node, &job, bytes);
  add(sim, machine_of(sim, node), &job);
  sim->runs[run].bulk = true;
  sim->runs[run].end_ns = RS_TIME_NEVER;
  sim->runs[run].sequence = UINT64_MAX;
  return true;
}

void sim_bulk_forget(struct rs_sim *sim, uint32_t run)
{
  struct machine *m = machine_of(sim, sim->eps[sim->runs[run].ep].node);
  for (uint32_t i = 0; i < m->count; i++)
    if (m->jobs[i].run == run) {
      advance(sim, m);
      memmove(&m->jobs[i], &m->jobs[i + 1], (--m->count - i) * sizeof *m->jobs);
      sim->runs[run].bulk = false;
      arm(sim, m);
      return;
    }
}

bool sim_bulk_move(struct rs_sim *sim, const struct sim_rec *request, uint64_t bytes)
{
  if (!sim->cost->shared_by_all || !sim->cost->move_bytes_per_s || !bytes)
    return false;
  struct job job = {
      .source = rs_addr_node(request->peer), .target = rs_addr_node(request->to), .bytes = bytes, .request = *request};
  job.left[ROOM] = sim->cost->room_bytes_per_s ? (double)take(sim, job.target, bytes) : 0;
  job.left[MOVE] = (double)bytes;
  add(sim, machine_of(sim, job.target), &job);
  return true;
}

uint64_t sim_bulk_put(struct rs_sim *sim, uint32_t node, uint64_t bytes)
{
  if (!sim->cost->make_bytes_per_s || !bytes)
    return 0;
  struct job job = {0};
  double seconds = 0;
  split(sim, node, &job, bytes);
  for (enum stage stage = MAKE_FRESH; stage <= MAKE_WARM_LARGE; stage++)
    seconds += job.left[stage] / rate_alone(sim->cost, stage);
  return (uint64_t)(seconds * 1e9);
}

void sim_on_bulk(struct rs_sim *sim, uint32_t index, uint64_t sequence)
{
  struct machine *m = &sim->bulk->machines[index];
  if (m->sequence != sequence)
    return;
  advance(sim, m);
  for (uint32_t i = 0; i < m->count;) {
    struct job job = m->jobs[i];
    if (job.left[stage_of(&job)] >= 1) {
      i++;
      continue;
    }
    memmove(&m->jobs[i], &m->jobs[i + 1], (--m->count - i) * sizeof *m->jobs);
    if (job.run) {
      sim->runs[job.run].bulk = false;
      sim->runs[job.run].sequence = sim_push(sim, sim->now_ns, SIM_EV_RUN, job.run);
    } else
      sim_copy_arrived(sim, &job.request, job.bytes);
  }
  arm(sim, m);
}
