/* test_driver.c -- the SimGrid driver: order of events, costs by hand, views, determinism, shared cores, copies. */
#include "base/alloc.h"
#include "sim/driver_int.h"
#include "sim/flow.h"
#include "test_driver_run.h"

/* ---- the heap ---- */

static void heap_order(void)
{
  struct rs_heap heap = {0};
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  uint64_t due_of[5000];
  for (uint32_t i = 0; i < 5000; i++) {
    due_of[i] = rs_rng_below(&rng, 200);
    rs_heap_push(&heap, due_of[i], i);
  }
  uint64_t last_due = 0, last_sequence = 0;
  for (uint32_t i = 0; i < 5000; i++) {
    uint32_t next = heap.risen_count ? heap.risen[0] : UINT32_MAX;
    struct rs_heap_entry entry = rs_heap_pop(&heap);
    CHECK(i == 0 || next == rs_heap_payload(entry) || heap.count < 4); /* what has risen to the root comes next */
    CHECK_EQ(entry.due_ns, due_of[rs_heap_payload(entry)]);
    CHECK(i == 0 || entry.due_ns > last_due || (entry.due_ns == last_due && rs_heap_sequence(entry) > last_sequence));
    last_due = entry.due_ns;
    last_sequence = rs_heap_sequence(entry);
  }
  CHECK_EQ(heap.count, 0);
  CHECK_EQ(rs_heap_due(&heap), UINT64_MAX);
  rs_heap_free(&heap);
}

/* ---- delivery and cost by hand ---- */

static struct rs_msg *message(uint32_t count)
{
  struct rs_m_object_free *m = rs_msg_new(RS_MSG_OBJECT_FREE);
  m->objects_count = count;
  m->objects = rs_alloc_zero(count, sizeof *m->objects);
  for (uint32_t i = 0; i < count; i++)
    m->objects[i] = (struct rs_id){1, i + 1};
  return &m->head;
}

static uint32_t endpoint(struct rs_sim *sim, uint32_t node, uint32_t number, enum rs_cost_role role)
{
  uint32_t ep = sim_ep_new(sim, node, rs_addr_make(node, 1, number), role);
  sim_ep_boot(sim, ep, sim->now_ns);
  return ep;
}

static uint64_t next_message(struct rs_sim *sim)
{
  for (;;) {
    struct rs_heap_entry entry = rs_heap_pop(&sim->heap);
    uint32_t payload = rs_heap_payload(entry);
    if (payload >> SIM_INDEX_BITS != SIM_EV_INPUT)
      continue;
    struct sim_rec *rec = &sim->recs[payload & SIM_INDEX_MAX];
    if (rec->kind != RS_IN_MESSAGE)
      continue;
    rs_msg_unref(rec->msg);
    return entry.due_ns;
  }
}

/* Node 1 sends to node 2: 0.8 ns a byte, 50 us. */
static void send_some(struct rs_sim *sim, struct run *run)
{
  for (uint32_t node = 0; node < 3; node++)
    sim->nodes[node].state = SIM_NODE_UP, sim->nodes[node].incarnation = 1;
  uint32_t a = endpoint(sim, 1, RS_EP_WORKER, RS_COST_WORKER), b = endpoint(sim, 1, RS_EP_WORKER + 1, RS_COST_WORKER),
           c = endpoint(sim, 2, RS_EP_WORKER, RS_COST_WORKER);
  rs_addr to = sim->eps[c].self;
  struct rs_msg *probe = message(100);
  run->numbers[0] = rs_msg_wire_bytes(probe);
  rs_msg_unref(probe);
  probe = message(1);
  run->numbers[1] = rs_msg_wire_bytes(probe);
  rs_msg_unref(probe);
  sim_send(sim, a, 1000, to, message(100)); /* leaves at once */
  sim_send(sim, a, 1000, to, message(100)); /* behind it */
  sim_send(sim, b, 1000, to, message(1));   /* another endpoint, the same NIC: behind both */
  sim_send(sim, a, 900000, to, message(100));
  sim_send(sim, b, 800000, to, message(1));   /* earlier than the one before: into the gap */
  sim_send(sim, b, 899999, to, message(100)); /* does not fit into what is left of it */
  for (int i = 0; i < 6; i++)
    run->numbers[2 + i] = next_message(sim);
  sim_send(sim, a, 2000000, sim->eps[b].self, message(1)); /* inside the node */
  run->numbers[8] = next_message(sim);
  run->numbers[9] = sim->net.conn_alive; /* a-c, b-c, a-b */
}

