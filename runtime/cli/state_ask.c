/* state_ask.c -- asking the head of a running cluster, for the commands that show its state. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/state.h"
#include "core/codec.h"
#include "core/kv.h"
#include "uv/front.h"
#include "uv/session.h"

static int wrong(const char *command, const char *what, const char *right)
{
  fprintf(stderr, "raysim %s: %s: %s\n", command, what, right);
  return 2;
}

static bool whole(const char *text, unsigned long max, uint32_t *out)
{
  char *end;
  errno = 0;
  unsigned long n = strtoul(text, &end, 10);
  *out = (uint32_t)n;
  return *text >= '0' && *text <= '9' && !*end && errno == 0 && n <= max;
}

int rs_state_args_parse(const char *command, const char *help, int argc, char **argv, struct rs_state_args *a)
{
  *a = (struct rs_state_args){.tail = UINT32_MAX, .node = UINT32_MAX};
  for (int i = 1; i < argc; i++) {
    char *name = argv[i], *equals = strchr(name, '='), *value = NULL;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
      fputs(help, stdout);
      return -1;
    }
    if (name[0] != '-') {
      if (a->word_count == sizeof a->words / sizeof a->words[0])
        return wrong(command, name, "too many words");
      a->words[a->word_count++] = name;
      continue;
    }
    if (strcmp(name, "--follow") == 0 || strcmp(name, "-f") == 0) {
      a->follow = true;
      continue;
    }
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
    if (!value)
      return wrong(command, name, "it lacks its value, or is unknown; see --help");
#define IS(text) (length == sizeof text - 1 && strncmp(name, text, length) == 0)
    if (IS("--session")) {
      a->session = value;
    } else if (IS("--format")) {
      if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0 && strcmp(value, "text") != 0)
        return wrong(command, value, "--format table or json is wanted");
      a->json = strcmp(value, "json") == 0;
    } else if (IS("--limit")) {
      if (!whole(value, RS_STATE_LIMIT_MAX, &a->limit) || a->limit == 0)
        return wrong(command, value, "--limit is a number from 1 to 10000");
    } else if (IS("--tail")) {
      if (!whole(value, UINT32_MAX - 1, &a->tail))
        return wrong(command, value, "--tail is a number of lines");
    } else if (IS("--node")) {
      if (!whole(value, RS_NODE_MAX, &a->node))
        return wrong(command, value, "--node is the number of a node");
    } else if (IS("--out")) {
      a->out = value;
    } else if (IS("--filter")) {
      if (a->filter_count == sizeof a->filters / sizeof a->filters[0])
        return wrong(command, value, "at most 8 filters");
      a->filters[a->filter_count++] = value;
    } else {
      return wrong(command, name, "there is no such option; see --help");
    }
#undef IS
  }
  return 0;
}

/* "<hash in hex> <name>" */
static void add_name(struct rs_state_ask *ask, const char *line)
{
  const char *space = strchr(line, ' ');
  uint64_t hash = strtoull(line, NULL, 16);
  if (space && hash && !rs_map_find(&ask->names, hash))
    rs_map_put_ptr(&ask->names, hash, strdup(space + 1));
}

/* What programs have told to the head. */
static void ask_names(struct rs_state_ask *ask)
{
  enum { ANSWER_S = 5 };
  struct rs_m_kv *m = rs_msg_new(RS_MSG_KV);
  struct rs_msg *answer;
  m->op = RS_KV_KEYS;
  m->limit = UINT32_MAX;
  m->space_count = sizeof RS_NAMES_SPACE - 1;
  m->space = rs_memdup(RS_NAMES_SPACE, m->space_count);
  if (rs_uv_client_ask(ask->client, m, ANSWER_S * RS_S, &answer) != 0)
    return;
  const struct rs_m_kv_reply *reply = (const void *)answer;
  if (answer->type == RS_MSG_KV_REPLY && reply->status == RS_ERR_OK) {
    struct rs_reader r = {reply->value, reply->value + reply->value_count, 0};
    while (rs_get_left(&r) > 0) {
      char line[RS_KV_KEY_MAX + 1];
      size_t length = rs_get_u16(&r);
      const uint8_t *at = rs_get_span(&r, length);
      if (!at || length >= sizeof line)
        break;
      memcpy(line, at, length);
      line[length] = 0;
      add_name(ask, line);
    }
  }
  rs_msg_unref(answer);
}

