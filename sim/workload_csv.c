/* workload_csv.c -- see workload_csv.h. One pass, one character at a time through zlib's buffer: O(bytes). */
#include "sim/workload_csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

struct rs_csv {
  gzFile file;
  const char *path;
  char *error;
  size_t error_bytes;
  uint64_t line, row_line; /* of the next character, of the row */
  char *text;
  uint32_t text_bytes, text_cap;
  uint32_t *begins; /* of each cell in text */
  uint32_t count, cap;
  char **cells;
  uint32_t cells_cap;
  int ahead; /* a character read too far, or -1 */
  char delimiter;
};

struct rs_csv *rs_csv_open(const char *path, char delimiter, char *error, size_t error_bytes)
{
  errno = 0;
  gzFile file = gzopen(path, "rb");
  if (!file) {
    snprintf(error, error_bytes, "%s: cannot be opened: %s", path, errno ? strerror(errno) : "out of memory");
    return NULL;
  }
  gzbuffer(file, 1u << 17);
  struct rs_csv *csv = rs_alloc_zero(1, sizeof *csv);
  csv->file = file;
  csv->path = path;
  csv->error = error;
  csv->error_bytes = error_bytes;
  csv->line = 1;
  csv->ahead = -1;
  csv->delimiter = delimiter;
  return csv;
}

void rs_csv_close(struct rs_csv *csv)
{
  if (!csv)
    return;
  gzclose(csv->file);
  free(csv->text);
  free(csv->begins);
  free(csv->cells);
  free(csv);
}

uint64_t rs_csv_line(const struct rs_csv *csv)
{
  return csv->row_line;
}

static int fail(struct rs_csv *csv, uint64_t line, const char *what)
{
  snprintf(csv->error, csv->error_bytes, "%s:%llu: %s", csv->path, (unsigned long long)line, what);
  return -1;
}

/* The next character, -1 at the end. CRLF comes as LF. */
static int get(struct rs_csv *csv)
{
  int c = csv->ahead;
  csv->ahead = -1;
  if (c < 0)
    c = gzgetc(csv->file);
  if (c == '\r') {
    csv->ahead = gzgetc(csv->file);
    if (csv->ahead == '\n') {
      csv->ahead = -1;
      c = '\n';
    }
  }
  csv->line += c == '\n';
  return c;
}

static bool add(struct rs_csv *csv, int c)
{
  if (csv->text_bytes >= RS_CSV_ROW_BYTES_MAX)
    return false;
  RS_GROW(csv->text, csv->text_bytes, csv->text_cap);
  csv->text[csv->text_bytes++] = (char)c;
  return true;
}

/* One cell, ended in text by 0. Returns the character after it, or -2 when an error was told. */
static int read_cell(struct rs_csv *csv, bool *quoted)
{
  RS_GROW(csv->begins, csv->count, csv->cap);
  csv->begins[csv->count++] = csv->text_bytes;
  uint64_t line = csv->line;
  int c = get(csv);
  *quoted = c == '"';
  if (*quoted)
    c = get(csv);
  for (;; c = get(csv)) {
    if (c == '"' && *quoted) {
      c = get(csv);
      if (c != '"')
        break;
    } else if (c < 0 && *quoted) {
      return fail(csv, line, "the quote that opens here is not closed"), -2;
    } else if (!*quoted && (c < 0 || c == '\n' || c == csv->delimiter)) {
      break;
    }
    if (c == 0)
      return fail(csv, csv->line, "not a text file: it has a zero byte; wanted CSV, gzipped or plain"), -2;
    if (!add(csv, c))
      return fail(csv, csv->row_line, "the row has more than 1 MiB; is a quote missing, or the delimiter another?"), -2;
  }
  if (*quoted && c >= 0 && c != '\n' && c != csv->delimiter)
    return fail(csv, csv->line, "text after a closing quote; wanted a delimiter, or two quotes for one"), -2;
  add(csv, 0);
  return c;
}

static bool read_well(struct rs_csv *csv)
{
  int code = Z_OK;
  const char *why = gzerror(csv->file, &code);
  if (code == Z_OK || code == Z_STREAM_END)
    return true;
  char text[200];
  snprintf(text, sizeof text, "cannot be read on: %.150s",
           code == Z_ERRNO       ? strerror(errno)
           : code == Z_BUF_ERROR ? "the gzip file is cut short; copy it again"
                                 : why);
  fail(csv, csv->line, text);
  return false;
}

int rs_csv_next(struct rs_csv *csv, char *const **cells, uint32_t *count)
{
  if (csv->line == 1 && csv->row_line == 0) {
    static const int mark[3] = {0xEF, 0xBB, 0xBF};
    int c = gzgetc(csv->file);
    if (c == mark[0]) {
      if (gzgetc(csv->file) != mark[1] || gzgetc(csv->file) != mark[2])
        return fail(csv, 1, "begins with a byte that is no text");
    } else {
      csv->ahead = c;
    }
  }
  for (;;) {
    csv->count = csv->text_bytes = 0;
    csv->row_line = csv->line;
    bool quoted;
    int end;
    do
      end = read_cell(csv, &quoted);
    while (end == (unsigned char)csv->delimiter);
    if (end == -2)
      return -1;
    if (!read_well(csv))
      return -1;
    bool empty = csv->count == 1 && csv->text[0] == '\0' && !quoted;
    if (!empty)
      break;
    if (end < 0)
      return 0;
  }
  if (csv->cells_cap < csv->count) {
    csv->cells_cap = csv->count;
    csv->cells = rs_realloc(csv->cells, csv->cells_cap, sizeof *csv->cells);
  }
  for (uint32_t i = 0; i < csv->count; i++)
    csv->cells[i] = csv->text + csv->begins[i];
  *cells = csv->cells;
  *count = csv->count;
  return 1;
}
