/* memory.c -- see memory.h: /proc/meminfo, and the limits of control groups, version 2 or 1, where they are lower. */
#include "uv/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/oom.h"

enum { WORKERS_MAX = 65536 };

static bool read_number(const char *path, uint64_t *out)
{
  FILE *file = fopen(path, "re");
  bool fine = file && fscanf(file, "%" SCNu64, out) == 1; /* "max" is no number: no limit */
  if (file)
    fclose(file);
  return fine;
}

/* The value of a line "name value" or "name: value". */
static uint64_t read_field(const char *path, const char *name)
{
  char line[256];
  uint64_t value = 0;
  size_t length = strlen(name);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == ':')) {
      sscanf(line + length + 1, "%" SCNu64, &value);
      break;
    }
  if (file)
    fclose(file);
  return value;
}

bool rs_memory_read(uint64_t *used, uint64_t *limit)
{
  static const struct {
    const char *limit, *used, *stat, *cache;
  } groups[] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
       "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file"},
  };
  uint64_t total = read_field("/proc/meminfo", "MemTotal") * 1024;
  uint64_t available = read_field("/proc/meminfo", "MemAvailable") * 1024;
  *limit = total;
  *used = total > available ? total - available : 0;
  for (unsigned i = 0; i < 2; i++) {
    uint64_t group_limit, group_used;
    if (!read_number(groups[i].limit, &group_limit) || group_limit >= total ||
        !read_number(groups[i].used, &group_used))
      continue;
    uint64_t cache = read_field(groups[i].stat, groups[i].cache);
    *limit = group_limit;
    *used = group_used > cache ? group_used - cache : 0;
  }
  return total > 0;
}

uint64_t rs_memory_own(int pid)
{
  char path[64];
  uint64_t pages = 0, resident = 0, shared = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "re");
  bool fine = file && fscanf(file, "%" SCNu64 " %" SCNu64 " %" SCNu64, &pages, &resident, &shared) == 3;
  if (file)
    fclose(file);
  return fine && resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void look(struct rs_proc *proc, const struct rs_ep *raylet, const struct rs_map *pids)
{
  uint64_t used, limit;
  if (!rs_memory_read(&used, &limit) || used < rs_oom_threshold(&proc->setup.config, limit))
    return;
  struct rs_m_memory_use *m = rs_msg_new(RS_MSG_MEMORY_USE);
  m->used = used;
  m->limit = limit;
  m->workers = rs_alloc(pids->count * sizeof *m->workers);
  m->rss = rs_alloc(pids->count * sizeof *m->rss);
  m->pids = rs_alloc(pids->count * sizeof *m->pids);
  for (uint32_t i = 0; i < pids->cap && m->workers_count < WORKERS_MAX; i++) {
    if (!pids->slots[i].key)
      continue;
    uint32_t k = m->workers_count++;
    m->workers[k] = (raylet->addr & ~(uint64_t)RS_EP_MAX) | pids->slots[i].key;
    m->pids[k] = (uint32_t)pids->slots[i].value;
    m->rss[k] = rs_memory_own((int)m->pids[k]);
  }
  m->rss_count = m->pids_count = m->workers_count;
  rs_proc_input(proc, raylet->addr, &(struct rs_input){.kind = RS_IN_MESSAGE, .peer = raylet->addr, .msg = &m->head});
}

uint64_t rs_memory_watch(struct rs_proc *proc, const struct rs_map *pids, uint64_t *at, uint64_t now)
{
  const struct rs_ep *raylet = proc->ep_count ? &proc->eps[proc->ep_count - 1] : NULL; /* a node's last one */
  uint64_t period_ns = (uint64_t)proc->setup.config.memory_monitor_refresh_ms * RS_MS;
  if (*at <= now) {
    *at = RS_TIME_NEVER;
    look(proc, raylet, pids);
  }
  if (*at == RS_TIME_NEVER && period_ns > 0 && raylet && rs_endpoint_wants_memory(raylet->core)) {
    *at = rs_proc_now(proc) + period_ns;
    proc->role_deadline = rs_time_min(proc->role_deadline, *at);
  }
  return *at;
}
