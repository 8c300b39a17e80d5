/* index.c -- available nodes in order of (key, node number), one order for each demand shape.
 *
 * The order is a treap (Aragon and Seidel, 1989) with subtree sizes, so that the node at a rank is found by one walk.
 * It has no pointers: slot i + 1 belongs to node i, slot 0 is the empty tree, and a priority is a hash of the node
 * number. So its form depends on its content alone, not on the history, and an insertion needs no memory.
 *
 * Changes are written to a ring of node numbers; each shape remembers how far it has read. A shape that is further
 * behind than the ring is long reads the view, which then costs no more than the changes that it missed. Either way the
 * work is the nodes that are others now, so it depends on the two versions alone and not on those between them.
 * Shapes are kept most recently used first; the last one makes room for a new one.
 *
 * Complexity at N nodes: a change O(1) now and O(log N) expected at the next question of each shape that is asked
 * about.
 */
#include "policy/index.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <string.h>

struct slot {
  uint32_t left, right;
  uint32_t size; /* nodes in this subtree */
  uint16_t key;
  bool feasible, available;
};

struct rs_shape_index {
  struct rs_demand demand;
  uint64_t hash;
  uint64_t read;      /* changes that are taken in */
  struct slot *slots; /* of `span` nodes, after the empty tree */
  uint32_t span;
  uint32_t root;
  uint32_t feasible;
  uint32_t first; /* available nodes with a key below RS_INDEX_SECOND */
  bool built;
};

struct rs_index {
  struct rs_place_opts opts;
  rs_index_key *key;
  uint32_t shape_count;
  struct rs_shape_index *shapes[RS_INDEX_SHAPES]; /* most recently used first */
  rs_node_id *ring;
  uint32_t ring_cap; /* a power of two, or 0 */
  uint64_t logged;   /* changes ever written to the ring */
  uint64_t read;     /* ... when a shape last read it */
};

/* ---- the treap ---- */

/* A bijection, so priorities are distinct: the finaliser of MurmurHash3 (Appleby). */
static uint32_t priority(uint32_t at)
{
  at = (at ^ at >> 16) * 0x85ebca6bu;
  at = (at ^ at >> 13) * 0xc2b2ae35u;
  return at ^ at >> 16;
}

static uint64_t place(const struct slot *slots, uint32_t at)
{
  return (uint64_t)slots[at].key << 32 | at;
}

static void resize(struct slot *slots, uint32_t at)
{
  slots[at].size = slots[slots[at].left].size + 1 + slots[slots[at].right].size;
}

/* Parts a tree into what is before and after a place. Expected depth O(1) where insert calls it. */
static void split(struct slot *slots, uint32_t tree, uint64_t at, uint32_t *before, uint32_t *after)
{
  if (!tree) {
    *before = *after = 0;
  } else if (place(slots, tree) < at) {
    uint32_t part;
    split(slots, slots[tree].right, at, &part, after);
    slots[tree].right = part;
    resize(slots, tree);
    *before = tree;
  } else {
    uint32_t part;
    split(slots, slots[tree].left, at, before, &part);
    slots[tree].left = part;
    resize(slots, tree);
    *after = tree;
  }
}

/* One tree of two, all of `before` being before `after`. */
static uint32_t merge(struct slot *slots, uint32_t before, uint32_t after)
{
  if (!before || !after)
    return before ? before : after;
  if (priority(before) > priority(after)) {
    slots[before].right = merge(slots, slots[before].right, after);
    resize(slots, before);
    return before;
  }
  slots[after].left = merge(slots, before, slots[after].left);
  resize(slots, after);
  return after;
}

static void insert(struct rs_shape_index *shape, uint32_t at)
{
  struct slot *slots = shape->slots;
  uint64_t where = place(slots, at);
  uint32_t rank = priority(at), *link = &shape->root;
  while (*link && priority(*link) > rank) {
    slots[*link].size++;
    link = where < place(slots, *link) ? &slots[*link].left : &slots[*link].right;
  }
  uint32_t before, after;
  split(slots, *link, where, &before, &after);
  slots[at].left = before;
  slots[at].right = after;
  resize(slots, at);
  *link = at;
}

