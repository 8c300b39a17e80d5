/* calibrate_local.c -- what needs no cluster: a socket between two processes, timers, placement decisions. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "policy/policy.h"
#include "sim/calibrate_int.h"

static uint64_t read_clock(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * RS_S + (uint64_t)t.tv_nsec;
}

uint64_t rs_calibrate_clock_ns(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

uint64_t rs_calibrate_thread_cpu_ns(void)
{
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

double rs_calibrate_median(double *values, uint32_t count)
{
  if (count == 0)
    return 0;
  qsort(values, count, sizeof *values, by_value);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- the socket ---- */

enum { PIECE = 1 << 16 };

/* Waits as the driver's loop does, then reads until all is there. */
static bool receive(int fd, char *buffer, size_t bytes)
{
  for (size_t got = 0; got < bytes;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, 10000) <= 0)
      return false;
    ssize_t n = recv(fd, buffer + got, bytes - got, 0);
    if (n <= 0)
      return false;
    got += (size_t)n;
  }
  return true;
}

static bool transmit(int fd, const char *buffer, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    ssize_t n = send(fd, buffer + done, bytes - done, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    done += (size_t)n;
  }
  return true;
}

/* The other process: for each size `rounds` echoes, then its CPU time of them; at the end it swallows `bulk` pieces. */
static const uint32_t sizes[] = {64, 256, 1024, 4096, 16384, 65536};
enum { SIZES = sizeof sizes / sizeof *sizes };

static _Noreturn void echo(int fd, uint32_t rounds, uint32_t bulk)
{
  char *buffer = rs_alloc(PIECE);
  bool good = true;
  for (int s = 0; s < SIZES && good; s++) {
    uint64_t before = rs_calibrate_thread_cpu_ns();
    for (uint32_t i = 0; i < rounds && good; i++)
      good = receive(fd, buffer, sizes[s]) && transmit(fd, buffer, sizes[s]);
    uint64_t cpu_ns = rs_calibrate_thread_cpu_ns() - before;
    good = good && transmit(fd, (const char *)&cpu_ns, sizeof cpu_ns);
  }
  for (uint32_t i = 0; i < bulk && good; i++)
    good = receive(fd, buffer, PIECE);
  transmit(fd, "", 1);
  _exit(good ? 0 : 1);
}

/* One size: CPU of both ends for a message, and the median round trip. */
static bool round_trips(int fd, uint32_t rounds, uint32_t bytes, double *cpu_ns, double *trip_ns)
{
  char *buffer = rs_alloc_zero(1, PIECE);
  double *trips = rs_alloc_zero(rounds, sizeof *trips);
  uint64_t before = rs_calibrate_thread_cpu_ns(), other_ns;
  bool good = true;
  for (uint32_t i = 0; i < rounds && good; i++) {
    uint64_t begin = rs_calibrate_clock_ns();
    good = transmit(fd, buffer, bytes) && receive(fd, buffer, bytes);
    trips[i] = (double)(rs_calibrate_clock_ns() - begin);
  }
  uint64_t own_ns = rs_calibrate_thread_cpu_ns() - before;
  good = good && receive(fd, (char *)&other_ns, sizeof other_ns);
  if (good) {
    *cpu_ns = (double)(own_ns + other_ns) / (2. * rounds);
    *trip_ns = rs_calibrate_median(trips, rounds);
  }
  free(trips);
  free(buffer);
  return good;
}

int rs_calibrate_socket(uint32_t rounds, struct rs_calibrate_socket *out, char *err, size_t err_size)
{
  enum { BULK = 2000 };
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
    snprintf(err, err_size, "no socket: %s", strerror(errno));
    return -1;
  }
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    close(pair[0]);
    echo(pair[1], rounds, BULK);
  }
  close(pair[1]);
  double x[SIZES * 2], y[SIZES], trip_ns = 0;
  bool good = child > 0;
  for (int s = 0; s < SIZES && good; s++) {
    double trip;
    good = round_trips(pair[0], rounds, sizes[s], &y[s], &trip);
    x[2 * s] = 1;
    x[2 * s + 1] = sizes[s];
    trip_ns = s == 0 ? trip : trip_ns;
  }
  char *buffer = rs_alloc_zero(1, PIECE);
  uint64_t begin = rs_calibrate_clock_ns();
  for (uint32_t i = 0; i < BULK && good; i++)
    good = transmit(pair[0], buffer, PIECE);
  good = good && receive(pair[0], buffer, 1);
  out->bytes_per_s = (double)PIECE * BULK * 1e9 / (double)(rs_calibrate_clock_ns() - begin);
  free(buffer);
  close(pair[0]);
  if (child > 0)
    waitpid(child, NULL, 0);
  struct rs_fit fit;
  if (!good || !rs_fit_costs(x, y, SIZES, 2, &fit)) {
    snprintf(err, err_size, "the socket between two processes failed");
    return -1;
  }
  out->cpu_ns = fit.value[0];
  out->cpu_error_ns = fit.error[0];
  out->byte_ns = fit.value[1];
  out->byte_error_ns = fit.error[1];
  out->one_way_ns = trip_ns / 2;
  return 0;
}

