/* logs.c -- raysim logs: the log files of a running session, on whichever host they are.
 *
 * Each node's process lists and reads its own host's files (uv/look.h). Nodes that share a folder are asked once. A
 * worker's file is on its node's host, and its name has the node; a part of a file is fetched at a time.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/start.h"
#include "cli/state.h"
#include "uv/look.h"
#include "uv/query.h"
#include "uv/session.h"

static const char help[] =
    "usage: raysim logs [FILE [--tail N] [--follow]] [--node N] [--session FOLDER]\n"
    "\n"
    "  Without FILE: the files that there are, and with them the node on whose host they are. `log` is the nodes' "
    "own,\n"
    "  worker-<node>.<incarnation>-<number>.out and .err are what tasks have printed. --node: of this node's host;\n"
    "  default: a worker's own, else the head's. --tail: the last N lines only. --follow: goes on as the file grows.\n";

struct logs {
  char session[RS_UV_PATH_MAX];
  struct rs_uv_status status;
};

int rs_state_look(const char *session, const struct rs_uv_node *node, uint8_t what, uint64_t at, uint32_t lines,
                  const char *name, struct rs_query *query, char *error)
{
  uint8_t body[RS_LOOK_NAME_MAX + 32];
  struct rs_writer w = {body, sizeof body, 0};
  rs_put_u8(&w, what);
  rs_put_u64(&w, at);
  rs_put_u32(&w, lines);
  rs_put_text(&w, name);
  *query = (struct rs_query){.session = session,
                             .host = rs_addr_node(node->raylet) ? node->host : NULL,
                             .port = node->port,
                             .type = RS_FRAME_LOOK,
                             .answer_type = RS_FRAME_SEEN,
                             .body = body,
                             .body_bytes = w.size};
  return rs_query(query, error);
}

static const struct rs_uv_node *node_of(const struct logs *logs, uint32_t number)
{
  for (uint32_t i = 0; i < logs->status.node_count; i++)
    if (rs_addr_node(logs->status.nodes[i].raylet) == number && logs->status.nodes[i].alive)
      return &logs->status.nodes[i];
  return NULL;
}

/* ---- the list ---- */

struct file {
  char name[RS_LOOK_NAME_MAX + 1];
  uint64_t bytes;
};

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static bool read_files(struct rs_reader *r, struct file **files, uint32_t *count)
{
  *count = rs_get_u32(r);
  if (r->error || *count > RS_LOOK_FILES_MAX)
    return false;
  *files = rs_alloc_zero(*count + 1, sizeof **files);
  for (uint32_t i = 0; i < *count; i++) {
    (*files)[i].bytes = rs_get_u64(r);
    rs_get_text(r, (*files)[i].name, sizeof(*files)[i].name);
  }
  return r->error == 0;
}

static bool list_node(const struct logs *logs, const struct rs_uv_node *node, uint64_t *folders, uint32_t *folder_count)
{
  struct rs_query query;
  char error[RS_UV_ERROR_MAX];
  struct file *files = NULL;
  uint32_t count = 0;
  if (rs_state_look(logs->session, node, RS_LOOK_FILES, 0, UINT32_MAX, "", &query, error) != 0) {
    fprintf(stderr, "raysim logs: node %u: %s\n", rs_addr_node(node->raylet), error);
    return false;
  }
  struct rs_reader r = {query.answer, query.answer + query.answer_bytes, 0};
  uint64_t folder = rs_get_u64(&r);
  bool known = false;
  for (uint32_t i = 0; i < *folder_count; i++)
    known = known || folders[i] == folder;
  bool fine = known || read_files(&r, &files, &count);
  if (!known)
    folders[(*folder_count)++] = folder;
  if (fine && count)
    qsort(files, count, sizeof *files, by_name);
  for (uint32_t i = 0; fine && i < count; i++)
    printf("node %-4u %12" PRIu64 "  %s\n", rs_addr_node(node->raylet), files[i].bytes, files[i].name);
  free(files);
  free(query.answer);
  return fine;
}

