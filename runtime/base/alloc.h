/* alloc.h -- memory that is there or the process ends: a failed malloc at this size is fatal, so callers need no
 * branch.
 *
 * A process that gets no memory ends by rs_no_memory, and not by an assertion: it is nobody's error.
 *
 * The returned memory is the caller's, to be released with free(). Thread-safe as malloc is.
 */
#ifndef RS_BASE_ALLOC_H
#define RS_BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

void *rs_alloc(size_t bytes);                            /* uninitialised */
void *rs_alloc_zero(size_t count, size_t bytes);         /* zeroed array; count x bytes is checked */
void *rs_realloc(void *old, size_t count, size_t bytes); /* grows or shrinks an array */
void *rs_memdup(const void *from, size_t bytes);         /* NULL for bytes == 0 */

/* Called when `bytes` more are not there; does not return. Each program says one line and ends in its own way by
 * defining it; the default (a weak symbol) gives rs_panic the text and aborts. */
void rs_no_memory(size_t bytes);

/* Makes room for one more element in a growable array: `array`, its `count` and `cap` (both uint32_t). */
#define RS_GROW(array, count, cap)                                                                                     \
  do {                                                                                                                 \
    if ((count) == (cap)) {                                                                                            \
      (cap) = (cap) ? 2 * (cap) : 8;                                                                                   \
      (array) = rs_realloc((array), (cap), sizeof *(array));                                                           \
    }                                                                                                                  \
  } while (0)

#endif