/* ---- timers ---- */

/* The driver's loop rounds an alarm up to whole milliseconds and waits in the kernel: lateness beyond that. */
double rs_calibrate_timer_late_ns(uint32_t rounds)
{
  double *late = rs_alloc_zero(rounds, sizeof *late);
  for (uint32_t i = 0; i < rounds; i++) {
    int ms = 1 + (int)(i % 5);
    uint64_t begin = rs_calibrate_clock_ns();
    poll(NULL, 0, ms);
    double passed = (double)(rs_calibrate_clock_ns() - begin) - ms * 1e6;
    late[i] = passed > 0 ? passed : 0;
  }
  double median = rs_calibrate_median(late, rounds);
  free(late);
  return median;
}

/* ---- decisions ---- */

/* The policies on clusters of which most nodes are full; all of a decision's time is put on the nodes that it examines
 * (one at least). The median over policies and sizes. */
double rs_calibrate_node_ns(uint32_t rounds)
{
  static const char *const names[] = {"hybrid", "spread", "pack", "random"};
  static const uint32_t counts[] = {16, 256, 4096};
  enum { NAMES = 4, COUNTS = 3 };
  double each_ns[NAMES * COUNTS];
  uint32_t rows = 0;
  struct rs_node_info *info = rs_node_info_new(&(struct rs_res){.cpu_e4 = 4 * RS_ONE_E4});
  struct rs_demand demand = {.cpu_e4 = RS_ONE_E4};
  struct rs_place_request request = {.demand = &demand};
  struct rs_place_opts opts = {.local = RS_NODE_NONE,
                               .spread_threshold_e4 = 5000,
                               .top_k_fraction_e4 = 2000,
                               .top_k_absolute = 1,
                               .avoid_gpu_nodes = true};
  for (int p = 0; p < NAMES; p++)
    for (int c = 0; c < COUNTS; c++) {
      const struct rs_place_policy *policy = rs_place_policy_by_name(names[p]);
      struct rs_view *view = rs_view_new();
      struct rs_view_node entry = {.info = info, .state = RS_NODE_ALIVE, .left = info->total};
      for (rs_node_id node = 0; node < counts[c]; node++) {
        entry.left.cpu_e4 = node % 8 ? 0 : 4 * RS_ONE_E4;
        rs_view_set(&view, node, &entry);
      }
      struct rs_rng rng;
      rs_rng_seed(&rng, 1);
      void *state = policy->create(view, &opts);
      struct rs_choice choice;
      uint64_t examined = 0;
      policy->pick(state, view, &request, &rng, &choice, &examined); /* builds the index */
      examined = 0;
      uint64_t begin = rs_calibrate_thread_cpu_ns();
      for (uint32_t i = 0; i < rounds; i++) { /* with the changes that a decision and the end of a task bring */
        entry.left.cpu_e4 = i % 2 ? 4 * RS_ONE_E4 : 0;
        rs_view_set(&view, i % counts[c], &entry);
        policy->node_changed(state, view, i % counts[c]);
        policy->pick(state, view, &request, &rng, &choice, &examined);
      }
      double nodes = (double)(examined > rounds ? examined : rounds);
      each_ns[rows++] = (double)(rs_calibrate_thread_cpu_ns() - begin) / nodes;
      policy->destroy(state);
      rs_view_unref(view);
    }
  rs_node_info_unref(info);
  return rs_calibrate_median(each_ns, rows);
}
