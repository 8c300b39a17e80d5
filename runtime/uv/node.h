/* node.h -- the process of a node: its raylet, at the head the GCS too, and the fork server of its workers. */
#ifndef RS_UV_NODE_H
#define RS_UV_NODE_H

#include "uv/forkserver.h"
#include "uv/proc.h"

/* How a node's process begins. The head's options name every node that it starts itself. */
struct rs_node_options {
  bool head;
  uint8_t token[RS_TOKEN_BYTES];
  char session[RS_UV_PATH_MAX];
  char bind[64];
  /* Head: of the cluster. Others learn it when they join, but for head_host, head_port; a policy_library that is given
   * is where this node finds the cluster's policy. */
  struct rs_setup setup;
  struct rs_node_info *info; /* of this node */
  uint64_t number;           /* by which the head knows that it started this one; 0 otherwise */
  /* the head only */
  uint32_t node_count;
  struct rs_node_info **infos;
  struct rs_node_type *types;
  uint32_t type_count;
  int tcp_fd, ready_fd, life_fd; /* -1: none */
  uint16_t port;
};

/* Runs the node until it ends. Frees nothing of the options. Returns an exit status. */
int rs_node_main(const struct rs_node_options *options);

/* A copy of the options (free it and its info); where none is given, with the usual capacity of the object store, and
 * with the rest of the memory that is free, which Ray counts as the node's memory too. */
struct rs_node_options *rs_node_options_with_memory(const struct rs_node_options *options);

void rs_node_options_put(struct rs_writer *w, const struct rs_node_options *options);
bool rs_node_options_get(struct rs_reader *r, struct rs_node_options *options); /* a head's; fds are left alone */

#endif
