/* driver_view.c -- publications of the view as passive inputs.
 *
 * The GCS publishes a version to all raylets with one SEND_MANY. Ten times a second to 10,000 nodes as events that is
 * 100,000 heap entries a simulated second; here it is one record: when the first byte left, how long each copy takes
 * the NIC, and the list of receivers, shared with the publications before it while it stays the same. Receiver i has it
 * at base + (i + 1) x copy + latency. An endpoint looks at the newest that has arrived when it is stepped for another
 * reason; only one that declared that it waits for a view (rs_endpoint_wants_view) gets an event.
 *
 * With the codec forced there is no pointer to jump to: every delta is handed over, in order, at the same moment, and
 * only the newest is charged, so that both ways give the same times.
 *
 * Costs: a publication O(1) events and one comparison of the receivers' list (8 bytes each); a look O(publications on
 * their way), which is 1 or 2. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver_int.h"

static void audience_unref(struct sim_audience *audience)
{
  if (--audience->refs == 0) {
    free(audience->many);
    free(audience);
  }
}

static struct sim_audience *audience_for(struct rs_sim *sim, uint32_t from, const rs_addr *many, uint32_t count)
{
  if (sim->pub_count) {
    struct sim_audience *last = sim->pubs[sim->pub_count - 1].audience;
    if (last->count == count && memcmp(last->many, many, count * sizeof *many) == 0) {
      last->refs++;
      return last;
    }
  }
  struct sim_audience *audience = rs_alloc_zero(1, sizeof *audience);
  audience->refs = 1;
  audience->count = count;
  audience->many = rs_memdup(many, count * sizeof *many);
  audience->local_at = count;
  uint32_t number = sim->pub_first + sim->pub_count;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t ep = sim_ep_find(sim, many[i]);
    if (!ep)
      continue;
    if (sim->eps[ep].node == sim->eps[from].node && audience->locals++ == 0)
      audience->local_at = i;
    if (!sim->eps[ep].audience_at)
      sim->eps[ep].view_seen = number - 1; /* a new listener has missed the ones before */
    sim->eps[ep].audience_at = i + 1;
    uint64_t latency = sim_latency(sim, sim->eps[from].node, sim->eps[ep].node);
    if (latency > audience->latency_ns)
      audience->latency_ns = latency;
  }
  return audience;
}

/* Publications that nobody can need: a newer one has arrived everywhere. */
static void retire(struct rs_sim *sim, uint64_t ns)
{
  uint32_t gone = 0;
  if (sim->opts.codec_forced)
    return;
  while (gone + 1 < sim->pub_count && sim->pubs[gone + 1].all_arrived_ns <= ns)
    gone++;
  for (uint32_t i = 0; i < gone; i++) {
    rs_msg_unref(sim->pubs[i].msg);
    audience_unref(sim->pubs[i].audience);
  }
  if (gone)
    memmove(sim->pubs, sim->pubs + gone, (sim->pub_count - gone) * sizeof *sim->pubs);
  sim->pub_count -= gone;
  sim->pub_first += gone;
}

void sim_pubs_free(struct rs_sim *sim)
{
  for (uint32_t i = 0; i < sim->pub_count; i++) {
    rs_msg_unref(sim->pubs[i].msg);
    audience_unref(sim->pubs[i].audience);
  }
  free(sim->pubs);
}

struct sim_pub *sim_pub_at(struct rs_sim *sim, uint32_t number)
{
  RS_ASSERT(number >= sim->pub_first && number - sim->pub_first < sim->pub_count);
  return &sim->pubs[number - sim->pub_first];
}

uint64_t sim_pub_arrival(struct rs_sim *sim, uint32_t ep, const struct sim_pub *pub)
{
  const struct sim_ep *e = &sim->eps[ep];
  const struct sim_audience *audience = pub->audience;
  uint32_t at = e->audience_at - 1;
  if (at >= audience->count || audience->many[at] != e->self) /* the list has changed since */
    for (at = 0; at < audience->count && audience->many[at] != e->self; at++)
      ;
  if (at >= audience->count)
    return RS_TIME_NEVER;
  if (e->node == 0)
    return pub->local_ns;
  const struct sim_node *node = &sim->nodes[e->node];
  if (node->cut && pub->base_ns >= sim->cuts[node->cut].begin_ns)
    return RS_TIME_NEVER; /* until the partition has healed */
  uint64_t copies = at + 1 - (at > audience->local_at ? audience->locals : 0);
  return pub->base_ns + copies * pub->copy_ns + sim_latency(sim, 0, e->node);
}

