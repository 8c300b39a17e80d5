/* The figures, from results that look like real ones: four tuning schedulers on 10 and on 10,000 nodes, and an
 * autoscaled cluster under bursts of tasks. RS_PLOT_KEEP=DIR keeps results and figures for looking at them. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/time.h"
#include "check.h"
#include "sim/plot.h"
#include "sim/results.h"
#include "sim/results_out.h"

static char err[RS_RESULTS_ERR];

/* ---- Made-up runs ---- */

enum { RUNGS = 4, EPOCHS_R = 64 };
enum kind { FIFO, SHA, HYPERBAND, ASHA, KINDS };
static const char *const kind_names[] = {"fifo", "sha", "hyperband", "asha"};
static const char *const rung_names[] = {"rung 0 (1 epoch)", "rung 1 (4 epochs)", "rung 2 (16 epochs)",
                                         "rung 3 (64 epochs)"};

struct worker {
  uint64_t free_ns;
  uint32_t node, trial;
  int rung; /* the next one of its trial; 0 = a new trial */
};

struct demo {
  struct rs_results *results;
  struct rs_rng rng;
  double *quality; /* of each trial, in [0, 1): lower is better */
  uint32_t trials, cap;
  uint64_t end_ns, task;
};

static double normal(struct rs_rng *rng)
{
  double sum = -6;
  for (int i = 0; i < 12; i++)
    sum += rs_rng_unit(rng);
  return sum;
}

static void demo_trial(struct demo *demo, uint64_t now, uint32_t trial, int kind, int rung, double epochs)
{
  double quality = demo->quality[trial];
  double value = 0.04 + 1.2 * quality * quality + (2.2 - quality) * pow(epochs + 1, -0.9 - 0.5 * (1 - quality));
  struct rs_trial_event event = {.now_ns = now,
                                 .trial = trial,
                                 .kind = (uint8_t)kind,
                                 .rung = (uint8_t)rung,
                                 .resource = epochs,
                                 .value = value + 0.004 * fabs(normal(&demo->rng))};
  rs_results_trial(demo->results, &event);
}

/* One job: trains `trial` from rung - 1 to the end of `rung`; returns when it ends. Cut at the budget. */
static uint64_t demo_job(struct demo *demo, uint64_t now, uint32_t node, uint32_t trial, int rung, bool fresh)
{
  static const double epochs[] = {1, 4, 16, EPOCHS_R};
  double work = epochs[rung] - (fresh || rung == 0 ? 0 : epochs[rung - 1]);
  uint64_t length = (uint64_t)(work * 2e9 * (1 + 0.4 * fabs(normal(&demo->rng))));
  uint64_t wait = (uint64_t)(2e5 * exp(1.2 * normal(&demo->rng))), start = now + wait, end = start + length;
  bool cut = end >= demo->end_ns;
  if (start >= demo->end_ns)
    return demo->end_ns;
  struct rs_task_row row = {.task = demo->task++,
                            .submit_ns = now,
                            .ready_ns = now,
                            .start_ns = start,
                            .end_ns = cut ? demo->end_ns : end,
                            .job = RS_JOB_NONE,
                            .node = node,
                            .cpu_e4 = 10000,
                            .tag = (uint8_t)rung,
                            .outcome = cut                                  ? RS_TASK_CUT
                                       : rs_rng_below(&demo->rng, 300) == 0 ? RS_TASK_FAILED
                                                                            : RS_TASK_OK};
  rs_results_task(demo->results, &row);
  demo_trial(demo, start, trial, fresh ? RS_TRIAL_START : RS_TRIAL_RESUME, rung, 0);
  if (!cut)
    demo_trial(demo, end, trial, RS_TRIAL_REPORT, 0, epochs[rung]);
  if (!cut)
    demo_trial(demo, end, trial, rung == RUNGS - 1 ? RS_TRIAL_COMPLETE : RS_TRIAL_PAUSE, 0, 0);
  return cut ? demo->end_ns : end;
}

static uint32_t new_trial(struct demo *demo)
{
  RS_GROW(demo->quality, demo->trials, demo->cap);
  demo->quality[demo->trials] = rs_rng_unit(&demo->rng);
  return demo->trials++;
}

