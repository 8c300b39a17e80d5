/* raysim start, stop and status: a cluster that outlives its command, a node that joins it by hand, wrong usage. */
#include "cli/start.h"
#include "local.h"
#include "run_command.h"
#include "uv/node_text.h"

static int lines(void)
{
  int count = 0;
  for (const char *at = output; *at; at++)
    count += *at == '\n';
  return count;
}

static void usage(void)
{
  CHECK_EQ(RUN(rs_cmd_start, "--nodes", "4"), 2);
  CHECK_EQ(lines(), 1);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--address=127.0.0.1:1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--nodes", "0"), 2);
  CHECK(strstr(output, "--nodes 0") != NULL);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--num-cpus", "many"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--num-cpus=nan"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--num-cpus=0.00001"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--resources=x=0.00001"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--object-store-memory", "-1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--resources", "tpu"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--resources", "CPU=1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--resources", "tpu=-1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--resources", "a=1,b=1,c=1,d=1,e=1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--labels", "zone="), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--port", "65536"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--set", "no_such=1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--policy", "nonsense"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--what", "1"), 2);
  CHECK_EQ(lines(), 1);
  CHECK_EQ(RUN(rs_cmd_stop, "--what"), 2);
  CHECK_EQ(RUN(rs_cmd_status, "--format", "xml"), 2);
  CHECK_EQ(RUN(rs_cmd_status, "--session", "/nonexistent"), 1);
  CHECK_EQ(lines(), 1);
  CHECK_EQ(RUN(rs_cmd_stop, "--session", "/nonexistent"), 1);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--load", "/nonexistent.so"), 1);
  CHECK_EQ(lines(), 1);
  CHECK_EQ(RUN(rs_cmd_start, "--address=127.0.0.1:1", "--token-file", "/nonexistent"), 1);
}

static void whole_life(void)
{
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--nodes", "2", "--num-cpus", "1.5"), 0);
  char session[RS_UV_PATH_MAX], address[80], other[RS_UV_PATH_MAX + 16];
  unsigned port;
  const char *at = strstr(output, "session ");
  CHECK(at && sscanf(at, "session %255s", session) == 1);
  CHECK(sscanf(output, "head at 127.0.0.1:%u", &port) == 1);
  CHECK_EQ(RUN(rs_cmd_status, "--session", session), 0);
  CHECK(strstr(output, "2 of 2 nodes alive, 3 CPUs") != NULL);
  /* a node by hand */
  snprintf(address, sizeof address, "--address=127.0.0.1:%u", port);
  CHECK_EQ(RUN(rs_cmd_start, address, "--session", session, "--num-cpus", "2"), 0);
  CHECK(strstr(output, "node 2 joined") != NULL);
  /* it has joined; what it has is known once its raylet has registered */
  for (int i = 0; i < 500; i++, local_pause_ms(10)) {
    CHECK_EQ(RUN(rs_cmd_status, "--session", session, "--format=json"), 0);
    if (strstr(output, "\"cpus\": 2,"))
      break;
  }
  CHECK(strstr(output, "\"node\": 2, \"incarnation\": 1, \"alive\": true") != NULL);
  CHECK(strstr(output, "\"cpus\": 2,") != NULL);
  /* one with another token */
  char error[RS_UV_ERROR_MAX];
  snprintf(other, sizeof other, "%s/other", session);
  CHECK_EQ(rs_auth_token_create(other, error), 0);
  CHECK_EQ(RUN(rs_cmd_start, address, "--token-file", other), 1);
  CHECK(strstr(output, "token") != NULL);
  /* it works, on all three */
  struct rs_uv_client *client;
  CHECK_EQ(rs_uv_client_open(session, &client, error), 0);
  uint32_t nodes[64] = {0};
  local_take(client, local_submit(client, 60, 20000, 0), 60, nodes);
  CHECK(nodes[0] > 0 && nodes[1] > 0 && nodes[2] > 0);
  struct rs_uv_status status;
  CHECK_EQ(rs_uv_status_get(session, &status, error), 0);
  int pids[3] = {status.nodes[0].pid, status.nodes[1].pid, status.nodes[2].pid};
  rs_uv_status_free(&status);
  rs_uv_client_close(client);
  CHECK_EQ(RUN(rs_cmd_stop, "--session", session), 0);
  for (int i = 0; i < 200 && rs_process_start_time(pids[2]); i++)
    local_pause_ms(10);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(rs_process_start_time(pids[i]), 0);
  struct stat st;
  CHECK(stat(session, &st) != 0);
  CHECK_EQ(RUN(rs_cmd_status, "--session", session), 1);
}

