/* conn.c -- sockets: listening, connecting, the handshake, reading and writing.
 *
 * A node has one TCP listener, in its raylet's process. A connection for another process of the node is recognised by
 * the target in its HELLO and handed over with its descriptor through that process's Unix socket; the handshake goes on
 * there, with the whole proof. Before the proof a connection may send only frames of RS_UV_HANDSHAKE_FRAME_MAX bytes,
 * has RS_UV_HANDSHAKE_MS in all, and is the first to go when more than RS_UV_HALF_OPEN_MAX are in that state.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "uv/proc.h"

static void on_poll(uv_poll_t *poll, int status, int events);

uint8_t *rs_out_room(struct rs_out *out, size_t bytes)
{
  if (out->head == out->tail)
    out->head = out->tail = 0;
  if (out->cap - out->tail < bytes) {
    size_t size = out->tail - out->head;
    if (out->head > 0 && (out->cap - size >= bytes && out->head >= size)) {
      memcpy(out->data, out->data + out->head, size); /* they do not overlap: head >= size */
    } else {
      size_t cap = out->cap ? out->cap : 4096;
      while (cap - size < bytes)
        cap *= 2;
      uint8_t *data = rs_alloc(cap);
      if (size)
        memcpy(data, out->data + out->head, size);
      free(out->data);
      out->data = data;
      out->cap = cap;
    }
    out->head = 0;
    out->tail = size;
  }
  return out->data + out->tail;
}

/* ---- making and ending ---- */

static struct rs_conn *conn_new(struct rs_proc *proc, int fd, bool ours, bool tcp, enum rs_conn_state state)
{
  struct rs_conn *conn = rs_alloc_zero(1, sizeof *conn);
  conn->proc = proc;
  conn->fd = fd;
  conn->ours = ours;
  conn->tcp = tcp;
  conn->state = state;
  conn->deadline = rs_proc_now(proc) + RS_UV_HANDSHAKE_MS * RS_MS;
  if (tcp) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (uv_poll_init(&proc->loop, &conn->poll, fd) != 0) {
    close(fd);
    free(conn);
    return NULL;
  }
  conn->poll.data = conn;
  rs_list_push_back(&proc->conns, &conn->link);
  proc->half_open++;
  proc->conn_count++;
  rs_conn_update(conn);
  return conn;
}

static void on_closed(uv_handle_t *handle)
{
  struct rs_conn *conn = handle->data;
  free(conn->in);
  free(conn->out.data);
  free(conn);
}

void rs_conn_close(struct rs_conn *conn)
{
  if (conn->state == RS_CONN_CLOSED)
    return;
  if (conn->state != RS_CONN_OPEN)
    conn->proc->half_open--;
  conn->proc->conn_count--;
  conn->state = RS_CONN_CLOSED;
  rs_list_remove(&conn->link);
  uv_poll_stop(&conn->poll);
  uv_close((uv_handle_t *)&conn->poll, on_closed);
  close(conn->fd);
  conn->fd = -1;
}

void rs_conn_fail(struct rs_conn *conn, const char *why)
{
  if (conn->state == RS_CONN_CLOSED)
    return;
  struct rs_proc *proc = conn->proc;
  struct rs_peer *peer = conn->peer;
  bool open = conn->state == RS_CONN_OPEN;
  rs_conn_close(conn);
  conn->peer = NULL;
  if (peer && open) {
    rs_peer_lost(proc, peer);
  } else if (peer) {
    if (peer->conn[conn->ours ? 0 : 1] == conn)
      peer->conn[conn->ours ? 0 : 1] = NULL;
    if (conn->ours && !peer->use)
      rs_peer_unreachable(proc, peer);
  } else if (conn->ours && proc->ops->rejected) {
    proc->ops->rejected(proc, conn, why);
  }
}

void rs_conn_update(struct rs_conn *conn)
{
  if (conn->state == RS_CONN_CLOSED)
    return;
  struct rs_proc *proc = conn->proc;
  bool writing = conn->want_write || conn->state == RS_CONN_CONNECTING;
  bool behind = conn->peer && rs_out_size(&conn->peer->out) > proc->out_high;
  bool reading =
      conn->state != RS_CONN_CONNECTING && !conn->ending && (!proc->paused || behind || conn->state != RS_CONN_OPEN);
  int events = (writing ? UV_WRITABLE : 0) | (reading ? UV_READABLE : 0);
  if (events == conn->events)
    return;
  conn->events = events;
  if (events)
    uv_poll_start(&conn->poll, events, on_poll);
  else
    uv_poll_stop(&conn->poll);
}

