/* policy.c -- the table of the built-in policies, and what makes a policy from elsewhere acceptable. */
#include "policy/policy.h"

#include "policy/builtin.h"

#include <string.h>

const struct rs_place_policy *const rs_place_policies[] = {
    &rs_policy_hybrid, &rs_policy_spread, &rs_policy_random, &rs_policy_pack, &rs_policy_locality, NULL,
};

const struct rs_place_policy *rs_place_policy_by_name(const char *name)
{
  for (uint32_t i = 0; name && rs_place_policies[i]; i++)
    if (strcmp(rs_place_policies[i]->name, name) == 0)
      return rs_place_policies[i];
  return NULL;
}

enum rs_pick rs_place_pick(const struct rs_place_policy *policy, void *state, const struct rs_view *view,
                           const struct rs_place_request *request, struct rs_rng *rng, struct rs_choice *out,
                           uint64_t *work)
{
  if (request->demand->fallback_count == 0)
    return policy->pick(state, view, request, rng, out, work);
  enum rs_pick outcome = RS_PICK_NEVER;
  struct rs_place_request one = *request;
  struct rs_demand demand;
  one.demand = &demand;
  for (unsigned i = 0; rs_demand_alternative(request->demand, i, &demand); i++) {
    enum rs_pick of_one = policy->pick(state, view, &one, rng, out, work);
    if (of_one == RS_PICK_OK)
      return RS_PICK_OK;
    if (of_one == RS_PICK_LATER)
      outcome = RS_PICK_LATER;
  }
  return outcome;
}

const char *rs_place_policy_check(const struct rs_place_policy *policy)
{
  if (!policy)
    return "there is no policy: the library must export `const struct rs_place_policy rs_policy`";
  if (policy->abi_version != RS_POLICY_ABI)
    return "its abi_version differs from this program's RS_POLICY_ABI: build it with this version's policy/policy.h";
  if (!policy->name || !*policy->name)
    return "it has no name";
  if (!policy->doc || !*policy->doc)
    return "it has no doc: one line that says what it does";
  if (!policy->create)
    return "it has no create function";
  if (!policy->destroy)
    return "it has no destroy function";
  if (!policy->node_changed)
    return "it has no node_changed function (one that does nothing will do)";
  if (!policy->pick)
    return "it has no pick function";
  return NULL;
}
