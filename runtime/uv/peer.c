/* peer.c -- another process: its session, the queue of what is to be sent to it, and how it is found.
 *
 * A session is at most two connections, one made by each side (both may have begun at once); each side sends on the
 * first that was open and stays with it, so messages of one pair keep their order. When either breaks, both go, every
 * local endpoint that has talked to the peer hears PEER_DOWN once, and the number of ended sessions goes up. A
 * connection tells this number in its handshake: whoever learns a higher one than its own gives up the session that it
 * still believed in, before the new one begins.
 *
 * A process of the own node is found by its Unix socket. Another node is found by asking: a worker or driver asks its
 * raylet, a raylet the head, which learnt every node's address when it joined. Answers are kept until a connection
 * fails.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "uv/proc.h"

struct rs_peer *rs_peer_find(const struct rs_proc *proc, rs_addr process)
{
  return rs_map_get_ptr(&proc->peers, process);
}

struct rs_peer *rs_peer_get(struct rs_proc *proc, rs_addr process)
{
  struct rs_peer *peer = rs_peer_find(proc, process);
  if (!peer) {
    peer = rs_alloc_zero(1, sizeof *peer);
    peer->addr = process;
    peer->find_deadline = RS_TIME_NEVER;
    rs_list_init(&peer->dirty);
    rs_map_put_ptr(&proc->peers, process, peer);
  }
  return peer;
}

void rs_peer_pair(struct rs_peer *peer, rs_addr local, rs_addr remote)
{
  for (uint8_t i = 0; i < peer->pair_count; i++)
    if (peer->pairs[i].local == local && peer->pairs[i].remote == remote)
      return;
  RS_ASSERT(peer->pair_count < sizeof peer->pairs / sizeof peer->pairs[0]);
  peer->pairs[peer->pair_count++] = (struct rs_pair){local, remote};
}

/* ---- sending ---- */

static void appended(struct rs_proc *proc, struct rs_peer *peer)
{
  if (rs_list_empty(&peer->dirty)) {
    if (rs_list_empty(&proc->dirty))
      proc->dirty_since = rs_proc_now(proc);
    rs_list_push_back(&proc->dirty, &peer->dirty);
  }
  size_t size = rs_out_size(&peer->out);
  if (size > proc->out_high) {
    proc->poll_stale = true;
    if (size > proc->out_cap && !peer->overflow) {
      peer->overflow = proc->overflowed = true;
      rs_proc_wake(proc);
    }
  }
  if (!peer->use && !peer->conn[0] && !peer->finding && !peer->want_connect) {
    peer->want_connect = proc->connect_pending = true;
    rs_proc_wake(proc);
  }
}

static void send_failed(struct rs_proc *proc, rs_addr from, rs_addr to)
{
  rs_proc_input(proc, from, &(struct rs_input){.kind = RS_IN_SEND_FAILED, .peer = to});
}

void rs_peer_send_msg(struct rs_proc *proc, rs_addr from, rs_addr to, const struct rs_msg *msg)
{
  struct rs_peer *peer = rs_peer_get(proc, rs_process_of(to));
  if (peer->gone || peer->overflow) {
    send_failed(proc, from, to);
    return;
  }
  enum { HEAD = RS_FRAME_HEADER + 16 };
  uint8_t *at = rs_out_room(&peer->out, HEAD + 2048);
  size_t cap = peer->out.cap - peer->out.tail - HEAD;
  size_t size = rs_msg_encode(msg, at + HEAD, cap);
  if (size > RS_UV_FRAME_MAX - 32) { /* no message of the core's limits is that large */
    send_failed(proc, from, to);
    return;
  }
  if (size > cap) {
    at = rs_out_room(&peer->out, HEAD + size);
    rs_msg_encode(msg, at + HEAD, size);
  }
  rs_frame_header(at, RS_FRAME_MSG, 16 + size);
  rs_store_u64(at + RS_FRAME_HEADER, from);
  rs_store_u64(at + RS_FRAME_HEADER + 8, to);
  peer->out.tail += HEAD + size;
  proc->messages_out++;
  rs_peer_pair(peer, from, to);
  appended(proc, peer);
}

