/* What programs send along for their functions, on a real cluster: working directories and libraries as packages, on
 * nodes of this session and of another one as on another host; environments of jobs, and how they are laid over each
 * other. */
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "api/raysim.h"
#include "cli/start.h"
#include "local.h"
#include "run_command.h"

#define LIBRARY RS_BINARY_DIR "/tests/uv_functions.so"

enum { LIMIT = 20000 };

static char session[RS_UV_PATH_MAX], base[64];
static unsigned port;

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
  char command[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(command, sizeof command, format, args);
  va_end(args);
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A cluster of a head and one more node, both of this session. */
static void begin(const char *load)
{
  snprintf(base, sizeof base, "/tmp/raysim-env-XXXXXX");
  CHECK(mkdtemp(base) != NULL);
  char *with = (char *)(uintptr_t)(load ? "--load" : "--num-cpus"), *value = (char *)(uintptr_t)(load ? load : "2");
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--nodes", "2", "--num-cpus", "2", with, value), 0);
  const char *at = strstr(output, "session ");
  CHECK(at && sscanf(at, "session %255s", session) == 1);
  CHECK(sscanf(output, "head at 127.0.0.1:%u", &port) == 1);
}

static void end(void)
{
  CHECK_EQ(RUN(rs_cmd_stop, "--session", session), 0);
  shell("rm -rf %s", base);
}

/* Node 2, with a session folder of its own, as a node of another host has one. */
static pid_t join(void)
{
  char address[32], token[RS_UV_PATH_MAX], folder[RS_UV_PATH_MAX];
  snprintf(address, sizeof address, "127.0.0.1:%u", port);
  rs_session_token_path(session, token, sizeof token);
  snprintf(folder, sizeof folder, "%s/s-other", base);
  CHECK_EQ(mkdir(folder, 0700), 0);
  const char *argv[] = {"raysimd",    "--join", address,     "--token-file", token,
                        "--num-cpus", "2",      "--session", folder,         NULL};
  pid_t pid = -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  CHECK_EQ(posix_spawn(&pid, RS_BINARY_DIR "/raysimd", &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  for (int i = 0; i < 500; i++, local_pause_ms(10)) {
    RUN(rs_cmd_status, "--session", session, "--format=json");
    if (strstr(output, "\"node\": 2, \"incarnation\": 1, \"alive\": true") && strstr(output, "\"registered\": 3"))
      break;
    if (strstr(output, "\"node\": 2, \"incarnation\": 1, \"alive\": true") && i > 50)
      break;
  }
  return pid;
}

static struct raysim *attach(const char *load, const struct raysim_runtime_env *env)
{
  struct raysim *ray;
  struct raysim_options options = {.address = session, .load = load, .runtime_env = env};
  int rc = raysim_init(&options, &ray);
  if (rc != 0)
    printf("\n    %s\n", raysim_last_error());
  CHECK_EQ(rc, 0);
  return ray;
}

/* What the command prints as a task (a task below one) on that node, or the error's text. */
static const char *run_on(struct raysim *ray, uint32_t node, const char *function, const char *command,
                          const struct raysim_runtime_env *env)
{
  static char text[4096];
  struct raysim_task_options options = {
      .demand = {.strategy = {.kind = RAYSIM_NODE_AFFINITY, .node = node}, .runtime_env = env}};
  raysim_ref ref = raysim_submit(ray, function, RAYSIM_ARGS(raysim_bytes(command, strlen(command) + 1)), &options);
  struct raysim_value value;
  if (raysim_is_none(ref)) {
    snprintf(text, sizeof text, "%s", raysim_last_error());
    return text;
  }
  if (raysim_get(ray, ref, LIMIT, &value) == 0)
    snprintf(text, sizeof text, "%s", (const char *)value.bytes);
  else
    snprintf(text, sizeof text, "%s", value.error ? value.error->message : raysim_last_error());
  raysim_value_free(&value);
  raysim_release(ray, ref);
  return text;
}

static bool is(const char *got, const char *wanted)
{
  if (strcmp(got, wanted) == 0)
    return true;
  printf("\n    \"%s\" is not \"%s\"\n", got, wanted);
  return false;
}

static bool has(const char *got, const char *wanted)
{
  if (strstr(got, wanted))
    return true;
  printf("\n    \"%s\" is not in \"%s\"\n", wanted, got);
  return false;
}

/* How many unpacked folders there are below. */
static int unpacked(const char *folder)
{
  char command[512];
  int count = -1;
  snprintf(command, sizeof command, "ls -d %s/n*/packages/*/ 2>/dev/null | wc -l", folder);
  FILE *pipe = popen(command, "r");
  if (pipe && fscanf(pipe, "%d", &count) != 1)
    count = -1;
  if (pipe)
    pclose(pipe);
  return count;
}

static bool soon_unpacked(const char *folder, int wanted)
{
  for (int i = 0; i < 500; i++, local_pause_ms(10))
    if (unpacked(folder) == wanted)
      return true;
  printf("\n    %d packages in %s, %d are wanted\n", unpacked(folder), folder, wanted);
  return false;
}

static void make_folder(const char *folder)
{
  CHECK_EQ(
      shell("mkdir -p %s/deep/.git %s/logs && cd %s && echo one > a && echo two > deep/b && ln -s deep/b link && "
            "printf '#!/bin/sh\\necho ran\\n' > run && chmod 755 run && echo x > deep/.git/x && echo x > logs/x && "
            "echo x > big.tmp && echo x > deep/big.tmp && echo x > secret && printf '# no\\n/logs/\\n*.tmp\\n' > "
            ".raysimignore && mkdir empty",
            folder, folder, folder),
      0);
}

static void folders_travel(void)
{
  static const char look[] = "find . -mindepth 1 | sort | tr '\\n' ' '; cat a link; ./run; stat -c %a run";
  static const char wanted[] = "./.raysimignore ./a ./deep ./deep/b ./empty ./link ./run one\ntwo\nran\n755\n";
  static const char *const excludes[] = {"secret"};
  begin(LIBRARY);
  pid_t node = join();
  char folder[128], other[128];
  snprintf(folder, sizeof folder, "%s/project", base);
  snprintf(other, sizeof other, "%s/s-other", base);
  make_folder(folder);
  struct raysim *ray = attach(NULL, NULL);
  struct raysim_runtime_env env = {.working_dir = folder, .excludes = excludes, .exclude_count = 1};
  for (uint32_t n = 0; n < 2; n++)
    CHECK(is(run_on(ray, n, "test.shell", look, &env), wanted));
  CHECK(has(run_on(ray, 0, "test.shell", "pwd", &env), "/n0.1/packages/"));
  CHECK(has(run_on(ray, 1, "test.shell", "pwd", &env), "/n1.1/packages/"));
  /* what is done to a copy, and to the folder, makes no difference: it was packed once */
  shell("rm -rf %s/deep", folder);
  CHECK(is(run_on(ray, 2, "test.shell", look, &env), wanted));
  CHECK(has(run_on(ray, 2, "test.shell", "pwd", &env), "s-other/n2.1/packages/"));
  CHECK_EQ(unpacked(session), 2);
  CHECK_EQ(unpacked(other), 1);
  /* by other processes: the first ones are there still, since they have another variable */
  const char *const vars[] = {"MORE=1"};
  struct raysim_runtime_env more = env;
  more.env_vars = vars;
  more.env_var_count = 1;
  for (uint32_t n = 0; n < 3; n++)
    CHECK(is(run_on(ray, n, "test.shell", look, &more), wanted));
  CHECK_EQ(unpacked(session), 2);
  /* a second program with the same content shares the folders, and they stay until both have ended */
  snprintf(folder, sizeof folder, "%s/project2", base);
  make_folder(folder);
  struct raysim *second = attach(NULL, NULL);
  CHECK(is(run_on(second, 1, "test.shell", look, &env), wanted));
  CHECK_EQ(unpacked(session), 2);
  raysim_shutdown(ray);
  CHECK(soon_unpacked(other, 0));
  CHECK(soon_unpacked(session, 1));
  CHECK(is(run_on(second, 1, "test.shell", look, &env), wanted));
  raysim_shutdown(second);
  CHECK(soon_unpacked(session, 0));
  kill(node, SIGTERM);
  waitpid(node, NULL, 0);
  end();
}

static void folders_that_cannot_travel(void)
{
  begin(LIBRARY);
  struct raysim *ray = attach(NULL, NULL);
  char folder[128];
  snprintf(folder, sizeof folder, "%s/huge", base);
  CHECK_EQ(shell("mkdir %s && truncate -s 300M %s/zeros", folder, folder), 0);
  struct raysim_runtime_env env = {.working_dir = folder};
  const char *text = run_on(ray, 0, "test.shell", "pwd", &env);
  CHECK(has(text, "has more than 250 MiB (at zeros)"));
  env.working_dir = "/nonexistent";
  CHECK(has(run_on(ray, 0, "test.shell", "pwd", &env), "working_dir /nonexistent: No such file"));
  env.working_dir = "/etc/passwd";
  CHECK(has(run_on(ray, 0, "test.shell", "pwd", &env), "working_dir /etc/passwd: Not a directory"));
  static const char *const excludes[] = {"zeros"};
  env = (struct raysim_runtime_env){.working_dir = folder, .excludes = excludes, .exclude_count = 1};
  CHECK(is(run_on(ray, 0, "test.shell", "ls | wc -l", &env), "0\n"));
  struct raysim *none;
  env.working_dir = "/nonexistent"; /* nor of a job */
  CHECK_EQ(raysim_init(&(struct raysim_options){.address = session, .runtime_env = &env}, &none), RAYSIM_ERR_INVALID);
  CHECK(none == NULL && strstr(raysim_last_error(), "/nonexistent"));
  raysim_shutdown(ray);
  end();
}

/* Ray's rule: variables one by one, the folder as a whole; of the program, its tasks, and theirs. */
static void environments_are_laid_over(void)
{
  static const char show[] = "echo $ONE $TWO $BELOW; cat a";
  begin(LIBRARY);
  char folder[128], other[128];
  snprintf(folder, sizeof folder, "%s/project", base);
  snprintf(other, sizeof other, "%s/other", base);
  make_folder(folder);
  CHECK_EQ(shell("mkdir %s && echo other > %s/a", other, other), 0);
  const char *const vars[] = {"TWO=2", "ONE=1"}, *const two[] = {"TWO=zwei=2"};
  struct raysim_runtime_env job = {.env_vars = vars, .env_var_count = 2, .working_dir = folder},
                            task = {.env_vars = two, .env_var_count = 1}, place = {.working_dir = other};
  struct raysim *ray = attach(NULL, &job);
  CHECK(is(run_on(ray, 0, "test.shell", show, NULL), "1 2\none\n"));
  CHECK(is(run_on(ray, 0, "test.shell", show, &task), "1 zwei=2\none\n"));
  CHECK(is(run_on(ray, 1, "test.shell", show, &place), "1 2\nother\n"));
  CHECK(is(run_on(ray, 1, "test.shell_below", show, NULL), "1 2 yes\none\n"));
  CHECK(is(run_on(ray, 0, "test.shell_below", show, &task), "1 zwei=2 yes\none\n"));
  CHECK(is(run_on(ray, 0, "test.shell_below", show, &place), "1 2 yes\nother\n"));
  struct raysim_actor_options options = {.demand = {.runtime_env = &task}};
  raysim_actor actor = raysim_actor_create(ray, "test.Keeper", NULL, 0, &options);
  raysim_ref ref = raysim_call(ray, actor, "shell", RAYSIM_ARGS(raysim_bytes(show, sizeof show)), NULL);
  struct raysim_value value;
  CHECK_EQ(raysim_get(ray, ref, LIMIT, &value), 0);
  CHECK(is(value.bytes, "1 zwei=2\none\n"));
  raysim_value_free(&value);
  raysim_release(ray, ref);
  raysim_release(ray, actor.ref);
  char wanted[256];
  snprintf(wanted, sizeof wanted, "\"runtime_env\": \"ONE=1 TWO=2 working_dir=%s\"", folder);
  CHECK_EQ(RUN(rs_cmd_list, "jobs", "--session", session, "--format=json"), 0);
  CHECK(has(output, wanted));
  CHECK_EQ(RUN(rs_cmd_list, "jobs", "--session", session), 0);
  CHECK(has(output, "ONE=1 TWO=2 working_dir="));
  raysim_shutdown(ray);
  end();
}

/* The file is not there any more, as on another host. */
static void libraries_travel(void)
{
  begin(NULL);
  pid_t node = join();
  char library[128], other[128];
  snprintf(library, sizeof library, "%s/mine.so", base);
  snprintf(other, sizeof other, "%s/s-other", base);
  CHECK_EQ(shell("cp %s %s", LIBRARY, library), 0);
  struct raysim *ray = attach(library, NULL);
  CHECK_EQ(unlink(library), 0);
  for (uint32_t n = 0; n < 3; n++)
    CHECK(is(run_on(ray, n, "test.shell", "echo here", NULL), "here\n"));
  CHECK(is(run_on(ray, 2, "test.shell_below", "echo $BELOW", NULL), "yes\n"));
  CHECK_EQ(unpacked(session), 2);
  CHECK_EQ(unpacked(other), 1);
  raysim_shutdown(ray);
  CHECK(soon_unpacked(session, 0));
  CHECK(soon_unpacked(other, 0));
  kill(node, SIGTERM);
  waitpid(node, NULL, 0);
  end();
}

/* The cluster's own library is a matter of each node: one that lacks it says so to the tasks there. */
static void libraries_that_are_missing(void)
{
  char library[128];
  snprintf(library, sizeof library, "/tmp/raysim-test-%d.so", (int)getpid());
  CHECK_EQ(shell("cp %s %s", LIBRARY, library), 0);
  begin(library);
  CHECK_EQ(unlink(library), 0);
  pid_t node = join();
  struct raysim *ray = attach(NULL, NULL);
  CHECK(is(run_on(ray, 0, "test.shell", "echo here", NULL), "here\n"));
  const char *text = run_on(ray, 2, "test.shell", "echo here", NULL);
  CHECK(has(text, library) && has(text, "is not on this node, and no program has sent it"));
  raysim_shutdown(ray);
  kill(node, SIGTERM);
  waitpid(node, NULL, 0);
  end();
}

const struct rs_test rs_tests[] = {
    {"env: folders travel, once a node, and go with their programs", folders_travel},
    {"env: folders that cannot travel", folders_that_cannot_travel},
    {"env: environments are laid over each other", environments_are_laid_over},
    {"env: libraries travel", libraries_travel},
    {"env: libraries that are missing", libraries_that_are_missing},
    {0},
};