uint32_t sim_view_due(struct rs_sim *sim, uint32_t ep, uint64_t ns, uint32_t *first)
{
  struct sim_ep *e = &sim->eps[ep];
  uint32_t newest = sim->pub_first + sim->pub_count - 1;
  if (!e->audience_at || !sim->pub_count || e->view_seen >= newest)
    return 0;
  uint32_t oldest = e->view_seen + 1 > sim->pub_first ? e->view_seen + 1 : sim->pub_first;
  for (uint32_t number = newest; number >= oldest; number--)
    if (sim_pub_arrival(sim, ep, sim_pub_at(sim, number)) <= ns) {
      sim->stats.views_skipped += sim->opts.codec_forced ? 0 : number - e->view_seen - 1;
      *first = sim->opts.codec_forced ? oldest : number;
      return number;
    }
  return 0;
}

static void wake_for(struct rs_sim *sim, uint32_t ep, const struct sim_pub *pub)
{
  uint64_t arrival = sim_pub_arrival(sim, ep, pub);
  if (arrival == RS_TIME_NEVER)
    return;
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_IN_VIEW_WAKE, .ep = ep, .to = sim->eps[ep].self};
  sim_push(sim, arrival > sim->now_ns ? arrival : sim->now_ns, SIM_EV_INPUT, rec);
}

void sim_view_wanted(struct rs_sim *sim, uint32_t ep)
{
  struct sim_ep *e = &sim->eps[ep];
  if (!e->listed) {
    e->listed = true;
    RS_GROW(sim->wanting, sim->wanting_count, sim->wanting_cap);
    sim->wanting[sim->wanting_count++] = ep;
  }
  if (!e->audience_at)
    return;
  for (uint32_t i = 0; i < sim->pub_count; i++)
    if (sim->pub_first + i > e->view_seen)
      wake_for(sim, ep, &sim->pubs[i]);
}

void sim_publish(struct rs_sim *sim, uint32_t from, uint64_t ns, const rs_addr *many, uint32_t count,
                 struct rs_msg *msg)
{
  if (!count) {
    rs_msg_unref(msg);
    return;
  }
  struct sim_ep *e = &sim->eps[from];
  uint64_t bytes = rs_msg_wire_bytes(msg) + sim->cost->frame_bytes;
  sim->stats.messages += count;
  sim->stats.bytes += count * bytes;
  sim->stats.by_type[msg->type] += count;
  retire(sim, sim->now_ns);
  struct sim_pub pub = {.msg = sim_recode(sim, msg), .audience = audience_for(sim, from, many, count)};
  uint32_t remote = count - pub.audience->locals, last = rs_addr_node(many[count - 1]);
  uint64_t ready = ns > e->out_free_ns ? ns : e->out_free_ns;
  if (pub.audience->locals) {
    pub.local_ns = ready + bytes * sim->net.local_fs / 1000000 + sim->cost->local_latency_ns;
    ready = pub.local_ns - sim->cost->local_latency_ns;
  }
  pub.copy_ns = bytes * sim_route_fs(sim, e->node, last < sim->node_count ? last : 0) / 1000000;
  uint64_t left = sim_nic_book(&sim->nodes[e->node].nic, ready, remote * pub.copy_ns * 1000000);
  pub.base_ns = left - remote * pub.copy_ns;
  pub.all_arrived_ns = left + pub.audience->latency_ns;
  e->out_free_ns = left;
  RS_GROW(sim->pubs, sim->pub_count, sim->pub_cap);
  sim->pubs[sim->pub_count++] = pub;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < sim->wanting_count; i++) {
    uint32_t ep = sim->wanting[i];
    if (!sim->eps[ep].core || !sim->eps[ep].wants_view) {
      sim->eps[ep].listed = false;
      continue;
    }
    sim->wanting[kept++] = ep;
    if (sim->eps[ep].audience_at)
      wake_for(sim, ep, &sim->pubs[sim->pub_count - 1]);
  }
  sim->wanting_count = kept;
}
