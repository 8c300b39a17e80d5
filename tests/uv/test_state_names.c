/* What is said about a running cluster, in names: dead actors and how they died, tasks with names of their own, lines
 * of output by who wrote them, placement groups, and who made and who holds an object. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "run_state.h"

static raysim_ref call(struct raysim *ray, raysim_actor actor, const char *method)
{
  int ten = 10;
  return raysim_call(ray, actor, method, RAYSIM_ARGS(RAYSIM_VALUE(ten)), NULL);
}

/* How a process ends that reads what is not there. */
#if defined(__SANITIZE_ADDRESS__)
#define SEGFAULT "its process died: exit code "
#else
#define SEGFAULT "its process died: signal 11 (SIGSEGV)"
#endif

/* Gets, and gives the reference up. *pid: of the error's process, where it is wanted. */
static int outcome(struct raysim *ray, raysim_ref ref, const char *function, const char *message, int *pid)
{
  struct raysim_value value;
  int rc = raysim_get(ray, ref, 10000, &value);
  if (value.error) {
    if (!strstr(value.error->message, message) || strcmp(value.error->function, function) != 0)
      printf("\n    %s: %s\n", value.error->function, value.error->message);
    CHECK(strstr(value.error->message, message));
    CHECK_STR(value.error->function, function);
    if (pid)
      *pid = value.error->pid;
  }
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return rc;
}

static void dead_actors_say_how_they_died(void)
{
  struct raysim *ray = begin("1", "4");
  struct raysim_actor_options named = {.name = "tom", .name_space = "home"};
  raysim_actor busy = raysim_actor_create(ray, "test.Busy", NULL, 0, &named);
  raysim_actor doomed = raysim_actor_create(ray, "test.Counter", NULL, 0, NULL);
  raysim_actor stopped = raysim_actor_create(ray, "test.Busy", NULL, 0, NULL);
  CHECK_EQ(outcome(ray, call(ray, busy, "nap"), "", "", NULL), 0);
  CHECK_EQ(outcome(ray, call(ray, stopped, "nap"), "", "", NULL), 0);
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session, "--format=json", "--filter", "state=ALIVE"), 0);
  unsigned pid = 0;
  const char *at = strstr(output, "\"pid\": ");
  CHECK(at && sscanf(at, "\"pid\": %u", &pid) == 1 && pid > 1);
  /* by a signal of its own: the caller hears which one, of which process on which node */
  CHECK_EQ(
      outcome(ray, call(ray, busy, "crash"), "test.Busy.crash", "its process died: signal 6 (SIGABRT) (process ", NULL),
      RAYSIM_ERR_ACTOR_DIED);
  CHECK_EQ(outcome(ray, call(ray, busy, "nap"), "test.Busy.nap", "on node 0)", NULL), RAYSIM_ERR_ACTOR_DIED);
  /* by its creation, which wants an argument */
  CHECK_EQ(outcome(ray, call(ray, doomed, "add"), "test.Counter.add", SEGFAULT, NULL), RAYSIM_ERR_ACTOR_DIED);
  /* by somebody else's signal */
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session, "--format=json", "--filter", "state=ALIVE"), 0);
  at = strstr(output, "\"pid\": ");
  CHECK(at && sscanf(at, "\"pid\": %u", &pid) == 1 && pid > 1);
  CHECK_EQ(kill((pid_t)pid, SIGKILL), 0);
  char text[128];
  snprintf(text, sizeof text, "signal 9 (SIGKILL) (process %u, worker ", pid);
  CHECK_EQ(outcome(ray, call(ray, stopped, "nap"), "test.Busy.nap", text, NULL), RAYSIM_ERR_ACTOR_DIED);
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session, "--filter", "state=DEAD"), 0);
  CHECK_EQ(count_of("DEAD"), 3);
  CHECK(says(text) && says("test.Busy     tom   DEAD") && says("signal 6 (SIGABRT)"));
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session, "--format=json", "--filter", "exit=-6"), 0);
  CHECK(says("\"total\": 1") &&
        says("\"name\": \"tom\", \"namespace\": \"home\", \"death_cause\": \"its process died"));
  CHECK(says("\"reason\": \"WORKER_CRASHED\"") && says("\"function\": \"test.Busy\""));
  CHECK_EQ(RUN(rs_cmd_summary, "actors", "--session", session), 0);
  CHECK(says("DEAD"));
  char hex[RAYSIM_HEX_SIZE];
  CHECK_EQ(RUN(rs_cmd_explain, raysim_ref_hex(busy.ref, hex), "--session", session), 0);
  CHECK(says("the actor is dead: its process died: signal 6 (SIGABRT)"));
  CHECK_EQ(RUN(rs_cmd_list, "actors", "--session", session, "--filter", "state=GONE"), 2);
  CHECK(says("there are PENDING, ALIVE, RESTARTING, DEAD"));
  raysim_release(ray, busy.ref);
  raysim_release(ray, doomed.ref);
  raysim_release(ray, stopped.ref);
  end(ray);
}

