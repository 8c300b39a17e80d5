/* raysim.c -- the public API: beginning and ending, ids, errors. See raysim.h. */
#include "api/raysim.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "api/raysim_int.h"
#include "uv/settings.h"

static _Thread_local char last_error[RS_UV_ERROR_MAX];

#define SAME(name) _Static_assert((int)RAYSIM_ERR_##name == (int)RS_ERR_##name, #name)
SAME(WORKER_CRASHED);
SAME(NODE_DIED);
SAME(ACTOR_DIED);
SAME(TASK_FAILED);
SAME(OBJECT_LOST);
SAME(CANCELLED);
SAME(INFEASIBLE);
SAME(NO_ROOM);
SAME(REFUSED);
SAME(TOO_LARGE);
SAME(UNKNOWN_FUNCTION);
SAME(STORE_FULL);
SAME(NAME_TAKEN);
SAME(TIMED_OUT);
SAME(PEER_LOST);
SAME(INVALID);
SAME(INTERRUPTED);
SAME(OBJECT_FREED);

/* What a program that uses the library prints as it ends; weak, because raysimd and raysim have their own. These stand
 * before the silent ones of base/ in the library, and the first weak one counts. */
__attribute__((weak)) void rs_panic(const char *text)
{
  fprintf(stderr, "raysim: %s\n", text);
}

__attribute__((weak)) void rs_no_memory(size_t bytes)
{
  fprintf(stderr, "raysim: out of memory: %zu more bytes are not there\n", bytes);
  _exit(1);
}

const char *raysim_last_error(void)
{
  return last_error;
}
const char *raysim_error_text(int error)
{
  return rs_error_text(error);
}

int raysim_set_error(int rc, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(last_error, sizeof last_error, format, args);
  va_end(args);
  return rc;
}

/* ---- ids ---- */

int raysim_is_none(raysim_ref ref)
{
  return raysim_none(ref);
}
int raysim_ref_equal(raysim_ref a, raysim_ref b)
{
  return memcmp(&a, &b, sizeof a) == 0;
}

