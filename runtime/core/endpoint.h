/* endpoint.h -- inside the core: what the roles of one endpoint share.
 *
 * A role is a module whose handlers are named rs_<role>_on_<event>. Handlers append effects; they never call a
 * platform. An endpoint that plays no role beyond "idle worker" stays small: the owner role is allocated at its first
 * CALL.
 */
#ifndef RS_CORE_ENDPOINT_H
#define RS_CORE_ENDPOINT_H

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "core/io.h"

struct rs_gcs;
struct rs_raylet;
struct rs_owner;
struct rs_executor;
struct rs_streams;
struct rs_state;

struct rs_endpoint {
  rs_addr self;
  rs_addr head;   /* the GCS */
  rs_addr raylet; /* of this endpoint's own node */
  const struct rs_config *config;
  struct rs_gcs *gcs;
  struct rs_raylet *local; /* the raylet role, on a raylet's endpoint */
  struct rs_owner *owner;
  struct rs_executor *executor;
  struct rs_streams *streams; /* of the executor; NULL: none yet */
  struct rs_state *state;     /* questions that wait for answers; NULL: none */
  struct rs_effects *out;     /* of the step in progress */
  uint64_t now;               /* of the step in progress */
  struct rs_rng rng;
  struct rs_work work;
  uint8_t roles;
  bool codec_forced, observer;
  bool exited;
};

/* ---- effects ---- */

struct rs_effect *rs_emit(struct rs_endpoint *ep, enum rs_effect_kind kind);

/* Sends a message: takes over the reference. */
void rs_send(struct rs_endpoint *ep, rs_addr to, void *msg);

/* `to` must stay valid until the endpoint's next step. */
void rs_send_many(struct rs_endpoint *ep, const rs_addr *to, uint32_t count, void *msg);

void rs_trace(struct rs_endpoint *ep, enum rs_trace trace, uint64_t a, uint64_t b, uint64_t c);

void rs_exit(struct rs_endpoint *ep);

/* Asks for memory that is going to be needed. */
static inline void rs_prefetch(const void *at, size_t bytes)
{
  for (size_t i = 0; i < bytes; i += 64)
    __builtin_prefetch((const char *)at + i);
}

/* A non-zero map key of an id. Two ids that collide in 64 bits would be an error that the users of such maps assert. */
static inline uint64_t rs_id_key(struct rs_id id)
{
  uint64_t key = rs_mix64(id.owner) ^ rs_mix64(id.seq ^ 0x5bd1e995u);
  return key ? key : 1;
}

#endif