static void tasks_with_names(void)
{
  struct raysim *ray = begin("1", "2");
  int ms = 3000, one = 1;
  struct raysim_task_options train = {.name = "train \"a\""}, shard = {.name = "shard-7", .max_retries = RAYSIM_NONE};
  raysim_ref slow = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &train);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "tasks", "test.sleep  train \"a\"  RUNNING"));
  raysim_actor actor = raysim_actor_create(ray, "test.Other", RAYSIM_ARGS(RAYSIM_VALUE(one)), NULL);
  struct raysim_call_options later = {.name = "later"};
  raysim_ref named_call = raysim_call(ray, actor, "add", RAYSIM_ARGS(RAYSIM_VALUE(one)), &later);
  CHECK_EQ(outcome(ray, named_call, "", "", NULL), 0);
  CHECK_EQ(outcome(ray, call(ray, actor, "add"), "", "", NULL), 0);
  raysim_ref failing = raysim_submit(ray, "test.fail", NULL, 0, &shard);
  struct raysim_value value;
  CHECK(raysim_get(ray, failing, 10000, &value) != 0);
  CHECK_STR(value.error->name, "shard-7");
  CHECK_STR(value.error->function, "test.fail");
  raysim_value_free(&value);
  raysim_release(ray, failing);
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--format=json", "--filter", "name=shard-7"), 0);
  CHECK(says("\"total\": 1") && says("\"name\": \"shard-7\", \"error\": ") && says("\"function\": \"test.fail\""));
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--format=json", "--filter", "name=train \"a\""), 0);
  CHECK(says("\"total\": 1") && says("\"name\": \"train \\\"a\\\"\""));
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--filter", "class=test.Other"), 0);
  CHECK_EQ(count_of("test.Other.add"), 2);
  CHECK_EQ(count_of("later"), 1);
  /* nobody has it: the error names it */
  raysim_ref missing = raysim_submit(ray, "test.nobody_has_this", NULL, 0, &shard);
  CHECK_EQ(outcome(ray, missing, "test.nobody_has_this", "no function of that name: test.nobody_has_this", NULL),
           RAYSIM_ERR_UNKNOWN_FUNCTION);
  char path[RS_UV_PATH_MAX + 32], long_name[300];
  snprintf(path, sizeof path, "%s/timeline.json", session);
  CHECK_EQ(RUN(rs_cmd_timeline, "--session", session, "--out", path), 0);
  FILE *file = fopen(path, "r");
  CHECK(file);
  output[fread(output, 1, sizeof output - 1, file)] = 0;
  fclose(file);
  CHECK(says("\"name\":\"shard-7\"") && says("\"name\":\"test.Other.add\"") && says("\"name\":\"later\""));
  memset(long_name, 'x', sizeof long_name);
  long_name[256] = 0;
  shard.name = long_name;
  CHECK(raysim_is_none(raysim_submit(ray, "test.fail", NULL, 0, &shard)));
  CHECK(strstr(raysim_last_error(), "name: at most 255 bytes"));
  raysim_release(ray, slow);
  raysim_release(ray, actor.ref);
  end(ray);
}

static void submit_say(struct raysim *ray, const char *name, const char *text, raysim_ref *ref)
{
  struct raysim_task_options options = {.name = name, .max_retries = RAYSIM_NONE};
  *ref = raysim_submit(ray, "test.say", RAYSIM_ARGS(raysim_bytes(text, strlen(text))), &options);
}