void rs_peer_send(struct rs_proc *proc, struct rs_peer *peer, uint8_t type, const void *head, size_t head_bytes,
                  const void *body, size_t body_bytes)
{
  if (peer->gone || peer->overflow)
    return;
  uint8_t *at = rs_out_room(&peer->out, RS_FRAME_HEADER + head_bytes + body_bytes);
  rs_frame_header(at, type, head_bytes + body_bytes);
  if (head_bytes)
    memcpy(at + RS_FRAME_HEADER, head, head_bytes);
  if (body_bytes)
    memcpy(at + RS_FRAME_HEADER + head_bytes, body, body_bytes);
  peer->out.tail += RS_FRAME_HEADER + head_bytes + body_bytes;
  appended(proc, peer);
}

/* ---- sessions ---- */

void rs_peer_open(struct rs_peer *peer, struct rs_conn *conn)
{
  struct rs_proc *proc = conn->proc;
  bool first = peer->use == NULL;
  peer->conn[conn->ours ? 0 : 1] = conn;
  peer->finding = peer->want_connect = false;
  if (first) {
    peer->use = conn;
    if (rs_out_size(&peer->out) > 0 && rs_list_empty(&peer->dirty))
      rs_list_push_back(&proc->dirty, &peer->dirty);
    if (proc->ops->open)
      proc->ops->open(proc, peer);
  }
}

static void clear_queue(struct rs_peer *peer)
{
  peer->sending = NULL;
  rs_list_remove(&peer->dirty);
  free(peer->out.data);
  peer->out = (struct rs_out){0};
}

void rs_peer_lost(struct rs_proc *proc, struct rs_peer *peer)
{
  bool was = peer->use != NULL;
  for (int i = 0; i < 2; i++) {
    struct rs_conn *conn = peer->conn[i];
    peer->conn[i] = NULL;
    if (conn) {
      conn->peer = NULL;
      rs_conn_close(conn);
    }
  }
  peer->use = NULL;
  peer->overflow = false;
  clear_queue(peer);
  if (was)
    peer->generation++;
  rs_transfer_lost(proc, peer->addr);
  if (proc->ops->lost && was)
    proc->ops->lost(proc, peer);
  if (!peer->held)
    rs_peer_mourn(proc, peer);
}

void rs_peer_mourn(struct rs_proc *proc, struct rs_peer *peer)
{
  struct rs_pair pairs[4];
  peer->held = false;
  uint8_t count = peer->pair_count;
  memcpy(pairs, peer->pairs, sizeof pairs);
  peer->pair_count = 0;
  for (uint8_t i = 0; i < count; i++)
    rs_proc_input(proc, pairs[i].local, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = pairs[i].remote});
}

void rs_peer_unreachable(struct rs_proc *proc, struct rs_peer *peer)
{
  peer->finding = peer->want_connect = false;
  peer->find_deadline = RS_TIME_NEVER;
  if (!rs_addr_same_node(peer->addr, proc->self) && rs_addr_node(proc->self) != 0) {
    uint64_t old; /* it may listen elsewhere now */
    if (rs_map_remove(&proc->routes, rs_addr_raylet(peer->addr), &old))
      free((void *)(uintptr_t)old);
  }
  clear_queue(peer);
  rs_transfer_lost(proc, peer->addr);
  struct rs_pair pairs[4];
  uint8_t count = peer->pair_count;
  memcpy(pairs, peer->pairs, sizeof pairs);
  peer->pair_count = 0;
  for (uint8_t i = 0; i < count; i++)
    send_failed(proc, pairs[i].local, pairs[i].remote);
}

/* ---- finding ---- */

