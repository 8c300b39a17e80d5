#include "sim/experiment.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sim/memory.h"
#include "sim/scenario_config.h"
#include "sim/trial.h"

#ifndef RS_VERSION
#define RS_VERSION "0"
#endif

/* One case: a point of the sweep with one scheduler. */
struct point_case {
  const struct rs_scenario *scenario;
  const char *scheduler;
  char name[128];
  struct rs_param *params;
  uint32_t param_count;
};

struct job {
  const struct point_case *of;
  uint32_t case_index;
  uint64_t repetition;
  pid_t pid;
  int err_fd;
  bool started, ended;
};

struct plan {
  const struct rs_experiment_opts *opts;
  struct rs_scenario *base;
  struct rs_scenario **points;
  uint64_t point_count;
  struct point_case *cases;
  uint32_t case_count;
  struct job *jobs;
  uint32_t job_count;
  struct rs_scenario_registry registry;
  struct rs_scenario_names names;
};

static volatile sig_atomic_t interrupted;

/* In the process of a run: which it is, and where its parent listens. */
static struct {
  const char *file, *name;
  unsigned long long seed;
  int fd;
} run_of = {.fd = -1};

static void on_signal(int number)
{
  (void)number;
  interrupted = 1;
}

/* ---- reading and checking ---- */

static struct rs_scenario *load(const struct plan *p, const struct rs_scenario_override *more, size_t more_count,
                                char *err, size_t err_size)
{
  const struct rs_experiment_opts *o = p->opts;
  struct rs_scenario_override *all = rs_alloc((o->override_count + more_count) * sizeof *all);
  if (o->override_count)
    memcpy(all, o->overrides, o->override_count * sizeof *all);
  if (more_count)
    memcpy(all + o->override_count, more, more_count * sizeof *all);
  const struct rs_scenario_options options = {
      .real = o->real, .overrides = all, .override_count = o->override_count + more_count, .names = &p->names};
  struct rs_scenario *scenario = rs_scenario_load(o->path, &options, err, err_size);
  free(all);
  if (scenario && !rs_scenario_check_schedulers(scenario, err, err_size)) {
    rs_scenario_free(scenario);
    return NULL;
  }
  return scenario;
}

/* Makes what would only fail in the middle fail now: curves and their epochs, traces, the policy's library, costs. */
static int rehearse(const struct rs_scenario *scenario, const char *costs, char *err, size_t err_size)
{
  if (!rs_run_policy(scenario, err, err_size) || rs_memory_check(scenario, err, err_size) != 0)
    return -1;
  struct rs_run_cluster cluster;
  if (rs_run_cluster_make(scenario, 1, &cluster, err, err_size) != 0)
    return -1;
  rs_run_cluster_free(&cluster);
  struct rs_cost cost;
  rs_cost_defaults(&cost);
  if (scenario->cluster.costs && rs_cost_load(&cost, scenario->cluster.costs, err, err_size) != 0)
    return -1;
  if (costs && rs_cost_load(&cost, costs, err, err_size) != 0)
    return -1;
  struct rs_config config;
  rs_scenario_config(scenario, scenario->seed, &config);
  const struct rs_apps_opts opts = {
      .scenario = scenario, .config = &config, .seed = scenario->seed, .time_scale = 1, .node_count = 1};
  struct rs_apps *apps = rs_apps_new(&opts, err, err_size);
  rs_apps_free(apps);
  return apps ? 0 : -1;
}

static int load_points(struct plan *p, char *err, size_t err_size)
{
  rs_scenario_registry_names(&p->registry, p->opts->functions, &p->names);
  p->base = load(p, NULL, 0, err, err_size);
  if (!p->base)
    return -1;
  p->point_count = rs_scenario_points(p->base);
  p->points = rs_alloc_zero(p->point_count, sizeof *p->points);
  for (uint64_t i = 0; i < p->point_count; i++) {
    struct rs_scenario_override *at = rs_alloc_zero(p->base->sweep_count, sizeof *at);
    rs_scenario_point(p->base, i, at);
    p->points[i] = load(p, at, p->base->sweep_count, err, err_size);
    free(at);
    if (!p->points[i] || rehearse(p->points[i], p->opts->costs, err, err_size) != 0)
      return -1;
    if (p->opts->check && p->opts->check(p->points[i], err, err_size) != 0)
      return -1;
  }
  return 0;
}

