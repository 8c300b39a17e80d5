/* observe.h -- an application wrapped, so that what it submits and what comes back reaches the results.
 *
 * The same wrapper observes a simulated and a real driver program: it sees calls and replies only, so both kinds of run
 * are measured in the same way, at the owner. A task's start is its reply's time less its measured run time. It also
 * holds the application back until its start time.
 */
#ifndef RS_SIM_OBSERVE_H
#define RS_SIM_OBSERVE_H

#include "base/map.h"
#include "core/app.h"
#include "sim/results.h"

struct rs_observer_opts {
  struct rs_app *inner;
  struct rs_results *results; /* NULL: nothing is recorded */
  uint32_t index;             /* of the driver program; task numbers are unique over all */
  uint64_t delay_ns;          /* before the application starts, on its clock */
  double time_scale;          /* clock nanoseconds in one of the results */
  uint32_t node_count;        /* of the results: node n of the cluster is row n - 1 */
};

struct rs_observer; /* its first member is a struct rs_app */

struct rs_observer *rs_observer_new(const struct rs_observer_opts *opts);
struct rs_app *rs_observer_app(struct rs_observer *observer);

/* Where a driver can tell, when a task of this owner began to run: used only for tasks that the end of the run cuts. */
void rs_observer_started(struct rs_observer *observer, uint64_t task_seq, uint64_t now_ns, rs_addr worker);

/* Time on the results' axis of a moment on the application's clock. */
uint64_t rs_observer_time(const struct rs_observer *observer, uint64_t now_ns);

uint64_t rs_observer_ended(const struct rs_observer *observer); /* tasks that have ended */

/* Hands over what is still under way as cut at end_ns (results' axis). */
void rs_observer_cut(struct rs_observer *observer, uint64_t end_ns);
void rs_observer_free(struct rs_observer *observer);

#endif
