/* graves.h -- actors that are no more, and why they died, for a bounded number of them: the oldest is forgotten first.
 * O(1).
 */
#ifndef RS_CORE_GRAVES_H
#define RS_CORE_GRAVES_H

#include "base/list.h"
#include "base/map.h"
#include "core/row.h"
#include "core/types.h"

struct rs_grave {
  struct rs_link link;
  struct rs_id id;
  int32_t reason;
  struct rs_row *row; /* what the head says of it (state.def), one reference; NULL: nothing */
  uint64_t type;      /* its class, by rs_name_hash; 0: not known */
  uint32_t text_bytes;
  char text[]; /* text_bytes */
};

struct rs_graves {
  struct rs_map by_id;
  struct rs_link list; /* oldest first */
};

void rs_graves_init(struct rs_graves *graves);
void rs_graves_free(struct rs_graves *graves);
/* Takes over the reference to the row, which may be NULL. */
void rs_graves_add(struct rs_graves *graves, struct rs_id id, uint64_t type, int32_t reason, const void *text,
                   uint32_t text_bytes, struct rs_row *row, uint64_t most);
const struct rs_grave *rs_graves_find(const struct rs_graves *graves, struct rs_id id); /* NULL: not known */

#endif
