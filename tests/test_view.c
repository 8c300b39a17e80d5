/* The view: against a plain array; old versions stay as they were; no reference is lost. */
#include "base/alloc.h"
#include "base/rng.h"
#include "check.h"
#include "core/msg.h"
#include "policy/view.h"

#include <stdlib.h>

enum { INFO_COUNT = 5 };

static struct rs_node_info *info_of(int cpus)
{
  struct rs_res total = {.cpu_e4 = cpus * RS_ONE_E4, .gpu_count = (uint8_t)(cpus % 3)};
  return rs_node_info_new(&total);
}

static struct rs_view_node random_entry(struct rs_rng *rng, struct rs_node_info *const infos[INFO_COUNT])
{
  struct rs_view_node entry = {.raylet = rs_rng_next(rng), .report_seq = (uint32_t)rs_rng_next(rng)};
  entry.state = (uint8_t)rs_rng_below(rng, 4);
  entry.info = entry.state == RS_NODE_ABSENT ? NULL : infos[rs_rng_below(rng, INFO_COUNT)];
  if (entry.info)
    entry.left = entry.info->total;
  entry.left.cpu_e4 = (int64_t)rs_rng_below(rng, 5);
  return entry;
}

static bool same(const struct rs_view_node *entry, const struct rs_view_node *wanted)
{
  if (!entry || wanted->state == RS_NODE_ABSENT)
    return !entry && wanted->state == RS_NODE_ABSENT;
  return entry->info == wanted->info && entry->raylet == wanted->raylet && entry->report_seq == wanted->report_seq &&
         entry->state == wanted->state && rs_res_equal(&entry->left, &wanted->left);
}

static void check_against(const struct rs_view *view, const struct rs_view_node *array, uint32_t size, uint32_t span)
{
  uint32_t alive = 0;
  uint64_t bytes = 0;
  CHECK_EQ(rs_view_span(view), span);
  for (uint32_t i = 0; i < size; i++) {
    CHECK(same(rs_view_get(view, i), &array[i]));
    alive += array[i].state == RS_NODE_ALIVE;
    bytes += array[i].state == RS_NODE_ABSENT ? 0 : rs_view_entry_wire_bytes(&array[i], true);
  }
  CHECK_EQ(rs_view_alive(view), alive);
  CHECK_EQ(rs_view_wire_bytes(view), bytes);
}

static void an_empty_view_has_nothing(void)
{
  struct rs_view *view = rs_view_new();
  CHECK_EQ(rs_view_span(view), 0);
  CHECK_EQ(rs_view_alive(view), 0);
  CHECK_EQ(rs_view_wire_bytes(view), 0);
  CHECK(!rs_view_get(view, 0) && !rs_view_get(view, 1u << 23) && !rs_view_get(view, RS_NODE_NONE));
  rs_view_unref(view);
  rs_view_unref(NULL);
}

/* Random sets, with some versions kept for later: all of them must still show what they showed. */
static void versions_equal_arrays(void)
{
  enum { SIZE = 9000, KEPT = 12, STEPS = 6000 };
  struct rs_rng rng;
  rs_rng_seed(&rng, 11);
  struct rs_node_info *infos[INFO_COUNT];
  for (int i = 0; i < INFO_COUNT; i++)
    infos[i] = info_of(i + 1);
  struct rs_view_node *array = calloc(SIZE, sizeof *array);
  struct {
    struct rs_view *view;
    struct rs_view_node *array;
    uint32_t span;
  } kept[KEPT] = {0};
  struct rs_view *view = rs_view_new();
  uint32_t span = 0;
  for (int step = 0; step < STEPS; step++) {
    uint32_t limit = step < 100 ? 8 : step < 500 ? 300 : SIZE; /* through three heights of the tree */
    uint32_t node = (uint32_t)rs_rng_below(&rng, limit);
    array[node] = random_entry(&rng, infos);
    rs_view_set(&view, node, &array[node]);
    span = node >= span ? node + 1 : span;
    if (step % 97 == 0) {
      uint32_t k = (uint32_t)rs_rng_below(&rng, KEPT);
      rs_view_unref(kept[k].view);
      free(kept[k].array);
      kept[k].view = rs_view_ref(view);
      kept[k].array = malloc(SIZE * sizeof *array);
      memcpy(kept[k].array, array, SIZE * sizeof *array);
      kept[k].span = span;
    }
    if (step % 997 == 0)
      check_against(view, array, SIZE, span);
  }
  check_against(view, array, SIZE, span);
  for (int k = 0; k < KEPT; k++) {
    if (kept[k].view)
      check_against(kept[k].view, kept[k].array, SIZE, kept[k].span);
    rs_view_unref(kept[k].view);
    free(kept[k].array);
  }
  uint32_t held = 0;
  for (uint32_t i = 0; i < SIZE; i++)
    held += array[i].info != NULL;
  uint32_t refs = 0;
  for (int i = 0; i < INFO_COUNT; i++)
    refs += infos[i]->refs - 1;
  CHECK_EQ(refs, held); /* one version is left: one reference an entry */
  rs_view_unref(view);
  for (int i = 0; i < INFO_COUNT; i++) {
    CHECK_EQ(infos[i]->refs, 1);
    rs_node_info_unref(infos[i]);
  }
  free(array);
}