/* Schedulers multiply the cases where there is exactly one search; several searches each use their first. */
static const struct rs_scenario_tune *only_search(const struct rs_scenario *scenario)
{
  const struct rs_scenario_tune *found = NULL;
  for (uint32_t i = 0; i < scenario->workload_count; i++) {
    if (scenario->workloads[i].kind != RS_WORKLOAD_TUNE)
      continue;
    if (found)
      return NULL;
    found = &scenario->workloads[i].tune;
  }
  return found;
}

static void add_case(struct plan *p, uint64_t point, const char *scheduler, bool name_it)
{
  const struct rs_scenario *base = p->base;
  p->cases = rs_realloc(p->cases, p->case_count + 1, sizeof *p->cases);
  struct point_case *c = &p->cases[p->case_count++];
  *c = (struct point_case){.scenario = p->points[point], .scheduler = scheduler};
  c->params = rs_alloc_zero(base->sweep_count + 1, sizeof *c->params);
  struct rs_scenario_override *at = rs_alloc_zero(base->sweep_count, sizeof *at);
  rs_scenario_point(base, point, at);
  size_t length = 0;
  if (scheduler && name_it) {
    c->params[c->param_count++] = (struct rs_param){"scheduler", scheduler};
    length = (size_t)snprintf(c->name, sizeof c->name, "%s", scheduler);
  }
  for (uint32_t i = 0; i < base->sweep_count; i++) {
    c->params[c->param_count++] = (struct rs_param){base->sweeps[i].label, at[i].value};
    bool bare = base->sweep_count == 1 && length == 0 && strcmp(base->sweeps[i].label, "placement") == 0;
    if (length < sizeof c->name)
      length += (size_t)snprintf(c->name + length, sizeof c->name - length, "%s%s%s%s", length ? " " : "",
                                 bare ? "" : base->sweeps[i].label, bare ? "" : "=", at[i].value);
  }
  if (length == 0)
    snprintf(c->name, sizeof c->name, "%s", scheduler ? scheduler : base->name);
  free(at);
}

static void make_plan(struct plan *p)
{
  for (uint64_t point = 0; point < p->point_count; point++) {
    const struct rs_scenario_tune *search = only_search(p->points[point]);
    for (uint32_t k = 0; k < (search ? search->scheduler_count : 1); k++)
      add_case(p, point, search ? search->schedulers[k] : NULL,
               search && (search->scheduler_count > 1 || !p->base->sweep_count));
  }
  uint64_t total = 0;
  for (uint32_t c = 0; c < p->case_count; c++)
    total += p->cases[c].scenario->repetitions;
  p->jobs = rs_alloc_zero(total, sizeof *p->jobs);
  for (uint64_t repetition = 0; p->job_count < total; repetition++) /* first seeds of all cases first */
    for (uint32_t c = 0; c < p->case_count; c++)
      if (repetition < p->cases[c].scenario->repetitions)
        p->jobs[p->job_count++] =
            (struct job){.of = &p->cases[c], .case_index = c, .repetition = repetition, .err_fd = -1};
}

static void free_plan(struct plan *p)
{
  for (uint32_t c = 0; c < p->case_count; c++)
    free(p->cases[c].params);
  for (uint64_t i = 0; p->points && i < p->point_count; i++)
    rs_scenario_free(p->points[i]);
  rs_scenario_free(p->base);
  free(p->points);
  free(p->cases);
  free(p->jobs);
}

/* ---- running ---- */