/* The session's file `names` has those that its head knows by itself: functions, and what `start` was given. */
static void read_names(struct rs_state_ask *ask)
{
  char path[RS_UV_PATH_MAX + 8], line[1024];
  snprintf(path, sizeof path, "%s/names", ask->session);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    add_name(ask, line);
  }
  if (file)
    fclose(file);
}

int rs_state_open(const char *command, const struct rs_state_args *args, struct rs_state_ask *ask)
{
  char error[RS_UV_ERROR_MAX];
  memset(ask, 0, sizeof *ask);
  if (rs_session_find(args->session, ask->session, error) == 0 &&
      rs_uv_client_observe(ask->session, &ask->client, error) == 0) {
    read_names(ask);
    ask_names(ask);
    return 0;
  }
  fprintf(stderr, "raysim %s: %s\n", command, error);
  return 1;
}

void rs_state_close(struct rs_state_ask *ask)
{
  rs_uv_client_close(ask->client);
  for (uint32_t i = 0; i < ask->names.cap; i++)
    if (ask->names.slots[i].key)
      free((void *)(uintptr_t)ask->names.slots[i].value);
  rs_map_free(&ask->names);
}

const char *rs_state_name(const struct rs_state_ask *ask, uint64_t hash)
{
  return hash ? rs_map_get_ptr(&ask->names, hash) : NULL;
}

int rs_state_get(const char *command, struct rs_state_ask *ask, const struct rs_state_question *question,
                 struct rs_m_state_reply **answer)
{
  enum { ANSWER_S = 30 }; /* Ray's limit; the head gives up on others long before */
  struct rs_m_state_query *q = rs_msg_new(RS_MSG_STATE_QUERY);
  struct rs_msg *msg;
  q->kind = (uint8_t)question->kind;
  q->limit = question->limit;
  q->target = question->target;
  q->a = question->a;
  q->b = question->b;
  q->filters = rs_memdup(question->filters, question->filters_count * sizeof *question->filters);
  q->filters_count = question->filters_count;
  int rc = rs_uv_client_ask(ask->client, q, ANSWER_S * RS_S, &msg);
  if (rc == 0 && msg->type == RS_MSG_STATE_REPLY) {
    *answer = (struct rs_m_state_reply *)(void *)msg;
    if ((*answer)->status == RS_ERR_OK)
      return 0;
    rc = (*answer)->status;
  }
  if (rc == 0)
    rc = RS_ERR_MALFORMED;
  fprintf(stderr, "raysim %s: the head did not answer: %s\n", command, rs_error_text(rc));
  return 1;
}

/* ---- filters ---- */

static bool enum_value(const char *type, const char *text, uint64_t *out)
{
  char cell[RS_CELL_MAX];
  for (uint64_t v = 0; v < 64; v++) {
    rs_state_cell(NULL, type, &v, false, cell, sizeof cell);
    if (strcasecmp(cell, text) == 0) {
      *out = v;
      return true;
    }
  }
  return false;
}

static bool number_value(const char *type, const char *text, uint64_t *out)
{
  char *end;
  errno = 0;
  if (strcmp(type, "e4") == 0) {
    double d = strtod(text, &end);
    *out = (uint64_t)(d * RS_ONE_E4 + 0.5);
    return *text && !*end && d >= 0 && d < 1e12;
  }
  long long n = strtoll(text, &end, 0);
  *out = (uint64_t)n;
  return *text && !*end && errno == 0;
}

static bool error_value(const char *text, uint64_t *out)
{
  for (int64_t e = 0; e > -64; e--)
    if (strcasecmp(rs_error_name((int)e), text) == 0) {
      *out = (uint64_t)e;
      return true;
    }
  return false;
}

