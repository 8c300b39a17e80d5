/* calibrate_objects.c -- what it costs on this machine to make large objects and to move them between local nodes.
 *
 * A cluster of PLACES nodes with one CPU each beside the head, a new one for each kind of measurement, so that it
 * begins with fresh memory. Tasks return objects that are kept until the last of them is there; the second time each
 * finds warm memory. One node at work gives the rate alone, all of them the machine's. Then tasks read objects of
 * another node, each after the one before: one reader, and a ring of all nodes; kept (into fresh memory) or not. What a
 * task costs beside its bytes is taken off by the same with small objects. Stores that are too small for what is made
 * give the disk's rate. No run is a scenario that is compared: sizes, order and numbers are this file's own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "lib/load/load.h"
#include "sim/calibrate_int.h"
#include "sim/memory.h"

enum { PLACES = 4, WARM = 1, REPEATS_MAX = 2 }; /* WARM: tasks at the start of a run that do not count */

#define STORE_BYTES (UINT64_C(2) << 30)
#define SMALL_STORE_BYTES (UINT64_C(96) << 20)
#define MEMORY_BYTES (UINT64_C(3) << 30) /* that must be there: 1.8 GB are used */

struct script {
  struct rs_load_task tasks[128];
  uint32_t deps[128][128];
  struct rs_load_class classes[PLACES];
  struct rs_load_object pool[32];
  uint32_t count, pool_count;
  uint64_t end_ns[128];
  uint64_t base_ns;
  bool failed;
};

static void on_end(void *user, const struct rs_load_end *end)
{
  struct script *s = user;
  s->failed = s->failed || end->status != 0;
  s->end_ns[end->index] = end->end_ns;
}

static struct script *script_new(void)
{
  struct script *s = rs_alloc_zero(1, sizeof *s);
  for (uint32_t i = 0; i < PLACES; i++)
    s->classes[i] = (struct rs_load_class){
        .demand = {.cpu_e4 = RS_ONE_E4}, .strategy = RS_STRATEGY_NODE_AFFINITY, .target = 1 + i, .max_retries = 3};
  return s;
}

/* One task more, on a node (from 0). */
static struct rs_load_task *add(struct script *s, uint32_t place)
{
  struct rs_load_task *task = &s->tasks[s->count];
  *task = (struct rs_load_task){.class_index = place, .deps = s->deps[s->count]};
  s->count++;
  return task;
}

static void add_dep(struct script *s, struct rs_load_task *task, uint32_t on)
{
  s->deps[task - s->tasks][task->dep_count++] = on;
}

static int play(const struct rs_calibrate_real *real, void *cluster, struct script *s, char *err, size_t err_size)
{
  struct rs_load_table table = {s->tasks, s->count};
  rs_load_count_readers(s->tasks, s->count);
  struct rs_load_opts opts = {.next = rs_load_table_next,
                              .arg = &table,
                              .count_max = s->count,
                              .classes = s->classes,
                              .class_count = PLACES,
                              .objects = s->pool,
                              .object_count = s->pool_count,
                              .ended = on_end,
                              .user = s};
  struct rs_app *app = rs_load_new(&opts);
  struct rs_calibrate_traffic traffic;
  int result = real->run(cluster, app, &traffic, err, err_size);
  s->base_ns = rs_load_stats(app).base_ns;
  rs_load_free(app);
  if (result == 0 && s->failed) {
    snprintf(err, err_size, "calibration: a task with large objects failed");
    result = -1;
  }
  return result;
}

struct trial {
  bool reads, fresh; /* fresh: what is read is kept */
  uint32_t sources, each;
  uint64_t bytes, store_bytes;
};

/* Objects made on each of the first nodes. *seconds: from one on all of them to the next. */
static int writes(const struct rs_calibrate_real *real, void *cluster, const struct trial *t, double *seconds,
                  char *err, size_t err_size)
{
  uint32_t each = t->each, places = t->sources;
  struct script *s = script_new();
  for (uint32_t i = 0; i < each; i++)
    for (uint32_t p = 0; p < places; p++)
      add(s, p)->return_bytes = t->bytes;
  uint32_t made = s->count;
  for (uint32_t p = 0; p < places; p++) { /* keeps all of its node until then */
    struct rs_load_task *last = add(s, p);
    for (uint32_t i = p; i < made; i += places)
      add_dep(s, last, i);
  }
  int result = play(real, cluster, s, err, err_size);
  uint64_t first = 0, end = 0;
  for (uint32_t i = 0; i < made; i++) {
    if (i < WARM * places)
      first = s->end_ns[i] > first ? s->end_ns[i] : first;
    end = s->end_ns[i] > end ? s->end_ns[i] : end;
  }
  *seconds = (double)(end - first) * 1e-9 / (each - WARM);
  free(s);
  return result;
}

