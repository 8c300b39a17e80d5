/* msg.h -- messages as immutable, reference-counted structs, and their little-endian wire form.
 *
 * In memory a message is `struct rs_m_<name>`, whose first member is `struct rs_msg head`; cast by head.type. Arrays
 * are
 * `<field>_count` and `<field>`. A simulation passes the pointer and charges rs_msg_wire_bytes(); sockets carry the
 * bytes. Not thread-safe: references are taken under the lock of the process.
 */
#ifndef RS_CORE_MSG_H
#define RS_CORE_MSG_H

#include "core/errors.h"
#include "core/row.h"
#include "core/task.h"
#include "core/types.h"

struct rs_msg {
  uint32_t refs;
  uint16_t type;       /* enum rs_msg_type */
  uint32_t wire_bytes; /* 0 until asked for */
  uint64_t hash;       /* of the wire form; 0 until asked for, see rs_msg_hash() */
};

/* An entry of the view on the wire. Without info the receiver keeps the one that it has. */
struct rs_entry {
  rs_node_id node;
  rs_addr raylet;
  uint32_t report_seq, queued;
  uint8_t state;
  struct rs_res left;
  struct rs_node_info *info; /* may be NULL */
};

/* Demand that waits somewhere: `count` times the same shape. */
struct rs_shape {
  struct rs_demand demand;
  uint32_t count;
};

/* One bundle of a placement group: what it holds, its number, and its node's raylet (none: it has no place). */
struct rs_bundle {
  struct rs_demand demand;
  uint32_t index;
  rs_addr raylet;
};

enum rs_msg_type {
#define MSG(NAME, name, number) RS_MSG_##NAME = number,
#define F(type, field)
#define FV(type, field, cap)
#define END
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END
  RS_MSG_MAX = 192
};

/* The C types behind the table's type names. */
typedef uint8_t rs_type_u8;
typedef uint8_t rs_type_flag;           /* 0 or 1 */
typedef uint8_t rs_type_strategy;       /* enum rs_strategy */
typedef uint8_t rs_type_actor_state;    /* enum rs_actor_state */
typedef uint8_t rs_type_group_strategy; /* enum rs_group_strategy */
typedef uint8_t rs_type_group_state;    /* enum rs_group_state */
typedef uint16_t rs_type_u16;
typedef uint32_t rs_type_u32;
typedef uint64_t rs_type_u64;
typedef int32_t rs_type_i32;
typedef int64_t rs_type_i64;
typedef rs_addr rs_type_addr;
typedef struct rs_id rs_type_id;
typedef struct rs_shared_demand *rs_type_demand;
typedef struct rs_res rs_type_left;
typedef struct rs_node_info *rs_type_info;
typedef struct rs_task *rs_type_task;
typedef struct rs_result *rs_type_result;
typedef struct rs_result *rs_type_error; /* a result that failed, or NULL */
typedef struct rs_value *rs_type_value;  /* may be NULL */
typedef struct rs_dep rs_type_dep;
typedef struct rs_entry rs_type_entry;
typedef struct rs_shape rs_type_shape;
typedef struct rs_row *rs_type_row;
typedef struct rs_bundle rs_type_bundle;

#define MSG(NAME, name, number)                                                                                        \
  struct rs_m_##name {                                                                                                 \
    struct rs_msg head;
#define F(type, field) rs_type_##type field;
#define FV(type, field, cap)                                                                                           \
  uint32_t field##_count;                                                                                              \
  rs_type_##type *field;
#define END                                                                                                            \
  }                                                                                                                    \
  ;
#include "core/messages.def"
#undef MSG
#undef F
#undef FV
#undef END

/* A VIEW also carries the version itself inside one process; it never reaches the wire. See rs_view_of(). */
struct rs_view_msg {
  struct rs_m_view m;
  struct rs_view *view; /* NULL after decoding */
};
static inline struct rs_view *rs_view_of(const struct rs_msg *msg)
{
  return ((const struct rs_view_msg *)(const void *)msg)->view;
}

void *rs_msg_new(enum rs_msg_type type); /* zeroed, one reference; arrays are rs_alloc'ed by whoever fills them */
struct rs_msg *rs_msg_ref(struct rs_msg *msg);
void rs_msg_unref(struct rs_msg *msg); /* frees arrays, and references to tasks, results, infos, view */

const char *rs_msg_name(uint16_t type); /* "LEASE_REQUEST"; "?" for an unknown one */

/* Size of the wire form (type number and fields, without a frame's header): computed once. */
uint32_t rs_msg_wire_bytes(struct rs_msg *msg);

/* A 64-bit hash of the wire form, the same on every machine; kept in the message. */
uint64_t rs_msg_hash(struct rs_msg *msg);

/* What may be sent: amounts of resources are 0 .. RS_AMOUNT_MAX (so that sums and the utilisation cannot overflow),
 * arrays within their caps, ids complete, flags and enums in range. Asserted when a message is measured or written,
 * refused when one is read. */
#define RS_AMOUNT_MAX (INT64_C(1) << 49)

/* Writes the wire form. Returns its size; where that exceeds cap nothing useful is in `out`. */
size_t rs_msg_encode(const struct rs_msg *msg, uint8_t *out, size_t cap);

/* Reads one whole wire form of exactly `size` bytes. 0 and *out with one reference, or RS_ERR_TRUNCATED,
 * RS_ERR_MALFORMED, RS_ERR_TOO_LARGE; then *out is NULL and nothing leaks. Safe on hostile bytes: it allocates no more
 * than a small multiple of `size`. */
int rs_msg_decode(const uint8_t *bytes, size_t size, struct rs_msg **out);

/* One line for logs: name and fields; cut at cap. */
void rs_msg_print(const struct rs_msg *msg, char *out, size_t cap);

#endif
