/* setup.c -- see setup.h. */
#include "uv/setup.h"

#include <stdio.h>

void rs_put_text(struct rs_writer *w, const char *text)
{
  size_t length = strlen(text);
  rs_put_u16(w, (uint16_t)length);
  rs_put_bytes(w, text, length);
}

bool rs_get_text(struct rs_reader *r, char *out, size_t cap)
{
  size_t length = rs_get_u16(r);
  const uint8_t *at = rs_get_span(r, length);
  if (!at || length >= cap || memchr(at, 0, length)) {
    rs_get_fail(r, RS_ERR_MALFORMED);
    out[0] = 0;
    return false;
  }
  memcpy(out, at, length);
  out[length] = 0;
  return true;
}

void rs_setup_put(struct rs_writer *w, const struct rs_setup *setup)
{
#define CFG(name, value, low, high, unit, text) rs_put_u64(w, (uint64_t)setup->config.name);
#include "core/config.def"
#undef CFG
  rs_put_u64(w, setup->config.seed);
  rs_put_text(w, setup->policy_library);
  rs_put_text(w, setup->policy_library[0] ? setup->policy : setup->config.policy->name);
  rs_put_text(w, setup->session);
  rs_put_text(w, setup->load);
  rs_put_text(w, setup->record);
  rs_put_text(w, setup->head_host);
  rs_put_u16(w, setup->head_port);
}

bool rs_setup_get(struct rs_reader *r, struct rs_setup *setup)
{
  memset(setup, 0, sizeof *setup);
#define CFG(name, value, low, high, unit, text)                                                                        \
  setup->config.name = (int64_t)rs_get_u64(r);                                                                         \
  if (setup->config.name < (low) || setup->config.name > (high))                                                       \
    rs_get_fail(r, RS_ERR_MALFORMED);
#include "core/config.def"
#undef CFG
  setup->config.seed = rs_get_u64(r);
  rs_get_text(r, setup->policy_library, sizeof setup->policy_library);
  rs_get_text(r, setup->policy, sizeof setup->policy);
  struct rs_config defaults;
  rs_config_defaults(&defaults);
  setup->config.policy = setup->policy_library[0] ? defaults.policy : rs_place_policy_by_name(setup->policy);
  rs_get_text(r, setup->session, sizeof setup->session);
  rs_get_text(r, setup->load, sizeof setup->load);
  rs_get_text(r, setup->record, sizeof setup->record);
  rs_get_text(r, setup->head_host, sizeof setup->head_host);
  setup->head_port = rs_get_u16(r);
  return r->error == 0 && setup->config.policy != NULL;
}

int rs_setup_open_policy(struct rs_setup *setup, char *error)
{
  if (!setup->policy_library[0])
    return 0;
  const struct rs_place_policy *policy = rs_policy_open(setup->policy_library, error, RS_UV_ERROR_MAX);
  if (policy && setup->policy[0] && strcmp(policy->name, setup->policy) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: it is the policy \"%.64s\"; the cluster's is \"%.64s\"",
             setup->policy_library, policy->name, setup->policy);
    policy = NULL;
  }
  if (!policy)
    return RS_ERR_REFUSED;
  setup->config.policy = policy;
  snprintf(setup->policy, sizeof setup->policy, "%s", policy->name);
  return 0;
}