/* Many short tasks one after the other in one worker: each line has the name of the task that wrote it. */
static void lines_are_of_who_wrote_them(void)
{
  enum { TASKS = 200 };
  char path[] = "/tmp/raysim-out-XXXXXX", name[32], text[32], line[128];
  static char all[1 << 20];
  static raysim_ref refs[TASKS];
  int fd = mkstemp(path), err = dup(2);
  CHECK(fd >= 0);
  struct raysim *ray = begin("1", "1");
  dup2(fd, 2);
  for (int i = 0; i < TASKS; i++) {
    snprintf(name, sizeof name, "n%d", i / 3);
    snprintf(text, sizeof text, "text-%d.", i);
    submit_say(ray, name, text, &refs[i]);
  }
  for (int i = 0; i < TASKS; i++) {
    struct raysim_value value;
    CHECK_EQ(raysim_get(ray, refs[i], 10000, &value), 0);
    raysim_value_free(&value);
    raysim_release(ray, refs[i]);
  }
  for (int tries = 0; tries < 300; tries++, local_pause_ms(10)) {
    ssize_t n = pread(fd, all, sizeof all - 1, 0);
    all[n > 0 ? n : 0] = 0;
    if (strstr(all, "to stderr: text-199."))
      break;
  }
  dup2(err, 2);
  int found = 0, wrong = 0;
  for (const char *at = all; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
    int named = -1, said = -1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    const char *what = strstr(line, "text-");
    if (!what || sscanf(line, "(n%d pid=", &named) != 1 || sscanf(what, "text-%d.", &said) != 1)
      continue;
    found++;
    wrong += named != said / 3;
  }
  CHECK_EQ(wrong, 0);
  CHECK_EQ(found, 2 * TASKS); /* on its standard output and error */
  end(ray);
  close(fd);
  close(err);
  unlink(path);
}

static void groups_have_names(void)
{
  struct raysim *ray = begin("1", "2");
  struct raysim_resource blue = {"blue", 3};
  struct raysim_demand bundle = {.num_cpus = 1}, large = {.num_cpus = 4},
                       rare = {.resources = &blue, .resource_count = 1};
  struct raysim_group_options gang = {.name = "gang"}, waits = {.name = "waits"}, third = {.name = "rare"};
  raysim_group group = raysim_group_create(ray, &bundle, 1, &gang);
  CHECK_EQ(raysim_group_wait(ray, group, 5000), 0);
  raysim_group stuck = raysim_group_create(ray, &large, 1, &waits), odd = raysim_group_create(ray, &rare, 1, &third);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "placement-groups", "waits"));
  CHECK(says("gang   PACK") && says("waits  PACK"));
  CHECK_EQ(RUN(rs_cmd_list, "placement-groups", "--session", session, "--format=json", "--filter", "name=waits"), 0);
  CHECK(says("\"total\": 1") && says("\"name\": \"waits\""));
  char id[64];
  const char *at = strstr(output, "\"id\": \"");
  CHECK(at && sscanf(at, "\"id\": \"%63[^\"]", id) == 1);
  CHECK_EQ(RUN(rs_cmd_explain, id, "--session", session), 0);
  CHECK(says("placement group \"waits\"") && says("needs 4 CPU, the node has 2 in all"));
  CHECK_EQ(RUN(rs_cmd_list, "placement-groups", "--session", session, "--format=json", "--filter", "name=rare"), 0);
  at = strstr(output, "\"id\": \"");
  CHECK(at && sscanf(at, "\"id\": \"%63[^\"]", id) == 1);
  CHECK_EQ(RUN(rs_cmd_explain, id, "--session", session), 0);
  CHECK(says("3 blue"));
  CHECK_EQ(raysim_group_remove(ray, group), 0);
  CHECK_EQ(raysim_group_remove(ray, stuck), 0);
  CHECK_EQ(raysim_group_remove(ray, odd), 0);
  end(ray);
}

