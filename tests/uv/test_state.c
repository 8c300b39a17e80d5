/* What is said about a running cluster: lists, summaries, explanations, memory and the timeline, as a user asks. */
#include "api/raysim.h"
#include "cli/start.h"
#include "run_state.h"
#include "uv/output.h"

static void nodes_jobs_and_workers(void)
{
  struct raysim *ray = begin("3", "2");
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session), 0);
  CHECK_EQ(count_of("ALIVE"), 3);
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session, "--format", "json", "--filter", "node=1"), 0);
  CHECK(says("\"total\": 1") && says("\"cpus\": 2, \"cpus_left\": 2"));
  CHECK_EQ(RUN(rs_cmd_list, "jobs", "--session", session, "--format=json"), 0);
  CHECK(says("\"number\": 1") && says("\"state\": \"RUNNING\"") && says("\"name\": \"test_state\""));
  int three = 3;
  raysim_ref ref = raysim_submit(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(three), RAYSIM_VALUE(three)), NULL);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, 10000, &value), 0);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "workers", "0:w16"));
  CHECK_EQ(RUN(rs_cmd_list, "workers", "--session", session, "--format=json"), 0);
  unsigned long long pid = 0, rss = 0;
  const char *row = strstr(output, "\"pid\": ");
  CHECK(row && sscanf(row, "\"pid\": %llu, \"rss\": %llu", &pid, &rss) == 2);
  CHECK(pid > 1 && rss > 100000 && rss < 100000000);
  /* what was wrong is said */
  CHECK_EQ(RUN(rs_cmd_list, "--session", session), 2);
  CHECK_EQ(RUN(rs_cmd_list, "flowers", "--session", session), 2);
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session, "--filter", "colour=red"), 2);
  CHECK(says("there is no such column"));
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session, "--filter", "state=SLEEPY"), 2);
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session, "--limit", "10001"), 2);
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", "/nonexistent"), 1);
  raysim_shutdown(ray);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "jobs", "SUCCEEDED"));
  CHECK_EQ(RUN(rs_cmd_stop, "--session", session), 0);
}

static void tasks_and_why_they_wait(void)
{
  struct raysim *ray = begin("2", "1");
  int ms = 4000;
  raysim_ref refs[6];
  struct raysim_task_options greedy = {.demand = {.num_cpus = 8}};
  CHECK_EQ(raysim_submit_many(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL, 4, refs), 0);
  refs[4] = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &greedy);
  refs[5] = raysim_submit(ray, "test.add", RAYSIM_ARGS(raysim_object(refs[4]), RAYSIM_VALUE(ms)), NULL);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "tasks", "RUNNING"));
  for (int i = 0; i < 300 && count_of(" RUNNING ") < 2; i++, local_pause_ms(10))
    RUN(rs_cmd_list, "tasks", "--session", session);
  CHECK_EQ(count_of(" RUNNING "), 2);
  CHECK_EQ(count_of("test.sleep"), 5);
  CHECK_EQ(count_of("PENDING_NODE_ASSIGNMENT"), 3);
  CHECK_EQ(count_of("PENDING_ARGS_AVAIL"), 1);
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--filter", "function=test.add"), 0);
  CHECK_EQ(count_of("test."), 1);
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--filter", "state!=RUNNING", "--limit", "2"), 0);
  CHECK(says("2 of 4 shown"));
  CHECK_EQ(RUN(rs_cmd_summary, "tasks", "--session", session), 0);
  CHECK(says("PENDING_NODE_ASSIGNMENT  3"));
  char hex[RAYSIM_HEX_SIZE];
  CHECK_EQ(RUN(rs_cmd_explain, raysim_ref_hex(refs[4], hex), "--session", session), 0);
  CHECK(says("it needs 8 CPU") && says("infeasible: needs 8 CPU, the node has 1 in all"));
  CHECK_EQ(count_of("infeasible"), 2);
  CHECK_EQ(RUN(rs_cmd_explain, raysim_ref_hex(refs[5], hex), "--session", session), 0);
  CHECK(says("argument") && says("not made yet"));
  CHECK_EQ(RUN(rs_cmd_explain, raysim_ref_hex(refs[3], hex), "--session", session), 0);
  CHECK(says("busy: needs 1 CPU, 0 left"));
  CHECK_EQ(RUN(rs_cmd_explain, "nonsense", "--session", session), 2);
  CHECK_EQ(RUN(rs_cmd_explain, "0:d77#5", "--session", session), 1);
  end(ray);
}

