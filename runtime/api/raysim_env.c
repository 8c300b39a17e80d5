/* raysim_env.c -- runtime environments of jobs, tasks and actors: variables and a working directory.
 *
 * An environment is known by the hash of its text, under which the head's key-value store has it. It is part of what a
 * task asks for, so a worker process has one environment for all its life: it reads it before its first task. What a
 * program gives to raysim_init is that of its tasks; what a task or actor gives is laid over it, or over that of the
 * task that submits: variables one by one, the folder as a whole (Ray's rule).
 *
 * Text: entries, each with a final 0, variables in order of their names: "V" and NAME=VALUE; "D" and a folder that is
 * used where it is; "P", the hash of a package, its object in hex, and the folder that it is a copy of, with blanks
 * between them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/raysim_int.h"
#include "core/codec.h"
#include "core/kv.h"
#include "uv/ask.h"
#include "uv/packages.h"

#define SPACE "raysim.env"

enum { PACKAGE_AT = 1, OBJECT_AT = RS_PACKAGE_HASH + 1, FOLDER_AT = OBJECT_AT + RAYSIM_HEX_SIZE };

/* The environment of a worker. Set by the thread of its first task. */
static struct raysim_env process_env;

static void key_of(uint64_t env, char out[24])
{
  snprintf(out, 24, "%016llx", (unsigned long long)env);
}

/* ---- laying one over another ---- */

struct entries {
  const char **items;
  size_t count, cap;
};

static size_t name_length(const char *variable)
{
  return (size_t)(strchr(variable, '=') - variable);
}

static bool same_name(const char *a, const char *b)
{
  return name_length(a) == name_length(b) && memcmp(a, b, name_length(a)) == 0;
}

/* Unless there is one of that name. */
static void add_variable(struct entries *all, const char *variable)
{
  for (size_t i = 0; i < all->count; i++)
    if (same_name(all->items[i], variable))
      return;
  RS_GROW(all->items, all->count, all->cap);
  all->items[all->count++] = variable;
}

static int in_order(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b); /* names differ */
}

static void put(struct rs_writer *w, const char *kind, const char *text)
{
  rs_put_bytes(w, kind, strlen(kind));
  rs_put_bytes(w, text, strlen(text) + 1);
}

/* folder: the entry for it, or NULL: that of the base. */
static struct raysim_env merge(const struct raysim_env *base, const struct raysim_runtime_env *over, const char *folder)
{
  struct entries all = {0};
  for (size_t i = over->env_var_count; i-- > 0;) /* of two with one name the later counts */
    add_variable(&all, over->env_vars[i]);
  for (size_t at = 0; at < base->size; at += strlen(base->text + at) + 1) {
    if (base->text[at] == 'V')
      add_variable(&all, base->text + at + 1);
    else if (!folder)
      folder = base->text + at;
  }
  if (all.count)
    qsort(all.items, all.count, sizeof *all.items, in_order);
  struct rs_writer w = {NULL, 0, 0};
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < all.count; i++)
      put(&w, "V", all.items[i]);
    if (folder)
      put(&w, "", folder);
    if (pass == 0)
      w = (struct rs_writer){rs_alloc(w.size + 1), w.size, 0};
  }
  free(all.items);
  uint64_t hash = rs_hash_bytes(0, w.out, w.size);
  return (struct raysim_env){.text = (char *)w.out, .size = w.size, .hash = w.size == 0 ? 0 : hash ? hash : 1};
}

/* ---- on the way to the head ---- */

static int valid(const struct raysim_runtime_env *env)
{
  if ((!env->env_vars && env->env_var_count) || (!env->excludes && env->exclude_count))
    return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: variables or excludes at NULL");
  for (size_t i = 0; i < env->env_var_count; i++)
    if (!env->env_vars[i] || !strchr(env->env_vars[i], '=') || env->env_vars[i][0] == '=')
      return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: variable %zu is not NAME=VALUE", i);
  if (env->working_dir && env->working_dir_in_place && env->working_dir[0] != '/')
    return raysim_set_error(RAYSIM_ERR_INVALID,
                            "runtime_env: working_dir %.200s: an absolute path is wanted where it is used in place",
                            env->working_dir);
  return 0;
}

/* The entry for the folder, to be freed; *entry NULL: there is none. */
static int folder_of(struct raysim *ray, const struct raysim_runtime_env *env, char **entry)
{
  *entry = NULL;
  if (!env->working_dir)
    return 0;
  char hash[RS_PACKAGE_HASH], hex[RAYSIM_HEX_SIZE], full[PATH_MAX];
  if (env->working_dir_in_place)
    return asprintf(entry, "D%s", env->working_dir) < 0 ? RAYSIM_ERR_INVALID : 0;
  raysim_ref ref;
  int rc = raysim_package_folder(ray, env, full, hash, &ref);
  if (rc == 0 && asprintf(entry, "P%s %s %s", hash, raysim_ref_hex(ref, hex), full) < 0)
    rc = RAYSIM_ERR_INVALID;
  return rc;
}

