/* results_out.h -- writing a result file: buffered, every error kept until the end, synced before it counts.
 *
 * Calls after the first error do nothing; rs_out_close reports that error. A plain file, a gzip file (level 1, no time
 * stamp in it, so same content, same bytes), or "rows": a plain file NAME while it is small, NAME.gz once it passes
 * RS_OUT_PLAIN_MAX bytes. Not thread-safe.
 */
#ifndef RS_SIM_RESULTS_OUT_H
#define RS_SIM_RESULTS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_OUT_PLAIN_MAX (1u << 20)

enum rs_out_kind { RS_OUT_PLAIN, RS_OUT_GZIP, RS_OUT_ROWS };

struct rs_out {
  char *path; /* as it will be named */
  char *buffer;
  size_t used, cap;
  int fd;   /* -1 until opened (rows: until large) */
  void *gz; /* gzFile or NULL */
  enum rs_out_kind kind;
  int error; /* an errno, 0 = none */
};

/* Writes "what: path: reason" into err; returns -1. `error` is an errno. */
int rs_out_fail(char *err, size_t err_size, const char *what, const char *path, int error);

/* A path made of folder and name; the caller frees it. */
char *rs_out_path(const char *dir, const char *name);

/* Creates dir/name; fails where it exists. Errors show at rs_out_close. */
void rs_out_open(struct rs_out *out, const char *dir, const char *name, enum rs_out_kind kind);

void rs_out_bytes(struct rs_out *out, const void *bytes, size_t size);
void rs_out_text(struct rs_out *out, const char *text);
void rs_out_u64(struct rs_out *out, uint64_t value);
void rs_out_seconds(struct rs_out *out, uint64_t time_ns);         /* exact, without trailing zeros: 1.5 */
void rs_out_double(struct rs_out *out, double value);              /* nine digits; nothing at all for NaN */
void rs_out_fixed(struct rs_out *out, double value, int decimals); /* trailing zeros cut; nothing for NaN */
void rs_out_csv(struct rs_out *out, const char *text);             /* quoted where CSV needs it */

static inline void rs_out_char(struct rs_out *out, char c)
{
  if (out->used < out->cap)
    out->buffer[out->used++] = c;
  else
    rs_out_bytes(out, &c, 1);
}

/* Flushes, syncs, closes, frees. On error the file is removed: -1 and the reason. */
int rs_out_close(struct rs_out *out, char *err, size_t err_size);

/* Closes and removes. A zeroed struct is allowed. */
void rs_out_drop(struct rs_out *out);

/* Makes a folder and its parents; an existing one is fine. */
int rs_out_mkdirs(const char *path, char *err, size_t err_size);

/* Removes a tree without following links. Missing is fine. Returns an errno. */
int rs_out_remove_tree(const char *path);

/* Makes a rename or new names in a folder last: fsync of the folder. */
int rs_out_sync_dir(const char *path, char *err, size_t err_size);

#endif
