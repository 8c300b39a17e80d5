/* raysim_object.c -- putting, getting and waiting. A public value holds a front's value, and the public forms of the
 * references and of the error that it brings, made only where there are some. */
#include <stdio.h>

#include "api/raysim_int.h"
#include "core/failure.h"

/* Behind raysim_value.held[0]. */
struct held {
  struct rs_front *front;
  struct raysim_life *life;
  struct rs_front_value value;
  raysim_ref refs[];
};

static struct rs_id *ids_of(const raysim_ref *refs, size_t count, struct rs_id *few, size_t room)
{
  struct rs_id *ids = count <= room ? few : rs_alloc(count * sizeof *ids);
  for (size_t i = 0; i < count; i++)
    ids[i] = raysim_id_of(refs[i]);
  return ids;
}

int raysim_refs_valid(const raysim_ref *refs, size_t count)
{
  if (!refs && count > 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "refs: %zu references at NULL", count);
  for (size_t i = 0; i < count; i++)
    if (raysim_none(refs[i]))
      return raysim_set_error(RAYSIM_ERR_INVALID, "refs: number %zu is no reference", i);
  return 0;
}

/* ---- errors ---- */

/* One allocation: the structure, its texts behind it. */
struct raysim_error *raysim_error_of(const struct rs_front *front, int status, const struct rs_result *result)
{
  struct rs_failure *f = rs_alloc_zero(1, sizeof *f);
  f->node = RS_FAILURE_NODE_NONE;
  if (result && result->status != RS_ERR_OK)
    rs_failure_read(result, f);
  if (!f->text[0])
    snprintf(f->text, sizeof f->text, "%s", rs_error_text(status));
  if (!f->name[0]) {
    const char *type = rs_front_name(front, f->type), *of = rs_front_name(front, f->function);
    snprintf(f->name, sizeof f->name, "%.120s%s%.120s", type, type[0] && of[0] ? "." : "", of);
  }
  if (status == RS_ERR_UNKNOWN_FUNCTION && f->name[0]) {
    size_t used = strlen(f->text);
    snprintf(f->text + used, sizeof f->text - used, ": %s", f->name);
  }
  size_t text = strlen(f->text) + 1, function = strlen(f->name) + 1, name = strlen(f->task_name) + 1;
  struct raysim_error *error = rs_alloc_zero(1, sizeof *error + text + function + name);
  char *at = (char *)(error + 1);
  memcpy(at, f->text, text);
  memcpy(at + text, f->name, function);
  memcpy(at + text + function, f->task_name, name);
  *error = (struct raysim_error){.code = status,
                                 .message = at,
                                 .function = at + text,
                                 .name = name > 1 ? at + text + function : at + text,
                                 .task = raysim_ref_of(f->task),
                                 .node = f->node,
                                 .pid = (int)f->pid,
                                 .retries = (int)f->retries};
  free(f);
  return error;
}

int raysim_free(struct raysim *ray, const raysim_ref *refs, size_t count)
{
  enum { FEW = 16 };
  struct rs_id few[FEW] = {{0}};
  if (raysim_connected(ray, "raysim_free") != 0 || raysim_refs_valid(refs, count) != 0)
    return RAYSIM_ERR_INVALID;
  if (count > UINT32_MAX / 2)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_free: too many references");
  struct rs_id *ids = ids_of(refs, count, few, FEW);
  int rc = rs_front_drop(ray->front, ids, (uint32_t)count);
  if (ids != few)
    free(ids);
  return rc;
}

/* ---- values ---- */

static void publish(struct rs_front *front, const struct rs_front_value *in, struct raysim_value *out)
{
  struct held *held = rs_alloc(sizeof *held + in->id_count * sizeof held->refs[0]);
  *out = (struct raysim_value){0};
  held->front = front;
  held->life = ((const struct raysim *)front->user)->life;
  if (held->life)
    atomic_fetch_add(&held->life->holders, 1);
  held->value = *in;
  out->held[0] = held;
  if (in->status != RS_ERR_OK) {
    out->held[1] = raysim_error_of(front, in->status, in->failed);
    out->error = out->held[1];
    return;
  }
  out->bytes = in->bytes;
  out->size = in->size_bytes;
  for (uint32_t i = 0; i < in->id_count; i++)
    held->refs[i] = raysim_ref_of(in->ids[i]);
  out->refs = in->id_count ? held->refs : NULL;
  out->ref_count = in->id_count;
}