static void objects_say_who_made_and_who_holds_them(void)
{
  struct raysim *ray = begin("1", "2");
  int three = 3;
  unsigned size = 1 << 20;
  uint8_t ready;
  raysim_ref small = raysim_submit(ray, "test.add", RAYSIM_ARGS(RAYSIM_VALUE(three), RAYSIM_VALUE(three)), NULL);
  CHECK_EQ(raysim_wait(ray, &small, 1, 1, 5000, 0, &ready), 1);
  raysim_ref box = raysim_submit(ray, "test.box", RAYSIM_ARGS(RAYSIM_VALUE(size)), NULL);
  struct raysim_value inside; /* a reference to an object of the worker's, which this program holds */
  CHECK_EQ(raysim_get(ray, box, 5000, &inside), 0);
  CHECK_EQ(inside.ref_count, 1);
  bool borrowed = false;
  for (int i = 0; i < 300 && !borrowed; i++, local_pause_ms(10)) {
    RUN(rs_cmd_list, "objects", "--session", session, "--format=json", "--filter", "borrowers=1");
    borrowed = strstr(output, "\"size\": 1048576") != NULL;
  }
  CHECK(borrowed && count_of("\"id\":") == 1);
  CHECK_EQ(RUN(rs_cmd_list, "objects", "--session", session, "--filter", "function=test.add"), 0);
  CHECK(says("INLINE") && count_of("test.add") == 1);
  CHECK_EQ(RUN(rs_cmd_summary, "objects", "--session", session), 0);
  CHECK(says("test.add") && says("test.box"));
  CHECK_EQ(RUN(rs_cmd_memory, "--session", session), 0);
  CHECK(says("test.add"));
  raysim_release(ray, small);
  raysim_value_free(&inside);
  raysim_release(ray, box);
  end(ray);
}

/* A node's process is killed; then one look at the whole. */
static void a_cluster_at_one_look(void)
{
  struct raysim *ray = begin("3", "2");
  static unsigned char bytes[3 << 20];
  int ms = 20000, ten = 10, pid = 0;
  raysim_ref refs[9], large = raysim_put(ray, bytes, sizeof bytes);
  CHECK_EQ(outcome(ray, raysim_submit(ray, "test.fail", NULL, 0, NULL), "test.fail", "as asked", NULL),
           RAYSIM_ERR_TASK_FAILED);
  CHECK_EQ(raysim_submit_many(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL, 8, refs), 0);
  struct raysim_resource red = {"red", 1};
  struct raysim_task_options never = {.demand = {.resources = &red, .resource_count = 1}};
  refs[8] = raysim_submit(ray, "test.sleep", RAYSIM_ARGS(RAYSIM_VALUE(ms)), &never);
  struct raysim_demand bundle = {.num_cpus = 3};
  struct raysim_group_options gang = {.name = "gang"};
  raysim_group group = raysim_group_create(ray, &bundle, 1, &gang);
  struct raysim_actor_options greedy = {.demand = {.num_cpus = 16}};
  raysim_actor actor = raysim_actor_create(ray, "test.Counter", RAYSIM_ARGS(RAYSIM_VALUE(ten)), &greedy);
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "6/6 CPU"));
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "{1 CPU, 1 red}: 1 request for a worker; no node"));
  CHECK(says("3 of 3 nodes alive, 6 CPUs") && says("6 RUNNING") && says("3 PENDING_NODE_ASSIGNMENT"));
  CHECK(says("{1 CPU}: 2 requests for workers\n") &&
        says("{16 CPU}: 1 actor; no node that is alive could ever hold it"));
  CHECK(says("{3 CPU}: 1 bundle without a place of placement group gang (PACK); no node"));
  CHECK(says("3.0 MiB/") && says("1 objects in stores, 0 B on disks"));
  CHECK(says("1 FAILED") && says("test.fail: as asked"));
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  CHECK_EQ(rs_uv_status_get(session, &status, error), 0);
  CHECK_EQ(status.node_count, 3);
  pid = status.nodes[2].pid;
  rs_uv_status_free(&status);
  CHECK_EQ(kill(pid, SIGKILL), 0);
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "2 of 3 nodes alive, 4 CPUs"));
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "ago  node 2: the node died"));
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "4/4 CPU"));
  CHECK_EQ(RUN(rs_cmd_status, "--format=json", "--session", session), 0);
  CHECK(says("{\"name\": \"CPU\", \"used\": 4, \"total\": 4}") && says("\"RUNNING\": 4") && says("\"failures\": ["));
  CHECK(says("\"reason\": \"NODE_DIED\"") && says("\"kind\": \"ACTOR\", \"count\": 1, \"nodes\": 0"));
  CHECK_EQ(RUN(rs_cmd_list, "nodes", "--session", session, "--filter", "state=DEAD"), 0);
  CHECK(says("NODE_DIED"));
  CHECK_EQ(RUN(rs_cmd_list, "tasks", "--session", session, "--filter", "state=PENDING_NODE_ASSIGNMENT"), 0);
  CHECK_EQ(count_of("  2     2:w"), 0); /* where they were is no news */
  CHECK_EQ(RUN(rs_cmd_status, "word", "--session", session), 2);
  for (int i = 0; i < 9; i++)
    raysim_release(ray, refs[i]);
  raysim_group_remove(ray, group);
  raysim_release(ray, actor.ref);
  raysim_release(ray, large);
  end(ray);
}

