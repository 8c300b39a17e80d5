/* node.c -- see node.h.
 *
 * One thread: it reads sockets, steps the raylet (and the GCS) and answers health checks, so a stopped or stuck process
 * is noticed (health.c). The head hands out node numbers when nodes join and keeps the table of where each one listens;
 * every other raylet asks it. A node whose head is gone ends. How its workers end is ends.c's.
 */
#include "uv/node.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uv/ends.h"
#include "uv/function.h"
#include "uv/health.h"
#include "uv/look.h"
#include "uv/memory.h"
#include "uv/output.h"
#include "uv/packages.h"
#include "uv/session.h"
#include "uv/store.h"
#include "uv/worker.h"

#define NUMBER_NODE (UINT64_C(1) << 63)
#define NUMBER_TYPE (UINT64_C(1) << 62) /* the index is that of a node type, else of an initial node */

/* A node, as the head knows it. */
struct member {
  rs_addr raylet;
  uint64_t pid, number, host; /* host: of the request, when it has one */
  bool alive, requested;
  struct rs_node_info *info;
  uint64_t kill_at;
};

/* A node process that the head has started and that has not yet joined. */
struct launch {
  uint64_t number, host;
  bool requested;
};

struct ask {
  rs_addr raylet, who;
};

struct rs_node {
  struct rs_proc proc;
  const struct rs_node_options *options;
  struct rs_forkserver fork;
  uv_poll_t fork_poll, life_poll;
  uv_signal_t terminate;
  bool life, joined, leaving, ready, failed, no_policy, own_session;
  uint32_t next_driver, worker_count;
  struct rs_map worker_pids; /* number -> process, while it is there */
  struct ask *asks;
  uint32_t ask_count, ask_cap;
  struct rs_ends ends;
  struct member *members; /* by node number */
  uint32_t member_count, member_cap;
  struct launch *launches;
  uint32_t launch_count, launch_cap;
  uint32_t launch_next;
  uint64_t leave_at;
  uint64_t memory_at; /* the memory is looked at; RS_TIME_NEVER: nothing runs */
  uint8_t join_body[32];
  struct rs_writer join;
};

static struct rs_node *node_of(struct rs_proc *proc)
{
  return proc->role;
}

static struct rs_peer *head_of(struct rs_proc *proc)
{
  return rs_peer_get(proc, rs_addr_make(0, 1, RS_EP_RAYLET));
}

static void input_gcs(struct rs_proc *proc, enum rs_input_kind kind, uint64_t host, rs_addr raylet)
{
  rs_proc_input(proc, rs_addr_make(0, 1, RS_EP_GCS), &(struct rs_input){.kind = kind, .peer = raylet, .host = host});
}

/* ---- starting processes ---- */

static void print_into_log(const char *session)
{
  char path[RS_UV_PATH_MAX + 8];
  snprintf(path, sizeof path, "%s/log", session);
  int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    log = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(log, 1);
  dup2(log, 2);
  close(log);
}

/* In the fork server's child. */
static int child_main(void *ctx, uint64_t number, const uint8_t *setup, size_t setup_bytes)
{
  const struct rs_node_options *options = ctx;
  if (number & NUMBER_NODE) {
    uint32_t index = (uint32_t)(number >> 32) & ((1u << 30) - 1);
    struct rs_node_options *mine = rs_memdup(options, sizeof *options);
    mine->head = false;
    mine->number = number;
    mine->ready_fd = mine->life_fd = mine->tcp_fd = -1;
    mine->info = number & NUMBER_TYPE ? options->types[index].info : options->infos[index];
    return rs_node_main(mine);
  }
  struct rs_reader r = {setup, setup + setup_bytes, 0};
  struct rs_setup *cluster = rs_alloc_zero(1, sizeof *cluster);
  char session[RS_UV_PATH_MAX];
  rs_addr raylet = rs_get_u64(&r);
  if (!rs_get_text(&r, session, sizeof session) || !rs_setup_get(&r, cluster)) {
    fprintf(stderr, "raysimd: worker: malformed setup\n");
    return 1;
  }
  if (!options->head && options->number == 0) /* its fork server is older than where its node prints now */
    print_into_log(session);
  return rs_worker_main((raylet & ~(uint64_t)RS_EP_MAX) | number, cluster, session, options->token);
}

