/* driver_yield.c -- functions that yield: the replay function of a task with RS_TASK_STREAM.
 *
 * It hands its first item over at once and works for duration / items after each, as often as it may go on. Handing one
 * over is a YIELD call of its worker, which is served like any other input; then the function waits for the answer. An
 * item's bytes are in the node's store by then, or in the call. A wait has no end of its own: a kill or a fault by rate
 * ends it, drawn for the whole of its run when it begins. O(functions of the worker) an item.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "lib/load/replay.h"
#include "sim/bulk.h"
#include "sim/driver_int.h"

struct sim_stream {
  uint64_t strike_ns; /* a fault; NEVER */
  uint64_t part_ns, item_bytes;
  uint32_t items, yielded;
  int32_t struck; /* how the fault ends it */
  bool kills, spin, waits;
  bool made; /* the next item is written, or being written */
};

/* At work until `ns` + lead_ns + work_ns, or until it is struck. */
static void work(struct rs_sim *sim, uint32_t run, uint64_t ns, uint64_t lead_ns, uint64_t work_ns)
{
  const struct sim_stream *s = sim->runs[run].stream;
  uint64_t begin = ns + lead_ns;
  if (rs_time_add(begin, work_ns) > s->strike_ns)
    work_ns = rs_time_since(s->strike_ns, begin);
  sim_run_work(sim, run, ns, lead_ns, work_ns, s->spin && work_ns > 0);
}

void sim_stream_begin(struct rs_sim *sim, uint32_t run, uint64_t ns, uint64_t work_ns, const struct rs_replay *replay)
{
  struct sim_run *r = &sim->runs[run];
  struct sim_stream *s = r->stream = rs_alloc_zero(1, sizeof *s);
  s->items = replay->yields;
  s->part_ns = work_ns / replay->yields;
  s->item_bytes = replay->return_bytes;
  s->spin = replay->mode == RS_REPLAY_SPIN;
  s->strike_ns = sim_run_strike(sim, run, RS_TIME_NEVER);
  s->kills = r->kills;
  s->struck = r->status;
  r->kills = false;
  r->status = RS_ERR_OK;
  work(sim, run, ns, sim->cost->task_ns, 0);
}

bool sim_stream_goes_on(struct rs_sim *sim, uint32_t run)
{
  struct sim_run *r = &sim->runs[run];
  struct sim_stream *s = r->stream;
  if (r->status != RS_ERR_OK)
    return false; /* killed, or told to end */
  if (s->strike_ns <= sim->now_ns) {
    r->kills = s->kills;
    r->status = s->struck;
    return false;
  }
  if (s->yielded == s->items)
    return false;
  bool stored = s->item_bytes > (uint64_t)sim->config->max_direct_call_object_size;
  if (!s->made && stored && sim_bulk_make(sim, run, s->item_bytes)) {
    s->made = true;
    return true;
  }
  s->made = false;
  s->waits = true;
  r->end_ns = s->strike_ns;
  r->sequence = s->strike_ns == RS_TIME_NEVER ? UINT64_MAX : sim_push(sim, s->strike_ns, SIM_EV_RUN, run);
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] =
      (struct sim_rec){.kind = SIM_IN_YIELD, .ep = r->ep, .to = sim->eps[r->ep].self, .object = r->task->id};
  sim_deliver(sim, rec);
  return true;
}

/* The run of that task, where it waits at its item and nothing has ended it; or 0. */
static uint32_t waiting(const struct rs_sim *sim, uint32_t ep, struct rs_id task)
{
  uint32_t run = sim->eps[ep].runs;
  while (run && !(sim->runs[run].stream && rs_id_equal(sim->runs[run].task->id, task)))
    run = sim->runs[run].next;
  return run && sim->runs[run].stream->waits && sim->runs[run].status == RS_ERR_OK ? run : 0;
}

struct rs_call *sim_stream_call(struct rs_sim *sim, uint32_t ep, struct rs_id task)
{
  uint32_t run = waiting(sim, ep, task);
  if (!run)
    return NULL; /* it ended meanwhile */
  struct sim_stream *s = sim->runs[run].stream;
  struct rs_call *call = rs_call_new(RS_CALL_YIELD, 0);
  s->yielded++;
  sim->stats.items++;
  call->object = task;
  call->size_bytes = s->item_bytes;
  if (s->item_bytes <= (uint64_t)sim->config->max_direct_call_object_size)
    call->value = rs_value_new(0, (uint32_t)s->item_bytes);
  return call;
}

void sim_stream_answered(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_reply *reply)
{
  uint32_t run = waiting(sim, ep, reply->id);
  if (!run)
    return;
  struct sim_run *r = &sim->runs[run];
  r->stream->waits = false;
  r->status = reply->status;
  work(sim, run, ns, 0, reply->status == RS_ERR_OK ? r->stream->part_ns : 0);
}
