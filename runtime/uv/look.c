/* look.c -- see look.h. A name is that of a file of the session's folder `logs`, or `log`: never a path. */
#include "uv/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Grows as it is written. */
struct answer {
  uint8_t *bytes;
  size_t used, cap;
};

static struct rs_writer room(struct answer *a, size_t bytes)
{
  if (a->used + bytes > a->cap) {
    a->cap = 2 * a->cap + bytes;
    a->bytes = realloc(a->bytes, a->cap);
    RS_ASSERT(a->bytes);
  }
  struct rs_writer w = {a->bytes + a->used, bytes, 0};
  a->used += bytes;
  return w;
}

/* ---- processes ---- */

static uint64_t resident_bytes(uint32_t pid)
{
  char path[64];
  unsigned long long pages = 0;
  snprintf(path, sizeof path, "/proc/%u/statm", pid);
  FILE *file = fopen(path, "re");
  if (!file || fscanf(file, "%*d %llu", &pages) != 1)
    pages = 0;
  if (file)
    fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void processes(const struct rs_proc *proc, struct answer *a)
{
  uint32_t count = 0;
  room(a, 4);
  for (uint32_t i = 0; i < proc->peers.cap; i++) {
    const struct rs_peer *peer =
        proc->peers.slots[i].key ? (const struct rs_peer *)(uintptr_t)proc->peers.slots[i].value : NULL;
    if (!peer || !peer->pid || !peer->use)
      continue;
    struct rs_writer w = room(a, 20);
    rs_put_u64(&w, peer->addr);
    rs_put_u32(&w, peer->pid);
    rs_put_u64(&w, resident_bytes(peer->pid));
    count++;
  }
  struct rs_writer w = {a->bytes, 4, 0};
  rs_put_u32(&w, count);
}

/* ---- files ---- */

static bool path_of(const struct rs_proc *proc, const char *name, char *path, size_t cap)
{
  size_t length = strlen(name);
  if (length == 0 || length > RS_LOOK_NAME_MAX || strchr(name, '/') || name[0] == '.')
    return false;
  snprintf(path, cap, "%s/%s%s", proc->session, strcmp(name, "log") == 0 ? "" : "logs/", name);
  return true;
}

static bool is_log(const struct rs_proc *proc, const char *name, struct stat *st)
{
  char path[RS_UV_PATH_MAX + RS_LOOK_NAME_MAX + 8];
  const char *dot = strrchr(name, '.');
  if (dot && strcmp(dot, ".pos") == 0)
    return false;
  return path_of(proc, name, path, sizeof path) && stat(path, st) == 0 && S_ISREG(st->st_mode);
}

static void put_file(struct answer *a, const char *name, const struct stat *st)
{
  struct rs_writer measure = {NULL, 0, 0};
  rs_put_text(&measure, name);
  struct rs_writer w = room(a, 8 + measure.size);
  rs_put_u64(&w, (uint64_t)st->st_size);
  rs_put_text(&w, name);
}

/* Equal for processes that see the same folder: its inode, and this boot of this host. */
static uint64_t folder_of(const struct rs_proc *proc)
{
  char boot[64] = "";
  struct stat st = {0};
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (file && !fgets(boot, sizeof boot, file))
    boot[0] = 0;
  if (file)
    fclose(file);
  if (stat(proc->session, &st) != 0)
    return 0;
  return rs_hash_u64(rs_hash_u64(rs_hash_bytes(1, boot, strlen(boot)), (uint64_t)st.st_dev), (uint64_t)st.st_ino);
}

static void files(const struct rs_proc *proc, struct answer *a)
{
  char folder[RS_UV_PATH_MAX + 8];
  uint32_t count = 0;
  struct stat st;
  struct rs_writer head = room(a, 12);
  rs_put_u64(&head, folder_of(proc));
  if (is_log(proc, "log", &st)) {
    put_file(a, "log", &st);
    count++;
  }
  snprintf(folder, sizeof folder, "%s/logs", proc->session);
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && count < RS_LOOK_FILES_MAX && (entry = readdir(dir));)
    if (strcmp(entry->d_name, "log") != 0 && is_log(proc, entry->d_name, &st)) {
      put_file(a, entry->d_name, &st);
      count++;
    }
  if (dir)
    closedir(dir);
  struct rs_writer w = {a->bytes + 8, 4, 0};
  rs_put_u32(&w, count);
}

/* Where the last `lines` lines begin. */
static uint64_t tail_of(int fd, uint64_t size, uint32_t lines)
{
  char block[4096];
  uint64_t at = size, found = 0;
  while (at > 0) {
    size_t want = at > sizeof block ? sizeof block : (size_t)at;
    ssize_t got = pread(fd, block, want, (off_t)(at - want));
    if (got <= 0)
      break;
    for (ssize_t i = got; i-- > 0;)
      if (block[i] == '\n' && at - (uint64_t)got + (uint64_t)i != size - 1 && ++found >= lines)
        return at - (uint64_t)got + (uint64_t)i + 1;
    at -= (uint64_t)got;
  }
  return lines ? 0 : size;
}

static void read_file(const struct rs_proc *proc, const char *name, uint64_t at, uint32_t lines, struct answer *a)
{
  char path[RS_UV_PATH_MAX + RS_LOOK_NAME_MAX + 8];
  struct stat st = {0};
  int fd = path_of(proc, name, path, sizeof path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  bool fine = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  struct rs_writer w = room(a, 20);
  rs_put_u32(&w, (uint32_t)(fine ? RS_ERR_OK : RS_ERR_NOT_FOUND));
  rs_put_u64(&w, (uint64_t)st.st_size);
  if (fine && lines != UINT32_MAX)
    at = tail_of(fd, (uint64_t)st.st_size, lines);
  rs_put_u64(&w, at);
  if (fine) {
    size_t before = a->used;
    w = room(a, RS_LOOK_BYTES_MAX);
    ssize_t got = pread(fd, w.out, RS_LOOK_BYTES_MAX, (off_t)at);
    a->used = before + (got > 0 ? (size_t)got : 0);
  }
  if (fd >= 0)
    close(fd);
}

bool rs_look_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  struct answer a = {0};
  char name[RS_LOOK_NAME_MAX + 1];
  uint8_t what = rs_get_u8(&r);
  uint64_t at = rs_get_u64(&r);
  uint32_t lines = rs_get_u32(&r);
  if (!rs_get_text(&r, name, sizeof name) || r.error || at > INT64_MAX)
    return false;
  switch (what) {
  case RS_LOOK_PROCESSES: processes(proc, &a); break;
  case RS_LOOK_FILES: files(proc, &a); break;
  case RS_LOOK_READ: read_file(proc, name, at, lines, &a); break;
  default: return false;
  }
  rs_conn_send(conn, RS_FRAME_SEEN, a.bytes, a.used);
  free(a.bytes);
  return true;
}
