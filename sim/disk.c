/* disk.c -- see disk.h.
 *
 * A disk is one queue: an operation takes disk_latency_ns and size / disk_bytes_per_s, after those before it. Each node
 * has one; hosts that are one machine share it. It is as large as object_spilling_max_bytes says, which the core itself
 * keeps to. O(1) an operation.
 */
#include "sim/disk.h"

#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/flow.h"

static uint64_t key_of(const struct rs_sim *sim, uint32_t node)
{
  return (uint64_t)node << 12 | sim->nodes[node].incarnation;
}

/* When an operation that is asked for at `ns` is over. */
static uint64_t book(struct rs_sim *sim, uint32_t node, uint64_t ns, uint64_t size_bytes)
{
  struct sim_node *n = &sim->nodes[sim->cost->shared_by_all ? 0 : node];
  uint64_t begin = ns > n->disk_free_ns ? ns : n->disk_free_ns, rate = sim->cost->disk_bytes_per_s;
  uint64_t takes = sim->cost->disk_latency_ns;
  if (rate)
    takes += size_bytes / rate * RS_S + size_bytes % rate * RS_S / rate;
  n->disk_free_ns = begin + takes;
  return n->disk_free_ns;
}

static void done(struct rs_sim *sim, uint32_t ep, uint64_t due_ns, enum rs_input_kind kind, struct rs_id object,
                 int32_t status)
{
  struct sim_rec input = {.kind = (uint8_t)kind, .ep = ep, .to = sim->eps[ep].self, .status = status, .object = object};
  if (sim->measured) {
    struct rs_sim_due due =
        sim->measured->copy(sim->measured->user, sim->now_ns, input.to, object, kind, &input.status);
    sim_input_due(sim, due, input);
    return;
  }
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = input;
  sim_push(sim, due_ns, SIM_EV_INPUT, rec);
}

void sim_disk_put(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t size_bytes)
{
  if (sim_store_put(sim->disk, key_of(sim, node), object, size_bytes))
    sim->stats.disk_bytes += size_bytes;
}

bool sim_disk_read(struct rs_sim *sim, uint32_t node, struct rs_id object, uint64_t *size_bytes, uint64_t *read_ns)
{
  if (!sim_store_has(sim->disk, key_of(sim, node), object, size_bytes))
    return false;
  *read_ns = book(sim, node, sim->now_ns, *size_bytes);
  return true;
}

static void write_object(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_effect *effect, uint64_t bytes)
{
  uint32_t node = sim->eps[ep].node;
  sim_disk_put(sim, node, effect->object, effect->size);
  sim->stats.spilled_bytes += effect->size;
  done(sim, ep, book(sim, node, ns, bytes), RS_IN_SPILL_DONE, effect->object, RS_ERR_OK);
}

void sim_disk_effect(struct rs_sim *sim, uint32_t ep, uint64_t ns, const struct rs_effect *effect)
{
  uint32_t node = sim->eps[ep].node;
  uint64_t size_bytes, read_ns;
  switch (effect->kind) {
  case RS_OUT_CREATE:
    if (effect->count & RS_CREATE_ON_DISK) /* a file is made; it is written by whoever makes the object */
      write_object(sim, ep, ns, effect, effect->count & RS_CREATE_SEALED ? effect->size : 0);
    else
      sim_object_put(sim, node, effect->object, effect->size);
    break;
  case RS_OUT_SPILL: write_object(sim, ep, ns, effect, effect->size); break;
  case RS_OUT_RESTORE: {
    bool there = sim_store_has(sim->disk, key_of(sim, node), effect->object, &size_bytes);
    RS_ASSERT(there);
    read_ns = book(sim, node, ns, effect->size);
    sim_object_put(sim, node, effect->object, effect->size);
    sim->stats.restored_bytes += effect->size;
    done(sim, ep, read_ns, RS_IN_COPY_DONE, effect->object, RS_ERR_OK);
    break;
  }
  case RS_OUT_FREE:
    if (sim_store_drop(sim->disk, key_of(sim, node), effect->object, &size_bytes))
      sim->stats.disk_bytes -= size_bytes;
    sim_object_drop(sim, node, effect->object);
    break;
  case RS_OUT_EVICT: sim_object_drop(sim, node, effect->object); break;
  default: RS_ASSERT(!"an effect of the store");
  }
}
