/* view.c -- versions of the resource view as a copy-on-write tree.
 *
 * A leaf is one entry, since between two versions entries change here and there: a larger one would be copied for the
 * sake of a part of it, and compared, in every version. Inner nodes have 32 children; the height grows with the highest
 * node index (1, 32, 1024, 32768, ... entries). Every tree node is reference-counted. A change walks from the root and
 * copies each node of the path that somebody else holds too; unshared ones are changed in place. Two versions that
 * share a subtree share the pointer, which is what diff skips by.
 *
 * A leaf owns one reference to the info of its entry. The numbers of alive nodes and of wire bytes belong to the
 * version and are kept with each change.
 */
#include "policy/view.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

enum { INNER_BITS = 5, INNER_SIZE = 1 << INNER_BITS };

struct leaf {
  uint32_t refs;
  struct rs_view_node entry;
};

struct inner {
  uint32_t refs;
  void *children[INNER_SIZE]; /* struct inner, or struct leaf at height 1 */
};

struct rs_view {
  uint32_t refs;
  uint32_t height; /* of the root: 0 is a leaf */
  uint32_t span;
  uint32_t alive;
  uint64_t wire_bytes;
  void *root; /* NULL while empty */
};

/* A subtree with its own height: while two versions are compared one may be lower than the other. */
struct subtree {
  const void *node;
  uint32_t height;
};

/* Number of entries under a tree node of this height. */
static uint64_t capacity(uint32_t height)
{
  return (uint64_t)1 << INNER_BITS * height;
}

static uint32_t slot_of(rs_node_id node, uint32_t height)
{
  return node >> INNER_BITS * (height - 1) & (INNER_SIZE - 1);
}

/* refs is the first member of both kinds. */
static void tree_ref(void *node)
{
  uint32_t *refs = node;
  RS_ASSERT(*refs > 0 && *refs < UINT32_MAX);
  ++*refs;
}

static void tree_unref(void *node, uint32_t height)
{
  if (!node)
    return;
  uint32_t *refs = node;
  RS_ASSERT(*refs > 0);
  if (--*refs)
    return;
  if (height == 0) {
    rs_node_info_unref(((struct leaf *)node)->entry.info);
  } else {
    struct inner *inner = node;
    for (int i = 0; i < INNER_SIZE; i++)
      tree_unref(inner->children[i], height - 1);
  }
  free(node);
}

/* Turns one reference to a tree node (or NULL) into one to a node that nobody else holds. */
static void *tree_own(void *node, uint32_t height)
{
  size_t bytes = height == 0 ? sizeof(struct leaf) : sizeof(struct inner);
  uint32_t *refs = node;
  if (!node) {
    node = rs_alloc_zero(1, bytes);
    *(uint32_t *)node = 1;
    return node;
  }
  if (*refs == 1)
    return node;
  void *copy = rs_memdup(node, bytes);
  *(uint32_t *)copy = 1;
  --*refs;
  if (height == 0) {
    struct leaf *leaf = copy;
    if (leaf->entry.info)
      rs_node_info_ref(leaf->entry.info);
  } else {
    struct inner *inner = copy;
    for (int i = 0; i < INNER_SIZE; i++)
      if (inner->children[i])
        tree_ref(inner->children[i]);
  }
  return copy;
}

struct rs_view *rs_view_new(void)
{
  struct rs_view *view = rs_alloc_zero(1, sizeof *view);
  view->refs = 1;
  return view;
}

struct rs_view *rs_view_ref(struct rs_view *view)
{
  RS_ASSERT(view->refs > 0 && view->refs < UINT32_MAX);
  view->refs++;
  return view;
}

void rs_view_unref(struct rs_view *view)
{
  if (!view)
    return;
  RS_ASSERT(view->refs > 0);
  if (--view->refs)
    return;
  tree_unref(view->root, view->height);
  free(view);
}

uint32_t rs_view_span(const struct rs_view *view)
{
  return view->span;
}

uint32_t rs_view_alive(const struct rs_view *view)
{
  return view->alive;
}

uint64_t rs_view_wire_bytes(const struct rs_view *view)
{
  return view->wire_bytes;
}

const struct rs_view_node *rs_view_get(const struct rs_view *view, rs_node_id node)
{
  if (node >= view->span)
    return NULL;
  const void *at = view->root;
  for (uint32_t height = view->height; height > 0 && at; height--)
    at = ((const struct inner *)at)->children[slot_of(node, height)];
  if (!at)
    return NULL;
  const struct rs_view_node *entry = &((const struct leaf *)at)->entry;
  return entry->state == RS_NODE_ABSENT ? NULL : entry;
}

