/* The file writer of results. Numbers are formatted by hand where a row a task needs it (a row costs about 100 ns). */
#include "sim/results_out.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { BUFFER_BYTES = 1 << 16 };

int rs_out_fail(char *err, size_t err_size, const char *what, const char *path, int error)
{
  snprintf(err, err_size, "%s %s: %s", what, path, strerror(error));
  return -1;
}

char *rs_out_path(const char *dir, const char *name)
{
  size_t size = strlen(dir) + strlen(name) + 2;
  char *path = rs_alloc(size);
  snprintf(path, size, "%s/%s", dir, name);
  return path;
}

static void open_file(struct rs_out *out)
{
  out->fd = open(out->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (out->fd < 0)
    out->error = errno;
}

static void open_gzip(struct rs_out *out)
{
  size_t size = strlen(out->path);
  char *path = rs_alloc(size + 4);
  memcpy(path, out->path, size);
  memcpy(path + size, ".gz", 4);
  free(out->path);
  out->path = path;
  open_file(out);
  if (out->error)
    return;
  int fd = fcntl(out->fd, F_DUPFD_CLOEXEC, 0); /* gzclose closes its own; ours is synced afterwards */
  if (fd < 0) {
    out->error = errno;
    return;
  }
  out->gz = gzdopen(fd, "wb1");
  if (!out->gz) {
    close(fd);
    out->error = ENOMEM;
    return;
  }
  gzbuffer(out->gz, 1 << 17);
}

void rs_out_open(struct rs_out *out, const char *dir, const char *name, enum rs_out_kind kind)
{
  *out = (struct rs_out){.path = rs_out_path(dir, name), .fd = -1, .kind = kind};
  out->cap = kind == RS_OUT_ROWS ? RS_OUT_PLAIN_MAX : BUFFER_BYTES;
  out->buffer = rs_alloc(out->cap);
  if (kind == RS_OUT_PLAIN)
    open_file(out);
  else if (kind == RS_OUT_GZIP)
    open_gzip(out);
}

static void write_all(struct rs_out *out, const char *bytes, size_t size)
{
  while (size > 0 && !out->error) {
    if (out->gz) {
      unsigned part = size > (1u << 20) ? 1u << 20 : (unsigned)size;
      int wrote = gzwrite(out->gz, bytes, part);
      if (wrote <= 0) {
        out->error = errno ? errno : EIO;
        return;
      }
      bytes += wrote;
      size -= (size_t)wrote;
    } else {
      ssize_t wrote = write(out->fd, bytes, size);
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote <= 0) {
        out->error = wrote < 0 ? errno : EIO;
        return;
      }
      bytes += wrote;
      size -= (size_t)wrote;
    }
  }
}

static void flush(struct rs_out *out)
{
  if (out->fd < 0 && !out->error)
    open_gzip(out); /* rows that outgrew the plain form */
  if (!out->error)
    write_all(out, out->buffer, out->used);
  out->used = 0;
}

void rs_out_bytes(struct rs_out *out, const void *bytes, size_t size)
{
  const char *from = bytes;
  while (size > 0) {
    if (out->used == out->cap)
      flush(out);
    size_t part = out->cap - out->used < size ? out->cap - out->used : size;
    memcpy(out->buffer + out->used, from, part);
    out->used += part;
    from += part;
    size -= part;
  }
}

void rs_out_text(struct rs_out *out, const char *text)
{
  rs_out_bytes(out, text, strlen(text));
}

