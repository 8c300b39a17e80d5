/* state.h -- inside the commands that ask a running cluster: arguments, questions, and how rows are shown. */
#ifndef RS_CLI_STATE_H
#define RS_CLI_STATE_H

#include <stdio.h>

#include "core/state.h"
#include "uv/uv.h"

/* What commands of this kind have in common on the command line. */
struct rs_state_args {
  const char *session;
  bool json;
  uint32_t limit; /* 0: the default */
  const char *filters[8];
  uint32_t filter_count;
  const char *words[4]; /* what is no option */
  uint32_t word_count;
  /* of some commands only */
  bool follow;
  uint32_t tail, node; /* UINT32_MAX: not said */
  const char *out;
};

enum { RS_STATE_LIMIT_DEFAULT = 100, RS_STATE_LIMIT_MAX = 10000 }; /* rows shown; Ray's */

/* 0, 2 after one line on stderr, or -1 after the help was printed. */
int rs_state_args_parse(const char *command, const char *help, int argc, char **argv, struct rs_state_args *args);

/* A connection to the head of a session, and what names mean there. */
struct rs_state_ask {
  struct rs_uv_client *client;
  char session[RS_UV_PATH_MAX];
  struct rs_map names; /* hash -> text */
};

int rs_state_open(const char *command, const struct rs_state_args *args, struct rs_state_ask *ask); /* exit status */
void rs_state_close(struct rs_state_ask *ask);
const char *rs_state_name(const struct rs_state_ask *ask, uint64_t hash); /* NULL: not known */
/* "Class.method" of a call, else the function's name; a hash where it is not known. */
void rs_state_function(const struct rs_state_ask *ask, uint64_t type, uint64_t function, char *out, size_t cap);

/* logs.c: asks the process of a node about its host (uv/look.h). 0, and query->answer is to be freed; or an error. */
struct rs_query;
int rs_state_look(const char *session, const struct rs_uv_node *node, uint8_t what, uint64_t at, uint32_t lines,
                  const char *name, struct rs_query *query, char *error);

struct rs_state_question {
  enum rs_state_kind kind;
  uint32_t limit;
  rs_addr target;
  uint64_t a, b;
  const uint64_t *filters;
  uint32_t filters_count;
};

/* 0 and the answer (one reference), or an exit status after one line on stderr. */
int rs_state_get(const char *command, struct rs_state_ask *ask, const struct rs_state_question *question,
                 struct rs_m_state_reply **answer);

/* Filters of the command line as triples of numbers for a kind; `out` has 24 places. 0, or 2 after one line. */
int rs_state_filters(const char *command, enum rs_state_kind kind, const struct rs_state_args *args, uint64_t *out,
                     uint32_t *count);

/* ---- rows as text ---- */

enum { RS_CELL_MAX = 512 };

struct rs_state_column {
  const char *type, *name;
};
const struct rs_state_column *rs_state_columns(enum rs_state_kind kind, unsigned *count);

/* A short form: `0:d1#7` is number 7 of the first driver program's owner ... of node 0; see docs/state.md. */
void rs_state_addr(rs_addr addr, char *out, size_t cap);
void rs_state_id(struct rs_id id, char *out, size_t cap);
bool rs_state_parse_id(const char *text, struct rs_id *id); /* that, or 56 hex digits */
void rs_state_bytes(uint64_t bytes, char *out, size_t cap);
void rs_state_duration(uint64_t ns, char *out, size_t cap);

/* What is asked for, such as "2 CPU, 1.0 GiB memory, 3 blue". */
void rs_state_demand(const struct rs_state_ask *ask, const struct rs_demand *demand, char *out, size_t cap);

bool rs_state_is_enum(const char *type);

/* One value: for people, or as JSON. */
void rs_state_cell(const struct rs_state_ask *ask, const char *type, const uint64_t *value, bool json, char *out,
                   size_t cap);
void rs_state_bundles(const struct rs_row *row, char *out, size_t cap); /* of a group: the nodes of its bundles */
void rs_state_json_text(FILE *out, const char *text, size_t length);

/* The texts that a kind of row has, one after the other with zeros between: their names; NULL: there are no more. */
const char *rs_state_text_name(unsigned kind, unsigned part);
const char *rs_state_text(const struct rs_row *row, const char *name, size_t *length); /* NULL: there is none */

/* Every column of a row as a JSON object; the text too, where the kind has one for people. */
void rs_state_json_row(FILE *out, const struct rs_state_ask *ask, const struct rs_row *row);

/* A table: rows of cells, the widest decides. */
struct rs_table {
  unsigned columns;
  char **cells;
  uint32_t count, cap;
};
void rs_table_add(struct rs_table *table, const char *cell);
void rs_table_print(struct rs_table *table); /* the first row is the heading; frees */

#endif
