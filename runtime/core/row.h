/* row.h -- one line of what is known about the cluster's state: numbers and a text, immutable and reference-counted.
 *
 * What the numbers mean is said by the row's kind, in state.def. Not thread-safe: references are taken under the lock
 * of the process.
 */
#ifndef RS_CORE_ROW_H
#define RS_CORE_ROW_H

#include <stdint.h>

#define RS_ROW_MAX 32u        /* numbers */
#define RS_ROW_TEXT_MAX 8192u /* bytes */

struct rs_row {
  uint32_t refs;
  uint8_t kind; /* enum rs_state_kind; one from elsewhere may be unknown here */
  uint8_t count;
  uint16_t text_bytes;
  uint64_t *n;   /* count of them, in the same allocation */
  uint8_t *text; /* not terminated */
};

/* Zeroed, one reference; to be filled in before it is shared. */
struct rs_row *rs_row_new(uint8_t kind, uint32_t count, uint32_t text_bytes);
struct rs_row *rs_row_copy(const struct rs_row *row); /* one reference, to be changed before it is shared */
struct rs_row *rs_row_ref(struct rs_row *row);
void rs_row_unref(struct rs_row *row); /* NULL is fine */

#endif
