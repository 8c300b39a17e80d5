/* bulk.h -- copying and populating memory by the MiB, as fast as the machine does it: in several threads, and without
 * reading what is only written.
 *
 * Any thread; no lock is needed or taken. Both return when all of it is done.
 */
#ifndef RS_UV_BULK_H
#define RS_UV_BULK_H

#include <stdint.h>

/* As memcpy: the ranges do not overlap. */
void rs_bulk_copy(uint8_t *to, const uint8_t *from, uint64_t size);

/* Pages of a shared mapping are there from now on, to be written. 0, or -1 when there is no memory for them, instead of
 * a signal at the first touch. */
int rs_bulk_populate(uint8_t *bytes, uint64_t size);

#endif