static void cost_by_hand(void)
{
  struct run *run = run_new(2, 1);
  rs_cost_zero(&run->cost);
  run->cost.frame_bytes = 10;
  run->cost.local_latency_ns = 7000;
  run->cost.local_bytes_per_s = 1000000000;
  run->during = send_some;
  run_do(run);
  uint64_t large = (run->numbers[0] + 10) * 800000 / 1000000, small = (run->numbers[1] + 10) * 800000 / 1000000;
  CHECK_EQ(run->numbers[2], 1000 + large + 50000);
  CHECK_EQ(run->numbers[3], 1000 + 2 * large + 50000);
  CHECK_EQ(run->numbers[4], 1000 + 2 * large + small + 50000);
  CHECK_EQ(run->numbers[5], 800000 + small + 50000);
  CHECK_EQ(run->numbers[6], 900000 + large + 50000);
  CHECK_EQ(run->numbers[7], 900000 + 2 * large + 50000);
  CHECK_EQ(run->numbers[8], 2000000 + run->numbers[1] + 10 + 7000);
  CHECK_EQ(run->numbers[9], 3);
  run_free(run);
}

/* The first registration, from START to the GCS's decision: two handlings, one message. */
static void registration_by_hand(void)
{
  struct run *run = run_new(1, 1);
  rs_cost_zero(&run->cost);
  run->cost.role[RS_COST_RAYLET].input_ps = 3000000; /* 3 us */
  run->cost.role[RS_COST_GCS].input_ps = 5000000;
  run->cost.role[RS_COST_RAYLET].send_ps = 1000000;
  run->no_app = true;
  run->opts.time_limit_ns = RS_S;
  struct rs_m_register *m = rs_msg_new(RS_MSG_REGISTER);
  m->info = rs_node_info_ref(run->group.info);
  uint64_t bytes = rs_msg_wire_bytes(&m->head);
  rs_msg_unref(&m->head);
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_LIMIT);
  CHECK_EQ(run->stats.sim_ns, RS_S);
  const struct run_trace *up = NULL;
  for (uint32_t i = 0; i < run->trace_count; i++)
    if (run->traces[i].kind == RS_TRACE_NODE_UP && rs_addr_node(run->traces[i].a) == 1)
      up = &run->traces[i];
  CHECK(up != NULL);
  /* START handled in 3 us, one send 1 us; the wire; the GCS's 5 us */
  CHECK_EQ(up->ns, 3000 + 1000 + bytes * 800000 / 1000000 + 50000 + 5000);
  run_free(run);
}

/* ---- whole runs ---- */

static void one_task(void)
{
  struct run *run = run_new(2, 2);
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->stats.tasks_ended, 1);
  const struct run_trace *start = run_trace_at(run, RS_TRACE_TASK_STARTED, 0),
                         *ended = run_trace_at(run, RS_TRACE_TASK_ENDED, 0);
  CHECK(start && ended);
  CHECK(ended->ns >= start->ns + RS_S);
  CHECK(ended->ns < start->ns + RS_S + 100 * RS_US);
  run_free(run);
}

static struct run *load(uint32_t nodes, uint64_t tasks)
{
  struct run *run = run_new(nodes, 2);
  run->tasks.count = tasks;
  run->tasks.duration_min_ns = RS_S / 2;
  run->tasks.duration_max_ns = 3 * RS_S / 2;
  run->tasks.seed = 3;
  return run;
}

