/* policy.c -- the cost of a placement decision: pick, deduct from the view, tell the policy, give back an older one.
 *
 *     build/bench/policy [NODES...]        default 100 1000 10000 100000
 *
 * Nodes have two CPUs and tasks ask for one; the cluster is kept at 95 % of its slots. One line of JSON for each policy
 * and size: wall time and nodes read a decision (all four steps, and pick with node_changed alone), and the first
 * pick, which builds the index.
 */
#include "policy/policy.h"
#include "base/alloc.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct load {
  struct rs_view *view;
  struct rs_node_info *info;
  rs_node_id *busy; /* one a running task */
  uint32_t count;
};

static void set_left(struct load *load, rs_node_id node, int64_t cpu_e4)
{
  struct rs_view_node entry = *rs_view_get(load->view, node);
  entry.left.cpu_e4 += cpu_e4;
  rs_view_set(&load->view, node, &entry);
}

static void measure(const struct rs_place_policy *policy, uint32_t nodes)
{
  enum { DECISIONS = 300000 };
  struct load load = {.view = rs_view_new()};
  load.info = rs_node_info_new(&(struct rs_res){.cpu_e4 = 2 * RS_ONE_E4, .memory_bytes = INT64_C(8) << 30});
  load.busy = rs_alloc(2 * (size_t)nodes * sizeof *load.busy);
  for (rs_node_id node = 0; node < nodes; node++)
    rs_view_set(&load.view, node,
                &(struct rs_view_node){.info = load.info, .state = RS_NODE_ALIVE, .left = load.info->total});
  struct rs_place_opts opts = {.local = RS_NODE_NONE,
                               .spread_threshold_e4 = 5000,
                               .top_k_fraction_e4 = 2000,
                               .top_k_absolute = 1,
                               .avoid_gpu_nodes = true};
  struct rs_demand demand = {.cpu_e4 = RS_ONE_E4};
  struct rs_place_request request = {.demand = &demand};
  struct rs_choice choice;
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  void *state = policy->create(load.view, &opts);

  uint64_t first_work = 0, before = clock_ns();
  policy->pick(state, load.view, &request, &rng, &choice, &first_work);
  uint64_t first_ns = clock_ns() - before;

  uint32_t limit = (uint32_t)((uint64_t)nodes * 2 * 95 / 100);
  uint64_t work = 0, policy_ns = 0, start = 0;
  uint64_t tick = clock_ns();
  for (int i = 0; i < 1000; i++)
    (void)clock_ns();
  uint64_t clock_cost_ns = (clock_ns() - tick) / 1000;
  for (uint32_t i = 0; i < limit + 2 * DECISIONS; i++) {
    if (i == limit)
      work = 0, start = clock_ns();
    bool timed = i >= limit + DECISIONS; /* the first half for the whole, the second for the policy's own part */
    if (i == limit + DECISIONS)
      start = clock_ns() - start;
    if (load.count == limit) {
      uint32_t at = (uint32_t)rs_rng_below(&rng, load.count);
      set_left(&load, load.busy[at], demand.cpu_e4);
      before = timed ? clock_ns() : 0;
      policy->node_changed(state, load.view, load.busy[at]);
      policy_ns += timed ? clock_ns() - before - clock_cost_ns : 0;
      load.busy[at] = load.busy[--load.count];
    }
    before = timed ? clock_ns() : 0;
    enum rs_pick outcome = policy->pick(state, load.view, &request, &rng, &choice, &work);
    policy_ns += timed ? clock_ns() - before - clock_cost_ns : 0;
    if (outcome != RS_PICK_OK)
      continue;
    set_left(&load, choice.node, -demand.cpu_e4);
    load.busy[load.count++] = choice.node;
    before = timed ? clock_ns() : 0;
    policy->node_changed(state, load.view, choice.node);
    policy_ns += timed ? clock_ns() - before - clock_cost_ns : 0;
  }
  printf("{\"bench\": \"policy\", \"policy\": \"%s\", \"nodes\": %u, \"decision_ns\": %.0f, \"policy_ns\": %.0f, "
         "\"nodes_read\": %.3f, \"first_pick_us\": %.1f}\n",
         policy->name, nodes, (double)start / DECISIONS, (double)policy_ns / DECISIONS,
         (double)work / (2.0 * DECISIONS), (double)first_ns / 1000);
  policy->destroy(state);
  free(load.busy);
  rs_view_unref(load.view);
  rs_node_info_unref(load.info);
}

int main(int argc, char **argv)
{
  static const uint32_t sizes[] = {100, 1000, 10000, 100000};
  for (uint32_t p = 0; rs_place_policies[p]; p++)
    for (int i = 0; i < (argc > 1 ? argc - 1 : 4); i++) {
      unsigned long nodes = argc > 1 ? strtoul(argv[i + 1], NULL, 10) : sizes[i];
      if (nodes < 10 || nodes > 10000000) {
        fprintf(stderr, "bench/policy: \"%s\" is not a number of nodes from 10 to 10000000\n", argv[i + 1]);
        return 2;
      }
      measure(rs_place_policies[p], (uint32_t)nodes);
    }
  return 0;
}
