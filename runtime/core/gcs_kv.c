/* gcs_kv.c -- the head's key-value store: namespaces, keys, values, all of them bytes.
 *
 * Entries hang in a hash table by namespace and key, and in one list in the order in which they were made. put, get,
 * delete, exists: O(1) expected; the keys with a prefix: O(entries of all namespaces). What it holds is at most
 * gcs_kv_max_bytes, keys included; a put beyond that is answered with NO_ROOM.
 *
 * Invariant: used_bytes is the sum over the entries.
 */
#include "core/codec.h"
#include "core/gcs_int.h"
#include "core/kv.h"

struct entry {
  struct rs_link link;
  struct entry *next; /* the same hash */
  uint64_t hash;
  uint32_t space_bytes, key_bytes, value_bytes;
  uint8_t *space, *key, *value; /* space and key are in the same allocation */
};

struct rs_kv {
  struct rs_map by_hash;
  struct rs_link entries;
  uint64_t used_bytes;
};

static struct rs_kv *kv_of(struct rs_gcs *g)
{
  if (!g->kv) {
    g->kv = rs_alloc_zero(1, sizeof *g->kv);
    rs_list_init(&g->kv->entries);
  }
  return g->kv;
}

static uint64_t hash_of(const struct rs_m_kv *m)
{
  uint64_t hash = rs_hash_bytes(rs_hash_bytes(0, m->space, m->space_count), m->key, m->key_count);
  return hash ? hash : 1;
}