static void determinism(void)
{
  struct run *a = load(50, 2000), *b = load(50, 2000), *codec = load(50, 2000), *other = load(50, 2000);
  codec->opts.codec_forced = true;
  other->config.seed = 8;
  run_do(a);
  run_do(b);
  run_do(codec);
  run_do(other);
  CHECK_EQ(a->stats.tasks_ended, 2000);
  CHECK_EQ(a->stats.trace_hash, b->stats.trace_hash);
  CHECK_EQ(a->stats.decision_hash, b->stats.decision_hash);
  CHECK_EQ(a->stats.trace_hash, codec->stats.trace_hash);
  CHECK_EQ(a->stats.decision_hash, codec->stats.decision_hash);
  CHECK(a->stats.trace_hash != other->stats.trace_hash);
  run_free(a);
  run_free(b);
  run_free(codec);
  run_free(other);
}

static void views_coalesced_and_eager(void)
{
  struct run *coalesced = load(200, 1000), *eager = load(200, 1000);
  /* demands that differ one by one: a placement for each task */
  coalesced->tasks.keys = eager->tasks.keys = true;
  coalesced->tasks.in_flight_max = eager->tasks.in_flight_max = 300;
  coalesced->tasks.batch = eager->tasks.batch = 1;
  eager->opts.eager = true;
  coalesced->config.gcs_publish_to_all = eager->config.gcs_publish_to_all = 1; /* so that there is something to skip */
  run_do(coalesced);
  run_do(eager);
  CHECK_EQ(coalesced->stats.tasks_ended, 1000);
  CHECK(coalesced->stats.views_skipped > 100);
  CHECK_EQ(eager->stats.views_skipped, 0);
  CHECK(eager->stats.events > coalesced->stats.events + 1000);
  CHECK_EQ(coalesced->stats.decisions, eager->stats.decisions);
  CHECK_EQ(coalesced->tasks.digest, eager->tasks.digest);
  CHECK_EQ(coalesced->stats.messages, eager->stats.messages);
  run_free(coalesced);
  run_free(eager);
}

static void sane(void)
{
  struct run *run = load(20, 500);
  run->opts.sanity = true;
  run->opts.drift_ppb = 50000;
  run_do(run);
  CHECK_EQ(run->stats.tasks_ended, 500);
  CHECK_EQ(run->tasks.failed, 0);
  run_free(run);
}

/* Four computing tasks of 1 s on two cores take 2 s, four that sleep take 1 s. */
static void shared_cores(void)
{
  for (int spin = 0; spin < 2; spin++) {
    struct run *run = run_new(4, 1);
    run->cost.shared_cores = 2;
    run->cost.shared_by_all = true;
    run->tasks.count = 4;
    run->tasks.spin = spin;
    run_do(run);
    CHECK_EQ(run->stats.tasks_ended, 4);
    uint64_t took = run->tasks.last_ns - run->tasks.first_ns, wanted = spin ? 2 * RS_S : RS_S;
    CHECK(took > wanted && took < wanted + 50 * RS_MS);
    run_free(run);
  }
}

/* A program that takes 1 ms for each input cannot be faster than its inputs. */
static void serial_server(void)
{
  uint64_t took[2], results = 0;
  for (int i = 0; i < 2; i++) {
    struct run *run = load(10, 400);
    run->tasks.duration_min_ns = run->tasks.duration_max_ns = 10 * RS_MS;
    run->cost.role[RS_COST_DRIVER].input_ps = i ? 1000000000 : 1000000;
    run_do(run);
    CHECK_EQ(run->stats.tasks_ended, 400);
    took[i] = run->tasks.last_ns - run->tasks.first_ns;
    results = run->stats.by_type[RS_MSG_TASKS_DONE];
    run_free(run);
  }
  CHECK(results >= 200);
  CHECK(took[0] < 350 * RS_MS);
  CHECK(took[1] >= results * RS_MS);
}

/* ---- copies ---- */

