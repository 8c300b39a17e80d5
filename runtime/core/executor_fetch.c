/* executor_fetch.c -- the arguments that a task did not bring, and no lease: they come here before it begins.
 *
 * A plain task finds its stored arguments on its node, since its lease brought them, and small ones inside it. What is
 * left are the stored arguments of calls and creations of actors, which need no lease for each, and small ones beyond
 * task_rpc_inlined_bytes_limit, which the submitter did not push. Each is asked for like a GET of the application: its
 * owner tells the value or where copies are, makes it again where the last one was lost, and the raylet pulls a stored
 * one and pins it until the run is over. Who submitted the task holds its arguments all that time.
 *
 * The run keeps its place meanwhile: calls of its queue that come after it do not begin before it. One argument that
 * cannot be had ends the task with that argument's error. Where this departs from Ray: there the raylet of the actor is
 * asked for stored arguments as well, but a small value is always inside the call.
 *
 * Cost: O(arguments) a task, where answers come in the order of the questions.
 */
#include "core/executor_int.h"
#include "core/owner_int.h"
#include "core/store.h"

enum fetch_state { FETCH_NONE, FETCH_ASKED, FETCH_VALUE, FETCH_PINNED };

/* A plain task's lease has brought what is in stores. */
static bool lacks(const struct rs_task *task, const struct rs_dep *dep)
{
  return !dep->value && (dep->location == RS_ADDR_NONE || (task->flags & (RS_TASK_ACTOR_CALL | RS_TASK_ACTOR_CREATE)));
}

bool rs_fetch_needed(const struct rs_task *task)
{
  for (uint32_t i = 0; i < task->dep_count; i++)
    if (lacks(task, &task->deps[i]))
      return true;
  return false;
}

void rs_fetch_begin(struct rs_endpoint *ep, struct run *run)
{
  struct rs_task *task = rs_task_ref(run->task); /* an answer may replace the run's */
  struct fetch *fetch = rs_alloc_zero(1, sizeof *fetch + task->dep_count);
  run->fetch = fetch;
  for (uint32_t i = 0; i < task->dep_count; i++)
    if (lacks(task, &task->deps[i])) {
      fetch->states[i] = FETCH_ASKED;
      fetch->waiting++;
    }
  rs_owner_begin(ep);
  for (uint32_t i = 0; i < task->dep_count; i++)
    if (lacks(task, &task->deps[i]))
      rs_owner_fetch(ep, task->deps[i].id); /* answered now or later; nothing ends before the step settles */
  rs_task_unref(task);
}

/* The dependency of this run that waits for the object; dep_count: none. */
static uint32_t asked_for(struct run *run, struct rs_id id)
{
  struct fetch *fetch = run->fetch;
  uint32_t count = run->task->dep_count;
  for (uint32_t k = 0; k < count && fetch->waiting; k++) {
    uint32_t i = fetch->at + k < count ? fetch->at + k : fetch->at + k - count;
    if (fetch->states[i] == FETCH_ASKED && rs_id_equal(run->task->deps[i].id, id)) {
      fetch->at = i + 1 < count ? i + 1 : 0;
      return i;
    }
  }
  return count;
}

void rs_executor_on_arg(struct rs_endpoint *ep, struct rs_id id, struct rs_value *value, struct rs_result *error)
{
  struct rs_executor *x = ep->executor;
  for (uint32_t r = 0; r < x->run_count; r++) {
    struct run *run = &x->runs[r];
    uint32_t i = rs_fetch_waits(run) ? asked_for(run, id) : run->task->dep_count;
    if (i == run->task->dep_count)
      continue;
    struct fetch *fetch = run->fetch;
    fetch->waiting--;
    fetch->states[i] = value ? FETCH_VALUE : error ? FETCH_NONE : FETCH_PINNED;
    if (value && !fetch->copied) {
      struct rs_task *copy = rs_task_copy(run->task);
      rs_task_unref(run->task);
      run->task = copy;
      fetch->copied = true;
    }
    if (value)
      run->task->deps[i].value = rs_value_ref(value);
    if (error && !fetch->error)
      fetch->error = rs_result_ref(error);
    x->fetched = x->fetched || fetch->waiting == 0 || fetch->error;
    return;
  }
  if (!value && !error) /* whoever wanted it has ended */
    rs_store_let_go(ep, id);
}

void rs_fetch_give_up(struct rs_endpoint *ep, struct run *run, int status, const char *why)
{
  if (!run->fetch->error)
    run->fetch->error = rs_result_failed(run->task->id, status, why);
  ep->executor->fetched = true;
}

void rs_fetch_free(struct fetch *fetch)
{
  if (fetch)
    rs_result_unref(fetch->error);
  free(fetch);
}

void rs_fetch_end(struct rs_endpoint *ep, struct run *run)
{
  struct fetch *fetch = run->fetch;
  for (uint32_t i = 0; fetch && i < run->task->dep_count; i++)
    if (fetch->states[i] == FETCH_PINNED)
      rs_store_let_go(ep, run->task->deps[i].id);
  rs_fetch_free(fetch);
  run->fetch = NULL;
}
