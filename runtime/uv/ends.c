/* ends.c -- see ends.h: how a worker's end reaches its raylet.
 *
 * Two signs come, in any order: the fork server reports the process's exit status, and the worker's connection ends
 * once what it had sent before has been read. The raylet hears PEER_DOWN when both have come, or DRAIN_MS after the
 * first (a descendant may hold the connection open), and before it how the process ended. O(workers that are ending) a
 * sign.
 */
#include "uv/ends.h"

#include <sys/socket.h>
#include <sys/wait.h>

enum { DRAIN_MS = 50 };

struct rs_end {
  rs_addr worker;
  uint64_t at;
  int32_t end; /* RS_PROCESS_RUNS: the fork server has not told */
};

static void tell(struct rs_proc *proc, const struct rs_peer *peer, int32_t end)
{
  rs_proc_input(proc, proc->self,
                &(struct rs_input){.kind = RS_IN_WORKER_PROCESS, .peer = peer->addr, .host = peer->pid, .status = end});
}

static bool is_worker(const struct rs_proc *proc, rs_addr addr)
{
  return rs_addr_same_node(addr, proc->self) && rs_addr_ep(addr) >= RS_EP_WORKER && rs_addr_ep(addr) < RS_EP_DRIVER;
}

static bool take(struct rs_ends *ends, rs_addr worker, struct rs_end *out)
{
  for (uint32_t i = 0; i < ends->count; i++)
    if (ends->items[i].worker == worker) {
      *out = ends->items[i];
      ends->items[i] = ends->items[--ends->count];
      return true;
    }
  return false;
}

static void wait_for_other(struct rs_ends *ends, struct rs_proc *proc, rs_addr worker, int32_t end)
{
  uint64_t at = rs_proc_now(proc) + DRAIN_MS * RS_MS;
  RS_GROW(ends->items, ends->count, ends->cap);
  ends->items[ends->count++] = (struct rs_end){worker, at, end};
  proc->role_deadline = rs_time_min(proc->role_deadline, at);
}

void rs_ends_opened(struct rs_proc *proc, struct rs_peer *peer)
{
  struct ucred who;
  socklen_t size = sizeof who;
  if (!is_worker(proc, peer->addr) || getsockopt(peer->use->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
    return;
  peer->pid = (uint32_t)who.pid;
  tell(proc, peer, RS_PROCESS_RUNS);
}

void rs_ends_exited(struct rs_ends *ends, struct rs_proc *proc, rs_addr worker, int32_t status)
{
  struct rs_peer *peer = rs_peer_get(proc, worker);
  struct rs_end first;
  int32_t end = WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? -WTERMSIG(status) : RS_PROCESS_RUNS;
  if (peer->use) {
    wait_for_other(ends, proc, worker, end);
  } else if (peer->held) {
    take(ends, worker, &first);
    tell(proc, peer, end);
    rs_peer_mourn(proc, peer);
  } else if (!peer->gone) { /* it never came */
    peer->gone = true;
    rs_peer_pair(peer, proc->self, worker);
    rs_peer_lost(proc, peer);
  }
}

void rs_ends_lost(struct rs_ends *ends, struct rs_proc *proc, struct rs_peer *peer)
{
  struct rs_end first;
  if (peer->gone || !is_worker(proc, peer->addr))
    return;
  peer->held = !take(ends, peer->addr, &first);
  if (peer->held)
    wait_for_other(ends, proc, peer->addr, RS_PROCESS_RUNS);
  else
    tell(proc, peer, first.end);
}

uint64_t rs_ends_timer(struct rs_ends *ends, struct rs_proc *proc, uint64_t now)
{
  uint64_t deadline = RS_TIME_NEVER;
  for (uint32_t i = 0; i < ends->count;) {
    struct rs_end end = ends->items[i];
    if (now < end.at) {
      deadline = rs_time_min(deadline, end.at);
      i++;
      continue;
    }
    ends->items[i] = ends->items[--ends->count];
    struct rs_peer *peer = rs_peer_get(proc, end.worker);
    peer->gone = true;
    if (end.end != RS_PROCESS_RUNS)
      tell(proc, peer, end.end);
    if (peer->use)
      rs_peer_lost(proc, peer);
    else if (peer->held)
      rs_peer_mourn(proc, peer);
  }
  return deadline;
}

void rs_ends_free(struct rs_ends *ends)
{
  free(ends->items);
}
