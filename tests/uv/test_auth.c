/* Who does not know the token gets nothing, and does not disturb those who do: proofs by themselves, then attacks on
 * the sockets of a running cluster. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "core/codec.h"
#include "local.h"
#include "uv/auth.h"
#include "uv/frame.h"
#include "uv/limits.h"

/* ---- the proofs ---- */

static void proofs(void)
{
  CHECK(rs_auth_init());
  uint8_t token[RS_TOKEN_BYTES], other[RS_TOKEN_BYTES], server[RS_PROOF_BYTES], client[RS_PROOF_BYTES];
  memset(token, 7, sizeof token);
  memcpy(other, token, sizeof other);
  other[31] ^= 1;
  struct rs_transcript t = {{0}, {0}}, changed;
  rs_auth_nonce(t.hello);
  rs_auth_nonce(t.server_nonce);
  rs_auth_server_proof(token, &t, server);
  CHECK(rs_auth_server_verify(token, &t, server));
  CHECK(!rs_auth_server_verify(other, &t, server));
  rs_auth_client_proof(token, &t, (const uint8_t *)"body", 4, client);
  CHECK(rs_auth_client_verify(token, &t, (const uint8_t *)"body", 4, client));
  CHECK(!rs_auth_client_verify(token, &t, (const uint8_t *)"bodi", 4, client));
  CHECK(!rs_auth_client_verify(other, &t, (const uint8_t *)"body", 4, client));
  /* neither direction's proof is good for the other one */
  CHECK(!rs_auth_client_verify(token, &t, NULL, 0, server));
  rs_auth_client_proof(token, &t, NULL, 0, client);
  CHECK(!rs_auth_server_verify(token, &t, client));
  /* every byte of the transcript counts */
  for (size_t i = 0; i < sizeof t; i++) {
    changed = t;
    ((uint8_t *)&changed)[i] ^= 0x10;
    CHECK(!rs_auth_server_verify(token, &changed, server));
    CHECK(!rs_auth_client_verify(token, &changed, NULL, 0, client));
  }
}

static void token_files(void)
{
  char path[] = "/tmp/raysim-token-XXXXXX", error[RS_UV_ERROR_MAX];
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  uint8_t token[RS_TOKEN_BYTES], again[RS_TOKEN_BYTES];
  CHECK(rs_auth_token_read(path, token, error) != 0); /* empty */
  CHECK(rs_auth_token_create(path, error) != 0);      /* it exists */
  unlink(path);
  CHECK(rs_auth_token_read(path, token, error) != 0);
  CHECK_EQ(rs_auth_token_create(path, error), 0);
  struct stat st;
  CHECK_EQ(stat(path, &st), 0);
  CHECK_EQ(st.st_mode & 0777, 0600);
  CHECK_EQ(rs_auth_token_read(path, token, error), 0);
  CHECK_EQ(rs_auth_token_read(path, again, error), 0);
  CHECK(memcmp(token, again, sizeof token) == 0);
  chmod(path, 0640);
  CHECK(rs_auth_token_read(path, token, error) != 0); /* others may read it */
  unlink(path);
}

/* ---- a client by hand ---- */

