/* cluster.c -- from the description of a cluster to nodes on SimGrid hosts.
 *
 * The generated platform is one SimGrid cluster for each rack of a group, all of them hung from a core zone that holds
 * the head: node -- link (NIC) -- rack router -- uplink -- core. Without racks the uplinks have no limit and no
 * latency. SimGrid loads some 500 such zones quickly; the cost grows with their square, so a cluster of 100,000 nodes
 * wants racks of several hundred nodes or none. */
#include "sim/cluster.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/simgrid_compat.h"

void rs_sim_cluster_simple(struct rs_sim_cluster *cluster, struct rs_sim_group *group, uint32_t count, uint32_t cpus)
{
  struct rs_res total = {
      .cpu_e4 = (int64_t)cpus * RS_ONE_E4, .memory_bytes = INT64_C(64) << 30, .store_bytes = INT64_C(16) << 30};
  *group = (struct rs_sim_group){.name = "node", .info = rs_node_info_new(&total), .count = count, .speed = 1};
  *cluster = (struct rs_sim_cluster){
      .groups = group, .group_count = 1, .net = {.nic_bytes_per_s = 1250000000, .latency_ns = 50000}};
}

void rs_sim_cluster_this_machine(struct rs_sim_cluster *cluster, uint32_t cores, struct rs_cost *cost)
{
  cost->shared_cores = cores;
  cost->shared_by_all = true;
  cluster->net = (struct rs_sim_net){.nic_bytes_per_s = cost->local_bytes_per_s ? cost->local_bytes_per_s : 4000000000u,
                                     .latency_ns = cost->local_latency_ns};
}

static uint32_t most_of(const struct rs_sim_group *group)
{
  return group->count_max > group->count ? group->count_max : group->count;
}

uint32_t rs_sim_cluster_span(const struct rs_sim_cluster *cluster)
{
  uint64_t count = 1;
  for (uint32_t i = 0; i < cluster->group_count; i++)
    count += most_of(&cluster->groups[i]);
  return count > RS_NODE_MAX ? RS_NODE_MAX + 1 : (uint32_t)count;
}

/* State, latency and bandwidth profiles would have to change control messages too: refused. 0, or -1 and err. */
static int refuse_profiles(const char *path, char *err, size_t err_size)
{
  static const char *const words[] = {"state_file",     "availability_file", "bandwidth_file",
                                      "latency_file",   "speed_file",        "<trace ",
                                      "<trace_connect", "<profile",          NULL};
  FILE *file = fopen(path, "r");
  if (!file) {
    snprintf(err, err_size, "%s: cannot be read: %s", path, strerror(errno));
    return -1;
  }
  char *line = NULL;
  size_t cap = 0;
  int result = 0;
  for (int number = 1; result == 0 && getline(&line, &cap, file) >= 0; number++)
    for (int i = 0; words[i] && result == 0; i++)
      if (strstr(line, words[i])) {
        snprintf(err, err_size,
                 "%s:%d: \"%s\": profiles of hosts and links are not supported; describe faults in the scenario", path,
                 number, words[i]);
        result = -1;
      }
  free(line);
  fclose(file);
  return result;
}

int rs_sim_cluster_check(const struct rs_sim_cluster *cluster, char *err, size_t err_size)
{
  if (cluster->platform)
    return refuse_profiles(cluster->platform, err, err_size);
  if (rs_sim_cluster_span(cluster) > RS_NODE_MAX) {
    snprintf(err, err_size, "too many nodes; there can be %u", RS_NODE_MAX);
    return -1;
  }
  if (!cluster->net.nic_bytes_per_s) {
    snprintf(err, err_size, "the network has no bandwidth");
    return -1;
  }
  return 0;
}

/* ---- the generated platform ---- */

struct rack {
  uint32_t group, first, count; /* nodes */
};

static void write_zone(FILE *out, const char *name, uint32_t first, uint32_t last, double speed, unsigned cores,
                       const struct rs_sim_net *net)
{
  fprintf(out,
          "<cluster id=\"%s\" prefix=\"n\" suffix=\"\" radical=\"%u-%u\" speed=\"%.9gGf\" core=\"%u\" "
          "bw=\"%lluBps\" lat=\"%.1fns\" router_id=\"%s_router\"/>\n",
          name, first, last, speed, cores, (unsigned long long)net->nic_bytes_per_s, (double)net->latency_ns / 2, name);
}

static void write_uplink(FILE *out, const char *name, double bytes_per_s, double latency_ns, bool shared)
{
  fprintf(out, "<link id=\"%s_up\" bandwidth=\"%.0fBps\" latency=\"%.1fns\" sharing_policy=\"%s\"/>\n", name,
          bytes_per_s, latency_ns, shared ? "SPLITDUPLEX" : "FATPIPE");
}

