/* recorder.h -- the file of one endpoint's recording (core/record.h has the format).
 *
 * The file is a shared mapping, grown by ftruncate ahead of what is written, so everything that was appended before the
 * process was killed is in the file; the rest is zeros, which end a recording.
 */
#ifndef RS_UV_RECORDER_H
#define RS_UV_RECORDER_H

#include "core/io.h"

struct rs_recorder;

/* Makes DIR/<role>-<node>.<incarnation>.<endpoint>.rec and writes its head. NULL where that fails (errno). */
struct rs_recorder *rs_recorder_open(const char *dir, const struct rs_start *start);

/* Both must have returned before the effects are performed. */
void rs_recorder_input(struct rs_recorder *recorder, uint64_t now, const struct rs_input *input);
void rs_recorder_effects(struct rs_recorder *recorder, const struct rs_effects *effects);

void rs_recorder_close(struct rs_recorder *recorder); /* cuts the file to what was written; NULL is fine */

#endif
