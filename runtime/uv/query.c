/* query.c -- see query.h. */
#include "uv/query.h"

#include <stdio.h>
#include <string.h>

#include "uv/proc.h"
#include "uv/session.h"

struct asking {
  struct rs_proc proc;
  struct rs_query *query;
  bool done;
  char error[RS_UV_ERROR_MAX];
};

static void on_welcome(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, rs_addr *who)
{
  (void)body, (void)who;
  const struct rs_query *query = ((struct asking *)proc->role)->query;
  rs_conn_send(conn, query->type, query->body, query->body_bytes);
}

static void on_rejected(struct rs_proc *proc, struct rs_conn *conn, const char *why)
{
  (void)conn;
  struct asking *asking = proc->role;
  snprintf(asking->error, sizeof asking->error, "%s did not answer: %s", asking->query->host ? "the node" : "the head",
           why);
  rs_proc_stop(proc);
}

static bool on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  (void)conn;
  struct asking *asking = proc->role;
  if (f->type != asking->query->answer_type)
    return false;
  asking->query->answer = rs_memdup(f->body, f->body_bytes);
  asking->query->answer_bytes = f->body_bytes;
  asking->done = true;
  rs_proc_stop(proc);
  return true;
}

static void on_effect(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  (void)proc, (void)ep, (void)effect;
}

static uint64_t on_timer(struct rs_proc *proc, uint64_t now)
{
  (void)now;
  struct asking *asking = proc->role;
  snprintf(asking->error, sizeof asking->error, "%s did not answer in time",
           asking->query->host ? "the node" : "the head");
  rs_proc_stop(proc);
  return RS_TIME_NEVER;
}

static struct rs_conn *connect_to(struct rs_proc *proc, const struct rs_query *query)
{
  char path[RS_UV_PATH_MAX];
  rs_socket_path(path, sizeof path, query->session, rs_addr_make(0, 1, RS_EP_RAYLET));
  pthread_mutex_lock(&proc->lock);
  struct rs_conn *conn = query->host ? rs_conn_to_tcp(proc, query->host, query->port, RS_PURPOSE_QUERY, RS_ADDR_NONE)
                                     : rs_conn_to_unix(proc, path, RS_PURPOSE_QUERY, RS_ADDR_NONE);
  proc->role_deadline = rs_proc_now(proc) + RS_UV_CONNECT_MS * RS_MS;
  pthread_mutex_unlock(&proc->lock);
  return conn;
}

int rs_query(struct rs_query *query, char *error)
{
  static const struct rs_role_ops ops = {
      .welcome = on_welcome, .rejected = on_rejected, .frame = on_frame, .effect = on_effect, .timer = on_timer};
  char path[RS_UV_PATH_MAX];
  struct asking *asking = rs_alloc_zero(1, sizeof *asking);
  struct rs_proc *proc = &asking->proc;
  asking->query = query;
  query->answer = NULL;
  snprintf(asking->error, sizeof asking->error, "%s closed the connection", query->host ? "the node" : "the head");
  rs_session_token_path(query->session, path, sizeof path);
  if (rs_auth_init() && rs_proc_init(proc, &ops, asking) == 0) {
    if (rs_auth_token_read(path, proc->token, asking->error) == 0 && connect_to(proc, query))
      rs_proc_run(proc);
    rs_proc_free(proc);
  }
  bool done = asking->done;
  if (!done)
    memcpy(error, asking->error, RS_UV_ERROR_MAX);
  free(asking);
  return done ? 0 : RS_ERR_REFUSED;
}
