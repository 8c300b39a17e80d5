/* gcs_ended.c -- ended tasks that the head remembers: the last task_events_max_num_task_in_gcs rows, and for each
 * function the numbers of all that ever ended.
 *
 * A ring of rows as they came; ages are corrected by the time since. O(1) for each row.
 */
#include "core/gcs_int.h"
#include "core/state.h"

#include <string.h>

struct ended {
  struct rs_row *row;
  uint64_t received_at;
};

struct total {
  uint64_t function, state, count, run_ns;
};

struct rs_ended {
  struct ended *ring;
  uint32_t head, count, cap; /* cap: of the array; it grows up to the limit */
  struct total *totals;
  uint32_t total_count, total_cap;
  struct rs_map by_key; /* function and state -> place + 1 */
};

static void grow(struct rs_ended *e, uint32_t limit)
{
  uint32_t cap = e->cap ? 2 * e->cap : 64;
  cap = cap > limit ? limit : cap;
  struct ended *ring = rs_alloc(cap * sizeof *ring);
  for (uint32_t i = 0; i < e->count; i++)
    ring[i] = e->ring[(e->head + i) % e->cap];
  free(e->ring);
  e->ring = ring;
  e->cap = cap;
  e->head = 0;
}

static void add(struct rs_ended *e, struct rs_row *row, uint64_t now, uint32_t limit)
{
  if (e->count == e->cap && e->cap < limit)
    grow(e, limit);
  if (e->cap == 0)
    return;
  if (e->count == e->cap) {
    rs_row_unref(e->ring[e->head].row);
    e->head = (e->head + 1) % e->cap;
    e->count--;
  }
  e->ring[(e->head + e->count++) % e->cap] = (struct ended){rs_row_ref(row), now};
}

static void add_count(struct rs_ended *e, const struct rs_row *row)
{
  enum { FUNCTIONS_MAX = 100000 };
  uint64_t function = row->n[RS_COL(task_counts, function)], state = row->n[RS_COL(task_counts, state)];
  uint64_t key = rs_mix64(function ^ rs_mix64(state + 1));
  key = key ? key : 1;
  uint64_t *place = rs_map_find(&e->by_key, key);
  if (!place) {
    if (e->total_count >= FUNCTIONS_MAX)
      return;
    RS_GROW(e->totals, e->total_count, e->total_cap);
    e->totals[e->total_count++] = (struct total){.function = function, .state = state};
    rs_map_put(&e->by_key, key, e->total_count);
    place = rs_map_find(&e->by_key, key);
  }
  struct total *total = &e->totals[*place - 1];
  total->count += row->n[RS_COL(task_counts, count)];
  total->run_ns += row->n[RS_COL(task_counts, run)];
}

void rs_gcs_ended_on_events(struct rs_endpoint *ep, const struct rs_m_task_events *m)
{
  struct rs_gcs *g = ep->gcs;
  if (!g->ended)
    g->ended = rs_alloc_zero(1, sizeof *g->ended);
  for (uint32_t i = 0; i < m->rows_count; i++)
    if (m->rows[i]->kind == RS_STATE_TASKS && m->rows[i]->count == RS_COLS(tasks))
      add(g->ended, m->rows[i], ep->now, (uint32_t)ep->config->task_events_max_num_task_in_gcs);
  for (uint32_t i = 0; i < m->counts_count; i++)
    if (m->counts[i]->kind == RS_STATE_TASK_COUNTS && m->counts[i]->count == RS_COLS(task_counts))
      add_count(g->ended, m->counts[i]);
}

static void task_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_ended *e = ep->gcs->ended;
  for (uint32_t i = e->count; i-- > 0;) { /* newest first */
    if (rs_answer_only_count(answer, i + 1))
      return;
    const struct ended *at = &e->ring[(e->head + i) % e->cap];
    struct rs_row *row = rs_row_copy(at->row);
    row->n[RS_COL(tasks, queued)] += ep->now - at->received_at;
    row->n[RS_COL(tasks, ended)] += ep->now - at->received_at;
    rs_answer_add(answer, row);
  }
}

void rs_gcs_ended_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_ended *e = ep->gcs->ended;
  if (!e)
    return;
  if (answer->query->kind == RS_STATE_TASKS) {
    task_rows(ep, answer);
    return;
  }
  for (uint32_t i = 0; i < e->total_count; i++) {
    struct rs_row *row = rs_row_new(RS_STATE_TASK_COUNTS, RS_COLS(task_counts), 0);
    row->n[RS_COL(task_counts, function)] = e->totals[i].function;
    row->n[RS_COL(task_counts, state)] = e->totals[i].state;
    row->n[RS_COL(task_counts, count)] = e->totals[i].count;
    row->n[RS_COL(task_counts, run)] = e->totals[i].run_ns;
    rs_answer_add(answer, row);
  }
}

void rs_gcs_ended_free(struct rs_gcs *g)
{
  struct rs_ended *e = g->ended;
  if (!e)
    return;
  for (uint32_t i = 0; i < e->count; i++)
    rs_row_unref(e->ring[(e->head + i) % e->cap].row);
  free(e->ring);
  free(e->totals);
  rs_map_free(&e->by_key);
  free(e);
}
