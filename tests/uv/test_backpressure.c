/* A process whose peer takes what it gets too slowly, or not at all: it stops reading from who sends, in bounded
 * memory, loses nothing, and gives the peer up at the cap.
 *
 * The process is a real one of the driver (rs_proc, its loop on a thread of the test) that passes on what a sender
 * sends to a reader; both are sockets by hand. Its limits are small. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "core/record.h"
#include "local.h"
#include "uv/proc.h"

enum { PASS_ON = 99, BODY = 32 << 10, HIGH = 1 << 20, CAP = 8 << 20, SOCKETS = 48 << 20 };

#define SENDER rs_addr_make(1, 1, RS_EP_RAYLET)
#define READER rs_addr_make(2, 1, RS_EP_RAYLET)
#define SELF rs_addr_make(0, 1, RS_EP_RAYLET)
#define GCS rs_addr_make(0, 1, RS_EP_GCS)

static struct {
  struct rs_proc proc;
  pthread_t thread;
  char folder[64];
  struct rs_config config;
  uint32_t lost, lost_others;
  int sender, reader;
} relay;

static bool on_frame(struct rs_proc *proc, struct rs_conn *conn, const struct rs_frame *f)
{
  struct rs_peer *reader = rs_peer_get(proc, READER);
  (void)conn;
  if (f->type != PASS_ON)
    return false;
  rs_peer_pair(reader, GCS, READER); /* the GCS has talked to it: it hears of its end */
  rs_peer_send(proc, reader, PASS_ON, f->body, f->body_bytes, NULL, 0);
  return true;
}

static void on_lost(struct rs_proc *proc, struct rs_peer *peer)
{
  (void)proc;
  if (peer->addr == READER)
    relay.lost++;
  else
    relay.lost_others++;
}

static void on_effect(struct rs_proc *proc, struct rs_ep *ep, const struct rs_effect *effect)
{
  (void)proc, (void)ep, (void)effect;
}

static void *loop(void *arg)
{
  (void)arg;
  rs_proc_run(&relay.proc);
  return NULL;
}

static void receive(int fd, void *to, size_t size)
{
  CHECK(recv(fd, to, size, MSG_WAITALL) == (ssize_t)size);
}

static void send_frame(int fd, uint8_t type, const void *body, size_t size)
{
  uint8_t bytes[512];
  rs_frame_header(bytes, type, size);
  memcpy(bytes + RS_FRAME_HEADER, body, size);
  CHECK(send(fd, bytes, RS_FRAME_HEADER + size, MSG_NOSIGNAL) == (ssize_t)(RS_FRAME_HEADER + size));
}

/* A session with the relay as the process `self`. */
static int enter(uint16_t port, rs_addr self)
{
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  struct rs_transcript t;
  struct rs_hello h = {RS_UV_VERSION, RS_PURPOSE_PEER, SELF, {0}};
  uint8_t frame[RS_FRAME_HEADER + RS_NONCE_BYTES + RS_PROOF_BYTES], body[RS_PROOF_BYTES + 12];
  rs_auth_nonce(h.nonce);
  rs_auth_write_hello(&h, t.hello);
  send_frame(fd, RS_FRAME_HELLO, t.hello, RS_HELLO_BYTES);
  receive(fd, frame, sizeof frame);
  memcpy(t.server_nonce, frame + RS_FRAME_HEADER, RS_NONCE_BYTES);
  struct rs_writer w = {body + RS_PROOF_BYTES, 12, 0};
  rs_put_u64(&w, self);
  rs_put_u32(&w, 0);
  rs_auth_client_proof(relay.proc.token, &t, body + RS_PROOF_BYTES, w.size, body);
  send_frame(fd, RS_FRAME_PROOF, body, RS_PROOF_BYTES + w.size);
  receive(fd, frame, RS_FRAME_HEADER + 4);
  CHECK_EQ(frame[4], RS_FRAME_WELCOME);
  return fd;
}

