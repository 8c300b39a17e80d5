/* node_options.c -- how a node begins: its options as bytes, and what they mean where they say nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "uv/arena.h"
#include "uv/node.h"

struct rs_node_options *rs_node_options_with_memory(const struct rs_node_options *options)
{
  struct rs_node_options *mine = rs_memdup(options, sizeof *options);
  struct rs_res total = options->info->total;
  int64_t usual = (int64_t)rs_arena_usual_capacity(options->node_count);
  if (total.store_bytes == 0)
    total.store_bytes = usual;
  if (total.memory_bytes == 0)
    total.memory_bytes = usual / 3 * 7;
  mine->info = rs_node_info_new(&total);
  mine->info->node_type = options->info->node_type;
  mine->info->label_count = options->info->label_count;
  memcpy(mine->info->labels, options->info->labels, sizeof mine->info->labels);
  return mine;
}

void rs_node_options_put(struct rs_writer *w, const struct rs_node_options *o)
{
  rs_put_text(w, o->session);
  rs_put_text(w, o->bind);
  rs_setup_put(w, &o->setup);
  rs_put_u32(w, o->node_count);
  for (uint32_t i = 0; i < o->node_count; i++)
    rs_put_info(w, o->infos[i]);
  rs_put_u32(w, o->type_count);
  for (uint32_t i = 0; i < o->type_count; i++) {
    rs_put_info(w, o->types[i].info);
    rs_put_u32(w, o->types[i].min_count);
    rs_put_u32(w, o->types[i].max_count);
    rs_put_u64(w, o->types[i].idle_timeout_ms);
  }
}

bool rs_node_options_get(struct rs_reader *r, struct rs_node_options *o)
{
  rs_get_text(r, o->session, sizeof o->session);
  rs_get_text(r, o->bind, sizeof o->bind);
  if (!rs_setup_get(r, &o->setup))
    return false;
  o->node_count = rs_get_u32(r);
  if (o->node_count == 0 || o->node_count > rs_get_left(r))
    return false;
  o->infos = rs_alloc_zero(o->node_count, sizeof *o->infos);
  for (uint32_t i = 0; i < o->node_count; i++)
    o->infos[i] = rs_get_info(r);
  o->type_count = rs_get_u32(r);
  if (o->type_count > rs_get_left(r))
    return false;
  o->types = rs_alloc_zero(o->type_count + 1, sizeof *o->types);
  for (uint32_t i = 0; i < o->type_count; i++) {
    o->types[i].info = rs_get_info(r);
    o->types[i].min_count = rs_get_u32(r);
    o->types[i].max_count = rs_get_u32(r);
    o->types[i].idle_timeout_ms = rs_get_u64(r);
  }
  o->info = o->infos[0];
  return r->error == 0 && rs_get_left(r) == 0;
}