char *raysim_ref_hex(raysim_ref ref, char hex[RAYSIM_HEX_SIZE])
{
  for (size_t i = 0; i < sizeof ref.id; i++) {
    hex[2 * i] = "0123456789abcdef"[ref.id[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[ref.id[i] & 15];
  }
  hex[2 * sizeof ref.id] = 0;
  return hex;
}

static int digit_of(char c)
{
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

int raysim_ref_parse(const char *hex, raysim_ref *ref)
{
  raysim_ref out = {{0}};
  bool fine = hex && strlen(hex) == 2 * sizeof out.id;
  for (size_t i = 0; i < sizeof out.id && fine; i++) {
    int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);
    fine = high >= 0 && low >= 0 && (i < 8 || i >= 20 || (high | low) == 0);
    out.id[i] = (uint8_t)(high << 4 | low);
  }
  *ref = (raysim_ref){{0}};
  if (!fine)
    return raysim_set_error(RAYSIM_ERR_INVALID, "\"%.80s\" is no id: 56 hexadecimal digits are wanted", hex ? hex : "");
  *ref = out;
  return 0;
}

void raysim_retain(struct raysim *ray, raysim_ref ref)
{
  if (ray && !raysim_none(ref))
    rs_front_retain(ray->front, raysim_id_of(ref));
}

void raysim_release(struct raysim *ray, raysim_ref ref)
{
  if (ray && !raysim_none(ref))
    rs_front_release(ray->front, raysim_id_of(ref));
}

/* ---- beginning and ending ---- */

/* A program may define it, a daemon does not. */
extern void raysim_register_functions(void) __attribute__((weak));

static int settings_of(const struct raysim_options *options, struct rs_config *config)
{
  rs_config_defaults(config);
  if (rs_settings_from_environment(config, last_error) != 0)
    return RAYSIM_ERR_INVALID;
  if (!options->settings && options->setting_count)
    return raysim_set_error(RAYSIM_ERR_INVALID, "settings: %zu of them at NULL", options->setting_count);
  for (size_t i = 0; i < options->setting_count; i++)
    if (!options->settings[i] || rs_settings_add(config, options->settings[i], last_error) != 0)
      return options->settings[i] ? RAYSIM_ERR_INVALID
                                  : raysim_set_error(RAYSIM_ERR_INVALID, "settings: number %zu is NULL", i);
  return 0;
}

/* What a cluster that runs already has is not for a program to say. */
static int nothing_to_start(const struct raysim_options *options)
{
  const char *said = options->nodes                ? "nodes"
                     : options->num_cpus != 0      ? "num_cpus"
                     : options->num_gpus != 0      ? "num_gpus"
                     : options->memory_bytes       ? "memory_bytes"
                     : options->object_store_bytes ? "object_store_bytes"
                     : options->resource_count     ? "resources"
                     : options->label_count        ? "labels"
                     : options->setting_count      ? "settings"
                                                   : NULL;
  if (!said)
    return 0;
  return raysim_set_error(RAYSIM_ERR_INVALID, "%s: for a cluster that is started; with an address there is one already",
                          said);
}

static int start(const struct raysim_options *options, struct rs_uv_cluster **cluster)
{
  uint32_t count = options->nodes ? options->nodes : 1;
  struct rs_node_info *info;
  struct rs_config config;
  int rc = settings_of(options, &config);
  if (rc == 0)
    rc = raysim_total_of(options, &info);
  if (rc != 0)
    return rc;
  struct rs_node_info **infos = rs_alloc(count * sizeof *infos);
  for (uint32_t i = 0; i < count; i++)
    infos[i] = info;
  bool self = !options->load && (raysim_register_functions || raysim_registered());
  rc = rs_uv_local_cluster_start(
      &(struct rs_uv_cluster_options){
          .config = &config, .node_count = count, .infos = infos, .load = options->load, .self = self},
      cluster, last_error);
  free(infos);
  rs_node_info_unref(info);
  return rc;
}

/* Of a cluster that runs already: workers open it when they meet a task of this program. */
static int find_library(const char *load, char **path)
{
  char full[PATH_MAX];
  if (!realpath(load, full) || access(full, R_OK) != 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "load: %.200s: %s", load, strerror(errno));
  if (strlen(full) >= RS_UV_PATH_MAX)
    return raysim_set_error(RAYSIM_ERR_INVALID, "load: %.200s: the path is too long", full);
  *path = rs_memdup(full, strlen(full) + 1);
  return 0;
}

int raysim_init(const struct raysim_options *options, struct raysim **out)
{
  static const struct raysim_options none = {0};
  rs_uv_daemon_self(raysim_register_functions);
  if (!out)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_init: there is no place for the connection");
  struct raysim *ray = rs_alloc_zero(1, sizeof *ray);
  pthread_mutex_init(&ray->lock, NULL);
  ray->life = rs_alloc_zero(1, sizeof *ray->life);
  atomic_init(&ray->life->holders, 1);
  atomic_init(&ray->life->ended, false);
  const char *session = NULL;
  int rc = 0;
  *out = NULL;
  last_error[0] = 0;
  if (!options)
    options = &none;
  if (options->address)
    rc = nothing_to_start(options);
  if (rc == 0 && options->name_space && (!options->name_space[0] || strlen(options->name_space) > RS_ACTOR_NAME_MAX))
    rc = raysim_set_error(RAYSIM_ERR_INVALID, "name_space: 1 to %d bytes", RS_ACTOR_NAME_MAX);
  if (rc == 0 && options->address && options->load)
    rc = find_library(options->load, &ray->load);
  if (rc == 0 && !options->address)
    rc = start(options, &ray->cluster);
  else if (rc == 0 && strcmp(options->address, "auto") != 0)
    session = options->address;
  if (rc == 0)
    rc = rs_uv_client_open(ray->cluster ? rs_uv_cluster_session(ray->cluster) : session, &ray->client, last_error);
  if (rc == 0) {
    const char *space = options->name_space;
    ray->front = rs_uv_client_front(ray->client);
    ray->name_space = space ? rs_memdup(space, strlen(space) + 1) : raysim_anonymous(rs_uv_client_self(ray->client));
    ray->tells_space = space != NULL;
    ray->front->user = ray;
    for (size_t i = 0; ray->cluster && i < options->resource_count; i++)
      rs_front_intern(ray->front, options->resources[i].name);
  }
  if (rc == 0 && ray->load)
    rc = raysim_package_library(ray, ray->load);
  if (rc == 0 && options->runtime_env)
    rc = raysim_env_of_job(ray, options->runtime_env);
  if (rc == 0)
    *out = ray;
  else
    raysim_shutdown(ray);
  return rc;
}

void raysim_shutdown(struct raysim *ray)
{
  if (!ray || (ray->front && !ray->client))
    return; /* a worker's is not the task's to end */
  raysim_packages_free(ray);
  rs_uv_client_close(ray->client);
  if (ray->life)
    atomic_store(&ray->life->ended, true);
  raysim_life_drop(ray->life);
  rs_uv_local_cluster_stop(ray->cluster);
  free(ray->load);
  free(ray->env.text);
  rs_map_free(&ray->told_envs);
  pthread_mutex_destroy(&ray->lock);
  free(ray->name_space);
  free(ray);
}

void raysim_interrupt(struct raysim *ray)
{
  if (ray)
    rs_front_interrupt(ray->front);
}