/* With room for two: what was put first is on the disk. */
static void spilled_objects_are_seen(void)
{
  enum { OBJECTS = 5 };
  static unsigned char bytes[8 << 20];
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--num-cpus", "1", "--object-store-memory", "25165824", "--resources",
               "blue=2,green=1"),
           0);
  const char *at = strstr(output, "session ");
  CHECK(at && sscanf(at, "session %255s", session) == 1);
  struct raysim *ray;
  struct raysim_options options = {.address = session};
  raysim_ref refs[OBJECTS];
  CHECK_EQ(raysim_init(&options, &ray), 0);
  for (int i = 0; i < OBJECTS; i++)
    refs[i] = raysim_put(ray, bytes, sizeof bytes);
  CHECK(soon(rs_cmd_list, (char *)(uintptr_t) "objects", "SPILLED"));
  CHECK(says("STORED"));
  CHECK_EQ(RUN(rs_cmd_list, "objects", "--session", session, "--filter", "state=SPILLED"), 0);
  CHECK(count_of("8.0 MiB") >= 2 && count_of("STORED") == 0);
  CHECK_EQ(RUN(rs_cmd_list, "objects", "--session", session, "--filter", "state=SPILLED", "--limit", "1"), 0);
  CHECK_EQ(count_of("8.0 MiB"), 1);
  CHECK_EQ(RUN(rs_cmd_memory, "--session", session), 0);
  CHECK(says("SPILLED node 0") && says("5 objects, 40.0 MiB in all"));
  CHECK_EQ(RUN(rs_cmd_status, "--session", session), 0);
  CHECK(says("5 objects in stores, ") && count_of(" 0 B on disks") == 0);
  CHECK(says("0/2 blue") && says("0/1 green")); /* which no program has named */
  for (int i = 0; i < OBJECTS; i++)
    raysim_release(ray, refs[i]);
  CHECK(soon(rs_cmd_memory, (char *)(uintptr_t) "--limit=5", "0 objects, 0 B in all"));
  end(ray);
}

/* A node with a folder of its own, as on another host: its workers and its files are seen from the head's. */
static pid_t start_elsewhere(const char *folder, const char *address)
{
  char token[RS_UV_PATH_MAX + 8];
  snprintf(token, sizeof token, "%s/token", session);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    execl(RS_BINARY_DIR "/raysimd", "raysimd", "--join", address, "--token-file", token, "--session", folder,
          "--num-cpus", "1", "--load", LIBRARY, (char *)NULL);
    _exit(127);
  }
  return pid;
}

static void say_on_node_1(struct raysim *ray)
{
  struct raysim_task_options there = {.demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = 1}}};
  raysim_ref ref = raysim_submit(ray, "test.say", RAYSIM_ARGS(raysim_bytes("far away", 8)), &there);
  CHECK_EQ(outcome(ray, ref, "", "", NULL), 0);
}

