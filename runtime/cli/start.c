/* start.c -- raysim start: a head with its nodes, or a node that joins a head. */
#include "cli/start.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "dl/policy_library.h"
#include "uv/host.h"
#include "uv/node_text.h"
#include "uv/session.h"
#include "uv/settings.h"
#include "uv/uv.h"

extern char **environ;

static const char help[] =
    "usage: raysim start --head [--nodes N] [NODE]... [--port P] [--bind ADDRESS]\n"
    "                    [--set SETTING=VALUE]... [--policy NAME|LIBRARY] [--load LIBRARY] [--block]\n"
    "       raysim start --address=HOST:PORT [NODE]... [--bind ADDRESS]\n"
    "                    [--token-file FILE] [--policy LIBRARY] [--load LIBRARY]\n"
    "\n"
    "  NODE          what each node has: [--num-cpus K] [--num-gpus G] [--memory BYTES] [--object-store-memory BYTES]\n"
    "                [--resources NAME=AMOUNT,NAME=AMOUNT...] [--labels KEY=VALUE,KEY=VALUE...]\n"
    "  --head        start a cluster on this host: a head and N - 1 more nodes (default 1), each with K logical CPUs\n"
    "                (default: those that this command may use), until `raysim stop`\n"
    "  --address     add a node of this host to the cluster whose head listens there\n"
    "  --bind        numeric address to listen on; default 127.0.0.1, so that nobody else reaches it\n"
    "  --token-file  the cluster's token, copied from the head's session folder; default: that of the newest session "
    "here\n"
    "  --policy      placement policy: a name of `raysim list policies`, or a shared library (its name has a '/' or "
    "ends\n"
    "                in .so; docs/policies.md). Nodes that join take the cluster's; for them --policy is where the "
    "cluster's\n"
    "                library is on their host, if not at the same path\n"
    "  --load        shared library with functions for the workers (runtime/api/raysim.h)\n"
    "  --block       stay in the foreground and end the cluster with this command\n";

struct arguments {
  bool head, block;
  const char *address, *bind, *token, *load, *policy, *session;
  const char *num_cpus, *num_gpus, *memory, *store; /* as they are said */
  const char *head_only;                            /* the last option that a node that joins does not have */
  uint32_t nodes;
  uint16_t port;
  struct rs_node_text has;
  struct rs_config config;
};

static int wrong(const char *what, const char *value, const char *right)
{
  fprintf(stderr, "raysim start: %s%s%s: %s\n", what, value ? " " : "", value ? value : "", right);
  return 2;
}

static bool number(const char *text, double min, double max, double *out)
{
  char *end;
  errno = 0;
  *out = strtod(text, &end);
  return *text && !*end && errno == 0 && *out >= min && *out <= max;
}

static bool numeric(const char *address)
{
  const char *colon = strrchr(address, ':');
  char host[64], any[sizeof(struct in6_addr)];
  double port;
  if (!colon || (size_t)(colon - address) >= sizeof host || !number(colon + 1, 1, 65535, &port))
    return false;
  memcpy(host, address, (size_t)(colon - address));
  host[colon - address] = 0;
  return inet_pton(AF_INET, host, any) == 1 || inet_pton(AF_INET6, host, any) == 1;
}

static int set_config(struct arguments *a, const char *text)
{
  char error[RS_UV_ERROR_MAX];
  if (rs_settings_add(&a->config, text, error) == 0)
    return 0;
  fprintf(stderr, "raysim start: --set: %s\n", error);
  return 2;
}

static int set_policy(struct arguments *a, const char *text)
{
  char error[RS_UV_ERROR_MAX];
  if (rs_policy_is_library(text)) {
    a->policy = text;
    if (rs_policy_open(text, error, sizeof error))
      return 0;
    fprintf(stderr, "raysim start: %s\n", error);
    return 2;
  }
  a->policy = NULL;
  a->config.policy = rs_place_policy_by_name(text);
  return a->config.policy ? 0 : wrong("--policy", text, "there is no such policy; `raysim list policies` has them all");
}

