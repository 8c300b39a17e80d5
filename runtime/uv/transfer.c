/* transfer.c -- bytes of objects between nodes, in frames of RS_UV_CHUNK_BYTES, from one store's memory to the other's.
 *
 * A raylet whose core decides to COPY sends FETCH; the holder answers with DATA frames. They are not queued: when the
 * socket has taken what was queued before, the next chunk goes to it straight from the arena, and messages that come up
 * meanwhile go between two chunks. What is on the disk alone is read a chunk at a time by a thread. The receiver reads
 * the body of a DATA frame straight into the place that the object was given.
 *
 * When nothing at all has come from the holder for object_manager_pull_timeout_ms, the core hears TIMED_OUT. What may
 * still come goes to its old place, which nobody else has until the session with the holder ends or the bytes are all
 * there.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "uv/packages.h"
#include "uv/proc.h"
#include "uv/store.h"

enum { DATA_HEAD = 28 };

struct rs_fetch {
  struct rs_link link;
  uint64_t request;
  rs_addr from;
  struct rs_blob *blob;
  uint8_t *to;     /* where its bytes go */
  uint8_t *mapped; /* they go into a file: its mapping */
  uint64_t got;
  uint64_t from_ns; /* when it was asked for */
  bool told;        /* TIMED_OUT: nobody waits for it */
};

struct rs_transfer_out {
  struct rs_link link;
  rs_addr to;
  uint64_t request, offset; /* of the next chunk */
  struct rs_blob *blob;
  uint8_t head[RS_FRAME_HEADER + DATA_HEAD];
  const uint8_t *chunk;
  uint64_t chunk_bytes, sent; /* sent: of head and chunk */
  uint8_t *buffer;            /* of what comes from the disk */
  bool ready, reading, dead;  /* ready: a chunk can be sent */
};

/* ---- asking ---- */

static void finish(struct rs_proc *proc, struct rs_fetch *fetch, int status)
{
  if (!fetch->told)
    rs_proc_input(proc, proc->self,
                  &(struct rs_input){.kind = RS_IN_COPY_DONE, .object = fetch->blob->id, .status = status});
  rs_list_remove(&fetch->link);
  if (fetch->mapped)
    munmap(fetch->mapped, fetch->blob->size);
  rs_blob_unref(fetch->blob);
  free(fetch);
}

static uint64_t timeout_ns(const struct rs_proc *proc)
{
  return (uint64_t)proc->setup.config.object_manager_pull_timeout_ms * RS_MS;
}

uint64_t rs_transfer_timer(struct rs_proc *proc, uint64_t now)
{
  uint64_t deadline = RS_TIME_NEVER;
  RS_LIST_EACH(&proc->fetches, at, after)
  {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    const struct rs_peer *peer = rs_peer_get(proc, fetch->from);
    uint64_t heard = peer->heard_at > fetch->from_ns ? peer->heard_at : fetch->from_ns;
    if (fetch->told)
      continue;
    if (now < heard + timeout_ns(proc)) {
      deadline = rs_time_min(deadline, heard + timeout_ns(proc));
      continue;
    }
    fetch->told = true;
    rs_proc_input(proc, proc->self,
                  &(struct rs_input){.kind = RS_IN_COPY_DONE, .object = fetch->blob->id, .status = RS_ERR_TIMED_OUT});
  }
  return deadline;
}

