/* builtin.h -- the built-in policies by symbol; everybody else looks them up by name (policy.h). */
#ifndef RS_POLICY_BUILTIN_H
#define RS_POLICY_BUILTIN_H

#include "policy/policy.h"

extern const struct rs_place_policy rs_policy_hybrid, rs_policy_spread, rs_policy_random, rs_policy_pack,
    rs_policy_locality;

#endif
