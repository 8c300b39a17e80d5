/* resources.c -- arithmetic on what a node has and what a task asks for.
 *
 * GPUs are handled device by device. A fraction goes to the fullest device that can still hold it (best fit), so that
 * whole devices stay free for demands of several; a demand of n devices takes the n lowest fully free ones. Everything
 * is integer arithmetic; each function is O(devices + custom names + labels), all bounded by small constants.
 */
#include "policy/resources.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"

#include <string.h>

uint64_t rs_name_hash(const char *name)
{
  if (!name || !*name)
    return 0;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *name; name++)
    hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
  return hash ? hash : 1;
}

struct rs_node_info *rs_node_info_new(const struct rs_res *total)
{
  RS_ASSERT(total->gpu_count <= RS_GPU_MAX && total->custom_count <= RS_CUSTOM_MAX);
  struct rs_node_info *info = rs_alloc_zero(1, sizeof *info);
  info->refs = 1;
  info->node_type = UINT32_MAX;
  info->total = *total;
  return info;
}

struct rs_node_info *rs_node_info_ref(struct rs_node_info *info)
{
  RS_ASSERT(info->refs > 0 && info->refs < UINT32_MAX);
  info->refs++;
  return info;
}

void rs_node_info_unref(struct rs_node_info *info)
{
  if (!info)
    return;
  RS_ASSERT(info->refs > 0);
  if (--info->refs == 0)
    free(info);
}

bool rs_node_info_add_label(struct rs_node_info *info, const char *key, const char *value)
{
  uint64_t hash = rs_name_hash(key);
  RS_ASSERT(hash && info->refs == 1);
  uint32_t i = 0;
  while (i < info->label_count && info->labels[i].key != hash)
    i++;
  if (i == RS_LABEL_MAX)
    return false;
  if (i == info->label_count)
    info->label_count++;
  info->labels[i] = (struct rs_label){hash, rs_name_hash(value)};
  return true;
}

static bool set_custom(struct rs_custom *custom, uint8_t *count, uint64_t name, int64_t amount_e4)
{
  RS_ASSERT(name);
  int at = 0;
  while (at < *count && custom[at].name < name)
    at++;
  if (at == *count || custom[at].name != name) {
    if (*count == RS_CUSTOM_MAX)
      return false;
    for (int i = *count; i > at; i--)
      custom[i] = custom[i - 1];
    ++*count;
  }
  custom[at] = (struct rs_custom){name, amount_e4};
  return true;
}

bool rs_res_set_custom(struct rs_res *res, const char *name, int64_t amount_e4)
{
  RS_ASSERT(amount_e4 >= 0);
  return set_custom(res->custom, &res->custom_count, rs_name_hash(name), amount_e4);
}

bool rs_demand_set_custom(struct rs_demand *demand, const char *name, int64_t amount_e4)
{
  RS_ASSERT(amount_e4 > 0);
  return set_custom(demand->custom, &demand->custom_count, rs_name_hash(name), amount_e4);
}

bool rs_gpu_amount_valid(uint32_t gpu_e4)
{
  return gpu_e4 <= RS_ONE_E4 || gpu_e4 % RS_ONE_E4 == 0;
}

/* The place of a custom resource, or -1. */
static int find_custom(const struct rs_res *res, uint64_t name)
{
  for (int i = 0; i < res->custom_count; i++)
    if (res->custom[i].name == name)
      return i;
  return -1;
}

/* Do amounts other than GPUs fit? A part that is not asked for fits even into a negative rest. */
static bool amounts_fit(const struct rs_res *left, const struct rs_demand *demand)
{
  if ((demand->cpu_e4 > 0 && left->cpu_e4 < demand->cpu_e4) ||
      (demand->memory_bytes > 0 && left->memory_bytes < demand->memory_bytes) ||
      (demand->store_bytes > 0 && left->store_bytes < demand->store_bytes))
    return false;
  for (int i = 0; i < demand->custom_count; i++) {
    int at = find_custom(left, demand->custom[i].name);
    if (demand->custom[i].amount_e4 > 0 && (at < 0 || left->custom[at].amount_e4 < demand->custom[i].amount_e4))
      return false;
  }
  return true;
}

