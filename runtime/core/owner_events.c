/* owner_events.c -- ended tasks, told to the head in batches.
 *
 * Every task_events_report_interval_ms, while there is something to tell, an owner sends one TASK_EVENTS: the numbers
 * of its ended tasks by function, which are exact, and a row for each of at most task_events_send_batch_size of them.
 * When that many wait, every other row is dropped (of tasks that failed only where they are more than half) and from
 * then on only every second, fourth, ... task gets one: an even sample, at a cost that does not grow with the rate.
 * Times are told as ages, because nobody knows another's clock.
 *
 * O(1) amortised for each task.
 */
#include "core/owner_int.h"
#include "core/state.h"

#include <string.h>

struct function_count {
  uint64_t function, finished, failed, finished_ns, failed_ns;
};

struct rs_owner_events {
  struct rs_row **rows; /* `queued` and `ended` are times of our own clock until they are sent */
  uint32_t count, cap, failed_rows;
  uint32_t stride, skip; /* every `stride`th ended task gets a row; `skip` more get none */
  uint64_t left_out;
  struct function_count *functions;
  uint32_t function_count, function_cap;
  uint32_t last;             /* place + 1 of the function that was counted last; 0: none */
  struct rs_map by_function; /* function -> place + 1 */
  uint64_t due_at;
};

static bool failed(const struct rs_row *row)
{
  return row->n[RS_COL(tasks, state)] == RS_TASK_FAILED_FOR_GOOD;
}

static void thin_out(struct rs_owner_events *e)
{
  uint32_t kept = 0;
  bool keep_failed = e->failed_rows <= e->count / 2;
  for (uint32_t i = 0; i < e->count; i++) {
    bool keep = failed(e->rows[i]) && keep_failed ? true : i % 2 == 0;
    if (keep) {
      e->rows[kept++] = e->rows[i];
      continue;
    }
    e->failed_rows -= failed(e->rows[i]);
    e->left_out++;
    rs_row_unref(e->rows[i]);
  }
  e->count = kept;
  e->stride *= 2;
}

static void count(struct rs_owner_events *e, uint64_t function, bool well, uint64_t run_ns)
{
  uint64_t key = function ? function : 1;
  bool same = e->last && e->functions[e->last - 1].function == function; /* mostly */
  uint64_t *place = same ? NULL : rs_map_find(&e->by_function, key);
  if (!same && !place) {
    RS_GROW(e->functions, e->function_count, e->function_cap);
    e->functions[e->function_count++] = (struct function_count){.function = function};
    rs_map_put(&e->by_function, key, e->function_count);
    place = rs_map_find(&e->by_function, key);
  }
  if (!same)
    e->last = (uint32_t)*place;
  struct function_count *f = &e->functions[e->last - 1];
  *(well ? &f->finished : &f->failed) += 1;
  *(well ? &f->finished_ns : &f->failed_ns) += run_ns;
}

static uint64_t name_of(const struct rs_task *task)
{
  char name[RS_TASK_NAME_MAX + 1];
  if (!task->name_bytes)
    return task->function;
  memcpy(name, rs_task_name(task), task->name_bytes);
  name[task->name_bytes] = 0;
  return rs_name_hash(name);
}

struct rs_row *rs_owner_task_row(const struct rs_endpoint *ep, const struct owned_task *t, enum rs_task_state state,
                                 const uint8_t *error, uint32_t error_bytes)
{
  const struct rs_task *task = t->task;
  uint32_t text_bytes = error_bytes ? task->name_bytes + 1u + error_bytes : task->name_bytes;
  struct rs_row *row = rs_row_new(RS_STATE_TASKS, RS_COLS(tasks), text_bytes);
  if (task->name_bytes)
    memcpy(row->text, rs_task_name(task), task->name_bytes);
  if (error_bytes)
    memcpy(row->text + task->name_bytes + 1, error, error_bytes);
  row->n[RS_COL(tasks, class)] = rs_owner_type_of(ep->owner, task);
  row->n[RS_COL(tasks, name)] = name_of(task);
  row->n[RS_COL(tasks, owner)] = task->id.owner;
  row->n[RS_COL(tasks, owner_seq)] = task->id.seq;
  row->n[RS_COL(tasks, function)] = task->function;
  row->n[RS_COL(tasks, state)] = state;
  row->n[RS_COL(tasks, actor)] = task->actor.owner;
  row->n[RS_COL(tasks, actor_seq)] = task->actor.seq;
  rs_addr worker = state >= RS_TASK_SUBMITTED_TO_WORKER && state != RS_TASK_PENDING_RETRY ? t->worker : RS_ADDR_NONE;
  row->n[RS_COL(tasks, node)] = worker ? rs_addr_node(worker) : RS_NODE_NONE;
  row->n[RS_COL(tasks, worker)] = worker;
  row->n[RS_COL(tasks, retries_left)] = (uint64_t)(int64_t)t->retries_left;
  row->n[RS_COL(tasks, queued)] = t->queued_at;
  row->n[RS_COL(tasks, ended)] = UINT64_MAX;
  row->n[RS_COL(tasks, job)] = rs_task_job(task);
  return row;
}

