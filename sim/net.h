/* net.h -- control messages on the network: NICs, latencies, connections, partitions.
 *
 * A message leaves when its sender's NIC is free, occupies it for bytes / bandwidth and arrives a latency later. A NIC
 * serves in the order of the send times: a handler's messages leave at its end, a few microseconds after the event
 * that caused them is handled here, so a later event may send something earlier; it goes into the gap before them
 * where it fits. An endpoint's own messages never overtake each other.
 */
#ifndef RS_SIM_NET_H
#define RS_SIM_NET_H

#include "base/map.h"
#include "core/io.h"

struct rs_sim;
struct sim_ep;

struct sim_nic {
  uint64_t free_ns;
  uint64_t gap_from_ns, gap_to_ns; /* free time before the last bookings */
};

/* A connection between two endpoints, in both their lists. Those between the GCS and raylets, and between a raylet and
 * its own workers, always exist and are not recorded. */
struct sim_conn {
  uint32_t ep[2], next[2], prev[2];
};

struct sim_net {
  struct rs_map pairs; /* the two endpoints to the connection */
  struct sim_conn *conns;
  uint32_t conn_free, conn_count, conn_cap, conn_alive;
  uint64_t nic_fs, local_fs; /* femtoseconds a byte */
  uint64_t latency_ns, rack_latency_ns;
  bool platform; /* latencies and bandwidths from SimGrid's routes */
  struct sim_route {
    uint64_t key; /* from << 32 | to, 0: empty */
    uint64_t latency_ns, fs;
  } * routes; /* direct-mapped cache */
};

void sim_net_init(struct rs_sim *sim);
void sim_net_free(struct rs_sim *sim);

/* Sends one message that leaves its endpoint at `ns`; takes over the reference. */
void sim_send(struct rs_sim *sim, uint32_t from, uint64_t ns, rs_addr to, struct rs_msg *msg);

/* The two have exchanged a message. */
void sim_connect(struct rs_sim *sim, uint32_t a, uint32_t b);

/* The message through its wire form where the codec is forced, itself otherwise. Takes over the reference. */
struct rs_msg *sim_recode(struct rs_sim *sim, struct rs_msg *msg);

/* Latency between two nodes, and the NIC's time a byte towards it. */
uint64_t sim_latency(struct rs_sim *sim, uint32_t from, uint32_t to);
uint64_t sim_route_fs(struct rs_sim *sim, uint32_t from, uint32_t to);

/* Books `fs` femtoseconds of the NIC for something that can leave at `ns`; returns when its last byte has left. */
uint64_t sim_nic_book(struct sim_nic *nic, uint64_t ns, uint64_t fs);

/* Ends every connection of a dead endpoint: PEER_DOWN to each other end that is alive, at `ns` plus the latency. */
void sim_conns_break(struct rs_sim *sim, uint32_t ep, uint64_t ns);

/* Breaks the connections between a node that is cut off and the others, with PEER_DOWN at both ends. */
void sim_conns_cut(struct rs_sim *sim, uint32_t node);

/* When the health check notices that a node does not answer from `ns` on. */
uint64_t sim_health_noticed(const struct rs_sim *sim, uint32_t node, uint64_t ns);

#endif
