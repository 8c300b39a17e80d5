/* Resources: GPU devices, custom names, labels, taking and giving back. */
#include "base/rng.h"
#include "check.h"
#include "policy/resources.h"

static struct rs_res node_of(int cpus, int gpus)
{
  struct rs_res res = {.cpu_e4 = cpus * RS_ONE_E4, .memory_bytes = INT64_C(64) << 30, .store_bytes = INT64_C(8) << 30};
  res.gpu_count = (uint8_t)gpus;
  for (int i = 0; i < gpus; i++)
    res.gpu_e4[i] = RS_ONE_E4;
  return res;
}

static void halves_of_two_devices_are_not_one(void)
{
  struct rs_res left = node_of(4, 2);
  left.gpu_e4[0] = left.gpu_e4[1] = 5000;
  CHECK(!rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 8000}));
  CHECK(!rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 10000}));
  CHECK(rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 5000}));
  CHECK(!rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 5001}));
}

static void more_than_one_gpu_takes_whole_devices(void)
{
  struct rs_res total = node_of(4, 4), left = total;
  struct rs_demand two = {.gpu_e4 = 20000}, part = {.gpu_e4 = 2500};
  CHECK(!rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 15000}));
  CHECK(!rs_gpu_amount_valid(15000));
  CHECK(rs_gpu_amount_valid(0) && rs_gpu_amount_valid(9999) && rs_gpu_amount_valid(30000));
  rs_gpu_mask shared = rs_res_take(&left, &part);
  CHECK_EQ(shared, 1);
  CHECK_EQ(rs_res_take(&left, &two), 6);
  CHECK(!rs_res_fits(&left, &two));
  CHECK(rs_res_fits(&left, &(struct rs_demand){.gpu_e4 = 10000}));
  rs_res_give(&left, &total, &two, 6);
  rs_res_give(&left, &total, &part, shared);
  CHECK(rs_res_equal(&left, &total));
}

static void a_fraction_goes_to_the_fullest_device(void)
{
  struct rs_res left = node_of(1, 4);
  left.gpu_e4[0] = 9000;
  left.gpu_e4[1] = 2000;
  left.gpu_e4[2] = 4000;
  struct rs_demand demand = {.gpu_e4 = 3000};
  CHECK_EQ(rs_res_take(&left, &demand), 4); /* 4000 is the least that holds 3000 */
  CHECK_EQ(left.gpu_e4[2], 1000);
  CHECK_EQ(rs_res_take(&left, &demand), 1); /* then 9000, and not the free device */
  CHECK_EQ(left.gpu_e4[0], 6000);
  left.gpu_e4[1] = 6000;
  CHECK_EQ(rs_res_take(&left, &demand), 1); /* the lowest index among equals */
}

static void given_devices_are_checked(void)
{
  struct rs_res left = node_of(2, 3);
  left.gpu_e4[1] = 4000;
  struct rs_res before = left;
  struct rs_demand half = {.gpu_e4 = 5000}, two = {.gpu_e4 = 20000, .cpu_e4 = 20000};
  CHECK(!rs_res_take_devices(&left, &half, 2)); /* too full */
  CHECK(!rs_res_take_devices(&left, &half, 5)); /* two devices for a part of one */
  CHECK(!rs_res_take_devices(&left, &half, 0)); /* none */
  CHECK(!rs_res_take_devices(&left, &half, 8)); /* no such device */
  CHECK(!rs_res_take_devices(&left, &two, 3));  /* one is in use */
  CHECK(!rs_res_take_devices(&left, &two, 1));  /* one is not two */
  CHECK(rs_res_equal(&left, &before));
  CHECK(rs_res_take_devices(&left, &two, 5));
  CHECK_EQ(left.gpu_e4[0], 0);
  CHECK_EQ(left.gpu_e4[1], 4000);
  CHECK_EQ(left.gpu_e4[2], 0);
  CHECK_EQ(left.cpu_e4, 0);
  CHECK(!rs_res_take_devices(&left, &(struct rs_demand){.cpu_e4 = 1}, 0));
}