static void what_has_ended(void)
{
  struct raysim *ray = begin("1", "2");
  int one = 1;
  raysim_ref refs[50];
  struct raysim_value values[50];
  CHECK_EQ(raysim_submit_many(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(one), RAYSIM_VALUE(one)), NULL, 50, refs), 0);
  CHECK_EQ(raysim_get_many(ray, refs, 50, 10000, values), 0);
  raysim_ref failing = raysim_submit(ray, "test.fail", NULL, 0, NULL);
  struct raysim_value failed;
  CHECK(raysim_get(ray, failing, 10000, &failed) != 0);
  raysim_value_free(&failed);
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--filter", "state=FAILED"), 0);
  CHECK(says("test.fail") && says("TASK_FAILED"));
  CHECK_EQ(count_of("test.add"), 0);
  CHECK_EQ(RUN(rs_cmd_summary, "tasks", "--session", session), 0);
  CHECK(says("FINISHED") && says("50"));
  char path[RS_UV_PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/timeline.json", session);
  CHECK_EQ(RUN(rs_cmd_timeline, "--session", session, "--out", path), 0);
  CHECK(says(": 51 ended tasks"));
  FILE *file = fopen(path, "r");
  CHECK(file);
  output[fread(output, 1, sizeof output - 1, file)] = 0;
  fclose(file);
  CHECK_EQ(count_of("\"ph\":\"X\""), 51);
  CHECK(says("\"name\":\"test.add\"") && says("\"outcome\":\"TASK_FAILED\"") && says("\"name\":\"node 0\""));
  for (int i = 0; i < 50; i++) {
    raysim_value_free(&values[i]);
    raysim_release(ray, refs[i]);
  }
  raysim_release(ray, failing);
  end(ray);
}

static void objects_and_memory(void)
{
  struct raysim *ray = begin("1", "1");
  static unsigned char bytes[1 << 20];
  raysim_ref large = raysim_put(ray, bytes, sizeof bytes), small = raysim_submit(ray, "test.three", NULL, 0, NULL);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, small, 10000, &value), 0);
  raysim_value_free(&value);
  CHECK(!raysim_is_none(large) && !raysim_is_none(small));
  CHECK_EQ(RUN(rs_cmd_list, "objects", "--session", session), 0);
  CHECK(says("1.0 MiB") && says("STORED") && says("INLINE"));
  CHECK_EQ(RUN(rs_cmd_memory, "--session", session), 0);
  CHECK(says("LOCAL_REFERENCE") && says("2 objects") && says("node 0: 1 objects, 1.0 MiB"));
  CHECK_EQ(RUN(rs_cmd_memory, "--session", session, "--format=json"), 0);
  CHECK(says("\"total\": 2") && says("\"size\": 1048576"));
  raysim_release(ray, large);
  raysim_release(ray, small);
  CHECK(soon(rs_cmd_memory, (char *)(uintptr_t) "--limit=5", "0 objects, 0 B in all"));
  end(ray);
}

static void actors_are_listed(void)
{
  struct raysim *ray = begin("1", "1");
  int ten = 10;
  struct raysim_actor_options options = {.name = "tom"}, greedy = {.demand = {.num_cpus = 4}};
  raysim_actor tom = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(ten)), &options);
  raysim_actor big = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(ten)), &greedy);
  raysim_ref ref = raysim_call(ray, tom, "add", RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, 10000, &value), 0);
  raysim_value_free(&value);
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session), 0);
  CHECK(says("test.Counter  tom") && says("ALIVE") && says("PENDING"));
  CHECK_EQ(RUN(rs_cmd_summary, "actors", "--session", session), 0);
  char hex[RAYSIM_HEX_SIZE];
  CHECK_EQ(RUN(rs_cmd_explain, raysim_ref_hex(big.ref, hex), "--session", session), 0);
  CHECK(says("an actor that needs 4 CPU") && says("infeasible: needs 4 CPU, the node has 1 in all"));
  raysim_release(ray, ref);
  raysim_release(ray, tom.ref);
  raysim_release(ray, big.ref);
  end(ray);
}

