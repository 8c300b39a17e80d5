/* row.c -- making and sharing rows, and their wire form. */
#include "core/row.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/codec.h"

struct rs_row *rs_row_new(uint8_t kind, uint32_t count, uint32_t text_bytes)
{
  RS_ASSERT(count <= RS_ROW_MAX && text_bytes <= RS_ROW_TEXT_MAX);
  size_t bytes = sizeof(struct rs_row) + count * sizeof(uint64_t) + text_bytes;
  struct rs_row *row = rs_alloc(bytes);
  memset(row, 0, bytes);
  row->refs = 1;
  row->kind = kind;
  row->count = (uint8_t)count;
  row->text_bytes = (uint16_t)text_bytes;
  row->n = (uint64_t *)(void *)(row + 1);
  row->text = (uint8_t *)(row->n + count);
  return row;
}

struct rs_row *rs_row_copy(const struct rs_row *row)
{
  struct rs_row *copy = rs_row_new(row->kind, row->count, row->text_bytes);
  memcpy(copy->n, row->n, row->count * sizeof *row->n);
  if (row->text_bytes)
    memcpy(copy->text, row->text, row->text_bytes);
  return copy;
}

struct rs_row *rs_row_ref(struct rs_row *row)
{
  RS_ASSERT(row->refs > 0);
  row->refs++;
  return row;
}

void rs_row_unref(struct rs_row *row)
{
  if (row && --row->refs == 0)
    free(row);
}

void rs_put_row(struct rs_writer *w, const struct rs_row *row)
{
  RS_ASSERT(row && row->count <= RS_ROW_MAX && row->text_bytes <= RS_ROW_TEXT_MAX);
  rs_put_u8(w, row->kind);
  rs_put_u8(w, row->count);
  rs_put_u16(w, row->text_bytes);
  for (unsigned i = 0; i < row->count; i++)
    rs_put_u64(w, row->n[i]);
  rs_put_bytes(w, row->text, row->text_bytes);
}

struct rs_row *rs_get_row(struct rs_reader *r)
{
  uint8_t kind = rs_get_u8(r), count = rs_get_u8(r);
  uint16_t text_bytes = rs_get_u16(r);
  if (count > RS_ROW_MAX || text_bytes > RS_ROW_TEXT_MAX)
    rs_get_fail(r, RS_ERR_TOO_LARGE);
  if (rs_get_left(r) < count * sizeof(uint64_t) + text_bytes)
    rs_get_fail(r, RS_ERR_TRUNCATED);
  if (r->error)
    return NULL;
  struct rs_row *row = rs_row_new(kind, count, text_bytes);
  for (unsigned i = 0; i < count; i++)
    row->n[i] = rs_get_u64(r);
  const uint8_t *text = rs_get_span(r, text_bytes);
  if (text && text_bytes)
    memcpy(row->text, text, text_bytes);
  return row;
}