static void erase(struct rs_shape_index *shape, uint32_t at)
{
  struct slot *slots = shape->slots;
  uint64_t where = place(slots, at);
  uint32_t *link = &shape->root;
  while (*link != at) {
    RS_ASSERT(*link);
    slots[*link].size--;
    link = where < place(slots, *link) ? &slots[*link].left : &slots[*link].right;
  }
  *link = merge(slots, slots[at].left, slots[at].right);
}

/* ---- one shape ---- */

bool rs_index_available(const struct rs_view_node *entry, const struct rs_demand *demand)
{
  return entry && entry->state == RS_NODE_ALIVE && rs_node_feasible(entry->info, demand) &&
         rs_res_fits(&entry->left, demand);
}

/* Takes in the entry of one node as it is now. */
static bool examine(const struct rs_index *index, struct rs_shape_index *shape, const struct rs_view *view,
                    rs_node_id node)
{
  if (node >= shape->span)
    return false; /* not in the view; it grows with it */
  const struct rs_view_node *entry = rs_view_get(view, node);
  struct slot *slot = &shape->slots[node + 1];
  bool feasible = entry && entry->state == RS_NODE_ALIVE && rs_node_feasible(entry->info, &shape->demand);
  bool available = feasible && rs_res_fits(&entry->left, &shape->demand);
  uint16_t key = available ? index->key(&index->opts, entry, &shape->demand) : 0;
  shape->feasible = shape->feasible - slot->feasible + feasible;
  slot->feasible = feasible;
  if (available == slot->available && key == slot->key)
    return false;
  if (slot->available) {
    shape->first -= slot->key < RS_INDEX_SECOND;
    erase(shape, node + 1);
  }
  slot->available = available;
  slot->key = key;
  if (available) {
    shape->first += key < RS_INDEX_SECOND;
    insert(shape, node + 1);
  }
  return true;
}

static void grow(struct rs_shape_index *shape, uint32_t span)
{
  uint32_t old = shape->slots ? shape->span + 1 : 0;
  shape->slots = rs_realloc(shape->slots, (size_t)span + 1, sizeof *shape->slots);
  memset(shape->slots + old, 0, ((size_t)span + 1 - old) * sizeof *shape->slots);
  shape->span = span;
}

static void catch_up(struct rs_index *index, struct rs_shape_index *shape, const struct rs_view *view, uint64_t *work)
{
  uint32_t span = rs_view_span(view);
  if (shape->span < span || !shape->slots)
    grow(shape, span);
  if (!shape->built) {
    memset(shape->slots, 0, ((size_t)shape->span + 1) * sizeof *shape->slots);
    shape->root = shape->feasible = shape->first = 0;
    for (rs_node_id node = 0; node < shape->span; node++)
      examine(index, shape, view, node);
    *work += shape->span;
    shape->built = true;
  } else if (index->logged - shape->read > index->ring_cap) {
    for (rs_node_id node = 0; node < shape->span; node++)
      *work += examine(index, shape, view, node);
  } else {
    for (uint64_t i = shape->read; i < index->logged; i++)
      *work += examine(index, shape, view, index->ring[i & (index->ring_cap - 1)]);
  }
  shape->read = index->read = index->logged;
}

uint32_t rs_shape_feasible(const struct rs_shape_index *shape)
{
  return shape->feasible;
}

uint32_t rs_shape_available(const struct rs_shape_index *shape)
{
  return shape->slots[shape->root].size;
}

uint32_t rs_shape_first(const struct rs_shape_index *shape)
{
  return shape->first;
}

uint32_t rs_shape_below(const struct rs_shape_index *shape, uint32_t key)
{
  const struct slot *slots = shape->slots;
  uint32_t below = 0;
  for (uint32_t at = shape->root; at;)
    if (slots[at].key < key) {
      below += slots[slots[at].left].size + 1;
      at = slots[at].right;
    } else {
      at = slots[at].left;
    }
  return below;
}

