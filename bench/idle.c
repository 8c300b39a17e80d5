/* idle.c -- what an idle cluster costs: a simulated day with nothing to do, and a simulated minute in which Ray's own
 * background traffic runs as real message events. JSON on stdout.
 *
 *   build/bench/idle [NODES] [DAY_SECONDS] [MINUTE_SECONDS]
 *
 * The day: raylets report on change only and the health check is computed, so nothing happens after the registration.
 * The minute: every node is health-checked each 3 s (a request and its answer), 1 % of the nodes change each second and
 * report at 100 ms at the latest, and every change is broadcast to all nodes at 10 Hz; each is a heap entry, with the
 * GCS as one serial server and the NIC of the head as in the driver. */
#include "driver_bench.h"

#include "sim/heap.h"

static void day(uint32_t nodes, uint64_t seconds)
{
  struct bench_run *run = bench_new(nodes, 16);
  run->opts.time_limit_ns = seconds * RS_S;
  bench_do(run);
  struct bench_run *small = bench_new(nodes / 2, 16);
  small->opts.time_limit_ns = 60 * RS_S;
  bench_do(small);
  double per_node = (double)(run->rss_kib - small->rss_kib) * 1024 / (double)(nodes - nodes / 2);
  printf("  \"day\": {\"nodes\": %u, \"simulated_s\": %llu, \"events\": %llu, \"messages\": %llu, \"wall_s\": %.3f, "
         "\"build_s\": %.3f, \"peak_rss_mib\": %.1f, \"bytes_a_node_with_its_simgrid_host\": %.0f}",
         nodes, (unsigned long long)seconds, (unsigned long long)run->stats.events,
         (unsigned long long)run->stats.messages, run->wall_s, run->build_s, (double)run->rss_kib / 1024, per_node);
}

/* The minute is made of the same heap, costs and message sizes as the driver, without the core: health checks and
 * periodic reports are what the core does not send. */
enum { CHECK_SENT, CHECK_ASKED, CHECK_ANSWERED, CHANGED, REPORTED, PUBLISH, VIEW_ARRIVED };

static void minute(uint32_t nodes, uint64_t seconds)
{
  struct rs_cost cost;
  rs_cost_defaults(&cost);
  const struct rs_cost_work *gcs = &cost.role[RS_COST_GCS];
  uint64_t limit = seconds * RS_S, now = 0, events = 0, messages = 0, bytes = 0;
  uint64_t head_free = 0, head_busy = 0, nic_free = 0, nic_busy = 0;
  uint64_t check_bytes = 60 + cost.frame_bytes, report_bytes = 120 + cost.frame_bytes, entry_bytes = 70;
  uint32_t changed = 0;
  struct rs_heap heap = {0};
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  for (uint32_t i = 0; i < nodes; i++)
    rs_heap_push(&heap, rs_rng_below(&rng, 3 * RS_S), (uint32_t)CHECK_SENT << 24 | i);
  rs_heap_push(&heap, 0, (uint32_t)CHANGED << 24);
  rs_heap_push(&heap, 100 * RS_MS, (uint32_t)PUBLISH << 24);
  double start = wall_s();
  while (heap.count && rs_heap_due(&heap) <= limit) {
    struct rs_heap_entry entry = rs_heap_pop(&heap);
    uint32_t kind = rs_heap_payload(entry) >> 24, node = rs_heap_payload(entry) & 0xffffff;
    now = entry.due_ns;
    events++;
    uint64_t work = 0, sent = 0, to = node;
    switch (kind) {
    case CHECK_SENT: /* the head's alarm for this node */
      work = gcs->send_ps;
      sent = check_bytes;
      rs_heap_push(&heap, now + 3 * RS_S, (uint32_t)CHECK_SENT << 24 | node);
      break;
    case CHECK_ASKED: /* the node answers */
      messages++;
      bytes += check_bytes;
      rs_heap_push(&heap, now + 4000 + 50000, (uint32_t)CHECK_ANSWERED << 24 | node);
      break;
    case CHECK_ANSWERED: work = gcs->input_ps; break;
    case CHANGED: /* one node in a hundred a second */
      rs_heap_push(&heap, now + 100 * RS_S / nodes, (uint32_t)CHANGED << 24);
      messages++;
      bytes += report_bytes;
      rs_heap_push(&heap, now + rs_rng_below(&rng, 100 * RS_MS) + 50000, (uint32_t)REPORTED << 24);
      break;
    case REPORTED:
      work = gcs->input_ps + gcs->object_ps;
      changed++;
      break;
    case PUBLISH:
      rs_heap_push(&heap, now + 100 * RS_MS, (uint32_t)PUBLISH << 24);
      if (!changed)
        break;
      sent = 20 + changed * entry_bytes + cost.frame_bytes;
      work = (gcs->send_ps + sent * gcs->byte_ps) * nodes;
      changed = 0;
      break;
    case VIEW_ARRIVED: break;
    }
    if (work) {
      head_free = (head_free > now ? head_free : now) + work / 1000;
      head_busy += work / 1000;
    }
    uint32_t copies = kind == PUBLISH && sent ? nodes : sent ? 1 : 0;
    for (uint32_t i = 0; i < copies; i++) {
      uint64_t takes = sent * 8 / 10;
      nic_free = (nic_free > head_free ? nic_free : head_free) + takes;
      nic_busy += takes;
      messages++;
      bytes += sent;
      uint32_t then = kind == PUBLISH ? VIEW_ARRIVED : CHECK_ASKED;
      rs_heap_push(&heap, nic_free + 50000, then << 24 | (copies > 1 ? i : (uint32_t)to));
    }
  }
  double took = wall_s() - start;
  printf("  \"minute\": {\"nodes\": %u, \"simulated_s\": %llu, \"events\": %llu, \"messages\": %llu, \"bytes\": %llu, "
         "\"wall_s\": %.3f, \"head_utilisation\": %.4f, \"head_nic_utilisation\": %.4f, \"backlog_s\": %.3f}",
         nodes, (unsigned long long)seconds, (unsigned long long)events, (unsigned long long)messages,
         (unsigned long long)bytes, took, (double)head_busy / (double)limit, (double)nic_busy / (double)limit,
         (double)(head_free > limit ? head_free - limit : 0) * 1e-9);
  rs_heap_free(&heap);
}

