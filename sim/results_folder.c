/* The result folder as a transaction: all is written to ".NAME.tmp" beside it, and one rename shows it.
 *
 * The work folder is locked (flock) while it is in use, so a second program on the same name is refused and the
 * leftovers of a killed one are recognised and removed. An existing result is exchanged with the new one in one step
 * where the file system can do that. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/results.h"
#include "sim/results_json.h"
#include "sim/results_merge.h"
#include "sim/results_out.h"

struct rs_folder {
  struct rs_folder_opts opts; /* strings copied; scenario_xml is written at once and not kept */
  char *out_dir, *work_dir;
  int lock_fd;
};

static char *copy_text(const char *text)
{
  return rs_memdup(text, strlen(text) + 1);
}

/* out_dir without trailing slashes, and through links where it exists. NULL with a message for "", ".", ".." and "/".
 */
static char *clean_path(const char *path, char *err, size_t err_size)
{
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/')
    size--;
  char *clean = rs_memdup(path, size + 1);
  clean[size] = '\0';
  char *real = realpath(clean, NULL);
  if (real) {
    free(clean);
    clean = real;
  }
  const char *slash = strrchr(clean, '/'), *name = slash ? slash + 1 : clean;
  if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    snprintf(err, err_size, "'%s' cannot be a result folder: give the name of a new folder, such as results/asha",
             path);
    free(clean);
    return NULL;
  }
  return clean;
}

static char *work_path(const char *out_dir)
{
  const char *slash = strrchr(out_dir, '/'), *name = slash ? slash + 1 : out_dir;
  size_t size = strlen(out_dir) + 6;
  char *path = rs_alloc(size);
  snprintf(path, size, "%.*s.%s.tmp", (int)(name - out_dir), out_dir, name);
  return path;
}

static bool listed(const json_t *files, const char *name)
{
  size_t i;
  const json_t *file;
  json_array_foreach(files, i, file)
  {
    if (json_is_string(file) && strcmp(json_string_value(file), name) == 0)
      return true;
  }
  return false;
}

/* May this existing folder be replaced? Only when it is empty or a result with nothing else in it. */
static int check_old(const char *dir, char *err, size_t err_size)
{
  char ignored[RS_RESULTS_ERR], foreign[NAME_MAX + 1] = "";
  DIR *list = opendir(dir);
  if (!list)
    return errno == ENOENT ? 0 : rs_out_fail(err, err_size, "cannot use", dir, errno);
  json_t *summary = rs_json_read(dir, "summary.json", ignored, sizeof ignored);
  const json_t *files = json_object_get(summary, "files");
  for (struct dirent *entry; (entry = readdir(list));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !listed(files, entry->d_name) &&
        (!files || strcmp(entry->d_name, "plots") != 0))
      snprintf(foreign, sizeof foreign, "%s", entry->d_name);
  closedir(list);
  json_decref(summary);
  if (!*foreign)
    return 0;
  snprintf(err, err_size,
           "%s is not replaced: raysim did not write '%s' in it; move that away or give another folder with --out", dir,
           foreign);
  return -1;
}

static int lock_work_dir(struct rs_folder *folder, char *err, size_t err_size)
{
  for (int attempt = 0; attempt < 2; attempt++) {
    bool made = mkdir(folder->work_dir, 0777) == 0;
    if (!made && errno != EEXIST)
      return rs_out_fail(err, err_size, "cannot make the folder", folder->work_dir, errno);
    folder->lock_fd = open(folder->work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock_fd < 0)
      return rs_out_fail(err, err_size, "cannot open", folder->work_dir, errno);
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0) {
      close(folder->lock_fd);
      folder->lock_fd = -1;
      snprintf(err, err_size, "another raysim is writing %s: wait for it or give another folder with --out",
               folder->out_dir);
      return -1;
    }
    if (made)
      return 0;
    int error = rs_out_remove_tree(folder->work_dir); /* left by a killed run: nobody holds its lock */
    close(folder->lock_fd);
    folder->lock_fd = -1;
    if (error)
      return rs_out_fail(err, err_size, "cannot remove the leftover", folder->work_dir, error);
  }
  return rs_out_fail(err, err_size, "cannot make the folder", folder->work_dir, EEXIST);
}