static struct rs_conn *connect_to(struct rs_proc *proc, int family, const struct sockaddr *addr, socklen_t size,
                                  uint8_t purpose, rs_addr target)
{
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return NULL;
  int rc = connect(fd, addr, size);
  if (rc != 0 && errno != EINPROGRESS) {
    close(fd);
    return NULL;
  }
  struct rs_conn *conn = conn_new(proc, fd, true, family != AF_UNIX, RS_CONN_CONNECTING);
  if (conn) {
    conn->purpose = purpose;
    conn->target = target;
  }
  return conn;
}

struct rs_conn *rs_conn_to_unix(struct rs_proc *proc, const char *path, uint8_t purpose, rs_addr target)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof addr.sun_path)
    return NULL;
  memcpy(addr.sun_path, path, strlen(path));
  return connect_to(proc, AF_UNIX, (const struct sockaddr *)&addr, sizeof addr, purpose, target);
}

struct rs_conn *rs_conn_to_tcp(struct rs_proc *proc, const char *host, uint16_t port, uint8_t purpose, rs_addr target)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } addr;
  if (uv_ip4_addr(host, port, &addr.v4) == 0)
    return connect_to(proc, AF_INET, &addr.any, sizeof addr.v4, purpose, target);
  if (uv_ip6_addr(host, port, &addr.v6) == 0)
    return connect_to(proc, AF_INET6, &addr.any, sizeof addr.v6, purpose, target);
  return NULL;
}

/* ---- writing ---- */

static void put_frame(struct rs_out *out, uint8_t type, const void *body, size_t body_bytes)
{
  uint8_t *to = rs_out_room(out, RS_FRAME_HEADER + body_bytes);
  rs_frame_header(to, type, body_bytes);
  if (body_bytes)
    memcpy(to + RS_FRAME_HEADER, body, body_bytes);
  out->tail += RS_FRAME_HEADER + body_bytes;
}

void rs_conn_send(struct rs_conn *conn, uint8_t type, const void *body, size_t body_bytes)
{
  if (conn->state == RS_CONN_CLOSED)
    return;
  put_frame(&conn->out, type, body, body_bytes);
  rs_conn_flush(conn);
}

/* Returns false when the socket takes no more. */
static bool drain(struct rs_conn *conn, struct rs_out *out)
{
  while (rs_out_size(out) > 0) {
    ssize_t n = send(conn->fd, out->data + out->head, rs_out_size(out), MSG_NOSIGNAL);
    if (n > 0) {
      out->head += (size_t)n;
      conn->proc->bytes_out += (uint64_t)n;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return false;
    } else {
      out->head = out->tail = 0; /* broken: the reading side will see it, after what has still arrived */
      return true;
    }
  }
  if (out->cap > 1u << 20) {
    free(out->data);
    *out = (struct rs_out){0};
  }
  return true;
}

/* What is queued, then one chunk of an object; a chunk that has begun goes before all else. */
static bool drain_peer(struct rs_conn *conn, struct rs_peer *peer)
{
  struct rs_proc *proc = conn->proc;
  if (peer->sending && !rs_transfer_send(proc, peer, conn->fd))
    return false;
  if (!drain(conn, &peer->out))
    return false;
  return !rs_transfer_next(proc, peer) || rs_transfer_send(proc, peer, conn->fd);
}

void rs_conn_flush(struct rs_conn *conn)
{
  if (conn->state == RS_CONN_CLOSED || conn->state == RS_CONN_CONNECTING)
    return;
  bool all = drain(conn, &conn->out);
  if (all && conn->state == RS_CONN_OPEN && conn->peer && conn->peer->use == conn)
    all = drain_peer(conn, conn->peer);
  if (conn->want_write == all) {
    conn->want_write = !all;
    conn->proc->poll_stale = true;
    rs_proc_wake(conn->proc);
  }
}

/* ---- handshake ---- */

static void refuse(struct rs_conn *conn, const char *why)
{
  put_frame(&conn->out, RS_FRAME_REFUSED, why, strlen(why));
  drain(conn, &conn->out);
  rs_conn_fail(conn, why);
}

