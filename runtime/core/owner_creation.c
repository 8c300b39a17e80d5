/* owner_creation.c -- the arguments of an actor's creation, from its submission until the actor will not be created
 * again.
 *
 * Whoever creates an actor holds what its creation reads or carries, as with a task: until the actor lives and has no
 * restart left, or is dead. The head hears of the actor at once, so that its name is taken; where the creation reads
 * objects it waits until they are made (ACTOR_ARGS, with the small values inside), and the actor dies of one that
 * cannot be. Each incarnation reads stored ones anew, by its own node (executor_fetch.c): lost ones are made again as
 * for any reader. A detached actor outlives its creator but not that one's objects, as in Ray: what it needs of them
 * for a restart must be small, or it dies.
 *
 * Cost: O(arguments) an actor.
 */
#include "core/owner_int.h"

static void send_args(struct rs_endpoint *ep, const struct owned_task *t, struct rs_result *error)
{
  struct rs_m_actor_args *m = rs_msg_new(RS_MSG_ACTOR_ARGS);
  m->actor = t->actor->id;
  m->creation = rs_task_ref(t->task);
  m->error = error;
  rs_send(ep, ep->head, m);
}

void rs_owner_creation_begin(struct rs_endpoint *ep, struct owned_actor *a, struct rs_task *creation)
{
  if (creation->dep_count + creation->inner_count == 0)
    return;
  struct owned_task *t = rs_alloc_zero(1, sizeof *t);
  t->task = rs_task_ref(creation);
  t->actor = a;
  t->creates = true;
  t->sent = true;
  t->state = TASK_BLOCKED;
  rs_list_init(&t->link);
  a->creation = t;
  if (!rs_owner_args_block(ep, t) && creation->dep_count)
    rs_list_push_back(&ep->owner->ready, &t->link);
}

void rs_owner_creation_ready(struct rs_endpoint *ep, struct owned_task *t)
{
  struct rs_result *error = NULL;
  if (rs_owner_args_resolve(ep, t, &error) == ARGS_WAIT)
    return;
  send_args(ep, t, error);
  t->sent = true;
}

void rs_owner_creation_end(struct rs_endpoint *ep, struct owned_actor *a)
{
  struct owned_task *t = a->creation;
  if (!t)
    return;
  a->creation = NULL;
  rs_list_remove(&t->link);
  if (t->blocked_on)
    rs_owner_args_unwait(ep, t);
  rs_owner_args_drop(ep, t);
  rs_task_unref(t->task);
  free(t);
}

void rs_owner_creation_free(struct owned_actor *a)
{
  if (a->creation)
    rs_task_unref(a->creation->task);
  free(a->creation);
}
