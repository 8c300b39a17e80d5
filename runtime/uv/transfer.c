/* transfer.c -- bytes of objects between processes, in frames of RS_UV_CHUNK_BYTES.
 *
 * Whoever wants an object sends FETCH; the holder answers with DATA frames and queues the next one only when the last
 * ones have left, so that messages are never far behind bytes. A raylet fetches for its store (COPY), a worker or
 * driver reads from its node's store the same way.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "uv/proc.h"

static struct rs_fetch *fetch_new(struct rs_proc *proc, struct rs_id id, rs_addr from, bool into_store)
{
  struct rs_fetch *fetch = rs_alloc_zero(1, sizeof *fetch);
  fetch->request = ++proc->fetch_next;
  fetch->id = id;
  fetch->from = from;
  fetch->into_store = into_store;
  rs_list_push_back(&proc->fetches, &fetch->link);
  uint8_t body[24];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u64(&w, fetch->request);
  rs_put_id(&w, id);
  rs_peer_send(proc, rs_peer_get(proc, from), RS_FRAME_FETCH, body, w.size, NULL, 0);
  return fetch;
}

static void finish(struct rs_proc *proc, struct rs_fetch *fetch, int status)
{
  fetch->done = true;
  fetch->status = status;
  rs_list_remove(&fetch->link);
  rs_list_init(&fetch->link);
  pthread_cond_broadcast(&proc->changed);
  if (!fetch->into_store)
    return;
  rs_proc_input(proc, proc->self, &(struct rs_input){.kind = RS_IN_COPY_DONE, .object = fetch->id, .status = status});
  free(fetch);
}

void rs_transfer_copy(struct rs_proc *proc, struct rs_id id, uint64_t size, rs_addr from)
{
  (void)size;
  struct rs_peer *peer = rs_peer_get(proc, rs_process_of(from));
  if (peer->gone || from == proc->self) {
    rs_proc_input(proc, proc->self,
                  &(struct rs_input){.kind = RS_IN_COPY_DONE, .object = id, .status = RS_ERR_OBJECT_LOST});
    return;
  }
  fetch_new(proc, id, peer->addr, true);
}

struct rs_fetch *rs_transfer_fetch(struct rs_proc *proc, struct rs_id id, rs_addr from)
{
  return fetch_new(proc, id, from, false);
}

void rs_transfer_forget(struct rs_fetch *fetch)
{
  rs_list_remove(&fetch->link);
  free(fetch->data);
  free(fetch);
}

void rs_transfer_lost(struct rs_proc *proc, rs_addr peer)
{
  RS_LIST_EACH(&proc->transfers, at, after)
  {
    struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    if (out->to == peer) {
      rs_list_remove(&out->link);
      rs_blob_unref(out->bytes);
      free(out);
    }
  }
  RS_LIST_EACH(&proc->fetches, at, after)
  {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    if (fetch->from == peer)
      finish(proc, fetch, RS_ERR_PEER_LOST);
  }
}

static bool on_fetch(struct rs_proc *proc, struct rs_peer *peer, struct rs_reader *r)
{
  uint64_t request = rs_get_u64(r);
  struct rs_id id = rs_get_id(r);
  if (r->error)
    return false;
  struct rs_blob *bytes = rs_blob_find(&proc->store, id);
  if (!bytes) {
    uint8_t body[28];
    struct rs_writer w = {body, sizeof body, 0};
    rs_put_u64(&w, request);
    rs_put_u32(&w, (uint32_t)RS_ERR_OBJECT_LOST);
    rs_put_u64(&w, 0);
    rs_put_u64(&w, 0);
    rs_peer_send(proc, peer, RS_FRAME_DATA, body, w.size, NULL, 0);
    return true;
  }
  struct rs_transfer_out *out = rs_alloc_zero(1, sizeof *out);
  *out = (struct rs_transfer_out){.to = peer->addr, .request = request, .bytes = bytes};
  bytes->refs++;
  rs_list_push_back(&proc->transfers, &out->link);
  return true;
}

void rs_transfer_pump(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->transfers, at, after)
  {
    struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    struct rs_peer *peer = rs_peer_get(proc, out->to);
    bool last = false;
    while (!last && rs_out_size(&peer->out) < 2 * RS_UV_CHUNK_BYTES) {
      uint64_t left = out->bytes->size - out->offset, n = left < RS_UV_CHUNK_BYTES ? left : RS_UV_CHUNK_BYTES;
      uint8_t head[28];
      struct rs_writer w = {head, sizeof head, 0};
      rs_put_u64(&w, out->request);
      rs_put_u32(&w, RS_ERR_OK);
      rs_put_u64(&w, out->bytes->size);
      rs_put_u64(&w, out->offset);
      rs_peer_send(proc, peer, RS_FRAME_DATA, head, w.size, out->bytes->data + out->offset, n);
      out->offset += n;
      last = out->offset == out->bytes->size;
    }
    if (last) {
      rs_list_remove(&out->link);
      rs_blob_unref(out->bytes);
      free(out);
    }
  }
}

bool rs_transfer_waiting(struct rs_proc *proc)
{
  for (struct rs_link *at = proc->transfers.next; at != &proc->transfers; at = at->next) {
    struct rs_peer *peer = rs_peer_find(proc, RS_ENTRY(at, struct rs_transfer_out, link)->to);
    if (peer && rs_out_size(&peer->out) < 2 * RS_UV_CHUNK_BYTES)
      return true;
  }
  return false;
}

static bool on_data(struct rs_proc *proc, struct rs_peer *peer, struct rs_reader *r)
{
  uint64_t request = rs_get_u64(r);
  int status = (int)rs_get_u32(r);
  uint64_t size = rs_get_u64(r), offset = rs_get_u64(r);
  if (r->error)
    return false;
  struct rs_fetch *fetch = NULL;
  for (struct rs_link *at = proc->fetches.next; at != &proc->fetches && !fetch; at = at->next) {
    fetch = RS_ENTRY(at, struct rs_fetch, link);
    if (fetch->request != request || fetch->from != peer->addr)
      fetch = NULL;
  }
  if (!fetch)
    return true; /* given up meanwhile */
  if (status != RS_ERR_OK) {
    finish(proc, fetch, status);
    return true;
  }
  uint64_t n = rs_get_left(r);
  const uint8_t *bytes = rs_get_span(r, n);
  if (offset != fetch->got || size < offset || n > size - offset || (n == 0 && size > 0))
    return false;
  if (fetch->into_store) {
    if (!rs_blob_write(&proc->store, fetch->id, size, offset, bytes, n)) {
      finish(proc, fetch, RS_ERR_OBJECT_LOST); /* dropped meanwhile, or no memory */
      return true;
    }
  } else {
    if (offset == 0)
      fetch->data = malloc(size ? size : 1);
    if (!fetch->data) {
      finish(proc, fetch, RS_ERR_STORE_FULL);
      return true;
    }
    memcpy(fetch->data + offset, bytes, n);
  }
  fetch->size = size;
  fetch->got += n;
  if (fetch->got == size)
    finish(proc, fetch, RS_ERR_OK);
  return true;
}

