/* An external policy, opened as the programs open one: the library of examples/policy_two_choices. */
#include "check.h"
#include "policy/policy.h"

#include <dlfcn.h>
#include <stdlib.h>

static void *library;
static const struct rs_place_policy *policy;

static void open_library(void)
{
  if (library)
    return;
  library = dlopen(RS_BINARY_DIR "/examples/policy_two_choices.so", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    printf("\n    %s\n", dlerror());
  CHECK(library != NULL);
  policy = dlsym(library, "rs_policy");
  CHECK(policy != NULL);
}

static void it_is_a_policy(void)
{
  open_library();
  CHECK(rs_place_policy_check(policy) == NULL);
  CHECK_STR(policy->name, "two-choices");
  CHECK(rs_place_policy_by_name(policy->name) == NULL); /* no built-in one */
}

static void another_abi_is_refused(void)
{
  open_library();
  struct rs_place_policy other = *policy;
  other.abi_version = RS_POLICY_ABI + 1;
  CHECK(rs_place_policy_check(&other) != NULL);
}

/* It fills a cluster of unequal nodes to the last CPU, says LATER then, and NEVER to what cannot be. */
static void it_places(void)
{
  enum { NODES = 300, TYPES = 3 };
  open_library();
  struct rs_node_info *types[TYPES];
  struct rs_view *view = rs_view_new();
  for (int i = 0; i < TYPES; i++)
    types[i] = rs_node_info_new(&(struct rs_res){.cpu_e4 = (i + 1) * RS_ONE_E4});
  uint32_t room = 0;
  for (rs_node_id node = 0; node < NODES; node++) {
    struct rs_view_node entry = {.info = types[node % TYPES]};
    entry.state = node % 10 ? RS_NODE_ALIVE : RS_NODE_DEAD;
    entry.left = entry.info->total;
    room += entry.state == RS_NODE_ALIVE ? node % TYPES + 1 : 0;
    rs_view_set(&view, node, &entry);
  }
  struct rs_place_opts opts = {.local = RS_NODE_NONE, .top_k_absolute = 1};
  void *state = policy->create(view, &opts);
  struct rs_demand cpu = {.cpu_e4 = RS_ONE_E4}, wide = {.cpu_e4 = 4 * RS_ONE_E4};
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  uint64_t work = 0;
  struct rs_choice choice;
  struct rs_place_request request = {.demand = &cpu};
  for (uint32_t i = 0; i < room; i++) {
    struct rs_rng fresh_rng = rng;
    struct rs_choice fresh_choice;
    void *fresh = policy->create(view, &opts);
    CHECK_EQ(policy->pick(state, view, &request, &rng, &choice, &work), RS_PICK_OK);
    CHECK_EQ(policy->pick(fresh, view, &request, &fresh_rng, &fresh_choice, &work), RS_PICK_OK);
    policy->destroy(fresh);
    CHECK_EQ(choice.node, fresh_choice.node);
    struct rs_view_node entry = *rs_view_get(view, choice.node);
    CHECK(entry.state == RS_NODE_ALIVE);
    rs_res_take(&entry.left, &cpu);
    rs_view_set(&view, choice.node, &entry);
    policy->node_changed(state, view, choice.node);
  }
  CHECK_EQ(policy->pick(state, view, &request, &rng, &choice, &work), RS_PICK_LATER);
  CHECK_EQ(choice.node, RS_NODE_NONE);
  request.demand = &wide;
  CHECK_EQ(policy->pick(state, view, &request, &rng, &choice, &work), RS_PICK_NEVER);
  policy->destroy(state);
  rs_view_unref(view);
  for (int i = 0; i < TYPES; i++) {
    CHECK_EQ(types[i]->refs, 1);
    rs_node_info_unref(types[i]);
  }
}

/* The library exports its policy and none of the functions that it brought along. */
static void it_exports_nothing_else(void)
{
  open_library();
  Dl_info own, other;
  CHECK(dladdr((const void *)policy, &own) != 0);
  void *get = dlsym(library, "rs_view_get");
  CHECK(!get || (dladdr(get, &other) != 0 && strcmp(own.dli_fname, other.dli_fname) != 0));
}

const struct rs_test rs_tests[] = {
    {"it is a policy", it_is_a_policy},
    {"another ABI is refused", another_abi_is_refused},
    {"it places", it_places},
    {"it exports nothing else", it_exports_nothing_else},
    {0},
};
