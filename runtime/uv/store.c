/* store.c -- see store.h.
 *
 * What takes time is a job: it runs on one of libuv's threads and ends on the loop. A job holds references to the
 * entries that it works on, so whatever the core decides meanwhile, their places stay. The SPILL effects of one file
 * are collected and become one job, which begins at the end of the turn.
 *
 * Files have no names: they end with their last object, or with the process, however it ends. They are made in
 * $RAYSIM_SPILL_DIR, or in the session's folder where that is on a disk, or in /var/tmp or /tmp.
 */
#include "uv/store.h"

#include "uv/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PIECE_BYTES = 8 << 20 };

struct item {
  struct rs_blob *blob;
  struct rs_extent *memory; /* of a RESTORE: where it goes */
  uint64_t file_at;
  int status;
};

enum job_kind { JOB_SPILL, JOB_RESTORE, JOB_MAKE, JOB_BACK, JOB_READ };

struct job {
  uv_work_t work;
  struct rs_link link; /* in io->batches, or io->running */
  struct rs_store_io *io;
  enum job_kind kind;
  uint64_t number; /* of the file, of a batch */
  struct item *items;
  uint32_t count, cap;
  int fd;
  struct rs_effect effect; /* CREATE or COPY: what follows */
  uint64_t offset, size;   /* JOB_READ */
  uint8_t *bytes;
  void (*done)(struct rs_proc *proc, void *context, int status);
  void *context;
  int status;
};

struct rs_store_io {
  struct rs_proc *proc;
  struct rs_link batches, running;
  uint64_t threshold_e4;
  bool ending;
  char folder[RS_UV_PATH_MAX];
};

/* ---- beginning and end ---- */

