/* gcs_watch.c -- who hears of an actor: its creator, and every process that has asked for it; and finding it by name.
 *
 * Whoever has an actor's id may WATCH it: it is told the present state and every later one. Of an actor that is dead
 * the cause is told, as long as it is remembered (maximum_gcs_destroyed_actor_cached_count). An id may come to a
 * process faster than the creator's message to the head: of an unknown one nothing is said for actor_unknown_wait_ms.
 *
 * A caller whose connection to an actor broke asks with CHECK whether that incarnation lives. The head asks the raylet
 * of its worker, so that the answer is the truth: alive, or the death that the raylet or the health check tells.
 *
 * Costs: O(watchers) a state; O(actors) a list of names and the end of a process that watches.
 */
#include <string.h>

#include "core/codec.h"
#include "core/gcs_int.h"

#define NAMES_MAX 10000
#define NAMES_BYTES_MAX 5120000

static struct rs_m_actor_state *state_msg(struct rs_id id, enum rs_actor_state state, int reason)
{
  struct rs_m_actor_state *m = rs_msg_new(RS_MSG_ACTOR_STATE);
  m->actor = id;
  m->state = (uint8_t)state;
  m->reason = reason;
  return m;
}

static void put_text(struct rs_m_actor_state *m, const void *text, uint32_t bytes)
{
  m->text_count = bytes < RS_TEXT_MAX ? bytes : RS_TEXT_MAX;
  m->text = rs_memdup(text, m->text_count);
}

static struct rs_m_actor_state *state_of(const struct gcs_actor *actor, enum rs_actor_state state, int reason)
{
  struct rs_m_actor_state *m = state_msg(actor->id, state, reason);
  m->type = actor->create->creation->function;
  m->restart = actor->restart;
  m->worker = state == RS_ACTOR_ALIVE ? actor->worker : RS_ADDR_NONE;
  m->max_task_retries = actor->create->max_task_retries;
  m->max_pending_calls = actor->create->max_pending_calls;
  return m;
}

void rs_gcs_watch_tell(struct rs_endpoint *ep, struct gcs_actor *actor, enum rs_actor_state state, int reason,
                       const struct rs_text *text)
{
  struct rs_m_actor_state *m = state_of(actor, state, reason);
  if (text)
    put_text(m, text->bytes, text->used);
  actor->asker_count = 0;
  if (!actor->creator_gone) {
    rs_msg_ref(&m->head);
    rs_send(ep, actor->id.owner, m);
  }
  for (uint32_t i = 0; i < actor->watcher_count; i++) {
    rs_msg_ref(&m->head);
    rs_send(ep, actor->watchers[i], m);
  }
  rs_msg_unref(&m->head);
}

void rs_gcs_watch_dead(struct rs_endpoint *ep, rs_addr who, struct rs_id id, uint64_t type, int reason,
                       const struct rs_text *text, struct rs_id other)
{
  struct rs_m_actor_state *m = state_msg(id, RS_ACTOR_DEAD, reason);
  m->type = type;
  put_text(m, text->bytes, text->used);
  if (other.owner) {
    m->other_count = 1;
    m->other = rs_memdup(&other, sizeof other);
  }
  rs_send(ep, who, m);
}

static void tell_present(struct rs_endpoint *ep, const struct gcs_actor *actor, rs_addr who)
{
  enum rs_actor_state state = actor->phase == ACTOR_RUNNING ? RS_ACTOR_ALIVE
                              : actor->restart              ? RS_ACTOR_RESTARTING
                                                            : RS_ACTOR_PENDING;
  rs_send(ep, who, state_of(actor, state, RS_ERR_OK));
}

void rs_gcs_watch_answer(struct rs_endpoint *ep, struct gcs_actor *actor)
{
  for (uint32_t i = 0; i < actor->asker_count; i++)
    tell_present(ep, actor, actor->askers[i]);
  actor->asker_count = 0;
}

static void add_watcher(struct rs_gcs *g, struct gcs_actor *actor, rs_addr who)
{
  if (who == actor->id.owner) {
    actor->creator_gone = false;
    return;
  }
  for (uint32_t i = 0; i < actor->watcher_count; i++)
    if (actor->watchers[i] == who)
      return;
  RS_GROW(actor->watchers, actor->watcher_count, actor->watcher_cap);
  actor->watchers[actor->watcher_count++] = who;
  uint64_t *watched = rs_map_find(&g->watched_by, who);
  rs_map_put(&g->watched_by, who, watched ? *watched + 1 : 1);
}