static void launch(struct rs_node *node, uint64_t number, uint64_t host, bool requested)
{
  RS_GROW(node->launches, node->launch_count, node->launch_cap);
  node->launches[node->launch_count++] = (struct launch){number, host, requested};
  if (!rs_forkserver_spawn(&node->fork, number))
    fprintf(stderr, "raysimd: cannot start a node\n");
}

static uint64_t node_number(struct rs_node *node, bool type, uint32_t index)
{
  return NUMBER_NODE | (type ? NUMBER_TYPE : 0) | (uint64_t)index << 32 | ++node->launch_next;
}

static void host_add(struct rs_node *node, uint64_t host, uint32_t type)
{
  if (type >= node->options->type_count || node->leaving) {
    input_gcs(&node->proc, RS_IN_HOST_DOWN, host, RS_ADDR_NONE);
    return;
  }
  launch(node, node_number(node, true, type), host, true);
}

static struct member *member_of(struct rs_node *node, rs_addr raylet)
{
  uint32_t i = rs_addr_node(raylet);
  return i < node->member_count && node->members[i].raylet == raylet ? &node->members[i] : NULL;
}

static void host_remove(struct rs_node *node, rs_addr raylet)
{
  struct member *member = member_of(node, raylet);
  if (!member || !member->alive)
    return;
  struct rs_proc *proc = &node->proc;
  rs_peer_send(proc, rs_peer_get(proc, raylet), RS_FRAME_LEAVE, NULL, 0, NULL, 0);
  member->kill_at = rs_proc_now(proc) + RS_UV_LEAVE_MS * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, member->kill_at);
}

static void worker_exited(struct rs_node *node, uint64_t number, int32_t status)
{
  struct rs_proc *proc = &node->proc;
  rs_addr worker = (proc->self & ~(uint64_t)RS_EP_MAX) | number;
  node->worker_count--;
  rs_map_remove(&node->worker_pids, number, NULL);
  rs_ends_exited(&node->ends, proc, worker, status);
  rs_output_worker_gone(proc, worker);
  char path[RS_UV_PATH_MAX];
  rs_socket_path(path, sizeof path, proc->session, worker);
  unlink(path);
}

static void tell_ready(struct rs_node *node, const char *text)
{
  if (node->options->ready_fd >= 0 && !node->ready) {
    if (write(node->options->ready_fd, text, strlen(text)) < 0) { /* whoever waited is gone */
    }
    close(node->options->ready_fd);
  }
  node->ready = true;
}

static void node_exited(struct rs_node *node, uint64_t number)
{
  for (uint32_t i = 0; i < node->launch_count; i++) {
    if (node->launches[i].number != number)
      continue;
    struct launch gone = node->launches[i];
    node->launches[i] = node->launches[--node->launch_count];
    if (gone.requested)
      input_gcs(&node->proc, RS_IN_HOST_DOWN, gone.host, RS_ADDR_NONE);
    else if (!node->ready)
      tell_ready(node, "E a node process ended before it had joined\n");
    return;
  }
}

static void leave(struct rs_node *node);

/* Without its fork server a node is of no use: its workers have died with it, and there can be no others. */
static void leave_crippled(struct rs_node *node)
{
  if (!node->leaving)
    fprintf(stderr, "raysimd: the fork server has died: node %u ends\n", rs_addr_node(node->proc.self));
  node->failed = true;
  leave(node);
}

static void on_fork_event(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  struct rs_node *node = poll->data;
  struct rs_fork_event event;
  pthread_mutex_lock(&node->proc.lock);
  while (rs_forkserver_next(&node->fork, &event)) {
    bool is_node = (event.number & NUMBER_NODE) != 0;
    if (!event.started && is_node)
      node_exited(node, event.number);
    else if (!event.started)
      worker_exited(node, event.number, event.value);
    else if (!is_node)
      rs_map_put(&node->worker_pids, event.number, (uint64_t)event.value);
  }
  if (rs_forkserver_gone(&node->fork)) {
    uv_poll_stop(poll);
    leave_crippled(node);
  }
  rs_proc_drain(&node->proc);
  pthread_mutex_unlock(&node->proc.lock);
}

