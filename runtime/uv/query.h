/* query.h -- one question to the process of a node, and its answer: a connection for each, with the session's token. */
#ifndef RS_UV_QUERY_H
#define RS_UV_QUERY_H

#include <stddef.h>
#include <stdint.h>

struct rs_query {
  const char *session; /* whose token it has */
  const char *host;    /* where the node's process listens; NULL: the head of the session, by its Unix socket */
  uint16_t port;
  uint8_t type, answer_type; /* frames */
  const void *body;
  size_t body_bytes;
  uint8_t *answer; /* rs_alloc'ed, the caller's */
  size_t answer_bytes;
};

int rs_query(struct rs_query *query, char *error); /* blocks; 0, or an error and its line */

#endif
