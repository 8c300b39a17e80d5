/* calibrate.c -- `raysim calibrate`: gives the calibration (sim/calibrate.h) a real cluster to measure. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/real.h"
#include "sim/calibrate.h"
#include "uv/uv.h"

static int start_nodes(const struct rs_config *config, uint32_t nodes, uint64_t store_bytes, void **cluster, char *err,
                       size_t err_size)
{
  char error[RS_UV_ERROR_MAX];
  struct rs_res nothing = {0}, total = {.cpu_e4 = RS_ONE_E4, .store_bytes = (int64_t)store_bytes};
  struct rs_node_info **infos = rs_alloc((nodes + 1) * sizeof *infos), *info = rs_node_info_new(&total);
  infos[0] = rs_node_info_new(&nothing);
  for (uint32_t i = 1; i <= nodes; i++)
    infos[i] = info;
  const struct rs_uv_cluster_options options = {.config = config, .node_count = nodes + 1, .infos = infos};
  struct rs_uv_cluster *started = NULL;
  int status = rs_uv_local_cluster_start(&options, &started, error);
  rs_node_info_unref(infos[0]);
  rs_node_info_unref(info);
  free(infos);
  if (status != 0)
    snprintf(err, err_size, "%s", error);
  *cluster = started;
  return status;
}

static int start(const struct rs_config *config, uint32_t cpus, void **cluster, int *pid, char *err, size_t err_size)
{
  char error[RS_UV_ERROR_MAX];
  struct rs_res total = {.cpu_e4 = (int64_t)cpus * RS_ONE_E4, .memory_bytes = INT64_C(1) << 30};
  struct rs_node_info *info = rs_node_info_new(&total);
  const struct rs_uv_cluster_options options = {.config = config, .node_count = 1, .infos = &info};
  struct rs_uv_cluster *started = NULL;
  int status = rs_uv_local_cluster_start(&options, &started, error);
  rs_node_info_unref(info);
  if (status != 0) {
    snprintf(err, err_size, "%s", error);
    return status;
  }
  *cluster = started;
  *pid = rs_uv_cluster_pid(started);
  return 0;
}

static int run(void *cluster, struct rs_app *app, struct rs_calibrate_traffic *traffic, char *err, size_t err_size)
{
  char error[RS_UV_ERROR_MAX];
  struct rs_uv_run_stats stats = {0};
  const struct rs_uv_run how = {.session = rs_uv_cluster_session(cluster), .app = app};
  int status = rs_uv_run_app(&how, &stats, error);
  if (status != 0)
    snprintf(err, err_size, "%s", error);
  *traffic = (struct rs_calibrate_traffic){.inputs = stats.inputs,
                                           .messages_in = stats.messages_in,
                                           .messages_out = stats.messages_out,
                                           .bytes_in = stats.bytes_in,
                                           .bytes_out = stats.bytes_out,
                                           .wall_ns = stats.wall_ns};
  return status;
}

static void stop(void *cluster)
{
  rs_uv_local_cluster_stop(cluster);
}

int cli_calibrate(int argc, char **argv)
{
  const struct rs_calibrate_real real = {start, run, stop, start_nodes};
  return rs_cmd_calibrate(argc, argv, &real);
}
