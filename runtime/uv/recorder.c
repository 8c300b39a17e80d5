/* recorder.c -- see recorder.h. */
#include "uv/recorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/record.h"

enum { GROW_BYTES = 1 << 20 };

struct rs_recorder {
  int fd;
  uint8_t *map;
  size_t mapped, used;
  struct rs_bytes bytes;
  bool full; /* the disk is: what is there stays a valid prefix */
};

static void append(struct rs_recorder *r)
{
  size_t size = r->bytes.size;
  if (!r->full && r->used + size > r->mapped) {
    size_t want = (r->used + size + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    want = want > r->mapped + r->mapped / 2 ? want : (r->mapped + r->mapped / 2) / GROW_BYTES * GROW_BYTES + GROW_BYTES;
    /* space is reserved: a write into a mapping of a full disk would be a signal */
    if (posix_fallocate(r->fd, 0, (off_t)want) != 0) {
      r->full = true;
    } else {
      void *map = r->map ? mremap(r->map, r->mapped, want, MREMAP_MAYMOVE)
                         : mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
      if (map == MAP_FAILED) {
        r->full = true;
      } else {
        r->map = map;
        r->mapped = want;
      }
    }
    if (r->full)
      fprintf(stderr, "raysim: a recording ends early: no room\n");
  }
  if (!r->full && size) {
    memcpy(r->map + r->used, r->bytes.data, size);
    r->used += size;
  }
  r->bytes.size = 0;
}

struct rs_recorder *rs_recorder_open(const char *dir, const struct rs_start *start)
{
  static const char *const names[] = {
      [RS_ROLE_GCS] = "gcs", [RS_ROLE_RAYLET] = "raylet", [RS_ROLE_WORKER] = "worker", [RS_ROLE_DRIVER] = "driver"};
  char path[4096];
  snprintf(path, sizeof path, "%s/%s-%u.%u.%u.rec", dir, names[start->roles], rs_addr_node(start->self),
           rs_addr_incarnation(start->self), rs_addr_ep(start->self));
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return NULL;
  struct rs_recorder *r = rs_alloc_zero(1, sizeof *r);
  r->fd = fd;
  rs_record_start(&r->bytes, start);
  append(r);
  return r;
}

void rs_recorder_input(struct rs_recorder *r, uint64_t now, const struct rs_input *input)
{
  rs_record_input(&r->bytes, now, input);
  append(r);
}

void rs_recorder_effects(struct rs_recorder *r, const struct rs_effects *effects)
{
  rs_record_effects(&r->bytes, effects);
  append(r);
}

void rs_recorder_close(struct rs_recorder *r)
{
  if (!r)
    return;
  if (r->map)
    munmap(r->map, r->mapped);
  if (ftruncate(r->fd, (off_t)r->used) != 0) { /* zeros at the end are as good */
  }
  close(r->fd);
  rs_bytes_free(&r->bytes);
  free(r);
}
