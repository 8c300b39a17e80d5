/* session.c -- see session.h. */
#include "uv/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "core/errors.h"
#include "uv/auth.h"
#include "uv/uv.h"

enum { STALE_AFTER_S = 60 };

uint64_t rs_process_start_time(int pid)
{
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = 0;
  char *at = strrchr(text, ')'); /* the name may hold anything */
  if (!at)
    return 0;
  if (at[1] && at[2] == 'Z')
    return 0; /* a zombie runs no more */
  for (int field = 2; field < 22 && at; field++)
    at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

static int base_folder(char *out, size_t cap, char *error)
{
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  struct stat st;
  if (runtime && *runtime && stat(runtime, &st) == 0 && st.st_uid == geteuid())
    snprintf(out, cap, "%s/raysim", runtime);
  else
    snprintf(out, cap, "/tmp/raysim-%u", (unsigned)geteuid());
  if (mkdir(out, 0700) != 0 && errno != EEXIST) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot make the folder of sessions: %s", out, strerror(errno));
    return RS_ERR_REFUSED;
  }
  if (lstat(out, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: must be a folder of your own with mode 0700", out);
    return RS_ERR_REFUSED;
  }
  return 0;
}

void rs_session_token_path(const char *session, char *out, size_t cap)
{
  snprintf(out, cap, "%s/token", session);
}

static void clean_all(const char *base);

int rs_session_create(char *out, char *error)
{
  char base[RS_UV_PATH_MAX - 64], token[RS_UV_PATH_MAX];
  int rc = base_folder(base, sizeof base, error);
  if (rc != 0)
    return rc;
  clean_all(base);
  uint8_t nonce[RS_NONCE_BYTES];
  if (!rs_auth_init()) {
    snprintf(error, RS_UV_ERROR_MAX, "libsodium does not start");
    return RS_ERR_REFUSED;
  }
  rs_auth_nonce(nonce);
  snprintf(out, RS_UV_PATH_MAX, "%s/s-%d-%02x%02x", base, (int)getpid(), nonce[0], nonce[1]);
  if (strlen(out) > 70) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: too long for the paths of sockets; set XDG_RUNTIME_DIR to a shorter one",
             out);
    return RS_ERR_REFUSED;
  }
  if (mkdir(out, 0700) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot make the session: %s", out, strerror(errno));
    return RS_ERR_REFUSED;
  }
  rs_session_token_path(out, token, sizeof token);
  if (rs_auth_token_create(token, error) != 0) {
    rs_session_remove(out);
    return RS_ERR_REFUSED;
  }
  return 0;
}