static bool value_of(const char *type, const char *text, uint64_t *out)
{
  bool is_number = strcmp(type, "count") == 0 || strcmp(type, "signed") == 0 || strcmp(type, "node") == 0 ||
                   strcmp(type, "bytes") == 0 || strcmp(type, "e4") == 0 || strcmp(type, "hex") == 0 ||
                   strcmp(type, "end") == 0 || strcmp(type, "pid") == 0;
  if (is_number)
    return number_value(type, text, out);
  if (strcmp(type, "name") == 0) {
    *out = rs_name_hash(text);
    return true;
  }
  if (strcmp(type, "error") == 0)
    return error_value(text, out);
  if (strcmp(type, "flag") == 0) {
    *out = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
  }
  if (strcmp(type, "addr") == 0) {
    struct rs_id id;
    char with[RS_CELL_MAX];
    snprintf(with, sizeof with, "%.400s#1", text);
    bool fine = rs_state_parse_id(with, &id);
    *out = fine ? id.owner : 0;
    return fine;
  }
  if (strcmp(type, "ago") == 0 || strcmp(type, "ns") == 0)
    return false;
  return enum_value(type, text, out);
}

static int wrong_value(const char *command, const char *text, const char *type)
{
  char right[512] = "this value, or this comparison, does not go with that column", cell[RS_CELL_MAX] = "";
  for (uint64_t v = 0; v < 16 && rs_state_is_enum(type); v++) {
    rs_state_cell(NULL, type, &v, false, cell, sizeof cell);
    if (strcmp(cell, "?") != 0)
      snprintf(right + strlen(right), sizeof right - strlen(right), "%s %.30s", v ? "," : "; there are", cell);
  }
  return wrong(command, text, right);
}

static int one_filter(const char *command, enum rs_state_kind kind, const char *text, uint64_t *out, uint32_t *count)
{
  char key[64];
  const char *equals = strchr(text, '=');
  bool unequal = equals && equals > text && equals[-1] == '!';
  size_t length = equals ? (size_t)(equals - text) - unequal : 0;
  if (!equals || length == 0 || length >= sizeof key)
    return wrong(command, text, "--filter KEY=VALUE or KEY!=VALUE is wanted");
  memcpy(key, text, length);
  key[length] = 0;
  unsigned columns;
  const struct rs_state_column *column = rs_state_columns(kind, &columns);
  struct rs_id id;
  for (unsigned i = 0; i < columns; i++) {
    bool pair = strcmp(column[i].type, "id") == 0;
    bool same = strcmp(column[i].name, key) == 0 || (pair && i == 0 && strcmp(key, "id") == 0);
    if (!same)
      continue;
    if (pair && !unequal && rs_state_parse_id(equals + 1, &id) && *count + 6 <= 24) {
      uint64_t triples[6] = {i, 0, id.owner, i + 1, 0, id.seq};
      memcpy(out + *count, triples, sizeof triples);
      *count += 6;
      return 0;
    }
    if (strcmp(column[i].type, "name") == 0 && strncasecmp(equals + 1, "0x", 2) == 0 && *count + 3 <= 24)
      out[*count + 2] = strtoull(equals + 1, NULL, 16);
    else if (pair || *count + 3 > 24 || !value_of(column[i].type, equals + 1, &out[*count + 2]))
      return wrong_value(command, text, column[i].type);
    out[*count] = i;
    out[*count + 1] = unequal;
    *count += 3;
    return 0;
  }
  char right[512] = "there is no such column; there are";
  for (unsigned i = 0; i < columns; i++)
    snprintf(right + strlen(right), sizeof right - strlen(right), " %s", column[i].name);
  return wrong(command, key, right);
}

int rs_state_filters(const char *command, enum rs_state_kind kind, const struct rs_state_args *args, uint64_t *out,
                     uint32_t *count)
{
  *count = 0;
  for (uint32_t i = 0; i < args->filter_count; i++) {
    int rc = one_filter(command, kind, args->filters[i], out, count);
    if (rc != 0)
      return rc;
  }
  return 0;
}
