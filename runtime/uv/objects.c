/* objects.c -- see objects.h: what this process writes and reads, by id, counted. O(1) expected. */
#include "uv/objects.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "uv/bulk.h"

enum state { ASKED, WRITING, FINDING, READING };

struct object {
  struct rs_id id;
  uint8_t *bytes; /* NULL: not known yet */
  uint64_t size_bytes;
  uint32_t readers;
  enum state state;
  bool placed, answered; /* ASKED: the raylet has said where; the core has said whether */
  bool prepared;         /* its pages are here */
  bool kept;             /* pinned for this process by a GET */
  bool mapped, own;      /* bytes: a mapping of its own; memory of this process */
  int status;
  uint64_t number;
};

static struct object *find(const struct rs_proc *proc, struct rs_id id)
{
  return rs_map_get_ptr(&proc->objects, rs_objects_key(id));
}

static struct object *add(struct rs_proc *proc, struct rs_id id, enum state state)
{
  struct object *o = rs_alloc_zero(1, sizeof *o);
  o->id = id;
  o->state = state;
  rs_map_put_ptr(&proc->objects, rs_objects_key(id), o);
  return o;
}

static void let_go(struct object *o)
{
  if (o->mapped)
    munmap(o->bytes, o->size_bytes);
  if (o->own)
    free(o->bytes);
  o->bytes = NULL;
  o->mapped = o->own = false;
}

static void drop(struct rs_proc *proc, struct object *o)
{
  rs_map_remove(&proc->objects, rs_objects_key(o->id), NULL);
  let_go(o);
  free(o);
}

static void step(struct rs_proc *proc, enum rs_call_kind kind, struct rs_id id, uint64_t size_bytes)
{
  struct rs_call call = {.kind = kind, .object = id, .size_bytes = size_bytes};
  if (proc->stopping || proc->ep_count == 0)
    return;
  rs_proc_step_call(proc, &call);
  rs_proc_drain(proc);
  rs_proc_flush(proc);
}

/* ---- where the bytes are ---- */

static struct rs_placed get_place(struct rs_reader *r, struct rs_id id)
{
  struct rs_placed p = {.id = id, .kind = rs_get_u8(r)};
  p.size_bytes = rs_get_u64(r);
  p.at = rs_get_u64(r);
  p.fd = rs_get_u32(r);
  if (r->error)
    p.kind = RS_PLACE_NONE;
  return p;
}

/* Sets `bytes` to what the raylet names. 0, or what kept it from it. */
static int place(struct rs_proc *proc, struct object *o, const struct rs_placed *p, bool writing)
{
  uint64_t size = p->size_bytes, at = p->at;
  struct rs_arena_map *arena = &proc->arena;
  if (p->kind == RS_PLACE_NONE)
    return writing ? RS_ERR_STORE_FULL : RS_ERR_OBJECT_LOST;
  o->size_bytes = size;
  if (p->kind == RS_PLACE_MEMORY || p->kind == RS_PLACE_FRESH) {
    uint8_t *base = writing ? rs_arena_map_write(arena) : (uint8_t *)(uintptr_t)rs_arena_map_read(arena);
    if (!base || at > arena->bytes || size > arena->bytes - at)
      return RS_ERR_STORE_FULL;
    o->bytes = base + at;
    o->prepared = writing && rs_arena_prepared(arena, at, size, p->kind == RS_PLACE_MEMORY);
    return 0;
  }
  int file = rs_arena_open(arena, p->fd, writing);
  void *map = MAP_FAILED;
  if (file >= 0) {
    map = mmap(NULL, size ? size : 1, writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, (off_t)at);
    close(file);
  }
  if (map == MAP_FAILED)
    return RS_ERR_OBJECT_LOST;
  o->bytes = map;
  o->mapped = size > 0;
  return 0;
}

