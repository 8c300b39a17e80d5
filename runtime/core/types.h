/* types.h -- addresses and ids.
 *
 * An endpoint's address is 64 bits: node (24), the node's incarnation (12), endpoint on that node (28). 0 is "none". A
 * node that comes back has the same node number and a higher incarnation; messages of an old incarnation are refused.
 * Workers never reuse an endpoint number within an incarnation.
 *
 * Tasks, actors and objects share one id form: the owner's address and a sequence number of that owner. A task with
 * sequence number s and n returns owns the object ids s+1 .. s+n. The printed and API form has 28 bytes (56 hex
 * digits).
 */
#ifndef RS_CORE_TYPES_H
#define RS_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/view.h"

typedef uint64_t rs_addr;

#define RS_ADDR_NONE UINT64_C(0)
#define RS_PROCESS_RUNS INT32_MIN /* in place of how a process ended: an exit code, or minus a signal */
#define RS_NODE_MAX ((1u << 24) - 1)
#define RS_INCARNATION_MAX ((1u << 12) - 1)

/* Endpoint numbers on a node. Driver programs are numbered by the node's driver code from RS_EP_DRIVER on, workers by
 * the raylet from RS_EP_WORKER on. */
enum { RS_EP_RAYLET = 1, RS_EP_GCS = 2, RS_EP_WORKER = 16, RS_EP_DRIVER = 1 << 27, RS_EP_MAX = (1 << 28) - 1 };

static inline rs_addr rs_addr_make(rs_node_id node, uint32_t incarnation, uint32_t ep)
{
  return (uint64_t)node << 40 | (uint64_t)incarnation << 28 | ep;
}
static inline rs_node_id rs_addr_node(rs_addr a)
{
  return (rs_node_id)(a >> 40);
}
static inline uint32_t rs_addr_incarnation(rs_addr a)
{
  return (uint32_t)(a >> 28) & RS_INCARNATION_MAX;
}
static inline uint32_t rs_addr_ep(rs_addr a)
{
  return (uint32_t)a & RS_EP_MAX;
}
static inline rs_addr rs_addr_raylet(rs_addr a)
{
  return (a & ~(uint64_t)RS_EP_MAX) | RS_EP_RAYLET;
}
static inline bool rs_addr_same_node(rs_addr a, rs_addr b)
{
  return (a >> 28) == (b >> 28);
} /* and incarnation */

/* A bundle's number and its node's number and incarnation, as one number of a trace. */
static inline uint64_t rs_bundle_place(uint32_t index, rs_addr raylet)
{
  return (uint64_t)index << 36 | raylet >> 28;
}

struct rs_id {
  uint64_t owner; /* an rs_addr */
  uint64_t seq;   /* > 0 */
};

static inline bool rs_id_equal(struct rs_id a, struct rs_id b)
{
  return a.owner == b.owner && a.seq == b.seq;
}

#define RS_ID_HEX 57 /* 56 digits and the final 0 */
void rs_id_hex(struct rs_id id, char out[RS_ID_HEX]);

#endif