void rs_transfer_copy(struct rs_proc *proc, struct rs_blob *blob, rs_addr from)
{
  struct rs_peer *peer = rs_peer_get(proc, rs_process_of(from));
  struct rs_fetch *fetch = rs_alloc_zero(1, sizeof *fetch);
  *fetch = (struct rs_fetch){.request = ++proc->fetch_next, .from = peer->addr, .blob = rs_blob_ref(blob)};
  fetch->from_ns = rs_proc_now(proc);
  proc->role_deadline = rs_time_min(proc->role_deadline, fetch->from_ns + timeout_ns(proc));
  rs_list_push_back(&proc->fetches, &fetch->link);
  if (peer->gone || from == proc->self) {
    finish(proc, fetch, RS_ERR_OBJECT_LOST);
    return;
  }
  if (blob->memory) {
    fetch->to = rs_blob_bytes(blob);
  } else if (blob->size) { /* its file has all its room: writing to the mapping cannot fail */
    void *at = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, blob->file->fd, (off_t)blob->file_at);
    if (at == MAP_FAILED) {
      finish(proc, fetch, RS_ERR_STORE_FULL);
      return;
    }
    fetch->to = fetch->mapped = at;
  }
  uint8_t body[24];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u64(&w, fetch->request);
  rs_put_id(&w, blob->id);
  rs_peer_send(proc, peer, RS_FRAME_FETCH, body, w.size, NULL, 0);
}

/* ---- giving ---- */

static void out_free(struct rs_transfer_out *out)
{
  rs_list_remove(&out->link);
  out->dead = true;
  if (out->reading)
    return; /* when that has ended */
  rs_blob_unref(out->blob);
  free(out->buffer);
  free(out);
}

void rs_transfer_lost(struct rs_proc *proc, rs_addr peer)
{
  RS_LIST_EACH(&proc->transfers, at, after)
  {
    struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    if (out->to == peer)
      out_free(out);
  }
  struct rs_peer *known = rs_peer_find(proc, peer);
  if (known)
    known->sending = NULL;
  RS_LIST_EACH(&proc->fetches, at, after)
  {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    if (fetch->from == peer)
      finish(proc, fetch, RS_ERR_PEER_LOST);
  }
}

static void on_read(struct rs_proc *proc, void *context, int status)
{
  struct rs_transfer_out *out = context;
  out->reading = false;
  if (out->dead) {
    rs_list_init(&out->link);
    out_free(out);
    return;
  }
  out->ready = true;
  if (status == RS_ERR_OK)
    return;
  struct rs_writer w = {out->head + RS_FRAME_HEADER, DATA_HEAD, 0}; /* the receiver looks elsewhere */
  rs_put_u64(&w, out->request);
  rs_put_u32(&w, (uint32_t)RS_ERR_OBJECT_LOST);
  rs_put_u64(&w, out->blob->size);
  rs_put_u64(&w, 0);
  out->chunk_bytes = 0;
  out->offset = out->blob->size;
  rs_frame_header(out->head, RS_FRAME_DATA, DATA_HEAD);
  rs_proc_wake(proc);
}

static void prepare(struct rs_proc *proc, struct rs_transfer_out *out)
{
  const struct rs_blob *blob = out->blob;
  uint64_t left = blob->size - out->offset;
  out->chunk_bytes = left < RS_UV_CHUNK_BYTES ? left : RS_UV_CHUNK_BYTES;
  out->sent = 0;
  rs_frame_header(out->head, RS_FRAME_DATA, DATA_HEAD + out->chunk_bytes);
  struct rs_writer w = {out->head + RS_FRAME_HEADER, DATA_HEAD, 0};
  rs_put_u64(&w, out->request);
  rs_put_u32(&w, RS_ERR_OK);
  rs_put_u64(&w, blob->size);
  rs_put_u64(&w, out->offset);
  uint64_t offset = out->offset;
  out->offset += out->chunk_bytes;
  if (blob->memory || out->chunk_bytes == 0) {
    out->chunk = blob->memory ? rs_blob_bytes(blob) + offset : NULL;
    out->ready = true;
    return;
  }
  if (!out->buffer)
    out->buffer = rs_alloc(RS_UV_CHUNK_BYTES);
  out->chunk = out->buffer;
  out->ready = false;
  out->reading = true;
  rs_store_io_read(proc->store_io, out->blob, offset, out->chunk_bytes, out->buffer, on_read, out);
}