/* One node makes an object of 125 MB, `readers` others read it at once. */
static uint64_t pull(uint32_t readers, uint64_t flow_min)
{
  struct run *run = run_new(1 + readers, 1);
  run->tasks.count = 1 + readers;
  run->tasks.return_bytes = 125000000;
  run->tasks.fan_in = true;
  run->tasks.duration_min_ns = run->tasks.duration_max_ns = 10 * RS_S; /* so that none runs where another does */
  run->opts.flow_min_bytes = flow_min;
  run->config.locality_aware_leasing_enabled = 0;
  run_do(run);
  CHECK_EQ(run->end, RS_SIM_DONE);
  CHECK_EQ(run->tasks.failed, 0);
  uint64_t began = 0, last = 0;
  uint32_t copies = 0;
  for (uint32_t i = 0; i < run->trace_count; i++) {
    const struct run_trace *t = &run->traces[i];
    if (t->kind == RS_TRACE_OBJECT_PULLED && t->b == 2 && copies++ == 0)
      began = t->ns;
    if (t->kind == RS_TRACE_OBJECT_LOCAL && t->b == 2)
      last = t->ns;
  }
  uint64_t moved = run->stats.copies;
  CHECK_EQ(copies, moved);
  CHECK_EQ(run->stats.flows, flow_min > 125000000 ? 0 : moved);
  run_free(run);
  return moved == readers ? last - began : 0;
}

static void flows_share_a_link(void)
{
  /* alone: 125 MB at 1.25 GB/s = 100 ms; two at once from one node: each 200 ms */
  uint64_t one = pull(1, 1 << 20), two = pull(2, 1 << 20), nic = pull(2, UINT64_C(1) << 40);
  printf("(one %.4f s, two %.4f s, two by the NIC %.4f s) ", (double)one * 1e-9, (double)two * 1e-9,
         (double)nic * 1e-9);
  CHECK(one > 100 * RS_MS && one < 103 * RS_MS);
  CHECK(two > 200 * RS_MS && two < 203 * RS_MS);
  CHECK(nic > 200 * RS_MS && nic < 203 * RS_MS);
}

static void store_of_a_node(void)
{
  struct sim_store *store = sim_store_new();
  uint64_t size = 0;
  for (uint64_t i = 1; i <= 1000; i++)
    CHECK(sim_store_put(store, i % 7, (struct rs_id){i % 13 + 1, i}, i));
  CHECK(!sim_store_put(store, 1, (struct rs_id){2, 1}, 9));
  for (uint64_t i = 1; i <= 1000; i += 2)
    CHECK(sim_store_drop(store, i % 7, (struct rs_id){i % 13 + 1, i}, &size) && size == i);
  for (uint64_t i = 1; i <= 1000; i++)
    CHECK_EQ(sim_store_has(store, i % 7, (struct rs_id){i % 13 + 1, i}, &size), i % 2 == 0);
  sim_store_free(store);
}

/* ---- the faithful variant ---- */

static void faithful(void)
{
  struct run *quick = load(8, 200), *slow = load(8, 200);
  slow->opts.faithful = true;
  run_do(quick);
  run_do(slow);
  CHECK_EQ(quick->stats.tasks_ended, 200);
  CHECK_EQ(slow->stats.tasks_ended, 200);
  double a = (double)(quick->tasks.last_ns - quick->tasks.first_ns),
         b = (double)(slow->tasks.last_ns - slow->tasks.first_ns);
  CHECK_NEAR(a / b, 1, 0.001);
  run_free(quick);
  run_free(slow);
}

const struct rs_test rs_tests[] = {{"heap order", heap_order},
                                   {"cost by hand", cost_by_hand},
                                   {"registration by hand", registration_by_hand},
                                   {"one task", one_task},
                                   {"determinism", determinism},
                                   {"views coalesced and eager", views_coalesced_and_eager},
                                   {"sane, with clock drift", sane},
                                   {"shared cores", shared_cores},
                                   {"serial server", serial_server},
                                   {"flows share a link", flows_share_a_link},
                                   {"store of a node", store_of_a_node},
                                   {"faithful variant", faithful},
                                   {0}};