static int parse(int argc, char **argv, struct arguments *a)
{
  a->nodes = 1;
  a->has.cpus = rs_host_cpus();
  rs_config_defaults(&a->config);
  char error[RS_UV_ERROR_MAX];
  if (rs_settings_from_environment(&a->config, error) != 0) {
    fprintf(stderr, "raysim start: %s\n", error);
    return 2;
  }
  for (int i = 1; i < argc; i++) {
    char *name = argv[i], *equals = strchr(name, '='), *value = NULL;
    double n;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
      fputs(help, stdout);
      return -1;
    }
    if (strcmp(name, "--head") == 0) {
      a->head = true;
      continue;
    }
    if (strcmp(name, "--block") == 0) {
      a->block = true;
      a->head_only = "--block";
      continue;
    }
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    if (equals)
      value = equals + 1;
    else if (i + 1 < argc)
      value = argv[++i];
    else
      return wrong(name, NULL, "a known option with a value is wanted; see raysim start --help");
#define IS(text) (length == sizeof text - 1 && strncmp(name, text, length) == 0)
    if (IS("--nodes") || IS("--port") || IS("--set") || (IS("--policy") && !rs_policy_is_library(value)))
      a->head_only = argv[equals ? i : i - 1];
    if (IS("--address"))
      a->address = value;
    else if (IS("--bind"))
      a->bind = value;
    else if (IS("--token-file"))
      a->token = value;
    else if (IS("--load"))
      a->load = value;
    else if (IS("--session"))
      a->session = value;
    else if (IS("--nodes")) {
      if (!number(value, 1, RS_UV_LOCAL_NODES_MAX, &n) || n != (double)(uint32_t)n)
        return wrong("--nodes", value, "a whole number from 1 to 4096 is wanted");
      a->nodes = (uint32_t)n;
    } else if (IS("--port")) {
      if (!number(value, 0, 65535, &n) || n != (double)(uint16_t)n)
        return wrong("--port", value, "a port from 0 (any free one) to 65535 is wanted");
      a->port = (uint16_t)n;
    } else if (IS("--num-cpus")) {
      if (!number(value, 0, 1e6, &a->has.cpus) || (a->has.cpus > 0 && a->has.cpus < 1.0 / RS_ONE_E4))
        return wrong("--num-cpus", value, "a number from 0 to 1000000 is wanted, no finer than 0.0001");
      a->num_cpus = value;
    } else if (IS("--num-gpus")) {
      if (!number(value, 0, RS_GPU_MAX, &a->has.gpus) || a->has.gpus != (double)(int)a->has.gpus)
        return wrong("--num-gpus", value, "a whole number from 0 to 16 is wanted");
      a->num_gpus = value;
    } else if (IS("--memory") || IS("--object-store-memory")) {
      bool store = length > sizeof "--memory";
      if (!number(value, 0, 1e18, store ? &a->has.store_bytes : &a->has.memory_bytes))
        return wrong(store ? "--object-store-memory" : "--memory", value, "a number of bytes is wanted");
      *(store ? &a->store : &a->memory) = value;
    } else if (IS("--resources")) {
      a->has.resources = value;
    } else if (IS("--labels")) {
      a->has.labels = value;
    } else if (IS("--policy")) {
      int rc = set_policy(a, value);
      if (rc != 0)
        return rc;
    } else if (IS("--set")) {
      int rc = set_config(a, value);
      if (rc != 0)
        return rc;
    } else {
      return wrong(name, NULL, "there is no such option; see raysim start --help");
    }
#undef IS
  }
  if (a->head == (a->address != NULL))
    return wrong("--head or --address=HOST:PORT", NULL, "exactly one of them is wanted");
  if (a->address && a->head_only)
    return wrong(a->head_only, NULL, "goes with --head; a node takes the cluster's when it joins");
  if (a->head && (a->token || a->session))
    return wrong(a->token ? "--token-file" : "--session", NULL, "goes with --address; --head makes its own");
  if (a->address && !numeric(a->address))
    return wrong("--address", a->address, "a numeric address and a port are wanted, such as 127.0.0.1:6379");
  return 0;
}

