/* raysim_env.c -- runtime environments of tasks and actors: variables and a working directory.
 *
 * An environment is known by the hash of its text, under which the head's key-value store has it. It is part of what a
 * task asks for, so a worker process has one environment for all its life: it reads it before its first task. A task of
 * a worker passes its own environment on to what it submits without one.
 *
 * Text: "V" and NAME=VALUE, or "D" and a folder, each with a final 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/raysim_int.h"
#include "core/codec.h"
#include "core/kv.h"
#include "uv/ask.h"

#define SPACE "raysim.env"

static uint64_t process_env; /* of this worker; 0: none yet. Set by the thread of its first task */

static void key_of(uint64_t env, char out[24])
{
  snprintf(out, 24, "%016llx", (unsigned long long)env);
}

/* Appends one entry. */
static void put(struct rs_writer *w, char kind, const char *text)
{
  rs_put_u8(w, (uint8_t)kind);
  rs_put_bytes(w, text, strlen(text) + 1);
}

static void write_env(struct rs_writer *w, const struct raysim_runtime_env *env)
{
  for (size_t i = 0; i < env->env_var_count; i++)
    put(w, 'V', env->env_vars[i]);
  if (env->working_dir)
    put(w, 'D', env->working_dir);
}

int raysim_env_of(struct raysim *ray, const struct raysim_runtime_env *env, uint64_t *hash)
{
  char key[24];
  *hash = process_env;
  if (!env || (env->env_var_count == 0 && !env->working_dir))
    return 0;
  for (size_t i = 0; i < env->env_var_count; i++)
    if (!env->env_vars[i] || !strchr(env->env_vars[i], '=') || env->env_vars[i][0] == '=')
      return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: variable %zu is not NAME=VALUE", i);
  if (env->working_dir && env->working_dir[0] != '/')
    return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: working_dir %.200s: an absolute path is wanted",
                            env->working_dir);
  struct rs_writer w = {NULL, 0, 0};
  write_env(&w, env);
  w = (struct rs_writer){rs_alloc(w.size), w.size, 0};
  write_env(&w, env);
  uint64_t value = rs_hash_bytes(0, w.out, w.size);
  *hash = value ? value : 1;
  key_of(*hash, key);
  int rc = 0;
  if (ray->last_env != *hash)
    rc = raysim_kv_put(ray, SPACE, key, w.out, w.size, 0);
  free(w.out);
  if (rc < 0)
    return rc;
  ray->last_env = *hash; /* it is there, and stays there */
  return 0;
}

static int apply(const char *text, size_t size, char *why, size_t cap)
{
  for (size_t at = 0; at < size;) {
    const char *entry = text + at;
    size_t length = strnlen(entry, size - at);
    if (at + length == size)
      break;
    at += length + 1;
    if (entry[0] == 'D' && chdir(entry + 1) != 0) {
      snprintf(why, cap, "runtime_env: working_dir %.300s: %s", entry + 1, strerror(errno));
      return -1;
    }
    const char *equals = strchr(entry, '=');
    char name[256];
    if (entry[0] != 'V' || !equals || (size_t)(equals - entry) > sizeof name)
      continue;
    memcpy(name, entry + 1, (size_t)(equals - entry) - 1);
    name[equals - entry - 1] = 0;
    setenv(name, equals + 1, 1);
  }
  return 0;
}

int raysim_env_enter(struct rs_front *front, uint64_t env, char *why, size_t cap)
{
  struct raysim ray = {.front = front};
  char key[24];
  void *text;
  size_t size;
  if (env == 0 || env == process_env)
    return 0;
  key_of(env, key);
  int rc = raysim_kv_get(&ray, SPACE, key, &text, &size);
  if (rc != 0) {
    snprintf(why, cap, "runtime_env: the head does not have it: %s", rs_error_text(rc));
    return -1;
  }
  rc = apply(text, size, why, cap);
  free(text);
  if (rc == 0)
    process_env = env;
  return rc;
}
