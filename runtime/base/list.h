/* list.h -- intrusive doubly linked lists: a ring through a head. Insertion and removal are O(1) and never allocate.
 *
 * An element embeds `struct rs_link`; RS_ENTRY gets from the link to the element. A link that is in no list points at
 * itself, so removing it again is harmless.
 */
#ifndef RS_BASE_LIST_H
#define RS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rs_link {
  struct rs_link *next, *prev;
};

#define RS_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Iterates over a list from which `at` may be removed meanwhile. */
#define RS_LIST_EACH(head, at, after)                                                                                  \
  for (struct rs_link *at = (head)->next, *after = at->next; at != (head); at = after, after = at->next)

static inline void rs_list_init(struct rs_link *link)
{
  link->next = link->prev = link;
}
static inline bool rs_list_empty(const struct rs_link *head)
{
  return head->next == head;
}

static inline void rs_list_insert_after(struct rs_link *place, struct rs_link *link)
{
  link->prev = place;
  link->next = place->next;
  place->next->prev = link;
  place->next = link;
}

static inline void rs_list_push_back(struct rs_link *head, struct rs_link *link)
{
  rs_list_insert_after(head->prev, link);
}

static inline void rs_list_push_front(struct rs_link *head, struct rs_link *link)
{
  rs_list_insert_after(head, link);
}

static inline void rs_list_remove(struct rs_link *link)
{
  link->prev->next = link->next;
  link->next->prev = link->prev;
  rs_list_init(link);
}

#endif