/* The head is killed: its folder goes with the next command that looks for a cluster or starts one, at once; one that
 * begins, and one that lives, stay. */
static void left_by_a_killed_head(void)
{
  for (int how = 0; how < 3; how++) {
    CHECK_EQ(RUN(rs_cmd_start, "--head", "--nodes", "2", "--num-cpus", "1"), 0);
    char session[RS_UV_PATH_MAX], young[RS_UV_PATH_MAX];
    const char *at = strstr(output, "session ");
    CHECK(at && sscanf(at, "session %255s", session) == 1);
    struct rs_session_head head;
    CHECK(rs_session_read_head(session, &head));
    snprintf(young, sizeof young, "%.*s/s-1-test", (int)(strrchr(session, '/') - session), session);
    CHECK_EQ(mkdir(young, 0700), 0);
    kill(head.pid, SIGKILL);
    for (int i = 0; i < 300 && rs_process_start_time(head.pid) == head.start_time; i++)
      local_pause_ms(10);
    struct stat st;
    CHECK_EQ(stat(session, &st), 0);
    if (how == 0) {
      CHECK_EQ(RUN(rs_cmd_stop, "--session", session), 1);
      CHECK_EQ(lines(), 1);
    } else if (how == 1) {
      RUN(rs_cmd_status, "--format", "text"); /* of another cluster of this user, if there is one */
    } else {
      char other[RS_UV_PATH_MAX];
      CHECK_EQ(RUN(rs_cmd_start, "--head", "--num-cpus", "1"), 0);
      at = strstr(output, "session ");
      CHECK(at && sscanf(at, "session %255s", other) == 1);
      CHECK(rs_session_live(other));
      CHECK_EQ(RUN(rs_cmd_stop, "--session", other), 0);
    }
    CHECK(stat(session, &st) != 0);
    CHECK_EQ(rmdir(young), 0);
  }
}

static void options_of_the_other_form(void)
{
  CHECK_EQ(RUN(rs_cmd_start, "--address=127.0.0.1:1", "--nodes", "3"), 2);
  CHECK(strstr(output, "--nodes") != NULL && lines() == 1);
  CHECK_EQ(RUN(rs_cmd_start, "--address=127.0.0.1:1", "--policy=pack"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--address=127.0.0.1:1", "--block"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--address=127.0.0.1:1", "--set", "trace_level=1"), 2);
  CHECK_EQ(RUN(rs_cmd_start, "--head", "--token-file", "/dev/null"), 2);
  CHECK(strstr(output, "--token-file") != NULL && lines() == 1);
}

/* What options say is what the node has. */
static void what_a_node_has(void)
{
  const char *option, *right;
  struct rs_node_text text = {
      .cpus = 2, .gpus = 1, .store_bytes = 1e8, .resources = "tpu=4,disk=1.5", .labels = "zone=a,rack=r1"};
  struct rs_node_info *info = rs_node_text_info(&text, &option, &right);
  CHECK(info && info->total.cpu_e4 == 2 * RS_ONE_E4 && info->total.gpu_count == 1);
  CHECK_EQ(info->total.store_bytes, 100000000);
  struct rs_demand demand = {.cpu_e4 = RS_ONE_E4};
  rs_demand_set_custom(&demand, "tpu", 4 * RS_ONE_E4);
  rs_demand_set_custom(&demand, "disk", 15000);
  CHECK(rs_node_feasible(info, &demand));
  rs_demand_set_custom(&demand, "disk", 15001);
  CHECK(!rs_node_feasible(info, &demand));
  CHECK_EQ(info->label_count, 2);
  CHECK(info->labels[0].key == rs_name_hash("zone") && info->labels[0].value == rs_name_hash("a"));
  rs_node_info_unref(info);
}

const struct rs_test rs_tests[] = {{"what a node has", what_a_node_has},
                                   {"usage", usage},
                                   {"whole_life", whole_life},
                                   {"left_by_a_killed_head", left_by_a_killed_head},
                                   {"options_of_the_other_form", options_of_the_other_form},
                                   {0}};
