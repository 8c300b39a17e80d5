/* auth.c -- see auth.h. */
#include "uv/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/codec.h"
#include "uv/uv.h"

static const uint8_t magic[4] = {'R', 'S', 'I', 'M'};
static const char server_label[] = "raysim server proof", client_label[] = "raysim client proof";

bool rs_auth_init(void)
{
  return sodium_init() >= 0;
}

void rs_auth_nonce(uint8_t nonce[RS_NONCE_BYTES])
{
  randombytes_buf(nonce, RS_NONCE_BYTES);
}

void rs_auth_write_hello(const struct rs_hello *hello, uint8_t out[RS_HELLO_BYTES])
{
  struct rs_writer w = {out, RS_HELLO_BYTES, 0};
  rs_put_bytes(&w, magic, sizeof magic);
  rs_put_u16(&w, hello->version);
  rs_put_u8(&w, hello->purpose);
  rs_put_u64(&w, hello->target);
  rs_put_bytes(&w, hello->nonce, RS_NONCE_BYTES);
}

bool rs_auth_read_hello(const uint8_t *bytes, size_t size, struct rs_hello *hello)
{
  if (size != RS_HELLO_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
    return false;
  struct rs_reader r = {bytes + sizeof magic, bytes + size, 0};
  hello->version = rs_get_u16(&r);
  hello->purpose = rs_get_u8(&r);
  hello->target = rs_get_u64(&r);
  const uint8_t *nonce = rs_get_span(&r, RS_NONCE_BYTES);
  if (!nonce)
    return false;
  memcpy(hello->nonce, nonce, RS_NONCE_BYTES);
  return true;
}

static void mac(const uint8_t *token, const char *label, size_t label_bytes, const struct rs_transcript *t,
                const uint8_t *body, size_t body_bytes, uint8_t out[RS_PROOF_BYTES])
{
  crypto_auth_hmacsha512256_state state;
  crypto_auth_hmacsha512256_init(&state, token, RS_TOKEN_BYTES);
  crypto_auth_hmacsha512256_update(&state, (const uint8_t *)label, label_bytes);
  crypto_auth_hmacsha512256_update(&state, t->hello, sizeof t->hello);
  crypto_auth_hmacsha512256_update(&state, t->server_nonce, sizeof t->server_nonce);
  if (body_bytes)
    crypto_auth_hmacsha512256_update(&state, body, body_bytes);
  crypto_auth_hmacsha512256_final(&state, out);
  sodium_memzero(&state, sizeof state);
}

void rs_auth_server_proof(const uint8_t *token, const struct rs_transcript *t, uint8_t proof[RS_PROOF_BYTES])
{
  mac(token, server_label, sizeof server_label, t, NULL, 0, proof);
}

bool rs_auth_server_verify(const uint8_t *token, const struct rs_transcript *t, const uint8_t *proof)
{
  uint8_t want[RS_PROOF_BYTES];
  rs_auth_server_proof(token, t, want);
  return sodium_memcmp(want, proof, sizeof want) == 0;
}

void rs_auth_client_proof(const uint8_t *token, const struct rs_transcript *t, const uint8_t *body, size_t body_bytes,
                          uint8_t proof[RS_PROOF_BYTES])
{
  mac(token, client_label, sizeof client_label, t, body, body_bytes, proof);
}

bool rs_auth_client_verify(const uint8_t *token, const struct rs_transcript *t, const uint8_t *body, size_t body_bytes,
                           const uint8_t *proof)
{
  uint8_t want[RS_PROOF_BYTES];
  rs_auth_client_proof(token, t, body, body_bytes, want);
  return sodium_memcmp(want, proof, sizeof want) == 0;
}

int rs_auth_token_create(const char *path, char *error)
{
  uint8_t token[RS_TOKEN_BYTES];
  randombytes_buf(token, sizeof token);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool ok = fd >= 0 && write(fd, token, sizeof token) == (ssize_t)sizeof token;
  if (!ok)
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot write the cluster's token: %s", path, strerror(errno));
  if (fd >= 0)
    close(fd);
  sodium_memzero(token, sizeof token);
  return ok ? 0 : -1;
}

int rs_auth_token_read(const char *path, uint8_t token[RS_TOKEN_BYTES], char *error)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot read the cluster's token: %s", path, strerror(errno));
    return -1;
  }
  struct stat st;
  int result = -1;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != RS_TOKEN_BYTES)
    snprintf(error, RS_UV_ERROR_MAX, "%s: is not a token: a file of %d bytes is wanted", path, (int)RS_TOKEN_BYTES);
  else if (st.st_mode & 077)
    snprintf(error, RS_UV_ERROR_MAX, "%s: others may read this token: its mode must be 0600", path);
  else if (read(fd, token, RS_TOKEN_BYTES) != RS_TOKEN_BYTES)
    snprintf(error, RS_UV_ERROR_MAX, "%s: cannot read the cluster's token: %s", path, strerror(errno));
  else
    result = 0;
  close(fd);
  return result;
}
