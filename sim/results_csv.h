/* results_csv.h -- reads the numeric tables that results_out.h wrote: a header line, then numbers, an empty field is
 * NaN.
 *
 * Fields that are no numbers (an outcome, a name) read as NaN; rs_csv_text gives their text. O(file), not thread-safe.
 */
#ifndef RS_SIM_RESULTS_CSV_H
#define RS_SIM_RESULTS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rs_csv {
  char *text;  /* the file, cut into fields */
  char **cell; /* row-major, without the header */
  char **name; /* of the columns */
  uint32_t rows, columns;
};

/* False with a message when the file cannot be read or a row has another number of fields than the header. When
 * `missing` is given, a file that does not exist sets it and is no error (an empty table). */
bool rs_csv_read(struct rs_csv *csv, const char *dir, const char *name, bool *missing, char *err, size_t err_size);
void rs_csv_free(struct rs_csv *csv);

/* The number of a column; -1 when there is none of that name. */
int rs_csv_column(const struct rs_csv *csv, const char *name);

/* Column -1 is NaN and "". */
double rs_csv_number(const struct rs_csv *csv, uint32_t row, int column);
const char *rs_csv_text(const struct rs_csv *csv, uint32_t row, int column);

#endif
