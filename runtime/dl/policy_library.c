/* policy_library.c -- see policy_library.h. */
#include "dl/policy_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool rs_policy_is_library(const char *text)
{
  size_t length = strlen(text);
  return strchr(text, '/') || (length > 3 && strcmp(text + length - 3, ".so") == 0);
}

static const struct rs_place_policy *refuse(const char *path, const char *why, char *error, size_t error_bytes)
{
  snprintf(error, error_bytes, "%s: no placement policy: %s", path, why);
  return NULL;
}

const struct rs_place_policy *rs_policy_open(const char *path, char *error, size_t error_bytes)
{
  char here[4096];
  if (access(path, R_OK) != 0)
    return refuse(path, strerror(errno), error, error_bytes);
  /* without a slash the loader would look in the system's folders */
  snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path);
  void *library = dlopen(here, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    size_t length = strlen(here);
    if (why && strncmp(why, here, length) == 0 && strncmp(why + length, ": ", 2) == 0)
      why += length + 2; /* the path is said once */
    return refuse(path, why ? why : "it cannot be loaded", error, error_bytes);
  }
  const struct rs_place_policy *policy = dlsym(library, "rs_policy");
  const char *wrong = policy ? rs_place_policy_check(policy) : "it does not export rs_policy (see docs/policies.md)";
  if (!wrong && strlen(policy->name) >= RS_POLICY_NAME_BYTES)
    wrong = "its name is longer than 63 bytes";
  if (!wrong && rs_place_policy_by_name(policy->name))
    wrong = "it has the name of a built-in policy; give it one of its own";
  if (!wrong)
    return policy;
  dlclose(library);
  return refuse(path, wrong, error, error_bytes);
}
