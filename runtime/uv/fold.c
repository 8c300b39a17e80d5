/* fold.c -- see output.h: what workers print, shown by the driver program.
 *
 * A table of the lines of the last FOLD_S seconds, by a hash of each in which runs of digits are one: at most
 * LINES_MAX, then the oldest goes first. A line that another worker printed before is counted; one that the same worker
 * prints again is shown. O(length) for a line.
 */
#include <ctype.h>
#include <string.h>

#include "core/codec.h"
#include "uv/output.h"

enum { FOLD_S = 5, LINES_MAX = 1024, SHOWN_MAX = 4096 };

struct line {
  struct rs_link link; /* oldest first */
  uint64_t hash, first_source, until;
  uint32_t count; /* of those that were not shown */
  char *last;     /* the last of these, with its prefix */
};

struct rs_fold {
  FILE *to;
  struct rs_map by_hash;
  struct rs_link lines;
  uint32_t line_count;
};

struct rs_fold *rs_fold_new(FILE *to)
{
  struct rs_fold *fold = rs_alloc_zero(1, sizeof *fold);
  fold->to = to;
  rs_list_init(&fold->lines);
  return fold;
}

static void drop(struct rs_fold *fold, struct line *line)
{
  if (line->count == 1)
    fprintf(fold->to, "%s\n", line->last);
  else if (line->count > 1)
    fprintf(fold->to, "%s [repeated %ux across cluster]\n", line->last, line->count);
  rs_list_remove(&line->link);
  rs_map_remove(&fold->by_hash, line->hash, NULL);
  free(line->last);
  free(line);
  fold->line_count--;
}

static uint64_t hash_of(const char *text, size_t length)
{
  uint64_t hash = 1;
  for (size_t i = 0; i < length; i++) {
    bool digit = isdigit((unsigned char)text[i]);
    if (digit && i > 0 && isdigit((unsigned char)text[i - 1]))
      continue;
    hash = rs_hash_u64(hash, digit ? '0' : (unsigned char)text[i]);
  }
  return hash ? hash : 1;
}

void rs_fold_line(struct rs_fold *fold, uint64_t now, uint64_t source, const char *prefix, const char *text,
                  size_t length)
{
  uint64_t hash = hash_of(text, length);
  struct line *line = rs_map_get_ptr(&fold->by_hash, hash);
  length = length > SHOWN_MAX ? SHOWN_MAX : length;
  if (!line || line->first_source == source) {
    fprintf(fold->to, "%s %.*s\n", prefix, (int)length, text);
    if (line)
      return;
    if (fold->line_count == LINES_MAX)
      drop(fold, RS_ENTRY(fold->lines.next, struct line, link));
    line = rs_alloc_zero(1, sizeof *line);
    line->hash = hash;
    line->first_source = source;
    line->until = now + FOLD_S * RS_S;
    rs_list_push_back(&fold->lines, &line->link);
    rs_map_put_ptr(&fold->by_hash, hash, line);
    fold->line_count++;
    return;
  }
  size_t bytes = strlen(prefix) + length + 2;
  line->count++;
  free(line->last);
  line->last = rs_alloc(bytes);
  snprintf(line->last, bytes, "%s %.*s", prefix, (int)length, text);
}

uint64_t rs_fold_settle(struct rs_fold *fold, uint64_t now)
{
  while (!rs_list_empty(&fold->lines)) {
    struct line *line = RS_ENTRY(fold->lines.next, struct line, link);
    if (line->until > now)
      return line->until;
    drop(fold, line);
  }
  return RS_TIME_NEVER;
}

void rs_fold_free(struct rs_fold *fold)
{
  if (!fold)
    return;
  rs_fold_settle(fold, RS_TIME_NEVER);
  fflush(fold->to);
  rs_map_free(&fold->by_hash);
  free(fold);
}

bool rs_output_on_frame(struct rs_fold *fold, struct rs_proc *proc, const struct rs_frame *f)
{
  struct rs_reader r = {f->body, f->body + f->body_bytes, 0};
  char name[256], prefix[400];
  rs_addr worker = rs_get_u64(&r);
  uint32_t pid = rs_get_u32(&r);
  rs_get_u8(&r); /* which stream: both go to ours for errors */
  uint64_t left_out = rs_get_u64(&r);
  rs_get_text(&r, name, sizeof name);
  if (r.error)
    return false;
  const struct rs_route *route = rs_route_find(proc, rs_addr_raylet(worker));
  snprintf(prefix, sizeof prefix, "(%s pid=%u, ip=%s)", name, pid, route ? route->host : "127.0.0.1");
  if (left_out)
    fprintf(fold->to, "%s [%llu bytes left out here; `raysim logs` has them]\n", prefix, (unsigned long long)left_out);
  uint64_t now = rs_proc_now(proc);
  for (const char *at = (const char *)r.at, *end = (const char *)r.end; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((newline ? newline : end) - at);
    if (length)
      rs_fold_line(fold, now, worker, prefix, at, length);
    at += length + 1;
  }
  fflush(fold->to);
  return true;
}
