/* proc.h -- inside the libuv driver: one process, its endpoints, its connections, and the processes that it talks to.
 *
 * Everything of a process is under one lock. One thread runs the loop: it reads sockets, accepts, connects, and keeps
 * the alarm. Any thread may hold the lock and step an endpoint. What is sent goes into the queue of the peer and leaves
 * through rs_proc_flush alone, by a non-blocking send under the lock: at the end of each turn of the loop, or by the
 * thread that stepped. What a socket does not take at once is sent when the loop sees that it is writable, through the
 * same function.
 *
 *   conn.c   a socket and its handshake           peer.c  another process: session, queue, how it is found
 *   proc.c   steps, effects, the turn of the loop  transfer.c  bytes of objects
 */
#ifndef RS_UV_PROC_H
#define RS_UV_PROC_H

#include <pthread.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "core/codec.h"
#include "core/io.h"
#include "uv/auth.h"
#include "uv/blobs.h"
#include "uv/frame.h"
#include "uv/limits.h"
#include "uv/setup.h"
#include "uv/uv.h"

struct rs_proc;
struct rs_peer;
struct rs_recorder;
struct rs_store_io;
struct rs_transfer_out;

/* A queue of bytes: [head, tail) wait. */
struct rs_out {
  uint8_t *data;
  size_t head, tail, cap;
};
static inline size_t rs_out_size(const struct rs_out *out)
{
  return out->tail - out->head;
}
uint8_t *rs_out_room(struct rs_out *out, size_t bytes); /* at least that many after tail */

enum rs_conn_state {
  RS_CONN_CONNECTING,
  RS_CONN_WAIT_CHALLENGE,
  RS_CONN_WAIT_WELCOME,
  RS_CONN_WAIT_HELLO,
  RS_CONN_WAIT_PROOF,
  RS_CONN_OPEN,
  RS_CONN_CLOSED
};

struct rs_conn {
  struct rs_link link; /* in proc->conns */
  struct rs_proc *proc;
  uv_poll_t poll;
  int fd, events;
  enum rs_conn_state state;
  bool ours, tcp, maybe_fd; /* maybe_fd: an accepted Unix connection whose first byte may bring a descriptor */
  bool want_write, ending;  /* ending: close it once `out` is sent */
  uint8_t purpose;
  rs_addr target;
  uint64_t deadline; /* of the handshake */
  struct rs_transcript transcript;
  struct rs_out out; /* handshake, and answers to queries */
  uint8_t *in;
  size_t in_used, in_cap;
  struct rs_peer *peer;
  void *query; /* a client's own */
  /* the body of a DATA frame that is read straight to its place */
  uint8_t *direct_to;
  uint64_t direct_left, direct_bytes, direct_request;
};

/* Another process, by the address of its first endpoint. It stays known after it is gone. */
struct rs_peer {
  struct rs_link dirty; /* in proc->dirty while bytes wait */
  rs_addr addr;
  uint32_t generation;     /* sessions with it that have ended */
  struct rs_conn *conn[2]; /* made by us, made by it */
  struct rs_conn *use;     /* the one that we send on; it stays the same for a session */
  struct rs_out out;
  struct rs_transfer_out *sending;            /* its chunk is partly sent: nothing else may be before it is whole */
  bool want_connect, finding, overflow, gone; /* gone: it will never be back */
  bool held;                                  /* the session has ended, but nobody has heard of it yet: rs_peer_mourn */
  uint64_t find_deadline;
  uint32_t pid; /* of a worker of this node; 0: not known */
  uint8_t pair_count;
  struct rs_pair {
    rs_addr local, remote;
  } pairs[4]; /* who has talked to whom in this session */
  /* the health check (health.c) */
  bool watched, ping_out;
  uint32_t misses;
  uint64_t ping_at, check_at, heard_at; /* heard_at: of the last bytes that came */
};

/* Where an object of the node lies, as its raylet tells it. */
struct rs_placed {
  struct rs_id id;
  uint8_t kind; /* RS_PLACE_... */
  uint64_t size_bytes, at;
  uint32_t fd; /* of the raylet's process */
};

struct rs_ep {
  struct rs_endpoint *core;
  rs_addr addr;
  uint64_t deadline;
  struct rs_recorder *recorder;
};

struct rs_pending {
  uint32_t ep;
  struct rs_input in; /* holds one reference to what it names */
};

/* Where a node's process listens. */
struct rs_route {
  rs_addr raylet;
  uint16_t port;
  char host[64];
};

