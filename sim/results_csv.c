#include "sim/results_csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/results_out.h"

static char *read_file(const char *path, int *error)
{
  FILE *file = fopen(path, "rbe");
  *error = errno;
  if (!file)
    return NULL;
  size_t size = 0, cap = 1 << 14;
  char *text = rs_alloc(cap);
  for (size_t got; (got = fread(text + size, 1, cap - size - 1, file)) > 0;) {
    size += got;
    if (size + 1 == cap)
      text = rs_realloc(text, cap *= 2, 1);
  }
  *error = ferror(file) ? EIO : 0;
  fclose(file);
  text[size] = '\0';
  return text;
}

/* Cuts one field off at `at`, in place; returns where the next one begins, and what ended this one. */
static char *cut(char *at, char **field, char *end)
{
  char *to = at;
  *field = at;
  if (*at == '"') {
    for (at++; *at && !(*at == '"' && at[1] != '"'); at++) {
      at += *at == '"';
      *to++ = *at;
    }
    at += *at == '"';
  }
  while (*at && *at != ',' && *at != '\n')
    *to++ = *at++;
  *end = *at;
  at += *at != '\0';
  *to = '\0';
  return at;
}

static char *read_row(char *at, char ***list, uint32_t *count, uint32_t *cap)
{
  char end = ',';
  while (end == ',') {
    RS_GROW(*list, *count, *cap);
    at = cut(at, &(*list)[(*count)++], &end);
  }
  return at;
}

bool rs_csv_read(struct rs_csv *csv, const char *dir, const char *name, bool *missing, char *err, size_t err_size)
{
  int error;
  uint32_t cap = 0, cells = 0, line = 1;
  *csv = (struct rs_csv){0};
  char *path = rs_out_path(dir, name);
  csv->text = read_file(path, &error);
  bool good = error == 0;
  if (missing)
    *missing = error == ENOENT;
  if (missing && *missing) {
    free(path);
    return true;
  }
  if (!good)
    rs_out_fail(err, err_size, "cannot read", path, error);
  char *at = csv->text;
  if (good && *at)
    at = read_row(at, &csv->name, &csv->columns, &cap);
  cap = 0;
  while (good && *at) {
    uint32_t before = cells;
    line++;
    at = read_row(at, &csv->cell, &cells, &cap);
    good = cells - before == csv->columns;
    csv->rows++;
  }
  if (!good && error == 0)
    snprintf(err, err_size, "%s:%u: this row has another number of fields than line 1", path, line);
  free(path);
  if (!good)
    rs_csv_free(csv);
  return good;
}

void rs_csv_free(struct rs_csv *csv)
{
  free(csv->text);
  free(csv->cell);
  free(csv->name);
  *csv = (struct rs_csv){0};
}

int rs_csv_column(const struct rs_csv *csv, const char *name)
{
  for (uint32_t i = 0; i < csv->columns; i++)
    if (strcmp(csv->name[i], name) == 0)
      return (int)i;
  return -1;
}

const char *rs_csv_text(const struct rs_csv *csv, uint32_t row, int column)
{
  return column < 0 ? "" : csv->cell[(size_t)row * csv->columns + (uint32_t)column];
}

double rs_csv_number(const struct rs_csv *csv, uint32_t row, int column)
{
  const char *text = rs_csv_text(csv, row, column);
  char *end;
  double value = strtod(text, &end);
  return end == text || *end ? NAN : value;
}