/* Objects on each source are read, one after the other, by the node after it. *seconds: from one to the next. */
static int reads(const struct rs_calibrate_real *real, void *cluster, const struct trial *t, double *seconds, char *err,
                 size_t err_size)
{
  uint32_t each = t->each, sources = t->sources;
  struct script *s = script_new();
  for (uint32_t source = 0; source < sources; source++)
    for (uint32_t i = 0; i < each; i++)
      s->pool[s->pool_count++] = (struct rs_load_object){t->bytes, 1 + source};
  for (uint32_t i = 0; i < each; i++)
    for (uint32_t source = 0; source < sources; source++) {
      struct rs_load_task *task = add(s, (source + 1) % PLACES);
      task->return_bytes = 1;
      add_dep(s, task, RS_LOAD_POOL(source * each + i));
      if (i)
        add_dep(s, task, s->count - 1 - sources);
    }
  uint32_t timed = s->count;
  for (uint32_t source = 0; source < sources && t->fresh; source++) { /* keeps all of them until then */
    struct rs_load_task *task = add(s, source);
    for (uint32_t i = 0; i < each; i++)
      add_dep(s, task, RS_LOAD_POOL(source * each + i));
    for (uint32_t i = 1; i <= sources; i++)
      add_dep(s, task, timed - i);
  }
  int result = play(real, cluster, s, err, err_size);
  uint64_t first = 0, end = 0;
  for (uint32_t i = 0; i < timed; i++) {
    if (i < WARM * sources)
      first = s->end_ns[i] > first ? s->end_ns[i] : first;
    end = s->end_ns[i] > end ? s->end_ns[i] : end;
  }
  *seconds = (double)(end - first) * 1e-9 / (each - WARM);
  free(s);
  return result;
}

/* ---- what is measured ---- */

/* Seconds an object, the first time and the second time on the same cluster (writes alone). */
static int measure(const struct rs_calibrate_real *real, const struct trial *t, double seconds[2], char *err,
                   size_t err_size)
{
  struct rs_config config;
  void *cluster = NULL;
  rs_config_defaults(&config);
  int result = real->start_nodes(&config, PLACES, t->store_bytes, &cluster, err, err_size);
  if (result != 0)
    return result;
  for (int turn = 0; turn < (t->reads ? 1 : 2) && result == 0; turn++)
    result = t->reads ? reads(real, cluster, t, &seconds[turn], err, err_size)
                      : writes(real, cluster, t, &seconds[turn], err, err_size);
  real->stop(cluster);
  return result;
}

enum { WRITE, WRITE_ALL, READ, READ_ALL, READ_FRESH, READ_ALL_FRESH, SPILL, KINDS };
enum { TINY, SMALL, LARGE, SIZES };

static const uint64_t sizes[SIZES] = {UINT64_C(128) << 10, UINT64_C(4) << 20, UINT64_C(32) << 20};

struct times {
  double s[KINDS][SIZES][2]; /* medians */
};

static int measure_all(const struct rs_calibrate_real *real, uint32_t repeats, struct times *out, char *err,
                       size_t err_size)
{
  for (int kind = 0; kind < KINDS; kind++)
    for (int size = 0; size < SIZES; size++) {
      struct trial t = {.reads = kind >= READ && kind <= READ_ALL_FRESH,
                        .fresh = kind == READ_FRESH || kind == READ_ALL_FRESH,
                        .sources = kind == WRITE || kind == READ || kind == READ_FRESH ? 1 : PLACES,
                        .each = kind == SPILL ? 12 : 6,
                        .bytes = sizes[size],
                        .store_bytes = kind == SPILL ? SMALL_STORE_BYTES : STORE_BYTES};
      if ((kind == SPILL && size != SMALL) || (t.reads && size == SMALL))
        continue;
      if (kind == SPILL)
        t.bytes = SMALL_STORE_BYTES / 6;
      double first[REPEATS_MAX], second[REPEATS_MAX], seconds[2] = {0, 0};
      for (uint32_t i = 0; i < repeats; i++) {
        if (measure(real, &t, seconds, err, err_size) != 0)
          return -1;
        first[i] = seconds[0];
        second[i] = seconds[1];
      }
      out->s[kind][size][0] = rs_calibrate_median(first, repeats);
      out->s[kind][size][1] = rs_calibrate_median(second, repeats);
    }
  return 0;
}

