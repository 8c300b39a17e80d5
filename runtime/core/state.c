/* state.c -- gathering the answer to a question: own rows first, then those of whoever else was asked.
 *
 * The GCS asks all raylets, or the one that the question names; a raylet asks all owners of its node, or the one whose
 * task or object is asked about. The answer goes to the asker once everyone has answered, is gone, or is too late.
 * Rows are shared, never copied. O(rows + endpoints asked).
 *
 * Invariant: a gathering waits for at least one endpoint.
 */
#include "core/state.h"

struct gather {
  struct rs_link link;
  rs_addr asker;
  uint64_t number; /* ours, towards whoever we ask */
  uint64_t due_at;
  struct rs_m_state_query *query; /* one reference */
  uint32_t asked, answered;       /* endpoints, over all levels */
  rs_addr *pending;
  uint32_t pending_count;
  struct rs_answer answer;
};

struct rs_state {
  struct rs_link gathers; /* oldest first: in order of due_at */
  uint64_t last_number;
};

void rs_answer_add(struct rs_answer *answer, struct rs_row *row)
{
  const struct rs_m_state_query *q = answer->query;
  for (uint32_t i = 0; i + 3 <= q->filters_count; i += 3) {
    uint64_t column = q->filters[i];
    bool equal = column < row->count && row->n[column] == q->filters[i + 2];
    if (equal == (q->filters[i + 1] != 0)) {
      rs_row_unref(row);
      return;
    }
  }
  answer->total++;
  if (answer->count >= q->limit || answer->count >= RS_STATE_ROWS_MAX) {
    rs_row_unref(row);
    return;
  }
  RS_GROW(answer->rows, answer->count, answer->cap);
  answer->rows[answer->count++] = row;
}

bool rs_answer_only_count(struct rs_answer *answer, uint64_t count)
{
  const struct rs_m_state_query *q = answer->query;
  if (q->filters_count > 0 || (answer->count < q->limit && answer->count < RS_STATE_ROWS_MAX))
    return false;
  answer->total += count;
  return true;
}

/* Whether owners know more than raylets, and raylets more than the GCS. */
static bool from_owners(unsigned kind)
{
  return kind == RS_STATE_TASKS || kind == RS_STATE_OBJECTS || kind == RS_STATE_TASK_COUNTS || kind == RS_STATE_EXPLAIN;
}
static bool from_raylets(unsigned kind)
{
  return from_owners(kind) || kind == RS_STATE_WORKERS || kind == RS_STATE_COPIES || kind == RS_STATE_VERDICTS ||
         kind == RS_STATE_STORES;
}

static void own_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  if (ep->gcs)
    rs_gcs_state_rows(ep, answer);
  else if (ep->local)
    rs_raylet_state_rows(ep, answer);
  else if (ep->owner)
    rs_owner_state_rows(ep, answer);
}

/* Whom this endpoint passes the question on to; a fresh array. */
static rs_addr *others(struct rs_endpoint *ep, const struct rs_m_state_query *q, uint32_t *count)
{
  const rs_addr *all = NULL;
  uint32_t n = 0;
  *count = 0;
  if (ep->gcs && from_raylets(q->kind))
    all = rs_gcs_raylets(ep, &n);
  else if (ep->local && from_owners(q->kind))
    all = rs_raylet_owners(ep, &n);
  if (n == 0)
    return NULL;
  rs_addr *to = rs_alloc(n * sizeof *to);
  for (uint32_t i = 0; i < n; i++)
    if (q->target == RS_ADDR_NONE || all[i] == (ep->gcs ? rs_addr_raylet(q->target) : q->target))
      to[(*count)++] = all[i];
  return to;
}

static void reply(struct rs_endpoint *ep, rs_addr to, struct rs_answer *answer, uint32_t asked, uint32_t answered)
{
  struct rs_m_state_reply *m = rs_msg_new(RS_MSG_STATE_REPLY);
  m->request = answer->query->request;
  m->kind = answer->query->kind;
  m->status = answer->query->kind < RS_STATE_KINDS ? RS_ERR_OK : RS_ERR_REFUSED;
  m->total = answer->total;
  m->asked = asked;
  m->answered = answered;
  m->rows = answer->rows;
  m->rows_count = answer->count;
  rs_send(ep, to, m);
}

/* Its rows have been handed on, or go with it. */
static void forget(struct rs_endpoint *ep, struct gather *g, bool with_rows)
{
  for (uint32_t i = 0; with_rows && i < g->answer.count; i++)
    rs_row_unref(g->answer.rows[i]);
  if (with_rows)
    free(g->answer.rows);
  rs_list_remove(&g->link);
  rs_msg_unref(&g->query->head);
  free(g->pending);
  free(g);
  if (rs_list_empty(&ep->state->gathers)) {
    free(ep->state);
    ep->state = NULL;
  }
}

static void end(struct rs_endpoint *ep, struct gather *g)
{
  reply(ep, g->asker, &g->answer, g->asked, g->answered);
  forget(ep, g, false);
}