static void write_routes(FILE *out, const char *name, bool shared)
{
  fprintf(out,
          "<zoneRoute src=\"core\" dst=\"%s\" gw_src=\"core_router\" gw_dst=\"%s_router\" symmetrical=\"NO\">"
          "<link_ctn id=\"%s_up\"%s/></zoneRoute>\n"
          "<zoneRoute src=\"%s\" dst=\"core\" gw_src=\"%s_router\" gw_dst=\"core_router\" symmetrical=\"NO\">"
          "<link_ctn id=\"%s_up\"%s/></zoneRoute>\n",
          name, name, name, shared ? " direction=\"DOWN\"" : "", name, name, name, shared ? " direction=\"UP\"" : "");
}

static unsigned cores_of(const struct rs_sim_group *group)
{
  int64_t cpus = group->info->total.cpu_e4 / RS_ONE_E4;
  return cpus < 1 ? 1 : cpus > 4096 ? 4096 : (unsigned)cpus;
}

static uint32_t list_racks(struct rs_sim *sim, struct rack *racks)
{
  uint32_t count = 0, node = 1, per = sim->cluster->net.nodes_per_rack, in_rack = 0, number = 0;
  for (uint32_t g = 0; g < sim->cluster->group_count; g++) {
    for (uint32_t i = 0; i < most_of(&sim->cluster->groups[g]); i++, node++) {
      if (per && in_rack == per) {
        in_rack = 0;
        number++;
      }
      /* A rack that two groups share is two zones of SimGrid with half an uplink each. */
      if (i == 0 || (per && in_rack == 0))
        racks[count++] = (struct rack){.group = g, .first = node};
      racks[count - 1].count++;
      sim->nodes[node].rack = per ? number + 1 : 0;
      in_rack++;
    }
  }
  return count;
}

static void write_platform(struct rs_sim *sim, FILE *out)
{
  const struct rs_sim_cluster *cluster = sim->cluster;
  const struct rs_sim_net *net = &cluster->net;
  struct rack *racks = rs_alloc(sim->node_count * sizeof *racks);
  uint32_t count = list_racks(sim, racks);
  bool shared = net->nodes_per_rack > 0;
  double over = net->oversubscription > 0 ? net->oversubscription : 1;
  fprintf(out,
          "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
          "<platform version=\"4.1\">\n<zone id=\"root\" routing=\"%s\">\n",
          count <= 300 ? "Floyd" : "DijkstraCache");
  write_zone(out, "core", 0, 0, 1, 16, net);
  char name[32];
  for (uint32_t i = 0; i < count; i++) {
    const struct rs_sim_group *group = &cluster->groups[racks[i].group];
    snprintf(name, sizeof name, "rack%u", i);
    write_zone(out, name, racks[i].first, racks[i].first + racks[i].count - 1, group->speed > 0 ? group->speed : 1,
               cores_of(group), net);
  }
  double rack_latency = shared ? (double)net->rack_latency_ns : 0;
  for (uint32_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "rack%u", i);
    write_uplink(out, name, shared ? (double)net->nic_bytes_per_s * racks[i].count / over : 1e15, rack_latency / 2,
                 shared);
  }
  for (uint32_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "rack%u", i);
    write_routes(out, name, shared);
  }
  fprintf(out, "</zone>\n</platform>\n");
  free(racks);
}

static int load_generated(struct rs_sim *sim, char *err, size_t err_size)
{
  const char *folder = getenv("TMPDIR");
  char path[512];
  if (snprintf(path, sizeof path, "%s/raysim-platform-XXXXXX.xml", folder && *folder ? folder : "/tmp") >=
      (int)sizeof path) {
    snprintf(err, err_size, "TMPDIR is too long");
    return -1;
  }
  int fd = mkstemps(path, 4);
  FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
  if (!out) {
    snprintf(err, err_size, "%s: cannot be written: %s", path, strerror(errno));
    return -1;
  }
  write_platform(sim, out);
  bool bad = ferror(out) != 0;
  if (fclose(out) != 0 || bad) {
    snprintf(err, err_size, "%s: cannot be written: %s", path, strerror(errno));
    unlink(path);
    return -1;
  }
  simgrid_load_platform(path);
  unlink(path);
  char name[32];
  for (uint32_t i = 0; i < sim->node_count; i++) {
    snprintf(name, sizeof name, "n%u", i);
    sim->nodes[i].host = sg_host_by_name(name);
    RS_ASSERT(sim->nodes[i].host);
  }
  return 0;
}

/* ---- nodes ---- */

