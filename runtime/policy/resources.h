/* resources.h -- what a node has and what a task asks for.
 *
 * Amounts are integers: CPUs, GPUs and custom resources in fixed point of 1e-4 units ("_e4": 10000 is one CPU), memory
 * and object_store_memory in bytes. GPUs are a vector of devices, each with what is left of it: half of two devices is
 * not a free one, so a demand of 0.8 does not fit into 0.5 + 0.5. A demand of more than one GPU must be a whole number
 * and takes fully free devices; one of at most 1 shares a single device.
 *
 * All functions are pure and O(devices + custom names).
 */
#ifndef RS_POLICY_RESOURCES_H
#define RS_POLICY_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

#define RS_ONE_E4 10000
#define RS_GPU_MAX 16             /* devices a node */
#define RS_CUSTOM_MAX 4           /* custom resource names a node or a demand */
#define RS_LABEL_MAX 8            /* labels a node */
#define RS_SELECT_MAX 8           /* label conditions a demand, over all its alternatives */
#define RS_GROUP_BUNDLES_MAX 1024 /* bundles a placement group */
#define RS_FALLBACK_MAX 7         /* further alternatives a demand */

/* A name (custom resource, label key or value, node type) is its 64-bit FNV-1a hash inside the core. 0 is "no name". */
uint64_t rs_name_hash(const char *name);

struct rs_custom {
  uint64_t name;
  int64_t amount_e4;
};

/* An amount of everything: a node's total, or what is left of it. In an `rs_res` that is left of a node, custom[i] has
 * the same name as in the node's total. Unused entries are zero. */
struct rs_res {
  int64_t cpu_e4;
  int64_t memory_bytes;
  int64_t store_bytes; /* object_store_memory */
  uint16_t gpu_e4[RS_GPU_MAX];
  uint8_t gpu_count;
  uint8_t custom_count;
  struct rs_custom custom[RS_CUSTOM_MAX]; /* sorted by name */
};

enum rs_select_op { RS_SELECT_IN, RS_SELECT_NOT_IN, RS_SELECT_EXISTS, RS_SELECT_NOT_EXISTS };

struct rs_label {
  uint64_t key, value;
};

/* One condition on a node's labels. Conditions of one alternative must all hold; but several INs of the same key name
 * the values of one condition (Ray's In("a", "b")). A node without the label satisfies NOT_IN, as in Ray. */
struct rs_selector {
  uint64_t key, value; /* value is ignored by EXISTS and NOT_EXISTS */
  uint8_t op;
  uint8_t
      alternative; /* 0: the first choice; 1 .. fallback_count: taken in this order where an earlier one has no room */
};

/* What a task or actor asks for. A zero demand fits on every node.
 *
 * Labels: the alternatives are Ray's label_selector and its fallback_strategy. A node can hold the demand when every
 * condition of some alternative holds; an alternative without conditions takes any node. Ray's NodeLabel strategy with
 * hard and soft conditions is hard+soft first, hard alone as the fallback.
 * Group: a demand with group_seq draws from the bundles of that placement group instead of from the node. */
struct rs_demand {
  int64_t cpu_e4;
  int64_t memory_bytes;
  int64_t store_bytes;
  uint32_t gpu_e4;
  uint8_t custom_count;
  uint8_t select_count;
  uint8_t fallback_count;
  int32_t group_bundle;            /* of the group's bundles; -1: any. 0 without a group */
  uint64_t group_owner, group_seq; /* id of a placement group; 0: none */
  uint64_t env; /* hash of the environment that its worker must have; 0: any fresh one. No resource: any node has it */
  struct rs_custom custom[RS_CUSTOM_MAX];   /* sorted by name, amounts > 0 */
  struct rs_selector select[RS_SELECT_MAX]; /* in order of their alternatives */
};

/* A demand that several keep (messages, scheduling keys, lease queues): immutable, reference-counted. Where one is made
 * or changed it is a plain struct rs_demand. Not thread-safe: references are taken under the endpoint's lock. */
struct rs_shared_demand {
  uint32_t refs;
  uint64_t hash; /* rs_demand_hash */
  struct rs_demand is;
};

/* The devices that a demand was given: bit i = device i. A shared device has one bit. */
typedef uint32_t rs_gpu_mask;