/* Asynchronous: a worker goes on at once, with a promotion when its trial is among the best quarter. */
static void demo_async(struct demo *demo, uint32_t nodes, bool promotes)
{
  for (uint32_t node = 0; node < nodes; node++) {
    uint64_t now = 0;
    while (now < demo->end_ns) {
      uint32_t trial = new_trial(demo);
      double share = 1;
      int rung = promotes ? 0 : RUNGS - 1;
      now = demo_job(demo, now, node, trial, rung, true);
      while (promotes && now < demo->end_ns && ++rung < RUNGS && demo->quality[trial] < (share /= 4))
        now = demo_job(demo, now, node, trial, rung, false);
    }
  }
}

/* Synchronous: a rung begins when the one before has ended everywhere. */
static void demo_sync(struct demo *demo, uint32_t nodes, int first_rung, int brackets)
{
  uint64_t now = 0;
  while (now < demo->end_ns) {
    uint32_t first = demo->trials;
    for (uint32_t i = 0; i < nodes; i++)
      new_trial(demo);
    double share = 1;
    for (int rung = first_rung; rung < RUNGS && now < demo->end_ns; rung++, share /= 4) {
      uint64_t last = now;
      uint32_t used = 0;
      for (uint32_t i = 0; i < nodes; i++)
        if (demo->quality[first + i] < share) {
          uint64_t end = demo_job(demo, now, used++ % nodes, first + i, rung, rung == first_rung);
          last = end > last ? end : last;
        }
      now = last;
    }
    first_rung = brackets > 1 ? (first_rung + 1) % brackets : first_rung;
  }
}

static struct rs_folder *begin(const char *base, const char *name)
{
  char *dir = rs_out_path(base, name);
  struct rs_folder_opts opts = {.out_dir = dir, .scenario_name = name, .version = "0.1.0"};
  struct rs_folder *folder = rs_folder_begin(&opts, err, sizeof err);
  if (!folder)
    printf("\n    %s\n", err);
  CHECK(folder != NULL);
  free(dir);
  return folder;
}

static char *tune_result(const char *base, const char *name, uint32_t nodes, uint32_t seeds)
{
  struct rs_folder *folder = begin(base, name);
  for (int kind = 0; kind < KINDS; kind++)
    for (uint64_t seed = 1; seed <= seeds; seed++) {
      struct demo demo = {.end_ns = 600 * RS_S};
      struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                     .case_name = kind_names[kind],
                                     .case_index = (uint32_t)kind,
                                     .seed = seed,
                                     .node_count = nodes,
                                     .timeline = seed == 1,
                                     .metric = "validation loss",
                                     .tag_names = rung_names,
                                     .tag_count = RUNGS};
      demo.results = rs_results_open(&opts, err, sizeof err);
      CHECK(demo.results != NULL);
      rs_rng_seed(&demo.rng, rs_rng_derive(seed, (uint64_t)kind));
      for (uint32_t node = 0; node < nodes; node++)
        rs_results_node_up(demo.results, 0, node, 10000, 0);
      if (kind == FIFO || kind == ASHA)
        demo_async(&demo, nodes, kind == ASHA);
      else
        demo_sync(&demo, nodes, 0, kind == HYPERBAND ? 3 : 1);
      rs_results_count(demo.results, "decisions", demo.task);
      rs_results_count(demo.results, "messages", 6 * demo.task);
      rs_results_count(demo.results, "events", 9 * demo.task);
      CHECK_EQ(rs_results_finish(demo.results, demo.end_ns, 0, err, sizeof err), 0);
      free(demo.quality);
    }
  CHECK_EQ(rs_folder_commit(folder, false, 12.5, err, sizeof err), 0);
  return rs_out_path(base, name);
}