/* ---- leaving ---- */

static bool members_left(const struct rs_node *node)
{
  for (uint32_t i = 1; i < node->member_count; i++)
    if (node->members[i].alive)
      return true;
  return false;
}

static void leave(struct rs_node *node)
{
  struct rs_proc *proc = &node->proc;
  if (node->leaving)
    return;
  node->leaving = true;
  for (uint32_t i = 1; i < node->member_count; i++)
    if (node->members[i].alive)
      rs_peer_send(proc, rs_peer_get(proc, node->members[i].raylet), RS_FRAME_LEAVE, NULL, 0, NULL, 0);
  node->leave_at = rs_proc_now(proc) + RS_UV_LEAVE_MS * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, node->leave_at);
  if (!members_left(node))
    rs_proc_stop(proc);
}

static void on_terminate(uv_signal_t *handle, int number)
{
  (void)number;
  struct rs_node *node = handle->data;
  pthread_mutex_lock(&node->proc.lock);
  leave(node);
  pthread_mutex_unlock(&node->proc.lock);
}

static void on_life(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  struct rs_node *node = poll->data;
  pthread_mutex_lock(&node->proc.lock);
  uv_poll_stop(poll);
  leave(node);
  pthread_mutex_unlock(&node->proc.lock);
}

/* ---- beginning ---- */

/* Once the node has its number: the sockets of the node, the fork server's setup, the endpoints. */
static bool begin(struct rs_node *node)
{
  struct rs_proc *proc = &node->proc;
  const struct rs_node_options *o = node->options;
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  if (!o->session[0])
    snprintf(proc->session, sizeof proc->session, "%s", proc->setup.session);
  rs_node_path(path, sizeof path, proc->session, proc->self, "");
  if (mkdir(path, 0700) != 0) {
    fprintf(stderr, "raysimd: %s: cannot make the node's folder\n", path);
    return false;
  }
  rs_session_add_pid(proc->session, getpid(), o->head ? "head" : "node");
  rs_socket_path(path, sizeof path, proc->session, proc->self);
  if (rs_listen_unix(proc, path, error) != 0) {
    fprintf(stderr, "raysimd: %s\n", error);
    return false;
  }
  uint8_t *setup = rs_alloc(RS_FORK_SETUP_MAX);
  struct rs_writer w = {setup, RS_FORK_SETUP_MAX, 0};
  rs_put_u64(&w, proc->self);
  rs_put_text(&w, proc->session);
  rs_setup_put(&w, &proc->setup);
  bool fine = w.size <= w.cap && rs_forkserver_setup(&node->fork, setup, w.size);
  free(setup);
  rs_addr gcs = rs_addr_make(0, 1, RS_EP_GCS);
  proc->store_io = rs_store_io_new(proc, (uint64_t)o->info->total.store_bytes, error);
  if (!proc->store_io) {
    fprintf(stderr, "raysimd: %s\n", error);
    return false;
  }
  if (o->head) {
    rs_proc_add_endpoint(proc, &(struct rs_start){.roles = RS_ROLE_GCS,
                                                  .self = gcs,
                                                  .gcs = gcs,
                                                  .config = &proc->setup.config,
                                                  .node_types = o->types,
                                                  .node_type_count = o->type_count});
  } else {
    rs_route_set(proc, rs_addr_raylet(gcs), proc->setup.head_host, proc->setup.head_port);
  }
  rs_route_set(proc, proc->self, o->bind, proc->port);
  rs_proc_add_endpoint(
      proc,
      &(struct rs_start){
          .roles = RS_ROLE_RAYLET, .self = proc->self, .gcs = gcs, .config = &proc->setup.config, .info = o->info});
  return fine;
}

