/* logs.c -- raysim logs: the log files of a running session on this host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/start.h"
#include "cli/state.h"
#include "uv/session.h"

static const char help[] =
    "usage: raysim logs [FILE [--tail N] [--follow]] [--session FOLDER]\n"
    "\n"
    "  Without FILE: the files that there are. `log` is the head's and the nodes' own, "
    "worker-<node>.<incarnation>-<number>"
    ".out and\n"
    "  .err are what tasks have printed. --tail: the last N lines only. --follow: goes on as the file grows.\n";

static int by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *folder, const char *prefix)
{
  char **names = NULL;
  uint32_t count = 0, cap = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    size_t length = strlen(entry->d_name);
    if (entry->d_name[0] == '.' || (length > 4 && strcmp(entry->d_name + length - 4, ".pos") == 0))
      continue;
    RS_GROW(names, count, cap);
    names[count++] = strdup(entry->d_name);
  }
  if (dir)
    closedir(dir);
  if (count)
    qsort(names, count, sizeof *names, by_name);
  for (uint32_t i = 0; i < count; i++) {
    char path[RS_UV_PATH_MAX * 2 + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
      printf("%12lld  %s%s\n", (long long)st.st_size, prefix, names[i]);
    free(names[i]);
  }
  free(names);
}

static int open_log(const char *session, const char *name)
{
  char path[RS_UV_PATH_MAX + 256];
  snprintf(path, sizeof path, "%s/logs/%.200s", session, name);
  if (strcmp(name, "log") == 0)
    snprintf(path, sizeof path, "%s/log", session);
  return strchr(name, '/') ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* Where the last `lines` lines begin. */
static off_t tail_of(int fd, off_t size, uint32_t lines)
{
  char block[4096];
  off_t at = size;
  uint64_t found = 0;
  while (at > 0) {
    size_t want = at > (off_t)sizeof block ? sizeof block : (size_t)at;
    ssize_t got = pread(fd, block, want, at - (off_t)want);
    if (got <= 0)
      break;
    for (ssize_t i = got; i-- > 0;)
      if (block[i] == '\n' && at - (off_t)got + i != size - 1 && ++found >= lines)
        return at - (off_t)got + i + 1;
    at -= got;
  }
  return lines ? 0 : size;
}

static int print_log(const char *session, const struct rs_state_args *args)
{
  enum { PAUSE_MS = 100 };
  char block[1 << 16];
  struct stat st;
  int fd = open_log(session, args->words[0]);
  if (fd < 0 || fstat(fd, &st) != 0) {
    fprintf(stderr, "raysim logs: %s: there is no such file; `raysim logs` lists them\n", args->words[0]);
    return 1;
  }
  off_t at = args->tail == UINT32_MAX ? 0 : tail_of(fd, st.st_size, args->tail);
  for (;;) {
    ssize_t got = pread(fd, block, sizeof block, at);
    if (got > 0) {
      fwrite(block, 1, (size_t)got, stdout);
      at += got;
      continue;
    }
    fflush(stdout);
    if (!args->follow || !rs_session_live(session) || ferror(stdout))
      break;
    nanosleep(&(struct timespec){0, PAUSE_MS * 1000000L}, NULL);
  }
  close(fd);
  return 0;
}

int rs_cmd_logs(int argc, char **argv)
{
  struct rs_state_args args;
  char session[RS_UV_PATH_MAX], folder[RS_UV_PATH_MAX + 8], error[RS_UV_ERROR_MAX];
  int rc = rs_state_args_parse("logs", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if (args.word_count > 1) {
    fputs(help, stderr);
    return 2;
  }
  if (rs_session_find(args.session, session, error) != 0) {
    fprintf(stderr, "raysim logs: %s\n", error);
    return 1;
  }
  if (args.word_count == 1)
    return print_log(session, &args);
  struct stat st;
  snprintf(folder, sizeof folder, "%s/log", session);
  if (stat(folder, &st) == 0)
    printf("%12lld  log\n", (long long)st.st_size);
  snprintf(folder, sizeof folder, "%s/logs", session);
  list_folder(folder, "");
  return 0;
}
