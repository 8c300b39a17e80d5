/* archive.h -- a folder as one block of bytes, and back: what travels of a working directory. */
#ifndef RS_UV_ARCHIVE_H
#define RS_UV_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

/* What of the folder is left out: patterns as fnmatch(3) has them, compared with the path inside the folder and with
 * its last part; those of the folder's own file .raysimignore, one a line, count too, and ".git". What is left out
 * takes along what is inside it. */
struct rs_archive_rules {
  const char *const *excludes;
  size_t exclude_count;
  uint64_t bytes_max; /* of all files */
};

/* Packs the folder: files, folders and symbolic links with their permissions, in order of their names; no times and no
 * owners, so that equal contents give equal bytes. 0 and *bytes, to be freed; or -1 and one line in `error`
 * (RS_UV_ERROR_MAX). */
int rs_archive_pack(const char *folder, const struct rs_archive_rules *rules, uint8_t **bytes, size_t *size_bytes,
                    char *error);

/* Unpacks into an existing empty folder, and never beside it. 0, or -1 and one line in `error`. */
int rs_archive_unpack(const void *bytes, size_t size_bytes, const char *folder, char *error);

#endif
