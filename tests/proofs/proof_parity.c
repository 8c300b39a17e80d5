/* proof_parity.c -- parity: a recorded real run, simulated from what came from outside, takes the same decisions.
 *
 * proof_run makes the run (processes, sockets, spillback, objects, a node killed with SIGKILL); sim/parity.h simulates
 * it with the simulator's driver. Each simulation is a process of its own. RAYSIM_PROOF_RUN=FOLDER takes recordings
 * that are there instead of making new ones.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "core/config.h"
#include "sim/parity.h"

enum { TASKS = 6000, FILES_MAX = 512, TRIES = 12 };

static struct {
  char folder[128], *paths[FILES_MAX];
  uint32_t count;
  bool ours;
  struct rs_parity *run;
} proof;

static int compare_paths(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void a_real_run(void)
{
  const char *given = getenv("RAYSIM_PROOF_RUN");
  char text[512], err[512];
  if (given) {
    snprintf(proof.folder, sizeof proof.folder, "%s", given);
  } else {
    snprintf(proof.folder, sizeof proof.folder, "/tmp/raysim-proof-XXXXXX");
    CHECK(mkdtemp(proof.folder) != NULL);
    proof.ours = true;
    fflush(stdout);
    snprintf(text, sizeof text, "%s/tests/proof_run %s %d", RS_BINARY_DIR, proof.folder, TASKS);
    CHECK_EQ(system(text), 0);
  }
  DIR *dir = opendir(proof.folder);
  CHECK(dir != NULL);
  for (struct dirent *entry; (entry = readdir(dir));) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 4, ".rec") != 0)
      continue;
    CHECK(proof.count < FILES_MAX);
    snprintf(text, sizeof text, "%s/%s", proof.folder, entry->d_name);
    proof.paths[proof.count++] = strdup(text);
  }
  closedir(dir);
  qsort(proof.paths, proof.count, sizeof *proof.paths, compare_paths);
  proof.run = rs_parity_load((const char *const *)proof.paths, proof.count, err, sizeof err);
  if (!proof.run)
    printf("%s\n", err);
  CHECK(proof.run != NULL);
  const struct rs_parity_result *r = rs_parity_recorded(proof.run);
  printf("%" PRIu64 " endpoints, %" PRIu64 " inputs in %.1f s: %" PRIu64 " messages, %" PRIu64 " task ends, %" PRIu64
         " copies, %" PRIu64 " alarms, %" PRIu64 " calls ",
         r->endpoints, r->inputs, (double)(r->last_ns - r->first_ns) / 1e9, r->messages, r->tasks, r->copies, r->timers,
         r->calls);
  CHECK(r->traces[RS_TRACE_TASK_STARTED] >= 5000);
  CHECK(r->traces[RS_TRACE_LEASE_SPILLED] > 0 && r->traces[RS_TRACE_TASK_RETRIED] > 0 && r->copies > 0);
}

/* Simulates in a process of its own; `plant` may change the tables there. False where it found nothing to plant. */
static bool simulate(const struct rs_parity_opts *opts, bool (*plant)(struct rs_parity *, uint32_t, char *, size_t),
                     uint32_t skip, struct rs_parity_result *out)
{
  int ends[2], status = 0;
  CHECK(proof.run != NULL);
  CHECK(pipe(ends) == 0);
  fflush(stdout);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    char what[256] = "";
    close(ends[0]);
    if (plant && !plant(proof.run, skip, what, sizeof what))
      _exit(7);
    if (plant)
      printf("%s ", what);
    rs_parity_simulate(proof.run, opts, out);
    fflush(stdout);
    _exit(write(ends[1], out, sizeof *out) == (ssize_t)sizeof *out ? 0 : 1);
  }
  close(ends[1]);
  size_t got = 0;
  for (ssize_t n; got < sizeof *out && (n = read(ends[0], (char *)out + got, sizeof *out - got)) > 0;)
    got += (size_t)n;
  close(ends[0]);
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
  if (WEXITSTATUS(status) == 7)
    return false;
  CHECK_EQ(WEXITSTATUS(status), 0);
  CHECK_EQ(got, sizeof *out);
  return true;
}

static void print_result(const struct rs_parity_result *r)
{
  const struct rs_parity_result *real = rs_parity_recorded(proof.run);
  printf("%" PRIu64 " of %" PRIu64 " endpoints decide the same, %" PRIu64 " do all the same; %" PRIu64 " of %" PRIu64
         " inputs, %" PRIu64 " not produced, %" PRIu64 " unrecorded, %" PRIu64 " with other content, %" PRIu64
         " copies of nothing, %" PRIu64 " ends unheard, %" PRIu64 " ties; %" PRIu64 " perform the same; %" PRIu64
         " of %" PRIu64 " decisions, hash %016" PRIx64 " of %016" PRIx64 " ",
         r->same_decisions, real->endpoints, r->same_effects, r->inputs, real->inputs, r->unproduced, r->unrecorded,
         r->other_content, r->other_copies, r->unheard, r->ties, r->same_performed, r->decisions, real->decisions,
         r->hash, real->hash);
  if (r->first_other)
    printf("(first at node %u endpoint %u, decision %" PRIu64 ") ", rs_addr_node(r->first_other),
           rs_addr_ep(r->first_other), r->first_other_at);
}

