/* look.h -- what a node's host knows: the processes of its workers, its log files. Asked over a connection of its own
 * (query.h), node by node: such bytes pass through nobody else.
 *
 * A question is RS_FRAME_LOOK: u8 what, u64 at, u32 lines, name. The answer RS_FRAME_SEEN:
 *   PROCESSES   u32 count, for each: u64 worker, u32 pid, u64 resident bytes
 *   FILES       u64 folder (equal for nodes that share it), u32 count, for each: u64 bytes, name
 *   READ        i32 status, u64 size, u64 at, then at most RS_LOOK_BYTES_MAX bytes of the file from there on; `lines`
 *               other than UINT32_MAX: from where its last so many lines begin
 */
#ifndef RS_UV_LOOK_H
#define RS_UV_LOOK_H

#include "uv/proc.h"

enum rs_look { RS_LOOK_PROCESSES, RS_LOOK_FILES, RS_LOOK_READ };
enum { RS_LOOK_BYTES_MAX = 256 << 10, RS_LOOK_NAME_MAX = 200, RS_LOOK_FILES_MAX = 100000 };

/* With the lock: answers. False: the frame is malformed. */
bool rs_look_on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *frame);

#endif