void rs_owner_event(struct rs_endpoint *ep, const struct owned_task *t, const struct rs_result *result)
{
  struct rs_owner *o = ep->owner;
  if (ep->config->task_events_report_interval_ms == 0 || o->orphaned)
    return;
  struct rs_owner_events *e = o->events;
  if (!e) {
    e = o->events = rs_alloc_zero(1, sizeof *e);
    e->stride = 1;
    e->due_at = RS_TIME_NEVER;
  }
  if (e->due_at == RS_TIME_NEVER)
    e->due_at = rs_time_add(ep->now, (uint64_t)ep->config->task_events_report_interval_ms * RS_MS);
  bool well = result->status == RS_ERR_OK;
  count(e, t->task->function, well, result->run_ns);
  if (well && e->skip) {
    e->skip--;
    e->left_out++;
    return;
  }
  if (well)
    e->skip = e->stride - 1;
  if (e->count >= (uint64_t)ep->config->task_events_send_batch_size)
    thin_out(e);
  uint32_t error_bytes = 0; /* its text; who it was follows after a 0 */
  while (!well && error_bytes < result->data_bytes && error_bytes < 1024 && result->data[error_bytes])
    error_bytes++;
  struct rs_row *row =
      rs_owner_task_row(ep, t, well ? RS_TASK_FINISHED : RS_TASK_FAILED_FOR_GOOD, result->data, error_bytes);
  row->n[RS_COL(tasks, status)] = (uint64_t)(int64_t)result->status;
  if (result->node)
    row->n[RS_COL(tasks, node)] = rs_addr_node(result->node);
  row->n[RS_COL(tasks, ended)] = ep->now;
  row->n[RS_COL(tasks, run)] = result->run_ns;
  e->failed_rows += !well;
  RS_GROW(e->rows, e->count, e->cap);
  e->rows[e->count++] = row;
}

/* A fresh row with ages instead of times. */
static struct rs_row *aged(const struct rs_row *row, uint64_t now)
{
  struct rs_row *copy = rs_row_copy(row);
  copy->n[RS_COL(tasks, queued)] = now - row->n[RS_COL(tasks, queued)];
  if (row->n[RS_COL(tasks, ended)] != UINT64_MAX)
    copy->n[RS_COL(tasks, ended)] = now - row->n[RS_COL(tasks, ended)];
  return copy;
}

static struct rs_row *count_row(const struct function_count *f, bool well)
{
  struct rs_row *row = rs_row_new(RS_STATE_TASK_COUNTS, RS_COLS(task_counts), 0);
  row->n[RS_COL(task_counts, function)] = f->function;
  row->n[RS_COL(task_counts, state)] = well ? RS_TASK_FINISHED : RS_TASK_FAILED_FOR_GOOD;
  row->n[RS_COL(task_counts, count)] = well ? f->finished : f->failed;
  row->n[RS_COL(task_counts, run)] = well ? f->finished_ns : f->failed_ns;
  return row;
}

void rs_owner_events_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  const struct rs_owner_events *e = ep->owner->events;
  if (e && answer->query->kind == RS_STATE_TASKS)
    for (uint32_t i = e->count; i-- > 0;)
      rs_answer_add(answer, aged(e->rows[i], ep->now));
  if (e && answer->query->kind == RS_STATE_TASK_COUNTS)
    for (uint32_t i = 0; i < e->function_count; i++)
      for (int well = 0; well < 2; well++)
        if (well ? e->functions[i].finished : e->functions[i].failed)
          rs_answer_add(answer, count_row(&e->functions[i], well));
}

void rs_owner_events_settle(struct rs_endpoint *ep)
{
  struct rs_owner_events *e = ep->owner->events;
  if (!e || e->due_at > ep->now)
    return;
  struct rs_m_task_events *m = rs_msg_new(RS_MSG_TASK_EVENTS);
  uint32_t cap = 0;
  m->left_out = e->left_out;
  m->rows = e->rows;
  m->rows_count = e->count;
  for (uint32_t i = 0; i < e->count; i++) {
    uint64_t *n = e->rows[i]->n;
    n[RS_COL(tasks, queued)] = ep->now - n[RS_COL(tasks, queued)];
    n[RS_COL(tasks, ended)] = ep->now - n[RS_COL(tasks, ended)];
  }
  for (uint32_t i = 0; i < e->function_count; i++)
    for (int well = 0; well < 2; well++)
      if (well ? e->functions[i].finished : e->functions[i].failed) {
        RS_GROW(m->counts, m->counts_count, cap);
        m->counts[m->counts_count++] = count_row(&e->functions[i], well);
      }
  if (e->stride > 1 && e->count < (uint64_t)ep->config->task_events_send_batch_size / 4)
    e->stride /= 2; /* the rush is over */
  e->rows = NULL;
  e->count = e->cap = e->failed_rows = e->skip = e->function_count = e->last = 0;
  e->left_out = 0;
  e->due_at = RS_TIME_NEVER;
  rs_map_free(&e->by_function);
  if (ep->owner->orphaned)
    rs_msg_unref(&m->head);
  else
    rs_send(ep, ep->head, m);
}

uint64_t rs_owner_events_deadline(const struct rs_owner *o)
{
  return o->events ? o->events->due_at : RS_TIME_NEVER;
}

void rs_owner_events_free(struct rs_owner *o)
{
  struct rs_owner_events *e = o->events;
  if (!e)
    return;
  for (uint32_t i = 0; i < e->count; i++)
    rs_row_unref(e->rows[i]);
  free(e->rows);
  free(e->functions);
  rs_map_free(&e->by_function);
  free(e);
}
