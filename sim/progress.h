/* progress.h -- the one line on stderr while runs are in progress: simulated time, tasks, events a second, time left.
 *
 * Runs execute in forked processes; each reports into its own slot of a shared mapping and one process (the parent, or
 * the only process) draws the line. Nothing is drawn when stderr is not a terminal or `quiet` was given, but the calls
 * stay valid, so callers need no branch.
 *
 * A slot has one writer; the drawer may be another process. rs_progress_set costs a few nanoseconds (plain relaxed
 * stores) and may be called at every event.
 */
#ifndef RS_SIM_PROGRESS_H
#define RS_SIM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct rs_progress;

/* Makes the slots; call before fork. `title` (copied) starts the line. Never NULL. */
struct rs_progress *rs_progress_open(const char *title, uint32_t run_count, bool quiet);

/* The run's state now. `done` is how far the run is, in [0, 1], from whatever the run is bounded by (budget or tasks);
 * a negative `done` means unknown. */
void rs_progress_set(struct rs_progress *progress, uint32_t run, uint64_t sim_ns, uint64_t tasks, uint64_t events,
                     double done);

/* The run is over (well or not): it counts as done and its wall clock stops. */
void rs_progress_run_end(struct rs_progress *progress, uint32_t run);

/* Draws the line when at least 200 ms passed since the last time; cheap enough for a loop (a clock read; when nothing
 * would be drawn, not even that). */
void rs_progress_draw(struct rs_progress *progress);

/* Wipes the line so that a message can be printed; the next draw brings it back. */
void rs_progress_clear(struct rs_progress *progress);

/* Wipes the line and releases everything. */
void rs_progress_close(struct rs_progress *progress);

/* The text of the line without control characters, for the tests and for logs: at most `size` bytes with the NUL.
 * `wall_s` is the time since open. Example:
 *   asha: 3/20 runs, 1,234 s simulated, 1.3 M tasks, 412 k events/s, 0:42 left */
void rs_progress_text(const struct rs_progress *progress, double wall_s, char *text, uint32_t size);

#endif
