/* frame.h -- cutting a byte stream into frames.
 *
 * A frame is a length (u32, little-endian: the bytes that follow), a type (u8) and a body. The length of a frame is
 * looked at before anything is kept for it: one that is empty or longer than the limit in force ends the connection.
 */
#ifndef RS_UV_FRAME_H
#define RS_UV_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define RS_FRAME_HEADER 5u

enum rs_frame_type {
  /* the handshake */
  RS_FRAME_HELLO = 1,
  RS_FRAME_CHALLENGE = 2,
  RS_FRAME_PROOF = 3,
  RS_FRAME_WELCOME = 4,
  RS_FRAME_REFUSED = 5,
  /* afterwards */
  RS_FRAME_MSG = 16,   /* u64 from, u64 to, a message's wire form */
  RS_FRAME_PING = 17,  /* u64 number */
  RS_FRAME_PONG = 18,  /* the same */
  RS_FRAME_WHERE = 19, /* u64 raylet: where does its process listen? */
  RS_FRAME_ROUTE = 20, /* u64 raylet, u8 known, u16 port, host */
  RS_FRAME_FETCH = 21, /* u64 request, id: the bytes of that object, please */
  RS_FRAME_DATA = 22,  /* u64 request, i32 status, u64 size, u64 offset, bytes */
  RS_FRAME_LEAVE = 25, /* end this node */
  RS_FRAME_STATUS = 26,
  RS_FRAME_STATUS_REPLY = 27,
  RS_FRAME_ABOUT = 28,   /* u64 pid, info: what a node that has joined says about itself */
  RS_FRAME_ARENA = 29,   /* u64 pid, u32 descriptor, u64 bytes: the node's memory for objects */
  RS_FRAME_ROOM = 30,    /* u64 0, id, u8 place, u64 size, u64 at, u32 descriptor: where an object is to be written */
  RS_FRAME_FIND = 31,    /* u64 number, id: where is it, please */
  RS_FRAME_PLACE = 32,   /* u64 number, or 0: nobody asked, id, u8 place, u64 size, u64 at, u32 descriptor */
  RS_FRAME_PACKAGE = 33, /* id, 32 digits: a worker uses the package with this hash, whose bytes that object is */
  RS_FRAME_OUTPUT = 40,  /* u64 worker, u32 pid, u8 stream, u64 left out, name, bytes: what a job's task has printed */
  RS_FRAME_LOOK = 41,    /* look.h: what a node's host knows, and the answer */
  RS_FRAME_SEEN = 42
};

enum rs_place {
  RS_PLACE_NONE,
  RS_PLACE_MEMORY /* at: in the arena */,
  RS_PLACE_FRESH /* the same, without memory behind it yet */,
  RS_PLACE_FILE /* at: in that file */
};

struct rs_frame {
  uint8_t type;
  const uint8_t *body;
  size_t body_bytes;
};

/* Looks at the first frame of `bytes`. > 0: *frame is set, that many bytes are used up. 0: more bytes are needed, *need
 * in all (RS_FRAME_HEADER while the length itself is missing). RS_ERR_MALFORMED, RS_ERR_TOO_LARGE: the stream is
 * broken. frame_max counts type and body. */
int64_t rs_frame_next(const uint8_t *bytes, size_t have, size_t frame_max, struct rs_frame *frame, size_t *need);

/* Writes length and type; out has RS_FRAME_HEADER bytes. */
void rs_frame_header(uint8_t *out, uint8_t type, size_t body_bytes);

#endif
