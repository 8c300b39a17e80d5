/* errors.h -- operating errors as negative ints: RS_ERR_<NAME>. See errors.def. */
#ifndef RS_CORE_ERRORS_H
#define RS_CORE_ERRORS_H

enum rs_error {
#define ERR(name, number, text) RS_ERR_##name = number,
#include "core/errors.def"
#undef ERR
};

const char *rs_error_name(int error); /* "NODE_DIED"; "?" for an unknown number */
const char *rs_error_text(int error); /* "the node died" */

#endif