/* The same through the core: tasks that begin and end on 1 % of the nodes a second, and every VIEW an event of its own.
 */
static void minute_core(uint32_t nodes, uint64_t seconds)
{
  struct bench_run *run = bench_new(nodes, 2);
  run->app = true;
  run->opts.eager = true;
  run->opts.time_limit_ns = (20 + seconds) * RS_S;
  run->tasks.start_ns = 20 * RS_S;                          /* after the registration's snapshots */
  run->tasks.in_flight_max = nodes / 200 ? nodes / 200 : 1; /* 1 s each: a change at the beginning, one at the end */
  run->tasks.batch = 1;
  run->tasks.count = seconds * run->tasks.in_flight_max * 2;
  bench_do(run);
  printf("  \"minute_through_the_core\": {\"nodes\": %u, \"simulated_s\": %.0f, \"events\": %llu, \"messages\": %llu, "
         "\"reports\": %llu, \"views\": %llu, \"wall_s\": %.3f, \"gcs_busy_s\": %.3f, \"health_check_share\": %.4f}",
         nodes, (double)run->stats.sim_ns * 1e-9, (unsigned long long)run->stats.events,
         (unsigned long long)run->stats.messages, (unsigned long long)run->stats.by_type[RS_MSG_REPORT],
         (unsigned long long)run->stats.by_type[RS_MSG_VIEW], run->wall_s, (double)run->stats.head_busy_ns * 1e-9,
         run->stats.health_share);
}

int main(int argc, char **argv)
{
  uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
  uint64_t day_s = argc > 2 ? strtoull(argv[2], NULL, 10) : 86400,
           minute_s = argc > 3 ? strtoull(argv[3], NULL, 10) : 60;
  if (nodes < 2 || nodes > 1000000 || !day_s || !minute_s) {
    fprintf(stderr, "usage: %s [NODES] [DAY_SECONDS] [MINUTE_SECONDS]\n", argv[0]);
    return 2;
  }
  printf("{\n");
  day(nodes, day_s);
  printf(",\n");
  minute(nodes, minute_s);
  printf(",\n");
  minute_core(nodes, minute_s);
  printf("\n}\n");
  return 0;
}