static void send_hello(struct rs_conn *conn)
{
  struct rs_hello hello = {RS_UV_VERSION, conn->purpose, conn->target, {0}};
  rs_auth_nonce(hello.nonce);
  rs_auth_write_hello(&hello, conn->transcript.hello);
  conn->state = RS_CONN_WAIT_CHALLENGE;
  rs_conn_send(conn, RS_FRAME_HELLO, conn->transcript.hello, RS_HELLO_BYTES);
  rs_conn_update(conn);
}

/* Hands the descriptor to the process of this node that is meant. */
static void forward(struct rs_conn *conn, const uint8_t *hello_frame, size_t size, rs_addr target)
{
  struct rs_proc *proc = conn->proc;
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  rs_socket_path(addr.sun_path, sizeof addr.sun_path, proc->session, target);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bool sent = false;
  if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0) {
    struct iovec iov = {(void *)(uintptr_t)hello_frame, size};
    union {
      char bytes[CMSG_SPACE(sizeof(int))];
      struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &conn->fd, sizeof(int));
    sent = sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)size;
  }
  if (fd >= 0)
    close(fd);
  if (sent)
    rs_conn_close(conn);
  else
    refuse(conn, "no such process on this node");
}

static bool on_hello(struct rs_conn *conn, const struct rs_frame *f, const uint8_t *raw, size_t raw_bytes)
{
  struct rs_proc *proc = conn->proc;
  struct rs_hello hello;
  if (f->type != RS_FRAME_HELLO || !rs_auth_read_hello(f->body, f->body_bytes, &hello))
    return false;
  if (hello.version != RS_UV_VERSION) {
    refuse(conn, "another version of raysim");
    return true;
  }
  if (hello.purpose == RS_PURPOSE_PEER && hello.target != proc->self) {
    if (conn->tcp && rs_addr_same_node(hello.target, proc->self) && rs_addr_ep(proc->self) == RS_EP_RAYLET &&
        rs_addr_ep(hello.target) >= RS_EP_WORKER)
      forward(conn, raw, raw_bytes, hello.target);
    else
      refuse(conn, "no such process here");
    return true;
  }
  conn->purpose = hello.purpose;
  memcpy(conn->transcript.hello, f->body, RS_HELLO_BYTES);
  rs_auth_nonce(conn->transcript.server_nonce);
  uint8_t body[RS_NONCE_BYTES + RS_PROOF_BYTES];
  memcpy(body, conn->transcript.server_nonce, RS_NONCE_BYTES);
  rs_auth_server_proof(proc->token, &conn->transcript, body + RS_NONCE_BYTES);
  conn->state = RS_CONN_WAIT_PROOF;
  rs_conn_send(conn, RS_FRAME_CHALLENGE, body, sizeof body);
  return true;
}

static bool on_challenge(struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_proc *proc = conn->proc;
  if (f->type != RS_FRAME_CHALLENGE || f->body_bytes != RS_NONCE_BYTES + RS_PROOF_BYTES)
    return false;
  memcpy(conn->transcript.server_nonce, f->body, RS_NONCE_BYTES);
  if (!rs_auth_server_verify(proc->token, &conn->transcript, f->body + RS_NONCE_BYTES))
    return false;
  uint8_t body[RS_UV_HANDSHAKE_FRAME_MAX - 1];
  struct rs_writer w = {body + RS_PROOF_BYTES, sizeof body - RS_PROOF_BYTES, 0};
  if (conn->purpose == RS_PURPOSE_PEER) {
    rs_put_u64(&w, proc->self);
    rs_put_u32(&w, conn->peer ? conn->peer->generation : 0);
  } else if (conn->query) {
    const struct rs_writer *mine = conn->query; /* what the role wants to say about itself */
    rs_put_bytes(&w, mine->out, mine->size);
  }
  RS_ASSERT(w.size <= w.cap);
  rs_auth_client_proof(proc->token, &conn->transcript, body + RS_PROOF_BYTES, w.size, body);
  conn->state = RS_CONN_WAIT_WELCOME;
  rs_conn_send(conn, RS_FRAME_PROOF, body, RS_PROOF_BYTES + w.size);
  return true;
}