static void other_hosts_are_looked_at(void)
{
  char folder[] = "/tmp/raysim-far-XXXXXX", address[80], path[128], line[256] = "", command[512];
  CHECK(mkdtemp(folder) != NULL);
  struct raysim *ray = begin("1", "1");
  unsigned port = 0, pid = 0;
  unsigned long long rss = 0;
  CHECK_EQ(RUN(rs_cmd_status, "--session", session), 0);
  const char *at = strstr(output, "127.0.0.1:");
  CHECK(at && sscanf(at, "127.0.0.1:%u", &port) == 1);
  snprintf(address, sizeof address, "127.0.0.1:%u", port);
  pid_t node = start_elsewhere(folder, address);
  CHECK(soon(rs_cmd_status, (char *)(uintptr_t) "--format=text", "2 of 2 nodes alive"));
  say_on_node_1(ray);
  CHECK_EQ(RUN(rs_cmd_list, "workers", "--session", session, "--format=json", "--filter", "node=1"), 0);
  at = strstr(output, "\"pid\": ");
  CHECK(at && sscanf(at, "\"pid\": %u, \"rss\": %llu", &pid, &rss) == 2);
  CHECK(pid > 1 && rss > 100000 && rss < 100000000);
  CHECK_EQ(RUN(rs_cmd_logs, "--session", session), 0);
  CHECK(says("node 1 ") && count_of("worker-1.1-16.out") == 1);
  CHECK_EQ(RUN(rs_cmd_logs, "--node", "1", "--session", session), 0);
  CHECK_EQ(count_of("node 0 "), 0);
  CHECK_EQ(RUN(rs_cmd_logs, "worker-1.1-16.out", "--session", session), 0);
  CHECK_STR(output, "far away\n");
  CHECK_EQ(RUN(rs_cmd_logs, "log", "--node", "1", "--session", session), 0);
  CHECK_EQ(RUN(rs_cmd_logs, "log", "--node", "7", "--session", session), 1);
  CHECK(says("node 7: there is no such node alive"));
  CHECK_EQ(RUN(rs_cmd_logs, "token", "--node", "1", "--session", session), 1);
  CHECK_EQ(RUN(rs_cmd_logs, "../token", "--node", "1", "--session", session), 1);
  CHECK_EQ(RUN(rs_cmd_logs, "worker-1.1-77.out", "--session", session), 1);
  CHECK(says("there is no such file"));
  /* a file of several parts, its end, and as it grows */
  snprintf(path, sizeof path, "%s/logs/worker-1.1-99.out", folder);
  FILE *file = fopen(path, "w");
  CHECK(file);
  for (int i = 0; i < 100000; i++)
    fprintf(file, "line %05d\n", i);
  fflush(file);
  snprintf(command, sizeof command, RS_BINARY_DIR "/raysim logs worker-1.1-99.out --session %s | md5sum", session);
  FILE *whole = popen(command, "r");
  CHECK(whole && fgets(line, sizeof line, whole));
  pclose(whole);
  snprintf(command, sizeof command, "md5sum < %s", path);
  whole = popen(command, "r");
  char local[256] = "";
  CHECK(whole && fgets(local, sizeof local, whole));
  pclose(whole);
  CHECK_STR(line, local);
  CHECK_EQ(RUN(rs_cmd_logs, "worker-1.1-99.out", "--tail", "2", "--session", session), 0);
  CHECK_STR(output, "line 99998\nline 99999\n");
  snprintf(command, sizeof command,
           "exec timeout 20 " RS_BINARY_DIR "/raysim logs worker-1.1-99.out --tail 1 --follow --session %s", session);
  FILE *grows = popen(command, "r");
  CHECK(grows && fgets(line, sizeof line, grows));
  CHECK_STR(line, "line 99999\n");
  fprintf(file, "one more\n");
  fclose(file);
  CHECK(fgets(line, sizeof line, grows));
  CHECK_STR(line, "one more\n");
  end(ray); /* which ends the follower too */
  pclose(grows);
  int status;
  CHECK_EQ(waitpid(node, &status, 0), node);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  CHECK_EQ(system(command), 0);
}

const struct rs_test rs_tests[] = {{"dead actors say how they died", dead_actors_say_how_they_died},
                                   {"tasks with names", tasks_with_names},
                                   {"lines are of who wrote them", lines_are_of_who_wrote_them},
                                   {"groups have names", groups_have_names},
                                   {"objects say who made and who holds them", objects_say_who_made_and_who_holds_them},
                                   {"a cluster at one look", a_cluster_at_one_look},
                                   {"other hosts are looked at", other_hosts_are_looked_at},
                                   {"spilled objects are seen", spilled_objects_are_seen},
                                   {0}};
