/* The built-in functions in real workers: replayed tasks give what lib/load/replay.h says they give, and a search with
 * raysim.logistic gives the same values in workers as in a simulation. */
#include <fcntl.h>
#include <sys/wait.h>

#include "lib/tune/train_logistic.h"
#include "lib/tune/wire.h"
#include "local.h"

/* ---- raysim.replay ---- */

static uint64_t submit_one(struct rs_uv_client *client, struct rs_task *task)
{
  uint64_t seq = rs_uv_client_take(client, 1u + task->return_count);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  task->id = (struct rs_id){rs_uv_client_self(client), seq};
  task->flags |= RS_TASK_KEEP; /* its returns, beyond its end */
  call->demand.cpu_e4 = RS_ONE_E4;
  call->tasks[0] = task;
  rs_uv_client_call(client, call);
  return seq;
}

static void compare_return(struct rs_uv_client *client, const struct rs_result *got, const struct rs_result *want,
                           uint32_t i)
{
  const struct rs_return *g = &got->returns[i], *w = &want->returns[i];
  CHECK_EQ(g->size_bytes, w->size_bytes);
  CHECK_EQ(g->inline_bytes, w->inline_bytes);
  if (w->inline_bytes > 0) {
    CHECK(memcmp(got->data + g->inline_at, want->data + w->inline_at, w->inline_bytes) == 0);
  } else if (w->size_bytes > 0) { /* in the store: the result's bytes where it is the first return, then zeros */
    uint8_t *bytes;
    size_t size;
    CHECK_EQ(local_get(client, (struct rs_id){got->task.owner, got->task.seq + 1 + i}, &bytes, &size), 0);
    CHECK_EQ(size, w->size_bytes);
    for (size_t k = 0; k < size; k++)
      CHECK_EQ(bytes[k], i == 0 && k < 5 ? (int)(k + 1) : 0);
    free(bytes);
  }
}

static void replay_returns_what_it_should(void)
{
  static const uint64_t sizes[] = {0, 3, 1000, 300000};
  static const uint8_t result[5] = {1, 2, 3, 4, 5};
  struct rs_config config;
  rs_config_defaults(&config);
  struct rs_uv_cluster *cluster = local_start(1, 2, &config);
  struct rs_uv_client *client = local_attach(cluster);
  for (uint32_t i = 0; i < 4 * 4 * 2; i++) {
    struct rs_replay replay = {.duration_ns = 100000,
                               .fails = i >= 16,
                               .return_bytes = sizes[i % 4],
                               .result = result,
                               .result_bytes = sizeof result};
    struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(sizeof result));
    task->function = rs_replay_function();
    task->return_count = (uint8_t)(i / 4 % 4);
    rs_replay_encode(&replay, task->args);
    rs_task_ref(task);
    uint64_t seq = submit_one(client, task);
    struct rs_result *got, *want;
    CHECK_EQ(rs_uv_client_wait(client, seq, 20 * RS_S, &got), 0);
    want = rs_replay_result(task, &replay, 0, (uint64_t)config.max_direct_call_object_size, got->node);
    CHECK_EQ(got->status, want->status);
    CHECK_EQ(got->return_count, want->return_count);
    CHECK(got->run_ns >= 100000);
    if (replay.fails) {
      CHECK_EQ(got->status, RS_ERR_TASK_FAILED);
      CHECK(got->data_bytes > want->data_bytes && got->data[want->data_bytes] == 0); /* uv/failure.h: more behind it */
      CHECK(memcmp(got->data, want->data, want->data_bytes) == 0);
    }
    for (uint32_t k = 0; k < want->return_count; k++)
      compare_return(client, got, want, k);
    rs_result_unref(got);
    rs_result_unref(want);
    rs_task_unref(task);
  }
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- raysim.logistic ---- */

static double no_time(void *arg)
{
  (void)arg;
  return 0;
}

static struct rs_result *train_there(struct rs_uv_client *client, const uint8_t *args, uint32_t bytes)
{
  struct rs_task *task = rs_task_new(0, bytes);
  struct rs_result *result;
  memcpy(task->args, args, bytes);
  task->function = rs_name_hash(RS_LOGISTIC_NAME);
  task->return_count = 1;
  CHECK_EQ(rs_uv_client_wait(client, submit_one(client, task), 20 * RS_S, &result), 0);
  return result;
}

