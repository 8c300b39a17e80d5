/* swarm_conn.c -- the connections of swarm mode: how a message travels, and attempts to connect that fail.
 *
 * A pair of endpoints has one connection, which the first message of either opens. Each way a message takes a random
 * time and never overtakes one before it. An attempt fails where nobody lives, and across a partition; what is sent
 * meanwhile waits for it and is lost with it. If the other end connects first, the attempt ends at once: a message that
 * is lost is always followed by SEND_FAILED before anything else comes from there, so each end knows that what stood
 * before is over, as a real session is one for both directions.
 *
 * Cost: O(log events) a message.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "sim/swarm_net_int.h"

static struct conn *conn_of(struct swarm_net *n, rs_addr a, rs_addr b)
{
  rs_addr low = a < b ? a : b, high = a < b ? b : a;
  uint64_t key = rs_mix64(low) ^ rs_mix64(high * 3);
  struct conn *conn = rs_map_get_ptr(&n->conns, key);
  if (!conn) {
    conn = rs_alloc_zero(1, sizeof *conn);
    conn->end[0] = low;
    conn->end[1] = high;
    rs_map_put_ptr(&n->conns, key, conn);
    RS_GROW(n->conn_list, n->conn_count, n->conn_cap);
    n->conn_list[n->conn_count++] = conn;
  }
  RS_ASSERT(conn->end[0] == low && conn->end[1] == high);
  return conn;
}

uint64_t swarm_net_delay(struct swarm_net *n, rs_addr from, rs_addr to)
{
  return swarm_net_between(n, rs_addr_node(from) == rs_addr_node(to) ? n->plan->local_ns : n->plan->latency_ns);
}

static void attempt_fails(struct swarm_net *n, struct conn *conn, rs_addr from, rs_addr to, uint64_t due_ns)
{
  swarm_net_push(n, (struct event){.due_ns = due_ns,
                                   .kind = EV_FAILED,
                                   .to = from,
                                   .from = to,
                                   .conn = conn,
                                   .number = conn->way[from > to].attempts});
}

/* The first message of a connection. If the other end is still trying in vain to connect, that ends now: it hears so
 * before anything arrives, and what it sends from then on goes through the new connection. */
static void open_conn(struct swarm_net *n, struct conn *conn, rs_addr from, rs_addr to)
{
  conn->open = true;
  if (conn->way[to > from].trying)
    attempt_fails(n, conn, to, from, n->now);
}

void swarm_net_send(struct swarm_net *n, rs_addr from, rs_addr to, struct rs_msg *msg)
{
  if (n->plan->codec) {
    size_t size = rs_msg_wire_bytes(msg);
    uint8_t *bytes = rs_alloc(size);
    RS_ASSERT(rs_msg_encode(msg, bytes, size) == size);
    rs_msg_unref(msg);
    RS_ASSERT(rs_msg_decode(bytes, size, &msg) == 0);
    free(bytes);
  }
  struct conn *conn = conn_of(n, from, to);
  struct way *way = &conn->way[from > to];
  uint64_t wall = swarm_net_parted(n, from, to);
  if (way->trying || n->now < way->deaf_ns) { /* into a broken connection, or with an attempt that fails */
    rs_msg_unref(msg);
    return;
  }
  if (!conn->open) {
    bool host = n->nodes[rs_addr_node(to)].up;
    if (!swarm_net_place(n, to) || wall) {
      uint64_t after = host && !wall ? 2 * swarm_net_delay(n, from, to) : 3 * RS_S;
      way->deaf_ns = n->now + after; /* what is sent meanwhile waits for the same attempt */
      way->attempts++;
      way->trying = true;
      attempt_fails(n, conn, from, to, n->now + after);
      rs_msg_unref(msg);
      return;
    }
    open_conn(n, conn, from, to);
  }
  uint64_t due = (wall ? wall : n->now) + swarm_net_delay(n, from, to);
  if (due < way->floor_ns)
    due = way->floor_ns;
  way->floor_ns = due;
  struct event e = {.due_ns = due,
                    .kind = EV_MESSAGE,
                    .to = to,
                    .from = from,
                    .msg = msg,
                    .conn = conn,
                    .epoch = way->epoch,
                    .index = way->sent++};
  if (msg->type == RS_MSG_VIEW)
    way->newest_view = e.index;
  swarm_net_push(n, e);
}

bool swarm_net_attempt_ends(const struct event *e)
{
  struct way *way = &e->conn->way[e->to > e->from];
  if (!way->trying || way->attempts != e->number) /* it has ended before, when the other end connected */
    return false;
  way->trying = false;
  way->deaf_ns = 0;
  return true;
}
