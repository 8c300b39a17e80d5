/* settings.h -- settings as a user says them: NAME=VALUE texts, and RAYSIM_<name> variables of the environment. */
#ifndef RS_UV_SETTINGS_H
#define RS_UV_SETTINGS_H

#include "core/config.h"

/* Sets one from "NAME=VALUE": a whole number, or true or false. 0, or -1 with one line in `error` (RS_UV_ERROR_MAX
 * bytes): no such setting, no number, out of range. */
int rs_settings_add(struct rs_config *config, const char *text, char *error);

/* Sets those for which this process's environment has a variable RAYSIM_<name>, as Ray's RAY_<name>. A name of small
 * letters that is no setting is an error: 0, or -1 with one line. (RAYSIM_SESSION and the like are no settings.) */
int rs_settings_from_environment(struct rs_config *config, char *error);

#endif