static uint32_t res_wire_bytes(const struct rs_res *res)
{
  uint32_t bytes = 1 + 8 * (uint32_t)((res->cpu_e4 != 0) + (res->memory_bytes != 0) + (res->store_bytes != 0));
  bytes += res->gpu_count ? 1 + 2u * res->gpu_count : 0;
  return bytes + (res->custom_count ? 1 + 16u * res->custom_count : 0);
}

uint32_t rs_view_entry_wire_bytes(const struct rs_view_node *entry, bool with_info)
{
  uint32_t bytes = 4 + 8 + 4 + 4 + 1 + res_wire_bytes(&entry->left) + 1;
  if (with_info && entry->info)
    bytes += 4 + res_wire_bytes(&entry->info->total) + 1 + 16 * entry->info->label_count;
  return bytes;
}

static uint32_t full_bytes(const struct rs_view_node *entry)
{
  return entry->state == RS_NODE_ABSENT ? 0 : rs_view_entry_wire_bytes(entry, true);
}

void rs_view_set(struct rs_view **view, rs_node_id node, const struct rs_view_node *entry)
{
  RS_ASSERT(node != RS_NODE_NONE);
  RS_ASSERT(entry->info || (entry->state != RS_NODE_ALIVE && entry->state != RS_NODE_DRAINING));
  struct rs_view *v = *view;
  if (v->refs > 1) {
    v->refs--;
    v = rs_memdup(v, sizeof *v);
    v->refs = 1;
    if (v->root)
      tree_ref(v->root);
    *view = v;
  }

  for (; node >= capacity(v->height); v->height++)
    if (v->root) {
      struct inner *above = tree_own(NULL, 1);
      above->children[0] = v->root;
      v->root = above;
    }
  if (node >= v->span)
    v->span = node + 1;

  void **at = &v->root;
  for (uint32_t height = v->height;; height--) {
    *at = tree_own(*at, height);
    if (height == 0)
      break;
    at = &((struct inner *)*at)->children[slot_of(node, height)];
  }
  struct rs_view_node *old = &((struct leaf *)*at)->entry;
  struct rs_node_info *old_info = old->info;
  v->alive = v->alive - (old->state == RS_NODE_ALIVE) + (entry->state == RS_NODE_ALIVE);
  v->wire_bytes = v->wire_bytes - full_bytes(old) + full_bytes(entry);
  struct rs_view_node next = {0};
  if (entry->state != RS_NODE_ABSENT) {
    next = *entry;
    if (next.info)
      rs_node_info_ref(next.info);
  }
  *old = next;
  rs_node_info_unref(old_info);
}

static bool entry_equal(const struct rs_view_node *a, const struct rs_view_node *b)
{
  return a->info == b->info && a->raylet == b->raylet && a->report_seq == b->report_seq && a->queued == b->queued &&
         a->state == b->state && rs_res_equal(&a->left, &b->left);
}

/* The part of `tree` under child `i` of a (perhaps imagined) node of this height. */
static struct subtree child_of(struct subtree tree, uint32_t height, uint32_t i)
{
  if (!tree.node || tree.height < height)
    return i == 0 ? tree : (struct subtree){NULL, 0};
  return (struct subtree){((const struct inner *)tree.node)->children[i], height - 1};
}

static void diff_trees(struct subtree a, struct subtree b, uint32_t height, rs_node_id base,
                       void (*changed)(void *ctx, rs_node_id node), void *ctx)
{
  if (a.node == b.node)
    return;
  if (height > 0) {
    for (uint32_t i = 0; i < INNER_SIZE; i++) {
      struct subtree x = child_of(a, height, i), y = child_of(b, height, i);
      uint64_t first = base + i * capacity(height - 1);
      if (x.node != y.node && first < RS_NODE_NONE)
        diff_trees(x, y, height - 1, (rs_node_id)first, changed, ctx);
    }
    return;
  }
  static const struct rs_view_node absent;
  const struct leaf *x = a.node, *y = b.node;
  if (!entry_equal(x ? &x->entry : &absent, y ? &y->entry : &absent))
    changed(ctx, base);
}

void rs_view_diff(const struct rs_view *a, const struct rs_view *b, void (*changed)(void *ctx, rs_node_id node),
                  void *ctx)
{
  uint32_t height = a->height > b->height ? a->height : b->height;
  diff_trees((struct subtree){a->root, a->height}, (struct subtree){b->root, b->height}, height, 0, changed, ctx);
}
