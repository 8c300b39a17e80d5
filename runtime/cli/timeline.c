/* timeline.c -- raysim timeline: the ended tasks that the head remembers, in Chrome's trace format.
 *
 * The same form as a simulation's timeline: a process a node, a row a worker, an event a task. An owner hears of a
 * task's end a little later than it was, and of several at once; so within a worker's row events that would overlap by
 * less than JOINT_NS are moved back: a worker runs one after the other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "cli/state.h"

static const char help[] = "usage: raysim timeline [--out FILE] [--session FOLDER]\n"
                           "\n"
                           "  --out  default: timeline.json. Open it in Perfetto or chrome://tracing\n";

#define JOINT_NS (UINT64_C(5) * RS_MS)

struct span {
  uint64_t node, worker, begin, end;
  const struct rs_row *row;
};

static int by_lane(const void *left, const void *right)
{
  const struct span *a = left, *b = right;
  if (a->node != b->node)
    return a->node < b->node ? -1 : 1;
  if (a->worker != b->worker)
    return a->worker < b->worker ? -1 : 1;
  if (a->end != b->end)
    return a->end < b->end ? -1 : 1;
  return a->row->n[RS_COL(tasks, owner_seq)] < b->row->n[RS_COL(tasks, owner_seq)] ? -1 : 1;
}

/* Times from the submission of the first task on. */
static struct span *spans_of(const struct rs_m_state_reply *m, uint32_t *count)
{
  struct span *spans = rs_alloc_zero((size_t)m->rows_count + 1, sizeof *spans);
  uint64_t oldest = 0;
  *count = 0;
  for (uint32_t i = 0; i < m->rows_count; i++) {
    const uint64_t *n = m->rows[i]->n;
    if (n[RS_COL(tasks, ended)] != UINT64_MAX && n[RS_COL(tasks, queued)] > oldest)
      oldest = n[RS_COL(tasks, queued)];
  }
  for (uint32_t i = 0; i < m->rows_count; i++) {
    const uint64_t *n = m->rows[i]->n;
    uint64_t ended = n[RS_COL(tasks, ended)], run = n[RS_COL(tasks, run)];
    if (ended == UINT64_MAX || ended > oldest)
      continue;
    uint64_t end = oldest - ended;
    spans[(*count)++] = (struct span){n[RS_COL(tasks, node)], rs_addr_ep(n[RS_COL(tasks, worker)]),
                                      end > run ? end - run : 0, end, m->rows[i]};
  }
  qsort(spans, *count, sizeof *spans, by_lane);
  for (uint32_t i = *count; i-- > 1;) {
    struct span *a = &spans[i - 1], *b = &spans[i];
    if (a->node != b->node || a->worker != b->worker || a->end <= b->begin || a->end - b->begin > JOINT_NS)
      continue;
    uint64_t back = a->end - b->begin;
    a->end -= back;
    a->begin -= back < a->begin ? back : a->begin;
  }
  return spans;
}

static void write_us(FILE *out, const char *key, uint64_t ns)
{
  fprintf(out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void write_spans(FILE *out, const struct rs_state_ask *ask, const struct span *spans, uint32_t count)
{
  uint64_t node = UINT64_MAX;
  fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":0,\"args\":{\"name\":\"cluster\"}}",
        out);
  for (uint32_t i = 0; i < count; i++) {
    const struct span *s = &spans[i];
    const uint64_t *n = s->row->n;
    char name[RS_CELL_MAX], function[RS_CELL_MAX], id[96];
    if (s->node != node)
      fprintf(out,
              ",\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%" PRIu64 ",\"args\":{\"name\":\"node %" PRIu64
              "\"}}",
              s->node + 1, s->node);
    node = s->node;
    size_t length;
    const char *own = rs_state_text(s->row, "name", &length);
    rs_state_function(ask, n[RS_COL(tasks, class)], n[RS_COL(tasks, function)], function, sizeof function);
    snprintf(name, sizeof name, "%.*s", (int)length, own);
    rs_state_id((struct rs_id){n[0], n[1]}, id, sizeof id);
    fprintf(out, ",\n{\"ph\":\"X\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64, s->node + 1, s->worker);
    write_us(out, "ts", s->begin);
    write_us(out, "dur", s->end - s->begin);
    const char *shown = length ? name : function;
    fputs(",\"name\":", out);
    rs_state_json_text(out, shown, strlen(shown));
    fprintf(out, ",\"args\":{\"task\":\"%s\",\"function\":", id);
    rs_state_json_text(out, function, strlen(function));
    if (n[RS_COL(tasks, status)])
      fprintf(out, ",\"outcome\":\"%s\"", rs_error_name((int)(int64_t)n[RS_COL(tasks, status)]));
    fputs("}}", out);
  }
}

int rs_cmd_timeline(int argc, char **argv)
{
  struct rs_state_args args;
  struct rs_state_ask ask;
  struct rs_m_state_reply *m;
  int rc = rs_state_args_parse("timeline", help, argc, argv, &args);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  if ((rc = rs_state_open("timeline", &args, &ask)) != 0)
    return rc;
  rc = rs_state_get("timeline", &ask, &(struct rs_state_question){.kind = RS_STATE_TASKS, .limit = RS_STATE_ROWS_MAX},
                    &m);
  if (rc == 0) {
    uint32_t count;
    const char *path = args.out ? args.out : "timeline.json";
    struct span *spans = spans_of(m, &count);
    FILE *out = fopen(path, "we");
    if (out) {
      write_spans(out, &ask, spans, count);
      fprintf(out, "],\n\"otherData\":{\"tasks\":%u}}\n", count);
    }
    if (!out || fclose(out) != 0) {
      fprintf(stderr, "raysim timeline: %s: %s\n", path, strerror(errno));
      rc = 1;
    } else {
      printf("%s: %u ended tasks\n", path, count);
    }
    free(spans);
    rs_msg_unref(&m->head);
  }
  rs_state_close(&ask);
  return rc;
}
