/* cluster.c -- starting and ending a local cluster, and asking a head what runs.
 *
 * The head is a program of its own (raysimd); what it is to be goes to it through an unlinked file, and it says through
 * a pipe when every node has registered. It starts its nodes itself, by fork. A cluster that is not detached holds the
 * reading end of a second pipe: when its starter is gone, however that ended, the pipe ends and the cluster leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "uv/node.h"
#include "uv/query.h"
#include "uv/session.h"

extern char **environ;

#define SELF_NAME "RAYSIM_DAEMON"

enum { START_MS = 30000, STOP_MS = 8000, GONE_MS = 3000 };

struct rs_uv_cluster {
  char session[RS_UV_PATH_MAX];
  uint16_t port;
  pid_t pid;
  int life_fd;
  bool detached;
};

const char *rs_uv_cluster_session(const struct rs_uv_cluster *cluster)
{
  return cluster->session;
}
uint16_t rs_uv_cluster_port(const struct rs_uv_cluster *cluster)
{
  return cluster->port;
}
int rs_uv_cluster_pid(const struct rs_uv_cluster *cluster)
{
  return cluster->pid;
}

void rs_uv_find_program(const char *wanted, char *out, size_t cap)
{
  const char *named = wanted ? wanted : getenv("RAYSIMD");
  if (named && *named) {
    snprintf(out, cap, "%s", named);
    return;
  }
  char self[RS_UV_PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n > 0) {
    self[n] = 0;
    for (int up = 0; up < 2; up++) {
      char *slash = strrchr(self, '/');
      if (!slash)
        break;
      *slash = 0;
      snprintf(out, cap, "%s/raysimd", self);
      if (access(out, X_OK) == 0)
        return;
    }
  }
  snprintf(out, cap, "raysimd");
}

static void pause_ms(int ms)
{
  nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

/* True once process `pid`, our child, has ended. */
static bool wait_child(pid_t pid, int limit_ms)
{
  for (int waited = 0;; waited += 2) {
    pid_t got = waitpid(pid, NULL, WNOHANG);
    if (got == pid || (got < 0 && errno == ECHILD))
      return true;
    if (waited >= limit_ms)
      return false;
    pause_ms(2);
  }
}

/* Waits until every process that the session names is gone. */
static void wait_gone(const char *session)
{
  char path[RS_UV_PATH_MAX + 8], role[32];
  snprintf(path, sizeof path, "%s/pids", session);
  for (int waited = 0; waited < GONE_MS; waited += 5) {
    FILE *file = fopen(path, "re");
    if (!file)
      return;
    int pid;
    unsigned long long start;
    bool left = false;
    while (fscanf(file, "%d %llu %31s", &pid, &start, role) == 3)
      left = left || (start && rs_process_start_time(pid) == start);
    fclose(file);
    if (!left)
      return;
    pause_ms(5);
  }
}

static void end_by_force(const char *session, pid_t pid)
{
  if (pid > 0) {
    kill(pid, SIGKILL);
    wait_child(pid, STOP_MS);
  }
  rs_session_kill_all(session);
  wait_gone(session);
  rs_session_remove(session);
}

/* A copy of the descriptor above those that the child gets by number. */
static int move_up(int fd)
{
  if (fd < 0)
    return fd;
  int up = fcntl(fd, F_DUPFD_CLOEXEC, 10);
  close(fd);
  return up;
}

static int setup_file(const struct rs_node_options *options)
{
  struct rs_writer w = {NULL, 0, 0};
  rs_node_options_put(&w, options);
  w = (struct rs_writer){rs_alloc(w.size), w.size, 0};
  rs_node_options_put(&w, options);
  int fd = memfd_create("raysim-setup", MFD_CLOEXEC);
  if (fd >= 0 && write(fd, w.out, w.size) != (ssize_t)w.size) {
    close(fd);
    fd = -1;
  }
  free(w.out);
  if (fd >= 0)
    lseek(fd, 0, SEEK_SET);
  return move_up(fd);
}

