/* text.h -- short texts for people, put together without a library: causes of deaths, details of errors.
 *
 * A text has a fixed buffer of its own; what does not fit is cut. It is not terminated: `used` bytes count.
 */
#ifndef RS_CORE_TEXT_H
#define RS_CORE_TEXT_H

#include "core/types.h"

#define RS_TEXT_MAX 1024

struct rs_text {
  uint32_t used;
  char bytes[RS_TEXT_MAX];
};

void rs_text_bytes(struct rs_text *text, const void *bytes, size_t count);
void rs_text_str(struct rs_text *text, const char *string);
void rs_text_number(struct rs_text *text, uint64_t number);
void rs_text_worker(struct rs_text *text, rs_addr worker); /* "worker 17 on node 3" */
/* "exit code 3", "signal 9 (SIGKILL)"; nothing where `end` is RS_PROCESS_RUNS. True: there was something. */
bool rs_text_end(struct rs_text *text, int32_t end);

#endif