static void set_node(struct rs_sim *sim, uint32_t index, uint32_t group, uint32_t at)
{
  const struct rs_sim_group *from = &sim->cluster->groups[group];
  struct sim_node *node = &sim->nodes[index];
  node->group = group;
  node->speed = from->speed > 0 ? from->speed : 1;
  node->info = rs_node_info_ref(from->info);
  node->state = at < from->count ? SIM_NODE_BOOTING : SIM_NODE_OFF;
}

static void set_head(struct rs_sim *sim)
{
  struct rs_res nothing = {0};
  struct sim_node *head = &sim->nodes[0];
  head->group = RS_SIM_ANY;
  head->speed = 1;
  head->state = SIM_NODE_BOOTING;
  head->info = sim->cluster->head ? rs_node_info_ref(sim->cluster->head) : rs_node_info_new(&nothing);
  if (!sim->cluster->head)
    head->info->node_type = UINT32_MAX;
}

/* ---- a platform file ---- */

/* CPUs from the host's cores: infos are shared by nodes with as many. */
static void cpus_from_host(struct sim_node *node, const struct sim_node *before)
{
  int64_t cpu_e4 = (int64_t)sg_host_core_count(node->host) * RS_ONE_E4;
  if (node->info->total.cpu_e4 == cpu_e4)
    return;
  struct rs_node_info *own;
  if (before && before->group == node->group && before->info->total.cpu_e4 == cpu_e4) {
    own = rs_node_info_ref(before->info);
  } else {
    struct rs_res total = node->info->total;
    total.cpu_e4 = cpu_e4;
    own = rs_node_info_new(&total);
    own->node_type = node->info->node_type;
    own->label_count = node->info->label_count;
    memcpy(own->labels, node->info->labels, sizeof own->labels);
  }
  rs_node_info_unref(node->info);
  node->info = own;
}

static int load_file(struct rs_sim *sim, char *err, size_t err_size)
{
  const struct rs_sim_cluster *cluster = sim->cluster;
  simgrid_load_platform(cluster->platform);
  size_t host_count = sg_host_count();
  sg_host_t *hosts = sg_host_list();
  sg_host_t head = cluster->head_host ? sg_host_by_name(cluster->head_host) : host_count ? hosts[0] : NULL;
  int result = -1;
  if (!head) {
    snprintf(err, err_size, "%s: there is no host \"%s\" for the head", cluster->platform,
             cluster->head_host ? cluster->head_host : "");
    goto out;
  }
  sim->nodes = rs_alloc_zero(host_count + 1, sizeof *sim->nodes);
  sim->nodes[0].host = head;
  sim->node_count = 1;
  set_head(sim);
  bool *taken = rs_alloc_zero(host_count, sizeof *taken);
  double first_speed = 0;
  for (uint32_t g = 0; g < cluster->group_count; g++) {
    const struct rs_sim_group *group = &cluster->groups[g];
    uint32_t wanted = most_of(group), got = 0;
    for (size_t i = 0; i < host_count && got < wanted; i++) {
      if (taken[i] || hosts[i] == head ||
          fnmatch(group->hosts ? group->hosts : "*", sg_host_get_name(hosts[i]), 0) != 0)
        continue;
      taken[i] = true;
      struct sim_node *node = &sim->nodes[sim->node_count];
      node->host = hosts[i];
      set_node(sim, sim->node_count, g, got++);
      if (first_speed <= 0)
        first_speed = sg_host_get_speed(hosts[i]);
      node->speed *= sg_host_get_speed(hosts[i]) / first_speed;
      if (group->cpus_from_host)
        cpus_from_host(node, sim->node_count > 1 ? node - 1 : NULL);
      sim->node_count++;
    }
    if (got < wanted && wanted != RS_SIM_ANY) {
      snprintf(err, err_size, "%s: only %u hosts are left that match \"%s\"; the group \"%s\" wants %u",
               cluster->platform, got, group->hosts ? group->hosts : "*", group->name, wanted);
      free(taken);
      goto out;
    }
  }
  free(taken);
  result = 0;
out:
  free(hosts);
  return result;
}

int sim_platform_build(struct rs_sim *sim, char *err, size_t err_size)
{
  if (sim->cluster->platform)
    return load_file(sim, err, err_size);
  sim->node_count = rs_sim_cluster_span(sim->cluster);
  sim->nodes = rs_alloc_zero(sim->node_count, sizeof *sim->nodes);
  set_head(sim);
  uint32_t node = 1;
  for (uint32_t g = 0; g < sim->cluster->group_count; g++)
    for (uint32_t i = 0; i < most_of(&sim->cluster->groups[g]); i++)
      set_node(sim, node++, g, i);
  return load_generated(sim, err, err_size);
}