static void a_sole_holder_changes_in_place(void)
{
  struct rs_node_info *info = info_of(4);
  struct rs_view_node entry = {.info = info, .state = RS_NODE_ALIVE};
  struct rs_view *view = rs_view_new(), *before = view;
  rs_view_set(&view, 5000, &entry);
  const struct rs_view_node *place = rs_view_get(view, 5000);
  entry.report_seq = 1;
  rs_view_set(&view, 5000, &entry);
  CHECK(view == before && rs_view_get(view, 5000) == place && place->report_seq == 1);

  struct rs_view *old = rs_view_ref(view);
  entry.report_seq = 2;
  rs_view_set(&view, 5000, &entry);
  CHECK(view != old && rs_view_get(view, 5000) != place);
  CHECK_EQ(rs_view_get(old, 5000)->report_seq, 1);
  CHECK_EQ(rs_view_get(view, 5000)->report_seq, 2);
  const struct rs_view_node *copied = rs_view_get(view, 5000);
  entry = *copied;
  rs_view_set(&view, 5000, copied); /* an entry of the version itself */
  CHECK(rs_view_get(view, 5000) == copied && same(copied, &entry));
  rs_view_unref(old);
  rs_view_unref(view);
  CHECK_EQ(info->refs, 1);
  rs_node_info_unref(info);
}

struct seen {
  uint8_t *marks;
  int64_t last;
  uint32_t count;
};

static void mark(void *ctx, rs_node_id node)
{
  struct seen *seen = ctx;
  CHECK((int64_t)node > seen->last);
  seen->last = node;
  seen->marks[node] = 1;
  seen->count++;
}

static void diff_tells_the_changed_nodes(void)
{
  enum { SIZE = 70000 };
  struct rs_rng rng;
  rs_rng_seed(&rng, 5);
  struct rs_node_info *infos[INFO_COUNT];
  for (int i = 0; i < INFO_COUNT; i++)
    infos[i] = info_of(i + 1);
  uint8_t *marks = malloc(SIZE);
  struct rs_view *a = rs_view_new();
  for (int round = 0; round < 60; round++) {
    struct rs_view *b = rs_view_ref(a);
    uint32_t sets = (uint32_t)rs_rng_below(&rng, 40), limit = round < 20 ? 200 : round < 40 ? 9000 : SIZE;
    for (uint32_t i = 0; i < sets; i++) {
      struct rs_view_node entry = random_entry(&rng, infos);
      rs_view_set(&b, (rs_node_id)rs_rng_below(&rng, limit), &entry);
    }
    for (int way = 0; way < 2; way++) {
      struct seen seen = {marks, -1, 0};
      memset(marks, 0, SIZE);
      rs_view_diff(way ? b : a, way ? a : b, mark, &seen);
      CHECK(seen.count <= sets);
      for (rs_node_id node = 0; node < SIZE; node++) {
        const struct rs_view_node *x = rs_view_get(a, node), *y = rs_view_get(b, node);
        CHECK_EQ(marks[node], x || y ? !(x && y && same(x, y)) : 0);
      }
    }
    rs_view_unref(a);
    a = b;
  }
  struct seen none = {marks, -1, 0};
  rs_view_diff(a, a, mark, &none);
  CHECK_EQ(none.count, 0);
  rs_view_unref(a);
  for (int i = 0; i < INFO_COUNT; i++) {
    CHECK_EQ(infos[i]->refs, 1);
    rs_node_info_unref(infos[i]);
  }
  free(marks);
}