static void folder_free(struct rs_folder *folder)
{
  if (folder->lock_fd >= 0)
    close(folder->lock_fd);
  free((char *)(uintptr_t)folder->opts.scenario_name);
  free((char *)(uintptr_t)folder->opts.version);
  free(folder->out_dir);
  free(folder->work_dir);
  free(folder);
}

static int write_scenario(const struct rs_folder *folder, const struct rs_folder_opts *opts, char *err, size_t err_size)
{
  struct rs_out out;
  if (!opts->scenario_xml)
    return 0;
  rs_out_open(&out, folder->work_dir, "scenario.xml", RS_OUT_PLAIN);
  rs_out_bytes(&out, opts->scenario_xml, opts->scenario_size_bytes);
  return rs_out_close(&out, err, err_size);
}

static int make_parent(const char *path, char *err, size_t err_size)
{
  const char *slash = strrchr(path, '/');
  if (!slash || slash == path)
    return 0;
  char *parent = rs_memdup(path, (size_t)(slash - path) + 1);
  parent[slash - path] = '\0';
  int result = rs_out_mkdirs(parent, err, err_size);
  free(parent);
  return result;
}

struct rs_folder *rs_folder_begin(const struct rs_folder_opts *opts, char *err, size_t err_size)
{
  char *out_dir = clean_path(opts->out_dir, err, err_size);
  if (!out_dir)
    return NULL;
  struct rs_folder *folder = rs_alloc_zero(1, sizeof *folder);
  folder->opts = (struct rs_folder_opts){
      .scenario_name = copy_text(opts->scenario_name), .version = copy_text(opts->version), .real = opts->real};
  folder->out_dir = out_dir;
  folder->work_dir = work_path(out_dir);
  folder->lock_fd = -1;
  if (check_old(out_dir, err, err_size) == 0 && make_parent(out_dir, err, err_size) == 0 &&
      lock_work_dir(folder, err, err_size) == 0) {
    if (write_scenario(folder, opts, err, err_size) == 0)
      return folder;
    rs_out_remove_tree(folder->work_dir);
  }
  folder_free(folder);
  return NULL;
}

const char *rs_folder_path(const struct rs_folder *folder)
{
  return folder->work_dir;
}

void rs_folder_abort(struct rs_folder *folder)
{
  if (!folder)
    return;
  rs_out_remove_tree(folder->work_dir);
  folder_free(folder);
}

/* Puts work_dir in out_dir's place; an older result is removed afterwards. */
static int swap_in(const struct rs_folder *folder, char *err, size_t err_size)
{
  if (rename(folder->work_dir, folder->out_dir) == 0) /* nothing, or an empty folder, was there */
    return 0;
  if (errno != ENOTEMPTY && errno != EEXIST)
    return rs_out_fail(err, err_size, "cannot rename to", folder->out_dir, errno);
  if (renameat2(AT_FDCWD, folder->work_dir, AT_FDCWD, folder->out_dir, RENAME_EXCHANGE) == 0) {
    rs_out_remove_tree(folder->work_dir);
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS)
    return rs_out_fail(err, err_size, "cannot rename to", folder->out_dir, errno);
  size_t size = strlen(folder->work_dir) + 5;
  char *old = rs_alloc(size);
  snprintf(old, size, "%s.old", folder->work_dir);
  int error = rs_out_remove_tree(old);
  if (!error && rename(folder->out_dir, old) != 0)
    error = errno;
  if (!error && rename(folder->work_dir, folder->out_dir) != 0) {
    error = errno;
    if (rename(old, folder->out_dir) != 0)
      error = errno;
  }
  if (!error)
    rs_out_remove_tree(old);
  free(old);
  return error ? rs_out_fail(err, err_size, "cannot rename to", folder->out_dir, error) : 0;
}

int rs_folder_commit(struct rs_folder *folder, bool partial, double wall_s, char *err, size_t err_size)
{
  int result = rs_results_merge(folder->work_dir, &folder->opts, partial, wall_s, err, err_size);
  if (result == 0)
    result = check_old(folder->out_dir, err, err_size); /* somebody may have put a file there meanwhile */
  if (result == 0)
    result = rs_out_sync_dir(folder->work_dir, err, err_size);
  if (result == 0)
    result = swap_in(folder, err, err_size);
  if (result != 0)
    rs_out_remove_tree(folder->work_dir);
  folder_free(folder);
  return result;
}