static void begin(uint64_t pause_ns)
{
  static const struct rs_role_ops ops = {.frame = on_frame, .lost = on_lost, .effect = on_effect};
  char error[RS_UV_ERROR_MAX] = "";
  memset(&relay, 0, sizeof relay);
  snprintf(relay.folder, sizeof relay.folder, "/tmp/raysim-back-XXXXXX");
  CHECK(mkdtemp(relay.folder) != NULL);
  struct rs_proc *proc = &relay.proc;
  CHECK_EQ(rs_proc_init(proc, &ops, NULL), 0);
  CHECK(proc->out_high == RS_UV_OUT_HIGH && proc->out_cap == RS_UV_OUT_CAP && proc->pause_ns == RS_UV_PAUSE_MS * RS_MS);
  proc->out_high = HIGH;
  proc->out_cap = CAP;
  proc->pause_ns = pause_ns;
  proc->self = SELF;
  memset(proc->token, 7, sizeof proc->token);
  snprintf(proc->setup.record, sizeof proc->setup.record, "%s", relay.folder);
  rs_config_defaults(&relay.config);
  uint16_t port = 0;
  int fd = rs_bind_tcp("127.0.0.1", &port, error);
  CHECK(fd >= 0);
  pthread_mutex_lock(&proc->lock);
  CHECK_EQ(rs_listen_tcp(proc, fd), 0);
  rs_proc_add_endpoint(proc,
                       &(struct rs_start){.roles = RS_ROLE_GCS, .self = GCS, .gcs = GCS, .config = &relay.config});
  pthread_mutex_unlock(&proc->lock);
  CHECK_EQ(pthread_create(&relay.thread, NULL, loop, NULL), 0);
  relay.sender = enter(port, SENDER);
  relay.reader = enter(port, READER);
}

static void stop(void)
{
  pthread_mutex_lock(&relay.proc.lock);
  rs_proc_stop(&relay.proc);
  pthread_mutex_unlock(&relay.proc.lock);
  pthread_join(relay.thread, NULL);
  rs_proc_free(&relay.proc);
  close(relay.sender);
  close(relay.reader);
}

static void remove_recording(void)
{
  char path[128];
  snprintf(path, sizeof path, "%s/gcs-0.1.2.rec", relay.folder);
  CHECK_EQ(unlink(path), 0);
  CHECK_EQ(rmdir(relay.folder), 0);
}

/* The queue for the reader: its bytes, and the memory that it takes. */
static void queue(size_t *bytes, size_t *memory)
{
  pthread_mutex_lock(&relay.proc.lock);
  const struct rs_peer *reader = rs_peer_find(&relay.proc, READER);
  *bytes = reader ? rs_out_size(&reader->out) : 0;
  *memory = reader ? reader->out.cap : 0;
  pthread_mutex_unlock(&relay.proc.lock);
}

static uint32_t times_lost(bool others)
{
  pthread_mutex_lock(&relay.proc.lock);
  uint32_t times = others ? relay.lost_others : relay.lost;
  pthread_mutex_unlock(&relay.proc.lock);
  return times;
}

static bool is_paused(void)
{
  pthread_mutex_lock(&relay.proc.lock);
  bool is = relay.proc.paused;
  pthread_mutex_unlock(&relay.proc.lock);
  return is;
}

/* Sends numbered frames, the rest of one that was begun first, until nothing is taken for `quiet_ms` or `until` says
 * so. */
struct stream {
  uint8_t frame[RS_FRAME_HEADER + BODY];
  size_t left; /* of the frame that was begun */
  uint64_t frames, bytes;
};

static void push(struct stream *s, int quiet_ms, const uint32_t *until, size_t *most)
{
  for (;;) {
    if (s->left == 0) {
      rs_frame_header(s->frame, PASS_ON, BODY);
      rs_store_u64(s->frame + RS_FRAME_HEADER, s->frames++);
      s->left = sizeof s->frame;
    }
    ssize_t n = send(relay.sender, s->frame + sizeof s->frame - s->left, s->left, MSG_NOSIGNAL | MSG_DONTWAIT);
    size_t bytes, memory;
    queue(&bytes, &memory);
    if (memory > *most)
      *most = memory;
    pthread_mutex_lock(&relay.proc.lock);
    bool end = until && *until > 0;
    pthread_mutex_unlock(&relay.proc.lock);
    if (end)
      return;
    if (n > 0) {
      s->left -= (size_t)n;
      s->bytes += (uint64_t)n;
      CHECK(s->bytes < (uint64_t)4 * SOCKETS);
      continue;
    }
    CHECK(errno == EAGAIN);
    struct pollfd p = {.fd = relay.sender, .events = POLLOUT};
    if (poll(&p, 1, quiet_ms) == 0)
      return;
  }
}