/* Chooses devices for a GPU amount: false when there are none. */
static bool choose_devices(const struct rs_res *left, uint32_t gpu_e4, rs_gpu_mask *devices)
{
  *devices = 0;
  if (gpu_e4 == 0)
    return true;
  if (!rs_gpu_amount_valid(gpu_e4))
    return false;
  if (gpu_e4 <= RS_ONE_E4) {
    int best = -1;
    for (int i = 0; i < left->gpu_count; i++)
      if (left->gpu_e4[i] >= gpu_e4 && (best < 0 || left->gpu_e4[i] < left->gpu_e4[best]))
        best = i;
    if (best >= 0)
      *devices = (rs_gpu_mask)1 << best;
    return best >= 0;
  }
  uint32_t wanted = gpu_e4 / RS_ONE_E4;
  for (int i = 0; i < left->gpu_count && wanted; i++)
    if (left->gpu_e4[i] >= RS_ONE_E4) {
      *devices |= (rs_gpu_mask)1 << i;
      wanted--;
    }
  return wanted == 0;
}

bool rs_res_fits(const struct rs_res *left, const struct rs_demand *demand)
{
  rs_gpu_mask devices;
  return amounts_fit(left, demand) && choose_devices(left, demand->gpu_e4, &devices);
}

uint64_t rs_node_label(const struct rs_node_info *info, uint64_t key)
{
  for (uint32_t i = 0; i < info->label_count; i++)
    if (info->labels[i].key == key)
      return info->labels[i].value;
  return 0;
}

static bool has_label(const struct rs_node_info *info, uint64_t key)
{
  for (uint32_t i = 0; i < info->label_count; i++)
    if (info->labels[i].key == key)
      return true;
  return false;
}

/* Does the value of this key satisfy an IN of the alternative? */
static bool in_any(const struct rs_node_info *info, const struct rs_demand *demand, unsigned alternative, uint64_t key)
{
  for (int i = 0; i < demand->select_count; i++) {
    const struct rs_selector *want = &demand->select[i];
    if (want->alternative == alternative && want->op == RS_SELECT_IN && want->key == key && has_label(info, key) &&
        rs_node_label(info, key) == want->value)
      return true;
  }
  return false;
}

static bool alternative_matches(const struct rs_node_info *info, const struct rs_demand *demand, unsigned alternative)
{
  for (int i = 0; i < demand->select_count; i++) {
    const struct rs_selector *want = &demand->select[i];
    if (want->alternative != alternative)
      continue;
    bool has_key = has_label(info, want->key), match = false;
    switch (want->op) {
    case RS_SELECT_IN: match = in_any(info, demand, alternative, want->key); break;
    case RS_SELECT_NOT_IN: match = !has_key || rs_node_label(info, want->key) != want->value; break;
    case RS_SELECT_EXISTS: match = has_key; break;
    case RS_SELECT_NOT_EXISTS: match = !has_key; break;
    default: break;
    }
    if (!match)
      return false;
  }
  return true;
}

bool rs_labels_match(const struct rs_node_info *info, const struct rs_demand *demand)
{
  for (unsigned i = 0; i <= demand->fallback_count; i++)
    if (alternative_matches(info, demand, i))
      return true;
  return false;
}

bool rs_demand_alternative(const struct rs_demand *demand, unsigned alternative, struct rs_demand *out)
{
  if (alternative > demand->fallback_count)
    return false;
  *out = *demand;
  out->select_count = out->fallback_count = 0;
  for (int i = 0; i < demand->select_count; i++)
    if (demand->select[i].alternative == alternative) {
      out->select[out->select_count] = demand->select[i];
      out->select[out->select_count++].alternative = 0;
    }
  return true;
}

bool rs_demand_add_select(struct rs_demand *demand, unsigned alternative, const char *key, enum rs_select_op op,
                          const char *value)
{
  RS_ASSERT(alternative <= RS_FALLBACK_MAX && op <= RS_SELECT_NOT_EXISTS && alternative >= demand->fallback_count);
  if (demand->select_count == RS_SELECT_MAX)
    return false;
  demand->fallback_count = (uint8_t)alternative;
  bool valued = op == RS_SELECT_IN || op == RS_SELECT_NOT_IN;
  demand->select[demand->select_count++] =
      (struct rs_selector){rs_name_hash(key), valued ? rs_name_hash(value) : 0, (uint8_t)op, (uint8_t)alternative};
  return true;
}

bool rs_node_feasible(const struct rs_node_info *info, const struct rs_demand *demand)
{
  return rs_res_fits(&info->total, demand) && rs_labels_match(info, demand);
}

/* Subtracts the demand with these devices, all known to fit. */
static void subtract(struct rs_res *left, const struct rs_demand *demand, rs_gpu_mask devices)
{
  left->cpu_e4 -= demand->cpu_e4;
  left->memory_bytes -= demand->memory_bytes;
  left->store_bytes -= demand->store_bytes;
  for (int i = 0; i < demand->custom_count; i++) {
    int at = find_custom(left, demand->custom[i].name);
    if (at >= 0)
      left->custom[at].amount_e4 -= demand->custom[i].amount_e4;
  }
  uint32_t each_e4 = demand->gpu_e4 < RS_ONE_E4 ? demand->gpu_e4 : RS_ONE_E4;
  for (int i = 0; i < left->gpu_count; i++)
    if (devices >> i & 1)
      left->gpu_e4[i] = (uint16_t)(left->gpu_e4[i] - each_e4);
}

