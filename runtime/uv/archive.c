/* archive.c -- see archive.h: pax archives, by libarchive.
 *
 * The library is opened when it is first needed: it brings along a dozen others, which would cost every process of a
 * cluster its start and its memory, and most clusters never pack anything. Cost: O(bytes).
 */
#include "uv/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "uv/uv.h"

#define LIBRARY "libarchive.so.13"

#define CALLS(X)                                                                                                       \
  X(archive_write_new)                                                                                                 \
  X(archive_write_set_format_pax_restricted)                                                                           \
  X(archive_write_open)                                                                                                \
  X(archive_write_header)                                                                                              \
  X(archive_write_data)                                                                                                \
  X(archive_write_close)                                                                                               \
  X(archive_write_free)                                                                                                \
  X(archive_write_disk_new)                                                                                            \
  X(archive_write_disk_set_options)                                                                                    \
  X(archive_write_data_block)                                                                                          \
  X(archive_write_finish_entry)                                                                                        \
  X(archive_read_new)                                                                                                  \
  X(archive_read_support_format_tar)                                                                                   \
  X(archive_read_open_memory)                                                                                          \
  X(archive_read_next_header)                                                                                          \
  X(archive_read_data_block)                                                                                           \
  X(archive_read_free)                                                                                                 \
  X(archive_error_string)                                                                                              \
  X(archive_entry_new)                                                                                                 \
  X(archive_entry_free)                                                                                                \
  X(archive_entry_pathname)                                                                                            \
  X(archive_entry_set_pathname)                                                                                        \
  X(archive_entry_set_filetype)                                                                                        \
  X(archive_entry_set_perm)                                                                                            \
  X(archive_entry_set_size)                                                                                            \
  X(archive_entry_set_symlink)                                                                                         \
  X(archive_entry_set_mtime)

