/* status.c -- raysim status: what the head's driver knows of its nodes, as text or JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/start.h"
#include "uv/uv.h"

static const char help[] = "usage: raysim status [--session FOLDER] [--format text|json]\n";

static void print_text(const struct rs_uv_status *status, const char *session)
{
  double cpus = 0, gpus = 0;
  uint32_t alive = 0;
  printf("%-5s %-6s %-8s %-22s %8s %5s %14s\n", "node", "state", "pid", "address", "CPUs", "GPUs", "memory bytes");
  for (uint32_t i = 0; i < status->node_count; i++) {
    const struct rs_uv_node *n = &status->nodes[i];
    char address[96];
    snprintf(address, sizeof address, "%s:%u", n->host, n->port);
    double c = n->info ? (double)n->info->total.cpu_e4 / RS_ONE_E4 : 0;
    int g = n->info ? n->info->total.gpu_count : 0;
    printf("%-5u %-6s %-8d %-22s %8g %5d %14" PRId64 "\n", rs_addr_node(n->raylet), n->alive ? "alive" : "dead", n->pid,
           n->alive ? address : "-", c, g, n->info ? n->info->total.memory_bytes : 0);
    if (n->alive) {
      alive++;
      cpus += c;
      gpus += g;
    }
  }
  printf("%u of %u nodes alive, %g CPUs, %g GPUs\n", alive, status->node_count, cpus, gpus);
  if (session)
    printf("session %s\n", session);
}

static void print_json(const struct rs_uv_status *status)
{
  printf("{\"nodes\": [");
  for (uint32_t i = 0; i < status->node_count; i++) {
    const struct rs_uv_node *n = &status->nodes[i];
    printf("%s{\"node\": %u, \"incarnation\": %u, \"alive\": %s, \"pid\": %d, \"host\": \"%s\", \"port\": %u, "
           "\"cpus\": %g, \"gpus\": %d, \"memory_bytes\": %" PRId64 "}",
           i ? ", " : "", rs_addr_node(n->raylet), rs_addr_incarnation(n->raylet), n->alive ? "true" : "false", n->pid,
           n->host, n->port, n->info ? (double)n->info->total.cpu_e4 / RS_ONE_E4 : 0,
           n->info ? n->info->total.gpu_count : 0, n->info ? n->info->total.memory_bytes : 0);
  }
  printf("]}\n");
}

int rs_cmd_status(int argc, char **argv)
{
  const char *session = NULL, *format = "text";
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      fputs(help, stdout);
      return 0;
    } else if (strncmp(argv[i], "--session=", 10) == 0) {
      session = argv[i] + 10;
    } else if (strcmp(argv[i], "--session") == 0 && i + 1 < argc) {
      session = argv[++i];
    } else if (strncmp(argv[i], "--format=", 9) == 0) {
      format = argv[i] + 9;
    } else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc) {
      format = argv[++i];
    } else {
      fprintf(stderr, "raysim status: %s: there is no such option; %s", argv[i], help);
      return 2;
    }
  }
  if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
    fprintf(stderr, "raysim status: --format %s: text or json is wanted\n", format);
    return 2;
  }
  struct rs_uv_status status;
  char error[RS_UV_ERROR_MAX];
  if (rs_uv_status_get(session, &status, error) != 0) {
    fprintf(stderr, "raysim status: %s\n", error);
    return 1;
  }
  if (strcmp(format, "json") == 0)
    print_json(&status);
  else
    print_text(&status, session);
  rs_uv_status_free(&status);
  return 0;
}