/* Bytes a second of what is above `from` in `to`, `count` of them at a time. */
static double slope(double (*s)[2], int turn, int from, int to, uint32_t count)
{
  double seconds = s[to][turn] - s[from][turn];
  return seconds > 0 ? (double)(sizes[to] - sizes[from]) * count / seconds : 0;
}

/* The large size's first 8 MiB go at the small one's rate, the rest at this. */
static double beyond(double (*s)[2], int turn, double small)
{
  double first = (double)(UINT64_C(8) << 20), seconds = s[LARGE][turn] - s[TINY][turn] - first / small;
  return seconds > 0 && small > 0 ? ((double)sizes[LARGE] - first) / seconds : 0;
}

static double mean(double a, double b)
{
  return sqrt(a * b);
}

static void put(uint64_t *cost, double value, struct rs_text *report, const char *name, const char *text)
{
  if (!(value > 0 && value < 1e15))
    return;
  *cost = (uint64_t)(value + 0.5);
  if (report)
    rs_text_add(report, "%-18s %12.2f GB/s%10s %s\n", name, value * 1e-9, "", text);
}

int rs_calibrate_objects(const struct rs_calibrate_real *real, bool quick, struct rs_cost *cost, struct rs_text *report,
                         char *err, size_t err_size)
{
  struct times t = {0};
  if (!real->start_nodes || rs_memory_available() < MEMORY_BYTES) {
    if (report)
      rs_text_add(report, "large objects: not measured, for want of memory\n");
    return 0;
  }
  if (measure_all(real, quick ? 1 : REPEATS_MAX, &t, err, err_size) != 0)
    return -1;
  double fresh = slope(t.s[WRITE], 0, TINY, SMALL, 1), warm = slope(t.s[WRITE], 1, TINY, SMALL, 1);
  put(&cost->make_bytes_per_s, warm, report, "make", "a large object that a task returns, into warm memory");
  put(&cost->make_large_bytes_per_s, beyond(t.s[WRITE], 1, warm), report, "make, large", "beyond its first 8 MiB");
  put(&cost->make_all_bytes_per_s,
      mean(slope(t.s[WRITE_ALL], 1, TINY, SMALL, PLACES), slope(t.s[WRITE_ALL], 1, TINY, LARGE, PLACES)), report,
      "make, all", "of all that are made at a time");
  put(&cost->make_fresh_bytes_per_s, fresh, report, "make, fresh", "into fresh memory");
  put(&cost->make_fresh_large_bytes_per_s, beyond(t.s[WRITE], 0, fresh), report, "make, fresh, large", "");
  put(&cost->make_fresh_all_bytes_per_s,
      mean(slope(t.s[WRITE_ALL], 0, TINY, SMALL, PLACES), slope(t.s[WRITE_ALL], 0, TINY, LARGE, PLACES)), report,
      "make, fresh, all", "");
  double move = slope(t.s[READ], 0, TINY, LARGE, 1), move_all = slope(t.s[READ_ALL], 0, TINY, LARGE, PLACES);
  double kept = slope(t.s[READ_FRESH], 0, TINY, LARGE, 1);
  double kept_all = slope(t.s[READ_ALL_FRESH], 0, TINY, LARGE, PLACES);
  put(&cost->move_bytes_per_s, move, report, "move", "between two nodes of this machine");
  put(&cost->move_all_bytes_per_s, move_all, report, "move, all", "a ring of nodes");
  put(&cost->room_bytes_per_s, 1 / (1 / kept - 1 / move), report, "room", "fresh memory for what is moved");
  put(&cost->room_all_bytes_per_s, 1 / (1 / kept_all - 1 / move_all), report, "room, all", "");
  put(&cost->disk_bytes_per_s, (double)(SMALL_STORE_BYTES / 6) * PLACES / t.s[SPILL][SMALL][1], report, "disk",
      "what is made while stores are full, of all nodes together");
  return 0;
}