void rs_node_path(char *out, size_t cap, const char *session, rs_addr any, const char *name)
{
  snprintf(out, cap, "%s/n%u.%u%s%s", session, rs_addr_node(any), rs_addr_incarnation(any), *name ? "/" : "", name);
}

void rs_socket_path(char *out, size_t cap, const char *session, rs_addr process)
{
  char name[16];
  snprintf(name, sizeof name, "%u", rs_addr_ep(process));
  rs_node_path(out, cap, session, process, name);
}

struct rs_route *rs_route_find(const struct rs_proc *proc, rs_addr raylet)
{
  return rs_map_get_ptr(&proc->routes, raylet);
}

static void start_connection(struct rs_proc *proc, struct rs_peer *peer, const struct rs_route *route)
{
  peer->finding = false;
  peer->find_deadline = RS_TIME_NEVER;
  struct rs_conn *conn;
  if (route) {
    conn = rs_conn_to_tcp(proc, route->host, route->port, RS_PURPOSE_PEER, peer->addr);
  } else {
    char path[RS_UV_PATH_MAX];
    rs_socket_path(path, sizeof path, proc->session, peer->addr);
    conn = rs_conn_to_unix(proc, path, RS_PURPOSE_PEER, peer->addr);
  }
  if (conn) {
    conn->peer = peer;
    peer->conn[0] = conn;
  } else {
    rs_peer_unreachable(proc, peer);
  }
}