/* The bytes of an entry are what a VIEW message grows by. */
static void wire_bytes_are_the_codec_s(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 13);
  for (int i = 0; i < 300; i++) {
    struct rs_res total = {.cpu_e4 = (int64_t)rs_rng_below(&rng, 2) * 40000,
                           .memory_bytes = (int64_t)rs_rng_below(&rng, 2) << 30,
                           .store_bytes = (int64_t)rs_rng_below(&rng, 2) << 28,
                           .gpu_count = (uint8_t)rs_rng_below(&rng, 4)};
    for (uint64_t n = rs_rng_below(&rng, 3), c = 0; c < n; c++)
      CHECK(rs_res_set_custom(&total, c ? "a" : "b", 10000));
    struct rs_node_info *info = rs_node_info_new(&total);
    for (uint64_t n = rs_rng_below(&rng, 3), c = 0; c < n; c++)
      CHECK(rs_node_info_add_label(info, c ? "zone" : "rack", "1"));
    struct rs_view_node entry = {.info = info, .state = RS_NODE_ALIVE, .left = total};
    entry.left.cpu_e4 /= 1 + (int64_t)rs_rng_below(&rng, 2);
    bool with_info = rs_rng_below(&rng, 2);
    uint32_t bytes[2];
    for (uint32_t count = 0; count < 2; count++) {
      struct rs_m_view *m = rs_msg_new(RS_MSG_VIEW);
      m->nodes = rs_alloc_zero(1, sizeof *m->nodes);
      m->nodes[0].state = RS_NODE_ALIVE;
      m->nodes[0].left = entry.left;
      if (with_info && count)
        m->nodes[0].info = rs_node_info_ref(info);
      m->nodes_count = count;
      bytes[count] = rs_msg_wire_bytes(&m->head);
      rs_msg_unref(&m->head);
    }
    CHECK_EQ(rs_view_entry_wire_bytes(&entry, with_info), bytes[1] - bytes[0]);
    CHECK_EQ(info->refs, 1);
    rs_node_info_unref(info);
  }
}

static void the_highest_node_number_fits(void)
{
  struct rs_node_info *info = info_of(1);
  struct rs_view_node entry = {.info = info, .state = RS_NODE_ALIVE};
  struct rs_view *view = rs_view_new();
  rs_view_set(&view, 3, &entry);
  struct rs_view *small = rs_view_ref(view);
  rs_view_set(&view, (1u << 24) - 1, &entry);
  CHECK_EQ(rs_view_span(view), 1u << 24);
  CHECK_EQ(rs_view_alive(view), 2);
  CHECK(rs_view_get(view, 3) && rs_view_get(view, (1u << 24) - 1) && !rs_view_get(view, (1u << 24) - 2));
  CHECK_EQ(rs_view_span(small), 4);
  CHECK(!rs_view_get(small, (1u << 24) - 1));
  rs_view_unref(small);
  rs_view_unref(view);
  CHECK_EQ(info->refs, 1);
  rs_node_info_unref(info);
}

const struct rs_test rs_tests[] = {
    {"an empty view has nothing", an_empty_view_has_nothing},
    {"versions equal arrays", versions_equal_arrays},
    {"a sole holder changes in place", a_sole_holder_changes_in_place},
    {"diff tells the changed nodes", diff_tells_the_changed_nodes},
    {"wire bytes are the codec's", wire_bytes_are_the_codec_s},
    {"the highest node number fits", the_highest_node_number_fits},
    {0},
};
