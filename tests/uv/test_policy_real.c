/* A placement policy out of a shared library on a real cluster: examples/policy_two_choices, which no other test knows.
 *
 * That it decided is seen in the recordings of the raylets: conform_replay gives the recorded effects with the library,
 * and others with any built-in policy. */
#include "local.h"

#include <stdarg.h>
#include <sys/wait.h>

#define LIBRARY RS_BINARY_DIR "/examples/policy_two_choices.so"

static char folder[64], output[16384];

static int command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int command(const char *format, ...)
{
  char text[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  FILE *pipe = popen(text, "r");
  CHECK(pipe != NULL);
  size_t size = fread(output, 1, sizeof output - 1, pipe);
  output[size] = 0;
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int lines(void)
{
  int count = 0;
  for (const char *at = output; *at; at++)
    count += *at == '\n';
  return count;
}

static void begin(void)
{
  snprintf(folder, sizeof folder, "/tmp/raysim-policy-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
}

static void end(void)
{
  CHECK_EQ(command("rm -rf %s", folder), 0);
}

/* The decisions that raylet `node` recorded are the library's. */
static void it_decided(uint32_t node)
{
  const char *replay = RS_BINARY_DIR "/tests/conform_replay";
  CHECK_EQ(command("%s %s/raylet-%u.1.1.rec 2>&1", replay, folder, node), 2);
  CHECK(strstr(output, "no built-in policy is named \"two-choices\"") != NULL);
  CHECK_EQ(command("%s --policy %s %s/raylet-%u.1.1.rec 2>&1", replay, LIBRARY, folder, node), 0);
  CHECK(strstr(output, "the same") != NULL);
  CHECK_EQ(command("%s --policy hybrid %s/raylet-%u.1.1.rec 2>&1", replay, folder, node), 1);
  CHECK_EQ(command("%s --policy spread %s/raylet-%u.1.1.rec 2>&1", replay, folder, node), 1);
}

#if RS_HAS_SIM
static void scenario(const char *placement)
{
  char path[128];
  snprintf(path, sizeof path, "%s/s.xml", folder);
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  fprintf(file,
          "<?xml version=\"1.0\"?>\n<scenario name=\"s\">\n"
          "  <cluster>\n    <nodes name=\"node\" count=\"4\" cpus=\"2\"/>\n  </cluster>\n"
          "  <policies placement=\"%s\"/>\n  <tasks count=\"40\" duration=\"20 ms\"/>\n</scenario>\n",
          placement);
  CHECK_EQ(fclose(file), 0);
}

/* The library's path is relative to the scenario's file, and raysim and raysimd run elsewhere. */
static void scenario_on_a_cluster(void)
{
  begin();
  CHECK_EQ(command("cp %s %s/policy.so", LIBRARY, folder), 0);
  scenario("./policy.so");
  CHECK_EQ(command("cd / && RAYSIM_RECORD=%s %s/raysim --real --quiet %s/s.xml --out %s/out 2>&1", folder,
                   RS_BINARY_DIR, folder, folder),
           0);
  CHECK(strstr(output, "40") != NULL);
  it_decided(0); /* the driver program's node */
  end();
}

static void missing_or_no_policy(void)
{
  begin();
  scenario("./absent.so");
  for (int real = 0; real < 2; real++) {
    CHECK_EQ(
        command("%s/raysim %s --quiet %s/s.xml --out %s/out 2>&1", RS_BINARY_DIR, real ? "--real" : "", folder, folder),
        2);
    CHECK_EQ(lines(), 1);
    CHECK(strstr(output, "s.xml:6: ") != NULL && strstr(output, "absent.so") != NULL);
  }
  scenario("./text.so");
  CHECK_EQ(command("echo no library >%s/text.so", folder), 0);
  CHECK_EQ(command("%s/raysim --real --quiet %s/s.xml --out %s/out 2>&1", RS_BINARY_DIR, folder, folder), 2);
  CHECK_EQ(lines(), 1);
  CHECK(strstr(output, "s.xml:6: ") != NULL && strstr(output, "text.so") != NULL);
  scenario("hybrid");
  CHECK_EQ(command("%s/raysim --real --quiet %s/s.xml --out %s/out --set policies/@placement=%s/text.so 2>&1",
                   RS_BINARY_DIR, folder, folder, folder),
           2);
  CHECK(lines() == 1 && strstr(output, "s.xml:6: ") != NULL);
  CHECK_EQ(command("sed -i /policies/d %s/s.xml", folder), 0); /* now --set makes the element, which has no line */
  CHECK_EQ(command("%s/raysim --real --quiet %s/s.xml --out %s/out --set policies/@placement=%s/text.so 2>&1",
                   RS_BINARY_DIR, folder, folder, folder),
           2);
  CHECK(lines() == 1 && strstr(output, "s.xml (--set): ") != NULL);
  CHECK_EQ(command("%s/raysim start --head --policy %s/text.so 2>&1", RS_BINARY_DIR, folder), 2);
  CHECK_EQ(lines(), 1);
  CHECK_EQ(command("%s/raysim start --head --policy ./absent.so 2>&1", RS_BINARY_DIR), 2);
  CHECK_EQ(lines(), 1);
  end();
}

#endif

/* `raysim start --policy LIBRARY`: its own nodes and one that joins by hand; one whose library is another is refused.
 */
static void started_by_hand(void)
{
  begin();
  unsigned port;
  char session[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX] = "";
  CHECK_EQ(command("cd %s/examples && RAYSIM_RECORD=%s ../raysim start --head --nodes 3 --num-cpus 2 --policy "
                   "policy_two_choices.so 2>&1",
                   RS_BINARY_DIR, folder),
           0);
  CHECK_EQ(sscanf(output, "head at 127.0.0.1:%u", &port), 1);
  const char *at = strstr(output, "session ");
  CHECK(at && sscanf(at, "session %255s", session) == 1);
  CHECK_EQ(
      command("%s/raysim start --address=127.0.0.1:%u --session %s --num-cpus 2 2>&1", RS_BINARY_DIR, port, session),
      0);
  CHECK_EQ(command("%s/raysim start --address=127.0.0.1:%u --session %s --policy %s/text.so 2>&1", RS_BINARY_DIR, port,
                   session, folder),
           2);
  CHECK_EQ(lines(), 1);
  struct rs_uv_client *client;
  CHECK_EQ(rs_uv_client_open(session, &client, error), 0);
  uint32_t nodes[64] = {0};
  for (int i = 0; i < 5; i++)
    local_take(client, local_submit(client, 24, 30000, 0), 24, nodes);
  rs_uv_client_close(client);
  CHECK_EQ(command("%s/raysim stop --session %s", RS_BINARY_DIR, session), 0);
  for (int i = 0; i < 4; i++)
    CHECK(nodes[i] > 0);
  it_decided(0);
  CHECK_EQ(command("%s/tests/conform_replay --policy %s %s/raylet-3.1.1.rec", RS_BINARY_DIR, LIBRARY, folder), 0);
  end();
}

const struct rs_test rs_tests[] = {
#if RS_HAS_SIM
    {"a scenario on a cluster", scenario_on_a_cluster},
    {"missing, or no policy", missing_or_no_policy},
#endif
    {"started by hand", started_by_hand},
    {0}};