static int list(const struct logs *logs, const struct rs_uv_node *only)
{
  uint64_t *folders = rs_alloc((logs->status.node_count + 1) * sizeof *folders);
  uint32_t folder_count = 0;
  bool fine = true;
  for (uint32_t i = 0; i < logs->status.node_count; i++) {
    const struct rs_uv_node *node = &logs->status.nodes[i];
    if (node->alive && (!only || only == node))
      fine = list_node(logs, node, folders, &folder_count) && fine;
  }
  free(folders);
  return fine ? 0 : 1;
}

/* ---- one file ---- */

/* Prints what there is from *at on. 0; 1: `error` says why not; -1: no more for now. */
static int print_part(const struct logs *logs, const struct rs_uv_node *node, const char *name, uint32_t lines,
                      uint64_t *at, char *error)
{
  struct rs_query query;
  char why[RS_UV_ERROR_MAX];
  if (rs_state_look(logs->session, node, RS_LOOK_READ, *at, lines, name, &query, why) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "node %u: %.400s", rs_addr_node(node->raylet), why);
    return 1;
  }
  struct rs_reader r = {query.answer, query.answer + query.answer_bytes, 0};
  int status = (int)rs_get_u32(&r);
  (void)rs_get_u64(&r); /* its size */
  *at = rs_get_u64(&r);
  size_t bytes = r.error ? 0 : rs_get_left(&r);
  const uint8_t *part = bytes ? rs_get_span(&r, bytes) : NULL;
  int rc = bytes ? 0 : -1;
  if (status != RS_ERR_OK || r.error) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: there is no such file; `raysim logs` lists them", name);
    rc = 1;
  } else if (part) {
    fwrite(part, 1, bytes, stdout);
    *at += bytes;
  }
  free(query.answer);
  return rc;
}

static int print_log(const struct logs *logs, const struct rs_uv_node *node, const struct rs_state_args *args)
{
  enum { PAUSE_MS = 100 };
  uint64_t at = 0;
  char error[RS_UV_ERROR_MAX];
  bool began = false;
  for (uint32_t lines = args->tail;; lines = UINT32_MAX, began = true) {
    int rc = print_part(logs, node, args->words[0], lines, &at, error);
    if (rc == 0)
      continue;
    fflush(stdout);
    bool over = !rs_session_live(logs->session);
    if (rc > 0 && began && over) /* the cluster has ended while its file was followed */
      return 0;
    if (rc > 0)
      fprintf(stderr, "raysim logs: %s\n", error);
    if (rc > 0 || !args->follow || over || ferror(stdout))
      return rc > 0;
    nanosleep(&(struct timespec){0, PAUSE_MS * 1000000L}, NULL);
  }
}

/* Which node's host has the file. */
static uint32_t number_of(const struct rs_state_args *args)
{
  unsigned node = 0;
  if (args->node != UINT32_MAX)
    return args->node;
  return args->word_count && sscanf(args->words[0], "worker-%u.", &node) == 1 ? node : 0;
}

int rs_cmd_logs(int argc, char **argv)
{
  struct rs_state_args args;
  struct logs logs = {0};
  char error[RS_UV_ERROR_MAX];
  int rc = rs_state_args_parse("logs", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if (args.word_count > 1 || (args.word_count && strlen(args.words[0]) > RS_LOOK_NAME_MAX)) {
    fputs(help, stderr);
    return 2;
  }
  if (rs_session_find(args.session, logs.session, error) != 0 ||
      rs_uv_status_get(logs.session, &logs.status, error) != 0) {
    fprintf(stderr, "raysim logs: %s\n", error);
    return 1;
  }
  bool all = !args.word_count && args.node == UINT32_MAX;
  const struct rs_uv_node *node = all ? NULL : node_of(&logs, number_of(&args));
  if (!node && args.word_count && args.node == UINT32_MAX) /* a worker of a dead node: its host may be another's */
    node = node_of(&logs, 0);
  if (!node && !all) {
    fprintf(stderr, "raysim logs: node %u: there is no such node alive\n", number_of(&args));
    rc = 1;
  } else {
    rc = args.word_count ? print_log(&logs, node, &args) : list(&logs, node);
  }
  rs_uv_status_free(&logs.status);
  return rc;
}
