/* packages.c -- see packages.h. O(packages of the node) a freed object, while there are any. */
#include "uv/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uv/archive.h"
#include "uv/frame.h"
#include "uv/session.h"

enum { HASH_BYTES = RS_PACKAGE_HASH - 1, GET_S = 600, SWEEP_MS = 100 };

struct package {
  struct rs_link link; /* in proc->packages */
  char hash[RS_PACKAGE_HASH];
  struct rs_id *objects; /* whose bytes it is; none: it goes as soon as nobody uses it */
  uint32_t count, cap;
};

void rs_package_hash(const void *bytes, size_t size_bytes, char hash[RS_PACKAGE_HASH])
{
  uint8_t digest[HASH_BYTES / 2];
  crypto_generichash(digest, sizeof digest, bytes, size_bytes, NULL, 0);
  sodium_bin2hex(hash, RS_PACKAGE_HASH, digest, sizeof digest);
}

/* Paths of a package: "" its folder, ".lock", ".new" while it is made, ".gone" while it is removed. */
static void path_of(const struct rs_proc *proc, const char *hash, const char *suffix, char path[RS_UV_PATH_MAX])
{
  char name[96];
  snprintf(name, sizeof name, "packages%s%.32s%s", *hash ? "/" : "", hash, suffix);
  rs_node_path(path, RS_UV_PATH_MAX, proc->session, proc->self, name);
}

/* ---- in a worker ---- */

static int write_file(const char *folder, const char *file, const void *bytes, size_t size_bytes, char *error)
{
  char *path;
  if (asprintf(&path, "%s/%s", folder, file) < 0)
    return -1;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  size_t at = 0;
  while (fd >= 0 && at < size_bytes) {
    ssize_t n = write(fd, (const char *)bytes + at, size_bytes - at);
    if (n < 0)
      break;
    at += (size_t)n;
  }
  bool fine = fd >= 0 && at == size_bytes;
  if (!fine)
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", path, strerror(errno));
  if (fd >= 0)
    close(fd);
  free(path);
  return fine ? 0 : -1;
}

static int make(const struct rs_proc *proc, const char *hash, const struct rs_front_value *value, const char *file,
                const char *folder, char *error)
{
  char fresh[RS_UV_PATH_MAX], got[RS_PACKAGE_HASH];
  rs_package_hash(value->bytes, value->size_bytes, got);
  if (strcmp(got, hash) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "its bytes are not those of package %s", hash);
    return -1;
  }
  path_of(proc, hash, ".new", fresh);
  rs_tree_remove(fresh); /* of a worker that died in the middle of it */
  int rc = mkdir(fresh, 0700) != 0 ? -1
           : file                  ? write_file(fresh, file, value->bytes, value->size_bytes, error)
                                   : rs_archive_unpack(value->bytes, value->size_bytes, fresh, error);
  if (rc == 0 && rename(fresh, folder) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", folder, strerror(errno));
    rc = -1;
  }
  if (rc != 0)
    rs_tree_remove(fresh);
  return rc;
}

/* The node is to know what the folder is for, before the object can go: the value is held meanwhile. */
static void tell_node(struct rs_proc *proc, const char *hash, struct rs_id object)
{
  uint8_t body[64];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_id(&w, object);
  rs_put_bytes(&w, hash, HASH_BYTES);
  pthread_mutex_lock(&proc->lock);
  rs_peer_send(proc, rs_peer_get(proc, rs_addr_raylet(proc->self)), RS_FRAME_PACKAGE, body, w.size, NULL, 0);
  rs_proc_flush(proc);
  pthread_mutex_unlock(&proc->lock);
}

int rs_package_enter(struct rs_front *front, const char *hash, struct rs_id object, const char *file, char *folder,
                     char *why, size_t cap)
{
  struct rs_proc *proc = front->proc;
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX] = "";
  struct rs_front_value value;
  int rc = rs_front_get(front, &object, 1, GET_S * RS_S, &value);
  if (rc != 0) {
    snprintf(why, cap, "the package cannot be fetched: %s%s", rs_error_text(rc),
             rc == RS_ERR_TIMED_OUT ? "" : " (did the program that sent it end?)");
    rs_front_value_free(front, &value);
    return -1;
  }
  path_of(proc, "", "", path);
  mkdir(path, 0700);
  path_of(proc, hash, "", folder);
  path_of(proc, hash, ".lock", path);
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* closed with the process */
  rc = lock < 0 ? -1 : 0;
  while (rc == 0) { /* a lock changes its kind in two steps: in between the folder may be made, or removed */
    flock(lock, LOCK_SH);
    if (access(folder, F_OK) == 0)
      break;
    flock(lock, LOCK_EX);
    if (access(folder, F_OK) != 0)
      rc = make(proc, hash, &value, file, folder, error);
  }
  if (rc == 0)
    tell_node(proc, hash, object);
  else
    snprintf(why, cap, "the package cannot be unpacked: %s", error[0] ? error : strerror(errno));
  if (rc != 0 && lock >= 0)
    close(lock);
  rs_front_value_free(front, &value);
  return rc;
}

