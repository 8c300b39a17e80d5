/* config.h -- the settings of a cluster as one plain struct, filled from config.def. Shared read-only by all endpoints.
 */
#ifndef RS_CORE_CONFIG_H
#define RS_CORE_CONFIG_H

#include <stdint.h>

#include "policy/policy.h"

struct rs_config {
#define CFG(name, value, low, high, unit, text) int64_t name;
#include "core/config.def"
#undef CFG
  uint64_t seed;                        /* of the cluster; every endpoint's stream is derived from it and its address */
  const struct rs_place_policy *policy; /* of tasks and actors without a strategy of their own; not owned */
};

struct rs_config_entry {
  const char *name, *unit, *text;
  int64_t value, min, max; /* value: the default */
};

void rs_config_defaults(struct rs_config *config); /* policy: hybrid; seed 0 */

/* Sets one entry by name. 0, -1 for an unknown name, -2 for a value out of range. */
int rs_config_set(struct rs_config *config, const char *name, int64_t value);

/* The table, ended by a NULL name. */
extern const struct rs_config_entry rs_config_table[];

#endif
