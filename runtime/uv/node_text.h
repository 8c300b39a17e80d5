/* node_text.h -- what a node has, as command lines say it: `--resources`, `--labels`. */
#ifndef RS_UV_NODE_TEXT_H
#define RS_UV_NODE_TEXT_H

#include "policy/resources.h"

struct rs_node_text {
  double cpus, gpus, memory_bytes, store_bytes; /* 0 bytes: the usual share of this host's memory */
  const char *resources;                        /* "NAME=AMOUNT,NAME=AMOUNT": custom ones; may be NULL */
  const char *labels;                           /* "KEY=VALUE,KEY=VALUE"; may be NULL */
};

/* A new info of that (one reference), for a node of no type. Or NULL: *option is the option that is
 * wrong, and *right says what would be right. Amounts of custom resources: 0 to 10^9, with up to four decimals. */
struct rs_node_info *rs_node_text_info(const struct rs_node_text *text, const char **option, const char **right);

/* Adds the names of resources and labels to the session's file `names`, where commands that show them look hashes up.
 */
void rs_node_text_add_names(const struct rs_node_text *text, const char *session);

#endif
