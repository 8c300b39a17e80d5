/* auth.h -- each end of a connection proves to the other that it knows the cluster's token; the token never travels.
 *
 *   client  HELLO      magic, version, purpose, target, the client's nonce
 *   server  CHALLENGE  the server's nonce, HMAC(token, "server" | transcript)
 *   client  PROOF      HMAC(token, "client" | transcript | what follows), who it is
 *   server  WELCOME    or REFUSED
 *
 * The transcript is the whole HELLO and the server's nonce, so a proof is good for one connection, one purpose and one
 * target; the labels differ, so neither proof can be sent back as the other. HMAC is libsodium's crypto_auth
 * (HMAC-SHA512-256), compared in constant time.
 */
#ifndef RS_UV_AUTH_H
#define RS_UV_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RS_TOKEN_BYTES = 32, RS_NONCE_BYTES = 32, RS_PROOF_BYTES = 32, RS_HELLO_BYTES = 4 + 2 + 1 + 8 + RS_NONCE_BYTES };

enum rs_purpose {
  RS_PURPOSE_PEER = 1,   /* a process with an address */
  RS_PURPOSE_JOIN = 2,   /* a node that wants one */
  RS_PURPOSE_DRIVER = 3, /* a driver program that wants one */
  RS_PURPOSE_QUERY = 4   /* status and stop */
};

struct rs_hello {
  uint16_t version;
  uint8_t purpose;
  uint64_t target; /* the address of the process that is meant; 0: whoever listens */
  uint8_t nonce[RS_NONCE_BYTES];
};

struct rs_transcript {
  uint8_t hello[RS_HELLO_BYTES];
  uint8_t server_nonce[RS_NONCE_BYTES];
};

/* Must have succeeded once in a process before anything else here. */
bool rs_auth_init(void);

void rs_auth_nonce(uint8_t nonce[RS_NONCE_BYTES]);
void rs_auth_write_hello(const struct rs_hello *hello, uint8_t out[RS_HELLO_BYTES]);
/* False: not ours (size or magic); the version is for the caller to check. */
bool rs_auth_read_hello(const uint8_t *bytes, size_t size, struct rs_hello *hello);

void rs_auth_server_proof(const uint8_t *token, const struct rs_transcript *t, uint8_t proof[RS_PROOF_BYTES]);
bool rs_auth_server_verify(const uint8_t *token, const struct rs_transcript *t, const uint8_t *proof);
void rs_auth_client_proof(const uint8_t *token, const struct rs_transcript *t, const uint8_t *body, size_t body_bytes,
                          uint8_t proof[RS_PROOF_BYTES]);
bool rs_auth_client_verify(const uint8_t *token, const struct rs_transcript *t, const uint8_t *body, size_t body_bytes,
                           const uint8_t *proof);

/* Makes a token file of 32 random bytes, mode 0600; fails when it exists. Reads one; refuses a file that others may
 * read or that has another size. 0, or -1 with `error` (RS_UV_ERROR_MAX bytes) filled in. */
int rs_auth_token_create(const char *path, char *error);
int rs_auth_token_read(const char *path, uint8_t token[RS_TOKEN_BYTES], char *error);

#endif