rs_node_id rs_shape_select(const struct rs_shape_index *shape, uint32_t rank, uint16_t *key)
{
  const struct slot *slots = shape->slots;
  RS_ASSERT(rank < slots[shape->root].size);
  uint32_t at = shape->root;
  for (;;) {
    uint32_t before = slots[slots[at].left].size;
    if (rank == before)
      break;
    if (rank < before) {
      at = slots[at].left;
    } else {
      rank -= before + 1;
      at = slots[at].right;
    }
  }
  *key = slots[at].key;
  return at - 1;
}

enum rs_pick rs_index_none(const struct rs_shape_index *shape, struct rs_choice *out)
{
  *out = (struct rs_choice){RS_NODE_NONE, 0};
  return shape->feasible ? RS_PICK_LATER : RS_PICK_NEVER;
}

uint32_t rs_index_draw(struct rs_rng *rng, uint32_t bound)
{
  return bound > 1 ? (uint32_t)rs_rng_below(rng, bound) : 0;
}

/* ---- all shapes ---- */

struct rs_index *rs_index_new(const struct rs_place_opts *opts, rs_index_key *key)
{
  struct rs_index *index = rs_alloc_zero(1, sizeof *index);
  index->opts = *opts;
  index->key = key;
  return index;
}

static void shape_free(struct rs_shape_index *shape)
{
  free(shape->slots);
  free(shape);
}

void rs_index_free(struct rs_index *index)
{
  if (!index)
    return;
  for (uint32_t i = 0; i < index->shape_count; i++)
    shape_free(index->shapes[i]);
  free(index->ring);
  free(index);
}

const struct rs_place_opts *rs_index_opts(const struct rs_index *index)
{
  return &index->opts;
}

/* A ring at least as long as the view; what the old one still holds moves over. */
static void grow_ring(struct rs_index *index, uint32_t span)
{
  uint32_t cap = 64;
  while (cap < span)
    cap *= 2;
  rs_node_id *ring = rs_alloc_zero(cap, sizeof *ring);
  uint64_t kept = index->logged < index->ring_cap ? index->logged : index->ring_cap;
  for (uint64_t i = index->logged - kept; i < index->logged; i++)
    ring[i & (cap - 1)] = index->ring[i & (index->ring_cap - 1)];
  for (uint32_t i = 0; i < index->shape_count; i++)
    if (index->logged - index->shapes[i]->read > index->ring_cap)
      index->shapes[i]->built = false; /* it has missed what the old ring has lost */
  free(index->ring);
  index->ring = ring;
  index->ring_cap = cap;
}

void rs_index_changed(struct rs_index *index, const struct rs_view *view, rs_node_id node)
{
  if (index->shape_count == 0)
    return;
  if (index->ring_cap == 0 || index->ring_cap < rs_view_span(view))
    grow_ring(index, rs_view_span(view));
  uint32_t mask = index->ring_cap - 1;
  if (index->read < index->logged && index->ring[(index->logged - 1) & mask] == node)
    return; /* nobody has looked since the last change of this node */
  index->ring[index->logged++ & mask] = node;
}

const struct rs_shape_index *rs_index_find(struct rs_index *index, const struct rs_view *view,
                                           const struct rs_demand *demand, uint64_t *work)
{
  struct rs_shape_index *shape = NULL;
  uint32_t at = 0;
  if (index->shape_count && rs_demand_equal(&index->shapes[0]->demand, demand)) {
    shape = index->shapes[0];
  } else {
    uint64_t hash = rs_demand_hash(demand);
    for (; at < index->shape_count && !shape; at++)
      if (index->shapes[at]->hash == hash && rs_demand_equal(&index->shapes[at]->demand, demand))
        shape = index->shapes[at];
    if (shape) {
      at--;
    } else {
      if (index->shape_count == RS_INDEX_SHAPES)
        shape_free(index->shapes[--index->shape_count]);
      at = index->shape_count++;
      shape = rs_alloc_zero(1, sizeof *shape);
      shape->demand = *demand;
      shape->hash = hash;
    }
    memmove(&index->shapes[1], &index->shapes[0], at * sizeof index->shapes[0]);
    index->shapes[0] = shape;
  }
  catch_up(index, shape, view, work);
  return shape;
}
