/* extent.h -- an allocator of ranges of an address space that it never touches.
 *
 * Sizes and places are multiples of RS_EXTENT_ALIGN. A free range is warm (memory is behind it, since it was used
 * before) or cold. Warm ones are handed out first, best fit in the classes of TLSF: 4 for each power of two. Neighbours
 * of one temperature are joined. take and give: O(1). Not thread-safe.
 */
#ifndef RS_UV_EXTENT_H
#define RS_UV_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define RS_EXTENT_ALIGN UINT64_C(4096)

enum { RS_EXTENT_BINS = 256 };

struct rs_extent {
  struct rs_extent *prev, *next; /* by place */
  struct rs_link bin;            /* while free */
  uint64_t at, size;
  bool free, warm; /* warm: while it is used, whether it was when it was taken */
};

struct rs_extents {
  struct rs_link bins[2][RS_EXTENT_BINS]; /* cold, warm */
  uint64_t set[2][RS_EXTENT_BINS / 64];   /* those that are not empty */
  struct rs_extent *first;
  uint64_t total, used, warm; /* bytes; warm: free ones */
};

void rs_extents_init(struct rs_extents *x, uint64_t size); /* all free and cold */
void rs_extents_free(struct rs_extents *x);

struct rs_extent *rs_extents_take(struct rs_extents *x, uint64_t size); /* NULL: no range is large enough */
void rs_extents_give(struct rs_extents *x, struct rs_extent *e, bool warm);

/* A warm free range becomes cold: its place and size, for the caller to let its memory go. False: there is none. */
bool rs_extents_cool(struct rs_extents *x, uint64_t *at, uint64_t *size);

void rs_extents_check(const struct rs_extents *x); /* asserts what must hold; O(ranges) */

#endif