static void paused(void)
{
  begin(3600 * RS_S);
  struct stream *s = rs_alloc_zero(1, sizeof *s);
  size_t bytes, memory, most = 0;
  push(s, 500, NULL, &most); /* until the sender is stopped */
  queue(&bytes, &memory);
  CHECK(bytes > HIGH);
  CHECK(bytes <= HIGH + RS_UV_READ_BYTES + BODY + RS_FRAME_HEADER); /* what was read at once came on top */
  CHECK(most <= 4 * HIGH);
  CHECK(s->bytes < SOCKETS); /* the rest is in the kernel's buffers */
  CHECK(is_paused());
  /* the reader wakes up: all that was sent is there, in its order */
  uint8_t *frame = rs_alloc(sizeof s->frame);
  uint64_t whole = s->frames - 1;
  for (uint64_t i = 0; i < whole; i++) {
    receive(relay.reader, frame, sizeof s->frame);
    CHECK_EQ(frame[4], PASS_ON);
    CHECK_EQ(rs_load_u64(frame + RS_FRAME_HEADER), i);
  }
  CHECK(whole * sizeof s->frame > HIGH);
  CHECK(send(relay.sender, s->frame + sizeof s->frame - s->left, s->left, MSG_NOSIGNAL) == (ssize_t)s->left);
  receive(relay.reader, frame, sizeof s->frame);
  CHECK_EQ(rs_load_u64(frame + RS_FRAME_HEADER), whole);
  queue(&bytes, &memory);
  CHECK_EQ(bytes, 0);
  CHECK(!is_paused());
  CHECK_EQ(times_lost(false), 0);
  free(frame);
  free(s);
  stop();
  remove_recording();
}

/* How often the GCS heard that the reader is down. */
static uint32_t times_down(void)
{
  char path[128];
  static uint8_t bytes[1 << 16];
  snprintf(path, sizeof path, "%s/gcs-0.1.2.rec", relay.folder);
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  struct rs_record_reader r;
  struct rs_record_start start;
  CHECK_EQ(rs_record_read_start(&r, bytes, size, &start), 0);
  uint32_t count = 0;
  while (rs_record_next(&r) != RS_RECORD_END) {
    uint64_t now;
    struct rs_input in;
    if (rs_record_next(&r) == RS_RECORD_INPUT) {
      CHECK_EQ(rs_record_read_input(&r, &now, &in), 0);
      count += in.kind == RS_IN_PEER_DOWN && in.peer == READER;
      rs_record_input_free(&in);
    } else {
      CHECK(rs_record_read_frame(&r, &size) != NULL);
    }
  }
  rs_record_start_free(&start);
  return count;
}

static void given_up(void)
{
  char path[] = "/tmp/raysim-err-XXXXXX", text[1024] = "";
  int file = mkstemp(path), err = dup(2);
  CHECK(file >= 0);
  dup2(file, 2);
  begin(20 * RS_MS); /* two that wait for each other go on after that: so memory grows, up to the cap */
  struct stream *s = rs_alloc_zero(1, sizeof *s);
  size_t bytes, memory, most = 0;
  push(s, 5000, &relay.lost, &most);
  dup2(err, 2);
  close(err);
  CHECK(pread(file, text, sizeof text - 1, 0) > 0);
  close(file);
  unlink(path);
  CHECK_EQ(times_lost(false), 1);
  CHECK_EQ(times_lost(true), 0);
  CHECK(most > CAP / 2 && most <= 2 * CAP);
  CHECK(s->bytes > CAP && s->bytes < CAP + SOCKETS);
  queue(&bytes, &memory);
  CHECK(bytes <= CAP); /* what comes for it now is for a next session, if it has one */
  CHECK(strstr(text, "raysim: 0.1: gave up 2.1, which takes nothing: 8") != NULL);
  CHECK(strchr(text, '\n') == text + strlen(text) - 1); /* one line */
  uint8_t *rest = rs_alloc(1 << 20); /* the reader's connection has ended, after what was in the kernel's buffers */
  ssize_t n;
  while ((n = recv(relay.reader, rest, 1 << 20, 0)) > 0)
    ;
  CHECK(n == 0 || errno == ECONNRESET);
  free(rest);
  free(s);
  stop();
  CHECK_EQ(times_down(), 1);
  remove_recording();
}

const struct rs_test rs_tests[] = {{"paused", paused}, {"given up", given_up}, {0}};
