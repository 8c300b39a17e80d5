/* client.c -- driver programs: an application that is a state machine on the calling thread (rs_uv_run_app), or calls
 * from any thread beside a loop thread (rs_uv_client).
 *
 * A program attaches to a session's head node through its raylet's Unix socket, which gives it an address and the
 * cluster's settings; everybody else it finds as every process does.
 */
#include "uv/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "uv/ask.h"
#include "uv/session.h"

enum { STOP_POLL_MS = 50 };

static struct rs_uv_client *client_of(struct rs_proc *proc)
{
  return proc->role;
}

static void fail(struct rs_uv_client *client, int status, const char *why)
{
  if (!client->failed) {
    client->failed = true;
    client->status = status;
    snprintf(client->error, sizeof client->error, "%s", why);
  }
  rs_front_fail(&client->front, status);
  pthread_cond_broadcast(&client->proc.changed);
  rs_proc_stop(&client->proc);
}

static void on_welcome(struct rs_proc *proc, struct rs_conn *conn, struct rs_reader *body, rs_addr *who)
{
  (void)conn;
  char session[RS_UV_PATH_MAX];
  proc->self = rs_get_u64(body);
  *who = rs_get_u64(body);
  snprintf(session, sizeof session, "%s", proc->session);
  if (!rs_setup_get(body, &proc->setup))
    rs_get_fail(body, RS_ERR_MALFORMED);
}

static void on_open(struct rs_proc *proc, struct rs_peer *peer)
{
  struct rs_uv_client *client = client_of(proc);
  if (client->attached || peer->addr != rs_addr_raylet(proc->self))
    return;
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  rs_socket_path(path, sizeof path, proc->session, proc->self);
  if (rs_listen_unix(proc, path, error) != 0) {
    fail(client, RS_ERR_REFUSED, error);
    return;
  }
  client->attached = true;
  const char *wanted = getenv("RAYSIM_LOG_TO_DRIVER");
  if (!client->observer && !(wanted && strcmp(wanted, "0") == 0))
    client->fold = rs_fold_new(stderr);
  rs_proc_add_endpoint(proc, &(struct rs_start){.roles = RS_ROLE_DRIVER,
                                                .self = proc->self,
                                                .gcs = rs_addr_make(0, 1, RS_EP_GCS),
                                                .config = &proc->setup.config,
                                                .observer = client->observer});
  if (!client->observer)
    rs_ask_job_start(proc, program_invocation_short_name);
  struct rs_app *app = proc->app;
  proc->app = NULL; /* not before its start */
  rs_proc_drain(proc);
  proc->app = app;
  if (app) {
    app->ops->on_start(app, rs_proc_now(proc), proc->self, &proc->calls);
    rs_proc_drain(proc);
  }
  pthread_cond_broadcast(&proc->changed);
}

static void on_rejected(struct rs_proc *proc, struct rs_conn *conn, const char *why)
{
  (void)conn;
  char text[RS_UV_ERROR_MAX];
  snprintf(text, sizeof text, "%.200s: cannot attach: %.200s", proc->session, why);
  fail(client_of(proc), RS_ERR_REFUSED, text);
}

static void on_lost(struct rs_proc *proc, struct rs_peer *peer)
{
  if (peer->addr == rs_addr_raylet(proc->self))
    fail(client_of(proc), RS_ERR_PEER_LOST, "the cluster has gone away");
}

static void on_effect(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  (void)ep;
  struct rs_uv_client *client = client_of(proc);
  if (effect->kind == RS_OUT_EXIT) {
    fail(client, RS_ERR_PEER_LOST, "the cluster has ended this program's part");
    return;
  }
  if (effect->kind != RS_OUT_REPLY)
    return;
  const struct rs_reply *reply = effect->reply;
  if (!rs_front_on_reply(&client->front, reply) && client->numbers) {
    rs_map_put_ptr(&client->results, reply->id.seq, rs_result_ref(reply->result));
    pthread_cond_broadcast(&proc->changed);
  }
}