bool rs_objects_on_frame(struct rs_proc *proc, uint8_t type, struct rs_reader *r)
{
  if (type == RS_FRAME_ARENA) {
    proc->arena.pid = (int)rs_get_u64(r);
    proc->arena.fd = rs_get_u32(r);
    proc->arena.bytes = rs_get_u64(r);
    return r->error == 0;
  }
  uint64_t number = rs_get_u64(r);
  struct rs_id id = {.owner = rs_get_u64(r)};
  id.seq = rs_get_u64(r);
  struct rs_placed p = get_place(r, id);
  if (type == RS_FRAME_PLACE && number == 0 && !r->error) { /* before the answer to a GET, a WAIT or a PUT */
    proc->offers[proc->offer_count++ % RS_UV_OFFERS] = p;
    return true;
  }
  struct object *o = r->error ? NULL : find(proc, id);
  bool asked = o && (type == RS_FRAME_ROOM ? o->state == ASKED : o->state == FINDING && o->number == number);
  if (!asked) /* given up meanwhile */
    return r->error == 0;
  o->status = place(proc, o, &p, type == RS_FRAME_ROOM);
  o->placed = true;
  pthread_cond_broadcast(&proc->changed);
  return r->error == 0;
}

bool rs_objects_on_reply(struct rs_proc *proc, const struct rs_reply *reply)
{
  struct object *o = reply->kind == RS_REPLY_OBJECT ? find(proc, reply->id) : NULL;
  if (!o || o->state != ASKED || o->answered)
    return false;
  o->answered = true;
  if (reply->status != RS_ERR_OK)
    o->status = reply->status;
  pthread_cond_broadcast(&proc->changed);
  return true;
}

/* ---- writing ---- */

static bool wait_until(struct rs_proc *proc, uint64_t end)
{
  if (end == RS_TIME_NEVER) {
    pthread_cond_wait(&proc->changed, &proc->lock);
    return true;
  }
  struct timespec until = {.tv_sec = (time_t)(end / RS_S), .tv_nsec = (long)(end % RS_S)};
  return pthread_cond_timedwait(&proc->changed, &proc->lock, &until) == 0 || uv_hrtime() < end;
}

int rs_objects_create(struct rs_proc *proc, struct rs_id id, uint64_t size_bytes, uint64_t timeout_ns, uint8_t **bytes)
{
  *bytes = NULL;
  RS_ASSERT(!find(proc, id));
  struct object *o = add(proc, id, ASKED);
  o->size_bytes = size_bytes;
  uint64_t end = timeout_ns == RS_TIME_NEVER ? RS_TIME_NEVER : rs_time_add(uv_hrtime(), timeout_ns);
  step(proc, RS_CALL_CREATE, id, size_bytes);
  bool in_time = true;
  while (!o->answered && !proc->stopping && in_time)
    in_time = wait_until(proc, end);
  if (!o->answered) {
    drop(proc, o);
    step(proc, RS_CALL_ABORT, id, 0);
    return in_time ? RS_ERR_PEER_LOST : RS_ERR_TIMED_OUT;
  }
  int status = o->status;
  if (status == RS_ERR_OBJECT_EXISTS) { /* made by an earlier try: what is written now goes nowhere */
    o->bytes = aligned_alloc(64, (size_bytes + 64) / 64 * 64);
    o->own = true;
    status = o->bytes ? RS_ERR_OK : RS_ERR_STORE_FULL;
  } else if (status == RS_ERR_OK && !o->placed) {
    status = RS_ERR_STORE_FULL; /* the raylet tells where before its core says yes */
  }
  if (status == RS_ERR_OK && !o->own && !o->mapped &&
      !o->prepared) { /* pages in bulk, and no signal where there are none */
    uint8_t *at = o->bytes;
    o->state = WRITING;
    pthread_mutex_unlock(&proc->lock);
    int rc = rs_bulk_populate(at, size_bytes);
    pthread_mutex_lock(&proc->lock);
    status = rc == 0 ? RS_ERR_OK : RS_ERR_STORE_FULL;
  }
  if (status != RS_ERR_OK) {
    bool core_said_yes = o->status == RS_ERR_OK || o->placed;
    drop(proc, o);
    if (core_said_yes)
      step(proc, RS_CALL_ABORT, id, 0);
    return status;
  }
  o->state = WRITING;
  *bytes = o->bytes;
  return 0;
}