static void opened(struct rs_conn *conn, struct rs_peer *peer)
{
  conn->proc->half_open--;
  conn->state = RS_CONN_OPEN;
  conn->peer = peer;
  if (peer)
    rs_peer_open(peer, conn);
}

static bool on_proof(struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_proc *proc = conn->proc;
  if (f->type != RS_FRAME_PROOF || f->body_bytes < RS_PROOF_BYTES)
    return false;
  const uint8_t *body = f->body + RS_PROOF_BYTES;
  size_t size = f->body_bytes - RS_PROOF_BYTES;
  if (!rs_auth_client_verify(proc->token, &conn->transcript, body, size, f->body))
    return false;
  struct rs_reader r = {body, body + size, 0};
  uint8_t *answer = rs_alloc(RS_UV_WELCOME_MAX);
  struct rs_writer w = {answer, RS_UV_WELCOME_MAX - 1, 0};
  bool fine = true;
  if (conn->purpose == RS_PURPOSE_PEER) {
    rs_addr from = rs_get_u64(&r);
    uint32_t generation = rs_get_u32(&r);
    if (r.error || from == RS_ADDR_NONE || from == proc->self) {
      fine = false;
    } else {
      struct rs_peer *peer = rs_peer_get(proc, from);
      if (peer->gone) {
        refuse(conn, "this process was declared dead");
      } else {
        if (peer->conn[1] || generation > peer->generation) /* the other end has given up the session that we know */
          rs_peer_lost(proc, peer);
        if (generation > peer->generation)
          peer->generation = generation;
        rs_put_u32(&w, peer->generation);
        put_frame(&conn->out, RS_FRAME_WELCOME, answer, w.size);
        opened(conn, peer);
        rs_conn_flush(conn);
      }
    }
  } else {
    rs_addr who = RS_ADDR_NONE;
    if (!proc->ops->accept || proc->ops->accept(proc, conn, &r, &w, &who) < 0) {
      if (conn->state != RS_CONN_CLOSED)
        refuse(conn, w.size > 0 && w.size < 200 ? (answer[w.size] = 0, (const char *)answer) : "refused");
    } else {
      put_frame(&conn->out, RS_FRAME_WELCOME, answer, w.size);
      opened(conn, who ? rs_peer_get(proc, who) : NULL);
      rs_conn_flush(conn);
    }
  }
  free(answer);
  return fine;
}

static bool on_welcome(struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_proc *proc = conn->proc;
  if (f->type != RS_FRAME_WELCOME)
    return false;
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  if (conn->purpose != RS_PURPOSE_PEER) {
    rs_addr who = RS_ADDR_NONE;
    proc->ops->welcome(proc, conn, &r, &who);
    if (r.error)
      return false;
    if (conn->state != RS_CONN_CLOSED)
      opened(conn, who ? rs_peer_get(proc, who) : NULL);
    return true;
  }
  uint32_t generation = rs_get_u32(&r);
  if (r.error)
    return false;
  struct rs_peer *peer = conn->peer;
  if (generation > peer->generation) {
    if (peer->use) { /* the other end has given up a session that we still thought alive */
      peer->conn[0] = NULL;
      rs_peer_lost(proc, peer);
      peer->conn[0] = conn;
    }
    peer->generation = generation;
  }
  opened(conn, peer);
  rs_conn_flush(conn);
  return true;
}

/* ---- reading ---- */

static bool on_frame(struct rs_conn *conn, const struct rs_frame *f, const uint8_t *raw, size_t raw_bytes)
{
  struct rs_proc *proc = conn->proc;
  if (f->type == RS_FRAME_REFUSED && conn->ours && conn->state != RS_CONN_OPEN) {
    char why[RS_UV_HANDSHAKE_FRAME_MAX];
    size_t size = f->body_bytes < sizeof why ? f->body_bytes : sizeof why - 1;
    memcpy(why, f->body, size);
    why[size] = 0;
    for (size_t i = 0; i < size; i++)
      if (why[i] < ' ' || why[i] > '~')
        why[i] = '?';
    rs_conn_fail(conn, why);
    return true;
  }
  switch (conn->state) {
  case RS_CONN_WAIT_HELLO: return on_hello(conn, f, raw, raw_bytes);
  case RS_CONN_WAIT_PROOF: return on_proof(conn, f);
  case RS_CONN_WAIT_CHALLENGE: return on_challenge(conn, f);
  case RS_CONN_WAIT_WELCOME: return on_welcome(conn, f);
  case RS_CONN_OPEN: {
    bool known = false;
    bool fine = rs_peer_on_frame(proc, conn, f, &known);
    if (fine && !known)
      fine = rs_transfer_on_frame(proc, conn, f, &known);
    if (fine && !known)
      fine = proc->ops->frame && proc->ops->frame(proc, conn, f);
    return fine;
  }
  default: return false;
  }
}

