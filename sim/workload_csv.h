/* workload_csv.h -- rows of a CSV file, plain or gzipped, one at a time.
 *
 * Cells may be quoted ("": a quote inside; delimiters and line ends inside belong to the cell). Line ends are LF or
 * CRLF, the last one may be missing; a byte order mark at the beginning and empty lines are passed over. Memory: one
 * row.
 */
#ifndef RS_SIM_WORKLOAD_CSV_H
#define RS_SIM_WORKLOAD_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_CSV_ROW_BYTES_MAX (1u << 20)

struct rs_csv;

/* NULL, with "file: ..." in error, when it cannot be opened. */
struct rs_csv *rs_csv_open(const char *path, char delimiter, char *error, size_t error_bytes);
void rs_csv_close(struct rs_csv *csv); /* NULL is allowed */

/* The next row: 1, and cells[0 .. *count) valid until the next call; 0 at the end; -1, with "file:line: ..." in the
 * error buffer of rs_csv_open, for what is no CSV. */
int rs_csv_next(struct rs_csv *csv, char *const **cells, uint32_t *count);
uint64_t rs_csv_line(const struct rs_csv *csv); /* where the row begins, from 1 */

#endif
