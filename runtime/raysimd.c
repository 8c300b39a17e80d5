/* raysimd.c -- the program of every process of a cluster: head, node, worker. It needs libuv and libsodium alone. */
#include <stdio.h>

#include "base/assert.h"
#include "uv/uv.h"

void rs_panic(const char *text)
{
  fprintf(stderr, "raysimd: %s\n", text);
}

int main(int argc, char **argv)
{
  return rs_uv_daemon_main(argc, argv);
}