static bool on_fetch(struct rs_proc *proc, struct rs_peer *peer, struct rs_reader *r)
{
  uint64_t request = rs_get_u64(r);
  struct rs_id id = rs_get_id(r);
  if (r->error)
    return false;
  struct rs_blob *blob = rs_blob_find(&proc->store, id);
  if (!blob || (!blob->memory && !blob->file)) {
    uint8_t body[DATA_HEAD];
    struct rs_writer w = {body, sizeof body, 0};
    rs_put_u64(&w, request);
    rs_put_u32(&w, (uint32_t)RS_ERR_OBJECT_LOST);
    rs_put_u64(&w, 0);
    rs_put_u64(&w, 0);
    rs_peer_send(proc, peer, RS_FRAME_DATA, body, w.size, NULL, 0);
    return true;
  }
  struct rs_transfer_out *out = rs_alloc_zero(1, sizeof *out);
  *out = (struct rs_transfer_out){.to = peer->addr, .request = request, .blob = rs_blob_ref(blob)};
  rs_list_push_back(&proc->transfers, &out->link);
  prepare(proc, out);
  return true;
}

/* The next chunk for this peer, if one is ready. */
bool rs_transfer_next(struct rs_proc *proc, struct rs_peer *peer)
{
  for (struct rs_link *at = proc->transfers.next; at != &proc->transfers && !peer->sending; at = at->next) {
    struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    if (out->to == peer->addr && out->ready)
      peer->sending = out;
  }
  return peer->sending != NULL;
}

/* Goes on with the chunk in progress; false: the socket takes no more. */
bool rs_transfer_send(struct rs_proc *proc, struct rs_peer *peer, int fd)
{
  struct rs_transfer_out *out = peer->sending;
  uint64_t all = sizeof out->head + out->chunk_bytes;
  while (out->sent < all) {
    struct iovec iov[2];
    struct msghdr msg = {.msg_iov = iov};
    uint64_t from = 0;
    if (out->sent < sizeof out->head)
      iov[msg.msg_iovlen++] = (struct iovec){out->head + out->sent, sizeof out->head - out->sent};
    else
      from = out->sent - sizeof out->head;
    if (out->chunk_bytes > from)
      iov[msg.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)(out->chunk + from), out->chunk_bytes - from};
    ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return false;
    if (n <= 0)
      return true; /* broken: the reading side will see it, and rs_transfer_lost follows */
    out->sent += (uint64_t)n;
    proc->bytes_out += (uint64_t)n;
  }
  peer->sending = NULL;
  if (out->offset == out->blob->size) {
    out_free(out);
    return true;
  }
  rs_list_remove(&out->link); /* transfers to one peer take turns */
  rs_list_push_back(&proc->transfers, &out->link);
  prepare(proc, out);
  return true;
}

void rs_transfer_pump(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->transfers, at, after)
  {
    const struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    struct rs_peer *peer = rs_peer_get(proc, out->to);
    if (!out->ready || peer->sending || !peer->use || peer->use->want_write)
      continue;
    rs_conn_flush(peer->use);
    return; /* the list may be another one now */
  }
}

bool rs_transfer_waiting(struct rs_proc *proc)
{
  for (struct rs_link *at = proc->transfers.next; at != &proc->transfers; at = at->next) {
    const struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    const struct rs_peer *peer = rs_peer_find(proc, out->to);
    if (out->ready && peer && peer->use && !peer->use->want_write)
      return true;
  }
  return false;
}

/* ---- receiving ---- */

static struct rs_fetch *fetch_of(struct rs_proc *proc, const struct rs_peer *peer, uint64_t request)
{
  for (struct rs_link *at = proc->fetches.next; at != &proc->fetches; at = at->next) {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    if (fetch->request == request && fetch->from == peer->addr)
      return fetch;
  }
  return NULL;
}