static struct {
#define X(name) __typeof__(&(name)) name;
  CALLS(X)
#undef X
} lib;

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int open_library(char *error)
{
  static bool opened;
  pthread_mutex_lock(&opening);
  void *library = opened ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  const char *missing = opened ? NULL : library ? NULL : LIBRARY;
#define X(name)                                                                                                        \
  if (library) {                                                                                                       \
    void *symbol = dlsym(library, #name);                                                                              \
    missing = symbol ? missing : #name;                                                                                \
    memcpy(&lib.name, &symbol, sizeof symbol);                                                                         \
  }
  CALLS(X)
#undef X
  opened = opened || (library && !missing);
  pthread_mutex_unlock(&opening);
  if (!missing)
    return 0;
  snprintf(error, RS_UV_ERROR_MAX, "%s cannot be loaded: install libarchive13 on this host", missing);
  return -1;
}

/* ---- what is left out ---- */

struct patterns {
  char **items;
  uint32_t count, cap;
};

static void add_pattern(struct patterns *patterns, const char *text, size_t length)
{
  while (length && (text[length - 1] == '/' || text[length - 1] == '\r' || text[length - 1] == ' '))
    length--;
  if (length == 0 || text[0] == '#')
    return;
  RS_GROW(patterns->items, patterns->count, patterns->cap);
  patterns->items[patterns->count++] = strndup(text, length);
}

static void read_patterns(struct patterns *patterns, const char *folder, const struct rs_archive_rules *rules)
{
  char *path, *line = NULL;
  size_t room = 0;
  ssize_t length;
  add_pattern(patterns, ".git", 4);
  for (size_t i = 0; i < rules->exclude_count; i++)
    add_pattern(patterns, rules->excludes[i], strlen(rules->excludes[i]));
  if (asprintf(&path, "%s/.raysimignore", folder) < 0)
    return;
  FILE *file = fopen(path, "re");
  while (file && (length = getline(&line, &room, file)) > 0)
    add_pattern(patterns, line, (size_t)length - (line[length - 1] == '\n'));
  if (file)
    fclose(file);
  free(line);
  free(path);
}

static bool left_out(const struct patterns *patterns, const char *path, const char *name)
{
  for (uint32_t i = 0; i < patterns->count; i++) {
    const char *pattern = patterns->items[i][0] == '/' ? patterns->items[i] + 1 : patterns->items[i];
    if (fnmatch(pattern, path, FNM_PATHNAME) == 0 || fnmatch(patterns->items[i], name, 0) == 0)
      return true;
  }
  return false;
}

/* ---- packing ---- */

struct block {
  uint8_t *bytes;
  size_t size, cap;
};

static la_ssize_t append(struct archive *archive, void *context, const void *bytes, size_t size)
{
  (void)archive;
  struct block *block = context;
  if (block->cap - block->size < size) {
    size_t cap = 2 * block->cap + size;
    block->bytes = rs_realloc(block->bytes, cap, 1);
    block->cap = cap;
  }
  memcpy(block->bytes + block->size, bytes, size);
  block->size += size;
  return (la_ssize_t)size;
}

static int file_bytes(struct archive *archive, const char *path, uint64_t size, char *error)
{
  static const size_t room = 256 << 10;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  char *bytes = rs_alloc(room);
  ssize_t n = fd < 0 ? -1 : 0;
  while (n >= 0 && size > 0) { /* one that grows meanwhile is cut, of one that shrinks the rest is zeros */
    n = read(fd, bytes, size < room ? (size_t)size : room);
    if (n == 0 || (n > 0 && lib.archive_write_data(archive, bytes, (size_t)n) < 0))
      break;
    size -= n > 0 ? (uint64_t)n : 0;
  }
  if (n < 0)
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", path, strerror(errno));
  if (fd >= 0)
    close(fd);
  free(bytes);
  return n < 0 ? -1 : 0;
}

static int put_one(struct archive *archive, const FTSENT *at, const char *path, char *error)
{
  struct archive_entry *entry = lib.archive_entry_new();
  char target[4096] = "";
  bool link = at->fts_info == FTS_SL || at->fts_info == FTS_SLNONE, folder = at->fts_info == FTS_D;
  if (link && readlink(at->fts_accpath, target, sizeof target - 1) < 0)
    target[0] = 0;
  lib.archive_entry_set_pathname(entry, path);
  lib.archive_entry_set_filetype(entry, link ? AE_IFLNK : folder ? AE_IFDIR : AE_IFREG);
  lib.archive_entry_set_perm(entry, (at->fts_statp->st_mode & 0777) | (folder ? 0700u : 0400u));
  lib.archive_entry_set_size(entry, link || folder ? 0 : at->fts_statp->st_size);
  lib.archive_entry_set_mtime(entry, 0, 0);
  if (link)
    lib.archive_entry_set_symlink(entry, target);
  int rc = lib.archive_write_header(archive, entry) < ARCHIVE_WARN ? -1 : 0;
  if (rc != 0)
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", path, lib.archive_error_string(archive));
  else if (!link && !folder)
    rc = file_bytes(archive, at->fts_accpath, (uint64_t)at->fts_statp->st_size, error);
  lib.archive_entry_free(entry);
  return rc;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
  return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int put_all(struct archive *archive, const char *folder, const struct patterns *patterns, uint64_t bytes_max,
                   char *error)
{
  char *const roots[] = {(char *)(uintptr_t)folder, NULL};
  FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
  uint64_t total = 0;
  int rc = walk ? 0 : -1;
  for (FTSENT *at; rc == 0 && (at = fts_read(walk));) {
    const char *path = at->fts_path + strlen(folder);
    path += *path == '/';
    if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR || at->fts_info == FTS_NS) {
      snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", at->fts_path, strerror(at->fts_errno));
      rc = -1;
    }
    if (rc != 0 || !*path || at->fts_info == FTS_DP || at->fts_info == FTS_DEFAULT)
      continue; /* sockets, pipes and devices are nothing to send */
    if (left_out(patterns, path, at->fts_name)) {
      fts_set(walk, at, FTS_SKIP);
      continue;
    }
    total += at->fts_info == FTS_F ? (uint64_t)at->fts_statp->st_size : 0;
    if (total > bytes_max) {
      snprintf(error, RS_UV_ERROR_MAX,
               "%.150s has more than %llu MiB (at %.150s): leave out what is not needed (excludes, .raysimignore)",
               folder, (unsigned long long)(bytes_max >> 20), path);
      rc = -1;
    } else {
      rc = put_one(archive, at, path, error);
    }
  }
  if (walk)
    fts_close(walk);
  else
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", folder, strerror(errno));
  return rc;
}

int rs_archive_pack(const char *folder, const struct rs_archive_rules *rules, uint8_t **bytes, size_t *size_bytes,
                    char *error)
{
  struct patterns patterns = {0};
  struct block block = {0};
  if (open_library(error) != 0)
    return -1;
  read_patterns(&patterns, folder, rules);
  struct archive *archive = lib.archive_write_new();
  lib.archive_write_set_format_pax_restricted(archive);
  lib.archive_write_open(archive, &block, NULL, append, NULL);
  int rc = put_all(archive, folder, &patterns, rules->bytes_max, error);
  if (lib.archive_write_close(archive) < ARCHIVE_WARN && rc == 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", folder, lib.archive_error_string(archive));
    rc = -1;
  }
  lib.archive_write_free(archive);
  for (uint32_t i = 0; i < patterns.count; i++)
    free(patterns.items[i]);
  free(patterns.items);
  if (rc != 0) {
    free(block.bytes);
    return -1;
  }
  *bytes = block.bytes;
  *size_bytes = block.size;
  return 0;
}

/* ---- unpacking ---- */

static int unpack_one(struct archive *archive, struct archive *disk, struct archive_entry *entry, const char *folder,
                      char *error)
{
  const char *name = lib.archive_entry_pathname(entry);
  char *path;
  if (!name || name[0] == '/' || asprintf(&path, "%s/%s", folder, name) < 0) {
    snprintf(error, RS_UV_ERROR_MAX, "an entry of the package has no name, or leads out of it");
    return -1;
  }
  lib.archive_entry_set_pathname(entry, path);
  int rc = lib.archive_write_header(disk, entry);
  const void *bytes;
  size_t size;
  la_int64_t offset;
  while (rc >= ARCHIVE_WARN && (rc = lib.archive_read_data_block(archive, &bytes, &size, &offset)) == ARCHIVE_OK)
    rc = (int)lib.archive_write_data_block(disk, bytes, size, offset);
  if (rc == ARCHIVE_EOF)
    rc = lib.archive_write_finish_entry(disk);
  if (rc < ARCHIVE_WARN) {
    const char *why = lib.archive_error_string(disk);
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", path, why ? why : "the package is damaged");
  }
  free(path);
  return rc < ARCHIVE_WARN ? -1 : 0;
}

int rs_archive_unpack(const void *bytes, size_t size_bytes, const char *folder, char *error)
{
  if (open_library(error) != 0)
    return -1;
  char *real = realpath(folder, NULL); /* no link of the package may be followed; those above it may */
  if (!real) {
    snprintf(error, RS_UV_ERROR_MAX, "%.300s: %s", folder, strerror(errno));
    return -1;
  }
  struct archive *archive = lib.archive_read_new(), *disk = lib.archive_write_disk_new();
  struct archive_entry *entry;
  lib.archive_read_support_format_tar(archive);
  lib.archive_write_disk_set_options(disk, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                               ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  int rc = lib.archive_read_open_memory(archive, bytes, size_bytes), ok = 0;
  while (ok == 0 && rc >= ARCHIVE_WARN && (rc = lib.archive_read_next_header(archive, &entry)) >= ARCHIVE_WARN &&
         rc != ARCHIVE_EOF)
    ok = unpack_one(archive, disk, entry, real, error);
  if (ok == 0 && rc != ARCHIVE_EOF) {
    const char *why = lib.archive_error_string(archive);
    snprintf(error, RS_UV_ERROR_MAX, "the package is damaged: %s", why ? why : "it ends too early");
    ok = -1;
  }
  lib.archive_read_free(archive);
  lib.archive_write_free(disk);
  free(real);
  return ok;
}