static void head_begin(struct rs_node *node)
{
  struct rs_proc *proc = &node->proc;
  const struct rs_node_options *o = node->options;
  proc->self = rs_addr_make(0, 1, RS_EP_RAYLET);
  proc->setup = o->setup;
  RS_GROW(node->members, node->member_count, node->member_cap);
  node->members[node->member_count++] =
      (struct member){.raylet = proc->self, .pid = (uint64_t)getpid(), .alive = true, .kill_at = RS_TIME_NEVER};
  if (!begin(node) || rs_session_write_head(proc->session, o->bind, proc->port) != 0) {
    tell_ready(node, "E the session's folder cannot be written\n");
    node->failed = true;
    rs_proc_stop(proc);
    return;
  }
  char names[RS_UV_PATH_MAX + 8];
  snprintf(names, sizeof names, "%s/names", proc->session);
  rs_function_write_names(names);
  node->joined = true;
  for (uint32_t i = 1; i < o->node_count; i++)
    launch(node, node_number(node, false, i), 0, false);
}

static void on_idle(struct rs_proc *proc)
{
  struct rs_node *node = node_of(proc);
  rs_memory_watch(proc, &node->worker_pids, &node->memory_at, 0);
  if (proc->store_io)
    rs_store_io_idle(proc->store_io);
  if (!node->ready && node->options->head && proc->registered >= node->options->node_count) {
    char text[32];
    snprintf(text, sizeof text, "R %u\n", proc->port);
    tell_ready(node, text);
  }
}

/* ---- who comes ---- */

static int accept_join(struct rs_node *node, struct rs_conn *conn, struct rs_reader *body, struct rs_writer *welcome,
                       rs_addr *who)
{
  struct rs_proc *proc = &node->proc;
  uint16_t port = rs_get_u16(body);
  uint64_t number = rs_get_u64(body);
  if (body->error || !node->options->head || node->leaving || !conn->tcp || node->member_count > RS_NODE_MAX) {
    rs_put_bytes(welcome, "nodes join at the head", 22);
    return -1;
  }
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } from;
  socklen_t size = sizeof from;
  char host[64] = "";
  if (getpeername(conn->fd, &from.any, &size) != 0)
    return -1;
  if (from.any.sa_family == AF_INET)
    inet_ntop(AF_INET, &from.v4.sin_addr, host, sizeof host);
  else
    inet_ntop(AF_INET6, &from.v6.sin6_addr, host, sizeof host);
  struct member member = {.raylet = rs_addr_make(node->member_count, 1, RS_EP_RAYLET),
                          .number = number,
                          .alive = true,
                          .kill_at = RS_TIME_NEVER};
  for (uint32_t i = 0; i < node->launch_count; i++)
    if (number && node->launches[i].number == number) {
      member.requested = node->launches[i].requested;
      member.host = node->launches[i].host;
      node->launches[i] = node->launches[--node->launch_count];
      break;
    }
  RS_GROW(node->members, node->member_count, node->member_cap);
  node->members[node->member_count++] = member;
  rs_route_set(proc, member.raylet, host, port);
  struct rs_peer *peer = rs_peer_get(proc, member.raylet);
  rs_peer_pair(peer, rs_addr_make(0, 1, RS_EP_GCS), member.raylet);
  rs_health_watch(proc, peer);
  if (member.requested)
    input_gcs(proc, RS_IN_HOST_UP, member.host, member.raylet);
  rs_put_u64(welcome, member.raylet);
  rs_put_u64(welcome, proc->self);
  rs_setup_put(welcome, &proc->setup);
  *who = member.raylet;
  return 0;
}

static int on_accept(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, struct rs_writer *welcome,
                     rs_addr *who)
{
  struct rs_node *node = node_of(proc);
  switch (conn->purpose) {
  case RS_PURPOSE_JOIN: return accept_join(node, conn, body, welcome, who);
  case RS_PURPOSE_DRIVER:
    if (conn->tcp || !node->joined || node->leaving) {
      rs_put_bytes(welcome, "a driver program runs on a node of the cluster", 46);
      return -1;
    }
    *who = (proc->self & ~(uint64_t)RS_EP_MAX) | (RS_EP_DRIVER + node->next_driver++);
    rs_put_u64(welcome, *who);
    rs_put_u64(welcome, proc->self);
    rs_setup_put(welcome, &proc->setup);
    rs_peer_pair(rs_peer_get(proc, *who), proc->self, *who); /* the raylet hears of its end in any case */
    return 0;
  case RS_PURPOSE_QUERY: return 0;
  default: return -1;
  }
}