static void check_same(const struct rs_parity_result *r)
{
  const struct rs_parity_result *real = rs_parity_recorded(proof.run);
  print_result(r);
  CHECK_EQ(r->unproduced, 0);
  CHECK_EQ(r->unrecorded, 0);
  CHECK_EQ(r->other_content, 0);
  CHECK_EQ(r->other_copies, 0);
  CHECK_EQ(r->inputs, real->inputs);
  CHECK_EQ(r->effects, real->effects);
  CHECK_EQ(r->same_effects, real->endpoints);
  CHECK_EQ(r->same_performed, real->endpoints);
  CHECK_EQ(r->decisions, real->decisions);
  CHECK_EQ(r->same_decisions, real->endpoints);
  CHECK(r->hash == real->hash);
}

static void same_decisions(void)
{
  struct rs_parity_opts opts = {0};
  struct rs_parity_result r;
  simulate(&opts, NULL, 0, &r);
  check_same(&r);
  for (unsigned i = 0; i < RS_TRACE_KINDS; i++)
    CHECK_EQ(r.traces[i], rs_parity_recorded(proof.run)->traces[i]);
  printf("(");
  for (unsigned i = 0; i < RS_TRACE_KINDS; i++)
    if (rs_trace_is_decision(i) && r.traces[i])
      printf("%s %" PRIu64 " ", rs_trace_name(i), r.traces[i]);
  printf(") ");
}

/* Each node's clock an hour apart from the next one's: no decision may hang on an absolute time. */
static void other_clocks(void)
{
  struct rs_parity_opts opts = {.origin_ns = 3600 * RS_S};
  struct rs_parity_result r;
  simulate(&opts, NULL, 0, &r);
  check_same(&r);
}

/* ---- planted differences ---- */

static void another_policy(void)
{
  struct rs_parity_opts opts = {.policy = rs_place_policy_by_name("spread")};
  struct rs_parity_result r;
  simulate(&opts, NULL, 0, &r);
  print_result(&r);
  CHECK(r.hash != rs_parity_recorded(proof.run)->hash);
  CHECK(r.same_decisions < rs_parity_recorded(proof.run)->endpoints);
}

static void shorter_leases(struct rs_config *config)
{
  config->worker_lease_timeout_milliseconds = 5;
}

static void another_setting(void)
{
  struct rs_parity_opts opts = {.change_config = shorter_leases};
  struct rs_parity_result r;
  simulate(&opts, NULL, 0, &r);
  print_result(&r);
  CHECK(r.hash != rs_parity_recorded(proof.run)->hash);
}

static void reordered_requests(void)
{
  struct rs_parity_opts opts = {0};
  struct rs_parity_result r = {0};
  unsigned found = 0, planted = 0;
  for (uint32_t i = 0; i < TRIES && !found; i++) {
    if (!simulate(&opts, rs_parity_plant_swap, i, &r))
      break;
    planted++;
    found += r.hash != rs_parity_recorded(proof.run)->hash;
  }
  printf("(seen at place %u) ", planted);
  print_result(&r);
  CHECK(found > 0);
}

/* What the simulation does not send is not delivered: the request is gone, and so is all that came of it. Each loss is
 * seen in the inputs; in the decisions only where the request was granted before its owner had no more use for it. */
static void a_lost_request(void)
{
  struct rs_parity_opts opts = {0};
  struct rs_parity_result r = {0};
  unsigned found = 0, planted = 0;
  for (uint32_t i = 0; i < TRIES && !found; i++) {
    if (!simulate(&opts, rs_parity_plant_loss, i, &r))
      break;
    planted++;
    CHECK(r.unproduced > 0);
    CHECK(r.same_effects < rs_parity_recorded(proof.run)->endpoints);
    found += r.hash != rs_parity_recorded(proof.run)->hash;
  }
  printf("(decided otherwise at place %u) ", planted);
  print_result(&r);
  CHECK(found > 0);
}

/* The core gives the right effects; the driver performs two that follow each other in the other order. */
static void swapped_sends(void)
{
  static const uint32_t places[] = {1, 2, 3, 50, 500};
  struct rs_parity_result r;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    struct rs_parity_opts opts = {.swap = places[i]};
    simulate(&opts, NULL, 0, &r);
    CHECK(r.swapped);
    CHECK(r.same_performed < rs_parity_recorded(proof.run)->endpoints);
  }
  print_result(&r);
}

static void swapped_decisions(void)
{
  static const uint32_t places[] = {1, 2, 3, 5, 8};
  struct rs_parity_result r;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    struct rs_parity_opts opts = {.swap = places[i], .swap_decisions = true};
    simulate(&opts, NULL, 0, &r);
    CHECK(r.swapped);
    CHECK(r.hash != rs_parity_recorded(proof.run)->hash);
    CHECK(r.same_decisions < rs_parity_recorded(proof.run)->endpoints);
  }
  print_result(&r);
}

static void clean_up(void)
{
  char text[512];
  rs_parity_free(proof.run);
  for (uint32_t i = 0; i < proof.count; i++)
    free(proof.paths[i]);
  if (!proof.ours)
    return;
  snprintf(text, sizeof text, "rm -r %s", proof.folder);
  CHECK_EQ(system(text), 0);
}

const struct rs_test rs_tests[] = {
    {"parity: a real run", a_real_run},
    {"parity: the simulation decides the same", same_decisions},
    {"parity: whatever the nodes' clocks say", other_clocks},
    {"parity: another policy is seen", another_policy},
    {"parity: another setting is seen", another_setting},
    {"parity: two lease requests in the other order are seen", reordered_requests},
    {"parity: a lost lease request is seen", a_lost_request},
    {"parity: two sends that the driver performs in the other order are seen", swapped_sends},
    {"parity: two decisions that the driver performs in the other order are seen", swapped_decisions},
    {"parity: clean up", clean_up},
    {0},
};