/* Writes the digits of value so that they end at `end`; returns where they begin. */
static char *digits(char *end, uint64_t value)
{
  do {
    *--end = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return end;
}

void rs_out_u64(struct rs_out *out, uint64_t value)
{
  char text[24], *end = text + sizeof text, *begin = digits(end, value);
  rs_out_bytes(out, begin, (size_t)(end - begin));
}

void rs_out_seconds(struct rs_out *out, uint64_t time_ns)
{
  char text[32], *end = text + sizeof text, *begin = end;
  uint64_t rest = time_ns % 1000000000u;
  if (rest > 0) {
    int places = 9;
    for (; rest % 10 == 0; rest /= 10)
      places--;
    for (; places > 0; places--, rest /= 10)
      *--begin = (char)('0' + rest % 10);
    *--begin = '.';
  }
  begin = digits(begin, time_ns / 1000000000u);
  rs_out_bytes(out, begin, (size_t)(end - begin));
}

void rs_out_double(struct rs_out *out, double value)
{
  char text[40];
  if (isnan(value))
    return;
  int size = snprintf(text, sizeof text, "%.9g", value);
  rs_out_bytes(out, text, (size_t)size);
}

void rs_out_fixed(struct rs_out *out, double value, int decimals)
{
  char text[400];
  if (isnan(value))
    return;
  int size = snprintf(text, sizeof text, "%.*f", decimals, value);
  if (memchr(text, '.', (size_t)size)) {
    while (text[size - 1] == '0')
      size--;
    if (text[size - 1] == '.')
      size--;
  }
  if (size == 2 && text[0] == '-' && text[1] == '0')
    rs_out_char(out, '0');
  else
    rs_out_bytes(out, text, (size_t)size);
}

void rs_out_csv(struct rs_out *out, const char *text)
{
  if (!text[strcspn(text, ",\"\r\n")]) {
    rs_out_text(out, text);
    return;
  }
  rs_out_char(out, '"');
  for (; *text; text++) {
    if (*text == '"')
      rs_out_char(out, '"');
    rs_out_char(out, *text == '\n' || *text == '\r' ? ' ' : *text); /* one row, one line */
  }
  rs_out_char(out, '"');
}

static void release(struct rs_out *out)
{
  free(out->path);
  free(out->buffer);
  *out = (struct rs_out){.fd = -1};
}

int rs_out_close(struct rs_out *out, char *err, size_t err_size)
{
  if (out->fd < 0 && !out->error && out->kind == RS_OUT_ROWS)
    open_file(out); /* small enough: the plain form */
  if (out->used > 0)
    flush(out);
  if (out->gz) {
    errno = 0;
    int closed = gzclose(out->gz);
    out->gz = NULL;
    if (closed != Z_OK && !out->error)
      out->error = errno ? errno : EIO;
  }
  if (out->fd >= 0) {
    if (!out->error && fsync(out->fd) != 0 && errno != EINVAL && errno != EROFS)
      out->error = errno;
    if (close(out->fd) != 0 && !out->error)
      out->error = errno;
  }
  int error = out->error;
  if (error) {
    rs_out_fail(err, err_size, "cannot write", out->path, error);
    if (out->fd >= 0)
      unlink(out->path);
  }
  release(out);
  return error ? -1 : 0;
}

void rs_out_drop(struct rs_out *out)
{
  if (!out->path)
    return;
  if (out->gz)
    gzclose(out->gz);
  if (out->fd >= 0) {
    close(out->fd);
    unlink(out->path);
  }
  release(out);
}

int rs_out_mkdirs(const char *path, char *err, size_t err_size)
{
  size_t size = strlen(path);
  RS_ASSERT(size > 0);
  char *copy = rs_memdup(path, size + 1);
  int result = 0;
  for (size_t i = 1; i <= size && result == 0; i++) {
    if (copy[i] != '/' && copy[i] != '\0')
      continue;
    char saved = copy[i];
    copy[i] = '\0';
    struct stat info;
    if (mkdir(copy, 0777) != 0) {
      int error = errno;
      if (stat(copy, &info) != 0)
        result = rs_out_fail(err, err_size, "cannot make the folder", copy, error);
      else if (!S_ISDIR(info.st_mode))
        result = rs_out_fail(err, err_size, "cannot make the folder", copy, ENOTDIR);
    }
    copy[i] = saved;
  }
  free(copy);
  return result;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
  (void)info;
  (void)ftw;
  return (kind == FTW_DP ? rmdir(path) : unlink(path)) == 0 ? 0 : errno;
}

int rs_out_remove_tree(const char *path)
{
  struct stat info;
  if (lstat(path, &info) != 0)
    return errno == ENOENT ? 0 : errno;
  int result = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return result < 0 ? errno : result;
}

int rs_out_sync_dir(const char *path, char *err, size_t err_size)
{
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
    error = errno;
  if (fd >= 0)
    close(fd);
  return error ? rs_out_fail(err, err_size, "cannot write the folder", path, error) : 0;
}