static void custom_resources_are_kept_in_order(void)
{
  struct rs_res a = {0}, b = {0};
  struct rs_demand demand = {0};
  CHECK(rs_res_set_custom(&a, "licence", 10000) && rs_res_set_custom(&a, "tpu", 40000));
  CHECK(rs_res_set_custom(&b, "tpu", 50000) && rs_res_set_custom(&b, "licence", 10000));
  CHECK(rs_res_set_custom(&b, "tpu", 40000));
  CHECK(rs_res_equal(&a, &b));
  CHECK(a.custom[0].name < a.custom[1].name);
  CHECK(rs_demand_set_custom(&demand, "tpu", 30000));
  CHECK(rs_res_fits(&a, &demand));
  rs_res_take(&a, &demand);
  CHECK(!rs_res_fits(&a, &demand));
  CHECK(!rs_res_equal(&a, &b));
  rs_res_give(&a, &b, &demand, 0);
  CHECK(rs_res_equal(&a, &b));
  CHECK(rs_demand_set_custom(&demand, "unknown", 1));
  CHECK(!rs_res_fits(&a, &demand));
  CHECK(rs_res_set_custom(&a, "c", 1) && rs_res_set_custom(&a, "d", 1) && !rs_res_set_custom(&a, "e", 1));
  CHECK(rs_res_set_custom(&a, "d", 2)); /* a known name needs no room */
}

static void names_are_hashed(void)
{
  CHECK(rs_name_hash("a") == UINT64_C(0xaf63dc4c8601ec8c)); /* the published FNV-1a value */
  CHECK(rs_name_hash("") == 0 && rs_name_hash(NULL) == 0);
  CHECK(rs_name_hash("foobar") == UINT64_C(0x85944171f73967e8));
}

static struct rs_demand selecting(const char *key, const char *value, enum rs_select_op op)
{
  struct rs_demand demand = {.select_count = 1};
  demand.select[0] = (struct rs_selector){rs_name_hash(key), rs_name_hash(value), (uint8_t)op, 0};
  return demand;
}

static bool feasible(const struct rs_node_info *info, struct rs_demand demand)
{
  return rs_node_feasible(info, &demand);
}

static void labels_select_nodes(void)
{
  struct rs_res total = node_of(4, 0);
  struct rs_node_info *info = rs_node_info_new(&total);
  CHECK(rs_node_info_add_label(info, "zone", "x") && rs_node_info_add_label(info, "zone", "a"));
  CHECK_EQ(info->label_count, 1);
  CHECK(feasible(info, selecting("zone", "a", RS_SELECT_IN)));
  CHECK(!feasible(info, selecting("zone", "x", RS_SELECT_IN)));
  CHECK(!feasible(info, selecting("rack", "a", RS_SELECT_IN)));
  CHECK(feasible(info, selecting("zone", "b", RS_SELECT_NOT_IN)));
  CHECK(!feasible(info, selecting("zone", "a", RS_SELECT_NOT_IN)));
  CHECK(feasible(info, selecting("rack", "a", RS_SELECT_NOT_IN)));
  CHECK(feasible(info, selecting("zone", NULL, RS_SELECT_EXISTS)));
  CHECK(!feasible(info, selecting("rack", NULL, RS_SELECT_EXISTS)));
  CHECK(!feasible(info, selecting("zone", NULL, RS_SELECT_NOT_EXISTS)));
  CHECK(feasible(info, selecting("rack", NULL, RS_SELECT_NOT_EXISTS)));
  struct rs_demand too_much = selecting("zone", "a", RS_SELECT_IN);
  too_much.cpu_e4 = 40001;
  CHECK(!rs_node_feasible(info, &too_much));
  char key[2] = "a";
  for (int i = 1; i < RS_LABEL_MAX; i++, key[0]++)
    CHECK(rs_node_info_add_label(info, key, "v"));
  CHECK(!rs_node_info_add_label(info, "one more", "v"));
  CHECK(rs_node_info_ref(info) == info);
  rs_node_info_unref(info);
  CHECK_EQ(info->refs, 1);
  rs_node_info_unref(info);
  rs_node_info_unref(NULL);
}

/* Several INs of one key are one condition with several values; alternatives each stand alone. */
static void conditions_have_values_and_alternatives(void)
{
  struct rs_res total = node_of(4, 0);
  struct rs_node_info *info = rs_node_info_new(&total);
  CHECK(rs_node_info_add_label(info, "zone", "a") && rs_node_info_add_label(info, "gpu", "h200"));
  struct rs_demand demand = {0};
  CHECK(rs_demand_add_select(&demand, 0, "zone", RS_SELECT_IN, "x"));
  CHECK(!feasible(info, demand));
  CHECK(rs_demand_add_select(&demand, 0, "zone", RS_SELECT_IN, "a"));
  CHECK(feasible(info, demand));
  CHECK(rs_demand_add_select(&demand, 0, "gpu", RS_SELECT_NOT_IN, "a100"));
  CHECK(feasible(info, demand));
  CHECK(rs_demand_add_select(&demand, 0, "gpu", RS_SELECT_NOT_IN, "h200"));
  CHECK(!feasible(info, demand)); /* several NOT_INs: none of the values */
  CHECK(rs_demand_add_select(&demand, 1, "zone", RS_SELECT_IN, "x"));
  CHECK(!feasible(info, demand)); /* INs of another alternative do not count */
  CHECK(rs_demand_add_select(&demand, 2, "rack", RS_SELECT_NOT_EXISTS, NULL));
  CHECK(feasible(info, demand));
  struct rs_demand one;
  CHECK(rs_demand_alternative(&demand, 0, &one) && one.select_count == 4 && !feasible(info, one));
  CHECK(rs_demand_alternative(&demand, 2, &one) && one.select_count == 1 && feasible(info, one));
  CHECK(!rs_demand_alternative(&demand, 3, &one));
  demand.fallback_count = 3; /* an alternative without conditions takes any node */
  CHECK(rs_demand_alternative(&demand, 3, &one) && one.select_count == 0 && feasible(info, one));
  while (demand.select_count < RS_SELECT_MAX)
    CHECK(rs_demand_add_select(&demand, 3, "zone", RS_SELECT_EXISTS, NULL));
  CHECK(!rs_demand_add_select(&demand, 3, "zone", RS_SELECT_EXISTS, NULL));
  CHECK(rs_node_label(info, rs_name_hash("gpu")) == rs_name_hash("h200") && rs_node_label(info, 7) == 0);
  rs_node_info_unref(info);
}

