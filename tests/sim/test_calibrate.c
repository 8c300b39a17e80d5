/* Calibration: the fit recovers planted costs and their errors; the measurements that need no cluster give what can be;
 * a cluster that fails is an error; the file that is written can be read. */
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/time.h"
#include "check.h"
#include "sim/calibrate.h"
#include "sim/calibrate_int.h"
#include "sim/driver_tasks.h"

static char err[512];

/* Uniform noise of 10 %: each coefficient within four standard errors, and the errors neither 0 nor wild. */
static void fit_recovers_planted_costs(void)
{
  enum { ROWS = 60 };
  double x[3 * ROWS], y[ROWS];
  struct rs_rng rng;
  rs_rng_seed(&rng, 11);
  for (int r = 0; r < ROWS; r++) {
    x[3 * r] = 1 + (double)rs_rng_below(&rng, 1000);
    x[3 * r + 1] = (double)rs_rng_below(&rng, 5000);
    x[3 * r + 2] = (double)rs_rng_below(&rng, 100000);
    y[r] = (2000 * x[3 * r] + 300 * x[3 * r + 1] + 0.5 * x[3 * r + 2]) * (0.9 + 0.2 * rs_rng_unit(&rng));
  }
  struct rs_fit fit;
  CHECK(rs_fit_costs(x, y, ROWS, 3, &fit));
  static const double planted[] = {2000, 300, 0.5};
  for (int k = 0; k < 3; k++) {
    CHECK(!fit.dropped[k] && fit.error[k] > 0 && fit.error[k] < planted[k]);
    CHECK_NEAR(fit.value[k], planted[k], 4 * fit.error[k]);
  }
  CHECK(fit.r_squared > 0.98 && fit.r_squared < 1);
}

static void fit_without_noise_is_exact(void)
{
  const double x[] = {1, 64, 1, 256, 1, 1024}, y[] = {1000 + 64 * 2., 1000 + 256 * 2., 1000 + 1024 * 2.};
  struct rs_fit fit;
  CHECK(rs_fit_costs(x, y, 3, 2, &fit));
  CHECK_NEAR(fit.value[0], 1000, 1e-6);
  CHECK_NEAR(fit.value[1], 2, 1e-9);
  CHECK_NEAR(fit.r_squared, 1, 1e-12);
}

/* y falls with the second column: that cost cannot be, the first one takes all. */
static void fit_drops_what_is_negative(void)
{
  const double x[] = {10, 1, 10, 2, 10, 3, 10, 4}, y[] = {104, 103, 102, 101};
  struct rs_fit fit;
  CHECK(rs_fit_costs(x, y, 4, 2, &fit));
  CHECK(fit.dropped[1] && fit.value[1] <= 0 && fit.error[1] <= 0);
  CHECK_NEAR(fit.value[0], 10.25, 0.01);
  const double empty[] = {1, 0, 2, 0, 3, 0}, z[] = {5, 10, 15};
  CHECK(rs_fit_costs(empty, z, 3, 2, &fit) && fit.dropped[1]);
  CHECK_NEAR(fit.value[0], 5, 1e-9);
}

static void fit_refuses_what_it_cannot(void)
{
  const double x[] = {1, 2, 3, 4}, y[] = {1, 0}, none[] = {0, 0};
  struct rs_fit fit;
  CHECK(!rs_fit_costs(x, y, 2, 2, &fit));                         /* a time of 0 */
  CHECK(!rs_fit_costs(x, y, 1, 2, &fit));                         /* fewer rows than columns */
  CHECK(!rs_fit_costs(none, (const double[]){1, 1}, 2, 1, &fit)); /* nothing to fit */
}

static void medians(void)
{
  double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
  CHECK_NEAR(rs_calibrate_median(odd, 3), 2, 0);
  CHECK_NEAR(rs_calibrate_median(even, 4), 2.5, 0);
  CHECK_NEAR(rs_calibrate_median(even, 0), 0, 0);
}