/* A node that the head has forked has its policy from there, whatever has become of the file. */
static void open_policy(struct rs_node *node, struct rs_reader *body)
{
  struct rs_setup *setup = &node->proc.setup;
  const struct rs_node_options *o = node->options;
  char error[RS_UV_ERROR_MAX];
  if (setup->policy_library[0] && o->number) {
    setup->config.policy = o->setup.config.policy;
    return;
  }
  if (setup->policy_library[0] && o->setup.policy_library[0])
    memcpy(setup->policy_library, o->setup.policy_library, sizeof setup->policy_library);
  if (rs_setup_open_policy(setup, error) != 0) {
    fprintf(stderr, "raysimd: cannot join: %s; --policy says where it is on this host\n", error);
    node->failed = node->no_policy = true;
    rs_get_fail(body, RS_ERR_REFUSED);
  }
}

static void on_welcome(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, rs_addr *who)
{
  (void)conn;
  struct rs_node *node = node_of(proc);
  char host[64];
  snprintf(host, sizeof host, "%s", node->options->setup.head_host);
  rs_addr self = rs_get_u64(body);
  *who = rs_get_u64(body);
  if (!rs_setup_get(body, &proc->setup)) {
    rs_get_fail(body, RS_ERR_MALFORMED);
    return;
  }
  snprintf(proc->setup.head_host, sizeof proc->setup.head_host, "%s", host); /* as it is reached from here */
  proc->setup.head_port = node->options->setup.head_port;
  proc->self = self;
  open_policy(node, body);
}

/* A node that was started by hand says so on its output, and from then on prints into the session's log. */
static void say_joined(struct rs_proc *proc)
{
  char text[128];
  int n = snprintf(text, sizeof text, "node %u joined %s:%u, process %d\n", rs_addr_node(proc->self),
                   proc->setup.head_host, proc->setup.head_port, (int)getpid());
  if (write(1, text, (size_t)n) < 0) { /* nobody listens */
  }
  print_into_log(proc->session);
}

/* The node's session with the head is there: it can begin. */
static void on_open(struct rs_proc *proc, struct rs_peer *peer)
{
  struct rs_node *node = node_of(proc);
  if (proc->store_io && rs_addr_same_node(peer->addr, proc->self))
    rs_store_io_hello(proc->store_io, peer);
  rs_ends_opened(proc, peer);
  if (node->options->head || node->joined || peer->addr != rs_addr_make(0, 1, RS_EP_RAYLET))
    return;
  char error[RS_UV_ERROR_MAX];
  node->joined = true;
  if (proc->setup.load[0] && !node->options->number && rs_function_load(proc->setup.load, error) != 0)
    fprintf(stderr, "raysimd: %s\n", error);
  uint8_t body[1024];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u64(&w, (uint64_t)getpid());
  rs_put_info(&w, node->options->info);
  proc->role_deadline = 0; /* to begin the watch over the head */
  rs_peer_send(proc, peer, RS_FRAME_ABOUT, body, w.size, NULL, 0);
  if (!begin(node)) {
    node->failed = true;
    rs_proc_stop(proc);
  } else if (node->options->number == 0) {
    say_joined(proc);
  }
}

static void on_rejected(struct rs_proc *proc, struct rs_conn *conn, const char *why)
{
  (void)conn;
  struct rs_node *node = node_of(proc);
  if (!node->no_policy) /* which has been said */
    fprintf(stderr, "raysimd: cannot join %s:%u: %s\n", node->options->setup.head_host, node->options->setup.head_port,
            why);
  node->failed = true;
  rs_proc_stop(proc);
}