rs_gpu_mask rs_res_take(struct rs_res *left, const struct rs_demand *demand)
{
  rs_gpu_mask devices;
  bool fits = amounts_fit(left, demand) && choose_devices(left, demand->gpu_e4, &devices);
  RS_ASSERT(fits);
  subtract(left, demand, devices);
  return devices;
}

/* Is this a set of devices that the amount may have been given? Not looking at what is left of them. */
static bool mask_valid(uint8_t gpu_count, uint32_t gpu_e4, rs_gpu_mask devices)
{
  uint32_t bits = 0, wanted = gpu_e4 <= RS_ONE_E4 ? gpu_e4 > 0 : gpu_e4 / RS_ONE_E4;
  for (int i = 0; i < gpu_count; i++)
    bits += devices >> i & 1;
  return rs_gpu_amount_valid(gpu_e4) && devices >> gpu_count == 0 && bits == wanted;
}

bool rs_res_take_devices(struct rs_res *left, const struct rs_demand *demand, rs_gpu_mask devices)
{
  if (!mask_valid(left->gpu_count, demand->gpu_e4, devices) || !amounts_fit(left, demand))
    return false;
  uint32_t each_e4 = demand->gpu_e4 < RS_ONE_E4 ? demand->gpu_e4 : RS_ONE_E4;
  for (int i = 0; i < left->gpu_count; i++)
    if ((devices >> i & 1) && left->gpu_e4[i] < each_e4)
      return false;
  subtract(left, demand, devices);
  return true;
}

void rs_res_give(struct rs_res *left, const struct rs_res *total, const struct rs_demand *demand, rs_gpu_mask devices)
{
  RS_ASSERT(mask_valid(left->gpu_count, demand->gpu_e4, devices));
  left->cpu_e4 += demand->cpu_e4;
  left->memory_bytes += demand->memory_bytes;
  left->store_bytes += demand->store_bytes;
  RS_ASSERT(left->cpu_e4 <= total->cpu_e4 && left->memory_bytes <= total->memory_bytes &&
            left->store_bytes <= total->store_bytes);
  for (int i = 0; i < demand->custom_count; i++) {
    int at = find_custom(left, demand->custom[i].name);
    RS_ASSERT(at >= 0 || demand->custom[i].amount_e4 == 0);
    if (at < 0)
      continue;
    left->custom[at].amount_e4 += demand->custom[i].amount_e4;
    RS_ASSERT(left->custom[at].amount_e4 <= total->custom[at].amount_e4);
  }
  uint32_t each_e4 = demand->gpu_e4 < RS_ONE_E4 ? demand->gpu_e4 : RS_ONE_E4;
  for (int i = 0; i < left->gpu_count; i++)
    if (devices >> i & 1) {
      RS_ASSERT(left->gpu_e4[i] + each_e4 <= total->gpu_e4[i]);
      left->gpu_e4[i] = (uint16_t)(left->gpu_e4[i] + each_e4);
    }
}

/* 1e4 x (total - left) / total, within 0..10000. Above 2^50 both lose their last 14 bits first, so that nothing
 * overflows. */
static uint32_t used_e4(int64_t left, int64_t total)
{
  if (total <= 0 || left >= total)
    return 0;
  if (left <= 0)
    return RS_ONE_E4;
  uint64_t whole = (uint64_t)total, used = (uint64_t)(total - left);
  if (whole >> 50) {
    whole >>= 14;
    used >>= 14;
  }
  return (uint32_t)(used * RS_ONE_E4 / whole);
}

uint32_t rs_res_utilisation_e4(const struct rs_res *left, const struct rs_res *total)
{
  uint32_t most = used_e4(left->cpu_e4, total->cpu_e4);
  uint32_t memory = used_e4(left->memory_bytes, total->memory_bytes);
  uint32_t store = used_e4(left->store_bytes, total->store_bytes);
  most = memory > most ? memory : most;
  return store > most ? store : most;
}

bool rs_res_equal(const struct rs_res *a, const struct rs_res *b)
{
  if (a->cpu_e4 != b->cpu_e4 || a->memory_bytes != b->memory_bytes || a->store_bytes != b->store_bytes ||
      a->gpu_count != b->gpu_count || a->custom_count != b->custom_count)
    return false;
  for (int i = 0; i < a->gpu_count; i++)
    if (a->gpu_e4[i] != b->gpu_e4[i])
      return false;
  for (int i = 0; i < a->custom_count; i++)
    if (a->custom[i].name != b->custom[i].name || a->custom[i].amount_e4 != b->custom[i].amount_e4)
      return false;
  return true;
}

