/* objects.c -- see objects.h: buffers and copies by id, counted. O(1) expected. */
#include "uv/objects.h"

#include <string.h>

enum { ALIGN = 64 };

struct object {
  struct rs_id id;
  uint8_t *bytes; /* NULL while it is fetched */
  uint64_t size_bytes;
  uint32_t readers;
  bool writing, fetching;
};

static struct object *find(const struct rs_proc *proc, struct rs_id id)
{
  return rs_map_get_ptr(&proc->objects, rs_objects_key(id));
}

static void drop(struct rs_proc *proc, struct object *o)
{
  rs_map_remove(&proc->objects, rs_objects_key(o->id), NULL);
  free(o->bytes);
  free(o);
}

int rs_objects_create(struct rs_proc *proc, struct rs_id id, uint64_t size_bytes, uint64_t timeout_ns, uint8_t **bytes)
{
  (void)timeout_ns;
  RS_ASSERT(!find(proc, id));
  uint8_t *room =
      size_bytes > SIZE_MAX - ALIGN ? NULL : aligned_alloc(ALIGN, (size_bytes + ALIGN) & ~(size_t)(ALIGN - 1));
  *bytes = room;
  if (!room)
    return RS_ERR_STORE_FULL;
  struct object *o = rs_alloc_zero(1, sizeof *o);
  *o = (struct object){.id = id, .bytes = room, .size_bytes = size_bytes, .writing = true};
  rs_map_put_ptr(&proc->objects, rs_objects_key(id), o);
  return 0;
}

int rs_objects_seal(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  RS_ASSERT(o && o->writing);
  if (!o)
    return RS_ERR_OBJECT_LOST;
  int rc = rs_transfer_store(proc, id, o->bytes, o->size_bytes);
  drop(proc, o);
  return rc;
}

void rs_objects_discard(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  if (o && o->writing)
    drop(proc, o);
}

int rs_objects_read(struct rs_proc *proc, struct rs_id id, const uint8_t **bytes, size_t *size_bytes)
{
  struct object *o = find(proc, id);
  while (o && o->fetching) { /* another thread does it */
    pthread_cond_wait(&proc->changed, &proc->lock);
    o = find(proc, id);
  }
  int rc = 0;
  if (!o) {
    o = rs_alloc_zero(1, sizeof *o);
    *o = (struct object){.id = id, .fetching = true};
    rs_map_put_ptr(&proc->objects, rs_objects_key(id), o);
    struct rs_fetch *fetch = rs_transfer_fetch(proc, id, rs_addr_raylet(proc->self));
    rs_proc_flush(proc);
    while (!fetch->done && !proc->stopping)
      pthread_cond_wait(&proc->changed, &proc->lock);
    rc = fetch->done ? fetch->status : RS_ERR_PEER_LOST;
    o->fetching = false;
    if (rc == 0) {
      o->bytes = fetch->data;
      o->size_bytes = fetch->size;
      fetch->data = NULL;
    }
    rs_transfer_forget(fetch);
    pthread_cond_broadcast(&proc->changed);
    if (rc != 0) {
      drop(proc, o);
      return rc;
    }
  }
  o->readers++;
  *bytes = o->bytes;
  *size_bytes = o->size_bytes;
  return 0;
}

void rs_objects_release(struct rs_proc *proc, struct rs_id id)
{
  struct object *o = find(proc, id);
  RS_ASSERT(o && o->readers > 0);
  if (--o->readers == 0)
    drop(proc, o);
}

void rs_objects_free_all(struct rs_proc *proc)
{
  for (uint32_t i = 0; i < proc->objects.cap; i++)
    if (proc->objects.slots[i].key) {
      struct object *o = (struct object *)(uintptr_t)proc->objects.slots[i].value;
      free(o->bytes);
      free(o);
    }
  rs_map_free(&proc->objects);
}