static void on_lost(struct rs_proc *proc, struct rs_peer *peer)
{
  struct rs_node *node = node_of(proc);
  if (rs_addr_same_node(peer->addr, proc->self)) { /* a worker or driver program: its address is not used again */
    if (!node->leaving)
      rs_ends_lost(&node->ends, proc, peer);
    peer->gone = true;
    rs_packages_worker_ended(proc);
    return;
  }
  if (!node->options->head) {
    if (peer->addr == rs_addr_make(0, 1, RS_EP_RAYLET)) {
      if (!node->leaving)
        fprintf(stderr, "raysimd: node %u: the head is gone\n", rs_addr_node(proc->self));
      rs_proc_stop(proc);
    }
    return;
  }
  struct member *member = member_of(node, peer->addr);
  if (!member || !member->alive)
    return;
  member->alive = false;
  member->kill_at = RS_TIME_NEVER;
  peer->gone = true;
  peer->watched = false;
  uint64_t old;
  if (rs_map_remove(&proc->routes, member->raylet, &old))
    free((void *)(uintptr_t)old);
  if (member->requested)
    input_gcs(proc, RS_IN_HOST_DOWN, member->host, member->raylet);
  if (node->leaving && !members_left(node))
    rs_proc_stop(proc);
}

/* ---- time ---- */

static uint64_t on_timer(struct rs_proc *proc, uint64_t now)
{
  struct rs_node *node = node_of(proc);
  uint64_t deadline = rs_time_min(rs_ends_timer(&node->ends, proc, now), rs_packages_timer(proc, now));
  for (uint32_t i = 0; i < node->member_count; i++) {
    struct member *member = &node->members[i];
    if (!member->alive)
      continue;
    if (now >= member->kill_at) {
      member->kill_at = RS_TIME_NEVER;
      if (member->number)
        rs_forkserver_kill(&node->fork, member->number);
    }
    deadline = rs_time_min(deadline, member->kill_at);
    struct rs_peer *peer = rs_peer_find(proc, member->raylet);
    if (peer && peer->watched)
      deadline = rs_time_min(deadline, rs_health_check(proc, peer, now));
  }
  if (!node->options->head && node->joined && !node->leaving) {
    bool lost;
    deadline = rs_time_min(deadline, rs_health_of_head(proc, head_of(proc), now, &lost));
    if (lost) {
      fprintf(stderr, "raysimd: node %u: nothing has come from the head for %lld s: it is given up\n",
              rs_addr_node(proc->self), (long long)proc->setup.config.gcs_rpc_server_reconnect_timeout_s);
      rs_proc_stop(proc);
    }
  }
  deadline = rs_time_min(deadline, rs_memory_watch(proc, &node->worker_pids, &node->memory_at, now));
  deadline = rs_time_min(deadline, rs_transfer_timer(proc, now));
  if (node->leaving) {
    if (now >= node->leave_at)
      rs_proc_stop(proc);
    deadline = rs_time_min(deadline, node->leave_at);
  }
  return deadline;
}

/* ---- frames and effects ---- */

static void write_status(struct rs_node *node, struct rs_conn *conn)
{
  struct rs_proc *proc = &node->proc;
  for (struct rs_writer w = {NULL, 0, 0};; w = (struct rs_writer){rs_alloc(w.size), w.size, 0}) {
    rs_put_u32(&w, node->member_count);
    rs_put_u32(&w, node->worker_count);
    for (uint32_t i = 0; i < node->member_count; i++) {
      const struct member *m = &node->members[i];
      const struct rs_route *route = rs_route_find(proc, m->raylet);
      const struct rs_node_info *info = i == 0 ? node->options->info : m->info;
      rs_put_u64(&w, m->raylet);
      rs_put_u64(&w, m->pid);
      rs_put_flag(&w, m->alive);
      rs_put_text(&w, route ? route->host : "");
      rs_put_u16(&w, route ? route->port : 0);
      rs_put_flag(&w, info != NULL);
      if (info)
        rs_put_info(&w, info);
    }
    if (w.out) {
      rs_conn_send(conn, RS_FRAME_STATUS_REPLY, w.out, w.size);
      free(w.out);
      return;
    }
  }
}