/* Bursts of tasks; nodes of 4 CPUs come 40 s after they are asked for and go when idle; some nodes die. */
static char *burst_result(const char *base, const char *name, uint32_t nodes_max)
{
  static const char *const names[] = {"hybrid", "spread 'quoted` $(x)\\ name"};
  struct rs_folder *folder = begin(base, name);
  for (uint32_t which = 0; which < 2; which++)
    for (uint64_t seed = 1; seed <= 3; seed++) {
      struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                     .case_name = names[which],
                                     .case_index = which,
                                     .seed = seed,
                                     .node_count = nodes_max,
                                     .autoscaled = true};
      struct rs_results *results = rs_results_open(&opts, err, sizeof err);
      CHECK(results != NULL);
      struct rs_rng rng;
      rs_rng_seed(&rng, seed + 10 * which);
      uint64_t *free_at = rs_alloc_zero((size_t)nodes_max * 4, sizeof *free_at), end = 0, task = 0;
      for (uint32_t node = 0; node < nodes_max; node++) {
        uint64_t up = node < 2 ? 0 : (30 + 40 * (uint64_t)node / 8 + rs_rng_below(&rng, 20)) * RS_S;
        rs_results_node_up(results, up, node, 40000, 0);
        for (uint32_t slot = 0; slot < 4; slot++)
          free_at[node * 4 + slot] = up;
      }
      for (int burst = 0; burst < 3; burst++)
        for (uint32_t i = 0; i < 60 * nodes_max; i++) {
          uint64_t ready = (uint64_t)burst * 300 * RS_S + rs_rng_below(&rng, 30 * RS_S), slot = 0;
          for (uint64_t s = 1; s < 4 * (uint64_t)nodes_max; s++)
            if (free_at[s] < free_at[slot])
              slot = s;
          uint64_t start =
              (free_at[slot] > ready ? free_at[slot] : ready) + 300000 + rs_rng_below(&rng, RS_MS << which);
          uint64_t length = 3 * RS_S + rs_rng_below(&rng, 9 * RS_S);
          bool failed = rs_rng_below(&rng, 200) == 0;
          struct rs_task_row row = {.task = task++,
                                    .submit_ns = ready,
                                    .ready_ns = ready,
                                    .start_ns = start,
                                    .end_ns = start + length,
                                    .job = (uint32_t)burst,
                                    .node = (uint32_t)(slot / 4),
                                    .cpu_e4 = 10000,
                                    .outcome = failed ? RS_TASK_FAILED : RS_TASK_OK};
          rs_results_task(results, &row);
          free_at[slot] = row.end_ns;
          end = row.end_ns > end ? row.end_ns : end;
        }
      for (uint32_t node = 0; node < nodes_max; node++) {
        uint64_t last = 0;
        for (uint32_t slot = 0; slot < 4; slot++)
          last = free_at[node * 4 + slot] > last ? free_at[node * 4 + slot] : last;
        rs_results_node_down(results, last + rs_rng_below(&rng, end - last + 1), node, 40000, 0);
      }
      rs_results_gauge(results, RS_GAUGE_NODES_WANTED, 0, 2);
      for (uint32_t t = 1; t < 30; t++)
        rs_results_gauge(results, RS_GAUGE_NODES_WANTED, t * 10 * RS_S, t < 4 ? 2 + t * nodes_max / 4 : nodes_max);
      CHECK_EQ(rs_results_finish(results, end, 0, err, sizeof err), 0);
      free(free_at);
    }
  CHECK_EQ(rs_folder_commit(folder, false, 12.5, err, sizeof err), 0);
  return rs_out_path(base, name);
}

/* ---- Tests ---- */

static char *make_base(void)
{
  const char *keep = getenv("RS_PLOT_KEEP"), *tmp = getenv("TMPDIR");
  char path[256];
  if (keep) {
    CHECK_EQ(rs_out_mkdirs(keep, err, sizeof err), 0);
    return rs_memdup(keep, strlen(keep) + 1);
  }
  snprintf(path, sizeof path, "%s/rs-plot-XXXXXX", tmp ? tmp : "/tmp");
  CHECK(mkdtemp(path) != NULL);
  return rs_memdup(path, strlen(path) + 1);
}

static void drop_base(char *base)
{
  if (!getenv("RS_PLOT_KEEP"))
    CHECK_EQ(rs_out_remove_tree(base), 0);
  free(base);
}

struct seen {
  int count;
  char names[32][64];
};

static void on_drawn(void *context, const char *path)
{
  struct seen *seen = context;
  CHECK(seen->count < 32);
  snprintf(seen->names[seen->count++], 64, "%s", strrchr(path, '/') + 1);
}

static bool saw(const struct seen *seen, const char *name)
{
  for (int i = 0; i < seen->count; i++)
    if (strcmp(seen->names[i], name) == 0)
      return true;
  printf("\n    %s was not drawn\n", name);
  return false;
}

/* How the file begins, and that it is more than a frame. */
static void check_file(const char *dir, const char *name, const char *magic, long least)
{
  char *path = rs_out_path(dir, name), head[16] = "";
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  CHECK(fread(head, 1, strlen(magic), file) == strlen(magic));
  CHECK_STR(head, magic);
  fseek(file, 0, SEEK_END);
  CHECK(ftell(file) > least);
  fclose(file);
  free(path);
}

