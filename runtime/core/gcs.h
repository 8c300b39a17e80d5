/* gcs.h -- the gcs role as the endpoint sees it. See gcs.c, gcs_actor.c and autoscaler.c for what they decide. */
#ifndef RS_CORE_GCS_H
#define RS_CORE_GCS_H

#include "core/endpoint.h"

struct rs_gcs *rs_gcs_new(struct rs_endpoint *ep, const struct rs_start *start);
void rs_gcs_free(struct rs_gcs *gcs);
bool rs_gcs_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg); /* false: not for this role */
void rs_gcs_on_peer_down(struct rs_endpoint *ep, rs_addr peer);
void rs_gcs_on_host(struct rs_endpoint *ep, uint64_t request, bool up, rs_addr raylet);
void rs_gcs_prefetch(const struct rs_gcs *gcs, rs_addr from, const struct rs_msg *msg, unsigned step); /* 1, then 0 */
void rs_gcs_settle(struct rs_endpoint *ep);
uint64_t rs_gcs_deadline(const struct rs_endpoint *ep);
void rs_gcs_sanity_check(const struct rs_gcs *gcs);

/* What the head knows, for `raysim status`: nodes alive, and the current version of the view (borrowed). */
const struct rs_view *rs_gcs_view(const struct rs_endpoint *ep);
uint32_t rs_gcs_group_count(const struct rs_endpoint *ep);
uint32_t rs_gcs_actor_count(const struct rs_endpoint *ep);
uint64_t rs_gcs_queued(const struct rs_endpoint *ep); /* lease requests that wait, as last reported */

#endif
