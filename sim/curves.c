/* curves.c -- reads a table of recorded learning curves.
 *
 * The whole text is inflated into memory (at most TEXT_BYTES_MAX, so that a crafted file cannot fill the machine), then
 * parsed in place, one pass, one line at a time: every message names the line. The hyperparameters are parsed at the
 * first row of a configuration; in its other rows the same text must stand there, which is a cheap check that rows of
 * different configurations did not mix. The values go to four growing arrays; a configuration is an offset into them.
 *
 * Complexity: linear in the size of the text. 128,000 rows of 13 columns take about 0.1 s.
 */
#include "sim/curves.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define TEXT_BYTES_MAX (512u << 20)
#define COLUMNS_MAX 256u

struct entry {
  uint32_t number, epochs, diverged_epoch;
  size_t first; /* index of its epoch 1 in the value arrays */
};

struct rs_curves {
  struct entry *entries;
  uint32_t count, cap;
  double *values; /* loss, accuracy, seconds of each row: three arrays, one after another, once loaded */
  size_t rows;
  double *parameters; /* parameter_count of each entry */
  char **names;
  uint32_t parameter_count;
  uint32_t epochs_min;
  double seconds_mean;
};

enum role { CONFIGURATION, EPOCH, LOSS, ACCURACY, SECONDS, TASK, PARAMETER };
static const char *const role_names[] = {"configuration", "epoch",   "validation_loss_nats",
                                         "accuracy",      "seconds", "task"};

struct column {
  enum role role;
  const char *name;
  const char *text; /* in the current row */
  size_t bytes;
  const char *first_text; /* PARAMETER: in the first row of the current configuration */
  size_t first_bytes;
};

struct reader {
  const char *path;
  const char *task;
  char *error;
  size_t error_bytes;
  char *text;
  size_t text_bytes;
  uint32_t line;
  struct column columns[COLUMNS_MAX];
  uint32_t column_count;
  uint32_t at[TASK + 1]; /* the column of each role; COLUMNS_MAX = not there */
  struct rs_curves *curves;
  double *rows; /* three values a row */
  size_t row_count, row_cap;
};

/* Both return 0, so that a caller can `return fail(...)`. */
static int __attribute__((format(printf, 2, 3))) fail(struct reader *reader, const char *format, ...)
{
  int used = reader->line ? snprintf(reader->error, reader->error_bytes, "%s:%u: ", reader->path, reader->line)
                          : snprintf(reader->error, reader->error_bytes, "%s: ", reader->path);
  if (used < 0 || (size_t)used >= reader->error_bytes)
    return 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reader->error + used, reader->error_bytes - (size_t)used, format, arguments);
  va_end(arguments);
  return 0;
}

static int read_text(struct reader *reader)
{
  errno = 0;
  gzFile file = gzopen(reader->path, "rb");
  if (!file)
    return fail(reader, "cannot open the table of curves: %s", errno ? strerror(errno) : "out of memory");
  gzbuffer(file, 1u << 17);
  size_t cap = 1u << 20;
  reader->text = rs_alloc(cap + 1);
  for (;;) {
    int got = gzread(file, reader->text + reader->text_bytes, (unsigned)(cap - reader->text_bytes));
    int code = Z_OK;
    const char *why = gzerror(file, &code);
    if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
      fail(reader, "cannot read the table of curves: %s", code == Z_ERRNO ? strerror(errno) : why);
      gzclose(file);
      return 0;
    }
    if (got == 0)
      break;
    reader->text_bytes += (size_t)got;
    if (reader->text_bytes == cap) {
      if (cap >= TEXT_BYTES_MAX) {
        gzclose(file);
        return fail(reader, "the table of curves is larger than %u MiB", TEXT_BYTES_MAX >> 20);
      }
      cap *= 2;
      reader->text = rs_realloc(reader->text, cap + 1, 1);
    }
  }
  if (gzclose(file) != Z_OK)
    return fail(reader, "the gzip file is cut short; copy it again");
  reader->text[reader->text_bytes] = '\0';
  if (strlen(reader->text) != reader->text_bytes)
    return fail(reader, "not a text file: it has zero bytes in it; wanted CSV, gzipped or plain");
  return 1;
}

