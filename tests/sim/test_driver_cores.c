/* Shared cores: who waits where, who may change cores, and how long one is kept. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/time.h"
#include "check.h"
#include "sim/driver_int.h"

enum { EPS = 6 };

static struct rs_cost cost;
static struct sim_ep eps[EPS];
static struct sim_node node;
static struct rs_sim sim;

/* Endpoints 1 to 5 of one host with two cores. */
static void begin(void)
{
  memset(eps, 0, sizeof eps);
  memset(&node, 0, sizeof node);
  memset(&sim, 0, sizeof sim);
  rs_cost_zero(&cost);
  cost.shared_cores = 2;
  cost.spin_quantum_ns = 3 * RS_MS;
  for (uint32_t i = 1; i < EPS; i++)
    eps[i].core = (struct rs_endpoint *)(void *)&node; /* it lives; nobody looks inside */
  sim.cost = &cost;
  sim.eps = eps;
  sim.nodes = &node;
  sim.node_count = 1;
  sim.now_ns = RS_S;
  sim_pool_init(&sim);
}

static void end(void)
{
  sim_pool_free(&sim);
  rs_heap_free(&sim.heap);
}

static void own_queues(void)
{
  begin();
  CHECK(sim_pool_take(&sim, 1) && eps[1].home == 0);
  CHECK_EQ(eps[1].slice_end_ns, RS_S + 3 * RS_MS);
  CHECK(sim_pool_take(&sim, 2) && eps[2].home == 1);
  eps[3].home = 0;
  eps[4].home = 1;
  eps[3].ran_ns = eps[4].ran_ns = RS_S - 100 * RS_US;
  CHECK(!sim_pool_take(&sim, 3) && eps[3].waiting);
  CHECK(!sim_pool_take(&sim, 4) && eps[4].waiting);
  sim.now_ns += 50 * RS_US;
  sim_pool_give(&sim, 2); /* 3 has waited longer, but for the other core */
  CHECK(eps[4].has_core && eps[4].granted && eps[4].home == 1 && !eps[3].has_core);
  sim_pool_give(&sim, 4); /* 3 is warm: its core is busy, the other one idle, and it waits */
  CHECK(eps[3].waiting && !eps[3].has_core);
  CHECK_EQ(sim.pools[0].busy, 1);
  CHECK(sim_pool_take(&sim, 5) && eps[5].home == 1); /* its home is busy: any idle one */
  sim.now_ns += RS_MS;
  sim_pool_give(&sim, 5); /* 3 is cold by now: it moves */
  CHECK(eps[3].has_core && eps[3].home == 1 && !eps[3].waiting);
  sim_pool_give(&sim, 3);
  CHECK(sim_pool_take(&sim, 3) && eps[3].home == 1); /* an idle home comes first */
  CHECK_EQ(sim.pools[0].busy, 2);
  end();
}

static void the_dead_wait_no_more(void)
{
  begin();
  CHECK(sim_pool_take(&sim, 1) && sim_pool_take(&sim, 2));
  CHECK(!sim_pool_take(&sim, 3) && !sim_pool_take(&sim, 4));
  eps[3].core = NULL;
  eps[3].waiting = false;
  sim_pool_give(&sim, 1);
  CHECK(eps[4].has_core && eps[4].home == 0 && !eps[3].has_core);
  sim_pool_give(&sim, 4);
  sim_pool_give(&sim, 2);
  CHECK_EQ(sim.pools[0].busy, 0);
  end();
}

const struct rs_test rs_tests[] = {
    {"who waits stays while it is warm", own_queues}, {"the dead wait no more", the_dead_wait_no_more}, {0}};