static size_t frame_max(const struct rs_conn *conn)
{
  switch (conn->state) {
  case RS_CONN_OPEN: return RS_UV_FRAME_MAX;
  case RS_CONN_WAIT_WELCOME: return RS_UV_WELCOME_MAX;
  default: return RS_UV_HANDSHAKE_FRAME_MAX;
  }
}

enum { DATA_HEAD = RS_FRAME_HEADER + 28 };

/* A DATA frame that is not whole: *need 0 when its head is, so that the rest can go straight to its place. */
static bool begins_data(const uint8_t *bytes, size_t size, size_t *need)
{
  if (size < RS_FRAME_HEADER || bytes[4] != RS_FRAME_DATA)
    return false;
  uint64_t frame = (uint64_t)rs_load_u32(bytes) + 4;
  if (frame <= size || frame <= DATA_HEAD || frame > DATA_HEAD + (uint64_t)RS_UV_CHUNK_BYTES)
    return false;
  *need = size < DATA_HEAD ? DATA_HEAD : 0;
  return true;
}

/* Returns how many bytes are used up: all. */
static size_t begin_direct(struct rs_conn *conn, const uint8_t *bytes, size_t size)
{
  uint64_t body = (uint64_t)rs_load_u32(bytes) - 1;
  if (!rs_transfer_begin(conn->proc, conn, bytes + RS_FRAME_HEADER, body)) {
    rs_conn_fail(conn, "the other side sent something malformed");
    return size;
  }
  size_t have = size - DATA_HEAD;
  if (have)
    memcpy(conn->direct_to, bytes + DATA_HEAD, have);
  conn->direct_to += have;
  conn->direct_left -= have;
  return size;
}