/* What stays the same about a node as long as it lives. Reference-counted and immutable after creation; nodes of one
 * type may share one. Not thread-safe: references are taken under the endpoint's lock. */
struct rs_node_info {
  uint32_t refs;
  uint32_t node_type; /* index of the autoscaler's node type; UINT32_MAX when it has none */
  struct rs_res total;
  uint32_t label_count;
  struct rs_label labels[RS_LABEL_MAX];
};

struct rs_node_info *rs_node_info_new(const struct rs_res *total); /* one reference, no labels, no type */
struct rs_node_info *rs_node_info_ref(struct rs_node_info *info);
void rs_node_info_unref(struct rs_node_info *info); /* NULL is fine */

/* Adds one label; false when the node already has RS_LABEL_MAX. Only before the info is shared. */
bool rs_node_info_add_label(struct rs_node_info *info, const char *key, const char *value);

/* Sets or adds a custom resource, keeping the order by name; false when there is no room. */
bool rs_res_set_custom(struct rs_res *res, const char *name, int64_t amount_e4);
bool rs_demand_set_custom(struct rs_demand *demand, const char *name, int64_t amount_e4);

/* True when a GPU amount is one that a task may ask for: at most one device, or a whole number of devices. */
bool rs_gpu_amount_valid(uint32_t gpu_e4);

/* Does the demand fit into what is left? Labels are not looked at. */
bool rs_res_fits(const struct rs_res *left, const struct rs_demand *demand);

/* Could it ever run there: does it fit into the total, and do the labels match? */
bool rs_node_feasible(const struct rs_node_info *info, const struct rs_demand *demand);
bool rs_labels_match(const struct rs_node_info *info, const struct rs_demand *demand);

/* The demand with one of its alternatives as its only one; false where there is no such alternative. */
bool rs_demand_alternative(const struct rs_demand *demand, unsigned alternative, struct rs_demand *out);

/* Adds one condition to an alternative that is not below those of the conditions before; false: RS_SELECT_MAX reached.
 */
bool rs_demand_add_select(struct rs_demand *demand, unsigned alternative, const char *key, enum rs_select_op op,
                          const char *value);

/* The value of a node's label, 0 where it has none. */
uint64_t rs_node_label(const struct rs_node_info *info, uint64_t key);

/* Takes the demand; it must fit. Of the devices that can hold a fraction the fullest is taken (lowest index among
 * equals), so that whole devices stay free. Returns the devices taken. */
rs_gpu_mask rs_res_take(struct rs_res *left, const struct rs_demand *demand);

/* Takes exactly these devices; false, and nothing taken, where the demand does not fit that way. */
bool rs_res_take_devices(struct rs_res *left, const struct rs_demand *demand, rs_gpu_mask devices);

/* Gives back what rs_res_take took. Asserts that nothing exceeds the total. */
void rs_res_give(struct rs_res *left, const struct rs_res *total, const struct rs_demand *demand, rs_gpu_mask devices);

/* The critical resource's utilisation, 0..10000 (1e-4), truncated: the largest used/total over CPU, memory and
 * object_store_memory, as Ray's hybrid policy scores a node. A resource that the node lacks does not count. */
uint32_t rs_res_utilisation_e4(const struct rs_res *left, const struct rs_res *total);

bool rs_res_equal(const struct rs_res *a, const struct rs_res *b);
bool rs_demand_equal(const struct rs_demand *a, const struct rs_demand *b);
bool rs_demand_same_labels(const struct rs_demand *a, const struct rs_demand *b); /* conditions and fallbacks */

/* Does the demand have as much of everything as `part`? What fits the one then fits the other. */
bool rs_demand_covers(const struct rs_demand *demand, const struct rs_demand *part);
uint64_t rs_demand_hash(const struct rs_demand *demand);

struct rs_shared_demand *rs_shared_demand_new(const struct rs_demand *demand); /* a copy, with one reference */
struct rs_shared_demand *rs_shared_demand_ref(struct rs_shared_demand *demand);
void rs_shared_demand_unref(struct rs_shared_demand *demand); /* NULL is fine */
bool rs_shared_demand_equal(const struct rs_shared_demand *a, const struct rs_shared_demand *b);

#endif