/* The head has it from now on. */
static int tell(struct raysim *ray, const struct raysim_env *env)
{
  char key[24];
  pthread_mutex_lock(&ray->lock);
  bool told = rs_map_find(&ray->told_envs, env->hash) != NULL;
  pthread_mutex_unlock(&ray->lock);
  if (told || env->hash == 0)
    return 0;
  key_of(env->hash, key);
  int rc = raysim_kv_put(ray, SPACE, key, env->text, env->size, 0);
  if (rc < 0)
    return rc;
  pthread_mutex_lock(&ray->lock);
  rs_map_put(&ray->told_envs, env->hash, 1);
  pthread_mutex_unlock(&ray->lock);
  return 0;
}

static int lay_over(struct raysim *ray, const struct raysim_env *base, const struct raysim_runtime_env *over,
                    struct raysim_env *out)
{
  char *folder;
  int rc = valid(over);
  if (rc == 0)
    rc = folder_of(ray, over, &folder);
  if (rc != 0)
    return rc;
  *out = merge(base, over, folder);
  free(folder);
  rc = tell(ray, out);
  if (rc != 0)
    free(out->text);
  return rc;
}

int raysim_env_of(struct raysim *ray, const struct raysim_runtime_env *env, uint64_t *hash)
{
  const struct raysim_env *base = process_env.hash ? &process_env : &ray->env;
  struct raysim_env merged;
  *hash = base->hash;
  if (!env)
    return 0;
  int rc = lay_over(ray, base, env, &merged);
  if (rc != 0)
    return rc;
  *hash = merged.hash;
  free(merged.text);
  return 0;
}

/* As `raysim list jobs` shows it. */
static void tell_job(struct raysim *ray, const struct raysim_env *env)
{
  struct rs_m_job_env *m = rs_msg_new(RS_MSG_JOB_ENV);
  char text[4096]; /* as much as the message takes */
  size_t used = 0;
  for (size_t at = 0; at < env->size && used < sizeof text - 1; at += strlen(env->text + at) + 1) {
    const char *entry = env->text + at;
    int n = snprintf(text + used, sizeof text - used, "%s%s%s", used ? " " : "",
                     entry[0] == 'V' ? "" : "working_dir=", entry + (entry[0] == 'P' ? FOLDER_AT : 1));
    used += (size_t)n < sizeof text - used ? (size_t)n : sizeof text - 1 - used;
  }
  m->text_count = (uint32_t)used;
  m->text = rs_memdup(text, used);
  struct rs_proc *proc = ray->front->proc;
  pthread_mutex_lock(&proc->lock);
  rs_ask_and_forget(proc, m);
  pthread_mutex_unlock(&proc->lock);
}

int raysim_env_of_job(struct raysim *ray, const struct raysim_runtime_env *env)
{
  static const struct raysim_env none;
  int rc = lay_over(ray, &none, env, &ray->env);
  if (rc != 0)
    ray->env = none;
  else if (ray->env.hash)
    tell_job(ray, &ray->env);
  return rc;
}

/* ---- in a worker ---- */

static int go_to(struct rs_front *front, const char *entry, char *why, size_t cap)
{
  char folder[PATH_MAX], reason[400];
  const char *name = entry + 1;
  if (entry[0] == 'P') {
    char hash[RS_PACKAGE_HASH], hex[RAYSIM_HEX_SIZE];
    raysim_ref ref;
    if (strlen(entry) < FOLDER_AT) {
      snprintf(why, cap, "runtime_env: its text is malformed");
      return -1;
    }
    snprintf(hash, sizeof hash, "%.32s", entry + PACKAGE_AT);
    snprintf(hex, sizeof hex, "%.56s", entry + OBJECT_AT);
    name = entry + FOLDER_AT;
    if (raysim_ref_parse(hex, &ref) != 0 ||
        rs_package_enter(front, hash, raysim_id_of(ref), NULL, folder, reason, sizeof reason) != 0) {
      snprintf(why, cap, "runtime_env: working_dir %.200s: %s", name, reason);
      return -1;
    }
  } else {
    snprintf(folder, sizeof folder, "%s", name);
  }
  if (chdir(folder) == 0)
    return 0;
  snprintf(why, cap, "runtime_env: working_dir %.300s: %s", name, strerror(errno));
  return -1;
}

static int apply(struct rs_front *front, const struct raysim_env *env, char *why, size_t cap)
{
  int rc = 0;
  for (size_t at = 0; at < env->size && rc == 0; at += strlen(env->text + at) + 1) {
    const char *entry = env->text + at, *equals = strchr(entry, '=');
    if (entry[0] == 'D' || entry[0] == 'P') {
      rc = go_to(front, entry, why, cap);
    } else if (entry[0] == 'V' && equals) {
      char *name = strndup(entry + 1, (size_t)(equals - entry) - 1);
      setenv(name, equals + 1, 1);
      free(name);
    }
  }
  return rc;
}

int raysim_env_enter(struct rs_front *front, uint64_t env, char *why, size_t cap)
{
  struct raysim ray = {.front = front};
  char key[24];
  void *text;
  size_t size;
  if (env == 0 || env == process_env.hash)
    return 0;
  key_of(env, key);
  int rc = raysim_kv_get(&ray, SPACE, key, &text, &size);
  if (rc != 0) {
    snprintf(why, cap, "runtime_env: the head does not have it: %s", rs_error_text(rc));
    return -1;
  }
  struct raysim_env read = {.text = text, .size = size, .hash = env}; /* a 0 follows */
  rc = apply(front, &read, why, cap);
  if (rc == 0)
    process_env = read; /* once in the life of a worker */
  else
    free(text);
  return rc;
}
