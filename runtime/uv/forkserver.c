/* forkserver.c -- see forkserver.h. */
#include "uv/forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

enum { OP_SETUP = 1, OP_SPAWN, OP_KILL };

struct request {
  uint8_t op;
  uint64_t number;
  uint8_t setup[RS_FORK_SETUP_MAX];
};
enum { REQUEST_HEAD = offsetof(struct request, setup) };

struct child {
  uint64_t number;
  pid_t pid;
};

struct server {
  int fd, signal_fd;
  struct child *children;
  uint32_t count, cap;
  rs_fork_main main;
  void *ctx;
  struct request request;
  uint8_t setup[RS_FORK_SETUP_MAX];
  size_t setup_bytes;
};

static void report(struct server *s, bool started, uint64_t number, int32_t value)
{
  struct rs_fork_event event;
  memset(&event, 0, sizeof event);
  event.started = started;
  event.number = number;
  event.value = value;
  while (send(s->fd, &event, sizeof event, MSG_NOSIGNAL) < 0 && errno == EINTR)
    ;
}

static void spawn(struct server *s, uint64_t number)
{
  pid_t self = getpid(), pid = fork();
  if (pid < 0) {
    report(s, false, number, -1);
    return;
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self)
      _exit(1);
    close(s->fd);
    close(s->signal_fd);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    _exit(s->main(s->ctx, number, s->setup, s->setup_bytes));
  }
  RS_GROW(s->children, s->count, s->cap);
  s->children[s->count++] = (struct child){number, pid};
  report(s, true, number, pid);
}

static bool is_child(const struct server *s, pid_t pid)
{
  for (uint32_t i = 0; i < s->count; i++)
    if (s->children[i].pid == pid)
      return true;
  return false;
}

/* What functions have forked comes to us when its own parent is gone, and goes with it. */
static void kill_strangers(const struct server *s)
{
  char path[64];
  long pid;
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE *list = fopen(path, "re");
  while (list && fscanf(list, "%ld", &pid) == 1)
    if (!is_child(s, (pid_t)pid))
      kill((pid_t)pid, SIGKILL);
  if (list)
    fclose(list);
}

static void reap(struct server *s)
{
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    for (uint32_t i = 0; i < s->count; i++)
      if (s->children[i].pid == pid) {
        uint64_t number = s->children[i].number;
        s->children[i] = s->children[--s->count];
        report(s, false, number, status);
        break;
      }
  kill_strangers(s);
}

static _Noreturn void end(struct server *s)
{
  for (uint32_t i = 0; i < s->count; i++)
    kill(s->children[i].pid, SIGKILL);
  s->count = 0;
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
    kill_strangers(s); /* grandchildren too: they come to us */
  _exit(0);
}

static _Noreturn void serve(struct server *s)
{
  for (;;) {
    struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->signal_fd, .events = POLLIN}};
    if (poll(fds, 2, -1) < 0)
      continue;
    if (fds[1].revents) {
      struct signalfd_siginfo info;
      if (read(s->signal_fd, &info, sizeof info) > 0)
        reap(s);
    }
    if (!fds[0].revents)
      continue;
    ssize_t n = recv(s->fd, &s->request, sizeof s->request, 0);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
      end(s);
    if (n < (ssize_t)REQUEST_HEAD)
      continue;
    switch (s->request.op) {
    case OP_SETUP:
      s->setup_bytes = (size_t)n - REQUEST_HEAD;
      memcpy(s->setup, s->request.setup, s->setup_bytes);
      break;
    case OP_SPAWN: spawn(s, s->request.number); break;
    case OP_KILL:
      for (uint32_t i = 0; i < s->count; i++)
        if (s->children[i].number == s->request.number)
          kill(s->children[i].pid, SIGKILL);
      break;
    default: break;
    }
  }
}

int rs_forkserver_start(struct rs_forkserver *server, rs_fork_main child, void *ctx)
{
  int pair[2], size = 1 << 20;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return -1;
  for (int i = 0; i < 2; i++)
    setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  pid_t self = getpid(), pid = fork();
  if (pid < 0) {
    close(pair[0]);
    close(pair[1]);
    return -1;
  }
  if (pid == 0) {
    if (getppid() != self) /* later its end shows at the socket: there is something to do then */
      _exit(1);
    prctl(PR_SET_NAME, "raysim-fork");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (dup2(pair[1], 3) < 0)
      _exit(1);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    close_range(4, ~0u, 0); /* listeners and pipes of the parent must not stay open here */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    struct server *s = rs_alloc_zero(1, sizeof *s);
    s->fd = 3;
    s->signal_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    s->main = child;
    s->ctx = ctx;
    serve(s);
  }
  close(pair[1]);
  fcntl(pair[0], F_SETFL, O_NONBLOCK);
  *server = (struct rs_forkserver){pair[0], pid};
  return 0;
}

static bool ask(const struct rs_forkserver *server, uint8_t op, uint64_t number, const uint8_t *setup, size_t bytes)
{
  if (bytes > RS_FORK_SETUP_MAX)
    return false;
  struct request *request = rs_alloc_zero(1, REQUEST_HEAD + bytes);
  request->op = op;
  request->number = number;
  if (bytes)
    memcpy(request->setup, setup, bytes);
  ssize_t n;
  while ((n = send(server->fd, request, REQUEST_HEAD + bytes, MSG_NOSIGNAL)) < 0 &&
         (errno == EINTR || errno == EAGAIN)) {
    struct pollfd fd = {.fd = server->fd, .events = POLLOUT};
    poll(&fd, 1, 100); /* it only forks: there is room in a moment */
  }
  free(request);
  return n > 0;
}

bool rs_forkserver_setup(const struct rs_forkserver *server, const uint8_t *setup, size_t bytes)
{
  return ask(server, OP_SETUP, 0, setup, bytes);
}

bool rs_forkserver_spawn(const struct rs_forkserver *server, uint64_t number)
{
  return ask(server, OP_SPAWN, number, NULL, 0);
}

bool rs_forkserver_kill(const struct rs_forkserver *server, uint64_t number)
{
  return ask(server, OP_KILL, number, NULL, 0);
}

bool rs_forkserver_next(const struct rs_forkserver *server, struct rs_fork_event *event)
{
  return recv(server->fd, event, sizeof *event, MSG_DONTWAIT) == (ssize_t)sizeof *event;
}

bool rs_forkserver_gone(const struct rs_forkserver *server)
{
  char byte;
  ssize_t n = recv(server->fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void rs_forkserver_stop(struct rs_forkserver *server)
{
  if (server->pid <= 0)
    return;
  close(server->fd);
  while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
    ;
  server->pid = 0;
}