/* Arguments and environment of this very program, for a copy of it that is to become a head. */
struct self {
  char *text, **argv, **env, line[64];
};

static bool self_read(struct self *self, bool attached)
{
  size_t size = 0, cap = 0, count = 0, env_count = 0;
  ssize_t n;
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  do {
    cap = cap ? 2 * cap : 4096;
    self->text = rs_realloc(self->text, cap + 1, 1);
    while ((n = read(fd, self->text + size, cap - size)) > 0)
      size += (size_t)n;
  } while (n == 0 && size == cap);
  close(fd);
  self->text[size] = 0;
  for (size_t i = 0; i < size; i++)
    count += self->text[i] == 0;
  self->argv = rs_alloc_zero(count + 2, sizeof *self->argv);
  count = 0;
  for (size_t at = 0; at < size; at += strlen(self->text + at) + 1)
    self->argv[count++] = self->text + at;
  while (environ[env_count])
    env_count++;
  self->env = rs_alloc_zero(env_count + 2, sizeof *self->env);
  memcpy(self->env, environ, env_count * sizeof *self->env);
  snprintf(self->line, sizeof self->line, SELF_NAME "=%s", attached ? "attached" : "detached");
  self->env[env_count] = self->line;
  return count > 0;
}

void rs_uv_daemon_self(void (*begin)(void))
{
  const char *wanted = getenv(SELF_NAME);
  if (!wanted)
    return;
  bool attached = strcmp(wanted, "attached") == 0;
  unsetenv(SELF_NAME); /* what the workers start is not meant */
  char *argv[] = {(char *)(uintptr_t) "raysimd", (char *)(uintptr_t) "--head",
                  attached ? (char *)(uintptr_t) "--attached" : NULL, NULL};
  if (begin)
    begin();
  _exit(rs_uv_daemon_main(attached ? 3 : 2, argv));
}

static pid_t spawn_head(const char *program, int setup_fd, int ready_fd, int life_fd, const char *log)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (log) {
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
  }
  posix_spawn_file_actions_adddup2(&actions, setup_fd, 3);
  posix_spawn_file_actions_adddup2(&actions, ready_fd, 4);
  if (life_fd >= 0)
    posix_spawn_file_actions_adddup2(&actions, life_fd, 5);
  char *argv[] = {(char *)(uintptr_t) "raysimd", (char *)(uintptr_t) "--head",
                  life_fd >= 0 ? (char *)(uintptr_t) "--attached" : NULL, NULL};
  struct self self = {0};
  pid_t pid = -1;
  int rc = ENOENT;
  if (program)
    rc = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
  else if (self_read(&self, life_fd >= 0))
    rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, self.argv, self.env);
  free(self.text);
  free(self.argv);
  free(self.env);
  posix_spawn_file_actions_destroy(&actions);
  errno = rc;
  return rc == 0 ? pid : -1;
}

/* The head's one line: "R port", or "E reason". */
static int read_ready(int fd, uint64_t timeout_ms, uint16_t *port, char *error)
{
  char text[256];
  size_t n = 0;
  uint64_t end = uv_hrtime() + timeout_ms * RS_MS;
  while (n < sizeof text - 1 && (n == 0 || text[n - 1] != '\n')) {
    uint64_t now = uv_hrtime();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = now < end ? poll(&p, 1, (int)((end - now) / RS_MS) + 1) : 0;
    if (rc < 0 && errno == EINTR)
      continue;
    ssize_t got = rc > 0 ? read(fd, text + n, sizeof text - 1 - n) : 0;
    if (rc == 0) {
      snprintf(error, RS_UV_ERROR_MAX, "not every node had registered within %llu ms", (unsigned long long)timeout_ms);
      return RS_ERR_TIMED_OUT;
    }
    if (got <= 0) {
      snprintf(error, RS_UV_ERROR_MAX, "the head ended before it was ready");
      return RS_ERR_PEER_LOST;
    }
    n += (size_t)got;
  }
  text[n] = 0;
  unsigned value;
  if (text[0] == 'R' && sscanf(text + 1, "%u", &value) == 1) {
    *port = (uint16_t)value;
    return 0;
  }
  text[strcspn(text, "\n")] = 0;
  snprintf(error, RS_UV_ERROR_MAX, "%s", text[0] == 'E' ? text + 2 : "the head said something unknown");
  return RS_ERR_REFUSED;
}

