/* daemon.c -- what raysimd does: a head, or a node that joins one.
 *
 *   raysimd --head [--attached]      started by rs_uv_local_cluster_start; descriptors 3: setup, 4: ready, 5: life
 *   raysimd --join HOST:PORT --token-file FILE [--bind ADDRESS] [--num-cpus K] [--num-gpus G] [--memory BYTES]
 *           [--object-store-memory BYTES] [--resources NAME=AMOUNT,...] [--labels KEY=VALUE,...]
 *           [--load LIBRARY] [--policy LIBRARY] [--session FOLDER]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "uv/function.h"
#include "uv/host.h"
#include "uv/node.h"
#include "uv/node_text.h"
#include "uv/session.h"

static int usage(const char *why)
{
  fprintf(stderr, "raysimd: %s; see `raysim start --help`\n", why);
  return 2;
}

static int head_main(bool attached)
{
  struct rs_node_options *o = rs_alloc_zero(1, sizeof *o);
  struct stat st;
  char error[RS_UV_ERROR_MAX], path[RS_UV_PATH_MAX];
  if (fstat(3, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > RS_UV_FRAME_MAX)
    return usage("--head is for `raysim start --head`");
  setsid(); /* not reached by Ctrl-C in the terminal of whoever started it */
  size_t size = (size_t)st.st_size;
  uint8_t *bytes = rs_alloc(size + 1);
  ssize_t n = read(3, bytes, size);
  close(3);
  struct rs_reader r = {bytes, bytes + (n > 0 ? n : 0), 0};
  if (!rs_node_options_get(&r, o))
    return usage("malformed setup");
  free(bytes);
  o->head = true;
  o->ready_fd = 4;
  o->life_fd = attached ? 5 : -1;
  fcntl(4, F_SETFD, FD_CLOEXEC);
  close_range(attached ? 6 : 5, ~0u, 0);
  rs_session_token_path(o->session, path, sizeof path);
  o->port = o->setup.head_port;
  int rc = rs_auth_token_read(path, o->token, error);
  if (rc == 0)
    rc = rs_setup_open_policy(&o->setup, error);
  if (rc == 0 && o->setup.load[0])
    rc = rs_function_load(o->setup.load, error);
  if (rc == 0)
    rc = o->tcp_fd = rs_bind_tcp(o->bind, &o->port, error);
  if (rc < 0) {
    char line[RS_UV_ERROR_MAX + 8];
    snprintf(line, sizeof line, "E %s\n", error);
    if (write(4, line, strlen(line)) < 0) { /* nobody waits */
    }
    rs_session_remove(o->session);
    return 1;
  }
  o->setup.head_port = o->port;
  rc = rs_node_main(o);
  for (uint32_t i = 0; i < o->node_count; i++)
    rs_node_info_unref(o->infos[i]);
  for (uint32_t i = 0; i < o->type_count; i++)
    rs_node_info_unref(o->types[i].info);
  free(o->infos);
  free(o->types);
  free(o);
  return rc;
}

static bool amount(const char *text, double max, double *out)
{
  char *end;
  errno = 0;
  *out = strtod(text, &end);
  return *text && !*end && errno == 0 && *out >= 0 && *out <= max;
}

static int join_main(int argc, char **argv)
{
  struct rs_node_options *o = rs_alloc_zero(1, sizeof *o);
  char error[RS_UV_ERROR_MAX];
  const char *address = NULL, *token = NULL, *load = NULL;
  struct rs_node_text has = {.cpus = rs_host_cpus()};
  snprintf(o->bind, sizeof o->bind, "127.0.0.1");
  rs_config_defaults(&o->setup.config);
  for (int i = 1; i < argc; i += 2) {
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
    bool fine = value != NULL;
    if (!fine)
      return usage("an option lacks its value");
    if (strcmp(name, "--join") == 0)
      address = value;
    else if (strcmp(name, "--token-file") == 0)
      token = value;
    else if (strcmp(name, "--bind") == 0)
      fine = snprintf(o->bind, sizeof o->bind, "%s", value) < (int)sizeof o->bind;
    else if (strcmp(name, "--session") == 0)
      fine = snprintf(o->session, sizeof o->session, "%s", value) < (int)sizeof o->session;
    else if (strcmp(name, "--load") == 0)
      load = value;
    else if (strcmp(name, "--policy") == 0)
      fine = snprintf(o->setup.policy_library, sizeof o->setup.policy_library, "%s", value) < RS_UV_PATH_MAX;
    else if (strcmp(name, "--num-cpus") == 0)
      fine = amount(value, 1e6, &has.cpus);
    else if (strcmp(name, "--num-gpus") == 0)
      fine = amount(value, RS_GPU_MAX, &has.gpus) && has.gpus == (double)(int)has.gpus;
    else if (strcmp(name, "--memory") == 0)
      fine = amount(value, 1e18, &has.memory_bytes);
    else if (strcmp(name, "--object-store-memory") == 0)
      fine = amount(value, 1e18, &has.store_bytes);
    else if (strcmp(name, "--resources") == 0)
      has.resources = value;
    else if (strcmp(name, "--labels") == 0)
      has.labels = value;
    else
      return usage("unknown option");
    if (!fine)
      return usage("an option has a value out of range");
  }
  const char *colon = address ? strrchr(address, ':') : NULL;
  char *end;
  long port = colon ? strtol(colon + 1, &end, 10) : 0;
  if (!token || !colon || *end || port < 1 || port > 65535 || colon - address >= (long)sizeof o->setup.head_host)
    return usage("--join HOST:PORT and --token-file FILE are needed, with a numeric address");
  memcpy(o->setup.head_host, address, (size_t)(colon - address));
  o->setup.head_port = (uint16_t)port;
  if (!rs_auth_init() || rs_auth_token_read(token, o->token, error) != 0 ||
      (load && rs_function_load(load, error) != 0)) {
    fprintf(stderr, "raysimd: %s\n", error);
    return 2;
  }
  const char *option, *right;
  o->info = rs_node_text_info(&has, &option, &right);
  if (!o->info) {
    fprintf(stderr, "raysimd: %s: %s\n", option, right);
    return 2;
  }
  o->ready_fd = o->life_fd = o->tcp_fd = -1;
  int rc = rs_node_main(o);
  rs_node_info_unref(o->info);
  free(o);
  return rc;
}

int rs_uv_daemon_main(int argc, char **argv)
{
  rs_function_register_builtin();
  if (argc > 1 && strcmp(argv[1], "--head") == 0)
    return head_main(argc > 2 && strcmp(argv[2], "--attached") == 0);
  if (argc > 1)
    return join_main(argc, argv);
  return usage("nothing to do");
}