static bool equal(const uint8_t *a, uint32_t a_bytes, const uint8_t *b, uint32_t b_bytes)
{
  return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static struct entry *find(const struct rs_kv *kv, const struct rs_m_kv *m)
{
  struct entry *e = rs_map_get_ptr(&kv->by_hash, hash_of(m));
  while (e && !(equal(e->space, e->space_bytes, m->space, m->space_count) &&
                equal(e->key, e->key_bytes, m->key, m->key_count)))
    e = e->next;
  return e;
}

static uint64_t bytes_of(const struct entry *e)
{
  return (uint64_t)e->space_bytes + e->key_bytes + e->value_bytes;
}

static void drop(struct rs_kv *kv, struct entry *e)
{
  struct entry *first = rs_map_get_ptr(&kv->by_hash, e->hash);
  if (first == e) {
    if (e->next)
      rs_map_put_ptr(&kv->by_hash, e->hash, e->next);
    else
      rs_map_remove(&kv->by_hash, e->hash, NULL);
  } else {
    while (first->next != e)
      first = first->next;
    first->next = e->next;
  }
  kv->used_bytes -= bytes_of(e);
  rs_list_remove(&e->link);
  free(e->value);
  free(e);
}

static int put(struct rs_endpoint *ep, struct rs_kv *kv, const struct rs_m_kv *m, uint32_t *added)
{
  struct entry *e = find(kv, m);
  *added = e == NULL;
  if (e && !m->overwrite)
    return RS_ERR_OK;
  uint64_t old_bytes = e ? bytes_of(e) : 0, new_bytes = (uint64_t)m->space_count + m->key_count + m->value_count;
  if (kv->used_bytes - old_bytes + new_bytes > (uint64_t)ep->config->gcs_kv_max_bytes)
    return RS_ERR_NO_ROOM;
  if (!e) {
    e = rs_alloc_zero(1, sizeof *e + m->space_count + m->key_count);
    e->space = (uint8_t *)(e + 1);
    e->key = e->space + m->space_count;
    e->space_bytes = m->space_count;
    e->key_bytes = m->key_count;
    if (m->space_count)
      memcpy(e->space, m->space, m->space_count);
    if (m->key_count)
      memcpy(e->key, m->key, m->key_count);
    e->hash = hash_of(m);
    e->next = rs_map_get_ptr(&kv->by_hash, e->hash);
    rs_map_put_ptr(&kv->by_hash, e->hash, e);
    rs_list_push_back(&kv->entries, &e->link);
  }
  free(e->value);
  e->value = rs_memdup(m->value, m->value_count);
  e->value_bytes = m->value_count;
  kv->used_bytes += new_bytes - old_bytes;
  return RS_ERR_OK;
}

static bool in_order(const struct entry *a, const struct entry *b)
{
  uint32_t common = a->key_bytes < b->key_bytes ? a->key_bytes : b->key_bytes;
  int order = common ? memcmp(a->key, b->key, common) : 0;
  return order < 0 || (order == 0 && a->key_bytes <= b->key_bytes);
}

/* Merge sort, so that a large namespace is no trap. */
static void sort(struct entry **list, struct entry **spare, uint32_t count)
{
  if (count < 2)
    return;
  uint32_t half = count / 2, a = 0, b = half, at = 0;
  sort(list, spare, half);
  sort(list + half, spare, count - half);
  while (a < half || b < count)
    spare[at++] = b == count || (a < half && in_order(list[a], list[b])) ? list[a++] : list[b++];
  memcpy(list, spare, count * sizeof *list);
}

/* Keys that begin with m->key, in order: u16 length and bytes each, as many as fit; *count is how many there are. */
static uint8_t *keys(const struct rs_kv *kv, const struct rs_m_kv *m, uint32_t *bytes, uint32_t *count)
{
  struct entry **list = NULL;
  uint32_t cap = 0;
  *count = 0;
  for (struct rs_link *at = kv->entries.next; at != &kv->entries; at = at->next) {
    struct entry *e = RS_ENTRY(at, struct entry, link);
    if (!equal(e->space, e->space_bytes, m->space, m->space_count) || e->key_bytes < m->key_count ||
        !equal(e->key, m->key_count, m->key, m->key_count))
      continue;
    RS_GROW(list, *count, cap);
    list[(*count)++] = e;
  }
  struct entry **spare = *count ? rs_alloc(*count * sizeof *spare) : NULL;
  sort(list, spare, *count);
  uint8_t *out = rs_alloc(RS_KV_VALUE_MAX);
  struct rs_writer w = {out, RS_KV_VALUE_MAX, 0};
  for (uint32_t i = 0; i < *count && i < m->limit && w.size + 2 + list[i]->key_bytes <= w.cap; i++) {
    rs_put_u16(&w, (uint16_t)list[i]->key_bytes);
    rs_put_bytes(&w, list[i]->key, list[i]->key_bytes);
  }
  free(list);
  free(spare);
  *bytes = (uint32_t)w.size;
  return rs_realloc(out, w.size ? w.size : 1, 1);
}

void rs_gcs_kv_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_m_kv *m)
{
  struct rs_kv *kv = kv_of(ep->gcs);
  struct rs_m_kv_reply *r = rs_msg_new(RS_MSG_KV_REPLY);
  struct entry *e = find(kv, m);
  r->request = m->request;
  switch (m->op) {
  case RS_KV_PUT: r->status = put(ep, kv, m, &r->count); break;
  case RS_KV_GET:
    r->status = e ? RS_ERR_OK : RS_ERR_NOT_FOUND;
    if (e) {
      r->value = rs_memdup(e->value, e->value_bytes);
      r->value_count = e->value_bytes;
    }
    r->count = e != NULL;
    break;
  case RS_KV_DELETE:
    r->count = e != NULL;
    if (e)
      drop(kv, e);
    break;
  case RS_KV_EXISTS: r->count = e != NULL; break;
  case RS_KV_KEYS: r->value = keys(kv, m, &r->value_count, &r->count); break;
  default: r->status = RS_ERR_REFUSED;
  }
  rs_send(ep, from, r);
}

void rs_gcs_kv_free(struct rs_gcs *g)
{
  if (!g->kv)
    return;
  RS_LIST_EACH(&g->kv->entries, at, after) drop(g->kv, RS_ENTRY(at, struct entry, link));
  RS_ASSERT(g->kv->used_bytes == 0);
  rs_map_free(&g->kv->by_hash);
  free(g->kv);
}
