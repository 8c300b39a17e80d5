/* policy_library.h -- a placement policy out of a shared library, opened the same way by both drivers.
 *
 * The core and the policies never see how a policy came to be; whoever starts an endpoint gives it one by pointer. This
 * is the one place where such a pointer comes out of a file.
 */
#ifndef RS_DL_POLICY_LIBRARY_H
#define RS_DL_POLICY_LIBRARY_H

#include <stddef.h>

#include "policy/policy.h"

#define RS_POLICY_NAME_BYTES 64 /* of a policy's name, with its end: what a recording keeps */

/* Whether a text that names a policy means a library: it has a '/' or ends in ".so". */
bool rs_policy_is_library(const char *text);

/* Opens the library and checks its `rs_policy`. It stays open until the process ends: its code runs until then. Opening
 * it again gives the same policy. NULL: one line in `error`, which begins with the path. Not thread-safe. */
const struct rs_place_policy *rs_policy_open(const char *path, char *error, size_t error_bytes);

#endif
