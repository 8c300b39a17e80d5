/* gcs_demand.c -- what waits for a place in the whole cluster, by kind and demand: lease requests, of which raylets
 * report the shapes (at most 64 a node), actors, placement groups. For each, how many nodes could ever hold it: none
 * means that it waits for ever, unless nodes come.
 *
 * Equal demands are one row, found by the hash of their wire form. O(shapes + actors' classes + groups), and O(nodes)
 * for each row.
 */
#include "core/codec.h"
#include "core/gcs_int.h"
#include "core/state.h"

struct rs_row *rs_gcs_demand_row(const struct rs_endpoint *ep, unsigned kind, const struct rs_demand *demand)
{
  struct rs_writer w = {NULL, 0, 0};
  rs_put_demand(&w, demand);
  struct rs_row *row = rs_row_new(RS_STATE_DEMANDS, RS_COLS(demands), (uint32_t)w.size);
  w = (struct rs_writer){row->text, w.size, 0};
  rs_put_demand(&w, demand);
  row->n[RS_COL(demands, kind)] = kind;
  const struct rs_gcs *g = ep->gcs;
  for (rs_node_id id = 0; id < g->node_span; id++)
    row->n[RS_COL(demands, nodes)] += g->nodes[id].alive && rs_node_feasible(rs_view_get(g->view, id)->info, demand);
  return row;
}

struct demands {
  struct rs_map by_hash; /* place + 1 */
  struct rs_row **rows;
  uint32_t count, cap;
};

static void add(struct rs_endpoint *ep, struct demands *d, unsigned kind, const struct rs_demand *demand,
                uint64_t count)
{
  uint8_t wire[1024];
  struct rs_writer w = {wire, sizeof wire, 0};
  rs_put_demand(&w, demand);
  RS_ASSERT(w.size <= sizeof wire);
  uint64_t hash = rs_hash_bytes(kind + 1, wire, w.size);
  hash = hash ? hash : 1;
  uint64_t *place = rs_map_find(&d->by_hash, hash);
  if (!place) {
    RS_GROW(d->rows, d->count, d->cap);
    d->rows[d->count++] = rs_gcs_demand_row(ep, kind, demand);
    rs_map_put(&d->by_hash, hash, d->count);
    place = rs_map_find(&d->by_hash, hash);
  }
  d->rows[*place - 1]->n[RS_COL(demands, count)] += count;
}

void rs_gcs_demand_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_gcs *g = ep->gcs;
  struct demands d = {0};
  for (rs_node_id id = 0; id < g->node_span; id++)
    for (uint32_t i = 0; g->nodes[id].alive && i < g->nodes[id].shape_count; i++)
      add(ep, &d, RS_WAIT_KIND_TASK, &g->nodes[id].shapes[i].demand, g->nodes[id].shapes[i].count);
  for (const struct rs_link *at = g->classes.next; at != &g->classes; at = at->next) {
    const struct actor_class *class = RS_ENTRY(at, struct actor_class, link);
    if (class->queued)
      add(ep, &d, RS_WAIT_KIND_ACTOR, &class->demand->is, class->queued);
  }
  for (uint32_t i = 0; i < d.count; i++)
    rs_answer_add(answer, d.rows[i]);
  free(d.rows);
  rs_map_free(&d.by_hash);
  rs_gcs_group_demand_rows(ep, answer);
}