static bool on_store(struct rs_proc *proc, struct rs_peer *peer, struct rs_reader *r)
{
  struct rs_id id = rs_get_id(r);
  uint64_t size = rs_get_u64(r), offset = rs_get_u64(r);
  bool zeros = rs_get_u8(r) != 0;
  if (r->error || !rs_addr_same_node(peer->addr, proc->self))
    return false;
  if (zeros)
    return rs_blob_zeros(&proc->store, id, size);
  uint64_t n = rs_get_left(r);
  const uint8_t *bytes = rs_get_span(r, n);
  return rs_blob_write(&proc->store, id, size, offset, bytes, n);
}

bool rs_transfer_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f, bool *known)
{
  struct rs_peer *peer = conn->peer;
  if (!peer)
    return true;
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  bool raylet = rs_addr_ep(proc->self) == RS_EP_RAYLET;
  *known = true;
  switch (f->type) {
  case RS_FRAME_FETCH: return raylet && on_fetch(proc, peer, &r);
  case RS_FRAME_DATA: return on_data(proc, peer, &r);
  case RS_FRAME_STORE: return raylet && on_store(proc, peer, &r);
  case RS_FRAME_DROP: {
    struct rs_id id = rs_get_id(&r);
    if (r.error || !raylet || !rs_addr_same_node(peer->addr, proc->self))
      return false;
    rs_blob_drop(&proc->store, id);
    return true;
  }
  default: *known = false; return true;
  }
}

int rs_transfer_store(struct rs_proc *proc, struct rs_id id, const uint8_t *bytes, uint64_t size)
{
  struct rs_peer *peer = rs_peer_get(proc, rs_addr_raylet(proc->self));
  uint64_t offset = 0;
  do {
    uint64_t left = size - offset, n = !bytes ? 0 : left < RS_UV_CHUNK_BYTES ? left : RS_UV_CHUNK_BYTES;
    uint8_t head[33];
    struct rs_writer w = {head, sizeof head, 0};
    rs_put_id(&w, id);
    rs_put_u64(&w, size);
    rs_put_u64(&w, offset);
    rs_put_u8(&w, bytes == NULL);
    rs_peer_send(proc, peer, RS_FRAME_STORE, head, w.size, bytes ? bytes + offset : NULL, n);
    offset += n;
    while (bytes && rs_out_size(&peer->out) > 4 * RS_UV_CHUNK_BYTES) {
      rs_proc_flush(proc);
      if (!peer->use)
        return RS_ERR_PEER_LOST;
      if (rs_out_size(&peer->out) <= 4 * RS_UV_CHUNK_BYTES)
        break;
      struct pollfd fd = {.fd = peer->use->fd, .events = POLLOUT};
      pthread_mutex_unlock(&proc->lock);
      poll(&fd, 1, 100);
      pthread_mutex_lock(&proc->lock);
    }
  } while (bytes && offset < size);
  return peer->use || peer->conn[0] ? 0 : RS_ERR_PEER_LOST;
}

void rs_transfer_free_all(struct rs_proc *proc)
{
  RS_LIST_EACH(&proc->transfers, at, after)
  {
    struct rs_transfer_out *out = RS_ENTRY(at, struct rs_transfer_out, link);
    rs_list_remove(&out->link);
    rs_blob_unref(out->bytes);
    free(out);
  }
  RS_LIST_EACH(&proc->fetches, at, after)
  {
    struct rs_fetch *fetch = RS_ENTRY(at, struct rs_fetch, link);
    rs_list_remove(&fetch->link);
    if (fetch->into_store)
      free(fetch);
    else
      rs_list_init(&fetch->link);
  }
}
