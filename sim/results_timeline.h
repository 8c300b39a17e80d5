/* results_timeline.h -- the bounded timeline of a run: some nodes with all their tasks, the rest as counters.
 *
 * A node is kept when (node + 1) is a multiple of the stride, which begins at 1. When the kept events reach the bound,
 * the stride doubles and the events of nodes no longer kept are dropped; so a kept node is always kept whole. With one
 * node left the stride stops, and later events of that node are dropped and counted. Adding is O(1) amortised.
 *
 * The same events, at most RS_SPANS_MAX of them, draw the Gantt chart of a small cluster. Not thread-safe.
 */
#ifndef RS_SIM_RESULTS_TIMELINE_H
#define RS_SIM_RESULTS_TIMELINE_H

#include "sim/results.h"
#include "sim/results_out.h"

struct rs_span {
  uint64_t task, start_ns, end_ns;
  uint32_t node, job;
  uint16_t attempt;
  uint8_t tag, outcome;
  uint32_t lane; /* given by rs_timeline_lanes */
};

struct rs_timeline {
  struct rs_span *spans;
  uint32_t count, cap;
  uint32_t max;        /* spans kept at most */
  uint32_t node_count; /* of the cluster */
  uint32_t stride;
  uint64_t seen;    /* spans offered */
  uint64_t dropped; /* spans of kept nodes that did not fit */
};

void rs_timeline_init(struct rs_timeline *timeline, uint32_t node_count, uint32_t max);
void rs_timeline_free(struct rs_timeline *timeline);
void rs_timeline_grow(struct rs_timeline *timeline); /* called by rs_timeline_add */

static inline void rs_timeline_add(struct rs_timeline *timeline, const struct rs_task_row *row)
{
  timeline->seen++;
  if ((row->node + 1) % timeline->stride != 0)
    return;
  if (timeline->count == timeline->cap)
    rs_timeline_grow(timeline);
  if (timeline->count == timeline->max || (row->node + 1) % timeline->stride != 0) {
    timeline->dropped += (row->node + 1) % timeline->stride == 0;
    return;
  }
  timeline->spans[timeline->count++] = (struct rs_span){.task = row->task,
                                                        .start_ns = row->start_ns,
                                                        .end_ns = row->end_ns,
                                                        .node = row->node,
                                                        .job = row->job,
                                                        .attempt = row->attempt,
                                                        .tag = row->tag,
                                                        .outcome = row->outcome};
}

/* Sorts the spans by node and start and gives each the lowest lane of its node that is free then. Returns the total of
 * the nodes' lane counts. */
uint32_t rs_timeline_lanes(struct rs_timeline *timeline);

/* What the counters say, one entry a bin. */
struct rs_timeline_counter {
  uint64_t time_ns;
  double running, queued, nodes;
};

/* Writes the trace (Chrome's format, times in microseconds). Call after rs_timeline_lanes. `events_max` bounds all
 * events together; spans beyond it were never kept because max <= events_max - counters - nodes. */
void rs_timeline_write(const struct rs_timeline *timeline, struct rs_out *out, const char *title,
                       const char *const *tag_names, uint32_t tag_count, const struct rs_timeline_counter *counters,
                       uint32_t counter_count);

#endif
