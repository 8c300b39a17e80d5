/* setup.h -- what a process of a cluster is told when it joins: settings, where the head is. */
#ifndef RS_UV_SETUP_H
#define RS_UV_SETUP_H

#include "core/codec.h"
#include "core/config.h"
#include "dl/policy_library.h"
#include "uv/uv.h"

struct rs_setup {
  struct rs_config config;
  char policy[RS_POLICY_NAME_BYTES];   /* the placement policy's name */
  char policy_library[RS_UV_PATH_MAX]; /* that library, or "" */
  char session[RS_UV_PATH_MAX];        /* folder of the head's session; used where it exists on this host */
  char load[RS_UV_PATH_MAX];           /* library with functions, or "" */
  char record[RS_UV_PATH_MAX];         /* folder, or "" */
  char head_host[64];
  uint16_t head_port;
};

void rs_setup_put(struct rs_writer *w, const struct rs_setup *setup);
bool rs_setup_get(struct rs_reader *r, struct rs_setup *setup); /* false: malformed, or an unknown policy */

/* A process that places tasks or actors needs the policy itself: with a library, config.policy is a built-in one until
 * then. 0, or negative with one line in `error`. */
int rs_setup_open_policy(struct rs_setup *setup, char *error);

void rs_put_text(struct rs_writer *w, const char *text);
bool rs_get_text(struct rs_reader *r, char *out, size_t cap);

#endif