static void say(struct raysim *ray, const char *text, bool crashes)
{
  struct raysim_task_options options = {.max_retries = RAYSIM_NONE};
  raysim_ref ref = raysim_submit(ray, "test.say", RAYSIM_ARGS(raysim_bytes(text, strlen(text))), &options);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, 10000, &value) != 0, crashes);
  raysim_value_free(&value);
  raysim_release(ray, ref);
}

/* What tasks print comes to the program's standard error, also what a task prints before it crashes. */
static void prints_come_to_the_driver(void)
{
  char path[] = "/tmp/raysim-out-XXXXXX";
  int fd = mkstemp(path), err = dup(2);
  CHECK(fd >= 0);
  struct raysim *ray = begin("1", "1");
  dup2(fd, 2);
  say(ray, "hello 1", false);
  ssize_t n = pread(fd, output, sizeof output - 1, 0); /* it comes before the result */
  output[n > 0 ? n : 0] = 0;
  bool fine = strstr(output, "(test.say pid=") && strstr(output, ", ip=127.0.0.1) hello 1\n") &&
              strstr(output, ") to stderr: hello 1\n");
  say(ray, "last words!", true);
  local_pause_ms(300);
  n = pread(fd, output, sizeof output - 1, 0);
  dup2(err, 2);
  output[n > 0 ? n : 0] = 0;
  CHECK(fine && says("hello 1") && says(") last words!\n") && says("to stderr: last words!"));
  CHECK_EQ(RUN(rs_cmd_logs, "--session", session), 0);
  CHECK(says("worker-0.1-16.out") && says("worker-0.1-16.err"));
  CHECK_EQ(RUN(rs_cmd_logs, "worker-0.1-16.out", "--tail", "1", "--session", session), 0);
  CHECK_STR(output, "last words!\n");
  CHECK_EQ(RUN(rs_cmd_logs, "../token", "--session", session), 1);
  end(ray);
  close(fd);
  close(err);
  unlink(path);
}

static void the_cluster_by_calls(void)
{
  struct raysim *ray = begin("2", "3");
  CHECK_EQ(raysim_job(ray), 1);
  CHECK_EQ(raysim_kv_put(ray, "s", "a/1", "one", 3, 0), 1);
  CHECK_EQ(raysim_kv_put(ray, "s", "a/1", "two", 3, 0), 0);
  CHECK_EQ(raysim_kv_put(ray, "s", "a/2", "", 0, 0), 1);
  CHECK_EQ(raysim_kv_put(ray, "s", "b", "x", 1, 1), 1);
  void *bytes;
  size_t size, count;
  CHECK_EQ(raysim_kv_get(ray, "s", "a/1", &bytes, &size), 0);
  CHECK_EQ(size, 3);
  CHECK_STR(bytes, "one");
  free(bytes);
  CHECK_EQ(raysim_kv_get(ray, NULL, "a/1", &bytes, &size), RAYSIM_ERR_NOT_FOUND);
  CHECK(strstr(raysim_last_error(), "a/1"));
  char **keys;
  CHECK_EQ(raysim_kv_keys(ray, "s", "a/", &keys, &count), 0);
  CHECK_EQ(count, 2);
  CHECK_STR(keys[0], "a/1");
  CHECK_STR(keys[1], "a/2");
  free(keys);
  CHECK(raysim_kv_exists(ray, "s", "b") == 1 && raysim_kv_delete(ray, "s", "b") == 1);
  CHECK(raysim_kv_exists(ray, "s", "b") == 0 && raysim_kv_delete(ray, "s", "b") == 0);
  struct raysim_node_info *nodes;
  CHECK_EQ(raysim_nodes(ray, &nodes, &count), 0);
  CHECK(count == 2 && nodes[1].node == 1 && nodes[1].alive && nodes[1].total.num_cpus == 3);
  free(nodes);
  struct raysim_resources all, left;
  CHECK_EQ(raysim_cluster_resources(ray, &all), 0);
  CHECK(all.num_cpus == 6);
  int ms = 5000;
  raysim_ref ref = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  for (int i = 0; i < 300; i++, local_pause_ms(10)) { /* raylets report every 100 ms */
    CHECK_EQ(raysim_available_resources(ray, &left), 0);
    if (left.num_cpus == 5)
      break;
  }
  CHECK(left.num_cpus == 5);
  raysim_release(ray, ref);
  end(ray);
}

