/* Kept nodes are processes of the trace and their lanes are its threads; pid = node + 1, and pid 0 is the cluster. */
#include "sim/results_timeline.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static const char *const outcome_names[] = {"ok", "failed", "cancelled", "cut"};

void rs_timeline_init(struct rs_timeline *timeline, uint32_t node_count, uint32_t max)
{
  *timeline = (struct rs_timeline){.max = max, .node_count = node_count, .stride = 1};
}

void rs_timeline_free(struct rs_timeline *timeline)
{
  free(timeline->spans);
  timeline->spans = NULL;
}

static void thin(struct rs_timeline *timeline)
{
  uint32_t kept = 0;
  timeline->stride *= 2;
  for (uint32_t i = 0; i < timeline->count; i++)
    if ((timeline->spans[i].node + 1) % timeline->stride == 0)
      timeline->spans[kept++] = timeline->spans[i];
  timeline->count = kept;
}

void rs_timeline_grow(struct rs_timeline *timeline)
{
  if (timeline->cap < timeline->max) {
    timeline->cap = timeline->cap ? 2 * timeline->cap : 1024;
    if (timeline->cap > timeline->max)
      timeline->cap = timeline->max;
    timeline->spans = rs_realloc(timeline->spans, timeline->cap, sizeof *timeline->spans);
    return;
  }
  while (timeline->count == timeline->max && 2 * timeline->stride <= timeline->node_count)
    thin(timeline);
}

static int by_node_and_start(const void *left, const void *right)
{
  const struct rs_span *a = left, *b = right;
  if (a->node != b->node)
    return a->node < b->node ? -1 : 1;
  if (a->start_ns != b->start_ns)
    return a->start_ns < b->start_ns ? -1 : 1;
  if (a->end_ns != b->end_ns)
    return a->end_ns < b->end_ns ? -1 : 1;
  if (a->task != b->task)
    return a->task < b->task ? -1 : 1;
  return a->attempt < b->attempt ? -1 : a->attempt > b->attempt;
}

uint32_t rs_timeline_lanes(struct rs_timeline *timeline)
{
  uint64_t *free_at = NULL; /* of the current node's lanes */
  uint32_t lanes = 0, cap = 0, total = 0, node = UINT32_MAX;
  if (timeline->count > 0)
    qsort(timeline->spans, timeline->count, sizeof *timeline->spans, by_node_and_start);
  for (uint32_t i = 0; i < timeline->count; i++) {
    struct rs_span *span = &timeline->spans[i];
    if (span->node != node)
      lanes = 0;
    node = span->node;
    uint32_t lane = 0;
    while (lane < lanes && free_at[lane] > span->start_ns)
      lane++;
    if (lane == lanes) {
      RS_GROW(free_at, lanes, cap);
      lanes++;
      total++;
    }
    free_at[lane] = span->end_ns;
    span->lane = lane;
  }
  free(free_at);
  return total;
}

static void json_text(struct rs_out *out, const char *text)
{
  rs_out_char(out, '"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      rs_out_char(out, '\\');
    rs_out_char(out, (unsigned char)*text < 0x20 ? ' ' : *text);
  }
  rs_out_char(out, '"');
}

/* Microseconds with up to three decimals. */
static void json_us(struct rs_out *out, uint64_t time_ns)
{
  rs_out_u64(out, time_ns / 1000);
  uint32_t rest = (uint32_t)(time_ns % 1000);
  if (rest == 0)
    return;
  char text[8];
  snprintf(text, sizeof text, ".%03u", rest);
  for (size_t i = 3; text[i] == '0'; i--)
    text[i] = '\0';
  rs_out_text(out, text);
}

