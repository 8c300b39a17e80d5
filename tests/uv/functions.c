/* Functions that test_api loads into workers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/raysim.h"

static int add(struct raysim_context *context)
{
  size_t size;
  const int *in = raysim_args(context, &size);
  if (size != 2 * sizeof *in) {
    raysim_fail(context, "two numbers are wanted");
    return 1;
  }
  int sum = in[0] + in[1];
  raysim_return(context, 0, &sum, sizeof sum);
  return 0;
}

static int large(struct raysim_context *context)
{
  size_t size;
  const unsigned *in = raysim_args(context, &size);
  unsigned char *bytes = malloc(*in);
  if (!bytes)
    return 1;
  for (unsigned i = 0; i < *in; i++)
    bytes[i] = (unsigned char)(i % 251);
  raysim_return(context, 0, bytes, *in);
  free(bytes);
  return 0;
}

static int crash(struct raysim_context *context)
{
  (void)context;
  abort();
}

static int leave(struct raysim_context *context)
{
  (void)context;
  exit(0);
}

static int fail(struct raysim_context *context)
{
  raysim_fail(context, "as asked");
  return 7;
}

/* Crashes the first time: the arguments name a file that it makes then. */
static int crash_once(struct raysim_context *context)
{
  size_t size;
  const char *path = raysim_args(context, &size);
  if (access(path, F_OK) == 0) {
    raysim_return(context, 0, "again", 5);
    return 0;
  }
  if (symlink("/", path) != 0)
    return 1;
  abort();
}

void raysim_register_functions(void)
{
  raysim_register("test.add", add);
  raysim_register("test.large", large);
  raysim_register("test.crash", crash);
  raysim_register("test.leave", leave);
  raysim_register("test.fail", fail);
  raysim_register("test.crash_once", crash_once);
}