/* With a threshold that every machine is above: the task that runs is ended, and its error has the numbers. */
static void a_node_short_of_memory_ends_a_task(void)
{
  struct raysim *ray = begin_with("1", "1", "memory_usage_threshold_e4=1", "task_oom_retries=1");
  int ms = 20000;
  raysim_ref ref = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, 15000, &value), RAYSIM_ERR_OUT_OF_MEMORY);
  CHECK(value.error && strstr(value.error->message, "MiB were in use") &&
        strstr(value.error->message, "its worker (process ") &&
        strstr(value.error->message, " MiB and was ended, as the newest that can be tried again, after 1 retries"));
  CHECK(value.error->pid > 0);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  end(ray);
}

static bool finds(struct raysim *ray, const struct raysim_runtime_env *env, const char *text)
{
  struct raysim_task_options options = {.demand = {.runtime_env = env}};
  raysim_ref ref = raysim_submit(ray, "test.surroundings", NULL, 0, &options);
  struct raysim_value value;
  bool fine = raysim_get(ray, ref, 10000, &value) == 0 && strstr(value.bytes, text);
  if (!fine)
    printf("\n    %s\n", value.error ? value.error->message : (const char *)value.bytes);
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return fine;
}

static void environments_of_tasks(void)
{
  struct raysim *ray = begin("1", "1");
  const char *const vars[] = {"RAYSIM_TEST_VARIABLE=one=1", "OTHER="};
  struct raysim_runtime_env one = {.env_vars = vars, .env_var_count = 2, .working_dir = "/", .working_dir_in_place = 1},
                            missing = {.working_dir = "/nonexistent", .working_dir_in_place = 1},
                            wrong = {.env_vars = vars, .env_var_count = 1};
  CHECK(finds(ray, NULL, "nothing in "));
  CHECK(finds(ray, &one, "one=1 in /"));
  CHECK(finds(ray, NULL, "nothing in ")); /* by another process */
  CHECK(finds(ray, &one, "one=1 in /"));
  struct raysim_task_options options = {.demand = {.runtime_env = &missing}};
  raysim_ref ref = raysim_submit(ray, "test.surroundings", NULL, 0, &options);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, 10000, &value), RAYSIM_ERR_RUNTIME_ENV);
  CHECK(strstr(value.error->message, "working_dir /nonexistent: No such file"));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  wrong.working_dir = "relative";
  wrong.working_dir_in_place = 1;
  options.demand.runtime_env = &wrong;
  CHECK(raysim_is_none(raysim_submit(ray, "test.surroundings", NULL, 0, &options)));
  CHECK(strstr(raysim_last_error(), "an absolute path is wanted"));
  end(ray);
}

static void repeated_lines_are_folded(void)
{
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  struct rs_fold *fold = rs_fold_new(to);
  for (uint64_t worker = 1; worker <= 8; worker++)
    rs_fold_line(fold, RS_S, worker, "(f pid=1)", "step 17 of 20", 13 - (worker % 2));
  rs_fold_line(fold, RS_S, 1, "(f pid=1)", "step 18 of 20", 13); /* the same worker's are all shown */
  rs_fold_line(fold, RS_S, 2, "(f pid=2)", "another", 7);
  CHECK_EQ(rs_fold_settle(fold, 2 * RS_S), 6 * RS_S);
  CHECK_EQ(rs_fold_settle(fold, 6 * RS_S), RS_TIME_NEVER);
  rs_fold_free(fold);
  fclose(to);
  CHECK_STR(text, "(f pid=1) step 17 of 2\n(f pid=1) step 18 of 20\n(f pid=2) another\n"
                  "(f pid=1) step 17 of 20 [repeated 7x across cluster]\n");
  free(text);
}

const struct rs_test rs_tests[] = {
    {"nodes, jobs and workers are listed", nodes_jobs_and_workers},
    {"tasks are listed, and why they wait", tasks_and_why_they_wait},
    {"what has ended is counted and drawn", what_has_ended},
    {"objects and memory", objects_and_memory},
    {"actors are listed", actors_are_listed},
    {"what tasks print comes to the driver program", prints_come_to_the_driver},
    {"the cluster, by calls of the API", the_cluster_by_calls},
    {"a node short of memory ends a task, and says why", a_node_short_of_memory_ends_a_task},
    {"environments of tasks", environments_of_tasks},
    {"repeated lines are folded", repeated_lines_are_folded},
    {0}};