bool rs_demand_same_labels(const struct rs_demand *a, const struct rs_demand *b)
{
  if (a->select_count != b->select_count || a->fallback_count != b->fallback_count)
    return false;
  for (int i = 0; i < a->select_count; i++)
    if (a->select[i].key != b->select[i].key || a->select[i].value != b->select[i].value ||
        a->select[i].op != b->select[i].op || a->select[i].alternative != b->select[i].alternative)
      return false;
  return true;
}

bool rs_demand_equal(const struct rs_demand *a, const struct rs_demand *b)
{
  if (a->cpu_e4 != b->cpu_e4 || a->memory_bytes != b->memory_bytes || a->store_bytes != b->store_bytes ||
      a->gpu_e4 != b->gpu_e4 || a->custom_count != b->custom_count || a->group_seq != b->group_seq ||
      a->group_owner != b->group_owner || a->group_bundle != b->group_bundle || a->env != b->env)
    return false;
  for (int i = 0; i < a->custom_count; i++)
    if (a->custom[i].name != b->custom[i].name || a->custom[i].amount_e4 != b->custom[i].amount_e4)
      return false;
  return rs_demand_same_labels(a, b);
}

bool rs_demand_covers(const struct rs_demand *demand, const struct rs_demand *part)
{
  if (part->cpu_e4 > demand->cpu_e4 || part->memory_bytes > demand->memory_bytes ||
      part->store_bytes > demand->store_bytes || part->gpu_e4 > demand->gpu_e4)
    return false;
  for (int i = 0, at = 0; i < part->custom_count; i++) { /* both are sorted by name */
    while (at < demand->custom_count && demand->custom[at].name < part->custom[i].name)
      at++;
    if (at == demand->custom_count || demand->custom[at].name != part->custom[i].name ||
        demand->custom[at].amount_e4 < part->custom[i].amount_e4)
      return false;
  }
  return true;
}

uint64_t rs_demand_hash(const struct rs_demand *demand)
{
  uint64_t hash = rs_mix64((uint64_t)demand->cpu_e4 ^ (uint64_t)demand->gpu_e4 << 32);
  hash = rs_mix64(hash ^ (uint64_t)demand->memory_bytes);
  hash = rs_mix64(hash ^ (uint64_t)demand->store_bytes);
  hash = rs_mix64(hash ^ ((uint64_t)demand->custom_count << 8 | demand->select_count));
  for (int i = 0; i < demand->custom_count; i++) {
    hash = rs_mix64(hash ^ demand->custom[i].name);
    hash = rs_mix64(hash ^ (uint64_t)demand->custom[i].amount_e4);
  }
  for (int i = 0; i < demand->select_count; i++) {
    hash = rs_mix64(hash ^ demand->select[i].key);
    hash = rs_mix64(hash ^ demand->select[i].value);
    hash = rs_mix64(hash ^ ((uint64_t)demand->select[i].alternative << 8 | demand->select[i].op));
  }
  if (demand->fallback_count)
    hash = rs_mix64(hash ^ demand->fallback_count);
  if (demand->env)
    hash = rs_mix64(hash ^ demand->env);
  if (demand->group_seq) {
    hash = rs_mix64(hash ^ demand->group_owner);
    hash = rs_mix64(hash ^ demand->group_seq);
    hash = rs_mix64(hash ^ (uint32_t)demand->group_bundle);
  }
  return hash;
}

struct rs_shared_demand *rs_shared_demand_new(const struct rs_demand *demand)
{
  struct rs_shared_demand *shared = rs_alloc(sizeof *shared);
  *shared = (struct rs_shared_demand){1, rs_demand_hash(demand), *demand};
  return shared;
}

struct rs_shared_demand *rs_shared_demand_ref(struct rs_shared_demand *demand)
{
  RS_ASSERT(demand->refs > 0 && demand->refs < UINT32_MAX);
  demand->refs++;
  return demand;
}

void rs_shared_demand_unref(struct rs_shared_demand *demand)
{
  if (!demand)
    return;
  RS_ASSERT(demand->refs > 0);
  if (--demand->refs == 0)
    free(demand);
}

bool rs_shared_demand_equal(const struct rs_shared_demand *a, const struct rs_shared_demand *b)
{
  return a == b || (a->hash == b->hash && rs_demand_equal(&a->is, &b->is));
}