static bool on_where(struct rs_node *node, struct rs_peer *who, struct rs_reader *r)
{
  struct rs_proc *proc = &node->proc;
  rs_addr raylet = rs_get_u64(r);
  if (r->error)
    return false;
  struct rs_route *route = rs_route_find(proc, raylet);
  if (route || node->options->head) {
    rs_peer_write_route(proc, who, raylet, route);
    return true;
  }
  RS_GROW(node->asks, node->ask_count, node->ask_cap);
  node->asks[node->ask_count++] = (struct ask){raylet, who->addr};
  uint8_t body[8];
  rs_store_u64(body, raylet);
  rs_peer_send(proc, rs_peer_get(proc, rs_addr_make(0, 1, RS_EP_RAYLET)), RS_FRAME_WHERE, body, sizeof body, NULL, 0);
  return true;
}

static bool on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_node *node = node_of(proc);
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  rs_addr head = rs_addr_make(0, 1, RS_EP_RAYLET);
  switch (f->type) {
  case RS_FRAME_WHERE: return conn->peer && on_where(node, conn->peer, &r);
  case RS_FRAME_ROUTE: {
    rs_addr raylet = rs_get_u64(&r);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->ask_count; i++) {
      struct ask at = node->asks[i];
      if (at.raylet == raylet)
        rs_peer_write_route(proc, rs_peer_get(proc, at.who), raylet, rs_route_find(proc, raylet));
      else
        node->asks[kept++] = at;
    }
    node->ask_count = kept;
    return true;
  }
  case RS_FRAME_PONG:
    if (conn->peer)
      rs_health_answered(proc, conn->peer);
    return true;
  case RS_FRAME_ABOUT: {
    struct member *member = conn->peer ? member_of(node, conn->peer->addr) : NULL;
    uint64_t pid = rs_get_u64(&r);
    struct rs_node_info *info = rs_get_info(&r);
    if (r.error || !member) {
      rs_node_info_unref(info);
      return false;
    }
    rs_node_info_unref(member->info);
    member->info = info;
    member->pid = pid;
    return true;
  }
  case RS_FRAME_LEAVE:
    if (conn->peer && conn->peer->addr != head)
      return false;
    leave(node);
    return true;
  case RS_FRAME_LOOK: return !conn->peer && rs_look_on_frame(proc, conn, f);
  case RS_FRAME_STATUS:
    if (!node->options->head || conn->peer)
      return false;
    write_status(node, conn);
    return true;
  default: return false;
  }
}

static void on_effect(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  (void)ep;
  struct rs_node *node = node_of(proc);
  switch (effect->kind) {
  case RS_OUT_WORKER_START:
    node->worker_count++;
    if (!node->leaving && !rs_forkserver_spawn(&node->fork, rs_addr_ep(effect->to)))
      leave_crippled(node);
    break;
  case RS_OUT_WORKER_STOP: rs_forkserver_kill(&node->fork, rs_addr_ep(effect->to)); break;
  case RS_OUT_COPY:
  case RS_OUT_FREE:
  case RS_OUT_CREATE:
  case RS_OUT_SPILL:
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT: rs_store_io_effect(proc->store_io, effect); break;
  case RS_OUT_HOST_ADD: host_add(node, effect->size, effect->count); break;
  case RS_OUT_HOST_REMOVE: host_remove(node, effect->to); break;
  case RS_OUT_EXIT: leave(node); break;
  default: break;
  }
}

static const struct rs_role_ops ops = {.accept = on_accept,
                                       .welcome = on_welcome,
                                       .rejected = on_rejected,
                                       .open = on_open,
                                       .lost = on_lost,
                                       .frame = on_frame,
                                       .effect = on_effect,
                                       .timer = on_timer,
                                       .idle = on_idle};

/* ---- the process ---- */

