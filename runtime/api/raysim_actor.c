/* raysim_actor.c -- actors beyond a call: options, names, name spaces; an actor that ends itself; tasks that yield. */
#include <stdio.h>
#include <stdlib.h>

#include "api/raysim_int.h"
#include "uv/function.h"

enum { ANSWER_MS = 60000 };        /* for the head to accept a name or to find one */
enum { ASYNC_CONCURRENCY = 1000 }; /* Ray's default */

static int set_name(char *to, const char *what, const char *name)
{
  size_t length = name ? strlen(name) : 0;
  if (length > RS_ACTOR_NAME_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "%s: at most %d bytes", what, RS_ACTOR_NAME_MAX);
  if (length)
    memcpy(to, name, length + 1);
  return 0;
}

/* The job's name space, where none is given. */
static int set_space(const struct raysim *ray, struct rs_actor_opts *opts, const char *name_space)
{
  return set_name(opts->name_space, "name_space", name_space ? name_space : ray->name_space);
}

static int set_groups(struct rs_actor_opts *opts, const struct raysim_actor_options *in)
{
  if (in->max_concurrency < 0 || in->group_count >= RS_ACTOR_GROUPS_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "max_concurrency, groups: not negative, at most %d groups",
                            RS_ACTOR_GROUPS_MAX - 1);
  opts->group_count = 1 + (uint32_t)in->group_count;
  opts->groups[0].limit = in->max_concurrency ? (uint32_t)in->max_concurrency : in->async ? ASYNC_CONCURRENCY : 1;
  for (size_t i = 0; i < in->group_count; i++) {
    if (!in->groups[i].name || !in->groups[i].name[0] || in->groups[i].max_concurrency < 1)
      return raysim_set_error(RAYSIM_ERR_INVALID, "groups: each has a name and a max_concurrency of 1 or more");
    opts->groups[1 + i].name = rs_name_hash(in->groups[i].name);
    opts->groups[1 + i].limit = (uint32_t)in->groups[i].max_concurrency;
  }
  return 0;
}

int raysim_actor_opts_of(const struct raysim *ray, const struct raysim_actor_options *in, struct rs_actor_opts **out)
{
  bool plain = !in->name && !in->get_if_exists && !in->detached && !in->max_concurrency && !in->group_count &&
               !in->max_pending_calls;
  plain = plain && !in->async;
  *out = NULL;
  if (plain)
    return 0;
  struct rs_actor_opts *opts = *out = rs_alloc_zero(1, sizeof *opts);
  opts->detached = in->detached != 0;
  opts->get_if_exists = in->get_if_exists != 0;
  opts->max_pending_calls = in->max_pending_calls;
  int rc = set_name(opts->name, "name", in->name);
  if (rc == 0 && in->get_if_exists && !opts->name[0])
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "get_if_exists: needs a name");
  if (rc == 0)
    rc = set_space(ray, opts, in->name_space);
  if (rc == 0)
    rc = set_groups(opts, in);
  return rc;
}

int raysim_actor_submit(struct raysim *ray, struct rs_call *call, struct rs_id *id)
{
  if (!call->actor || !call->actor->name[0])
    return rs_front_submit(ray->front, call, id);
  struct rs_front_heard heard;
  int rc = rs_front_actor_create(ray->front, call, raysim_ns_of(ANSWER_MS), id, &heard);
  if (rc == 0 && heard.state == RS_ACTOR_DEAD) {
    rc = heard.id_count ? 0 : heard.status ? heard.status : RS_ERR_ACTOR_DIED;
    if (heard.id_count)
      *id = heard.ids[0]; /* who has the name */
    else if (heard.result)
      raysim_set_error(rc, "%.*s", (int)heard.result->data_bytes, (const char *)heard.result->data);
  }
  rs_front_heard_free(&heard);
  return rc;
}

/* ---- names ---- */

raysim_actor raysim_actor_find(struct raysim *ray, const char *name, const char *name_space)
{
  raysim_actor actor = {{{0}}};
  struct rs_front_heard heard = {0};
  if (raysim_connected(ray, "raysim_actor_find") != 0)
    return actor;
  if (!name || !name[0]) {
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_actor_find: no name");
    return actor;
  }
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_FIND, 0);
  call->actor = rs_alloc_zero(1, sizeof *call->actor);
  int rc = set_name(call->actor->name, "name", name);
  if (rc == 0)
    rc = set_space(ray, call->actor, name_space);
  if (rc == 0)
    rc = rs_front_actor_find(ray->front, call, raysim_ns_of(ANSWER_MS), &heard);
  else
    rs_call_free(call);
  if (rc == 0 && heard.id_count == 0)
    raysim_set_error(heard.status ? heard.status : RS_ERR_NO_ACTOR, "name \"%s\" in name space \"%s\": %s", name,
                     name_space ? name_space : ray->name_space,
                     rs_error_text(heard.status ? heard.status : RS_ERR_NO_ACTOR));
  else if (rc != 0 && rc != RAYSIM_ERR_INVALID)
    raysim_set_error(rc, "raysim_actor_find: %s", rs_error_text(rc));
  else if (rc == 0)
    actor.ref = raysim_ref_of(heard.ids[0]);
  rs_front_heard_free(&heard);
  return actor;
}