/* The body of a DATA frame, without the lock: only this thread ends what it belongs to. */
static void read_direct(struct rs_conn *conn)
{
  struct rs_proc *proc = conn->proc;
  ssize_t n = recv(conn->fd, conn->direct_to, conn->direct_left, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return;
  pthread_mutex_lock(&proc->lock);
  if (conn->state != RS_CONN_CLOSED && n <= 0) {
    rs_conn_fail(conn, "the connection was closed");
  } else if (conn->state != RS_CONN_CLOSED) {
    proc->bytes_in += (uint64_t)n;
    if (conn->peer)
      conn->peer->heard_at = rs_proc_now(proc);
    conn->direct_to += n;
    conn->direct_left -= (uint64_t)n;
    if (conn->direct_left == 0)
      rs_transfer_ended(proc, conn);
  }
  rs_proc_drain(proc);
  pthread_mutex_unlock(&proc->lock);
}

/* Handles the whole frames of `bytes`; returns how many bytes are used up. *need: of the first one that is not whole.
 */
static size_t feed(struct rs_conn *conn, const uint8_t *bytes, size_t size, size_t *need)
{
  size_t used = 0;
  while (conn->state != RS_CONN_CLOSED && !conn->ending) {
    struct rs_frame frame;
    if (conn->state == RS_CONN_OPEN && begins_data(bytes + used, size - used, need)) {
      if (*need > size - used)
        return used;
      if (*need == 0)
        return used + begin_direct(conn, bytes + used, size - used);
    }
    int64_t n = rs_frame_next(bytes + used, size - used, frame_max(conn), &frame, need);
    if (n == 0)
      return used;
    if (n < 0 || !on_frame(conn, &frame, bytes + used, (size_t)n)) {
      if (conn->state == RS_CONN_OPEN)
        fprintf(stderr, "raysim: %u.%u: closed a connection on which a malformed frame came (type %u)\n",
                rs_addr_node(conn->proc->self), rs_addr_ep(conn->proc->self), n < 0 ? 0u : frame.type);
      rs_conn_fail(conn, conn->state == RS_CONN_WAIT_CHALLENGE ? "the other side does not know the cluster's token"
                                                               : "the other side sent something malformed");
      return size;
    }
    used += (size_t)n;
    rs_proc_drain(conn->proc);
  }
  return size;
}

/* The first bytes of an accepted Unix connection may come with the descriptor of a TCP connection. */
static ssize_t read_first(struct rs_conn *conn, uint8_t *to, size_t cap, int *passed)
{
  struct iovec iov = {to, cap};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(conn->fd, &msg, MSG_CMSG_CLOEXEC);
  if (n < 0)
    return n;
  struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
  if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
    memcpy(passed, CMSG_DATA(c), sizeof(int));
  conn->maybe_fd = false;
  return n;
}

static void on_readable(struct rs_conn *conn)
{
  struct rs_proc *proc = conn->proc;
  if (conn->direct_left > 0) {
    read_direct(conn);
    return;
  }
  if (conn->in_cap == 0) {
    conn->in_cap = conn->state == RS_CONN_OPEN ? RS_UV_READ_BYTES : 4096;
    conn->in = rs_alloc(conn->in_cap);
  }
  int passed = -1;
  ssize_t n = conn->maybe_fd ? read_first(conn, conn->in, conn->in_cap, &passed)
                             : recv(conn->fd, conn->in + conn->in_used, conn->in_cap - conn->in_used, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return;
  pthread_mutex_lock(&proc->lock);
  if (conn->state == RS_CONN_CLOSED) {
    if (passed >= 0)
      close(passed);
  } else if (n <= 0) {
    rs_conn_fail(conn, "the connection was closed");
  } else if (passed >= 0) {
    fcntl(passed, F_SETFL, O_NONBLOCK);
    struct rs_conn *real = conn_new(proc, passed, false, true, RS_CONN_WAIT_HELLO);
    size_t need;
    if (real)
      feed(real, conn->in, (size_t)n, &need);
    rs_conn_close(conn);
  } else {
    proc->bytes_in += (uint64_t)n;
    if (conn->peer)
      conn->peer->heard_at = rs_proc_now(proc);
    conn->in_used += (size_t)n;
    size_t need = 0, used = feed(conn, conn->in, conn->in_used, &need);
    if (conn->state != RS_CONN_CLOSED) {
      conn->in_used -= used;
      if (used && conn->in_used)
        memmove(conn->in, conn->in + used, conn->in_used);
      if (need > conn->in_cap || (conn->in_used == conn->in_cap)) { /* grow as bytes come, not as a length promises */
        size_t cap = 2 * conn->in_cap;
        conn->in_cap = cap < need ? cap : need > RS_UV_READ_BYTES ? need : cap;
        conn->in = rs_realloc(conn->in, conn->in_cap, 1);
      } else if (conn->in_used == 0 && (conn->in_cap > RS_UV_READ_BYTES || conn->state != RS_CONN_OPEN)) {
        free(conn->in);
        conn->in = NULL;
        conn->in_cap = 0;
      } else if (conn->in_used == 0 && conn->in_cap < RS_UV_READ_BYTES && (size_t)n > conn->in_cap / 2) {
        free(conn->in);
        conn->in = NULL;
        conn->in_cap = 0;
      }
    }
  }
  rs_proc_drain(proc);
  pthread_mutex_unlock(&proc->lock);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct rs_conn *conn = poll->data;
  struct rs_proc *proc = conn->proc;
  if (conn->state == RS_CONN_CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    pthread_mutex_lock(&proc->lock);
    if (error == 0 && status == 0) {
      send_hello(conn);
      rs_conn_update(conn);
    } else {
      rs_conn_fail(conn, error ? strerror(error) : "cannot connect");
    }
    rs_proc_drain(proc);
    pthread_mutex_unlock(&proc->lock);
    return;
  }
  if (events & UV_WRITABLE) {
    pthread_mutex_lock(&proc->lock);
    rs_conn_flush(conn);
    if (conn->ending && rs_out_size(&conn->out) == 0)
      rs_conn_close(conn);
    pthread_mutex_unlock(&proc->lock);
  }
  if (conn->state != RS_CONN_CLOSED && ((events & UV_READABLE) || status != 0))
    on_readable(conn);
}

/* ---- listening ---- */

static void on_accept(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  struct rs_proc *proc = poll->data;
  bool tcp = poll == &proc->tcp_poll;
  pthread_mutex_lock(&proc->lock);
  for (int i = 0; i < 64; i++) {
    int fd = accept4(tcp ? proc->tcp_fd : proc->unix_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      break;
    if (!tcp) {
      struct ucred who;
      socklen_t size = sizeof who;
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || who.uid != geteuid()) {
        close(fd);
        continue;
      }
    }
    struct rs_conn *conn = conn_new(proc, fd, false, tcp, RS_CONN_WAIT_HELLO);
    if (!conn)
      continue;
    conn->maybe_fd = !tcp;
    if (proc->half_open > RS_UV_HALF_OPEN_MAX)
      RS_LIST_EACH(&proc->conns, at, after)
      {
        struct rs_conn *old = RS_ENTRY(at, struct rs_conn, link);
        if (old != conn && !old->ours && old->state != RS_CONN_OPEN) {
          rs_conn_fail(old, "too many half-open connections");
          break;
        }
      }
  }
  pthread_mutex_unlock(&proc->lock);
}

static int watch(struct rs_proc *proc, uv_poll_t *poll, int fd)
{
  if (uv_poll_init(&proc->loop, poll, fd) != 0)
    return -1;
  poll->data = proc;
  return uv_poll_start(poll, UV_READABLE, on_accept);
}

int rs_listen_unix(struct rs_proc *proc, const char *path, char *error)
{
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof addr.sun_path) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: too long for the path of a socket (at most %zu bytes)", path,
             sizeof addr.sun_path - 1);
    return RS_ERR_REFUSED;
  }
  memcpy(addr.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || (unlink(path), bind(fd, (struct sockaddr *)&addr, sizeof addr)) != 0 || chmod(path, 0600) != 0 ||
      listen(fd, 1024) != 0 || watch(proc, &proc->unix_poll, fd) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot listen: %s", path, strerror(errno));
    if (fd >= 0)
      close(fd);
    return RS_ERR_REFUSED;
  }
  proc->unix_fd = fd;
  snprintf(proc->unix_path, sizeof proc->unix_path, "%s", path);
  return 0;
}