/* Splits a line (without its end) at the commas into at most COLUMNS_MAX fields, each ended by '\0'; returns how many.
 */
static uint32_t split(char *line, const char **fields, size_t *sizes)
{
  uint32_t count = 0;
  for (;;) {
    char *end = strchr(line, ',');
    size_t bytes = end ? (size_t)(end - line) : strlen(line);
    if (count < COLUMNS_MAX) {
      fields[count] = line;
      sizes[count] = bytes;
    }
    count++;
    if (!end)
      return count;
    *end = '\0';
    line = end + 1;
  }
}

/* The next line, ended by '\0' without its line end; NULL at the end of the text. */
static char *next_line(struct reader *reader, char **cursor)
{
  char *line = *cursor;
  if (*line == '\0')
    return NULL;
  char *end = strchr(line, '\n');
  if (end) {
    *end = '\0';
    *cursor = end + 1;
    if (end > line && end[-1] == '\r')
      end[-1] = '\0';
  } else {
    *cursor = line + strlen(line);
  }
  reader->line++;
  return line;
}

static int read_header(struct reader *reader, char *line)
{
  const char *fields[COLUMNS_MAX];
  size_t sizes[COLUMNS_MAX];
  uint32_t count = split(line, fields, sizes);
  if (count > COLUMNS_MAX)
    return fail(reader, "%u columns; at most %u are read", count, COLUMNS_MAX);
  for (int role = 0; role <= TASK; role++)
    reader->at[role] = COLUMNS_MAX;
  struct rs_curves *curves = reader->curves;
  curves->names = rs_alloc_zero(count, sizeof *curves->names);
  for (uint32_t i = 0; i < count; i++) {
    if (sizes[i] == 0)
      return fail(reader, "column %u has no name", i + 1);
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(fields[i], fields[j]) == 0)
        return fail(reader, "two columns are named \"%s\"", fields[i]);
    struct column *column = &reader->columns[i];
    *column = (struct column){.role = PARAMETER, .name = fields[i]};
    for (int role = 0; role <= TASK; role++)
      if (strcmp(fields[i], role_names[role]) == 0) {
        column->role = (enum role)role;
        reader->at[role] = i;
      }
    if (column->role == PARAMETER)
      curves->names[curves->parameter_count++] = rs_memdup(fields[i], sizes[i] + 1);
  }
  reader->column_count = count;
  for (int role = 0; role < TASK; role++)
    if (reader->at[role] == COLUMNS_MAX)
      return fail(reader,
                  "there is no column \"%s\"; wanted a first line that names the columns configuration, epoch, "
                  "validation_loss_nats, accuracy and seconds",
                  role_names[role]);
  if (reader->task && reader->at[TASK] == COLUMNS_MAX)
    return fail(reader, "there is no column \"task\", but only the rows of task \"%s\" are wanted", reader->task);
  return 1;
}

static int number_of(struct reader *reader, const struct column *column, double *out)
{
  char *end = NULL;
  *out = strtod(column->text, &end);
  if (column->bytes == 0 || *end != '\0' || column->text[0] == ' ')
    return fail(reader, "%s is \"%.40s\"; wanted a number", column->name, column->text);
  return 1;
}

static int count_of(struct reader *reader, const struct column *column, uint32_t *out)
{
  uint64_t value = 0;
  for (size_t i = 0; i < column->bytes; i++) {
    if (column->text[i] < '0' || column->text[i] > '9' || value > UINT32_MAX)
      return fail(reader, "%s is \"%.40s\"; wanted a whole number", column->name, column->text);
    value = value * 10 + (uint64_t)(column->text[i] - '0');
  }
  if (column->bytes == 0 || value > INT32_MAX)
    return fail(reader, "%s is \"%.40s\"; wanted a whole number from 0 to %d", column->name, column->text, INT32_MAX);
  *out = (uint32_t)value;
  return 1;
}