static int connect_head(uint16_t port)
{
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
  struct timeval limit = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

static void send_frame(int fd, uint8_t type, const void *body, size_t size)
{
  uint8_t bytes[1024];
  rs_frame_header(bytes, type, size);
  memcpy(bytes + RS_FRAME_HEADER, body, size);
  CHECK(send(fd, bytes, RS_FRAME_HEADER + size, MSG_NOSIGNAL) == (ssize_t)(RS_FRAME_HEADER + size));
}

/* Type of the next frame, 0 at the end of the stream. */
static uint8_t read_frame(int fd, uint8_t *body, size_t *size)
{
  uint8_t head[RS_FRAME_HEADER];
  if (recv(fd, head, sizeof head, MSG_WAITALL) != (ssize_t)sizeof head)
    return 0;
  *size = rs_load_u32(head) - 1;
  CHECK(*size <= 4096);
  if (*size && recv(fd, body, *size, MSG_WAITALL) != (ssize_t)*size)
    return 0;
  return head[4];
}

/* The stream ends, whatever comes before that; false: it stays open. */
static bool is_refused(int fd)
{
  uint8_t body[4096];
  size_t size;
  for (;;) {
    errno = 0;
    uint8_t type = read_frame(fd, body, &size);
    if (type == 0)
      return errno != EAGAIN;
    if (type == RS_FRAME_WELCOME)
      return false;
  }
}

static void hello(int fd, uint8_t purpose, uint64_t target, struct rs_transcript *t)
{
  struct rs_hello h = {RS_UV_VERSION, purpose, target, {0}};
  rs_auth_nonce(h.nonce);
  rs_auth_write_hello(&h, t->hello);
  send_frame(fd, RS_FRAME_HELLO, t->hello, RS_HELLO_BYTES);
}

/* A whole handshake with a token, for QUERY. True: we were let in. */
static bool enter(uint16_t port, const uint8_t *token)
{
  int fd = connect_head(port);
  struct rs_transcript t;
  uint8_t body[4096], proof[RS_PROOF_BYTES];
  size_t size;
  hello(fd, RS_PURPOSE_QUERY, 0, &t);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  memcpy(t.server_nonce, body, RS_NONCE_BYTES);
  rs_auth_client_proof(token, &t, NULL, 0, proof);
  send_frame(fd, RS_FRAME_PROOF, proof, sizeof proof);
  bool in = read_frame(fd, body, &size) == RS_FRAME_WELCOME;
  close(fd);
  return in;
}

static void attacks(void)
{
  struct rs_uv_cluster *cluster = local_start(2, 1, NULL);
  uint16_t port = rs_uv_cluster_port(cluster);
  struct rs_uv_client *client = local_attach(cluster);
  uint64_t first = local_submit(client, 200, 5000, 0); /* goes on meanwhile */
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  uint8_t token[RS_TOKEN_BYTES], wrong[RS_TOKEN_BYTES], body[4096], proof[RS_PROOF_BYTES];
  size_t size;
  struct rs_transcript t;
  rs_session_token_path(rs_uv_cluster_session(cluster), path, sizeof path);
  CHECK_EQ(rs_auth_token_read(path, token, error), 0);
  memcpy(wrong, token, sizeof wrong);
  wrong[0] ^= 1;
  CHECK(enter(port, token)); /* the test's client is right, so what follows fails for its own reason */
  CHECK(!enter(port, wrong));

  /* no proof at all: straight to what comes after it */
  int fd = connect_head(port);
  send_frame(fd, RS_FRAME_STATUS, "", 0);
  CHECK(is_refused(fd));
  close(fd);
  fd = connect_head(port);
  hello(fd, RS_PURPOSE_QUERY, 0, &t);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  send_frame(fd, RS_FRAME_LEAVE, "", 0);
  CHECK(is_refused(fd));
  close(fd);

  /* reflection: the server's own proof sent back, and its challenge to a second connection of ours used as an oracle */
  fd = connect_head(port);
  hello(fd, RS_PURPOSE_QUERY, 0, &t);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  send_frame(fd, RS_FRAME_PROOF, body + RS_NONCE_BYTES, RS_PROOF_BYTES);
  CHECK(is_refused(fd));
  close(fd);
  fd = connect_head(port);
  hello(fd, RS_PURPOSE_QUERY, 0, &t);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  int oracle = connect_head(port);
  struct rs_hello h = {RS_UV_VERSION, RS_PURPOSE_QUERY, 0, {0}};
  uint8_t bytes[RS_HELLO_BYTES], answer[4096];
  memcpy(h.nonce, body, RS_NONCE_BYTES);
  rs_auth_write_hello(&h, bytes);
  send_frame(oracle, RS_FRAME_HELLO, bytes, sizeof bytes);
  CHECK_EQ(read_frame(oracle, answer, &size), RS_FRAME_CHALLENGE);
  send_frame(fd, RS_FRAME_PROOF, answer + RS_NONCE_BYTES, RS_PROOF_BYTES);
  CHECK(is_refused(fd));
  close(fd);
  close(oracle);

  /* replay: a proof that was right on another connection, with the same hello */
  fd = connect_head(port);
  hello(fd, RS_PURPOSE_QUERY, 0, &t);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  memcpy(t.server_nonce, body, RS_NONCE_BYTES);
  rs_auth_client_proof(token, &t, NULL, 0, proof);
  send_frame(fd, RS_FRAME_PROOF, proof, sizeof proof);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_WELCOME);
  close(fd);
  fd = connect_head(port);
  send_frame(fd, RS_FRAME_HELLO, t.hello, RS_HELLO_BYTES);
  CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
  send_frame(fd, RS_FRAME_PROOF, proof, sizeof proof);
  CHECK(is_refused(fd));
  close(fd);

  /* another version; a process that is not here; too large; empty; garbage */
  fd = connect_head(port);
  h.version = RS_UV_VERSION + 1;
  rs_auth_write_hello(&h, bytes);
  send_frame(fd, RS_FRAME_HELLO, bytes, sizeof bytes);
  CHECK(is_refused(fd));
  close(fd);
  uint64_t targets[] = {rs_addr_make(0, 2, RS_EP_RAYLET), rs_addr_make(0, 1, 9999), rs_addr_make(1, 1, RS_EP_RAYLET),
                        UINT64_MAX};
  for (int i = 0; i < 4; i++) {
    fd = connect_head(port);
    hello(fd, RS_PURPOSE_PEER, targets[i], &t);
    CHECK(is_refused(fd));
    close(fd);
  }
  for (int i = 0; i < 3; i++) {
    static const uint8_t heads[3][5] = {{1, 1, 0, 0, 1}, {0, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 1}};
    fd = connect_head(port);
    CHECK(send(fd, heads[i], 5, MSG_NOSIGNAL) == 5);
    CHECK(is_refused(fd));
    close(fd);
  }
  struct rs_rng rng;
  rs_rng_seed(&rng, 11);
  for (int round = 0; round < 200; round++) {
    fd = connect_head(port);
    uint8_t junk[512];
    size_t n = 1 + rs_rng_below(&rng, sizeof junk);
    for (size_t i = 0; i < n; i++)
      junk[i] = (uint8_t)rs_rng_next(&rng);
    if (round % 2) { /* as the body of a frame that is looked at */
      n = n < 200 ? n : 200;
      rs_frame_header(junk, (uint8_t)(1 + rs_rng_below(&rng, 5)), n - 1 > 5 ? n - 6 : 1);
    }
    if (send(fd, junk, n, MSG_NOSIGNAL) < 0) { /* it may be closed before all has gone */
    }
    close(fd);
  }
  local_take(client, first, 200, NULL);
  CHECK(enter(port, token));
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* Known to the cluster, but sending nonsense afterwards: only that connection ends. */
static void malformed_after_the_proof(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  uint8_t token[RS_TOKEN_BYTES], body[4096], out[64];
  size_t size;
  rs_session_token_path(rs_uv_cluster_session(cluster), path, sizeof path);
  CHECK_EQ(rs_auth_token_read(path, token, error), 0);
  struct rs_rng rng;
  rs_rng_seed(&rng, 5);
  for (int round = 0; round < 60; round++) {
    int fd = connect_head(rs_uv_cluster_port(cluster));
    struct rs_transcript t;
    hello(fd, RS_PURPOSE_PEER, rs_addr_make(0, 1, RS_EP_RAYLET), &t);
    CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_CHALLENGE);
    memcpy(t.server_nonce, body, RS_NONCE_BYTES);
    struct rs_writer w = {out + RS_PROOF_BYTES, 12, 0};
    rs_put_u64(&w, rs_addr_make(77, 1, 20 + (uint32_t)round)); /* a process that we make up */
    rs_put_u32(&w, 0);
    rs_auth_client_proof(token, &t, out + RS_PROOF_BYTES, 12, out);
    send_frame(fd, RS_FRAME_PROOF, out, RS_PROOF_BYTES + 12);
    CHECK_EQ(read_frame(fd, body, &size), RS_FRAME_WELCOME);
    uint8_t junk[200];
    size_t n = rs_rng_below(&rng, sizeof junk);
    for (size_t i = 0; i < n; i++)
      junk[i] = (uint8_t)rs_rng_next(&rng);
    if (n >= 16) { /* addresses that are right, so that the message is decoded */
      rs_store_u64(junk, rs_addr_make(77, 1, 20 + (uint32_t)round));
      rs_store_u64(junk + 8, rs_addr_make(0, 1, round % 2 ? RS_EP_RAYLET : RS_EP_GCS));
    }
    send_frame(fd, RS_FRAME_MSG, junk, n);
    CHECK(is_refused(fd));
    close(fd);
  }
  struct rs_uv_client *client = local_attach(cluster);
  local_take(client, local_submit(client, 5, 100, 0), 5, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* Many who connect and say nothing, or half a hello: they do not keep others out. */
static void half_open(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  uint16_t port = rs_uv_cluster_port(cluster);
  char path[RS_UV_PATH_MAX], error[RS_UV_ERROR_MAX];
  uint8_t token[RS_TOKEN_BYTES];
  rs_session_token_path(rs_uv_cluster_session(cluster), path, sizeof path);
  CHECK_EQ(rs_auth_token_read(path, token, error), 0);
  enum { COUNT = 200 };
  int fds[COUNT];
  for (int i = 0; i < COUNT; i++) {
    fds[i] = connect_head(port);
    if (i % 2 && send(fds[i], "\x30\0\0\0\1RSIM", 9, MSG_NOSIGNAL) < 0) { /* closed already */
    }
  }
  CHECK(enter(port, token));
  int open = 0;
  for (int i = 0; i < COUNT; i++) {
    struct pollfd p = {.fd = fds[i], .events = POLLIN};
    open += poll(&p, 1, 0) == 0;
  }
  CHECK(open <= RS_UV_HALF_OPEN_MAX);
  CHECK(open > 0);
  /* those that are left go when their time is over */
  struct pollfd p = {.fd = fds[COUNT - 1], .events = POLLIN};
  CHECK_EQ(poll(&p, 1, RS_UV_HANDSHAKE_MS + 2000), 1);
  for (int i = 0; i < COUNT; i++)
    close(fds[i]);
  struct rs_uv_client *client = local_attach(cluster);
  local_take(client, local_submit(client, 5, 100, 0), 5, NULL);
  rs_uv_client_close(client);
  local_stop(cluster);
}

/* A server that does not know the token learns nothing and is not believed. */
static void false_head(void)
{
  struct rs_uv_cluster *cluster = local_start(1, 1, NULL);
  char session[RS_UV_PATH_MAX], path[RS_UV_PATH_MAX + 16], error[RS_UV_ERROR_MAX] = "";
  snprintf(session, sizeof session, "%s", rs_uv_cluster_session(cluster));
  snprintf(path, sizeof path, "%s/n0.1/1", session);
  CHECK_EQ(unlink(path), 0); /* in place of the raylet's socket */
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  snprintf(addr.sun_path, sizeof addr.sun_path, "%.107s", path);
  CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
  CHECK_EQ(listen(fd, 8), 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int in = accept(fd, NULL, NULL);
    uint8_t body[4096], challenge[RS_NONCE_BYTES + RS_PROOF_BYTES] = {1};
    size_t size;
    bool as_wanted = read_frame(in, body, &size) == RS_FRAME_HELLO;
    send_frame(in, RS_FRAME_CHALLENGE, challenge, sizeof challenge);
    as_wanted = as_wanted && read_frame(in, body, &size) == 0; /* no proof for us */
    _exit(as_wanted ? 0 : 1);
  }
  struct rs_uv_client *client;
  CHECK_EQ(rs_uv_client_open(session, &client, error), RS_ERR_REFUSED);
  CHECK(strstr(error, "token") != NULL);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  close(fd);
  local_stop(cluster);
}

const struct rs_test rs_tests[] = {{"proofs", proofs},
                                   {"token_files", token_files},
                                   {"attacks", attacks},
                                   {"malformed_after_the_proof", malformed_after_the_proof},
                                   {"half_open", half_open},
                                   {"false_head", false_head},
                                   {0}};