static void child(const struct plan *p, uint32_t index, const char *folder, struct rs_progress *progress, int err_fd)
{
  const struct job *job = &p->jobs[index];
  const struct rs_experiment_opts *o = p->opts;
  struct rs_run run = {.scenario = job->of->scenario,
                       .scheduler = job->of->scheduler,
                       .seed = job->of->scenario->seed + job->repetition,
                       .case_name = job->of->name,
                       .case_index = job->case_index,
                       .params = job->of->params,
                       .param_count = job->of->param_count,
                       .folder = folder,
                       .timeline = job->repetition == 0,
                       .codec_forced = o->codec_forced,
                       .eager = o->eager,
                       .faithful = o->faithful,
                       .sanity = o->sanity,
                       .costs = o->costs,
                       .local = o->local,
                       .cores = o->cores ? o->cores : (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
                       .progress = progress,
                       .progress_slot = index};
  run_of.file = o->path;
  run_of.name = job->of->name;
  run_of.seed = run.seed;
  run_of.fd = err_fd;
  char err[RS_SCENARIO_ERROR_BYTES] = "";
  enum rs_run_end end = (o->execute ? o->execute : rs_run_simulate)(&run, err, sizeof err);
  size_t size = strlen(err);
  if (size && write(err_fd, err, size) < 0)
    _exit(RS_EXIT_FAILED);
  _exit(end == RS_RUN_FAILED ? RS_EXIT_FAILED : end == RS_RUN_INTERRUPTED ? RS_EXIT_INTERRUPTED : RS_EXIT_OK);
}

static int start_job(struct plan *p, uint32_t index, const char *folder, struct rs_progress *progress)
{
  int fds[2];
  struct job *job = &p->jobs[index];
  if (pipe(fds) != 0)
    return -1;
  fflush(NULL);
  pid_t parent = getpid();
  job->pid = fork();
  if (job->pid == 0) {
    close(fds[0]);
    setpgid(0, 0); /* the terminal's Ctrl-C comes to the parent alone, which passes it on once */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
      _exit(RS_EXIT_FAILED);
    child(p, index, folder, progress, fds[1]);
  }
  close(fds[1]);
  if (job->pid < 0) {
    close(fds[0]);
    return -1;
  }
  job->err_fd = fds[0];
  job->started = true;
  return 0;
}

/* Collects one ended child. Returns its exit status, or -1 when none has ended. */
static int collect(struct plan *p, struct rs_progress *progress, char *err, size_t err_size)
{
  int status;
  pid_t pid = waitpid(-1, &status, WNOHANG);
  if (pid <= 0)
    return -1;
  for (uint32_t i = 0; i < p->job_count; i++) {
    struct job *job = &p->jobs[i];
    if (job->pid != pid || !job->started || job->ended)
      continue;
    job->ended = true;
    rs_progress_run_end(progress, i);
    char text[RS_SCENARIO_ERROR_BYTES];
    ssize_t got = read(job->err_fd, text, sizeof text - 1);
    text[got > 0 ? got : 0] = 0;
    close(job->err_fd);
    if (WIFEXITED(status) && WEXITSTATUS(status) != RS_EXIT_FAILED)
      return WEXITSTATUS(status);
    if (WIFSIGNALED(status))
      snprintf(err, err_size, "%s: the run %s, seed %llu, died of signal %d (%s)%s", p->opts->path, job->of->name,
               (unsigned long long)(job->of->scenario->seed + job->repetition), WTERMSIG(status),
               strsignal(WTERMSIG(status)),
               WTERMSIG(status) == SIGKILL ? "; the system does that when its memory is used up" : "");
    else
      snprintf(err, err_size, "%s", text[0] ? text : "a run failed without saying why");
    return RS_EXIT_FAILED;
  }
  return -1;
}

static void signal_all(const struct plan *p, int number)
{
  for (uint32_t i = 0; i < p->job_count; i++)
    if (p->jobs[i].started && !p->jobs[i].ended)
      kill(p->jobs[i].pid, number);
}

static int run_all(struct plan *p, const char *folder, struct rs_progress *progress, uint32_t *finished, char *err,
                   size_t err_size)
{
  uint32_t next = 0, running = 0;
  uint32_t most = p->opts->jobs ? p->opts->jobs : (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
  bool told = false;
  int worst = RS_EXIT_OK;
  while (running || (next < p->job_count && !interrupted && worst != RS_EXIT_FAILED)) {
    while (running < most && next < p->job_count && !interrupted && worst != RS_EXIT_FAILED) {
      if (start_job(p, next, folder, progress) != 0) {
        snprintf(err, err_size, "cannot start a process: %s", strerror(errno));
        worst = RS_EXIT_FAILED;
        break;
      }
      next++;
      running++;
    }
    if ((interrupted || worst == RS_EXIT_FAILED) && !told) {
      told = true;
      signal_all(p, worst == RS_EXIT_FAILED ? SIGKILL : SIGINT);
    }
    char why[RS_SCENARIO_ERROR_BYTES];
    int status = collect(p, progress, why, sizeof why);
    if (status < 0) {
      rs_progress_draw(progress);
      poll(NULL, 0, 20);
      continue;
    }
    running--;
    if (status == RS_EXIT_FAILED) {
      if (worst != RS_EXIT_FAILED)
        snprintf(err, err_size, "%s", why);
      worst = RS_EXIT_FAILED;
    } else {
      ++*finished;
      worst = worst == RS_EXIT_OK ? status : worst;
    }
  }
  return interrupted && worst == RS_EXIT_OK ? RS_EXIT_INTERRUPTED : worst;
}

void rs_experiment_no_memory(size_t bytes)
{
  char text[RS_SCENARIO_ERROR_BYTES];
  bool child = run_of.fd >= 0;
  int n = child ? snprintf(text, sizeof text, "%s: the run %s, seed %llu: ", run_of.file, run_of.name, run_of.seed)
                : snprintf(text, sizeof text, "raysim: ");
  size_t used = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  n = snprintf(text + used, sizeof text - used,
               "out of memory: %zu more bytes are not there; make the scenario smaller, "
               "or take fewer --jobs%s",
               bytes, child ? "" : "\n");
  used += n < 0 ? 0 : (size_t)n < sizeof text - used ? (size_t)n : sizeof text - used - 1;
  if (write(child ? run_of.fd : 2, text, used) < 0) { /* nobody is there to be told */
  }
}

static int complain(const char *err, int status)
{
  fprintf(stderr, "raysim: %s\n", err);
  return status;
}

static int run_plan(struct plan *p)
{
  const struct rs_experiment_opts *o = p->opts;
  char err[RS_SCENARIO_ERROR_BYTES], own[512];
  snprintf(own, sizeof own, "%s%s", p->base->outputs.directory, o->suffix ? o->suffix : "");
  const char *out = o->out ? o->out : own;
  const struct rs_folder_opts folder_opts = {.out_dir = out,
                                             .scenario_name = p->base->name,
                                             .scenario_xml = p->base->xml,
                                             .scenario_size_bytes = p->base->xml_bytes,
                                             .version = RS_VERSION,
                                             .real = o->execute != NULL};
  struct rs_folder *folder = rs_folder_begin(&folder_opts, err, sizeof err);
  if (!folder)
    return complain(err, RS_EXIT_USAGE);
  struct sigaction act = {.sa_handler = on_signal}, old_int, old_term;
  sigaction(SIGINT, &act, &old_int);
  sigaction(SIGTERM, &act, &old_term);
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  struct rs_progress *progress = rs_progress_open(p->base->name, p->job_count, o->quiet);
  uint32_t finished = 0;
  int status = run_all(p, rs_folder_path(folder), progress, &finished, err, sizeof err);
  rs_progress_close(progress);
  clock_gettime(CLOCK_MONOTONIC, &end);
  sigaction(SIGINT, &old_int, NULL);
  sigaction(SIGTERM, &old_term, NULL);
  if (status == RS_EXIT_FAILED || finished == 0) {
    rs_folder_abort(folder);
    return complain(status == RS_EXIT_FAILED ? err : "interrupted before any run had a result; nothing was written",
                    status);
  }
  double wall_s = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
  if (rs_folder_commit(folder, status == RS_EXIT_INTERRUPTED, wall_s, err, sizeof err) != 0)
    return complain(err, RS_EXIT_FAILED);
  char *table = rs_results_table(out, o->quiet, err, sizeof err);
  if (!table)
    return complain(err, RS_EXIT_FAILED);
  fputs(table, stdout);
  free(table);
  if (!o->quiet)
    printf("%s in %s\n", status == RS_EXIT_INTERRUPTED ? "interrupted: partial results" : "results", out);
  if (fflush(stdout) != 0)
    return complain("cannot write to standard output", RS_EXIT_FAILED);
  return status;
}

int rs_experiment(const struct rs_experiment_opts *opts)
{
  struct plan p = {.opts = opts};
  char err[RS_SCENARIO_ERROR_BYTES];
  int status;
  if (load_points(&p, err, sizeof err) != 0) {
    status = complain(err, RS_EXIT_USAGE);
  } else {
    make_plan(&p);
    status = run_plan(&p);
  }
  free_plan(&p);
  return status;
}

int rs_experiment_validate(const struct rs_experiment_opts *opts)
{
  struct plan p = {.opts = opts};
  char err[RS_SCENARIO_ERROR_BYTES];
  int status = RS_EXIT_OK;
  if (load_points(&p, err, sizeof err) != 0) {
    status = complain(err, RS_EXIT_USAGE);
  } else {
    make_plan(&p);
    if (!opts->quiet)
      printf("%s: valid; %u case%s, %u run%s\n", opts->path, p.case_count, p.case_count == 1 ? "" : "s", p.job_count,
             p.job_count == 1 ? "" : "s");
  }
  free_plan(&p);
  return status;
}