void rs_route_set(struct rs_proc *proc, rs_addr raylet, const char *host, uint16_t port)
{
  struct rs_route *route = rs_route_find(proc, raylet);
  if (!route) {
    route = rs_alloc_zero(1, sizeof *route);
    rs_map_put_ptr(&proc->routes, raylet, route);
  }
  route->raylet = raylet;
  route->port = port;
  snprintf(route->host, sizeof route->host, "%s", host);
  for (uint32_t i = 0; i < proc->peers.cap; i++) {
    if (!proc->peers.slots[i].key)
      continue;
    struct rs_peer *peer = (struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
    if (peer->finding && rs_addr_raylet(peer->addr) == raylet) {
      peer->finding = false;
      peer->want_connect = proc->connect_pending = true;
    }
  }
}

void rs_route_unknown(struct rs_proc *proc, rs_addr raylet)
{
  for (uint32_t i = 0; i < proc->peers.cap; i++) {
    if (!proc->peers.slots[i].key)
      continue;
    struct rs_peer *peer = (struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
    if (peer->finding && rs_addr_raylet(peer->addr) == raylet)
      rs_peer_unreachable(proc, peer);
  }
}

static void find(struct rs_proc *proc, struct rs_peer *peer, uint64_t now)
{
  peer->want_connect = false;
  if (peer->use || peer->conn[0] || peer->finding)
    return;
  rs_addr raylet = rs_addr_raylet(peer->addr);
  if (rs_addr_same_node(peer->addr, proc->self)) {
    start_connection(proc, peer, NULL);
    return;
  }
  struct rs_route *route = rs_route_find(proc, raylet);
  if (route) {
    start_connection(proc, peer, route);
    return;
  }
  bool is_raylet = rs_addr_ep(proc->self) == RS_EP_RAYLET;
  rs_addr ask = is_raylet ? rs_addr_make(0, 1, RS_EP_RAYLET) : rs_addr_raylet(proc->self);
  if (ask == proc->self || ask == raylet) { /* the head knows every node there is */
    rs_peer_unreachable(proc, peer);
    return;
  }
  peer->finding = true;
  peer->find_deadline = now + RS_UV_CONNECT_MS * RS_MS;
  uint8_t body[8];
  rs_store_u64(body, raylet);
  rs_peer_send(proc, rs_peer_get(proc, ask), RS_FRAME_WHERE, body, sizeof body, NULL, 0);
}

void rs_peer_connect_pending(struct rs_proc *proc, uint64_t now)
{
  while (proc->connect_pending) {
    proc->connect_pending = false;
    for (uint32_t i = 0; i < proc->peers.cap; i++) {
      if (!proc->peers.slots[i].key)
        continue;
      struct rs_peer *peer = (struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
      if (peer->want_connect) {
        find(proc, peer, now);
        proc->connect_pending = true; /* the map may have changed: begin again */
        break;
      }
    }
  }
  for (uint32_t i = 0; i < proc->peers.cap; i++) {
    if (!proc->peers.slots[i].key)
      continue;
    struct rs_peer *peer = (struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
    if (peer->finding && now >= peer->find_deadline)
      rs_peer_unreachable(proc, peer);
    if (peer->overflow) {
      fprintf(stderr, "raysim: %u.%u: gave up %u.%u, which takes nothing: %zu bytes waited for it\n",
              rs_addr_node(proc->self), rs_addr_ep(proc->self), rs_addr_node(peer->addr), rs_addr_ep(peer->addr),
              rs_out_size(&peer->out));
      rs_peer_lost(proc, peer);
    }
  }
}

uint64_t rs_peer_next_deadline(const struct rs_proc *proc)
{
  uint64_t deadline = RS_TIME_NEVER;
  for (uint32_t i = 0; i < proc->peers.cap; i++)
    if (proc->peers.slots[i].key) {
      const struct rs_peer *peer = (const struct rs_peer *)(uintptr_t)proc->peers.slots[i].value;
      if (peer->finding)
        deadline = rs_time_min(deadline, peer->find_deadline);
    }
  return deadline;
}

/* ---- frames that every process understands ---- */

void rs_peer_write_route(struct rs_proc *proc, struct rs_peer *to, rs_addr raylet, const struct rs_route *route)
{
  uint8_t body[128];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u64(&w, raylet);
  rs_put_u8(&w, route != NULL);
  rs_put_u16(&w, route ? route->port : 0);
  rs_put_text(&w, route ? route->host : "");
  rs_peer_send(proc, to, RS_FRAME_ROUTE, body, w.size, NULL, 0);
}

static bool on_msg(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  if (f->body_bytes < 16)
    return false;
  rs_addr from = rs_load_u64(f->body), to = rs_load_u64(f->body + 8);
  if (rs_process_of(from) != conn->peer->addr)
    return false;
  struct rs_msg *msg;
  if (rs_msg_decode(f->body + 16, f->body_bytes - 16, &msg) != RS_ERR_OK)
    return false;
  proc->messages_in++;
  if (!rs_proc_ep(proc, to)) {
    rs_msg_unref(msg);
    return rs_process_of(to) == proc->self; /* an endpoint that has left; others never were here */
  }
  rs_peer_pair(conn->peer, to, from);
  rs_proc_input(proc, to, &(struct rs_input){.kind = RS_IN_MESSAGE, .peer = from, .msg = msg});
  return true;
}

bool rs_peer_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f, bool *known)
{
  struct rs_peer *peer = conn->peer;
  if (!peer)
    return true;
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  *known = true;
  switch (f->type) {
  case RS_FRAME_MSG: return on_msg(proc, conn, f);
  case RS_FRAME_PING:
    if (f->body_bytes != 8)
      return false;
    rs_peer_send(proc, peer, RS_FRAME_PONG, f->body, f->body_bytes, NULL, 0);
    return true;
  case RS_FRAME_ROUTE: {
    char host[64];
    rs_addr raylet = rs_get_u64(&r);
    bool found = rs_get_u8(&r) != 0;
    uint16_t port = rs_get_u16(&r);
    rs_get_text(&r, host, sizeof host);
    if (r.error)
      return false;
    if (found)
      rs_route_set(proc, raylet, host, port);
    else
      rs_route_unknown(proc, raylet);
    *known = rs_addr_ep(proc->self) != RS_EP_RAYLET; /* which passes it on to those who asked */
    return true;
  }
  default: *known = false; return true;
  }
}