/* The first row of a configuration, or one more: its entry, with the hyperparameters kept or compared. */
static struct entry *enter(struct reader *reader, uint32_t number, uint32_t epoch)
{
  struct rs_curves *curves = reader->curves;
  struct entry *entry = curves->count ? &curves->entries[curves->count - 1] : NULL;
  if (entry && entry->number == number) {
    if (epoch != entry->epochs + 1) {
      fail(reader, "epoch is %u; wanted %u, the next one of configuration %u", epoch, entry->epochs + 1, number);
      return NULL;
    }
    for (uint32_t i = 0; i < reader->column_count; i++) {
      struct column *column = &reader->columns[i];
      if (column->role == PARAMETER &&
          (column->bytes != column->first_bytes || memcmp(column->text, column->first_text, column->bytes) != 0)) {
        fail(reader, "%s is %.40s, but %.40s in the first row of configuration %u; one configuration has one value",
             column->name, column->text, column->first_text, number);
        return NULL;
      }
    }
    entry->epochs = epoch;
    return entry;
  }
  if (entry && entry->number > number) {
    fail(reader, "configuration %u comes after %u; wanted increasing numbers, each configuration's rows together",
         number, entry->number);
    return NULL;
  }
  if (epoch != 1) {
    fail(reader, "configuration %u begins with epoch %u; wanted epoch 1", number, epoch);
    return NULL;
  }
  RS_GROW(curves->entries, curves->count, curves->cap);
  curves->parameters =
      rs_realloc(curves->parameters, (size_t)curves->cap * curves->parameter_count + 1, sizeof *curves->parameters);
  double *parameter = curves->parameters + (size_t)curves->count * curves->parameter_count;
  for (uint32_t i = 0; i < reader->column_count; i++) {
    struct column *column = &reader->columns[i];
    if (column->role != PARAMETER)
      continue;
    column->first_text = column->text;
    column->first_bytes = column->bytes;
    if (!number_of(reader, column, parameter))
      return NULL;
    if (!rs_is_finite(*parameter++)) {
      fail(reader, "%s is %.40s; wanted a finite number", column->name, column->text);
      return NULL;
    }
  }
  entry = &curves->entries[curves->count++];
  *entry = (struct entry){.number = number, .epochs = 1, .first = reader->row_count};
  return entry;
}

static int read_row(struct reader *reader, char *line)
{
  const char *fields[COLUMNS_MAX];
  size_t sizes[COLUMNS_MAX];
  uint32_t count = split(line, fields, sizes);
  if (count != reader->column_count)
    return fail(reader, "%u columns; wanted %u, as in the first line", count, reader->column_count);
  for (uint32_t i = 0; i < count; i++) {
    reader->columns[i].text = fields[i];
    reader->columns[i].bytes = sizes[i];
  }
  if (reader->task && strcmp(fields[reader->at[TASK]], reader->task) != 0)
    return 1;
  uint32_t number, epoch;
  double loss, accuracy, seconds;
  if (!count_of(reader, &reader->columns[reader->at[CONFIGURATION]], &number) ||
      !count_of(reader, &reader->columns[reader->at[EPOCH]], &epoch) ||
      !number_of(reader, &reader->columns[reader->at[LOSS]], &loss) ||
      !number_of(reader, &reader->columns[reader->at[ACCURACY]], &accuracy) ||
      !number_of(reader, &reader->columns[reader->at[SECONDS]], &seconds))
    return 0;
  if (loss < 0)
    return fail(reader, "validation_loss_nats is %g; wanted at least 0, or nan when training diverged", loss);
  if (!(accuracy >= 0 && accuracy <= 1))
    return fail(reader, "accuracy is %g; wanted a share from 0 to 1", accuracy);
  if (!(seconds > 0 && rs_is_finite(seconds)))
    return fail(reader, "seconds is %g; wanted a time above 0", seconds);
  struct entry *entry = enter(reader, number, epoch);
  if (!entry)
    return 0;
  if (!rs_is_finite(loss)) {
    loss = RS_NAN;
    if (!entry->diverged_epoch)
      entry->diverged_epoch = epoch;
  } else if (entry->diverged_epoch) {
    return fail(reader, "validation_loss_nats is %g, but configuration %u diverged at epoch %u; wanted nan", loss,
                number, entry->diverged_epoch);
  }
  if (reader->row_count == reader->row_cap) {
    reader->row_cap = reader->row_cap ? 2 * reader->row_cap : 4096;
    reader->rows = rs_realloc(reader->rows, reader->row_cap, 3 * sizeof *reader->rows);
  }
  double *row = reader->rows + 3 * reader->row_count++;
  row[0] = loss;
  row[1] = accuracy;
  row[2] = seconds;
  return 1;
}