static void write_process(struct rs_out *out, uint32_t pid, const char *prefix, uint32_t number)
{
  rs_out_text(out, ",\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":");
  rs_out_u64(out, pid);
  rs_out_text(out, ",\"args\":{\"name\":\"");
  rs_out_text(out, prefix);
  rs_out_u64(out, number);
  rs_out_text(out, "\"}}");
}

static void write_span(struct rs_out *out, const struct rs_span *span, const char *const *tag_names, uint32_t tag_count)
{
  rs_out_text(out, ",\n{\"ph\":\"X\",\"pid\":");
  rs_out_u64(out, span->node + 1);
  rs_out_text(out, ",\"tid\":");
  rs_out_u64(out, span->lane);
  rs_out_text(out, ",\"ts\":");
  json_us(out, span->start_ns);
  rs_out_text(out, ",\"dur\":");
  json_us(out, span->end_ns - span->start_ns);
  rs_out_text(out, ",\"name\":");
  if (span->tag < tag_count) {
    json_text(out, tag_names[span->tag]);
  } else {
    rs_out_text(out, "\"task\"");
  }
  rs_out_text(out, ",\"args\":{\"task\":");
  rs_out_u64(out, span->task);
  if (span->job != RS_JOB_NONE) {
    rs_out_text(out, ",\"job\":");
    rs_out_u64(out, span->job);
  }
  if (span->attempt > 0) {
    rs_out_text(out, ",\"attempt\":");
    rs_out_u64(out, span->attempt);
  }
  if (span->outcome != RS_TASK_OK) {
    rs_out_text(out, ",\"outcome\":\"");
    rs_out_text(out, outcome_names[span->outcome]);
    rs_out_char(out, '"');
  }
  rs_out_text(out, "}}");
}

static void write_note(const struct rs_timeline *timeline, struct rs_out *out, const char *title)
{
  char text[400];
  uint64_t nodes = timeline->node_count / timeline->stride;
  rs_out_text(out, "],\n\"otherData\":{\"run\":");
  json_text(out, title);
  if (timeline->stride == 1 && timeline->dropped == 0)
    snprintf(text, sizeof text, "nothing: all %llu tasks of all nodes are here", (unsigned long long)timeline->seen);
  else if (timeline->dropped == 0)
    snprintf(
        text, sizeof text,
        "the tasks of all nodes but every %uth: %llu of %u nodes and %u of %llu tasks are here, these nodes whole; "
        "the counters are of the whole cluster",
        timeline->stride, (unsigned long long)nodes, timeline->node_count, timeline->count,
        (unsigned long long)timeline->seen);
  else
    snprintf(
        text, sizeof text,
        "all but %u of %llu tasks: of %u nodes only %llu, and of that the last %llu tasks are missing; the counters "
        "are of the whole cluster",
        timeline->count, (unsigned long long)timeline->seen, timeline->node_count, (unsigned long long)nodes,
        (unsigned long long)timeline->dropped);
  rs_out_text(out, ",\"left_out\":");
  json_text(out, text);
  rs_out_text(out, "}}\n");
}

void rs_timeline_write(const struct rs_timeline *timeline, struct rs_out *out, const char *title,
                       const char *const *tag_names, uint32_t tag_count, const struct rs_timeline_counter *counters,
                       uint32_t counter_count)
{
  rs_out_text(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
                   "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":0,\"args\":{\"name\":\"cluster\"}}");
  for (uint32_t i = 0; i < counter_count; i++) {
    rs_out_text(out, ",\n{\"ph\":\"C\",\"pid\":0,\"name\":\"tasks\",\"ts\":");
    json_us(out, counters[i].time_ns);
    rs_out_text(out, ",\"args\":{\"running\":");
    rs_out_fixed(out, counters[i].running, 3);
    rs_out_text(out, ",\"queued\":");
    rs_out_fixed(out, counters[i].queued, 3);
    rs_out_text(out, "}},\n{\"ph\":\"C\",\"pid\":0,\"name\":\"nodes\",\"ts\":");
    json_us(out, counters[i].time_ns);
    rs_out_text(out, ",\"args\":{\"up\":");
    rs_out_fixed(out, counters[i].nodes, 3);
    rs_out_text(out, "}}");
  }
  for (uint32_t i = 0; i < timeline->count; i++) {
    const struct rs_span *span = &timeline->spans[i];
    if (i == 0 || span[-1].node != span->node)
      write_process(out, span->node + 1, "node ", span->node);
    write_span(out, span, tag_names, tag_count);
  }
  write_note(timeline, out, title);
}