static void utilisation_is_that_of_the_critical_resource(void)
{
  struct rs_res total = node_of(3, 2), left = total;
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 0);
  left.gpu_e4[0] = 0; /* GPUs do not count */
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 0);
  left.cpu_e4 = 20000;
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 3333); /* truncated */
  left.memory_bytes = total.memory_bytes / 4;
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 7500);
  left.store_bytes = 0;
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 10000);
  left.cpu_e4 = -10000; /* more in use than there is counts as full */
  CHECK_EQ(rs_res_utilisation_e4(&left, &total), 10000);
  struct rs_res nothing = {0};
  CHECK_EQ(rs_res_utilisation_e4(&nothing, &nothing), 0);
  struct rs_res huge = {.memory_bytes = INT64_MAX}, third = {.memory_bytes = INT64_MAX / 3 * 2};
  CHECK_EQ(rs_res_utilisation_e4(&third, &huge), 3333);
}

static void nothing_fits_everywhere(void)
{
  struct rs_res empty = {0}, owing = {.cpu_e4 = -10000};
  CHECK(rs_res_fits(&empty, &(struct rs_demand){0}));
  CHECK(rs_res_fits(&owing, &(struct rs_demand){.memory_bytes = 0}));
  CHECK(!rs_res_fits(&empty, &(struct rs_demand){.cpu_e4 = 1}));
  CHECK(!rs_res_fits(&empty, &(struct rs_demand){.memory_bytes = 1}));
  CHECK(!rs_res_fits(&empty, &(struct rs_demand){.store_bytes = 1}));
  CHECK(!rs_res_fits(&empty, &(struct rs_demand){.gpu_e4 = 1}));
}

static struct rs_demand random_demand(struct rs_rng *rng)
{
  static const char *const names[] = {"a", "b", "c"};
  struct rs_demand demand = {.cpu_e4 = (int64_t)rs_rng_below(rng, 4) * 5000,
                             .memory_bytes = (int64_t)rs_rng_below(rng, UINT64_C(4) << 30),
                             .store_bytes = (int64_t)rs_rng_below(rng, UINT64_C(1) << 30)};
  uint32_t gpu = (uint32_t)rs_rng_below(rng, 8);
  demand.gpu_e4 = gpu < 2 ? 0 : gpu < 6 ? 1 + (uint32_t)rs_rng_below(rng, 10000) : (gpu - 4) * 10000;
  for (int i = 0; i < 3; i++)
    if (rs_rng_below(rng, 4) == 0)
      CHECK(rs_demand_set_custom(&demand, names[i], 1 + (int64_t)rs_rng_below(rng, 20000)));
  return demand;
}

