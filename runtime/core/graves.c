/* graves.c -- see graves.h. */
#include "core/graves.h"

#include <string.h>

#include "core/endpoint.h"

void rs_graves_init(struct rs_graves *graves)
{
  *graves = (struct rs_graves){0};
  rs_list_init(&graves->list);
}

static void forget(struct rs_graves *graves, struct rs_grave *grave)
{
  rs_list_remove(&grave->link);
  rs_map_remove(&graves->by_id, rs_id_key(grave->id), NULL);
  rs_row_unref(grave->row);
  free(grave);
}

void rs_graves_free(struct rs_graves *graves)
{
  RS_LIST_EACH(&graves->list, at, after) forget(graves, RS_ENTRY(at, struct rs_grave, link));
  rs_map_free(&graves->by_id);
}

void rs_graves_add(struct rs_graves *graves, struct rs_id id, uint64_t type, int32_t reason, const void *text,
                   uint32_t text_bytes, struct rs_row *row, uint64_t most)
{
  struct rs_grave *grave = rs_map_get_ptr(&graves->by_id, rs_id_key(id));
  if (grave)
    forget(graves, grave);
  grave = rs_alloc(sizeof *grave + text_bytes);
  *grave = (struct rs_grave){.id = id, .type = type, .reason = reason, .row = row, .text_bytes = text_bytes};
  if (text_bytes)
    memcpy(grave->text, text, text_bytes);
  rs_list_push_back(&graves->list, &grave->link);
  rs_map_put_ptr(&graves->by_id, rs_id_key(id), grave);
  while (graves->by_id.count > most)
    forget(graves, RS_ENTRY(graves->list.next, struct rs_grave, link));
}

const struct rs_grave *rs_graves_find(const struct rs_graves *graves, struct rs_id id)
{
  struct rs_grave *grave = rs_map_get_ptr(&graves->by_id, rs_id_key(id));
  return grave && rs_id_equal(grave->id, id) ? grave : NULL;
}
