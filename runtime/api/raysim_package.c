/* raysim_package.c -- folders and libraries of this host that go to other nodes: as objects of this program, each once.
 *
 * A package is made at its first use, and is the object that the program holds until it ends (a task that gives one:
 * its process). On the nodes it is unpacked by the first worker that needs it (uv/packages.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/raysim_int.h"
#include "uv/archive.h"
#include "uv/bulk.h"
#include "uv/packages.h"

#define SPACE "raysim.code"

enum { ROOM_S = 60 };

struct package {
  struct package *next;
  uint64_t key; /* of the folder's path and of what is left out */
  char hash[RS_PACKAGE_HASH];
  raysim_ref ref;
};

static pthread_mutex_t packing = PTHREAD_MUTEX_INITIALIZER; /* one at a time, and the list */

static int put(struct raysim *ray, const void *bytes, size_t size, raysim_ref *ref)
{
  struct rs_id id;
  uint8_t *room;
  int rc = rs_front_create(ray->front, size, ROOM_S * RS_S, &id, &room);
  if (rc == 0) {
    rs_bulk_copy(room, bytes, size);
    rc = rs_front_seal(ray->front, id, size, NULL, 0);
  }
  *ref = raysim_ref_of(id);
  return rc == 0 ? 0 : raysim_set_error(rc, "a package of %zu bytes: %s", size, rs_error_text(rc));
}

static uint64_t key_of(const char *path, const struct raysim_runtime_env *env)
{
  uint64_t key = rs_hash_bytes(0, path, strlen(path));
  for (size_t i = 0; i < env->exclude_count; i++)
    key = rs_hash_bytes(rs_mix64(key), env->excludes[i], strlen(env->excludes[i]));
  return key;
}

/* With the lock of packages. */
static int pack(struct raysim *ray, const char *path, const struct raysim_runtime_env *env, struct package *p)
{
  struct rs_archive_rules rules = {env->excludes, env->exclude_count, RS_PACKAGE_BYTES_MAX};
  char error[RS_UV_ERROR_MAX];
  uint8_t *bytes;
  size_t size;
  if (rs_archive_pack(path, &rules, &bytes, &size, error) != 0)
    return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: working_dir %s", error);
  rs_package_hash(bytes, size, p->hash);
  int rc = put(ray, bytes, size, &p->ref);
  free(bytes);
  return rc;
}

int raysim_package_folder(struct raysim *ray, const struct raysim_runtime_env *env, char *path, char *hash,
                          raysim_ref *ref)
{
  struct stat st;
  for (size_t i = 0; i < env->exclude_count; i++)
    if (!env->excludes[i])
      return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: exclude %zu is NULL", i);
  if (!realpath(env->working_dir, path) || stat(path, &st) != 0 || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR)))
    return raysim_set_error(RAYSIM_ERR_INVALID, "runtime_env: working_dir %.200s: %s", env->working_dir,
                            strerror(errno));
  uint64_t key = key_of(path, env);
  int rc = 0;
  pthread_mutex_lock(&packing);
  struct package *p = ray->packages;
  while (p && p->key != key)
    p = p->next;
  if (!p) {
    p = rs_alloc_zero(1, sizeof *p);
    p->key = key;
    rc = pack(ray, path, env, p);
    if (rc == 0) {
      p->next = ray->packages;
      ray->packages = p;
    }
  }
  memcpy(hash, p->hash, RS_PACKAGE_HASH);
  *ref = p->ref;
  if (rc != 0)
    free(p);
  pthread_mutex_unlock(&packing);
  return rc;
}

void raysim_packages_free(struct raysim *ray)
{
  while (ray->packages) {
    struct package *p = ray->packages;
    ray->packages = p->next;
    if (ray->front)
      raysim_release(ray, p->ref);
    free(p);
  }
}

/* ---- a library of functions ---- */

static int read_file(const char *path, uint8_t **bytes, size_t *size)
{
  FILE *file = fopen(path, "re");
  struct stat st;
  int rc = file && fstat(fileno(file), &st) == 0 ? 0 : -1;
  *bytes = NULL;
  if (rc == 0) {
    *size = (size_t)st.st_size;
    *bytes = rs_alloc(*size + 1);
    rc = fread(*bytes, 1, *size, file) == *size && *size > 0 ? 0 : -1;
  }
  if (file)
    fclose(file);
  if (rc != 0)
    free(*bytes);
  return rc;
}

int raysim_package_library(struct raysim *ray, const char *path)
{
  uint8_t *bytes;
  size_t size;
  char value[RS_PACKAGE_HASH + RAYSIM_HEX_SIZE];
  struct package *p = rs_alloc_zero(1, sizeof *p);
  if (read_file(path, &bytes, &size) != 0) {
    free(p);
    return raysim_set_error(RAYSIM_ERR_INVALID, "load: %.200s: it cannot be read", path);
  }
  rs_package_hash(bytes, size, p->hash);
  int rc = put(ray, bytes, size, &p->ref);
  free(bytes);
  if (rc == 0) {
    memcpy(value, p->hash, RS_PACKAGE_HASH - 1);
    value[RS_PACKAGE_HASH - 1] = ' ';
    raysim_ref_hex(p->ref, value + RS_PACKAGE_HASH);
    rc = raysim_kv_put(ray, SPACE, path, value, sizeof value, 1);
  }
  p->key = 0; /* no folder's */
  p->next = ray->packages;
  ray->packages = p;
  return rc < 0 ? rc : 0;
}

int raysim_package_find_library(struct rs_front *front, const char *path, char *found, char *why, size_t cap)
{
  struct raysim ray = {.front = front};
  const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  char folder[RS_UV_PATH_MAX], hash[RS_PACKAGE_HASH], reason[300] = "no program has sent it";
  void *value;
  size_t size;
  raysim_ref ref;
  int rc = raysim_kv_get(&ray, SPACE, path, &value, &size);
  if (rc == 0) {
    rc = size == RS_PACKAGE_HASH + RAYSIM_HEX_SIZE && raysim_ref_parse((char *)value + RS_PACKAGE_HASH, &ref) == 0 ? 0
                                                                                                                   : -1;
    snprintf(hash, sizeof hash, "%.32s", (const char *)value);
    free(value);
  }
  if (rc == 0)
    rc = rs_package_enter(front, hash, raysim_id_of(ref), file, folder, reason, sizeof reason);
  if (rc == 0 && (size_t)snprintf(found, RS_UV_PATH_MAX, "%s/%s", folder, file) >= RS_UV_PATH_MAX)
    rc = -1;
  if (rc != 0)
    snprintf(why, cap, "%.150s is not on this node, and %.200s", path, reason);
  return rc == 0 ? 0 : -1;
}