struct rs_role_ops {
  /* An authenticated JOIN, DRIVER or QUERY. Writes the body of WELCOME; *peer: the address that the other side has from
   * now on, or 0. A negative number refuses. */
  int (*accept)(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, struct rs_writer *welcome,
                rs_addr *peer);
  /* The answer to our own JOIN, DRIVER or QUERY; *peer: the address of who answered, or 0. */
  void (*welcome)(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, rs_addr *peer);
  /* The first connection could not be made or was refused (JOIN, DRIVER, QUERY). */
  void (*rejected)(struct rs_proc *proc, struct rs_conn *conn, const char *why);
  void (*open)(struct rs_proc *proc, struct rs_peer *peer); /* a session with a process begins */
  void (*lost)(struct rs_proc *proc, struct rs_peer *peer); /* ... has ended; PEER_DOWN follows, unless it sets held */
  bool (*frame)(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *frame); /* false: it was malformed */
  void (*effect)(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect);
  uint64_t (*timer)(struct rs_proc *proc, uint64_t now); /* does what is due; the next deadline */
  void (*idle)(struct rs_proc *proc);                    /* at the end of each turn of the loop */
};

struct rs_proc {
  uv_loop_t loop;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* monotonic clock; for whoever waits for something that a step brings */
  pthread_t loop_thread;
  bool loop_thread_set;
  uv_prepare_t prepare;
  uv_async_t async;
  uv_timer_t timer;
  uint64_t timer_at;
  uv_poll_t unix_poll, tcp_poll;
  int unix_fd, tcp_fd;
  char unix_path[RS_UV_PATH_MAX];
  uint16_t port;
  uint8_t token[RS_TOKEN_BYTES];
  char session[RS_UV_PATH_MAX];
  struct rs_setup setup; /* settings of the cluster */
  rs_addr self;          /* of this process: of its first endpoint; 0 before it is known */
  struct rs_ep eps[2];
  uint32_t ep_count;
  struct rs_effects effects;
  struct rs_pending *queue; /* a ring */
  uint32_t queue_head, queue_count, queue_cap;
  bool draining;
  struct rs_link conns;
  uint32_t half_open, conn_count;
  struct rs_map peers; /* addr -> peer */
  struct rs_link dirty;
  uint64_t dirty_since;
  bool connect_pending, poll_stale, paused, overflowed;
  uint64_t pause_until, pause_again;
  size_t out_high, out_cap;     /* RS_UV_OUT_HIGH, RS_UV_OUT_CAP; a test sets smaller ones before the loop runs */
  uint64_t pause_ns;            /* RS_UV_PAUSE_MS; the same */
  struct rs_map routes;         /* raylet -> route */
  struct rs_blobs store;        /* of a raylet's process */
  struct rs_store_io *store_io; /* likewise; NULL in others */
  struct rs_arena_map arena;    /* of the others: the node's */
  struct rs_map objects;        /* of objects.c */
  struct rs_placed offers[RS_UV_OFFERS]; /* a ring: the last ones that nobody asked for */
  uint32_t offer_count;
  struct rs_link transfers, fetches;
  struct rs_link packages; /* of packages.c, in a node */
  uint64_t packages_due;   /* when they are looked at */
  uint64_t fetch_next;
  const struct rs_role_ops *ops;
  void *role; /* what ops work on */
  uint64_t role_deadline;
  /* the application, in a driver program */
  struct rs_app *app;
  struct rs_calls calls;
  uint32_t calls_next;
  void (*trace)(void *ctx, uint64_t now, rs_addr self, const struct rs_effect *effect);
  void *trace_ctx;
  bool stopping;                 /* the loop is to end */
  bool hold;                     /* what waits may wait until dirty_since + RS_UV_FLUSH_US for company */
  uint32_t registered;           /* nodes that the GCS has accepted */
  struct rs_link asks;           /* questions to the head that somebody waits for, see ask.h */
  uint64_t last_ask, job_number; /* job_number: of a driver program, once the head has told it */
  uint64_t inputs, messages_in, messages_out, bytes_in, bytes_out;
  uint64_t last_now;
};

/* ---- proc.c ---- */

int rs_proc_init(struct rs_proc *proc, const struct rs_role_ops *ops, void *role);
void rs_proc_free(struct rs_proc *proc); /* closes everything; the loop has ended */
void rs_proc_run(struct rs_proc *proc);  /* until `stopping` */
void rs_proc_stop(struct rs_proc *proc); /* from any thread, with the lock */
void rs_proc_wake(struct rs_proc *proc); /* makes the loop take another turn */

/* Everything below is called with the lock. */
uint64_t rs_proc_now(struct rs_proc *proc);
struct rs_ep *rs_proc_add_endpoint(struct rs_proc *proc, const struct rs_start *start); /* and queues its START */
void rs_proc_input(struct rs_proc *proc, rs_addr to, const struct rs_input *in); /* takes over the reference inside */
void rs_proc_drain(struct rs_proc *proc);                                        /* steps until nothing waits */
void rs_proc_flush(struct rs_proc *proc);
struct rs_ep *rs_proc_ep(struct rs_proc *proc, rs_addr addr);
void rs_proc_step_call(struct rs_proc *proc, const struct rs_call *call); /* on the first endpoint, at once */