int rs_bind_tcp(const char *bind_to, uint16_t *port, char *error)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } addr;
  memset(&addr, 0, sizeof addr);
  socklen_t size = sizeof addr.v4;
  if (uv_ip4_addr(bind_to, *port, &addr.v4) != 0) {
    size = sizeof addr.v6;
    if (uv_ip6_addr(bind_to, *port, &addr.v6) != 0) {
      snprintf(error, RS_UV_ERROR_MAX, "%s: not a numeric address to listen on", bind_to);
      return -1;
    }
  }
  int fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd >= 0)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, &addr.any, size) != 0 || listen(fd, 1024) != 0 || getsockname(fd, &addr.any, &size) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s port %u: cannot listen: %s", bind_to, *port, strerror(errno));
    if (fd >= 0)
      close(fd);
    return -1;
  }
  *port = ntohs(addr.any.sa_family == AF_INET ? addr.v4.sin_port : addr.v6.sin6_port);
  return fd;
}

int rs_listen_tcp(struct rs_proc *proc, int fd)
{
  if (watch(proc, &proc->tcp_poll, fd) != 0)
    return RS_ERR_REFUSED;
  proc->tcp_fd = fd;
  return 0;
}

/* ---- time limits ---- */

void rs_conn_expire(struct rs_proc *proc, uint64_t now)
{
  if (proc->half_open == 0)
    return;
  RS_LIST_EACH(&proc->conns, at, after)
  {
    struct rs_conn *conn = RS_ENTRY(at, struct rs_conn, link);
    if (conn->state != RS_CONN_OPEN && now >= conn->deadline) {
      rs_conn_fail(conn, "the handshake took too long");
      after = proc->conns.next; /* what follows from it may have ended others */
    }
  }
}

uint64_t rs_conn_next_deadline(const struct rs_proc *proc)
{
  uint64_t deadline = RS_TIME_NEVER;
  if (proc->half_open == 0)
    return deadline;
  for (const struct rs_link *at = proc->conns.next; at != &proc->conns; at = at->next) {
    const struct rs_conn *conn = RS_ENTRY(at, const struct rs_conn, link);
    if (conn->state != RS_CONN_OPEN)
      deadline = rs_time_min(deadline, conn->deadline);
  }
  return deadline;
}