/* At any moment: what is left plus what is held is the total, for each device too. */
static void taking_and_giving_conserves(void)
{
  enum { HELD_MAX = 40 };
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  struct rs_res total = node_of(16, 6);
  CHECK(rs_res_set_custom(&total, "a", 50000) && rs_res_set_custom(&total, "b", 70000));
  struct rs_res left = total;
  struct {
    struct rs_demand demand;
    rs_gpu_mask devices;
  } held[HELD_MAX];
  uint32_t held_count = 0, taken = 0, refused = 0;
  for (int step = 0; step < 20000; step++) {
    struct rs_demand demand = random_demand(&rng);
    if (held_count < HELD_MAX && rs_rng_below(&rng, 2)) {
      if (!rs_res_fits(&left, &demand)) {
        refused++;
        continue;
      }
      struct rs_res copy = left;
      held[held_count].demand = demand;
      held[held_count].devices = rs_res_take(&left, &demand);
      CHECK(rs_res_take_devices(&copy, &demand, held[held_count].devices));
      CHECK(rs_res_equal(&copy, &left));
      held_count++;
      taken++;
    } else if (held_count) {
      uint32_t i = (uint32_t)rs_rng_below(&rng, held_count);
      rs_res_give(&left, &total, &held[i].demand, held[i].devices);
      held[i] = held[--held_count];
    }
    int64_t cpu_e4 = left.cpu_e4, memory_bytes = left.memory_bytes, gpu_e4[RS_GPU_MAX];
    for (int g = 0; g < left.gpu_count; g++)
      gpu_e4[g] = left.gpu_e4[g];
    for (uint32_t i = 0; i < held_count; i++) {
      uint32_t amount = held[i].demand.gpu_e4;
      cpu_e4 += held[i].demand.cpu_e4;
      memory_bytes += held[i].demand.memory_bytes;
      for (int g = 0; g < left.gpu_count; g++)
        if (held[i].devices >> g & 1)
          gpu_e4[g] += amount < RS_ONE_E4 ? amount : RS_ONE_E4;
    }
    CHECK_EQ(cpu_e4, total.cpu_e4);
    CHECK_EQ(memory_bytes, total.memory_bytes);
    for (int g = 0; g < left.gpu_count; g++)
      CHECK_EQ(gpu_e4[g], total.gpu_e4[g]);
  }
  CHECK(taken > 1000 && refused > 1000);
  while (held_count--)
    rs_res_give(&left, &total, &held[held_count].demand, held[held_count].devices);
  CHECK(rs_res_equal(&left, &total));
}

static void demands_compare_by_every_part(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  for (int i = 0; i < 500; i++) {
    struct rs_demand a = random_demand(&rng), b = a;
    memset(&b.select, 0xff, sizeof b.select); /* beyond select_count: not part of the demand */
    CHECK(rs_demand_equal(&a, &b) && rs_demand_hash(&a) == rs_demand_hash(&b));
    b = a;
    switch (rs_rng_below(&rng, 8)) {
    case 5: b.fallback_count++; break;
    case 6: b.group_owner = b.group_seq = 7; break;
    case 7:
      a.group_owner = a.group_seq = b.group_owner = b.group_seq = 7;
      b.group_bundle = -1;
      break;
    case 0: b.cpu_e4++; break;
    case 1: b.gpu_e4++; break;
    case 2: b.memory_bytes++; break;
    case 3: b.store_bytes++; break;
    default: b.select[b.select_count++] = (struct rs_selector){1, 2, RS_SELECT_IN, 0};
    }
    CHECK(!rs_demand_equal(&a, &b) && rs_demand_hash(&a) != rs_demand_hash(&b));
  }
}

/* Kept by several, it goes with the last one; equal is what asks for the same. */
static void demands_are_shared(void)
{
  struct rs_demand demand = {.cpu_e4 = RS_ONE_E4};
  struct rs_shared_demand *a = rs_shared_demand_new(&demand), *b = rs_shared_demand_new(&demand);
  CHECK(rs_shared_demand_ref(a) == a && a->refs == 2 && a->hash == rs_demand_hash(&demand));
  CHECK(rs_shared_demand_equal(a, a) && rs_shared_demand_equal(a, b));
  rs_shared_demand_unref(b);
  CHECK(rs_demand_add_select(&demand, 0, "zone", RS_SELECT_IN, "a"));
  b = rs_shared_demand_new(&demand);
  CHECK(!rs_shared_demand_equal(a, b) && b->is.select_count == 1 && a->is.select_count == 0);
  rs_shared_demand_unref(a);
  CHECK(a->refs == 1);
  rs_shared_demand_unref(a);
  rs_shared_demand_unref(b);
  rs_shared_demand_unref(NULL);
}

const struct rs_test rs_tests[] = {
    {"halves of two devices are not one", halves_of_two_devices_are_not_one},
    {"more than one GPU takes whole devices", more_than_one_gpu_takes_whole_devices},
    {"a fraction goes to the fullest device", a_fraction_goes_to_the_fullest_device},
    {"given devices are checked", given_devices_are_checked},
    {"custom resources are kept in order", custom_resources_are_kept_in_order},
    {"names are hashed", names_are_hashed},
    {"labels select nodes", labels_select_nodes},
    {"conditions have values and alternatives", conditions_have_values_and_alternatives},
    {"utilisation is that of the critical resource", utilisation_is_that_of_the_critical_resource},
    {"nothing fits everywhere", nothing_fits_everywhere},
    {"taking and giving conserves", taking_and_giving_conserves},
    {"demands compare by every part", demands_compare_by_every_part},
    {"demands are shared", demands_are_shared},
    {0},
};