static int start_head(const struct arguments *a, struct rs_node_info *info)
{
  struct rs_node_info **infos = rs_alloc(a->nodes * sizeof *infos);
  for (uint32_t i = 0; i < a->nodes; i++)
    infos[i] = info;
  struct rs_uv_cluster *cluster;
  char error[RS_UV_ERROR_MAX];
  int rc = rs_uv_local_cluster_start(&(struct rs_uv_cluster_options){.config = &a->config,
                                                                     .node_count = a->nodes,
                                                                     .infos = infos,
                                                                     .load = a->load,
                                                                     .policy = a->policy,
                                                                     .port = a->port,
                                                                     .bind = a->bind,
                                                                     .detached = !a->block},
                                     &cluster, error);
  free(infos);
  if (rc != 0) {
    fprintf(stderr, "raysim start: %s\n", error);
    return 1;
  }
  rs_node_text_add_names(&a->has, rs_uv_cluster_session(cluster));
  const char *host = a->bind ? a->bind : "127.0.0.1";
  printf("head at %s:%u, %u node%s of %g CPUs\n", host, rs_uv_cluster_port(cluster), a->nodes, a->nodes == 1 ? "" : "s",
         a->has.cpus);
  printf("session %s\n", rs_uv_cluster_session(cluster));
  printf("add a node:  raysim start --address=%s:%u\n", host, rs_uv_cluster_port(cluster));
  printf("end it:      raysim stop\n");
  fflush(stdout);
  if (a->block) {
    int status;
    while (waitpid(rs_uv_cluster_pid(cluster), &status, 0) < 0 && errno == EINTR)
      ;
  }
  rs_uv_local_cluster_stop(cluster);
  return 0;
}

/* A node runs by itself once it has joined; that is seen in the session's list of processes, or it has ended. */
static int start_node(const struct arguments *a)
{
  char session[RS_UV_PATH_MAX], token[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  bool own = false;
  if (a->token) {
    snprintf(token, sizeof token, "%s", a->token);
  } else {
    if (rs_session_find(a->session, session, error) != 0) {
      fprintf(stderr, "raysim start: %s; or name the cluster's token with --token-file\n", error);
      return 1;
    }
    rs_session_token_path(session, token, sizeof token);
    own = true;
  }
  if (access(token, R_OK) != 0) {
    fprintf(stderr, "raysim start: %s: cannot read the cluster's token: %s\n", token, strerror(errno));
    return 1;
  }
  char program[RS_UV_PATH_MAX + 16];
  rs_uv_find_program(NULL, program, sizeof program);
  const char *argv[32] = {"raysimd", "--join", a->address, "--token-file", token};
  int count = 5;
  const char *more[][2] = {{"--bind", a->bind},
                           {"--num-cpus", a->num_cpus},
                           {"--num-gpus", a->num_gpus},
                           {"--memory", a->memory},
                           {"--object-store-memory", a->store},
                           {"--resources", a->has.resources},
                           {"--labels", a->has.labels},
                           {"--load", a->load},
                           {"--policy", a->policy},
                           {"--session", own ? session : NULL}};
  for (unsigned i = 0; i < sizeof more / sizeof more[0]; i++)
    if (more[i][1]) {
      argv[count++] = more[i][0];
      argv[count++] = more[i][1];
    }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  int ready[2];
  int said =
      memfd_create("raysim-start", MFD_CLOEXEC); /* what it says on stderr until then; nothing waits for its end */
  if (said < 0 || pipe2(ready, O_CLOEXEC) != 0) {
    fprintf(stderr, "raysim start: %s\n", strerror(errno));
    return 1;
  }
  posix_spawn_file_actions_adddup2(&actions, ready[1], 1); /* it says where it is, then lets go of both outputs */
  posix_spawn_file_actions_adddup2(&actions, said, 2);
  pid_t pid;
  int rc = posix_spawnp(&pid, program, &actions, &attributes, (char **)(uintptr_t)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ready[1]);
  if (rc != 0) {
    fprintf(stderr, "raysim start: %s: cannot start it: %s\n", program, strerror(rc));
    return 1;
  }
  char text[128], errors[1024];
  ssize_t got = read(ready[0], text, sizeof text - 1);
  close(ready[0]);
  ssize_t n = pread(said, errors, sizeof errors, 0);
  close(said);
  if (n > 0)
    fwrite(errors, 1, (size_t)n, stderr);
  if (got <= 0) { /* it has said why */
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 1;
  }
  text[got] = 0;
  fputs(text, stdout);
  if (own)
    rs_node_text_add_names(&a->has, session);
  return 0;
}

int rs_cmd_start(int argc, char **argv)
{
  struct arguments a = {0};
  int rc = parse(argc, argv, &a);
  if (rc != 0)
    return rc < 0 ? 0 : rc;
  const char *option, *right;
  struct rs_node_info *info = rs_node_text_info(&a.has, &option, &right);
  if (!info)
    return wrong(option, strcmp(option, "--labels") == 0 ? a.has.labels : a.has.resources, right);
  rc = a.head ? start_head(&a, info) : start_node(&a);
  rs_node_info_unref(info);
  return rc;
}
