/* items.h -- reads the streams of a load's tasks: one item of each at a time, from its first to its end.
 *
 * Each item is asked for (NEXT), fetched to this program's node (GET), worked on for `read_ns`, given up again, and
 * then the next one is asked for: the reader that a task's backpressure waits for. Streams are read side by side.
 *
 * Memory: 100 bytes a stream that is open. O(1) a reply. Not thread-safe.
 */
#ifndef RS_LIB_ITEMS_H
#define RS_LIB_ITEMS_H

#include "core/app.h"

struct rs_items;

struct rs_items_stats {
  uint64_t read, lost; /* items worked on; items that could not be fetched */
  uint64_t open;       /* streams that have not come to their end */
  uint64_t last_ns;    /* when the last item was given up */
};

struct rs_items *rs_items_new(rs_addr self, uint64_t read_ns); /* self: whose streams, and whose items */
void rs_items_free(struct rs_items *items);                    /* NULL is allowed */

void rs_items_open(struct rs_items *items, struct rs_id task, struct rs_calls *calls); /* it is submitted by now */
void rs_items_on_reply(struct rs_items *items, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls);
void rs_items_on_timer(struct rs_items *items, uint64_t now, struct rs_calls *calls);
uint64_t rs_items_deadline(const struct rs_items *items);
struct rs_items_stats rs_items_stats(const struct rs_items *items);

#endif