static bool start_sockets(struct rs_node *node)
{
  struct rs_proc *proc = &node->proc;
  const struct rs_node_options *o = node->options;
  char error[RS_UV_ERROR_MAX];
  proc->port = o->port;
  int fd = o->head ? o->tcp_fd : rs_bind_tcp(o->bind, (proc->port = 0, &proc->port), error);
  if (fd < 0) {
    fprintf(stderr, "raysimd: %s\n", error);
    return false;
  }
  if (rs_listen_tcp(proc, fd) != 0)
    return false;
  if (o->head) {
    head_begin(node);
    return !node->failed;
  }
  node->join = (struct rs_writer){node->join_body, sizeof node->join_body, 0};
  rs_put_u16(&node->join, proc->port);
  rs_put_u64(&node->join, o->number);
  struct rs_conn *conn = rs_conn_to_tcp(proc, o->setup.head_host, o->setup.head_port, RS_PURPOSE_JOIN, RS_ADDR_NONE);
  if (!conn) {
    fprintf(stderr, "raysimd: %s:%u: cannot connect\n", o->setup.head_host, o->setup.head_port);
    return false;
  }
  conn->query = &node->join;
  return true;
}

int rs_node_main(const struct rs_node_options *given)
{
  struct rs_node *node = rs_alloc_zero(1, sizeof *node);
  struct rs_proc *proc = &node->proc;
  struct rs_node_options *options = rs_node_options_with_memory(given);
  node->options = options;
  node->memory_at = RS_TIME_NEVER;
  prctl(PR_SET_NAME, options->head ? "raysim-head" : "raysim-node");
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  if (rs_forkserver_start(&node->fork, child_main, (void *)(uintptr_t)given) != 0 ||
      rs_proc_init(proc, &ops, node) != 0) {
    fprintf(stderr, "raysimd: cannot start\n");
    return 1;
  }
  proc->setup = options->setup;
  memcpy(proc->token, options->token, sizeof proc->token);
  snprintf(proc->session, sizeof proc->session, "%s", options->session);
  uv_poll_init(&proc->loop, &node->fork_poll, node->fork.fd);
  node->fork_poll.data = node;
  uv_poll_start(&node->fork_poll, UV_READABLE, on_fork_event);
  uv_signal_init(&proc->loop, &node->terminate);
  node->terminate.data = node;
  uv_signal_start(&node->terminate, on_terminate, SIGTERM);
  if (options->head && options->life_fd >= 0) {
    node->life = true;
    uv_poll_init(&proc->loop, &node->life_poll, options->life_fd);
    node->life_poll.data = node;
    uv_poll_start(&node->life_poll, UV_READABLE | UV_DISCONNECT, on_life);
  }
  pthread_mutex_lock(&proc->lock);
  proc->loop_thread = pthread_self();
  proc->loop_thread_set = true;
  bool fine = start_sockets(node);
  pthread_mutex_unlock(&proc->lock);
  if (fine)
    rs_proc_run(proc);
  if (node->joined)
    rs_proc_flush(proc);
  uv_close((uv_handle_t *)&node->fork_poll, NULL);
  uv_close((uv_handle_t *)&node->terminate, NULL);
  if (node->life)
    uv_close((uv_handle_t *)&node->life_poll, NULL);
  rs_forkserver_stop(&node->fork);
  rs_store_io_free(proc->store_io);
  proc->store_io = NULL;
  char path[RS_UV_PATH_MAX];
  rs_node_path(path, sizeof path, proc->session, proc->self, "");
  bool had_node = node->joined;
  rs_proc_free(proc);
  if (options->head)
    rs_session_remove(options->session);
  else if (had_node)
    rs_tree_remove(path); /* with the sockets of workers that were killed */
  if (options->head)
    tell_ready(node, "E the head ended before it was ready\n");
  for (uint32_t i = 0; i < node->member_count; i++)
    rs_node_info_unref(node->members[i].info);
  free(node->members);
  free(node->launches);
  free(node->asks);
  rs_ends_free(&node->ends);
  rs_map_free(&node->worker_pids);
  int status = node->no_policy ? 2 : !fine || node->failed ? 1 : 0;
  rs_node_info_unref(options->info);
  free(options);
  free(node);
  return status;
}
