/* memory.c -- see memory.h.
 *
 * The figures are measured ones (peak memory of runs of two sizes, divided), rounded down to about three quarters: 6 KB
 * a simulated node, 400 bytes a task that waits. Tasks that arrive one after another need memory only while they wait,
 * which nobody knows before; those that are there at once all wait. Such a run may still end for want of memory in its
 * middle: rs_no_memory.
 */
#include "sim/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/load/load.h"

enum { NODE_BYTES = 3500, TASK_BYTES = 300 };

static void add(struct rs_memory_need *need, uint64_t *most, uint64_t count, uint64_t each, uint32_t line,
                const char *what)
{
  uint64_t bytes = count * each; /* counts are at most 1e10 */
  need->bytes += bytes;
  if (bytes <= *most)
    return;
  *most = bytes;
  need->line = line;
  snprintf(need->text, sizeof need->text, "%" PRIu64 " %s", count, what);
}

void rs_memory_need(const struct rs_scenario *s, struct rs_memory_need *out)
{
  uint64_t most = 0, nodes = 0;
  *out = (struct rs_memory_need){.line = s->cluster.line};
  for (uint32_t t = 0; t < s->cluster.type_count; t++)
    nodes += s->cluster.types[t].count_max == RS_SCENARIO_NONE ? 0 : s->cluster.types[t].count_max;
  add(out, &most, nodes, NODE_BYTES, s->cluster.line, "nodes");
  for (uint32_t i = 0; i < s->workload_count; i++) {
    const struct rs_scenario_workload *w = &s->workloads[i];
    if (w->kind != RS_WORKLOAD_TASKS)
      continue;
    if (w->tasks.arrival.kind == RS_ARRIVAL_AT_ONCE)
      add(out, &most, w->tasks.count, TASK_BYTES, w->line, "tasks at once");
    add(out, &most, w->tasks.object_count, sizeof(struct rs_load_object), w->line, "objects");
  }
}

/* The number of a line "Name:   123 kB" of a file, in bytes; 0 where there is none. */
static uint64_t field(const char *path, const char *name)
{
  char line[256];
  uint64_t value = 0;
  size_t length = strlen(name);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, name, length) == 0 && sscanf(line + length, "%" SCNu64, &value) == 1)
      break;
  if (file)
    fclose(file);
  return value * 1024;
}

static uint64_t number(const char *path)
{
  uint64_t value;
  FILE *file = fopen(path, "re");
  bool fine = file && fscanf(file, "%" SCNu64, &value) == 1; /* "max": no limit */
  if (file)
    fclose(file);
  return fine ? value : UINT64_MAX;
}

uint64_t rs_memory_available(void)
{
  uint64_t least = field("/proc/meminfo", "MemAvailable:") + field("/proc/meminfo", "SwapFree:");
  if (least == 0)
    least = UINT64_MAX;
  const __rlimit_resource_t limits[] = {RLIMIT_AS, RLIMIT_DATA};
  for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    struct rlimit limit;
    if (getrlimit(limits[i], &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < least)
      least = limit.rlim_cur;
  }
  uint64_t group = number("/sys/fs/cgroup/memory.max");
  return group < least ? group : least;
}

int rs_memory_check(const struct rs_scenario *s, char *err, size_t err_size)
{
  struct rs_memory_need need;
  rs_memory_need(s, &need);
  uint64_t available = rs_memory_available();
  if (need.bytes <= available)
    return 0;
  snprintf(err, err_size,
           "%s:%u: a run with %s needs %.3g GB of memory at least, and %.3g GB are there; make the scenario smaller%s",
           s->file, need.line, need.text, (double)need.bytes * 1e-9, (double)available * 1e-9,
           strstr(need.text, "tasks") ? ", or let the tasks arrive one after another" : "");
  return -1;
}