/* The absolute path of a library, as processes with another working folder need it. */
static int library_path(const char *path, char *out, char *error)
{
  char full[4096];
  bool found = realpath(path, full) != NULL;
  if (found && snprintf(out, RS_UV_PATH_MAX, "%s", full) < RS_UV_PATH_MAX)
    return 0;
  snprintf(error, RS_UV_ERROR_MAX, "%.200s: %s", path, found ? "its path is longer than 255 bytes" : strerror(errno));
  return RS_ERR_REFUSED;
}

static int fill(struct rs_node_options *o, const struct rs_uv_cluster_options *options, char *error)
{
  memset(o, 0, sizeof *o);
  o->head = true;
  snprintf(o->bind, sizeof o->bind, "%s", options->bind ? options->bind : "127.0.0.1");
  if (options->config)
    o->setup.config = *options->config;
  else
    rs_config_defaults(&o->setup.config);
  const char *record = options->record ? options->record : getenv("RAYSIM_RECORD");
  char full[4096];
  if (record && *record && realpath(record, full))
    snprintf(o->setup.record, sizeof o->setup.record, "%.*s", RS_UV_PATH_MAX - 1, full);
  snprintf(o->setup.head_host, sizeof o->setup.head_host, "%s",
           strcmp(o->bind, "0.0.0.0") == 0 ? "127.0.0.1"
           : strcmp(o->bind, "::") == 0    ? "::1"
                                           : o->bind);
  o->setup.head_port = options->port;
  o->node_count = options->node_count;
  o->infos = (struct rs_node_info **)(uintptr_t)options->infos;
  o->types = (struct rs_node_type *)(uintptr_t)options->node_types;
  o->type_count = options->node_type_count;
  int rc = options->load ? library_path(options->load, o->setup.load, error) : 0;
  if (rc == 0 && options->policy)
    rc = library_path(options->policy, o->setup.policy_library, error);
  return rc != 0 ? rc : rs_setup_open_policy(&o->setup, error);
}

