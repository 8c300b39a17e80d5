/* limits.h -- every cap and pause of the libuv driver, by name. */
#ifndef RS_UV_LIMITS_H
#define RS_UV_LIMITS_H

enum {
  RS_UV_VERSION = 3,               /* of the wire: frames, handshake and message numbers */
  RS_UV_FRAME_MAX = 256 << 20,     /* bytes in one frame after the handshake */
  RS_UV_HANDSHAKE_FRAME_MAX = 256, /* ... before the other side has proved that it knows the token */
  RS_UV_WELCOME_MAX = 1 << 20,     /* ... in the answer that carries the cluster's settings */
  RS_UV_HALF_OPEN_MAX = 64,        /* accepted connections in the handshake; the oldest goes first */
  RS_UV_HANDSHAKE_MS = 20000,      /* a whole handshake */
  RS_UV_CONNECT_MS = 5000,         /* until a connection is made, its address found included */
  RS_UV_READ_BYTES = 256 << 10,    /* read at once from one connection */
  RS_UV_CHUNK_BYTES = 5 << 20,     /* of an object in one frame: Ray's object_manager_default_chunk_size */
  RS_UV_OUT_HIGH = 8 << 20,        /* bytes waiting for one peer beyond which the process stops reading */
  RS_UV_OUT_CAP = 1 << 30,         /* ... beyond which the peer is given up */
  RS_UV_PAUSE_MS = 1000,           /* reading stops for at most this long: two processes may wait for each other */
  RS_UV_UNPIN_US = 1000,           /* an object that is read no more stays pinned this long: it may be got again */
  RS_UV_OFFERS = 32,               /* places of objects that a raylet has told with its answers, remembered */
  RS_UV_ROOM_MS = 30000,           /* a task waits for room in the store for what it returns */
  RS_UV_BURST_US = 100,            /* calls that come faster than this one after the other leave together */
  RS_UV_BURST_CALLS = 256,         /* ... at most so many */
  RS_UV_FLUSH_US = 500,            /* results of short tasks wait for company this long */
  RS_UV_STACK_BYTES = 8 << 20,     /* of each thread that runs functions beside the main one */
  RS_UV_KILL_GRACE_MS = 1000,      /* from the request to end a task to the end of its process */
  RS_UV_LEAVE_MS = 2000            /* for a node to leave by itself before it is killed */
};

#endif
