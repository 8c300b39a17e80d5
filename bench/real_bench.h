/* real_bench.h -- what the benchmarks of real clusters share: the time, and memory of the processes that they started.
 */
#ifndef RS_BENCH_REAL_BENCH_H
#define RS_BENCH_REAL_BENCH_H

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int parent_of(int pid)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  if (file)
    fclose(file);
  text[n] = 0;
  const char *close = strrchr(text, ')');
  return close ? (int)strtol(close + 4, NULL, 10) : 0;
}

static inline double pss_kib(int pid)
{
  char path[64], line[256];
  double total = 0;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, "Pss:", 4) == 0)
      total += strtod(line + 4, NULL);
  if (file)
    fclose(file);
  return total;
}

/* PSS of every process that this program started, itself left out. */
static inline double cluster_pss_mib(void)
{
  double total = 0;
  DIR *dir = opendir("/proc");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    int pid = (int)strtol(entry->d_name, NULL, 10), up = pid;
    if (pid == getpid())
      continue;
    while (up > 1 && up != getpid())
      up = parent_of(up);
    if (up == getpid())
      total += pss_kib(pid);
  }
  if (dir)
    closedir(dir);
  return total / 1024;
}

#endif