static bool on_memory(const char *folder)
{
  struct statfs fs;
  return statfs(folder, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void choose_folder(struct rs_store_io *io)
{
  const char *wanted = getenv("RAYSIM_SPILL_DIR");
  const char *const places[] = {io->proc->session, "/var/tmp", "/tmp"};
  for (unsigned i = 0; (!wanted || !*wanted) && i < sizeof places / sizeof *places; i++)
    if (access(places[i], W_OK) == 0 && !on_memory(places[i]))
      wanted = places[i];
  snprintf(io->folder, sizeof io->folder, "%s", wanted && *wanted ? wanted : io->proc->session);
}

struct rs_store_io *rs_store_io_new(struct rs_proc *proc, uint64_t capacity_bytes, char *error)
{
  struct rs_store_io *io = rs_alloc_zero(1, sizeof *io);
  io->proc = proc;
  io->threshold_e4 = (uint64_t)proc->setup.config.local_fs_capacity_threshold_e4;
  rs_list_init(&io->batches);
  rs_list_init(&io->running);
  choose_folder(io);
  if (rs_arena_init(&proc->store.arena, capacity_bytes) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "no address space for an object store of %llu bytes: %s",
             (unsigned long long)capacity_bytes, strerror(errno));
    free(io);
    return NULL;
  }
  return io;
}

static void job_free(struct job *job)
{
  rs_list_remove(&job->link);
  for (uint32_t i = 0; i < job->count; i++)
    rs_blob_unref(job->items[i].blob);
  free(job->items);
  if (job->fd >= 0)
    close(job->fd);
  free(job);
}

void rs_store_io_free(struct rs_store_io *io)
{
  if (!io)
    return;
  io->ending = true;
  while (!rs_list_empty(&io->running))
    uv_run(&io->proc->loop, UV_RUN_ONCE);
  RS_LIST_EACH(&io->batches, at, after) job_free(RS_ENTRY(at, struct job, link));
  free(io);
}

static void input(struct rs_store_io *io, enum rs_input_kind kind, struct rs_id object, int status)
{
  rs_proc_input(io->proc, io->proc->self, &(struct rs_input){.kind = kind, .object = object, .status = status});
}

/* ---- on a thread ---- */

/* An empty file with room for this many bytes; *status tells why there is none. */
static int make_file(const struct rs_store_io *io, uint64_t size, int *status)
{
  struct statvfs fs;
  *status = RS_ERR_DISK_FULL;
  int fd = open(io->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    char path[RS_UV_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/.spill-XXXXXX", io->folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
      unlink(path);
  }
  if (fd < 0)
    return -1;
  uint64_t total = 0, left = 0;
  if (fstatvfs(fd, &fs) == 0) {
    total = (uint64_t)fs.f_blocks * fs.f_frsize;
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
  }
  uint64_t keep = total / RS_ONE_E4 * (RS_ONE_E4 - io->threshold_e4);
  int rc = left < keep || size > left - keep ? ENOSPC : size ? posix_fallocate(fd, 0, (off_t)size) : 0;
  if (rc != 0) {
    close(fd);
    return -1;
  }
  *status = RS_ERR_OK;
  return fd;
}

static int write_all(int fd, const uint8_t *bytes, uint64_t size, uint64_t at)
{
  for (uint64_t done = 0; done < size;) {
    uint64_t left = size - done;
    ssize_t n = pwrite(fd, bytes + done, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)(at + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return RS_ERR_DISK_FULL;
    done += (uint64_t)n;
  }
  return RS_ERR_OK;
}

static int read_all(int fd, uint8_t *bytes, uint64_t size, uint64_t at)
{
  for (uint64_t done = 0; done < size;) {
    uint64_t left = size - done;
    ssize_t n = pread(fd, bytes + done, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)(at + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 && errno == EFAULT ? RS_ERR_STORE_FULL : RS_ERR_OBJECT_LOST;
    done += (uint64_t)n;
  }
  return RS_ERR_OK;
}

static uint64_t aligned(uint64_t size)
{
  return (size + RS_EXTENT_ALIGN - 1) / RS_EXTENT_ALIGN * RS_EXTENT_ALIGN;
}

static void spill(struct job *job)
{
  uint64_t total = 0;
  for (uint32_t i = 0; i < job->count; i++) { /* whole pages: what is in a file can be mapped */
    job->items[i].file_at = total;
    total += aligned(job->items[i].blob->size);
  }
  job->fd = make_file(job->io, total, &job->status);
  for (uint32_t i = 0; i < job->count; i++)
    job->items[i].status = job->status != RS_ERR_OK ? job->status
                                                    : write_all(job->fd, rs_blob_bytes(job->items[i].blob),
                                                                job->items[i].blob->size, job->items[i].file_at);
}

static void restore(struct job *job)
{
  const struct rs_arena *arena = &job->io->proc->store.arena;
  const struct item *item = &job->items[0];
  if (rs_arena_back(arena, item->memory) != 0)
    job->status = RS_ERR_STORE_FULL;
  else
    job->status = read_all(item->blob->file->fd, arena->base + item->memory->at, item->blob->size, item->blob->file_at);
}

static void on_thread(uv_work_t *work)
{
  struct job *job = work->data;
  switch (job->kind) {
  case JOB_SPILL: spill(job); break;
  case JOB_RESTORE: restore(job); break;
  case JOB_MAKE: job->fd = make_file(job->io, aligned(job->items[0].blob->size), &job->status); break;
  case JOB_BACK:
    job->status = rs_arena_back(&job->io->proc->store.arena, job->items[0].memory) == 0 ? RS_ERR_OK : RS_ERR_STORE_FULL;
    break;
  case JOB_READ: {
    const struct rs_blob *blob = job->items[0].blob;
    job->status = read_all(blob->file->fd, job->bytes, job->size, blob->file_at + job->offset);
    break;
  }
  }
}

/* ---- back on the loop ---- */

static void send_place(struct rs_store_io *io, rs_addr to, uint8_t type, uint64_t number, struct rs_id id,
                       const struct rs_blob *blob)
{
  uint8_t body[64];
  struct rs_writer w = {body, sizeof body, 0};
  bool memory = blob && blob->memory, file = blob && !memory && blob->file;
  rs_put_u64(&w, number);
  rs_put_u64(&w, id.owner);
  rs_put_u64(&w, id.seq);
  rs_put_u8(&w, memory ? (blob->memory->warm ? RS_PLACE_MEMORY : RS_PLACE_FRESH)
                : file ? RS_PLACE_FILE
                       : RS_PLACE_NONE);
  rs_put_u64(&w, blob ? blob->size : 0);
  rs_put_u64(&w, memory ? blob->memory->at : file ? blob->file_at : 0);
  rs_put_u32(&w, file ? (uint32_t)blob->file->fd : 0);
  rs_peer_send(io->proc, rs_peer_get(io->proc, to), type, body, w.size, NULL, 0);
}

static void spilled(struct job *job)
{
  struct rs_file *file = job->status == RS_ERR_OK ? rs_file_new(job->fd) : NULL;
  job->fd = file ? -1 : job->fd;
  for (uint32_t i = 0; i < job->count; i++) {
    struct item *item = &job->items[i];
    if (item->status == RS_ERR_OK) {
      rs_file_unref(item->blob->file);
      item->blob->file = file;
      item->blob->file_at = item->file_at;
      file->refs++;
    }
    input(job->io, RS_IN_SPILL_DONE, item->blob->id, item->status);
  }
  rs_file_unref(file);
}

static void restored(struct job *job)
{
  struct item *item = &job->items[0];
  if (job->status == RS_ERR_OK)
    item->blob->memory = item->memory;
  else
    rs_arena_give(&job->io->proc->store.arena, item->memory);
  input(job->io, RS_IN_COPY_DONE, item->blob->id, job->status);
}

/* The file of an object that is to be written or received there. */
static void made(struct job *job)
{
  struct rs_store_io *io = job->io;
  struct rs_blob *blob = job->items[0].blob;
  if (job->status == RS_ERR_OK) {
    blob->file = rs_file_new(job->fd);
    blob->file_at = 0;
    job->fd = -1;
  }
  if (job->effect.kind == RS_OUT_COPY) {
    if (job->status == RS_ERR_OK)
      rs_transfer_copy(io->proc, blob, job->effect.to);
    else
      input(io, RS_IN_COPY_DONE, blob->id, job->status);
    return;
  }
  if (!(job->effect.count & RS_CREATE_SEALED))
    send_place(io, job->effect.to, RS_FRAME_ROOM, 0, blob->id, job->status == RS_ERR_OK ? blob : NULL);
  input(io, RS_IN_SPILL_DONE, blob->id, job->status);
}

static void backed(struct job *job)
{
  struct rs_blob *blob = job->items[0].blob;
  if (job->status == RS_ERR_OK)
    rs_transfer_copy(job->io->proc, blob, job->effect.to);
  else
    input(job->io, RS_IN_COPY_DONE, blob->id, job->status);
}

static void on_loop(uv_work_t *work, int status)
{
  (void)status;
  struct job *job = work->data;
  struct rs_proc *proc = job->io->proc;
  pthread_mutex_lock(&proc->lock);
  if (!job->io->ending) {
    switch (job->kind) {
    case JOB_SPILL: spilled(job); break;
    case JOB_RESTORE: restored(job); break;
    case JOB_MAKE: made(job); break;
    case JOB_BACK: backed(job); break;
    case JOB_READ: job->done(proc, job->context, job->status); break;
    }
    rs_proc_drain(proc);
  } else if (job->kind == JOB_READ) {
    job->done(proc, job->context, RS_ERR_OBJECT_LOST);
  }
  job_free(job);
  pthread_mutex_unlock(&proc->lock);
}

/* ---- what the core decides ---- */

static struct job *job_new(struct rs_store_io *io, enum job_kind kind)
{
  struct job *job = rs_alloc_zero(1, sizeof *job);
  job->io = io;
  job->kind = kind;
  job->fd = -1;
  job->work.data = job;
  rs_list_init(&job->link);
  return job;
}

static void add_item(struct job *job, struct rs_blob *blob, struct rs_extent *memory)
{
  RS_GROW(job->items, job->count, job->cap);
  job->items[job->count++] = (struct item){.blob = rs_blob_ref(blob), .memory = memory};
}

static void start(struct job *job)
{
  rs_list_remove(&job->link);
  rs_list_push_back(&job->io->running, &job->link);
  uv_queue_work(&job->io->proc->loop, &job->work, on_thread, on_loop);
}

static void start_with(struct rs_store_io *io, enum job_kind kind, struct rs_blob *blob, struct rs_extent *memory,
                       const struct rs_effect *effect)
{
  struct job *job = job_new(io, kind);
  job->effect = *effect;
  add_item(job, blob, memory);
  start(job);
}

/* A new entry with its place in memory, if there is one. NULL: it is made on disk, by a thread. */
static struct rs_blob *entry_of(struct rs_store_io *io, const struct rs_effect *effect)
{
  struct rs_blobs *store = &io->proc->store;
  struct rs_blob *blob = rs_blob_add(store, effect->object, effect->size);
  if (effect->count & RS_CREATE_ON_DISK) {
    start_with(io, JOB_MAKE, blob, NULL, effect);
    return NULL;
  }
  blob->memory = rs_arena_take(&store->arena, effect->size);
  return blob;
}

static void create(struct rs_store_io *io, const struct rs_effect *effect)
{
  struct rs_blob *blob = entry_of(io, effect);
  if (!blob)
    return;
  if (!(effect->count & RS_CREATE_SEALED))
    send_place(io, effect->to, RS_FRAME_ROOM, 0, blob->id, blob);
  else if (blob->memory)
    rs_arena_zero(&io->proc->store.arena, blob->memory);
}

static void copy(struct rs_store_io *io, const struct rs_effect *effect)
{
  struct rs_blob *blob = entry_of(io, effect);
  if (!blob)
    return;
  if (!blob->memory)
    input(io, RS_IN_COPY_DONE, effect->object, RS_ERR_STORE_FULL);
  else if (blob->memory->warm)
    rs_transfer_copy(io->proc, blob, effect->to);
  else
    start_with(io, JOB_BACK, blob, blob->memory, effect);
}

static void add_to_batch(struct rs_store_io *io, struct rs_blob *blob, uint64_t file)
{
  struct job *job = NULL;
  for (struct rs_link *at = io->batches.next; at != &io->batches && !job; at = at->next)
    if (RS_ENTRY(at, struct job, link)->number == file)
      job = RS_ENTRY(at, struct job, link);
  if (!job) {
    job = job_new(io, JOB_SPILL);
    job->number = file;
    rs_list_push_back(&io->batches, &job->link);
  }
  add_item(job, blob, NULL);
}

void rs_store_io_effect(struct rs_store_io *io, const struct rs_effect *effect)
{
  struct rs_blobs *store = &io->proc->store;
  struct rs_blob *blob = rs_blob_find(store, effect->object);
  switch (effect->kind) {
  case RS_OUT_CREATE: create(io, effect); break;
  case RS_OUT_COPY: copy(io, effect); break;
  case RS_OUT_FREE:
    rs_blob_drop(store, effect->object);
    rs_packages_freed(io->proc, effect->object);
    break;
  case RS_OUT_EVICT:
    if (blob)
      rs_blob_evict(blob);
    break;
  case RS_OUT_SPILL:
    if (blob && blob->memory)
      add_to_batch(io, blob, effect->a);
    else
      input(io, RS_IN_SPILL_DONE, effect->object, RS_ERR_DISK_FULL);
    break;
  case RS_OUT_RESTORE: {
    if (blob && blob->memory) { /* it was evicted while somebody still used it, and is there */
      blob->evicted = false;
      input(io, RS_IN_COPY_DONE, effect->object, RS_ERR_OK);
      break;
    }
    struct rs_extent *memory = blob && blob->file ? rs_arena_take(&store->arena, blob->size) : NULL;
    if (memory)
      start_with(io, JOB_RESTORE, blob, memory, effect);
    else
      input(io, RS_IN_COPY_DONE, effect->object, blob && blob->file ? RS_ERR_STORE_FULL : RS_ERR_OBJECT_LOST);
    break;
  }
  default: RS_ASSERT(!"an effect of the store");
  }
}

void rs_store_io_idle(struct rs_store_io *io)
{
  RS_LIST_EACH(&io->batches, at, after) start(RS_ENTRY(at, struct job, link));
}

/* ---- the other processes of the node ---- */

void rs_store_io_hello(struct rs_store_io *io, struct rs_peer *peer)
{
  uint8_t body[24];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u64(&w, (uint64_t)getpid());
  rs_put_u32(&w, (uint32_t)io->proc->store.arena.fd);
  rs_put_u64(&w, io->proc->store.arena.extents.total);
  rs_peer_send(io->proc, peer, RS_FRAME_ARENA, body, w.size, NULL, 0);
}

void rs_store_io_offer(struct rs_store_io *io, rs_addr to, const struct rs_m_pulled *answer)
{
  const struct rs_blob *blob = answer->status == RS_ERR_OK ? rs_blob_find(&io->proc->store, answer->object) : NULL;
  if (blob && (blob->memory || blob->file))
    send_place(io, to, RS_FRAME_PLACE, 0, answer->object, blob);
}

bool rs_store_io_on_find(struct rs_store_io *io, struct rs_peer *peer, struct rs_reader *r)
{
  uint64_t number = rs_get_u64(r);
  struct rs_id id = rs_get_id(r);
  if (r->error || !rs_addr_same_node(peer->addr, io->proc->self))
    return false;
  send_place(io, peer->addr, RS_FRAME_PLACE, number, id, rs_blob_find(&io->proc->store, id));
  return true;
}

void rs_store_io_read(struct rs_store_io *io, struct rs_blob *blob, uint64_t offset, uint64_t size, uint8_t *bytes,
                      void (*done)(struct rs_proc *proc, void *context, int status), void *context)
{
  struct job *job = job_new(io, JOB_READ);
  add_item(job, blob, NULL);
  job->offset = offset;
  job->size = size;
  job->bytes = bytes;
  job->done = done;
  job->context = context;
  start(job);
}
