/* sim_commands.c -- the commands that need the simulator: run a scenario, validate, list, plot. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/real.h"
#include "core/config.h"
#include "lib/tune/sched.h"
#include "sim/experiment.h"
#include "sim/plot.h"

struct run_args {
  struct rs_experiment_opts opts;
  struct rs_scenario_override *overrides;
  uint32_t override_cap;
  const char *swarm;
  bool local;
};

void cli_no_memory(size_t bytes)
{
  rs_experiment_no_memory(bytes);
}

static void add_override(struct run_args *a, struct rs_scenario_override override)
{
  RS_GROW(a->overrides, a->opts.override_count, a->override_cap);
  a->overrides[a->opts.override_count++] = override;
  a->opts.overrides = a->overrides;
}

static int whole_number(const char *text, const char *option, long low, long high, long *out)
{
  char *end;
  errno = 0;
  *out = strtol(text, &end, 10);
  if (errno || end == text || *end || *out < low || *out > high)
    return cli_usage_error("%s \"%s\": wanted a whole number from %ld to %ld", option, text, low, high);
  return 0;
}

static int parse(int argc, char **argv, struct run_args *a)
{
  enum { SEED = 256, SET, OUT, JOBS, QUIET, REAL, LOCAL, CODEC, EAGER, FAITHFUL, CHECK, SWARM, COSTS };
  static const struct option options[] = {
      {"seed", required_argument, NULL, SEED},   {"set", required_argument, NULL, SET},
      {"out", required_argument, NULL, OUT},     {"jobs", required_argument, NULL, JOBS},
      {"quiet", no_argument, NULL, QUIET},       {"real", no_argument, NULL, REAL},
      {"local", no_argument, NULL, LOCAL},       {"codec", no_argument, NULL, CODEC},
      {"eager", no_argument, NULL, EAGER},       {"faithful", no_argument, NULL, FAITHFUL},
      {"check", no_argument, NULL, CHECK},       {"swarm", required_argument, NULL, SWARM},
      {"costs", required_argument, NULL, COSTS}, {0}};
  long number;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
    switch (c) {
    case SEED:
      if (whole_number(optarg, "--seed", 0, LONG_MAX, &number) != 0)
        return 2;
      add_override(a, (struct rs_scenario_override){"@seed", optarg, "--seed"});
      break;
    case SET: {
      struct rs_scenario_override override;
      if (!rs_scenario_override_split(optarg, &override))
        return cli_usage_error("--set \"%s\": wanted PATH=VALUE, such as cluster/nodes/@count=100", optarg);
      override.origin = "--set";
      add_override(a, override);
      break;
    }
    case OUT: a->opts.out = optarg; break;
    case JOBS:
      if (whole_number(optarg, "--jobs", 1, 1024, &number) != 0)
        return 2;
      a->opts.jobs = (uint32_t)number;
      break;
    case QUIET: a->opts.quiet = true; break;
    case REAL: a->opts.real = true; break;
    case LOCAL: a->local = true; break;
    case CODEC: a->opts.codec_forced = true; break;
    case EAGER: a->opts.eager = true; break;
    case FAITHFUL: a->opts.faithful = true; break;
    case CHECK: a->opts.sanity = true; break;
    case SWARM: a->swarm = optarg; break;
    case COSTS: a->opts.costs = optarg; break;
    case ':': return cli_usage_error("%s wants a value", argv[optind - 1]);
    default: return cli_usage_error("unknown option %s; `raysim --help` lists them", argv[optind - 1]);
    }
  }
  if (a->opts.real && a->local)
    return cli_usage_error("--real and --local exclude each other: --local simulates what --real runs");
  if (a->swarm)
    return optind == argc ? 0 : cli_usage_error("--swarm takes no scenario");
  if (optind == argc)
    return cli_usage_error("which scenario? `raysim scenarios/asha.xml`, for example");
  if (optind + 1 < argc)
    return cli_usage_error("one scenario at a time: \"%s\" is one too many", argv[optind + 1]);
  a->opts.path = argv[optind];
  a->opts.functions = cli_real_functions;
  return 0;
}

/* What is to carry out the scenario, and so what it refuses: the same for a run and for `validate`. */
static int prepare(struct run_args *a)
{
  if (a->opts.real)
    cli_real_prepare(&a->opts);
  return a->local ? cli_local_prepare(&a->opts) : 0;
}

int cli_run_scenario(int argc, char **argv)
{
  struct run_args a = {0};
  int status = parse(argc, argv, &a);
  if (status == 0 && a.swarm) {
    status = cli_swarm(a.swarm);
  } else if (status == 0) {
    status = prepare(&a);
    if (status == 0)
      status = rs_experiment(&a.opts);
  }
  free(a.overrides);
  return status;
}

static int validate(int argc, char **argv)
{
  struct run_args a = {0};
  int status = parse(argc, argv, &a);
  if (status == 0 && a.swarm)
    status = cli_usage_error("validate: --swarm has no scenario to check");
  if (status == 0)
    status = prepare(&a);
  if (status == 0)
    status = rs_experiment_validate(&a.opts);
  free(a.overrides);
  return status;
}

static void drawn(void *context, const char *path)
{
  (void)context;
  puts(path);
}

static int plot(int argc, char **argv)
{
  static const struct option options[] = {
      {"format", required_argument, NULL, 'f'}, {"out", required_argument, NULL, 'o'}, {0}};
  int format = RS_PLOT_SVG;
  const char *out = NULL;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
    if (c == 'f') {
      format = rs_plot_format_of(optarg);
      if (format < 0)
        return cli_usage_error("--format \"%s\": wanted svg, png or pdf", optarg);
    } else if (c == 'o') {
      out = optarg;
    } else {
      return cli_usage_error("plot: unknown option or missing value: %s", argv[optind - 1]);
    }
  }
  if (optind + 1 != argc)
    return cli_usage_error("plot what? `raysim plot results/asha`");
  char err[RS_RESULTS_ERR];
  int count = rs_plot(argv[optind], (enum rs_plot_format)format, out, drawn, NULL, err, sizeof err);
  if (count < 0) {
    fprintf(stderr, "raysim: %s\n", err);
    return 1;
  }
  return 0;
}

const struct cli_command cli_sim_commands[] = {
    {"validate", "[OPTIONS] SCENARIO.xml", "check a scenario, its data files and every point of its sweep", validate},
    {"plot", "[--format svg|png|pdf] [--out DIR] RESULTS", "draw the figures of a result folder", plot},
    {"compare", "[OPTIONS] SIMULATED REAL", "makespan, latencies and ranking side by side, and the null model",
     cli_compare},
    {"calibrate", "[--out FILE] [--quick]", "measure this machine's costs and write the cost file", cli_calibrate},
    {0},
};