int rs_objects_seal(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  RS_ASSERT(o && o->state == WRITING);
  if (o)
    drop(proc, o);
  return proc->stopping ? RS_ERR_PEER_LOST : 0;
}

void rs_objects_discard(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  if (o && o->state == WRITING)
    drop(proc, o);
  step(proc, RS_CALL_ABORT, id, 0);
}

void rs_objects_discard_own(struct rs_proc *proc)
{
  for (uint32_t i = 0; i < proc->objects.cap;) {
    const struct object *o = proc->objects.slots[i].key ? (const void *)(uintptr_t)proc->objects.slots[i].value : NULL;
    if (!o || o->state != WRITING || o->id.owner != proc->self) {
      i++;
      continue;
    }
    rs_objects_discard(proc, o->id);
    i = 0; /* the table has changed */
  }
}

/* ---- reading ---- */

static void rest(struct rs_proc *proc, struct object *o)
{
  if (o->readers == 0 && !o->kept && o->state == READING)
    drop(proc, o);
}

void rs_objects_keep(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  if (!o)
    o = add(proc, id, READING);
  o->kept = true;
  if (o->bytes || o->state != READING)
    return;
  uint32_t count = proc->offer_count < RS_UV_OFFERS ? proc->offer_count : RS_UV_OFFERS;
  for (uint32_t i = 1; i <= count; i++) { /* the last one is of this answer; if it is not there any more, none is */
    const struct rs_placed *p = &proc->offers[(proc->offer_count - i) % RS_UV_OFFERS];
    if (rs_id_equal(p->id, id)) {
      place(proc, o, p, false);
      return;
    }
  }
}

void rs_objects_forget(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  if (!o)
    return;
  o->kept = false;
  rest(proc, o);
}

int rs_objects_read(struct rs_proc *proc, struct rs_id id, const uint8_t **bytes, size_t *size_bytes)
{
  struct object *o = find(proc, id);
  if (!o)
    o = add(proc, id, READING);
  o->readers++;
  while (o->state == FINDING && !proc->stopping) /* another thread does it */
    pthread_cond_wait(&proc->changed, &proc->lock);
  int status = 0;
  if (!o->bytes) {
    uint8_t body[24];
    struct rs_writer w = {body, sizeof body, 0};
    o->state = FINDING;
    o->placed = false;
    o->number = ++proc->fetch_next;
    rs_put_u64(&w, o->number);
    rs_put_id(&w, id);
    rs_peer_send(proc, rs_peer_get(proc, rs_addr_raylet(proc->self)), RS_FRAME_FIND, body, w.size, NULL, 0);
    rs_proc_flush(proc);
    while (!o->placed && !proc->stopping)
      pthread_cond_wait(&proc->changed, &proc->lock);
    status = o->placed ? o->status : RS_ERR_PEER_LOST;
    o->state = READING;
    pthread_cond_broadcast(&proc->changed);
  }
  if (status == 0 && !o->bytes)
    status = RS_ERR_PEER_LOST;
  if (status != 0) {
    o->readers--;
    rest(proc, o);
    return status;
  }
  *bytes = o->bytes;
  *size_bytes = o->size_bytes;
  return 0;
}

void rs_objects_release(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  RS_ASSERT(o && o->readers > 0);
  if (!o)
    return;
  o->readers--;
  rest(proc, o);
}

void rs_objects_free_all(struct rs_proc *proc)
{
  for (uint32_t i = 0; i < proc->objects.cap; i++)
    if (proc->objects.slots[i].key) {
      struct object *o = (struct object *)(uintptr_t)proc->objects.slots[i].value;
      let_go(o);
      free(o);
    }
  rs_map_free(&proc->objects);
  rs_arena_unmap(&proc->arena);
}