static int read_table(struct reader *reader)
{
  if (!read_text(reader))
    return 0;
  char *cursor = reader->text, *line = next_line(reader, &cursor);
  if (!line)
    return fail(reader, "the table of curves is empty; wanted a first line that names the columns");
  if (!read_header(reader, line))
    return 0;
  while ((line = next_line(reader, &cursor)))
    if (!read_row(reader, line))
      return 0;
  struct rs_curves *curves = reader->curves;
  if (!curves->count)
    return reader->task ? fail(reader, "no row has task \"%s\"", reader->task)
                        : fail(reader, "no curve; wanted rows after the first line");

  size_t rows = curves->rows = reader->row_count;
  curves->values = rs_alloc_zero(rows, 3 * sizeof *curves->values);
  for (size_t i = 0; i < rows; i++) {
    for (size_t part = 0; part < 3; part++)
      curves->values[part * rows + i] = reader->rows[3 * i + part];
    curves->seconds_mean += reader->rows[3 * i + 2];
  }
  curves->seconds_mean /= (double)rows;
  curves->epochs_min = UINT32_MAX;
  for (uint32_t i = 0; i < curves->count; i++)
    if (curves->entries[i].epochs < curves->epochs_min)
      curves->epochs_min = curves->entries[i].epochs;
  return 1;
}

struct rs_curves *rs_curves_load(const char *path, const char *task, char *error, size_t error_bytes)
{
  RS_ASSERT(path && error && error_bytes > 0);
  struct reader *reader = rs_alloc_zero(1, sizeof *reader);
  *reader = (struct reader){.path = path, .task = task, .error = error, .error_bytes = error_bytes};
  struct rs_curves *curves = reader->curves = rs_alloc_zero(1, sizeof *curves);
  error[0] = '\0';
  if (!read_table(reader)) {
    rs_curves_free(curves);
    curves = NULL;
  }
  free(reader->rows);
  free(reader->text);
  free(reader);
  return curves;
}

void rs_curves_free(struct rs_curves *curves)
{
  if (!curves)
    return;
  for (uint32_t i = 0; i < curves->parameter_count; i++)
    free(curves->names[i]);
  free(curves->names);
  free(curves->parameters);
  free(curves->values);
  free(curves->entries);
  free(curves);
}

uint32_t rs_curves_count(const struct rs_curves *curves)
{
  return curves->count;
}

struct rs_curve rs_curves_get(const struct rs_curves *curves, uint32_t index)
{
  RS_ASSERT(index < curves->count);
  const struct entry *entry = &curves->entries[index];
  return (struct rs_curve){
      .number = entry->number,
      .epochs = entry->epochs,
      .diverged_epoch = entry->diverged_epoch,
      .loss = curves->values + entry->first,
      .accuracy = curves->values + curves->rows + entry->first,
      .seconds = curves->values + 2 * curves->rows + entry->first,
      .hyperparameter = curves->parameters + (size_t)index * curves->parameter_count,
  };
}

uint32_t rs_curves_epochs_min(const struct rs_curves *curves)
{
  return curves->epochs_min;
}

double rs_curves_seconds_mean(const struct rs_curves *curves)
{
  return curves->seconds_mean;
}

uint32_t rs_curves_parameter_count(const struct rs_curves *curves)
{
  return curves->parameter_count;
}

const char *rs_curves_parameter_name(const struct rs_curves *curves, uint32_t index)
{
  RS_ASSERT(index < curves->parameter_count);
  return curves->names[index];
}