static bool have_gnuplot(void)
{
  if (system("gnuplot --version >/dev/null 2>&1") == 0)
    return true;
  printf("(gnuplot is not here: the figures are not drawn) ");
  return false;
}

static void draw(const char *dir, enum rs_plot_format format, struct seen *seen, int wanted)
{
  seen->count = 0;
  int count = rs_plot(dir, format, NULL, on_drawn, seen, err, sizeof err);
  if (count < 0)
    printf("\n    %s\n", err);
  CHECK_EQ(count, wanted);
  CHECK_EQ(seen->count, wanted);
}

static void tuning_on_ten_nodes(void)
{
  struct seen seen;
  char *base = make_base(), *dir = tune_result(base, "ten", 10, 5), *plots = rs_out_path(dir, "plots");
  if (have_gnuplot()) {
    draw(dir, RS_PLOT_SVG, &seen, 8);
    CHECK(saw(&seen, "best.svg") && saw(&seen, "rungs.svg") && saw(&seen, "gantt-asha.svg") && saw(&seen, "load.svg"));
    check_file(plots, "best.svg", "<?xml", 4000);
    check_file(plots, "gantt-asha.svg", "<?xml", 10000);
    draw(dir, RS_PLOT_PNG, &seen, 8);
    check_file(plots, "best.png", "\x89PNG", 4000);
    draw(dir, RS_PLOT_PDF, &seen, 8);
    check_file(plots, "rungs.pdf", "%PDF", 4000);
  }
  free(plots);
  free(dir);
  drop_base(base);
}

static void tuning_on_ten_thousand_nodes(void)
{
  struct seen seen;
  char *base = make_base(), *dir = tune_result(base, "many", 10000, getenv("RS_PLOT_KEEP") ? 3 : 1);
  char *plots = rs_out_path(dir, "plots");
  if (have_gnuplot()) {
    draw(dir, RS_PLOT_PNG, &seen, 8);
    check_file(plots, "gantt-sha.png", "\x89PNG", 4000);
    draw(dir, RS_PLOT_SVG, &seen, 8);
  }
  free(plots);
  free(dir);
  drop_base(base);
}

static void an_autoscaled_cluster(void)
{
  struct seen seen;
  char *base = make_base(), *dir = burst_result(base, "burst", 12);
  if (have_gnuplot()) {
    draw(dir, RS_PLOT_PNG, &seen, 6);
    CHECK(saw(&seen, "nodes-hybrid.png") && saw(&seen, "gantt-spread__quoted____x___name.png"));
    draw(dir, RS_PLOT_SVG, &seen, 6);
  }
  free(dir);
  drop_base(base);
}

