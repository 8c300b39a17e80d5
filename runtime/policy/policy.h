/* policy.h -- the placement policies' small C ABI, and their table.
 *
 * A policy picks a node for one demand out of a version of the view. Its state is only a cache of the view (an index, a
 * score table): it can be rebuilt from the view at any moment with the same decisions afterwards. A policy is pure: no
 * clock, no file, no writable global, no random number but from the stream that it is given.
 *
 * An external policy is a shared library that exports `const struct rs_place_policy rs_policy` (see examples/).
 */
#ifndef RS_POLICY_POLICY_H
#define RS_POLICY_POLICY_H

#include "base/rng.h"
#include "policy/view.h"

#define RS_POLICY_ABI 1u

/* The outcome of a pick, not an error. */
enum rs_pick {
  RS_PICK_OK,    /* choice->node has room now */
  RS_PICK_LATER, /* some node could ever hold it, none has room now */
  RS_PICK_NEVER  /* no node of this view could ever hold it */
};

/* How a task may be placed (Ray's scheduling strategies). */
enum rs_strategy { RS_STRATEGY_DEFAULT, RS_STRATEGY_SPREAD, RS_STRATEGY_NODE_AFFINITY, RS_STRATEGY_NODE_AFFINITY_SOFT };

#define RS_LOCALITY_MAX 8

struct rs_place_opts {
  rs_node_id local;             /* the node that decides; RS_NODE_NONE in the GCS */
  uint32_t spread_threshold_e4; /* scheduler_spread_threshold */
  uint32_t top_k_fraction_e4;   /* scheduler_top_k_fraction */
  uint32_t top_k_absolute;      /* scheduler_top_k_absolute */
  bool avoid_gpu_nodes;         /* scheduler_avoid_gpu_nodes: keep GPU nodes for GPU demands */
};

/* One question. */
struct rs_place_request {
  const struct rs_demand *demand;
  uint32_t locality_count; /* nodes that already hold arguments, most bytes first */
  struct {
    rs_node_id node;
    uint64_t bytes;
  } locality[RS_LOCALITY_MAX];
};

struct rs_choice {
  rs_node_id node;   /* RS_NODE_NONE unless the outcome is RS_PICK_OK */
  uint32_t score_e4; /* the policy's own score of that node, for `explain` */
};

struct rs_place_policy {
  uint32_t abi_version; /* RS_POLICY_ABI */
  const char *name;     /* "hybrid" */
  const char *doc;      /* one line, with the source of the algorithm */
  void *(*create)(const struct rs_view *view, const struct rs_place_opts *opts);
  void (*destroy)(void *state);
  /* The entry of `node` may have changed; `view` is the version that later picks will be asked about. */
  void (*node_changed)(void *state, const struct rs_view *view, rs_node_id node);
  /* work += nodes examined: entries of the view that were read. A change is counted by the pick that reads it. */
  enum rs_pick (*pick)(void *state, const struct rs_view *view, const struct rs_place_request *request,
                       struct rs_rng *rng, struct rs_choice *out, uint64_t *work);
};

/* The policy's choice for the first of the demand's label alternatives that has one. LATER where none has room now and
 * some could be held; NEVER where none could. This is what the roles call. */
enum rs_pick rs_place_pick(const struct rs_place_policy *policy, void *state, const struct rs_view *view,
                           const struct rs_place_request *request, struct rs_rng *rng, struct rs_choice *out,
                           uint64_t *work);

/* NULL where a policy from a shared library can be used, else one line that says what is wrong with it. Looks at the
 * ABI version first and at nothing else where that differs. */
const char *rs_place_policy_check(const struct rs_place_policy *policy);

/* Every built-in policy, ended by NULL, and look-up by name (NULL when there is none). */
extern const struct rs_place_policy *const rs_place_policies[];
const struct rs_place_policy *rs_place_policy_by_name(const char *name);

#endif