int rs_session_write_head(const char *session, const char *host, uint16_t port)
{
  char path[RS_UV_PATH_MAX + 16], next[RS_UV_PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/head", session);
  snprintf(next, sizeof next, "%s/head.new", session);
  FILE *file = fopen(next, "we");
  if (!file)
    return -1;
  fprintf(file, "%d %llu %s %u\n", (int)getpid(), (unsigned long long)rs_process_start_time(getpid()), host, port);
  return fclose(file) == 0 && rename(next, path) == 0 ? 0 : -1;
}

bool rs_session_read_head(const char *session, struct rs_session_head *head)
{
  char path[RS_UV_PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/head", session);
  FILE *file = fopen(path, "re");
  if (!file)
    return false;
  unsigned long long start;
  unsigned port;
  bool ok = fscanf(file, "%d %llu %63s %u", &head->pid, &start, head->host, &port) == 4 && port < 65536;
  fclose(file);
  if (!ok)
    return false;
  head->start_time = start;
  head->port = (uint16_t)port;
  return true;
}

bool rs_session_live(const char *session)
{
  struct rs_session_head head;
  return rs_session_read_head(session, &head) && rs_process_start_time(head.pid) == head.start_time;
}

void rs_session_add_pid(const char *session, int pid, const char *role)
{
  char path[RS_UV_PATH_MAX + 16], line[96];
  snprintf(path, sizeof path, "%s/pids", session);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    return;
  int n = snprintf(line, sizeof line, "%d %llu %s\n", pid, (unsigned long long)rs_process_start_time(pid), role);
  if (write(fd, line, (size_t)n) != n) { /* it only helps to clean up */
  }
  close(fd);
}

void rs_session_kill_all(const char *session)
{
  char path[RS_UV_PATH_MAX + 16], role[32];
  snprintf(path, sizeof path, "%s/pids", session);
  FILE *file = fopen(path, "re");
  int pid;
  unsigned long long start;
  while (file && fscanf(file, "%d %llu %31s", &pid, &start, role) == 3)
    if (pid > 1 && pid != getpid() && start && rs_process_start_time(pid) == start)
      kill(pid, SIGKILL);
  if (file)
    fclose(file);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st, (void)type, (void)ftw;
  remove(path);
  return 0;
}

void rs_tree_remove(const char *path)
{
  nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void rs_session_remove(const char *session)
{
  const char *name = strrchr(session, '/');
  if (name && strncmp(name, "/s-", 3) == 0)
    rs_tree_remove(session);
}

/* Removes what a dead cluster left. Its head was that process, which runs no more (a number that another process has
 * now does not count); what else it names, and still is that process, ends with it. A session without the word of a
 * head is one that begins, for so long. Only folders of this user that look like a session. */
static void clean(const char *session, const struct stat *st)
{
  struct rs_session_head head;
  if (!S_ISDIR(st->st_mode) || st->st_uid != geteuid() || rs_session_live(session))
    return;
  if (!rs_session_read_head(session, &head) && time(NULL) - st->st_mtim.tv_sec <= STALE_AFTER_S)
    return;
  rs_session_kill_all(session);
  rs_session_remove(session);
}

static void clean_all(const char *base)
{
  DIR *dir = opendir(base);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char path[RS_UV_PATH_MAX + 256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
    if (strncmp(entry->d_name, "s-", 2) == 0 && strlen(entry->d_name) <= 60 && lstat(path, &st) == 0)
      clean(path, &st);
  }
  if (dir)
    closedir(dir);
}

/* Does the head of this session listen there? */
static bool listens(const char *session, const char *host, size_t host_size, unsigned port)
{
  struct rs_session_head head;
  return rs_session_read_head(session, &head) && head.port == port && strlen(head.host) == host_size &&
         memcmp(head.host, host, host_size) == 0;
}

/* HOST:PORT, which no folder of a session looks like. */
static const char *port_of(const char *wanted)
{
  const char *colon = wanted && !strchr(wanted, '/') ? strrchr(wanted, ':') : NULL;
  return colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1) ? colon + 1 : NULL;
}

int rs_session_find(const char *wanted, char *out, char *error)
{
  if (!wanted || !*wanted)
    wanted = getenv("RAYSIM_SESSION");
  const char *port = port_of(wanted);
  if (wanted && *wanted && !port) {
    if (strlen(wanted) >= RS_UV_PATH_MAX || !rs_session_live(wanted)) {
      struct stat st;
      if (strlen(wanted) < RS_UV_PATH_MAX && lstat(wanted, &st) == 0)
        clean(wanted, &st);
      snprintf(error, RS_UV_ERROR_MAX, "%.200s: no cluster runs there", wanted);
      return RS_ERR_REFUSED;
    }
    snprintf(out, RS_UV_PATH_MAX, "%s", wanted);
    return 0;
  }
  char base[RS_UV_PATH_MAX - 64];
  int rc = base_folder(base, sizeof base, error);
  if (rc != 0)
    return rc;
  DIR *dir = opendir(base);
  struct timespec best = {0, 0};
  out[0] = 0;
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    char path[RS_UV_PATH_MAX + 256];
    struct stat st;
    if (strncmp(entry->d_name, "s-", 2) != 0 || strlen(entry->d_name) > 60)
      continue;
    snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
    if (stat(path, &st) != 0)
      continue;
    if (!rs_session_live(path)) {
      clean(path, &st);
      continue;
    }
    if (port && !listens(path, wanted, (size_t)(port - 1 - wanted), (unsigned)strtoul(port, NULL, 10)))
      continue;
    if (!out[0] || st.st_mtim.tv_sec > best.tv_sec ||
        (st.st_mtim.tv_sec == best.tv_sec && st.st_mtim.tv_nsec > best.tv_nsec)) {
      best = st.st_mtim;
      snprintf(out, RS_UV_PATH_MAX, "%.*s", RS_UV_PATH_MAX - 1, path);
    }
  }
  if (dir)
    closedir(dir);
  if (!out[0] && port) {
    snprintf(error, RS_UV_ERROR_MAX,
             "%.200s: no cluster of this user on this host has its head there (a program attaches on a host of the "
             "cluster: start a node here with `raysim start --address`)",
             wanted);
    return RS_ERR_REFUSED;
  }
  if (!out[0]) {
    snprintf(error, RS_UV_ERROR_MAX, "no cluster runs on this host: start one with `raysim start --head`");
    return RS_ERR_REFUSED;
  }
  return 0;
}