int64_t raysim_actor_list(struct raysim *ray, const char *name_space, int flags, struct raysim_actor_name **list)
{
  struct rs_front_heard heard = {0};
  if (!list)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_actor_list: no room for the list");
  *list = NULL;
  if (raysim_connected(ray, "raysim_actor_list") != 0)
    return RAYSIM_ERR_INVALID;
  if (flags & ~RAYSIM_ALL_NAME_SPACES)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_actor_list: unknown flags %#x", (unsigned)flags);
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_LIST, 0);
  call->actor = rs_alloc_zero(1, sizeof *call->actor);
  call->force = (flags & RAYSIM_ALL_NAME_SPACES) != 0;
  int rc = set_space(ray, call->actor, name_space);
  if (rc == 0)
    rc = rs_front_actor_find(ray->front, call, raysim_ns_of(ANSWER_MS), &heard);
  else
    rs_call_free(call);
  if (rc != 0)
    return rc == RAYSIM_ERR_INVALID ? rc : raysim_set_error(rc, "raysim_actor_list: %s", rs_error_text(rc));
  const char *text = heard.result ? (const char *)heard.result->data : "";
  size_t bytes = heard.result ? heard.result->data_bytes : 0;
  struct raysim_actor_name *names = rs_alloc(heard.id_count * sizeof *names + bytes + 1);
  char *copy = (char *)(names + heard.id_count);
  if (bytes)
    memcpy(copy, text, bytes);
  for (uint32_t i = 0; i < heard.id_count; i++) {
    names[i].actor.ref = raysim_ref_of(heard.ids[i]);
    names[i].name_space = copy;
    names[i].name = copy + strlen(copy) + 1;
    copy += strlen(names[i].name_space) + strlen(names[i].name) + 2;
  }
  int64_t count = heard.id_count;
  *list = names;
  rs_front_heard_free(&heard);
  return count;
}

void raysim_actor_list_free(struct raysim_actor_name *list)
{
  free(list);
}

/* ---- within an actor, within a stream ---- */

void raysim_actor_exit(struct raysim_context *context)
{
  rs_front_call(raysim_front_of(context), rs_call_new(RS_CALL_ACTOR_EXIT, 0));
}

int raysim_yield_data(struct raysim_context *context, const struct raysim_data *data)
{
  struct rs_uv_context *inner = raysim_inner_of(context);
  if (!data || (!data->bytes && data->size))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_yield: the bytes are at NULL");
  if (raysim_refs_valid(data->refs, data->ref_count) != 0)
    return RAYSIM_ERR_INVALID;
  if (!(rs_uv_context_task(inner)->flags & RS_TASK_STREAM)) {
    raysim_fail(context, "raysim_yield: the task was not submitted as a stream");
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_yield: the task was not submitted as a stream");
  }
  struct rs_id few[8], *ids = data->ref_count <= 8 ? few : rs_alloc(data->ref_count * sizeof *ids);
  for (size_t i = 0; i < data->ref_count; i++)
    ids[i] = raysim_id_of(data->refs[i]);
  int rc = rs_uv_yield(inner, data->bytes, data->size, ids, (uint32_t)data->ref_count);
  if (ids != few)
    free(ids);
  return rc;
}

int raysim_yield(struct raysim_context *context, const void *bytes, size_t size)
{
  return raysim_yield_data(context, &(struct raysim_data){.bytes = bytes, .size = size});
}

/* ---- reading streams ---- */

int raysim_next(struct raysim *ray, raysim_stream stream, int64_t timeout_ms, raysim_ref *item)
{
  struct rs_front_heard heard;
  if (!item)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_next: no room for the reference");
  *item = (raysim_ref){{0}};
  if (raysim_connected(ray, "raysim_next") != 0)
    return RAYSIM_ERR_INVALID;
  int rc = rs_front_stream_next(ray->front, raysim_id_of(stream.ref), raysim_ns_of(timeout_ms), &heard);
  if (rc == RS_ERR_INVALID) {
    raysim_set_error(rc, "raysim_next: it is no stream of this process, or was released");
  } else if (rc != 0) {
    raysim_set_error(rc, "raysim_next: %s", rs_error_text(rc));
  } else if (heard.status != 0) {
    rc = heard.status;
    if (heard.result) {
      struct raysim_error *error = raysim_error_of(ray->front, rc, heard.result);
      raysim_set_error(rc, "%s", error->message);
      free(error);
    }
  } else if (heard.id_count) {
    *item = raysim_ref_of(heard.ids[0]);
    rc = 1;
  }
  rs_front_heard_free(&heard);
  return rc;
}

void raysim_stream_release(struct raysim *ray, raysim_stream stream)
{
  if (ray && !raysim_none(stream.ref))
    rs_front_stream_release(ray->front, raysim_id_of(stream.ref));
}

int raysim_stream_cancel(struct raysim *ray, raysim_stream stream, int flags)
{
  return raysim_cancel(ray, stream.ref, flags);
}