static void uncount(struct rs_gcs *g, rs_addr who)
{
  uint64_t *watched = rs_map_find(&g->watched_by, who);
  RS_ASSERT(watched && *watched > 0);
  if (--*watched == 0)
    rs_map_remove(&g->watched_by, who, NULL);
}

static bool take_out(rs_addr *list, uint32_t *count, rs_addr who)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < *count; i++)
    if (list[i] != who)
      list[kept++] = list[i];
  bool found = kept < *count;
  *count = kept;
  return found;
}

static void remove_watcher(struct rs_gcs *g, struct gcs_actor *actor, rs_addr who)
{
  take_out(actor->askers, &actor->asker_count, who);
  if (take_out(actor->watchers, &actor->watcher_count, who))
    uncount(g, who);
}

void rs_gcs_watch_forget(struct rs_gcs *g, struct gcs_actor *actor)
{
  for (uint32_t i = 0; i < actor->watcher_count; i++)
    uncount(g, actor->watchers[i]);
  free(actor->watchers);
  free(actor->askers);
}

static void awaited_free(struct awaited *a)
{
  rs_list_remove(&a->link);
  free(a);
}

void rs_gcs_watch_adopt(struct rs_endpoint *ep, struct gcs_actor *actor)
{
  RS_LIST_EACH(&ep->gcs->awaited, at, after)
  {
    struct awaited *a = RS_ENTRY(at, struct awaited, link);
    if (!rs_id_equal(a->id, actor->id))
      continue;
    add_watcher(ep->gcs, actor, a->who);
    tell_present(ep, actor, a->who);
    awaited_free(a);
  }
}

void rs_gcs_watch_on_down(struct rs_gcs *g, rs_addr who)
{
  RS_LIST_EACH(&g->awaited, at, after)
  if (RS_ENTRY(at, struct awaited, link)->who == who)
    awaited_free(RS_ENTRY(at, struct awaited, link));
  if (!rs_map_find(&g->watched_by, who))
    return;
  RS_LIST_EACH(&g->actors, at, after) remove_watcher(g, RS_ENTRY(at, struct gcs_actor, all_link), who);
}

/* ---- messages ---- */

static void tell_unknown(struct rs_endpoint *ep, rs_addr who, struct rs_id id)
{
  const struct rs_grave *grave = rs_graves_find(&ep->gcs->graves, id);
  struct rs_text text = {0};
  if (grave)
    rs_text_bytes(&text, grave->text, grave->text_bytes);
  else
    rs_text_str(&text, "the head knows no such actor; it may have died long ago");
  rs_gcs_watch_dead(ep, who, id, grave ? grave->type : 0, grave ? grave->reason : RS_ERR_NO_ACTOR, &text,
                    (struct rs_id){0, 0});
}

static void on_watch(struct rs_endpoint *ep, rs_addr from, struct rs_id id)
{
  struct rs_gcs *g = ep->gcs;
  struct gcs_actor *actor = rs_gcs_actor_of(g, id);
  if (actor) {
    add_watcher(g, actor, from);
    tell_present(ep, actor, from);
  } else if (id.owner == from || rs_graves_find(&g->graves, id)) {
    tell_unknown(ep, from, id);
  } else {
    struct awaited *a = rs_alloc_zero(1, sizeof *a);
    a->id = id;
    a->who = from;
    a->due_at = rs_time_add(ep->now, (uint64_t)ep->config->actor_unknown_wait_ms * RS_MS);
    rs_list_push_back(&g->awaited, &a->link); /* one delay for all: in order of due_at */
  }
}

static void on_unwatch(struct rs_gcs *g, rs_addr from, struct rs_id id)
{
  struct gcs_actor *actor = rs_gcs_actor_of(g, id);
  if (actor)
    remove_watcher(g, actor, from);
  RS_LIST_EACH(&g->awaited, at, after)
  {
    struct awaited *a = RS_ENTRY(at, struct awaited, link);
    if (a->who == from && rs_id_equal(a->id, id))
      awaited_free(a);
  }
}

static void on_check(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_check *m)
{
  struct gcs_actor *actor = rs_gcs_actor_of(ep->gcs, m->actor);
  if (!actor) {
    tell_unknown(ep, from, m->actor);
    return;
  }
  if (actor->phase != ACTOR_RUNNING || actor->restart != m->restart) {
    tell_present(ep, actor, from);
    return;
  }
  RS_GROW(actor->askers, actor->asker_count, actor->asker_cap);
  actor->askers[actor->asker_count++] = from;
  if (actor->checking)
    return;
  actor->checking = true;
  struct rs_m_lease_check *check = rs_msg_new(RS_MSG_LEASE_CHECK);
  check->lease = actor->lease;
  rs_send(ep, actor->raylet, check);
}