static void on_query(struct rs_endpoint *ep, rs_addr from, const struct rs_m_state_query *m)
{
  struct rs_answer answer = {.query = m};
  uint32_t count;
  if (m->kind < RS_STATE_KINDS)
    own_rows(ep, &answer);
  rs_addr *to = others(ep, m, &count);
  if (count == 0) {
    free(to);
    reply(ep, from, &answer, 1, 1);
    return;
  }
  if (!ep->state) {
    ep->state = rs_alloc_zero(1, sizeof *ep->state);
    rs_list_init(&ep->state->gathers);
  }
  struct gather *g = rs_alloc_zero(1, sizeof *g);
  g->asker = from;
  g->number = ++ep->state->last_number;
  /* a raylet gives up before the GCS does, so that what it has gathered still counts */
  uint64_t timeout_ns = (uint64_t)ep->config->state_query_timeout_ms * RS_MS;
  g->due_at = rs_time_add(ep->now, ep->gcs ? timeout_ns : timeout_ns * 3 / 4);
  g->query = (struct rs_m_state_query *)(void *)rs_msg_ref((struct rs_msg *)(uintptr_t)&m->head);
  g->asked = g->answered = 1;
  g->pending = to;
  g->pending_count = count;
  g->answer = answer;
  rs_list_push_back(&ep->state->gathers, &g->link);
  struct rs_m_state_query *on = rs_msg_new(RS_MSG_STATE_QUERY);
  on->request = g->number;
  on->kind = m->kind;
  on->limit = m->limit;
  on->target = m->target;
  on->a = m->a;
  on->b = m->b;
  on->filters = rs_memdup(m->filters, m->filters_count * sizeof *m->filters);
  on->filters_count = m->filters_count;
  for (uint32_t i = 1; i < count; i++)
    rs_msg_ref(&on->head);
  for (uint32_t i = 0; i < count; i++)
    rs_send(ep, to[i], on);
}

static bool no_longer_pending(struct gather *g, rs_addr who)
{
  for (uint32_t i = 0; i < g->pending_count; i++)
    if (g->pending[i] == who) {
      g->pending[i] = g->pending[--g->pending_count];
      return true;
    }
  return false;
}

static void on_rows(struct rs_endpoint *ep, rs_addr from, const struct rs_m_state_reply *m)
{
  if (!ep->state)
    return;
  RS_LIST_EACH(&ep->state->gathers, at, after)
  {
    struct gather *g = RS_ENTRY(at, struct gather, link);
    if (g->number != m->request || !no_longer_pending(g, from))
      continue;
    g->asked += m->asked;
    g->answered += m->answered;
    g->answer.total += m->total;
    uint32_t limit = g->query->limit < RS_STATE_ROWS_MAX ? g->query->limit : RS_STATE_ROWS_MAX;
    for (uint32_t i = 0; i < m->rows_count && g->answer.count < limit; i++) {
      RS_GROW(g->answer.rows, g->answer.count, g->answer.cap);
      g->answer.rows[g->answer.count++] = rs_row_ref(m->rows[i]);
    }
    if (g->pending_count == 0)
      end(ep, g);
    return;
  }
}

bool rs_state_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  if (msg->type == RS_MSG_STATE_QUERY) {
    on_query(ep, from, (const void *)msg);
    return true;
  }
  if (msg->type == RS_MSG_STATE_REPLY && (ep->gcs || ep->local)) {
    on_rows(ep, from, (const void *)msg);
    return true;
  }
  return false;
}

/* The first gathering that this peer's end settles; false: there is none. */
static bool settle_one(struct rs_endpoint *ep, rs_addr peer)
{
  RS_LIST_EACH(&ep->state->gathers, at, after)
  {
    struct gather *g = RS_ENTRY(at, struct gather, link);
    if (g->asker == peer) {
      forget(ep, g, true);
      return true;
    }
    if (!no_longer_pending(g, peer))
      continue;
    g->asked++;
    if (g->pending_count == 0) {
      end(ep, g);
      return true;
    }
  }
  return false;
}

void rs_state_on_peer_down(struct rs_endpoint *ep, rs_addr peer)
{
  while (ep->state && settle_one(ep, peer)) /* the end of the last gathering ends the list */
    ;
}

void rs_state_settle(struct rs_endpoint *ep)
{
  while (ep->state) {
    struct gather *g = RS_ENTRY(ep->state->gathers.next, struct gather, link);
    if (g->due_at > ep->now)
      return;
    g->asked += g->pending_count;
    end(ep, g);
  }
}

uint64_t rs_state_deadline(const struct rs_endpoint *ep)
{
  return ep->state ? RS_ENTRY(ep->state->gathers.next, struct gather, link)->due_at : RS_TIME_NEVER;
}

void rs_state_free(struct rs_endpoint *ep)
{
  while (ep->state)
    forget(ep, RS_ENTRY(ep->state->gathers.next, struct gather, link), true);
}