/* What no machine is beyond: a send and a receive take 0.1 us to 1 ms, an alarm is at most 20 ms late. */
static void without_a_cluster(void)
{
  struct rs_cost cost;
  struct rs_text report = {0};
  CHECK_EQ(rs_calibrate(NULL, true, &cost, &report, err, sizeof err), 0);
  CHECK(cost.role[RS_COST_DRIVER].input_ps > 50000 && cost.role[RS_COST_DRIVER].input_ps < 500000000);
  CHECK(cost.role[RS_COST_GCS].node_ps > 0 && cost.role[RS_COST_GCS].node_ps < 100000000);
  CHECK(cost.timer_late_ns < 20 * RS_MS && cost.timer_step_ns == RS_MS);
  CHECK(cost.local_bytes_per_s > 1000000);
  CHECK(strstr(report.bytes, "all that needs a cluster"));
  free(report.bytes);
}

/* ---- a made-up cluster ---- */

/* The driver program burns CPU time for each message; no process stands behind it. */
enum { INPUT_NS = 4000, SEND_NS = 10000 };
struct fake {
  int64_t depth;
  uint32_t cpus;
};
static int started, stopped;

static void burn(uint64_t ns)
{
  for (uint64_t end = rs_calibrate_thread_cpu_ns() + ns; rs_calibrate_thread_cpu_ns() < end;)
    ;
}

static int fake_start(const struct rs_config *config, uint32_t cpus, void **cluster, int *pid, char *error, size_t size)
{
  (void)error, (void)size;
  struct fake *fake = rs_alloc_zero(1, sizeof *fake);
  fake->depth = config->max_tasks_in_flight_per_worker;
  fake->cpus = cpus;
  *cluster = fake;
  *pid = (int)getpid(); /* nothing runs below it: the workers' CPU cannot be known */
  started++;
  return 0;
}

/* Every task that is submitted ends at once, one after the other. */
static int fake_run(void *cluster, struct rs_app *app, struct rs_calibrate_traffic *traffic, char *error, size_t size)
{
  (void)error, (void)size;
  const struct fake *fake = cluster;
  struct rs_calls calls = {0};
  uint64_t now = 0, tasks = 0;
  app->ops->on_start(app, now, rs_addr_make(0, 1, RS_EP_DRIVER), &calls);
  for (uint32_t c = 0; c < calls.count; c++) { /* replies add more */
    const struct rs_call *call = calls.items[c];
    for (uint32_t i = 0; i < call->task_count; i++) {
      struct rs_result result = {.run_ns = RS_US};
      struct rs_reply reply = {.kind = RS_REPLY_TASK, .status = RS_ERR_OK, .id = call->tasks[i]->id, .result = &result};
      tasks++;
      now += RS_MS;
      burn(INPUT_NS);
      app->ops->on_reply(app, now, &reply, &calls);
    }
  }
  rs_calls_free(&calls);
  uint64_t messages = tasks / (uint64_t)(fake->depth < 8 ? fake->depth : 8) + 1;
  *traffic = (struct rs_calibrate_traffic){
      .inputs = tasks + 1, .messages_in = tasks, .messages_out = messages, .bytes_in = 1, .bytes_out = 1};
  burn(messages * SEND_NS);
  return app->ops->done(app) ? 0 : -1;
}

static void fake_stop(void *cluster)
{
  free(cluster);
  stopped++;
}

static int bad_run(void *cluster, struct rs_app *app, struct rs_calibrate_traffic *traffic, char *error, size_t size)
{
  (void)cluster, (void)app, (void)traffic;
  snprintf(error, size, "it went away");
  return -1;
}

/* Without any CPU time of workers there is nothing to fit, and that is said; every cluster that was started is stopped.
 */
static void a_cluster_without_workers_is_an_error(void)
{
  const struct rs_calibrate_real real = {fake_start, fake_run, fake_stop, NULL};
  struct rs_calibrate_cluster out;
  CHECK_EQ(rs_calibrate_cluster(&real, true, &out, err, sizeof err), -1);
  CHECK(strstr(err, "no CPU times"));
  CHECK(started > 0 && started == stopped);
}