/* Nine cases (three policies, three loads) on 200 nodes of which some go down; the long legend goes to the right. */
static void a_sweep_with_failures(void)
{
  enum { NODES = 200 };
  static const char *const policies[] = {"hybrid", "spread", "random"}, *const loads[] = {"0.5", "0.75", "0.95"};
  struct seen seen;
  char *base = make_base();
  struct rs_folder *folder = begin(base, "sweep");
  for (uint32_t which = 0; which < 9; which++)
    for (uint64_t seed = 1; seed <= 3; seed++) {
      char name[64];
      snprintf(name, sizeof name, "policy=%s load=%s", policies[which / 3], loads[which % 3]);
      struct rs_param params[] = {{"policy", policies[which / 3]}, {"load", loads[which % 3]}};
      struct rs_results_opts opts = {.folder = rs_folder_path(folder),
                                     .case_name = name,
                                     .case_index = which,
                                     .params = params,
                                     .param_count = 2,
                                     .seed = seed,
                                     .node_count = NODES};
      struct rs_results *results = rs_results_open(&opts, err, sizeof err);
      CHECK(results != NULL);
      struct rs_rng rng;
      rs_rng_seed(&rng, seed + 10 * which);
      double load = atof(loads[which % 3]);
      uint64_t end = 120 * RS_S, task = 0;
      for (uint32_t node = 0; node < NODES; node++) {
        uint64_t now = 0, down = node % 10 < 3 ? 40 * RS_S + rs_rng_below(&rng, 20 * RS_S) : end;
        rs_results_node_up(results, 0, node, 10000, 0);
        while (now < down) {
          uint64_t length = RS_S + rs_rng_below(&rng, 2 * RS_S);
          now += (uint64_t)(2e9 * (1 / load - 1) * 2 * rs_rng_unit(&rng));
          uint64_t wait = (uint64_t)((1 + which / 3) * 1e6 / (1 - load) * rs_rng_unit(&rng));
          uint64_t stop = now + length < down ? now + length : down;
          if (now >= down)
            break;
          struct rs_task_row row = {.task = task++,
                                    .submit_ns = now > wait ? now - wait : 0,
                                    .ready_ns = now > wait ? now - wait : 0,
                                    .start_ns = now,
                                    .end_ns = stop,
                                    .job = RS_JOB_NONE,
                                    .node = node,
                                    .cpu_e4 = 10000,
                                    .outcome = stop < now + length ? RS_TASK_FAILED : RS_TASK_OK};
          rs_results_task(results, &row);
          now = stop;
        }
        if (down < end) {
          rs_results_node_down(results, down, node, 10000, 0);
          if (node % 10 < 2)
            rs_results_node_up(results, down + 30 * RS_S, node, 10000, 0);
        }
      }
      CHECK_EQ(rs_results_finish(results, end, 0, err, sizeof err), 0);
    }
  CHECK_EQ(rs_folder_commit(folder, false, 1, err, sizeof err), 0);
  char *dir = rs_out_path(base, "sweep");
  if (have_gnuplot()) {
    draw(dir, RS_PLOT_PNG, &seen, 12);
    CHECK(saw(&seen, "sweep.png"));
  }
  free(dir);
  drop_base(base);
}

/* Names that would be commands in a shell or in gnuplot, and folders whose names need quoting. */
static void names_are_never_commands(void)
{
  struct seen seen = {0};
  char *base = make_base();
  char *odd = rs_out_path(base, "a 'b\" `touch hacked` $(touch hacked); | c");
  char *dir = burst_result(odd, "x`touch hacked`'.system('touch hacked').'", 3);
  if (have_gnuplot())
    CHECK(rs_plot(dir, RS_PLOT_SVG, NULL, on_drawn, &seen, err, sizeof err) > 0);
  CHECK(access("hacked", F_OK) != 0);
  free(dir);
  free(odd);
  drop_base(base);
}

static void what_cannot_be_drawn_is_said(void)
{
  char *base = make_base(), *dir = burst_result(base, "said", 3),
       *path = rs_memdup(getenv("PATH"), strlen(getenv("PATH")) + 1);
  CHECK(rs_plot(base, RS_PLOT_SVG, NULL, NULL, NULL, err, sizeof err) == -1 && strstr(err, "not a raysim result"));
  CHECK(rs_plot(dir, RS_PLOT_SVG, "/dev/null/x", NULL, NULL, err, sizeof err) == -1 && strstr(err, "/dev/null"));
  setenv("PATH", base, 1);
  CHECK(rs_plot(dir, RS_PLOT_SVG, NULL, NULL, NULL, err, sizeof err) == -1 && strstr(err, "gnuplot is not on PATH"));
  char *fake = rs_out_path(base, "gnuplot");
  FILE *file = fopen(fake, "w");
  fputs("#!/bin/sh\necho 'line 3: no such terminal' >&2\nexit 1\n", file);
  fclose(file);
  chmod(fake, 0755);
  CHECK(rs_plot(dir, RS_PLOT_SVG, NULL, NULL, NULL, err, sizeof err) == -1 && strstr(err, "no such terminal"));
  setenv("PATH", path, 1);
  unlink(fake);
  CHECK_EQ(rs_plot_format_of("png"), RS_PLOT_PNG);
  CHECK_EQ(rs_plot_format_of("gif"), -1);
  free(fake);
  free(path);
  free(dir);
  drop_base(base);
}

const struct rs_test rs_tests[] = {
    {"plot: four schedulers on 10 nodes, in three formats", tuning_on_ten_nodes},
    {"plot: four schedulers on 10,000 nodes", tuning_on_ten_thousand_nodes},
    {"plot: an autoscaled cluster under bursts", an_autoscaled_cluster},
    {"plot: a sweep with failures", a_sweep_with_failures},
    {"plot: names are never commands", names_are_never_commands},
    {"plot: what cannot be drawn is said in one line", what_cannot_be_drawn_is_said},
    {0},
};