void raysim_life_drop(struct raysim_life *life)
{
  if (life && atomic_fetch_sub(&life->holders, 1) == 1)
    free(life);
}

void raysim_value_free(struct raysim_value *value)
{
  static pthread_mutex_t late = PTHREAD_MUTEX_INITIALIZER; /* two values may share their bytes */
  struct held *held = value->held[0];
  if (held && held->life && atomic_load(&held->life->ended)) {
    pthread_mutex_lock(&late);
    rs_front_value_forget(&held->value);
    pthread_mutex_unlock(&late);
  } else if (held) {
    rs_front_value_free(held->front, &held->value);
  }
  if (held)
    raysim_life_drop(held->life);
  free(held);
  free(value->held[1]);
  *value = (struct raysim_value){0};
}

int raysim_get_many(struct raysim *ray, const raysim_ref *refs, size_t count, int64_t timeout_ms,
                    struct raysim_value *values)
{
  enum { FEW = 16 };
  struct rs_id few[FEW] = {{0}};
  struct rs_front_value few_values[FEW];
  if (!values && count > 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_get: no room for the value");
  if (count > UINT32_MAX / 2)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_get_many: too many references");
  if (count > 0)
    memset(values, 0, count * sizeof *values);
  if (raysim_connected(ray, "raysim_get") != 0 || raysim_refs_valid(refs, count) != 0)
    return RAYSIM_ERR_INVALID;
  struct rs_id *ids = ids_of(refs, count, few, FEW);
  struct rs_front_value *got = count <= FEW ? few_values : rs_alloc(count * sizeof *got);
  int rc = rs_front_get(ray->front, ids, (uint32_t)count, raysim_ns_of(timeout_ms), got);
  for (size_t i = 0; i < count; i++)
    publish(ray->front, &got[i], &values[i]);
  if (rc == RS_ERR_INVALID)
    for (size_t i = 0; i < count; i++)
      if (values[i].error && values[i].error->code == rc)
        raysim_set_error(rc, "raysim_get: %s", values[i].error->message);
  if (ids != few)
    free(ids);
  if (got != few_values)
    free(got);
  return rc;
}

int raysim_get(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value)
{
  return raysim_get_many(ray, &ref, 1, timeout_ms, value);
}

struct async {
  struct rs_front *front;
  raysim_get_done done;
  void *context;
};

static void async_done(void *context, const struct rs_front_value *got)
{
  struct async async = *(struct async *)context;
  free(context);
  struct raysim_value value;
  publish(async.front, got, &value);
  async.done(async.context, got->status, &value);
}

int raysim_get_async(struct raysim *ray, raysim_ref ref, raysim_get_done done, void *context)
{
  if (raysim_connected(ray, "raysim_get_async") != 0)
    return RAYSIM_ERR_INVALID;
  if (raysim_none(ref) || !done)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_get_async: no %s", done ? "reference" : "function to call");
  struct async *async = rs_alloc(sizeof *async);
  *async = (struct async){ray->front, done, context};
  int rc = rs_front_get_async(ray->front, raysim_id_of(ref), async_done, async);
  if (rc != 0)
    free(async);
  return rc;
}

int raysim_wait(struct raysim *ray, const raysim_ref *refs, size_t count, size_t num_returns, int64_t timeout_ms,
                int flags, uint8_t *ready)
{
  enum { FEW = 16 };
  struct rs_id few[FEW] = {{0}};
  if (count > INT32_MAX || num_returns > count)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_wait: num_returns %zu of %zu references", num_returns, count);
  if (raysim_connected(ray, "raysim_wait") != 0 || raysim_refs_valid(refs, count) != 0)
    return RAYSIM_ERR_INVALID;
  if (!ready && count > 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_wait: ready is NULL");
  if (flags & ~RAYSIM_NO_FETCH)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_wait: unknown flags %#x", (unsigned)flags);
  uint32_t wrong;
  struct rs_id *ids = ids_of(refs, count, few, FEW);
  int64_t rc = rs_front_wait(ray->front, ids, (uint32_t)count, (uint32_t)num_returns, raysim_ns_of(timeout_ms),
                             !(flags & RAYSIM_NO_FETCH), ready, &wrong);
  if (ids != few)
    free(ids);
  if (rc == RS_ERR_INVALID && wrong != UINT32_MAX)
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_wait: reference %u is an actor's handle or a stream, and no object",
                     wrong);
  else if (rc == RS_ERR_INVALID)
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_wait: a reference is given twice");
  return (int)rc;
}

/* ---- putting ---- */

static raysim_ref put_failed(int rc)
{
  raysim_set_error(rc, "%s", rs_error_text(rc));
  return (raysim_ref){{0}};
}

raysim_ref raysim_put_data(struct raysim *ray, const struct raysim_data *data)
{
  enum { FEW = 16 };
  struct rs_id few[FEW] = {{0}}, id;
  if (raysim_connected(ray, "raysim_put") != 0)
    return (raysim_ref){{0}};
  if (!data || (!data->bytes && data->size)) {
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_put: the bytes are at NULL");
    return (raysim_ref){{0}};
  }
  if (raysim_refs_valid(data->refs, data->ref_count) != 0)
    return (raysim_ref){{0}};
  struct rs_id *inner = ids_of(data->refs, data->ref_count, few, FEW);
  int rc = rs_front_put(ray->front, data->bytes, data->size, inner, (uint32_t)data->ref_count, &id);
  if (inner != few)
    free(inner);
  return rc == 0 ? raysim_ref_of(id) : put_failed(rc);
}

raysim_ref raysim_put(struct raysim *ray, const void *bytes, size_t size)
{
  struct raysim_data data = {.bytes = bytes, .size = size};
  return raysim_put_data(ray, &data);
}

int raysim_create(struct raysim *ray, size_t size, int64_t timeout_ms, struct raysim_buffer *buffer)
{
  struct rs_id id;
  uint8_t *bytes;
  if (raysim_connected(ray, "raysim_create") != 0)
    return RAYSIM_ERR_INVALID;
  if (!buffer)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_create: no buffer");
  *buffer = (struct raysim_buffer){0};
  int rc = rs_front_create(ray->front, size, raysim_ns_of(timeout_ms), &id, &bytes);
  if (rc != 0)
    return raysim_set_error(rc, "%s", rs_error_text(rc));
  *buffer = (struct raysim_buffer){bytes, size, {id.owner, id.seq}};
  return 0;
}

raysim_ref raysim_seal(struct raysim *ray, struct raysim_buffer *buffer, const raysim_ref *refs, size_t ref_count)
{
  enum { FEW = 16 };
  struct rs_id few[FEW] = {{0}}, id = {buffer->held[0], buffer->held[1]};
  if (!buffer->bytes) {
    raysim_set_error(RAYSIM_ERR_INVALID, "raysim_seal: no buffer, or one that is sealed");
    return (raysim_ref){{0}};
  }
  if (raysim_refs_valid(refs, ref_count) != 0)
    return (raysim_ref){{0}};
  struct rs_id *inner = ids_of(refs, ref_count, few, FEW);
  int rc = rs_front_seal(ray->front, id, buffer->size, inner, (uint32_t)ref_count);
  if (inner != few)
    free(inner);
  *buffer = (struct raysim_buffer){0};
  return rc == 0 ? raysim_ref_of(id) : put_failed(rc);
}

void raysim_discard(struct raysim *ray, struct raysim_buffer *buffer)
{
  if (buffer->bytes)
    rs_front_discard(ray->front, (struct rs_id){buffer->held[0], buffer->held[1]});
  *buffer = (struct raysim_buffer){0};
}