static void a_cluster_that_fails_is_an_error(void)
{
  const struct rs_calibrate_real real = {fake_start, bad_run, fake_stop, NULL};
  struct rs_calibrate_cluster out;
  started = stopped = 0;
  CHECK_EQ(rs_calibrate_cluster(&real, true, &out, err, sizeof err), -1);
  CHECK_STR(err, "it went away");
  CHECK_EQ(started, 1);
  CHECK_EQ(stopped, 1);
}

/* A node that costs 1.5 times what is known of it, simulated too: the factor is found again. */
static void the_load_factor_is_found(void)
{
  enum { WORKERS = 16, COUNT = 500 };
  struct rs_cost known, real;
  rs_cost_defaults(&known);
  for (int r = 0; r < RS_COST_ROLES; r++) {
    known.role[r].input_ps = 12000000;
    known.role[r].send_ps = 6000000;
  }
  real = known;
  rs_calibrate_scale(&real, 1.5);
  CHECK_EQ(real.role[RS_COST_WORKER].input_ps, 18000000);
  struct rs_calibrate_loaded loaded[2];
  for (int i = 0; i < 2; i++) {
    loaded[i] = (struct rs_calibrate_loaded){
        .workers = WORKERS, .count = COUNT, .duration_ns = (200 + 100 * (uint64_t)i) * RS_US};
    rs_config_defaults(&loaded[i].config);
    loaded[i].span_ns = rs_calibrate_simulate(&loaded[i], &real, 2);
    CHECK(loaded[i].span_ns > COUNT * loaded[i].duration_ns / WORKERS);
  }
  double factor = 0;
  CHECK_EQ(rs_calibrate_load(loaded, 2, &known, 2, &factor, err, sizeof err), 0);
  CHECK_NEAR(factor, 1.5, 0.05);
}

/* The file that the command writes is one that the simulator reads, with the same figures. */
static void the_file_can_be_read(void)
{
  char path[] = "/tmp/rs-costs-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  char *argv[] = {(char *)(uintptr_t) "calibrate", (char *)(uintptr_t) "--quick", (char *)(uintptr_t) "--out", path,
                  NULL};
  CHECK_EQ(rs_cmd_calibrate(4, argv, NULL), 0);
  struct rs_cost cost, defaults;
  rs_cost_defaults(&defaults);
  CHECK_EQ(rs_cost_load(&cost, path, err, sizeof err), 0);
  CHECK(cost.role[RS_COST_WORKER].input_ps != defaults.role[RS_COST_WORKER].input_ps);
  CHECK(cost.frame_bytes == defaults.frame_bytes);
  FILE *file = fopen(path, "r");
  char text[8192];
  size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[size] = 0;
  if (file)
    fclose(file);
  CHECK(strstr(text, "_calibration") && strstr(text, "timer_late"));
  CHECK_EQ(unlink(path), 0);
  argv[1] = (char *)(uintptr_t) "--fast";
  CHECK_EQ(rs_cmd_calibrate(2, argv, NULL), 2);
}

const struct rs_test rs_tests[] = {{"the fit recovers planted costs", fit_recovers_planted_costs},
                                   {"the fit without noise is exact", fit_without_noise_is_exact},
                                   {"the fit drops what is negative", fit_drops_what_is_negative},
                                   {"the fit refuses what it cannot do", fit_refuses_what_it_cannot},
                                   {"medians", medians},
                                   {"without a cluster", without_a_cluster},
                                   {"a cluster without workers is an error", a_cluster_without_workers_is_an_error},
                                   {"a cluster that fails is an error", a_cluster_that_fails_is_an_error},
                                   {"the load factor is found", the_load_factor_is_found},
                                   {"the file can be read", the_file_can_be_read},
                                   {0}};