static uint64_t on_timer(struct rs_proc *proc, uint64_t now)
{
  struct rs_uv_client *client = client_of(proc);
  uint64_t next = client->fold ? rs_fold_settle(client->fold, now) : RS_TIME_NEVER;
  if (!client->stop)
    return next;
  if (atomic_load(client->stop)) {
    client->stopped = true;
    rs_proc_stop(proc);
  }
  return rs_time_min(next, now + STOP_POLL_MS * RS_MS);
}

static bool on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_uv_client *client = client_of(proc);
  if (f->type != RS_FRAME_OUTPUT || !conn->peer)
    return false;
  if (client->fold && !rs_output_on_frame(client->fold, proc, f))
    return false;
  if (client->fold)
    proc->role_deadline = rs_time_min(proc->role_deadline, rs_fold_settle(client->fold, rs_proc_now(proc)));
  return true;
}

static void on_idle(struct rs_proc *proc)
{
  rs_front_idle(&client_of(proc)->front);
}

static const struct rs_role_ops ops = {.welcome = on_welcome,
                                       .rejected = on_rejected,
                                       .open = on_open,
                                       .lost = on_lost,
                                       .effect = on_effect,
                                       .frame = on_frame,
                                       .timer = on_timer,
                                       .idle = on_idle};

static int begin(struct rs_uv_client *client, const char *session, char *error)
{
  struct rs_proc *proc = &client->proc;
  char path[RS_UV_PATH_MAX], found[RS_UV_PATH_MAX];
  uint8_t token[RS_TOKEN_BYTES];
  signal(SIGPIPE, SIG_IGN);
  int rc = rs_session_find(session, found, error);
  if (rc != 0)
    return rc;
  rs_session_token_path(found, path, sizeof path);
  if (!rs_auth_init() || rs_auth_token_read(path, token, error) != 0)
    return RS_ERR_REFUSED;
  rs_front_init(&client->front, proc);
  if (rs_proc_init(proc, &ops, client) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "cannot start a loop");
    return RS_ERR_REFUSED;
  }
  proc->trace = rs_front_trace;
  proc->trace_ctx = &client->front;
  snprintf(proc->session, sizeof proc->session, "%s", found);
  memcpy(proc->token, token, sizeof token);
  rs_socket_path(path, sizeof path, found, rs_addr_make(0, 1, RS_EP_RAYLET));
  pthread_mutex_lock(&proc->lock);
  proc->loop_thread = pthread_self();
  proc->loop_thread_set = true;
  struct rs_conn *conn = rs_conn_to_unix(proc, path, RS_PURPOSE_DRIVER, RS_ADDR_NONE);
  proc->loop_thread_set = false;
  pthread_mutex_unlock(&proc->lock);
  if (!conn) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot connect", path);
    rs_proc_free(proc);
    return RS_ERR_REFUSED;
  }
  return 0;
}

/* With the lock: the program leaves in order. */
static void end_job(struct rs_uv_client *client)
{
  if (client->attached && !client->failed && !client->observer)
    rs_ask_job_end(&client->proc, client->stopped ? RS_ERR_CANCELLED : RS_ERR_OK, "");
}

static void end(struct rs_uv_client *client)
{
  rs_front_free(&client->front);
  rs_proc_free(&client->proc);
  rs_fold_free(client->fold);
  for (uint32_t i = 0; i < client->results.cap; i++)
    if (client->results.slots[i].key)
      rs_result_unref((struct rs_result *)(uintptr_t)client->results.slots[i].value);
  rs_map_free(&client->results);
  free(client);
}

/* ---- an application ---- */

int rs_uv_run_app(const struct rs_uv_run *run, struct rs_uv_run_stats *stats, char *error)
{
  struct rs_uv_client *client = rs_alloc_zero(1, sizeof *client);
  int rc = begin(client, run->session, error);
  if (rc != 0) {
    free(client);
    return rc;
  }
  struct rs_proc *proc = &client->proc;
  proc->app = run->app;
  proc->trace = run->trace;
  proc->trace_ctx = run->ctx;
  client->stop = run->stop;
  proc->role_deadline = run->stop ? 0 : RS_TIME_NEVER;
  uint64_t since = uv_hrtime();
  rs_proc_run(proc);
  pthread_mutex_lock(&proc->lock);
  end_job(client);
  rs_proc_flush(proc);
  pthread_mutex_unlock(&proc->lock);
  if (stats)
    *stats = (struct rs_uv_run_stats){.inputs = proc->inputs,
                                      .messages_in = proc->messages_in,
                                      .messages_out = proc->messages_out,
                                      .bytes_in = proc->bytes_in,
                                      .bytes_out = proc->bytes_out,
                                      .wall_ns = uv_hrtime() - since,
                                      .self = proc->self,
                                      .stopped = client->stopped};
  if (client->failed) {
    rc = client->status;
    memcpy(error, client->error, RS_UV_ERROR_MAX);
  }
  end(client);
  return rc;
}