/* ---- conn.c ---- */

int rs_listen_unix(struct rs_proc *proc, const char *path, char *error);
int rs_listen_tcp(struct rs_proc *proc, int fd);                   /* a bound and listening socket */
int rs_bind_tcp(const char *bind_to, uint16_t *port, char *error); /* makes one */
struct rs_conn *rs_conn_to_unix(struct rs_proc *proc, const char *path, uint8_t purpose, rs_addr target);
struct rs_conn *rs_conn_to_tcp(struct rs_proc *proc, const char *host, uint16_t port, uint8_t purpose, rs_addr target);
void rs_conn_close(struct rs_conn *conn);                 /* only the socket; see rs_conn_fail */
void rs_conn_fail(struct rs_conn *conn, const char *why); /* and what follows from it */
void rs_conn_send(struct rs_conn *conn, uint8_t type, const void *body, size_t body_bytes); /* not through a peer */
void rs_conn_flush(struct rs_conn *conn);
void rs_conn_update(struct rs_conn *conn); /* what the loop watches it for; loop thread */
void rs_conn_expire(struct rs_proc *proc, uint64_t now);
uint64_t rs_conn_next_deadline(const struct rs_proc *proc);

/* ---- peer.c ---- */

static inline rs_addr rs_process_of(rs_addr a)
{
  return rs_addr_ep(a) == RS_EP_GCS ? rs_addr_raylet(a) : a;
}
struct rs_peer *rs_peer_get(struct rs_proc *proc, rs_addr process); /* makes it where it is not known */
struct rs_peer *rs_peer_find(const struct rs_proc *proc, rs_addr process);
void rs_peer_send_msg(struct rs_proc *proc, rs_addr from, rs_addr to, const struct rs_msg *msg);
/* A frame in two parts; the second may be NULL. */
void rs_peer_send(struct rs_proc *proc, struct rs_peer *peer, uint8_t type, const void *head, size_t head_bytes,
                  const void *body, size_t body_bytes);
void rs_peer_pair(struct rs_peer *peer, rs_addr local, rs_addr remote); /* they hear of each other's end */
void rs_peer_open(struct rs_peer *peer, struct rs_conn *conn);          /* a handshake has ended well */
void rs_peer_lost(struct rs_proc *proc, struct rs_peer *peer);          /* the session has ended */
void rs_peer_mourn(struct rs_proc *proc, struct rs_peer *peer);         /* PEER_DOWN to all who have talked to it */
void rs_peer_unreachable(struct rs_proc *proc, struct rs_peer *peer);
void rs_peer_connect_pending(struct rs_proc *proc, uint64_t now);
uint64_t rs_peer_next_deadline(const struct rs_proc *proc);
void rs_route_set(struct rs_proc *proc, rs_addr raylet, const char *host, uint16_t port);
struct rs_route *rs_route_find(const struct rs_proc *proc, rs_addr raylet);
void rs_route_unknown(struct rs_proc *proc, rs_addr raylet);
void rs_node_path(char *out, size_t cap, const char *session, rs_addr any, const char *name);
void rs_socket_path(char *out, size_t cap, const char *session, rs_addr process);
void rs_peer_write_route(struct rs_proc *proc, struct rs_peer *to, rs_addr raylet, const struct rs_route *route);
bool rs_peer_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *frame, bool *known);

/* ---- transfer.c ---- */

/* Fetches into the entry's place; COPY_DONE follows. */
void rs_transfer_copy(struct rs_proc *proc, struct rs_blob *blob, rs_addr from);
bool rs_transfer_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *frame, bool *known);
void rs_transfer_pump(struct rs_proc *proc);
bool rs_transfer_waiting(struct rs_proc *proc); /* bytes could be queued now */
void rs_transfer_lost(struct rs_proc *proc, rs_addr peer);
void rs_transfer_free_all(struct rs_proc *proc);
/* For conn.c: the next chunk that is ready for the peer, and sending it (false: the socket takes no more). */
bool rs_transfer_next(struct rs_proc *proc, struct rs_peer *peer);
bool rs_transfer_send(struct rs_proc *proc, struct rs_peer *peer, int fd);
/* A DATA frame begins whose body has not come yet: sets conn->direct_*. False: it is malformed. ended: it is there. */
bool rs_transfer_begin(struct rs_proc *proc, struct rs_conn *conn, const uint8_t *head, uint64_t body_bytes);
/* Tells the core of copies of which nothing comes; when to look again. */
uint64_t rs_transfer_timer(struct rs_proc *proc, uint64_t now);
void rs_transfer_ended(struct rs_proc *proc, struct rs_conn *conn);

/* objects.c: ARENA, ROOM and PLACE */
bool rs_objects_on_frame(struct rs_proc *proc, uint8_t type, struct rs_reader *r);
bool rs_objects_on_reply(struct rs_proc *proc, const struct rs_reply *reply);

#endif
