/* host.c -- see host.h. */
#include "uv/host.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

/* One file's text; false: there is none. */
static bool read_text(const char *folder, const char *name, char *out, size_t cap)
{
  char path[PATH_SIZE + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  size_t n = file ? fread(out, 1, cap - 1, file) : 0;
  out[n] = 0;
  if (file)
    fclose(file);
  return n > 0;
}

static double quota_of(const char *folder)
{
  char text[128], period_text[128];
  double quota = 0, period = 0;
  if (read_text(folder, "cpu.max", text, sizeof text)) {
    if (sscanf(text, "%lf %lf", &quota, &period) != 2) /* "max" */
      return 0;
  } else if (read_text(folder, "cpu.cfs_quota_us", text, sizeof text) &&
             read_text(folder, "cpu.cfs_period_us", period_text, sizeof period_text)) {
    quota = strtod(text, NULL);
    period = strtod(period_text, NULL);
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

double rs_host_quota(const char *root, const char *path)
{
  char folder[PATH_SIZE];
  double least = 0;
  int n = snprintf(folder, sizeof folder, "%s%s", root, strcmp(path, "/") == 0 ? "" : path);
  if (n < 0 || (size_t)n >= sizeof folder)
    return 0;
  for (;;) {
    double quota = quota_of(folder);
    if (quota > 0 && (least == 0 || quota < least))
      least = quota;
    char *slash = strrchr(folder, '/');
    if (!slash || strlen(folder) <= strlen(root))
      return least;
    *slash = 0;
  }
}

/* /proc/self/cgroup: "0::PATH" of version 2, "N:...cpu...:PATH" of version 1. */
static double quota(void)
{
  char line[PATH_SIZE];
  double least = 0;
  FILE *file = fopen("/proc/self/cgroup", "re");
  while (file && fgets(line, sizeof line, file)) {
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
      continue;
    *path++ = 0;
    path[strcspn(path, "\n")] = 0;
    bool second = controllers[1] == 0;
    if (!second && !strstr(controllers, "cpu,") && strcmp(controllers, ":cpu") != 0)
      continue;
    double found = rs_host_quota(second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", path);
    if (found > 0 && (least == 0 || found < least))
      least = found;
  }
  if (file)
    fclose(file);
  return least;
}

double rs_host_cpus(void)
{
  cpu_set_t set;
  double cpus =
      sched_getaffinity(0, sizeof set, &set) == 0 ? (double)CPU_COUNT(&set) : (double)sysconf(_SC_NPROCESSORS_ONLN);
  double most = quota();
  if (most > 0 && most < cpus) {
    cpus = (double)(long)most;
    cpus += cpus < most ? 1 : 0;
  }
  return cpus < 1 ? 1 : cpus;
}