/* ---- calls from any thread ---- */

static void *loop_main(void *proc)
{
  rs_proc_run(proc);
  return NULL;
}

static int open_client(const char *session, bool observer, struct rs_uv_client **out, char *error)
{
  struct rs_uv_client *client = rs_alloc_zero(1, sizeof *client);
  client->observer = observer;
  struct rs_proc *proc = &client->proc;
  *out = NULL;
  int rc = begin(client, session, error);
  if (rc != 0) {
    free(client);
    return rc;
  }
  if (pthread_create(&client->thread, NULL, loop_main, proc) != 0) {
    snprintf(error, RS_UV_ERROR_MAX, "cannot start a thread");
    end(client);
    return RS_ERR_REFUSED;
  }
  pthread_mutex_lock(&proc->lock);
  while (!client->attached && !client->failed)
    pthread_cond_wait(&proc->changed, &proc->lock);
  bool failed = client->failed;
  pthread_mutex_unlock(&proc->lock);
  if (!failed) {
    *out = client;
    return 0;
  }
  rc = client->status;
  memcpy(error, client->error, RS_UV_ERROR_MAX);
  rs_uv_client_close(client);
  return rc;
}

int rs_uv_client_open(const char *session, struct rs_uv_client **client, char *error)
{
  return open_client(session, false, client, error);
}

int rs_uv_client_observe(const char *session, struct rs_uv_client **client, char *error)
{
  return open_client(session, true, client, error);
}

void rs_uv_client_close(struct rs_uv_client *client)
{
  if (!client)
    return;
  rs_front_stop(&client->front);
  pthread_mutex_lock(&client->proc.lock);
  end_job(client);
  rs_proc_flush(&client->proc);
  rs_proc_stop(&client->proc);
  pthread_mutex_unlock(&client->proc.lock);
  pthread_join(client->thread, NULL);
  end(client);
}

rs_addr rs_uv_client_self(const struct rs_uv_client *client)
{
  return client->proc.self;
}

struct rs_front *rs_uv_client_front(struct rs_uv_client *client)
{
  return &client->front;
}

uint64_t rs_uv_client_take(struct rs_uv_client *client, uint32_t count)
{
  pthread_mutex_lock(&client->proc.lock);
  client->numbers = true;
  uint64_t first = client->front.next_seq;
  client->front.next_seq += count;
  pthread_mutex_unlock(&client->proc.lock);
  return first;
}

void rs_uv_client_call(struct rs_uv_client *client, struct rs_call *call)
{
  rs_front_call(&client->front, call);
}

int rs_uv_client_wait(struct rs_uv_client *client, uint64_t task_seq, uint64_t timeout_ns, struct rs_result **result)
{
  uint64_t taken, end = rs_time_add(uv_hrtime(), timeout_ns);
  struct timespec until = {.tv_sec = (time_t)(end / RS_S), .tv_nsec = (long)(end % RS_S)};
  int rc = 0;
  *result = NULL;
  pthread_mutex_lock(&client->proc.lock);
  while (!rs_map_find(&client->results, task_seq) && rc == 0) {
    if (client->failed)
      rc = client->status;
    else if (timeout_ns == RS_TIME_NEVER)
      pthread_cond_wait(&client->proc.changed, &client->proc.lock);
    else if (uv_hrtime() >= end)
      rc = RS_ERR_TIMED_OUT;
    else
      pthread_cond_timedwait(&client->proc.changed, &client->proc.lock, &until);
  }
  if (rc == 0 && rs_map_remove(&client->results, task_seq, &taken))
    *result = (struct rs_result *)(uintptr_t)taken;
  pthread_mutex_unlock(&client->proc.lock);
  return rc;
}
