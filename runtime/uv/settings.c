/* settings.c -- see settings.h. O(settings) for each text. */
#include "uv/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uv/uv.h"

#define PREFIX "RAYSIM_"

extern char **environ;

static bool number(const char *text, int64_t *out)
{
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
    *out = text[0] == 't';
    return true;
  }
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  *out = value;
  return *text && !isspace((unsigned char)*text) && !*end && errno == 0;
}

static int wrong(char *error, const char *what, const char *why)
{
  snprintf(error, RS_UV_ERROR_MAX, "setting %.200s: %.250s", what, why);
  return -1;
}

int rs_settings_add(struct rs_config *config, const char *text, char *error)
{
  char name[128], why[200];
  int64_t value;
  const char *equals = strchr(text, '=');
  if (!equals || (size_t)(equals - text) >= sizeof name || !number(equals + 1, &value))
    return wrong(error, text, "NAME=VALUE with a whole number is wanted");
  memcpy(name, text, (size_t)(equals - text));
  name[equals - text] = 0;
  switch (rs_config_set(config, name, value)) {
  case 0: return 0;
  case -1: return wrong(error, text, "there is no such setting; `raysim list settings` has them all");
  default: break;
  }
  for (const struct rs_config_entry *entry = rs_config_table; entry->name; entry++)
    if (strcmp(entry->name, name) == 0)
      snprintf(why, sizeof why, "%lld to %lld (%s) is possible", (long long)entry->min, (long long)entry->max,
               entry->unit);
  return wrong(error, text, why);
}

int rs_settings_from_environment(struct rs_config *config, char *error)
{
  for (char **at = environ; *at; at++)
    if (strncmp(*at, PREFIX, strlen(PREFIX)) == 0 && islower((unsigned char)(*at)[strlen(PREFIX)]) &&
        rs_settings_add(config, *at + strlen(PREFIX), error) != 0)
      return -1;
  return 0;
}