/* ---- names ---- */

uint64_t rs_gcs_name_key(const uint8_t *name, uint32_t name_bytes, const uint8_t *space, uint32_t space_bytes)
{
  if (name_bytes == 0)
    return 0;
  uint64_t hash = rs_hash_bytes(rs_hash_bytes(1, space, space_bytes), name, name_bytes);
  return hash ? hash : 1;
}

static bool same_space(const struct rs_m_actor_create *c, const struct rs_m_actor_find *m)
{
  return m->all_spaces ||
         (c->space_count == m->space_count && (m->space_count == 0 || memcmp(c->space, m->space, m->space_count) == 0));
}

/* The namespace and the name, each with a final 0. */
static void put_names(struct rs_m_actor_found *found, const struct rs_m_actor_create *c)
{
  if (c->space_count)
    memcpy(found->names + found->names_count, c->space, c->space_count);
  found->names_count += c->space_count;
  found->names[found->names_count++] = 0;
  memcpy(found->names + found->names_count, c->name, c->name_count);
  found->names_count += c->name_count;
  found->names[found->names_count++] = 0;
}

static void list_names(struct rs_gcs *g, const struct rs_m_actor_find *m, struct rs_m_actor_found *found)
{
  uint32_t count = 0, bytes = 0;
  for (const struct rs_link *at = g->actors.next; at != &g->actors; at = at->next) {
    const struct rs_m_actor_create *c = RS_ENTRY(at, struct gcs_actor, all_link)->create;
    if (c->name_count == 0 || !same_space(c, m))
      continue;
    count++;
    bytes += c->space_count + c->name_count + 2;
  }
  count = count < NAMES_MAX ? count : NAMES_MAX;
  RS_ASSERT(bytes <= NAMES_BYTES_MAX || count == NAMES_MAX);
  found->actors = rs_alloc(count * sizeof *found->actors);
  found->names = rs_alloc(bytes);
  for (const struct rs_link *at = g->actors.next; at != &g->actors && found->actors_count < count; at = at->next) {
    const struct gcs_actor *actor = RS_ENTRY(at, struct gcs_actor, all_link);
    if (actor->create->name_count == 0 || !same_space(actor->create, m))
      continue;
    found->actors[found->actors_count++] = actor->id;
    put_names(found, actor->create);
  }
}

static void on_find(struct rs_endpoint *ep, rs_addr from, const struct rs_m_actor_find *m)
{
  struct rs_gcs *g = ep->gcs;
  struct rs_m_actor_found *found = rs_msg_new(RS_MSG_ACTOR_FOUND);
  found->request = m->request;
  uint64_t key = rs_gcs_name_key(m->name, m->name_count, m->space, m->space_count);
  const struct gcs_actor *actor = key ? rs_map_get_ptr(&g->actor_by_name, key) : NULL;
  if (m->list) {
    list_names(g, m, found);
  } else if (actor) {
    found->actors = rs_memdup(&actor->id, sizeof actor->id);
    found->actors_count = 1;
  }
  rs_send(ep, from, found);
}

bool rs_gcs_watch_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg)
{
  switch (msg->type) {
  case RS_MSG_ACTOR_WATCH: on_watch(ep, from, ((const struct rs_m_actor_watch *)(const void *)msg)->actor); return true;
  case RS_MSG_ACTOR_UNWATCH:
    on_unwatch(ep->gcs, from, ((const struct rs_m_actor_unwatch *)(const void *)msg)->actor);
    return true;
  case RS_MSG_ACTOR_CHECK: on_check(ep, from, (const void *)msg); return true;
  case RS_MSG_ACTOR_FIND: on_find(ep, from, (const void *)msg); return true;
  default: return false;
  }
}

void rs_gcs_watch_settle(struct rs_endpoint *ep)
{
  RS_LIST_EACH(&ep->gcs->awaited, at, after)
  {
    struct awaited *a = RS_ENTRY(at, struct awaited, link);
    if (a->due_at > ep->now)
      return;
    tell_unknown(ep, a->who, a->id);
    awaited_free(a);
  }
}

uint64_t rs_gcs_watch_deadline(const struct rs_endpoint *ep)
{
  const struct rs_link *list = &ep->gcs->awaited;
  return rs_list_empty(list) ? RS_TIME_NEVER : RS_ENTRY(list->next, struct awaited, link)->due_at;
}

void rs_gcs_watch_free_all(struct rs_gcs *g)
{
  RS_LIST_EACH(&g->awaited, at, after) awaited_free(RS_ENTRY(at, struct awaited, link));
  rs_map_free(&g->watched_by);
}