static void a_worker_trains_to_the_same_bits(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  struct rs_uv_client *client = local_attach(cluster);
  struct rs_tune_value values[] = {{.number = 0.2}, {.number = 24}, {.number = 0.0001}};
  struct rs_tune_work work = {.trial = 9, .seed = 3, .values = values, .value_count = 3, .to = 7, .fresh = true};
  uint8_t args[256], *here;
  uint32_t bytes = rs_tune_work_bytes(&work), here_bytes;
  struct rs_tune_metrics a = {0}, b = {0};
  rs_tune_work_encode(&work, args);
  CHECK(!rs_logistic_train(args, bytes, no_time, NULL, &here, &here_bytes));
  CHECK(rs_tune_result_decode(here, here_bytes, &a));
  struct rs_result *there = train_there(client, args, bytes);
  CHECK_EQ(there->status, 0);
  CHECK(rs_tune_result_decode(there->data + there->returns[0].inline_at, there->returns[0].inline_bytes, &b));
  CHECK_EQ(b.count, 7);
  for (uint32_t i = 0; i < 7; i++) {
    CHECK(a.epochs[i].value == b.epochs[i].value);
    CHECK(b.epochs[i].seconds > 0 && b.epochs[i].seconds < 10); /* measured */
  }
  CHECK_EQ(a.checkpoint_bytes, b.checkpoint_bytes);
  CHECK(memcmp(a.checkpoint, b.checkpoint, a.checkpoint_bytes) == 0);
  rs_result_unref(there);
  values[1].number = 0; /* what is wrong comes back as the task's failure */
  rs_tune_work_encode(&work, args);
  there = train_there(client, args, bytes);
  CHECK_EQ(there->status, RS_ERR_TASK_FAILED);
  CHECK(there->data_bytes > 10 && memmem(there->data, there->data_bytes, "batch size", 10));
  rs_result_unref(there);
  free(here);
  free(a.epochs);
  free(b.epochs);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* ---- the whole scenario, simulated and real ---- */

static int raysim(const char *scenario, const char *mode, const char *out)
{
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, 1);
    execl(RS_BINARY_DIR "/raysim", "raysim", "--quiet", "--out", out, scenario, mode, (char *)NULL);
    _exit(127);
  }
  int status;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *slurp(const char *folder, const char *name)
{
  char path[512];
  char *text = rs_alloc_zero(1, 1 << 20);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  CHECK(file);
  CHECK(fread(text, 1, (1 << 20) - 1, file) > 0);
  fclose(file);
  return text;
}

/* The columns trial,state,rung,resource,value,best of every trial, the others (times) cut off. */
static uint32_t without_times(char *text)
{
  uint32_t lines = 0;
  char *to = text;
  for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
    for (uint32_t commas = 0; line < end; line++) {
      commas += *line == ',';
      if (commas < 6)
        *to++ = *line;
      if (line + 1 == end)
        *to++ = '\n';
    }
  *to = 0;
  return lines;
}

static void same_number(const char *a, const char *b, const char *name, uint32_t wanted)
{
  uint32_t found = 0;
  while ((a = strstr(a, name)) && (b = strstr(b, name))) {
    a += strlen(name);
    b += strlen(name);
    if (*a == '{' && *b == '{')
      continue; /* over the runs: the numbers of the runs follow */
    found++;
    double x = strtod(a, NULL), y = strtod(b, NULL);
    CHECK(x == y);
    CHECK(x > 0.1 && x < 1); /* it has learnt: ln 4 before */
  }
  CHECK_EQ(found, wanted);
}