/* Where `n` bytes of a DATA frame belong; *fetch NULL: nowhere, and the frame is malformed. */
static uint8_t *place_of(struct rs_proc *proc, const struct rs_peer *peer, struct rs_reader *r, uint64_t n,
                         struct rs_fetch **fetch, int *status)
{
  uint64_t request = rs_get_u64(r);
  *status = (int)rs_get_u32(r);
  uint64_t size = rs_get_u64(r), offset = rs_get_u64(r);
  *fetch = r->error ? NULL : fetch_of(proc, peer, request);
  if (!*fetch || *status != RS_ERR_OK)
    return NULL;
  if (size != (*fetch)->blob->size || offset != (*fetch)->got || n > size - offset || (n == 0 && size > 0))
    *fetch = NULL;
  return *fetch ? (*fetch)->to + offset : NULL;
}

static void arrived(struct rs_proc *proc, struct rs_fetch *fetch, uint64_t n)
{
  fetch->got += n;
  if (fetch->got == fetch->blob->size)
    finish(proc, fetch, RS_ERR_OK);
}

static bool on_data(struct rs_proc *proc, struct rs_peer *peer, struct rs_reader *r)
{
  struct rs_fetch *fetch;
  int status;
  uint64_t n = rs_get_left(r) - (rs_get_left(r) < DATA_HEAD ? rs_get_left(r) : DATA_HEAD);
  uint8_t *to = place_of(proc, peer, r, n, &fetch, &status);
  if (!fetch)
    return false;
  if (status != RS_ERR_OK) {
    finish(proc, fetch, status);
    return true;
  }
  if (n)
    memcpy(to, rs_get_span(r, n), n);
  arrived(proc, fetch, n);
  return true;
}

bool rs_transfer_begin(struct rs_proc *proc, struct rs_conn *conn, const uint8_t *head, uint64_t body_bytes)
{
  struct rs_reader r = {head, head + DATA_HEAD, 0};
  struct rs_fetch *fetch;
  int status;
  if (!conn->peer || body_bytes < DATA_HEAD || body_bytes > DATA_HEAD + (uint64_t)RS_UV_CHUNK_BYTES)
    return false;
  conn->direct_to = place_of(proc, conn->peer, &r, body_bytes - DATA_HEAD, &fetch, &status);
  if (!fetch || status != RS_ERR_OK)
    return false;
  conn->direct_left = conn->direct_bytes = body_bytes - DATA_HEAD;
  conn->direct_request = fetch->request;
  return true;
}

void rs_transfer_ended(struct rs_proc *proc, struct rs_conn *conn)
{
  struct rs_fetch *fetch = conn->peer ? fetch_of(proc, conn->peer, conn->direct_request) : NULL;
  if (fetch)
    arrived(proc, fetch, conn->direct_bytes);
}

bool rs_transfer_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f, bool *known)
{
  struct rs_peer *peer = conn->peer;
  if (!peer)
    return true;
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  bool raylet = proc->store_io != NULL;
  *known = true;
  switch (f->type) {
  case RS_FRAME_FETCH: return raylet && on_fetch(proc, peer, &r);
  case RS_FRAME_DATA: return raylet && on_data(proc, peer, &r);
  case RS_FRAME_PACKAGE: return raylet && rs_packages_on_frame(proc, &r);
  case RS_FRAME_FIND: return raylet && rs_store_io_on_find(proc->store_io, peer, &r);
  case RS_FRAME_ARENA:
  case RS_FRAME_ROOM:
  case RS_FRAME_PLACE:
    return peer->addr == rs_addr_raylet(proc->self) && !raylet && rs_objects_on_frame(proc, f->type, &r);
  default: *known = false; return true;
  }
}

void rs_transfer_free_all(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->transfers, at, after) out_free(RS_ENTRY(at, struct rs_transfer_out, link));
  RS_LIST_EACH(&proc->fetches, at, after)
  {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    rs_list_remove(&fetch->link);
    if (fetch->mapped)
      munmap(fetch->mapped, fetch->blob->size);
    rs_blob_unref(fetch->blob);
    free(fetch);
  }
}