int rs_uv_local_cluster_start(const struct rs_uv_cluster_options *options, struct rs_uv_cluster **out, char *error)
{
  *out = NULL;
  char session[RS_UV_PATH_MAX], program[RS_UV_PATH_MAX + 16], log[RS_UV_PATH_MAX + 8];
  if (options->node_count == 0 || options->node_count > RS_UV_LOCAL_NODES_MAX || !options->infos) {
    snprintf(error, RS_UV_ERROR_MAX, "a cluster on one host has 1 to %d nodes", RS_UV_LOCAL_NODES_MAX);
    return RS_ERR_REFUSED;
  }
  if (options->load && access(options->load, R_OK) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%.200s: cannot load functions: %s", options->load, strerror(errno));
    return RS_ERR_REFUSED;
  }
  struct rs_node_options *o = rs_alloc(sizeof *o);
  int rc = fill(o, options, error);
  if (rc == 0)
    rc = rs_session_create(session, error);
  if (rc != 0) {
    free(o);
    return rc;
  }
  snprintf(o->session, sizeof o->session, "%s", session);
  snprintf(o->setup.session, sizeof o->setup.session, "%s", session);
  snprintf(log, sizeof log, "%s/log", session);
  rs_uv_find_program(options->program, program, sizeof program);
  int setup_fd = setup_file(o), ready[2] = {-1, -1}, life[2] = {-1, -1};
  free(o);
  pid_t pid = -1;
  bool fine = setup_fd >= 0 && pipe2(ready, O_CLOEXEC) == 0 && (options->detached || pipe2(life, O_CLOEXEC) == 0);
  if (fine) {
    ready[1] = move_up(ready[1]);
    life[0] = move_up(life[0]);
    pid = spawn_head(options->self ? NULL : program, setup_fd, ready[1], life[0], options->detached ? log : NULL);
  }
  if (pid < 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot start it: %s", program, strerror(errno));
    rc = RS_ERR_REFUSED;
  }
  if (setup_fd >= 0)
    close(setup_fd);
  if (ready[1] >= 0)
    close(ready[1]);
  if (life[0] >= 0)
    close(life[0]);
  struct rs_uv_cluster *cluster = rs_alloc_zero(1, sizeof *cluster);
  *cluster = (struct rs_uv_cluster){.pid = pid, .life_fd = life[1], .detached = options->detached};
  memcpy(cluster->session, session, sizeof session);
  if (pid > 0)
    rc = read_ready(ready[0], options->timeout_ms ? options->timeout_ms : START_MS, &cluster->port, error);
  if (ready[0] >= 0)
    close(ready[0]);
  if (rc == 0) {
    *out = cluster;
    return 0;
  }
  if (life[1] >= 0)
    close(life[1]);
  end_by_force(session, pid);
  free(cluster);
  return rc;
}

void rs_uv_local_cluster_stop(struct rs_uv_cluster *cluster)
{
  if (!cluster)
    return;
  if (!cluster->detached) {
    close(cluster->life_fd);
    if (!wait_child(cluster->pid, STOP_MS))
      end_by_force(cluster->session, cluster->pid);
    else
      end_by_force(cluster->session, 0);
  }
  free(cluster);
}

/* ---- asking a head ---- */

static bool read_status(struct rs_reader *r, struct rs_uv_status *status)
{
  uint32_t count = rs_get_u32(r);
  status->worker_count = rs_get_u32(r);
  if (count > rs_get_left(r))
    return false;
  status->nodes = rs_alloc_zero(count + 1, sizeof *status->nodes);
  for (uint32_t i = 0; i < count && r->error == 0; i++) {
    struct rs_uv_node *node = &status->nodes[i];
    node->raylet = rs_get_u64(r);
    node->pid = (int)rs_get_u64(r);
    node->alive = rs_get_flag(r);
    rs_get_text(r, node->host, sizeof node->host);
    node->port = rs_get_u16(r);
    if (rs_get_flag(r))
      node->info = rs_get_info(r);
    status->node_count++;
  }
  return r->error == 0;
}

int rs_uv_status_get(const char *wanted, struct rs_uv_status *status, char *error)
{
  char session[RS_UV_PATH_MAX];
  struct rs_query query = {.session = session, .type = RS_FRAME_STATUS, .answer_type = RS_FRAME_STATUS_REPLY};
  memset(status, 0, sizeof *status);
  int rc = rs_session_find(wanted, session, error);
  if (rc == 0)
    rc = rs_query(&query, error);
  if (rc != 0)
    return rc;
  struct rs_reader r = {query.answer, query.answer + query.answer_bytes, 0};
  if (!read_status(&r, status)) {
    snprintf(error, RS_UV_ERROR_MAX, "the head's answer is malformed");
    rs_uv_status_free(status);
    rc = RS_ERR_MALFORMED;
  }
  free(query.answer);
  return rc;
}

void rs_uv_status_free(struct rs_uv_status *status)
{
  for (uint32_t i = 0; i < status->node_count; i++)
    rs_node_info_unref(status->nodes[i].info);
  free(status->nodes);
  *status = (struct rs_uv_status){0};
}
