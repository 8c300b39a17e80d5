/* faithful.c -- the faithful variant (see faithful.h).
 *
 * A node has a sender and a receiver actor and a mailbox with a permanent receiver, so a message's transfer starts when
 * it is put. The sender puts and detaches: it owns no pending activity. A function in progress is an actor that
 * executes flops on its host; one that is killed is forgotten, not interrupted. Messages inside a node and messages
 * that wait for a partition's end keep the driver's own model: SimGrid has none for them. */
#include "sim/faithful.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/driver_int.h"
#include "sim/flow.h"
#include "sim/simgrid_compat.h"

enum { STACK_BYTES = 64 * 1024 };

struct parcel {
  struct parcel *next;
  struct rs_sim *sim;
  struct sim_rec rec; /* the input to come; rec.size: bytes */
};

struct port {
  struct rs_sim *sim;
  uint32_t node;
  sg_mailbox_t mailbox;
  sg_sem_t semaphore; /* parcels to send */
  struct parcel *first, **last;
  struct worker *idle; /* actors that executed something */
};

struct worker {
  struct worker *next; /* of all on the node that are idle */
  struct worker *all;
  struct port *port;
  sg_sem_t semaphore;
  uint32_t run;
  uint64_t sequence, duration_ns;
};

struct faithful {
  struct port *ports;
  struct worker *all;
};

static void sender(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct port *port = sg_actor_self_get_data();
  for (;;) {
    sg_sem_acquire(port->semaphore);
    struct parcel *parcel = port->first;
    port->first = parcel->next;
    if (!port->first)
      port->last = &port->first;
    struct port *to = &port->sim->faithful->ports[rs_addr_node(parcel->rec.to)];
    sg_comm_detach(sg_mailbox_put_init(to->mailbox, parcel, (long)parcel->rec.size), NULL);
  }
}

static void receiver(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct port *port = sg_actor_self_get_data();
  sg_mailbox_set_receiver(sg_mailbox_get_name(port->mailbox));
  for (;;) {
    struct parcel *parcel = sg_mailbox_get(port->mailbox);
    struct rs_sim *sim = parcel->sim;
    uint32_t rec = sim_rec_new(sim);
    sim->recs[rec] = parcel->rec;
    sim_push(sim, sim_clock_ns(sim), SIM_EV_INPUT, rec);
    free(parcel);
    sim_activity(sim, -1);
    sim_clock_wake(sim);
  }
}

static void execute(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct worker *worker = sg_actor_self_get_data();
  struct rs_sim *sim = worker->port->sim;
  for (;;) {
    sg_sem_acquire(worker->semaphore);
    double flops = (double)worker->duration_ns * 1e-9 * sg_host_get_speed(sg_host_self());
    if (flops > 0)
      sg_actor_execute(flops);
    struct sim_run *run = &sim->runs[worker->run];
    if (run->task && run->sequence == worker->sequence)
      run->sequence = sim_push(sim, sim_clock_ns(sim), SIM_EV_RUN, worker->run);
    worker->next = worker->port->idle;
    worker->port->idle = worker;
    sim_activity(sim, -1);
    sim_clock_wake(sim);
  }
}

void faithful_init(struct rs_sim *sim)
{
  struct faithful *faithful = rs_alloc_zero(1, sizeof *faithful);
  sim->faithful = faithful;
  faithful->ports = rs_alloc_zero(sim->node_count, sizeof *faithful->ports);
  for (uint32_t i = 0; i < sim->node_count; i++) {
    struct port *port = &faithful->ports[i];
    char name[32];
    snprintf(name, sizeof name, "node%u", i);
    *port = (struct port){.sim = sim, .node = i, .mailbox = sg_mailbox_by_name(name), .semaphore = sg_sem_init(0)};
    port->last = &port->first;
    sg_actor_daemonize(rs_sg_actor("receiver", sim->nodes[i].host, receiver, port, STACK_BYTES));
    sg_actor_daemonize(rs_sg_actor("sender", sim->nodes[i].host, sender, port, STACK_BYTES));
  }
  sg_actor_yield(); /* the receivers are at their mailboxes before the first message */
}

void faithful_free(struct rs_sim *sim)
{
  struct faithful *faithful = sim->faithful;
  while (faithful->all) {
    struct worker *worker = faithful->all;
    faithful->all = worker->all;
    free(worker);
  }
  for (uint32_t i = 0; i < sim->node_count; i++)
    while (faithful->ports[i].first) {
      struct parcel *parcel = faithful->ports[i].first;
      faithful->ports[i].first = parcel->next;
      rs_msg_unref(parcel->rec.msg);
      free(parcel);
    }
  free(faithful->ports);
  free(faithful);
}

void faithful_send(struct rs_sim *sim, uint32_t from, uint64_t ns, uint32_t target, rs_addr to, struct rs_msg *msg,
                   uint64_t bytes)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){
      .kind = SIM_ACT_PARCEL, .ep = target, .to = to, .peer = sim->eps[from].self, .msg = msg, .size = bytes};
  sim_push(sim, ns, SIM_EV_ACTION, rec);
}

void faithful_put(struct rs_sim *sim, uint32_t index)
{
  struct parcel *parcel = rs_alloc_zero(1, sizeof *parcel);
  parcel->sim = sim;
  parcel->rec = sim->recs[index];
  parcel->rec.kind = RS_IN_MESSAGE;
  sim_rec_free(sim, index);
  sim_clock_sync(sim);
  struct port *port = &sim->faithful->ports[rs_addr_node(parcel->rec.peer)];
  *port->last = parcel;
  port->last = &parcel->next;
  sim_activity(sim, 1);
  sg_sem_release(port->semaphore);
}

void faithful_exec(struct rs_sim *sim, uint32_t node, uint32_t run, uint64_t sequence, uint64_t ns,
                   uint64_t duration_ns)
{
  uint32_t rec = sim_rec_new(sim);
  sim->recs[rec] = (struct sim_rec){.kind = SIM_ACT_EXEC, .ep = node, .to = run, .host = sequence, .size = duration_ns};
  sim_push(sim, ns, SIM_EV_ACTION, rec);
}

void faithful_begin(struct rs_sim *sim, uint32_t index)
{
  struct sim_rec rec = sim->recs[index];
  sim_rec_free(sim, index);
  struct port *port = &sim->faithful->ports[rec.ep];
  sim_clock_sync(sim);
  struct worker *worker = port->idle;
  if (worker) {
    port->idle = worker->next;
  } else {
    worker = rs_alloc_zero(1, sizeof *worker);
    worker->port = port;
    worker->semaphore = sg_sem_init(0);
    worker->all = sim->faithful->all;
    sim->faithful->all = worker;
    sg_actor_daemonize(rs_sg_actor("exec", sim->nodes[port->node].host, execute, worker, STACK_BYTES));
  }
  worker->run = (uint32_t)rec.to;
  worker->sequence = rec.host;
  worker->duration_ns = rec.size;
  sim_activity(sim, 1);
  sg_sem_release(worker->semaphore);
}
