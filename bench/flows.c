/* flows.c -- how many transfers of large objects SimGrid ends a second of wall time, at a number of concurrent ones.
 * JSON.
 *
 *   build/bench/flows [NODES] [WALL_LIMIT_SECONDS]
 *
 * The driver's own platform and settings (CM02, no cross traffic, no TCP window); flows of 1 to 100 MiB between random
 * pairs of nodes, each pooled actor begins its next one when one has ended. */
#include "driver_bench.h"

#include "sim/driver_int.h"
#include "sim/simgrid_compat.h"

struct shared {
  uint64_t ended;
  double wall_s, sim_s;
};

static struct rs_sim *sim;
static struct rs_rng rng;
static uint64_t ended, wanted;
static double stop_at;

static void flow(int argc, char **argv)
{
  (void)argc, (void)argv;
  while (ended < wanted && wall_s() < stop_at) {
    uint32_t from = (uint32_t)rs_rng_below(&rng, sim->node_count),
             to = (uint32_t)rs_rng_below(&rng, sim->node_count - 1);
    to += to >= from;
    double bytes = (double)((1 << 20) + rs_rng_below(&rng, 99 << 20));
    sg_host_sendto(sim->nodes[from].host, sim->nodes[to].host, bytes);
    ended++;
  }
  if (wall_s() >= stop_at)
    sg_actor_kill_all();
}

static void measure(uint32_t nodes, uint32_t concurrent, double limit_s, struct shared *out)
{
  struct rs_sim_cluster cluster;
  struct rs_sim_group group;
  rs_sim_cluster_simple(&cluster, &group, nodes, 1);
  struct rs_config config;
  rs_config_defaults(&config);
  struct rs_cost cost;
  rs_cost_defaults(&cost);
  char err[512];
  sim = rs_sim_new(&cluster, &config, &cost, NULL, err, sizeof err);
  RS_ASSERT(sim);
  rs_rng_seed(&rng, concurrent);
  wanted = 20 * (uint64_t)concurrent;
  for (uint32_t i = 0; i < concurrent; i++)
    rs_sg_actor("flow", sim->nodes[0].host, flow, NULL, 64 * 1024);
  double start = wall_s();
  stop_at = start + limit_s;
  simgrid_run();
  out->wall_s = wall_s() - start;
  out->sim_s = simgrid_get_clock();
  out->ended = ended;
}

int main(int argc, char **argv)
{
  uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
  double limit = argc > 2 ? strtod(argv[2], NULL) : 30;
  if (nodes < 2 || nodes > 200000 || !(limit > 0)) {
    fprintf(stderr, "usage: %s [NODES] [WALL_LIMIT_SECONDS]\n", argv[0]);
    return 2;
  }
  static const uint32_t concurrent[] = {100, 1000, 10000};
  printf("{\"nodes\": %u, \"wall_limit_s\": %.0f, \"runs\": [\n", nodes, limit);
  for (int i = 0; i < 3; i++) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RS_ASSERT(shared != MAP_FAILED);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      measure(nodes, concurrent[i], limit, shared);
      fflush(NULL);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("  {\"concurrent\": %u, \"flows\": %llu, \"wall_s\": %.3f, \"flows_per_s\": %.1f, \"simulated_s\": %.3f, "
           "\"ended_well\": %s}%s\n",
           concurrent[i], (unsigned long long)shared->ended, shared->wall_s,
           shared->wall_s > 0 ? (double)shared->ended / shared->wall_s : 0, shared->sim_s, well ? "true" : "false",
           i < 2 ? "," : "");
  }
  printf("]}\n");
  return 0;
}
