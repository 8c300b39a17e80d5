/* autoscaler_int.h -- what autoscaler.c (the decision) and autoscaler_group.c (placement groups in it) share. */
#ifndef RS_CORE_AUTOSCALER_INT_H
#define RS_CORE_AUTOSCALER_INT_H

#include "core/gcs_int.h"

/* Room for demand: what is left on a live node, or a host that is being launched. */
struct bin {
  struct rs_res left;
  uint32_t labels_of; /* node type, or UINT32_MAX for a live node */
  rs_node_id node;
};

struct packing {
  struct bin *bins;
  uint32_t count, cap;
};

void rs_autoscaler_add_bin(struct packing *p, const struct rs_res *left, uint32_t type, rs_node_id node);
const struct rs_node_info *rs_autoscaler_bin_info(const struct rs_gcs *g, const struct bin *bin);
uint32_t rs_autoscaler_launching(const struct rs_gcs *g, uint32_t type);
bool rs_autoscaler_launch(struct rs_endpoint *ep, uint32_t type); /* false: it may not, now */

/* The type that `count` of the demand would use best, of those that are not exhausted; UINT32_MAX: none. */
uint32_t rs_autoscaler_best_type(const struct rs_endpoint *ep, const struct rs_demand *demand, uint32_t count,
                                 const bool *exhausted);

/* Packs every placement group that waits, and launches what it lacks. */
void rs_autoscaler_pack_groups(struct rs_endpoint *ep, struct packing *p);

#endif
