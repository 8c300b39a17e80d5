/* raysim.c -- the public API over the driver program of uv/uv.h. See raysim.h. */
#include "api/raysim.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "uv/uv.h"

struct raysim {
  struct rs_uv_cluster *cluster; /* NULL: it was running */
  struct rs_uv_client *client;
};

static _Thread_local char last_error[RS_UV_ERROR_MAX];

const char *raysim_last_error(void)
{
  return last_error;
}
const char *raysim_error_text(int error)
{
  return rs_error_text(error);
}

static int start(const struct raysim_options *options, struct rs_uv_cluster **cluster)
{
  uint32_t count = options->node_count ? options->node_count : 1;
  double cpus = options->num_cpus > 0 ? options->num_cpus : (double)sysconf(_SC_NPROCESSORS_ONLN);
  struct rs_res total = {.cpu_e4 = (int64_t)(cpus * RS_ONE_E4 + 0.5)};
  struct rs_node_info *info = rs_node_info_new(&total), **infos = rs_alloc(count * sizeof *infos);
  info->node_type = UINT32_MAX;
  for (uint32_t i = 0; i < count; i++)
    infos[i] = info;
  int rc = rs_uv_local_cluster_start(
      &(struct rs_uv_cluster_options){.node_count = count, .infos = infos, .load = options->load}, cluster, last_error);
  free(infos);
  rs_node_info_unref(info);
  return rc;
}

int raysim_init(const struct raysim_options *options, struct raysim **out)
{
  static const struct raysim_options none = {0};
  struct raysim *ray = rs_alloc_zero(1, sizeof *ray);
  *out = NULL;
  last_error[0] = 0;
  if (!options)
    options = &none;
  int rc = options->connect || options->session ? 0 : start(options, &ray->cluster);
  if (rc == 0)
    rc = rs_uv_client_open(ray->cluster ? rs_uv_cluster_session(ray->cluster) : options->session, &ray->client,
                           last_error);
  if (rc == 0)
    *out = ray;
  else
    raysim_shutdown(ray);
  return rc;
}

void raysim_shutdown(struct raysim *ray)
{
  if (!ray)
    return;
  rs_uv_client_close(ray->client);
  rs_uv_local_cluster_stop(ray->cluster);
  free(ray);
}

void raysim_submit_many(struct raysim *ray, const char *function, const void *args, size_t args_bytes,
                        const struct raysim_task_options *options, uint32_t count, raysim_ref *refs)
{
  static const struct raysim_task_options none = {0};
  if (!options)
    options = &none;
  if (count == 0)
    return;
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, count);
  double cpus = options->num_cpus > 0 ? options->num_cpus : 1;
  call->demand.cpu_e4 = (int64_t)(cpus * RS_ONE_E4 + 0.5);
  call->demand.gpu_e4 = (uint32_t)(options->num_gpus * RS_ONE_E4 + 0.5);
  call->max_retries = options->max_retries == 0 ? 3 : options->max_retries == -1 ? 0 : -1;
  if (options->max_retries > 0)
    call->max_retries = options->max_retries;
  uint64_t name = rs_name_hash(function);
  for (uint32_t i = 0; i < count; i++) {
    struct rs_task *task = rs_task_new(0, (uint32_t)args_bytes);
    task->function = name;
    task->return_count = 1;
    task->flags = RS_TASK_KEEP; /* until raysim_get has taken it */
    if (args_bytes)
      memcpy(task->args, args, args_bytes);
    call->tasks[i] = task;
  }
  rs_uv_client_submit(ray->client, call, refs);
}

raysim_ref raysim_submit(struct raysim *ray, const char *function, const void *args, size_t args_bytes,
                         const struct raysim_task_options *options)
{
  raysim_ref ref;
  raysim_submit_many(ray, function, args, args_bytes, options, 1, &ref);
  return ref;
}

static uint64_t ns_of(int64_t timeout_ms)
{
  return timeout_ms < 0 ? RS_TIME_NEVER : (uint64_t)timeout_ms * RS_MS;
}

int raysim_get_object(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value)
{
  *value = (struct raysim_value){0};
  struct rs_id id = {rs_uv_client_self(ray->client), ref};
  return rs_uv_client_get(ray->client, id, ns_of(timeout_ms), &value->bytes, &value->size);
}

int raysim_get(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value)
{
  struct rs_result *result;
  *value = (struct raysim_value){0};
  int rc = rs_uv_client_wait(ray->client, ref, ns_of(timeout_ms), &result);
  if (rc != 0)
    return rc;
  if (result->status != RS_ERR_OK) {
    rc = result->status;
    value->error = rs_alloc((size_t)result->data_bytes + 1);
    if (result->data_bytes)
      memcpy(value->error, result->data, result->data_bytes);
    value->error[result->data_bytes] = 0;
  } else if (result->return_count > 0 && result->returns[0].size_bytes == result->returns[0].inline_bytes) {
    value->size = result->returns[0].inline_bytes;
    value->bytes = rs_alloc(value->size + 1);
    if (value->size)
      memcpy(value->bytes, result->data + result->returns[0].inline_at, value->size);
  } else if (result->return_count > 0) {
    rc = raysim_get_object(ray, ref + 1, timeout_ms, value);
  }
  raysim_release(ray, ref + 1);
  rs_result_unref(result);
  return rc;
}

void raysim_value_free(struct raysim_value *value)
{
  free(value->bytes);
  free(value->error);
  *value = (struct raysim_value){0};
}

raysim_ref raysim_put(struct raysim *ray, const void *bytes, size_t size)
{
  uint64_t seq;
  return rs_uv_client_put(ray->client, bytes, size, &seq) == 0 ? seq : 0;
}

void raysim_release(struct raysim *ray, raysim_ref ref)
{
  if (ref == 0)
    return;
  struct rs_call *call = rs_call_new(RS_CALL_RELEASE, 0);
  call->object = (struct rs_id){rs_uv_client_self(ray->client), ref};
  rs_uv_client_call(ray->client, call);
}