/* ---- in a node ---- */

static struct package *find(const struct rs_proc *proc, const char *hash)
{
  for (struct rs_link *at = proc->packages.next; at != &proc->packages; at = at->next)
    if (memcmp(RS_ENTRY(at, struct package, link)->hash, hash, HASH_BYTES) == 0)
      return RS_ENTRY(at, struct package, link);
  return NULL;
}

bool rs_packages_on_frame(struct rs_proc *proc, struct rs_reader *r)
{
  struct rs_id object = rs_get_id(r);
  const char *hash = (const char *)rs_get_span(r, HASH_BYTES);
  if (r->error || !hash)
    return false;
  for (unsigned i = 0; i < HASH_BYTES; i++)
    if (!strchr("0123456789abcdef", hash[i]) || !hash[i])
      return false;
  struct package *p = find(proc, hash);
  if (!p) {
    p = rs_alloc_zero(1, sizeof *p);
    memcpy(p->hash, hash, HASH_BYTES);
    rs_list_push_back(&proc->packages, &p->link);
  }
  for (uint32_t i = 0; i < p->count; i++)
    if (rs_id_equal(p->objects[i], object))
      return true;
  RS_GROW(p->objects, p->count, p->cap);
  p->objects[p->count++] = object;
  return true;
}

static void *remove_later(void *path)
{
  rs_tree_remove(path);
  free(path);
  return NULL;
}

/* Out of the way at once; its files go on another thread. False: a worker uses it. */
static bool remove_package(const struct rs_proc *proc, const struct package *p)
{
  char path[RS_UV_PATH_MAX], gone[RS_UV_PATH_MAX], suffix[32];
  static unsigned number; /* of the loop's thread */
  path_of(proc, p->hash, ".lock", path);
  int lock = open(path, O_RDWR | O_CLOEXEC);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (lock >= 0)
      close(lock);
    return lock < 0;
  }
  snprintf(suffix, sizeof suffix, ".gone%u", number++);
  path_of(proc, p->hash, "", path);
  path_of(proc, p->hash, suffix, gone);
  pthread_t thread;
  char *copy = strdup(gone);
  if (copy && rename(path, gone) == 0 && pthread_create(&thread, NULL, remove_later, copy) == 0)
    pthread_detach(thread);
  else
    free(copy);
  close(lock);
  return true;
}

static void drop(struct package *p)
{
  rs_list_remove(&p->link);
  free(p->objects);
  free(p);
}

/* Those that nobody needs, and nobody uses. */
static void sweep(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->packages, at, after)
  {
    struct package *p = RS_ENTRY(at, struct package, link);
    if (p->count == 0 && remove_package(proc, p))
      drop(p);
  }
}

void rs_packages_freed(struct rs_proc *proc, struct rs_id object)
{
  bool last = false;
  for (struct rs_link *at = proc->packages.next; at != &proc->packages; at = at->next) {
    struct package *p = RS_ENTRY(at, struct package, link);
    for (uint32_t i = 0; i < p->count; i++)
      if (rs_id_equal(p->objects[i], object)) {
        p->objects[i] = p->objects[--p->count];
        last = last || p->count == 0;
        break;
      }
  }
  if (last)
    sweep(proc);
}

/* Its locks go a moment after its connections. */
void rs_packages_worker_ended(struct rs_proc *proc)
{
  if (rs_list_empty(&proc->packages))
    return;
  proc->packages_due = rs_proc_now(proc) + SWEEP_MS * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, proc->packages_due);
}

uint64_t rs_packages_timer(struct rs_proc *proc, uint64_t now)
{
  if (proc->packages_due <= now) {
    proc->packages_due = RS_TIME_NEVER;
    sweep(proc);
  }
  return proc->packages_due;
}

void rs_packages_free(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->packages, at, after) drop(RS_ENTRY(at, struct package, link));
}