static void a_search_is_the_same_simulated_and_real(void)
{
  if (access(RS_BINARY_DIR "/raysim", X_OK) != 0) {
    printf("skipped: there is no %s/raysim (the target `raysim`) ", RS_BINARY_DIR);
    return;
  }
  const char *scenario = RS_SOURCE_DIR "/scenarios/function.xml";
  char folder[] = "/tmp/raysim-function-XXXXXX", sim[64], real[64], command[128];
  CHECK(mkdtemp(folder));
  snprintf(sim, sizeof sim, "%s/sim", folder);
  snprintf(real, sizeof real, "%s/real", folder);
  int status = raysim(scenario, "--jobs=1", sim);
  if (status == 2) {
    printf("skipped: this raysim cannot simulate ");
  } else {
    CHECK_EQ(status, 0);
    CHECK_EQ(raysim(scenario, "--real", real), 0);
    static const char *const runs[] = {"runs/fifo-1/trials.csv", "runs/sha-1/trials.csv"};
    for (uint32_t i = 0; i < 2; i++) {
      char *a = slurp(sim, runs[i]), *b = slurp(real, runs[i]);
      CHECK_EQ(without_times(a), 65);
      CHECK_EQ(without_times(b), 65);
      CHECK_STR(a, b);
      free(a);
      free(b);
    }
    char *a = slurp(sim, "summary.json"), *b = slurp(real, "summary.json");
    same_number(a, b, "\"best_value\": ", 2); /* of each run */
    free(a);
    free(b);
  }
  snprintf(command, sizeof command, "rm -r %s", folder);
  CHECK_EQ(system(command), 0);
}

/* ---- faults of a scenario on a local cluster ---- */

static const char FAULTS[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<scenario name=\"faults\" seed=\"1\">\n"
    "  <cluster><nodes name=\"a\" count=\"1\" cpus=\"1\"/><nodes name=\"b\" count=\"2\" cpus=\"2\"/></cluster>\n"
    "  <tasks count=\"150\" duration=\"50 ms\" max_retries=\"%d\"/>\n"
    "  <faults>\n"
    "    <node_down at=\"400 ms\" type=\"b\" count=\"2\" down_time=\"300 ms\"/>\n"
    "    <worker_kill at=\"1.1 s\" count=\"1\"/>\n"
    "  </faults>\n"
    "</scenario>\n";

static long number_in(const char *text, const char *name)
{
  for (const char *at = text; (at = strstr(at, name));) {
    at += strlen(name);
    if (*at != '{')
      return strtol(at, NULL, 10);
  }
  return -1;
}

static void nodes_go_and_others_come(void)
{
  char folder[] = "/tmp/raysim-faults-XXXXXX", scenario[64], out[64], command[128];
  if (access(RS_BINARY_DIR "/raysim", X_OK) != 0) {
    printf("skipped: there is no %s/raysim (the target `raysim`) ", RS_BINARY_DIR);
    return;
  }
  CHECK(mkdtemp(folder));
  snprintf(scenario, sizeof scenario, "%s/faults.xml", folder);
  for (int retries = 0; retries <= 3; retries += 3) {
    FILE *file = fopen(scenario, "we");
    CHECK(file);
    fprintf(file, FAULTS, retries);
    CHECK_EQ(fclose(file), 0);
    snprintf(out, sizeof out, "%s/%d", folder, retries);
    int status = raysim(scenario, "--real", out);
    if (status == 2) {
      printf("skipped: this raysim cannot run scenarios ");
      break;
    }
    CHECK_EQ(status, 0);
    char *text = slurp(out, "summary.json");
    long lost = number_in(text, "\"tasks_failed\": ");
    CHECK_EQ(number_in(text, "\"node_downs\": "), 2);
    CHECK_EQ(number_in(text, "\"nodes_max\": "), 3);
    CHECK_EQ(number_in(text, "\"tasks_ok\": ") + lost, 150);
    CHECK(retries ? lost == 0 : lost >= 4 && lost <= 60); /* what ran on four CPUs and waited in their workers */
    CHECK(number_in(text, "\"makespan_s\": ") < 4);       /* on the node that was left it would take 6 s */
    free(text);
  }
  snprintf(command, sizeof command, "rm -r %s", folder);
  CHECK_EQ(system(command), 0);
}

const struct rs_test rs_tests[] = {
    {"function: replay returns what it should", replay_returns_what_it_should},
    {"function: a worker trains to the same bits", a_worker_trains_to_the_same_bits},
    {"function: a search is the same simulated and real", a_search_is_the_same_simulated_and_real},
    {"function: nodes go and others come", nodes_go_and_others_come},
    {0},
};
