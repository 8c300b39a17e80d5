/* health.c -- see health.h. Times are of uv_hrtime, which goes on while a process is stopped. */
#include "uv/health.h"

#include <stdio.h>

static void ping(struct rs_proc *proc, struct rs_peer *peer, uint64_t now)
{
  uint8_t body[8];
  rs_store_u64(body, now);
  rs_peer_send(proc, peer, RS_FRAME_PING, body, sizeof body, NULL, 0);
  peer->ping_at = now;
}

void rs_health_watch(struct rs_proc *proc, struct rs_peer *node)
{
  node->watched = true;
  node->check_at = rs_proc_now(proc) + (uint64_t)proc->setup.config.health_check_initial_delay_ms * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, node->check_at);
}

/* One check at a time for each node: asked every period, failed without an answer in time, dead after enough of them.
 */
uint64_t rs_health_check(struct rs_proc *proc, struct rs_peer *node, uint64_t now)
{
  const struct rs_config *config = &proc->setup.config;
  uint64_t timeout = (uint64_t)config->health_check_timeout_ms * RS_MS;
  if (node->ping_out && now >= node->ping_at + timeout) {
    node->ping_out = false;
    node->check_at = now;
    if (++node->misses >= (uint64_t)config->health_check_failure_threshold) {
      fprintf(stderr, "raysimd: node %u does not answer: declared dead\n", rs_addr_node(node->addr));
      rs_peer_lost(proc, node);
      return RS_TIME_NEVER;
    }
  }
  if (!node->ping_out && now >= node->check_at) {
    ping(proc, node, now);
    node->ping_out = true;
  }
  return node->ping_out ? node->ping_at + timeout : node->check_at;
}

void rs_health_answered(struct rs_proc *proc, struct rs_peer *node)
{
  if (!node->watched || !node->ping_out)
    return;
  node->ping_out = false;
  node->misses = 0;
  node->check_at = node->ping_at + (uint64_t)proc->setup.config.health_check_period_ms * RS_MS;
  proc->role_deadline = rs_time_min(proc->role_deadline, node->check_at);
}

uint64_t rs_health_of_head(struct rs_proc *proc, struct rs_peer *head, uint64_t now, bool *lost)
{
  uint64_t timeout = (uint64_t)proc->setup.config.gcs_rpc_server_reconnect_timeout_s * RS_S, third = timeout / 3;
  /* Looked at much later than planned: this process was stopped itself, and what has come is still to be read. */
  if (head->heard_at == 0 || (head->check_at && now > head->check_at + third))
    head->heard_at = now;
  *lost = now >= head->heard_at + timeout;
  if (now >= head->heard_at + third && now >= head->ping_at + third)
    ping(proc, head, now);
  uint64_t asked = head->ping_at > head->heard_at ? head->ping_at : head->heard_at;
  head->check_at = rs_time_min(asked + third, head->heard_at + timeout);
  return head->check_at;
}
