/* config.c -- the table of settings, their defaults, and setting one by name. */
#include "core/config.h"

#include <string.h>

#include "base/assert.h"

const struct rs_config_entry rs_config_table[] = {
#define CFG(name, value, low, high, unit, text) {#name, unit, text, value, low, high},
#include "core/config.def"
#undef CFG
    {0}};

void rs_config_defaults(struct rs_config *config)
{
  memset(config, 0, sizeof *config);
#define CFG(name, value, low, high, unit, text) config->name = value;
#include "core/config.def"
#undef CFG
  config->policy = rs_place_policy_by_name("hybrid");
  RS_ASSERT(config->policy);
}

int rs_config_set(struct rs_config *config, const char *entry, int64_t to)
{
#define CFG(name, value, low, high, unit, text)                                                                        \
  if (strcmp(entry, #name) == 0) {                                                                                     \
    if (to < (low) || to > (high))                                                                                     \
      return -2;                                                                                                       \
    config->name = to;                                                                                                 \
    return 0;                                                                                                          \
  }
#include "core/config.def"
#undef CFG
  return -1;
}
