/* The progress line: slots in a shared anonymous mapping, so forked runs report without pipes or signals. */
#include "sim/progress.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { DRAW_EVERY_MS = 200, TITLE_MAX = 63 };

struct slot {
  _Atomic uint64_t sim_ns, tasks, events;
  _Atomic uint64_t done_e9; /* share done in 1e-9; UINT64_MAX = unknown */
  _Atomic uint32_t begun, ended;
  uint64_t pad[3]; /* a cache line a slot: writers do not disturb each other */
};

struct rs_progress {
  char title[TITLE_MAX + 1];
  struct slot *slots;
  uint32_t run_count;
  bool draws, shown;
  double opened_s, drawn_s;
};

static double clock_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static size_t slots_bytes(const struct rs_progress *progress)
{
  return (size_t)(progress->run_count ? progress->run_count : 1) * sizeof(struct slot);
}

struct rs_progress *rs_progress_open(const char *title, uint32_t run_count, bool quiet)
{
  struct rs_progress *progress = rs_alloc_zero(1, sizeof *progress);
  snprintf(progress->title, sizeof progress->title, "%s", title);
  progress->run_count = run_count;
  progress->draws = !quiet && isatty(STDERR_FILENO);
  progress->opened_s = clock_s();
  progress->slots = mmap(NULL, slots_bytes(progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  RS_ASSERT(progress->slots != MAP_FAILED);
  return progress;
}

void rs_progress_set(struct rs_progress *progress, uint32_t run, uint64_t sim_ns, uint64_t tasks, uint64_t events,
                     double done)
{
  RS_ASSERT(run < progress->run_count);
  struct slot *slot = &progress->slots[run];
  atomic_store_explicit(&slot->sim_ns, sim_ns, memory_order_relaxed);
  atomic_store_explicit(&slot->tasks, tasks, memory_order_relaxed);
  atomic_store_explicit(&slot->events, events, memory_order_relaxed);
  uint64_t done_e9 = done >= 0 ? (uint64_t)(fmin(done, 1) * 1e9) : UINT64_MAX;
  atomic_store_explicit(&slot->done_e9, done_e9, memory_order_relaxed);
  atomic_store_explicit(&slot->begun, 1, memory_order_relaxed);
}

void rs_progress_run_end(struct rs_progress *progress, uint32_t run)
{
  RS_ASSERT(run < progress->run_count);
  atomic_store_explicit(&progress->slots[run].begun, 1, memory_order_relaxed);
  atomic_store_explicit(&progress->slots[run].ended, 1, memory_order_relaxed);
}

/* 1234567 as "1.23 M". */
static void short_number(char *text, size_t size, double value)
{
  static const char *const units[] = {"", " k", " M", " G"};
  int unit = 0;
  while (value >= (unit == 0 ? 9999.5 : 999.5) && unit < 3) {
    value /= 1000;
    unit++;
  }
  snprintf(text, size, unit > 0 && value < 99.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

static void time_left(char *text, size_t size, double share, double wall_s)
{
  double left = share > 0 ? wall_s * (1 - share) / share : NAN;
  if (isnan(left) || share < 0.005 || wall_s < 0.5 || left > 359999)
    snprintf(text, size, "? left");
  else if (left >= 3600)
    snprintf(text, size, "%d:%02d:%02d left", (int)left / 3600, (int)left / 60 % 60, (int)left % 60);
  else
    snprintf(text, size, "%d:%02d left", (int)left / 60, (int)left % 60);
}

void rs_progress_text(const struct rs_progress *progress, double wall_s, char *text, uint32_t size)
{
  double sim_s = 0, tasks = 0, events = 0, done = 0;
  uint32_t ended = 0;
  bool known = true;
  for (uint32_t i = 0; i < progress->run_count; i++) {
    const struct slot *slot = &progress->slots[i];
    sim_s += (double)atomic_load_explicit(&slot->sim_ns, memory_order_relaxed) * 1e-9;
    tasks += (double)atomic_load_explicit(&slot->tasks, memory_order_relaxed);
    events += (double)atomic_load_explicit(&slot->events, memory_order_relaxed);
    uint64_t done_e9 = atomic_load_explicit(&slot->done_e9, memory_order_relaxed);
    if (atomic_load_explicit(&slot->ended, memory_order_relaxed)) {
      ended++;
      done += 1;
    } else if (done_e9 == UINT64_MAX) {
      known = false;
    } else {
      done += (double)done_e9 * 1e-9;
    }
  }
  char sim_text[32], task_text[32], rate_text[32], left_text[32], runs_text[48] = "";
  short_number(sim_text, sizeof sim_text, sim_s);
  short_number(task_text, sizeof task_text, tasks);
  short_number(rate_text, sizeof rate_text, wall_s > 0 ? events / wall_s : 0);
  time_left(left_text, sizeof left_text, known && progress->run_count ? done / progress->run_count : 0, wall_s);
  if (progress->run_count > 1)
    snprintf(runs_text, sizeof runs_text, "%u/%u runs, ", ended, progress->run_count);
  snprintf(text, size, "%s: %s%s s simulated, %s tasks, %s events/s, %s", progress->title, runs_text, sim_text,
           task_text, rate_text, left_text);
}

void rs_progress_draw(struct rs_progress *progress)
{
  char text[256];
  struct winsize window;
  if (!progress->draws)
    return;
  double now = clock_s();
  if ((now - progress->drawn_s) * 1000 < DRAW_EVERY_MS)
    return;
  progress->drawn_s = now;
  rs_progress_text(progress, now - progress->opened_s, text, sizeof text);
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && strlen(text) >= window.ws_col)
    text[window.ws_col - 1] = '\0'; /* a wrapped line could not be redrawn */
  fprintf(stderr, "\r\033[K%s", text);
  fflush(stderr);
  progress->shown = true;
}

void rs_progress_clear(struct rs_progress *progress)
{
  if (!progress->shown)
    return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  progress->shown = false;
}

void rs_progress_close(struct rs_progress *progress)
{
  rs_progress_clear(progress);
  munmap(progress->slots, slots_bytes(progress));
  free(progress);
}
