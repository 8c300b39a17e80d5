/* calibrate.c -- see calibrate.h: puts the measurements together into a cost file and says where each figure is from.
 */
#include "sim/calibrate.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/calibrate_int.h"

static uint64_t ps(double ns)
{
  return ns > 0 ? (uint64_t)(ns * 1000 + 0.5) : 0;
}

static uint64_t whole(double ns)
{
  return ns > 0 ? (uint64_t)(ns + 0.5) : 0;
}

__attribute__((format(printf, 5, 6))) static void tell(struct rs_text *report, const char *name, double ns,
                                                       double error, const char *format, ...)
{
  char text[256];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!report)
    return;
  rs_text_add(report, "%-18s %12.1f ns", name, ns);
  if (error > 0)
    rs_text_add(report, " +- %8.1f", error);
  else
    rs_text_add(report, "%12s", "");
  rs_text_add(report, "  %s\n", text);
}

static void alone(bool quick, const struct rs_calibrate_socket *socket, struct rs_cost *cost, struct rs_text *report)
{
  cost->timer_step_ns = RS_MS; /* libuv's */
  cost->timer_late_ns = whole(rs_calibrate_timer_late_ns(quick ? 20 : 200));
  tell(report, "timer_late", (double)cost->timer_late_ns, 0, "median lateness of an alarm of 1 to 5 ms");
  double node_ns = rs_calibrate_node_ns(quick ? 2000 : 20000);
  for (int r = 0; r < RS_COST_ROLES; r++)
    cost->role[r].node_ps = ps(node_ns);
  tell(report, "node", node_ns, 0, "a node examined by a policy");
  double latency_ns = socket->one_way_ns > socket->cpu_ns ? socket->one_way_ns - socket->cpu_ns : 0;
  cost->local_latency_ns = whole(latency_ns);
  cost->local_bytes_per_s = whole(socket->bytes_per_s);
  tell(report, "latency (socket)", latency_ns, 0, "one way, %.0f ns, without its CPU", socket->one_way_ns);
  tell(report, "message (socket)", socket->cpu_ns, socket->cpu_error_ns, "CPU of a send and a receive");
  tell(report, "byte (socket)", socket->byte_ns, socket->byte_error_ns, "CPU of a byte; %.2f GB/s in large pieces",
       socket->bytes_per_s * 1e-9);
  for (int r = 0; r < RS_COST_ROLES; r++) { /* until a cluster says more */
    cost->role[r].input_ps = cost->role[r].send_ps = ps(socket->cpu_ns / 2);
    cost->role[r].byte_ps = ps(socket->byte_ns / 2);
  }
}

static void clustered(const struct rs_calibrate_cluster *c, struct rs_cost *cost, struct rs_text *report)
{
  const struct rs_fit *d = &c->driver, *w = &c->worker;
  struct rs_cost_work *driver = &cost->role[RS_COST_DRIVER], *worker = &cost->role[RS_COST_WORKER];
  driver->input_ps = ps(d->value[0]);
  driver->send_ps = ps(d->value[1]);
  tell(report, "driver input", d->value[0], d->error[0], "R^2 %.4f", d->r_squared);
  tell(report, "driver send", d->value[1], d->error[1], "and waking the receiver");
  worker->input_ps = ps(w->value[0]);
  worker->send_ps = ps(w->value[1]);
  tell(report, "worker input", w->value[0], w->error[0], "tasks that arrive, or the end of one; R^2 %.4f",
       w->r_squared);
  tell(report, "worker send", w->value[1], w->error[1], "a result");
  if (c->raylet_ns > 0) {
    static const int roles[] = {RS_COST_GCS, RS_COST_RAYLET};
    for (int i = 0; i < 2; i++)
      cost->role[roles[i]].input_ps = cost->role[roles[i]].send_ps = ps(c->raylet_ns);
    tell(report, "raylet message", c->raylet_ns, 0, "an input or a send, with a lease a task; the GCS alike");
  }
  cost->local_latency_ns = whole(c->latency_ns);
  tell(report, "local_latency", c->latency_ns, 0, "one way between driver and worker, beside what both do");
  cost->task_ns = whole(c->task_ns);
  tell(report, "task", c->task_ns, 0, "beside the duration of a function that sleeps");
  cost->worker_start_ns = whole(c->worker_start_ns);
  tell(report, "worker_start", c->worker_start_ns, 0, "a program's first task, beside a later one");
}

int rs_calibrate(const struct rs_calibrate_real *real, bool quick, struct rs_cost *cost, struct rs_text *report,
                 char *err, size_t err_size)
{
  struct rs_calibrate_socket socket;
  struct rs_calibrate_cluster cluster;
  rs_cost_defaults(cost);
  if (rs_calibrate_socket(quick ? 500 : 5000, &socket, err, err_size) != 0)
    return -1;
  alone(quick, &socket, cost, report);
  if (real) {
    if (rs_calibrate_cluster(real, quick, &cluster, err, err_size) != 0)
      return -1;
    clustered(&cluster, cost, report);
    double factor;
    if (rs_calibrate_load(cluster.loaded, RS_CALIBRATE_LOADED, cost, cluster.cores, &factor, err, err_size) != 0)
      return -1;
    rs_calibrate_scale(cost, factor);
    if (report)
      rs_text_add(report, "%-18s %12.2f    %12s  all inputs and sends cost this many times their CPU on loaded cores\n",
                  "load", factor, "");
    if (rs_calibrate_objects(real, quick, cost, report, err, err_size) != 0)
      return -1;
  }
  if (report)
    rs_text_add(report, "not measured, as by default: object, worker_stop, health_check, frame_bytes, spin_quantum%s\n",
                real ? "" : ", and all that needs a cluster");
  return 0;
}

/* ---- the command ---- */

/* The report's lines as a note in the file, so that it says where it came from. */
static int add_notes(const char *path, const char *text)
{
  char temporary[4096];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  json_t *root = json_load_file(path, 0, NULL), *lines = json_array();
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, "\n");
    json_array_append_new(lines, json_stringn(at, length));
    at += length + (at[length] == '\n');
  }
  json_object_set_new(root, "_calibration", lines);
  int failed = !root || json_dump_file(root, temporary, JSON_INDENT(2)) != 0 || rename(temporary, path) != 0;
  if (failed)
    unlink(temporary);
  json_decref(root);
  return failed;
}

int rs_cmd_calibrate(int argc, char **argv, const struct rs_calibrate_real *real)
{
  const char *path = "raysim-costs.json";
  bool quick = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
      path = argv[++i];
    } else if (strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else {
      fprintf(stderr, "raysim calibrate: %s: unknown option\nusage: raysim calibrate [--out FILE] [--quick]\n",
              argv[i]);
      return 2;
    }
  }
  struct rs_cost cost;
  struct rs_text report = {0};
  char err[1024];
  int result = 0;
  if (rs_calibrate(real, quick, &cost, &report, err, sizeof err) != 0 ||
      rs_cost_store(&cost, path, err, sizeof err) != 0) {
    fprintf(stderr, "raysim calibrate: %s\n", err);
    result = 1;
  } else if (add_notes(path, report.bytes) != 0) {
    fprintf(stderr, "raysim calibrate: %s: cannot be written\n", path);
    result = 1;
  } else {
    printf("%s%s\n", report.bytes, path);
  }
  free(report.bytes);
  return result;
}
